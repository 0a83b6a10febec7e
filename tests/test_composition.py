"""Mixes of outlets and copies of stories as weights: worked cases and properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_coverage.composition import MIN_PER_OUTLET, Composition, Counting, Items, panel, tabulate, units


def items(rows: list[tuple[int, int, int, int]], periods: int = 2, classes: int = 2, outlets: int = 3) -> Items:
    """Rows of period, class, outlet, story."""
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return Items(table[:, 0], table[:, 1], table[:, 2], table[:, 3], periods, classes, outlets)


@st.composite
def any_items(draw: st.DrawFn) -> Items:
    row = st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 4), st.integers(0, 12))
    return items(draw(st.lists(row, max_size=80)), periods=4, classes=3, outlets=5)


def test_every_item_weighs_the_same() -> None:
    cells = tabulate(
        items([(0, 0, 0, 1), (0, 1, 1, 2), (0, 1, 1, 3), (1, 0, 2, 4)]), Composition.ITEMS, Counting.ARTICLES
    )
    assert cells.shares.tolist() == [[1 / 3, 2 / 3], [1, 0]]
    assert cells.effective.tolist() == [3, 1]


def test_copies_of_a_story_share_one_weight_within_a_period() -> None:
    rows = [(0, 0, 0, 7), (0, 0, 1, 7), (0, 1, 2, 8), (1, 0, 0, 7)]
    assert units(items(rows), Counting.STORIES).tolist() == [0.5, 0.5, 1, 1]
    cells = tabulate(items(rows), Composition.ITEMS, Counting.STORIES)
    assert cells.shares.tolist() == [[0.5, 0.5], [1, 0]]
    assert cells.effective.tolist() == [2, 1], "copies are not more independent items than there are stories"


def test_outlets_weigh_the_same_where_they_have_enough_items() -> None:
    assert MIN_PER_OUTLET == 3
    rows = [(0, 0, 0, n) for n in range(9)] + [(0, 1, 1, n) for n in range(10, 13)] + [(0, 1, 2, 20), (0, 1, 2, 21)]
    cells = tabulate(items(rows), Composition.OUTLETS, Counting.ARTICLES)
    assert cells.shares[0].tolist() == pytest.approx([0.5, 0.5]), "the third outlet has two items and no share"
    assert cells.units[0].sum() == 12
    assert cells.effective[0] == pytest.approx(4 / (1 / 9 + 1 / 3))


def test_the_panel_is_who_appears_whenever_anything_was_collected() -> None:
    rows = [(0, 0, 0, 1), (0, 0, 1, 2), (2, 0, 0, 3), (2, 0, 2, 4)]
    assert panel(items(rows, periods=4)).tolist() == [True, False, False], "empty periods are gaps of the collection"
    assert panel(items([])).tolist() == [False, False, False]


def test_a_change_of_mix_moves_the_item_weighted_line_and_not_the_panel() -> None:
    """One outlet at 25 % throughout; from the second period on another at 100 % joins."""
    stays = [(period, int(n % 4 > 0), 0, 100 * period + n) for period in (0, 1) for n in range(20)]
    joins = [(1, 0, 1, 500 + n) for n in range(20)]
    both = items(stays + joins)
    everything = tabulate(both, Composition.ITEMS, Counting.ARTICLES)
    staying = tabulate(both.only(panel(both)[both.outlet]), Composition.PANEL, Counting.ARTICLES)
    assert everything.shares[:, 0].tolist() == pytest.approx([0.25, 0.625])
    assert staying.shares[:, 0].tolist() == pytest.approx([0.25, 0.25])


@settings(deadline=None)
@given(any_items(), st.sampled_from(Composition), st.sampled_from(Counting))
def test_shares_add_up_and_nothing_counts_for_more_than_it_is(
    given_items: Items, composition: Composition, counting: Counting
) -> None:
    cells = tabulate(given_items, composition, counting)
    occupied = cells.weight.sum(axis=(1, 2)) > 0
    assert cells.shares[occupied].sum(axis=1).tolist() == pytest.approx([1] * int(occupied.sum()))
    assert not cells.shares[~occupied].any()
    assert (cells.effective <= cells.units.sum(axis=(1, 2)) + 1e-9).all()
    assert cells.units.sum() <= len(given_items.story) + 1e-9
    if counting is Counting.STORIES and composition is Composition.ITEMS:
        pairs = {(int(p), int(s)) for p, s in zip(given_items.period, given_items.story, strict=True)}
        assert cells.units.sum() == pytest.approx(len(pairs))


@settings(deadline=None)
@given(any_items())
def test_putting_classes_together_and_periods_together_keeps_every_sum(given_items: Items) -> None:
    cells = tabulate(given_items, Composition.ITEMS, Counting.ARTICLES)
    roles = np.array([[1.0, 0], [0, 1], [0, 1]])
    assert cells.collapsed(roles).weight.sum(axis=2).tolist() == cells.weight.sum(axis=2).tolist()
    joined = tabulate(given_items.regrouped(np.array([0, 0, 1, 1]), 2), Composition.ITEMS, Counting.ARTICLES)
    assert joined.weight.tolist() == (cells.weight[::2] + cells.weight[1::2]).tolist()


def test_numbers_out_of_range_and_columns_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="predicted must be within 0 and 1"):
        items([(0, 2, 0, 1)])
    column = np.zeros(2, dtype=np.int64)
    with pytest.raises(ValueError, match="outlet has 1 rows and story 2"):
        Items(column, column, column[:1], column, 1, 1, 1)
