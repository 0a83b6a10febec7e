"""Part of a press: some days, groups and outlets, their shares by one estimator, and the articles behind each point.

What a dashboard shows for one setting of its controls. `show` reads a store and bounds what it reads: uncorrected
shares of articles come from stored counts, and articles are read only as far as they are listed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from . import charts, estimate, shares
from .aggregate import AGGREGATES, gaps
from .errors import TrendError
from .estimate import Method
from .trend import COMPOSITIONS, COUNTINGS, ESTIMATORS, estimated, read

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from .framing import Frames
    from .store import Store
    from .trend import Press

DAYS = {"day": 1, "week": 7, "month": 30}
"""The periods, and how long they are, about."""

BREAKDOWNS = {"group": "outlet_group", "outlet": "outlet", "country": "country"}
"""What articles may be counted by, and the column that has its names."""

LISTED = 400
LEAST_LISTED = 5
"""About so many articles are listed in all, and so many of each period at least."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is asked for. Days are YYYY-MM-DD, both included; no group and no outlet stand for all.

    `estimator`, `composition` and `counting` are names of trend.py; corrected estimators need a `sample`. `place` is
    the first day of the one period whose articles are to be listed, empty for all periods.
    """

    since: str = ""
    until: str = "9999"
    groups: tuple[str, ...] = ()
    outlets: tuple[str, ...] = ()
    period: str = "week"
    estimator: str = "bootstrap"
    composition: str = "items"
    counting: str = "articles"
    sample: str | None = None
    by: str = "group"
    place: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """The articles of one point of the trend: `key` is what charts link to, `left_out` how many are not listed."""

    key: str
    first_day: str
    last_day: str
    articles: pd.DataFrame
    left_out: int


@dataclass(frozen=True, slots=True)
class Shown:
    """What there is to show. `points` has a row per point as of shares.wide, `counts` one per name of the breakdown,
    with `share_of_all`; `gaps` is of aggregate.gaps. `how` says in sentences what the shares are.
    """

    choice: Choice
    frames: Frames
    articles: int
    points: pd.DataFrame
    counts: pd.DataFrame
    gaps: pd.DataFrame
    events: pd.DataFrame
    sections: tuple[Section, ...]
    how: tuple[str, ...]


def outlets_of(daily: pd.DataFrame, groups: Iterable[str] = ()) -> list[str]:
    """The outlets of some groups that have an on-topic article, of all groups where none is named."""
    wanted = set(groups)
    kept = daily[(daily["articles"] > 0) & (daily["outlet_group"].isin(wanted) if wanted else True)]
    return sorted(set(kept["outlet"]), key=str.casefold)


def show(store: Store, choice: Choice) -> Shown:
    """Everything about a choice. Raises TrendError where it holds no on-topic article or cannot be estimated."""
    daily = store.daily_frames()
    named = set(choice.outlets or outlets_of(daily, choice.groups))
    mine = daily["outlet"].isin(named) & daily["date"].between(choice.since, choice.until)
    if choice.groups:
        mine &= daily["outlet_group"].isin(choice.groups)
    daily = daily[mine & (daily["articles"] > 0)]
    if daily.empty:
        raise TrendError("no on-topic article is of these days and outlets; choose more of them", path=store.path)
    named &= set(daily["outlet"])
    collected = store.outlet_collection()
    collected = collected[collected["outlet"].isin(named) & collected["date"].between(choice.since, choice.until)]
    rows = _estimated(store, choice, daily, collected, named)
    points = shares.wide(rows)
    counts = _counts(daily, store.frames, choice.by)
    return Shown(
        choice=choice,
        frames=store.frames,
        articles=int(daily["articles"].sum()),
        points=points,
        counts=counts,
        gaps=gaps(shares.collected_days(collected)),
        events=store.events(),
        sections=tuple(_sections(store, choice, points, named)),
        how=tuple(_how(rows)),
    )


def _estimated(
    store: Store, choice: Choice, daily: pd.DataFrame, collected: pd.DataFrame, outlets: set[str]
) -> pd.DataFrame:
    """The shares of the four labels per period: from stored counts where these are enough, else from articles."""
    composition, method = COMPOSITIONS[choice.composition], ESTIMATORS[choice.estimator]
    wanted = [f"share_{label}" for label in store.frames.labels]
    if method is Method.OUTLETS and choice.counting == "articles":
        days = store.events()["date"]
        return shares.estimated(
            daily,
            collected,
            store.frames,
            period=choice.period,
            events=days,
            compositions=(composition,),
            wanted=wanted,
        )
    if method.corrected != (choice.sample is not None):
        raise TrendError(f"{choice.estimator} and a sample do not go together", path=store.path)
    press = read(store, period=choice.period, since=choice.since, until=choice.until, sample=choice.sample)
    return estimated(
        narrowed(press, outlets, collected, method),
        method,
        compositions=(composition,),
        countings=(COUNTINGS[choice.counting],),
        wanted=wanted,
        alone=Method.WILSON if method is Method.OUTLETS else None,
    )


def narrowed(press: Press, outlets: Iterable[str], outlet_days: pd.DataFrame, method: Method) -> Press:
    """What was read, of some outlets only; `outlet_days` is store.outlet_collection of them.

    Net errors are those of these outlets' audited texts. Error rates are a property of the classifier: Rogan–Gladen
    keeps the whole audit.
    """
    named = set(outlets)
    audit = press.audit
    if audit is not None and method is Method.RECTIFIED:
        audit = audit[audit["outlet"].isin(named)].reset_index(drop=True)
        if audit.empty:
            raise TrendError(
                "no audited text is of these outlets; choose Rogan–Gladen or more outlets", path=press.path
            )
    return replace(
        press,
        labelled=press.labelled[press.labelled["outlet"].isin(named)].reset_index(drop=True),
        collection=shares.collected_periods(outlet_days, press.period, "all"),
        audit=audit,
    )


def _counts(daily: pd.DataFrame, frames: Frames, by: str) -> pd.DataFrame:
    """Who the articles are of, most first, with shares and their intervals."""
    frame = AGGREGATES[by](daily)
    frame = frame[frame["articles"] > 0].sort_values("articles", ascending=False, kind="stable", ignore_index=True)
    frame = frame.rename(columns={BREAKDOWNS[by]: "name"})
    return estimate.with_intervals(frame.assign(share_of_all=frame["articles"] / frame["articles"].sum()), frames)


def _sections(store: Store, choice: Choice, points: pd.DataFrame, outlets: set[str]) -> list[Section]:
    """The articles by point, newest first. Every article is in one section, also those of a gap."""
    listed = store.on_topic(choice.since, choice.until)
    listed = listed[listed["outlet"].isin(outlets)]
    starts = points["date"].tolist()
    place = np.maximum(np.searchsorted(starts, listed["date"].tolist(), side="right") - 1, 0)
    keys = charts.targets(points).tolist()
    asked = [number for number, day in enumerate(starts) if day == choice.place]
    kept = list(reversed(asked or range(len(starts))))
    limit = max(LEAST_LISTED, LISTED // len(kept))
    numbers = {number: listed["article_id"][place == number].tolist()[::-1] for number in kept}
    articles = store.articles_numbered(one for number in kept for one in numbers[number][:limit])
    return [
        Section(
            key=f"week-{keys[number]}",
            first_day=starts[number],
            last_day=str(points["last_day"].iloc[number]),
            articles=articles[articles["article_id"].isin(numbers[number][:limit])].reset_index(drop=True),
            left_out=max(0, len(numbers[number]) - limit),
        )
        for number in kept
        if numbers[number]
    ]


def _how(rows: pd.DataFrame) -> list[str]:
    """What the shares are, and what is to be read with them."""
    counting = rows["counting"].iloc[0] if "counting" in rows else "every article"
    methods = " and ".join(dict.fromkeys(rows["method"]))
    composition = str(rows["composition"].iloc[0])
    said = [f"{composition.capitalize()}, {counting}; {rows['correction'].iloc[0]}. 95 % intervals: {methods}."]
    if (rows["periods"] > 1).any():
        said.append(f"A point stands for several periods where one alone has fewer than {estimate.MIN_ITEMS} articles.")
    reasons = dict.fromkeys(reason for reason in rows["reason"] if reason and reason != shares.NOT_COLLECTED)
    said += [f"No value: {reason}." for reason in list(reasons)[:1]]
    return [*said, *list(dict.fromkeys(text for text in rows["warnings"] if text))[:3]]
