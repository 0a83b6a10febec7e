"""The database as text: tables, views, their migrations, and a description of every column.

The views (`v_…`) are the contract for analysts: they keep their columns. Tables may change with migrations.
All times are UTC, ISO 8601 with offset ("2026-02-03T14:05:00+00:00"), so that they sort as text.
Append-only tables refuse UPDATE and DELETE by trigger: history is data.

A database holds one topic's two frames, and some columns are called after them. In the text below $first and $second
stand for the frames' names, $first_output and $second_output for their outputs: `filled` puts them in. A migration
finds them by `frames_of(db)`. Views are made anew whenever their text differs, so editing a view takes no migration.
"""

from __future__ import annotations

from datetime import datetime
from string import Template
from typing import TYPE_CHECKING

from .. import genre, stories, wire
from ..framing import DEFAULT_FRAMES, Frames
from ..identity import canonical_url
from ..records import Frame
from .descriptions import DESCRIPTIONS
from .kinds import KINDS, Kind
from .sqlite import Migrations
from .views import VIEWS

if TYPE_CHECKING:
    from .sqlite import Database

APPLICATION_ID = 0x6D_63_6F_76
"""Marks the SQLite file as ours ("mcov")."""

migrations = Migrations("media-coverage")

_FRAME = """
CREATE TABLE IF NOT EXISTS frame (
    position INTEGER PRIMARY KEY CHECK (position IN (1, 2)),
    name TEXT NOT NULL UNIQUE,
    output TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL CHECK (title <> ''),
    description TEXT NOT NULL
) STRICT
"""
"""Made before the first migration, which reads it."""

