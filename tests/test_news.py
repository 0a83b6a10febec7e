"""Three sentences: never a number that is none, never a claim that the interval does not bear."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_coverage.composition import Composition
from media_coverage.estimate import MIN_ITEMS, Estimate, Missing, wilson
from media_coverage.framing import DEFAULT_FRAMES
from media_coverage.news import (
    MIN_HISTORY,
    Point,
    Step,
    Volume,
    difference,
    news,
    points_words,
    span_words,
    step,
    swing,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

MONDAY = date(2026, 1, 5)
FIRST, SECOND = DEFAULT_FRAMES.names


def estimate(k: int, n: int) -> Estimate | Missing:
    if n < MIN_ITEMS:
        return Missing(f"{n} items are too few", n)
    return Estimate(k / n, *wilson(k / n, n), n)


def line(counts: Sequence[tuple[int, int]]) -> list[Point]:
    weeks = [MONDAY + timedelta(weeks=i) for i in range(len(counts))]
    return [Point(week, week + timedelta(days=6), estimate(k, n)) for week, (k, n) in zip(weeks, counts, strict=True)]


def volumes(counts: Sequence[int], whole: bool = True) -> list[Volume]:
    weeks = [MONDAY + timedelta(weeks=i) for i in range(len(counts))]
    return [Volume(week, week + timedelta(days=6), n, min(n, 4), whole) for week, n in zip(weeks, counts, strict=True)]


def told(first: Sequence[tuple[int, int]], second: Sequence[tuple[int, int]], others: bool = True) -> list[str]:
    lines = {}
    for mix in Composition if others else (Composition.ITEMS,):
        lines |= {(FIRST, mix): line(first), (SECOND, mix): line(second)}
    counts = volumes([n for _, n in first])
    return list(news(lines, counts, DEFAULT_FRAMES, correction="uncorrected").sentences)


counted = st.tuples(st.integers(0, 400), st.integers(0, 400)).map(lambda pair: (min(pair), max(pair)))


@given(
    st.lists(counted, max_size=9), st.lists(counted, max_size=9), st.lists(st.integers(0, 2000), max_size=9),
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_no_sentence_has_a_number_that_is_none_or_a_claim_that_is_not_borne(
    first: list[tuple[int, int]], second: list[tuple[int, int]], counts: list[int], whole: bool, others: bool
) -> None:
    lines = {}
    for mix in Composition if others else (Composition.ITEMS,):
        lines |= {(FIRST, mix): line(first), (SECOND, mix): line(second)}
    found = news(lines, volumes(counts, whole), DEFAULT_FRAMES, correction="uncorrected")
    assert len(found.sentences) == 3
    for sentence in found.sentences:
        assert sentence.endswith(".")
        assert not re.search(r"\b(nan|NaN|None|inf)\b", sentence)
    claims = len(re.findall(r"\b(rose|fell)\b", found.sentences[1]))
    assert claims == sum(bool(one and one.direction) for one in found.steps)
    for one in found.steps:
        assert one is None or not (one.low <= 0 <= one.high) or one.direction == 0
    if not whole or len(counts) <= MIN_HISTORY:
        assert "clearly" not in found.sentences[0]


@given(counted, counted)
def test_the_difference_lies_in_its_interval_and_turns_with_its_points(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    now, before = estimate(*one), estimate(*other)
    if isinstance(now, Missing) or isinstance(before, Missing):
        assert step([*line([other, one])]) is None
        return
    value, low, high = difference(now, before)
    assert low <= value <= high
    assert difference(before, now) == pytest.approx((-value, -high, -low))
    assert low >= -1
    assert high <= 1


def test_the_difference_is_that_of_newcombe() -> None:
    """Method 10 of Newcombe 1998 (Statistics in Medicine 17, 873–890), 56/70 against 48/80: .0524 to .3339."""
    now, before = (Estimate(k / n, *wilson(k / n, n), n) for k, n in ((56, 70), (48, 80)))
    assert difference(now, before) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1))
def test_rounding_neither_gains_nor_loses_zero(value: float, below: float, above: float) -> None:
    low, high = max(-1.0, value - below), min(1.0, value + above)
    spelt = points_words(value, low, high).replace("−", "-")
    ends = re.search(r"\[([+-]?[\d.]+) to ([+-]?[\d.]+)\]", spelt)
    assert ends
    first, last = float(ends[1]), float(ends[2])
    if low > 0.0005:
        assert first > 0
    if high < -0.0005:
        assert last < 0
    if low <= 0 <= high:
        assert first <= 0 <= last


def test_a_clear_move_is_told_with_what_it_bears() -> None:
    steady = [(30, 100)] * 7
    sentences = told([*steady, (70, 100)], [*steady, (31, 100)])
    assert "the share of hopeful peace rose from 30 % to 70 % (+40 points [+2" in sentences[1]
    assert "the other share has not clearly changed (appeasement 30 % to 31 %, +1 point [" in sentences[1]
    assert sentences[2].startswith("It also shows when every outlet weighs the same")
    assert sentences[2].endswith("none of the 6 steps before was as large.")


def test_a_move_that_other_mixes_do_not_make_may_be_another_mix() -> None:
    steady = [(30, 100)] * 3
    lines = {
        (FIRST, Composition.ITEMS): line([*steady, (70, 100)]),
        (SECOND, Composition.ITEMS): line([*steady, (30, 100)]),
    }
    lines |= {(FIRST, Composition.OUTLETS): line([*steady, (33, 100)])}
    found = news(lines, volumes([100] * 4), DEFAULT_FRAMES, correction="uncorrected").sentences[2]
    assert (
        "Another mix of outlets may explain it: when every outlet weighs the same it is not clear (+3 points [" in found
    )
    assert "among the outlets that are always present it cannot be estimated" in found
    assert "not known yet" in found


def test_without_a_clear_move_the_reader_learns_what_could_hide() -> None:
    sentences = told([(6, 20), (9, 20)], [(5, 20), (5, 20)])
    assert sentences[1].startswith("Against the week of 5 January 2026, neither share has clearly changed:")
    assert re.search(r"a change of up to about \d\d points could hide", sentences[2])


def test_too_little_is_said_to_be_too_little() -> None:
    assert told([], []) == [
        "No on-topic article has been collected in a period that is over.",
        "No share can be given: there is no article to measure.",
        "So nothing is said here about change.",
    ]
    assert told([(1, 3)], [(1, 3)])[1] == "No share can be given: 3 items are too few."
    assert "there is no estimate just before" in told([(1, 3), (10, 30)], [(1, 3), (10, 30)])[1]


def test_volumes_are_compared_by_their_usual_swing() -> None:
    restless = volumes([100, 160, 60, 140, 80, 120, 100, 150])
    steady = volumes([100, 101, 99, 100, 102, 98, 100, 150])
    lines = {(FIRST, Composition.ITEMS): line([(5, 20)] * 8)}
    for counts, claim in ((restless, False), (steady, True)):
        sentence = news(lines, counts, DEFAULT_FRAMES, correction="x").sentences[0]
        assert ("clearly more than the 100" in sentence) == claim
    assert swing([100] * MIN_HISTORY) is None
    fall = news(lines, volumes([100] * 7 + [20]), DEFAULT_FRAMES, correction="x")
    assert "clearly fewer" in fall.sentences[0]


def test_a_collection_that_brings_nothing_any_more_is_told() -> None:
    found = news({(FIRST, Composition.ITEMS): line([(5, 20)])}, volumes([20, 0, 0]), DEFAULT_FRAMES, correction="x")
    assert found.sentences[0].endswith("since then nothing on topic has come, although all outlets were collected.")


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ((2026, 2, 3), (2026, 2, 3), "3 February 2026"),
        ((2026, 2, 2), (2026, 2, 8), "the week of 2 February 2026"),
        ((2026, 2, 1), (2026, 2, 28), "February 2026"),
        ((2026, 2, 2), (2026, 2, 15), "the days from 2 February to 15 February 2026"),
        ((2025, 12, 29), (2026, 1, 11), "the days from 29 December 2025 to 11 January 2026"),
    ],
)
def test_spans_are_called_as_people_do(first: tuple[int, int, int], last: tuple[int, int, int], words: str) -> None:
    assert span_words(date(*first), date(*last)) == words


def test_ranks_count_steps_as_large() -> None:
    one = Step(0.3, 0.5, 0.2, 0.05, 0.35, (0.1, -0.25, 0.05, 0.2, 0.0))
    assert one.rank == (2, 5)
    assert Step(0.3, 0.5, 0.2, 0.05, 0.35, (0.1,)).rank is None
