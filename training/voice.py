"""Could a fourth output tell whose voice a frame is in: the outlet's own, or only that of people it quotes?

Counts the coded voices, then predicts them out of fold, on items that carry a frame: from the frame alone, from words,
from a frozen encoder, from the released network after each of its layers (which has learned these items' frames, and no
voice), and with --network from an encoder fine-tuned for it. Positive is the outlet's own voice, alone or beside a
quoted one. Needs scikit-learn (extra `baselines`). With --release it does none of that, but teaches the network in a
model folder to tell voices, as `media-coverage train` does in the end, and leaves its other outputs as they are.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from media_coverage import export
from media_coverage.agreement import alpha
from media_coverage.calibration import sigmoid
from media_coverage.classify import EMBEDDED, sha256
from media_coverage.coded import CodedItem, code_array, read
from media_coverage.evaluation import average_precision
from media_coverage.finetune import Recipe, open_base, texts_of
from media_coverage.train import Setup, add_voice, hear, out_of_fold

from .baselines import embeddings, linear_model, tfidf_model
from .crossvalidate import folds_of
from .items import CORPUS, FRAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Booleans = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Folds = Sequence[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]

VOICES = {"outlet": "own", "quoted": "only quoted", "both": "both"}
"""As coded items have them."""


def framed(paths: Sequence[Path]) -> tuple[list[CodedItem], list[str]]:
    """The items of the files that carry a frame and have a voice, and their voices."""
    items = [item for path in paths for item in read(path, FRAMES).items if item.own is not None]
    return items, [str(item.voice) for item in items]


def counts(items: Sequence[CodedItem], voices: Sequence[str]) -> str:
    """A table: frame and certainty against voice."""
    codes, own = code_array(items), Counter[tuple[str, str]]()
    for item, carried, voice in zip(items, codes, voices, strict=True):
        for frame, carries in zip(FRAMES.names, carried[1:], strict=True):
            if carries:
                own[frame, voice] += 1
        own[("", "sure", "leaning", "coin-flip")[item.certainty], voice] += 1
    lines = [f"| | {' | '.join(VOICES.values())} | own voice |", "|---|---:|---:|---:|---:|"]
    for name in (*FRAMES.names, "sure", "leaning", "coin-flip"):
        numbers = [own[name, voice] for voice in VOICES]
        if not any(numbers):
            continue
        lines.append(f"| {name} | {' | '.join(map(str, numbers))} | {1 - numbers[1] / sum(numbers):.2f} |")
    return "\n".join(lines)


def row(name: str, own: Booleans, chances: Floats, codes: Floats) -> str:
    """Agreement on all framed items, and on those of each frame, where the frame itself tells nothing."""
    cells = [name]
    for rows in (np.ones(len(own), dtype=bool), codes[:, 1] == 1, codes[:, 2] == 1):
        truth, said = own[rows], chances[rows] >= 0.5
        table = np.stack([1.0 * truth + said, 2.0 - truth - said], axis=1)
        agreed = alpha(table)
        interval = "" if agreed.low is None else f" [{agreed.low:.2f}, {agreed.high:.2f}]"
        value = "–" if agreed.value is None else f"{agreed.value:.2f}"
        precision = average_precision(truth, chances[rows])
        cells.append(f"{np.mean(truth == said):.2f} | {value}{interval} | {precision:.2f} ({truth.mean():.2f})")
    return f"| {' | '.join(cells)} |"


HEADER = (
    "| | " + " | ".join(f"{part}: right | alpha | AP (base rate)" for part in ("framed", *FRAMES.names)) + " |\n"
    "|---|" + "---|" * 9
)


def release(news: Path, folder: Path, version: str, recipe: Recipe) -> None:
    """Give the model in a folder an output for the voice and a new version."""
    manifest = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    manifest["version"] = version
    folds = manifest["training"]["cross_validation"]["folds"]
    manifest["voice"] = add_voice(read(news, FRAMES).items, folder, recipe, folds, FRAMES)
    if manifest["voice"] is None:
        sys.exit("too few voices are coded")
    manifest["files"]["model.onnx"] = sha256(folder / "model.onnx")
    export.write_json(manifest, folder / "model.json")
    print(json.dumps(manifest["voice"], indent=2))


def linear_chances(features: Any, own: Booleans, folds: Folds, model: Any) -> Floats:
    """Out-of-fold probabilities of a linear model; NaN for items that no fold holds out."""
    chances = np.full(len(own), np.nan)
    for learned, held_out in folds:
        chances[held_out] = model.fit(features[learned], own[learned]).predict_proba(features[held_out])[:, 1]
    return chances


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--news", type=Path, required=True, help="coded items with `voice`, one JSON object a line")
    parser.add_argument("--network", action="store_true", help="fine-tune an encoder for it, too (held out by outlet)")
    parser.add_argument("--release", type=Path, metavar="FOLDER", help="teach the model in this folder instead")
    parser.add_argument("--version", help="of the model then")
    args = parser.parse_args()

    recipe = Recipe()
    if args.release:
        release(args.news, args.release, args.version or parser.error("--release needs --version"), recipe)
        return
    items, voices = framed([args.news])
    authored, authored_voices = framed(sorted(CORPUS.glob("*.jsonl")))
    print(f"Coded\n\n{counts(items, voices)}\n\nAuthored\n\n{counts(authored, authored_voices)}")
    everything = [*items, *authored]
    count, codes = len(items), code_array(everything)
    own = np.array([voice != "quoted" for voice in (*voices, *authored_voices)])
    quoted = np.array([voice != "outlet" for voice in (*voices, *authored_voices)])
    texts = texts_of(everything, recipe)
    # A linear model is told the frames, which the classifier would know: as a word before the text, or as two columns.
    named = [
        " ".join(np.array(FRAMES.names)[carried[1:] == 1]) + " " + text
        for carried, text in zip(codes, texts, strict=True)
    ]
    with open_base(texts) as base:
        vectors = np.concatenate([embeddings(everything, base, recipe), codes[:, 1:]], axis=1)
        after = {
            layer: hear(items, EMBEDDED, layer, recipe)
            for layer in range(1, export.layers(EMBEDDED / "model.onnx") + 1)
        }
        for by, folds_count in (("group", 5), ("outlet", 3)):
            _, folds = folds_of(items, by, folds_count, recipe)
            with_authored = [(np.append(learned, np.arange(count, len(own))), held) for learned, held in folds]
            print(f"\nHeld out by {by}, {folds_count} folds\n\n{HEADER}")
            print(row("appeasement is own voice, hope is quoted", own[:count], codes[:count, 2], codes[:count]))
            for name, features, model in (
                ("TF-IDF, logistic regression", np.array(named, dtype=object), tfidf_model()),
                ("frozen all-mpnet-base-v2, logistic regression", vectors, linear_model()),
            ):
                for which, its in (("", folds), (" + authored items", with_authored)):
                    chances = linear_chances(features, own, its, model)[:count]
                    print(row(name + which, own[:count], chances, codes[:count]), flush=True)
            for layer, heard in after.items():
                chances = heard.chances(folds)
                print(
                    row(f"the released network after {layer} layers", own[:count], chances, codes[:count]), flush=True
                )
            if args.network and by == "outlet":
                # The network's own form, on framed items alone: always "relevant", own voice, quoted voice.
                voiced = [
                    dataclasses.replace(item, codes=(1, int(mine), int(theirs)))
                    for item, mine, theirs in zip(everything, own, quoted, strict=True)
                ]
                setup = Setup(base, recipe, seed=0)
                logits = out_of_fold(
                    voiced[:count], voiced[count:], folds, setup, lambda text: print(text, file=sys.stderr, flush=True)
                )[0]
                print(row("fine-tuned + authored items", own[:count], sigmoid(logits[:, 1]), codes[:count]), flush=True)


if __name__ == "__main__":
    main()
