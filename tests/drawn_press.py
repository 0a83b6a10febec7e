"""A database with invented articles, labelled by the fake classifier, for whoever samples and codes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from conftest import FakeClassifier, Item, config_text, make_config, rss
from feedserver import FeedServer, Response

from media_coverage import pipeline

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

OUTLETS = {"Morning Ledger": "uk", "Evening Post": "us_left", "Volga Herald": "russia_state"}
START = datetime(2026, 1, 20, 9, tzinfo=UTC)
DAYS = 28
"""From two weeks before the event of `config_text` (2026-02-03) to two weeks after it."""

KINDS = ("", "", "", "hope", "reward", "hope maybe", "maybe", "football", "hope reward")
"""Words by which the fake classifier labels: neither, hopeful, appeasement, uncertain, off topic, mixed."""


def invented(rng: np.random.Generator, words: int) -> str:
    """Words of no language, so that no two texts resemble each other."""
    letters = list("abcdefghijklmnoprstuvwz")
    return " ".join("".join(rng.choice(letters, size=int(rng.integers(5, 10)))) for _ in range(words))


def titles(count: int, seed: int = 1) -> list[str]:
    rng = np.random.default_rng(seed)
    return [f"Trump Putin {KINDS[i % len(KINDS)]} {invented(rng, 6)}" for i in range(count)]


def make_press(folder: Path, headlines: Iterable[str]) -> Path:
    """Run the pipeline over feeds with these headlines, spread over three outlets and four weeks. Returns the file."""
    by_outlet: dict[str, list[Item]] = {name: [] for name in OUTLETS}
    for i, title in enumerate(headlines):
        published = format_datetime(START + timedelta(hours=24 * DAYS * ((i * 7) % 97) / 97))
        item = Item(title, published=published, link=f"https://press.example/{i}")
        by_outlet[list(OUTLETS)[i % len(OUTLETS)]].append(item)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            patch.delenv(name, raising=False)
            patch.delenv(name.upper(), raising=False)
        server = FeedServer()
        try:
            paths = {name: [f"/{number}.xml"] for number, name in enumerate(by_outlet)}
            for name, items in by_outlet.items():
                server.serve(paths[name][0], Response(rss(items, title=name)))
            database = folder / "coverage.db"
            config = make_config(server.url(), paths, folder=folder, groups=OUTLETS)
            (folder / "feeds.yaml").write_text(
                config_text(server.url(), paths, groups=OUTLETS) + "database: coverage.db\n", encoding="utf-8"
            )
            summary = pipeline.run(config, database=database, classifier=FakeClassifier())
            assert summary.exit_code == 0
        finally:
            server.close()
    return database
