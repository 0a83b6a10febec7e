"""What feeds brought: attempts, articles, wordings, stories; and the state of each feed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from .. import genre, schedule, stories
from ..identity import KnownArticle, is_new_wording, same_article
from ..records import (
    Attempt,
    Feed,
    FeedHistory,
    FeedKind,
    FeedRecord,
    FeedResult,
    FeedState,
    FetchOutcome,
    Listed,
    ParsedFeed,
    Rejected,
    SummarySource,
)
from .connection import iso, time_of, translated
from .runs import Runs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from ..health import Verdict
    from ..records import Fetched, Sighting

MAX_COMPARED = 200
"""Articles compared with a new one: what keeps a run linear when thousands share a headline or a common phrase."""

PERIOD_OF_ARTICLE = f"CAST(strftime('%s', a.published_at) AS INTEGER) / {stories.PERIOD_SECONDS}"
"""`stories.period` in SQL, of the article `a`."""

ADDRESSED = (
    "(EXISTS (SELECT 1 FROM sighting x JOIN feed f ON f.id = x.feed_id WHERE x.article_id = a.id AND f.kind = 'feed') "
    "OR EXISTS (SELECT 1 FROM imported x WHERE x.article_id = a.id AND x.addressed))"
)
"""Is the address of the article `a` the publisher's own?"""

MAX_LISTED = 50
"""Articles that a feed listed last, from which its pace is taken."""


@dataclass(frozen=True, slots=True)
class _Document:
    """What the entries of one document share. `articles`: those known by key, to which each entry adds its own."""

    feed: Feed
    feed_id: int
    fetch_id: int
    seen_at: str
    articles: dict[str, int]


@cache
def _alike(places: int) -> str:
    # Of each band the newest: one that common words make may hold a good part of all articles.
    newest = (
        "SELECT * FROM (SELECT article_id FROM text_band WHERE period = ? AND band = ? "
        "ORDER BY article_id DESC LIMIT ?)"
    )
    return (
        "SELECT a.id, a.story_id, o.name, a.published_at, v.title, v.summary, v.agency "  # noqa: S608 - fixed texts
        f"FROM (SELECT article_id, count(*) AS shared FROM ({' UNION ALL '.join([newest] * places)}) "
        "GROUP BY article_id) c CROSS JOIN article a ON a.id = c.article_id "
        "JOIN outlet o ON o.id = a.outlet_id JOIN article_version v "
        "ON v.id = (SELECT min(x.id) FROM article_version x WHERE x.article_id = a.id) "
        "WHERE a.published_at BETWEEN ? AND ? ORDER BY c.shared DESC, a.id DESC LIMIT ?"
    )


