"""Commands that collect, and say how the collection fares: run, demo, status, why, prune."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..records import FetchOutcome
from .feeds import matching_feeds
from .options import common, database_path, load_config, model_options
from .report import print_report
from .terminal import open_console, print_json, progress_bars

if TYPE_CHECKING:
    from ..health import Verdict
    from ..records import RunSummary

_NOT_ASKED = tuple(outcome for outcome in FetchOutcome if not outcome.attempted)


def summary_line(summary: RunSummary) -> str:
    """What a run did, in one line."""
    asked = [feed.outcome for feed in summary.feeds if feed.outcome.attempted]
    failed = sum(not outcome.succeeded for outcome in asked)
    others = {outcome.value: sum(feed.outcome is outcome for feed in summary.feeds) for outcome in _NOT_ASKED}
    others |= {"not_due": summary.not_due, "off": summary.off}
    left = "".join(f", {number} {name.replace('_', ' ')}" for name, number in others.items() if number)
    seconds = (summary.finished_at - summary.started_at).total_seconds()
    pages = f"{summary.pages_read} of {summary.pages} pages read, " if summary.pages else ""
    return (
        f"{len(asked)} feeds ({failed} failed){left}; {summary.entries} entries, "
        f"{summary.new_articles} new articles, {summary.new_versions} changed wordings; "
        f"{summary.passed_gate} passed the keywords, {pages}{summary.labelled} labelled, {summary.relevant} on topic; "
        f"{seconds:.1f} s"
    )


@click.command()
@common
@model_options
@click.option("--due", is_flag=True, help="Ask only the feeds whose time has come; made for a run every ten minutes.")
@click.option(
    "--deadline",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Ask no feed after so many seconds; what has come is still labelled.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the run's summary as JSON on stdout.")
def run(
    config_path: Path,
    db: Path | None,
    model: str | None,
    device: str | None,
    due: bool,
    deadline: float | None,
    as_json: bool,
) -> None:
    """One pass: fetch, gate, classify, aggregate. Safe to run from cron at any time.

    Without --due all feeds are asked, except those of hosts that asked to be left alone (Retry-After) and those that
    their server called gone for good. `media-coverage why FEED` says when a feed is due next.

    Exit code: 0 all well, 1 some feeds failed, 2 configuration or usage, 3 nothing worked, 75 already running.
    """
    from .. import pipeline
    from ..classify import load_classifier

    config = load_config(config_path)
    classifier = load_classifier(**config.classifier_options(model, device))
    with progress_bars() as progress:
        summary = pipeline.run(
            config, database=db, classifier=classifier, progress=progress, due_only=due, deadline=deadline
        )
    if as_json:
        print_json(asdict(summary))
    else:
        click.echo(summary_line(summary))
    raise SystemExit(summary.exit_code)


@click.command()
@common
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="Folder for the demo's database and report.",
)
def demo(config_path: Path, db: Path | None, folder: Path) -> None:  # noqa: ARG001 - every command takes both
    """Run the pipeline on the bundled sample feeds (all invented) and report the trend.

    Serves the samples over HTTP on 127.0.0.1 and needs no network. --config and --db are ignored: the demo
    writes its own into --dir.
    """
    from ..demo import EDITIONS, run_demo

    with progress_bars() as progress:
        config, summaries = run_demo(folder, progress=progress)
    click.echo("All outlets, articles and events in this demo are invented.\n")
    for edition, summary in zip(EDITIONS, summaries, strict=True):
        click.echo(f"{edition} run:  {summary_line(summary)}")
    click.echo()
    page = folder / "report.html"
    print_report(config.database, page, "", "9999")
    click.echo(
        f"\nDatabase: {config.database}\nReport:   {page} (open it in a browser)\n\n"
        "Next, with real feeds:\n"
        "  media-coverage feeds check     verify the addresses in feeds.yaml from your network\n"
        "  media-coverage run             one pass over them\n"
        "  media-coverage report          the same report on what was collected\n"
        "Every hour from cron:\n"
        "  7 * * * * cd /path/to/project && .venv/bin/media-coverage run >> run.log 2>&1"
    )


@click.command()
@common
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def status(config_path: Path, db: Path | None, as_json: bool) -> None:
    """How each feed is doing, worst first, how the last run went, and what is in the database.

    Exit code, for monitors: 0 every feed is fine, quiet, moved or new; 1 some feed is stale, dead, blocked, failing,
    losing or lying_304; 3 nothing is being collected: no good answer or no end of a run for 36 hours, or every feed
    failed when it was last asked.
    """
    from ..health import assess
    from ..store import open_store

    now = datetime.now(UTC)
    with open_store(database_path(db, config_path)) as store:
        counts, runs, feeds = store.counts(), store.runs(1), store.feeds()
        lake = store.lake_folder()
        health = assess(store.feed_records(now), store.last_finished_at(), now)
    if as_json:
        last = json.loads(runs.to_json(orient="records", date_format="iso"))
        stored = {row["url"]: row for row in json.loads(feeds.to_json(orient="records", date_format="iso"))}
        print_json(
            {
                "counts": counts,
                "lake": str(lake) if lake else None,
                "last_run": last[0] if last else None,
                "summary": health.line,
                "standstill": health.standstill,
                "exit_code": int(health.exit_code),
                "feeds": [stored[verdict.url] | _verdict_json(verdict) for verdict in health.verdicts],
            }
        )
        raise SystemExit(health.exit_code)
    from rich.markup import escape
    from rich.table import Table

    console = open_console()
    console.print(f"Feeds: {health.line}.", *([escape(health.standstill)] if health.standstill else []), sep="\n")
    console.print(", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items()))
    if lake is not None:
        console.print(escape(f"the counts are those of a lake, {lake}; nothing is collected here"))
    for row in runs.to_dict("records"):
        console.print(
            f"last run {row['started_at']:%Y-%m-%d %H:%M UTC}: {row['state']}, exit code {row['exit_code']}, "
            f"{row['feeds']} feeds, {row['feeds_failed']} failed, {row['new_articles']} new articles"
        )
    table = Table(header_style="bold", expand=True)
    table.add_column("feed", ratio=2, overflow="fold")
    table.add_column("is", no_wrap=True)
    table.add_column("since", no_wrap=True)
    table.add_column("what that means", ratio=3)
    for verdict in health.verdicts:
        since = f"{verdict.worst.since:%Y-%m-%d %H:%M}" if verdict.worst.since else "–"
        sentences = "\n".join(fact.sentence for fact in verdict.facts)
        cells = (f"{verdict.outlet}\n{verdict.url}", verdict.word.words, since, sentences)
        table.add_row(*(escape(cell) for cell in cells))
    console.print(table)
    raise SystemExit(health.exit_code)


def _verdict_json(verdict: Verdict) -> dict[str, Any]:
    facts = [
        {
            "word": fact.word.value,
            "since": fact.since.isoformat(timespec="seconds") if fact.since else None,
            "sentence": fact.sentence,
        }
        for fact in verdict.facts
    ]
    return {**facts[0], "facts": facts}


@click.command()
@common
@click.argument("what", metavar="FEED")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def why(config_path: Path, db: Path | None, what: str, as_json: bool) -> None:
    """When a feed is due next, and why. FEED is its address, a part of it, or an outlet."""
    from ..pipeline import next_polls
    from ..schedule import in_words
    from ..store import open_store

    database, now = database_path(db, config_path), datetime.now(UTC)
    rows = matching_feeds(what, database)
    with open_store(database) as store:
        polls = next_polls(store, now)
    counts = ("fetches", "failures", "not_modified", "forced", "forced_news", "lying_304s", "may_have_lost")
    for row in rows:
        row["due"] = polls[row["url"]]
    if as_json:
        print_json(
            [
                {
                    **{name: row[name] for name in ("url", "outlet", "address", *counts)},
                    "due_at": row["due"].at.isoformat(timespec="seconds") if row["due"].at else None,
                    "is_due": row["due"].is_over(now),
                    "interval_seconds": round(row["due"].interval.total_seconds()),
                    "reason": row["due"].reason,
                }
                for row in rows
            ]
        )
        return
    for row in rows:
        due = row["due"]
        when = "off" if due.at is None else "due now" if due.at <= now else f"due in {in_words(due.at - now)}"
        click.echo(f"{row['outlet']}: {row['url']}\n  {when}" + (f", {due.at:%Y-%m-%d %H:%M} UTC" if due.at else ""))
        click.echo(f"  {due.reason}")
        if row["address"] != row["url"]:
            click.echo(f"  It has moved for good and is asked at {row['address']}.")
        click.echo("  " + ", ".join(f"{row[name]} {name.replace('_', ' ')}" for name in counts))


@click.command()
@common
@click.option("--older-than", type=click.IntRange(min=7), required=True, help="Days since a feed last listed it.")
@click.option("--all", "everything", is_flag=True, help="On-topic articles too, not only off-topic ones.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
def prune(config_path: Path, db: Path | None, older_than: int, everything: bool, dry_run: bool) -> None:
    """Remove the texts of old articles from the database: headlines, leads and the sentences quoted from them.

    Addresses, dates, hashes, labels and counts stay, so no trend changes and a feed that still lists a removed article
    adds nothing. Texts that people have coded stay, and so does what waits for a label. A removed text cannot be
    labelled by another model. Copies made before an upgrade (FILE.before-…) are yours to delete.
    """
    from .. import pipeline

    found = pipeline.prune(database_path(db, config_path), older_than, everything=everything, dry_run=dry_run)
    verb = "would be removed" if dry_run else "removed"
    click.echo(f"texts of {found.articles} articles {verb}: {found.versions} wordings, {found.characters:,} characters")
