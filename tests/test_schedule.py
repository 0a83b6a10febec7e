"""schedule.py: when a feed is due next, from its history alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_coverage import schedule
from media_coverage.records import Attempt, FeedHistory, FeedState, FetchOutcome
from media_coverage.schedule import (
    LONGEST_BACKOFF,
    LONGEST_BACKOFF_HARD,
    LONGEST_FRESHNESS,
    LONGEST_INTERVAL,
    LONGEST_WAIT,
    MOVES_BELIEVED,
    SHORTEST_INTERVAL,
    USUAL_INTERVAL,
    Severity,
)

NOW = datetime(2026, 2, 3, 12, tzinfo=UTC)
URL = "https://press.example/world.xml"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FAILURES = [outcome for outcome in FetchOutcome if not outcome.succeeded and outcome.attempted]


def ok(at: datetime = NOW, seen: int | None = 15, entries: int = 30) -> Attempt:
    return Attempt(at, FetchOutcome.OK, 200, entries, seen)


def failed(outcome: FetchOutcome = FetchOutcome.TIMEOUT, at: datetime = NOW, status: int | None = None) -> Attempt:
    return Attempt(at, outcome, status)


def every(gap: timedelta, *seen: int | None) -> list[Attempt]:
    """Looks `gap` apart, the last one now, that found so many of 30 entries seen before."""
    return [ok(NOW - gap * (len(seen) - 1 - number), share) for number, share in enumerate(seen)]


def due(*attempts: Attempt, url: str = URL, now: datetime = NOW, host: datetime | None = None) -> schedule.Due:
    return schedule.due(url, FeedHistory(attempts, len(attempts)), now, host)


# ---------------------------------------------------------------------- Retry-After


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        pytest.param({"retry-after": "120"}, timedelta(minutes=2), id="seconds"),
        pytest.param({"retry-after": " 120 "}, timedelta(minutes=2), id="seconds with spaces"),
        pytest.param({"retry-after": "Tue, 03 Feb 2026 13:30:00 GMT"}, 1.5 * HOUR, id="date, by our clock"),
        pytest.param(
            {"retry-after": "Mon, 02 Feb 2026 09:05:00 GMT", "date": "Mon, 02 Feb 2026 09:00:00 GMT"},
            timedelta(minutes=5),
            id="date, by the server's clock, which is a day behind",
        ),
        pytest.param(
            {"retry-after": "Wed, 04 Feb 2026 12:05:00 GMT", "date": "Wed, 04 Feb 2026 12:00:00 GMT"},
            timedelta(minutes=5),
            id="date, by the server's clock, which is a day ahead",
        ),
        pytest.param({"retry-after": "Tuesday, 03-Feb-26 13:30:00 GMT"}, 1.5 * HOUR, id="date of RFC 850"),
        pytest.param({"retry-after": "Tue Feb  3 13:30:00 2026"}, 1.5 * HOUR, id="date of asctime"),
        pytest.param({"retry-after": "31536000"}, LONGEST_WAIT, id="a year, capped"),
        pytest.param({"retry-after": "9" * 400}, LONGEST_WAIT, id="beyond all numbers, capped"),
        pytest.param({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, LONGEST_WAIT, id="year 9999, capped"),
    ],
)
def test_retry_after_is_understood_in_both_forms(status: int, headers: dict[str, str], wait: timedelta) -> None:
    assert schedule.wait_until(status, headers, NOW) == NOW + wait


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        pytest.param(429, {}, schedule.WAIT_WITHOUT_A_TIME, id="429 gives no time"),
        pytest.param(429, {"retry-after": "soon"}, schedule.WAIT_WITHOUT_A_TIME, id="429 gives nonsense"),
        pytest.param(429, {"retry-after": "-5"}, schedule.WAIT_WITHOUT_A_TIME, id="429 gives a negative number"),
        pytest.param(429, {"retry-after": "0"}, None, id="429 gives zero"),
        pytest.param(429, {"retry-after": "Tue, 03 Feb 2026 11:00:00 GMT"}, None, id="429 gives a time gone by"),
        pytest.param(503, {}, None, id="503 gives no time"),
        pytest.param(503, {"retry-after": "1.5"}, None, id="503 gives a fraction"),
        pytest.param(503, {"retry-after": "Tue, 99 Feb 2026 12:00:00 GMT"}, None, id="503 gives no date"),
        pytest.param(200, {"retry-after": "120"}, None, id="other statuses do not count"),
        pytest.param(None, {}, None, id="no answer"),
    ],
)
def test_what_is_no_retry_after(status: int | None, headers: dict[str, str], wait: timedelta | None) -> None:
    assert schedule.wait_until(status, headers, NOW) == (None if wait is None else NOW + wait)


@given(status=st.sampled_from([429, 503]), value=st.text(), date=st.text())
def test_no_retry_after_breaks_anything_or_lasts_for_ever(status: int, value: str, date: str) -> None:
    until = schedule.wait_until(status, {"retry-after": value, "date": date}, NOW)
    assert until is None or NOW < until <= NOW + LONGEST_WAIT


@given(seconds=st.integers(1, int(LONGEST_WAIT.total_seconds())), skew=st.integers(-(10**7), 10**7))
def test_both_forms_of_retry_after_mean_the_same_whatever_the_servers_clock(seconds: int, skew: int) -> None:
    theirs = NOW + timedelta(seconds=skew)
    date = {"date": format_datetime(theirs, usegmt=True)}
    until = format_datetime(theirs + timedelta(seconds=seconds), usegmt=True)
    as_date = schedule.wait_until(503, {"retry-after": until} | date, NOW)
    assert as_date == schedule.wait_until(503, {"retry-after": str(seconds)} | date, NOW) is not None


# ---------------------------------------------------------------------- freshness


@pytest.mark.parametrize(
    ("headers", "publisher", "fresh", "by"),
    [
        pytest.param({"cache-control": "max-age=600"}, None, timedelta(minutes=10), "max-age=600", id="max-age"),
        pytest.param(
            {"cache-control": 'public, Max-Age="600"'}, None, timedelta(minutes=10), "max-age=600", id="as text"
        ),
        pytest.param(
            {"cache-control": "max-age=600", "age": "240"}, None, timedelta(minutes=6), "max-age", id="less its age"
        ),
        pytest.param(
            {"cache-control": "s-maxage=9, max-age=600"}, None, timedelta(minutes=10), "max-age", id="not s-maxage"
        ),
        pytest.param(
            {"expires": "Tue, 03 Feb 2026 14:00:00 GMT"}, None, 2 * HOUR, "Expires", id="Expires by our clock"
        ),
        pytest.param(
            {"expires": "Sun, 01 Feb 2026 09:20:00 GMT", "date": "Sun, 01 Feb 2026 09:00:00 GMT"},
            None,
            timedelta(minutes=20),
            "Expires",
            id="Expires by the server's clock",
        ),
        pytest.param(
            {"cache-control": "max-age=60", "expires": "Tue, 03 Feb 2026 14:00:00 GMT"},
            None,
            timedelta(minutes=1),
            "max-age",
            id="max-age before Expires",
        ),
        pytest.param({}, HOUR, HOUR, "document", id="the document"),
        pytest.param({"cache-control": "max-age=60"}, HOUR, HOUR, "document", id="the longer one"),
        pytest.param({"cache-control": "no-cache, max-age=600"}, HOUR, HOUR, "document", id="no-cache"),
        pytest.param({"cache-control": "max-age=31536000"}, None, LONGEST_FRESHNESS, "31536000", id="a year, capped"),
        pytest.param(
            {"cache-control": "max-age=" + "9" * 99}, None, LONGEST_FRESHNESS, "max-age", id="endless, capped"
        ),
        pytest.param({}, 60 * DAY, LONGEST_FRESHNESS, "document", id="monthly, capped"),
    ],
)
def test_an_answer_is_fresh_as_long_as_it_says(
    headers: dict[str, str], publisher: timedelta | None, fresh: timedelta, by: str
) -> None:
    found = schedule.fresh_until(headers, NOW, publisher)
    assert found is not None
    assert found[0] == NOW + fresh
    assert by in found[1]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"cache-control": "max-age=0"}, id="zero"),
        pytest.param({"cache-control": "max-age=600", "age": "600"}, id="as old as that"),
        pytest.param({"cache-control": "max-age=ten, max-age"}, id="nonsense"),
        pytest.param({"cache-control": "no-store", "expires": "Tue, 03 Feb 2026 14:00:00 GMT"}, id="no-store"),
        pytest.param({"expires": "0"}, id="Expires: 0"),
        pytest.param({"expires": "Tue, 03 Feb 2026 12:00:00 GMT"}, id="expires now"),
    ],
)
def test_an_answer_that_is_not_fresh(headers: dict[str, str]) -> None:
    assert schedule.fresh_until(headers, NOW) is None


@given(st.dictionaries(st.sampled_from(["cache-control", "expires", "age", "date"]), st.text()), st.timedeltas())
def test_no_header_breaks_freshness_or_makes_it_last_for_ever(headers: dict[str, str], publisher: timedelta) -> None:
    found = schedule.fresh_until(headers, NOW, publisher)
    assert found is None or NOW < found[0] <= NOW + LONGEST_FRESHNESS


# ---------------------------------------------------------------------- the interval


@pytest.mark.parametrize(
    ("gap", "seen", "interval"),
    [
        pytest.param(HOUR, [None], USUAL_INTERVAL, id="first look"),
        pytest.param(HOUR, [None, 30], 1.5 * HOUR, id="nothing new: later"),
        pytest.param(HOUR, [None, 21], 1.5 * HOUR, id="mostly known: later"),
        pytest.param(HOUR, [None, 20], HOUR, id="two thirds known: as before"),
        pytest.param(HOUR, [None, 10], HOUR, id="one third known: as before"),
        pytest.param(HOUR, [None, 9], HOUR / 2, id="mostly new: sooner"),
        pytest.param(HOUR, [None, 0], SHORTEST_INTERVAL, id="all new: as soon as may be"),
        pytest.param(HOUR, [None, 30, 30, 30], 1.5 * HOUR, id="polled hourly for other reasons: no evidence beyond"),
        pytest.param(timedelta(minutes=10), [None, 30], HOUR, id="polled more often than planned: no reason to slow"),
        pytest.param(timedelta(minutes=5), [None, 15], SHORTEST_INTERVAL, id="half new within five minutes"),
        pytest.param(3 * DAY, [None, 0], USUAL_INTERVAL, id="all new after an outage proves nothing"),
        pytest.param(20 * HOUR, [None, 30], LONGEST_INTERVAL, id="never longer than a day"),
    ],
)
def test_the_interval_follows_the_share_of_known_entries(
    gap: timedelta, seen: list[int | None], interval: timedelta
) -> None:
    assert schedule.interval_after(every(gap, *seen)) == interval


@pytest.mark.parametrize("outcome", [FetchOutcome.NOT_MODIFIED, FetchOutcome.UNCHANGED])
def test_an_unchanged_document_holds_nothing_new(outcome: FetchOutcome) -> None:
    attempts = [ok(NOW - HOUR, None), Attempt(NOW, outcome, 304)]
    assert schedule.interval_after(attempts) == 1.5 * HOUR


def test_failures_between_two_looks_do_not_count_as_looks() -> None:
    attempts = [ok(NOW - 2 * HOUR, None), failed(at=NOW - HOUR), ok(NOW, 21)]
    assert schedule.interval_after(attempts) == 3 * HOUR


@given(st.lists(st.tuples(st.integers(0, 10**6), st.none() | st.integers(0, 30)), max_size=60))
def test_the_interval_stays_within_its_bounds(looks: list[tuple[int, int | None]]) -> None:
    at, attempts = NOW, []
    for seconds, seen in looks:
        at += timedelta(seconds=seconds)
        attempts.append(ok(at, seen))
    assert SHORTEST_INTERVAL <= schedule.interval_after(attempts) <= LONGEST_INTERVAL


@pytest.mark.parametrize("per_hour", [0.5, 3, 20, 100])
def test_no_story_scrolls_off_at_a_steady_pace_and_a_slow_feed_is_left_alone(per_hour: float) -> None:
    """A feed of 30 entries, polled when due: after it has settled, two looks always overlap."""
    at, attempts = NOW, [ok(NOW, None)]
    for _ in range(80):
        due_at = schedule.due(URL, FeedHistory(tuple(attempts[-50:]), len(attempts)), at).at
        assert due_at is not None
        seen = max(0, 30 - round((due_at - at).total_seconds() / 3600 * per_hour))
        at = due_at
        attempts.append(ok(at, seen))
    settled = attempts[40:]
    assert all(attempt.seen_before for attempt in settled)
    gaps = [later.at - earlier.at for earlier, later in pairwise(settled)]
    fits_twice = timedelta(hours=30 / per_hour) / 2
    assert min(gaps) > min(fits_twice / 3, LONGEST_INTERVAL / 2)


def test_a_burst_after_a_quiet_time_shortens_the_interval_at_once() -> None:
    quiet = every(DAY, *[None, 30, 30])
    assert schedule.interval_after(quiet) == LONGEST_INTERVAL
    assert schedule.interval_after([*quiet, ok(NOW + DAY, 0)]) == SHORTEST_INTERVAL


# ---------------------------------------------------------------------- failures


@pytest.mark.parametrize(
    ("outcome", "status", "expected"),
    [
        (FetchOutcome.NOT_FOUND, 404, Severity.HARD),
        (FetchOutcome.REFUSED_ADDRESS, None, Severity.HARD),
        (FetchOutcome.BAD_REDIRECT, 302, Severity.HARD),
        (FetchOutcome.HTTP_ERROR, 400, Severity.HARD),
        (FetchOutcome.FORBIDDEN, 403, Severity.SOFT),
        (FetchOutcome.NOT_A_FEED, 200, Severity.SOFT),
        (FetchOutcome.EMPTY_BODY, 200, Severity.SOFT),
        (FetchOutcome.TLS_ERROR, None, Severity.SOFT),
        (FetchOutcome.HTTP_ERROR, 500, Severity.TEMPORARY),
        (FetchOutcome.HTTP_ERROR, 503, Severity.TEMPORARY),
        (FetchOutcome.RATE_LIMITED, 429, Severity.TEMPORARY),
        (FetchOutcome.DNS_ERROR, None, Severity.TEMPORARY),
        (FetchOutcome.TIMEOUT, None, Severity.TEMPORARY),
    ],
)
def test_failures_have_classes(outcome: FetchOutcome, status: int | None, expected: Severity) -> None:
    assert schedule.severity(failed(outcome, status=status)) is expected
    assert [severity.value for severity in Severity] == [1.0, 0.5, 0.25]


@pytest.mark.parametrize(
    ("outcome", "hours"),
    [
        pytest.param(FetchOutcome.TIMEOUT, [1.25, 1.5, 1.75, 2], id="temporary: linear"),
        pytest.param(FetchOutcome.FORBIDDEN, [2**0.5, 2, 2**1.5, 4], id="soft: doubled by two"),
        pytest.param(FetchOutcome.BAD_REDIRECT, [2, 4, 8, 16], id="hard: doubled by each"),
        pytest.param(FetchOutcome.NOT_FOUND, [6, 12, 24, 48], id="not found: long"),
    ],
)
def test_failures_in_a_row_back_off(outcome: FetchOutcome, hours: list[float]) -> None:
    waits = [schedule.backoff(USUAL_INTERVAL, [failed(outcome)] * times) for times in (1, 2, 3, 4)]
    assert [wait / HOUR for wait in waits] == pytest.approx(hours)


@pytest.mark.parametrize("outcome", FAILURES)
def test_a_failing_feed_is_asked_again_for_ever(outcome: FetchOutcome) -> None:
    waits = [schedule.backoff(DAY, [failed(outcome)] * times) for times in (1, 5, 50, 5000)]
    assert waits == sorted(waits)
    cap = LONGEST_BACKOFF_HARD if schedule.severity(failed(outcome)) is Severity.HARD else LONGEST_BACKOFF
    assert waits[-1] == cap


def test_a_slow_feed_is_tried_again_sooner_than_its_interval_after_a_failure() -> None:
    slow = every(DAY, None, 30, 30)
    assert schedule.backoff(schedule.interval_after(slow), [failed()]) == 1.25 * HOUR


def test_a_success_ends_the_backing_off() -> None:
    failing = [failed(at=NOW - (5 - n) * HOUR) for n in range(5)]
    assert due(*failing, ok()).reason.startswith("At 2026-02-03 12:00 UTC 15 of 30")
    assert "5 times in a row, since 2026-02-03 07:00 UTC" in due(*failing).reason


# ---------------------------------------------------------------------- due


def test_a_feed_never_asked_is_due() -> None:
    found = due()
    assert found.is_over(NOW)
    assert found.reason == "It has never been asked."


def test_a_feed_that_is_gone_is_never_due_and_says_what_to_do() -> None:
    found = schedule.due(URL, FeedHistory((ok(),), 1, off_since=NOW), NOW)
    assert found.at is None
    assert not found.is_over(NOW + 999 * DAY)
    assert "410" in found.reason
    assert f"media-coverage feeds on {URL}" in found.reason


def test_the_interval_is_spread_by_up_to_a_tenth_the_same_way_each_time() -> None:
    waits = [due(ok(seen=None), url=f"{URL}?{number}").at for number in range(200)]
    assert all(wait is not None and HOUR <= wait - NOW < 1.1 * HOUR for wait in waits)
    assert len(set(waits)) > 190
    assert waits == [due(ok(seen=None), url=f"{URL}?{number}").at for number in range(200)]
    assert due(ok(NOW - HOUR, None), ok(NOW, 15)).at != due(ok(NOW, 15)).at


@pytest.mark.parametrize(
    ("attempt", "at_least", "says"),
    [
        pytest.param(
            replace(ok(), fresh_until=NOW + 5 * HOUR, fresh_by="Cache-Control: max-age=18000"),
            5 * HOUR,
            "its publisher calls the answer fresh (Cache-Control: max-age=18000)",
            id="the publisher's floor",
        ),
        pytest.param(
            replace(failed(FetchOutcome.RATE_LIMITED, status=429), wait_until=NOW + 4 * HOUR),
            4 * HOUR,
            "Not before 2026-02-03 16:00 UTC: the server asked to be left alone until then",
            id="Retry-After",
        ),
        pytest.param(
            replace(failed(FetchOutcome.RATE_LIMITED, status=429), wait_until=NOW + timedelta(minutes=1)),
            1.25 * HOUR,
            "That is a temporary failure",
            id="a short Retry-After ends no back-off",
        ),
        pytest.param(replace(ok(), fresh_until=NOW + HOUR / 2, fresh_by="x"), HOUR, "every 1 h", id="a low floor"),
    ],
)
def test_the_latest_of_all_wishes_counts(attempt: Attempt, at_least: timedelta, says: str) -> None:
    found = due(attempt)
    assert found.at is not None
    assert NOW + at_least <= found.at <= NOW + at_least * 1.1
    assert says in found.reason


def test_a_host_that_asked_to_be_left_alone_is_left_alone_by_all_its_feeds() -> None:
    found = due(ok(NOW - 2 * HOUR), host=NOW + HOUR)
    assert found.at == NOW + HOUR
    assert "its host asked to be left alone" in found.reason
    assert due(host=NOW + HOUR).at == NOW + HOUR
    assert due(ok(NOW - 2 * HOUR), host=NOW - HOUR).is_over(NOW)
    assert due(ok(), host=NOW + timedelta(minutes=1)) == due(ok())


def test_stories_that_may_be_lost_are_mentioned() -> None:
    assert "may have scrolled off" in due(*every(HOUR, None, 0)).reason
    assert "may have scrolled off" not in due(*every(HOUR, None, 1)).reason


attempts = st.builds(
    Attempt,
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 2, 3)).map(lambda time: time.replace(tzinfo=UTC)),  # noqa: DTZ001
    st.sampled_from([outcome for outcome in FetchOutcome if outcome.attempted]),
    st.none() | st.sampled_from([200, 304, 404, 500]),
    st.integers(0, 50),
    st.none() | st.integers(0, 50),
)


@given(st.lists(attempts, min_size=1, max_size=60))
def test_whatever_has_happened_a_feed_is_due_within_its_bounds_with_a_reason(history: list[Attempt]) -> None:
    history.sort(key=lambda attempt: attempt.at)
    found = due(*history)
    assert found.at is not None
    last = history[-1].at
    assert last + SHORTEST_INTERVAL <= found.at <= last + LONGEST_BACKOFF_HARD * 1.1
    assert found.reason.endswith((".", "unseen."))
    assert found == due(*history)


# ---------------------------------------------------------------------- lying 304s

VALIDATORS = FeedState('"v1"', "yesterday")
UNCHANGED = Attempt(NOW - HOUR, FetchOutcome.NOT_MODIFIED, 304)


@pytest.mark.parametrize(
    ("state", "attempts", "full_at", "conditional"),
    [
        pytest.param(FeedState(), (), None, False, id="nothing to send"),
        pytest.param(VALIDATORS, (ok(),), NOW - 3 * DAY, True, id="no 304 to distrust"),
        pytest.param(VALIDATORS, (UNCHANGED,), NOW - 23 * HOUR, True, id="304s for less than a day"),
        pytest.param(VALIDATORS, (UNCHANGED,), NOW - DAY, False, id="304s for a day"),
        pytest.param(VALIDATORS, (UNCHANGED,), None, False, id="304s, and nobody knows since when"),
        pytest.param(VALIDATORS, (UNCHANGED, failed()), NOW - DAY, False, id="a failure in between changes nothing"),
        pytest.param(FeedState(etag='"v1"'), (UNCHANGED,), NOW - HOUR, True, id="one validator is enough"),
        pytest.param(
            VALIDATORS, (replace(ok(), lying_304=True), UNCHANGED), NOW - HOUR, False, id="a proven liar is not asked"
        ),
    ],
)
def test_once_a_day_a_304_is_not_believed(
    state: FeedState, attempts: tuple[Attempt, ...], full_at: datetime | None, conditional: bool
) -> None:
    assert schedule.ask_conditionally(state, FeedHistory(attempts, 9, full_at), NOW) is conditional


# ---------------------------------------------------------------------- moves

NEW = "https://press.example/new.xml"


def moved(target: str | None = NEW, seen: int | None = 20, **more: object) -> Attempt:
    return replace(ok(seen=seen), moved_to=target, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("attempts", "target"),
    [
        pytest.param([moved()] * 2, None, id="twice is not enough"),
        pytest.param([moved()] * 3, NEW, id="three times"),
        pytest.param([ok(), *[moved()] * 3], NEW, id="three times after none"),
        pytest.param([moved()] * 4, None, id="decided at the third time, not again"),
        pytest.param([*[moved()] * 3, failed()], None, id="nor when no answer comes after it"),
        pytest.param([moved(), moved(None), moved(), moved()], None, id="interrupted"),
        pytest.param([moved(), moved("https://other.example/"), moved(), moved()], None, id="elsewhere in between"),
        pytest.param([moved(), moved(), failed(), moved()], NEW, id="no answer in between does not count"),
        pytest.param(
            [moved(), moved(), moved(outcome=FetchOutcome.NOT_A_FEED)], None, id="a page that is no feed, at the end"
        ),
        pytest.param([moved(outcome=FetchOutcome.NOT_A_FEED), moved(), moved()], None, id="no feed, at first"),
        pytest.param([moved(seen=0), moved(seen=30), moved(seen=30)], None, id="another feed"),
        pytest.param([moved(seen=None), moved(), moved()], NEW, id="nothing to compare: moved before we came"),
        pytest.param([moved(outcome=FetchOutcome.NOT_MODIFIED, seen=None)] * 3, NEW, id="not modified there"),
        pytest.param([moved(outcome=FetchOutcome.UNCHANGED, seen=None)] * 3, NEW, id="the same bytes there"),
        pytest.param([ok()] * 3, None, id="never moved"),
        pytest.param([], None, id="never asked"),
    ],
)
def test_a_feed_has_moved_after_three_same_answers(attempts: list[Attempt], target: str | None) -> None:
    assert MOVES_BELIEVED == 3
    assert schedule.settled_move(attempts) == target


def test_an_address_that_keeps_failing_after_a_move_is_given_up() -> None:
    then = NOW - HOUR
    assert not schedule.should_go_back([failed(), failed()], then)
    assert schedule.should_go_back([ok(), failed(), failed(), failed()], then)
    assert not schedule.should_go_back([failed(), failed(), failed(), ok()], then)
    assert not schedule.should_go_back([failed(at=then - HOUR), failed(), failed()], then)


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=45), "45 s"),
        (timedelta(minutes=10), "10 min"),
        (1.5 * HOUR, "1 h 30 min"),
        (2 * DAY + timedelta(minutes=3, seconds=9), "2 d 3 min"),
    ],
)
def test_lengths_of_time_in_words(length: timedelta, words: str) -> None:
    assert schedule.in_words(length) == words
