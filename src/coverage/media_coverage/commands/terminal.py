"""How commands print: console, tables, JSON, progress."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from .. import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console
    from rich.progress import TaskID

    Progress = Callable[[str, int, int | None], None]


def open_console(*, stderr: bool = False) -> Console:
    """A console for stdout or stderr; colours only where somebody is watching."""
    from rich.console import Console

    # Piped output has no width of its own; 80 columns would fold the tables.
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else 120, highlight=False)


def print_json(value: object) -> None:
    """Indented JSON on stdout; what JSON does not know, as text."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def print_table(columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    """A table on stdout; None is an empty cell, and markup in the values stays text."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(*columns, header_style="bold")
    for row in rows:
        table.add_row(*(escape("" if row[name] is None else str(row[name])) for name in columns))
    open_console().print(table)


@contextlib.contextmanager
def progress_bars() -> Iterator[Progress | None]:
    """A bar for each stage of a task on stderr when someone is watching: call it with stage, done and total."""
    if not sys.stderr.isatty() or not logs.in_text():
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    times = (TimeElapsedColumn(), TextColumn("left:"), TimeRemainingColumn())
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *times)
    tasks: dict[str, TaskID] = {}

    def show(stage: str, done: int, total: int | None) -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=total)
        bars.update(tasks[stage], completed=done, total=total)

    with Bars(*columns, console=open_console(stderr=True), transient=True) as bars:
        yield show
