"""Did the share move at an event by more than it moves anyway? Pure functions of shares per period.

Periods near each other resemble each other, so tests that take articles as independent draws see effects where
there are none. Here the usual movement of the series itself is the yardstick. What is found is a difference between
before and after: that the event caused it, no test on one series can say.

An answer that the data cannot carry is a reason in words, never NaN and never an exception. ValueError means a
mistake of the caller: arrays of different lengths, more hits than items, dates off the grid or out of order.
"""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from .calibration import sigmoid
from .estimate import MIN_ITEMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

LEVEL = 0.05
"""Of the tests; the intervals are 95 % intervals to match."""

MIN_PERIODS = 6
"""Fewer periods with data than this on either side show no usual movement to compare with."""

LEAST_ERROR = 1e-4
"""No estimated share is taken to be known better than this."""

RESAMPLES = 1999
SEED = 20260203

MODELS = {"level": (False, False), "trend": (True, False), "slope": (True, True)}
"""Segmented regressions: (a trend through all periods, a change of slope at the event); each has a change of level."""

_NO_MOVEMENT = "The shares do not vary within the two sides, so there is no usual movement to compare with."


class Event(Protocol):
    """Anything with a day and a name, such as an event of feeds.yaml."""

    @property
    def date(self) -> dt.date: ...

    @property
    def name(self) -> str: ...


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Shares per period, oldest first; periods without data are absent.

    `position` counts periods from `origin`, the first start; `share` is in 0..1; `items` the items behind it, or as
    many as would make its standard error. A period is `days` long. `common` (draws, periods), where there is any, are
    the shares under draws of what is uncertain in all periods together, such as an audit's error rates. `why` says why
    there are no data, where there are none.
    """

    origin: dt.date
    days: int
    position: Indices
    share: Array
    items: Array
    common: Array | None = None
    why: str = "There are no data."

    @property
    def unit(self) -> str:
        """What a period is called, in the plural."""
        return {1: "days", 7: "weeks"}.get(self.days, f"periods of {self.days} days")

    def start(self, position: int) -> dt.date:
        """The first day of a period."""
        return self.origin + dt.timedelta(days=int(position) * self.days)

    def last_day(self, position: int) -> dt.date:
        """The last day of a period."""
        return self.start(position + 1) - dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Side:
    """The periods before or after: how many have data and how many have none, the first day of the first and of the
    last with data, their items, and the share of all their items together in 0..1.
    """

    periods: int
    missing: int
    first: dt.date
    last: dt.date
    items: float
    share: float


@dataclass(frozen=True, slots=True)
class Change:
    """The change of the share at the event in percentage points, with its 95 % interval, and how it was found.

    `p` is the bootstrap's, two-sided; it is at most .05 exactly where the interval leaves out 0. `ratio` is the
    change in units of its standard error, and `critical` the size that 5 % of the resamples reach without an event.
    `dispersion` is Pearson's X² per degree of freedom (1 where only the chance of single items is at work), `block`
    the block length in periods. `common` is the part of the standard error, in points, that comes from what is
    uncertain in all periods together.
    """

    points: float
    low: float
    high: float
    p: float
    ratio: float
    critical: float
    dispersion: float
    block: int
    resamples: int
    common: float = 0.0

    @property
    def distinguishable(self) -> bool:
        """From the usual movement, at the 5 % level."""
        return self.p <= LEVEL


@dataclass(frozen=True, slots=True)
class Effect:
    """What happened to the share at an event. Either `change` or `reason` is None.

    The sides are there as soon as both have data, even where nothing more can be said.
    """

    name: str
    date: dt.date
    model: str
    unit: str
    before: Side | None
    after: Side | None
    change: Change | None
    reason: str | None
    notes: tuple[str, ...] = ()

    def sentence(self, subject: str = "the share") -> str:
        """The result in words, with its uncertainty and what limits it."""
        start = f"{self.name} ({self.date}): "
        if self.change is None or self.before is None or self.after is None:
            return f"{start}no estimate. {self.reason}"
        found = self.change
        raw = (
            f"{subject} was {_percent(self.before.share)} in the {self.before.periods} {self.unit} before and "
            f"{_percent(self.after.share)} in the {self.after.periods} {self.unit} after"
        )
        what = "a change of" if self.model == "level" else "at the event, beside a straight trend, a change of"
        size = f"{what} {_points(found.points)} points [{_points(found.low)} to {_points(found.high)}]"
        if found.distinguishable:
            verdict = f"more than the usual movement between {self.unit} ({_p(found.p)}), whatever its cause"
        else:
            verdict = f"not distinguishable from the usual movement between {self.unit} ({_p(found.p)})"
        return " ".join([f"{start}{raw}; {size}, {verdict}.", *self.notes])


@dataclass(frozen=True, slots=True)
class Placebo:
    """The event among all other dates at which the same test can be made. Either `rank` and `p` or `reason` is None.

    `rank` 1 is the change that stands out most; `p` the share of the dates, the event's own included, at which the
    change stands out at least as much. Neighbouring dates share most of their data, so `p` is a description and no
    exact test.
    """

    name: str
    dates: int
    rank: int | None
    p: float | None
    reason: str | None

    def sentence(self) -> str:
        """The rank in words."""
        if self.rank is None or self.p is None:
            return f"{self.name}: not compared with other dates. {self.reason}"
        larger = self.rank - 1
        others = {0: "no other date shows", 1: "1 other date shows"}.get(larger, f"{larger} other dates show")
        return (
            f"{self.name}: of the {self.dates} dates at which the same can be asked, {others} a change that stands out "
            f"more (placebo p = {self.p:.2f}; the least possible is {1 / self.dates:.2f})."
        )


@dataclass(frozen=True, slots=True)
class Adjusted:
    """The effect in one group, with its q-value: the false discovery rate at which it would just be called real.

    `q` is None where the effect could not be estimated.
    """

    group: str
    effect: Effect
    q: float | None


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """Exploratory: the start of the period at which the share seems to change, with a 95 % interval of that date.

    `before` and `after` are the shares of the stretches on both sides, in 0..1.
    """

    date: dt.date
    low: dt.date
    high: dt.date
    before: float
    after: float

    def sentence(self) -> str:
        """The finding in words; it says that it is none of a test."""
        return (
            f"Exploratory: the series reads as {_percent(self.before)} until {self.date} and {_percent(self.after)} "
            f"from then on (date between {self.low} and {self.high}). The date was chosen by looking at the data, so "
            f"this is a description and no test."
        )


@dataclass(frozen=True, slots=True)
class Exploration:
    """Exploratory change points by date; `reason` says why there are none, where there are none."""

    points: tuple[ChangePoint, ...]
    reason: str | None


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _points(value: float) -> str:
    text = f"{value:+.1f}".replace("-", "−")
    return "0.0" if text in {"+0.0", "−0.0"} else text


def _series(starts: Sequence[dt.date], share: Array, items: Array, days: int, common: Array | None = None) -> Series:
    offsets = np.array([(start - starts[0]).days for start in starts], dtype=np.intp)
    if days < 1 or len(offsets) != len(share) or len(share) != len(items):
        raise ValueError("one start, one share and one number of items for each period of at least a day")
    if np.any(offsets % days) or np.any(np.diff(offsets) <= 0):
        raise ValueError(f"the periods must start whole multiples of {days} days apart, the oldest first, each once")
    kept = items > 0
    together = None if common is None else common[:, kept]
    return Series(starts[0] if starts else dt.date.min, days, offsets[kept] // days, share[kept], items[kept], together)


def counts(starts: Sequence[dt.date], k: Sequence[int] | Array, n: Sequence[int] | Array, days: int = 7) -> Series:
    """A series of k items with the frame among n, per period of `days` days.

    Periods with n = 0, and those whose counts are no numbers (NaN), are missing.
    """
    hits, items = np.asarray(k, dtype=np.float64), np.asarray(n, dtype=np.float64)
    if hits.shape == items.shape:
        unknown = np.isnan(hits) | np.isnan(items)
        hits, items = np.where(unknown, 0.0, hits), np.where(unknown, 0.0, items)
    if hits.shape != items.shape or not np.all((hits >= 0) & (hits <= items)):
        raise ValueError("k must be between 0 and n in every period")
    return _series(starts, hits / np.maximum(items, 1), items, days)


def corrected(
    starts: Sequence[dt.date], shares: Sequence[float] | Array, errors: Sequence[float] | Array, days: int = 7
) -> Series:
    """A series of estimated shares with standard errors, both in 0..1, such as shares corrected by an audit.

    A share weighs as much as that number of items whose binomial standard error it has, at the mean share of the
    series. Periods whose share or error is no number, or whose error is not above 0, are missing. The periods' errors
    count as independent; for what an audit gets wrong in all periods together see `audited`.
    """
    share, error = np.asarray(shares, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    if share.shape != error.shape:
        raise ValueError("one standard error for each share")
    known = np.isfinite(share) & np.isfinite(error) & (error > 0)
    share = np.where(known, np.clip(share, 0, 1), 0.0)
    precision = np.where(known, np.maximum(np.where(known, error, 1.0), LEAST_ERROR) ** -2.0, 0.0)
    mean = float(precision @ share / precision.sum()) if known.any() else 0.0
    # A mean of exactly 0 or 1 would make every period weightless; such a series is refused later, for what it is.
    variance = mean * (1 - mean) or 0.25
    return _series(starts, share, variance * precision, days)


def audited(
    starts: Sequence[dt.date],
    shares: Sequence[float] | Array,
    items: Sequence[float] | Array,
    common: Array,
    days: int = 7,
) -> Series:
    """A series of shares corrected by one audit: in 0..1, with the items behind each, weighing as much as these.

    `common` (draws, periods) are the shares under draws of the correction, each made once for all periods. Periods
    whose share is no number, or that have no item, are missing.
    """
    share, n, drawn = (np.asarray(part, dtype=np.float64) for part in (shares, items, common))
    if share.shape != n.shape or drawn.shape[1:] != share.shape:
        raise ValueError("one number of items and one column of draws for each share")
    known = np.isfinite(share) & np.isfinite(drawn).all(axis=0) & (n > 0)
    share, drawn = np.where(known, np.clip(share, 0, 1), 0.0), np.where(known, np.clip(drawn, 0, 1), 0.0)
    return _series(starts, share, np.where(known, n, 0.0), days, drawn)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A quasi-binomial regression: coefficients (p,), their covariance (p, p), and the dispersion that is in it."""

    coefficients: Array
    covariance: Array
    dispersion: float


