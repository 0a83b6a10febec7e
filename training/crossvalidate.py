"""Cross-validate one configuration on the coded news; every figure is out of fold.

Calibration and thresholds used on a fold come from the other folds' out-of-fold logits.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from . import scoring
from .classifier import Config, FramingClassifier, average, examples_of, fit, join, predict, tokenise
from .data import OUTPUTS, Item, codes_of, make_folds, mark_disputed, read_corpus, read_items

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CORPUS = Path(__file__).parent / "corpus"
SECOND_CODES = Path(__file__).parent / "second_codes.jsonl"


@dataclasses.dataclass(frozen=True)
class Job:
    """What to learn from, and how."""

    train: list[Item]
    authored: list[Item]
    held_out: list[Item]
    config: Config
    seeds: tuple[int, ...]


def learn(job: Job) -> list[FramingClassifier]:
    """One model per seed."""
    torch.set_num_threads(1)
    examples = examples_of(job.train, job.config)
    if job.authored and job.config.authored_weight:
        examples = join(examples, examples_of(job.authored, job.config))
    return [fit(examples, job.config, seed) for seed in job.seeds]


def held_out_logits(job: Job) -> NDArray[np.float64]:
    """Logits of the held-out items: by each seed's model, then by their averaged weights."""
    models = learn(job)
    tokens = tokenise([item.text for item in job.held_out], job.config.max_tokens)
    return np.stack([predict(model, tokens) for model in [*models, average(models)]])


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
    items, authored = mark_disputed(read_items(args.news), SECOND_CODES), read_corpus(CORPUS)
    folds = make_folds(items, args.by, args.folds, seed=7)[: args.only or None]
    fold_of = np.full(len(items), -1)
    for fold, (_, held_out) in enumerate(folds):
        fold_of[held_out] = fold
    scored = fold_of >= 0
    codes = codes_of(items)[scored]
    jobs = [
        Job([items[i] for i in train], authored, [items[i] for i in held_out], config, tuple(args.seeds))
        for train, held_out in folds
    ]
    logits = np.zeros((len(args.seeds) + 1, len(items), len(OUTPUTS)))
    # Fresh interpreters: forked ones would inherit torch's thread pools.
    with ProcessPoolExecutor(args.workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for (_, held_out), values in zip(folds, pool.map(held_out_logits, jobs), strict=True):
            logits[:, held_out] = values
    logits, fold_of = logits[:, scored], fold_of[scored]
    parts = {
        "all": np.ones(len(codes), dtype=bool),
        "comment": np.array([item.comment for item in items])[scored],
        "headline_only": np.array([item.headline_only for item in items])[scored],
    }
    kinds = {
        "one_seed": list(logits[:-1]),
        "seeds_mean_logit": [logits[:-1].mean(0)],
        "averaged_weights": [logits[-1]],
    }
    print(json.dumps({"by": args.by, "seeds": args.seeds, "set": args.set, "authored": len(authored)}))
    for kind, runs in kinds.items():
        if kind == "one_seed" or len(args.seeds) > 1:
            finals = [cross_fitted(run, codes, fold_of) for run in runs]
            for part, rows in parts.items():
                tables = [report(codes, *final, rows) for final in finals]
                means = {key: float(np.mean([table[key] for table in tables])) for key in tables[0]}
                print(f"{kind} {part}: " + " ".join(f"{key}={value:.3f}" for key, value in means.items()))
    if args.save:
        np.savez_compressed(args.save, logits=logits, fold_of=fold_of, codes=codes)


if __name__ == "__main__":
    main()
