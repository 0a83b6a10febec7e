"""From probabilities to a label: pure rules, shared by every classifier and every topic.

A topic is coded with two frames. The codebook codes each as a yes/no variable and derives the label from both, so
`mixed` and `neither` need no training class of their own. Relevance is a variable of its own and does not change
the label. Which two frames they are is data: feeds.yaml names them, and a database keeps the two it was made with.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .records import Frame, Framing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RELEVANT, MIXED, NEITHER = "relevant", "mixed", "neither"

OWN_FROM = 0.5
"""The probability from which on a frame counts as in the outlet's own voice."""

_TAKEN = frozenset(
    # what stands beside the frames' columns in some table, chart or coded file
    "relevant mixed neither rel date outlet outlet_group country all_articles articles stories new_stories index_low "
    "index_high index_n id version_id article_id title summary cert certainty coder code_id codebook_version purpose "
    "coded_at week link row voice note kind sample sample_id session newest story_id stratum stratum_size "
    "stratum_drawn inclusion design_inclusion truth settled_by coders disagreed off_topic uncertain p_relevant "
    "period scope name first_day last_day own_articles days days_missing days_partial feed_days feed_days_asked "
    "feed_days_answered feed_days_failed articles_sql sightings own_sightings own_new_stories listed listed_articles "
    "genre own "
    # what SQL reads as a word of its own: such a column would need quotes in every query
    "add all alter and as autoincrement between case cast check collate commit constraint create current_date "
    "current_time current_timestamp default deferrable delete distinct drop else escape except exists foreign from "
    "group having in index insert intersect into is isnull join limit not nothing notnull null on or order primary "
    "raise references returning select set table then to transaction union unique update using values when "
    "where".split()
)
"""What neither a frame nor its output may be called: names become columns of the database."""


@dataclass(frozen=True, slots=True)
class Frames:
    """The two frames of a topic, in the order of feeds.yaml. The net framing index is first minus second.

    Equal when names and outputs are. Raises ValueError for names that cannot be columns of one database.
    """

    first: Frame
    second: Frame

    def __post_init__(self) -> None:
        for frame in (self.first, self.second):
            for what, name in (("name", frame.name), ("output", frame.output)):
                if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
                    raise ValueError(f"the {what} {name!r} must be small letters, digits and _ (at most 40)")
                if name in _TAKEN:
                    raise ValueError(f"the {what} {name!r} has a meaning of its own in the database; choose another")
        if {self.first.name, self.first.output} & {self.second.name, self.second.output}:
            raise ValueError("the two frames must differ in name and in output")
        shares = [f"share_{label}{end}" for label in self.labels for end in ("", "_low", "_high")]
        if len({*self.labels, *shares}) < len(self.labels) + len(shares):
            raise ValueError(f"{self.first.name!r} and {self.second.name!r} are too alike to be told apart in tables")

    @property
    def both(self) -> tuple[Frame, Frame]:
        """The frames in order."""
        return self.first, self.second

    @property
    def names(self) -> tuple[str, str]:
        """The two labels that name one frame."""
        return self.first.name, self.second.name

    @property
    def labels(self) -> tuple[str, str, str, str]:
        """All labels of an on-topic text."""
        return self.first.name, self.second.name, MIXED, NEITHER

    @property
    def classes(self) -> tuple[str, str, str]:
        """The classes of the macro-F1. Items coded `mixed` are too few to be a class and are left out of it."""
        return self.first.name, self.second.name, NEITHER

    @property
    def outputs(self) -> tuple[str, str, str]:
        """The classifier's outputs, in this order."""
        return RELEVANT, self.first.output, self.second.output

    def label_of(self, first: bool, second: bool) -> str:
        """The label that follows from the two frame variables."""
        if first:
            return MIXED if second else self.first.name
        return self.second.name if second else NEITHER

    def __str__(self) -> str:
        return " and ".join(f"{frame.name} (output {frame.output})" for frame in self.both)


DEFAULT_FRAMES = Frames(
    Frame("hopeful_peace", "hope", "Hopeful peace", "A step or a chance toward ending the war"),
    Frame("appeasement", "appease", "Appeasement", "A reward for aggression, or a sell-out"),
)
"""The frames of the topic that the project ships with, in force where feeds.yaml names none."""


def sigmoid(logit: float) -> float:
    """The logistic function; beyond ±60, where it is 0 or 1 to more digits than a number has, it stays as it is."""
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, logit))))


@dataclass(frozen=True, slots=True)
class Decision:
    """How one model turns logits into labels, by output: p = sigmoid(scale · logit + bias), then a threshold.

    `uncertain` gives per output the band of probabilities in which held-out errors concentrate. `voice` is what each
    frame of the label adds to the logit of its being in the outlet's own voice, by output; None for models that do not
    tell voices.
    """

    frames: Frames
    calibration: Mapping[str, tuple[float, float]]
    thresholds: Mapping[str, float]
    uncertain: Mapping[str, tuple[float, float]]
    voice: Mapping[str, float] | None = None

    def probabilities(self, logits: Sequence[float]) -> dict[str, float]:
        """Calibrated probabilities of the three outputs."""
        result = {}
        for name, logit in zip(self.frames.outputs, logits, strict=True):
            scale, bias = self.calibration[name]
            result[name] = sigmoid(scale * float(logit) + bias)
        return result

    def framing(
        self, probabilities: Mapping[str, float], evidence: str = "", voice_logit: float | None = None
    ) -> Framing:
        """Apply the thresholds. `voice_logit` is what the network says about the voice before it is told the frames."""
        relevant, first, second = (probabilities[name] >= self.thresholds[name] for name in self.frames.outputs)
        uncertain = any(low <= probabilities[name] <= high for name, (low, high) in self.uncertain.items())
        return Framing(
            relevant=relevant,
            label=self.frames.label_of(first, second),
            leaning=self.leaning(probabilities),
            uncertain=uncertain,
            p_relevant=probabilities[RELEVANT],
            p=(probabilities[self.frames.first.output], probabilities[self.frames.second.output]),
            evidence=evidence,
            p_own=self._own(voice_logit, first, second),
        )

    def _own(self, logit: float | None, *carried: bool) -> float | None:
        if logit is None or self.voice is None or not any(carried):
            return None
        told = (self.voice[output] for output, here in zip(self.frames.outputs[1:], carried, strict=True) if here)
        return sigmoid(logit + sum(told))

    def leaning(self, probabilities: Mapping[str, float]) -> str:
        """The likelier frame, each measured against its own threshold on the log-odds scale."""

        def odds(frame: Frame) -> float:
            # Other classifiers, rounding and thresholds give exactly 0 and 1, whose log-odds are infinite.
            p, t = (
                min(max(value, 1e-12), 1 - 1e-12)
                for value in (probabilities[frame.output], self.thresholds[frame.output])
            )
            return math.log(p / (1 - p)) - math.log(t / (1 - t))

        first, second = self.frames.both
        return first.name if odds(first) >= odds(second) else second.name
