"""Render the bundled sample feeds from the authored texts in ``tools/samples/``.

Every outlet, article, event and quote in the samples is invented.  One JSON
Lines file per feed holds the texts and the codes they were written to have;
this script adds links, identifiers and dates and writes them in the formats
and encodings that real feeds come in, in two editions: the feeds as fetched
first, and those that had changed when they were fetched again.

    python tools/build_samples.py            write the samples
    python tools/build_samples.py --check    exit 1 if they differ from the texts

The output depends on nothing but the texts and this file.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HERE = Path(__file__).resolve().parent
TEXTS = HERE / "samples"
SAMPLES = HERE.parent / "src" / "coverage" / "media_coverage" / "samples"

# When each edition was fetched; no entry of an edition is younger.
EDITIONS = {
    "first": datetime(2026, 2, 26, 6, 0, tzinfo=UTC),
    "second": datetime(2026, 3, 1, 18, 0, tzinfo=UTC),
}
INVENTED = "Invented for demonstration: this outlet, its articles, the events and all quotes are fiction."
TRACKING = "utm_source=rss&utm_medium=feed&utm_campaign=daily"

# code: (relevant, hope, appease).  K is a neutral item that celebrates a gain for Moscow.
CODES = {
    "O": (0, 0, 0),
    "N": (1, 0, 0),
    "K": (1, 0, 0),
    "H": (1, 1, 0),
    "A": (1, 0, 1),
    "M": (1, 1, 1),
}

EVENTS = [
    ("2026-01-12", "Meeting announced"),
    ("2026-02-03", "Valletta summit"),
    ("2026-02-17", "Prisoner exchange and phone call"),
]

# High recall on purpose: one line per idea, a model judges relevance afterwards.
QUERY = [
    '((trump* OR "white house" OR washington OR "us envoy" OR "us envoys" OR american)',
    "AND (putin* OR kremlin OR moscow OR russia* OR ukrain* OR kyiv OR zelensky))",
    "OR ((summit OR talks OR truce OR ceasefire OR settlement OR deal)",
    "AND (putin* OR kremlin OR moscow OR russia* OR ukrain* OR kyiv))",
    "OR valletta OR larnaca OR malta",
]


@dataclass(frozen=True)
class Text:
    """A headline and summary with the codes it was written to have."""

    code: str
    title: str
    summary: str


@dataclass(frozen=True)
class Entry:
    """One article in one feed, as published and (where edited) as changed later."""

    at: datetime
    link: str
    guid: str
    text: Text
    edition: str
    later: Text | None = None
    dated: bool = True
    source: tuple[str, str] | None = None  # name and site of the outlet an aggregator credits

    def shown(self, edition: str) -> Text:
        return self.later if edition == "second" and self.later else self.text


@dataclass(frozen=True)
class Feed:
    """A feed's outlet and the way it is published."""

    key: str
    outlet: str
    country: str | None
    group: str
    render: Callable[[Feed, list[Entry], str], str]
    form: str  # the format in words, for the README
    path: str = "{day:%Y/%m/%d}/{slug}"
    encoding: str = "utf-8"
    hours: float = 0  # offset of its dates from UTC
    language: str = "en"
    guid: str = "permalink"  # or "opaque", "none"
    html: bool = False  # summaries are HTML
    tracked: bool = False  # links carry tracking parameters
    truncated: bool = False
    kind: str = ""

    @property
    def site(self) -> str:
        return f"https://{self.key.replace('_', '-')}.example/"

    def local(self, at: datetime) -> datetime:
        return at.astimezone(timezone(timedelta(hours=self.hours)))


# ---------------------------------------------------------------- formats


def plain(text: str) -> str:
    return escape(text)


def cdata(text: str) -> str:
    return f"<![CDATA[{text}]]>"


def rfc822(feed: Feed, at: datetime) -> str:
    return format_datetime(feed.local(at))


def w3c(feed: Feed, at: datetime) -> str:
    return feed.local(at).isoformat()


def entities(html: str) -> str:
    """Write punctuation as the named entities that content systems like to emit."""
    for character, name in (("’", "rsquo"), ("‘", "lsquo"), ("–", "ndash"), ("—", "mdash")):
        html = html.replace(character, f"&{name};")
    return html


def published_link(feed: Feed, entry: Entry) -> str:
    return f"{entry.link}?{TRACKING}" if feed.tracked else entry.link