class Ingestion(Runs):
    """What feeds brought: attempts, articles, wordings, stories; and the state of each feed."""

    @translated
    def feed_states(self) -> dict[str, FeedState]:
        """Validators, body hash and present address of every feed, by the address in feeds.yaml."""
        rows = self._db.execute(
            "SELECT f.url, f.etag, f.last_modified, f.body_sha256, nullif((SELECT m.url FROM feed_url m "
            "WHERE m.feed_id = f.id ORDER BY m.id DESC LIMIT 1), f.url) FROM feed f"
        )
        return {url: FeedState(*state) for url, *state in rows}

    @translated
    def feed_histories(self, now: datetime | None = None) -> dict[str, FeedHistory]:
        """The last attempts at every feed that feeds.yaml lists, by its address there.

        With `now`, attempts that lie in its future are left out: the clock was wrong then, or is now.
        """
        self._refuse_older("feed_url")
        feeds = self._db.execute("SELECT id, url, full_at, off_since FROM feed WHERE active").fetchall()
        latest = iso(now + schedule.CLOCK_SLACK) if now else "9999"
        return {
            url: FeedHistory(
                self._attempts(feed_id, latest),
                self._one("SELECT count(*) FROM fetch WHERE feed_id = ?", feed_id),
                time_of(full_at),
                time_of(off_since),
            )
            for feed_id, url, full_at, off_since in feeds
        }

    def _attempts(self, feed_id: int, latest: str) -> tuple[Attempt, ...]:
        rows = self._db.execute(
            "SELECT started_at, outcome, status, entries, seen_before, lying_304, moved_to, wait_until, fresh_until, "
            "fresh_by, error, may_have_lost FROM fetch WHERE feed_id = ? AND started_at <= ? AND attempted "
            "ORDER BY started_at DESC, id DESC LIMIT ?",
            [feed_id, latest, schedule.HISTORY],
        )
        attempts = []
        for at, outcome, status, entries, seen_before, lying, moved_to, wait, fresh, by, error, lost in rows:
            counts, times = (status, entries, seen_before), (time_of(wait), time_of(fresh))
            started_at, lies, losses = datetime.fromisoformat(at), bool(lying), bool(lost)
            attempts.append(
                Attempt(started_at, FetchOutcome(outcome), *counts, lies, moved_to, *times, by, error, losses)
            )
        return tuple(reversed(attempts))

    @translated
    def feed_records(self, now: datetime) -> list[FeedRecord]:
        """What the health of every feed that feeds.yaml lists is judged by at `now`."""
        histories = self.feed_histories(now)
        feeds = self._db.execute(
            "SELECT f.id, f.url, o.name, f.last_success_at, m.url, m.since FROM feed f JOIN outlet o "
            "ON o.id = f.outlet_id LEFT JOIN feed_url m ON m.id = (SELECT max(x.id) FROM feed_url x "
            "WHERE x.feed_id = f.id) WHERE f.active ORDER BY o.name, f.url"
        ).fetchall()
        records = []
        for feed_id, url, outlet, last_success_at, address, since in feeds:
            first_success_at = self._one(
                "SELECT started_at FROM fetch WHERE feed_id = ? AND succeeded ORDER BY started_at LIMIT 1", feed_id
            )
            failing_since = self._one(
                "SELECT started_at FROM fetch WHERE feed_id = ? AND started_at > ? AND attempted AND NOT succeeded "
                "ORDER BY started_at LIMIT 1",
                *(feed_id, last_success_at or ""),
            )
            records.append(
                FeedRecord(
                    url=url,
                    outlet=outlet,
                    history=histories[url],
                    listed=self._newest_listed(feed_id),
                    first_success_at=time_of(first_success_at),
                    last_success_at=time_of(last_success_at),
                    failing_since=time_of(failing_since),
                    held_back=self._held_back(feed_id, histories[url]),
                    address=address,
                    moved_at=time_of(since),
                )
            )
        return records

    def _newest_listed(self, feed_id: int) -> tuple[Listed, ...]:
        # Of one answer the first entries come first: feeds list their newest at the top.
        rows = self._db.execute(
            "SELECT a.published_at, s.first_seen_at FROM sighting s JOIN article a ON a.id = s.article_id "
            "WHERE s.feed_id = ? ORDER BY s.first_seen_at DESC, s.article_id LIMIT ?",
            [feed_id, MAX_LISTED],
        )
        return tuple(Listed(*map(datetime.fromisoformat, times)) for times in rows)

    def _held_back(self, feed_id: int, history: FeedHistory) -> tuple[datetime, datetime] | None:
        last = history.attempts[-1].at if history.attempts else None
        first, newest = self._db.execute(
            "SELECT min(started_at), max(started_at) FROM fetch WHERE feed_id = ? AND started_at > ? "
            "AND NOT attempted AND outcome = ?",
            [feed_id, iso(last) if last else "", FetchOutcome.HELD_BACK.value],
        ).fetchone()
        return (datetime.fromisoformat(first), datetime.fromisoformat(newest)) if first else None

    @translated
    def last_finished_at(self) -> datetime | None:
        """When a run last came to its end; None when none has."""
        return time_of(self._one("SELECT max(finished_at) FROM run WHERE state = 'finished' AND kind = 'collection'"))

    @translated
    def replace_health(self, verdicts: Iterable[Verdict], now: datetime) -> None:
        """Store what each feed is at the end of a run, in place of what it was, in one transaction."""
        with self._writing():
            self._db.execute("DELETE FROM feed_health")
            for verdict in verdicts:
                worst, *others = verdict.facts
                self._db.execute(
                    "INSERT INTO feed_health (feed_id, word, since, sentence, also, judged_at) "
                    "SELECT id, ?, ?, ?, ?, ? FROM feed WHERE url = ?",
                    [
                        worst.word.value,
                        iso(worst.since) if worst.since else None,
                        worst.sentence,
                        ", ".join(fact.word.value for fact in others),
                        iso(now),
                        verdict.url,
                    ],
                )

    @translated
    def waits(self, now: datetime) -> list[tuple[str, datetime]]:
        """(address that answered, until when its host wants to be left alone), oldest answer first.

        Answers that lie in the future of `now` do not count; see `feed_histories`.
        """
        pages = self._db.table("page_fetch").exists()  # a reader may be newer than the file
        sources = [("fetch", "final_url", "started_at")]
        sources += [("page_fetch", "final_url", "started_at"), ("robots", "origin", "fetched_at")] if pages else []
        asked = " UNION ALL ".join(
            f"SELECT {url}, wait_until, {at} AS at FROM {table} WHERE wait_until > ?1 AND {at} <= ?2"  # noqa: S608
            for table, url, at in sources
        )
        rows = self._db.execute(f"{asked} ORDER BY at", [iso(now), iso(now + schedule.CLOCK_SLACK)])
        return [(url, datetime.fromisoformat(until)) for url, until, _ in rows]

    @translated
    def switch_on(self, url: str) -> None:
        """Ask a feed again that its server had called gone."""
        with self._writing():
            self._db.execute("UPDATE feed SET off_since = NULL WHERE url = ?", [url])

    @translated
    def languages(self, url: str, articles: int) -> dict[str, tuple[str | None, str]]:
        """(language, how it is known) of the wordings of a feed's newest articles, so many of them, by text hash."""
        rows = self._db.execute(
            "SELECT v.text_sha256, v.language, v.language_source FROM (SELECT article_id FROM sighting "
            "WHERE feed_id = (SELECT id FROM feed WHERE url = ?) ORDER BY article_id DESC LIMIT ?) s "
            "JOIN article_version v ON v.article_id = s.article_id",
            [url, articles],
        )
        return {sha256: (language, source) for sha256, language, source in rows}

    @translated
    def record(
        self, run_id: int, fetched: Fetched, parsed: ParsedFeed | Rejected | None, sightings: Sequence[Sighting]
    ) -> FeedResult:
        """Store one attempt with all that it brought, in one transaction.

        `parsed` is None where nothing was parsed (failure, 304, same bytes).
        """
        outcome, error = fetched.outcome, fetched.error
        if isinstance(parsed, Rejected):
            outcome, error = parsed.outcome, parsed.error
        elif isinstance(parsed, ParsedFeed) and parsed.damage:
            damage = f"not well-formed: {parsed.damage}"
            outcome, error = FetchOutcome.DAMAGED, f"{error}; {damage}" if error else damage
        if isinstance(parsed, ParsedFeed) and parsed.cut:
            error = f"{error}; {parsed.cut}" if error else parsed.cut
        at = iso(fetched.started_at)
        with self._writing():
            feed_id = int(self._one("SELECT id FROM feed WHERE url = ?", fetched.feed.url))
            forced, same_validators = self._forced(feed_id, fetched)
            comparable = self._one("SELECT 1 FROM sighting WHERE feed_id = ? LIMIT 1", feed_id) is not None
            fetch_id = self._insert(
                "fetch",
                {
                    "run_id": run_id,
                    "feed_id": feed_id,
                    "started_at": at,
                    "elapsed_ms": fetched.elapsed_ms,
                    "outcome": outcome.value,
                    "succeeded": int(outcome.succeeded),
                    "attempted": int(outcome.attempted),
                    "status": fetched.status,
                    "final_url": fetched.final_url,
                    "bytes": len(fetched.body),
                    "body_sha256": fetched.body_sha256,
                    "error": error,
                    "conditional": int(fetched.conditional),
                    "forced": int(forced),
                    "moved_to": fetched.moved_to,
                    "wait_until": iso(fetched.wait_until) if fetched.wait_until else None,
                },
            )
            new_articles = new_versions = 0
            known: dict[str, bool] = {}
            document = _Document(fetched.feed, feed_id, fetch_id, at, self._by_key({each.key for each in sightings}))
            for sighting in sightings:
                article, version, seen = self._add(document, sighting)
                new_articles += article
                new_versions += version
                known.setdefault(sighting.key, seen)
            unseen = len(known) - sum(known.values())
            self._db.execute(
                "UPDATE fetch SET entries = ?, new_articles = ?, new_versions = ?, seen_before = ?, may_have_lost = ?, "
                "lying_304 = ? WHERE id = ?",
                [
                    len(sightings),
                    new_articles,
                    new_versions,
                    len(sightings) - unseen if comparable and known else None,
                    int(comparable and unseen == len(known) > 0),
                    int(forced and same_validators and comparable and unseen > 0),
                    fetch_id,
                ],
            )
            if outcome.succeeded:
                self._remember(feed_id, fetched, outcome, parsed if isinstance(parsed, ParsedFeed) else None)
            if outcome.attempted:
                self._note_freshness(feed_id, fetch_id, fetched)
                self._follow(feed_id, fetched, outcome)
        return FeedResult(
            feed_url=fetched.feed.url,
            outlet=fetched.feed.outlet.name,
            outcome=outcome,
            status=fetched.status,
            elapsed_ms=fetched.elapsed_ms,
            entries=len(sightings),
            new_articles=new_articles,
            new_versions=new_versions,
            error=error,
        )

    def _forced(self, feed_id: int, fetched: Fetched) -> tuple[bool, bool]:
        """(validators were known and not sent, the answer carries the very same ones)."""
        held = self._db.execute("SELECT etag, last_modified FROM feed WHERE id = ?", [feed_id]).fetchone()
        forced = fetched.outcome.attempted and held != (None, None) and not fetched.conditional
        return forced, held == (fetched.headers.get("etag"), fetched.headers.get("last-modified"))

    def _remember(self, feed_id: int, fetched: Fetched, outcome: FetchOutcome, parsed: ParsedFeed | None) -> None:
        """Validators are replaced by a full answer and refreshed by a 304, which may carry new ones.

        A damaged answer leaves none: with them, a 304 would hide for long what the damage has cut off.
        """
        headers = fetched.headers if outcome is not FetchOutcome.DAMAGED else {}
        at = iso(fetched.started_at)
        if outcome is FetchOutcome.NOT_MODIFIED:
            self._db.execute(
                "UPDATE feed SET etag = coalesce(?, etag), last_modified = coalesce(?, last_modified) WHERE id = ?",
                [headers.get("etag"), headers.get("last-modified"), feed_id],
            )
        else:
            self._db.execute(
                "UPDATE feed SET etag = ?, last_modified = ?, body_sha256 = ?, full_at = ? WHERE id = ?",
                [headers.get("etag"), headers.get("last-modified"), fetched.body_sha256, at, feed_id],
            )
        if parsed is not None:
            asked = max(round(parsed.fresh_for.total_seconds()), 0) or None if parsed.fresh_for else None
            self._db.execute(
                "UPDATE feed SET title = ?, language = ?, fresh_for_s = ? WHERE id = ?",
                [parsed.title or None, parsed.language, asked, feed_id],
            )
        self._db.execute("UPDATE feed SET last_success_at = ? WHERE id = ?", [at, feed_id])

    def _note_freshness(self, feed_id: int, fetch_id: int, fetched: Fetched) -> None:
        seconds = self._one("SELECT fresh_for_s FROM feed WHERE id = ?", feed_id)
        publisher = timedelta(seconds=seconds) if seconds and fetched.outcome.succeeded else None
        fresh = schedule.fresh_until(fetched.headers, fetched.started_at, publisher)
        if fresh:
            self._db.execute(
                "UPDATE fetch SET fresh_until = ?, fresh_by = ? WHERE id = ?", [iso(fresh[0]), fresh[1], fetch_id]
            )

    def _follow(self, feed_id: int, fetched: Fetched, outcome: FetchOutcome) -> None:
        """Decide where the feed is asked next: somewhere else after a move, where it is listed after a false one."""
        listed, now = fetched.feed.url, fetched.started_at
        moved = self._db.execute(
            "SELECT url, since FROM feed_url WHERE feed_id = ? ORDER BY id DESC LIMIT 1", [feed_id]
        ).fetchone()
        elsewhere = moved is not None and moved[0] != listed
        gone = outcome is FetchOutcome.GONE
        if not (elsewhere or gone or fetched.moved_to):
            return
        attempts = self._attempts(feed_id, iso(now))
        if elsewhere and (gone or schedule.should_go_back(attempts, datetime.fromisoformat(moved[1]))):
            self._ask_at(feed_id, listed, f"the address that it moved to failed ({outcome.value})", now)
        elif gone:
            self._db.execute("UPDATE feed SET off_since = ? WHERE id = ?", [iso(now), feed_id])
        elif target := schedule.settled_move(attempts):
            if moved is None:
                self._ask_at(feed_id, listed, "feeds.yaml lists it", attempts[0].at)
            times = schedule.MOVES_BELIEVED
            self._ask_at(feed_id, target, f"{times} permanent redirects in a row led there, to the same feed", now)

    def _add(self, document: _Document, sighting: Sighting) -> tuple[bool, bool, bool]:
        """Store one sighting. Returns (the article is new, it has a new wording, this feed listed it before)."""
        entry, seen_at = sighting.entry, document.seen_at
        known = document.articles.get(sighting.key)
        headline = stories.headline_band(entry.title) if known is None else 0
        if known is None:
            known = self._recognised(document, sighting, headline)
        if known is None:
            story_id = self._new_story(headline, sighting)
            article_id = self._insert(
                "article",
                {
                    "key": sighting.key,
                    "id_kind": sighting.id_kind.value,
                    "url": sighting.url,
                    "outlet_id": self._outlet(sighting.outlet, listed=False),
                    "story_id": story_id,
                    "published_at": iso(sighting.published_at),
                    "published_raw": entry.published_raw,
                    "date_source": sighting.date_source.value,
                    "first_seen_at": seen_at,
                    "address_genre": genre.of_address(sighting.url),
                },
            )
            bands = self._tell(article_id, story_id, sighting)
            self._index(article_id, sighting.published_at, headline, *bands)
            self._add_version(article_id, document.fetch_id, sighting, seen_at)
        else:
            article_id = known
        document.articles[sighting.key] = article_id
        reworded = known is not None and self._is_new_wording(article_id, sighting)
        if reworded:
            published = self._one("SELECT published_at FROM article WHERE id = ?", article_id)
            self._index(article_id, datetime.fromisoformat(published), stories.headline_band(entry.title))
            self._add_version(article_id, document.fetch_id, sighting, seen_at)
        times_seen = self._one(
            "INSERT INTO sighting (feed_id, article_id, guid, first_seen_at, last_seen_at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (feed_id, article_id) DO UPDATE "
            "SET guid = coalesce(excluded.guid, guid), last_seen_at = max(last_seen_at, excluded.last_seen_at), "
            "times_seen = times_seen + 1 RETURNING times_seen",
            *(document.feed_id, article_id, entry.guid, seen_at, seen_at),
        )
        if times_seen == 1:
            self._db.execute(
                "UPDATE feed SET articles = articles + 1, newest_article_at = max(coalesce(newest_article_at, ''), "
                "(SELECT published_at FROM article WHERE id = ?)) WHERE id = ?",
                [article_id, document.feed_id],
            )
        if times_seen == 1 and known is not None:  # one more feed that lists it
            self._db.execute("INSERT OR IGNORE INTO changed_day SELECT date FROM article WHERE id = ?", [article_id])
        return known is None, reworded, times_seen > 1

    def _by_key(self, keys: Collection[str]) -> dict[str, int]:
        """The articles with these keys, or with these among their earlier ones, by key."""
        rows = self._db.execute(
            "SELECT key, article_id FROM article_alias WHERE key IN (SELECT value FROM json_each(?1)) "
            "UNION ALL SELECT key, id FROM article WHERE key IN (SELECT value FROM json_each(?1))",
            [json.dumps(list(keys))],
        )
        return dict(rows.fetchall())

    def _recognised(self, document: _Document, sighting: Sighting, headline: int) -> int | None:
        """The article that an entry with a new key is all the same; it gets that key, and the reason, too."""
        periods = stories.periods_around(sighting.published_at)
        feed, feed_id = document.feed, document.feed_id
        # CROSS JOIN: begin with the few, whatever SQLite thinks of the others.
        rows = self._db.execute(
            "SELECT a.id, o.name, EXISTS (SELECT 1 FROM text_band t WHERE t.article_id = a.id AND t.band = ?1 "  # noqa: S608
            f"AND t.period = {PERIOD_OF_ARTICLE}), v.text_sha256, a.published_at, a.date_source, {ADDRESSED}, s.guid "
            "FROM (SELECT article_id FROM text_band WHERE period IN (?5, ?6) AND band = ?1 UNION "
            "SELECT article_id FROM sighting WHERE feed_id = ?2 AND guid = ?3) c CROSS JOIN article a "
            "ON a.id = c.article_id JOIN outlet o ON o.id = a.outlet_id JOIN article_version v "
            "ON v.id = a.current_version_id LEFT JOIN sighting s ON s.article_id = a.id AND s.feed_id = ?2 "
            "WHERE o.name = ?4 ORDER BY a.id DESC LIMIT ?7",
            [headline, feed_id, sighting.entry.guid, sighting.outlet.name, periods[0], periods[-1], MAX_COMPARED],
        ).fetchall()
        for article_id, outlet, same_headline, sha256, published_at, date_source, addressed, guid in rows:
            published, dated = datetime.fromisoformat(published_at), date_source == "feed"
            known = KnownArticle(outlet, bool(same_headline), sha256, published, dated, bool(addressed), guid)
            if reason := same_article(feed, sighting, known):
                row = {"key": sighting.key, "article_id": article_id, "reason": reason.value}
                self._insert("article_alias", row | {"first_seen_at": document.seen_at})
                if feed.kind is FeedKind.FEED and not addressed and sighting.url:
                    # The publisher's own address at last, where there was a search engine's.
                    self._db.execute(
                        "UPDATE article SET url = ?, address_genre = ? WHERE id = ?",
                        [sighting.url, genre.of_address(sighting.url), article_id],
                    )
                    self._db.execute(
                        "INSERT OR IGNORE INTO changed_day SELECT date FROM article WHERE id = ?", [article_id]
                    )
                return int(article_id)
        return None

    def _is_new_wording(self, article_id: int, sighting: Sighting) -> bool:
        rows = self._db.execute(
            "SELECT title, text_sha256, purged_at FROM article_version WHERE article_id = ?", [article_id]
        ).fetchall()
        if any(purged_at for _, _, purged_at in rows):
            return False  # what was removed must not come back while a feed still lists it
        return is_new_wording(sighting, {sha256: title for title, sha256, _ in rows})

    def _add_version(self, article_id: int, fetch_id: int, sighting: Sighting, seen_at: str) -> None:
        version_id = self._insert(
            "article_version",
            {
                "article_id": article_id,
                "title": sighting.entry.title,
                "summary": sighting.entry.summary,
                "text_sha256": sighting.text_sha256,
                "language": sighting.language,
                "language_source": sighting.language_source,
                "first_seen_at": seen_at,
                "fetch_id": fetch_id,
                "agency": sighting.agency,
                "agency_words": sighting.agency_words,
                "summary_source": SummarySource.FEED if sighting.entry.summary else SummarySource.NONE,
            },
        )
        self._show(article_id, version_id)

    def _show(self, article_id: int, version_id: int) -> None:
        """Make a wording the one that counts."""
        self._db.execute("UPDATE article SET current_version_id = ? WHERE id = ?", [version_id, article_id])
        self._db.execute("INSERT OR IGNORE INTO changed_day SELECT date FROM article WHERE id = ?", [article_id])

    def _index(self, article_id: int, published_at: datetime, *bands: int) -> None:
        period = stories.period(published_at)
        rows = [(period, band, article_id) for band in bands]
        self._db.conn.executemany("INSERT OR IGNORE INTO text_band VALUES (?, ?, ?)", rows)

    def _new_story(self, headline: int, sighting: Sighting) -> int:
        story = {"story_key": f"{headline:016x}", "first_published_at": iso(sighting.published_at)}
        return self._insert("story", dict(story))

    def _tell(self, article_id: int, own_story: int, sighting: Sighting) -> tuple[int, ...]:
        """Join a new article, which has a story of its own, to those with the same text. Returns its bands.

        Stories are the connected parts of the relation "same text", so the order in which feeds come in does not
        matter: an article that belongs to two stories makes them one, which keeps the older one's number and key.
        """
        published = sighting.published_at
        entry, second = sighting.entry, published.replace(microsecond=0)
        text = stories.wording(entry.title, entry.summary, sighting.outlet.name, second, sighting.agency)
        bands = stories.bands(text)
        closest: dict[int, tuple[float, int, stories.Match]] = {}
        for other_id, story_id, outlet, published_at, title, summary, agency in self._alike(bands, published):
            other = stories.wording(title, summary, outlet, datetime.fromisoformat(published_at), agency)
            if match := stories.compare(text, other):
                candidate = (match.similarity, -other_id, match)
                closest[story_id] = max(closest.get(story_id, candidate), candidate, key=lambda found: found[:2])
        for similarity, other_id, match in closest.values():
            row = {"article_id": article_id, "other_article_id": -other_id}
            self._insert("story_link", row | {"reason": match.reason.value, "similarity": similarity})
        self._merge_stories(own_story, *closest)
        return bands

    def _alike(self, bands: tuple[int, ...], published: datetime) -> list[tuple[Any, ...]]:
        """What `_tell` compares with a text: articles of its week that share a band, first those that share most."""
        if not bands:
            return []
        periods = stories.periods_around(published)
        return self._db.execute(
            _alike(len(bands) * len(periods)),
            [
                *(number for period in periods for band in bands for number in (period, band, MAX_COMPARED)),
                *(iso(published - stories.WINDOW), iso(published + stories.WINDOW), MAX_COMPARED),
            ],
        ).fetchall()

    def _merge_stories(self, *story_ids: int) -> None:
        kept = min(story_ids)
        for story_id in set(story_ids) - {kept}:
            self._db.execute(
                "INSERT OR IGNORE INTO changed_day SELECT date FROM article WHERE story_id = ?", [story_id]
            )
            self._db.execute("UPDATE article SET story_id = ? WHERE story_id = ?", [kept, story_id])
            self._db.execute("DELETE FROM story WHERE id = ?", [story_id])
