"""The views as a contract: they keep their columns, whatever version a database comes from, and mean what they say."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

import pytest
from sqlite_utils import Database
from test_store import GOOD

from media_coverage.errors import StoreError
from media_coverage.framing import DEFAULT_FRAMES, Frames
from media_coverage.records import Frame
from media_coverage.store import open_store, schema
from media_coverage.store.contract import CONTRACT
from media_coverage.store.descriptions import DESCRIPTIONS, SUBJECTS
from media_coverage.store.kinds import KINDS

DATA = Path(__file__).parent / "data"
RECORDED: dict[str, list[str]] = json.loads((DATA / "view_columns.json").read_text(encoding="utf-8"))
"""Every column that a view has ever had, with the default frames."""

with closing(sqlite3.connect(":memory:")) as _connection:
    MIGRATIONS = [migration.name for migration in schema.migrations.pending(Database(_connection))]


def view_columns(path: Path) -> dict[str, list[str]]:
    """As another program finds them."""
    with closing(sqlite3.connect(path)) as connection:
        views = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'view'")]
        return {
            view: [name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", [view])]
            for view in views
        }


def fill(connection: sqlite3.Connection) -> None:
    """A row in every table that there is, with those columns that there are."""
    for table, row in GOOD.items():
        known = {name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")}
        if known and table not in {"frame", "column_description"}:
            held = {name: value for name, value in row.items() if name in known}
            marks = ", ".join("?" * len(held))
            connection.execute(f"INSERT INTO {table} ({', '.join(held)}) VALUES ({marks})", list(held.values()))  # noqa: S608


def database_of(version: int, path: Path) -> Path:
    """A file with rows, made by the first so many migrations; version 1 as its own code wrote it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if version == 1:
            connection.executescript((DATA / "schema_1.sql").read_text(encoding="utf-8"))
        else:
            db = Database(connection)
            connection.execute(schema._FRAME)
            for place, frame in enumerate(DEFAULT_FRAMES.both, start=1):
                row = [place, frame.name, frame.output, frame.title, frame.description]
                connection.execute("INSERT INTO frame VALUES (?, ?, ?, ?, ?)", row)
            schema.migrations.apply(db, stop_before=MIGRATIONS[version : version + 1])
            connection.execute(f"PRAGMA user_version = {version}")
        fill(connection)
    return path


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1), ids=MIGRATIONS)
def test_views_keep_their_columns_from_every_earlier_version(tmp_path: Path, version: int) -> None:
    path = database_of(version, tmp_path / "old.db")
    with closing(sqlite3.connect(path)) as connection:
        articles = connection.execute("SELECT count(*) FROM article").fetchone()
    before = view_columns(path)
    with open_store(path, read_only=False) as store:
        assert store.integrity() == "ok"
        # Not store.articles: the file says that its counts are of a lake, which is not there.
        assert [len(store.query("SELECT article_id FROM v_articles"))] == list(articles) == [1]
        for view in CONTRACT:
            store.query(f"SELECT * FROM {view}")  # noqa: S608
    after = view_columns(path)
    for wanted in (before, RECORDED):
        for view, columns in wanted.items():
            missing = [column for column in columns if column not in after.get(view, [])]
            assert not missing, f"{view} has lost {missing}: a view keeps its columns"


def test_every_column_of_every_view_is_recorded(tmp_path: Path) -> None:
    """So that what is added now cannot be lost later: tools/schema_docs.py records it."""
    open_store(tmp_path / "new.db", read_only=False).close()
    assert {view: sorted(columns) for view, columns in view_columns(tmp_path / "new.db").items()} == {
        view: sorted(columns) for view, columns in RECORDED.items()
    }


def test_version_1_is_in_the_record(tmp_path: Path) -> None:
    columns = view_columns(database_of(1, tmp_path / "first.db"))
    assert columns
    for view, held in columns.items():
        assert set(held) <= set(RECORDED[view])


def test_the_contract_is_about_every_view_and_every_table_has_a_subject() -> None:
    assert set(CONTRACT) == {name for name in DESCRIPTIONS if name.startswith("v_")} == set(RECORDED)
    assert set(SUBJECTS) == set(DESCRIPTIONS)
    assert all(text.endswith(".") for text in SUBJECTS.values())


@pytest.mark.parametrize("view", CONTRACT)
def test_a_key_tells_the_rows_apart_and_a_reference_leads_to_one(example: Path, view: str) -> None:
    key = ", ".join(CONTRACT[view].key)
    with open_store(example) as store:
        twice = store.query(f"SELECT {key} FROM {view} GROUP BY {key} HAVING count(*) > 1")  # noqa: S608
        assert twice.empty
        for column, (other, named) in CONTRACT[view].refers.items():
            lost = f"SELECT {column} FROM {view} WHERE {column} NOT IN (SELECT {named} FROM {other})"  # noqa: S608
            assert store.query(lost).empty


def test_the_rows_of_a_few_days_lead_to_rows_of_the_same_days(example: Path) -> None:
    with open_store(example) as store:
        held = {}
        for view in CONTRACT:
            names = [column.name for column in store.columns(view)]
            rows = [row for batch in store.stream(view, "2026-02-16", "2026-02-22") for row in batch]
            held[view] = [dict(zip(names, row, strict=True)) for row in rows]
        whole = len(store.query("SELECT 1 FROM v_articles"))
    assert 0 < len(held["v_articles"]) < whole
    assert {row["date"] for row in held["v_articles"]} <= {f"2026-02-{day}" for day in range(16, 23)}
    for view, rows in held.items():
        for column, (other, named) in CONTRACT[view].refers.items():
            assert {row[column] for row in rows} - {None} <= {row[named] for row in held[other]}, (view, column)
    assert len(held["v_frames"]) == 2