def head(feed: Feed) -> str:
    """The XML declaration, and the note that nobody should miss who opens the file."""
    return f'<?xml version="1.0" encoding="{feed.encoding}"?>\n<!-- {INVENTED} -->\n'


def lantern_html(feed: Feed, entry: Entry, summary: str) -> str:
    link = escape(published_link(feed, entry))
    paragraph = f"<p>{entities(summary)}</p>\n" if summary else ""
    return f'{paragraph}<p><a href="{link}">Read on</a>&nbsp;&raquo;</p>'


def search_html(entry: Entry, title: str, outlet: str) -> str:
    """Aggregators put a link and the outlet's name where the summary should be."""
    return (
        f'<a href="{entry.link}" target="_blank">{escape(title)}</a>'
        f'&nbsp;&nbsp;<font color="#6f6f6f">{escape(outlet)}</font>'
    )


def rss_description(feed: Feed, entry: Entry, text: Text) -> str | None:
    if feed.html:
        return cdata(lantern_html(feed, entry, text.summary))
    if entry.source:
        return escape(search_html(entry, text.title, entry.source[0]))
    return escape(text.summary) or None


def rss20(feed: Feed, entries: list[Entry], edition: str) -> str:
    wrap = cdata if feed.html else plain
    out = [
        head(feed),
        '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/">\n<channel>\n',
        f"<title>{wrap(feed.outlet)}</title>\n<link>{feed.site}</link>\n",
        f"<description>{wrap(INVENTED)}</description>\n<language>{feed.language}</language>\n",
        f"<lastBuildDate>{rfc822(feed, EDITIONS[edition])}</lastBuildDate>\n<ttl>60</ttl>\n",
    ]
    for entry in entries:
        text = entry.shown(edition)
        title = f"{text.title} - {entry.source[0]}" if entry.source else text.title
        out.append(f"<item>\n<title>{wrap(title)}</title>\n")
        out.append(f"<link>{escape(published_link(feed, entry))}</link>\n")
        description = rss_description(feed, entry, text)
        if description:
            out.append(f"<description>{description}</description>\n")
        if feed.guid == "permalink":
            out.append(f'<guid isPermaLink="true">{entry.link}</guid>\n')
        elif feed.guid == "opaque":
            out.append(f'<guid isPermaLink="false">{entry.guid}</guid>\n')
        if entry.dated:
            out.append(f"<pubDate>{rfc822(feed, entry.at)}</pubDate>\n")
        if entry.source:
            name, site = entry.source
            out.append(f"<source url={quoteattr(site)}>{escape(name)}</source>\n")
        out.append("</item>\n")
    out.append("</channel>\n</rss>\n")
    return "".join(out)


def rss091(feed: Feed, entries: list[Entry], edition: str) -> str:
    out = [
        head(feed),
        '<rss version="0.91">\n<channel>\n',
        f"<title>{escape(feed.outlet)}</title>\n<link>{feed.site}</link>\n",
        f"<description>{escape(INVENTED)}</description>\n<language>{feed.language}</language>\n",
    ]
    for entry in entries:
        text = entry.shown(edition)
        out.append(f"<item>\n\t<title>\n\t\t{escape(text.title)}\n\t</title>\n")
        out.append(f"\t<link>{entry.link}</link>\n")
        if text.summary:
            out.append(f"\t<description>{escape(text.summary)}</description>\n")
        out.append(f"\t<pubDate>{rfc822(feed, entry.at)}</pubDate>\n</item>\n")
    out.append("</channel>\n</rss>\n")
    return "".join(out)


def rss10(feed: Feed, entries: list[Entry], edition: str) -> str:
    out = [
        head(feed),
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"\n',
        ' xmlns:dc="http://purl.org/dc/elements/1.1/">\n',
        f'<channel rdf:about="{feed.site}">\n<title>{escape(feed.outlet)}</title>\n',
        f"<link>{feed.site}</link>\n<description>{escape(INVENTED)}</description>\n",
        f"<dc:language>{feed.language}</dc:language>\n",
        f"<dc:date>{w3c(feed, EDITIONS[edition])}</dc:date>\n<items>\n<rdf:Seq>\n",
    ]
    out += [f'<rdf:li rdf:resource="{entry.link}"/>\n' for entry in entries]
    out.append("</rdf:Seq>\n</items>\n</channel>\n")
    for entry in entries:
        text = entry.shown(edition)
        out.append(f'<item rdf:about="{entry.link}">\n<title>{escape(text.title)}</title>\n')
        out.append(f"<link>{entry.link}</link>\n")
        if text.summary:
            out.append(f"<description>{escape(text.summary)}</description>\n")
        out.append(f"<dc:date>{w3c(feed, entry.at)}</dc:date>\n</item>\n")
    out.append("</rdf:RDF>\n")
    return "".join(out)


