"""Every benchmark, one after another, and one table of what they found.

    python -m benchmarks [--only NAME …] [--peers PYTHON] [--train PYTHON] [--out FOLDER]

Each runs in a process of its own, which finds the machine quiet if nobody else uses it. The table goes to bench.md in
the folder, what each benchmark printed to NAME.txt, its figures to NAME.json. A figure that misses its goal fails
nothing; a benchmark that does not come to its end, for instance because two roads gave different results, is named in
the table and makes the exit code 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from .figures import HEADS, machine, markdown, place

PACKAGES = (
    *("media-coverage", "duckdb", "feedparser", "httpx2", "numpy", "onnxruntime", "pandas", "pyarrow", "ray"),
    *("sqlite-utils", "tokenizers"),
)
DATABASE = "million.db"
"""Of `queries`; made in the folder where it is missing, in two minutes."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One of them. `train` asks for an interpreter with torch, `peers` for one with other readers."""

    arguments: tuple[str, ...] = ()
    train: bool = False
    peers: bool = False


BENCHMARKS = {
    "classifier": Benchmark(train=True),
    "parser": Benchmark(),
    "ingest": Benchmark(("--scale", "500", "1000", "2000"), peers=True),
    "behaviour": Benchmark(peers=True),
    "importing": Benchmark(),
    "stories": Benchmark(),
    "broken_quote": Benchmark(),
    "scale": Benchmark(("--sizes", "1000", "10000", "100000")),
    "queries": Benchmark((DATABASE,)),
    "coverage": Benchmark(),
    "type_one": Benchmark(),
}
"""Those that need a quiet machine first; those that count, and always come to the same, last."""


def run(name: str, train: str | None, peers: str | None, folder: Path) -> tuple[int, float]:
    """(exit code, seconds) of a benchmark."""
    benchmark = BENCHMARKS[name]
    python = train if benchmark.train and train else sys.executable
    arguments = [str(folder / DATABASE) if each == DATABASE else each for each in benchmark.arguments]
    arguments += ["--peers", peers] if benchmark.peers and peers else []
    command = [python, "-m", f"benchmarks.{name}", *arguments, "--json", str(folder / f"{name}.json")]
    began = time.perf_counter()
    with (folder / f"{name}.txt").open("wb") as printed:
        done = subprocess.run(command, stdout=printed, check=False)  # noqa: S603
    return done.returncode, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, help="these; all when left out")
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter that has reader, feed-to-sqlite, time-machine")
    parser.add_argument("--train", metavar="PYTHON", help="interpreter that has torch and scikit-learn")
    parser.add_argument("--out", type=Path, default=Path("build"), metavar="FOLDER")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    where = machine(PACKAGES)
    names = chosen.only or list(BENCHMARKS)
    if "queries" in names and not (chosen.out / DATABASE).exists():
        make = [sys.executable, "-m", "benchmarks.archive", "database", "1000000", str(chosen.out / DATABASE)]
        subprocess.run(make, check=True)  # noqa: S603
    rows: list[tuple[str, ...]] = []
    failed = False
    for name in names:
        (chosen.out / f"{name}.json").unlink(missing_ok=True)
        load = os.getloadavg()[0]
        code, seconds = run(name, chosen.train, chosen.peers, chosen.out)
        failed |= code != 0
        rows.append(
            (f"**{name}** (load before it {load:.2f})", f"{seconds:,.0f} s", "", f"exit {code}" if code else "")
        )
        if (chosen.out / f"{name}.json").exists():
            found = json.loads((chosen.out / f"{name}.json").read_text(encoding="utf-8"))["findings"]
            rows += [tuple(row) for row in found]
        heading = f"# Benchmarks of {time.strftime('%Y-%m-%d')}\n\n{place(where)}\nModel {where['model']}.\n"
        told = "Medians, their range beside them where something was measured more than once.\n"
        table = f"{heading}{told}\n{markdown(HEADS, rows)}\n"
        (chosen.out / "bench.md").write_text(table, encoding="utf-8")  # after each: a later one may be stopped
    print(table)
    sys.exit(failed)


if __name__ == "__main__":
    main()
