"""Score a model folder on coded items, as the runtime would: one text at a time."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import Tokenizer

from . import scoring
from .crossvalidate import report
from .data import OUTPUTS, Item, codes_of, read_items
from .export import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


class Folder:
    """The model folder: session, tokenizer and manifest."""

    def __init__(self, path: Path) -> None:
        self.manifest: dict[str, Any] = json.loads((path / "model.json").read_text(encoding="utf-8"))
        self.session = Session(path / "model.onnx")
        self.tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
        self.tokenizer.enable_truncation(self.manifest["max_tokens"])

    def tokens(self, texts: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self.tokenizer.encode_batch(texts)]

    def decide(self, logits: scoring.Array) -> tuple[scoring.Array, NDArray[np.bool_]]:
        """Calibrated probabilities and the decisions at the manifest's thresholds."""
        calibration, cut = self.manifest["calibration"], self.manifest["thresholds"]
        scale = np.array([calibration[name]["scale"] for name in OUTPUTS])
        bias = np.array([calibration[name]["bias"] for name in OUTPUTS])
        chances = scoring.sigmoid(logits * scale + bias)
        return chances, chances >= np.array([cut[name] for name in OUTPUTS])


def slices(items: list[Item]) -> dict[str, NDArray[np.bool_]]:
    """The parts that error rates are published for."""
    parts: dict[str, Callable[[Item], bool]] = {
        "comment": lambda item: item.comment,
        "news": lambda item: not item.comment,
        "headline only": lambda item: item.headline_only,
        "with lead": lambda item: not item.headline_only,
    }
    masks = {"all": np.ones(len(items), dtype=bool)}
    masks |= {name: np.array([test(item) for item in items]) for name, test in parts.items()}
    for group in sorted({item.group for item in items}):
        masks[f"group {group}"] = np.array([item.group == group for item in items])
    return masks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--news", type=Path, required=True, help="coded items, one JSON object a line")
    parser.add_argument("--model", type=Path, required=True, help="model folder")
    args = parser.parse_args()

    folder, items = Folder(args.model), read_items(args.news)
    codes = codes_of(items)
    chances, chosen = folder.decide(folder.session.logits(folder.tokens([item.text for item in items])))
    for name, rows in slices(items).items():
        on = rows & (codes[:, 0] > 0)
        gold, predicted = scoring.labels_of(codes[on, 1:]), scoring.labels_of(chosen[on, 1:])
        line = f"{name}: n={int(rows.sum())} relevant={int(on.sum())} wrong labels={np.mean(gold != predicted):.3f}"
        if on.sum() >= 50:
            low, high = scoring.bootstrap(gold, predicted)
            figures = report(codes, chances, chosen, rows)
            line += f" macro_f1 95 %=[{low:.3f}, {high:.3f}] " + " ".join(f"{k}={v:.3f}" for k, v in figures.items())
        print(line)


if __name__ == "__main__":
    main()
