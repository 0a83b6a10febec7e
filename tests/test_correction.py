"""Corrections for classifier error against closed forms, recorded values of ppi-python, and what must always hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_coverage.composition import Cells, Composition, Counting, Items, tabulate
from media_coverage.correction import (
    CAUTIOUS,
    MIN_AUDIT,
    Audit,
    apart,
    confusion,
    gap,
    prevalence_draws,
    project,
    rectified,
    rogan_gladen,
)
from media_coverage.estimate import MIN_ITEMS, Estimand, Estimate, Measure, Method, Missing

SHARE = Measure("share", (0,), (0, 1))
INDEX = Measure("index", (0,), (0, 1), index=True)


def cells(*counts: tuple[int, ...]) -> Cells:
    """One row of label counts per period, all of one outlet."""
    table = np.array(counts, dtype=float)[:, None, :]
    return Cells(table, table, table)


def audit(table: list[list[int]], share_read: float | None = None, regime: int = 0) -> Audit:
    """From a table of true class by label; `share_read` is the probability with which each item was drawn."""
    counts = np.array(table)
    truth, predicted = (np.repeat(place.ravel(), counts.ravel()) for place in np.indices(counts.shape))
    inclusion = None if share_read is None else np.full(len(truth), share_read)
    return Audit(truth, predicted, inclusion, np.full(len(truth), regime))


def only(found: tuple[Estimate | Missing, ...]) -> Estimate:
    (estimate,) = found
    assert isinstance(estimate, Estimate)
    return estimate


LARGE_AUDIT = [[600, 150], [200, 3050]]
LARGE = cells((5200, 14800))


# ---------------------------------------------------------------------- Rogan and Gladen


def test_with_much_data_the_share_and_its_interval_are_those_of_rogan_and_gladen() -> None:
    """(q + sp − 1) ÷ (se + sp − 1), with the variance of their paper (1978), equation 3, from independent samples."""
    q, se, sp = 5200 / 20000, 600 / 750, 3050 / 3250
    gain = se + sp - 1
    p = (q + sp - 1) / gain
    variance = (q * (1 - q) / 20000 + p**2 * se * (1 - se) / 750 + (1 - p) ** 2 * sp * (1 - sp) / 3250) / gain**2
    found = only(rogan_gladen(LARGE, audit(LARGE_AUDIT), SHARE, draws=40_000))
    assert found.value == pytest.approx(p, abs=0.001)
    assert found.standard_error == pytest.approx(math.sqrt(variance), rel=0.03)
    assert (found.method, found.estimand) == (Method.ROGAN_GLADEN, Estimand.TENDENCY)
    assert (found.n, found.audited_n, found.warnings) == (20000, 4000, ())
    assert found.effective_n == pytest.approx(p * (1 - p) / variance, rel=0.06)


def test_all_classes_at_once_solve_the_linear_equations() -> None:
    matrix = np.array([[0.8, 0.05, 0.15], [0.1, 0.7, 0.2], [0.05, 0.05, 0.9]])
    true = np.array([0.3, 0.2, 0.5])
    errors = confusion(*_expanded(matrix, 100_000), np.ones(300_000), 3)
    draws, _, untold = prevalence_draws((true @ matrix)[None], np.array([1e7]), errors, draws=500)
    assert untold == 0
    assert draws.mean(axis=0)[0] == pytest.approx(true, abs=0.003)


def _expanded(matrix: np.ndarray, each: int) -> tuple[np.ndarray, np.ndarray]:
    counts = np.rint(matrix * each).astype(int)
    truth, predicted = np.indices(matrix.shape)
    return np.repeat(truth.ravel(), counts.ravel()), np.repeat(predicted.ravel(), counts.ravel())


def test_a_share_of_three_classes_is_right_together_where_the_mix_of_the_others_changes() -> None:
    """Class 2 is often mistaken for class 0 and class 1 never, so the error rate of "not class 0" is that of a mix."""
    matrix = [[0.9, 0.05, 0.05], [0.0, 1.0, 0.0], [0.4, 0.0, 0.6]]
    read = audit([[round(1000 * rate) for rate in row] for row in matrix])
    measure = Measure("share", (0,), (0, 1, 2))
    true = np.array([0.2, 0.1, 0.7])
    labels = cells(tuple(int(n) for n in np.rint(100_000 * true @ np.array(matrix))))
    together, apart = (only(rogan_gladen(labels, read, measure, together=flag)) for flag in (True, False))
    assert together.value == pytest.approx(0.2, abs=0.02)
    assert together.low < 0.2 < together.high
    assert apart.value > 0.3


def test_design_weights_give_the_error_rates_of_the_collected_set() -> None:
    """Of 1,000 items with each label all positive ones and one in ten of the others are read."""
    truth = np.repeat([0, 1, 0, 1], [800, 200, 10, 90])
    predicted = np.repeat([0, 0, 1, 1], [800, 200, 10, 90])
    inclusion = np.where(predicted == 0, 1.0, 0.1)
    found = confusion(truth, predicted, 1 / inclusion, 2)
    assert found.rows.tolist() == [pytest.approx([8 / 9, 1 / 9]), pytest.approx([2 / 11, 9 / 11])]
    assert found.items.tolist() == [810, 290]
    assert found.effective[0] < 200, "ten items of weight 10 carry all that is known about what is missed"
    assert found.effective[1] <= 290
    equal = confusion(truth, predicted, np.ones(1100), 2)
    assert equal.effective == pytest.approx([810, 290])


def test_labels_that_tell_nothing_give_no_share_and_poor_ones_a_warning() -> None:
    (worthless,) = rogan_gladen(cells((50, 50)), audit([[40, 60], [60, 40]]), SHARE)
    assert isinstance(worthless, Missing)
    assert worthless.reason == "by the audit the labels do not tell the classes apart, so no share can be corrected"
    poor = only(rogan_gladen(cells((50, 50)), audit([[32, 28], [26, 34]]), SHARE))
    assert any("labels tell nothing about true classes" in said for said in poor.warnings)
    assert poor.high - poor.low > 0.9


@settings(deadline=None)
@given(st.lists(st.lists(st.floats(-5, 5), min_size=4, max_size=4), min_size=1, max_size=20))
def test_the_projection_is_the_nearest_point_of_the_simplex(rows: list[list[float]]) -> None:
    points = np.array(rows)
    points += (1 - points.sum(axis=1, keepdims=True)) / 4
    found = project(points)
    assert (found >= 0).all()
    assert found.sum(axis=1) == pytest.approx(np.ones(len(rows)))
    # The nearest point makes an obtuse angle with the way to every corner.
    for corner in np.eye(4):
        assert (((points - found) * (corner - found)).sum(axis=1) <= 1e-9).all()
    assert project(found) == pytest.approx(found, abs=1e-12)


# ---------------------------------------------------------------------- rectified mean


def test_with_an_outside_sample_the_rectified_mean_is_that_of_ppi_python() -> None:
    """ppi-python 0.2.3, ppi_mean_ci(Y, Yhat, Yhat_unlabeled, alpha=0.05, lam=1) on the same counts."""
    found = only(rectified(LARGE, audit(LARGE_AUDIT), SHARE, draws=40_000))
    assert found.value == pytest.approx(0.2475, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((0.23650743, 0.25849257), abs=4e-4)
    small = only(rectified(cells((90, 310)), audit([[40, 12], [16, 132]]), SHARE, draws=40_000))
    assert small.value == pytest.approx(0.205, abs=1e-12)
    # One more error of each kind and Student's t make it a little wider than theirs.
    assert (small.low, small.high) == pytest.approx((0.1390002, 0.2709998), abs=4e-3)
    assert small.high - small.low > 0.2709998 - 0.1390002


def test_weights_enter_as_hajeks_mean_and_variance() -> None:
    """ppi-python 0.2.3 with w = ½ and 1½ gives the same mean, since it divides by the weights' sum as well."""
    read = audit([[40, 12], [16, 132]])
    inclusion = np.where(read.predicted == 0, 0.9, 0.3)
    found = only(rectified(cells((90, 310)), Audit(read.truth, read.predicted, inclusion), SHARE, draws=40_000))
    assert found.value == pytest.approx(0.26598361, abs=1e-8)
    # By hand: variance of the labels, Hájek's of the net error, and twice what the two share.
    w, error, label = 1 / inclusion, 1.0 * (read.truth == 0) - (read.predicted == 0), 1.0 * (read.predicted == 0)
    mean, total = w @ error / w.sum(), w.sum()
    net = 200 / 199 * ((w * (error - mean)) ** 2).sum() / total**2 + 1 / 200**2
    shared = 2 * (w * (label - w @ label / total)) @ (error - mean) / total**2
    labels = 0.225 * 0.775 / 400
    assert found.standard_error == pytest.approx(math.sqrt(labels + net + shared), rel=0.02)


