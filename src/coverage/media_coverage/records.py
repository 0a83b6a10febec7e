"""The values that travel between the stages. All are frozen; all times are aware UTC.

feeds.yaml ─config─► Feed ─fetch─► Fetched ─parse─► ParsedFeed(Entry…) ─identity─► Sighting
Sighting ─store─► rows ─topic─► GateDecision ─classify─► Framing ─store─► rows ─aggregate─► report
and, where feeds.yaml asks for it, before classify: Page ─fetch─► Fetched ─fulltext─► PageText, Lead ─store─► rows
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
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

    `aliases` are other names or hosts under which search feeds list the outlet ("BBC", "bbc.com"); `genre` is what all
    of its texts are, if they are of one kind.
    """

    name: str
    country: str | None
    group: str
    aliases: tuple[str, ...] = ()
    genre: str | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """One address to poll. `title` is what feed readers call it, where that is not the outlet's name; `genre` is what
    all that it lists is.
    """

    url: str
    outlet: Outlet
    kind: FeedKind = FeedKind.FEED
    title: str | None = None
    genre: str | None = None


@dataclass(frozen=True, slots=True)
class FeedState:
    """What the last good answer of a feed left behind: validators, sent back verbatim, and the body's hash.

    `address` is where a permanent move has led; None while it is the one in feeds.yaml.
    """

    etag: str | None = None
    last_modified: str | None = None
    body_sha256: str | None = None
    address: str | None = None


class FetchOutcome(StrEnum):
    """How one attempt ended. The first four count as a success; four say that nobody was asked."""

    OK = "ok"
    DAMAGED = "damaged"
    """Readable entries in a document that is not well-formed, or whose compression breaks off."""
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
    PARSER_KILLED = "parser_killed"
    """The parser had to be stopped on this document, or died of it: too long, too much memory, a crash."""
    HELD_BACK = "held_back"
    """Not asked: its host wants to be left alone for a while (Retry-After)."""
    NOT_REACHED = "not_reached"
    """Not asked, or not waited for to the end: the run's deadline came first."""

    # Only pages of articles end so, never feeds.
    DISALLOWED = "disallowed"
    """Not asked: robots.txt of the host forbids it."""
    ROBOTS_UNREACHABLE = "robots_unreachable"
    """Not asked: robots.txt could not be had, so nobody knows what it forbids."""
    NOT_HTML = "not_html"
    CONSENT_PAGE = "consent_page"
    PAYWALL = "paywall"
    """The beginning of a text that is for subscribers."""
    TOO_SHORT = "too_short"
    """Too few words for an article: a video, a form, or a page that scripts would fill."""
    OTHER_LANGUAGE = "other_language"
    """The classifier does not read the page's language."""

    @property
    def succeeded(self) -> bool:
        return self in _SUCCEEDED

    @property
    def attempted(self) -> bool:
        """Was it asked for and given its time to answer?"""
        return self not in _NOT_ATTEMPTED


_NOT_ATTEMPTED = frozenset(
    {FetchOutcome.HELD_BACK, FetchOutcome.NOT_REACHED, FetchOutcome.DISALLOWED, FetchOutcome.ROBOTS_UNREACHABLE}
)
_SUCCEEDED = frozenset({FetchOutcome.OK, FetchOutcome.DAMAGED, FetchOutcome.NOT_MODIFIED, FetchOutcome.UNCHANGED})


@dataclass(frozen=True, slots=True)
class Fetched:
    """One attempt to get a feed: the answer, or why there is none. Pages and robots.txt are asked for as feeds are.

    `body` is empty unless `outcome` is OK or DAMAGED. `headers` has lower-case names. `error` is one sentence.
    `conditional` says whether validators were sent, `moved_to` where permanent redirects led, `wait_until` how long
    the answering host is to be left alone.
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
    conditional: bool = False
    moved_to: str | None = None
    wait_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is kept of one attempt to decide on the next; a row of the table `fetch`.

    `seen_before` counts the entries that the feed had listed earlier, None where nothing can be compared.
    `lying_304` says that there were new entries under validators that would have been answered with 304,
    `may_have_lost` that no entry had been listed before.
    """

    at: datetime
    outcome: FetchOutcome
    status: int | None = None
    entries: int = 0
    seen_before: int | None = None
    lying_304: bool = False
    moved_to: str | None = None
    wait_until: datetime | None = None
    fresh_until: datetime | None = None
    fresh_by: str | None = None
    error: str | None = None
    may_have_lost: bool = False


