"""Do the classifier's probabilities still look as they did? Pure functions of frames.

Each week's probabilities are compared with those of the weeks before it, output by output, by the Kolmogorov–Smirnov
distance, and the threshold comes from putting texts into weeks at random (a permutation test), or, where there are
many, from the distribution that this tends to (Kolmogorov; correction of Stephens 1970). Other news moves the
distribution as well as other feeds or a model past its best: drift says that it is time to look, not what is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .aggregate import mondays
from .estimate import MIN_ITEMS, SEED

if TYPE_CHECKING:
    from .framing import Frames

REFERENCE_WEEKS = 8
"""Weeks before, with which a week is compared."""

LEVEL = 0.001
"""The p from which on drift is announced: with three outputs a week, a false alarm in about six years."""

PERMUTATIONS = 999
"""So that the least p is LEVEL: none of them lies as far apart."""

MANY = 200
"""Texts in both groups from which on the limit stands in for the permutations. With ties it errs towards no drift."""

COLUMNS = {
    "first_day": "Monday of the week, YYYY-MM-DD",
    "output": "the classifier's output",
    "n": "texts of the week, one per story",
    "reference_n": "texts of the weeks before",
    "mean": "mean probability in the week; missing with fewer than 15 texts",
    "reference_mean": "mean probability in the weeks before",
    "distance": "Kolmogorov–Smirnov distance, 0..1",
    "p": "how often texts put into the weeks at random lie as far apart; by permutation below 200 texts",
    "drift": "whether p is at most .001",
}
"""What each column of `drift` holds."""


def distance(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """The largest difference between two empirical distribution functions, 0..1."""
    points = np.concatenate([one, other])
    points.sort()
    share, rest = (np.searchsorted(np.sort(part), points, side="right") / len(part) for part in (one, other))
    return float(np.abs(share - rest).max())


def limit_p(reached: float, one: int, other: int) -> float:
    """How often two groups of these sizes lie as far apart, in the limit of many texts."""
    size = np.sqrt(one * other / (one + other))
    scaled = (size + 0.12 + 0.11 / size) * reached
    if scaled < 0.2:
        return 1.0  # where the series converges too slowly, and is 1 to ten digits
    terms = np.arange(1, 101)
    return float(np.clip(2 * np.sum((-1.0) ** (terms - 1) * np.exp(-2 * terms**2 * scaled**2)), 0, 1))


def permutation_p(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64], seed: int = SEED) -> float:
    """How often texts put at random into two groups of these sizes lie as far apart."""
    rng = np.random.default_rng(seed)
    pooled = np.sort(np.concatenate([one, other]))
    last = np.append(pooled[1:] != pooled[:-1], True)  # among equals only the last counts
    sign = np.concatenate([np.full(len(one), 1 / len(one)), np.full(len(other), -1 / len(other))])
    reached = distance(one, other) - 1e-12
    as_far = sum(float(np.abs(np.cumsum(rng.permutation(sign))[last]).max()) >= reached for _ in range(PERMUTATIONS))
    return (1 + as_far) / (PERMUTATIONS + 1)


def drift(labelled: pd.DataFrame, frames: Frames, last: int | None = None) -> pd.DataFrame:
    """One row per week and output, from the second week on; columns as in COLUMNS.

    `labelled` is store.labelled(). `last` asks for the last so many weeks only. A week or a reference of fewer than 15
    stories has no distance.
    """
    outputs = [f"p_{name}" for name in frames.outputs]
    frame = labelled.assign(week=mondays(labelled["date"])) if len(labelled) else labelled.assign(week=[])
    weeks = sorted(frame["week"].unique())
    found: list[dict[str, Any]] = []
    first = 1 if last is None else max(1, len(weeks) - last)
    for number, week in enumerate(weeks[first:], start=first):
        now = frame[frame["week"] == week].drop_duplicates("story_id")
        before = frame[frame["week"].isin(weeks[max(0, number - REFERENCE_WEEKS) : number])]
        before = before.drop_duplicates("story_id")
        before = before[~before["story_id"].isin(now["story_id"])]
        for output in outputs:
            one, other = (part[output].to_numpy(dtype=np.float64) for part in (now, before))
            row: dict[str, Any] = {"first_day": week, "output": output.removeprefix("p_")}
            row |= {"n": len(one), "reference_n": len(other)}
            if min(len(one), len(other)) >= MIN_ITEMS:
                row |= {"mean": float(one.mean()), "reference_mean": float(other.mean())}
                apart, many = distance(one, other), min(len(one), len(other)) >= MANY
                row |= {
                    "distance": apart,
                    "p": limit_p(apart, len(one), len(other)) if many else permutation_p(one, other),
                }
            found.append(row)
    rows = pd.DataFrame(found, columns=list(COLUMNS))
    numbers = ["mean", "reference_mean", "distance", "p"]
    rows = rows.astype(dict.fromkeys(numbers, "float64"))
    return rows.assign(drift=rows["p"] <= LEVEL)


def _p_said(p: float) -> str:
    return f"< {LEVEL}" if p < LEVEL else f"= {p:.3f}"


def sentences(rows: pd.DataFrame) -> list[str]:
    """What is to be said: one sentence per week and output that drifted, or one that nothing did."""
    found = [
        f"In the week of {row['first_day']} the probabilities of {row['output']} differ from those of the weeks before "
        f"(distance {row['distance']:.2f}, p {_p_said(row['p'])}; mean {row['mean']:.2f}, before "
        f"{row['reference_mean']:.2f}): other news, other feeds, or a model that errs differently; look before you "
        "rely on an audit from before that week."
        for row in rows[rows["drift"]].to_dict("records")
    ]
    if found:
        return found
    tested = int(rows["p"].notna().sum())
    if not tested:
        return [f"No week has {MIN_ITEMS} texts and as many before it, so nothing can be compared."]
    return [f"None of {tested} comparisons of a week with the weeks before it shows drift (p above {LEVEL})."]
