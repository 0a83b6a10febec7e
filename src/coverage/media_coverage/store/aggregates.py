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
    def changed(self) -> bool:
        """Is there a day to recompute?"""
        return self._one("SELECT 1 FROM changed_day LIMIT 1") is not None

    @translated
    def changed_articles(self) -> tuple[list[str], pd.DataFrame]:
        """The days to recompute, and the articles of those days.

        A day changes too when it shares a story with a changed day, because the story's first article may now be
        another. Columns as in v_articles, plus `opens_story` (the story's first on-topic article).
        """
        days = [
            day
            for (day,) in self._db.execute(
                "SELECT date FROM changed_day UNION SELECT b.date FROM changed_day c JOIN article a ON a.date = c.date "
                "JOIN article b ON b.story_id = a.story_id ORDER BY 1"
            )
        ]
        return days, self._articles_of_days(days)

    @translated
    def all_days(self) -> tuple[list[str], pd.DataFrame]:
        """Like `changed_articles`, for every day that has articles."""
        days = [day for (day,) in self._db.execute("SELECT DISTINCT date FROM article ORDER BY 1")]
        return days, self._articles_of_days(days)

    def _articles_of_days(self, days: list[str]) -> pd.DataFrame:
        return self._frame(
            "SELECT v.article_id, v.date, v.outlet, v.outlet_group, v.country, v.story_id, v.on_topic, v.label, "
            "v.on_topic AND NOT EXISTS (SELECT 1 FROM v_articles w WHERE w.story_id = v.story_id AND w.on_topic "
            "AND (w.published_at, w.article_id) < (v.published_at, v.article_id)) AS opens_story "
            "FROM v_articles v WHERE v.date IN (SELECT value FROM json_each(?))",
            json.dumps(days),
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
            "SELECT article_id, date, outlet, outlet_group, country, story_id, on_topic, label, uncertain, wire_copy "
            "FROM v_articles WHERE date IN (SELECT value FROM json_each(?))",
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
