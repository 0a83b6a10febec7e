"""Where the processor time of an import goes, by part.

    python -m benchmarks.importing [100000] [--file ARCHIVE] [--markdown]

An invented archive of so many rows (benchmarks/archive.py), or a file of your own with columns of ordinary names, is
imported by one process, without labels. A signal after every two milliseconds of processor time looks where the program
is; what has passed since the last one counts for the innermost function that `PARTS` names. Unlike a tracing profiler
this makes calls of small functions no dearer than they are.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

EVERY = 0.002

PARTS = {
    "archive": "reading the file",
    "mapping": "columns, cleaning, dates",
    "identity": "addresses and identity",
    "wire": "credits of agencies",
    "language": "language",
    "topic": "keywords",
    "stories": "stories: words, index numbers, comparison",
    "imports.alike": "stories: words, index numbers, comparison",
    "imports._write": "storing: inserts",
    "imports._note_origin": "storing: inserts",
    "imports._batch": "storing: look-ups",
    "imports._index_of": "storing: look-ups",
    "imports._articles": "storing: look-ups",
    "imports": "storing: what is new",
    "connection": "storing: commits",
    "pipeline.apply_aggregates": "counts of days and periods",
    "aggregate": "counts of days and periods",
    "backfill": "rows of a batch",
}
"""Module, or module and function → part. What stands nowhere here is the start of the program and its end."""

OTHER = "start: imports, the model, the language detector"


class Sampler:
    """Processor seconds by part, of the thread that it is started in."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._last = time.process_time()

    def __enter__(self) -> Sampler:
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)
        return self

    def __exit__(self, *exception: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _look(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as signals are handled
        now = time.process_time()
        self.seconds[self._part(frame)] += now - self._last
        self._last = now

    @staticmethod
    def _part(frame: FrameType | None) -> str:
        while frame:
            path, name = frame.f_code.co_filename, frame.f_code.co_name
            if "media_coverage" in path:
                module = os.path.basename(path).removesuffix(".py")  # noqa: PTH119 - this is asked very often
                if part := PARTS.get(f"{module}.{name}") or PARTS.get(module):
                    return part
            elif name == "_find_and_load":
                return OTHER
            frame = frame.f_back
        return OTHER


def measured(archive: Path, settings: Path) -> dict[str, float]:
    """Processor seconds by part of the import of an archive, in this process."""
    with Sampler() as sampler:
        from media_coverage.cli import main

        with contextlib.suppress(SystemExit):
            main(["import", str(archive), "--no-label", "--workers", "1", "--json", "--config", str(settings)])
    return dict(sampler.seconds)


def in_a_child(archive: Path, settings: Path) -> dict[str, float]:
    """`measured` in a process of its own, which also counts what Python needs to start."""
    arguments = [sys.executable, "-m", "benchmarks.importing", "--file", str(archive), "--settings", str(settings)]
    before = os.times()
    done = subprocess.run(arguments, check=True, capture_output=True, text=True)  # noqa: S603
    after = os.times()
    counts, seconds = done.stdout.rsplit("\n", 2)[0], json.loads(done.stdout.rstrip().rsplit("\n", 1)[1])
    (file,) = json.loads(counts)["files"]
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    seconds[OTHER] = seconds.get(OTHER, 0.0) + spent - sum(seconds.values())
    return {"rows": file["counts"]["rows"], **seconds}


def table(rows: int, seconds: dict[str, float], *, markdown: bool) -> str:
    """Parts with their seconds, their share of the whole, and microseconds a row; the largest first."""
    whole = sum(seconds.values())
    lines = [
        (part, f"{spent:.2f}", f"{100 * spent / whole:.1f} %", f"{1e6 * spent / rows:.0f}")
        for part, spent in sorted(seconds.items(), key=lambda item: -item[1])
    ]
    lines.append(("all", f"{whole:.2f}", "", f"{1e6 * whole / rows:.0f}"))
    head = (f"{rows:,} rows", "processor seconds", "share", "µs a row")
    if markdown:
        return "\n".join(f"| {' | '.join(line)} |" for line in (head, ("---", "---:", "---:", "---:"), *lines))
    return "\n".join(f"{line[0]:46}{line[1]:>18}{line[2]:>9}{line[3]:>10}" for line in (head, *lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=100_000)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--settings", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure there")
    parser.add_argument("--markdown", action="store_true")
    args = parser.parse_args()
    if args.settings:
        print(json.dumps(measured(args.file, args.settings)))
        return
    from .archive import configuration, write
    from .figures import Finding, save

    with tempfile.TemporaryDirectory() as folder:
        archive, settings = args.file or Path(folder, "archive.csv"), Path(folder, "feeds.yaml")
        settings.write_text(configuration() + "database: own.db\n", encoding="utf-8")
        if not args.file:
            write(args.count, archive)
        found = in_a_child(archive, settings)
    rows = int(found.pop("rows"))
    print(table(rows, found, markdown=args.markdown))
    whole = sum(found.values())
    largest = sorted(found.items(), key=lambda item: -item[1])[:6]
    save(
        args.json,
        [
            Finding(f"import of {rows:,} articles, processor time of one", 1e6 * whole / rows, " µs"),
            *(Finding(f"of that: {part}", 100 * spent / whole, " %", below=10) for part, spent in largest),
        ],
        {"rows": rows, "processor_seconds": found},
    )


if __name__ == "__main__":
    main()
