"""What each ingredient of the recipe is worth, and what more items would be: a fit a row, on the same held-out outlets.

Every row holds out the same whole outlets (one fold of three), is learned with the same seed by one network (no mean of
folds, no polish), and is decided by calibration and thresholds from the other half of the held-out items. So rows
compare with each other; they lie below the released model, which has learned from more. What a row said is kept in
--out, and a row that is there already is not learned again. Prints tables ready for EXPERIMENTS.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from media_coverage import finetune
from media_coverage.calibration import cross_fit
from media_coverage.classify import cores
from media_coverage.coded import CodedItem, code_array, grouped_folds, read
from media_coverage.evaluation import RESAMPLES, SEED, average_precision, f1, macro_f1
from media_coverage.finetune import Base, Recipe, open_base, texts_of
from media_coverage.framing import MIXED
from media_coverage.train import FOLD_SEED, groups_of, strata_of

from .crossvalidate import HEADER, LEAST, folds_of, row, score, some_of, without_summary
from .items import FRAMES, parts, read_corpus

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from media_coverage.records import Framing

    Array = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]
    Booleans = npt.NDArray[np.bool_]
    Fold = tuple[Integers, Integers]

HELD_OUT = 0
"""The first of three folds of outlets: the hardest, and the one of the steps to model 3 in EXPERIMENTS.md."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is learned from: shares of the coded and of the authored items, with their leads or without.

    `faster`: with FASTER in the recipe.
    """

    coded: float = 1.0
    authored: float = 1.0
    leads: bool = True
    faster: bool = False


FASTER = {"frozen_layers": 2, "pool": 64}
"""What a fit could do without: the two lowest layers' gradients, and padding."""

ROWS = {
    "whole": Row(),
    "no-authored": Row(authored=0.0),
    "half-coded": Row(coded=0.5),
    "no-leads": Row(leads=False),
    "quarter-coded": Row(coded=0.25),
    "faster": Row(faster=True),
    "half-authored": Row(authored=0.5),
    "no-coded": Row(coded=0.0),
}
"""In order of what they tell: a run that is cut off has the most useful ones."""

CURVES = {
    "coded items": ("no-coded", "quarter-coded", "half-coded", "whole"),
    "authored items": ("no-authored", "half-authored", "whole"),
}
PARTS = ("all", "news", "comment", "with lead")


def learned_by(how: Row, items: Sequence[CodedItem], authored: Sequence[CodedItem]) -> list[CodedItem]:
    """The items that a row learns from; a smaller share lies in a larger one."""
    chosen = [
        *(items[i] for i in some_of(np.arange(len(items)), how.coded)),
        *(authored[i] for i in some_of(np.arange(len(authored)), how.authored)),
    ]
    return chosen if how.leads else without_summary(chosen)


def fit_and_score(
    learned: Sequence[CodedItem], held_out: Sequence[CodedItem], base: Base, recipe: Recipe, path: Path
) -> str:
    """Leave logits (2, items, 3), with the leads read and without, and the processor seconds of the fit in a file."""
    start = time.process_time()
    model = finetune.snapped(finetune.fit(finetune.examples(learned, base, recipe), base, recipe, seed=0))
    seconds = time.process_time() - start
    logits = np.repeat(finetune.predict(model, finetune.tokenise(held_out, base, recipe))[None], 2, axis=0)
    leads = [i for i, item in enumerate(held_out) if item.text.summary]
    titles = without_summary([held_out[i] for i in leads])
    logits[1, leads] = finetune.predict(model, finetune.tokenise(titles, base, recipe))
    partial = path.with_suffix(".partial.npz")
    np.savez_compressed(partial, logits=logits, learned=len(learned), seconds=seconds)
    partial.replace(path)
    return f"{path.stem}: {len(learned)} items learned from, {seconds / 60:.1f} minutes of processor time"


# ---------------------------------------------------------------------- what the rows say


@dataclass(frozen=True, slots=True)
class Scored:
    """A row's Framings of the held-out items, and beside them, as arrays, what figures of some of them need."""

    framings: Sequence[Framing]
    codes: Array
    labels: npt.NDArray[np.str_]
    said: npt.NDArray[np.str_]
    said_relevant: Booleans
    chances: Array

    def figures(self, chosen: Integers) -> Array:
        """FIGURES of some of the items, with repetition."""
        codes, chances = self.codes[chosen] == 1, self.chances[chosen]
        labels, said = self.labels[chosen], self.said[chosen]
        on = codes[:, 0]
        clear = on & (labels != MIXED)
        return np.array(
            [
                macro_f1(labels[clear], said[clear], FRAMES.classes),
                f1(on, self.said_relevant[chosen]),
                average_precision(on, chances[:, 0]),
                *(average_precision(codes[on, k], chances[on, k]) for k in (1, 2)),
            ]
        )


FIGURES = ("macro-F1", "F1 relevant", *(f"AP {name}" for name in FRAMES.outputs))
DIFFERENCES = f"| | {' | '.join(FIGURES)} |\n|---|{'---|' * len(FIGURES)}"


