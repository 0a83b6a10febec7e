"""Parquet files: the same rows and words back, and one sentence where it cannot be."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow.parquet as pq
import pytest

from media_coverage import parquet
from media_coverage.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """A table and what its writer noted, as any other program would read them."""
    table = pq.read_table(path)
    noted = table.schema.metadata or {}
    return table.to_pandas(), {key.decode(): value.decode() for key, value in noted.items()}


FRAME = pd.DataFrame({"name": ["uk", "wire"], "value": [0.25, None], "n": [20, 3], "reason": ["", "too few"]})


def test_rows_and_what_is_said_about_them_come_back(tmp_path: Path) -> None:
    path = tmp_path / "trend.parquet"
    parquet.write(FRAME, path, {"columns": "what they hold", "database": "coverage.db"})
    frame, about = read(path)
    pd.testing.assert_frame_equal(frame, FRAME, check_dtype=False)
    assert frame["value"].dtype == "float64"
    assert about == {"columns": "what they hold", "database": "coverage.db"}
    assert [file.name for file in tmp_path.iterdir()] == ["trend.parquet"]


def test_an_empty_table_keeps_its_columns(tmp_path: Path) -> None:
    parquet.write(FRAME[:0], tmp_path / "none.parquet", {})
    frame, about = read(tmp_path / "none.parquet")
    assert (list(frame.columns), len(frame), about) == (list(FRAME.columns), 0, {})


def test_what_cannot_be_written_or_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        parquet.write(FRAME, tmp_path / "nowhere" / "trend.parquet", {})
    (tmp_path / "text.parquet").write_text("no table")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        parquet.read(tmp_path / "text.parquet", {"n": "integer"})


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'media-coverage\[parquet\]'"):
        parquet.write(FRAME, tmp_path / "trend.parquet", {})
