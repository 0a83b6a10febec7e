"""The views: the contract for analysts. $first, $second and their outputs stand for the frames (see schema.py)."""


def _of_most(column: str, codes: str) -> str:
    """What most of some codes `c` say in a column, of each coder the newest; NULL without a majority."""
    return f"""(SELECT CASE WHEN 2 * max(n) > sum(n) THEN {column} END
            FROM (SELECT c.{column}, count(*) AS n
                  FROM {codes} AND c.{column} IS NOT NULL
                    AND NOT EXISTS (SELECT 1 FROM code n WHERE n.version_id = c.version_id AND n.coder = c.coder
                                    AND n.kind = c.kind AND (n.coded_at, n.id) > (c.coded_at, c.id))
                  GROUP BY c.{column}))"""  # noqa: S608 - our own names


_GENRE_BY_PEOPLE = _of_most(
    "genre",
    "article_version x JOIN code c ON c.version_id = x.id WHERE x.article_id = a.id "
    "AND c.kind = (SELECT min(y.kind) FROM code y WHERE y.version_id = x.id AND y.genre IS NOT NULL)",
)
_VOICE_BY_PEOPLE = _of_most(
    "voice",
    "code c WHERE c.version_id = a.current_version_id "
    "AND c.kind = (SELECT min(y.kind) FROM code y WHERE y.version_id = a.current_version_id)",
)

