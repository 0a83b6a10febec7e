"""Fetched bytes → entries. The only user of feedparser.

Three kinds of document give the same ParsedFeed (`KINDS`): RSS and Atom in all their dialects, JSON Feed, and the
news sitemap of Google News. A reader takes what the document says as it stands; `parse` cleans and cuts it.

feedparser gets the bytes, the response headers and the final address; it never fetches, and never sees a str,
which would lose declared encodings. `bozo` alone proves nothing in either direction: an HTML page and an empty
body are not bozo, and a feed with a stray control character is. What counts is whether a version was recognised.

Documents are hostile. `parse` is run in a process of its own, with limits (parser_process.py); it raises nothing
but MemoryError, after which that process is given up.
"""

from __future__ import annotations

import calendar
import dataclasses
import functools
import io
import json
import re
import warnings
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin
from xml.etree import ElementTree as ET
from xml.sax import SAXException
from xml.sax.expatreader import ExpatParser

import feedparser

from . import dates
from .prose import MAX_CHARACTERS, clean, plain
from .records import Entry, Fetched, FetchOutcome, ParsedFeed, Rejected

if TYPE_CHECKING:
    import time
    from collections.abc import Callable, Iterator, Mapping

_HEAD = 4096
"""Bytes at the start of a document that tell its kind."""

_HTML = re.compile(rb"\A\s*(?:<\?xml[^>]*>\s*)?(?:<!doctype\s+html|<html)", re.IGNORECASE)
_TRUNCATED = ("no element found", "unclosed token", "unclosed CDATA section")
_ENTRY_TAG = re.compile(rb"<(?P<end>/?)(?:[\w.-]+:)?(?:item|entry)(?:\s[^<>]*?)?(?P<empty>/?)>")
_XML_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_LONGEST_AUTHOR = 256
_LONGEST_ENTITY = 64
_PERIODS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(days=7),
    "monthly": timedelta(days=30),
    "yearly": timedelta(days=365),
}

_WIDE = {
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"<\0\0\0": "utf-32-le",
    b"\0\0\0<": "utf-32-be",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
    b"<\0": "utf-16-le",
    b"\0<": "utf-16-be",
}
"""How a document in several bytes per character begins, with or without a byte order mark."""

# ---------------------------------------------------------------------- feedparser, bounded


class _Bounded:
    """What feedparser's handlers do here in another way, because the input is hostile."""

    def _sync_author_detail(self, key: str = "author") -> None:
        # The pattern that looks for an address in an author takes time that grows with the square of the length.
        parent: Any = super()
        if len(parent._get_context().get(key) or "") <= _LONGEST_AUTHOR:  # noqa: SLF001
            parent._sync_author_detail(key)  # noqa: SLF001

    def handle_charref(self, ref: str) -> None:
        # Half a surrogate pair, or a number beyond Unicode, would raise and so cost all entries of the document.
        parent: Any = super()
        parent.handle_charref(ref if _is_character(ref) else "65533")

    def unknown_endtag(self, tag: str) -> None:
        # So would an element in an unlikely place: feedparser asks an item for the start of the category around it.
        parent: Any = super()
        try:  # noqa: SIM105 - contextlib.suppress costs more, at every element
            parent.unknown_endtag(tag)
        except LookupError:
            pass


def _is_character(ref: str) -> bool:
    """Does a character reference, such as 8230 or x2026, name a character?"""
    try:
        number = int(ref[1:], 16) if ref[:1] in {"x", "X"} else int(ref)
    except ValueError:
        return False
    return number < 0xD800 or 0xDFFF < number < 0x110000


_SPECIAL = frozenset(
    {*feedparser.FeedParserDict.keymap, "category", "enclosures", "license", "updated", "updated_parsed"}
)
"""Keys under which feedparser's dictionaries give something else than what is stored under them."""


class _Quick(dict[str, Any]):
    """How feedparser's dictionaries look up the other keys; their own way is long, and taken at every element."""

    def __getitem__(self, key: str) -> Any:
        return _its_item(self, key) if key in _SPECIAL else dict.__getitem__(self, key)

    def __contains__(self, key: object) -> bool:
        return _its_contains(self, key) if key in _SPECIAL else dict.__contains__(self, key)

    def get(self, key: str, default: Any = None) -> Any:
        return _its_get(self, key, default) if key in _SPECIAL else dict.get(self, key, default)


