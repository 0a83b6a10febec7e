"""Training as far as it needs no torch: what is refused, what is read, what is written. The fits: tests/train."""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import FakeClassifier, Item, make_config, rss
from feedserver import Response

from media_coverage import cli, export, finetune, model_card, pipeline, train
from media_coverage.classify import EMBEDDED, load_classifier
from media_coverage.coded import CodedItem, Coding, fingerprint
from media_coverage.errors import InputError, MissingExtraError, ModelError, StoreError
from media_coverage.finetune import Base, Recipe
from media_coverage.framing import DEFAULT_FRAMES, Frames
from media_coverage.records import Code, Frame, Text
from media_coverage.store import open_store
from media_coverage.train import Identity, Setup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from feedserver import FeedServer

NOW = datetime(2026, 2, 3, 12, tzinfo=UTC)
OTHERS = Frames(Frame("escalation", "up", "Escalation"), Frame("de_escalation", "down", "De-escalation"))
BASE = Base(Path("base"), "tiny", "0" * 64, 64)


def items(*codes: tuple[tuple[int, int, int], int]) -> list[CodedItem]:
    """So many items of each combination of codes."""
    listed = [combination for combination, count in codes for _ in range(count)]
    return [CodedItem(str(i), Text(f"Text {i}"), combination) for i, combination in enumerate(listed)]


def fold_count(given: list[CodedItem], frames: Frames = DEFAULT_FRAMES) -> int:
    return train.fold_count(given, np.arange(len(given)), frames, "codes.csv")


# ---------------------------------------------------------------------- what the data allow


@pytest.mark.parametrize(
    ("first", "second", "off", "folds"), [(10, 30, 20, 2), (16, 30, 20, 3), (24, 24, 24, 4), (400, 300, 200, 5)]
)
def test_the_rarest_code_decides_the_number_of_folds(first: int, second: int, off: int, folds: int) -> None:
    given = items(((1, 1, 0), first), ((1, 0, 1), second), ((0, 0, 0), off))
    assert fold_count(given) == folds


REFUSED = [
    pytest.param(
        items(((1, 1, 0), 12), ((1, 0, 1), 12), ((0, 0, 0), 12)), "36 coded items .* code 4 more items ", id="items"
    ),
    pytest.param(
        items(((1, 1, 0), 40), ((1, 0, 1), 7), ((1, 0, 0), 9), ((0, 0, 0), 12)),
        "code 3 more with appease = 1 ",
        id="positives",
    ),
    pytest.param(items(((1, 1, 0), 40), ((1, 0, 1), 40)), "code 10 more with rel = 0 ", id="off topic"),
    pytest.param(items(((0, 0, 0), 50)), "rel = 1, 10 more with hope = 1, 10 more with hope = 0, ", id="relevant"),
]


@pytest.mark.parametrize(("given", "message"), REFUSED)
def test_too_little_is_refused_with_what_is_missing(given: list[CodedItem], message: str) -> None:
    with pytest.raises(InputError, match=f"codes.csv: .*{message}") as caught:
        fold_count(given)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_near_duplicates_count_once() -> None:
    given = items(((1, 1, 0), 40), ((1, 0, 1), 40), ((0, 0, 0), 12), ((1, 0, 0), 12))
    groups = np.arange(104)
    groups[40:80] = 40
    with pytest.raises(InputError, match="code 9 more with appease = 1 "):
        train.fold_count(given, groups, DEFAULT_FRAMES, "codes.csv")


def test_codes_that_coders_could_not_settle_count_for_neither_side() -> None:
    given = items(((1, 1, 0), 40), ((1, 0, 1), 12), ((0, 0, 0), 12))
    given[40:45] = [replace(item, codes=(1, 0, None)) for item in given[40:45]]
    with pytest.raises(InputError, match="code 3 more with appease = 1 "):
        fold_count(given)


def test_few_items_are_seen_more_often_but_not_without_end() -> None:
    assert [finetune.epochs_for(n) for n in (40, 150, 300, 600, 6000)] == [20, 15, 8, 4, 3]


# ---------------------------------------------------------------------- sources