_TABLES = """
CREATE TABLE outlet (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (name <> ''),
    country TEXT CHECK (country IS NULL OR length(country) = 2),
    outlet_group TEXT NOT NULL CHECK (outlet_group <> '')
) STRICT;

CREATE TABLE feed (
    id INTEGER PRIMARY KEY,
    url TEXT NOT NULL UNIQUE CHECK (url LIKE 'http%'),
    outlet_id INTEGER NOT NULL REFERENCES outlet (id),
    kind TEXT NOT NULL CHECK (kind IN ('feed', 'search')),
    active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    title TEXT,
    language TEXT,
    etag TEXT,
    last_modified TEXT,
    body_sha256 TEXT,
    last_success_at TEXT
) STRICT;

CREATE TABLE topic (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    query TEXT NOT NULL,
    language TEXT NOT NULL,
    created_at TEXT NOT NULL,
    UNIQUE (query, language)
) STRICT;

CREATE TABLE event (
    date TEXT NOT NULL CHECK (date LIKE '____-__-__'),
    name TEXT NOT NULL,
    PRIMARY KEY (date, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE model (
    id INTEGER PRIMARY KEY,
    model_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    codebook_version TEXT NOT NULL,
    settings TEXT NOT NULL CHECK (json_valid(settings)),
    runtime TEXT NOT NULL,
    first_used_at TEXT NOT NULL
) STRICT;

CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    started_at TEXT NOT NULL,
    finished_at TEXT,
    state TEXT NOT NULL CHECK (state IN ('running', 'finished', 'interrupted', 'failed')),
    exit_code INTEGER,
    software TEXT NOT NULL,
    config_sha256 TEXT NOT NULL,
    topic_id INTEGER NOT NULL REFERENCES topic (id),
    model_id INTEGER NOT NULL REFERENCES model (id),
    error TEXT
) STRICT;

CREATE TABLE fetch (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES run (id),
    feed_id INTEGER NOT NULL REFERENCES feed (id),
    started_at TEXT NOT NULL,
    elapsed_ms INTEGER NOT NULL CHECK (elapsed_ms >= 0),
    outcome TEXT NOT NULL,
    succeeded INTEGER NOT NULL CHECK (succeeded IN (0, 1)),
    status INTEGER,
    final_url TEXT,
    bytes INTEGER NOT NULL DEFAULT 0 CHECK (bytes >= 0),
    body_sha256 TEXT,
    entries INTEGER NOT NULL DEFAULT 0 CHECK (entries >= 0),
    new_articles INTEGER NOT NULL DEFAULT 0 CHECK (new_articles >= 0),
    new_versions INTEGER NOT NULL DEFAULT 0 CHECK (new_versions >= 0),
    error TEXT
) STRICT;
CREATE INDEX fetch_feed ON fetch (feed_id, started_at);
CREATE INDEX fetch_run ON fetch (run_id);

CREATE TABLE story (
    id INTEGER PRIMARY KEY,
    story_key TEXT NOT NULL,
    first_published_at TEXT NOT NULL
) STRICT;
CREATE INDEX story_by_key ON story (story_key, first_published_at);

CREATE TABLE article (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    id_kind TEXT NOT NULL CHECK (id_kind IN ('url', 'url+entry', 'guid', 'text')),
    url TEXT,
    outlet_id INTEGER NOT NULL REFERENCES outlet (id),
    story_id INTEGER NOT NULL REFERENCES story (id),
    published_at TEXT NOT NULL CHECK (published_at LIKE '____-__-__T__:__:__+00:00'),
    date TEXT NOT NULL GENERATED ALWAYS AS (substr(published_at, 1, 10)) VIRTUAL,
    published_raw TEXT,
    date_source TEXT NOT NULL CHECK (date_source IN ('feed', 'first_seen')),
    first_seen_at TEXT NOT NULL,
    current_version_id INTEGER REFERENCES article_version (id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE INDEX article_date ON article (date);
CREATE INDEX article_outlet ON article (outlet_id, date);
CREATE INDEX article_story ON article (story_id, published_at);

CREATE TABLE article_version (
    id INTEGER PRIMARY KEY,
    article_id INTEGER NOT NULL REFERENCES article (id),
    title TEXT NOT NULL,
    summary TEXT NOT NULL,
    text_sha256 TEXT NOT NULL,
    language TEXT,
    language_source TEXT NOT NULL CHECK (language_source IN ('declared', 'detected', 'unknown')),
    first_seen_at TEXT NOT NULL,
    fetch_id INTEGER NOT NULL REFERENCES fetch (id),
    UNIQUE (article_id, text_sha256)
) STRICT;

CREATE TABLE sighting (
    feed_id INTEGER NOT NULL REFERENCES feed (id),
    article_id INTEGER NOT NULL REFERENCES article (id),
    guid TEXT,
    first_seen_at TEXT NOT NULL,
    last_seen_at TEXT NOT NULL,
    times_seen INTEGER NOT NULL DEFAULT 1 CHECK (times_seen >= 1),
    PRIMARY KEY (feed_id, article_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sighting_article ON sighting (article_id);

CREATE TABLE gate (
    version_id INTEGER NOT NULL REFERENCES article_version (id),
    topic_id INTEGER NOT NULL REFERENCES topic (id),
    passed INTEGER NOT NULL CHECK (passed IN (0, 1)),
    stage TEXT NOT NULL CHECK (stage IN ('keywords', 'language')),
    reason TEXT NOT NULL,
    PRIMARY KEY (version_id, topic_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE label (
    version_id INTEGER NOT NULL REFERENCES article_version (id),
    model_id INTEGER NOT NULL REFERENCES model (id),
    codebook_version TEXT NOT NULL,
    run_id INTEGER NOT NULL REFERENCES run (id),
    relevant INTEGER NOT NULL CHECK (relevant IN (0, 1)),
    label TEXT NOT NULL CHECK (label IN ('$first', '$second', 'mixed', 'neither')),
    leaning TEXT NOT NULL CHECK (leaning IN ('$first', '$second')),
    uncertain INTEGER NOT NULL CHECK (uncertain IN (0, 1)),
    p_relevant REAL NOT NULL CHECK (p_relevant BETWEEN 0 AND 1),
    p_$first_output REAL NOT NULL CHECK (p_$first_output BETWEEN 0 AND 1),
    p_$second_output REAL NOT NULL CHECK (p_$second_output BETWEEN 0 AND 1),
    evidence TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (version_id, model_id, codebook_version)
) STRICT, WITHOUT ROWID;

CREATE TABLE daily_frames (
    date TEXT NOT NULL CHECK (date LIKE '____-__-__'),
    outlet TEXT NOT NULL,
    outlet_group TEXT NOT NULL,
    country TEXT,
    all_articles INTEGER NOT NULL CHECK (all_articles >= 0),
    articles INTEGER NOT NULL CHECK (articles BETWEEN 0 AND all_articles),
    stories INTEGER NOT NULL CHECK (stories BETWEEN 0 AND articles),
    new_stories INTEGER NOT NULL CHECK (new_stories BETWEEN 0 AND stories),
    $first INTEGER NOT NULL CHECK ($first >= 0),
    $second INTEGER NOT NULL CHECK ($second >= 0),
    mixed INTEGER NOT NULL CHECK (mixed >= 0),
    neither INTEGER NOT NULL CHECK (neither >= 0),
    PRIMARY KEY (date, outlet),
    CHECK ($first + $second + mixed + neither = articles)
) STRICT, WITHOUT ROWID;

CREATE TABLE changed_day (
    date TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE active (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    topic_id INTEGER NOT NULL REFERENCES topic (id),
    model_id INTEGER NOT NULL REFERENCES model (id)
) STRICT;

CREATE TABLE column_description (
    table_name TEXT NOT NULL,
    column_name TEXT NOT NULL,
    description TEXT NOT NULL CHECK (description <> ''),
    PRIMARY KEY (table_name, column_name)
) STRICT, WITHOUT ROWID;
"""

_CODE = """
CREATE TABLE code (
    id INTEGER PRIMARY KEY,
    version_id INTEGER NOT NULL REFERENCES article_version (id),
    coder TEXT NOT NULL CHECK (coder <> ''),
    codebook_version TEXT NOT NULL CHECK (codebook_version <> ''),
    rel INTEGER NOT NULL CHECK (rel IN (0, 1)),
    $first_output INTEGER NOT NULL CHECK ($first_output IN (0, 1)),
    $second_output INTEGER NOT NULL CHECK ($second_output IN (0, 1)),
    certainty INTEGER NOT NULL CHECK (certainty BETWEEN 1 AND 3),
    purpose TEXT NOT NULL CHECK (purpose IN ('training', 'audit')),
    coded_at TEXT NOT NULL,
    UNIQUE (version_id, coder, codebook_version, purpose),
    CHECK (rel = 1 OR $first_output + $second_output = 0)
) STRICT;
"""

