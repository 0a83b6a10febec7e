"""Pooling, lines and the smoother: worked cases, properties, and the smoother against the whole Gaussian at once."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_audits import PERFECT, SHARE, Setting, world

from media_coverage.composition import Composition, Counting, Items
from media_coverage.correction import Audit
from media_coverage.estimate import MIN_ITEMS, Estimand, Estimate, Measure, Method, Missing, measures, wilson
from media_coverage.framing import DEFAULT_FRAMES
from media_coverage.series import SMOOTHER, Line, design_effect, lines, pool, smooth, uncorrected

INDEX = Measure("index", (0,), (0, 1), index=True)

# ---------------------------------------------------------------------- pooling


@pytest.mark.parametrize(
    ("counts", "segments", "groups"),
    [
        pytest.param([20, 30, 15], [0, 0, 0], [0, 1, 2], id="enough everywhere"),
        pytest.param([8, 8, 20], [0, 0, 0], [0, 0, 1], id="neighbours are put together"),
        pytest.param([20, 8, 5], [0, 0, 0], [0, 0, 0], id="what is left joins the group before"),
        pytest.param([20, 8, 5, 40], [0, 0, 0, 0], [0, 1, 1, 1], id="or the one after"),
        pytest.param([20, 8, 8, 20], [0, 0, 1, 1], [0, 0, 1, 1], id="never across an event"),
        pytest.param([3, 3, 40], [0, 0, 1], [0, 0, 1], id="too few in all stay too few"),
        pytest.param([20, 0, 20], [0, 0, 0], [0, 1, 1], id="a gap adds nothing"),
        pytest.param([7.5, 7.5], [0, 0], [0, 0], id="parts of stories add up"),
        pytest.param([], [], [], id="nothing"),
    ],
)
def test_periods_are_put_together_until_there_is_enough(
    counts: list[float], segments: list[int], groups: list[int]
) -> None:
    assert pool(counts, segments).tolist() == groups


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=40))
def test_groups_are_stretches_within_a_segment_that_hold_enough_unless_the_segment_does_not(
    periods: list[tuple[int, bool]],
) -> None:
    counts = [count for count, _ in periods]
    segments = np.cumsum([changes for _, changes in periods])
    groups = pool(counts, segments)
    assert groups[0] == 0
    assert set(np.diff(groups)) <= {0, 1}
    for group in range(groups[-1] + 1):
        members = np.flatnonzero(groups == group)
        (segment,) = set(segments[members])
        total = sum(counts[t] for t in members)
        whole = sum(count for count, other in zip(counts, segments, strict=True) if other == segment)
        assert total >= MIN_ITEMS or total == whole


# ---------------------------------------------------------------------- lines


def press(seed: int = 1, weeks: int = 8, size: int = 600) -> Items:
    """Labels of four classes in ten outlets, a third of the stories in several."""
    rng = np.random.default_rng(seed)
    return Items(
        period=rng.integers(0, weeks, size),
        predicted=rng.choice(4, size, p=[0.3, 0.2, 0.05, 0.45]),
        outlet=rng.integers(0, 10, size),
        story=rng.integers(0, 2 * size // 3, size),
        periods=weeks,
        classes=4,
        outlets=10,
    )


def read_from(items: Items, seed: int = 2) -> Audit:
    rng = np.random.default_rng(seed)
    read = rng.choice(len(items.story), 200, replace=False)
    truth = np.where(rng.random(200) < 0.85, items.predicted[read], rng.integers(0, 4, 200))
    return Audit(truth, items.predicted[read], np.full(200, 200 / len(items.story)), (items.period[read] >= 4) * 1)


HALVES = np.array([0, 0, 0, 0, 1, 1, 1, 1])
REGIMES = np.repeat(HALVES[:, None], 10, axis=1)


@pytest.fixture(scope="module")
def all_lines() -> tuple[Line, ...]:
    items = press()
    return lines(items, measures(DEFAULT_FRAMES), segments=HALVES, audit=read_from(items), regimes=REGIMES)


def test_every_line_is_there_once(all_lines: tuple[Line, ...]) -> None:
    keys = {(line.measure, line.method, line.estimand, line.composition, line.counting) for line in all_lines}
    assert len(keys) == len(all_lines) == 5 * 3 * 2 * (3 + 2 * 2)
    assert {line.estimand for line in all_lines if not line.method.corrected} == {Estimand.TENDENCY}


def test_points_cover_all_periods_and_stay_on_their_scale(all_lines: tuple[Line, ...]) -> None:
    for line in all_lines:
        covered = [period for first, last in line.spans for period in range(first, last + 1)]
        assert covered == list(range(8))
        assert all((first < 4) == (last < 4) for first, last in line.spans), "no point reaches over the event"
        for point in line.points:
            assert isinstance(point, Estimate), (line, point)
            assert (-1 if line.measure == "index" else 0) <= point.low <= point.value <= point.high <= 1
            assert point.method is line.method
            assert point.estimand is line.estimand
            assert point.n >= MIN_ITEMS
            assert point.audited_n == {Method.ROGAN_GLADEN: 200}.get(line.method, point.audited_n)


def test_the_plain_line_is_the_share_of_labels(all_lines: tuple[Line, ...]) -> None:
    items = press()
    for line in all_lines:
        if (line.measure, line.method, line.composition, line.counting) == (
            "share_neither",
            Method.WILSON,
            Composition.ITEMS,
            Counting.ARTICLES,
        ):
            for (week, _), point in zip(line.spans, line.points, strict=True):
                mine = items.predicted[items.period == week]
                assert isinstance(point, Estimate)
                assert (point.value, point.n) == (pytest.approx(np.mean(mine == 3)), len(mine))
                assert (point.low, point.high) == pytest.approx(wilson(point.value, point.n))
            return
    pytest.fail("no such line")


def test_counting_stories_once_counts_fewer(all_lines: tuple[Line, ...]) -> None:
    by_counting = {
        line.counting: sum(point.n for point in line.points)
        for line in all_lines
        if (line.measure, line.method, line.composition) == ("share_neither", Method.WILSON, Composition.ITEMS)
    }
    assert by_counting[Counting.STORIES] < by_counting[Counting.ARTICLES] == 600


def test_too_few_items_are_pooled_or_missing_and_never_a_percentage() -> None:
    items = press(size=60)
    for line in lines(items, measures(DEFAULT_FRAMES), segments=HALVES):
        for point in line.points:
            assert isinstance(point, Missing) == (point.n < MIN_ITEMS)


def test_without_items_every_point_is_missing() -> None:
    found = lines(press(size=0), measures(DEFAULT_FRAMES))
    assert found
    assert {point for line in found for point in line.points} == {Missing("nothing was collected here", 0)}


def test_labels_of_one_outlet_have_no_outlet_interval() -> None:
    drawn = world(Setting(), np.random.default_rng(1))
    found = uncorrected(drawn.cells, SHARE, Method.OUTLETS)
    assert set(found) == {Missing("all items are of one outlet, so outlets cannot be resampled", 40)}


def test_regimes_may_change_at_events_only() -> None:
    items = press()
    with pytest.raises(ValueError, match="regimes change between periods 3 and the next, where no event falls"):
        lines(items, measures(DEFAULT_FRAMES), audit=read_from(items), regimes=REGIMES)


def test_a_contradiction_between_the_corrections_is_written_into_both() -> None:
    """The model gets much worse at the event: an audit pooled over it has error rates that hold in neither half."""
    drawn = world(
        Setting(per_week=300, audited=2000, errors_after=((0.9, 0.1), (0.4, 0.6))),
        np.random.default_rng(3),
    )
    rng = np.random.default_rng(4)
    labels = drawn.cells.weight.sum(axis=1).astype(int)
    period = np.repeat(np.arange(26), 300)
    predicted = np.concatenate([np.repeat([0, 1], row) for row in labels])
    items = Items(period, predicted, rng.integers(0, 9, len(period)), np.arange(len(period)), 26, 2, 9)
    regimes = np.repeat(drawn.regimes, 9, axis=1)
    found = lines(items, [SHARE], segments=regimes[:, 0], audit=drawn.audit, regimes=regimes)
    for line in found:
        said = [w for p in line.points if isinstance(p, Estimate) for w in p.warnings if "outside the other's" in w]
        assert bool(said) == line.method.corrected


@pytest.mark.parametrize(("likeness", "expected"), [(0.0, 1.0), (0.1, 1.3), (0.3, 1.9)])
def test_the_design_effect_is_that_of_items_which_resemble_each_other(likeness: float, expected: float) -> None:
    """Kish: 1 + (m − 1) ρ for outlets of m items with correlation ρ; m = Σ m² ÷ Σ m, 4 for Poisson sizes of mean 3."""
    rng = np.random.default_rng(5)
    setting = Setting(outlets=20, per_week=60, likeness=likeness, errors=PERFECT)
    effects = [design_effect(world(setting, rng).cells, SHARE) for _ in range(40)]
    assert min(effects) >= 1
    assert np.mean(effects) == pytest.approx(expected, rel=0.06)


# ---------------------------------------------------------------------- smoothing


def points(*counts: tuple[int, int] | None) -> tuple[Estimate | Missing, ...]:
    """From (k, n) per period."""
    return tuple(
        Missing("nothing was collected here") if pair is None else Estimate(pair[0] / pair[1], 0, 1, pair[1])
        for pair in counts
    )


def whole(counts: list[tuple[int, int] | None], step: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the levels by one large normal equation: precision of the data plus that of the steps."""
    size = len(counts)
    precision, weighted = np.zeros((size, size)), np.zeros(size)
    for t, pair in enumerate(counts):
        if pair is not None:
            k, n = pair
            noise = 1 / (k + 0.5) + 1 / (n - k + 0.5)
            precision[t, t] += 1 / noise
            weighted[t] += math.log((k + 0.5) / (n - k + 0.5)) / noise
        if t:
            precision[t - 1 : t + 1, t - 1 : t + 1] += np.array([[1, -1], [-1, 1]]) / step
    covariance = np.linalg.inv(precision)
    return covariance @ weighted, np.diag(covariance)


