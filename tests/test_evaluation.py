"""Metrics against worked values and their own definitions."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_coverage import evaluation as ev
from media_coverage.agreement import alpha
from media_coverage.framing import DEFAULT_FRAMES
from media_coverage.records import Framing


def booleans(*values: int) -> Any:
    return np.array(values, dtype=bool)


def framing(relevant: float, hope: float, appease: float) -> Framing:
    return Framing(
        relevant=relevant >= 0.5,
        label=DEFAULT_FRAMES.label_of(hope >= 0.5, appease >= 0.5),
        leaning="hopeful_peace" if hope >= appease else "appeasement",
        uncertain=False,
        p_relevant=relevant,
        p=(hope, appease),
    )


def evaluate(coded: list[ev.Coded], answers: list[Framing], resamples: int) -> Any:
    return ev.evaluate(coded, answers, DEFAULT_FRAMES, resamples)


def test_precision_recall_and_f1_of_a_worked_example() -> None:
    truth, predicted = booleans(1, 1, 1, 0, 0, 0), booleans(1, 1, 0, 1, 0, 0)
    assert ev.precision(truth, predicted) == pytest.approx(2 / 3)
    assert ev.recall(truth, predicted) == pytest.approx(2 / 3)
    assert ev.f1(truth, predicted) == pytest.approx(2 / 3)
    assert ev.f1(booleans(0, 0), booleans(0, 0)) == 0.0


def test_average_precision_of_a_worked_example() -> None:
    # Ranked 1, 0, 1, 0: precision 1/1 at the first hit, 2/3 at the second.
    truth, probability = booleans(1, 0, 1, 0), np.array([0.9, 0.8, 0.7, 0.1])
    assert ev.average_precision(truth, probability) == pytest.approx((1 + 2 / 3) / 2)


def test_average_precision_is_never_above_one() -> None:
    """Ten positives in ties of 4, 2, 3 and 1: .4 + .2 + .3 + .1 is a little more than 1 in floating point."""
    probability = np.repeat([0.9, 0.8, 0.7, 0.6], [4, 2, 3, 1])
    assert ev.average_precision(np.ones(10, dtype=bool), probability) == 1


def test_average_precision_takes_ties_together() -> None:
    """Whatever the order inside a tie, the value is that of the whole tie: the share of positives."""
    for order in ((1, 0, 0, 0), (0, 0, 0, 1)):
        assert ev.average_precision(booleans(*order), np.full(4, 0.5)) == pytest.approx(0.25)


def test_calibration_error_of_a_worked_example() -> None:
    # Bin 0.2–0.3 says .25, half are true: gap .25. Bin 0.9–1: says .95, all true: gap .05.
    truth, probability = booleans(1, 0, 1, 1), np.array([0.25, 0.25, 0.95, 0.95])
    assert ev.expected_calibration_error(truth, probability) == pytest.approx((0.25 * 2 + 0.05 * 2) / 4)


def test_perfect_answers_score_one_everywhere() -> None:
    coded = [ev.Coded(True, True, False), ev.Coded(True, False, True), ev.Coded(True, False, False)] * 5
    coded += [ev.Coded(False, False, False)] * 5
    answers = [framing(float(c.rel), float(c.first), float(c.second)) for c in coded]
    scores: Any = evaluate(coded, answers, resamples=50)
    assert scores["macro_f1"]["value"] == 1
    for output in scores["outputs"].values():
        assert output["f1"]["value"] == output["average_precision"]["value"] == 1
        assert output["calibration_error"]["value"] == 0


def test_mixed_answers_are_wrong_and_mixed_codes_are_left_out() -> None:
    coded = [ev.Coded(True, True, False), ev.Coded(True, True, True)]
    scores: Any = evaluate(coded, [framing(1, 1, 1), framing(1, 1, 1)], resamples=10)
    assert scores["macro_f1"]["n"] == 1
    assert scores["f1_by_class"]["hopeful_peace"]["value"] == 0


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=2, max_size=40))
def test_the_alpha_of_voices_is_krippendorffs(heard: list[tuple[bool, float]]) -> None:
    own, chance = (np.array(column) for column in zip(*heard, strict=True))
    said = chance >= 0.5
    scores = ev.voice_scores(own, chance, resamples=20)
    codes = np.stack([1.0 * own + said, 2.0 - own - said], axis=1)
    expected = alpha(codes, resamples=1).value
    assert scores["alpha"]["value"] == pytest.approx(1.0 if expected is None else expected)
    assert scores["right"]["value"] == pytest.approx(np.mean(own == said))


def test_voices_are_scored_where_a_code_and_an_answer_tell_one() -> None:
    coded = [ev.Coded(True, True, False, own) for own in (True, False, None)] * 2 + [ev.Coded(True, False, False)]
    answers = [dataclasses.replace(framing(0.9, 0.9, 0.1), p_own=p) for p in (0.9, 0.2, 0.9, 0.8, 0.7, 0.1)]
    scores = evaluate(coded, [*answers, framing(0.9, 0.1, 0.1)], 20)
    assert scores["voice"]["right"]["n"] == 4
    assert scores["voice"]["right"]["value"] == 0.75
    assert "voice" not in evaluate(coded, [framing(0.9, 0.9, 0.1)] * 7, 20)


def test_frames_are_scored_on_relevant_items_only() -> None:
    coded = [ev.Coded(True, True, False), ev.Coded(False, False, False)]
    scores: Any = evaluate(coded, [framing(1, 1, 0), framing(0, 1, 1)], resamples=10)
    assert scores["outputs"]["hope"]["precision"]["value"] == 1
    assert scores["outputs"]["hope"]["precision"]["n"] == 1
    assert scores["outputs"]["relevant"]["precision"]["n"] == 2


def test_no_relevant_item_gives_zeros_not_errors() -> None:
    scores: Any = evaluate([ev.Coded(False, False, False)], [framing(0, 0, 0)], resamples=10)
    assert scores["macro_f1"] == {"value": 0.0, "low": 0.0, "high": 0.0, "n": 0}


codes = st.builds(ev.Coded, st.booleans(), st.booleans(), st.booleans())
probabilities = st.floats(0, 1)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(codes, st.builds(framing, probabilities, probabilities, probabilities)), min_size=1))
def test_every_figure_lies_in_its_interval_between_0_and_1(pairs: list[tuple[ev.Coded, Framing]]) -> None:
    coded, answers = [c for c, _ in pairs], [f for _, f in pairs]
    scores: Any = evaluate(coded, answers, resamples=20)
    figures = [scores["macro_f1"], *scores["f1_by_class"].values()]
    figures += [figure for output in scores["outputs"].values() for figure in output.values()]
    for figure in figures:
        assert 0 <= figure["low"] <= figure["high"] <= 1
        assert 0 <= figure["value"] <= 1
    assert scores == evaluate(coded, answers, resamples=20)
