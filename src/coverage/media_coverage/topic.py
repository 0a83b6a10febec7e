"""The keyword query of a topic: a boolean expression over whole words, and what it decides about a text.

Grammar, case-insensitive:

    query  = any
    any    = all ("OR" all)*
    all    = unary (["AND"] unary)*
    unary  = "NOT" unary | "(" any ")" | "quoted phrase" | word | prefix*

A word matches as a whole word: `deal` does not match "ideal", `russia*` matches "Russian".
Accents and typographic quotes are folded on both sides, so `zelensky` also finds "Zelenský".
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from .records import GateDecision

_TOKEN = re.compile(r'\s*(?:(?P<paren>[()])|"(?P<phrase>[^"]*)"|(?P<word>[^\s()"]+))')
_OPERATORS = frozenset({"AND", "OR", "NOT"})
_FOLD = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "\u2010": "-", "\u2011": "-"}
    | {"\u00a0": " ", "\u00ad": ""}  # a no-break space; a soft hyphen, which nobody sees
)


class QueryError(ValueError):
    """The query cannot be read; the message points at the place."""


def fold(text: str) -> str:
    """Lower case, without accents, with plain quotes and dashes: the form in which words are compared."""
    if text.isascii():
        return text.lower()
    plain = text.translate(_FOLD)
    if plain.isascii():  # typographic quotes and dashes are all that most texts have
        return plain.lower()
    decomposed = unicodedata.normalize("NFKD", plain)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


@dataclass(frozen=True, slots=True)
class _Term:
    text: str
    pattern: re.Pattern[str]

    def match(self, folded: str) -> tuple[bool, tuple[str, ...]]:
        found = self.pattern.search(folded)
        return (True, (found.group(),)) if found else (False, ())

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class _Not:
    part: _Node

    def match(self, folded: str) -> tuple[bool, tuple[str, ...]]:
        return not self.part.match(folded)[0], ()

    def __str__(self) -> str:
        return f"NOT {self.part}"


@dataclass(frozen=True, slots=True)
class _All:
    parts: tuple[_Node, ...]

    def match(self, folded: str) -> tuple[bool, tuple[str, ...]]:
        terms: tuple[str, ...] = ()
        for part in self.parts:
            matched, found = part.match(folded)
            if not matched:
                return False, ()
            terms += found
        return True, terms

    def __str__(self) -> str:
        return "(" + " AND ".join(map(str, self.parts)) + ")"


@dataclass(frozen=True, slots=True)
class _Any:
    parts: tuple[_Node, ...]

    def match(self, folded: str) -> tuple[bool, tuple[str, ...]]:
        for part in self.parts:
            matched, found = part.match(folded)
            if matched:
                return True, found
        return False, ()

    def __str__(self) -> str:
        return "(" + " OR ".join(map(str, self.parts)) + ")"


_Node = _Term | _Not | _All | _Any


def _term(text: str) -> _Term:
    folded = fold(text).strip()
    prefix = folded.endswith("*")
    words = re.findall(r"[^\s*]+", folded)
    if not words or "*" in folded.rstrip("*"):
        raise QueryError(f"{text!r} is not a word: give letters, with * at the end only")
    body = r"\s+".join(map(re.escape, words))
    return _Term(text, re.compile(rf"(?<!\w){body}" + (r"\w*" if prefix else "") + r"(?!\w)"))


class Query:
    """A parsed query. Raises QueryError when the text cannot be read."""

    def __init__(self, text: str) -> None:
        self.text = " ".join(text.split())
        self._tokens = self._tokenise(self.text.translate(_FOLD))
        self._position = 0
        if not self._tokens:
            raise QueryError("the query is empty")
        try:
            self._root = self._any()
        except RecursionError:
            raise QueryError("too many parentheses or NOTs inside one another") from None
        if self._position < len(self._tokens):
            raise QueryError(f"unexpected {self._tokens[self._position][1]!r}: is a parenthesis missing?")

    @staticmethod
    def _tokenise(text: str) -> list[tuple[str, str]]:
        tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None:
                raise QueryError(f"unbalanced quotation mark at {text[position : position + 20].lstrip()!r}")
            kind = str(found.lastgroup)
            value = found.group(kind)
            if kind == "word" and value.upper() in _OPERATORS:
                kind, value = "operator", value.upper()
            tokens.append((kind, value))
            position = found.end()
        return tokens

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._position] if self._position < len(self._tokens) else ("end", "the end of the query")

    def _any(self) -> _Node:
        parts = [self._all()]
        while self._peek() == ("operator", "OR"):
            self._position += 1
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else _Any(tuple(parts))

    def _all(self) -> _Node:
        parts = [self._unary()]
        while True:
            token = self._peek()
            if token == ("operator", "AND"):
                self._position += 1
            elif token[0] == "end" or token in {("operator", "OR"), ("paren", ")")}:
                return parts[0] if len(parts) == 1 else _All(tuple(parts))
            parts.append(self._unary())

    def _unary(self) -> _Node:
        kind, value = self._peek()
        self._position += 1
        if (kind, value) == ("operator", "NOT"):
            return _Not(self._unary())
        if (kind, value) == ("paren", "("):
            inner = self._any()
            if self._peek() != ("paren", ")"):
                raise QueryError(f"expected ')' but found {self._peek()[1]!r}")
            self._position += 1
            return inner
        if kind in {"word", "phrase"}:
            return _term(value)
        raise QueryError(f"expected a word, a phrase or '(' but found {value!r}")

    def decide(self, title: str, summary: str) -> GateDecision:
        """Does the query match title and summary together? The reason names the words, or the part that failed."""
        folded = fold(f"{title}\n{summary}")
        matched, terms = self._root.match(folded)
        if matched:
            words = ", ".join(dict.fromkeys(terms))
            return GateDecision(True, "keywords", f"matched: {words}" if words else "nothing excluded was found")
        parts = self._root.parts if isinstance(self._root, _All) else (self._root,)
        failed = next(part for part in parts if not part.match(folded)[0])
        shown = str(failed)
        return GateDecision(False, "keywords", f"no match for {shown[:117] + '...' if len(shown) > 120 else shown}")


def gate(query: Query, topic_language: str, title: str, summary: str, language: str | None) -> GateDecision:
    """Keywords first, then language: the classifier reads one language only. Unknown languages pass."""
    from .language import unreadable  # and with it numpy, which the parser's process does without

    decision = query.decide(title, summary)
    if decision.passed and (reason := unreadable(language, topic_language)):
        return GateDecision(False, "language", reason)
    return decision
