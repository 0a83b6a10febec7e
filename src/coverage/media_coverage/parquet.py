"""Tables as Parquet files, for programs that read columns. Needs the extra `parquet`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("Parquet", "parquet") from error
    return pa, pq


def write(frame: pd.DataFrame, path: Path, about: dict[str, str]) -> None:
    """Write a table with `about` in the metadata of its schema, in one step. Raises InputError, MissingExtraError."""
    arrow, parquet = _arrow()
    table = arrow.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), **about})
    new = path.with_name(f"{path.name}.new")
    try:
        parquet.write_table(table, new, compression="zstd")
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise InputError(f"cannot be written: {error.strerror or error}", path=path) from error


def read(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """A table and what stands in its metadata. Raises InputError, MissingExtraError."""
    arrow, parquet = _arrow()
    try:
        table = parquet.read_table(path)
    except (OSError, arrow.ArrowInvalid) as error:
        raise InputError(f"cannot be read as Parquet: {error}", path=path) from error
    about = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    about.pop("pandas", None)
    return table.to_pandas(), about
