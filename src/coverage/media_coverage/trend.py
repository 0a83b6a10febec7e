"""Shares over time, and what events did to them, from a database: the estimators put to work.

`trend` and `effects` read a store; all estimating is done in series.py, correction.py and events.py.
Periods in which nothing was collected are gaps: they get a row without a value, and what later answers still listed of
them counts nowhere. Nothing is pooled or smoothed across an event or a phase of the audit.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from . import events, series
from .aggregate import FROM_EVERY_FEED, calendar, first_days, names_of
from .composition import Composition, Counting, Items, panel, tabulate, units
from .correction import Audit, apart
from .errors import TrendError
from .estimate import MIN_ITEMS, UNCORRECTED, Estimand, Estimate, Method, measures
from .sample import OFF_TOPIC

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .composition import Cells
    from .estimate import Measure, Missing
    from .framing import Frames
    from .store import Store

Integers = npt.NDArray[np.int64]

ESTIMATORS = {
    "wilson": Method.WILSON,
    "jeffreys": Method.JEFFREYS,
    "bootstrap": Method.OUTLETS,
    "rogan-gladen": Method.ROGAN_GLADEN,
    "rectified": Method.RECTIFIED,
}
COMPOSITIONS = {"items": Composition.ITEMS, "outlets": Composition.OUTLETS, "panel": Composition.PANEL}
COUNTINGS = {"articles": Counting.ARTICLES, "stories": Counting.STORIES}

NOT_COLLECTED = "not collected"

SHARED = "What the audit leaves uncertain in all periods together is in this interval."
"""To be said with every effect in corrected shares."""

POOLED = "No phase of the audit begins at this event, so its net error is taken to be the same before and after."
"""To be said with an effect in rectified shares whose regimes do not change at the event."""

COLUMNS = {
    "by": "all, group, outlet, country, genre or voice",
    "name": "of the group, outlet, country or genre; all for everything; by voice own or quoted",
    "first_day": "first day, UTC, YYYY-MM-DD",
    "last_day": "last day, UTC, YYYY-MM-DD",
    "periods": "periods put together, because one alone had fewer than 15 items; empty ones between count",
    "measure": "share_<label> among on-topic items, 0..1; index, the net framing index, −1..1",
    "value": "the estimate; missing where `reason` is not empty",
    "low": "lower end of its 95 % interval",
    "high": "upper end of its 95 % interval",
    "sensitivity_low": "least share that the error rates of the model card allow for; no interval; may be missing",
    "sensitivity_high": "largest such share",
    "smooth": "the smoother's level, where it was asked for; borrows from neighbours and is no estimate",
    "smooth_low": "lower end of the level's 95 % band",
    "smooth_high": "upper end of the level's 95 % band",
    "estimand": "what the value is a share of",
    "method": "how value and interval were reached",
    "correction": "the audit sample that corrects it, or that it is uncorrected",
    "composition": "item-weighted, outlet-equal or fixed panel",
    "counting": "every article, or every story once in a period",
    "n": "items behind the value: of the measure's base",
    "effective_n": "independent, rightly coded items that would give as narrow an interval",
    "audited_n": "audited items behind a correction, 0 for none",
    "articles": "on-topic articles in the row",
    "stories": "distinct stories among them",
    "outlets": "outlets among them",
    "days": "days from the first run on",
    "days_missing": "of them, days on which nothing was collected",
    "days_partial": "of them, days on which some outlet was missing",
    "collection": "full, partial, none (a gap), before the first run, or no longer collected",
    "reason": "why there is no value, in words; empty where there is one",
    "warnings": "sentences to be read with the value; may be empty",
}
"""What each column of `trend` holds."""


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """Sensitivity and specificity of one frame's output, each as a (low, high) in 0..1."""

    sensitivity: tuple[float, float]
    specificity: tuple[float, float]

    def band(self, share: float) -> tuple[float, float]:
        """The true shares that would show as `share` under any of the rates (Rogan & Gladen 1978), in 0..1."""
        found = []
        for sensitivity in self.sensitivity:
            for specificity in self.specificity:
                told = sensitivity + specificity - 1
                if told <= 0:
                    return 0.0, 1.0
                found.append(min(1.0, max(0.0, (share + specificity - 1) / told)))
        return min(found), max(found)


