"""From a file of an archive to reports, at growing sizes: what each step costs, and whether all roads agree.

    python -m benchmarks.scale [--sizes 1000 10000 …] [--on-topic 0.004] [--engines local ray] [--keep FOLDER]

For each size an invented archive (benchmarks/archive.py) is written as Parquet, imported, labelled, counted and
reported by the commands that a user would type. Its articles are then written as Parquet files, labelled there by each
engine and counted by DuckDB into a second database. Two things must hold, or the run fails: engines write equal bytes,
and the counts by day and period of the lake are those of the database. Slopes come from the logarithms
of size and processor seconds: 1 is linear. Memory is the peak of the largest single process of a step.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from media_coverage.store import open_store

from .archive import configuration, write
from .figures import Finding, machine, save

if TYPE_CHECKING:
    from collections.abc import Sequence

COUNTS = (
    "SELECT * FROM v_daily_frames ORDER BY date, outlet",
    (
        "SELECT period, scope, first_day, name, all_articles, articles, stories, own_articles, uncertain, "
        "hopeful_peace, appeasement, mixed, neither FROM period_frames WHERE scope NOT IN ('genre', 'voice') "
        "ORDER BY period, scope, first_day, name"
    ),
)
"""What a lake and a database must agree about. Genre and voice come from feeds and people, of whom a lake is silent."""

COUNT_ANEW = """
import sqlite3, sys
from pathlib import Path
from media_coverage import pipeline
from media_coverage.store import open_store
with sqlite3.connect(sys.argv[1]) as db:
    db.execute("INSERT OR IGNORE INTO changed_day SELECT DISTINCT date FROM article")
with open_store(Path(sys.argv[1]), read_only=False) as store:
    pipeline.apply_aggregates(store)
