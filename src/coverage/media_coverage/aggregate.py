"""Articles → counts, and days of collection → gaps. Pure pandas: frames in, frames out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable

    from .framing import Frames

_KEYS = ["date", "outlet", "outlet_group", "country"]

_KINDS = {
    "sightings": "feeds",
    "own_sightings": "own_feeds",
    "own_articles": "own",
    "own_new_stories": "opens_own",
    "listed": "listed",
    "listed_articles": "listed",
}
"""Further counts of a day, and the column whose sum each is: over on-topic articles, and `listed` over all."""

PERIODS = ("day", "week", "month")
"""Lengths of a period; weeks are ISO weeks and begin on Monday."""

SCOPES = ("all", "group", "outlet", "country", "genre", "voice")
"""What a period's counts are about: everything, or each viewpoint group, outlet, country, genre or voice."""

FROM_EVERY_FEED = ("genre", "voice")
"""Scopes whose articles any feed may bring, so that they are collected as far as everything is."""

UNKNOWN = "unknown"
"""Stands for the country of outlets whose country is not known, and likewise for genre and voice."""

OWN, QUOTED = "own", "quoted"
"""Voices that counts tell apart: the outlet speaks the frame, also where it quotes somebody as well; or only others."""

VOICES = {"outlet": OWN, "both": OWN, "quoted": QUOTED}
"""What a coded voice counts as."""


def daily_frames(articles: pd.DataFrame, frames: Frames) -> pd.DataFrame:
    """Counts per day and outlet, one row for each that has any article.

    `articles` has one row per article with date, outlet, outlet_group, country, story_id, on_topic, label, feeds,
    wire_copy, listed, opens_story and opens_own. The result has date, outlet, outlet_group, country, all_articles,
    articles, stories, new_stories, one column per label, sightings, own_sightings, own_articles, own_new_stories,
    listed and listed_articles; its counts add up over days and outlets, except `stories`, which counts a story once
    per row (`new_stories` is its additive sibling).
    """
    numbers = ["articles", "stories", "new_stories", *frames.labels, *_KINDS]
    columns = [*_KEYS, "all_articles", *numbers]
    if articles.empty:
        return pd.DataFrame(columns=columns)
    flags = ("on_topic", "wire_copy", "listed", "opens_story", "opens_own")
    frame = articles.assign(**{name: articles[name].astype(bool) for name in flags})
    own = frame["on_topic"] & ~frame["wire_copy"]
    frame = frame.assign(own=own, own_feeds=frame["feeds"].where(own, 0))
    keys = ["date", "outlet"]
    relevant = frame[frame["on_topic"]]
    counts = frame.groupby(keys).agg(
        outlet_group=("outlet_group", "first"), country=("country", "first"), all_articles=("article_id", "size")
    )
    by_day = relevant.groupby(keys)
    counts["articles"] = by_day.size()
    counts["stories"] = by_day["story_id"].nunique()
    counts["new_stories"] = by_day["opens_story"].sum()
    counts["listed"] = frame.groupby(keys)["listed"].sum()
    for name, column in _KINDS.items():
        if name != "listed":
            counts[name] = by_day[column].sum()
    for label in frames.labels:
        counts[label] = relevant[relevant["label"] == label].groupby(keys).size()
    counts[numbers] = counts[numbers].fillna(0).astype("int64")
    counts["country"] = counts["country"].astype(object).where(counts["country"].notna(), None)
    return counts.reset_index()[columns]


def _sum(frame: pd.DataFrame, key: pd.Series[str] | str) -> pd.DataFrame:
    numbers = [name for name in frame.columns if name not in {*_KEYS, *_KINDS, "stories"}]
    summed = frame.groupby(key, sort=True)[numbers].sum().reset_index()
    return summed.rename(columns={"new_stories": "stories"})


def mondays(dates: pd.Series[str]) -> pd.Series[str]:
    """The Monday of each day's ISO week, both YYYY-MM-DD."""
    days = pd.to_datetime(dates)
    return (days - pd.to_timedelta(days.dt.day_of_week, unit="D")).dt.strftime("%Y-%m-%d")


def first_days(dates: pd.Series[str], period: str) -> pd.Series[str]:
    """The first day of the period of each day, both YYYY-MM-DD."""
    if period == "week":
        return mondays(dates)
    return dates.astype(str).str[:7] + "-01" if period == "month" else dates.astype(str)


def calendar(period: str, first: str, last: str) -> pd.DataFrame:
    """All periods from that of the day `first` to that of the day `last`: first_day and last_day, YYYY-MM-DD."""
    start, end = first_days(pd.Series([first, last], dtype=object), period)
    frequency = {"day": "D", "week": "7D", "month": "MS"}[period]
    starts = pd.date_range(start, end, freq=frequency)
    ends = starts + pd.offsets.MonthEnd(1) if period == "month" else starts + pd.Timedelta(days=6 * (period == "week"))
    days = {"first_day": starts.strftime("%Y-%m-%d"), "last_day": ends.strftime("%Y-%m-%d")}
    return pd.DataFrame(days, dtype=object)


