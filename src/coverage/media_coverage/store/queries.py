"""Questions that analysts ask, as SQL with parameters: `media-coverage serve` shows them ready to run.

Every parameter is text and may be empty: then it leaves nothing out, or stands for what `parameters` says. Answers are
short enough to be read (LIMIT) and, where they are lists, newest first, which the indexes give without sorting. $first,
$second and their outputs stand for the frames (see schema.py); escape_fts is Datasette's, and quotes each word.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Query:
    """A question. `example` fills parameters: {outlet} and the like are found in the database (Reading.examples)."""

    group: str
    title: str
    about: str
    sql: str
    parameters: dict[str, str] = field(default_factory=dict)
    example: dict[str, str] = field(default_factory=dict)


_PERIOD = {"since": "first day, YYYY-MM-DD", "until": "last day, YYYY-MM-DD"}
_MONTH = {"since": "first day, YYYY-MM-DD; empty: the last 30 days stored", "until": "last day, YYYY-MM-DD"}
_OUTLET = {"outlet": "name of the publisher"}

_DAYS = "BETWEEN :since AND coalesce(nullif(:until, ''), '9999')"
_OF_PERIODS = f"""WHERE period = coalesce(nullif(:period, ''), 'week')
    AND scope = coalesce(nullif(:scope, ''), 'all')
    AND first_day {_DAYS}
    AND :name IN ('', name)
GROUP BY first_day, name
ORDER BY first_day DESC, name
LIMIT 1000"""
_PERIODS_ASKED = {
    "period": "day, week or month; empty: week",
    "scope": "all, group, outlet or country; empty: all",
    "name": "which group, outlet or country",
    **_PERIOD,
}
_MONTH_OF_DAYS = (
    "BETWEEN coalesce(nullif(:since, ''), (SELECT date(max(date), '-30 days') FROM article)) "
    "AND coalesce(nullif(:until, ''), '9999')"
)
_PERCENT = "CASE WHEN sum(articles) >= 15 THEN round(100.0 * sum({0}) / sum(articles), 1) END AS {1}_percent"
_SHARES = ",\n       ".join(_PERCENT.format(f"${name}", f"${{{name}}}") for name in ("first", "second"))
_INDEX = (
    "CASE WHEN sum($first + $second) >= 15\n"
    "            THEN round(1.0 * sum($first - $second) / sum($first + $second), 2) END AS net_index"
)
_FEW = " Shares of fewer than 15 articles are left out."
_CODED = """CASE WHEN NOT c.rel THEN 'off_topic' WHEN c.$first_output AND c.$second_output THEN 'mixed'
            WHEN c.$first_output THEN '$first' WHEN c.$second_output THEN '$second' ELSE 'neither' END"""
_LABELLED = "CASE WHEN l.relevant THEN l.label ELSE 'off_topic' END"
_ACTIVE_LABEL = """CROSS JOIN active
CROSS JOIN model m ON m.id = active.model_id
CROSS JOIN label l ON l.version_id = c.version_id AND l.model_id = m.id AND l.codebook_version = m.codebook_version"""
_TWO_LABELS = """FROM label l
JOIN label k ON k.version_id = l.version_id
    AND k.model_id = CASE :other WHEN '' THEN (SELECT max(m.id) FROM model m JOIN active WHERE m.id <> active.model_id)
                     ELSE (SELECT id FROM model WHERE model_id = :other) END
