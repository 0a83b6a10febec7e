"""Feed → Fetched over HTTP. The only user of httpx2.

Everything expected to go wrong with one feed is a value (`Fetched.outcome`), so a bad feed is one row and never
the run. Per feed: conditional GET with the validators sent back verbatim, redirects followed by hand, a total
deadline, a size cap counted after decompression while streaming. Across feeds: bounded concurrency, one request
at a time per host with a gap, none to a host that asked to be left alone. Addresses are checked when connecting, on
every hop, so neither a redirect nor a changing DNS answer leads into a private network.

Pages of articles are asked for in the same way, but only where robots.txt of their origin allows it, on every hop, and
with its crawl delay for a gap where that is longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ipaddress
import itertools
import math
import queue
import socket
import ssl
import threading
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore2
import httpx2

from . import __version__, schedule
from .fulltext import CHALLENGES, crawl_delay, permits, robots_from
from .records import Access, Feed, FeedState, Fetched, FetchOutcome, Outlet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator, Mapping

    from .config import Network
    from .records import Robots

MAX_REDIRECTS = 5
AGENT = "media-coverage"
"""Our product token, by which robots.txt can address us."""


@dataclass(frozen=True)
class _Kind:
    """What is asked for: its name in messages, and the Accept header."""

    noun: str
    accept: str


_FEED = _Kind(
    "a feed",
    "application/rss+xml, application/atom+xml, application/rdf+xml;q=0.9, "
    "application/xml;q=0.8, text/xml;q=0.8, */*;q=0.1",
)
_PAGE = _Kind("the article", "text/html, application/xhtml+xml")
_ROBOTS = _Kind("robots.txt", "text/plain, */*;q=0.1")

_NOT_PUBLIC = tuple(
    ipaddress.ip_network(block)
    for block in (
        *("100.64.0.0/10", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"),
        *("::/96", "::ffff:0:0:0/96", "fec0::/10"),
    )
)
"""Blocks that `is_global` lets through on some Python versions, or that tunnel to arbitrary IPv4 addresses."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PERMANENT = frozenset({301, 308})
_PARTIAL = 206
MAX_CODINGS = 5
_INFLATED_AT_ONCE = 2**20
_GZIP_MAGIC = b"\x1f\x8b"
_ZLIB_METHOD = 8

_BY_STATUS = {
    401: FetchOutcome.FORBIDDEN,
    403: FetchOutcome.FORBIDDEN,
    404: FetchOutcome.NOT_FOUND,
    410: FetchOutcome.GONE,
    429: FetchOutcome.RATE_LIMITED,
}


class _RefusedAddressError(Exception):
    """The guard does not let this address be contacted."""


class _Refusal(Exception):  # noqa: N818 - not an error but the outcome of an attempt
    """Ends an attempt with an outcome."""

    def __init__(self, outcome: FetchOutcome, message: str) -> None:
        self.outcome, self.message = outcome, message
        super().__init__(message)


@dataclass(frozen=True)
class AddressGuard:
    """Which addresses may be contacted: public ones, and those that the configuration allows by host or range."""

    allowed: tuple[str, ...] = ()

    @cached_property
    def _networks(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        return tuple(ipaddress.ip_network(entry, strict=False) for entry in self.allowed if not self._is_host(entry))

    @staticmethod
    def _is_host(entry: str) -> bool:
        try:
            ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return True
        return False

    def permits(self, host: str, address: str) -> bool:
        """May `host`, which resolves to `address`, be contacted?"""
        if host.lower() in {entry.lower() for entry in self.allowed}:
            return True
        ip = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        if any(ip in network for network in self._networks if network.version == ip.version):
            return True
        return ip.is_global and not ip.is_multicast and not any(ip in n for n in _NOT_PUBLIC if n.version == ip.version)


class _GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Resolves, checks and only then connects, to the very address that was checked."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        if not 0 < port < 65536:
            raise httpcore2.ConnectError(f"there is no port {port}")
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError:  # an empty label, or one that is too long
            raise socket.gaierror(socket.EAI_NONAME, "not a possible host name") from None
        addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
        permitted = [address for address in addresses if self._guard.permits(host, address)]
        if not permitted:
            raise _RefusedAddressError(
                f"{host} resolves to {addresses[0]}, which is not a public address; "
                "network.allow_addresses in feeds.yaml lists exceptions"
            )
        for last, address in enumerate(permitted, start=1):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if last == len(permitted):
                    raise
        raise AssertionError("unreachable: permitted is not empty")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _GuardedTransport(httpx2.AsyncHTTPTransport):
    def __init__(self, guard: AddressGuard, tls: ssl.SSLContext, connections: int) -> None:
        super().__init__(verify=tls)
        # httpx2 has no parameter for httpcore2's network backend; the pool is the documented way to give one.
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls, max_connections=connections, network_backend=_GuardedBackend(guard)
        )


