"""The release: `media-coverage train` on coded news, with the authored corpus learned from beside it."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from media_coverage.coded import read
from media_coverage.finetune import open_base, texts_of
from media_coverage.train import Identity, Setup, train

from .items import CORPUS, FRAMES, parse_recipe, read_corpus, weigh_disputed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--news", type=Path, required=True, help="coded items, one JSON object a line")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--name", default="embedded-mpnet")
    parser.add_argument("--version", required=True, help="of the model")
    parser.add_argument("--codebook", default="1.1", help="version of the codebook behind the codes")
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="folder of authored items")
    parser.add_argument("--base", type=Path, help="folder of another encoder to start from")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folds", type=int, default=4, help="networks to average: fewer are faster, more do better")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--disputed-weight", type=float, default=1.0, help="of codes that a second coder contradicts")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="fields of the recipe")
    args = parser.parse_args()

    recipe = parse_recipe(args.set)
    coding = read(args.news, FRAMES)
    coding = dataclasses.replace(coding, items=tuple(weigh_disputed(coding.items, args.disputed_weight)))
    corpus = read_corpus(args.corpus)
    with open_base(texts_of([*coding.items, *corpus], recipe), args.base) as base:
        manifest = train(
            coding,
            FRAMES,
            args.out,
            Setup(base, recipe, args.seed, args.device),
            Identity(args.name, args.version, args.codebook, "en"),
            extra=corpus,
            folds=args.folds,
            say=lambda text: print(text, file=sys.stderr, flush=True),
        )
    print(json.dumps(manifest, indent=2))


if __name__ == "__main__":
    main()
