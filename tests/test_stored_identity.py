"""Articles, stories and agencies as the database keeps them, and the removal of old texts."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest
from conftest import FakeClassifier, model_info
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from media_coverage.aggregate import daily_frames
from media_coverage.config import Config, FeedEntry, OutletEntry
from media_coverage.identity import identify, outlets_by_name_and_host
from media_coverage.pipeline import gate
from media_coverage.records import Entry, Feed, FeedKind, Fetched, FetchOutcome, ParsedFeed, Pruned
from media_coverage.store import open_store, schema
from media_coverage.store.ingestion import MAX_COMPARED

if TYPE_CHECKING:
    from pathlib import Path

    from media_coverage.records import FeedResult
    from media_coverage.store import Store

NOW = datetime(2026, 2, 3, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def outlet(name: str, host: str, *, group: str = "uk", kind: FeedKind = FeedKind.FEED) -> OutletEntry:
    return OutletEntry(name=name, group=group, feeds=(FeedEntry(url=f"https://{host}/rss", kind=kind),))


CONFIG = Config.model_validate(
    {
        "topic": {"name": "The meeting", "query": "trump AND putin"},
        "outlets": [
            outlet("Harbour Post", "post.example"),
            outlet("Al-Lantern", "lantern.example"),
            outlet("Inland Echo", "echo.example"),
            outlet("Reuters", "reuters.example", group="wire"),
            outlet("Newsfinder", "finder.example", group="aggregator", kind=FeedKind.SEARCH),
        ],
    }
)
POST, LANTERN, ECHO, REUTERS, SEARCH = CONFIG.feeds
HEADLINE = "Trump and Putin leave island after talks on grain corridor and prisoners end early"
LEAD = "They had planned to stay for two days, but the delegations flew home on Tuesday night without a statement."


@pytest.fixture
def run_id(store: Store) -> int:
    return store.begin_run(CONFIG, model_info(), NOW)


def entry(title: str = HEADLINE, summary: str = "", *, slug: str = "a", **more: Any) -> Entry:
    return replace(Entry(title, summary, link=f"https://post.example/{slug}", published=NOW), **more)


def visit(store: Store, run_id: int, feed: Feed, *entries: Entry, at: datetime = NOW) -> FeedResult:
    known = outlets_by_name_and_host(CONFIG.feeds)
    found = identify(feed, entries, at, known, lambda _title, _summary: ("en", "declared"))
    fetched = Fetched(feed, FetchOutcome.OK, at, elapsed_ms=7, status=200, final_url=feed.url)
    return store.record(run_id, fetched, ParsedFeed("t", "rss20", "en", entries), found)


def decide(store: Store, run_id: int) -> None:
    """Gate, label and count, as the pipeline does."""
    query = CONFIG.query
    store.add_gate_decisions(
        [(id_, gate(query, "en", text.title, text.summary, language)) for id_, text, language in store.ungated()]
    )
    waiting = store.unlabelled(run_id)
    framings = FakeClassifier().classify([text for _, text in waiting], evidence=True)
    store.add_labels(run_id, [(id_, framing) for (id_, _), framing in zip(waiting, framings, strict=True)], NOW)
    days = [day for day, _ in store.changed_days()]
    articles = store.articles_on(days)
    store.replace_days(days, daily_frames(articles, store.frames))


def table(store: Store, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """What the file holds, as another program reads it."""
    with closing(sqlite3.connect(store.path)) as connection:
        return connection.execute(sql, parameters).fetchall()


# Articles whose link or guid changes


def test_a_search_feed_that_changes_guid_and_link_at_each_fetch_lists_one_article(store: Store, run_id: int) -> None:
    for hour in range(3):
        link, at = f"https://news.google.com/rss/articles/CBMi{hour}?oc=5", NOW + timedelta(hours=hour)
        listed = entry(f"{HEADLINE} - Harbour Post", link=link, guid=f"CBMi{hour}", source_title="Harbour Post")
        result = visit(store, run_id, SEARCH, listed, at=at)
        assert (result.new_articles, result.new_versions) == (int(hour == 0), 0)
    assert table(store, "SELECT outlet, title, feeds FROM v_articles") == [("Harbour Post", HEADLINE, 1)]
    assert table(store, "SELECT times_seen, guid FROM sighting") == [(3, "CBMi2")]
    aliases = [(f"https://news.google.com/articles/CBMi{hour}", "headline") for hour in (1, 2)]
    assert table(store, "SELECT key, reason FROM article_alias ORDER BY key") == aliases


@pytest.mark.parametrize("order", [(SEARCH, POST), (POST, SEARCH)], ids=["search first", "outlet first"])
def test_a_search_feed_and_the_outlets_own_list_one_article(
    store: Store, run_id: int, order: tuple[Feed, Feed]
) -> None:
    own = entry(link="https://post.example/a", summary=LEAD)
    found = entry(link="https://news.google.com/articles/CBMi1", source_title="Harbour Post", guid="CBMi1")
    for feed in order:
        visit(store, run_id, feed, own if feed is POST else found)
    assert table(store, "SELECT url, outlet, feeds FROM v_articles") == [("https://post.example/a", "Harbour Post", 2)]
    assert table(store, "SELECT count(*) FROM article_alias") == [(1,)]


def test_the_same_headline_in_a_search_a_week_later_is_another_article(store: Store, run_id: int) -> None:
    for days in (0, 7, 15):
        at = NOW + days * DAY
        listed = entry(link=f"https://finder.example/{days}", source_title="Harbour Post", published=at)
        visit(store, run_id, SEARCH, listed, at=at)
    assert table(store, "SELECT count(*) FROM article") == [(2,)]


def test_a_guid_holds_an_article_together_whose_address_and_headline_change(store: Store, run_id: int) -> None:
    visit(store, run_id, POST, entry("Trump and Putin meet", slug="trump-and-putin-meet", guid="post-7"))
    edited = entry("Trump and Putin part in anger", slug="trump-and-putin-part", guid="post-7")
    result = visit(store, run_id, POST, edited, at=NOW + DAY)
    assert (result.new_articles, result.new_versions) == (0, 1)
    assert table(store, "SELECT title, versions FROM v_articles") == [("Trump and Putin part in anger", 2)]
    assert table(store, "SELECT key, reason FROM article_alias") == [
        ("https://post.example/trump-and-putin-part", "guid")
    ]
    assert visit(store, run_id, POST, edited, at=NOW + 2 * DAY).new_versions == 0


def test_a_guid_that_counts_the_places_in_a_feed_joins_nothing(store: Store, run_id: int) -> None:
    for hour, title in enumerate(["Trump and Putin meet", "Trump and Putin part"]):
        listed = entry(title, slug=str(hour), guid="1", published=NOW + timedelta(hours=hour))
        visit(store, run_id, POST, listed, at=NOW + DAY)
    assert table(store, "SELECT count(*) FROM article") == [(2,)]


def test_one_text_under_two_addresses_of_an_outlet_is_one_article(store: Store, run_id: int) -> None:
    visit(store, run_id, POST, entry(summary=LEAD, slug="world/a"), entry(summary=LEAD, slug="politics/a"))
    assert table(store, "SELECT feeds, versions FROM v_articles") == [(1, 1)]
    assert table(store, "SELECT reason FROM article_alias") == [("text",)]


# Stories


def told(store: Store) -> set[frozenset[str]]:
    """The stories as sets of addresses."""
    stories: dict[int, set[str]] = {}
    for story, url in table(store, "SELECT story_id, url FROM v_articles"):
        stories.setdefault(story, set()).add(url)
    return {frozenset(urls) for urls in stories.values()}


def test_a_story_says_why_its_articles_are_the_same(store: Store, run_id: int) -> None:
    visit(store, run_id, POST, entry(summary=LEAD, link="https://post.example/a"))
    visit(store, run_id, LANTERN, entry(link="https://lantern.example/a", title=f"Exclusive: {HEADLINE}"))
    visit(store, run_id, ECHO, entry("No statement", LEAD, link="https://echo.example/a"))
    visit(store, run_id, ECHO, entry(f"{HEADLINE}, aides say", link="https://echo.example/b"))
    visit(store, run_id, ECHO, entry("Trump and Putin fly home", link="https://echo.example/c"))
    assert table(store, "SELECT articles, outlets, title FROM v_stories ORDER BY story_id") == [
        (4, 3, HEADLINE),
        (1, 1, "Trump and Putin fly home"),
    ]
    links = table(store, "SELECT outlet, other_outlet, reason, similarity FROM v_story_links ORDER BY article_id")
    assert links == [
        ("Al-Lantern", "Harbour Post", "same headline", 1.0),
        ("Inland Echo", "Harbour Post", "same lead", 1.0),
        ("Inland Echo", "Harbour Post", "near headline", pytest.approx(12 / 14)),
    ]


# The second is the bridge: the first and the third have neither headline nor lead in common.
BRIDGE = [
    (POST, entry(link="https://post.example/a")),
    (LANTERN, entry(summary=LEAD, link="https://lantern.example/a")),
    (ECHO, entry("No statement", LEAD, link="https://echo.example/a")),
    (ECHO, entry("Trump and Putin fly home", link="https://echo.example/b")),
]


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=lambda order: "".join(map(str, order)))
def test_the_order_in_which_feeds_come_in_does_not_matter(store: Store, run_id: int, order: tuple[int, ...]) -> None:
    for index in order:
        visit(store, run_id, BRIDGE[index][0], BRIDGE[index][1])
    joined = {f"https://{host}.example/a" for host in ("post", "lantern", "echo")}
    assert told(store) == {frozenset(joined), frozenset({"https://echo.example/b"})}
    assert store.counts()["stories"] == 2, "a story without articles is gone"
    kept, first = table(store, "SELECT min(story_id), min(article_id) FROM v_articles WHERE url LIKE '%/a'")[0]
    opener = BRIDGE[order[0]] if order[0] != 3 else BRIDGE[order[1]]
    assert table(store, "SELECT url FROM v_articles WHERE article_id = ?", int(first)) == [(opener[1].link,)]
    assert kept == first, "a story keeps the number and key that it was opened with"


def test_a_text_is_found_behind_a_crowd_that_shares_a_phrase_with_it(store: Store, run_id: int) -> None:
    phrase = "Follow all that is said here today as"
    text = entry(summary=f"{phrase} {LEAD}", slug="first")
    crowd = [
        entry(
            f"Matter {n} of {n + 1}: nothing new", f"{phrase} " + " ".join(f"{n}x{k}" for k in range(20)), slug=f"{n}"
        )
        for n in range(MAX_COMPARED + 10)
    ]
    visit(store, run_id, LANTERN, text)
    visit(store, run_id, POST, *crowd)
    visit(store, run_id, ECHO, replace(text, link="https://echo.example/second"))
    assert table(store, "SELECT outlet, other_outlet, reason FROM v_story_links") == [
        ("Inland Echo", "Al-Lantern", "same headline")
    ]


def test_days_are_counted_anew_when_two_stories_become_one(store: Store, run_id: int) -> None:
    for index in (0, 2):
        feed, listed = BRIDGE[index]
        visit(store, run_id, feed, replace(listed, title=listed.title.replace("No", "Trump, Putin: no")))
    decide(store, run_id)
    assert table(store, "SELECT sum(new_stories) FROM v_daily_frames") == [(2,)]
    visit(store, run_id, *BRIDGE[1])
    decide(store, run_id)
    assert table(store, "SELECT sum(articles), sum(new_stories) FROM v_daily_frames") == [(3, 1)]


_WORDS = "trump putin talk peace island grain port envoy night long home truce".split()
_listed = st.lists(
    st.tuples(
        st.sampled_from([POST, LANTERN, ECHO]),
        st.lists(st.sampled_from(_WORDS), min_size=5, max_size=5).map(" ".join),
        st.sampled_from(["", LEAD, LEAD[:70]]),
        st.integers(-10, 0),
    ),
    max_size=7,
    unique=True,
)


@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(listed=_listed, seed=st.randoms(use_true_random=False))
def test_stories_are_the_same_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, listed: list[Any], seed: Any
) -> None:
    entries = [
        (feed, entry(title, lead, slug=str(n), published=NOW + days * DAY))
        for n, (feed, title, lead, days) in enumerate(listed)
    ]
    found = []
    for _ in range(2):
        with open_store(tmp_path_factory.mktemp("order") / "coverage.db", read_only=False) as store:
            run = store.begin_run(CONFIG, model_info(), NOW)
            for feed, one in entries:
                visit(store, run, feed, replace(one, link=f"{feed.url}/{one.link}"))
            before = table(store, "SELECT * FROM article ORDER BY id"), table(store, "SELECT * FROM story_link")
            for feed, one in entries:
                visit(store, run, feed, replace(one, link=f"{feed.url}/{one.link}"))
            again = table(store, "SELECT * FROM article ORDER BY id"), table(store, "SELECT * FROM story_link")
            assert again == before, "a second pass changes nothing"
            found.append(told(store))
        seed.shuffle(entries)
    assert found[0] == found[1]


# Wire copy


def test_wire_copy_is_marked_and_counts_come_with_and_without_it(store: Store, run_id: int) -> None:
    credited = f"VALLETTA, Feb 3 (Reuters) - {LEAD}"
    visit(store, run_id, REUTERS, entry(summary=credited, link="https://reuters.example/a"))
    visit(store, run_id, POST, entry(summary=credited, link="https://post.example/a"))
    visit(store, run_id, SEARCH, entry(summary=credited, link="https://post.example/a", source_title="Harbour Post"))
    visit(store, run_id, LANTERN, entry(link="https://lantern.example/a"))
    visit(store, run_id, ECHO, entry("Why Trump and Putin left early", link="https://echo.example/a"))
    visit(store, run_id, ECHO, entry("Trump and Putin in pictures", link="https://echo.example/b", author="Ada, AFP"))
    decide(store, run_id)
    marked = table(store, "SELECT outlet, agency, agency_words, wire_copy FROM v_articles ORDER BY article_id")
    assert marked == [
        ("Reuters", "Reuters", "Reuters", 0),
        ("Harbour Post", "Reuters", "VALLETTA, Feb 3 (Reuters) -", 1),
        ("Al-Lantern", None, None, 1),  # no credit, but the text that Reuters sent
        ("Inland Echo", None, None, 0),
        ("Inland Echo", "AFP", "Ada, AFP", 1),
    ]
    assert table(store, "SELECT agency FROM v_stories ORDER BY story_id") == [("Reuters",), (None,), ("AFP",)]
    columns = "sightings, articles, new_stories, own_sightings, own_articles, own_new_stories"
    counts = table(store, f"SELECT outlet, {columns} FROM v_daily_counts ORDER BY outlet")  # noqa: S608
    assert counts == [
        ("Al-Lantern", 1, 1, 0, 0, 0, 0),
        ("Harbour Post", 2, 1, 0, 0, 0, 0),
        ("Inland Echo", 2, 2, 2, 1, 1, 1),
        ("Reuters", 1, 1, 1, 1, 1, 1),
    ]


# Removal of old texts


@pytest.fixture
def aged(store: Store, run_id: int) -> Store:
    """One on-topic and two off-topic articles, last listed 40 days ago; another off-topic one is still listed."""
    visit(
        store,
        run_id,
        POST,
        entry(summary="A breakthrough, aides say.", slug="on", guid="g1"),
        entry("Cheese prices fall in the valley again", "Farmers worry.", slug="off", guid="g2"),
        entry("Trump and Putin on the football pitch", "A match.", slug="match"),
        entry("Rain over the valley for many days", "It pours.", slug="listed"),
        at=NOW - 40 * DAY,
    )
    visit(store, run_id, POST, entry("Rain over the valley for many days", "It pours.", slug="listed"))
    decide(store, run_id)
    return store


KEPT = (
    "SELECT id, key, url, published_at, story_id, current_version_id FROM article",
    "SELECT id, article_id, text_sha256, language, agency FROM article_version",
    "SELECT * FROM sighting",
    "SELECT * FROM gate",
    "SELECT version_id, label, leaning, relevant, p_relevant FROM label",
    "SELECT * FROM daily_frames",
    "SELECT * FROM v_daily_counts",
    "SELECT * FROM story_link",
    "SELECT on_topic, label, wire_copy FROM v_articles",
)


def test_prune_removes_old_off_topic_texts_and_keeps_identity_labels_and_counts(aged: Store) -> None:
    before = [table(aged, sql) for sql in KEPT]
    cheese, match = (
        "Cheese prices fall in the valley againFarmers worry.",
        "Trump and Putin on the football pitchA match.",
    )
    expected = Pruned(articles=2, versions=2, characters=len(cheese + match))
    assert aged.prune(NOW - 30 * DAY, NOW, dry_run=True) == expected
    assert table(aged, "SELECT count(*) FROM v_articles WHERE purged_at IS NOT NULL") == [(0,)]
    assert aged.prune(NOW - 30 * DAY, NOW) == expected
    assert [table(aged, sql) for sql in KEPT] == before
    shown = table(aged, "SELECT title, summary, purged_at IS NULL FROM v_articles ORDER BY article_id")
    assert [(bool(title), bool(summary), whole) for title, summary, whole in shown] == [
        (True, True, 1),
        (False, False, 0),
        (False, False, 0),
        (True, True, 1),
    ]
    assert table(aged, "SELECT count(*) FROM label WHERE evidence LIKE '%football%'") == [(0,)]
    assert aged.integrity() == "ok"
    assert aged.prune(NOW - 30 * DAY, NOW) == Pruned(0, 0, 0)
    days = aged.all_days()
    articles = aged.articles_on(days)
    aged.replace_days(days, daily_frames(articles, aged.frames))
    assert [table(aged, sql) for sql in KEPT] == before, "counting everything anew gives the same"


def test_removed_texts_are_gone_from_the_file(aged: Store) -> None:
    aged.prune(NOW - 30 * DAY, NOW)
    files = list(aged.path.parent.glob(f"{aged.path.name}*"))
    assert b"island after talks" in b"".join(file.read_bytes() for file in files)
    assert not any(b"Cheese prices" in file.read_bytes() for file in files)


def test_all_includes_on_topic_texts(aged: Store, run_id: int) -> None:
    before = [table(aged, sql) for sql in KEPT]
    assert aged.prune(NOW - 30 * DAY, NOW, on_topic=True).articles == 3
    assert [table(aged, sql) for sql in KEPT] == before
    assert table(aged, "SELECT evidence FROM label") == [("",), ("",)]
    assert aged.ungated() == aged.unlabelled(run_id) == [], "what has no text is neither gated nor labelled"
    other = aged.begin_relabelling(model_info("2"), NOW, activate=False)
    assert aged.unlabelled(other) == []


def test_a_removed_article_that_a_feed_still_lists_does_not_come_back(aged: Store, run_id: int) -> None:
    aged.prune(NOW - 30 * DAY, NOW)
    listed = entry("Cheese prices fall in the valley again", "Farmers worry.", slug="off", guid="g2")
    for again in (
        listed,
        replace(listed, summary=""),
        replace(listed, title="Cheese prices: an update"),
        replace(listed, link="https://post.example/moved"),
    ):
        result = visit(aged, run_id, POST, again, at=NOW)
        assert (result.new_articles, result.new_versions) == (0, 0)
    assert table(aged, "SELECT title, versions FROM v_articles WHERE url LIKE '%/off'") == [("", 1)]
    assert aged.prune(NOW - 30 * DAY, NOW) == Pruned(0, 0, 0)


def test_what_waits_for_a_decision_or_a_label_stays(store: Store, run_id: int) -> None:
    visit(store, run_id, POST, entry(slug="a"), entry("Cheese prices fall again", slug="b"), at=NOW - 40 * DAY)
    assert store.prune(NOW, NOW, on_topic=True).articles == 0
    store.add_gate_decisions(
        [(id_, gate(CONFIG.query, "en", text.title, text.summary, "en")) for id_, text, _ in store.ungated()]
    )
    assert store.prune(NOW, NOW, on_topic=True).articles == 1, "rejected by its keywords; the other waits for its label"


def test_what_people_have_coded_stays(aged: Store) -> None:
    from media_coverage.records import Code

    (version,) = table(aged, "SELECT version_id FROM v_articles WHERE url LIKE '%/match'")[0]
    code = Code(int(version), "ada", "1", relevant=False, frames=(False, False), certainty=1, purpose="audit")
    aged.add_codes([code], NOW)
    assert aged.prune(NOW - 30 * DAY, NOW, on_topic=True).articles == 2
    assert table(aged, "SELECT title FROM v_articles WHERE url LIKE '%/match'") == [
        ("Trump and Putin on the football pitch",)
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE article_version SET title = 'x' WHERE id = 1",
        "UPDATE article_version SET title = '' WHERE id = 1",
        "UPDATE article_version SET title = '', summary = '' WHERE id = 1",
        "UPDATE article_version SET title = 'x', summary = '', purged_at = 'now' WHERE id = 1",
        "UPDATE article_version SET title = '', summary = '', purged_at = 'now', agency = 'AP' WHERE id = 1",
        "UPDATE article_version SET title = '', summary = '', purged_at = 'now', text_sha256 = '0' WHERE id = 1",
        "UPDATE article_version SET purged_at = NULL WHERE id = 2",
        "UPDATE article_version SET title = 'x' WHERE id = 2",
        "DELETE FROM article_version WHERE id = 2",
        "UPDATE label SET evidence = '' WHERE version_id = 1",
        "UPDATE label SET evidence = 'x' WHERE version_id = 3",
        "UPDATE label SET evidence = '', label = 'mixed' WHERE version_id = 3",
        "UPDATE label SET evidence = '', p_relevant = 0 WHERE version_id = 3",
        "DELETE FROM label WHERE version_id = 3",
        "UPDATE gate SET reason = '' WHERE version_id = 2",
    ],
)
def test_history_gives_up_texts_and_nothing_else(aged: Store, statement: str) -> None:
    aged.prune(NOW - 30 * DAY, NOW)
    connection = sqlite3.connect(aged.path)
    try:
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    finally:
        connection.close()


# Databases of earlier versions


def as_before(path: Path, first: str) -> None:
    """Replace a database by one that the migrations from `first` on have not seen, with the same rows."""
    newer = path.with_suffix(".newer")
    path.rename(newer)
    with closing(sqlite3.connect(path)) as connection:
        older = Database(connection)
        older.execute(schema._FRAME)
        with closing(sqlite3.connect(newer)) as source:
            frames = source.execute("SELECT * FROM frame").fetchall()
        connection.executemany("INSERT INTO frame VALUES (?, ?, ?, ?, ?)", frames)
        schema.migrations.apply(older, stop_before=first)
        connection.commit()
        connection.execute("ATTACH ? AS newer", [str(newer)])
        kept = [table for table in older.tables if table.name != "frame" and not table.name.startswith("_")]
        for table in kept:
            now = {name for _, name, *_ in connection.execute(f"PRAGMA newer.table_info({table.name})")}
            columns = ", ".join(column.name for column in table.columns if column.name in now)
            copied = f"SELECT {columns} FROM newer.{table.name}"  # noqa: S608
            connection.execute(f"INSERT INTO main.{table.name} ({columns}) {copied}")
        connection.execute(f"PRAGMA user_version = {len(schema.migrations.applied(older))}")
        connection.commit()


def test_what_is_stored_already_is_identified_by_the_rules_of_this_version(tmp_path: Path) -> None:
    path = tmp_path / "coverage.db"
    with open_store(path, read_only=False) as store:
        run = store.begin_run(CONFIG, model_info(), NOW)
        visit(store, run, POST, entry(summary=f"VALLETTA, Feb 3 (Reuters) - {LEAD}", link="https://post.example/a"))
        visit(store, run, LANTERN, entry(link="https://lantern.example/a"))
        before = told(store)
    as_before(path, "m005_identity")
    with closing(sqlite3.connect(path)) as connection:  # keys as they were spelt then
        connection.execute("UPDATE article SET key = 'https://m.post.example/a' WHERE key = 'https://post.example/a'")
        connection.commit()

    with open_store(path, read_only=False) as store:
        assert told(store) == before
        assert table(store, "SELECT reason FROM story_link") == [("same headline",)]
        assert table(store, "SELECT key, reason FROM article_alias") == [("https://post.example/a", "spelling")]
        assert table(store, "SELECT agency, wire_copy FROM v_articles ORDER BY article_id") == [
            ("Reuters", 1),
            (None, 1),
        ]
        run = store.begin_run(CONFIG, model_info(), NOW)
        assert visit(store, run, POST, entry(summary=LEAD, link="https://post.example/a")).new_articles == 0
        visit(store, run, ECHO, entry(link="https://echo.example/a"))
        assert len(told(store)) == 1
