"""How fast the embedded model could be if only its products of matrices took time. Started by benchmarks.classifier.

    python -m benchmarks.ceiling REPETITIONS

prints one JSON object: texts per second per repetition, operations per text, operations per second.

The products and their shapes are read off the model's graph, run with every length that occurs. Each shape is then
timed alone, its matrices in the cache, in numpy and in onnxruntime, by one process per core at the same time, with one
thread each. The better of the two counts, at its fastest call, less what a call with nothing to multiply costs. The
model itself has to fetch its weights from further away and to unpack them.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx
import onnxruntime

from media_coverage.classify import EMBEDDED, cores, load_tokenizer, model_input

from .contenders import MAX_TOKENS, SUMMARY_WORDS, split, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

CALLS = 7
MULTIPLYING = {"MatMul", "Gemm", "MatMulNBits"}


class Product(NamedTuple):
    """`batch` products of (rows, inner) by (inner, columns), of constant weights unless batch is above 1."""

    batch: int
    rows: int
    inner: int
    columns: int

    @property
    def operations(self) -> int:
        """Multiplications and additions."""
        return 2 * self.batch * self.rows * self.inner * self.columns


def lengths() -> Counter[int]:
    """How many of the texts have how many word pieces."""
    tokenizer = load_tokenizer(EMBEDDED / "tokenizer.json", MAX_TOKENS)
    texts = [model_input(text_of(row), SUMMARY_WORDS) for row in split()[0]]
    return Counter(len(tokenizer.encode(text).ids) for text in texts)


def _session(model: Any) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def products(wanted: Iterable[int]) -> dict[int, Counter[Product]]:
    """By length of a text, the products that the embedded model's graph computes for it."""
    model = onnx.load(EMBEDDED / "model.onnx")
    nodes = [node for node in model.graph.node if node.op_type in MULTIPLYING]
    pairs = [(node.input[0], node.output[0]) for node in nodes]
    shown = {output.name for output in model.graph.output}
    inner_values = {name for pair in pairs for name in pair} - shown
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in sorted(inner_values))
    session = _session(model)
    names = [output.name for output in session.get_outputs()]
    found = {}
    for length in wanted:
        ids = np.ones((1, length), dtype=np.int64)
        values = session.run(names, {"input_ids": ids, "attention_mask": ids})
        shapes = {name: value.shape for name, value in zip(names, values, strict=True)}
        found[length] = Counter(_product(shapes[left], shapes[result]) for left, result in pairs)
    return found


def _product(left: tuple[int, ...], result: tuple[int, ...]) -> Product:
    batch = math.prod(result[:-2]) if len(result) > 3 else 1  # four dimensions: one product per head
    return Product(batch, math.prod(result[:-1]) // batch, left[-1], result[-1])


def _model(product: Product) -> Any:
    """A graph of that one product; the rows are free, and so is all of it where no factor is constant."""
    helper, number = onnx.helper, onnx.TensorProto.FLOAT

    def value(name: str, *shape: str) -> Any:
        return helper.make_tensor_value_info(name, number, shape)

    left, right = value("a", "batch", "rows", "inner"), value("b", "batch", "inner", "columns")
    result = value("c", "batch", "rows", "columns")
    weights = []
    if product.batch == 1:
        values = np.ones((product.inner, product.columns), dtype=np.float32)
        weights = [onnx.numpy_helper.from_array(values, "b")]
    node = helper.make_node("MatMul", ["a", "b"], ["c"])
    inputs = [left] if weights else [left, right]
    graph = helper.make_graph([node], "product", inputs, [result], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def _fastest(call: Callable[[], object]) -> float:
    """Seconds of the fastest of some calls."""
    seconds = []
    for _ in range(CALLS):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


class Rates:
    """Times products in numpy and in onnxruntime."""

    def __init__(self) -> None:
        self._sessions: dict[tuple[int, int, int], Any] = {}
        self._idle = (0.0, 0.0)
        self._idle = self._both(Product(1, 1, 1, 1))

    def _both(self, product: Product) -> tuple[float, float]:
        left = np.ones((product.batch, product.rows, product.inner), dtype=np.float32)
        right = np.ones((product.batch, product.inner, product.columns), dtype=np.float32)
        result = np.empty((product.batch, product.rows, product.columns), dtype=np.float32)
        constant = product.batch == 1
        key = (1, product.inner, product.columns) if constant else (2, 0, 0)
        if key not in self._sessions:
            self._sessions[key] = _session(_model(product))
        session = self._sessions[key]
        binding = session.io_binding()
        binding.bind_cpu_input("a", left)
        if not constant:
            binding.bind_cpu_input("b", right)
        binding.bind_output("c", "cpu")
        return (
            _fastest(lambda: np.matmul(left, right, out=result)),
            _fastest(lambda: session.run_with_iobinding(binding)),
        )

    def seconds(self, product: Product) -> float:
        """Of the better of the two."""
        taken = zip(self._both(product), self._idle, strict=True)
        return min(max(whole - idle, 1e-9) for whole, idle in taken)


def _seconds_per_text(needed: Mapping[Product, int], texts: int, repetitions: int) -> list[float]:
    """One core's part: seconds of all products of all texts, divided by the texts, per repetition."""
    rates = Rates()
    return [
        sum(count * rates.seconds(product) for product, count in needed.items()) / texts
        for _ in range(repetitions + 1)  # the first warms up
    ][1:]


def measured(repetitions: int) -> dict[str, Any]:
    """The ceiling of all cores together."""
    counts = lengths()
    texts = counts.total()
    by_length = products(sorted(counts))
    needed: Counter[Product] = Counter()
    for length, times in counts.items():
        for product, count in by_length[length].items():
            needed[product] += count * times
    with ProcessPoolExecutor(cores(), multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(_seconds_per_text, dict(needed), texts, repetitions) for _ in range(cores())]
        parts = [job.result() for job in jobs]
    rates = [sum(1 / seconds for seconds in of_one) for of_one in zip(*parts, strict=True)]
    operations = sum(product.operations * count for product, count in needed.items()) / texts
    return {
        "texts_per_second": rates,
        "operations_per_text": operations,
        "operations_per_second": [operations * rate for rate in rates],
        "pieces_per_text": sum(length * times for length, times in counts.items()) / texts,
    }


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]))))