@pytest.fixture
def database(feed_server: FeedServer, tmp_path: Path) -> Path:
    """A database with three articles and nobody's codes."""
    titles = ("Envoys meet in Valletta", "Markets wait for the talks", "Parliament debates the harvest")
    feed_server.serve("/ledger.xml", Response(rss([Item(title, "A lead.") for title in titles])))
    path = tmp_path / "coverage.db"
    pipeline.run(make_config(feed_server.url(), folder=tmp_path), database=path, classifier=FakeClassifier())
    return path


def add(database: Path, codes: Iterable[Code]) -> None:
    with open_store(database, read_only=False) as store:
        store.add_codes(codes, NOW)


def test_codes_are_stored_and_read_with_their_texts(database: Path) -> None:
    add(database, [Code(1, "ada", "1", True, (True, False), 2), Code(2, "ada", "1", False, purpose="audit")])
    with open_store(database) as store:
        first, second = store.codes().to_dict("records")
    assert (first["title"], first["summary"], first["outlet"]) == (
        "Envoys meet in Valletta",
        "A lead.",
        "Morning Ledger",
    )
    assert (first["rel"], first["hope"], first["appease"], first["certainty"]) == (1, 1, 0, 2)
    assert (first["coded_at"], second["purpose"], second["rel"]) == (NOW, "audit", 0)


def test_of_several_codes_the_newest_counts_and_a_batch_is_stored_whole_or_not_at_all(database: Path) -> None:
    add(database, [Code(1, "ada", "1", True)])
    with pytest.raises(StoreError, match=r"ada's code of text 2 cannot be stored .*CHECK.*; none was") as caught:
        add(database, [Code(1, "ada", "1", False), Code(2, "ada", "1", True, certainty=4)])
    assert caught.value.exit_code == 2
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        add(database, [Code(99, "ada", "1", True)])
    with pytest.raises(StoreError, match="CHECK"):
        add(database, [Code(2, "ada", "1", False, (True, False))])
    # Another codebook, another purpose, another coder: another row.
    others = (("ada", "2", "training"), ("ada", "1", "audit"), ("bob", "1", "training"))
    add(database, [Code(1, coder, book, True, purpose=purpose) for coder, book, purpose in others])
    with open_store(database) as store:
        assert store.codes()["version_id"].tolist() == [1, 1, 1, 1]
        assert store.codes()["newest"].tolist() == [0, 1, 1, 1], "ada coded it again, with another codebook"


def test_sources_are_read_together(database: Path, tmp_path: Path) -> None:
    add(database, [Code(1, "ada", "1.1", True, (True, False)), Code(2, "ada", "1.1", True, purpose="audit")])
    row = {"title": "A text of a file", "rel": 1, "hope": 0, "appease": 1}
    (tmp_path / "more.jsonl").write_text(json.dumps(row), encoding="utf-8")
    coding, frames = train.read_sources([database, tmp_path / "more.jsonl"], None)
    assert [(item.text.title, item.codes) for item in coding.items] == [
        ("Envoys meet in Valletta", (1, 1, 0)),
        ("A text of a file", (1, 0, 1)),
    ]
    assert (frames, coding.codebook_version) == (DEFAULT_FRAMES, "1.1")


