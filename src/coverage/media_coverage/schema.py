"""The database as text: tables, views, their migrations, and a description of every column.

The views (`v_…`) are the contract for analysts: they keep their columns. Tables may change with migrations.
All times are UTC, ISO 8601 with offset ("2026-02-03T14:05:00+00:00"), so that they sort as text.
Append-only tables refuse UPDATE and DELETE by trigger: history is data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_utils.migrations import Migrations

if TYPE_CHECKING:
    from sqlite_utils import Database

APPLICATION_ID = 0x6D_63_6F_76
"""Marks the SQLite file as ours ("mcov")."""

migrations = Migrations("media-coverage")

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
    label TEXT NOT NULL CHECK (label IN ('hopeful_peace', 'appeasement', 'mixed', 'neither')),
    leaning TEXT NOT NULL CHECK (leaning IN ('hopeful_peace', 'appeasement')),
    uncertain INTEGER NOT NULL CHECK (uncertain IN (0, 1)),
    p_relevant REAL NOT NULL CHECK (p_relevant BETWEEN 0 AND 1),
    p_hope REAL NOT NULL CHECK (p_hope BETWEEN 0 AND 1),
    p_appease REAL NOT NULL CHECK (p_appease BETWEEN 0 AND 1),
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
    hopeful_peace INTEGER NOT NULL CHECK (hopeful_peace >= 0),
    appeasement INTEGER NOT NULL CHECK (appeasement >= 0),
    mixed INTEGER NOT NULL CHECK (mixed >= 0),
    neither INTEGER NOT NULL CHECK (neither >= 0),
    PRIMARY KEY (date, outlet),
    CHECK (hopeful_peace + appeasement + mixed + neither = articles)
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
       (SELECT count(*) FROM article_version x WHERE x.article_id = a.id) AS versions,
       (SELECT count(*) FROM sighting s WHERE s.article_id = a.id) AS feeds,
       g.passed AS passed_gate,
       g.stage AS gate_stage,
       CASE WHEN l.relevant = 0 THEN 'the model finds it off topic' ELSE g.reason END AS gate_reason,
       coalesce(g.passed AND l.relevant, 0) AS on_topic,
       CASE WHEN l.relevant THEN l.label END AS label,
       CASE WHEN l.relevant THEN l.leaning END AS leaning,
       l.uncertain,
       l.p_relevant,
       l.p_hope,
       l.p_appease,
       l.evidence,
       m.model_id,
       l.codebook_version
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
       a.url
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
       l.p_hope,
       l.p_appease,
       l.evidence,
       l.run_id,
       l.created_at
FROM label l
JOIN article_version v ON v.id = l.version_id
JOIN model m ON m.id = l.model_id;

CREATE VIEW v_stories AS
SELECT s.id AS story_id,
       count(*) AS articles,
       count(DISTINCT a.outlet_id) AS outlets,
       min(a.published_at) AS first_published_at,
       max(a.published_at) AS last_published_at,
       (SELECT v.title FROM article b JOIN article_version v ON v.id = b.current_version_id
        WHERE b.story_id = s.id ORDER BY b.published_at, b.id LIMIT 1) AS title
FROM story s
JOIN article a ON a.story_id = s.id
GROUP BY s.id;

CREATE VIEW v_feeds AS
SELECT f.id AS feed_id,
       f.url,
       o.name AS outlet,
       o.outlet_group,
       o.country,
       f.kind,
       f.active,
       f.last_success_at,
       (SELECT count(*) FROM fetch x WHERE x.feed_id = f.id) AS fetches,
       (SELECT count(*) FROM fetch x WHERE x.feed_id = f.id AND NOT x.succeeded) AS failures,
       last.started_at AS last_fetch_at,
       last.outcome AS last_outcome,
       last.error AS last_error,
       (SELECT count(*) FROM sighting s WHERE s.feed_id = f.id) AS articles,
       (SELECT max(a.published_at) FROM sighting s JOIN article a ON a.id = s.article_id
        WHERE s.feed_id = f.id) AS newest_article_at
FROM feed f
JOIN outlet o ON o.id = f.outlet_id
LEFT JOIN fetch last ON last.id = (SELECT max(x.id) FROM fetch x WHERE x.feed_id = f.id);

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
       x.error
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
       (SELECT count(*) FROM fetch x WHERE x.run_id = r.id) AS feeds,
       (SELECT count(*) FROM fetch x WHERE x.run_id = r.id AND NOT x.succeeded) AS feeds_failed,
       (SELECT coalesce(sum(x.new_articles), 0) FROM fetch x WHERE x.run_id = r.id) AS new_articles,
       (SELECT coalesce(sum(x.new_versions), 0) FROM fetch x WHERE x.run_id = r.id) AS new_versions,
       (SELECT count(*) FROM label l WHERE l.run_id = r.id) AS labelled,
       r.error
FROM run r
JOIN topic t ON t.id = r.topic_id
JOIN model m ON m.id = r.model_id;

CREATE VIEW v_daily_frames AS
SELECT date,
       outlet,
       outlet_group,
       country,
       all_articles,
       articles,
       stories,
       new_stories,
       hopeful_peace,
       appeasement,
       mixed,
       neither
FROM daily_frames;

CREATE VIEW v_events AS
SELECT date, name FROM event;
"""


