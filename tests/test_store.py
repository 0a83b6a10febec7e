"""The store on real SQLite files."""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from conftest import FakeClassifier, make_config, model_info
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from media_coverage.aggregate import daily_frames, period_frames
from media_coverage.config import Config, FeedEntry, OutletEntry
from media_coverage.errors import ExitCode, StoreBusyError, StoreError
from media_coverage.framing import DEFAULT_FRAMES, Frames
from media_coverage.health import judge
from media_coverage.identity import MAX_VERSIONS, identify, outlets_by_name_and_host
from media_coverage.records import (
    Archived,
    Attempt,
    Code,
    Entry,
    Feed,
    FeedHistory,
    FeedKind,
    FeedResult,
    FeedState,
    Fetched,
    FetchOutcome,
    Frame,
    FullText,
    GateDecision,
    Outlet,
    PageText,
    ParsedFeed,
    Rejected,
    Sighting,
    Text,
)
from media_coverage.sample import Design, draw
from media_coverage.schedule import CLOCK_SLACK, FAILURES_TO_GO_BACK, MOVES_BELIEVED
from media_coverage.store import Store, open_store, reading, schema
from media_coverage.store.views import VIEWS
from media_coverage.stories import WINDOW as STORY_WINDOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOW = datetime(2026, 2, 3, 12, tzinfo=UTC)
CONFIG = make_config("https://press.example", {"Morning Ledger": ["/ledger.xml"], "Evening Post": ["/post.xml"]})
LEDGER, POST = CONFIG.feeds
PASS = GateDecision(True, "keywords", "trump, putin")
FAIL = GateDecision(False, "keywords", "putin is missing")

# ---------------------------------------------------------------------- builders


@pytest.fixture
def run_id(store: Store) -> int:
    return store.begin_run(CONFIG, model_info(), NOW)


def entry(title: str = "Envoys meet by the lake tonight", summary: str = "Talks went on.", **more: Any) -> Entry:
    link = f"https://press.example/{'-'.join(title.lower().split())}"
    return replace(Entry(title, summary, link=link, published=NOW), **more)


def sightings(feed: Feed, entries: tuple[Entry, ...], at: datetime) -> tuple[Sighting, ...]:
    known = outlets_by_name_and_host(CONFIG.feeds)
    return identify(feed, entries, at, known, lambda _title, _summary: ("en", "declared"))


def answer(feed: Feed = LEDGER, at: datetime = NOW, outcome: FetchOutcome = FetchOutcome.OK, **more: Any) -> Fetched:
    return replace(Fetched(feed, outcome, at, elapsed_ms=7, status=200, final_url=feed.url), **more)


def visit(
    store: Store,
    run_id: int,
    *entries: Entry,
    feed: Feed = LEDGER,
    at: datetime = NOW,
    damage: str | None = None,
    **more: Any,
) -> FeedResult:
    """A full answer of `feed` that lists `entries`."""
    parsed = ParsedFeed(feed.outlet.name, "rss20", "en-GB", entries, damage)
    return store.record(run_id, answer(feed, at, **more), parsed, sightings(feed, entries, at))


def rows(store: Store, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """What the file holds, as another program reads it."""
    with raw(store.path) as connection:
        return connection.execute(sql, parameters).fetchall()


def one(store: Store, sql: str, *parameters: object) -> Any:
    ((value,),) = rows(store, sql, *parameters)
    return value


def counted(store: Store, *tables: str) -> dict[str, int]:
    return {table: one(store, f"SELECT count(*) FROM {table}") for table in tables}  # noqa: S608


@contextlib.contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """The file as any other program sees it. A statement outside a transaction commits itself."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0.1)) as connection:
        yield connection


def make_file(path: Path, *statements: str) -> None:
    with raw(path) as connection:
        for statement in statements:
            connection.execute(statement)


# ---------------------------------------------------------------------- opening


def test_a_new_database_is_ours_sound_and_readable_while_written(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with open_store(path, read_only=False) as store:
        assert store.integrity() == "ok"
        assert store.path == path
        assert set(store.counts().values()) == {0}
    with raw(path) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (schema.APPLICATION_ID,)
        applied = connection.execute("SELECT count(*) FROM _sqlite_migrations").fetchone()
        assert connection.execute("PRAGMA user_version").fetchone() == applied
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_opening_again_keeps_everything_and_makes_no_copy(tmp_path: Path) -> None:
    path = tmp_path / "coverage.db"
    with open_store(path, read_only=False) as store:
        visit(store, store.begin_run(CONFIG, model_info(), NOW), entry())
    for read_only in (False, True):
        with open_store(str(path), read_only=read_only) as store:
            assert store.counts()["articles"] == 1
    assert not list(tmp_path.glob("*before*"))


@pytest.mark.parametrize("name", ["with space.db", "what?.db", "a#b.db", "100%20.db", "Зустріч.db"])
def test_file_names_may_hold_any_character(tmp_path: Path, name: str) -> None:
    with open_store(tmp_path / name, read_only=False) as store:
        store.begin_run(CONFIG, model_info(), NOW)
    with open_store(tmp_path / name) as store:
        assert store.counts()["runs"] == 1


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    with open_store(path, read_only=False) as store:
        assert store.integrity() == "ok"


def test_a_creation_that_was_cut_off_is_taken_up_again(tmp_path: Path) -> None:
    path = tmp_path / "half.db"
    with closing(sqlite3.connect(path)) as connection:
        schema.migrations.ensure_migrations_table(Database(connection))
    with open_store(path, read_only=False) as store:
        assert store.counts()["articles"] == 0


def foreign(path: Path) -> None:
    make_file(path, "CREATE TABLE recipe (name TEXT)", "INSERT INTO recipe VALUES ('soup')")


def foreign_and_empty(path: Path) -> None:
    make_file(path, "PRAGMA application_id = 12345", "PRAGMA user_version = 1")


def with_our_tables_but_not_ours(path: Path) -> None:
    make_file(path, "CREATE TABLE article (id INTEGER)")


def newer(path: Path) -> None:
    open_store(path, read_only=False).close()
    make_file(path, "PRAGMA user_version = 1000", "PRAGMA journal_mode = DELETE")


def prose(path: Path) -> None:
    path.write_text("outlets:\n  - name: Morning Ledger\n" * 100, encoding="utf-8")


def a_word(path: Path) -> None:
    path.write_text("hello", encoding="utf-8")


@pytest.mark.parametrize("read_only", [True, False], ids=["reading", "writing"])
@pytest.mark.parametrize(
    ("build", "says"),
    [
        pytest.param(foreign, "not a media-coverage database", id="another program's"),
        pytest.param(foreign_and_empty, "not a media-coverage database", id="another program's, empty"),
        pytest.param(with_our_tables_but_not_ours, "not a media-coverage database", id="a table of ours, unmarked"),
        pytest.param(newer, "newer media-coverage (schema 1000, this one knows", id="newer"),
        pytest.param(prose, "not an SQLite database", id="a text"),
        pytest.param(a_word, "not an SQLite database", id="a word"),
    ],
)
def test_other_files_are_refused_and_left_alone(
    tmp_path: Path, build: Callable[[Path], None], says: str, read_only: bool
) -> None:
    path = tmp_path / "other.db"
    build(path)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=re.escape(says)) as caught:
        open_store(path, read_only=read_only)
    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.path == path
    assert str(caught.value).startswith(f"{path}: ")
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["other.db"]


def test_reading_a_database_that_is_not_there_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such database yet") as caught:
        open_store(tmp_path / "missing.db")
    assert caught.value.exit_code is ExitCode.USAGE
    assert not list(tmp_path.iterdir())


def test_reading_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    with pytest.raises(StoreError, match="not a media-coverage database"):
        open_store(tmp_path / "empty.db")


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="folder does not exist") as caught:
        open_store(tmp_path / "missing" / "coverage.db", read_only=False)
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize("read_only", [True, False])
def test_a_folder_is_no_database(tmp_path: Path, read_only: bool) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        open_store(tmp_path, read_only=read_only)


def test_a_store_opened_for_reading_does_not_write(tmp_path: Path) -> None:
    path = tmp_path / "coverage.db"
    open_store(path, read_only=False).close()
    with open_store(path) as store, pytest.raises(StoreError, match="read-only"):
        store.begin_run(CONFIG, model_info(), NOW)
    with open_store(path) as store:
        assert store.counts()["runs"] == 0


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "coverage.db"
    open_store(path, read_only=False).close()
    intact = path.read_bytes()
    path.write_bytes(intact[:4096] + b"\xab" * (len(intact) - 4096))
    with pytest.raises(StoreError, match="damaged"), open_store(path) as store:
        store.counts()


# ---------------------------------------------------------------------- migrations


def test_a_database_of_ours_that_lacks_a_migration_is_copied_and_then_migrated(tmp_path: Path) -> None:
    """An older file: it has our mark and data, but the first migration has not been applied to it."""
    path = tmp_path / "coverage.db"
    mark = f"PRAGMA application_id = {schema.APPLICATION_ID}"
    make_file(path, mark, "CREATE TABLE note (text TEXT)", "INSERT INTO note VALUES ('kept')")

    with open_store(path, read_only=False) as store:
        assert store.counts()["articles"] == 0
        assert rows(store, "SELECT text FROM note") == [("kept",)]

    (backup,) = tmp_path.glob("coverage.db.before-*")
    assert backup.name == "coverage.db.before-m001_first_schema"
    with raw(backup) as connection:
        assert connection.execute("SELECT text FROM note").fetchall() == [("kept",)]
        assert connection.execute("PRAGMA application_id").fetchone() == (schema.APPLICATION_ID,)
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'article'").fetchone() == (0,)


def test_a_migration_that_fails_leaves_the_data_and_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "coverage.db"
    with open_store(path, read_only=False) as store:
        visit(store, store.begin_run(CONFIG, model_info(), NOW), entry())
    make_file(path, "DELETE FROM _sqlite_migrations")  # so that it is applied twice, which cannot work

    with pytest.raises((StoreError, sqlite3.Error)):
        open_store(path, read_only=False)

    (backup,) = tmp_path.glob("coverage.db.before-*")
    for file in (path, backup):
        with open_store(file) as store:
            assert store.articles(on_topic=None)["title"].tolist() == ["Envoys meet by the lake tonight"]
            assert store.integrity() == "ok"


def version_1(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Make a database of version 0.1 with a row in every table. Returns its rows."""
    with raw(path) as connection:
        connection.executescript((Path(__file__).parent / "data" / "schema_1.sql").read_text(encoding="utf-8"))
        for table, row in GOOD.items():
            known = {name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")}
            if known:
                insert(connection, table, {name: value for name, value in row.items() if name in known})
        connection.row_factory = sqlite3.Row
        return {
            table: [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]  # noqa: S608
            for table in tables(connection)
            if table != "column_description"
        }


def made_of(path: Path) -> dict[str, str]:
    with raw(path) as connection:
        return dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))


def test_a_database_of_version_1_becomes_what_a_new_one_is_and_keeps_its_rows(tmp_path: Path) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    before = version_1(old)
    with open_store(old) as store:
        assert store.frames is DEFAULT_FRAMES, "reading migrates nothing"
    with open_store(old, read_only=False) as store, open_store(new, read_only=False) as fresh:
        assert store.frames == fresh.frames == DEFAULT_FRAMES
        assert store.integrity() == "ok"
        assert rows(store, "SELECT * FROM column_description") == rows(fresh, "SELECT * FROM column_description")
        for table, kept in before.items():
            listed = rows(store, f"SELECT {', '.join(kept[0])} FROM {table}")  # noqa: S608
            assert listed == [tuple(row.values()) for row in kept]
    assert made_of(old) == made_of(new)
    (backup,) = tmp_path.glob("old.db.before-*")
    assert backup.name == "old.db.before-m002_what_ran_each_label"
    assert made_of(backup)["run"] != made_of(old)["run"]


