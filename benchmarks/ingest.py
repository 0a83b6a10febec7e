"""A whole pass over many feeds, from the first request to the last commit, and what it costs as the feeds grow.

    python -m benchmarks.ingest [--peers PYTHON] [--repetitions N] [--scale FEEDS …] [--json FILE] [--markdown]
    python -m benchmarks.ingest --profile [--feeds N]

200 generated feeds of 30 entries, half RSS and half Atom, wait behind a web server on loopback that takes 50 ms for
each answer. Every feed has an address (127.1.0.1, 127.1.0.2, …) and so a host of its own, as in life: the gap between
two requests to one host stays on. Each reader (benchmarks/readers.py) makes four runs: the first, one in which the
server answers 304 to whoever sends the ETag, one in which the same bytes come again, and one in which every feed has
two entries that it did not have. Readers take turns in every repetition, so that a machine that slows down slows all
of them; figures are medians with their range.

`--peers` names the interpreter of an environment with reader and feed-to-sqlite (`make bench-ingest` makes one);
without it only this project runs. `--scale` then runs this project alone over more and more feeds and watches its
memory, children included. `--profile` says instead where the processor time of a first and of an unchanged run goes.
Linux only: other systems answer on 127.0.0.1 alone.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import pstats
import random
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .contenders import CORPUS
from .figures import HEADS, Finding, Range, machine, markdown, plain, save
from .readers import READERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Results = dict[str, dict[str, list[dict[str, Any]]]]
    """By reader (or number of feeds) and run: what `timed` gave in each repetition."""

FEEDS, ENTRIES = 200, 30
DELAY = 0.05
ON_TOPIC, SYNDICATED = 0.02, 0.05
"""Share of texts with the keywords, when FEEDS are read, and of texts that another outlet has too."""
OWN, RIVAL = "media-coverage", "reader, 10 workers"
FIRST, NOT_MODIFIED = "first run", "unchanged, 304"
RUNS = {
    FIRST: (0, True),
    NOT_MODIFIED: (0, True),
    "unchanged, same bytes": (0, False),
    "two new entries a feed": (1, True),
}
"""What is measured, with which edition the server answers, and whether it honours validators."""
NEWS = 2
"""Entries of the second edition that the first did not have."""
MEASURES = {
    "From the first request to the last commit": "seconds",
    "Processor time of that": "cpu_seconds",
    "The whole process, with its start": "process_seconds",
}
WATCHED = 0.1
"""Seconds between two looks at the memory."""
_KEYWORDS = re.compile(r"\b(?:trump|putin|kremlin|russia\w*|house)\b", re.IGNORECASE)


# ---------------------------------------------------------------------- what is served


@dataclass(frozen=True, slots=True)
class Item:
    """What an entry says."""

    title: str
    lead: str
    minute: int


def items(feeds: int) -> list[list[Item]]:
    """Texts of ENTRIES entries and NEWS more for each feed, the same every time.

    They are words of the authored corpus in a random order; a word comes as often as it does there. Some texts are in
    two feeds. Few have the keywords of the topic, and as many among few feeds as among many, so that what grows with
    the feeds is reading them.
    """
    rows = [json.loads(line) for path in sorted(CORPUS.glob("*.jsonl")) for line in path.open(encoding="utf-8")]
    words = [word for row in rows for word in row["title"].split() if not _KEYWORDS.search(word)]
    rng = random.Random(feeds)  # noqa: S311 - reproducible, not secret
    made: list[list[Item]] = []
    for number in range(feeds):
        listed = []
        for minute in range(ENTRIES + NEWS):
            title, lead = " ".join(rng.choices(words, k=rng.randint(7, 14))), rng.choices(words, k=rng.randint(40, 110))
            if rng.random() < ON_TOPIC * FEEDS / feeds:
                title += " as Trump and Putin meet"
            item = Item(title, " ".join(lead) + ".", minute)
            if number and rng.random() < SYNDICATED:
                item = made[rng.randrange(number)][minute]
            listed.append(item)
        made.append(listed)
    return made


def document(number: int, listed: Sequence[Item]) -> bytes:
    """The RSS (odd numbers) or Atom document of one outlet, about 30 KB."""
    site = f"https://outlet{number}.example"
    if number % 2:
        entries = "".join(
            f"<item><title>{escape(item.title)}</title><link>{site}/{item.minute}?utm_source=rss</link>"
            f"<guid isPermaLink='false'>{site}/{item.minute}</guid><category>World</category><category>News</category>"
            f"<pubDate>Tue, 03 Feb 2026 07:{item.minute:02}:00 +0100</pubDate>"
            f"<description>{escape(marked_up(item.lead, site))}</description></item>"
            for item in listed
        )
        return (
            f'<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>Outlet {number}</title>'
            f"<link>{site}/</link><description>News</description><language>en</language>{entries}</channel></rss>"
        ).encode()
    entries = "".join(
        f"<entry><id>tag:outlet{number}.example,2026:{item.minute}</id><title>{escape(item.title)}</title>"
        f'<link href="{site}/{item.minute}"/><updated>2026-02-03T07:{item.minute:02}:00+01:00</updated>'
        f'<author><name>A reporter</name></author><summary type="html">{escape(marked_up(item.lead, site))}</summary>'
        "</entry>"
        for item in listed
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">'
        f'<title>Outlet {number}</title><id>{site}/</id><link href="{site}/"/><updated>2026-02-03T08:00:00Z</updated>'
        f"{entries}</feed>"
    ).encode()


def address(number: int) -> str:
    """Where feed `number` lives."""
    return f"127.1.{number // 250}.{number % 250 + 1}"


def marked_up(lead: str, site: str) -> str:
    """A lead as publishers send it."""
    half = len(lead) // 2
    return (
        f'<p><img src="{site}/lead.jpg" alt="" width="480"/>{escape(lead[:half])}</p><p>{escape(lead[half:])}'
        f' <a href="{site}/more">Read more</a></p>'
    )


def editions(feeds: int) -> list[list[bytes]]:
    """The documents of all feeds, and those a while later, which have lost the oldest entries and gained as many."""
    made = items(feeds)
    windows = (slice(NEWS * edition, NEWS * edition + ENTRIES) for edition in range(2))
    return [[document(number, listed[window][::-1]) for number, listed in enumerate(made)] for window in windows]


class Server:
    """Serves one document per address, at any path, from a thread of its own until the context is left."""

    def __init__(self, editions: Sequence[Sequence[bytes]]) -> None:
        self.edition, self.honours_validators = 0, True
        self._editions = [
            {address(number): (body, f'"{zlib.crc32(body)}"') for number, body in enumerate(bodies)}
            for bodies in editions
        ]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="server")

    def __enter__(self) -> Server:
        self._thread.start()
        first, *others = self._editions[0]
        self.port = asyncio.run_coroutine_threadsafe(self._listen([first], 0), self._loop).result()
        asyncio.run_coroutine_threadsafe(self._listen(others, self.port), self._loop).result()
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def urls(self) -> list[str]:
        """One address per document."""
        return [f"http://{address}:{self.port}/feed.xml" for address in self._editions[0]]

    async def _listen(self, addresses: list[str], port: int) -> int:
        server = await asyncio.start_server(self._answer, addresses or None, port)
        return int(server.sockets[0].getsockname()[1])

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            request = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            body, tag = self._editions[self.edition][writer.get_extra_info("sockname")[0]]
            await asyncio.sleep(DELAY)
            if self.honours_validators and f"if-none-match: {tag}" in request:
                body = b""
            head = [
                "HTTP/1.1 200 OK" if body else "HTTP/1.1 304 Not Modified",
                f"ETag: {tag}",
                "Content-Type: application/xml; charset=utf-8",
                "Connection: close",
                *([f"Content-Length: {len(body)}"] if body else []),
            ]
            writer.write("\r\n".join([*head, "", ""]).encode() + body)
            await writer.drain()
        writer.close()


# ---------------------------------------------------------------------- measuring


def timed(name: str, python: str, folder: Path, *more: str) -> dict[str, Any]:
    """One run of a reader in a process of its own: what it prints, and what the process as a whole took.

    `more` are further arguments of benchmarks/readers.py.
    """
    environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    # reader 3.26 carries a feedparser that its own dependencies no longer support.
    environment["READER_NO_VENDORED_FEEDPARSER"] = "1"
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [python, str(Path(__file__).with_name("readers.py")), name, str(folder), *more]
    with (
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process,  # noqa: S603
        Watch(process.pid) as watch,
    ):
        printed = process.communicate()[0]
    if process.returncode:
        sys.exit(f"{name} failed with exit code {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    result: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return result | {
        "process_seconds": time.perf_counter() - began,
        "process_cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak_bytes": watch.peak,
    }


class Watch:
    """Notes the most memory that a process and its children share out among themselves (PSS)."""

    def __init__(self, pid: int) -> None:
        self.peak = 0
        self._pid, self._over = pid, threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(WATCHED):
            self.peak = max(self.peak, sum(map(pss, family(self._pid))))


def family(pid: int) -> Iterator[int]:
    """A process and its descendants."""
    yield pid
    with contextlib.suppress(OSError):
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text().split():
                yield from family(int(child))


def pss(pid: int) -> int:
    """Bytes of memory of a process, pages that it shares divided among those that share them; 0 when it has ended."""
    try:
        found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def passes(
    names: Sequence[str], peers: str | None, feeds: int, repetitions: int, runs: Sequence[str] = tuple(RUNS)
) -> Results:
    """The runs of every reader, in turns."""
    results: Results = {name: {run: [] for run in runs} for name in names}
    with Server(editions(feeds)) as server:
        for _ in range(repetitions):
            for name in names:
                with tempfile.TemporaryDirectory() as folder:
                    Path(folder, "feeds.txt").write_text("\n".join(server.urls), encoding="utf-8")
                    for run in runs:
                        server.edition, server.honours_validators = RUNS[run]
                        python = sys.executable if name.startswith(OWN) else str(peers)
                        result = timed(name, python, Path(folder))
                        expected = feeds * (ENTRIES + NEWS * server.edition)
                        if result["entries"] != expected:
                            sys.exit(f"{name} holds {result['entries']} entries, not {expected}, after its {run}")
                        results[name][run].append(result)
    return results


_STORIES = ("wording", "bands", "headline_band", "compare")
PARTS: dict[str, tuple[tuple[str, str], ...]] = {
    "language of texts": (("language.py", "detect"),),
    "identity of entries": (("identity.py", "identify"), ("language.py", "-detect")),
    "stories: words, index, comparison": tuple(("stories.py", name) for name in _STORIES),
    "storing: SQL and what stands around it": (
        ("ingestion.py", "record"),
        *(("stories.py", f"-{name}") for name in _STORIES),
    ),
    "gate": (("pipeline.py", "apply_gate"),),
    "aggregates": (("pipeline.py", "apply_aggregates"),),
    "health": (("pipeline.py", "apply_health"),),
}
"""Parts of the main thread's work, by functions whose time with all that they call is theirs; -name takes away."""