def atom(feed: Feed, entries: list[Entry], edition: str) -> str:
    """Atom with plain-text summaries and absolute links."""
    updated = w3c(feed, EDITIONS[edition])
    out = [
        head(feed),
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="{feed.language}">\n',
        f"<title>{escape(feed.outlet)}</title>\n<subtitle>{escape(INVENTED)}</subtitle>\n",
        f'<id>{feed.site}</id>\n<link rel="alternate" href="{feed.site}"/>\n',
        f"<updated>{updated}</updated>\n",
    ]
    for entry in entries:
        text = entry.shown(edition)
        changed = entry.later is not None and text is entry.later
        out.append(f'<entry>\n<title type="text">{escape(text.title)}</title>\n')
        out.append(f'<link rel="alternate" type="text/html" href="{entry.link}"/>\n')
        out.append(f"<id>{entry.guid}</id>\n<published>{w3c(feed, entry.at)}</published>\n")
        out.append(f"<updated>{updated if changed else w3c(feed, entry.at)}</updated>\n")
        if text.summary:
            out.append(f'<summary type="text">{escape(text.summary)}</summary>\n')
        out.append("</entry>\n")
    out.append("</feed>\n")
    return "".join(out)


def atom_html(feed: Feed, entries: list[Entry], edition: str) -> str:
    """Atom with HTML-escaped content and links relative to ``xml:base``."""
    updated = w3c(feed, EDITIONS[edition])
    out = [
        head(feed),
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en-GB" xml:base="{feed.site}">\n',
        f'<title type="html">{escape(escape(feed.outlet))}</title>\n',
        f"<subtitle>{escape(INVENTED)}</subtitle>\n",
        f'<id>tag:{feed.site[8:-1]},2026:feed</id>\n<link href="./"/>\n',
        f"<updated>{updated}</updated>\n",
    ]
    for entry in entries:
        text = entry.shown(edition)
        changed = entry.later is not None and text is entry.later
        relative = entry.link.removeprefix(feed.site)
        out.append(f'<entry>\n<title type="html">{escape(entities(escape(text.title)))}</title>\n')
        out.append(f'<link href="{relative}"/>\n<id>{entry.guid}</id>\n')
        out.append(f"<published>{w3c(feed, entry.at)}</published>\n")
        out.append(f"<updated>{updated if changed else w3c(feed, entry.at)}</updated>\n")
        if text.summary:
            html = f"<p>{entities(escape(text.summary))}</p>"
            out.append(f'<content type="html">{escape(html)}</content>\n')
        out.append("</entry>\n")
    out.append("</feed>\n")
    return "".join(out)


def maintenance(feed: Feed, _entries: list[Entry], _edition: str) -> str:
    """What a server under repair answers, with status 200, where its feed should be."""
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<!-- {INVENTED} -->\n'
        f"<head><title>{escape(feed.outlet)}: back soon</title></head>\n<body>\n"
        "<h1>We are moving the transmitter</h1>\n"
        "<p>Our site is down for maintenance. News on the Trump-Putin talks returns "
        "with the tide.<br>\n<p>Thank you for your patience.\n</body>\n</html>\n"
    )


