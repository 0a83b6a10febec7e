"""Counts of a lake equal counts of a database; a lake that is not whole is refused; readers find its articles."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from conftest import FakeClassifier, Item, config_text, make_config, model_info, rss
from feedserver import FeedServer, Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media_coverage import aggregate, labelling, lake, parquet, pipeline, report
from media_coverage import config as configuration
from media_coverage.errors import LakeError, StoreError
from media_coverage.framing import DEFAULT_FRAMES
from media_coverage.store import open_store
from media_coverage.trend import trend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from conftest import Result

    from media_coverage.config import Config

OUTLETS = {"Morning Ledger": ["/ledger.xml"], "Al-Lantern": ["/lantern.xml"], "Évening O'Post": ["/post.xml"]}
UNTOLD = {"genre", "voice"}
"""Scopes of period_frames that come from feeds and people, of whom a lake is silent."""
WORDS = ("hope", "betrayal", "truce and reward", "maybe peace", "football", "nothing new")


def items(outlet: int, count: int) -> list[Item]:
    """Articles over four months; some shared by all outlets, some off topic, some an agency's."""
    found = []
    for n in range(count):
        shared = n % 3 == 0
        topic = "Trump and Putin" if n % 4 else "Harvest festival"
        own = "" if shared else f" for the readers of {outlet}"
        at = datetime(2026, 1, 1, 9, tzinfo=UTC) + timedelta(days=n * 2, hours=outlet, minutes=n)
        found.append(
            Item(
                f"{topic} number {n} {WORDS[n % len(WORDS)]} in the capital{own}",
                "(Reuters) - It was said on the day." if n % 5 == 0 else "It was said on the day.",
                at.strftime("%a, %d %b %Y %H:%M:%S GMT"),
                link=f"https://outlet{outlet}.example/{n}",
            )
        )
    return found


