"""Invented press with known true shares, a classifier with known errors, and an audit of it: what intervals are worth.

`benchmarks/coverage.py` plays many of these and `test_coverage.py` some. Weeks are simulated items by item; the true
share steps from one value to another at an event in the middle, where the classifier may get worse too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from media_coverage.composition import Composition, Counting, Items, tabulate
from media_coverage.correction import Audit, rectified, rogan_gladen
from media_coverage.estimate import RESAMPLES, Estimand, Estimate, Measure, Method
from media_coverage.series import design_effect, uncorrected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from media_coverage.composition import Cells
    from media_coverage.estimate import Missing

    Floats = npt.NDArray[np.float64]
    Estimates = Sequence[Estimate | Missing]

WEEKS = 26
BINARY = ((0.80, 0.20), (0.08, 0.92))
"""Rows: true classes; columns: labels. Sensitivity .80, specificity .92."""

FRAMES = ((0.80, 0.04, 0.16), (0.05, 0.75, 0.20), (0.06, 0.05, 0.89))
"""First frame, second frame, neither."""

SHARE = Measure("share of the first class", (0,), (0, 1))
SHARE_OF_THREE = Measure("share of the first of three classes", (0,), (0, 1, 2))
INDEX = Measure("index of two of three classes", (0,), (0, 1), index=True)


@dataclass(frozen=True, slots=True)
class Setting:
    """One kind of world. `before` and `after` are true class shares; `errors` and `errors_after` confusion matrices.

    `oversampled` is how many times as likely items labelled with the first class are to be audited. `outlets` share the
    items at random; `likeness` is the correlation of two items of one outlet in a week (0: none). Where the share
    `drifts`, it goes straight from one value to the other over all weeks instead of stepping.
    """

    per_week: int = 40
    audited: int = 300
    errors: tuple[tuple[float, ...], ...] = BINARY
    errors_after: tuple[tuple[float, ...], ...] | None = None
    before: tuple[float, ...] = (0.10, 0.90)
    after: tuple[float, ...] = (0.45, 0.55)
    oversampled: float = 1.0
    outlets: int = 1
    likeness: float = 0.0
    measure: Measure = SHARE
    drifts: bool = False


_OF_THREE = {"errors": FRAMES, "before": (0.10, 0.25, 0.65), "after": (0.40, 0.15, 0.45)}

SETTINGS: dict[str, Setting] = {
    "40 a week": Setting(),
    "150 a week": Setting(per_week=150),
    "15 a week": Setting(per_week=15),
    "100 audited": Setting(audited=100),
    "model worse after the event": Setting(errors_after=((0.65, 0.35), (0.08, 0.92))),
    "like a zero-shot model": Setting(errors=((0.65, 0.35), (0.20, 0.80))),
    "steady drift, no event": Setting(drifts=True),
    "audit oversamples the label × 3": Setting(oversampled=3.0),
    "three classes, share": Setting(measure=SHARE_OF_THREE, **_OF_THREE),  # type: ignore[arg-type]
    "three classes, index": Setting(per_week=60, measure=INDEX, **_OF_THREE),  # type: ignore[arg-type]
}
"""True share .10 before and .45 after, 40 items a week, 300 audited, sensitivity .80 and specificity .92, unless
said otherwise."""

PERFECT = ((1.0, 0.0), (0.0, 1.0))

ALIKE: dict[str, Setting] = {
    "independent items": Setting(outlets=20, per_week=60, errors=PERFECT),
    "correlation .1 within outlets": Setting(outlets=20, per_week=60, errors=PERFECT, likeness=0.1),
    "correlation .3 within outlets": Setting(outlets=20, per_week=60, errors=PERFECT, likeness=0.3),
}
"""Sixty items a week from twenty outlets, labelled without error, whose items resemble each other or not."""

ALIKE_WITH_ERRORS: dict[str, Setting] = {
    name: replace(setting, errors=BINARY) for name, setting in ALIKE.items() if setting.likeness
}
"""The same with the usual classifier."""


@dataclass(frozen=True, slots=True)
class World:
    """One draw: cells of labels, an audit within and one without regimes, and the two truths by week as p in 0..1."""

    cells: Cells
    audit: Audit
    pooled: Audit
    regimes: npt.NDArray[np.int64]
    tendency: Floats
    collected: Floats


def _share(classes: Floats, measure: Measure) -> Floats:
    """The measure's p of class shares or counts (weeks, classes)."""
    return np.asarray(classes[:, list(measure.positive)].sum(axis=1) / classes[:, list(measure.base)].sum(axis=1))


