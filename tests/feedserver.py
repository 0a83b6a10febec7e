"""A web server on loopback that misbehaves exactly as told.

`server.serve("/feed", Response(...), ...)` gives the address; the answers are used in order and the last one
repeats; `serve_with` takes a function from Request to Response instead.
"""

from __future__ import annotations

import contextlib
import gzip
import select
import socket
import socketserver
import struct
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@dataclass(frozen=True)
class Request:
    """What a client asked. Header names are lower-case; every value is as it came, read as Latin-1."""

    method: str
    path: str
    headers: Mapping[str, str]
    arrived: float = 0.0
    """Seconds on the monotonic clock."""

    @property
    def host(self) -> str:
        return self.headers["host"].rpartition(":")[0]


@dataclass(frozen=True)
class Response:
    """One answer, put on the wire as described, true or not."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    gzip: int = 0
    """How many times the body is compressed (and said to be)."""
    length: int | None = None
    """What Content-Length claims; None for the truth."""
    send_only: int | None = None
    """Break off after so many bytes of the (compressed) body."""
    delay: float = 0.0
    """Seconds before the first byte."""
    drip: float = 0.0
    """Seconds before each byte of the body, which is then sent one by one."""
    head_drip: float = 0.0
    """Seconds before each byte of the head."""
    reset: bool = False
    """End with a TCP reset instead of a proper close."""
    raw: bytes | None = None
    """Exactly these bytes instead of an HTTP answer."""

    def wire(self) -> tuple[bytes, bytes]:
        """Head and body as sent."""
        if self.raw is not None:
            return self.raw, b""
        body = self.body
        for _ in range(self.gzip):
            body = gzip.compress(body)
        headers = {"Content-Type": "application/rss+xml", "Connection": "close"}
        if self.gzip:
            headers["Content-Encoding"] = ", ".join(["gzip"] * self.gzip)
        if self.status != HTTPStatus.NOT_MODIFIED:
            headers["Content-Length"] = str(len(body) if self.length is None else self.length)
        headers |= self.headers
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}", *(f"{k}: {v}" for k, v in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1"), body[: self.send_only]


def redirect(location: str | None, status: int = 302) -> Response:
    """A redirect; without Location when that is None."""
    return Response(status=status, headers={} if location is None else {"Location": location})


def _not_found(request: Request) -> Response:
    return Response(status=404)


class _Handler(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        connection: socket.socket = self.request
        owner = self.server.owner
        received = b""
        while b"\r\n\r\n" not in received:
            chunk = connection.recv(65536)
            received += chunk
            if received.startswith(b"\x16\x03"):  # a TLS client: say in plain text that this is not TLS
                connection.sendall(Response(status=400).wire()[0])
                return
            if not chunk:
                return
        request = _understand(received)
        try:
            with owner.answering(request) as response:
                if not _pause(connection, response.delay, owner.closing):
                    return
            # From the first byte on a client may be done with the answer before we are.
            self._send(response, connection, owner.closing)
        except ConnectionError:
            owner.hung_up.append(request)

    @staticmethod
    def _send(response: Response, connection: socket.socket, closing: threading.Event) -> None:
        head, body = response.wire()
        for part, pause in ((head, response.head_drip), (body, response.drip)):
            if not pause:
                connection.sendall(part)
                continue
            for byte in part:
                if not _pause(connection, pause, closing):
                    return
                connection.sendall(bytes([byte]))
        if response.reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()


def _pause(connection: socket.socket, seconds: float, closing: threading.Event) -> bool:
    """Wait, but not for a client that has left (ConnectionError). False when the server closes."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        readable, _, _ = select.select([connection], [], [], min(left, 0.05))
        if readable and not connection.recv(1, socket.MSG_PEEK):
            raise ConnectionAbortedError
        if closing.is_set():
            return False
    return True


def _understand(received: bytes) -> Request:
    first, *lines = received.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Request(method, path, headers, time.monotonic())


class _Server(socketserver.ThreadingTCPServer):
    owner: FeedServer
    allow_reuse_address = True
    daemon_threads = False  # so that closing waits for every answer
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        error = sys.exception()
        if not isinstance(error, ConnectionError):
            self.owner.errors.append(error)


class FeedServer:
    """Listens on 127.0.0.1 at a free port until closed."""

    def __init__(self) -> None:
        self.routes: dict[str, Callable[[Request], Response]] = {}
        self.requests: list[Request] = []
        self._under_way: Counter[str] = Counter()
        self.peak: Counter[str] = Counter()
        """The most requests at once, by host name as asked for; "" for all together."""
        self.hung_up: list[Request] = []
        """Requests whose client left before the answer had been sent."""
        self.errors: list[BaseException | None] = []
        self._lock = threading.Lock()
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def serve(self, path: str, *answers: Response) -> str:
        """Define what `path` answers and return its address."""
        self.routes[path] = lambda _: answers[min(len(self.asked(path)), len(answers)) - 1]
        return self.url(path)

    def serve_with(self, path: str, answer: Callable[[Request], Response]) -> str:
        """Let a function decide what `path` answers. Returns the address."""
        self.routes[path] = answer
        return self.url(path)

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        """The address of `path`; `host` is one of `loopback_names`."""
        return f"http://{host}:{self.port}{path}"

    def asked(self, path: str) -> list[Request]:
        """The requests for `path`, in order."""
        with self._lock:
            return [request for request in self.requests if request.path == path]

    @contextlib.contextmanager
    def answering(self, request: Request) -> Iterator[Response]:
        """Record a request, count it while it is under way, and give what its route answers."""
        with self._lock:
            self.requests.append(request)
            for key in ("", request.host):
                self._under_way[key] += 1
                self.peak[key] = max(self.peak[key], self._under_way[key])
        try:
            yield self.routes.get(request.path, _not_found)(request)
        finally:
            with self._lock:
                for key in ("", request.host):
                    self._under_way[key] -= 1

    def close(self) -> None:
        """Stop listening, end all answers, and raise what went wrong inside a route's function."""
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if self.errors:
            raise AssertionError("the test server failed") from self.errors[0]


def loopback_names() -> Iterator[str]:
    """Many spellings of 127.0.0.1: to a client they are different hosts, and no name server is needed."""
    yield "127.0.0.1"
    for middle, last, first in product(
        (".", ".0.", ".00.", ".0x0.", ".0.00."),
        ("1", "0x1", "01", "0x01", "001"),
        ("127", "0x7f", "0177", "0x07f", "0x007f", "0x0007f", "0x00007f"),
    ):
        yield first + middle + last


def unused_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
