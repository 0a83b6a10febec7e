"""The SQLite file: the only module that speaks SQL.

One writer at a time (the pipeline), any number of readers: WAL keeps them out of each other's way. What belongs
together is one transaction: a feed's attempt with all that it brought, a batch of labels, a set of days.
From here on data is a pandas DataFrame; times in frames are aware UTC.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from sqlite_utils import Database

from . import __version__, schedule, schema, stories
from .coded import settled
from .errors import ExitCode, StoreBusyError, StoreError
from .framing import DEFAULT_FRAMES
from .identity import KnownArticle, canonical_url, same_article
from .interruption import held_back
from .records import (
    Access,
    Attempt,
    Feed,
    FeedHistory,
    FeedKind,
    FeedRecord,
    FeedResult,
    FeedState,
    FetchOutcome,
    FullText,
    Listed,
    Outlet,
    Page,
    PageText,
    ParsedFeed,
    Pruned,
    Rejected,
    Robots,
    SummarySource,
    Text,
)
from .sample import OFF_TOPIC, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from .classify import ModelInfo
    from .coded import Codes
    from .config import Config
    from .framing import Frames
    from .health import Verdict
    from .records import Code, Fetched, Framing, GateDecision, Lead, Sighting
    from .sample import Design, Stratum

P = ParamSpec("P")
R = TypeVar("R")

BUSY_SECONDS = 10.0
"""How long a statement waits for another writer before it gives up."""

MAX_COMPARED = 200
"""Articles compared with a new one: what keeps a run linear when thousands share a headline or a common phrase."""

MAX_LISTED = 50
"""Articles that a feed listed last, from which its pace is taken."""

MAX_VERSIONS = 24
"""Wordings kept per article: a page that prints the time in its lead must not grow for ever."""

_TIME_COLUMNS = (
    "published_at first_seen_at last_seen_at started_at finished_at last_fetch_at last_success_at "
    "newest_article_at first_published_at last_published_at created_at coded_at drawn_at "
    "wait_until fresh_until off_since since judged_at read_at"
).split()


def _iso(time: datetime) -> str:
    """UTC to the second with explicit offset: sorts as text, and SQLite's date functions read it."""
    return time.astimezone(UTC).replace(microsecond=0).isoformat()


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _page(row: Sequence[Any]) -> Page:
    version_id, url, title, name, country, group, source = row[:7]
    language, declared, agency, agency_words, tries, outcome, last_at = row[7:]
    last = FetchOutcome(outcome) if outcome else None
    outlet = Outlet(name, country, group)
    told = (language, bool(declared), agency, agency_words)
    return Page(version_id, url, title, outlet, SummarySource(source), *told, tries, last, _time(last_at))


def _translated(method: Callable[Concatenate[Store, P], R]) -> Callable[Concatenate[Store, P], R]:
    """Turn SQLite's errors into ours, in the user's words."""

    def translated(self: Store, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with _speaking_of(self.path):
            return method(self, *args, **kwargs)

    return cast("Callable[Concatenate[Store, P], R]", functools.wraps(method)(translated))


@contextlib.contextmanager
def _speaking_of(path: Path | str) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error)
        if "locked" in text or "busy" in text:
            raise StoreBusyError(
                f"another program has held the database for more than {BUSY_SECONDS:g} s; "
                "what was stored before is safe: close the other program and run again",
                path=path,
            ) from error
        if "full" in text or "disk I/O" in text:
            raise StoreError(
                f"cannot write ({text}); what was stored before is safe: free some space and run again", path=path
            ) from error
        if "readonly" in text or "read-only" in text:
            raise StoreError("the file or its folder is read-only; choose another with --db", path=path) from error
        if "not a database" in text:
            raise StoreError(
                "is not an SQLite database; choose another with --db", path=path, exit_code=ExitCode.USAGE
            ) from error
        if "unable to open" in text:
            raise StoreError("cannot be opened; does the folder exist, and may you write there?", path=path) from error
        if "malformed" in text or "corrupt" in text:
            raise StoreError("is damaged; restore a copy, or `sqlite3 FILE .recover`", path=path) from error
        raise


def _connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    if path.is_dir():
        raise StoreError("cannot be opened: it is a folder; name a file with --db", path=path, exit_code=ExitCode.USAGE)
    if read_only:
        if not path.exists():
            raise StoreError(
                "there is no such database yet; `media-coverage run` makes one", path=path, exit_code=ExitCode.USAGE
            )
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)
    else:
        if not path.absolute().parent.is_dir():
            raise StoreError("the folder does not exist", path=path, exit_code=ExitCode.USAGE)
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA recursive_triggers = ON")  # or INSERT OR REPLACE gets past the append-only triggers
    return connection


def _check_ours(connection: sqlite3.Connection, path: Path, *, may_be_new: bool) -> bool:
    """Refuse foreign and newer files. True when the file has no tables yet."""
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    new = not names - {"_sqlite_migrations", "sqlite_sequence"}
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != schema.APPLICATION_ID and not (new and application == 0 and may_be_new):
        raise StoreError(
            "is not a media-coverage database; choose another with --db", path=path, exit_code=ExitCode.USAGE
        )
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    with contextlib.closing(sqlite3.connect(":memory:")) as nothing_applied:
        known = len(schema.migrations.pending(Database(nothing_applied)))
    if version > known:
        raise StoreError(
            f"was written by a newer media-coverage (schema {version}, this one knows {known}); upgrade the package",
            path=path,
            exit_code=ExitCode.USAGE,
        )
    return new


def _migrate(db: Database, path: Path, frames: Frames, *, new: bool) -> None:
    """Apply what is pending; a file that holds data is copied first."""
    if new:
        db.execute("PRAGMA journal_mode = WAL")
    pending = schema.migrations.pending(db)
    if pending and not new:
        backup = path.with_name(f"{path.name}.before-{pending[0].name}")
        backup.unlink(missing_ok=True)
        db.execute("VACUUM INTO ?", [str(backup)])
    schema.upgrade(db, frames)


def _frames_of(db: Database) -> Frames:
    """The frames of the file; before schema 2 only the default ones were known."""
    return schema.frames_of(db) if db.table("frame").exists() else DEFAULT_FRAMES


def _check_frames(held: Frames, wanted: Frames, path: Path) -> None:
    if held != wanted:
        raise StoreError(
            f"holds the frames {held}, but feeds.yaml names {wanted}; give them a database of their own: "
            "another file under `database` in feeds.yaml, or --db",
            path=path,
            exit_code=ExitCode.USAGE,
        )


def open_store(path: str | Path, *, read_only: bool = True, frames: Frames | None = None) -> Store:
    """Open a database; with `read_only=False` create or migrate it first.

    A new database gets `frames`, or the default ones; it keeps them for good. Raises StoreError when the file is
    foreign, newer than this code, damaged, not to be had, or holds other frames than those asked for.
    """
    path = Path(path)
    with _speaking_of(path):
        connection = _connect(path, read_only=read_only)
        try:
            new = _check_ours(connection, path, may_be_new=not read_only)
            db = Database(connection)
            if not read_only:
                _migrate(db, path, frames or DEFAULT_FRAMES, new=new)
                connection.execute("PRAGMA synchronous = NORMAL")  # with WAL: durable up to the last checkpoint
            held = _frames_of(db)
            if frames is not None:
                _check_frames(held, frames, path)
        except BaseException:
            connection.close()
            raise
    return Store(db, path, held)