_IDENTITY = """
CREATE TABLE article_alias (
    key TEXT PRIMARY KEY,
    article_id INTEGER NOT NULL REFERENCES article (id),
    reason TEXT NOT NULL CHECK (reason IN ('guid', 'headline', 'text', 'spelling')),
    first_seen_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX article_alias_article ON article_alias (article_id);

CREATE TABLE story_link (
    article_id INTEGER NOT NULL REFERENCES article (id),
    other_article_id INTEGER NOT NULL REFERENCES article (id),
    reason TEXT NOT NULL CHECK (reason IN ('same headline', 'near headline', 'same lead', 'same wire')),
    similarity REAL NOT NULL CHECK (similarity BETWEEN 0 AND 1),
    PRIMARY KEY (article_id, other_article_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE text_band (
    band INTEGER NOT NULL,
    article_id INTEGER NOT NULL REFERENCES article (id),
    PRIMARY KEY (band, article_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX sighting_guid ON sighting (feed_id, guid) WHERE guid IS NOT NULL;
"""

_PAGES = """
CREATE TABLE robots (
    origin TEXT PRIMARY KEY CHECK (origin LIKE 'http%'),
    access TEXT NOT NULL CHECK (access IN ('rules', 'all', 'not now')),
    fetched_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    rules TEXT NOT NULL,
    reason TEXT NOT NULL,
    wait_until TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE page_fetch (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES run (id),
    version_id INTEGER NOT NULL REFERENCES article_version (id),
    started_at TEXT NOT NULL,
    elapsed_ms INTEGER NOT NULL CHECK (elapsed_ms >= 0),
    outcome TEXT NOT NULL,
    succeeded INTEGER NOT NULL CHECK (succeeded IN (0, 1)),
    attempted INTEGER NOT NULL CHECK (attempted IN (0, 1)),
    status INTEGER,
    final_url TEXT,
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    text_sha256 TEXT,
    words INTEGER CHECK (words > 0),
    lead_version_id INTEGER REFERENCES article_version (id),
    wait_until TEXT,
    error TEXT,
    CHECK (succeeded = (text_sha256 IS NOT NULL))
) STRICT;
CREATE INDEX page_fetch_version ON page_fetch (version_id);
CREATE INDEX page_fetch_run ON page_fetch (run_id);
CREATE INDEX page_fetch_text ON page_fetch (text_sha256) WHERE text_sha256 IS NOT NULL;
CREATE INDEX page_fetch_wait ON page_fetch (wait_until) WHERE wait_until IS NOT NULL;

CREATE TABLE page_text (
    sha256 TEXT PRIMARY KEY,
    text TEXT NOT NULL CHECK (text <> ''),
    first_seen_at TEXT NOT NULL
) STRICT;
"""

_CODING = """
CREATE TABLE sample (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (name <> ''),
    purpose TEXT NOT NULL CHECK (purpose IN ('training', 'audit')),
    topic_id INTEGER NOT NULL REFERENCES topic (id),
    model_id INTEGER NOT NULL REFERENCES model (id),
    seed INTEGER NOT NULL,
    asked INTEGER NOT NULL CHECK (asked > 0),
    since TEXT NOT NULL,
    until TEXT NOT NULL,
    phases TEXT NOT NULL,
    frame_size INTEGER NOT NULL CHECK (frame_size > 0),
    set_apart INTEGER NOT NULL CHECK (set_apart >= 0),
    drawn_at TEXT NOT NULL
) STRICT;

CREATE TABLE sample_item (
    sample_id INTEGER NOT NULL REFERENCES sample (id),
    version_id INTEGER NOT NULL REFERENCES article_version (id),
    stratum TEXT NOT NULL CHECK (stratum <> ''),
    stratum_size INTEGER NOT NULL CHECK (stratum_size > 0),
    stratum_drawn INTEGER NOT NULL CHECK (stratum_drawn BETWEEN 1 AND stratum_size),
    inclusion REAL NOT NULL CHECK (inclusion > 0 AND inclusion <= 1),
    PRIMARY KEY (sample_id, version_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sample_item_version ON sample_item (version_id);

CREATE TABLE code_again (
    id INTEGER PRIMARY KEY,
    version_id INTEGER NOT NULL REFERENCES article_version (id),
    coder TEXT NOT NULL CHECK (coder <> ''),
    codebook_version TEXT NOT NULL CHECK (codebook_version <> ''),
    rel INTEGER NOT NULL CHECK (rel IN (0, 1)),
    $first_output INTEGER NOT NULL CHECK ($first_output IN (0, 1)),
    $second_output INTEGER NOT NULL CHECK ($second_output IN (0, 1)),
    voice TEXT CHECK (voice IN ('outlet', 'quoted', 'both')),
    certainty INTEGER NOT NULL CHECK (certainty BETWEEN 1 AND 3),
    note TEXT NOT NULL,
    purpose TEXT NOT NULL CHECK (purpose IN ('training', 'audit')),
    kind TEXT NOT NULL CHECK (kind IN ('individual', 'adjudicated')),
    sample_id INTEGER REFERENCES sample (id),
    session TEXT,
    coded_at TEXT NOT NULL,
    CHECK (rel = 1 OR $first_output + $second_output = 0),
    CHECK (voice IS NULL OR $first_output + $second_output > 0)
) STRICT;

INSERT INTO code_again
SELECT id, version_id, coder, codebook_version, rel, $first_output, $second_output, NULL, certainty, '', purpose,
       'individual', NULL, NULL, coded_at
FROM code;

DROP TABLE code;
ALTER TABLE code_again RENAME TO code;
CREATE INDEX code_of_version ON code (version_id, coder, purpose, kind);
CREATE INDEX code_sample ON code (sample_id) WHERE sample_id IS NOT NULL;
"""

