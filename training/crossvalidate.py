"""Cross-validate one recipe on coded news; every figure is out of fold, with a 95 % bootstrap interval.

Calibration and thresholds used on a fold come from the other folds' out-of-fold logits.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from media_coverage.calibration import cross_fit
from media_coverage.coded import CodedItem, code_array, coded, folds_by, grouped_folds, read, splits
from media_coverage.evaluation import evaluate
from media_coverage.finetune import open_base, texts_of
from media_coverage.records import Text
from media_coverage.train import FOLD_SEED, Setup, groups_of, out_of_fold, strata_of

from .items import FRAMES, parse_recipe, parts, read_corpus, weigh_disputed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from media_coverage.finetune import Recipe
    from media_coverage.records import Framing

    Integers = npt.NDArray[np.int64]

SCHEMES = {"group": 5, "outlet": 3, "month": 3}
"""What is held out together, and in how many folds: near-duplicates only, whole outlets, whole months."""

ABLATIONS = ("no-corpus", "no-summary", "headline-only")
LEAST = 50
"""Relevant items without which a part has no figures of its own."""


def folds_of(
    items: Sequence[CodedItem], by: str, count: int, recipe: Recipe
) -> tuple[Integers, list[tuple[Integers, Integers]]]:
    """The fold of each item, and the (learned, held out) positions of each fold."""
    groups = groups_of(items, recipe)
    if by == "group":
        fold_of = grouped_folds(groups, strata_of(items), count, FOLD_SEED)
    else:
        fold_of = folds_by([item.outlet if by == "outlet" else item.date[:7] for item in items], count, FOLD_SEED)
    return fold_of, splits(fold_of, groups)


def some_of(learned: Integers, share: float) -> Integers:
    """A random part of the positions; smaller parts lie in larger ones."""
    order = np.random.default_rng(FOLD_SEED).permutation(len(learned))
    return np.sort(learned[order[: round(len(learned) * share)]])


def without_summary(items: Sequence[CodedItem]) -> list[CodedItem]:
    """The items as they are when a feed gives headlines only."""
    return [dataclasses.replace(item, text=Text(item.text.title)) for item in items]


def row(name: str, scores: dict[str, Any]) -> str:
    """A line of the tables in EXPERIMENTS.md."""

    def words(figure: dict[str, float]) -> str:
        return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"

    by_class = " / ".join(f"{figure['value']:.2f}" for figure in scores["f1_by_class"].values())
    precision = (words(figures["average_precision"]) for figures in scores["outputs"].values())
    return f"| {name} | {words(scores['macro_f1'])} | {by_class} | {' | '.join(precision)} |"


HEADER = (
    f"| | macro-F1 | {' / '.join(FRAMES.classes)} F1 | {' | '.join(f'AP {name}' for name in FRAMES.outputs)} |\n"
    f"|---|---|---|{'---|' * len(FRAMES.outputs)}"
)


def score(items: Sequence[CodedItem], framings: Sequence[Framing], rows: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """The figures of some of the items."""
    kept = np.flatnonzero(rows).tolist()
    return evaluate(coded(items[i] for i in kept), [framings[i] for i in kept], FRAMES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--news", type=Path, required=True, help="coded items, one JSON object a line")
    parser.add_argument("--by", choices=tuple(SCHEMES), default="group", help="what is held out together")
    parser.add_argument("--folds", type=int, help="5 by group, 3 by outlet or month")
    parser.add_argument("--only", type=int, help="run only the first N folds (quick look)")
    parser.add_argument("--base", type=Path, help="folder of another encoder to start from")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--ablation", choices=ABLATIONS, help="headline-only: learned with leads, scored without")
    parser.add_argument("--disputed-weight", type=float, default=1.0, help="of codes that a second coder contradicts")
    parser.add_argument("--share", type=float, default=1.0, help="of the coded items to learn from: a learning curve")
    parser.add_argument("--authored-weight", type=float, default=1.0)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="fields of the recipe")
    parser.add_argument("--save", type=Path, help="write the out-of-fold logits here (.npz)")
    args = parser.parse_args()

    recipe = parse_recipe(args.set)
    items = weigh_disputed(read(args.news, FRAMES).items, args.disputed_weight)
    fold_of, folds = folds_of(items, args.by, args.folds or SCHEMES[args.by], recipe)
    folds = [(some_of(learned, args.share), held_out) for learned, held_out in folds[: args.only]]
    authored = [] if args.ablation == "no-corpus" else read_corpus(weight=args.authored_weight)
    learned, scored = items, items
    if args.ablation in {"no-summary", "headline-only"}:
        scored = without_summary(items)
    if args.ablation == "no-summary":
        learned, authored = scored, without_summary(authored)
    with open_base(texts_of([*items, *authored], recipe), args.base) as base:
        setup = Setup(base, recipe, args.seed, args.device)
        logits, _ = out_of_fold(
            learned, authored, folds, setup, lambda text: print(text, file=sys.stderr, flush=True), scored=scored
        )
    seen = ~np.isnan(logits[:, 0])
    framings = cross_fit(logits[seen], code_array(items)[seen], fold_of[seen], FRAMES)
    kept = [item for item, is_seen in zip(items, seen, strict=True) if is_seen]
    print(json.dumps({name: str(value) for name, value in vars(args).items()} | {"authored": len(authored)}))
    print(HEADER)
    for name, rows in parts(args.news, kept).items():
        if code_array(kept)[rows, 0].sum() >= LEAST:
            print(row(name, score(kept, framings, rows)))
    if args.save:
        np.savez_compressed(args.save, logits=logits, fold_of=fold_of, codes=code_array(items))


if __name__ == "__main__":
    main()
