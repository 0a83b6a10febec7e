"""Articles → counts. Pure pandas: frames in, frames out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable

    from .framing import Frames

_KEYS = ["date", "outlet", "outlet_group", "country"]


def daily_frames(articles: pd.DataFrame, frames: Frames) -> pd.DataFrame:
    """Counts per day and outlet, one row for each that has any article.

    `articles` has one row per article with date, outlet, outlet_group, country, story_id, on_topic, label
    and opens_story. The result has date, outlet, outlet_group, country, all_articles, articles, stories, new_stories
    and one column per label; its counts add up over days and outlets, except `stories`, which counts a story once
    per row (`new_stories` is its additive sibling).
    """
    numbers = ["articles", "stories", "new_stories", *frames.labels]
    columns = [*_KEYS, "all_articles", *numbers]
    if articles.empty:
        return pd.DataFrame(columns=columns)
    frame = articles.assign(
        on_topic=articles["on_topic"].astype(bool), opens_story=articles["opens_story"].astype(bool)
    )
    keys = ["date", "outlet"]
    relevant = frame[frame["on_topic"]]
    counts = frame.groupby(keys).agg(
        outlet_group=("outlet_group", "first"), country=("country", "first"), all_articles=("article_id", "size")
    )
    by_day = relevant.groupby(keys)
    counts["articles"] = by_day.size()
    counts["stories"] = by_day["story_id"].nunique()
    counts["new_stories"] = by_day["opens_story"].sum()
    for label in frames.labels:
        counts[label] = relevant[relevant["label"] == label].groupby(keys).size()
    counts[numbers] = counts[numbers].fillna(0).astype("int64")
    counts["country"] = counts["country"].astype(object).where(counts["country"].notna(), None)
    return counts.reset_index()[columns]


def _sum(frame: pd.DataFrame, key: pd.Series[str] | str) -> pd.DataFrame:
    numbers = [name for name in frame.columns if name not in {*_KEYS, "stories"}]
    summed = frame.groupby(key, sort=True)[numbers].sum().reset_index()
    return summed.rename(columns={"new_stories": "stories"})


def mondays(dates: pd.Series[str]) -> pd.Series[str]:
    """The Monday of each day's ISO week, both YYYY-MM-DD."""
    days = pd.to_datetime(dates)
    return (days - pd.to_timedelta(days.dt.day_of_week, unit="D")).dt.strftime("%Y-%m-%d")


def by_week(daily: pd.DataFrame) -> pd.DataFrame:
    """Sums per ISO week; `date` is its Monday. `stories` are distinct."""
    return _sum(daily.drop(columns="date"), mondays(daily["date"]).rename("date"))


def by_day(daily: pd.DataFrame) -> pd.DataFrame:
    """Sums per day. `stories` are distinct."""
    return _sum(daily, "date")


def by_group(daily: pd.DataFrame) -> pd.DataFrame:
    """Sums per viewpoint group."""
    return _sum(daily, "outlet_group")


def by_outlet(daily: pd.DataFrame) -> pd.DataFrame:
    """Sums per outlet."""
    return _sum(daily, "outlet")


def by_country(daily: pd.DataFrame) -> pd.DataFrame:
    """Sums per country; outlets of unknown country under "unknown"."""
    return _sum(daily.assign(country=daily["country"].fillna("unknown")), "country")


AGGREGATES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "day": by_day,
    "week": by_week,
    "group": by_group,
    "outlet": by_outlet,
    "country": by_country,
}
"""Sums of daily_frames by name; the first column names the row."""
