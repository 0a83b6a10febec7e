"""How often does a test of "did the share change at the event?" say yes when nothing happened, and when something did?

    python -m benchmarks.type_one [--series 1000] [--only PART …] [--further] [--json | --markdown]

The series and the tests are those of tests/simulated_series.py. Seeds are fixed, so the figures come out the same
everywhere; a rate of 5 % over 1,000 series has a standard error of .7 points.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests"


def main() -> None:
    """Play the settings and print the table."""
    sys.path.insert(0, str(TESTS))
    simulated = importlib.import_module("simulated_series")

    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--series", type=int, default=1000, help="simulated series for each setting")
    options.add_argument("--only", nargs="*", metavar="NAME", help="settings whose name contains one of these")
    options.add_argument("--further", action="store_true", help="also slopes, placebo dates and change points (slower)")
    form = options.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true")
    form.add_argument("--markdown", action="store_true")
    chosen = options.parse_args()
    tests = {**simulated.TESTS_TO_COMPARE, **(simulated.FURTHER if chosen.further else {})}
    names = [*tests, simulated.OURS, simulated.COVERS]
    rows = [["setting", *names]]
    found = {}
    for scenario in simulated.SCENARIOS:
        if chosen.only and not any(part in scenario.name for part in chosen.only):
            continue
        found[scenario.name] = simulated.rates(scenario, chosen.series, tests)
        rows.append([scenario.name, *(f"{100 * found[scenario.name][name]:.1f} %" for name in names)])
    if chosen.json:
        print(json.dumps({"series": chosen.series, "rates": found}, ensure_ascii=False))
    elif chosen.markdown:
        rows.insert(1, ["---", *("---:" for _ in names)])
        print("\n".join(f"| {' | '.join(row)} |" for row in rows))
    else:
        print("\n".join(f"{row[0]:28}" + "".join(f"{cell:>20}" for cell in row[1:]) for row in rows))


if __name__ == "__main__":
    main()