def _information(mean: Array, items: Array, design: Array) -> Array:
    weight = items * mean * (1 - mean)
    width = design.shape[1]
    products = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    # The ridge is far below what data weigh; it keeps resamples apart from a division by zero.
    return np.asarray((weight @ products).reshape(*weight.shape[:-1], width, width) + 1e-9 * np.eye(width))


def _regress(share: Array, items: Array, design: Array, steps: int = 40) -> tuple[Array, Array, bool]:
    """(coefficients, fitted shares, settled) of logistic regressions on one design, one for each row of `share`.

    Fisher scoring with a bounded step; the linear predictor stays within ±15, so that a side of nothing but zeros
    ends there instead of running away.
    """
    pooled = np.clip((share @ items) / items.sum(), 1e-6, 1 - 1e-6)
    coefficients = np.zeros((*share.shape[:-1], design.shape[1]))
    coefficients[..., 0] = np.log(pooled / (1 - pooled))
    mean = np.broadcast_to(pooled[..., None], share.shape)
    for _ in range(steps):
        slope = ((share - mean) * items) @ design
        step = np.linalg.solve(_information(mean, items, design), slope[..., None])[..., 0]
        moved = np.abs(step @ design.T)
        step = step / np.maximum(1.0, moved.max(axis=-1, keepdims=True) / 3)
        coefficients = coefficients + step
        mean = sigmoid(np.clip(coefficients @ design.T, -15, 15))
        if float(np.max(moved * mean * (1 - mean))) < 1e-6:  # the next step would be its square
            return coefficients, mean, True
    return coefficients, mean, False


