"""What is the same article? Pure functions over entries.

Three levels: a *sighting* (this feed listed it) belongs to an *article* (one address of one publisher), which belongs
to a *story* (the same text under many mastheads; stories.py). Wire copy makes one story of many articles; counting it
once or many times is the analyst's choice, so both levels are kept.

An article is found again by its key, its canonical address wherever it has one. Where links and guids change from one
fetch to the next, `same_article` finds it by what stays, and says by what.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, parse_qsl, quote, unquote_to_bytes, urlencode, urlsplit, urlunsplit

from . import dates, stories, wire
from .fulltext import LEAD_WORDS, without_heading
from .prose import clean, first_words
from .records import DateSource, Entry, Feed, FeedKind, IdKind, Lead, Outlet, Sighting
from .topic import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from urllib.parse import SplitResult

    from .records import Page, PageText

_EARLIEST = datetime(1995, 1, 1, tzinfo=UTC)
_FUTURE_TOLERANCE = timedelta(hours=48)
_WWW = re.compile(r"^(?:www\.)+(?=.)")
_OTHER_EDITION = re.compile(r"^(?:(?:www|m|mobile|touch|amp)\.)+(?=[^.]+\.[^.])")
"""Hosts that serve the same pages to telephones."""
_TRACKING = re.compile(
    r"(?:utm_\w+|at_\w+|fbclid|[gdy]clid|[gw]braid|msclkid|twclid|ttclid|igshid|li_fat_id|mc_[ce]id|mkt_tok|_g[al]|"
    r"_hs\w+|hss_channel|_openstat|pk_\w+|mtm_\w+|piwik_\w+|cmpid|cmp|ocid|ns_\w+|smid|smtyp|sref|s_cid|icid|intcid|"
    r"ic_source|itid|ito|ftag|taid|tpcc|dicbo|maca|sr_share|__twitter_impression|traffic_source|guccounter|guce_\w+|"
    r"ref|ref_src|source|src|partner|campaign_?id|xtor|wt_\w+|wprss|rss|amp)",
    re.IGNORECASE,
)
_AMP_SUFFIX = re.compile(r"\.amp(?=\.html?$|$)")
_AMP_CACHE = re.compile(r"^/(?:amp|[cv])/(s/)?([^/]+\.[^/]+)(/.*)?$")
_GOOGLE = re.compile(r"(?:www\.)?google(?:\.[a-z]{2,3}){1,2}$")
_GOOGLE_NEWS_ARTICLE = re.compile(r"/(?:rss/)?(?:articles|read)/([\w-]+)=*$")
_TARGET = {"bing.com": ("/news/apiclick.aspx", ("url",)), "l.facebook.com": ("/l.php", ("u",))}
"""Host → path of its redirector, and the parameter that holds the address behind it."""
_MAX_WRAPPERS = 3
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_MIN_HEADLINE = 5


def _split(url: str) -> tuple[SplitResult, str, int | None] | None:
    """(parts, host, port) of an http(s) address; None for anything else."""
    try:
        parts = urlsplit(clean(url))
        host, port = (parts.hostname or "").lower().rstrip("."), parts.port
        if "xn--" in host:
            host = host.encode("ascii").decode("idna")
    except ValueError:  # UnicodeError among them
        return None
    if parts.scheme.lower() not in {"http", "https"} or not host or " " in host:
        return None
    return parts, host, port


def _google_news_target(token: str) -> str | None:
    """The address inside an article id of Google News; None for ids that only Google can resolve.

    Ids are base64url of a protocol-buffer message: field 4, a string after a varint of its length, holds the address
    in ids made before mid-2024, and an opaque token ("AU_yq…") since.
    """
    try:
        data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return None
    if not data.startswith(b"\x08\x13\x22") or len(data) < 5:
        return None
    length, start = data[3], 4
    if length >= 0x80:
        length, start = length & 0x7F | data[4] << 7, 5
    target = data[start : start + length]
    return target.decode("ascii") if target.isascii() and target.startswith((b"http://", b"https://")) else None


def _parameter(parts: SplitResult, *names: str) -> str | None:
    values = parse_qs(parts.query)
    return next((values[name][0] for name in names if name in values), None)


def _behind(parts: SplitResult, host: str) -> str | None:
    """The address behind a redirector or an AMP cache, as far as it can be told without asking."""
    path, parameters = _TARGET.get(_WWW.sub("", host), ("", ()))
    if path and parts.path.lower() == path:
        return _parameter(parts, *parameters)
    google = _GOOGLE.fullmatch(host)
    if google and parts.path == "/url":
        return _parameter(parts, "url", "q")
    if google or host.endswith(".cdn.ampproject.org"):
        cached = _AMP_CACHE.match(parts.path)
        return f"http{'s' if cached[1] else ''}://{cached[2]}{cached[3] or ''}" if cached else None
    if host == "news.google.com":
        found = _GOOGLE_NEWS_ARTICLE.search(parts.path)
        return _google_news_target(found[1]) if found else None
    return None


def _spelt(escapes: re.Match[str]) -> str:
    """Percent-escapes in their one spelling: as letters where RFC 3986 or IRIs (RFC 3987) allow."""
    try:
        text = unquote_to_bytes(escapes[0]).decode("utf-8")
    except UnicodeDecodeError:
        return escapes[0].upper()
    # isprintable leaves out spaces and direction marks, which `clean` would take away
    kept = (c if c in _UNRESERVED or (c > "\x7f" and c.isprintable()) else quote(c, safe="") for c in text)
    return "".join(kept)


def _path(path: str) -> str:
    spelt = unicodedata.normalize("NFC", _ESCAPES.sub(_spelt, path)) if "%" in path else path
    spelt = spelt.replace(" ", "%20")
    if "amp" not in spelt:
        return spelt.rstrip("/")
    plain = "/".join(segment for segment in spelt.split("/") if segment != "amp")
    return _AMP_SUFFIX.sub("", plain.rstrip("/")).rstrip("/")


def canonical_url(url: str | None) -> str | None:
    """The address without what does not identify the article.

    That is: scheme, user, www. and mobile hosts, AMP, usual port, fragment, slash at the end, tracking parameters,
    spelling of escapes, and redirectors that carry their target. None when it is not an http(s) address.
    """
    for _ in range(_MAX_WRAPPERS):
        split = _split(url or "")
        if split is None:
            return None
        parts, host, port = split
        target = _behind(parts, host)
        if target is None or _split(target) is None:
            break
        url = target
    if host == "news.google.com" and (found := _GOOGLE_NEWS_ARTICLE.search(parts.path)):
        return f"https://news.google.com/articles/{found[1]}"
    host = f"[{host}]" if ":" in host else _WWW.sub("", _OTHER_EDITION.sub("", _WWW.sub("", host)))
    netloc = host + (f":{port}" if port and port not in {80, 443} else "")
    # surrogateescape keeps apart what is not UTF-8: %E8 and %E9 may name two articles.
    pairs = parse_qsl(parts.query, keep_blank_values=True, errors="surrogateescape")
    identifying = [(k, v) for k, v in pairs if not _TRACKING.fullmatch(k) and (k.lower(), v) not in _AMP_PARAMETERS]
    path = _path(parts.path)
    plain = urlunsplit(("https", netloc, path, urlencode(identifying, errors="surrogateescape"), ""))
    # Without its "amp" the path may be that of a redirector.
    return canonical_url(plain) if "amp" in parts.path and path != parts.path.rstrip("/") else plain


_AMP_PARAMETERS = {("outputtype", "amp"), ("output", "amp"), ("from", "rss")}


def _digest(*parts: str, length: int = 64) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()[:length]


def text_sha256(title: str, summary: str) -> str:
    """Identifies a version of an article: any change of headline or lead makes another."""
    return _digest(title, summary)


def without_outlet(title: str, *names: str | None) -> str:
    """Remove a trailing " - Outlet" or " | Outlet", or a leading "Outlet | ", when it is one of `names`."""
    own = {fold(name).strip() for name in names if name}
    found = re.match(r"^(?P<head>.+)\s+[-–—|]\s+(?P<name>.+)$", title)
    if found and fold(found["name"]).strip() in own:
        return found["head"].strip()
    found = re.match(r"^(?P<name>[^|]+?)\s*\|\s*(?P<head>.+)$", title)
    if found and fold(found["name"]).strip() in own:
        return found["head"].strip()
    return title


def publication_time(entry: Entry, seen_at: datetime) -> tuple[datetime, DateSource]:
    """When the article was published, and how that is known.

    The feed's date, unless it is missing, before 1995 or more than 48 hours ahead; then the day that the address
    names, with the same limits; then the time of the fetch.
    """
    for time, source in ((entry.published, DateSource.FEED), (dates.in_address(entry.link), DateSource.URL)):
        if time and _EARLIEST <= time <= seen_at + _FUTURE_TOLERANCE:
            return time, source
    return seen_at, DateSource.FIRST_SEEN


class SameBy(StrEnum):
    """What showed that an entry with another key is an article already known."""

    GUID = "guid"
    """The same feed lists it under the same guid, with the same date or headline; the link has changed."""
    HEADLINE = "headline"
    """The same outlet's headline within 7 days, where links do not identify (search feeds, entries without link)."""
    TEXT = "text"
    """The same outlet's headline and lead with the same date, under two addresses."""


