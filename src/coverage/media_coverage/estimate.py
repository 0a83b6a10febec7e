"""Shares with intervals. Pure functions of counts.

Every interval here is *uncorrected*: it covers the chance of which articles appeared, not the classifier's errors.
correction.py takes those out with an audit sample; what an estimate is, and what is measured, stands here.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from .quantiles import beta_quantile, t_quantile

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from .framing import Frames

    Floats = npt.NDArray[np.float64]

Z95 = 1.959963984540054
MIN_ITEMS = 15
"""Fewer items than this make no percentage (rule of thumb for binomial proportions): counts only."""

UNCORRECTED = "uncorrected: excludes classifier error"


SEED = 20260203
"""Of everything that is drawn: the same articles and codes give the same interval."""

RESAMPLES = 500


class Estimand(StrEnum):
    """What a share is a share of."""

    COLLECTED = "share in the collected set"
    """Among the articles that were collected in the period: they are all there, only their true codes are unknown."""

    TENDENCY = "framing tendency"
    """What the press would show on average if the period were run again; the one to compare periods by."""

    @property
    def words(self) -> str:
        """The question that is answered, for readers."""
        if self is Estimand.COLLECTED:
            return "the share in the collected set: of the articles that are there, how many carry it"
        return "the framing tendency: what the press would show on average if the period were run again"


class Method(StrEnum):
    """How a value and its interval were reached."""

    WILSON = "Wilson"
    JEFFREYS = "Jeffreys"
    OUTLETS = "outlet-cluster bootstrap"
    ROGAN_GLADEN = "Monte-Carlo Rogan–Gladen"
    RECTIFIED = "rectified mean"

    @property
    def corrected(self) -> bool:
        """Whether classifier error is taken out, and its uncertainty in the interval."""
        return self in {Method.ROGAN_GLADEN, Method.RECTIFIED}


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval and what stands behind it.

    `n` counts items (articles, or stories where these are counted once); `effective_n` is how many independent and
    rightly coded items would give as narrow an interval, never more than n; `audited_n` counts the coded items that a
    correction rests on. `warnings` are sentences.
    """

    value: float
    low: float
    high: float
    n: int
    estimand: Estimand = Estimand.TENDENCY
    method: Method = Method.WILSON
    effective_n: float | None = None
    audited_n: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def standard_error(self) -> float:
        """The interval's half-width over 1.96, for methods that want one number."""
        return (self.high - self.low) / (2 * Z95)


@dataclass(frozen=True, slots=True)
class Missing:
    """Why there is no estimate, in one sentence, and how many items there are."""

    reason: str
    n: int = 0


@dataclass(frozen=True, slots=True)
class Measure:
    """A share of the classes `base` that is `positive`, given as class numbers; 0..1, or −1..1 for an index.

    An index is positive minus the rest of the base, over the base: 2p − 1 for the share p. So every method estimates p,
    and an index has its interval by the same rule. Raises ValueError unless positive is a proper part of base.
    """

    name: str
    positive: tuple[int, ...]
    base: tuple[int, ...]
    index: bool = False

    def __post_init__(self) -> None:
        if not set(self.positive) < set(self.base) or not self.positive:
            raise ValueError(f"{self.name}: the positive classes must be some, and not all, of the base")

    def roles(self, classes: int) -> tuple[Floats, int]:
        """Which class plays which role, (classes, roles) of 0 and 1, and how many roles occur, two or three.

        Roles are positive, the rest of the base and, if any class is left, outside the base.
        """
        role = [0 if k in self.positive else 1 if k in self.base else 2 for k in range(classes)]
        count = max(role) + 1
        return np.eye(count)[role], count

    def scaled(self, p: float) -> float:
        """From the share p to the measure's own scale."""
        return 2 * p - 1 if self.index else p

    def share(self, value: float) -> float:
        """From the measure's own scale back to the share p."""
        return (value + 1) / 2 if self.index else value


def measures(frames: Frames) -> tuple[Measure, ...]:
    """The share of each label among on-topic texts, and the net framing index.

    Classes are numbered as in `frames.labels`; any further class (off topic) is outside every base.
    """
    base = tuple(range(len(frames.labels)))
    shares = (Measure(f"share_{label}", (k,), base) for k, label in enumerate(frames.labels))
    return (*shares, Measure("index", (0,), (0, 1), index=True))


