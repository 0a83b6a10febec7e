"""Archives in: rows become what they would be if a feed had brought them, once, whatever happens on the way."""

from __future__ import annotations

import csv
import gc
import gzip
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import FakeClassifier, Result, config_text, make_config, model_info, rss
from hypothesis import given, settings
from hypothesis import strategies as st
from test_archive import FEED, PAGE, parquet, warc_file

from media_coverage import backfill, mapping, pipeline
from media_coverage import config as configuration
from media_coverage.archive import Row
from media_coverage.backfill import Rejection, Settings, import_files, prepare
from media_coverage.errors import ExitCode
from media_coverage.health import Word, assess
from media_coverage.identity import identify
from media_coverage.language import language_of
from media_coverage.records import Archived, Feed, Fetched, FetchOutcome, Outlet, ParsedFeed
from media_coverage.report import Material, trend_by_week
from media_coverage.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from media_coverage.backfill import Account
    from media_coverage.store import Store

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAPERS = ("Morning Ledger", "Evening Post", "Volga Herald")
CONFIG = make_config("https://press.example", {name: [f"/{i}"] for i, name in enumerate(PAPERS)})
GENERIC = mapping.load("generic")
HEADER = ("title", "summary", "url", "published_at", "outlet", "language")

CONTENT = {
    "articles": "SELECT a.key, a.id_kind, a.url, o.name, a.published_at, a.date_source, v.text_sha256 FROM article a "
    "JOIN outlet o ON o.id = a.outlet_id JOIN article_version v ON v.id = a.current_version_id",
    "wordings": "SELECT a.key, v.title, v.summary, v.text_sha256, v.language, v.language_source, v.agency, "
    "v.agency_words, v.summary_source FROM article_version v JOIN article a ON a.id = v.article_id",
    "aliases": "SELECT l.key, a.key, l.reason FROM article_alias l JOIN article a ON a.id = l.article_id",
    "links": "SELECT a.key, b.key, l.reason, l.similarity FROM story_link l JOIN article a ON a.id = l.article_id "
    "JOIN article b ON b.id = l.other_article_id",
    "bands": "SELECT t.period, t.band, a.key FROM text_band t JOIN article a ON a.id = t.article_id",
    "stories": "SELECT a.key, s.story_key, s.first_published_at, (SELECT min(b.key) FROM article b "
    "WHERE b.story_id = s.id) FROM article a JOIN story s ON s.id = a.story_id",
    "gate": "SELECT v.text_sha256, g.passed, g.stage, g.reason FROM gate g "
    "JOIN article_version v ON v.id = g.version_id",
    "days": "SELECT date FROM changed_day",
    "empty stories": "SELECT id FROM story WHERE id NOT IN (SELECT story_id FROM article)",
}
ORIGINS = {
    "files": "SELECT name, sha256, mapping, rows, articles, versions, known, rejected, problem FROM import_file",
    "imported": "SELECT f.name, a.key, i.row, i.addressed FROM imported i JOIN article a ON a.id = i.article_id "
    "JOIN import_file f ON f.id = i.import_id",
    "days of imports": "SELECT d.date, o.name, d.articles FROM import_day d JOIN outlet o ON o.id = d.outlet_id",
    "labels": "SELECT v.text_sha256, l.label, l.p_relevant FROM label l JOIN article_version v ON v.id = l.version_id",
}


