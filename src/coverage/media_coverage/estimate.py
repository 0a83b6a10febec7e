"""Shares with intervals. Pure functions of counts.

Everything here is *uncorrected*: the intervals cover the chance of which articles appeared, not the
classifier's errors. An audit sample is needed for those.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from .framing import Frames

Z95 = 1.959963984540054
MIN_ITEMS = 15
"""Fewer items than this make no percentage (rule of thumb for binomial proportions): counts only."""

UNCORRECTED = "uncorrected: excludes classifier error"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval and the number of items behind it."""

    value: float
    low: float
    high: float
    n: int


def share(k: int, n: int) -> Estimate | None:
    """k of n as a share in 0..1 with the Wilson score interval (Wilson 1927); None for n = 0."""
    if n <= 0:
        return None
    p, z2 = k / n, Z95 * Z95
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    # The bounds touch 0 and 1 exactly at the ends; rounding must not push them outside.
    return Estimate(p, 0.0 if k == 0 else max(0.0, centre - half), 1.0 if k == n else min(1.0, centre + half), n)


def net_framing_index(first: int, second: int) -> Estimate | None:
    """(first − second) ÷ (first + second), from −1 to +1; None without a framed article.

    It is 2p − 1 for the share p of the first frame among framed articles, and its interval is the Wilson interval
    of p mapped the same way.
    """
    p = share(first, first + second)
    return None if p is None else Estimate(2 * p.value - 1, 2 * p.low - 1, 2 * p.high - 1, p.n)


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
