"""What files brought: archived rows in batches, each with its progress in one transaction.

A batch ends as its rows would have ended one by one through `Ingestion.record`; it asks the database a few questions
about all of them, answers the rest from memory, and writes each table once.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .. import genre, stories
from ..identity import KnownArticle, is_new_wording, same_article
from ..records import DateSource, Feed, FeedKind, ImportCounts, ImportFile, SummarySource
from .connection import iso, time_of, translated
from .ingestion import ADDRESSED, MAX_COMPARED, Ingestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..records import Archived, Sighting

CACHE_KIB = 64_000
"""What SQLite may hold of the file in memory: two periods of the index of texts and the newest part of the others."""


@dataclass(slots=True)
class _Article:
    """One that rows are compared with: stored, or made by an earlier row. `text` is title, summary, agency."""

    id: int
    outlet: str
    published_at: datetime
    dated: bool
    addressed: bool
    story: int
    text: tuple[str, str, str | None]
    text_sha256: str
    _wording: stories.Wording | None = None

    @property
    def wording(self) -> stories.Wording:
        """What is compared. Kept, since in a batch many rows are compared with the same articles."""
        if self._wording is None:
            title, summary, agency = self.text
            self._wording = stories.wording(title, summary, self.outlet, self.published_at, agency)
        return self._wording


@dataclass(slots=True)
class _Texts:
    """The wordings of an article by hash, with their headlines; `purged` when some were removed."""

    titles: dict[str, str] = field(default_factory=dict)
    purged: bool = False

    def lack(self, sighting: Sighting) -> bool:
        """As `Ingestion._is_new_wording`."""
        return not self.purged and is_new_wording(sighting, self.titles)


@dataclass(slots=True)
class _Index:
    """Which articles have a feature of their texts in common, in memory, as `text_band` in the file."""

    by_band: defaultdict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(list))
    articles: dict[int, _Article] = field(default_factory=dict)

    def bearing(self, headline: int, published_at: datetime) -> list[_Article]:
        """The newest articles around a time that have borne a headline."""
        periods = stories.periods_around(published_at)
        ids = {number for period in periods for number in self.by_band.get((period, headline), ())}
        return [self.articles[number] for number in sorted(ids, reverse=True)]

    def alike(self, bands: Iterable[int], published_at: datetime) -> list[_Article]:
        """As `Ingestion._alike`: of more than are compared, those that share most, of one number the newest."""
        shared: Counter[int] = Counter()
        for period in stories.periods_around(published_at):
            for band in bands:
                shared.update(self.by_band.get((period, band), ())[-MAX_COMPARED:])
        first, last = published_at - stories.WINDOW, published_at + stories.WINDOW
        near = [number for number in shared if first <= self.articles[number].published_at <= last]
        if len(near) > MAX_COMPARED:
            near = sorted(near, key=lambda number: (-shared[number], -number))[:MAX_COMPARED]
        return [self.articles[number] for number in near]


@dataclass(slots=True)
class _Stories:
    """Which stories have become one. The oldest keeps its number."""

    next_id: int
    parents: dict[int, int] = field(default_factory=dict)
    new: dict[int, tuple[str, str]] = field(default_factory=dict)

    def find(self, story: int) -> int:
        while (parent := self.parents.get(story, story)) != story:
            story = parent
        return story

    def make(self, headline: int, published_at: datetime) -> int:
        number, self.next_id = self.next_id, self.next_id + 1
        self.new[number] = (f"{headline:016x}", iso(published_at))
        return number

    def merge(self, numbers: Iterable[int]) -> int:
        roots = {self.find(number) for number in numbers}
        kept = min(roots)
        self.parents |= dict.fromkeys(roots - {kept}, kept)
        return kept


@dataclass(slots=True)
class _Batch:
    """The rows of one transaction, and what they add."""

    import_id: int
    topic_id: int
    seen_at: str
    keys: dict[str, int]
    texts: dict[int, _Texts]
    index: _Index
    stories: _Stories
    outlets: dict[str, int]
    next_article: int
    next_version: int
    rows: defaultdict[str, list[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(list))
    current: dict[int, int] = field(default_factory=dict)
    brought: dict[int, tuple[int, bool]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def add_article(self, row: Archived, article: _Article) -> None:
        """A row that is a new article."""
        sighting, entry = row.sighting, row.sighting.entry
        self.index.articles[article.id] = article
        self.texts[article.id] = _Texts()
        self.rows["article"].append(
            (
                *(article.id, sighting.key, sighting.id_kind.value, sighting.url, self.outlets[article.outlet]),
                *(article.story, iso(sighting.published_at), entry.published_raw, sighting.date_source.value),
                *(self.seen_at, genre.of_address(sighting.url)),
            )
        )
        self.add_bands(article, {row.headline, *row.bands})

    def add_bands(self, article: _Article, bands: Iterable[int]) -> None:
        """Index an article under features of its text."""
        period = stories.period(article.published_at)
        for band in bands:
            listed = self.index.by_band[period, band]
            if article.id not in listed[-1:]:
                listed.append(article.id)
            self.rows["text_band"].append((period, band, article.id))

    def add_version(self, row: Archived, article_id: int) -> None:
        """The wording of a row, with the gate's decision on it."""
        sighting, entry = row.sighting, row.sighting.entry
        version_id, self.next_version = self.next_version, self.next_version + 1
        self.texts[article_id].titles[sighting.text_sha256] = entry.title
        self.current[article_id] = version_id
        self.rows["article_version"].append(
            (
                *(version_id, article_id, entry.title, entry.summary, sighting.text_sha256, sighting.language),
                *(sighting.language_source, self.seen_at, self.import_id, sighting.agency, sighting.agency_words),
                row.summary_source if entry.summary else SummarySource.NONE,
            )
        )
        gate = row.gate
        self.rows["gate"].append((version_id, self.topic_id, int(gate.passed), gate.stage, gate.reason))


