"""Changes at events: against closed forms, published values, another program, and simulations without any event."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pytest
import simulated_series
from hypothesis import given, settings
from hypothesis import strategies as st

from media_coverage import config, events
from media_coverage.events import (
    MIN_PERIODS,
    MODELS,
    Effect,
    Series,
    across,
    across_sentence,
    audited,
    block_length,
    change_points,
    corrected,
    counts,
    effect,
    placebo,
    q_values,
    quasi_binomial,
)

FIRST = dt.date(2026, 1, 5)  # a Monday
K = [9, 14, 11, 8, 16, 12, 7, 13, 18, 21, 15, 19, 12, 24, 17, 20]
N = [40, 52, 45, 38, 61, 44, 33, 47, 50, 58, 39, 55, 36, 62, 48, 51]


@dataclass(frozen=True)
class Summit:
    date: dt.date
    name: str = "Summit"


def weeks(number: int) -> list[dt.date]:
    return [FIRST + dt.timedelta(weeks=week) for week in range(number)]


def summit(week: int, day: int = 0, name: str = "Summit") -> Summit:
    return Summit(FIRST + dt.timedelta(weeks=week, days=day), name)


def weekly(k: list[int], n: list[int]) -> Series:
    return counts(weeks(len(k)), k, n)


EIGHT_AND_EIGHT = weekly(K, N)
EVENT = summit(8)


def step(before: float, after: float, at: int, periods: int, items: int = 60, seed: int = 1) -> Series:
    """Shares around a step, with no more than the chance of single items."""
    rng = np.random.default_rng(seed)
    truth = np.where(np.arange(periods) < at, before, after)
    return counts(weeks(periods), rng.binomial(items, truth), np.full(periods, items))


def numbers(value: object) -> list[float]:
    """Every number anywhere in a result."""
    if isinstance(value, bool) or value is None:
        return []
    if isinstance(value, int | float):
        return [float(value)]
    if isinstance(value, tuple):
        return [number for item in value for number in numbers(item)]
    if hasattr(value, "__dataclass_fields__"):
        return [number for field in fields(value) for number in numbers(getattr(value, field.name))]  # type: ignore[arg-type]
    return []


# The regression


@pytest.mark.parametrize(
    ("model", "coefficients", "errors", "dispersion"),
    [
        # Computed once with statsmodels 0.15.0: GLM(k / n, X, Binomial(), var_weights=n).fit(scale="X2", tol=1e-12).
        pytest.param("level", [-1.09861229, 0.54882942], [0.04355977, 0.05727948], 0.12807814, id="level"),
        pytest.param(
            "trend",
            [-1.03961229, 0.01305425, 0.44390189],
            [0.07020505, 0.01227212, 0.11381898],
            0.12652888,
            id="trend",
        ),
        pytest.param(
            "slope",
            [-1.02919912, 0.0153682, 0.43908071, -0.00389965],
            [0.10062504, 0.02001029, 0.12252828, 0.02597664],
            0.13679081,
            id="slope",
        ),
    ],
)
def test_the_regressions_are_those_of_statsmodels(
    model: str, coefficients: list[float], errors: list[float], dispersion: float
) -> None:
    _, _, cut = events._cut(EIGHT_AND_EIGHT, EVENT.date, None, None)
    assert not isinstance(cut, str)
    design, _ = cut.design(model)
    fit = quasi_binomial(np.array(K) / np.array(N), np.array(N, dtype=float), design)
    assert fit.coefficients == pytest.approx(coefficients, abs=1e-7)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(errors, abs=1e-7)
    assert fit.dispersion == pytest.approx(dispersion, abs=1e-7)


@pytest.mark.parametrize("model", ["trend", "slope"])
def test_the_change_is_the_step_of_the_fitted_curve_at_the_event(model: str) -> None:
    _, _, cut = events._cut(EIGHT_AND_EIGHT, EVENT.date, None, None)
    assert not isinstance(cut, str)
    design, jump = cut.design(model)
    at = quasi_binomial(cut.share, cut.items, design).coefficients
    expected = 1 / (1 + math.exp(-at[0] - at[jump])) - 1 / (1 + math.exp(-at[0]))
    found = effect(EIGHT_AND_EIGHT, EVENT, model=model).change
    assert found is not None
    assert found.points == pytest.approx(100 * expected, abs=1e-6)


def test_the_standard_error_is_that_of_the_bartlett_kernel() -> None:
    """The level model by hand: a difference of two weighted means, whose residuals go together up to 3 weeks apart."""
    share, items = np.array(K) / np.array(N), np.array(N, dtype=float)
    residuals = np.zeros(16)
    for part, sign in ((slice(0, 8), -1), (slice(8, 16), 1)):
        mean = items[part] @ share[part] / items[part].sum()
        residuals[part] = sign * items[part] * (share[part] - mean) / items[part].sum()
    assert block_length(16) == 4
    variance = sum(
        (1 - abs(i - j) / 4) * residuals[i] * residuals[j] for i in range(16) for j in range(16) if abs(i - j) < 4
    )
    found = effect(EIGHT_AND_EIGHT, EVENT).change
    assert found is not None
    assert found.points / 100 / found.ratio == pytest.approx(math.sqrt(variance * 16 / 14), rel=1e-6)


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=14, max_size=40), st.integers(6, 8))
@settings(max_examples=60, deadline=None)
def test_without_a_trend_the_change_is_the_share_after_minus_the_share_before(
    cells: list[tuple[int, int]], at: int
) -> None:
    k, n = [a for a, _ in cells], [a + b for a, b in cells]
    found = effect(weekly(k, n), summit(at), resamples=59)
    if found.change is not None:
        assert found.change.points == pytest.approx(
            100 * (sum(k[at:]) / sum(n[at:]) - sum(k[:at]) / sum(n[:at])), abs=1e-4
        )


# The test and its interval


@given(st.integers(0, 10**6), st.sampled_from(sorted(MODELS)), st.floats(0, 0.25))
@settings(max_examples=60, deadline=None)
def test_the_interval_leaves_out_zero_exactly_where_the_test_says_yes(seed: int, model: str, size: float) -> None:
    found = effect(step(0.3, 0.3 + size, 9, 20, seed=seed), summit(9), model=model, resamples=199).change
    assert found is not None
    assert found.distinguishable == (found.low > 0 or found.high < 0)
    assert found.low <= found.points <= found.high
    assert 1 / 200 <= found.p <= 1


def test_the_other_frame_moves_as_much_the_other_way() -> None:
    there = effect(EIGHT_AND_EIGHT, EVENT).change
    back = effect(weekly([n - k for k, n in zip(K, N, strict=True)], N), EVENT).change
    assert there is not None
    assert back is not None
    assert (back.points, back.low, back.high) == pytest.approx((-there.points, -there.high, -there.low), abs=1e-6)
    assert back.p == there.p


def test_the_same_seed_gives_the_same_answer_and_another_seed_nearly_the_same() -> None:
    one, again, other = (effect(EIGHT_AND_EIGHT, EVENT, seed=seed).change for seed in (1, 1, 2))
    assert one == again
    assert one is not None
    assert other is not None
    assert other != one
    assert other.p == pytest.approx(one.p, abs=0.03)


def test_blocks_are_moving_blocks() -> None:
    drawn = events._blocks(10, 3, 50, np.random.default_rng(1))
    assert drawn.shape == (50, 10)
    assert drawn.min() >= 0
    assert drawn.max() <= 9
    for start in (0, 3, 6):
        assert np.all(np.diff(drawn[:, start : start + 3], axis=1) == 1)
    assert len({tuple(row) for row in drawn.tolist()}) > 25


def test_blocks_grow_slowly_with_the_series() -> None:
    assert [block_length(periods) for periods in (4, 12, 16, 26, 52, 104, 182)] == [2, 3, 4, 5, 6, 8, 9]


def test_without_an_event_the_test_says_yes_as_rarely_as_it_promises() -> None:
    """A plain binomial test of the same series says yes five times as often, and would fail here."""
    found = simulated_series.rates(simulated_series.NULL, 400, ["two proportions", "binomial", "quasi-binomial"])
    assert found[simulated_series.OURS] <= 0.075
    assert min(found["two proportions"], found["binomial"]) > 0.15
    assert found["binomial"] > found["quasi-binomial"] > found[simulated_series.OURS]
    assert found[simulated_series.COVERS] >= 0.925


def test_large_effects_are_found() -> None:
    large = replace(simulated_series.NULL, effect=0.25)
    found = simulated_series.rates(large, 150, [])
    assert found[simulated_series.OURS] >= 0.8
    assert found[simulated_series.COVERS] >= 0.9


# What the input means


def test_weeks_without_articles_are_missing_not_zero() -> None:
    gaps = {3, 11}
    k = [0 if week in gaps else hits for week, hits in enumerate(K)]
    n = [0 if week in gaps else items for week, items in enumerate(N)]
    empty = effect(weekly(k, n), EVENT)
    kept = [week for week in range(16) if week not in gaps]
    absent = effect(counts([weeks(16)[w] for w in kept], [K[w] for w in kept], [N[w] for w in kept]), EVENT)
    assert empty == absent
    assert empty.before is not None
    assert empty.after is not None
    assert (empty.before.periods, empty.before.missing, empty.after.periods, empty.after.missing) == (7, 1, 7, 1)
    assert empty.before.items == sum(n[:8])
    assert "Left out for want of data: 2 of the weeks." in empty.notes


def test_counts_that_are_no_numbers_are_missing_too() -> None:
    """As in a frame that was given a row for every week."""
    k = np.array([math.nan if week == 3 else hits for week, hits in enumerate(K)])
    n = np.array([math.nan if week == 3 else items for week, items in enumerate(N)])
    assert counts(weeks(16), k, n).position.tolist() == [week for week in range(16) if week != 3]


def test_the_week_in_which_the_event_falls_belongs_to_neither_side() -> None:
    """A Thursday: articles of that week were written before and after."""
    inside = effect(EIGHT_AND_EIGHT, summit(8, day=3))
    assert inside.before is not None
    assert inside.after is not None
    assert (inside.before.periods, inside.after.periods) == (8, 7)
    assert inside.after.first == FIRST + dt.timedelta(weeks=9)
    assert "The period in which the event fell belongs to neither side." in inside.notes
    monday = effect(EIGHT_AND_EIGHT, EVENT)
    assert monday.after is not None
    assert (monday.after.first, monday.after.periods, monday.notes) == (EVENT.date, 8, ())


def test_windows_are_counted_from_the_event() -> None:
    near = effect(EIGHT_AND_EIGHT, EVENT, before=6, after=7)
    assert near.before is not None
    assert near.after is not None
    assert (near.before.first, near.before.last) == (weeks(16)[2], weeks(16)[7])
    assert (near.after.first, near.after.last) == (weeks(16)[8], weeks(16)[14])
    assert near.before.share == sum(K[2:8]) / sum(N[2:8])
    assert near.change == effect(weekly(K[2:15], N[2:15]), summit(6)).change


def test_daily_series_are_in_days() -> None:
    start = [FIRST + dt.timedelta(days=day) for day in range(16)]
    found = effect(counts(start, K, N, days=1), Summit(start[8]))
    assert found.change == effect(EIGHT_AND_EIGHT, EVENT).change
    assert "8 days before" in found.sentence()


def test_corrected_shares_with_binomial_errors_are_like_counts() -> None:
    share, items = np.array(K) / np.array(N), np.array(N)
    pooled = sum(K) / sum(N)
    same = corrected(weeks(16), share, np.sqrt(pooled * (1 - pooled) / items))
    assert same.items == pytest.approx(items, rel=0.01)
    one, other = effect(same, EVENT).change, effect(EIGHT_AND_EIGHT, EVENT).change
    assert one is not None
    assert other is not None
    assert (one.points, one.low, one.high, one.p) == pytest.approx(
        (other.points, other.low, other.high, other.p), abs=0.05
    )


def test_corrected_shares_that_are_no_numbers_are_missing() -> None:
    share = [0.3, math.nan, 0.4, 0.5, 0.2]
    error = [0.05, 0.05, math.inf, 0.0, 0.1]
    series = corrected(weeks(5), share, error)
    assert series.position.tolist() == [0, 4]
    assert np.isfinite(corrected(weeks(2), [0.2, 0.3], [1e-300, 0.1]).items).all()
    assert series.items[0] == pytest.approx(4 * series.items[1])


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: weekly([3], [2]), id="more hits than items"),
        pytest.param(lambda: weekly([-1], [2]), id="fewer hits than none"),
        pytest.param(lambda: counts(weeks(2), [1], [2]), id="more dates than counts"),
        pytest.param(lambda: counts(weeks(2), [1, 1], [2]), id="more hits than sizes"),
        pytest.param(lambda: counts([FIRST, FIRST], [1, 1], [2, 2]), id="a date twice"),
        pytest.param(lambda: counts(weeks(2)[::-1], [1, 1], [2, 2]), id="the newest first"),
        pytest.param(lambda: counts([FIRST, FIRST + dt.timedelta(3)], [1, 1], [2, 2]), id="off the grid"),
        pytest.param(lambda: counts(weeks(1), [1], [2], days=0), id="periods of no length"),
        pytest.param(lambda: corrected(weeks(2), [0.1, 0.2], [0.1]), id="an error too few"),
        pytest.param(lambda: effect(EIGHT_AND_EIGHT, EVENT, model="cubic"), id="an unknown model"),
        pytest.param(lambda: effect(EIGHT_AND_EIGHT, EVENT, resamples=18), id="too few resamples for an interval"),
        pytest.param(lambda: placebo(EIGHT_AND_EIGHT, EVENT, model="cubic"), id="an unknown model for placebos"),
    ],
)
def test_mistakes_of_the_caller_are_errors(make: object) -> None:
    with pytest.raises(ValueError, match=r"must|one |known"):
        make()  # type: ignore[operator]


# What cannot be said


@pytest.mark.parametrize(
    ("series", "event", "reason"),
    [
        pytest.param(weekly([], []), EVENT, "There are no data.", id="nothing"),
        pytest.param(weekly([0] * 16, [0] * 16), EVENT, "There are no data.", id="weeks without articles"),
        pytest.param(
            EIGHT_AND_EIGHT,
            summit(40),
            "The event is outside the data, 2026-01-05 to 2026-04-26.",
            id="an event after the data",
        ),
        pytest.param(
            EIGHT_AND_EIGHT,
            summit(-3),
            "The event is outside the data, 2026-01-05 to 2026-04-26.",
            id="an event before the data",
        ),
        pytest.param(
            EIGHT_AND_EIGHT,
            summit(5),
            "Only 5 weeks with data before the event; 6 are needed.",
            id="too few weeks before",
        ),
        pytest.param(
            EIGHT_AND_EIGHT, summit(16), "Only 0 weeks with data after the event; 6 are needed.", id="no week after"
        ),
        pytest.param(
            weekly([1] * 16, [2] * 16), summit(6), "Only 12 items before the event; 15 are needed.", id="too few items"
        ),
        pytest.param(
            weekly([0] * 16, N), EVENT, "The share is 0.0 % in every period, so there is no usual movement.", id="all 0"
        ),
        pytest.param(
            weekly(N, N), EVENT, "The share is 100.0 % in every period, so there is no usual movement.", id="all 1"
        ),
        pytest.param(
            weekly([10] * 16, [40] * 16),
            EVENT,
            "The share is 25.0 % in every period, so there is no usual movement.",
            id="no variance",
        ),
        pytest.param(
            weekly([10] * 8 + [20] * 8, [40] * 16),
            EVENT,
            "The shares do not vary within the two sides",
            id="a bare step",
        ),
    ],
)
def test_what_the_data_cannot_carry_is_a_reason(series: Series, event: Summit, reason: str) -> None:
    found = effect(series, event)
    assert found.change is None
    assert found.reason is not None
    assert found.reason.startswith(reason)
    assert reason in found.sentence()
    there = placebo(series, event)
    assert (there.rank, there.p) == (None, None)
    assert there.reason == found.reason
    assert there.reason in there.sentence()


def test_a_side_of_nothing_but_zeros_still_has_an_interval_and_says_how() -> None:
    found = effect(weekly([0] * 8 + [5, 9, 7, 4, 8, 6, 9, 5], [40] * 16), EVENT)
    assert found.change is not None
    assert found.before is not None
    assert found.before.share == 0
    assert 12 < found.change.points < 18
    assert found.change.distinguishable
    assert any("half an item of each kind" in note for note in found.notes)


def test_from_nothing_to_everything_has_no_usual_movement() -> None:
    found = effect(weekly([0] * 8 + [40] * 8, [40] * 16), EVENT)
    assert found.change is None
    assert found.reason is not None
    assert found.reason.startswith("The shares do not vary within the two sides")
    assert found.before is not None
    assert found.after is not None
    assert (found.before.share, found.after.share) == (0, 1)


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=40),
    st.integers(-2, 42),
    st.integers(0, 6),
    st.sampled_from(sorted(MODELS)),
    st.none() | st.integers(0, 20),
)
@settings(max_examples=150, deadline=None)
def test_whatever_the_counts_nothing_is_raised_and_nothing_is_nan(
    cells: list[tuple[int, int]], week: int, day: int, model: str, window: int | None
) -> None:
    series = weekly([a for a, _ in cells], [a + b for a, b in cells])
    event = summit(week, day)
    found = effect(series, event, model=model, before=window, after=window, resamples=39)
    there = placebo(series, event, model=model, before=window, after=window)
    seen = change_points(series, resamples=39)
    assert (found.change is None) == (found.reason is not None)
    assert (there.rank is None) == (there.p is None) == (there.reason is not None)
    assert bool(seen.points) == (seen.reason is None)
    assert all(math.isfinite(number) for number in numbers((found, there, seen)))
    if found.change is not None:
        assert -100 <= found.change.low <= found.change.points <= found.change.high <= 100
    for sentence in (found.sentence(), there.sentence(), *(point.sentence() for point in seen.points)):
        assert "nan" not in sentence
        assert "None" not in sentence


# Placebos


def test_a_real_step_stands_out_from_all_other_dates() -> None:
    found = placebo(step(0.2, 0.5, 13, 26), summit(13))
    assert (found.dates, found.rank, found.p) == (15, 1, pytest.approx(1 / 15))
    assert "of the 15 dates" in found.sentence()
    assert "no other date shows" in found.sentence()


def test_a_date_beside_the_step_does_not_come_first() -> None:
    found = placebo(step(0.2, 0.5, 13, 26), summit(9))
    assert found.rank is not None
    assert found.p is not None
    assert found.rank > 1
    assert found.p == pytest.approx(found.rank / found.dates)
    assert "p = 0.0" not in found.sentence()


def test_placebos_have_windows_as_long_as_the_event_has() -> None:
    found = placebo(step(0.2, 0.5, 13, 26), summit(13), before=8, after=8)
    assert found.dates == 26 - 16 + 1


def test_placebos_of_an_event_inside_a_week_leave_a_week_out_too() -> None:
    found = placebo(step(0.2, 0.5, 13, 26), summit(12, day=4))
    assert found.dates == 26 - 2 * MIN_PERIODS


def test_a_lone_date_is_compared_with_nothing() -> None:
    found = placebo(step(0.2, 0.5, 6, 12), summit(6))
    assert (found.dates, found.rank, found.p) == (1, None, None)
    assert "No other date has as many weeks" in found.sentence()


# Many groups


def test_q_values_reject_what_the_paper_rejects() -> None:
    """Benjamini and Hochberg (1995), section 3.2: of these 15, their procedure at 5 % keeps four."""
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.324,
        0.4262,
        0.5719,
        0.6528,
        0.759,
        1,
    ]
    assert np.count_nonzero(q_values(p) <= 0.05) == 4


def test_q_values_are_those_of_statsmodels() -> None:
    """Computed once with statsmodels 0.15.0, multipletests(p, method="fdr_bh")."""
    p = [0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216]
    expected = [0.01, 0.04, 0.084, 0.084, 0.084, 0.1, 0.105714, 0.216, 0.216, 0.216]
    assert q_values(p) == pytest.approx(expected, abs=1e-6)


@given(st.lists(st.floats(0, 1), max_size=30), st.randoms())
def test_q_values_keep_the_order_and_never_fall_below_p(p: list[float], random: object) -> None:
    q = q_values(p)
    assert np.all(q >= np.array(p) - 1e-15)
    assert np.all(q <= 1)
    order = np.argsort(p, kind="stable")
    assert np.all(np.diff(q[order]) >= 0)
    shuffled = list(range(len(p)))
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert q_values([p[i] for i in shuffled]).tolist() == [q[i] for i in shuffled]


def test_groups_share_one_error_rate_and_untested_ones_stay_visible() -> None:
    moved, still = step(0.2, 0.6, 13, 26), step(0.3, 0.3, 13, 26, seed=5)
    by_outlet: dict[str, Effect] = {"Harbour Post": effect(moved, summit(13)), "Ledger": effect(still, summit(13))}
    by_outlet["Gazette"] = effect(weekly([1, 1], [2, 2]), summit(1))
    found = {one.group: one.q for one in across(by_outlet)}
    assert list(found) == ["Harbour Post", "Ledger", "Gazette"]
    p = {name: one.change.p for name, one in by_outlet.items() if one.change is not None}
    assert found["Harbour Post"] == pytest.approx(2 * p["Harbour Post"])
    assert found["Ledger"] == p["Ledger"]
    assert found["Gazette"] is None
    sentence = across_sentence(across(by_outlet))
    assert sentence.startswith("In 1 of 2 groups the change is distinguishable")
    assert "Harbour Post" in sentence
    assert "1 could not be tested" in sentence
    assert across_sentence(across({"Ledger": by_outlet["Ledger"]})).startswith("In none of 1 groups")
    assert across_sentence(across({"Gazette": by_outlet["Gazette"]})) == "None of 1 groups could be tested."
    assert across({}) == ()


# Exploration


def test_a_step_is_found_where_it_is_and_called_exploratory() -> None:
    found = change_points(step(0.2, 0.5, 15, 30))
    (point,) = found.points
    assert abs((point.date - weeks(30)[15]).days) <= 7
    assert point.low <= point.date <= point.high
    assert (point.high - point.low).days <= 28
    assert point.before == pytest.approx(0.2, abs=0.06)
    assert point.after == pytest.approx(0.5, abs=0.06)
    assert point.sentence().startswith("Exploratory: ")
    assert "no test" in point.sentence()


def test_two_steps_are_found_by_date_and_no_more_than_asked_for() -> None:
    rng = np.random.default_rng(4)
    truth = np.repeat([0.2, 0.5, 0.8], 14)
    series = counts(weeks(42), rng.binomial(60, truth), np.full(42, 60))
    found = change_points(series).points
    assert [round((point.date - FIRST).days / 7) for point in found] == pytest.approx([14, 28], abs=1)
    assert found[0].after == found[1].before
    assert len(change_points(series, most=1).points) == 1


def test_where_nothing_happens_nothing_stands_out() -> None:
    found = change_points(step(0.3, 0.3, 13, 26))
    assert found.points == ()
    assert found.reason == "No date stands out from the usual movement."
    few = change_points(weekly(K[:11], N[:11]))
    assert few.reason == "Only 11 weeks with data; 12 are needed."


# Words


def test_a_sentence_says_no_more_than_the_interval() -> None:
    rng = np.random.default_rng(8)
    quiet = counts(weeks(26), rng.binomial(40, np.clip(0.3 + rng.normal(0, 0.08, 26), 0, 1)), np.full(26, 40))
    nothing = effect(quiet, summit(13))
    assert nothing.change is not None
    assert nothing.change.low < 0 < nothing.change.high
    assert "not distinguishable from the usual movement between weeks" in nothing.sentence()
    found = effect(step(0.2, 0.5, 13, 26), summit(13))
    text = found.sentence("the share of hopeful headlines")
    assert text.startswith("Summit (2026-04-06): the share of hopeful headlines was ")
    assert "in the 13 weeks before" in text
    assert "more than the usual movement between weeks" in text
    assert "whatever its cause" in text
    assert "beside a straight trend" in effect(step(0.2, 0.5, 13, 26), summit(13), model="slope").sentence()


def test_other_events_in_the_windows_are_named() -> None:
    others = [
        summit(8, name="Summit"),
        summit(8, name="Press conference"),
        summit(10, name="Phone call"),
        summit(3, day=2, name="Envoys"),
        summit(40, name="Later"),
    ]
    found = effect(EIGHT_AND_EIGHT, EVENT, others=others)
    assert found.notes == (
        "The same weeks also held: Envoys (2026-01-28), Press conference (2026-03-02), Phone call (2026-03-16).",
    )
    assert found.sentence().endswith(found.notes[0])


def test_the_events_of_the_configuration_can_be_asked_about() -> None:
    listed = config.load(Path(__file__).parents[1] / "feeds.yaml").topic.events
    alaska = next(event for event in listed if event.date == dt.date(2025, 8, 15))
    starts = [dt.date(2025, 6, 2) + dt.timedelta(weeks=week) for week in range(20)]
    found = effect(counts(starts, (K * 2)[:20], (N * 2)[:20]), alaska, others=listed)
    assert found.change is not None
    assert found.sentence().startswith(f"{alaska.name} (2025-08-15): ")
    assert "Zelensky and Europeans in Washington (2025-08-18)" in found.sentence()


# Shares that one audit corrects


def audited_weeks(spread: float, draws: int = 2000) -> Series:
    """The usual series, whose second half an audit moves up and down by `spread`."""
    share = np.array(K) / np.array(N)
    moved = np.random.default_rng(4).normal(0, spread, draws)[:, None] * (np.arange(16) >= 8)
    return audited(weeks(16), share, N, np.clip(share + moved, 0, 1))


def test_an_audit_without_error_changes_nothing() -> None:
    plain, sure = effect(EIGHT_AND_EIGHT, EVENT).change, effect(audited_weeks(0.0), EVENT).change
    assert plain is not None
    assert sure is not None
    assert sure.common == 0
    assert (sure.points, sure.low, sure.high, sure.p) == pytest.approx((plain.points, plain.low, plain.high, plain.p))


def test_what_an_audit_leaves_uncertain_widens_the_interval_by_as_much() -> None:
    plain, unsure = effect(EIGHT_AND_EIGHT, EVENT).change, effect(audited_weeks(0.05), EVENT).change
    assert plain is not None
    assert unsure is not None
    assert unsure.points == pytest.approx(plain.points)
    assert unsure.common == pytest.approx(5.0, rel=0.05)
    own = abs(plain.points / plain.ratio)
    assert abs(unsure.points / unsure.ratio) == pytest.approx(math.hypot(own, unsure.common), rel=1e-6)
    assert unsure.low < plain.low < plain.high < unsure.high
    assert unsure.p > plain.p
    assert unsure.distinguishable == (unsure.low > 0)


def test_audited_periods_without_items_or_share_are_missing() -> None:
    share, items = np.full(16, 0.3), np.array(N, dtype=float)
    share[3], items[5] = math.nan, 0
    series = audited(weeks(16), share, items, np.tile(share, (10, 1)))
    assert series.position.tolist() == [week for week in range(16) if week not in {3, 5}]
    assert series.common is not None
    assert series.common.shape == (10, 14)
    with pytest.raises(ValueError, match="one column of draws"):
        audited(weeks(2), [0.1, 0.2], [20, 20], np.zeros((10, 3)))


def test_with_an_audit_between_the_test_says_yes_as_rarely_as_it_promises() -> None:
    """One hundred coded articles: the weeks' own movement alone would announce an effect of nothing 29 times in 100."""
    few = next(audit for audit in simulated_series.AUDITS if audit.coded == 100)
    found = simulated_series.audited_rates(simulated_series.NULL, few, 40)
    careless = simulated_series.audited_rates(simulated_series.NULL, few, 40, kept_apart=False)
    for name in simulated_series.CORRECTED:
        assert found[name][0] <= 0.1, (name, found[name])
    assert careless["rectified"][0] > 0.15