def test_an_audit_of_everything_is_the_truth_about_the_collected_set() -> None:
    table = [[40, 12], [16, 132]]
    found = only(rectified(cells((56, 144)), audit(table, share_read=1.0), SHARE, estimand=Estimand.COLLECTED))
    assert found.value == pytest.approx(52 / 200)
    assert found.high - found.low < 0.03
    tendency = only(rectified(cells((56, 144)), audit(table, share_read=1.0), SHARE))
    assert tendency.value == found.value
    # What remains is the chance of which 200 articles appeared.
    assert tendency.standard_error == pytest.approx(math.sqrt(0.26 * 0.74 / 200), rel=0.12)


def test_the_share_in_the_collected_set_has_the_variance_of_a_simple_random_audit() -> None:
    """Cochran: (1 − n/N) s²/n for the mean of what is drawn, here the errors."""
    table = [[400, 120], [160, 1320]]
    found = only(
        rectified(cells((2800, 7200)), audit(table, share_read=0.2), SHARE, estimand=Estimand.COLLECTED, draws=40_000)
    )
    errors = np.repeat([1.0, -1.0, 0.0], [120, 160, 1720])
    assert found.value == pytest.approx(0.28 - 0.02)
    assert found.standard_error == pytest.approx(math.sqrt(0.8 * errors.var(ddof=1) / 2000), rel=0.03)


