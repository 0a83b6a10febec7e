"""Which texts are people to code? A stratified random sample with known inclusion probabilities. Pure.

The frame is what may be drawn: one text per story (the first article of the story in the period, in its newest wording)
that passed the keywords, has a label of the active model and is still stored. Texts that the model finds off topic are
in it too, or nobody would learn what the model misses.

Strata are predicted label × sure or uncertain × phase × group of outlets. Within a stratum each text has the same
chance; between strata the chances differ, and are known: so every total of the frame has an unbiased estimate
(Horvitz & Thompson 1952).
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from .records import Text

OFF_TOPIC = "off_topic"
NEITHER = "neither"

FLOOR = 3
"""Texts drawn from each stratum at least, or all that it has: two show a spread, the third is for what gets no code."""

FRAMED = 3.0
"""How many times as likely a text with a frame is drawn as one with neither: frames are rare, and are what is read."""

UNCERTAIN = 1.5
"""How many times as likely an uncertain text is drawn as a sure one of the same label: errors gather there."""

MISSED = 0.5
"""How many times as likely a text that the model finds off topic is drawn as one with neither frame."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A text that may be drawn, with what the strata are made of. `label` is the predicted one, or off_topic."""

    version_id: int
    story_id: int
    text: Text
    label: str
    uncertain: bool
    date: str
    group: str


@dataclass(frozen=True, slots=True)
class Design:
    """How many texts, with which seed; `phases` are the days (YYYY-MM-DD) at which a new phase begins."""

    size: int
    seed: int
    phases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stratum:
    """Units that are drawn with one probability. `name` says which: "neither, sure, until 2026-02-02, uk"."""

    name: str
    label: str
    units: tuple[Unit, ...]
    drawn: tuple[Unit, ...]

    @property
    def inclusion(self) -> float:
        """The probability with which each unit is drawn."""
        return len(self.drawn) / len(self.units)


_Path = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class _Cell:
    """Units of a stratum before the draw, and the values of each dimension that it joins."""

    values: tuple[frozenset[str], ...]
    units: tuple[Unit, ...]

    @property
    def order(self) -> tuple[int, list[list[str]]]:
        return len(self.units), [sorted(values) for values in self.values]

    def joined(self, other: _Cell) -> _Cell:
        values = tuple(a | b for a, b in zip(self.values, other.values, strict=True))
        return _Cell(values, self.units + other.units)


def phase_of(day: str, phases: Sequence[str]) -> str:
    """The phase of a day in words: "until 2026-02-02", "2026-02-03 to 2026-02-28", "from 2026-03-01"."""
    place = bisect_right(phases, day)
    if not phases:
        return "any time"
    if place == len(phases):
        return f"from {phases[-1]}"
    last = (date.fromisoformat(phases[place]) - timedelta(days=1)).isoformat()
    return f"{phases[place - 1]} to {last}" if place else f"until {last}"


def _path(unit: Unit, phases: Sequence[str]) -> _Path:
    return unit.label, "uncertain" if unit.uncertain else "sure", phase_of(unit.date, phases), unit.group


def _merged(cells: Iterable[_Cell], least: int) -> list[_Cell]:
    """Join strata of fewer than `least` units: groups of a phase first, then phases, then sure and uncertain.

    Always the smallest with the next smallest beside it, and among equals in alphabetical order, so that the same frame
    makes the same strata. Predicted labels are never joined: a label with few texts is drawn as a whole.
    """
    standing = list(cells)
    for depth in (3, 2, 1):
        beside: dict[tuple[frozenset[str], ...], list[_Cell]] = defaultdict(list)
        for cell in standing:
            beside[cell.values[:depth]].append(cell)
        standing = []
        for family in beside.values():
            standing += _joined(family, least)
    return sorted(standing, key=lambda cell: cell.order[1])


def _joined(family: Sequence[_Cell], least: int) -> list[_Cell]:
    cells = sorted(family, key=lambda cell: cell.order)
    while len(cells) > 1 and len(cells[0].units) < least:
        first, second, *others = cells
        cells = sorted([first.joined(second), *others], key=lambda cell: cell.order)
    return cells


def _weight(label: str, uncertain: bool) -> float:
    own = {OFF_TOPIC: MISSED, NEITHER: 1.0}.get(label, FRAMED)
    return own * (UNCERTAIN if uncertain else 1.0)


