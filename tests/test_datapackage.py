"""Exports: what is in the folder, what its description says, and that nobody's files are lost."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_coverage import datapackage, parquet
from media_coverage.coded import as_written
from media_coverage.datapackage import FORMATS, VIEWS, chosen, export
from media_coverage.errors import InputError, StoreError
from media_coverage.store import open_store
from media_coverage.store.contract import BATCH, CONTRACT, Column
from media_coverage.store.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Result

FORMULAS = ("=1+1", "+49 30", "-1.5", "@home", "\tcell", "'=quoted", "''-", "'tis", "\r\n=x", 'say "x", y;=z', "−1.5")


@pytest.fixture(scope="module")
def hostile(example: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with headlines that a spreadsheet would run, and other trouble."""
    path = tmp_path_factory.mktemp("hostile") / "hostile.db"
    shutil.copy(example, path)
    trouble = [*FORMULAS, "<script>alert(1)</script>", "שלום عالم", "😀" * 50, "x" * 2000, "a\nb", ""]
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER article_version_no_update")
        ids = [version for (version,) in connection.execute("SELECT current_version_id FROM article ORDER BY id")]
        for version, title in zip(ids, trouble, strict=False):
            connection.execute("UPDATE article_version SET title = ? WHERE id = ?", [title, version])
        connection.commit()
    return path


def package(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "datapackage.json").read_text(encoding="utf-8")))


def stored(path: Path, view: str) -> list[dict[str, Any]]:
    """The rows of a view, as another program reads them."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        order = ", ".join(CONTRACT[view].key)
        return [dict(row) for row in connection.execute(f"SELECT * FROM {view} ORDER BY {order}")]  # noqa: S608


def read_csv(path: Path, fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A file read back by what its description says: types by field, texts by the rule."""
    of_type: dict[str, Callable[[str], Any]] = {"integer": int, "number": float, "string": as_written}
    types = {field["name"]: field["type"] for field in fields}
    with path.open(encoding="utf-8", newline="") as stream:
        return [
            {name: None if cell == "" else of_type.get(types[name], str)(cell) for name, cell in row.items()}
            for row in csv.DictReader(stream)
        ]


