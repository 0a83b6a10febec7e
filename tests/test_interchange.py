"""Codes as files: there and back without loss, and nothing half-imported."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from drawn_press import make_press, titles
from hypothesis import given
from hypothesis import strategies as st

from media_coverage import pipeline
from media_coverage.coded import as_written, neutral, read
from media_coverage.framing import DEFAULT_FRAMES
from media_coverage.interchange import label_studio_config
from media_coverage.records import Code
from media_coverage.sample import Design
from media_coverage.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Result

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FORMULA = '=HYPERLINK("https://evil.example","Trump Putin click")'
ENDINGS = {"csv": "csv", "jsonl": "jsonl", "label-studio": "json"}
COLUMNS = (
    "version_id coder codebook_version rel hope appease certainty voice genre note purpose kind sample session coded_at"
)


@pytest.fixture(scope="module")
def press(tmp_path_factory: pytest.TempPathFactory) -> Path:
    database = make_press(
        tmp_path_factory.mktemp("press"), [*titles(30), FORMULA, "'-Trump' \"Putin\", two\tquotes; ;"]
    )
    pipeline.draw_sample(database, "audit", Design(20, 7))
    return database


@pytest.fixture
def database(press: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(press, tmp_path / "coverage.db"))


@pytest.fixture
def empty(press: Path, tmp_path: Path) -> Path:
    """The same texts without a code, to import into."""
    return Path(shutil.copy(press, tmp_path / "empty.db"))


@pytest.fixture
def coded(database: Path) -> Path:
    """With codes of every kind: training, audit, coded again, adjudicated, notes that look like formulas."""
    with open_store(database, read_only=False) as store:
        audited = store.sample_items("audit")["version_id"].tolist()
        free = [u.version_id for u in store.sampling_frame() if u.version_id not in audited]
        first, second, *_ = audited
        sample: dict[str, Any] = {"purpose": "audit", "sample": "audit"}
        store.add_codes(
            [
                Code(first, "ada", "1.1", True, (True, False), 2, voice="quoted", note="=1+1", session="s 1", **sample),
                Code(first, "bob", "1.1", False, certainty=3, note="'quoted', \"so\"", **sample),
                Code(second, "ada", "1.1", True, (True, True), voice="both", genre="comment", **sample),
                Code(first, "zoe", "1.1", True, (False, False), kind="adjudicated", **sample),
                *(Code(version, "ada", "1.0", True, (False, True)) for version in free),
            ],
            NOW,
        )
        store.add_codes([Code(second, "ada", "1.2", True, note="@again", **sample)], NOW + timedelta(days=1))
    return database


def stored(database: Path) -> list[list[object]]:
    with open_store(database) as store:
        return store.codes()[COLUMNS.split()].astype(object).fillna("").to_numpy().tolist()


@pytest.mark.parametrize("form", ENDINGS)
def test_codes_come_back_as_they_went(
    command: Callable[..., Result], coded: Path, empty: Path, tmp_path: Path, form: str
) -> None:
    file = tmp_path / f"codes.{ENDINGS[form]}"
    assert command("codes", "export", file, "--format", form, "--db", coded).code == 0
    result = command("codes", "import", file, "--db", empty)
    assert (result.code, result.err) == (0, "")
    assert sorted(map(str, stored(empty))) == sorted(map(str, stored(coded)))
    again = command("codes", "import", file, "--db", empty)
    assert again.code == 2
    assert ":2: this code is stored already." in again.err or ":1: this code is stored already." in again.err
    assert "rows cannot be used, so nothing was imported" in again.err
    assert len(stored(empty)) == len(stored(coded))


def test_no_cell_is_a_formula(command: Callable[..., Result], coded: Path, tmp_path: Path) -> None:
    file = tmp_path / "codes.csv"
    command("codes", "export", file, "--format", "csv", "--db", coded)
    with file.open(encoding="utf-8", newline="") as stream:
        cells = [cell for row in csv.reader(stream) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert "'=1+1" in cells
    titles_read = [item.text.title for item in read(file, DEFAULT_FRAMES).items]
    with open_store(coded) as store:
        assert set(titles_read) <= set(store.codes()["title"])


@given(st.text())
def test_what_is_made_harmless_can_be_read_back(text: str) -> None:
    assert as_written(neutral(text)) == text
    assert not neutral(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_a_blank_sheet_is_coded_elsewhere_and_comes_back(
    command: Callable[..., Result], empty: Path, tmp_path: Path
) -> None:
    """With semicolons, as spreadsheets of many countries write; rows that were left blank are left out."""
    file = tmp_path / "sheet.csv"
    command("codes", "export", file, "--format", "csv", "--sample", "audit", "--blank", "--db", empty)
    with file.open(encoding="utf-8", newline="") as stream:
        table = list(csv.DictReader(stream))
    assert len(table) == 20
    assert not {"outlet", "date", "label"} & set(table[0])
    table[0] |= {"rel": "1", "hope": "0", "appease": "1", "cert": "2", "voice": "outlet"}
    table[1] |= {"rel": "0"}
    with file.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.DictWriter(stream, list(table[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(table)
    unknown = command("codes", "import", file, "--db", empty)
    assert "sheet.csv:2: says nothing of its coder; name one with --coder." in unknown.err
    result = command("codes", "import", file, "--coder", "ada", "--db", empty)
    assert (result.code, result.out) == (0, "2 codes imported, 18 rows without an answer left out\n")
    assert [row[1:12] for row in stored(empty)] == [
        ["ada", "1.1", 1, 0, 1, 2, "outlet", "", "", "audit", "individual"],
        ["ada", "1.1", 0, 0, 0, 1, "", "", "", "audit", "individual"],
    ]


def test_what_is_wrong_is_said_line_by_line_and_nothing_is_imported(
    command: Callable[..., Result], empty: Path, tmp_path: Path
) -> None:
    with open_store(empty) as store:
        a, b, *_ = store.sample_items("audit")["version_id"].tolist()
        title = store.titles([str(a)])[a]
    right = {"id": a, "title": title, "rel": 1, "hope": 0, "appease": 0, "cert": 1, "coder": "ada"}
    wrong: list[dict[str, Any]] = [
        right,
        right,
        right | {"id": 9999},
        right | {"id": "x"},
        right | {"id": b, "rel": 2},
        right | {"id": b, "rel": True},
        right | {"id": b, "rel": 0, "hope": 1},
        right | {"id": b, "hope": None},
        right | {"id": b},
        right | {"voice": "outlet", "coder": "bob"},
        right | {"cert": 4, "coder": "bob"},
        right | {"coded_at": "yesterday", "coder": "bob"},
        right | {"coded_at": "2026-03-01T10:00:00", "coder": "bob"},
        right | {"kind": "final", "coder": "bob"},
        right | {"note": "x" * 501, "coder": "bob"},
        {"id": a, "rel": None},
    ]
    file = tmp_path / "codes.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in wrong), encoding="utf-8")
    result = command("codes", "import", file, "--sample", "audit", "--db", empty)
    assert result.code == 2
    for line, words in (
        (2, "repeats line 1"),
        (3, "there is no text 9999 to be coded here"),
        (4, "`id` must be a number, not 'x'"),
        (5, "`rel` must be 0 or 1, not 2"),
        (6, "`rel` must be 0 or 1, not True"),
        (7, "a text off the topic carries no frame"),
        (8, "`hope` must be 0 or 1, not None"),
        (9, f"text {b} has another headline here; is the file from another database?"),
        (10, "`voice` is given, but no frame for it to speak"),
        (11, "`cert` must be 1 or 2 or 3, not 4"),
        (12, "`coded_at` must be a time like 2026-02-03T14:05:00+00:00, not 'yesterday'"),
        (13, "`coded_at` must be a time like 2026-02-03T14:05:00+00:00, not '2026-03-01T10:00:00'"),
        (14, "`kind` must be individual or adjudicated, not 'final'"),
        (15, "`note` has more than 500 characters"),
    ):
        assert f"codes.jsonl:{line}: {words}." in result.err
    assert "14 rows cannot be used, so nothing was imported" in result.err
    assert stored(empty) == []


def test_codes_that_the_database_refuses_are_not_stored_either(
    command: Callable[..., Result], empty: Path, tmp_path: Path
) -> None:
    """A code for training of a text that is drawn for an audit: no part of the file is kept."""
    with open_store(empty) as store:
        audited = store.sample_items("audit")["version_id"].tolist()
        free = next(u.version_id for u in store.sampling_frame() if u.version_id not in audited)
    rows = [{"id": i, "rel": 0, "hope": 0, "appease": 0, "coder": "ada"} for i in (free, audited[0])]
    file = tmp_path / "codes.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    result = command("codes", "import", file, "--db", empty)
    assert (result.code, "no model may learn from it" in result.err) == (2, True)
    assert stored(empty) == []


def test_annotations_of_label_studio_are_read_with_who_and_when(
    command: Callable[..., Result], empty: Path, tmp_path: Path
) -> None:
    """As it exports them: its own ids, an annotator by mail address, cancelled annotations, no coder of ours."""
    tasks_file, back = tmp_path / "tasks.json", tmp_path / "back.json"
    command("codes", "export", tasks_file, "--format", "label-studio", "--sample", "audit", "--blank", "--db", empty)
    tasks = json.loads(tasks_file.read_text(encoding="utf-8"))
    assert len(tasks) == 20
    assert all(task["annotations"] == [] for task in tasks)

    def chosen(**answers: str) -> list[dict[str, Any]]:
        return [
            {"id": "a1", "from_name": name, "to_name": "title", "type": "choices", "value": {"choices": [choice]}}
            for name, choice in answers.items()
        ]

    made = {"id": 5, "created_at": "2026-03-02T09:30:00.512Z", "completed_by": {"id": 3, "email": "ada@press.example"}}
    tasks[0] |= {"id": 77, "annotations": [made | {"result": chosen(rel="yes", hope="yes", appease="no", cert="sure")}]}
    tasks[1]["annotations"] = [{"was_cancelled": True, "result": chosen(rel="no")}]
    tasks[2]["annotations"] = [made | {"completed_by": 4, "result": chosen(rel="no", cert="coin-flip")}]
    back.write_text(json.dumps(tasks), encoding="utf-8")
    result = command("codes", "import", back, "--db", empty)
    assert (result.code, result.out) == (0, "2 codes imported\n")
    assert [row[1:8] for row in stored(empty)] == [
        ["ada@press.example", "1.1", 1, 1, 0, 1, ""],
        ["4", "1.1", 0, 0, 0, 3, ""],
    ]
    assert str(stored(empty)[0][-1]) == "2026-03-02 09:30:00+00:00"
    for content, words in (
        ("{}", "a list of tasks is expected"),
        ("[[]]", "task 1 has no data"),
        ("nonsense", "is no"),
    ):
        back.write_text(content, encoding="utf-8")
        refused = command("codes", "import", back, "--db", empty)
        assert (refused.code, words in refused.err) == (2, True)


def test_the_interface_of_label_studio_asks_what_the_tasks_answer(
    command: Callable[..., Result], coded: Path, tmp_path: Path
) -> None:
    file, config = tmp_path / "tasks.json", tmp_path / "config.xml"
    command("codes", "export", file, "--format", "label-studio", "--db", coded)
    command("codes", "export", config, "--format", "label-studio-config", "--db", coded)
    assert config.read_text(encoding="utf-8") == label_studio_config(DEFAULT_FRAMES)
    root = ET.fromstring(config.read_text(encoding="utf-8"))  # noqa: S314 - written by us
    names = {tag.get("name") for tag in root.iter() if tag.get("toName")}
    choices = {tag.get("name"): {choice.get("value") for choice in tag.iter("Choice")} for tag in root.iter("Choices")}
    for task in json.loads(file.read_text(encoding="utf-8")):
        assert {"title", "summary"} <= set(task["data"])
        for result in (each for annotation in task["annotations"] for each in annotation["result"]):
            assert result["from_name"] in names
            if result["type"] == "choices":
                assert set(result["value"]["choices"]) <= choices[result["from_name"]]


def test_a_file_that_cannot_be_written_or_read_is_told(
    command: Callable[..., Result], coded: Path, tmp_path: Path
) -> None:
    gone = tmp_path / "none" / "codes.csv"
    written = command("codes", "export", gone, "--format", "csv", "--db", coded)
    assert (written.code, "cannot be written: No such file" in written.err) == (2, True)
    for name in ("codes.csv", "codes.json", "codes.jsonl"):
        result = command("codes", "import", tmp_path / "none" / name, "--db", coded)
        assert (result.code, "cannot be read: No such file" in result.err) == (2, True)
    (tmp_path / "few.csv").write_text("id,rel\n1,1\n", encoding="utf-8")
    few = command("codes", "import", tmp_path / "few.csv", "--db", coded)
    assert "has no column hope, appease; it needs id, rel, hope, appease" in few.err
    out = command("codes", "export", "-", "--format", "jsonl", "--db", coded)
    assert json.loads(out.out.splitlines()[0])["coder"] == "ada"
