"""What changed, in three sentences of plain English, and never more than the estimates bear. Pure.

The newest point of the trend is compared with the one before it. A change is claimed only where the interval of the
difference leaves out zero; else the sentence says how large a change could have hidden. Why neighbouring points and not
"since you last looked": the same database gives everybody the same sentences, and both points stand in the chart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from .composition import Composition
from .estimate import Estimate
from .quantiles import t_quantile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from .estimate import Missing
    from .framing import Frames

MIN_HISTORY = 5
"""With fewer earlier steps nothing is said about how far the line usually moves."""

LONGEST_HISTORY = 12
"""Steps and counts from longer ago say little about what is usual now."""


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a line: its days, its estimate, and on how many of its days nothing was collected."""

    first_day: date
    last_day: date
    estimate: Estimate | Missing
    days_missing: int = 0


@dataclass(frozen=True, slots=True)
class Volume:
    """The on-topic articles of one period; `whole` where it is over and every outlet was collected on all its days."""

    first_day: date
    last_day: date
    articles: int
    outlets: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Step:
    """From one point to the next: the difference of shares with its interval, and what the line did before.

    `earlier` are the differences between neighbouring points before, the oldest first.
    """

    before: float
    now: float
    difference: float
    low: float
    high: float
    earlier: tuple[float, ...] = ()

    @property
    def direction(self) -> int:
        """1 for a rise, −1 for a fall, 0 where the interval does not leave out zero."""
        return (self.low > 0) - (self.high < 0)

    @property
    def rank(self) -> tuple[int, int] | None:
        """In how many of how many earlier steps the line moved as far; None where too few are known."""
        if len(self.earlier) < MIN_HISTORY:
            return None
        return sum(abs(one) >= abs(self.difference) for one in self.earlier), len(self.earlier)


@dataclass(frozen=True, slots=True)
class News:
    """Three sentences, what must be read with them, and the step of each frame (None where nothing is comparable)."""

    sentences: tuple[str, str, str]
    notes: tuple[str, ...]
    steps: tuple[Step | None, Step | None]


# ---------------------------------------------------------------------- numbers


def difference(now: Estimate, before: Estimate) -> tuple[float, float, float]:
    """The difference of two shares with its interval, from theirs (Newcombe 1998, Zou & Donner 2008).

    Takes the two for independent; where they share outlets or an audit, the interval is rather too wide.
    """
    value = now.value - before.value
    below = math.hypot(now.value - now.low, before.high - before.value)
    above = math.hypot(now.high - now.value, before.value - before.low)
    return value, max(-1.0, value - below), min(1.0, value + above)


def step(points: Sequence[Point]) -> Step | None:
    """The last step of a line; None where one of its two points has no estimate."""
    if len(points) < 2:
        return None
    before, now = (point.estimate for point in points[-2:])
    if not isinstance(now, Estimate) or not isinstance(before, Estimate):
        return None
    earlier = [
        later.estimate.value - former.estimate.value
        for former, later in pairwise(points[-LONGEST_HISTORY - 2 : -1])
        if isinstance(later.estimate, Estimate) and isinstance(former.estimate, Estimate)
    ]
    return Step(before.value, now.value, *difference(now, before), tuple(earlier))


def swing(counts: Sequence[int]) -> tuple[float, float, float] | None:
    """How many times the last count the one before is, with its interval; None where that cannot be known.

    Counts of neighbouring periods vary by more than chance: by φ times as much as a Poisson count, which the counts
    before tell (variance ÷ mean, at least 1). The interval of the logarithm has Student's t for their number less one.
    """
    history = counts[:-1][-LONGEST_HISTORY:]
    if len(history) < MIN_HISTORY or not counts[-1] or not counts[-2]:
        return None
    mean = sum(history) / len(history)
    spread = sum((count - mean) ** 2 for count in history) / (len(history) - 1)
    factor = max(1.0, spread / mean)
    ratio = counts[-1] / counts[-2]
    half = t_quantile(0.975, len(history) - 1) * math.sqrt(factor * (1 / counts[-1] + 1 / counts[-2]))
    return ratio, ratio * math.exp(-half), ratio * math.exp(half)


