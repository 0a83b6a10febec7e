"""Feed text → plain text: markup removed, entities resolved, white space and control characters cleaned.

Feed text is hostile. Everything stored has passed through `plain`; everything shown is escaped again.
"""

from __future__ import annotations

import re
import unicodedata
from html.parser import HTMLParser

MAX_CHARACTERS = 65_536
"""Longer fields are cut: no headline or lead is that long, and feeds can be."""

_BREAKS = frozenset(
    (
        "address article aside blockquote br dd div dl dt figcaption figure footer h1 h2 h3 h4 h5 h6 header hr li "
        "main ol p pre section table td th tr ul"
    ).split()
)
_SILENT = frozenset({"script", "style", "template", "noscript"})
_MARKUP = re.compile(r"<[a-zA-Z/!?]|&[#\w]+;")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Gen|Sen|Rep|Gov|Lt|Col|Sgt|Prof|Jr|Sr|vs|No|Jan|Feb|Aug|Sept|Oct|Nov|Dec)|\b[A-Z]|\b[A-Z]\.[A-Z])\.$"
)
_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9])")


class _TextOf(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silenced = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag in _SILENT:
            self._silenced += 1
        elif tag in _BREAKS:
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silenced = max(0, self._silenced - 1)
        elif tag in _BREAKS:
            self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._silenced:
            self.parts.append(data)


def _allowed(character: str) -> bool:
    # Controls, lone surrogates and bidirectional overrides can break terminals, UTF-8 and page layout.
    category = unicodedata.category(character)
    return (
        category not in {"Cc", "Cs", "Cn"}
        and character not in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
    )


def clean(text: str) -> str:
    """One line of NFC text without control characters; never longer than MAX_CHARACTERS."""
    spaced = re.sub(r"\s+", " ", text[: 4 * MAX_CHARACTERS])
    kept = "".join(filter(_allowed, spaced))
    return unicodedata.normalize("NFC", kept)[:MAX_CHARACTERS].strip()


def plain(markup: str) -> str:
    """The text of an HTML fragment, or of plain text with entities, as one clean line."""
    markup = markup[: 4 * MAX_CHARACTERS]
    for _ in range(2):  # feeds escape their markup twice often enough
        if not _MARKUP.search(markup):
            break
        parser = _TextOf()
        parser.feed(markup)
        parser.close()
        markup = "".join(parser.parts)
    return clean(markup)


def sentences(text: str) -> list[str]:
    """Split English prose into sentences; initials and common abbreviations do not end one."""
    found: list[str] = []
    start = 0
    for end in _SENTENCE_END.finditer(text):
        candidate = text[start : end.end()].strip()
        if _ABBREVIATION.search(candidate):
            continue
        found.append(candidate)
        start = end.end()
    rest = text[start:].strip()
    return [*found, rest] if rest else found


def first_words(text: str, count: int) -> str:
    """The first `count` words; the text itself when it is not longer."""
    words = text.split()
    return text if len(words) <= count else " ".join(words[:count])
