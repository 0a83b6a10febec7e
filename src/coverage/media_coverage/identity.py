"""What is the same article, and what is the same story? Pure functions over entries.

Three levels: a *sighting* (this feed listed it) belongs to an *article* (one canonical address), which belongs
to a *story* (the same text under many mastheads). Wire copy makes one story of many articles; counting it once
or many times is the analyst's choice, so both levels are kept.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from .prose import clean
from .records import DateSource, Entry, Feed, FeedKind, IdKind, Outlet, Sighting
from .topic import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

STORY_WINDOW = timedelta(days=7)
"""The same headline again after longer than this is a new story ("What we know so far")."""

_MIN_STORY_WORDS = 5
_EARLIEST = datetime(1995, 1, 1, tzinfo=UTC)
_FUTURE_TOLERANCE = timedelta(hours=48)
_WWW = re.compile(r"^(?:www\.)+(?=.)")
_TRACKING = re.compile(
    r"(?:utm_\w+|at_\w+|fbclid|gclid|dclid|msclkid|igshid|mc_[ce]id|cmpid|cmp|ocid|ns_\w+|smid|sref|"
    r"traffic_source|guccounter|guce_\w+|ref|ref_src|source|src|partner|campaign_?id|xtor|wt_\w+|rss)",
    re.IGNORECASE,
)


def canonical_url(url: str | None) -> str | None:
    """The address without what does not identify the article: scheme, www., fragment, tracking parameters.

    None when it is not an http(s) address.
    """
    if not url:
        return None
    try:
        parts = urlsplit(clean(url))
        host, port = (parts.hostname or "").lower().rstrip("."), parts.port
    except ValueError:
        return None
    if parts.scheme.lower() not in {"http", "https"} or not host or " " in host:
        return None
    host = f"[{host}]" if ":" in host else _WWW.sub("", host)
    netloc = host + (f":{port}" if port and port not in {80, 443} else "")
    # surrogateescape keeps apart what is not UTF-8: %E8 and %E9 may name two articles.
    pairs = parse_qsl(parts.query, keep_blank_values=True, errors="surrogateescape")
    query = urlencode([(k, v) for k, v in pairs if not _TRACKING.fullmatch(k)], errors="surrogateescape")
    return urlunsplit(("https", netloc, parts.path.rstrip("/").replace(" ", "%20"), query, ""))


def _digest(*parts: str, length: int = 64) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()[:length]


def text_sha256(title: str, summary: str) -> str:
    """Identifies a version of an article: any change of headline or lead makes another."""
    return _digest(title, summary)


def story_key(title: str, summary: str, outlet: str) -> str:
    """Equal for the same headline under many mastheads.

    A headline of fewer than five words ("Live updates") says too little: there lead and outlet count too.
    """
    words = re.findall(r"\w+", fold(title))
    if len(words) >= _MIN_STORY_WORDS:
        return _digest(" ".join(words), length=32)
    return _digest(" ".join(words), fold(summary), outlet, length=32)


def without_suffix(title: str, *names: str | None) -> str:
    """Remove a trailing " - Outlet" or " | Outlet" when it is one of `names`."""
    found = re.match(r"^(?P<head>.+)\s+[-–—|]\s+(?P<tail>.+)$", title)
    if found and fold(found["tail"]).strip() in {fold(name).strip() for name in names if name}:
        return found["head"].strip()
    return title


def publication_time(entry: Entry, seen_at: datetime) -> tuple[datetime, DateSource]:
    """The feed's date unless it is missing, before 1995 or more than 48 hours ahead; then the time of the fetch."""
    if entry.published and _EARLIEST <= entry.published <= seen_at + _FUTURE_TOLERANCE:
        return entry.published, DateSource.FEED
    return seen_at, DateSource.FIRST_SEEN


def _is_front_page(canonical: str) -> bool:
    parts = urlsplit(canonical)
    return not parts.path.strip("/") and not parts.query


