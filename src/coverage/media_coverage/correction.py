"""Shares corrected for classifier error, from an audit: items whose true codes people gave. Pure arrays.

Two estimators that rest on different assumptions, so that a gap between them is itself a finding:

- Monte-Carlo Rogan–Gladen takes the error *rates* (how often a text of a true class gets each label) to be the same in
  all periods, and solves for the true shares. Its audit may be pooled over everything.
- The rectified mean takes the *net error* of a share to be the same within a regime (before or after an event, a group
  of outlets), and takes it off. It moves with the true share, so an audit pooled over an event is wrong here.

Both give 95 % intervals that hold the uncertainty of the audit, and both draw with a fixed seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .composition import effective_number
from .estimate import MIN_ITEMS, SEED, Estimand, Estimate, Method, Missing

if TYPE_CHECKING:
    from .composition import Cells
    from .estimate import Measure

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

DRAWS = 2000

CAUTIOUS = (
    "Rogan–Gladen takes audited and collected articles for different ones, so for the collected set its interval is "
    "wider than it need be; the rectified mean is made for that question"
)
"""Said with every such estimate: it holds the truth in more than 95 % of the cases (docs/methods.md)."""

MIN_AUDIT = 100
"""Below this many audited items every corrected share carries a warning."""

UNTOLD = 0.025
"""Share of draws in which labels say nothing about true classes from which on an estimate says so; from half on there
is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Audit:
    """Items with their true and their predicted class, as class numbers, one row each.

    `inclusion` is the probability with which each was drawn from the collected items; None for an outside sample, of
    which every item weighs the same. `regime` numbers the regimes of the rectified mean, one for all where it is None.
    Raises ValueError for columns of different lengths and probabilities outside 0..1.
    """

    truth: Integers
    predicted: Integers
    inclusion: Floats | None = None
    regime: Integers | None = None

    def __post_init__(self) -> None:
        for column in (self.predicted, self.inclusion, self.regime):
            if column is not None and len(column) != len(self.truth):
                raise ValueError(f"the audit has {len(self.truth)} true classes and {len(column)} of another column")
        if self.inclusion is not None and not bool(((self.inclusion > 0) & (self.inclusion <= 1)).all()):
            raise ValueError("inclusion probabilities must be above 0 and at most 1")

    @property
    def weight(self) -> Floats:
        """Design weights, 1 ÷ inclusion probability."""
        return np.ones(len(self.truth)) if self.inclusion is None else 1 / self.inclusion

    @property
    def regimes(self) -> Integers:
        """The regime of every item."""
        return np.zeros(len(self.truth), dtype=np.int64) if self.regime is None else self.regime


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """How labels follow true classes: `rows` (true, predicted) sum to 1, `effective` and `items` (true,) stand behind.

    `effective` is the number of equally weighted items that would leave as much uncertainty about the row as the
    weighted ones do.
    """

    rows: Floats
    effective: Floats
    items: Integers


def confusion(truth: Integers, predicted: Integers, weight: Floats, classes: int) -> Confusion:
    """The confusion matrix of the collected set from an audit with design weights.

    A row is the weighted share of each label among items of a true class. Its uncertainty is that of a ratio under the
    design: Σ w² (1[label = c] − share)² ÷ (Σ w)², summed over labels; the effective number is how many equally weighted
    items have the same sum, at most as many as there are. Equal weights give exactly the counts.
    """
    labels = np.eye(classes)[predicted]
    rows, effective = np.zeros((classes, classes)), np.zeros(classes)
    items = np.bincount(truth, minlength=classes).astype(np.int64)
    for true in range(classes):
        w, said = weight[truth == true], labels[truth == true]
        if not len(w):
            continue
        share = w @ said / w.sum()
        variance = float((w**2) @ ((said - share) ** 2).sum(axis=1)) / float(w.sum()) ** 2
        spread = float(share @ (1 - share))
        kish = float(w.sum() ** 2 / (w @ w))
        rows[true] = share
        effective[true] = min(len(w), spread / variance if variance > 1e-18 else kish)
    return Confusion(rows, effective, items)


def project(points: Floats) -> Floats:
    """The nearest points of the simplex, for points (…, classes) that sum to 1 (Held, Wolfe & Crowder 1974)."""
    classes = points.shape[-1]
    falling = -np.sort(-points, axis=-1)
    excess = (np.cumsum(falling, axis=-1) - 1) / np.arange(1, classes + 1)
    kept = (falling > excess).sum(axis=-1, keepdims=True)
    return np.asarray(np.maximum(points - np.take_along_axis(excess, kept - 1, axis=-1), 0.0))


