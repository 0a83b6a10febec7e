"""Scores, thresholds and calibration, all from logits and codes held in plain arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LABELS = ("neither", "hopeful_peace", "appeasement", "mixed")
SCORED = (1, 2, 0)


def sigmoid(values: Array) -> Array:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * values)), dtype=np.float64)


def labels_of(frames: NDArray[np.bool_] | Array) -> NDArray[np.int64]:
    """Label index from the two frame columns (hope, appease)."""
    return np.asarray(frames[:, 0] > 0, dtype=np.int64) + 2 * np.asarray(frames[:, 1] > 0, dtype=np.int64)


def class_f1(gold: NDArray[np.int64], predicted: NDArray[np.int64], label: int) -> float:
    hits = int(np.sum((gold == label) & (predicted == label)))
    total = int(np.sum(gold == label) + np.sum(predicted == label))
    return 2.0 * hits / total if total else 0.0


def macro_f1(gold: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    """Mean F1 of hopeful_peace, appeasement and neither; gold mixed items are left out."""
    kept = gold != LABELS.index("mixed")
    return float(np.mean([class_f1(gold[kept], predicted[kept], label) for label in SCORED]))


def average_precision(codes: Array, scores: Array) -> float:
    order = np.argsort(-scores, kind="stable")
    hits = codes[order] > 0
    if not hits.any():
        return float("nan")
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean())


def binary_f1(codes: Array, chosen: NDArray[np.bool_]) -> float:
    total = float(codes.sum() + chosen.sum())
    return float(2.0 * np.sum(codes[chosen])) / total if total else 0.0


def calibration_error(codes: Array, probabilities: Array, bins: int = 10) -> float:
    """Expected calibration error over equal-width bins."""
    place = np.minimum((probabilities * bins).astype(int), bins - 1)
    error = 0.0
    for b in range(bins):
        inside = place == b
        if inside.any():
            error += float(inside.mean()) * abs(float(codes[inside].mean() - probabilities[inside].mean()))
    return error


def fit_platt(logits: Array, codes: Array, steps: int = 100) -> tuple[float, float]:
    """Scale and bias that make sigmoid(scale * logit + bias) a calibrated probability.

    Newton's method with step halving; the codes are pulled in slightly, as Platt proposed, so that
    separable data cannot push the scale to infinity.
    """
    positives = float(codes.sum())
    high, low = (positives + 1) / (positives + 2), 1 / (len(codes) - positives + 2)
    targets = np.where(codes > 0, high, low)

    def loss(point: Array) -> float:
        z = point[0] * logits + point[1]
        return float(np.sum(np.logaddexp(0.0, z) - targets * z))

    point = np.array([1.0, 0.0])
    design = np.stack([logits, np.ones_like(logits)])
    for _ in range(steps):
        p = sigmoid(point[0] * logits + point[1])
        slope = design @ (p - targets)
        curve = (design * (p * (1 - p))) @ design.T + 1e-9 * np.eye(2)
        step = np.linalg.solve(curve, slope)
        size = 1.0
        while size > 1e-6 and loss(point - size * step) > loss(point):
            size /= 2
        point = point - size * step
        if float(np.abs(size * step).max()) < 1e-8:
            break
    return float(point[0]), float(point[1])


GRID = np.arange(0.10, 0.805, 0.01)


def _smooth(values: Array, width: int) -> Array:
    """Moving average with shrinking ends: a flat top beats a lucky spike."""
    return np.array([values[max(0, i - width) : i + width + 1].mean() for i in range(len(values))])


def frame_thresholds(codes: Array, frames: Array) -> tuple[float, float]:
    """Thresholds on the calibrated frame probabilities that serve macro-F1 best, read off a smoothed surface."""
    gold = labels_of(codes)
    kept = gold != LABELS.index("mixed")
    gold, frames = gold[kept], frames[kept]
    # Rows: thresholds, columns: items that reach them; the products count every pair of thresholds at once.
    hope, appease = ((frames[:, k] >= GRID[:, None]).astype(float) for k in (0, 1))
    sides = {1: (hope, 1 - appease), 2: (1 - hope, appease), 0: (1 - hope, 1 - appease)}
    surface = np.zeros((len(GRID), len(GRID)))
    for label, (left, right) in sides.items():
        is_label = (gold == label).astype(float)
        surface += 2 * ((left * is_label) @ right.T) / (left @ right.T + is_label.sum() + 1e-12) / len(sides)
    for axis in (0, 1):
        surface = np.apply_along_axis(_smooth, axis, surface, 4)
    h, a = np.unravel_index(int(surface.argmax()), surface.shape)
    return float(GRID[h]), float(GRID[a])


def binary_threshold(codes: Array, probabilities: Array) -> float:
    curve = np.array([binary_f1(codes, probabilities >= t) for t in GRID])
    return float(GRID[int(_smooth(curve, 4).argmax())])


def uncertain_band(codes: Array, probabilities: Array, threshold: float, rate: float = 0.25) -> tuple[float, float]:
    """Widest band around the threshold whose edges still have an error rate of at least ``rate``.

    Grown in steps of .05; the rate is read off the tenth beyond each edge, for enough items.
    """
    wrong = (probabilities >= threshold) != (codes > 0)

    def error_rate(low: float, high: float) -> float:
        inside = (probabilities >= low) & (probabilities < high)
        return float(wrong[inside].mean()) if inside.any() else 0.0

    low = high = threshold
    while low > 0.1 and error_rate(low - 0.1, low) >= rate:
        low -= 0.05
    while high < 0.9 and error_rate(high, high + 0.1) >= rate:
        high += 0.05
    return round(low, 2), round(high, 2)


def bootstrap(
    gold: NDArray[np.int64], predicted: NDArray[np.int64], draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """95 % percentile interval of macro-F1 over resampled items."""
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(draws):
        pick = rng.integers(0, len(gold), len(gold))
        values.append(macro_f1(gold[pick], predicted[pick]))
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