def two_regimes() -> tuple[Cells, Audit, np.ndarray]:
    """Outlets 0 and 1 in both periods; labels of outlet 1 are all wrong in one direction."""
    labels = np.zeros((2, 2, 2))
    labels[:, 0] = (20, 80)
    labels[:, 1] = (0, 50)
    first, second = audit([[20, 0], [0, 80]], regime=0), audit([[0, 50], [0, 50]], regime=1)
    joined = Audit(*(np.concatenate([getattr(a, n) for a in (first, second)]) for n in ("truth", "predicted")), None)
    both = Audit(joined.truth, joined.predicted, None, np.concatenate([first.regimes, second.regimes]))
    return Cells(labels, labels, labels), both, np.array([[0, 1], [0, 1]])


def test_each_part_of_a_cell_is_corrected_by_its_regime() -> None:
    held, read, regimes = two_regimes()
    for found in rectified(held, read, SHARE, regimes=regimes):
        assert isinstance(found, Estimate)
        assert found.value == pytest.approx((100 * 0.2 + 50 * 0.5) / 150)
        assert found.audited_n == 200


def test_a_regime_without_an_audit_has_no_share_and_says_which() -> None:
    held, read, _ = two_regimes()
    with_one, without = rectified(held, read, SHARE, regimes=np.array([[0, 0], [0, 7]]))
    assert isinstance(with_one, Estimate)
    assert with_one.audited_n == 100
    assert isinstance(without, Missing)
    assert without == Missing("the audit has 0 items in regime 7, and a net error needs at least 15", 150)


# ---------------------------------------------------------------------- both


@pytest.mark.parametrize("method", [rogan_gladen, rectified])
def test_a_perfect_classifier_needs_no_correction(method: object) -> None:
    found = only(method(cells((300, 700)), audit([[400, 0], [0, 600]]), SHARE))  # type: ignore[operator]
    assert found.value == pytest.approx(0.3, abs=0.005)
    assert found.standard_error == pytest.approx(math.sqrt(0.21 / 1000), rel=0.1)


@pytest.mark.parametrize("method", [rogan_gladen, rectified])
def test_an_index_is_corrected_by_the_same_rules(method: object) -> None:
    """Labels 300, 100 and 600; nothing outside the base is mistaken, and a tenth of class 1 is labelled class 0."""
    read = audit([[300, 0, 0], [40, 360, 0], [0, 0, 300]])
    first = 300 - 100 / 0.9 * 0.1
    if method is rectified:
        read = audit([[290, 0, 0], [12, 108, 0], [0, 0, 590]])
        net = 12 / 1000
        first = 300 - 1000 * net
    found = only(method(cells((300, 100, 600)), read, INDEX))  # type: ignore[operator]
    assert found.value == pytest.approx(2 * first / 400 - 1, abs=0.015)
    assert found.n == 400, "framed items by their labels"
    assert found.low < found.value < found.high


