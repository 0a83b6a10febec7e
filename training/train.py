"""Retrain the embedded classifier: out-of-fold calibration, final fit, int8 export, manifest."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import importlib.metadata
import json
import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import scoring
from .classifier import BASE_SHA256, average, new_model, predict, tokenise
from .crossvalidate import (
    CORPUS,
    SECOND_CODES,
    Job,
    calibrate,
    choose_thresholds,
    cross_fitted,
    learn,
    parse_settings,
    probabilities,
    report,
)
from .data import OUTPUTS, SUMMARY_WORDS, codes_of, make_folds, mark_disputed, read_corpus, read_items
from .export import Session, export_onnx, quantise, write_folder

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from .classifier import Config
    from .data import Item

FOLDS = 5


def both_logits(job: Job) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Full-precision and int8 logits of the held-out items."""
    model = average(learn(job))
    tokens = tokenise([item.text for item in job.held_out], job.config.max_tokens)
    with tempfile.TemporaryDirectory() as folder:
        full, small = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        export_onnx(model, full)
        quantise(full, small)
        return predict(model, tokens), Session(small).logits(tokens)


def final_weights(job: Job) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = average(learn(job)).state_dict()
    return state


def describe(
    items: list[Item],
    authored: list[Item],
    config: Config,
    seeds: tuple[int, ...],
    full: scoring.Array,
    small: scoring.Array,
    fold_of: NDArray[np.int64],
) -> dict[str, Any]:
    """The manifest, from out-of-fold logits in full precision and in int8."""
    # The shipped calibration and thresholds use every out-of-fold logit; the figures are cross-fitted.
    codes = codes_of(items)
    calibration = calibrate(full, codes)
    chances = probabilities(full, calibration)
    cut = choose_thresholds(codes, chances)
    bands = {
        name: scoring.uncertain_band(codes[rows, column], chances[rows, column], cut[name])
        for column, name in enumerate(OUTPUTS)
        for rows in [codes[:, 0] > 0 if column else np.ones(len(codes), dtype=bool)]
    }
    fitted, chosen = cross_fitted(full, codes, fold_of)
    on = codes[:, 0] > 0
    gold, predicted = scoring.labels_of(codes[on, 1:]), scoring.labels_of(chosen[on, 1:])
    shipped = [
        scoring.labels_of((probabilities(values, calibration) >= np.array([cut[name] for name in OUTPUTS]))[on, 1:])
        for values in (full, small)
    ]
    return {
        "name": "embedded-minilm",
        "version": "1",
        "codebook_version": "1.1",
        "language": "en",
        "max_tokens": config.max_tokens,
        "summary_words": SUMMARY_WORDS,
        "outputs": list(OUTPUTS),
        "calibration": {
            name: {"scale": round(scale, 6), "bias": round(bias, 6)} for name, (scale, bias) in calibration.items()
        },
        "thresholds": {name: round(value, 2) for name, value in cut.items()},
        "uncertain": {name: list(band) for name, band in bands.items()},
        "files": {},
        "base": {"name": "all-MiniLM-L6-v2", "sha256": BASE_SHA256, "licence": "Apache-2.0"},
        "training": {
            "date": dt.datetime.now(dt.UTC).date().isoformat(),
            "items": len(items),
            "authored_items": len(authored) if config.authored_weight else 0,
            "relevant": int(codes[:, 0].sum()),
            "hope": int(codes[:, 1].sum()),
            "appease": int(codes[:, 2].sum()),
            "seeds": list(seeds),
            "config": dataclasses.asdict(config),
            "versions": {
                name: importlib.metadata.version(name)
                for name in ("torch", "transformers", "onnx", "onnxruntime", "scikit-learn")
            },
            "cross_validation": {
                "folds": FOLDS,
                "macro_f1_interval": [round(value, 3) for value in scoring.bootstrap(gold, predicted)],
                **{name: round(value, 3) for name, value in report(codes, fitted, chosen).items()},
            },
            "int8_against_fp32": {
                "label_agreement": round(float(np.mean(shipped[0] == shipped[1])), 4),
                "macro_f1_change": round(scoring.macro_f1(gold, shipped[1]) - scoring.macro_f1(gold, shipped[0]), 4),
                "mean_probability_change": round(float(np.abs(probabilities(small, calibration) - chances).mean()), 4),
            },
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--news", type=Path, required=True, help="coded items, one JSON object a line")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="fields of Config")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--save", type=Path, help="also write the out-of-fold logits here (.npz)")
    args = parser.parse_args()

    config = parse_settings(args.set)
    seeds = tuple(args.seeds)
    items, authored = mark_disputed(read_items(args.news), SECOND_CODES), read_corpus(CORPUS)
    folds = make_folds(items, "group", FOLDS, seed=7)
    jobs = [
        Job([items[i] for i in train], authored, [items[i] for i in held_out], config, seeds)
        for train, held_out in folds
    ]
    with ProcessPoolExecutor(args.workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        # The final fit is the longest job, so it starts first.
        final = pool.submit(final_weights, Job(items, authored, [], config, seeds))
        parts = list(pool.map(both_logits, jobs))
        state = final.result()

    full, small = np.zeros((len(items), len(OUTPUTS))), np.zeros((len(items), len(OUTPUTS)))
    fold_of = np.zeros(len(items), dtype=np.int64)
    for fold, (_, held_out) in enumerate(folds):
        full[held_out], small[held_out] = parts[fold]
        fold_of[held_out] = fold
    if args.save:
        np.savez_compressed(args.save, logits=np.stack([full, small]), fold_of=fold_of)
    manifest = describe(items, authored, config, seeds, full, small, fold_of)
    model = new_model(config)
    model.load_state_dict(state)
    write_folder(model.eval(), manifest, args.out)
    print(json.dumps(manifest, indent=2))


if __name__ == "__main__":
    main()