def allocation(sizes: Sequence[int], weights: Sequence[float], total: int, floor: int = FLOOR) -> list[int]:
    """How many of `total` each stratum gets: the floor first, the rest in proportion to weight, none more than it has.

    What a full stratum cannot take goes to the others; fractions go by the largest remainder, among equals to the
    earlier stratum. The sum is `total`, or all there is.
    """
    given = [min(size, floor) for size in sizes]
    rest = min(total, sum(sizes)) - sum(given)
    if rest < 0:
        raise ValueError(f"{total} texts cannot give {floor} to each of {len(sizes)} strata")
    room = [size - own for size, own in zip(sizes, given, strict=True)]
    while rest:
        open_ones = [h for h, free in enumerate(room) if free]
        whole = sum(weights[h] for h in open_ones)
        quota = {h: rest * weights[h] / whole for h in open_ones}
        if full := [h for h in open_ones if quota[h] >= room[h]]:
            for h in full:  # they are full for good, and what is left is shared out among the others
                given[h] += room[h]
                rest -= room[h]
                room[h] = 0
            continue
        whole_ones = {h: int(quota[h]) for h in open_ones}
        left = rest - sum(whole_ones.values())
        for h in sorted(open_ones, key=lambda h: (whole_ones[h] - quota[h], h))[:left]:
            whole_ones[h] += 1
        for h, more in whole_ones.items():
            given[h] += more
        rest = 0
    return given


def _strata(frame: Sequence[Unit], design: Design) -> list[_Cell]:
    """Strata as fine as the size of the sample carries: their floors take at most half of it."""
    finest: dict[_Path, list[Unit]] = defaultdict(list)
    for unit in sorted(frame, key=lambda unit: unit.version_id):
        finest[_path(unit, design.phases)].append(unit)
    cells = [_Cell(tuple(frozenset({value}) for value in path), tuple(units)) for path, units in finest.items()]
    least = 2 * FLOOR
    while True:
        merged = _merged(cells, least)
        floors = sum(min(FLOOR, len(cell.units)) for cell in merged)
        if 2 * floors <= design.size or len(merged) == len({cell.values[0] for cell in merged}):
            return merged
        least = least * 3 // 2


def _names(cells: Sequence[_Cell]) -> list[str]:
    """A name for each stratum, all different."""
    whole = [frozenset[str]().union(*(cell.values[d] for cell in cells)) for d in range(4)]
    names: list[str] = []
    for cell in cells:
        label, certainty, phase, group = (sorted(values) for values in cell.values)
        parts = [
            "+".join(label),
            " or ".join(certainty),
            " or ".join(phase) if cell.values[2] != whole[2] or len(phase) == 1 else "any time",
            "+".join(group) if len(group) < 3 else f"{group[0]} and {len(group) - 1} more groups",
        ]
        if cell.values[3] == whole[3] and len(group) > 1:
            parts[3] = "every group"
        name = ", ".join(parts)
        same = sum(other == name or other.startswith(f"{name} (") for other in names)
        names.append(f"{name} ({same + 1})" if same else name)
    return names


def _seed(seed: int, name: str) -> int:
    """A seed of a stratum's own, so that a draw does not depend on how the others were drawn."""
    return int.from_bytes(hashlib.blake2b(f"{seed}\0{name}".encode(), digest_size=8).digest())


def draw(frame: Sequence[Unit], design: Design) -> tuple[Stratum, ...]:
    """Draw `design.size` units, or all there are. The same frame and seed give the same sample.

    In each stratum a simple random sample without replacement (Cochran 1977, ch. 5). Raises ValueError for a frame
    without units and for a size below what the predicted labels need (FLOOR each).
    """
    if not frame:
        raise ValueError("there is no text to draw from")
    cells = _strata(frame, design)
    # In proportion to size × weight: within a stratum that joins sure and uncertain ones, their weights add up.
    weights = [sum(_weight(unit.label, unit.uncertain) for unit in cell.units) for cell in cells]
    numbers = allocation([len(cell.units) for cell in cells], weights, design.size)
    strata = []
    for cell, number, name in zip(cells, numbers, _names(cells), strict=True):
        units = tuple(sorted(cell.units, key=lambda unit: unit.version_id))
        chosen = np.random.default_rng(_seed(design.seed, name)).choice(len(units), size=number, replace=False)
        drawn = tuple(units[i] for i in sorted(chosen.tolist()))
        strata.append(Stratum(name, units[0].label, units, drawn))
    return tuple(strata)


def apart_from(frame: Sequence[Unit], stories: Collection[int], near: Sequence[bool]) -> tuple[Unit, ...]:
    """The frame without units of these stories and without those that are `near` (one flag a unit).

    What models learn from and what they are measured on stays on two sides, near-duplicates included.
    """
    return tuple(unit for unit, close in zip(frame, near, strict=True) if not close and unit.story_id not in stories)
