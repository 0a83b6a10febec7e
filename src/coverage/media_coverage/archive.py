"""Archives → rows: CSV, JSON Lines, JSON, Parquet, web archives; the text formats also under gzip.

A reader goes through its file once and holds one row of it in memory, or a batch where the format stores batches.
Every row of the file comes out, usable or not, under its number, so that whoever skips what is done finds the same
rows behind it. Files are hostile: lines, cells and documents have a greatest length, and a row that cannot be
understood is a row with a reason. Only what cannot be read on is an InputError.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import os
import zlib
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import IO, TYPE_CHECKING, Any, Protocol, cast

from .errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from .mapping import Mapping
    from .records import FeedKind, Sighting, SummarySource

MAX_LINE = 2**20
"""Characters of a line, and of a row that goes over several lines. The longest field of an article is a sixteenth."""

MAX_DOCUMENT = 64 * 2**20
"""Bytes of a JSON document, which has to be read as a whole."""

_SAMPLE = 2**20
"""Bytes at the beginning of a file by which its encoding is judged."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One row by its number, from 1 without the header. `cells` holds what it says by column, empty cells left out.

    `problem` says why it cannot be used. Rows of web archives come as the sighting that they are.
    """

    number: int
    cells: dict[str, str] = field(default_factory=dict)
    problem: str | None = None
    sighting: tuple[Sighting, FeedKind, SummarySource] | None = None

    @property
    def size(self) -> int:
        """Characters that it holds."""
        return sum(map(len, self.cells.values()))


class Source(Protocol):
    """A file that is being read: its rows in their order, and how much of it is done."""

    def rows(self) -> Generator[Row]:
        """All rows, from the first one on; closing it closes the file."""

    def position(self) -> tuple[int, int]:
        """(done, total) in bytes or rows, for a progress bar."""


# ---------------------------------------------------------------------- bytes and characters


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what reading a damaged file raises into one sentence."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"the compressed file is damaged or cut off ({error})", path=path) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path=path) from error


def suffix_of(path: Path) -> str:
    """The suffix that names the format, in lower case: ".csv" of "stories.CSV.gz"."""
    name = path.name.lower().removesuffix(".gz")
    return os.path.splitext(name)[1]  # noqa: PTH122 - a name, not a path


class File:
    """The bytes of a file, decompressed where it is gzip, whatever it is called."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with reading(path):
            self._raw = path.open("rb")
            self.packed = self._raw.peek(2)[:2] == b"\x1f\x8b"
            self.size = os.fstat(self._raw.fileno()).st_size
        unpacked = gzip.GzipFile(fileobj=self._raw) if self.packed else self._raw
        self.bytes = cast("IO[bytes]", unpacked)

    def __enter__(self) -> File:
        return self

    def __exit__(self, *exception: object) -> None:
        self.bytes.close()
        self._raw.close()

    def position(self) -> tuple[int, int]:
        """Bytes read of the file as it lies there, and all."""
        return (self.size if self._raw.closed else self._raw.tell()), self.size


def _escape(encoding: str) -> str:
    """What becomes of bytes that make no character: lone surrogates, where the encoding has room for them."""
    return "surrogateescape" if codecs.lookup(encoding).name in {"utf-8", "utf-8-sig"} else "replace"


def _encoding(path: Path, declared: str) -> str:
    """The encoding of a text file: that of its mark, else the declared one. Raises InputError where it cannot be that.

    A file with a few damaged characters is still of its encoding: their rows will be rejected.
    """
    with File(path) as file, reading(path):
        head = file.bytes.read(_SAMPLE)
    if mark := next((name for mark, name in _MARKS if head.startswith(mark)), None):
        return mark
    text = head.decode(declared, _escape(declared))
    damaged = sum("\udc80" <= c <= "\udcff" for c in text)
    if damaged > sum(c > "\x7f" for c in text) - damaged and damaged > 4:
        raise InputError(
            f"is not {declared}; say which encoding it has with --encoding, or `encoding` in the mapping "
            "(latin-1, cp1252, utf-16, …)",
            path=path,
        )
    if text.count("\0") > len(text) // 4:
        raise InputError("looks like UTF-16 without a mark; say --encoding utf-16-le or utf-16-be", path=path)
    return declared


class _Text:
    """The lines of a text file, each bounded; what cannot be decoded stays as lone surrogates."""

    def __init__(self, path: Path, mapping: Mapping, newline: str) -> None:
        encoding = _encoding(path, mapping.encoding)
        self.file = File(path)
        self._text = io.TextIOWrapper(self.file.bytes, encoding, _escape(encoding), newline)

    def close(self) -> None:
        """Close the file."""
        self.file.__exit__()

    def __iter__(self) -> Iterator[tuple[str, str | None]]:
        """(line with its end, None), or (its beginning, what is wrong with it)."""
        with reading(self.file.path):
            while line := self._text.readline(MAX_LINE):
                if len(line) == MAX_LINE and not line.endswith(("\n", "\r")):
                    while (rest := self._text.readline(MAX_LINE)) and not rest.endswith(("\n", "\r")):
                        pass
                    yield line[:1000], f"a line of more than {MAX_LINE:,} characters"
                else:
                    yield line, None