_WRITTEN = {
    "article_alias": ("key", "article_id", "reason", "first_seen_at"),
    "story_link": ("article_id", "other_article_id", "reason", "similarity"),
    "text_band": ("period", "band", "article_id"),
    "article_version": (
        "id article_id title summary text_sha256 language language_source first_seen_at import_id agency agency_words "
        "summary_source"
    ).split(),
    "gate": ("version_id", "topic_id", "passed", "stage", "reason"),
}
"""Tables that rows of a batch go to, after articles and stories, and their columns."""


class Imports(Ingestion):
    """What files brought: archived rows in batches, each with its progress in one transaction."""

    @translated
    def begin_file(
        self, run_id: int, name: str, sha256: str, size: int, mapping: tuple[str, str], now: datetime
    ) -> ImportFile:
        """The import of a file under a mapping (its name and hash): as far as it has come, or begun just now."""
        with self._writing():
            self._db.execute(
                "INSERT OR IGNORE INTO import_file (run_id, name, sha256, size, mapping, mapping_sha256, started_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                [run_id, name, sha256, size, *mapping, iso(now)],
            )
            self._db.execute(
                "UPDATE import_file SET problem = NULL WHERE sha256 = ? AND mapping_sha256 = ? AND finished_at IS NULL",
                [sha256, mapping[1]],
            )
        self._db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        row = self._db.execute(
            "SELECT id, rows, articles, versions, known, rejected, finished_at FROM import_file "
            "WHERE sha256 = ? AND mapping_sha256 = ?",
            [sha256, mapping[1]],
        ).fetchone()
        return ImportFile(row[0], ImportCounts(*row[1:6]), time_of(row[6]))

    @translated
    def end_file(self, import_id: int, now: datetime, problem: str | None = None) -> None:
        """Note that the last row of a file is done, or why it cannot be read to its end."""
        with self._writing():
            self._db.execute(
                "UPDATE import_file SET finished_at = ?, problem = ? WHERE id = ?",
                [None if problem else iso(now), problem, import_id],
            )

    @translated
    def add_archived(self, import_id: int, rows: Sequence[Archived], rejected: int, now: datetime) -> ImportCounts:
        """Store a batch of rows, count those that were rejected, and note how far the file is done; one transaction.

        Returns what the batch added to the counts of the file.
        """
        with self._writing():
            batch = self._batch(import_id, rows, iso(now))
            for row in rows:
                self._place(batch, row)
            self._write(batch)
            added = ImportCounts(
                rows=len(rows) + rejected,
                articles=batch.counts["articles"],
                versions=batch.counts["versions"],
                known=batch.counts["known"],
                rejected=rejected,
            )
            self._db.execute(
                "UPDATE import_file SET rows = rows + ?, articles = articles + ?, versions = versions + ?, "
                "known = known + ?, rejected = rejected + ? WHERE id = ?",
                [added.rows, added.articles, added.versions, added.known, added.rejected, import_id],
            )
        return added

    # ------------------------------------------------------------------ what is there already

    def _batch(self, import_id: int, rows: Sequence[Archived], seen_at: str) -> _Batch:
        keys = dict(
            self._db.execute(
                "SELECT key, id FROM article WHERE key IN (SELECT value FROM json_each(?1)) UNION ALL "
                "SELECT key, article_id FROM article_alias WHERE key IN (SELECT value FROM json_each(?1))",
                [json.dumps([row.sighting.key for row in rows])],
            ).fetchall()
        )
        fresh = [row for row in rows if row.sighting.key not in keys]
        outlets = {row.sighting.outlet.name: row.sighting.outlet for row in rows}
        return _Batch(
            import_id=import_id,
            topic_id=self._one("SELECT topic_id FROM active"),
            seen_at=seen_at,
            keys=keys,
            texts=self._texts(set(keys.values())),
            index=self._index_of(fresh),
            stories=_Stories(self._next_id("story")),
            outlets={name: self._outlet(outlet, listed=False) for name, outlet in outlets.items()},
            next_article=self._next_id("article"),
            next_version=self._next_id("article_version"),
        )

    def _next_id(self, table: str) -> int:
        return int(self._one(f"SELECT coalesce(max(id), 0) + 1 FROM {table}"))  # noqa: S608 - our own names

    def _texts(self, article_ids: Iterable[int]) -> dict[int, _Texts]:
        found: dict[int, _Texts] = {number: _Texts() for number in article_ids}
        rows = self._db.execute(
            "SELECT article_id, text_sha256, title, purged_at FROM article_version "
            "WHERE article_id IN (SELECT value FROM json_each(?))",
            [json.dumps(list(found))],
        )
        for article_id, sha256, title, purged_at in rows:
            found[article_id].titles[sha256] = title
            found[article_id].purged |= purged_at is not None
        return found

    def _index_of(self, rows: Sequence[Archived]) -> _Index:
        """What is stored and may carry the text or the headline of a row."""
        wanted: defaultdict[int, set[int]] = defaultdict(set)
        for row in rows:
            for period in stories.periods_around(row.sighting.published_at):
                wanted[period].update(row.bands, (row.headline,))
        index, ids = _Index(), set()
        for period, bands in wanted.items():
            found = self._db.execute(
                "SELECT band, article_id FROM (SELECT band, article_id, row_number() OVER (PARTITION BY band "
                "ORDER BY article_id DESC) AS n FROM text_band WHERE period = ? "
                "AND band IN (SELECT value FROM json_each(?))) WHERE n <= ? ORDER BY article_id",
                [period, json.dumps(list(bands)), MAX_COMPARED],
            )
            for band, article_id in found:
                index.by_band[period, band].append(article_id)
                ids.add(article_id)
        index.articles = self._articles(ids)
        return index

    def _articles(self, ids: Iterable[int]) -> dict[int, _Article]:
        rows = self._db.execute(
            f"SELECT a.id, o.name, a.published_at, a.date_source = 'feed', {ADDRESSED}, a.story_id, w.title, "  # noqa: S608
            "w.summary, w.agency, v.text_sha256 FROM json_each(?) j CROSS JOIN article a ON a.id = j.value "
            "JOIN outlet o ON o.id = a.outlet_id JOIN article_version v ON v.id = a.current_version_id "
            "JOIN article_version w ON w.id = (SELECT min(x.id) FROM article_version x WHERE x.article_id = a.id)",
            [json.dumps(list(ids))],
        )
        return {
            number: _Article(
                *(number, outlet, datetime.fromisoformat(at), bool(dated), bool(addressed), story),
                (title, summary, agency),
                sha256,
            )
            for number, outlet, at, dated, addressed, story, title, summary, agency, sha256 in rows
        }

    # ------------------------------------------------------------------ one row

    def _place(self, batch: _Batch, row: Archived) -> None:
        """A new article, a new wording of one, or nothing new."""
        article_id = batch.keys.get(row.sighting.key)
        if article_id is None:
            article_id = self._recognise(batch, row)
        if article_id is None:
            article_id = self._new_article(batch, row)
            batch.add_version(row, article_id)
            batch.counts["articles"] += 1
        elif batch.texts[article_id].lack(row.sighting):
            article = batch.index.articles.get(article_id) or self._articles([article_id])[article_id]
            batch.add_bands(article, {row.headline})
            batch.index.articles[article_id] = article
            batch.add_version(row, article_id)
            article.text_sha256 = row.sighting.text_sha256
            batch.counts["versions"] += 1
        else:
            batch.counts["known"] += 1
        batch.keys[row.sighting.key] = article_id
        batch.brought.setdefault(article_id, (row.row, _is_addressed(row)))

    def _recognise(self, batch: _Batch, row: Archived) -> int | None:
        """As `Ingestion._recognised`; rows of files have no guid that a feed would list again."""
        sighting, compared = row.sighting, 0
        for article in batch.index.bearing(row.headline, sighting.published_at):
            if article.outlet != sighting.outlet.name or compared == MAX_COMPARED:
                continue
            compared += 1
            known = KnownArticle(
                article.outlet, True, article.text_sha256, article.published_at, article.dated, article.addressed
            )
            if reason := same_article(Feed("", sighting.outlet, row.kind), sighting, known):
                batch.rows["article_alias"].append((sighting.key, article.id, reason.value, batch.seen_at))
                if _is_addressed(row) and not article.addressed:
                    batch.rows["url"].append((sighting.url, article.id))
                    article.addressed = True
                if article.id not in batch.texts:
                    batch.texts |= self._texts([article.id])
                return article.id
        return None

    def _new_article(self, batch: _Batch, row: Archived) -> int:
        """As `Ingestion._add` and `_tell` for a new article: it joins the stories of those with the same text."""
        sighting, entry = row.sighting, row.sighting.entry
        number, batch.next_article = batch.next_article, batch.next_article + 1
        second = sighting.published_at.replace(microsecond=0)
        article = _Article(
            *(number, sighting.outlet.name, second, sighting.date_source is DateSource.FEED, _is_addressed(row), 0),
            (entry.title, entry.summary, sighting.agency),
            sighting.text_sha256,
        )
        closest: dict[int, tuple[float, int, stories.Match]] = {}
        for other in batch.index.alike(row.bands, sighting.published_at):
            if match := stories.compare(article.wording, other.wording):
                story = batch.stories.find(other.story)
                candidate = (match.similarity, -other.id, match)
                closest[story] = max(closest.get(story, candidate), candidate, key=lambda found: found[:2])
        for similarity, other_id, match in closest.values():
            batch.rows["story_link"].append((number, -other_id, match.reason.value, similarity))
        article.story = batch.stories.merge(closest) if closest else batch.stories.make(row.headline, second)
        batch.add_article(row, article)
        return number

    # ------------------------------------------------------------------ all rows

    def _write(self, batch: _Batch) -> None:
        many = self._db.conn.executemany
        merged = {old: batch.stories.find(old) for old in batch.stories.parents}
        many(
            "INSERT INTO story (id, story_key, first_published_at) VALUES (?, ?, ?)",
            [(number, *row) for number, row in batch.stories.new.items() if number not in merged],
        )
        many(
            "INSERT INTO article (id, key, id_kind, url, outlet_id, story_id, published_at, published_raw, "
            "date_source, first_seen_at, address_genre) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(*row[:5], batch.stories.find(row[5]), *row[6:]) for row in batch.rows.pop("article", ())],
        )
        self._merge_all({old: kept for old, kept in merged.items() if old not in batch.stories.new})
        addresses = [(url, genre.of_address(url), number) for url, number in batch.rows.pop("url", ())]
        many("UPDATE article SET url = ?, address_genre = ? WHERE id = ?", addresses)
        batch.rows["text_band"].sort()
        for table, columns in _WRITTEN.items():
            marks = ", ".join("?" * len(columns))
            many(f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({marks})", batch.rows.get(table, ()))  # noqa: S608
        # Only now: with references that wait for wordings, SQLite would look through all articles for each wording.
        many(
            "UPDATE article SET current_version_id = ? WHERE id = ?",
            [(version, number) for number, version in batch.current.items()],
        )
        self._db.execute(
            "INSERT OR IGNORE INTO changed_day SELECT DISTINCT a.date FROM json_each(?) j JOIN article a "
            "ON a.id = j.value",
            [json.dumps(list(batch.current))],
        )
        self._note_origin(batch.import_id, batch.brought)

    def _merge_all(self, merged: Mapping[int, int]) -> None:
        for old, kept in merged.items():
            self._merge_stories(kept, old)

    def _note_origin(self, import_id: int, brought: Mapping[int, tuple[int, bool]]) -> None:
        listed = json.dumps(list(brought))
        self._db.execute(
            "INSERT INTO import_day SELECT a.date, a.outlet_id, count(*) FROM json_each(?) j JOIN article a "
            "ON a.id = j.value WHERE NOT EXISTS (SELECT 1 FROM imported i WHERE i.article_id = a.id) GROUP BY 1, 2 "
            "ON CONFLICT (date, outlet_id) DO UPDATE SET articles = articles + excluded.articles",
            [listed],
        )
        self._db.conn.executemany(
            "INSERT OR IGNORE INTO imported (import_id, article_id, row, addressed) VALUES (?, ?, ?, ?)",
            [(import_id, number, row, int(addressed)) for number, (row, addressed) in brought.items()],
        )


def _is_addressed(row: Archived) -> bool:
    """Is the address in the row the publisher's own?"""
    return row.kind is FeedKind.FEED and row.sighting.url is not None
