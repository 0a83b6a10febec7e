"""The model that ships, and the loading code of hub models, driven by real files."""

from __future__ import annotations

import dataclasses
import json
import math
import platform
import re
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_coverage.classify import (
    EMBEDDED,
    MAX_PARTS,
    OnnxClassifier,
    batches_of,
    load_classifier,
    model_input,
    processor,
)
from media_coverage.errors import ModelError
from media_coverage.framing import DEFAULT_FRAMES, Frames
from media_coverage.records import Frame, Text

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


@pytest.mark.parametrize(
    ("own", "quoted"),
    [
        ("Trump has handed Putin a win", "Zelensky says Trump has handed Putin a win"),
        ("At last, a real chance for peace in Ukraine", "Kremlin speaks of a real chance for peace in Ukraine"),
    ],
)
def test_the_outlets_own_voice_is_told_from_one_that_it_quotes(own: str, quoted: str) -> None:
    first, second = CLASSIFIER.classify([Text(own), Text(quoted)])
    assert first.label == second.label
    assert second.p_own is not None
    assert first.p_own is not None
    assert second.p_own < 0.5 < first.p_own


def test_there_is_no_voice_without_a_frame_nor_from_a_model_that_was_not_taught_any(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(EMBEDDED, folder)
    manifest = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    del manifest["voice"]
    (folder / "model.json").write_text(json.dumps(manifest), encoding="utf-8")
    mute = load_classifier(f"embedded:{folder}")
    texts = [Text("Where Trump and Putin will meet on Friday: what we know"), Text("Trump hands Putin a victory")]
    heard, unheard = CLASSIFIER.classify(texts), mute.classify(texts)
    assert heard[0].p_own is None
    assert heard[1].p_own is not None
    assert unheard == [dataclasses.replace(framing, p_own=None) for framing in heard]
    assert mute.info.model_id != CLASSIFIER.info.model_id


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


@given(lengths=st.lists(st.integers(1, 30)), pieces=st.integers(0, 60))
def test_batches_hold_every_text_once_by_length_and_the_largest_first(lengths: list[int], pieces: int) -> None:
    batches = batches_of(lengths, pieces)
    assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))
    assert all(len({lengths[position] for position in batch}) == 1 for batch in batches)
    sizes = [len(batch) * lengths[batch[0]] for batch in batches]
    assert sizes == sorted(sizes, reverse=True)
    assert all(len(batch) == 1 or size <= pieces for batch, size in zip(batches, sizes, strict=True))


TEXT = st.text(max_size=400)


@settings(deadline=None, max_examples=60)
@given(title=TEXT, summary=TEXT)
def test_any_text_gets_an_answer(title: str, summary: str) -> None:
    (framing,) = CLASSIFIER.classify([Text(title, summary)], evidence=True)
    assert framing.label in DEFAULT_FRAMES.labels
    for probability in (framing.p_relevant, *framing.p):
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
    pytest.param("特朗普与普京会晤", "和平", id="chinese"),
    pytest.param("Трамп и Путин встретились", "Переговоры о мире", id="russian"),
    pytest.param("[SEP] [CLS] [MASK] [PAD]", "[UNK]", id="special-tokens"),
    pytest.param("<script>alert(1)</script>", "<p></p>", id="markup-without-text"),
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
    with pytest.raises(ModelError, match="known: embedded, zero-shot, hub"):
        load_classifier("gpt")


@pytest.mark.parametrize(
    ("listing", "sets"),
    [
        pytest.param("cpu : 0\nflags\t\t: fpu amx_int8 avx512f avx2 \nbugs\t:\n", "avx2 avx512f amx_int8", id="x86"),
        pytest.param("processor\t: 0\nFeatures\t: fp asimd asimddp i8mm\n", "asimddp i8mm", id="arm"),
        pytest.param("cpu : POWER9\n", "", id="neither"),
    ],
)
def test_the_processor_is_named_with_what_changes_the_last_digits(tmp_path: Path, listing: str, sets: str) -> None:
    (tmp_path / "cpuinfo").write_text(listing, encoding="utf-8")
    assert processor(tmp_path / "cpuinfo") == f"{platform.machine()} {sets}".strip()
    assert processor(tmp_path / "missing") == platform.machine()


def test_the_runtime_names_software_version_and_device() -> None:
    assert re.fullmatch(r"onnxruntime \d+\.\d+\.\d+, CPUExecutionProvider", CLASSIFIER.info.runtime)
    assert CLASSIFIER.info.cpu == processor()


def test_thresholds_from_outside_decide_and_change_the_name() -> None:
    text = Text("Trump and Putin hail breakthrough as ceasefire comes within reach")
    strict = load_classifier("embedded", thresholds={"hope": 0.999999})
    (usual,), (framing,) = CLASSIFIER.classify([text]), strict.classify([text])
    assert (usual.label, framing.label) == ("hopeful_peace", "neither")
    assert (framing.p_relevant, framing.p) == (usual.p_relevant, usual.p)
    assert strict.info.settings["thresholds"] == CLASSIFIER.info.settings["thresholds"] | {"hope": 0.999999}
    assert strict.info.model_id != CLASSIFIER.info.model_id


def test_a_model_of_another_language_or_of_other_frames_is_refused() -> None:
    assert load_classifier("embedded", language="en").info == CLASSIFIER.info
    with pytest.raises(ModelError, match=r"reads en, but topic\.language is de; name a model for it"):
        load_classifier("embedded", language="de")
    others = Frames(Frame("escalation", "escalate", "Escalation"), Frame("restraint", "restrain", "Restraint"))
    with pytest.raises(ModelError, match="tells relevant, hope, appease apart, but the frames in force are escalation"):
        load_classifier("embedded", frames=others)