def logit(p: float | None) -> float:
    assert p is not None
    return math.log(p / (1 - p))


def test_the_smoother_is_the_posterior_mean_of_the_whole_path() -> None:
    counts = [(4, 40), (9, 38), None, (12, 41), (25, 44), (22, 39), (3, 15)]
    found = smooth(points(*counts), SHARE)
    assert found.level_sd > 0.1
    means, variances = whole(counts, found.level_sd**2)
    assert [logit(value) for value in found.values] == pytest.approx(means, abs=1e-6)
    halves = [(logit(high) - logit(low)) / 2 for low, high in zip(found.low, found.high, strict=True)]
    assert halves == pytest.approx(1.959963984540054 * np.sqrt(variances), abs=1e-6)
    assert found.label == SMOOTHER


def test_the_variance_of_the_steps_has_the_largest_likelihood() -> None:
    """The likelihood of the differences of observations is that of a normal with a known covariance."""
    counts = [(4, 40), (9, 38), (5, 36), (12, 41), (25, 44), (22, 39)]
    observed = np.array([math.log((k + 0.5) / (n - k + 0.5)) for k, n in counts])
    noise = np.diag([1 / (k + 0.5) + 1 / (n - k + 0.5) for k, n in counts])
    differences = np.diff(np.eye(6), axis=0)

    def likelihood(step: float) -> float:
        covariance = differences @ noise @ differences.T + step * np.eye(5)
        moved = differences @ observed
        return -0.5 * float(np.linalg.slogdet(covariance)[1] + moved @ np.linalg.solve(covariance, moved))

    best = smooth(points(*counts), SHARE).level_sd ** 2
    assert all(likelihood(best) >= likelihood(best * factor) for factor in (0.5, 0.9, 0.99, 1.01, 1.1, 2))


