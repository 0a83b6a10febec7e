"""Feed text → plain text: markup removed, entities resolved, white space and control characters cleaned.

The only user of nh3, a sanitiser that stays linear on input made to be slow. Feed text is hostile: everything
stored has passed through `plain`; everything shown is escaped again.
"""

from __future__ import annotations

import html
import re
import unicodedata

import nh3

MAX_CHARACTERS = 65_536
"""Longer fields are cut: no headline or lead is that long, and feeds can be."""

_BLOCK = re.compile(
    r"<(?=/?(?:address|article|aside|blockquote|br|dd|div|dl|dt|figcaption|figure|footer|h[1-6]|header|hr|li|main|"
    r"ol|p|pre|section|table|td|th|tr|ul)\b)",
    re.IGNORECASE,
)
_HALF_TAG = re.compile(r"<[^<>]*\Z")
_SILENT = {"script", "style", "template", "noscript"}
_LAYERS = 3
"""Feeds escape their markup twice often enough; entities escaped more often than that stay as they are."""
_MARKUP = re.compile(r"<[a-zA-Z/!?]|&[#\w]+;")
_CDATA = re.compile(r"<!\[CDATA\[|\]\]>")
_TAG_START = re.compile(r"<(?=[a-zA-Z/!?])")
# Controls but white space, lone surrogates, bidirectional overrides: what can break terminals, UTF-8 and page layout.
_DROPPED = re.compile(r"[\0-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufeff]")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Gen|Sen|Rep|Gov|Lt|Col|Sgt|Prof|Jr|Sr|vs|No|Jan|Feb|Aug|Sept|Oct|Nov|Dec)|\b[A-Z]|\b[A-Z]\.[A-Z])\.$"
)
_LONGEST_ABBREVIATION = 8
# Possessive, and never begun inside a run of stops: linear on text made to be slow.
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]]*+\s++(?=[\"'“‘(\[]?[A-Z0-9])")


def _tidy(text: str) -> str:
    return unicodedata.normalize("NFC", " ".join(_DROPPED.sub("", text).split()))


def clean(text: str) -> str:
    """One line of NFC text without control characters; never longer than MAX_CHARACTERS."""
    return _tidy(text[: 2 * MAX_CHARACTERS])[:MAX_CHARACTERS].strip()


def plain(markup: str) -> str:
    """The text of an HTML fragment, or of plain text with entities, as one clean line without a tag."""
    # Tidy first, and again after each layer: a control character dropped last could complete a hidden tag.
    if len(markup) > MAX_CHARACTERS:
        markup = _HALF_TAG.sub("", markup[:MAX_CHARACTERS])
    text = _tidy(markup)
    for _ in range(_LAYERS):
        if not _MARKUP.search(text):
            break
        spaced = _BLOCK.sub(" <", _CDATA.sub("", text))  # words of neighbouring paragraphs must not run together
        text = _tidy(html.unescape(nh3.clean(spaced, tags=set(), clean_content_tags=_SILENT)))
    return _TAG_START.sub("< ", text)[:MAX_CHARACTERS].strip()


def sentences(text: str) -> list[str]:
    """Split English prose into sentences; initials and common abbreviations do not end one."""
    found: list[str] = []
    start = 0
    for end in _SENTENCE_END.finditer(text):
        # Only the last word matters; reading back to the start each time would make a list of initials slow.
        if _ABBREVIATION.search(text[max(start, end.start() - _LONGEST_ABBREVIATION) : end.end()].rstrip()):
            continue
        found.append(text[start : end.end()].strip())
        start = end.end()
    rest = text[start:].strip()
    return [*found, rest] if rest else found


def first_words(text: str, count: int) -> str:
    """The first `count` words; the text itself when it is not longer."""
    words = text.split()
    return text if len(words) <= count else " ".join(words[:count])
