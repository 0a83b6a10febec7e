"""multiverse.py on databases whose truth is known."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from conftest import Result, model_info

from media_coverage import pipeline
from media_coverage.errors import TrendError
from media_coverage.multiverse import COLUMNS, SHIFTS, multiverse
from media_coverage.records import Framing
from media_coverage.report import multiverse_page
from media_coverage.sample import Design
from media_coverage.store import open_store

sys.path.append(str(Path(__file__).parents[1] / "tools"))

import study

Command = Callable[..., Result]
MONDAY = date(2026, 1, 5)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    database, articles = study.make_study(folder)
    pipeline.draw_sample(database, "audit", Design(400, 7))
    study.code(database, articles, "audit")
    return database


def press(folder: Path, before: float, after: float, events: dict[date, str]) -> Path:
    """Sixteen weeks of 20 articles, of which some carry the first frame: another share after eight weeks."""
    rng = np.random.default_rng(2)
    articles = []
    for number in range(16 * 20):
        week = number // 20
        label = study.FIRST if rng.random() < (after if week >= 8 else before) else study.NEITHER
        words = study.words(rng)
        day = MONDAY + timedelta(days=7 * week + number % 7)
        articles.append(study.Article(day, "Canyon Star", label, label, f"Trump Putin {words}"))
    return study.build(folder, articles, events=events, days=[MONDAY + timedelta(days=n) for n in range(16 * 7)])


def test_a_real_change_survives_every_choice(played: Path) -> None:
    with open_store(played) as store:
        found = multiverse(store, sample="audit")
    assert list(found.rows.columns) == list(COLUMNS)
    assert found.event == "Summit"
    assert len(found.rows) == (len(SHIFTS) + 2) * 6
    assert set(found.rows["method"]) == {"uncorrected", "Rogan–Gladen", "rectified"}
    assert found.rows["distinguishable"].all()
    assert "the conclusion survives" in found.sentence
    first = found.rows.iloc[0]
    assert (first["thresholds"], first["method"], first["composition"]) == ("as stored", "uncorrected", "item-weighted")


def test_no_change_is_none_under_any_choice_and_halves_stand_in_for_an_event(tmp_path: Path) -> None:
    with open_store(press(tmp_path, 0.4, 0.4, {})) as store:
        found = multiverse(store)
    assert found.event == "second half of the data"
    assert found.date == MONDAY + timedelta(days=8 * 7)
    assert not found.rows["distinguishable"].any()
    assert "survives" not in found.sentence.replace("does not survive", "").replace("direction survives", "")


def test_of_several_events_the_one_with_most_data_around_it_is_taken(tmp_path: Path) -> None:
    weeks = {1: "Early", 8: "Middle", 15: "Late"}
    database = press(tmp_path, 0.2, 0.7, {MONDAY + timedelta(days=7 * week): name for week, name in weeks.items()})
    with open_store(database) as store:
        assert multiverse(store).event == "Middle"
        assert multiverse(store, event="Late").rows["points"].isna().all()


def test_labels_of_another_model_can_end_a_conclusion(tmp_path: Path) -> None:
    """The second model has the labels the other way round after the event."""
    database = press(tmp_path, 0.2, 0.7, {MONDAY + timedelta(days=56): "Talks"})
    with open_store(database, read_only=False) as store:
        run = store.begin_relabelling(model_info(), study.datetime(2026, 6, 1, tzinfo=study.UTC), activate=False)
        rows = store.labelled()
        flipped = [
            (
                int(version),
                Framing(
                    True, study.NEITHER if label == study.FIRST else study.FIRST, study.FIRST, False, 0.9, (0.5, 0.1)
                ),
            )
            for version, label in rows[["version_id", "label"]].to_numpy()
        ]
        store.add_labels(run, flipped, study.datetime(2026, 6, 1, tzinfo=study.UTC))
        found = multiverse(store)
    assert found.rows["model_id"].nunique() == 2
    assert "does not survive" in found.sentence
    # The second model does not tell its thresholds, so they are not shifted.
    assert found.rows.groupby("model_id")["thresholds"].nunique().tolist() == [len(SHIFTS), 1]


def test_too_little_data_gives_a_reason(tmp_path: Path, command: Command) -> None:
    day = date(2026, 2, 2)
    article = study.Article(
        day, "Canyon Star", study.FIRST, study.FIRST, "Trump Putin " + study.words(np.random.default_rng(1))
    )
    database = study.build(tmp_path, [article], events={date(2031, 1, 1): "Much later"}, days=[day])
    found = command("multiverse", "--config", tmp_path / "feeds.yaml")
    assert found.code == 0
    assert "none of 18 specifications gives an estimate" in found.out
    with open_store(database) as store, pytest.raises(TrendError, match=r"Much later \(2031-01-01\)"):
        multiverse(store, event="Elsewhere")


def test_page_and_json_hold_the_same(played: Path, command: Command, tmp_path: Path) -> None:
    options = ("--config", played.parent / "feeds.yaml")
    told = json.loads(command("multiverse", *options, "--format", "json").out)
    assert len(told["specifications"]) == len(SHIFTS) * 6
    page = tmp_path / "page.html"
    assert command("multiverse", *options, "--format", "html", "--out", page).code == 0
    text = page.read_text(encoding="utf-8")
    assert told["sentence"] in text
    assert "<svg" in text
    assert "<script" not in text
    assert "https://" not in text.replace("http://www.w3.org", "")
    assert command("multiverse", *options, "--measure", "share_of_heart").code == 2
    assert command("multiverse", *options, "--format", "html", "--out", tmp_path).code == 2


def test_names_are_escaped_on_the_page(tmp_path: Path) -> None:
    with open_store(press(tmp_path, 0.2, 0.7, {MONDAY + timedelta(days=56): "<b>Talks</b>"})) as store:
        page = multiverse_page(multiverse(store), "a<b>.db")
    assert "<b>Talks" not in page
    assert "a&lt;b&gt;.db" in page