@pytest.fixture(scope="module")
def press(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a feeds.yaml and own.db: 120 articles that a run has collected, labelled and counted."""
    folder = tmp_path_factory.mktemp("press")
    server = FeedServer()
    groups = {"Morning Ledger": "us_center"}
    with contextlib.closing(server), pytest.MonkeyPatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            patch.delenv(name, raising=False)
        for number, (path,) in enumerate(OUTLETS.values()):
            server.serve(path, Response(rss(items(number, 40))))
        text = config_text(server.url(), OUTLETS, groups=groups)
        (folder / "feeds.yaml").write_text(text, encoding="utf-8")
        pipeline.run(configuration.load(folder / "feeds.yaml"), folder / "own.db", FakeClassifier())
        yield folder


@pytest.fixture
def collected(press: Path, tmp_path: Path) -> tuple[Config, Path]:
    """The configuration, and a copy of the database."""
    for path in press.iterdir():
        shutil.copy(path, tmp_path)
    return configuration.load(tmp_path / "feeds.yaml"), tmp_path / "own.db"


def table(database: Path, name: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(database)
    try:
        return sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr)  # noqa: S608
    finally:
        connection.close()


def test_counts_through_duckdb_are_those_of_the_database(collected: tuple[Config, Path], tmp_path: Path) -> None:
    config, own = collected
    labelling.export(own, tmp_path / "lake")
    _, undated = pipeline.count_lake(tmp_path / "lake", tmp_path / "lake.db", config)
    assert undated == 0
    for name in ("daily_frames", "period_frames", "event", "frame"):
        assert len(table(own, name)) >= 1
        assert table(tmp_path / "lake.db", name) == [row for row in table(own, name) if row[1] not in UNTOLD], name
    assert {row[0] for row in table(own, "period_frames")} == set(aggregate.PERIODS)
    assert sum(row[5] for row in table(own, "daily_frames")) > 30  # on topic


def test_readers_of_the_database_find_the_articles_of_the_lake(collected: tuple[Config, Path], tmp_path: Path) -> None:
    config, own = collected
    labelling.export(own, tmp_path / "lake")
    pipeline.count_lake(tmp_path / "lake", tmp_path / "lake.db", config)
    with open_store(own) as before, open_store(tmp_path / "lake.db") as store:
        ours, theirs = store.articles(), before.articles()
        assert list(ours.columns) == list(theirs.columns)
        known = [name for name in lake.kinds(store.frames) if name in theirs.columns]
        for name in known:
            mine, other = (frame[name].astype(object).where(frame[name].notna(), None) for frame in (ours, theirs))
            assert list(map(str, mine)) == list(map(str, other)), name
        assert len(store.articles("2026-02-01", "2026-02-10", on_topic=None)) == len(
            before.articles("2026-02-01", "2026-02-10", on_topic=None)
        )
        ours, theirs = store.labelled(), before.labelled()
        numbers = ["p_relevant", "p_hope", "p_appease", "uncertain"]
        for name in ["date", "outlet", "outlet_group", "country", "label", *numbers]:
            assert ours[name].tolist() == theirs[name].tolist(), name
        assert ours.groupby("story_id").size().sort_values().tolist() == (
            theirs.groupby("story_id").size().sort_values().tolist()
        )
        assert not len(store.labelled(model_id="another"))
        shares = [trend(each, estimator="wilson", measure=["share_hopeful_peace"]) for each in (store, before)]
        assert shares[0]["value"].tolist() == shares[1]["value"].tolist()
        assert shares[0]["value"].notna().any()


def test_a_report_lists_the_articles_of_the_lake(collected: tuple[Config, Path], tmp_path: Path) -> None:
    config, own = collected
    labelling.export(own, tmp_path / "lake")
    pipeline.count_lake(tmp_path / "lake", tmp_path / "lake.db", config)
    made = []
    for path in (tmp_path / "lake.db", own):
        with open_store(path) as store:
            made.append(report.Material.from_store(store, datetime(2026, 4, 1, tzinfo=UTC), "2026-01-05", "2026-03-10"))
    ours, theirs = made
    assert ours.of_lake
    assert not theirs.of_lake
    assert len(theirs.articles) > 30
    assert len(ours.clearest) == len(theirs.clearest) >= 2
    assert ours.copied["story_id"].nunique() == theirs.copied["story_id"].nunique() > 3
    shown = [name for name in lake.kinds(config.frames) if name not in {"article_id", "story_id", "listed"}]
    listed = (each.articles[shown].astype(object) for each in made)
    mine, other = (frame.where(frame.notna(), None).map(str).to_numpy().tolist() for frame in listed)
    assert mine == other
    clearest = [each.articles.set_index("article_id").loc[list(each.clearest), "url"].tolist() for each in made]
    assert clearest[0] == clearest[1]
    columns = ["date", "outlet", "title", "url", "label"]
    assert ours.copied[columns].to_numpy().tolist() == theirs.copied[columns].to_numpy().tolist()
    page, other_page = report.html(ours), report.html(theirs)
    assert "which keeps one wording of each and tells of no edit" in page
    assert "tells of no edit" not in other_page
    for text in ("clearest", "copied"):
        assert text in page.lower()
    assert not re.search(r"\bnan\b|\bNaT\b|>None<", page)
    for title in theirs.articles["title"]:
        assert title in page
    assert report.FORMATS["md"](ours, None).count("outlets, 2026-") == report.FORMATS["md"](theirs, None).count(
        "outlets, 2026-"
    )


def test_the_articles_behind_a_point_are_a_query_of_the_lake(collected: tuple[Config, Path], tmp_path: Path) -> None:
    config, own = collected
    folder = tmp_path / "a lake's [first] home"
    whole = labelling.export(own, folder)
    pipeline.count_lake(folder, tmp_path / "lake.db", config)
    with open_store(tmp_path / "lake.db") as store:
        for scope in aggregate.SCOPES:
            for _, row in store.period_frames("month", scope).iterrows():
                found = whole.select(row["articles_sql"])
                assert len(found) == row["articles"], row["articles_sql"]
                assert found["on_topic"].all()


def test_a_database_shows_its_own_articles_or_a_lake(
    collected: tuple[Config, Path], tmp_path: Path, command: Callable[..., Result]
) -> None:
    config, own = collected
    labelling.export(own, tmp_path / "lake")
    with pytest.raises(StoreError, match="holds articles of its own"):
        pipeline.count_lake(tmp_path / "lake", own, config)
    arguments = ("--config", tmp_path / "feeds.yaml", "--db", tmp_path / "lake.db")
    for _ in range(2):  # again makes the same
        done = command("aggregate", "--from", tmp_path / "lake", *arguments)
        assert done.code == 0
        assert done.out.startswith("120 articles counted into")
    assert table(tmp_path / "lake.db", "daily_frames") == table(own, "daily_frames")
    with pytest.raises(StoreError, match="shows the counts of the lake"):
        pipeline.run(config, tmp_path / "lake.db", FakeClassifier())
    with pytest.raises(StoreError, match="label the lake with --from and --to"):
        pipeline.relabel(tmp_path / "lake.db", FakeClassifier("2"), activate=True)
    assert command("report", *arguments, "--out", tmp_path / "report.html").code == 0
    assert "on-topic articles" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "a lake" in command("status", *arguments).out


def test_a_lake_of_another_topic_or_with_other_frames_is_refused(
    collected: tuple[Config, Path], tmp_path: Path
) -> None:
    _, own = collected
    labelling.export(own, tmp_path / "lake")
    other = make_config("http://127.0.0.1:9/", query="grain")
    with pytest.raises(LakeError, match="another topic"):
        pipeline.count_lake(tmp_path / "lake", tmp_path / "new.db", other)
    assert not (tmp_path / "new.db").exists()


def test_only_whole_lakes_are_opened(collected: tuple[Config, Path], tmp_path: Path) -> None:
    _, own = collected
    whole = labelling.export(own, tmp_path / "lake")
    with pytest.raises(LakeError, match="is not empty"):
        labelling.export(own, tmp_path / "lake")
    copies = {name: tmp_path / name for name in ("unmarked", "short", "fewer", "garbled")}
    for copy in copies.values():
        shutil.copytree(tmp_path / "lake", copy)
    (copies["unmarked"] / lake.MARKER).unlink()
    (copies["fewer"] / whole.files[0]).unlink()
    with (copies["short"] / whole.files[0]).open("ab") as file:
        file.write(b"x")
    (copies["garbled"] / lake.MARKER).write_text('{"model": 1}', encoding="utf-8")
    for name, words in {
        "unmarked": "not wholly labelled",
        "fewer": "missing or changed",
        "short": "missing or changed",
        "garbled": "cannot be read",
        "nowhere": "is no folder",
    }.items():
        with pytest.raises(LakeError, match=words):
            lake.opened(copies.get(name, tmp_path / name))
    content = bytearray((tmp_path / "lake" / whole.files[0]).read_bytes())
    content[len(content) // 3 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 3)
    (tmp_path / "lake" / whole.files[0]).write_bytes(content)
    with pytest.raises(LakeError, match="cannot be counted"):
        lake.opened(tmp_path / "lake").daily_frames()


def test_the_marker_names_every_file_with_its_hash(collected: tuple[Config, Path], tmp_path: Path) -> None:
    whole = labelling.export(collected[1], tmp_path / "lake")
    content = json.loads((tmp_path / "lake" / lake.MARKER).read_text(encoding="utf-8"))
    assert sorted(content["files"]) == sorted(whole.files) == labelling.parquet_files(tmp_path / "lake")
    for name, said in content["files"].items():
        assert said["sha256"] == labelling.sha256(tmp_path / "lake" / name)
        assert said["rows"] == parquet.footer(tmp_path / "lake" / name).rows
    assert whole.rows == sum(said["rows"] for said in content["files"].values()) == 120


# ------------------------------------------------------------------ any lake

DAYS = st.dates(datetime(2025, 12, 20).date(), datetime(2026, 3, 10).date())  # noqa: DTZ001 - days
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "day": DAYS,
            "seconds": st.integers(0, 3),
            "outlet": st.sampled_from(["A", "B ' \"", "Ç"]),
            "story_id": st.integers(1, 4),
            "on_topic": st.booleans(),
            "label": st.sampled_from(DEFAULT_FRAMES.labels),
            "uncertain": st.booleans(),
            "feeds": st.integers(0, 3),
            "listed": st.booleans(),
            "wire_copy": st.booleans(),
        }
    ),
    max_size=14,
)
COUNTRY, GROUP = {"A": "GB", "B ' \"": None, "Ç": "US"}, {"A": "uk", "B ' \"": "other", "Ç": "uk"}


def columns_of(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """The rows as columns of a lake."""
    columns: dict[str, list[Any]] = {name: [] for name in lake.kinds(DEFAULT_FRAMES)}
    for number, row in enumerate(rows, 1):
        at = datetime(row["day"].year, row["day"].month, row["day"].day, tzinfo=UTC)
        values: dict[str, Any] = {
            "article_id": str(number),
            "story_id": str(row["story_id"]),
            "published_at": at + timedelta(seconds=row["seconds"]),
            "date": row["day"],
            "country": COUNTRY[row["outlet"]],
            "outlet_group": GROUP[row["outlet"]],
            "passed_gate": row["on_topic"],
            "label": row["label"] if row["on_topic"] else None,
            **{name: row[name] for name in ("outlet", "on_topic", "uncertain", "feeds", "listed", "wire_copy")},
        }
        for name, held in columns.items():
            held.append(values.get(name))
    return columns


def articles_of(columns: Mapping[str, list[Any]]) -> pd.DataFrame:
    """The same as aggregate takes it, first ones of stories found row by row."""
    frame = pd.DataFrame(columns)
    frame["date"] = [day.isoformat() for day in columns["date"]]
    order = [(at, int(own)) for at, own in zip(columns["published_at"], columns["article_id"], strict=True)]

    def opens(own: bool) -> list[bool]:
        counts = [o and not (own and w) for o, w in zip(columns["on_topic"], columns["wire_copy"], strict=True)]
        first: dict[str, tuple[datetime, int]] = {}
        for story, place, count in zip(columns["story_id"], order, counts, strict=True):
            if count:
                first[story] = min(first.get(story, place), place)
        return [c and first[s] == p for s, p, c in zip(columns["story_id"], order, counts, strict=True)]

    return frame.assign(opens_story=opens(False), opens_own=opens(True), genre=None, voice=None)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(ROWS)
def test_any_lake_is_counted_as_aggregate_counts(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    columns = columns_of(rows)
    info = model_info()
    file = lake.File(len(rows), 0, 0, "", "", 0, info.model_id, "", "", "trump", "en")
    files = {"all.parquet": labelling.write(tmp_path / "all.parquet", columns, lake.kinds(info.frames), file)}
    lake.mark(tmp_path, files, info)
    whole, articles = lake.opened(tmp_path), articles_of(columns)
    days = sorted(set(articles["date"]))
    for found, expected in (
        (whole.daily_frames(), aggregate.daily_frames(articles, DEFAULT_FRAMES)),
        (whole.period_frames(), aggregate.period_frames(articles, days, DEFAULT_FRAMES)),
    ):
        assert set(found.columns) == set(expected.columns)
        told = expected[~expected["scope"].isin(UNTOLD)] if "scope" in expected else expected
        rows_of = (frame[list(told.columns)].astype(object) for frame in (found, told))
        ours, theirs = (sorted(f.where(f.notna(), None).to_numpy().tolist(), key=repr) for f in rows_of)
        assert ours == theirs