FEEDS = [
    Feed("meridian_wire", "Meridian Wire", None, "wire", rss20, "RSS 2.0", guid="opaque"),
    Feed("harbour_post", "The Harbour Post", "US", "us_center", rss20, "RSS 2.0", hours=-5),
    Feed(
        "civic_lantern",
        "The Civic Lantern",
        "US",
        "us_left",
        rss20,
        "RSS 2.0, CDATA HTML, tracked links",
        path="stories/{slug}",
        hours=-5,
        guid="opaque",
        html=True,
        tracked=True,
    ),
    Feed(
        "prairie_standard",
        "Prairie Standard",
        "US",
        "us_right",
        rss20,
        "RSS 2.0",
        encoding="windows-1252",
        hours=-6,
    ),
    Feed(
        "thames_courier",
        "The Thames Courier",
        "GB",
        "uk",
        atom_html,
        "Atom 1.0, escaped HTML, xml:base",
        path="{day:%Y/%b}/{slug}",
    ),
    Feed(
        "northern_clarion",
        "Northern Clarion",
        "GB",
        "uk",
        rss20,
        "RSS 2.0 without guids",
        path="{slug}.html",
        guid="none",
    ),
    Feed(
        "sainte_aurelie",
        "Gazette de Sainte-Aurélie (English edition)",
        "FR",
        "europe",
        rss20,
        "RSS 2.0",
        path="en/{slug}",
        encoding="iso-8859-1",
        hours=1,
    ),
    Feed("vistula_gazette", "Vistula Gazette", "PL", "europe", atom, "Atom 1.0", hours=1),
    Feed(
        "hansekurier",
        "Hansekurier",
        "DE",
        "europe",
        rss20,
        "RSS 2.0, in German",
        path="artikel/{slug}",
        hours=1,
        language="de",
    ),
    Feed("dnipro_herald", "Dnipro Bank Herald", "UA", "ukraine", rss10, "RSS 1.0 (RDF)", hours=2),
    Feed(
        "podil_dispatch",
        "Podil Dispatch",
        "UA",
        "ukraine",
        rss20,
        "RSS 2.0, some items without dates",
        hours=2,
        guid="opaque",
    ),
    Feed(
        "zarya_today",
        "Zarya Today",
        "RU",
        "russia_state",
        rss091,
        "RSS 0.91",
        path="news/{number}",
        hours=3,
    ),
    Feed("open_neva", "Open Neva", "LV", "russia_independent", rss20, "RSS 2.0", hours=2),
    Feed("konkan_ledger", "Konkan Ledger", "IN", "global_south", rss20, "RSS 2.0", hours=5.5),
    Feed(
        "nairobi_beacon",
        "Nairobi Beacon",
        "KE",
        "global_south",
        rss20,
        "RSS 2.0",
        encoding="utf-16",
        hours=3,
    ),
    Feed(
        "bosphorus_ledger",
        "Bosphorus Ledger",
        "TR",
        "global_south",
        rss20,
        "RSS 2.0, cut off inside its last item",
        hours=3,
        truncated=True,
    ),
    Feed(
        "newsfinder",
        "Newsfinder search",
        None,
        "aggregator",
        rss20,
        "RSS 2.0 with <source>, summaries repeat the title",
        guid="opaque",
        kind="search",
    ),
    Feed(
        "coastline_radio",
        "Coastline Radio News",
        "US",
        "us_center",
        maintenance,
        "broken: an HTML maintenance page",
    ),
]
BY_KEY = {feed.key: feed for feed in FEEDS}


# ---------------------------------------------------------------- texts to entries


def slug(title: str) -> str:
    ascii_title = unicodedata.normalize("NFKD", title.replace("ß", "ss")).encode("ascii", "ignore")
    words = re.findall(r"[a-z0-9]+", ascii_title.decode().lower())
    return "-".join(words[:9])


def texts(feed: Feed) -> list[dict[str, Any]]:
    path = TEXTS / f"{feed.key}.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def text_of(record: dict[str, Any]) -> Text:
    return Text(record["code"], record["title"], record.get("summary", ""))


def gather() -> dict[str, list[tuple[datetime, dict[str, Any]]]]:
    """All records by the feed they appear in: a feed's own, and the copies it carries."""
    placed: dict[str, list[tuple[datetime, dict[str, Any]]]] = {feed.key: [] for feed in FEEDS}
    for feed in FEEDS:
        for record in texts(feed):
            at = datetime.fromisoformat(record["at"]).replace(tzinfo=UTC)
            placed[feed.key].append((at, record))
            for key, minutes in record.get("copies", {}).items():
                copy = {"from": feed.key, **record}
                if BY_KEY[key].html:
                    copy["summary"] = escape(copy.get("summary", ""))
                copy.pop("later", None)
                placed[key].append((at + timedelta(minutes=minutes), copy))
            if record.get("found"):
                found = {**record, "outlet": feed.outlet, "site": feed.site}
                found.pop("later", None)
                placed["newsfinder"].append((at, found))
    return placed