_its_item, _its_contains, _its_get = map(feedparser.FeedParserDict.__dict__.get, ("__getitem__", "__contains__", "get"))
for _name in ("__getitem__", "__contains__", "get"):
    setattr(feedparser.FeedParserDict, _name, _Quick.__dict__[_name])
for _name in ("StrictFeedParser", "LooseFeedParser"):
    setattr(feedparser.api, _name, type(_name, (_Bounded, getattr(feedparser.api, _name)), {}))
# Of the entities that a document declares, feedparser keeps those that match. A backslash would reach re.sub as an
# escape and raise.
feedparser.sanitizer.RE_SAFE_ENTITY_PATTERN = re.compile(rb'\s+(\w+)\s+"(&#\w+;|[^&"\\]{0,%d})"' % _LONGEST_ENTITY)
# Without bounds these take time that grows with the square of white space, or the cube of a declaration's length.
feedparser.sanitizer.RE_ENTITY_PATTERN = re.compile(rb"^\s{0,200}<!ENTITY([^>]{0,1024}?)>", re.MULTILINE)
feedparser.sanitizer.RE_DOCTYPE_PATTERN = re.compile(rb"^\s{0,200}<!DOCTYPE([^>]{0,1024}?)>", re.MULTILINE)
feedparser.encodings.RE_XML_PI_ENCODING = re.compile(rb"""^<\?.{0,200}encoding=['"](.{0,40}?)['"].{0,200}\?>""")
# What it copies "deeply" changes afterwards in its outermost layer only.
feedparser.FeedParserDict.__deepcopy__ = lambda self, _memo: type(self)(self)
# Asked at every element, and in most feeds always for the same address.
feedparser.mixin.make_safe_absolute_uri = functools.lru_cache(16)(feedparser.mixin.make_safe_absolute_uri)
feedparser.api.PREFERRED_XML_PARSERS = [__name__]  # the module whose `create_parser` xml.sax is to call


class _Expat(ExpatParser):
    """Refuses what costs too much, and leaves such a document to feedparser's own, tolerant parser.

    Entities that refer to others or stand for much let a short document grow without bound; feedparser removes them
    too, but only where every declaration begins a line. A name space with a space in it makes feedparser raise.
    """

    _parser: Any  # the parser of pyexpat, made by `reset`

    def reset(self) -> None:
        super().reset()
        self._parser.buffer_text = True  # one call for a text instead of one for each of its lines and references
        self._parser.EntityDeclHandler = self._declared

    def _declared(self, name: str, _parameter: bool, value: str | None, *_outside: str | None) -> None:
        if value is not None and (re.search("&(?!#)", value) or len(value) > _LONGEST_ENTITY):
            raise SAXException(f"the entity {name} is not resolved")

    def start_element_ns(self, name: str, attrs: Mapping[str, str]) -> None:
        if len(name.split()) > 3 or any(len(each.split()) > 3 for each in attrs):  # name space, name, prefix
            raise SAXException("the name of a name space has a space in it")
        super().start_element_ns(name, attrs)


def create_parser() -> ExpatParser:
    """The parser that xml.sax gives to feedparser."""
    return _Expat()


def understand(fetched: Fetched, *, sanitize_html: bool = False, resolve_relative_uris: bool = False) -> Any:
    """feedparser's own result for a document, with headers and address as HTTP delivered them.

    Sanitising and resolving links inside texts are off: markup is removed from every text, so they would only cost
    time (two thirds of all).
    """
    base = fetched.final_url or fetched.feed.url
    location = _absolute(base, fetched.headers.get("content-location", "")) or base
    headers = {**fetched.headers, "content-location": location}
    headers.pop("content-encoding", None)  # the body is already decompressed
    # BytesIO, not bytes: feedparser would try to open bytes as the name of a local file.
    return feedparser.parse(
        io.BytesIO(_whole_characters(fetched.body)),
        response_headers=headers,
        sanitize_html=sanitize_html,
        resolve_relative_uris=resolve_relative_uris,
    )


