"""Shares, indices and their intervals against published and closed-form values."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_coverage import estimate as estimates
from media_coverage.estimate import (
    MIN_ITEMS,
    Z95,
    Estimand,
    Measure,
    Method,
    jeffreys,
    measures,
    net_framing_index,
    outlet_bootstrap,
    share,
    wilson,
)
from media_coverage.framing import DEFAULT_FRAMES

LABELS = DEFAULT_FRAMES.labels
LARGE = 10**6


def with_intervals(counts: pd.DataFrame) -> pd.DataFrame:
    return estimates.with_intervals(counts, DEFAULT_FRAMES)


@st.composite
def counts_of(draw: st.DrawFn) -> tuple[int, int]:
    n = draw(st.integers(1, 60) | st.integers(1, LARGE))
    return draw(st.integers(0, n)), n


def test_the_quantile_is_that_of_a_95_percent_interval() -> None:
    assert (1 + math.erf(Z95 / math.sqrt(2))) / 2 == pytest.approx(0.975, abs=1e-12)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        # Newcombe (1998), Two-sided confidence intervals for the single proportion, table I, method 3.
        pytest.param(81, 263, 0.2553, 0.3662, id="81 of 263"),
        pytest.param(15, 148, 0.0624, 0.1605, id="15 of 148"),
        pytest.param(0, 20, 0.0000, 0.1611, id="0 of 20"),
        pytest.param(1, 29, 0.0061, 0.1718, id="1 of 29"),
    ],
)
def test_the_interval_is_the_published_wilson_score_interval(k: int, n: int, low: float, high: float) -> None:
    estimate = share(k, n)
    assert estimate is not None
    assert (estimate.value, estimate.n) == (k / n, n)
    assert (round(estimate.low, 4), round(estimate.high, 4)) == (low, high)


@given(counts_of())
def test_the_bounds_are_the_shares_that_the_score_test_just_does_not_reject(counts: tuple[int, int]) -> None:
    """Wilson's definition: |p - bound| = z · sqrt(bound · (1 - bound) / n)."""
    k, n = counts
    estimate = share(k, n)
    assert estimate is not None
    for bound in (estimate.low, estimate.high):
        distance = Z95 * math.sqrt(bound * (1 - bound) / n)
        assert abs(k / n - bound) == pytest.approx(distance, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("n", [1, 2, 15, 1000, LARGE])
def test_at_the_ends_the_interval_touches_zero_and_one_exactly(n: int) -> None:
    none, every = share(0, n), share(n, n)
    assert none is not None
    assert every is not None
    assert (none.value, none.low) == (0.0, 0.0)
    assert (every.value, every.high) == (1.0, 1.0)
    # Closed forms of the other bound.
    assert none.high == pytest.approx(Z95**2 / (n + Z95**2), rel=1e-9)
    assert every.low == pytest.approx(n / (n + Z95**2), rel=1e-9)


@given(counts_of())
def test_a_share_lies_within_its_interval_and_both_within_zero_and_one(counts: tuple[int, int]) -> None:
    estimate = share(*counts)
    assert estimate is not None
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert estimate.low < estimate.high


@given(counts_of())
def test_the_complement_has_the_mirrored_interval(counts: tuple[int, int]) -> None:
    k, n = counts
    one, other = share(k, n), share(n - k, n)
    assert one is not None
    assert other is not None
    assert one.low == pytest.approx(1 - other.high, abs=1e-12)
    assert one.high == pytest.approx(1 - other.low, abs=1e-12)


@given(counts_of(), st.integers(2, 50))
def test_more_items_with_the_same_share_make_a_narrower_interval(counts: tuple[int, int], times: int) -> None:
    few, many = share(*counts), share(counts[0] * times, counts[1] * times)
    assert few is not None
    assert many is not None
    assert many.high - many.low < few.high - few.low


def test_without_items_there_is_no_share_and_no_index() -> None:
    assert share(0, 0) is None
    assert net_framing_index(0, 0) is None


@pytest.mark.parametrize(
    ("hopeful", "appeasement", "value"),
    [
        pytest.param(10, 0, 1.0, id="all hopeful"),
        pytest.param(0, 10, -1.0, id="all appeasement"),
        pytest.param(10, 10, 0.0, id="even"),
        pytest.param(15, 5, 0.5, id="three to one"),
        pytest.param(5, 15, -0.5, id="one to three"),
    ],
)
def test_the_index_runs_from_minus_one_to_one(hopeful: int, appeasement: int, value: float) -> None:
    estimate = net_framing_index(hopeful, appeasement)
    assert estimate is not None
    assert estimate.value == pytest.approx(value)
    assert estimate.n == hopeful + appeasement


@given(counts_of())
def test_the_index_is_twice_the_share_of_hopeful_minus_one_with_its_interval(counts: tuple[int, int]) -> None:
    hopeful, n = counts
    p, index, mirrored = (
        share(hopeful, n),
        net_framing_index(hopeful, n - hopeful),
        net_framing_index(n - hopeful, hopeful),
    )
    assert p is not None
    assert index is not None
    assert mirrored is not None
    assert (index.value, index.low, index.high) == pytest.approx((2 * p.value - 1, 2 * p.low - 1, 2 * p.high - 1))
    assert -1 <= index.low <= index.value <= index.high <= 1
    assert (mirrored.low, mirrored.high) == pytest.approx((-index.high, -index.low), abs=1e-11)


def table(*rows: tuple[int, int, int, int]) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows), columns=list(LABELS))
    frame.insert(0, "articles", frame.sum(axis=1))
    frame.insert(0, "outlet", [f"Outlet {n}" for n in range(len(frame))])
    return frame


