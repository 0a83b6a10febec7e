"""Which articles carry the same text? Near-duplicates of headline and lead, found through an index. Pure.

Two steps, as is usual for near-duplicates: `bands` gives each wording a few numbers of which a pair that may be the
same shares at least one (min-wise hashing with banding: Broder 1997; Leskovec, Rajaraman & Ullman, Mining of Massive
Datasets, ch. 3), so that only few pairs are compared; `compare` then decides on the words themselves.

Precision comes first: two reports of one event are two stories. A story is a text that travels, under several
mastheads or with an edited headline; whoever counts it once must not lose what somebody else has written.
"""

from __future__ import annotations

import hashlib
import re
import sys
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from .topic import fold
from .wire import without_credit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    import numpy.typing as npt

WINDOW = timedelta(days=7)
"""Texts published further apart are not compared: the same headline again ("What we know so far") is a new story."""

PERIOD_SECONDS = 28 * 24 * 3600
"""Texts are indexed by four weeks: what is compared with a text lies in one period or two, however many years there
are. Shorter ones would mean more look-ups, longer ones more texts that are too far away."""

_LABEL = (
    r"(?:breaking(?: news)?|exclusive|updated?(?: \d)?|urgent|(?:news )?analysis|opinions?|comment|commentary|"
    r"editorial|op-ed(?: \w+)?|guest essay|column(?:ist)?|explainer|explained|factbox|report|just in|wrapup|refile|"
    r"corrected)"
)
"""What leaves the text the same. "Live", "Video" or "The Latest" announce something else under the same headline."""
_LABELS_BEFORE = re.compile(rf"^(?:\W*{_LABEL}\s*(?:[:|–—/]|-(?=\s))\s*)+")
_LABELS_AFTER = re.compile(
    rf"\s+(?:[|–—]|-(?=\s))\s*(?:{_LABEL}|(?:world|us|uk|eu)?\s?news|world|politics|europe|international)\s*$"
    r"|\s*\((?:gift article|updated)\)\s*$"
)
_POSSESSIVE = re.compile(r"'s\b|(?<=s)'(?=\s|$)")
_INITIALS = re.compile(r"\b(?:[a-z]\.){2,}")
_DOTTED = re.compile(r"\.[a-z]\.")
"""What all initials have, and few texts: looking for it costs a tenth."""
# Scripts without spaces between words: each character counts as a word.
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0e7f"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
_NUMBERS = "one two three four five six seven eight nine ten".split()
_SPELLINGS = {word: str(number) for number, word in enumerate(_NUMBERS, start=1)}
_SPELLINGS |= dict.fromkeys("zelenskyy zelenskiy zelenskyi zelenski".split(), "zelensky")
_SPELLINGS |= {"kiev": "kyiv", "kharkov": "kharkiv", "odessa": "odesa"}
"""What agencies and outlets spell differently in the same sentence."""
_FILLERS = frozenset("a an the and".split())
_DECISIVE = frozenset(
    "no not never without nor cannot isnt arent wont wouldnt doesnt didnt dont fail first second third new another "
    "again to set may might could will would should if live video watch podcast audio photo latest briefing "
    "newsletter".split()
)
"""A word too many that changes what is said, or what kind of thing it is. Any number does, too."""

_MIN_HEADLINE = 5
"""A headline of fewer words ("Ukraine war: live updates") says too little to identify a text."""
_SURE_HEADLINE = 9
"""Two reporters hit upon the same short headline, in one style or another; upon so many words they do not."""
_MIN_NEAR_HEADLINE = 7
_MIN_NEAR_UNSUPPORTED = 9
_MAX_EXTRA_WORDS = 2
_STANDING = timedelta(days=1)
"""One outlet's same headline after longer than this is a standing one ("The week in pictures")."""
_MIN_LEAD = 12
_COMPARED_LEAD = 40
_SAME_LEAD = 0.7
_WIRE_LEAD = 0.5
_OWN_LEAD = 0.1
"""Below this share of common word pairs, two leads have nothing to do with each other."""
_NEAR_LEAD = 0.3
_BITS = [1 << n for n in range(256)]
"""What a pair of words may set in the signature of a lead."""

_HEADLINE_BANDS, _HEADLINE_ROWS = 6, 3
_LEAD_BANDS, _LEAD_ROWS = 6, 2
_LEAD_START = 8
_HASHED_LEAD = 25


def period(published_at: datetime) -> int:
    """The number of the four weeks since 1970 in which a text is indexed."""
    return int(published_at.timestamp()) // PERIOD_SECONDS


def periods_around(published_at: datetime) -> range:
    """The periods in which lies what was published at most WINDOW before or after: one or two."""
    return range(period(published_at - WINDOW), period(published_at + WINDOW) + 1)