def test_frames_come_from_the_configuration_or_else_from_the_database(database: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds the frames hopeful_peace"):
        train.read_sources([database], OTHERS)
    path = tmp_path / "others.db"
    open_store(path, read_only=False, frames=OTHERS).close()
    with pytest.raises(InputError, match=r"others\.db: holds no codes for training"):
        train.read_sources([path], OTHERS)
    (tmp_path / "codes.csv").write_text("title,rel,up,down\nTanks,1,1,0\n", encoding="utf-8")
    coding, frames = train.read_sources([tmp_path / "codes.csv"], OTHERS)
    assert (coding.items[0].codes, frames) == ((1, 1, 0), OTHERS)
    with pytest.raises(InputError, match=r"missing\.jsonl: cannot be read: No such file"):
        train.read_sources([tmp_path / "missing.jsonl"], None)


# ---------------------------------------------------------------------- bases and the extra


def write_base(folder: Path, config: object = None, *, files: Iterable[str] = ()) -> Path:
    folder.mkdir()
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    for name in files:
        (folder / name).write_bytes(b"x")
    return folder


BERT = {"model_type": "bert", "max_position_embeddings": 48}


@pytest.mark.parametrize(
    ("config", "files", "message"),
    [
        pytest.param(None, (), r"has no config\.json", id="no configuration"),
        pytest.param([], (), r"config\.json cannot be used", id="no mapping"),
        pytest.param({"model_type": "bert"}, (), r"config\.json cannot be used", id="no positions"),
        pytest.param(
            BERT | {"model_type": "gpt2"},
            (),
            "is of the kind 'gpt2'; --base takes an encoder of bert or mpnet",
            id="another kind",
        ),
        pytest.param(BERT, ("tokenizer.json",), r"needs tokenizer\.json and model\.safetensors or", id="no weights"),
        pytest.param(BERT, ("model.safetensors",), r"needs tokenizer\.json", id="no tokenizer"),
    ],
)
def test_a_folder_that_is_no_base_is_refused(tmp_path: Path, config: object, files: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        finetune.read_base(write_base(tmp_path / "base", config, files=files))


def test_a_base_is_known_by_its_weights_and_brings_its_licence(tmp_path: Path) -> None:
    files = ("tokenizer.json", "model.safetensors", "LICENSE", "Notice.txt", "README.md")
    base = finetune.read_base(write_base(tmp_path / "base", BERT, files=files))
    assert (base.name, base.max_positions) == ("base", 48)
    assert base.sha256 == "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    assert [path.name for path in base.licences] == ["LICENSE", "Notice.txt"]


@pytest.mark.parametrize("missing", ["torch", "onnx", "onnxscript"])
def test_without_the_extra_one_sentence_names_it(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SystemExit) as caught:
        cli.main(["train", "--from", str(tmp_path / "codes.csv"), "--out", str(tmp_path / "mine")])
    assert caught.value.code == 2
    assert capsys.readouterr().err == (
        "media-coverage: training needs more packages: pip install 'media-coverage[train]'\n"
    )
    assert not (tmp_path / "mine").exists()


def test_without_the_packaged_weights_a_base_or_the_extra_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])  # where installed packages are looked for
    with (
        pytest.raises(MissingExtraError, match=r"training without --base needs .*media-coverage\[train\]"),
        finetune.open_base([]),
    ):
        pass


# ---------------------------------------------------------------------- what is written


def sample(n: int = 120) -> tuple[Coding, Any, Any]:
    """Items, logits in both precisions, and folds."""
    rng = np.random.default_rng(4)
    codes = [((1, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 0))[i % 4] for i in range(n)]
    made = [
        CodedItem(str(i), Text(f"Text {i}", "A lead." * (i % 3 == 0)), c, 1 + i % 3, f"Outlet {i % 7}", "2026-02-03")
        for i, c in enumerate(codes)
    ]
    full = 2 * (2 * np.array(codes) - 1 + rng.normal(0, 0.9, (n, 3)))
    fold_of = np.arange(n) % 3
    stored = np.where(fold_of[:, None] == 0, full + 0.01, np.nan)
    return Coding(tuple(made), ("3 items left out: a reason",)), np.stack([full, stored]), fold_of


def manifest(frames: Frames = OTHERS) -> dict[str, Any]:
    coding, logits, fold_of = sample()
    setup, identity = Setup(BASE, Recipe(), (0, 1)), Identity("mine", "2026-02-03", "1.1", "en")
    return train.describe(coding, (), frames, setup, identity, logits, fold_of, {"torch": "2.9"})


