"""From a fine-tuned network to the files the runtime loads: int8 ONNX, tokenizer, manifest."""

from __future__ import annotations

import hashlib
import json
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import torch
from tokenizers import Tokenizer

from .classifier import FramingClassifier, base_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


BLOCK = 64
SMALL_TABLES = (2, 512)


def export_onnx(model: FramingClassifier, path: Path) -> None:
    """Write full-precision ONNX with batch and length free."""
    ids = torch.ones(2, 9, dtype=torch.long)
    batch, length = torch.export.Dim("batch", max=1024), torch.export.Dim("length", max=512)
    shape = {0: batch, 1: length}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model.eval().float(),
            (ids, torch.ones_like(ids)),
            dynamo=True,
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_shapes={"input_ids": shape, "attention_mask": shape},
            verbose=False,
        )
    assert program is not None
    program.save(str(path))
    graph = onnx.load(str(path))
    # Notes about shapes of inner values: not needed, and wrong once the graph is rewritten.
    del graph.graph.value_info[:]
    onnx.save(graph, str(path))


def quantise(source: Path, target: Path) -> None:
    """Store every weight matrix as 8-bit integers, one scale per word or per 64 inputs of an output.

    Activations stay in full precision. Quantising them too, as dynamic int8 does, moved logits ten
    times as far, made a score depend on the other texts of its batch, and on the processor.
    """
    model = onnx.load(str(source))
    graph = model.graph
    matrices = {
        tensor.name: tensor
        for tensor in graph.initializer
        # The tables of positions and segments are small, and an error in them would reach every text.
        if len(tensor.dims) == 2 and tensor.data_type == onnx.TensorProto.FLOAT and tensor.dims[0] not in SMALL_TABLES
    }

    def store(values: NDArray[np.generic], name: str) -> str:
        graph.initializer.append(onnx.numpy_helper.from_array(values, name))
        return name

    def to_integers(values: NDArray[np.float32], axis: int, name: str) -> tuple[str, str]:
        scale = np.maximum(np.abs(values).max(axis=axis, keepdims=True), 1e-12) / np.float32(127)
        return store(np.rint(values / scale).astype(np.int8), f"{name}_int8"), store(scale, f"{name}_scale")

    def node(kind: str, inputs: list[str], output: str, **settings: int) -> str:
        nodes.append(onnx.helper.make_node(kind, inputs, [output], **settings))
        return output

    nodes: list[onnx.NodeProto] = []
    for old in list(graph.node):
        name = next((name for name in old.input if name in matrices), None)
        if old.op_type not in ("MatMul", "Gather") or name is None:
            nodes.append(old)
            continue
        values = onnx.numpy_helper.to_array(matrices[name])
        graph.initializer.remove(matrices[name])
        if old.op_type == "MatMul":
            # onnxruntime does this arithmetic once, when it loads the model.
            integers, scale = to_integers(values.reshape(-1, BLOCK, values.shape[1]), 1, name)
            floats = node("Cast", [integers], f"{name}_floats", to=onnx.TensorProto.FLOAT)
            scaled = node("Mul", [floats, scale], f"{name}_blocks")
            node("Reshape", [scaled, store(np.array(values.shape, dtype=np.int64), f"{name}_shape")], name)
            nodes.append(old)
        else:
            # Only the rows looked up become floats: the vocabulary is half of all weights.
            integers, scale = to_integers(values, 1, name)
            index, output = old.input[1], old.output[0]
            rows = node("Gather", [integers, index], f"{output}_rows")
            factors = node("Gather", [scale, index], f"{output}_factors")
            floats = node("Cast", [rows], f"{output}_floats", to=onnx.TensorProto.FLOAT)
            node("Mul", [floats, factors], output)
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


class Session:
    """An exported model, run as the runtime runs it: one text at a time, no padding."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def logits(self, tokens: Sequence[list[int]]) -> NDArray[np.float64]:
        rows = []
        for sequence in tokens:
            ids = np.array([sequence], dtype=np.int64)
            (row,) = self._session.run(["logits"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
            rows.append(np.asarray(row, dtype=np.float64)[0])
        return np.stack(rows)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_tokenizer(folder: Path, max_tokens: int) -> None:
    """The base model's tokenizer without its padding and truncation settings."""
    tokenizer = Tokenizer.from_file(str(base_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "sep", "pad", "cls", "mask")}
    config = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": max_tokens, **special}
    for name, content in (("tokenizer_config.json", config), ("special_tokens_map.json", special)):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def write_folder(model: FramingClassifier, manifest: dict[str, Any], out: Path) -> None:
    """Write the model folder's data files aside, then move them into place, the manifest last."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as name:
        work = Path(name)
        folder = work / "model"
        folder.mkdir()
        export_onnx(model, work / "fp32.onnx")
        quantise(work / "fp32.onnx", folder / "model.onnx")
        write_tokenizer(folder, int(manifest["max_tokens"]))
        manifest["files"] = {file: sha256(folder / file) for file in ("model.onnx", "tokenizer.json")}
        (folder / "model.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        for path in sorted(folder.iterdir(), key=lambda path: path.suffix == ".json"):
            path.replace(out / path.name)
