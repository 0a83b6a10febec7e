"""Commands that carry data out of the database: export."""

from __future__ import annotations

from pathlib import Path

import click

from .options import common, database_path, day
from .terminal import progress_bars


@click.command("export")
@common
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "parquet", "jsonl"]),
    default="csv",
    show_default=True,
    help="parquet needs the extra of that name.",
)
@click.option(
    "--views",
    metavar="NAMES",
    help="Separated by commas, with or without v_ [default: all but v_texts, the texts of pages].",
)
@click.option("--since", callback=day, help="First day, YYYY-MM-DD.")
@click.option("--until", callback=day, help="Last day, YYYY-MM-DD.")
def export_command(
    config_path: Path, db: Path | None, folder: Path, form: str, views: str | None, since: str | None, until: str | None
) -> None:
    """Write the views to FOLDER as a data package: one file each, and datapackage.json, which describes them.

    \b
    media-coverage export data
    media-coverage export data --format parquet --since 2026-02-01
    media-coverage export data --views articles,labels,versions

    Days select articles by publication with all that belongs to them, periods by their first day, runs and requests by
    the day they began. An earlier export in FOLDER is replaced, any other file there is left alone and the command
    ends. In CSV, text that a spreadsheet could take for a formula has an apostrophe before it (docs/queries.md).
    """
    from ..datapackage import chosen, export
    from ..store import open_store

    try:
        wanted = chosen([name.strip() for name in (views or "").split(",") if name.strip()])
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--views") from None
    with open_store(database_path(db, config_path)) as store, progress_bars() as progress:
        done = export(store, folder, form, wanted, since or "", until or "", progress)
    named = f"; left out: {', '.join(done.left_out)}" if done.left_out else ""
    click.echo(f"{sum(done.rows.values())} rows of {len(done.rows)} views, {done.bytes} bytes: {folder}{named}")
