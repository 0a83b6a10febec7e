"""From logits to a decision: worked cases and properties."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_coverage import calibration
from media_coverage.evaluation import macro_f1
from media_coverage.framing import DEFAULT_FRAMES, Frames
from media_coverage.records import Frame

if TYPE_CHECKING:
    from media_coverage.calibration import Array

OTHERS = Frames(Frame("escalation", "up", "Escalation"), Frame("de_escalation", "down", "De-escalation"))
RNG = np.random.default_rng(3)


def sample(n: int, seed: int = 0) -> tuple[Array, Array]:
    """Logits of a network that is right more often than not, and too sure of itself; and codes."""
    rng = np.random.default_rng(seed)
    codes = np.zeros((n, 3))
    codes[:, 0] = rng.random(n) < 0.8
    codes[:, 1] = (rng.random(n) < 0.3) * codes[:, 0]
    codes[:, 2] = (rng.random(n) < 0.2) * codes[:, 0] * (1 - codes[:, 1])
    return 3 * (2 * codes - 1 + rng.normal(0, 1.2, codes.shape)), codes


def test_platt_finds_the_curve_that_the_codes_follow() -> None:
    logits = RNG.normal(0, 2, 20_000)
    codes = (RNG.random(20_000) < calibration.sigmoid(0.5 * logits - 0.7)).astype(float)
    assert calibration.platt(logits, codes) == pytest.approx((0.5, -0.7), abs=0.05)


def test_platt_stays_finite_where_the_data_can_be_separated() -> None:
    scale, bias = calibration.platt(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0.0, 0, 1, 1]))
    assert 0 < scale < 10
    assert abs(bias) < 1


@given(st.integers(1, 8), st.integers(12, 60), st.floats(0.01, 10), st.integers(0, 99))
def test_ridge_is_where_nothing_falls_any_more(width: int, n: int, penalty: float, seed: int) -> None:
    """The slope of the penalised loss is zero there, also where a plane parts the codes."""
    rng = np.random.default_rng(seed)
    features = rng.normal(0, 1, (n, width))
    positive = features[:, 0] + rng.normal(0, 0.5, n) > 0
    weights, bias = calibration.ridge(features, positive, penalty)
    miss = calibration.sigmoid(features @ weights + bias) - positive
    assert features.T @ miss + penalty * weights == pytest.approx(np.zeros(width), abs=1e-5)
    assert positive.all() or not positive.any() or float(miss.sum()) == pytest.approx(0, abs=1e-5)


def test_sigmoid_is_the_logistic_function() -> None:
    values = np.array([-800.0, -1.0, 0.0, 1.0, 800.0])
    assert calibration.sigmoid(values) == pytest.approx([0, 1 / (1 + np.e), 0.5, np.e / (1 + np.e), 1])


def test_the_binary_threshold_parts_what_can_be_parted() -> None:
    probabilities = np.concatenate([RNG.uniform(0.02, 0.25, 200), RNG.uniform(0.6, 0.95, 100)])
    codes = np.repeat([0.0, 1.0], [200, 100])
    assert 0.25 <= calibration.binary_threshold(codes, probabilities) <= 0.6


def test_frame_thresholds_are_as_good_as_any_pair_up_to_the_smoothing() -> None:
    logits, codes = sample(800)
    relevant = codes[:, 0] > 0
    truth, chances = codes[relevant, 1:], calibration.sigmoid(logits[relevant, 1:])
    names = np.array(["neither", "first", "second", "mixed"])
    gold = names[(truth @ (1, 2)).astype(int)]

    def score(first: float, second: float) -> float:
        said = names[((chances >= (first, second)) @ (1, 2)).astype(int)]
        return macro_f1(gold, said, ("first", "second", "neither"))

    chosen = score(*calibration.frame_thresholds(truth, chances))
    best = max(score(a, b) for a in calibration.GRID[::5] for b in calibration.GRID[::5])
    assert best - 0.02 <= chosen


def test_the_uncertain_band_covers_where_errors_are() -> None:
    probabilities = np.linspace(0.005, 0.995, 2000)
    codes = (probabilities > 0.5).astype(float)
    confused = (probabilities > 0.35) & (probabilities < 0.65)
    codes[confused] = np.arange(confused.sum()) % 2
    low, high = calibration.uncertain_band(codes, probabilities, 0.5)
    assert 0.25 <= low <= 0.4
    assert 0.6 <= high <= 0.75
    sharp = (probabilities > 0.5).astype(float)
    assert calibration.uncertain_band(sharp, probabilities, 0.5) == (0.5, 0.5)


def test_a_decision_speaks_of_the_outputs_of_its_frames() -> None:
    decision = calibration.fit(*sample(300), OTHERS)
    for part in (decision.calibration, decision.thresholds, decision.uncertain):
        assert tuple(part) == ("relevant", "up", "down")
    labels = {framing.label for framing in calibration.decide(decision, sample(300)[0])}
    assert {"escalation", "de_escalation", "neither"} <= labels


def test_calibration_of_a_frame_sees_relevant_items_only() -> None:
    logits, codes = sample(400)
    off_topic = codes[:, 0] == 0
    nonsense = logits.copy()
    nonsense[off_topic, 1:] = 50
    decision, same = calibration.fit(logits, codes, DEFAULT_FRAMES), calibration.fit(nonsense, codes, DEFAULT_FRAMES)
    assert decision == same


def test_a_cross_fitted_answer_does_not_know_the_codes_of_its_fold() -> None:
    logits, codes = sample(300)
    fold_of = np.arange(300) % 3
    before = calibration.cross_fit(logits, codes, fold_of, DEFAULT_FRAMES)
    turned = codes.copy()
    turned[fold_of == 1, 0] = 1
    turned[fold_of == 1, 1:] = 1 - codes[fold_of == 1, 1:]
    after = calibration.cross_fit(logits, turned, fold_of, DEFAULT_FRAMES)
    assert [f for f, fold in zip(before, fold_of, strict=True) if fold == 1] == [
        f for f, fold in zip(after, fold_of, strict=True) if fold == 1
    ]
    assert before != after


@settings(deadline=None, max_examples=25)
@given(st.integers(40, 120), st.integers(0, 10_000))
def test_any_sample_gives_a_usable_decision(n: int, seed: int) -> None:
    logits, codes = sample(n, seed)
    codes[:3] = [(1, 1, 0), (1, 0, 1), (0, 0, 0)]
    decision = calibration.fit(logits, codes, DEFAULT_FRAMES)
    for name, (low, high) in decision.uncertain.items():
        assert 0 <= low <= decision.thresholds[name] <= high <= 1
        assert all(np.isfinite(decision.calibration[name]))
    for framing in calibration.decide(decision, logits):
        assert 0 <= framing.p_relevant <= 1
        assert all(0 <= p <= 1 for p in framing.p)