def wilson(p: float, n: float, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval (Wilson 1927) for a share p of n items; n need not be whole. Ends touch 0 and 1."""
    z2 = z * z
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    # The bounds touch 0 and 1 exactly at the ends; rounding must not push them outside.
    return 0.0 if p <= 0 else max(0.0, centre - half), 1.0 if p >= 1 else min(1.0, centre + half)


def jeffreys(p: float, n: float) -> tuple[float, float]:
    """Jeffreys' interval for a share p of n items, with 0 and 1 as bounds at the ends (Brown, Cai & DasGupta 2001)."""
    k = p * n
    low = 0.0 if p <= 0 else beta_quantile(0.025, k + 0.5, n - k + 0.5)
    high = 1.0 if p >= 1 else beta_quantile(0.975, k + 0.5, n - k + 0.5)
    return low, high


def share(k: int, n: int) -> Estimate | None:
    """k of n as a share in 0..1 with Wilson's interval; None for n = 0."""
    if n <= 0:
        return None
    return Estimate(k / n, *wilson(k / n, n), n, effective_n=float(n))


def net_framing_index(first: int, second: int) -> Estimate | None:
    """(first − second) ÷ (first + second), from −1 to +1; None without a framed article.

    It is 2p − 1 for the share p of the first frame among framed articles, and its interval is the Wilson interval
    of p mapped the same way.
    """
    p = share(first, first + second)
    if p is None:
        return None
    return Estimate(2 * p.value - 1, 2 * p.low - 1, 2 * p.high - 1, p.n, effective_n=p.effective_n)


@functools.lru_cache(maxsize=128)
def _draws(outlets: int, resamples: int, seed: int) -> Floats:
    """How often each outlet is drawn in each resample, (resamples, outlets): the same for every share of a seed."""
    drawn = np.random.default_rng(seed).multinomial(outlets, np.full(outlets, 1 / outlets), size=resamples)
    return drawn.astype(np.float64)


def outlet_bootstrap(
    positive: Floats, base: Floats, n: float, *, resamples: int = RESAMPLES, seed: int = SEED
) -> tuple[float, float, float] | None:
    """A share whose items are not independent within outlets: its interval and its effective n; None for one outlet.

    `positive` and `base` (outlets,) are sums of item weights, `n` the effective number of items were they independent.
    Outlets are drawn with replacement; the variance of the resampled share, times C ÷ (C − 1) for C outlets, gives the
    effective n, and that Wilson's interval, with Student's t for C − 1 degrees of freedom. The percentile interval of
    the same draws covers 90 to 92 % where this one covers 95 to 98 % (docs/methods.md). Where no outlet differs from
    another, because all items are positive or none is, each outlet counts as one item in proportion to its size.
    """
    positive, base = positive[base > 0], base[base > 0]
    outlets = len(base)
    if outlets < 2:
        return None
    p = float(positive.sum() / base.sum())
    drawn = _draws(outlets, resamples, seed)
    variance = float(np.var((drawn @ positive) / (drawn @ base))) * outlets / (outlets - 1)
    if variance > 1e-18:
        effective = min(n, p * (1 - p) / variance)
    else:
        effective = min(n, float(base.sum() ** 2 / (base**2).sum()))
    return *wilson(p, effective, t_quantile(0.975, outlets - 1)), effective


def with_intervals(counts: pd.DataFrame, frames: Frames) -> pd.DataFrame:
    """Add to each row its shares and the net framing index, each with interval.

    `counts` has `articles` and one column per label. New columns: `share_<label>`, `share_<label>_low`,
    `share_<label>_high` in 0..1; `index`, `index_low`, `index_high` in −1..1 and `index_n`. They are missing
    (NaN) where fewer than MIN_ITEMS items stand behind them.
    """
    frame = counts.copy()
    for label in frames.labels:
        estimates = [share(int(k), int(n)) for k, n in zip(frame[label], frame["articles"], strict=True)]
        _add(frame, f"share_{label}", estimates)
    framed = zip(*(frame[name] for name in frames.names), strict=True)
    indices = [net_framing_index(int(first), int(second)) for first, second in framed]
    _add(frame, "index", indices)
    frame["index_n"] = [0 if e is None else e.n for e in indices]
    return frame


def _add(frame: pd.DataFrame, name: str, estimates: list[Estimate | None]) -> None:
    kept = [e if e is not None and e.n >= MIN_ITEMS else None for e in estimates]
    for column, field in ((name, "value"), (f"{name}_low", "low"), (f"{name}_high", "high")):
        frame[column] = [math.nan if e is None else getattr(e, field) for e in kept]
