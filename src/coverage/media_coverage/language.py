"""Which language is a text in? The only user of py3langid.

Headlines are short, so the declaration of the feed counts: the detector overrules it only when it is sure.
"""

from __future__ import annotations

import contextlib
import re
import threading
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from .errors import TrackerError

if TYPE_CHECKING:
    from collections.abc import Callable

SURE = 0.99
"""Probability at which the detector overrules the feed's declaration."""
CONFIDENT = 0.75
"""Probability below which an undeclared text counts as of unknown language."""
_LOADING = threading.Lock()
_MIN_LETTERS = 25
_ENOUGH = 200
"""Characters that are read. Detection costs more than storing a text, and grows with the length."""


def declared_code(tag: str | None) -> str | None:
    """The primary subtag of a language tag ("en-GB" → "en"); None when there is none worth the name."""
    found = re.match(r"\s*([A-Za-z]{2})(?:[-_].*)?\s*$", tag or "")
    return found.group(1).lower() if found else None


@cache
def _loaded() -> Callable[[str], tuple[str, float]]:
    from py3langid.langid import MODEL_DIR, MODEL_FILE, LanguageIdentifier

    try:
        identifier = LanguageIdentifier.from_modelpath(MODEL_DIR / MODEL_FILE, norm_probs=True)
    except OSError as error:  # it unpacks into the temporary folder
        raise TrackerError(f"the language detector cannot be unpacked: {error}; is the disk full?") from error
    # Pidgins and creoles written much like their parent (all with three-letter codes) only draw probability away.
    identifier.set_languages([code for code in identifier.labels if len(code) == 2])
    # It picks columns, which leaves the scores of a feature far apart in memory; side by side they are read faster.
    identifier.nb_ptc = np.ascontiguousarray(identifier.nb_ptc)
    return identifier.classify  # type: ignore[no-any-return]


def _identifier() -> Callable[[str], tuple[str, float]]:
    with _LOADING:
        return _loaded()


def prepare() -> None:
    """Load the detector in the background: half a second, for the most part of unpacking, which holds nobody up."""

    def load() -> None:
        with contextlib.suppress(TrackerError):  # whoever needs it will be told
            _identifier()

    threading.Thread(target=load, name="language").start()


def detect(text: str) -> tuple[str | None, float]:
    """(ISO 639-1 code, probability) as detected; (None, 0.0) for too little text."""
    if sum(map(str.isalpha, text)) < _MIN_LETTERS:
        return None, 0.0
    code, probability = _identifier()(text)
    return code, float(probability)


def unreadable(language: str | None, reads: str) -> str | None:
    """Why a classifier that reads the language `reads` is not asked; None where it is. An unknown language passes."""
    return None if language in {reads, None} else f"language {language}; the classifier reads {reads}"


def language_of(title: str, summary: str, declared: str | None) -> tuple[str | None, str]:
    """(code or None, "declared" | "detected" | "unknown") of a text from a feed that declares `declared`."""
    code, probability = detect(f"{title}. {summary}"[:_ENOUGH])
    said = declared_code(declared)
    if said and (code is None or code == said or probability < SURE):
        return said, "declared"
    if code and probability >= (SURE if said else CONFIDENT):
        return code, "detected"
    return None, "unknown"
