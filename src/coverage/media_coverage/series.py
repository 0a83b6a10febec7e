"""Shares over time: which periods are put together, every line at once, and a smoother. Pure arrays.

A line is one measure under one method, mix of outlets and way of counting. Nothing here crosses an event: periods carry
a segment number, which changes where an event falls, and neither pooling nor smoothing joins two segments.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .composition import Composition, Counting, effective_number, panel, tabulate, units
from .correction import gap, rectified, rogan_gladen, too_few
from .estimate import (
    MIN_ITEMS,
    SEED,
    Z95,
    Estimand,
    Estimate,
    Method,
    Missing,
    jeffreys,
    outlet_bootstrap,
    wilson,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from .composition import Cells, Items
    from .correction import Audit
    from .estimate import Measure

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SMOOTHER = "smoother: a local level on the logit scale; it borrows from neighbouring periods and is no estimate of one"
"""To be written beside every smoothed line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One series. `spans` are the first and last period of each point, both included; `points` stand in their order.

    A point covers one period, or several where one alone had too few items.
    """

    measure: str
    method: Method
    estimand: Estimand
    composition: Composition
    counting: Counting
    spans: tuple[tuple[int, int], ...]
    points: tuple[Estimate | Missing, ...]


# ---------------------------------------------------------------------- pooling


def pool(counts: Sequence[float] | Floats, segments: Sequence[int] | Integers, minimum: int = MIN_ITEMS) -> Integers:
    """Which periods are put together so that each group has at least `minimum` items: a group number per period.

    From the first period on, neighbours are added until there are enough; what is left at the end of a segment joins
    the group before it. Groups never reach over a change of `segments`; a segment with too few items in all is one
    group, which then makes no percentage. Empty periods are gaps: they add nothing and belong to the group around them.
    """
    groups = np.zeros(len(counts), dtype=np.int64)
    group, held, started = -1, 0.0, None
    for period, (count, segment) in enumerate(zip(counts, segments, strict=True)):
        if segment != started:
            group, held, started = group + 1, 0.0, segment
        elif held >= minimum and _enough_left(counts, segments, period, minimum):
            group, held = group + 1, 0.0
        groups[period] = group
        held += float(count) + 1e-9
    return groups


def _enough_left(
    counts: Sequence[float] | Floats, segments: Sequence[int] | Integers, start: int, minimum: int
) -> bool:
    """Whether the rest of the segment can stand without its neighbour before."""
    total = 0.0
    for count, segment in zip(counts[start:], segments[start:], strict=True):
        if segment != segments[start] or total >= minimum:
            break
        total += float(count) + 1e-9
    return total >= minimum


# ---------------------------------------------------------------------- lines


def uncorrected(cells: Cells, measure: Measure, method: Method) -> tuple[Estimate | Missing, ...]:
    """The measure among labels as they are. Intervals exclude classifier error (estimate.UNCORRECTED)."""
    roles, _ = measure.roles(cells.weight.shape[2])
    grouped = cells.collapsed(roles)
    positive, base = grouped.weight[:, :, 0], grouped.weight[:, :, :2].sum(axis=2)
    kish = _effective_base(grouped)
    counts = grouped.units[:, :, :2].sum(axis=(1, 2))
    found: list[Estimate | Missing] = []
    for t in range(len(base)):
        n = int(counts[t] + 1e-9)
        if n < MIN_ITEMS:
            found.append(too_few(n))
            continue
        p, effective = min(1.0, float(positive[t].sum() / base[t].sum())), float(kish[t])
        if method is Method.OUTLETS:
            drawn = outlet_bootstrap(positive[t], base[t], effective)
            if drawn is None:
                found.append(Missing("all items are of one outlet, so outlets cannot be resampled", n))
                continue
            low, high, effective = drawn
        else:
            low, high = wilson(p, effective) if method is Method.WILSON else jeffreys(p, effective)
        value, low, high = (measure.scaled(x) for x in (p, min(low, p), max(high, p)))
        found.append(Estimate(value, low, high, n, method=method, effective_n=effective))
    return tuple(found)


def _effective_base(grouped: Cells) -> Floats:
    """Kish's effective number of the items in the base, (periods,), at most their number."""
    return effective_number(
        *(part[:, :, :2].sum(axis=(1, 2)) for part in (grouped.weight, grouped.squares, grouped.units))
    )