JOIN article_version v ON v.id = l.version_id
JOIN article a ON a.id = v.article_id AND a.current_version_id = v.id"""
_ONE_LABEL = """l.model_id = CASE WHEN :model = '' THEN (SELECT model_id FROM active)
                     ELSE (SELECT id FROM model WHERE model_id = :model) END
    AND l.codebook_version = (SELECT codebook_version FROM model WHERE id = l.model_id)
    AND k.codebook_version = (SELECT codebook_version FROM model WHERE id = k.model_id)"""
_TWO_MODELS = {
    "model": "model_id of the one; empty: the one in force",
    "other": "model_id of the other; empty: the newest of the others",
}

_READING, _FRAMING, _STORIES = "Articles", "Framing", "Stories and edits"
_CODING, _COLLECTION = "Models and people", "Collection"

QUERIES: dict[str, Query] = {
    "search": Query(
        _READING,
        "Search headlines and leads",
        "All wordings with all of the words, the newest first; earlier wordings of edited articles too. A phrase goes "
        "in double quotes.",
        f"""SELECT a.date, o.name AS outlet, v.title, snippet(article_search, 1, '', '', '…', 24) AS lead,
       {_LABELLED} AS label, a.url, a.id AS article_id
FROM article_search
JOIN article_version v ON v.id = article_search.rowid
JOIN article a ON a.id = v.article_id
JOIN outlet o ON o.id = a.outlet_id
JOIN active
JOIN model m ON m.id = active.model_id
LEFT JOIN label l ON l.version_id = v.id AND l.model_id = m.id AND l.codebook_version = m.codebook_version
WHERE article_search MATCH coalesce(nullif(escape_fts(:words), ''), 'the')
    AND a.date {_DAYS}
ORDER BY article_search.rowid DESC
LIMIT 200""",
        {"words": "what to look for, whole words; accents and case make no difference; empty: the", **_PERIOD},
        {"words": "{word}"},
    ),
    "articles": Query(
        _READING,
        "Articles behind a point",
        "On-topic articles of a scope and period: what a point on a chart or a row of v_period_frames counts.",
        f"""SELECT date, outlet, title, label, uncertain, p_$first_output, p_$second_output, evidence, url, article_id
FROM v_articles
WHERE on_topic
    AND date {_DAYS}
    AND :label IN ('', label)
    AND CASE :scope WHEN 'group' THEN outlet_group = :name
                    WHEN 'outlet' THEN outlet = :name
                    WHEN 'country' THEN coalesce(country, 'unknown') = :name
                    ELSE 1 END
ORDER BY date DESC, article_id DESC
LIMIT 1000""",
        {
            "scope": "all, group, outlet or country",
            "name": "which group, outlet or country",
            **_PERIOD,
            "label": "$first, $second, mixed or neither",
        },
        {"scope": "group", "name": "{group}", "since": "{since}", "until": "{until}"},
    ),
    "outlet-articles": Query(
        _READING,
        "Articles of an outlet",
        "Everything that one publisher had in a period, on topic or not.",
        f"""SELECT date, title, label, on_topic, gate_reason, versions, feeds, agency, url, article_id
FROM v_articles
WHERE outlet = coalesce(nullif(:outlet, ''), (SELECT min(name) FROM outlet))
    AND date {_DAYS}
    AND :on_topic IN ('', CAST(on_topic AS TEXT))
ORDER BY date DESC, article_id DESC
LIMIT 1000""",
        {"outlet": "name of the publisher; empty: the first by name", **_PERIOD, "on_topic": "1 or 0"},
        {"outlet": "{outlet}", "since": "{since}", "until": "{until}"},
    ),
    "one-article": Query(
        _READING,
        "One article: its wordings and labels",
        "Each wording, with what every model said of it.",
        f"""SELECT v.id AS version_id, v.first_seen_at, v.title, v.summary, m.model_id, {_LABELLED} AS label,
       l.uncertain, l.p_relevant, l.p_$first_output, l.p_$second_output, l.evidence, v.agency, o.name AS outlet,
       a.published_at, a.url, a.story_id
FROM article a
JOIN outlet o ON o.id = a.outlet_id
JOIN article_version v ON v.article_id = a.id
LEFT JOIN label l ON l.version_id = v.id
LEFT JOIN model m ON m.id = l.model_id
WHERE a.id = (SELECT id FROM article WHERE id = :article
              UNION ALL SELECT id FROM article WHERE key = :article
              UNION ALL SELECT max(id) FROM article WHERE :article = '' LIMIT 1)
