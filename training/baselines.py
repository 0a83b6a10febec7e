"""The cheap rivals on the folds of crossvalidate.py: majority, TF-IDF, and frozen encoders, each with a linear model.

Prints one table per way of holding out, ready for EXPERIMENTS.md. Needs scikit-learn (extra `baselines`).
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from media_coverage import finetune
from media_coverage.calibration import cross_fit
from media_coverage.coded import CodedItem, code_array, read
from media_coverage.finetune import Base, Recipe, open_base, texts_of
from media_coverage.records import Framing

from .ablations import DIFFERENCES, Scored, decided, difference, words
from .crossvalidate import HEADER, SCHEMES, folds_of, row, score, some_of
from .items import FRAMES, read_corpus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    Array = npt.NDArray[np.float64]
    Features = npt.NDArray[Any]


CODED_SHARES, AUTHORED_SHARES = (0.125, 0.25, 0.5, 1.0), (0.0, 0.5, 1.0)


def layers_of(base: Base) -> int:
    """How many layers of an encoder are there; of the packaged one only the lower ones are used."""
    return int(json.loads((base.folder / "config.json").read_text("utf-8"))["num_hidden_layers"])


def embeddings(items: Sequence[CodedItem], base: Base, recipe: Recipe) -> Features:
    """The mean of the base's token states, of length 1; nothing is learned."""
    import torch

    torch.set_num_threads(1)
    model = finetune.network(base, recipe).eval()
    model.head = torch.nn.Identity()
    vectors = finetune.predict(model, finetune.tokenise(items, base, recipe))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def tfidf_model() -> Any:
    """Words and pairs of words."""
    return make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2),
        LogisticRegression(C=10, class_weight="balanced", max_iter=2000),
    )


def linear_model() -> Any:
    """On embeddings as they are."""
    return LogisticRegression(C=10, class_weight="balanced", max_iter=2000)


def linear_logits(
    features: Features,
    codes: Array,
    beside: tuple[Features, Array],
    folds: Sequence[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]],
    model: Callable[[], Any],
) -> Array:
    """Out-of-fold logits of one model per output; frames are learned on relevant items, as in the network."""
    logits = np.zeros((len(codes), 3))
    for learned, held_out in folds:
        known, answers = np.concatenate([features[learned], beside[0]]), np.concatenate([codes[learned], beside[1]])
        for k in range(3):
            rows = answers[:, 0] > 0 if k else np.ones(len(answers), dtype=bool)
            fitted = model().fit(known[rows], answers[rows, k])
            logits[held_out, k] = fitted.decision_function(features[held_out])
    return logits


def curve(items: Sequence[CodedItem], authored: Sequence[CodedItem], recipe: Recipe) -> None:
    """Print what words alone make of shares of the coded and of the authored items, with whole outlets held out."""
    codes, texts = code_array(items), np.array(texts_of(items, recipe), dtype=object)
    authored_codes, authored_texts = code_array(authored), np.array(texts_of(authored, recipe), dtype=object)
    fold_of, folds = folds_of(items, "outlet", SCHEMES["outlet"], recipe)
    rows: dict[tuple[float, float], Scored] = {}
    print(f"\nTF-IDF, held out by outlet, {SCHEMES['outlet']} folds\n\n{HEADER}")
    for share in CODED_SHARES:
        some = [(some_of(learned, share), held_out) for learned, held_out in folds]
        for more in AUTHORED_SHARES:
            chosen = some_of(np.arange(len(authored)), more)
            beside = authored_texts[chosen], authored_codes[chosen]
            framings = cross_fit(linear_logits(texts, codes, beside, some, tfidf_model), codes, fold_of, FRAMES)
            what = f"{share:g} of the coded items, {more:g} of the authored ones"
            print(row(what, score(items, framings, np.ones(len(items), dtype=bool))), flush=True)
            rows[share, more] = decided(framings, items)
    print(f"\nGained, on the same resampled items\n\n{DIFFERENCES}")
    for more in (AUTHORED_SHARES[0], AUTHORED_SHARES[-1]):
        for share, twice in pairwise(CODED_SHARES):
            gained = words(*difference(rows[twice, more], rows[share, more]))
            print(f"| {share:g} → {twice:g} of the coded items, {more:g} of the authored ones | {gained} |", flush=True)
    for share in CODED_SHARES:
        gained = words(*difference(rows[share, AUTHORED_SHARES[-1]], rows[share, AUTHORED_SHARES[0]]))
        print(f"| {share:g} of the coded items, none → all of the authored ones | {gained} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--news", type=Path, required=True, help="coded items, one JSON object a line")
    parser.add_argument("--base", type=Path, nargs="*", default=[], help="folders of other encoders to freeze, too")
    parser.add_argument("--curve", action="store_true", help="only what words alone make of fewer items")
    args = parser.parse_args()

    recipe = Recipe()
    items, authored = list(read(args.news, FRAMES).items), read_corpus()
    if args.curve:
        curve(items, authored, recipe)
        return
    codes, authored_codes = code_array(items), code_array(authored)
    texts = np.array(texts_of([*items, *authored], recipe), dtype=object)
    rivals: list[tuple[str, Features, Callable[[], Any]]] = [("TF-IDF", texts, tfidf_model)]
    for folder in (None, *args.base):
        with open_base(texts.tolist(), folder) as base:
            name = f"frozen {base.name}, {layers_of(base)} layers"
            rivals.append((name, embeddings([*items, *authored], base, recipe), linear_model))
    majority = [Framing(True, FRAMES.labels[-1], FRAMES.names[0], False, 1.0, (0.0, 0.0))] * len(items)
    everything = np.ones(len(items), dtype=bool)
    for by, count in SCHEMES.items():
        fold_of, folds = folds_of(items, by, count, recipe)
        print(f"\nHeld out by {by}, {count} folds\n\n{HEADER}")
        print(row("majority (relevant, neither)", score(items, majority, everything)), flush=True)
        for name, features, model in rivals:
            for more in (0, len(authored)):
                beside = features[len(items) :][:more], authored_codes[:more]
                logits = linear_logits(features[: len(items)], codes, beside, folds, model)
                scores = score(items, cross_fit(logits, codes, fold_of, FRAMES), everything)
                what = f"{name}, logistic regression" + (" + authored items" if more else "")
                print(row(what, scores), flush=True)


if __name__ == "__main__":
    main()