# ---------------------------------------------------------------------- words


def day_words(day: date, *, year: bool = True) -> str:
    """ "3 February 2026"."""
    return f"{day.day} {day:%B}" + (f" {day.year}" if year else "")


def span_words(first: date, last: date) -> str:
    """The days of a point as they are spoken of: a day, a week, a month, or from … to …."""
    days = (last - first).days + 1
    if days <= 1:
        return day_words(first)
    if days == 7 and first.weekday() == 0:
        return f"the week of {day_words(first)}"
    if first.day == 1 and first.month == last.month and days >= 28:
        return f"{first:%B} {first.year}"
    return f"the days from {day_words(first, year=first.year != last.year)} to {day_words(last)}"


def points_words(value: float, low: float, high: float) -> str:
    """ "+20 points [+3 to +37]". Ends are rounded outwards, so that no interval gains or loses zero by rounding."""
    ends = (math.floor(100 * low + 1e-9), math.ceil(100 * high - 1e-9))
    digits = 1 if (low > 0 and ends[0] <= 0) or (high < 0 and ends[1] >= 0) else 0
    if not digits:
        low, high = ends[0] / 100, ends[1] / 100
    spelt = _signed(100 * value, digits)
    points = "point" if spelt.lstrip("+−") == "1" else "points"
    return f"{spelt} {points} [{_signed(100 * low, digits)} to {_signed(100 * high, digits)}]"


def _signed(number: float, digits: int) -> str:
    text = f"{number:+z.{digits}f}"
    return text.replace("-", "−") if float(text) else text[1:]


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _move(words: str, one: Step) -> str:
    verb = {1: "rose", -1: "fell", 0: "moved"}[one.direction]
    numbers = points_words(one.difference, one.low, one.high)
    return f"{words} {verb} from {_percent(one.before)} to {_percent(one.now)} ({numbers})"


# ---------------------------------------------------------------------- sentences


def news(
    lines: Mapping[tuple[str, Composition], Sequence[Point]],
    volumes: Sequence[Volume],
    frames: Frames,
    *,
    correction: str,
) -> News:
    """The three sentences. `lines` by frame name and mix, each in the order of its days, periods that are not over left
    out; `volumes` likewise, up to the last period that is over.
    """
    told = [lines.get((frame.name, Composition.ITEMS), ()) for frame in frames.both]
    steps = (step(told[0]), step(told[1]))
    newest = max((line[-1] for line in told if line), key=lambda point: point.last_day, default=None)
    notes = [correction[:1].upper() + correction[1:] + "."]
    if newest is not None and newest.days_missing:
        notes.append(f"On {newest.days_missing} of these days nothing was collected.")
    if all(steps):
        notes.append("Intervals are 95 %; of two shares that stand still, one in ten reports claims a move of one.")
    return News(
        (_volume(newest, volumes), _frames(told, steps, frames), _bears(lines, steps, frames)), tuple(notes), steps
    )


def _volume(newest: Point | None, volumes: Sequence[Volume]) -> str:
    present = [place for place, volume in enumerate(volumes) if volume.articles]
    if not present or newest is None:
        return "No on-topic article has been collected in a period that is over."
    place = present[-1]
    volume = volumes[place]
    articles = "1 on-topic article" if volume.articles == 1 else f"{volume.articles:,} on-topic articles"
    outlets = "1 outlet" if volume.outlets == 1 else f"{volume.outlets:,} outlets"
    sentence = f"In {span_words(volume.first_day, volume.last_day)}, {outlets} brought {articles}"
    silent = sum(later.whole for later in volumes[place + 1 :])
    if silent:
        return f"{sentence}; since then nothing on topic has come, although all outlets were collected."
    former = volumes[place - 1] if place else None
    if former is None:
        return f"{sentence}; there is no period before to compare with."
    if not volume.whole or not former.whole:
        return f"{sentence}; numbers are not compared, because one of the last two periods was not collected in full."
    counts = [one.articles for one in volumes[: place + 1] if one.whole]
    found = swing(counts)
    before = f"after {former.articles:,} in the period before"
    if found is None:
        return f"{sentence}, {before}; how far such numbers usually swing is not known yet."
    ratio, low, high = found
    interval = f"{ratio:.2f} times as many [{low:.2f} to {high:.2f}]"
    if low > 1:
        return f"{sentence}, clearly more than the {former.articles:,} in the period before ({interval})."
    if high < 1:
        return f"{sentence}, clearly fewer than the {former.articles:,} in the period before ({interval})."
    return f"{sentence}, {before}, which is within their usual swing ({interval})."