def test_the_two_estimands_differ_where_the_set_is_known_and_the_tendency_is_not() -> None:
    for method in (rogan_gladen, rectified):
        tendency, collected = (
            only(method(cells((12, 28)), audit([[240, 60], [50, 650]], 0.5), SHARE, estimand=estimand))
            for estimand in (Estimand.TENDENCY, Estimand.COLLECTED)
        )
        assert (tendency.estimand, collected.estimand) == (Estimand.TENDENCY, Estimand.COLLECTED)
        assert collected.high - collected.low < 0.9 * (tendency.high - tendency.low)
        assert collected.value == pytest.approx(tendency.value, abs=0.02)


@pytest.mark.parametrize("method", [rogan_gladen, rectified])
def test_small_cells_and_small_audits_are_told(method: object) -> None:
    enough = audit([[40, 10], [10, 60]])
    none, one, few, shown = method(cells((0, 0), (1, 0), (7, 7), (8, 7)), enough, SHARE)  # type: ignore[operator]
    assert none == Missing("nothing was collected here", 0)
    assert one == Missing("1 item makes no percentage; 15 are needed", 1)
    assert few == Missing("14 items make no percentage; 15 are needed", 14)
    assert isinstance(shown, Estimate)
    assert shown.warnings == ()
    assert (len(enough.truth), MIN_ITEMS, MIN_AUDIT) == (120, 15, 100)
    small = only(method(cells((80, 70)), audit([[20, 5], [5, 30]]), SHARE))  # type: ignore[operator]
    assert small.warnings == ("the audit has 60 items, fewer than 100, so the correction is rough",)
    (none_yet,) = method(cells((80, 70)), audit([[5, 1], [1, 5]]), SHARE)  # type: ignore[operator]
    assert isinstance(none_yet, Missing)
    assert "12 items" in none_yet.reason


COUNTS = st.tuples(*[st.integers(0, 40)] * 3)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(COUNTS, min_size=1, max_size=4),
    st.lists(st.lists(st.integers(0, 30), min_size=3, max_size=3), min_size=3, max_size=3),
    st.sampled_from([SHARE, INDEX, Measure("share", (2,), (0, 1, 2))]),
    st.sampled_from(Estimand),
    st.booleans(),
    st.none() | st.floats(0.01, 1),
)
def test_whatever_comes_in_no_estimate_is_nan_or_out_of_range(
    labels: list[tuple[int, int, int]],
    read: list[list[int]],
    measure: Measure,
    estimand: Estimand,
    together: bool,
    share_read: float | None,
) -> None:
    held, sample = cells(*labels), audit(read, share_read)
    least = -1 if measure.index else 0
    solved = rogan_gladen(held, sample, measure, estimand=estimand, together=together, draws=200)
    for found in (*solved, *rectified(held, sample, measure, estimand=estimand, draws=200)):
        if isinstance(found, Missing):
            assert found.reason
            continue
        assert least <= found.low <= found.value <= found.high <= 1
        assert found.effective_n is not None
        assert 0 <= found.effective_n <= found.n
        assert found.n >= MIN_ITEMS


def test_the_same_data_give_the_same_interval() -> None:
    for method in (rogan_gladen, rectified):
        once, again = (method(cells((30, 50)), audit([[40, 9], [12, 80]]), SHARE) for _ in range(2))
        assert once == again


def test_items_that_resemble_each_other_widen_the_interval() -> None:
    for method in (rogan_gladen, rectified):
        alone = only(method(cells((30, 70)), audit([[90, 10], [10, 190]]), SHARE))
        alike = only(method(cells((30, 70)), audit([[90, 10], [10, 190]]), SHARE, effective=np.array([40.0])))
        assert alike.high - alike.low > 1.2 * (alone.high - alone.low)


def test_a_contradiction_between_the_corrections_is_a_sentence() -> None:
    one = Estimate(0.5, 0.45, 0.55, 100, method=Method.ROGAN_GLADEN)
    near = Estimate(0.53, 0.40, 0.60, 100, method=Method.RECTIFIED)
    far = Estimate(0.3, 0.25, 0.35, 100, method=Method.RECTIFIED)
    assert gap(one, near) is None
    assert gap(one, Missing("", 0)) is None
    said = gap(one, far)
    assert said is not None
    assert said.startswith("Monte-Carlo Rogan–Gladen says 0.50 and rectified mean 0.30")


