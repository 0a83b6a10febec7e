"""Tiny models in the form in which the hub has them: configuration, tokenizer, weights. Random, and fast to build."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NLI = ("entailment", "neutral", "contradiction")
TWO_WAY = ("entailment", "not_entailment")
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = """trump putin meet talks on ukraine and both sides call them a step toward peace critics say that the summit
rewards aggression betrays an ally others see chance for truce text presents about as or . , - '""".split()
PIECES = [*SPECIAL, *WORDS, *"bcdefghijklmnopqrstuvwxyz", *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")]


def word_pieces(folder: Path, **settings: Any) -> Path:
    """A BERT tokenizer of few pieces, as tokenizer.json and its configuration."""
    vocabulary = {piece: number for number, piece in enumerate(PIECES)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106 - no secret
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {f"{token.strip('[]').lower()}_token": token for token in SPECIAL}
    read = {"model_input_names": ["input_ids", "token_type_ids", "attention_mask"]}
    about = {"tokenizer_class": "PreTrainedTokenizerFast", **names, **read, **settings}
    (folder / "tokenizer_config.json").write_text(json.dumps(about), encoding="utf-8")
    return folder


def configuration(folder: Path, labels: Sequence[str], **settings: Any) -> Path:
    """config.json of a BERT sequence classifier with these labels."""
    about = {
        "model_type": "bert",
        "architectures": ["BertForSequenceClassification"],
        "vocab_size": len(PIECES),
        "id2label": dict(enumerate(labels)),
        "label2id": {label: number for number, label in enumerate(labels)},
        **settings,
    }
    (folder / "config.json").write_text(json.dumps(about), encoding="utf-8")
    return folder


def network(outputs: int, seed: int = 0, *, scale: float = 1.0, segments: bool = True) -> onnx.ModelProto:
    """Word pieces (and which of two texts they belong to) → embeddings → their mean → logits."""
    rng = np.random.default_rng(seed)
    weights = {
        "pieces": rng.normal(size=(len(PIECES), 16)),
        "segments": rng.normal(size=(2, 16)),
        "matrix": scale * rng.normal(size=(16, outputs)),
    }
    inputs = ["input_ids", "attention_mask", *(["token_type_ids"] if segments else [])]
    nodes = [helper.make_node("Gather", ["pieces", "input_ids"], ["embedded"])]
    if segments:
        nodes.append(helper.make_node("Gather", ["segments", "token_type_ids"], ["whose"]))
        nodes.append(helper.make_node("Mul", ["embedded", "whose"], ["told_apart"]))
    nodes += [
        helper.make_node("ReduceMean", ["told_apart" if segments else "embedded"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["mean", "matrix"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info(name, TensorProto.INT64, [1, "length"]) for name in inputs],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, outputs])],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def onnx_model(
    folder: Path,
    labels: Sequence[str] = NLI,
    weights: str = "onnx/model.onnx",
    *,
    seed: int = 0,
    scale: float = 1.0,
    segments: bool = True,
    **settings: Any,
) -> Path:
    """A whole folder; `settings` go into config.json."""
    (folder / weights).parent.mkdir(parents=True, exist_ok=True)
    word_pieces(configuration(folder, labels, **settings))
    onnx.save(network(len(labels), seed, scale=scale, segments=segments), folder / weights)
    return folder
