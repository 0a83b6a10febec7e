"""The views as a contract: what each is made of, and its rows as they are stored, in a fixed order."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import StoreError
from . import schema
from .connection import Connection, speaking_of, translated
from .descriptions import SUBJECTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .kinds import Kind

BATCH = 2000
"""Rows that are held at a time while a view is read."""

_BY_DAY = "date BETWEEN ?1 AND ?2"
_BY_PERIOD = "first_day BETWEEN ?1 AND ?2"
_BY_START = "substr(started_at, 1, 10) BETWEEN ?1 AND ?2"
_ARTICLES = "(SELECT id FROM article WHERE date BETWEEN ?1 AND ?2)"
_BY_ARTICLE = f"+article_id IN {_ARTICLES}"  # the plus: a filter of rows, where a plan led by it takes minutes


@dataclass(frozen=True, slots=True)
class View:
    """How a view is read: the columns that tell its rows apart, and the condition that keeps days ?1 to ?2.

    Without a condition its rows belong to no day. `refers` are columns that name a row of another view: by column.
    """

    key: tuple[str, ...]
    within: str | None = None
    refers: dict[str, tuple[str, str]] = field(default_factory=dict)


_ARTICLE = ("v_articles", "article_id")
_VERSION = ("v_versions", "version_id")
_PERIOD = ("period", "scope", "first_day", "name")

CONTRACT = {
    "v_articles": View(("article_id",), _BY_DAY, {"story_id": ("v_stories", "story_id")}),
    "v_daily_counts": View(("date", "outlet"), _BY_DAY),
    "v_outlet_collection": View(("date", "outlet"), _BY_DAY),
    "v_daily_collection": View(("date",), _BY_DAY),
    "v_versions": View(("version_id",), _BY_ARTICLE, {"article_id": _ARTICLE}),
    "v_labels": View(
        ("version_id", "model_id", "codebook_version"), _BY_ARTICLE, {"version_id": _VERSION, "article_id": _ARTICLE}
    ),
    "v_codes": View(("code_id",), _BY_DAY, {"version_id": _VERSION, "sample": ("v_samples", "sample")}),
    "v_samples": View(("sample",)),
    "v_sample_items": View(
        ("sample", "version_id"), _BY_DAY, {"sample": ("v_samples", "sample"), "version_id": _VERSION}
    ),
    "v_stories": View(("story_id",), "story_id IN (SELECT story_id FROM article WHERE date BETWEEN ?1 AND ?2)"),
    "v_story_links": View(
        ("article_id", "other_article_id"),
        f"{_BY_ARTICLE} AND +other_article_id IN {_ARTICLES}",
        {"article_id": _ARTICLE, "other_article_id": _ARTICLE},
    ),
    "v_feeds": View(("feed_id",)),
    "v_health": View(("feed_id",), None, {"feed_id": ("v_feeds", "feed_id")}),
    "v_fetches": View(("fetch_id",), _BY_START),
    "v_runs": View(("run_id",), _BY_START),
    "v_pages": View(("page_fetch_id",), _BY_ARTICLE, {"article_id": _ARTICLE}),
    "v_texts": View(("version_id", "read_at", "text_sha256"), _BY_DAY, {"article_id": _ARTICLE}),
    "v_feed_urls": View(("feed_url", "since", "url")),
    "v_daily_frames": View(("date", "outlet"), _BY_DAY),
    "v_period_collection": View(_PERIOD, _BY_PERIOD),
    "v_genres": View(("article_id",), _BY_ARTICLE, {"article_id": _ARTICLE}),
    "v_voices": View(("article_id",), _BY_ARTICLE, {"article_id": _ARTICLE}),
    "v_imports": View(("import_id",)),
    "v_imported": View(
        ("article_id", "import_id"), _BY_ARTICLE, {"article_id": _ARTICLE, "import_id": ("v_imports", "import_id")}
    ),
    "v_recent_collection": View(_PERIOD, _BY_PERIOD),
    "v_period_frames": View(_PERIOD, _BY_PERIOD),
    "v_events": View(("date", "name"), _BY_DAY),
    "v_frames": View(("position",)),
}
"""Every view."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a view: `kind` says its type and unit."""

    name: str
    kind: Kind
    description: str


class Contract(Connection):
    """The views as a contract: what each is made of, and its rows as they are stored, in a fixed order."""

    @translated
    def columns(self, view: str) -> list[Column]:
        """The columns of a view, in order. Raises StoreError where the file is older and lacks some."""
        held = [name for (name,) in self._db.execute("SELECT name FROM pragma_table_info(?)", [view])]
        kinds, descriptions = schema.kinds(self.frames), schema.descriptions(self.frames)
        if set(held) != {column for table, column in descriptions if table == view}:
            raise StoreError(
                "was written by an older version; `media-coverage run` brings it up to date", path=self.path
            )
        return [Column(name, kinds[view, name], descriptions[view, name]) for name in held]

    def subject(self, view: str) -> str:
        """What a row of a view is, in a sentence."""
        return SUBJECTS[view]

    def stream(self, view: str, since: str = "", until: str = "9999") -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a view in the order of its key, some at a time: values as stored, times as text.

        `since` and `until` are days (YYYY-MM-DD), both included. They select articles by their day of publication and
        what belongs to these articles, periods by their first day, runs and attempts by the day on which they began.
        Feeds, samples and frames belong to no day.
        """
        one = CONTRACT[view]
        limited = one.within is not None and (since, until) != ("", "9999")
        where, days = (f"WHERE {one.within}", [since, until]) if limited else ("", [])
        columns = ", ".join(f'"{column.name}"' for column in self.columns(view))
        with speaking_of(self.path):
            cursor = self._db.execute(f"SELECT {columns} FROM {view} {where} ORDER BY {', '.join(one.key)}", days)  # noqa: S608
            while rows := cursor.fetchmany(BATCH):
                yield rows

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """What is read inside belongs together, whatever a run writes meanwhile."""
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.rollback()

    @translated
    def provenance(self) -> dict[str, Any]:
        """Where the rows come from: schema, topic, models, frames, and the end of the last run (`as_of`)."""
        topics = self._db.execute("SELECT t.name, t.query, t.language FROM active JOIN topic t ON t.id = topic_id")
        models = self._db.execute(
            "SELECT m.model_id, m.codebook_version, m.id = active.model_id, "
            "(SELECT count(*) FROM label l WHERE l.model_id = m.id) FROM model m JOIN active ORDER BY m.id"
        )
        return {
            "schema": self._one("PRAGMA user_version"),
            "written_by": self._one("SELECT software FROM run ORDER BY id DESC LIMIT 1"),
            "as_of": self._one("SELECT max(coalesce(finished_at, started_at)) FROM run"),
            "topic": next((dict(zip(("name", "query", "language"), row, strict=True)) for row in topics), None),
            "models": [
                {"model_id": name, "codebook_version": codebook, "active": bool(active), "labels": labels}
                for name, codebook, active, labels in models
            ],
            "frames": [
                {"name": frame.name, "output": frame.output, "title": frame.title} for frame in self.frames.both
            ],
        }
