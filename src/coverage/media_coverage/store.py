"""The SQLite file: the only module that speaks SQL.

One writer at a time (the pipeline), any number of readers: WAL keeps them out of each other's way. What belongs
together is one transaction: a feed's attempt with all that it brought, a batch of labels, a set of days.
From here on data is a pandas DataFrame; times in frames are aware UTC.
"""

from __future__ import annotations

import contextlib
import functools
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from sqlite_utils import Database

from . import __version__, schema
from .errors import ExitCode, StoreBusyError, StoreError
from .identity import STORY_WINDOW, canonical_url
from .records import Feed, FeedResult, FeedState, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import pandas as pd

    from .classify import ModelInfo
    from .config import Config
    from .records import Fetched, Framing, GateDecision, Outlet, ParsedFeed, Rejected, Sighting

P = ParamSpec("P")
R = TypeVar("R")

BUSY_SECONDS = 10.0
"""How long a statement waits for another writer before it gives up."""

MAX_VERSIONS = 24
"""Wordings kept per article: a page that prints the time in its lead must not grow for ever."""

_TIME_COLUMNS = (
    "published_at first_seen_at last_seen_at started_at finished_at last_fetch_at last_success_at "
    "newest_article_at first_published_at last_published_at created_at"
).split()


def _iso(time: datetime) -> str:
    """UTC to the second with explicit offset: sorts as text, and SQLite's date functions read it."""
    return time.astimezone(UTC).replace(microsecond=0).isoformat()


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


def _migrate(db: Database, path: Path, *, new: bool) -> None:
    """Apply what is pending; a file that holds data is copied first."""
    if new:
        db.execute("PRAGMA journal_mode = WAL")
    pending = schema.migrations.pending(db)
    if pending and not new:
        backup = path.with_name(f"{path.name}.before-{pending[0].name}")
        backup.unlink(missing_ok=True)
        db.execute("VACUUM INTO ?", [str(backup)])
    if pending:
        schema.migrations.apply(db)
    described = sum(len(columns) for columns in schema.DESCRIPTIONS.values())
    if not pending and db.table("column_description").count == described:
        return
    with db.atomic():
        db.execute("DELETE FROM column_description")
        db.table("column_description").insert_all(
            {"table_name": table, "column_name": column, "description": text}
            for table, columns in schema.DESCRIPTIONS.items()
            for column, text in columns.items()
        )


def open_store(path: str | Path, *, read_only: bool = True) -> Store:
    """Open a database; with `read_only=False` create or migrate it first.

    Raises StoreError when the file is foreign, newer than this code, damaged, or not to be had.
    """
    path = Path(path)
    with _speaking_of(path):
        connection = _connect(path, read_only=read_only)
        try:
            new = _check_ours(connection, path, may_be_new=not read_only)
            db = Database(connection)
            if not read_only:
                _migrate(db, path, new=new)
                connection.execute("PRAGMA synchronous = NORMAL")  # with WAL: durable up to the last checkpoint
        except BaseException:
            connection.close()
            raise
    return Store(db, path)