"""
WRITE_LAKE = "import sys; from pathlib import Path; from media_coverage import labelling; "
WRITE_LAKE += "labelling.export(Path(sys.argv[1]), Path(sys.argv[2]))"


@dataclass(frozen=True, slots=True)
class Step:
    """What a step cost: seconds by the clock, processor seconds with its children, MiB of its largest process."""

    name: str
    articles: int
    texts: int
    seconds: float
    processor: float
    memory: float
    disk: float


def run(name: str, articles: int, texts: int, arguments: Sequence[str], made: Path) -> Step:
    """Run a program to its end; `made` is the file or folder whose size counts."""
    before, started = os.times(), time.perf_counter()
    child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # noqa: S603
    said = child.stderr.read() if child.stderr else b""
    _, status, usage = os.wait4(child.pid, 0)
    seconds, after = time.perf_counter() - started, os.times()
    if status:
        sys.exit(f"{name} failed: {said.decode(errors='replace')[-2000:]}")
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    files = [made] if made.is_file() else [path for path in made.rglob("*") if path.is_file()]
    disk = sum(path.stat().st_size for path in files) / 2**20
    step = Step(name, articles, texts, seconds, processor, usage.ru_maxrss / 2**10, disk)
    print(f"{articles:>9,} {name:28} {seconds:8.1f} s {processor:8.1f} s {step.memory:6.0f} MiB", file=sys.stderr)
    return step


def measure(articles: int, on_topic: float, engines: Sequence[str], folder: Path) -> list[Step]:
    """All steps at one size, in an empty folder. Exits where two roads do not agree."""
    source, own, lake_db = folder / "archive.parquet", folder / "own.db", folder / "lake.db"
    settings = folder / "feeds.yaml"
    settings.write_text(configuration() + "database: own.db\n", encoding="utf-8")
    write(articles, source, on_topic=on_topic)
    command = [sys.executable, "-m", "media_coverage"]
    common = ["--config", str(settings)]
    workers = str(os.cpu_count() or 1)
    steps = [
        run(
            "import, gate, cluster, count",
            articles,
            0,
            [*command, "import", str(source), "--no-label", "--workers", workers, *common],
            own,
        )
    ]
    with open_store(own) as store:
        texts = store.counts()["passed_gate"]
    steps.append(run("classify in the database", articles, texts, [*command, "classify", *common], own))
    steps.append(run("count everything anew", articles, texts, [sys.executable, "-c", COUNT_ANEW, str(own)], own))
    page = folder / "report.html"
    steps.append(run("report", articles, texts, [*command, "report", "--out", str(page), *common], page))
    steps.append(run("trend", articles, texts, [*command, "trend", *common], page))
    exported = folder / "articles"
    steps.append(
        run(
            "write Parquet files",
            articles,
            texts,
            [sys.executable, "-c", WRITE_LAKE, str(own), str(exported)],
            exported,
        )
    )
    for engine in engines:
        target = folder / engine
        road = ["--engine", engine, "--from", str(exported), "--to", str(target)]
        steps.append(run(f"classify files, {engine}", articles, texts, [*command, "classify", *road, *common], target))
    first, *others = engines
    for other in others:
        agree(folder / first, folder / other)
    road = ["--from", str(folder / first), "--db", str(lake_db)]
    steps.append(run("count the lake", articles, texts, [*command, "aggregate", *road, *common], lake_db))
    compare(own, lake_db)
    return steps


def agree(one: Path, other: Path) -> None:
    """Exit unless both folders hold the same files, byte for byte."""
    names = [sorted(str(path.relative_to(folder)) for path in folder.rglob("*.parquet")) for folder in (one, other)]
    if names[0] != names[1] or not names[0]:
        sys.exit(f"{one.name} and {other.name} hold other files")
    _, different, missing = filecmp.cmpfiles(one, other, names[0], shallow=False)
    if different or missing:
        sys.exit(f"{one.name} and {other.name} differ in {different + missing}")


def compare(own: Path, lake: Path) -> None:
    """Exit unless both databases hold the same counts."""
    with open_store(own) as first, open_store(lake) as second:
        for sql in COUNTS:
            one, other = first.query(sql), second.query(sql)
            if one.empty or not one.equals(other):
                sys.exit(f"counts of the database and of the lake differ: {sql[:60]}")


def slopes(steps: Sequence[Step]) -> dict[str, float]:
    """By step, the exponent with which its processor seconds grow, from the two largest sizes."""
    found = {}
    for name in dict.fromkeys(step.name for step in steps):
        mine = sorted((step for step in steps if step.name == name), key=lambda step: step.articles)[-2:]
        if len(mine) == 2:
            (small, large) = mine
            found[name] = float(np.log(large.processor / small.processor) / np.log(large.articles / small.articles))
    return found


def table(steps: Sequence[Step]) -> str:
    """By step and size: seconds by the clock / of processors, and memory; the slope between the two largest sizes."""
    sizes = sorted({step.articles for step in steps})
    lines = ["| step | " + " | ".join(f"{size:,}" for size in sizes) + " | slope | disk at the largest |"]
    lines.append("|---|" + "---:|" * (len(sizes) + 2))
    grown = slopes(steps)
    for name in dict.fromkeys(step.name for step in steps):
        cells = {step.articles: step for step in steps if step.name == name}
        cost = [f"{c.seconds:.1f} / {c.processor:.1f} s, {c.memory:.0f} MiB" for c in (cells[size] for size in sizes)]
        largest = cells[sizes[-1]]
        lines.append(f"| {name} | {' | '.join(cost)} | {grown.get(name, 1):.2f} | {largest.disk:,.0f} MiB |")
    texts = {step.articles: step.texts for step in steps}
    lines.append("| texts labelled | " + " | ".join(f"{texts[size]:,}" for size in sizes) + " | | |")
    return "\n".join(lines)


def findings(steps: Sequence[Step]) -> list[Finding]:
    """What an article costs at the largest size, step by step, and how that grows."""
    largest, grown = max(step.articles for step in steps), slopes(steps)
    found = []
    for step in steps:
        if step.articles == largest:
            cost = 1e6 * step.processor / step.articles
            found.append(Finding(f"{step.name}, {largest:,} articles: processor time of one", cost, " µs"))
            if step.name in grown:
                found.append(Finding("exponent with which it grows", grown[step.name]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--on-topic", type=float, default=0.004, help="share of the texts that have to be labelled")
    parser.add_argument("--engines", nargs="+", choices=("local", "ray"), default=["local", "ray"])
    parser.add_argument("--keep", type=Path, help="leave what is made in this folder")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    args = parser.parse_args()
    steps: list[Step] = []
    with tempfile.TemporaryDirectory() as made:
        for size in sorted(args.sizes):
            folder = (args.keep or Path(made)) / str(size)
            folder.mkdir(parents=True)
            steps += measure(size, args.on_topic, args.engines, folder)
            # After every size: the largest may take longer than anyone waits.
            save(args.json, findings(steps), [asdict(step) for step in steps])
            if args.keep is None:
                shutil.rmtree(folder)
    print("\n".join(f"{name}: {value}" for name, value in machine(("duckdb", "onnxruntime", "pyarrow", "ray")).items()))
    print(f"on-topic share {args.on_topic}; engines agree byte for byte, and the lake's counts are the database's\n")
    print(table(steps))


if __name__ == "__main__":
    main()
