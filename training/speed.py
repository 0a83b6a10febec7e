"""What a step of a fit costs in processor time, and what could be spared. Learns from authored items, keeps nothing."""

from __future__ import annotations

import argparse
import dataclasses
import random
import tempfile
import time
from pathlib import Path

from media_coverage import export, finetune
from media_coverage.finetune import Recipe, open_base, texts_of

from .items import read_corpus

SETTINGS: dict[str, dict[str, float]] = {
    "as released, the weights free": {"grid_share": 0.0},
    "as released, on the grid": {"grid_share": 1.0},
    "two layers frozen": {"grid_share": 0.0, "frozen_layers": 2},
    "four layers frozen": {"grid_share": 0.0, "frozen_layers": 4},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=12, help="of each setting")
    parser.add_argument("--rounds", type=int, default=3, help="through all settings")
    args = parser.parse_args()

    corpus = read_corpus()
    released = Recipe()
    items = random.Random(0).sample(corpus, args.steps * released.batch)  # noqa: S311
    with open_base(texts_of(corpus, released)) as base:
        start = time.process_time()
        network = finetune.network(base, released)
        loading = time.process_time() - start
        data = finetune.examples(items, base, released)
        print("| | seconds of processor time a step, the least of the rounds |\n|---|---:|")
        least = dict.fromkeys(SETTINGS, float("inf"))
        for _ in range(args.rounds):  # a neighbour on the processor slows all settings alike, or one of them
            for name, changed in SETTINGS.items():
                recipe = dataclasses.replace(released, epochs=1, **changed)  # type: ignore[arg-type]
                start = time.process_time()
                finetune.fit(data, base, recipe, seed=0)
                least[name] = min(least[name], time.process_time() - start - loading)
        for name, seconds in least.items():
            print(f"| {name} | {seconds / args.steps:.2f} |")
        lengths = [len(pieces) for pieces in finetune.tokenise(corpus, base, released)]
        print("\n| batches in a pool | word pieces with padding, to those without |\n|---|---:|")
        for pool in (released.pool, 64):
            texts = [[0] * length for length in lengths]
            batches = finetune.batches(texts, released.batch, pool, random.Random(0))  # noqa: S311
            padded = sum(len(batch) * max(lengths[i] for i in batch) for batch in batches)
            print(f"| {pool} | {padded / sum(lengths):.3f} |")
        with tempfile.TemporaryDirectory() as folder:
            start = time.process_time()
            finetune.save_onnx(finetune.snapped(network.eval()), Path(folder) / "fp32.onnx")
            export.quantise(Path(folder) / "fp32.onnx", Path(folder) / "model.onnx")
            print(f"\nTo convert a network into a file: {time.process_time() - start:.0f} seconds.")


if __name__ == "__main__":
    main()