def user_agent(contact: str | None) -> str:
    """Says who asks and, when feeds.yaml names a contact, whom to write to."""
    return f"{AGENT}/{__version__}" + (f" (+{contact})" if contact else "")


def host_of(url: str) -> str:
    """The host of an address in lower case: what Retry-After and the gap between requests go by."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _origin(url: httpx2.URL) -> str:
    """Scheme, host and port, each of which has a robots.txt of its own (RFC 9309, 2.3)."""
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def _now() -> datetime:
    return datetime.now(UTC)


def _tls_context() -> ssl.SSLContext:
    context: ssl.SSLContext = httpx2.create_ssl_context()
    return context


@dataclass
class _Answer:
    url: str | None = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    sha256: str | None = None
    truncated: bool = False
    moved_to: str | None = None
    wait_until: datetime | None = None


class _Inflater:
    """Undoes one content coding as the bytes come, in bounded pieces, and knows whether its end has come.

    httpx2's own decoders take a stream that breaks off for whole, and read only the first of several gzip members.
    """

    def __init__(self, coding: str) -> None:
        self._bits = zlib.MAX_WBITS | (16 if coding.endswith("gzip") else 0)
        self._stream = zlib.decompressobj(self._bits)
        self._fed = False

    @property
    def broke_off(self) -> bool:
        return self._fed and not self._stream.eof

    def pieces(self, data: bytes) -> Iterator[bytes]:
        if not self._fed and data and self._bits == zlib.MAX_WBITS and data[0] & 0x0F != _ZLIB_METHOD:
            self._stream = zlib.decompressobj(-zlib.MAX_WBITS)  # "deflate" without zlib's header: a common mistake
        self._fed = self._fed or bool(data)
        while True:
            piece = self._stream.decompress(data, _INFLATED_AT_ONCE)
            if piece:
                yield piece
            if self._stream.eof and self._stream.unused_data.startswith(_GZIP_MAGIC):
                data, self._stream = self._stream.unused_data, zlib.decompressobj(self._bits)
            elif piece and not self._stream.eof:
                data = self._stream.unconsumed_tail
            else:
                return


class _Session:
    """The clients and politeness state of one pass."""

    def __init__(self, network: Network, asking: _Asking) -> None:
        self.network = network
        self._clock = asking.clock
        self._waits = dict(asking.waits)
        self._robots = asking.robots
        self._kind = _FEED if asking.robots is None else _PAGE
        self._began = asyncio.get_running_loop().time()
        self._ends_at = None if asking.deadline is None else self._began + asking.deadline
        guard = AddressGuard(network.allow_addresses)
        tls = _tls_context()
        direct = _GuardedTransport(guard, tls, network.concurrency)
        self._direct = self._make_client(direct)
        # Behind a proxy it is the proxy that resolves names: the guard cannot and need not see the target.
        proxies = getproxies()
        self._proxied = {
            scheme: self._make_client(httpx2.AsyncHTTPTransport(verify=tls, proxy=address))
            for scheme in ("http", "https")
            if (address := proxies.get(scheme) or proxies.get("all", "")).startswith("http")
        }
        self._slots = asyncio.Semaphore(network.concurrency)
        self._hosts: dict[str, asyncio.Lock] = {}
        self._waiting: Counter[str] = Counter()
        self._ended: dict[str, float] = {}
        self._asked_for_robots: dict[str, Fetched] = {}

    def _make_client(self, transport: httpx2.AsyncBaseTransport) -> httpx2.AsyncClient:
        seconds = self.network.timeout_seconds
        return httpx2.AsyncClient(
            transport=transport,
            timeout=httpx2.Timeout(seconds, connect=min(10.0, seconds)),
            headers={
                "User-Agent": user_agent(self.network.contact),
                "Accept-Encoding": "gzip, deflate",
            },
            follow_redirects=False,
            trust_env=False,
        )

    async def close(self) -> None:
        for client in (self._direct, *self._proxied.values()):
            await client.aclose()

    def _client(self, url: httpx2.URL) -> httpx2.AsyncClient:
        proxied = self._proxied.get(url.scheme)
        return self._direct if proxied is None or proxy_bypass(url.host) else proxied

    async def fetch(self, feed: Feed, state: FeedState, deliver: Callable[[Fetched], Awaitable[None]]) -> None:
        """One attempt, politely: never two at once to a host, with a gap after each.

        The slot is held until the answer is delivered: a slow consumer slows the requests, and memory is bounded.
        """
        host = host_of(state.address or feed.url)
        self._waiting[host] += 1
        async with self._hosts.setdefault(host, asyncio.Lock()):
            self._waiting[host] -= 1
            if self._robots is not None:
                await self._approach(feed)
            async with self._slots:
                fetched = await self._attempt(feed, state, self._kind)
                await deliver(fetched)
            if self._robots is None and self._waiting[host] and fetched.outcome.attempted:
                await asyncio.sleep(min(self.network.host_gap_seconds, self._time_left()))

    def _time_left(self) -> float:
        """Seconds until the run's deadline."""
        return math.inf if self._ends_at is None else max(self._ends_at - asyncio.get_running_loop().time(), 0.0)

    async def _approach(self, page: Feed) -> None:
        """Know the robots.txt that concerns a page, and leave its host the gap that it wants.

        The pass over the feeds may have asked that host just before this one began, so the first request waits too.
        """
        with contextlib.suppress(httpx2.InvalidURL):  # the attempt will say so
            url = httpx2.URL(page.url)
            if not self._knows(_origin(url)):
                await self._pause(url, 0)
                async with self._slots:
                    await self._learn(_origin(url))
            await self._pause(url, crawl_delay((self._robots or {}).get(_origin(url)), AGENT))

    async def _pause(self, url: httpx2.URL, delay: float) -> None:
        last = self._ended.get(url.host, self._began)
        wait = last + max(self.network.host_gap_seconds, delay) - asyncio.get_running_loop().time()
        await asyncio.sleep(min(max(wait, 0), self._time_left()))

    def _knows(self, origin: str) -> bool:
        known = (self._robots or {}).get(origin)
        return known is not None and known.expires_at > self._clock()

    async def _learn(self, origin: str) -> None:
        """Ask for the robots.txt of an origin, unless it is known."""
        if self._robots is None or self._knows(origin):
            return
        self._robots.pop(origin, None)
        outlet = Outlet(origin, None, "other")
        fetched = await self._attempt(Feed(f"{origin}/robots.txt", outlet), FeedState(), _ROBOTS)
        self._asked_for_robots[origin] = fetched
        if robots := robots_from(origin, fetched):
            self._robots[origin] = robots

    def _obey(self, origin: str, url: str) -> None:
        robots = (self._robots or {}).get(origin)
        if robots is None:
            asked = self._asked_for_robots[origin]
            raise _Refusal(asked.outcome, asked.error or "")
        if robots.access is Access.NOT_NOW:
            raise _Refusal(FetchOutcome.ROBOTS_UNREACHABLE, f"{origin}/robots.txt cannot be had: {robots.reason}"[:500])
        if not permits(robots, url, AGENT):
            raise _Refusal(FetchOutcome.DISALLOWED, f"{origin}/robots.txt does not allow it")

    async def _attempt(self, feed: Feed, state: FeedState, kind: _Kind) -> Fetched:
        started_at, clock = self._clock(), time.perf_counter()
        answer = _Answer()
        left = self._time_left()
        try:
            if not left:
                raise _Refusal(FetchOutcome.NOT_REACHED, "not asked: the run's deadline came first")
            async with asyncio.timeout(min(self.network.timeout_seconds, left)):
                await self._get(state, answer, state.address or feed.url, kind)
            outcome, error = _judged(answer, state, kind)
        except _Refusal as refusal:
            outcome, error = refusal.outcome, refusal.message
        except _RefusedAddressError as refused:
            outcome, error = FetchOutcome.REFUSED_ADDRESS, str(refused)
        except (TimeoutError, httpx2.TimeoutException):
            if self._time_left():
                outcome, error = FetchOutcome.TIMEOUT, f"no complete answer within {self.network.timeout_seconds:g} s"
            else:
                outcome, error = FetchOutcome.NOT_REACHED, "the run's deadline came before the answer was complete"
        except socket.gaierror as failure:
            outcome, error = FetchOutcome.DNS_ERROR, f"the host name cannot be resolved ({failure.strerror})"
        except httpx2.ConnectError as failure:
            tls = isinstance(_root(failure), ssl.SSLError)
            outcome = FetchOutcome.TLS_ERROR if tls else FetchOutcome.CONNECT_ERROR
            hint = "; a minimal container may lack the package ca-certificates" if tls else ""
            error = f"cannot connect: {_root(failure)}{hint}"
        except (httpx2.TransportError, zlib.error) as failure:
            outcome, error = (
                FetchOutcome.PROTOCOL_ERROR,
                f"the answer broke off: {str(_root(failure)) or type(failure).__name__}",
            )
        return Fetched(
            feed=feed,
            outcome=outcome,
            started_at=started_at,
            elapsed_ms=round((time.perf_counter() - clock) * 1000),
            status=answer.status,
            final_url=answer.url,
            headers=answer.headers,
            body=answer.body if outcome in {FetchOutcome.OK, FetchOutcome.DAMAGED} else b"",
            body_sha256=answer.sha256,
            error=error,
            conditional=bool(_validators(state)),
            moved_to=answer.moved_to,
            wait_until=answer.wait_until,
        )

    async def _get(self, state: FeedState, answer: _Answer, address: str, kind: _Kind) -> None:
        """Fill `answer` as the response comes in, so that a failure half-way still tells the status."""
        headers = _validators(state) | {b"Accept": kind.accept.encode("ascii")}
        permanent = True
        try:
            url = httpx2.URL(address)
        except httpx2.InvalidURL as invalid:
            raise _Refusal(FetchOutcome.DNS_ERROR, f"the address cannot be used: {invalid}") from None
        for _ in range(MAX_REDIRECTS + 1):
            host = host_of(str(url))
            if (until := self._waits.get(host)) and until > self._clock():
                raise _Refusal(
                    FetchOutcome.HELD_BACK, f"{host} wants to be left alone until {until:%Y-%m-%d %H:%M} UTC"
                )
            if kind is _PAGE:
                await self._learn(_origin(url))
                self._obey(_origin(url), str(url))
            async with self._ending(url), self._client(url).stream("GET", url, headers=headers) as response:
                answer.url, answer.status = str(url), response.status_code
                # Latin-1 maps bytes to characters one to one, so that any validator can be sent back verbatim.
                answer.headers = dict(httpx2.Headers(response.headers.raw, encoding="latin-1"))
                if response.status_code not in _REDIRECTS:
                    answer.wait_until = schedule.wait_until(answer.status, answer.headers, self._clock())
                    if answer.wait_until:
                        self._waits[host] = answer.wait_until
                    await self._read(response, answer, kind)
                    return
                target = self._target(url, response.headers.get("location", ""))
                permanent = permanent and _is_lasting(response.status_code, url.scheme, target.scheme)
                if permanent:
                    answer.moved_to = str(target.copy_with(fragment=None))
                url = target
        raise _Refusal(FetchOutcome.BAD_REDIRECT, f"more than {MAX_REDIRECTS} redirects")

    @contextlib.asynccontextmanager
    async def _ending(self, url: httpx2.URL) -> AsyncIterator[None]:
        """Note when a host was done with, from which its gap is counted."""
        try:
            yield
        finally:
            self._ended[url.host] = asyncio.get_running_loop().time()

    @staticmethod
    def _target(url: httpx2.URL, location: str) -> httpx2.URL:
        try:
            target = url.join(location)
        except httpx2.InvalidURL:
            target = httpx2.URL("")
        if not location or target.scheme not in {"http", "https"} or not target.host:
            raise _Refusal(
                FetchOutcome.BAD_REDIRECT, f"redirected to {location[:200]!r}, which is not an http(s) address"
            )
        return target

    async def _read(self, response: httpx2.Response, answer: _Answer, kind: _Kind) -> None:
        if response.status_code == httpx2.codes.NOT_MODIFIED:
            return
        if response.headers.get("cf-mitigated") == "challenge":
            raise _Refusal(FetchOutcome.FORBIDDEN, f"a challenge page against robots came back instead of {kind.noun}")
        if not response.is_success:
            outcome = _BY_STATUS.get(response.status_code, FetchOutcome.HTTP_ERROR)
            raise _Refusal(outcome, f"the server answered {response.status_code} {response.reason_phrase}".rstrip())
        if response.status_code == _PARTIAL:
            raise _Refusal(FetchOutcome.PROTOCOL_ERROR, "the server sent a part (206), though the whole was asked for")
        if kind is _PAGE and not _may_be_html(response.headers.get("content-type", "")):
            raise _Refusal(FetchOutcome.NOT_HTML, f"not HTML: {response.headers['content-type'][:100]}")
        limit = self.network.max_bytes
        chunks: list[bytes] = []
        size = 0
        inflaters = _inflaters(response.headers.get("content-encoding", ""))
        async for chunk in _inflated(response.aiter_raw(), inflaters):
            size += len(chunk)
            if size > limit:
                raise _Refusal(
                    FetchOutcome.TOO_LARGE, f"the document is larger than {limit:,} bytes (network.max_bytes)"
                )
            chunks.append(chunk)
        answer.body = b"".join(chunks)
        answer.truncated = any(inflater.broke_off for inflater in inflaters)
        answer.sha256 = hashlib.sha256(answer.body).hexdigest()