def make_entry(feed: Feed, number: int, at: datetime, record: dict[str, Any]) -> Entry:
    if feed.kind == "search":
        outlet = record["outlet"]
        site = record.get("site", f"https://{slug(outlet)}.example/")
        token = hashlib.sha256(f"{outlet} {record['title']}".encode()).hexdigest()[:16]
        link, guid, source = f"{feed.site}read/{token}", token, (outlet, site)
    else:
        path = feed.path.format(day=feed.local(at), slug=slug(record["title"]), number=41000 + 17 * number)
        link, source = feed.site + path.lower(), None
        guid = f"{feed.key}-2026-{number:04d}"
        if feed.render in (atom, atom_html):
            guid = f"tag:{feed.site[8:-1]},2026:{number}"
    return Entry(
        at=at,
        link=link,
        guid=guid,
        text=text_of(record),
        edition="second" if record.get("edition") == 2 else "first",
        later=text_of(record["later"]) if "later" in record else None,
        dated=not record.get("undated"),
        source=source,
    )


def entries_of_all() -> dict[str, list[Entry]]:
    """Each feed's entries, newest first."""
    result = {}
    for key, records in gather().items():
        records.sort(key=lambda pair: (pair[0], pair[1]["title"]))
        entries = [make_entry(BY_KEY[key], n, at, r) for n, (at, r) in enumerate(records, 1)]
        if len({entry.link for entry in entries}) < len(entries):
            raise ValueError(f"{key}: two entries have the same link")
        for entry in entries:
            if entry.at >= EDITIONS[entry.edition]:
                raise ValueError(f"{key}: younger than its edition: {entry.text.title}")
        result[key] = entries[::-1]
    return result


# ---------------------------------------------------------------- files


def encoded(feed: Feed, document: str) -> bytes:
    if feed.truncated:
        # Inside the last summary: after its title and link, before the item ends.
        document = document[: document.rindex("<description>") + 40]
    if feed.encoding == "utf-16":
        return b"\xff\xfe" + document.encode("utf-16-le")
    return document.encode(feed.encoding, "xmlcharrefreplace")


def codes(code: str) -> dict[str, int]:
    relevant, hope, appease = CODES[code]
    triumph = {"kremlin_triumph": 1} if code == "K" else {}
    return {"rel": relevant, "hope": hope, "appease": appease, **triumph}


