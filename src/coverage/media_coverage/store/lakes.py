"""Counts of a lake in the place of the database's own, and articles on their way to a lake."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__, lake
from ..classify import ModelInfo
from ..errors import ExitCode, StoreError
from .connection import iso, translated
from .reading import Reading
from .runs import Runs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import pandas as pd

    from ..config import Config


class Lakes(Runs, Reading):
    """A database shows its own articles, or the counts of one lake. What is read of a lake's articles is read there."""

    @translated
    def lake_folder(self) -> Path | None:
        """The lake whose counts are shown, None where the articles are the database's own."""
        if not self._db.table("lake").exists():  # a reader may be newer than the file
            return None
        path = self._one("SELECT path FROM lake")
        return None if path is None else Path(path)

    def _lake(self) -> lake.Lake | None:
        folder = self.lake_folder()
        return None if folder is None else lake.opened(folder)

    @translated
    def show_lake(
        self, shown: lake.Lake, config: Config, daily: pd.DataFrame, periods: pd.DataFrame, now: datetime
    ) -> int:
        """Store the counts of a lake in place of all counts, in one transaction. Returns the id of the run.

        Raises StoreError where the database holds articles of its own.
        """
        with self._writing():
            if self._one("SELECT 1 FROM article LIMIT 1") is not None:
                raise StoreError(
                    "holds articles of its own; name another file with --db for the counts of a lake",
                    path=self.path,
                    exit_code=ExitCode.USAGE,
                )
            topic_id, model_id = self._present(config, shown.info, now)
            for table, frame in (("daily_frames", daily), ("period_frames", periods)):
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - fixed names
                columns, marks = ", ".join(frame.columns), ", ".join("?" * len(frame.columns))
                rows = frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None)
                self._db.conn.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)  # noqa: S608
            self._db.execute(
                "INSERT OR REPLACE INTO lake VALUES (1, ?, ?, ?, ?)",
                [str(shown.folder), shown.source, shown.rows, iso(now)],
            )
            return self._insert(
                "run",
                {
                    "started_at": iso(now),
                    "finished_at": iso(now),
                    "state": "finished",
                    "exit_code": int(ExitCode.OK),
                    "software": f"media-coverage {__version__}",
                    "config_sha256": config.sha256,
                    "topic_id": topic_id,
                    "model_id": model_id,
                    "runtime": shown.info.runtime,
                    "cpu": shown.info.cpu,
                },
            )

    def articles(self, since: str = "", until: str = "9999", *, on_topic: bool | None = True) -> pd.DataFrame:
        """One row per article, columns as in the view v_articles, newest first.

        `since` and `until` are days (YYYY-MM-DD), both included. `on_topic=None` gives all articles. Of a lake, what it
        does not know of an article is missing.
        """
        shown = self._lake()
        if shown is None:
            return super().articles(since, until, on_topic=on_topic)
        columns = super().articles("1", "0").columns
        return shown.articles(since, until, on_topic=on_topic).reindex(columns=columns)

    def labelled(
        self, since: str = "", until: str = "9999", *, model_id: str | None = None, genres: bool = False
    ) -> pd.DataFrame:
        """Articles that passed the keywords and have a label of one model, the active one by default.

        Columns as of Reading.labelled; a lake knows of no genre. `since` and `until` are days, both included.
        """
        shown = self._lake()
        if shown is None:
            return super().labelled(since, until, model_id=model_id, genres=genres)
        return shown.labelled(since, until if model_id in {None, shown.info.model_id} else "").assign(genre=None)

    def on_topic(self, since: str = "", until: str = "9999") -> pd.DataFrame:
        """As Reading.on_topic; articles and stories of a lake are numbered in the order of their ids."""
        shown = self._lake()
        return super().on_topic(since, until) if shown is None else shown.on_topic(since, until)

    def clearest(self, since: str, until: str, limit: int) -> list[int]:
        """As Reading.clearest, by the numbers of on_topic."""
        shown = self._lake()
        return super().clearest(since, until, limit) if shown is None else shown.clearest(since, until, limit)

    def articles_numbered(self, numbers: Iterable[int]) -> pd.DataFrame:
        """As Reading.articles_numbered, by the numbers of on_topic; what a lake does not know is None."""
        shown = self._lake()
        if shown is None:
            return super().articles_numbered(numbers)
        found, columns = shown.articles_numbered(numbers), super().articles_numbered([]).columns
        return found.assign(**dict.fromkeys(columns.difference(found.columns)))[list(columns)]

    def copied(self, since: str, until: str, *, outlets: int, limit: int) -> pd.DataFrame:
        """As Reading.copied, stories by the numbers of on_topic."""
        shown = self._lake()
        if shown is None:
            return super().copied(since, until, outlets=outlets, limit=limit)
        return shown.copied(since, until, outlets=outlets, limit=limit)

    def tellers(self, stories: Iterable[int]) -> pd.DataFrame:
        """As Reading.tellers; a lake names no agency."""
        shown = self._lake()
        return super().tellers(stories) if shown is None else shown.tellers(stories).assign(agency=None)

    # ------------------------------------------------------------------ on the way to a lake

    @translated
    def shown(self) -> tuple[ModelInfo, str, str]:
        """The model that views show, and the query and the language of the topic. Raises StoreError before a run."""
        row = self._db.execute(
            "SELECT m.name, m.version, m.sha256, m.codebook_version, t.language, m.settings, r.runtime, r.cpu, t.query "
            "FROM active JOIN model m ON m.id = active.model_id JOIN topic t ON t.id = active.topic_id "
            "JOIN run r ON r.id = (SELECT max(x.id) FROM run x WHERE x.model_id = m.id)"
        ).fetchone()
        if row is None:
            raise StoreError("holds nothing yet; `media-coverage run` first", path=self.path)
        name, version, sha256, codebook, language, settings, runtime, cpu, query = row
        info = ModelInfo(
            *(name, version, sha256, codebook, language, json.loads(settings), runtime or ""),
            frames=self.frames,
            cpu=cpu or "",
        )
        return info, query, language

    @translated
    def months(self) -> list[str]:
        """The months (YYYY-MM) of which there are articles, oldest first."""
        rows = self._db.execute("SELECT DISTINCT substr(date, 1, 7) FROM article ORDER BY 1")
        return [month for (month,) in rows]

    @translated
    def lake_columns(self, month: str) -> dict[str, list[Any]]:
        """The articles of a month as columns of a lake, oldest first; `date` is left to whoever writes them."""
        names = [name for name in lake.kinds(self.frames) if name not in {"listed", "date"}]
        frame = self._frame(
            f"SELECT {', '.join(names)}, date, EXISTS (SELECT 1 FROM sighting s "  # noqa: S608 - fixed names
            "JOIN feed f ON f.id = s.feed_id WHERE s.article_id = v.article_id AND f.kind = 'feed') AS listed "
            "FROM v_articles v WHERE v.date BETWEEN ? || '-01' AND ? || '-31' ORDER BY v.published_at, v.article_id",
            month,
            month,
        )
        columns = {}
        for name, kind in lake.kinds(self.frames).items():
            values = frame[name].astype(object).where(frame[name].notna(), None).to_list()
            cast = {"string": str, "integer": int, "boolean": bool}.get(kind)
            columns[name] = [value if value is None or cast is None else cast(value) for value in values]
        return columns
