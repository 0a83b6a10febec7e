"""Feed readers that benchmarks.ingest starts, each run in a process of its own as its own scheduled run would be.

    python benchmarks/readers.py NAME FOLDER [PROFILE]

FOLDER/feeds.txt lists the addresses; the database is kept in FOLDER, so that a second start is a second run. Prints
one JSON object: seconds and cpu_seconds (of the process with its children) of the run itself, entries stored, and for
this project seconds and number of the labels that it made after that. Only the reader itself is imported. With PROFILE
the processor time of the main thread is written there, by function, as cProfile sees it.
"""

from __future__ import annotations

import contextlib
import cProfile
import importlib
import json
import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

QUERY = '(trump OR "white house") AND (putin OR kremlin OR russia*)'
"""That of the feeds.yaml that ships."""


def spent() -> tuple[float, float]:
    """(seconds on the wall, processor seconds of this process and of the children that have ended)."""
    times = os.times()
    return time.perf_counter(), times.user + times.system + times.children_user + times.children_system


def since(before: tuple[float, float], after: tuple[float, float]) -> dict[str, float]:
    """The keys of a result that hold times."""
    return {"seconds": after[0] - before[0], "cpu_seconds": after[1] - before[1]}


class Stopwatch:
    """A Classifier that notes when it is first asked, which is when everything before the labels is committed."""

    def __init__(self, classifier: Any) -> None:
        self._classifier = classifier
        self.asked: tuple[float, float] | None = None
        self.texts, self.cpu_seconds = 0, 0.0

    @property
    def info(self) -> Any:
        """Identity of the model."""
        return self._classifier.info

    def classify(self, texts: Sequence[Any], *, evidence: bool = False) -> Any:
        """What the real one says."""
        self.asked = self.asked or spent()
        self.texts += len(texts)
        before = time.process_time()
        framings = self._classifier.classify(texts, evidence=evidence)
        self.cpu_seconds += time.process_time() - before
        return framings


def media_coverage(urls: list[str], folder: Path, **settings: int) -> dict[str, Any]:
    """This project as shipped, every safety on: one request at a time and a gap per host, guard, caps, children.

    `settings` are those of `network` in feeds.yaml.
    """
    from media_coverage import pipeline
    from media_coverage.classify import load_classifier
    from media_coverage.config import Config
    from media_coverage.store import open_store

    outlets = [{"name": f"Outlet {number}", "group": "uk", "feeds": [url]} for number, url in enumerate(urls)]
    topic = {"name": "The meeting", "query": QUERY}
    network = {"allow_addresses": ["127.0.0.0/8"], **settings}
    database = folder / "coverage.db"
    config = Config.model_validate({"topic": topic, "network": network, "outlets": outlets, "database": database})
    classifier = Stopwatch(load_classifier())
    before = spent()
    pipeline.run(config, classifier=classifier)
    after = spent()
    with open_store(database) as store:
        entries = store.counts()["articles"]
    ingested = classifier.asked or after
    labels = {"labelling_seconds": after[0] - ingested[0], "labels": classifier.texts}
    labels["labelling_cpu_seconds"] = classifier.cpu_seconds
    return since(before, ingested) | labels | {"entries": entries}


def reader(urls: list[str], folder: Path, workers: int) -> dict[str, Any]:
    """reader as `reader update --workers N --no-scheduled` runs it, with no other setting."""
    made = importlib.import_module("reader").make_reader(str(folder / "reader.db"))
    for url in urls:
        made.add_feed(url, exist_ok=True)
    before = spent()
    made.update_feeds(workers=workers, scheduled=False)
    after = spent()
    return since(before, after) | {"entries": made.get_entry_counts().total}


def feed_to_sqlite(urls: list[str], folder: Path) -> dict[str, Any]:
    """feed-to-sqlite as its command runs it."""
    client = importlib.import_module("httpx").Client(headers={"user-agent": "feed-to-sqlite"})
    ingest_feed = importlib.import_module("feed_to_sqlite").ingest_feed
    before = spent()
    with client:
        for url in urls:
            ingest_feed(folder / "feeds.db", url=url, client=client)
    after = spent()
    db = importlib.import_module("sqlite_utils").Database(folder / "feeds.db")
    return since(before, after) | {"entries": sum(table.count for table in db.tables if table.name != "feeds")}


READERS: dict[str, Callable[[list[str], Path], dict[str, Any]]] = {
    "media-coverage": media_coverage,
    "media-coverage, 10 at once": partial(media_coverage, concurrency=10),
    "reader, 10 workers": partial(reader, workers=10),
    "reader, 1 worker": partial(reader, workers=1),
    "feed-to-sqlite": feed_to_sqlite,
}


def main() -> None:
    """Run one and print what it took."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    urls = (folder / "feeds.txt").read_text().split()
    profile = cProfile.Profile(time.thread_time) if len(sys.argv) > 3 else None
    with profile or contextlib.nullcontext():
        result = READERS[name](urls, folder)
    if profile:
        profile.dump_stats(sys.argv[3])
    main_thread, times = time.thread_time(), os.times()
    children = times.children_user + times.children_system
    others = times.user + times.system - main_thread
    print(json.dumps(result | {"main_thread": main_thread, "other_threads": others, "children": children}))


if __name__ == "__main__":
    main()