def _may_be_html(content_type: str) -> bool:
    """Is it worth downloading as a page? What declares no type is looked at."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind in {"", "text/html", "application/xhtml+xml", "application/xml", "text/xml", "text/plain"}


def _is_lasting(status: int, scheme: str, target_scheme: str) -> bool:
    """Is a redirect to be remembered? Permanent ones are, unless they lead out of TLS."""
    return status in _PERMANENT and (scheme, target_scheme) != ("https", "http")


def _validators(state: FeedState) -> dict[bytes, bytes]:
    sent = {b"If-None-Match": state.etag, b"If-Modified-Since": state.last_modified}
    return {name: value.encode("latin-1", "replace") for name, value in sent.items() if value}


def _judged(answer: _Answer, state: FeedState, kind: _Kind) -> tuple[FetchOutcome, str | None]:
    """What an answer with a good status is worth."""
    if answer.status == httpx2.codes.NOT_MODIFIED:
        if _validators(state):
            return FetchOutcome.NOT_MODIFIED, None
        return FetchOutcome.PROTOCOL_ERROR, "the server said 304 although no validator was sent"
    if not answer.body.strip():
        return FetchOutcome.EMPTY_BODY, "the server sent an empty document"
    if answer.truncated:
        return FetchOutcome.DAMAGED, "the compressed document breaks off"
    if answer.sha256 == state.body_sha256:
        return FetchOutcome.UNCHANGED, None
    # Pages that are no walls carry these too, for scripts that watch; there the text decides (fulltext.py).
    is_html = kind is _FEED and "html" in answer.headers.get("content-type", "")
    if is_html and any(sign in answer.body for sign in CHALLENGES):
        return FetchOutcome.FORBIDDEN, "a challenge page against robots came back instead of a feed"
    return FetchOutcome.OK, None


def _inflaters(content_encoding: str) -> list[_Inflater]:
    """One for each content coding, in the order of undoing."""
    codings = [
        coding for part in content_encoding.lower().split(",") if (coding := part.strip()) not in {"", "identity"}
    ]
    unknown = [coding for coding in codings if coding not in {"gzip", "x-gzip", "deflate"}]
    if unknown:
        raise _Refusal(
            FetchOutcome.PROTOCOL_ERROR, f"the answer is packed as {unknown[0][:50]!r}, which was not offered"
        )
    if len(codings) > MAX_CODINGS:
        raise _Refusal(FetchOutcome.PROTOCOL_ERROR, f"the answer is packed {len(codings)} times over")
    return [_Inflater(coding) for coding in reversed(codings)]


async def _inflated(chunks: AsyncIterator[bytes], inflaters: list[_Inflater]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        pieces: Iterator[bytes] = iter((chunk,))
        for inflater in inflaters:
            pieces = itertools.chain.from_iterable(map(inflater.pieces, pieces))
        for piece in pieces:
            yield piece


def _root(error: BaseException) -> BaseException:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return error


@dataclass(frozen=True)
class _Asking:
    """How a pass asks, beyond the limits in feeds.yaml. `robots` makes it one over pages."""

    waits: Mapping[str, datetime]
    deadline: float | None
    clock: Callable[[], datetime]
    robots: dict[str, Robots] | None = None


class _Background:
    """Runs a session in a thread of its own and hands over its answers."""

    def __init__(self, requests: list[tuple[Feed, FeedState]], network: Network, asking: _Asking) -> None:
        self._requests, self._network, self._asking = requests, network, asking
        self.arrived: queue.Queue[Fetched | BaseException | None] = queue.Queue()
        self.room = threading.Semaphore(network.concurrency)
        self._loop = asyncio.new_event_loop()
        self._main = self._loop.create_task(self._fetch_all())
        self._thread = threading.Thread(target=self._work, name="fetch", daemon=True)
        self._thread.start()

    async def _fetch_all(self) -> None:
        session = _Session(self._network, self._asking)
        try:
            async with asyncio.TaskGroup() as tasks:
                for feed, state in self._requests:
                    tasks.create_task(session.fetch(feed, state, self._deliver))
        finally:
            await session.close()

    async def _deliver(self, fetched: Fetched) -> None:
        while not self.room.acquire(blocking=False):  # another thread makes room
            await asyncio.sleep(0.01)
        self.arrived.put(fetched)

    def _work(self) -> None:
        end: BaseException | None = None
        try:
            self._loop.run_until_complete(self._main)
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001 - carried to the consumer's thread and raised there
            end = error
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()
            self.arrived.put(end)

    def stop(self) -> None:
        """Cancel what is under way and wait for the thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: the thread has ended by itself
            self._loop.call_soon_threadsafe(self._main.cancel)
        self._thread.join(timeout=5)


