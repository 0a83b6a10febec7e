"""Samples: known probabilities, strata that are joined, totals without bias, two sides that never meet."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from drawn_press import make_press, titles
from hypothesis import given, settings
from hypothesis import strategies as st

from media_coverage import coded, pipeline
from media_coverage.errors import StoreError
from media_coverage.framing import DEFAULT_FRAMES
from media_coverage.records import Code, Text
from media_coverage.sample import FLOOR, Design, Unit, allocation, draw, phase_of
from media_coverage.store import open_store, schema
from media_coverage.train import read_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from conftest import Result

    from media_coverage.sample import Stratum
    from media_coverage.store import Store

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LABELS = ("hopeful_peace", "appeasement", "mixed", "neither", "off_topic")


def unit(
    number: int, label: str = "neither", uncertain: bool = False, date: str = "2026-02-01", group: str = "uk"
) -> Unit:
    return Unit(number, number, Text(f"text {number}"), label, uncertain, date, group)


def some_frame(seed: int, size: int) -> list[Unit]:
    rng = np.random.default_rng(seed)
    return [
        unit(
            number,
            str(rng.choice(LABELS, p=(0.18, 0.12, 0.02, 0.46, 0.22))),
            bool(rng.random() < 0.2),
            f"2026-0{rng.integers(1, 4)}-10",
            str(rng.choice("uk us_left wire china other".split(), p=(0.5, 0.28, 0.16, 0.05, 0.01))),
        )
        for number in range(1, size + 1)
    ]


UNITS = st.builds(some_frame, st.integers(0, 10_000), st.integers(1, 400))
PHASES = st.sampled_from([(), ("2026-02-03",), ("2026-01-15", "2026-02-20")])


# ---------------------------------------------------------------------- the design


@settings(deadline=None, max_examples=60)
@given(UNITS, st.integers(20, 200), st.integers(0, 9), PHASES)
def test_inclusion_probabilities_sum_to_the_size_and_each_unit_is_in_one_stratum(
    frame: list[Unit], size: int, seed: int, phases: tuple[str, ...]
) -> None:
    strata = draw(frame, Design(size, seed, phases))
    assert sum(s.inclusion * len(s.units) for s in strata) == pytest.approx(min(size, len(frame)))
    assert sum(len(s.drawn) for s in strata) == min(size, len(frame))
    assert Counter(u.version_id for s in strata for u in s.units) == Counter(u.version_id for u in frame)
    assert len({s.name for s in strata}) == len(strata)
    for s in strata:
        assert set(s.drawn) <= set(s.units)
        assert len(s.drawn) >= min(FLOOR, len(s.units))
        assert {u.label for u in s.units} == {s.label}, "labels are never joined"


@settings(deadline=None, max_examples=30)
@given(UNITS, st.integers(20, 100), st.randoms(use_true_random=False))
def test_the_same_frame_and_seed_draw_the_same_whatever_the_order(frame: list[Unit], size: int, rng: Random) -> None:
    shuffled = list(frame)
    rng.shuffle(shuffled)
    assert draw(frame, Design(size, 3)) == draw(shuffled, Design(size, 3))


def test_another_seed_draws_others() -> None:
    frame = some_frame(1, 400)
    one, two = (draw(frame, Design(60, seed)) for seed in (1, 2))
    assert [s.name for s in one] == [s.name for s in two]
    assert [s.drawn for s in one] != [s.drawn for s in two]


def test_totals_are_estimated_without_bias() -> None:
    """Horvitz–Thompson over many seeds: the mean of the estimates is the total, within its own standard error."""
    frame = some_frame(2, 300)
    # Something that the strata do not know, and that follows the label only in part.
    value = {u.version_id: (u.version_id % 7 == 0) + (u.label == "appeasement") * 2.0 for u in frame}
    total = sum(value.values())
    estimates = []
    for seed in range(400):
        strata = draw(frame, Design(60, seed, ("2026-02-03",)))
        estimates.append(sum(value[u.version_id] / s.inclusion for s in strata for u in s.drawn))
    mean = sum(estimates) / len(estimates)
    spread = (sum((e - mean) ** 2 for e in estimates) / (len(estimates) - 1) / len(estimates)) ** 0.5
    assert abs(mean - total) < 3 * spread
    unweighted = sum(value[u.version_id] for s in strata for u in s.drawn) * len(frame) / 60
    assert abs(unweighted - total) > 10 * spread, "the weights matter here, or this test could not fail"


def test_each_unit_is_drawn_as_often_as_its_probability_says() -> None:
    frame = some_frame(3, 60)
    hits: Counter[int] = Counter()
    for seed in range(600):
        strata = draw(frame, Design(20, seed))
        hits.update(u.version_id for s in strata for u in s.drawn)
    for s in strata:
        for u in s.units:
            error = (s.inclusion * (1 - s.inclusion) / 600) ** 0.5
            assert abs(hits[u.version_id] / 600 - s.inclusion) < 5 * error + 1e-9


def by_label(strata: tuple[Stratum, ...]) -> dict[str, float]:
    drawn: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for s in strata:
        drawn[s.label] += len(s.drawn)
        held[s.label] += len(s.units)
    return {label: drawn[label] / held[label] for label in held}


def test_rare_frames_are_drawn_more_often_and_what_the_model_rejects_less() -> None:
    frame = [unit(i, "neither") for i in range(1000)]
    frame += [unit(1000 + i, "appeasement") for i in range(100)]
    frame += [unit(2000 + i, "off_topic") for i in range(1000)]
    chance = by_label(draw(frame, Design(200, 1)))
    assert chance["appeasement"] == pytest.approx(3 * chance["neither"], rel=0.1)
    assert chance["off_topic"] == pytest.approx(chance["neither"] / 2, rel=0.1)


def test_small_strata_are_joined_group_first_and_always_in_the_same_way() -> None:
    frame = [unit(i, group="uk") for i in range(40)]
    frame += [unit(100 + i, group="china" if i < 3 else "wire") for i in range(7)]
    frame += [unit(200 + i, date="2026-03-01") for i in range(2)]
    large, small = sorted(draw(frame, Design(40, 1, ("2026-02-15",))), key=lambda s: -len(s.units))
    assert large.name == "neither, sure, until 2026-02-14, uk"
    assert {u.version_id for u in large.units} == set(range(40))
    assert small.name == "neither, sure, any time, every group", "the groups of a phase, and with them the next phase"


@pytest.mark.parametrize(
    ("day", "words"),
    [("2026-01-14", "until 2026-01-14"), ("2026-01-15", "2026-01-15 to 2026-02-02"), ("2026-02-03", "from 2026-02-03")],
)
def test_a_phase_begins_on_its_day(day: str, words: str) -> None:
    assert phase_of(day, ("2026-01-15", "2026-02-03")) == words
    assert phase_of(day, ()) == "any time"


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 80), st.floats(0.1, 9)), min_size=1, max_size=12), st.integers(40, 400))
def test_an_allocation_gives_all_and_never_too_much(pairs: list[tuple[int, float]], total: int) -> None:
    sizes, weights = [size for size, _ in pairs], [size * weight for size, weight in pairs]
    given_ = allocation(sizes, weights, total)
    assert sum(given_) == min(total, sum(sizes))
    assert all(min(size, FLOOR) <= own <= size for size, own in zip(sizes, given_, strict=True))


def test_what_cannot_be_drawn_is_said() -> None:
    with pytest.raises(ValueError, match="no text to draw from"):
        draw([], Design(20, 1))
    with pytest.raises(ValueError, match="10 texts cannot give 3 to each of 5 strata"):
        draw(some_frame(1, 400), Design(10, 1))


# ---------------------------------------------------------------------- in a database


@pytest.fixture(scope="module")
def press(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = titles(1)[0].replace("Trump Putin", "Trump Putin today")
    return make_press(tmp_path_factory.mktemp("press"), [*titles(120), copy])


@pytest.fixture
def database(press: Path, tmp_path: Path) -> Path:
    shutil.copy(press.with_name("feeds.yaml"), tmp_path)
    return Path(shutil.copy(press, tmp_path))


@pytest.fixture
def writable(database: Path) -> Iterator[Store]:
    with open_store(database, read_only=False) as store:
        yield store


def test_the_frame_holds_one_text_per_story_with_its_label(writable: Store) -> None:
    frame = writable.sampling_frame()
    assert len(frame) == len({u.story_id for u in frame}) == 121
    assert {u.label for u in frame} == set(LABELS)
    story = writable.query("SELECT story_id FROM article WHERE id = 1")["story_id"][0]
    writable._db.execute("UPDATE article SET story_id = ? WHERE id IN (2, 3)", [int(story)])
    writable._db.commit()
    assert len(writable.sampling_frame()) == 119
    assert all(u.date >= "2026-02-03" for u in writable.sampling_frame("2026-02-03"))


def test_a_sample_is_stored_with_its_design_and_drawn_again_it_is_the_same(
    command: Callable[..., Result], database: Path
) -> None:
    common = ("--db", database, "--config", database.with_name("feeds.yaml"))
    for name in ("one", "two"):
        result = command("sample", "--n", "40", "--name", name, *common)
        assert result.code == 0
        assert f"Sample {name}: 40 of 121 texts" in result.out
    with open_store(database) as store:
        first, second = (store.sample_items(name) for name in ("one", "two"))
        about = store.samples().to_dict("records")
    assert first["version_id"].tolist() == second["version_id"].tolist()
    assert first["inclusion"].tolist() == (first["stratum_drawn"] / first["stratum_size"]).tolist()
    strata = first.drop_duplicates("stratum")
    assert strata["stratum_size"].sum() == 121
    assert strata["stratum_drawn"].sum() == 40
    assert (about[0]["phases"], about[0]["seed"], about[0]["frame_size"]) == ("2026-02-03", 7, 121)
    taken = command("sample", "--name", "one", *common)
    assert (taken.code, "holds a sample one already" in taken.err) == (2, True)
    assert "two" in command("samples", *common).out


def test_a_sample_that_is_larger_than_its_frame_takes_all(command: Callable[..., Result], database: Path) -> None:
    result = command("sample", "--phase", "none", "--db", database)
    assert "not more than 121 texts" in result.out
    with open_store(database) as store:
        assert set(store.sample_items("audit")["inclusion"]) == {1.0}
        assert store.samples()["phases"].tolist() == [""]


def test_samples_are_history(writable: Store) -> None:
    pipeline_sample(writable, "audit", 40)
    for statement in ("UPDATE sample SET seed = 1", "DELETE FROM sample_item", "UPDATE code SET rel = 1"):
        if statement.endswith("rel = 1"):
            writable.add_codes([Code(1, "ada", "1", relevant=True)], NOW)
        with pytest.raises(Exception, match="append-only"):
            writable._db.execute(statement)


def pipeline_sample(store: Store, name: str, size: int, purpose: str = "audit") -> set[int]:
    store._db.commit()
    pipeline.draw_sample(store.path, name, Design(size, 7), purpose=purpose)
    return set(store.sample_items(name)["version_id"].tolist())


def test_what_was_coded_for_training_is_never_drawn_for_an_audit_nor_what_resembles_it(writable: Store) -> None:
    """Text 121 is text 1 with a word more."""
    versions = {u.text.title: u.version_id for u in writable.sampling_frame()}
    (near,) = [version for title, version in versions.items() if "today" in title]
    original = versions[titles(1)[0].replace("  ", " ")]
    writable.add_codes([Code(original, "ada", "1", relevant=True)], NOW)
    drawn = pipeline_sample(writable, "all", 1000)
    assert not drawn & {near, original}
    assert len(drawn) == 119
    assert writable.samples()["set_apart"].tolist() == [2]


def test_what_the_manifest_of_a_model_names_is_never_drawn_for_an_audit(
    command: Callable[..., Result], database: Path, tmp_path: Path
) -> None:
    with open_store(database) as store:
        learned = store.sampling_frame()[:30]
    model = tmp_path / "model"
    model.mkdir()
    named = " ".join(coded.fingerprint(Text(f"EXCLUSIVE: {u.text.title}!")) for u in learned)
    config = tmp_path / "feeds.yaml"
    config.write_text(
        f"{config.read_text(encoding='utf-8')}classifier: {{model: 'embedded:model'}}\n", encoding="utf-8"
    )
    common = ("--db", database, "--config", config, "--n", "1000")
    for training, expected in (({"learned_from": named}, 91), ({"last_date": "2026-01-31"}, 121)):
        (model / "model.json").write_text(json.dumps({"training": training}), encoding="utf-8")
        result = command("sample", "--name", str(expected), *common)
        with open_store(database) as store:
            drawn = set(store.sample_items(str(expected))["version_id"])
        assert len(drawn) == expected
    assert not {u.version_id for u in learned} & drawn or expected == 121
    assert "they are dated up to 2026-01-31, and --since draws later ones" in result.out
    practice = command("sample", "--for", "training", "--name", "learn", *common)
    assert "no text to draw from" in practice.err, "all is in an audit by now"


def test_what_was_drawn_for_an_audit_is_never_learned_from(writable: Store) -> None:
    """Neither where it is coded, nor where it waits for a coder."""
    drawn = pipeline_sample(writable, "audit", 60)
    outside = sorted({u.version_id for u in writable.sampling_frame()} - drawn)
    with pytest.raises(StoreError, match="the audit sample audit holds its story, so no model may learn from it"):
        writable.add_codes([Code(min(drawn), "ada", "1", relevant=True)], NOW)
    writable.add_codes([Code(version, "ada", "1", relevant=True) for version in outside], NOW)
    audited = [Code(version, "ada", "1", True, purpose="audit", sample="audit") for version in sorted(drawn)[:5]]
    writable.add_codes(audited, NOW)
    coding, _ = read_sources([writable.path], None)
    learned = {int(item.id) for item in coding.items}
    assert not learned & drawn
    assert len(learned) >= len(outside) - 1


def test_what_resembles_an_audited_text_is_not_learned_from(writable: Store) -> None:
    versions = {u.text.title: u.version_id for u in writable.sampling_frame()}
    (near,) = [version for title, version in versions.items() if "today" in title]
    original = versions[titles(1)[0].replace("  ", " ")]
    writable.add_codes([Code(version, "ada", "1", True) for version in versions.values() if version != original], NOW)
    learned = {int(item.id) for item in read_sources([writable.path], None)[0].items}
    assert near in learned
    writable.add_codes([Code(original, "ada", "1", True, purpose="audit")], NOW)
    coding, _ = read_sources([writable.path], None)
    assert {int(item.id) for item in coding.items} == learned - {near}
    assert coding.notes == ("1 items left out: they resemble a text of the audit sample",)


def test_an_exported_audit_is_not_learned_from_either(tmp_path: Path) -> None:
    """A file says what its codes are for; evaluating a model on them is what they are for."""
    path = tmp_path / "codes.jsonl"
    path.write_text(
        '{"title": "Envoys meet by the lake", "rel": 1, "hope": 0, "appease": 0, "purpose": "audit"}\n'
        '{"title": "Harvest of the year", "rel": 0, "hope": 0, "appease": 0, "purpose": "training"}\n',
        encoding="utf-8",
    )
    assert len(coded.read(path, DEFAULT_FRAMES).items) == 2
    coding, _ = read_sources([path], None)
    assert [item.text.title for item in coding.items] == ["Harvest of the year"]


def test_a_training_sample_stays_clear_of_the_audit(writable: Store) -> None:
    audit = pipeline_sample(writable, "audit", 40)
    training = pipeline_sample(writable, "learn", 200, purpose="training")
    assert not audit & training
    with pytest.raises(StoreError, match="the sample learn is for training, the code for audit"):
        writable.add_codes([Code(min(training), "ada", "1", True, purpose="audit", sample="learn")], NOW)
    with pytest.raises(StoreError, match="the sample audit does not hold it"):
        writable.add_codes([Code(min(training), "ada", "1", True, purpose="audit", sample="audit")], NOW)


def test_texts_to_be_coded_are_not_pruned(writable: Store) -> None:
    drawn = pipeline_sample(writable, "audit", 30)
    far = datetime(2030, 1, 1, tzinfo=UTC)
    writable.prune(far, far, on_topic=True)
    assert all(writable.sample_items("audit")["title"])
    assert len(writable.sampling_frame()) == len(drawn)


# ---------------------------------------------------------------------- what estimators get


def test_an_audit_gives_truth_prediction_and_probability(writable: Store) -> None:
    first, second, third, fourth, *_ = drawn = sorted(pipeline_sample(writable, "audit", 40))

    def say(version: int, coder: str, rel: int = 1, frames: tuple[bool, bool] = (False, False), **more: str) -> Code:
        return Code(version, coder, "1.1", bool(rel), frames, purpose="audit", sample="audit", **more)

    writable.add_codes(
        [
            say(first, "ada", frames=(True, False)),
            *(say(second, coder, frames=(coder != "cy", False)) for coder in ("ada", "bob", "cy")),
            *(say(third, coder, rel) for coder, rel in (("ada", 1), ("bob", 0))),
            *(say(fourth, coder, frames=(coder == "ada", True)) for coder in ("ada", "bob")),
            say(fourth, "zoe", rel=0, kind="adjudicated"),
        ],
        NOW,
    )
    audit = writable.audit("audit").set_index("version_id")
    assert audit["truth"].dropna().to_dict() == {first: "hopeful_peace", second: "hopeful_peace", fourth: "off_topic"}
    assert audit["settled_by"].dropna().to_dict() == {
        first: "single",
        second: "majority",
        third: "tie",
        fourth: "adjudicated",
    }
    assert audit.loc[[first, second, third, fourth], "coders"].tolist() == [1, 3, 2, 2]
    assert audit.loc[[first, second, third, fourth], "disagreed"].tolist() == [False, True, True, True]
    assert list(audit.index) == drawn
    assert set(audit["label"]) <= set(LABELS)
    # The weights of what is settled add up to the frame, less the strata in which nothing is.
    known = audit[audit["truth"].notna()]
    reached = audit[audit["stratum"].isin(known["stratum"])].drop_duplicates("stratum")["stratum_size"].sum()
    assert (1 / known["inclusion"]).sum() == pytest.approx(reached)
    assert (audit["design_inclusion"] >= audit["inclusion"].fillna(0)).all()
    assert audit["hope"].dtype == "Int64"


def test_a_code_given_again_counts_once(writable: Store) -> None:
    first = min(pipeline_sample(writable, "audit", 30))
    for rel in (True, False):
        writable.add_codes([Code(first, "ada", "1", rel, purpose="audit", sample="audit")], NOW)
    row = writable.audit("audit").set_index("version_id").loc[first]
    assert (row["truth"], row["settled_by"], row["coders"]) == ("off_topic", "single", 1)
    assert len(writable.codes("audit")) == 2


def test_what_a_model_may_have_learned_since_leaves_the_audit(writable: Store) -> None:
    """Stories can merge later: then a training code comes to stand in the story of an audited text."""
    drawn = pipeline_sample(writable, "audit", 60)
    outside = min(u.version_id for u in writable.sampling_frame() if u.version_id not in drawn)
    writable.add_codes([Code(outside, "ada", "1", relevant=True)], NOW)
    assert len(writable.audit("audit")) == 60
    audited = min(drawn)
    writable._db.execute(
        "UPDATE article SET story_id = (SELECT a.story_id FROM article a JOIN article_version v ON v.article_id = a.id "
        "WHERE v.id = ?) WHERE id = (SELECT article_id FROM article_version WHERE id = ?)",
        [audited, outside],
    )
    writable._db.commit()
    left = writable.audit("audit")
    assert len(left) == 59
    assert audited not in set(left["version_id"])


def test_audits_that_are_none_are_refused(writable: Store) -> None:
    with pytest.raises(StoreError, match="holds no sample audit; draw one with `media-coverage sample`"):
        writable.audit("audit")
    pipeline_sample(writable, "learn", 30, purpose="training")
    with pytest.raises(StoreError, match="the sample learn is not for an audit"):
        writable.audit("learn")
    with pytest.raises(StoreError, match="holds no sample audit; there are learn"):
        writable.audit("audit")


def test_codes_of_an_older_file_come_along(database: Path) -> None:
    """The table is made anew, since its rule of one code per coder cannot be dropped; nothing in it changes."""
    with open_store(database, read_only=False) as store:
        store.add_codes([Code(1, "ada", "1", True, (True, False), 2)], NOW)
        before = store.query("SELECT id, version_id, coder, rel, hope, appease, certainty, coded_at FROM code")
    with open_store(database, read_only=False) as store:
        db = store._db
        for view in db.view_names():
            db.execute(f"DROP VIEW {view}")
        for table in ("sample_item", "sample"):
            db.execute(f"DROP TABLE {table}")
        db.execute("ALTER TABLE code RENAME TO newer")
        for statement in schema.statements(schema._CODE, store.frames):
            db.execute(statement)
        db.execute(
            "INSERT INTO code SELECT id, version_id, coder, codebook_version, rel, hope, appease, certainty, purpose, "
            "coded_at FROM newer"
        )
        db.execute("DROP TABLE newer")
        for table, column in (("outlet", "genre"), ("feed", "genre"), ("article", "address_genre")):
            db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        db.execute("DELETE FROM _sqlite_migrations WHERE name IN ('m008_human_coding', 'm015_genre_and_voice')")
        db.execute("PRAGMA user_version = 7")
    with open_store(database, read_only=False) as store:
        after = store.query("SELECT id, version_id, coder, rel, hope, appease, certainty, coded_at FROM code")
        assert after.equals(before)
        assert store.codes()[["kind", "note", "newest"]].to_numpy().tolist() == [["individual", "", 1]]
        with pytest.raises(Exception, match="append-only"):
            store._db.execute("DELETE FROM code")
