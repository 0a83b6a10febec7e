"""From a fine-tuned network to the folder the runtime loads: 4-bit ONNX, tokenizer, manifest. The only user of onnx."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from .classify import sha256
from .finetune import BLOCK, TINY

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

FLOAT_ARITHMETIC = 1
"""Accuracy level of MatMulNBits at which the inputs stay in full precision."""

VOCABULARY = "word_embeddings"
"""The one embedding table that is quantised: those of positions and segments are small and reach every text."""

RUNTIME_DOMAIN = "com.microsoft"
"""Of onnxruntime's own operators: MatMulNBits multiplies by packed weights in full precision."""


def to_grid(blocks: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Of (…, block) numbers the 4-bit codes (…, block) and the scales (…): a number is (code - 8) · scale.

    The number with the largest size has the code 0, so that its block uses all 16 values.
    """
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=-1, keepdims=True), axis=-1)
    scale = (largest / np.float32(-8)).astype(np.float32)
    scale[scale == 0] = TINY
    codes = np.clip(np.rint(blocks / scale), -8, 7) + 8
    return codes.astype(np.uint8), scale[..., 0]


def _packed(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Two neighbours in a byte, the first in the lower half."""
    return np.asarray(codes[..., 0::2] | codes[..., 1::2] << 4, dtype=np.uint8)


def quantise(source: Path, target: Path) -> None:
    """Store every weight matrix and the vocabulary in 4 bits, with a scale per BLOCK numbers.

    Activations stay in full precision. Quantising them too, as dynamic int8 does, moved logits ten times as far,
    and made a score depend on the other texts of its batch and on the processor.
    """
    import onnx

    model = onnx.load(str(source))
    graph = model.graph
    tables = {t.name: t for t in graph.initializer if len(t.dims) == 2 and t.data_type == onnx.TensorProto.FLOAT}

    def store(values: npt.ArrayLike, name: str) -> str:
        graph.initializer.append(onnx.numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(kind: str, inputs: list[str], output: str, **settings: Any) -> str:
        nodes.append(onnx.helper.make_node(kind, inputs, [output], **settings))
        return output

    nodes: list[Any] = []
    for old in list(graph.node):
        name = next((name for name in old.input if name in tables), None)
        is_table = old.op_type == "Gather" and VOCABULARY in (name or "") and tables[name].dims[1] % BLOCK == 0
        is_matrix = old.op_type == "MatMul" and name is not None and tables[name].dims[0] % BLOCK == 0
        if name is None or not (is_table or is_matrix):
            nodes.append(old)
            continue
        values = onnx.numpy_helper.to_array(tables[name])
        graph.initializer.remove(tables[name])
        output = old.output[0]
        if is_matrix:
            inputs, outputs = values.shape
            codes, scale = to_grid(values.T.reshape(outputs, -1, BLOCK))
            weights = [store(_packed(codes), f"{name}_codes"), store(scale.ravel(), f"{name}_scale")]
            settings = {"K": inputs, "N": outputs, "bits": 4, "block_size": BLOCK, "accuracy_level": FLOAT_ARITHMETIC}
            node("MatMulNBits", [old.input[0], *weights], output, domain=RUNTIME_DOMAIN, **settings)
        else:
            # Only the rows looked up become floats: the vocabulary is a third of all weights.
            codes, scale = to_grid(values.reshape(len(values), -1, BLOCK))
            of_words = node("Gather", [store(_packed(codes), f"{name}_codes"), old.input[1]], f"{output}_codes")
            scales = node("Gather", [store(scale[..., None], f"{name}_scale"), old.input[1]], f"{output}_scales")
            low = node("BitwiseAnd", [of_words, store(np.uint8(15), f"{name}_low")], f"{output}_low")
            high = node("BitShift", [of_words, store(np.uint8(4), f"{name}_four")], f"{output}_high", direction="RIGHT")
            ends = store(np.array([-1], dtype=np.int64), f"{name}_end")
            pair = [node("Unsqueeze", [half, ends], f"{half}_last") for half in (low, high)]
            both = node("Concat", pair, f"{output}_both", axis=-1)
            floats = node("Cast", [both], f"{output}_floats", to=onnx.TensorProto.FLOAT)
            centred = node("Sub", [floats, store(np.float32(8), f"{name}_eight")], f"{output}_centred")
            shape = store(np.array([0, 0, -1, BLOCK], dtype=np.int64), f"{name}_blocks")
            scaled = node("Mul", [node("Reshape", [centred, shape], f"{output}_blocks"), scales], f"{output}_scaled")
            flat = store(np.array([0, 0, values.shape[1]], dtype=np.int64), f"{name}_width")
            node("Reshape", [scaled, flat], output)
    del graph.node[:]
    graph.node.extend(nodes)
    model.opset_import.append(onnx.helper.make_opsetid(RUNTIME_DOMAIN, 1))
    _strip(model)
    onnx.save(model, str(target))


VOICE = "voice"
"""The graph's second output, where it has one: the logit of the frame being in the outlet's own voice."""


def layers(source: Path) -> int:
    """How many layers the encoder of a graph has. BERT and MPNet normalise once before them, and twice in each."""
    import onnx

    return (len(_normalised(onnx.load(str(source)).graph)) - 1) // 2


def _normalised(graph: Any) -> list[str]:
    return [node.output[0] for node in graph.node if node.op_type == "LayerNormalization"]


def add_states(source: Path, target: Path, layer: int) -> None:
    """Give a graph that `quantise` wrote the output VOICE: the mean of a text's token states after `layer` layers.

    The mean is the product of matrices that the graph ends with, so that it is the same bits in any company.
    """
    _with_voice(source, target, layer, [])


def add_voice(source: Path, target: Path, layer: int, weights: npt.NDArray[np.float64], bias: float) -> None:
    """Give a graph that `quantise` wrote the output VOICE: a logit, linear in what `add_states` gives.

    An output VOICE that it has is replaced.
    """
    _with_voice(source, target, layer, [weights.reshape(-1, 1), np.array([bias])])


def _with_voice(source: Path, target: Path, layer: int, linear: list[npt.NDArray[np.float64]]) -> None:
    import onnx

    model = onnx.load(str(source))
    graph = model.graph
    for part in (graph.node, graph.initializer, graph.output):
        for old in [each for each in part if each.name.startswith(VOICE)]:
            part.remove(old)
    made_by = {output: node for node in graph.node for output in node.output}
    states = _normalised(graph)[2 * layer]
    squeezed = made_by[made_by["logits"].input[0]]
    shares, axes = made_by[squeezed.input[0]].input[0], squeezed.input[1]
    weights = [f"{VOICE}_{what}" for what in ("weight", "bias")][: len(linear)]
    for name, values in zip(weights, linear, strict=True):
        graph.initializer.append(onnx.numpy_helper.from_array(values.astype(np.float32), name))
    steps = [("MatMul", [shares, states]), ("Squeeze", [f"{VOICE}_0", axes]), ("Gemm", [f"{VOICE}_1", *weights])]
    steps = steps if linear else steps[:2]
    for number, (kind, inputs) in enumerate(steps):
        output = VOICE if number == len(steps) - 1 else f"{VOICE}_{number}"
        graph.node.append(onnx.helper.make_node(kind, inputs, [output], name=f"{VOICE}_{kind}"))
    shape = [graph.output[0].type.tensor_type.shape.dim[0].dim_param, 1 if linear else None]
    graph.output.append(onnx.helper.make_tensor_value_info(VOICE, onnx.TensorProto.FLOAT, shape))
    onnx.save(model, str(target))


def _strip(model: Any) -> None:
    """Drop the exporter's notes: shapes that are no longer true, and the paths of this machine's source files."""
    graph = model.graph
    del graph.value_info[:]
    for part in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.doc_string = ""


def write_tokenizer(source: Path, folder: Path) -> None:
    """The base's tokenizer.json without its padding and truncation, which are the runtime's to set."""
    tokenizer = json.loads(source.read_text(encoding="utf-8"))
    tokenizer["padding"] = tokenizer["truncation"] = None
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")


def write_json(content: object, path: Path) -> None:
    """Two blanks of indentation, and a line end."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_folder(folder: Path, out: Path, manifest: dict[str, Any]) -> None:
    """Move the files of `folder` into the model folder `out`, adding the manifest last.

    Whoever loads the folder meanwhile meets hashes that do not fit, never a mixture that looks whole.
    """
    manifest["files"] = {name: sha256(folder / name) for name in ("model.onnx", "tokenizer.json")}
    write_json(manifest, folder / "model.json")
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.iterdir(), key=lambda path: path.name == "model.json"):
        shutil.move(path, out / path.name)