@dataclass(frozen=True, slots=True)
class KnownArticle:
    """What the store knows of an article that an entry may be.

    `guid` as the feed in hand lists it; `same_headline` when it has borne the entry's headline; `addressed` when a
    feed of its outlet listed it, so that its address is the publisher's own.
    """

    outlet: str
    same_headline: bool
    text_sha256: str
    published_at: datetime
    dated: bool
    addressed: bool
    guid: str | None = None


def same_article(feed: Feed, sighting: Sighting, known: KnownArticle) -> SameBy | None:
    """Whether an entry, whose key is new, is the `known` article of the same outlet; and by what."""
    if sighting.outlet.name != known.outlet:
        return None
    words = stories.headline_words(sighting.entry.title)
    headline = known.same_headline and bool(words)
    dated = known.dated and sighting.date_source is DateSource.FEED
    same_date = dated and sighting.published_at.replace(microsecond=0) == known.published_at
    if sighting.entry.guid and sighting.entry.guid == known.guid and (same_date or headline):
        return SameBy.GUID
    if not headline:
        return None
    near = abs(sighting.published_at - known.published_at) <= stories.WINDOW
    opaque = feed.kind is FeedKind.SEARCH or sighting.id_kind is IdKind.TEXT or not known.addressed
    if opaque and near and (same_date or len(words) >= _MIN_HEADLINE):
        return SameBy.HEADLINE
    if same_date and sighting.entry.summary and sighting.text_sha256 == known.text_sha256:
        return SameBy.TEXT
    return None


