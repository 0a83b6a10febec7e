"""Alerts: something large raises one, noise does not."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd

from media_coverage.alerts import Alert, alert_lines, alerts, usual_volume
from media_coverage.estimate import Estimate, wilson
from media_coverage.framing import DEFAULT_FRAMES
from media_coverage.health import Fact, Health, Verdict, Word
from media_coverage.news import Point, Step, Volume, step
from media_coverage.records import Thresholds

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
FINE = Health(())
MONDAY = date(2026, 1, 5)


def volumes(counts: list[int], whole: bool = True) -> list[Volume]:
    weeks = [MONDAY + timedelta(weeks=i) for i in range(len(counts))]
    return [Volume(week, week + timedelta(days=6), n, 5, whole) for week, n in zip(weeks, counts, strict=True)]


def found(
    health: Health = FINE,
    counts: list[int] | None = None,
    steps: tuple[Step | None, Step | None] = (None, None),
    drift: pd.DataFrame | None = None,
    *,
    whole: bool = True,
    **thresholds: float,
) -> tuple[Alert, ...]:
    told = volumes(counts or [], whole)
    return alerts(health, told, steps, drift, DEFAULT_FRAMES, Thresholds(**thresholds), NOW)  # type: ignore[arg-type]


def verdict(word: Word, days: float, outlet: str = "Ledger") -> Verdict:
    return Verdict(f"https://{outlet}.example", outlet, (Fact(word, NOW - timedelta(days=days), "It is so."),))


def line(counts: list[tuple[int, int]]) -> list[Point]:
    weeks = [MONDAY + timedelta(weeks=i) for i in range(len(counts))]
    return [
        Point(week, week + timedelta(days=6), Estimate(k / n, *wilson(k / n, n), n))
        for week, (k, n) in zip(weeks, counts, strict=True)
    ]


def test_all_is_well_raises_nothing() -> None:
    assert found() == ()
    assert alert_lines(()) == []


def test_silent_and_failing_feeds() -> None:
    health = Health((verdict(Word.FAILING, 2), verdict(Word.QUIET, 20), verdict(Word.QUIET, 5), verdict(Word.FINE, 0)))
    assert [alert.kind for alert in found(health)] == ["silent", "failing"]
    assert [alert.kind for alert in found(health, silent_days=4)] == ["silent", "silent", "failing"]
    assert [alert.kind for alert in found(Health((), "Nothing is collected."))] == ["standstill"]


def test_many_feeds_of_one_kind_share_a_line() -> None:
    health = Health(tuple(verdict(Word.QUIET, 20, f"Outlet {i}") for i in range(30)))
    (line,) = alert_lines(found(health))
    assert line.startswith("30 feeds have been silent for longer than usual: Outlet 0 (since 2026-05-12), ")
    assert line.endswith(", and 18 more.")
    (line,) = alert_lines(found(Health((verdict(Word.FAILING, 2),))), few=0)
    assert line == "1 feed misses something: Ledger (since 2026-05-30)."


def test_a_jump_or_fall_of_volume_needs_a_history_and_a_whole_collection() -> None:
    steady = [100, 104, 97, 102, 99, 101]
    assert [alert.kind for alert in found(counts=[*steady, 260])] == ["volume"]
    (fall,) = found(counts=[*steady, 20])
    assert "20 on-topic articles, where 100 are usual" in fall.sentence
    assert found(counts=[*steady, 130]) == ()
    assert found(counts=[100, 260]) == ()
    assert found(counts=[*steady, 260], whole=False) == ()
    assert found(counts=[*steady, 260], volume_factor=3) == ()
    assert found(counts=[20, 200, 30, 180, 25, 190, 260]) == ()


def test_a_shift_needs_size_certainty_and_more_than_the_usual_movement() -> None:
    steady = [(30, 100)] * 7
    moved = step(line([*steady, (65, 100)]))
    (alert,) = found(steps=(moved, None))
    assert (alert.kind, alert.about) == ("shift", "hopeful_peace")
    assert found(steps=(moved, None), shift_points=40) == ()
    assert found(steps=(step(line([*steady, (36, 100)])), None), shift_points=1) == ()
    restless = [(30, 100), (65, 100), (30, 100), (65, 100), (30, 100), (65, 100)]
    assert found(steps=(step(line([*restless, (30, 100)])), None)) == ()
    assert found(steps=(step(line([(30, 100), (65, 100)])), None)) == ()


def test_drift_is_told_unless_it_is_switched_off() -> None:
    row = {"first_day": "2026-05-25", "output": "hope", "distance": 0.4, "p": 0.001, "drift": True}
    rows = pd.DataFrame([row, row | {"output": "relevant", "drift": False}])
    (alert,) = found(drift=rows)
    assert (alert.kind, alert.about) == ("drift", "hope")
    assert alerts(FINE, [], (None, None), rows, DEFAULT_FRAMES, Thresholds(drift=False), NOW) == ()


def test_noise_raises_no_alert() -> None:
    """600 worlds in which nothing happens: counts vary three times as much as chance, shares stand still.

    Even without any size asked for, alerts come in about 1 of 200.
    """
    rng = np.random.default_rng(7)
    usual, any_size = 0, {"volume": 0, "shift": 0}
    for _ in range(600):
        counts = [int(rng.poisson(rate)) for rate in rng.gamma(100 / 2, 2, size=13)]
        sizes = (40, 60, 45, 80, 50, 70, 55, 60)
        lines = [line([(int(rng.binomial(n, p)), n) for n in sizes]) for p in (0.3, 0.2)]
        steps = (step(lines[0]), step(lines[1]))
        usual += bool(found(counts=counts, steps=steps))
        for kind in {alert.kind for alert in found(counts=counts, steps=steps, volume_factor=1.001, shift_points=0.1)}:
            any_size[kind] += 1
    assert usual <= 2
    assert sum(any_size.values()) <= 5


def test_the_usual_volume_widens_with_its_swing() -> None:
    assert usual_volume([100, 100, 100, 100, 100]) is None
    calm, restless = usual_volume([100] * 6 + [0]), usual_volume([60, 140, 60, 140, 60, 140, 0])
    assert calm
    assert restless
    assert calm[0] == restless[0] == 100
    assert restless[1] < calm[1] < 100 < calm[2] < restless[2]
