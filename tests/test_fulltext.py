"""Pages of articles: asked for politely over real HTTP, read in a child process, stored once, and labelled."""

from __future__ import annotations

import itertools
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from html import escape
from typing import TYPE_CHECKING

import pytest
import yaml
from conftest import FakeClassifier, Item, config_text, rss
from feedserver import Response, loopback_names, redirect, unused_port
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from media_coverage import config, fulltext, pipeline
from media_coverage.classify import EMBEDDED, load_classifier
from media_coverage.errors import ConfigError, MissingExtraError
from media_coverage.fetch import host_of
from media_coverage.framing import DEFAULT_FRAMES
from media_coverage.fulltext import LEAD_WORDS, crawl_delay, extract, is_due, permits, robots_from, without_heading
from media_coverage.parser_process import Limits, ParserProcess, extract_all
from media_coverage.records import (
    Access,
    Feed,
    Fetched,
    FetchOutcome,
    Outlet,
    Page,
    PageText,
    Rejected,
    Robots,
    RunSummary,
    SummarySource,
)
from media_coverage.store import open_store, schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Result
    from feedserver import FeedServer

    from media_coverage.config import Config

NOW = datetime(2026, 2, 3, 12, tzinfo=UTC)
TITLE = "Trump and Putin meet by the lake"
SENTENCES = [
    "Envoys of both presidents met by the lake for an hour and spoke of hope after a long silence between them.",
    "Each side said that it had heard something new, and neither wanted to say in public what exactly that had been.",
    "The host had set a table for twelve, of whom nine came, and the windows stood open in spite of the cold wind.",
    "Observers in the town, where every bed had been taken for weeks, saw cars leave before the evening bells rang.",
    "A second meeting is planned for the coming month, in a place that neither of the two delegations would name.",
    "Until then letters are to be exchanged, and the prisoners on the lists of both sides are to be counted again.",
    "Whether anything will come of it depends on people who were not in the room and had not been asked before it.",
    "The lake itself was calm all day, and the fishermen, who had been told to stay ashore, mended their brown nets.",
]


def page(*paragraphs: str, title: str = TITLE, head: str = "", above: str = "") -> bytes:
    """A news page: navigation, headline, article, footer."""
    text = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs or SENTENCES)
    return (
        f"<!doctype html><html lang=en><head><meta charset=utf-8><title>{escape(title)} | Ledger</title>{head}</head>"
        "<body><nav><ul><li><a href=/>Home</a></li><li><a href=/world>World</a></li></ul></nav>"
        f"<article><h1>{escape(title)}</h1>{above}{text}</article>"
        "<footer><p>Copyright. All rights reserved.</p></footer></body></html>"
    ).encode()


def html(body: bytes, status: int = 200, **headers: str) -> Response:
    return Response(body, status, {"Content-Type": "text/html; charset=utf-8"} | headers)


def plain(text: str, status: int = 200, **headers: str) -> Response:
    return Response(text.encode(), status, {"Content-Type": "text/plain"} | headers)


def wanting(
    server: FeedServer, folder: Path, full_text: object = True, query: str = "putin", **network: object
) -> Config:
    """A configuration whose one outlet wants pages to be read."""
    data = yaml.safe_load(config_text(server.url(), query=query, **({"timeout_seconds": 60} | network)))
    data["outlets"][0]["full_text"] = full_text
    return config.parse(yaml.safe_dump(data, sort_keys=False), folder / "feeds.yaml")


def listed(server: FeedServer, *items: Item) -> None:
    server.serve("/ledger.xml", Response(rss(items)))


def one_article(server: FeedServer, answer: Response, path: str = "/talks", summary: str = "") -> str:
    """A feed with one headline and the page behind it. Returns the page's address."""
    url = server.serve(path, answer)
    listed(server, Item(TITLE, summary, link=url))
    return url


def run(settings: Config, at: datetime = NOW, **options: object) -> RunSummary:
    return pipeline.run(settings, classifier=FakeClassifier(), clock=lambda: at, **options)  # type: ignore[arg-type]


def rows(settings: Config, sql: str) -> list[tuple[object, ...]]:
    with open_store(settings.database) as store:
        found = store.query(sql).astype(object)
        return list(found.where(found.notna(), None).itertuples(index=False, name=None))


def outcome(settings: Config) -> tuple[object, ...]:
    """Outcome and sentence of the last attempt at a page."""
    return rows(settings, "SELECT outcome, error FROM v_pages ORDER BY page_fetch_id DESC LIMIT 1")[0]


def fetched(body: bytes, kind: str = "text/html", url: str = "https://ledger.example/talks", **said: object) -> Fetched:
    feed = Feed(url, Outlet("Morning Ledger", "GB", "uk"))
    fields: dict[str, object] = {"status": 200, "final_url": url, "headers": {"content-type": kind}, "body": body}
    return Fetched(feed, FetchOutcome.OK, NOW, 1, **(fields | said))  # type: ignore[arg-type]


# ---------------------------------------------------------------------- a lead where the feed gives none