ORDER BY v.id DESC, m.id
LIMIT 500""",
        {"article": "its number (article_id) or address; empty: the newest"},
        {"article": "{article}"},
    ),
    "clearest": Query(
        _READING,
        "Clearest examples of a frame",
        "On-topic articles of the frame with the highest probability of it.",
        f"""SELECT max(p_$first_output, p_$second_output) AS p, date, outlet, title, evidence, url, article_id
FROM v_articles
WHERE on_topic
    AND label = coalesce(nullif(:label, ''), '$first')
    AND date {_MONTH_OF_DAYS}
ORDER BY p DESC
LIMIT 100""",
        {"label": "$first or $second; empty: $first", **_MONTH},
        {"label": "$second"},
    ),
    "uncertain": Query(
        _READING,
        "Uncertain labels",
        "On-topic articles of which the model is least sure: where to look first.",
        f"""SELECT date, outlet, title, label, p_relevant, p_$first_output, p_$second_output, evidence, url, article_id
FROM v_articles
WHERE on_topic AND uncertain
    AND :outlet IN ('', outlet)
    AND date {_DAYS}
ORDER BY date DESC, article_id DESC
LIMIT 500""",
        {**_OUTLET, **_PERIOD},
        {"since": "{since}"},
    ),
    "periods": Query(
        _FRAMING,
        "Frames over time",
        "Counts and uncorrected shares by day, week or month; a number of articles leads to them." + _FEW,
        f"""SELECT first_day,
       CASE period WHEN 'day' THEN first_day WHEN 'week' THEN date(first_day, '+6 days')
                   ELSE date(first_day, '+1 month', '-1 day') END AS last_day,
       scope, name, sum(articles) AS articles, sum($first) AS $first, sum($second) AS $second, sum(mixed) AS mixed,
       sum(neither) AS neither,
       {_SHARES},
       {_INDEX}
FROM period_frames
{_OF_PERIODS}""",
        _PERIODS_ASKED,
        {"period": "month", "scope": "group"},
    ),
    "outlets": Query(
        _FRAMING,
        "Outlets compared",
        "What each publisher's on-topic articles were labelled in a period, uncorrected." + _FEW,
        f"""SELECT outlet, outlet_group, country, sum(all_articles) AS all_articles, sum(articles) AS articles,
       sum($first) AS $first, sum($second) AS $second, sum(mixed) AS mixed, sum(neither) AS neither,
       {_SHARES},
       {_INDEX}
FROM daily_frames
WHERE date {_DAYS}
    AND :group IN ('', outlet_group)
GROUP BY outlet
ORDER BY articles DESC, outlet
LIMIT 1000""",
        {**_PERIOD, "group": "viewpoint group"},
        {"since": "{since}", "until": "{until}"},
    ),
    "around-event": Query(
        _FRAMING,
        "Days around an event",
        "Daily counts before and after a dated event. The command events of media-coverage tests it.",
        """SELECT e.name AS event, CAST(julianday(d.date) - julianday(e.date) AS INTEGER) AS day, d.date,
       sum(d.articles) AS articles, sum(d.$first) AS $first, sum(d.$second) AS $second, sum(d.mixed) AS mixed,
       sum(d.neither) AS neither
FROM (SELECT * FROM event WHERE :event IN ('', name) ORDER BY date DESC LIMIT 1) e
JOIN daily_frames d ON d.date BETWEEN date(e.date, '-' || CAST(coalesce(nullif(:days, ''), 14) AS INTEGER) || ' days')
    AND date(e.date, '+' || CAST(coalesce(nullif(:days, ''), 14) AS INTEGER) || ' days')
