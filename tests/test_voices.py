"""Who speaks the frames: from coded texts with known inclusion probabilities, and one sentence where nobody coded."""

from __future__ import annotations

import math
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_coverage import pipeline
from media_coverage.errors import TrendError
from media_coverage.estimate import UNCORRECTED, wilson
from media_coverage.material import Material
from media_coverage.page import html
from media_coverage.records import Code
from media_coverage.sample import Design
from media_coverage.shares import by_voice
from media_coverage.store import open_store
from media_coverage.trend import COLUMNS
from media_coverage.voices import BY_MODEL, UNDRAWN, voices, weighted_share

sys.path.append(str(Path(__file__).parents[1] / "tools"))

from typing import TYPE_CHECKING

import study
from conftest import FakeClassifier, Item, make_config, rss
from feedserver import FeedServer, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Result

FIRST, SECOND = study.FIRST, study.SECOND
SHARE = [f"share_{FIRST}"]


def test_with_equal_weights_the_share_is_wilsons() -> None:
    positive, base = np.arange(40) < 10, np.ones(40, dtype=bool)
    p, low, high, effective = weighted_share(positive, base, np.full(40, 3.0))
    assert (p, effective) == pytest.approx((0.25, 40))
    assert (low, high) == pytest.approx(wilson(0.25, 40))


def test_weights_are_hajeks_and_cost_what_they_vary() -> None:
    """Twenty texts drawn with probability ½ and twenty with 1: weights 2 and 1."""
    weight = np.repeat([2.0, 1.0], 20)
    positive = np.tile(np.arange(20) < 5, 2)
    p, _, _, effective = weighted_share(positive, np.ones(40, dtype=bool), weight)
    assert p == pytest.approx(0.25)
    assert effective == pytest.approx(weight.sum() ** 2 / (weight**2).sum())
    none = weighted_share(np.zeros(40, dtype=bool), np.ones(40, dtype=bool), weight)
    assert none[:2] == (0, 0)
    assert none[3] == pytest.approx(weight.sum() ** 2 / (weight**2).sum())


@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(1, 50)), min_size=15, max_size=80).filter(
        lambda rows: any(base for _, base, _ in rows)
    )
)
def test_no_weights_make_a_share_that_is_none(rows: list[tuple[bool, bool, float]]) -> None:
    positive, base, weight = (np.array(column) for column in zip(*rows, strict=True))
    p, low, high, effective = weighted_share(positive & base, base, weight)
    assert 0 <= low <= p <= high <= 1
    assert 0 < effective <= base.sum() + 1e-9


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[study.Article]]:
    folder = tmp_path_factory.mktemp("voices")
    database, articles = study.make_study(folder)
    pipeline.draw_sample(database, "audit", Design(400, 7))
    study.code(database, articles, "audit", error=0.0)
    return database, articles


def test_own_and_quoted_hold_their_true_shares_and_add_up(played: tuple[Path, list[study.Article]]) -> None:
    """Of the first frame six in ten are in the outlet's own voice, before the event and after it."""
    with open_store(played[0]) as store:
        frame = voices(store, sample="audit", measure=SHARE, period="month")
    assert list(frame.columns) == list(COLUMNS)
    before, after = study.true_shares()
    held = 0
    for row in frame.to_dict("records"):
        if row["first_day"] == "2026-03-01":
            continue  # the event falls into it
        part = study.OWN_VOICE if row["name"] == "own" else 1 - study.OWN_VOICE
        truth = part * (before if row["first_day"] < "2026-03" else after)
        held += row["low"] <= truth <= row["high"]
    assert held >= 7
    whole = frame.groupby("first_day")["value"].sum()
    assert (whole[["2026-01-01", "2026-02-01"]] < 0.35).all()
    assert (whole[["2026-04-01", "2026-05-01"]] > 0.35).all()
    assert set(frame["method"]) == {"weighted share of coded texts"}
    assert set(frame["counting"]) == {"every story once"}
    assert (frame["n"] == frame["audited_n"]).all()