def _dirichlet(rng: np.random.Generator, alpha: Floats, draws: int) -> Floats:
    """Draws from a Dirichlet distribution per leading index of alpha (…, classes): (draws, …, classes)."""
    gammas = rng.standard_gamma(alpha, size=(draws, *alpha.shape)) + 1e-300
    return np.asarray(gammas / gammas.sum(axis=-1, keepdims=True))


def prevalence_draws(
    shares: Floats, effective: Floats, errors: Confusion, draws: int = DRAWS, seed: int = SEED
) -> tuple[Floats, Floats, float]:
    """Draws of the true class shares (draws, periods, classes) and of the matrix behind each; share of untold draws.

    `shares` (periods, classes) are of labels, `effective` (periods,) their effective numbers. Rows of the matrix and
    label shares have Dirichlet posteriors with one prior item spread evenly; for two classes these are Beta posteriors
    with Jeffreys' prior on sensitivity, specificity and rate. Each draw solves shares = prevalence · matrix (Rogan &
    Gladen 1978) and takes the nearest point of the simplex. A drawn matrix with determinant ≤ 0 (sensitivity +
    specificity ≤ 1) tells nothing; then every prevalence is as good as any, and a uniform one stands in.
    """
    rng = np.random.default_rng(seed)
    classes = shares.shape[1]
    matrix = _dirichlet(rng, errors.rows * errors.effective[:, None] + 1 / classes, draws)
    labels = _dirichlet(rng, shares * effective[:, None] + 1 / classes, draws)
    untold = np.linalg.det(matrix) <= 1e-9
    solvable = np.where(untold[:, None, None], np.eye(classes), matrix)
    prevalence = project(labels @ np.linalg.inv(solvable))
    blank = _dirichlet(rng, np.ones(classes), int(untold.sum()))
    prevalence[untold] = blank[:, None, :]
    return prevalence, matrix, float(untold.mean())


def rogan_gladen(
    cells: Cells,
    audit: Audit,
    measure: Measure,
    *,
    estimand: Estimand = Estimand.TENDENCY,
    effective: Floats | None = None,
    together: bool = False,
    draws: int = DRAWS,
    seed: int = SEED,
) -> tuple[Estimate | Missing, ...]:
    """The measure in each period by Monte-Carlo Rogan–Gladen: median and 2.5 and 97.5 % quantiles of the draws.

    By default the classes are first put together by their role in the measure: two roles make it the binary method, and
    no error rate of a rare class is needed. With `together` the shares of all classes are solved for at once, which
    stays right when the mix of the other classes changes. `effective` (periods,) replaces Kish's effective numbers, for
    items that resemble each other within outlets. Design weights enter through `confusion`.

    For the share in the collected set each draw also draws the true class of every item, given its label: the labels
    are what they are, and only their errors are uncertain.
    """
    roles, _ = measure.roles(cells.weight.shape[2])
    grouped = cells.collapsed(roles)
    table = cells if together else grouped
    role = roles.argmax(axis=1)
    truth, predicted = (audit.truth, audit.predicted) if together else (role[audit.truth], role[audit.predicted])
    classes = table.weight.shape[2]
    errors = confusion(truth, predicted, audit.weight, classes)
    shares = table.shares
    known = grouped.effective if effective is None else effective
    prevalence, matrix, untold = prevalence_draws(shares, known, errors, draws, seed)
    if estimand is Estimand.COLLECTED:
        prevalence = _true_shares(table, prevalence, matrix, seed + 1)
    by_role = prevalence @ roles if together else prevalence
    values = _measured(by_role, np.random.default_rng(seed + 2))
    warnings = list(_audit_warnings(len(audit.truth)))
    if estimand is Estimand.COLLECTED:
        warnings.append(CAUTIOUS)
    if untold >= UNTOLD:
        warnings.append(
            f"in {100 * untold:.0f} % of the draws labels tell nothing about true classes, so the interval is wide"
        )
    reason = ""
    if len(audit.truth) < MIN_ITEMS:
        reason = f"the audit has {len(audit.truth)} items, and error rates need at least {MIN_ITEMS}"
    elif untold > 0.5:
        reason = "by the audit the labels do not tell the classes apart, so no share can be corrected"
    audited = np.full(len(shares), len(audit.truth))
    said = [tuple(warnings)] * len(shares)
    centre = np.median(values, axis=0)
    return _estimates(
        grouped, measure, Method.ROGAN_GLADEN, estimand, centre, values, known, audited, [reason] * len(shares), said
    )


