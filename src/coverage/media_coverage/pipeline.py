"""One pass: fetch → parse → identify → store → gate → read pages → classify → aggregate.

Every step commits what it has done and looks into the database for what is left to do. So a run that is killed
anywhere is finished by the next one, and a second run over unchanged feeds adds nothing.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from . import config as configuration
from . import fulltext, health, lake, logs, sample, schedule, stories
from .classify import load_classifier
from .coded import fingerprint, resembling
from .errors import ExitCode, LakeError, ModelError, StoreError, TrackerError
from .fetch import arrivals, host_of
from .identity import identify, lead_of, outlets_by_name_and_host, text_sha256
from .interruption import held_back
from .language import language_of, prepare, unreadable
from .lock import locked
from .parser_process import extract_all, parse_all
from .records import (
    Feed,
    FeedState,
    FetchOutcome,
    PageText,
    ParsedFeed,
    Rejected,
    RunSummary,
    SummarySource,
)
from .store import open_store
from .topic import gate

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence

    from .classify import Classifier
    from .config import Config, Network
    from .framing import Frames
    from .lake import Lake
    from .records import FeedResult, Fetched, Framing, Outlet, Page, Pruned, Text
    from .sample import Design
    from .schedule import Due
    from .store import Store
    from .topic import Query

    Progress = Callable[[str, int, int], None]
    """Called with a stage ("feeds", "texts"), how much of it is done, and how much there is."""

    Spread = Callable[[Sequence[Sequence[Text]]], Generator[list[tuple[Text, Framing]]]]
    """Batches of texts → each batch with its labels, in any order."""

LABEL_BATCH = 100
"""Labels per transaction: what a crash can cost."""

GATE_BATCH = 2000

COUNTED_AT_ONCE = 100_000
"""Articles of changed days whose counts are recomputed together; the months around them come on top."""

PATIENCE = 0.1
"""Seconds without an answer after which what has been parsed is stored, though the next answer is still to come."""

FEW_FEEDS = 5
"""When fewer are due and all of them fail, that says something about them and nothing about the network."""

log = logging.getLogger(__name__)

T = TypeVar("T")


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class _Polling:
    """Which feeds a run asks and how long it may take. `clock` gives the time of day, aware UTC."""

    due_only: bool = False
    deadline: float | None = None
    clock: Callable[[], datetime] = _now

    def after(self, seconds: float) -> _Polling:
        """What is left of it after so many seconds."""
        return self if self.deadline is None else replace(self, deadline=max(self.deadline - seconds, 0))


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
        for url, history in store.feed_histories(now).items()
    }


def _select(store: Store, feeds: Sequence[Feed], now: datetime, *, due_only: bool) -> _Selection:
    states, histories = store.feed_states(), store.feed_histories(now)
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
        contextlib.closing(parse_all(_preparing(arriving), config.network)) as documents,
    ):
        for fetched, parsed in documents:
            result = _store_one(store, run_id, fetched, parsed, outlets)
            results.append(result)
            _report_feed(result)
            if progress:
                progress("feeds", len(results), len(selection.requests))
    stories.forget()
    _report_changes(store, selection, results)
    return results


def _preparing(arriving: Iterable[Fetched | None]) -> Iterator[Fetched | None]:
    """The same, and at the first document the language detector begins to load: a parser starts meanwhile, too."""
    prepared = False
    for fetched in arriving:
        if not prepared and fetched is not None and fetched.body:
            prepare()
            prepared = True
        yield fetched


def _report_feed(result: FeedResult) -> None:
    level = logging.WARNING if result.outcome.attempted and not result.outcome.succeeded else logging.INFO
    data: dict[str, object] = {name: getattr(result, name) for name in result.__slots__}
    data |= {"event": "feed", "feed": data.pop("feed_url"), "outcome": result.outcome.value}
    sentence = result.error or _brought(result)
    log.log(level, "%s %s: %s", result.outcome.value, result.feed_url, sentence, extra=data)


def _report_changes(store: Store, selection: _Selection, results: Sequence[FeedResult]) -> None:
    """Say aloud what is different for the next run."""
    unreached = sum(result.outcome is FetchOutcome.NOT_REACHED for result in results)
    if unreached:
        data = {"event": "deadline", "not_reached": unreached, "feeds": len(results)}
        log.warning("the deadline came before %d of %d feeds were asked", unreached, len(results), extra=data)
    gone = {result.feed_url for result in results if result.outcome is FetchOutcome.GONE}
    states, histories = store.feed_states(), store.feed_histories() if gone else {}
    for feed, before in selection.requests:
        if feed.url in gone and histories[feed.url].off_since is not None:
            log.warning(
                "OFF %s: the server says that this feed of %s is gone for good (410); it is not asked any more. "
                "Correct or remove it in feeds.yaml, or ask again with `media-coverage feeds on %s`",
                *(feed.url, feed.outlet.name, feed.url),
                extra={"event": "feed_off", "feed": feed.url, "outlet": feed.outlet.name},
            )
        if states[feed.url].address != before.address:
            address = states[feed.url].address or feed.url
            data = {"event": "feed_moved", "feed": feed.url, "outlet": feed.outlet.name, "address": address}
            log.warning("moved: %s is asked at %s from now on", feed.url, address, extra=data)


def _brought(result: FeedResult) -> str:
    return f"{result.entries} entries, {result.new_articles} new articles, {result.new_versions} new wordings"


def _store_one(
    store: Store, run_id: int, fetched: Fetched, parsed: ParsedFeed | Rejected | None, outlets: dict[str, Outlet]
) -> FeedResult:
    if not isinstance(parsed, ParsedFeed):
        return store.record(run_id, fetched, parsed, ())
    # Detecting costs more than storing, and most entries were listed before.
    known = store.languages(fetched.feed.url, 2 * len(parsed.entries))

    def speak(title: str, summary: str) -> tuple[str | None, str]:
        return known.get(text_sha256(title, summary)) or language_of(title, summary, parsed.language)

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


def _choose(pages: Sequence[Page], network: Network, now: datetime) -> dict[str, Page]:
    """The pages to ask for now, by address: those that are due, as many as one run and one host may be asked for."""
    chosen: dict[str, Page] = {}
    by_host: Counter[str] = Counter()
    for page in pages:
        host = host_of(page.url)
        if by_host[host] < network.max_pages_per_host and page.url not in chosen and fulltext.is_due(page, now):
            by_host[host] += 1
            chosen[page.url] = page
    return dict(list(chosen.items())[: network.max_pages])


def read_pages(
    store: Store, run_id: int, config: Config, polling: _Polling, progress: Progress | None = None
) -> tuple[int, int]:
    """Read the pages of articles for which feeds.yaml wants it. Returns (asked for, gave a text)."""
    if not config.full_text:
        return 0, 0
    now = polling.clock()
    pages = _choose(store.pages(config.full_text, now - fulltext.WINDOW), config.network, now)
    if not pages:
        return 0, 0
    known = store.robots(now)
    robots = dict(known)
    answers = arrivals(
        [(Feed(page.url, page.outlet), FeedState()) for page in pages.values()],
        config.network,
        patience=PATIENCE,
        waits=_waits(store, now),
        deadline=polling.deadline,
        clock=polling.clock,
        robots=robots,
    )
    outcomes = []
    with (
        contextlib.closing(answers) as arriving,
        contextlib.closing(extract_all(arriving, config.network)) as texts,
    ):
        for fetched, found in texts:
            outcomes.append(_store_page(store, run_id, pages[fetched.feed.url], fetched, found, config.topic.language))
            if progress:
                progress("pages", len(outcomes), len(pages))
    store.remember_robots(each for origin, each in robots.items() if known.get(origin) != each)
    return sum(outcome.attempted for outcome in outcomes), outcomes.count(FetchOutcome.OK)


def _store_page(
    store: Store, run_id: int, page: Page, fetched: Fetched, found: PageText | Rejected | None, reads: str
) -> FetchOutcome:
    """Store what came of a page, unless it was not asked for only for want of time. `reads`: the topic's language."""
    lead = None
    if isinstance(found, PageText):
        lead = lead_of(page, found, functools.partial(language_of, declared=page.language if page.declared else None))
        if reason := unreadable(lead.language, reads):
            found, lead = Rejected(FetchOutcome.OTHER_LANGUAGE, reason), None
        elif page.source is SummarySource.FEED:
            lead = None
    outcome, error = (found.outcome, found.error) if isinstance(found, Rejected) else (fetched.outcome, fetched.error)
    if outcome not in {FetchOutcome.HELD_BACK, FetchOutcome.NOT_REACHED}:
        store.record_page(run_id, page, fetched, found, lead)
    data = {"event": "page", "page": page.url, "outlet": page.outlet.name, "outcome": outcome.value}
    log.info("%s %s: %s", outcome.value, page.url, error or "read", extra=data | {"status": fetched.status})
    return outcome


