"""Parquet files, written and read. The only user of pyarrow (extra `parquet`). The same rows give the same bytes.

Files come from outside too: what they hold is cast to the types that are asked for, or refused with the column's name.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

BATCH = 1000
"""Rows in memory at a time where a file is read row by row."""

ROW_GROUP = 10_000
"""Rows that are compressed, and later read, together."""

_COMPRESSION = "zstd"


def _arrow() -> Any:
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("Parquet", "parquet") from error
    return pa


def require() -> None:
    """Raise MissingExtraError where pyarrow is not installed."""
    _arrow()


@dataclass(frozen=True, slots=True)
class Footer:
    """What a file says of itself: how many rows, which columns, and what its writer noted."""

    rows: int
    columns: tuple[str, ...]
    about: Mapping[str, str]


def _unreadable(path: Path, error: Exception) -> InputError:
    said = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
    return InputError(f"cannot be read as Parquet ({said[:200]}); repair or remove it", path=path)


def footer(path: Path) -> Footer:
    """The end of a file, where Parquet keeps its table of contents. Raises InputError and MissingExtraError."""
    pa = _arrow()
    try:
        with pa.parquet.ParquetFile(path) as file:
            noted = file.metadata.metadata or {}
            about = {
                key.decode(errors="replace"): value.decode(errors="replace")
                for key, value in noted.items()
                if key != b"ARROW:schema"
            }
            return Footer(file.metadata.num_rows, tuple(file.schema_arrow.names), about)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error


def read(path: Path, kinds: Mapping[str, str], first: int = 0, count: int | None = None) -> dict[str, list[Any]]:
    """Columns of the rows `first` … `first + count`, each cast to its kind; one that the file lacks is all None.

    Only the row groups that hold such rows are read, some rows at a time. Kinds are as in `write_columns`; times
    without a zone are taken as UTC. Raises InputError where the file is damaged or a column is of another kind.
    """
    pa = _arrow()
    try:
        with pa.parquet.ParquetFile(path, pre_buffer=False) as file:
            there = [name for name in kinds if name in file.schema_arrow.names]
            sizes = [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]
            last = sum(sizes) if count is None else first + count
            groups, skipped, start = [], 0, 0
            for number, size in enumerate(sizes):
                if start < last and start + size > first:
                    groups.append(number)
                elif start + size <= first:
                    skipped += size
                start += size
            wanted, at = [], skipped
            for batch in file.iter_batches(ROW_GROUP, row_groups=groups, columns=there, use_threads=False):
                begin, end = max(first - at, 0), min(last - at, batch.num_rows)
                if begin < end:
                    wanted.append(batch.slice(begin, end - begin))
                at += batch.num_rows
                if at >= last:
                    break
            schema = pa.schema([file.schema_arrow.field(name) for name in there])
            table = pa.Table.from_batches(wanted, schema)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error
    found: dict[str, list[Any]] = {}
    for name, kind in kinds.items():
        found[name] = _cast(path, name, table[name], kind).to_pylist() if name in there else [None] * table.num_rows
    return found


def _types() -> dict[str, Any]:
    pa = _arrow()
    return {
        "integer": pa.int64(),
        "number": pa.float64(),
        "string": pa.string(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "datetime": pa.timestamp("us", "UTC"),
    }


def _cast(path: Path, name: str, column: Any, kind: str) -> Any:
    pa = _arrow()
    wanted, found = _types()[kind], column.type
    if isinstance(found, pa.DictionaryType):
        column, found = column.cast(found.value_type), found.value_type
    textual = pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found)
    timely = pa.types.is_temporal(found) or textual or pa.types.is_null(found)
    if kind in {"date", "datetime"} and not timely:  # a number would be cast, too, as microseconds since 1970
        raise InputError(f"holds in the column {name} {found}, but {kind} is needed", path=path)
    try:
        if kind != "datetime" or not textual:
            return column.cast(wanted, safe=kind != "datetime")
        try:
            return column.cast(wanted)
        except pa.ArrowInvalid:  # no zone
            return column.cast(pa.timestamp("us")).cast(wanted)
    except pa.ArrowException as error:
        said = next(iter(str(error).splitlines()), "")[:200]
        raise InputError(f"holds in the column {name} {found} that is no {kind} ({said})", path=path) from error


def write(frame: pd.DataFrame, path: Path, about: dict[str, str]) -> None:
    """Write a frame without its index, in one step; `about` becomes its metadata.

    Raises InputError and MissingExtraError.
    """
    pa = _arrow()
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(about)
    new = path.with_name(f"{path.name}.new")
    try:
        pa.parquet.write_table(table, new, compression=_COMPRESSION, row_group_size=ROW_GROUP)
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise InputError(f"cannot be written: {error.strerror or error}", path=path) from error


def write_columns(
    columns: Mapping[str, Sequence[Any]], kinds: Mapping[str, str], path: Path, about: Mapping[str, str]
) -> None:
    """Write columns of values, None for null; `kinds` gives their order and types, the same whatever they hold.

    Kinds: integer, number, string, boolean, date (a date) and datetime (aware). Raises MissingExtraError.
    """
    pa = _arrow()
    types = _types()
    schema = pa.schema([(name, types[kind]) for name, kind in kinds.items()], metadata=dict(about))
    table = pa.table([pa.array(columns[name], types[kind]) for name, kind in kinds.items()], schema=schema)
    pa.parquet.write_table(table, path, compression=_COMPRESSION, row_group_size=ROW_GROUP)


@contextlib.contextmanager
def writer(
    path: Path, types: Mapping[str, str], about: Mapping[str, str]
) -> Iterator[Callable[[Sequence[Sequence[Any]]], None]]:
    """A file to be filled some rows at a time: call what it yields with rows, each a group of its own.

    `types` are those of the columns: integer, number, string, date (YYYY-MM-DD) or datetime (ISO 8601 with offset);
    days and times are given as text. None is null. Raises MissingExtraError.
    """
    pa = _arrow()
    known = _types()
    given = {"date": pa.string(), "datetime": pa.string()}
    schema = pa.schema([(name, known[kind]) for name, kind in types.items()], metadata=dict(about))

    def add(rows: Sequence[Sequence[Any]]) -> None:
        columns = zip(*rows, strict=True)
        arrays = [
            pa.array(values, given.get(kind, known[kind])).cast(known[kind])
            for values, kind in zip(columns, types.values(), strict=True)
        ]
        file.write_table(pa.Table.from_arrays(arrays, schema=schema))

    with pa.parquet.ParquetWriter(path, schema, compression=_COMPRESSION) as file:
        yield add


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    pa = _arrow()
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error


class Table:
    """A Parquet file that is read row by row: `names` of its columns, `count` of its rows."""

    def __init__(self, path: Path) -> None:
        pa = _arrow()
        self._path = path
        with _explained(path):
            self._file = pa.parquet.ParquetFile(path)
            self.names: list[str] = list(self._file.schema_arrow.names)
            self.count: int = self._file.metadata.num_rows

    def rows(self, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Every row with these columns, in Python's types. Raises InputError where the file is damaged."""
        with _explained(self._path), self._file:
            for batch in self._file.iter_batches(BATCH, columns=list(columns)):
                yield from batch.to_pylist()


def opened(path: Path) -> Table:
    """A Parquet file. Raises InputError, and MissingExtraError without the extra."""
    return Table(path)
