"""trend.py and its commands on databases whose truth is known, and on small ones of any shape."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from conftest import Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media_coverage import aggregate, pipeline
from media_coverage.attention import attention
from media_coverage.classify import EMBEDDED, error_rates
from media_coverage.cli import main
from media_coverage.errors import TrendError
from media_coverage.estimate import UNCORRECTED, Estimand
from media_coverage.sample import OFF_TOPIC, Design
from media_coverage.store import open_store
from media_coverage.trend import COLUMNS, SHARED, ErrorRates, effects, trend

sys.path.append(str(Path(__file__).parents[1] / "tools"))

import study

Command = Callable[..., Result]
FIRST, SECOND = study.FIRST, study.SECOND
SHARE = [f"share_{FIRST}"]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[study.Article]]:
    """The database of the study with its coded audit, and what its articles really carry."""
    folder = tmp_path_factory.mktemp("study")
    database, articles = study.make_study(folder)
    pipeline.draw_sample(database, "audit", Design(400, 7))
    study.code(database, articles, "audit")
    return database, articles


def article(day: date, outlet: str, label: str, number: int) -> study.Article:
    words = study.words(np.random.default_rng([7, number]))
    return study.Article(day, outlet, label, label, f"Trump Putin {words}")


# ---------------------------------------------------------------------- stored aggregates


def test_every_aggregate_row_lists_its_articles(played: tuple[Path, list[study.Article]]) -> None:
    with open_store(played[0]) as store:
        everything = store.articles(on_topic=None)
        for period in aggregate.PERIODS:
            for scope in aggregate.SCOPES:
                rows = store.period_frames(period, scope)
                assert rows["articles"].sum() == everything["on_topic"].sum()
                assert rows["all_articles"].sum() == len(everything)
                for row in rows.iloc[:: max(1, len(rows) // 5)].to_dict("records"):
                    listed = store.query(row["articles_sql"])
                    assert len(listed) == row["articles"]
                    assert listed["story_id"].nunique() == row["stories"]
                    assert (listed["label"] == FIRST).sum() == row[FIRST]
                    assert (listed["uncertain"] == 1).sum() == row["uncertain"]
                    assert listed["date"].between(row["first_day"], row["last_day"]).all()


def test_weeks_and_months_know_how_far_they_were_collected(played: tuple[Path, list[study.Article]]) -> None:
    with open_store(played[0]) as store:
        weeks = store.period_collection("week").set_index("first_day")
        months = store.period_collection("month", "outlet").set_index(["first_day", "name"])
        assert tuple(weeks.loc["2026-04-20", ["days", "days_missing"]]) == (7, 7)
        assert tuple(weeks.loc["2026-04-13", ["days", "days_missing", "feed_days_failed"]]) == (7, 0, 0)
        assert months.loc[("2026-04-01", "Canyon Star"), "days_missing"] == 7
        assert months.loc[("2026-04-01", "Canyon Star"), "feed_days_asked"] == 23


def test_an_upgraded_database_gets_its_aggregates_with_the_next_run(tmp_path: Path) -> None:
    day = date(2026, 2, 2)
    database = study.build(tmp_path, [article(day, "Canyon Star", FIRST, 1)], events={}, days=[day])
    with open_store(database, read_only=False) as store:
        whole = store.period_frames("month", "country")
        store.replace_periods([day.isoformat()], whole[:0])
        assert store.period_frames("month", "country").empty
        days = store.all_days()
        around = store.articles_of(aggregate.days_around(days))
        store.replace_periods(days, aggregate.period_frames(around, days, store.frames))
        pd.testing.assert_frame_equal(store.period_frames("month", "country"), whole)


# ---------------------------------------------------------------------- the study: truth is known


def test_the_corrected_trend_holds_the_truth_and_the_labels_do_not(played: tuple[Path, list[study.Article]]) -> None:
    """Share of labels after the event: 36 % where 53 % is true. By month the labels' intervals miss it."""
    with open_store(played[0]) as store:
        one_line: dict[str, Any] = {"measure": SHARE, "composition": "items", "counting": "articles"}
        weekly = trend(store, sample="audit", **one_line)
        hits, total = study.held(weekly)
        assert total == study.WEEKS - 1
        assert hits >= 17
        monthly = trend(store, period="month", estimator="wilson", **one_line)
        later = monthly[monthly["first_day"] >= "2026-04-01"]
        _, after = study.true_shares()
        assert (later["high"] < after).all()
        assert set(monthly["correction"]) == {UNCORRECTED}
        solved = trend(store, sample="audit", estimator="rogan-gladen", **one_line)
        assert study.held(solved)[0] >= 17