def read_jsonl(path: Path, _fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def read_parquet(path: Path, _fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    def plain(value: Any) -> Any:
        if isinstance(value, datetime):
            return value.isoformat()
        return value.isoformat() if isinstance(value, date) else value

    return [{name: plain(value) for name, value in row.items()} for row in pq.read_table(path).to_pylist()]


READERS = {"csv": read_csv, "jsonl": read_jsonl, "parquet": read_parquet}


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_written_reads_back_as_it_is_stored(hostile: Path, tmp_path: Path, form: str) -> None:
    with open_store(hostile) as store:
        done = export(store, tmp_path / "data", form, tuple(CONTRACT))
    about = package(done.folder)
    assert [resource["name"] for resource in about["resources"]] == list(CONTRACT)
    for resource in about["resources"]:
        view = resource["name"]
        rows = stored(hostile, view)
        if form == "csv":  # where an empty text and NULL are one
            rows = [{name: None if value == "" else value for name, value in row.items()} for row in rows]
        assert READERS[form](done.folder / resource["path"], resource["schema"]["fields"]) == rows, view
        assert resource["rows"] == done.rows[view] == len(rows)


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_database_gives_the_same_bytes_and_the_description_names_them(
    example: Path, tmp_path: Path, form: str
) -> None:
    copy = tmp_path / "elsewhere" / "copy.db"
    copy.parent.mkdir()
    shutil.copy(example, copy)
    folders = []
    for path, name in ((example, "one"), (copy, "two")):
        with open_store(path) as store:
            folders.append(export(store, tmp_path / name, form).folder)
    names = {path.name for path in folders[0].iterdir()}
    assert (
        names == {path.name for path in folders[1].iterdir()} == {"datapackage.json", *(f"{v}.{form}" for v in VIEWS)}
    )
    for name in names:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name
    for resource in package(folders[0])["resources"]:
        body = (folders[0] / resource["path"]).read_bytes()
        assert resource["bytes"] == len(body)
        assert resource["hash"] == f"sha256:{hashlib.sha256(body).hexdigest()}"


def test_the_description_says_what_and_whence(example: Path, tmp_path: Path) -> None:
    with open_store(example) as store:
        export(store, tmp_path / "data", "csv", chosen(["articles", "stories"]), "2026-02-16", "2026-02-22")
    about = package(tmp_path / "data")
    told = about["media_coverage"]
    assert about["name"] == "media-coverage-valletta-summit-invented"
    assert (told["since"], told["until"], told["format"]) == ("2026-02-16", "2026-02-22", "csv")
    assert told["as_of"] == "2026-03-07T10:00:00+00:00"
    assert told["topic"]["name"] == "Valletta summit (invented)"
    assert [model["active"] for model in told["models"]] == [True, False]
    assert all(model["labels"] > 200 for model in told["models"])
    assert [frame["name"] for frame in told["frames"]] == ["hopeful_peace", "appeasement"]
    assert set(told["left_out"]) == set(CONTRACT) - {"v_articles", "v_stories"}
    articles, stories = about["resources"]
    fields = {field["name"]: field for field in articles["schema"]["fields"]}
    assert fields["p_hope"] | {"description": ""} == {
        "name": "p_hope", "type": "number", "unit": "probability", "description": ""}  # fmt: skip
    assert fields["on_topic"]["constraints"] == {"enum": [0, 1]}
    assert (fields["date"]["type"], fields["published_at"]["type"]) == ("date", "datetime")
    assert all(field["description"] for field in fields.values())
    assert articles["schema"]["foreignKeys"] == [
        {"fields": ["story_id"], "reference": {"resource": "v_stories", "fields": ["story_id"]}}
    ]
    assert "foreignKeys" not in stories["schema"]


@pytest.mark.parametrize(("form", "since"), [("csv", ""), ("csv", "2026-02-16"), ("jsonl", "")])
def test_frictionless_finds_the_package_valid(hostile: Path, tmp_path: Path, form: str, since: str) -> None:
    with open_store(hostile) as store:
        export(store, tmp_path / "data", form, since=since, until="2026-02-22" if since else "")
    done = subprocess.run(
        [sys.executable, "-m", "frictionless", "validate", "datapackage.json", "--json"],
        cwd=tmp_path / "data",
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(done.stdout)
    assert [(task["name"], task["errors"]) for task in report["tasks"] if not task["valid"]] == []
    assert report["valid"]
    assert report["stats"]["tasks"] == len(VIEWS)


def test_frictionless_finds_what_was_changed(example: Path, tmp_path: Path) -> None:
    """So that its verdict on the others means something."""
    with open_store(example) as store:
        export(store, tmp_path / "data", "csv", chosen(["frames"]))
    path = tmp_path / "data" / "v_frames.csv"
    path.write_bytes(path.read_bytes().replace(b"\r\n2,", b"\r\n1,"))
    done = subprocess.run(
        [sys.executable, "-m", "frictionless", "validate", "datapackage.json", "--json"],
        cwd=tmp_path / "data",
        capture_output=True,
        text=True,
        check=False,
    )
    found = {error["type"] for task in json.loads(done.stdout)["tasks"] for error in task["errors"]}
    assert {"hash-count", "primary-key"} <= found


def test_parquet_has_types_and_says_what_it_holds(example: Path, tmp_path: Path) -> None:
    with open_store(example) as store:
        export(store, tmp_path / "data", "parquet", chosen(["articles", "daily_frames"]))
    schema = pq.read_schema(tmp_path / "data" / "v_articles.parquet")
    types = {name: str(schema.field(name).type) for name in ("article_id", "p_hope", "title", "date", "published_at")}
    assert types == {
        "article_id": "int64", "p_hope": "double", "title": "string", "date": "date32[day]",
        "published_at": "timestamp[us, tz=UTC]"}  # fmt: skip
    assert schema.metadata[b"view"] == b"v_articles"
    with duckdb.connect() as connection:
        read = connection.read_parquet(f"{tmp_path}/data/v_daily_frames.parquet")
        ((count,),) = read.sum("articles").fetchall()
    assert count == sum(row["articles"] for row in stored(example, "v_daily_frames"))


def test_no_cell_of_a_spreadsheet_is_a_formula_and_numbers_stay(hostile: Path, tmp_path: Path) -> None:
    with open_store(hostile) as store:
        export(store, tmp_path / "data", "csv", tuple(CONTRACT))
    for resource in package(tmp_path / "data")["resources"]:
        texts = {field["name"] for field in resource["schema"]["fields"] if field["type"] == "string"}
        with (tmp_path / "data" / resource["path"]).open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                assert not any(row[name].startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for name in texts)
    titles = pd.read_csv(tmp_path / "data" / "v_articles.csv", keep_default_na=False)["title"]
    assert [as_written(title) for title in titles[: len(FORMULAS)]] == list(FORMULAS)


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            st.floats(allow_nan=False, allow_infinity=False),
            st.integers(-(2**63), 2**63 - 1),
        ),
        max_size=5,
    )
)
@settings(deadline=None, max_examples=50)
def test_any_value_survives_every_format(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Any, ...]]) -> None:
    columns = [Column(name, Kind(kind), "x") for name, kind in (("a", "text"), ("b", "real"), ("c", "integer"))]
    fields = [{"name": "a", "type": "string"}, {"name": "b", "type": "number"}, {"name": "c", "type": "integer"}]
    wanted = [dict(zip("abc", row, strict=True)) for row in rows]
    folder = tmp_path_factory.mktemp("any")
    for form, open_file in FORMATS.items():
        path = folder / f"file.{form}"
        with open_file(path, columns, {}) as add:
            for row in rows:
                add([row])
        expected = [row | {"a": row["a"] or None} for row in wanted] if form == "csv" else wanted
        assert READERS[form](path, fields) == expected


