"""What is the same article."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from media_coverage.identity import (
    KnownArticle,
    SameBy,
    canonical_url,
    identify,
    outlets_by_name_and_host,
    publication_time,
    same_article,
    text_sha256,
    without_outlet,
)
from media_coverage.records import DateSource, Entry, Feed, FeedKind, IdKind, Outlet, Sighting
from media_coverage.stories import WINDOW

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
        *("rss", "wprss", "amp", "yclid", "gbraid", "twclid", "ttclid", "_ga", "_gl", "_hsenc", "mkt_tok", "li_fat_id"),
        *("pk_campaign", "mtm_source", "s_cid", "intcid", "ito", "itid", "ftag", "taid", "maca", "smtyp"),
    ],
)
def test_tracking_parameters_do_not_identify(name: str) -> None:
    bare = canonical_url("https://post.example/a?id=7&z=1")
    assert canonical_url(f"https://post.example/a?{name}=x&id=7&z=1") == bare
    assert canonical_url(f"https://post.example/a?id=7&{name}&z=1") == bare


@pytest.mark.parametrize("name", ["id", "p", "article", "story", "sourceid", "reference", "utm", "xref", "amps", "cid"])
def test_parameters_that_only_resemble_tracking_stay(name: str) -> None:
    assert canonical_url(f"https://post.example/a?{name}=7") != canonical_url(f"https://post.example/a?{name}=8")


@pytest.mark.parametrize(
    "url",
    [
        "https://amp.post.example/world/a",
        "https://www.post.example/world/a/amp",
        "https://www.post.example/world/a/amp/",
        "https://post.example/amp/world/a",
        "https://post.example/world/amp/a",
        "https://post.example/world/a.amp",
        "https://post.example/world/a?amp=1",
        "https://post.example/world/a?outputType=amp",
        "https://post.example/world/a?from=rss",
        "https://m.post.example/world/a",
        "https://mobile.post.example/world/a",
        "https://www.m.post.example/world/a",
        "https://post-example.cdn.ampproject.org/c/s/post.example/world/a/amp/",
        "https://post-example.cdn.ampproject.org/v/s/www.post.example/world/a?amp_js_v=0.1",
        "https://www.google.com/amp/s/amp.post.example/world/a",
        "https://www.google.com/amp/post.example/world/a",
        "https://www.google.com/url?rct=j&sa=t&url=https://post.example/world/a&ct=ga&usg=x",
        "https://www.google.co.uk/url?q=https%3A%2F%2Fpost.example%2Fworld%2Fa&sa=D",
        "https://www.google.com/url?q=https%3A%2F%2Fwww.google.com%2Famp%2Fs%2Fpost.example%2Fworld%2Fa",
        "http://www.bing.com/news/apiclick.aspx?ref=FexRss&url=https%3a%2f%2fpost.example%2fworld%2fa&c=1",
        "https://l.facebook.com/l.php?u=https%3A%2F%2Fpost.example%2Fworld%2Fa%3Ffbclid%3Dx&h=y",
        "https://post.example/%77orld/%61",
    ],
)
def test_other_editions_and_redirectors_lead_to_the_same_article(url: str) -> None:
    assert canonical_url(url) == "https://post.example/world/a"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://m.example/a", "https://m.example/a", id="nothing left without m."),
        pytest.param("https://amp.example/a", "https://amp.example/a", id="nothing left without amp."),
        pytest.param("https://camp.example/amps", "https://camp.example/amps", id="amp within words"),
        pytest.param("https://post.example/a.amp.html", "https://post.example/a.html", id="amp before the ending"),
        pytest.param("https://post.example/?output=amp&id=7", "https://post.example?id=7", id="amp among parameters"),
        pytest.param("https://post.example/%c3%a9t%C3%A9/", "https://post.example/été", id="escaped letters"),
        pytest.param("https://post.example/e%CC%81", "https://post.example/é", id="escaped accent"),
        pytest.param("https://post.example/%e9/a", "https://post.example/%E9/a", id="not UTF-8"),
        pytest.param("https://post.example/%7Euser", "https://post.example/~user", id="needless escape"),
        pytest.param("https://post.example/a%2Fb%20c", "https://post.example/a%2Fb%20c", id="needed escapes"),
        pytest.param("https://xn--p1ai.example/a", "https://рф.example/a", id="punycode"),
        pytest.param("https://xn--.example/a", None, id="broken punycode"),
        pytest.param(
            "https://www.google.com/url?q=javascript:alert(1)",
            "https://google.com/url?q=javascript%3Aalert%281%29",
            id="no address behind",
        ),
        pytest.param(
            "https://www.google.com/search?q=a", "https://google.com/search?q=a", id="a search, no redirector"
        ),
        pytest.param("https://www.bing.com/news/search?q=a", "https://bing.com/news/search?q=a", id="another search"),
        pytest.param(
            "https://notgoogle.com/url?q=https://b.example/",
            "https://notgoogle.com/url?q=https%3A%2F%2Fb.example%2F",
            id="another host",
        ),
    ],
)
def test_what_only_looks_like_another_edition_stays(url: str, expected: str | None) -> None:
    assert canonical_url(url) == expected


def google_news_id(address: bytes) -> str:
    """An article id as Google made them until 2024: a message with the address in field 4."""
    size = len(address)
    length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    return base64.urlsafe_b64encode(b"\x08\x13\x22" + length + address + b"\xd2\x01\x00").decode().rstrip("=")


@pytest.mark.parametrize("address", ["https://www.post.example/a?utm_source=x", "https://post.example/" + "long-" * 30])
@pytest.mark.parametrize("form", ["rss/articles/{}?oc=5", "articles/{}", "read/{}?hl=en-US&gl=US"])
def test_an_article_id_of_google_news_may_hold_the_address(address: str, form: str) -> None:
    link = "https://news.google.com/" + form.format(google_news_id(address.encode()))
    assert canonical_url(link) == canonical_url(address)


@pytest.mark.parametrize(
    "token",
    [
        "CBMiAU_yqLNabc",
        google_news_id(b"AU_yqLNnotanaddress"),
        google_news_id(b"javascript:alert(1)"),
        "CBMi",
        "a",
        "---",
    ],
)
def test_an_article_id_that_only_google_can_read_is_the_identity(token: str) -> None:
    forms = [f"https://news.google.com/{form}/{token}?oc=5" for form in ("rss/articles", "articles", "read")]
    assert {canonical_url(form) for form in forms} == {f"https://news.google.com/articles/{token}"}


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
        "/amp",
        ".amp",
        "m.",
        "%C3%A9",
        "%2f",
        "%CC%81",
        "/url?q=https://b.example/",
        "/amp/s/b.example/c",
        "/articles/CBMi",
    ]
)
_addresses = st.builds(
    "{}{}{}".format,
    st.sampled_from(
        [
            *("http://", "https://", "HTTP://www.", "https://a.example/", "https://a.example/?", "https://m."),
            *("https://google.com", "https://news.google.com", "https://x.cdn.ampproject.org"),
        ]
    ),
    st.lists(_pieces | st.text(max_size=3), max_size=8).map("".join),
    st.sampled_from(["", "/", "#x"]),
)


@settings(deadline=None, max_examples=400)
@given(_addresses | st.text())
@example("https://google.com/amp/url?q=https://b.example/")
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


# Titles and texts


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
        pytest.param("The Harbour Post | Talks resume", ["The Harbour Post"], "Talks resume", id="before a bar"),
        pytest.param("Opinion | Talks resume - Harbour", ["Harbour"], "Opinion | Talks resume", id="a section before"),
        pytest.param("Harbour: Talks resume", ["Harbour"], "Harbour: Talks resume", id="before a colon, as a source"),
        pytest.param("Harbour - talks resume", ["Harbour"], "Harbour - talks resume", id="before a dash, as a subject"),
    ],
)
def test_the_name_of_the_outlet_around_the_headline_is_removed(
    title: str, names: list[str | None], expected: str
) -> None:
    assert without_outlet(title, *names) == expected


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


@pytest.mark.parametrize(
    ("published", "link", "time", "source"),
    [
        (None, "https://post.example/2026/02/01/a", datetime(2026, 2, 1, tzinfo=UTC), DateSource.URL),
        (
            datetime(1, 1, 1, tzinfo=UTC),
            "https://post.example/2026/02/01/a",
            datetime(2026, 2, 1, tzinfo=UTC),
            DateSource.URL,
        ),
        (NOW, "https://post.example/2026/02/01/a", NOW, DateSource.FEED),
        (None, "https://post.example/2026/02/06/a", NOW, DateSource.FIRST_SEEN),
        (None, "https://post.example/1994/02/01/a", NOW, DateSource.FIRST_SEEN),
        (None, None, NOW, DateSource.FIRST_SEEN),
    ],
)
def test_without_a_date_the_address_may_name_the_day(
    published: datetime | None, link: str | None, time: datetime, source: DateSource
) -> None:
    assert publication_time(replace(entry(link=link), published=published), NOW) == (time, source)


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
    assert (one.agency, one.agency_words) == (None, None)


def test_an_agency_is_credited_by_dateline_byline_or_publisher() -> None:
    (dateline,) = seen(
        entry(summary="VALLETTA, Feb 3 (Reuters) - They spoke for hours.", link="https://post.example/a")
    )
    assert (dateline.agency, dateline.agency_words) == ("Reuters", "VALLETTA, Feb 3 (Reuters) -")
    (byline,) = seen(entry(link="https://post.example/a", author="Ada Ember, AFP"))
    assert (byline.agency, byline.agency_words) == ("AFP", "Ada Ember, AFP")
    (own,) = seen(entry(link="https://post.example/a", source_title="Associated Press"), feed=SEARCH_FEED)
    assert (own.agency, own.agency_words) == ("AP", "Associated Press")


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
    assert first.entry.guid is second.entry.guid is None, "it says nothing about the article"
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
    assert found.text_sha256 == own.text_sha256


def test_the_first_outlet_in_the_file_keeps_a_name_or_host_that_two_claim() -> None:
    twin = Feed("https://post.example/opinion", Outlet("Harbour", "US", "us_right"))
    known = outlets_by_name_and_host([POST_FEED, twin])
    assert known["harbour"] == POST
    assert known["post.example"] == POST
    assert known["harbourpost.example"] == POST


# Articles whose link and guid change


def known(**more: object) -> KnownArticle:
    """An article of the Harbour Post, dated a day ago, listed by a feed of its own under guid 7."""
    values: dict[str, object] = {
        "outlet": POST.name,
        "same_headline": True,
        "text_sha256": "another",
        "published_at": NOW - timedelta(days=1),
        "dated": True,
        "addressed": True,
        "guid": "7",
    }
    return KnownArticle(**(values | more))  # type: ignore[arg-type]


DAY = timedelta(days=1)
SAME_TEXT = {"text_sha256": text_sha256(entry().title, entry().summary)}


@pytest.mark.parametrize(
    ("feed", "age", "said", "article", "reason"),
    [
        pytest.param(POST_FEED, DAY, {"guid": "7"}, {"same_headline": False}, SameBy.GUID, id="guid, date: retitled"),
        pytest.param(POST_FEED, 0 * DAY, {"guid": "7"}, {}, SameBy.GUID, id="guid, headline: dated anew"),
        pytest.param(POST_FEED, 0 * DAY, {"guid": "7"}, {"same_headline": False}, None, id="guid alone: a counter"),
        pytest.param(POST_FEED, DAY, {"guid": "8"}, {"same_headline": False}, None, id="date alone"),
        pytest.param(POST_FEED, DAY, {"guid": "8"}, {}, None, id="headline, date: two addresses are two articles"),
        pytest.param(POST_FEED, DAY, {"guid": "8"}, SAME_TEXT, SameBy.TEXT, id="whole text, date"),
        pytest.param(POST_FEED, 0 * DAY, {"guid": "8"}, SAME_TEXT, None, id="whole text, another date"),
        pytest.param(POST_FEED, DAY, {"guid": "8"}, {"guid": None}, None, id="no guid known"),
        pytest.param(POST_FEED, 0 * DAY, {"link": None}, {}, SameBy.HEADLINE, id="neither link nor guid"),
        pytest.param(POST_FEED, 0 * DAY, {}, {"addressed": False}, SameBy.HEADLINE, id="known from searches only"),
        pytest.param(SEARCH_FEED, 0 * DAY, {"guid": "8"}, {}, SameBy.HEADLINE, id="search: headline, outlet"),
        pytest.param(SEARCH_FEED, DAY + WINDOW, {}, {}, SameBy.HEADLINE, id="search: at the end of the window"),
        pytest.param(SEARCH_FEED, 1.01 * DAY + WINDOW, {}, {}, None, id="search: after the window"),
        pytest.param(SEARCH_FEED, DAY, {}, {"outlet": "Al-Lantern"}, None, id="search: another outlet"),
        pytest.param(SEARCH_FEED, DAY, {}, {"same_headline": False}, None, id="search: another headline"),
        pytest.param(SEARCH_FEED, 0 * DAY, {"title": "Live updates"}, {}, None, id="search: too few words"),
        pytest.param(SEARCH_FEED, DAY, {"title": "Live updates"}, {}, SameBy.HEADLINE, id="search: few words, date"),
        pytest.param(
            SEARCH_FEED, DAY, {"title": "Live updates"}, {"dated": False}, None, id="search: its date unknown"
        ),
        pytest.param(SEARCH_FEED, DAY, {"title": "?!"}, {}, None, id="search: no words"),
    ],
)
def test_an_entry_with_a_new_key_may_be_a_known_article(
    feed: Feed, age: timedelta, said: dict[str, str | None], article: dict[str, object], reason: SameBy | None
) -> None:
    values = {"link": "https://post.example/new", "source_title": POST.name} | said
    (one,) = seen(replace(entry(**values), published=NOW - age), feed=feed)
    assert same_article(feed, one, known(**article)) is reason


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
