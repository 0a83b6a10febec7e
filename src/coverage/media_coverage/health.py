"""How each feed is doing, and whether anything is being collected at all: (record, now) → words. Pure.

A line in a report dips when the press goes quiet, and also when the collection does. The words here tell the two apart:
what a feed is (`Word`, one order of severity), since when, and what to do about it. They are judged from what is stored
of its attempts and its articles. All times are aware UTC.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise, takewhile
from textwrap import shorten
from typing import TYPE_CHECKING

from . import schedule
from .errors import ExitCode
from .records import FetchOutcome
from .schedule import in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .records import Attempt, FeedRecord, Listed

OVERDUE = timedelta(hours=36)
"""How much later than due a feed may be asked: collections that run once a day, and a night's delay, are all right."""

STANDSTILL = timedelta(hours=36)
"""After so long without a good answer of any feed, or without the end of a run, nothing is being collected."""

BELIEVED_FAILURES = 3
BELIEVED_FAILING = timedelta(days=1)
"""A failure is believed after so many in a row or after so long: servers restart, and the next attempt finds them."""

DEAD_AFTER = timedelta(days=3)
"""For answers that say that nothing is there: longer than a weekend in which nobody mends a server."""

DEAD_AFTER_ANY = timedelta(days=14)
"""For every other failure: whatever a feed says, by now it has lost more than most feeds list."""

LEAST_SILENCE = timedelta(days=3)
"""No feed is quiet sooner: many newsrooms rest from Friday evening to Monday, and longer at holidays."""

SILENCE_UNKNOWN = timedelta(days=14)
"""When a feed whose pace is not known is quiet."""

LEAST_GAPS = 5
"""With fewer gaps between its articles, the pace of a feed is not known."""

USUAL_SHARE = 0.9
"""The share of a feed's gaps that its usual one is not exceeded by: nights and weekends are in it, a strike is not."""

SILENCE_GAPS = 2.0
"""So many times its usual gap, and a feed is quiet."""

LOOKS = 10
LOSSES = 2
"""So many of so many last looks found nothing known, and a feed is losing; one alone may have followed an outage."""

LONGEST_DETAIL = 160
"""Characters of a server's answer in a sentence."""