def test_rows_get_their_shares_and_index_beside_their_counts() -> None:
    counts = table((12, 4, 2, 2))
    row = with_intervals(counts).iloc[0]
    for label, k in zip(LABELS, (12, 4, 2, 2), strict=True):
        expected = share(k, 20)
        assert expected is not None
        found = (row[f"share_{label}"], row[f"share_{label}_low"], row[f"share_{label}_high"])
        assert found == (expected.value, expected.low, expected.high)
        assert row[label] == k
    index = net_framing_index(12, 4)
    assert index is not None
    assert (row["index"], row["index_low"], row["index_high"]) == (index.value, index.low, index.high)
    assert row["index_n"] == 16
    assert list(counts.columns) == ["outlet", "articles", *LABELS], "what was passed in stays as it was"


@pytest.mark.parametrize(
    ("row", "shares_shown", "index_shown"),
    [
        pytest.param((8, 7, 0, 0), True, True, id="just enough for both"),
        pytest.param((7, 7, 0, 0), False, False, id="one too few"),
        pytest.param((7, 7, 1, 0), True, False, id="enough articles, too few framed"),
        pytest.param((0, 0, 0, 40), True, False, id="none framed"),
        pytest.param((0, 0, 0, 0), False, False, id="nothing at all"),
    ],
)
def test_what_few_items_stand_behind_is_not_shown(
    row: tuple[int, int, int, int], shares_shown: bool, index_shown: bool
) -> None:
    assert MIN_ITEMS == 15
    found = with_intervals(table(row)).iloc[0]
    for label in LABELS:
        for column in (f"share_{label}", f"share_{label}_low", f"share_{label}_high"):
            assert pd.notna(found[column]) is shares_shown, column
    for column in ("index", "index_low", "index_high"):
        assert pd.notna(found[column]) is index_shown, column
    assert found["index_n"] == row[0] + row[1]
    assert found["articles"] == sum(row)


def test_a_table_without_rows_has_all_columns_and_stays_empty() -> None:
    assert list(with_intervals(table()).columns) == list(with_intervals(table((9, 9, 1, 1))).columns)
    assert with_intervals(table()).empty


_row = st.tuples(*[st.integers(0, 30)] * 4)


@settings(deadline=None, max_examples=60)
@given(st.lists(_row, min_size=1, max_size=6))
def test_shares_shown_are_never_negative_and_add_up_to_one(rows: list[tuple[int, int, int, int]]) -> None:
    found = with_intervals(table(*rows))
    shares = found[[f"share_{label}" for label in LABELS]]
    shown = found["articles"] >= MIN_ITEMS
    assert shares.notna().all(axis=1).tolist() == shown.tolist()
    assert shares[shown].sum(axis=1).tolist() == pytest.approx([1.0] * int(shown.sum()))
    for label in LABELS:
        interval = found.loc[shown, [f"share_{label}_low", f"share_{label}", f"share_{label}_high"]]
        for low, value, high in interval.to_numpy().tolist():
            assert 0 <= low <= value <= high <= 1
    framed = found[found["index_n"] >= MIN_ITEMS]
    for low, value, high in framed[["index_low", "index", "index_high"]].to_numpy().tolist():
        assert -1 <= low <= value <= high <= 1


# ---------------------------------------------------------------------- measures and other intervals


