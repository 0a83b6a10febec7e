"""Where do two models differ, and what does that do to the published trend? Pure functions of frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from . import estimate
from .aggregate import mondays

if TYPE_CHECKING:
    from .framing import Frames

OFF_TOPIC = "off_topic"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same texts.

    `agreement` is the share of texts with the same answer (off topic counts as an answer); `table` counts answers
    of the first model (rows) against the second (columns); `differing` are the texts with different answers, the
    surest contradictions first; `trend` has per week (date, a Monday) the net framing index of each model.
    """

    texts: int
    agreement: float
    table: pd.DataFrame
    differing: pd.DataFrame
    trend: pd.DataFrame


def _answer(frame: pd.DataFrame, number: int) -> pd.Series[str]:
    return frame[f"label_{number}"].where(frame[f"relevant_{number}"].astype(bool), OFF_TOPIC)


def _index(answers: pd.Series[str], weeks: pd.Series[str], frames: Frames) -> pd.Series[float]:
    """Net framing index per week; missing where too few framed texts stand behind it."""
    counts = pd.crosstab(weeks, answers).reindex(columns=list(frames.names), fill_value=0)
    values = {}
    for week, first, second in counts.itertuples(name=None):
        found = estimate.net_framing_index(int(first), int(second))
        values[week] = found.value if found is not None and found.n >= estimate.MIN_ITEMS else float("nan")
    return pd.Series(values, dtype="float64")


def compare(frame: pd.DataFrame, frames: Frames) -> Comparison:
    """Compare two models. `frame` is store.labels_of_two(), `frames` are the store's."""
    first, second = _answer(frame, 1), _answer(frame, 2)
    order = [*frames.labels, OFF_TOPIC]
    table = pd.crosstab(first, second).reindex(index=order, columns=order, fill_value=0)
    distance = pd.Series(0.0, index=frame.index)
    for kind in frames.both:
        distance += (frame[f"p_{kind.output}_1"] - frame[f"p_{kind.output}_2"]).abs()
    shown = frame.assign(answer_1=first, answer_2=second, distance=distance)[first != second]
    weeks = mondays(frame["date"])
    trend = pd.DataFrame({"index_1": _index(first, weeks, frames), "index_2": _index(second, weeks, frames)})
    trend["difference"] = trend["index_2"] - trend["index_1"]
    return Comparison(
        texts=len(frame),
        agreement=float((first == second).mean()) if len(frame) else 1.0,
        table=table,
        differing=shown.sort_values("distance", ascending=False, ignore_index=True),
        trend=trend.rename_axis("date").reset_index(),
    )
