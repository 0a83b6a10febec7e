"""Selections, the dashboard's controls, tables and the rehearsal of an audit, on the demo and on hostile text."""

from __future__ import annotations

import shutil
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from media_coverage import charts, pipeline, rehearsal, tables
from media_coverage.compare import compare
from media_coverage.dashboard import Dashboard
from media_coverage.errors import StoreError, TrendError
from media_coverage.page import selection_part
from media_coverage.sample import OFF_TOPIC, Design
from media_coverage.selection import LEAST_LISTED, LISTED, Choice, show
from media_coverage.store import open_store
from media_coverage.trend import COMPOSITIONS, COUNTINGS, effects, trend

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
import study

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def database(demo: Path) -> Path:
    return demo / "demo.db"


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study's database with a coded sample."""
    path, articles = study.make_study(tmp_path_factory.mktemp("study"))
    pipeline.draw_sample(path, "audit", Design(400, 7))
    study.code(path, articles, "audit")
    return path


def test_everything_is_what_the_trend_says(database: Path) -> None:
    with open_store(database) as store:
        for composition in COMPOSITIONS:
            for counting in COUNTINGS:
                shown = show(store, Choice(composition=composition, counting=counting))
                lines = trend(store, composition=composition, counting=counting, measure=["share_appeasement"])
                values = shown.points["share_appeasement"].tolist()
                np.testing.assert_allclose(values, lines["value"], equal_nan=True)
                np.testing.assert_allclose(shown.points["share_appeasement_low"], lines["low"], equal_nan=True)


def test_every_article_is_under_one_point(database: Path) -> None:
    with open_store(database) as store:
        for period in ("day", "week", "month"):
            shown = show(store, Choice(period=period))
            held = [number for section in shown.sections for number in section.articles["article_id"]]
            assert len(held) == len(set(held))
            assert len(held) + sum(section.left_out for section in shown.sections) == shown.articles == 233
            assert all(
                section.articles["date"].between(section.first_day, section.last_day).all()
                for section in shown.sections
            )
            assert {f"week-{key}" for key in charts.targets(shown.points)} >= {one.key for one in shown.sections}
        shown = show(store, Choice(place="2026-02-02"))
        assert [section.first_day for section in shown.sections] == ["2026-02-02"]
        assert 1 < LEAST_LISTED < LISTED


def test_outlets_groups_and_days_narrow_it(database: Path) -> None:
    with open_store(database) as store:
        shown = show(store, Choice(groups=("uk",), since="2026-02-01", by="outlet"))
        assert set(shown.counts["name"]) == {"Northern Clarion", "The Thames Courier"}
        assert shown.points["date"].min() >= "2026-01-26"
        with pytest.raises(TrendError, match="choose more of them"):
            show(store, Choice(since="2030-01-01"))
        with pytest.raises(TrendError, match="do not go together"):
            show(store, Choice(estimator="rectified"))


def test_corrected_shares_of_some_outlets_use_their_own_audit(coded: Path) -> None:
    outlets = ("Harbour Times", "Old Town Post")
    with open_store(coded) as store:
        plain = show(store, Choice(period="month", outlets=outlets, estimator="rectified", sample="audit"))
        every = show(store, Choice(period="month", estimator="rectified", sample="audit"))
        rates = show(store, Choice(period="month", outlets=outlets, estimator="rogan-gladen", sample="audit"))
        settled = store.audit("audit")
    assert "corrected by the audit sample audit" in plain.how[0]
    value, _ = study.true_shares()
    first = plain.points.iloc[0]
    assert first[f"share_{study.FIRST}_low"] <= value <= first[f"share_{study.FIRST}_high"]
    assert 0 < settled["outlet"].isin(outlets).sum() < len(settled)
    width = [
        f["share_hopeful_peace_high"].iloc[0] - f["share_hopeful_peace_low"].iloc[0]
        for f in (plain.points, every.points)
    ]
    assert width[0] > width[1]
    assert rates.points[f"share_{study.FIRST}"].notna().all()


