"""How well does a classifier agree with coded items? Pure functions of codes and probabilities.

Intervals are 95 % percentile intervals of a bootstrap over items (Efron 1979) with a fixed seed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .agreement import coefficient
from .framing import MIXED, OWN_FROM, RELEVANT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from .framing import Frames
    from .records import Framing

    Booleans = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Indices = npt.NDArray[np.intp]

RESAMPLES = 1000
SEED = 20260203


@dataclass(frozen=True, slots=True)
class Coded:
    """The codes of one item: is it on topic, and does it carry the first and the second frame?

    `own` says whether the outlet itself speaks the frame, alone or beside somebody whom it quotes; None where nobody
    coded it.
    """

    rel: bool
    first: bool
    second: bool
    own: bool | None = None


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
    return min(1.0, float(np.sum(steps * hits / counts)))  # rounding can bring a sum of shares above 1


def expected_calibration_error(truth: Booleans, probability: Floats, bins: int = 10) -> float:
    """Mean distance between probability and frequency over equally wide bins, weighted by their items."""
    bin_of = np.minimum((probability * bins).astype(int), bins - 1)
    gaps = np.zeros(bins)
    np.add.at(gaps, bin_of, probability - truth)
    return float(np.sum(np.abs(gaps)) / len(truth)) if len(truth) else 0.0


def macro_f1(truth: npt.NDArray[np.str_], predicted: npt.NDArray[np.str_], classes: Sequence[str]) -> float:
    """Mean F1 over the classes."""
    return float(np.mean([f1(truth == name, predicted == name) for name in classes]))


def _interval(metric: Callable[[Indices], float], n: int, resamples: int) -> dict[str, float | int]:
    if n == 0:
        return {"value": 0.0, "low": 0.0, "high": 0.0, "n": 0}
    rng = np.random.default_rng(SEED)
    draws = [metric(rng.integers(0, n, n)) for _ in range(resamples)]
    low, high = np.quantile(draws, [0.025, 0.975])
    return {"value": metric(np.arange(n)), "low": float(low), "high": float(high), "n": n}


def evaluate(
    coded: Sequence[Coded], framings: Sequence[Framing], frames: Frames, resamples: int = RESAMPLES
) -> dict[str, object]:
    """Agreement of `framings` with the codes, item by item in the same order.

    `relevant` is scored on all items, the frames on the relevant ones; macro_f1 over the frames' classes on relevant
    items not coded mixed. Each figure is {value, low, high, n}. Where both the codes and the framings tell voices there
    is a `voice` as well, on the items that carry a frame and were given one.
    """
    truth = np.array([(c.rel, c.first, c.second) for c in coded], dtype=bool).reshape(-1, 3)
    probability = np.array([(f.p_relevant, *f.p) for f in framings], dtype=float).reshape(-1, 3)
    said_of_each = [(f.relevant, *(f.label in {name, MIXED} for name in frames.names)) for f in framings]
    predicted = np.array(said_of_each, dtype=bool).reshape(-1, 3)
    everything = np.arange(len(coded))
    relevant = everything[truth[:, 0]]
    outputs: dict[str, object] = {}
    for i, name in enumerate(frames.outputs):
        kept = everything if name == RELEVANT else relevant
        outputs[name] = _output_scores(truth[kept, i], predicted[kept, i], probability[kept, i], resamples)
    classes = frames.classes
    labels = np.array([frames.label_of(c.first, c.second) for c in coded], dtype=str)
    answers = np.array([f.label for f in framings], dtype=str)
    framed = relevant[np.isin(labels[relevant], classes)] if len(relevant) else relevant
    gold, said = labels[framed], answers[framed]
    per_class = {
        name: _interval(lambda i, name=name: f1(gold[i] == name, said[i] == name), len(framed), resamples)  # type: ignore[misc]
        for name in classes
    }
    return {
        "items": len(coded),
        "relevant_items": len(relevant),
        "macro_f1": _interval(lambda i: macro_f1(gold[i], said[i], classes), len(framed), resamples),
        "f1_by_class": per_class,
        "outputs": outputs,
        **_voices(coded, framings, resamples),
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


def voice_scores(own: Booleans, chance: Floats, resamples: int = RESAMPLES) -> dict[str, dict[str, float | int]]:
    """Agreement about whose voice a frame is in: codes (own voice or only quoted) against probabilities of own.

    Krippendorff's `alpha` (nominal) is between codes and answers.
    """
    said = chance >= OWN_FROM
    scores: dict[str, Callable[[Indices], float]] = {
        "right": lambda i: float(np.mean(own[i] == said[i])),
        "alpha": lambda i: _alpha(own[i], said[i]),
        "average_precision": lambda i: average_precision(own[i], chance[i]),
        "calibration_error": lambda i: expected_calibration_error(own[i], chance[i]),
    }
    return {name: _interval(metric, len(own), resamples) for name, metric in scores.items()}


def _voices(coded: Sequence[Coded], framings: Sequence[Framing], resamples: int) -> dict[str, object]:
    """{"voice": scores} of the items that have both a coded voice and an answer; empty where none has."""
    heard = [
        (code.own, framing.p_own)
        for code, framing in zip(coded, framings, strict=True)
        if code.own is not None and framing.p_own is not None
    ]
    if not heard:
        return {}
    own, chance = (np.array(column) for column in zip(*heard, strict=True))
    return {"voice": voice_scores(own.astype(bool), chance.astype(float), resamples)}


def _alpha(truth: Booleans, said: Booleans) -> float:
    """1 where all codes and answers are the same."""
    own = truth.astype(float) + said
    found = coefficient(np.stack([own, 2 - own], axis=1))
    return 1.0 if math.isnan(found) else found