def apply_labels(
    store: Store,
    run_id: int,
    classifier: Classifier,
    progress: Progress | None = None,
    clock: Callable[[], datetime] = _now,
    *,
    spread: Spread | None = None,
) -> tuple[int, int]:
    """Label every text that passed the gate and has no label of the run's model, equal texts once.

    With `spread`, other processes or machines do it; each batch is stored as it comes. Returns (labels, relevant ones).
    """
    labelled = relevant = done = 0
    waiting = store.unlabelled(run_id)
    if waiting:
        labelled, relevant = store.copy_labels(run_id, clock())
    if labelled:
        waiting = store.unlabelled(run_id)
    ids: dict[Text, list[int]] = {}
    for version_id, text in waiting:
        ids.setdefault(text, []).append(version_id)
    batches = list(_batches(list(ids), LABEL_BATCH))
    answers = spread(batches) if spread else (label_texts(classifier, batch) for batch in batches)
    with contextlib.closing(answers):
        for answer in answers:
            framings = [(version_id, framing) for text, framing in answer for version_id in ids[text]]
            added = store.add_labels(run_id, framings, clock())
            labelled, relevant, done = labelled + added[0], relevant + added[1], done + len(framings)
            if progress:
                progress("texts", done, len(waiting))
    return labelled, relevant


