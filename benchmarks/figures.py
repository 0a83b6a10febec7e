"""How benchmarks tell what they found: figures with their spread, bounds, tables, and the machine they ran on."""

from __future__ import annotations

import json
import os
import platform
import statistics
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from media_coverage.classify import cores, load_classifier

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Range:
    """A figure that was measured more than once."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """Of the values."""
        return statistics.median(self.values)

    def __str__(self) -> str:
        if len(self.values) == 1:
            return short(self.median)
        return f"{short(self.median)} ({short(min(self.values))}–{short(max(self.values))})"


@dataclass(frozen=True, slots=True)
class Finding:
    """A figure, and the bound that the project set for it where it set one.

    `value` is what is judged; `spread` is shown in its place where it was measured more than once.
    """

    title: str
    value: float
    unit: str = ""
    at_least: float | None = None
    below: float | None = None
    spread: Range | None = None

    @property
    def bound(self) -> float | None:
        """What the value has to reach, or must not reach."""
        return self.below if self.at_least is None else self.at_least

    @property
    def met(self) -> bool | None:
        """Whether the value is on the right side of its bound; None where there is none."""
        if self.at_least is not None:
            return self.value >= self.at_least
        return None if self.below is None else self.value < self.below

    def row(self) -> tuple[str, str, str, str]:
        """Title, value, bound, verdict."""
        bound = "" if self.bound is None else f"{'<' if self.at_least is None else '≥'} {self.bound:g}{self.unit}"
        verdict = {True: "met", False: "missed", None: ""}[self.met]
        return self.title, f"{self.spread or short(self.value)}{self.unit}", bound, verdict


HEADS = ("", "measured", "goal", "")
"""Of tables of findings."""


def short(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def plain(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table for the terminal."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (heads, *rows)
    )


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same table for docs/benchmarks.md."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)


def machine(packages: Sequence[str]) -> dict[str, Any]:
    """Where the figures come from, and with which versions."""
    information = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.partition(":")[2].strip() for line in information if line.startswith("model name")), "unknown")
    return {
        "processor": model,
        "cores": cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {package: version(package) for package in packages},
        "model": load_classifier().info.model_id,
        "load_average": os.getloadavg()[0],
    }


def place(where: dict[str, Any]) -> str:
    """A machine and its versions as a sentence."""
    packages = ", ".join(f"{name} {number}" for name, number in where["packages"].items())
    return f"{where['processor']}, {where['cores']} cores, {where['system']}, Python {where['python']}; {packages}."


def save(path: Path | None, findings: Sequence[Finding], figures: Any) -> None:
    """Write what was found, and every figure behind it, as JSON; nothing without a path.

    `python -m benchmarks` makes its table of the findings, each a row as in `Finding.row`.
    """
    if path:
        written = {"findings": [each.row() for each in findings], "figures": figures}
        path.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
