"""The command that brings in archives: import."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import click

from .options import common, load_config, model_options
from .terminal import print_json, progress_bars


def _encoding(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:  # noqa: ARG001
    from ..mapping import known_encoding

    try:
        return value and known_encoding(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("import")
@common
@model_options
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--mapping",
    metavar="NAME|FILE",
    help="Which column is what: generic, mediacloud, gdelt-doc, gdelt-gkg, warc, or a YAML file [default: generic, for "
    "web archives warc].",
)
@click.option(
    "--encoding", callback=_encoding, help="Of text files without a mark [default: as in the mapping, else utf-8]."
)
@click.option(
    "--rejects",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Add rejected rows to this file, as JSON Lines with file, row, reason and cells.",
)
@click.option("--label/--no-label", default=True, help="Label what is on topic now, or leave it to the next run.")
@click.option(
    "--workers",
    type=click.IntRange(min=1, max=64),
    default=lambda: min(os.cpu_count() or 1, 8),
    show_default="processors, at most 8",
    help="Processes that prepare rows.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the account as JSON on stdout.")
def import_(
    config_path: Path,
    db: Path | None,
    model: str | None,
    device: str | None,
    files: tuple[Path, ...],
    mapping: str | None,
    encoding: str | None,
    rejects: Path | None,
    label: bool,
    workers: int,
    as_json: bool,
) -> None:
    """Bring in archives: CSV, TSV, JSON Lines, JSON, Parquet, web archives (WARC), plain or gzipped.

    Rows become the articles, wordings and stories that they would be if a feed had brought them.
    A file that was imported before adds nothing; one whose import was stopped is gone on with behind the last row that
    was stored. docs/import.md has examples.

    Exit code: 0 every file was read to its end, 1 some file could not be, or no row of it could be used, 2 usage, 3 so
    with all files, 75 another run is using the database.
    """
    from .. import backfill
    from ..classify import load_classifier

    config = load_config(config_path)
    classifier = load_classifier(**config.classifier_options(model, device))
    with progress_bars() as progress:
        account = backfill.import_files(
            config,
            files,
            database=db,
            mapping=mapping,
            encoding=encoding,
            rejects=rejects,
            label=label,
            workers=workers,
            classifier=classifier,
            progress=progress,
        )
    if as_json:
        print_json(asdict(account) | {"exit_code": int(account.exit_code)})
    else:
        click.echo("\n".join(backfill.summary_lines(account)))
    raise SystemExit(account.exit_code)
