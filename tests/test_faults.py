"""The campaigns of tools/faults.py in short: every fault a few times, in small feeds."""

from __future__ import annotations

import signal
import sqlite3
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.append(str(Path(__file__).parents[1] / "tools"))

import faults

from media_coverage.errors import ExitCode
from media_coverage.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMES = {"killed": 3, "terminated": 2, "starved": 2}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[faults.Bench]:
    made = faults.Bench(tmp_path_factory.mktemp("faults"), seed=1, items=6)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("name", faults.CAMPAIGNS)
def test_a_disturbed_series_ends_as_an_undisturbed_one(bench: faults.Bench, name: str) -> None:
    outcome = faults.CAMPAIGNS[name][0](bench, TIMES.get(name, 1))
    if name == "full" and not outcome.times:
        pytest.skip(f"{outcome.fault}: {', '.join(outcome.how)}")
    assert outcome.wrong == []
    assert outcome.times >= TIMES.get(name, 1)


def test_a_killed_run_leaves_no_parser_process_and_no_lock(bench: faults.Bench) -> None:
    bench.world.edition, bench.world.delay = 0, 0.5
    database = bench.database()
    try:
        run = bench.start(database)
        while not run.children() and run.process.is_alive():
            time.sleep(0.01)
        run.signal(signal.SIGKILL)
        assert run.end() == -signal.SIGKILL
    finally:
        bench.world.delay = 0.01
    until = time.monotonic() + 60
    while run.children() and time.monotonic() < until:
        time.sleep(0.05)
    assert run.children() == []
    assert bench.settled(database, 0) == []
    with open_store(database) as store:
        assert store.runs()["state"].tolist() == ["finished", "interrupted"]


def test_a_second_signal_ends_a_run_on_the_spot(bench: faults.Bench) -> None:
    """Also while SQLite waits for another writer, which Python cannot interrupt."""
    bench.world.edition, bench.world.delay = 0, 0.5
    database = bench.database()
    holder = sqlite3.connect(database, isolation_level=None)
    try:
        assert bench.settled(database, 0) == []
        run = bench.start(database)
        assert run.until_locked()
        while not any(event["event"] == "run_started" for event in faults.readable(run.said())):
            assert run.process.is_alive()
            time.sleep(0.01)
        holder.execute("BEGIN IMMEDIATE")
        time.sleep(1)
        run.signal(signal.SIGTERM)
        time.sleep(0.2)
        run.signal(signal.SIGTERM)
        code = run.end()
    finally:
        bench.world.delay = 0.01
        holder.close()
    assert code == ExitCode.INTERRUPTED
    assert bench.settled(database, 0) == []


# ------------------------------------------------------------------ the comparison itself can fail


def damage(bench: faults.Bench, tmp_path: Path, sql: str) -> list[str]:
    bench.world.edition = 0
    database = tmp_path / "damaged.db"
    assert bench.settled(database, 0) == []
    with sqlite3.connect(database) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(sql)
    connection.close()
    return faults.complaints(database, bench.undisturbed[0])


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DELETE FROM label WHERE version_id = (SELECT min(version_id) FROM label)", "label: 1 rows lost, 0 added"),
        ("UPDATE label SET p_relevant = p_relevant * 0.99999 WHERE version_id = 1", "label: 1 rows lost, 1 added"),
        ("UPDATE sighting SET times_seen = 2 WHERE article_id = 1", "sighting: 1 rows lost, 1 added"),
        ("UPDATE article SET story_id = (SELECT max(id) FROM story) WHERE id = 1", "article: "),
        ("INSERT INTO changed_day VALUES ('2026-02-03')", "changed_day: 0 rows lost, 1 added"),
        ("UPDATE sighting SET last_seen_at = '2000-01-01T00:00:00+00:00' WHERE article_id = 1", "1 intervals"),
        ("DELETE FROM article WHERE id = 1", "references lead nowhere"),
    ],
)
def test_what_a_fault_could_do_is_noticed(bench: faults.Bench, tmp_path: Path, sql: str, said: str) -> None:
    assert any(said in each for each in damage(bench, tmp_path, sql))


def test_what_is_left_out_exists(bench: faults.Bench, tmp_path: Path) -> None:
    with open_store(tmp_path / "empty.db", read_only=False) as store:
        held = {
            (table, column)
            for table in store.query("SELECT name FROM sqlite_master WHERE type = 'table'")["name"]
            for column in store.query("SELECT name FROM pragma_table_xinfo(?)", table)["name"]
        }
    assert set(faults.LEFT_OUT) <= held
    assert set(faults.LEFT_OUT_TABLES) <= {table for table, _ in held}
    assert set(faults.NATURAL) <= {table for table, _ in held}


def test_the_page_names_what_is_left_out() -> None:
    page = (Path(__file__).parents[1] / "docs" / "faults.md").read_text(encoding="utf-8")
    for table, column in faults.LEFT_OUT:
        assert f"`{table}.{column}`" in page
    for table in faults.LEFT_OUT_TABLES:
        assert f"`{table}`" in page


def test_outcomes_are_a_table() -> None:
    outcome = faults.Outcome("a fault", "rows", 2, Counter({"while asking": 2}))
    assert faults.table([outcome]).splitlines()[-1] == "| a fault | 2 | 2 while asking | rows | all held |"
