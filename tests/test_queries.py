"""docs/queries.md: every query runs, brings rows, and the right ones where the example database says which."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pytest

from media_coverage.datapackage import export
from media_coverage.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = (Path(__file__).parents[1] / "docs" / "queries.md").read_text(encoding="utf-8")
PARAMETERS = {"first_day": "2026-02-16", "name": "uk"}


def blocks() -> Iterator[tuple[str, str, str]]:
    """(heading, language, text) of every fenced block."""
    heading = ""
    for match in re.finditer(r"^#{2,3} (?P<head>[^\n]+)$|^```(?P<kind>\w+)\n(?P<text>.*?)^```$", TEXT, re.M | re.S):
        if match["head"]:
            heading = match["head"]
        else:
            yield heading, match["kind"], match["text"]


BLOCKS = list(blocks())
SQL = {heading: text for heading, kind, text in BLOCKS if kind == "sql"}
PYTHON = {heading: text for heading, kind, text in BLOCKS if kind == "python"}


@pytest.fixture(scope="module")
def place(example: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the document has it: media-coverage.db, and an export of it in data."""
    folder = tmp_path_factory.mktemp("queries")
    shutil.copy(example, folder / "media-coverage.db")
    with open_store(example) as store:
        export(store, folder / "data", "parquet")
        export(store, folder / "as_csv", "csv")
    shutil.copy(folder / "as_csv" / "v_articles.csv", folder / "data")
    return folder


def found(place: Path, sql: str) -> pd.DataFrame:
    uri = f"{(place / 'media-coverage.db').as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        given = {name: value for name, value in PARAMETERS.items() if f":{name}" in sql}
        return pd.read_sql(sql, connection, params=given)


def answer(place: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the last line of a block comes to, as in a notebook."""
    monkeypatch.chdir(place)
    *before, last = ast.parse(code).body
    assert isinstance(last, ast.Expr)
    names: dict[str, Any] = {}
    exec(compile(ast.Module(before, []), "queries.md", "exec"), names)  # noqa: S102
    return eval(compile(ast.Expression(last.value), "queries.md", "eval"), names)  # noqa: S307


def test_there_are_twenty_numbered_without_a_gap() -> None:
    numbers = [int(number) for number in re.findall(r"^### (\d+)\. ", TEXT, re.M)]
    assert numbers == list(range(1, 21))
    numbered = [heading for heading, kind, _ in BLOCKS if heading[0].isdigit() and kind in {"sql", "python"}]
    assert len(numbered) == len(set(numbered)) == 20


@pytest.mark.parametrize("heading", SQL)
def test_every_query_brings_rows(place: Path, heading: str) -> None:
    assert len(found(place, SQL[heading]))


@pytest.mark.parametrize("heading", PYTHON)
def test_every_python_block_brings_rows(place: Path, heading: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = answer(place, PYTHON[heading], monkeypatch)
    assert isinstance(frame, pd.DataFrame)
    assert len(frame)


def of(number: int) -> str:
    (text,) = (text for heading, text in (SQL | PYTHON).items() if heading.startswith(f"{number}. "))
    return text


def test_a_point_has_as_many_articles_as_its_count_says(place: Path) -> None:
    behind = found(place, of(2))
    counted = found(place, "SELECT articles FROM v_period_frames WHERE (period, scope) = ('week', 'group') "
                           "AND first_day = :first_day AND name = :name")  # fmt: skip
    assert counted["articles"].tolist() == [len(behind)]
    for row in found(place, of(3)).itertuples():
        assert len(found(place, str(row.articles_sql))) == row.articles


def test_the_gap_is_the_day_without_a_run(place: Path) -> None:
    gaps = found(place, of(11)).set_index("date")["collection"]
    assert gaps["2026-03-04"] == "none"
    assert set(gaps.drop("2026-03-04")) <= {"partial", "none", "imported"}


def test_edits_copies_and_disagreements_are_those_of_the_example(place: Path) -> None:
    edited, copies, models = found(place, of(5)), found(place, of(7)), found(place, of(9))
    assert (edited["title"] != edited["previous_title"]).all()
    assert copies["agency"].unique().tolist() == ["Reuters"]
    assert copies["outlet"].tolist() == ["Prairie Standard", "The Harbour Post"]
    assert set(models["model"].str[:6]) == {"told@1"}
    assert set(models["other_model"].str[:6]) == {"told@2"}
    changed = found(place, of(6))
    assert (changed["label"] != changed["label_before"]).all()


def test_an_audit_counts_each_text_once(place: Path) -> None:
    texts = found(place, "SELECT texts FROM v_samples WHERE sample = 'audit'")["texts"][0]
    assert found(place, of(14))["texts"].sum() == texts


def test_the_line_for_the_shell_runs_in_the_shell(place: Path) -> None:
    if shutil.which("sqlite3") is None:
        pytest.skip("no sqlite3 shell on this machine")
    (line,) = re.findall(r"^\$ (sqlite3 .+)$", TEXT, re.M)
    done = subprocess.run(shlex.split(line), cwd=place, capture_output=True, text=True, check=True)
    assert "The Harbour Post" in done.stdout


def test_the_sql_that_needs_no_dates_of_sqlite_runs_on_an_export(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    with duckdb.connect() as connection:
        for file in sorted(Path("data").glob("*.parquet")):
            connection.execute(f"CREATE VIEW {file.stem} AS FROM '{file}'")
        for number in (1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12):
            rows = connection.execute(of(number)).fetchall()
            assert len(rows) == len(found(place, of(number))), number
