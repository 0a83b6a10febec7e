"""What each feed is, in a word; what was collected on each day; and how reports and `status` show both."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from conftest import FakeClassifier, config_text, make_config, model_info, rss
from feedserver import Response
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from media_coverage import aggregate, charts, demo, health, pipeline, report
from media_coverage.errors import ExitCode, StoreError
from media_coverage.health import Word
from media_coverage.identity import identify, outlets_by_name_and_host
from media_coverage.records import (
    Attempt,
    Entry,
    FeedHistory,
    FeedRecord,
    Fetched,
    FetchOutcome,
    Listed,
    ParsedFeed,
)
from media_coverage.schedule import MOVES_BELIEVED
from media_coverage.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from conftest import Result
    from feedserver import FeedServer

    from media_coverage.config import Config
    from media_coverage.store import Store

NOW = datetime(2026, 2, 2, 12, tzinfo=UTC)  # a Monday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
End = FetchOutcome

CONFIG = make_config("https://press.example", {name: [f"/{name.lower()}.xml"] for name in ("Ledger", "Post", "Wire")})
LEDGER, POST, WIRE = CONFIG.feeds


# ---------------------------------------------------------------------- builders


def news(number: int, published: datetime = NOW, outlet: str = "ledger") -> Entry:
    """An on-topic entry; those with even numbers carry the first frame."""
    mood = "hope" if number % 2 == 0 else "betrayal"
    title = f"Trump and Putin at number {number} of {outlet}: {mood}"
    return Entry(title, "One sentence.", link=f"https://{outlet}.example/{number}", published=published)


def ask(store: Store, run_id: int, feed: Any, at: datetime, what: Any, **more: Any) -> None:
    """One attempt: `what` is an outcome, or the entries of a full answer."""
    outcome, entries = (what, ()) if isinstance(what, FetchOutcome) else (End.OK, tuple(what))
    status = 200 if outcome.succeeded else None
    fetched = replace(Fetched(feed, outcome, at, elapsed_ms=7, status=status, final_url=feed.url), **more)
    if outcome is not End.OK:
        error = None if outcome.succeeded else "it said no"
        store.record(run_id, replace(fetched, error=error), None, ())
        return
    known = outlets_by_name_and_host(CONFIG.feeds)
    listed = identify(feed, entries, at, known, lambda _title, _summary: ("en", "declared"))
    store.record(run_id, fetched, ParsedFeed("x", "rss20", "en", entries), listed)


def collect(store: Store, at: datetime, answers: dict[Any, Any], config: Config = CONFIG) -> None:
    """A whole run at `at`, with these answers in place of the network."""
    run_id = store.begin_run(config, model_info(), at)
    for feed, what in answers.items():
        ask(store, run_id, feed, at, what)
    pipeline.apply_gate(store, config.query, "en")
    pipeline.apply_labels(store, run_id, FakeClassifier())
    pipeline.apply_aggregates(store)
    pipeline.apply_health(store, at)
    store.end_run(run_id, "finished", 0, at)


def judged(store: Store, now: datetime, feed: Any = LEDGER) -> health.Verdict:
    (record,) = [record for record in store.feed_records(now) if record.url == feed.url]
    return health.judge(record, now)


def words(verdict: health.Verdict) -> list[str]:
    return [fact.word.value for fact in verdict.facts]


# ---------------------------------------------------------------------- each word, through the real store

Steps = list[tuple[timedelta, Any]]


def every(step: timedelta, count: int, what: Any, start: timedelta = timedelta(0)) -> Steps:
    return [(start + step * number, what) for number in range(count)]


STARTED: Steps = [(timedelta(0), [news(1)])]

HISTORIES: dict[str, tuple[Steps, timedelta, str, timedelta | None]] = {
    "never asked": ([], HOUR, "new", None),
    "held back before it was ever asked": ([(timedelta(0), End.HELD_BACK)], HOUR, "new", None),
    "answered": (STARTED, HOUR, "fine", None),
    "answered with 304 since": (STARTED + every(HOUR, 5, End.NOT_MODIFIED, HOUR), 6 * HOUR, "fine", None),
    "failed once after it had answered": ([*STARTED, (HOUR, End.TIMEOUT)], 2 * HOUR, "fine", None),
    "failed three times": (STARTED + every(HOUR, 3, End.TIMEOUT, HOUR), 4 * HOUR, "failing", HOUR),
    "failed twice within a day": (STARTED + every(DAY, 2, End.HTTP_ERROR, HOUR), 26 * HOUR, "failing", HOUR),
    "has never answered": ([(timedelta(0), End.NOT_A_FEED)], HOUR, "failing", timedelta(0)),
    "failed and recovered": (
        [*STARTED, *every(HOUR, 9, End.TIMEOUT, HOUR), (10 * HOUR, [news(1), news(2)])],
        11 * HOUR,
        "fine",
        None,
    ),
    "refused": (STARTED + every(HOUR, 3, End.FORBIDDEN, HOUR), 4 * HOUR, "blocked", HOUR),
    "too often": ([(timedelta(0), End.RATE_LIMITED)], HOUR, "blocked", timedelta(0)),
    "refused for weeks": (STARTED + every(DAY, 20, End.FORBIDDEN, DAY), 20 * DAY, "blocked", DAY),
    "its host wants to be left alone": (STARTED + every(6 * HOUR, 9, End.HELD_BACK, DAY), 3 * DAY, "blocked", DAY),
    "left alone for some hours": (STARTED + every(HOUR, 9, End.HELD_BACK, DAY), 33 * HOUR, "fine", None),
    "not found for a day": (STARTED + every(6 * HOUR, 4, End.NOT_FOUND, HOUR), DAY, "failing", HOUR),
    "not found for days": (STARTED + every(12 * HOUR, 7, End.NOT_FOUND, HOUR), 74 * HOUR, "dead", HOUR),
    "no such host for days": (STARTED + every(12 * HOUR, 7, End.DNS_ERROR, HOUR), 74 * HOUR, "dead", HOUR),
    "not a feed for days": (STARTED + every(12 * HOUR, 7, End.NOT_A_FEED, HOUR), 74 * HOUR, "dead", HOUR),
    "more failures than are kept": (STARTED + every(HOUR, 75, End.NOT_FOUND, HOUR), 76 * HOUR, "dead", HOUR),
    "slow for days": (STARTED + every(12 * HOUR, 7, End.TIMEOUT, HOUR), 74 * HOUR, "failing", HOUR),
    "slow for weeks": (STARTED + every(DAY, 15, End.TIMEOUT, HOUR), 14 * DAY + HOUR, "dead", HOUR),
    "called gone": ([*STARTED, (HOUR, End.GONE)], 9 * DAY, "dead", HOUR),
    "not asked for days": (STARTED, 4 * DAY, "stale", timedelta(0)),
    "failing and not asked for days": (STARTED + every(HOUR, 4, End.TIMEOUT, HOUR), 9 * DAY, "stale", 4 * HOUR),
    "the deadline always came first": (
        STARTED + every(HOUR, 90, End.NOT_REACHED, HOUR),
        4 * DAY,
        "stale",
        timedelta(0),
    ),
    "no entry twice": (
        [(n * HOUR, [news(10 * n + k, NOW + n * HOUR) for k in range(3)]) for n in range(4)],
        4 * HOUR,
        "losing",
        HOUR,
    ),
    "all new once, after an outage": (
        [*STARTED, (2 * DAY, [news(2)]), (50 * HOUR, [news(2), news(3)])],
        51 * HOUR,
        "fine",
        None,
    ),
    "nothing new for weeks": (STARTED + every(DAY, 16, End.UNCHANGED, DAY), 16 * DAY, "quiet", timedelta(0)),
    "old news at the first look": ([(timedelta(0), [news(1, NOW - 99 * DAY)])], HOUR, "quiet", -99 * DAY),
    "old news that came late": (
        [(timedelta(0), [news(1, NOW - 99 * DAY)]), (HOUR, [news(1, NOW - 99 * DAY), news(2, NOW - 98 * DAY)])],
        2 * HOUR,
        "fine",
        None,
    ),
    "empty for weeks": ([(n * DAY, []) for n in range(16)], 15 * DAY, "quiet", timedelta(0)),
}


@pytest.mark.parametrize(("steps", "after", "word", "since"), HISTORIES.values(), ids=HISTORIES)
def test_each_history_has_its_word(
    store: Store, steps: Steps, after: timedelta, word: str, since: timedelta | None
) -> None:
    run_id = store.begin_run(CONFIG, model_info(), NOW)
    for offset, what in steps:
        ask(store, run_id, LEDGER, NOW + offset, what)
    verdict = judged(store, NOW + after)
    assert verdict.word == word, verdict
    assert verdict.worst.since == (None if since is None else NOW + since)


def test_a_feed_that_moved_for_good_works_and_says_where_it_is(store: Store) -> None:
    run_id = store.begin_run(CONFIG, model_info(), NOW)
    for n in range(MOVES_BELIEVED + 1):
        moved = {} if n == 0 else {"moved_to": "https://new.example/feed"}
        ask(store, run_id, LEDGER, NOW + n * HOUR, [news(1), news(2 + n, NOW + n * HOUR)], **moved)
    verdict = judged(store, NOW + 5 * HOUR)
    assert words(verdict) == ["moved"]
    assert verdict.worst.since == NOW + MOVES_BELIEVED * HOUR
    assert "https://new.example/feed" in verdict.worst.sentence


def test_news_behind_a_304_is_a_lie(store: Store) -> None:
    run_id = store.begin_run(CONFIG, model_info(), NOW)
    headers = {"etag": '"always the same"'}
    ask(store, run_id, LEDGER, NOW, [news(1)], headers=headers)
    ask(store, run_id, LEDGER, NOW + HOUR, End.NOT_MODIFIED, headers=headers, conditional=True)
    ask(store, run_id, LEDGER, NOW + DAY, [news(1), news(2, NOW + DAY)], headers=headers)
    verdict = judged(store, NOW + DAY + HOUR)
    assert words(verdict) == ["lying_304"]
    assert verdict.worst.since == NOW + DAY


def test_the_worst_of_several_facts_is_the_word_and_all_are_told(store: Store) -> None:
    run_id = store.begin_run(CONFIG, model_info(), NOW)
    for n in range(4):
        ask(store, run_id, LEDGER, NOW + n * HOUR, [news(n, NOW + n * HOUR)])
    for n in range(4, 8):
        ask(store, run_id, LEDGER, NOW + n * HOUR, End.FORBIDDEN)
    assert words(judged(store, NOW + 8 * HOUR)) == ["blocked", "losing"]
    assert words(judged(store, NOW + 9 * DAY)) == ["stale", "blocked", "losing"]


def test_what_a_server_says_is_cut_and_cannot_steer_a_terminal(store: Store) -> None:
    run_id = store.begin_run(CONFIG, model_info(), NOW)
    fetched = Fetched(LEDGER, End.HTTP_ERROR, NOW, 7, 500, error="\x1b[2J\x07 boom " + "x y " * 999)
    store.record(run_id, fetched, None, ())
    sentence = judged(store, NOW + HOUR).worst.sentence
    assert sentence.isprintable()
    assert "boom" in sentence
    assert len(sentence) < 400


# ---------------------------------------------------------------------- pace


def listed(*hours: float) -> tuple[Listed, ...]:
    return tuple(Listed(NOW + hour * HOUR, NOW + 9999 * HOUR) for hour in hours)


@pytest.mark.parametrize(
    ("hours", "gap", "bearable"),
    [
        pytest.param([], None, 14 * DAY, id="nothing"),
        pytest.param([0, 1, 2, 3, 4], None, 14 * DAY, id="too few"),
        pytest.param([7] * 30, None, 14 * DAY, id="all at the same moment"),
        pytest.param(range(30), HOUR, 3 * DAY, id="every hour: the floor"),
        pytest.param([24 * n for n in range(30)], DAY, 3 * DAY, id="every day: the floor"),
        pytest.param([24 * n for n in range(40) if n % 7 < 5], 3 * DAY, 6 * DAY, id="on weekdays: twice a weekend"),
        pytest.param([168 * n for n in range(9)], 7 * DAY, 14 * DAY, id="every week"),
        pytest.param([*range(40), 999], HOUR, 3 * DAY, id="one long pause is not usual"),
    ],
)
def test_the_usual_gap_is_the_feeds_own(hours: Iterable[float], gap: timedelta | None, bearable: timedelta) -> None:
    assert health.usual_gap(listed(*hours)) == gap
    assert health.bearable_silence(listed(*hours)) == bearable


# ---------------------------------------------------------------------- properties

times = st.integers(0, 60 * 24).map(lambda hours: NOW + hours * HOUR)


@st.composite
def attempts(draw: st.DrawFn) -> tuple[Attempt, ...]:
    made = []
    for at in sorted(draw(st.sets(times, max_size=12))):
        outcome = draw(st.sampled_from([outcome for outcome in End if outcome.attempted]))
        entries = draw(st.integers(0, 3)) if outcome in {End.OK, End.DAMAGED} else 0
        seen = draw(st.none() | st.integers(0, entries))
        made.append(
            Attempt(
                at,
                outcome,
                entries=entries,
                seen_before=seen,
                lying_304=draw(st.booleans()) and outcome is End.OK,
                error=draw(st.none() | st.text(max_size=30)),
                may_have_lost=seen == 0 and entries > 0,
            )
        )
    return tuple(made)


@st.composite
def records(draw: st.DrawFn) -> FeedRecord:
    made = draw(attempts())
    good = [attempt.at for attempt in made if attempt.outcome.succeeded]
    failed = [attempt.at for attempt in made if not attempt.outcome.succeeded and (not good or attempt.at > good[-1])]
    off = made[-1].at if made and made[-1].outcome is End.GONE and draw(st.booleans()) else None
    held = draw(st.none() | st.tuples(times, times).map(lambda pair: (min(pair), max(pair))))
    return FeedRecord(
        url=draw(st.sampled_from([LEDGER.url, POST.url])),
        outlet="Ledger",
        history=FeedHistory(made, len(made), good[-1] if good else None, off),
        listed=tuple(draw(st.lists(st.builds(Listed, times, times), max_size=12))) if good else (),
        first_success_at=good[0] if good else None,
        last_success_at=good[-1] if good else None,
        failing_since=failed[0] if failed else None,
        held_back=held,
        address=draw(st.none() | st.just("https://new.example/")),
        moved_at=NOW,
    )


def moved_by(record: FeedRecord, by: timedelta) -> FeedRecord:
    """The same record at another time."""

    def later(time: datetime | None) -> datetime | None:
        return None if time is None else time + by

    history = record.history
    return replace(
        record,
        history=replace(
            history,
            attempts=tuple(replace(attempt, at=attempt.at + by) for attempt in history.attempts),
            full_at=later(history.full_at),
            off_since=later(history.off_since),
        ),
        listed=tuple(Listed(one.published_at + by, one.first_seen_at + by) for one in record.listed),
        **{name: later(getattr(record, name)) for name in ("first_success_at", "last_success_at", "failing_since")},
        held_back=record.held_back and (record.held_back[0] + by, record.held_back[1] + by),
        moved_at=later(record.moved_at),
    )


@settings(max_examples=150, deadline=None)
@given(records(), times, st.integers(-9999, 9999))
def test_any_history_has_a_word_that_holds_together(record: FeedRecord, now: datetime, hours: int) -> None:
    verdict = health.judge(record, now)
    found = [fact.word for fact in verdict.facts]
    assert found == sorted(set(found), key=list(Word).index), "worst first, each once"
    assert len(found) == 1 or not {Word.NEW, Word.FINE} & set(found)
    for fact in verdict.facts:
        assert fact.sentence.endswith(".")
        assert fact.sentence.isprintable()
        assert (fact.since is None) == (fact.word in {Word.NEW, Word.FINE})
    if not record.history.attempts:
        assert verdict.word in {Word.NEW, Word.MOVED, Word.BLOCKED}
    elif record.history.attempts[-1].outcome.succeeded:
        assert not {Word.DEAD, Word.FAILING} & set(found)
    else:
        assert Word.QUIET not in found, "a feed that does not answer is not quiet"
    shift = timedelta(hours=hours)
    assert [fact.word for fact in health.judge(moved_by(record, shift), now + shift).facts] == found
    later = {fact.word for fact in health.judge(record, now + 9 * DAY).facts}
    assert set(found) - {Word.FINE, Word.NEW} <= later, "time alone mends nothing"


@settings(deadline=None)
@given(st.lists(records(), max_size=5), st.none() | times, times)
def test_the_line_and_the_exit_code_follow_from_the_words(
    several: list[FeedRecord], finished: datetime | None, now: datetime
) -> None:
    found = health.assess(several, finished, now)
    counted = {word: int(number) for number, word in re.findall(r"(\d+) ([a-z0-9 ]+)", found.line)}
    assert sum(counted.values()) == len(several)
    assert [verdict.word for verdict in found.verdicts] == sorted(
        (health.judge(record, now).word for record in several), key=list(Word).index
    )
    calls = any(verdict.word.calls for verdict in found.verdicts)
    assert found.exit_code == (3 if found.standstill else 1 if calls else 0)
    if not any(record.last_success_at for record in several):
        assert found.exit_code == ExitCode.NOTHING_WORKED


@settings(deadline=None)
@given(st.lists(times, max_size=30))
def test_no_pace_makes_a_feed_quiet_before_the_floor(published: list[datetime]) -> None:
    made = tuple(Listed(time, NOW + 99 * DAY) for time in published)
    gap = health.usual_gap(made)
    gaps = sorted(b - a for a, b in zip(sorted(set(published)), sorted(set(published))[1:], strict=False))
    assert gap is None or gaps[0] <= gap <= gaps[-1]
    assert health.bearable_silence(made) >= health.LEAST_SILENCE


# ---------------------------------------------------------------------- standstill


def record_of(*steps: tuple[timedelta, FetchOutcome], url: str = LEDGER.url) -> FeedRecord:
    made = tuple(Attempt(NOW + offset, outcome) for offset, outcome in steps)
    good = [attempt.at for attempt in made if attempt.outcome.succeeded]
    ends = (good[0], good[-1]) if good else (None, None)
    return FeedRecord(url, url, FeedHistory(made, len(made)), (), *ends)


@pytest.mark.parametrize(
    ("several", "finished", "after", "says"),
    [
        pytest.param([], None, HOUR, "`media-coverage run` begins", id="no run"),
        pytest.param([record_of()], None, HOUR, "`media-coverage run` begins", id="never asked"),
        pytest.param([record_of((HOUR, End.TIMEOUT))], HOUR, HOUR, "No feed has ever answered", id="never answered"),
        pytest.param([record_of((HOUR, End.OK))], HOUR, 40 * HOUR, "since 2026-02-02 13:00 UTC", id="long ago"),
        pytest.param(
            [record_of((HOUR, End.OK), (2 * HOUR, End.TIMEOUT))], HOUR, 3 * HOUR, "Every feed failed", id="all fail"
        ),
        pytest.param([record_of((HOUR, End.OK))], None, 2 * HOUR, "No run has come to its end yet", id="no end"),
        pytest.param(
            [record_of((40 * HOUR, End.OK))], HOUR, 41 * HOUR, "No run has come to its end since", id="crashes since"
        ),
        pytest.param([record_of((HOUR, End.OK))], HOUR, 2 * HOUR, None, id="well"),
        pytest.param(
            [record_of((HOUR, End.OK)), record_of((HOUR, End.TIMEOUT), url=POST.url)], HOUR, 2 * HOUR, None, id="one"
        ),
    ],
)  # fmt: skip
def test_a_standstill_is_told_in_a_sentence(
    several: list[FeedRecord], finished: timedelta | None, after: timedelta, says: str | None
) -> None:
    found = health.assess(several, None if finished is None else NOW + finished, NOW + after)
    assert (found.exit_code == ExitCode.NOTHING_WORKED) is (says is not None)
    assert found.standstill is says is None or says in str(found.standstill)


# ---------------------------------------------------------------------- in the database


def test_the_run_stores_what_each_feed_is(store: Store) -> None:
    for n in range(3):
        collect(store, NOW + n * HOUR, {LEDGER: [news(1)], POST: End.FORBIDDEN})
    frame = store.health().set_index("outlet")
    assert frame["word"].to_dict() == {"Ledger": "fine", "Post": "blocked", "Wire": "new"}
    assert frame.loc["Post", "since"] == NOW
    assert "refuses us since 2026-02-02 12:00 UTC" in frame.loc["Post", "sentence"]
    assert set(frame["judged_at"]) == {pd.Timestamp(NOW + 2 * HOUR)}
    assert set(frame["also"]) == {""}


def test_an_older_file_is_not_misread(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with open_store(path, read_only=False) as store:
        store._db.execute("DROP TABLE feed_health")
    with open_store(path) as store, pytest.raises(StoreError, match="run` brings it up to date"):
        store.collection()


WEEK: list[tuple[dict[Any, Any], tuple[Any, ...]]] = [
    # what the three feeds answer on each day → collection, asked, answered, failed, outlets, collected, missing
    ({LEDGER: [news(1)], POST: [news(1, outlet="post")], WIRE: End.TIMEOUT}, ("full", 3, 2, 1, 2, 2, None)),
    ({LEDGER: [news(1)], POST: End.TIMEOUT}, ("partial", 2, 1, 1, 2, 1, "Post")),
    ({}, ("none", 0, 0, 0, 2, 0, "Ledger, Post")),
    ({LEDGER: End.TIMEOUT, POST: End.HELD_BACK}, ("none", 1, 0, 1, 2, 0, "Ledger, Post")),
    ({LEDGER: [news(1)]}, ("partial", 1, 1, 0, 2, 1, "Post")),  # held back is not "not due"
    ({LEDGER: [news(1)], POST: [news(1, outlet="post")]}, ("full", 2, 2, 0, 2, 2, None)),
    ({LEDGER: End.NOT_MODIFIED}, ("full", 1, 1, 0, 2, 2, None)),  # the Post was in order and not due
    ({POST: End.UNCHANGED, WIRE: [news(1, outlet="wire")]}, ("full", 2, 2, 0, 3, 3, None)),
]


def collect_the_week(store: Store) -> None:
    for number, (answers, _) in enumerate(WEEK):
        if answers:
            collect(store, NOW + number * DAY, answers)


def test_every_day_of_the_collection_has_its_row(store: Store) -> None:
    collect_the_week(store)
    frame = store.collection()
    assert frame["date"].tolist() == [(NOW + n * DAY).date().isoformat() for n in range(len(WEEK))]
    assert set(frame["feeds"]) == {3}
    columns = "collection feeds_asked feeds_answered feeds_failed outlets outlets_collected outlets_missing".split()
    told = frame[columns].astype(object).where(frame[columns].notna(), None)
    assert [tuple(row) for row in told.to_numpy()] == [expected for _, expected in WEEK]


def test_a_feed_that_is_listed_no_more_is_not_missed(store: Store) -> None:
    collect(store, NOW, {LEDGER: [news(1)], POST: [news(1, outlet="post")]})
    rest = make_config("https://press.example", {"Ledger": ["/ledger.xml"]})
    collect(store, NOW + DAY, {LEDGER: [news(1)]}, rest)
    frame = store.collection().set_index("date")
    assert frame["feeds"].tolist() == [2, 1]
    assert frame["collection"].tolist() == ["full", "full"]


COLLECTED = (
    "SELECT * FROM v_outlet_collection ORDER BY date, outlet",
    "SELECT * FROM v_period_collection ORDER BY period, scope, first_day, name",
)
DAYS_LATER = st.sampled_from([-3, 0, 0, 1, 1, 2, 9, 30])
ANSWERS = st.sampled_from([None, End.OK, End.NOT_MODIFIED, End.TIMEOUT])
ONE_FEED = make_config("https://press.example", {"Ledger": ["/ledger.xml"]})


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(DAYS_LATER, ANSWERS, ANSWERS, st.booleans()), min_size=1, max_size=9))
def test_stored_collection_is_what_the_attempts_say(history: list[tuple[int, Any, Any, bool]]) -> None:
    """Also when a clock is set back, and when a feed leaves feeds.yaml or comes back to it."""
    at = NOW
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "x.db", read_only=False) as store:
        for days, ledger, post, both in history:
            at += days * DAY
            config = CONFIG if both else ONE_FEED
            answers = {LEDGER: ledger} | ({POST: post} if both else {})
            run_id = store.begin_run(config, model_info(), at)
            for feed, what in answers.items():
                if what is not None:
                    ask(store, run_id, feed, at, what)
            store.store_collection()
            store.end_run(run_id, "finished", 0, at)
        stored = [store.query(sql) for sql in COLLECTED]
        for table in ("outlet_day", "period_collection", "collection_stored"):
            store._db.execute(f"DELETE FROM {table}")  # noqa: S608 - fixed names
        for sql, frame in zip(COLLECTED, stored, strict=True):
            pd.testing.assert_frame_equal(frame, store.query(sql))


def test_each_count_says_whether_its_outlet_was_collected_on_its_day(store: Store) -> None:
    first = [news(1, NOW - 9 * DAY), news(2, NOW)]
    collect(store, NOW, {LEDGER: first, POST: [news(1, NOW, outlet="post")]})
    collect(store, NOW + 3 * DAY, {LEDGER: [*first, news(3, NOW + DAY), news(4, NOW + 3 * DAY)]})
    frame = store.query("SELECT date, outlet, collected FROM v_daily_counts ORDER BY date, outlet")
    told = frame.astype(object).where(frame.notna(), None)
    assert [tuple(row) for row in told.to_numpy()] == [
        ("2026-01-24", "Ledger", None),
        ("2026-02-02", "Ledger", 1),
        ("2026-02-02", "Post", 1),
        ("2026-02-03", "Ledger", 0),
        ("2026-02-05", "Ledger", 1),
    ]


# ---------------------------------------------------------------------- days as gaps


def days(*kinds: str, outlets: int = 4) -> pd.DataFrame:
    """Days from `NOW` on: `full`, `none`, `imported`, or the number of outlets that came."""
    came = [{"full": outlets, "none": 0, "imported": 0}[kind] if kind.isalpha() else int(kind) for kind in kinds]
    return pd.DataFrame(
        {
            "date": [(NOW + n * DAY).date().isoformat() for n in range(len(kinds))],
            "collection": ["partial" if kind.isdecimal() else kind for kind in kinds],
            "feeds": outlets,
            "feeds_asked": came,
            "feeds_answered": came,
            "feeds_failed": 0,
            "outlets": outlets,
            "outlets_collected": came,
            "outlets_missing": None,
            "imported": [9 * (kind == "imported") for kind in kinds],
        }
    )


def test_days_since_the_last_run_are_missing_too() -> None:
    frame = aggregate.collection_through(days("full", "2"), "2026-02-05")
    assert frame[["date", "collection", "outlets", "outlets_collected"]].to_numpy().tolist() == [
        ["2026-02-02", "full", 4, 4],
        ["2026-02-03", "partial", 4, 2],
        ["2026-02-04", "none", 4, 0],
        ["2026-02-05", "none", 4, 0],
    ]
    assert len(aggregate.collection_through(days("full"), "2026-02-01")) == 1
    assert aggregate.collection_through(days(), "2026-02-05").empty


def test_weeks_say_how_far_they_were_collected() -> None:
    frame = aggregate.collection_by_week(days(*["full"] * 3, "3", "1", "none", "full", "none", "imported"))
    columns = ["date", "days", "days_partial", "days_missing", "days_imported", "outlets", "outlets_least"]
    assert list(frame.columns) == columns
    assert frame.to_numpy().tolist() == [["2026-02-02", 7, 2, 1, 0, 4, 1], ["2026-02-09", 2, 0, 1, 1, 4, 4]]
    assert aggregate.collection_by_week(days()).empty


def test_gaps_are_runs_of_days_with_the_same_share_missing() -> None:
    assert aggregate.gaps(days("full", "imported", "full")).empty
    frame = aggregate.gaps(days("full", "none", "none", "3", "3", "1", "full", "none"))
    assert [(f"{gap.start:%d}", f"{gap.end:%d}", gap.missing) for gap in frame.itertuples()] == [
        ("03", "05", 1.0),
        ("05", "07", 0.25),
        ("07", "08", 0.75),
        ("09", "10", 1.0),
    ]
    assert aggregate.gaps(days("full")).empty
    assert aggregate.gaps(days("none", outlets=0))["missing"].tolist() == [1.0]


@settings(deadline=None)
@given(st.lists(st.sampled_from(["full", "none", "0", "1", "2", "3"]), max_size=40))
def test_gaps_cover_exactly_the_days_that_were_not_full(kinds: list[str]) -> None:
    frame = days(*["none" if kind == "0" else kind for kind in kinds])
    covered = [day for gap in aggregate.gaps(frame).itertuples() for day in pd.date_range(gap.start, gap.end)[:-1]]
    assert covered == list(pd.to_datetime(frame.loc[frame["collection"] != "full", "date"]))


# ---------------------------------------------------------------------- reports

FIRST_RUN = NOW - 21 * DAY  # Monday 12 January


@pytest.fixture(scope="module")
def seven_weeks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven weeks of news, the first three from before the first run.

    On two days one of the two outlets failed; later no run was made for eleven days.
    """
    path = tmp_path_factory.mktemp("weeks") / "coverage.db"
    with open_store(path, read_only=False) as store:
        collect_seven_weeks(store)
    return path


