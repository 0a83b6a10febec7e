"""What the release learns from beside coded news: authored items, second codes; the parts errors are counted by."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from media_coverage.coded import CodedItem, codes_of, json_lines, read
from media_coverage.finetune import Recipe
from media_coverage.framing import DEFAULT_FRAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

FRAMES = DEFAULT_FRAMES
CORPUS = Path(__file__).parent / "corpus"
SECOND_CODES = Path(__file__).parent / "second_codes.jsonl"

# Addresses and headlines that mark comment rather than news. Coded items carry no genre, so this stands in for it.
_COMMENT_URL = re.compile(
    r"opinion|commentisfree|editorial|op-?ed|column|comment|/views?/|/blogs?/|analysis|essay", re.I
)
_COMMENT_TITLE = re.compile(r"\bop-?ed\b|\| (?:editorial|opinion)|guardian view|\banalysis\b", re.I)
_COMMENT_GROUPS = {"thinktank_opinion", "us_antiwar_realist"}


def read_corpus(folder: Path = CORPUS, weight: float = 1.0) -> list[CodedItem]:
    """Every authored item, learned from and never scored."""
    items = [item for path in sorted(folder.glob("*.jsonl")) for item in read(path, FRAMES).items]
    return [dataclasses.replace(item, weights=(weight, weight, weight)) for item in items]


def weigh_disputed(items: Sequence[CodedItem], weight: float, second: Path = SECOND_CODES) -> list[CodedItem]:
    """Give codes that a second coder contradicts another weight."""
    other = {row["id"]: codes_of(row, FRAMES, second, line) for line, row in json_lines(second)}

    def weights(item: CodedItem) -> tuple[float, float, float]:
        first, second, third = (
            weight if mine != theirs else 1.0
            for mine, theirs in zip(item.codes, other.get(item.id, item.codes), strict=True)
        )
        return first, second, third

    return [dataclasses.replace(item, weights=weights(item)) for item in items]


def parts(path: Path, items: Sequence[CodedItem]) -> dict[str, npt.NDArray[np.bool_]]:
    """The parts of a file's items that errors are counted by, as masks; outlet groups where the file names them."""
    rows = {str(row.get("id")): row for _, row in json_lines(path)}
    mine = [rows.get(item.id, {}) for item in items]
    comment = np.array([_is_comment(row) for row in mine])
    headline_only = np.array([len(item.text.summary.split()) < 8 for item in items])
    masks = {
        "all": np.ones(len(items), dtype=bool),
        "news": ~comment,
        "comment": comment,
        "headline only": headline_only,
        "with lead": ~headline_only,
    }
    groups = [str(row.get("group") or "") for row in mine]
    return masks | {
        f"group {name}": np.array([group == name for group in groups]) for name in sorted(set(groups) - {""})
    }


def _is_comment(row: dict[str, Any]) -> bool:
    return (
        row.get("genre") == "opinion"
        or row.get("stratum") == "commentary"
        or row.get("group") in _COMMENT_GROUPS
        or bool(_COMMENT_URL.search(str(row.get("url") or "")))
        or bool(_COMMENT_TITLE.search(str(row.get("title") or "")))
    )


def parse_recipe(pairs: Sequence[str]) -> Recipe:
    """A recipe with the fields named as NAME=VALUE changed, each read as its default's type."""
    defaults = Recipe()
    values: dict[str, Any] = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        values[name] = type(getattr(defaults, name))(text)
    return dataclasses.replace(defaults, **values)
