"""A topic of one's own: the whole way from feeds.yaml to the report with two other frames and their own model."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from conftest import FakeClassifier, frames_entry

import media_coverage
from media_coverage import config, pipeline
from media_coverage.classify import EMBEDDED, load_classifier
from media_coverage.demo import SAMPLES, serve_samples
from media_coverage.errors import ModelError
from media_coverage.framing import DEFAULT_FRAMES, Frames
from media_coverage.records import Frame
from media_coverage.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Result

    from media_coverage.config import Config

FRAMES = Frames(
    Frame("escalation", "escalate", "Escalation", "The meeting leads to more war"),
    Frame("de_escalation", "calm", "NATO steps back", "The meeting leads to less war"),
)
DEFAULT_NAMES = re.compile("hopeful|hope_|p_hope|appease", re.IGNORECASE)


@dataclass(frozen=True)
class Project:
    """A folder with feeds.yaml over the sample feeds, its database after a run, and a model of these frames."""

    config: Config
    file: Path
    model: Path


def model_of(frames: Frames, folder: Path) -> Path:
    """The embedded model under other outputs: what it says does not matter here, how it is called does."""
    shutil.copytree(EMBEDDED, folder)
    manifest = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    called = dict(zip(DEFAULT_FRAMES.outputs, frames.outputs, strict=True))
    manifest |= {"name": "mine", "outputs": list(frames.outputs)}
    for setting in ("calibration", "thresholds", "uncertain"):
        manifest[setting] = {called[output]: value for output, value in manifest[setting].items()}
    offsets = manifest["voice"]["offsets"]
    manifest["voice"]["offsets"] = {called[output]: value for output, value in offsets.items()}
    (folder / "model.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("frames")
    with serve_samples(port=0) as samples:
        spelt = yaml.safe_load((SAMPLES / "feeds.yaml").read_text(encoding="utf-8").replace("{base}", samples.base))
        file = folder / "feeds.yaml"
        file.write_text(yaml.safe_dump(spelt | {"frames": frames_entry(FRAMES)}, sort_keys=False), encoding="utf-8")
        loaded = config.load(file)
        pipeline.run(loaded, classifier=FakeClassifier(frames=FRAMES))
        yield Project(loaded, file, model_of(FRAMES, folder / "model"))


def test_the_database_speaks_of_these_frames_alone(project: Project) -> None:
    with open_store(project.config.database) as store:
        assert store.frames == FRAMES
        daily = store.daily_frames()
        assert list(daily.columns[8:12]) == ["escalation", "de_escalation", "mixed", "neither"]
        assert daily[["escalation", "de_escalation"]].sum().min() > 0
        assert daily[list(FRAMES.labels)].sum().sum() == daily["articles"].sum() > 100
        articles = store.articles()
        assert set(articles["label"]) <= set(FRAMES.labels)
        assert set(articles["leaning"]) == set(FRAMES.names)
        assert set(articles["p_escalate"]) == {0.1, 0.9}
        assert set(articles["p_calm"]) == {0.2, 0.8}
    with closing(sqlite3.connect(project.config.database)) as connection:
        words = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        words += connection.execute("SELECT column_name || ' ' || description FROM column_description").fetchall()
        words += connection.execute("SELECT DISTINCT label || ' ' || leaning FROM label").fetchall()
    assert not [word for (word,) in words if DEFAULT_NAMES.search(word)]


def test_the_report_speaks_of_these_frames_alone(
    project: Project, tmp_path: Path, command: Callable[..., Result]
) -> None:
    code, printed, _ = command("report", "--config", project.file, "--out", tmp_path / "report.html")
    assert code == 0
    assert re.search(r"\d+ escalation, \d+ NATO steps back, \d+ mixed, \d+ neither\. Net framing index", printed)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert '<th scope="col" class="num">Escalation</th><th scope="col" class="num">NATO steps back</th>' in page
    assert '<button type="button">p escalate</button>' in page
    assert '<button type="button">p calm</button>' in page
    assert "(escalation − NATO steps back) ÷ (escalation + NATO steps back)" in page
    assert '<span class="tag first">Escalation' in page
    assert '<span class="tag second">NATO steps back' in page
    charts = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    assert charts.count("NATO steps back") >= 2, "the legends"
    ours = re.sub(r"<(?:a|mark|del|span class=\"soft\")\b.*?</(?:a|mark|del|span)>", "", page, flags=re.DOTALL)
    ours = re.sub(r"<td>.*?</td>", "", ours, flags=re.DOTALL)  # what the press wrote
    assert not DEFAULT_NAMES.search(ours)


def test_the_commands_speak_json_of_these_frames(
    project: Project, tmp_path: Path, command: Callable[..., Result]
) -> None:
    database = tmp_path / "copy.db"
    with closing(sqlite3.connect(project.config.database)) as connection:
        connection.execute("VACUUM INTO ?", [str(database)])
    shared = ("--config", project.file, "--db", database)
    model = ("--model", f"embedded:{project.model}")

    code, printed, _ = command("classify", *shared, *model)
    assert (code, "texts labelled by mine@" in printed) == (0, True)
    code, printed, _ = command("compare", *shared, "--json")
    found = json.loads(printed)
    assert list(found["table"]) == [*FRAMES.labels, "off_topic"]
    assert {"p_escalate_1", "p_calm_2", "answer_1"} <= set(found["differing"][0])
    assert {row["answer_2"] for row in found["differing"]} <= {*FRAMES.labels, "off_topic"}

    texts = [{"title": "Trump and Putin hail breakthrough, ceasefire in reach", "rel": 1, "escalate": 1, "calm": 0}]
    file = tmp_path / "texts.jsonl"
    file.write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")
    code, printed, _ = command("score", file, *shared, *model)
    (answer,) = (json.loads(line) for line in printed.splitlines())
    assert (answer["label"], answer["leaning"]) == ("escalation", "escalation")
    assert [key for key in answer if key.startswith("p_")] == ["p_own", "p_relevant", "p_escalate", "p_calm"]
    code, printed, _ = command("evaluate", file, *shared, *model, "--json")
    scores = json.loads(printed)
    assert list(scores["f1_by_class"]) == ["escalation", "de_escalation", "neither"]
    assert list(scores["outputs"]) == ["relevant", "escalate", "calm"]
    assert scores["f1_by_class"]["escalation"]["value"] == 1
    for what in ("1", "Trump and Putin hail breakthrough"):
        code, printed, _ = command("explain", what, *shared, *model, "--json")
        explained = json.loads(printed)
        assert explained["frame"] in FRAMES.names
        assert {"p_relevant", "p_escalate", "p_calm"} < set(explained["framing"])
    code, printed, _ = command("explain", "Trump and Putin hail breakthrough", *shared, *model)
    assert re.search(r"escalation .*: p_escalate 0\.\d\d, p_calm 0\.\d\d, p_relevant 0\.\d\d", printed)
    code, printed, _ = command("status", *shared, "--json")
    assert json.loads(printed)["last_run"]["model_id"].startswith("mine@")


def test_codes_under_other_names_are_missed_by_name(
    project: Project, tmp_path: Path, command: Callable[..., Result]
) -> None:
    file = tmp_path / "coded.jsonl"
    file.write_text('{"title": "Talks", "rel": 1, "hope": 1, "appease": 0}\n', encoding="utf-8")
    code, _, said = command("evaluate", file, "--config", project.file, "--model", f"embedded:{project.model}")
    assert (code, "`escalate` must be 0 or 1" in said) == (2, True)


@pytest.mark.parametrize("subcommand", ["run", "classify", "score", "explain"])
def test_a_model_of_other_frames_is_refused_in_one_sentence_before_anything_happens(
    project: Project, tmp_path: Path, subcommand: str, command: Callable[..., Result]
) -> None:
    database = tmp_path / "none.db"
    if subcommand == "classify":
        database = project.config.database
    file = tmp_path / "texts.jsonl"
    file.write_text('{"title": "Talks"}\n', encoding="utf-8")
    argument = {"score": [str(file)], "explain": ["Talks go on"]}.get(subcommand, [])
    code, printed, said = command(subcommand, *argument, "--config", project.file, "--db", database)
    assert (code, printed) == (2, "")
    assert said.startswith("media-coverage: model ")
    assert len(said.splitlines()) == 1
    assert "relevant, hope, appease" in said
    assert str(FRAMES) in said
    assert not (tmp_path / "none.db").exists()


def test_a_classifier_handed_in_is_checked_too(project: Project, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="tells the frames hopeful_peace"):
        pipeline.run(project.config, database=tmp_path / "new.db", classifier=FakeClassifier())
    assert not (tmp_path / "new.db").exists()
    with pytest.raises(ModelError, match="tells the frames hopeful_peace"):
        pipeline.relabel(project.config.database, FakeClassifier(version="2"))
    assert pipeline.relabel(project.config.database, FakeClassifier(version="1", frames=FRAMES)) == (0, 0)


def test_a_database_of_other_frames_is_refused_before_anything_is_fetched(
    project: Project, tmp_path: Path, command: Callable[..., Result]
) -> None:
    file = tmp_path / "feeds.yaml"
    spelt = yaml.safe_load(project.file.read_text(encoding="utf-8"))
    del spelt["frames"]
    file.write_text(yaml.safe_dump(spelt), encoding="utf-8")
    with open_store(project.config.database) as store:
        runs = store.counts()["runs"]
    code, _, said = command("run", "--config", file, "--db", project.config.database)
    assert code == 2
    assert said.count("\n") == 1
    assert "holds the frames escalation (output escalate) and de_escalation (output calm)" in said
    with open_store(project.config.database) as store:
        assert store.counts()["runs"] == runs


def test_the_same_weights_say_the_same_under_other_names(project: Project) -> None:
    texts = [media_coverage.Text("Trump and Putin hail breakthrough", "Critics spoke of a sell-out.")]
    (ours,) = load_classifier(f"embedded:{project.model}", frames=FRAMES).classify(texts, evidence=True)
    (default,) = load_classifier().classify(texts, evidence=True)
    renamed: dict[str, Any] = dict(zip(DEFAULT_FRAMES.labels, FRAMES.labels, strict=True))
    assert (ours.p_relevant, ours.p, ours.evidence) == (default.p_relevant, default.p, default.evidence)
    assert ours.p_own == default.p_own is not None
    assert (ours.label, ours.leaning) == (renamed[default.label], renamed[default.leaning])
