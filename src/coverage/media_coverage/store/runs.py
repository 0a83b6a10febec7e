"""Runs, and what they register: feeds, outlets, the topic, the model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .. import __version__
from ..errors import ExitCode, StoreError
from .connection import Connection, check_frames, iso, translated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ..classify import ModelInfo
    from ..config import Config
    from ..framing import Frames
    from ..records import (
        Feed,
        Outlet,
    )


class Runs(Connection):
    """Runs, and what they register: feeds, outlets, the topic, the model."""

    @translated
    def begin_run(self, config: Config, model: ModelInfo, now: datetime, kind: str = "collection") -> int:
        """Register the configuration and the model, and open a run of a kind (collection, import). Returns its id.

        A run that never ended (killed, power cut) is marked as interrupted. Everything it stored is kept.
        """
        with self._writing():
            self._refuse_lake("collect into")
            self._db.execute("UPDATE run SET state = 'interrupted' WHERE state = 'running'")
            self._register_feeds(config.feeds, now)
            topic_id, model_id = self._present(config, model, now)
            return self._insert(
                "run",
                {
                    "started_at": iso(now),
                    "state": "running",
                    "kind": kind,
                    "software": f"media-coverage {__version__}",
                    "config_sha256": config.sha256,
                    "topic_id": topic_id,
                    "model_id": model_id,
                    "runtime": model.runtime,
                    "cpu": model.cpu,
                },
            )

    def _refuse_lake(self, advice: str) -> None:
        if (path := self._one("SELECT path FROM lake")) is not None:
            raise StoreError(
                f"shows the counts of the lake {path}; {advice} a database of its own (--db)",
                path=self.path,
                exit_code=ExitCode.USAGE,
            )

    def _present(self, config: Config, model: ModelInfo, now: datetime) -> tuple[int, int]:
        """Let views show the topic and the model, with the events of the topic. Returns the ids of both."""
        self._entitle(config.frames)
        self._db.execute("DELETE FROM event")
        self._db.table("event").insert_all(
            {"date": event.date.isoformat(), "name": event.name} for event in config.topic.events
        )
        topic_id, model_id = self._topic(config, now), self._model(model, now)
        self._activate(topic_id, model_id)
        return topic_id, model_id

    @translated
    def begin_relabelling(self, model: ModelInfo, now: datetime, *, activate: bool) -> int:
        """Open a run that labels what is stored with `model`. Returns its id.

        The labels of other models stay. With `activate` the views and daily_frames show this model from now on.
        """
        with self._writing():
            self._refuse_lake("label the lake with --from and --to, or")
            self._db.execute("UPDATE run SET state = 'interrupted' WHERE state = 'running'")
            last = self._db.execute("SELECT topic_id, config_sha256 FROM run ORDER BY id DESC LIMIT 1").fetchone()
            if last is None:
                raise StoreError("holds nothing to label yet; `media-coverage run` first", path=self.path)
            model_id = self._model(model, now)
            if activate:
                self._activate(last[0], model_id)
            return self._insert(
                "run",
                {
                    "started_at": iso(now),
                    "state": "running",
                    "software": f"media-coverage {__version__}",
                    "kind": "labelling",
                    "config_sha256": last[1],
                    "topic_id": last[0],
                    "model_id": model_id,
                    "runtime": model.runtime,
                    "cpu": model.cpu,
                },
            )

    def _entitle(self, frames: Frames) -> None:
        """Take over how feeds.yaml calls the frames now."""
        check_frames(self.frames, frames, self.path)
        for frame in frames.both:
            self._db.execute(
                "UPDATE frame SET title = ?, description = ? WHERE name = ?",
                [frame.title, frame.description, frame.name],
            )
        self.frames = frames

    def _register_feeds(self, feeds: Sequence[Feed], now: datetime) -> None:
        self._take_over_moves({feed.url for feed in feeds}, now)
        self._db.execute("UPDATE feed SET active = 0")
        for feed in feeds:
            self._db.execute(
                "INSERT INTO feed (url, outlet_id, kind) VALUES (?, ?, ?) ON CONFLICT (url) DO UPDATE "
                "SET outlet_id = excluded.outlet_id, kind = excluded.kind, active = 1",
                [feed.url, self._outlet(feed.outlet, listed=True), feed.kind.value],
            )
            if self._one("SELECT genre FROM feed WHERE url = ?", feed.url) != feed.genre:
                self._db.execute("UPDATE feed SET genre = ? WHERE url = ?", [feed.genre, feed.url])
                self._db.execute(
                    "INSERT OR IGNORE INTO changed_day SELECT DISTINCT a.date FROM feed f "
                    "JOIN sighting s ON s.feed_id = f.id JOIN article a ON a.id = s.article_id WHERE f.url = ?",
                    [feed.url],
                )

    def _take_over_moves(self, listed: set[str], now: datetime) -> None:
        """Where feeds.yaml now lists the address that a feed has moved to, it is still that feed."""
        moved = self._db.execute(
            "SELECT f.id, f.url, m.url FROM feed_url m JOIN feed f ON f.id = m.feed_id "
            "WHERE NOT EXISTS (SELECT 1 FROM feed x WHERE x.url = m.url) ORDER BY m.id"
        )
        for feed_id, old, new in moved.fetchall():
            if new in listed and old not in listed and self._one("SELECT 1 FROM feed WHERE url = ?", new) is None:
                self._db.execute("UPDATE feed SET url = ?, off_since = NULL WHERE id = ?", [new, feed_id])
                self._ask_at(feed_id, new, "feeds.yaml lists it", now)

    def _ask_at(self, feed_id: int, url: str, reason: str, now: datetime) -> None:
        self._insert("feed_url", {"feed_id": feed_id, "url": url, "since": iso(now), "reason": reason})

    def _outlet(self, outlet: Outlet, *, listed: bool) -> int:
        """The outlet's key. What feeds.yaml lists may change group, country or genre; what a search feed names not."""
        about = (outlet.country, outlet.group, outlet.genre)
        row = self._db.execute(
            "SELECT id, country, outlet_group, genre FROM outlet WHERE name = ?", [outlet.name]
        ).fetchone()
        if row is None:
            known = dict(zip(("country", "outlet_group", "genre"), about, strict=True))
            return self._insert("outlet", {"name": outlet.name, **known})
        if listed and row[1:] != about:
            self._db.execute(
                "UPDATE outlet SET country = ?, outlet_group = ?, genre = ? WHERE id = ?", [*about, row[0]]
            )
            self._db.execute(
                "INSERT OR IGNORE INTO changed_day SELECT DISTINCT date FROM article WHERE outlet_id = ?", [row[0]]
            )
        return int(row[0])

    def _topic(self, config: Config, now: datetime) -> int:
        query, language = config.query.text, config.topic.language
        known = self._one("SELECT id FROM topic WHERE query = ? AND language = ?", query, language)
        if known is not None:
            self._db.execute("UPDATE topic SET name = ? WHERE id = ?", [config.topic.name, known])
            return int(known)
        row = {"name": config.topic.name, "query": query, "language": language, "created_at": iso(now)}
        return self._insert("topic", dict(row))

    def _model(self, model: ModelInfo, now: datetime) -> int:
        known = self._one("SELECT id FROM model WHERE model_id = ?", model.model_id)
        if known is not None:
            return int(known)
        return self._insert(
            "model",
            {
                "model_id": model.model_id,
                "name": model.name,
                "version": model.version,
                "sha256": model.sha256,
                "codebook_version": model.codebook_version,
                "settings": json.dumps(model.settings, sort_keys=True),
                "runtime": model.runtime,
                "first_used_at": iso(now),
            },
        )

    def _activate(self, topic_id: int, model_id: int) -> None:
        """Make this pair the one that views and daily_frames show; another pair means other days throughout."""
        before = self._db.execute("SELECT topic_id, model_id FROM active").fetchone()
        if before == (topic_id, model_id):
            return
        self._db.execute(
            "INSERT INTO active (one, topic_id, model_id) VALUES (1, ?, ?) ON CONFLICT (one) DO UPDATE "
            "SET topic_id = excluded.topic_id, model_id = excluded.model_id",
            [topic_id, model_id],
        )
        self._db.execute("INSERT OR IGNORE INTO changed_day SELECT DISTINCT date FROM article")

    @translated
    def end_run(self, run_id: int, state: str, exit_code: int, now: datetime, error: str | None = None) -> None:
        """Close a run; `state` is finished, interrupted or failed. A clock set back makes it no shorter than 0 s."""
        with self._writing():
            self._db.execute(
                "UPDATE run SET state = ?, exit_code = ?, finished_at = max(started_at, ?), error = ? WHERE id = ?",
                [state, exit_code, iso(now), error, run_id],
            )
