"""A large CSV with a quote that nobody closed: is it imported in bounded memory, with an account of every row?

    python -m benchmarks.broken_quote [--gigabytes 2] [--row 40000]

Rows of an invented archive get a column of filler, so that a few of them make a large file; of one in the middle a cell
begins with a quote that is never closed. The file is imported by the command that a user would type: once undisturbed,
and once killed (SIGKILL) when half of it is stored and then started again. Exits unless exactly the broken row was
rejected and both databases hold the same articles, wordings, stories and decisions.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from .archive import COLUMNS, configuration, record, rows
from .classifier import machine
from .scale import Step, run

SAME = {
    "articles": "SELECT url, title, summary, published_at FROM v_articles ORDER BY url",
    "wordings": "SELECT text_sha256, language FROM article_version ORDER BY 1, 2",
    "stories": "SELECT s.story_key, a.url FROM article a JOIN story s ON s.id = a.story_id ORDER BY 2",
    "decisions": "SELECT a.url, a.passed_gate, a.gate_reason FROM v_articles a ORDER BY 1",
}
"""What both databases must hold, by name."""


def write(path: Path, size: int, row: int) -> tuple[int, str]:
    """Write a file of about `size` bytes with rows of `row` characters; how many, and the url of the broken one."""
    count, broken = max(3, size // row), ""
    filler = "so it was said and written down again " * (row // 38 + 1)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow([*COLUMNS, "body"])
        for each in rows(count):
            cells = [*(record(each)[name] for name in COLUMNS), filler[:row]]
            if each.number == count // 2:
                broken = cells[COLUMNS.index("url")]
                file.write(f'"{",".join(cells)}\r\n')
            else:
                table.writerow(cells)
    return count, broken


def command(source: Path, folder: Path, name: str) -> list[str]:
    """The import of a file into the database `name`."""
    files = ["--db", str(folder / f"{name}.db"), "--rejects", str(folder / f"{name}.jsonl")]
    settings = ["--config", str(folder / "feeds.yaml")]
    return [sys.executable, "-m", "media_coverage", "import", str(source), "--no-label", *files, *settings]


def kill_halfway(arguments: list[str], database: Path, count: int) -> int:
    """Start an import and kill it and its children once half of the rows are stored; how many articles there are."""
    child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
    while (stored := articles(database)) < count // 2:
        if child.poll() is not None:
            sys.exit("the import ended before it could be killed: take a larger file")
        time.sleep(0.1)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    return stored


def articles(database: Path) -> int:
    """How many articles a database holds by now."""
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM article").fetchone()[0])
    return 0


def differences(one: Path, other: Path) -> list[str]:
    """What two databases do not hold alike."""
    found: list[list[Any]] = []
    for path in (one, other):
        with closing(sqlite3.connect(path)) as db:
            found.append([db.execute(sql).fetchall() for sql in SAME.values()])
    return [name for name, mine, theirs in zip(SAME, *found, strict=True) if mine != theirs]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=2)
    parser.add_argument("--row", type=int, default=40_000, help="characters of filler in a row")
    args = parser.parse_args()

    print("\n".join(f"{name}: {value}" for name, value in machine(()).items()))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "archive.csv"
        count, broken = write(source, int(args.gigabytes * 10**9), args.row)
        (folder / "feeds.yaml").write_text(configuration() + "database: whole.db\n", encoding="utf-8")
        whole = run("import", count, 0, command(source, folder, "whole"), folder / "whole.db")
        stopped = kill_halfway(command(source, folder, "killed"), folder / "killed.db", count)
        rest = run("the rest", count - stopped, 0, command(source, folder, "killed"), folder / "killed.db")
        for database in ("whole", "killed"):
            rejected = [json.loads(line) for line in (folder / f"{database}.jsonl").read_text().splitlines()]
            if len(rejected) != 1 or broken not in str(rejected[0]["cells"]):
                sys.exit(f"{database}: {len(rejected)} rows were rejected, not the broken one alone")
        if unlike := differences(folder / "whole.db", folder / "killed.db"):
            sys.exit(f"killed and gone on with, the database holds other {', '.join(unlike)}")
        show(source, count, whole, rest, stopped, str(rejected[0]["reason"]))


def show(source: Path, count: int, whole: Step, rest: Step, stopped: int, reason: str) -> None:
    """Print the account."""
    size = source.stat().st_size / 10**9
    print(f"\n{size:.2f} GB, {count:,} rows, 1 rejected: {reason}\n")
    print("| | articles | seconds | processor seconds | peak memory, MiB |\n|---|---:|---:|---:|---:|")
    print(f"| undisturbed | {whole.articles:,} | {whole.seconds:.0f} | {whole.processor:.0f} | {whole.memory:.0f} |")
    print(f"| after a kill -9 | {rest.articles:,} | {rest.seconds:.0f} | {rest.processor:.0f} | {rest.memory:.0f} |")
    print(f"\nKilled with {stopped:,} articles stored; afterwards both databases hold the same.")


if __name__ == "__main__":
    main()