def test_the_first_words_of_the_page_are_the_lead_where_the_feed_gives_none(
    feed_server: FeedServer, tmp_path: Path
) -> None:
    url = one_article(feed_server, html(page()))
    settings = wanting(feed_server, tmp_path)

    summary = run(settings)

    assert (summary.pages, summary.pages_read, summary.labelled) == (1, 1, 2)
    lead = " ".join(" ".join(SENTENCES).split()[:LEAD_WORDS])
    articles = rows(settings, "SELECT title, summary, summary_source, label, versions, language FROM v_articles")
    assert articles == [(TITLE, lead, "page", "hopeful_peace", 1, "en")]
    wordings = rows(settings, "SELECT summary, summary_source FROM v_versions ORDER BY version_id")
    assert wordings == [("", "none"), (lead, "page")]
    labels = rows(settings, "SELECT label, summary_source FROM v_labels ORDER BY version_id")
    assert labels == [("neither", "none"), ("hopeful_peace", "page")]
    (attempt,) = rows(settings, "SELECT outcome, url, status, attempted, version_id, lead_version_id FROM v_pages")
    assert attempt == ("ok", url, 200, 1, 1, 2)
    with open_store(settings.database) as store:
        texts = store.texts()
        assert store.integrity() == "ok"
    assert texts["text"][0].endswith("\n".join(SENTENCES))
    assert without_heading(texts["text"][0], TITLE).split()[:LEAD_WORDS] == lead.split()  # so a lead can be made again
    assert str(texts["read_at"].dt.tz) == "UTC"
    assert rows(settings, "SELECT pages, pages_read FROM v_runs") == [(1, 1)]
    assert rows(settings, "SELECT sum(hopeful_peace), sum(neither) FROM v_daily_frames") == [(1, 0)]


def test_a_second_run_asks_for_nothing_again_and_adds_nothing(feed_server: FeedServer, tmp_path: Path) -> None:
    one_article(feed_server, html(page()))
    settings = wanting(feed_server, tmp_path)
    run(settings)
    tables = ("article_version", "page_fetch", "page_text", "label", "gate", "robots")
    before = [rows(settings, f"SELECT * FROM {table}") for table in tables]  # noqa: S608
    again = run(settings, NOW + timedelta(hours=6))
    assert (again.pages, again.labelled, again.new_versions) == (0, 0, 0)
    assert len(feed_server.asked("/talks")) == len(feed_server.asked("/robots.txt")) == 1
    assert [rows(settings, f"SELECT * FROM {table}") for table in tables] == before  # noqa: S608


@pytest.mark.parametrize(
    ("full_text", "summary", "asked", "wordings"),
    [
        pytest.param(False, "", 0, ["none"], id="not wanted"),
        pytest.param(True, "Aides spoke of a truce.", 0, ["feed"], id="the feed gives a lead"),
        pytest.param(
            "all", "Aides spoke of a truce.", 1, ["feed"], id="all pages wanted: the text beside the feed's lead"
        ),
        pytest.param("all", "", 1, ["none", "page"], id="all pages wanted, no lead"),
    ],
)
def test_the_outlet_says_which_pages_are_read(
    feed_server: FeedServer, tmp_path: Path, full_text: object, summary: str, asked: int, wordings: list[str]
) -> None:
    one_article(feed_server, html(page()), summary=summary)
    settings = wanting(feed_server, tmp_path, full_text)
    run(settings)
    assert len(feed_server.asked("/talks")) == asked
    assert len(rows(settings, "SELECT text FROM v_texts")) == asked
    assert [
        source for (source,) in rows(settings, "SELECT summary_source FROM v_versions ORDER BY version_id")
    ] == wordings


def test_only_what_passed_the_keywords_and_was_listed_by_its_publisher_is_asked_for(
    feed_server: FeedServer, tmp_path: Path
) -> None:
    football = feed_server.serve("/derby", html(page()))
    searched = feed_server.serve("/searched", html(page()))
    listed(feed_server, Item("City win the derby after a late goal", link=football))
    found = Item(TITLE, link=searched).xml().replace("</item>", "<source url='x'>Morning Ledger</source></item>")
    feed_server.serve("/search.xml", Response(rss([]).replace(b"</channel>", found.encode() + b"</channel>")))
    data = yaml.safe_load(config_text(feed_server.url()))
    data["outlets"][0]["full_text"] = True
    search = {"url": feed_server.url("/search.xml"), "kind": "search"}
    data["outlets"].append({"name": "Search", "group": "aggregator", "feeds": [search]})
    settings = config.parse(yaml.safe_dump(data), tmp_path / "feeds.yaml")
    assert run(settings).new_articles == 2
    assert rows(settings, "SELECT outlet, passed_gate FROM v_articles ORDER BY title") == [
        ("Morning Ledger", 0),
        ("Morning Ledger", 1),
    ]
    assert not feed_server.asked("/derby")
    assert not feed_server.asked("/searched")


def test_a_lead_that_a_feed_gives_later_comes_first(feed_server: FeedServer, tmp_path: Path) -> None:
    url = feed_server.serve("/talks", html(page()))
    documents = [rss([Item(TITLE, summary, link=url)]) for summary in ("", "Aides call it a betrayal.", "")]
    feed_server.serve("/ledger.xml", *map(Response, documents))
    settings = wanting(feed_server, tmp_path)
    for hour in range(3):
        run(settings, NOW + timedelta(hours=hour))
    assert rows(settings, "SELECT summary_source, label, versions FROM v_articles") == [("feed", "appeasement", 2)]
    assert len(feed_server.asked("/talks")) == 1


