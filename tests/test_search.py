"""The index of words over all wordings: filled, kept up to date, and rid of what is removed."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from conftest import FakeClassifier, Item, make_config, rss
from feedserver import FeedServer, Response

from media_coverage import pipeline
from media_coverage.errors import StoreError
from media_coverage.store import open_store
from media_coverage.store.connection import speaking_of

if TYPE_CHECKING:
    from pathlib import Path


def collected(server: FeedServer, folder: Path, *editions: list[Item]) -> Path:
    """A database after one run for each edition of one feed."""
    config = make_config(server.serve("/ledger.xml", *(Response(rss(items)) for items in editions)).rsplit("/", 1)[0])
    for _ in editions:
        pipeline.run(config, folder / "x.db", FakeClassifier())
    return folder / "x.db"


def found(path: Path, words: str) -> list[str]:
    with open_store(path) as store:
        sql = (
            "SELECT v.title FROM article_search s JOIN article_version v ON v.id = s.rowid WHERE article_search MATCH ?"
        )
        return list(store.query(f"{sql} ORDER BY s.rowid", words)["title"])


def check(path: Path) -> None:
    """FTS5's own comparison of the index with the texts. Raises DatabaseError."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO article_search (article_search, rank) VALUES ('integrity-check', 1)")


def words_held(path: Path) -> bytes:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return b"".join(block for (block,) in db.execute("SELECT block FROM article_search_data"))


LEDGER = [
    Item("Trump and Putin agree on a truce", "Zelenskyi was told at Mar-a-Lago.", link="https://ledger.example/1")
]
EDITED = [Item("Trump and Putin quarrel", "Zelenskyi was told at Mar-a-Lago.", link="https://ledger.example/1")]


def test_every_wording_can_be_found_as_soon_as_it_is_stored(feed_server: FeedServer, tmp_path: Path) -> None:
    path = collected(feed_server, tmp_path, LEDGER, EDITED)
    assert found(path, "putin") == [LEDGER[0].title, EDITED[0].title]
    assert found(path, "truce") == [LEDGER[0].title]
    assert found(path, "quarrel") == [EDITED[0].title]
    assert found(path, "ZELENSKYÍ") == [LEDGER[0].title, EDITED[0].title], "case and accents make no difference"
    assert found(path, "football") == []
    check(path)


def test_what_is_pruned_is_in_the_index_no_more_nor_in_its_pages(feed_server: FeedServer, tmp_path: Path) -> None:
    old = "https://ledger.example/old"  # addresses stay
    items = [Item("Quixotic football in Trump and Putin country", link=old), Item("Trump and Putin hope for peace")]
    path = collected(feed_server, tmp_path, items)
    assert b"quixotic" in words_held(path)
    now = datetime.now(UTC)
    with open_store(path, read_only=False) as store:
        assert store.prune(now + timedelta(days=1), now).articles == 1
    assert found(path, "quixotic") == []
    assert found(path, "putin") == ["Trump and Putin hope for peace"]
    assert b"quixotic" not in words_held(path)
    assert b"quixotic" not in path.read_bytes().lower()
    check(path)


def test_an_update_that_is_allowed_keeps_index_and_texts_together(feed_server: FeedServer, tmp_path: Path) -> None:
    path = collected(feed_server, tmp_path, LEDGER)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE article_version SET title = '', summary = '', purged_at = '2026-02-03T00:00:00+00:00'")
        db.commit()
    assert found(path, "truce") == []
    check(path)


def test_an_older_database_is_filled_when_it_is_brought_up_to_date(feed_server: FeedServer, tmp_path: Path) -> None:
    path = collected(feed_server, tmp_path, LEDGER)
    with contextlib.closing(sqlite3.connect(path)) as db:
        for name in ("article_search_add", "article_search_change"):
            db.execute(f"DROP TRIGGER {name}")
        db.execute("DROP TABLE article_search")
        db.execute("DROP INDEX label_run")
        db.execute("DELETE FROM _sqlite_migrations WHERE name = 'm012_search'")
        db.execute("PRAGMA user_version = 9")
        db.commit()
    with open_store(path) as store, pytest.raises(StoreError, match="`media-coverage run` brings it up to date"):
        store.questions()
    open_store(path, read_only=False).close()
    assert found(path, "truce") == [LEDGER[0].title]
    check(path)


def test_the_labels_of_a_run_are_counted_without_reading_all_others(tmp_path: Path) -> None:
    with open_store(tmp_path / "x.db", read_only=False) as store:
        plan = list(store.query("EXPLAIN QUERY PLAN SELECT * FROM v_runs ORDER BY run_id DESC LIMIT 10")["detail"])
    assert any("label_run" in line for line in plan), plan


def test_an_sqlite_without_the_module_is_named_in_one_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreError, match=r"cannot search text \(no such module: fts0\); use a Python"),
        speaking_of(tmp_path / "x.db"),
        contextlib.closing(sqlite3.connect(":memory:")) as db,
    ):
        db.execute("CREATE VIRTUAL TABLE x USING fts0 (text)")
