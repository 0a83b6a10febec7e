"""Articles → counts: literal tables, and what holds for any."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_coverage.aggregate import (
    AGGREGATES,
    PERIODS,
    SCOPES,
    by_country,
    by_day,
    by_group,
    by_outlet,
    by_week,
    calendar,
    days_around,
    period_frames,
)
from media_coverage.aggregate import daily_frames as daily_frames_of
from media_coverage.framing import DEFAULT_FRAMES

LABELS = DEFAULT_FRAMES.labels
DAILY_COLUMNS = (
    *("date", "outlet", "outlet_group", "country", "all_articles", "articles", "stories", "new_stories"),
    *("hopeful_peace", "appeasement", "mixed", "neither"),
    *("sightings", "own_sightings", "own_articles", "own_new_stories", "listed", "listed_articles"),
)

COLUMNS = (
    "article_id",
    "date",
    "outlet",
    "outlet_group",
    "country",
    "story_id",
    "on_topic",
    "label",
    "opens_story",
    "opens_own",
    "feeds",
    "wire_copy",
    "listed",
    "genre",
    "voice",
)
OUTLETS = {
    "Al-Lantern": ("uk", "GB"),
    "Inland Echo": ("other", None),
    "The Civic Post": ("us_center", "US"),
    "The Harbour Post": ("us_center", "US"),
}


def articles(*rows: tuple[Any, ...]) -> pd.DataFrame:
    """Rows of (date, outlet, story, label, opens); without a label the article is off topic.

    Each is in two feeds; story 1 is a wire's; what stands in the Inland Echo comes from a search.
    """
    return pd.DataFrame(
        [
            (
                *(number, day, outlet, *OUTLETS[outlet], story, int(label is not None), label, int(opens)),
                *(int(opens and story != 1), 2, int(story == 1), int(outlet != "Inland Echo"), None, None),
            )
            for number, (day, outlet, story, label, opens) in enumerate(rows)
        ],
        columns=list(COLUMNS),
    )


def daily_frames(articles: pd.DataFrame) -> pd.DataFrame:
    return daily_frames_of(articles, DEFAULT_FRAMES)


def listed(frame: pd.DataFrame) -> list[list[Any]]:
    return frame.astype(object).where(frame.notna(), None).to_numpy().tolist()


MONDAY, TUESDAY, SUNDAY = "2026-02-02", "2026-02-03", "2026-02-08"

SIX = articles(
    (TUESDAY, "The Harbour Post", 1, "hopeful_peace", True),
    (TUESDAY, "The Harbour Post", 1, "appeasement", False),
    (TUESDAY, "Al-Lantern", 1, "mixed", False),
    (MONDAY, "Al-Lantern", 2, "neither", True),
    (MONDAY, "Al-Lantern", 3, None, False),
    (SUNDAY, "Inland Echo", 4, None, False),
)
SIX_DAILY = [
    # date, outlet, group, country, all, articles, stories, new stories, hopeful, appeasement, mixed, neither,
    # sightings, own sightings, own articles, own new stories, listed, listed articles
    [MONDAY, "Al-Lantern", "uk", "GB", 2, 1, 1, 1, 0, 0, 0, 1, 2, 2, 1, 1, 2, 1],
    [TUESDAY, "Al-Lantern", "uk", "GB", 1, 1, 1, 0, 0, 0, 1, 0, 2, 0, 0, 0, 1, 1],
    [TUESDAY, "The Harbour Post", "us_center", "US", 2, 2, 1, 1, 1, 1, 0, 0, 4, 0, 0, 0, 2, 2],
    [SUNDAY, "Inland Echo", "other", None, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
]


def test_articles_become_one_row_per_day_and_outlet() -> None:
    daily = daily_frames(SIX)
    assert list(daily.columns) == list(DAILY_COLUMNS)
    assert listed(daily) == SIX_DAILY


def test_counts_are_whole_numbers_and_a_missing_country_is_none() -> None:
    daily = daily_frames(SIX)
    assert {str(daily[column].dtype) for column in DAILY_COLUMNS[4:]} == {"int64"}
    assert daily["country"].tolist()[-1] is None


def test_articles_that_are_all_off_topic_still_count_as_read() -> None:
    daily = daily_frames(articles((MONDAY, "Al-Lantern", 1, None, False), (MONDAY, "Al-Lantern", 2, None, False)))
    assert listed(daily) == [[MONDAY, "Al-Lantern", "uk", "GB", 2, *[0] * 11, 2, 0]]


def test_a_label_of_an_article_off_topic_is_not_counted() -> None:
    rows = articles((MONDAY, "Al-Lantern", 1, "mixed", True), (MONDAY, "Al-Lantern", 2, "mixed", True))
    rows.loc[1, ["on_topic", "opens_story"]] = 0
    assert listed(daily_frames(rows)) == [[MONDAY, "Al-Lantern", "uk", "GB", 2, 1, 1, 1, 0, 0, 1, 0, 2, 0, 0, 0, 2, 1]]


def test_what_is_passed_in_stays_as_it_was() -> None:
    before = SIX.copy(deep=True)
    daily_frames(SIX)
    pd.testing.assert_frame_equal(SIX, before)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # name, all, articles, stories, hopeful, appeasement, mixed, neither
        pytest.param(
            "day",
            [[MONDAY, 2, 1, 1, 0, 0, 0, 1], [TUESDAY, 3, 3, 1, 1, 1, 1, 0], [SUNDAY, 1, 0, 0, 0, 0, 0, 0]],
            id="day",
        ),
        pytest.param("week", [[MONDAY, 6, 4, 2, 1, 1, 1, 1]], id="week"),
        pytest.param(
            "group",
            [["other", 1, 0, 0, 0, 0, 0, 0], ["uk", 3, 2, 1, 0, 0, 1, 1], ["us_center", 2, 2, 1, 1, 1, 0, 0]],
            id="group",
        ),
        pytest.param(
            "outlet",
            [
                ["Al-Lantern", 3, 2, 1, 0, 0, 1, 1],
                ["Inland Echo", 1, 0, 0, 0, 0, 0, 0],
                ["The Harbour Post", 2, 2, 1, 1, 1, 0, 0],
            ],
            id="outlet",
        ),
        pytest.param(
            "country",
            [["GB", 3, 2, 1, 0, 0, 1, 1], ["US", 2, 2, 1, 1, 1, 0, 0], ["unknown", 1, 0, 0, 0, 0, 0, 0]],
            id="country",
        ),
    ],
)
def test_sums_of_the_daily_counts(name: str, expected: list[list[Any]]) -> None:
    found = AGGREGATES[name](daily_frames(SIX))
    assert list(found.columns)[1:] == ["all_articles", "articles", "stories", *LABELS]
    assert listed(found) == expected


@pytest.mark.parametrize(
    ("day", "monday"),
    [
        pytest.param("2026-02-02", "2026-02-02", id="a Monday"),
        pytest.param("2026-02-08", "2026-02-02", id="the Sunday after"),
        pytest.param("2026-02-01", "2026-01-26", id="the Sunday before"),
        pytest.param("2026-01-01", "2025-12-29", id="over the turn of the year"),
        pytest.param("2028-02-29", "2028-02-28", id="a leap day"),
    ],
)
def test_a_week_is_named_by_its_monday(day: str, monday: str) -> None:
    weeks = by_week(daily_frames(articles((day, "Al-Lantern", 1, "mixed", True))))
    assert weeks["date"].tolist() == [monday]


def test_without_articles_every_table_is_empty_and_has_its_columns() -> None:
    daily = daily_frames(articles())
    assert daily.empty
    assert list(daily.columns) == list(DAILY_COLUMNS)
    firsts = {"day": "date", "week": "date", "group": "outlet_group", "outlet": "outlet", "country": "country"}
    for name, aggregate in AGGREGATES.items():
        found = aggregate(daily)
        assert found.empty
        assert list(found.columns) == [firsts[name], "all_articles", "articles", "stories", *LABELS]


@st.composite
def any_articles(draw: st.DrawFn) -> pd.DataFrame:
    """Articles over three weeks; each story's first on-topic article opens it."""
    days = st.integers(0, 20).map(lambda n: (date(2025, 12, 25) + timedelta(n)).isoformat())
    row = st.tuples(days, st.sampled_from(list(OUTLETS)), st.integers(1, 6), st.sampled_from([None, *LABELS]))
    rows = sorted(draw(st.lists(row, min_size=1, max_size=25)), key=lambda one: one[0])
    opened: set[int] = set()
    complete = []
    for day, outlet, story, label in rows:
        complete.append((day, outlet, story, label, label is not None and story not in opened))
        opened |= {story} if label is not None else set()
    return articles(*complete)


