"""This project goes through the scenarios of behaviour.py, as cron runs it with --due."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from behaviour import ROUNDS, SCENARIOS, MediaCoverage, Observed, Scenario, complaints, play

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Observed]:
    folder: Path = tmp_path_factory.mktemp("behaviour")
    with pytest.MonkeyPatch.context() as environment:
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            environment.delenv(name, raising=False)
            environment.delenv(name.upper(), raising=False)
        return play(lambda urls, hosts: MediaCoverage(urls, hosts, folder))


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_client_behaves(seen: dict[str, Observed], name: str) -> None:
    assert complaints(name, seen[name]) == []


def test_there_are_enough_scenarios_each_with_an_expectation() -> None:
    assert len(SCENARIOS) >= 60
    nothing = Scenario(())
    for name, scenario in SCENARIOS.items():
        expected = ("titles", "fails", "works", "asks", "spares", "sends", "at_most", "at_once", "hangs_up")
        assert any(getattr(scenario, what) != getattr(nothing, what) for what in expected) or scenario.titles, name


def test_a_client_that_does_nothing_or_everything_wrong_is_told_so() -> None:
    """The scoring can fail: a client that never asks misses every scenario that wants headlines."""
    idle = Observed([[] for _ in ROUNDS], [None for _ in ROUNDS])
    wanted = [name for name, scenario in SCENARIOS.items() if scenario.titles or scenario.asks]
    assert all(complaints(name, idle) for name in wanted)