def truth(entries: dict[str, list[Entry]]) -> str:
    """The codes each text was written to have, one link per line."""
    lines = []
    for key, feed_entries in entries.items():
        feed = BY_KEY[key]
        for entry in feed_entries:
            facts: dict[str, Any] = {**codes(entry.text.code), "edition": entry.edition, "feed": key}
            if feed.tracked:
                facts["published_link"] = published_link(feed, entry)
            if feed.language != "en":
                facts["language"] = feed.language
            if not entry.dated:
                facts["undated"] = True
            if feed.truncated and entry is feed_entries[-1]:
                facts["truncated"] = True
            if entry.later:
                facts["later"] = {**codes(entry.later.code), "edition": "second"}
            lines.append(f"{json.dumps(entry.link)}: {json.dumps(facts, ensure_ascii=False)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def configuration() -> str:
    out = [
        "# Configuration for the bundled samples. All outlets, articles, events and quotes are",
        "# invented for demonstration. {base} stands for the address the samples are served at.",
        "topic:",
        "  name: Valletta summit (invented)",
        "  query: >-",
        *(f"    {line}" for line in QUERY),
        "  events:",
        *(f"    - {{date: {date}, name: {name}}}" for date, name in EVENTS),
        "outlets:",
    ]
    for feed in FEEDS:
        url = f'url: "{{base}}/{feed.key}.xml"'
        out += [
            f"  - name: {feed.outlet}",
            f"    country: {feed.country or 'null'}",
            f"    group: {feed.group}",
            "    feeds:",
            f"      - {{{url}, kind: {feed.kind}}}" if feed.kind else f"      - {url}",
        ]
    out += [
        "network:",
        "  contact: demo@media-coverage.example",
        "  allow_addresses: [127.0.0.0/8]",
        "  host_gap_seconds: 0",
        "database: demo.db",
    ]
    return "\n".join(out) + "\n"


def tally(entries: Iterable[Entry]) -> list[int]:
    """Entries, on topic, hopeful only, appeasement only, mixed, neither, new later, edited."""
    rows = list(entries)
    labels = "".join(entry.text.code for entry in rows)
    neither = labels.count("N") + labels.count("K")
    return [
        len(rows),
        len(rows) - labels.count("O"),
        *(labels.count(code) for code in "HAM"),
        neither,
        sum(entry.edition == "second" for entry in rows),
        sum(entry.later is not None for entry in rows),
    ]


README = """\
# Sample feeds

**Everything here is invented for demonstration.** The outlets do not exist, the summit in
Valletta did not take place, and no article, event or quote is real. The heads of state named are
real people; what the samples let them do and say is fiction and says nothing about them.

The story runs from 5 January to 1 March 2026: rumours of a meeting, its announcement
(12 January), envoys' talks in Larnaca, the summit in Valletta (3 February), its terms, a prisoner
exchange and a phone call (17 February), and a truce on power plants (27 February). Real outlets
frame such a story differently and change their framing as it goes on; these do so on purpose.

| path | what it is |
|---|---|
| `first/` | every feed as fetched on 26 February 2026 |
| `second/` | the feeds that had changed by 1 March 2026, with new items and edited headlines |
| `feeds.yaml` | a complete configuration; `{{base}}` stands for the address the feeds are served at |
| `truth.json` | for each link, what its text was written to say |

An edited headline keeps its link. In `truth.json`, `rel`, `hope` and `appease` are the codes,
`edition` is the edition an entry first appears in, and `later` holds the codes of an edited text.
`published_link` is the link as it stands in the feed where that carries tracking parameters,
`kremlin_triumph` marks a gain for Moscow told with praise, `undated` an entry without a date,
`truncated` the entry that the cut-off feed breaks off in, and `language` a text that is not in
English. The codes are the author's, following the project's codebook; no second coder has
checked them.

The files are written by `tools/build_samples.py` from `tools/samples/*.jsonl`; change those, not
these.

## Counts

{total} entries, of which {relevant} ({share} %) are on topic; {distinct} distinct texts besides
{edited} edited versions, the others being syndicated or found copies. Hopeful, appeasement, mixed
and neither are counted on the entries as first published.

{table}
"""


def readme(entries: dict[str, list[Entry]]) -> str:
    words = ["feed", "outlet", "group", "format", "encoding"]
    numbers = ["entries", "on topic", "hopeful", "appeasement", "mixed", "neither", "new in second", "edited"]
    rows = [
        "| " + " | ".join(words + numbers) + " |",
        "|" + "---|" * len(words) + "--:|" * len(numbers),
    ]
    for feed in FEEDS:
        form = feed.form.replace("<source>", "`<source>`")
        cells = [f"`{feed.key}.xml`", feed.outlet, feed.group, form, feed.encoding]
        rows.append("| " + " | ".join([*cells, *map(str, tally(entries[feed.key]))]) + " |")
    everything = [entry for feed_entries in entries.values() for entry in feed_entries]
    total, relevant, *rest = tally(everything)
    rows.append("| **all** | | | | | " + " | ".join(map(str, [total, relevant, *rest])) + " |")
    return README.format(
        total=total,
        relevant=relevant,
        share=round(100 * relevant / total),
        distinct=sum(len(texts(feed)) for feed in FEEDS),
        edited=rest[-1],
        table="\n".join(rows),
    )


def build() -> dict[str, bytes]:
    """Every sample file's content by its path inside the samples folder."""
    entries = entries_of_all()
    files = {
        "README.md": readme(entries).encode(),
        "feeds.yaml": configuration().encode(),
        "truth.json": truth(entries).encode(),
    }
    for feed in FEEDS:
        first = [entry for entry in entries[feed.key] if entry.edition == "first"]
        document = feed.render(feed, first, "first")
        files[f"first/{feed.key}.xml"] = encoded(feed, document)
        if len(first) < len(entries[feed.key]) or any(entry.later for entry in first):
            document = feed.render(feed, entries[feed.key], "second")
            files[f"second/{feed.key}.xml"] = encoded(feed, document)
    return files


def differences(files: dict[str, bytes]) -> list[str]:
    found = [
        name
        for name, content in files.items()
        if not (SAMPLES / name).is_file() or (SAMPLES / name).read_bytes() != content
    ]
    present = (path for folder in EDITIONS for path in (SAMPLES / folder).glob("*"))
    names = (path.relative_to(SAMPLES).as_posix() for path in present)
    return found + [name for name in names if name not in files]


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the bundled sample feeds.")
    parser.add_argument("--check", action="store_true", help="only compare, exit 1 on a difference")
    options = parser.parse_args()
    files = build()
    changed = differences(files)
    if options.check:
        for name in changed:
            print(f"differs: {name}", file=sys.stderr)
        return 1 if changed else 0
    for name in changed:
        path = SAMPLES / name
        if name in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(files[name])
        else:
            path.unlink()
    print(f"{len(files)} files, {len(changed)} changed")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
