"""feedparser's own test suite, put to our whole path: HTTP client, size cap, parser in a child process.

    python tools/peer_suite.py feedparser-6.0.14.tar.gz

The archive is feedparser's source distribution (the wheel has no tests); `make peer-suite` fetches it. Every case is
served as its header lines say and judged twice. First by its own expectation, a Python expression over feedparser's
result, evaluated in the child on what our call of feedparser gives for the bytes and headers that arrived. Our call
differs from the one the cases were written for in one option pair: markup is not sanitised and links inside texts
are not resolved, because every text loses its markup anyhow. The expectations are about both, so they are switched
on here. Second by our rows: as many entries as feedparser has, and the same title, link, date and id in each where
a case expects one.

Exit code 0 when at least BAR expectations hold and nothing raised, 1 otherwise.
"""

from __future__ import annotations

import argparse
import ast
import calendar
import datetime as dt
import http.server
import re
import sys
import tarfile
import threading
import time
import warnings
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from media_coverage.config import Network
from media_coverage.fetch import fetch_all
from media_coverage.parse import KINDS, parse, understand
from media_coverage.parser_process import parse_all
from media_coverage.prose import clean, plain
from media_coverage.records import Entry, Feed, FeedState, Fetched, Outlet, ParsedFeed

PORT = 8097
"""Cases name it."""
BAR = 2196
WIDE = {
    b"\x4c\x6f\xa7\x94": "cp037",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\0<": "utf-32-be",
    b"<\0\0\0": "utf-32-le",
    b"\0<\0?": "utf-16-be",
    b"<\0?\0": "utf-16-le",
    b"\xfe\xff": "utf-16",
    b"\xff\xfe": "utf-16",
}
DATES = ("published_parsed", "updated_parsed", "created_parsed")
FIELDS = {"title": "title", "link": "link", "id": "guid", "guid": "guid", **dict.fromkeys(DATES, "published")}
"""What a case may expect of an entry, and where it stands in our row."""


def comment(body: bytes) -> str:
    """A case as text in which its comment can be read; the rest may be garbled."""
    encoding = next((name for start, name in WIDE.items() if body.startswith(start)), "utf-8")
    return body.decode(encoding, "replace")


@cache
def expectation(path: str) -> tuple[str, str]:
    """(SkipUnless, Expect) of a case."""
    text = comment(Path(path).read_bytes())
    skip = re.search(r"SkipUnless:\s*(.*?)\n", text)
    expect = re.search(r"Expect:\s*(.*?)\s*-->", text)
    if expect is None:
        raise ValueError(f"{path}: no expectation")
    return (skip[1].strip() if skip else "True"), expect[1]


# ---------------------------------------------------------------------- the judge, in the child


def judge(fetched: Fetched, max_entries: int) -> dict[str, Any]:
    """What became of one case: skipped, or holds (its expectation), and rows (what differs in ours)."""
    import feedparser

    skip_unless, expect = expectation(fetched.feed.outlet.name)
    try:
        if not eval(skip_unless, {"feedparser": feedparser}):  # noqa: S307 - the suite's own code
            return {"skipped": True}
    except (ImportError, LookupError, AttributeError):
        return {"skipped": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            document = understand(fetched, sanitize_html=True, resolve_relative_uris=True)
            plainly = understand(fetched)
        except Exception as error:  # noqa: BLE001 - counted
            return {"raised": f"{type(error).__name__}: {error}"}
        try:
            holds = bool(eval(expect, {"feedparser": feedparser, "datetime": dt, "time": time}, document))  # noqa: S307
        except (LookupError, AttributeError, NameError):  # of a key that is not in the result
            holds = False
        return {"holds": holds, "expect": expect, "rows": differences(fetched, max_entries, plainly, expect)}


def differences(fetched: Fetched, max_entries: int, document: Any, expect: str) -> tuple[list[str], int]:
    """What differs between our rows and feedparser's entries or the case's values, and how many values it names.

    The number of entries is that of `parse`, which leaves out entries without a text; values are compared before
    that, since most cases have nothing but the value in question.
    """
    _, read = KINDS["document"]
    found, rows = read(fetched), parse(fetched, max_entries)
    if not isinstance(found, ParsedFeed) or not isinstance(rows, ParsedFeed):
        return ["entries"] * bool(document.entries), 0
    wrong = [] if len(rows.entries) == sum(map(has_text, document.entries)) else ["entries"]
    values = [
        (number, key, value)
        for number, key, value in expected_values(expect)
        if number < len(found.entries) and not differs_by_design(document.entries[number], key)
    ]
    return wrong + [key for number, key, value in values if not same(found.entries[number], key, value)], len(values)


def has_text(entry: Any) -> bool:
    """Does feedparser's entry say anything to a reader?"""
    texts = (entry.get("title"), entry.get("summary") or next((c.get("value") for c in entry.get("content", [])), ""))
    return any(plain(str(text or "")) for text in texts)


def differs_by_design(entry: Any, key: str) -> bool:
    """Our row has one date, the best that an entry gives."""
    return key in DATES and any(entry.get(better) for better in DATES[: DATES.index(key)])


def same(entry: Entry, key: str, value: object) -> bool:
    ours = getattr(entry, FIELDS[key])
    if key in DATES:
        return bool(ours == dt.datetime.fromtimestamp(calendar.timegm(value), dt.UTC))  # type: ignore[arg-type]
    tidy = plain if key == "title" else clean
    return tidy(ours) == tidy(str(value))


def expected_values(expect: str) -> list[tuple[int, str, object]]:
    """`entries[0]['title'] == 'x' and …` as [(0, "title", "x"), …]; other parts of the expression are passed over."""
    found = []
    for node in ast.walk(ast.parse(expect, mode="eval")):
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq):
            place = re.fullmatch(r"entries\[(\d+)\](?:\['(\w+)'\]|\.(\w+))", ast.unparse(node.left))
            value = node.comparators[0]
            if place and (key := place[2] or place[3]) in FIELDS and isinstance(value, ast.Constant | ast.Tuple):
                found.append((int(place[1]), key, ast.literal_eval(value)))
    return found


