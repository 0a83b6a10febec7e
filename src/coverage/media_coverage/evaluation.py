"""How well does a classifier agree with coded items? Pure functions of codes and probabilities.

Intervals are 95 % percentile intervals of a bootstrap over items (Efron 1979) with a fixed seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .framing import APPEASEMENT, HOPEFUL, NEITHER, OUTPUTS, label_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from .records import Framing

    Booleans = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Indices = npt.NDArray[np.intp]

CLASSES = (HOPEFUL, APPEASEMENT, NEITHER)
"""The classes of the macro-F1. Items coded `mixed` are too few to be a class and are left out of it."""

RESAMPLES = 1000
SEED = 20260203


@dataclass(frozen=True, slots=True)
class Coded:
    """The codes of one item, as the codebook defines them."""

    rel: bool
    hope: bool
    appease: bool


def f1(truth: Booleans, predicted: Booleans) -> float:
    """F1 of the positive class; 0 when it is neither present nor predicted."""
    hits = int(np.count_nonzero(truth & predicted))
    total = int(np.count_nonzero(truth)) + int(np.count_nonzero(predicted))
    return 2 * hits / total if total else 0.0


def precision(truth: Booleans, predicted: Booleans) -> float:
    """Share of the predicted that are true; 0 when nothing is predicted."""
    found = int(np.count_nonzero(predicted))
    return int(np.count_nonzero(truth & predicted)) / found if found else 0.0


def recall(truth: Booleans, predicted: Booleans) -> float:
    """Share of the true that are predicted; 0 when nothing is true."""
    return precision(predicted, truth)


def average_precision(truth: Booleans, probability: Floats) -> float:
    """Area under the precision-recall steps, ties taken together; 0 without a positive item."""
    positives = int(np.count_nonzero(truth))
    if not positives:
        return 0.0
    order = np.argsort(-probability, kind="stable")
    hits = np.cumsum(truth[order])
    last_of_tie = np.append(np.diff(probability[order]) != 0, True)
    hits, counts = hits[last_of_tie], np.arange(1, len(truth) + 1)[last_of_tie]
    steps = np.diff(np.concatenate([[0], hits])) / positives
    return float(np.sum(steps * hits / counts))


def expected_calibration_error(truth: Booleans, probability: Floats, bins: int = 10) -> float:
    """Mean distance between probability and frequency over equally wide bins, weighted by their items."""
    bin_of = np.minimum((probability * bins).astype(int), bins - 1)
    gaps = np.zeros(bins)
    np.add.at(gaps, bin_of, probability - truth)
    return float(np.sum(np.abs(gaps)) / len(truth)) if len(truth) else 0.0


def macro_f1(truth: npt.NDArray[np.str_], predicted: npt.NDArray[np.str_]) -> float:
    """Mean F1 over CLASSES."""
    return float(np.mean([f1(truth == name, predicted == name) for name in CLASSES]))


def _interval(metric: Callable[[Indices], float], n: int, resamples: int) -> dict[str, float | int]:
    if n == 0:
        return {"value": 0.0, "low": 0.0, "high": 0.0, "n": 0}
    rng = np.random.default_rng(SEED)
    draws = [metric(rng.integers(0, n, n)) for _ in range(resamples)]
    low, high = np.quantile(draws, [0.025, 0.975])
    return {"value": metric(np.arange(n)), "low": float(low), "high": float(high), "n": n}


def evaluate(coded: Sequence[Coded], framings: Sequence[Framing], resamples: int = RESAMPLES) -> dict[str, object]:
    """Agreement of `framings` with the codes, item by item in the same order.

    `relevant` is scored on all items, the frames on the relevant ones; macro_f1 over hopeful_peace, appeasement
    and neither on relevant items not coded mixed. Each figure is {value, low, high, n}.
    """
    truth = {
        "relevant": np.array([c.rel for c in coded], dtype=bool),
        "hope": np.array([c.hope for c in coded], dtype=bool),
        "appease": np.array([c.appease for c in coded], dtype=bool),
    }
    probability = {
        "relevant": np.array([f.p_relevant for f in framings], dtype=float),
        "hope": np.array([f.p_hope for f in framings], dtype=float),
        "appease": np.array([f.p_appease for f in framings], dtype=float),
    }
    predicted = {
        "relevant": np.array([f.relevant for f in framings], dtype=bool),
        "hope": np.array([f.label in {HOPEFUL, "mixed"} for f in framings], dtype=bool),
        "appease": np.array([f.label in {APPEASEMENT, "mixed"} for f in framings], dtype=bool),
    }
    everything = np.arange(len(coded))
    relevant = everything[truth["relevant"]]
    outputs: dict[str, object] = {}
    for name in OUTPUTS:
        kept = everything if name == "relevant" else relevant
        outputs[name] = _output_scores(truth[name][kept], predicted[name][kept], probability[name][kept], resamples)
    labels = np.array([label_of(c.hope, c.appease) for c in coded], dtype=str)
    answers = np.array([f.label for f in framings], dtype=str)
    framed = relevant[np.isin(labels[relevant], CLASSES)] if len(relevant) else relevant
    gold, said = labels[framed], answers[framed]
    per_class = {
        name: _interval(lambda i, name=name: f1(gold[i] == name, said[i] == name), len(framed), resamples)  # type: ignore[misc]
        for name in CLASSES
    }
    return {
        "items": len(coded),
        "relevant_items": len(relevant),
        "macro_f1": _interval(lambda i: macro_f1(gold[i], said[i]), len(framed), resamples),
        "f1_by_class": per_class,
        "outputs": outputs,
        "interval": f"95 % percentile bootstrap, {resamples} resamples, seed {SEED}",
    }


def _output_scores(
    truth: Booleans, predicted: Booleans, probability: Floats, resamples: int
) -> dict[str, dict[str, float | int]]:
    n = len(truth)
    scores: dict[str, Callable[[Indices], float]] = {
        "precision": lambda i: precision(truth[i], predicted[i]),
        "recall": lambda i: recall(truth[i], predicted[i]),
        "f1": lambda i: f1(truth[i], predicted[i]),
        "average_precision": lambda i: average_precision(truth[i], probability[i]),
        "calibration_error": lambda i: expected_calibration_error(truth[i], probability[i]),
    }
    return {name: _interval(metric, n, resamples) for name, metric in scores.items()}