def _whole_characters(body: bytes) -> bytes:
    """Without the half of a UTF-8 character in which a document broke off: for its sake feedparser would take
    the whole document for one in another encoding, and garble every headline."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        return body[: error.start] if error.reason == "unexpected end of data" else body
    return body


def _plainer(fetched: Fetched) -> Fetched:
    """The same document in UTF-8 and without a declaration: whatever it and the headers claim, go by the bytes."""
    body = fetched.body
    encoding = next((name for start, name in _WIDE.items() if body.startswith(start)), "utf-8-sig")
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError:
        text = body.decode(encoding if encoding != "utf-8-sig" else "windows-1252", "replace")
    body = _XML_DECLARATION.sub("", text).encode("utf-8", "replace")
    return dataclasses.replace(fetched, body=body, headers={"content-type": "application/xml"})


# ---------------------------------------------------------------------- RSS and Atom


def _feed(fetched: Fetched) -> ParsedFeed | Rejected:
    damage = None
    try:
        document = understand(fetched)
    except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
        document, damage = None, f"{type(error).__name__}: {clean(str(error))}"[:200]
    if not document or not _recognised(document):
        if _HTML.match(_head(fetched.body)):
            return Rejected(FetchOutcome.NOT_A_FEED, "an HTML page came back instead of a feed")
        document = understand(_plainer(fetched))
    if not _recognised(document):
        return Rejected(FetchOutcome.NOT_A_FEED, "the document is not a feed")
    items = document.entries
    if document.bozo and not isinstance(
        document.bozo_exception, feedparser.CharacterEncodingOverride | feedparser.NonXMLContentType
    ):
        damage = clean(str(document.bozo_exception))[:200] or type(document.bozo_exception).__name__
        if _ends_inside_entry(fetched.body, damage):
            items = items[:-1]  # half a headline is not a headline
    return ParsedFeed(
        title=str(document.feed.get("title") or ""),
        version=str(document.get("version") or "unknown"),
        language=str(document.feed.get("language") or "") or None,
        entries=tuple(map(_entry, items)),
        damage=damage,
        fresh_for=_fresh_for(document.feed),
    )


def _recognised(document: Any) -> bool:
    return bool(document.get("version") or document.entries)


def _ends_inside_entry(body: bytes, damage: str) -> bool:
    """Is the last entry of a damaged document only half there? Where an encoding hides the tags, the damage tells."""
    tags = deque(_ENTRY_TAG.finditer(body.replace(b"\0", b"")), maxlen=1)  # UTF-16 without zeros shows its tags
    if not tags:
        return any(sign in damage for sign in _TRUNCATED)
    return not (tags[0]["end"] or tags[0]["empty"])


def _entry(item: Any) -> Entry:
    source = item.get("source") or {}
    raw = item.get("published") or item.get("updated") or item.get("created")
    texts = (item.get("summary"), *(content.get("value") for content in item.get("content", [])))
    return Entry(
        title=str(item.get("title") or ""),
        summary=str(next(filter(None, texts), "")),
        link=str(item.get("link") or ""),
        guid=str(item.get("id") or ""),
        published=_utc(item.get("published_parsed") or item.get("updated_parsed") or item.get("created_parsed")),
        published_raw=str(raw or ""),
        source_title=str(source.get("title") or ""),
        source_url=str(source.get("href") or ""),
        author=str(item.get("author") or ""),
    )


def _utc(value: time.struct_time | None) -> datetime | None:
    """feedparser's struct_time, which is UTC, as an aware datetime; None when it is not a real date."""
    try:
        return datetime.fromtimestamp(calendar.timegm(value), UTC) if value else None
    except (ValueError, OverflowError, OSError):
        return None


def _fresh_for(feed: Any) -> timedelta | None:
    """What the publisher says: `ttl` in minutes (RSS), or `sy:updatePeriod` ÷ `sy:updateFrequency`."""
    try:
        if feed.get("ttl"):
            said = timedelta(minutes=int(feed["ttl"]))
        else:
            period = _PERIODS.get(str(feed.get("sy_updateperiod")).strip().lower(), timedelta(0))
            said = period / int(feed.get("sy_updatefrequency") or 1)
        return said if said > timedelta(0) else None
    except (TypeError, ValueError, ArithmeticError):  # OverflowError and ZeroDivisionError among them
        return None


