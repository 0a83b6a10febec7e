"""Hub models whose weights only torch can run: tiny random ones of the real architectures, saved as on the hub."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
import torch
import transformers
from hubmodels import NLI, PIECES, TWO_WAY, word_pieces
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from media_coverage.classify import load_classifier, model_input
from media_coverage.errors import ModelError
from media_coverage.framing import DEFAULT_FRAMES
from media_coverage.hub import HYPOTHESES
from media_coverage.records import Text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TEXTS = [
    Text("Trump and Putin meet for talks", "Critics say that the summit rewards aggression."),
    Text("A chance for a truce"),
    Text("", "The fox sees a dog."),
    Text("peace " * 300, "talks " * 90),
    Text("\N{DOVE OF PEACE} محادثات \x00 &amp;", "和平"),
]
SHAPE = {
    "vocab_size": len(PIECES),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "initializer_range": 0.6,  # large enough for different texts to differ
}
BERT: dict[str, Any] = {"type_vocab_size": 2}
ROBERTA: dict[str, Any] = {"type_vocab_size": 1}
DEBERTA: dict[str, Any] = {
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
    "position_buckets": 32,
    "max_relative_positions": -1,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "type_vocab_size": 0,
    "pooler_hidden_size": 32,
}
FAMILIES = {"Bert": BERT, "Roberta": ROBERTA, "DebertaV2": DEBERTA}


def network(family: str, labels: Sequence[str], **settings: Any) -> Any:
    torch.manual_seed(7)
    config = getattr(transformers, f"{family}Config")(
        **SHAPE | FAMILIES[family] | settings,
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
    )
    return getattr(transformers, f"{family}ForSequenceClassification")(config).eval()


def saved(folder: Path, family: str, labels: Sequence[str], **settings: Any) -> Path:
    network(family, labels, **settings).save_pretrained(folder)
    # Only BERT tells two texts apart by their numbers.
    names = ["input_ids", *(["token_type_ids"] if family == "Bert" else []), "attention_mask"]
    return word_pieces(folder, model_input_names=names)


def logits(folder: Path, *texts: str) -> list[float]:
    """What the weights say, worked out without the code under test."""
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    positions = 126  # the 128 of SHAPE, less the two that RoBERTa keeps
    tokens = AutoTokenizer.from_pretrained(folder)(
        *texts, truncation="only_first", max_length=positions, return_tensors="pt"
    )
    with torch.no_grad():
        return [float(value) for value in model(**tokens).logits[0]]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


@pytest.mark.parametrize(
    ("family", "labels"),
    [
        pytest.param("DebertaV2", NLI, id="deberta-three-way"),
        pytest.param("DebertaV2", TWO_WAY, id="deberta-two-way"),
        pytest.param("Roberta", ("CONTRADICTION", "NEUTRAL", "ENTAILMENT"), id="roberta"),
        pytest.param("Bert", NLI, id="bert"),
    ],
)
def test_an_inference_model_gives_entailment_against_contradiction(
    tmp_path: Path, family: str, labels: tuple[str, ...]
) -> None:
    folder = saved(tmp_path / "nli", family, labels)
    classifier = load_classifier(f"zero-shot:{folder}")
    framings = classifier.classify(TEXTS)
    for text, framing in zip(TEXTS, framings, strict=True):
        expected = []
        for output in DEFAULT_FRAMES.outputs:
            values = logits(folder, model_input(text, 60), HYPOTHESES[output])
            found = dict(zip([label.lower() for label in labels], values, strict=True))
            against = found["contradiction" if "contradiction" in found else "not_entailment"]
            expected.append(sigmoid(found["entailment"] - against))
        assert [framing.p_relevant, *framing.p] == pytest.approx(expected, rel=1e-4, abs=1e-7)
    assert len({framing.p for framing in framings}) > 1
    assert f"torch {torch.__version__}, cpu" in classifier.info.runtime


@pytest.mark.parametrize("family", FAMILIES)
def test_a_multi_label_model_gives_each_output_on_its_own(tmp_path: Path, family: str) -> None:
    labels = ("relevant", "hope", "appease")
    folder = saved(tmp_path / "multi", family, labels, problem_type="multi_label_classification")
    for text, framing in zip(TEXTS, load_classifier(f"hub:{folder}").classify(TEXTS), strict=True):
        expected = [sigmoid(value) for value in logits(folder, model_input(text, 60))]
        assert [framing.p_relevant, *framing.p] == pytest.approx(expected, rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_labels_of_a_single_label_model_are_summed(tmp_path: Path, family: str) -> None:
    labels = ("hopeful_peace", "appeasement", "mixed", "neither", "off_topic")
    folder = saved(tmp_path / "single", family, labels)
    for text, framing in zip(TEXTS, load_classifier(f"hub:{folder}").classify(TEXTS), strict=True):
        shares = torch.tensor(logits(folder, model_input(text, 60))).softmax(0)
        hope, appease, mixed, _, off = (float(share) for share in shares)
        expected = [1 - off, hope + mixed, appease + mixed]
        assert [framing.p_relevant, *framing.p] == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_a_score_is_the_same_bits_whatever_stands_around_it(tmp_path: Path) -> None:
    model = f"zero-shot:{saved(tmp_path / 'nli', 'DebertaV2', NLI)}"
    together = load_classifier(model).classify(TEXTS)
    again = load_classifier(model)
    assert again.classify(TEXTS[::-1])[::-1] == together
    assert [again.classify([text])[0] for text in TEXTS] == together


@pytest.mark.filterwarnings("ignore")  # the exporter warns about itself
def test_exported_weights_go_first_and_give_the_same_scores(tmp_path: Path) -> None:
    folder = saved(tmp_path / "nli", "DebertaV2", NLI)
    by_torch = load_classifier(f"zero-shot:{folder}")
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    model.config.return_dict = False
    ids = torch.ones((1, 12), dtype=torch.int64)
    (folder / "onnx").mkdir()
    torch.onnx.export(
        model,
        (ids, ids),
        folder / "onnx" / "model.onnx",
        input_names=["input_ids", "attention_mask"],
        output_names=["logits"],
        dynamic_axes={name: {1: "length"} for name in ("input_ids", "attention_mask")},
        dynamo=False,  # the new exporter gets the logits of such small models wrong (torch 2.13)
    )
    by_onnx = load_classifier(f"zero-shot:{folder}")
    assert "onnxruntime" in by_onnx.info.runtime
    assert by_onnx.info.model_id != by_torch.info.model_id
    for first, second in zip(by_torch.classify(TEXTS), by_onnx.classify(TEXTS), strict=True):
        assert second.p == pytest.approx(first.p, abs=1e-4)


def test_weights_come_in_one_file_in_several_or_in_the_old_format(tmp_path: Path) -> None:
    one = saved(tmp_path / "one", "Bert", NLI)
    several = word_pieces(saved(tmp_path / "several", "Bert", NLI))
    (several / "model.safetensors").unlink()
    network("Bert", NLI).save_pretrained(several, max_shard_size="20KB")
    assert len(list(several.glob("model-*.safetensors"))) > 1
    old = saved(tmp_path / "old", "Bert", NLI)
    (old / "model.safetensors").unlink()
    torch.save(network("Bert", NLI).state_dict(), old / "pytorch_model.bin")
    expected = load_classifier(f"zero-shot:{one}").classify(TEXTS)
    for folder in (several, old):
        assert load_classifier(f"zero-shot:{folder}").classify(TEXTS) == expected


def test_half_precision_weights_are_computed_in_full_precision(tmp_path: Path) -> None:
    folder = saved(tmp_path / "nli", "Bert", NLI)
    network("Bert", NLI).half().save_pretrained(folder)
    (framing,) = load_classifier(f"zero-shot:{folder}").classify(TEXTS[:1])
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    tokens = AutoTokenizer.from_pretrained(folder)(model_input(TEXTS[0], 60), HYPOTHESES["hope"], return_tensors="pt")
    with torch.no_grad():
        entailed, _, contradicted = (float(value) for value in model(**tokens).logits[0])
    assert framing.p[0] == pytest.approx(sigmoid(entailed - contradicted), rel=1e-5)


def _cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _headless(folder: Path) -> None:
    """As a pretrained model without the classifier that a task would train."""
    body = network("Bert", NLI).bert
    body.save_pretrained(folder, safe_serialization=True)
    about = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    about |= {"id2label": dict(enumerate(NLI)), "label2id": {name: number for number, name in enumerate(NLI)}}
    (folder / "config.json").write_text(json.dumps(about), encoding="utf-8")


def _too_narrow(folder: Path) -> None:
    network("Bert", TWO_WAY).save_pretrained(folder)
    about = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    about |= {"id2label": dict(enumerate(NLI)), "label2id": {name: number for number, name in enumerate(NLI)}}
    (folder / "config.json").write_text(json.dumps(about), encoding="utf-8")


def _not_finite(folder: Path) -> None:
    model = network("Bert", NLI)
    torch.nn.init.constant_(model.classifier.bias, math.nan)
    model.save_pretrained(folder)


DAMAGE = [
    pytest.param(_cut, "cannot be loaded", id="cut"),
    pytest.param(lambda folder: (folder / "model.safetensors").write_bytes(b""), "cannot be loaded", id="empty"),
    pytest.param(_headless, r"lacks weights: classifier\.bias, classifier\.weight", id="no-classifier"),
    pytest.param(_too_narrow, "cannot be loaded", id="other-labels"),
    pytest.param(_not_finite, "gives scores that are no numbers", id="not-finite"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGE)
def test_weights_that_cannot_be_used_are_said_in_one_sentence(tmp_path: Path, damage: Any, message: str) -> None:
    folder = saved(tmp_path / "nli", "Bert", NLI)
    damage(folder)
    with pytest.raises(ModelError, match=message) as caught:
        load_classifier(f"zero-shot:{folder}")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a device")
def test_a_device_that_is_missing_is_said_and_not_replaced(tmp_path: Path) -> None:
    folder = saved(tmp_path / "nli", "Bert", NLI)
    with pytest.raises(ModelError, match="cannot run on cuda, which is not available here: it needs an NVIDIA driver"):
        load_classifier(f"zero-shot:{folder}", device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no device here")
def test_on_a_device_the_scores_are_nearly_the_same(tmp_path: Path) -> None:
    folder = saved(tmp_path / "nli", "DebertaV2", NLI)
    there = load_classifier(f"zero-shot:{folder}", device="cuda")
    assert there.info.runtime.endswith(", cuda")
    for first, second in zip(
        load_classifier(f"zero-shot:{folder}").classify(TEXTS), there.classify(TEXTS), strict=True
    ):
        assert second.p == pytest.approx(first.p, abs=1e-3)