GROUP BY d.date
ORDER BY d.date
LIMIT 1000""",
        {"event": "its name in feeds.yaml; empty: the last one", "days": "days on each side; empty: 14"},
        {"event": "{event}", "days": "21"},
    ),
    "attention": Query(
        _FRAMING,
        "How much is about the topic",
        "On-topic articles among all that were stored. Intervals, and search feeds left out: the command "
        "attention of media-coverage.",
        f"""SELECT first_day, scope, name, sum(all_articles) AS all_articles, sum(articles) AS articles,
       CASE WHEN sum(all_articles) >= 15 THEN round(100.0 * sum(articles) / sum(all_articles), 1) END AS percent
FROM period_frames
{_OF_PERIODS}""",
        _PERIODS_ASKED,
        {"period": "month", "scope": "outlet", "name": "{outlet}"},
    ),
    "copied": Query(
        _STORIES,
        "Most-copied stories",
        "Texts that most outlets carried in a period.",
        f"""SELECT s.outlets, s.articles, t.title, t.agency, t.first_published_at, s.story_id
FROM (SELECT story_id, count(*) AS articles, count(DISTINCT outlet_id) AS outlets
      FROM article
      WHERE date {_MONTH_OF_DAYS}
      GROUP BY story_id
      HAVING count(DISTINCT outlet_id) > 1
      ORDER BY 3 DESC, 2 DESC, 1
      LIMIT 200) s
CROSS JOIN v_stories t ON t.story_id = s.story_id
ORDER BY s.outlets DESC, s.articles DESC, s.story_id""",
        _MONTH,
        {"since": "{since}", "until": "{until}"},
    ),
    "one-story": Query(
        _STORIES,
        "One story: every copy",
        "All articles that carry the same text, the first at the top, with why they count as the same.",
        """SELECT published_at, outlet, title, agency, wire_copy, label,
       (SELECT group_concat(DISTINCT k.reason) FROM story_link k WHERE k.article_id = v_articles.article_id) AS reason,
       url, article_id
FROM v_articles
WHERE story_id = coalesce(nullif(:story, ''),
    (SELECT story_id FROM article WHERE date >= (SELECT date(max(date), '-30 days') FROM article)
     GROUP BY story_id ORDER BY count(*) DESC, story_id LIMIT 1))
ORDER BY published_at, article_id
LIMIT 1000""",
        {"story": "its number (story_id); empty: the most frequent of the last 30 days stored"},
        {"story": "{story}"},
    ),
    "wire": Query(
        _STORIES,
        "Copies of wire stories",
        "Articles whose text is an agency's: credited there, or in another article of the same story.",
        f"""SELECT date, outlet, title, agency, agency_words, label, url, story_id, article_id
FROM v_articles
WHERE wire_copy
    AND :agency IN ('', agency)
    AND date {_MONTH_OF_DAYS}
ORDER BY date DESC, article_id DESC
LIMIT 500""",
        {"agency": "news agency", **_MONTH},
        {"since": "{since}", "until": "{until}"},
    ),
    "same-text": Query(
        _STORIES,
        "Why two articles are one story",
        "Pairs that were put together, the newest first: for checking by eye.",
        """SELECT reason, similarity, outlet, title, other_outlet, other_title, story_id, article_id, other_article_id
FROM v_story_links
WHERE :reason IN ('', reason)
ORDER BY article_id DESC
LIMIT 500""",
        {"reason": "same headline, near headline, same lead or same wire"},
    ),
    "edited": Query(
        _STORIES,
        "Edited headlines",
        "Headlines that replaced earlier ones, the newest edit first.",
        f"""SELECT v.first_seen_at, o.name AS outlet, p.title AS before, v.title AS after, {_LABELLED} AS label, a.url,
       a.id AS article_id
FROM headline_edit e
CROSS JOIN article_version v ON v.id = e.version_id
CROSS JOIN article_version p ON p.id = e.previous_id
CROSS JOIN article a ON a.id = v.article_id
CROSS JOIN outlet o ON o.id = a.outlet_id
JOIN active
JOIN model m ON m.id = active.model_id
LEFT JOIN label l ON l.version_id = v.id AND l.model_id = m.id AND l.codebook_version = m.codebook_version
WHERE v.purged_at IS NULL
    AND :outlet IN ('', o.name)
    AND v.first_seen_at >= :since
