"""Articles → counts, and days of collection → gaps. Pure pandas: frames in, frames out."""

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


def collection_through(collection: pd.DataFrame, last_day: str) -> pd.DataFrame:
    """The days of `collection` and those after them up to `last_day` (YYYY-MM-DD), on which no run was made at all.

    `collection` has one row per day, columns as in the view v_daily_collection. Without any run nothing is added.
    """
    if collection.empty:
        return collection
    newest = collection.iloc[-1]
    later = pd.date_range(newest["date"], last_day, freq="D").strftime("%Y-%m-%d")[1:]
    none = dict.fromkeys(["feeds_asked", "feeds_answered", "feeds_failed", "outlets_collected"], 0)
    kept = {name: int(newest[name]) for name in ("feeds", "outlets")}
    rows = [{"date": day, "collection": "none", **kept, **none, "outlets_missing": None} for day in later]
    return (
        pd.concat([collection, pd.DataFrame(rows, columns=collection.columns)], ignore_index=True)
        if rows
        else collection
    )


def collection_by_week(collection: pd.DataFrame) -> pd.DataFrame:
    """How far each ISO week was collected: `date` is its Monday.

    `days` counts the days since the first run, `days_partial` those on which some outlet was missing, `days_missing`
    those on which all were; `outlets` and `outlets_least` are how many there were at most and how many of them came
    on the worst day that was collected.
    """
    frame = collection.assign(
        date=mondays(collection["date"]),
        partial=collection["collection"] == "partial",
        missing=collection["collection"] == "none",
        least=collection["outlets_collected"].where(collection["collection"] != "none", collection["outlets"]),
    )
    weekly = frame.groupby("date", sort=True).agg(
        days=("collection", "size"),
        days_partial=("partial", "sum"),
        days_missing=("missing", "sum"),
        outlets=("outlets", "max"),
        outlets_least=("least", "min"),
    )
    return weekly.astype("int64").reset_index()


def gaps(collection: pd.DataFrame) -> pd.DataFrame:
    """Runs of days that were not fully collected: `start` and `end` (the day after) as timestamps, `missing`.

    `missing` is the share of outlets that did not come, 1.0 where nothing did. Days with other shares stand apart.
    """
    frame = collection[collection["collection"] != "full"]
    missing = 1 - frame["outlets_collected"] / frame["outlets"].where(frame["outlets"] > 0, 1)
    frame = frame.assign(day=pd.to_datetime(frame["date"]), missing=missing.astype("float64"))
    breaks = (frame["day"].diff() != pd.Timedelta(days=1)) | (frame["missing"].diff() != 0)
    bands = frame.groupby(breaks.cumsum()).agg(start=("day", "min"), end=("day", "max"), missing=("missing", "first"))
    return bands.assign(end=bands["end"] + pd.Timedelta(days=1)).reset_index(drop=True)


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
