"""Commands for the first day: init, doctor, completion."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ConfigError, ExitCode, InputError, TrackerError
from .options import common, load_config
from .terminal import open_console, print_json

if TYPE_CHECKING:
    from ..framing import Frames
    from ..records import Feed

SHELLS = ("bash", "zsh", "fish")


@click.command()
@common
@click.option("--topic", metavar="TEXT", help="What is followed, as a heading. Asked for on a terminal.")
@click.option("--query", metavar="QUERY", help="Words that a text must have [default: the words of the topic].")
@click.option(
    "--frame",
    "frames",
    nargs=3,
    multiple=True,
    metavar="NAME TITLE DESCRIPTION",
    help="One of two ways of telling it; give two [default: those of the embedded model].",
)
@click.option("--feed", "feeds", nargs=2, multiple=True, metavar="OUTLET URL", help="A feed; may be repeated.")
@click.option(
    "--opml", type=click.Path(path_type=Path, dir_okay=False), help="Another feed reader's list, beside --feed."
)
def init(
    config_path: Path,
    db: Path | None,  # noqa: ARG001 - every command takes both
    topic: str | None,
    query: str | None,
    frames: tuple[tuple[str, str, str], ...],
    feeds: tuple[tuple[str, str], ...],
    opml: Path | None,
) -> None:
    """Write a commented feeds.yaml for a topic of your own (where --config says); never over an existing file.

    On a terminal what is missing is asked for. The file is read back before it is written, so it can be used at once.
    """
    from .. import config as configuration
    from ..starter import starter

    if config_path.exists():
        raise InputError("exists already; edit it, or name another file with --config", path=config_path)
    listed = [*_feeds(feeds), *_of_opml(opml)]
    if sys.stdin.isatty():
        topic = topic or str(click.prompt("What do you follow?"))
        query = query or str(click.prompt("Which words must a text have?", default=_words_of(topic)))
        listed = listed or _asked_for()
    if not topic:
        raise click.UsageError("name the topic: --topic TEXT")
    if not listed:
        raise click.UsageError("name a feed: --feed OUTLET URL, or a list of them: --opml FILE")
    try:
        text = starter(topic, query or _words_of(topic), listed, _two_frames(frames))
        configuration.parse(text, config_path)
    except ConfigError as error:
        raise click.UsageError(str(error).partition(": ")[2]) from None
    try:
        with config_path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", path=config_path) from error
    outlets = len({feed.outlet.name for feed in listed})
    click.echo(
        f"{config_path}: {len(listed)} feeds of {outlets} outlets. Next:\n"
        "  media-coverage doctor    is everything in place?\n"
        "  media-coverage run       one pass over the feeds"
    )


def _asked_for() -> list[Feed]:
    listed: list[Feed] = []
    while url := str(click.prompt("Address of a feed (empty: that is all)", default="", show_default=False)):
        listed += _feeds([(str(click.prompt("Its outlet")), url)])
    return listed


def _words_of(topic: str) -> str:
    """A query that takes every long word of the topic, as a first draft."""
    words = ["".join(filter(str.isalnum, word)) for word in topic.replace("–", " ").split()]
    return " AND ".join(f'"{word}"' for word in words if len(word) > 3) or f'"{topic}"'


def _feeds(pairs: tuple[tuple[str, str], ...] | list[tuple[str, str]]) -> list[Feed]:
    from ..records import Feed, Outlet

    return [Feed(url, Outlet(outlet, None, "other")) for outlet, url in pairs]


def _of_opml(path: Path | None) -> tuple[Feed, ...]:
    from .. import config, opml

    if path is None:
        return ()
    try:
        with path.open("rb") as stream:
            document = stream.read(opml.MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from error
    listed, _ = opml.read(document, path, config.GROUPS)
    return listed


def _two_frames(named: tuple[tuple[str, str, str], ...]) -> Frames | None:
    from ..framing import Frames
    from ..records import Frame

    if not named:
        return None
    if len(named) != 2:
        raise click.UsageError(f"takes exactly two --frame, not {len(named)}")
    first, second = (Frame(name, name, title, description) for name, title, description in named)
    return Frames(first, second)


@click.command()
@common
@click.option("--offline", is_flag=True, help="Look at this machine only; ask no feed.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def doctor(config_path: Path, db: Path | None, offline: bool, as_json: bool) -> None:
    """Is everything in place on this machine and on the way to the feeds?

    Looks at Python, SQLite, configuration, model, database, disk, extras, network, certificates, clock and feeds.
    Asks at most five feeds, stores nothing, repairs nothing, and says what to do about each fault.

    Exit code: 0 all well, 1 something to look at, 3 something that will stop a run or spoil it.
    """
    from dataclasses import asdict

    from rich.table import Table
    from rich.text import Text as RichText

    from ..doctor import State, Subject, examine

    config, trouble = None, None
    try:
        config = load_config(config_path)
    except TrackerError as error:
        trouble = error
    database = db or (config.database if config else Path("media-coverage.db"))
    found = list(examine(Subject(config, trouble, database, datetime.now(UTC), ask=not offline)))
    states = {finding.state for finding in found}
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        colours = {State.FINE: "green", State.NOTE: "yellow", State.FAULT: "bold red", State.NOT_ASKED: "dim"}
        table = Table("", "check", "found", box=None, pad_edge=False, header_style="bold")
        for finding in found:
            says = RichText(finding.says)
            if finding.advice:
                says.append(f"\n→ {finding.advice}", style="italic")
            table.add_row(RichText(finding.state.value, style=colours[finding.state]), finding.check, says)
        open_console().print(table)
    if State.FAULT in states:
        raise SystemExit(ExitCode.NOTHING_WORKED)
    raise SystemExit(ExitCode.SOME_FEEDS_FAILED if State.NOTE in states else ExitCode.OK)


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script that completes commands, options and their values in a shell.

    \b
    bash:  media-coverage completion bash > ~/.local/share/bash-completion/completions/media-coverage
    zsh:   media-coverage completion zsh > "${fpath[1]}/_media-coverage"
    fish:  media-coverage completion fish > ~/.config/fish/completions/media-coverage.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    root = click.get_current_context().find_root().command
    assert kind is not None  # click knows the three shells  # noqa: S101
    click.echo(kind(root, {}, "media-coverage", "_MEDIA_COVERAGE_COMPLETE").source())