class Word(StrEnum):
    """What a feed is, worst first: of several that apply, the first counts."""

    STALE = "stale"
    """It has not been asked although it was due: the collection stands still, and all else known of it is old."""
    DEAD = "dead"
    """Off, or nothing has been there for days."""
    BLOCKED = "blocked"
    """Its server refuses us: 401, 403, 429, a challenge page, or a host that wants to be left alone."""
    FAILING = "failing"
    """Other failures."""
    LOSING = "losing"
    """Stories scroll off between two looks."""
    LYING_304 = "lying_304"
    """Its server has said that nothing changed when something had."""
    QUIET = "quiet"
    """It answers well and has had nothing new for longer than is usual for it."""
    MOVED = "moved"
    """It has another address than feeds.yaml says."""
    NEW = "new"
    """It has never been asked."""
    FINE = "fine"

    @property
    def calls(self) -> bool:
        """Does the collection miss something, so that a monitor should call somebody?"""
        return self not in {Word.QUIET, Word.MOVED, Word.NEW, Word.FINE}

    @property
    def words(self) -> str:
        """The word for readers."""
        return self.value.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is true of a feed: the word, since when, and a sentence that says what it is and what to do."""

    word: Word
    since: datetime | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """All facts about one feed, worst first; there is at least one."""

    url: str
    outlet: str
    facts: tuple[Fact, ...]

    @property
    def worst(self) -> Fact:
        """The fact that the feed is called after."""
        return self.facts[0]

    @property
    def word(self) -> Word:
        """The word of the worst fact."""
        return self.worst.word


@dataclass(frozen=True, slots=True)
class Health:
    """The verdicts on all feeds, worst first, and a sentence when nothing is being collected at all."""

    verdicts: tuple[Verdict, ...]
    standstill: str | None = None

    @property
    def line(self) -> str:
        """How many feeds have which word: "11 fine, 1 quiet, 2 blocked"."""
        counts = Counter(verdict.word for verdict in self.verdicts)
        return ", ".join(f"{counts[word]} {word.words}" for word in reversed(Word) if counts[word]) or "no feeds"

    @property
    def not_fine(self) -> tuple[Verdict, ...]:
        """The feeds that somebody should know about."""
        return tuple(verdict for verdict in self.verdicts if verdict.word not in {Word.FINE, Word.NEW})

    @property
    def exit_code(self) -> ExitCode:
        """For monitors: 3 nothing is being collected, 1 some feed misses something, 0 otherwise (docs/cron.md)."""
        if self.standstill:
            return ExitCode.NOTHING_WORKED
        calls = any(verdict.word.calls for verdict in self.verdicts)
        return ExitCode.SOME_FEEDS_FAILED if calls else ExitCode.OK


# ---------------------------------------------------------------------- words for sentences


def _when(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _detail(text: str | None) -> str:
    """What a server made of us in one printable line."""
    printable = "".join(character if character.isprintable() else " " for character in text or "")
    return shorten(printable, LONGEST_DETAIL, placeholder=" …")


def _says(attempt: Attempt) -> str:
    return _detail(attempt.error) or attempt.outcome.value.replace("_", " ")


# ---------------------------------------------------------------------- facts


_REFUSALS = frozenset({FetchOutcome.FORBIDDEN, FetchOutcome.RATE_LIMITED})
"""Challenge pages count as forbidden, whatever their status."""

_NOTHING_THERE = frozenset(
    {
        FetchOutcome.NOT_FOUND,
        FetchOutcome.GONE,
        FetchOutcome.NOT_A_FEED,
        FetchOutcome.EMPTY_BODY,
        FetchOutcome.BAD_REDIRECT,
        FetchOutcome.DNS_ERROR,
        FetchOutcome.REFUSED_ADDRESS,
    }
)


def _stale(record: FeedRecord, now: datetime) -> Fact | None:
    attempts = record.history.attempts
    due = schedule.due(record.url, record.history, now).at
    if not attempts or due is None:
        return None
    expected = max(due, record.held_back[1]) if record.held_back else due
    if now - expected <= OVERDUE:
        return None
    last = attempts[-1].at
    return Fact(
        Word.STALE,
        last,
        f"It was last asked at {_when(last)} although it has been due since {_when(expected)}: no run has come to it "
        "since, so see to cron and to the log of the last run.",
    )


def _failure(record: FeedRecord, now: datetime) -> Fact | None:  # noqa: ARG001 - all facts are found alike
    """Dead, blocked or failing: what the last failures in a row amount to."""
    history = record.history
    if history.off_since is not None:
        return Fact(
            Word.DEAD,
            history.off_since,
            f"It is off since {_when(history.off_since)}, when its server called it gone for good (410): correct its "
            f"address in feeds.yaml, remove it there, or ask again with `media-coverage feeds on {record.url}`.",
        )
    failures = list(takewhile(lambda attempt: not attempt.outcome.succeeded, reversed(history.attempts)))
    if not failures:
        return _held_back(record)
    last = failures[0]
    since = record.failing_since or failures[-1].at
    lasting = last.at - since
    if len(failures) < BELIEVED_FAILURES and lasting < BELIEVED_FAILING and record.last_success_at is not None:
        return None
    until = f"since {_when(since)}, last at {_when(last.at)}"
    if last.outcome in _REFUSALS:
        return Fact(
            Word.BLOCKED,
            since,
            f"Its server refuses us {until} ({_says(last)}): name a `contact` in feeds.yaml that its publisher can "
            "reach, ask it less often, or ask the publisher.",
        )
    if lasting >= (DEAD_AFTER if last.outcome in _NOTHING_THERE else DEAD_AFTER_ANY):
        return Fact(
            Word.DEAD,
            since,
            f"Every attempt has failed {until} ({_says(last)}): find its present address and correct feeds.yaml, or "
            "remove it there.",
        )
    return Fact(
        Word.FAILING,
        since,
        f"It fails {until} ({_says(last)}): it is asked again by itself; if this lasts, look at its address.",
    )


def _held_back(record: FeedRecord) -> Fact | None:
    if record.held_back is None or record.held_back[1] - record.held_back[0] < BELIEVED_FAILING:
        return None
    since = record.held_back[0]
    return Fact(
        Word.BLOCKED,
        since,
        f"Its host has wanted to be left alone since {_when(since)}, because of this or another of its feeds: list "
        "fewer feeds of this host, or ask them less often.",
    )


def _losing(record: FeedRecord, now: datetime) -> Fact | None:  # noqa: ARG001
    attempts = record.history.attempts
    compared = [attempt for attempt in attempts if attempt.outcome.succeeded and _is_compared(attempt)][-LOOKS:]
    lost = [attempt for attempt in compared if attempt.may_have_lost]
    if len(lost) < LOSSES:
        return None
    looks = [later.at - earlier.at for earlier, later in pairwise(attempts) if later in lost]
    apart = f", up to {in_words(max(looks))} apart" if looks else ""
    return Fact(
        Word.LOSING,
        lost[0].at,
        f"{len(lost)} of its last {len(compared)} answers held no entry of the one before, since {_when(lost[0].at)}: "
        f"stories scroll off between two looks{apart}, so run more often, best `media-coverage run --due` every ten "
        "minutes.",
    )


def _is_compared(attempt: Attempt) -> bool:
    return attempt.seen_before is not None or attempt.outcome in {FetchOutcome.NOT_MODIFIED, FetchOutcome.UNCHANGED}


def _lying(record: FeedRecord, now: datetime) -> Fact | None:  # noqa: ARG001
    lies = [attempt for attempt in record.history.attempts if attempt.lying_304]
    if not lies:
        return None
    return Fact(
        Word.LYING_304,
        lies[0].at,
        f"At {_when(lies[-1].at)} it had new entries that its server hid behind 304 (not modified): validators are not "
        "sent to it for now, and what it listed before may have come late or not at all.",
    )


def _quiet(record: FeedRecord, now: datetime) -> Fact | None:  # noqa: ARG001
    attempts, answered = record.history.attempts, record.last_success_at
    if not attempts or not attempts[-1].outcome.succeeded or answered is None:
        return None
    last, bearable = last_news(record), bearable_silence(record.listed)
    if last is None or answered - last <= bearable:
        return None
    pace = usual_gap(record.listed)
    usual = f"its usual gap is {in_words(pace)}" if pace else "its usual gap is not known yet"
    return Fact(
        Word.QUIET,
        last,
        f"It answers well and has had nothing new since {_when(last)} ({usual}): if the outlet still publishes, it may "
        "have another feed.",
    )


def _moved(record: FeedRecord, now: datetime) -> Fact | None:  # noqa: ARG001
    if record.address is None or record.address == record.url:
        return None
    return Fact(
        Word.MOVED,
        record.moved_at,
        f"It has moved for good to {_detail(record.address)} and is asked there: list that address in feeds.yaml.",
    )


_FINDERS: tuple[Callable[[FeedRecord, datetime], Fact | None], ...] = (
    _stale,
    _failure,
    _losing,
    _lying,
    _quiet,
    _moved,
)


def _fine(record: FeedRecord) -> Fact:
    if not record.history.attempts:
        return Fact(Word.NEW, None, "It has never been asked: `media-coverage run` asks it.")
    last, news = record.history.attempts[-1], last_news(record)
    newest = f"it last had something new at {_when(news)}" if record.listed and news else "it has listed nothing yet"
    if last.outcome.succeeded:
        return Fact(Word.FINE, None, f"It answered well at {_when(last.at)}; {newest}.")
    return Fact(
        Word.FINE, None, f"It failed at {_when(last.at)} ({_says(last)}), which is not worth a word yet; {newest}."
    )


# ---------------------------------------------------------------------- pace


def _published(listed: Iterable[Listed]) -> list[datetime]:
    # An announced article is no news before it is seen.
    return sorted({min(article.published_at, article.first_seen_at) for article in listed})


def usual_gap(listed: Iterable[Listed]) -> timedelta | None:
    """The gap between two articles that USUAL_SHARE of the gaps do not exceed (nearest rank); None for too few.

    Articles published at the same moment count once: undated ones get the time at which they were found together.
    """
    gaps = sorted(later - earlier for earlier, later in pairwise(_published(listed)))
    return gaps[math.ceil(USUAL_SHARE * len(gaps)) - 1] if len(gaps) >= LEAST_GAPS else None


def bearable_silence(listed: Iterable[Listed]) -> timedelta:
    """How long a feed may have nothing new before it is quiet: from its own pace, and never less than LEAST_SILENCE."""
    pace = usual_gap(listed)
    return SILENCE_UNKNOWN if pace is None else max(LEAST_SILENCE, SILENCE_GAPS * pace)


def last_news(record: FeedRecord) -> datetime | None:
    """When the feed last had something new: the first answer counts by its dates, later ones by when they came.

    For a feed that has never listed anything, when it first answered; None when it never did.
    """
    first = record.first_success_at
    if not record.listed or first is None:
        return first
    return max(
        article.first_seen_at if article.first_seen_at > first else min(article.published_at, article.first_seen_at)
        for article in record.listed
    )


# ---------------------------------------------------------------------- verdicts


def judge(record: FeedRecord, now: datetime) -> Verdict:
    """All that is to be said about a feed at `now`."""
    found = [fact for find in _FINDERS if (fact := find(record, now))]
    order = list(Word)
    facts = tuple(sorted(found, key=lambda fact: order.index(fact.word))) or (_fine(record),)
    return Verdict(record.url, record.outlet, facts)


def assess(records: Sequence[FeedRecord], last_finished_at: datetime | None, now: datetime) -> Health:
    """The health of all feeds at `now`; `last_finished_at` is when a run last came to its end."""
    order = list(Word)
    verdicts = [judge(record, now) for record in records]
    verdicts.sort(key=lambda verdict: (order.index(verdict.word), verdict.outlet, verdict.url))
    return Health(tuple(verdicts), _standstill(records, last_finished_at, now))


def _standstill(records: Sequence[FeedRecord], last_finished_at: datetime | None, now: datetime) -> str | None:
    asked = [record for record in records if record.history.attempts]
    on = [record for record in asked if record.history.off_since is None]
    answers = [record.last_success_at for record in asked if record.last_success_at]
    if not asked:
        return "Nothing has been collected yet: `media-coverage run` begins."
    if not answers:
        return "No feed has ever answered well: see to the network, and try `media-coverage feeds check`."
    if now - max(answers) > STANDSTILL:
        return (
            f"Nothing has been collected since {_when(max(answers))}, when a feed last answered well: see to cron, to "
            "the network and to the log of the last run."
        )
    if on and not any(record.history.attempts[-1].outcome.succeeded for record in on):
        return "Every feed failed when it was last asked: see to the network, and try `media-coverage feeds check`."
    if last_finished_at is None or now - last_finished_at > STANDSTILL:
        since = f"since {_when(last_finished_at)}" if last_finished_at else "yet"
        return f"No run has come to its end {since}, so that texts wait for labels: see to the log of the last run."
    return None