def test_the_manifest_counts_scores_and_bounds() -> None:
    made = manifest()
    assert made["outputs"] == ["relevant", "up", "down"]
    training = made["training"]
    assert {name: training[name] for name in ("items", "relevant", "up", "down", "mixed", "headline_only")} == {
        "items": 120,
        "relevant": 90,
        "up": 30,
        "down": 30,
        "mixed": 0,
        "headline_only": 80,
    }
    assert (training["outlets"], training["first_date"], training["coin_flips"]) == (7, "2026-02-03", 40)
    scores = training["cross_validation"]
    assert scores["folds"] == 3
    figure = scores["macro_f1"]
    assert figure["low"] < figure["value"] < figure["high"]
    assert set(scores["f1_by_class"]) == {"escalation", "de_escalation", "neither"}
    stored = training["stored_against_computed"]
    assert stored["items"] == 30  # the relevant ones of the first fold, which alone is stored
    assert stored["label_agreement"] > 0.95
    assert 0 < stored["mean_probability_change"] < 0.01
    json.dumps(made)
    coding, *_ = sample()
    assert set(training["learned_from"].split()) == {fingerprint(item.text) for item in coding.items}


def test_items_without_all_their_codes_are_learned_from_and_not_scored() -> None:
    coding, logits, fold_of = sample()
    some = [replace(item, codes=(1, None, 0)) if i % 10 == 0 else item for i, item in enumerate(coding.items)]
    setup, identity = Setup(BASE, Recipe(), (0,)), Identity("mine", "1", "1", "en")
    made = train.describe(Coding(tuple(some)), (), OTHERS, setup, identity, logits, fold_of, {})
    assert made["training"]["items"] == 120
    assert made["training"]["cross_validation"]["items"] == 108


def test_the_card_says_what_the_model_is_worth_and_how_little_there_was() -> None:
    card = model_card.markdown(manifest())
    assert card.startswith("# Model card: mine\n")
    for words in (
        "Escalation (`up`)",
        "Codebook 1.1",
        "| items coded | 120 |",
        "The rarest frame has 30 items",
        "- 3 items left out: a reason",
        "Cross-validation in 3 folds on 120 items, 90 of them relevant",
        "no licence was found beside its weights",
        "On the 30 relevant items that the first fold holds out",
    ):
        assert words in card
    assert re.search(r"\| macro-F1 over escalation, de_escalation, neither \| 0\.\d\d \[0\.\d\d, \d\.\d\d\] \|", card)
    with_licence = manifest() | {"base": {"name": "b", "sha256": "0", "licences": ["LICENSE"]}}
    assert "its licence lies beside this card: LICENSE" in model_card.markdown(with_licence)


def test_a_written_folder_is_one_that_the_runtime_loads(tmp_path: Path) -> None:
    """With the weights that ship, which have three outputs whatever they are called."""
    work, out = tmp_path / "work", tmp_path / "deep" / "mine"
    work.mkdir()
    shutil.copy(EMBEDDED / "model.onnx", work)
    made = manifest()
    export.write_tokenizer(EMBEDDED / "tokenizer.json", work)
    export.write_folder(work, out, made)
    assert not list(work.iterdir())
    classifier = load_classifier(f"embedded:{out}", frames=OTHERS)
    assert classifier.info.model_id.startswith("mine@2026-02-03+")
    (framing,) = classifier.classify([Text("Leaders meet")])
    assert framing.label in OTHERS.labels
    with pytest.raises(ModelError, match="tells relevant, up, down apart"):
        load_classifier(f"embedded:{out}")


def test_a_tokenizer_neither_pads_nor_cuts(tmp_path: Path) -> None:
    tokenizer = json.loads((EMBEDDED / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer |= {"padding": {"strategy": {"Fixed": 128}}, "truncation": {"max_length": 128}}
    (tmp_path / "base.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    (tmp_path / "out").mkdir()
    export.write_tokenizer(tmp_path / "base.json", tmp_path / "out")
    written = json.loads((tmp_path / "out" / "tokenizer.json").read_text(encoding="utf-8"))
    assert (written["padding"], written["truncation"]) == (None, None)
    assert written["model"] == tokenizer["model"]


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("five years of work", encoding="utf-8")
    with pytest.raises(InputError, match="holds other files; name a new folder"):
        train.prepare(tmp_path)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="the model cannot be written there"):
        train.prepare(tmp_path / "file" / "mine")
    train.prepare(tmp_path / "new" / "mine")
    assert (tmp_path / "new" / "mine").is_dir()
    (tmp_path / "new" / "mine" / "model.json").write_text("{}", encoding="utf-8")
    train.prepare(tmp_path / "new" / "mine")