class Store:
    """An open database. Use `open_store`; close it, or use it as a context manager.

    `frames` are the two that it holds; labels and columns are called after them.
    """

    def __init__(self, db: Database, path: Path, frames: Frames) -> None:
        self._db, self.path, self.frames = db, path, frames

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        self._db.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with held_back():
            # IMMEDIATE: wait for the lock at the start, instead of failing half-way with a stale snapshot.
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.rollback()
                raise
            self._db.commit()

    def _one(self, sql: str, *parameters: object) -> Any:
        row = self._db.execute(sql, list(parameters)).fetchone()
        return row[0] if row else None

    def _insert(self, table: str, row: dict[str, object]) -> int:
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        cursor = self._db.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(row.values()))  # noqa: S608
        return int(cursor.lastrowid or 0)

    # ------------------------------------------------------------------ a run

    @_translated
    def begin_run(self, config: Config, model: ModelInfo, now: datetime) -> int:
        """Register the configuration and the model, and open a run. Returns its id.

        A run that never ended (killed, power cut) is marked as interrupted. Everything it stored is kept.
        """
        with self._writing():
            self._db.execute("UPDATE run SET state = 'interrupted' WHERE state = 'running'")
            self._entitle(config.frames)
            self._register_feeds(config.feeds, now)
            self._db.execute("DELETE FROM event")
            self._db.table("event").insert_all(
                {"date": event.date.isoformat(), "name": event.name} for event in config.topic.events
            )
            topic_id = self._topic(config, now)
            model_id = self._model(model, now)
            self._activate(topic_id, model_id)
            return self._insert(
                "run",
                {
                    "started_at": _iso(now),
                    "state": "running",
                    "software": f"media-coverage {__version__}",
                    "config_sha256": config.sha256,
                    "topic_id": topic_id,
                    "model_id": model_id,
                    "runtime": model.runtime,
                    "cpu": model.cpu,
                },
            )

    @_translated
    def begin_relabelling(self, model: ModelInfo, now: datetime, *, activate: bool) -> int:
        """Open a run that labels what is stored with `model`. Returns its id.

        The labels of other models stay. With `activate` the views and daily_frames show this model from now on.
        """
        with self._writing():
            self._db.execute("UPDATE run SET state = 'interrupted' WHERE state = 'running'")
            last = self._db.execute("SELECT topic_id, config_sha256 FROM run ORDER BY id DESC LIMIT 1").fetchone()
            if last is None:
                raise StoreError("holds nothing to label yet; `media-coverage run` first", path=self.path)
            model_id = self._model(model, now)
            if activate:
                self._activate(last[0], model_id)
            return self._insert(
                "run",
                {
                    "started_at": _iso(now),
                    "state": "running",
                    "software": f"media-coverage {__version__}",
                    "config_sha256": last[1],
                    "topic_id": last[0],
                    "model_id": model_id,
                    "runtime": model.runtime,
                    "cpu": model.cpu,
                },
            )

    def _entitle(self, frames: Frames) -> None:
        """Take over how feeds.yaml calls the frames now."""
        _check_frames(self.frames, frames, self.path)
        for frame in frames.both:
            self._db.execute(
                "UPDATE frame SET title = ?, description = ? WHERE name = ?",
                [frame.title, frame.description, frame.name],
            )
        self.frames = frames

    def _register_feeds(self, feeds: Sequence[Feed], now: datetime) -> None:
        self._take_over_moves({feed.url for feed in feeds}, now)
        self._db.execute("UPDATE feed SET active = 0")
        for feed in feeds:
            self._db.execute(
                "INSERT INTO feed (url, outlet_id, kind) VALUES (?, ?, ?) ON CONFLICT (url) DO UPDATE "
                "SET outlet_id = excluded.outlet_id, kind = excluded.kind, active = 1",
                [feed.url, self._outlet(feed.outlet, listed=True), feed.kind.value],
            )

    def _take_over_moves(self, listed: set[str], now: datetime) -> None:
        """Where feeds.yaml now lists the address that a feed has moved to, it is still that feed."""
        moved = self._db.execute(
            "SELECT f.id, f.url, m.url FROM feed_url m JOIN feed f ON f.id = m.feed_id "
            "WHERE NOT EXISTS (SELECT 1 FROM feed x WHERE x.url = m.url) ORDER BY m.id"
        )
        for feed_id, old, new in moved.fetchall():
            if new in listed and old not in listed and self._one("SELECT 1 FROM feed WHERE url = ?", new) is None:
                self._db.execute("UPDATE feed SET url = ?, off_since = NULL WHERE id = ?", [new, feed_id])
                self._ask_at(feed_id, new, "feeds.yaml lists it", now)

    def _ask_at(self, feed_id: int, url: str, reason: str, now: datetime) -> None:
        self._insert("feed_url", {"feed_id": feed_id, "url": url, "since": _iso(now), "reason": reason})

    def _outlet(self, outlet: Outlet, *, listed: bool) -> int:
        """The outlet's key. What feeds.yaml lists may change group or country; what a search feed names may not."""
        row = self._db.execute("SELECT id, country, outlet_group FROM outlet WHERE name = ?", [outlet.name]).fetchone()
        if row is None:
            return self._insert(
                "outlet", {"name": outlet.name, "country": outlet.country, "outlet_group": outlet.group}
            )
        if listed and row[1:] != (outlet.country, outlet.group):
            self._db.execute(
                "UPDATE outlet SET country = ?, outlet_group = ? WHERE id = ?", [outlet.country, outlet.group, row[0]]
            )
            self._db.execute(
                "INSERT OR IGNORE INTO changed_day SELECT DISTINCT date FROM article WHERE outlet_id = ?", [row[0]]
            )
        return int(row[0])

    def _topic(self, config: Config, now: datetime) -> int:
        query, language = config.query.text, config.topic.language
        known = self._one("SELECT id FROM topic WHERE query = ? AND language = ?", query, language)
        if known is not None:
            self._db.execute("UPDATE topic SET name = ? WHERE id = ?", [config.topic.name, known])
            return int(known)
        row = {"name": config.topic.name, "query": query, "language": language, "created_at": _iso(now)}
        return self._insert("topic", dict(row))

    def _model(self, model: ModelInfo, now: datetime) -> int:
        known = self._one("SELECT id FROM model WHERE model_id = ?", model.model_id)
        if known is not None:
            return int(known)
        return self._insert(
            "model",
            {
                "model_id": model.model_id,
                "name": model.name,
                "version": model.version,
                "sha256": model.sha256,
                "codebook_version": model.codebook_version,
                "settings": json.dumps(model.settings, sort_keys=True),
                "runtime": model.runtime,
                "first_used_at": _iso(now),
            },
        )

    def _activate(self, topic_id: int, model_id: int) -> None:
        """Make this pair the one that views and daily_frames show; another pair means other days throughout."""
        before = self._db.execute("SELECT topic_id, model_id FROM active").fetchone()
        if before == (topic_id, model_id):
            return
        self._db.execute(
            "INSERT INTO active (one, topic_id, model_id) VALUES (1, ?, ?) ON CONFLICT (one) DO UPDATE "
            "SET topic_id = excluded.topic_id, model_id = excluded.model_id",
            [topic_id, model_id],
        )
        self._db.execute("INSERT OR IGNORE INTO changed_day SELECT DISTINCT date FROM article")

    @_translated
    def end_run(self, run_id: int, state: str, exit_code: int, now: datetime, error: str | None = None) -> None:
        """Close a run; `state` is finished, interrupted or failed. A clock set back makes it no shorter than 0 s."""
        with self._writing():
            self._db.execute(
                "UPDATE run SET state = ?, exit_code = ?, finished_at = max(started_at, ?), error = ? WHERE id = ?",
                [state, exit_code, _iso(now), error, run_id],
            )

    # ------------------------------------------------------------------ ingestion

    @_translated
    def feed_states(self) -> dict[str, FeedState]:
        """Validators, body hash and present address of every feed, by the address in feeds.yaml."""
        rows = self._db.execute(
            "SELECT f.url, f.etag, f.last_modified, f.body_sha256, nullif((SELECT m.url FROM feed_url m "
            "WHERE m.feed_id = f.id ORDER BY m.id DESC LIMIT 1), f.url) FROM feed f"
        )
        return {url: FeedState(*state) for url, *state in rows}

    def _refuse_older(self, table: str) -> None:
        if not self._db.table(table).exists():
            raise StoreError(
                "was written by an older version; `media-coverage run` brings it up to date", path=self.path
            )

    @_translated
    def feed_histories(self, now: datetime | None = None) -> dict[str, FeedHistory]:
        """The last attempts at every feed that feeds.yaml lists, by its address there.

        With `now`, attempts that lie in its future are left out: the clock was wrong then, or is now.
        """
        self._refuse_older("feed_url")
        feeds = self._db.execute("SELECT id, url, full_at, off_since FROM feed WHERE active").fetchall()
        latest = _iso(now + schedule.CLOCK_SLACK) if now else "9999"
        return {
            url: FeedHistory(
                self._attempts(feed_id, latest),
                self._one("SELECT count(*) FROM fetch WHERE feed_id = ?", feed_id),
                _time(full_at),
                _time(off_since),
            )
            for feed_id, url, full_at, off_since in feeds
        }

    def _attempts(self, feed_id: int, latest: str) -> tuple[Attempt, ...]:
        rows = self._db.execute(
            "SELECT started_at, outcome, status, entries, seen_before, lying_304, moved_to, wait_until, fresh_until, "
            "fresh_by, error, may_have_lost FROM fetch WHERE feed_id = ? AND started_at <= ? AND attempted "
            "ORDER BY started_at DESC, id DESC LIMIT ?",
            [feed_id, latest, schedule.HISTORY],
        )
        attempts = []
        for at, outcome, status, entries, seen_before, lying, moved_to, wait, fresh, by, error, lost in rows:
            counts, times = (status, entries, seen_before), (_time(wait), _time(fresh))
            started_at, lies, losses = datetime.fromisoformat(at), bool(lying), bool(lost)
            attempts.append(
                Attempt(started_at, FetchOutcome(outcome), *counts, lies, moved_to, *times, by, error, losses)
            )
        return tuple(reversed(attempts))

    @_translated
    def feed_records(self, now: datetime) -> list[FeedRecord]:
        """What the health of every feed that feeds.yaml lists is judged by at `now`."""
        histories = self.feed_histories(now)
        feeds = self._db.execute(
            "SELECT f.id, f.url, o.name, f.last_success_at, m.url, m.since FROM feed f JOIN outlet o "
            "ON o.id = f.outlet_id LEFT JOIN feed_url m ON m.id = (SELECT max(x.id) FROM feed_url x "
            "WHERE x.feed_id = f.id) WHERE f.active ORDER BY o.name, f.url"
        ).fetchall()
        records = []
        for feed_id, url, outlet, last_success_at, address, since in feeds:
            first_success_at = self._one(
                "SELECT started_at FROM fetch WHERE feed_id = ? AND succeeded ORDER BY started_at LIMIT 1", feed_id
            )
            failing_since = self._one(
                "SELECT started_at FROM fetch WHERE feed_id = ? AND started_at > ? AND attempted AND NOT succeeded "
                "ORDER BY started_at LIMIT 1",
                *(feed_id, last_success_at or ""),
            )
            records.append(
                FeedRecord(
                    url=url,
                    outlet=outlet,
                    history=histories[url],
                    listed=self._newest_listed(feed_id),
                    first_success_at=_time(first_success_at),
                    last_success_at=_time(last_success_at),
                    failing_since=_time(failing_since),
                    held_back=self._held_back(feed_id, histories[url]),
                    address=address,
                    moved_at=_time(since),
                )
            )
        return records

    def _newest_listed(self, feed_id: int) -> tuple[Listed, ...]:
        # Of one answer the first entries come first: feeds list their newest at the top.
        rows = self._db.execute(
            "SELECT a.published_at, s.first_seen_at FROM sighting s JOIN article a ON a.id = s.article_id "
            "WHERE s.feed_id = ? ORDER BY s.first_seen_at DESC, s.article_id LIMIT ?",
            [feed_id, MAX_LISTED],
        )
        return tuple(Listed(*map(datetime.fromisoformat, times)) for times in rows)

    def _held_back(self, feed_id: int, history: FeedHistory) -> tuple[datetime, datetime] | None:
        last = history.attempts[-1].at if history.attempts else None
        first, newest = self._db.execute(
            "SELECT min(started_at), max(started_at) FROM fetch WHERE feed_id = ? AND started_at > ? "
            "AND NOT attempted AND outcome = ?",
            [feed_id, _iso(last) if last else "", FetchOutcome.HELD_BACK.value],
        ).fetchone()
        return (datetime.fromisoformat(first), datetime.fromisoformat(newest)) if first else None

    @_translated
    def last_finished_at(self) -> datetime | None:
        """When a run last came to its end; None when none has."""
        return _time(self._one("SELECT max(finished_at) FROM run WHERE state = 'finished'"))

    @_translated
    def replace_health(self, verdicts: Iterable[Verdict], now: datetime) -> None:
        """Store what each feed is at the end of a run, in place of what it was, in one transaction."""
        with self._writing():
            self._db.execute("DELETE FROM feed_health")
            for verdict in verdicts:
                worst, *others = verdict.facts
                self._db.execute(
                    "INSERT INTO feed_health (feed_id, word, since, sentence, also, judged_at) "
                    "SELECT id, ?, ?, ?, ?, ? FROM feed WHERE url = ?",
                    [
                        worst.word.value,
                        _iso(worst.since) if worst.since else None,
                        worst.sentence,
                        ", ".join(fact.word.value for fact in others),
                        _iso(now),
                        verdict.url,
                    ],
                )

    @_translated
    def waits(self, now: datetime) -> list[tuple[str, datetime]]:
        """(address that answered, until when its host wants to be left alone), oldest answer first.

        Answers that lie in the future of `now` do not count; see `feed_histories`.
        """
        pages = self._db.table("page_fetch").exists()  # a reader may be newer than the file
        sources = [("fetch", "final_url", "started_at")]
        sources += [("page_fetch", "final_url", "started_at"), ("robots", "origin", "fetched_at")] if pages else []
        asked = " UNION ALL ".join(
            f"SELECT {url}, wait_until, {at} AS at FROM {table} WHERE wait_until > ?1 AND {at} <= ?2"  # noqa: S608
            for table, url, at in sources
        )
        rows = self._db.execute(f"{asked} ORDER BY at", [_iso(now), _iso(now + schedule.CLOCK_SLACK)])
        return [(url, datetime.fromisoformat(until)) for url, until, _ in rows]

    @_translated
    def switch_on(self, url: str) -> None:
        """Ask a feed again that its server had called gone."""
        with self._writing():
            self._db.execute("UPDATE feed SET off_since = NULL WHERE url = ?", [url])

    @_translated
    def languages(self, url: str, articles: int) -> dict[str, tuple[str | None, str]]:
        """(language, how it is known) of the wordings of a feed's newest articles, so many of them, by text hash."""
        rows = self._db.execute(
            "SELECT v.text_sha256, v.language, v.language_source FROM (SELECT article_id FROM sighting "
            "WHERE feed_id = (SELECT id FROM feed WHERE url = ?) ORDER BY article_id DESC LIMIT ?) s "
            "JOIN article_version v ON v.article_id = s.article_id",
            [url, articles],
        )
        return {sha256: (language, source) for sha256, language, source in rows}

    @_translated
    def record(
        self, run_id: int, fetched: Fetched, parsed: ParsedFeed | Rejected | None, sightings: Sequence[Sighting]
    ) -> FeedResult:
        """Store one attempt with all that it brought, in one transaction.

        `parsed` is None where nothing was parsed (failure, 304, same bytes).
        """
        outcome, error = fetched.outcome, fetched.error
        if isinstance(parsed, Rejected):
            outcome, error = parsed.outcome, parsed.error
        elif isinstance(parsed, ParsedFeed) and parsed.damage:
            damage = f"not well-formed: {parsed.damage}"
            outcome, error = FetchOutcome.DAMAGED, f"{error}; {damage}" if error else damage
        if isinstance(parsed, ParsedFeed) and parsed.cut:
            error = f"{error}; {parsed.cut}" if error else parsed.cut
        at = _iso(fetched.started_at)
        with self._writing():
            feed_id = int(self._one("SELECT id FROM feed WHERE url = ?", fetched.feed.url))
            forced, same_validators = self._forced(feed_id, fetched)
            comparable = self._one("SELECT 1 FROM sighting WHERE feed_id = ? LIMIT 1", feed_id) is not None
            fetch_id = self._insert(
                "fetch",
                {
                    "run_id": run_id,
                    "feed_id": feed_id,
                    "started_at": at,
                    "elapsed_ms": fetched.elapsed_ms,
                    "outcome": outcome.value,
                    "succeeded": int(outcome.succeeded),
                    "attempted": int(outcome.attempted),
                    "status": fetched.status,
                    "final_url": fetched.final_url,
                    "bytes": len(fetched.body),
                    "body_sha256": fetched.body_sha256,
                    "error": error,
                    "conditional": int(fetched.conditional),
                    "forced": int(forced),
                    "moved_to": fetched.moved_to,
                    "wait_until": _iso(fetched.wait_until) if fetched.wait_until else None,
                },
            )
            new_articles = new_versions = 0
            known: dict[str, bool] = {}
            for sighting in sightings:
                article, version, seen = self._add(fetched.feed, feed_id, fetch_id, sighting, at)
                new_articles += article
                new_versions += version
                known.setdefault(sighting.key, seen)
            unseen = len(known) - sum(known.values())
            self._db.execute(
                "UPDATE fetch SET entries = ?, new_articles = ?, new_versions = ?, seen_before = ?, may_have_lost = ?, "
                "lying_304 = ? WHERE id = ?",
                [
                    len(sightings),
                    new_articles,
                    new_versions,
                    len(sightings) - unseen if comparable and known else None,
                    int(comparable and unseen == len(known) > 0),
                    int(forced and same_validators and comparable and unseen > 0),
                    fetch_id,
                ],
            )
            if outcome.succeeded:
                self._remember(feed_id, fetched, outcome, parsed if isinstance(parsed, ParsedFeed) else None)
            if outcome.attempted:
                self._note_freshness(feed_id, fetch_id, fetched)
                self._follow(feed_id, fetched, outcome)
        return FeedResult(
            feed_url=fetched.feed.url,
            outlet=fetched.feed.outlet.name,
            outcome=outcome,
            status=fetched.status,
            elapsed_ms=fetched.elapsed_ms,
            entries=len(sightings),
            new_articles=new_articles,
            new_versions=new_versions,
            error=error,
        )

    def _forced(self, feed_id: int, fetched: Fetched) -> tuple[bool, bool]:
        """(validators were known and not sent, the answer carries the very same ones)."""
        held = self._db.execute("SELECT etag, last_modified FROM feed WHERE id = ?", [feed_id]).fetchone()
        forced = fetched.outcome.attempted and held != (None, None) and not fetched.conditional
        return forced, held == (fetched.headers.get("etag"), fetched.headers.get("last-modified"))

    def _remember(self, feed_id: int, fetched: Fetched, outcome: FetchOutcome, parsed: ParsedFeed | None) -> None:
        """Validators are replaced by a full answer and refreshed by a 304, which may carry new ones.

        A damaged answer leaves none: with them, a 304 would hide for long what the damage has cut off.
        """
        headers = fetched.headers if outcome is not FetchOutcome.DAMAGED else {}
        at = _iso(fetched.started_at)
        if outcome is FetchOutcome.NOT_MODIFIED:
            self._db.execute(
                "UPDATE feed SET etag = coalesce(?, etag), last_modified = coalesce(?, last_modified) WHERE id = ?",
                [headers.get("etag"), headers.get("last-modified"), feed_id],
            )
        else:
            self._db.execute(
                "UPDATE feed SET etag = ?, last_modified = ?, body_sha256 = ?, full_at = ? WHERE id = ?",
                [headers.get("etag"), headers.get("last-modified"), fetched.body_sha256, at, feed_id],
            )
        if parsed is not None:
            asked = max(round(parsed.fresh_for.total_seconds()), 0) or None if parsed.fresh_for else None
            self._db.execute(
                "UPDATE feed SET title = ?, language = ?, fresh_for_s = ? WHERE id = ?",
                [parsed.title or None, parsed.language, asked, feed_id],
            )
        self._db.execute("UPDATE feed SET last_success_at = ? WHERE id = ?", [at, feed_id])

    def _note_freshness(self, feed_id: int, fetch_id: int, fetched: Fetched) -> None:
        seconds = self._one("SELECT fresh_for_s FROM feed WHERE id = ?", feed_id)
        publisher = timedelta(seconds=seconds) if seconds and fetched.outcome.succeeded else None
        fresh = schedule.fresh_until(fetched.headers, fetched.started_at, publisher)
        if fresh:
            self._db.execute(
                "UPDATE fetch SET fresh_until = ?, fresh_by = ? WHERE id = ?", [_iso(fresh[0]), fresh[1], fetch_id]
            )

    def _follow(self, feed_id: int, fetched: Fetched, outcome: FetchOutcome) -> None:
        """Decide where the feed is asked next: somewhere else after a move, where it is listed after a false one."""
        listed, now = fetched.feed.url, fetched.started_at
        moved = self._db.execute(
            "SELECT url, since FROM feed_url WHERE feed_id = ? ORDER BY id DESC LIMIT 1", [feed_id]
        ).fetchone()
        elsewhere = moved is not None and moved[0] != listed
        gone = outcome is FetchOutcome.GONE
        if not (elsewhere or gone or fetched.moved_to):
            return
        attempts = self._attempts(feed_id, _iso(now))
        if elsewhere and (gone or schedule.should_go_back(attempts, datetime.fromisoformat(moved[1]))):
            self._ask_at(feed_id, listed, f"the address that it moved to failed ({outcome.value})", now)
        elif gone:
            self._db.execute("UPDATE feed SET off_since = ? WHERE id = ?", [_iso(now), feed_id])
        elif target := schedule.settled_move(attempts):
            if moved is None:
                self._ask_at(feed_id, listed, "feeds.yaml lists it", attempts[0].at)
            times = schedule.MOVES_BELIEVED
            self._ask_at(feed_id, target, f"{times} permanent redirects in a row led there, to the same feed", now)

    def _add(
        self, feed: Feed, feed_id: int, fetch_id: int, sighting: Sighting, seen_at: str
    ) -> tuple[bool, bool, bool]:
        """Store one sighting. Returns (the article is new, it has a new wording, this feed listed it before)."""
        entry = sighting.entry
        known = self._by_key(sighting)
        headline = stories.headline_band(entry.title) if known is None else 0
        if known is None:
            known = self._recognised(feed, feed_id, sighting, headline, seen_at)
        if known is None:
            article_id = self._insert(
                "article",
                {
                    "key": sighting.key,
                    "id_kind": sighting.id_kind.value,
                    "url": sighting.url,
                    "outlet_id": self._outlet(sighting.outlet, listed=False),
                    "story_id": self._new_story(headline, sighting),
                    "published_at": _iso(sighting.published_at),
                    "published_raw": entry.published_raw,
                    "date_source": sighting.date_source.value,
                    "first_seen_at": seen_at,
                },
            )
            self._index(article_id, headline, *self._tell(article_id, sighting))
            self._add_version(article_id, fetch_id, sighting, seen_at)
        else:
            article_id = known
        reworded = known is not None and self._is_new_wording(article_id, sighting)
        if reworded:
            self._index(article_id, stories.headline_band(entry.title))
            self._add_version(article_id, fetch_id, sighting, seen_at)
        times_seen = self._one(
            "INSERT INTO sighting (feed_id, article_id, guid, first_seen_at, last_seen_at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (feed_id, article_id) DO UPDATE "
            "SET guid = coalesce(excluded.guid, guid), last_seen_at = max(last_seen_at, excluded.last_seen_at), "
            "times_seen = times_seen + 1 RETURNING times_seen",
            *(feed_id, article_id, entry.guid, seen_at, seen_at),
        )
        return known is None, reworded, times_seen > 1

    def _by_key(self, sighting: Sighting) -> int | None:
        """The article with the key of an entry, or with that key among its earlier ones."""
        article_id = self._one(
            "SELECT id FROM article WHERE key = ? UNION ALL SELECT article_id FROM article_alias WHERE key = ?",
            *(sighting.key, sighting.key),
        )
        return None if article_id is None else int(article_id)

    def _recognised(self, feed: Feed, feed_id: int, sighting: Sighting, headline: int, seen_at: str) -> int | None:
        """The article that an entry with a new key is all the same; it gets that key, and the reason, too."""
        # CROSS JOIN: begin with the few, whatever SQLite thinks of the others.
        rows = self._db.execute(
            "SELECT a.id, o.name, EXISTS (SELECT 1 FROM text_band t WHERE t.article_id = a.id AND t.band = ?), "
            "v.text_sha256, a.published_at, a.date_source, EXISTS (SELECT 1 FROM sighting x JOIN feed f "
            "ON f.id = x.feed_id WHERE x.article_id = a.id AND f.kind = 'feed'), s.guid "
            "FROM (SELECT article_id FROM text_band WHERE band = ? UNION SELECT article_id FROM sighting "
            "WHERE feed_id = ? AND guid = ?) c CROSS JOIN article a ON a.id = c.article_id "
            "JOIN outlet o ON o.id = a.outlet_id JOIN article_version v ON v.id = a.current_version_id "
            "LEFT JOIN sighting s ON s.article_id = a.id AND s.feed_id = ? WHERE o.name = ? ORDER BY a.id DESC LIMIT ?",
            [headline, headline, feed_id, sighting.entry.guid, feed_id, sighting.outlet.name, MAX_COMPARED],
        ).fetchall()
        for article_id, outlet, same_headline, sha256, published_at, date_source, addressed, guid in rows:
            published, dated = datetime.fromisoformat(published_at), date_source == "feed"
            known = KnownArticle(outlet, bool(same_headline), sha256, published, dated, bool(addressed), guid)
            if reason := same_article(feed, sighting, known):
                row = {"key": sighting.key, "article_id": article_id, "reason": reason.value, "first_seen_at": seen_at}
                self._insert("article_alias", row)
                if feed.kind is FeedKind.FEED and not addressed and sighting.url:
                    # The publisher's own address at last, where there was a search engine's.
                    self._db.execute("UPDATE article SET url = ? WHERE id = ?", [sighting.url, article_id])
                return int(article_id)
        return None

    def _is_new_wording(self, article_id: int, sighting: Sighting) -> bool:
        rows = self._db.execute(
            "SELECT title, text_sha256, purged_at FROM article_version WHERE article_id = ?", [article_id]
        ).fetchall()
        if any(purged_at for _, _, purged_at in rows):
            return False  # what was removed must not come back while a feed still lists it
        known = {sha256: title for title, sha256, _ in rows}
        if not sighting.entry.summary and sighting.entry.title in known.values():
            return False  # a known headline listed without its lead
        return sighting.text_sha256 not in known and len(known) < MAX_VERSIONS

    def _add_version(self, article_id: int, fetch_id: int, sighting: Sighting, seen_at: str) -> None:
        version_id = self._insert(
            "article_version",
            {
                "article_id": article_id,
                "title": sighting.entry.title,
                "summary": sighting.entry.summary,
                "text_sha256": sighting.text_sha256,
                "language": sighting.language,
                "language_source": sighting.language_source,
                "first_seen_at": seen_at,
                "fetch_id": fetch_id,
                "agency": sighting.agency,
                "agency_words": sighting.agency_words,
                "summary_source": SummarySource.FEED if sighting.entry.summary else SummarySource.NONE,
            },
        )
        self._show(article_id, version_id)

    def _show(self, article_id: int, version_id: int) -> None:
        """Make a wording the one that counts."""
        self._db.execute("UPDATE article SET current_version_id = ? WHERE id = ?", [version_id, article_id])
        self._db.execute("INSERT OR IGNORE INTO changed_day SELECT date FROM article WHERE id = ?", [article_id])

    def _index(self, article_id: int, *bands: int) -> None:
        rows = [(band, article_id) for band in bands]
        self._db.conn.executemany("INSERT OR IGNORE INTO text_band VALUES (?, ?)", rows)

    def _new_story(self, headline: int, sighting: Sighting) -> int:
        story = {"story_key": f"{headline:016x}", "first_published_at": _iso(sighting.published_at)}
        return self._insert("story", dict(story))

    def _tell(self, article_id: int, sighting: Sighting) -> tuple[int, ...]:
        """Join a new article, which has a story of its own, to those with the same text. Returns its bands.

        Stories are the connected parts of the relation "same text", so the order in which feeds come in does not
        matter: an article that belongs to two stories makes them one, which keeps the older one's number and key.
        """
        published = sighting.published_at
        entry, second = sighting.entry, published.replace(microsecond=0)
        text = stories.wording(entry.title, entry.summary, sighting.outlet.name, second, sighting.agency)
        bands = stories.bands(text)
        closest: dict[int, tuple[float, int, stories.Match]] = {}
        for other_id, story_id, outlet, published_at, title, summary, agency in self._alike(bands, published):
            other = stories.wording(title, summary, outlet, datetime.fromisoformat(published_at), agency)
            if match := stories.compare(text, other):
                candidate = (match.similarity, -other_id, match)
                closest[story_id] = max(closest.get(story_id, candidate), candidate, key=lambda found: found[:2])
        for similarity, other_id, match in closest.values():
            row = {"article_id": article_id, "other_article_id": -other_id}
            self._insert("story_link", row | {"reason": match.reason.value, "similarity": similarity})
        self._merge_stories(self._one("SELECT story_id FROM article WHERE id = ?", article_id), *closest)
        return bands

    def _alike(self, bands: tuple[int, ...], published: datetime) -> list[tuple[Any, ...]]:
        """What `_tell` compares with a text: articles of its week that share a band, first those that share most."""
        if not bands:
            return []
        # Of each band the newest: one that common words make may hold a good part of all articles.
        newest = "SELECT * FROM (SELECT article_id FROM text_band WHERE band = ? ORDER BY article_id DESC LIMIT ?)"
        return self._db.execute(
            "SELECT a.id, a.story_id, o.name, a.published_at, v.title, v.summary, v.agency "  # noqa: S608 - fixed texts
            f"FROM (SELECT article_id, count(*) AS shared FROM ({' UNION ALL '.join([newest] * len(bands))}) "
            "GROUP BY article_id) c CROSS JOIN article a ON a.id = c.article_id "
            "JOIN outlet o ON o.id = a.outlet_id JOIN article_version v "
            "ON v.id = (SELECT min(x.id) FROM article_version x WHERE x.article_id = a.id) "
            "WHERE a.published_at BETWEEN ? AND ? ORDER BY c.shared DESC, a.id DESC LIMIT ?",
            [
                *(number for band in bands for number in (band, MAX_COMPARED)),
                *(_iso(published - stories.WINDOW), _iso(published + stories.WINDOW), MAX_COMPARED),
            ],
        ).fetchall()

    def _merge_stories(self, *story_ids: int) -> None:
        kept = min(story_ids)
        for story_id in set(story_ids) - {kept}:
            self._db.execute(
                "INSERT OR IGNORE INTO changed_day SELECT date FROM article WHERE story_id = ?", [story_id]
            )
            self._db.execute("UPDATE article SET story_id = ? WHERE story_id = ?", [kept, story_id])
            self._db.execute("DELETE FROM story WHERE id = ?", [story_id])

    # ------------------------------------------------------------------ pages of articles

    @_translated
    def pages(self, full_text: Mapping[str, FullText], since: datetime) -> list[Page]:
        """The pages to be read, newest wording first, whatever became of earlier attempts.

        Those of the newest wordings, first seen since, that passed the active topic's gate, of articles that a feed of
        their publisher listed; `full_text` names the outlets, and whether the feed's lead makes the page needless.
        """
        rows = self._db.execute(
            "SELECT v.id, a.url, v.title, o.name, o.country, o.outlet_group, v.summary_source, v.language, "
            "v.language_source = 'declared', v.agency, v.agency_words, count(p.id), p.outcome, max(p.started_at) "
            "FROM active JOIN gate g ON g.topic_id = active.topic_id AND g.passed "
            "JOIN article_version v ON v.id = g.version_id JOIN article a ON a.current_version_id = v.id "
            "JOIN outlet o ON o.id = a.outlet_id LEFT JOIN page_fetch p ON p.version_id = v.id "
            "WHERE v.first_seen_at >= ? AND v.purged_at IS NULL AND v.summary_source <> 'page' AND a.id_kind = 'url' "
            "AND o.name IN (SELECT value FROM json_each(?)) AND EXISTS (SELECT 1 FROM sighting s "
            "JOIN feed f ON f.id = s.feed_id WHERE s.article_id = a.id AND f.kind = 'feed') "
            "GROUP BY v.id ORDER BY v.id DESC",
            [_iso(since), json.dumps(list(full_text))],
        )
        every = {name for name, wanted in full_text.items() if wanted is FullText.ALL}
        pages = map(_page, rows)
        return [page for page in pages if page.source is SummarySource.NONE or page.outlet.name in every]

    @_translated
    def robots(self, now: datetime) -> dict[str, Robots]:
        """What is known of robots.txt and has not expired, by origin."""
        rows = self._db.execute(
            "SELECT origin, access, fetched_at, expires_at, rules, reason, wait_until FROM robots "
            "WHERE expires_at > ? AND fetched_at <= ?",
            [_iso(now), _iso(now + schedule.CLOCK_SLACK)],
        )
        return {
            origin: Robots(
                *(origin, Access(access), datetime.fromisoformat(at), datetime.fromisoformat(until)),
                *(rules, reason, _time(wait)),
            )
            for origin, access, at, until, rules, reason, wait in rows
        }

    @_translated
    def remember_robots(self, learnt: Iterable[Robots]) -> None:
        """Keep what was learnt of robots.txt, in place of what was known of the same origins."""
        with self._writing():
            for robots in learnt:
                self._db.execute("DELETE FROM robots WHERE origin = ?", [robots.origin])
                self._insert(
                    "robots",
                    {
                        "origin": robots.origin,
                        "access": robots.access,
                        "fetched_at": _iso(robots.fetched_at),
                        "expires_at": _iso(robots.expires_at),
                        "rules": robots.rules,
                        "reason": robots.reason,
                        "wait_until": _iso(robots.wait_until) if robots.wait_until else None,
                    },
                )

    @_translated
    def record_page(
        self, run_id: int, page: Page, fetched: Fetched, found: PageText | Rejected | None, lead: Lead | None
    ) -> None:
        """Store one attempt at a page with what it brought, in one transaction: a text, and a lead where one lacked.

        `found` is None where no page came. A lead makes a new wording; the one without it stays, with its labels.
        """
        outcome, error = fetched.outcome, fetched.error
        if isinstance(found, Rejected):
            outcome, error = found.outcome, found.error
        text = found if isinstance(found, PageText) else None
        at = _iso(fetched.started_at)
        with self._writing():
            self._insert(
                "page_fetch",
                {
                    "run_id": run_id,
                    "version_id": page.version_id,
                    "started_at": at,
                    "elapsed_ms": fetched.elapsed_ms,
                    "outcome": outcome.value,
                    "succeeded": int(text is not None),
                    "attempted": int(outcome.attempted),
                    "status": fetched.status,
                    "final_url": fetched.final_url,
                    "bytes": len(fetched.body),
                    "text_sha256": self._page_text(text, at) if text else None,
                    "words": len(text.text.split()) if text else None,
                    "lead_version_id": self._add_lead(page, lead, at) if lead else None,
                    "wait_until": _iso(fetched.wait_until) if fetched.wait_until else None,
                    "error": text.cut if text else error,
                },
            )

    def _page_text(self, found: PageText, at: str) -> str:
        digest = hashlib.sha256(found.text.encode()).hexdigest()
        self._db.execute("INSERT OR IGNORE INTO page_text VALUES (?, ?, ?)", [digest, found.text, at])
        return digest

    def _add_lead(self, page: Page, lead: Lead, at: str) -> int:
        article_id, fetch_id = self._db.execute(
            "SELECT article_id, fetch_id FROM article_version WHERE id = ?", [page.version_id]
        ).fetchone()
        version_id = self._insert(
            "article_version",
            {
                "article_id": article_id,
                "title": page.title,
                "summary": lead.summary,
                "text_sha256": lead.text_sha256,
                "language": lead.language,
                "language_source": lead.language_source,
                "first_seen_at": at,
                "fetch_id": fetch_id,
                "agency": lead.agency,
                "agency_words": lead.agency_words,
                "summary_source": SummarySource.PAGE,
            },
        )
        self._show(article_id, version_id)
        return version_id

    @_translated
    def texts(self) -> pd.DataFrame:
        """The texts of articles whose pages were read, newest first, columns as in the view v_texts."""
        return self._frame("SELECT * FROM v_texts ORDER BY read_at DESC, version_id")

    # ------------------------------------------------------------------ gate and labels

    @_translated
    def ungated(self) -> list[tuple[int, Text, str | None]]:
        """(version id, text, language) of every text without a decision for the active topic."""
        rows = self._db.execute(
            "SELECT v.id, v.title, v.summary, v.language FROM article_version v JOIN active "
            "LEFT JOIN gate g ON g.version_id = v.id AND g.topic_id = active.topic_id "
            "WHERE g.version_id IS NULL AND v.purged_at IS NULL ORDER BY v.id"
        )
        return [(version_id, Text(title, summary), language) for version_id, title, summary, language in rows]

    @_translated
    def add_gate_decisions(self, decisions: Iterable[tuple[int, GateDecision]]) -> int:
        """Store decisions for the active topic, in one transaction. Returns how many let their text pass."""
        passed = 0
        with self._writing():
            topic_id = self._one("SELECT topic_id FROM active")
            for version_id, decision in decisions:
                self._db.execute(
                    "INSERT INTO gate (version_id, topic_id, passed, stage, reason) VALUES (?, ?, ?, ?, ?)",
                    [version_id, topic_id, int(decision.passed), decision.stage, decision.reason],
                )
                passed += decision.passed
        return passed

    @_translated
    def unlabelled(self, run_id: int | None = None) -> list[tuple[int, Text]]:
        """(version id, text) of what passed the active topic's gate and has no label yet.

        The label meant is that of the active model, or of the model of `run_id`.
        """
        rows = self._db.execute(
            "SELECT v.id, v.title, v.summary FROM active "
            "JOIN model m ON m.id = coalesce((SELECT model_id FROM run WHERE id = ?), active.model_id) "
            "JOIN gate g ON g.topic_id = active.topic_id AND g.passed = 1 "
            "JOIN article_version v ON v.id = g.version_id "
            "LEFT JOIN label l ON l.version_id = v.id AND l.model_id = m.id "
            "AND l.codebook_version = m.codebook_version WHERE l.version_id IS NULL AND v.purged_at IS NULL "
            "ORDER BY v.id",
            [run_id],
        )
        return [(version_id, Text(title, summary)) for version_id, title, summary in rows]

    @_translated
    def add_labels(self, run_id: int, framings: Iterable[tuple[int, Framing]], now: datetime) -> None:
        """Store labels of the run's model, in one transaction."""
        first, second = self.frames.both
        with self._writing():
            model_id, codebook = self._db.execute(
                "SELECT m.id, m.codebook_version FROM run r JOIN model m ON m.id = r.model_id WHERE r.id = ?", [run_id]
            ).fetchone()
            for version_id, framing in framings:
                self._insert(
                    "label",
                    {
                        "version_id": version_id,
                        "model_id": model_id,
                        "codebook_version": codebook,
                        "run_id": run_id,
                        "relevant": int(framing.relevant),
                        "label": framing.label,
                        "leaning": framing.leaning,
                        "uncertain": int(framing.uncertain),
                        "p_relevant": framing.p_relevant,
                        f"p_{first.output}": framing.p[0],
                        f"p_{second.output}": framing.p[1],
                        "evidence": framing.evidence,
                        "created_at": _iso(now),
                    },
                )
                self._db.execute(
                    "INSERT OR IGNORE INTO changed_day SELECT a.date FROM article a "
                    "JOIN article_version v ON v.article_id = a.id WHERE v.id = ?",
                    [version_id],
                )

    # ------------------------------------------------------------------ retention

    @_translated
    def prune(
        self, last_seen_before: datetime, now: datetime, *, on_topic: bool = False, dry_run: bool = False
    ) -> Pruned:
        """Remove headlines, leads, texts of pages and evidence of articles that no feed has listed since.

        With `dry_run` count only.

        Off-topic articles, or with `on_topic` all; never those that wait for a decision or a label, and never those
        that people have coded or are to code. Everything else stays: keys and hashes, by which a feed that still lists
        them adds nothing, labels, counts, agencies, story links. What was removed is gone from the file too.
        """
        chosen = (
            "SELECT v.article_id FROM v_articles v WHERE v.purged_at IS NULL AND (v.passed_gate = 0 OR "
            "v.p_relevant IS NOT NULL) AND (? OR NOT v.on_topic) AND NOT EXISTS (SELECT 1 FROM sighting s "
            "WHERE s.article_id = v.article_id AND s.last_seen_at >= ?) AND NOT EXISTS (SELECT 1 FROM code c "
            "JOIN article_version x ON x.id = c.version_id WHERE x.article_id = v.article_id) AND NOT EXISTS "
            "(SELECT 1 FROM sample_item i JOIN article_version x ON x.id = i.version_id "
            "WHERE x.article_id = v.article_id)"
        )
        with self._writing():
            ids = [row[0] for row in self._db.execute(chosen, [int(on_topic), _iso(last_seen_before)])]
            listed = json.dumps(ids)
            # A text that an article which stays shows too is not removed.
            texts = (
                "FROM page_text WHERE sha256 IN (SELECT p.text_sha256 FROM page_fetch p JOIN article_version v "
                "ON v.id = p.version_id WHERE v.article_id IN (SELECT value FROM json_each(?1))) "
                "AND NOT EXISTS (SELECT 1 FROM page_fetch p JOIN article_version v ON v.id = p.version_id "
                "WHERE p.text_sha256 = page_text.sha256 AND v.purged_at IS NULL "
                "AND v.article_id NOT IN (SELECT value FROM json_each(?1)))"
            )
            counted = self._db.execute(
                "SELECT count(DISTINCT article_id), count(*), coalesce(sum(length(title) + length(summary)), 0) "  # noqa: S608
                f"+ (SELECT coalesce(sum(length(text)), 0) {texts}) "
                "FROM article_version WHERE article_id IN (SELECT value FROM json_each(?1))",
                [listed],
            ).fetchone()
            if dry_run or not ids:
                return Pruned(*counted)
            self._db.execute(
                "UPDATE article_version SET title = '', summary = '', purged_at = ? "
                "WHERE article_id IN (SELECT value FROM json_each(?))",
                [_iso(now), listed],
            )
            self._db.execute(
                "UPDATE label SET evidence = '' WHERE version_id IN (SELECT id FROM article_version "
                "WHERE article_id IN (SELECT value FROM json_each(?)))",
                [listed],
            )
            self._db.execute(f"DELETE {texts}", [listed])
        self._db.execute("VACUUM")
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return Pruned(*counted)

    # ------------------------------------------------------------------ codes by people

    @_translated
    def add_codes(self, codes: Iterable[Code], now: datetime) -> None:
        """Store coders' answers, all of them or none. Nothing stored is ever changed: of several the newest counts.

        Raises StoreError for a sample that does not exist or does not hold the text, for training codes of texts whose
        story an audit sample holds, and for what the codebook does not allow.
        """
        first, second = self.frames.outputs[1:]
        with self._writing():
            for code in codes:
                row: dict[str, object] = {
                    "version_id": code.version_id,
                    "coder": code.coder,
                    "codebook_version": code.codebook_version,
                    "rel": int(code.relevant),
                    first: int(code.frames[0]),
                    second: int(code.frames[1]),
                    "voice": code.voice,
                    "certainty": code.certainty,
                    "note": code.note,
                    "purpose": code.purpose,
                    "kind": code.kind,
                    "sample_id": self._sample_of(code),
                    "session": code.session,
                    "coded_at": _iso(code.coded_at or now),
                }
                try:
                    self._insert("code", row)
                except sqlite3.IntegrityError as error:
                    raise self._refused(code, str(error)) from error

    def _refused(self, code: Code, reason: str) -> StoreError:
        return StoreError(
            f"{code.coder}'s code of text {code.version_id} cannot be stored ({reason}); none was",
            path=self.path,
            exit_code=ExitCode.USAGE,
        )

    def _sample_of(self, code: Code) -> int | None:
        """The key of the code's sample. Keeps what models learn from and what they are measured on apart."""
        if code.purpose == "training":
            held = self._one(
                "SELECT s.name FROM sample s JOIN sample_item i ON i.sample_id = s.id "
                "JOIN article_version v ON v.id = i.version_id JOIN article a ON a.id = v.article_id "
                "WHERE s.purpose = 'audit' AND a.story_id = (SELECT b.story_id FROM article b "
                "JOIN article_version w ON w.article_id = b.id WHERE w.id = ?)",
                code.version_id,
            )
            if held is not None:
                raise self._refused(code, f"the audit sample {held} holds its story, so no model may learn from it")
        if code.sample is None:
            return None
        row = self._db.execute(
            "SELECT s.id, s.purpose FROM sample s JOIN sample_item i ON i.sample_id = s.id "
            "WHERE s.name = ? AND i.version_id = ?",
            [code.sample, code.version_id],
        ).fetchone()
        if row is None:
            raise self._refused(code, f"the sample {code.sample} does not hold it")
        if row[1] != code.purpose:
            raise self._refused(code, f"the sample {code.sample} is for {row[1]}, the code for {code.purpose}")
        return int(row[0])

    @_translated
    def codes(self, sample: str | None = None) -> pd.DataFrame:
        """What coders said, oldest first, columns as in the view v_codes. A file that knew no codes yet has none.

        With `sample` only the codes that were given in it.
        """
        if not self._db["v_codes"].exists():
            import pandas as pd

            return pd.DataFrame()
        if sample is None:
            return self._frame("SELECT * FROM v_codes ORDER BY coded_at, code_id")
        return self._frame("SELECT * FROM v_codes WHERE sample = ? ORDER BY coded_at, code_id", sample)

    @_translated
    def coded_texts(self, purpose: str) -> list[tuple[int, int, Text]]:
        """(version, story, text) of all that has a code of this purpose, or was drawn into a sample for it."""
        if not self._db.table("sample").exists():
            return []
        rows = self._db.execute(
            "SELECT v.id, a.story_id, v.title, v.summary FROM article_version v JOIN article a ON a.id = v.article_id "
            "WHERE v.id IN (SELECT version_id FROM code WHERE purpose = ?1 UNION SELECT i.version_id "
            "FROM sample_item i JOIN sample s ON s.id = i.sample_id WHERE s.purpose = ?1) ORDER BY v.id",
            [purpose],
        )
        return [(version, story, Text(title, summary)) for version, story, title, summary in rows]

    @_translated
    def titles(self, versions: Iterable[str], sample: str | None = None) -> dict[int, str]:
        """Headlines by version, of those versions that are here, hold a text and, if given, belong to the sample.

        Versions are given as text, as files have them; what is no number names none.
        """
        rows = self._db.execute(
            "SELECT v.id, v.title FROM article_version v WHERE CAST(v.id AS TEXT) IN "
            "(SELECT value FROM json_each(?1)) AND v.purged_at IS NULL AND (?2 IS NULL OR v.id IN "
            "(SELECT i.version_id FROM sample_item i JOIN sample s ON s.id = i.sample_id WHERE s.name = ?2))",
            [json.dumps(list(versions)), sample],
        )
        return dict(rows.fetchall())

    # ------------------------------------------------------------------ samples to be coded

    @_translated
    def sampling_frame(self, since: str = "", until: str = "9999") -> list[Unit]:
        """What may be drawn into a sample, by version: one text per story, see `sample`.

        `since` and `until` are days (YYYY-MM-DD), both included.
        """
        rows = self._db.execute(
            "WITH told AS (SELECT version_id, story_id, title, summary, on_topic, label, uncertain, date, "
            "outlet_group, row_number() OVER (PARTITION BY story_id ORDER BY published_at, article_id) AS place "
            "FROM v_articles WHERE passed_gate AND p_relevant IS NOT NULL AND purged_at IS NULL "
            "AND date BETWEEN ? AND ?) SELECT version_id, story_id, title, summary, "
            "CASE WHEN on_topic THEN label ELSE 'off_topic' END, uncertain, date, outlet_group "
            "FROM told WHERE place = 1 ORDER BY version_id",
            [since, until],
        )
        return [
            Unit(version, story, Text(title, summary), label, bool(uncertain), date, group)
            for version, story, title, summary, label, uncertain, date, group in rows
        ]

    @_translated
    def add_sample(
        self,
        name: str,
        design: Design,
        strata: Sequence[Stratum],
        now: datetime,
        *,
        purpose: str = "audit",
        since: str = "",
        until: str = "",
        set_apart: int = 0,
    ) -> None:
        """Keep a sample that was drawn from `sampling_frame`. Raises StoreError for a name that is taken."""
        with self._writing():
            if (drawn := self._one("SELECT drawn_at FROM sample WHERE name = ?", name)) is not None:
                raise StoreError(
                    f"holds a sample {name} already, drawn on {drawn[:10]}; give the new one another --name",
                    path=self.path,
                    exit_code=ExitCode.USAGE,
                )
            topic_id, model_id = self._db.execute("SELECT topic_id, model_id FROM active").fetchone()
            row: dict[str, object] = {
                "name": name,
                "purpose": purpose,
                "topic_id": topic_id,
                "model_id": model_id,
                "seed": design.seed,
                "asked": design.size,
                "since": since,
                "until": until,
                "phases": " ".join(design.phases),
                "frame_size": sum(len(stratum.units) for stratum in strata),
                "set_apart": set_apart,
                "drawn_at": _iso(now),
            }
            sample_id = self._insert("sample", row)
            for stratum in strata:
                for unit in stratum.drawn:
                    self._insert(
                        "sample_item",
                        {
                            "sample_id": sample_id,
                            "version_id": unit.version_id,
                            "stratum": stratum.name,
                            "stratum_size": len(stratum.units),
                            "stratum_drawn": len(stratum.drawn),
                            "inclusion": stratum.inclusion,
                        },
                    )

    @_translated
    def samples(self) -> pd.DataFrame:
        """The samples, oldest first, columns as in the view v_samples."""
        self._refuse_older("sample")
        return self._frame("SELECT * FROM v_samples ORDER BY drawn_at, sample")

    @_translated
    def sample_items(self, sample: str) -> pd.DataFrame:
        """The texts of a sample, columns as in the view v_sample_items. Raises StoreError where there is no such."""
        self._refuse_older("sample")
        items = self._frame("SELECT * FROM v_sample_items WHERE sample = ? ORDER BY version_id", sample)
        if items.empty:
            known = [name for (name,) in self._db.execute("SELECT name FROM sample ORDER BY id")]
            there = f"there are {', '.join(known)}" if known else "draw one with `media-coverage sample`"
            raise StoreError(f"holds no sample {sample}; {there}", path=self.path, exit_code=ExitCode.USAGE)
        return items

    @_translated
    def audit(self, sample: str) -> pd.DataFrame:
        """What estimators need of an audit sample: one row per text drawn, coded or not.

        The columns of v_sample_items, in which `label` is the predicted class (a label or off_topic), and

        - `rel` and one column per frame output: the settled code, 1, 0 or missing (<NA>);
        - `truth`: the true class by these codes (a label or off_topic), missing where it is not settled;
        - `settled_by`: adjudicated, majority, single; tie where coders are evenly split and nobody has adjudicated, so
          that `truth` is missing; missing where nobody has coded the text;
        - `coders` who coded it, and `disagreed`, whether they gave different codes;
        - `design_inclusion`: the probability of the draw. `inclusion` is the probability of being drawn and settled:
          settled texts of the stratum ÷ texts of the stratum, since coders work in random order and may stop before the
          end; missing where `truth` is. Where all is settled, the two are the same.

        Stories that a training code has come to since are left out: models may have learned from them. Raises
        StoreError for a sample that is none, or is not for an audit.
        """
        import pandas as pd

        items = self.sample_items(sample)
        if self._one("SELECT purpose FROM sample WHERE name = ?", sample) != "audit":
            raise StoreError(f"the sample {sample} is not for an audit", path=self.path, exit_code=ExitCode.USAGE)
        learned = self._frame(
            "SELECT DISTINCT a.story_id FROM code c JOIN article_version v ON v.id = c.version_id "
            "JOIN article a ON a.id = v.article_id WHERE c.purpose = 'training'"
        )["story_id"]
        items = items[~items["story_id"].isin(learned)].rename(columns={"inclusion": "design_inclusion"})
        rows = [{str(name): value for name, value in row.items()} for row in self.codes(sample).to_dict("records")]
        found = settled(rows, self.frames)
        known = [found.get(int(version)) for version in items["version_id"]]
        outputs = ("rel", *self.frames.outputs[1:])
        for place, output in enumerate(outputs):
            items[output] = pd.array([each.codes[place] if each else None for each in known], dtype="Int64")
        items["truth"] = pd.Series(
            [self._class_of(each.codes) if each else None for each in known], index=items.index, dtype=object
        )
        items["settled_by"] = pd.Series([each.how if each else None for each in known], index=items.index, dtype=object)
        items["coders"] = [each.coders if each else 0 for each in known]
        items["disagreed"] = [each.disagreed if each else False for each in known]
        sure = items["truth"].notna()
        by_stratum = sure.groupby(items["stratum"]).transform("sum")
        items["inclusion"] = (by_stratum / items["stratum_size"]).where(sure)
        return items.reset_index(drop=True)

    def _class_of(self, codes: Codes) -> str | None:
        relevant, first, second = codes
        if relevant == 0:
            return OFF_TOPIC
        if relevant is None or first is None or second is None:
            return None
        return self.frames.label_of(bool(first), bool(second))

    # ------------------------------------------------------------------ aggregates

    @_translated
    def changed_articles(self) -> tuple[list[str], pd.DataFrame]:
        """The days to recompute, and the articles of those days.

        A day changes too when it shares a story with a changed day, because the story's first article may now be
        another. Columns as in v_articles, plus `opens_story` (the story's first on-topic article).
        """
        days = [
            day
            for (day,) in self._db.execute(
                "SELECT date FROM changed_day UNION SELECT b.date FROM changed_day c JOIN article a ON a.date = c.date "
                "JOIN article b ON b.story_id = a.story_id ORDER BY 1"
            )
        ]
        return days, self._articles_of_days(days)

    @_translated
    def all_days(self) -> tuple[list[str], pd.DataFrame]:
        """Like `changed_articles`, for every day that has articles."""
        days = [day for (day,) in self._db.execute("SELECT DISTINCT date FROM article ORDER BY 1")]
        return days, self._articles_of_days(days)

    def _articles_of_days(self, days: list[str]) -> pd.DataFrame:
        return self._frame(
            "SELECT v.article_id, v.date, v.outlet, v.outlet_group, v.country, v.story_id, v.on_topic, v.label, "
            "v.on_topic AND NOT EXISTS (SELECT 1 FROM v_articles w WHERE w.story_id = v.story_id AND w.on_topic "
            "AND (w.published_at, w.article_id) < (v.published_at, v.article_id)) AS opens_story "
            "FROM v_articles v WHERE v.date IN (SELECT value FROM json_each(?))",
            json.dumps(days),
        )

    @_translated
    def replace_days(self, days: Sequence[str], frame: pd.DataFrame) -> None:
        """Replace the rows of daily_frames for `days` by those of `frame`, in one transaction."""
        with self._writing():
            listed = json.dumps(list(days))
            self._db.execute("DELETE FROM daily_frames WHERE date IN (SELECT value FROM json_each(?))", [listed])
            for row in frame.to_dict("records"):
                self._insert("daily_frames", {str(name): value for name, value in row.items()})
            self._db.execute("DELETE FROM changed_day WHERE date IN (SELECT value FROM json_each(?))", [listed])

    @_translated
    def articles_of(self, days: Sequence[str]) -> pd.DataFrame:
        """The articles of these days, on topic or not, with what aggregate.period_frames needs."""
        return self._frame(
            "SELECT article_id, date, outlet, outlet_group, country, story_id, on_topic, label, uncertain, wire_copy "
            "FROM v_articles WHERE date IN (SELECT value FROM json_each(?))",
            json.dumps(list(days)),
        )

    @_translated
    def replace_periods(self, days: Sequence[str], frame: pd.DataFrame) -> None:
        """Replace the rows of period_frames whose period holds any of `days` by those of `frame`, in one transaction.

        The days still count as changed, until `replace_days`.
        """
        with self._writing():
            self._db.execute(
                "DELETE FROM period_frames WHERE (period, first_day) IN (SELECT 'day', value FROM json_each(?1) "
                "UNION SELECT 'week', date(value, 'weekday 0', '-6 days') FROM json_each(?1) "
                "UNION SELECT 'month', date(value, 'start of month') FROM json_each(?1))",
                [json.dumps(list(days))],
            )
            for row in frame.to_dict("records"):
                self._insert("period_frames", {str(name): value for name, value in row.items()})

    # ------------------------------------------------------------------ frames for analysts

    def _frame(self, sql: str, *parameters: object) -> pd.DataFrame:
        import pandas as pd

        cursor = self._db.execute(sql, list(parameters))
        frame = pd.DataFrame.from_records(cursor.fetchall(), columns=[column[0] for column in cursor.description])
        for name in _TIME_COLUMNS:
            if name in frame:
                frame[name] = pd.to_datetime(frame[name], utc=True)
        return frame

    @_translated
    def articles(self, since: str = "", until: str = "9999", *, on_topic: bool | None = True) -> pd.DataFrame:
        """One row per article, columns as in the view v_articles, newest first.

        `since` and `until` are days (YYYY-MM-DD), both included. `on_topic=None` gives all articles.
        """
        wanted = "" if on_topic is None else f"AND on_topic = {int(on_topic)} "
        return self._frame(
            f"SELECT * FROM v_articles WHERE date BETWEEN ? AND ? {wanted}"  # noqa: S608 - a fixed text
            "ORDER BY published_at DESC, article_id",
            since,
            until,
        )

    @_translated
    def article(self, name: str) -> dict[str, Any] | None:
        """One article by its number or its address, as a row of v_articles; None when there is none."""
        frame = self._frame(
            "SELECT v.* FROM v_articles v JOIN article a ON a.id = v.article_id "
            "WHERE a.id = ? OR a.url = ? OR a.key = ? ORDER BY a.id LIMIT 1",
            int(name) if name.isascii() and name.isdigit() and len(name) < 19 else -1,
            name,
            canonical_url(name) or name,
        )
        return {str(key): value for key, value in frame.iloc[0].items()} if len(frame) else None

    @_translated
    def daily_frames(self) -> pd.DataFrame:
        """The stored aggregate: one row per day and outlet, columns as in the view v_daily_frames."""
        return self._frame("SELECT * FROM v_daily_frames ORDER BY date, outlet")

    @_translated
    def period_frames(self, period: str = "week", scope: str = "all") -> pd.DataFrame:
        """The stored aggregate by period (day, week, month) and scope (all, group, outlet, country).

        Columns as in the view v_period_frames; `articles_sql` lists the articles of a row.
        """
        self._refuse_older("period_frames")
        return self._frame(
            "SELECT * FROM v_period_frames WHERE period = ? AND scope = ? ORDER BY first_day, name", period, scope
        )

    @_translated
    def period_collection(self, period: str = "week", scope: str = "all") -> pd.DataFrame:
        """How far each period was collected, columns as in the view v_period_collection."""
        self._refuse_older("period_frames")
        return self._frame(
            "SELECT * FROM v_period_collection WHERE period = ? AND scope = ? ORDER BY first_day, name", period, scope
        )

    @_translated
    def labelled(self, since: str = "", until: str = "9999", *, model_id: str | None = None) -> pd.DataFrame:
        """Articles that passed the keywords and have a label of one model, the active one by default.

        Columns: article_id, version_id, date, outlet, outlet_group, country, story_id, label (off_topic where the model
        finds it so), uncertain, p_relevant and p_<output> for both frames. `since` and `until` are days, both included.
        """
        first, second = self.frames.outputs[1:]
        return self._frame(
            "SELECT a.id AS article_id, v.id AS version_id, a.date, o.name AS outlet, o.outlet_group, o.country, "  # noqa: S608
            "a.story_id, CASE WHEN l.relevant THEN l.label ELSE 'off_topic' END AS label, l.uncertain, l.p_relevant, "
            f"l.p_{first}, l.p_{second} FROM article a JOIN outlet o ON o.id = a.outlet_id "
            "JOIN article_version v ON v.id = a.current_version_id JOIN active "
            "JOIN gate g ON g.version_id = v.id AND g.topic_id = active.topic_id AND g.passed "
            "JOIN model m ON CASE WHEN ?3 IS NULL THEN m.id = active.model_id ELSE m.model_id = ?3 END "
            "JOIN label l ON l.version_id = v.id AND l.model_id = m.id AND l.codebook_version = m.codebook_version "
            "WHERE a.date BETWEEN ?1 AND ?2 ORDER BY a.date, a.id",
            since,
            until,
            model_id,
        )

    @_translated
    def attention_counts(self, since: str = "", until: str = "9999") -> pd.DataFrame:
        """What outlets' own feeds listed, per day and outlet: all_articles, and on-topic `articles` among them.

        Articles known from search feeds only are left out: a search lists nothing but the topic.
        """
        return self._frame(
            "SELECT v.date, v.outlet, v.outlet_group, v.country, count(*) AS all_articles, sum(v.on_topic) AS articles "
            "FROM v_articles v WHERE v.date BETWEEN ? AND ? AND EXISTS (SELECT 1 FROM sighting s "
            "JOIN feed f ON f.id = s.feed_id WHERE s.article_id = v.article_id AND f.kind = 'feed') "
            "GROUP BY v.date, v.outlet ORDER BY v.date, v.outlet",
            since,
            until,
        )

    @_translated
    def models(self) -> pd.DataFrame:
        """The models that have labelled here: model_id, first_used_at, labels, active (1 for the one shown)."""
        return self._frame(
            "SELECT m.model_id, m.first_used_at, count(l.version_id) AS labels, m.id = active.model_id AS active "
            "FROM model m JOIN active LEFT JOIN label l ON l.model_id = m.id GROUP BY m.id ORDER BY m.id"
        )

    @_translated
    def labels_of_two(self, first: str, second: str) -> pd.DataFrame:
        """Newest wordings that both models labelled, one row each.

        Columns: article_id, date, outlet, title, url, and relevant, label and both p_<output> with the suffix
        _1 for `first` and _2 for `second` (model ids).
        """
        columns = ["relevant", "label", *(f"p_{frame.output}" for frame in self.frames.both)]
        numbered = ", ".join(f"l{n}.{name} AS {name}_{n}" for n in (1, 2) for name in columns)
        return self._frame(
            f"SELECT a.id AS article_id, a.date, o.name AS outlet, v.title, a.url, {numbered} "  # noqa: S608
            "FROM article a JOIN outlet o ON o.id = a.outlet_id JOIN article_version v ON v.id = a.current_version_id "
            "JOIN label l1 ON l1.version_id = v.id JOIN model m1 ON m1.id = l1.model_id AND m1.model_id = ? "
            "JOIN label l2 ON l2.version_id = v.id JOIN model m2 ON m2.id = l2.model_id AND m2.model_id = ? "
            "ORDER BY a.date, a.id",
            first,
            second,
        )

    @_translated
    def edited_headlines(self) -> pd.DataFrame:
        """Versions whose headline differs from the one before, newest first; columns as in v_versions."""
        return self._frame(
            "SELECT v.* FROM v_versions v JOIN v_articles a ON a.article_id = v.article_id "
            "WHERE a.on_topic AND v.previous_title IS NOT NULL AND v.title <> v.previous_title "
            "ORDER BY v.version_id DESC"
        )

    @_translated
    def feeds(self) -> pd.DataFrame:
        """One row per feed that feeds.yaml lists, columns as in the view v_feeds."""
        return self._frame("SELECT * FROM v_feeds WHERE active ORDER BY outlet, url")

    @_translated
    def health(self) -> pd.DataFrame:
        """What each feed was at the end of the last run, columns as in the view v_health."""
        self._refuse_older("feed_health")
        return self._frame("SELECT * FROM v_health ORDER BY outlet, url")

    @_translated
    def collection(self) -> pd.DataFrame:
        """One row per day from the first run to the last, columns as in the view v_daily_collection."""
        self._refuse_older("feed_health")
        return self._frame("SELECT * FROM v_daily_collection ORDER BY date")

    @_translated
    def runs(self, limit: int = 20) -> pd.DataFrame:
        """The last runs, newest first, columns as in the view v_runs."""
        return self._frame("SELECT * FROM v_runs ORDER BY run_id DESC LIMIT ?", limit)

    @_translated
    def events(self) -> pd.DataFrame:
        """Dated events: date (YYYY-MM-DD), name."""
        return self._frame("SELECT * FROM v_events ORDER BY date, name")

    @_translated
    def query(self, sql: str, *parameters: object) -> pd.DataFrame:
        """Any SELECT as a DataFrame, for analysts."""
        return self._frame(sql, *parameters)

    @_translated
    def counts(self) -> dict[str, int]:
        """Rows by kind; `other_language`: with the keywords in a language that the classifier does not read."""
        return {
            "feeds": self._one("SELECT count(*) FROM feed WHERE active"),
            "articles": self._one("SELECT count(*) FROM article"),
            "versions": self._one("SELECT count(*) FROM article_version"),
            "stories": self._one("SELECT count(*) FROM story"),
            "other_language": self._one("SELECT count(*) FROM v_articles WHERE gate_stage = 'language'"),
            "passed_gate": self._one("SELECT count(*) FROM v_articles WHERE passed_gate"),
            "on_topic": self._one("SELECT count(*) FROM v_articles WHERE on_topic"),
            "runs": self._one("SELECT count(*) FROM run"),
        }

    @_translated
    def integrity(self) -> str:
        """SQLite's own check of the file: "ok", or what is wrong."""
        return str(self._one("PRAGMA integrity_check"))
