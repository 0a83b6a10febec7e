"""Archives in: file → rows → sightings → store → labels.

A row of a table is a document of its own: what it becomes depends on nothing but itself and what is stored, never on
the rows beside it. So batches may be of any size, work may be spread over processes, and an import that was killed goes
on behind its last batch as if nothing had happened.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import gc
import json
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from . import archive, identity, pipeline, stories
from . import mapping as mappings
from .classify import load_classifier, sha256
from .errors import ConfigError, ExitCode, InputError, TrackerError
from .language import language_of
from .lock import locked
from .records import Archived, DateSource, Feed, FeedKind, ImportCounts, SummarySource
from .store import open_store
from .topic import Query, gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from .archive import Row
    from .classify import Classifier
    from .config import Config
    from .mapping import Mapping
    from .records import Outlet, Sighting
    from .store import Store

CHUNK = 2000
"""Rows per transaction: what a crash can cost."""

CHUNK_CHARACTERS = 8 * 2**20
"""Fewer rows make a chunk where they are long, so that memory stays bounded."""

REJECTED_SHOWN = 2000
"""Characters of a cell of a rejected row that are written down."""

OBJECTS_BETWEEN_COLLECTIONS = 100_000
"""Python looks for cycles after every 700 objects; a batch makes many times that, none in cycles. It took a sixth."""

_SAY_EVERY = 10.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """What rows are read by. `now` stands for the time of the visit to a feed."""

    mapping: Mapping
    outlets: dict[str, Outlet]
    query: str
    language: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that was not stored, and why."""

    row: int
    reason: str


@dataclass(slots=True)
class FileAccount:
    """What became of a file. `before` counts what an earlier, stopped import had done; `problem` stopped this one."""

    name: str
    counts: ImportCounts = field(default_factory=ImportCounts)
    before: int = 0
    complete_before: bool = False
    reasons: dict[str, int] = field(default_factory=dict)
    problem: str | None = None
    seconds: float = 0.0

    @property
    def useless(self) -> bool:
        """Was nothing in it of any use?"""
        return self.counts.rows == self.counts.rejected


@dataclass(frozen=True, slots=True)
class Account:
    """What an import did. `exit_code` as in docs/cron.md."""

    run_id: int
    files: tuple[FileAccount, ...]
    labelled: int
    relevant: int
    days_aggregated: int

    @property
    def exit_code(self) -> ExitCode:
        bad = [each.problem is not None or each.useless for each in self.files if not each.complete_before]
        if not any(bad):
            return ExitCode.OK
        useless = all(each.useless for each in self.files)
        return ExitCode.NOTHING_WORKED if useless else ExitCode.SOME_FEEDS_FAILED


# ---------------------------------------------------------------------- one row


@functools.lru_cache(maxsize=4)
def _query(text: str) -> Query:
    return Query(text)


def _sighting(row: Row, settings: Settings) -> Sighting:
    """Raises RowError."""
    found = mappings.record(row.cells, settings.mapping)
    outlet = mappings.publisher(found.outlet, found.domain, found.entry.link, settings.outlets)
    if outlet is None:
        raise mappings.RowError("no outlet: neither a name nor a domain nor an address")
    feed = Feed(f"import://{settings.mapping.name}/", outlet)
    speak = functools.partial(language_of, declared=found.language)
    seen = min(found.seen or settings.now, settings.now)
    (sighting,) = identity.identify(feed, (found.entry,), seen, {}, speak)
    if sighting.date_source is DateSource.FIRST_SEEN and found.seen is None:
        raw = found.entry.published_raw
        raise mappings.RowError(f"no date that can be read or can be true: {raw!r}" if raw else "no date")
    return sighting


def prepare(rows: Sequence[Row], settings: Settings) -> list[Archived | Rejection]:
    """What each row is. Pure, but for the language model behind `language_of`."""
    return [_prepared(row, settings) for row in rows]


