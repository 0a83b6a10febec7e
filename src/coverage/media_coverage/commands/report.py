"""Commands that report: report, alerts."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ExitCode, InputError
from .options import common, database_path, day, load_config
from .terminal import open_console, print_json

if TYPE_CHECKING:
    from ..material import Material
    from ..records import Thresholds

_FORMATS = ("html", "md", "csv", "json", "atom", "svg", "png", "pdf")
_BINARY = ("png", "pdf")


def read_material(
    database: Path,
    since: str,
    until: str,
    *,
    sample: str | None = None,
    thresholds: Thresholds | None = None,
    explained: bool = False,
) -> Material:
    """What a report is made of; with `explained` also the words that decide the headlines it shows."""
    from .. import material
    from ..store import open_store

    with open_store(database) as store:
        found = material.Material.from_store(
            store, datetime.now(UTC), since, until, sample=sample, thresholds=thresholds
        )
    return replace(found, deciding=_deciding(found)) if explained else found


def _deciding(found: Material) -> dict[int, tuple[str, ...]]:
    """The deciding words of the clearest headlines, where the labels are those of the embedded model."""
    from ..classify import error_rates, load_classifier
    from ..explain import deciding_words

    rows = found.articles[found.articles["article_id"].isin(found.clearest)]
    if rows.empty or not found.model_id.startswith(f"{error_rates('embedded')[0]}+"):
        return {}
    classifier = load_classifier(model="embedded", frames=found.frames)
    return {
        int(number): deciding_words(classifier, title, label)
        for number, title, label in rows[["article_id", "title", "label"]].itertuples(index=False)
    }


def print_report(database: Path, page: Path, since: str, until: str, *, thresholds: Thresholds | None = None) -> None:
    """The report on the terminal, and as a page."""
    from .. import report as reporting

    material = read_material(database, since, until, thresholds=thresholds, explained=True)
    print_terminal(material)
    write(page, reporting.html(material))


def print_terminal(material: Material) -> None:
    """What fits a terminal."""
    from .. import report as reporting

    console = open_console()
    for part in reporting.terminal(material):
        console.print(part)


def write(path: Path, content: str | bytes) -> None:
    """Write a report. Raises InputError where that cannot be."""
    try:
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    except OSError as error:
        raise InputError(f"the report cannot be written: {error.strerror}", path=path) from error


@click.command()
@common
@click.option("--format", "form", type=click.Choice(_FORMATS), default="html", show_default=True, help="See below.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write it [default: report.html, report.png, report.pdf; all else to stdout].",
)
@click.option("--since", callback=day, help="First day, YYYY-MM-DD.")
@click.option("--until", callback=day, help="Last day, YYYY-MM-DD.")
@click.option("--by", type=click.Choice(["group", "outlet", "country"]), help="Compare these instead of periods.")
@click.option("--sample", metavar="NAME", help="Audit sample that corrects the trend for the classifier's errors.")
@click.option(
    "--explain/--no-explain", default=True, help="Mark the deciding words of the headlines that the page shows."
)
def report(
    config_path: Path,
    db: Path | None,
    form: str,
    out: Path | None,
    since: str | None,
    until: str | None,
    by: str | None,
    sample: str | None,
    explain: bool,
) -> None:
    """What changed, the trend with its intervals, the articles behind each point.

    \b
    html           a summary here, and one self-contained page
    md             a digest for mail or chat
    csv, json      the numbers, by period or --by
    atom           a feed of the labelled articles
    svg, png, pdf  the chart of the trend, or small ones --by

    \b
    media-coverage report --since 2026-02-01 --sample march
    media-coverage report --format md | mail -s "Framing" desk@example.org
    media-coverage report --format png --by outlet --out outlets.png
    """
    from .. import report as reporting

    material = read_material(
        database_path(db, config_path),
        since or "",
        until or "9999",
        sample=sample,
        thresholds=configured_thresholds(config_path),
        explained=explain and form == "html",
    )
    content = reporting.FORMATS[form](material, by)
    if out is None and form not in {"html", *_BINARY}:
        click.echo(content, nl=False)
        return
    path = out or Path(f"report.{form}")
    if form == "html":
        print_terminal(material)
    write(path, content)
    click.echo(f"Report: {path}")


def configured_thresholds(config_path: Path) -> Thresholds | None:
    """The thresholds of the configuration; None, so the usual ones, where there is none."""
    return load_config(config_path).thresholds if config_path.exists() else None


@click.command()
@common
@click.option("--until", callback=day, help="Last day, YYYY-MM-DD.")
@click.option("--sample", metavar="NAME", help="Audit sample that corrects the trend for the classifier's errors.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write them as JSON into this file, too.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def alerts(
    config_path: Path, db: Path | None, until: str | None, sample: str | None, out: Path | None, as_json: bool
) -> None:
    """What somebody should look at: silent or failing feeds, jumps of volume, shifts of the balance, drift.

    Exit code: 0 nothing, 4 some alert. Thresholds stand under `alerts` in feeds.yaml; beside them each alert needs an
    interval of 99.9 % that leaves out "as usual".
    """
    import json

    from .. import report as reporting
    from ..alerts import alert_lines
    from ..material import alerts_of

    material = read_material(
        database_path(db, config_path),
        "",
        until or "9999",
        sample=sample,
        thresholds=configured_thresholds(config_path),
    )
    found = {"made_at": material.made_at.isoformat(timespec="seconds"), "alerts": reporting.alerts_json(material)}
    if out is not None:
        write(out, json.dumps(found, ensure_ascii=False, indent=2) + "\n")
    if as_json:
        print_json(found)
    else:
        for line in alert_lines(alerts_of(material)):
            click.echo(line)
    sys.exit(ExitCode.ALERTS if found["alerts"] else ExitCode.OK)
