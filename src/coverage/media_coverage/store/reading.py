"""What analysts read: the views as frames."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..identity import canonical_url
from .connection import Connection, translated
from .queries import QUERIES, Query
from .schema import filled

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd


_LABELLED = (
    "CROSS JOIN gate g ON g.topic_id = active.topic_id AND g.passed "
    "CROSS JOIN article a ON a.current_version_id = g.version_id AND a.date BETWEEN ?1 AND ?2 "
    "CROSS JOIN label l ON l.version_id = g.version_id AND l.model_id = m.id "
    "AND l.codebook_version = m.codebook_version CROSS JOIN outlet o ON o.id = a.outlet_id "
)
"""From what passed the keywords, which is little beside all articles, to articles of some days and to their labels."""

_ON_TOPIC = f"FROM active CROSS JOIN model m ON m.id = active.model_id {_LABELLED}AND l.relevant "
"""The on-topic articles of some days, as v_articles tells them."""


class Reading(Connection):
    """What analysts read: the views as frames."""

    @translated
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

    @translated
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

    @translated
    def daily_frames(self) -> pd.DataFrame:
        """The stored aggregate: one row per day and outlet, columns as in the view v_daily_frames."""
        return self._frame("SELECT * FROM v_daily_frames ORDER BY date, outlet")

    @translated
    def period_frames(self, period: str = "week", scope: str = "all") -> pd.DataFrame:
        """The stored aggregate by period (day, week, month) and scope (all, group, outlet, country, genre, voice).

        Columns as in the view v_period_frames; `articles_sql` lists the articles of a row.
        """
        self._refuse_older("period_frames")
        return self._frame(
            "SELECT * FROM v_period_frames WHERE period = ? AND scope = ? ORDER BY first_day, name", period, scope
        )

    @translated
    def period_collection(self, period: str = "week", scope: str = "all") -> pd.DataFrame:
        """How far each period was collected, columns as in the view v_period_collection."""
        self._refuse_older("period_frames")
        return self._frame(
            "SELECT * FROM v_period_collection WHERE period = ? AND scope = ? ORDER BY first_day, name", period, scope
        )

    @translated
    def outlet_collection(self) -> pd.DataFrame:
        """One row per day since the first run and outlet: date, outlet, outlet_group, country, feeds, feeds_asked,
        feeds_answered, feeds_failed, collected, imported (columns as in the view v_outlet_collection).
        """
        self._refuse_older("feed_health")
        return self._frame(
            "SELECT c.date, c.outlet, o.outlet_group, o.country, c.feeds, c.feeds_asked, c.feeds_answered, "
            "c.feeds_failed, c.collected, c.imported FROM v_outlet_collection c JOIN outlet o ON o.name = c.outlet "
            "ORDER BY c.date, c.outlet"
        )

    @translated
    def clearest(self, since: str, until: str, limit: int) -> list[int]:
        """The numbers of the `limit` certain articles of each frame in which the model finds most of it."""
        found: list[int] = []
        for frame in self.frames.both:
            rows = self._db.execute(
                f"SELECT a.id {_ON_TOPIC}WHERE l.label = ?3 AND NOT l.uncertain "
                f"ORDER BY l.p_{frame.output} DESC, a.id LIMIT ?4",
                [since, until, frame.name, limit],
            )
            found += [number for (number,) in rows]
        return found

    @translated
    def articles_numbered(self, numbers: Iterable[int]) -> pd.DataFrame:
        """The articles with these numbers, columns as in the view v_articles, newest first."""
        return self._frame(
            "SELECT * FROM v_articles WHERE article_id IN (SELECT value FROM json_each(?)) "
            "ORDER BY published_at DESC, article_id",
            json.dumps(sorted(set(numbers))),
        )

    @translated
    def on_topic(self, since: str = "", until: str = "9999") -> pd.DataFrame:
        """Every on-topic article without any text, oldest first.

        Columns: article_id, date, outlet, outlet_group, country, story_id.
        """
        return self._frame(
            f"SELECT a.id AS article_id, a.date, o.name AS outlet, o.outlet_group, o.country, a.story_id {_ON_TOPIC}"
            "ORDER BY a.date, a.id",
            since,
            until,
        )

    @translated
    def copied(self, since: str, until: str, *, outlets: int, limit: int) -> pd.DataFrame:
        """On-topic stories that at least `outlets` outlets carry, most copied first: story_id, outlets, articles."""
        return self._frame(
            f"SELECT a.story_id, count(DISTINCT a.outlet_id) AS outlets, count(*) AS articles {_ON_TOPIC}"
            "GROUP BY a.story_id HAVING count(DISTINCT a.outlet_id) >= ?3 "
            "ORDER BY outlets DESC, articles DESC, a.story_id DESC LIMIT ?4",
            since,
            until,
            outlets,
            limit,
        )

    @translated
    def tellers(self, stories: Iterable[int]) -> pd.DataFrame:
        """The on-topic articles of these stories, oldest first: story_id, date, outlet, title, url, label, agency."""
        return self._frame(
            "SELECT story_id, date, outlet, title, url, label, agency FROM v_articles WHERE on_topic AND article_id IN "
            "(SELECT a.id FROM article a JOIN json_each(?) j ON a.story_id = j.value) "
            "ORDER BY story_id, published_at, article_id",
            json.dumps(list(stories)),
        )

    @translated
    def edits(self, since: str, until: str, limit: int) -> pd.DataFrame:
        """The newest `limit` changes of on-topic headlines: article_id, first_seen_at, outlet, url, previous_title,
        title, label.
        """
        self._refuse_older("headline_edit")
        return self._frame(
            "SELECT a.id AS article_id, v.first_seen_at, o.name AS outlet, a.url, p.title AS previous_title, "
            "v.title, l.label FROM active CROSS JOIN model m ON m.id = active.model_id CROSS JOIN headline_edit e "
            "CROSS JOIN article_version v ON v.id = e.version_id AND v.title <> '' "
            "CROSS JOIN article_version p ON p.id = e.previous_id AND p.title <> '' "
            "CROSS JOIN article a ON a.id = v.article_id AND a.date BETWEEN ?1 AND ?2 "
            "CROSS JOIN gate g ON g.version_id = a.current_version_id AND g.topic_id = active.topic_id AND g.passed "
            "CROSS JOIN label l ON l.version_id = g.version_id AND l.model_id = m.id "
            "AND l.codebook_version = m.codebook_version AND l.relevant "
            "CROSS JOIN outlet o ON o.id = a.outlet_id ORDER BY e.version_id DESC LIMIT ?3",
            since,
            until,
            limit,
        )

    @translated
    def labelled(
        self, since: str = "", until: str = "9999", *, model_id: str | None = None, genres: bool = False
    ) -> pd.DataFrame:
        """Articles that passed the keywords and have a label of one model, the active one by default.

        Columns: article_id, version_id, date, outlet, outlet_group, country, story_id, label (off_topic where the model
        finds it so), uncertain, p_relevant and p_<output> for both frames, p_own, genre, which is missing without
        `genres`: it takes as long as all the rest. `since` and `until` are days, both included.
        """
        self._refuse_older("v_voices")
        first, second = self.frames.outputs[1:]
        genre = "(SELECT k.genre FROM v_genres k WHERE k.article_id = a.id)" if genres else "NULL"
        return self._frame(
            "SELECT a.id AS article_id, g.version_id, a.date, o.name AS outlet, o.outlet_group, o.country, "  # noqa: S608
            "a.story_id, CASE WHEN l.relevant THEN l.label ELSE 'off_topic' END AS label, l.uncertain, l.p_relevant, "
            f"l.p_{first}, l.p_{second}, l.p_own, {genre} AS genre FROM active "
            "CROSS JOIN model m ON CASE WHEN ?3 IS NULL THEN m.id = active.model_id ELSE m.model_id = ?3 END "
            f"{_LABELLED}ORDER BY a.date, a.id",
            since,
            until,
            model_id,
        )

    @translated
    def attention_counts(self, since: str = "", until: str = "9999", *, genres: bool = False) -> pd.DataFrame:
        """What outlets' own feeds listed, per day and outlet: all_articles, and on-topic `articles` among them.

        Articles known from search feeds only are left out: a search lists nothing but the topic. With `genres` there is
        a row for each `genre`, which takes going through the articles themselves; otherwise it is missing.
        """
        if genres:
            return self._frame(
                "SELECT v.date, v.outlet, v.outlet_group, v.country, v.genre, count(*) AS all_articles, "
                "sum(v.on_topic) AS articles "
                "FROM v_articles v WHERE v.date BETWEEN ? AND ? AND EXISTS (SELECT 1 FROM sighting s "
                "JOIN feed f ON f.id = s.feed_id WHERE s.article_id = v.article_id AND f.kind = 'feed') "
                "GROUP BY v.date, v.outlet, v.genre ORDER BY v.date, v.outlet, v.genre",
                since,
                until,
            )
        return self._frame(
            "SELECT date, outlet, outlet_group, country, NULL AS genre, listed AS all_articles, "
            "listed_articles AS articles FROM daily_frames WHERE date BETWEEN ? AND ? AND listed ORDER BY date, outlet",
            since,
            until,
        )

    @translated
    def models(self) -> pd.DataFrame:
        """The models that have labelled here: model_id, first_used_at, labels, active (1 for the one shown)."""
        return self._frame(
            "SELECT m.model_id, m.first_used_at, count(l.version_id) AS labels, m.id = active.model_id AS active "
            "FROM model m JOIN active LEFT JOIN label l ON l.model_id = m.id GROUP BY m.id ORDER BY m.id"
        )

    @translated
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

    @translated
    def edited_headlines(self) -> pd.DataFrame:
        """Versions whose headline differs from the one before, newest first; columns as in v_versions."""
        self._refuse_older("headline_edit")
        return self._frame(
            "SELECT v.* FROM headline_edit e CROSS JOIN v_versions v ON v.version_id = e.version_id "
            "CROSS JOIN v_articles a ON a.article_id = v.article_id "
            "WHERE a.on_topic AND v.previous_title IS NOT NULL AND v.title <> v.previous_title "
            "ORDER BY v.version_id DESC"
        )

    @translated
    def feeds(self) -> pd.DataFrame:
        """One row per feed that feeds.yaml lists, columns as in the view v_feeds."""
        return self._frame("SELECT * FROM v_feeds WHERE active ORDER BY outlet, url")

    @translated
    def health(self) -> pd.DataFrame:
        """What each feed was at the end of the last run, columns as in the view v_health."""
        self._refuse_older("feed_health")
        return self._frame("SELECT * FROM v_health ORDER BY outlet, url")

    @translated
    def collection(self) -> pd.DataFrame:
        """One row per day from the first run to the last, and per day of imported articles before or after.

        Columns as in the view v_daily_collection; `feeds` is 0 on days outside the collection.
        """
        self._refuse_older("feed_health")
        return self._frame("SELECT * FROM v_daily_collection ORDER BY date")

    @translated
    def runs(self, limit: int = 20) -> pd.DataFrame:
        """The last runs, newest first, columns as in the view v_runs."""
        return self._frame("SELECT * FROM v_runs ORDER BY run_id DESC LIMIT ?", limit)

    @translated
    def events(self) -> pd.DataFrame:
        """Dated events: date (YYYY-MM-DD), name."""
        return self._frame("SELECT * FROM v_events ORDER BY date, name")

    @translated
    def query(self, sql: str, *parameters: object) -> pd.DataFrame:
        """Any SELECT as a DataFrame, for analysts."""
        return self._frame(sql, *parameters)

    @translated
    def counts(self) -> dict[str, int]:
        """Rows by kind; `other_language`: with the keywords in a language that the classifier does not read."""
        return {
            "feeds": self._one("SELECT count(*) FROM feed WHERE active"),
            "articles": self._one("SELECT count(*) FROM article"),
            "versions": self._one("SELECT count(*) FROM article_version"),
            "stories": self._one("SELECT count(*) FROM story"),
            "other_language": self._gated("g.stage = 'language'"),
            "passed_gate": self._gated("g.passed"),
            "on_topic": self._gated(
                "g.passed AND EXISTS (SELECT 1 FROM model m JOIN label l ON l.version_id = g.version_id "
                "AND l.model_id = m.id AND l.codebook_version = m.codebook_version "
                "WHERE m.id = active.model_id AND l.relevant)"
            ),
            "runs": self._one("SELECT count(*) FROM run"),
        }

    def _gated(self, condition: str) -> int:
        """Articles whose newest wording's decision fulfils a condition on `g`, the gate's row of it."""
        return int(
            self._one(
                "SELECT count(*) FROM active CROSS JOIN gate g ON g.topic_id = active.topic_id "  # noqa: S608 - fixed texts
                "CROSS JOIN article_version v ON v.id = g.version_id "
                f"CROSS JOIN article a ON a.id = v.article_id AND a.current_version_id = v.id WHERE {condition}"
            )
        )

    @translated
    def questions(self) -> dict[str, Query]:
        """The queries of queries.py with the names of this database's frames in them. Raises StoreError."""
        self._refuse_older("article_search")
        return {
            name: replace(
                query,
                about=filled(query.about, self.frames),
                sql=filled(query.sql, self.frames),
                parameters={key: filled(text, self.frames) for key, text in query.parameters.items()},
                example={key: filled(text, self.frames) for key, text in query.example.items()},
            )
            for name, query in QUERIES.items()
        }

    @translated
    def examples(self) -> dict[str, str]:
        """Values of this database that examples can be made of; empty where it has none.

        outlet and group with most on-topic articles, since and until (the last 30 days stored), article (the newest),
        story (the most frequent of those days), event (the last), query (keywords of the topic in force).
        """
        days = "date >= (SELECT date(max(date), '-30 days') FROM article)"
        wanted = {
            "outlet": f"SELECT outlet FROM daily_frames WHERE {days} GROUP BY 1 ORDER BY sum(articles) DESC, 1",  # noqa: S608
            "group": f"SELECT outlet_group FROM daily_frames WHERE {days} GROUP BY 1 ORDER BY sum(articles) DESC, 1",  # noqa: S608
            "since": "SELECT date(max(date), '-30 days') FROM article",
            "until": "SELECT max(date) FROM article",
            "article": "SELECT max(id) FROM article",
            "story": f"SELECT story_id FROM article WHERE {days} GROUP BY 1 ORDER BY count(*) DESC, 1",  # noqa: S608
            "event": "SELECT name FROM event ORDER BY date DESC",
            "query": "SELECT t.query FROM topic t JOIN active ON active.topic_id = t.id",
        }
        found = {name: self._one(f"{sql} LIMIT 1") for name, sql in wanted.items()}
        return {name: "" if value is None else str(value) for name, value in found.items()}

    @translated
    def counted(self, table: str) -> int:
        """Rows of a table."""
        return int(self._one(f"SELECT count(*) FROM {table}"))  # noqa: S608 - a name of ours

    @translated
    def contents(self) -> tuple[list[str], dict[tuple[str, str], str]]:
        """Names of tables and views, without what SQLite keeps for itself; and what each of their columns holds."""
        names = self._db.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name")
        described = self._db.execute(
            "SELECT d.table_name, d.column_name, d.description FROM column_description d "
            "JOIN pragma_table_xinfo(d.table_name) x ON x.name = d.column_name ORDER BY d.table_name, x.cid"
        )
        return [name for (name,) in names if not name.startswith("sqlite_")], {(t, c): text for t, c, text in described}

    @translated
    def integrity(self) -> str:
        """SQLite's own check of the file: "ok", or what is wrong."""
        return str(self._one("PRAGMA integrity_check"))
