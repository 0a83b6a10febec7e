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

from sqlite_utils.migrations import Migrations

from . import stories, wire
from .framing import DEFAULT_FRAMES, Frames
from .identity import canonical_url
from .records import Frame

if TYPE_CHECKING:
    from sqlite_utils import Database

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

_APPEND_ONLY = ("article_version", "label", "gate")

_VIEWS = """
CREATE VIEW v_articles AS
SELECT a.id AS article_id,
       a.url,
       o.name AS outlet,
       o.outlet_group,
       o.country,
       v.title,
       v.summary,
       v.language,
       a.published_at,
       a.date,
       a.date_source,
       a.first_seen_at,
       a.story_id,
       v.id AS version_id,
       (SELECT count(*) FROM article_version x
        WHERE x.article_id = a.id AND x.summary_source IS NOT 'page') AS versions,
       (SELECT count(*) FROM sighting s WHERE s.article_id = a.id) AS feeds,
       g.passed AS passed_gate,
       g.stage AS gate_stage,
       CASE WHEN l.relevant = 0 THEN 'the model finds it off topic' ELSE g.reason END AS gate_reason,
       coalesce(g.passed AND l.relevant, 0) AS on_topic,
       CASE WHEN l.relevant THEN l.label END AS label,
       CASE WHEN l.relevant THEN l.leaning END AS leaning,
       l.uncertain,
       l.p_relevant,
       l.p_$first_output,
       l.p_$second_output,
       l.evidence,
       m.model_id,
       l.codebook_version,
       v.agency,
       v.agency_words,
       CASE WHEN v.agency IS NOT NULL THEN v.agency_words <> o.name
            ELSE EXISTS (SELECT 1 FROM article b JOIN article_version w ON w.id = b.current_version_id
                         WHERE b.story_id = a.story_id AND w.agency IS NOT NULL) END AS wire_copy,
       v.purged_at,
       v.summary_source
FROM article a
JOIN outlet o ON o.id = a.outlet_id
JOIN article_version v ON v.id = a.current_version_id
LEFT JOIN active ON active.one = 1
LEFT JOIN gate g ON g.version_id = v.id AND g.topic_id = active.topic_id
LEFT JOIN model m ON m.id = active.model_id
LEFT JOIN label l ON l.version_id = v.id AND l.model_id = m.id AND l.codebook_version = m.codebook_version;

CREATE VIEW v_versions AS
SELECT v.id AS version_id,
       v.article_id,
       row_number() OVER (PARTITION BY v.article_id ORDER BY v.id) AS version,
       v.first_seen_at,
       v.title,
       v.summary,
       lag(v.title) OVER (PARTITION BY v.article_id ORDER BY v.id) AS previous_title,
       o.name AS outlet,
       a.url,
       v.summary_source
FROM article_version v
JOIN article a ON a.id = v.article_id
JOIN outlet o ON o.id = a.outlet_id;

CREATE VIEW v_labels AS
SELECT l.version_id,
       v.article_id,
       m.model_id,
       l.codebook_version,
       l.relevant,
       l.label,
       l.leaning,
       l.uncertain,
       l.p_relevant,
       l.p_$first_output,
       l.p_$second_output,
       l.evidence,
       l.run_id,
       l.created_at,
       r.runtime,
       r.cpu,
       v.summary_source
FROM label l
JOIN article_version v ON v.id = l.version_id
JOIN model m ON m.id = l.model_id
JOIN run r ON r.id = l.run_id;

CREATE VIEW v_outlet_collection AS
WITH RECURSIVE asked AS MATERIALIZED (
    SELECT feed_id, substr(started_at, 1, 10) AS date, max(attempted) AS asked, max(succeeded) AS answered
    FROM fetch
    GROUP BY feed_id, substr(started_at, 1, 10)
), listed AS MATERIALIZED (
    SELECT a.feed_id,
           f.outlet_id,
           min(a.date) AS first_day,
           CASE WHEN f.active THEN (SELECT substr(max(started_at), 1, 10) FROM run) ELSE max(a.date) END AS last_day,
           min(CASE WHEN a.answered THEN a.date END) AS first_answer
    FROM asked a
    JOIN feed f ON f.id = a.feed_id
    GROUP BY a.feed_id
), day AS (
    SELECT min(first_day) AS date FROM listed
    UNION ALL
    SELECT date(date, '+1 day') FROM day WHERE date < (SELECT max(last_day) FROM listed)
), feed_day AS (
    SELECT d.date,
           l.outlet_id,
           l.first_answer <= d.date AS answered_before,
           coalesce(a.asked, 0) AS asked,
           coalesce(a.answered, 0) AS answered,
           CASE WHEN a.date IS NOT NULL THEN a.answered
                ELSE (SELECT x.succeeded FROM fetch x WHERE x.feed_id = l.feed_id AND x.started_at < d.date
                      ORDER BY x.started_at DESC LIMIT 1) END AS collected,
           max(coalesce(a.answered, 0)) OVER (PARTITION BY d.date) AS any_answered
    FROM day d
    JOIN listed l ON d.date BETWEEN l.first_day AND l.last_day
    LEFT JOIN asked a ON a.feed_id = l.feed_id AND a.date = d.date
)
SELECT f.date,
       o.name AS outlet,
       count(*) AS feeds,
       sum(f.asked) AS feeds_asked,
       sum(f.answered) AS feeds_answered,
       sum(f.asked AND NOT f.answered) AS feeds_failed,
       CASE WHEN max(f.answered_before) THEN max(f.collected AND f.any_answered) END AS collected
FROM feed_day f
JOIN outlet o ON o.id = f.outlet_id
GROUP BY f.date, f.outlet_id;

CREATE VIEW v_daily_collection AS
SELECT date,
       CASE WHEN coalesce(sum(collected), 0) = 0 THEN 'none'
            WHEN sum(collected) < count(collected) THEN 'partial'
            ELSE 'full' END AS collection,
       sum(feeds) AS feeds,
       sum(feeds_asked) AS feeds_asked,
       sum(feeds_answered) AS feeds_answered,
       sum(feeds_failed) AS feeds_failed,
       count(collected) AS outlets,
       coalesce(sum(collected), 0) AS outlets_collected,
       group_concat(CASE WHEN collected = 0 THEN outlet END, ', ') AS outlets_missing
FROM v_outlet_collection
GROUP BY date;

CREATE VIEW v_daily_counts AS
WITH told AS (
    SELECT date, outlet, outlet_group, country, feeds, wire_copy,
           row_number() OVER (PARTITION BY story_id ORDER BY published_at, article_id) = 1 AS opens,
           row_number() OVER (PARTITION BY story_id, wire_copy ORDER BY published_at, article_id) = 1 AS opens_of_kind
    FROM v_articles
    WHERE on_topic
)
SELECT t.date,
       t.outlet,
       t.outlet_group,
       t.country,
       sum(t.feeds) AS sightings,
       count(*) AS articles,
       sum(t.opens) AS new_stories,
       sum(t.feeds * (NOT t.wire_copy)) AS own_sightings,
       sum(NOT t.wire_copy) AS own_articles,
       sum(t.opens_of_kind AND NOT t.wire_copy) AS own_new_stories,
       c.collected
FROM told t
LEFT JOIN v_outlet_collection c ON c.date = t.date AND c.outlet = t.outlet
GROUP BY t.date, t.outlet;

CREATE VIEW v_stories AS
SELECT s.id AS story_id,
       count(*) AS articles,
       count(DISTINCT a.outlet_id) AS outlets,
       min(a.published_at) AS first_published_at,
       max(a.published_at) AS last_published_at,
       (SELECT v.title FROM article b JOIN article_version v ON v.id = b.current_version_id
        WHERE b.story_id = s.id ORDER BY b.published_at, b.id LIMIT 1) AS title,
       s.story_key,
       (SELECT w.agency FROM article b JOIN article_version w ON w.id = b.current_version_id
        WHERE b.story_id = s.id AND w.agency IS NOT NULL ORDER BY b.published_at, b.id LIMIT 1) AS agency
FROM story s
JOIN article a ON a.story_id = s.id
GROUP BY s.id;

CREATE VIEW v_story_links AS
SELECT a.story_id,
       l.article_id,
       o.name AS outlet,
       v.title,
       l.other_article_id,
       p.name AS other_outlet,
       w.title AS other_title,
       l.reason,
       l.similarity
FROM story_link l
JOIN article a ON a.id = l.article_id
JOIN outlet o ON o.id = a.outlet_id
JOIN article_version v ON v.id = a.current_version_id
JOIN article b ON b.id = l.other_article_id
JOIN outlet p ON p.id = b.outlet_id
JOIN article_version w ON w.id = b.current_version_id;

CREATE VIEW v_feeds AS
SELECT f.id AS feed_id,
       f.url,
       o.name AS outlet,
       o.outlet_group,
       o.country,
       f.kind,
       f.active,
       f.last_success_at,
       coalesce(x.fetches, 0) AS fetches,
       coalesce(x.failures, 0) AS failures,
       last.started_at AS last_fetch_at,
       last.outcome AS last_outcome,
       last.error AS last_error,
       (SELECT count(*) FROM sighting s WHERE s.feed_id = f.id) AS articles,
       (SELECT max(a.published_at) FROM sighting s JOIN article a ON a.id = s.article_id
        WHERE s.feed_id = f.id) AS newest_article_at,
       coalesce((SELECT m.url FROM feed_url m WHERE m.feed_id = f.id ORDER BY m.id DESC LIMIT 1), f.url) AS address,
       f.off_since,
       coalesce(x.not_modified, 0) AS not_modified,
       coalesce(x.forced, 0) AS forced,
       coalesce(x.forced_news, 0) AS forced_news,
       coalesce(x.lying_304s, 0) AS lying_304s,
       coalesce(x.may_have_lost, 0) AS may_have_lost
FROM feed f
JOIN outlet o ON o.id = f.outlet_id
LEFT JOIN (
    SELECT feed_id,
           sum(attempted) AS fetches,
           sum(attempted AND NOT succeeded) AS failures,
           sum(outcome = 'not_modified') AS not_modified,
           sum(forced) AS forced,
           sum(forced AND entries > seen_before) AS forced_news,
           sum(lying_304) AS lying_304s,
           sum(may_have_lost) AS may_have_lost,
           max(CASE WHEN attempted THEN id END) AS last_id
    FROM fetch
    GROUP BY +feed_id -- the plus: one pass over the table, where the index would make each row a jump
) x ON x.feed_id = f.id
LEFT JOIN fetch last ON last.id = x.last_id;

CREATE VIEW v_health AS
SELECT h.feed_id,
       f.url,
       o.name AS outlet,
       o.outlet_group,
       h.word,
       h.since,
       h.sentence,
       h.also,
       h.judged_at
FROM feed_health h
JOIN feed f ON f.id = h.feed_id
JOIN outlet o ON o.id = f.outlet_id
WHERE f.active;

CREATE VIEW v_fetches AS
SELECT x.id AS fetch_id,
       x.run_id,
       f.url AS feed_url,
       o.name AS outlet,
       x.started_at,
       x.elapsed_ms,
       x.outcome,
       x.succeeded,
       x.status,
       x.final_url,
       x.bytes,
       x.entries,
       x.new_articles,
       x.new_versions,
       x.error,
       x.attempted,
       x.conditional,
       x.forced,
       x.lying_304,
       x.seen_before,
       x.may_have_lost,
       x.moved_to,
       x.wait_until,
       x.fresh_until,
       x.fresh_by
FROM fetch x
JOIN feed f ON f.id = x.feed_id
JOIN outlet o ON o.id = f.outlet_id;

CREATE VIEW v_runs AS
SELECT r.id AS run_id,
       r.started_at,
       r.finished_at,
       r.state,
       r.exit_code,
       r.software,
       r.config_sha256,
       t.name AS topic,
       t.query,
       m.model_id,
       (SELECT count(*) FROM fetch x WHERE x.run_id = r.id AND x.attempted) AS feeds,
       (SELECT count(*) FROM fetch x WHERE x.run_id = r.id AND x.attempted AND NOT x.succeeded) AS feeds_failed,
       (SELECT coalesce(sum(x.new_articles), 0) FROM fetch x WHERE x.run_id = r.id) AS new_articles,
       (SELECT coalesce(sum(x.new_versions), 0) FROM fetch x WHERE x.run_id = r.id) AS new_versions,
       (SELECT count(*) FROM label l WHERE l.run_id = r.id) AS labelled,
       r.error,
       r.runtime,
       r.cpu,
       (SELECT count(*) FROM fetch x WHERE x.run_id = r.id AND NOT x.attempted) AS feeds_not_asked,
       (SELECT count(*) FROM page_fetch p WHERE p.run_id = r.id AND p.attempted) AS pages,
       (SELECT count(*) FROM page_fetch p WHERE p.run_id = r.id AND p.succeeded) AS pages_read
FROM run r
JOIN topic t ON t.id = r.topic_id
JOIN model m ON m.id = r.model_id;

CREATE VIEW v_feed_urls AS
SELECT f.url AS feed_url,
       o.name AS outlet,
       m.url,
       m.since,
       m.reason
FROM feed_url m
JOIN feed f ON f.id = m.feed_id
JOIN outlet o ON o.id = f.outlet_id;

CREATE VIEW v_daily_frames AS
SELECT date,
       outlet,
       outlet_group,
       country,
       all_articles,
       articles,
       stories,
       new_stories,
       $first,
       $second,
       mixed,
       neither
FROM daily_frames;

CREATE VIEW v_period_collection AS
WITH listed AS MATERIALIZED (
    SELECT c.*, o.outlet_group, coalesce(o.country, 'unknown') AS country
    FROM v_outlet_collection c
    JOIN outlet o ON o.name = c.outlet
), scoped AS (
    SELECT 'all' AS scope, 'all' AS name, * FROM listed
    UNION ALL SELECT 'group', outlet_group, * FROM listed
    UNION ALL SELECT 'outlet', outlet, * FROM listed
    UNION ALL SELECT 'country', country, * FROM listed
), daily AS MATERIALIZED (
    SELECT date, scope, name, sum(feeds) AS feeds, sum(feeds_asked) AS asked, sum(feeds_answered) AS answered,
           sum(feeds_failed) AS failed, count(collected) AS outlets, coalesce(sum(collected), 0) AS came
    FROM scoped
    GROUP BY date, scope, name
), placed AS (
    SELECT 'day' AS period, date AS first_day, * FROM daily
    UNION ALL SELECT 'week', date(date, 'weekday 0', '-6 days'), * FROM daily
    UNION ALL SELECT 'month', date(date, 'start of month'), * FROM daily
)
SELECT period,
       first_day,
       scope,
       name,
       count(*) AS days,
       sum(came = 0) AS days_missing,
       sum(came BETWEEN 1 AND outlets - 1) AS days_partial,
       sum(feeds) AS feed_days,
       sum(asked) AS feed_days_asked,
       sum(answered) AS feed_days_answered,
       sum(failed) AS feed_days_failed
FROM placed
GROUP BY period, first_day, scope, name;

CREATE VIEW v_period_frames AS
WITH dated AS (
    SELECT p.*,
           CASE p.period WHEN 'day' THEN p.first_day
                         WHEN 'week' THEN date(p.first_day, '+6 days')
                         ELSE date(p.first_day, '+1 month', '-1 day') END AS last_day
    FROM period_frames p
)
SELECT d.period,
       d.first_day,
       d.last_day,
       d.scope,
       d.name,
       d.all_articles,
       d.articles,
       d.stories,
       d.own_articles,
       d.$first,
       d.$second,
       d.mixed,
       d.neither,
       d.uncertain,
       c.days,
       c.days_missing,
       c.days_partial,
       c.feed_days,
       c.feed_days_asked,
       c.feed_days_answered,
       c.feed_days_failed,
       printf('SELECT * FROM v_articles WHERE on_topic AND date BETWEEN %Q AND %Q%s', d.first_day, d.last_day,
              CASE WHEN d.scope = 'all' THEN ''
                   WHEN d.scope = 'outlet' THEN printf(' AND outlet = %Q', d.name)
                   WHEN d.scope = 'group' THEN printf(' AND outlet_group = %Q', d.name)
                   WHEN d.name = 'unknown' THEN ' AND country IS NULL'
                   ELSE printf(' AND country = %Q', d.name) END) AS articles_sql
FROM dated d
LEFT JOIN v_period_collection c USING (period, scope, first_day, name);

CREATE VIEW v_events AS
SELECT date, name FROM event;

CREATE VIEW v_codes AS
SELECT c.id AS code_id,
       c.version_id,
       v.article_id,
       o.name AS outlet,
       a.date,
       v.title,
       v.summary,
       c.coder,
       c.codebook_version,
       c.rel,
       c.$first_output,
       c.$second_output,
       c.certainty,
       c.purpose,
       c.coded_at,
       c.voice,
       c.note,
       c.kind,
       s.name AS sample,
       c.session,
       NOT EXISTS (SELECT 1 FROM code n WHERE n.version_id = c.version_id AND n.coder = c.coder
                   AND n.purpose = c.purpose AND n.kind = c.kind AND n.sample_id IS c.sample_id
                   AND (n.coded_at, n.id) > (c.coded_at, c.id)) AS newest
FROM code c
JOIN article_version v ON v.id = c.version_id
JOIN article a ON a.id = v.article_id
JOIN outlet o ON o.id = a.outlet_id
LEFT JOIN sample s ON s.id = c.sample_id;

CREATE VIEW v_samples AS
SELECT s.name AS sample,
       s.purpose,
       s.drawn_at,
       s.seed,
       s.asked,
       (SELECT count(*) FROM sample_item i WHERE i.sample_id = s.id) AS texts,
       (SELECT count(DISTINCT i.stratum) FROM sample_item i WHERE i.sample_id = s.id) AS strata,
       s.frame_size,
       s.set_apart,
       s.since,
       s.until,
       s.phases,
       m.model_id,
       t.name AS topic,
       t.query,
       (SELECT count(DISTINCT c.coder) FROM code c WHERE c.sample_id = s.id AND c.kind = 'individual') AS coders,
       (SELECT count(DISTINCT c.version_id) FROM code c WHERE c.sample_id = s.id) AS coded,
       (SELECT count(DISTINCT c.version_id) FROM code c
        WHERE c.sample_id = s.id AND c.kind = 'adjudicated') AS adjudicated
FROM sample s
JOIN model m ON m.id = s.model_id
JOIN topic t ON t.id = s.topic_id;

CREATE VIEW v_sample_items AS
SELECT s.name AS sample,
       i.version_id,
       a.id AS article_id,
       a.story_id,
       a.date,
       o.name AS outlet,
       o.outlet_group,
       v.title,
       v.summary,
       i.stratum,
       i.stratum_size,
       i.stratum_drawn,
       i.inclusion,
       CASE WHEN l.relevant THEN l.label ELSE 'off_topic' END AS label,
       l.uncertain,
       l.p_relevant,
       l.p_$first_output,
       l.p_$second_output
FROM sample_item i
JOIN sample s ON s.id = i.sample_id
JOIN model m ON m.id = s.model_id
JOIN label l ON l.version_id = i.version_id AND l.model_id = m.id AND l.codebook_version = m.codebook_version
JOIN article_version v ON v.id = i.version_id
JOIN article a ON a.id = v.article_id
JOIN outlet o ON o.id = a.outlet_id;

CREATE VIEW v_pages AS
SELECT p.id AS page_fetch_id,
       p.run_id,
       v.article_id,
       p.version_id,
       o.name AS outlet,
       a.url,
       p.started_at,
       p.elapsed_ms,
       p.outcome,
       p.succeeded,
       p.attempted,
       p.status,
       p.final_url,
       p.bytes,
       p.words,
       p.text_sha256,
       p.lead_version_id,
       p.wait_until,
       p.error
FROM page_fetch p
JOIN article_version v ON v.id = p.version_id
JOIN article a ON a.id = v.article_id
JOIN outlet o ON o.id = a.outlet_id;

CREATE VIEW v_texts AS
SELECT v.article_id,
       p.version_id,
       o.name AS outlet,
       a.date,
       v.title,
       t.text,
       p.words,
       p.started_at AS read_at,
       t.sha256 AS text_sha256,
       a.url
FROM page_fetch p
JOIN page_text t ON t.sha256 = p.text_sha256
JOIN article_version v ON v.id = p.version_id
JOIN article a ON a.id = v.article_id
JOIN outlet o ON o.id = a.outlet_id
WHERE v.purged_at IS NULL;

CREATE VIEW v_frames AS
SELECT position, name, output, title, description FROM frame;
"""


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
    wanted = statements(_VIEWS, frames)
    standing = _views(db)
    if set(standing.values()) != set(wanted):
        for view in standing:
            db.execute(f"DROP VIEW {view}")
        for statement in wanted:
            db.execute(statement)
    described = {(table, column): text for table, column, text in db.execute("SELECT * FROM column_description")}
    if described != (texts := descriptions(frames)):
        db.execute("DELETE FROM column_description")
        for (table, column), text in texts.items():
            db.execute("INSERT INTO column_description VALUES (?, ?, ?)", [table, column, text])


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