FITS = {"TEXT": {"text", "day", "time"}, "INTEGER": {"integer", "flag"}, "REAL": {"real"}}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_values_are_of_the_kind_that_the_column_says(example: Path, name: str) -> None:
    kinds = schema.kinds(DEFAULT_FRAMES)
    with open_store(example) as store:
        columns = store.query("SELECT name, type FROM pragma_table_xinfo(?) WHERE hidden <> 1", name)
        for column, declared in columns.itertuples(index=False):
            kind = kinds[name, column].type
            if declared:
                assert kind in FITS[declared], column
            with closing(sqlite3.connect(example)) as connection:
                found = connection.execute(f'SELECT DISTINCT "{column}" FROM {name} WHERE "{column}" IS NOT NULL')  # noqa: S608
                for (value,) in found:
                    check(kind, value)


def check(kind: str, value: object) -> None:
    if kind == "text":
        assert isinstance(value, str)
    elif kind == "day":
        assert isinstance(value, str)
        assert date.fromisoformat(value).isoformat() == value
    elif kind == "time":
        assert isinstance(value, str)
        assert datetime.fromisoformat(value).utcoffset() is not None
    elif kind == "real":
        assert isinstance(value, float)
    else:
        assert isinstance(value, int)
        assert kind != "flag" or value in {0, 1}


def test_kinds_know_every_column_and_stand_in_the_database(example: Path) -> None:
    assert set(KINDS) == {(table, column) for table, columns in DESCRIPTIONS.items() for column in columns}
    assert {kind.type for kind in KINDS.values()} == {"text", "integer", "real", "flag", "day", "time"}
    with open_store(example) as store:
        stored = store.query("SELECT table_name, column_name, type, unit FROM column_description")
    assert {(table, column): (kind, unit if isinstance(unit, str) else None) for table, column, kind, unit in
            stored.itertuples(index=False)} == schema.kinds(DEFAULT_FRAMES)  # fmt: skip


def test_only_numbers_have_units() -> None:
    assert {kind.type for kind in KINDS.values() if kind.unit} == {"integer", "real"}


def test_columns_of_other_frames_have_their_kinds(tmp_path: Path) -> None:
    other = Frames(Frame("escalation", "escalate", "Escalation"), Frame("calm", "quieten", "Calm"))
    with open_store(tmp_path / "other.db", read_only=False, frames=other) as store:
        kinds = {column.name: column.kind for column in store.columns("v_articles")}
        counts = {column.name: column.kind for column in store.columns("v_daily_frames")}
    assert kinds["p_escalate"] == kinds["p_quieten"] == kinds["p_relevant"]
    assert counts["escalation"] == counts["calm"] == ("integer", "article")


def test_an_older_file_is_not_streamed_as_if_it_were_whole(tmp_path: Path) -> None:
    path = database_of(1, tmp_path / "old.db")
    with open_store(path) as store, pytest.raises(StoreError, match="older version; `media-coverage run`"):
        store.columns("v_articles")


# ---------------------------------------------------------------------- docs/schema.md


DOCUMENT = (Path(__file__).parents[1] / "docs" / "schema.md").read_text(encoding="utf-8")
DIAGRAMS = re.findall(r"^```mermaid\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("diagram", DIAGRAMS, ids=["views", "tables"])
def test_diagrams_have_every_entity_once_and_relations_between_them(diagram: str) -> None:
    first, *lines = diagram.splitlines()
    assert first == "erDiagram"
    entities, related, inside = [], set(), None
    for line in lines:
        if opened := re.fullmatch(r"    (\w+) \{", line):
            inside = opened[1]
            entities.append(inside)
        elif line == "    }":
            inside = None
        elif inside:
            assert re.fullmatch(r" {8}\w+ \w+ (PK|FK|PK, FK)", line)
        else:
            relation = re.fullmatch(r"    (\w+) (\|\||\|o)--o[{|] (\w+) : \"\w+\"", line)
            assert relation, line
            related |= {relation[1], relation[3]}
    assert len(entities) == len(set(entities))
    assert related <= set(entities)
    assert set(entities) in ({n for n in SUBJECTS if n.startswith("v_")}, {n for n in SUBJECTS if n[:2] != "v_"})


def test_every_column_of_the_document_has_a_type_and_an_example_where_there_is_one() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", DOCUMENT, re.MULTILINE)
    assert len(rows) == len(KINDS)
    assert sum(example == "–" for *_, example in rows) < 40


def test_frames_are_the_same_with_and_without_pyarrow(example: Path) -> None:
    """pandas keeps text in pyarrow where that is installed and as objects elsewhere: nobody shall notice."""
    told = [
        subprocess.run(
            [sys.executable, str(Path(__file__).parent / "frames_told.py"), *hidden, str(example)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for hidden in ([], ["--without-pyarrow"])
    ]
    assert [lines[0] for lines in told] == ["strings in pyarrow", "strings in python"]
    assert len(told[0]) > 30
    assert told[0][1:] == told[1][1:]
