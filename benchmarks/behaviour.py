"""How well feed readers behave: this project, reader and feed-to-sqlite through the scenarios of tests/behaviour.py.

    python -m benchmarks.behaviour [--peers PYTHON] [--details] [--json FILE] [--markdown]

Every client runs in a process of its own and polls the same scenarios (a server on loopback that answers as declared)
as its own scheduled run would, at the same times of a clock that is moved for it. `--peers` names the interpreter of
an environment that holds reader, feed-to-sqlite and time-machine (`make bench-behaviour` makes one); without it only
this project is scored. A scenario is passed when nothing that it declares was got wrong; `--details` lists what was.
The memory is the most that the process held, the server included.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

TESTS = Path(__file__).resolve().parents[1] / "tests"
CLIENTS = ("media-coverage", "reader", "feed-to-sqlite")
SECONDS = 900
"""More than the most patient client needs."""


class Reader:
    """reader as `reader update --scheduled` runs it, with the same patience as ours and no other setting."""

    def __init__(self, urls: list[str], hosts: list[str], folder: Path) -> None:  # noqa: ARG002 - it knows no such list
        reader = importlib.import_module("reader")
        self._reader: Any = reader.make_reader(str(folder / "reader.sqlite"), session_timeout=(5, 5))
        for url in urls:
            self._reader.add_feed(url)

    def poll(self, now: datetime) -> Mapping[str, bool]:
        with importlib.import_module("time_machine").travel(now, tick=True):
            results = list(self._reader.update_feeds_iter(scheduled=True))
        return {str(result.url): not isinstance(result.value, Exception) for result in results}

    def titles(self, url: str) -> set[str]:
        return {str(entry.title) for entry in self._reader.get_entries(feed=url)}


class FeedToSqlite:
    """feed-to-sqlite as its command runs it, one feed after another, each into a table of its own."""

    def __init__(self, urls: list[str], hosts: list[str], folder: Path) -> None:  # noqa: ARG002 - it knows no such list
        self._tables = {url: f"feed{number}" for number, url in enumerate(urls)}
        self._db: Any = importlib.import_module("sqlite_utils").Database(folder / "feeds.db")

    def poll(self, now: datetime) -> Mapping[str, bool]:
        ingest_feed = importlib.import_module("feed_to_sqlite").ingest_feed
        reports = {}
        with importlib.import_module("time_machine").travel(now, tick=True):
            for url, table in self._tables.items():
                try:
                    ingest_feed(self._db, url=url, table_name=table)
                    reports[url] = True
                except Exception:  # noqa: BLE001 - whatever it raises ends its command with a traceback: a failure
                    self._db.conn.rollback()
                    reports[url] = False
        return reports

    def titles(self, url: str) -> set[str]:
        table = self._db[self._tables[url]]
        return {str(row["title"]) for row in table.rows} if table.exists() else set()


def score(name: str) -> dict[str, Any]:
    """Let one client play in this process. Keys: client, version, complaints (by scenario), peak_mib."""
    sys.path.insert(0, str(TESTS))
    behaviour = importlib.import_module("behaviour")
    client = {"media-coverage": behaviour.MediaCoverage, "reader": Reader, "feed-to-sqlite": FeedToSqlite}[name]
    with tempfile.TemporaryDirectory() as folder:
        observed = behaviour.play(lambda urls, hosts: client(urls, hosts, Path(folder)))
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return {
        "client": name,
        "version": importlib.metadata.version(name),
        "groups": {group: list(scenarios) for group, scenarios in behaviour.GROUPS.items()},
        "complaints": {scenario: behaviour.complaints(scenario, seen) for scenario, seen in observed.items()},
        "peak_mib": round(max(own, children) / 1024),
    }


def _played(name: str, python: str) -> dict[str, Any]:
    environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    # reader 3.26 carries a feedparser that its own dependencies no longer support.
    environment["READER_NO_VENDORED_FEEDPARSER"] = "1"
    done = subprocess.run(  # noqa: S603 - this very file
        [python, __file__, "--client", name],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=environment,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{name} could not play:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _rows(results: list[dict[str, Any]]) -> list[list[str]]:
    """The table: a header, a row per group of scenarios, the sum, the memory."""
    groups: dict[str, list[str]] = results[0]["groups"]
    rows = [["", "scenarios", *(f"{result['client']} {result['version']}" for result in results)]]
    groups = {**groups, "all": [name for names in groups.values() for name in names]}
    for group, names in groups.items():
        passed = (sum(not result["complaints"][name] for name in names) for result in results)
        rows.append([group, str(len(names)), *map(str, passed)])
    rows.append(["peak memory, MiB", "", *(str(result["peak_mib"]) for result in results)])
    return rows


def _details(results: list[dict[str, Any]]) -> list[str]:
    return [
        f"{result['client']}: {name}: {'; '.join(found)}"
        for result in results
        for name, found in result["complaints"].items()
        if found
    ]


def main() -> None:
    """Score and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.behaviour", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter that has reader, feed-to-sqlite, time-machine")
    parser.add_argument("--details", action="store_true", help="list what each client got wrong")
    parser.add_argument("--client", choices=CLIENTS, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every complaint there")
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    if arguments.client:
        print(json.dumps(score(arguments.client)))
        return
    from .figures import Finding, save  # not in the peers' environments, which run this file, too

    pythons = {"media-coverage": sys.executable} | dict.fromkeys(
        CLIENTS[1:] if arguments.peers else (), arguments.peers
    )
    results = [_played(name, python) for name, python in pythons.items()]
    of = sum(map(len, results[0]["groups"].values()))
    passed = {each["client"]: sum(not found for found in each["complaints"].values()) for each in results}
    save(
        arguments.json,
        [Finding(f"scenarios of {of} that {client} plays well", count) for client, count in passed.items()],
        results,
    )
    rows = _rows(results)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if arguments.markdown:
        rows.insert(1, ["---", *["---:"] * (len(widths) - 1)])
        print("\n".join(f"| {' | '.join(row)} |" for row in rows))
    else:
        print("\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows))
    if arguments.details:
        print("\n" + "\n".join(_details(results)))


if __name__ == "__main__":
    main()