MAX_VERSIONS = 24
"""Wordings kept per article: a page that prints the time in its lead must not grow for ever."""


def is_new_wording(sighting: Sighting, titles: Mapping[str, str]) -> bool:
    """Whether an article whose wordings have these headlines, by the hash of their text, lacks that of a sighting.

    A known headline that is listed without its lead is none, and there spaces do not count: GDELT writes one before
    every comma.
    """
    if sighting.text_sha256 in titles or len(titles) >= MAX_VERSIONS:
        return False
    headline = _unspaced(sighting.entry.title)
    return bool(sighting.entry.summary) or all(_unspaced(title) != headline for title in titles.values())


def _unspaced(text: str) -> str:
    return "".join(text.split())


def _is_front_page(canonical: str) -> bool:
    parts = urlsplit(canonical)
    return not parts.path.strip("/") and not parts.query


def _keys(feed: Feed, entries: tuple[Entry, ...], addresses: list[str | None]) -> list[tuple[str, IdKind]]:
    """(key, kind) per entry, looking at the whole document: what repeats does not identify.

    `addresses` are the canonical ones of the entries.
    """
    links = [None if link and _is_front_page(link) else link for link in addresses]
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
    guids = Counter(guid for guid, _ in {(entry.guid, entry.title) for entry in entries})
    addresses = [canonical_url(entry.link) for entry in entries]
    for entry, address, (key, kind) in zip(entries, addresses, _keys(feed, entries, addresses), strict=True):
        outlet = _publisher(feed, entry, outlets)
        published_at, date_source = publication_time(entry, seen_at)
        title = without_outlet(entry.title, outlet.name, *outlet.aliases, entry.source_title)
        language, language_source = language_of(title, entry.summary)
        credit = wire.credit(entry.summary, entry.author, outlet.name)
        guid = entry.guid if guids[entry.guid] <= 1 else None  # what entries with different headlines share is none
        sighting = Sighting(
            entry=entry if (title, guid) == (entry.title, entry.guid) else replace(entry, title=title, guid=guid),
            outlet=outlet,
            key=key,
            id_kind=kind,
            url=entry.link if address else None,
            published_at=published_at,
            date_source=date_source,
            language=language,
            language_source=language_source,
            text_sha256=text_sha256(title, entry.summary),
            agency=credit.agency if credit else None,
            agency_words=credit.words if credit else None,
        )
        # Aggregators list an article twice, once without its lead: that is not an edit.
        twin = sightings.get((key, title))
        if twin is None or len(twin.entry.summary) < len(entry.summary):
            sightings[key, title] = sighting
    return tuple(sightings.values())


def lead_of(page: Page, found: PageText, language_of: Callable[[str, str], tuple[str | None, str]]) -> Lead:
    """The wording that a headline and the first words of its page make. `language_of` as for `identify`.

    It is a function of headline and stored text, so that the lead behind a label can be computed again.
    """
    body = " ".join(without_heading(found.text, page.title).splitlines())
    summary = first_words(body, LEAD_WORDS)
    language, language_source = language_of(page.title, body)
    credit = wire.credit(body, None, page.outlet.name)
    return Lead(
        summary=summary,
        language=language,
        language_source=language_source,
        text_sha256=text_sha256(page.title, summary),
        agency=credit.agency if credit else page.agency,
        agency_words=credit.words if credit else page.agency_words,
    )
