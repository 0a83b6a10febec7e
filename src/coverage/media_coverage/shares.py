"""Shares of periods from stored counts: what trend.py estimates from articles, where not all of them may be read. Pure.

Uncorrected shares of articles need no more than counts per day and outlet, so a report on a million articles reads none
of them. Pooling, mixes of outlets and intervals are those of series.py and composition.py: the same numbers as `trend`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from . import series
from .aggregate import OWN, QUOTED, calendar, first_days, names_of
from .composition import MIN_PER_OUTLET, Cells, Composition
from .estimate import UNCORRECTED, Estimate, Method, measures
from .framing import NEITHER

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from .framing import Frames

Floats = npt.NDArray[np.float64]

NOT_COLLECTED = "not collected"

COLUMNS = {
    "by": "all, group, outlet, country or voice",
    "name": "of the group, outlet or country; all for everything; by voice own or quoted",
    "first_day": "first day, UTC, YYYY-MM-DD",
    "last_day": "last day, UTC, YYYY-MM-DD",
    "periods": "periods put together, because one alone had fewer than 15 items",
    "measure": "share_<label> among on-topic articles, 0..1; index, the net framing index, −1..1",
    "value": "the estimate; missing where `reason` is not empty",
    "low": "lower end of its 95 % interval",
    "high": "upper end of its 95 % interval",
    "method": "how value and interval were reached",
    "correction": "that it is uncorrected",
    "composition": "item-weighted, outlet-equal or fixed panel",
    "n": "articles behind the value: of the measure's base",
    "effective_n": "independent articles that would give as narrow an interval",
    "articles": "on-topic articles in the row",
    "outlets": "outlets among them",
    "days": "days from the first run on",
    "days_missing": "of them, days on which nothing was collected",
    "days_partial": "of them, days on which some outlet was missing",
    "reason": "why there is no value, in words; empty where there is one",
    "warnings": "sentences to be read with the value; always empty here",
}
"""What each column of `estimated` holds; named as in trend.COLUMNS."""


def collected_periods(outlet_days: pd.DataFrame, period: str, by: str) -> pd.DataFrame:
    """How far each period was collected for each name: name, first_day, days, days_missing, days_partial.

    `outlet_days` has one row per day and outlet: date, outlet, outlet_group, country, and collected (1, 0, or missing
    where an outlet had not answered yet) and imported, as store.outlet_collection gives it. A day of which files
    tell is not missing.
    """
    columns = ["name", "first_day", "days", "days_missing", "days_partial"]
    if outlet_days.empty:
        return pd.DataFrame(columns=columns)
    named = pd.DataFrame({"date": outlet_days["date"], "name": names_of(outlet_days, by)})
    named["collected"] = outlet_days["collected"].astype("float64")
    named["imported"] = outlet_days["imported"]
    daily = named.groupby(["name", "date"], sort=True).agg(
        count=("collected", "count"), sum=("collected", "sum"), imported=("imported", "sum")
    )
    daily = daily.reset_index()
    daily["first_day"] = first_days(daily["date"], period)
    daily["missing"] = (daily["sum"] == 0) & (daily["imported"] == 0)
    daily["partial"] = (daily["sum"] > 0) & (daily["sum"] < daily["count"])
    found = daily.groupby(["name", "first_day"], sort=True).agg(
        days=("date", "size"), days_missing=("missing", "sum"), days_partial=("partial", "sum")
    )
    return found.astype("int64").reset_index()[columns]


def collected_days(outlet_days: pd.DataFrame) -> pd.DataFrame:
    """How far each day was collected from some outlets, as aggregate.gaps takes it: date, collection, outlets and
    outlets_collected. `outlet_days` as in `collected_periods`.
    """
    named = outlet_days.assign(collected=outlet_days["collected"].astype("float64"))
    daily = named.groupby("date", sort=True).agg(
        outlets=("collected", "count"), outlets_collected=("collected", "sum"), imported=("imported", "max")
    )
    missing = daily["outlets"] - daily["outlets_collected"]
    word = pd.Series("partial", index=daily.index, dtype=object)
    word = word.mask(daily["outlets_collected"] == 0, "none").mask(missing == 0, "full")
    daily["collection"] = word.mask((daily["outlets_collected"] == 0) & (daily["imported"] > 0), "imported")
    return daily.drop(columns="imported").reset_index()


@dataclass(frozen=True, slots=True)
class _Name:
    """The counts of one name, (periods, outlets, labels), zero in gaps; days, gaps and all its articles by period."""

    name: str
    counts: Floats
    days: pd.DataFrame
    gaps: npt.NDArray[np.bool_]


def estimated(
    daily: pd.DataFrame,
    outlet_days: pd.DataFrame,
    frames: Frames,
    *,
    by: str = "all",
    period: str = "week",
    events: Iterable[str] = (),
    compositions: Sequence[Composition] = tuple(Composition),
    wanted: Collection[str] | None = None,
    names: Collection[str] | None = None,
) -> pd.DataFrame:
    """Shares and net framing index per period with 95 % intervals; columns as in COLUMNS.

    `daily` is store.daily_frames, `outlet_days` store.outlet_collection, `events` are days. Everything is resampled by
    outlets where there are several; what `by` divides, and a press of one outlet, has Wilson's interval, as if its
    articles were independent. `wanted` and `names` may ask for some measures and names only. Every period from the
    first to the last article is in some row; those in which nothing was collected have no value.
    """
    relevant = daily[daily["articles"] > 0]
    found: list[dict[str, Any]] = []
    if len(relevant):
        # One day longer than any date at either end changes no period, so the calendar is that of the articles.
        periods = calendar(period, str(relevant["date"].min()), str(relevant["date"].max()))
        segments = np.searchsorted(sorted(set(events)), list(periods["last_day"]), side="right").astype(np.int64)
        collected = collected_periods(outlet_days, period, by)
        chosen = [one for one in measures(frames) if wanted is None or one.name in wanted]
        several = by == "all" and relevant["outlet"].nunique() > 1
        method = Method.OUTLETS if several else Method.WILSON
        for name in _names(relevant, collected, periods, frames, by, period, names):
            for composition in compositions:
                kept = name.counts[:, _panel(name.counts)] if composition is Composition.PANEL else name.counts
                for measure in chosen:
                    base = kept[:, :, list(measure.base)].sum(axis=(1, 2))
                    groups = series.pool(base, segments)
                    starts = np.flatnonzero(np.diff(groups, prepend=-1))
                    cells = _cells(np.add.reduceat(kept, starts, axis=0), composition)
                    points = series.uncorrected(cells, measure, method)
                    common = {"by": by, "name": name.name, "measure": measure.name, "method": str(method)}
                    common |= {"composition": str(composition), "correction": UNCORRECTED, "warnings": ""}
                    ends = np.append(starts[1:], len(periods)) - 1
                    for start, end, point in zip(starts, ends, points, strict=True):
                        row = _row(name, kept, periods, int(start), int(end))
                        if row is None:
                            continue
                        if isinstance(point, Estimate):
                            row |= {"value": point.value, "low": point.low, "high": point.high, "n": point.n}
                            row |= {"effective_n": point.effective_n, "reason": ""}
                        else:
                            row |= {"n": point.n, "reason": point.reason if point.n else "no article to measure"}
                        found.append(common | row)
                    for gap in np.flatnonzero(name.gaps):
                        row = _row(name, kept, periods, int(gap), int(gap), gap=True) or {}
                        found.append(common | row | {"n": 0, "reason": NOT_COLLECTED})
    rows = pd.DataFrame(found, columns=list(COLUMNS))
    rows = rows.astype(dict.fromkeys(("value", "low", "high", "effective_n"), "float64"))
    return rows.sort_values(["name", "measure", "composition", "first_day"], kind="stable", ignore_index=True)


def by_voice(
    days: pd.DataFrame,
    spoken: pd.DataFrame,
    outlet_days: pd.DataFrame,
    frames: Frames,
    *,
    period: str = "week",
    events: Iterable[str] = (),
) -> pd.DataFrame:
    """Shares of the frames in the outlets' own voice (`name` own) and of those only quoted, as `estimated` gives them.

    All are shares of all on-topic articles. `days` and `spoken` are store.period_frames("day") of everything and of the
    scope voice. Empty where nothing tells voices.
    """
    found = []
    labels = list(frames.labels)
    for voice in (OWN, QUOTED):
        mine = spoken[spoken["name"] == voice].set_index("first_day")[labels]
        if mine.empty:
            continue
        counts = mine.reindex(days["first_day"]).fillna(0).astype("int64").reset_index(drop=True)
        counts[NEITHER] = days["articles"].to_numpy() - counts.drop(columns=NEITHER).sum(axis=1)
        daily = counts.assign(date=days["first_day"].to_numpy(), articles=days["articles"].to_numpy(), outlet="")
        rows = estimated(
            daily.assign(all_articles=daily["articles"], outlet_group="", country=None),
            outlet_days,
            frames,
            period=period,
            events=events,
            compositions=(Composition.ITEMS,),
            wanted=[f"share_{name}" for name in frames.names],
        )
        found.append(rows.assign(by="voice", name=voice))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(COLUMNS))


def _names(
    relevant: pd.DataFrame,
    collected: pd.DataFrame,
    periods: pd.DataFrame,
    frames: Frames,
    by: str,
    period: str,
    wanted: Collection[str] | None,
) -> Iterator[_Name]:
    place = {day: number for number, day in enumerate(periods["first_day"])}
    columns = list(frames.labels)
    frame = relevant.assign(
        name=names_of(relevant, by),
        place=first_days(relevant["date"], period).map(place),
    )
    for name, rows in frame.groupby("name", sort=True):
        if wanted is not None and name not in wanted:
            continue
        days = collected[collected["name"] == name].set_index("first_day").drop(columns="name")
        days = days.reindex(periods["first_day"]).fillna(0).astype("int64").reset_index(drop=True)
        gaps = ((days["days"] > 0) & (days["days_missing"] == days["days"])).to_numpy(dtype=bool)
        outlets, kinds = pd.factorize(rows["outlet"], sort=True)
        counts = np.zeros((len(periods), len(kinds), len(columns)))
        np.add.at(counts, (rows["place"].to_numpy(dtype=np.int64), outlets), rows[columns].to_numpy(dtype=np.float64))
        counts[gaps] = 0
        yield _Name(str(name), counts, days, gaps)


def _panel(counts: Floats) -> npt.NDArray[np.bool_]:
    """composition.panel from counts: outlets that have an article in every period that has any."""
    present = counts.sum(axis=2) > 0
    collected = present.any(axis=1)
    return np.asarray(present[collected].all(axis=0) & collected.any())


def _cells(counts: Floats, composition: Composition) -> Cells:
    """composition.tabulate from counts, every article counted."""
    if composition is not Composition.OUTLETS:
        return Cells(counts, counts, counts)
    total = counts.sum(axis=2, keepdims=True)
    counts = np.where(total >= MIN_PER_OUTLET, counts, 0.0)
    total = np.where(total > 0, total, 1.0)
    return Cells(counts / total, counts / total**2, counts)


def _row(
    name: _Name, kept: Floats, periods: pd.DataFrame, start: int, end: int, *, gap: bool = False
) -> dict[str, Any] | None:
    """What a row says of its periods; None where it has none but gaps."""
    spoken = np.arange(start, end + 1)
    if not gap:
        spoken = spoken[~name.gaps[spoken]]
        if not len(spoken):
            return None
        told = spoken[kept[spoken].sum(axis=(1, 2)) > 0]
        # Empty periods at the ends add nothing: the row names those that its articles are of.
        spoken = told if len(told) else spoken
    start, end = int(spoken[0]), int(spoken[-1])
    inside = kept[start : end + 1]
    sums = {column: int(name.days[column].iloc[start : end + 1].sum()) for column in name.days.columns}
    return sums | {
        "first_day": periods["first_day"].iloc[start],
        "last_day": periods["last_day"].iloc[end],
        "periods": end - start + 1,
        "articles": int(inside.sum()),
        "outlets": int((inside.sum(axis=(0, 2)) > 0).sum()),
    }


def wide(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per point of a line: date (first_day), last_day, periods and so on, and each measure with _low and _high.

    `rows` are those of one name and composition, and of measures with one base: shares, or the index. They may be of
    trend.trend.
    """
    keys = ["first_day", "last_day", "periods", "articles", "outlets", "days", "days_missing", "days_partial"]
    frame = rows.drop_duplicates("first_day")[[*keys, "n", "reason"]].rename(columns={"first_day": "date"})
    for measure, part in rows.groupby("measure", sort=False):
        indexed = part.set_index("first_day")
        for column, end in (("value", ""), ("low", "_low"), ("high", "_high")):
            frame[f"{measure}{end}"] = frame["date"].map(indexed[column]).astype("float64")
    return frame.sort_values("date", ignore_index=True)
