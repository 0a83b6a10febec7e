"""Coded items: reading, the text the model sees, near-duplicate groups and folds."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

OUTPUTS = ("relevant", "hope", "appease")
SUMMARY_WORDS = 60
NEAR_DUPLICATE = 0.55

# Addresses and headlines that mark comment rather than news. Coded items carry no genre,
# so this stands in for it when errors are counted by genre.
_COMMENT_URL = re.compile(
    r"opinion|commentisfree|editorial|op-?ed|column|comment|/views?/|/blogs?/|analysis|essay", re.I
)
_COMMENT_TITLE = re.compile(r"\bop-?ed\b|\| (?:editorial|opinion)|guardian view|\banalysis\b", re.I)
_COMMENT_GROUPS = {"thinktank_opinion", "us_antiwar_realist"}


@dataclass(frozen=True)
class Item:
    """One coded headline with its lead."""

    id: str
    text: str
    relevant: int
    hope: int
    appease: int
    certainty: int
    outlet: str
    group: str
    month: str
    comment: bool
    headline_only: bool
    authored: bool
    # Per output: did a second coder contradict the code?
    disputed: tuple[bool, bool, bool] = (False, False, False)

    @property
    def codes(self) -> tuple[int, int, int]:
        return self.relevant, self.hope, self.appease


def compose_text(title: str, summary: str) -> str:
    """Join title and lead exactly as the runtime does."""
    title = title.strip()
    lead = " ".join(summary.split()[:SUMMARY_WORDS])
    if not lead:
        return title
    return title + (" " if title.endswith((".", "!", "?", "…", ":", ";")) else ". ") + lead


def _item(row: dict[str, Any], authored: bool) -> Item:
    title, summary = str(row["title"]), str(row.get("summary") or "")
    url, group = str(row.get("url") or ""), str(row.get("group") or "")
    comment = (
        row.get("genre") == "opinion"
        or row.get("stratum") == "commentary"
        or group in _COMMENT_GROUPS
        or bool(_COMMENT_URL.search(url))
        or bool(_COMMENT_TITLE.search(title))
    )
    return Item(
        id=str(row["id"]),
        text=compose_text(title, summary),
        relevant=int(row["rel"]),
        hope=int(row["hope"]),
        appease=int(row["appease"]),
        certainty=int(row.get("cert") or 1),
        outlet=str(row.get("outlet") or ""),
        group=group,
        month=str(row.get("date") or "")[:7],
        comment=comment,
        headline_only=len(summary.split()) < 8,
        authored=authored,
    )


def read_items(path: Path, *, authored: bool = False) -> list[Item]:
    """Read one JSON-lines file of coded items."""
    with path.open(encoding="utf-8") as lines:
        return [_item(json.loads(line), authored) for line in lines if line.strip()]


def mark_disputed(items: Sequence[Item], second: Path) -> list[Item]:
    """Mark the codes that a second coder of the same items contradicts; an absent file contradicts nothing."""
    if not second.exists():
        return list(items)
    with second.open(encoding="utf-8") as lines:
        other = {row["id"]: (row["rel"], row["hope"], row["appease"]) for row in map(json.loads, lines)}
    return [replace(item, disputed=_disputed(item, other.get(item.id, item.codes))) for item in items]


def _disputed(item: Item, other: tuple[int, int, int]) -> tuple[bool, bool, bool]:
    relevance, hope, appease = (mine != theirs for mine, theirs in zip(item.codes, other, strict=True))
    return relevance, hope, appease


def read_corpus(folder: Path) -> list[Item]:
    """Read every authored item; an absent folder is an empty corpus."""
    return [item for path in sorted(folder.glob("*.jsonl")) for item in read_items(path, authored=True)]


def near_duplicate_groups(texts: Sequence[str]) -> NDArray[np.int64]:
    """Number the connected components of texts that share most of their character n-grams."""
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, dtype=np.float32)
    matrix = vectors.fit_transform(texts)
    group = list(range(len(texts)))

    def root(i: int) -> int:
        while group[i] != i:
            group[i] = group[group[i]]
            i = group[i]
        return i

    for first, second in zip(*((matrix @ matrix.T) >= NEAR_DUPLICATE).nonzero(), strict=True):
        group[root(int(first))] = root(int(second))
    numbers: dict[int, int] = {}
    return np.array([numbers.setdefault(root(i), len(numbers)) for i in range(len(texts))], dtype=np.int64)


def make_folds(items: Sequence[Item], by: str, count: int, seed: int) -> list[tuple[list[int], list[int]]]:
    """Split into (training, validation) index lists, near-duplicates never on both sides.

    ``by`` is ``group`` (near-duplicates only), ``outlet`` or ``month``: the last two hold whole
    outlets or months out, and drop from training what resembles a held-out item.
    """
    duplicates = near_duplicate_groups([item.text for item in items])
    strata = [item.relevant + 2 * item.hope + 4 * item.appease for item in items]
    unused = np.zeros(len(items))
    if by == "group":
        splitter = StratifiedGroupKFold(n_splits=count, shuffle=True, random_state=seed)
        splits = splitter.split(unused, strata, duplicates)
    else:
        keys = [item.outlet if by == "outlet" else item.month for item in items]
        splits = GroupKFold(n_splits=count, shuffle=True, random_state=seed).split(unused, strata, keys)
    folds = []
    for train, held_out in splits:
        taken = set(duplicates[held_out].tolist())
        folds.append(([int(i) for i in train if int(duplicates[i]) not in taken], [int(i) for i in held_out]))
    return folds


def codes_of(items: Iterable[Item]) -> NDArray[np.float64]:
    """The codes as an array, one row per item in the order of ``OUTPUTS``."""
    return np.asarray([item.codes for item in items], dtype=np.float64).reshape(-1, len(OUTPUTS))