def test_another_headline_is_another_wording_and_gets_its_own_lead(feed_server: FeedServer, tmp_path: Path) -> None:
    later = "Putin leaves the lake without a word"
    url = feed_server.serve("/talks", html(page()), html(page(*reversed(SENTENCES), title=later)))
    documents = [rss([Item(title, link=url)]) for title in (TITLE, later)]
    feed_server.serve("/ledger.xml", *map(Response, documents))
    settings = wanting(feed_server, tmp_path)
    run(settings)
    run(settings, NOW + timedelta(hours=1))
    wordings = rows(settings, "SELECT title, summary_source, substr(summary, 1, 8) FROM v_versions ORDER BY version_id")
    assert wordings == [
        (TITLE, "none", ""),
        (TITLE, "page", "Envoys o"),
        (later, "none", ""),
        (later, "page", "The lake"),
    ]
    with open_store(settings.database) as store:
        assert list(store.edited_headlines()["previous_title"]) == [TITLE]


def test_the_gate_decides_on_the_wording_with_its_lead(feed_server: FeedServer, tmp_path: Path) -> None:
    one_article(feed_server, html(page()))
    settings = wanting(feed_server, tmp_path, query="putin NOT envoys")
    assert run(settings).pages_read == 1
    decided = rows(settings, "SELECT passed FROM gate ORDER BY version_id")
    assert decided == [(1,), (0,)]
    assert rows(settings, "SELECT passed_gate, label FROM v_articles") == [(0, None)]


def test_an_agency_credited_in_the_page_makes_wire_copy(feed_server: FeedServer, tmp_path: Path) -> None:
    one_article(feed_server, html(page(f"KYIV, Feb 3 (Reuters) - {SENTENCES[0]}", *SENTENCES[1:])))
    settings = wanting(feed_server, tmp_path)
    run(settings)
    assert rows(settings, "SELECT agency, wire_copy FROM v_articles") == [("Reuters", 1)]


def test_the_lead_is_as_long_as_what_the_embedded_model_reads() -> None:
    assert load_classifier(f"embedded:{EMBEDDED}").info.settings["summary_words"] == LEAD_WORDS