_PERIODS = """
CREATE TABLE period_frames (
    period TEXT NOT NULL CHECK (period IN ('day', 'week', 'month')),
    scope TEXT NOT NULL CHECK (scope IN ('all', 'group', 'outlet', 'country')),
    first_day TEXT NOT NULL CHECK (first_day LIKE '____-__-__'),
    name TEXT NOT NULL CHECK (name <> ''),
    all_articles INTEGER NOT NULL CHECK (all_articles > 0),
    articles INTEGER NOT NULL CHECK (articles BETWEEN 0 AND all_articles),
    stories INTEGER NOT NULL CHECK (stories BETWEEN 0 AND articles),
    own_articles INTEGER NOT NULL CHECK (own_articles BETWEEN 0 AND articles),
    uncertain INTEGER NOT NULL CHECK (uncertain BETWEEN 0 AND articles),
    $first INTEGER NOT NULL CHECK ($first >= 0),
    $second INTEGER NOT NULL CHECK ($second >= 0),
    mixed INTEGER NOT NULL CHECK (mixed >= 0),
    neither INTEGER NOT NULL CHECK (neither >= 0),
    PRIMARY KEY (period, scope, first_day, name),
    CHECK ($first + $second + mixed + neither = articles)
) STRICT, WITHOUT ROWID;

INSERT OR IGNORE INTO changed_day SELECT DISTINCT date FROM article;
"""

_COLLECTION = """
CREATE TABLE outlet_day (
    date TEXT NOT NULL CHECK (date LIKE '____-__-__'),
    outlet_id INTEGER NOT NULL REFERENCES outlet (id),
    feeds INTEGER NOT NULL CHECK (feeds > 0),
    feeds_asked INTEGER NOT NULL CHECK (feeds_asked BETWEEN 0 AND feeds),
    feeds_answered INTEGER NOT NULL CHECK (feeds_answered BETWEEN 0 AND feeds_asked),
    feeds_failed INTEGER NOT NULL CHECK (feeds_failed BETWEEN 0 AND feeds_asked),
    collected INTEGER CHECK (collected IN (0, 1)),
    PRIMARY KEY (date, outlet_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE period_collection (
    period TEXT NOT NULL CHECK (period IN ('day', 'week', 'month')),
    scope TEXT NOT NULL CHECK (scope IN ('all', 'group', 'outlet', 'country')),
    first_day TEXT NOT NULL CHECK (first_day LIKE '____-__-__'),
    name TEXT NOT NULL CHECK (name <> ''),
    days INTEGER NOT NULL CHECK (days > 0),
    days_missing INTEGER NOT NULL CHECK (days_missing BETWEEN 0 AND days),
    days_partial INTEGER NOT NULL CHECK (days_partial BETWEEN 0 AND days),
    feed_days INTEGER NOT NULL CHECK (feed_days >= 0),
    feed_days_asked INTEGER NOT NULL CHECK (feed_days_asked >= 0),
    feed_days_answered INTEGER NOT NULL CHECK (feed_days_answered >= 0),
    feed_days_failed INTEGER NOT NULL CHECK (feed_days_failed >= 0),
    PRIMARY KEY (period, scope, first_day, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE collection_stored (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    before TEXT NOT NULL CHECK (before LIKE '____-__-__'),
    through_fetch INTEGER NOT NULL,
    listed TEXT NOT NULL CHECK (json_valid(listed))
) STRICT;

CREATE INDEX gate_passed ON gate (topic_id, version_id) WHERE passed;
CREATE INDEX gate_language ON gate (topic_id, version_id) WHERE stage = 'language';

INSERT OR IGNORE INTO changed_day SELECT DISTINCT date FROM article;
"""

_DAILY = "sightings own_sightings own_articles own_new_stories listed listed_articles".split()
_DESCRIPTION = "table_name, column_name, description, type, unit"

_IMPORTS = """
CREATE TABLE import_file (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES run (id),
    name TEXT NOT NULL CHECK (name <> ''),
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL CHECK (size >= 0),
    mapping TEXT NOT NULL CHECK (mapping <> ''),
    mapping_sha256 TEXT NOT NULL,
    rows INTEGER NOT NULL DEFAULT 0 CHECK (rows >= 0),
    articles INTEGER NOT NULL DEFAULT 0 CHECK (articles >= 0),
    versions INTEGER NOT NULL DEFAULT 0 CHECK (versions >= 0),
    known INTEGER NOT NULL DEFAULT 0 CHECK (known >= 0),
    rejected INTEGER NOT NULL DEFAULT 0 CHECK (rejected >= 0),
    started_at TEXT NOT NULL,
    finished_at TEXT,
    problem TEXT,
    UNIQUE (sha256, mapping_sha256),
    CHECK (articles + versions + known + rejected = rows)
) STRICT;

CREATE TABLE imported (
    import_id INTEGER NOT NULL REFERENCES import_file (id),
    article_id INTEGER NOT NULL REFERENCES article (id),
    row INTEGER NOT NULL CHECK (row >= 1),
    addressed INTEGER NOT NULL CHECK (addressed IN (0, 1)),
    PRIMARY KEY (article_id, import_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE import_day (
    date TEXT NOT NULL CHECK (date LIKE '____-__-__'),
    outlet_id INTEGER NOT NULL REFERENCES outlet (id),
    articles INTEGER NOT NULL CHECK (articles > 0),
    PRIMARY KEY (date, outlet_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE text_band_of_period (
    period INTEGER NOT NULL,
    band INTEGER NOT NULL,
    article_id INTEGER NOT NULL REFERENCES article (id),
    PRIMARY KEY (period, band, article_id)
) STRICT, WITHOUT ROWID;

INSERT INTO text_band_of_period
SELECT CAST(strftime('%s', a.published_at) AS INTEGER) / $period, t.band, t.article_id
FROM text_band t JOIN article a ON a.id = t.article_id
ORDER BY 1, 2, 3;

DROP TABLE text_band;
ALTER TABLE text_band_of_period RENAME TO text_band;

CREATE INDEX article_version_text ON article_version (substr(text_sha256, 1, 12));
"""
_SEARCH = """
CREATE VIRTUAL TABLE article_search USING fts5 (
    title, summary, content = 'article_version', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);
INSERT INTO article_search (article_search) VALUES ('rebuild');

CREATE INDEX label_run ON label (run_id);
"""
"""The text itself stays in article_version: the index holds words and their places, and forgets what is removed."""