def _true_shares(table: Cells, prevalence: Floats, matrix: Floats, seed: int) -> Floats:
    """True class shares of the items at hand: each draw gives the items of every label true classes by Bayes' rule.

    Weighted items are drawn as Kish's effective number of them per label.
    """
    rng = np.random.default_rng(seed)
    sums = [part.sum(axis=1) for part in (table.weight, table.squares, table.units)]
    held = np.maximum(1, np.rint(effective_number(*sums))).astype(np.int64)
    # (draws, periods, label, true): the chance of each true class behind a label.
    chance = np.einsum("dtj,djc->dtcj", prevalence, matrix)
    total = chance.sum(axis=-1, keepdims=True)
    chance = np.where(total > 0, chance / np.where(total > 0, total, 1), 1 / chance.shape[-1])
    drawn = rng.multinomial(held[None], chance) / held[None, :, :, None]
    return np.asarray(np.einsum("tc,dtcj->dtj", table.shares, drawn))


def _measured(by_role: Floats, rng: np.random.Generator) -> Floats:
    """The measure's share p of draws (…, roles), which may lie outside 0..1 as a difference of means may."""
    inside = np.clip(by_role, 0.0, 1.0)
    positive, rest = inside[..., 0], inside[..., 1]
    base = positive + rest
    # A draw with nothing in the base says nothing about p.
    return np.asarray(np.where(base > 1e-12, positive / np.where(base > 1e-12, base, 1), rng.random(base.shape)))


def _audit_warnings(audited: int) -> tuple[str, ...]:
    if audited >= MIN_AUDIT:
        return ()
    return (f"the audit has {audited} items, fewer than {MIN_AUDIT}, so the correction is rough",)


@dataclass(frozen=True, slots=True, eq=False)
class _NetError:
    """The net error of one regime by role: its mean, its variance and what it shares with the cell's own labels."""

    mean: Floats
    variance: Floats
    shared: Floats
    spread: Floats
    population: float
    items: int


def _net_error(truth: Integers, predicted: Integers, weight: Floats, roles: int, drawn: bool) -> _NetError:
    """Hájek's weighted mean of truth − label and its linearised variance under independent draws (Hájek 1971)."""
    n, total = len(weight), float(weight.sum())
    unit = np.eye(roles)
    error = unit[truth] - unit[predicted]
    mean = weight @ error / total
    apart = error - mean
    spread = (weight[:, None] * apart).T @ apart / total
    # One more item with its error spread over all ways to err: none among thirty does not mean that there are none.
    ways = [np.outer(unit[i] - unit[j], unit[i] - unit[j]) for i in range(roles) for j in range(roles) if i != j]
    weighted = weight[:, None] * apart
    variance = n / (n - 1) * weighted.T @ weighted / total**2 + np.mean(ways, axis=0) / n**2
    labels = unit[predicted] - weight @ unit[predicted] / total
    together = (weight[:, None] * labels).T @ apart / total
    population = total if drawn else np.inf
    return _NetError(mean, variance, (together + together.T) / population, spread, population, n)


@dataclass(frozen=True, slots=True, eq=False)
class _Regime:
    """One regime of the rectified mean: its share of each period's weight and its effective number there, (periods,),
    how many audited items it has, and its net error; None where these are too few.
    """

    number: int
    part: Floats
    effective: Floats
    items: int
    net: _NetError | None

    @property
    def too_few(self) -> str:
        """Why there is no net error."""
        return f"the audit has {self.items} items in regime {self.number}, and a net error needs at least {MIN_ITEMS}"


def _by_regime(cells: Cells, audit: Audit, roles: Floats, regimes: Integers | None) -> list[_Regime]:
    """The regimes that the cells have anything in; `regimes` (periods, outlets) says which is where."""
    place = np.zeros(cells.weight.shape[:2], dtype=np.int64) if regimes is None else regimes
    role, count = roles.argmax(axis=1), roles.shape[1]
    by_outlet = [part.sum(axis=2) for part in (cells.weight, cells.squares, cells.units)]
    total = np.maximum(by_outlet[0].sum(axis=1), 1e-300)
    found = []
    for number in np.unique(place[by_outlet[0] > 0]):
        weight, squares, units = (np.where(place == number, part, 0.0).sum(axis=1) for part in by_outlet)
        mine = audit.regimes == number
        n = int(np.count_nonzero(mine))
        net = None
        if n >= MIN_ITEMS:
            truth, predicted = role[audit.truth[mine]], role[audit.predicted[mine]]
            net = _net_error(truth, predicted, audit.weight[mine], count, audit.inclusion is not None)
        found.append(_Regime(int(number), weight / total, effective_number(weight, squares, units), n, net))
    return found