def lines(
    items: Items,
    measures: Iterable[Measure],
    *,
    segments: Sequence[int] | Integers | None = None,
    audit: Audit | None = None,
    regimes: Integers | None = None,
    methods: Collection[Method] = tuple(Method),
    compositions: Sequence[Composition] = tuple(Composition),
    countings: Sequence[Counting] = tuple(Counting),
    seed: int = SEED,
) -> tuple[Line, ...]:
    """Every line of every measure: three mixes of outlets, articles and stories, uncorrected and corrected.

    `methods`, `compositions` and `countings` may ask for less. `segments` (periods,) changes at events. `audit` adds
    the corrected lines; its regimes are those of `regimes` (periods, outlets), which must be the same throughout a
    segment. Corrected intervals take the items to resemble each other within outlets as much as labels do, on average
    over the series. Where the two corrections contradict each other, both points say so. Raises ValueError for regimes
    that change within a segment.
    """
    parts = np.zeros(items.periods, dtype=np.int64) if segments is None else np.asarray(segments, dtype=np.int64)
    places = np.zeros((items.periods, items.outlets), dtype=np.int64) if regimes is None else regimes
    changed = (places[1:] != places[:-1]).any(axis=1) & (parts[1:] == parts[:-1])
    if changed.any():
        raise ValueError(f"regimes change between periods {int(changed.argmax())} and the next, where no event falls")
    staying = items.only(panel(items)[items.outlet])
    found: list[Line] = []
    for measure in measures:
        base = np.isin(np.arange(items.classes), measure.base)
        for composition in compositions:
            kept = staying if composition is Composition.PANEL else items
            for counting in countings:
                unit = np.where(base[kept.predicted], units(kept, counting), 0.0)
                counts = np.bincount(kept.period, weights=unit, minlength=items.periods)
                groups = pool(counts.astype(float), parts)
                starts = np.flatnonzero(np.diff(groups, prepend=-1))
                ends = np.append(starts[1:], items.periods) - 1
                cells = tabulate(kept.regrouped(groups, len(starts)), composition, counting)
                for method, estimand, points in _methods(cells, measure, methods, audit, places[starts], seed):
                    spans = tuple(zip(starts.tolist(), ends.tolist(), strict=True))
                    found.append(Line(measure.name, method, estimand, composition, counting, spans, points))
    return tuple(found)


def _methods(
    cells: Cells, measure: Measure, methods: Collection[Method], audit: Audit | None, regimes: Integers, seed: int
) -> Iterable[tuple[Method, Estimand, tuple[Estimate | Missing, ...]]]:
    """The methods on the same cells; contradictions between the corrections are written into both."""
    for method in methods:
        if not method.corrected:
            yield method, Estimand.TENDENCY, uncorrected(cells, measure, method)
    if audit is None or not any(method.corrected for method in methods):
        return
    effective = cells.effective / design_effect(cells, measure)
    for estimand in Estimand:
        solved = rogan_gladen(cells, audit, measure, estimand=estimand, effective=effective, seed=seed)
        moved = rectified(cells, audit, measure, regimes=regimes, estimand=estimand, effective=effective, seed=seed)
        gaps = [gap(one, other) for one, other in zip(solved, moved, strict=True)]
        for method, points in ((Method.ROGAN_GLADEN, solved), (Method.RECTIFIED, moved)):
            if method in methods:
                yield method, estimand, _warned(points, gaps)


def _warned(points: Sequence[Estimate | Missing], gaps: Sequence[str | None]) -> tuple[Estimate | Missing, ...]:
    return tuple(
        replace(point, warnings=(*point.warnings, said)) if said and isinstance(point, Estimate) else point
        for point, said in zip(points, gaps, strict=True)
    )


def design_effect(cells: Cells, measure: Measure) -> float:
    """How many times the variance of independent items the items have because outlets differ, over all periods; ≥ 1.

    Per period the variance between outlets of a ratio, Σ (positive − p · base)² ÷ (Σ base)² · C ÷ (C − 1) for C
    outlets, which the outlet-cluster bootstrap draws from, against p (1 − p) ÷ n; both summed over the periods, because
    the ratio of one period is mostly noise.
    """
    roles, _ = measure.roles(cells.weight.shape[2])
    grouped = cells.collapsed(roles)
    positive, base = grouped.weight[:, :, 0], grouped.weight[:, :, :2].sum(axis=2)
    outlets, total, n = (base > 0).sum(axis=1), base.sum(axis=1), _effective_base(grouped)
    kept = (outlets >= 2) & (n >= 1)
    positive, base, outlets, total, n = (part[kept] for part in (positive, base, outlets, total, n))
    p = positive.sum(axis=1) / total
    between = ((positive - p[:, None] * base) ** 2).sum(axis=1) / total**2 * outlets / (outlets - 1)
    independent = float((p * (1 - p) / n).sum())
    return max(1.0, float(between.sum()) / independent) if independent > 0 else 1.0


# ---------------------------------------------------------------------- smoothing