def test_the_summary_line_counts_pages(feed_server: FeedServer, tmp_path: Path, command: Callable[..., Result]) -> None:
    one_article(feed_server, html(page()))
    data = yaml.safe_load(config_text(feed_server.url()))
    data["outlets"][0]["full_text"] = True
    (tmp_path / "feeds.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    result = command("run", "--config", tmp_path / "feeds.yaml")
    assert result.code == 0, result.err
    assert "1 of 1 pages read" in result.out
    with open_store(tmp_path / "media-coverage.db") as store:
        found = store.article("1")
    assert found is not None
    assert str(found["summary"]).startswith("Envoys")  # what `explain 1` explains


# ---------------------------------------------------------------------- robots.txt

End = FetchOutcome
FORBIDS = "User-agent: *\nDisallow: /"
ROBOTS: dict[str, tuple[Response, FetchOutcome, str]] = {
    "none": (plain("no", 404), FetchOutcome.OK, "all"),
    "401": (plain("no", 401), FetchOutcome.OK, "all"),
    "410": (plain("no", 410), FetchOutcome.OK, "all"),
    "empty": (plain(""), FetchOutcome.OK, "rules"),
    "allows": (plain("User-agent: *\nDisallow: /admin\n"), FetchOutcome.OK, "rules"),
    "a page instead": (html(page()), FetchOutcome.OK, "rules"),
    "forbids": (plain(FORBIDS), FetchOutcome.DISALLOWED, "rules"),
    "forbids this path": (plain("user-agent: *\ndisallow: /tal*"), FetchOutcome.DISALLOWED, "rules"),
    "forbids us": (
        plain("User-Agent: Media-Coverage\nDisallow: /\n\nUser-agent: *\nAllow: /"),
        End.DISALLOWED,
        "rules",
    ),
    "forbids others": (plain("User-agent: *\nAllow: /\n\nUser-agent: otherbot\nDisallow: /"), End.OK, "rules"),
    "allows us alone": (plain(f"{FORBIDS}\n\nUser-agent: media-coverage\nAllow: /talks"), End.OK, "rules"),
    "the longer rule": (plain(f"{FORBIDS}\nAllow: /talks"), End.OK, "rules"),
    "500": (plain("no", 500), End.ROBOTS_UNREACHABLE, "not now"),
    "503": (plain("no", 503), End.ROBOTS_UNREACHABLE, "not now"),
    "breaks off": (Response(b"User-agent", send_only=5), End.ROBOTS_UNREACHABLE, "not now"),
    "leads into a private network": (redirect("http://169.254.169.254/"), End.ROBOTS_UNREACHABLE, "not now"),
}


def test_robots_txt_decides_whether_a_page_is_asked_for(feed_server: FeedServer, tmp_path: Path) -> None:
    """Each spelling of 127.0.0.1 is a host with a robots.txt of its own."""
    hosts = dict(zip(loopback_names(), ROBOTS, strict=False))
    items = []
    for number, host in enumerate(hosts):
        feed_server.serve("/talks", html(page()))
        items.append(Item(f"Putin by the lake, part {number}", link=feed_server.url("/talks", host)))
    feed_server.serve_with("/robots.txt", lambda request: ROBOTS[hosts[request.host]][0])
    listed(feed_server, *items)
    settings = wanting(feed_server, tmp_path)

    summary = run(settings)

    found = {hosts[host_of(str(url))]: ended for url, ended in rows(settings, "SELECT url, outcome FROM v_pages")}
    assert found == {name: expected.value for name, (_, expected, _) in ROBOTS.items()}
    kept = {
        hosts[host_of(str(origin))]: access for origin, access in rows(settings, "SELECT origin, access FROM robots")
    }
    assert kept == {name: access for name, (_, _, access) in ROBOTS.items()}
    asked = {hosts[request.host] for request in feed_server.asked("/talks")}
    assert asked == {name for name, (_, expected, _) in ROBOTS.items() if expected is End.OK}
    assert summary.pages == summary.pages_read == len(asked)
    agents = {request.headers["user-agent"].partition("/")[0] for request in feed_server.requests}
    assert agents == {"media-coverage"}


def test_a_host_without_a_listening_server_has_no_robots_txt_to_obey(feed_server: FeedServer, tmp_path: Path) -> None:
    listed(feed_server, Item(TITLE, link=f"http://127.0.0.1:{unused_port()}/talks"))
    settings = wanting(feed_server, tmp_path)
    assert run(settings).pages == 0
    ended, why = outcome(settings)
    assert ended == "robots_unreachable"
    assert "cannot connect" in str(why)


def test_robots_txt_is_kept_for_a_day(feed_server: FeedServer, tmp_path: Path) -> None:
    feed_server.serve("/robots.txt", plain("User-agent: *\nDisallow: /never"))
    urls = [feed_server.serve(f"/{number}", html(page())) for number in range(3)]
    items = [Item(f"Putin by the lake, part {number}", link=url) for number, url in enumerate(urls)]
    feed_server.serve("/ledger.xml", *(Response(rss(items[: number + 1])) for number in range(3)))
    settings = wanting(feed_server, tmp_path)
    for hours, asked in ((0, 1), (23, 1), (24, 2)):
        assert run(settings, NOW + timedelta(hours=hours)).pages_read == 1
        assert len(feed_server.asked("/robots.txt")) == asked


def test_a_redirect_is_followed_only_where_the_robots_txt_of_its_target_allows(
    feed_server: FeedServer, tmp_path: Path
) -> None:
    other = list(itertools.islice(loopback_names(), 2))[1]
    feed_server.serve("/new", html(page()))
    feed_server.serve_with(
        "/robots.txt", lambda request: plain(FORBIDS if request.host == other else "User-agent: *\nAllow: /")
    )
    one_article(feed_server, redirect(feed_server.url("/new", other)))
    settings = wanting(feed_server, tmp_path)
    run(settings)
    ended, why = outcome(settings)
    assert ended == "disallowed"
    assert str(why).startswith(f"http://{other}:{feed_server.port}/robots.txt")
    assert not feed_server.asked("/new")


def test_a_crawl_delay_is_a_floor_of_the_gap(feed_server: FeedServer, tmp_path: Path) -> None:
    feed_server.serve("/robots.txt", plain("User-agent: *\nCrawl-delay: 0.6"))
    urls = [feed_server.serve(f"/{number}", html(page())) for number in range(2)]
    listed(feed_server, *(Item(f"Putin by the lake, part {n}", link=url) for n, url in enumerate(urls)))
    settings = wanting(feed_server, tmp_path, host_gap_seconds=0.1)
    assert run(settings).pages_read == 2
    asked = sorted(request.arrived for request in feed_server.requests if request.path != "/ledger.xml")
    gaps = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert len(gaps) == 2
    assert min(gaps) >= 0.6
    assert feed_server.peak["127.0.0.1"] == 1


def test_pages_wait_for_the_gap_after_the_feed_of_their_host(feed_server: FeedServer, tmp_path: Path) -> None:
    one_article(feed_server, html(page()))
    run(wanting(feed_server, tmp_path, host_gap_seconds=0.4))
    paths = [request.path for request in feed_server.requests]
    assert paths == ["/ledger.xml", "/robots.txt", "/talks"]
    arrived = [request.arrived for request in feed_server.requests]
    assert min(later - earlier for earlier, later in itertools.pairwise(arrived)) >= 0.4


@pytest.mark.parametrize("where", ["/robots.txt", "/talks"])
def test_a_host_that_wants_to_be_left_alone_is_left_alone_feeds_included(
    feed_server: FeedServer, tmp_path: Path, where: str
) -> None:
    one_article(feed_server, html(page()))
    feed_server.serve(where, plain("later", 429, **{"Retry-After": "7200"}))
    settings = wanting(feed_server, tmp_path)
    run(settings)
    asked = len(feed_server.requests)
    (feed,) = run(settings, NOW + timedelta(minutes=90)).feeds
    assert feed.outcome is FetchOutcome.HELD_BACK
    assert len(feed_server.requests) == asked
    run(settings, NOW + timedelta(hours=3))
    assert len(feed_server.requests) > asked


@pytest.mark.parametrize(
    ("rules", "delay"),
    [
        ("User-agent: *\nCrawl-delay: 5", 5.0),
        ("User-agent: media-coverage\nCrawl-delay: 2\n\nUser-agent: *\nCrawl-delay: 9", 2.0),
        ("User-agent: *\nCrawl-delay: 86400", fulltext.MAX_CRAWL_DELAY),
        ("User-agent: *\nCrawl-delay: soon", 0.0),
        ("", 0.0),
    ],
)
def test_crawl_delays_are_read_and_capped(rules: str, delay: float) -> None:
    robots = Robots("https://ledger.example", Access.RULES, NOW, NOW, rules)
    assert crawl_delay(robots, "media-coverage") == delay


def test_a_robots_txt_that_names_thousands_of_agents_is_no_burden() -> None:
    """protego would hold each rule once for each name: 15,000 times 15,000."""
    names = "\n".join(f"User-agent: {name}" for name in [*(f"bot{n}" for n in range(15_000)), "media-coverage*"])
    stars = "\n".join(f"User-agent: {'*' * n}" for n in range(1, 300))
    text = f"{names}\n{stars}\n" + "\n".join(f"Disallow: /{n}" for n in range(15_000))
    reduced = fulltext._concerning("media-coverage", text)
    agents = {line for line in reduced.splitlines() if line.startswith("User-agent")}
    assert agents == {"User-agent: other", "User-agent: *", "User-agent: media-coverage"}
    robots = Robots("https://ledger.example", Access.RULES, NOW, NOW, text)
    assert not permits(robots, "https://ledger.example/14999", "media-coverage")
    assert permits(robots, "https://ledger.example/talks", "media-coverage")


@given(st.text(alphabet=st.sampled_from("Uuser-agentAlowDis:*/$ \n\r#%\u2028\0é0159.")), st.text(max_size=30))
def test_no_robots_txt_and_no_address_make_the_reader_raise(rules: str, path: str) -> None:
    found = robots_from("https://ledger.example", fetched(rules.encode("utf-8"), "text/plain"))
    assert found is not None
    assert permits(found, f"https://ledger.example/{path}", "media-coverage") in {True, False}
    assert 0 <= crawl_delay(found, "media-coverage") <= fulltext.MAX_CRAWL_DELAY


# ---------------------------------------------------------------------- failures are values

FAILURES: dict[str, tuple[Response, FetchOutcome, str]] = {
    "404": (html(b"no", 404), End.NOT_FOUND, "404"),
    "403": (html(b"no", 403), End.FORBIDDEN, "403"),
    "500": (html(b"no", 500), End.HTTP_ERROR, "500"),
    "a private network": (
        redirect("http://169.254.169.254/latest/meta-data/"),
        End.REFUSED_ADDRESS,
        "not a public",
    ),
    "too large": (html(page() + b" " * 20_000), End.TOO_LARGE, "20,000 bytes"),
    "a bomb": (Response(b"x" * 10**7, headers={"Content-Type": "text/html"}, gzip=1), End.TOO_LARGE, "20,000"),
    "a document": (Response(b"%PDF-1.7", headers={"Content-Type": "application/pdf"}), End.NOT_HTML, "pdf"),
    "plain text": (plain(" ".join(SENTENCES)), End.NOT_HTML, "not HTML"),
    "empty": (html(b""), End.EMPTY_BODY, "empty"),
    "short": (html(page(SENTENCES[0])), End.TOO_SHORT, "words"),
    "nothing but scripts": (
        html(b"<html><body><div id=app></div><script>go()</script></body></html>"),
        End.TOO_SHORT,
        "0 w",
    ),
    "a challenge": (
        html(b"<html><body><p>Checking</p><script src=/cdn-cgi/challenge-platform/x></script></body></html>"),
        *(End.FORBIDDEN, "challenge"),
    ),
    "a declared wall": (
        html(page(*SENTENCES[:4], head='<script type="application/ld+json">{"isAccessibleForFree": false}</script>')),
        *(End.PAYWALL, "subscribe"),
    ),
    "a wall in words": (
        html(page(*SENTENCES[:4], "Subscribe to continue reading this.")),
        End.PAYWALL,
        "subscribe",
    ),
    "cookies": (
        html(page("We use cookies. Cookies help us, and our partners set cookies for advertisements.", *SENTENCES[:3])),
        *(End.CONSENT_PAGE, "cookies"),
    ),
    "German": (
        html(
            page(
                *(
                    "Die Gesandten beider Präsidenten trafen sich am See und sprachen eine Stunde lang miteinander.",
                    "Beide Seiten sagten danach, sie hätten etwas Neues gehört, wollten aber nicht sagen, was das sei.",
                    "Der Gastgeber hatte für zwölf gedeckt, von denen neun kamen, und die Fenster standen offen.",
                    "In der Stadt, in der seit Wochen kein Bett mehr frei war, sah man am Abend die Wagen fahren.",
                )
            )
        ),
        *(End.OTHER_LANGUAGE, "language de"),
    ),
}


def test_a_page_that_gives_no_text_is_a_row_with_a_reason(feed_server: FeedServer, tmp_path: Path) -> None:
    items = []
    for number, (name, (answer, _, _)) in enumerate(FAILURES.items()):
        url = feed_server.serve(f"/{number}", answer)
        items.append(Item(f"Putin by the lake: {name}", link=url))
    listed(feed_server, *items)
    settings = wanting(feed_server, tmp_path, max_bytes=20_000, max_pages_per_host=50)

    summary = run(settings)

    count = len(FAILURES)
    assert (summary.exit_code, summary.pages, summary.pages_read, summary.labelled) == (0, count, 0, count)
    found = dict(zip(FAILURES, rows(settings, "SELECT outcome, error FROM v_pages ORDER BY version_id"), strict=True))
    assert {name: ended for name, (ended, _) in found.items()} == {
        name: expected.value for name, (_, expected, _) in FAILURES.items()
    }
    for name, (_, _, says) in FAILURES.items():
        assert says in str(found[name][1]), name
    assert rows(settings, "SELECT count(*) FROM page_text") == [(0,)]
    assert rows(settings, "SELECT DISTINCT summary_source FROM v_versions") == [("none",)]


def test_a_page_that_drips_is_given_up(feed_server: FeedServer, tmp_path: Path) -> None:
    one_article(feed_server, Response(page(), headers={"Content-Type": "text/html"}, drip=0.2))
    settings = wanting(feed_server, tmp_path, timeout_seconds=3)
    run(settings)
    assert outcome(settings) == ("timeout", "no complete answer within 3 s")


def test_an_article_at_a_private_address_is_refused(feed_server: FeedServer, tmp_path: Path) -> None:
    listed(feed_server, Item(TITLE, link="http://169.254.169.254/talks"))
    settings = wanting(feed_server, tmp_path)
    run(settings)
    assert outcome(settings)[0] == "refused_address"
    assert rows(settings, "SELECT count(*) FROM robots") == [(0,)]


def test_a_page_behind_a_consent_page_is_not_its_text(feed_server: FeedServer, tmp_path: Path) -> None:
    feed_server.serve("/consent/ask", html(page()))
    one_article(feed_server, redirect("/consent/ask"))
    settings = wanting(feed_server, tmp_path)
    run(settings)
    assert outcome(settings)[0] == "consent_page"


def test_what_is_no_page_is_not_downloaded(feed_server: FeedServer, tmp_path: Path) -> None:
    one_article(feed_server, Response(b"x" * 10_000, headers={"Content-Type": "video/mp4"}, drip=0.05))
    settings = wanting(feed_server, tmp_path)
    run(settings)
    assert outcome(settings) == ("not_html", "not HTML: video/mp4")
    assert len(feed_server.hung_up) == 1


def test_failures_that_may_pass_are_tried_again_later_and_later_and_not_for_ever(
    feed_server: FeedServer, tmp_path: Path
) -> None:
    one_article(feed_server, html(b"no", 500))
    settings = wanting(feed_server, tmp_path)
    for hours, asked in ((0, 1), (0.9, 1), (1, 2), (4.9, 2), (5, 3), (50, 3)):
        run(settings, NOW + timedelta(hours=hours))
        assert len(feed_server.asked("/talks")) == asked, hours
    assert rows(settings, "SELECT count(*) FROM v_pages") == [(3,)]


def test_a_page_that_comes_at_the_second_try_is_read(feed_server: FeedServer, tmp_path: Path) -> None:
    url = feed_server.serve("/talks", html(b"no", 503), html(page()))
    listed(feed_server, Item(TITLE, link=url))
    settings = wanting(feed_server, tmp_path)
    run(settings)
    assert run(settings, NOW + timedelta(hours=1)).pages_read == 1
    assert rows(settings, "SELECT outcome FROM v_pages ORDER BY page_fetch_id") == [("http_error",), ("ok",)]


@pytest.mark.parametrize("last", FetchOutcome)
def test_no_outcome_is_tried_for_ever_or_at_once(last: FetchOutcome) -> None:
    outlet = Outlet("Morning Ledger", None, "uk")

    def tried(times: int) -> Page:
        return Page(
            1, "https://ledger.example/", TITLE, outlet, SummarySource.NONE, tries=times, last_outcome=last, last_at=NOW
        )

    assert not is_due(tried(1), NOW)
    assert not is_due(tried(fulltext.MAX_TRIES), NOW + timedelta(days=7))
    assert not (last.succeeded and is_due(tried(1), NOW + timedelta(days=7)))


def test_a_wording_of_last_week_is_not_read_any_more(feed_server: FeedServer, tmp_path: Path) -> None:
    one_article(feed_server, html(page()))
    run(wanting(feed_server, tmp_path, full_text=False))
    settings = wanting(feed_server, tmp_path)
    run(settings, NOW + timedelta(days=8))
    assert not feed_server.asked("/talks")


# ---------------------------------------------------------------------- limits of a run


def many(server: FeedServer, hosts: int, each: int) -> None:
    names = list(itertools.islice(loopback_names(), hosts))
    items = []
    for number in range(hosts * each):
        server.serve(f"/{number}", html(page()))
        items.append(Item(f"Putin by the lake, part {number}", link=server.url(f"/{number}", names[number % hosts])))
    listed(server, *items)


def test_pages_are_capped_by_run_and_by_host_and_the_rest_comes_later(feed_server: FeedServer, tmp_path: Path) -> None:
    many(feed_server, hosts=3, each=4)
    settings = wanting(feed_server, tmp_path, max_pages=5, max_pages_per_host=2)
    read = []
    for hour in range(5):
        run(settings, NOW + timedelta(hours=hour))
        read.append(sum(request.path[1:].isdigit() for request in feed_server.requests))
        by_host: dict[str, int] = {}
        for request in feed_server.requests:
            if request.path[1:].isdigit():
                by_host[request.host] = by_host.get(request.host, 0) + 1
        assert max(by_host.values()) <= 2 * (hour + 1)
    assert read[0] == 5
    assert read[-1] == 12
    assert all(feed_server.peak[name] == 1 for name in itertools.islice(loopback_names(), 3))


def test_after_the_deadline_no_page_is_asked_for_and_none_is_held_against_it(
    feed_server: FeedServer, tmp_path: Path
) -> None:
    one_article(feed_server, html(page()))
    run(wanting(feed_server, tmp_path, full_text=False))
    settings = wanting(feed_server, tmp_path)
    summary = run(settings, deadline=1e-6)
    assert (summary.pages, summary.pages_read) == (0, 0)
    assert not feed_server.asked("/talks")
    assert not feed_server.asked("/robots.txt")
    assert rows(settings, "SELECT count(*) FROM page_fetch") == [(0,)]
    assert run(settings, deadline=60).pages_read == 1


# ---------------------------------------------------------------------- stored once, and removed


def test_a_text_that_several_pages_show_is_held_once_and_goes_with_the_last_of_them(
    feed_server: FeedServer, tmp_path: Path
) -> None:
    urls = [feed_server.serve(f"/{number}", html(page())) for number in range(2)]
    items = [Item(TITLE, link=urls[0]), Item("Trump sees Putin by the lake again", link=urls[1])]
    feed_server.serve("/ledger.xml", Response(rss(items)), Response(rss(items[1:])))
    settings = wanting(feed_server, tmp_path)
    run(settings)
    assert rows(settings, "SELECT count(DISTINCT text_sha256), count(*) FROM v_pages") == [(1, 2)]
    assert rows(settings, "SELECT count(*) FROM page_text") == [(1,)]
    run(settings, NOW + timedelta(days=10))

    def pruned(day: int) -> int:
        with open_store(settings.database, read_only=False) as store:
            return store.prune(NOW + timedelta(days=day), NOW + timedelta(days=20), on_topic=True).articles

    assert pruned(5) == 1
    assert rows(settings, "SELECT title FROM v_texts") == [(items[1].title,)]
    assert pruned(15) == 1
    assert rows(settings, "SELECT count(*) FROM page_text") == [(0,)]


def test_prune_removes_texts_and_leads_from_the_file_and_they_do_not_come_back(
    feed_server: FeedServer, tmp_path: Path
) -> None:
    one_article(feed_server, html(page()))
    settings = wanting(feed_server, tmp_path)
    run(settings)
    with open_store(settings.database, read_only=False) as store:
        counted = store.prune(NOW + timedelta(days=1), NOW + timedelta(days=8), on_topic=True, dry_run=True)
        assert counted == store.prune(NOW + timedelta(days=1), NOW + timedelta(days=8), on_topic=True)
        assert counted.characters > len(" ".join(SENTENCES))
    held = b"".join(path.read_bytes() for path in tmp_path.glob("media-coverage.db*"))
    assert b"fishermen" not in held
    assert b"Envoys" not in held
    assert rows(settings, "SELECT title, summary, summary_source, label FROM v_articles") == [
        ("", "", "page", "hopeful_peace")
    ]
    assert rows(settings, "SELECT words > 50, length(text_sha256) FROM v_pages") == [(1, 64)]
    run(settings, NOW + timedelta(days=9))
    assert len(feed_server.asked("/talks")) == 1
    assert rows(settings, "SELECT count(*) FROM v_texts") == [(0,)]


def test_history_of_pages_cannot_be_changed(feed_server: FeedServer, tmp_path: Path) -> None:
    one_article(feed_server, html(page()))
    settings = wanting(feed_server, tmp_path)
    run(settings)
    with sqlite3.connect(settings.database) as connection:
        for statement in (
            "UPDATE page_fetch SET outcome = 'ok'",
            "DELETE FROM page_fetch",
            "UPDATE page_text SET text = 'other'",
            "DELETE FROM page_text",
            "UPDATE article_version SET summary_source = 'feed'",
            "UPDATE article_version SET title = '', summary = '', purged_at = 'now', summary_source = 'feed'",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(statement)
    connection.close()


def test_wordings_of_an_older_file_learn_where_their_lead_came_from(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as connection:
        db = Database(connection)
        db.execute(schema._FRAME)
        for position, frame in enumerate(DEFAULT_FRAMES.both, start=1):
            row = [position, frame.name, frame.output, frame.title, frame.description]
            db.execute("INSERT INTO frame VALUES (?, ?, ?, ?, ?)", row)
        schema.migrations.apply(db, stop_before="m007_full_text")
        connection.executescript(
            "PRAGMA foreign_keys = OFF; INSERT INTO outlet (id, name, outlet_group) VALUES (1, 'Ledger', 'uk'); "
            "INSERT INTO feed (id, url, outlet_id, kind) VALUES (1, 'http://press.example', 1, 'feed'); "
            "INSERT INTO fetch (id, run_id, feed_id, started_at, elapsed_ms, outcome, succeeded) "
            "VALUES (1, 1, 1, '2026-02-03T00:00:00+00:00', 1, 'ok', 1); "
            "INSERT INTO article_version (id, title, summary, text_sha256, purged_at, "
            "article_id, language_source, first_seen_at, fetch_id) VALUES "
            "(1, 't', 's', 'a', NULL, 1, 'unknown', 'x', 1), (2, 't', '', 'b', NULL, 1, 'unknown', 'x', 1), "
            "(3, '', '', 'c', 'y', 1, 'unknown', 'x', 1);"
        )
    connection.close()
    with open_store(path, read_only=False) as store:
        sources = store.query("SELECT id, summary_source FROM article_version ORDER BY id")
    assert list(sources["summary_source"].astype(object).where(sources["summary_source"].notna(), None)) == [
        *("feed", "none", None)
    ]


# ---------------------------------------------------------------------- the page alone


def test_heading_and_byline_are_no_part_of_the_lead() -> None:
    above = "<p>World news</p><p>By Our Correspondent</p><p>3 February 2026</p>"
    found = extract(fetched(page(above=above)), 10_000)
    assert isinstance(found, PageText)
    assert without_heading(found.text, TITLE) == "\n".join(SENTENCES)
    assert without_heading("Short lines\nonly here", "Another headline") == "Short lines\nonly here"


@pytest.mark.parametrize(
    ("encoding", "kind", "meta"),
    [
        ("utf-8", "text/html", ""),
        ("utf-8", "text/html; charset=iso-8859-1", ""),
        ("utf-8-sig", "text/html", ""),
        ("cp1252", "text/html; charset=iso-8859-1", ""),
        ("cp1252", "text/html", ""),
        ("cp1252", "text/html; charset=nonsense", ""),
        ("iso8859-2", "text/html", "<meta charset='iso-8859-2'>"),
        ("utf-16", "text/html", ""),
    ],
)
def test_encodings_are_told_by_mark_validity_and_declaration(encoding: str, kind: str, meta: str) -> None:
    words = (
        "Müller spoke – briefly – of peace" if encoding in {"utf-8", "cp1252", "utf-16"} else "Müller spoke of peace"
    )
    document = (
        page(f"{words}, and {SENTENCES[0]}", *SENTENCES[1:], head=meta).decode().replace("<meta charset=utf-8>", "")
    )
    found = extract(fetched(document.encode(encoding), kind), 10_000)
    assert isinstance(found, PageText)
    assert words in found.text


def test_a_page_of_a_script_that_watches_is_an_article_all_the_same() -> None:
    watched = page(head="<script src=/cdn-cgi/challenge-platform/scripts/jsd/main.js></script>")
    assert isinstance(extract(fetched(watched), 10_000), PageText)


def test_a_long_text_is_cut_and_says_so() -> None:
    found = extract(fetched(page(*SENTENCES * 20)), 1000)
    assert isinstance(found, PageText)
    assert len(found.text) <= 1000
    assert found.cut == "the text is longer than 1,000 characters and was cut"


def test_no_markup_is_left_in_a_text() -> None:
    found = extract(
        fetched(page(f"<script>alert(1)</script> {SENTENCES[0]} &lt;img src=x&gt;", *SENTENCES[1:])), 10_000
    )
    assert isinstance(found, PageText)
    assert "<script" not in found.text
    assert "<img" not in found.text


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.lists(
            st.sampled_from(
                "<p> </p> <div> <table> <html> <!doctype <![CDATA[ &#0; &amp; <svg> \x00 ü words".split(" ")
            ),
            max_size=60,
        ).map(lambda parts: "".join(parts).encode()),
    )
)
def test_no_bytes_make_the_extractor_raise(body: bytes) -> None:
    for document in (body, page() + body):
        assert isinstance(extract(fetched(document), 500), PageText | Rejected)


@given(st.lists(st.text(max_size=80), max_size=6), st.text(max_size=40))
def test_what_stands_above_is_left_out_and_nothing_else(lines: list[str], title: str) -> None:
    text = "\n".join(" ".join(line.split()) for line in lines if line.split())
    assert text.endswith(without_heading(text, title))
    assert bool(without_heading(text, title)) == bool(text)


# ---------------------------------------------------------------------- the child process

HOSTILE = {
    "very deep": b"<html><body>" + b"<div><p>" * 100_000,
    "one long attribute": b"<html><body><p " + b"a" * 3_000_000 + b">x</p>",
    "many links": b"<html><body>" + b"<a href=x>y</a><p>z" * 30_000,
    "never closed": b"<html><body>" + b"<table><tr><td>" * 20_000 + b"<script>" * 1000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pages_cost_one_page(name: str) -> None:
    with ParserProcess(Limits(cpu_seconds=3, memory_bytes=2**29), "media_coverage.fulltext:extract") as process:
        assert isinstance(process.parse(fetched(HOSTILE[name]), 1000), PageText | Rejected)
        assert isinstance(process.parse(fetched(page()), 1000), PageText)


def test_a_child_that_dies_is_a_value_and_the_next_page_gets_another() -> None:
    bodies = [b"crash", b"spin", b"one"]
    limits = Limits(cpu_seconds=1, memory_bytes=2**28)
    arriving = [fetched(body) for body in bodies]
    found = {
        answer.body: parsed
        for answer, parsed in extract_all(arriving, config.Network(), limits, "misbehaving_parsers:obey")
    }
    outcomes = {body: parsed.outcome for body, parsed in found.items() if isinstance(parsed, Rejected)}
    assert outcomes == {b"crash": End.PARSER_KILLED, b"spin": End.PARSER_KILLED, b"one": End.NOT_A_FEED}


# ---------------------------------------------------------------------- configuration


@pytest.mark.parametrize("missing", ["trafilatura", "protego"])
def test_a_missing_extra_is_one_sentence_before_anything_is_fetched(
    feed_server: FeedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    one_article(feed_server, html(page()))
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(
        MissingExtraError, match=r"full_text in feeds.yaml needs more packages.*media-coverage\[fulltext\]"
    ):
        run(wanting(feed_server, tmp_path))
    assert not feed_server.requests
    assert run(wanting(feed_server, tmp_path, full_text=False)).exit_code == 0


@pytest.mark.parametrize("value", ["maybe", 1.5, ["all"], "without lead"])
def test_a_mistake_in_full_text_is_told_with_its_place(feed_server: FeedServer, tmp_path: Path, value: object) -> None:
    with pytest.raises(ConfigError, match=r'outlet "Morning Ledger", key "full_text".*neither true'):
        wanting(feed_server, tmp_path, value)
