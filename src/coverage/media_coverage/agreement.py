"""Do coders agree? Krippendorff's alpha for nominal codes, with an interval over units. Pure functions of codes.

Alpha is 1 − (observed ÷ expected disagreement): 1 for coders who always agree, 0 for coders who code by chance with
the frequencies that the codes have. It takes any number of coders and missing codes (Krippendorff 2019, Content
Analysis, 4th ed., ch. 12). Everything here follows from one table: how often each unit got each code.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FIRM, TENTATIVE = 0.8, 0.667
"""Krippendorff's customary limits: firm conclusions from .800 on, tentative ones from .667 on, none below."""

RESAMPLES = 2000
SEED = 20260203
UNDEFINED = 0.05
"""Share of resamples without an alpha from which on there is no interval."""


@dataclass(frozen=True, slots=True)
class Alpha:
    """Krippendorff's alpha with its 95 % interval, both None where `reason` says why there is none.

    `units` are those with at least two codes and `codes` their codes; nothing else enters.
    """

    value: float | None
    low: float | None
    high: float | None
    units: int
    codes: int
    reason: str = ""

    @property
    def verdict(self) -> str:
        """What the customary limits say about this alpha, in one sentence."""
        if self.value is None:
            return f"No verdict: {self.reason}."
        if self.value >= FIRM:
            said, floor = f"at or above {_short(FIRM)}: firm conclusions are customary", FIRM
        elif self.value >= TENTATIVE:
            said, floor = f"between {_short(TENTATIVE)} and {_short(FIRM)}: only tentative conclusions", TENTATIVE
        else:
            return f"Alpha {_short(self.value)} is below {_short(TENTATIVE)}: do not publish a series of these codes."
        doubt = ""
        if self.low is None:
            doubt = f"; there is no interval, because {self.reason}"
        elif self.low < floor:
            doubt = f"; its interval reaches down to {_short(self.low)}, so {_short(floor)} is not secured"
        return f"Alpha {_short(self.value)} is {said}{doubt}."


@dataclass(frozen=True, slots=True)
class ClassAgreement:
    """Agreement on one code against all others.

    `frequency` is the code's share of all codes. `positive` is the positive (specific) agreement: given that a coder
    used the code, the chance that another coder of the same unit did too (Cicchetti & Feinstein 1990, for two coders);
    None where nobody used it.
    """

    name: str
    frequency: float
    positive: float | None
    alpha: Alpha


@dataclass(frozen=True, slots=True)
class Pair:
    """Two coders on the units that both coded. `table[i][j]`: the first gave class i, the second class j."""

    first: str
    second: str
    table: tuple[tuple[int, ...], ...]
    units: int
    agreement: float
    alpha: Alpha


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far coders agree on one variable.

    `observed` is the percent agreement as a share 0..1: how often two codes of one unit are the same, every code
    weighing the same; None without a unit that two coders coded.
    """

    classes: tuple[str, ...]
    coders: tuple[str, ...]
    alpha: Alpha
    observed: float | None
    by_class: tuple[ClassAgreement, ...]
    pairs: tuple[Pair, ...]


def _short(value: float) -> str:
    """ ".67", "−.03" or "1.00": three decimals only where they are not zero."""
    text = f"{value:.3f}"
    return (text[:-1] if text.endswith("0") else text).replace("0.", ".", 1).replace("-", "−")


def _disagreement(table: Floats) -> Floats:
    """Observed disagreement of each unit, (units,): pairs of different codes over codes less one."""
    sizes = table.sum(axis=1)
    return np.asarray((sizes * sizes - (table * table).sum(axis=1)) / (sizes - 1))


def _statistics(disagreement: Floats, totals: Floats) -> Floats:
    """Alpha from the observed disagreement, summed over units, and the totals of each code (…, classes).

    With coincidences o, as many as codes: alpha = 1 − (n − 1) · Σ o_ck ÷ Σ n_c n_k over c ≠ k. NaN where
    one code is all there is.
    """
    n = totals.sum(axis=-1)
    expected = n * n - (totals * totals).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(expected > 0, 1 - (n - 1) * disagreement / expected, np.nan))


def coefficient(counts: Floats) -> float:
    """Krippendorff's alpha of a table as `alpha` takes it, each unit with two codes at least; NaN for a single code."""
    return float(_statistics(_disagreement(counts).sum(), counts.sum(axis=0)))


