"""One pass: fetch → parse → identify → store → gate → classify → aggregate.

Every step commits what it has done and looks into the database for what is left to do. So a run that is killed
anywhere is finished by the next one, and a second run over unchanged feeds adds nothing.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from filelock import FileLock, Timeout

from . import aggregate
from . import config as configuration
from .classify import load_classifier
from .errors import AlreadyRunningError, ExitCode, TrackerError
from .fetch import fetch_all
from .identity import identify, outlets_by_name_and_host
from .language import language_of
from .parse import parse
from .records import FetchOutcome, GateDecision, ParsedFeed, RunSummary
from .store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .classify import Classifier
    from .config import Config
    from .records import FeedResult, Fetched, Outlet
    from .store import Store
    from .topic import Query

LABEL_BATCH = 100
"""Labels per transaction: what a crash can cost."""

GATE_BATCH = 2000

log = logging.getLogger(__name__)

T = TypeVar("T")


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def gate(query: Query, topic_language: str, title: str, summary: str, language: str | None) -> GateDecision:
    """Keywords first, then language: the classifier reads one language only. Unknown languages pass."""
    decision = query.decide(title, summary)
    if decision.passed and language not in {topic_language, None}:
        return GateDecision(False, "language", f"language {language}; the classifier reads {topic_language}")
    return decision


def _ingest(
    store: Store, run_id: int, config: Config, progress: Callable[[FeedResult], None] | None
) -> list[FeedResult]:
    outlets = outlets_by_name_and_host(config.feeds)
    states = store.feed_states()
    results = []
    requests = [(feed, states[feed.url]) for feed in config.feeds]
    with contextlib.closing(fetch_all(requests, config.network)) as arriving:
        for fetched in arriving:
            result = _store_one(store, run_id, fetched, config, outlets)
            results.append(result)
            level = logging.INFO if result.outcome.succeeded else logging.WARNING
            log.log(level, "%s %s: %s", result.outcome.value, result.feed_url, result.error or _brought(result))
            if progress:
                progress(result)
    return results


def _brought(result: FeedResult) -> str:
    return f"{result.entries} entries, {result.new_articles} new articles, {result.new_versions} new wordings"


def _store_one(store: Store, run_id: int, fetched: Fetched, config: Config, outlets: dict[str, Outlet]) -> FeedResult:
    if fetched.outcome is not FetchOutcome.OK:
        return store.record(run_id, fetched, None, ())
    parsed = parse(fetched, config.network.max_entries)
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
        store.replace_days(days, aggregate.daily_frames(articles))
    return len(days)


def _exit_code(results: Sequence[FeedResult]) -> ExitCode:
    failed = sum(not result.outcome.succeeded for result in results)
    if not failed:
        return ExitCode.OK
    return ExitCode.NOTHING_WORKED if failed == len(results) else ExitCode.SOME_FEEDS_FAILED


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


def relabel(database: Path, classifier: Classifier, *, activate: bool = False) -> tuple[int, int]:
    """Label what is stored with another model; earlier labels stay. Returns (labelled, relevant).

    With `activate` reports show this model from now on. Raises as `run` does; a second call goes on from there.
    """
    with open_store(database):  # a relabelling must not make a new database
        pass
    with _locked(database), open_store(database, read_only=False) as store:
        run_id = store.begin_relabelling(classifier.info, datetime.now(UTC), activate=activate)
        counted = apply_labels(store, run_id, classifier)
        apply_aggregates(store)
        store.end_run(run_id, "finished", ExitCode.OK, datetime.now(UTC))
    return counted


def run(
    config: Config | str | Path,
    database: Path | None = None,
    classifier: Classifier | None = None,
    progress: Callable[[FeedResult], None] | None = None,
) -> RunSummary:
    """One cron-safe pass over all feeds of `config`, a Config or the path of a feeds.yaml.

    `database` and `classifier` default to the configuration's file and the embedded model. `progress` is called
    after each feed. Raises TrackerError (AlreadyRunningError when another run holds the lock); what was stored
    up to there is kept, and the next run goes on from it.
    """
    config = configuration.load(Path(config)) if isinstance(config, str | Path) else config
    path = database or config.database
    classifier = classifier or load_classifier()
    with _locked(path), open_store(path, read_only=False) as store:
        return _run(store, config, classifier, progress)


def _run(
    store: Store, config: Config, classifier: Classifier, progress: Callable[[FeedResult], None] | None
) -> RunSummary:
    started = datetime.now(UTC)
    run_id = store.begin_run(config, classifier.info, started)
    try:
        results = _ingest(store, run_id, config, progress)
        passed = apply_gate(store, config.query, config.topic.language)
        labelled, relevant = apply_labels(store, run_id, classifier)
        days = apply_aggregates(store)
    except BaseException as error:
        state = "failed" if isinstance(error, Exception) else "interrupted"
        code = error.exit_code if isinstance(error, TrackerError) else ExitCode.NOTHING_WORKED
        code = code if state == "failed" else ExitCode.INTERRUPTED
        try:
            store.end_run(run_id, state, code, datetime.now(UTC), str(error)[:500] or type(error).__name__)
        except TrackerError as second:  # a full disk stops this note too; the next run marks the row
            log.debug("the run's end was not stored: %s", second)
        raise
    finished = datetime.now(UTC)
    code = _exit_code(results)
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
    )
