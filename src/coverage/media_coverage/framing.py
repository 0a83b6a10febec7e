"""From probabilities to a label: pure rules, shared by every classifier.

The codebook codes two yes/no variables and derives the label from them, so `mixed` and `neither` need no
training class of their own. Relevance is a variable of its own and does not change the label.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .records import Framing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HOPEFUL, APPEASEMENT, MIXED, NEITHER = "hopeful_peace", "appeasement", "mixed", "neither"
LABELS = (HOPEFUL, APPEASEMENT, MIXED, NEITHER)
OUTPUTS = ("relevant", "hope", "appease")
"""The classifier's outputs, in this order."""


def label_of(hope: bool, appease: bool) -> str:
    """The label that the codebook derives from its two frame variables."""
    if hope:
        return MIXED if appease else HOPEFUL
    return APPEASEMENT if appease else NEITHER


@dataclass(frozen=True, slots=True)
class Decision:
    """How one model turns logits into labels, by output: p = sigmoid(scale · logit + bias), then a threshold.

    `uncertain` gives per output the band of probabilities in which held-out errors concentrate.
    """

    calibration: Mapping[str, tuple[float, float]]
    thresholds: Mapping[str, float]
    uncertain: Mapping[str, tuple[float, float]]

    def probabilities(self, logits: Sequence[float]) -> dict[str, float]:
        """Calibrated probabilities of the three outputs."""
        result = {}
        for name, logit in zip(OUTPUTS, logits, strict=True):
            scale, bias = self.calibration[name]
            z = max(-60.0, min(60.0, scale * float(logit) + bias))
            result[name] = 1 / (1 + math.exp(-z))
        return result

    def framing(self, probabilities: Mapping[str, float], evidence: str = "") -> Framing:
        """Apply the thresholds."""
        above = {name: probabilities[name] >= self.thresholds[name] for name in OUTPUTS}
        uncertain = any(low <= probabilities[name] <= high for name, (low, high) in self.uncertain.items())
        return Framing(
            relevant=above["relevant"],
            label=label_of(above["hope"], above["appease"]),
            leaning=self.leaning(probabilities),
            uncertain=uncertain,
            p_relevant=probabilities["relevant"],
            p_hope=probabilities["hope"],
            p_appease=probabilities["appease"],
            evidence=evidence,
        )

    def leaning(self, probabilities: Mapping[str, float]) -> str:
        """The likelier frame, each measured against its own threshold on the log-odds scale."""

        def odds(name: str) -> float:
            # Other classifiers, rounding and thresholds give exactly 0 and 1, whose log-odds are infinite.
            p, t = (min(max(value, 1e-12), 1 - 1e-12) for value in (probabilities[name], self.thresholds[name]))
            return math.log(p / (1 - p)) - math.log(t / (1 - t))

        return HOPEFUL if odds("hope") >= odds("appease") else APPEASEMENT
