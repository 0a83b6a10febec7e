"""Results as tables, one row for each thing said, as notebooks and papers show them. Pure: results in, frames out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .correction import confusion
from .estimate import wilson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .agreement import Agreement
    from .trend import Found

AGREEMENT = {
    "variable": "what coders were asked",
    "texts": "texts that two coders or more answered for",
    "agree": "how often two codes of one text are the same, 0..1",
    "alpha": "Krippendorff's alpha, nominal; missing where `verdict` says why",
    "low": "lower end of its 95 % interval",
    "high": "upper end of its 95 % interval",
    "verdict": "what the customary limits say",
}
"""What each column of `agreement_table` holds."""

ERRORS = {
    "truth": "what people settled on",
    "texts": "audited texts of this class",
    "effective": "equally weighted texts that would leave as much uncertainty",
    "right": "share of the class that the classifier labels so, weighted by the sampling design, 0..1",
    "low": "lower end of its 95 % interval (Wilson, on the effective number)",
    "high": "upper end of its 95 % interval",
}
"""What each column of `error_table` holds; one column for every label follows, with its share of the class."""

EFFECTS = {
    "name": "all, or the outlet or group",
    "measure": "of which share",
    "before": "the share before the event, 0..1",
    "after": "the share after it, 0..1",
    "points": "change in percentage points; missing where `reason` says why",
    "low": "lower end of its 95 % interval",
    "high": "upper end of its 95 % interval",
    "p": "block-bootstrap p",
    "q": "Benjamini and Hochberg's q over the names of one measure",
    "rank": "place of the change among the same test at all other dates; 1 stands out most",
    "dates": "dates it was compared with, its own included",
    "placebo_p": "share of those dates at which the change stands out as much",
    "reason": "why there is no value, in words; empty where there is one",
}
"""What each column of `effect_table` holds."""


def agreement_table(found: Mapping[str, Agreement]) -> pd.DataFrame:
    """One row per variable, columns as in AGREEMENT. `found` has the agreement of each of coding.variables."""
    rows = [
        (variable, one.alpha.units, one.observed, one.alpha.value, one.alpha.low, one.alpha.high, one.alpha.verdict)
        for variable, one in found.items()
    ]
    frame = pd.DataFrame(rows, columns=list(AGREEMENT))
    return frame.astype(dict.fromkeys(("agree", "alpha", "low", "high"), "float64"))


def error_table(audit: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """How labels follow what people settled on, one row per true class, columns as in ERRORS and then the labels.

    `audit` is store.audit, of which settled texts count; `classes` are the labels and off_topic.
    """
    settled = audit[audit["truth"].notna()]
    number = {name: place for place, name in enumerate(classes)}
    truth, predicted = (
        np.array([number[name] for name in settled[column]], dtype=np.int64) for column in ("truth", "label")
    )
    found = confusion(truth, predicted, 1 / settled["inclusion"].to_numpy(dtype=np.float64), len(classes))
    rows = []
    for place, name in enumerate(classes):
        texts, effective = int(found.items[place]), float(found.effective[place])
        shares = found.rows[place].tolist() if texts else [float("nan")] * len(classes)
        low, high = wilson(shares[place], effective) if texts else (float("nan"), float("nan"))
        rows.append((name, texts, effective, shares[place], low, high, *shares))
    return pd.DataFrame(rows, columns=[*ERRORS, *(f"labelled {name}" for name in classes)])


def effect_table(found: Iterable[Found]) -> pd.DataFrame:
    """One row per name and measure of trend.effects, columns as in EFFECTS."""
    rows = []
    for one in found:
        effect, change, placebo = one.effect, one.effect.change, one.placebo
        sides = (side.share if side else None for side in (effect.before, effect.after))
        told = (change.points, change.low, change.high, change.p) if change else (None,) * 4
        compared = (placebo.rank, placebo.dates, placebo.p) if placebo.rank else (None, None, None)
        rows.append((one.name, one.measure, *sides, *told, one.q, *compared, effect.reason or ""))
    frame = pd.DataFrame(rows, columns=list(EFFECTS))
    numbers = "before after points low high p q placebo_p".split()
    return frame.astype(dict.fromkeys(numbers, "float64") | dict.fromkeys(("rank", "dates"), "Int64"))
