"""When a feed is due next, and why: (history, now) → Due. Pure; the same history gives the same answer.

Three forces, the latest of which decides:
- the interval, which follows the share of entries that were seen before: where almost all were, the next look may
  come later; where few were, it must come sooner, before stories scroll off unseen. The rule, its thresholds and the
  weights of failures are those of MediaCloud's rss-fetcher (github.com/mediacloud/rss-fetcher); that the interval is
  measured from the gap between two looks, and not from the plan, is ours: a feed that is polled more often than
  planned must not be taken for a slow one;
- the publisher: Cache-Control, Expires (RFC 9111), RSS ttl and sy:updatePeriod say how long an answer is fresh;
- the host: Retry-After (RFC 9110, 10.2.3) on 429 and 503 says when it wants to be asked again.

Failures back off from the interval, never for ever. All times are aware UTC.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum
from itertools import takewhile
from typing import TYPE_CHECKING

from .records import FeedHistory, FetchOutcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .records import Attempt, FeedState

USUAL_INTERVAL = timedelta(hours=1)
SHORTEST_INTERVAL = timedelta(minutes=10)
LONGEST_INTERVAL = timedelta(hours=24)
MOSTLY_NEW, MOSTLY_KNOWN = 1 / 3, 2 / 3
MOST_JITTER = 0.1

LONGEST_FRESHNESS = timedelta(hours=24)
"""A cache lifetime of a year is a slip of a server's configuration."""
LONGEST_WAIT = timedelta(days=7)
WAIT_WITHOUT_A_TIME = timedelta(minutes=15)
"""How long a host is left alone after a 429 that gives no time."""

LONGEST_BACKOFF = timedelta(hours=24)
LONGEST_BACKOFF_HARD = timedelta(days=7)
BACKOFF_NOT_FOUND = timedelta(hours=3)
"""Doubled by the first 404: an address that is not there seldom returns within the hour."""

UNCONDITIONAL_EVERY = timedelta(days=1)
MOVES_BELIEVED = 3
"""So many same permanent redirects in a row, and the feed has moved."""
FAILURES_TO_GO_BACK = 3
"""So many failures in a row at an address it moved to, and the listed one is asked again."""

CLOCK_SLACK = timedelta(minutes=10)
"""An attempt that lies further ahead than this was made by a wrong clock, and nothing may wait for it."""

HISTORY = 50
"""Attempts that decide about the next; older ones have no influence left."""


class Severity(Enum):
    """Classes of failure and their weights, which add up until the next success."""

    HARD = 1.0
    SOFT = 0.5
    TEMPORARY = 0.25


_SEVERITY = {
    FetchOutcome.NOT_FOUND: Severity.HARD,
    FetchOutcome.GONE: Severity.HARD,
    FetchOutcome.BAD_REDIRECT: Severity.HARD,
    FetchOutcome.REFUSED_ADDRESS: Severity.HARD,
    FetchOutcome.TIMEOUT: Severity.TEMPORARY,
    FetchOutcome.DNS_ERROR: Severity.TEMPORARY,
    FetchOutcome.CONNECT_ERROR: Severity.TEMPORARY,
    FetchOutcome.PROTOCOL_ERROR: Severity.TEMPORARY,
    FetchOutcome.RATE_LIMITED: Severity.TEMPORARY,
}
"""What is missing here is soft: the feed may come back, but not because we ask again at once."""

_TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Due:
    """When a feed is to be asked next, in sentences why, and the interval behind it. `at` is None when it is off."""

    at: datetime | None
    reason: str
    interval: timedelta = USUAL_INTERVAL

    def is_over(self, now: datetime) -> bool:
        """Has the time come?"""
        return self.at is not None and self.at <= now


# ---------------------------------------------------------------------- what an answer says


def _http_date(text: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    # "-0000" says that the zone is unknown; HTTP dates are always GMT.
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)


def _delta_seconds(text: str) -> timedelta | None:
    text = text.strip().strip('"')
    if not re.fullmatch(r"[0-9]+", text):
        return None
    return timedelta(seconds=int(text[:10]))  # ten digits are three centuries


def wait_until(status: int | None, headers: Mapping[str, str], now: datetime) -> datetime | None:
    """Until when the answering host is to be left alone; None when it did not ask for that.

    `headers` has lower-case names. A date is read relative to the answer's own Date, so a wrong clock on either side
    does no harm. At most LONGEST_WAIT.
    """
    if status not in {429, 503}:
        return None
    text = headers.get("retry-after", "")
    wait = _delta_seconds(text)
    if wait is None and (until := _http_date(text)):
        wait = until - (_http_date(headers.get("date")) or now)
    if wait is None:
        return now + WAIT_WITHOUT_A_TIME if status == 429 else None
    return now + min(wait, LONGEST_WAIT) if wait > timedelta(0) else None


