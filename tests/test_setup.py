"""The first day: init, doctor, completion, and the examples that help shows."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_coverage import config, doctor
from media_coverage.cli import SECTIONS, cli
from media_coverage.commands.examples import EXAMPLES
from media_coverage.framing import DEFAULT_FRAMES, Frames
from media_coverage.records import Feed, Fetched, FetchOutcome, Frame, Outlet
from media_coverage.starter import starter
from media_coverage.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Result

HARBOUR = Feed("https://post.example/rss", Outlet("The Harbour Post", None, "other"))


def commands() -> dict[str, click.Command]:
    """Every command by what is typed after `media-coverage`."""
    found: dict[str, click.Command] = {}
    for name, command in cli.commands.items():
        found[name] = command
        found |= {f"{name} {inner}": below for inner, below in getattr(command, "commands", {}).items()}
    return found


# ------------------------------------------------------------------ help


def test_every_command_stands_in_one_section_and_has_an_example() -> None:
    shown = [str(command.name) for section in SECTIONS.values() for command in section]
    assert sorted(shown) == sorted(cli.commands)
    assert set(EXAMPLES) == set(commands())


@pytest.mark.parametrize("typed", sorted({typed for shown in EXAMPLES.values() for typed, _ in shown}))
def test_every_example_is_understood(typed: str) -> None:
    """Parsed by the real commands, and not run."""
    arguments = shlex.split(typed.partition(" > ")[0])
    command: click.Command = cli
    while isinstance(command, click.Group) and arguments:
        command = command.commands[arguments.pop(0)]
    with command.make_context(typed, arguments, resilient_parsing=False):
        pass


def test_help_shows_sections_and_examples(command: Callable[..., Result]) -> None:
    first = command("--help").out
    assert [line for line in first.splitlines() if line.rstrip(":") in SECTIONS] == [f"{name}:" for name in SECTIONS]
    assert "media-coverage run --due --deadline 540" in command("run", "--help").out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_that_asks_the_program(command: Callable[..., Result], shell: str) -> None:
    assert "_MEDIA_COVERAGE_COMPLETE" in command("completion", shell).out


def test_completion_completes_commands_options_and_values() -> None:
    def offered(words: str, number: int) -> set[str]:
        asked = os.environ | {
            "_MEDIA_COVERAGE_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(number),
        }
        program = "from media_coverage.cli import main; main()"
        done = subprocess.run([sys.executable, "-c", program], env=asked, capture_output=True, text=True, check=True)
        return {line.partition(",")[2] for line in done.stdout.splitlines()}

    assert {"doctor", "demo", "drift"} == offered("media-coverage d", 1)
    assert "--deadline" in offered("media-coverage run --d", 2)
    assert offered("media-coverage trend --by ", 3) >= {"group", "outlet"}


# ------------------------------------------------------------------ init


def test_init_writes_a_file_that_can_be_used_at_once(command: Callable[..., Result], tmp_path: Path) -> None:
    path = tmp_path / "feeds.yaml"
    asked = ("--topic", "Grain deal: Odesa", "--feed", "The Harbour Post", "https://post.example/rss")
    done = command("init", "--config", str(path), *asked)
    assert done.code == 0
    assert "1 feeds of 1 outlets" in done.out
    read = config.load(path)
    assert read.topic.name == "Grain deal: Odesa"
    assert read.frames == DEFAULT_FRAMES
    assert [feed.url for feed in read.feeds] == ["https://post.example/rss"]
    before = path.read_bytes()
    again = command("init", "--config", str(path), *asked)
    assert again.code == 2
    assert "exists already" in again.err
    assert path.read_bytes() == before


def test_init_takes_frames_and_another_readers_list(command: Callable[..., Result], tmp_path: Path) -> None:
    path, listed = tmp_path / "feeds.yaml", tmp_path / "other.opml"
    listed.write_text(
        '<opml version="2.0"><body><outline text="Post" xmlUrl="https://post.example/rss"/>'
        '<outline text="Echo" xmlUrl="https://echo.example/rss"/></body></opml>',
        encoding="utf-8",
    )
    frames = (
        *("--frame", "relief", "Relief", "The deal appears as food for the poor."),
        *("--frame", "trap", "Trap", "The deal appears as a trap."),
    )
    done = command("init", "--config", str(path), "--topic", "Grain", "--opml", str(listed), *frames)
    assert done.code == 0, done.err
    read = config.load(path)
    assert [frame.name for frame in read.frames.both] == ["relief", "trap"]
    assert read.classifier.model == "zero-shot"
    assert set(read.classifier.hypotheses) == {"relevant", "relief", "trap"}
    assert {feed.outlet.name for feed in read.feeds} == {"Post", "Echo"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "--topic"),
        (("--topic", "Grain"), "--feed"),
        (("--topic", "Grain", "--feed", "Post", "ftp://post.example"), "http"),
        (("--topic", "Grain", "--query", "(grain", "--feed", "Post", "https://post.example"), "query"),
        (("--topic", "Grain", "--feed", "Post", "https://post.example", "--frame", "a", "A", "a"), "exactly two"),
        (("--topic", "Grain", "--opml", "nowhere.opml"), "cannot be read"),
    ],
)
def test_init_says_what_is_missing_and_writes_nothing(
    command: Callable[..., Result], tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    path = tmp_path / "feeds.yaml"
    done = command("init", "--config", str(path), *arguments)
    assert done.code == 2
    assert says in done.err
    assert not path.exists()


WORDS = st.text(st.characters(blacklist_categories=("C", "Z")), min_size=1, max_size=30)


@given(topic=WORDS, outlet=WORDS, title=WORDS, description=WORDS)
def test_no_value_of_a_starter_becomes_another_key(topic: str, outlet: str, title: str, description: str) -> None:
    frames = Frames(Frame("good", "good", title, description), Frame("bad", "bad", "Bad", description))
    feed = Feed("https://post.example/rss", Outlet(outlet, None, "other"))
    text = starter(topic, "grain", [feed], frames)
    read = config.parse(text, config.Path("feeds.yaml"))
    assert (read.topic.name, read.feeds[0].outlet.name) == (topic, outlet)
    assert read.frames.first.title == title
    assert read.classifier.hypotheses["good"].endswith(description)


# ------------------------------------------------------------------ doctor


def findings(command: Callable[..., Result], *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    done = command("doctor", "--json", *arguments)
    return done.code, {row["check"]: row for row in json.loads(done.out)}


def test_doctor_finds_a_new_place_in_order(command: Callable[..., Result], tmp_path: Path) -> None:
    path = tmp_path / "feeds.yaml"
    path.write_text(
        starter("Grain", "grain", [HARBOUR]).replace("contact: null", "contact: ann@post.example"), encoding="utf-8"
    )
    code, found = findings(command, "--offline", "--config", str(path))
    states = {check: row["state"] for check, row in found.items()}
    assert {states[check] for check in ("Python", "SQLite", "configuration", "model", "disk")} == {"fine"}
    assert states["database"] == "note"
    assert {states[check] for check in ("network", "certificates", "clock", "feeds")} == {"not asked"}
    assert code == 1
    with open_store(config.load(path).database, read_only=False):
        pass
    code, found = findings(command, "--offline", "--config", str(path))
    assert (code, found["database"]["state"]) == (0, "fine")


def test_doctor_says_what_is_broken_and_what_to_do(command: Callable[..., Result], tmp_path: Path) -> None:
    path, database = tmp_path / "feeds.yaml", tmp_path / "broken.db"
    path.write_text("topic: {name: 3}\n", encoding="utf-8")
    database.write_bytes(b"not a database at all" * 100)
    code, found = findings(command, "--config", str(path), "--db", str(database))
    assert code == 3
    assert found["configuration"]["state"] == found["database"]["state"] == "fault"
    assert "init" in found["configuration"]["advice"]
    assert found["model"]["state"] == found["network"]["state"] == "not asked"
    shown = command("doctor", "--config", str(path), "--db", str(database)).out
    assert "fault" in shown
    assert "→" in shown


def test_doctor_asks_hosts_and_tells_a_closed_port_from_a_silent_feed(
    command: Callable[..., Result], tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    path = tmp_path / "feeds.yaml"
    feed = Feed(f"http://127.0.0.1:{port}/rss", HARBOUR.outlet)
    text = starter("Grain", "grain", [feed]).replace("  timeout", "  allow_addresses: [127.0.0.1]\n  timeout")
    path.write_text(text, encoding="utf-8")
    code, found = findings(command, "--config", str(path))
    assert code == 3
    assert found["network"]["state"] == found["feeds"]["state"] == "fault"
    assert found["clock"]["state"] == "not asked"


NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def answer(behind: timedelta | None) -> Fetched:
    """An answer of a host whose clock is so far behind ours."""
    headers = {} if behind is None else {"date": f"{NOW - behind:%a, %d %b %Y %H:%M:%S} GMT"}
    return Fetched(HARBOUR, FetchOutcome.OK, NOW, 10, status=200, headers=headers)


def test_the_clock_is_judged_by_most_hosts() -> None:
    hour, none = timedelta(hours=1), timedelta()
    assert doctor.clock([answer(none), answer(hour), answer(none)]).state == "fine"
    assert doctor.clock([answer(hour), answer(hour), answer(none)]).state == "fault"
    assert doctor.clock([answer(-hour)]).says == "3600 s behind what 1 hosts say"
    assert doctor.clock([answer(None)]).state == "not asked"


def test_a_database_from_the_future_is_told(tmp_path: Path) -> None:
    path = tmp_path / "feeds.yaml"
    path.write_text(starter("Grain", "grain", [HARBOUR]), encoding="utf-8")
    read = config.load(path)
    from media_coverage.classify import load_classifier

    with open_store(read.database, read_only=False) as store:
        run = store.begin_run(read, load_classifier().info, NOW)
        store.end_run(run, "finished", 0, NOW)
    subject = doctor.Subject(read, None, read.database, NOW - timedelta(days=1), ask=False)
    (found,) = (finding for finding in doctor.examine(subject) if finding.check == "database")
    assert found.state == "fault"
    assert "future" in found.says
