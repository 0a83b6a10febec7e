"""Decisions of the gate and labels of models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..records import (
    Text,
)
from .connection import Connection, iso, translated

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ..records import Framing, GateDecision


class Labels(Connection):
    """Decisions of the gate and labels of models."""

    @translated
    def ungated(self) -> list[tuple[int, Text, str | None]]:
        """(version id, text, language) of every text without a decision for the active topic."""
        rows = self._db.execute(
            "SELECT v.id, v.title, v.summary, v.language FROM article_version v JOIN active "
            "LEFT JOIN gate g ON g.version_id = v.id AND g.topic_id = active.topic_id "
            "WHERE g.version_id IS NULL AND v.purged_at IS NULL ORDER BY v.id"
        )
        return [(version_id, Text(title, summary), language) for version_id, title, summary, language in rows]

    @translated
    def add_gate_decisions(self, decisions: Iterable[tuple[int, GateDecision]]) -> int:
        """Store decisions for the active topic, in one transaction. Returns how many let their text pass."""
        passed = 0
        with self._writing():
            topic_id = self._one("SELECT topic_id FROM active")
            for version_id, decision in decisions:
                self._db.execute(
                    "INSERT INTO gate (version_id, topic_id, passed, stage, reason) VALUES (?, ?, ?, ?, ?)",
                    [version_id, topic_id, int(decision.passed), decision.stage, decision.reason],
                )
                passed += decision.passed
        return passed

    @translated
    def unlabelled(self, run_id: int | None = None) -> list[tuple[int, Text]]:
        """(version id, text) of what passed the active topic's gate and has no label yet.

        The label meant is that of the active model, or of the model of `run_id`.
        """
        rows = self._db.execute(
            "SELECT v.id, v.title, v.summary FROM active "
            "JOIN model m ON m.id = coalesce((SELECT model_id FROM run WHERE id = ?), active.model_id) "
            "JOIN gate g ON g.topic_id = active.topic_id AND g.passed = 1 "
            "JOIN article_version v ON v.id = g.version_id "
            "LEFT JOIN label l ON l.version_id = v.id AND l.model_id = m.id "
            "AND l.codebook_version = m.codebook_version WHERE l.version_id IS NULL AND v.purged_at IS NULL "
            "ORDER BY v.id",
            [run_id],
        )
        return [(version_id, Text(title, summary)) for version_id, title, summary in rows]

    @translated
    def add_labels(self, run_id: int, framings: Iterable[tuple[int, Framing]], now: datetime) -> None:
        """Store labels of the run's model, in one transaction."""
        first, second = self.frames.both
        with self._writing():
            model_id, codebook = self._db.execute(
                "SELECT m.id, m.codebook_version FROM run r JOIN model m ON m.id = r.model_id WHERE r.id = ?", [run_id]
            ).fetchone()
            for version_id, framing in framings:
                self._insert(
                    "label",
                    {
                        "version_id": version_id,
                        "model_id": model_id,
                        "codebook_version": codebook,
                        "run_id": run_id,
                        "relevant": int(framing.relevant),
                        "label": framing.label,
                        "leaning": framing.leaning,
                        "uncertain": int(framing.uncertain),
                        "p_relevant": framing.p_relevant,
                        f"p_{first.output}": framing.p[0],
                        f"p_{second.output}": framing.p[1],
                        "evidence": framing.evidence,
                        "created_at": iso(now),
                    },
                )
                self._db.execute(
                    "INSERT OR IGNORE INTO changed_day SELECT a.date FROM article a "
                    "JOIN article_version v ON v.article_id = a.id WHERE v.id = ?",
                    [version_id],
                )
