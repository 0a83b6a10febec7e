"""Documents made to break a parser, parsed in the child process as the pipeline does it.

    python tools/fuzz.py --inputs 100000 --seed 1

Each input is a bundled sample feed, a JSON Feed, a news sitemap or a page, changed by one to four of `MUTATIONS` and
sent with a likely or unlikely Content-Type. Input number n of a seed is always the same document: `--only n` writes
it to standard output. Ctrl-C ends early, with the figures so far.

Whatever comes in, what comes out has to be a record, clean, within its caps and in time; a document may cost the
child its life only by reaching a limit. Exit code 0 when that held for every input, 1 otherwise.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import resource
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from media_coverage.config import Network
from media_coverage.parser_process import PROCESSES, Limits, ParserProcess
from media_coverage.prose import MAX_CHARACTERS
from media_coverage.records import Entry, Feed, Fetched, FetchOutcome, Outlet, ParsedFeed, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SAMPLES = Path(__file__).parents[1] / "src" / "coverage" / "media_coverage" / "samples"
FEED = Feed("https://ledger.example/feeds/world.xml", Outlet("Morning Ledger", "GB", "uk"))
MAX_ENTRIES = 50
SLACK = 60.0
"""Seconds by which a document may overrun the clock: on a busy machine clock and child wait for a processor."""


# ---------------------------------------------------------------------- seeds


def short(document: bytes) -> bytes:
    """A sample feed with its first three items."""
    ends = [match.end() for match in re.finditer(rb"</(?:item|entry)>", document)]
    return document[: ends[2]] + document[ends[-1] :] if len(ends) > 3 else document


JSON_FEED = json.dumps(
    {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Morning Ledger",
        "items": [
            {"id": 1, "url": "/lake", "title": "Envoys meet", "content_html": "<p>Talks &amp; more</p>"},
            {
                "id": "2",
                "external_url": "https://post.example/",
                "summary": "Both sides",
                "date_published": "2026-02-03",
            },
        ],
    }
).encode()
SITEMAP = (
    b'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
    b'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"><url><loc>https://ledger.example/lake</loc><news:news>'
    b"<news:publication><news:name>Morning Ledger</news:name><news:language>en</news:language></news:publication>"
    b"<news:publication_date>2026-02-03T09:00:00Z</news:publication_date><news:title>Envoys meet</news:title>"
    b"</news:news></url></urlset>"
)
PAGE = b"<!DOCTYPE html><html><head><title>Before you go on</title></head><body><p>Maintenance</body></html>"
SEEDS = [*(short(path.read_bytes()) for path in sorted(SAMPLES.glob("*/*.xml"))), JSON_FEED, SITEMAP, PAGE, b""]

TOKENS = [
    *(b"<item>", b"</item>", b"<entry>", b"</entry>", b"<title>", b"</title>", b"<![CDATA[", b"]]>", b"<!--", b"-->"),
    *(b"<?xml", b"?>", b"<!DOCTYPE rss [", b"]>", b'<!ENTITY p "C:\\d">', b"&p;", b"&", b"<", b">", b'"', b"'"),
    *(
        b"&#55296;",
        b"&#xD800;",
        b"&#1114112;",
        b"&#x0;",
        b"&#0;",
        b"&#99999999999999999999;",
        b"&#x;",
        b"&nbsp;",
        b"&lt;",
    ),
    *(
        b"\0",
        b"\xff\xfe",
        b"\xfe\xff",
        b"\xef\xbb\xbf",
        b"\xe2\x80",
        b"\xed\xa0\x80",
        b"\x1b[31m",
        b"\x85",
        b"\r",
        b"\x0b",
    ),
    *(
        b" encoding='utf-7'",
        b" encoding='idna'",
        b" encoding='rot13'",
        b"<pubDate>0</pubDate>",
        b"<updated>-1</updated>",
    ),
    *(b"<pubDate>Tue, 31 Feb 99999 25:61:61 +9999</pubDate>", b"<dc:date>9999-12-31T23:59:59-23:59</dc:date>"),
    *(b"<source>", b"<link href='//['/>", b"<guid/>", b"<content type='base64'>!</content>", b"xml:base='http://['"),
    *(
        b"<a:b xmlns:a='x'>",
        b"<language><b/></language>",
        b"<ttl>1e9</ttl>",
        b"<media:content url='x'/>",
        b"<author>a@b",
    ),
    *(b"{", b"}", b"[", b"]", b"\\ud800", b"1e999", b"NaN", b'"items":', b"<urlset>", b"<news:news>", b"<loc>"),
]
ENCODINGS = (
    "utf-16 utf-16-le utf-16-be utf-32 utf-32-be latin-1 cp1252 koi8-r shift_jis gb18030 cp037 utf-7 utf-8-sig".split()
)
TYPES = [
    *("application/rss+xml", "application/xml", "text/xml", "text/html; charset=utf-8", "application/feed+json", ""),
    *(
        "text/xml; charset=utf-16",
        "application/xml; charset=x-none",
        "application/xml; charset=",
        "text/xml; charset=\xff",
    ),
]

# ---------------------------------------------------------------------- mutations


def _place(rng: random.Random, document: bytes, longest: int = 60) -> tuple[int, int]:
    start = rng.randint(0, len(document))
    return start, min(len(document), start + rng.randint(0, longest))


def flip(rng: random.Random, document: bytes) -> bytes:
    """Change up to eight bits."""
    changed = bytearray(document)
    for _ in range(rng.randint(1, 8) if document else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def insert(rng: random.Random, document: bytes) -> bytes:
    """Put a token where something else stood."""
    start, end = _place(rng, document)
    return document[:start] + rng.choice(TOKENS) * rng.choice((1, 1, 1, 2, 50)) + document[rng.choice((start, end)) :]


def noise(rng: random.Random, document: bytes) -> bytes:
    """Put random bytes where something else stood."""
    start, end = _place(rng, document)
    return document[:start] + rng.randbytes(rng.randint(1, 30)) + document[end:]


def splice(rng: random.Random, document: bytes) -> bytes:
    """Go on with the rest of another document."""
    other = rng.choice(SEEDS)
    return document[: rng.randint(0, len(document))] + other[rng.randint(0, len(other)) :]


def cut(rng: random.Random, document: bytes) -> bytes:
    """Break off."""
    return document[: rng.randint(0, len(document))]


def repeat(rng: random.Random, document: bytes) -> bytes:
    """Say a part many times, up to 64 KB."""
    start, end = _place(rng, document, 400)
    part = document[start:end]
    return document[:end] + part * rng.randint(0, 65_536 // (len(part) or 1)) + document[end:]


def nest(rng: random.Random, document: bytes) -> bytes:
    """Open many elements inside one another, and close some of them."""
    tag = rng.choice((b"item", b"entry", b"title", b"description", b"div", b"a", b"source", b"x:y", b"author"))
    start, _ = _place(rng, document)
    opened = rng.choice((10, 300, 5000))
    return document[:start] + b"<%s>" % tag * opened + document[start:] + b"</%s>" % tag * rng.randint(0, opened)


def entities(rng: random.Random, document: bytes) -> bytes:
    """Declare entities of all sorts and refer to one."""
    declared = rng.choice(
        (
            b'<!ENTITY e "C:\\data">',
            b'<!ENTITY e "\\g<9>\\1(unclosed[">',
            b'<!ENTITY a "ha"><!ENTITY b "%s"><!ENTITY c "%s"><!ENTITY e "%s">'
            % (b"&a;" * 50, b"&b;" * 50, b"&c;" * 50),
            b'<!ENTITY e "%s">' % (b"x" * rng.choice((60, 70, 30_000))),
            b'<!ENTITY e SYSTEM "file:///etc/passwd">',
            b'<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;',
            b'<!ENTITY e "&#55296;">',
            b"\n" * 3000 + b"<!ENTITY " * 300,
        )
    )
    start, _ = _place(rng, document)
    body = document[:start] + b"&e;" * rng.choice((1, 3, 2000)) + document[start:]
    return b"<!DOCTYPE rss [" + declared + b"]>" + re.sub(rb"\A<\?xml[^>]*\?>", b"", body)


def lengthen(rng: random.Random, document: bytes) -> bytes:
    """Give an element or an attribute a very long and monotonous value."""
    start, _ = _place(rng, document)
    value = rng.choice((b"a@a.", b"a", b"<", b"&amp;", b"&", b"http://", b"((", b"- ", b".", b"\xc3\xa9")) * rng.choice(
        (2000, 20_000)
    )
    name = rng.choice((b"author", b"title", b"link", b"guid", b"pubDate", b"description", b"dc:creator", b"category"))
    long = rng.choice((b"<%s>%s</%s>" % (name, value, name), b'<a href="%s">' % value, value))
    return document[:start] + long + document[start:]


def recode(rng: random.Random, document: bytes) -> bytes:
    """Write the document in another encoding, whatever it declares."""
    text = document.decode("utf-8", "replace")
    if rng.random() < 0.5:
        text = re.sub(r"\A<\?xml[^>]*\?>", "", text)
    return text.encode(rng.choice(ENCODINGS), "replace")


MUTATIONS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    *(flip, insert, insert, insert, noise, splice, cut, repeat, nest, entities, lengthen, recode),
)


def document(seed: int, number: int) -> Fetched:
    """Input `number` of a seed."""
    rng = random.Random(f"{seed}:{number}")  # noqa: S311 - reproducible, not secret
    body = rng.choice(SEEDS)
    for _ in range(rng.randint(1, 4)):
        body = rng.choice(MUTATIONS)(rng, body)
    headers = {"content-type": rng.choice(TYPES)} if rng.random() < 0.9 else {}
    if rng.random() < 0.1:
        headers["content-location"] = rng.choice(("/x", "http://[", "javascript:x", "\xff", "//"))
    at = datetime(2026, 2, 3, 12, tzinfo=UTC)
    return Fetched(FEED, FetchOutcome.OK, at, 1, 200, FEED.url, headers, body)


# ---------------------------------------------------------------------- what must hold


def faults(parsed: object) -> Iterator[str]:
    """What is wrong with an answer."""
    if isinstance(parsed, Rejected):
        if parsed.outcome not in {FetchOutcome.NOT_A_FEED, FetchOutcome.PARSER_ERROR, FetchOutcome.PARSER_KILLED}:
            yield f"rejected as {parsed.outcome}"
        if " died " in parsed.error or "\n" in parsed.error or not parsed.error:
            yield parsed.error
        return
    if not isinstance(parsed, ParsedFeed):
        yield f"a {type(parsed).__name__} came back"
        return
    if len(parsed.entries) > MAX_ENTRIES:
        yield f"{len(parsed.entries)} entries"
    for entry in parsed.entries:
        yield from entry_faults(entry)


def entry_faults(entry: Entry) -> Iterator[str]:
    """What is wrong with an entry."""
    if not (entry.title or entry.summary):
        yield "an entry without a text"
    if entry.published is not None and entry.published.tzinfo is not UTC:
        yield "a date that is not UTC"
    for text in (entry.title, entry.summary, entry.link, entry.guid, entry.published_raw, entry.source_title):
        if text and (text != " ".join(text.split()) or len(text) > MAX_CHARACTERS or not encodable(text)):
            yield f"an unclean text: {text[:80]!r}"


def encodable(text: str) -> bool:
    """No lone surrogates and no control characters."""
    return not re.search("[\0-\x1f\x7f-\x9f\ud800-\udfff]", text)


def main() -> int:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--inputs", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", type=int, help="write this input to standard output and do nothing else")
    options.add_argument("--json", action="store_true", help="print the figures as JSON")
    chosen = options.parse_args()
    if chosen.only is not None:
        sys.stdout.buffer.write(document(chosen.seed, chosen.only).body)
        return 0
    limits = Limits(cpu_seconds=5, wall_seconds=20, memory_bytes=Limits.of(Network()).memory_bytes)
    parsers = [ParserProcess(limits) for _ in range(PROCESSES)]
    free = list(parsers)
    outcomes, errors = Counter[str](), Counter[str]()
    examples: dict[str, int] = {}
    slowest, bad = (0.0, 0), 0
    lock = threading.Lock()

    def examine(number: int) -> None:
        nonlocal slowest, bad
        fetched = document(chosen.seed, number)
        with lock:
            parser = free.pop()
        began = time.perf_counter()
        parsed = parser.parse(fetched, MAX_ENTRIES)
        seconds = time.perf_counter() - began
        found = [*faults(parsed), *(["over the clock"] if seconds > limits.wall_seconds + SLACK else [])]
        with lock:
            free.append(parser)
            slowest, bad = max(slowest, (seconds, number)), bad + bool(found)
            outcomes[outcome(parsed)] += 1
            if isinstance(parsed, Rejected) and parsed.outcome is not FetchOutcome.NOT_A_FEED:
                kind = re.sub(r"\d+|'.*", "…", parsed.error)[:100]
                errors[kind] += 1
                examples.setdefault(kind, number)
            for fault in found:
                print(f"input {number} of seed {chosen.seed}: {fault}", file=sys.stderr)

    started = time.perf_counter()
    with ThreadPoolExecutor(PROCESSES) as threads:
        try:
            for _ in threads.map(examine, range(chosen.inputs)):
                pass
        except KeyboardInterrupt:  # the figures up to here
            threads.shutdown(cancel_futures=True)
    for parser in parsers:
        parser.close()
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    figures = {
        "inputs": outcomes.total(),
        "seed": chosen.seed,
        "faults": bad,
        "outcomes": dict(outcomes.most_common()),
        "slowest_seconds": round(slowest[0], 3),
        "slowest_input": slowest[1],
        "peak_memory_mib": peak >> 20,
        "memory_limit_mib": limits.memory_bytes >> 20,
        "seconds": round(time.perf_counter() - started, 1),
        "errors": {f"{kind} (as input {examples[kind]})": count for kind, count in errors.most_common(20)},
    }
    print(
        json.dumps(figures, ensure_ascii=False) if chosen.json else "\n".join(f"{k}: {v}" for k, v in figures.items())
    )
    return int(bad > 0 or peak > limits.memory_bytes)


def outcome(parsed: ParsedFeed | Rejected) -> str:
    """The outcome that the pipeline would store."""
    if isinstance(parsed, Rejected):
        return parsed.outcome.value
    return (FetchOutcome.DAMAGED if parsed.damage else FetchOutcome.OK).value


if __name__ == "__main__":
    sys.exit(main())