@dataclass(frozen=True, slots=True)
class Press:
    """What a trend is made of, taken from the store at one moment.

    `labelled` has the columns of store.labelled, `calendar` every period as first_day and last_day, `collection` those
    of v_period_collection for the scope `by`, `events` date and name. `audit` is store.audit with settled codes only,
    `phases` the days at which its phases begin.
    """

    path: str
    frames: Frames
    by: str
    period: str
    labelled: pd.DataFrame
    calendar: pd.DataFrame
    collection: pd.DataFrame
    last_collected: str
    events: pd.DataFrame
    sample: str | None = None
    audit: pd.DataFrame | None = None
    phases: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Predicted and true classes, in the order of their numbers."""
        return (*self.frames.labels, OFF_TOPIC)

    @property
    def on_topic(self) -> pd.DataFrame:
        """The articles that shares are made of."""
        return self.labelled[self.labelled["label"] != OFF_TOPIC]

    def after(self, days: Iterable[str]) -> Integers:
        """How many of `days` have come by the end of each period, (periods,)."""
        cuts = sorted(set(days))
        return np.searchsorted(cuts, list(self.calendar["last_day"]), side="right").astype(np.int64)

    @property
    def segments(self) -> Integers:
        """Changes where an event or a phase of the audit falls; a period with an event belongs to the time after."""
        return self.after([*self.events["date"], *self.phases])

    def days(self, name: str) -> pd.DataFrame:
        """days, days_missing and days_partial of each period for one name, 0 before the first run."""
        of = "all" if self.by in FROM_EVERY_FEED else name
        kept = self.collection[self.collection["name"] == of].set_index("first_day")
        columns = ["days", "days_missing", "days_partial"]
        return kept[columns].reindex(self.calendar["first_day"]).fillna(0).astype("int64").reset_index(drop=True)


def read(
    store: Store,
    *,
    by: str = "all",
    period: str = "week",
    since: str = "",
    until: str = "9999",
    sample: str | None = None,
    model_id: str | None = None,
) -> Press:
    """Read what a trend needs. Raises TrendError where nothing is on topic, or where the sample cannot correct it."""
    labelled = store.labelled(since, until, model_id=model_id, genres=by == "genre")
    if not (labelled["label"] != OFF_TOPIC).any():
        within = f" from {since} on" if since else ""
        within += f" until {until}" if until != "9999" else ""
        raise TrendError(
            f"holds no on-topic article{within}; `media-coverage status` says what there is", path=store.path
        )
    if by == "genre" and labelled["genre"].isna().all():
        raise TrendError(
            "knows the genre of no article; give feeds or outlets one in feeds.yaml (genre: comment), and run",
            path=store.path,
        )
    collection = store.period_collection(period, "all" if by in FROM_EVERY_FEED else by)
    known = store.collection()
    days = known["date"][known["feeds"] > 0]
    days = days[(days >= since) & (days <= until)]
    dates = [labelled["date"].min(), labelled["date"].max(), *([days.min(), days.max()] if len(days) else [])]
    audit = None
    phases: tuple[str, ...] = ()
    if sample is not None:
        audit, phases = _audited(store, sample, model_id)
    return Press(
        path=str(store.path),
        frames=store.frames,
        by=by,
        period=period,
        labelled=labelled,
        calendar=calendar(period, min(dates), max(dates)),
        collection=collection,
        last_collected=str(days.max()) if len(days) else "",
        events=store.events(),
        sample=sample,
        audit=audit,
        phases=phases,
    )


def _audited(store: Store, sample: str, model_id: str | None) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The settled items of an audit sample, and its phases. Raises TrendError and StoreError."""
    items = store.audit(sample)
    drawn = store.samples().set_index("sample").loc[sample]
    models = store.models()
    active = model_id or models["model_id"][models["active"] == 1].iloc[0]
    if drawn["model_id"] != active:
        raise TrendError(
            f"the sample {sample} was drawn for the model {drawn['model_id']}, and the labels shown are of {active}; "
            "draw one for it with `media-coverage sample`",
            path=store.path,
        )
    settled = items[items["truth"].notna()].reset_index(drop=True)
    if settled.empty:
        raise TrendError(
            f"the sample {sample} has no settled code yet; `media-coverage code --sample {sample}` first",
            path=store.path,
        )
    return settled, tuple(str(drawn["phases"]).split())