ORDER BY e.version_id DESC
LIMIT 500""",
        {**_OUTLET, "since": "first day on which the edit was seen, YYYY-MM-DD"},
    ),
    "disagreement": Query(
        _CODING,
        "Where two models disagree",
        "Articles that two models label differently, the newest first. The command classify adds a model.",
        f"""SELECT a.date, o.name AS outlet, v.title,
       {_LABELLED} AS label, {_LABELLED.replace("l.", "k.")} AS other_label,
       l.p_$first_output, k.p_$first_output AS other_p_$first_output, l.p_$second_output,
       k.p_$second_output AS other_p_$second_output, a.url, a.id AS article_id
{_TWO_LABELS}
JOIN outlet o ON o.id = a.outlet_id
WHERE {_ONE_LABEL}
    AND {_LABELLED} <> {_LABELLED.replace("l.", "k.")}
ORDER BY l.version_id DESC
LIMIT 500""",
        _TWO_MODELS,
    ),
    "two-models": Query(
        _CODING,
        "Labels of two models, counted",
        "How many articles the two label alike, and how the others are mixed up.",
        f"""SELECT {_LABELLED} AS label, {_LABELLED.replace("l.", "k.")} AS other_label, count(*) AS articles
{_TWO_LABELS}
WHERE {_ONE_LABEL}
GROUP BY 1, 2
ORDER BY 3 DESC""",
        _TWO_MODELS,
    ),
    "codes": Query(
        _CODING,
        "Codes against labels",
        "What people coded beside what the model in force says, differences first.",
        f"""SELECT {_CODED} = {_LABELLED} AS agree, {_CODED} AS coded, {_LABELLED} AS label, c.certainty, c.coder,
       c.kind, c.sample, c.date, c.outlet, c.title, c.note, c.article_id
FROM v_codes c
{_ACTIVE_LABEL}
WHERE c.newest
    AND :coder IN ('', c.coder)
    AND :sample IN ('', c.sample)
ORDER BY agree, c.code_id DESC
LIMIT 1000""",
        {"coder": "who coded", "sample": "name of the sample"},
    ),
    "codes-counted": Query(
        _CODING,
        "Codes against labels, counted",
        "The table behind the error rates. With intervals: the command trend of media-coverage with --sample.",
        f"""SELECT {_CODED} AS coded, {_LABELLED} AS label, count(*) AS codes
FROM v_codes c
{_ACTIVE_LABEL}
WHERE c.newest
    AND :coder IN ('', c.coder)
    AND :sample IN ('', c.sample)
GROUP BY 1, 2
ORDER BY 3 DESC""",
        {"coder": "who coded", "sample": "name of the sample"},
    ),
    "samples": Query(
        _CODING,
        "Progress of samples",
        "How far the coding of each sample is.",
        """SELECT sample, purpose, texts, coded, texts - coded AS open, round(100.0 * coded / texts) AS percent,
       adjudicated, coders, drawn_at
FROM v_samples
ORDER BY drawn_at DESC
LIMIT 200""",
    ),
    "strata": Query(
        _CODING,
        "Progress of a sample by stratum",
        "Texts drawn and coded in each stratum, with the probability with which its texts were drawn.",
        """SELECT s.name AS sample, i.stratum, i.stratum_size, i.stratum_drawn, i.inclusion,
       sum(EXISTS (SELECT 1 FROM code c WHERE c.version_id = i.version_id AND c.sample_id = s.id)) AS coded
