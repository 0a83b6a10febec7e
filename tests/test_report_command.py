"""`report` and `alerts` on the command line: every format where it belongs, exit codes for monitors."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from conftest import Result
from drawn_press import make_press, titles

from media_coverage.classify import load_classifier
from media_coverage.errors import ExitCode
from media_coverage.explain import deciding_words

if TYPE_CHECKING:
    from pathlib import Path

Command = Callable[..., Result]


@pytest.fixture(scope="module")
def press(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an invented press with its feeds.yaml."""
    return make_press(tmp_path_factory.mktemp("press"), titles(90)).parent


def test_text_goes_to_stdout_and_pictures_into_a_file(
    command: Command, press: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    configuration = ("--config", press / "feeds.yaml")
    assert command("report", *configuration, "--format", "md").out.startswith("# The meeting\n")
    assert json.loads(command("report", *configuration, "--format", "json", "--by", "outlet").out)["outlet"]
    assert command("report", *configuration, "--format", "csv", "--by", "group").out.startswith("outlet_group,")
    assert command("report", *configuration, "--format", "csv").out.startswith("date,last_day,periods,")
    assert list(tmp_path.iterdir()) == []
    assert command("report", *configuration, "--format", "png").out == "Report: report.png\n"
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")
    assert command("report", *configuration, "--format", "atom", "--out", "feed.xml").code == 0
    assert (tmp_path / "feed.xml").read_text(encoding="utf-8").startswith("<?xml")


def test_the_page_and_the_summary(command: Command, press: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    result = command(
        "report", "--config", press / "feeds.yaml", "--out", page, "--since", "2026-01-26", "--by", "country"
    )
    assert result.code == 0
    assert "Trend by week (Monday)" in result.out
    assert "outlet-cluster bootstrap" in result.out
    assert 'id="country-GB"' in page.read_text(encoding="utf-8")


def test_a_report_that_cannot_be_made_says_why(command: Command, press: Path, tmp_path: Path) -> None:
    configuration = ("--config", press / "feeds.yaml")
    for arguments, words in (
        (("--sample", "nowhere"), "holds no sample nowhere"),
        (("--format", "svg", "--since", "2031-01-01"), "has too few on-topic articles for a picture"),
        (("--out", tmp_path / "no" / "folder.html"), "the report cannot be written"),
        (("--format", "docx"), "is not one of"),
    ):
        result = command("report", *configuration, *arguments)
        assert result.code == ExitCode.USAGE, arguments
        assert words in result.err


def test_alerts_have_an_exit_code_and_a_file(command: Command, press: Path, tmp_path: Path) -> None:
    """The feeds of the invented press were asked once, at a time when their articles were old."""
    file = tmp_path / "alerts.json"
    result = command("alerts", "--config", press / "feeds.yaml", "--json", "--out", file)
    told = json.loads(result.out)
    assert result.code == (ExitCode.ALERTS if told["alerts"] else ExitCode.OK)
    assert json.loads(file.read_text(encoding="utf-8")) == told
    assert {"kind", "about", "sentence", "since"} <= set().union(*told["alerts"])
    lines = command("alerts", "--config", press / "feeds.yaml")
    assert (lines.code, bool(lines.out)) == (result.code, bool(told["alerts"]))


def test_thresholds_of_the_configuration_count(command: Command, press: Path, tmp_path: Path) -> None:
    text = (press / "feeds.yaml").read_text(encoding="utf-8")
    file = tmp_path / "feeds.yaml"
    found = []
    for silent in (1, 366):
        file.write_text(text + f"alerts:\n  silent_days: {silent}\n  drift: false\n", encoding="utf-8")
        result = command("alerts", "--config", file, "--db", press / "coverage.db", "--json")
        found.append([alert for alert in json.loads(result.out)["alerts"] if alert["kind"] == "silent"])
    assert len(found[0]) == 3
    old = [alert for alert in found[0] if (datetime.now(UTC) - datetime.fromisoformat(alert["since"])).days >= 366]
    assert [alert["about"] for alert in found[1]] == [alert["about"] for alert in old]
    file.write_text(text + "alerts:\n  silent_day: 3\n", encoding="utf-8")
    result = command("alerts", "--config", file)
    assert result.code == ExitCode.USAGE
    assert "did you mean 'silent_days'?" in result.err


def test_deciding_words_are_words_of_the_headline() -> None:
    classifier = load_classifier(model="embedded")
    headline = "Ukraine sold out as Trump rewards Putin for the invasion"
    words = deciding_words(classifier, headline, classifier.info.frames.second.name)
    assert words
    at = 0
    for word in words:
        at = headline.index(word, at) + len(word)
    assert any("sold" in word or "rewards" in word for word in words)
    assert deciding_words(classifier, "", classifier.info.frames.second.name) == ()
