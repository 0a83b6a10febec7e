"""The command `serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .options import common, database_path

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@common
@click.option("--port", type=click.IntRange(0, 65535), default=8001, show_default=True, help="0 for any that is free.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--allow-remote", is_flag=True, help="Let --host be one that other machines can reach.")
@click.option("--open", "open_browser", is_flag=True, help="Open it in the browser.")
def serve(config_path: Path, db: Path | None, port: int, host: str, allow_remote: bool, open_browser: bool) -> None:
    """Browse the database: search, filter, ready-made queries, SQL; CSV and JSON of everything.

    Read-only, also while runs go on. Needs the extra `datasette`. Ctrl-C ends it.
    """
    from .. import serve as serving

    database = database_path(db, config_path)
    if not serving.is_loopback(host):
        if not allow_remote:
            raise click.UsageError(
                f"--host {host}: other machines could read everything stored, without a password; "
                "add --allow-remote if they should"
            )
        click.echo(f"Warning: every machine that can reach {host} can read everything stored.", err=True)
    say = lambda address: click.echo(f"{database.name} is at {address} (Ctrl-C ends)")  # noqa: E731
    serving.serve(database, host, port, say, open_browser=open_browser)
