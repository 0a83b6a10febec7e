"""Fetched bytes → entries. The only user of feedparser.

feedparser gets the bytes, the response headers and the final address; it never fetches, and never sees a str,
which would lose declared encodings. `bozo` alone proves nothing in either direction: an HTML page and an empty
body are not bozo, and a feed with a stray control character is. What counts is whether a version was recognised.
"""

from __future__ import annotations

import calendar
import io
import re
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import feedparser

from .prose import clean, plain
from .records import Entry, Fetched, FetchOutcome, ParsedFeed, Rejected

if TYPE_CHECKING:
    import time

_HTML = re.compile(rb"^\s*(?:<\?xml[^>]*>\s*)?(?:<!doctype\s+html|<html)", re.IGNORECASE)
_TRUNCATED = ("no element found", "unclosed token", "unclosed CDATA section")


def _time(value: time.struct_time | None) -> datetime | None:
    """feedparser's struct_time, which is UTC, as an aware datetime; None when it is not a real date."""
    try:
        return datetime.fromtimestamp(calendar.timegm(value), UTC) if value else None
    except (ValueError, OverflowError, OSError):
        return None


def _summary(item: Any) -> str:
    """The summary, or where there is none the content, as plain text."""
    if item.get("summary"):
        return plain(str(item["summary"]))
    return next((plain(str(content["value"])) for content in item.get("content", []) if content.get("value")), "")


def _entry(item: Any) -> Entry:
    source = item.get("source") or {}
    raw = item.get("published") or item.get("updated") or item.get("created")
    return Entry(
        title=plain(str(item.get("title") or "")),
        summary=_summary(item),
        link=clean(str(item.get("link") or "")) or None,
        guid=clean(str(item.get("id") or "")) or None,
        published=_time(item.get("published_parsed") or item.get("updated_parsed") or item.get("created_parsed")),
        published_raw=clean(str(raw)) if raw else None,
        source_title=plain(str(source.get("title") or "")) or None,
        source_url=clean(str(source.get("href") or "")) or None,
    )


def _whole_characters(body: bytes) -> bytes:
    """Without the half of a UTF-8 character in which a document broke off: for its sake feedparser would take
    the whole document for one in another encoding, and garble every headline."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        return body[: error.start] if error.reason == "unexpected end of data" else body
    return body


def _broke_off_inside_item(body: bytes) -> bool:
    """Does a document that broke off end inside an item? Yes too where an encoding hides the tags."""
    begun, ended = ((b"<item", b"<entry"), (b"</item", b"</entry"))
    return max(map(body.rfind, begun)) >= max(map(body.rfind, ended))


def parse(fetched: Fetched, max_entries: int) -> ParsedFeed | Rejected:
    """Understand one document. Entries with neither title nor summary carry nothing to read and are left out."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # feedparser warns about its own coming changes
            return _understand(fetched, max_entries)
    except Exception as error:  # noqa: BLE001 - feedparser raises many types on hostile input; all mean the same
        return Rejected(
            FetchOutcome.PARSER_ERROR, f"the parser failed: {type(error).__name__}: {clean(str(error))[:200]}"
        )


def _understand(fetched: Fetched, max_entries: int) -> ParsedFeed | Rejected:
    headers = {**fetched.headers, "content-location": fetched.final_url or fetched.feed.url}
    headers.pop("content-encoding", None)  # the body is already decompressed
    # BytesIO, not bytes: feedparser would try to open bytes as the name of a local file.
    document: Any = feedparser.parse(
        io.BytesIO(_whole_characters(fetched.body)),
        response_headers=headers,
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    if not document.get("version") and not document.entries:
        if _HTML.match(fetched.body[:2000]):
            return Rejected(FetchOutcome.NOT_A_FEED, "an HTML page came back instead of a feed")
        return Rejected(FetchOutcome.NOT_A_FEED, "the document is not a feed")
    items = document.entries
    damage = None
    if document.bozo and not isinstance(
        document.bozo_exception, feedparser.CharacterEncodingOverride | feedparser.NonXMLContentType
    ):
        damage = clean(str(document.bozo_exception))[:200]
        if any(sign in damage for sign in _TRUNCATED) and _broke_off_inside_item(fetched.body):
            items = items[:-1]  # half a headline is not a headline
    entries = tuple(entry for entry in map(_entry, items[:max_entries]) if entry.title or entry.summary)
    return ParsedFeed(
        title=plain(str(document.feed.get("title") or "")),
        version=str(document.get("version") or "unknown"),
        language=str(document.feed.get("language") or "") or None,
        entries=entries,
        damage=damage,
    )


def check(fetched: Fetched, max_entries: int) -> dict[str, Any]:
    """One line of `feeds check`: url, outlet, works, outcome, entries, newest (YYYY-MM-DD or None), note."""
    outcome, note = fetched.outcome, fetched.error
    entries: tuple[Entry, ...] = ()
    if fetched.outcome is FetchOutcome.OK:
        parsed = parse(fetched, max_entries)
        if isinstance(parsed, Rejected):
            outcome, note = parsed.outcome, parsed.error
        else:
            entries, note = parsed.entries, parsed.damage
            outcome = FetchOutcome.DAMAGED if parsed.damage else FetchOutcome.OK
    if fetched.final_url and fetched.final_url != fetched.feed.url and outcome.succeeded:
        note = f"redirected to {fetched.final_url}" + (f"; {note}" if note else "")
    newest = max((entry.published for entry in entries if entry.published), default=None)
    return {
        "url": fetched.feed.url,
        "outlet": fetched.feed.outlet.name,
        "works": outcome.succeeded,
        "outcome": outcome.value,
        "entries": len(entries),
        "newest": newest.date().isoformat() if newest else None,
        "note": note,
    }