@settings(deadline=None, max_examples=40)
@given(any_articles(), st.randoms(use_true_random=False))
def test_the_order_of_the_articles_does_not_matter(frame: pd.DataFrame, random: Any) -> None:
    order = list(range(len(frame)))
    random.shuffle(order)
    pd.testing.assert_frame_equal(daily_frames(frame.iloc[order].reset_index(drop=True)), daily_frames(frame))
    pd.testing.assert_frame_equal(daily_frames(frame.iloc[order]), daily_frames(frame))


@settings(deadline=None, max_examples=40)
@given(any_articles())
def test_daily_counts_agree_with_counting_one_by_one(frame: pd.DataFrame) -> None:
    rows = frame.to_dict("records")
    daily = daily_frames(frame)
    assert sorted({(row["date"], row["outlet"]) for row in rows}) == list(
        zip(daily["date"], daily["outlet"], strict=True)
    )
    for found in daily.to_dict("records"):
        here = [row for row in rows if (row["date"], row["outlet"]) == (found["date"], found["outlet"])]
        relevant = [row for row in here if row["on_topic"]]
        assert found["all_articles"] == len(here)
        assert found["articles"] == len(relevant)
        assert found["stories"] == len({row["story_id"] for row in relevant})
        assert found["new_stories"] == sum(row["opens_story"] for row in relevant)
        assert [found[label] for label in LABELS] == [
            sum(row["label"] == label for row in relevant) for label in LABELS
        ]
        assert sum(found[label] for label in LABELS) == found["articles"]
        own = [row for row in relevant if not row["wire_copy"]]
        assert (found["sightings"], found["own_sightings"]) == (2 * len(relevant), 2 * len(own))
        assert (found["own_articles"], found["own_new_stories"]) == (len(own), sum(row["opens_own"] for row in own))
        assert found["listed"] == sum(row["listed"] for row in here)
        assert found["listed_articles"] == sum(row["listed"] for row in relevant)
        assert (found["outlet_group"], found["country"]) == OUTLETS[found["outlet"]]


