"""drift.py: nothing where nothing changes, and the week in which something does."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from media_coverage.drift import COLUMNS, LEVEL, MANY, distance, drift, limit_p, permutation_p, sentences
from media_coverage.framing import DEFAULT_FRAMES

START = date(2026, 1, 5)


def weeks(means: list[float], per_week: int = 60, seed: int = 1) -> pd.DataFrame:
    """Probabilities around a mean for each week; the second frame's stay around .3."""
    rng = np.random.default_rng(seed)
    rows = []
    for week, mean in enumerate(means):
        for number in range(per_week):
            day = START + timedelta(days=7 * week + number % 7)
            p = float(np.clip(rng.normal(mean, 0.15), 0.01, 0.99))
            other, relevant = (float(np.clip(rng.normal(centre, 0.15), 0.01, 0.99)) for centre in (0.3, 0.8))
            row = {"date": day.isoformat(), "story_id": 1000 * week + number}
            rows.append(row | {"p_relevant": relevant, "p_hope": p, "p_appease": other})
    return pd.DataFrame(rows)


def test_the_distance_is_that_between_distribution_functions() -> None:
    one, other = np.array([0.1, 0.2, 0.3]), np.array([0.7, 0.8])
    assert distance(one, other) == 1.0
    assert distance(one, one) == 0.0
    assert distance(np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.0, 4.0, 5.0, 6.0])) == pytest.approx(0.5)
    assert distance(np.array([0.5] * 5), np.array([0.5] * 9)) == 0.0


def test_equal_values_are_never_far_apart() -> None:
    assert permutation_p(np.full(20, 0.5), np.full(30, 0.5)) == 1.0


def test_a_test_without_a_difference_is_right_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    found = [permutation_p(rng.random(20), rng.random(40), seed) for seed in range(100)]
    assert 0 <= np.mean(np.array(found) <= 0.1) <= 0.2
    assert min(found) > LEVEL


@pytest.mark.parametrize(("scaled", "p"), [(0.5, 0.9639452), (1.0, 0.2699997), (1.3581, 0.05), (1.9495, 0.001)])
def test_the_limit_is_kolmogorovs(scaled: float, p: float) -> None:
    """Values of the distribution as tables give them; with so many texts the correction vanishes."""
    size = 10**10
    assert limit_p(scaled / (size / 2) ** 0.5, size, size) == pytest.approx(p, rel=1e-3)
    assert limit_p(0.0, MANY, MANY) == 1.0


def test_the_limit_says_what_permutations_say_of_many_texts() -> None:
    rng = np.random.default_rng(4)
    for shift in (0.0, 0.02, 0.05):
        one, other = rng.random(MANY), rng.random(5 * MANY) + shift
        exact = permutation_p(one, other)
        assert limit_p(distance(one, other), len(one), len(other)) == pytest.approx(exact, abs=0.05)


def test_a_week_that_moves_is_named_and_others_are_not() -> None:
    rows = drift(weeks([0.3] * 6 + [0.6]), DEFAULT_FRAMES)
    assert list(rows.columns) == list(COLUMNS)
    found = rows[rows["drift"]]
    assert found[["first_day", "output"]].to_numpy().tolist() == [["2026-02-16", "hope"]]
    (said,) = sentences(rows)
    assert "week of 2026-02-16" in said
    assert "hope" in said


def test_a_quiet_series_says_so() -> None:
    rows = drift(weeks([0.3] * 5), DEFAULT_FRAMES)
    assert not rows["drift"].any()
    assert sentences(rows) == ["None of 12 comparisons of a week with the weeks before it shows drift (p above 0.001)."]


def test_small_weeks_and_empty_ones_are_not_compared() -> None:
    few = drift(weeks([0.3] * 3, per_week=5), DEFAULT_FRAMES)
    assert few["p"].isna().all()
    assert not few["drift"].any()
    assert "nothing can be compared" in sentences(few)[0]
    assert drift(weeks([0.3])[:0], DEFAULT_FRAMES).empty


def test_copies_of_a_story_count_once_in_a_week() -> None:
    frame = weeks([0.3, 0.3], per_week=20)
    copied = pd.concat([frame, frame])
    assert drift(copied, DEFAULT_FRAMES)["n"].tolist() == [20, 20, 20]