FROM sample s
JOIN sample_item i ON i.sample_id = s.id
WHERE s.id = coalesce((SELECT id FROM sample WHERE name = :sample), (SELECT max(id) FROM sample WHERE :sample = ''))
GROUP BY i.stratum
ORDER BY i.stratum
LIMIT 1000""",
        {"sample": "name of the sample; empty: the newest"},
    ),
    "rejected": Query(
        _COLLECTION,
        "What was left out, and why",
        "Articles that keywords, language or model found off topic, the newest first.",
        f"""SELECT date, outlet, title, CASE WHEN passed_gate THEN 'model' ELSE gate_stage END AS rejected_by,
       gate_reason, p_relevant, url, article_id
FROM v_articles
WHERE NOT on_topic AND passed_gate IS NOT NULL
    AND :by IN ('', CASE WHEN passed_gate THEN 'model' ELSE gate_stage END)
    AND date {_DAYS}
ORDER BY date DESC, article_id DESC
LIMIT 500""",
        {"by": "keywords, language or model", **_PERIOD},
        {"by": "keywords"},
    ),
    "missed": Query(
        _COLLECTION,
        "What may have been missed",
        "Articles with words of your choice that were left out all the same, the newest first.",
        f"""SELECT v.date, v.outlet, v.title, CASE WHEN v.passed_gate THEN 'model' ELSE v.gate_stage END AS rejected_by,
       v.gate_reason, v.p_relevant, v.url, v.article_id
FROM (SELECT rowid AS id FROM article_search
      WHERE article_search MATCH coalesce(nullif(escape_fts(:words), ''), 'the')) w
CROSS JOIN v_articles v ON v.version_id = w.id
WHERE NOT v.on_topic AND v.passed_gate IS NOT NULL
    AND v.date {_DAYS}
ORDER BY v.version_id DESC
LIMIT 500""",
        {"words": "whole words of headline or lead; empty: the", **_PERIOD},
        {"words": "{word}"},
    ),
    "gaps": Query(
        _COLLECTION,
        "Gaps in collection",
        "Days on which something was not collected, or a feed failed. A day without collection is no day without news.",
        f"""SELECT date, collection, feeds, feeds_asked, feeds_failed, outlets, outlets_collected, outlets_missing
FROM v_daily_collection
WHERE (collection <> 'full' OR feeds_failed > 0)
    AND date {_DAYS}
ORDER BY date DESC
LIMIT 1000""",
        _PERIOD,
    ),
    "feeds": Query(
        _COLLECTION,
        "Feeds that need looking after",
        "Feeds in feeds.yaml that are not fine, with what to do.",
        """SELECT word, since, sentence, outlet, url, also, judged_at
FROM v_health
WHERE word NOT IN ('fine', 'new') AND :outlet IN ('', outlet)
ORDER BY word, outlet
LIMIT 1000""",
        _OUTLET,
    ),
    "failures": Query(
        _COLLECTION,
        "Failed attempts",
        "What went wrong when feeds were asked, the newest first.",
        """SELECT started_at, outlet, outcome, status, error, feed_url, run_id
FROM v_fetches
WHERE attempted AND NOT succeeded
    AND :outlet IN ('', outlet) AND :outcome IN ('', outcome)
ORDER BY fetch_id DESC
LIMIT 500""",
        {**_OUTLET, "outcome": "how it ended"},
    ),
    "runs": Query(
        _COLLECTION,
        "Runs",
        "The last runs, with what they brought.",
        """SELECT run_id, started_at, finished_at, state, exit_code, feeds, feeds_failed, feeds_not_asked, new_articles,
       new_versions, labelled, pages_read, error, software, model_id
FROM v_runs
ORDER BY run_id DESC
LIMIT 100""",
    ),
    "dictionary": Query(
        _COLLECTION,
        "What every column holds",
        "Tables, views and columns, with units.",
        """SELECT table_name, column_name, description
FROM column_description
WHERE instr(lower(table_name || ' ' || column_name || ' ' || description), lower(:word))
ORDER BY substr(table_name, 1, 2) <> 'v_', table_name, column_name
LIMIT 1000""",
        {"word": "part of a name or of a description"},
        {"word": "probability"},
    ),
}
