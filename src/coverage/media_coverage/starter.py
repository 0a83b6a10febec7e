"""The first feeds.yaml of somebody's own topic: every key that matters, and beside it what it does."""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING

from .config import fragment, scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .framing import Frames
    from .records import Feed

_HEAD = """\
# What the tracker follows, and where it looks. Check it with `media-coverage doctor`, the feeds alone with
# `media-coverage feeds check`; then `media-coverage run` makes one pass.

topic:
  name: {topic}
  # Wide on purpose: a model reads what passes and drops the rest, but nothing brings back what this query drops.
  # Whole words, upper or lower case, in title and summary together; * ends a word anywhere; AND, OR, NOT and
  # parentheses; "a phrase" in quotation marks.
  query: {query}
  language: en     # of the texts that the classifier reads; others are kept, and not labelled
  # Drawn on every chart, and what `media-coverage events` tests:
  #   events:
  #     - {{date: 2026-03-14, name: What happened that day}}
  events: []
  # Groups of outlets beside the usual ones, for comparison:
  #   groups: [trade_press]
  groups: []
"""

_OWN_FRAMES = """
# The two ways of telling it that are told apart. The key is the label, `output` the classifier's output behind it.
# A database keeps its two frames for good: other frames get another database.
frames:
{frames}
# A model that was not made for these frames judges each sentence below ("does the text say so?"). It needs
# `pip install 'media-coverage[zero-shot]'` and, once, the network. Code 300 texts with `media-coverage sample` and
# `media-coverage code`, then `media-coverage train` makes a model of your own:
#   model: embedded:FOLDER
classifier:
  model: zero-shot
  hypotheses:
{hypotheses}"""

_DEFAULT_FRAMES = """
# The two ways of telling it that are told apart are those of the model that comes with the program (`frames` changes
# them; docs and README say how). Another model is named here:
classifier:
  model: embedded
"""

_FEEDS = """
# `group` is a coarse viewpoint for comparing sets of outlets; `media-coverage feeds import FILE.opml --into` this file
# adds the list of another feed reader.
outlets:
{outlets}
network:
  contact: null            # an e-mail address or a URL, so that publishers can reach you instead of shutting you out
  timeout_seconds: 30
  host_gap_seconds: 1.0    # pause between two requests to the same host

database: media-coverage.db   # relative to this file
"""


def _frames(frames: Frames) -> str:
    return "".join(
        f"  {scalar(frame.name)}:\n    output: {scalar(frame.output)}\n    title: {scalar(frame.title)}\n"
        f"    description: {scalar(frame.description)}\n"
        for frame in frames.both
    )


def _hypotheses(topic: str, frames: Frames) -> str:
    said = {"relevant": f"This text is about {topic}."}
    said |= {frame.output: f"This text presents it so: {frame.description}" for frame in frames.both}
    return "".join(f"    {scalar(output)}: {scalar(sentence)}\n" for output, sentence in said.items())


def starter(topic: str, query: str, feeds: Sequence[Feed], frames: Frames | None = None) -> str:
    """A configuration as text, with comments; `frames` None leaves the default ones to the embedded model.

    Values are quoted, so nothing in them can become another key. `config.parse` reads it back.
    """
    said = (
        _DEFAULT_FRAMES
        if frames is None
        else _OWN_FRAMES.format(frames=_frames(frames), hypotheses=_hypotheses(topic, frames))
    )
    head = _HEAD.format(topic=scalar(topic), query=scalar(query))
    return head + said + _FEEDS.format(outlets=indent(fragment(feeds), "  "))