def rectified(
    cells: Cells,
    audit: Audit,
    measure: Measure,
    *,
    regimes: Integers | None = None,
    estimand: Estimand = Estimand.TENDENCY,
    effective: Floats | None = None,
    draws: int = DRAWS,
    seed: int = SEED,
) -> tuple[Estimate | Missing, ...]:
    """The measure in each period by the rectified mean, within regimes: share of labels + mean of (truth − label).

    This is the difference estimator of survey sampling, design-based supervised learning for a mean (Egami et al. 2023)
    and prediction-powered inference with λ = 1 (Angelopoulos et al. 2023). `regimes` (periods, outlets) gives the
    regime of a period's items, one for all by default; a cell that holds several is corrected part by part. The mean
    error is Hájek's, weighted by 1 ÷ inclusion probability over the sum of these: unlike Horvitz–Thompson's it does not
    depend on how large the regime is said to be, and varies less when the number of audited items varies.

    Interval: quantiles of draws in which the cell's label shares have a Dirichlet posterior with its effective number,
    and the net error is multivariate t with the design variance and n − 1 degrees of freedom of the smallest regime.
    Items that are both in the cell and in the audit count in both parts; their covariance is taken off where inclusion
    probabilities are known. For the share in the collected set the labels are fixed, and the variance is that of the
    audit, with its finite-population correction, and of the cell's errors around their regime's mean.
    """
    roles, count = measure.roles(cells.weight.shape[2])
    grouped = cells.collapsed(roles)
    shares = grouped.shares
    periods = len(shares)
    known = grouped.effective if effective is None else effective
    centre, variance = shares.copy(), np.zeros((periods, count, count))
    audited, freedom = np.zeros(periods, dtype=np.int64), np.full(periods, np.inf)
    reasons = [""] * periods
    for regime in _by_regime(cells, audit, roles, regimes):
        part, net, here = regime.part, regime.net, regime.part > 0
        if net is None:
            said = regime.too_few
            reasons = [reason or said if inside else reason for reason, inside in zip(reasons, here, strict=True)]
            continue
        centre += part[:, None] * net.mean
        if estimand is Estimand.TENDENCY:
            added = np.broadcast_to(net.variance + net.shared, variance.shape)
        else:
            own = 1 / np.maximum(regime.effective, 1e-12) - 2 / net.population
            added = net.variance + own[:, None, None] * net.spread
        variance += np.where(here, part**2, 0.0)[:, None, None] * np.where(here[:, None, None], added, 0.0)
        audited += np.where(here, regime.items, 0)
        freedom = np.where(here, np.minimum(freedom, regime.items - 1), freedom)
    rng = np.random.default_rng(seed)
    labels = shares[None]
    if estimand is Estimand.TENDENCY:
        labels = _dirichlet(rng, shares * known[:, None] + 1 / count, draws)
    sizes, axes = np.linalg.eigh(variance)
    root = axes * np.sqrt(np.maximum(sizes, 0.0))[:, None, :]
    normal = np.einsum("tij,dtj->dti", root, rng.standard_normal((draws, periods, count)))
    finite = np.where(np.isfinite(freedom), freedom, 1.0)
    stretch = np.sqrt(finite / rng.chisquare(finite, size=(draws, periods)))
    values = _measured(labels + (centre - shares) + normal * stretch[:, :, None], rng)
    warnings = [_audit_warnings(len(audit.truth))] * periods
    return _estimates(
        grouped,
        measure,
        Method.RECTIFIED,
        estimand,
        _measured(centre, rng),
        values,
        known,
        audited,
        reasons,
        warnings,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Apart:
    """A corrected series as p in 0..1 with the correction's error kept apart from that of the periods.

    `share` (periods,) is the estimate; `common` (draws, periods) what it would be with the labels as they are and the
    correction drawn again, once for all periods. Both are NaN where `reasons` says why.
    """

    share: Floats
    common: Floats
    reasons: tuple[str, ...]


def apart(
    cells: Cells,
    audit: Audit,
    measure: Measure,
    method: Method,
    *,
    regimes: Integers | None = None,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Apart:
    """The tendency by a corrected method, for comparisons between periods: one audit errs in all of them together.

    The posteriors are those of `rogan_gladen` and `rectified`; what the labels of a period leave uncertain is not in
    the draws, since a comparison sees it in how periods differ.
    """
    roles, count = measure.roles(cells.weight.shape[2])
    shares = cells.collapsed(roles).shares
    rng = np.random.default_rng(seed)
    reasons = np.full(len(shares), "", dtype=object)
    if method is Method.RECTIFIED:
        centre, moved = shares.copy(), np.zeros((draws, *shares.shape))
        for regime in _by_regime(cells, audit, roles, regimes):
            if regime.net is None:
                reasons[regime.part > 0] = regime.too_few
                continue
            sizes, axes = np.linalg.eigh(regime.net.variance + regime.net.shared)
            root, freedom = axes * np.sqrt(np.maximum(sizes, 0.0)), regime.items - 1
            drawn = rng.standard_normal((draws, count)) @ root.T
            drawn *= np.sqrt(freedom / rng.chisquare(freedom, size=draws))[:, None]
            centre += regime.part[:, None] * regime.net.mean
            moved += regime.part[None, :, None] * drawn[:, None, :]
        share, common = _measured(centre, rng), _measured(centre + moved, rng)
    else:
        role = roles.argmax(axis=1)
        errors = confusion(role[audit.truth], role[audit.predicted], audit.weight, count)
        matrix = _dirichlet(rng, errors.rows * errors.effective[:, None] + 1 / count, draws)
        told = matrix[np.linalg.det(matrix) > 1e-9]
        if len(audit.truth) < MIN_ITEMS or len(told) < draws / 2:
            reasons[:] = "the audit says too little of how labels follow true classes"
            told = np.eye(count)[None]
        common = _measured(project(shares @ np.linalg.inv(told)), rng)[np.arange(draws) % len(told)]
        share = np.median(common, axis=0)
    missing = reasons != ""
    share, common = np.where(missing, np.nan, share), np.where(missing, np.nan, common)
    return Apart(share, common, tuple(str(reason) for reason in reasons))


def _estimates(
    grouped: Cells,
    measure: Measure,
    method: Method,
    estimand: Estimand,
    centre: Floats,
    values: Floats,
    known: Floats,
    audited: Integers,
    reasons: list[str],
    warnings: list[tuple[str, ...]],
) -> tuple[Estimate | Missing, ...]:
    """From values and draws of p per period to estimates, or to the reason why there is none."""
    lows, highs = np.quantile(values, [0.025, 0.975], axis=0)
    spread, middle = values.var(axis=0), values.mean(axis=0)
    counted = grouped.units.sum(axis=1)[:, :2].sum(axis=1)
    base = grouped.shares[:, :2].sum(axis=1)
    found: list[Estimate | Missing] = []
    for t, p in enumerate(float(value) for value in centre):
        n = int(counted[t] + 1e-9)
        if n < MIN_ITEMS:
            found.append(too_few(n))
            continue
        if reasons[t]:
            found.append(Missing(reasons[t], n))
            continue
        limit = min(float(n), float(known[t] * base[t]))
        effective = limit if spread[t] <= 0 else min(limit, float(middle[t] * (1 - middle[t]) / spread[t]))
        low, high = min(float(lows[t]), p), max(float(highs[t]), p)
        found.append(
            Estimate(
                measure.scaled(p),
                measure.scaled(low),
                measure.scaled(high),
                n,
                estimand,
                method,
                effective,
                int(audited[t]),
                warnings[t],
            )
        )
    return tuple(found)


def too_few(n: int) -> Missing:
    """Why fewer than MIN_ITEMS items make no percentage."""
    if not n:
        return Missing("nothing was collected here", 0)
    return Missing(f"{n} {'item makes' if n == 1 else 'items make'} no percentage; {MIN_ITEMS} are needed", n)


def gap(one: Estimate | Missing, other: Estimate | Missing) -> str | None:
    """A sentence when neither estimate lies in the other's interval: an assumption of one of them does not hold."""
    if isinstance(one, Missing) or isinstance(other, Missing):
        return None
    if other.low <= one.value <= other.high or one.low <= other.value <= one.high:
        return None
    return (
        f"{one.method} says {one.value:.2f} and {other.method} {other.value:.2f}, each outside the other's interval: "
        "error rates or net errors are not as stable as one of them assumes; quote neither before the audit is larger"
    )