def test_version_1_had_the_default_frames_whatever_is_configured_now(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    version_1(path)
    with pytest.raises(StoreError, match="holds the frames hopeful_peace"):
        open_store(path, read_only=False, frames=OTHER)
    with open_store(path) as store:
        assert store.frames == DEFAULT_FRAMES


def test_views_and_descriptions_follow_the_wording_of_this_version(tmp_path: Path) -> None:
    path = tmp_path / "coverage.db"
    open_store(path, read_only=False).close()
    before = made_of(path)
    make_file(
        path,
        "DROP VIEW v_events",
        "CREATE VIEW v_events AS SELECT 1 AS one",
        "CREATE VIEW v_dropped AS SELECT 2 AS two",
        "UPDATE column_description SET description = 'out of date' WHERE table_name = 'event'",
    )
    with open_store(path, read_only=False) as store:
        assert one(store, "SELECT count(*) FROM column_description WHERE description = 'out of date'") == 0
    assert made_of(path) == before


# ---------------------------------------------------------------------- the two frames of a database

OTHER = Frames(Frame("escalation", "escalate", "Escalation", "Toward war"), Frame("calm", "calm", "Calm"))


def test_a_new_database_gets_the_frames_asked_for_and_keeps_them(tmp_path: Path) -> None:
    path = tmp_path / "coverage.db"
    with open_store(path, read_only=False, frames=OTHER) as store:
        assert store.frames == OTHER
    with open_store(path) as store:
        assert store.frames == OTHER
        assert [frame.title for frame in store.frames.both] == ["Escalation", "Calm"]
        assert list(store.daily_frames().columns)[8:12] == ["escalation", "calm", "mixed", "neither"]
        assert {"p_escalate", "p_calm"} < set(store.articles().columns)
        assert rows(store, "SELECT position, name, output, title, description FROM v_frames") == [
            (1, "escalation", "escalate", "Escalation", "Toward war"),
            (2, "calm", "calm", "Calm", ""),
        ]
    assert not re.search("hope|appease", " ".join(made_of(path).values()))
    with open_store(path, read_only=False) as store:  # without a wish, whatever there is
        assert store.frames == OTHER


@pytest.mark.parametrize("read_only", [True, False], ids=["reading", "writing"])
def test_a_database_of_other_frames_is_refused_in_one_sentence(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / "coverage.db"
    open_store(path, read_only=False, frames=OTHER).close()
    before = made_of(path)
    with pytest.raises(StoreError) as caught:
        open_store(path, read_only=read_only, frames=DEFAULT_FRAMES)
    assert str(caught.value) == (
        f"{path}: holds the frames escalation (output escalate) and calm (output calm), but feeds.yaml names "
        "hopeful_peace (output hope) and appeasement (output appease); give them a database of their own: another "
        "file under `database` in feeds.yaml, or --db"
    )
    assert caught.value.exit_code is ExitCode.USAGE
    assert made_of(path) == before


def test_a_run_of_other_frames_cannot_begin(store: Store) -> None:
    with pytest.raises(StoreError, match="holds the frames hopeful_peace"):
        store.begin_run(make_config("https://press.example", frames=OTHER), model_info(), NOW)
    assert store.frames == DEFAULT_FRAMES


def test_a_run_takes_over_new_titles(store: Store) -> None:
    store.begin_run(CONFIG, model_info(), NOW)
    first, second = DEFAULT_FRAMES.both
    renamed = Frames(replace(first, title="A step to peace", description="New."), replace(second, title="Sell-out"))
    store.begin_run(make_config("https://press.example", frames=renamed), model_info(), NOW)
    assert [frame.title for frame in store.frames.both] == ["A step to peace", "Sell-out"]
    with open_store(store.path) as reopened:
        assert [frame.description for frame in reopened.frames.both] == ["New.", second.description]
        assert reopened.frames == DEFAULT_FRAMES


KEYWORDS = """ABORT ACTION ADD AFTER ALL ALTER ALWAYS ANALYZE AND AS ASC ATTACH AUTOINCREMENT BEFORE BEGIN BETWEEN BY
CASCADE CASE CAST CHECK COLLATE COLUMN COMMIT CONFLICT CONSTRAINT CREATE CROSS CURRENT CURRENT_DATE CURRENT_TIME
CURRENT_TIMESTAMP DATABASE DEFAULT DEFERRABLE DEFERRED DELETE DESC DETACH DISTINCT DO DROP EACH ELSE END ESCAPE EXCEPT
EXCLUDE EXCLUSIVE EXISTS EXPLAIN FAIL FILTER FIRST FOLLOWING FOR FOREIGN FROM FULL GENERATED GLOB GROUP GROUPS HAVING
IF IGNORE IMMEDIATE IN INDEX INDEXED INITIALLY INNER INSERT INSTEAD INTERSECT INTO IS ISNULL JOIN KEY LAST LEFT LIKE
LIMIT MATCH MATERIALIZED NATURAL NO NOT NOTHING NOTNULL NULL NULLS OF OFFSET ON OR ORDER OTHERS OUTER OVER PARTITION
PLAN PRAGMA PRECEDING PRIMARY QUERY RAISE RANGE RECURSIVE REFERENCES REGEXP REINDEX RELEASE RENAME REPLACE RESTRICT
RETURNING RIGHT ROLLBACK ROW ROWS SAVEPOINT SELECT SET TABLE TEMP TEMPORARY THEN TIES TO TRANSACTION TRIGGER UNBOUNDED
UNION UNIQUE UPDATE USING VACUUM VALUES VIEW VIRTUAL WHEN WHERE WINDOW WITH WITHOUT TRUE FALSE""".lower().split()
"""Every word of SQLite's grammar."""


def works_as_a_column(word: str) -> bool:
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute(f"CREATE TABLE t (id INTEGER, {word} INTEGER CHECK ({word} >= 0 AND id + {word} > 0))")
            connection.execute(f"INSERT INTO t (id, {word}) VALUES (1, 5)")  # noqa: S608
            found = connection.execute(f"SELECT id,\n{word},\nx.{word} FROM t x WHERE {word} = 5").fetchall()  # noqa: S608
        except sqlite3.Error:
            return False
        return found == [(1, 5, 5)]


@pytest.mark.parametrize("word", KEYWORDS)
def test_a_word_of_sql_can_be_a_frame_exactly_when_it_can_be_a_column(word: str) -> None:
    if works_as_a_column(word) and word != "row":  # the charts' own
        assert Frames(Frame(word, word, "Word"), OTHER.second).labels[0] == word
    else:
        with pytest.raises(ValueError, match="has a meaning of its own"):
            Frames(Frame(word, word, "Word"), OTHER.second)


def test_what_stands_beside_the_frames_columns_cannot_be_a_frame() -> None:
    own = {*DEFAULT_FRAMES.names, *DEFAULT_FRAMES.outputs[1:]}
    columns: dict[str, set[str]] = {}
    for table, column in schema.descriptions(DEFAULT_FRAMES):
        columns.setdefault(table, set()).add(column)
    beside = set[str]().union(*(found - own for found in columns.values() if found & own))
    assert {"articles", "mixed"} < beside
    for column in beside:
        with pytest.raises(ValueError, match="has a meaning of its own"):
            Frames(Frame(column, column, "Column"), OTHER.second)


@pytest.mark.parametrize("names", [("escalation", "calm"), ("replace", "key"), ("a" * 40, "a_1"), ("count", "sum")])
def test_whatever_the_frames_are_called_their_labels_are_counted(tmp_path: Path, names: tuple[str, str]) -> None:
    frames = Frames(*(Frame(name, name, name.upper()) for name in names))
    with open_store(tmp_path / "coverage.db", read_only=False, frames=frames) as store:
        config = make_config("https://press.example", {"Morning Ledger": ["/ledger.xml"]}, frames=frames)
        run_id = store.begin_run(config, model_info(frames=frames), NOW)
        visit(store, run_id, entry("Hope for peace at the lake"), entry("Betrayal feared by the lake"))
        label_all(store, run_id, FakeClassifier(frames=frames))
        store.replace_days(*aggregated(store))
        assert store.daily_frames()[list(frames.labels)].to_numpy().tolist() == [[1, 1, 0, 0]]
        assert sorted(store.articles()[f"p_{names[0]}"]) == [0.1, 0.9]
        assert sorted(store.articles()[f"p_{names[1]}"]) == [0.2, 0.8]


# ---------------------------------------------------------------------- schema

GOOD: dict[str, dict[str, object]] = {
    "frame": {"position": 1, "name": "a", "output": "b", "title": "A", "description": ""},
    "outlet": {"id": 1, "name": "Morning Ledger", "country": "GB", "outlet_group": "uk"},
    "feed": {"id": 1, "url": "https://press.example/a", "outlet_id": 1, "kind": "feed", "active": 1},
    "topic": {"id": 1, "name": "The meeting", "query": "a", "language": "en", "created_at": "2026-02-03"},
    "event": {"date": "2026-02-03", "name": "First day of talks"},
    "model": {
        "id": 1,
        "model_id": "words@1",
        "name": "words",
        "version": "1",
        "sha256": "0",
        "codebook_version": "1",
        "settings": "{}",
        "runtime": "python",
        "first_used_at": "2026-02-03",
    },
    "run": {
        "id": 1,
        "started_at": "2026-02-03",
        "state": "running",
        "software": "x",
        "config_sha256": "0",
        "topic_id": 1,
        "model_id": 1,
    },
    "fetch": {
        "id": 1,
        "run_id": 1,
        "feed_id": 1,
        "started_at": "2026-02-03",
        "elapsed_ms": 0,
        "outcome": "ok",
        "succeeded": 1,
        "bytes": 0,
        "entries": 0,
        "new_articles": 0,
        "new_versions": 0,
    },
    "story": {"id": 1, "story_key": "k", "first_published_at": "2026-02-03"},
    "article": {
        "id": 1,
        "key": "k",
        "id_kind": "url",
        "outlet_id": 1,
        "story_id": 1,
        "date_source": "feed",
        "published_at": "2026-02-03T12:00:00+00:00",
        "first_seen_at": "2026-02-03",
        "current_version_id": 1,
    },
    "article_version": {
        "id": 1,
        "article_id": 1,
        "title": "",
        "summary": "",
        "text_sha256": "0",
        "language_source": "unknown",
        "first_seen_at": "2026-02-03",
        "fetch_id": 1,
    },
    "article_alias": {"key": "j", "article_id": 1, "reason": "guid", "first_seen_at": "2026-02-03"},
    "headline_edit": {"version_id": 1, "previous_id": 1},
    "story_link": {"article_id": 1, "other_article_id": 1, "reason": "same lead", "similarity": 0.5},
    "text_band": {"period": 733, "band": 7, "article_id": 1},
    "import_file": {
        "id": 1,
        "run_id": 1,
        "name": "stories.csv",
        "sha256": "0",
        "size": 9,
        "mapping": "generic",
        "mapping_sha256": "0",
        "rows": 10,
        "articles": 4,
        "versions": 3,
        "known": 2,
        "rejected": 1,
        "started_at": "2026-02-03",
    },
    "imported": {"import_id": 1, "article_id": 1, "row": 1, "addressed": 1},
    "import_day": {"date": "2026-02-03", "outlet_id": 1, "articles": 1},
    "sighting": {
        "feed_id": 1,
        "article_id": 1,
        "first_seen_at": "2026-02-03",
        "last_seen_at": "2026-02-03",
        "times_seen": 1,
    },
    "gate": {"version_id": 1, "topic_id": 1, "passed": 1, "stage": "keywords", "reason": "a"},
    "label": {
        "version_id": 1,
        "model_id": 1,
        "codebook_version": "1",
        "run_id": 1,
        "relevant": 1,
        "label": "mixed",
        "leaning": "appeasement",
        "uncertain": 0,
        "p_relevant": 0.5,
        "p_hope": 0.0,
        "p_appease": 1.0,
        "evidence": "",
        "created_at": "2026-02-03",
    },
    "sample": {
        "id": 1,
        "name": "audit",
        "purpose": "audit",
        "topic_id": 1,
        "model_id": 1,
        "seed": 7,
        "asked": 300,
        "since": "",
        "until": "",
        "phases": "2026-02-03",
        "frame_size": 900,
        "set_apart": 0,
        "drawn_at": "2026-02-03",
    },
    "sample_item": {
        "sample_id": 1,
        "version_id": 1,
        "stratum": "neither, sure, any time, every group",
        "stratum_size": 10,
        "stratum_drawn": 3,
        "inclusion": 0.3,
    },
    "code": {
        "id": 1,
        "version_id": 1,
        "coder": "ada",
        "codebook_version": "1",
        "rel": 1,
        "hope": 1,
        "appease": 0,
        "voice": "quoted",
        "certainty": 1,
        "note": "",
        "purpose": "training",
        "kind": "individual",
        "sample_id": 1,
        "session": "2026-02-03T09:00:00Z 1",
        "coded_at": "2026-02-03",
    },
    "daily_frames": {
        "date": "2026-02-03",
        "outlet": "Morning Ledger",
        "outlet_group": "uk",
        "all_articles": 5,
        "articles": 4,
        "stories": 3,
        "new_stories": 2,
        "hopeful_peace": 1,
        "appeasement": 1,
        "mixed": 1,
        "neither": 1,
    },
    "period_frames": {
        "period": "week",
        "scope": "outlet",
        "first_day": "2026-02-02",
        "name": "Morning Ledger",
        "all_articles": 5,
        "articles": 4,
        "stories": 3,
        "own_articles": 4,
        "uncertain": 1,
        "hopeful_peace": 1,
        "appeasement": 1,
        "mixed": 1,
        "neither": 1,
    },
    "outlet_day": {
        "date": "2026-02-03",
        "outlet_id": 1,
        "feeds": 3,
        "feeds_asked": 2,
        "feeds_answered": 1,
        "feeds_failed": 1,
        "collected": 1,
    },
    "period_collection": {
        "period": "week",
        "scope": "outlet",
        "first_day": "2026-02-02",
        "name": "Morning Ledger",
        "days": 7,
        "days_missing": 1,
        "days_partial": 2,
        "feed_days": 14,
        "feed_days_asked": 12,
        "feed_days_answered": 11,
        "feed_days_failed": 1,
    },
    "collection_stored": {"one": 1, "before": "2026-02-04", "through_fetch": 7, "listed": "[]"},
    "lake": {
        "one": 1,
        "path": "/srv/lake",
        "source": "read_parquet('/srv/lake/**/*.parquet')",
        "articles": 7,
        "counted_at": "2026-02-03T14:05:00+00:00",
    },
    "changed_day": {"date": "2026-02-03"},
    "feed_url": {"id": 1, "feed_id": 1, "url": "https://press.example/a", "since": "2026-02-03", "reason": "listed"},
    "feed_health": {
        "feed_id": 1,
        "word": "quiet",
        "since": "2026-02-03",
        "sentence": "It has had nothing new.",
        "also": "",
        "judged_at": "2026-02-03",
    },
    "robots": {
        "origin": "https://press.example",
        "access": "rules",
        "fetched_at": "2026-02-03",
        "expires_at": "2026-02-04",
        "rules": "",
        "reason": "",
    },
    "page_fetch": {
        "id": 1,
        "run_id": 1,
        "version_id": 1,
        "started_at": "2026-02-03",
        "elapsed_ms": 0,
        "outcome": "ok",
        "succeeded": 1,
        "attempted": 1,
        "bytes": 0,
        "text_sha256": "0",
        "words": 1,
        "lead_version_id": 1,
    },
    "page_text": {"sha256": "0", "text": "a", "first_seen_at": "2026-02-03"},
    "active": {"one": 1, "topic_id": 1, "model_id": 1},
    "column_description": {"table_name": "t", "column_name": "c", "description": "d"},
}
"""One valid row per table; together they respect every reference."""

BAD: list[tuple[str, str, list[object]]] = [
    ("frame", "position", [0, 3]),
    ("frame", "title", [""]),
    ("outlet", "name", [""]),
    ("outlet", "country", ["G", "GBR"]),
    ("outlet", "outlet_group", [""]),
    ("feed", "url", ["ftp://press.example/"]),
    ("feed", "kind", ["page"]),
    ("feed", "active", [2, -1]),
    ("feed", "fresh_for_s", [0, -1]),
    ("feed_url", "url", ["ftp://press.example/"]),
    ("feed_url", "reason", [""]),
    ("feed_health", "word", [""]),
    ("feed_health", "sentence", [""]),
    ("event", "date", ["3 Feb 2026", "2026-2-3"]),
    ("model", "settings", ["{", "none"]),
    ("run", "state", ["done"]),
    ("fetch", "elapsed_ms", [-1]),
    ("fetch", "succeeded", [2]),
    ("fetch", "bytes", [-1]),
    ("fetch", "entries", [-1]),
    ("fetch", "new_articles", [-1]),
    ("fetch", "new_versions", [-1]),
    ("fetch", "attempted", [2]),
    ("fetch", "conditional", [2]),
    ("fetch", "forced", [2]),
    ("fetch", "lying_304", [2]),
    ("fetch", "seen_before", [-1]),
    ("fetch", "may_have_lost", [2]),
    ("article", "id_kind", ["hash"]),
    ("article", "published_at", ["2026-02-03", "2026-02-03T12:00:00Z", "2026-02-03T12:00:00+01:00"]),
    ("article", "date_source", ["guess"]),
    ("article_version", "language_source", ["assumed"]),
    ("article_version", "summary_source", ["assumed"]),
    ("article_version", "import_id", [1]),
    ("run", "kind", ["report"]),
    ("import_file", "name", [""]),
    ("import_file", "mapping", [""]),
    ("import_file", "size", [-1]),
    ("import_file", "rows", [-1, 9]),
    ("import_file", "articles", [-1, 5]),
    ("import_file", "versions", [-1, 2]),
    ("import_file", "known", [-1, 3]),
    ("import_file", "rejected", [-1, 0]),
    ("imported", "row", [0]),
    ("imported", "addressed", [2]),
    ("import_day", "date", ["today"]),
    ("import_day", "articles", [0]),
    ("robots", "origin", ["ftp://press.example"]),
    ("robots", "access", ["some"]),
    ("page_fetch", "elapsed_ms", [-1]),
    ("page_fetch", "succeeded", [2, 0]),
    ("page_fetch", "attempted", [2]),
    ("page_fetch", "bytes", [-1]),
    ("page_fetch", "words", [0]),
    ("page_text", "text", [""]),
    ("article_alias", "reason", ["chance"]),
    ("story_link", "reason", ["same event"]),
    ("story_link", "similarity", [-0.01, 1.01]),
    ("sighting", "times_seen", [0]),
    ("gate", "passed", [2]),
    ("gate", "stage", ["model"]),
    ("label", "relevant", [2]),
    ("label", "label", ["other", ""]),
    ("label", "leaning", ["mixed", "neither"]),
    ("label", "uncertain", [-1]),
    ("label", "p_relevant", [-0.01, 1.01]),
    ("label", "p_hope", [-0.01, 1.01]),
    ("label", "p_appease", [-0.01, 1.01]),
    ("code", "coder", [""]),
    ("code", "codebook_version", [""]),
    ("code", "rel", [2, 0]),
    ("code", "hope", [2]),
    ("code", "appease", [-1]),
    ("code", "certainty", [0, 4]),
    ("code", "purpose", ["test"]),
    ("code", "voice", ["", "outlets"]),
    ("code", "kind", ["majority"]),
    ("sample", "name", [""]),
    ("sample", "purpose", ["test"]),
    ("sample", "asked", [0]),
    ("sample", "frame_size", [0]),
    ("sample", "set_apart", [-1]),
    ("sample_item", "stratum", [""]),
    ("sample_item", "stratum_size", [0, 2]),
    ("sample_item", "stratum_drawn", [0, 11]),
    ("sample_item", "inclusion", [0.0, 1.01]),
    ("daily_frames", "date", ["today"]),
    ("daily_frames", "all_articles", [3, -1]),
    ("daily_frames", "articles", [3, 6]),
    ("daily_frames", "stories", [5, -1, 1]),
    ("daily_frames", "new_stories", [4, -1]),
    ("daily_frames", "mixed", [-1, 2]),
    ("period_frames", "period", ["year"]),
    ("period_frames", "scope", ["feed"]),
    ("period_frames", "first_day", ["today"]),
    ("period_frames", "name", [""]),
    ("period_frames", "all_articles", [0, 3]),
    ("period_frames", "articles", [3, 6]),
    ("period_frames", "stories", [-1, 5]),
    ("period_frames", "own_articles", [-1, 5]),
    ("period_frames", "uncertain", [-1, 5]),
    ("period_frames", "mixed", [-1, 2]),
    ("outlet_day", "date", ["today"]),
    ("outlet_day", "feeds", [0]),
    ("outlet_day", "feeds_asked", [-1, 4]),
    ("outlet_day", "feeds_answered", [-1, 3]),
    ("outlet_day", "feeds_failed", [-1, 4]),
    ("outlet_day", "collected", [2]),
    ("period_collection", "period", ["year"]),
    ("period_collection", "scope", ["feed"]),
    ("period_collection", "first_day", ["today"]),
    ("period_collection", "name", [""]),
    ("period_collection", "days", [0]),
    ("period_collection", "days_missing", [-1, 8]),
    ("period_collection", "days_partial", [-1, 8]),
    ("collection_stored", "one", [2]),
    ("collection_stored", "before", ["today"]),
    ("collection_stored", "listed", ["feeds"]),
    ("lake", "one", [2]),
    ("lake", "path", [""]),
    ("lake", "source", [""]),
    ("lake", "articles", [-1]),
    ("active", "one", [2]),
    ("column_description", "description", [""]),
]


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("schema") / "coverage.db"
    open_store(path, read_only=False).close()
    return path


@pytest.fixture
def empty(empty_database: Path) -> Iterator[sqlite3.Connection]:
    """A database without rows, references not enforced; what a test inserts is rolled back."""
    with raw(empty_database) as connection:
        connection.execute("BEGIN")
        connection.execute("DELETE FROM column_description")
        connection.execute("DELETE FROM frame")
        yield connection
        connection.rollback()


def insert(connection: sqlite3.Connection, table: str, row: dict[str, object]) -> None:
    marks = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))  # noqa: S608


