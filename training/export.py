"""From a fine-tuned network to the files the runtime loads: int8 ONNX, tokenizer, manifest."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer

from classifier import FramingClassifier, base_folder


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
    # The exporter's shape notes contradict the quantiser's own inference.
    del graph.graph.value_info[:]
    onnx.save(graph, str(path))


def quantise(source: Path, target: Path) -> None:
    """Dynamic int8, one scale per output channel.

    Weights keep seven bits: with eight, processors without VNNI saturate and scores would
    depend on the machine.
    """
    quantize_dynamic(
        source, target, weight_type=QuantType.QInt8, per_channel=True, reduce_range=REDUCE_RANGE
    )


REDUCE_RANGE = False


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


def write_folder(model: FramingClassifier, manifest: dict[str, Any], out: Path) -> Path:
    """Write the model folder's data files, then move them into place; returns the fp32 model's path.

    The full-precision model stays in a temporary folder, for the comparison with int8.
    """
    work = Path(tempfile.mkdtemp(prefix="framing-"))
    folder = work / "model"
    folder.mkdir()
    export_onnx(model, work / "fp32.onnx")
    quantise(work / "fp32.onnx", folder / "model.onnx")
    write_tokenizer(folder, int(manifest["max_tokens"]))
    manifest["files"] = {name: sha256(folder / name) for name in ("model.onnx", "tokenizer.json")}
    (folder / "model.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.iterdir()):
        shutil.move(str(path), str(out / path.name))
    return work / "fp32.onnx"
