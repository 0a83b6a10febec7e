"""Cross-validate one configuration on the coded news; every figure is out of fold.

Calibration and thresholds used on a fold come from the other folds' out-of-fold logits.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import scoring
from classifier import Config, examples_of, fit, join, tokenise
from data import OUTPUTS, Item, codes_of, make_folds, read_corpus, read_items

CORPUS = Path(__file__).parent / "corpus"


@dataclasses.dataclass(frozen=True)
class Job:
    """One fit: what to learn from, what to score."""

    train: list[Item]
    authored: list[Item]
    held_out: list[Item]
    config: Config
    seed: int


def run_job(job: Job) -> list[NDArray[np.float64]]:
    torch.set_num_threads(1)
    examples = examples_of(job.train, job.config)
    if job.authored and job.config.authored_weight:
        examples = join(examples, examples_of(job.authored, job.config))
    watch = tokenise([item.text for item in job.held_out], job.config.max_tokens)
    return fit(examples, job.config, job.seed, watch)[1]


def calibrate(logits: scoring.Array, codes: scoring.Array) -> dict[str, tuple[float, float]]:
    """Platt parameters per output; the frames are calibrated on relevant items, where they are used."""
    relevant = codes[:, 0] > 0
    return {
        name: scoring.fit_platt(logits[rows, column], codes[rows, column])
        for column, name in enumerate(OUTPUTS)
        for rows in [relevant if column else np.ones(len(codes), dtype=bool)]
    }


def probabilities(logits: scoring.Array, calibration: dict[str, tuple[float, float]]) -> scoring.Array:
    scale, bias = np.array([calibration[name] for name in OUTPUTS]).T
    return scoring.sigmoid(logits * scale + bias)


def choose_thresholds(codes: scoring.Array, chances: scoring.Array) -> dict[str, float]:
    relevant = codes[:, 0] > 0
    hope, appease = scoring.frame_thresholds(codes[relevant, 1:], chances[relevant, 1:])
    return {
        "relevant": scoring.binary_threshold(codes[:, 0], chances[:, 0]),
        "hope": hope,
        "appease": appease,
    }


def cross_fitted(
    logits: scoring.Array, codes: scoring.Array, fold_of: NDArray[np.int64]
) -> tuple[scoring.Array, NDArray[np.bool_]]:
    """Probabilities and decisions for each fold, with parameters from the other folds."""
    chances = np.zeros_like(logits)
    chosen = np.zeros(logits.shape, dtype=bool)
    for fold in np.unique(fold_of):
        here, others = fold_of == fold, fold_of != fold
        calibration = calibrate(logits[others], codes[others])
        cut = choose_thresholds(codes[others], probabilities(logits[others], calibration))
        chances[here] = probabilities(logits[here], calibration)
        chosen[here] = chances[here] >= np.array([cut[name] for name in OUTPUTS])
    return chances, chosen


def report(
    codes: scoring.Array, chances: scoring.Array, chosen: NDArray[np.bool_], rows: NDArray[np.bool_] | None = None
) -> dict[str, float]:
    """The figures that are compared; ``rows`` limits them to a part of the items."""
    if rows is not None:
        codes, chances, chosen = codes[rows], chances[rows], chosen[rows]
    on = codes[:, 0] > 0
    gold, predicted = scoring.labels_of(codes[on, 1:]), scoring.labels_of(chosen[on, 1:])
    kept = gold != scoring.LABELS.index("mixed")
    figures = {"macro_f1": scoring.macro_f1(gold, predicted)}
    for label in scoring.SCORED:
        figures[f"f1_{scoring.LABELS[label]}"] = scoring.class_f1(gold[kept], predicted[kept], label)
    for column, name in enumerate(OUTPUTS):
        part = on if column else np.ones(len(codes), dtype=bool)
        figures[f"ap_{name}"] = scoring.average_precision(codes[part, column], chances[part, column])
        figures[f"f1_{name}"] = scoring.binary_f1(codes[part, column], chosen[part, column])
        figures[f"ece_{name}"] = scoring.calibration_error(codes[part, column], chances[part, column])
    return figures


def parse_settings(pairs: Sequence[str]) -> Config:
    """Build a configuration from ``name=value`` pairs, each read as the default's type."""
    defaults = Config()
    values: dict[str, Any] = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        kind = type(getattr(defaults, name))
        values[name] = text in ("1", "true", "True") if kind is bool else kind(text)
    return dataclasses.replace(defaults, **values)


def out_of_fold(
    items: list[Item], authored: list[Item], folds: list[tuple[list[int], list[int]]], config: Config, seed: int, workers: int
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Logits of each fold's held-out items: one array (epochs, items, outputs) per fold."""
    jobs = [
        Job([items[i] for i in train], authored, [items[i] for i in held_out], config, seed)
        for train, held_out in folds
    ]
    # Fresh interpreters: forked ones would inherit torch's thread pools.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for fold, curve in enumerate(pool.map(run_job, jobs)):
            yield fold, np.stack(curve)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--news", type=Path, required=True, help="coded items, one JSON object a line")
    parser.add_argument("--by", choices=("group", "outlet", "month"), default="group")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", type=int, default=0, help="run only the first N folds (quick look)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="fields of Config")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--save", type=Path, help="write the out-of-fold logits here (.npz)")
    args = parser.parse_args()

    config = parse_settings(args.set)
    items, authored = read_items(args.news), read_corpus(CORPUS)
    folds = make_folds(items, args.by, args.folds, seed=7)[: args.only or None]
    fold_of = np.full(len(items), -1)
    for fold, (_, held_out) in enumerate(folds):
        fold_of[held_out] = fold
    scored = fold_of >= 0
    codes = codes_of(items)[scored]
    runs = []
    for seed in args.seeds:
        logits: NDArray[np.float64] | None = None
        for fold, curve in out_of_fold(items, authored, folds, config, seed, args.workers):
            if logits is None:
                logits = np.zeros((curve.shape[0], len(items), len(OUTPUTS)))
            logits[:, folds[fold][1]] = curve
        assert logits is not None
        runs.append(logits[:, scored])
        for epoch, values in enumerate(runs[-1]):
            figures = report(codes, *cross_fitted(values, codes, fold_of[scored]))
            name = f"epoch {epoch + 1}" if epoch < config.epochs else "averaged"
            print(f"seed {seed} {name}: " + " ".join(f"{k}={v:.3f}" for k, v in figures.items()), flush=True)
    stacked = np.stack(runs)
    comment = np.array([item.comment for item in items])[scored]
    bare = np.array([item.headline_only for item in items])[scored]
    summary: dict[str, Any] = {"by": args.by, "seeds": args.seeds, "set": args.set, "authored": len(authored)}
    parts = {"all": None, "comment": comment, "headline_only": bare}
    finals = [cross_fitted(run[-1], codes, fold_of[scored]) for run in stacked]
    for part, rows in parts.items():
        tables = [report(codes, *final, rows) for final in finals]
        summary[part] = {key: round(float(np.mean([t[key] for t in tables])), 3) for key in tables[0]}
    if len(runs) > 1:
        together = report(codes, *cross_fitted(stacked[:, -1].mean(0), codes, fold_of[scored]))
        summary["seeds_averaged"] = {key: round(value, 3) for key, value in together.items()}
    print(json.dumps(summary))
    if args.save:
        np.savez_compressed(args.save, logits=stacked, fold_of=fold_of, codes=codes)


if __name__ == "__main__":
    main()