def scored(logits: Array, items: Sequence[CodedItem]) -> Scored:
    """Decide by calibration and thresholds from the other half of the items, near-duplicates in one half."""
    half_of = grouped_folds(groups_of(items, Recipe()), strata_of(items), 2, FOLD_SEED)
    return decided(cross_fit(logits, code_array(items), half_of, FRAMES), items)


def decided(framings: Sequence[Framing], items: Sequence[CodedItem]) -> Scored:
    """Framings beside the codes of their items."""
    codes = code_array(items)
    return Scored(
        framings,
        codes,
        np.array([FRAMES.label_of(bool(first), bool(second)) for _, first, second in codes]),
        np.array([framing.label for framing in framings]),
        np.array([framing.relevant for framing in framings]),
        np.array([(framing.p_relevant, *framing.p) for framing in framings]),
    )


def difference(one: Scored, other: Scored, resamples: int = RESAMPLES) -> tuple[Array, Array, Array]:
    """How much better the figures of `one` are, with the ends of the interval: both on the same resampled items."""
    count = len(one.codes)
    rng = np.random.default_rng(SEED)
    draws = [one.figures(chosen) - other.figures(chosen) for chosen in rng.integers(0, count, (resamples, count))]
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    return one.figures(np.arange(count)) - other.figures(np.arange(count)), low, high


def words(value: Array, low: Array, high: Array) -> str:
    """Cells of a table."""
    return " | ".join(f"{v:+.3f} [{a:+.3f}, {b:+.3f}]" for v, a, b in zip(value, low, high, strict=True))


def learn(names: Sequence[str], args: argparse.Namespace, items: Sequence[CodedItem], fold: Fold) -> None:
    """Fit the rows that are not there yet, side by side."""
    authored, recipe = read_corpus(), Recipe()
    faster = dataclasses.replace(recipe, **FASTER)
    learnable, held_out = ([items[i] for i in positions] for positions in fold)
    # The words of all items are in every row's vocabulary, so rows differ in what is learned alone.
    with (
        open_base(texts_of([*items, *authored], recipe)) as base,
        ProcessPoolExecutor(args.processes, mp_context=get_context("spawn")) as pool,
    ):
        fits = [
            pool.submit(
                fit_and_score,
                learned_by(ROWS[name], learnable, authored),
                held_out,
                base,
                faster if ROWS[name].faster else recipe,
                kept(args.out, name),
            )
            for name in names
            if not kept(args.out, name).exists()
        ]
        for fit in fits:
            print(fit.result(), file=sys.stderr, flush=True)


def kept(folder: Path, name: str) -> Path:
    """Where a row's logits are."""
    return folder / f"{name}.npz"


def print_parts(by_name: dict[str, Scored], masks: dict[str, Booleans], held_out: Sequence[CodedItem]) -> None:
    """A table of all rows for each part that has enough items."""
    relevant = code_array(held_out)[:, 0] == 1
    for part in PARTS:
        rows = masks[part]
        if (rows & relevant).sum() >= LEAST:
            print(f"\n{part}: {rows.sum()} items, {(rows & relevant).sum()} relevant\n\n{HEADER}")
            for name, its in by_name.items():
                print(row(name, score(held_out, its.framings, rows)))


def report(names: Sequence[str], args: argparse.Namespace, held_out: Sequence[CodedItem]) -> None:
    """Print what the rows said: by part, against the whole recipe, step by step along the curves."""
    logits_of = {name: np.load(kept(args.out, name))["logits"] for name in names}
    by_name = {name: scored(logits[0 if ROWS[name].leads else 1], held_out) for name, logits in logits_of.items()}
    steps = [pair for curve in CURVES.values() for pair in pairwise(name for name in curve if name in by_name)]
    if "whole" in by_name:
        by_name["whole, read without leads"] = scored(logits_of["whole"][1], held_out)
    print_parts(by_name, parts(args.news, held_out), held_out)
    if "whole" in by_name:
        print(f"\nAgainst the whole recipe, on the same resampled items\n\n{DIFFERENCES}")
        for name, its in by_name.items():
            if name != "whole":
                print(f"| {name} | {words(*difference(its, by_name['whole']))} |")
    print(f"\nGained from row to row\n\n{DIFFERENCES}")
    for fewer, more in steps:
        print(f"| {fewer} → {more} | {words(*difference(by_name[more], by_name[fewer]))} |")
    print("\n| | items learned from | minutes of processor time of the fit |\n|---|---:|---:|")
    for name in names:
        what = np.load(kept(args.out, name))
        print(f"| {name} | {what['learned']} | {what['seconds'] / 60:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--news", type=Path, required=True, help="coded items, one JSON object a line")
    parser.add_argument("--out", type=Path, required=True, help="folder for what the rows said")
    parser.add_argument("--rows", nargs="+", choices=tuple(ROWS), default=list(ROWS))
    parser.add_argument("--processes", type=int, default=cores(), help="fits side by side")
    args = parser.parse_args()

    args.out.mkdir(parents=True, exist_ok=True)
    items = list(read(args.news, FRAMES).items)
    _, folds = folds_of(items, "outlet", 3, Recipe())
    learn(args.rows, args, items, folds[HELD_OUT])
    report(args.rows, args, [items[i] for i in folds[HELD_OUT][1]])


if __name__ == "__main__":
    main()
