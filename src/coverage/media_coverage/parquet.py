"""Parquet files: the only user of pyarrow (extra `parquet`)."""

from __future__ import annotations

import importlib.util
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

BATCH = 1000
"""Rows in memory at a time."""


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        said = " ".join(str(error).split())[:200]
        raise InputError(f"is no whole Parquet file: {said}", path=path) from error


class Table:
    """A Parquet file that is read row by row: `names` of its columns, `count` of its rows."""

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

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
    if importlib.util.find_spec("pyarrow") is None:
        raise MissingExtraError("Parquet", "parquet")
    return Table(path)