_GENRES = """
ALTER TABLE outlet ADD COLUMN genre TEXT CHECK (genre IN ('news', 'comment', 'live', 'other'));
ALTER TABLE feed ADD COLUMN genre TEXT CHECK (genre IN ('news', 'comment', 'live', 'other'));
ALTER TABLE article ADD COLUMN address_genre TEXT CHECK (address_genre IN ('news', 'comment', 'live', 'other'));
ALTER TABLE code ADD COLUMN genre TEXT CHECK (genre IN ('news', 'comment', 'live', 'other'));

DROP TABLE period_frames;
CREATE TABLE period_frames (
    period TEXT NOT NULL CHECK (period IN ('day', 'week', 'month')),
    scope TEXT NOT NULL CHECK (scope IN ('all', 'group', 'outlet', 'country', 'genre', 'voice')),
    first_day TEXT NOT NULL CHECK (first_day LIKE '____-__-__'),
    name TEXT NOT NULL CHECK (name <> ''),
    all_articles INTEGER NOT NULL CHECK (all_articles > 0),
    articles INTEGER NOT NULL CHECK (articles BETWEEN 0 AND all_articles),
    stories INTEGER NOT NULL CHECK (stories BETWEEN 0 AND articles),
    own_articles INTEGER NOT NULL CHECK (own_articles BETWEEN 0 AND articles),
    uncertain INTEGER NOT NULL CHECK (uncertain BETWEEN 0 AND articles),
    $first INTEGER NOT NULL CHECK ($first >= 0),
    $second INTEGER NOT NULL CHECK ($second >= 0),
    mixed INTEGER NOT NULL CHECK (mixed >= 0),
    neither INTEGER NOT NULL CHECK (neither >= 0),
    PRIMARY KEY (period, scope, first_day, name),
    CHECK ($first + $second + mixed + neither = articles)
) STRICT, WITHOUT ROWID;

INSERT OR IGNORE INTO changed_day SELECT DISTINCT date FROM article;
"""

_QUICK_READING = """
CREATE INDEX article_current ON article (current_version_id, date);

CREATE TABLE headline_edit (
    version_id INTEGER PRIMARY KEY REFERENCES article_version (id),
    previous_id INTEGER NOT NULL REFERENCES article_version (id)
) STRICT;

INSERT INTO headline_edit
SELECT v.id, p.id
FROM (SELECT article_id FROM article_version GROUP BY article_id HAVING count(*) > 1) several
CROSS JOIN article_version v ON v.article_id = several.article_id
CROSS JOIN article_version p ON p.id = (SELECT max(x.id) FROM article_version x
                                        WHERE x.article_id = v.article_id AND x.id < v.id)
WHERE p.title <> v.title;
"""
"""The index leads from wordings that passed the keywords to the articles of some days that show them."""

_APPEND_ONLY = ("article_version", "label", "gate")


def filled(text: str, frames: Frames) -> str:
    """The text with the names of the frames in their places."""
    return Template(text).substitute(
        first=frames.first.name,
        second=frames.second.name,
        first_output=frames.first.output,
        second_output=frames.second.output,
    )


def statements(script: str, frames: Frames) -> list[str]:
    """The statements of a script without triggers: none of ours has a semicolon inside."""
    return [statement.strip() for statement in filled(script, frames).split(";") if statement.strip()]


def descriptions(frames: Frames) -> dict[tuple[str, str], str]:
    """What each (table or view, column) of a database with these frames holds."""
    return {
        (table, filled(column, frames)): filled(text, frames)
        for table, columns in DESCRIPTIONS.items()
        for column, text in columns.items()
    }


def kinds(frames: Frames) -> dict[tuple[str, str], Kind]:
    """What kind of value each (table or view, column) of a database with these frames is."""
    return {(table, filled(column, frames)): kind for (table, column), kind in KINDS.items()}


def frames_of(db: Database) -> Frames:
    """The frames of the database. Raises ValueError when they are not two."""
    rows = db.execute("SELECT name, output, title, description FROM frame ORDER BY position")
    first, second = (Frame(*row) for row in rows)
    return Frames(first, second)