def tables(connection: sqlite3.Connection) -> list[str]:
    found = connection.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'")
    return sorted(name for (name,) in found if not name.startswith(("sqlite_", "_")))


def test_the_examples_cover_every_table(empty: sqlite3.Connection) -> None:
    assert tables(empty) == sorted(GOOD)


def test_every_table_is_strict(empty: sqlite3.Connection) -> None:
    listed = {name: strict for _, name, _, _, _, strict in empty.execute("PRAGMA table_list")}
    assert {name: listed[name] for name in tables(empty)} == dict.fromkeys(GOOD, 1)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [pytest.param(t, c, v, id=f"{t}.{c} {v!r}") for t, c, values in BAD for v in values],
)
def test_values_that_make_no_sense_are_refused(
    empty: sqlite3.Connection, table: str, column: str, value: object
) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="CHECK constraint failed"):
        insert(empty, table, GOOD[table] | {column: value})
    insert(empty, table, GOOD[table])


@pytest.mark.parametrize("table", GOOD)
def test_every_column_keeps_its_type_and_required_columns_are_required(empty: sqlite3.Connection, table: str) -> None:
    columns = empty.execute(f"PRAGMA table_info({table})").fetchall()
    assert columns
    for _, name, kind, required, _, _ in columns:
        if kind in {"INTEGER", "REAL"}:
            with pytest.raises(sqlite3.IntegrityError, match=r"cannot store TEXT|datatype mismatch"):
                insert(empty, table, GOOD[table] | {name: "many"})
        else:
            assert kind == "TEXT"
            with pytest.raises(sqlite3.IntegrityError, match="cannot store BLOB"):
                insert(empty, table, GOOD[table] | {name: b"\0"})
        if required:
            with pytest.raises(sqlite3.IntegrityError, match="NOT NULL"):
                insert(empty, table, GOOD[table] | {name: None})


