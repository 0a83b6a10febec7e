"""Web archives → rows: the feeds and pages that WARC files hold (ISO 28500). The only user of warcio (extra `warc`).

A record is read as if it had just been fetched: feeds by the parser of feeds, pages by the extractor of pages (extra
`fulltext`), each in a process with limits, and the time of the capture stands for that of the fetch. What is neither,
requests and failed answers among them, is passed over. Records are hostile: their headers, their bodies and what these
expand to have a greatest length.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import io
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from . import dates, identity
from .archive import File, Row, reading
from .errors import InputError, MissingExtraError
from .language import language_of
from .mapping import publisher
from .parser_process import PAGE_READER, PARSER, Limits, ParserProcess
from .prose import MAX_CHARACTERS, clean
from .records import Feed, Fetched, FetchOutcome, Outlet, ParsedFeed, SummarySource

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from .config import Config

MAX_HEADERS = 2**18
"""Bytes of the headers of a record."""

_FEED_TYPE = re.compile(r"\b(?:xml|rss|atom|json)\b", re.IGNORECASE)
_PAGE_TYPE = re.compile(r"\bhtml\b", re.IGNORECASE)
_ENCODINGS = {"", "identity", "gzip", "x-gzip", "deflate"}


class _EndlessHeadersError(Exception):
    """The headers of a record do not end."""


class _Headers:
    """Lets a reader's lines, which are those of headers, have a greatest length, together and each."""

    def __init__(self, readline: Callable[[int | None], bytes]) -> None:
        self._readline = readline
        self._left = MAX_HEADERS

    def begin(self) -> None:
        """A new record."""
        self._left = MAX_HEADERS

    def __call__(self, length: int | None = None) -> bytes:
        line = self._readline(min(length or MAX_HEADERS, MAX_HEADERS))
        self._left -= len(line)
        if self._left < 0:
            raise _EndlessHeadersError
        return line


class _Stream:
    """The bytes of a file for warcio, which takes an EOFError for the end of the archive."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._done = 0

    def read(self, size: int = -1) -> bytes:
        with reading(self._file.path):
            data: bytes = self._file.bytes.read1(size)  # type: ignore[attr-defined] # what there is before damage
        self._done += len(data)
        return data

    def tell(self) -> int:
        return self._done


class Records:
    """The rows of a web archive: an entry of a feed each, or a page."""

    def __init__(self, path: Path, config: Config, outlets: dict[str, Outlet]) -> None:
        if importlib.util.find_spec("warcio") is None:
            raise MissingExtraError("web archives", "warc")
        self._path, self._network, self._outlets = path, config.network, outlets
        self._feeds = {identity.canonical_url(feed.url): feed for feed in config.feeds}
        self._file = File(path)

    def position(self) -> tuple[int, int]:
        """Bytes done, and all."""
        return self._file.position()

    def rows(self) -> Generator[Row]:
        """All rows, numbered from the first record on."""
        limits = Limits.of(self._network)
        number = 0
        with self._file, ParserProcess(limits, PARSER) as feeds, ParserProcess(limits, PAGE_READER) as pages:
            for record in self._records():
                for row in self._rows_of(record, feeds, pages):
                    number += 1
                    yield Row(number, row.cells, row.problem, row.sighting)

    def _records(self) -> Iterator[Any]:
        from warcio.archiveiterator import WARCIterator
        from warcio.exceptions import ArchiveLoadFailed

        records = WARCIterator(_Stream(self._file))
        records.reader.readline = headers = _Headers(records.reader.readline)
        while True:
            headers.begin()
            # It says on stderr what it thinks of a record's length; a record that is cut off is a row with a reason.
            with contextlib.redirect_stderr(io.StringIO()):
                try:
                    record = next(records, None)
                except _EndlessHeadersError:
                    raise InputError(
                        f"a record has headers of more than {MAX_HEADERS:,} bytes; it cannot be read on",
                        path=self._path,
                    ) from None
                except (ArchiveLoadFailed, AttributeError, TypeError, ValueError) as error:
                    said = clean(str(error))[:200]
                    raise InputError(f"is no web archive, or damaged: {said}", path=self._path) from error
            if record is None:
                return
            yield record

    def _rows_of(self, record: Any, feeds: ParserProcess, pages: ParserProcess) -> Iterator[Row]:
        """The rows of one record, without their numbers."""
        url = clean(record.rec_headers.get_header("WARC-Target-URI") or "").strip("<>")
        headers = record.http_headers
        if record.rec_type != "response" or headers is None or headers.get_statuscode() != "200":
            return
        kind = clean(headers.get_header("content-type") or "")
        known = self._feeds.get(identity.canonical_url(url))
        is_feed = known is not None or (bool(_FEED_TYPE.search(kind)) and not _PAGE_TYPE.search(kind))
        if not is_feed and not _PAGE_TYPE.search(kind):
            return
        cells = {"url": url, "content-type": kind}
        body, problem = self._body(record)
        if problem:
            yield Row(0, cells, problem)
            return
        if not is_feed and importlib.util.find_spec("trafilatura") is None:
            raise MissingExtraError("pages in web archives", "fulltext")
        feed = known or Feed(url, publisher("", url, None, self._outlets) or Outlet("unknown", None, "other"))
        captured = dates.read(record.rec_headers.get_header("WARC-Date")) or datetime.now(UTC)
        fetched = Fetched(
            *(feed, FetchOutcome.OK, captured, 0, 200, url, {"content-type": kind}, body),
            body_sha256=hashlib.sha256(body).hexdigest(),
        )
        process = feeds if is_feed else pages
        yield from self._read(fetched, process, self._network.max_entries if is_feed else MAX_CHARACTERS, cells)

    def _body(self, record: Any) -> tuple[bytes, str | None]:
        """(the body, None), or (nothing, what is wrong with it)."""
        encoding = (record.http_headers.get_header("content-encoding") or "").strip().lower()
        if encoding not in _ENCODINGS:
            return b"", f"compressed in a way that is not read here: {encoding[:40]}"
        most = self._network.max_bytes
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                body = record.content_stream().read(most + 1)
        except (ValueError, TypeError) as error:
            return b"", f"the body is damaged: {clean(str(error))[:200]}"
        if len(body) > most:
            return b"", f"more than {most:,} bytes (network.max_bytes)"
        length = record.http_headers.get_header("content-length") or ""
        chunked = record.http_headers.get_header("transfer-encoding") or encoding
        if length.isdecimal() and len(length) < 15 and not chunked and len(body) < int(length):
            return b"", f"cut off: {len(body):,} of {length} bytes"
        return body, None if body else "an empty body"

    def _read(self, fetched: Fetched, process: ParserProcess, most: int, cells: dict[str, str]) -> Iterator[Row]:
        parsed = process.parse(fetched, most)
        if not isinstance(parsed, ParsedFeed):
            yield Row(0, cells, parsed.error)
            return
        feed, source = fetched.feed, SummarySource.FEED
        if parsed.version == "page":
            outlet = publisher(parsed.title, fetched.feed.url, None, self._outlets) or feed.outlet
            feed, source = Feed(feed.url, outlet), SummarySource.PAGE
        speak = functools.partial(language_of, declared=parsed.language)
        for sighting in identity.identify(feed, parsed.entries, fetched.started_at, self._outlets, speak):
            yield Row(0, cells, None, (sighting, feed.kind, source))