@dataclass(frozen=True, slots=True)
class FeedHistory:
    """The last attempts at a feed, oldest first, and what reaches further back.

    `total` counts all attempts ever, `full_at` is when a whole document last came, `off_since` when the feed was
    switched off because its server called it gone.
    """

    attempts: tuple[Attempt, ...] = ()
    total: int = 0
    full_at: datetime | None = None
    off_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One article in one feed: when it was published, and when the feed was first seen to list it."""

    published_at: datetime
    first_seen_at: datetime


@dataclass(frozen=True, slots=True)
class FeedRecord:
    """What is stored of one feed to judge its health by.

    `listed` are the articles that it listed last, newest first. `failing_since` is the first failure after
    `last_success_at`, however far back. `held_back` says from when to when runs have left the feed alone since its
    last attempt, for its host's sake. `address` is where it is asked now, `moved_at` since when.
    """

    url: str
    outlet: str
    history: FeedHistory = FeedHistory()
    listed: tuple[Listed, ...] = ()
    first_success_at: datetime | None = None
    last_success_at: datetime | None = None
    failing_since: datetime | None = None
    held_back: tuple[datetime, datetime] | None = None
    address: str | None = None
    moved_at: datetime | None = None


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
    author: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedFeed:
    """A document that was understood. `language` as declared; `damage` says what was wrong with it.

    `cut` says what was left out of it because it was too long. `fresh_for` is how long the publisher wants to be
    left alone between two requests (ttl, sy:updatePeriod).
    """

    title: str
    version: str
    language: str | None
    entries: tuple[Entry, ...]
    damage: str | None = None
    fresh_for: timedelta | None = None
    cut: str | None = None


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
    URL = "url"
    """The feed gave none, or one that cannot be true; the address names the day, whose first second is taken."""
    FIRST_SEEN = "first_seen"
    """Neither names a time that can be true."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """An entry with its identity, ready to be stored.

    `key` identifies the article across feeds. `agency` is credited by `agency_words`.
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
    agency: str | None = None
    agency_words: str | None = None


class FullText(StrEnum):
    """Of which articles of an outlet the page is read, among those that passed the keyword gate."""

    NONE = "none"
    WITHOUT_LEAD = "without lead"
    """Those for which the feed gives a headline and no lead."""
    ALL = "all"


