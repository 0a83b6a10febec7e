"""One pass: fetch → parse → identify → store → gate → classify → aggregate.

Every step commits what it has done and looks into the database for what is left to do. So a run that is killed
anywhere is finished by the next one, and a second run over unchanged feeds adds nothing.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from filelock import FileLock, Timeout

from . import aggregate, schedule
from . import config as configuration
from .classify import load_classifier
from .errors import AlreadyRunningError, ExitCode, ModelError, TrackerError
from .fetch import arrivals, host_of
from .identity import identify, outlets_by_name_and_host
from .language import language_of, unreadable
from .parser_process import parse_all
from .records import FetchOutcome, GateDecision, ParsedFeed, RunSummary
from .store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .classify import Classifier
    from .config import Config
    from .framing import Frames
    from .records import Feed, FeedResult, FeedState, Fetched, Outlet, Pruned, Rejected
    from .schedule import Due
    from .store import Store
    from .topic import Query

    Progress = Callable[[FeedResult], None]

LABEL_BATCH = 100
"""Labels per transaction: what a crash can cost."""

GATE_BATCH = 2000

PATIENCE = 0.1
"""Seconds without an answer after which what has been parsed is stored, though the next answer is still to come."""

FEW_FEEDS = 5
"""When fewer are due and all of them fail, that says something about them and nothing about the network."""

log = logging.getLogger(__name__)

T = TypeVar("T")


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def gate(query: Query, topic_language: str, title: str, summary: str, language: str | None) -> GateDecision:
    """Keywords first, then language: the classifier reads one language only. Unknown languages pass."""
    decision = query.decide(title, summary)
    if decision.passed and (reason := unreadable(language, topic_language)):
        return GateDecision(False, "language", reason)
    return decision


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class _Polling:
    """Which feeds a run asks and how long it may take. `clock` gives the time of day, aware UTC."""

    due_only: bool = False
    deadline: float | None = None
    clock: Callable[[], datetime] = _now


@dataclass(frozen=True)
class _Selection:
    requests: list[tuple[Feed, FeedState]]
    waits: dict[str, datetime]
    not_due: int
    off: int


def _waits(store: Store, now: datetime) -> dict[str, datetime]:
    """Until when hosts want to be left alone; each host's last answer counts."""
    return {host_of(url): until for url, until in store.waits(now)}


def next_polls(store: Store, now: datetime) -> dict[str, Due]:
    """When each feed of the last configuration is due next, and why, by its address in feeds.yaml."""
    waits, states = _waits(store, now), store.feed_states()
    return {
        url: schedule.due(url, history, now, waits.get(host_of(states[url].address or url)))
        for url, history in store.feed_histories().items()
    }


def _select(store: Store, feeds: Sequence[Feed], now: datetime, *, due_only: bool) -> _Selection:
    states, histories = store.feed_states(), store.feed_histories()
    on = [feed for feed in feeds if histories[feed.url].off_since is None]
    polls = next_polls(store, now) if due_only else {}
    asked = [feed for feed in on if not due_only or polls[feed.url].is_over(now)]
    requests = []
    for feed in asked:
        state = states[feed.url]
        if not schedule.ask_conditionally(state, histories[feed.url], now):
            state = replace(state, etag=None, last_modified=None)
        requests.append((feed, state))
    return _Selection(requests, _waits(store, now), len(on) - len(asked), len(feeds) - len(on))


def _ingest(
    store: Store, run_id: int, config: Config, selection: _Selection, polling: _Polling, progress: Progress | None
) -> list[FeedResult]:
    outlets = outlets_by_name_and_host(config.feeds)
    results = []
    answers = arrivals(
        selection.requests,
        config.network,
        patience=PATIENCE,
        waits=selection.waits,
        deadline=polling.deadline,
        clock=polling.clock,
    )
    with (
        contextlib.closing(answers) as arriving,
        contextlib.closing(parse_all(arriving, config.network)) as documents,
    ):
        for fetched, parsed in documents:
            result = _store_one(store, run_id, fetched, parsed, outlets)
            results.append(result)
            level = logging.WARNING if result.outcome.attempted and not result.outcome.succeeded else logging.INFO
            log.log(level, "%s %s: %s", result.outcome.value, result.feed_url, result.error or _brought(result))
            if progress:
                progress(result)
    _report_changes(store, selection, results)
    return results


