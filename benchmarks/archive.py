"""An invented archive of any size: rows to import, or a database that is filled already.

    python -m benchmarks.archive database 1000000 build/million.db
    python -m benchmarks.archive rows 1000000 build/million.csv      (or .jsonl, .parquet)

The same number and seed give the same archive. Headlines are put together from words, so they mean little, but they
have the lengths of real ones, one in eight is about the topic, one in seven is a copy of another outlet's, and days
differ in how much there is. In a database the labels are drawn, not computed: it is for measuring queries and reports.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import itertools
import json
import sqlite3
import sys
import time
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from media_coverage import config, pipeline
from media_coverage.classify import load_classifier
from media_coverage.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FIRST_DAY, DAYS = date(2024, 1, 1), 800
LAST_DAY = FIRST_DAY + timedelta(days=DAYS - 1)
OUTLETS, GROUPS = 200, ("us_left", "us_center", "us_right", "uk", "europe", "ukraine", "russia_state", "global_south")
COUNTRIES = ("US", "US", "US", "GB", "DE", "UA", "RU", "IN")
ON_TOPIC, COPIED = 1 / 8, 1 / 7
EVENTS = (date(2024, 9, 3), date(2025, 2, 12), date(2025, 8, 15))
CHUNK = 50_000

_WHO = "Trump,Putin,Witkoff,Lavrov,Zelensky,Rubio,the Kremlin,the White House,Kyiv,Moscow,Washington".split(",")
_DID = "hails,warns of,rejects,prepares,delays,defends,questions,offers,demands,doubts,praises".split(",")
_WHAT = (
    "peace talks with Putin,a ceasefire in Ukraine,a summit with Trump,the peace plan for Ukraine,terms for Donbas,"
    "the deal on Ukraine,a truce,guarantees for Ukraine,sanctions relief for Russia,concessions to Moscow"
).split(",")
_OTHER = (
    "council,harvest,league,budget,storm,museum,school,railway,election,hospital,airline,festival,court,mayor,bridge,"
    "minister,strike,market,vaccine,film,orchestra,river,forest,factory,union,tax,pension,police,fire,ferry,wine,robot,"
    "climate,drought,port,tunnel,novel,painter,coach,striker,keeper,champion,trial,jury,verdict,merger,startup,chip"
).split(",")
_LINKS = "after,before,as,while,despite,over,amid,against,without,because of,in spite of,ahead of".split(",")


@dataclass(frozen=True, slots=True)
class Row:
    """One article of the archive; `original` is the number of the row that it copies, its own where it copies none."""

    number: int
    original: int
    title: str
    summary: str
    published_at: str
    outlet: int
    on_topic: bool


def _phrase(rng: np.random.Generator, words: Sequence[str], count: int) -> str:
    return " ".join(words[int(i)] for i in rng.integers(len(words), size=count))


def rows(count: int, seed: int = 1, on_topic: float = ON_TOPIC, days: int = DAYS) -> Iterator[Row]:
    """The archive, in the order of its numbers; copies follow their originals within three hundred rows.

    `on_topic` is the share of its texts that are about the topic; of its `days`, the last is always the same.
    """
    rng = np.random.default_rng(seed)
    weights = rng.gamma(4.0, size=days)
    edges = (np.cumsum(weights) / weights.sum() * count).astype(int)
    share = np.sort(rng.pareto(1.2, OUTLETS) + 0.2)[::-1]
    recent: list[Row] = []
    start = datetime(LAST_DAY.year, LAST_DAY.month, LAST_DAY.day, tzinfo=UTC) - timedelta(days=days - 1)
    for first in range(1, count + 1, CHUNK):
        size = min(CHUNK, count + 1 - first)
        outlets = rng.choice(OUTLETS, size=size, p=share / share.sum())
        copied, topical = rng.random(size) < COPIED, rng.random(size) < on_topic
        seconds = rng.integers(86_400, size=size)
        day = np.searchsorted(edges, np.arange(first, first + size), side="right").clip(max=days - 1)
        for i in range(size):
            at = (start + timedelta(days=int(day[i]), seconds=int(seconds[i]))).isoformat()
            if copied[i] and recent:
                source = recent[int(rng.integers(len(recent)))]
                row = replace(source, number=first + i, published_at=at, outlet=int(outlets[i]))
            else:
                title, summary = _text(rng, topical=bool(topical[i]))
                row = Row(first + i, first + i, title, summary, at, int(outlets[i]), bool(topical[i]))
                recent.append(row)
                del recent[:-300]
            yield row


def _text(rng: np.random.Generator, *, topical: bool) -> tuple[str, str]:
    filler = [_phrase(rng, _OTHER, 2) for _ in range(6)]
    link = _LINKS[int(rng.integers(len(_LINKS)))]
    if topical:
        who, did, what = (words[int(rng.integers(len(words)))] for words in (_WHO, _DID, _WHAT))
        title = f"{who} {did} {what} {link} {filler[0]} {filler[1]}"
    else:
        title = f"{filler[0]} {filler[1]} {link} {filler[2]} {filler[3]}"
    summary = f"{title} {_LINKS[int(rng.integers(len(_LINKS)))]} {filler[4]} {filler[5]}, {_phrase(rng, _OTHER, 9)}."
    return title[:1].upper() + title[1:], summary


def outlet_name(number: int) -> str:
    """Of an outlet by its number."""
    return f"Outlet {number:03}"


def address(row: Row) -> str:
    """Where an article stands."""
    return f"https://outlet{row.outlet:03}.example/{row.published_at[:10].replace('-', '/')}/{row.number}"


COLUMNS = ("id", "url", "title", "summary", "published_at", "outlet", "language")


def record(row: Row) -> dict[str, str]:
    """A row as an archive lists it."""
    values = (str(row.number), address(row), row.title, row.summary, row.published_at, outlet_name(row.outlet), "en")
    return dict(zip(COLUMNS, values, strict=True))


def write(count: int, path: Path, seed: int = 1, on_topic: float = ON_TOPIC, days: int = DAYS) -> None:
    """The archive as CSV, JSON Lines or Parquet, by the suffix of the path."""
    records = map(record, rows(count, seed, on_topic, days))
    if path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = pa.schema([(name, pa.string()) for name in COLUMNS])
        with pq.ParquetWriter(path, schema) as writer:
            while chunk := list(itertools.islice(records, CHUNK)):
                writer.write_table(pa.Table.from_pylist(chunk, schema))
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".jsonl":
            file.writelines(f"{json.dumps(line)}\n" for line in records)
        else:
            table = csv.DictWriter(file, COLUMNS)
            table.writeheader()
            table.writerows(records)


def configuration() -> str:
    """A feeds.yaml with the outlets of the archive, each with one feed that nobody answers."""
    outlets = "".join(
        f"  - {{name: {outlet_name(n)}, group: {GROUPS[n % len(GROUPS)]}, country: {COUNTRIES[n % len(COUNTRIES)]}, "
        f"feeds: ['https://outlet{n:03}.example/rss']}}\n"
        for n in range(OUTLETS)
    )
    events = "".join(f"    - {{date: {day}, name: Meeting {i}}}\n" for i, day in enumerate(EVENTS, start=1))
    return (
        f"topic:\n  name: Invented archive\n  query: trump OR putin OR ukraine OR kremlin OR moscow OR kyiv\n"
        f"  events:\n{events}outlets:\n{outlets}"
    )


def fill(count: int, path: Path, seed: int = 1, say: Any = print) -> None:
    """Make the database at `path` (which must not exist) with `count` articles, gated, labelled and aggregated."""
    settings = config.parse(configuration(), path.with_suffix(".yaml"))
    path.with_suffix(".yaml").write_text(configuration() + f"database: {path.name}\n", encoding="utf-8")
    started = time.perf_counter()
    with open_store(path, read_only=False, frames=settings.frames) as store:
        run = store.begin_run(settings, load_classifier().info, datetime(2026, 3, 11, tzinfo=UTC))
        model, codebook = store.query("SELECT id, codebook_version FROM model").iloc[0]
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        for pragma in ("journal_size_limit = 0", "cache_size = -400000", "temp_store = MEMORY"):
            db.execute(f"PRAGMA {pragma}")
        feeds = [f for (f,) in db.execute("SELECT id FROM feed ORDER BY url")]
        outlets = [o for (o,) in db.execute("SELECT id FROM outlet ORDER BY name")]
        db.execute("BEGIN")
        fetches = _attempts(db, run, feeds)
        db.execute("COMMIT")
        made = rows(count, seed)
        rng = np.random.default_rng(seed + 1)
        done = 0
        while chunk := list(itertools.islice(made, CHUNK)):
            db.execute("BEGIN")
            _insert(db, chunk, outlets, feeds, fetches, _Labels(rng, run, int(model), str(codebook)))
            db.execute("COMMIT")
            done += len(chunk)
            say(f"{done:,} articles, {time.perf_counter() - started:.0f} s")
        db.execute("ANALYZE")
    with open_store(path, read_only=False) as store:
        pipeline.apply_aggregates(store)
        pipeline.apply_health(store, datetime(2026, 3, 11, tzinfo=UTC))
        store.end_run(run, "finished", 0, datetime(2026, 3, 11, 0, 5, tzinfo=UTC))
    say(f"{path}: {path.stat().st_size / 2**20:.0f} MiB, {time.perf_counter() - started:.0f} s")


@dataclass(frozen=True, slots=True)
class _Labels:
    """How labels are drawn: shares that drift over the years and step at each event."""

    rng: np.random.Generator
    run: int
    model: int
    codebook: str

    def of(self, row: Row) -> tuple[Any, ...]:
        day = date.fromisoformat(row.published_at[:10])
        later = sum(day >= event for event in EVENTS)
        p_first = min(0.95, max(0.05, self.rng.normal(0.35 + 0.08 * later, 0.3)))
        p_second = min(0.95, max(0.05, self.rng.normal(0.45 - 0.07 * later, 0.3)))
        first, second = p_first > 0.5, p_second > 0.5
        both = (("neither", "appeasement"), ("hopeful_peace", "mixed"))
        label = both[first][second]
        leaning = "hopeful_peace" if p_first >= p_second else "appeasement"
        p_relevant = float(self.rng.beta(8, 2))
        unsure = min(abs(p_first - 0.5), abs(p_second - 0.5)) < 0.05
        evidence = json.dumps({})
        created = "2026-03-11T00:01:00+00:00"
        values = (int(p_relevant > 0.5), label, leaning, int(unsure), p_relevant, p_first, p_second, evidence, created)
        return (row.number, self.model, self.codebook, self.run, *values)


def _attempts(db: sqlite3.Connection, run: int, feeds: Sequence[int]) -> int:
    """One attempt of each feed on each day, all of the one run. Returns the number of the first."""
    days = [(FIRST_DAY + timedelta(days=day)).isoformat() for day in range(DAYS)]
    answers = (("timeout", 0, None), ("ok", 1, 200))
    db.executemany(
        "INSERT INTO fetch (run_id, feed_id, started_at, elapsed_ms, outcome, succeeded, status) "
        "VALUES (?, ?, ?, 50, ?, ?, ?)",
        (
            (run, feed, f"{day}T06:00:00+00:00", *answers[(i * 7 + feed) % 97 > 0])
            for i, day in enumerate(days)
            for feed in feeds
        ),
    )
    return int(db.execute("SELECT min(id) FROM fetch").fetchone()[0])


def _insert(
    db: sqlite3.Connection,
    chunk: Sequence[Row],
    outlets: Sequence[int],
    feeds: Sequence[int],
    fetch: int,
    labels: _Labels,
) -> None:
    digests = [hashlib.sha256(f"{row.title}\x1f{row.summary}".encode()).hexdigest() for row in chunk]
    db.executemany(
        "INSERT INTO story (id, story_key, first_published_at) VALUES (?, ?, ?)",
        ((r.number, d[:16], r.published_at) for r, d in zip(chunk, digests, strict=True) if r.number == r.original),
    )
    db.executemany(
        "INSERT INTO article (id, key, id_kind, url, outlet_id, story_id, published_at, date_source, first_seen_at, "
        "current_version_id) VALUES (?, ?, 'url', ?, ?, ?, ?, 'feed', ?, ?)",
        (
            (
                r.number,
                address(r),
                address(r),
                outlets[r.outlet],
                r.original,
                r.published_at,
                r.published_at,
                r.number,
            )
            for r in chunk
        ),
    )
    db.executemany(
        "INSERT INTO article_version (id, article_id, title, summary, text_sha256, language, language_source, "
        "first_seen_at, fetch_id) VALUES (?, ?, ?, ?, ?, 'en', 'declared', ?, ?)",
        (
            (r.number, r.number, r.title, r.summary, d, r.published_at, fetch)
            for r, d in zip(chunk, digests, strict=True)
        ),
    )
    db.executemany(
        "INSERT INTO sighting (feed_id, article_id, guid, first_seen_at, last_seen_at) VALUES (?, ?, ?, ?, ?)",
        ((feeds[r.outlet], r.number, None, r.published_at, r.published_at) for r in chunk),
    )
    db.executemany(
        "INSERT INTO story_link (article_id, other_article_id, reason, similarity) VALUES (?, ?, 'same headline', 1)",
        ((r.number, r.original) for r in chunk if r.number != r.original),
    )
    db.executemany(
        "INSERT INTO gate (version_id, topic_id, passed, stage, reason) VALUES (?, 1, ?, 'keywords', ?)",
        ((r.number, int(r.on_topic), "trump" if r.on_topic else "") for r in chunk),
    )
    columns = (
        "version_id, model_id, codebook_version, run_id, relevant, label, leaning, uncertain, p_relevant, p_hope, "
        "p_appease, evidence, created_at"
    )
    marks = ", ".join("?" * 13)
    db.executemany(
        f"INSERT INTO label ({columns}) VALUES ({marks})",  # noqa: S608 - fixed names
        (labels.of(row) for row in chunk if row.on_topic),
    )
    db.executemany("INSERT OR IGNORE INTO changed_day VALUES (?)", {(r.published_at[:10],) for r in chunk})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("database", "rows"))
    parser.add_argument("count", type=int)
    parser.add_argument("path", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if args.path.exists():
        sys.exit(f"{args.path} exists already")
    args.path.parent.mkdir(parents=True, exist_ok=True)
    if args.what == "rows":
        write(args.count, args.path, args.seed)
    else:
        try:
            fill(args.count, args.path, args.seed, lambda text: print(text, file=sys.stderr))
        except BaseException:  # a part of a database would be taken for a whole one
            for suffix in ("", "-wal", "-shm"):
                Path(f"{args.path}{suffix}").unlink(missing_ok=True)
            raise


if __name__ == "__main__":
    main()
