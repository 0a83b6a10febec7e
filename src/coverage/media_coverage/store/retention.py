"""What is removed, and what stays of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ..records import (
    Pruned,
)
from .connection import Connection, iso, translated

if TYPE_CHECKING:
    from datetime import datetime


class Retention(Connection):
    """What is removed, and what stays of it."""

    @translated
    def prune(
        self, last_seen_before: datetime, now: datetime, *, on_topic: bool = False, dry_run: bool = False
    ) -> Pruned:
        """Remove headlines, leads, texts of pages and evidence of articles that no feed has listed since, and no
        file has brought.

        With `dry_run` count only.

        Off-topic articles, or with `on_topic` all; never those that wait for a decision or a label, and never those
        that people have coded or are to code. Everything else stays: keys and hashes, by which a feed that still lists
        them adds nothing, labels, counts, agencies, story links. What was removed is gone from the file too.
        """
        chosen = (
            "SELECT v.article_id FROM v_articles v WHERE v.purged_at IS NULL AND (v.passed_gate = 0 OR "
            "v.p_relevant IS NOT NULL) AND (?1 OR NOT v.on_topic) AND NOT EXISTS (SELECT 1 FROM sighting s "
            "WHERE s.article_id = v.article_id AND s.last_seen_at >= ?2) AND NOT EXISTS (SELECT 1 FROM imported i "
            "JOIN import_file f ON f.id = i.import_id WHERE i.article_id = v.article_id "
            "AND coalesce(f.finished_at, '9999') >= ?2) AND NOT EXISTS (SELECT 1 FROM code c "
            "JOIN article_version x ON x.id = c.version_id WHERE x.article_id = v.article_id) AND NOT EXISTS "
            "(SELECT 1 FROM sample_item i JOIN article_version x ON x.id = i.version_id "
            "WHERE x.article_id = v.article_id)"
        )
        with self._writing():
            ids = [row[0] for row in self._db.execute(chosen, [int(on_topic), iso(last_seen_before)])]
            listed = json.dumps(ids)
            # A text that an article which stays shows too is not removed.
            texts = (
                "FROM page_text WHERE sha256 IN (SELECT p.text_sha256 FROM page_fetch p JOIN article_version v "
                "ON v.id = p.version_id WHERE v.article_id IN (SELECT value FROM json_each(?1))) "
                "AND NOT EXISTS (SELECT 1 FROM page_fetch p JOIN article_version v ON v.id = p.version_id "
                "WHERE p.text_sha256 = page_text.sha256 AND v.purged_at IS NULL "
                "AND v.article_id NOT IN (SELECT value FROM json_each(?1)))"
            )
            counted = self._db.execute(
                "SELECT count(DISTINCT article_id), count(*), coalesce(sum(length(title) + length(summary)), 0) "  # noqa: S608
                f"+ (SELECT coalesce(sum(length(text)), 0) {texts}) "
                "FROM article_version WHERE article_id IN (SELECT value FROM json_each(?1))",
                [listed],
            ).fetchone()
            if dry_run or not ids:
                return Pruned(*counted)
            self._db.execute(
                "UPDATE article_version SET title = '', summary = '', purged_at = ? "
                "WHERE article_id IN (SELECT value FROM json_each(?))",
                [iso(now), listed],
            )
            self._db.execute(
                "UPDATE label SET evidence = '' WHERE version_id IN (SELECT id FROM article_version "
                "WHERE article_id IN (SELECT value FROM json_each(?)))",
                [listed],
            )
            self._db.execute(f"DELETE {texts}", [listed])
            # An index of words keeps what was deleted until it is merged: made anew, it holds none of it.
            self._db.execute("INSERT INTO article_search (article_search) VALUES ('rebuild')")
        self._db.execute("VACUUM")
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return Pruned(*counted)
