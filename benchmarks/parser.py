"""What it costs to parse in a child process, and what the child is good for.

    python -m benchmarks.parser [--feeds FOLDER] [--json | --markdown]

The corpus is 200 generated feeds of 30 entries, half RSS and half Atom; `--feeds` takes the files of a folder
instead. Contenders take turns in every repetition, so that a machine that slows down slows all of them; the figure
is the median, the range stands beside it. Nothing is fetched.

The last two lines are what the project's bound is about: feedparser as it comes, in a process that knows nothing of
ours (which mends parts of it), without sanitising and resolving links; and our whole path over the same bytes: child
process, cleaning, dates, caps. Both on one core, where the system can bind a process to one.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pickle
import platform
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from media_coverage.config import Network
from media_coverage.parse import parse
from media_coverage.parser_process import PROCESSES, Limits, ParserProcess, parse_all
from media_coverage.records import Feed, Fetched, FetchOutcome, Outlet, ParsedFeed, Rejected

from .figures import Finding, Range, save

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

FEEDS, ENTRIES = 200, 30
FEED = Feed("https://ledger.example/feeds/world.xml", Outlet("Morning Ledger", "GB", "uk"))
NETWORK = Network()
LEAD = (
    "<p>Talks went on into the <b>night</b>, aides said &amp; wrote. Neither side named a date for the next round.</p> "
)


ALONE, WHOLE = "corpus, feedparser alone, one core", "corpus in one child, one core"
BOUND = 1.2
"""Our whole path may cost so many times feedparser alone."""
FEEDPARSER = """
import io, pickle, sys, time
import feedparser
bodies = pickle.load(sys.stdin.buffer)
def parse(body):
    return len(feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False).entries)
parse(bodies[0])
began = time.perf_counter()
entries = sum(map(parse, bodies))
print(entries, time.perf_counter() - began)
"""


def document(body: bytes) -> Fetched:
    """A body as if it had just been fetched."""
    headers = {"content-type": "application/xml"}
    return Fetched(FEED, FetchOutcome.OK, datetime(2026, 2, 3, tzinfo=UTC), 1, 200, FEED.url, headers, body)


def generated(number: int) -> bytes:
    """An RSS or an Atom feed of ENTRIES entries, about 30 KB."""
    names = [f"{number}-{entry}" for entry in range(ENTRIES)]
    lead = (LEAD * 6).replace("&", "&amp;").replace("<", "&lt;")
    if number % 2:
        items = "".join(
            f"<item><title>Envoys meet by lake {name}</title><link>https://ledger.example/{name}</link><guid>{name}</guid>"
            f"<pubDate>Tue, 03 Feb 2026 09:00:00 +0100</pubDate><description>{lead}</description></item>"
            for name in names
        )
        return f'<?xml version="1.0"?><rss version="2.0"><channel><title>L</title>{items}</channel></rss>'.encode()
    entries = "".join(
        f"<entry><id>tag:ledger.example,2026:{name}</id><title>Envoys meet by lake {name}</title>"
        f'<link href="https://ledger.example/{name}"/><updated>2026-02-03T09:00:00+01:00</updated>'
        f'<summary type="html">{lead}</summary></entry>'
        for name in names
    )
    return f'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>L</title>{entries}</feed>'.encode()


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured time in seconds, and how many entries were parsed in it where that is the point."""

    name: str
    seconds: tuple[float, ...]
    entries: int = 0

    @property
    def median(self) -> float:
        """In seconds."""
        return statistics.median(self.seconds)

    def row(self) -> tuple[str, str, str]:
        """Name, time with its range, entries per second."""
        low, high = min(self.seconds), max(self.seconds)
        speed = f"{self.entries / self.median:,.0f}" if self.entries else ""
        return self.name, f"{self.median * 1000:,.1f} ms [{low * 1000:,.1f}–{high * 1000:,.1f}]", speed


def count(parsed: ParsedFeed | Rejected | None) -> int:
    """Entries of an answer."""
    return len(parsed.entries) if isinstance(parsed, ParsedFeed) else 0