def arrivals(
    requests: Iterable[tuple[Feed, FeedState]],
    network: Network,
    *,
    patience: float | None = None,
    waits: Mapping[str, datetime] | None = None,
    deadline: float | None = None,
    clock: Callable[[], datetime] = _now,
    robots: dict[str, Robots] | None = None,
) -> Generator[Fetched | None]:
    """Yield one Fetched per feed as the answers arrive, and None whenever none came for `patience` seconds.

    The requests run in a thread of their own, so parsing and storing between two answers neither delays the
    network nor eats into the feeds' deadlines. At most `network.concurrency` answers wait to be taken. Closing
    the iterator (or an exception in its consumer) cancels what is under way.

    `waits` names hosts that asked to be left alone until a time: their feeds are HELD_BACK, and so are those of a
    host that asks for it during the pass. After `deadline` seconds the feeds that are left are NOT_REACHED. `clock`
    gives the time of day, aware UTC.

    With `robots` the addresses are those of pages: what is known of robots.txt, by origin, to which is added what is
    learnt. A page that it forbids is DISALLOWED, and ROBOTS_UNREACHABLE where it cannot be had.
    """
    background = _Background(list(requests), network, _Asking(waits or {}, deadline, clock, robots))
    try:
        while True:
            try:
                item = background.arrived.get(timeout=patience)
            except queue.Empty:
                yield None
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
            background.room.release()
    finally:
        background.stop()


def fetch_all(
    requests: Iterable[tuple[Feed, FeedState]],
    network: Network,
    *,
    waits: Mapping[str, datetime] | None = None,
    deadline: float | None = None,
    clock: Callable[[], datetime] = _now,
) -> Generator[Fetched]:
    """`arrivals` without the pauses: one Fetched per feed."""
    answers = arrivals(requests, network, waits=waits, deadline=deadline, clock=clock)
    with contextlib.closing(answers) as arriving:
        yield from (fetched for fetched in arriving if fetched is not None)