# ---------------------------------------------------------------------- JSON Feed


def _json_feed(fetched: Fetched) -> ParsedFeed | Rejected:
    """JSON Feed 1.0 and 1.1 (jsonfeed.org)."""
    try:
        document = json.loads(fetched.body)
    except ValueError as error:
        return Rejected(FetchOutcome.NOT_A_FEED, f"the document begins like JSON but cannot be read: {error}"[:200])
    version = re.fullmatch(r"https?://(?:www\.)?jsonfeed\.org/version/(1(?:\.\d+)?)/?", _text(document, "version"))
    items = document.get("items")
    if not version or not isinstance(items, list):
        return Rejected(FetchOutcome.NOT_A_FEED, "JSON, but not a JSON Feed")
    base = fetched.final_url or fetched.feed.url
    return ParsedFeed(
        title=_text(document, "title"),
        version={"1": "json1", "1.1": "json11"}.get(version[1], "json"),
        language=_text(document, "language") or None,
        entries=tuple(_json_entry(item, base) for item in items if isinstance(item, dict)),
    )


def _json_entry(item: dict[str, Any], base: str) -> Entry:
    raw = _text(item, "date_published", "date_modified")
    return Entry(
        title=_text(item, "title"),
        summary=_text(item, "summary", "content_text", "content_html"),
        link=_absolute(base, _text(item, "url", "external_url")),
        guid=_text(item, "id"),
        published=_moment(raw),
        published_raw=raw,
        author=", ".join(_text(author, "name") for author in _authors(item)),
    )


def _authors(item: dict[str, Any]) -> list[dict[str, Any]]:
    """`authors` of JSON Feed 1.1, or the one `author` of 1.0."""
    listed = item.get("authors") or [item.get("author")]
    return [author for author in listed if isinstance(author, dict)] if isinstance(listed, list) else []


def _text(values: dict[str, Any], *keys: str) -> str:
    """The first of some values that says anything; numbers as text, since many feeds give a number as `id`."""
    found = (values.get(key) for key in keys)
    return next((str(value) for value in found if isinstance(value, str | int | float) and str(value).strip()), "")


def _absolute(base: str, link: str) -> str:
    try:
        return urljoin(base, link.strip()) if link else ""
    except ValueError:
        return ""