def test_a_share_says_what_it_is() -> None:
    found = share(30, 120)
    assert found is not None
    assert (found.estimand, found.method) == (Estimand.TENDENCY, Method.WILSON)
    assert (found.effective_n, found.audited_n, found.warnings) == (120, 0, ())
    assert found.standard_error == pytest.approx(math.sqrt(0.25 * 0.75 / 120), rel=0.02)
    assert [method for method in Method if method.corrected] == [Method.ROGAN_GLADEN, Method.RECTIFIED]


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        # statsmodels 0.15.0, proportion_confint(k, n, method="jeffreys").
        pytest.param(1, 29, 0.003746173649057073, 0.15007768600223176, id="1 of 29"),
        pytest.param(15, 148, 0.060448517009296425, 0.15764314347874112, id="15 of 148"),
        pytest.param(81, 263, 0.2545219349910236, 0.36564749917408246, id="81 of 263"),
        # At the ends the bound is the end, as Brown, Cai and DasGupta (2001) advise; statsmodels leaves 2e-5.
        pytest.param(0, 20, 0.0, 0.11663898290487543, id="0 of 20"),
        pytest.param(20, 20, 0.8833610170951246, 1.0, id="20 of 20"),
    ],
)
def test_jeffreys_interval_is_that_of_statsmodels(k: int, n: int, low: float, high: float) -> None:
    assert jeffreys(k / n, n) == pytest.approx((low, high), abs=1e-9)


def test_the_measures_of_two_frames_are_four_shares_and_the_index() -> None:
    *shares, index = measures(DEFAULT_FRAMES)
    assert [m.name for m in shares] == [f"share_{label}" for label in LABELS]
    assert [m.positive for m in shares] == [(0,), (1,), (2,), (3,)]
    assert all(m.base == (0, 1, 2, 3) for m in shares)
    assert index == Measure("index", (0,), (0, 1), index=True)
    # A fifth class, off topic, is outside the base of a share; mixed and neither are outside that of the index.
    assert shares[1].roles(5)[0].argmax(axis=1).tolist() == [1, 0, 1, 1, 2]
    assert shares[1].roles(4)[1] == 2
    assert index.roles(4)[0].argmax(axis=1).tolist() == [0, 1, 2, 2]


@given(st.floats(0, 1))
def test_an_index_is_a_share_on_another_scale(p: float) -> None:
    index = measures(DEFAULT_FRAMES)[-1]
    assert index.scaled(p) == pytest.approx(2 * p - 1)
    assert index.share(index.scaled(p)) == pytest.approx(p)


@pytest.mark.parametrize(("positive", "base"), [((), (0, 1)), ((0, 1), (0, 1)), ((2,), (0, 1))])
def test_a_measure_needs_something_on_either_side(positive: tuple[int, ...], base: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="the positive classes must be some, and not all, of the base"):
        Measure("share", positive, base)


def test_outlets_that_are_alike_within_have_few_effective_items() -> None:
    """Ten outlets with ten articles each, five of them all positive: about ten independent items."""
    positive, base = np.repeat([10.0, 0.0], 5), np.full(10, 10.0)
    found = outlet_bootstrap(positive, base, 100.0, resamples=20_000)
    assert found is not None
    low, high, effective = found
    # Closed form: the variance of a mean of ten with its C - 1 correction, p (1 - p) / 9.
    assert effective == pytest.approx(9, rel=0.05)
    assert high - low > 2 * (wilson(0.5, 100)[1] - wilson(0.5, 100)[0])


def test_outlets_that_do_not_differ_have_as_many_effective_items_as_items() -> None:
    found = outlet_bootstrap(np.full(40, 1.0), np.full(40, 4.0), 160.0)
    assert found is not None
    assert found[2] == pytest.approx(40), "no spread to be seen: each outlet counts as one item"
    mixed = outlet_bootstrap(np.tile([1.0, 2.0, 3.0], 20), np.full(60, 4.0), 240.0)
    assert mixed is not None
    assert mixed[2] == 240


def test_one_outlet_cannot_be_resampled() -> None:
    assert outlet_bootstrap(np.array([3.0, 0.0]), np.array([20.0, 0.0]), 20.0) is None


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=12))
def test_the_outlet_interval_holds_its_share_and_stays_within_zero_and_one(rows: list[tuple[int, int]]) -> None:
    positive, other = np.array(rows, dtype=float).T
    base = positive + other
    found = outlet_bootstrap(positive, base, float(base.sum()), resamples=100)
    if np.count_nonzero(base) < 2:
        assert found is None
        return
    assert found is not None
    low, high, effective = found
    p = positive.sum() / base.sum()
    assert 0 <= low <= p + 1e-12
    assert p - 1e-12 <= high <= 1
    assert 0 < effective <= base.sum()
