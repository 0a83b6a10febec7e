"""Weekly shares with and without an event, and tests that look for one: how often each says yes.

`benchmarks/type_one.py` plays many of these and `test_events.py` some. The logit of the week's share follows an AR(1)
process around its base, and a binomial draw is made of the articles of the week, whose number is Poisson. All tests
see the same series, at a nominal level of 5 %. Where a classifier stands between, each article gets a label, people
code some of all articles, and our test sees the shares that this audit corrects.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from media_coverage import events
from media_coverage.calibration import sigmoid
from media_coverage.composition import Composition, Counting, Items, tabulate
from media_coverage.correction import Audit, apart
from media_coverage.estimate import Z95, Measure, Method

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from media_coverage.events import Array, Series

FIRST = date(2026, 1, 5)
RESAMPLES = 399
"""Enough for a level of 5 %: the test is exact for any number one below a multiple of 20."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Weeks, articles a week, autocorrelation and standard deviation of the weekly logit, and the effect in points."""

    name: str
    weeks: int = 26
    items: float = 45
    autocorrelation: float = 0.4
    deviation: float = 0.35
    base: float = 0.2
    effect: float = 0.0
    event: int | None = None

    @property
    def at(self) -> int:
        """Weeks before the event."""
        return self.weeks // 2 if self.event is None else self.event


NULL = Scenario("26 weeks × 45, AR(1) .4")
SCENARIOS = (
    NULL,
    replace(NULL, name="independent weeks", autocorrelation=0.0),
    replace(NULL, name="40 articles a week", items=40),
    replace(NULL, name="150 articles a week", items=150),
    replace(NULL, name="52 weeks", weeks=52),
    replace(NULL, name="16 weeks", weeks=16),
    replace(NULL, name="20 weeks", weeks=20),
    replace(NULL, name="event after 6 of 26 weeks", event=6),
    replace(NULL, name="AR(1) .6", autocorrelation=0.6),
    replace(NULL, name="base 50 %", base=0.5),
    *(replace(NULL, name=f"effect {points} points", effect=points / 100) for points in (5, 10, 15, 20)),
)


def logit(share: float) -> float:
    """The log odds."""
    return math.log(share / (1 - share))