def test_negative_numbers_are_no_formulas(tmp_path: Path) -> None:
    columns = [Column("text", Kind("text"), ""), Column("real", Kind("real"), "")]
    with FORMATS["csv"](tmp_path / "x.csv", columns, {}) as add:
        add([("-1.5", -1.5)])
    assert (tmp_path / "x.csv").read_bytes() == b"text,real\r\n'-1.5,-1.5\r\n"


# ---------------------------------------------------------------------- the folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_earlier_export_is_replaced_and_an_empty_folder_filled(example: Path, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "data"
    folder.mkdir(parents=True)
    with open_store(example) as store:
        export(store, folder, "csv")
        export(store, folder, "jsonl", chosen(["events", "frames"]))
    assert set(contents(folder)) == {"datapackage.json", "v_events.jsonl", "v_frames.jsonl"}
    assert [path.name for path in folder.parent.iterdir()] == ["data"], "nothing is left beside it"


def note(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine", encoding="utf-8")


def edit(folder: Path) -> None:
    with (folder / "v_frames.csv").open("a", encoding="utf-8") as stream:
        stream.write("mine\r\n")


def foreign(folder: Path) -> None:
    (folder / "datapackage.json").write_text('{"resources": []}', encoding="utf-8")


def damaged(folder: Path) -> None:
    (folder / "datapackage.json").write_text('[{"resources"', encoding="utf-8")


def without_description(folder: Path) -> None:
    (folder / "datapackage.json").unlink()


def subfolder(folder: Path) -> None:
    (folder / "v_frames.csv").unlink()
    (folder / "v_frames.csv").mkdir()


@pytest.mark.parametrize(
    ("disturb", "says"),
    [
        (note, "holds notes.txt, which no export has written"),
        (edit, "holds v_frames.csv, which was changed after its export"),
        (foreign, "holds files that no export has written"),
        (damaged, "holds files that no export has written"),
        (without_description, "holds files that no export has written"),
        (subfolder, "holds v_frames.csv, which no export has written"),
    ],
)
def test_what_others_have_put_there_is_left_alone(
    example: Path, tmp_path: Path, disturb: Callable[[Path], None], says: str
) -> None:
    folder = tmp_path / "data"
    with open_store(example) as store:
        export(store, folder, "csv", chosen(["frames"]))
        disturb(folder)
        before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
        with pytest.raises(InputError, match=says):
            export(store, folder, "csv", chosen(["frames"]))
    assert before == {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_file_or_a_link_is_no_folder(example: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with open_store(example) as store:
        for name in ("file", "link"):
            with pytest.raises(InputError, match="no folder"):
                export(store, tmp_path / name)
        with pytest.raises(InputError, match="cannot be written"):
            export(store, tmp_path / "file" / "data")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_an_export_that_fails_half_way_leaves_what_was_there(example: Path, tmp_path: Path) -> None:
    """A view that cannot be read any more: here because its text names a table that is gone."""
    path = tmp_path / "broken.db"
    shutil.copy(example, path)
    with open_store(path) as store:
        export(store, tmp_path / "data", "csv")
    before = contents(tmp_path / "data")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP VIEW v_frames")
        connection.execute("CREATE VIEW v_frames AS SELECT 1 AS one")
        connection.commit()
    with open_store(path) as store:
        for folder in ("data", "new"):
            with pytest.raises(StoreError, match="older version"):
                export(store, tmp_path / folder, "csv")
    assert contents(tmp_path / "data") == before
    assert sorted(found.name for found in tmp_path.iterdir() if found.is_dir()) == ["data"]


def test_an_export_is_of_one_moment(example: Path, tmp_path: Path) -> None:
    """Whatever is written between two views, none of it shows."""
    path = tmp_path / "busy.db"
    shutil.copy(example, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer, open_store(path) as store:

        def write(_stage: str, done: int, _total: int | None) -> None:
            writer.execute("INSERT INTO event VALUES ('2026-02-20', ?)", [f"Event {done}"])

        export(store, tmp_path / "data", "csv", ("v_articles", "v_events"), progress=write)
        assert package(tmp_path / "data")["resources"][1]["rows"] == 3 + 1, "the first was there when it began to read"
        assert len(store.events()) == 5


def test_views_are_read_some_rows_at_a_time(example: Path) -> None:
    with open_store(example) as store:
        batches = [len(rows) for rows in store.stream("v_period_frames")]
    assert max(batches) <= BATCH
    assert sum(batches) == len(stored(example, "v_period_frames"))


def test_an_empty_database_makes_a_package(tmp_path: Path) -> None:
    with open_store(tmp_path / "empty.db", read_only=False) as store:
        for form in FORMATS:
            done = export(store, tmp_path / form, form)
            assert sum(done.rows.values()) == done.rows["v_frames"] == 2
    about = package(tmp_path / "csv")
    assert (about["title"], about["name"]) == ("Media coverage", "media-coverage")
    assert pq.read_table(tmp_path / "parquet" / "v_articles.parquet").num_rows == 0


def test_views_are_named_with_or_without_their_prefix() -> None:
    assert chosen([]) == VIEWS
    assert "v_texts" not in VIEWS
    assert chosen(["texts", "v_articles", "texts"]) == ("v_articles", "v_texts")
    with pytest.raises(ValueError, match="no view v_artciles; did you mean v_articles"):
        chosen(["artciles"])


# ---------------------------------------------------------------------- the command


def test_the_command_writes_a_package_and_says_so(
    command: Callable[..., Result], example: Path, tmp_path: Path
) -> None:
    result = command(
        "export", tmp_path / "data", "--db", example, "--views", "articles, versions", "--since", "2026-02-16"
    )
    assert result.code == 0
    assert "rows of 2 views" in result.out
    assert "v_texts" in result.out
    assert set(contents(tmp_path / "data")) == {"datapackage.json", "v_articles.csv", "v_versions.csv"}
    assert os.stat(tmp_path / "data").st_mode & 0o777 == 0o777 & ~datapackage._umask()  # noqa: PTH116


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--views", "articels"], "did you mean v_articles?"),
        (["--since", "yesterday"], "not a day"),
        (["--format", "xlsx"], "xlsx"),
        ([], "no export has written"),
    ],
)
def test_what_cannot_be_done_is_usage(
    command: Callable[..., Result], example: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    note(tmp_path)
    result = command("export", tmp_path, "--db", example, *arguments)
    assert result.code == 2
    assert says in result.err
    assert contents(tmp_path) == {"notes.txt": b"mine"}


def test_without_pyarrow_the_missing_extra_is_named(example: Path, tmp_path: Path) -> None:
    """In a process that cannot import it."""
    code = (
        "import sys; sys.modules['pyarrow'] = None; from media_coverage.cli import main; "
        f"main(['export', {str(tmp_path / 'data')!r}, '--db', {str(example)!r}, '--format', 'parquet'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Parquet needs more packages: pip install 'media-coverage[parquet]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_frame_goes_into_a_parquet_file_and_back(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [1, 2], "text": ["a", None], "at": pd.to_datetime(["2026-02-03T14:05:00Z"] * 2)})
    parquet.write(frame, tmp_path / "x.parquet", {"made of": "nothing"})
    table = pq.read_table(tmp_path / "x.parquet")
    assert table.schema.metadata[b"made of"] == b"nothing"
    assert table.to_pylist() == [
        {"n": 1, "text": "a", "at": pd.Timestamp("2026-02-03T14:05:00Z")},
        {"n": 2, "text": None, "at": pd.Timestamp("2026-02-03T14:05:00Z")},
    ]