def alpha(counts: npt.ArrayLike, *, resamples: int = RESAMPLES, seed: int = SEED) -> Alpha:
    """Krippendorff's alpha for nominal codes. `counts` (units, classes): how often each unit got each code.

    The interval is the 95 % percentile interval of a bootstrap over units (Efron 1979): units are what was sampled, and
    a resampled unit keeps its coders and its gaps. Krippendorff's own bootstrap draws pairs as if each were independent
    and keeps the expected disagreement fixed, which is too sure of itself when few units carry a rare code. Without a
    single disagreement resampling shows no spread: then the lower bound is alpha at the highest rate of disagreeing
    units that is still compatible with none among so many (Clopper–Pearson).
    """
    table = np.asarray(counts, dtype=float)
    if table.ndim != 2 or not np.all(np.isfinite(table)) or bool((table < 0).any()):
        raise ValueError("counts must be a table (units, classes) of numbers that are not negative")
    table = table[table.sum(axis=1) >= 2]
    units, codes = len(table), int(table.sum())
    if not units:
        return Alpha(None, None, None, 0, 0, "no unit has codes of two coders")
    totals = table.sum(axis=0)
    if np.count_nonzero(totals) < 2:
        reason = "all codes are the same, so agreement cannot be told from never using another code"
        return Alpha(None, None, None, units, codes, reason)
    value = coefficient(table)
    if units == 1:
        return Alpha(value, None, None, units, codes, "one unit cannot be resampled")
    if not _disagreement(table).any():
        rate = 1 - 0.025 ** (1 / units)
        n = float(totals.sum())
        chance = float(n * n - (totals * totals).sum()) / (n * (n - 1))
        return Alpha(value, max(-1.0, 1 - rate / chance), 1.0, units, codes)
    # Units with the same codes are interchangeable, so a resample is drawn by how often each kind of unit is in it.
    kinds, often = np.unique(table, axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(units, often / units, size=resamples).astype(float)
    draws = _statistics(drawn @ _disagreement(kinds), drawn @ kinds)
    defined = draws[np.isfinite(draws)]
    if len(defined) < (1 - UNDEFINED) * resamples:
        reason = "a code is so rare that many resamples hold one code only"
        return Alpha(value, None, None, units, codes, reason)
    low, high = (float(bound) for bound in np.quantile(defined, [0.025, 0.975]))
    return Alpha(value, min(low, value), max(high, value), units, codes)


def _classes(counts: Floats, names: Sequence[str], resamples: int, seed: int) -> tuple[ClassAgreement, ...]:
    sizes = counts.sum(axis=1)
    kept = counts[sizes >= 2]
    sizes = sizes[sizes >= 2]
    totals, n = kept.sum(axis=0), float(kept.sum())
    same = (kept * (kept - 1) / (sizes - 1)[:, None]).sum(axis=0) if len(kept) else np.zeros(len(names))
    found = []
    for k, name in enumerate(names):
        against_rest = np.stack([kept[:, k], sizes - kept[:, k]], axis=1)
        found.append(
            ClassAgreement(
                name,
                frequency=float(totals[k]) / n if n else 0.0,
                positive=float(same[k] / totals[k]) if totals[k] else None,
                alpha=alpha(against_rest, resamples=resamples, seed=seed),
            )
        )
    return tuple(found)


def agreement(
    codes: Iterable[tuple[str, str, str]],
    classes: Sequence[str] = (),
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Agreement:
    """Agreement of coders on one variable. `codes` are (coder, unit, code); a missing code is a missing row.

    `classes` gives the order of the codes and may name some that nobody used; without it they are sorted. Raises
    ValueError for two codes of one unit by one coder and for a code that `classes` does not name.
    """
    given: dict[tuple[str, str], str] = {}
    for coder, unit, code in codes:
        if (coder, unit) in given:
            raise ValueError(f"{coder} coded {unit} twice; agreement of a coder with themselves is another question")
        given[coder, unit] = code
    names = tuple(classes) or tuple(sorted(set(given.values())))
    if unknown := set(given.values()) - set(names):
        raise ValueError(f"the code {min(unknown)!r} is none of {', '.join(names)}")
    coders = tuple(sorted({coder for coder, _ in given}))
    units = {unit: number for number, unit in enumerate(sorted({unit for _, unit in given}))}
    place, number_of = {name: k for k, name in enumerate(names)}, {coder: i for i, coder in enumerate(coders)}
    chosen = np.full((len(coders), len(units)), -1, dtype=np.int64)
    for (coder, unit), code in given.items():
        chosen[number_of[coder], units[unit]] = place[code]
    counts = (chosen[:, :, None] == np.arange(len(names))).sum(axis=0).astype(float)
    sizes = counts.sum(axis=1)
    paired = counts[sizes >= 2]
    observed = None
    if len(paired):
        agreeing = (paired * (paired - 1)).sum(axis=1) / (sizes[sizes >= 2] - 1)
        observed = float(agreeing.sum() / paired.sum())
    return Agreement(
        classes=names,
        coders=coders,
        alpha=alpha(counts, resamples=resamples, seed=seed),
        observed=observed,
        by_class=_classes(counts, names, resamples, seed),
        pairs=tuple(_pairs(chosen, coders, len(names), resamples, seed)),
    )


def _pairs(chosen: Integers, coders: Sequence[str], k: int, resamples: int, seed: int) -> Iterable[Pair]:
    """Every two coders that share a unit."""
    for i, j in combinations(range(len(coders)), 2):
        both = (chosen[i] >= 0) & (chosen[j] >= 0)
        units = int(np.count_nonzero(both))
        if not units:
            continue
        table = np.zeros((k, k), dtype=np.int64)
        np.add.at(table, (chosen[i, both], chosen[j, both]), 1)
        counts = (chosen[[i, j]][:, both, None] == np.arange(k)).sum(axis=0)
        yield Pair(
            coders[i],
            coders[j],
            tuple(tuple(int(n) for n in row) for row in table),
            units,
            float(np.trace(table)) / units,
            alpha(counts, resamples=resamples, seed=seed),
        )