def test_every_reference_must_exist(empty_database: Path, tmp_path: Path) -> None:
    path = tmp_path / "coverage.db"
    shutil.copy(empty_database, path)
    with raw(path) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN")
        connection.execute("DELETE FROM frame")
        for table, row in GOOD.items():
            insert(connection, table, row)
        connection.execute("COMMIT")
        references = [
            (t, key[3]) for t in tables(connection) for key in connection.execute(f"PRAGMA foreign_key_list({t})")
        ]
        assert len(references) == 43
        for table, column in references:
            other = {name: 2 for name in GOOD[table] if name == "id"} | {column: 999}
            unique = {"url": "http://b", "key": "l", "text_sha256": "1", "codebook_version": "2", "name": "b"}
            unique |= {"sha256": "1"} | ({"fetch_id": None} if column == "import_id" else {})
            connection.execute("BEGIN")
            if table in {"active", "headline_edit"}:  # whose only key is a reference, or always 1
                connection.execute(f"DELETE FROM {table}")  # noqa: S608
            with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):  # noqa: PT012 - some wait for the commit
                insert(connection, table, GOOD[table] | {k: v for k, v in unique.items() if k in GOOD[table]} | other)
                connection.execute("COMMIT")
            connection.execute("ROLLBACK")
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            connection.execute("DELETE FROM outlet")


def test_the_stores_own_connection_enforces_references(store: Store) -> None:
    assert store.query("PRAGMA foreign_keys")["foreign_keys"].tolist() == [1]


@pytest.mark.parametrize("table", ["article_version", "label", "gate", "code", "page_fetch", "sample", "sample_item"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}"])
def test_history_can_be_neither_changed_nor_deleted(empty: sqlite3.Connection, table: str, statement: str) -> None:
    insert(empty, table, GOOD[table])
    column = next(iter(GOOD[table]))
    with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
        empty.execute(statement.format(table, column, column))
    assert empty.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)  # noqa: S608


def test_every_column_of_every_table_and_view_is_described_and_nothing_else(store: Store) -> None:
    listed = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'view', 'virtual')"
    ours = [name for (name,) in rows(store, listed) if not name.startswith(("sqlite_", "_"))]
    assert len(ours) == len(GOOD) + VIEWS.count("CREATE VIEW") + 1  # article_search
    # table_xinfo: table_info leaves out generated columns; 1 marks those that only a virtual table has
    columns = "SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 1"
    found = {(name, column) for name in ours for (column,) in rows(store, columns, name)}
    described = schema.descriptions(store.frames)
    assert found == set(described)
    assert all(text.strip() == text and text for text in described.values())
    stored = rows(store, "SELECT table_name, column_name, description FROM column_description")
    assert {(table, column): text for table, column, text in stored} == described


def test_every_view_can_be_read_on_an_empty_and_on_a_filled_database(store: Store) -> None:
    views = [name for (name,) in rows(store, "SELECT name FROM sqlite_master WHERE type = 'view'")]
    assert [view for view in views if len(store.query(f"SELECT * FROM {view}"))] == ["v_frames"]  # noqa: S608
    run = store.begin_run(CONFIG, model_info(), NOW)
    visit(store, run, entry())
    visit(store, run, entry(link="https://post.example/b"), feed=POST)
    for _ in range(MOVES_BELIEVED):
        visit(store, run, entry(), moved_to="https://press.example/new")
    label_all(store, run)
    store.add_codes([Code(1, "ada", "1", relevant=True, frames=(True, False), certainty=1, purpose="audit")], NOW)
    store.add_sample("audit", Design(20, 7), draw(store.sampling_frame(), Design(20, 7)), NOW)
    days = [day for day, _ in store.changed_days()]
    store.replace_periods(days, period_frames(store.articles_of(days), days, store.frames))
    store.replace_days(*aggregated(store))
    store.replace_health([judge(record, NOW) for record in store.feed_records(NOW)], NOW)
    page = store.pages({feed.outlet.name: FullText.ALL for feed in CONFIG.feeds}, NOW)[0]
    store.record_page(run, page, Fetched(LEDGER, FetchOutcome.OK, NOW, 1, body=b"x"), PageText("A text"), None)
    known = store.begin_file(run, "stories.csv", "0", 9, ("generic", "0"), NOW)
    found = identify(LEDGER, (entry(),), NOW, {}, lambda _title, _summary: ("en", "declared"))
    decision = GateDecision(True, "keywords", "")
    store.add_archived(known.import_id, [Archived(1, found[0], LEDGER.kind, 7, (7,), decision)], 0, NOW)
    assert all(len(store.query(f"SELECT * FROM {view}")) for view in views)  # noqa: S608


# ---------------------------------------------------------------------- recording what feeds bring


def test_a_new_article_is_stored_with_version_story_and_sighting(store: Store, run_id: int) -> None:
    item = entry(guid="id-7", published_raw="Tue, 03 Feb 2026 12:00:00 GMT")
    result = visit(store, run_id, item, body=b"12345", body_sha256="ab")
    assert (result.outcome, result.entries, result.new_articles, result.new_versions) == (FetchOutcome.OK, 1, 1, 0)
    (article,) = store.articles(on_topic=None).to_dict("records")
    assert article["title"] == item.title
    assert article["summary"] == item.summary
    assert article["url"] == item.link
    assert (article["outlet"], article["outlet_group"], article["country"]) == ("Morning Ledger", "uk", "GB")
    assert article["published_at"] == article["first_seen_at"] == pd.Timestamp(NOW)
    assert (article["date"], article["date_source"]) == ("2026-02-03", "feed")
    assert (article["versions"], article["feeds"]) == (1, 1)
    assert rows(store, "SELECT guid, times_seen FROM sighting") == [("id-7", 1)]
    assert rows(store, "SELECT published_raw FROM article") == [("Tue, 03 Feb 2026 12:00:00 GMT",)]
    assert rows(store, "SELECT outcome, bytes, entries, new_articles FROM v_fetches") == [("ok", 5, 1, 1)]


def test_times_are_stored_in_utc_to_the_second(store: Store, run_id: int) -> None:
    local = datetime.fromisoformat("2026-02-04T00:30:15.999+02:00")
    visit(store, run_id, entry(published=local))
    assert rows(store, "SELECT published_at, date FROM article") == [("2026-02-03T22:30:15+00:00", "2026-02-03")]


def test_seeing_an_article_again_adds_a_sighting_and_nothing_else(store: Store, run_id: int) -> None:
    visit(store, run_id, entry())
    before = counted(store, "article", "article_version", "story", "sighting")
    result = visit(store, run_id, entry(), at=NOW + timedelta(hours=1))
    assert (result.entries, result.new_articles, result.new_versions) == (1, 0, 0)
    assert counted(store, *before) == before
    seen = rows(store, "SELECT times_seen, first_seen_at, last_seen_at FROM sighting")
    assert seen == [(2, "2026-02-03T12:00:00+00:00", "2026-02-03T13:00:00+00:00")]


def test_an_edited_headline_adds_a_version_and_keeps_the_old_one(store: Store, run_id: int) -> None:
    visit(store, run_id, entry())
    edited = entry("Envoys walk out of lakeside talks", link=entry().link)
    result = visit(store, run_id, edited, at=NOW + timedelta(hours=1))
    assert (result.new_articles, result.new_versions) == (0, 1)
    assert store.articles(on_topic=None)[["title", "versions"]].values.tolist() == [[edited.title, 2]]
    history = rows(store, "SELECT version, title, previous_title FROM v_versions ORDER BY version")
    assert history[0][:2] == (1, entry().title)
    assert history[1] == (2, edited.title, entry().title)


@pytest.mark.parametrize(
    ("second", "versions"),
    [
        pytest.param(entry(summary="Talks broke off."), 2, id="another lead"),
        pytest.param(entry(summary=""), 1, id="the same headline without its lead"),
        pytest.param(
            entry("Envoys meet by the lake to night", "", link=entry().link), 1, id="other spaces and no lead"
        ),
        pytest.param(
            entry("Envoys meet by the lake to night", link=entry().link),
            2,
            id="other spaces in a headline with its lead",
        ),
        pytest.param(entry("Envoys go home", "", link=entry().link), 2, id="another headline without a lead"),
        pytest.param(entry(published=NOW - timedelta(days=1)), 1, id="another date"),
        pytest.param(entry(link=f"{entry().link}?utm_source=feed#top"), 1, id="a link that differs in tracking only"),
    ],
)
def test_only_another_wording_makes_another_version(store: Store, run_id: int, second: Entry, versions: int) -> None:
    visit(store, run_id, entry())
    assert visit(store, run_id, second).new_versions == versions - 1
    assert counted(store, "article", "article_version") == {"article": 1, "article_version": versions}


def test_a_lead_that_arrives_later_is_kept(store: Store, run_id: int) -> None:
    visit(store, run_id, entry(summary=""))
    visit(store, run_id, entry())
    assert store.articles(on_topic=None)["summary"].tolist() == ["Talks went on."]


def test_the_languages_of_a_feeds_newest_articles_are_known_by_their_texts(store: Store, run_id: int) -> None:
    first, second, third = (entry(f"Envoys meet by the lake on day {day}") for day in "123")
    visit(store, run_id, first, second)
    visit(store, run_id, replace(second, summary="They went home."), third, at=NOW + timedelta(hours=1))
    visit(store, run_id, entry("Elsewhere"), feed=POST)

    def hashes(*entries: Entry) -> dict[str, tuple[str | None, str]]:
        return {each.text_sha256: ("en", "declared") for each in sightings(LEDGER, entries, NOW)}

    assert store.languages(LEDGER.url, 1) == hashes(third)
    assert store.languages(LEDGER.url, 2) == hashes(third, second) | hashes(replace(second, summary="They went home."))
    assert store.languages(LEDGER.url, 9) == store.languages(LEDGER.url, 2) | hashes(first)
    assert store.languages("https://press.example/unknown.xml", 9) == {}


def test_a_wording_that_returns_is_not_stored_twice(store: Store, run_id: int) -> None:
    for title in ("First wording of this headline", "Second wording of this headline") * 3:
        visit(store, run_id, entry(title, link="https://press.example/a"))
    assert counted(store, "article", "article_version") == {"article": 1, "article_version": 2}