def _keys(feed: Feed, entries: tuple[Entry, ...]) -> list[tuple[str, IdKind]]:
    """(key, kind) per entry, looking at the whole document: what repeats does not identify."""
    links = [canonical_url(entry.link) for entry in entries]
    links = [None if link and _is_front_page(link) else link for link in links]
    # A link or guid identifies nothing when entries of the document with different titles carry it; but one
    # link with one guid and two titles is an article whose headline was edited.
    titles_of_link: dict[str | None, set[str]] = {}
    guids_of_link: dict[str | None, set[str | None]] = {}
    titles_of_guid: dict[str | None, set[str]] = {}
    for link, entry in zip(links, entries, strict=True):
        titles_of_link.setdefault(link, set()).add(entry.title)
        guids_of_link.setdefault(link, set()).add(entry.guid)
        titles_of_guid.setdefault(entry.guid, set()).add(entry.title)
    shared = {
        link
        for link, titles in titles_of_link.items()
        if len(titles) > 1 and (len(guids_of_link[link]) > 1 or None in guids_of_link[link])
    }
    host = urlsplit(feed.url).hostname or ""
    keys: list[tuple[str, IdKind]] = []
    for link, entry in zip(links, entries, strict=True):
        own = entry.guid if entry.guid and len(titles_of_guid[entry.guid]) == 1 else f"{entry.guid or ''} {entry.title}"
        if link and link not in shared:
            keys.append((link, IdKind.URL))
        elif link:
            keys.append((f"{link}#{_digest(own, length=16)}", IdKind.URL_AND_ENTRY))
        elif entry.guid:
            keys.append((f"guid:{host}:{_digest(own, length=32)}", IdKind.GUID))
        else:
            date = entry.published_raw or ""
            keys.append((f"text:{_digest(feed.outlet.name, entry.title, entry.summary, date, length=32)}", IdKind.TEXT))
    return keys


def _host(url: str | None) -> str:
    """The host without www., as far as the address has one."""
    try:
        return _WWW.sub("", urlsplit(url or "").hostname or "")
    except ValueError:
        return ""


def _publisher(feed: Feed, entry: Entry, outlets: dict[str, Outlet]) -> Outlet:
    """Whose article is it? A search feed lists other outlets' articles and names them in <source>."""
    if feed.kind is not FeedKind.SEARCH or not entry.source_title:
        return feed.outlet
    host = _host(entry.source_url)
    known = outlets.get(fold(entry.source_title)) or (outlets.get(host) if host else None)
    return known or Outlet(entry.source_title, None, "other")


def outlets_by_name_and_host(feeds: Iterable[Feed]) -> dict[str, Outlet]:
    """Look-up from an outlet's folded name or alias, or the host of one of its feeds, to the outlet."""
    known: dict[str, Outlet] = {}
    for feed in feeds:
        if feed.kind is FeedKind.FEED:
            for name in (feed.outlet.name, *feed.outlet.aliases):
                known.setdefault(fold(name), feed.outlet)
            known.setdefault(_host(feed.url), feed.outlet)
    return known


def identify(
    feed: Feed,
    entries: tuple[Entry, ...],
    seen_at: datetime,
    outlets: dict[str, Outlet],
    language_of: Callable[[str, str], tuple[str | None, str]],
) -> tuple[Sighting, ...]:
    """Turn the entries of one document into sightings, in their order, the same article's twice-listed text once.

    `language_of(title, summary)` gives (ISO 639-1 code or None, how it is known).
    """
    sightings: dict[tuple[str, str], Sighting] = {}
    for entry, (key, kind) in zip(entries, _keys(feed, entries), strict=True):
        outlet = _publisher(feed, entry, outlets)
        published_at, date_source = publication_time(entry, seen_at)
        title = without_suffix(entry.title, outlet.name, entry.source_title)
        language, language_source = language_of(title, entry.summary)
        sighting = Sighting(
            entry=replace(entry, title=title),
            outlet=outlet,
            key=key,
            id_kind=kind,
            url=entry.link if canonical_url(entry.link) else None,
            published_at=published_at,
            date_source=date_source,
            language=language,
            language_source=language_source,
            text_sha256=text_sha256(title, entry.summary),
            story_key=story_key(title, entry.summary, outlet.name),
        )
        # Aggregators list an article twice, once without its lead: that is not an edit.
        twin = sightings.get((key, title))
        if twin is None or len(twin.entry.summary) < len(entry.summary):
            sightings[key, title] = sighting
    return tuple(sightings.values())
