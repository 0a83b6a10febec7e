"""The group `feeds`: list, check, switch on, OPML in and out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .. import logs
from ..errors import ExitCode, InputError
from .options import common, database_path, load_config
from .terminal import print_json, print_table, progress_bars


@click.group()
def feeds() -> None:
    """The feeds of the configuration."""


@feeds.command("list")
@common
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def feeds_list(config_path: Path, db: Path | None, as_json: bool) -> None:  # noqa: ARG001 - every command takes both
    """The feeds in feeds.yaml, after validating it. Touches neither network nor database."""
    config = load_config(config_path)
    rows = [
        {
            "url": f.url,
            "outlet": f.outlet.name,
            "group": f.outlet.group,
            "country": f.outlet.country,
            "kind": f.kind.value,
        }
        for f in config.feeds
    ]
    if as_json:
        print_json(rows)
        return
    print_table(("outlet", "group", "country", "kind", "url"), rows)
    click.echo(f"{len(config.feeds)} feeds of {len(config.outlets)} outlets")


def matching_feeds(what: str, database: Path) -> list[dict[str, Any]]:
    """The feeds meant by an address, a part of one, or an outlet's name, as rows of v_feeds. Raises InputError."""
    from ..store import open_store

    with open_store(database) as store:
        rows = [{str(key): value for key, value in row.items()} for row in store.feeds().to_dict("records")]
    exact = [row for row in rows if what in {row["url"], row["address"]} or row["outlet"].casefold() == what.casefold()]
    found = exact or [row for row in rows if what.casefold() in f"{row['url']} {row['outlet']}".casefold()]
    if not found:
        raise InputError(f"knows no feed with {what!r} in its address or outlet", path=database)
    return found


@feeds.command("on")
@common
@click.argument("what", metavar="FEED")
def feeds_on(config_path: Path, db: Path | None, what: str) -> None:
    """Ask feeds again that are off because their server called them gone for good (410).

    FEED is an address, a part of one, or an outlet.
    """
    from ..lock import locked
    from ..store import open_store

    database = database_path(db, config_path)
    off = [row["url"] for row in matching_feeds(what, database) if row["off_since"] == row["off_since"]]
    with locked(database, "feeds on"), open_store(database, read_only=False) as store:
        for url in off:
            store.switch_on(url)
            click.echo(f"on again: {url}")
    if not off:
        click.echo("none of these feeds is off")


@feeds.command("check")
@common
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def feeds_check(config_path: Path, db: Path | None, as_json: bool) -> None:  # noqa: ARG001 - every command takes both
    """Fetch and parse every feed once and say which work. Stores nothing.

    Exit code: 0 all work, 1 some do not, 3 none does.
    """
    from ..fetch import fetch_all
    from ..parse import check
    from ..parser_process import parse_all
    from ..records import FeedState

    config = load_config(config_path)
    rows = []
    with progress_bars() as progress:
        arriving = fetch_all([(feed, FeedState()) for feed in config.feeds], config.network)
        for fetched, parsed in parse_all(arriving, config.network):
            rows.append(check(fetched, parsed))
            if progress:
                progress("feeds", len(rows), len(config.feeds))
    rows.sort(key=lambda row: (row["works"], row["outlet"], row["url"]))
    working = sum(row["works"] for row in rows)
    if as_json:
        print_json(rows)
    else:
        print_table(("outcome", "entries", "newest", "outlet", "url", "note"), rows)
        click.echo(f"{working} of {len(rows)} feeds work")
    if working == len(rows):
        raise SystemExit(ExitCode.OK)
    raise SystemExit(ExitCode.SOME_FEEDS_FAILED if working else ExitCode.NOTHING_WORKED)


@feeds.command("import")
@common
@click.argument("file", metavar="FILE.opml")
@click.option(
    "--into",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Add them to this feeds.yaml, where they are not listed yet; comments stay.",
)
def feeds_import(config_path: Path, db: Path | None, file: str, into: Path | None) -> None:  # noqa: ARG001
    """Turn another feed reader's list (OPML) into outlets for feeds.yaml: printed, or added with --into.

    FILE may be - for standard input. A folder that is called like a group becomes the group, other feeds get "other".
    """
    from .. import config, opml

    known = into or config_path
    groups = (*config.GROUPS, *(load_config(known).topic.groups if into or known.exists() else ()))
    try:
        with click.open_file(file, "rb") as stream:
            document = stream.read(opml.MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=file) from error
    listed, skipped = opml.read(document, file, groups)
    for url in skipped:
        logs.notes.warning("left out, not an http(s) address: %s", url, extra={"event": "left_out", "feed": url})
    if into is None:
        click.echo(config.fragment(listed), nl=False)
        return
    added = config.add_feeds(into, listed)
    click.echo(f"{len(added)} feeds added to {into}, {len(listed) - len(added)} were listed already")


@feeds.command("export")
@common
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
def feeds_export(config_path: Path, db: Path | None, out: Path | None) -> None:  # noqa: ARG001
    """Print the feeds of feeds.yaml as OPML 2.0 for other feed readers. `feeds import` reads it back unchanged."""
    from .. import opml

    config = load_config(config_path)
    text = opml.write(config.feeds, config.topic.name)
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", path=out) from error
    click.echo(f"{len(config.feeds)} feeds: {out}")
