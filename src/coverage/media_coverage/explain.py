"""Which words carry a label? Occlusion over any classifier: leave words out and see what the score loses.

Deterministic, and honest about the model rather than about the world: it shows what this classifier reacts to.
Method: Li, Monroe & Jurafsky 2016 (representation erasure), over words and short phrases.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .prose import first_words, plain
from .records import Framing, Text

if TYPE_CHECKING:
    from .classify import Classifier

MAX_WORDS = 80
PHRASE = 3
"""Longest phrase, in words, that is left out at once."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the text; `effect` is the log-odds of the frame that are lost when it is left out."""

    text: str
    field: str
    effect: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer for a text, the frame explained, its words, and the phrase that carries most."""

    framing: Framing
    frame: str
    words: tuple[Word, ...]
    phrase: str
    phrase_effect: float


def _log_odds(framing: Framing, frame: int) -> float:
    p = min(max(framing.p[frame], 1e-9), 1 - 1e-9)
    return math.log(p / (1 - p))


def _without(title: list[str], summary: list[str], start: int, length: int) -> Text:
    """The text without `length` words from `start`, counted through headline and lead."""
    split = len(title)
    kept_title = [word for i, word in enumerate(title) if not start <= i < start + length]
    kept_summary = [word for i, word in enumerate(summary, start=split) if not start <= i < start + length]
    return Text(" ".join(kept_title), " ".join(kept_summary))


def explain(classifier: Classifier, text: Text) -> Explanation:
    """Explain the likelier frame of a text (the label's frame, where the label has one)."""
    title = plain(text.title).split()[:MAX_WORDS]
    summary = first_words(plain(text.summary), MAX_WORDS - len(title)).split() if len(title) < MAX_WORDS else []
    (framing,) = classifier.classify([text], evidence=True)
    frame = classifier.info.frames.names.index(framing.leaning)
    whole = _log_odds(framing, frame)
    count = len(title) + len(summary)
    spans = [(start, length) for length in range(1, PHRASE + 1) for start in range(count - length + 1)]
    answers = classifier.classify([_without(title, summary, start, length) for start, length in spans])
    effects = {span: whole - _log_odds(answer, frame) for span, answer in zip(spans, answers, strict=True)}
    words = [(word, "title") for word in title] + [(word, "summary") for word in summary]
    # A longer phrase always has a little more to lose: it must earn its length.
    best = max(effects, key=lambda span: (effects[span] / math.sqrt(span[1]), -span[0]), default=(0, 0))
    return Explanation(
        framing=framing,
        frame=framing.leaning,
        words=tuple(Word(word, field, effects[i, 1]) for i, (word, field) in enumerate(words)),
        phrase=" ".join(word for word, _ in words[best[0] : best[0] + best[1]]),
        phrase_effect=effects.get(best, 0.0),
    )


MARKED = 3
"""At most so many words of a headline are marked, those that carry at least PART of what the strongest one does."""

PART = 0.4


def deciding_words(classifier: Classifier, headline: str, frame: str) -> tuple[str, ...]:
    """The words of a headline that carry a frame when it is read without its lead, as they are spelt there, in order.

    Neighbours are one. Words that are no part of the spelt headline, because markup was removed, are left out.
    """
    title, place = plain(headline).split()[:MAX_WORDS], classifier.info.frames.names.index(frame)
    if not title:
        return ()
    texts = [Text(" ".join(title), "")]
    texts += [Text(" ".join(title[:i] + title[i + 1 :]), "") for i in range(len(title))]
    whole, *without = (_log_odds(framing, place) for framing in classifier.classify(texts))
    effects = [whole - other for other in without]
    strongest = sorted(range(len(title)), key=lambda i: -effects[i])[:MARKED]
    kept = sorted(i for i in strongest if effects[i] > 0 and effects[i] >= PART * max(effects))
    runs: list[list[int]] = []
    for i in kept:
        if runs and runs[-1][-1] == i - 1 and " ".join(title[j] for j in (*runs[-1], i)) in headline:
            runs[-1].append(i)
        else:
            runs.append([i])
    return tuple(words for run in runs if (words := " ".join(title[i] for i in run)) in headline)
