"""Pages of articles → plain text, and what robots.txt says about asking for them. The only user of trafilatura and
protego, both of which the extra `fulltext` brings. Pure.

A page is read where a feed gives a headline and no lead: its first words are the lead then. Pages are hostile, so
`extract` is run in a process of its own, with limits (parser_process.py); it raises nothing but MemoryError. robots.txt
is read in the main process and made harmless first: its agents that are not us get one name together.

Sources: RFC 9309 (robots.txt); `isAccessibleForFree` of schema.org, by which publishers declare what is for
subscribers; for encodings the WHATWG Encoding Standard, but UTF-8 before any declaration, since text that is valid
UTF-8 by accident hardly exists.
"""

from __future__ import annotations

import codecs
import functools
import importlib.util
import logging
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from . import dates
from .errors import MissingExtraError
from .prose import clean, first_words, plain
from .records import Access, Entry, Fetched, FetchOutcome, Page, PageText, ParsedFeed, Rejected, Robots
from .topic import fold

if TYPE_CHECKING:
    from datetime import datetime

LEAD_WORDS = 60
"""Words of a page that become a lead: as many as the embedded model reads of one."""
MIN_WORDS = 50
"""A page with fewer words is no article, or one that only shows to whom runs its scripts."""
STUB_WORDS = 150
"""Up to here a page is suspected of standing before the article: a wall, a form, a question about cookies."""
MIN_LINE = 6
"""A line of fewer words above the text is a byline, a date or the name of a section, and no part of the lead."""

WINDOW = timedelta(days=7)
"""Wordings first seen longer ago are not read: their page has long become another."""
MAX_TRIES = 3
RETRY_AFTER = timedelta(hours=1)
"""After the first failure; four times as long after each further one."""

ROBOTS_FRESH = timedelta(hours=24)
"""RFC 9309, 2.4: a copy is not to be used for longer."""
ROBOTS_RETRY = timedelta(hours=1)
MAX_ROBOTS = 500 * 2**10
"""Bytes of a robots.txt that are read: what RFC 9309, 2.5, asks for at least."""
MAX_CRAWL_DELAY = 30.0
"""Seconds. Some files ask for hours, which means that nobody should come at all; Disallow says that."""

CHALLENGES = (
    *(b"/cdn-cgi/challenge-platform/", b"cf-challenge", b"_Incapsula_Resource", b"captcha-delivery.com"),
    *(b"px-captcha", b"awsWafCookieDomainList", b"/.well-known/ddos-guard/"),
)
"""What the pages of walls against robots carry: Cloudflare, Imperva, DataDome, HUMAN, AWS WAF, DDoS-Guard."""

_RETRIED = frozenset(
    {
        FetchOutcome.TIMEOUT,
        FetchOutcome.DNS_ERROR,
        FetchOutcome.CONNECT_ERROR,
        FetchOutcome.TLS_ERROR,
        FetchOutcome.PROTOCOL_ERROR,
        FetchOutcome.RATE_LIMITED,
        FetchOutcome.HTTP_ERROR,
        FetchOutcome.NOT_FOUND,
        FetchOutcome.EMPTY_BODY,
        FetchOutcome.ROBOTS_UNREACHABLE,
    }
)
"""Failures that may pass. A page that is read badly today is read as badly tomorrow, and a wall is an answer."""

