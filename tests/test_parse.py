"""parse.py: from the bytes that servers send to entries, whatever the bytes."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import feedparser
import pytest
from conftest import Item, rss
from hypothesis import given, settings
from hypothesis import strategies as st

from media_coverage import parse as parse_module
from media_coverage.parse import parse
from media_coverage.records import Entry, Feed, Fetched, FetchOutcome, Outlet, ParsedFeed, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from feedserver import FeedServer

FEED = Feed("https://ledger.example/feeds/world.xml", Outlet("Morning Ledger", "GB", "uk"))
XML = '<?xml version="1.0" encoding="utf-8"?>'
ITEM = (
    "<item><title>Envoys meet by the lake</title><link>https://ledger.example/lake</link>"
    "<description>Talks went on into the night.</description></item>"
)
SECOND = (
    "<item><title>Both sides speak of a truce</title><link>https://ledger.example/truce</link>"
    "<description>No date was named.</description></item>"
)


def read(body: str | bytes, *, url: str | None = None, limit: int = 5000, **headers: str) -> ParsedFeed | Rejected:
    """Parse `body` as if it had come over HTTP; header names with _ for -."""
    return parse(
        Fetched(
            feed=FEED,
            outcome=FetchOutcome.OK,
            started_at=datetime(2026, 2, 3, 12, tzinfo=UTC),
            elapsed_ms=1,
            status=200,
            final_url=url,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            body=body if isinstance(body, bytes) else body.encode(),
        ),
        limit,
    )


def understood(body: str | bytes, *, url: str | None = None, limit: int = 5000, **headers: str) -> ParsedFeed:
    parsed = read(body, url=url, limit=limit, **headers)
    assert isinstance(parsed, ParsedFeed), parsed
    return parsed


def rss_of(*items: str, declaration: str = XML, version: str = "2.0") -> str:
    return (
        f'{declaration}<rss version="{version}"><channel><title>Morning Ledger</title>'
        f"<language>en-GB</language>{''.join(items)}</channel></rss>"
    )


def item_of(title: str = "Envoys meet", summary: str = "Talks went on.", more: str = "") -> str:
    return f"<item><title>{title}</title><description>{summary}</description>{more}</item>"


def atom_of(*entries: str) -> str:
    return (
        f'{XML}<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en-GB"><title>Morning Ledger</title>'
        f"{''.join(entries)}</feed>"
    )


ATOM_ENTRY = (
    '<entry><id>tag:ledger.example,2026:lake</id><title type="html">Envoys &lt;i&gt;meet&lt;/i&gt; by the lake</title>'
    '<link rel="alternate" href="/lake"/><updated>2026-02-03T09:00:00+01:00</updated>'
    '<summary type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Talks went on</p><p>into the night.</p></div>'
    "</summary></entry>"
)
RDF = (
    f'{XML}<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://ledger.example/"><title>Morning Ledger'
    "</title><dc:language>en-GB</dc:language></channel>"
    '<item rdf:about="https://ledger.example/lake"><title>Envoys meet by the lake</title>'
    "<link>https://ledger.example/lake</link><description>Talks went on into the night.</description>"
    "<dc:date>2026-02-03T09:00:00+01:00</dc:date></item></rdf:RDF>"
)

# ---------------------------------------------------------------------- dialects


@pytest.mark.parametrize(
    ("document", "version"),
    [
        pytest.param(rss_of(ITEM, version="0.91"), "rss091u", id="RSS 0.91"),
        pytest.param(rss_of(ITEM, version="0.92"), "rss092", id="RSS 0.92"),
        pytest.param(RDF, "rss10", id="RSS 1.0"),
        pytest.param(rss_of(ITEM), "rss20", id="RSS 2.0"),
        pytest.param(rss_of(ITEM, version="9.9"), "rss", id="RSS of a version nobody defined"),
        pytest.param(atom_of(ATOM_ENTRY), "atom10", id="Atom"),
    ],
)
def test_every_dialect_gives_the_same_entry(document: str, version: str) -> None:
    parsed = understood(document)
    (entry,) = parsed.entries
    assert (parsed.title, parsed.version, parsed.language) == ("Morning Ledger", version, "en-GB")
    assert parsed.damage is None
    assert entry.title == "Envoys meet by the lake"
    assert entry.summary == "Talks went on into the night."
    assert entry.link == "https://ledger.example/lake"


def test_an_entry_keeps_what_the_feed_says_about_it() -> None:
    item = (
        "<item><title>Envoys meet</title><link>https://ledger.example/lake</link><guid isPermaLink='false'>id-7</guid>"
        "<description>Talks went on.</description><pubDate>Tue, 03 Feb 2026 09:00:00 +0100</pubDate>"
        '<source url="https://post.example/">Evening Post</source></item>'
    )
    assert understood(rss_of(item)).entries == (
        Entry(
            title="Envoys meet",
            summary="Talks went on.",
            link="https://ledger.example/lake",
            guid="id-7",
            published=datetime(2026, 2, 3, 8, tzinfo=UTC),
            published_raw="Tue, 03 Feb 2026 09:00:00 +0100",
            source_title="Evening Post",
            source_url="https://post.example/",
        ),
    )


def test_what_a_feed_leaves_out_is_none() -> None:
    (entry,) = understood(rss_of("<item><title>Envoys meet</title></item>")).entries
    assert entry == Entry(title="Envoys meet", summary="")


def test_entries_come_in_order_and_up_to_the_limit() -> None:
    titles = [f"Report number {number}" for number in range(30)]
    body = rss(titles)
    assert [entry.title for entry in understood(body).entries] == titles
    assert [entry.title for entry in understood(body, limit=7).entries] == titles[:7]


def test_items_without_title_and_lead_are_left_out() -> None:
    empty = "<item><link>https://ledger.example/empty</link></item><item><title> </title></item>"
    assert [entry.title for entry in understood(rss_of(empty, ITEM)).entries] == ["Envoys meet by the lake"]


def test_a_lead_alone_makes_an_entry() -> None:
    (entry,) = understood(rss_of("<item><description>Talks went on.</description></item>")).entries
    assert (entry.title, entry.summary) == ("", "Talks went on.")


@pytest.mark.parametrize("document", ['<rss version="2.0"></rss>', rss_of(), atom_of()])
def test_a_feed_without_items_is_a_feed(document: str) -> None:
    parsed = understood(document)
    assert parsed.entries == ()
    assert parsed.damage is None


# ---------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("url", "href", "link"),
    [
        pytest.param(None, "/lake", "https://ledger.example/lake", id="against the feed's address"),
        pytest.param(None, "lake", "https://ledger.example/feeds/lake", id="beside the feed"),
        pytest.param("https://cdn.example/x/y.xml", "lake", "https://cdn.example/x/lake", id="after a redirect"),
        pytest.param("https://cdn.example/x/y.xml", "https://post.example/", "https://post.example/", id="absolute"),
    ],
)
def test_relative_links_are_resolved_against_the_final_address(url: str | None, href: str, link: str) -> None:
    for document in (
        atom_of(ATOM_ENTRY.replace("/lake", href)),
        rss_of(ITEM.replace("https://ledger.example/lake", href)),
    ):
        (entry,) = understood(document, url=url).entries
        assert entry.link == link


# ---------------------------------------------------------------------- encodings


@pytest.mark.parametrize(
    ("encoding", "title"),
    [
        pytest.param("iso-8859-1", "Café talks in Málaga"),
        pytest.param("windows-1252", "“Café” talks – a € question"),
        pytest.param("utf-8", "Зустріч “на озері” – 会談"),
        pytest.param("utf-16", "Зустріч “на озері” – 会談"),
        pytest.param("koi8-r", "Встреча у озера"),
        pytest.param("shift_jis", "会談"),
    ],
)
def test_declared_encodings_are_understood(encoding: str, title: str) -> None:
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>'
    parsed = understood(rss_of(item_of(title), declaration=declaration).encode(encoding))
    assert parsed.entries[0].title == title
    assert parsed.damage is None


@pytest.mark.parametrize("kind", ["text/xml", "application/xml", "application/rss+xml"])
def test_an_encoding_declared_in_the_header_alone_is_understood(kind: str) -> None:
    body = rss_of(item_of("Café talks"), declaration="").encode("iso-8859-1")
    assert understood(body, content_type=f"{kind}; charset=ISO-8859-1").entries[0].title == "Café talks"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(b"\xef\xbb\xbf" + rss_of(item_of("Café talks")).encode(), {}, id="with a byte order mark"),
        pytest.param(rss_of(item_of("Café talks"), declaration="").encode(), {}, id="UTF-8 by default"),
        pytest.param(rss_of(item_of("Café talks"), declaration="").encode("latin-1"), {}, id="Latin-1 said by nobody"),
        pytest.param(rss_of(item_of("Café talks")).encode("latin-1"), {}, id="Latin-1 called UTF-8"),
        pytest.param(
            rss_of(item_of("Café talks"), declaration='<?xml version="1.0" encoding="x-unknown"?>').encode(),
            {},
            id="an encoding nobody knows",
        ),
        pytest.param(
            rss_of(item_of("Café talks"), declaration='<?xml version="1.0" encoding="utf-16"?>').encode(),
            {},
            id="UTF-8 called UTF-16",
        ),
        pytest.param(
            rss_of(item_of("Café talks"), declaration='<?xml version="1.0" encoding="utf-16"?>').encode("latin-1"),
            {"content_type": "text/xml; charset=utf-16"},
            id="Latin-1 called UTF-16",
        ),
        pytest.param(rss_of(item_of("Café talks")).encode("utf-16"), {}, id="UTF-16 called UTF-8"),
        *(
            pytest.param(rss_of(item_of("Café talks"), declaration="").encode(encoding), {}, id=f"{encoding}, not said")
            for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
        ),
        pytest.param(
            rss_of(item_of("Café talks"), declaration="").encode("utf-16"),
            {"content_type": "application/rss+xml; charset=utf-8"},
            id="UTF-16 called UTF-8 in the header",
        ),
        pytest.param(rss_of(item_of("Café talks")).encode(), {"content_type": "text/html"}, id="called HTML"),
        pytest.param(rss_of(item_of("Café talks")).encode(), {"content_type": "text/plain"}, id="called text"),
        pytest.param(rss_of(item_of("Café talks")).encode(), {"content_encoding": "gzip"}, id="already unpacked"),
        pytest.param(
            rss_of(item_of("Café talks")).encode(), {"content_type": "application/rss+xml; charset=x"}, id="x"
        ),
    ],
)
def test_a_wrong_or_missing_label_costs_no_headline(body: bytes, headers: dict[str, Any]) -> None:
    parsed = understood(body, **headers)
    assert [entry.title for entry in parsed.entries] == ["Café talks"]
    assert parsed.damage is None


# ---------------------------------------------------------------------- texts


@pytest.mark.parametrize(
    ("source", "text"),
    [
        pytest.param("<![CDATA[<p>Talks</p><p>went on</p>]]>", "Talks went on", id="CDATA with paragraphs"),
        pytest.param("<![CDATA[Talks<br/>went&nbsp;on &amp; on]]>", "Talks went on & on", id="CDATA with entities"),
        pytest.param("&lt;p&gt;Talks &lt;b&gt;went&lt;/b&gt; on&lt;/p&gt;", "Talks went on", id="escaped HTML"),
        pytest.param("&lt;p&gt;R&amp;amp;D went on&lt;/p&gt;", "R&D went on", id="escaped twice"),
        pytest.param("<![CDATA[<script>alert(1)</script>Talks<style>p{}</style>]]>", "Talks", id="no script, no style"),
        pytest.param('<![CDATA[<img src="x" onerror="alert(1)"/>Talks]]>', "Talks", id="no image"),
        pytest.param("Talks\n\n   went\ton", "Talks went on", id="white space"),
        pytest.param("2 &lt; 3 and 5 &gt; 4", "2 < 3 and 5 > 4", id="a comparison is no markup"),
        pytest.param("Talks \u202egnol oot\u202c", "Talks gnol oot", id="no change of writing direction"),
    ],
)
def test_texts_become_one_plain_line(source: str, text: str) -> None:
    (entry,) = understood(rss_of(item_of(source, source))).entries
    assert (entry.title, entry.summary) == (text, text)


@pytest.mark.parametrize("lead", ["", "<description/>", "<description> </description>"])
def test_the_content_stands_in_for_a_missing_lead(lead: str) -> None:
    content = (
        '<content:encoded xmlns:content="http://purl.org/rss/1.0/modules/content/">'
        "<![CDATA[<p>Talks went on.</p>]]></content:encoded>"
    )
    (entry,) = understood(rss_of(f"<item><title>Envoys</title>{lead}{content}</item>")).entries
    assert entry.summary == "Talks went on."


def test_the_lead_counts_before_the_content() -> None:
    entry = "<entry><title>Envoys</title><content>All of the text.</content><summary>The lead.</summary></entry>"
    assert understood(atom_of(entry)).entries[0].summary == "The lead."


# ---------------------------------------------------------------------- dates


@pytest.mark.parametrize(
    ("date", "published"),
    [
        pytest.param("Tue, 03 Feb 2026 09:00:00 GMT", datetime(2026, 2, 3, 9, tzinfo=UTC), id="RFC 822"),
        pytest.param("Tue, 03 Feb 2026 09:00:00 +0530", datetime(2026, 2, 3, 3, 30, tzinfo=UTC), id="with offset"),
        pytest.param("3 Feb 2026 09:00 EST", datetime(2026, 2, 3, 14, tzinfo=UTC), id="with a zone's name"),
        pytest.param("2026-02-03T09:00:00Z", datetime(2026, 2, 3, 9, tzinfo=UTC), id="ISO 8601"),
        pytest.param("2026-02-03", datetime(2026, 2, 3, tzinfo=UTC), id="a day"),
        pytest.param("Thu, 01 Jan 1970 00:00:00 GMT", datetime(1970, 1, 1, tzinfo=UTC), id="the epoch"),
        pytest.param("yesterday at nine", None, id="words"),
        pytest.param("Tue, 99 Feb 2026 09:00:00 GMT", None, id="no such day"),
        pytest.param("Tue, 03 Feb 2026 25:61:00 GMT", None, id="no such hour"),
        pytest.param("0000-00-00T00:00:00Z", None, id="zeros"),
        pytest.param("-1", None, id="a negative number"),
    ],
)
def test_dates_are_utc_or_none_and_kept_as_spelt(date: str, published: datetime | None) -> None:
    (entry,) = understood(rss_of(item_of(more=f"<pubDate>{date}</pubDate>"))).entries
    assert (entry.published, entry.published_raw) == (published, date)


@pytest.mark.parametrize("more", ["", "<pubDate/>", "<pubDate> </pubDate>"])
def test_a_missing_date_is_none(more: str) -> None:
    (entry,) = understood(rss_of(item_of(more=more))).entries
    assert (entry.published, entry.published_raw) == (None, None)


def test_publication_counts_before_update() -> None:
    dates = "<published>2026-02-03T09:00:00Z</published><updated>2026-02-05T09:00:00Z</updated>"
    (entry,) = understood(atom_of(f"<entry><title>Envoys meet</title>{dates}</entry>")).entries
    assert entry.published == datetime(2026, 2, 3, 9, tzinfo=UTC)


# ---------------------------------------------------------------------- how often, how much


@pytest.mark.parametrize(
    ("said", "fresh_for"),
    [
        pytest.param("", None, id="nothing"),
        pytest.param("<ttl>90</ttl>", timedelta(minutes=90), id="ttl"),
        pytest.param("<ttl>0</ttl>", None, id="ttl of zero"),
        pytest.param("<ttl>-60</ttl>", None, id="ttl below zero"),
        pytest.param("<ttl>soon</ttl>", None, id="ttl in words"),
        pytest.param(f"<ttl>{'9' * 40}</ttl>", None, id="ttl beyond time"),
        pytest.param("<sy:updatePeriod>hourly</sy:updatePeriod>", timedelta(hours=1), id="hourly"),
        pytest.param(
            "<sy:updatePeriod> Daily </sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency>",
            timedelta(hours=6),
            id="four times a day",
        ),
        pytest.param(
            "<sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>0</sy:updateFrequency>", None, id="never"
        ),
        pytest.param("<sy:updatePeriod>at times</sy:updatePeriod>", None, id="no known period"),
    ],
)
def test_how_long_a_publisher_calls_a_feed_fresh(said: str, fresh_for: timedelta | None) -> None:
    document = rss_of(ITEM).replace("<channel>", f"<channel>{said}").replace(
        "<rss ", '<rss xmlns:sy="http://purl.org/rss/1.0/modules/syndication/" '
    )  # fmt: skip
    assert understood(document).fresh_for == fresh_for


def test_what_is_cut_is_told() -> None:
    assert understood(rss_of(ITEM)).cut is None
    long = item_of("Envoys " * 20_000, "é" * 70_000, f"<guid isPermaLink='false'>{'x' * 70_000}</guid>")
    parsed = understood(rss_of(long, SECOND, ITEM), limit=2)
    assert parsed.cut == (
        "1 entries beyond the first 2 left out (network.max_entries); 3 texts longer than 65,536 characters cut"
    )
    assert parsed.damage is None
    assert parsed.entries[0].title.startswith("Envoys Envoys")
    assert parsed.entries[0].summary == "é" * 65_536
    assert parsed.entries[1].title == "Both sides speak of a truce"


def test_half_an_address_is_none() -> None:
    link = f"<link>https://ledger.example/{'x' * 70_000}</link>"
    assert understood(rss_of(item_of(more=link))).entries[0].link is None


# ---------------------------------------------------------------------- JSON Feed


DUBLIN_CORE = "http://purl.org/dc/elements/1.1/"


@pytest.mark.parametrize(
    ("document", "author"),
    [
        (rss_of(item_of(more="<author>d@press.example (Ada, AFP)</author>")), "d@press.example (Ada, AFP)"),
        (rss_of(item_of(more=f"<dc:creator xmlns:dc='{DUBLIN_CORE}'>Reuters</dc:creator>")), "Reuters"),
        (atom_of("<entry><title>a</title><author><name>Ada &amp;amp; Bo</name></author></entry>"), "Ada & Bo"),
        (rss_of(item_of()), None),
    ],
)
def test_the_byline_is_kept(document: str, author: str | None) -> None:
    (entry,) = understood(document).entries
    assert entry.author == author


@pytest.mark.parametrize(
    ("item", "author"),
    [
        ({"authors": [{"name": "Ada Ember"}, {"name": "Reuters"}]}, "Ada Ember, Reuters"),
        ({"author": {"name": "Ada Ember"}}, "Ada Ember"),
        ({"authors": "Ada", "author": {"name": "Bo"}}, None),
        ({"authors": [None, {"name": 7}]}, "7"),
        ({"author": None}, None),
    ],
)
def test_the_byline_of_a_json_feed_is_kept(item: dict[str, object], author: str | None) -> None:
    (entry,) = understood(json_feed({"title": "Envoys meet"} | item)).entries
    assert entry.author == author


@pytest.mark.parametrize(
    "date",
    [
        "вторник, 3 февраля 2026 г., 15:00 МСК",
        "mar., 3 févr. 2026 13:00 +0100",
        "03.02.2026 12:00",
        "2026-02-03T07:00 EST",
    ],
)
def test_dates_of_other_languages_and_zones_are_understood(date: str) -> None:
    document = rss([Item("Envoys meet", published=date)]).decode()
    (entry,) = understood(document).entries
    assert entry.published == datetime(2026, 2, 3, 12, tzinfo=UTC)
    assert entry.published_raw == date


def json_feed(*items: object, **more: object) -> str:
    head = {"version": "https://jsonfeed.org/version/1.1", "title": "Morning Ledger", "language": "en-GB"}
    return json.dumps(head | more | {"items": items})


JSON_ITEM = {
    "id": "lake",
    "url": "https://ledger.example/lake",
    "title": "Envoys meet by the lake",
    "content_html": "<p>Talks went on</p><p>into the night.</p>",
    "date_published": "2026-02-03T09:00:00+01:00",
}


@pytest.mark.parametrize(
    ("version", "name"), [("https://jsonfeed.org/version/1", "json1"), ("https://jsonfeed.org/version/1.1", "json11")]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_json_feed_gives_the_same_rows(version: str, name: str, encoding: str) -> None:
    parsed = understood(json_feed(JSON_ITEM, version=version).encode(encoding), content_type="application/feed+json")
    assert (parsed.title, parsed.version, parsed.language) == ("Morning Ledger", name, "en-GB")
    assert (parsed.damage, parsed.cut) == (None, None)
    (entry,) = parsed.entries
    assert entry == Entry(
        title="Envoys meet by the lake",
        summary="Talks went on into the night.",
        link="https://ledger.example/lake",
        guid="lake",
        published=datetime(2026, 2, 3, 8, tzinfo=UTC),
        published_raw="2026-02-03T09:00:00+01:00",
    )


@pytest.mark.parametrize(
    ("item", "summary"),
    [
        ({"summary": "The lead.", "content_text": "All of it.", "content_html": "<p>All of it.</p>"}, "The lead."),
        ({"content_text": "All of it.", "content_html": "<p>Markup.</p>"}, "All of it."),
        ({"summary": "", "content_html": "<p>Markup.</p>"}, "Markup."),
        ({}, ""),
    ],
)
def test_the_lead_of_a_json_feed_is_the_shortest_text(item: dict[str, str], summary: str) -> None:
    assert understood(json_feed({"title": "Envoys meet", **item})).entries[0].summary == summary


def test_a_json_feed_may_be_odd() -> None:
    items = [
        "no item",
        None,
        {"id": 7, "title": "A number as id", "url": "/lake", "date_modified": "2026-02-03"},
        {"title": "An address elsewhere", "external_url": "https://post.example/", "date_published": "yesterday"},
        {"title": "An address that is none", "url": "http://[", "authors": "nobody", "date_published": 2026},
        {"title": ["a list"], "summary": {"a": "mapping"}},
        {"title": "Half a \ud800 pair \u0007", "language": "de"},
    ]
    parsed = understood(json_feed(*items), url="https://ledger.example/feeds/feed.json")
    assert [entry.title for entry in parsed.entries] == [
        "A number as id",
        "An address elsewhere",
        "An address that is none",
        "Half a pair",
    ]
    first, second, third, _ = parsed.entries
    assert (first.guid, first.link) == ("7", "https://ledger.example/lake")
    assert first.published == datetime(2026, 2, 3, tzinfo=UTC)
    assert (second.link, second.published, second.published_raw) == ("https://post.example/", None, "yesterday")
    assert third.link is None


def test_json_made_to_break_a_parser_is_an_outcome() -> None:
    for body in ('{"a":' * 100_000, '{"items": ' + "[" * 100_000, '{"a": ' + "9" * 100_000 + "}"):
        rejected = read(body)
        assert isinstance(rejected, Rejected)
        assert rejected.outcome in {FetchOutcome.NOT_A_FEED, FetchOutcome.PARSER_ERROR}


# ---------------------------------------------------------------------- news sitemap


def sitemap(*urls: str, prefix: str = "news") -> str:
    return (
        f'{XML}<?xml-stylesheet href="x.xsl"?><!-- news --><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
        f'xmlns:{prefix}="http://www.google.com/schemas/sitemap-news/0.9" '
        f'xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">{"".join(urls)}</urlset>'
    )


def url_of(title: str, language: str = "en", prefix: str = "news") -> str:
    return (
        f"<url><loc> https://ledger.example/lake </loc><image:image><image:title>A lake</image:title></image:image>"
        f"<{prefix}:news><{prefix}:publication><{prefix}:name>Morning Ledger</{prefix}:name>"
        f"<{prefix}:language>{language}</{prefix}:language></{prefix}:publication>"
        f"<{prefix}:publication_date>2026-02-03T09:00:00+01:00</{prefix}:publication_date>"
        f"<{prefix}:title>{title}</{prefix}:title></{prefix}:news></url>"
    )


@pytest.mark.parametrize("prefix", ["news", "n"])
def test_a_news_sitemap_gives_the_same_rows(prefix: str) -> None:
    plain = "<url><loc>https://ledger.example/about</loc></url>"
    parsed = understood(sitemap(url_of("Envoys meet &amp; talk", prefix=prefix), plain, prefix=prefix))
    assert (parsed.title, parsed.version, parsed.language) == ("Morning Ledger", "news-sitemap", "en")
    assert parsed.damage is None
    assert parsed.entries == (
        Entry(
            title="Envoys meet & talk",
            summary="",
            link="https://ledger.example/lake",
            published=datetime(2026, 2, 3, 8, tzinfo=UTC),
            published_raw="2026-02-03T09:00:00+01:00",
        ),
    )


def test_a_news_sitemap_in_two_languages_names_none() -> None:
    assert understood(sitemap(url_of("One"), url_of("Deux", "fr"))).language is None


def test_a_news_sitemap_that_breaks_off_gives_whole_entries_and_tells_the_damage() -> None:
    document = sitemap(url_of("One"), url_of("Two"), url_of("Three"))
    for end in range(document.index("</url>") + 6, len(document)):
        parsed = understood(document[:end])
        assert [entry.title for entry in parsed.entries] == ["One", "Two", "Three"][: document[:end].count("</url>")]
        assert parsed.damage


# ---------------------------------------------------------------------- not a feed


@pytest.mark.parametrize(
    ("document", "says"),
    [
        pytest.param("<!DOCTYPE html><html><head><title>Before you go on</title></head></html>", "HTML", id="HTML"),
        pytest.param("\n <HTML><body>Maintenance</body></HTML>", "HTML", id="HTML in capitals"),
        pytest.param(f'{XML}<html xmlns="http://www.w3.org/1999/xhtml"><body/></html>', "HTML", id="XHTML"),
        pytest.param('{"articles": []}', "not a JSON Feed", id="JSON"),
        pytest.param('{"version": "https://jsonfeed.org/version/2", "items": []}', "not a JSON Feed", id="JSON Feed 2"),
        pytest.param(
            '{"version": "https://jsonfeed.org/version/1.1"}', "not a JSON Feed", id="JSON Feed without items"
        ),
        pytest.param('{"version": "https://jsonfeed.org/ver', "begins like JSON but cannot be read", id="half a JSON"),
        pytest.param(b'{"title": "\xe9"}', "begins like JSON but cannot be read", id="JSON in Latin-1"),
        pytest.param("<urlset><url><loc>https://ledger.example/</loc></url></urlset>", "without news", id="a sitemap"),
        pytest.param(f"{XML}<!-- x --><sitemapindex><sitemap/></sitemapindex>", "without news", id="a sitemap index"),
        pytest.param('<!DOCTYPE urlset SYSTEM "x.dtd"><urlset/>', "document type", id="a sitemap with entities"),
        pytest.param("[]", "not a feed", id="JSON list"),
        pytest.param("", "not a feed", id="empty"),
        pytest.param(" \n", "not a feed", id="white space"),
        pytest.param("Service unavailable", "not a feed", id="text"),
        pytest.param("<error><code>503</code></error>", "not a feed", id="other XML"),
        pytest.param('<opml version="2.0"><body><outline text="x"/></body></opml>', "not a feed", id="OPML"),
        pytest.param(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not a feed", id="a picture"),
        pytest.param(b"\0" * 5000, "not a feed", id="zeros"),
    ],
)
def test_other_documents_are_rejected_with_a_reason(document: str | bytes, says: str) -> None:
    rejected = read(document)
    assert isinstance(rejected, Rejected)
    assert rejected.outcome is FetchOutcome.NOT_A_FEED
    assert says in rejected.error


# ---------------------------------------------------------------------- damage

CAFE = item_of(
    "Café talks – “still on”", "Ministers’ aides say so.", "<pubDate>Tue, 03 Feb 2026 09:00:00 GMT</pubDate>"
)
WHOLE = {
    "RSS": rss_of(CAFE, SECOND, item_of("<![CDATA[Zürich & Genève]]>")).encode(),
    "RSS in UTF-16": rss_of(CAFE, SECOND, declaration='<?xml version="1.0" encoding="utf-16"?>').encode("utf-16"),
    "Atom": atom_of(ATOM_ENTRY.replace("night", "nuit d’été"), ATOM_ENTRY.replace("lake", "sea")).encode(),
}


@pytest.mark.parametrize("name", WHOLE)
def test_wherever_a_feed_breaks_off_no_half_entry_and_no_garbled_text_appears(name: str) -> None:
    document = WHOLE[name]
    whole = understood(document).entries
    counts = set()
    for end in range(len(document)):
        parsed = read(document[:end])
        if isinstance(parsed, ParsedFeed):
            assert parsed.entries == whole[: len(parsed.entries)], document[:end][-30:]
            counts.add(len(parsed.entries))
    assert counts >= set(range(len(whole)))


def test_items_complete_before_the_break_are_kept_and_the_damage_is_told() -> None:
    document = rss_of(ITEM, SECOND)
    for end in (document.index("</channel>"), document.index("</channel>") + 5):
        parsed = understood(document[:end])
        assert [entry.title for entry in parsed.entries] == ["Envoys meet by the lake", "Both sides speak of a truce"]
        assert parsed.damage


def test_the_limit_does_not_turn_a_whole_item_into_a_half_one() -> None:
    document = rss_of(ITEM, SECOND, ITEM)
    broken = document[: document.rindex("</title>")]
    assert len(understood(broken, limit=2).entries) == 2


@pytest.mark.parametrize(
    ("lead", "text"),
    [
        pytest.param("Aides &amp; ministers &hellip; caf&eacute;", "Aides & ministers … café", id="entities of HTML"),
        pytest.param("Aides &unknown; ministers", "Aides &unknown; ministers", id="an entity nobody defined"),
        pytest.param("Aides & ministers", "Aides & ministers", id="a bare ampersand"),
        pytest.param("Aides \x08and ministers", "Aides and ministers", id="a control character"),
        pytest.param("Aides &#0;and ministers", "Aides and ministers", id="character number zero"),
    ],
)
def test_small_damage_is_told_and_costs_no_item(lead: str, text: str) -> None:
    parsed = understood(rss_of(item_of(summary=lead), SECOND))
    assert [entry.summary for entry in parsed.entries] == [text, "No date was named."]
    assert parsed.damage
    assert "\n" not in parsed.damage


def test_a_name_of_an_encoding_that_is_no_text_is_damage_and_costs_nothing() -> None:
    document = rss_of(ITEM).encode().replace(b"utf-8", b"utf\xf7-8")
    parsed = understood(document)
    assert [entry.title for entry in parsed.entries] == ["Envoys meet by the lake"]
    assert parsed.damage


@pytest.mark.parametrize("lead", ["Aides & ministers", "Aides &unknown; ministers", "Aides \x08 ministers"])
def test_half_an_item_is_dropped_though_the_first_damage_was_another(lead: str) -> None:
    document = rss_of(item_of(summary=lead), SECOND)
    parsed = understood(document[: document.index("truce")])
    assert [entry.title for entry in parsed.entries] == ["Envoys meet"]


@pytest.mark.parametrize("lead", ["Aides & ministers", "Aides \x08 ministers"])
@pytest.mark.parametrize("name", ["rss:item", "item"])
def test_the_last_item_of_a_whole_document_is_kept_whatever_the_damage(lead: str, name: str) -> None:
    document = rss_of(SECOND, item_of(summary=lead)).replace("<item>", f"<{name}>").replace("</item>", f"</{name}>")
    document = document.replace("<channel>", '<channel xmlns:rss="http://backend.userland.com/rss2">')
    assert [entry.title for entry in understood(document).entries] == ["Both sides speak of a truce", "Envoys meet"]


@pytest.mark.parametrize("name", ["xmlns", "xmlns:x"])
@pytest.mark.parametrize("space", ["a b c d", "a\xa0b\u2028c\u3000d"])
def test_a_name_space_with_spaces_costs_no_item(name: str, space: str) -> None:
    document = rss_of(ITEM, SECOND).replace("<channel>", f'<channel><note {name}="{space}" x="y"><sub/></note>')
    document = document.replace("<sub/>", "<sub/><x:sub x:attribute=''/>" if name == "xmlns:x" else "<sub/>")
    parsed = understood(document)
    assert [entry.title for entry in parsed.entries] == ["Envoys meet by the lake", "Both sides speak of a truce"]
    assert parsed.damage


@pytest.mark.parametrize("damage", ["", "&"])
def test_an_element_around_an_item_costs_no_item(damage: str) -> None:
    parsed = understood(rss_of(f"<category>{ITEM}</category>", SECOND, item_of(summary=f"Aides {damage} ministers")))
    assert [entry.title for entry in parsed.entries][:2] == ["Envoys meet by the lake", "Both sides speak of a truce"]


def test_white_space_before_the_declaration_is_tolerated() -> None:
    parsed = understood("\n\n" + rss_of(ITEM))
    assert len(parsed.entries) == 1
    assert parsed.damage


# ---------------------------------------------------------------------- hostile documents


def doctype(*entities: str) -> str:
    return f'<?xml version="1.0"?><!DOCTYPE rss [{"".join(entities)}]>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    "reference",
    [
        pytest.param("&#1114112;", id="a character beyond Unicode"),
        pytest.param("&#x110000;", id="the same in hexadecimal"),
        pytest.param("&#55296;", id="half a surrogate pair"),
        pytest.param("&#xDFFF;", id="the other half"),
        pytest.param(f"&#{'9' * 30};", id="a number of 30 digits"),
        pytest.param(f"&#{'9' * 5000};", id="a number of 5,000 digits"),
    ],
)
def test_a_reference_to_no_character_costs_that_character(reference: str, encoding: str) -> None:
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>'
    document = rss_of(item_of(f"Envoys {reference} meet"), SECOND, declaration=declaration)
    parsed = understood(document.encode(encoding))
    assert [entry.title for entry in parsed.entries] == ["Envoys \ufffd meet", "Both sides speak of a truce"]
    assert parsed.damage


@pytest.mark.parametrize("number", ["1114112", "55296", "x110000", "9" * 30])
def test_impossible_characters_inside_escaped_markup_do_no_harm(number: str) -> None:
    (entry, _) = understood(rss_of(item_of(f"Envoys &amp;#{number}; meet"), SECOND)).entries
    assert entry.title.startswith("Envoys ")
    assert entry.title.endswith(" meet")
    entry.title.encode()


@pytest.mark.parametrize(
    "declared",
    [
        pytest.param(r'<!ENTITY path "C:\data">', id="backslash and letter"),
        pytest.param(r'<!ENTITY path "\g&lt;9&gt;\1">', id="a reference to a group"),
        pytest.param('<!ENTITY path "(unclosed[">', id="brackets"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("lead", ["Stored at &path;", "Stored at &path; &undefined; & so on"])
def test_entities_written_like_patterns_do_no_harm(declared: str, lead: str, encoding: str) -> None:
    declaration = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE rss [{declared}]>'
    parsed = understood(rss_of(item_of(summary=lead), SECOND, declaration=declaration).encode(encoding))
    assert [entry.title for entry in parsed.entries] == ["Envoys meet", "Both sides speak of a truce"]
    assert parsed.entries[0].summary.startswith("Stored at ")


def test_short_entities_are_resolved() -> None:
    declared = doctype('<!ENTITY place "the lake">', '<!ENTITY amp "&#38;#38;">')
    parsed = understood(rss_of(item_of("Envoys meet by &place; &amp; talk"), declaration=declared))
    assert (parsed.entries[0].title, parsed.damage) == ("Envoys meet by the lake & talk", None)


@pytest.mark.parametrize("value", ["x" * 65, "x" * 20_000])
def test_an_entity_that_stands_for_much_is_not_put_in(value: str) -> None:
    document = rss_of(item_of(summary="&e;" * 1000), SECOND, declaration=doctype(f'<!ENTITY e "{value}">'))
    parsed = understood(document)
    assert len(parsed.entries[0].summary) <= 4000
    assert parsed.entries[1].title == "Both sides speak of a truce"
    assert parsed.damage


def test_a_billion_laughs_stay_few() -> None:
    names = "abcdefghij"
    laughs = [f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in pairwise(names)]
    parsed = understood(rss_of(item_of(summary="&j;"), declaration=doctype('<!ENTITY a "ha">', *laughs)))
    assert all(len(entry.summary) < 10_000 for entry in parsed.entries)


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_a_body_that_names_a_local_file_does_not_open_it(tmp_path: Path, prefix: str) -> None:
    secret = tmp_path / "feed.xml"
    secret.write_bytes(rss(["A secret headline"]))
    assert isinstance(read(f"{prefix}{secret}"), Rejected)


def test_a_body_that_is_an_address_is_not_fetched(feed_server: FeedServer) -> None:
    assert isinstance(read(feed_server.url("/feed")), Rejected)
    assert not feed_server.requests


def test_external_entities_are_neither_opened_nor_fetched(tmp_path: Path, feed_server: FeedServer) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hunter2", encoding="utf-8")
    for target in (secret.as_uri(), feed_server.url("/entity")):
        parsed = read(rss_of(item_of(summary="a &x; b"), declaration=doctype(f'<!ENTITY x SYSTEM "{target}">')))
        assert "hunter2" not in str(parsed)
    external = f'<?xml version="1.0"?><!DOCTYPE rss SYSTEM "{feed_server.url("/dtd")}">'
    assert len(understood(rss_of(ITEM, declaration=external)).entries) == 1
    assert not feed_server.requests


# ---------------------------------------------------------------------- any bytes at all

SEEDS = [
    *WHOLE.values(),
    RDF.encode(),
    rss([Item("Envoys meet", "<p>Talks &amp; more</p>"), "Both sides speak of a truce"]),
    rss_of(item_of("&path;"), declaration=doctype(r'<!ENTITY path "C:\data">')).encode(),
    b"<!DOCTYPE html><html><body>Maintenance</body></html>",
]
TOKENS = [
    *(b"<item>", b"</item>", b"<title>", b"<![CDATA[", b"]]>", b"<!--", b"<?xml", b"<!DOCTYPE rss [", b"]>"),
    *(b'<!ENTITY p "C:\\d">', b"&p;", b"&#55296;", b"&#1114112;", b"&#x0;", b"&", b"\0", b"\xff\xfe", b"\xe2\x80"),
    *(
        b"</",
        b"<a:b xmlns:a='x'>",
        b" encoding='utf-7'",
        b"<pubDate>0</pubDate>",
        b"<source>",
        b'"',
        b"<link href='//[",
    ),
    *(b"<guid/>", b"<content type='base64'>!</content>", b"xml:base='http://['", b"<language><b/></language>"),
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    document = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(document)))
        end = draw(st.integers(start, min(len(document), start + 40)))
        document = document[:start] + draw(st.sampled_from(TOKENS) | st.binary(max_size=8)) + document[end:]
    return document[: draw(st.integers(0, len(document)) | st.just(len(document)))]


def assert_well_behaved(parsed: ParsedFeed | Rejected) -> None:
    """Whatever came in, what goes on is clean."""
    if isinstance(parsed, Rejected):
        assert parsed.outcome in {FetchOutcome.NOT_A_FEED, FetchOutcome.PARSER_ERROR}
        assert parsed.error
        return
    assert len(parsed.entries) <= 3
    for entry in parsed.entries:
        assert entry.title or entry.summary
        assert entry.published is None or entry.published.tzinfo is UTC
        for text in (entry.title, entry.summary, entry.link or "", entry.guid or "", entry.source_title or ""):
            assert text == " ".join(text.split())
            text.encode()  # no lone surrogates


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(b'<?xml version="1.0" encoding="' + b"'1.0' encoding='utf-" * 2000 + b"<rss>", id="declarations"),
        pytest.param(b"<!DOCTYPE rss [" + b"\n" * 60_000 + b"<rss>", id="lines without end"),
        pytest.param(b"<!DOCTYPE rss [" + b"\n<!ENTITY " * 12_000 + b"<rss>", id="entities without end"),
        pytest.param(rss_of(item_of(more=f"<author>{'a@a.' * 15_000}</author>")).encode(), id="an author without end"),
    ],
)
def test_documents_made_to_be_slow_are_not(document: bytes) -> None:
    before = time.process_time()
    read(document)
    assert time.process_time() - before < 2


@settings(deadline=None, max_examples=300)
@given(mutated())
def test_no_mutation_of_a_feed_raises(document: bytes) -> None:
    assert_well_behaved(read(document, limit=3))


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=300), st.sampled_from(["", "text/xml; charset=utf-16", "application/xml; charset=\xff"]))
def test_no_bytes_raise(document: bytes, content_type: str) -> None:
    assert_well_behaved(read(document, limit=3, content_type=content_type))


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=80), st.text(max_size=80))
def test_any_header_is_survived(content_type: str, language: str) -> None:
    headers = {"content_type": content_type, "content_language": language, "content_location": language}
    assert_well_behaved(read(rss_of(ITEM), limit=3, **headers))


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_in_an_item_is_survived(title: str, date: str) -> None:
    assert_well_behaved(read(rss([Item(title, title, published=date)]), limit=3))


class Theirs(feedparser.FeedParserDict):  # type: ignore[misc]
    """feedparser's dictionary as it comes."""

    __getitem__, __contains__, get = parse_module._its_item, parse_module._its_contains, parse_module._its_get


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # feedparser's, about its own coming changes
@given(
    held=st.dictionaries(
        st.sampled_from("title tags links published published_parsed summary category license".split()),
        st.lists(st.just({"rel": "license", "href": "https://ledger.example/terms", "term": "World"}), max_size=2),
    ),
    key=st.sampled_from([*parse_module._SPECIAL, *"title tags links published summary nothing".split()]),
)
def test_quick_look_ups_find_what_those_of_feedparser_find(held: dict[str, list[dict[str, str]]], key: str) -> None:
    ours, theirs = feedparser.FeedParserDict(held), Theirs(held)
    assert found(ours.get, key) == found(theirs.get, key)
    assert found(ours.__contains__, key) == found(theirs.__contains__, key)
    assert found(ours.__getitem__, key) == found(theirs.__getitem__, key)


def found(look_up: Callable[[str], object], key: str) -> object:
    """What a look-up gives, or the error that it raises."""
    try:
        return look_up(key)
    except LookupError as error:
        return type(error)
