"""Pages of articles, and what robots.txt allows."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .. import schedule
from ..records import (
    Access,
    FetchOutcome,
    FullText,
    Outlet,
    Page,
    PageText,
    Rejected,
    Robots,
    SummarySource,
)
from .connection import iso, time_of, translated
from .ingestion import Ingestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from ..records import Fetched, Lead


def _page(row: Sequence[Any]) -> Page:
    version_id, url, title, name, country, group, source = row[:7]
    language, declared, agency, agency_words, tries, outcome, last_at = row[7:]
    last = FetchOutcome(outcome) if outcome else None
    outlet = Outlet(name, country, group)
    told = (language, bool(declared), agency, agency_words)
    return Page(version_id, url, title, outlet, SummarySource(source), *told, tries, last, time_of(last_at))


class Pages(Ingestion):
    """Pages of articles, and what robots.txt allows."""

    @translated
    def pages(self, full_text: Mapping[str, FullText], since: datetime) -> list[Page]:
        """The pages to be read, newest wording first, whatever became of earlier attempts.

        Those of the newest wordings, first seen since, that passed the active topic's gate, of articles that a feed of
        their publisher listed; `full_text` names the outlets, and whether the feed's lead makes the page needless.
        """
        rows = self._db.execute(
            "SELECT v.id, a.url, v.title, o.name, o.country, o.outlet_group, v.summary_source, v.language, "
            "v.language_source = 'declared', v.agency, v.agency_words, count(p.id), p.outcome, max(p.started_at) "
            "FROM active JOIN gate g ON g.topic_id = active.topic_id AND g.passed "
            "JOIN article_version v ON v.id = g.version_id JOIN article a ON a.current_version_id = v.id "
            "JOIN outlet o ON o.id = a.outlet_id LEFT JOIN page_fetch p ON p.version_id = v.id "
            "WHERE v.first_seen_at >= ? AND v.purged_at IS NULL AND v.summary_source <> 'page' AND a.id_kind = 'url' "
            "AND o.name IN (SELECT value FROM json_each(?)) AND EXISTS (SELECT 1 FROM sighting s "
            "JOIN feed f ON f.id = s.feed_id WHERE s.article_id = a.id AND f.kind = 'feed') "
            "GROUP BY v.id ORDER BY v.id DESC",
            [iso(since), json.dumps(list(full_text))],
        )
        every = {name for name, wanted in full_text.items() if wanted is FullText.ALL}
        pages = map(_page, rows)
        return [page for page in pages if page.source is SummarySource.NONE or page.outlet.name in every]

    @translated
    def robots(self, now: datetime) -> dict[str, Robots]:
        """What is known of robots.txt and has not expired, by origin."""
        rows = self._db.execute(
            "SELECT origin, access, fetched_at, expires_at, rules, reason, wait_until FROM robots "
            "WHERE expires_at > ? AND fetched_at <= ?",
            [iso(now), iso(now + schedule.CLOCK_SLACK)],
        )
        return {
            origin: Robots(
                *(origin, Access(access), datetime.fromisoformat(at), datetime.fromisoformat(until)),
                *(rules, reason, time_of(wait)),
            )
            for origin, access, at, until, rules, reason, wait in rows
        }

    @translated
    def remember_robots(self, learnt: Iterable[Robots]) -> None:
        """Keep what was learnt of robots.txt, in place of what was known of the same origins."""
        with self._writing():
            for robots in learnt:
                self._db.execute("DELETE FROM robots WHERE origin = ?", [robots.origin])
                self._insert(
                    "robots",
                    {
                        "origin": robots.origin,
                        "access": robots.access,
                        "fetched_at": iso(robots.fetched_at),
                        "expires_at": iso(robots.expires_at),
                        "rules": robots.rules,
                        "reason": robots.reason,
                        "wait_until": iso(robots.wait_until) if robots.wait_until else None,
                    },
                )

    @translated
    def record_page(
        self, run_id: int, page: Page, fetched: Fetched, found: PageText | Rejected | None, lead: Lead | None
    ) -> None:
        """Store one attempt at a page with what it brought, in one transaction: a text, and a lead where one lacked.

        `found` is None where no page came. A lead makes a new wording; the one without it stays, with its labels.
        """
        outcome, error = fetched.outcome, fetched.error
        if isinstance(found, Rejected):
            outcome, error = found.outcome, found.error
        text = found if isinstance(found, PageText) else None
        at = iso(fetched.started_at)
        with self._writing():
            self._insert(
                "page_fetch",
                {
                    "run_id": run_id,
                    "version_id": page.version_id,
                    "started_at": at,
                    "elapsed_ms": fetched.elapsed_ms,
                    "outcome": outcome.value,
                    "succeeded": int(text is not None),
                    "attempted": int(outcome.attempted),
                    "status": fetched.status,
                    "final_url": fetched.final_url,
                    "bytes": len(fetched.body),
                    "text_sha256": self._page_text(text, at) if text else None,
                    "words": len(text.text.split()) if text else None,
                    "lead_version_id": self._add_lead(page, lead, at) if lead else None,
                    "wait_until": iso(fetched.wait_until) if fetched.wait_until else None,
                    "error": text.cut if text else error,
                },
            )

    def _page_text(self, found: PageText, at: str) -> str:
        digest = hashlib.sha256(found.text.encode()).hexdigest()
        self._db.execute("INSERT OR IGNORE INTO page_text VALUES (?, ?, ?)", [digest, found.text, at])
        return digest

    def _add_lead(self, page: Page, lead: Lead, at: str) -> int:
        article_id, fetch_id, import_id = self._db.execute(
            "SELECT article_id, fetch_id, import_id FROM article_version WHERE id = ?", [page.version_id]
        ).fetchone()
        version_id = self._insert(
            "article_version",
            {
                "article_id": article_id,
                "title": page.title,
                "summary": lead.summary,
                "text_sha256": lead.text_sha256,
                "language": lead.language,
                "language_source": lead.language_source,
                "first_seen_at": at,
                "fetch_id": fetch_id,
                "import_id": import_id,
                "agency": lead.agency,
                "agency_words": lead.agency_words,
                "summary_source": SummarySource.PAGE,
            },
        )
        self._show(article_id, version_id)
        return version_id

    @translated
    def texts(self) -> pd.DataFrame:
        """The texts of articles whose pages were read, newest first, columns as in the view v_texts."""
        return self._frame("SELECT * FROM v_texts ORDER BY read_at DESC, version_id")