def test_a_page_that_always_changes_does_not_grow_for_ever(store: Store, run_id: int) -> None:
    results = [visit(store, run_id, entry(summary=f"Updated at minute {minute}")) for minute in range(MAX_VERSIONS + 5)]
    assert sum(result.new_versions for result in results) == MAX_VERSIONS - 1
    assert one(store, "SELECT versions FROM v_articles") == MAX_VERSIONS
    assert one(store, "SELECT summary FROM v_articles") == f"Updated at minute {MAX_VERSIONS - 1}"
    assert one(store, "SELECT times_seen FROM sighting") == MAX_VERSIONS + 5


def test_an_article_in_two_feeds_is_one_article(store: Store, run_id: int) -> None:
    visit(store, run_id, entry())
    result = visit(store, run_id, entry(), feed=POST)
    assert result.new_articles == 0
    assert store.articles(on_topic=None)[["outlet", "feeds"]].values.tolist() == [["Morning Ledger", 2]]


@pytest.mark.parametrize(
    ("apart", "stories"),
    [
        pytest.param(timedelta(0), 1, id="at once"),
        pytest.param(STORY_WINDOW, 1, id="at the end of the window"),
        pytest.param(STORY_WINDOW + timedelta(seconds=1), 2, id="a second later"),
        pytest.param(-STORY_WINDOW, 1, id="published before, seen after"),
        pytest.param(-STORY_WINDOW - timedelta(seconds=1), 2, id="long before, seen after"),
    ],
)
def test_the_same_headline_is_one_story_within_the_window(
    store: Store, run_id: int, apart: timedelta, stories: int
) -> None:
    here, there = entry(link="https://press.example/a"), entry(link="https://press.example/b", published=NOW + apart)
    visit(store, run_id, here)
    visit(store, run_id, there, feed=POST, at=NOW + timedelta(days=9))
    assert store.counts() | {"articles": 2, "stories": stories} == store.counts()


def test_an_outlet_that_only_a_search_feed_names_becomes_an_outlet(store: Store) -> None:
    feed = FeedEntry(url="https://search.example/q", kind=FeedKind.SEARCH)
    engine = OutletEntry(name="Search", group="aggregator", feeds=(feed,))
    config = Config(topic=CONFIG.topic, outlets=(*CONFIG.outlets, engine))
    search = config.feeds[-1]
    run = store.begin_run(config, model_info(), NOW)
    named = entry(source_title="Hill Courier", source_url="https://courier.example")
    known = entry("Another headline about these talks", source_title="Evening Post")
    visit(store, run, named, known, feed=search)
    found = store.articles(on_topic=None).set_index("title")[["outlet", "outlet_group"]].T.to_dict("list")
    assert found == {named.title: ["Hill Courier", "other"], known.title: ["Evening Post", "uk"]}


def test_what_a_search_feed_does_not_know_of_an_outlet_overwrites_nothing(store: Store, run_id: int) -> None:
    """feeds.yaml told the outlet's group and country once; a search feed only tells its name."""
    visit(store, run_id, entry(), feed=POST)
    stranger = Feed(LEDGER.url, Outlet("Evening Post", None, "other"))
    second = entry("A second headline about the talks")
    store.record(run_id, answer(), ParsedFeed("t", "rss20", None, ()), sightings(stranger, (second,), NOW))
    outlets = store.articles(on_topic=None)[["outlet", "outlet_group", "country"]]
    assert outlets.values.tolist() == [["Evening Post", "uk", "GB"]] * 2


class Interrupted(Exception):  # noqa: N818 - as when a signal arrives
    pass