def _report_changes(store: Store, selection: _Selection, results: Sequence[FeedResult]) -> None:
    """Say aloud what is different for the next run."""
    unreached = sum(result.outcome is FetchOutcome.NOT_REACHED for result in results)
    if unreached:
        log.warning("the deadline came before %d of %d feeds were asked", unreached, len(results))
    states, histories = store.feed_states(), store.feed_histories()
    for feed, before in selection.requests:
        if histories[feed.url].off_since is not None:
            log.warning(
                "OFF %s: the server says that this feed of %s is gone for good (410); it is not asked any more. "
                "Correct or remove it in feeds.yaml, or ask again with `media-coverage feeds on %s`",
                *(feed.url, feed.outlet.name, feed.url),
            )
        if states[feed.url].address != before.address:
            log.warning("moved: %s is asked at %s from now on", feed.url, states[feed.url].address or feed.url)


def _brought(result: FeedResult) -> str:
    return f"{result.entries} entries, {result.new_articles} new articles, {result.new_versions} new wordings"


def _store_one(
    store: Store, run_id: int, fetched: Fetched, parsed: ParsedFeed | Rejected | None, outlets: dict[str, Outlet]
) -> FeedResult:
    if not isinstance(parsed, ParsedFeed):
        return store.record(run_id, fetched, parsed, ())
    speak = functools.partial(language_of, declared=parsed.language)
    return store.record(
        run_id, fetched, parsed, identify(fetched.feed, parsed.entries, fetched.started_at, outlets, speak)
    )


def apply_gate(store: Store, query: Query, topic_language: str) -> int:
    """Decide on every text that has no decision for the active topic yet. Returns how many passed."""
    return sum(
        store.add_gate_decisions(
            (version_id, gate(query, topic_language, text.title, text.summary, language))
            for version_id, text, language in batch
        )
        for batch in _batches(store.ungated(), GATE_BATCH)
    )


def apply_labels(store: Store, run_id: int, classifier: Classifier) -> tuple[int, int]:
    """Label every text that passed the gate and has no label of the run's model. Returns (labelled, relevant)."""
    labelled = relevant = 0
    for batch in _batches(store.unlabelled(run_id), LABEL_BATCH):
        framings = classifier.classify([text for _, text in batch], evidence=True)
        ids = [version_id for version_id, _ in batch]
        store.add_labels(run_id, list(zip(ids, framings, strict=True)), datetime.now(UTC))
        labelled += len(batch)
        relevant += sum(framing.relevant for framing in framings)
    return labelled, relevant


def apply_aggregates(store: Store) -> int:
    """Recompute the stored counts of the days that changed. Returns how many days."""
    days, articles = store.changed_articles()
    if days:
        store.replace_days(days, aggregate.daily_frames(articles, store.frames))
    return len(days)


