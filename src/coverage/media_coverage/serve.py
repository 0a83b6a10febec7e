"""The database in a browser: Datasette, told what the columns mean. The only user of datasette and uvicorn.

Read-only in every way: the file is opened with mode=ro (other programs may be writing to it, so never as immutable),
the connection refuses writes, and no other can be had. Answers say that pages may load nothing from elsewhere, run in
no frame and tell no publisher where a reader came from. Only requests addressed to this server by name or number are
answered: a page somewhere else whose name is made to point here (DNS rebinding) learns nothing. CSV goes out with what
a spreadsheet would take for a formula made harmless.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import ipaddress
import signal
import socket
import sys
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from . import catalogue, interruption
from .coded import neutral
from .errors import MissingExtraError, ServeError
from .store import connect, open_store

try:
    import uvicorn
    from datasette import hookimpl
    from datasette.app import Datasette
    from datasette.database import Database
    from datasette.plugins import pm
    from markupsafe import Markup
except ImportError as error:
    raise MissingExtraError("a database in the browser", "datasette") from error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping

    Message = MutableMapping[str, Any]
    Send = Callable[[Message], Awaitable[None]]
    Application = Callable[[Message, Callable[[], Awaitable[Message]], Send], Awaitable[None]]

BROWSING = Path(__file__).parent / "browsing"

SETTINGS: dict[str, Any] = {
    "sql_time_limit_ms": 20_000,  # one reader on the own machine; whole views of a million articles take seconds
    "max_returned_rows": 10_000,  # a page of a stream: fewer and larger ones
    "max_csv_mb": 0,  # a view can be taken whole
    "suggest_facets": False,  # counts every column of every page
    "allow_download": False,  # the file is being written to: copy it with `sqlite3 FILE .backup`
    "default_cache_ttl": 0,  # runs go on
    "truncate_cells_html": 600,
}

_POLICY = (
    b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    b"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
]

_PIECE = 65_536
"""Characters of CSV that are sent at once: Datasette sends a row at a time, and each sending has its price."""

_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")

csv.field_size_limit(2**31 - 1)  # the text of a page may be long


class _ReadOnly(Database):  # type: ignore[misc] # datasette has no types
    """A file that cannot be written to, whoever asks."""

    def connect(self, write: bool = False) -> Any:
        """A connection to the file, for reading."""
        if write:
            raise PermissionError("the database is shown, not changed")
        connection = connect(Path(self.path), read_only=True, any_thread=True)
        connection.execute("PRAGMA query_only = ON")
        self._all_file_connections.append(connection)
        return connection

    async def execute(self, *arguments: Any, **options: Any) -> Any:
        """What Datasette's does, without a line on stderr for each slip in somebody's SQL: the page says it."""
        return await super().execute(*arguments, **options | {"log_sql_errors": False})


@hookimpl  # type: ignore[untyped-decorator]
def render_cell(row: Mapping[str, Any], column: str, database: str, datasette: Any) -> Markup | None:
    """Numbers of articles and stories, names of outlets and points in time lead to what stands behind them."""
    if not isinstance(datasette.databases.get(database), _ReadOnly):
        return None
    cells = dict(zip(row.keys(), tuple(row.values() if hasattr(row, "values") else row), strict=True))
    found = catalogue.leads_to(column, cells)
    if found is None:
        return None
    query, parameters = found
    address = f"{datasette.urls.query(database, query)}?{urlencode(parameters)}"
    return Markup('<a href="{}">{}</a>').format(address, cells[column])


pm.register(sys.modules[__name__], "media-coverage")
# With rich, Datasette prints every refused query with all variables of all frames, which takes seconds each time.
pm.get_plugin("datasette.handle_exception").rich = None


class _HarmlessCells:
    """CSV as it comes, in pieces, with an apostrophe before what a spreadsheet may take for a formula."""

    def __init__(self) -> None:
        self._text, self._decoder = "", codecs.getincrementaldecoder("utf-8")()

    def fed(self, piece: bytes, *, last: bool) -> bytes:
        """What can be passed on now: whole records, many at a time; with `last` all of it."""
        self._text += self._decoder.decode(piece, last)
        if not last and len(self._text) < _PIECE:
            return b""
        end = len(self._text) if last else self._end_of_records()
        ready, self._text = self._text[:end], self._text[end:]
        out = io.StringIO(newline="")
        rows = csv.reader(io.StringIO(ready, newline=""))
        csv.writer(out).writerows([_harmless(cell) for cell in row] for row in rows)
        return out.getvalue().encode()

    def _end_of_records(self) -> int:
        """Where the last line ends that does not end within quotes."""
        end = self._text.rfind("\r\n")
        while end >= 0 and self._text.count('"', 0, end) % 2:
            end = self._text.rfind("\r\n", 0, end)
        return end + 2 if end >= 0 else 0


def _harmless(cell: str) -> str:
    try:
        float(cell)
    except ValueError:
        return neutral(cell)
    return cell  # a number, and a program that reads it wants it so


def _is_csv(path: str, headers: list[tuple[bytes, bytes]]) -> bool:
    kind = dict(headers).get(b"content-type", b"")
    return kind.startswith(b"text/csv") or (path.endswith(".csv") and kind.startswith(b"text/plain"))


class _Guarded:
    """The application behind a door: who may ask, how, and what answers may do. `names`: empty for any."""

    def __init__(self, application: Application, names: tuple[str, ...]) -> None:
        self._application, self._names = application, names

    async def __call__(self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
        elif scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            await _refuse(send, 405, b"The database is shown, not changed.")
        elif self._names and _name_of(scope) not in self._names:
            await _refuse(send, 421, b"This server answers to its own name and number only.")
        else:
            await self._application(scope, receive, _sending(scope["path"], send))


def _name_of(scope: Message) -> str:
    host: str = dict(scope["headers"]).get(b"host", b"").decode("latin-1").lower()
    return host if host.endswith("]") else host.rpartition(":")[0] or host


async def _refuse(send: Send, status: int, sentence: bytes) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *_HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": sentence})


def _sending(path: str, send: Send) -> Send:
    """Sends what Datasette sends, with our headers and harmless cells."""
    cells: _HarmlessCells | None = None

    async def sent(message: Message) -> None:
        nonlocal cells
        if message["type"] == "http.response.start":
            headers = [(name.lower(), value) for name, value in message["headers"]]
            cells = _HarmlessCells() if _is_csv(path, headers) else None
            message = {**message, "headers": [*headers, *_HEADERS]}
        elif cells is not None:
            last = not message.get("more_body", False)
            message = {**message, "body": cells.fed(message.get("body", b""), last=last)}
            if not last and not message["body"]:
                return
        await send(message)

    return sent


class _Server(uvicorn.Server):
    """Ends in good order when asked to, and leaves signals as it found them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at SIGINT and SIGTERM while the block runs; one that is ignored stays so."""
        before = {number: signal.getsignal(number) for number in interruption.SIGNALS}
        taken = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
        for number in taken:
            signal.signal(number, self.handle_exit)
        try:
            yield
        finally:
            for number, handler in taken.items():
                signal.signal(number, handler)


def datasette_of(path: Path) -> Any:
    """A Datasette that shows this database and nothing else. Raises StoreError."""
    with open_store(path) as store:
        held, columns = store.contents()
        examples = store.examples()
        questions = store.questions()
        articles = store.counted("article")
    examples["word"] = catalogue.words_of(examples["query"])
    name = path.stem.strip("_") or "database"  # Datasette has names of its own that begin so
    datasette = Datasette(
        metadata=catalogue.metadata(name, columns, held, questions, examples, articles),
        template_dir=str(BROWSING / "templates"),
        static_mounts=[("browsing", str(BROWSING / "static"))],
        settings=SETTINGS,
        cors=False,
    )
    datasette.remove_database("_memory")
    datasette.add_database(_ReadOnly(datasette, path=str(path)), name=name)
    return datasette


def application(path: Path, names: tuple[str, ...] = _LOOPBACK_NAMES) -> Application:
    """The same as an ASGI application that answers requests to these names (all, when empty). Raises StoreError."""
    return _Guarded(datasette_of(path).app(), names)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there. Raises ServeError for an unknown name."""
    return all(ipaddress.ip_address(address).is_loopback for _, address in _addresses(host, 0))


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ServeError(f"no such address: {error.strerror}", host=host, port=port) from error
    return [(family, str(where[0]).partition("%")[0]) for family, _, _, _, where in found]


def serve(path: Path, host: str, port: int, say: Callable[[str], None], *, open_browser: bool = False) -> None:
    """Show the database until SIGINT or SIGTERM. `port` 0 is any that is free; `say` is told the address.

    Raises StoreError, and ServeError where the address cannot be had.
    """
    local = is_loopback(host)
    shown = application(path, (*_LOOPBACK_NAMES, host.lower()) if local else ())
    family, address = _addresses(host, port)[0]
    try:
        listening = socket.create_server((address, port), family=family)
    except OSError as error:
        raise ServeError(
            f"cannot listen there ({error.strerror}); choose another with --port, 0 for any", host=host, port=port
        ) from error
    with listening:
        address = f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}/"
        say(address)
        if open_browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        config = uvicorn.Config(shown, log_config=None, access_log=False, lifespan="on", server_header=False)
        _Server(config).run(sockets=[listening])