_HTML = re.compile(r"\A\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)
_HEAD = 4096
_XML_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*>")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_LATIN = frozenset({"ascii", "iso8859-1"})

_NOT_FREE = re.compile(r'"isAccessibleForFree"\s*:\s*(?:false|"(?:false|no)"|"?https?://schema\.org/False)', re.I)
_FOR_SUBSCRIBERS = re.compile(
    r"\bsubscribe (?:now |today )?to (?:continue|keep|read|unlock)|\bto (?:continue|keep) reading\b|"
    r"\balready (?:an? (?:\w+ )?)?(?:subscriber|subscribed|member)\b|\bfor subscribers only\b|"
    r"\b(?:only|exclusively|available) (?:for|to) (?:our )?subscribers\b|"
    r"\b(?:log|sign) in to (?:continue|read)\b",
    re.IGNORECASE,
)
_CONSENT_HOST = re.compile(r"^(?:consents?|guce|cmp)\.")
_CONSENT_PATH = re.compile(r"/(?:consent|gdpr|cookie-?wall|privacy-?(?:gate|wall))(?:/|$)", re.IGNORECASE)
_PUBLISHED = re.compile(
    r"<meta[^>]{0,200}article:published_time[^>]{0,200}?content\s*=\s*[\"']([^\"']{8,60})|"
    r"\"datePublished\"\s*:\s*\"([^\"]{8,60})\"",
    re.IGNORECASE,
)
_LANGUAGE = re.compile(r"<html\b[^>]{0,300}?\slang\s*=\s*[\"']?([A-Za-z-]{2,20})", re.IGNORECASE)
_COOKIES = re.compile(r"\bcookies?\b", re.IGNORECASE)
_MANY_COOKIES = 3

_AGENT_LINE = re.compile(r"^[\s\ufeff]*user(?:-|\s*)agent[\s:]+(?P<name>[^#]*)", re.IGNORECASE)
_SOMEBODY_ELSE = "other"


def require() -> None:
    """Raise MissingExtraError unless what the extra brings is there. Imports nothing."""
    if any(importlib.util.find_spec(name) is None for name in ("trafilatura", "protego")):
        raise MissingExtraError("full_text in feeds.yaml", "fulltext")


def is_due(page: Page, now: datetime) -> bool:
    """Is the page to be asked for: for the first time, or once more after a failure that may have passed?"""
    if page.last_outcome is None or page.last_at is None:
        return True
    wait = RETRY_AFTER * 4 ** (page.tries - 1)
    return page.last_outcome in _RETRIED and page.tries < MAX_TRIES and now - page.last_at >= wait


# ---------------------------------------------------------------------- the page


def _decoded(body: bytes, content_type: str) -> str:
    for mark, name in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        pass
    declared = _CHARSET.search(content_type) or _CHARSET.search(body[:_HEAD].decode("ascii", "replace"))
    try:
        name = codecs.lookup(declared[1]).name if declared else "cp1252"
        return body.decode("cp1252" if name in _LATIN else name, "replace")
    except (LookupError, UnicodeError):
        return body.decode("cp1252", "replace")


@functools.cache
def _extractor() -> Any:
    import trafilatura

    for name in ("trafilatura", "htmldate", "courlan", "justext"):
        # Each discarded document would be a line on stderr, a pipe that nobody empties before the process ends.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return trafilatura.bare_extraction


def _article(document: str, url: str) -> str:
    found = _extractor()(
        document, url=url, fast=True, include_comments=False, include_tables=False, with_metadata=False
    )
    lines = (plain(line) for line in found.text.splitlines()) if found and found.text else ()
    return "\n".join(filter(None, lines))


def _moved_to_consent(asked: str, final: str | None) -> bool:
    if final is None or final == asked:
        return False
    parts = urlsplit(final)
    return bool(_CONSENT_HOST.search(parts.hostname or "") or _CONSENT_PATH.search(parts.path))


def _stands_before(fetched: Fetched, document: str, text: str) -> Rejected | None:
    """What a short text is instead of the article, as far as it says so."""
    if any(sign in fetched.body for sign in CHALLENGES) and len(text.split()) < MIN_WORDS:
        return Rejected(FetchOutcome.FORBIDDEN, "a challenge page against robots came back instead of the article")
    if len(_COOKIES.findall(text)) >= _MANY_COOKIES:
        return Rejected(FetchOutcome.CONSENT_PAGE, "a page about cookies came back instead of the article")
    if _NOT_FREE.search(document) or _FOR_SUBSCRIBERS.search(text):
        return Rejected(FetchOutcome.PAYWALL, "only the beginning of the article is shown to who does not subscribe")
    return None


def _read(fetched: Fetched, most: int) -> PageText | Rejected:
    if fetched.outcome is not FetchOutcome.OK:
        return Rejected(FetchOutcome.PROTOCOL_ERROR, fetched.error or "the page came in parts")
    if _moved_to_consent(fetched.feed.url, fetched.final_url):
        return Rejected(FetchOutcome.CONSENT_PAGE, f"redirected to a question about consent: {fetched.final_url}"[:300])
    kind = fetched.headers.get("content-type", "")
    document = _decoded(fetched.body, kind).replace("\0", "")
    if "html" not in kind and not _HTML.search(document[:_HEAD]):
        return Rejected(FetchOutcome.NOT_HTML, "the page is not HTML")
    text = _article(_XML_DECLARATION.sub("", document), fetched.final_url or fetched.feed.url)
    words = len(text.split())
    if words < STUB_WORDS and (instead := _stands_before(fetched, document, text)):
        return instead
    if words < MIN_WORDS:
        return Rejected(FetchOutcome.TOO_SHORT, f"{words} words are no article; {MIN_WORDS} are the least")
    if len(text) <= most:
        return PageText(text)
    return PageText(text[:most].rsplit(maxsplit=1)[0], f"the text is longer than {most:,} characters and was cut")


def extract(fetched: Fetched, most: int) -> PageText | Rejected:
    """The text of an article's page, at most `most` characters; or what the page is instead."""
    try:
        return _read(fetched, most)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - extractors raise many types on hostile input; all mean the same
        return Rejected(
            FetchOutcome.PARSER_ERROR,
            f"the extractor failed on this page: {type(error).__name__}: {clean(str(error))[:200]}",
        )


def article(fetched: Fetched, most: int) -> ParsedFeed | Rejected:
    """A page as a feed of one entry: the headline, lead and date that it gives itself. `title` names the site.

    The lead is the page's own description, or where it has none its first words.
    """
    found = extract(fetched, most)
    if isinstance(found, Rejected):
        return found
    try:
        return _described(fetched, found)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - as in `extract`
        return Rejected(
            FetchOutcome.PARSER_ERROR,
            f"the extractor failed on this page: {type(error).__name__}: {clean(str(error))[:200]}",
        )


def _described(fetched: Fetched, found: PageText) -> ParsedFeed | Rejected:
    from trafilatura import extract_metadata

    document = _decoded(fetched.body, fetched.headers.get("content-type", "")).replace("\0", "")
    url = fetched.final_url or fetched.feed.url
    about = extract_metadata(_XML_DECLARATION.sub("", document), url, extensive=False)
    title = plain(about.title or "")
    if not title:
        return Rejected(FetchOutcome.PARSER_ERROR, "the page has no headline")
    published, language = _PUBLISHED.search(document), _LANGUAGE.search(document)
    raw = published[1] or published[2] if published else about.date
    words = first_words(" ".join(without_heading(found.text, title).splitlines()), LEAD_WORDS)
    entry = Entry(
        title=title,
        summary=plain(about.description or "") or words,
        link=url,
        published=dates.read(raw) or dates.read(about.date),
        published_raw=clean(raw or "")[:200] or None,
        author=plain(about.author or "") or None,
    )
    return ParsedFeed(plain(about.sitename or ""), "page", language[1] if language else None, (entry,))


def without_heading(text: str, title: str) -> str:
    """The text of a page from its first sentence on: without headline, byline, date and section above it."""
    lines = text.splitlines()
    headline = fold(title).split()
    start = next(
        (i for i, line in enumerate(lines) if len(line.split()) >= MIN_LINE and fold(line).split() != headline), 0
    )
    return "\n".join(lines[start:])


# ---------------------------------------------------------------------- robots.txt


def robots_from(origin: str, fetched: Fetched) -> Robots | None:
    """What the answer to a request for robots.txt says; None where none was made, which says why of the page as well.

    4xx leaves everything open, 5xx and no answer nothing (RFC 9309, 2.3.1). Against that RFC, 429 is no leave: it says
    that there are too many requests already.
    """
    refused = fetched.outcome is FetchOutcome.REFUSED_ADDRESS and fetched.status is None
    if refused or not fetched.outcome.attempted:
        return None
    now, status, wait = fetched.started_at, fetched.status or 0, fetched.wait_until
    if fetched.outcome in {FetchOutcome.OK, FetchOutcome.EMPTY_BODY}:
        rules = fetched.body[:MAX_ROBOTS].decode("utf-8", "replace").replace("\0", "")
        return Robots(origin, Access.RULES, now, now + ROBOTS_FRESH, rules)
    if 400 <= status < 500 and fetched.outcome is not FetchOutcome.RATE_LIMITED:
        return Robots(origin, Access.ALL, now, now + ROBOTS_FRESH, reason=fetched.error or "")
    until = max(now + ROBOTS_RETRY, wait or now)
    return Robots(origin, Access.NOT_NOW, now, until, reason=fetched.error or fetched.outcome.value, wait_until=wait)


def _concerning(agent: str, rules: str) -> str:
    """The rules with all agents that are not meant called by one name.

    protego keeps each rule once for each agent of its group: half a megabyte of names and rules would be gigabytes.
    """

    def renamed(line: str) -> str:
        found = _AGENT_LINE.match(line)
        if not found or not (name := found["name"].strip().lower()):
            return line
        bare = name.replace("*", "").partition("/")[0].strip()
        return f"User-agent: {agent if bare == agent else _SOMEBODY_ELSE if bare else '*'}"

    return "\n".join(map(renamed, rules.splitlines()))


@functools.lru_cache(maxsize=256)
def _parsed(rules: str, agent: str) -> Any:
    from protego import Protego

    return Protego.parse(_concerning(agent, rules))


def permits(robots: Robots, url: str, agent: str) -> bool:
    """May `agent`, a product token such as "media-coverage", ask for an address of this origin?"""
    if robots.access is Access.RULES:
        return bool(_parsed(robots.rules, agent).can_fetch(url, agent))
    return robots.access is Access.ALL


def crawl_delay(robots: Robots | None, agent: str) -> float:
    """Seconds that robots.txt wants between two requests of `agent`; at most MAX_CRAWL_DELAY."""
    if robots is None or robots.access is not Access.RULES:
        return 0.0
    return min(float(_parsed(robots.rules, agent).crawl_delay(agent) or 0), MAX_CRAWL_DELAY)
