"""What a report is made of, read from the store at one moment, and what follows from it.

Everything is bounded: counts come from stored aggregates, and articles are read only as far as they are listed, however
many the database holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from . import estimate, shares
from .aggregate import AGGREGATES, calendar, collection_by_week, collection_through, first_days, mondays
from .alerts import Alert, alerts
from .composition import Composition
from .drift import REFERENCE_WEEKS
from .drift import drift as drift_of
from .estimate import UNCORRECTED, Estimate, Method, Missing
from .health import assess
from .news import News, Point, Volume, news
from .records import Thresholds
from .trend import trend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from .framing import Frames
    from .health import Health
    from .store import Store

MAX_WEEKS = 104
"""A longer range is told by months."""

LISTED = 2400
"""About so many articles are listed by period, and at most twice as many again for names and points of small charts.

Every list says what it leaves out and how to get it.
"""

MAX_CHARTED = 12
"""Outlets with a small chart of their own: those with most articles. The tables have all."""

MIN_COPIES = 3
COPIED, EDITED = 20, 50
CLEAREST = 4
"""Headlines shown for each frame."""

CLEAREST_DAYS = 28
COLLECTED_WELL = 0.95
"""Share of its outlets that a period must have been collected from for its volume to be compared."""


@dataclass(frozen=True, slots=True)
class Material:
    """Everything a report is made of, taken from the store at one moment.

    `daily` are the rows of v_daily_frames, `on_topic` every on-topic article without its text, `articles` those that
    are listed, newest first; `collection` has one row per day, columns as in v_daily_collection, up to yesterday at
    least, `outlet_days` one per day and outlet; `collected_from` is the day of the first run, None for none.
    `points` are the shares of the three mixes, columns as in shares.COLUMNS, corrected where `sample` names an audit
    sample; `group_points` and `outlet_points` those of single groups and outlets, `voice_points` those of frames in the
    outlets' own voice and of quoted ones. `of_lake` says that articles are read from a lake, which knows one wording of
    each. `deciding` holds, for some articles, the words of the headline that carry the label.
    """

    topic: str
    frames: Frames
    period: str
    since: str
    until: str
    daily: pd.DataFrame
    on_topic: pd.DataFrame
    articles: pd.DataFrame
    points: pd.DataFrame
    group_points: pd.DataFrame
    outlet_points: pd.DataFrame
    voice_points: pd.DataFrame
    health: Health
    collection: pd.DataFrame
    outlet_days: pd.DataFrame
    collected_from: str | None
    runs: pd.DataFrame
    events: pd.DataFrame
    edited: pd.DataFrame
    copied: pd.DataFrame
    clearest: tuple[int, ...]
    drift: pd.DataFrame | None
    thresholds: Thresholds
    made_at: datetime
    model_id: str
    codebook_version: str
    database: str
    sample: str | None = None
    of_lake: bool = False
    deciding: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def from_store(
        cls,
        store: Store,
        made_at: datetime,
        since: str,
        until: str,
        *,
        sample: str | None = None,
        thresholds: Thresholds | None = None,
        listed: int = LISTED,
    ) -> Material:
        """Read what a report on the days `since`..`until` (YYYY-MM-DD, both included) needs.

        About `listed` articles are listed by period. Raises TrendError and StoreError for a sample that cannot correct.
        """
        thresholds = thresholds or Thresholds()
        daily = _between(store.daily_frames(), since, until)
        relevant = daily[daily["articles"] > 0]
        first, last = (str(relevant["date"].min()), str(relevant["date"].max())) if len(relevant) else ("", "")
        runs, events = store.runs(1), store.events()
        outlet_days = store.outlet_collection()
        # Today is not over: only what has been asked already counts.
        days = collection_through(store.collection(), (made_at - timedelta(days=1)).date().isoformat())
        collected = days["date"][days["feeds"] > 0]
        outlet_days = _between(outlet_days, since, until)
        long = bool(first) and (date.fromisoformat(last) - date.fromisoformat(first)).days > 7 * MAX_WEEKS
        period = "month" if long else "week"
        scale: dict[str, Any] = {"period": period, "events": list(events["date"])}
        points = (
            trend(store, period=period, since=since, until=until, sample=sample, counting="articles")
            if sample is not None
            else _estimated(daily, outlet_days, store.frames, scale)
        )
        only: dict[str, Any] = {
            "compositions": (Composition.ITEMS,),
            "wanted": [f"share_{name}" for name in store.frames.names],
        }
        groups = shares.estimated(daily, outlet_days, store.frames, by="group", **scale, **only)
        sums = relevant.groupby("outlet")["articles"].sum().sort_values(ascending=False, kind="stable")
        charted = {str(name) for name in sums.index[:MAX_CHARTED]}
        outlets = shares.estimated(daily, outlet_days, store.frames, by="outlet", names=charted, **scale, **only)
        clearest = _clearest(store, since, last) if last else ()
        on_topic = store.on_topic(since, until)
        articles = store.articles_numbered([*clearest, *_listed(on_topic, period, charted, listed)])
        drift = None
        if thresholds.drift and last:
            weeks = mondays(pd.Series([last]))[0]
            start = (date.fromisoformat(weeks) - timedelta(days=7 * REFERENCE_WEEKS)).isoformat()
            drift = drift_of(store.labelled(max(since, start), until), store.frames, last=1)
        newest = runs.iloc[0] if len(runs) else None
        return cls(
            topic=str(newest["topic"]) if newest is not None else "no run yet",
            frames=store.frames,
            period=period,
            since=since,
            until=until,
            daily=daily,
            on_topic=on_topic,
            articles=articles,
            points=points,
            group_points=groups,
            outlet_points=outlets,
            voice_points=shares.by_voice(
                _between(store.period_frames("day", "all"), since, until, "first_day"),
                _between(store.period_frames("day", "voice"), since, until, "first_day"),
                outlet_days,
                store.frames,
                **scale,
            ),
            health=assess(store.feed_records(made_at), store.last_finished_at(), made_at),
            collection=_between(days, since, until),
            outlet_days=outlet_days,
            collected_from=str(collected.min()) if len(collected) else None,
            runs=runs,
            events=events,
            edited=store.edits(since, until, EDITED),
            copied=store.tellers(store.copied(since, until, outlets=MIN_COPIES, limit=COPIED)["story_id"].tolist()),
            clearest=clearest,
            drift=drift,
            thresholds=thresholds,
            made_at=made_at,
            model_id=str(newest["model_id"]) if newest is not None else "",
            codebook_version=str(articles["codebook_version"].iloc[0]) if len(articles) else "",
            database=store.path.name,
            sample=sample,
            of_lake=store.lake_folder() is not None,
        )

    @property
    def correction(self) -> str:
        """That shares are uncorrected, or by what the trend is corrected."""
        return f"corrected by the audit sample {self.sample}" if self.sample else UNCORRECTED

    @property
    def charted(self) -> list[str]:
        """Outlets with a small chart of their own, most articles first."""
        sums = self.daily.groupby("outlet")["articles"].sum().sort_values(ascending=False, kind="stable")
        return [str(name) for name in sums.index if name in set(self.outlet_points["name"])]


def _estimated(
    daily: pd.DataFrame, outlet_days: pd.DataFrame, frames: Frames, scale: Mapping[str, Any]
) -> pd.DataFrame:
    """Everything of the mix in which every article weighs the same, and the two frames in the others."""
    both = [f"share_{name}" for name in frames.names]
    return pd.concat(
        [
            shares.estimated(daily, outlet_days, frames, compositions=(Composition.ITEMS,), **scale),
            shares.estimated(
                daily, outlet_days, frames, compositions=(Composition.OUTLETS, Composition.PANEL), wanted=both, **scale
            ),
        ],
        ignore_index=True,
    )


def _between(frame: pd.DataFrame, since: str, until: str, day: str = "date") -> pd.DataFrame:
    return frame[(frame[day] >= since) & (frame[day] <= until)].reset_index(drop=True)


def _each(total: int, parts: int, least: int, most: int) -> int:
    """How many articles each of `parts` lists may have of `total`."""
    return max(least, min(most, total // max(1, parts)))


def _clearest(store: Store, since: str, last: str) -> tuple[int, ...]:
    """The clearest headlines of each frame in the last weeks: one per story, and outlets by turns."""
    start = (date.fromisoformat(last) - timedelta(days=CLEAREST_DAYS - 1)).isoformat()
    rows = store.articles_numbered(store.clearest(max(since, start), last, 8 * CLEAREST))
    found: list[int] = []
    for frame in store.frames.both:
        mine = rows[rows["label"] == frame.name].sort_values(
            [f"p_{frame.output}", "article_id"], ascending=[False, True]
        )
        mine = mine.drop_duplicates("story_id").drop_duplicates("title")
        turn = mine.groupby("outlet").cumcount().rename("turn")
        mine = mine.assign(turn=turn).sort_values("turn", kind="stable").head(CLEAREST)
        found += [int(number) for number in mine["article_id"]]
    return tuple(found)


def _listed(on_topic: pd.DataFrame, period: str, charted: Iterable[str], total: int) -> set[int]:
    """The numbers of the articles to be listed: the newest of each period, outlet and group, and of each point."""
    newest = on_topic.iloc[::-1]
    newest = newest.assign(place=first_days(newest["date"], period)) if len(newest) else newest.assign(place=[])
    small = newest[newest["outlet"].isin(set(charted))]
    found: set[int] = set()
    for rows, keys, parts, least, most in (
        (newest, ["place"], 1, 8, 400),
        (newest, ["outlet"], 2, 3, 60),
        (newest, ["outlet_group"], 2, 3, 60),
        (newest, ["outlet_group", "place"], 2, 1, 10),
        (small, ["outlet", "place"], 2, 1, 10),
    ):
        lists = rows.groupby(keys, sort=False)
        found.update(lists.head(_each(total // parts, lists.ngroups, least, most))["article_id"].tolist())
    return found


# ---------------------------------------------------------------------- counts

_KEY_OF: dict[str, Callable[[pd.DataFrame], pd.Series[str]]] = {
    "day": lambda articles: articles["date"],
    "week": lambda articles: mondays(articles["date"]),
    "group": lambda articles: articles["outlet_group"],
    "outlet": lambda articles: articles["outlet"],
    "country": lambda articles: articles["country"].fillna("unknown"),
}
"""The key of an article in each aggregate."""


def counts_by(material: Material, by: str) -> pd.DataFrame:
    """Counts, shares and index with Wilson's intervals per day, week, group, outlet or country that has articles.

    `stories` counts the distinct stories among the articles of the row.
    """
    frame = AGGREGATES[by](material.daily)
    frame = frame[frame["articles"] > 0].reset_index(drop=True)
    distinct = material.on_topic.groupby(_KEY_OF[by](material.on_topic))["story_id"].nunique()
    frame["stories"] = frame.iloc[:, 0].map(distinct).fillna(0).astype("int64")
    return estimate.with_intervals(frame, material.frames)


_COLLECTION = ("days", "days_partial", "days_missing", "days_imported", "outlets", "outlets_least")


def trend_by_week(material: Material) -> pd.DataFrame:
    """`counts_by` week, with how far each week was collected (columns of aggregate.collection_by_week).

    Weeks since the first run that are over have a row even without an article: there the press was quiet, or nothing
    was collected. In the latter case there is no share and no index, whatever later answers still listed. Weeks before
    the first run hold what feeds still listed then and have `days` 0.
    """
    counted = counts_by(material, "week")
    if counted.empty:
        return counted.assign(**dict.fromkeys(_COLLECTION, 0))
    weeks = collection_by_week(material.collection)
    over = (material.made_at - timedelta(days=6)).date().isoformat()
    weeks = weeks[(weeks["date"] < over) | weeks["date"].isin(counted["date"])]
    frame = counted.merge(weeks, on="date", how="outer").sort_values("date", ignore_index=True)
    whole = [name for name in counted.columns if pd.api.types.is_integer_dtype(counted[name])]
    frame[[*whole, *_COLLECTION]] = frame[[*whole, *_COLLECTION]].fillna(0).astype("int64")
    estimated = [name for name in counted.columns if name.startswith(("share_", "index")) and name not in whole]
    frame.loc[not_collected(frame), estimated] = float("nan")
    return frame


def not_collected(weekly: pd.DataFrame) -> pd.Series[bool]:
    """Which rows of `trend_by_week` are gaps."""
    return (weekly["days"] > 0) & (weekly["days_missing"] == weekly["days"])


def totals(material: Material) -> dict[str, int]:
    """Sums over everything shown."""
    names = ["all_articles", "articles", *material.frames.labels]
    return {name: int(material.daily[name].sum()) for name in names} | {
        "new_stories": int(material.on_topic["story_id"].nunique())
    }


def line(points: pd.DataFrame, composition: Composition, *, index: bool = False) -> pd.DataFrame:
    """The points of one mix as shares.wide gives them: the shares, or the index."""
    rows = points[(points["composition"] == str(composition)) & ((points["measure"] == "index") == index)]
    return shares.wide(rows)


def by_period(material: Material) -> pd.DataFrame:
    """The trend as a table: one row per point of the shares, and for each period after the last that is over.

    Columns: date, last_day, periods, articles, stories, one per label, its share_<label> with ends (of the mix in which
    every article weighs the same), index with ends, index_n and index_periods at the first period of each point of the
    index, and how far the days were collected: days, days_missing, days_partial, days_imported, outlets, outlets_least.
    """
    frame = line(material.points, Composition.ITEMS)
    if frame.empty:
        return frame
    index = line(material.points, Composition.ITEMS, index=True).rename(
        columns={"n": "index_n", "periods": "index_periods"}
    )
    frame = frame.merge(
        index[["date", "index", "index_low", "index_high", "index_n", "index_periods"]], on="date", how="left"
    )
    later = [one for one in volumes_of(material) if one.first_day.isoformat() > frame["last_day"].max()]
    quiet = [{"date": f"{one.first_day}", "last_day": f"{one.last_day}", "periods": 1, "articles": 0} for one in later]
    frame = pd.concat([frame, pd.DataFrame(quiet)], ignore_index=True) if quiet else frame
    told = _spanned(material, frame["date"].tolist(), frame["last_day"].tolist())
    frame = frame.drop(columns=["outlets", "days", "days_missing", "days_partial"])
    frame = pd.concat([frame, pd.DataFrame(told, index=frame.index)], axis=1)
    whole = ["articles", "periods", "index_n"]
    frame[whole] = frame[whole].fillna(0).astype("int64")
    told_of = (frame["articles"] > 0) | (frame["days"] > 0) | (frame["date"] <= material.daily["date"].max())
    return pd.DataFrame(frame[told_of])


def _days(frame: pd.DataFrame, firsts: Sequence[str], lasts: Sequence[str]) -> Iterator[pd.DataFrame]:
    """For each span of days the rows of a frame in the order of its days."""
    days = frame["date"].to_numpy(dtype=object)
    starts, ends = np.searchsorted(days, firsts), np.searchsorted(days, lasts, side="right")
    return (frame.iloc[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True))


def _spanned(material: Material, firsts: Sequence[str], lasts: Sequence[str]) -> list[dict[str, int]]:
    """Counts and collection of each span of days."""
    parts = (_days(frame, firsts, lasts) for frame in (material.daily, material.collection, material.on_topic))
    found = []
    for counts, days, articles in zip(*parts, strict=True):
        some = days[days["collection"] != "none"]
        found.append(
            {
                **{label: int(counts[label].sum()) for label in material.frames.labels},
                "all_articles": int(counts["all_articles"].sum()),
                "stories": int(articles["story_id"].nunique()),
                "days": len(days),
                "days_missing": int((days["collection"] == "none").sum()),
                "days_imported": int((days["collection"] == "imported").sum()),
                "days_partial": int((days["collection"] == "partial").sum()),
                "outlets": int(days["outlets"].max()) if len(days) else 0,
                "outlets_least": int(some["outlets_collected"].min()) if len(some) else 0,
            }
        )
    return found


# ---------------------------------------------------------------------- what follows


def lines_of(material: Material) -> dict[tuple[str, Composition], list[Point]]:
    """The lines that the news are told from; a last point of days that are not over is left out."""
    over = material.made_at.date()
    found = {}
    for frame in material.frames.both:
        rows = material.points[material.points["measure"] == f"share_{frame.name}"]
        for composition in Composition:
            told = [_point(row) for row in rows[rows["composition"] == str(composition)].to_dict("records")]
            if told and told[-1].last_day >= over and len(told) > 1:
                told = told[:-1]
            found[frame.name, composition] = told
    return found


def _point(row: Mapping[Any, Any]) -> Point:
    estimated: Estimate | Missing
    if pd.isna(row["value"]):
        estimated = Missing(str(row["reason"]), int(row["n"]))
    else:
        estimated = Estimate(row["value"], row["low"], row["high"], int(row["n"]), method=Method(row["method"]))
    first, last = (date.fromisoformat(str(row[name])) for name in ("first_day", "last_day"))
    return Point(first, last, estimated, int(row["days_missing"]))


def volumes_of(material: Material) -> list[Volume]:
    """The on-topic articles of every period from the first article to the last period that is over."""
    relevant = material.daily[material.daily["articles"] > 0]
    if relevant.empty:
        return []
    over = material.made_at.date() - timedelta(days=1)
    last = max(str(relevant["date"].max()), min(material.until, over.isoformat()))
    periods = calendar(material.period, str(relevant["date"].min()), last)
    placed = relevant.groupby(first_days(relevant["date"], material.period))
    articles, outlets = placed["articles"].sum(), placed["outlet"].nunique()
    days = material.outlet_days.assign(place=first_days(material.outlet_days["date"], material.period))
    days["collected"] = days["collected"].astype("float64")
    collected = days.groupby("place").agg(share=("collected", "mean"), days=("date", "nunique"))
    found: list[Volume] = []
    for first_day, last_day in periods[["first_day", "last_day"]].itertuples(index=False):
        first, end = date.fromisoformat(first_day), date.fromisoformat(last_day)
        if end > over and found:
            break
        told = first_day in collected.index
        whole = bool(
            told
            and collected.loc[first_day, "days"] == (end - first).days + 1
            and collected.loc[first_day, "share"] >= COLLECTED_WELL
        )
        found.append(
            Volume(first, end, int(articles.get(first_day, 0)), int(outlets.get(first_day, 0)), whole and end <= over)
        )
    return found


def news_of(material: Material) -> News:
    """What changed, in three sentences."""
    return news(lines_of(material), volumes_of(material), material.frames, correction=material.correction)


def alerts_of(material: Material) -> tuple[Alert, ...]:
    """What somebody should look at, worst first."""
    told: Sequence[Any] = news_of(material).steps
    return alerts(
        material.health,
        volumes_of(material),
        told,
        material.drift,
        material.frames,
        material.thresholds,
        material.made_at,
    )
