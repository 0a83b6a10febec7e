"""Score a model folder on coded items, by genre, lead and outlet group, as `media-coverage evaluate` does on all."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from media_coverage.classify import load_classifier
from media_coverage.coded import code_array, read

from .crossvalidate import HEADER, LEAST, row, score
from .items import FRAMES, parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--news", type=Path, required=True, help="coded items, one JSON object a line")
    parser.add_argument("--model", default="embedded", help="as for media-coverage: embedded, embedded:FOLDER, …")
    args = parser.parse_args()

    items = read(args.news, FRAMES).items
    framings = load_classifier(args.model).classify([item.text for item in items])
    relevant = code_array(items)[:, 0] == 1
    said = np.array([framing.label for framing in framings])
    coded_labels = np.array([FRAMES.label_of(bool(item.codes[1]), bool(item.codes[2])) for item in items])
    masks = parts(args.news, items)
    print(HEADER)
    for name, rows in masks.items():
        if (rows & relevant).sum() >= LEAST:
            print(row(name, score(items, framings, rows)))
    print("\n| part | items | relevant | wrong labels |\n|---|---:|---:|---:|")
    for name, rows in masks.items():
        on = rows & relevant
        if on.any():
            print(f"| {name} | {rows.sum()} | {on.sum()} | {100 * np.mean(said[on] != coded_labels[on]):.0f} % |")


if __name__ == "__main__":
    main()