@settings(deadline=None, max_examples=40)
@given(any_articles())
def test_every_table_adds_up_to_all_articles_and_distinct_stories(frame: pd.DataFrame) -> None:
    relevant = frame[frame["on_topic"] == 1]
    daily = daily_frames(frame)
    assert daily["new_stories"].sum() == relevant["story_id"].nunique()
    for aggregate in (by_day, by_week, by_group, by_outlet, by_country):
        found = aggregate(daily)
        assert found.iloc[:, 0].is_unique
        assert found["all_articles"].sum() == len(frame)
        assert found["articles"].sum() == len(relevant)
        assert found["stories"].sum() == relevant["story_id"].nunique()
        assert found[list(LABELS)].sum(axis=1).tolist() == found["articles"].tolist()


# ---------------------------------------------------------------------- days, weeks, months


def test_weeks_are_iso_weeks_and_months_end_where_they_do() -> None:
    weeks = calendar("week", "2025-12-31", "2026-01-12")
    assert weeks.to_numpy().tolist() == [
        ["2025-12-29", "2026-01-04"],
        ["2026-01-05", "2026-01-11"],
        ["2026-01-12", "2026-01-18"],
    ]
    assert calendar("month", "2028-02-10", "2028-03-01").to_numpy().tolist() == [
        ["2028-02-01", "2028-02-29"],
        ["2028-03-01", "2028-03-31"],
    ]
    assert calendar("day", "2026-02-28", "2026-03-01")["last_day"].tolist() == ["2026-02-28", "2026-03-01"]
    around = days_around(["2026-03-01"])
    assert (around[0], around[-1], len(around)) == ("2026-02-23", "2026-03-31", 37)


def whole(frame: pd.DataFrame) -> pd.DataFrame:
    """With what only period_frames reads: every third article uncertain, every fourth wire copy."""
    number = frame["article_id"].astype(int)
    return frame.assign(
        uncertain=(number % 3 == 0).astype(int),
        wire_copy=(number % 4 == 0).astype(int),
        genre=[("news", "comment", None)[int(n) % 3] for n in number],
        voice=[("outlet", "both", "quoted", None, None)[int(n) % 5] for n in number],
    )


@settings(deadline=None, max_examples=25)
@given(any_articles(), st.integers(0, 10))
def test_periods_are_right_and_the_changed_ones_are_as_if_made_anew(frame: pd.DataFrame, place: int) -> None:
    frame = whole(frame)
    days = sorted(frame["date"].unique())
    found = period_frames(frame, days, DEFAULT_FRAMES)
    relevant = frame[frame["on_topic"] == 1]
    for scope in SCOPES:
        for period in PERIODS:
            rows = found[(found["period"] == period) & (found["scope"] == scope)]
            assert rows["all_articles"].sum() == len(frame)
            assert rows["articles"].sum() == len(relevant)
            assert rows["own_articles"].sum() == (relevant["wire_copy"] == 0).sum()
            assert rows["uncertain"].sum() == (relevant["uncertain"] == 1).sum()
            assert rows[list(LABELS)].sum(axis=1).tolist() == rows["articles"].tolist()
            assert (rows["stories"] <= rows["articles"]).all()
    months = found[(found["period"] == "month") & (found["scope"] == "all")].set_index("first_day")
    for month, rows in relevant.groupby(relevant["date"].str[:7]):
        assert months.loc[f"{month}-01", "stories"] == rows["story_id"].nunique()
    if days:
        changed = days[place % len(days)]
        part = period_frames(frame[frame["date"].isin(days_around([changed]))], [changed], DEFAULT_FRAMES)
        key = ["period", "scope", "first_day", "name"]
        same = found.merge(part[key], on=key)
        assert sorted(map(tuple, part.astype(object).to_numpy().tolist())) == sorted(
            map(tuple, same[part.columns].astype(object).to_numpy().tolist())
        )
        assert set(part["period"]) == set(PERIODS)
