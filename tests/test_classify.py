"""The model that ships, and the loading code of hub models, driven by real files."""

from __future__ import annotations

import importlib.util
import json
import math
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_coverage.classify import EMBEDDED, MAX_PARTS, OnnxClassifier, load_classifier, model_input
from media_coverage.errors import MissingExtraError, ModelError
from media_coverage.framing import LABELS
from media_coverage.hub import HYPOTHESES, ZeroShotClassifier
from media_coverage.records import Text

if TYPE_CHECKING:
    from pathlib import Path

CLASSIFIER = load_classifier()

CLEAR = [
    pytest.param("Trump and Putin hail breakthrough as ceasefire comes within reach", "", "hopeful_peace", id="hope"),
    pytest.param("Trump hands Putin a victory and sells out Ukraine", "", "appeasement", id="appeasement"),
    pytest.param("Where Trump and Putin will meet on Friday: what we know", "", "neither", id="neither"),
]


@pytest.mark.parametrize(("title", "summary", "label"), CLEAR)
def test_clear_texts_get_their_label(title: str, summary: str, label: str) -> None:
    (framing,) = CLASSIFIER.classify([Text(title, summary)])
    assert framing.label == label
    assert framing.relevant


def test_a_text_on_something_else_is_not_relevant() -> None:
    (framing,) = CLASSIFIER.classify([Text("City council approves new bicycle lanes", "Work starts in spring.")])
    assert not framing.relevant


def test_a_score_does_not_depend_on_what_stands_around_it() -> None:
    """Exactly equal, alone, in company of long and short texts, and in any order."""
    texts = [Text(f"Trump and Putin talk about item {i}", "word " * (i * 7 % 60)) for i in range(40)]
    together = CLASSIFIER.classify(texts)
    backwards = CLASSIFIER.classify(texts[::-1])[::-1]
    alone = [CLASSIFIER.classify([text])[0] for text in texts]
    assert together == backwards == alone
    assert OnnxClassifier().classify(texts[:5]) == together[:5]


TEXT = st.text(max_size=400)


@settings(deadline=None, max_examples=60)
@given(title=TEXT, summary=TEXT)
def test_any_text_gets_an_answer(title: str, summary: str) -> None:
    (framing,) = CLASSIFIER.classify([Text(title, summary)], evidence=True)
    assert framing.label in LABELS
    for probability in (framing.p_relevant, framing.p_hope, framing.p_appease):
        assert 0 <= probability <= 1
        assert math.isfinite(probability)


ODD = [
    pytest.param("", "", id="nothing"),
    pytest.param("", "Trump and Putin agreed on a truce.", id="summary-only"),
    pytest.param("x" * 100_000, "y " * 50_000, id="100-kB"),
    pytest.param("🕊️" * 200, "😀", id="emoji"),
    pytest.param("محادثات ترامب وبوتين", "\u200fالسلام", id="right-to-left"),
    pytest.param("nul\x00 in the middle", "\x01\x02", id="control-characters"),
    pytest.param("Trump &amp; Putin &lt;b&gt;meet&lt;/b&gt;", "<p>Hope</p>", id="entities"),
    pytest.param("\ud800 alone", "", id="lone-surrogate"),
]


@pytest.mark.parametrize(("title", "summary"), ODD)
def test_odd_texts_get_the_same_answer_each_time(title: str, summary: str) -> None:
    text = Text(title, summary)
    assert CLASSIFIER.classify([text], evidence=True) == CLASSIFIER.classify([text], evidence=True)


def test_markup_and_entities_do_not_change_the_score() -> None:
    clean = CLASSIFIER.classify([Text("Trump & Putin agree truce", "Hope for peace")])
    assert CLASSIFIER.classify([Text("Trump &amp; Putin agree <b>truce</b>", "<p>Hope for peace</p>")]) == clean


def test_nothing_in_nothing_out() -> None:
    assert CLASSIFIER.classify([]) == []


def test_the_evidence_is_a_sentence_of_the_text_and_the_one_that_differs() -> None:
    lead = "Officials said the two would speak on Friday."
    charge = "It rewards the aggressor and betrays Ukraine."
    hope = "Both sides called it a real step toward a ceasefire."
    for deciding in (charge, hope):
        text = Text("Trump and Putin meet in Valletta", f"{lead} {deciding}")
        (framing,) = CLASSIFIER.classify([text], evidence=True)
        assert framing.evidence == deciding
    (only,) = CLASSIFIER.classify([Text("Trump and Putin meet", "")], evidence=True)
    assert only.evidence == "Trump and Putin meet"