def test_an_audit_that_cannot_be_one_is_refused() -> None:
    two, one = np.zeros(2, dtype=np.int64), np.zeros(1, dtype=np.int64)
    with pytest.raises(ValueError, match="2 true classes and 1 of another column"):
        Audit(two, one)
    for wrong in (0.0, 1.5):
        with pytest.raises(ValueError, match="above 0 and at most 1"):
            Audit(one, one, np.array([wrong]))


def test_26_weeks_and_2000_draws_are_built_from_items() -> None:
    """From items to both corrections, as a trend does it."""
    rng = np.random.default_rng(1)
    week, label = np.repeat(np.arange(26), 40), rng.integers(0, 2, 1040)
    held = tabulate(
        Items(week, label, rng.integers(0, 20, 1040), np.arange(1040), 26, 2, 20), Composition.ITEMS, Counting.ARTICLES
    )
    for method in (rogan_gladen, rectified):
        found = method(held, audit([[90, 10], [10, 190]]), SHARE)
        assert len(found) == 26
        assert all(isinstance(point, Estimate) for point in found)


# ---------------------------------------------------------------------- what errs in all periods together


TWO_PHASES = np.array([[0], [0], [1], [1]])
FOUR = cells((30, 70), (20, 80), (60, 90), (50, 70))


def two_phases() -> Audit:
    one, other = audit([[40, 10], [6, 94]], regime=0), audit([[50, 25], [6, 69]], regime=1)
    parts = zip((one.truth, one.predicted, one.regimes), (other.truth, other.predicted, other.regimes), strict=True)
    truth, predicted, regime = (np.concatenate(pair) for pair in parts)
    return Audit(truth, predicted, None, regime)


def test_kept_apart_the_share_is_the_estimate_and_the_draws_move_whole_phases() -> None:
    found = apart(FOUR, two_phases(), SHARE, Method.RECTIFIED, regimes=TWO_PHASES)
    whole = rectified(FOUR, two_phases(), SHARE, regimes=TWO_PHASES)
    assert found.share == pytest.approx([one.value for one in whole if isinstance(one, Estimate)])
    moved = found.common - found.share
    assert moved[:, 0] == pytest.approx(moved[:, 1])
    assert moved[:, 2] == pytest.approx(moved[:, 3])
    assert abs(np.corrcoef(moved[:, 0], moved[:, 2])[0, 1]) < 0.1
    # Net error of the first phase: +4 of 150, with one pseudo-error; t with 149 degrees of freedom.
    error = np.array([1] * 10 + [-1] * 6 + [0] * 134)
    variance = error.var() / 149 + 1 / 150**2
    assert moved[:, 0].std() == pytest.approx(np.sqrt(variance * 149 / 147), rel=0.05)


def test_kept_apart_rogan_and_gladen_draw_one_matrix_for_all_periods() -> None:
    found = apart(FOUR, two_phases(), SHARE, Method.ROGAN_GLADEN)
    whole = rogan_gladen(FOUR, two_phases(), SHARE)
    assert found.share == pytest.approx([one.value for one in whole if isinstance(one, Estimate)], abs=0.01)
    steeper = (found.common[:, 0] - found.common[:, 1]) / 0.1  # 1 ÷ (se + sp − 1), the same for every pair of periods
    assert (found.common[:, 2] - found.common[:, 0]) / 0.1 == pytest.approx(steeper, rel=1e-6)
    assert found.common.std(axis=0).max() < min((one.high - one.low) / 2 for one in whole if isinstance(one, Estimate))


def test_kept_apart_too_little_is_missing_with_a_reason() -> None:
    few = audit([[3, 1], [1, 5]])
    for method in (Method.RECTIFIED, Method.ROGAN_GLADEN):
        found = apart(FOUR, few, SHARE, method)
        assert np.isnan(found.share).all()
        assert np.isnan(found.common).all()
        assert all(found.reasons)
    blind = apart(FOUR, audit([[50, 50], [60, 40]]), SHARE, Method.ROGAN_GLADEN)
    assert all(blind.reasons)
    half = apart(FOUR, audit([[40, 10], [6, 94]], regime=1), SHARE, Method.RECTIFIED, regimes=TWO_PHASES)
    assert np.isnan(half.share).tolist() == [True, True, False, False]


def test_for_the_collected_set_rogan_and_gladen_say_that_they_are_cautious() -> None:
    told = audit(LARGE_AUDIT)
    assert CAUTIOUS in only(rogan_gladen(LARGE, told, SHARE, estimand=Estimand.COLLECTED)).warnings
    assert CAUTIOUS not in only(rogan_gladen(LARGE, told, SHARE)).warnings
