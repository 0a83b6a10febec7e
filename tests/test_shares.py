"""Shares from stored counts are those that trend.py finds in the articles."""

from __future__ import annotations

import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from media_coverage import shares
from media_coverage.composition import Composition
from media_coverage.framing import DEFAULT_FRAMES
from media_coverage.store import Store, open_store
from media_coverage.trend import trend

sys.path.append(str(Path(__file__).parents[1] / "tools"))

import study

START = date(2026, 1, 5)


@pytest.fixture(scope="module")
def press(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven weeks of four outlets with an event, a week without any run, small weeks, and an outlet that comes late."""
    rng = np.random.default_rng(3)
    found = []
    outlets = {"Harbour Times": "uk", "Old Town Post": "uk", "Prairie Courier": "us_left", "Canyon Star": "us_right"}
    for number in range(49):
        for _ in range(5 if number < 21 else 2):
            outlet = str(rng.choice(list(outlets)[: 3 if number < 14 else 4]))
            label = str(rng.choice(study.CLASSES, p=[0.3, 0.2, 0.3, 0.2]))
            title = f"Trump Putin {study.words(rng)}"
            found.append(study.Article(START + timedelta(days=number), outlet, label, label, title))
    days = [START + timedelta(days=number) for number in range(49) if not 28 <= number < 35]
    folder, event = tmp_path_factory.mktemp("press"), {date(2026, 1, 28): "A meeting"}
    return study.build(folder, found, events=event, days=days, outlets=outlets)


def both(store: Store, period: str = "week") -> tuple[pd.DataFrame, pd.DataFrame]:
    counted = shares.estimated(
        store.daily_frames(), store.outlet_collection(), store.frames, period=period, events=store.events()["date"]
    )
    return counted, trend(store, period=period, counting="articles")


@pytest.mark.parametrize("period", ["week", "month"])
def test_counts_give_the_same_shares_as_articles(press: Path, period: str) -> None:
    with open_store(press) as store:
        counted, told = both(store, period)
    keys = ["measure", "composition", "first_day"]
    counted, told = (frame[frame["value"].notna()].sort_values(keys, ignore_index=True) for frame in (counted, told))
    assert len(counted) > 20 or period == "month"
    assert counted[[*keys, "last_day", "method"]].equals(told[[*keys, "last_day", "method"]])
    for name in ("value", "low", "high", "n", "effective_n", "periods", "articles", "outlets", "days", "days_missing"):
        assert np.allclose(counted[name].astype(float), told[name].astype(float)), name


def test_gaps_are_gaps(press: Path) -> None:
    with open_store(press) as store:
        counted, _ = both(store)
    gap = counted[counted["first_day"] == "2026-02-02"]
    assert len(gap)
    assert set(gap["reason"]) == {shares.NOT_COLLECTED}
    assert gap["value"].isna().all()


def test_the_collection_is_that_of_the_views(press: Path) -> None:
    with open_store(press) as store:
        outlet_days = store.outlet_collection()
        for by in ("all", "group", "outlet", "country"):
            for period in ("day", "week", "month"):
                found = shares.collected_periods(outlet_days, period, by)
                view = store.period_collection(period, by)[list(found.columns)]
                pd.testing.assert_frame_equal(
                    found, view.sort_values(["name", "first_day"], ignore_index=True), check_dtype=False
                )


def test_a_press_of_one_outlet_has_wilsons_interval() -> None:
    labels = dict(zip(DEFAULT_FRAMES.labels, (10, 5, 0, 5), strict=True))
    daily = pd.DataFrame(
        [{"date": "2026-01-05", "outlet": "One", "outlet_group": "uk", "country": None, "articles": 20} | labels]
    )
    none = pd.DataFrame(columns=["date", "outlet", "outlet_group", "country", "collected"])
    found = shares.estimated(daily, none, DEFAULT_FRAMES)
    assert set(found["method"]) == {"Wilson"}
    assert found["days"].eq(0).all()
    rows = found[(found["composition"] == str(Composition.ITEMS)) & (found["measure"] != "index")]
    assert rows["value"].sum() == pytest.approx(1)
    wide = shares.wide(rows)
    assert wide["share_hopeful_peace"].tolist() == [0.5]
    assert shares.estimated(daily[:0], none, DEFAULT_FRAMES).empty