def _undecoded(text: str, encoding: str) -> str | None:
    """Why a text that was decoded with surrogateescape cannot be used; None where it can."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        byte = ord(text[error.start]) - 0xDC00
        where = f"the byte 0x{byte:02x}" if 0x80 <= byte <= 0xFF else "half a character"
        return f"not {encoding}: {where} after {text[max(0, error.start - 20) : error.start]!r}"
    return None


# ---------------------------------------------------------------------- tables


class _Unusable(csv.Error):
    """A line that csv is not to go on with; the message says why."""


class _Lines:
    """Feeds a csv.reader, and keeps the lines of the row in hand, so that reading can begin again behind its first."""

    def __init__(self, lines: Iterator[tuple[str, str | None]]) -> None:
        self._lines = lines
        self._again: deque[tuple[str, str | None]] = deque()
        self.taken: list[str] = []
        self._length = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line, problem = self._again.popleft() if self._again else next(self._lines)
        if self.taken and (problem or self._length + len(line) > MAX_LINE):
            self._again.appendleft((line, problem))
            raise _Unusable(f"a quote is opened here and not closed within {self._length:,} characters")
        self.taken.append(line)
        self._length += len(line)
        if problem:
            raise _Unusable(problem)
        return line

    def done(self) -> None:
        """The lines taken are a row."""
        self.taken, self._length = [], 0

    def back(self) -> str:
        """The first line taken is a row for itself, those behind it are still to be read. Returns it."""
        first, *others = self.taken
        self._again.extendleft((line, None) for line in reversed(others))
        self.done()
        return first


class Table:
    """CSV and other separated values, RFC 4180 with any separator; a header in the first row, or from the mapping.

    A row whose quotes do not close, or which has another number of cells than the header, is rejected; where it went
    over several lines, reading begins again behind its first line. So a broken quote costs its own row.
    """

    def __init__(self, path: Path, mapping: Mapping) -> None:
        self._path, self._mapping = path, mapping
        self._text = _Text(path, mapping, "")
        tabs = (mapping.format or suffix_of(path)[1:]) == "tsv"
        self._dialect: dict[str, Any] = {
            "delimiter": mapping.delimiter or ("\t" if tabs else ","),
            "quoting": csv.QUOTE_MINIMAL if mapping.quotes else csv.QUOTE_NONE,
            "strict": True,
        }
        csv.field_size_limit(MAX_LINE)

    def position(self) -> tuple[int, int]:
        """Bytes done, and all."""
        return self._text.file.position()

    def rows(self) -> Generator[Row]:
        """All rows, from the first one behind the header on."""
        try:
            lines = _Lines(iter(self._text))
            cells = self._cells(lines)
            header = list(self._mapping.header) or self._header(cells)
            wanted = [(i, name) for i, name in enumerate(header) if name in self._mapping.wanted]
            for number, (row, first, broken) in enumerate(cells, start=1):
                other = None if len(row) == len(header) else f"{len(row)} cells, where the header has {len(header)}"
                problem = broken or other
                if problem is None:
                    found = {name: row[i] for i, name in wanted if row[i]}
                    yield Row(number, found, _undecoded("".join(found.values()), self._mapping.encoding))
                else:
                    yield Row(number, {"line": first[:1000].encode("utf-8", "replace").decode()}, problem)
        finally:
            self._text.close()

    def _header(self, cells: Iterator[tuple[list[str], str, str | None]]) -> list[str]:
        row, _, problem = next(cells, ([], "", None))
        if problem:
            raise InputError(f"the header cannot be read: {problem}", path=self._path, line=1)
        header = [name.strip() for name in row]
        self._mapping.check_header(header, self._path)
        return header

    def _cells(self, lines: _Lines) -> Iterator[tuple[list[str], str, str | None]]:
        """(cells, first line, None) or (nothing, the line, what is wrong with it) for each row that is not blank."""
        width = len(self._mapping.header)
        reader = csv.reader(lines, **self._dialect)
        while True:
            problem: str | None = None
            try:
                row = next(reader)
            except StopIteration:
                if not lines.taken:
                    return
                row, problem = [], "a quote is opened here and not closed before the end of the file"
            except csv.Error as error:
                row, problem = [], str(error) if isinstance(error, _Unusable) else f"quotes do not fit: {error}"
            else:
                width = width or len(row)
            if not problem and len(lines.taken) > 1 and len(row) != width:
                problem = f"a quote is opened here, and {len(row)} cells come of it, where the header has {width}"
            if problem:
                first = lines.back()
                reader = csv.reader(lines, **self._dialect)
                yield [], first, problem
            else:
                first = lines.taken[0] if lines.taken else ""
                lines.done()
                if row:
                    yield row, first, None


# ---------------------------------------------------------------------- JSON


def _as_text(value: object) -> str:
    """A value of JSON or Parquet as a cell; lists as their texts, one after the other."""
    if isinstance(value, str):
        return value
    if value is None or value != value:  # not a number
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(filter(None, map(_as_text, value)))
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, int | float) else ""


def _object_row(number: int, value: object, mapping: Mapping) -> Row:
    """A row of a JSON object; a dot in the name of a column leads into an object."""
    if not isinstance(value, dict):
        return Row(number, {"line": str(value)[:1000]}, "not an object with names and values")
    cells = {}
    for name in mapping.wanted:
        held: object = value
        for part in [name] if name in value else name.split("."):
            held = held.get(part) if isinstance(held, dict) else None
        if text := _as_text(held):
            cells[name] = text
    return Row(number, cells)


class Objects:
    """JSON Lines: one object a line."""

    def __init__(self, path: Path, mapping: Mapping) -> None:
        self._mapping = mapping
        self._text = _Text(path, mapping, "\n")

    def position(self) -> tuple[int, int]:
        """Bytes done, and all."""
        return self._text.file.position()

    def rows(self) -> Generator[Row]:
        """A row for each line that is not blank."""
        number = 0
        try:
            for line, problem in self._text:
                if line.isspace():
                    continue
                number += 1
                yield self._row(number, line, problem)
        finally:
            self._text.close()

    def _row(self, number: int, line: str, problem: str | None) -> Row:
        problem = problem or _undecoded(line, self._mapping.encoding)
        try:
            value = None if problem else json.loads(line)
        except ValueError as error:
            problem = f"not JSON: {error}"[:200]
        except RecursionError:
            problem = "objects too deep inside one another"
        if problem:
            return Row(number, {"line": line[:1000].encode("utf-8", "replace").decode().strip()}, problem)
        return _object_row(number, value, self._mapping)


class Document:
    """One JSON document: a list of objects, or an object that holds one ("articles")."""

    def __init__(self, path: Path, mapping: Mapping) -> None:
        self._path, self._mapping = path, mapping
        self._done = self._total = 0

    def position(self) -> tuple[int, int]:
        """Objects done, and all."""
        return self._done, self._total

    def rows(self) -> Generator[Row]:
        """A row for each object of the list."""
        encoding = _encoding(self._path, self._mapping.encoding)
        with File(self._path) as file, reading(self._path):
            held = file.bytes.read(MAX_DOCUMENT + 1)
        if len(held) > MAX_DOCUMENT:
            raise InputError(
                f"is a JSON document of more than {MAX_DOCUMENT >> 20} MiB; make JSON Lines of it (.jsonl)",
                path=self._path,
            )
        try:
            value = json.loads(held.decode(encoding, _escape(encoding)))
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"is not a JSON document ({error}); files with an object a line end in .jsonl", path=self._path
            ) from error
        lists = [value] if isinstance(value, list) else []
        lists += [each for each in value.values() if isinstance(each, list)] if isinstance(value, dict) else []
        if len(lists) != 1:
            raise InputError("a list of objects is expected, or an object that holds one", path=self._path)
        self._total = len(lists[0])
        for number, each in enumerate(lists[0], start=1):
            self._done = number
            yield _object_row(number, each, self._mapping)


# ---------------------------------------------------------------------- other formats


class Columns:
    """Parquet (extra `parquet`), in batches of rows; only the columns of the mapping are read."""

    def __init__(self, path: Path, mapping: Mapping) -> None:
        from . import parquet

        self._path, self._mapping = path, mapping
        self._file = parquet.opened(path)
        self._done = 0
        mapping.check_header(self._file.names, path)

    def position(self) -> tuple[int, int]:
        """Rows done, and all."""
        return self._done, self._file.count

    def rows(self) -> Generator[Row]:
        """All rows of all row groups."""
        wanted = [name for name in self._file.names if name in self._mapping.wanted]
        for values in self._file.rows(wanted):
            self._done += 1
            yield _object_row(self._done, values, self._mapping)


READERS: dict[str, Callable[[Path, Mapping], Source]] = {  # web archives have a module of their own
    "csv": Table,
    "tsv": Table,
    "jsonl": Objects,
    "ndjson": Objects,
    "json": Document,
    "parquet": Columns,
}
"""What reads a format; each is the suffix of its files, too."""


def format_of(path: Path, mapping: Mapping) -> str:
    """The format of a file, by its mapping or its suffix. Raises InputError."""
    if not path.is_file():
        raise InputError("there is no such file", path=path)
    suffix = mapping.format or suffix_of(path)[1:]
    if suffix not in {*READERS, "warc"}:
        raise InputError(
            f"cannot tell its format by {suffix_of(path) or 'its name'!r}; known: {', '.join(READERS)}, warc, and each "
            "of them with .gz; name another under `format` in a mapping",
            path=path,
        )
    return suffix