_TIME = "UTC, ISO 8601"
_COUNTRY = "ISO 3166 alpha-2 code of the outlet's country, NULL when unknown"
_GROUP = "viewpoint group of the outlet, from feeds.yaml"
_PROBABILITY = "calibrated probability in 0..1"

DESCRIPTIONS: dict[str, dict[str, str]] = {
    "frame": {
        "position": "1 or 2: the net framing index is the first minus the second",
        "name": "label of a text with this frame alone",
        "output": "the classifier's output for it; p_ and this name is its probability",
        "title": "name for readers, from feeds.yaml",
        "description": "what the frame says, from feeds.yaml; may be empty",
    },
    "outlet": {
        "id": "key",
        "name": "name of the publisher, unique",
        "country": _COUNTRY,
        "outlet_group": _GROUP,
    },
    "feed": {
        "id": "key",
        "url": "address as listed in feeds.yaml",
        "outlet_id": "the outlet that feeds.yaml lists it under",
        "kind": "feed: the outlet's own; search: a search engine's list of other outlets' articles",
        "active": "1 while feeds.yaml lists it",
        "title": "title that the feed gives itself",
        "language": "language tag that the feed declares",
        "etag": "validator of the last full answer, sent back verbatim",
        "last_modified": "validator of the last full answer, sent back verbatim",
        "body_sha256": "SHA-256 of the last body that was stored",
        "last_success_at": f"when the feed last answered well; {_TIME}",
        "full_at": f"when a whole document last came, not a 304; {_TIME}",
        "off_since": f"when its server called it gone for good (410), since when it is not asked; {_TIME}",
        "fresh_for_s": "update interval that the document itself asks for (ttl, sy:updatePeriod), seconds",
    },
    "feed_url": {
        "id": "key",
        "feed_id": "the feed",
        "url": "an address that it has been asked at; the newest row holds the present one",
        "since": f"from when on; {_TIME}",
        "reason": "why it is asked there",
    },
    "topic": {
        "id": "key",
        "name": "name of the topic in feeds.yaml",
        "query": "keyword query, white space folded",
        "language": "language that the classifier reads, ISO 639-1",
        "created_at": f"first use; {_TIME}",
    },
    "event": {"date": "day of the event, YYYY-MM-DD", "name": "what happened, as drawn on charts"},
    "model": {
        "id": "key",
        "model_id": "name@version+hash: names one set of weights and thresholds exactly",
        "name": "name of the model",
        "version": "version of the model",
        "sha256": "SHA-256 over the model's files and settings",
        "codebook_version": "version of the codebook that defines its labels",
        "settings": "thresholds and calibration, JSON",
        "runtime": "software that ran it when first used",
        "first_used_at": f"first use in this database; {_TIME}",
    },
    "run": {
        "id": "key",
        "started_at": f"start; {_TIME}",
        "finished_at": f"end; {_TIME}; NULL while running or after a crash",
        "state": "running, finished, interrupted (by a signal or a crash) or failed",
        "exit_code": "0 all well, 1 some feeds failed, 3 nothing worked",
        "software": "version of media-coverage",
        "config_sha256": "SHA-256 of feeds.yaml as used",
        "topic_id": "topic in force",
        "model_id": "model in force",
        "error": "why the run failed, one sentence",
        "runtime": "software that ran the model; NULL for runs before schema 2",
        "cpu": "architecture and instruction sets of the processor that ran it; NULL for runs before schema 2",
    },
    "fetch": {
        "id": "key",
        "run_id": "the run that made the attempt",
        "feed_id": "the feed",
        "started_at": f"start of the attempt; {_TIME}",
        "elapsed_ms": "duration, milliseconds",
        "outcome": "how it ended: ok, damaged, not_modified, unchanged, or a kind of failure",
        "succeeded": "1 when the outcome is ok, damaged, not_modified or unchanged",
        "status": "HTTP status of the last answer, NULL when there was none",
        "final_url": "address after redirects",
        "bytes": "size of the body after decompression",
        "body_sha256": "SHA-256 of the body",
        "entries": "entries read from the document",
        "new_articles": "articles seen here for the first time",
        "new_versions": "changed headlines or leads of known articles",
        "error": "what went wrong or was left out, one sentence",
        "attempted": "0 when it was not asked: its host wanted to be left alone, or the run's deadline came first",
        "conditional": "1 when validators were sent",
        "forced": "1 when validators were known and not sent, in order to find out whether 304s hide news",
        "lying_304": "1 when a forced request brought news under the validators that had been answered with 304",
        "seen_before": "entries that this feed had listed before; NULL where there is nothing to compare",
        "may_have_lost": "1 when no entry had been listed before: others may have come and gone between two requests",
        "moved_to": "where permanent redirects (301, 308) led; NULL when there were none",
        "wait_until": f"until when the host asked to be left alone (Retry-After); {_TIME}",
        "fresh_until": f"until when the publisher calls the answer fresh; {_TIME}",
        "fresh_by": "what says so: Cache-Control, Expires or the document",
    },
    "feed_health": {
        "feed_id": "the feed",
        "word": "what it was at the end of the last run, the worst that applies: stale, dead, blocked, failing, losing "
        "(stories scroll off between two requests), lying_304, quiet (answers well, nothing new), moved, new, fine",
        "since": f"since when; {_TIME}; NULL for new and fine",
        "sentence": "what that is, and what to do about it",
        "also": "other words that apply, separated by commas; empty for none",
        "judged_at": f"end of the run that judged; {_TIME}",
    },
    "story": {
        "id": "key",
        "story_key": "hash of the headline that opened the story; never changes",
        "first_published_at": f"publication time of the article that opened the story; {_TIME}",
    },
    "article": {
        "id": "key",
        "key": "what identifies the article: canonical address, or guid, or hash of the text",
        "id_kind": "what the key is made of: url, url+entry, guid or text",
        "url": "address as published; NULL when the entry has no link",
        "outlet_id": "publisher",
        "story_id": "the story it tells",
        "published_at": f"publication time, or first sighting where date_source says so; {_TIME}",
        "date": "day of published_at, UTC, YYYY-MM-DD",
        "published_raw": "the date as the feed spelt it",
        "date_source": "feed; url where only the address names a day that can be true; else first_seen",
        "first_seen_at": f"when we first saw it; {_TIME}",
        "current_version_id": "the newest version of its text",
    },
    "article_version": {
        "id": "key",
        "article_id": "the article",
        "title": "headline, plain text, without the outlet's name at the end",
        "summary": "lead as the feed gives it, or the first words of the page (summary_source), plain text",
        "text_sha256": "hash of headline and lead",
        "language": "ISO 639-1 code, NULL when unknown",
        "language_source": "declared (by the feed), detected or unknown",
        "first_seen_at": f"when this wording was first seen; {_TIME}",
        "fetch_id": "the attempt that brought it",
        "agency": "news agency that dateline, byline or closing line credit, or that the publisher is; NULL for none",
        "agency_words": "the words that credit it; the publisher's name where that is the agency",
        "purged_at": f"when `prune` removed title and summary, which are empty since; {_TIME}",
        "summary_source": "feed; page where the feed gave no lead and the page was read; none; NULL for wordings "
        "pruned before schema 7",
    },
    "article_alias": {
        "key": "another key under which the article was listed; feeds are looked up here too",
        "article_id": "the article",
        "reason": "what showed that it is the same: guid (and date or headline), headline (of the outlet, within "
        "7 days, where links do not identify), text (and date), spelling (the address, as later versions spell it)",
        "first_seen_at": f"when the key was first listed; {_TIME}",
    },
    "story_link": {
        "article_id": "an article",
        "other_article_id": "an earlier stored one with the same text; both tell one story",
        "reason": "same headline, near headline, same lead, or same wire (agency and most of the lead)",
        "similarity": "0..1: of the headlines, or of the leads where the reason is one (Jaccard index of word pairs)",
    },
    "text_band": {
        "band": "hash of a feature of headline or lead; articles that share one are compared",
        "article_id": "the article",
    },
    "robots": {
        "origin": "scheme, host and port whose robots.txt it is",
        "access": "rules: they decide; all: there is none (4xx); not now: it could not be had",
        "fetched_at": f"when it was asked for; {_TIME}",
        "expires_at": f"not asked for again before; {_TIME}",
        "rules": "its text, at most 500 KiB",
        "reason": "why the access is what it is, one sentence; may be empty",
        "wait_until": f"until when the host asked to be left alone (Retry-After); {_TIME}",
    },
    "page_fetch": {
        "id": "key",
        "run_id": "the run that made the attempt",
        "version_id": "the wording for whose sake the page was asked for",
        "started_at": f"start of the attempt; {_TIME}",
        "elapsed_ms": "duration, milliseconds",
        "outcome": "how it ended: ok, or a kind of failure",
        "succeeded": "1 when the page gave a text",
        "attempted": "0 when robots.txt forbade it or could not be had",
        "status": "HTTP status of the last answer, NULL when there was none",
        "final_url": "address after redirects",
        "bytes": "size of the page after decompression",
        "text_sha256": "SHA-256 of the extracted text; stays when the text is pruned",
        "words": "words of the extracted text",
        "lead_version_id": "the wording that got its first words for a lead; NULL where the feed gave one",
        "wait_until": f"until when the host asked to be left alone (Retry-After); {_TIME}",
        "error": "what went wrong or was left out, one sentence",
    },
    "page_text": {
        "sha256": "SHA-256 of the text in UTF-8: a text that several pages show is held once",
        "text": "text of the article as extracted, plain, one paragraph a line",
        "first_seen_at": f"when it was first read; {_TIME}",
    },
    "sighting": {
        "feed_id": "the feed that listed the article",
        "article_id": "the article",
        "guid": "guid under which this feed lists it; NULL when it has none, or one that other entries share",
        "first_seen_at": f"first time in this feed; {_TIME}",
        "last_seen_at": f"last time that a full answer of this feed listed it; {_TIME}",
        "times_seen": "number of full answers that listed it",
    },
    "gate": {
        "version_id": "the text decided on",
        "topic_id": "the topic decided for",
        "passed": "1 when the text goes on to the classifier",
        "stage": "where it was decided: keywords or language",
        "reason": "the words that matched, or what was missing",
    },
    "label": {
        "version_id": "the text labelled",
        "model_id": "the model that labelled it",
        "codebook_version": "codebook behind the label",
        "run_id": "the run that stored it",
        "relevant": "1 when p_relevant reaches the model's threshold",
        "label": "$first, $second, mixed or neither",
        "leaning": "the likelier of the two frames, also where the label is mixed or neither",
        "uncertain": "1 where a probability lies in the band in which held-out errors concentrate",
        "p_relevant": f"the text is about the topic: {_PROBABILITY}",
        "p_$first_output": f"frame $first: {_PROBABILITY}",
        "p_$second_output": f"frame $second: {_PROBABILITY}",
        "evidence": "the sentence of headline or lead that decided",
        "created_at": f"when the label was made; {_TIME}",
    },
    "sample": {
        "id": "key",
        "name": "name of the sample, unique",
        "purpose": "audit: for measuring errors, never learned from; training: models may learn from it",
        "topic_id": "topic whose keywords the texts had passed",
        "model_id": "model whose labels the strata are made of",
        "seed": "seed of the draw: the same seed over the same database draws the same texts",
        "asked": "number of texts asked for",
        "since": "first day of publication, YYYY-MM-DD; empty for no limit",
        "until": "last day of publication, YYYY-MM-DD; empty for no limit",
        "phases": "days at which a new phase begins, YYYY-MM-DD, separated by blanks; may be empty",
        "frame_size": "texts that could be drawn: one per story, past the keywords, labelled, still stored",
        "set_apart": "texts kept out of the frame because they are, or resemble, texts that serve the other purpose",
        "drawn_at": f"when it was drawn; {_TIME}",
    },
    "sample_item": {
        "sample_id": "the sample",
        "version_id": "the text drawn",
        "stratum": "predicted label, sure or uncertain, phase, group of outlets; joined by + where they held few texts",
        "stratum_size": "texts of the frame in the stratum",
        "stratum_drawn": "texts drawn from the stratum",
        "inclusion": "probability with which the text was drawn: stratum_drawn / stratum_size",
    },
    "code": {
        "id": "key",
        "version_id": "the text coded",
        "coder": "who coded it, as the coder wants to be called",
        "codebook_version": "codebook that the coder followed",
        "rel": "1 when the text is about the topic",
        "$first_output": "1 when the text carries the frame $first; 0 where rel is 0",
        "$second_output": "1 when the text carries the frame $second; 0 where rel is 0",
        "voice": "who speaks the frame: outlet, quoted or both; NULL without a frame, or where it was not asked",
        "certainty": "1 sure, 2 leaning, 3 coin-flip",
        "note": "what the coder noted; may be empty",
        "purpose": "training: models may learn from it; audit: for measuring errors, never learned from",
        "kind": "individual: one coder's own; adjudicated: settles what coders disagreed about",
        "sample_id": "the sample it was coded in; NULL for none",
        "session": "the sitting in which it was coded; NULL where unknown",
        "coded_at": f"when it was coded; {_TIME}",
    },
    "daily_frames": {
        "date": "day of publication, UTC, YYYY-MM-DD",
        "outlet": "name of the publisher",
        "outlet_group": _GROUP,
        "country": _COUNTRY,
        "all_articles": "articles of the outlet on that day, on topic or not",
        "articles": "on-topic articles",
        "stories": "distinct stories among the on-topic articles of this row",
        "new_stories": "stories whose first on-topic article stands in this row: sums to distinct stories",
        "$first": "on-topic articles so labelled",
        "$second": "on-topic articles so labelled",
        "mixed": "on-topic articles so labelled",
        "neither": "on-topic articles so labelled",
    },
    "period_frames": {
        "period": "day, week (ISO, from Monday) or month",
        "scope": "all, group, outlet or country: what the row is about",
        "first_day": "first day of the period, UTC, YYYY-MM-DD",
        "name": "name of the group, outlet or country; all for everything, unknown for an unknown country",
        "all_articles": "articles, on topic or not",
        "articles": "on-topic articles",
        "stories": "distinct stories among the on-topic articles of the row; does not add up over rows",
        "own_articles": "on-topic articles without wire copy; what agencies publish themselves counts",
        "uncertain": "on-topic articles whose label is uncertain",
        "$first": "on-topic articles so labelled",
        "$second": "on-topic articles so labelled",
        "mixed": "on-topic articles with both frames",
        "neither": "on-topic articles so labelled",
    },
    "changed_day": {"date": "day whose row in daily_frames is out of date, YYYY-MM-DD"},
    "active": {
        "one": "always 1: the table has one row",
        "topic_id": "topic that the views and daily_frames show",
        "model_id": "model that the views and daily_frames show",
    },
    "column_description": {
        "table_name": "table or view",
        "column_name": "column",
        "description": "what it holds, with its unit",
    },
}