def _moment(text: str) -> datetime | None:
    """A date of ISO 8601 as aware UTC; without an offset it is taken as UTC. None when it is not a real date."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


# ---------------------------------------------------------------------- news sitemap


def _news_sitemap(fetched: Fetched) -> ParsedFeed | Rejected:
    """A sitemap with the news extension of Google News: address, headline and date, but no lead."""
    if b"<!DOCTYPE" in _head(fetched.body):
        return Rejected(FetchOutcome.NOT_A_FEED, "a sitemap that declares a document type is not read")
    entries: list[Entry] = []
    publications: set[tuple[str, str]] = set()
    damage = None
    try:
        for _, element in ET.iterparse(io.BytesIO(fetched.body)):  # noqa: S314 - bounded, and without a DOCTYPE
            if _local(element) == "url":
                news = _child(element, "news")
                if news is not None:
                    entries.append(_sitemap_entry(element, news))
                    publication = _child(news, "publication")
                    publications.add((_said(publication, "name"), _said(publication, "language")))
                element.clear()
    except ET.ParseError as error:
        damage = clean(str(error))[:200]
    if not entries and not damage:
        return Rejected(FetchOutcome.NOT_A_FEED, "a sitemap without news; name a news sitemap in feeds.yaml")
    names, languages = {name for name, _ in publications}, {language for _, language in publications}
    return ParsedFeed(
        title=names.pop() if len(names) == 1 else "",
        version="news-sitemap",
        language=(languages.pop() or None) if len(languages) == 1 else None,
        entries=tuple(entries),
        damage=damage,
    )


def _sitemap_entry(element: ET.Element, news: ET.Element) -> Entry:
    raw = _said(news, "publication_date")
    link = _said(element, "loc")
    return Entry(title=_said(news, "title"), summary="", link=link, published=_moment(raw), published_raw=raw)


def _local(element: ET.Element) -> str:
    """The name without its namespace, whose address publishers spell in several ways."""
    return str(element.tag).rpartition("}")[2]


def _child(element: ET.Element, name: str) -> ET.Element | None:
    return next((child for child in element if _local(child) == name), None)


def _said(element: ET.Element | None, name: str) -> str:
    child = None if element is None else _child(element, name)
    return "" if child is None else (child.text or "").strip()


# ---------------------------------------------------------------------- all kinds

KINDS: dict[str, tuple[re.Pattern[bytes], Callable[[Fetched], ParsedFeed | Rejected]]] = {
    "JSON document": (re.compile(rb"\A\s*\{"), _json_feed),
    "sitemap": (re.compile(rb"\A\s*(?:<[?!][^>]*>\s*)*<(?:\w+:)?(?:urlset|sitemapindex)\b"), _news_sitemap),
    "document": (re.compile(rb""), _feed),
}
"""Kind of document → how its first bytes look, and its reader. The first that matches is taken."""


def _head(body: bytes) -> bytes:
    """The first bytes, readable in every encoding that extends ASCII, and in UTF-16 and UTF-32 too."""
    return body[:_HEAD].lstrip(b"\xef\xbb\xbf\xfe\xff").replace(b"\0", b"")


def parse(fetched: Fetched, max_entries: int) -> ParsedFeed | Rejected:
    """Understand one document: at most `max_entries` entries, every text plain and at most MAX_CHARACTERS long.

    Entries with neither title nor summary carry nothing to read and are left out. What was cut is told in `cut`.
    """
    head = _head(fetched.body)
    kind, read = next((kind, read) for kind, (sign, read) in KINDS.items() if sign.search(head))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # feedparser warns about its own coming changes
            found = read(fetched)
        return found if isinstance(found, Rejected) else _cleaned(found, max_entries)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - parsers raise many types on hostile input; all mean the same
        return Rejected(
            FetchOutcome.PARSER_ERROR,
            f"the parser failed on this {kind}: {type(error).__name__}: {clean(str(error))[:200]}",
        )


def _cleaned(found: ParsedFeed, max_entries: int) -> ParsedFeed:
    kept = found.entries[:max_entries]
    notes = []
    if more := len(found.entries) - len(kept):
        notes.append(f"{more:,} entries beyond the first {max_entries:,} left out (network.max_entries)")
    if long := sum(len(text) > MAX_CHARACTERS for entry in kept for text in _texts(entry)):
        notes.append(f"{long:,} texts longer than {MAX_CHARACTERS:,} characters cut")
    return dataclasses.replace(
        found,
        title=plain(found.title),
        language=clean(found.language or "")[:40] or None,
        entries=tuple(entry for entry in map(_clean_entry, kept) if entry.title or entry.summary),
        cut="; ".join(notes) or None,
    )


def _texts(entry: Entry) -> Iterator[str]:
    return filter(None, (entry.title, entry.summary, entry.link, entry.guid, entry.published_raw, entry.source_title))


def _clean_entry(entry: Entry) -> Entry:
    link = entry.link or ""
    return Entry(
        title=plain(entry.title),
        summary=plain(entry.summary),
        link=(clean(link) or None) if len(link) <= MAX_CHARACTERS else None,  # half an address leads nowhere
        guid=clean(entry.guid or "") or None,
        # The spelling first: parsers give up on other languages' months, and take unknown zones for UTC.
        published=dates.read(entry.published_raw) or entry.published,
        published_raw=clean(entry.published_raw or "") or None,
        source_title=plain(entry.source_title or "") or None,
        source_url=clean(entry.source_url or "") or None,
        author=plain(entry.author or "") or None,
    )


def check(fetched: Fetched, parsed: ParsedFeed | Rejected | None) -> dict[str, Any]:
    """One line of `feeds check`: url, outlet, works, outcome, entries, newest (YYYY-MM-DD or None), note.

    `parsed` is None where there was nothing to parse.
    """
    outcome, note = fetched.outcome, fetched.error
    entries: tuple[Entry, ...] = ()
    if isinstance(parsed, Rejected):
        outcome, note = parsed.outcome, parsed.error
    elif parsed:
        entries, note = parsed.entries, "; ".join(filter(None, (note, parsed.damage, parsed.cut))) or None
        outcome = FetchOutcome.DAMAGED if parsed.damage else outcome
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