class Store:
    """An open database. Use `open_store`; close it, or use it as a context manager."""

    def __init__(self, db: Database, path: Path) -> None:
        self._db, self.path = db, path

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        self._db.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
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
            self._register_feeds(config.feeds)
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
                },
            )

    @_translated
    def begin_relabelling(self, model: ModelInfo, now: datetime, *, activate: bool) -> int:
        """Open a run that labels what is stored with `model`. Returns its id.

        The labels of other models stay. With `activate` the views and daily_frames show this model from now on.
        """
        with self._writing():
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
                },
            )

    def _register_feeds(self, feeds: Sequence[Feed]) -> None:
        self._db.execute("UPDATE feed SET active = 0")
        for feed in feeds:
            self._db.execute(
                "INSERT INTO feed (url, outlet_id, kind) VALUES (?, ?, ?) ON CONFLICT (url) DO UPDATE "
                "SET outlet_id = excluded.outlet_id, kind = excluded.kind, active = 1",
                [feed.url, self._outlet(feed.outlet, listed=True), feed.kind.value],
            )

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
        """Close a run; `state` is finished, interrupted or failed."""
        with self._writing():
            self._db.execute(
                "UPDATE run SET state = ?, exit_code = ?, finished_at = ?, error = ? WHERE id = ?",
                [state, exit_code, _iso(now), error, run_id],
            )

    # ------------------------------------------------------------------ ingestion

    @_translated
    def feed_states(self) -> dict[str, FeedState]:
        """Validators and body hash of every feed, by address."""
        rows = self._db.execute("SELECT url, etag, last_modified, body_sha256 FROM feed")
        return {url: FeedState(etag, modified, sha256) for url, etag, modified, sha256 in rows}

    @_translated
    def record(
        self, run_id: int, fetched: Fetched, parsed: ParsedFeed | Rejected | None, sightings: Sequence[Sighting]
    ) -> FeedResult:
        """Store one attempt with all that it brought, in one transaction.

        `parsed` is None where nothing was parsed (failure, 304, same bytes).
        """
        from .records import FetchOutcome, ParsedFeed, Rejected

        outcome, error = fetched.outcome, fetched.error
        if isinstance(parsed, Rejected):
            outcome, error = parsed.outcome, parsed.error
        elif isinstance(parsed, ParsedFeed) and parsed.damage:
            outcome, error = FetchOutcome.DAMAGED, f"not well-formed: {parsed.damage}"
        with self._writing():
            feed_id = int(self._one("SELECT id FROM feed WHERE url = ?", fetched.feed.url))
            fetch_id = self._insert(
                "fetch",
                {
                    "run_id": run_id,
                    "feed_id": feed_id,
                    "started_at": _iso(fetched.started_at),
                    "elapsed_ms": fetched.elapsed_ms,
                    "outcome": outcome.value,
                    "succeeded": int(outcome.succeeded),
                    "status": fetched.status,
                    "final_url": fetched.final_url,
                    "bytes": len(fetched.body),
                    "body_sha256": fetched.body_sha256,
                    "error": error,
                },
            )
            new_articles = new_versions = 0
            for sighting in sightings:
                article, version = self._add(feed_id, fetch_id, sighting, _iso(fetched.started_at))
                new_articles += article
                new_versions += version
            self._db.execute(
                "UPDATE fetch SET entries = ?, new_articles = ?, new_versions = ? WHERE id = ?",
                [len(sightings), new_articles, new_versions, fetch_id],
            )
            if outcome.succeeded:
                self._remember(feed_id, fetched, parsed if isinstance(parsed, ParsedFeed) else None)
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

    def _remember(self, feed_id: int, fetched: Fetched, parsed: ParsedFeed | None) -> None:
        """Validators are replaced by a full answer and refreshed by a 304, which may carry new ones.

        A damaged answer leaves none: with them, a 304 would hide for long what the damage has cut off.
        """
        headers = fetched.headers if parsed is None or not parsed.damage else {}
        if parsed is not None:
            self._db.execute(
                "UPDATE feed SET etag = ?, last_modified = ?, body_sha256 = ?, title = ?, language = ? WHERE id = ?",
                [
                    headers.get("etag"),
                    headers.get("last-modified"),
                    fetched.body_sha256,
                    parsed.title or None,
                    parsed.language,
                    feed_id,
                ],
            )
        else:
            self._db.execute(
                "UPDATE feed SET etag = coalesce(?, etag), last_modified = coalesce(?, last_modified) WHERE id = ?",
                [headers.get("etag"), headers.get("last-modified"), feed_id],
            )
        self._db.execute("UPDATE feed SET last_success_at = ? WHERE id = ?", [_iso(fetched.started_at), feed_id])

    def _add(self, feed_id: int, fetch_id: int, sighting: Sighting, seen_at: str) -> tuple[bool, bool]:
        """Store one sighting. Returns (the article is new, a known article has a new wording)."""
        entry = sighting.entry
        known = self._db.execute("SELECT id FROM article WHERE key = ?", [sighting.key]).fetchone()
        if known is None:
            article_id = self._insert(
                "article",
                {
                    "key": sighting.key,
                    "id_kind": sighting.id_kind.value,
                    "url": sighting.url,
                    "outlet_id": self._outlet(sighting.outlet, listed=False),
                    "story_id": self._story(sighting),
                    "published_at": _iso(sighting.published_at),
                    "published_raw": entry.published_raw,
                    "date_source": sighting.date_source.value,
                    "first_seen_at": seen_at,
                },
            )
            self._add_version(article_id, fetch_id, sighting, seen_at)
        else:
            article_id = int(known[0])
        reworded = known is not None and self._is_new_wording(article_id, sighting)
        if reworded:
            self._add_version(article_id, fetch_id, sighting, seen_at)
        self._db.execute(
            "INSERT INTO sighting (feed_id, article_id, guid, first_seen_at, last_seen_at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (feed_id, article_id) DO UPDATE "
            "SET guid = excluded.guid, last_seen_at = excluded.last_seen_at, times_seen = times_seen + 1",
            [feed_id, article_id, entry.guid, seen_at, seen_at],
        )
        return known is None, reworded

    def _is_new_wording(self, article_id: int, sighting: Sighting) -> bool:
        rows = self._db.execute("SELECT title, text_sha256 FROM article_version WHERE article_id = ?", [article_id])
        known = {sha256: title for title, sha256 in rows}
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
            },
        )
        self._db.execute("UPDATE article SET current_version_id = ? WHERE id = ?", [version_id, article_id])
        self._db.execute("INSERT OR IGNORE INTO changed_day SELECT date FROM article WHERE id = ?", [article_id])

    def _story(self, sighting: Sighting) -> int:
        """The story with the same headline within the window, or a new one."""
        published = sighting.published_at
        known = self._one(
            "SELECT id FROM story WHERE story_key = ? AND first_published_at BETWEEN ? AND ? ORDER BY id LIMIT 1",
            sighting.story_key,
            _iso(published - STORY_WINDOW),
            _iso(published + STORY_WINDOW),
        )
        if known is not None:
            return int(known)
        return self._insert("story", {"story_key": sighting.story_key, "first_published_at": _iso(published)})

    # ------------------------------------------------------------------ gate and labels

    @_translated
    def ungated(self) -> list[tuple[int, Text, str | None]]:
        """(version id, text, language) of every text without a decision for the active topic."""
        rows = self._db.execute(
            "SELECT v.id, v.title, v.summary, v.language FROM article_version v JOIN active "
            "LEFT JOIN gate g ON g.version_id = v.id AND g.topic_id = active.topic_id "
            "WHERE g.version_id IS NULL ORDER BY v.id"
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
            "AND l.codebook_version = m.codebook_version WHERE l.version_id IS NULL ORDER BY v.id",
            [run_id],
        )
        return [(version_id, Text(title, summary)) for version_id, title, summary in rows]

    @_translated
    def add_labels(self, run_id: int, framings: Iterable[tuple[int, Framing]], now: datetime) -> None:
        """Store labels of the run's model, in one transaction."""
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
                        "p_hope": framing.p_hope,
                        "p_appease": framing.p_appease,
                        "evidence": framing.evidence,
                        "created_at": _iso(now),
                    },
                )
                self._db.execute(
                    "INSERT OR IGNORE INTO changed_day SELECT a.date FROM article a "
                    "JOIN article_version v ON v.article_id = a.id WHERE v.id = ?",
                    [version_id],
                )

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
    def models(self) -> pd.DataFrame:
        """The models that have labelled here: model_id, first_used_at, labels, active (1 for the one shown)."""
        return self._frame(
            "SELECT m.model_id, m.first_used_at, count(l.version_id) AS labels, m.id = active.model_id AS active "
            "FROM model m JOIN active LEFT JOIN label l ON l.model_id = m.id GROUP BY m.id ORDER BY m.id"
        )

    @_translated
    def labels_of_two(self, first: str, second: str) -> pd.DataFrame:
        """Newest wordings that both models labelled, one row each.

        Columns: article_id, date, outlet, title, url, and relevant, label, p_hope, p_appease with the suffix
        _1 for `first` and _2 for `second` (model ids).
        """
        numbered = ", ".join(
            f"l{n}.{name} AS {name}_{n}" for n in (1, 2) for name in ("relevant", "label", "p_hope", "p_appease")
        )
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
        """Rows by kind: feeds, articles, versions, stories, on_topic, runs."""
        return {
            "feeds": self._one("SELECT count(*) FROM feed WHERE active"),
            "articles": self._one("SELECT count(*) FROM article"),
            "versions": self._one("SELECT count(*) FROM article_version"),
            "stories": self._one("SELECT count(*) FROM story"),
            "passed_gate": self._one("SELECT count(*) FROM v_articles WHERE passed_gate"),
            "on_topic": self._one("SELECT count(*) FROM v_articles WHERE on_topic"),
            "runs": self._one("SELECT count(*) FROM run"),
        }

    @_translated
    def integrity(self) -> str:
        """SQLite's own check of the file: "ok", or what is wrong."""
        return str(self._one("PRAGMA integrity_check"))