def truth(scenario: Scenario) -> float:
    """The effect in points on the mean share, which the weeks' movement pulls a little towards 50 %."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    shares = [
        float(weights @ sigmoid(logit(base) + scenario.deviation * nodes) / weights.sum())
        for base in (scenario.base, scenario.base + scenario.effect)
    ]
    return 100 * (shares[1] - shares[0])


def _truth_by_week(scenario: Scenario, rng: np.random.Generator) -> tuple[Array, Array]:
    """True articles with the frame and all articles of each week."""
    keep = scenario.autocorrelation
    shocks = rng.normal(0, scenario.deviation, scenario.weeks)
    level = np.empty(scenario.weeks)
    level[0] = shocks[0]
    for week in range(1, scenario.weeks):
        level[week] = keep * level[week - 1] + math.sqrt(1 - keep**2) * shocks[week]
    after = np.arange(scenario.weeks) >= scenario.at
    centre = np.where(after, logit(scenario.base + scenario.effect), logit(scenario.base))
    n = np.maximum(rng.poisson(scenario.items, scenario.weeks), 1).astype(np.float64)
    return rng.binomial(n.astype(np.int64), sigmoid(centre + level)).astype(np.float64), n


def _starts(scenario: Scenario) -> list[date]:
    return [FIRST + timedelta(weeks=week) for week in range(scenario.weeks)]


def simulated(scenario: Scenario, rng: np.random.Generator) -> Series:
    """One series."""
    return events.counts(_starts(scenario), *_truth_by_week(scenario, rng))


@dataclass(frozen=True, slots=True)
class Audited:
    """How a classifier errs and how many articles people code: (sensitivity, specificity) before and from the event."""

    name: str
    before: tuple[float, float] = (0.80, 0.92)
    after: tuple[float, float] = (0.80, 0.92)
    coded: int = 300


AUDITS = (
    Audited("300 coded, .80 and .92"),
    Audited("100 coded", coded=100),
    Audited("600 coded", coded=600),
    Audited("like a zero-shot model, .65 and .80", (0.65, 0.80), (0.65, 0.80)),
    Audited("sensitivity falls to .65", after=(0.65, 0.92)),
)

CORRECTED = {"rectified": Method.RECTIFIED, "Rogan–Gladen": Method.ROGAN_GLADEN}
SHARE = Measure("share", (0,), (0, 1))


def audited_series(scenario: Scenario, audit: Audited, rng: np.random.Generator) -> dict[str, Series]:
    """One series as it shows through a classifier: by its labels, and by each correction with a phase at the event."""
    k, n = (part.astype(np.int64) for part in _truth_by_week(scenario, rng))
    week = np.repeat(np.arange(scenario.weeks), n)
    late = week >= scenario.at
    truth = np.concatenate([np.arange(all_of) >= framed for framed, all_of in zip(k, n, strict=True)]).astype(np.int64)
    rates = np.array([audit.before, audit.after])[late.astype(np.int64)]
    right = rng.random(len(truth)) < np.where(truth == 0, rates[:, 0], rates[:, 1])
    label = np.where(right, truth, 1 - truth)
    items = Items(week, label, np.zeros_like(week), np.arange(len(week)), scenario.weeks, 2, 1)
    cells = tabulate(items, Composition.ITEMS, Counting.ARTICLES)
    read = rng.choice(len(truth), min(audit.coded, len(truth)), replace=False)
    inclusion = np.full(len(read), len(read) / len(truth))
    regimes = (np.arange(scenario.weeks) >= scenario.at).astype(np.int64)[:, None]
    coded = Audit(truth[read], label[read], inclusion, late[read].astype(np.int64))
    starts = _starts(scenario)
    found = {"labels": events.counts(starts, np.bincount(week, weights=label == 0, minlength=scenario.weeks), n)}
    for name, method in CORRECTED.items():
        taken = apart(cells, coded, SHARE, method, regimes=regimes)
        found[name] = events.audited(starts, taken.share, n.astype(np.float64), taken.common)
    return found


@dataclass(frozen=True, slots=True)
class Summit:
    """The event of a simulation."""

    date: date
    name: str = "summit"


def summit(scenario: Scenario) -> Summit:
    """The event, on the first day of a week."""
    return Summit(FIRST + timedelta(weeks=scenario.at))


def _design(series: Series, scenario: Scenario) -> tuple[Array, Array]:
    after = (series.position >= scenario.at).astype(np.float64)
    return after, np.stack([np.ones_like(after), after], axis=1)


def two_proportions(series: Series, scenario: Scenario) -> bool:
    """The z-test of two pooled proportions."""
    after, _ = _design(series, scenario)
    sizes = np.array([series.items @ (1 - after), series.items @ after])
    hits = np.array([(series.items * series.share) @ (1 - after), (series.items * series.share) @ after])
    pooled = hits.sum() / sizes.sum()
    error = math.sqrt(pooled * (1 - pooled) * float((1 / sizes).sum()))
    return abs(float(np.diff(hits / sizes)[0])) > Z95 * error


def _wald(series: Series, scenario: Scenario, *, quasi: bool) -> bool:
    _, design = _design(series, scenario)
    fit = events.quasi_binomial(series.share, series.items, design)
    variance = float(fit.covariance[1, 1]) / (1 if quasi else fit.dispersion)
    return abs(float(fit.coefficients[1])) > Z95 * math.sqrt(variance)


def binomial(series: Series, scenario: Scenario) -> bool:
    """The Wald test of a binomial regression."""
    return _wald(series, scenario, quasi=False)


def quasi_binomial(series: Series, scenario: Scenario) -> bool:
    """The Wald test of a quasi-binomial regression."""
    return _wald(series, scenario, quasi=True)


def hac(series: Series, scenario: Scenario, lags: int = 3) -> bool:
    """The Wald test of the difference with the variance of Newey and West (1987), three lags."""
    after, _ = _design(series, scenario)
    parts = []
    for side in (1 - after, after):
        weight = series.items * side / (series.items @ side)
        parts.append((float(weight @ series.share), weight * (series.share - float(weight @ series.share))))
    influence = parts[1][1] - parts[0][1]
    variance = float(influence @ influence)
    for lag in range(1, lags + 1):
        variance += 2 * (1 - lag / (lags + 1)) * float(influence[lag:] @ influence[:-lag])
    return abs(parts[1][0] - parts[0][0]) > Z95 * math.sqrt(variance)


def ours_with_slope(series: Series, scenario: Scenario) -> bool:
    """events.effect with a trend and a change of slope."""
    change = events.effect(series, summit(scenario), model="slope", resamples=RESAMPLES).change
    return change is not None and change.distinguishable


def first_of_all_dates(series: Series, scenario: Scenario) -> bool:
    """events.placebo: no other date shows a change that stands out more."""
    return events.placebo(series, summit(scenario)).rank == 1


def any_change_point(series: Series, scenario: Scenario) -> bool:
    """events.change_points finds any: exploratory, here to show what it is worth."""
    return bool(events.change_points(series, most=1, resamples=RESAMPLES).points)


TESTS_TO_COMPARE: dict[str, Callable[[Series, Scenario], bool]] = {
    "two proportions": two_proportions,
    "binomial": binomial,
    "quasi-binomial": quasi_binomial,
    "HAC(3)": hac,
}
"""Other people's."""