VIEWS = f"""
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
       v.summary_source,
       (SELECT count(*) FROM imported i WHERE i.article_id = a.id) AS imports,
       (SELECT k.genre FROM v_genres k WHERE k.article_id = a.id) AS genre,
       (SELECT k.genre_source FROM v_genres k WHERE k.article_id = a.id) AS genre_source,
       (SELECT k.voice FROM v_voices k WHERE k.article_id = a.id) AS voice,
       (SELECT k.voice_source FROM v_voices k WHERE k.article_id = a.id) AS voice_source,
       CASE WHEN l.relevant THEN l.p_own END AS p_own
FROM article a
JOIN outlet o ON o.id = a.outlet_id
JOIN article_version v ON v.id = a.current_version_id AND v.article_id = a.id -- the way back from a text
LEFT JOIN active ON active.one = 1
LEFT JOIN gate g ON g.version_id = v.id AND g.topic_id = active.topic_id
LEFT JOIN model m ON m.id = active.model_id
LEFT JOIN label l ON l.version_id = v.id AND l.model_id = m.id AND l.codebook_version = m.codebook_version;

CREATE VIEW v_genres AS
WITH told AS (
    SELECT a.id AS article_id,
           {_GENRE_BY_PEOPLE} AS by_people,
           a.address_genre AS by_address,
           (SELECT CASE WHEN min(f.genre) = max(f.genre) THEN min(f.genre) END
            FROM sighting s JOIN feed f ON f.id = s.feed_id
            WHERE s.article_id = a.id AND f.genre IS NOT NULL) AS by_feed,
           o.genre AS by_outlet
    FROM article a
    JOIN outlet o ON o.id = a.outlet_id
)
SELECT article_id,
       coalesce(by_people, by_address, by_feed, by_outlet) AS genre,
       CASE WHEN by_people IS NOT NULL THEN 'people'
            WHEN by_address IS NOT NULL THEN 'address'
            WHEN by_feed IS NOT NULL THEN 'feed'
            WHEN by_outlet IS NOT NULL THEN 'outlet' END AS genre_source,
       by_people,
       by_address,
       by_feed,
       by_outlet
FROM told;

CREATE VIEW v_voices AS
WITH told AS (
    SELECT a.id AS article_id,
           {_VOICE_BY_PEOPLE} AS by_people,
           CASE WHEN g.passed AND l.relevant THEN l.p_own END AS p_own
    FROM article a
    LEFT JOIN active ON active.one = 1
    LEFT JOIN gate g ON g.version_id = a.current_version_id AND g.topic_id = active.topic_id
    LEFT JOIN model m ON m.id = active.model_id
    LEFT JOIN label l ON l.version_id = a.current_version_id AND l.model_id = m.id
         AND l.codebook_version = m.codebook_version
),
heard AS (
    SELECT *, CASE WHEN p_own >= 0.5 THEN 'outlet' WHEN p_own IS NOT NULL THEN 'quoted' END AS by_model FROM told
)
SELECT article_id,
       coalesce(by_people, by_model) AS voice,
       CASE WHEN by_people IS NOT NULL THEN 'people'
            WHEN by_model IS NOT NULL THEN 'model' END AS voice_source,
       by_people,
       by_model,
       p_own
FROM heard;

CREATE VIEW v_versions AS
SELECT v.id AS version_id,
       v.article_id,
       (SELECT count(*) FROM article_version x WHERE x.article_id = v.article_id AND x.id <= v.id) AS version,
       v.first_seen_at,
       v.title,
       v.summary,
       (SELECT x.title FROM article_version x WHERE x.article_id = v.article_id AND x.id < v.id
        ORDER BY x.id DESC LIMIT 1) AS previous_title,
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
       v.summary_source,
       l.copied_from,
       l.p_own
FROM label l
JOIN article_version v ON v.id = l.version_id
JOIN model m ON m.id = l.model_id
JOIN run r ON r.id = l.run_id;

CREATE VIEW v_outlet_collection AS
WITH RECURSIVE bound AS MATERIALIZED (
    SELECT coalesce((SELECT before FROM collection_stored), '') AS day -- what was before it is stored
), listed AS MATERIALIZED (
    SELECT f.id AS feed_id,
           f.outlet_id,
           substr((SELECT x.started_at FROM fetch x WHERE x.feed_id = f.id ORDER BY x.started_at LIMIT 1), 1, 10)
               AS first_day,
           CASE WHEN f.active THEN (SELECT substr(max(started_at), 1, 10) FROM run WHERE kind = 'collection')
                ELSE substr((SELECT x.started_at FROM fetch x WHERE x.feed_id = f.id
                             ORDER BY x.started_at DESC LIMIT 1), 1, 10) END AS last_day,
           substr((SELECT x.started_at FROM fetch x WHERE x.feed_id = f.id AND x.succeeded
                   ORDER BY x.started_at LIMIT 1), 1, 10) AS first_answer
    FROM feed f
), asked AS MATERIALIZED (
    SELECT l.feed_id, substr(x.started_at, 1, 10) AS date, max(x.attempted) AS asked, max(x.succeeded) AS answered
    FROM bound
    CROSS JOIN listed l
    CROSS JOIN fetch x ON x.feed_id = l.feed_id AND x.started_at >= bound.day
    GROUP BY l.feed_id, substr(x.started_at, 1, 10)
), day AS (
    SELECT max((SELECT min(first_day) FROM listed), (SELECT day FROM bound)) AS date
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
), counted AS (
    SELECT date, outlet_id, feeds, feeds_asked, feeds_answered, feeds_failed, collected
    FROM outlet_day
    UNION ALL
    SELECT f.date,
           f.outlet_id,
           count(*),
           sum(f.asked),
           sum(f.answered),
           sum(f.asked AND NOT f.answered),
           CASE WHEN max(f.answered_before) THEN max(f.collected AND f.any_answered) END
    FROM feed_day f
    GROUP BY f.date, f.outlet_id
)
SELECT CAST(c.date AS TEXT) AS date, -- with a type, so that SQLite makes an index of its own for joins with it
       o.name AS outlet,
       c.feeds,
       c.feeds_asked,
       c.feeds_answered,
       c.feeds_failed,
       c.collected,
       coalesce(b.articles, 0) AS imported
FROM counted c
JOIN outlet o ON o.id = c.outlet_id
LEFT JOIN import_day b ON b.date = c.date AND b.outlet_id = c.outlet_id;

CREATE VIEW v_daily_collection AS
WITH brought AS MATERIALIZED (
    SELECT date, sum(articles) AS imported FROM import_day GROUP BY date
), listed AS MATERIALIZED (
    SELECT date,
           sum(feeds) AS feeds,
           sum(feeds_asked) AS feeds_asked,
           sum(feeds_answered) AS feeds_answered,
           sum(feeds_failed) AS feeds_failed,
           count(collected) AS outlets,
           coalesce(sum(collected), 0) AS outlets_collected,
           group_concat(CASE WHEN collected = 0 THEN outlet END, ', ') AS outlets_missing
    FROM v_outlet_collection
    GROUP BY date
)
SELECT l.date,
       CASE WHEN l.outlets_collected = 0 THEN iif(b.imported, 'imported', 'none')
            WHEN l.outlets_collected < l.outlets THEN 'partial'
            ELSE 'full' END AS collection,
       l.feeds,
       l.feeds_asked,
       l.feeds_answered,
       l.feeds_failed,
       l.outlets,
       l.outlets_collected,
       l.outlets_missing,
       coalesce(b.imported, 0) AS imported
FROM listed l
LEFT JOIN brought b ON b.date = l.date
UNION ALL
SELECT date, 'imported', 0, 0, 0, 0, 0, 0, NULL, imported
FROM brought
WHERE date NOT IN (SELECT date FROM listed);

CREATE VIEW v_daily_counts AS
SELECT d.date,
       d.outlet,
       d.outlet_group,
       d.country,
       d.sightings,
       d.articles,
       d.new_stories,
       d.own_sightings,
       d.own_articles,
       d.own_new_stories,
       c.collected
FROM daily_frames d
LEFT JOIN v_outlet_collection c ON c.date = d.date AND c.outlet = d.outlet
WHERE d.articles;

CREATE VIEW v_stories AS
SELECT s.id AS story_id,
       (SELECT count(*) FROM article a WHERE a.story_id = s.id) AS articles,
       (SELECT count(DISTINCT a.outlet_id) FROM article a WHERE a.story_id = s.id) AS outlets,
       (SELECT min(a.published_at) FROM article a WHERE a.story_id = s.id) AS first_published_at,
       (SELECT max(a.published_at) FROM article a WHERE a.story_id = s.id) AS last_published_at,
       (SELECT v.title FROM article b JOIN article_version v ON v.id = b.current_version_id
        WHERE b.story_id = s.id ORDER BY b.published_at, b.id LIMIT 1) AS title,
       s.story_key,
       (SELECT w.agency FROM article b JOIN article_version w ON w.id = b.current_version_id
        WHERE b.story_id = s.id AND w.agency IS NOT NULL ORDER BY b.published_at, b.id LIMIT 1) AS agency
FROM story s
WHERE EXISTS (SELECT 1 FROM article a WHERE a.story_id = s.id);

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
       f.articles,
       f.newest_article_at,
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
       (SELECT count(*) FROM page_fetch p WHERE p.run_id = r.id AND p.succeeded) AS pages_read,
       r.kind
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
       neither,
       sightings,
       own_sightings,
       own_articles,
       own_new_stories,
       listed,
       listed_articles
FROM daily_frames;

CREATE VIEW v_recent_collection AS
WITH bound AS MATERIALIZED (
    SELECT coalesce((SELECT before FROM collection_stored), '') AS day
), listed AS MATERIALIZED (
    SELECT c.*, o.outlet_group, coalesce(o.country, 'unknown') AS country
    FROM v_outlet_collection c
    JOIN outlet o ON o.name = c.outlet
    WHERE c.date >= coalesce((SELECT date(day, 'start of month', '-6 days') FROM bound), '')
), scoped AS (
    SELECT 'all' AS scope, 'all' AS name, * FROM listed
    UNION ALL SELECT 'group', outlet_group, * FROM listed
    UNION ALL SELECT 'outlet', outlet, * FROM listed
    UNION ALL SELECT 'country', country, * FROM listed
), daily AS MATERIALIZED (
    SELECT date, scope, name, sum(feeds) AS feeds, sum(feeds_asked) AS asked, sum(feeds_answered) AS answered,
           sum(feeds_failed) AS failed, count(collected) AS outlets, coalesce(sum(collected), 0) AS came,
           sum(imported) AS imported
    FROM scoped
    GROUP BY date, scope, name
), placed AS (
    SELECT 'day' AS period, date AS first_day, date AS last_day, * FROM daily
    UNION ALL
    SELECT 'week', date(date, 'weekday 0', '-6 days'), date(date, 'weekday 0'), * FROM daily
    UNION ALL
    SELECT 'month', date(date, 'start of month'), date(date, 'start of month', '+1 month', '-1 day'), * FROM daily
)
SELECT CAST(period AS TEXT) AS period, -- with types: see v_outlet_collection
       CAST(first_day AS TEXT) AS first_day,
       CAST(scope AS TEXT) AS scope,
       CAST(name AS TEXT) AS name,
       count(*) AS days,
       sum(came = 0 AND imported = 0) AS days_missing,
       sum(came BETWEEN 1 AND outlets - 1) AS days_partial,
       sum(feeds) AS feed_days,
       sum(asked) AS feed_days_asked,
       sum(answered) AS feed_days_answered,
       sum(failed) AS feed_days_failed
FROM placed
WHERE last_day >= (SELECT day FROM bound)
GROUP BY period, first_day, scope, name;

CREATE VIEW v_period_collection AS
SELECT period, first_day, scope, name, days, days_missing, days_partial, feed_days, feed_days_asked,
       feed_days_answered, feed_days_failed
FROM period_collection
UNION ALL
SELECT period, first_day, scope, name, days, days_missing, days_partial, feed_days, feed_days_asked,
       feed_days_answered, feed_days_failed
FROM v_recent_collection;

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
       coalesce(c.days, r.days) AS days,
       coalesce(c.days_missing, r.days_missing) AS days_missing,
       coalesce(c.days_partial, r.days_partial) AS days_partial,
       coalesce(c.feed_days, r.feed_days) AS feed_days,
       coalesce(c.feed_days_asked, r.feed_days_asked) AS feed_days_asked,
       coalesce(c.feed_days_answered, r.feed_days_answered) AS feed_days_answered,
       coalesce(c.feed_days_failed, r.feed_days_failed) AS feed_days_failed,
       printf('SELECT * FROM %s WHERE on_topic AND date BETWEEN %Q AND %Q%s',
              coalesce((SELECT source FROM lake), 'v_articles'), d.first_day, d.last_day,
              CASE WHEN d.scope = 'all' THEN ''
                   WHEN d.scope = 'outlet' THEN printf(' AND outlet = %Q', d.name)
                   WHEN d.scope = 'group' THEN printf(' AND outlet_group = %Q', d.name)
                   WHEN d.scope IN ('genre', 'voice') AND d.name = 'unknown' THEN printf(' AND %s IS NULL', d.scope)
                   WHEN d.scope = 'genre' THEN printf(' AND genre = %Q', d.name)
                   WHEN d.name = 'own' THEN ' AND voice IN (''outlet'', ''both'')'
                   WHEN d.scope = 'voice' THEN printf(' AND voice = %Q', d.name)
                   WHEN d.name = 'unknown' THEN ' AND country IS NULL'
                   ELSE printf(' AND country = %Q', d.name) END) AS articles_sql
FROM dated d
LEFT JOIN period_collection c
       ON (c.period, c.first_day) = (d.period, d.first_day)
       AND c.scope = CASE WHEN d.scope IN ('genre', 'voice') THEN 'all' ELSE d.scope END
       AND c.name = CASE WHEN d.scope IN ('genre', 'voice') THEN 'all' ELSE d.name END
LEFT JOIN v_recent_collection r
       ON (r.period, r.first_day) = (d.period, d.first_day)
       AND r.scope = CASE WHEN d.scope IN ('genre', 'voice') THEN 'all' ELSE d.scope END
       AND r.name = CASE WHEN d.scope IN ('genre', 'voice') THEN 'all' ELSE d.name END;

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
                   AND (n.coded_at, n.id) > (c.coded_at, c.id)) AS newest,
       c.genre
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
       l.p_$second_output,
       (SELECT k.genre FROM v_genres k WHERE k.article_id = a.id) AS genre
FROM sample_item i -- cross joins: in this order, or every label is looked at
CROSS JOIN sample s ON s.id = i.sample_id
CROSS JOIN model m ON m.id = s.model_id
CROSS JOIN label l ON l.version_id = i.version_id AND l.model_id = m.id AND l.codebook_version = m.codebook_version
CROSS JOIN article_version v ON v.id = i.version_id
CROSS JOIN article a ON a.id = v.article_id
CROSS JOIN outlet o ON o.id = a.outlet_id;

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

CREATE VIEW v_imports AS
SELECT f.id AS import_id,
       f.run_id,
       f.name AS file,
       f.sha256,
       f.size,
       f.mapping,
       f.mapping_sha256,
       f.rows,
       f.articles,
       f.versions,
       f.known,
       f.rejected,
       f.started_at,
       f.finished_at,
       f.problem
FROM import_file f;

CREATE VIEW v_imported AS
SELECT i.article_id,
       i.import_id,
       f.name AS file,
       i.row
FROM imported i
JOIN import_file f ON f.id = i.import_id;

CREATE VIEW v_frames AS
SELECT position, name, output, title, description FROM frame;
"""  # noqa: S608 - our own names