def _prepared(row: Row, settings: Settings) -> Archived | Rejection:
    if row.problem:
        return Rejection(row.number, row.problem)
    try:
        sighting, kind, source = row.sighting or (_sighting(row, settings), FeedKind.FEED, SummarySource.FEED)
    except mappings.RowError as error:
        return Rejection(row.number, str(error))
    entry = sighting.entry
    second = sighting.published_at.replace(microsecond=0)
    text = stories.wording(entry.title, entry.summary, sighting.outlet.name, second, sighting.agency)
    return Archived(
        row.number,
        sighting,
        kind,
        stories.headline_band(entry.title),
        stories.bands(text),
        gate(_query(settings.query), settings.language, entry.title, entry.summary, sighting.language),
        source,
    )


# ---------------------------------------------------------------------- many rows


class _Chunks:
    """The rows of a file behind the first `done`, in chunks. Where it cannot be read on, `problem` says why."""

    def __init__(self, rows: Iterator[Row], done: int, most: int) -> None:
        self._rows, self._done, self._most = rows, done, most
        self.problem: InputError | None = None

    def __iter__(self) -> Iterator[list[Row]]:
        chunk: list[Row] = []
        size = 0
        try:
            for row in self._rows:
                if row.number <= self._done:
                    continue
                chunk.append(row)
                size += row.size
                if len(chunk) == self._most or size > CHUNK_CHARACTERS:
                    yield chunk
                    chunk, size = [], 0
        except InputError as error:
            self.problem = error
        if chunk:
            yield chunk


@contextlib.contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Let Python look for cycles less often."""
    before = gc.get_threshold()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _begin() -> None:
    """In a process of the pool: leave signals to the parent, do not outlive it, collect as seldom as it does."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, *gc.get_threshold()[1:])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent:
            parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _processes(count: int) -> Iterator[ProcessPoolExecutor | None]:
    """Processes that prepare rows; None for one, which is this one."""
    if count < 2:
        yield None
        return
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _begin)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _work(
    chunks: Iterable[list[Row]], settings: Settings, pool: ProcessPoolExecutor | None, ahead: int
) -> Iterator[tuple[list[Row], list[Archived | Rejection]]]:
    """Each chunk with what its rows are, in order; with a pool, `ahead` chunks at most are under way."""
    if pool is None:
        for chunk in chunks:
            yield chunk, prepare(chunk, settings)
        return
    waiting: deque[tuple[list[Row], Future[list[Archived | Rejection]]]] = collections.deque()
    try:
        for chunk in chunks:
            waiting.append((chunk, pool.submit(prepare, chunk, settings)))
            if len(waiting) > ahead:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
    except BrokenProcessPool as error:
        raise TrackerError(
            "a process that prepares rows has died (was it out of memory?); what was stored is safe: import again, "
            "with --workers 1"
        ) from error