def _frames(told: Sequence[Sequence[Point]], steps: Sequence[Step | None], frames: Frames) -> str:
    known = [(frame, one) for frame, one in zip(frames.both, steps, strict=True) if one is not None]
    if not known:
        return _apart(told, frames)
    since = next(line[-2] for line, one in zip(told, steps, strict=True) if one is not None)
    against = f"Against {span_words(since.first_day, since.last_day)}"
    moved = [_move(f"the share of {frame.words}", one) for frame, one in known if one.direction]
    still = [(frame, one) for frame, one in known if not one.direction]
    listed = " and ".join(
        f"{frame.words} {_percent(one.before)} to {_percent(one.now)}, "
        f"{points_words(one.difference, one.low, one.high)}"
        for frame, one in still
    )
    if not moved:
        which = "neither share has clearly changed" if len(still) == 2 else "the share has not clearly changed"
        return f"{against}, {which}: {listed}."
    if not still:
        return f"{against}, {' and '.join(moved)}."
    return f"{against}, {moved[0]}, and the other share has not clearly changed ({listed})."


def _apart(told: Sequence[Sequence[Point]], frames: Frames) -> str:
    """What can be said where no two neighbouring points have estimates."""
    now = [
        f"{frame.words} {_percent(line[-1].estimate.value)} "
        f"[{100 * line[-1].estimate.low:.0f}–{100 * line[-1].estimate.high:.0f}]"
        for frame, line in zip(frames.both, told, strict=True)
        if line and isinstance(line[-1].estimate, Estimate)
    ]
    if now:
        return f"Shares stand at {' and '.join(now)}; there is no estimate just before to compare them with."
    reasons = [line[-1].estimate.reason for line in told if line and not isinstance(line[-1].estimate, Estimate)]
    why = reasons[0] if reasons else "there is no article to measure"
    return f"No share can be given: {why}."


def _bears(
    lines: Mapping[tuple[str, Composition], Sequence[Point]], steps: Sequence[Step | None], frames: Frames
) -> str:
    moved = [(frame, one) for frame, one in zip(frames.both, steps, strict=True) if one is not None and one.direction]
    known = [one for one in steps if one is not None]
    if not known:
        return "So nothing is said here about change."
    if not moved:
        hidden = max(max(one.high - one.difference, one.difference - one.low) for one in known)
        return (
            f"That is no proof that nothing changed: with so many articles, a change of up to about "
            f"{math.ceil(100 * hidden)} points could hide."
        )
    doubts = []
    for frame, one in moved:
        for mix, words in ((Composition.OUTLETS, "when every outlet weighs the same"), (Composition.PANEL, _PANEL)):
            other = step(lines.get((frame.name, mix), ()))
            if other is None:
                doubts.append(f"{words} it cannot be estimated")
            elif other.direction != one.direction:
                doubts.append(f"{words} it is not clear ({points_words(other.difference, other.low, other.high)})")
    kept = (
        "It also shows when every outlet weighs the same and among the outlets that are always present, so the mix of "
        "outlets does not explain it"
        if not doubts
        else f"Another mix of outlets may explain it: {' and '.join(dict.fromkeys(doubts))}"
    )
    return f"{kept}{_usual(moved[0][1])}."


_PANEL = "among the outlets that are always present"


def _usual(one: Step) -> str:
    if one.rank is None:
        return "; whether it is more than the line usually moves is not known yet"
    reached, steps = one.rank
    if not reached:
        return f"; none of the {steps} steps before was as large"
    return f"; {reached} of the {steps} steps before {'was' if reached == 1 else 'were'} as large"
