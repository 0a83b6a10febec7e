"""The codebook that coders follow: its text and its version, from a file or from the frames themselves."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ConfigError
from .framing import DEFAULT_FRAMES
from .prose import clean

if TYPE_CHECKING:
    from .framing import Frames

BUNDLED = Path(__file__).with_name("codebook.md")
"""The short codebook of the frames that the project ships with."""

MAX_CHARACTERS = 200_000

_VERSION = re.compile(r"\b(?:version|codebook)\s+v?(\d[\w.-]*)", re.IGNORECASE)

_FRAMES_ALONE = """# Codebook from feeds.yaml

Topic: {topic}

## Relevant

Yes: the text is about the topic. No: anything else; then no frame is asked.
{frames}
A frame is coded where the headline or the lead carries it, in the outlet's words or in somebody's. Code how the text
presents the topic, not whether that is true and not whether you agree. Between a frame and no frame, if you cannot
decide: no frame. Both frames: yes to both, where each has content of its own.

## Voice

1 outlet: in the outlet's own words, the headline included. 2 quoted: only in quoted or attributed words. 3 both.

## Genre

g sets it, where the text shows it; leave it open where it does not. news: reports what happened. comment: opinion,
analysis, editorials. live: a live blog. other: anything else.

## Certainty

1 sure. 2 leaning: a colleague might see it otherwise. 3 coin-flip.
"""


@dataclass(frozen=True, slots=True)
class Codebook:
    """What a code means, and under which version it is kept."""

    version: str
    text: str


def load(path: Path | None, frames: Frames, topic: str = "") -> Codebook:
    """The codebook at `path`; without one the bundled one, or for other frames one made of their descriptions.

    The version is the number after "version" or "codebook" on one of the first five lines, or else the first eight
    digits of the text's SHA-256. Raises ConfigError.
    """
    if path is None and frames != DEFAULT_FRAMES:
        parts = [
            f"\n## Frame {n}: {frame.title}\n\nYes: {frame.description or frame.title}\n"
            for n, frame in enumerate(frames.both, start=1)
        ]
        return _codebook(_FRAMES_ALONE.format(topic=topic, frames="".join(parts)))
    file = path or BUNDLED
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the codebook cannot be read: {error}", path=file) from error
    if not text.strip() or len(text) > MAX_CHARACTERS:
        problem = "is empty" if not text.strip() else f"has more than {MAX_CHARACTERS:,} characters"
        raise ConfigError(f"the codebook {problem}; name another under `codebook` in feeds.yaml", path=file)
    return _codebook(text)


def _codebook(text: str) -> Codebook:
    lines = [" " * (len(line) - len(line.lstrip())) + clean(line) for line in text.splitlines()]
    named = next((found[1] for line in lines[:5] if (found := _VERSION.search(line))), None)
    return Codebook(named or hashlib.sha256(text.encode()).hexdigest()[:8], "\n".join(lines).strip() + "\n")