class SummarySource(StrEnum):
    """Where the lead of a wording comes from."""

    FEED = "feed"
    PAGE = "page"
    """The feed gave none; these are the first words of the article's page."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Archived:
    """A row of an archive, ready to be stored.

    `kind` says whether its address is the publisher's own or one that a search engine gave; `headline` and `bands` are
    the numbers under which stories index its text, `gate` is the decision on it. `row` counts from 1.
    """

    row: int
    sighting: Sighting
    kind: FeedKind
    headline: int
    bands: tuple[int, ...]
    gate: GateDecision
    summary_source: SummarySource = SummarySource.FEED


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """What became of the rows of a file: `rows` is the sum of the others."""

    rows: int = 0
    articles: int = 0
    versions: int = 0
    known: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class ImportFile:
    """How far the import of a file has come; `finished_at` is when its last row was done."""

    import_id: int
    counts: ImportCounts
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Page:
    """The page of an article, to be asked for because of one wording. `declared` when its feed declares the language.

    `tries` counts the attempts so far, `last_outcome` and `last_at` tell of the last one.
    """

    version_id: int
    url: str
    title: str
    outlet: Outlet
    source: SummarySource
    language: str | None = None
    declared: bool = False
    agency: str | None = None
    agency_words: str | None = None
    tries: int = 0
    last_outcome: FetchOutcome | None = None
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PageText:
    """The text of an article as its page gives it: plain, one paragraph a line. `cut` says that it was longer."""

    text: str
    cut: str | None = None


class Access(StrEnum):
    """What robots.txt of an origin leaves open, by how it was answered (RFC 9309, 2.3.1)."""

    RULES = "rules"
    """It came: its rules decide."""
    ALL = "all"
    """The server has none for us (4xx): everything may be asked for."""
    NOT_NOW = "not now"
    """5xx, no answer or a wish to be left alone: nothing may be asked for until it can be had."""


@dataclass(frozen=True, slots=True)
class Robots:
    """The robots.txt of one origin ("https://ledger.example"). `reason` says why the access is what it is.

    It is not asked for again before `expires_at`; `wait_until` is how long its host wants to be left alone.
    """

    origin: str
    access: Access
    fetched_at: datetime
    expires_at: datetime
    rules: str = ""
    reason: str = ""
    wait_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lead:
    """A wording made of a known headline and the first words of the page."""

    summary: str
    language: str | None
    language_source: str
    text_sha256: str
    agency: str | None = None
    agency_words: str | None = None


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
class Frame:
    """One of the two frames of a topic, from feeds.yaml.

    `name` is the label that a text with this frame alone gets, `output` the classifier's output for it; both are
    columns of the database. `title` and `description` are for readers and may change: they do not count when frames
    are compared.
    """

    name: str
    output: str
    title: str = field(compare=False)
    description: str = field(default="", compare=False)

    @property
    def words(self) -> str:
        """The title as it stands inside a sentence: "a turning point", but "NATO at fault"."""
        return self.title if self.title[1:2].isupper() else self.title[:1].lower() + self.title[1:]


@dataclass(frozen=True, slots=True)
class Framing:
    """A classifier's answer for one text. Probabilities are calibrated and lie in 0..1.

    `label` is the name of a frame, mixed or neither, and says nothing about relevance; `leaning` is the likelier of
    the two frames, `p` their probabilities in the order of the frames; `evidence` the sentence that decided. `p_own` is
    the probability that the outlet itself speaks the frame, alone or beside somebody whom it quotes; None where the
    label is neither, or the model does not tell voices.
    """

    relevant: bool
    label: str
    leaning: str
    uncertain: bool
    p_relevant: float
    p: tuple[float, float]
    evidence: str = ""
    p_own: float | None = None


@dataclass(frozen=True, slots=True)
class Code:
    """What one coder says about one text. `frames` in the order of the topic's frames, both False where not relevant.

    `certainty` is 1 sure, 2 leaning, 3 coin-flip; `purpose` training, or audit for what models must not learn from.
    `voice` says who speaks the frames: outlet, quoted or both, None where there is none or nobody asked; `genre` is one
    of genre.GENRES, None where the coder did not say. `kind` is
    individual, or adjudicated where it settles what coders disagreed about. `sample` names the sample it belongs to,
    `session` the sitting; `coded_at` is aware UTC, None for the time of storing.
    """

    version_id: int
    coder: str
    codebook_version: str
    relevant: bool
    frames: tuple[bool, bool] = (False, False)
    certainty: int = 1
    purpose: str = "training"
    voice: str | None = None
    note: str = ""
    kind: str = "individual"
    sample: str | None = None
    session: str | None = None
    coded_at: datetime | None = None
    genre: str | None = None


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
class Pruned:
    """What `prune` removed, or would remove: articles and versions that lost their text, and its characters."""

    articles: int
    versions: int
    characters: int


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One pass of the pipeline. `exit_code` as in docs/cron.md.

    `feeds` are those asked, held back or not reached; `not_due` counts those whose time had not come, `off` those
    switched off because their server called them gone. `pages` of articles were asked for, `pages_read` gave a text.
    """

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
    not_due: int = 0
    off: int = 0
    pages: int = 0
    pages_read: int = 0


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a report raises an alert (`alerts` in feeds.yaml); each only together with what alerts.py asks beside it."""

    silent_days: float = 14
    """So long without anything new, when that is longer than usual for the feed."""
    volume_factor: float = 2.0
    """So many times as many, or as few, on-topic articles as usual."""
    shift_points: float = 10
    """So many percentage points from one point of the trend to the next."""
    drift: bool = True
    """Whether the classifier's probabilities are watched."""
