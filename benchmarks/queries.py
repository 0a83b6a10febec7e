"""How long the ready-made queries and the commands of analysts take on a database, warm.

    python -m benchmarks.archive database 1000000 build/million.db
    python -m benchmarks.queries build/million.db [--repetitions 5]

Each query of `media-coverage serve` runs with the values of its example, each view is asked for its first hundred rows,
each command is a program of its own, start included, and the newest two days are counted again with their weeks and
months, as after a run. Figures are medians in milliseconds: of the clock, and of processor time (user and system),
which other programs on the machine hardly change.
"""

from __future__ import annotations

import argparse
import functools
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from datasette.utils import escape_fts

from media_coverage.pipeline import apply_aggregates
from media_coverage.store import open_store
from media_coverage.store.contract import CONTRACT

from .figures import Finding, machine, save

if TYPE_CHECKING:
    from collections.abc import Callable

GOALS = {"query ": 200, "v_": 200, "command trend": 2_000, "command report": 10_000, "counting two days": 1_000}
"""Milliseconds of processor time that the slowest of each kind may take."""
COMMANDS = (("trend",), ("attention",), ("status",), ("report", "--no-explain", "--out"))


def processor_s() -> float:
    """Seconds that this program and those it has waited for have taken of a processor, user and system."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def medians_ms(action: Callable[[], object], repetitions: int) -> tuple[float, float]:
    """The medians, by the clock and of processor time, of so many runs after one that warms up."""
    action()
    found = []
    for _ in range(repetitions):
        started = time.perf_counter(), processor_s()
        action()
        found.append((1000 * (time.perf_counter() - started[0]), 1000 * (processor_s() - started[1])))
    clock, processor = (statistics.median(values) for values in zip(*found, strict=True))
    return clock, processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database", type=Path)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure there")
    args = parser.parse_args()
    rows: list[tuple[str, tuple[float, float]]] = []
    with open_store(args.database) as store:
        values = store.examples() | {"word": "trump"}
        connection = store._db.conn  # noqa: SLF001 - queries with named parameters, as Datasette runs them
        connection.create_function("escape_fts", 1, escape_fts)
        for name, query in store.questions().items():
            given = {key: query.example.get(key, "").format(**values) for key in query.parameters}

            def ask(sql: str = query.sql, given: dict[str, str] = given, connection: object = connection) -> object:
                return connection.execute(sql, given).fetchall()  # type: ignore[attr-defined]

            rows.append((f"query {name}", medians_ms(ask, args.repetitions)))
        for view in CONTRACT:
            sql = f"SELECT * FROM {view} LIMIT 100"  # noqa: S608 - a name of ours
            rows.append((view, medians_ms(functools.partial(store.query, sql), args.repetitions)))
    with open_store(args.database, read_only=False) as store:

        def count() -> object:
            with store._writing():  # noqa: SLF001 - what a run does that finds articles of these days
                store._db.execute(  # noqa: SLF001
                    "INSERT INTO changed_day SELECT DISTINCT date FROM article ORDER BY date DESC LIMIT 2"
                )
            return apply_aggregates(store)

        rows.append(("counting two days", medians_ms(count, args.repetitions)))
    with tempfile.TemporaryDirectory() as folder:
        for command in COMMANDS:
            words = [sys.executable, "-m", "media_coverage", *command]
            words += [str(Path(folder, "report.html"))] * (command[-1] == "--out")
            words += ["--db", str(args.database)]

            def run(words: list[str] = words) -> object:
                return subprocess.run(words, check=False, capture_output=True)  # noqa: S603 - status has exit codes

            rows.append((f"command {command[0]}", medians_ms(run, max(1, args.repetitions // 2))))
    print("\n".join(f"{name}: {value}" for name, value in machine(()).items()))
    print("\n| what | processor ms | ms |\n|---|---:|---:|")
    for name, (clock, processor) in sorted(rows, key=lambda row: -row[1][1]):
        print(f"| {name} | {processor:,.0f} | {clock:,.0f} |")
    findings = []
    for kind, goal in GOALS.items():
        name, (_, spent) = max((row for row in rows if row[0].startswith(kind)), key=lambda row: row[1][1])
        title = name if name == kind else f"slowest of its kind: {name}"
        findings.append(Finding(f"{title}, processor time", spent, " ms", below=goal))
    save(
        args.json,
        findings,
        {name: {"clock_ms": clock, "processor_ms": processor} for name, (clock, processor) in rows},
    )


if __name__ == "__main__":
    main()