def names_of(articles: pd.DataFrame, scope: str) -> pd.Series[str]:
    """Under which name each article counts in a scope; an unknown country, genre or voice under "unknown"."""
    if scope == "all":
        return pd.Series("all", index=articles.index, dtype=object)
    if scope in {"country", "genre"}:
        return articles[scope].astype(object).where(articles[scope].notna(), UNKNOWN)
    if scope == "voice":
        return articles["voice"].map(VOICES).astype(object).fillna(UNKNOWN)
    return articles["outlet_group" if scope == "group" else "outlet"]


def days_around(days: list[str]) -> list[str]:
    """All days of the weeks and months that hold any of `days`, YYYY-MM-DD."""
    held = pd.Series(days, dtype=object)
    found: set[str] = set()
    for period in PERIODS:
        for first in first_days(held, period).unique():
            last = calendar(period, first, first)["last_day"].iloc[0]
            found.update(pd.date_range(first, last, freq="D").strftime("%Y-%m-%d"))
    return sorted(found)


def period_frames(articles: pd.DataFrame, days: list[str], frames: Frames) -> pd.DataFrame:
    """Counts of the days, weeks and months that hold any of `days`, for each scope; rows that have any article.

    `articles` has one row per article of `days_around(days)` with date, outlet, outlet_group, country, story_id,
    on_topic, label, uncertain, wire_copy, genre and voice. The result has period, first_day (YYYY-MM-DD), scope, name,
    all_articles, articles, stories (distinct ones in the row), own_articles (without wire copy), uncertain and one
    column per label; all but the first count on-topic articles.
    """
    numbers = ["all_articles", "articles", "stories", "own_articles", "uncertain", *frames.labels]
    keys = ["period", "first_day", "scope", "name"]
    if articles.empty:
        return pd.DataFrame(columns=[*keys, *numbers])
    changed = pd.Series(days, dtype=object)
    on_topic = articles["on_topic"].astype(bool)
    kinds = {label: (articles["label"] == label) & on_topic for label in frames.labels}
    flags = {
        "all_articles": pd.Series(True, index=articles.index),
        "articles": on_topic,
        "own_articles": on_topic & ~articles["wire_copy"].astype(bool),
        "uncertain": on_topic & (articles["uncertain"] == 1),
        **kinds,
    }
    flagged = pd.DataFrame({name: flag.astype("int64") for name, flag in flags.items()})
    # Off-topic articles have no story that counts.
    flagged["stories"] = articles["story_id"].where(on_topic)
    parts = []
    for period in PERIODS:
        starts = first_days(articles["date"], period)
        kept = starts.isin(set(first_days(changed, period)))
        for scope in SCOPES:
            table = flagged.assign(first_day=starts, name=names_of(articles, scope))[kept]
            how = {name: "nunique" if name == "stories" else "sum" for name in numbers}
            counts = table.groupby(["first_day", "name"], sort=True).agg(how).reset_index()
            parts.append(counts.assign(period=period, scope=scope))
    found = pd.concat(parts, ignore_index=True)
    return found[[*keys, *numbers]].astype(dict.fromkeys(numbers, "int64"))


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
    collected = collection[collection["feeds"] > 0]
    if collected.empty:
        return collection
    newest = collected.iloc[-1]
    later = pd.date_range(newest["date"], last_day, freq="D").strftime("%Y-%m-%d")[1:]
    later = later[~later.isin(collection["date"])]
    none = dict.fromkeys(["feeds_asked", "feeds_answered", "feeds_failed", "outlets_collected", "imported"], 0)
    kept = {name: int(newest[name]) for name in ("feeds", "outlets")}
    rows = [{"date": day, "collection": "none", **kept, **none, "outlets_missing": None} for day in later]
    return (
        pd.concat([collection, pd.DataFrame(rows, columns=collection.columns)], ignore_index=True).sort_values(
            "date", ignore_index=True
        )
        if rows
        else collection
    )


def collection_by_week(collection: pd.DataFrame) -> pd.DataFrame:
    """How far each ISO week was collected: `date` is its Monday.

    `days` counts the days since the first run, `days_partial` those on which some outlet was missing, `days_missing`
    those on which all were, `days_imported` days, also before the first run, of which only files tell; `outlets` and
    `outlets_least` are how many there were at most and how many of them came on the worst day that was collected.
    """
    frame = collection.assign(
        date=mondays(collection["date"]),
        partial=collection["collection"] == "partial",
        missing=collection["collection"] == "none",
        imported=collection["collection"] == "imported",
        listed=collection["feeds"] > 0,
        least=collection["outlets_collected"].where(collection["outlets_collected"] > 0, collection["outlets"]),
    )
    weekly = frame.groupby("date", sort=True).agg(
        days=("listed", "sum"),
        days_partial=("partial", "sum"),
        days_missing=("missing", "sum"),
        days_imported=("imported", "sum"),
        outlets=("outlets", "max"),
        outlets_least=("least", "min"),
    )
    return weekly.astype("int64").reset_index()


def gaps(collection: pd.DataFrame) -> pd.DataFrame:
    """Runs of days that were not fully collected: `start` and `end` (the day after) as timestamps, `missing`.

    `missing` is the share of outlets that did not come, 1.0 where nothing did. Days with other shares stand apart.
    """
    frame = collection[~collection["collection"].isin(["full", "imported"])]
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
