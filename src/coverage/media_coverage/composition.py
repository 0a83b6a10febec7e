"""Which articles count how much in a share: mixes of outlets, and copies of one story. Pure arrays.

A move in the item-weighted line that the fixed panel does not make is another mix of outlets, not another framing.
Every mix is a weight per item, so that every estimator takes every mix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

MIN_PER_OUTLET = 3
"""Where outlets weigh the same, one with fewer items than this in a period has no share of its own there."""


class Composition(StrEnum):
    """Whose voices are counted how."""

    ITEMS = "item-weighted"
    """Every item weighs the same: what a reader of everything would meet."""

    OUTLETS = "outlet-equal"
    """Every outlet weighs the same in a period: the mean of the outlets' shares."""

    PANEL = "fixed panel"
    """Item-weighted, and only outlets that have an item in every period in which anything was collected."""


class Counting(StrEnum):
    """What an item is."""

    ARTICLES = "every article"
    STORIES = "every story once"
    """The copies of a story in one period share the weight of one article."""


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """The articles of a series, one row each: numbers of period, predicted class, outlet and story.

    Periods run from 0 to `periods` − 1, classes and outlets likewise; stories are any whole numbers. Raises ValueError
    for numbers out of range and columns of different lengths.
    """

    period: Integers
    predicted: Integers
    outlet: Integers
    story: Integers
    periods: int
    classes: int
    outlets: int

    def __post_init__(self) -> None:
        for name, limit in (("period", self.periods), ("predicted", self.classes), ("outlet", self.outlets)):
            column = getattr(self, name)
            if len(column) != len(self.story):
                raise ValueError(f"{name} has {len(column)} rows and story {len(self.story)}")
            if len(column) and not (int(column.min()) >= 0 and int(column.max()) < limit):
                raise ValueError(f"{name} must be within 0 and {limit - 1}")

    def only(self, kept: Booleans) -> Items:
        """The items of a selection."""
        return replace(
            self,
            period=self.period[kept],
            predicted=self.predicted[kept],
            outlet=self.outlet[kept],
            story=self.story[kept],
        )

    def regrouped(self, period: Integers, periods: int) -> Items:
        """The same items in other periods; `period` gives the new number of every old one."""
        return replace(self, period=period[self.period], periods=periods)


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """What stands in each period: sums over items, (periods, outlets, classes).

    `weight` are the items' weights and `squares` their squares; `units` what they count for: articles, or parts of a
    story.
    """

    weight: Floats
    squares: Floats
    units: Floats

    def collapsed(self, roles: Floats) -> Cells:
        """The same with classes put together; `roles` (classes, roles) is 1 where a class plays a role."""
        return Cells(self.weight @ roles, self.squares @ roles, self.units @ roles)

    @property
    def shares(self) -> Floats:
        """Weighted class shares, (periods, classes); 0 in an empty period."""
        sums = self.weight.sum(axis=1)
        total = sums.sum(axis=1, keepdims=True)
        return np.asarray(np.divide(sums, total, out=np.zeros_like(sums), where=total > 0))

    @property
    def effective(self) -> Floats:
        """Kish's effective number of items, (Σ w)² ÷ Σ w², (periods,); never more than there are units."""
        return effective_number(
            self.weight.sum(axis=(1, 2)), self.squares.sum(axis=(1, 2)), self.units.sum(axis=(1, 2))
        )


def effective_number(weight: Floats, squares: Floats, units: Floats) -> Floats:
    """Kish's (Σ w)² ÷ Σ w² (Kish 1965), at most `units`; 0 without items. Any shape.

    Copies of one story carry one text, so they are not as many independent items as their weights alone would say.
    """
    kish = np.divide(weight**2, squares, out=np.zeros_like(weight), where=squares > 0)
    return np.asarray(np.minimum(kish, units))


def panel(items: Items) -> Booleans:
    """Which outlets have an item in every period that has any, (outlets,); a gap of the collection is no absence."""
    present = np.zeros((items.periods, items.outlets), dtype=bool)
    present[items.period, items.outlet] = True
    collected = present.any(axis=1)
    return np.asarray(present[collected].all(axis=0) & collected.any())


def units(items: Items, counting: Counting) -> Floats:
    """What each item counts for: 1, or 1 ÷ k for one of k copies of a story within its period."""
    if counting is Counting.ARTICLES or not len(items.story):
        return np.ones(len(items.story))
    keys = np.stack([items.period, items.story], axis=1)
    _, place, copies = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / copies[place.reshape(-1)])


def tabulate(items: Items, composition: Composition, counting: Counting) -> Cells:
    """The cells of one mix. For the panel pass the panel's items only: who belongs depends on the whole series."""
    unit = units(items, counting)
    weight = unit
    if composition is Composition.OUTLETS:
        place = items.period * items.outlets + items.outlet
        size = items.periods * items.outlets
        enough = np.bincount(place, minlength=size)[place] >= MIN_PER_OUTLET
        unit = np.where(enough, unit, 0.0)
        weight = unit / np.bincount(place, weights=unit, minlength=size).clip(min=1e-12)[place]
    shape = (items.periods, items.outlets, items.classes)
    cell = np.ravel_multi_index((items.period, items.outlet, items.predicted), shape)

    def summed(values: Floats) -> Floats:
        return np.bincount(cell, weights=values, minlength=math.prod(shape)).reshape(shape).astype(float)

    return Cells(summed(weight), summed(weight**2), summed(unit))
