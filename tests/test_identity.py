"""What is the same article, and what is the same story."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_coverage.identity import (
    canonical_url,
    identify,
    outlets_by_name_and_host,
    publication_time,
    story_key,
    text_sha256,
    without_suffix,
)
from media_coverage.records import DateSource, Entry, Feed, FeedKind, IdKind, Outlet, Sighting

NOW = datetime(2026, 2, 3, 12, 0, tzinfo=UTC)
POST = Outlet("The Harbour Post", "US", "us_center", ("Harbour", "harbourpost.example"))
LANTERN = Outlet("Al-Lantern", "GB", "uk")
POST_FEED = Feed("https://www.post.example/rss", POST)
LANTERN_FEED = Feed("https://lantern.example/rss", LANTERN)
SEARCH_FEED = Feed("https://finder.example/rss?q=talks", Outlet("Newsfinder", None, "aggregator"), FeedKind.SEARCH)
KNOWN = outlets_by_name_and_host([POST_FEED, LANTERN_FEED, SEARCH_FEED])


def entry(
    title: str = "Leaders meet for talks in Valletta",
    summary: str = "They spoke for hours.",
    link: str | None = None,
    guid: str | None = None,
    **more: str | None,
) -> Entry:
    return Entry(title, summary, link, guid, **more)  # type: ignore[arg-type]


def english(_title: str, _summary: str) -> tuple[str | None, str]:
    return "en", "declared"


def seen(*entries: Entry, feed: Feed = POST_FEED) -> tuple[Sighting, ...]:
    return identify(feed, entries, NOW, KNOWN, english)


# Addresses


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://post.example/a", "https://post.example/a", id="as it is"),
        pytest.param("http://post.example/a", "https://post.example/a", id="http"),
        pytest.param("https://www.post.example/a", "https://post.example/a", id="www"),
        pytest.param("https://www.www.post.example/a", "https://post.example/a", id="www twice"),
        pytest.param("https://wwwpost.example/a", "https://wwwpost.example/a", id="www in a name"),
        pytest.param("HTTPS://Post.EXAMPLE./Article", "https://post.example/Article", id="case of host, not of path"),
        pytest.param("https://post.example:443/a", "https://post.example/a", id="usual port"),
        pytest.param("https://post.example:8443/a", "https://post.example:8443/a", id="unusual port"),
        pytest.param("https://me:secret@post.example/a", "https://post.example/a", id="user and password"),
        pytest.param("https://post.example/a/", "https://post.example/a", id="slash at the end"),
        pytest.param("https://post.example/a#comments", "https://post.example/a", id="fragment"),
        pytest.param("https://post.example/a?", "https://post.example/a", id="empty query"),
        pytest.param("https://post.example/a?id=7&page=2", "https://post.example/a?id=7&page=2", id="query"),
        pytest.param("https://post.example/a?id=", "https://post.example/a?id=", id="empty value"),
        pytest.param(" https://post.example/a\n", "https://post.example/a", id="white space around"),
        pytest.param("https://post.example/a b", "https://post.example/a%20b", id="white space within"),
        pytest.param("https://post.example/?q=%E9", "https://post.example?q=%E9", id="query that is not UTF-8"),
        pytest.param("http://[::1]:8000/a", "https://[::1]:8000/a", id="IPv6"),
        pytest.param("https://п.example/стаття", "https://п.example/стаття", id="letters of another script"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="missing"),
        pytest.param("/a", None, id="relative"),
        pytest.param("mailto:desk@post.example", None, id="mail"),
        pytest.param("ftp://post.example/a", None, id="ftp"),
        pytest.param("javascript:alert(1)", None, id="script"),
        pytest.param("https://", None, id="no host"),
        pytest.param("https://post example/a", None, id="host with a space"),
        pytest.param("http://[::1/a", None, id="half a bracket"),
        pytest.param("https://post.example:port/a", None, id="port that is no number"),
    ],
)
def test_the_canonical_address_keeps_what_identifies(url: str | None, expected: str | None) -> None:
    assert canonical_url(url) == expected


@pytest.mark.parametrize(
    "name",
    [
        *("utm_source", "UTM_Campaign", "utm_id", "at_medium", "fbclid", "gclid", "dclid", "msclkid", "igshid"),
        *("mc_cid", "mc_eid", "cmpid", "CMP", "ocid", "ns_mchannel", "smid", "sref", "traffic_source", "guccounter"),
        *("guce_referrer", "ref", "ref_src", "source", "src", "partner", "campaign_id", "campaignid", "xtor", "wt_mc"),
        "rss",
    ],
)
def test_tracking_parameters_do_not_identify(name: str) -> None:
    bare = canonical_url("https://post.example/a?id=7&z=1")
    assert canonical_url(f"https://post.example/a?{name}=x&id=7&z=1") == bare
    assert canonical_url(f"https://post.example/a?id=7&{name}&z=1") == bare


@pytest.mark.parametrize("name", ["id", "p", "article", "story", "sourceid", "reference", "utm", "xref", "storyref"])
def test_parameters_that_only_resemble_tracking_stay(name: str) -> None:
    assert canonical_url(f"https://post.example/a?{name}=7") != canonical_url(f"https://post.example/a?{name}=8")


_pieces = st.sampled_from(
    [
        "www.",
        "a.example",
        ":80",
        ":8080",
        "/",
        "//",
        "?",
        "&",
        "=",
        "#",
        "%E9",
        "%20",
        "utm_x=1",
        "[::1]",
        "@",
        ".",
        " ",
    ]
)
_addresses = st.builds(
    "{}{}{}".format,
    st.sampled_from(["http://", "https://", "HTTP://www.", "https://a.example/", "https://a.example/?"]),
    st.lists(_pieces | st.text(max_size=3), max_size=8).map("".join),
    st.sampled_from(["", "/", "#x"]),
)


@settings(deadline=None, max_examples=400)
@given(_addresses | st.text())
def test_a_canonical_address_is_canonical_already(url: str) -> None:
    once = canonical_url(url)
    if once is None:
        return
    assert canonical_url(once) == once
    parts = urlsplit(once)
    assert parts.scheme == "https"
    assert parts.hostname
    assert not parts.fragment
    assert not parts.path.endswith("/")


_words = st.text("abcxyz019-", min_size=1, max_size=6)


@settings(deadline=None)
@given(path=st.lists(_words, max_size=3), query=st.dictionaries(_words, _words, max_size=3), tracking=_words)
def test_the_same_article_has_one_address_however_it_is_linked(
    path: list[str], query: dict[str, str], tracking: str
) -> None:
    tail = "/".join(path)
    pairs = "&".join(f"{name}={value}" for name, value in query.items())
    plain = canonical_url(f"https://post.example/{tail}?{pairs}")
    tagged = canonical_url(f"http://www.POST.example:80/{tail}/?{pairs}&utm_medium={tracking}#{tracking}")
    assert plain == tagged
    assert plain is not None
    assert dict(parse_qsl(urlsplit(plain).query)) == query


# Titles and stories


@pytest.mark.parametrize(
    ("title", "names", "expected"),
    [
        pytest.param("Talks resume - The Harbour Post", ["The Harbour Post"], "Talks resume", id="hyphen"),
        pytest.param("Talks resume | The Harbour Post", ["The Harbour Post"], "Talks resume", id="bar"),
        pytest.param("Talks resume – The Harbour Post", ["The Harbour Post"], "Talks resume", id="dash"),
        pytest.param("Talks resume — the harbour POST", ["The Harbour Post"], "Talks resume", id="case"),
        pytest.param("Talks resume - Journal de Liege", ["Journal de Liège"], "Talks resume", id="accents"),
        pytest.param("Talks resume - Al-Lantern", ["Al-Lantern"], "Talks resume", id="hyphen in the name"),
        pytest.param("Talks - what now - Al-Lantern", ["Al-Lantern"], "Talks - what now", id="only the last"),
        pytest.param("Talks resume - Harbour", ["The Harbour Post", "Harbour"], "Talks resume", id="second name"),
        pytest.param("Talks resume - Kyiv", ["The Harbour Post"], "Talks resume - Kyiv", id="another name"),
        pytest.param("Talks resume - Kyiv", ["The Harbour Post", None, ""], "Talks resume - Kyiv", id="missing names"),
        pytest.param("Talks-The Harbour Post", ["The Harbour Post"], "Talks-The Harbour Post", id="no space around"),
        pytest.param("The Harbour Post", ["The Harbour Post"], "The Harbour Post", id="nothing but the name"),
        pytest.param(" - The Harbour Post", ["The Harbour Post"], " - The Harbour Post", id="nothing before the name"),
        pytest.param("", ["The Harbour Post"], "", id="empty"),
    ],
)
def test_the_name_of_the_outlet_after_the_headline_is_removed(
    title: str, names: list[str | None], expected: str
) -> None:
    assert without_suffix(title, *names) == expected


def test_the_same_headline_is_one_story_under_every_masthead() -> None:
    key = story_key("Leaders meet for talks in Valletta", "Ours", "The Harbour Post")
    assert key == story_key("Leaders meet for talks in Valletta", "Theirs", "Al-Lantern")
    assert key == story_key("LEADERS meet for talks in “Valletta”!", "", "Al-Lantern")
    assert key == story_key("Léaders meet – for talks, in Valletta", "", "Al-Lantern")
    assert key != story_key("Leaders meet for talks in Larnaca", "Ours", "The Harbour Post")
    assert key != story_key("Leaders meet for talks", "Ours", "The Harbour Post")


def test_a_headline_of_few_words_needs_its_lead_and_outlet_to_be_a_story() -> None:
    key = story_key("Ukraine war: live updates", "Talks begin.", "Al-Lantern")
    assert key == story_key("Ukraine war: LIVE updates", "talks begin.", "Al-Lantern")
    assert key != story_key("Ukraine war: live updates", "Talks end.", "Al-Lantern")
    assert key != story_key("Ukraine war: live updates", "Talks begin.", "The Harbour Post")
    five = "Ukraine war: live updates today"
    assert story_key(five, "Talks begin.", "Al-Lantern") == story_key(five, "Talks end.", "The Harbour Post")


def test_any_change_of_headline_or_lead_is_another_version() -> None:
    version = text_sha256("Talks resume", "In Valletta")
    assert version == text_sha256("Talks resume", "In Valletta")
    assert len({version, text_sha256("Talks Resume", "In Valletta"), text_sha256("Talks resume", "in Valletta")}) == 3
    assert text_sha256("Talks", "resume") != text_sha256("Talksresume", "") != text_sha256("", "Talksresume")


# Times


@pytest.mark.parametrize(
    ("published", "used"),
    [
        pytest.param(NOW - timedelta(hours=1), True, id="an hour ago"),
        pytest.param(NOW, True, id="now"),
        pytest.param(NOW + timedelta(hours=48), True, id="48 hours ahead"),
        pytest.param(NOW + timedelta(hours=48, seconds=1), False, id="more than 48 hours ahead"),
        pytest.param(datetime(9999, 12, 31, tzinfo=UTC), False, id="the end of time"),
        pytest.param(datetime(1995, 1, 1, tzinfo=UTC), True, id="the start of 1995"),
        pytest.param(datetime(1994, 12, 31, 23, 59, 59, tzinfo=UTC), False, id="before 1995"),
        pytest.param(datetime(1970, 1, 1, tzinfo=UTC), False, id="the epoch"),
        pytest.param(None, False, id="missing"),
    ],
)
def test_a_date_that_cannot_be_true_gives_way_to_the_time_of_the_fetch(published: datetime | None, used: bool) -> None:
    time, source = publication_time(replace(entry(), published=published), NOW)
    assert (time, source) == ((published, DateSource.FEED) if used else (NOW, DateSource.FIRST_SEEN))


# Whole documents


def test_an_article_is_known_by_its_canonical_address() -> None:
    (one,) = seen(entry(link="http://www.post.example/a/?utm_source=rss#top", guid="tag:1"))
    assert (one.key, one.id_kind) == ("https://post.example/a", IdKind.URL)
    assert one.url == "http://www.post.example/a/?utm_source=rss#top", "the link itself is kept for readers"
    (other,) = seen(entry("Another headline", link="https://post.example/a"), feed=LANTERN_FEED)
    assert other.key == one.key


def test_sightings_carry_what_the_entry_says() -> None:
    published = NOW - timedelta(hours=2)
    (one,) = seen(replace(entry(link="https://post.example/a"), published=published))
    assert one.outlet == POST
    assert (one.published_at, one.date_source) == (published, DateSource.FEED)
    assert (one.language, one.language_source) == ("en", "declared")
    assert one.text_sha256 == text_sha256(one.entry.title, one.entry.summary)
    assert one.story_key == story_key(one.entry.title, one.entry.summary, POST.name)


def test_a_link_that_several_entries_share_identifies_only_with_the_entry() -> None:
    link = "https://post.example/live"
    first, second, third = seen(
        entry("Talks begin", link=link, guid="1"),
        entry("Talks end", link=link, guid="2"),
        entry("Markets rise", link="https://post.example/b", guid="3"),
    )
    assert first.id_kind is second.id_kind is IdKind.URL_AND_ENTRY
    assert first.key.startswith("https://post.example/live#")
    assert first.key != second.key
    assert third.key == "https://post.example/b"


def test_a_shared_link_without_guids_is_told_apart_by_the_headlines() -> None:
    link = "https://post.example/live"
    first, second = seen(entry("Talks begin", link=link), entry("Talks end", link=link))
    assert first.id_kind is second.id_kind is IdKind.URL_AND_ENTRY
    assert first.key != second.key


def test_an_edited_headline_under_the_same_link_and_guid_is_the_same_article() -> None:
    link = "https://post.example/a"
    first, second = seen(entry("Talks begin", link=link, guid="1"), entry("Talks end in discord", link=link, guid="1"))
    assert first.key == second.key == link
    assert first.id_kind is second.id_kind is IdKind.URL
    assert first.text_sha256 != second.text_sha256


def test_the_front_page_identifies_nothing() -> None:
    first, second = seen(
        entry("Talks begin", link="https://post.example/", guid="1"), entry("Talks end", link="https://post.example")
    )
    assert first.id_kind is IdKind.GUID
    assert second.id_kind is IdKind.TEXT
    assert first.url == "https://post.example/"


def test_a_guid_identifies_where_there_is_no_link() -> None:
    first, second = seen(entry("Talks begin", guid="tag:1"), entry("Talks end", guid="tag:2"))
    assert first.id_kind is second.id_kind is IdKind.GUID
    assert first.key.startswith("guid:www.post.example:")
    assert first.key != second.key
    (edited,) = seen(entry("Talks begin late", guid="tag:1"))
    assert edited.key == first.key
    (elsewhere,) = seen(entry("Talks begin", guid="tag:1"), feed=LANTERN_FEED)
    assert elsewhere.key != first.key, "guids are unique within a publisher only"


def test_a_guid_that_several_entries_share_does_not_make_them_one() -> None:
    first, second = seen(entry("Talks begin", guid="0"), entry("Talks end", guid="0"))
    assert first.id_kind is second.id_kind is IdKind.GUID
    assert first.key != second.key
    link = "https://post.example/live"
    third, fourth, fifth = seen(
        entry("Talks begin", link=link, guid="0"),
        entry("Talks end", link=link, guid="0"),
        entry("Markets rise", link=link, guid="1"),
    )
    assert len({third.key, fourth.key, fifth.key}) == 3


@pytest.mark.parametrize("link", [None, "", "/relative", "javascript:alert(1)", "https://"])
def test_without_link_and_guid_the_text_and_date_identify(link: str | None) -> None:
    raw = "Tue, 03 Feb 2026"
    (one,) = seen(entry("Talks begin", link=link, published_raw=raw))
    assert one.id_kind is IdKind.TEXT
    assert one.url is None
    (same,) = seen(entry("Talks begin", link=link, published_raw=raw))
    assert same.key == one.key
    others = [
        seen(entry("Talks end", link=link, published_raw=raw)),
        seen(entry("Talks begin", "Another lead", link=link, published_raw=raw)),
        seen(entry("Talks begin", link=link, published_raw="Wed, 04 Feb 2026")),
        seen(entry("Talks begin", link=link, published_raw=raw), feed=LANTERN_FEED),
    ]
    assert len({one.key, *(other[0].key for other in others)}) == 5


def test_an_article_listed_twice_is_seen_once_with_the_longer_lead() -> None:
    link = "https://post.example/a"
    for summaries in (["", "They spoke for hours."], ["They spoke for hours.", ""]):
        (one,) = seen(*(entry("Talks begin", summary, link=link, guid="1") for summary in summaries))
        assert one.entry.summary == "They spoke for hours."


def test_entries_keep_their_order_and_an_empty_document_has_none() -> None:
    titles = [f"Headline number {n}" for n in range(9)]
    sightings = seen(*(entry(title, link=f"https://post.example/{title[-1]}") for title in titles))
    assert [sighting.entry.title for sighting in sightings] == titles
    assert seen() == ()


def test_the_language_is_asked_for_the_text_without_the_outlets_name() -> None:
    asked: list[tuple[str, str]] = []

    def language_of(title: str, summary: str) -> tuple[str | None, str]:
        asked.append((title, summary))
        return None, "unknown"

    (one,) = identify(POST_FEED, (entry("Talks begin - The Harbour Post", "Lead"),), NOW, KNOWN, language_of)
    assert asked == [("Talks begin", "Lead")]
    assert (one.language, one.language_source) == (None, "unknown")


# Search feeds


@pytest.mark.parametrize(
    ("source_title", "source_url", "outlet"),
    [
        pytest.param("The Harbour Post", None, POST, id="name"),
        pytest.param("the harbour post", None, POST, id="name in small letters"),
        pytest.param("Harbour", None, POST, id="alias"),
        pytest.param("HP", "https://www.post.example", POST, id="host of a feed"),
        pytest.param("HP", "https://www.www.post.example", POST, id="host with www twice"),
        pytest.param("HP", "https://www.harbourpost.example/", POST, id="alias that is a host"),
        pytest.param("Al-Lantern", "https://post.example", LANTERN, id="the name counts before the host"),
        pytest.param("Inland Echo", "https://echo.example", Outlet("Inland Echo", None, "other"), id="unknown"),
        pytest.param("Inland Echo", "http://[::1", Outlet("Inland Echo", None, "other"), id="broken address"),
        pytest.param("Inland Echo", "", Outlet("Inland Echo", None, "other"), id="empty address"),
        pytest.param(None, "https://post.example", SEARCH_FEED.outlet, id="no source"),
    ],
)
def test_an_entry_of_a_search_belongs_to_the_outlet_it_names(
    source_title: str | None, source_url: str | None, outlet: Outlet
) -> None:
    listed = entry(link="https://finder.example/a", source_title=source_title, source_url=source_url)
    (one,) = seen(listed, feed=SEARCH_FEED)
    assert one.outlet == outlet


def test_an_entry_of_an_ordinary_feed_belongs_to_its_outlet_whatever_source_it_names() -> None:
    (one,) = seen(entry(link="https://post.example/a", source_title="Al-Lantern"))
    assert one.outlet == POST


@pytest.mark.parametrize("name", ["The Harbour Post", "Harbour", "Inland Echo"])
def test_a_search_appends_the_outlets_name_and_it_is_removed(name: str) -> None:
    title = "Leaders meet for talks in Valletta"
    (found,) = seen(entry(f"{title} - {name}", link="https://finder.example/a", source_title=name), feed=SEARCH_FEED)
    (own,) = seen(entry(title, link="https://post.example/a"))
    assert found.entry.title == title
    assert found.story_key == own.story_key


def test_the_first_outlet_in_the_file_keeps_a_name_or_host_that_two_claim() -> None:
    twin = Feed("https://post.example/opinion", Outlet("Harbour", "US", "us_right"))
    known = outlets_by_name_and_host([POST_FEED, twin])
    assert known["harbour"] == POST
    assert known["post.example"] == POST
    assert known["harbourpost.example"] == POST


# Everything a feed can say


_maybe_links = st.sampled_from(
    [None, "", "https://post.example/", "https://post.example/a", "https://post.example/a?utm_x=1", "http://[", "x"]
)
_entries = st.builds(
    Entry,
    title=st.sampled_from(["Talks begin", "Talks end", "Leaders meet for talks in Valletta", ""]) | st.text(max_size=5),
    summary=st.sampled_from(["", "Lead"]),
    link=_maybe_links | st.text(max_size=5),
    guid=st.sampled_from([None, "", "0", "1"]),
    published=st.none() | st.datetimes(timezones=st.just(UTC)),
    source_title=st.none() | st.sampled_from(["Harbour", "Inland Echo"]),
    source_url=_maybe_links,
)


@settings(deadline=None, max_examples=200)
@given(entries=st.lists(_entries, max_size=6).map(tuple), feed=st.sampled_from([POST_FEED, SEARCH_FEED]))
def test_any_document_gives_sightings_that_are_the_same_when_read_again(entries: tuple[Entry, ...], feed: Feed) -> None:
    sightings = seen(*entries, feed=feed)
    assert sightings == seen(*entries, feed=feed)
    assert bool(sightings) is bool(entries)
    assert len({(one.key, one.entry.title) for one in sightings}) == len(sightings) <= len(entries)
    for one in sightings:
        assert one.key
        assert one.published_at <= NOW + timedelta(hours=48)
        assert one.url is None or canonical_url(one.url)
