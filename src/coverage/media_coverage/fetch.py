"""Feed → Fetched over HTTP. The only user of httpx2.

Everything expected to go wrong with one feed is a value (`Fetched.outcome`), so a bad feed is one row and never
the run. Per feed: conditional GET with the validators sent back verbatim, redirects followed by hand, a total
deadline, a size cap counted after decompression while streaming. Across feeds: bounded concurrency, one request
at a time per host with a gap. Addresses are checked when connecting, on every hop, so neither a redirect nor a
changing DNS answer leads into a private network.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore2
import httpx2

from . import __version__
from .records import Feed, FeedState, Fetched, FetchOutcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterable

    from .config import Network

MAX_REDIRECTS = 5
_ACCEPT = (
    "application/rss+xml, application/atom+xml, application/rdf+xml;q=0.9, "
    "application/xml;q=0.8, text/xml;q=0.8, */*;q=0.1"
)
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(block)
    for block in (
        *("100.64.0.0/10", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"),
        *("::/96", "::ffff:0:0:0/96", "fec0::/10"),
    )
)
"""Blocks that `is_global` lets through on some Python versions, or that tunnel to arbitrary IPv4 addresses."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
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
    return f"media-coverage/{__version__}" + (f" (+{contact})" if contact else "")


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


class _Session:
    """The clients and politeness state of one pass."""

    def __init__(self, network: Network) -> None:
        self.network = network
        guard = AddressGuard(network.allow_addresses)
        tls = _tls_context()
        direct = _GuardedTransport(guard, tls, network.concurrency)
        self._direct = self._make_client(direct)
        # Behind a proxy it is the proxy that resolves names: the guard cannot and need not see the target.
        self._proxied = {
            scheme: self._make_client(httpx2.AsyncHTTPTransport(verify=tls, proxy=address))
            for scheme, address in getproxies().items()
            if scheme in {"http", "https"}
        }
        self._slots = asyncio.Semaphore(network.concurrency)
        self._hosts: dict[str, asyncio.Lock] = {}
        self._waiting: Counter[str] = Counter()

    def _make_client(self, transport: httpx2.AsyncBaseTransport) -> httpx2.AsyncClient:
        seconds = self.network.timeout_seconds
        return httpx2.AsyncClient(
            transport=transport,
            timeout=httpx2.Timeout(seconds, connect=min(10.0, seconds)),
            headers={"User-Agent": user_agent(self.network.contact), "Accept": _ACCEPT},
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
        host = urlsplit(feed.url).hostname or ""
        self._waiting[host] += 1
        async with self._hosts.setdefault(host, asyncio.Lock()):
            self._waiting[host] -= 1
            async with self._slots:
                await deliver(await self._attempt(feed, state))
            if self._waiting[host]:
                await asyncio.sleep(self.network.host_gap_seconds)

    async def _attempt(self, feed: Feed, state: FeedState) -> Fetched:
        started_at, clock = datetime.now(UTC), time.perf_counter()
        answer = _Answer()
        try:
            async with asyncio.timeout(self.network.timeout_seconds):
                await self._get(feed.url, state, answer)
            outcome, error = FetchOutcome.OK, None
            if answer.status == httpx2.codes.NOT_MODIFIED:
                outcome = FetchOutcome.NOT_MODIFIED
            elif not answer.body.strip():
                outcome, error = FetchOutcome.EMPTY_BODY, "the server sent an empty document"
            elif answer.sha256 == state.body_sha256:
                outcome = FetchOutcome.UNCHANGED
        except _Refusal as refusal:
            outcome, error = refusal.outcome, refusal.message
        except _RefusedAddressError as refused:
            outcome, error = FetchOutcome.REFUSED_ADDRESS, str(refused)
        except (TimeoutError, httpx2.TimeoutException):
            outcome, error = FetchOutcome.TIMEOUT, f"no complete answer within {self.network.timeout_seconds:g} s"
        except socket.gaierror as failure:
            outcome, error = FetchOutcome.DNS_ERROR, f"the host name cannot be resolved ({failure.strerror})"
        except httpx2.ConnectError as failure:
            tls = isinstance(_root(failure), ssl.SSLError)
            outcome = FetchOutcome.TLS_ERROR if tls else FetchOutcome.CONNECT_ERROR
            hint = "; a minimal container may lack the package ca-certificates" if tls else ""
            error = f"cannot connect: {_root(failure)}{hint}"
        except (httpx2.TransportError, httpx2.DecodingError) as failure:
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
            body=answer.body if outcome is FetchOutcome.OK else b"",
            body_sha256=answer.sha256,
            error=error,
        )

    async def _get(self, address: str, state: FeedState, answer: _Answer) -> None:
        """Fill `answer` as the response comes in, so that a failure half-way still tells the status."""
        validators = {b"If-None-Match": state.etag, b"If-Modified-Since": state.last_modified}
        headers = {name: value.encode("latin-1", "replace") for name, value in validators.items() if value}
        try:
            url = httpx2.URL(address)
        except httpx2.InvalidURL as invalid:
            raise _Refusal(FetchOutcome.DNS_ERROR, f"the address cannot be used: {invalid}") from None
        for _ in range(MAX_REDIRECTS + 1):
            async with self._client(url).stream("GET", url, headers=headers) as response:
                answer.url, answer.status = str(url), response.status_code
                # Latin-1 maps bytes to characters one to one, so that any validator can be sent back verbatim.
                answer.headers = dict(httpx2.Headers(response.headers.raw, encoding="latin-1"))
                if response.status_code == httpx2.codes.NOT_MODIFIED:
                    return
                if response.status_code in _REDIRECTS:
                    url = self._target(url, response.headers.get("location", ""))
                    continue
                if not response.is_success:
                    outcome = _BY_STATUS.get(response.status_code, FetchOutcome.HTTP_ERROR)
                    raise _Refusal(
                        outcome, f"the server answered {response.status_code} {response.reason_phrase}".rstrip()
                    )
                answer.body = await self._read(response)
                answer.sha256 = hashlib.sha256(answer.body).hexdigest()
                return
        raise _Refusal(FetchOutcome.BAD_REDIRECT, f"more than {MAX_REDIRECTS} redirects")

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

    async def _read(self, response: httpx2.Response) -> bytes:
        limit = self.network.max_bytes
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.aiter_bytes():
            size += len(chunk)
            if size > limit:
                raise _Refusal(
                    FetchOutcome.TOO_LARGE, f"the document is larger than {limit:,} bytes (network.max_bytes)"
                )
            chunks.append(chunk)
        return b"".join(chunks)


def _root(error: BaseException) -> BaseException:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return error


class _Background:
    """Runs a session in a thread of its own and hands over its answers."""

    def __init__(self, requests: list[tuple[Feed, FeedState]], network: Network) -> None:
        self._requests, self._network = requests, network
        self.arrived: queue.Queue[Fetched | BaseException | None] = queue.Queue()
        self.room = threading.Semaphore(network.concurrency)
        self._loop = asyncio.new_event_loop()
        self._main = self._loop.create_task(self._fetch_all())
        self._thread = threading.Thread(target=self._work, name="fetch", daemon=True)
        self._thread.start()

    async def _fetch_all(self) -> None:
        session = _Session(self._network)
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


def fetch_all(requests: Iterable[tuple[Feed, FeedState]], network: Network) -> Generator[Fetched]:
    """Yield one Fetched per feed as the answers arrive.

    The requests run in a thread of their own, so parsing and storing between two answers neither delays the
    network nor eats into the feeds' deadlines. At most `network.concurrency` answers wait to be taken. Closing
    the iterator (or an exception in its consumer) cancels what is under way.
    """
    background = _Background(list(requests), network)
    try:
        while (item := background.arrived.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
            background.room.release()
    finally:
        background.stop()