def statements(script: str) -> list[str]:
    """The statements of a script without triggers: none of ours has a semicolon inside."""
    return [statement.strip() for statement in script.split(";") if statement.strip()]


@migrations()
def m001_first_schema(db: Database) -> None:
    """Tables, append-only triggers and views of version 0.1."""
    for statement in statements(_TABLES):
        db.execute(statement)
    for table in _APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            db.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
    for statement in statements(_VIEWS):
        db.execute(statement)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")  # in the same transaction: no half-made file is ours
    db.execute("PRAGMA user_version = 1")


_TIME = "UTC, ISO 8601"
_COUNTRY = "ISO 3166 alpha-2 code of the outlet's country, NULL when unknown"
_GROUP = "viewpoint group of the outlet, from feeds.yaml"
_PROBABILITY = "calibrated probability in 0..1"

DESCRIPTIONS: dict[str, dict[str, str]] = {
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
        "error": "what went wrong, one sentence",
    },
    "story": {
        "id": "key",
        "story_key": "hash of the normalised headline: the same text under many mastheads",
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
        "date_source": "feed, or first_seen when the feed gave no date or an impossible one",
        "first_seen_at": f"when we first saw it; {_TIME}",
        "current_version_id": "the newest version of its text",
    },
    "article_version": {
        "id": "key",
        "article_id": "the article",
        "title": "headline, plain text, without the outlet's name at the end",
        "summary": "lead as the feed gives it, plain text",
        "text_sha256": "hash of headline and lead",
        "language": "ISO 639-1 code, NULL when unknown",
        "language_source": "declared (by the feed), detected or unknown",
        "first_seen_at": f"when this wording was first seen; {_TIME}",
        "fetch_id": "the attempt that brought it",
    },
    "sighting": {
        "feed_id": "the feed that listed the article",
        "article_id": "the article",
        "guid": "guid under which this feed lists it",
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
        "label": "hopeful_peace, appeasement, mixed or neither",
        "leaning": "the likelier of the two frames, also where the label is mixed or neither",
        "uncertain": "1 where a probability lies in the band in which held-out errors concentrate",
        "p_relevant": f"the text is about the meeting: {_PROBABILITY}",
        "p_hope": f"hopeful-peace frame: {_PROBABILITY}",
        "p_appease": f"appeasement frame: {_PROBABILITY}",
        "evidence": "the sentence of headline or lead that decided",
        "created_at": f"when the label was made; {_TIME}",
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
        "hopeful_peace": "on-topic articles so labelled",
        "appeasement": "on-topic articles so labelled",
        "mixed": "on-topic articles so labelled",
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
        "story_id": "articles with the same number carry the same text",
        "version_id": "newest version of the text: what is shown and labelled",
        "versions": "number of wordings seen; more than 1 means edited",
        "feeds": "number of feeds that listed it",
        "passed_gate": "1 when keywords and language let it through, NULL when not yet decided",
        "gate_stage": DESCRIPTIONS["gate"]["stage"],
        "gate_reason": "why it was let through or rejected",
        "on_topic": "1 when the gate and the model both find it on topic: what every share is based on",
        "label": _LABEL["label"] + "; NULL when not on topic",
        "leaning": _LABEL["leaning"] + "; NULL when not on topic",
        "uncertain": _LABEL["uncertain"],
        "p_relevant": _LABEL["p_relevant"],
        "p_hope": _LABEL["p_hope"],
        "p_appease": _LABEL["p_appease"],
        "evidence": _LABEL["evidence"],
        "model_id": DESCRIPTIONS["model"]["model_id"],
        "codebook_version": _LABEL["codebook_version"],
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
    },
    "v_labels": {
        **{name: text for name, text in _LABEL.items() if name != "model_id"},
        "article_id": "key of the article",
        "model_id": DESCRIPTIONS["model"]["model_id"],
    },
    "v_stories": {
        "story_id": "key of the story",
        "articles": "articles that carry it",
        "outlets": "outlets that carry it",
        "first_published_at": f"earliest publication time; {_TIME}",
        "last_published_at": f"latest publication time; {_TIME}",
        "title": "headline of the earliest article",
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
            ]
        },
    },
    "v_runs": {
        "run_id": "key of the run",
        **{
            name: _RUN[name]
            for name in ["started_at", "finished_at", "state", "exit_code", "software", "config_sha256", "error"]
        },
        "topic": "name of the topic in force",
        "query": DESCRIPTIONS["topic"]["query"],
        "model_id": DESCRIPTIONS["model"]["model_id"],
        "feeds": "feeds attempted",
        "feeds_failed": "feeds that failed",
        "new_articles": _FETCH["new_articles"],
        "new_versions": _FETCH["new_versions"],
        "labelled": "texts labelled",
    },
    "v_daily_frames": DESCRIPTIONS["daily_frames"],
    "v_events": DESCRIPTIONS["event"],
}