FURTHER: dict[str, Callable[[Series, Scenario], bool]] = {
    "ours, with slope": ours_with_slope,
    "first of all dates": first_of_all_dates,
    "any change point": any_change_point,
}
"""More of ours: no tests of the hypothesis that the level stays, but what they say when it does."""


OURS, COVERS = "**ours**", "interval covers"


def rates(
    scenario: Scenario, series: int, tests: Iterable[str] = TESTS_TO_COMPARE, seed: int = 20260203
) -> dict[str, float]:
    """Share of series in which each test says yes, ours included, and in which our interval covers the effect.

    Ours is events.effect as it comes: the change of level, moving-block bootstrap.
    """
    known = TESTS_TO_COMPARE | FURTHER
    rng = np.random.default_rng(seed)
    said = dict.fromkeys([*tests, OURS, COVERS], 0)
    effect = truth(scenario)
    for _ in range(series):
        one = simulated(scenario, rng)
        for name in tests:
            said[name] += known[name](one, scenario)
        change = events.effect(one, summit(scenario), resamples=RESAMPLES).change
        if change is not None:
            said[OURS] += change.distinguishable
            said[COVERS] += change.low <= effect <= change.high
    return {name: count / series for name, count in said.items()}


def audited_rates(
    scenario: Scenario, audit: Audited, series: int, *, kept_apart: bool = True, seed: int = 20260203
) -> dict[str, tuple[float, float]]:
    """By labels and by each correction: how often our test says yes, and how often its interval covers the effect.

    With `kept_apart` False what the audit leaves uncertain in all weeks together is left out, to show what it is worth.
    """
    rng = np.random.default_rng(seed)
    said = {name: [0, 0] for name in ("labels", *CORRECTED)}
    effect = truth(scenario)
    for _ in range(series):
        for name, one in audited_series(scenario, audit, rng).items():
            line = one if kept_apart else replace(one, common=None)
            change = events.effect(line, summit(scenario), resamples=RESAMPLES).change
            if change is not None:
                said[name][0] += change.distinguishable
                said[name][1] += change.low <= effect <= change.high
    return {name: (yes / series, covers / series) for name, (yes, covers) in said.items()}