def _views(db: Database) -> dict[str, str]:
    return dict(db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'view'"))


def upgrade(db: Database, frames: Frames) -> None:
    """Make the tables, or bring them up to date: all of it or nothing. A new file gets `frames`, others keep theirs."""
    with db.atomic():
        db.execute(_FRAME)
        if not db.table("frame").count:
            kept = DEFAULT_FRAMES if migrations.applied(db) else frames  # schema 1 knew no others
            for position, frame in enumerate(kept.both, start=1):
                row = [position, frame.name, frame.output, frame.title, frame.description]
                db.execute("INSERT INTO frame VALUES (?, ?, ?, ?, ?)", row)
        if migrations.pending(db):
            for view in _views(db):
                db.execute(f"DROP VIEW {view}")  # or it would stand in the way of a changed column
            migrations.apply(db)
            db.execute(f"PRAGMA user_version = {len(migrations.applied(db))}")
        _refresh(db, frames_of(db))


def _refresh(db: Database, frames: Frames) -> None:
    """Bring views and descriptions to the wording of this version."""
    wanted = statements(VIEWS, frames)
    standing = _views(db)
    if set(standing.values()) != set(wanted):
        for view in standing:
            db.execute(f"DROP VIEW {view}")
        for statement in wanted:
            db.execute(statement)
    of_kind = kinds(frames)
    described = {(*key, text, *of_kind[key]) for key, text in descriptions(frames).items()}
    if set(db.execute(f"SELECT {_DESCRIPTION} FROM column_description")) != described:  # noqa: S608
        db.execute("DELETE FROM column_description")
        for row in sorted(described, key=lambda row: row[:2]):
            db.execute(f"INSERT INTO column_description ({_DESCRIPTION}) VALUES (?, ?, ?, ?, ?)", list(row))  # noqa: S608


def _refuse_changes(db: Database, table: str) -> None:
    for verb in ("UPDATE", "DELETE"):
        db.execute(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )


@migrations()
def m001_first_schema(db: Database) -> None:
    """Tables and append-only triggers of version 0.1."""
    for statement in statements(_TABLES, frames_of(db)):
        db.execute(statement)
    for table in _APPEND_ONLY:
        _refuse_changes(db, table)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")  # in the same transaction: no half-made file is ours


@migrations()
def m002_what_ran_each_label(db: Database) -> None:
    """The software and the processor behind the labels of a run."""
    db.execute("ALTER TABLE run ADD COLUMN runtime TEXT")
    db.execute("ALTER TABLE run ADD COLUMN cpu TEXT")


@migrations()
def m003_codes_by_people(db: Database) -> None:
    """What coders say about a text, beside what models say."""
    for statement in statements(_CODE, frames_of(db)):
        db.execute(statement)
    _refuse_changes(db, "code")


@migrations()
def m004_polling(db: Database) -> None:
    """What decides when and where a feed is asked next."""
    for column in (
        "attempted INTEGER NOT NULL DEFAULT 1 CHECK (attempted IN (0, 1))",
        "conditional INTEGER NOT NULL DEFAULT 0 CHECK (conditional IN (0, 1))",
        "forced INTEGER NOT NULL DEFAULT 0 CHECK (forced IN (0, 1))",
        "lying_304 INTEGER NOT NULL DEFAULT 0 CHECK (lying_304 IN (0, 1))",
        "seen_before INTEGER CHECK (seen_before >= 0)",
        "may_have_lost INTEGER NOT NULL DEFAULT 0 CHECK (may_have_lost IN (0, 1))",
        "moved_to TEXT",
        "wait_until TEXT",
        "fresh_until TEXT",
        "fresh_by TEXT",
    ):
        db.execute(f"ALTER TABLE fetch ADD COLUMN {column}")
    for column in ("full_at TEXT", "off_since TEXT", "fresh_for_s INTEGER CHECK (fresh_for_s > 0)"):
        db.execute(f"ALTER TABLE feed ADD COLUMN {column}")
    db.execute("CREATE INDEX fetch_wait ON fetch (wait_until) WHERE wait_until IS NOT NULL")
    db.execute(
        "CREATE TABLE feed_url (id INTEGER PRIMARY KEY, feed_id INTEGER NOT NULL REFERENCES feed (id), "
        "url TEXT NOT NULL CHECK (url LIKE 'http%'), since TEXT NOT NULL, "
        "reason TEXT NOT NULL CHECK (reason <> '')) STRICT"
    )
    db.execute("CREATE INDEX feed_url_feed ON feed_url (feed_id)")
    db.execute("CREATE INDEX feed_url_url ON feed_url (url)")


@migrations()
def m005_identity(db: Database) -> None:
    """Aliases, reasons why texts are one story, agencies, days from addresses, texts that may be removed."""
    for statement in statements(_IDENTITY, frames_of(db)):
        db.execute(statement)
    # SQLite cannot change a CHECK: a column with the wider one takes the old one's place.
    db.execute(
        "ALTER TABLE article ADD COLUMN dated_by TEXT NOT NULL DEFAULT 'first_seen' "
        "CHECK (dated_by IN ('feed', 'url', 'first_seen'))"
    )
    db.execute("UPDATE article SET dated_by = date_source")
    db.execute("ALTER TABLE article DROP COLUMN date_source")
    db.execute("ALTER TABLE article RENAME COLUMN dated_by TO date_source")
    for column in ("agency TEXT", "agency_words TEXT", "purged_at TEXT"):
        db.execute(f"ALTER TABLE article_version ADD COLUMN {column}")
    for table in ("article_version", "label"):
        db.execute(f"DROP TRIGGER {table}_no_update")
    _identify_again(db)
    _allow_removal(db, "article_version", ("title", "summary"), "OLD.purged_at IS NULL AND NEW.purged_at IS NOT NULL")
    _allow_removal(
        db,
        "label",
        ("evidence",),
        "EXISTS (SELECT 1 FROM article_version v WHERE v.id = OLD.version_id AND v.purged_at IS NOT NULL)",
    )


@migrations()
def m006_health(db: Database) -> None:
    """What each feed is, in a word, and indexes for the questions behind the words."""
    db.execute(
        "CREATE TABLE feed_health (feed_id INTEGER PRIMARY KEY REFERENCES feed (id), word TEXT NOT NULL "
        "CHECK (word <> ''), since TEXT, sentence TEXT NOT NULL CHECK (sentence <> ''), also TEXT NOT NULL, "
        "judged_at TEXT NOT NULL) STRICT"
    )
    # Days and outcomes of a year of attempts are read from the index alone.
    db.execute("DROP INDEX fetch_feed")
    db.execute("CREATE INDEX fetch_feed ON fetch (feed_id, started_at, attempted, succeeded)")
    db.execute("CREATE INDEX sighting_newest ON sighting (feed_id, first_seen_at)")


def _allow_removal(db: Database, table: str, texts: tuple[str, ...], condition: str) -> None:
    """Refuse every UPDATE but one that empties `texts` under `condition`, and changes nothing else but purged_at."""
    kept = [column.name for column in db.table(table).columns if column.name not in {*texts, "purged_at"}]
    emptied = " AND ".join(f"NEW.{name} = ''" for name in texts)
    new, old = (", ".join(f"{row}.{name}" for name in kept) for row in ("NEW", "OLD"))
    db.execute(
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} "
        f"WHEN NOT coalesce({condition} AND {emptied} AND ({new}) IS ({old}), 0) "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )


