"""How often do 95 % intervals hold the truth? Simulated press, a classifier that errs, an audit of its labels.

    python -m benchmarks.coverage [--simulations 200] [--part PART] [--setting NAME] [--json FILE] [--markdown]

The worlds are those of tests/simulated_audits.py. An interval that is worth its name holds the truth in 95 % of the
weeks; its mean width, in points of the share, stands beside. The intervals of one world share its audit, so the
standard error of the coverage is that of a mean over worlds.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .figures import Finding, Range, save

if TYPE_CHECKING:
    from collections.abc import Sequence

TESTS = Path(__file__).resolve().parents[1] / "tests"

CORRECTIONS = ("Wilson on labels", "Rogan–Gladen", "rectified, same regime", "rectified, pooled over the event")
SETS = ("Rogan–Gladen, collected set", "rectified, collected set")
OUTLETS = ("Wilson on labels", "outlet-cluster bootstrap on labels", "percentiles of that bootstrap")
OUTLETS_CORRECTED = (
    "Rogan–Gladen",
    "Rogan–Gladen, outlets alike",
    "rectified, same regime",
    "rectified, outlets alike",
)

PARTS = ("corrections", "sets", "outlets")


def measured(part: str, simulations: int, wanted: str | None) -> list[dict[str, Any]]:
    """One row per setting and method: setting, method, before, after, coverage, standard_error, width."""
    sys.path.insert(0, str(TESTS))
    audits = importlib.import_module("simulated_audits")
    plans: dict[str, list[tuple[dict[str, Any], Sequence[str]]]] = {
        "corrections": [(audits.SETTINGS, CORRECTIONS)],
        "sets": [(audits.SETTINGS, SETS)],
        "outlets": [(audits.ALIKE, OUTLETS), (audits.ALIKE_WITH_ERRORS, OUTLETS_CORRECTED)],
    }
    rows = []
    for settings, methods in plans[part]:
        for name, setting in settings.items():
            if wanted not in {None, name}:
                continue
            for method, found in audits.covered(setting, methods, simulations).items():
                rows.append(
                    {
                        "setting": name,
                        "method": method,
                        "before": found.before,
                        "after": found.after,
                        "coverage": found.share,
                        "standard_error": found.standard_error,
                        "width": found.width,
                        "simulations": simulations,
                    }
                )
    return rows


def table(rows: Sequence[dict[str, Any]], markdown: bool) -> str:
    """The rows as text or as Markdown."""
    lines = []
    if markdown:
        lines += ["| setting | method | coverage | before | after | width |", "|---|---|---|---|---|---|"]
    for row in rows:
        cells = [
            row["setting"],
            row["method"],
            f"{row['coverage']:.3f} ± {row['standard_error']:.3f}",
            f"{row['before']:.3f}",
            f"{row['after']:.3f}",
            f"{row['width']:.3f}",
        ]
        if markdown:
            lines.append(f"| {' | '.join(cells)} |")
        else:
            lines.append("{:<34}{:<38}{:>15}{:>8}{:>8}{:>8}".format(*cells))
    return "\n".join(lines)


def findings(rows: Sequence[dict[str, Any]]) -> list[Finding]:
    """Of each method, in how many of the weeks its intervals hold the truth: over its settings, and where least."""
    found = []
    for method in dict.fromkeys(row["method"] for row in rows):
        shares = tuple(100 * row["coverage"] for row in rows if row["method"] == method)
        found.append(
            Finding(
                f"95 % intervals that hold the truth, by setting: {method}", min(shares), " %", spread=Range(shares)
            )
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=200, help="worlds per setting, 26 weeks each")
    parser.add_argument("--part", choices=PARTS, help="one of the three tables; all when left out")
    parser.add_argument("--setting", help="one setting by its name")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure there")
    parser.add_argument("--markdown", action="store_true")
    chosen = parser.parse_args()
    parts = [chosen.part] if chosen.part else PARTS
    rows = [row for part in parts for row in measured(part, chosen.simulations, chosen.setting)]
    print(table(rows, chosen.markdown))
    save(chosen.json, findings(rows), rows)


if __name__ == "__main__":
    main()