def test_the_command_prints_both_series_and_no_number_that_is_none(
    played: tuple[Path, list[study.Article]], command: Callable[..., Result]
) -> None:
    options = ("--config", played[0].parent / "feeds.yaml", "--by", "voice")
    shown = command("trend", *options, "--sample", "audit")
    assert shown.code == 0
    assert "own" in shown.out
    assert "quoted" in shown.out
    assert "framing tendency" in shown.out
    assert "nan" not in shown.out.lower()
    assert command("trend", *options, "--estimator", "wilson").code == 2
    assert "has no voice" in command("trend", *options, "--measure", "share_neither").err
    assert "no sample" in command("trend", *options, "--sample", "autumn").err


def test_stored_counts_by_voice_list_their_articles(played: tuple[Path, list[study.Article]]) -> None:
    with open_store(played[0]) as store:
        rows = store.period_frames("month", "voice")
        assert {"own", "quoted", "unknown"} == set(rows["name"])
        for row in rows.to_dict("records"):
            assert len(store.query(row["articles_sql"])) == row["articles"]
            assert row["days"] > 0


def small(tmp_path: Path, labels: list[str]) -> Path:
    day = date(2026, 2, 2)
    articles = []
    for number, label in enumerate(labels):
        words = study.words(np.random.default_rng([3, number]))
        articles.append(study.Article(day, "Canyon Star", label, label, f"Trump Putin {words}"))
    return study.build(tmp_path, articles, events={}, days=[day + timedelta(days=n) for n in range(7)])


def code_all(database: Path, voices_of: Callable[[int], str | None], coders: tuple[str, ...] = ("ada",)) -> None:
    with open_store(database, read_only=False) as store:
        versions = store.query("SELECT version_id, label FROM v_articles ORDER BY version_id").to_numpy().tolist()
        given = []
        for place, (version, label) in enumerate(versions):
            for number, coder in enumerate(coders):
                framed = (label == FIRST, label == SECOND)
                voice = voices_of(place + number) if any(framed) else None
                given.append(Code(int(version), coder, "1", True, framed, voice=voice))
        store.add_codes(given, datetime(2026, 3, 1, tzinfo=UTC))


def test_nothing_coded_is_one_sentence(tmp_path: Path, command: Callable[..., Result]) -> None:
    database = small(tmp_path, [FIRST] * 20)
    found = command("trend", "--db", database, "--by", "voice")
    assert found.code == 2
    assert "the model tells no voices" in found.err
    assert "`media-coverage code` first" in found.err
    assert found.err.count("\n") == 1


def test_codes_without_a_voice_are_one_sentence(tmp_path: Path) -> None:
    database = small(tmp_path, [FIRST] * 20)
    code_all(database, lambda _: None)
    with open_store(database) as store, pytest.raises(TrendError, match="no code says whose voice"):
        voices(store)


def test_texts_that_no_sample_drew_speak_for_themselves_only(tmp_path: Path) -> None:
    database = small(tmp_path, [FIRST] * 20 + ["neither"] * 20)
    code_all(database, lambda place: ("outlet", "both", "quoted", "quoted")[place % 4])
    with open_store(database) as store:
        frame = voices(store, measure=SHARE)
    assert frame[["name", "value", "n"]].to_numpy().tolist() == [["own", 0.25, 40], ["quoted", 0.25, 40]]
    assert set(frame["correction"]) == {UNDRAWN}
    assert frame["warnings"].str.contains("No sample drew these texts").all()


