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


_SAME_TEXT = "substr(w.text_sha256, 1, 12) = substr(v.text_sha256, 1, 12) AND w.text_sha256 = v.text_sha256"
"""Versions v and w carry the same text; the first half is what the index knows."""


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
        """(version id, text) of what passed the active topic's gate and has no label yet; of equal texts the first.

        The label meant is that of the active model, or of the model of `run_id`.
        """
        rows = self._db.execute(
            "SELECT min(v.id), v.title, v.summary FROM active "
            "JOIN model m ON m.id = coalesce((SELECT model_id FROM run WHERE id = ?), active.model_id) "
            "JOIN gate g ON g.topic_id = active.topic_id AND g.passed = 1 "
            "JOIN article_version v ON v.id = g.version_id "
            "LEFT JOIN label l ON l.version_id = v.id AND l.model_id = m.id "
            "AND l.codebook_version = m.codebook_version WHERE l.version_id IS NULL AND v.purged_at IS NULL "
            "GROUP BY v.text_sha256 ORDER BY 1",
            [run_id],
        )
        return [(version_id, Text(title, summary)) for version_id, title, summary in rows]

    @translated
    def copy_labels(self, run_id: int, now: datetime) -> tuple[int, int]:
        """Give texts that wait for a label of the run's model that of an equal text, if one has it.

        Returns (labels, relevant ones). In one transaction.
        """
        with self._writing():
            rows = self._db.execute(
                # First what waits, which is little; equal texts are then found through their index.
                "WITH waiting AS MATERIALIZED (SELECT v.id, v.text_sha256, m.id AS model_id, m.codebook_version "  # noqa: S608
                "FROM active JOIN run r ON r.id = ? JOIN model m ON m.id = r.model_id "
                "JOIN gate g ON g.topic_id = active.topic_id AND g.passed = 1 "
                "JOIN article_version v ON v.id = g.version_id AND v.purged_at IS NULL "
                "LEFT JOIN label l ON l.version_id = v.id AND l.model_id = m.id "
                "AND l.codebook_version = m.codebook_version WHERE l.version_id IS NULL) "
                f"SELECT v.id, min(w.id) FROM waiting v CROSS JOIN article_version w ON {_SAME_TEXT} "
                "AND w.purged_at IS NULL CROSS JOIN label k ON k.version_id = w.id AND k.model_id = v.model_id "
                "AND k.codebook_version = v.codebook_version AND k.copied_from IS NULL GROUP BY v.id",
                [run_id],
            ).fetchall()
            return self._copy(run_id, rows, now)

    def _copy(self, run_id: int, pairs: Iterable[tuple[int, int]], now: datetime) -> tuple[int, int]:
        """Label the first of each pair of versions as the second is labelled. Returns (labels, relevant ones)."""
        columns = "relevant, label, leaning, uncertain, p_relevant, p_own, evidence" + "".join(
            f", p_{output}" for output in self.frames.outputs[1:]
        )
        copied = relevant = 0
        for version_id, source in pairs:
            found = self._one(
                "INSERT INTO label (version_id, model_id, codebook_version, run_id, created_at, copied_from, "  # noqa: S608
                f"{columns}) SELECT ?1, k.model_id, k.codebook_version, r.id, ?4, k.version_id, {columns} "
                "FROM run r JOIN model m ON m.id = r.model_id JOIN label k ON k.version_id = ?2 "
                "AND k.model_id = m.id AND k.codebook_version = m.codebook_version WHERE r.id = ?3 RETURNING relevant",
                *(version_id, source, run_id, iso(now)),
            )
            self._change_day(version_id)
            copied, relevant = copied + 1, relevant + int(found)
        return copied, relevant

    def _change_day(self, version_id: int) -> None:
        self._db.execute(
            "INSERT OR IGNORE INTO changed_day SELECT a.date FROM article a "
            "JOIN article_version v ON v.article_id = a.id WHERE v.id = ?",
            [version_id],
        )

    @translated
    def add_labels(self, run_id: int, framings: Iterable[tuple[int, Framing]], now: datetime) -> tuple[int, int]:
        """Store labels of the run's model, in one transaction, also for texts that wait and equal one of these.

        Returns (labels, relevant ones).
        """
        first, second = self.frames.both
        with self._writing():
            model_id, codebook = self._db.execute(
                "SELECT m.id, m.codebook_version FROM run r JOIN model m ON m.id = r.model_id WHERE r.id = ?", [run_id]
            ).fetchone()
            labelled = relevant = 0
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
                        "p_own": framing.p_own,
                        "evidence": framing.evidence,
                        "created_at": iso(now),
                    },
                )
                self._change_day(version_id)
                twins = self._db.execute(
                    "SELECT v.id, w.id FROM active JOIN article_version w ON w.id = ?1 "  # noqa: S608 - fixed texts
                    f"JOIN article_version v ON {_SAME_TEXT} AND v.id <> w.id AND v.purged_at IS NULL "
                    "JOIN gate g ON g.version_id = v.id AND g.topic_id = active.topic_id AND g.passed = 1 "
                    "WHERE NOT EXISTS (SELECT 1 FROM label l WHERE l.version_id = v.id AND l.model_id = ?2 "
                    "AND l.codebook_version = ?3)",
                    [version_id, model_id, codebook],
                ).fetchall()
                copied = self._copy(run_id, twins, now)
                labelled += 1 + copied[0]
                relevant += framing.relevant + copied[1]
        return labelled, relevant