def world(setting: Setting, rng: np.random.Generator) -> World:
    """Draw a world."""
    size, classes = WEEKS * setting.per_week, len(setting.before)
    week = np.repeat(np.arange(WEEKS), setting.per_week)
    late = np.arange(WEEKS) >= WEEKS // 2
    moved = np.linspace(0, 1, WEEKS) if setting.drifts else late.astype(float)
    shares = np.outer(1 - moved, setting.before) + np.outer(moved, setting.after)
    outlet = rng.integers(0, setting.outlets, size)
    if setting.likeness:
        concentration = 1 / setting.likeness - 1
        gammas = rng.standard_gamma(np.repeat(shares[:, None] * concentration, setting.outlets, axis=1)) + 1e-300
        chance = (gammas / gammas.sum(axis=2, keepdims=True))[week, outlet]
    else:
        chance = shares[week]
    truth = (rng.random((size, 1)) > chance.cumsum(axis=1)[:, :-1]).sum(axis=1)
    matrix = np.where(late[:, None, None], setting.errors_after or setting.errors, setting.errors)
    label = (rng.random((size, 1)) > matrix[week, truth].cumsum(axis=1)[:, :-1]).sum(axis=1)
    items = Items(week, label, outlet, np.arange(size), WEEKS, classes, setting.outlets)
    odds = np.where(label == 0, setting.oversampled, 1.0)
    inclusion = np.minimum(1.0, setting.audited * odds / odds.sum())
    if setting.oversampled == 1:
        read = rng.choice(size, setting.audited, replace=False)
    else:
        read = np.flatnonzero(rng.random(size) < inclusion)
    audit = Audit(truth[read], label[read], inclusion[read], late[week[read]].astype(np.int64))
    true_counts = np.zeros((WEEKS, classes))
    np.add.at(true_counts, (week, truth), 1)
    return World(
        cells=tabulate(items, Composition.ITEMS, Counting.ARTICLES),
        audit=audit,
        pooled=Audit(audit.truth, audit.predicted, audit.inclusion),
        regimes=np.repeat(late[:, None].astype(np.int64), setting.outlets, axis=1),
        tendency=_share(shares, setting.measure),
        collected=_share(true_counts, setting.measure),
    )


def percentiles(drawn: World, measure: Measure) -> Estimates:
    """The plain percentile interval of a bootstrap over outlets, for comparison with `estimate.outlet_bootstrap`."""
    rng = np.random.default_rng(1)
    found: list[Estimate] = []
    for weight in drawn.cells.weight:
        positive, base = (
            weight[weight.sum(axis=1) > 0][:, list(k)].sum(axis=1) for k in (measure.positive, measure.base)
        )
        times = rng.multinomial(len(base), np.full(len(base), 1 / len(base)), size=RESAMPLES)
        low, high = np.quantile((times @ positive) / (times @ base), [0.025, 0.975])
        found.append(Estimate(float(positive.sum() / base.sum()), float(low), float(high), int(base.sum())))
    return found


METHODS: dict[str, tuple[Estimand, Callable[[World, Measure], Estimates]]] = {
    "Wilson on labels": (Estimand.TENDENCY, lambda w, m: uncorrected(w.cells, m, Method.WILSON)),
    "Rogan–Gladen": (Estimand.TENDENCY, lambda w, m: rogan_gladen(w.cells, w.pooled, m)),
    "rectified, same regime": (Estimand.TENDENCY, lambda w, m: rectified(w.cells, w.audit, m, regimes=w.regimes)),
    "rectified, pooled over the event": (Estimand.TENDENCY, lambda w, m: rectified(w.cells, w.pooled, m)),
    "Rogan–Gladen, collected set": (
        Estimand.COLLECTED,
        lambda w, m: rogan_gladen(w.cells, w.pooled, m, estimand=Estimand.COLLECTED),
    ),
    "rectified, collected set": (
        Estimand.COLLECTED,
        lambda w, m: rectified(w.cells, w.audit, m, regimes=w.regimes, estimand=Estimand.COLLECTED),
    ),
    "outlet-cluster bootstrap on labels": (Estimand.TENDENCY, lambda w, m: uncorrected(w.cells, m, Method.OUTLETS)),
    "percentiles of that bootstrap": (Estimand.TENDENCY, percentiles),
    "Rogan–Gladen, outlets alike": (
        Estimand.TENDENCY,
        lambda w, m: rogan_gladen(w.cells, w.pooled, m, effective=w.cells.effective / design_effect(w.cells, m)),
    ),
    "rectified, outlets alike": (
        Estimand.TENDENCY,
        lambda w, m: rectified(
            w.cells, w.audit, m, regimes=w.regimes, effective=w.cells.effective / design_effect(w.cells, m)
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Covered:
    """How often intervals held the truth, before and after the event, and how wide they were, in points of p (0..1).

    `standard_error` is that of the share over worlds, because the intervals of one world share its audit; `estimates`
    counts the intervals.
    """

    before: float
    after: float
    standard_error: float
    width: float
    estimates: int

    @property
    def share(self) -> float:
        """Both halves weigh the same."""
        return (self.before + self.after) / 2


def covered(setting: Setting, methods: Sequence[str], simulations: int, seed: int = 1) -> dict[str, Covered]:
    """Play `simulations` worlds. Weeks without an estimate count for nothing; a half without any is an error."""
    rng = np.random.default_rng(seed)
    # (worlds, halves): how many of the intervals hold the truth, and how many there are.
    hits = {name: np.zeros((simulations, 2)) for name in methods}
    counts = {name: np.zeros((simulations, 2)) for name in methods}
    widths = dict.fromkeys(methods, 0.0)
    for number in range(simulations):
        drawn = world(setting, rng)
        for name in methods:
            estimand, method = METHODS[name]
            truths = drawn.tendency if estimand is Estimand.TENDENCY else drawn.collected
            for week, found in enumerate(method(drawn, setting.measure)):
                if not isinstance(found, Estimate):
                    continue
                low, high = setting.measure.share(found.low), setting.measure.share(found.high)
                half = int(week >= WEEKS // 2)
                hits[name][number, half] += low - 1e-9 <= truths[week] <= high + 1e-9
                counts[name][number, half] += 1
                widths[name] += high - low
    result = {}
    for name in methods:
        before, after = (float(rate) for rate in hits[name].sum(axis=0) / counts[name].sum(axis=0))
        by_world = hits[name].sum(axis=1) / np.maximum(counts[name].sum(axis=1), 1)
        estimates = int(counts[name].sum())
        result[name] = Covered(
            before, after, float(by_world.std(ddof=1) / np.sqrt(simulations)), widths[name] / estimates, estimates
        )
    return result
