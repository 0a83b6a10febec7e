"""The notebooks run from top to bottom on the demo's database and show what they promise."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from media_coverage.demo import database_or_demo
from media_coverage.store import open_store

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
import study

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_outputs_are_kept_in_the_repository(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


# The kernel's own libraries leave sockets to the garbage collector.
quiet = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::DeprecationWarning"
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a fresh checkout: feeds.yaml, whose database is not there, and an empty notebooks/."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "notebooks").mkdir()
    shutil.copy(Path(__file__).parents[1] / "feeds.yaml", folder)
    return folder


def executed(name: str, root: Path) -> tuple[str, list[dict[str, Any]]]:
    """What the cells of a notebook print, and what they show; an error in a cell is raised."""
    notebook = nbformat.read(Path(__file__).parents[1] / "notebooks" / f"{name}.ipynb", as_version=4)
    NotebookClient(notebook, timeout=180, resources={"metadata": {"path": str(root / "notebooks")}}).execute()
    outputs: list[Any] = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    printed = "".join(output["text"] for output in outputs if output.get("name") == "stdout")
    return printed, [output["data"] for output in outputs if "data" in output]


def tables_of(shown: list[dict[str, Any]]) -> list[str]:
    return [data["text/html"] for data in shown if "<table" in data.get("text/html", "")]


@quiet
def test_the_dashboard_runs_and_makes_the_demo(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDIA_COVERAGE_DB", raising=False)
    printed, shown = executed("dashboard", root)
    assert (root / "demo" / "demo.db").exists()
    assert "uncorrected: excludes classifier error" in printed
    assert "Coastline Radio News: failing: " in printed
    (widget,) = [data for data in shown if "application/vnd.jupyter.widget-view+json" in data]
    assert "VBox" in widget["text/plain"]


@quiet
def test_the_event_study_says_what_the_data_bear(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDIA_COVERAGE_DB", raising=False)
    printed, shown = executed("event-study", root)
    assert "Valletta summit (2026-02-03): the share of appeasement was" in printed
    assert "not distinguishable from the usual movement between days" in printed
    assert "placebo p = " in printed
    assert "None of 19 groups could be tested." in printed
    assert sum("image/svg+xml" in data for data in shown) == 1
    assert any("no name has enough data" in data["text/plain"] for data in shown)
    assert "are needed." in tables_of(shown)[1]


@quiet
def test_the_event_study_finds_the_step_of_an_own_database(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, _ = study.make_study(tmp_path)
    monkeypatch.setenv("MEDIA_COVERAGE_DB", str(database))
    printed, shown = executed("event-study", root)
    assert "Summit (2026-03-16): the share of hopeful peace was" in printed
    assert "more than the usual movement between days" in printed
    assert "of 6 groups the change is distinguishable" in printed
    assert sum("image/svg+xml" in data for data in shown) == 2


@quiet
def test_audit_and_models_say_whose_codes_they_show(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDIA_COVERAGE_DB", raising=False)
    printed, shown = executed("audit-and-models", root)
    assert printed.startswith("SIMULATED CODES: ")
    assert "embedded-mpnet-headlines-only@" in printed
    assert "no specification can tell a change from the usual movement" in printed
    agreements, errors, answers, differing, specifications = tables_of(shown)
    assert "do not publish a series of these codes" in agreements
    assert "labelled off_topic" in errors
    assert "off_topic" in answers
    assert "answer_2" in differing
    assert "Rogan–Gladen" in specifications
    assert sum("image/svg+xml" in data for data in shown) == 1
    with open_store(root / "demo" / "demo.db") as store:
        assert store.codes().empty


def test_the_users_own_database_comes_before_the_demo(demo: Path, tmp_path: Path) -> None:
    shutil.copytree(demo, tmp_path / "demo")
    assert database_or_demo(tmp_path, {"MEDIA_COVERAGE_DB": "/data/mine.db"}) == Path("/data/mine.db")
    assert database_or_demo(tmp_path, {}) == tmp_path / "demo" / "demo.db"
    own = (tmp_path / "demo" / "feeds.yaml").read_text(encoding="utf-8").replace("demo.db", "own.db")
    (tmp_path / "feeds.yaml").write_text(own, encoding="utf-8")
    shutil.copy(demo / "demo.db", tmp_path / "own.db")
    assert database_or_demo(tmp_path, {}) == tmp_path / "own.db"