@dataclass(frozen=True, slots=True)
class Smoothed:
    """A smoothed line with a 95 % band, one value per point; None outside the first and last point of a segment.

    `level_sd` is the standard deviation of the level's step from one point to the next, on the logit scale: 0 for a
    line that does not move. `label` is to be written beside the line.
    """

    values: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    level_sd: float
    label: str = SMOOTHER


def smooth(
    points: Sequence[Estimate | Missing], measure: Measure, segments: Sequence[int] | Integers | None = None
) -> Smoothed:
    """A local level on the logit scale with known observation variances, segment by segment (Durbin & Koopman 2012).

    A point counts as k of n with its effective n, as the empirical logit ln((k + ½) ÷ (n − k + ½)) with variance
    1 ÷ (k + ½) + 1 ÷ (n − k + ½) (Cox 1970), so shares of 0 and 1 and small counts stay finite. The level is a random
    walk with a diffuse start in each segment; the variance of its steps is one for the whole line and has the largest
    likelihood (a search over its logarithm). Missing points are bridged.
    """
    parts = [0] * len(points) if segments is None else [int(s) for s in segments]
    observed, noise = np.full(len(points), np.nan), np.ones(len(points))
    for t, point in enumerate(points):
        if isinstance(point, Estimate):
            n = point.effective_n if point.effective_n is not None else float(point.n)
            k = measure.share(point.value) * n
            observed[t] = math.log((k + 0.5) / (n - k + 0.5))
            noise[t] = 1 / (k + 0.5) + 1 / (n - k + 0.5)
    runs = []
    for members in _runs(parts):
        seen = [t for t in members if not math.isnan(observed[t])]
        if seen:
            runs.append(range(seen[0], seen[-1] + 1))

    def likelihood(log_variance: float) -> float:
        return sum(_filtered(observed[run], noise[run], math.exp(log_variance))[2] for run in runs)

    step = math.exp(_highest(likelihood, math.log(1e-8), math.log(10.0)))
    columns: list[list[float | None]] = [[None] * len(points) for _ in range(3)]
    for run in runs:
        levels, variances = _level(observed[run], noise[run], step)
        for t, level, variance in zip(run, levels, variances, strict=True):
            half = Z95 * math.sqrt(variance)
            for column, z in zip(columns, (level, level - half, level + half), strict=True):
                column[t] = measure.scaled(0.5 * (1 + math.tanh(z / 2)))
    values, low, high = (tuple(column) for column in columns)
    return Smoothed(values, low, high, math.sqrt(step) if step > 2e-8 else 0.0)


def _runs(parts: Sequence[int]) -> Iterable[list[int]]:
    """The periods of each stretch of one segment number."""
    start = 0
    for t in range(1, len(parts) + 1):
        if t == len(parts) or parts[t] != parts[start]:
            yield list(range(start, t))
            start = t


def _filtered(observed: Floats, noise: Floats, step: float) -> tuple[Floats, Floats, float]:
    """Kalman filter of a local level: means and variances of the level given all up to now, and the log likelihood.

    The first value is observed and starts the level (the exact diffuse start); NaN is a gap.
    """
    means, variances = np.empty(len(observed)), np.empty(len(observed))
    mean, variance, likelihood = float(observed[0]), float(noise[0]), 0.0
    means[0], variances[0] = mean, variance
    for t in range(1, len(observed)):
        variance += step
        if not math.isnan(observed[t]):
            spread, surprise = variance + float(noise[t]), float(observed[t]) - mean
            likelihood -= 0.5 * (math.log(2 * math.pi * spread) + surprise**2 / spread)
            mean += variance / spread * surprise
            variance *= float(noise[t]) / spread
        means[t], variances[t] = mean, variance
    return means, variances, likelihood


def _level(observed: Floats, noise: Floats, step: float) -> tuple[Floats, Floats]:
    """Means and variances of the level given everything: the backward pass (Rauch, Tung & Striebel 1965)."""
    means, variances, _ = _filtered(observed, noise, step)
    for t in range(len(observed) - 2, -1, -1):
        pull = variances[t] / (variances[t] + step)
        means[t] += pull * (means[t + 1] - means[t])
        variances[t] += pull**2 * (variances[t + 1] - variances[t] - step)
    return means, variances


def _highest(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function of one variable is largest: the best of a grid, then golden sections around it."""
    grid = np.linspace(low, high, 25)
    best = int(np.argmax([function(float(x)) for x in grid]))
    left, right = float(grid[max(0, best - 1)]), float(grid[min(len(grid) - 1, best + 1)])
    golden = (math.sqrt(5) - 1) / 2
    for _ in range(30):
        one, other = right - golden * (right - left), left + golden * (right - left)
        left, right = (left, other) if function(one) >= function(other) else (one, right)
    return (left + right) / 2