def _directives(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.lower().split(","))
    return {name.strip(): value for name, _, value in pairs}


def fresh_until(
    headers: Mapping[str, str], now: datetime, publisher: timedelta | None = None
) -> tuple[datetime, str] | None:
    """How long the answer may be taken for fresh, and by what it says so: Cache-Control, else Expires (RFC 9111).

    `publisher` is what the document itself says (ttl, sy:updatePeriod); the longer one counts. None when nothing is
    said or the time is over. At most LONGEST_FRESHNESS.
    """
    found: list[tuple[timedelta, str]] = []
    control = _directives(headers.get("cache-control", ""))
    lifetime = _delta_seconds(control.get("max-age", ""))
    if control.keys() & {"no-cache", "no-store"}:
        pass
    elif lifetime is not None:
        age = _delta_seconds(headers.get("age", "")) or timedelta(0)
        found.append((lifetime - age, f"Cache-Control: max-age={int(lifetime.total_seconds())}"))
    elif expires := _http_date(headers.get("expires")):
        found.append((expires - (_http_date(headers.get("date")) or now), f"Expires: {headers['expires']}"))
    if publisher:
        found.append((publisher, "the document's own update interval"))
    longest = max(found, default=None)
    if longest is None or longest[0] <= timedelta(0):
        return None
    return now + min(longest[0], LONGEST_FRESHNESS), longest[1]


# ---------------------------------------------------------------------- what the history says


def severity(attempt: Attempt) -> Severity:
    """The class of a failed attempt."""
    if attempt.outcome is FetchOutcome.HTTP_ERROR:
        return Severity.TEMPORARY if attempt.status in _TRANSIENT_STATUSES else Severity.HARD
    return _SEVERITY.get(attempt.outcome, Severity.SOFT)


def _share_seen(attempt: Attempt) -> float | None:
    if attempt.outcome in {FetchOutcome.NOT_MODIFIED, FetchOutcome.UNCHANGED}:
        return 1.0
    if attempt.seen_before is None or not attempt.entries:
        return None
    return attempt.seen_before / attempt.entries


def _next_interval(interval: timedelta, gap: timedelta, share: float) -> timedelta:
    """The interval after a look that came `gap` after the last and found that share of entries seen before."""
    if share == 0:
        # All new: something has been missed. After an outage that proves nothing about the usual pace.
        interval = SHORTEST_INTERVAL if gap <= 2 * interval else interval
    elif share < MOSTLY_NEW:
        interval = min(interval, gap / 2)
    elif share <= MOSTLY_KNOWN:
        interval = interval if interval <= gap <= interval * (1 + MOST_JITTER) else gap
    else:
        interval = max(interval, gap * 1.5)
    return min(max(interval, SHORTEST_INTERVAL), LONGEST_INTERVAL)


def interval_after(attempts: Sequence[Attempt]) -> timedelta:
    """The interval at which a feed should be polled, from its attempts, oldest first."""
    interval = USUAL_INTERVAL
    last: datetime | None = None
    for attempt in attempts:
        if not attempt.outcome.succeeded:
            continue
        share = _share_seen(attempt)
        if last is not None and share is not None:
            interval = _next_interval(interval, attempt.at - last, share)
        last = attempt.at
    return interval


def backoff(interval: timedelta, failures: Sequence[Attempt]) -> timedelta:
    """How long to wait after `failures` in a row, oldest first: linear when temporary, otherwise exponential."""
    score = sum(severity(failure).value for failure in failures)
    start = min(interval, USUAL_INTERVAL)
    last = failures[-1]
    if last.outcome is FetchOutcome.NOT_FOUND:
        start = BACKOFF_NOT_FOUND
    if severity(last) is Severity.TEMPORARY:
        return min(start * (1 + score), LONGEST_BACKOFF)
    cap = LONGEST_BACKOFF_HARD if severity(last) is Severity.HARD else LONGEST_BACKOFF
    return min(start * 2 ** min(score, 16), cap)


