"""fetch.py against a real web server on loopback."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import threading
import time
import tracemalloc
import zlib
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from conftest import rss
from feedserver import FeedServer, Request, Response, loopback_names, redirect, unused_port
from hypothesis import given
from hypothesis import strategies as st

from media_coverage import __version__
from media_coverage.config import Network
from media_coverage.fetch import MAX_REDIRECTS, AddressGuard, _Inflater, _is_lasting, fetch_all, host_of
from media_coverage.records import Feed, FeedState, Fetched, FetchOutcome, Outlet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BODY = rss(["Envoys meet by the lake", "Both sides speak of a truce"])
SHA256 = hashlib.sha256(BODY).hexdigest()
GOOD = Response(BODY)
NEW = FeedState()
LEDGER = Outlet("Morning Ledger", "GB", "uk")


def network(**limits: object) -> Network:
    defaults = {"allow_addresses": ("127.0.0.0/8",), "host_gap_seconds": 0, "timeout_seconds": 20}
    return Network.model_validate(defaults | limits)


def fetch(url: str, state: FeedState = NEW, **limits: object) -> Fetched:
    (fetched,) = fetch_all([(Feed(url, LEDGER), state)], network(**limits))
    return fetched


def feeds(urls: list[str]) -> list[tuple[Feed, FeedState]]:
    return [(Feed(url, LEDGER), FeedState()) for url in urls]


# ---------------------------------------------------------------------- every way in which one attempt ends


@dataclass(frozen=True)
class Scenario:
    """What /feed (and `elsewhere`) answer, and what the fetcher must make of it."""

    outcome: FetchOutcome
    feed: Response = GOOD
    status: int | None = 200
    says: str = ""
    body: bytes = BODY
    url: str = "{base}/feed"
    elsewhere: Mapping[str, Response] = field(default_factory=dict)
    state: FeedState = NEW
    limits: Mapping[str, object] = field(default_factory=dict)


def answers(status: int, outcome: FetchOutcome, says: str = "the server answered {status}") -> Scenario:
    return Scenario(outcome, Response(b"<p>No</p>", status), status, says.format(status=status))


def leads_to(location: str | None, outcome: FetchOutcome, says: str = "", status: int = 302) -> Scenario:
    return Scenario(outcome, redirect(location, status), status, says, elsewhere={"/new": Response(BODY)})


def arrives(location: str, status: int = 302) -> Scenario:
    elsewhere = {"/new": Response(BODY), "/folder/new": Response(BODY), "/a%20b": Response(BODY)}
    return Scenario(FetchOutcome.OK, redirect(location, status), 200, elsewhere=elsewhere)


def raw(text: bytes, outcome: FetchOutcome = FetchOutcome.PROTOCOL_ERROR, status: int | None = None) -> Scenario:
    return Scenario(outcome, Response(raw=text), status)


def address(url: str, outcome: FetchOutcome, says: str) -> Scenario:
    return Scenario(outcome, url=url, status=None, says=says)


End = FetchOutcome
OK_HEAD = b"HTTP/1.1 200 OK\r\n"
PARTS = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (BODY[:10], BODY[10:300], BODY[300:]))
PACKED = gzip.compress(BODY * 50)
SMALL = {"max_bytes": 2048}

SCENARIOS = {
    # an answer
    "200": Scenario(End.OK),
    "201": Scenario(End.OK, Response(BODY, 201), 201),
    "compressed": Scenario(End.OK, Response(BODY, gzip=1)),
    "compressed twice": Scenario(End.OK, Response(BODY, gzip=2)),
    "chunked": raw(OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + PARTS + b"0\r\n\r\n", End.OK, 200),
    "without a length": raw(OK_HEAD + b"\r\n" + BODY, End.OK, 200),
    "HTTP/1.0": raw(b"HTTP/1.0 200 OK\r\n\r\n" + BODY, End.OK, 200),
    "after an early hint": raw(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK_HEAD + b"\r\n" + BODY, End.OK, 200),
    "exactly at the size limit": Scenario(End.OK, Response(b"x" * 2048), body=b"x" * 2048, limits=SMALL),
    "length too short": Scenario(End.OK, Response(BODY, length=100), body=BODY[:100]),
    # nothing new
    "304": Scenario(End.NOT_MODIFIED, Response(status=304), 304, state=FeedState(etag='"a"')),
    "same bytes": Scenario(End.UNCHANGED, state=FeedState(body_sha256=SHA256)),
    "other bytes": Scenario(End.OK, state=FeedState(body_sha256="0" * 64)),
    # nothing at all
    "empty": Scenario(End.EMPTY_BODY, Response(b""), says="empty"),
    "only white space": Scenario(End.EMPTY_BODY, Response(b" \r\n\t"), says="empty"),
    "204": Scenario(End.EMPTY_BODY, Response(status=204), 204, "empty"),
    # refusals
    "400": answers(400, End.HTTP_ERROR),
    "401": answers(401, End.FORBIDDEN),
    "403": answers(403, End.FORBIDDEN),
    "404": answers(404, End.NOT_FOUND),
    "410": answers(410, End.GONE),
    "429": answers(429, End.RATE_LIMITED),
    "500": answers(500, End.HTTP_ERROR),
    "503": answers(503, End.HTTP_ERROR),
    "300": answers(300, End.HTTP_ERROR),
    "a status that nobody defined": raw(b"HTTP/1.1 999 Denied\r\n\r\n", End.HTTP_ERROR, 999),
    # redirects that arrive
    **{f"redirect {status}": arrives("/new", status) for status in (301, 302, 303, 307, 308)},
    "relative": arrives("folder/new"),
    "with a space": arrives("/a b"),
    "fragment": arrives("/new#latest"),
    # redirects that lead nowhere
    "no Location": leads_to(None, End.BAD_REDIRECT, "not an http(s) address"),
    "empty Location": leads_to("", End.BAD_REDIRECT, "not an http(s) address"),
    "loop": leads_to("/feed", End.BAD_REDIRECT, f"more than {MAX_REDIRECTS} redirects"),
    "to ftp": leads_to("ftp://files.example/feed", End.BAD_REDIRECT, "ftp://files.example/feed"),
    "to a file": leads_to("file:///etc/hostname", End.BAD_REDIRECT, "file:///etc/hostname"),
    "to a script": leads_to("javascript:alert(1)", End.BAD_REDIRECT),
    "to half an address": leads_to("http://[::1", End.BAD_REDIRECT),
    "to a port in words": leads_to("http://127.0.0.1:many/", End.BAD_REDIRECT),
    "to a port too high": leads_to("http://127.0.0.1:99999/", End.CONNECT_ERROR, "no port 99999"),
    "to a host with an empty label": leads_to("http://a..b/", End.DNS_ERROR, "not a possible host name"),
    "to a host with a long label": leads_to(f"http://{'a' * 64}.invalid/", End.DNS_ERROR, "not a possible host name"),
    "to a private address": leads_to("http://10.0.0.1/", End.REFUSED_ADDRESS, "10.0.0.1"),
    "to cloud metadata": leads_to("http://169.254.169.254/latest", End.REFUSED_ADDRESS, "169.254.169.254"),
    "to loopback in IPv6": leads_to("http://[::1]/", End.REFUSED_ADDRESS, "::1"),
    "to a private number": leads_to("http://167772161/", End.REFUSED_ADDRESS, "10.0.0.1"),
    # limits
    "too large": Scenario(End.TOO_LARGE, Response(b"x" * 2049), says="2,048 bytes (network.max_bytes)", limits=SMALL),
    "too large unpacked": Scenario(End.TOO_LARGE, Response(b" " * 10**6, gzip=1), says="2,048 bytes", limits=SMALL),
    "slow drip": Scenario(End.TIMEOUT, Response(BODY, drip=0.05), says="0.3 s", limits={"timeout_seconds": 0.3}),
    "silent": Scenario(End.TIMEOUT, Response(BODY, delay=60), None, "0.3 s", limits={"timeout_seconds": 0.3}),
    # no connection
    "private by default": Scenario(
        End.REFUSED_ADDRESS, status=None, says="allow_addresses", limits={"allow_addresses": ()}
    ),
    "nobody listens": address("http://127.0.0.1:{unused}/", End.CONNECT_ERROR, "cannot connect"),
    "no port 99999": address("http://127.0.0.1:99999/", End.CONNECT_ERROR, "no port 99999"),
    "unknown host": address("http://no-such-host.invalid/", End.DNS_ERROR, "cannot be resolved"),
    "impossible host": address("http://feeds..invalid/", End.DNS_ERROR, "cannot be resolved"),
    "unusable host": address("http://\u2603.invalid/", End.DNS_ERROR, "cannot be used"),
    "TLS to a plain port": address("https://127.0.0.1:{port}/feed", End.TLS_ERROR, "ca-certificates"),
    # broken answers
    "reset": Scenario(End.PROTOCOL_ERROR, Response(BODY, send_only=200, reset=True), says="broke off"),
    "closed half-way": Scenario(End.PROTOCOL_ERROR, Response(BODY, send_only=200), says="broke off"),
    "length too long": Scenario(End.PROTOCOL_ERROR, Response(BODY, length=len(BODY) + 1), says="broke off"),
    "compressed, closed half-way": Scenario(
        End.PROTOCOL_ERROR, Response(BODY, gzip=1, send_only=150), says="broke off"
    ),
    "not compressed as said": Scenario(End.PROTOCOL_ERROR, Response(BODY, headers={"Content-Encoding": "gzip"})),
    "compressed six times": Scenario(End.PROTOCOL_ERROR, Response(BODY, gzip=6)),
    "closed without a word": raw(b""),
    "not HTTP": raw(b"220 mail.example ready\r\n\r\n"),
    "a length in words": raw(OK_HEAD + b"Content-Length: many\r\n\r\n" + BODY),
    "a bad chunk": raw(OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + BODY, status=200),
    "endless headers": raw(OK_HEAD + b"X-Pad: " + b"x" * 200_000 + b"\r\n\r\n" + BODY),
}


PAGE_OUTCOMES = "disallowed robots_unreachable not_html consent_page paywall too_short other_language".split()


@pytest.mark.parametrize("scenario", [pytest.param(scenario, id=name) for name, scenario in SCENARIOS.items()])
def test_every_attempt_ends_as_an_outcome(feed_server: FeedServer, scenario: Scenario) -> None:
    feed_server.serve("/feed", scenario.feed)
    for path, response in scenario.elsewhere.items():
        feed_server.serve(path, response)
    url = scenario.url.format(base=feed_server.url(""), port=feed_server.port, unused=unused_port())
    before = datetime.now(UTC)

    fetched = fetch(url, scenario.state, **scenario.limits)

    assert (fetched.outcome, fetched.status) == (scenario.outcome, scenario.status)
    assert fetched.feed == Feed(url, LEDGER)
    assert timedelta(0) <= fetched.started_at - before < timedelta(seconds=10)
    assert 0 <= fetched.elapsed_ms < 10_000
    assert fetched.body == (scenario.body if scenario.outcome is FetchOutcome.OK else b"")
    if scenario.outcome.succeeded:
        assert fetched.error is None
        if scenario.outcome is FetchOutcome.OK:
            assert fetched.body_sha256 == hashlib.sha256(scenario.body).hexdigest()
    else:
        assert fetched.error
        assert "\n" not in fetched.error
        assert scenario.says in fetched.error


def test_the_scenarios_cover_every_outcome_of_a_fetch() -> None:
    of_the_parser = {FetchOutcome.NOT_A_FEED, FetchOutcome.PARSER_ERROR, FetchOutcome.PARSER_KILLED}
    of_a_pass = {FetchOutcome.DAMAGED, FetchOutcome.HELD_BACK, FetchOutcome.NOT_REACHED}  # tested below
    of_pages = {FetchOutcome(name) for name in PAGE_OUTCOMES}  # test_fulltext.py
    others = of_the_parser | of_a_pass | of_pages
    assert {scenario.outcome for scenario in SCENARIOS.values()} == set(FetchOutcome) - others


# ---------------------------------------------------------------------- compression


def deflated(body: bytes) -> bytes:
    return zlib.compress(body)


def raw_deflated(body: bytes) -> bytes:
    return zlib.compress(body)[2:-4]


def in_members(body: bytes) -> bytes:
    return gzip.compress(body[:50]) + gzip.compress(b"") + gzip.compress(body[50:])


CODINGS = {"gzip": gzip.compress, "x-gzip": in_members, "deflate": deflated, "Deflate": raw_deflated}


def cut_at_its_origin(packed: bytes, coding: str) -> Response:
    """The length is right and the connection sound: the file itself is cut."""
    return Response(packed, headers={"Content-Encoding": coding})


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("keep", [-1, -8, -9, 150])
def test_a_compressed_document_cut_at_its_origin_is_damaged(feed_server: FeedServer, coding: str, keep: int) -> None:
    packed = CODINGS[coding](BODY * 50)[:keep]
    fetched = fetch(feed_server.serve("/feed", cut_at_its_origin(packed, coding)))
    assert (fetched.outcome, fetched.error) == (FetchOutcome.DAMAGED, "the compressed document breaks off")
    assert (BODY * 50).startswith(fetched.body)
    assert fetched.body


def test_a_damaged_document_is_not_taken_for_unchanged(feed_server: FeedServer) -> None:
    url = feed_server.serve("/feed", cut_at_its_origin(PACKED[:150], "gzip"))
    first = fetch(url)
    assert fetch(url, FeedState(body_sha256=first.body_sha256)).outcome is FetchOutcome.DAMAGED


@given(body=st.binary(max_size=3000), coding=st.sampled_from(list(CODINGS)), step=st.integers(1, 500), data=st.data())
def test_no_cut_of_a_stream_gets_past_the_inflater(body: bytes, coding: str, step: int, data: st.DataObject) -> None:
    packed = CODINGS[coding](body)
    keep = data.draw(st.integers(0, len(packed)))
    inflater = _Inflater(coding.lower())
    chunks = [packed[start : min(start + step, keep)] for start in range(0, keep, step)]
    unpacked = b"".join(piece for chunk in chunks for piece in inflater.pieces(chunk))
    assert body.startswith(unpacked)
    if keep == len(packed):
        assert unpacked == body
        assert not inflater.broke_off
    elif coding != "x-gzip":  # between two members nothing tells that another should follow
        assert inflater.broke_off or keep == 0


@pytest.mark.parametrize(
    ("coding", "says"),
    [
        pytest.param("br", "'br', which was not offered", id="a coding not offered"),
        pytest.param("gzip, zstd", "'zstd', which was not offered", id="one of two not offered"),
        pytest.param(", ".join(["gzip"] * 6), "packed 6 times over", id="too many"),
    ],
)
def test_a_coding_we_did_not_offer_is_refused(feed_server: FeedServer, coding: str, says: str) -> None:
    fetched = fetch(feed_server.serve("/feed", Response(BODY, headers={"Content-Encoding": coding})))
    assert fetched.outcome is FetchOutcome.PROTOCOL_ERROR
    assert says in (fetched.error or "")
    assert feed_server.asked("/feed")[0].headers["accept-encoding"] == "gzip, deflate"


# ---------------------------------------------------------------------- answers that are none


@pytest.mark.parametrize(
    ("answer", "outcome", "says"),
    [
        pytest.param(Response(BODY, 206), End.PROTOCOL_ERROR, "a part (206)", id="a part"),
        pytest.param(Response(status=304), End.PROTOCOL_ERROR, "no validator was sent", id="304 to nothing"),
        pytest.param(
            Response(b"<html>wait</html>", 403, {"CF-Mitigated": "challenge"}), End.FORBIDDEN, "robots", id="by header"
        ),
        pytest.param(
            Response(b'<html><script src="/cdn-cgi/challenge-platform/x">', headers={"Content-Type": "text/html"}),
            End.FORBIDDEN,
            "robots",
            id="by body",
        ),
    ],
)
def test_answers_that_are_none(feed_server: FeedServer, answer: Response, outcome: FetchOutcome, says: str) -> None:
    fetched = fetch(feed_server.serve("/feed", answer))
    assert (fetched.outcome, fetched.body) == (outcome, b"")
    assert says in (fetched.error or "")


def test_a_story_about_challenge_pages_is_no_challenge_page(feed_server: FeedServer) -> None:
    body = rss(["How /cdn-cgi/challenge-platform/ keeps readers out"])
    assert fetch(feed_server.serve("/feed", Response(body))).outcome is FetchOutcome.OK


# ---------------------------------------------------------------------- what is sent


@pytest.mark.parametrize(
    ("state", "sent"),
    [
        pytest.param(FeedState(), {}, id="none"),
        pytest.param(FeedState(etag='"v1"'), {"if-none-match": '"v1"'}, id="etag"),
        pytest.param(FeedState(etag='W/"v1"'), {"if-none-match": 'W/"v1"'}, id="weak etag"),
        pytest.param(FeedState(etag="bare"), {"if-none-match": "bare"}, id="etag without quotes"),
        pytest.param(
            FeedState(last_modified="Tue, 03 Feb 2026 09:00:00 GMT"),
            {"if-modified-since": "Tue, 03 Feb 2026 09:00:00 GMT"},
            id="date",
        ),
        pytest.param(
            FeedState('"v1"', "yesterday at nine"),
            {"if-none-match": '"v1"', "if-modified-since": "yesterday at nine"},
            id="both, the date not even a date",
        ),
    ],
)
def test_validators_go_back_verbatim_and_only_when_known(
    feed_server: FeedServer, state: FeedState, sent: dict[str, str]
) -> None:
    fetched = fetch(feed_server.serve("/feed", Response(status=304)), state)
    (request,) = feed_server.asked("/feed")
    assert {name: value for name, value in request.headers.items() if name.startswith("if-")} == sent
    assert fetched.conditional is bool(sent)
    assert fetched.outcome is (FetchOutcome.NOT_MODIFIED if sent else FetchOutcome.PROTOCOL_ERROR)


@pytest.mark.parametrize("etag", ['"v1"', 'W/"v,1"', '"\xe9t\xe9"', '"\xc3\xa9"', '"\xff\x80"'])
def test_an_etag_returns_to_its_server_byte_for_byte(feed_server: FeedServer, etag: str) -> None:
    def answer(request: Request) -> Response:
        return Response(status=304) if request.headers.get("if-none-match") == etag else Response(BODY, headers=sent)

    sent = {"ETag": etag, "Last-Modified": "Tue, 03 Feb 2026 09:00:00 GMT"}
    url = feed_server.serve_with("/feed", answer)
    first = fetch(url)
    assert first.outcome is FetchOutcome.OK
    second = fetch(url, FeedState(first.headers["etag"], first.headers["last-modified"], first.body_sha256))
    assert second.outcome is FetchOutcome.NOT_MODIFIED


@pytest.mark.parametrize(
    ("contact", "agent"),
    [
        pytest.param("mailto:desk@tracker.example", f"media-coverage/{__version__} (+mailto:desk@tracker.example)"),
        pytest.param(None, f"media-coverage/{__version__}"),
    ],
)
def test_requests_say_who_asks(feed_server: FeedServer, contact: str | None, agent: str) -> None:
    fetch(feed_server.serve("/feed", Response(BODY)), contact=contact)
    (request,) = feed_server.asked("/feed")
    assert request.headers["user-agent"] == agent
    assert "application/rss+xml" in request.headers["accept"]
    assert "gzip" in request.headers["accept-encoding"]
    assert request.method == "GET"


def test_cookies_of_one_feed_are_not_shown_to_another_host(feed_server: FeedServer) -> None:
    feed_server.serve("/a", Response(BODY, headers={"Set-Cookie": "id=1; Path=/"}))
    feed_server.serve("/b", Response(BODY))
    names = list(loopback_names())
    list(fetch_all(feeds([feed_server.url("/a", names[0]), feed_server.url("/b", names[1])]), network(concurrency=1)))
    (request,) = feed_server.asked("/b")
    assert "cookie" not in request.headers


def test_the_body_arrives_byte_for_byte(feed_server: FeedServer) -> None:
    body = bytes(range(256)) + random.Random(1).randbytes(200_000)  # noqa: S311 - any bytes will do
    for times in (0, 1, 2):
        fetched = fetch(feed_server.serve(f"/{times}", Response(body, gzip=times)))
        assert fetched.body == body
        assert fetched.body_sha256 == hashlib.sha256(body).hexdigest()


def test_headers_have_lower_case_names_and_belong_to_the_last_answer(feed_server: FeedServer) -> None:
    feed_server.serve("/new", Response(BODY, headers={"ETag": '"new"', "X-MiXeD": "Kept As Is"}))
    moved = Response(status=301, headers={"Location": "/new", "ETag": '"old"', "X-Only-Here": "1"})
    fetched = fetch(feed_server.serve("/feed", moved))
    assert fetched.headers["etag"] == '"new"'
    assert fetched.headers["x-mixed"] == "Kept As Is"
    assert "x-only-here" not in fetched.headers


# ---------------------------------------------------------------------- redirects


def test_the_final_address_is_where_the_answer_came_from(feed_server: FeedServer) -> None:
    other = list(loopback_names())[1]
    new = feed_server.url("/folder/new", other)
    feed_server.serve("/folder/new", Response(BODY))
    fetched = fetch(feed_server.serve("/feed", redirect(new)))
    assert fetched.final_url == new
    assert fetched.feed.url == feed_server.url("/feed")
    assert feed_server.asked("/folder/new")[0].host == other


@pytest.mark.parametrize(
    ("hops", "outcome"),
    [
        pytest.param(MAX_REDIRECTS, FetchOutcome.OK, id="as many as allowed"),
        pytest.param(MAX_REDIRECTS + 1, FetchOutcome.BAD_REDIRECT, id="one more"),
    ],
)
def test_a_chain_of_redirects_is_followed_up_to_a_limit(
    feed_server: FeedServer, hops: int, outcome: FetchOutcome
) -> None:
    for hop in range(hops):
        feed_server.serve(f"/{hop}", redirect(f"/{hop + 1}"))
    feed_server.serve(f"/{hops}", Response(BODY))
    assert fetch(feed_server.url("/0")).outcome is outcome
    assert len(feed_server.requests) == MAX_REDIRECTS + 1


def test_validators_travel_along_a_redirect(feed_server: FeedServer) -> None:
    feed_server.serve("/new", Response(status=304))
    fetched = fetch(feed_server.serve("/feed", redirect("/new", 301)), FeedState(etag='"v1"'))
    assert fetched.outcome is FetchOutcome.NOT_MODIFIED
    assert feed_server.asked("/new")[0].headers["if-none-match"] == '"v1"'


@pytest.mark.parametrize(
    ("statuses", "moved_to"),
    [
        pytest.param([301], "/1", id="301"),
        pytest.param([308], "/1", id="308"),
        pytest.param([302], None, id="302"),
        pytest.param([303], None, id="303"),
        pytest.param([307], None, id="307"),
        pytest.param([301, 308], "/2", id="two permanent ones"),
        pytest.param([301, 302], "/1", id="as far as it is permanent"),
        pytest.param([302, 301], None, id="not after a temporary one"),
        pytest.param([301, 302, 301], "/1", id="not again after a temporary one"),
        pytest.param([], None, id="none"),
    ],
)
def test_where_permanent_redirects_lead_is_noted(
    feed_server: FeedServer, statuses: list[int], moved_to: str | None
) -> None:
    for hop, status in enumerate(statuses):
        feed_server.serve(f"/{hop}", redirect(f"/{hop + 1}#top", status))
    feed_server.serve(f"/{len(statuses)}", Response(BODY))
    fetched = fetch(feed_server.url("/0"))
    assert fetched.outcome is FetchOutcome.OK
    assert fetched.moved_to == (moved_to and feed_server.url(moved_to))


@pytest.mark.parametrize(
    ("status", "schemes", "lasting"),
    [
        (301, ("http", "https"), True),
        (308, ("https", "https"), True),
        (301, ("https", "http"), False),
        (302, ("http", "https"), False),
    ],
)
def test_no_move_leads_out_of_tls(status: int, schemes: tuple[str, str], lasting: bool) -> None:
    assert _is_lasting(status, *schemes) is lasting


def test_a_feed_that_has_moved_is_asked_at_its_new_address(feed_server: FeedServer) -> None:
    new = feed_server.serve("/new", Response(BODY))
    fetched = fetch(feed_server.url("/feed"), FeedState(address=new))
    assert (fetched.outcome, fetched.feed.url, fetched.final_url) == (End.OK, feed_server.url("/feed"), new)
    assert not feed_server.asked("/feed")


def test_a_refused_redirect_contacts_nobody(feed_server: FeedServer) -> None:
    """The guard looks at every hop: the allowed first host must not lead to one that is not allowed."""
    target = feed_server.url("/secret", "127.1")
    feed_server.serve("/secret", Response(b"internal"))
    url = feed_server.serve("/feed", redirect(target)).replace("127.0.0.1", "localhost")
    fetched = fetch(url, allow_addresses=("localhost",))
    assert fetched.outcome is FetchOutcome.REFUSED_ADDRESS
    assert feed_server.asked("/feed")
    assert not feed_server.asked("/secret")


# ---------------------------------------------------------------------- limits


def nested_bomb(layers: int, size: int) -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as file:
        for _ in range(size // 2**20):
            file.write(bytes(2**20))
    bomb = packed.getvalue()
    for _ in range(layers - 1):
        bomb = gzip.compress(bomb)
    return bomb


@pytest.mark.parametrize("layers", [1, 2])
def test_a_compression_bomb_is_not_unpacked_into_memory(feed_server: FeedServer, layers: int) -> None:
    bomb = nested_bomb(layers, 96 * 2**20)
    url = feed_server.serve("/feed", Response(bomb, headers={"Content-Encoding": ", ".join(["gzip"] * layers)}))
    tracemalloc.start()
    try:
        fetched = fetch(url, max_bytes=2**20)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert fetched.outcome is FetchOutcome.TOO_LARGE
    assert peak < 24 * 2**20


def test_a_body_that_never_ends_is_cut_at_the_limit(feed_server: FeedServer) -> None:
    url = feed_server.serve("/feed", Response(raw=OK_HEAD + b"Content-Length: 999999999999\r\n\r\n" + b"x" * 2**20))
    assert fetch(url, max_bytes=4096).outcome is FetchOutcome.TOO_LARGE


def test_the_deadline_covers_redirects_and_body_together(feed_server: FeedServer) -> None:
    for hop in range(4):
        feed_server.serve(f"/{hop}", Response(status=302, headers={"Location": f"/{hop + 1}"}, delay=0.5))
    feed_server.serve("/4", Response(BODY, delay=0.5))
    assert fetch(feed_server.url("/0"), timeout_seconds=2).outcome is FetchOutcome.TIMEOUT
    assert fetch(feed_server.url("/4")).outcome is FetchOutcome.OK


# ---------------------------------------------------------------------- which addresses may be contacted

PUBLIC = "8.8.8.8 1.1.1.1 172.32.0.1 100.128.0.1 2606:4700::1111 2001:4860:4860::8888 ::ffff:8.8.8.8".split()
NOT_PUBLIC = {
    "this network": "0.0.0.0 0.1.2.3 ::",
    "private": "10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.1.1 fc00::1 fd12:3456::1 fec0::1",
    "loopback": "127.0.0.1 127.255.255.254 ::1",
    "link-local": "169.254.0.1 169.254.169.254 fe80::1 fe80::1%eth0",
    "shared by a carrier": "100.64.0.1 100.127.255.255",
    "for documentation and tests": "192.0.2.1 198.51.100.1 203.0.113.1 198.18.0.1 2001:db8::1",
    "multicast": "224.0.0.1 239.1.1.1 ff02::1 ff0e::1",
    "reserved": "240.0.0.1 255.255.255.255 100::1",
    "IPv4 inside IPv6": "::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::127.0.0.1 ::ffff:0:127.0.0.1",
    "translated or tunnelled IPv4": "64:ff9b::127.0.0.1 64:ff9b::8.8.8.8 64:ff9b:1::1 2002:7f00:1:: 2001::1",
}


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_contacted(address: str) -> None:
    assert AddressGuard().permits("feeds.example", address)


@pytest.mark.parametrize(
    "address",
    [pytest.param(address, id=f"{kind} {address}") for kind, some in NOT_PUBLIC.items() for address in some.split()],
)
def test_other_addresses_may_not_be_contacted(address: str) -> None:
    assert not AddressGuard().permits("feeds.example", address)


@pytest.mark.parametrize(
    ("allowed", "host", "address", "permitted"),
    [
        pytest.param("10.1.0.0/16", "feeds.example", "10.1.2.3", True, id="in the range"),
        pytest.param("10.1.0.0/16", "feeds.example", "10.2.2.3", False, id="outside the range"),
        pytest.param("10.1.2.3/16", "feeds.example", "10.1.9.9", True, id="a range spelt from a host in it"),
        pytest.param("10.1.2.3", "feeds.example", "10.1.2.3", True, id="one address"),
        pytest.param("10.1.2.3", "feeds.example", "10.1.2.4", False, id="its neighbour"),
        pytest.param("10.1.0.0/16", "feeds.example", "::ffff:10.1.2.3", True, id="mapped into IPv6"),
        pytest.param("fd00::/8", "feeds.example", "fd00::1", True, id="IPv6 range"),
        pytest.param("fd00::/8", "feeds.example", "10.1.2.3", False, id="IPv6 range, IPv4 address"),
        pytest.param("intranet.example", "intranet.example", "10.1.2.3", True, id="the host"),
        pytest.param("Intranet.Example", "intranet.EXAMPLE", "fd00::1", True, id="the host in other letters"),
        pytest.param("intranet.example", "feeds.example", "10.1.2.3", False, id="another host, same address"),
        pytest.param("intranet.example", "www.intranet.example", "10.1.2.3", False, id="a host below it"),
        pytest.param("10.1.0.0/16", "feeds.example", "8.8.8.8", True, id="public stays public"),
    ],
)
def test_exceptions_are_granted_by_range_or_by_host(allowed: str, host: str, address: str, permitted: bool) -> None:
    assert AddressGuard((allowed,)).permits(host, address) is permitted


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001"])
def test_no_spelling_of_loopback_gets_past_the_guard(feed_server: FeedServer, host: str) -> None:
    feed_server.serve("/feed", Response(BODY))
    assert fetch(feed_server.url("/feed", host), allow_addresses=()).outcome is FetchOutcome.REFUSED_ADDRESS
    assert not feed_server.requests


def test_a_host_allowed_by_name_is_fetched(feed_server: FeedServer) -> None:
    feed_server.serve("/feed", Response(BODY))
    assert fetch(feed_server.url("/feed", "localhost"), allow_addresses=("localhost",)).outcome is FetchOutcome.OK


# ---------------------------------------------------------------------- proxies


def test_behind_a_proxy_the_proxy_is_asked(feed_server: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", feed_server.url(""))
    feed_server.serve("http://feeds.example/world", Response(BODY))
    fetched = fetch("http://feeds.example/world", allow_addresses=())
    assert (fetched.outcome, fetched.body) == (FetchOutcome.OK, BODY)
    (request,) = feed_server.requests
    assert request.path == "http://feeds.example/world"


def test_hosts_excepted_from_the_proxy_are_asked_directly(
    feed_server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_port()}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    url = feed_server.serve("/feed", Response(BODY))
    assert fetch(url).outcome is FetchOutcome.OK
    assert fetch(url, allow_addresses=()).outcome is FetchOutcome.REFUSED_ADDRESS


def test_a_proxy_for_everything_is_asked_too(feed_server: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", feed_server.url(""))
    feed_server.serve("http://feeds.example/world", Response(BODY))
    assert fetch("http://feeds.example/world", allow_addresses=()).outcome is FetchOutcome.OK


# ---------------------------------------------------------------------- hosts that want to be left alone

LATER = datetime(2099, 1, 1, tzinfo=UTC)


def pass_over(urls: list[str], **how: Any) -> dict[str, Fetched]:
    """A pass one feed after another, answers by address."""
    return {fetched.feed.url: fetched for fetched in fetch_all(feeds(urls), network(concurrency=1), **how)}


def test_a_host_that_wants_to_be_left_alone_is_not_asked(feed_server: FeedServer) -> None:
    first, second = list(loopback_names())[:2]
    urls = [feed_server.url("/a", first), feed_server.url("/b", first), feed_server.url("/c", second)]
    for path in ("/a", "/b", "/c"):
        feed_server.serve(path, Response(BODY))
    answers = pass_over(urls, waits={first: LATER})
    assert [answers[url].outcome for url in urls] == [End.HELD_BACK, End.HELD_BACK, End.OK]
    assert answers[urls[0]].error == f"{first} wants to be left alone until 2099-01-01 00:00 UTC"
    assert [request.path for request in feed_server.requests] == ["/c"]


def test_a_wait_that_is_over_is_over(feed_server: FeedServer) -> None:
    url = feed_server.serve("/feed", Response(BODY))
    assert pass_over([url], waits={"127.0.0.1": LATER}, clock=lambda: LATER)[url].outcome is End.OK


@pytest.mark.parametrize("status", [429, 503])
def test_an_answer_to_one_feed_holds_back_the_others_of_its_host(feed_server: FeedServer, status: int) -> None:
    first, second = list(loopback_names())[:2]
    feed_server.serve("/busy", Response(status=status, headers={"Retry-After": "600"}))
    feed_server.serve("/other", Response(BODY))
    urls = [feed_server.url("/busy", first), feed_server.url("/other", first), feed_server.url("/other", second)]
    now = datetime(2026, 2, 3, 12, tzinfo=UTC)
    answers = pass_over(urls, clock=lambda: now)
    assert answers[urls[0]].wait_until == now + timedelta(minutes=10)
    assert [answers[url].outcome for url in urls[1:]] == [End.HELD_BACK, End.OK]
    assert [(request.path, request.host) for request in feed_server.requests] == [("/busy", first), ("/other", second)]


def test_a_503_that_gives_no_time_holds_back_nobody(feed_server: FeedServer) -> None:
    urls = [feed_server.serve("/busy", Response(status=503)), feed_server.serve("/other", Response(BODY))]
    answers = pass_over(urls)
    assert [answers[url].outcome for url in urls] == [End.HTTP_ERROR, End.OK]
    assert answers[urls[0]].wait_until is None


def test_a_redirect_does_not_lead_to_a_host_that_wants_to_be_left_alone(feed_server: FeedServer) -> None:
    first, second = list(loopback_names())[:2]
    feed_server.serve("/new", Response(BODY))
    feed_server.serve("/feed", redirect(feed_server.url("/new", second)))
    url = feed_server.url("/feed", first)
    assert pass_over([url], waits={second: LATER})[url].outcome is FetchOutcome.HELD_BACK
    assert not feed_server.asked("/new")


def test_it_is_the_host_that_answered_which_is_left_alone(feed_server: FeedServer) -> None:
    first, second = list(loopback_names())[:2]
    feed_server.serve("/busy", Response(status=429))
    feed_server.serve("/other", Response(BODY))
    feed_server.serve("/feed", redirect(feed_server.url("/busy", second)))
    urls = [feed_server.url("/feed", first), feed_server.url("/other", first), feed_server.url("/other", second)]
    answers = pass_over(urls)
    assert [answers[url].outcome for url in urls] == [End.RATE_LIMITED, End.OK, End.HELD_BACK]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Feeds.Example:8443/world", "feeds.example"),
        ("http://[::1]:80/", "::1"),
        ("http://[::1", ""),
        ("nonsense", ""),
    ],
)
def test_a_host_is_a_name_without_port_in_lower_case(url: str, host: str) -> None:
    assert host_of(url) == host


# ---------------------------------------------------------------------- the run's deadline


def test_what_the_deadline_leaves_no_time_for_is_not_reached(feed_server: FeedServer) -> None:
    """One host answers at once and then waits for its gap; another has not answered when the deadline comes."""
    first, second = list(loopback_names())[:2]
    feed_server.serve("/fast", Response(BODY))
    feed_server.serve("/slow", Response(BODY, delay=60))
    urls = [feed_server.url(*at) for at in (("/fast", first), ("/a", first), ("/b", first), ("/slow", second))]
    urls.append(feed_server.url("/c", second))
    answers = {f.feed.url: f for f in fetch_all(feeds(urls), network(host_gap_seconds=60), deadline=3)}
    assert [answers[url].outcome for url in urls] == [End.OK, *[End.NOT_REACHED] * 4]
    assert sorted(request.path for request in feed_server.requests) == ["/fast", "/slow"]
    assert answers[urls[1]].error == "not asked: the run's deadline came first"
    assert answers[urls[3]].error == "the run's deadline came before the answer was complete"


def test_the_attempt_is_dated_by_the_clock(feed_server: FeedServer) -> None:
    url = feed_server.serve("/feed", Response(BODY))
    assert pass_over([url], clock=lambda: LATER)[url].started_at == LATER


# ---------------------------------------------------------------------- many feeds


def many(server: FeedServer, count: int, answer: Response, hosts: int) -> list[str]:
    """Addresses of `count` feeds spread over `hosts` hosts, all answering alike."""
    names = list(loopback_names())[:hosts]
    for number in range(count):
        server.serve(f"/{number}", answer)
    return [server.url(f"/{number}", names[number % hosts]) for number in range(count)]


def test_requests_at_once_are_bounded_and_really_at_once(feed_server: FeedServer) -> None:
    urls = many(feed_server, 16, Response(BODY, delay=0.1), hosts=16)
    results = list(fetch_all(feeds(urls), network(concurrency=4)))
    assert {result.outcome for result in results} == {FetchOutcome.OK}
    assert feed_server.peak[""] == 4


def test_a_host_gets_one_request_at_a_time_with_a_gap_between(feed_server: FeedServer) -> None:
    urls = many(feed_server, 12, Response(BODY, delay=0.02), hosts=3)
    results = list(fetch_all(feeds(urls), network(host_gap_seconds=0.1)))
    assert len(results) == 12
    for name in list(loopback_names())[:3]:
        assert feed_server.peak[name] == 1
        arrivals = sorted(request.arrived for request in feed_server.requests if request.host == name)
        assert len(arrivals) == 4
        assert min(later - earlier for earlier, later in pairwise(arrivals)) >= 0.1
    assert feed_server.peak[""] > 1


def test_no_gap_follows_the_last_request_to_a_host(feed_server: FeedServer) -> None:
    urls = many(feed_server, 3, Response(BODY), hosts=3)
    started = time.monotonic()
    assert len(list(fetch_all(feeds(urls), network(host_gap_seconds=60)))) == 3
    assert time.monotonic() - started < 60


def test_answers_come_as_they_arrive(feed_server: FeedServer) -> None:
    slow, fast = list(loopback_names())[:2]
    feed_server.serve("/slow", Response(BODY, delay=60))
    feed_server.serve("/fast", Response(BODY))
    urls = [feed_server.url("/slow", slow), feed_server.url("/fast", fast)]
    with closing(fetch_all(feeds(urls), network(timeout_seconds=60))) as answers:  # type: ignore[type-var]
        assert next(answers).feed.url == urls[1]


def test_each_of_fifty_feeds_gets_its_own_answer_whatever_befalls_the_others(feed_server: FeedServer) -> None:
    names = list(loopback_names())[:10]
    bodies = {f"/{number}": rss([f"Report number {number} from the talks"]) for number in range(40)}
    for path, body in bodies.items():
        feed_server.serve(path, Response(body, gzip=int(path[1:]) % 2))
    good = {feed_server.url(path, names[int(path[1:]) % 10]): body for path, body in bodies.items()}
    feed_server.serve("/reset", Response(BODY, send_only=10, reset=True))
    feed_server.serve("/astray", redirect("http://a..b/"))
    feed_server.serve("/garbage", Response(raw=b"\0\1\2\r\n\r\n"))
    bad = {
        **{
            feed_server.url(path, names[0]): outcome
            for path, outcome in (
                ("/reset", End.PROTOCOL_ERROR),
                ("/astray", End.DNS_ERROR),
                ("/garbage", End.PROTOCOL_ERROR),
                ("/none", End.NOT_FOUND),
            )
        },
        "http://10.0.0.1/": End.REFUSED_ADDRESS,
        "http://nowhere..invalid/": End.DNS_ERROR,
        "http://\u2603.invalid/": End.DNS_ERROR,
        "http://127.0.0.1:70000/": End.CONNECT_ERROR,
        f"http://127.0.0.1:{unused_port()}/": End.CONNECT_ERROR,
        feed_server.url("/0", names[3]).replace("http:", "https:"): End.TLS_ERROR,
    }
    requests = feeds([*bad, *good])
    assert len(requests) == 50

    results = list(fetch_all(requests, network()))

    assert sorted(result.feed.url for result in results) == sorted(feed.url for feed, _ in requests)
    assert {result.feed.url: result.body for result in results if result.outcome is End.OK} == good
    assert {result.feed.url: result.outcome for result in results if result.outcome is not End.OK} == bad


def test_no_feeds_give_no_answers() -> None:
    assert list(fetch_all([], network())) == []


def fetch_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "fetch"]


def test_closing_the_iterator_ends_the_thread_and_what_is_under_way(feed_server: FeedServer) -> None:
    names = list(loopback_names())
    feed_server.serve("/fast", Response(BODY))
    feed_server.serve("/slow", Response(BODY, delay=60))
    urls = [feed_server.url("/fast", names[0]), *(feed_server.url("/slow", name) for name in names[1:])]
    answers: Iterator[Fetched] = fetch_all(feeds(urls), network(timeout_seconds=60))
    assert next(answers).body == BODY
    assert fetch_threads()
    started = time.monotonic()
    answers.close()  # type: ignore[attr-defined]
    assert time.monotonic() - started < 50  # nothing was waited for
    assert not fetch_threads()


def test_the_thread_ends_with_the_last_answer(feed_server: FeedServer) -> None:
    list(fetch_all(feeds(many(feed_server, 3, Response(BODY), hosts=1)), network()))
    assert not fetch_threads()


def test_a_slow_reader_slows_the_requests_instead_of_filling_memory(feed_server: FeedServer) -> None:
    urls = many(feed_server, 18, Response(BODY), hosts=18)
    answers = fetch_all(feeds(urls), network(concurrency=2))
    next(answers)
    time.sleep(0.3)
    assert len(feed_server.requests) <= 2 * 2 + 1  # taken, waiting to be taken, and one in each slot
    assert len(list(answers)) == 17


def test_a_slow_reader_costs_no_feed_its_deadline(feed_server: FeedServer) -> None:
    urls = many(feed_server, 5, Response(BODY), hosts=5)
    outcomes = []
    for fetched in fetch_all(feeds(urls), network(concurrency=1, timeout_seconds=1.5)):
        time.sleep(0.4)
        outcomes.append(fetched.outcome)
    assert outcomes == [FetchOutcome.OK] * 5