def _identify_again(db: Database) -> None:
    """What the rules of this version find in the articles that are stored already; stories stay as they are."""
    db.execute(
        "INSERT INTO story_link SELECT a.id, o.id, 'same headline', 1.0 FROM article a JOIN article o ON o.id = "
        "(SELECT min(b.id) FROM article b WHERE b.story_id = a.story_id) WHERE a.id <> o.id"
    )
    rows = db.execute(
        "SELECT a.id, a.key, a.id_kind, a.published_at, a.first_seen_at, o.name, v.id, v.title, v.summary "
        "FROM article a JOIN outlet o ON o.id = a.outlet_id JOIN article_version v ON v.article_id = a.id ORDER BY v.id"
    ).fetchall()
    for article, key, kind, published_at, first_seen_at, outlet, version, title, summary in rows:
        credit = wire.credit(summary, None, outlet)
        if credit:
            db.execute(
                "UPDATE article_version SET agency = ?, agency_words = ? WHERE id = ?",
                [credit.agency, credit.words, version],
            )
        agency = credit.agency if credit else None
        text = stories.wording(title, summary, outlet, datetime.fromisoformat(published_at), agency)
        for band in {stories.headline_band(title), *stories.bands(text)}:
            db.execute("INSERT OR IGNORE INTO text_band VALUES (?, ?)", [band, article])
        spelt = canonical_url(key) if kind == "url" else None
        if spelt and spelt != key and not db.execute("SELECT 1 FROM article WHERE key = ?", [spelt]).fetchone():
            db.execute(
                "INSERT OR IGNORE INTO article_alias VALUES (?, ?, 'spelling', ?)", [spelt, article, first_seen_at]
            )


@migrations()
def m007_full_text(db: Database) -> None:
    """Pages of articles: robots.txt, every attempt, each text once; and where the lead of each wording comes from."""
    for statement in statements(_PAGES, frames_of(db)):
        db.execute(statement)
    _refuse_changes(db, "page_fetch")
    db.execute(
        "CREATE TRIGGER page_text_no_update BEFORE UPDATE ON page_text "
        "BEGIN SELECT RAISE(ABORT, 'page_text holds each text under its hash'); END"
    )
    db.execute(
        "CREATE TRIGGER page_text_no_delete BEFORE DELETE ON page_text WHEN EXISTS (SELECT 1 FROM page_fetch p "
        "JOIN article_version v ON v.id = p.version_id WHERE p.text_sha256 = OLD.sha256 AND v.purged_at IS NULL) "
        "BEGIN SELECT RAISE(ABORT, 'page_text keeps the texts of articles that are kept'); END"
    )
    db.execute("DROP TRIGGER article_version_no_update")
    db.execute(
        "ALTER TABLE article_version ADD COLUMN summary_source TEXT CHECK (summary_source IN ('feed', 'page', 'none'))"
    )
    db.execute("UPDATE article_version SET summary_source = iif(summary = '', 'none', 'feed') WHERE purged_at IS NULL")
    _allow_removal(db, "article_version", ("title", "summary"), "OLD.purged_at IS NULL AND NEW.purged_at IS NOT NULL")


@migrations()
def m008_human_coding(db: Database) -> None:
    """Samples with known inclusion probabilities, and codes that may be given again: the newest counts."""
    for statement in statements(_CODING, frames_of(db)):
        db.execute(statement)
    for table in ("code", "sample", "sample_item"):
        _refuse_changes(db, table)


@migrations()
def m009_periods(db: Database) -> None:
    """Counts by day, week and month; the next run computes them for all that is stored."""
    for statement in statements(_PERIODS, frames_of(db)):
        db.execute(statement)


@migrations()
def m010_kinds(db: Database) -> None:
    """Type and unit of every column, beside its description."""
    db.execute("ALTER TABLE column_description ADD COLUMN type TEXT")
    db.execute("ALTER TABLE column_description ADD COLUMN unit TEXT")