# ---------------------------------------------------------------------- from articles to arrays


@dataclass(frozen=True, slots=True)
class _Selection:
    """The articles of one name outside its gaps, and the days of each period."""

    name: str
    items: Items
    days: pd.DataFrame

    @property
    def gaps(self) -> npt.NDArray[np.bool_]:
        """In which periods there were runs and nothing was collected, (periods,)."""
        return _gaps(self.days)

    @property
    def collected(self) -> npt.NDArray[np.bool_]:
        """In which periods something was collected, (periods,)."""
        return (self.days["days"] > self.days["days_missing"]).to_numpy()


def _gaps(days: pd.DataFrame) -> npt.NDArray[np.bool_]:
    return ((days["days"] > 0) & (days["days_missing"] == days["days"])).to_numpy()


def _place(press: Press, dates: pd.Series[str]) -> Integers:
    """The number of the period of each day; −1 outside the calendar."""
    places = {day: number for number, day in enumerate(press.calendar["first_day"])}
    return first_days(dates, press.period).map(places).fillna(-1).to_numpy(dtype=np.int64)


def _selections(press: Press, labelled: pd.DataFrame, classes: int) -> Iterator[_Selection]:
    """The articles by name, in alphabetical order. Outlets are numbered alike for all names."""
    if labelled.empty:
        return
    frame = labelled.assign(
        name=names_of(labelled, press.by),
        place=_place(press, labelled["date"]),
        number=labelled["label"].map({label: number for number, label in enumerate(press.classes)}),
        outlet_number=pd.factorize(labelled["outlet"], sort=True)[0],
    )
    outlets = int(frame["outlet_number"].max()) + 1
    for name, rows in frame.groupby("name", sort=True):
        days = press.days(str(name))
        kept = rows[~_gaps(days)[rows["place"].to_numpy()]]
        period, number, outlet, story = (
            kept[column].to_numpy(dtype=np.int64) for column in ("place", "number", "outlet_number", "story_id")
        )
        items = Items(period, number, outlet, story, len(press.calendar), classes, outlets)
        yield _Selection(str(name), items, days)


def _audit_for(press: Press, name: str) -> Audit | None:
    """The audit for one name. Error rates come from all of it; net errors, by phase, from items of that name only."""
    found = press.audit
    if found is None:
        return None
    countries = press.labelled.drop_duplicates("outlet").set_index("outlet")["country"]
    names = names_of(found.assign(country=found["outlet"].map(countries)), press.by)
    ends = pd.concat([calendar(press.period, day, day)["last_day"] for day in found["date"]], ignore_index=True)
    phase = np.searchsorted(sorted(press.phases), list(ends), side="right")
    number = {label: place for place, label in enumerate(press.classes)}
    truth, predicted = (
        np.array([number[label] for label in found[column]], dtype=np.int64) for column in ("truth", "label")
    )
    regime = np.where(names.to_numpy() == name, phase, -1).astype(np.int64)
    return Audit(truth, predicted, found["inclusion"].to_numpy(dtype=np.float64), regime)


def _regimes(press: Press, items: Items) -> Integers:
    return np.repeat(press.after(press.phases)[:, None], items.outlets, axis=1)


# ---------------------------------------------------------------------- trend


