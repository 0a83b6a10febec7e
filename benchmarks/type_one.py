"""How often does a test of "did the share change at the event?" say yes when nothing happened, and when something did?

    python -m benchmarks.type_one [--series 1000] [--only PART …] [--further] [--json FILE] [--markdown]
    python -m benchmarks.type_one --audited [--series 1000] [--json FILE] [--markdown]

With `--audited` a classifier stands between the articles and the test, which sees shares corrected by an audit.
The series and the tests are those of tests/simulated_series.py. Seeds are fixed, so the figures come out the same
everywhere; a rate of 5 % over 1,000 series has a standard error of .7 points.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .figures import Finding, Range, save

if TYPE_CHECKING:
    from types import ModuleType

TESTS = Path(__file__).resolve().parents[1] / "tests"


def main() -> None:
    """Play the settings and print the table."""
    sys.path.insert(0, str(TESTS))
    simulated = importlib.import_module("simulated_series")

    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--series", type=int, default=1000, help="simulated series for each setting")
    options.add_argument("--only", nargs="*", metavar="NAME", help="settings whose name contains one of these")
    options.add_argument("--further", action="store_true", help="also slopes, placebo dates and change points (slower)")
    options.add_argument("--audited", action="store_true", help="our test on shares that an audit corrects")
    options.add_argument("--json", type=Path, metavar="FILE", help="also write every rate there")
    options.add_argument("--markdown", action="store_true")
    chosen = options.parse_args()
    if chosen.audited:
        _audited(simulated, chosen)
        return
    tests = {**simulated.TESTS_TO_COMPARE, **(simulated.FURTHER if chosen.further else {})}
    names = [*tests, simulated.OURS, simulated.COVERS]
    rows = [["setting", *names]]
    found = {}
    for scenario in simulated.SCENARIOS:
        if chosen.only and not any(part in scenario.name for part in chosen.only):
            continue
        found[scenario.name] = simulated.rates(scenario, chosen.series, tests)
        rows.append([scenario.name, *(f"{100 * found[scenario.name][name]:.1f} %" for name in names)])
    _print(rows, chosen)
    findings = []
    for test in (*tests, simulated.OURS):
        alarms = tuple(100 * rates[test] for name, rates in found.items() if not name.startswith("effect "))
        if alarms:
            title = f"alarms without an effect, at 5 %, by setting: {test.strip('*')}"
            findings.append(Finding(title, max(alarms), " %", spread=Range(alarms)))
    save(chosen.json, findings, {"series": chosen.series, "rates": found})


def _audited(simulated: ModuleType, chosen: argparse.Namespace) -> None:
    """False alarms, and how often intervals cover, without an effect and with one of 15 points."""
    names = ["labels", *simulated.CORRECTED]
    heads = [f"{name}: {what}" for name in names for what in ("yes", "covers")]
    rows = [["setting", *heads, "rectified, weeks only: yes"]]
    found = {}
    for effect in (0.0, 0.15):
        scenario = dataclasses.replace(simulated.NULL, effect=effect)
        for audit in simulated.AUDITS:
            rates = simulated.audited_rates(scenario, audit, chosen.series)
            weeks_only = simulated.audited_rates(scenario, audit, chosen.series, kept_apart=False)["rectified"][0]
            name = f"{audit.name}; effect {100 * effect:.0f} points"
            found[name] = rates | {"rectified, weeks only": weeks_only}
            shares = [*(share for each in names for share in rates[each]), weeks_only]
            rows.append([name, *(f"{100 * share:.1f} %" for share in shares)])
            print(f"{name}: done", file=sys.stderr, flush=True)
    _print(rows, chosen)
    save(chosen.json, [], {"series": chosen.series, "rates": found})


def _print(rows: list[list[str]], chosen: argparse.Namespace) -> None:
    if chosen.markdown:
        rows.insert(1, ["---", *("---:" for _ in rows[0][1:])])
        print("\n".join(f"| {' | '.join(row)} |" for row in rows))
    else:
        width = max(len(row[0]) for row in rows) + 2
        print("\n".join(f"{row[0]:{width}}" + "".join(f"{cell:>28}" for cell in row[1:]) for row in rows))


if __name__ == "__main__":
    main()