class Rejects:
    """The file of rejected rows: JSON Lines with file, row, reason and cells. Without a path: nothing is written."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._written: set[tuple[str, int]] = set()

    def resume(self, name: str, done: int) -> None:
        """Learn what a stopped import has written beyond the rows that it has stored, and mend a half line."""
        self._written = set()
        if self.path is None or not self.path.exists():
            return
        with self.path.open("rb+") as file:
            whole = 0
            for line in file:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    held = json.loads(line)
                    if held["file"] == name and held["row"] > done:
                        self._written.add((name, held["row"]))
            file.truncate(whole)

    def add(self, name: str, rejected: Iterable[tuple[Rejection, Row]]) -> None:
        """Write rows, before the transaction that counts them: none is ever lost."""
        if self.path is None:
            return
        lines = []
        for rejection, row in rejected:
            if (name, row.number) not in self._written:
                cells = {column: cell[:REJECTED_SHOWN] for column, cell in row.cells.items()}
                held = {"file": name, "row": row.number, "reason": rejection.reason, "cells": cells}
                lines.append(json.dumps(held) + "\n")
        if lines:
            with self.path.open("a", encoding="ascii") as file:
                file.writelines(lines)


def _reason(text: str) -> str:
    """A reason without what is particular to one row, to be counted by."""
    return text.partition(":")[0]


@dataclass(slots=True)
class _Importing:
    """One pass over files."""

    store: Store
    run_id: int
    config: Config
    mapping: Mapping | None
    encoding: str | None
    rejects: Rejects
    pool: ProcessPoolExecutor | None
    ahead: int
    chunk: int
    now: datetime
    clock: Callable[[], datetime]
    progress: pipeline.Progress | None

    def file(self, path: Path) -> FileAccount:
        """Import one file, or what is left of it. A file that cannot be read is an account with a problem."""
        account, started = FileAccount(path.name), time.monotonic()
        try:
            self._file(path, account)
        except (InputError, ConfigError) as error:
            account.problem = str(error)
        account.seconds = time.monotonic() - started
        data = {"event": "imported", "file": account.name, "problem": account.problem, "seconds": account.seconds}
        data |= {"rows": account.counts.rows, "rejected": account.counts.rejected}
        level = logging.WARNING if account.problem else logging.INFO
        log.log(level, "%s: %s", account.name, account.problem or f"{account.counts.rows} rows", extra=data)
        return account

    def _mapping_of(self, path: Path) -> Mapping:
        found = self.mapping or mappings.load("warc" if archive.suffix_of(path) == ".warc" else "generic")
        return found.model_copy(update={"encoding": self.encoding}) if self.encoding else found

    def _source(self, path: Path, mapping: Mapping) -> archive.Source:
        if archive.format_of(path, mapping) == "warc":
            from . import warc

            return warc.Records(path, self.config, mappings.outlets_of(self.config.feeds))
        return archive.READERS[archive.format_of(path, mapping)](path, mapping)

    def _file(self, path: Path, account: FileAccount) -> None:
        mapping = self._mapping_of(path)
        archive.format_of(path, mapping)
        known = self.store.begin_file(
            self.run_id, path.name, sha256(path), path.stat().st_size, (mapping.name, mapping.sha256), self.now
        )
        if known.finished_at:
            account.complete_before, account.counts = True, known.counts
            return
        account.before = known.counts.rows
        self.rejects.resume(path.name, account.before)
        settings = Settings(
            mapping,
            mappings.outlets_of(self.config.feeds),
            self.config.query.text,
            self.config.topic.language,
            self.now,
        )
        try:
            source = self._source(path, mapping)
        except InputError as error:
            self.store.end_file(known.import_id, self.clock(), str(error))
            raise
        with contextlib.closing(source.rows()) as found:
            chunks = _Chunks(found, account.before, self.chunk)
            self._all(known.import_id, account, chunks, settings, source)
        problem = str(chunks.problem) if chunks.problem else None
        self.store.end_file(known.import_id, self.clock(), problem)
        account.problem = problem

    def _all(
        self, import_id: int, account: FileAccount, chunks: _Chunks, settings: Settings, source: archive.Source
    ) -> None:
        said = time.monotonic()
        for rows, prepared in _work(chunks, settings, self.pool, self.ahead):
            self._add(import_id, account, rows, prepared)
            done, total = source.position()
            if self.progress:
                self.progress(account.name, done, total)
            if time.monotonic() - said > _SAY_EVERY:
                said = time.monotonic()
                data = {"event": "importing", "file": account.name, "rows": account.counts.rows}
                percent = 100 * done // max(total, 1)
                log.info("%s: %d rows, %d %%", account.name, account.counts.rows, percent, extra=data)

    def _add(self, import_id: int, account: FileAccount, rows: list[Row], prepared: list[Archived | Rejection]) -> None:
        rejected = [(each, row) for each, row in zip(prepared, rows, strict=True) if isinstance(each, Rejection)]
        self.rejects.add(account.name, rejected)
        archived = [each for each in prepared if isinstance(each, Archived)]
        added = self.store.add_archived(import_id, archived, len(rejected), self.now)
        account.counts = ImportCounts(
            account.counts.rows + added.rows,
            account.counts.articles + added.articles,
            account.counts.versions + added.versions,
            account.counts.known + added.known,
            account.counts.rejected + added.rejected,
        )
        for each, _ in rejected:
            reason = _reason(each.reason)
            account.reasons[reason] = account.reasons.get(reason, 0) + 1


def import_files(
    config: Config,
    files: Sequence[Path],
    *,
    database: Path | None = None,
    mapping: str | None = None,
    encoding: str | None = None,
    rejects: Path | None = None,
    label: bool = True,
    workers: int = 1,
    chunk: int = CHUNK,
    classifier: Classifier | None = None,
    progress: pipeline.Progress | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Account:
    """Store the rows of archives as if feeds had brought them, and label what is on topic.

    `mapping` is the name of a ready one or the path of a file; without it, tables are read by the generic one.
    `rejects` is a file that rejected rows are added to. With more than one of `workers`, processes prepare the rows;
    `chunk` rows at most are stored in one transaction.
    Raises TrackerError as `pipeline.run` does; what was stored up to there is kept, and a second call goes on from it.
    """
    chosen = mappings.load(mapping) if mapping else None
    path = database or config.database
    classifier = classifier or load_classifier(**config.classifier_options())
    pipeline.check_frames(classifier, config.frames)
    now = clock()
    with locked(path, "import"), open_store(path, read_only=False, frames=config.frames) as store:
        begin = functools.partial(store.begin_run, config, classifier.info, now, "import")
        with pipeline.recorded(store, begin, clock) as run_id:
            with _collecting_seldom(), _processes(workers) as pool:
                importing = _Importing(
                    *(
                        store,
                        run_id,
                        config,
                        chosen,
                        encoding,
                        Rejects(rejects),
                        pool,
                        workers,
                        chunk,
                        now,
                        clock,
                        progress,
                    )
                )
                accounts = tuple(importing.file(file) for file in files)
            stories.forget()
            labelled = relevant = 0
            if label:
                labelled, relevant = pipeline.apply_labels(store, run_id, classifier, progress, clock)
            account = Account(run_id, accounts, labelled, relevant, pipeline.apply_aggregates(store))
            store.end_run(run_id, "finished", account.exit_code, max(now, clock()))
    return account


def _counts_in_words(counts: ImportCounts) -> str:
    named = {"new articles": counts.articles, "new wordings": counts.versions, "known": counts.known}
    named["rejected"] = counts.rejected
    return f"{counts.rows:,} rows: " + ", ".join(f"{number:,} {name}" for name, number in named.items())


def _line(each: FileAccount) -> str:
    if each.complete_before:
        return f"{each.name}: imported before, nothing to do ({each.counts.rows:,} rows)"
    after = f", after the {each.before:,} of an earlier import" if each.before else ""
    commonest = sorted(each.reasons.items(), key=lambda item: -item[1])[:5]
    reasons = ", ".join(f"{number:,} {reason}" for reason, number in commonest)
    rate = f"; {each.counts.rows / each.seconds:,.0f} rows/s" if each.seconds > 1 else ""
    stopped = f"\n  stopped: {each.problem}" if each.problem else ""
    return (
        f"{each.name}: {_counts_in_words(each.counts)}" + (f" ({reasons})" if reasons else "") + after + rate + stopped
    )


def summary_lines(account: Account) -> list[str]:
    """What an import did: a line for each file, one for all files where there are several, and one for labels."""
    lines = [_line(each) for each in account.files]
    if len(lines) > 1:
        done = [astuple(each.counts) for each in account.files if not each.complete_before]
        total = ImportCounts(*(sum(column) for column in zip(*done, strict=True)))
        lines.append(f"all files: {_counts_in_words(total)}")
    lines.append(
        f"{account.labelled:,} labelled, {account.relevant:,} on topic; {account.days_aggregated:,} days counted"
    )
    return lines
