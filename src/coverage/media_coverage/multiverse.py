"""Does a conclusion survive other choices that could have been made as well? One conclusion, many specifications.

After Steegen, Tuerlinckx, Gelman & Vanpaemel (2016), Increasing transparency through a multiverse analysis, and
Simonsohn, Simmons & Nelson (2020), Specification curve analysis. The specifications are not independent, so how many of
them agree is a description and no test.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from . import events
from .composition import Composition, Counting
from .estimate import Method
from .framing import RELEVANT
from .sample import OFF_TOPIC
from .trend import chosen_event, measures_of, read, shares

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

    from .store import Store
    from .trend import NamedDay, Press

SHIFTS = {"as stored": 0.0, "lower by .1": -0.1, "higher by .1": 0.1}
"""Other thresholds for the classifier's probabilities, all outputs together."""

METHODS = {Method.WILSON: "uncorrected", Method.ROGAN_GLADEN: "Rogan–Gladen", Method.RECTIFIED: "rectified"}

RESAMPLES = 499

COLUMNS = {
    "model_id": "whose labels",
    "thresholds": "as stored, or all lower or higher by .1",
    "method": "uncorrected, or the correction by the audit",
    "composition": "item-weighted, outlet-equal or fixed panel",
    "counting": "every article, or every story once in a period",
    "points": "change in percentage points; missing where `reason` is not empty",
    "low": "lower end of its 95 % interval",
    "high": "upper end of its 95 % interval",
    "p": "block-bootstrap p",
    "distinguishable": "whether p is at most .05",
    "reason": "why there is no value, in words; empty where there is one",
}
"""What each column of the specifications holds."""


@dataclass(frozen=True, slots=True)
class Multiverse:
    """One conclusion under all specifications: rows as in COLUMNS, the first one the main one, and what they say."""

    measure: str
    event: str
    date: dt.date
    rows: pd.DataFrame
    sentence: str


def multiverse(
    store: Store,
    *,
    measure: str | None = None,
    event: str | None = None,
    period: str = "week",
    since: str = "",
    until: str = "9999",
    sample: str | None = None,
) -> Multiverse:
    """The change of one share at one event under other thresholds, models, corrections, mixes and ways of counting.

    `measure` is the share of the first frame by default; `event` a name or date of feeds.yaml, by default the one with
    the most articles on both sides, and without any the change from the first to the second half of the data. Other
    thresholds are left out for models that do not tell theirs. Raises TrendError where nothing is on topic, or the
    event is not known.
    """
    press = read(store, period=period, since=since, until=until)
    chosen = measure or f"share_{press.frames.first.name}"
    (what,) = measures_of(press.frames, [chosen])
    at = chosen_event(press, event)
    rows: list[dict[str, Any]] = []
    for about, version, method in _versions(store, press, period, since, until, sample):
        for composition in Composition:
            for counting in Counting:
                row = about | {"method": METHODS[method], "composition": str(composition), "counting": str(counting)}
                line = shares(version, what, method, composition, counting).get("all")
                if line is None:
                    rows.append(row | {"distinguishable": False, "reason": "nothing is on topic under these choices"})
                    continue
                found = events.effect(line, at, resamples=RESAMPLES)
                change = found.change
                if change is None:
                    rows.append(row | {"distinguishable": False, "reason": found.reason})
                    continue
                row |= {"points": change.points, "low": change.low, "high": change.high, "p": change.p}
                rows.append(row | {"distinguishable": change.distinguishable, "reason": ""})
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(("points", "low", "high", "p"), "float64"))
    return Multiverse(chosen, at.name, at.date, frame, _sentence(frame, at))


def _versions(
    store: Store, main: Press, period: str, since: str, until: str, sample: str | None
) -> Iterator[tuple[dict[str, Any], Press, Method]]:
    """The labels as they could have been: the main ones first, then corrected, then other thresholds and models."""
    models = store.models()
    models = models[models["labels"] > 0].sort_values("active", ascending=False)
    settings = dict(store.query("SELECT model_id, settings FROM model").to_numpy().tolist())
    for model in models["model_id"]:
        labelled = store.labelled(since, until, model_id=model)
        labelled = labelled[
            labelled["date"].between(main.calendar["first_day"].iloc[0], main.calendar["last_day"].iloc[-1])
        ]
        thresholds = json.loads(settings[model]).get("thresholds")
        for name, shift in SHIFTS.items():
            about = {"model_id": model, "thresholds": name}
            if shift == 0:
                yield about, replace(main, labelled=labelled), Method.WILSON
                if sample is not None and model == models["model_id"].iloc[0]:
                    audited = read(store, period=period, since=since, until=until, sample=sample)
                    for method in (Method.ROGAN_GLADEN, Method.RECTIFIED):
                        yield about, audited, method
            elif thresholds and set(main.frames.outputs) <= set(thresholds):
                yield about, replace(main, labelled=_relabelled(labelled, main, thresholds, shift)), Method.WILSON


def _relabelled(labelled: pd.DataFrame, press: Press, thresholds: dict[str, float], shift: float) -> pd.DataFrame:
    """The labels that shifted thresholds would have given."""
    limits = {name: min(0.99, max(0.01, thresholds[name] + shift)) for name in press.frames.outputs}
    passed = {name: labelled[f"p_{name}"] >= limit for name, limit in limits.items()}
    first, second = (passed[name] for name in press.frames.outputs[1:])
    labels = [press.frames.label_of(bool(a), bool(b)) for a, b in zip(first, second, strict=True)]
    return labelled.assign(
        label=pd.Series(labels, index=labelled.index, dtype=object).where(passed[RELEVANT], OFF_TOPIC)
    )


def _sentence(rows: pd.DataFrame, event: NamedDay) -> str:
    """Does it survive?"""
    start = f"{event.name} ({event.date}): "
    told = rows[rows["points"].notna()]
    untold = len(rows) - len(told)
    rest = f" {untold} of {len(rows)} gave no estimate." if untold else ""
    if told.empty:
        return f"{start}none of {len(rows)} specifications gives an estimate. {rows['reason'].iloc[0]}"
    up, found = int((told["points"] > 0).sum()), int(told["distinguishable"].sum())
    low, high = (f"{value:+.1f}".replace("-", "−") for value in (told["points"].min(), told["points"].max()))
    size = f"from {low} to {high} points over {len(told)} specifications, {found} of them distinguishable"
    same = up in {0, len(told)}
    if same and found == len(told):
        verdict = "the conclusion survives: every specification finds a change in the same direction"
    elif found == 0:
        verdict = "no specification can tell a change from the usual movement"
    elif same:
        verdict = "the direction survives, but not every specification can tell it from the usual movement"
    else:
        verdict = "the conclusion does not survive: specifications disagree about the direction"
    return f"{start}{size}: {verdict}.{rest}"