class BreaksOff(tuple[Sighting, ...]):
    """Sightings of which only the first can be read."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Sighting]:
        yield self[0]
        raise Interrupted


def test_an_attempt_is_stored_as_a_whole_or_not_at_all(store: Store, run_id: int) -> None:
    visit(store, run_id, entry(), headers={"etag": '"v1"'})
    everything = (*GOOD, "v_articles")
    before = counted(store, *everything)
    both = sightings(LEDGER, (entry(summary="Talks broke off."), entry("A second headline about the talks")), NOW)
    parsed = ParsedFeed("Morning Ledger", "rss20", "en", (), None)

    with pytest.raises(Interrupted):
        store.record(run_id, answer(headers={"etag": '"v2"'}), parsed, BreaksOff(both))

    assert counted(store, *everything) == before
    assert store.feed_states()[LEDGER.url].etag == '"v1"'
    result = store.record(run_id, answer(headers={"etag": '"v2"'}), parsed, both)  # no transaction was left open
    assert (result.new_articles, result.new_versions) == (1, 1)


# ---------------------------------------------------------------------- attempts


def test_validators_are_kept_refreshed_and_replaced(store: Store, run_id: int) -> None:
    def state() -> FeedState:
        return store.feed_states()[LEDGER.url]

    assert state() == FeedState()
    visit(store, run_id, headers={"etag": 'W/"v1"', "last-modified": "yesterday"}, body_sha256="aa")
    assert state() == FeedState('W/"v1"', "yesterday", "aa")

    unchanged = FetchOutcome.NOT_MODIFIED
    store.record(run_id, answer(outcome=unchanged, status=304), None, ())
    assert state() == FeedState('W/"v1"', "yesterday", "aa")
    store.record(run_id, answer(outcome=unchanged, status=304, headers={"etag": '"v2"'}), None, ())
    assert state() == FeedState('"v2"', "yesterday", "aa")

    for outcome in (FetchOutcome.HTTP_ERROR, FetchOutcome.TIMEOUT, FetchOutcome.EMPTY_BODY):
        store.record(run_id, answer(outcome=outcome, headers={"etag": '"broken"'}, error="x"), None, ())
    page = Rejected(FetchOutcome.NOT_A_FEED, "an HTML page came back")
    store.record(run_id, answer(headers={"etag": '"page"'}, body_sha256="ff"), page, ())
    assert state() == FeedState('"v2"', "yesterday", "aa")

    visit(store, run_id, body_sha256="bb")
    assert state() == FeedState(None, None, "bb")
    assert store.feed_states()[POST.url] == FeedState()


@pytest.mark.parametrize(
    ("fetched", "parsed", "outcome", "error"),
    [
        pytest.param(FetchOutcome.OK, ParsedFeed("t", "rss20", None, ()), FetchOutcome.OK, None, id="ok"),
        pytest.param(
            FetchOutcome.OK,
            ParsedFeed("t", "rss20", None, (), "undefined entity"),
            FetchOutcome.DAMAGED,
            "not well-formed: undefined entity",
            id="damaged",
        ),
        pytest.param(
            FetchOutcome.OK,
            Rejected(FetchOutcome.NOT_A_FEED, "an HTML page"),
            FetchOutcome.NOT_A_FEED,
            "an HTML page",
            id="not a feed",
        ),
        pytest.param(FetchOutcome.UNCHANGED, None, FetchOutcome.UNCHANGED, None, id="unchanged"),
        pytest.param(FetchOutcome.GONE, None, FetchOutcome.GONE, "the server said no", id="gone"),
    ],
)
def test_every_attempt_leaves_a_row_that_says_how_it_ended(
    store: Store,
    run_id: int,
    fetched: FetchOutcome,
    parsed: ParsedFeed | Rejected | None,
    outcome: FetchOutcome,
    error: str | None,
) -> None:
    said = error if parsed is None else None
    result = store.record(run_id, answer(outcome=fetched, error=said), parsed, ())
    assert (result.outcome, result.error, result.feed_url, result.outlet) == (
        outcome,
        error,
        LEDGER.url,
        "Morning Ledger",
    )
    (row,) = store.query("SELECT outcome, succeeded, error, elapsed_ms FROM v_fetches").astype(object).values.tolist()
    assert row[:2] == [outcome.value, int(outcome.succeeded)]
    assert (row[2] if isinstance(row[2], str) else None, row[3]) == (error, 7)
    feeds = store.feeds().set_index("url")
    assert feeds.loc[LEDGER.url, ["fetches", "failures", "last_outcome"]].tolist() == [
        1,
        int(not outcome.succeeded),
        outcome.value,
    ]
    assert pd.isna(feeds.loc[LEDGER.url, "last_success_at"]) is not outcome.succeeded
    assert feeds.loc[POST.url, "fetches"] == 0


# ---------------------------------------------------------------------- what decides about the next attempt

HOUR = timedelta(hours=1)
NEW_URL = "https://press.example/new.xml"


def last_fetch(store: Store, *columns: str) -> tuple[Any, ...]:
    return rows(store, f"SELECT {', '.join(columns)} FROM fetch ORDER BY id DESC LIMIT 1")[0]  # noqa: S608


def fail(store: Store, run_id: int, outcome: FetchOutcome = FetchOutcome.TIMEOUT, **more: Any) -> FeedResult:
    return store.record(run_id, answer(**({"outcome": outcome, "status": None, "error": "x"} | more)), None, ())


def history(store: Store, feed: Feed = LEDGER) -> FeedHistory:
    return store.feed_histories()[feed.url]


def test_the_share_of_known_entries_is_that_of_this_feed(store: Store, run_id: int) -> None:
    first, second, third = (entry(f"Report number {n} from the talks") for n in range(3))
    visit(store, run_id, second, feed=POST)
    visit(store, run_id, first, second)
    assert last_fetch(store, "entries", "seen_before", "may_have_lost") == (2, None, 0)  # nothing to compare
    visit(store, run_id, second, third)
    assert last_fetch(store, "entries", "seen_before", "may_have_lost") == (2, 1, 0)
    visit(store, run_id)
    assert last_fetch(store, "entries", "seen_before", "may_have_lost") == (0, None, 0)


def test_a_document_without_any_known_entry_may_have_lost_stories(store: Store, run_id: int) -> None:
    visit(store, run_id, entry())
    visit(store, run_id, entry("Quite another headline of the day"), entry("And one more headline of the day"))
    assert last_fetch(store, "seen_before", "may_have_lost") == (0, 1)
    assert store.feeds().set_index("url").loc[LEDGER.url, "may_have_lost"] == 1


def test_attempts_come_back_as_they_were_oldest_first(store: Store, run_id: int) -> None:
    assert history(store) == FeedHistory()
    fail(store, run_id, FetchOutcome.RATE_LIMITED, status=429, wait_until=NOW + HOUR)
    more = {"headers": {"cache-control": "max-age=60"}, "moved_to": NEW_URL}
    visit(store, run_id, entry(), at=NOW + HOUR, **more)
    first, second = history(store).attempts
    assert first == Attempt(NOW, FetchOutcome.RATE_LIMITED, 429, wait_until=NOW + HOUR, error="x")
    fresh = NOW + HOUR + timedelta(minutes=1)
    assert second == replace(
        Attempt(NOW + HOUR, FetchOutcome.OK, 200, 1), moved_to=NEW_URL, fresh_until=fresh, fresh_by=second.fresh_by
    )
    assert (history(store).total, history(store).full_at) == (2, NOW + HOUR)
    assert history(store, POST) == FeedHistory()


def test_only_a_whole_document_counts_as_one(store: Store, run_id: int) -> None:
    visit(store, run_id, entry(), headers={"etag": '"v1"'})
    for hours, outcome in ((1, FetchOutcome.NOT_MODIFIED), (2, FetchOutcome.TIMEOUT)):
        store.record(run_id, answer(outcome=outcome, at=NOW + hours * HOUR), None, ())
    assert history(store).full_at == NOW
    store.record(run_id, answer(outcome=FetchOutcome.UNCHANGED, at=NOW + 3 * HOUR), None, ())
    assert history(store).full_at == NOW + 3 * HOUR


def test_the_same_bytes_replace_the_validators(store: Store, run_id: int) -> None:
    visit(store, run_id, headers={"etag": '"v1"', "last-modified": "monday"}, body_sha256="aa")
    same = answer(outcome=FetchOutcome.UNCHANGED, headers={"etag": '"v2"'}, body_sha256="aa")
    store.record(run_id, same, None, ())
    assert store.feed_states()[LEDGER.url] == FeedState('"v2"', None, "aa")


def test_a_document_whose_compression_breaks_off_leaves_no_validators(store: Store, run_id: int) -> None:
    cut = {"outcome": FetchOutcome.DAMAGED, "headers": {"etag": '"v1"'}, "error": "breaks off", "body_sha256": "aa"}
    result = visit(store, run_id, entry(), **cut)
    assert (result.outcome, result.error, result.new_articles) == (FetchOutcome.DAMAGED, "breaks off", 1)
    assert store.feed_states()[LEDGER.url].etag is None
    assert visit(store, run_id, entry(), damage="no end", **cut).error == "breaks off; not well-formed: no end"


@pytest.mark.parametrize(
    ("headers", "new", "lying"),
    [
        pytest.param({"etag": '"v1"'}, True, 1, id="news under the same validator"),
        pytest.param({"etag": '"v1"'}, False, 0, id="no news"),
        pytest.param({"etag": '"v2"'}, True, 0, id="news under a new validator"),
        pytest.param({"etag": '"v1"', "last-modified": "monday"}, True, 0, id="one more validator"),
        pytest.param({}, True, 0, id="no validator any more"),
    ],
)
def test_news_under_validators_already_held_prove_a_lie(
    store: Store, run_id: int, headers: dict[str, str], new: bool, lying: int
) -> None:
    visit(store, run_id, entry(), headers={"etag": '"v1"'})
    assert last_fetch(store, "conditional", "forced", "lying_304") == (0, 0, 0)
    store.record(run_id, answer(outcome=FetchOutcome.NOT_MODIFIED, status=304, conditional=True), None, ())
    assert last_fetch(store, "conditional", "forced", "lying_304") == (1, 0, 0)
    extra = [entry("Quite another headline of the day")] if new else []
    visit(store, run_id, entry(), *extra, headers=headers)
    assert last_fetch(store, "conditional", "forced", "lying_304") == (0, 1, lying)
    assert history(store).attempts[-1].lying_304 is bool(lying)
    counted = store.feeds().set_index("url").loc[LEDGER.url, ["not_modified", "forced", "forced_news", "lying_304s"]]
    assert counted.tolist() == [1, 1, int(new), lying]


def test_what_the_document_asks_for_holds_for_its_304s_too(store: Store, run_id: int) -> None:
    parsed = ParsedFeed("Morning Ledger", "rss20", "en", (), fresh_for=2 * HOUR)
    store.record(run_id, answer(), parsed, ())
    assert last_fetch(store, "fresh_until") == ((NOW + 2 * HOUR).isoformat(),)
    store.record(run_id, answer(outcome=FetchOutcome.NOT_MODIFIED, at=NOW + 3 * HOUR), None, ())
    assert last_fetch(store, "fresh_until") == ((NOW + 5 * HOUR).isoformat(),)
    fail(store, run_id, at=NOW + 6 * HOUR)
    assert last_fetch(store, "fresh_until", "fresh_by") == (None, None)
    store.record(run_id, answer(at=NOW + 7 * HOUR), replace(parsed, fresh_for=timedelta(minutes=-5)), ())
    assert last_fetch(store, "fresh_until") == (None,)


@pytest.mark.parametrize("outcome", [FetchOutcome.HELD_BACK, FetchOutcome.NOT_REACHED])
def test_a_feed_that_was_not_asked_leaves_a_row_that_is_no_attempt(
    store: Store, run_id: int, outcome: FetchOutcome
) -> None:
    visit(store, run_id, entry())
    fail(store, run_id, outcome)
    assert last_fetch(store, "outcome", "attempted", "succeeded") == (outcome.value, 0, 0)
    assert [attempt.outcome for attempt in history(store).attempts] == [FetchOutcome.OK]
    feed = store.feeds().set_index("url").loc[LEDGER.url]
    assert (feed["fetches"], feed["failures"], feed["last_outcome"]) == (1, 0, "ok")
    run = store.runs().iloc[0]
    assert (run["feeds"], run["feeds_failed"], run["feeds_not_asked"]) == (1, 0, 1)


def test_waits_that_are_not_over_are_known_with_the_address_that_answered(store: Store, run_id: int) -> None:
    busy = {"outcome": FetchOutcome.RATE_LIMITED, "status": 429, "final_url": "https://busy.example/a"}
    fail(store, run_id, **busy, wait_until=NOW + HOUR)
    fail(store, run_id, **busy, wait_until=NOW + 2 * HOUR)
    assert store.waits(NOW) == [("https://busy.example/a", NOW + hours * HOUR) for hours in (1, 2)]
    assert store.waits(NOW + HOUR) == [("https://busy.example/a", NOW + 2 * HOUR)]
    assert store.waits(NOW + 2 * HOUR) == []


def test_what_a_clock_that_ran_ahead_has_left_holds_nothing_up(store: Store, run_id: int) -> None:
    visit(store, run_id, entry())
    fail(store, run_id, FetchOutcome.RATE_LIMITED, final_url="https://busy.example/a", wait_until=NOW + HOUR)
    year_before = NOW - 8760 * HOUR
    assert store.waits(year_before) == []
    assert store.feed_histories(year_before)[LEDGER.url].attempts == ()
    almost = NOW - CLOCK_SLACK
    assert len(store.waits(almost)) == 1
    assert store.feed_histories(almost)[LEDGER.url] == history(store)
    store.end_run(run_id, "finished", 0, year_before)
    run = store.runs().iloc[0]
    assert run["finished_at"] == run["started_at"]


def test_a_feed_that_is_gone_is_off_until_it_is_switched_on(store: Store, run_id: int) -> None:
    fail(store, run_id, FetchOutcome.GONE, status=410)
    assert history(store).off_since == NOW
    assert history(store, POST).off_since is None
    assert store.feeds().set_index("url").loc[LEDGER.url, "off_since"] == pd.Timestamp(NOW)
    store.switch_on(LEDGER.url)
    assert history(store).off_since is None


def addresses(store: Store) -> list[str]:
    return [url for (url,) in rows(store, "SELECT url FROM v_feed_urls ORDER BY since, rowid")]


def move(store: Store, run_id: int, times: int = MOVES_BELIEVED) -> None:
    visit(store, run_id, entry())
    for number in range(times):
        visit(store, run_id, entry(), at=NOW + (number + 1) * HOUR, moved_to=NEW_URL)


def test_a_feed_that_has_moved_for_good_is_asked_there_and_its_addresses_are_kept(store: Store, run_id: int) -> None:
    move(store, run_id, MOVES_BELIEVED - 1)
    assert store.feed_states()[LEDGER.url].address is None
    visit(store, run_id, entry(), at=NOW + 9 * HOUR, moved_to=NEW_URL)
    assert store.feed_states()[LEDGER.url].address == NEW_URL
    urls = rows(store, "SELECT url, since, reason FROM feed_url ORDER BY id")
    assert [url for url, _, _ in urls] == [LEDGER.url, NEW_URL]
    assert [since for _, since, _ in urls] == [NOW.isoformat(), (NOW + 9 * HOUR).isoformat()]
    assert "3 permanent redirects" in urls[1][2]
    feed = store.feeds().set_index("url").loc[LEDGER.url]
    assert feed["address"] == NEW_URL


@pytest.mark.parametrize("outcome", [FetchOutcome.TIMEOUT, FetchOutcome.NOT_FOUND, FetchOutcome.NOT_A_FEED])
def test_an_address_moved_to_that_keeps_failing_is_given_up(store: Store, run_id: int, outcome: FetchOutcome) -> None:
    move(store, run_id)
    for number in range(FAILURES_TO_GO_BACK):
        assert store.feed_states()[LEDGER.url].address == NEW_URL
        fail(store, run_id, outcome, at=NOW + (10 + number) * HOUR)
    assert store.feed_states()[LEDGER.url].address is None
    assert rows(store, "SELECT url FROM feed_url ORDER BY id") == [(LEDGER.url,), (NEW_URL,), (LEDGER.url,)]


def test_a_feed_gone_from_where_it_moved_to_is_asked_where_it_is_listed(store: Store, run_id: int) -> None:
    move(store, run_id)
    fail(store, run_id, FetchOutcome.GONE, status=410, at=NOW + 10 * HOUR)
    assert store.feed_states()[LEDGER.url].address is None
    assert history(store).off_since is None
    fail(store, run_id, FetchOutcome.GONE, status=410, at=NOW + 11 * HOUR)
    assert history(store).off_since is not None


def test_a_feed_listed_under_the_address_that_it_moved_to_is_still_that_feed(store: Store, run_id: int) -> None:
    move(store, run_id)
    before = rows(store, "SELECT id FROM feed WHERE url = ?", LEDGER.url)
    there = make_config("https://press.example", {"Morning Ledger": ["/new.xml"], "Evening Post": ["/post.xml"]})
    store.begin_run(there, model_info(), NOW + timedelta(days=1))
    assert rows(store, "SELECT id FROM feed WHERE url = ?", NEW_URL) == before
    assert rows(store, "SELECT count(*) FROM feed") == [(2,)]
    assert store.feed_states()[NEW_URL].address is None
    assert len(history(store, there.feeds[0]).attempts) == 1 + MOVES_BELIEVED


def test_a_feed_listed_under_both_addresses_is_two(store: Store, run_id: int) -> None:
    move(store, run_id)
    both = make_config("https://press.example", {"Morning Ledger": ["/ledger.xml", "/new.xml"]})
    store.begin_run(both, model_info(), NOW + timedelta(days=1))
    assert {NEW_URL, LEDGER.url} <= set(store.feed_states())


def test_a_database_of_an_older_version_is_told_to_be_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "coverage.db"
    open_store(path, read_only=False).close()
    make_file(path, "DROP VIEW v_feed_urls", "DROP VIEW v_feeds", "DROP TABLE feed_url")
    with open_store(path) as store, pytest.raises(StoreError, match="run` brings it up to date"):
        store.feed_histories()


# ---------------------------------------------------------------------- runs


def test_a_run_that_never_ended_is_marked_when_the_next_begins(store: Store) -> None:
    first = store.begin_run(CONFIG, model_info(), NOW)
    second = store.begin_run(CONFIG, model_info(), NOW + timedelta(hours=1))
    store.end_run(second, "finished", 1, NOW + timedelta(hours=2), None)
    third = store.begin_run(CONFIG, model_info(), NOW + timedelta(hours=3))
    assert store.runs()["run_id"].tolist() == [third, second, first]
    assert store.runs()["state"].tolist() == ["running", "finished", "interrupted"]
    assert store.runs(limit=2)["run_id"].tolist() == [third, second]
    finished = store.runs().set_index("run_id").loc[second]
    assert finished["finished_at"] == pd.Timestamp(NOW + timedelta(hours=2))
    assert (finished["exit_code"], finished["config_sha256"]) == (1, CONFIG.sha256)


def test_a_feed_that_left_the_configuration_keeps_its_history(store: Store, run_id: int) -> None:
    visit(store, run_id, entry())
    store.begin_run(make_config("https://press.example", {"Evening Post": ["/post.xml"]}), model_info(), NOW)
    assert store.feeds()["url"].tolist() == [POST.url]
    assert store.counts()["articles"] == 1
    store.begin_run(CONFIG, model_info(), NOW)
    assert store.feeds().set_index("url").loc[LEDGER.url, "articles"] == 1


def test_events_are_those_of_the_last_configuration(store: Store, run_id: int) -> None:
    assert store.events().values.tolist() == [["2026-02-03", "First day of talks"]]
    text = {"topic": CONFIG.topic.model_copy(update={"events": ()})}
    store.begin_run(CONFIG.model_copy(update=text), model_info(), NOW)
    assert store.events().empty


# ---------------------------------------------------------------------- gate and labels


def gate_all(store: Store, decision: GateDecision = PASS) -> int:
    return store.add_gate_decisions([(version_id, decision) for version_id, _, _ in store.ungated()])


def label_all(store: Store, run_id: int, classifier: FakeClassifier | None = None) -> None:
    classifier = classifier or FakeClassifier()
    gate_all(store)
    waiting = store.unlabelled()
    framings = classifier.classify([text for _, text in waiting], evidence=True)
    store.add_labels(run_id, zip([version_id for version_id, _ in waiting], framings, strict=True), NOW)


def aggregated(store: Store) -> tuple[list[str], pd.DataFrame]:
    days = [day for day, _ in store.changed_days()]
    return days, daily_frames(store.articles_on(days), store.frames)


def test_every_text_waits_once_for_the_gate_and_once_for_a_label(store: Store, run_id: int) -> None:
    visit(store, run_id, entry("Hope for peace at the lake"), entry("Football by the lake tonight"))
    assert [(text, language) for _, text, language in store.ungated()] == [
        (Text("Hope for peace at the lake", "Talks went on."), "en"),
        (Text("Football by the lake tonight", "Talks went on."), "en"),
    ]
    assert store.unlabelled() == []
    first, second = (version_id for version_id, _, _ in store.ungated())
    assert store.add_gate_decisions([(first, PASS), (second, FAIL)]) == 1
    assert store.ungated() == []
    assert store.unlabelled() == [(first, Text("Hope for peace at the lake", "Talks went on."))]
    label_all(store, run_id)
    assert store.unlabelled() == []

    articles = store.articles(on_topic=None).set_index("version_id")
    assert articles["passed_gate"].to_dict() == {first: 1, second: 0}
    assert articles.loc[first, ["on_topic", "label", "evidence"]].tolist() == [
        1,
        "hopeful_peace",
        "Hope for peace at the lake",
    ]
    assert articles.loc[second, "gate_reason"] == "putin is missing"
    assert store.articles()["version_id"].tolist() == [first]
    assert store.counts() | {"passed_gate": 1, "on_topic": 1} == store.counts()


def test_what_the_model_finds_off_topic_has_no_label(store: Store, run_id: int) -> None:
    visit(store, run_id, entry("Football gives hope to the lake"))
    label_all(store, run_id)
    (article,) = store.articles(on_topic=None).to_dict("records")
    assert (article["passed_gate"], article["on_topic"]) == (1, 0)
    assert pd.isna(article["label"])
    assert "off topic" in article["gate_reason"]
    assert article["p_relevant"] == 0.1
    assert store.articles().empty


def test_an_edited_article_waits_again_and_is_not_shown_with_its_old_label(store: Store, run_id: int) -> None:
    visit(store, run_id, entry("Hope for peace at the lake"))
    label_all(store, run_id)
    visit(store, run_id, entry("Betrayal feared at the lake", link="https://press.example/hope-for-peace-at-the-lake"))
    assert [text.title for _, text, _ in store.ungated()] == ["Betrayal feared at the lake"]
    assert store.articles().empty
    label_all(store, run_id)
    assert store.articles()["label"].tolist() == ["appeasement"]
    assert one(store, "SELECT count(*) FROM v_labels") == 2


def test_edited_headlines_are_those_of_articles_on_topic_whose_headline_changed(store: Store, run_id: int) -> None:
    def edits() -> list[list[str]]:
        return store.edited_headlines()[["previous_title", "title"]].values.tolist()

    link = "https://press.example/a"
    visit(store, run_id, entry("Hope for peace at the lake", link=link), entry("Football by the lake tonight"))
    visit(store, run_id, entry("Hope for peace at the lake", "No date was named.", link=link))
    label_all(store, run_id)
    assert edits() == []
    football = entry("Football is over at the lake", link=entry("Football by the lake tonight").link)
    visit(store, run_id, entry("Betrayal feared at the lake", link=link), football)
    visit(store, run_id, entry("Talks end at the lake", link=link))
    label_all(store, run_id)
    assert edits() == [
        ["Betrayal feared at the lake", "Talks end at the lake"],
        ["Hope for peace at the lake", "Betrayal feared at the lake"],
    ]
    told = store.edits("", "9999", 10)
    assert told[["previous_title", "title"]].values.tolist() == edits()
    assert set(told["label"]) == {"neither"}, "of the article as it is now"
    assert len(store.edits("", "9999", 1)) == 1
    assert store.edits("2099-01-01", "9999", 10).empty


def before_quick_reading(path: Path) -> None:
    """The file as it was before m017."""
    make_file(
        path,
        "DROP TRIGGER headline_edit_add",
        "DROP TABLE headline_edit",
        "DROP INDEX article_current",
        "DELETE FROM _sqlite_migrations WHERE name = 'm017_quick_reading'",
        f"PRAGMA user_version = {len(schema.migrations.pending(Database(sqlite3.connect(':memory:')))) - 1}",
    )


def test_edits_of_an_older_file_are_found_when_it_is_brought_up_to_date(store: Store, run_id: int) -> None:
    link = "https://press.example/a"
    for title, lead in (("Hope", ""), ("Hope", "No date."), ("Betrayal", "No date."), ("Hope", "Another lead.")):
        visit(store, run_id, entry(f"{title} for peace at the lake", lead, link=link), entry("Football by the lake"))
    label_all(store, run_id)
    held, shown = rows(store, "SELECT * FROM headline_edit"), store.edited_headlines()
    assert held == [(4, 3), (5, 4)]
    before_quick_reading(store.path)
    with open_store(store.path) as old:
        assert old.labelled()["article_id"].tolist() == [1, 2], "whatever an older file has is read"
        for question in (old.edited_headlines, lambda: old.edits("", "9999", 10)):
            with pytest.raises(StoreError, match="older version"):
                question()
    with open_store(store.path, read_only=False) as again:
        assert rows(again, "SELECT * FROM headline_edit") == held
        pd.testing.assert_frame_equal(again.edited_headlines(), shown)
        visit(again, run_id, entry("Talks end at the lake", link=link))
        assert one(again, "SELECT count(*) FROM headline_edit") == 3


def test_genres_are_looked_up_for_those_who_ask(store: Store, run_id: int) -> None:
    visit(store, run_id, entry(link="https://press.example/opinion/a"))
    label_all(store, run_id)
    assert store.labelled()["genre"].tolist() == [None]
    assert store.labelled(genres=True)["genre"].tolist() == ["comment"]
    columns = store.labelled().columns
    assert list(columns) == list(store.labelled(genres=True).columns)


def test_on_topic_articles_are_found_from_those_with_the_keywords(store: Store, run_id: int) -> None:
    plan = store.query(f"EXPLAIN QUERY PLAN SELECT a.story_id {reading._ON_TOPIC}", "", "9999")["detail"].tolist()
    assert any("gate_passed" in line for line in plan), plan
    assert any(line.startswith("SEARCH a USING INDEX article_current") for line in plan), plan


def test_decisions_are_stored_together_or_not_at_all(store: Store, run_id: int) -> None:
    visit(store, run_id, entry(), entry("A second headline about the talks"))

    def decisions() -> Iterator[tuple[int, GateDecision]]:
        yield store.ungated()[0][0], PASS
        raise Interrupted

    with pytest.raises(Interrupted):
        store.add_gate_decisions(decisions())
    assert len(store.ungated()) == 2
    assert gate_all(store) == 2


def test_labels_are_stored_together_or_not_at_all(store: Store, run_id: int) -> None:
    visit(store, run_id, entry(), entry("A second headline about the talks"))
    gate_all(store)
    (first, text), _ = store.unlabelled()
    (framing,) = FakeClassifier().classify([text])

    def framings() -> Iterator[tuple[int, Any]]:
        yield first, framing
        raise Interrupted

    with pytest.raises(Interrupted):
        store.add_labels(run_id, framings(), NOW)
    assert len(store.unlabelled()) == 2


def test_another_topic_asks_the_gate_again_and_the_old_answers_return_with_the_old_topic(
    store: Store, run_id: int
) -> None:
    visit(store, run_id, entry("Hope for peace at the lake"))
    label_all(store, run_id)
    other = make_config("https://press.example", {"Morning Ledger": ["/ledger.xml"]}, query="lake")
    store.begin_run(other, model_info(), NOW)
    assert len(store.ungated()) == 1
    assert store.articles().empty
    gate_all(store)
    assert store.unlabelled() == []  # a label belongs to text and model, not to the topic
    assert store.articles()["label"].tolist() == ["hopeful_peace"]
    store.begin_run(CONFIG, model_info(), NOW)
    assert store.ungated() == []
    assert store.articles()["label"].tolist() == ["hopeful_peace"]


def test_each_label_leads_to_what_computed_it(store: Store) -> None:
    for number, (runtime, cpu) in enumerate([("onnxruntime 1.31.1", "x86_64 avx2"), ("onnxruntime 1.32.0", "arm64")]):
        run_id = store.begin_run(CONFIG, replace(model_info(), runtime=runtime, cpu=cpu), NOW)
        visit(store, run_id, entry(f"Envoys meet by the lake on night {number}"))
        label_all(store, run_id)
    assert rows(store, "SELECT run_id, runtime, cpu FROM v_labels ORDER BY version_id") == [
        (1, "onnxruntime 1.31.1", "x86_64 avx2"),
        (2, "onnxruntime 1.32.0", "arm64"),
    ]
    assert store.runs()[["runtime", "cpu"]].to_numpy().tolist() == [
        ["onnxruntime 1.32.0", "arm64"],
        ["onnxruntime 1.31.1", "x86_64 avx2"],
    ]
    assert one(store, "SELECT runtime FROM model") == "onnxruntime 1.31.1", "of the first use"


@pytest.mark.parametrize(
    "classifier",
    [FakeClassifier(version="2"), FakeClassifier(version="3", codebook_version="2")],
    ids=["model", "codebook"],
)
def test_another_model_labels_again_and_the_old_labels_stay(
    store: Store, run_id: int, classifier: FakeClassifier
) -> None:
    visit(store, run_id, entry("Hope for peace at the lake"))
    label_all(store, run_id)
    second = store.begin_run(CONFIG, classifier.info, NOW)
    assert store.ungated() == []
    assert len(store.unlabelled()) == 1
    label_all(store, second, classifier)
    assert store.articles()["model_id"].tolist() == [classifier.info.model_id]
    assert rows(store, "SELECT model_id, run_id FROM v_labels ORDER BY run_id") == [
        (model_info().model_id, run_id),
        (classifier.info.model_id, second),
    ]
    store.begin_run(CONFIG, model_info(), NOW)
    assert store.unlabelled() == []
    assert store.articles()["model_id"].tolist() == [model_info().model_id]


# ---------------------------------------------------------------------- days to recompute

MONDAY, TUESDAY, WEDNESDAY = (NOW.replace(day=day) for day in (2, 3, 4))


def changed(store: Store) -> list[str]:
    return [day for day, _ in store.changed_days()]


@pytest.fixture
def settled(store: Store, run_id: int) -> Store:
    """Three days of labelled articles, all aggregated."""
    for number, day in enumerate((MONDAY, TUESDAY, WEDNESDAY)):
        visit(store, run_id, entry(f"Hope for peace on day number {number}", published=day), at=WEDNESDAY)
    label_all(store, run_id)
    store.replace_days(*aggregated(store))
    assert changed(store) == []
    return store


def test_the_same_topic_and_model_change_no_day(settled: Store) -> None:
    settled.begin_run(CONFIG, model_info(), NOW)
    assert changed(settled) == []


def test_another_topic_changes_every_day(settled: Store) -> None:
    settled.begin_run(make_config("https://press.example", query="lake"), model_info(), NOW)
    assert changed(settled) == ["2026-02-02", "2026-02-03", "2026-02-04"]


def test_another_model_changes_every_day(settled: Store) -> None:
    settled.begin_run(CONFIG, model_info("2"), NOW)
    assert changed(settled) == ["2026-02-02", "2026-02-03", "2026-02-04"]


def test_a_topic_that_is_only_renamed_changes_no_day(settled: Store) -> None:
    renamed = CONFIG.topic.model_copy(update={"name": "The summit"})
    settled.begin_run(CONFIG.model_copy(update={"topic": renamed}), model_info(), NOW)
    assert changed(settled) == []
    assert settled.runs()["topic"].tolist() == ["The summit", "The summit"]


def test_an_outlet_in_another_group_changes_its_days_only(settled: Store) -> None:
    run = settled.begin_run(CONFIG, model_info(), NOW)
    visit(settled, run, entry("Hope for peace in the evening", published=TUESDAY), feed=POST)
    label_all(settled, run)
    settled.replace_days(*aggregated(settled))
    moved = make_config(
        "https://press.example",
        {"Morning Ledger": ["/ledger.xml"], "Evening Post": ["/post.xml"]},
        groups={"Evening Post": "europe"},
    )
    settled.begin_run(moved, model_info(), NOW)
    assert changed(settled) == ["2026-02-03"]
    settled.replace_days(*aggregated(settled))
    groups = settled.daily_frames().query("date == '2026-02-03'").set_index("outlet")["outlet_group"]
    assert groups.to_dict() == {"Morning Ledger": "uk", "Evening Post": "europe"}


def test_seeing_the_same_again_changes_no_day_and_an_edit_changes_one(settled: Store) -> None:
    run = settled.begin_run(CONFIG, model_info(), NOW)
    visit(settled, run, entry("Hope for peace on day number 1", published=TUESDAY), at=WEDNESDAY)
    assert changed(settled) == []
    visit(settled, run, entry("Hope for peace on day number 1", "Or is it?", published=TUESDAY), at=WEDNESDAY)
    assert changed(settled) == ["2026-02-03"]


def test_a_label_that_comes_later_changes_the_day(settled: Store) -> None:
    run = settled.begin_run(CONFIG, model_info(), NOW)
    visit(settled, run, entry("Betrayal feared on day number 1", published=TUESDAY), at=WEDNESDAY)
    settled.replace_days(*aggregated(settled))
    assert settled.daily_frames()["appeasement"].sum() == 0
    label_all(settled, run)
    assert changed(settled) == ["2026-02-03"]
    settled.replace_days(*aggregated(settled))
    assert settled.daily_frames()["appeasement"].sum() == 1


def test_a_day_changes_too_when_a_story_of_it_gets_an_earlier_article(settled: Store) -> None:
    """The article that opened the story on Wednesday no longer does."""
    run = settled.begin_run(CONFIG, model_info(), NOW)
    copy = entry("Hope for peace on day number 2", link="https://press.example/copy", published=MONDAY)
    visit(settled, run, copy, feed=POST, at=WEDNESDAY)
    label_all(settled, run)
    assert changed(settled) == ["2026-02-02", "2026-02-04"]
    settled.replace_days(*aggregated(settled))
    opened = settled.daily_frames().set_index(["date", "outlet"])["new_stories"].to_dict()
    assert opened == {
        ("2026-02-02", "Evening Post"): 1,
        ("2026-02-02", "Morning Ledger"): 1,
        ("2026-02-03", "Morning Ledger"): 1,
        ("2026-02-04", "Morning Ledger"): 0,
    }


def test_replacing_days_leaves_the_others_alone(settled: Store) -> None:
    before = settled.daily_frames()
    days = settled.all_days()
    articles = settled.articles_on(days)
    assert days == ["2026-02-02", "2026-02-03", "2026-02-04"]
    pd.testing.assert_frame_equal(daily_frames(articles, settled.frames), before, check_dtype=False)
    settled.replace_days(["2026-02-03"], daily_frames(articles, settled.frames).iloc[:0])
    pd.testing.assert_frame_equal(settled.daily_frames(), before[before["date"] != "2026-02-03"].reset_index(drop=True))


# ---------------------------------------------------------------------- frames


def test_articles_are_selected_by_day_both_ends_included_newest_first(settled: Store) -> None:
    assert settled.articles()["date"].tolist() == ["2026-02-04", "2026-02-03", "2026-02-02"]
    assert settled.articles("2026-02-03")["date"].tolist() == ["2026-02-04", "2026-02-03"]
    assert settled.articles(until="2026-02-03")["date"].tolist() == ["2026-02-03", "2026-02-02"]
    assert settled.articles("2026-02-03", "2026-02-03")["date"].tolist() == ["2026-02-03"]
    assert settled.articles(on_topic=False).empty


@pytest.mark.parametrize("filled", [False, True], ids=["empty", "filled"])
def test_times_in_frames_are_utc_whether_or_not_there_are_rows(store: Store, filled: bool) -> None:
    if filled:
        visit(store, store.begin_run(CONFIG, model_info(), NOW), entry())
    frame = store.articles(on_topic=None)
    assert len(frame) == filled
    assert str(frame["published_at"].dt.tz) == str(frame["first_seen_at"].dt.tz) == "UTC"


def test_parameters_of_a_query_are_values_and_not_sql(store: Store, run_id: int) -> None:
    visit(store, run_id, entry("'; DROP TABLE article; --"))
    found = store.query("SELECT * FROM v_articles WHERE title = ?", "'; DROP TABLE article; --")
    assert len(found) == 1


# ---------------------------------------------------------------------- several programs at once


def test_a_locked_database_is_told_and_loses_nothing(store: Store, run_id: int) -> None:
    visit(store, run_id, entry())
    store.query("PRAGMA busy_timeout = 50")  # instead of waiting for BUSY_SECONDS
    with raw(store.path) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusyError, match="another program") as caught:
            visit(store, run_id, entry("A second headline about the talks"))
        assert caught.value.exit_code is ExitCode.NOTHING_WORKED
        assert store.counts()["articles"] == 1  # reading goes on
        other.execute("ROLLBACK")
    assert visit(store, run_id, entry("A second headline about the talks")).new_articles == 1


def test_a_writer_holds_the_lock_from_its_first_statement_and_so_cannot_fail_half_way(
    store: Store, run_id: int
) -> None:
    visit(store, run_id, entry())
    ((version_id, _, _),) = store.ungated()

    def decisions(other: sqlite3.Connection) -> Iterator[tuple[int, GateDecision]]:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("INSERT INTO changed_day VALUES ('2026-01-01')")
        yield version_id, PASS

    with raw(store.path) as other:
        assert store.add_gate_decisions(decisions(other)) == 1


class Watched(tuple[Sighting, ...]):
    """Sightings that call `look` between being read, in the midst of the writer's transaction."""

    look: Callable[[], None]

    def __iter__(self) -> Iterator[Sighting]:
        for sighting in super().__iter__():
            yield sighting
            self.look()


