"""The notebooks run from top to bottom on the demo's database and show what they promise."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from media_coverage.demo import database_or_demo, run_demo

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_outputs_are_kept_in_the_repository(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


# The kernel's own libraries leave sockets to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_dashboard_runs_and_lists_the_articles_behind_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MEDIA_COVERAGE_DB", raising=False)
    folder = tmp_path / "notebooks"
    folder.mkdir()
    shutil.copy(Path(__file__).parents[1] / "feeds.yaml", tmp_path)
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()

    outputs: list[Any] = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    shown = [output["data"] for output in outputs if "data" in output]
    assert sum("image/svg+xml" in data for data in shown) == 3
    tables = [data["text/html"] for data in shown if "text/html" in data and "<table" in data["text/html"]]
    assert "index_low" in tables[0]
    assert ".example/" in tables[1]
    printed = "".join(output["text"] for output in outputs if output.get("name") == "stdout")
    assert "uncorrected: excludes classifier error" in printed
    assert "Coastline Radio News: failing: " in printed
    assert (tmp_path / "demo" / "demo.db").exists()


def test_the_users_own_database_comes_before_the_demo(tmp_path: Path) -> None:
    config, _ = run_demo(tmp_path / "demo")
    assert database_or_demo(tmp_path, {"MEDIA_COVERAGE_DB": "/data/mine.db"}) == Path("/data/mine.db")
    assert database_or_demo(tmp_path, {}) == tmp_path / "demo" / "demo.db"
    own = (tmp_path / "demo" / "feeds.yaml").read_text(encoding="utf-8").replace("demo.db", "own.db")
    (tmp_path / "feeds.yaml").write_text(own, encoding="utf-8")
    shutil.copy(config.database, tmp_path / "own.db")
    assert database_or_demo(tmp_path, {}) == tmp_path / "own.db"
