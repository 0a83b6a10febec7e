"""From a network's logits and coders' codes to a Decision: calibration, thresholds, uncertain bands. Arrays only.

Everything here has to see logits of items that the network has not learned from, or it calibrates on memory.
Logits and codes are (items, 3): relevance, first frame, second frame. Frames count on relevant items only, which is
where they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .framing import Decision

if TYPE_CHECKING:
    from .framing import Frames
    from .records import Framing

Array = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

GRID = np.arange(0.10, 0.805, 0.01)
"""Thresholds tried."""

SMOOTHING = 4
"""Grid steps to each side over which a score is averaged: a flat top beats a lucky spike."""

BAND_ERROR_RATE = 0.25
"""Share of wrong codes that marks a probability as uncertain."""


def sigmoid(values: Array) -> Array:
    """The logistic function, without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * values)), dtype=np.float64)


def platt(logits: Array, codes: Array, steps: int = 100) -> tuple[float, float]:
    """Scale and bias that make sigmoid(scale · logit + bias) a calibrated probability (Platt 1999).

    Newton's method with step halving. The codes are pulled in slightly, as Platt proposed, so that separable data
    cannot push the scale to infinity.
    """
    positives = float(codes.sum())
    targets = np.where(codes > 0, (positives + 1) / (positives + 2), 1 / (len(codes) - positives + 2))

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


def ridge(features: Array, positive: Booleans, penalty: float, steps: int = 50) -> tuple[Array, float]:
    """Weights and bias of a logistic regression on (items, features), by Newton's method.

    Least is the summed loss and half the penalty times the squared length of the weights; the bias goes free.
    """
    design = np.column_stack([features, np.ones(len(features))])
    shrink = np.append(np.full(features.shape[1], penalty), 1e-9)
    point = np.zeros(design.shape[1])
    for _ in range(steps):
        p = sigmoid(design @ point)
        slope = design.T @ (p - positive) + shrink * point
        step = np.linalg.solve((design * (p * (1 - p))[:, None]).T @ design + np.diag(shrink), slope)
        point = point - step
        if float(np.abs(step).max()) < 1e-8:
            break
    return point[:-1], float(point[-1])


def _smooth(values: Array) -> Array:
    """Moving average with shrinking ends."""
    return np.array([values[max(0, i - SMOOTHING) : i + SMOOTHING + 1].mean() for i in range(len(values))])


def binary_threshold(codes: Array, probabilities: Array) -> float:
    """The threshold with the best F1 of the positive code, read off the smoothed curve."""
    reached = (probabilities >= GRID[:, None]).astype(float)
    curve = 2 * (reached @ codes) / np.maximum(reached.sum(axis=1) + codes.sum(), 1)
    return float(GRID[int(_smooth(curve).argmax())])


def frame_thresholds(codes: Array, probabilities: Array) -> tuple[float, float]:
    """The pair of thresholds with the best macro-F1 over first, second and neither, read off the smoothed surface.

    `codes` and `probabilities` are (relevant items, 2). Items coded with both frames are left out.
    """
    single = codes.sum(axis=1) < 2
    codes, probabilities = codes[single], probabilities[single]
    # Rows: thresholds, columns: items that reach them; the products count every pair of thresholds at once.
    first, second = ((probabilities[:, k] >= GRID[:, None]).astype(float) for k in (0, 1))
    predicted = ((first, 1 - second), (1 - first, second), (1 - first, 1 - second))
    truth = (codes[:, 0], codes[:, 1], 1 - codes.sum(axis=1))
    surface = np.zeros((len(GRID), len(GRID)))
    for coded, (left, right) in zip(truth, predicted, strict=True):
        surface += 2 * ((left * coded) @ right.T) / np.maximum(left @ right.T + coded.sum(), 1) / len(truth)
    for axis in (0, 1):
        surface = np.apply_along_axis(_smooth, axis, surface)
    row, column = np.unravel_index(int(surface.argmax()), surface.shape)
    return float(GRID[row]), float(GRID[column])


def uncertain_band(codes: Array, probabilities: Array, threshold: float) -> tuple[float, float]:
    """Widest band around the threshold whose edges still have an error rate of at least BAND_ERROR_RATE.

    Grown in steps of .05; the rate is read off the tenth beyond each edge, for enough items.
    """
    wrong = (probabilities >= threshold) != (codes > 0)

    def error_rate(low: float, high: float) -> float:
        inside = (probabilities >= low) & (probabilities < high)
        return float(wrong[inside].mean()) if inside.any() else 0.0

    low = high = threshold
    while low > 0.1 and error_rate(low - 0.1, low) >= BAND_ERROR_RATE:
        low -= 0.05
    while high < 0.9 and error_rate(high, high + 0.1) >= BAND_ERROR_RATE:
        high += 0.05
    return low, high


def fit(logits: Array, codes: Array, frames: Frames) -> Decision:
    """Calibration, thresholds and bands from held-out logits, rounded as they are stored."""
    rows = [np.ones(len(codes), dtype=bool), codes[:, 0] > 0, codes[:, 0] > 0]
    chances = np.zeros_like(logits)
    calibration = {}
    for k, name in enumerate(frames.outputs):
        scale, bias = (round(value, 6) for value in platt(logits[rows[k], k], codes[rows[k], k]))
        calibration[name] = scale, bias
        chances[:, k] = sigmoid(scale * logits[:, k] + bias)
    cuts = (binary_threshold(codes[:, 0], chances[:, 0]), *frame_thresholds(codes[rows[1], 1:], chances[rows[1], 1:]))
    thresholds = {name: round(cut, 2) for name, cut in zip(frames.outputs, cuts, strict=True)}
    bands = {}
    for k, name in enumerate(frames.outputs):
        low, high = uncertain_band(codes[rows[k], k], chances[rows[k], k], thresholds[name])
        bands[name] = round(low, 2), round(high, 2)
    return Decision(frames, calibration, thresholds, bands)


def decide(decision: Decision, logits: Array) -> list[Framing]:
    """One Framing per row."""
    return [decision.framing(decision.probabilities([float(value) for value in row])) for row in logits]


def cross_fit(logits: Array, codes: Array, fold_of: npt.NDArray[np.int64], frames: Frames) -> list[Framing]:
    """One Framing per row, decided by what the other folds' logits and codes say: unbiased figures."""
    framings: dict[int, Framing] = {}
    for fold in np.unique(fold_of):
        here = np.flatnonzero(fold_of == fold)
        others = fold_of != fold
        framings |= zip(here.tolist(), decide(fit(logits[others], codes[others], frames), logits[here]), strict=True)
    return [framings[row] for row in range(len(logits))]