def test_a_reader_sees_nothing_of_an_attempt_until_all_of_it_is_stored(store: Store, run_id: int) -> None:
    two = Watched(sightings(LEDGER, (entry(), entry("A second headline about the talks")), NOW))
    with open_store(store.path) as reader:
        seen: list[int] = []
        two.look = lambda: seen.append(reader.counts()["articles"])
        store.record(run_id, answer(), ParsedFeed("t", "rss20", None, ()), two)
        assert set(seen) == {0}
        assert reader.counts()["articles"] == 2


def test_a_long_read_neither_stops_the_writer_nor_changes_under_the_readers_eyes(store: Store, run_id: int) -> None:
    visit(store, run_id, entry())
    with raw(store.path) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM v_articles").fetchone() == (1,)
        visit(store, run_id, entry("A second headline about the talks"))
        assert reader.execute("SELECT count(*), (SELECT count(*) FROM article) FROM v_articles").fetchone() == (1, 1)
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM v_articles").fetchone() == (2,)


def test_closing_in_the_midst_of_a_transaction_rolls_it_back(tmp_path: Path) -> None:
    path = tmp_path / "coverage.db"
    store = open_store(path, read_only=False)
    run = store.begin_run(CONFIG, model_info(), NOW)
    two = Watched(sightings(LEDGER, (entry(), entry("A second headline about the talks")), NOW))
    two.look = store.close
    with pytest.raises(sqlite3.ProgrammingError):
        store.record(run, answer(), ParsedFeed("t", "rss20", None, ()), two)
    with open_store(path) as store:
        assert store.counts()["articles"] == 0
        assert store.integrity() == "ok"