def trend(
    store: Store,
    *,
    by: str = "all",
    period: str = "week",
    estimator: str | None = None,
    composition: str | None = None,
    counting: str | None = None,
    measure: Sequence[str] | None = None,
    since: str = "",
    until: str = "9999",
    sample: str | None = None,
    estimand: Estimand = Estimand.TENDENCY,
    smooth: bool = False,
    rates: Mapping[str, ErrorRates] | None = None,
) -> pd.DataFrame:
    """Shares and net framing index per period with 95 % intervals, one row each; columns as in COLUMNS.

    `by` is all, group, outlet, country or genre (voices.py has the voices); `period` day, week or month; `estimator`
    one of ESTIMATORS. Without a `sample` it is bootstrap (wilson for one outlet alone), and uncorrected; with one
    rectified, or rogan-gladen for outlets, of which few have enough audited items of their own. `composition` (items,
    outlets, panel) and `counting` (articles, stories) give all of them by default; a single outlet has only items.
    `measure` names measures, all by default. `since` and `until` are days, both included. `rates` by frame name add the
    sensitivity band to uncorrected shares.

    Raises TrendError where there is nothing to estimate from, and ValueError for names that are not known.
    """
    by_default = estimator is None
    if estimator is None:
        uncorrected, corrected = ("wilson", "rogan-gladen") if by == "outlet" else ("bootstrap", "rectified")
        estimator = uncorrected if sample is None else corrected
    method = ESTIMATORS[estimator]
    if method.corrected and sample is None:
        raise TrendError(
            f"{estimator} corrects by an audit: name a sample that people have coded with --sample", path=store.path
        )
    if not method.corrected and sample is not None:
        raise TrendError(f"{estimator} makes no use of a sample: leave out --sample or the estimator", path=store.path)
    press = read(store, by=by, period=period, since=since, until=until, sample=sample)
    return estimated(
        press,
        method,
        compositions=_asked(COMPOSITIONS, "items" if by == "outlet" else composition),
        countings=_asked(COUNTINGS, counting),
        wanted=measure,
        estimand=estimand,
        smooth=smooth,
        rates=rates or {},
        alone=Method.WILSON if by_default and not method.corrected else method,
    )


def _asked(known: Mapping[str, Any], name: str | None) -> tuple[Any, ...]:
    if name is None:
        return tuple(known.values())
    if name not in known:
        raise ValueError(f"{name!r} is not known; known: {', '.join(known)}")
    return (known[name],)


def measures_of(frames: Frames, wanted: Sequence[str] | None = None) -> list[Measure]:
    """The measures of these names, all by default. Raises ValueError for one that there is not."""
    known = {measure.name: measure for measure in measures(frames)}
    for name in wanted or ():
        if name not in known:
            raise ValueError(f"no measure is called {name!r}; known: {', '.join(known)}")
    return [known[name] for name in wanted or known]


def estimated(
    press: Press,
    method: Method,
    *,
    compositions: Sequence[Composition] = tuple(Composition),
    countings: Sequence[Counting] = tuple(Counting),
    wanted: Sequence[str] | None = None,
    estimand: Estimand = Estimand.TENDENCY,
    smooth: bool = False,
    rates: Mapping[str, ErrorRates] | None = None,
    alone: Method | None = None,
) -> pd.DataFrame:
    """The rows of `trend` from what was read; `alone` is the method for names with one outlet only."""
    labelled = press.labelled if method.corrected else press.on_topic
    classes = len(press.classes) if method.corrected else len(press.frames.labels)
    chosen = measures_of(press.frames, wanted)
    found: list[dict[str, Any]] = []
    for selection in _selections(press, labelled, classes):
        audit = _audit_for(press, selection.name) if method.corrected else None
        lines = series.lines(
            selection.items,
            chosen,
            segments=press.segments,
            audit=audit,
            regimes=_regimes(press, selection.items) if audit else None,
            methods=(alone or method if len(np.unique(selection.items.outlet)) == 1 else method,),
            compositions=compositions,
            countings=countings,
        )
        by_name = {measure.name: measure for measure in chosen}
        for line in lines:
            if not method.corrected or line.estimand is estimand:
                found += _rows(press, selection, line, by_name[line.measure], smooth, rates or {})
    return as_columns(found)