def jitter(url: str, number: int) -> float:
    """A share in [0, MOST_JITTER) by which to come later, from the feed and the number of its attempts alone.

    It spreads feeds that would otherwise be asked in the same minute for ever, and a replay gives the same times.
    """
    digest = hashlib.sha256(f"{url} {number}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 * MOST_JITTER


def due(url: str, history: FeedHistory, now: datetime, host_wait_until: datetime | None = None) -> Due:
    """When the feed at `url` is to be asked next. `host_wait_until` is when its host may be asked at all."""
    if history.off_since is not None:
        return Due(
            None,
            f"It is off: on {_when(history.off_since)} the server said that it is gone for good (410). Correct its "
            f"address in feeds.yaml, remove it there, or ask again with `media-coverage feeds on {url}`.",
        )
    if not history.attempts:
        return _held(Due(now, "It has never been asked."), host_wait_until, now)
    last = history.attempts[-1]
    interval = interval_after(history.attempts)
    failures = list(takewhile(lambda attempt: not attempt.outcome.succeeded, reversed(history.attempts)))[::-1]
    wait = backoff(interval, failures) if failures else interval
    spread = jitter(url, history.total)
    at = last.at + wait * (1 + spread)
    reasons = [_after_failures(failures, wait) if failures else _after_success(history.attempts, wait)]
    if last.fresh_until and last.fresh_until > at:
        at = last.fresh_until
        reasons.append(f"Not before {_when(at)}: until then its publisher calls the answer fresh ({last.fresh_by}).")
    if last.wait_until and last.wait_until > last.at:
        asked = last.wait_until + (last.wait_until - last.at) * spread
        if asked > at:
            at = asked
            reasons.append(f"Not before {_when(last.wait_until)}: the server asked to be left alone until then.")
    return _held(Due(at, " ".join(reasons), interval), host_wait_until, now)


def _held(found: Due, host_wait_until: datetime | None, now: datetime) -> Due:
    if host_wait_until is None or host_wait_until <= now or (found.at and found.at >= host_wait_until):
        return found
    note = f"Not before {_when(host_wait_until)}: its host asked to be left alone until then."
    return Due(host_wait_until, f"{found.reason} {note}", found.interval)


def ask_conditionally(state: FeedState, history: FeedHistory, now: datetime) -> bool:
    """Should the validators be sent? Not once a day where 304s came since the last whole document: they may be lies.

    And not at all while one of the last answers has proved that they are.
    """
    if not (state.etag or state.last_modified):
        return False
    if any(attempt.lying_304 for attempt in history.attempts):
        return False
    last = next((attempt for attempt in reversed(history.attempts) if attempt.outcome.succeeded), None)
    if last is None or last.outcome is not FetchOutcome.NOT_MODIFIED:
        return True
    return history.full_at is not None and abs(now - history.full_at) < UNCONDITIONAL_EVERY


def settled_move(attempts: Sequence[Attempt]) -> str | None:
    """Where a feed has moved for good, decided at the MOVES_BELIEVED-th same permanent redirect in a row.

    Each must have led to a readable feed, and the first to entries that were known from before the move: a
    maintenance page or somebody else's feed is no new address. Attempts that got no answer do not count. Only
    permanent redirects get here, and none that leaves TLS.
    """
    target = attempts[-1].moved_to if attempts else None
    if target is None:
        return None
    answers = [attempt for attempt in attempts if attempt.status is not None]
    same = list(takewhile(lambda answer: answer.moved_to == target, reversed(answers)))
    first = same[-1]
    known = first.seen_before is None or first.seen_before > 0 or _share_seen(first) == 1.0
    return target if len(same) == MOVES_BELIEVED and known and all(a.outcome.succeeded for a in same) else None


def should_go_back(attempts: Sequence[Attempt], moved_at: datetime) -> bool:
    """Has the address that a feed moved to at `moved_at` failed so often that the listed one should be asked?"""
    since = [attempt for attempt in attempts if attempt.at > moved_at][-FAILURES_TO_GO_BACK:]
    return len(since) == FAILURES_TO_GO_BACK and not any(attempt.outcome.succeeded for attempt in since)


# ---------------------------------------------------------------------- sentences


def _when(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


def in_words(length: timedelta) -> str:
    """A length of time for readers: "1 h 30 min", "2 d", "45 s"."""
    seconds = round(length.total_seconds())
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def _after_success(attempts: Sequence[Attempt], interval: timedelta) -> str:
    last = attempts[-1]
    share = _share_seen(last)
    if last.outcome is FetchOutcome.NOT_MODIFIED:
        found = "nothing had changed (304)"
    elif last.outcome is FetchOutcome.UNCHANGED:
        found = "the same bytes came as before"
    elif share is None:
        found = f"{last.entries} entries came"
    else:
        found = f"{last.seen_before} of {last.entries} entries had been seen before"
    sentence = f"At {_when(last.at)} {found}; it is asked every {in_words(interval)}."
    if share == 0:
        return f"{sentence} None had been seen before: stories may have scrolled off unseen."
    return sentence


def _after_failures(failures: Sequence[Attempt], wait: timedelta) -> str:
    last, first = failures[-1], failures[0]
    why = f" ({last.error})" if last.error else ""
    times = "once" if len(failures) == 1 else f"{len(failures)} times in a row, since {_when(first.at)}"
    return (
        f"It failed {times}, last at {_when(last.at)}: {last.outcome.value}{why}. "
        f"That is a {severity(last).name.lower()} failure; the next try comes after {in_words(wait)}."
    )
