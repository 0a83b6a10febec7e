"""Genres: what an address says, who is believed before whom, and what is stored of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import yaml
from conftest import FakeClassifier, Item, Result, config_text, rss
from feedserver import FeedServer, Response
from hypothesis import given
from hypothesis import strategies as st

from media_coverage import config, opml, pipeline
from media_coverage.attention import attention
from media_coverage.errors import ConfigError, TrendError
from media_coverage.genre import GENRES, SECTIONS, of_address
from media_coverage.records import Code
from media_coverage.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("address", "genre"),
    [
        ("https://ledger.example/opinion/2026/feb/03/a-bad-bargain", "comment"),
        ("https://ledger.example/world/Commentisfree/x", "comment"),
        ("https://ledger.example/politik/meinung/kolumne-x.html", "comment"),
        ("https://ledger.example/world/live/2026/feb/03/talks", "live"),
        ("https://ledger.example/opinion", "comment"),
        ("https://ledger.example/world/opinion", None),  # an article of that name
        ("https://ledger.example/news/2026/talks", None),  # a section of news holds everything
        ("https://opinion.example/world/talks", None),
        ("https://ledger.example/public-opinion/poll", None),
        ("https://ledger.example/talks?from=/opinion/", None),
        ("https://[broken", None),
        (None, None),
    ],
)
def test_only_whole_parts_of_a_path_tell(address: str | None, genre: str | None) -> None:
    assert of_address(address) == genre


@given(st.text(max_size=60))
def test_whatever_an_address_is_the_answer_is_a_genre_or_none(text: str) -> None:
    assert of_address(text) in {None, *GENRES}
    assert of_address(f"https://ledger.example/{text}") in {None, *GENRES}


def test_sections_are_spelt_as_they_are_compared_and_none_is_news() -> None:
    assert all(part == part.casefold() and "/" not in part for part in SECTIONS)
    assert set(SECTIONS.values()) == {"comment", "live"}


def settings(base: str, *, feed: str | None = "comment", outlet: str | None = "news") -> str:
    """Two feeds of one outlet, the second of comment, and a second outlet about which nothing is said."""
    paths = {"Morning Ledger": ["/all.xml", "/columns.xml"], "Evening Post": ["/post.xml"]}
    about = yaml.safe_load(config_text(base, paths)) | {"database": "coverage.db"}
    ledger = about["outlets"][0]
    ledger["feeds"][1] = {"url": ledger["feeds"][1]} | ({"genre": feed} if feed else {})
    ledger |= {"genre": outlet} if outlet else {}
    return yaml.safe_dump(about, sort_keys=False)


TITLES = {
    "report": "world/report",
    "essay": "world/essay",
    "column": "opinion/2026/column",
    "post": "opinion/2026/post",
}
HEADLINES = {name: f"Trump Putin {name} hope peace" for name in TITLES}


@pytest.fixture
def folder(tmp_path: Path, feed_server: FeedServer) -> Path:
    """One run over three feeds: a report, an essay (feed of comment), and two columns by their addresses."""
    items = {
        name: Item(HEADLINES[name], link=f"https://{'post' if name == 'post' else 'ledger'}.example/{path}")
        for name, path in TITLES.items()
    }
    feed_server.serve("/all.xml", Response(rss([items["report"], items["essay"], items["column"]])))
    feed_server.serve("/columns.xml", Response(rss([items["essay"]])))
    feed_server.serve("/post.xml", Response(rss([items["post"]], title="Evening Post")))
    (tmp_path / "feeds.yaml").write_text(settings(feed_server.url()), encoding="utf-8")
    again(tmp_path)
    return tmp_path


def again(folder: Path) -> None:
    summary = pipeline.run(config.load(folder / "feeds.yaml"), classifier=FakeClassifier())
    assert summary.exit_code == 0


def genres(folder: Path) -> dict[str, tuple[str | None, str | None]]:
    with open_store(folder / "coverage.db") as store:
        rows = store.articles()[["title", "genre", "genre_source"]].to_numpy().tolist()
    return {
        title.split()[2]: (genre, source) if isinstance(genre, str) else (None, None) for title, genre, source in rows
    }


def test_the_nearest_to_the_text_is_believed_and_says_who_it_is(folder: Path, feed_server: FeedServer) -> None:
    assert genres(folder) == {
        "report": ("news", "outlet"),
        "essay": ("comment", "feed"),
        "column": ("comment", "address"),
        "post": ("comment", "address"),
    }
    with open_store(folder / "coverage.db", read_only=False) as store:
        versions = dict(store.query("SELECT title, version_id FROM v_articles").to_numpy().tolist())
        at = datetime(2026, 3, 1, tzinfo=UTC)
        said = {"ada": "live", "bob": "live", "eve": "other"}
        store.add_codes(
            [Code(versions[HEADLINES["column"]], who, "1", True, genre=genre) for who, genre in said.items()]
            + [Code(versions[HEADLINES["post"]], who, "1", True, genre=g) for who, g in list(said.items())[1:]],
            at,
        )
    assert genres(folder)["column"] == ("live", "people")
    assert genres(folder)["post"] == ("comment", "address")  # coders are evenly split
    with open_store(folder / "coverage.db", read_only=False) as store:
        settled = Code(versions[HEADLINES["column"]], "zoe", "1", True, kind="adjudicated", genre="news")
        store.add_codes([settled], at)
    assert genres(folder)["column"] == ("news", "people")


def test_feeds_yaml_may_change_its_mind_and_counts_follow(folder: Path, feed_server: FeedServer) -> None:
    def counted() -> dict[str, int]:
        with open_store(folder / "coverage.db") as store:
            rows = store.period_frames("month", "genre")
            for row in rows.to_dict("records"):
                assert len(store.query(row["articles_sql"])) == row["articles"]
            return dict(rows[["name", "articles"]].to_numpy().tolist())

    assert counted() == {"comment": 3, "news": 1}
    (folder / "feeds.yaml").write_text(settings(feed_server.url(), feed=None, outlet=None), encoding="utf-8")
    again(folder)
    assert genres(folder)["report"] == (None, None)
    assert counted() == {"comment": 2, "unknown": 2}


def test_attention_and_trend_by_genre(folder: Path, feed_server: FeedServer, command: Callable[..., Result]) -> None:
    with open_store(folder / "coverage.db") as store:
        frame = attention(store, by="genre", period="month")
    assert dict(frame[["name", "articles"]].to_numpy().tolist()) == {"comment": 3, "news": 1}
    shown = command("trend", "--config", folder / "feeds.yaml", "--by", "genre", "--period", "month")
    assert shown.code == 0
    assert "comment" in shown.out


def test_where_no_genre_is_known_one_sentence_says_how_to_know_it(tmp_path: Path, feed_server: FeedServer) -> None:
    feed_server.serve("/all.xml", Response(rss([HEADLINES["report"]])))
    text = config_text(feed_server.url(), {"Morning Ledger": ["/all.xml"]}) + "database: coverage.db\n"
    (tmp_path / "feeds.yaml").write_text(text, encoding="utf-8")
    again(tmp_path)
    with open_store(tmp_path / "coverage.db") as store, pytest.raises(TrendError, match="genre: comment"):
        attention(store, by="genre")


def test_a_genre_that_is_none_is_refused_with_its_line(tmp_path: Path) -> None:
    text = settings("http://127.0.0.1:1", feed="coment")
    with pytest.raises(ConfigError, match=r"'coment' is no genre; did you mean 'comment'\?"):
        config.parse(text, tmp_path / "feeds.yaml")


def test_genres_travel_in_lists_of_feeds_and_into_feeds_yaml(tmp_path: Path) -> None:
    listed = config.parse(settings("http://127.0.0.1:1"), tmp_path / "feeds.yaml").feeds
    assert {feed.genre for feed in listed} == {None, "comment"}
    assert opml.read(opml.write(listed, "Mine").encode(), "list.opml", config.GROUPS)[0] == listed
    other = config_text("http://127.0.0.1:2", {"Somebody": ["/x.xml"]})
    text, _ = config.with_feeds(other, listed, tmp_path / "feeds.yaml")
    assert config.parse(text, tmp_path / "feeds.yaml").feeds[1:] == listed


def test_a_file_of_an_older_version_is_refused_for_reading_and_brought_up_to_date_by_a_run(
    folder: Path, command: Callable[..., Result]
) -> None:
    database = folder / "coverage.db"
    with open_store(database, read_only=False) as store:
        for view in store._db.view_names():
            store._db.execute(f"DROP VIEW {view}")
        for table, column in (("outlet", "genre"), ("feed", "genre"), ("article", "address_genre"), ("code", "genre")):
            store._db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        store._db.execute("DELETE FROM _sqlite_migrations WHERE name = 'm015_genre_and_voice'")
        store._db.execute("PRAGMA user_version = 9")
    found = command("trend", "--db", database)
    assert found.code == 3
    assert "older version" in found.err
    again(folder)
    assert genres(folder)["column"] == ("comment", "address")
    assert genres(folder)["essay"] == ("comment", "feed")