_ARTICLE = DESCRIPTIONS["article"]
_VERSION = DESCRIPTIONS["article_version"]
_LABEL = DESCRIPTIONS["label"]
_FETCH = DESCRIPTIONS["fetch"]
_RUN = DESCRIPTIONS["run"]

_PERIOD_COLLECTION = {
    "days": "days of the period from the first run to the last; NULL or no row for none",
    "days_missing": "of them, those on which no outlet of the row was collected: gaps, not days without news",
    "days_partial": "of them, those on which some outlet was missing",
    "feed_days": "feeds in feeds.yaml, summed over days",
    "feed_days_asked": "feeds asked at least once, summed over days",
    "feed_days_answered": "feeds that answered well at least once, summed over days",
    "feed_days_failed": "feeds asked without any good answer, summed over days",
}

DESCRIPTIONS |= {
    "v_articles": {
        "article_id": "key of the article",
        "url": _ARTICLE["url"],
        "outlet": "name of the publisher",
        "outlet_group": _GROUP,
        "country": _COUNTRY,
        "title": _VERSION["title"],
        "summary": _VERSION["summary"],
        "language": _VERSION["language"],
        "published_at": _ARTICLE["published_at"],
        "date": _ARTICLE["date"],
        "date_source": _ARTICLE["date_source"],
        "first_seen_at": _ARTICLE["first_seen_at"],
        "story_id": "articles with the same number carry the same text (why: v_story_links)",
        "version_id": "newest version of the text: what is shown and labelled",
        "versions": "number of wordings seen in feeds; more than 1 means edited",
        "feeds": "number of feeds that listed it",
        "passed_gate": "1 when keywords and language let it through, NULL when not yet decided",
        "gate_stage": DESCRIPTIONS["gate"]["stage"],
        "gate_reason": "why it was let through or rejected",
        "on_topic": "1 when the gate and the model both find it on topic: what every share is based on",
        "label": _LABEL["label"] + "; NULL when not on topic",
        "leaning": _LABEL["leaning"] + "; NULL when not on topic",
        "uncertain": _LABEL["uncertain"],
        "p_relevant": _LABEL["p_relevant"],
        "p_$first_output": _LABEL["p_$first_output"],
        "p_$second_output": _LABEL["p_$second_output"],
        "evidence": _LABEL["evidence"],
        "model_id": DESCRIPTIONS["model"]["model_id"],
        "codebook_version": _LABEL["codebook_version"],
        "agency": _VERSION["agency"],
        "agency_words": _VERSION["agency_words"],
        "wire_copy": "1 when the text is another's, an agency's: credited here or by an article of the same story",
        "purged_at": _VERSION["purged_at"],
        "summary_source": _VERSION["summary_source"],
    },
    "v_daily_counts": {
        "date": "day of publication, UTC, YYYY-MM-DD",
        "outlet": "name of the publisher",
        "outlet_group": _GROUP,
        "country": _COUNTRY,
        "sightings": "feeds that listed the row's on-topic articles, summed over articles",
        "articles": "on-topic articles",
        "new_stories": "stories whose first on-topic article stands in this row: sums to distinct stories",
        "own_sightings": "sightings without wire copy",
        "own_articles": "on-topic articles without wire copy; what agencies publish themselves counts",
        "own_new_stories": "stories whose first on-topic article that is not wire copy stands in this row",
        "collected": "1 when the outlet was collected on that day, 0 when not: the counts are then what later answers "
        "still listed; NULL before the outlet first answered, and for outlets known from search feeds only",
    },
    "v_outlet_collection": {
        "date": "day, UTC, YYYY-MM-DD; none is left out from the first run to the last",
        "outlet": "name of the publisher that feeds.yaml lists",
        "feeds": "its feeds in feeds.yaml on that day",
        "feeds_asked": "feeds asked at least once",
        "feeds_answered": "feeds that answered well at least once",
        "feeds_failed": "feeds asked without any good answer",
        "collected": "1 when a feed of it answered well, or was in order and not due; 0 when none was, or when no feed "
        "of any outlet answered; NULL before its first good answer",
    },
    "v_daily_collection": {
        "date": "day, UTC, YYYY-MM-DD; none is left out from the first run to the last",
        "collection": "full; partial: some outlet was not collected; none: a gap, not a day without news",
        "feeds": "feeds in feeds.yaml on that day",
        "feeds_asked": "feeds asked at least once",
        "feeds_answered": "feeds that answered well at least once",
        "feeds_failed": "feeds asked without any good answer",
        "outlets": "outlets in feeds.yaml on that day that had answered well until then",
        "outlets_collected": "those collected (v_outlet_collection)",
        "outlets_missing": "names of the others, separated by commas; NULL for none",
    },
    "v_versions": {
        "version_id": "key of the version",
        "article_id": "key of the article",
        "version": "1 for the first wording, then counting up",
        "first_seen_at": _VERSION["first_seen_at"],
        "title": _VERSION["title"],
        "summary": _VERSION["summary"],
        "previous_title": "headline of the version before, NULL for the first",
        "outlet": "name of the publisher",
        "url": _ARTICLE["url"],
        "summary_source": _VERSION["summary_source"],
    },
    "v_labels": {
        **{name: text for name, text in _LABEL.items() if name != "model_id"},
        "article_id": "key of the article",
        "model_id": DESCRIPTIONS["model"]["model_id"],
        "runtime": _RUN["runtime"],
        "cpu": _RUN["cpu"],
        "summary_source": _VERSION["summary_source"],
    },
    "v_codes": {
        **{name: text for name, text in DESCRIPTIONS["code"].items() if name not in {"id", "sample_id"}},
        "code_id": "key of the code",
        "article_id": "key of the article",
        "outlet": "name of the publisher",
        "date": _ARTICLE["date"],
        "title": _VERSION["title"],
        "summary": _VERSION["summary"],
        "sample": "name of the sample it was coded in; NULL for none",
        "newest": "1 unless the coder has coded the text again in the same sample: the newest counts",
    },
    "v_samples": {
        **{name: text for name, text in DESCRIPTIONS["sample"].items() if name not in {"id", "name", "topic_id"}},
        "sample": DESCRIPTIONS["sample"]["name"],
        "model_id": DESCRIPTIONS["model"]["model_id"],
        "topic": "name of the topic",
        "query": DESCRIPTIONS["topic"]["query"],
        "texts": "texts drawn",
        "strata": "strata they were drawn from",
        "coders": "people who have coded some of it",
        "coded": "texts with at least one code",
        "adjudicated": "texts with an adjudicated code",
    },
    "v_sample_items": {
        **{name: text for name, text in DESCRIPTIONS["sample_item"].items() if name != "sample_id"},
        "sample": DESCRIPTIONS["sample"]["name"],
        "article_id": "key of the article",
        "story_id": "its story; a sample holds one article of each",
        "date": _ARTICLE["date"],
        "outlet": "name of the publisher",
        "outlet_group": _GROUP,
        "title": _VERSION["title"],
        "summary": _VERSION["summary"],
        "label": "predicted: $first, $second, mixed, neither, or off_topic",
        "uncertain": _LABEL["uncertain"],
        "p_relevant": _LABEL["p_relevant"],
        "p_$first_output": _LABEL["p_$first_output"],
        "p_$second_output": _LABEL["p_$second_output"],
    },
    "v_stories": {
        "story_id": "key of the story",
        "articles": "articles that carry it",
        "outlets": "outlets that carry it",
        "first_published_at": f"earliest publication time; {_TIME}",
        "last_published_at": f"latest publication time; {_TIME}",
        "title": "headline of the earliest article",
        "story_key": DESCRIPTIONS["story"]["story_key"],
        "agency": "news agency that one of its articles credits, the earliest first; NULL for none",
    },
    "v_story_links": {
        "story_id": "the story",
        "article_id": "key of an article",
        "outlet": "its publisher",
        "title": "its headline",
        "other_article_id": "key of an earlier stored article with the same text",
        "other_outlet": "its publisher",
        "other_title": "its headline",
        "reason": DESCRIPTIONS["story_link"]["reason"],
        "similarity": DESCRIPTIONS["story_link"]["similarity"],
    },
    "v_feeds": {
        "feed_id": "key of the feed",
        "url": DESCRIPTIONS["feed"]["url"],
        "outlet": "name of the publisher",
        "outlet_group": _GROUP,
        "country": _COUNTRY,
        "kind": DESCRIPTIONS["feed"]["kind"],
        "active": DESCRIPTIONS["feed"]["active"],
        "last_success_at": DESCRIPTIONS["feed"]["last_success_at"],
        "fetches": "attempts so far",
        "failures": "attempts that failed",
        "last_fetch_at": f"last attempt; {_TIME}",
        "last_outcome": _FETCH["outcome"],
        "last_error": _FETCH["error"],
        "articles": "articles that it has listed so far",
        "newest_article_at": f"newest publication time among them; {_TIME}",
        "address": "address that it is asked at now: the listed one, or where it has moved for good",
        "off_since": DESCRIPTIONS["feed"]["off_since"],
        "not_modified": "attempts answered with 304",
        "forced": "attempts for which validators were known and not sent",
        "forced_news": "forced attempts that brought entries not seen before",
        "lying_304s": "forced attempts that proved 304s to be wrong: news under the same validators",
        "may_have_lost": "attempts without any entry seen before: others may have come and gone in between",
    },
    "v_health": {
        "feed_id": "key of the feed",
        "url": DESCRIPTIONS["feed"]["url"],
        "outlet": "name of the publisher",
        "outlet_group": _GROUP,
        **{name: text for name, text in DESCRIPTIONS["feed_health"].items() if name != "feed_id"},
    },
    "v_fetches": {
        "fetch_id": "key of the attempt",
        "run_id": _FETCH["run_id"],
        "feed_url": DESCRIPTIONS["feed"]["url"],
        "outlet": "name of the publisher",
        **{
            name: _FETCH[name]
            for name in [
                "started_at",
                "elapsed_ms",
                "outcome",
                "succeeded",
                "status",
                "final_url",
                "bytes",
                "entries",
                "new_articles",
                "new_versions",
                "error",
                "attempted",
                "conditional",
                "forced",
                "lying_304",
                "seen_before",
                "may_have_lost",
                "moved_to",
                "wait_until",
                "fresh_until",
                "fresh_by",
            ]
        },
    },
    "v_runs": {
        "run_id": "key of the run",
        **{
            name: _RUN[name]
            for name in "started_at finished_at state exit_code software config_sha256 error runtime cpu".split()
        },
        "topic": "name of the topic in force",
        "query": DESCRIPTIONS["topic"]["query"],
        "model_id": DESCRIPTIONS["model"]["model_id"],
        "feeds": "feeds asked",
        "feeds_failed": "feeds that failed",
        "feeds_not_asked": "feeds held back for their host's sake, or not reached before the run's deadline",
        "new_articles": _FETCH["new_articles"],
        "new_versions": _FETCH["new_versions"],
        "labelled": "texts labelled",
        "pages": "pages of articles asked for",
        "pages_read": "pages of articles that gave a text",
    },
    "v_pages": {
        **{name: text for name, text in DESCRIPTIONS["page_fetch"].items() if name != "id"},
        "page_fetch_id": "key of the attempt",
        "article_id": "key of the article",
        "outlet": "name of the publisher",
        "url": _ARTICLE["url"],
    },
    "v_texts": {
        "article_id": "key of the article",
        "version_id": DESCRIPTIONS["page_fetch"]["version_id"],
        "outlet": "name of the publisher",
        "date": _ARTICLE["date"],
        "title": "headline of that wording",
        "text": DESCRIPTIONS["page_text"]["text"],
        "words": DESCRIPTIONS["page_fetch"]["words"],
        "read_at": f"when the page was read; {_TIME}",
        "text_sha256": DESCRIPTIONS["page_text"]["sha256"],
        "url": _ARTICLE["url"],
    },
    "v_feed_urls": {
        "feed_url": DESCRIPTIONS["feed"]["url"],
        "outlet": "name of the publisher",
        **{name: DESCRIPTIONS["feed_url"][name] for name in ("url", "since", "reason")},
    },
    "v_daily_frames": DESCRIPTIONS["daily_frames"],
    "v_period_collection": _PERIOD_COLLECTION
    | {name: DESCRIPTIONS["period_frames"][name] for name in ("period", "scope", "first_day", "name")},
    "v_period_frames": DESCRIPTIONS["period_frames"]
    | _PERIOD_COLLECTION
    | {
        "last_day": "last day of the period, UTC, YYYY-MM-DD",
        "articles_sql": "the query that lists the on-topic articles of the row: as many as `articles`",
    },
    "v_events": DESCRIPTIONS["event"],
    "v_frames": DESCRIPTIONS["frame"],
}