def test_the_effect_of_the_study_holds_the_true_change(played: tuple[Path, list[study.Article]]) -> None:
    before, after = study.true_shares()
    truth = 100 * (after - before)
    with open_store(played[0]) as store:
        (raw,) = effects(store, measure=SHARE)
        (found,) = effects(store, measure=SHARE, sample="audit")
    assert found.effect.change is not None
    assert found.effect.change.low <= truth <= found.effect.change.high
    assert found.effect.change.distinguishable
    assert found.placebo.rank == 1
    assert SHARED in found.effect.sentence()
    assert SHARED not in raw.effect.sentence()
    assert raw.effect.change is not None
    assert raw.effect.change.high < truth


def test_the_study_says_that_the_truth_is_held(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert study.study(tmp_path)
    printed = capsys.readouterr().out
    assert "simulated" in printed
    assert "not collected" in printed


def test_a_gap_has_a_row_and_no_value(played: tuple[Path, list[study.Article]]) -> None:
    with open_store(played[0]) as store:
        frame = trend(store, smooth=True)
    assert list(frame.columns) == list(COLUMNS)
    gap = frame[frame["first_day"] == "2026-04-20"]
    assert len(gap) == 5 * 3 * 2
    assert set(gap["reason"]) == {"not collected"}
    assert set(gap["collection"]) == {"none"}
    assert gap[["value", "low", "high"]].isna().all(axis=None)
    rest = frame[frame["first_day"] != "2026-04-20"]
    assert rest[["value", "smooth"]].notna().all(axis=None)
    assert set(rest["composition"]) == {"item-weighted", "outlet-equal", "fixed panel"}
    assert set(rest["counting"]) == {"every article", "every story once"}


def test_what_later_answers_list_of_a_gap_counts_nowhere(tmp_path: Path) -> None:
    """The machine was off for a week; the first answer after it still lists ten articles of that week."""
    monday = date(2026, 2, 2)
    weeks = [monday + timedelta(days=7 * week) for week in range(3)]
    articles = [article(week, "Canyon Star", FIRST, 100 * i + n) for i, week in enumerate(weeks) for n in range(20)]
    days = [monday + timedelta(days=n) for n in range(21) if not 7 <= n < 14]
    database = study.build(tmp_path, articles, events={}, days=days)
    with open_store(database) as store:
        frame = trend(store, measure=SHARE, composition="items", counting="articles", estimator="wilson")
        assert store.period_frames()["articles"].tolist() == [20, 20, 20]
    assert frame["n"].tolist() == [20, 0, 20]
    assert frame["first_day"].tolist() == [week.isoformat() for week in weeks]
    assert frame["periods"].tolist() == [1, 1, 1]


def test_nothing_is_pooled_or_smoothed_across_an_event(tmp_path: Path) -> None:
    monday = date(2026, 2, 2)
    labels = [SECOND] * 24 + [FIRST] * 24
    articles = [
        article(monday + timedelta(days=7 * (n // 8)), "Canyon Star", label, n) for n, label in enumerate(labels)
    ]
    event = {monday + timedelta(days=23): "Talks"}
    days = [monday + timedelta(days=n) for n in range(42)]
    database = study.build(tmp_path, articles, events=event, days=days)
    with open_store(database) as store:
        frame = trend(store, measure=SHARE, composition="items", counting="articles", estimator="wilson", smooth=True)
    assert frame["periods"].tolist() == [3, 3]
    assert frame["value"].tolist() == [0.0, 1.0]
    assert frame["smooth"].iloc[0] < 0.1
    assert frame["smooth"].iloc[1] > 0.9


def test_a_row_names_the_periods_that_its_articles_are_of(tmp_path: Path) -> None:
    """Twenty articles in two weeks of eight: the empty weeks after them belong to no row."""
    monday = date(2026, 2, 2)
    articles = [article(monday + timedelta(days=7 + 7 * (n % 2)), "Canyon Star", FIRST, n) for n in range(20)]
    days = [monday + timedelta(days=n) for n in range(56)]
    database = study.build(tmp_path, articles, events={}, days=days)
    with open_store(database) as store:
        frame = trend(store, measure=SHARE, composition="items", counting="articles", estimator="wilson")
    assert frame[["first_day", "last_day", "periods", "n"]].to_numpy().tolist() == [["2026-02-09", "2026-02-22", 2, 20]]


def test_a_mix_of_outlets_that_changes_moves_the_items_and_not_the_panel(tmp_path: Path) -> None:
    """One outlet with the first frame only triples its output; nobody changes what they say."""
    monday = date(2026, 2, 2)
    articles = []
    for week in range(2):
        for outlet, label, count in (("Canyon Star", FIRST, 10 + 20 * week), ("Old Town Post", SECOND, 30)):
            for number in range(count):
                place = 1000 * week + 100 * (label == FIRST) + number
                articles.append(article(monday + timedelta(days=7 * week), outlet, label, place))
    database = study.build(tmp_path, articles, events={}, days=[monday + timedelta(days=n) for n in range(14)])
    with open_store(database) as store:
        frame = trend(store, measure=SHARE, counting="articles", estimator="wilson")
    values = frame.pivot_table(index="first_day", columns="composition", values="value").round(3)
    assert values["item-weighted"].tolist() == [0.25, 0.5]
    assert values["outlet-equal"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize("by", ["group", "outlet", "country"])
def test_lines_by_name_add_up(by: str, played: tuple[Path, list[study.Article]]) -> None:
    with open_store(played[0]) as store:
        names = trend(store, by=by, measure=SHARE, composition="items", counting="articles", period="month")
        whole = trend(store, measure=SHARE, composition="items", counting="articles", period="month")
    assert names["articles"].sum() == whole["articles"].sum()


def test_the_share_in_the_collected_set_is_surer_than_the_tendency(played: tuple[Path, list[study.Article]]) -> None:
    asked: dict[str, Any] = {"measure": SHARE, "composition": "items", "counting": "articles", "sample": "audit"}
    with open_store(played[0]) as store:
        tendency, collected = (trend(store, estimand=estimand, **asked) for estimand in reversed(Estimand))
    assert set(collected["estimand"]) == {str(Estimand.COLLECTED)}
    assert (collected["high"] - collected["low"]).mean() < (tendency["high"] - tendency["low"]).mean()


def test_the_band_of_the_model_card_is_what_its_error_rates_allow() -> None:
    perfect = ErrorRates((1.0, 1.0), (1.0, 1.0))
    assert perfect.band(0.3) == pytest.approx((0.3, 0.3))
    # A true share of .4 shows as .4 · .8 + .6 · .1 = .38 under a sensitivity of .8 and a specificity of .9.
    assert ErrorRates((0.8, 0.8), (0.9, 0.9)).band(0.38) == pytest.approx((0.4, 0.4))
    low, high = ErrorRates((0.7, 0.9), (0.85, 0.95)).band(0.38)
    assert low < 0.4 < high
    assert ErrorRates((0.4, 0.9), (0.5, 0.9)).band(0.38) == (0.0, 1.0)


def test_the_rates_of_the_card_are_those_of_the_embedded_model() -> None:
    """Specificity is 1 − wrongly taken in ÷ without the frame: recall · with the frame · (1 ÷ precision − 1)."""
    name, rates = error_rates("embedded")
    manifest = json.loads((EMBEDDED / "model.json").read_text(encoding="utf-8"))
    assert name == f"{manifest['name']}@{manifest['version']}"
    training = manifest["training"]
    scores = training["cross_validation"]
    for frame in manifest["frames"]:
        sensitivity, specificity = rates[frame["name"]]
        recall, precision = (scores["outputs"][frame["output"]][what] for what in ("recall", "precision"))
        assert sensitivity == (recall["low"], recall["high"])
        wrong = recall["value"] * training[frame["output"]] * (1 / precision["value"] - 1)
        assert specificity[0] < 1 - wrong / (scores["relevant_items"] - training[frame["output"]]) < specificity[1]
    assert error_rates("zero-shot") == ("", {})
    assert error_rates("embedded:/nowhere") == ("", {})


def test_the_band_stands_beside_uncorrected_shares_only(played: tuple[Path, list[study.Article]]) -> None:
    rates = {FIRST: ErrorRates((0.6, 0.7), (0.9, 0.99))}
    with open_store(played[0]) as store:
        labels = trend(store, rates=rates, composition="items", counting="articles")
        fixed = trend(store, rates=rates, composition="items", counting="articles", sample="audit")
    banded = labels[labels["sensitivity_low"].notna()]
    assert set(banded["measure"]) == set(SHARE)
    assert (banded["sensitivity_low"] <= banded["sensitivity_high"]).all()
    assert fixed["sensitivity_low"].isna().all()


# ---------------------------------------------------------------------- what there is too little of


def test_sentences_for_what_cannot_be_had(tmp_path: Path, command: Command) -> None:
    day = date(2026, 2, 2)
    articles = [article(day, "Canyon Star", FIRST if n else OFF_TOPIC, n) for n in range(1)]
    database = study.build(tmp_path, articles, events={date(2031, 1, 1): "Much later"}, days=[day])
    options = ("--config", tmp_path / "feeds.yaml")
    nothing = command("trend", *options)
    assert nothing.code == 2
    assert "holds no on-topic article" in nothing.err
    assert nothing.err.count("\n") == 1
    assert command("trend", *options, "--estimator", "rectified").err.count("--sample") == 1
    assert command("trend", *options, "--measure", "share_of_heart").code == 2
    assert command("attention", *options).code == 0
    with open_store(database) as store, pytest.raises(TrendError, match="in these days"):
        attention(store, since="2030-01-01")


def test_a_sample_that_nobody_has_coded_and_one_with_one_coder(tmp_path: Path, command: Command) -> None:
    monday = date(2026, 2, 2)
    labels = (FIRST, SECOND, study.NEITHER, OFF_TOPIC)
    articles = [article(monday + timedelta(days=n % 14), "Canyon Star", labels[n % 4], n) for n in range(160)]
    days = [monday + timedelta(days=n) for n in range(14)]
    database = study.build(tmp_path, articles, events={date(2031, 1, 1): "Much later"}, days=days)
    pipeline.draw_sample(database, "audit", Design(120, 7))
    options = ("--config", tmp_path / "feeds.yaml", "--sample", "audit")
    uncoded = command("trend", *options)
    assert uncoded.code == 2
    assert "no settled code yet" in uncoded.err
    with open_store(database, read_only=False) as store:
        truth = {article.title: article.truth for article in articles}
        items = store.sample_items("audit")[["version_id", "title"]].to_numpy()
        codes = [study._code(int(version), "ada", truth[title], "audit") for version, title in items]
        store.add_codes(codes, study.datetime(2026, 6, 1, tzinfo=study.UTC))
    coded = command("trend", *options, "--measure", f"share_{FIRST}")
    assert coded.code == 0
    assert "coded by one person only" in coded.out
    outside = command("events", "--config", tmp_path / "feeds.yaml")
    assert outside.code == 0
    assert "The event is outside the data" in outside.out


def test_without_events_the_command_says_where_to_list_them(tmp_path: Path, command: Command) -> None:
    day = date(2026, 2, 2)
    study.build(tmp_path, [article(day, "Canyon Star", FIRST, 1)], events={}, days=[day])
    found = command("events", "--config", tmp_path / "feeds.yaml")
    assert found.code == 2
    assert "topic.events" in found.err


def test_weeks_that_nothing_is_known_of_belong_to_no_row(tmp_path: Path) -> None:
    """Two outlets in turn, three weeks long; the first run was forty weeks later. The panel is empty, and no longer."""
    monday = date(2026, 2, 2)
    articles = [
        article(monday + timedelta(days=7 * (n // 20)), ("Canyon Star", "Old Town Post")[n // 20 % 2], FIRST, n)
        for n in range(60)
    ]
    run = monday + timedelta(days=7 * 43)
    database = study.build(tmp_path, articles, events={}, days=[run])
    with open_store(database) as store:
        frame = trend(store, measure=SHARE, counting="articles", estimator="wilson")
    items, empty = (frame[frame["composition"] == name] for name in ("item-weighted", "fixed panel"))
    assert items[["first_day", "periods", "n"]].to_numpy().tolist() == [
        ["2026-02-02", 1, 20],
        ["2026-02-09", 1, 20],
        ["2026-02-16", 1, 20],
    ]
    assert empty[["periods", "reason"]].to_numpy().tolist() == [[3, "no outlet has an item in every period"]]
    assert frame["last_day"].max() == "2026-02-22"
    assert set(frame["collection"]) == {"before the first run"}


def test_codes_that_are_all_alike_make_sentences_and_no_numbers_that_are_none(tmp_path: Path, command: Command) -> None:
    monday = date(2026, 2, 2)
    labels = (FIRST, SECOND, study.NEITHER, OFF_TOPIC)
    articles = [article(monday + timedelta(days=n % 98), "Canyon Star", labels[n % 4], n) for n in range(300)]
    days = [monday + timedelta(days=n) for n in range(98)]
    database = study.build(tmp_path, articles, events={monday + timedelta(days=49): "Talks"}, days=days)
    pipeline.draw_sample(database, "audit", Design(120, 7))
    with open_store(database, read_only=False) as store:
        versions = store.sample_items("audit")["version_id"].tolist()
        for coder in ("ada", "bob"):
            codes = [study._code(int(version), coder, FIRST, "audit") for version in versions]
            store.add_codes(codes, study.datetime(2026, 6, 1, tzinfo=study.UTC))
    options = ("--config", tmp_path / "feeds.yaml", "--sample", "audit")
    said = command("agreement", *options)
    assert "nan" not in said.out.lower()
    assert "all codes are the same, so agreement cannot be told from never using another code" in said.out
    for estimator in ("rectified", "rogan-gladen"):
        shown = command("trend", *options, "--estimator", estimator, "--period", "month", "--composition", "items")
        assert shown.code == 0
        assert "nan" not in shown.out.lower()
    assert "labels do not tell the classes apart" in shown.out
    found = command("events", *options, "--estimator", "rogan-gladen").out
    assert "no estimate. The audit says too little of how labels follow true classes." in found


# ---------------------------------------------------------------------- the commands


def test_a_parquet_file_holds_the_rows_and_what_each_column_is(
    played: tuple[Path, list[study.Article]], tmp_path: Path, command: Command
) -> None:
    options = ("--config", played[0].parent / "feeds.yaml", "--format", "parquet")
    path = tmp_path / "trend.parquet"
    assert command("trend", *options, "--out", path).code == 0
    table = pq.read_table(path)
    rows = table.to_pandas()
    assert list(rows.columns) == list(COLUMNS)
    assert json.loads(table.schema.metadata[b"columns"]) == COLUMNS
    with open_store(played[0]) as store:
        wanted = trend(store, measure=[*SHARE, f"share_{SECOND}", "index"], counting="articles")
    pd.testing.assert_series_equal(rows["value"], wanted["value"])
    assert command("attention", *options, "--out", path).code == 0
    assert pq.read_table(path).to_pandas()["articles"].sum() > 0
    refused = command("trend", *options)
    assert refused.code == 2
    assert "--out FILE" in refused.err
    as_json = command("trend", "--config", played[0].parent / "feeds.yaml", "--format", "json", "--out", tmp_path / "t")
    assert as_json.out == ""
    assert len(json.loads((tmp_path / "t").read_text(encoding="utf-8"))) == len(wanted)


def test_the_table_is_narrow_and_says_what_it_is(played: tuple[Path, list[study.Article]], command: Command) -> None:
    found = command("trend", "--config", played[0].parent / "feeds.yaml")
    assert found.code == 0
    assert max(map(len, found.out.splitlines())) <= 120
    assert "not collected" in found.out
    assert UNCORRECTED in found.out
    assert "nan" not in found.out.lower()
    corrected = command("trend", "--config", played[0].parent / "feeds.yaml", "--sample", "audit", "--by", "group")
    assert "corrected by the audit sample audit" in corrected.out
    csv = command("trend", "--config", played[0].parent / "feeds.yaml", "--format", "csv").out.splitlines()
    assert csv[0].split(",") == list(COLUMNS)


def test_events_in_words_and_as_data(played: tuple[Path, list[study.Article]], command: Command) -> None:
    options = ("--config", played[0].parent / "feeds.yaml", "--by", "group")
    said = command("events", *options).out
    assert "more than the usual movement between weeks" in said
    assert "q = " in said
    rows = json.loads(command("events", *options, "--json").out)
    assert {row["name"] for row in rows} == set(study.OUTLETS.values())
    assert {row["measure"] for row in rows} == {f"share_{FIRST}", f"share_{SECOND}"}


def test_attention_is_the_share_of_everything_listed(
    played: tuple[Path, list[study.Article]], command: Command
) -> None:
    database, articles = played
    rows = json.loads(command("attention", "--config", database.parent / "feeds.yaml", "--format", "json").out)
    on_topic = sum(one.label != OFF_TOPIC for one in articles)
    assert sum(row["articles"] for row in rows) == on_topic
    assert sum(row["all_articles"] for row in rows) == len(articles)
    (gap,) = (row for row in rows if row["reason"])
    assert gap["first_day"] == "2026-04-20"
    assert gap["value"] is None
    assert all(row["low"] <= row["value"] <= row["high"] for row in rows if not row["reason"])
    by_outlet = command("attention", "--config", database.parent / "feeds.yaml", "--by", "outlet", "--period", "month")
    assert "not collected" not in by_outlet.out


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(
            st.integers(0, 34), st.integers(0, 2), st.sampled_from([FIRST, SECOND, "mixed", "neither", OFF_TOPIC])
        ),
        min_size=1,
        max_size=60,
    ),
    st.sets(st.integers(0, 34), min_size=1, max_size=12),
    st.sampled_from(["day", "week", "month"]),
    st.sampled_from(["all", "group", "outlet", "country"]),
)
def test_no_database_makes_a_share_that_is_none(
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
    drawn: list[tuple[int, int, str]],
    days: set[int],
    period: str,
    by: str,
) -> None:
    folder = tmp_path_factory.mktemp("small")
    start, names = date(2026, 1, 26), list(study.OUTLETS)
    articles = [
        article(start + timedelta(days=day), names[outlet], label, number)
        for number, (day, outlet, label) in enumerate(drawn)
    ]
    events = {start + timedelta(days=17): "Talks"}
    study.build(folder, articles, events=events, days=[start + timedelta(days=day) for day in {*days, 34}])
    arguments = ["trend", "--config", str(folder / "feeds.yaml"), "--format", "json", "--period", period, "--by", by]
    off_topic = all(label == OFF_TOPIC for _, _, label in drawn)
    with pytest.raises(SystemExit) if off_topic else contextlib.nullcontext() as ended:
        main([*arguments, "--smooth"])
    assert ended is None or ended.value.code == 2
    printed = capsys.readouterr().out
    for row in json.loads(printed) if printed else []:
        floor = -1.0 if row["measure"] == "index" else 0.0
        assert (row["value"] is None) == bool(row["reason"])
        assert (row["reason"] == "not collected") == (row["collection"] == "none")
        if row["value"] is not None:
            assert floor <= row["low"] <= row["value"] <= row["high"] <= 1
            assert row["n"] >= 15
        for name, value in row.items():
            assert not isinstance(value, float) or math.isfinite(value), name
        assert row["stories"] <= row["articles"]
