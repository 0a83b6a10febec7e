"""Counts of days and periods, and which of them are out of date."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .connection import Connection, translated

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd


class Aggregates(Connection):
    """Counts of days and periods, and which of them are out of date."""

    @translated
    def changed_days(self) -> list[tuple[str, int]]:
        """The days to recompute, oldest first, with their articles.

        A day changes too when it shares a story with a changed day, because the story's first article may now be
        another; such days count as changed from now on.
        """
        with self._writing():
            self._db.execute(
                "INSERT OR IGNORE INTO changed_day SELECT DISTINCT b.date FROM changed_day c CROSS JOIN article a "
                "ON a.date = c.date CROSS JOIN article b ON b.story_id = a.story_id"
            )
        return self._db.execute(
            "SELECT c.date, (SELECT count(*) FROM article a WHERE a.date = c.date) FROM changed_day c ORDER BY 1"
        ).fetchall()

    @translated
    def all_days(self) -> list[str]:
        """Every day that has articles."""
        return [day for (day,) in self._db.execute("SELECT DISTINCT date FROM article ORDER BY 1")]

    @translated
    def articles_on(self, days: Sequence[str]) -> pd.DataFrame:
        """The articles of these days.

        Columns as in v_articles, plus `opens_story` (the first on-topic one of its story), `opens_own` (the first of
        them that is no wire copy) and `listed` (a feed that is no search lists it).
        """
        return self._frame(
            "SELECT v.article_id, v.date, v.outlet, v.outlet_group, v.country, v.story_id, v.on_topic, v.label, "
            "v.feeds, v.wire_copy, EXISTS (SELECT 1 FROM sighting s JOIN feed f ON f.id = s.feed_id "
            "WHERE s.article_id = v.article_id AND f.kind = 'feed') AS listed, "
            "v.on_topic AND NOT EXISTS (SELECT 1 FROM v_articles w WHERE w.story_id = v.story_id AND w.on_topic "
            "AND (w.published_at, w.article_id) < (v.published_at, v.article_id)) AS opens_story, "
            "v.on_topic AND NOT v.wire_copy AND NOT EXISTS (SELECT 1 FROM v_articles w WHERE w.story_id = v.story_id "
            "AND w.on_topic AND NOT w.wire_copy "
            "AND (w.published_at, w.article_id) < (v.published_at, v.article_id)) AS opens_own "
            "FROM v_articles v WHERE v.date IN (SELECT value FROM json_each(?))",
            json.dumps(list(days)),
        )

    @translated
    def replace_days(self, days: Sequence[str], frame: pd.DataFrame) -> None:
        """Replace the rows of daily_frames for `days` by those of `frame`, in one transaction."""
        with self._writing():
            listed = json.dumps(list(days))
            self._db.execute("DELETE FROM daily_frames WHERE date IN (SELECT value FROM json_each(?))", [listed])
            for row in frame.to_dict("records"):
                self._insert("daily_frames", {str(name): value for name, value in row.items()})
            self._db.execute("DELETE FROM changed_day WHERE date IN (SELECT value FROM json_each(?))", [listed])

    @translated
    def articles_of(self, days: Sequence[str]) -> pd.DataFrame:
        """The articles of these days, on topic or not, with what aggregate.period_frames needs."""
        return self._frame(
            "SELECT article_id, date, outlet, outlet_group, country, story_id, on_topic, label, uncertain, wire_copy, "
            "genre, voice FROM v_articles WHERE date IN (SELECT value FROM json_each(?))",
            json.dumps(list(days)),
        )

    @translated
    def replace_periods(self, days: Sequence[str], frame: pd.DataFrame) -> None:
        """Replace the rows of period_frames whose period holds any of `days` by those of `frame`, in one transaction.

        The days still count as changed, until `replace_days`.
        """
        with self._writing():
            self._db.execute(
                "DELETE FROM period_frames WHERE (period, first_day) IN (SELECT 'day', value FROM json_each(?1) "
                "UNION SELECT 'week', date(value, 'weekday 0', '-6 days') FROM json_each(?1) "
                "UNION SELECT 'month', date(value, 'start of month') FROM json_each(?1))",
                [json.dumps(list(days))],
            )
            for row in frame.to_dict("records"):
                self._insert("period_frames", {str(name): value for name, value in row.items()})

    @translated
    def store_collection(self) -> None:
        """Make rows of how past days were collected, so that views need not go through every attempt ever made.

        Days before that of the newest run are past. What was stored is thrown away and computed anew when it may have
        changed: when feeds came into feeds.yaml or left it, outlets moved to another group, files were imported, or a
        clock that was set back put attempts into days that were stored.
        """
        with self._writing():
            listed = self._one(
                "SELECT json_array(json_group_array(json(x)), (SELECT count(*) FROM import_day), "
                "(SELECT total(articles) FROM import_day)) FROM (SELECT json_array(f.id, f.active, o.outlet_group, "
                "o.country) AS x FROM feed f JOIN outlet o ON o.id = f.outlet_id ORDER BY f.id)"
            )
            stored = self._db.execute("SELECT before, through_fetch, listed FROM collection_stored").fetchone()
            if stored and (
                stored[2] != listed
                or self._one("SELECT 1 FROM fetch WHERE id > ? AND started_at < ? LIMIT 1", stored[1], stored[0])
            ):
                for table in ("outlet_day", "period_collection", "collection_stored"):
                    self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - fixed names
                stored = None
            before = self._one("SELECT substr(max(started_at), 1, 10) FROM run WHERE kind = 'collection'")
            if before is None or (stored and before <= stored[0]):
                return
            since = stored[0] if stored else ""
            self._db.execute(
                "INSERT INTO period_collection SELECT period, scope, first_day, name, days, days_missing, "
                "days_partial, feed_days, feed_days_asked, feed_days_answered, feed_days_failed "
                "FROM v_recent_collection WHERE CASE period WHEN 'day' THEN first_day "
                "WHEN 'week' THEN date(first_day, '+6 days') ELSE date(first_day, '+1 month', '-1 day') END < ?",
                [before],
            )
            self._db.execute(
                "INSERT INTO outlet_day SELECT c.date, o.id, c.feeds, c.feeds_asked, c.feeds_answered, c.feeds_failed, "
                "c.collected FROM v_outlet_collection c JOIN outlet o ON o.name = c.outlet "
                "WHERE c.date >= ? AND c.date < ?",
                [since, before],
            )
            self._db.execute(
                "INSERT OR REPLACE INTO collection_stored VALUES (1, ?, coalesce((SELECT max(id) FROM fetch), 0), ?)",
                [before, listed],
            )