def measured(contenders: dict[str, Callable[[], int]], repetitions: int) -> list[Figure]:
    """Every contender, in turns. A contender returns how many entries it has parsed."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    entries = dict.fromkeys(contenders, 0)
    for _ in range(repetitions):
        for name, contender in contenders.items():
            began = time.perf_counter()
            entries[name] = contender()
            times[name].append(time.perf_counter() - began)
    return [Figure(name, tuple(times[name]), entries[name]) for name in contenders]


def figures(corpus: Sequence[Fetched], repetitions: int) -> list[Figure]:
    """All that is measured."""
    small = document(generated(1)[:2000] + b"</description></item></channel></rss>")
    slow = document(b"<rss><channel><item><author>" + b"a@a." * 8192 + b"</author></item></channel></rss>")
    limits = Limits.of(NETWORK)

    def start() -> int:
        with ParserProcess(limits) as parser:
            parser.parse(small, 1)
        return 0

    def once(parser: ParserProcess, fetched: Fetched) -> int:
        parser.parse(fetched, 1)
        return 0

    def here(fetched: Fetched) -> int:
        parse(fetched, 1)
        return 0

    with ParserProcess(limits) as parser:
        once(parser, small)  # the child is there, and warm
        return measured(
            {
                "start a child, parse 2 KB, end": start,
                "2 KB in this process": lambda: here(small),
                "2 KB in a living child": lambda: once(parser, small),
                "32 KB of author that a pattern is slow on": lambda: once(parser, slow),
                "corpus in this process": lambda: sum(count(parse(each, 5000)) for each in corpus),
                "corpus in one child": lambda: sum(count(parser.parse(each, 5000)) for each in corpus),
                f"corpus in {PROCESSES} children, started for it": lambda: sum(
                    count(parsed) for _, parsed in parse_all(corpus, NETWORK)
                ),
            },
            repetitions,
        )


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """This process and those it starts share one core, where the system allows to say so."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def feedparser_alone(bodies: Sequence[bytes]) -> tuple[int, float]:
    """(entries, seconds) of feedparser in a process of its own, its start not counted."""
    command = [sys.executable, "-W", "ignore", "-c", FEEDPARSER]
    done = subprocess.run(command, input=pickle.dumps(list(bodies)), stdout=subprocess.PIPE, check=True)  # noqa: S603
    entries, seconds = done.stdout.split()
    return int(entries), float(seconds)


def side_by_side(corpus: Sequence[Fetched], repetitions: int) -> list[Figure]:
    """feedparser alone and our whole path on one core, in turns."""
    alone, whole, read, kept = [], [], 0, 0
    with one_core(), ParserProcess(Limits.of(NETWORK)) as parser:
        parser.parse(corpus[0], 1)
        for _ in range(repetitions):
            read, seconds = feedparser_alone([each.body for each in corpus])
            alone.append(seconds)
            began = time.perf_counter()
            kept = sum(count(parser.parse(each, 5000)) for each in corpus)
            whole.append(time.perf_counter() - began)
    return [Figure(ALONE, tuple(alone), read), Figure(WHOLE, tuple(whole), kept)]


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--feeds", type=Path, help="a folder of recorded feeds to take for the corpus")
    options.add_argument("--repetitions", type=int, default=7)
    options.add_argument("--json", type=Path, metavar="FILE", help="also write every figure there")
    options.add_argument("--markdown", action="store_true")
    chosen = options.parse_args()
    if chosen.feeds:
        bodies = [path.read_bytes() for path in sorted(chosen.feeds.glob("*.xml"))]
    else:
        bodies = [generated(number) for number in range(FEEDS)]
    corpus = [document(body) for body in bodies]
    results = figures(corpus, chosen.repetitions) + side_by_side(corpus, chosen.repetitions)
    ratio = results[-1].median / results[-2].median
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit / 2**20
    machine = (
        f"{platform.machine()}, {os.cpu_count()} processors, {platform.system()}, Python {platform.python_version()}"
    )
    about = f"{len(corpus)} feeds, {sum(map(len, bodies)) / 2**20:.1f} MiB; {machine}; largest child {peak:.0f} MiB"
    findings = [
        Finding("our whole path ÷ feedparser alone, one core", ratio, below=BOUND),
        *(
            Finding(each.name, 1e3 * each.median, " ms", spread=Range(tuple(1e3 * value for value in each.seconds)))
            for each in results
        ),
        Finding("largest child", peak, " MiB"),
    ]
    times = {figure.name: {"seconds": figure.seconds, "entries": figure.entries} for figure in results}
    save(chosen.json, findings, {"corpus": about, "peak_child_mib": round(peak), "ratio": ratio, "times": times})
    rows = [("", f"median of {chosen.repetitions}", "entries/s"), *(figure.row() for figure in results)]
    if chosen.markdown:
        rows.insert(1, ("---", "---:", "---:"))
        print("\n".join("| " + " | ".join(row) + " |" for row in rows))
    else:
        print("\n".join(f"{name:45} {seconds:>32} {speed:>12}" for name, seconds, speed in rows))
    verdict = "met" if ratio <= BOUND else "missed"
    print(
        ("\n" if chosen.markdown else "")
        + f"our whole path ÷ feedparser alone: {ratio:.2f} (goal ≤ {BOUND}: {verdict})"
    )
    print(about)


if __name__ == "__main__":
    main()