def label_texts(classifier: Classifier, texts: Sequence[Text]) -> list[tuple[Text, Framing]]:
    """Each text with its label and the sentence that decided."""
    return list(zip(texts, classifier.classify(texts, evidence=True), strict=True))


def apply_aggregates(store: Store) -> int:
    """Recompute the stored counts of the days that changed, so many at a time as memory bears. Returns how many."""
    store.store_collection()
    changed = store.changed_days()
    if not changed:
        return 0
    from . import aggregate  # and with it pandas, half of all imports: most runs of an hour change nothing

    sizes = itertools.accumulate(articles for _, articles in changed)
    numbered = zip((size // COUNTED_AT_ONCE for size in sizes), changed, strict=True)
    for _, part in itertools.groupby(numbered, lambda each: each[0]):
        days = [day for _, (day, _) in part]
        around = store.articles_of(aggregate.days_around(days))
        store.replace_periods(days, aggregate.period_frames(around, days, store.frames))
        articles = store.articles_on(days)
        store.replace_days(days, aggregate.daily_frames(articles, store.frames))  # last: it ends the days' change
    return len(changed)


def apply_health(store: Store, now: datetime) -> None:
    """Store what each feed is now, for readers of the database; `status` and reports judge anew."""
    store.replace_health((health.judge(record, now) for record in store.feed_records(now)), now)


def _exit_code(results: Sequence[FeedResult], feeds: int) -> ExitCode:
    asked = [result.outcome.succeeded for result in results if result.outcome is not FetchOutcome.HELD_BACK]
    if all(asked):
        return ExitCode.OK
    return ExitCode.SOME_FEEDS_FAILED if any(asked) or len(asked) < min(feeds, FEW_FEEDS) else ExitCode.NOTHING_WORKED


@contextlib.contextmanager
def _noting_its_end(store: Store, run_id: int, clock: Callable[[], datetime]) -> Iterator[None]:
    """Say in the run's row how it ended, when it ends early, and name the run in every log record."""
    with logs.bound(run_id=run_id):
        try:
            yield
        except BaseException as error:
            state = "failed" if isinstance(error, Exception) else "interrupted"
            code = error.exit_code if isinstance(error, TrackerError) else ExitCode.NOTHING_WORKED
            code = code if state == "failed" else ExitCode.INTERRUPTED
            try:
                store.end_run(run_id, state, code, clock(), str(error)[:500] or type(error).__name__)
            except TrackerError as second:  # a full disk stops this note too; the next run marks the row
                log.debug("the run's end was not stored: %s", second)
            raise


@contextlib.contextmanager
def recorded(store: Store, begin: Callable[[], int], clock: Callable[[], datetime]) -> Iterator[int]:
    """Begin a run and yield its id; its row gets an end in every case that leaves us alive."""
    with contextlib.ExitStack() as stack:
        with held_back():  # a signal in between would leave the row open
            run_id = begin()
            stack.enter_context(_noting_its_end(store, run_id, clock))
        yield run_id


def check_frames(classifier: Classifier, frames: Frames) -> None:
    """Refuse a classifier that tells other frames apart. `load_classifier` does so itself; others are handed in."""
    if classifier.info.frames != frames:
        raise ModelError(
            f"tells the frames {classifier.info.frames} apart, but {frames} are in force; use a model of these frames",
            path=classifier.info.model_id,
        )


def relabel(
    database: Path,
    classifier: Classifier,
    progress: Progress | None = None,
    *,
    activate: bool = False,
    spread: Spread | None = None,
) -> tuple[int, int]:
    """Label what is stored with another model; earlier labels stay. Returns (labelled, relevant).

    With `activate` reports show this model from now on. `spread` as of `apply_labels`. Raises as `run` does; a second
    call goes on from there.
    """
    with open_store(database) as store:  # a relabelling must not make a new database
        check_frames(classifier, store.frames)
    with locked(database, "classify"), open_store(database, read_only=False) as store:
        begin = functools.partial(store.begin_relabelling, classifier.info, _now(), activate=activate)
        with recorded(store, begin, _now) as run_id:
            labelled, relevant = apply_labels(store, run_id, classifier, progress, spread=spread)
            apply_aggregates(store)
            store.end_run(run_id, "finished", ExitCode.OK, _now())
            data = {"labelled": labelled, "relevant": relevant, "model": classifier.info.model_id}
            log.info("%d texts labelled, %d on topic", labelled, relevant, extra={"event": "relabelled"} | data)
    return labelled, relevant


def count_lake(folder: Path, database: Path, config: Config) -> tuple[Lake, int]:
    """Count the articles of a lake and store the counts in a database that has none of its own.

    Returns the lake and how many of its articles are in no count, for want of a date. Raises LakeError where the lake
    is not whole or of another topic, StoreError where the database holds articles.
    """
    found = lake.opened(folder)
    if (found.query, found.language) != (config.query.text, config.topic.language):
        raise LakeError(f"was labelled for another topic: {found.query!r}, language {found.language}", path=folder)
    if found.info.frames != config.frames:
        raise LakeError(f"holds the frames {found.info.frames}, but feeds.yaml names {config.frames}", path=folder)
    with locked(database, "aggregate"), open_store(database, read_only=False, frames=config.frames) as store:
        store.show_lake(found, config, found.daily_frames(), found.period_frames(), _now())
    return found, found.undated()


def prune(database: Path, older_than: int, *, everything: bool = False, dry_run: bool = False) -> Pruned:
    """Remove texts that no feed has listed for `older_than` days; see Store.prune. Raises as `run` does."""
    with open_store(database):  # nothing to prune is no reason to make a new database
        pass
    now = datetime.now(UTC)
    with locked(database, "prune"), open_store(database, read_only=False) as store:
        return store.prune(now - timedelta(days=older_than), now, on_topic=everything, dry_run=dry_run)


def draw_sample(
    database: Path,
    name: str,
    design: Design,
    *,
    purpose: str = "audit",
    since: str = "",
    until: str = "",
    learned: Collection[str] = (),
) -> dict[str, Any]:
    """Draw texts to be coded by people and store them as the sample `name`; see `sample`. Raises as `run` does.

    A design without phases takes the events of the topic; its only phase "none" stands for no phases. Texts, and what
    resembles them, that have a code or are in a sample of the other purpose are set apart, and from an audit those
    that a model has `learned` from (`coded.fingerprint`). Returns what was drawn: sample, seed, phases, frame_size,
    set_apart, drawn, and strata (stratum, texts, drawn, inclusion).
    """
    other = "training" if purpose == "audit" else "audit"
    with open_store(database):  # nothing to draw from is no reason to make a new database
        pass
    with locked(database, "sample"), open_store(database, read_only=False) as store:
        if not design.phases:
            days = {str(day) for day in store.events()["date"]}
            design = replace(design, phases=tuple(sorted(days)))
        elif design.phases == ("none",):
            design = replace(design, phases=())
        taken = store.coded_texts(other)
        whole = store.sampling_frame(since, until or "9999")
        near = resembling([_joined(unit.text) for unit in whole], [_joined(text) for _, _, text in taken])
        if purpose == "audit" and learned:
            near |= [fingerprint(unit.text) in learned for unit in whole]
        frame = sample.apart_from(whole, {story for _, story, _ in taken}, near.tolist())
        try:
            strata = sample.draw(frame, design)
        except ValueError as error:
            raise StoreError(f"no sample was drawn: {error}", path=database, exit_code=ExitCode.USAGE) from error
        apart = len(whole) - len(frame)
        about = {"purpose": purpose, "since": since, "until": until}
        store.add_sample(name, design, strata, _now(), set_apart=apart, **about)
    rows = [(s.name, len(s.units), len(s.drawn), s.inclusion) for s in strata]
    return {
        "sample": name,
        **about,
        "seed": design.seed,
        "phases": list(design.phases),
        "frame_size": len(frame),
        "set_apart": apart,
        "drawn": sum(len(s.drawn) for s in strata),
        "strata": [dict(zip(("stratum", "texts", "drawn", "inclusion"), row, strict=True)) for row in rows],
    }


def _joined(text: Text) -> str:
    return f"{text.title} {text.summary}"


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
    feed and each batch of labels: (stage, done, total). With `due_only` only the feeds are asked whose time has come
    (`schedule.due`); without it all are, except those that are off and those whose host asked to be left alone. After
    `deadline` seconds no feed and no page is asked for any more; what has come is still labelled. `clock` gives the
    time of day, aware UTC.

    Raises TrackerError (AlreadyRunningError when another run holds the lock); what was stored up to there is kept,
    and the next run goes on from it.
    """
    config = configuration.load(Path(config)) if isinstance(config, str | Path) else config
    path = database or config.database
    if config.full_text:
        fulltext.require()
    classifier = classifier or load_classifier(**config.classifier_options())
    check_frames(classifier, config.frames)
    with locked(path, "run"), open_store(path, read_only=False, frames=config.frames) as store:
        return _run(store, config, classifier, _Polling(due_only, deadline, clock), progress)


def _run(
    store: Store, config: Config, classifier: Classifier, polling: _Polling, progress: Progress | None
) -> RunSummary:
    started, ticks = polling.clock(), time.monotonic()
    begin = functools.partial(store.begin_run, config, classifier.info, started)
    with recorded(store, begin, polling.clock) as run_id:
        selection = _select(store, config.feeds, started, due_only=polling.due_only)
        log.info("asks %d feeds", len(selection.requests), extra={"event": "run_started", "not_due": selection.not_due})
        results = _ingest(store, run_id, config, selection, polling, progress)
        passed = apply_gate(store, config.query, config.topic.language)
        pages, pages_read = read_pages(store, run_id, config, polling.after(time.monotonic() - ticks), progress)
        if pages_read:
            passed += apply_gate(store, config.query, config.topic.language)
        labelled, relevant = apply_labels(store, run_id, classifier, progress, polling.clock)
        days = apply_aggregates(store)
        finished = max(started, polling.clock())
        apply_health(store, finished)
        code = _exit_code(results, len(config.feeds))
        store.end_run(run_id, "finished", code, finished)
    summary = RunSummary(
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
        pages=pages,
        pages_read=pages_read,
    )
    data = {name: getattr(summary, name) for name in summary.__slots__} | {
        "event": "run_finished",
        "feeds": len(results),
    }
    data |= {"failed": sum(result.outcome.attempted and not result.outcome.succeeded for result in results)}
    seconds = (finished - started).total_seconds()
    log.info("finished in %.1f s with exit code %d", seconds, code, extra=data | {"seconds": seconds})
    return summary
