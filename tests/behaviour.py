"""How a polite and careful feed reader behaves, as data: what a server does, and what must be seen of the client.

A Scenario is a feed on a host of its own, polled at each of ROUNDS. `play` lets a client go through all scenarios
against a real server on loopback; `complaints` says what it got wrong. Nothing is expected that depends on one
client's own plans: only what servers can see (requests, headers, hanging up), what the client reports (success or
failure) and which headlines it has stored in the end. test_behaviour.py holds this project to it;
benchmarks/behaviour.py scores other readers on the same scenarios.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from html import escape
from itertools import count
from typing import TYPE_CHECKING, Protocol

from feedserver import FeedServer, Request, Response, loopback_names, redirect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

START = datetime(2026, 2, 3, 12, tzinfo=UTC)
ROUNDS = tuple(START + timedelta(hours=hours) for hours in (0, 2, 6, 14, 40))
"""When the clients poll: far enough apart for every ordinary interval, and in the end more than a day later."""

LAKE, TRUCE, NEWS = "Envoys meet by the lake", "Both sides speak of a truce", "A new round of talks is announced"
OTHER = "Council debates the new tram line"
INSIDE = "127.1"
"""A spelling of loopback that no client is allowed to contact: it stands for every private network."""


def rss(*titles: str, title: str = "Morning Ledger", extra: str = "", encoding: str = "utf-8") -> bytes:
    """An RSS 2.0 document with one item per headline."""
    items = "".join(
        f"<item><title>{escape(t)}</title><link>https://ledger.example/{abs(zlib.crc32(t.encode()))}</link>"
        f"<guid>https://ledger.example/{abs(zlib.crc32(t.encode()))}</guid>"
        "<pubDate>Tue, 03 Feb 2026 09:00:00 GMT</pubDate></item>"
        for t in titles
    )
    return (
        f'<?xml version="1.0" encoding="{encoding}"?><rss version="2.0" '
        'xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"><channel>'
        f"<title>{title}</title><link>https://ledger.example/</link><description>News</description>{extra}{items}"
        "</channel></rss>"
    ).encode(encoding)


FIRST = rss(LAKE, TRUCE)
LATER = rss(NEWS, LAKE, TRUCE)
BOTH = frozenset({LAKE, TRUCE})
ALL = BOTH | {NEWS}
PAGE = b"<!doctype html><html><head><title>Back soon</title></head><body><p>We are working on it.</p></body></html>"
CHALLENGE = (
    b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>"
    b'<script src="/cdn-cgi/challenge-platform/h/b/orchestrate"></script></body></html>'
)
HOURS_4 = timedelta(hours=4)


def says(body: bytes = FIRST, status: int = 200, **headers: str) -> Response:
    """An answer with headers given as keywords: `cache_control` stands for Cache-Control."""
    return Response(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


@dataclass(frozen=True)
class Scenario:
    """What a server does, round by round, and what must be seen of the client.

    `answers` are those of /feed, one per round, the last one repeats; `elsewhere` those of other paths. In a Location
    {secret} stands for an address that must never be contacted. `validates` names the validators that the server
    compares in order to answer 304 ("etag", "date" or "both"), or "lying": 304 whenever any is sent.
    `feeds` are the paths that the client subscribes to.
    """

    answers: tuple[Response, ...]
    elsewhere: Mapping[str, tuple[Response, ...]] = field(default_factory=dict)
    validates: str = ""
    feeds: tuple[str, ...] = ("/feed",)
    # what must be seen
    titles: frozenset[str] | None = BOTH
    """The headlines of /feed in the end, no other; None where it does not matter."""
    fails: frozenset[int] = frozenset()
    """Rounds that the client must report as a failure, if it asks at all."""
    works: frozenset[int] = frozenset()
    """Rounds that the client must report as a success, if it asks at all."""
    asks: frozenset[tuple[str, int]] = frozenset()
    """(path, round) that must be asked."""
    spares: frozenset[tuple[str, int]] = frozenset()
    """(path, round) that must not be asked."""
    sends: Mapping[tuple[str, int, str], str | None] = field(default_factory=dict)
    """(path, round, header) → what must be sent when that is asked, None for nothing."""
    at_most: int = 40
    """Requests in one round, all paths together."""
    at_once: int = 40
    """Requests under way at the same time."""
    hangs_up: bool = False
    """Must the client leave before the server has said everything?"""


def seen(*rounds: int, path: str = "/feed") -> frozenset[tuple[str, int]]:
    """(path, round) for each round."""
    return frozenset((path, number) for number in rounds)


def sent(name: str, *values: str | None, path: str = "/feed", start: int = 1) -> dict[tuple[str, int, str], str | None]:
    """What must be sent under that name from round `start` on."""
    return {(path, number, name): value for number, value in enumerate(values, start)}


ROUND = frozenset(range(len(ROUNDS)))
NEVER = frozenset[tuple[str, int]]()
ETAG, DATE = "if-none-match", "if-modified-since"
MONDAY, TUESDAY = "Mon, 02 Feb 2026 09:00:00 GMT", "Tue, 03 Feb 2026 09:00:00 GMT"
LONG_AGO, LONG_AGO_4 = "Mon, 01 Jan 2024 00:00:00 GMT", "Mon, 01 Jan 2024 04:00:00 GMT"


def validated(*answers: Response, by: str = "etag", sends: Mapping[tuple[str, int, str], str | None]) -> Scenario:
    """Validators come back verbatim; in the end NEWS is there when any answer holds it."""
    titles = ALL if any(NEWS.encode() in answer.body for answer in answers) else BOTH
    return Scenario(answers, validates=by, titles=titles, works=ROUND, sends=sends)


def refused(answer: Response, **more: object) -> Scenario:
    """An answer that is no feed: reported as a failure, and the feed is read when it is back."""
    good = Response(FIRST)
    return Scenario((answer, good), fails=frozenset({0}), asks=seen(0), **more)  # type: ignore[arg-type]


def read(answer: Response, titles: frozenset[str] = BOTH) -> Scenario:
    """An answer that is unusual, but a feed."""
    return Scenario((answer,), titles=titles, works=frozenset({0}))


def broken(answer: Response) -> Scenario:
    """An answer that breaks off: whatever the client makes of it, the whole document must come in with the next."""
    whole = says(rss(LAKE, TRUCE), ETag='"v1"')
    return Scenario((answer, whole), validates="etag", sends=sent(ETAG, None))


def left_alone(answer: Response, **more: object) -> Scenario:
    """Asked to wait four hours: not asked two hours later, but four hours after that."""
    fields: dict[str, object] = {"fails": frozenset({0}), "asks": seen(0, 2), "spares": seen(1), **more}
    return Scenario((answer, Response(FIRST)), **fields)  # type: ignore[arg-type]


def fresh(answer: Response) -> Scenario:
    """Called fresh for four hours."""
    return Scenario((answer,), works=ROUND, asks=seen(0, 2), spares=seen(1))


def followed(status: int) -> Scenario:
    return Scenario((redirect("new", status),), {"/new": (Response(FIRST),)}, works=ROUND, asks=seen(0, path="/new"))


def raw(head: bytes, body: bytes = b"") -> Response:
    return Response(raw=head + b"\r\n\r\n" + body)


def chunked(*parts: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + end


CUT = FIRST.index(TRUCE.encode()) + 10
PACKED = gzip.compress(FIRST)
RAW_DEFLATE = zlib.compress(FIRST)[2:-4]
BOMB = gzip.compress(FIRST.replace(b"<item>", b" " * 48 * 2**20 + b"<item>", 1), compresslevel=1)

GROUPS: dict[str, dict[str, Scenario]] = {
    "validators": {
        "no validator in the first request": validated(
            says(ETag='"v1"', Last_Modified=MONDAY), sends=sent(ETAG, None, start=0) | sent(DATE, None, start=0)
        ),
        "an ETag": validated(says(ETag='"v1"'), sends=sent(ETAG, *['"v1"'] * 3) | sent(DATE, None)),
        "a weak ETag": validated(says(ETag='W/"v1"'), sends=sent(ETAG, *['W/"v1"'] * 3)),
        "an ETag without quotes": validated(says(ETag="v1-gzip"), sends=sent(ETAG, "v1-gzip", "v1-gzip")),
        "an ETag with a comma": validated(says(ETag='"a, b"'), sends=sent(ETAG, '"a, b"')),
        "an ETag in Latin-1": validated(says(ETag='"\xe9t\xe9"'), sends=sent(ETAG, '"\xe9t\xe9"')),
        "a Last-Modified": validated(
            says(Last_Modified=MONDAY), by="date", sends=sent(DATE, MONDAY, MONDAY) | sent(ETAG, None)
        ),
        "a Last-Modified that is no HTTP date": validated(
            says(Last_Modified="2026-02-02T09:00:00Z"), by="date", sends=sent(DATE, *["2026-02-02T09:00:00Z"] * 2)
        ),
        "both validators": validated(
            says(ETag='"v1"', Last_Modified=MONDAY), by="both", sends=sent(ETAG, '"v1"') | sent(DATE, MONDAY)
        ),
        "the ETag changes, Last-Modified does not": validated(
            says(ETag='"v1"', Last_Modified=MONDAY),
            says(LATER, ETag='"v2"', Last_Modified=MONDAY),
            sends=sent(ETAG, '"v1"', '"v2"') | sent(DATE, MONDAY, MONDAY),
        ),
        "Last-Modified changes, the ETag does not": validated(
            says(ETag='"v1"', Last_Modified=MONDAY),
            says(LATER, ETag='"v1"', Last_Modified=TUESDAY),
            by="both",
            sends=sent(DATE, MONDAY, TUESDAY) | sent(ETAG, '"v1"', '"v1"'),
        ),
        "a 304 brings a new ETag": validated(
            says(ETag='"v1"'),
            says(b"", 304, ETag='"v2"'),
            says(ETag='"v2"'),
            sends=sent(ETAG, '"v1"', '"v2"'),
        ),
        "a 304 brings a new Last-Modified": validated(
            says(Last_Modified=MONDAY),
            says(b"", 304, Last_Modified=TUESDAY),
            says(Last_Modified=TUESDAY),
            by="date",
            sends=sent(DATE, MONDAY, TUESDAY),
        ),
        "a 304 without validators": validated(
            says(ETag='"v1"', Last_Modified=MONDAY),
            *[Response(status=304)] * 3,
            says(ETag='"v1"', Last_Modified=MONDAY),
            sends=sent(ETAG, '"v1"', '"v1"', '"v1"') | sent(DATE, MONDAY, MONDAY, MONDAY),
        ),
        "the same bytes under a new ETag": validated(
            says(ETag='"v1"'), says(ETag='"v2"'), by="", sends=sent(ETAG, '"v1"', '"v2"')
        ),
        "validators that disappear": validated(says(ETag='"v1"'), says(LATER), sends=sent(ETAG, '"v1"', None)),
        "validators that come later": validated(says(), says(LATER, ETag='"v2"'), sends=sent(ETAG, None, '"v2"')),
        "the ETag of an error page": Scenario(
            (says(ETag='"v1"'), says(PAGE, 500, ETag='"error"'), says(LATER, ETag='"v2"')),
            validates="etag",
            titles=ALL,
            fails=frozenset({1}),
            sends=sent(ETAG, '"v1"', '"v1"'),
        ),
        "the ETag of a page that is no feed": Scenario(
            (says(ETag='"v1"'), says(PAGE, ETag='"page"', Content_Type="text/html"), says(LATER, ETag='"v2"')),
            validates="etag",
            titles=ALL,
            fails=frozenset({1}),
            sends=sent(ETAG, '"v1"', '"v1"', start=1),
        ),
        "the ETag of a redirect is not the feed's": Scenario(
            (Response(status=302, headers={"Location": "new", "ETag": '"hop"'}),),
            {"/new": (says(ETag='"v1"'),)},
            validates="etag",
            works=ROUND,
            sends=sent(ETAG, '"v1"', path="/new"),
        ),
        "a 304 that hides news for a day": Scenario(
            (says(ETag='"v1"'), says(LATER, ETag='"v1"')), validates="lying", titles=ALL, sends=sent(ETAG, '"v1"')
        ),
        "a 304 although nothing was sent": Scenario(
            (Response(status=304), Response(FIRST)), fails=frozenset({0}), asks=seen(0)
        ),
        "no validators at all": Scenario((says(), says(LATER)), titles=ALL, works=ROUND, sends=sent(ETAG, None, None)),
    },
    "freshness": {
        "max-age": fresh(says(Cache_Control="public, max-age=14400")),
        "max-age less Age": Scenario(
            (says(Cache_Control="max-age=86400", Age="72000"),), works=ROUND, asks=seen(0), spares=seen(1)
        ),
        "Expires, by the server's clock": fresh(says(Date=LONG_AGO, Expires=LONG_AGO_4)),
        "max-age=0 beats Expires": Scenario(
            (says(Cache_Control="max-age=0", Date=LONG_AGO, Expires=LONG_AGO_4),), works=ROUND, asks=seen(0, 1, 2)
        ),
        "no-cache": Scenario((says(Cache_Control="no-cache, max-age=14400"),), works=ROUND, asks=seen(0, 1, 2)),
        "an Expires that is no date": Scenario((says(Expires="0"),), works=ROUND, asks=seen(0, 1, 2)),
        "a max-age of a year does not silence a feed": Scenario(
            (says(Cache_Control="max-age=31536000"), says(LATER)), titles=ALL, works=ROUND, spares=seen(1), asks=seen(4)
        ),
        "a 304 renews max-age": Scenario(
            (says(ETag='"v1"'), says(b"", 304, ETag='"v1"', Cache_Control="max-age=18000"), says(ETag='"v1"')),
            validates="etag",
            works=ROUND,
            asks=seen(0, 1, 3),
            spares=seen(2),
        ),
        "ttl": fresh(says(rss(LAKE, TRUCE, extra="<ttl>240</ttl>"))),
        "sy:updatePeriod": fresh(
            says(
                rss(
                    *(LAKE, TRUCE),
                    extra="<sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>6</sy:updateFrequency>",
                )
            )
        ),
    },
    "wait": {
        **{
            f"{status}, Retry-After in {form}": left_alone(says(PAGE, status, **headers))
            for status in (429, 503)
            for form, headers in {
                "seconds": {"Retry_After": "14400"},
                "the form of a date": {"Retry_After": LONG_AGO_4, "Date": LONG_AGO},
            }.items()
        },
        "429 without Retry-After": refused(says(PAGE, 429)),
        "429, Retry-After: soon": refused(says(PAGE, 429, Retry_After="soon")),
        "429, Retry-After in two days": left_alone(
            says(PAGE, 429, Retry_After="172800"), titles=frozenset(), asks=seen(0), spares=seen(1, 2, 3, 4)
        ),
        "503 without Retry-After": refused(says(PAGE, 503)),
        "429 speaks for the whole host": left_alone(
            says(PAGE, 429, Retry_After="14400"),
            elsewhere={"/second": (Response(FIRST),), "/third": (Response(FIRST),)},
            feeds=("/feed", "/second", "/third"),
            spares=seen(1) | seen(0, 1, path="/second") | seen(0, 1, path="/third"),
            asks=seen(0, 2) | seen(2, path="/second") | seen(2, path="/third"),
        ),
        "one request at a time to a host": Scenario(
            (Response(FIRST, delay=0.05),),
            {f"/{number}": (Response(FIRST, delay=0.05),) for number in range(4)},
            feeds=("/feed", "/0", "/1", "/2", "/3"),
            at_once=1,
        ),
    },
    "redirects": {
        **{f"redirect {status}": followed(status) for status in (301, 302, 303, 307, 308)},
        "three hops": Scenario(
            (redirect("1"),), {"/1": (redirect("2", 307),), "/2": (redirect("new", 301),), "/new": (Response(FIRST),)}
        ),
        "Location with a fragment": Scenario((redirect("new#top"),), {"/new": (Response(FIRST),)}),
        "Location with a space": Scenario((redirect("a b"),), {"/a%20b": (Response(FIRST),)}),
        "a permanent move is remembered": Scenario(
            (redirect("new", 301),),
            {"/new": (Response(FIRST),)},
            works=ROUND,
            spares=seen(3, 4),
            asks=seen(3, path="/new"),
        ),
        "308 is a permanent move too": Scenario(
            (redirect("new", 308),),
            {"/new": (Response(FIRST),)},
            works=ROUND,
            spares=seen(4),
            asks=seen(4, path="/new"),
        ),
        "302 is never remembered": Scenario((redirect("new"),), {"/new": (Response(FIRST),)}, asks=seen(0, 1, 2, 3, 4)),
        "307 is never remembered": Scenario((redirect("new", 307),), {"/new": (Response(FIRST),)}, asks=seen(3, 4)),
        "one permanent redirect is not yet a move": Scenario(
            (Response(FIRST), redirect("new", 301), Response(LATER)),
            {"/new": (Response(FIRST),)},
            titles=ALL,
            asks=seen(4),
        ),
        "of 301 and 302 only the first is remembered": Scenario(
            (redirect("moved", 301),),
            {"/moved": (redirect("new"),), "/new": (Response(FIRST),)},
            spares=seen(4),
            asks=seen(4, path="/moved"),
        ),
        "301 to somebody else's feed is no move": Scenario(
            (Response(FIRST), redirect("other", 301)),
            {"/other": (Response(rss(OTHER, title="Tram Gazette")),)},
            titles=None,
            asks=seen(4),
        ),
        "301 to a maintenance page": Scenario(
            (Response(FIRST), redirect("soon", 301), redirect("soon", 301), redirect("soon", 301), Response(LATER)),
            {"/soon": (says(PAGE, Content_Type="text/html"),)},
            titles=ALL,
            fails=frozenset({1, 2, 3}),
            asks=seen(4),
        ),
        "302 to a maintenance page": Scenario(
            (Response(FIRST), redirect("soon"), Response(LATER)),
            {"/soon": (says(PAGE, Content_Type="text/html"),)},
            titles=ALL,
            fails=frozenset({1}),
        ),
        "a redirect to itself": refused(redirect("feed")),
        "redirects without end": refused(
            redirect("0"), elsewhere={f"/{n}": (redirect(str(n + 1)),) for n in range(60)}, at_most=31
        ),
        "a redirect without Location": refused(redirect(None)),
        "a redirect to ftp": refused(redirect("ftp://127.0.0.1/feed")),
        "a redirect to a file": refused(redirect("file:///etc/hostname")),
        "a redirect to a script": refused(redirect("javascript:alert(1)")),
        "a redirect to half an address": refused(redirect("http://[::1")),
        "a redirect to cloud metadata": refused(redirect("http://169.254.169.254/latest/meta-data")),
        "a redirect into the private network": refused(
            redirect("{secret}/inside"), elsewhere={"/inside": (Response(FIRST),)}, spares=seen(0, path="/inside")
        ),
        "a permanent redirect into the private network": refused(
            redirect("{secret}/inside", 301), elsewhere={"/inside": (Response(FIRST),)}, spares=seen(0, path="/inside")
        ),
        "a redirect into the private network by a second hop": refused(
            redirect("hop"),
            elsewhere={"/hop": (redirect("{secret}/inside"),), "/inside": (Response(FIRST),)},
            spares=seen(0, path="/inside"),
        ),
    },
    "statuses": {
        "404, then it is back": Scenario((says(PAGE, 404), Response(FIRST)), fails=frozenset({0}), asks=seen(4)),
        "410 is the end": Scenario(
            (says(PAGE, 410), Response(FIRST)), titles=frozenset(), fails=frozenset({0}), spares=seen(1, 2, 3, 4)
        ),
        "410 after good years": Scenario(
            (Response(FIRST), says(PAGE, 410)), fails=frozenset({1}), asks=seen(0, 1), spares=seen(2, 3, 4)
        ),
        **{f"status {status}": refused(says(PAGE, status)) for status in (400, 401, 403, 500, 502)},
        "a status that nobody defined": refused(raw(b"HTTP/1.1 999 Request denied\r\nContent-Length: 0")),
        "204": refused(Response(status=204)),
        "206 although the whole was asked for": refused(
            Response(FIRST[:CUT], 206, {"Content-Range": f"bytes 0-{CUT - 1}/{len(FIRST)}"})
        ),
    },
    "documents": {
        "an empty answer": refused(Response(b"")),
        "white space": refused(Response(b" \r\n\t")),
        "an HTML page": refused(says(PAGE, Content_Type="text/html; charset=utf-8")),
        "an HTML page that says it is a feed": refused(Response(PAGE)),
        "an error in JSON": refused(says(b'{"error": "rate limit exceeded"}', Content_Type="application/json")),
        "a challenge page": refused(says(CHALLENGE, Content_Type="text/html")),
        "a challenge page under 403": refused(says(CHALLENGE, 403, cf_mitigated="challenge")),
        "a feed called text/plain": read(says(Content_Type="text/plain")),
        "a feed called text/html": read(says(Content_Type="text/html")),
        "a feed called octets": read(says(Content_Type="application/octet-stream")),
        "a feed without a type": read(raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d" % len(FIRST), FIRST)),
        "UTF-8 called Latin-1 by the server": read(
            says(rss("Café talks", TRUCE), Content_Type="application/rss+xml; charset=utf-8"),
            frozenset({"Café talks", TRUCE}),
        ),
        "Latin-1, declared in the document": read(
            says(rss("Café talks", TRUCE, encoding="iso-8859-1"), Content_Type="application/rss+xml"),
            frozenset({"Café talks", TRUCE}),
        ),
        "Cyrillic in windows-1251, declared in the document": read(
            says(rss("Переговоры", TRUCE, encoding="windows-1251")), frozenset({"Переговоры", TRUCE})
        ),
        "UTF-16 with a mark": read(says(rss("Café talks", TRUCE, encoding="utf-16")), frozenset({"Café talks", TRUCE})),
        "a mark before UTF-8": read(says(b"\xef\xbb\xbf" + FIRST)),
        "an empty line before the declaration": read(says(b"\n" + FIRST)),
        "an ampersand in a headline": read(says(rss("Talks & tea", TRUCE)), frozenset({"Talks & tea", TRUCE})),
    },
    "transport": {
        "gzip": read(Response(FIRST, gzip=1)),
        "deflate": read(says(zlib.compress(FIRST), Content_Encoding="deflate")),
        "deflate without its header": read(says(RAW_DEFLATE, Content_Encoding="deflate")),
        "gzip in two members": read(
            says(gzip.compress(FIRST[:CUT]) + gzip.compress(FIRST[CUT:]), Content_Encoding="gzip")
        ),
        "a coding that was not offered": refused(says(b"\x8b\x0f\x80nonsense\x03", Content_Encoding="br")),
        "called gzip and is not": refused(says(Content_Encoding="gzip")),
        "gzip cut at its origin": broken(says(PACKED[:-60], Content_Encoding="gzip", ETag='"v0"')),
        "a document cut at its origin": broken(says(FIRST[:CUT], ETag='"v0"')),
        "a length that cuts the document": broken(Response(FIRST, headers={"ETag": '"v0"'}, length=CUT)),
        "closed before the length is reached": refused(Response(FIRST, send_only=CUT)),
        "closed between two chunks": refused(
            raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", chunked(FIRST[:CUT], end=b""))
        ),
        "chunks": read(
            raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", chunked(FIRST[:10], FIRST[10:CUT], FIRST[CUT:]))
        ),
        "a bad chunk": refused(raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", b"zz\r\n" + FIRST)),
        "a reset": refused(Response(FIRST, send_only=CUT, reset=True)),
        "closed without a word": refused(Response(raw=b"")),
        "HTTP/1.0": read(raw(b"HTTP/1.0 200 OK", FIRST)),
        "an early hint": read(raw(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK", FIRST)),
        "not HTTP": refused(Response(raw=b"220 mail.example ready\r\n\r\n")),
        "huge headers": refused(raw(b"HTTP/1.1 200 OK\r\nX-Pad: " + b"x" * 300_000, FIRST)),
        "a body byte by byte": refused(Response(FIRST, drip=0.02), hangs_up=True),
        "headers byte by byte": refused(Response(FIRST, head_drip=0.1), hangs_up=True),
        "silence": refused(Response(FIRST, delay=9), hangs_up=True),
        "a compression bomb": refused(says(BOMB, Content_Encoding="gzip")),
    },
}

SCENARIOS = {name: scenario for group in GROUPS.values() for name, scenario in group.items()}


# ---------------------------------------------------------------------- playing


class Client(Protocol):
    """A feed reader that has subscribed to some addresses."""

    def poll(self, now: datetime) -> Mapping[str, bool]:
        """Do what a scheduled run does at that time. Returns the addresses asked, and whether all was well there."""

    def titles(self, url: str) -> set[str]:
        """The headlines stored for an address."""


@dataclass
class Observed:
    """What was seen of a client in one scenario."""

    requests: list[list[Request]] = field(default_factory=list)
    """Per round."""
    reports: list[bool | None] = field(default_factory=list)
    """Per round: success, failure, or not asked; of /feed."""
    titles: set[str] = field(default_factory=set)
    at_once: int = 0
    hung_up: bool = False


@dataclass
class _Stage:
    """Serves all scenarios, each under a folder and on a host of its own."""

    server: FeedServer
    hosts: dict[str, str]
    round: int = 0

    def base(self, name: str) -> str:
        return self.server.url(f"/{list(SCENARIOS).index(name)}", self.hosts[name])

    def answer(self, name: str, path: str, request: Request) -> Response:
        scenario = SCENARIOS[name]
        answers = scenario.answers if path == "/feed" else scenario.elsewhere[path]
        response = answers[min(self.round, len(answers) - 1)]
        if "{secret}" in response.headers.get("Location", ""):
            secret = self.server.url(f"/{list(SCENARIOS).index(name)}", INSIDE)
            return redirect(response.headers["Location"].format(secret=secret), response.status)
        return Response(status=304, headers=response.headers) if _matches(scenario, response, request) else response

    def path(self, name: str, request: Request) -> str | None:
        folder = f"/{list(SCENARIOS).index(name)}/"
        return "/" + request.path.removeprefix(folder) if request.path.startswith(folder) else None


def _matches(scenario: Scenario, response: Response, request: Request) -> bool:
    """Does this server find that its document is the one that the client holds?"""
    held = (request.headers.get(ETAG), request.headers.get(DATE))
    if response.status != 200 or held == (None, None):
        return False
    etag, date = (response.headers.get(name) for name in ("ETag", "Last-Modified"))
    comparisons: dict[str, Callable[[], bool]] = {
        "": lambda: False,
        "etag": lambda: held[0] is not None and held[0] == etag,
        "date": lambda: held[1] is not None and held[1] == date,
        "both": lambda: held == (etag, date),
        "lying": lambda: True,
    }
    return comparisons[scenario.validates]()


def play(make_client: Callable[[list[str], list[str]], Client]) -> dict[str, Observed]:
    """Let a client go through all scenarios. `make_client` gets the addresses and the hosts that may be contacted."""
    server = FeedServer()
    try:
        names = [name for name in loopback_names() if "x" in name]  # spellings that no configuration takes for a range
        stage = _Stage(server, dict(zip(SCENARIOS, names[: len(SCENARIOS)], strict=True)))
        for name, scenario in SCENARIOS.items():
            for path in ("/feed", *scenario.elsewhere):
                folder = f"/{list(SCENARIOS).index(name)}"
                server.serve_with(folder + path, partial(stage.answer, name, path))
        urls = [stage.base(name) + path for name, scenario in SCENARIOS.items() for path in scenario.feeds]
        client = make_client(urls, list(stage.hosts.values()))
        observed = {name: Observed() for name in SCENARIOS}
        for number, now in enumerate(ROUNDS):
            stage.round, before = number, len(server.requests)
            reports = client.poll(now)
            arrived = server.requests[before:]
            for name, one in observed.items():
                one.requests.append([request for request in arrived if stage.path(name, request)])
                one.reports.append(reports.get(f"{stage.base(name)}/feed"))
        for name, one in observed.items():
            one.titles = client.titles(f"{stage.base(name)}/feed")
            one.at_once = server.peak[stage.hosts[name]]
            one.hung_up = any(stage.path(name, request) for request in server.hung_up)
        return observed
    finally:
        server.close()


def complaints(name: str, observed: Observed) -> list[str]:
    """What the client got wrong in a scenario; empty when nothing."""
    scenario = SCENARIOS[name]
    folder = f"/{list(SCENARIOS).index(name)}"
    found = []
    asked = {
        (request.path.removeprefix(folder), number): request
        for number, requests in enumerate(observed.requests)
        for request in requests
    }
    found += [f"{path} was not asked in round {number}" for path, number in sorted(scenario.asks - asked.keys())]
    found += [f"{path} was asked in round {number}" for path, number in sorted(scenario.spares & asked.keys())]
    for (path, number, header), value in scenario.sends.items():
        request = asked.get((path, number))
        if request is not None and request.headers.get(header) != value:
            found.append(f"round {number}: {header} was {request.headers.get(header)!r}, not {value!r}")
    for number, report in enumerate(observed.reports):
        if report is True and number in scenario.fails:
            found.append(f"round {number} was reported as a success")
        if report is False and number in scenario.works:
            found.append(f"round {number} was reported as a failure")
    if scenario.titles is not None and observed.titles != scenario.titles:
        found.append(f"stored {sorted(observed.titles)}, not {sorted(scenario.titles)}")
    if any(len(requests) > scenario.at_most for requests in observed.requests):
        found.append(f"more than {scenario.at_most} requests in a round")
    if observed.at_once > scenario.at_once:
        found.append(f"{observed.at_once} requests at once")
    if scenario.hangs_up and not observed.hung_up:
        found.append("did not hang up")
    return found


# ---------------------------------------------------------------------- this project as a client


@dataclass
class MediaCoverage:
    """The pipeline as cron runs it with --due; only the clock and the classifier are handed in."""

    urls: list[str]
    hosts: list[str]
    folder: Path

    def poll(self, now: datetime) -> Mapping[str, bool]:
        from conftest import FakeClassifier

        from media_coverage import config, pipeline

        outlets = [
            {"name": f"Outlet {number}", "group": "uk", "feeds": [url]}
            for number, url in zip(count(), self.urls, strict=False)
        ]
        network = {"allow_addresses": self.hosts, "host_gap_seconds": 0, "timeout_seconds": 5, "concurrency": 20}
        made = config.Config.model_validate(
            {
                "topic": {"name": "The meeting", "query": "talks"},
                "network": network,
                "outlets": outlets,
                "database": self.folder / "coverage.db",
            }
        )
        summary = pipeline.run(made, classifier=FakeClassifier(), due_only=True, clock=lambda: now)
        return {feed.feed_url: feed.outcome.succeeded for feed in summary.feeds if feed.outcome.attempted}

    def titles(self, url: str) -> set[str]:
        from media_coverage.store import open_store

        with open_store(self.folder / "coverage.db") as store:
            frame = store.query(
                "SELECT DISTINCT v.title FROM sighting s JOIN feed f ON f.id = s.feed_id "
                "JOIN article_version v ON v.article_id = s.article_id WHERE f.url = ?",
                url,
            )
        return set(frame["title"])