def rows(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(sql).fetchall()


def content(database: Path, *more: dict[str, str]) -> dict[str, list[tuple[Any, ...]]]:
    """What the file says, without the numbers under which it says so."""
    queries = CONTENT | {name: sql for each in more for name, sql in each.items()}
    found = {name: sorted(rows(database, sql), key=repr) for name, sql in queries.items()}
    assert rows(database, "PRAGMA integrity_check") == [("ok",)]
    assert rows(database, "PRAGMA foreign_key_check") == []
    return found


def listing(number: int, *, seed: int = 1) -> list[dict[str, str]]:
    """Invented rows: copies between papers, edited headlines, articles again, and some of the topic."""
    draw = random.Random(seed)  # noqa: S311 - invented rows, not secrets
    words = [f"{a}{b}" for a in "gra har env rai cou riv bri fer mus win".split() for b in "in bor oy way cil".split()]
    made: list[dict[str, str]] = []
    for n in range(number):
        day = datetime(2025, 11, 1, tzinfo=UTC) + timedelta(hours=n * 1000 // number)
        title = " ".join(draw.choices(words, k=9)) + draw.choice([" Trump Putin", "", "", ""])
        row = {
            "title": title.capitalize(),
            "summary": " ".join(draw.choices(words, k=20)) if n % 3 else "",
            "url": f"https://{n % 3}.example/{n}",
            "published_at": day.isoformat(),
            "outlet": PAPERS[n % 3],
            "language": "en",
        }
        if made and n % 5 == 1:  # a copy under another masthead
            row |= {name: draw.choice(made[-40:])[name] for name in ("title",)}
        if made and n % 11 == 2:  # the same article once more, perhaps edited
            row = {**draw.choice(made[-40:])} | ({"title": title + " again"} if n % 2 else {})
        made.append(row)
    return made


def write(path: Path, listed: Iterable[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, HEADER, extrasaction="ignore")
        table.writeheader()
        table.writerows(listed)
    return path


def bring(database: Path, *files: Path, label: bool = False, **options: Any) -> Account:
    options = {"config": CONFIG, "classifier": FakeClassifier(), "clock": lambda: NOW} | options
    return import_files(options.pop("config"), files, database=database, label=label, **options)


# As if a feed had brought them


def settings_of(now: datetime = NOW) -> Settings:
    return Settings(GENERIC, mapping.outlets_of(CONFIG.feeds), CONFIG.query.text, "en", now)


def by_import(store: Store, listed: Sequence[dict[str, str]], size: int) -> None:
    run = store.begin_run(CONFIG, model_info(), NOW, "import")
    known = store.begin_file(run, "a.csv", "0", 1, ("generic", "0"), NOW)
    whole = [Row(n, {k: v for k, v in row.items() if v}) for n, row in enumerate(listed, start=1)]
    for start in range(0, len(whole), size):
        prepared = prepare(whole[start : start + size], settings_of())
        store.add_archived(known.import_id, [each for each in prepared if isinstance(each, Archived)], 0, NOW)
    store.end_file(known.import_id, NOW)


def by_feeds(store: Store, listed: Sequence[dict[str, str]]) -> None:
    """The same rows as documents of one entry each, asked for one after the other."""
    run = store.begin_run(CONFIG, model_info(), NOW)
    feeds = {feed.outlet.name: feed for feed in CONFIG.feeds}
    for row in listed:
        feed = feeds[row["outlet"]]
        entry = mapping.record({k: v for k, v in row.items() if v}, GENERIC).entry
        found = identify(feed, (entry,), NOW, {}, lambda title, summary: language_of(title, summary, "en"))
        fetched = Fetched(feed, FetchOutcome.OK, NOW, elapsed_ms=1, status=200, final_url=feed.url)
        store.record(run, fetched, ParsedFeed("t", "rss20", "en", (entry,)), found)
    pipeline.apply_gate(store, CONFIG.query, "en")


@pytest.fixture(scope="module")
def fed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    """What 300 rows become that come as feeds."""
    database = tmp_path_factory.mktemp("fed") / "feeds.db"
    with open_store(database, read_only=False) as store:
        by_feeds(store, listing(300))
    return content(database)


@pytest.mark.parametrize("size", [1, 7, 300])
def test_rows_become_what_a_feed_would_have_made_of_them(
    fed: dict[str, list[tuple[Any, ...]]], tmp_path: Path, size: int
) -> None:
    with open_store(tmp_path / "import.db", read_only=False) as store:
        by_import(store, listing(300), size)
    first, second = fed, content(tmp_path / "import.db")
    assert second == first
    assert [bool(first[name]) for name in CONTENT] == [*[True] * 2, False, *[True] * 5, False]
    assert any(key != first_key for key, _, _, first_key in first["stories"])


TITLES = (
    "Envoys meet in the old harbour town to talk about grain",
    "Envoys meet in the old harbour town to talk about grain and ships",
    "Exclusive: Envoys meet in the old harbour town to talk about grain",
    "Ferry late",
    "Ferry late again",
)
LEADS = ("", "The envoys of two countries met on Tuesday in the old town by the harbour and spoke of grain for hours.")
ROW = st.fixed_dictionaries(
    {
        "title": st.sampled_from(TITLES),
        "summary": st.sampled_from(LEADS),
        "url": st.integers(0, 5).map("https://press.example/{}".format),
        "published_at": st.integers(0, 40).map(lambda n: (NOW - timedelta(days=60 - n, hours=n)).isoformat()),
        "outlet": st.sampled_from(PAPERS),
        "language": st.just("en"),
    }
)


@settings(max_examples=12, deadline=None)
@given(listed=st.lists(ROW, max_size=14), size=st.integers(1, 14))
def test_any_rows_in_any_batches(tmp_path_factory: pytest.TempPathFactory, listed: list[Any], size: int) -> None:
    folder = tmp_path_factory.mktemp("any")
    with open_store(folder / "feeds.db", read_only=False) as store:
        by_feeds(store, listed)
    with open_store(folder / "import.db", read_only=False) as store:
        by_import(store, listed, size)
    assert content(folder / "import.db") == content(folder / "feeds.db")


def test_an_article_of_an_archive_is_found_again_by_its_feed(tmp_path: Path) -> None:
    listed = listing(60)
    with open_store(tmp_path / "a.db", read_only=False) as store:
        by_import(store, listed, 50)
        before = content(tmp_path / "a.db")
        by_feeds(store, listed)
    after = content(tmp_path / "a.db")
    assert {name: after[name] for name in CONTENT if name != "gate"} == {
        name: before[name] for name in CONTENT if name != "gate"
    }
    assert rows(tmp_path / "a.db", "SELECT min(feeds), min(imports) FROM v_articles") == [(1, 1)]


def test_rows_without_an_address_join_the_article_of_the_feed_with_that_headline(tmp_path: Path) -> None:
    row = {"title": "Envoys meet in the old harbour town", "outlet": PAPERS[0], "published_at": "2026-02-03"}
    feed_row = row | {"url": "https://press.example/7", "summary": "", "published_at": "2026-02-03T09:00:00Z"}
    for order in (0, 1):
        with open_store(tmp_path / f"{order}.db", read_only=False) as store:
            steps = [lambda s: by_import(s, [row], 1), lambda s: by_feeds(s, [feed_row])]
            for step in steps[:: 1 - 2 * order]:
                step(store)
        found = rows(tmp_path / f"{order}.db", "SELECT url, feeds, imports FROM v_articles")
        assert found == [("https://press.example/7", 1, 1)]


# Once, and all of it


def test_a_file_is_imported_once(tmp_path: Path) -> None:
    path, database = write(tmp_path / "a.csv", listing(120)), tmp_path / "a.db"
    first = bring(database, path)
    before = content(database, ORIGINS)
    again = bring(database, path, write(tmp_path / "copy of a.csv", listing(120)))
    assert [each.complete_before for each in again.files] == [True, True]
    assert content(database, ORIGINS) == before
    counts = first.files[0].counts
    assert counts.rows == counts.articles + counts.versions + counts.known + counts.rejected == 120
    assert min(counts.articles, counts.versions, counts.known) > 0
    assert "imported before, nothing to do (120 rows)" in "\n".join(backfill.summary_lines(again))


def test_the_same_rows_in_another_file_add_nothing(tmp_path: Path) -> None:
    database = tmp_path / "a.db"
    bring(database, write(tmp_path / "a.csv", listing(60)))
    before = content(database)
    counts = bring(database, write(tmp_path / "b.csv", listing(60)[::-1])).files[0].counts
    assert (counts.articles, counts.known + counts.versions) == (0, 60)
    assert len(content(database)["articles"]) == len(before["articles"])
    assert rows(database, "SELECT DISTINCT imports FROM v_articles") == [(2,)]
    assert rows(database, "SELECT sum(articles) FROM import_day") == rows(database, "SELECT count(*) FROM article")


def test_processes_make_no_difference(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", listing(330))
    for workers in (1, 2):
        bring(tmp_path / f"{workers}.db", path, workers=workers, chunk=50)
    assert content(tmp_path / "2.db", ORIGINS) == content(tmp_path / "1.db", ORIGINS)


def test_an_import_leaves_the_collector_as_it_was(tmp_path: Path) -> None:
    before, during = gc.get_threshold(), []
    path = write(tmp_path / "a.csv", listing(20))
    bring(tmp_path / "a.db", path, progress=lambda *_: during.append(gc.get_threshold()))
    assert during
    assert all(each[0] == backfill.OBJECTS_BETWEEN_COLLECTIONS for each in during)
    assert gc.get_threshold() == before


def test_rejected_rows_are_counted_named_and_written(tmp_path: Path) -> None:
    listed = listing(4)
    bad = [
        {**listed[0], "title": ""},
        {**listed[1], "published_at": "03/04/2026"},
        {**listed[2], "published_at": ""},
        {**listed[3], "published_at": "1890-01-01"},
        {**listed[0], "outlet": "", "url": ""},
    ]
    path, rejects = write(tmp_path / "a.csv", [*listed, *bad]), tmp_path / "rejects.jsonl"
    account = bring(tmp_path / "a.db", path, rejects=rejects)
    assert account.exit_code == ExitCode.OK
    assert (account.files[0].counts.rows, account.files[0].counts.rejected) == (9, 5)
    written = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [(each["file"], each["row"], each["reason"]) for each in written] == [
        ("a.csv", 5, "no title"),
        ("a.csv", 6, "no date that can be read or can be true: '03/04/2026'"),
        ("a.csv", 7, "no date"),
        ("a.csv", 8, "no date that can be read or can be true: '1890-01-01'"),
        ("a.csv", 9, "no outlet: neither a name nor a domain nor an address"),
    ]
    assert written[1]["cells"]["url"] == listed[1]["url"]
    line = backfill.summary_lines(account)[0]
    assert line.startswith("a.csv: 9 rows: 3 new articles, 0 new wordings, 1 known, 5 rejected (")
    assert "2 no date that can be read or can be true" in line


def test_dates_come_from_the_address_or_from_who_saw_the_article(tmp_path: Path) -> None:
    listed = [
        {"title": "By its address", "url": "https://press.example/2025/12/24/eve", "outlet": "Post"},
        {
            "title": "By the index",
            "url": "https://press.example/x",
            "outlet": "Post",
            "indexed_date": "2025-12-25T07:00Z",
        },
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in listed))
    bring(tmp_path / "a.db", path)
    assert rows(tmp_path / "a.db", "SELECT published_at, date_source FROM article ORDER BY id") == [
        ("2025-12-24T00:00:00+00:00", "url"),
        ("2025-12-25T07:00:00+00:00", "first_seen"),
    ]


def test_a_stopped_import_does_not_write_a_rejected_row_twice(tmp_path: Path) -> None:
    rejects = backfill.Rejects(tmp_path / "r.jsonl")
    pair = [(Rejection(n, "no title"), Row(n, {"url": "u"})) for n in (3, 4)]
    rejects.add("a.csv", pair)
    with (tmp_path / "r.jsonl").open("a") as file:
        file.write('{"file": "a.csv", "row": 5, "rea')  # killed here
    resumed = backfill.Rejects(tmp_path / "r.jsonl")
    resumed.resume("a.csv", 3)
    resumed.add("a.csv", [*pair[1:], (Rejection(5, "no title"), Row(5))])
    held = [json.loads(line)["row"] for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert held == [3, 4, 5]


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    whole = parquet(tmp_path / "whole.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[:3000])
    (tmp_path / "other.csv").write_text("heading,url\nOne,u\n")
    good = write(tmp_path / "good.csv", listing(10))
    account = bring(tmp_path / "a.db", tmp_path / "cut.parquet", tmp_path / "other.csv", good, tmp_path / "none.csv")
    problems = [each.problem or "" for each in account.files]
    assert [bool(problem) for problem in problems] == [True, True, False, True]
    assert "cannot be read as Parquet" in problems[0]
    assert "there are: 'heading', 'url'" in problems[1]
    assert "there is no such file" in problems[3]
    assert account.exit_code == ExitCode.SOME_FEEDS_FAILED
    total = "all files: 10 rows: 9 new articles, 0 new wordings, 1 known, 0 rejected"
    assert backfill.summary_lines(account)[-2] == total
    assert bring(tmp_path / "b.db", tmp_path / "other.csv").exit_code == ExitCode.NOTHING_WORKED


def test_a_damaged_file_is_gone_on_with_after_its_repair(tmp_path: Path) -> None:
    text = write(tmp_path / "a.csv", listing(90)).read_bytes()
    packed = gzip.compress(text, mtime=0)
    path = tmp_path / "a.csv.gz"
    path.write_bytes(packed[:-40])
    first = bring(tmp_path / "a.db", path)
    assert "cut off" in str(first.files[0].problem)
    assert rows(tmp_path / "a.db", "SELECT finished_at IS NULL, problem LIKE '%cut off%' FROM v_imports") == [(1, 1)]
    path.write_bytes(packed)
    second = bring(tmp_path / "a.db", path)
    assert second.exit_code == ExitCode.OK
    bring(tmp_path / "b.db", path)
    assert content(tmp_path / "a.db") == content(tmp_path / "b.db")


# Killed and starved

SCRIPT = """
import resource, sys
from pathlib import Path
from media_coverage import backfill, config, errors, language

folder, path, database = map(Path, sys.argv[1:4])
workers, chunk, limit = map(int, sys.argv[4:])
language.detect("Its model is unpacked into a file first, which is larger than what is allowed from here on.")
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
rejects = Path(f"{database}.rejects")
options = {"database": database, "label": False, "workers": workers, "chunk": chunk, "rejects": rejects}
try:
    account = backfill.import_files(config.load(folder / "feeds.yaml"), [path], **options)
except errors.TrackerError as error:
    print(error)
    sys.exit(int(error.exit_code))
print(*backfill.summary_lines(account), sep="\\n")
"""
CHUNK = 100


def started(folder: Path, database: Path, path: Path, workers: int, limit: int = 0) -> subprocess.Popen[bytes]:
    """An import in a process of its own, with files of at most `limit` bytes."""
    script = folder / "run.py"
    script.write_text(f'if __name__ == "__main__":\n{textwrap.indent(SCRIPT, "    ")}')
    return subprocess.Popen(
        [sys.executable, str(script), str(folder), str(path), str(database), str(workers), str(CHUNK), str(limit)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def stored(database: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT coalesce(sum(rows), 0) FROM import_file").fetchone()[0])
    except sqlite3.Error:
        return 0


def test_killed_imports_end_as_an_undisturbed_one(tmp_path: Path) -> None:
    (tmp_path / "feeds.yaml").write_text(
        config_text("https://press.example", {name: [f"/{i}"] for i, name in enumerate(PAPERS)})
    )
    listed = listing(8 * CHUNK + 50)
    for n in range(0, len(listed), 50):
        listed[n] = {**listed[n], "title": ""}
    path, database = write(tmp_path / "a.csv", listed), tmp_path / "a.db"
    done = 0
    for workers in (2, 1):
        process = started(tmp_path, database, path, workers)
        while process.poll() is None and stored(database) <= done:
            time.sleep(0.01)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        done = stored(database)
        assert done % CHUNK == 0
        assert 0 < done < len(listed)
    process = started(tmp_path, database, path, 1)
    out, _ = process.communicate(timeout=300)
    assert process.returncode == ExitCode.OK, out.decode()
    assert f"after the {done:,} of an earlier import".encode() in out
    bring(tmp_path / "whole.db", path, rejects=tmp_path / "whole.rejects")
    assert content(database, ORIGINS) == content(tmp_path / "whole.db", ORIGINS)
    held = Path(f"{database}.rejects").read_text().splitlines()
    assert held == (tmp_path / "whole.rejects").read_text().splitlines()
    assert rows(database, "SELECT state, kind FROM run ORDER BY id") == [
        ("interrupted", "import"),
        ("interrupted", "import"),
        ("finished", "import"),
    ]


def test_a_full_disk_is_one_sentence_and_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "feeds.yaml").write_text(
        config_text("https://press.example", {name: [f"/{i}"] for i, name in enumerate(PAPERS)})
    )
    path, database = write(tmp_path / "a.csv", listing(5 * CHUNK)), tmp_path / "a.db"
    process = started(tmp_path, database, path, 1, limit=800_000)
    out, _ = process.communicate(timeout=300)
    assert process.returncode == ExitCode.NOTHING_WORKED, out.decode()
    assert b"free some space and run again" in out
    assert 0 < stored(database) < 5 * CHUNK
    process = started(tmp_path, database, path, 1)
    process.communicate(timeout=300)
    assert process.returncode == ExitCode.OK
    bring(tmp_path / "whole.db", path)
    assert content(database, ORIGINS) == content(tmp_path / "whole.db", ORIGINS)


# What the rest of the program makes of it


def test_equal_texts_are_classified_once(tmp_path: Path) -> None:
    same = {"title": "Trump and Putin: hope for the harbour", "summary": "", "language": "en"}
    listed = [
        {**same, "url": f"https://{n}.example/{n}", "outlet": PAPERS[n % 3], "published_at": f"2026-02-{1 + n:02}"}
        for n in range(6)
    ]
    database = tmp_path / "a.db"
    first = FakeClassifier()
    account = bring(database, write(tmp_path / "a.csv", listed[:4]), label=True, classifier=first)
    assert (account.labelled, account.relevant, len(first.seen)) == (4, 4, 1)
    second = FakeClassifier()
    account = bring(database, write(tmp_path / "b.csv", listed[4:]), label=True, classifier=second)
    assert (account.labelled, account.relevant, len(second.seen)) == (2, 2, 0)
    found = rows(database, "SELECT version_id, copied_from, label, evidence FROM v_labels ORDER BY version_id")
    origin = same["title"]
    assert found == [(n, None if n == 1 else 1, "hopeful_peace", origin) for n in range(1, 7)]
    third = FakeClassifier("2")
    assert pipeline.relabel(database, third) == (6, 6)
    assert len(third.seen) == 1


def test_imported_days_are_neither_collected_nor_gaps(tmp_path: Path) -> None:
    listed = [
        {**row, "title": f"Trump Putin {row['title']}", "published_at": f"2026-02-{2 + n % 9:02}T10:00:00Z"}
        for n, row in enumerate(listing(60))
        if n % 11 != 2
    ]
    database = tmp_path / "a.db"
    with open_store(database, read_only=False) as store:
        for day in (5, 8):
            at = datetime(2026, 2, day, 9, tzinfo=UTC)
            run = store.begin_run(CONFIG, model_info(), at)
            for feed in CONFIG.feeds:
                store.record(run, Fetched(feed, FetchOutcome.OK, at, elapsed_ms=1, status=200), None, ())
            store.end_run(run, "finished", 0, at)
    outcome = {"2026-02-06": FetchOutcome.TIMEOUT}
    with open_store(database, read_only=False) as store:
        at = datetime(2026, 2, 6, 9, tzinfo=UTC)
        run = store.begin_run(CONFIG, model_info(), at)
        for feed in CONFIG.feeds:
            store.record(run, Fetched(feed, outcome["2026-02-06"], at, elapsed_ms=1, error="late"), None, ())
        store.end_run(run, "finished", 0, at)
        health = assess(store.feed_records(NOW), store.last_finished_at(), NOW)
    bring(database, write(tmp_path / "a.csv", listed), label=True)
    with open_store(database) as store:
        days = store.collection().set_index("date")["collection"].to_dict()
        assert days["2026-02-02"] == days["2026-02-10"] == "imported"
        assert (days["2026-02-05"], days["2026-02-06"]) == ("full", "imported")
        assert assess(store.feed_records(NOW), store.last_finished_at(), NOW) == health
        weekly = store.period_collection("day", "all").set_index("first_day")
        assert weekly["days_missing"].to_dict()["2026-02-06"] == 0
        trend = trend_by_week(Material.from_store(store, NOW, "", "9999"))
        assert trend.set_index("date").loc["2026-02-02", "days_imported"] == 5
        assert store.attention_counts().empty
        assert store.runs()["kind"].tolist()[0] == "import"
        assert store.query("SELECT file, rows, finished_at IS NOT NULL AS done FROM v_imports").iloc[0].to_dict() == {
            "file": "a.csv",
            "rows": len(listed),
            "done": 1,
        }
        assert store.query("SELECT min(row) AS first, count(*) AS n FROM v_imported").iloc[0].tolist() == [
            1,
            len(store.articles(on_topic=None)),
        ]
    assert Word.FINE in {verdict.word for verdict in health.verdicts} or health.verdicts


def test_what_a_file_has_just_brought_is_not_pruned(tmp_path: Path) -> None:
    database = tmp_path / "a.db"
    bring(database, write(tmp_path / "a.csv", listing(30)), clock=lambda: datetime.now(UTC))
    assert pipeline.prune(database, 7, everything=True).articles == 0
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE import_file SET finished_at = '2020-01-01T00:00:00+00:00'")
    assert pipeline.prune(database, 7).articles > 0


def test_a_web_archive_goes_the_same_way(tmp_path: Path) -> None:
    config = make_config("https://ledger.example", {"Morning Ledger": ["/rss"]})
    path = warc_file(tmp_path / "a.warc.gz", [FEED, ("https://post.example/talks", "text/html", PAGE), FEED])
    account = bring(tmp_path / "a.db", path, config=config)
    counts = account.files[0].counts
    assert (counts.rows, counts.articles, counts.known) == (5, 3, 2)
    found = "SELECT outlet, title, summary_source, imports FROM v_articles ORDER BY article_id"
    assert rows(tmp_path / "a.db", found) == [
        ("Morning Ledger", "Trump and Putin to meet", "none", 1),
        ("Morning Ledger", "Another one", "none", 1),
        ("Harbour Post", "Talks on grain resume", "page", 1),
    ]


def test_a_search_feed_in_a_web_archive_names_the_outlets(tmp_path: Path) -> None:
    url = "https://finder.example/rss"
    text = config_text("https://finder.example", {"Finder": ["/rss"]})
    listed = text.replace(f"- {url}", f"- {{url: '{url}', kind: search}}")
    config = configuration.parse(listed, tmp_path / "feeds.yaml")
    document = rss(["Trump and Putin to meet in the old town - Harbour Post"]).replace(
        b"</item>", b'<source url="https://post.example">Harbour Post</source></item>'
    )
    path = warc_file(tmp_path / "a.warc", [(url, "application/rss+xml", document)])
    bring(tmp_path / "a.db", path, config=config)
    assert rows(
        tmp_path / "a.db",
        "SELECT o.name, i.addressed FROM imported i JOIN article a ON a.id = i.article_id "
        "JOIN outlet o ON o.id = a.outlet_id",
    ) == [("Harbour Post", 0)]


# The command


def test_the_command_imports_labels_and_accounts(tmp_path: Path, command: Callable[..., Result]) -> None:
    (tmp_path / "feeds.yaml").write_text(config_text("https://press.example") + "database: a.db\n")
    (tmp_path / "own.yaml").write_text("name: own\ncolumns: {title: head, url: at, published: day}\n")
    (tmp_path / "a.csv").write_text(
        "head,at,day\nTrump and Putin agree on a truce,https://post.example/1,2026-02-03\n,u,2026-02-03\n"
    )
    options = ("--config", tmp_path / "feeds.yaml", "--workers", "1", "--mapping", tmp_path / "own.yaml")
    done = command("import", *options, "--json", tmp_path / "a.csv")
    assert done.code == 0, done.err
    account = json.loads(done.out)
    assert account["files"][0]["counts"] == {"rows": 2, "articles": 1, "versions": 0, "known": 0, "rejected": 1}
    assert (account["labelled"], account["exit_code"]) == (1, 0)
    again = command("import", *options, tmp_path / "a.csv")
    assert again.out.startswith(
        "a.csv: imported before, nothing to do (2 rows)\n0 labelled, 0 on topic; 0 days counted"
    )
    bad = command("import", *options, "--encoding", "klingon", tmp_path / "a.csv")
    assert bad.code == ExitCode.USAGE
    assert "klingon" in bad.err
    assert command("import", *options).code == ExitCode.USAGE
    wrong = command("import", "--config", tmp_path / "feeds.yaml", "--mapping", "nexis", tmp_path / "a.csv")
    assert (wrong.code, "ready ones" in wrong.err) == (ExitCode.USAGE, True)


def test_an_outlet_that_is_not_listed_has_no_group(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("title,url,date\nOne more,https://unknown.example/1,2026-02-03\n")
    bring(tmp_path / "a.db", path)
    assert rows(tmp_path / "a.db", "SELECT outlet, outlet_group, country FROM v_articles") == [
        ("unknown.example", "other", None)
    ]
    assert mapping.publisher("Evening Post", "", None, mapping.outlets_of(CONFIG.feeds)) == Outlet(
        "Evening Post", "GB", "uk"
    )
    assert isinstance(CONFIG.feeds[0], Feed)
