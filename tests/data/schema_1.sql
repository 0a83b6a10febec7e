-- The schema of version 0.1 as SQLite wrote it down: what a later version finds and has to bring up to date.
PRAGMA application_id = 1835233142;
PRAGMA user_version = 1;

CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);

CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");

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

CREATE TRIGGER article_version_no_update BEFORE UPDATE ON article_version BEGIN SELECT RAISE(ABORT, 'article_version is append-only'); END;

CREATE TRIGGER article_version_no_delete BEFORE DELETE ON article_version BEGIN SELECT RAISE(ABORT, 'article_version is append-only'); END;

CREATE TRIGGER label_no_update BEFORE UPDATE ON label BEGIN SELECT RAISE(ABORT, 'label is append-only'); END;

CREATE TRIGGER label_no_delete BEFORE DELETE ON label BEGIN SELECT RAISE(ABORT, 'label is append-only'); END;

CREATE TRIGGER gate_no_update BEFORE UPDATE ON gate BEGIN SELECT RAISE(ABORT, 'gate is append-only'); END;

CREATE TRIGGER gate_no_delete BEFORE DELETE ON gate BEGIN SELECT RAISE(ABORT, 'gate is append-only'); END;

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

INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
VALUES ('media-coverage', 'm001_first_schema', '2026-02-01 00:00:00+00:00');
