"""Quantiles of the Beta and t distributions, which numpy does not have. Pure functions of numbers."""

from __future__ import annotations

import math
from functools import lru_cache


def beta_cdf(x: float, a: float, b: float) -> float:
    """P(X ≤ x) for X ~ Beta(a, b), a and b above 0: the continued fraction 8.17.22 of the DLMF, by Lentz's method."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # beyond it the fraction converges slowly
        return 1 - beta_cdf(1 - x, b, a)
    tiny = 1e-300
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    value, c, d = 1.0, 1.0, 0.0
    for step in range(20_000):
        m = step // 2
        if step == 0:
            term = 1.0
        elif step % 2 == 0:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / ((1 + term * d) or tiny)
        c = (1 + term / c) or tiny
        value *= c * d
        if step and abs(1 - c * d) < 1e-15:
            break
    return front * (value - 1) / a


def beta_quantile(q: float, a: float, b: float) -> float:
    """The x with P(X ≤ x) = q for X ~ Beta(a, b): Newton's method, kept inside a bracket by bisection."""
    low, high, x = 0.0, 1.0, a / (a + b)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    for _ in range(200):
        miss = beta_cdf(x, a, b) - q
        low, high = (low, x) if miss > 0 else (x, high)
        log_density = log_front + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x)
        step = miss * math.exp(-log_density) if abs(log_density) < 600 else math.inf
        after = x - step if low < x - step < high else (low + high) / 2
        if abs(after - x) <= 1e-14 * x or after in {0.0, 1.0}:
            return after
        x = after
    return x


@lru_cache(maxsize=1024)
def t_quantile(q: float, df: float) -> float:
    """The quantile of Student's t for ½ ≤ q < 1, through the Beta distribution of df ÷ (df + t²)."""
    x = beta_quantile(2 * (1 - q), df / 2, 0.5)
    return math.sqrt(df * (1 / x - 1))