@migrations()
def m011_imports(db: Database) -> None:
    """Files that rows came from; texts indexed by their four weeks; labels taken over from an equal text."""
    for statement in statements(_IMPORTS.replace("$period", str(stories.PERIOD_SECONDS)), frames_of(db)):
        db.execute(statement)
    db.execute(
        "ALTER TABLE run ADD COLUMN kind TEXT NOT NULL DEFAULT 'collection' "
        "CHECK (kind IN ('collection', 'labelling', 'import'))"
    )
    for table in ("article_version", "label"):
        db.execute(f"DROP TRIGGER {table}_no_update")
    # SQLite cannot let go of a NOT NULL: a column without it takes the old one's place.
    db.execute("ALTER TABLE article_version ADD COLUMN brought_by INTEGER REFERENCES fetch (id)")
    db.execute("UPDATE article_version SET brought_by = fetch_id")
    db.execute("ALTER TABLE article_version DROP COLUMN fetch_id")
    db.execute("ALTER TABLE article_version RENAME COLUMN brought_by TO fetch_id")
    db.execute(
        "ALTER TABLE article_version ADD COLUMN import_id INTEGER REFERENCES import_file (id) "
        "CHECK ((import_id IS NULL) <> (fetch_id IS NULL))"
    )
    db.execute("ALTER TABLE label ADD COLUMN copied_from INTEGER REFERENCES article_version (id)")
    _allow_removal(db, "article_version", ("title", "summary"), "OLD.purged_at IS NULL AND NEW.purged_at IS NOT NULL")
    _allow_removal(
        db,
        "label",
        ("evidence",),
        "EXISTS (SELECT 1 FROM article_version v WHERE v.id = OLD.version_id AND v.purged_at IS NOT NULL)",
    )


@migrations()
def m012_search(db: Database) -> None:
    """Words of all wordings, kept up to date by triggers; and the labels of a run without reading all others."""
    for statement in statements(_SEARCH, frames_of(db)):
        db.execute(statement)
    add = "INSERT INTO article_search (rowid, title, summary) VALUES (NEW.id, NEW.title, NEW.summary)"
    # FTS5 takes words out of an outside text only when it is told which ones went in.
    remove = (
        "INSERT INTO article_search (article_search, rowid, title, summary) "
        "VALUES ('delete', OLD.id, OLD.title, OLD.summary)"
    )
    db.execute(f"CREATE TRIGGER article_search_add AFTER INSERT ON article_version BEGIN {add}; END")
    db.execute(
        "CREATE TRIGGER article_search_change AFTER UPDATE OF title, summary ON article_version "
        f"BEGIN {remove}; {add}; END"
    )


@migrations()
def m014_collection(db: Database) -> None:
    """Collection of past days as rows, and more counts of each day; the next run computes both for all days."""
    for column in _DAILY:
        db.execute(f"ALTER TABLE daily_frames ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0 CHECK ({column} >= 0)")
    for statement in statements(_COLLECTION, frames_of(db)):
        db.execute(statement)
    db.execute("ALTER TABLE feed ADD COLUMN articles INTEGER NOT NULL DEFAULT 0 CHECK (articles >= 0)")
    db.execute("ALTER TABLE feed ADD COLUMN newest_article_at TEXT")
    db.execute(
        "UPDATE feed SET (articles, newest_article_at) = (SELECT count(*), max(a.published_at) FROM sighting s "
        "JOIN article a ON a.id = s.article_id WHERE s.feed_id = feed.id)"
    )


@migrations()
def m015_genre_and_voice(db: Database) -> None:
    """What kind of text an article is, where it is known, and counts by that and by the voice that people coded."""
    for statement in statements(_GENRES, frames_of(db)):
        db.execute(statement)
    told = [(genre.of_address(url), article) for article, url in db.execute("SELECT id, url FROM article").fetchall()]
    db.conn.executemany("UPDATE article SET address_genre = ? WHERE id = ?", [row for row in told if row[0]])


@migrations()
def m016_lake(db: Database) -> None:
    """Which lake the counts are of, where they are not of the database's own articles."""
    db.execute(
        "CREATE TABLE lake (one INTEGER PRIMARY KEY CHECK (one = 1), path TEXT NOT NULL CHECK (path <> ''), "
        "source TEXT NOT NULL CHECK (source <> ''), articles INTEGER NOT NULL CHECK (articles >= 0), "
        "counted_at TEXT NOT NULL) STRICT"
    )


@migrations()
def m017_quick_reading(db: Database) -> None:
    """From a wording to the article that shows it; and which wordings changed a headline, by trigger."""
    for statement in statements(_QUICK_READING, frames_of(db)):
        db.execute(statement)
    db.execute(
        "CREATE TRIGGER headline_edit_add AFTER INSERT ON article_version BEGIN INSERT INTO headline_edit "
        "SELECT NEW.id, p.id FROM article_version p WHERE p.id = (SELECT max(x.id) FROM article_version x "
        "WHERE x.article_id = NEW.article_id AND x.id < NEW.id) AND p.title <> NEW.title; END"
    )


@migrations()
def m018_voice_by_model(db: Database) -> None:
    """What a model says about whose voice a frame is in; earlier labels say nothing about it."""
    db.execute("ALTER TABLE label ADD COLUMN p_own REAL CHECK (p_own BETWEEN 0 AND 1)")
