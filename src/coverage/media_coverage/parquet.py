"""Parquet files, written and read. The only user of pyarrow (extra `parquet`). The same rows give the same bytes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from .errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

BATCH = 1000
"""Rows in memory at a time."""


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("Parquet", "parquet") from error
    return pa, pq


def require() -> None:
    """Raise MissingExtraError where pyarrow is not installed."""
    _arrow()


def write(frame: pd.DataFrame, path: Path, about: dict[str, str]) -> None:
    """Write a frame without its index, in one step; `about` becomes its metadata.

    Raises InputError and MissingExtraError.
    """
    pa, pq = _arrow()
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(about)
    new = path.with_name(f"{path.name}.new")
    try:
        pq.write_table(table, new, compression="zstd")
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise InputError(f"cannot be written: {error.strerror or error}", path=path) from error


def read(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """A table and what stands in its metadata. Raises InputError, MissingExtraError."""
    _, pq = _arrow()
    with _explained(path):
        table = pq.read_table(path)
    about = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    return table.to_pandas(), about


@contextlib.contextmanager
def writer(
    path: Path, types: Mapping[str, str], about: Mapping[str, str]
) -> Iterator[Callable[[Sequence[Sequence[Any]]], None]]:
    """A file to be filled some rows at a time: call what it yields with rows, each a group of its own.

    `types` are those of the columns: integer, number, string, date (YYYY-MM-DD) or datetime (ISO 8601 with offset);
    days and times are given as text. None is null. Raises MissingExtraError.
    """
    pa, pq = _arrow()
    known = {
        "integer": pa.int64(),
        "number": pa.float64(),
        "string": pa.string(),
        "date": pa.date32(),
        "datetime": pa.timestamp("us", "UTC"),
    }
    given = {"date": pa.string(), "datetime": pa.string()}
    schema = pa.schema([(name, known[kind]) for name, kind in types.items()], metadata=dict(about))

    def add(rows: Sequence[Sequence[Any]]) -> None:
        columns = zip(*rows, strict=True)
        arrays = [
            pa.array(values, given.get(kind, known[kind])).cast(known[kind])
            for values, kind in zip(columns, types.values(), strict=True)
        ]
        file.write_table(pa.Table.from_arrays(arrays, schema=schema))

    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        yield add


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    pa, _ = _arrow()
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        said = " ".join(str(error).split())[:200]
        raise InputError(f"is no whole Parquet file: {said}", path=path) from error


class Table:
    """A Parquet file that is read row by row: `names` of its columns, `count` of its rows."""

    def __init__(self, path: Path) -> None:
        _, pq = _arrow()
        self._path = path
        with _explained(path):
            self._file = pq.ParquetFile(path)
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
