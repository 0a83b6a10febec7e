"""What somebody should look at: silent feeds, jumps of volume, shifts of the balance, drift. Pure.

An alert needs two things: a size that matters (records.Thresholds, from feeds.yaml) and an interval of 99.9 % that
leaves out "as usual", so that a weekly look is wrong about once in ten years. Where too little is known of what is
usual there is no alert: noise must not wake anybody.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .estimate import Z95
from .health import Word
from .news import LONGEST_HISTORY, MIN_HISTORY, points_words, span_words
from .quantiles import t_quantile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    import pandas as pd

    from .framing import Frames
    from .health import Health
    from .news import Step, Volume
    from .records import Thresholds

KINDS = ("standstill", "silent", "failing", "volume", "shift", "drift")
"""Worst first."""

FEW, NAMED = 3, 12
"""More alerts of one kind than this share a line, which names so many."""

_OF_MANY = {
    "silent": ("has been silent for longer than usual", "have been silent for longer than usual"),
    "failing": ("misses something", "miss something"),
}

Z999 = 3.2905267314919255


@dataclass(frozen=True, slots=True)
class Alert:
    """One line: its kind, what it is about (an outlet, a frame, an output, or all), and a sentence."""

    kind: str
    about: str
    sentence: str
    since: datetime | None = None


def alerts(
    health: Health,
    volumes: Sequence[Volume],
    steps: Sequence[Step | None],
    drift: pd.DataFrame | None,
    frames: Frames,
    thresholds: Thresholds,
    now: datetime,
) -> tuple[Alert, ...]:
    """All alerts, worst first. `volumes` and `steps` are those of news.news; `drift` has the columns of drift.drift."""
    found = [*_collection(health, thresholds, now), *_volume(volumes, thresholds)]
    found += _shift(steps, frames, thresholds)
    if drift is not None and thresholds.drift:
        found += _drift(drift.to_dict("records"))
    return tuple(sorted(found, key=lambda alert: KINDS.index(alert.kind)))


def alert_lines(found: Sequence[Alert], few: int = FEW) -> list[str]:
    """The alerts in lines for readers: feeds of one kind that are more than `few` share a line."""
    lines = []
    for kind in KINDS:
        mine = [alert for alert in found if alert.kind == kind]
        if kind not in _OF_MANY or len(mine) <= few:
            lines += [alert.sentence for alert in mine]
            continue
        named = [f"{alert.about} (since {alert.since:%Y-%m-%d})" if alert.since else alert.about for alert in mine]
        more = f", and {len(mine) - NAMED} more" if len(mine) > NAMED else ""
        one, many = _OF_MANY[kind]
        who = f"{len(mine)} feeds {many}" if len(mine) > 1 else f"1 feed {one}"
        lines.append(f"{who}: {', '.join(named[:NAMED])}{more}.")
    return lines


def _collection(health: Health, thresholds: Thresholds, now: datetime) -> Iterable[Alert]:
    if health.standstill:
        yield Alert("standstill", "all", health.standstill)
    for verdict in health.verdicts:
        worst = verdict.worst
        if verdict.word.calls:
            yield Alert(
                "failing", verdict.outlet, f"{verdict.outlet}: {verdict.word.words}. {worst.sentence}", worst.since
            )
        elif verdict.word is Word.QUIET and worst.since is not None:
            days = (now - worst.since).total_seconds() / 86_400
            if days >= thresholds.silent_days:
                sentence = f"{verdict.outlet} has been silent for {days:.0f} days. {worst.sentence}"
                yield Alert("silent", verdict.outlet, sentence, worst.since)


def usual_volume(counts: Sequence[int]) -> tuple[float, float, float] | None:
    """The mean of the counts before the last, and the 99.9 % interval in which the last is as usual; None for too few.

    Counts vary φ times as much as Poisson counts (variance ÷ mean, at least 1); the logarithm of last ÷ mean has the
    variance φ (1 ÷ mean + 1 ÷ (k · mean)) and Student's t for k − 1 degrees of freedom.
    """
    history = counts[:-1][-LONGEST_HISTORY:]
    mean = sum(history) / len(history) if history else 0.0
    if len(history) < MIN_HISTORY or not mean:
        return None
    spread = sum((count - mean) ** 2 for count in history) / (len(history) - 1)
    variance = max(1.0, spread / mean) / mean * (1 + 1 / len(history))
    half = t_quantile(0.9995, len(history) - 1) * math.sqrt(variance)
    return mean, mean * math.exp(-half), mean * math.exp(half)


def _volume(volumes: Sequence[Volume], thresholds: Thresholds) -> Iterable[Alert]:
    whole = [volume for volume in volumes if volume.whole]
    usual = usual_volume([volume.articles for volume in whole])
    if usual is None:
        return
    last, (mean, low, high) = whole[-1], usual
    said = (
        f"In {span_words(last.first_day, last.last_day)} came {last.articles:,} on-topic articles, where "
        f"{mean:,.0f} are usual (anything from {low:,.0f} to {high:,.0f} would be)"
    )
    if last.articles > high and last.articles >= thresholds.volume_factor * mean:
        yield Alert("volume", "all", f"{said}: an event, a new feed, or articles that a feed lists anew.")
    # A Poisson count of 0 is possible for means below 5: there is no fall to see.
    elif last.articles < low and last.articles * thresholds.volume_factor <= mean:
        yield Alert(
            "volume", "all", f"{said}, although all outlets were collected: look at the keywords and the feeds."
        )


def _shift(steps: Sequence[Step | None], frames: Frames, thresholds: Thresholds) -> Iterable[Alert]:
    for frame, step in zip(frames.both, steps, strict=True):
        if step is None or step.rank is None or step.rank[0]:
            continue
        wider = Z999 / Z95
        low = step.difference - wider * (step.difference - step.low)
        high = step.difference + wider * (step.high - step.difference)
        if (low > 0 or high < 0) and 100 * abs(step.difference) >= thresholds.shift_points:
            moved = points_words(step.difference, step.low, step.high)
            yield Alert(
                "shift",
                frame.name,
                f"The share of {frame.words} moved by {moved}, more than in any of the {step.rank[1]} steps before: "
                "see which outlets and stories are behind it.",
            )


def _drift(rows: Iterable[Mapping[object, object]]) -> Iterable[Alert]:
    for row in rows:
        if row["drift"]:
            output = str(row["output"])
            yield Alert(
                "drift",
                output,
                f"In the week of {row['first_day']} the classifier's probabilities of {output} differ from those of "
                f"the weeks before (distance {row['distance']:.2f}, p = {row['p']:.3f}): other news, other feeds, or a "
                "model that errs differently; look before you rely on an older audit.",
            )