def profiled(feeds: int) -> list[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
    """(heads, rows): where the processor time of a first run and of an unchanged one goes."""
    runs: dict[str, dict[str, float]] = {}
    with Server(editions(feeds)) as server, tempfile.TemporaryDirectory() as folder:
        Path(folder, "feeds.txt").write_text("\n".join(server.urls), encoding="utf-8")
        for run in (FIRST, NOT_MODIFIED):
            server.edition, server.honours_validators = RUNS[run]
            result = timed(OWN, sys.executable, Path(folder), str(Path(folder, "profile")))
            runs[run] = shares(pstats.Stats(str(Path(folder, "profile"))), result)
    heads = ("Processor time under cProfile, seconds", *runs)
    return [(heads, [(part, *(f"{run[part]:.2f}" for run in runs.values())) for part in runs[FIRST]])]


def shares(profile: pstats.Stats, result: dict[str, Any]) -> dict[str, float]:
    """Seconds by part, of which each second belongs to one."""
    cumulative: dict[tuple[str, str], float] = {}
    for (path, _, function), (_, _, _, spent, _) in profile.stats.items():  # type: ignore[attr-defined]
        key = (Path(path).name, function)
        cumulative[key] = cumulative.get(key, 0.0) + spent

    def seconds(module: str, function: str) -> float:
        return cumulative.get((module, function.removeprefix("-")), 0.0) * (-1 if function.startswith("-") else 1)

    found = {part: sum(seconds(*function) for function in functions) for part, functions in PARTS.items()}
    classifying = seconds("readers.py", "classify")
    run, model = seconds("pipeline.py", "run"), result["labelling_cpu_seconds"]
    return {
        "parser children": result["children"],
        "model": model,
        "other threads: requests, loading the detector": result["other_threads"] - (model - classifying),
        **found,
        "rest of the run": run - classifying - sum(found.values()),
        "before the run: imports, loading the model": result["main_thread"] - run,
    }


# ---------------------------------------------------------------------- what is printed


def figure(results: Sequence[dict[str, Any]], key: str, unit: float = 1) -> Range:
    """One key of the repetitions of a run."""
    return Range(tuple(result[key] / unit for result in results))


def findings(results: Results, grown: Results) -> list[Finding]:
    """The times, and the project's bounds as far as what was measured answers them."""
    first, unchanged = (figure(results[OWN][run], "seconds") for run in (FIRST, NOT_MODIFIED))
    found = [
        Finding("first run", first.median, " s", below=3, spread=first),
        Finding("unchanged run, 304", unchanged.median, " s", below=1.3, spread=unchanged),
    ]
    if RIVAL in results:
        theirs = [figure(results[RIVAL][run], "seconds").median for run in (FIRST, NOT_MODIFIED)]
        found.insert(0, Finding(f"first run: {RIVAL} ÷ {OWN}", theirs[0] / first.median, at_least=3))
        found.insert(1, Finding(f"unchanged run, 304: {RIVAL} ÷ {OWN}", theirs[1] / unchanged.median, at_least=1.5))
    if grown:
        few, *_, many = grown
        cpu = {feeds: grown[feeds][FIRST][0]["cpu_seconds"] / int(feeds) for feeds in (few, many)}
        peak = max(result["peak_bytes"] for result in grown[many][FIRST]) / 1e6
        found.append(Finding(f"peak memory with {many} feeds", peak, " MB", below=500))
        found.append(Finding(f"processor time a feed, {many} feeds ÷ {few} feeds", cpu[many] / cpu[few], below=1.2))
    return found


def tables(results: Results, grown: Results) -> list[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
    """(heads, rows) of times, of growth and of the goals."""
    found = [
        (
            (f"{what}, seconds", *RUNS),
            [(name, *(str(figure(runs[run], key)) for run in RUNS)) for name, runs in results.items()],
        )
        for what, key in MEASURES.items()
    ]
    if grown:
        heads = (
            "feeds",
            "first run, s",
            "its processor time, s",
            "unchanged run, s",
            "peak memory, MB",
            "unchanged, MB",
        )
        rows = []
        for feeds, runs in grown.items():
            first, again = runs[FIRST], runs[NOT_MODIFIED]
            times = (figure(first, "seconds"), figure(first, "cpu_seconds"), figure(again, "seconds"))
            peaks = (figure(first, "peak_bytes", 1e6), figure(again, "peak_bytes", 1e6))
            rows.append((feeds, *(f"{each.median:.2f}" for each in times), *(f"{each.median:.0f}" for each in peaks)))
        found.append((heads, rows))
    found.append((HEADS, [each.row() for each in findings(results, grown)]))
    return found


def notes(results: Results, about: dict[str, Any]) -> list[str]:
    """What was measured, and where."""
    labelled = results[OWN][FIRST]
    corpus = (
        f"{about['feeds']} feeds of {ENTRIES} entries, {about['megabytes']:.1f} MB, {DELAY * 1000:.0f} ms an answer"
    )
    labels = f"{labelled[0]['labels']} texts in {figure(labelled, 'labelling_seconds')} s"
    where = f"{about['processor']}, {about['cores']} cores, {about['system']}, Python {about['python']}"
    return [
        f"{corpus}; medians of {about['repetitions']} repetitions with their range.",
        f"After its first run {OWN} labels {labels}, which no other reader does; the times above end before it.",
        f"{where}; {about['versions']}. Load average at the start {about['load_average']:.2f}.",
    ]


def versions(peers: str | None) -> str:
    """The readers' versions."""
    names = {sys.executable: [OWN], **({peers: ["reader", "feed-to-sqlite"]} if peers else {})}
    code = "import sys, importlib.metadata as m; print(*(f'{n} {m.version(n)}' for n in sys.argv[1:]), sep=', ')"
    return ", ".join(
        subprocess.run([python, "-c", code, *own], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
        for python, own in names.items()
    )


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.ingest", description=(__doc__ or "").partition("\n")[0]
    )
    options.add_argument("--peers", metavar="PYTHON", help="interpreter that has reader and feed-to-sqlite")
    options.add_argument("--readers", nargs="+", choices=READERS, help="only these; media-coverage is always there")
    options.add_argument("--feeds", type=int, default=FEEDS)
    options.add_argument("--repetitions", type=int, default=3)
    options.add_argument(
        "--scale", type=int, nargs="*", default=(), metavar="FEEDS", help="also run over so many feeds"
    )
    options.add_argument("--profile", action="store_true", help="only say where this project's processor time goes")
    options.add_argument("--json", type=Path, metavar="FILE", help="also write every figure there")
    options.add_argument("--markdown", action="store_true", help="print what docs/benchmarks.md holds")
    chosen = options.parse_args()
    # Every address has a socket of its own.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    form = markdown if chosen.markdown else plain
    if chosen.profile:
        print("\n\n".join(form(heads, rows) for heads, rows in profiled(chosen.feeds)))
        return
    about = {
        "feeds": chosen.feeds,
        "megabytes": sum(map(len, editions(chosen.feeds)[0])) / 1e6,
        "repetitions": chosen.repetitions,
        "versions": versions(chosen.peers),
        **machine((OWN, "feedparser", "httpx2", "sqlite-utils")),
    }
    wanted = chosen.readers or list(READERS)
    names = [name for name in READERS if name == OWN or (name in wanted and (chosen.peers or name.startswith(OWN)))]
    results = passes(names, chosen.peers, chosen.feeds, chosen.repetitions)
    grown = {str(feeds): passes([OWN], None, feeds, 1, (FIRST, NOT_MODIFIED))[OWN] for feeds in chosen.scale}
    save(chosen.json, findings(results, grown), {"about": about, "readers": results, "scale": grown})
    print("\n\n".join(form(heads, rows) for heads, rows in tables(results, grown)))
    print("\n" + "\n".join(notes(results, about)))


if __name__ == "__main__":
    main()