@pytest.fixture
def interrupted(seven_weeks: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy of `seven_weeks`, open for writing."""
    with open_store(shutil.copy(seven_weeks, tmp_path / "weeks.db"), read_only=False) as store:
        yield store


def collect_seven_weeks(store: Store) -> None:
    begin = FIRST_RUN - 21 * DAY
    for day in range(28):
        at = FIRST_RUN + day * DAY
        if 10 <= day < 21:
            continue
        told = {
            feed: [news(n, begin + n * 6 * HOUR, feed.outlet.name.lower()) for n in range(4 * (21 + day))][-84:]
            for feed in (LEDGER, POST)
        }
        if day in {3, 4}:
            told[POST] = End.TIMEOUT
        if day >= 10:
            told = {feed: [entry for entry in entries if not lost(entry.published)] for feed, entries in told.items()}
        collect(store, at, told)


def lost(published: datetime | None) -> bool:
    """What scrolled off during the pause, save one article a day."""
    return published is not None and FIRST_RUN + 10 * DAY <= published < FIRST_RUN + 20 * DAY and published.hour != 12


def material(store: Store, after: timedelta = timedelta(0), since: str = "") -> report.Material:
    return report.Material.from_store(store, FIRST_RUN + 28 * DAY + after, since, "9999")


def weeks_of(store: Store, after: timedelta = timedelta(0)) -> pd.DataFrame:
    return report.trend_by_week(material(store, after)).set_index("date")


def printed(made: report.Material) -> str:
    stream = StringIO()
    console = Console(file=stream, width=120)
    for part in report.terminal(made):
        console.print(part)
    return stream.getvalue()


def test_weeks_without_collection_are_gaps_and_not_zeros(interrupted: Store) -> None:
    weeks = weeks_of(interrupted)
    rows = weeks.reset_index().to_dict("records")
    told = {row["date"]: report.collection_words(row, "2026-01-12") for row in rows}
    assert told == {
        "2025-12-22": "before the first run",
        "2025-12-29": "before the first run",
        "2026-01-05": "before the first run",
        "2026-01-12": "1 of 2 outlets at worst",
        "2026-01-19": "4 of 7 days missing",
        "2026-01-26": "not collected",
        "2026-02-02": "full",
    }
    gap = weeks.loc["2026-01-26"]
    assert gap["articles"] > 0, "later answers still listed some"
    assert gap[["share_hopeful_peace", "share_appeasement_low", "index"]].isna().all()
    assert weeks.loc["2026-02-02", ["share_hopeful_peace", "index"]].notna().all()


def test_weeks_after_the_last_run_are_shown_too(interrupted: Store) -> None:
    weeks = weeks_of(interrupted, after=15 * DAY)
    assert weeks.index[-2:].tolist() == ["2026-02-09", "2026-02-16"]
    assert weeks.iloc[-2:][["articles", "days_missing"]].to_numpy().tolist() == [[0, 7], [0, 7]]


def test_a_week_in_which_the_press_was_quiet_is_a_zero_and_not_a_gap(interrupted: Store) -> None:
    for day in range(28, 36):
        collect(interrupted, FIRST_RUN + day * DAY, {LEDGER: End.NOT_MODIFIED, POST: End.NOT_MODIFIED})
    weeks = weeks_of(interrupted, after=8 * DAY)
    assert weeks.iloc[-1][["articles", "days", "days_missing"]].tolist() == [0, 7, 0]
    made = material(interrupted, 8 * DAY)
    assert (aggregate.gaps(made.collection)["end"] <= pd.Timestamp("2026-02-02")).all()


def test_charts_break_the_line_and_shade_the_days(interrupted: Store) -> None:
    made = material(interrupted)
    weekly, uncollected = report.trend_by_week(made), aggregate.gaps(made.collection)
    drawn = charts.trend(weekly, made.events, made.frames, uncollected).to_dict()
    datasets = drawn["datasets"].values()
    (shares,) = [rows for rows in datasets if any("share" in row for row in rows)]
    assert {str(row["week"])[:10] for row in shares if row["share"] is None} >= {"2026-01-26"}
    assert {str(row["week"])[:10] for row in shares if row["visible"] < 1} == {"2026-01-19", "2026-01-26"}
    bands = [rows for rows in datasets if all("opacity" in row for row in rows) and "text" not in rows[0]]
    assert [(str(row["start"])[:10], str(row["end"])[:10], row["missing"]) for row in bands[0]] == [
        ("2026-01-15", "2026-01-17", 0.5),
        ("2026-01-22", "2026-02-02", 1.0),
    ]
    for chart in (
        charts.trend(weekly, made.events, made.frames, uncollected),
        charts.index(weekly, made.events, uncollected),
        charts.volume(report.counts_by(made, "day"), made.events, uncollected),
    ):
        assert charts.svg(chart).count(">not collected<") == 1


def test_the_page_begins_with_the_health_of_the_collection(interrupted: Store) -> None:
    page = report.html(material(interrupted))
    box = page[page.index("State of the collection.") : page.index('id="trend"')]
    assert "2 fine, 1 new" in box
    table = page[page.index("Counts and shares per week") : page.index("By group of outlets")]
    rows = re.findall(
        r"<tr( class=\"gap\")?><th scope=\"row\">.*?(\d{4}-\d\d-\d\d).*?<td>([^<]*)</td></tr>", table, re.S
    )
    assert [(day, words) for marked, day, words in rows if marked] == [
        ("2026-01-12", "1 of 2 outlets at worst"),
        ("2026-01-19", "4 of 7 days missing"),
        ("2026-01-26", "not collected"),
    ]
    assert "Days before the first run (2026-01-12) hold what the feeds still listed then" in page
    assert "Of 28 days of collection, on 11 nothing was collected and on 2 some outlets were missing" in page


def test_the_page_names_every_feed_that_is_not_fine(interrupted: Store) -> None:
    made = material(interrupted, after=4 * DAY)
    page = report.html(made)
    box = page[page.index("State of the collection.") : page.index('id="trend"')]
    assert "Nothing has been collected since 2026-02-08" in box
    assert box.count("stale") == 3  # the line and two feeds
    for verdict in made.health.not_fine:
        assert verdict.url in box
    text = " ".join(printed(made).replace("│", "").split())
    assert text.index("Nothing has been collected since") < text.index("Net framing index")
    assert "Ledger: stale: It was last asked at" in text
    assert "not collected" in text
    assert "4 of 7 days missing" in text


def test_the_terminal_keeps_the_box_short(interrupted: Store) -> None:
    made = material(interrupted)
    (verdict,) = [verdict for verdict in made.health.verdicts if verdict.url == LEDGER.url]
    bad = replace(verdict, facts=(health.Fact(Word.DEAD, NOW, "[bold]It is dead[/bold]."),))
    many = replace(made, health=health.Health((bad,) * 40))
    assert printed(many).count("[bold]It is dead[/bold].") == report.MAX_HEALTH_LINES - 1
    assert "… and 29 more: `media-coverage status`" in printed(many)
    assert report.html(many).count("It is dead") == 40


def test_a_report_on_some_days_counts_those_days_only(interrupted: Store) -> None:
    made = material(interrupted, since="2026-02-02")
    assert report.collection_notes(made) == []
    assert set(report.trend_by_week(made)["date"]) == {"2026-02-02"}


def test_the_demos_feeds_stop_and_go_on(tmp_path: Path) -> None:
    """The bundled samples, whose newest articles are of February, collected from 1 March with a pause of ten days."""
    begin = datetime(2026, 3, 1, 6, tzinfo=UTC)
    with demo.serve_samples(0) as samples:
        text = (demo.SAMPLES / "feeds.yaml").read_text(encoding="utf-8").replace("{base}", samples.base)
        (tmp_path / "feeds.yaml").write_text(text, encoding="utf-8")
        for day, edition in ((0, "first"), (11, "second")):
            samples.edition = edition
            at = begin + day * DAY
            summary = pipeline.run(
                tmp_path / "feeds.yaml", tmp_path / "demo.db", FakeClassifier(), clock=lambda at=at: at
            )
    with open_store(tmp_path / "demo.db") as store:
        made = report.Material.from_store(store, begin + 12 * DAY, "", "9999")
    assert summary.exit_code == ExitCode.SOME_FEEDS_FAILED
    assert made.collection["collection"].tolist() == ["full", *["none"] * 10, "full"]
    weekly = report.trend_by_week(made).set_index("date")
    assert weekly.loc["2026-03-02", ["articles", "days", "days_missing"]].tolist() == [0, 7, 7]
    text = " ".join(printed(made).replace("│", "").split())
    assert "Coastline Radio News: dead: Every attempt has failed since 2026-03-01 06:00 UTC" in text
    assert "not collected" in text
    assert "class=\"gap\"" in report.html(made)  # fmt: skip


# ---------------------------------------------------------------------- media-coverage status


@pytest.fixture
def project(feed_server: FeedServer, tmp_path: Path) -> Path:
    """A folder with a feeds.yaml for three feeds; what they answer is up to the test."""
    outlets = {"Ledger": ["/ledger.xml"], "Post": ["/post.xml"], "Wire": ["/wire.xml"]}
    (tmp_path / "feeds.yaml").write_text(config_text(feed_server.url(), outlets), encoding="utf-8")
    return tmp_path


def run_at(project: Path, at: datetime) -> None:
    pipeline.run(project / "feeds.yaml", classifier=FakeClassifier(), clock=lambda: at)


def test_status_tells_words_worst_first_and_what_a_monitor_needs(
    feed_server: FeedServer, project: Path, command: Callable[..., Result]
) -> None:
    fresh = rss(["Trump and Putin speak of hope"])
    for path in ("/ledger.xml", "/post.xml", "/wire.xml"):
        feed_server.serve(path, Response(fresh))
    configuration = ("--config", project / "feeds.yaml")
    now = datetime.now(UTC)
    run_at(project, now - 2 * DAY)
    assert command("status", *configuration).code == ExitCode.NOTHING_WORKED
    run_at(project, now)
    well = command("status", *configuration)
    assert well.code == ExitCode.OK
    assert "Feeds: 3 quiet." in well.out

    feed_server.serve("/post.xml", Response(status=403))
    for seconds in (1, 2, 3):
        run_at(project, now + timedelta(seconds=seconds))
    told = command("status", *configuration, "--json")
    assert told.code == ExitCode.SOME_FEEDS_FAILED
    answer = json.loads(told.out)
    assert answer["summary"] == "2 quiet, 1 blocked"
    assert (answer["exit_code"], answer["standstill"]) == (1, None)
    assert [feed["outlet"] for feed in answer["feeds"]] == ["Post", "Ledger", "Wire"]
    post = answer["feeds"][0]
    assert (post["word"], post["last_outcome"]) == ("blocked", "forbidden")
    assert post["facts"][0] == {name: post[name] for name in ("word", "since", "sentence")}
    assert abs(datetime.fromisoformat(post["since"]) - now) < HOUR
    shown = command("status", *configuration).out
    assert shown.index("blocked") < shown.index("Ledger")
    assert "refuses us" in " ".join(shown.split())


def test_status_calls_when_every_feed_fails(
    feed_server: FeedServer, project: Path, command: Callable[..., Result]
) -> None:
    run_at(project, datetime.now(UTC))  # the server answers 404
    told = command("status", "--config", project / "feeds.yaml")
    assert told.code == ExitCode.NOTHING_WORKED
    assert "No feed has ever answered well" in told.out


def test_the_document_for_cron_has_every_word_with_its_exit_code() -> None:
    text = (Path(__file__).parents[1] / "docs" / "cron.md").read_text(encoding="utf-8")
    table = text.split("## Is it collecting?\n")[1].split("\n## ")[0]
    listed_words = {}
    for code, names in re.findall(r"^\| (\d) \| ([^|]+) \|", table, re.MULTILINE):
        listed_words |= dict.fromkeys(re.findall(r"`(\w+)`", names), int(code))
    assert listed_words == {word.value: int(word.calls) for word in Word}
    assert f"{health.STANDSTILL // HOUR} hours" in table