def as_columns(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows as a frame with COLUMNS; numbers that a row does not have are missing."""
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    numbers = "value low high sensitivity_low sensitivity_high smooth smooth_low smooth_high effective_n".split()
    return frame.astype(dict.fromkeys(numbers, "float64"))


def _rows(
    press: Press,
    selection: _Selection,
    line: series.Line,
    measure: Measure,
    smooth: bool,
    rates: Mapping[str, ErrorRates],
) -> list[dict[str, Any]]:
    """The rows of one line: its points, and a row for each gap, by date."""
    audited = line.method.corrected
    common = {
        "by": press.by,
        "name": selection.name,
        "measure": line.measure,
        "estimand": str(line.estimand),
        "method": str(line.method),
        "correction": f"corrected by the audit sample {press.sample}" if audited else UNCORRECTED,
        "composition": str(line.composition),
        "counting": str(line.counting),
        "audited_n": 0,
        "reason": "",
        "warnings": "",
    }
    items = selection.items
    kept = items.predicted < len(press.frames.labels)  # what is off topic is counted for a correction only
    empty_panel = False
    if line.composition is Composition.PANEL:
        staying = panel(items)
        empty_panel = not staying.any()
        kept &= staying[items.outlet]
    told, all_told = _Told.of(items.only(kept)), _Told.of(items)
    parts = press.segments[[start for start, _ in line.spans]]
    level = series.smooth(line.points, measure, parts) if smooth else None
    frame_of = {f"share_{name}": name for name in press.frames.names}
    found = []
    for number, ((first, last), point) in enumerate(zip(line.spans, line.points, strict=True)):
        span = _periods_told(selection, (told, all_told), first, last)
        if span is None:
            continue
        start, end = span
        row = common | _span(press, selection, told, start, end)
        if isinstance(point, Estimate):
            row |= {"value": point.value, "low": point.low, "high": point.high, "n": point.n}
            row |= {"effective_n": point.effective_n, "audited_n": point.audited_n}
            row["warnings"] = " ".join([*(f"{sentence(said)}" for said in point.warnings), *_also(press, end)])
            share_of = frame_of.get(line.measure, "")
            if not audited and share_of in rates:
                row["sensitivity_low"], row["sensitivity_high"] = rates[share_of].band(point.value)
        else:
            row |= {"n": point.n, "reason": _why(point, empty_panel)}
        if level is not None:
            columns = ("smooth", "smooth_low", "smooth_high")
            row |= dict(zip(columns, (level.values[number], level.low[number], level.high[number]), strict=True))
        found.append(row)
    empty = {"n": 0, "reason": NOT_COLLECTED}
    found += [common | _span(press, selection, told, t, t) | empty for t in np.flatnonzero(selection.gaps).tolist()]
    return sorted(found, key=lambda row: str(row["first_day"]))


@dataclass(frozen=True, slots=True)
class _Told:
    """The articles that rows are about, oldest first: numbers of their periods, outlets and stories, (articles,)."""

    period: Integers
    outlet: Integers
    story: Integers

    @classmethod
    def of(cls, items: Items) -> _Told:
        order = np.argsort(items.period, kind="stable")
        return cls(items.period[order], items.outlet[order], items.story[order])

    def within(self, first: int, last: int) -> slice:
        """Where the articles of the periods from `first` to `last` are."""
        start, end = np.searchsorted(self.period, [first, last + 1])
        return slice(int(start), int(end))


def _periods_told(selection: _Selection, told: Iterable[_Told], first: int, last: int) -> tuple[int, int] | None:
    """Of the periods from `first` to `last` those that a row is about, None where nothing is known of any.

    Empty periods at the ends add nothing, so a row names those that its articles are of; where it has none, those of
    all articles of the name, and at last those in which something was collected.
    """
    for articles in told:
        inside = articles.period[articles.within(first, last)]
        if len(inside):
            return int(inside[0]), int(inside[-1])
    collected = first + np.flatnonzero(selection.collected[first : last + 1])
    return (int(collected[0]), int(collected[-1])) if len(collected) else None


def _why(point: Missing, empty_panel: bool) -> str:
    if empty_panel:
        return "no outlet has an item in every period"
    return point.reason if point.n else "no item to measure"


def sentence(text: str) -> str:
    """Words as a sentence: a capital first, a full stop last."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _also(press: Press, end: int) -> list[str]:
    last = str(press.calendar["last_day"].iloc[end])
    said = []
    if press.last_collected and last > press.last_collected:
        said.append(f"The period goes on until {last}, and the last run was on {press.last_collected}.")
    if press.audit is not None and (press.audit["coders"] < 2).any():
        single = int((press.audit["coders"] < 2).sum())
        said.append(f"Of {len(press.audit)} audited texts, {single} were coded by one person only.")
    return said


def _span(press: Press, selection: _Selection, told: _Told, start: int, end: int) -> dict[str, Any]:
    inside = told.within(start, end)
    days, missing, partial = selection.days.to_numpy()[start : end + 1].sum(axis=0).tolist()
    word = "full"
    if not days:
        later = bool((selection.days["days"].iloc[:start] > 0).any())
        word = "no longer collected" if later else "before the first run" if press.last_collected else "full"
    elif missing == days:
        word = "none"
    elif missing or partial:
        word = "partial"
    return {
        "first_day": press.calendar["first_day"].iloc[start],
        "last_day": press.calendar["last_day"].iloc[end],
        "periods": end - start + 1,
        "articles": inside.stop - inside.start,
        "stories": len(np.unique(told.story[inside])),
        "outlets": len(np.unique(told.outlet[inside])),
        "days": days,
        "days_missing": missing,
        "days_partial": partial,
        "collection": word,
    }


# ---------------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class Found:
    """What one event did to one measure under one name: the effect, its rank among other dates, and its q-value over
    the names; q is None where the effect could not be estimated.
    """

    name: str
    measure: str
    correction: str
    estimand: str
    effect: events.Effect
    placebo: events.Placebo
    q: float | None


def shares(
    press: Press, measure: Measure, method: Method, composition: Composition, counting: Counting
) -> dict[str, events.Series]:
    """One series for tests per name: a share of 0..1 per day or week, gaps and empty periods missing.

    Corrected periods stand with draws of the correction; those with fewer than 15 items are missing.
    """
    if press.period not in {"day", "week"}:
        raise ValueError("tests take periods of one length: days or weeks")
    labelled = press.labelled if method.corrected else press.on_topic
    classes = len(press.classes) if method.corrected else len(press.frames.labels)
    starts = [dt.date.fromisoformat(day) for day in press.calendar["first_day"]]
    length = 7 if press.period == "week" else 1
    found = {}
    for selection in _selections(press, labelled, classes):
        items = selection.items
        if composition is Composition.PANEL:
            items = items.only(panel(items)[items.outlet])
        cells = tabulate(items, composition, counting)
        framed = units(items, counting) * np.isin(items.predicted, measure.base)
        base = np.bincount(items.period, weights=framed, minlength=items.periods).astype(np.float64)
        base = np.where(cells.weight.sum(axis=(1, 2)) > 0, base, 0.0)
        if method.corrected:
            found[selection.name] = _corrected(press, selection, cells, base, measure, method, starts, length)
            continue
        roles, _ = measure.roles(classes)
        grouped = cells.collapsed(roles)
        total = grouped.weight[:, :, :2].sum(axis=(1, 2))
        # A mix of outlets weighs: shares by weight, and the items behind them by their number.
        positive = np.divide(grouped.weight[:, :, 0].sum(axis=1), total, out=np.zeros(len(total)), where=total > 0)
        found[selection.name] = events.counts(starts, np.minimum(positive * base, base), base, length)
    return found


def _corrected(
    press: Press,
    selection: _Selection,
    cells: Cells,
    items: npt.NDArray[np.float64],
    measure: Measure,
    method: Method,
    starts: Sequence[dt.date],
    days: int,
) -> events.Series:
    """Corrected shares with draws of the correction; periods with fewer than 15 items are missing."""
    audit = _audit_for(press, selection.name)
    assert audit is not None  # noqa: S101 - a corrected method comes with a sample
    taken = apart(cells, audit, measure, method, regimes=_regimes(press, selection.items))
    found = events.audited(starts, taken.share, np.where(items >= MIN_ITEMS, items, 0.0), taken.common, days)
    reasons = [reason for reason in taken.reasons if reason]
    return replace(found, why=sentence(reasons[0])) if reasons else found


def effects(
    store: Store,
    *,
    by: str = "all",
    period: str = "week",
    estimator: str | None = None,
    measure: Sequence[str] | None = None,
    composition: str = "items",
    counting: str = "articles",
    since: str = "",
    until: str = "9999",
    sample: str | None = None,
    before: int | None = None,
    after: int | None = None,
    model: str = "level",
    event: str | None = None,
) -> list[Found]:
    """For each event of feeds.yaml, each measure and each name: did the share change by more than it does anyway?

    By default the shares of both frames; `event` asks for the one with that name or date only. `before` and `after` are
    windows in periods, `model` is one of events.MODELS. Without a sample the shares are those of labels. Effects of the
    index are in points of its share p. Raises TrendError where feeds.yaml names no event, or not this one.
    """
    estimator = estimator or ("rectified" if sample else "wilson")
    method = ESTIMATORS[estimator]
    if method.corrected != (sample is not None):
        raise TrendError(f"{estimator} and a sample do not go together; leave one of them out", path=store.path)
    press = read(store, by=by, period=period, since=since, until=until, sample=sample)
    if press.events.empty:
        raise TrendError("knows no event; list some under topic.events in feeds.yaml, and run", path=store.path)
    known = events_of(press)
    asked = known if event is None else [chosen_event(press, event)]
    chosen = measures_of(press.frames, measure or [f"share_{name}" for name in press.frames.names])
    correction = f"corrected by the audit sample {sample}" if sample else UNCORRECTED
    found = []
    for one in chosen:
        lines = shares(press, one, method, COMPOSITIONS[composition], COUNTINGS[counting])
        for one_event in asked:
            each = {
                name: events.effect(line, one_event, before=before, after=after, model=model, others=known)
                for name, line in lines.items()
            }
            if sample is not None:
                said = (
                    SHARED,
                    *(
                        ()
                        if one_event.date.isoformat() in press.phases or method is not Method.RECTIFIED
                        else (POOLED,)
                    ),
                )
                each = {
                    name: replace(one_effect, notes=(*one_effect.notes, *said)) for name, one_effect in each.items()
                }
            for adjusted in events.across(each):
                placebo = events.placebo(lines[adjusted.group], one_event, before=before, after=after, model=model)
                found.append(
                    Found(
                        name=adjusted.group,
                        measure=one.name,
                        correction=correction,
                        estimand=str(Estimand.TENDENCY),
                        effect=adjusted.effect,
                        placebo=placebo,
                        q=adjusted.q,
                    )
                )
    return found


@dataclass(frozen=True, slots=True)
class NamedDay:
    """An event: the day it happened, and what it is called."""

    date: dt.date
    name: str


def events_of(press: Press) -> list[NamedDay]:
    """The events of the topic by date."""
    return [NamedDay(dt.date.fromisoformat(date), name) for date, name in press.events[["date", "name"]].to_numpy()]


def chosen_event(press: Press, wanted: str | None = None) -> NamedDay:
    """The event with this name or date; by default the one with most articles on its thinner side.

    Where no event lies within the data, that is the beginning of their second half. Raises TrendError for one that is
    not known.
    """
    known = events_of(press)
    if wanted is not None:
        named = [event for event in known if wanted in {event.name, event.date.isoformat()}]
        if not named:
            listed = ", ".join(f"{event.name} ({event.date})" for event in known) or "none"
            raise TrendError(f"knows no event {wanted!r}; feeds.yaml lists: {listed}", path=press.path)
        return named[0]
    first, last = str(press.calendar["first_day"].iloc[0]), str(press.calendar["last_day"].iloc[-1])
    inside = [event for event in known if first < event.date.isoformat() <= last]
    if inside:
        days = sorted(press.on_topic["date"])
        return max(inside, key=lambda event: _smaller_side(days, event.date.isoformat()))
    middle = press.calendar["first_day"].iloc[len(press.calendar) // 2]
    return NamedDay(dt.date.fromisoformat(middle), "second half of the data")


def _smaller_side(days: list[str], day: str) -> int:
    """Articles before or from a day on, whichever are fewer."""
    before = bisect_left(days, day)
    return min(before, len(days) - before)