def _exit_code(results: Sequence[FeedResult], feeds: int) -> ExitCode:
    asked = [result.outcome.succeeded for result in results if result.outcome is not FetchOutcome.HELD_BACK]
    if all(asked):
        return ExitCode.OK
    return ExitCode.SOME_FEEDS_FAILED if any(asked) or len(asked) < min(feeds, FEW_FEEDS) else ExitCode.NOTHING_WORKED


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock beside the database, which the kernel frees when its process dies."""
    lock = FileLock(f"{path}.lock", timeout=0)
    if path.absolute().parent.is_dir():  # otherwise open_store says so in one sentence
        try:
            lock.acquire()
        except Timeout:
            raise AlreadyRunningError(path) from None
        except OSError as error:
            log.debug("no lock beside the database: %s", error)
    try:
        yield
    finally:
        lock.release()


def _check_frames(classifier: Classifier, frames: Frames) -> None:
    """Refuse a classifier that tells other frames apart. `load_classifier` does so itself; others are handed in."""
    if classifier.info.frames != frames:
        raise ModelError(
            f"tells the frames {classifier.info.frames} apart, but {frames} are in force; use a model of these frames",
            path=classifier.info.model_id,
        )


def relabel(database: Path, classifier: Classifier, *, activate: bool = False) -> tuple[int, int]:
    """Label what is stored with another model; earlier labels stay. Returns (labelled, relevant).

    With `activate` reports show this model from now on. Raises as `run` does; a second call goes on from there.
    """
    with open_store(database) as store:  # a relabelling must not make a new database
        _check_frames(classifier, store.frames)
    with _locked(database), open_store(database, read_only=False) as store:
        run_id = store.begin_relabelling(classifier.info, datetime.now(UTC), activate=activate)
        counted = apply_labels(store, run_id, classifier)
        apply_aggregates(store)
        store.end_run(run_id, "finished", ExitCode.OK, datetime.now(UTC))
    return counted


def prune(database: Path, older_than: int, *, everything: bool = False, dry_run: bool = False) -> Pruned:
    """Remove texts that no feed has listed for `older_than` days; see Store.prune. Raises as `run` does."""
    with open_store(database):  # nothing to prune is no reason to make a new database
        pass
    now = datetime.now(UTC)
    with _locked(database), open_store(database, read_only=False) as store:
        return store.prune(now - timedelta(days=older_than), now, on_topic=everything, dry_run=dry_run)


def run(
    config: Config | str | Path,
    database: Path | None = None,
    classifier: Classifier | None = None,
    progress: Progress | None = None,
    *,
    due_only: bool = False,
    deadline: float | None = None,
    clock: Callable[[], datetime] = _now,
) -> RunSummary:
    """One cron-safe pass over all feeds of `config`, a Config or the path of a feeds.yaml.

    `database` and `classifier` default to the configuration's file and classifier. `progress` is called after each
    feed. With `due_only` only the feeds are asked whose time has come (`schedule.due`); without it all are, except
    those that are off and those whose host asked to be left alone. After `deadline` seconds no feed is asked any
    more; what has come is still labelled. `clock` gives the time of day, aware UTC.

    Raises TrackerError (AlreadyRunningError when another run holds the lock); what was stored up to there is kept,
    and the next run goes on from it.
    """
    config = configuration.load(Path(config)) if isinstance(config, str | Path) else config
    path = database or config.database
    classifier = classifier or load_classifier(**config.classifier_options())
    _check_frames(classifier, config.frames)
    with _locked(path), open_store(path, read_only=False, frames=config.frames) as store:
        return _run(store, config, classifier, _Polling(due_only, deadline, clock), progress)


def _run(
    store: Store, config: Config, classifier: Classifier, polling: _Polling, progress: Progress | None
) -> RunSummary:
    started = polling.clock()
    run_id = store.begin_run(config, classifier.info, started)
    try:
        selection = _select(store, config.feeds, started, due_only=polling.due_only)
        results = _ingest(store, run_id, config, selection, polling, progress)
        passed = apply_gate(store, config.query, config.topic.language)
        labelled, relevant = apply_labels(store, run_id, classifier)
        days = apply_aggregates(store)
    except BaseException as error:
        state = "failed" if isinstance(error, Exception) else "interrupted"
        code = error.exit_code if isinstance(error, TrackerError) else ExitCode.NOTHING_WORKED
        code = code if state == "failed" else ExitCode.INTERRUPTED
        try:
            store.end_run(run_id, state, code, polling.clock(), str(error)[:500] or type(error).__name__)
        except TrackerError as second:  # a full disk stops this note too; the next run marks the row
            log.debug("the run's end was not stored: %s", second)
        raise
    finished = polling.clock()
    code = _exit_code(results, len(config.feeds))
    store.end_run(run_id, "finished", code, finished)
    return RunSummary(
        run_id=run_id,
        started_at=started,
        finished_at=finished,
        exit_code=code,
        database=str(store.path),
        feeds=tuple(results),
        entries=sum(result.entries for result in results),
        new_articles=sum(result.new_articles for result in results),
        new_versions=sum(result.new_versions for result in results),
        passed_gate=passed,
        labelled=labelled,
        relevant=relevant,
        days_aggregated=days,
        model_id=classifier.info.model_id,
        not_due=selection.not_due,
        off=selection.off,
    )