# ---------------------------------------------------------------------- server and score


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves cases with the headers that stand in them."""

    root = Path()

    def do_GET(self) -> None:
        path = self.root / self.path.removeprefix("/")
        body = path.read_bytes()
        headers = dict(re.findall(r"^Header:\s+([^:]+):[ \t]*(.+?)\s*$", comment(body), re.MULTILINE))
        self.send_response_only(int(headers.pop("Status", "200")))
        headers = {name: value for name, value in headers.items() if name.lower() != "content-length"}
        if not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = "application/xml"
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is http.server's
        """Silence."""


def main() -> int:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("archive", type=Path, help="feedparser's source distribution")
    chosen = options.parse_args()
    folder = chosen.archive.parent
    with tarfile.open(chosen.archive) as archive:
        archive.extractall(folder, filter="data")
    Handler.root = folder / chosen.archive.name.removesuffix(".tar.gz")
    tests = Handler.root / "tests"
    cases = sorted(path for path in tests.rglob("*.xml") if path.parent != tests / "http")
    requests = [
        (
            Feed(f"http://127.0.0.1:{PORT}/{path.relative_to(Handler.root)}", Outlet(str(path), None, "other")),
            FeedState(),
        )
        for path in cases
    ]
    network = Network(allow_addresses=("127.0.0.0/8",), host_gap_seconds=0)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    started, score, rows = time.perf_counter(), Counter[str](), Counter[str]()
    for fetched, answer in parse_all(fetch_all(requests, network), network, function="peer_suite:judge"):
        case = Path(fetched.feed.outlet.name).relative_to(tests)
        judged: Any = answer
        if not isinstance(judged, dict):  # the client or the child gave up
            judged = {"raised": str(judged or fetched.error)}
        verdict = next((word for word in ("skipped", "raised") if word in judged), str(judged.get("holds")).lower())
        score[verdict] += 1
        if verdict in {"raised", "false"}:
            print(f"{verdict}: {case}: {judged.get('raised') or judged['expect']}")
        if "rows" in judged:
            wrong, values = judged["rows"]
            rows["other" if wrong else "same"] += 1
            rows["values"] += values
            if wrong:
                print(f"rows differ in {', '.join(wrong)}: {case}: {judged['expect']}")
    server.shutdown()
    server.server_close()
    print(f"{len(cases)} cases in {time.perf_counter() - started:.1f} s: "
          f"{score['true']} true, {score['false']} false, {score['raised']} raised, {score['skipped']} skipped; "
          f"rows: {rows['same']} as expected ({rows['values']} values compared), {rows['other']} not")  # fmt: skip
    return int(score["true"] < BAR or score["raised"] > 0)


if __name__ == "__main__":
    sys.exit(main())