class Reason(StrEnum):
    """Why two articles count as the same text."""

    SAME_HEADLINE = "same headline"
    """Word for word, apart from labels ("Exclusive:"), spelling variants, articles and punctuation."""
    NEAR_HEADLINE = "near headline"
    """One headline is the other with a word or two more, none of them decisive."""
    SAME_LEAD = "same lead"
    """Different headlines over the same lead, in different outlets."""
    SAME_WIRE = "same wire"
    """Both credit the same agency and their leads agree in most word pairs."""


@dataclass(frozen=True)
class Wording:
    """The words of one article that are compared. `agency` as credited."""

    outlet: str
    published_at: datetime
    title: tuple[str, ...]
    headline: tuple[str, ...]
    lead: tuple[str, ...]
    agency: str | None = None

    @cached_property
    def signature(self) -> tuple[int, int]:
        """(bits, number) of the word pairs of the lead; each pair sets one bit, which only this process knows."""
        bits, pairs = 0, _pairs(self.lead)
        for pair in pairs:
            bits |= _BITS[hash(pair) & 255]
        return bits, len(pairs)


@dataclass(frozen=True, slots=True)
class Match:
    """Two articles with the same text; `similarity` in 0..1, of headlines or of leads as `reason` says."""

    reason: Reason
    similarity: float


def _words(folded: str) -> tuple[str, ...]:
    plain = _POSSESSIVE.sub("", folded)
    if _DOTTED.search(plain):
        plain = _INITIALS.sub(lambda found: found[0].replace(".", ""), plain)
    return tuple(map(sys.intern, _WORD.findall(plain.replace("'", ""))))  # thousands of texts are kept to compare


@lru_cache(maxsize=8192)  # asked for by the index and by the comparison
def _title_words(title: str) -> tuple[str, ...]:
    return _words(_LABELS_AFTER.sub("", _LABELS_BEFORE.sub("", fold(title))))


def _headline(title_words: tuple[str, ...]) -> tuple[str, ...]:
    spelt = (_SPELLINGS.get(word, word) for word in title_words if word not in _FILLERS)
    return tuple(word[:-1] if len(word) > 3 and word.endswith("s") else word for word in spelt)


def headline_words(title: str) -> tuple[str, ...]:
    """The words that make a headline: without labels and articles, in one spelling, without plural or verbal s."""
    return _headline(_title_words(title))


@lru_cache(maxsize=16_384)  # in a run, the same articles are compared with many new ones
def wording(title: str, summary: str, outlet: str, published_at: datetime, agency: str | None = None) -> Wording:
    """The comparable form of a text. A lead that only repeats the headline, as search feeds give, counts as none."""
    words, lead = _words(fold(title)), _words(fold(without_credit(summary)))[:_COMPARED_LEAD]
    if lead[: len(words)] == words and len(lead) < len(words) + _LEAD_START:
        lead = ()
    title_words = _title_words(title)
    return Wording(outlet, published_at, title_words, _headline(title_words), lead, agency)


@lru_cache(maxsize=65_536)  # words come again and again, and of one text in the index and in the headline's number
def _word_digest(text: str) -> bytes:
    return _digest(text)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()


def _number(*parts: str) -> int:
    """63 bits: what an SQLite integer holds without a sign."""
    return int.from_bytes(_digest("\x1f".join(parts))) >> 1


def _numbers(texts: Iterable[str], digest: Callable[[str], bytes] = _digest) -> npt.NDArray[np.uint64]:
    """`_number` of each text."""
    return np.frombuffer(b"".join(map(digest, texts)), ">u8").astype(np.uint64) >> np.uint64(1)


_SEEDS = np.array(
    [_number(str(n)) for n in range(max(_HEADLINE_BANDS * _HEADLINE_ROWS, _LEAD_BANDS * _LEAD_ROWS))], np.uint64
)


