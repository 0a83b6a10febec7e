"""Codes given by people, and the texts that they coded."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

from ..errors import ExitCode, StoreError
from ..records import (
    Text,
)
from .connection import Connection, iso, translated

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import pandas as pd

    from ..records import Code


class CodesByPeople(Connection):
    """Codes given by people, and the texts that they coded."""

    @translated
    def add_codes(self, codes: Iterable[Code], now: datetime) -> None:
        """Store coders' answers, all of them or none. Nothing stored is ever changed: of several the newest counts.

        Raises StoreError for a sample that does not exist or does not hold the text, for training codes of texts whose
        story an audit sample holds, and for what the codebook does not allow.
        """
        first, second = self.frames.outputs[1:]
        with self._writing():
            for code in codes:
                row: dict[str, object] = {
                    "version_id": code.version_id,
                    "coder": code.coder,
                    "codebook_version": code.codebook_version,
                    "rel": int(code.relevant),
                    first: int(code.frames[0]),
                    second: int(code.frames[1]),
                    "voice": code.voice,
                    "certainty": code.certainty,
                    "note": code.note,
                    "purpose": code.purpose,
                    "kind": code.kind,
                    "sample_id": self._sample_of(code),
                    "session": code.session,
                    "coded_at": iso(code.coded_at or now),
                    "genre": code.genre,
                }
                try:
                    self._insert("code", row)
                    if code.voice or code.genre:
                        self._db.execute(
                            "INSERT OR IGNORE INTO changed_day SELECT a.date FROM article_version v "
                            "JOIN article a ON a.id = v.article_id WHERE v.id = ?",
                            [code.version_id],
                        )
                except sqlite3.IntegrityError as error:
                    raise self._refused(code, str(error)) from error

    def _refused(self, code: Code, reason: str) -> StoreError:
        return StoreError(
            f"{code.coder}'s code of text {code.version_id} cannot be stored ({reason}); none was",
            path=self.path,
            exit_code=ExitCode.USAGE,
        )

    def _sample_of(self, code: Code) -> int | None:
        """The key of the code's sample. Keeps what models learn from and what they are measured on apart."""
        if code.purpose == "training":
            held = self._one(
                "SELECT s.name FROM sample s JOIN sample_item i ON i.sample_id = s.id "
                "JOIN article_version v ON v.id = i.version_id JOIN article a ON a.id = v.article_id "
                "WHERE s.purpose = 'audit' AND a.story_id = (SELECT b.story_id FROM article b "
                "JOIN article_version w ON w.article_id = b.id WHERE w.id = ?)",
                code.version_id,
            )
            if held is not None:
                raise self._refused(code, f"the audit sample {held} holds its story, so no model may learn from it")
        if code.sample is None:
            return None
        row = self._db.execute(
            "SELECT s.id, s.purpose FROM sample s JOIN sample_item i ON i.sample_id = s.id "
            "WHERE s.name = ? AND i.version_id = ?",
            [code.sample, code.version_id],
        ).fetchone()
        if row is None:
            raise self._refused(code, f"the sample {code.sample} does not hold it")
        if row[1] != code.purpose:
            raise self._refused(code, f"the sample {code.sample} is for {row[1]}, the code for {code.purpose}")
        return int(row[0])

    @translated
    def codes(self, sample: str | None = None) -> pd.DataFrame:
        """What coders said, oldest first, columns as in the view v_codes. A file that knew no codes yet has none.

        With `sample` only the codes that were given in it.
        """
        if not self._db["v_codes"].exists():
            import pandas as pd

            return pd.DataFrame()
        self._refuse_older("v_genres")
        if sample is None:
            return self._frame("SELECT * FROM v_codes ORDER BY coded_at, code_id")
        return self._frame("SELECT * FROM v_codes WHERE sample = ? ORDER BY coded_at, code_id", sample)

    @translated
    def coded_texts(self, purpose: str) -> list[tuple[int, int, Text]]:
        """(version, story, text) of all that has a code of this purpose, or was drawn into a sample for it."""
        if not self._db.table("sample").exists():
            return []
        rows = self._db.execute(
            "SELECT v.id, a.story_id, v.title, v.summary FROM article_version v JOIN article a ON a.id = v.article_id "
            "WHERE v.id IN (SELECT version_id FROM code WHERE purpose = ?1 UNION SELECT i.version_id "
            "FROM sample_item i JOIN sample s ON s.id = i.sample_id WHERE s.purpose = ?1) ORDER BY v.id",
            [purpose],
        )
        return [(version, story, Text(title, summary)) for version, story, title, summary in rows]

    @translated
    def titles(self, versions: Iterable[str], sample: str | None = None) -> dict[int, str]:
        """Headlines by version, of those versions that are here, hold a text and, if given, belong to the sample.

        Versions are given as text, as files have them; what is no number names none.
        """
        rows = self._db.execute(
            "SELECT v.id, v.title FROM article_version v WHERE CAST(v.id AS TEXT) IN "
            "(SELECT value FROM json_each(?1)) AND v.purged_at IS NULL AND (?2 IS NULL OR v.id IN "
            "(SELECT i.version_id FROM sample_item i JOIN sample s ON s.id = i.sample_id WHERE s.name = ?2))",
            [json.dumps(list(versions)), sample],
        )
        return dict(rows.fetchall())
