"""The values that travel between the stages. All are frozen; all times are aware UTC.

feeds.yaml ─config─► Feed ─fetch─► Fetched ─parse─► ParsedFeed(Entry…) ─identity─► Sighting
Sighting ─store─► rows ─topic─► GateDecision ─classify─► Framing ─store─► rows ─aggregate─► report
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class FeedKind(StrEnum):
    """How the entries of a feed relate to its outlet."""

    FEED = "feed"
    """The outlet publishes what the feed lists."""
    SEARCH = "search"
    """A search engine lists other outlets' articles; each entry names its own outlet."""


@dataclass(frozen=True, slots=True)
class Outlet:
    """A publisher. `country` is ISO 3166 alpha-2; `group` a coarse viewpoint from feeds.yaml.

    `aliases` are other names or hosts under which search feeds list the outlet ("BBC", "bbc.com").
    """

    name: str
    country: str | None
    group: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Feed:
    """One address to poll."""

    url: str
    outlet: Outlet
    kind: FeedKind = FeedKind.FEED


@dataclass(frozen=True, slots=True)
class FeedState:
    """What the last good answer of a feed left behind, sent back verbatim."""

    etag: str | None = None
    last_modified: str | None = None
    body_sha256: str | None = None


class FetchOutcome(StrEnum):
    """How one attempt ended. The first four count as a success."""

    OK = "ok"
    DAMAGED = "damaged"
    """Readable entries in a document that is not well-formed."""
    NOT_MODIFIED = "not_modified"
    """304: the server says that nothing changed."""
    UNCHANGED = "unchanged"
    """200 with the same bytes as before."""
    EMPTY_BODY = "empty_body"
    NOT_A_FEED = "not_a_feed"
    """Something else came back: most often a consent, maintenance or challenge page in HTML."""
    GONE = "gone"
    NOT_FOUND = "not_found"
    FORBIDDEN = "forbidden"
    """401 or 403: often a wall against robots."""
    RATE_LIMITED = "rate_limited"
    HTTP_ERROR = "http_error"
    BAD_REDIRECT = "bad_redirect"
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"
    REFUSED_ADDRESS = "refused_address"
    """The host resolves to a private or otherwise non-public address."""
    DNS_ERROR = "dns_error"
    CONNECT_ERROR = "connect_error"
    TLS_ERROR = "tls_error"
    PROTOCOL_ERROR = "protocol_error"
    """The answer broke off or is not HTTP."""
    PARSER_ERROR = "parser_error"
    """The parser failed on this document; the document is at fault, or the parser is."""

    @property
    def succeeded(self) -> bool:
        return self in _SUCCEEDED


_SUCCEEDED = frozenset({FetchOutcome.OK, FetchOutcome.DAMAGED, FetchOutcome.NOT_MODIFIED, FetchOutcome.UNCHANGED})


@dataclass(frozen=True, slots=True)
class Fetched:
    """One attempt to get a feed: the answer, or why there is none.

    `body` is empty unless `outcome` is OK. `headers` has lower-case names. `error` is one sentence.
    """

    feed: Feed
    outcome: FetchOutcome
    started_at: datetime
    elapsed_ms: int
    status: int | None = None
    final_url: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    body_sha256: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of a feed as published: plain text, no markup; `published` None when there is no usable date."""

    title: str
    summary: str
    link: str | None = None
    guid: str | None = None
    published: datetime | None = None
    published_raw: str | None = None
    source_title: str | None = None
    source_url: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedFeed:
    """A document that was understood. `language` as declared; `damage` says what was wrong with it."""

    title: str
    version: str
    language: str | None
    entries: tuple[Entry, ...]
    damage: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A document that was not understood, and why."""

    outcome: FetchOutcome
    error: str


class IdKind(StrEnum):
    """What identifies an article, best first."""

    URL = "url"
    URL_AND_ENTRY = "url+entry"
    """Several different entries of one document share the link."""
    GUID = "guid"
    TEXT = "text"
    """Neither link nor guid: title, summary and date."""


class DateSource(StrEnum):
    """Where the publication time of an article comes from."""

    FEED = "feed"
    FIRST_SEEN = "first_seen"
    """The feed gave none, or one that cannot be true."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """An entry with its identity, ready to be stored.

    `key` identifies the article across feeds; `story_key` groups the same text under many mastheads.
    """

    entry: Entry
    outlet: Outlet
    key: str
    id_kind: IdKind
    url: str | None
    published_at: datetime
    date_source: DateSource
    language: str | None
    language_source: str
    text_sha256: str
    story_key: str


@dataclass(frozen=True, slots=True)
class GateDecision:
    """Whether a text is passed on to the classifier, at which stage that was decided, and why."""

    passed: bool
    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class Text:
    """What a classifier may read of an article: headline and lead."""

    title: str
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Framing:
    """A classifier's answer for one text. Probabilities are calibrated and lie in 0..1.

    `label` is hopeful_peace, appeasement, mixed or neither and says nothing about relevance;
    `leaning` is the likelier of the two frames; `evidence` the sentence that decided.
    """

    relevant: bool
    label: str
    leaning: str
    uncertain: bool
    p_relevant: float
    p_hope: float
    p_appease: float
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class FeedResult:
    """What one feed brought in a run; a row of the table `fetch`."""

    feed_url: str
    outlet: str
    outcome: FetchOutcome
    status: int | None
    elapsed_ms: int
    entries: int = 0
    new_articles: int = 0
    new_versions: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One pass of the pipeline. `exit_code` as in docs/cron.md."""

    run_id: int
    started_at: datetime
    finished_at: datetime
    exit_code: int
    database: str
    feeds: tuple[FeedResult, ...]
    entries: int
    new_articles: int
    new_versions: int
    passed_gate: int
    labelled: int
    relevant: int
    days_aggregated: int
    model_id: str