def _permuted(hashes: npt.NDArray[np.uint64], seeds: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Each hash under each seed, as by one random permutation for each: (hashes, seeds). MurmurHash3's finaliser."""
    mixed = hashes[:, None] ^ seeds
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        mixed = (mixed ^ (mixed >> np.uint64(33))) * np.uint64(factor)
    return mixed


def _minhash_bands(kind: str, shingles: Iterable[str], bands: int, rows: int) -> list[int]:
    smallest = _permuted(_numbers(shingles, _word_digest), _SEEDS[: bands * rows]).min(axis=0).tolist()
    named = ("\x1f".join((f"{kind}{n}", *map(str, smallest[n * rows : (n + 1) * rows]))) for n in range(bands))
    found: list[int] = _numbers(named).tolist()
    return found


def headline_band(title: str) -> int:
    """Equal for equal `headline_words`."""
    return _number("headline", *headline_words(title))


def bands(text: Wording) -> tuple[int, ...]:
    """Index numbers (63-bit) of a wording: those of two wordings that `compare` finds the same have one in common.

    Always for the same headline and for leads that begin alike; else with a probability above 0.95 for the least
    similar pairs that count, and near 1 for most.
    """
    found: list[int] = []
    if len(text.headline) >= _MIN_HEADLINE:
        found.append(_number("headline", *text.headline))
    if len(text.headline) >= _MIN_NEAR_HEADLINE:
        found += _minhash_bands("headline", set(text.headline), _HEADLINE_BANDS, _HEADLINE_ROWS)
    if len(text.lead) >= _MIN_LEAD:
        found.append(_number("lead", *text.lead[:_LEAD_START]))
        pairs = map(" ".join, set(pairwise(text.lead[:_HASHED_LEAD])))
        found += _minhash_bands("lead", pairs, _LEAD_BANDS, _LEAD_ROWS)
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=512)  # a new text is compared with several, most often to the same length
def _pairs(words: tuple[str, ...]) -> frozenset[tuple[str, str]]:
    return frozenset(pairwise(words))


def lead_similarity(a: Wording, b: Wording) -> float | None:
    """Jaccard index of the word pairs of two leads, over the length of the shorter; None when either is too short."""
    length = min(len(a.lead), len(b.lead))
    if length < _MIN_LEAD:
        return None
    first, second = _pairs(a.lead[:length]), _pairs(b.lead[:length])
    common = len(first & second)
    return common / (len(first) + len(second) - common)


def _cannot_share_lead(a: Wording, b: Wording) -> bool:
    """Whether the similarity of two leads is certainly below what makes them one text.

    A bit that only the shorter lead has set stands for a pair that only this one has. Most texts that are compared have
    no more in common than a phrase, and this says so without looking at a single word.
    """
    short, long = (a, b) if len(a.lead) <= len(b.lead) else (b, a)
    if len(short.lead) < _MIN_LEAD:
        return True
    bits, pairs = short.signature
    return pairs - (bits & ~long.signature[0]).bit_count() < _WIRE_LEAD * pairs


def _near(a: tuple[str, ...], b: tuple[str, ...], shortest: int) -> float | None:
    """Share of words of the longer headline that the shorter one has, when it has no others and in the same order.

    The shorter one must have `shortest` words where one is missing, and one more for each more.
    """
    short, long = (a, b) if len(a) <= len(b) else (b, a)
    extras = len(long) - len(short)
    if extras > _MAX_EXTRA_WORDS or len(short) < shortest + max(0, extras - 1):
        return None
    if short and short[0] not in long[: extras + 1]:
        return None
    at, extra = 0, []
    for word in long:
        if at < len(short) and word == short[at]:
            at += 1
        else:
            extra.append(word)
    if at < len(short) or any(word in _DECISIVE or any(map(str.isdecimal, word)) for word in extra):
        return None
    return len(short) / len(long)


def _same_headline(a: Wording, b: Wording, leads: float | None) -> bool:
    if a.headline != b.headline or len(a.headline) < _MIN_HEADLINE:
        return False
    if a.outlet == b.outlet:
        # One outlet's standing headline stands over new text each time.
        return leads >= _OWN_LEAD if leads is not None else abs(a.published_at - b.published_at) <= _STANDING
    if len(a.headline) >= _SURE_HEADLINE:
        return True
    return a.title == b.title if leads is None else leads >= _OWN_LEAD


def compare(a: Wording, b: Wording) -> Match | None:
    """Whether two articles carry the same text, and why; symmetric. None when published more than WINDOW apart."""
    if abs(a.published_at - b.published_at) > WINDOW:
        return None
    if a.headline != b.headline and _cannot_share_lead(a, b) and _near(a.headline, b.headline, 0) is None:
        return None  # as all of the following would come to
    leads = lead_similarity(a, b)
    if _same_headline(a, b, leads):
        return Match(Reason.SAME_HEADLINE, 1.0)
    if leads is not None and (a.outlet != b.outlet or a.headline == b.headline):
        if a.agency and a.agency == b.agency and leads >= _WIRE_LEAD:
            return Match(Reason.SAME_WIRE, leads)
        if leads >= _SAME_LEAD:
            return Match(Reason.SAME_LEAD, leads)
    if a.headline != b.headline and (leads is None or leads >= _NEAR_LEAD):
        near = _near(a.headline, b.headline, _MIN_NEAR_UNSUPPORTED if leads is None else _MIN_NEAR_HEADLINE)
        if near is not None:
            return Match(Reason.NEAR_HEADLINE, near)
    return None


def forget() -> None:
    """Give up what is kept of texts that were compared, tens of megabytes: whoever has stored them all labels next."""
    for kept in (wording, _title_words, _pairs, _word_digest):
        kept.cache_clear()