def test_the_level_does_not_move_where_the_counts_give_no_reason() -> None:
    found = smooth(points(*[(20, 50)] * 8), SHARE)
    assert found.level_sd == 0
    assert found.values == pytest.approx([20.5 / 51] * 8)


def test_nothing_is_smoothed_across_an_event() -> None:
    before, after = [(4, 40)] * 6, [(30, 40)] * 6
    apart = smooth(points(*before, *after), SHARE, [0] * 6 + [1] * 6)
    assert apart.values[5] == pytest.approx(4.5 / 41, abs=1e-3)
    assert apart.values[6] == pytest.approx(30.5 / 41, abs=1e-3)
    across = smooth(points(*before, *after), SHARE)
    assert across.values[5] is not None
    assert across.values[5] > 4.5 / 41 + 0.01
    # What follows the event changes nothing before it, except through the common variance of the steps.
    other = smooth(points(*before, *[(31, 40)] * 6), SHARE, [0] * 6 + [1] * 6)
    assert other.values[:6] == pytest.approx(apart.values[:6], abs=1e-3)


def test_gaps_within_a_segment_are_bridged_and_at_its_ends_left_open() -> None:
    found = smooth(points(None, (10, 40), None, (30, 40), None, (5, 40), None), SHARE, [0, 0, 0, 0, 0, 1, 1])
    assert [value is None for value in found.values] == [True, False, False, False, True, False, True]
    low, value, high = found.low[2], found.values[2], found.high[2]
    assert low is not None
    assert value is not None
    assert high is not None
    assert logit(high) - logit(low) > logit(found.high[1]) - logit(found.low[1]), "a gap is less certain"


def test_an_index_is_smoothed_on_its_own_scale() -> None:
    index = tuple(Estimate(2 * k / 40 - 1, -1, 1, 40) for k in (0, 5, 20, 40))
    found = smooth(index, INDEX)
    for low, value, high in zip(found.low, found.values, found.high, strict=True):
        assert low is not None
        assert value is not None
        assert high is not None
        assert -1 < low < value < high < 1


def test_effective_numbers_count_and_not_items() -> None:
    sure = smooth((Estimate(0.3, 0, 1, 100, effective_n=100.0),), SHARE)
    unsure = smooth((Estimate(0.3, 0, 1, 100, effective_n=20.0),), SHARE)
    assert logit(unsure.high[0]) - logit(unsure.low[0]) > 2 * (logit(sure.high[0]) - logit(sure.low[0]))


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.none() | st.tuples(st.integers(0, 50), st.integers(0, 50)).filter(lambda pair: sum(pair) > 0), max_size=12
    ),
    st.integers(0, 12),
)
def test_small_counts_and_shares_of_0_and_1_stay_finite(rows: list[tuple[int, int] | None], cut: int) -> None:
    counts = [None if row is None else (row[0], row[0] + row[1]) for row in rows]
    found = smooth(points(*counts), SHARE, [int(t >= cut) for t in range(len(rows))])
    assert len(found.values) == len(found.low) == len(found.high) == len(rows)
    for row, low, value, high in zip(rows, found.low, found.values, found.high, strict=True):
        if value is None:
            assert row is None
            assert low is high is None
        else:
            assert low is not None
            assert high is not None
            assert 0 <= low <= value <= high <= 1