def quasi_binomial(share: Array, items: Array, design: Array) -> Fit:
    """Logistic regression of shares (T,) on a design (T, p), weighted by items (T,); needs T > p.

    The dispersion is Pearson's X² over T − p (McCullagh and Nelder 1989, chapter 4).
    """
    coefficients, mean, _ = _regress(share, items, design)
    dispersion = float(np.sum(items * (share - mean) ** 2 / (mean * (1 - mean))) / (len(share) - design.shape[1]))
    covariance = dispersion * np.linalg.inv(_information(mean, items, design))
    return Fit(coefficients, np.asarray(covariance, dtype=np.float64), dispersion)


def block_length(periods: int) -> int:
    """Periods per block: 1.6 · T^(1/3), rounded, at most a quarter of the series and at least 2.

    The order T^(1/3) is that of Künsch (1989). With a smaller factor the test says yes too often in series of half a
    year; with fewer than four blocks a series has too few ways to be put together anew (benchmarks/type_one.py).
    """
    return max(2, min(round(1.6 * float(np.cbrt(periods))), periods // 4))


def _blocks(periods: int, block: int, resamples: int, rng: np.random.Generator) -> Indices:
    """(resamples, periods): which residual goes where, in moving blocks."""
    starts = rng.integers(0, periods - block + 1, (resamples, -(-periods // block)))
    return np.asarray((starts[..., None] + np.arange(block)).reshape(resamples, -1)[:, :periods], dtype=np.intp)


def _resampled(mean: Array, residuals: Array, items: Array, drawn: Indices) -> Array:
    """Shares (resamples, T) made of fitted ones and of Pearson residuals in a new order."""
    centred = residuals - residuals.mean()
    return np.asarray(np.clip(mean + centred[drawn] * np.sqrt(mean * (1 - mean) / items), 0, 1), dtype=np.float64)


def _pearson(share: Array, mean: Array, items: Array) -> Array:
    return np.asarray((share - mean) * np.sqrt(items / (mean * (1 - mean))), dtype=np.float64)


def _effect(share: Array, items: Array, design: Array, jump: int, block: int) -> tuple[Array, Array, bool]:
    """(change of the share at the event, its standard error, settled) for each row of `share`; column `jump` of the
    design is the change of level.

    The variance adds up the periods' influences with Bartlett weights up to block − 1 periods apart, those that blocks
    of that length have themselves (Götze and Künsch 1996), and so needs no dispersion.
    """
    coefficients, mean, settled = _regress(share, items, design)
    without = np.eye(design.shape[1])[0]
    with_it = without + np.eye(design.shape[1])[jump]
    low, high = sigmoid(coefficients @ without), sigmoid(coefficients @ with_it)
    gradient = (high * (1 - high))[..., None] * with_it - (low * (1 - low))[..., None] * without
    direction = np.linalg.solve(_information(mean, items, design), gradient[..., None])[..., 0]
    influence = (direction @ design.T) * items * (share - mean)
    variance = np.sum(influence**2, axis=-1)
    for lag in range(1, block):
        variance += 2 * (1 - lag / block) * np.sum(influence[..., lag:] * influence[..., :-lag], axis=-1)
    periods, width = design.shape
    return high - low, np.sqrt(np.maximum(variance, 0) * periods / (periods - width)), settled


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """A series around an event: `time` in periods since the event, `after` 1 from the event on and 0 before it.

    `halved` names the sides that got half an item of each kind; `inner` says that the event fell inside a period;
    `common` is that of the series.
    """

    share: Array
    items: Array
    time: Array
    after: Array
    halved: tuple[str, ...]
    inner: bool
    common: Array | None

    def design(self, model: str) -> tuple[Array, int]:
        """(T, p) columns, and which of them is the change of level. Those before it are what holds without an event."""
        trend, slope = MODELS[model]
        columns = [np.ones_like(self.time)]
        columns += [self.time] if trend else []
        jump = len(columns)
        columns += [self.after, *([self.time * self.after] if slope else [])]
        return np.stack(columns, axis=1), jump


def _side(series: Series, chosen: npt.NDArray[np.bool_], first: int, last: int) -> Side | None:
    """The chosen periods between two positions, both included; None where none has data."""
    position, items = series.position[chosen], series.items[chosen]
    if not len(position):
        return None
    share = min(1.0, float(items @ series.share[chosen] / items.sum()))  # rounding must not push it outside
    missing = last - first + 1 - len(position)
    return Side(
        len(position), missing, series.start(position[0]), series.start(position[-1]), float(items.sum()), share
    )


def _cut(
    series: Series, on: dt.date, before: int | None, after: int | None
) -> tuple[Side | None, Side | None, _Cut | str]:
    """The sides, and the data around a date or the reason why there are too few."""
    if not len(series.position):
        return None, None, series.why
    elapsed = (on - series.origin).days
    start, end = int(series.position[0]), int(series.position[-1])
    # The period in which the event falls belongs to neither side, unless it begins with the event.
    last_before, first_after = elapsed // series.days - 1, -(-elapsed // series.days)
    if first_after < start or first_after > end + 1:
        return None, None, f"The event is outside the data, {series.start(start)} to {series.last_day(end)}."
    first_before = start if before is None else max(start, last_before - before + 1)
    last_after = end if after is None else min(end, first_after + after - 1)
    was = (series.position >= first_before) & (series.position <= last_before)
    now = (series.position >= first_after) & (series.position <= last_after)
    left, right = _side(series, was, first_before, last_before), _side(series, now, first_after, last_after)
    if problem := _too_few(left, "before", series.unit) or _too_few(right, "after", series.unit):
        return left, right, problem
    inside = was | now
    share, items = series.share[inside].copy(), series.items[inside].copy()
    if float(np.ptp(share)) == 0:
        return left, right, f"The share is {_percent(float(share[0]))} in every period, so there is no usual movement."
    halved = []
    for which, word in ((was[inside], "before"), (now[inside], "after")):
        if np.all(share[which] == 0) or np.all(share[which] == 1):
            # Haldane 1956 and Anscombe 1956: half an item of each kind, spread over the side.
            more = items[which] / items[which].sum()
            share[which] = (share[which] * items[which] + more / 2) / (items[which] + more)
            items[which] += more
            halved.append(word)
    time = np.asarray(series.position[inside] - elapsed / series.days, dtype=np.float64)
    inner = last_before + 1 < first_after
    common = None if series.common is None else series.common[:, inside]
    return left, right, _Cut(share, items, time, now[inside].astype(np.float64), tuple(halved), inner, common)


def _too_few(side: Side | None, word: str, unit: str) -> str | None:
    periods, items = (side.periods, side.items) if side else (0, 0.0)
    if periods < MIN_PERIODS:
        return f"Only {periods} {unit} with data {word} the event; {MIN_PERIODS} are needed."
    if items < MIN_ITEMS:
        return f"Only {items:.0f} items {word} the event; {MIN_ITEMS} are needed."
    return None


def _notes(series: Series, event: Event, sides: tuple[Side, Side], cut: _Cut, others: Sequence[Event]) -> list[str]:
    left, right = sides
    notes = []
    if missing := left.missing + right.missing:
        notes.append(f"Left out for want of data: {missing} of the {series.unit}.")
    if cut.inner:
        notes.append("The period in which the event fell belongs to neither side.")
    notes += [
        f"Every item {word} the event was of one kind, so half an item of each kind was added there."
        for word in cut.halved
    ]
    end, own = right.last + dt.timedelta(days=series.days - 1), (event.date, event.name)
    near = sorted((o for o in others if left.first <= o.date <= end and (o.date, o.name) != own), key=lambda o: o.date)
    if near:
        listed = ", ".join(f"{other.name} ({other.date})" for other in near)
        notes.append(f"The same {series.unit} also held: {listed}.")
    return notes


def _check(model: str, resamples: int) -> None:
    if model not in MODELS:
        raise ValueError(f"no model is called {model!r}; known: {', '.join(MODELS)}")
    if resamples < 1 / LEVEL - 1:
        raise ValueError(f"{resamples} resamples are too few for a level of {LEVEL}; one must ask for 19 or more")


def effect(
    series: Series,
    event: Event,
    *,
    before: int | None = None,
    after: int | None = None,
    model: str = "level",
    others: Sequence[Event] = (),
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Effect:
    """The change of the share at an event, in percentage points, with a 95 % interval and a p-value.

    `before` and `after` are windows in periods, by default all that there is. Under `level` the change is the share
    of all items after minus that before; `trend` and `slope` are segmented regressions (Wagner et al. 2002), and the
    change is the step at the event's date. `others` are events to be named where they fall into the windows.

    The test is a moving-block bootstrap (Künsch 1989) of the quasi-binomial regression: residuals of the fit without
    the event are put back in blocks, the regression is fitted again, and the changes over their standard errors are
    compared. The interval is as many standard errors wide as makes it agree with the test. Where the series has
    draws of what errs in all periods together, each resample takes one of them.
    """
    _check(model, resamples)
    left, right, cut = _cut(series, event.date, before, after)

    def without(reason: str) -> Effect:
        return Effect(event.name, event.date, model, series.unit, left, right, None, reason)

    if isinstance(cut, str) or left is None or right is None:
        return without(str(cut))
    found = _test(cut, model, resamples, seed)
    if isinstance(found, str):
        return without(found)
    notes = tuple(_notes(series, event, (left, right), cut, others))
    return Effect(event.name, event.date, model, series.unit, left, right, found, None, notes)


def _test(cut: _Cut, model: str, resamples: int, seed: int) -> Change | str:
    """The change and its test, or the reason why there is none."""
    share, items, (design, jump) = cut.share, cut.items, cut.design(model)
    block = block_length(len(share))
    value, scale, settled = _effect(share, items, design, jump, block)
    change, error = float(value), float(scale)
    if not settled:
        return f"The shares do not determine the regression called {model}."
    if error < 1e-9:
        return _NO_MOVEMENT
    _, mean, _ = _regress(share, items, design[:, :jump])
    rng = np.random.default_rng(seed)
    drawn = _blocks(len(share), block, resamples, rng)
    again = _resampled(mean, _pearson(share, mean, items), items, drawn)
    changes, errors, _ = _effect(again, items, design, jump, block)
    common = 0.0
    if cut.common is not None:
        # One draw of what errs in all periods together goes into each resample, and its spread into the errors.
        shifts, _, _ = _effect(cut.common, items, design, jump, block)
        shifts = shifts - shifts.mean()
        common = float(shifts.std())
        changes, errors = changes + rng.choice(shifts, resamples), np.hypot(errors, common)
        error = float(np.hypot(error, common))
    ratios = np.abs(changes) / np.maximum(errors, 1e-12)
    ratio = change / error
    p = (1 + int(np.count_nonzero(ratios >= abs(ratio) * (1 - 1e-9)))) / (resamples + 1)
    critical = float(np.sort(ratios)[-int(LEVEL * (resamples + 1))])
    low, high = (float(np.clip(100 * (change + sign * critical * error), -100, 100)) for sign in (-1, 1))
    dispersion = quasi_binomial(share, items, design).dispersion
    return Change(100 * change, low, high, p, ratio, critical, dispersion, block, resamples, 100 * common)


def placebo(
    series: Series, event: Event, *, before: int | None = None, after: int | None = None, model: str = "level"
) -> Placebo:
    """The same regression at every other date that has enough data on both sides (Abadie et al. 2010).

    The dates are whole periods away from the event. Where a window is given, it must fit into the data as well as
    the event's own does. Dates are ranked by the change of level over its quasi-binomial standard error: dependence
    between periods enlarges that ratio at all dates alike, and a real step comes first more often than with the
    ratio of the test.
    """
    _check(model, RESAMPLES)

    def at(day: dt.date) -> tuple[float, int, int] | str:
        left, right, cut = _cut(series, day, before, after)
        if isinstance(cut, str) or left is None or right is None:
            return str(cut)
        design, jump = cut.design(model)
        fit = quasi_binomial(cut.share, cut.items, design)
        error = float(np.sqrt(fit.covariance[jump, jump]))
        if error < 1e-9:
            return _NO_MOVEMENT
        return abs(float(fit.coefficients[jump])) / error, left.periods + left.missing, right.periods + right.missing

    own = at(event.date)
    if isinstance(own, str):
        return Placebo(event.name, 0, None, None, own)
    ratios = [own[0]]
    span = int(series.position[-1])
    for step in range(-span - 1, span + 2):
        other = at(event.date + dt.timedelta(days=step * series.days)) if step else _NO_MOVEMENT
        if isinstance(other, str):
            continue
        if (before is None or other[1] >= own[1]) and (after is None or other[2] >= own[2]):
            ratios.append(other[0])
    if len(ratios) == 1:
        return Placebo(event.name, 1, None, None, f"No other date has as many {series.unit} with data on both sides.")
    rank = 1 + sum(ratio > own[0] * (1 + 1e-9) for ratio in ratios)
    at_least = sum(ratio >= own[0] * (1 - 1e-9) for ratio in ratios)
    return Placebo(event.name, len(ratios), rank, at_least / len(ratios), None)


def q_values(p_values: Sequence[float] | Array) -> Array:
    """Benjamini and Hochberg's (1995) adjusted p-values, in the order given.

    They hold for independent tests and for tests that tend to be wrong together (Benjamini and Yekutieli 2001), as
    those of outlets that report the same news.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(-p, kind="stable")
    ranks = np.arange(len(p), 0, -1)
    q = np.empty_like(p)
    q[order] = np.minimum.accumulate(np.minimum(1.0, p[order] * len(p) / ranks))
    return q


def across(effects: Mapping[str, Effect]) -> tuple[Adjusted, ...]:
    """Effects of one event in many groups with q-values over those that could be estimated, in the order given.

    A bootstrap of B resamples gives no p-value below 1/(B+1), so q cannot fall below groups/(B+1).
    """
    tested = {group: one.change.p for group, one in effects.items() if one.change is not None}
    q = dict(zip(tested, q_values(list(tested.values())).tolist(), strict=True))
    return tuple(Adjusted(group, one, q.get(group)) for group, one in effects.items())


def across_sentence(adjusted: Sequence[Adjusted]) -> str:
    """What the groups say together, in words."""
    tested = [one for one in adjusted if one.q is not None]
    found = [one.group for one in tested if one.q is not None and one.q <= LEVEL]
    left_out = len(adjusted) - len(tested)
    untested = f" {left_out} could not be tested." if left_out else ""
    if not tested:
        return f"None of {len(adjusted)} groups could be tested."
    if not found:
        return f"In none of {len(tested)} groups is the change distinguishable from the usual movement.{untested}"
    return (
        f"In {len(found)} of {len(tested)} groups the change is distinguishable from the usual movement, at a false "
        f"discovery rate of 5 %: {', '.join(found)}.{untested}"
    )


def _cusum(share: Array, items: Array) -> Array:
    """(…, T − 2 · MIN_PERIODS + 1): how far the shares up to each period are from those after it, weighted.

    Entry i is for a change after MIN_PERIODS + i periods. The items times the distance from the pooled share are the
    residuals of a logistic regression without a change.
    """
    pooled = np.clip((share @ items) / items.sum(), 1e-6, 1 - 1e-6)[..., None]
    inner = slice(MIN_PERIODS - 1, share.shape[-1] - MIN_PERIODS)
    moved = np.cumsum((share - pooled) * items, axis=-1)[..., inner]
    left = np.cumsum(items)[inner]
    scale = np.sqrt(pooled * (1 - pooled) * left * (items.sum() - left) / items.sum())
    return np.asarray(np.abs(moved) / scale, dtype=np.float64)


def _scan(share: Array, items: Array, resamples: int, rng: np.random.Generator) -> tuple[int, int, int] | None:
    """(periods before a change, the least and the most of them) or None where no change stands out."""
    periods = len(share)
    if periods < 2 * MIN_PERIODS or float(np.ptp(share)) == 0:
        return None
    drawn = _blocks(periods, block_length(periods), resamples, rng)
    curve = _cusum(share, items)
    flat = np.full(periods, np.clip(items @ share / items.sum(), 1e-6, 1 - 1e-6))
    again = _resampled(flat, _pearson(share, flat, items), items, drawn)
    if float(curve.max()) <= float(np.quantile(_cusum(again, items).max(axis=-1), 1 - LEVEL)):
        return None
    best = MIN_PERIODS + int(curve.argmax())
    parts = (slice(0, best), slice(best, periods))
    step = np.concatenate(
        [np.full(part.stop - part.start, items[part] @ share[part] / items[part].sum()) for part in parts]
    )
    step = np.clip(step, 1e-6, 1 - 1e-6)
    again = _resampled(step, _pearson(share, step, items), items, drawn)
    places = MIN_PERIODS + _cusum(again, items).argmax(axis=-1)
    low, high = np.quantile(places, [LEVEL / 2, 1 - LEVEL / 2], method="nearest")
    return best, min(int(low), best), max(int(high), best)


def change_points(series: Series, *, most: int = 3, resamples: int = RESAMPLES, seed: int = SEED) -> Exploration:
    """Exploratory: dates at which the share seems to change, found by binary segmentation (Vostrikova 1981).

    A stretch is split where its cumulative sum of weighted residuals is largest, if that is larger than in 95 % of
    its block resamples without a change; then each part is looked at likewise, until `most` changes are found. The
    interval of a date comes from block resamples around the step (Hušková and Kirch 2008). This is no test: every
    date was tried.
    """
    rng = np.random.default_rng(seed)
    share, items, position = series.share, series.items, series.position
    stretches = [(0, len(position))]
    found: list[tuple[int, int, int]] = []
    while stretches and len(found) < most:
        start, end = stretches.pop(0)
        scanned = _scan(share[start:end], items[start:end], resamples, rng)
        if scanned is not None:
            at, low, high = (start + place for place in scanned)
            found.append((at, low, high))
            stretches += [(start, at), (at, end)]
    if not found:
        enough = len(position) >= 2 * MIN_PERIODS
        reason = (
            "No date stands out from the usual movement."
            if enough
            else f"Only {len(position)} {series.unit} with data; {2 * MIN_PERIODS} are needed."
        )
        return Exploration((), reason)
    found.sort()
    edges = [0, *(at for at, _, _ in found), len(position)]
    shares = [float(items[a:b] @ share[a:b] / items[a:b].sum()) for a, b in itertools.pairwise(edges)]
    day = [series.start(place) for place in position.tolist()]
    points = [
        ChangePoint(day[at], day[low], day[high], was, now)
        for (at, low, high), (was, now) in zip(found, itertools.pairwise(shares), strict=True)
    ]
    return Exploration(tuple(points), None)