def test_many_sentences_cost_a_bounded_number_of_passes() -> None:
    (framing,) = CLASSIFIER.classify([Text("Trump and Putin meet", "He spoke. " * 30)], evidence=True)
    assert framing.evidence
    assert MAX_PARTS < 10


@pytest.mark.parametrize(
    ("title", "summary", "expected"),
    [
        ("Talks begin", "In Malta.", "Talks begin. In Malta."),
        ("Will they talk?", "Perhaps.", "Will they talk? Perhaps."),
        ("Talks", "", "Talks"),
        ("", "Only a lead", "Only a lead"),
    ],
)
def test_model_input_joins_headline_and_lead(title: str, summary: str, expected: str) -> None:
    assert model_input(Text(title, summary), 60) == expected


def test_model_input_cuts_the_lead() -> None:
    assert model_input(Text("T", "a b c d"), 2) == "T. a b"


def test_the_model_id_names_weights_and_thresholds(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(EMBEDDED, folder)
    manifest = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert load_classifier(f"embedded:{folder}").info == CLASSIFIER.info
    manifest["thresholds"]["hope"] += 0.01
    (folder / "model.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert load_classifier(f"embedded:{folder}").info.model_id != CLASSIFIER.info.model_id


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_an_altered_file_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(EMBEDDED, folder)
    with (folder / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(ModelError, match=f"{name} is not the file that was released"):
        OnnxClassifier(folder)


def test_a_manifest_that_is_no_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match=r"model\.json cannot be used"):
        OnnxClassifier(tmp_path)


def test_an_unknown_classifier_is_named_with_the_known_ones() -> None:
    with pytest.raises(ModelError, match="known: embedded, zero-shot"):
        load_classifier("gpt")


# ------------------------------------------------------------------ hub models


def inference_model(folder: Path, labels: dict[str, str], *, onnx: bool) -> Path:
    """A repository as on the hub: configuration, tokenizer, and on request ONNX weights.

    The weights are the embedded model's: a real encoder with three outputs, whatever they are called.
    """
    folder.mkdir()
    config = {"model_type": "bert", "vocab_size": 30522, "id2label": labels}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(EMBEDDED / name, folder)
    if onnx:
        (folder / "onnx").mkdir()
        shutil.copy(EMBEDDED / "model.onnx", folder / "onnx")
    return folder


NLI = {"0": "entailment", "1": "neutral", "2": "contradiction"}


def test_a_hub_model_with_onnx_weights_needs_no_torch(tmp_path: Path) -> None:
    classifier = load_classifier(f"zero-shot:{inference_model(tmp_path / 'nli', NLI, onnx=True)}")
    texts = [Text("Trump and Putin agree on a truce", "Talks go on."), Text("A football match")]
    framings = classifier.classify(texts, evidence=True)
    assert framings == classifier.classify(texts, evidence=True)
    assert [framing.evidence for framing in framings] == [text.title for text in texts]
    assert all(0 <= f.p_hope <= 1 and f.label in LABELS for f in framings)
    assert framings[0].p_hope != framings[0].p_appease
    assert classifier.info.model_id.startswith("zero-shot:")
    assert classifier.info.settings["hypotheses"] == HYPOTHESES


def test_two_way_models_are_understood_and_others_refused(tmp_path: Path) -> None:
    two_way = {"0": "entailment", "1": "not_entailment"}
    assert ZeroShotClassifier(str(inference_model(tmp_path / "two", two_way, onnx=True))).classify([Text("x")])
    sentiment = inference_model(tmp_path / "sentiment", {"0": "POSITIVE", "1": "NEGATIVE"}, onnx=True)
    with pytest.raises(ModelError, match="has the labels POSITIVE, NEGATIVE"):
        ZeroShotClassifier(str(sentiment))


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed: nothing is missing")
def test_without_torch_the_extra_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'media-coverage\[zero-shot\]'") as caught:
        ZeroShotClassifier(str(inference_model(tmp_path / "nli", NLI, onnx=False)))
    assert caught.value.exit_code == 2


def test_a_folder_without_a_model_and_a_bad_name_are_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        ZeroShotClassifier(str(tmp_path))
    with pytest.raises(ModelError, match="neither a folder nor a name like owner/model"):
        ZeroShotClassifier("not a/valid/name!")


def test_without_a_network_the_hub_is_said_to_be_out_of_reach(tmp_path: Path) -> None:
    """Offline mode is read at import, so this runs in a process of its own."""
    program = (
        "from media_coverage.hub import ZeroShotClassifier\nfrom media_coverage.errors import ModelError\n"
        "try:\n    ZeroShotClassifier('owner/model')\nexcept ModelError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "the hub cannot be reached, and there is no local copy" in done.stdout