def test_controls_change_what_is_shown(database: Path) -> None:
    dashboard = Dashboard(database)
    assert "233 on-topic articles of 19 outlets" in dashboard.said.value
    before = dashboard.trend.value
    dashboard.groups.value = ("uk",)
    assert dashboard.outlets.options == ("Northern Clarion", "The Thames Courier")
    assert dashboard.trend.value != before
    dashboard.outlets.value = ("Northern Clarion",)
    assert "of 1 outlet," in dashboard.said.value
    dashboard.groups.value = ("europe",)  # which has no such outlet
    assert dashboard.outlets.value == ()
    dashboard.since.value = date(2030, 1, 1)
    assert dashboard.shown is None
    assert "choose more of them" in dashboard.said.value
    assert dashboard.trend.value == dashboard.articles.value == ""
    dashboard.since.value = None
    dashboard.groups.value = ()
    assert "233 on-topic articles" in dashboard.said.value
    place = dashboard.place.options[2][1]
    dashboard.place.value = place
    assert dashboard.shown is not None
    assert [section.first_day for section in dashboard.shown.sections] == [place]


def test_an_empty_database_says_so(tmp_path: Path) -> None:
    with open_store(tmp_path / "empty.db", read_only=False):
        pass
    dashboard = Dashboard(tmp_path / "empty.db")
    assert dashboard.shown is None
    assert "no on-topic article" in dashboard.said.value


def test_hostile_texts_are_escaped(database: Path) -> None:
    with open_store(database) as store:
        shown = show(store, Choice(place="2026-02-02"))
    section = shown.sections[0]
    bad = section.articles.assign(
        title='</td><script>alert(1)</script>"\u202e', outlet="<b>x", evidence="<img src=x>", url="javascript:alert(1)"
    )
    object.__setattr__(section, "articles", bad)
    page = selection_part(shown, "articles")
    assert "<script" not in page
    assert "<img" not in page
    assert "javascript:" not in page
    assert "&lt;script&gt;" in page


def test_a_rehearsal_is_a_copy_and_says_that_it_is_simulated(demo: Path, tmp_path: Path) -> None:
    shutil.copytree(demo, tmp_path / "demo")
    database, audit = rehearsal.audited(tmp_path, {})
    assert database == audit.database == tmp_path / "demo" / "rehearsal.db"
    assert audit.simulated
    assert "SIMULATED CODES" in audit.sentence
    with open_store(tmp_path / "demo" / "demo.db") as store:
        assert store.codes().empty
        assert len(store.models()) == 1
        with pytest.raises(StoreError, match="overwrites nothing"):
            store.copy_to(database)
    with open_store(database) as store:
        codes = store.codes(audit.sample)
        assert all("simulated" in coder for coder in codes["coder"])
        models = list(store.models()["model_id"])
        compared = compare(store.labels_of_two(*models), store.frames)
        errors = tables.error_table(store.audit(audit.sample), [*store.frames.labels, OFF_TOPIC])
    assert 0.5 < compared.agreement < 1
    shares = errors[[name for name in errors if name.startswith("labelled ")]]
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert errors["texts"].sum() == rehearsal.SIZE
    assert rehearsal.audited(tmp_path, {}) == (database, audit)  # not made again


def test_codes_by_people_come_before_simulated_ones(coded: Path, tmp_path: Path) -> None:
    database, audit = rehearsal.audited(tmp_path, {"MEDIA_COVERAGE_DB": str(coded)})
    assert (database, audit.database, audit.sample, audit.simulated) == (coded, coded, "audit", False)


def test_effects_stand_in_a_table_and_a_chart(coded: Path) -> None:
    with open_store(coded) as store:
        found = effects(store, by="group", event="Summit")
        frames = store.frames
        with pytest.raises(TrendError, match="knows no event 'Other'"):
            effects(store, event="Other")
    table = tables.effect_table(found)
    assert list(table.columns) == list(tables.EFFECTS)
    assert len(table) == 2 * 3
    told = table[table["points"].notna()]
    assert (told["low"] <= told["points"]).all()
    assert (told["q"] >= told["p"] - 1e-12).all()
    drawn = charts.svg(charts.effects(table, frames))
    assert drawn.count(" points [") >= len(told)


def test_errors_of_a_table_without_a_class() -> None:
    audit = pd.DataFrame({"truth": ["a", "a", None], "label": ["a", "b", "a"], "inclusion": [0.5, 0.5, None]})
    table = tables.error_table(audit, ["a", "b"])
    assert table["texts"].tolist() == [2, 0]
    assert table["right"].iloc[0] == 0.5
    assert np.isnan(table["right"].iloc[1])
