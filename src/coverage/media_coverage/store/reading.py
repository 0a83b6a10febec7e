"""What analysts read: the views as frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..identity import canonical_url
from .connection import Connection, translated

if TYPE_CHECKING:
    import pandas as pd


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
    def labelled(self, since: str = "", until: str = "9999", *, model_id: str | None = None) -> pd.DataFrame:
        """Articles that passed the keywords and have a label of one model, the active one by default.

        Columns: article_id, version_id, date, outlet, outlet_group, country, story_id, label (off_topic where the model
        finds it so), uncertain, p_relevant and p_<output> for both frames, genre. `since` and `until` are days, both
        included.
        """
        self._refuse_older("v_genres")
        first, second = self.frames.outputs[1:]
        return self._frame(
            "SELECT a.id AS article_id, v.id AS version_id, a.date, o.name AS outlet, o.outlet_group, o.country, "  # noqa: S608
            "a.story_id, CASE WHEN l.relevant THEN l.label ELSE 'off_topic' END AS label, l.uncertain, l.p_relevant, "
            f"l.p_{first}, l.p_{second}, (SELECT k.genre FROM v_genres k WHERE k.article_id = a.id) AS genre "
            "FROM article a JOIN outlet o ON o.id = a.outlet_id "
            "JOIN article_version v ON v.id = a.current_version_id JOIN active "
            "JOIN gate g ON g.version_id = v.id AND g.topic_id = active.topic_id AND g.passed "
            "JOIN model m ON CASE WHEN ?3 IS NULL THEN m.id = active.model_id ELSE m.model_id = ?3 END "
            "JOIN label l ON l.version_id = v.id AND l.model_id = m.id AND l.codebook_version = m.codebook_version "
            "WHERE a.date BETWEEN ?1 AND ?2 ORDER BY a.date, a.id",
            since,
            until,
            model_id,
        )

    @translated
    def attention_counts(self, since: str = "", until: str = "9999") -> pd.DataFrame:
        """What outlets' own feeds listed, per day, outlet and genre: all_articles, and on-topic `articles` among them.

        Articles known from search feeds only are left out: a search lists nothing but the topic.
        """
        self._refuse_older("v_genres")
        return self._frame(
            "SELECT v.date, v.outlet, v.outlet_group, v.country, v.genre, count(*) AS all_articles, "
            "sum(v.on_topic) AS articles "
            "FROM v_articles v WHERE v.date BETWEEN ? AND ? AND EXISTS (SELECT 1 FROM sighting s "
            "JOIN feed f ON f.id = s.feed_id WHERE s.article_id = v.article_id AND f.kind = 'feed') "
            "GROUP BY v.date, v.outlet, v.genre ORDER BY v.date, v.outlet, v.genre",
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
        return self._frame(
            "SELECT v.* FROM v_versions v JOIN v_articles a ON a.article_id = v.article_id "
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
        """One row per day from the first run to the last, columns as in the view v_daily_collection."""
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
            "other_language": self._one("SELECT count(*) FROM v_articles WHERE gate_stage = 'language'"),
            "passed_gate": self._one("SELECT count(*) FROM v_articles WHERE passed_gate"),
            "on_topic": self._one("SELECT count(*) FROM v_articles WHERE on_topic"),
            "runs": self._one("SELECT count(*) FROM run"),
        }

    @translated
    def integrity(self) -> str:
        """SQLite's own check of the file: "ok", or what is wrong."""
        return str(self._one("PRAGMA integrity_check"))