def test_a_voice_that_coders_are_split_about_is_left_out_and_said(tmp_path: Path) -> None:
    database = small(tmp_path, [FIRST] * 40)
    code_all(database, lambda place: ("outlet", "quoted")[place % 2], ("ada", "bob"))
    with open_store(database, read_only=False) as store:
        with pytest.raises(TrendError, match="no code says"):
            voices(store)
        version = int(store.query("SELECT min(version_id) AS v FROM v_articles")["v"].iloc[0])
        more = Code(version, "zoe", "1", True, (True, False), voice="quoted", kind="adjudicated")
        store.add_codes([more], datetime(2026, 3, 2, tzinfo=UTC))
        frame = voices(store, measure=SHARE)
    assert frame["warnings"].str.contains("39 framed texts have no settled voice").all()
    assert frame["reason"].tolist() == ["1 item makes no percentage; 15 are needed"] * 2
    assert all(math.isnan(value) for value in frame["value"])


def test_without_a_sample_the_models_voices_are_counted(
    feed_server: FeedServer, tmp_path: Path, command: Callable[..., Result]
) -> None:
    """Forty texts, ten with the first frame in the outlet's own voice, twenty with one that is quoted."""
    titles = [f"Trump and Putin bring peace, {study.words(np.random.default_rng([5, n]))}" for n in range(10)]
    titles += [
        f"Kremlin says Trump and Putin bring peace, {study.words(np.random.default_rng([6, n]))}" for n in range(20)
    ]
    titles += [f"Trump and Putin meet, {study.words(np.random.default_rng([7, n]))}" for n in range(10)]
    items = [Item(title, link=f"https://ledger.example/{n}") for n, title in enumerate(titles)]
    feed_server.serve("/ledger.xml", Response(rss(items)))
    outlets = {"Morning Ledger": ["/ledger.xml"]}
    database = tmp_path / "voices.db"
    pipeline.run(make_config(feed_server.url(), outlets), database, FakeClassifier())
    with open_store(database) as store:
        frame = voices(store, measure=["share_hopeful_peace"])
        heard = store.query("SELECT voice, voice_source, count(*) AS n FROM v_articles GROUP BY 1, 2 ORDER BY 3")
        counts = store.period_frames("week", "voice").set_index("name")
        assert store.query(str(counts.loc["quoted", "articles_sql"]))["title"].str.contains("says").sum() == 20
        asked = int(store.query("SELECT version_id FROM v_articles WHERE voice = 'quoted'")["version_id"].iloc[0])
        days = (store.period_frames("day", scope) for scope in ("all", "voice"))
        from_counts = by_voice(*days, store.outlet_collection(), store.frames)
        page = html(Material.from_store(store, datetime(2026, 3, 1, tzinfo=UTC), "", "9999"))
    assert frame[["name", "value", "n", "audited_n"]].to_numpy().tolist() == [
        ["own", 0.25, 40, 0],
        ["quoted", 0.5, 40, 0],
    ]
    first = from_counts[from_counts["measure"] == "share_hopeful_peace"].set_index("name")
    for row in frame.to_dict("records"):
        assert first.loc[row["name"], ["value", "low", "high", "n"]].tolist() == pytest.approx(
            [row[name] for name in ("value", "low", "high", "n")]
        )
    assert "Outlets report others saying: shares of all on-topic articles" in page
    assert "50 % [35–65]" in page
    assert set(frame["method"]) == {BY_MODEL}
    assert set(frame["correction"]) == {UNCORRECTED}
    assert frame["warnings"].str.contains("labels and voices are the model's", case=False).all()
    assert heard.astype(object).where(heard.notna(), None).to_numpy().tolist() == [
        [None, None, 10],
        ["outlet", "model", 10],
        ["quoted", "model", 20],
    ]
    assert counts["articles"].to_dict() == {"own": 10, "quoted": 20, "unknown": 10}
    with open_store(database, read_only=False) as store:
        store.add_codes([Code(asked, "ada", "1", True, (True, False), voice="both")], datetime(2026, 3, 1, tzinfo=UTC))
        told = store.query("SELECT voice, voice_source, by_model FROM v_voices WHERE by_people IS NOT NULL")
    assert told.to_numpy().tolist() == [["both", "people", "quoted"]]
    assert command("trend", "--db", database, "--by", "voice").code == 0