# ---------------------------------------------------------------------- any sequence of visits

ENTRIES = st.builds(
    entry,
    title=st.sampled_from(
        ["Envoys meet by the lake tonight", "Talks go on", "Talks end", "Hope for peace in the valley"]
    ),
    summary=st.sampled_from(["", "Talks went on.", "No date was named."]),
    link=st.sampled_from([None, "https://press.example/a", "https://press.example/b?utm_source=x", "mailto:a"]),
    guid=st.sampled_from([None, "1", "2"]),
    published=st.sampled_from([None, MONDAY, WEDNESDAY, datetime(1990, 1, 1, tzinfo=UTC)]),
)


@settings(deadline=None, max_examples=15)
@given(st.lists(st.tuples(st.sampled_from([LEDGER, POST]), st.lists(ENTRIES, max_size=5)), max_size=6))
def test_whatever_feeds_list_the_database_stays_consistent(visits: list[tuple[Feed, list[Entry]]]) -> None:
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "coverage.db", read_only=False) as store:
        run = store.begin_run(CONFIG, model_info(), NOW)
        results = [
            visit(store, run, *entries, feed=feed, at=NOW + timedelta(hours=hour))
            for hour, (feed, entries) in enumerate(visits)
        ]
        assert store.integrity() == "ok"
        assert rows(store, "PRAGMA foreign_key_check") == []
        total = counted(store, "article", "article_version", "fetch")
        assert total["fetch"] == len(visits)
        assert total["article"] == sum(result.new_articles for result in results)
        assert total["article_version"] == total["article"] + sum(result.new_versions for result in results)
        strays = (
            "SELECT a.id FROM article a LEFT JOIN article_version v ON v.id = a.current_version_id WHERE "
            "v.article_id IS NOT a.id OR v.id <> (SELECT max(x.id) FROM article_version x WHERE x.article_id = a.id) "
            "OR NOT EXISTS (SELECT 1 FROM sighting s WHERE s.article_id = a.id)"
        )
        assert rows(store, strays) == []
        if all(item.summary for _, entries in visits for item in entries):
            again = [visit(store, run, *entries, feed=feed, at=NOW) for feed, entries in visits]
            assert sum(result.new_articles + result.new_versions for result in again) == 0
