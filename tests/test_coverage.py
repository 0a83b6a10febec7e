"""Intervals hold the truth about as often as they say: a short form of benchmarks/coverage.py with fixed seeds.

A method that ignores classifier error, or that pools over the event, covers 50 to 90 % here and would fail.
"""

from __future__ import annotations

import pytest
from simulated_audits import ALIKE, SETTINGS, covered

SOUND = ("Rogan–Gladen", "rectified, same regime")


@pytest.mark.parametrize("name", ["40 a week", "150 a week", "model worse after the event", "like a zero-shot model"])
def test_both_corrections_cover_where_labels_as_they_are_do_not(name: str) -> None:
    found = covered(SETTINGS[name], ("Wilson on labels", *SOUND), simulations=30)
    for method in SOUND:
        assert 0.92 <= found[method].share <= 0.985, (method, found[method])
        assert min(found[method].before, found[method].after) >= 0.9, (method, found[method])
    assert found["Wilson on labels"].share < 0.87


@pytest.mark.parametrize("name", ["15 a week", "audit oversamples the label × 3", "three classes, index"])
def test_small_cells_weighted_audits_and_the_index_are_covered_too(name: str) -> None:
    found = covered(SETTINGS[name], SOUND, simulations=30)
    for method in SOUND:
        assert 0.91 <= found[method].share <= 0.99, (method, found[method])


def test_the_net_error_must_not_be_pooled_over_an_event() -> None:
    found = covered(SETTINGS["150 a week"], ("rectified, pooled over the event",), simulations=30)
    assert found["rectified, pooled over the event"].share < 0.82


def test_the_share_in_the_collected_set_is_covered_with_narrower_intervals() -> None:
    methods = (*SOUND, "Rogan–Gladen, collected set", "rectified, collected set")
    found = covered(SETTINGS["40 a week"], methods, simulations=30)
    for wide, narrow in zip(SOUND, methods[2:], strict=True):
        assert 0.92 <= found[narrow].share <= 0.99, (narrow, found[narrow])
        assert found[narrow].width < 0.9 * found[wide].width


def test_outlets_whose_items_are_alike_need_the_outlet_bootstrap() -> None:
    methods = ("Wilson on labels", "outlet-cluster bootstrap on labels")
    found = covered(ALIKE["correlation .3 within outlets"], methods, simulations=40)
    assert found[methods[0]].share < 0.89
    assert 0.93 <= found[methods[1]].share <= 0.98
