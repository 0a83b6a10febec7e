"""How much of what outlets publish is about the topic? Reads a store, gives a DataFrame.

The denominator is every article that an outlet's own feeds listed, on topic or not: the gate's rejects are stored too.
Articles known from search feeds only count on neither side, because a search lists nothing but the topic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from . import series
from .aggregate import FROM_EVERY_FEED, calendar, first_days, names_of
from .composition import Cells
from .errors import TrendError
from .estimate import Estimate, Measure, Method

if TYPE_CHECKING:
    from .store import Store

ATTENTION = Measure("attention", (0,), (0, 1))

COLUMNS = {
    "by": "all, group, outlet, country or genre",
    "name": "of the group, outlet, country or genre; all for everything, unknown for what is not known",
    "first_day": "first day, UTC, YYYY-MM-DD",
    "last_day": "last day, UTC, YYYY-MM-DD",
    "value": "on-topic share of all articles, 0..1; missing where `reason` is not empty",
    "low": "lower end of its 95 % interval",
    "high": "upper end of its 95 % interval",
    "method": "how the interval was reached: outlets resampled, or Wilson for one outlet",
    "articles": "on-topic articles",
    "all_articles": "all articles of the same feeds",
    "outlets": "outlets with any article",
    "days_missing": "days on which nothing was collected",
    "reason": "why there is no value, in words; empty where there is one",
}
"""What each column of `attention` holds."""


def attention(
    store: Store, *, by: str = "all", period: str = "week", since: str = "", until: str = "9999"
) -> pd.DataFrame:
    """The topic's share of all items of the same feeds per period, with 95 % intervals; columns as in COLUMNS.

    Periods in which nothing was collected have no value. What is on topic is what gate and model find so. Raises
    TrendError where no feed of an outlet has listed anything.
    """
    counts = store.attention_counts(since, until, genres=by == "genre")
    if counts.empty:
        raise TrendError("holds no article of an outlet's own feed in these days", path=store.path)
    periods = calendar(period, str(counts["date"].min()), str(counts["date"].max()))
    if by == "genre" and counts["genre"].isna().all():
        raise TrendError(
            "knows the genre of no article; give feeds or outlets one in feeds.yaml (genre: comment), and run",
            path=store.path,
        )
    collection = store.period_collection(period, "all" if by in FROM_EVERY_FEED else by)
    collection = collection.set_index(["name", "first_day"])
    place = {day: number for number, day in enumerate(periods["first_day"])}
    frame = counts.assign(
        name=names_of(counts, by),
        place=first_days(counts["date"], period).map(place),
        number=pd.factorize(counts["outlet"], sort=True)[0],
    )
    found: list[dict[str, Any]] = []
    for name, rows in frame.groupby("name", sort=True):
        method = Method.OUTLETS if rows["outlet"].nunique() > 1 else Method.WILSON
        of = "all" if by in FROM_EVERY_FEED else str(name)
        days = collection.loc[[of]].droplevel("name") if of in collection.index else collection[:0]
        shape = (len(periods), int(frame["number"].max()) + 1, 2)
        sums = np.zeros(shape)
        at = rows["place"].to_numpy(dtype=np.int64), rows["number"].to_numpy(dtype=np.int64)
        np.add.at(sums[:, :, 0], at, rows["articles"].to_numpy(dtype=np.float64))
        np.add.at(sums[:, :, 1], at, (rows["all_articles"] - rows["articles"]).to_numpy(dtype=np.float64))
        points = series.uncorrected(Cells(sums, sums, sums), ATTENTION, method)
        for number, point in enumerate(points):
            first_day = periods["first_day"].iloc[number]
            told = days.loc[first_day] if first_day in days.index else None
            missing = int(told["days_missing"]) if told is not None else 0
            gap = told is not None and missing == int(told["days"])
            row = {
                "by": by,
                "name": str(name),
                "first_day": first_day,
                "last_day": periods["last_day"].iloc[number],
                "method": str(method),
                "articles": int(sums[number, :, 0].sum()),
                "all_articles": int(sums[number].sum()),
                "outlets": int((sums[number].sum(axis=1) > 0).sum()),
                "days_missing": missing,
                "reason": "",
            }
            if gap:
                row["reason"] = "not collected"
            elif isinstance(point, Estimate):
                row |= {"value": point.value, "low": point.low, "high": point.high}
            else:
                row["reason"] = point.reason if point.n else "no article was listed"
            found.append(row)
    return pd.DataFrame(found, columns=list(COLUMNS)).astype(dict.fromkeys(("value", "low", "high"), "float64"))
