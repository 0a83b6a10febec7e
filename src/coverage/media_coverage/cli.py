"""The command line: arguments, wiring, printing, exit codes. All work is done elsewhere, imported late."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from . import interruption, logs
from .errors import ExitCode, InputError, TrackerError
from .records import FetchOutcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from rich.console import Console
    from rich.progress import TaskID

    from .agreement import Agreement, Alpha
    from .classify import Classifier, ModelInfo
    from .codebook import Codebook
    from .coding import Answers, Task
    from .config import Config
    from .explain import Explanation
    from .framing import Frames
    from .health import Verdict
    from .records import Framing, RunSummary, Text
    from .store import Store

    Progress = Callable[[str, int, int | None], None]

SCORE_BATCH = 256
"""Texts read, labelled and printed at a time: bounded memory, and results while a long file is still being read."""

F = TypeVar("F", bound=Callable[..., Any])


def _common(function: F) -> F:
    """The options that every command has."""
    for option in (
        click.option(
            "--db",
            type=click.Path(path_type=Path, dir_okay=False),
            envvar="MEDIA_COVERAGE_DB",
            help="Database file [env: MEDIA_COVERAGE_DB; default: `database` in feeds.yaml].",
        ),
        click.option(
            "--config",
            "config_path",
            type=click.Path(path_type=Path, dir_okay=False),
            envvar="MEDIA_COVERAGE_CONFIG",
            default=Path("feeds.yaml"),
            help="Configuration [env: MEDIA_COVERAGE_CONFIG; default: feeds.yaml].",
        ),
    ):
        function = option(function)
    return function


def _model_options(function: F) -> F:
    """The options of every command that runs a classifier."""
    for option in (
        click.option("--device", type=click.Choice(["cpu", "cuda"]), help="Where it runs [default: as in feeds.yaml]."),
        click.option(
            "--model",
            metavar="MODEL",
            help="embedded, embedded:FOLDER, zero-shot[:OWNER/MODEL@REVISION] or hub:OWNER/MODEL@REVISION; folders "
            "stand in for hub models [default: `classifier` in feeds.yaml, else embedded].",
        ),
    ):
        function = option(function)
    return function


def _load(path: Path) -> Config:
    from . import config

    return config.load(path)


def _database(db: Path | None, config_path: Path) -> Path:
    return db if db is not None else _load(config_path).database


def _frames(config_path: Path) -> Frames:
    """The frames of the configuration; the default ones where there is none."""
    from .framing import DEFAULT_FRAMES

    return _load(config_path).frames if config_path.exists() else DEFAULT_FRAMES


def _classifier(config_path: Path, model: str | None, device: str | None, **options: Any) -> Classifier:
    """The configured classifier, or the one that the command line names; `options` come before the configured ones."""
    from .classify import load_classifier

    if config_path.exists():
        options = _load(config_path).classifier_options(model, device) | options
    else:
        options |= {"model": model or "embedded", "device": device or "cpu"}
    return load_classifier(**options)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    # Piped output has no width of its own; 80 columns would fold the tables.
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else 120, highlight=False)


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="media-coverage", prog_name="media-coverage")
@click.option("-v", "--verbose", count=True, help="Log every feed to stderr; twice: debug.")
@click.option("-q", "--quiet", is_flag=True, help="Log errors only.")
@click.option(
    "--log-format",
    type=click.Choice(logs.FORMATS),
    default="auto",
    envvar="MEDIA_COVERAGE_LOG_FORMAT",
    help="Of stderr [env: MEDIA_COVERAGE_LOG_FORMAT; default: text on a terminal, else JSON lines].",
)
def cli(verbose: int, quiet: bool, log_format: str) -> None:
    """Track how the press frames a topic: fetch feeds, classify framing, store aggregates, report the trend.

    \b
    First:  media-coverage demo          see it work on invented sample feeds
    Then:   media-coverage feeds check   verify the feeds in feeds.yaml
            media-coverage run           one pass, made for cron
            media-coverage report        the trend, with the articles behind it
    """
    level = logging.ERROR if quiet else {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG)
    logs.start(level, log_format)


_NOT_ASKED = tuple(outcome for outcome in FetchOutcome if not outcome.attempted)


def _summary_line(summary: RunSummary) -> str:
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


@contextlib.contextmanager
def _progress() -> Iterator[Progress | None]:
    """A bar for each stage of a task on stderr when someone is watching: call it with stage, done and total."""
    if not sys.stderr.isatty() or not logs.in_text():
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    tasks: dict[str, TaskID] = {}

    def show(stage: str, done: int, total: int | None) -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=total)
        bars.update(tasks[stage], completed=done, total=total)

    with Bars(*columns, console=_console(stderr=True), transient=True) as bars:
        yield show


@cli.command()
@_common
@_model_options
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
    from . import pipeline
    from .classify import load_classifier

    config = _load(config_path)
    classifier = load_classifier(**config.classifier_options(model, device))
    with _progress() as progress:
        summary = pipeline.run(
            config, database=db, classifier=classifier, progress=progress, due_only=due, deadline=deadline
        )
    if as_json:
        _print_json(asdict(summary))
    else:
        click.echo(_summary_line(summary))
    raise SystemExit(summary.exit_code)


@cli.command()
@_common
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
    from .demo import EDITIONS, run_demo

    with _progress() as progress:
        config, summaries = run_demo(folder, progress=progress)
    click.echo("All outlets, articles and events in this demo are invented.\n")
    for edition, summary in zip(EDITIONS, summaries, strict=True):
        click.echo(f"{edition} run:  {_summary_line(summary)}")
    click.echo()
    page = folder / "report.html"
    _report(config.database, page, "", "9999")
    click.echo(
        f"\nDatabase: {config.database}\nReport:   {page} (open it in a browser)\n\n"
        "Next, with real feeds:\n"
        "  media-coverage feeds check     verify the addresses in feeds.yaml from your network\n"
        "  media-coverage run             one pass over them\n"
        "  media-coverage report          the same report on what was collected\n"
        "Every hour from cron:\n"
        "  7 * * * * cd /path/to/project && .venv/bin/media-coverage run >> run.log 2>&1"
    )


def _report(database: Path, page: Path | None, since: str, until: str) -> None:
    from . import report as reporting
    from .store import open_store

    with open_store(database) as store:
        material = reporting.Material.from_store(store, datetime.now(UTC), since, until)
    console = _console()
    for part in reporting.terminal(material):
        console.print(part)
    if page is not None:
        try:
            page.write_text(reporting.html(material), encoding="utf-8")
        except OSError as error:
            raise InputError(f"the report cannot be written: {error.strerror}", path=page) from error


def _day(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:  # noqa: ARG001
    if value is None:
        return None
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a day like 2026-02-03") from None


@cli.command()
@_common
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("report.html"),
    show_default=True,
    help="Where to write the page.",
)
@click.option("--since", callback=_day, help="First day, YYYY-MM-DD.")
@click.option("--until", callback=_day, help="Last day, YYYY-MM-DD.")
def report(config_path: Path, db: Path | None, out: Path, since: str | None, until: str | None) -> None:
    """Print the trend and write one self-contained HTML page: charts, intervals, the articles behind each point."""
    _report(_database(db, config_path), out, since or "", until or "9999")
    click.echo(f"Report: {out}")


@cli.command()
@_common
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def status(config_path: Path, db: Path | None, as_json: bool) -> None:
    """How each feed is doing, worst first, how the last run went, and what is in the database.

    Exit code, for monitors: 0 every feed is fine, quiet, moved or new; 1 some feed is stale, dead, blocked, failing,
    losing or lying_304; 3 nothing is being collected: no good answer or no end of a run for 36 hours, or every feed
    failed when it was last asked.
    """
    from .health import assess
    from .store import open_store

    now = datetime.now(UTC)
    with open_store(_database(db, config_path)) as store:
        counts, runs, feeds = store.counts(), store.runs(1), store.feeds()
        health = assess(store.feed_records(now), store.last_finished_at(), now)
    if as_json:
        last = json.loads(runs.to_json(orient="records", date_format="iso"))
        stored = {row["url"]: row for row in json.loads(feeds.to_json(orient="records", date_format="iso"))}
        _print_json(
            {
                "counts": counts,
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

    console = _console()
    console.print(f"Feeds: {health.line}.", *([escape(health.standstill)] if health.standstill else []), sep="\n")
    console.print(", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items()))
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


@cli.command()
@_common
@click.argument("what", metavar="FEED")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def why(config_path: Path, db: Path | None, what: str, as_json: bool) -> None:
    """When a feed is due next, and why. FEED is its address, a part of it, or an outlet."""
    from .pipeline import next_polls
    from .schedule import in_words
    from .store import open_store

    database, now = _database(db, config_path), datetime.now(UTC)
    rows = _matching(what, database)
    with open_store(database) as store:
        polls = next_polls(store, now)
    counts = ("fetches", "failures", "not_modified", "forced", "forced_news", "lying_304s", "may_have_lost")
    for row in rows:
        row["due"] = polls[row["url"]]
    if as_json:
        _print_json(
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


@cli.group()
def feeds() -> None:
    """The feeds of the configuration."""


@feeds.command("list")
@_common
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def feeds_list(config_path: Path, db: Path | None, as_json: bool) -> None:  # noqa: ARG001 - every command takes both
    """The feeds in feeds.yaml, after validating it. Touches neither network nor database."""
    config = _load(config_path)
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
        _print_json(rows)
        return
    _print_table(("outlet", "group", "country", "kind", "url"), rows)
    click.echo(f"{len(config.feeds)} feeds of {len(config.outlets)} outlets")


def _print_table(columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(*columns, header_style="bold")
    for row in rows:
        table.add_row(*(escape("" if row[name] is None else str(row[name])) for name in columns))
    _console().print(table)


def _matching(what: str, database: Path) -> list[dict[str, Any]]:
    """The feeds meant by an address, a part of one, or an outlet's name, as rows of v_feeds. Raises InputError."""
    from .store import open_store

    with open_store(database) as store:
        rows = [{str(key): value for key, value in row.items()} for row in store.feeds().to_dict("records")]
    exact = [row for row in rows if what in {row["url"], row["address"]} or row["outlet"].casefold() == what.casefold()]
    found = exact or [row for row in rows if what.casefold() in f"{row['url']} {row['outlet']}".casefold()]
    if not found:
        raise InputError(f"knows no feed with {what!r} in its address or outlet", path=database)
    return found


@feeds.command("on")
@_common
@click.argument("what", metavar="FEED")
def feeds_on(config_path: Path, db: Path | None, what: str) -> None:
    """Ask feeds again that are off because their server called them gone for good (410).

    FEED is an address, a part of one, or an outlet.
    """
    from .lock import locked
    from .store import open_store

    database = _database(db, config_path)
    off = [row["url"] for row in _matching(what, database) if row["off_since"] == row["off_since"]]
    with locked(database, "feeds on"), open_store(database, read_only=False) as store:
        for url in off:
            store.switch_on(url)
            click.echo(f"on again: {url}")
    if not off:
        click.echo("none of these feeds is off")


@feeds.command("check")
@_common
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def feeds_check(config_path: Path, db: Path | None, as_json: bool) -> None:  # noqa: ARG001 - every command takes both
    """Fetch and parse every feed once and say which work. Stores nothing.

    Exit code: 0 all work, 1 some do not, 3 none does.
    """
    from .fetch import fetch_all
    from .parse import check
    from .parser_process import parse_all
    from .records import FeedState

    config = _load(config_path)
    rows = []
    with _progress() as progress:
        arriving = fetch_all([(feed, FeedState()) for feed in config.feeds], config.network)
        for fetched, parsed in parse_all(arriving, config.network):
            rows.append(check(fetched, parsed))
            if progress:
                progress("feeds", len(rows), len(config.feeds))
    rows.sort(key=lambda row: (row["works"], row["outlet"], row["url"]))
    working = sum(row["works"] for row in rows)
    if as_json:
        _print_json(rows)
    else:
        _print_table(("outcome", "entries", "newest", "outlet", "url", "note"), rows)
        click.echo(f"{working} of {len(rows)} feeds work")
    if working == len(rows):
        raise SystemExit(ExitCode.OK)
    raise SystemExit(ExitCode.SOME_FEEDS_FAILED if working else ExitCode.NOTHING_WORKED)


@feeds.command("import")
@_common
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
    from . import config, opml

    known = into or config_path
    groups = (*config.GROUPS, *(_load(known).topic.groups if into or known.exists() else ()))
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
@_common
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
def feeds_export(config_path: Path, db: Path | None, out: Path | None) -> None:  # noqa: ARG001
    """Print the feeds of feeds.yaml as OPML 2.0 for other feed readers. `feeds import` reads it back unchanged."""
    from . import opml

    config = _load(config_path)
    text = opml.write(config.feeds, config.topic.name)
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", path=out) from error
    click.echo(f"{len(config.feeds)} feeds: {out}")


@cli.command()
@_common
@click.argument("file", metavar="FILE.jsonl")
@_model_options
def score(config_path: Path, db: Path | None, file: str, model: str | None, device: str | None) -> None:  # noqa: ARG001
    """Label texts without a database: JSON Lines with id, title, summary in; labels and probabilities out.

    FILE may be - for standard input. Out per line: id, label, leaning, relevant, uncertain, p_relevant, a p_ for the
    output of each frame, language, refused, model. `label` is derived from the frames alone; `relevant` says whether
    the text is on topic. The frames are those of the configuration; without one, the default ones.

    A text in a language that the model does not read gets no label: `refused` says why, and the answers are null.
    A line may declare its `language`; otherwise it is detected, null where it cannot be told.
    """
    from .coded import json_lines

    classifier = _classifier(config_path, model, device)
    info, lines = classifier.info, json_lines(file)
    done = 0
    with _progress() as progress:
        while batch := list(islice(lines, SCORE_BATCH)):
            read = [
                (value.get("id", number), *_scorable(value, file, number, info.language)) for number, value in batch
            ]
            framings = iter(classifier.classify([text for _, text, _, refused in read if not refused]))
            for key, _, language, refused in read:
                answer = _answer(None if refused else next(framings), info.frames)
                answer |= {"language": language, "refused": refused, "model": info.model_id}
                click.echo(json.dumps({"id": key, **answer}))
            done += len(batch)
            if progress and not sys.stdout.isatty():
                progress("texts", done, None)  # how many lines are still to come is not known


def _scorable(value: dict[str, Any], file: str, line: int, reads: str) -> tuple[Text, str | None, str | None]:
    """A line's text, its language (None: cannot be told) and why it gets no label (None: it gets one)."""
    from .coded import text_of
    from .language import language_of, unreadable
    from .prose import plain

    text, declared = text_of(value, file, line), value.get("language")
    if not isinstance(declared, str | None):
        raise InputError(f'`language` must be a code like "en", not {declared!r}', path=file, line=line)
    title, summary = plain(text.title), plain(text.summary)
    language, _ = language_of(title, summary, declared)
    return text, language, unreadable(language, reads) if title or summary else "no text"


def _answer(framing: Framing | None, frames: Frames) -> dict[str, object]:
    """The columns of a score; all null where no answer was asked for."""
    names = ("label", "leaning", "relevant", "uncertain", *(f"p_{name}" for name in frames.outputs))
    if framing is None:
        return dict.fromkeys(names)
    values = {name: getattr(framing, name) for name in names[:4]}
    return values | _probabilities(framing, frames)


def _probabilities(framing: Framing, frames: Frames) -> dict[str, float]:
    """By column name, relevance first."""
    return {f"p_{name}": p for name, p in zip(frames.outputs, (framing.p_relevant, *framing.p), strict=True)}


@cli.command()
@_common
@click.argument("file", metavar="FILE.jsonl")
@_model_options
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def evaluate(
    config_path: Path,
    db: Path | None,  # noqa: ARG001
    file: str,
    model: str | None,
    device: str | None,
    as_json: bool,
) -> None:
    """Measure the classifier against coded items: JSON Lines or CSV with title, summary, and the codes as 0 or 1.

    The codes are `rel` and the outputs of the two frames in the configuration. Several lines with one id and text are
    several coders' codes: the majority counts, and items on which the coders are evenly split are left out.
    """
    from .coded import coded, read
    from .evaluation import evaluate

    frames = _frames(config_path)
    items = [item for item in read(file, frames).items if item.complete]
    classifier = _classifier(config_path, model, device)
    scores = evaluate(coded(items), classifier.classify([item.text for item in items]), frames)
    if as_json:
        _print_json({"model": classifier.info.model_id, **scores})
        return
    _print_scores(scores, classifier.info.model_id)


def _print_scores(scores: dict[str, Any], model_id: str) -> None:
    def words(figure: dict[str, float]) -> str:
        return f"{figure['value']:.3f} [{figure['low']:.3f}–{figure['high']:.3f}]"

    click.echo(f"{model_id}: {scores['items']} items, {scores['relevant_items']} relevant")
    click.echo(f"macro-F1 over {', '.join(scores['f1_by_class'])}: {words(scores['macro_f1'])}")
    for name, figure in scores["f1_by_class"].items():
        click.echo(f"  F1 {name}: {words(figure)}")
    rows = [
        {"output": name, **{key: words(f) for key, f in figures.items()}} for name, figures in scores["outputs"].items()
    ]
    _print_table(("output", "precision", "recall", "f1", "average_precision", "calibration_error"), rows)
    click.echo(scores["interval"])


@cli.command()
@_common
@_model_options
@click.option("--activate", is_flag=True, help="Show this model in reports and aggregates from now on.")
def classify(config_path: Path, db: Path | None, model: str | None, device: str | None, activate: bool) -> None:
    """Label everything stored with another model. Earlier labels stay; nothing is fetched.

    Interrupted, it goes on where it stopped. `media-coverage compare` then shows where two models differ.
    """
    from . import pipeline
    from .store import open_store

    path = _database(db, config_path)
    with open_store(path) as store:
        frames = store.frames
        others = store.counts()["other_language"]
    classifier = _classifier(config_path, model, device, frames=frames)
    with _progress() as progress:
        labelled, relevant = pipeline.relabel(path, classifier, progress, activate=activate)
    unread = f"; {others} in other languages stay unlabelled" if others else ""
    click.echo(f"{labelled} texts labelled by {classifier.info.model_id}, {relevant} on topic{unread}")


@cli.command()
@_common
@click.option("--older-than", type=click.IntRange(min=7), required=True, help="Days since a feed last listed it.")
@click.option("--all", "everything", is_flag=True, help="On-topic articles too, not only off-topic ones.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
def prune(config_path: Path, db: Path | None, older_than: int, everything: bool, dry_run: bool) -> None:
    """Remove the texts of old articles from the database: headlines, leads and the sentences quoted from them.

    Addresses, dates, hashes, labels and counts stay, so no trend changes and a feed that still lists a removed article
    adds nothing. Texts that people have coded stay, and so does what waits for a label. A removed text cannot be
    labelled by another model. Copies made before an upgrade (FILE.before-…) are yours to delete.
    """
    from . import pipeline

    found = pipeline.prune(_database(db, config_path), older_than, everything=everything, dry_run=dry_run)
    verb = "would be removed" if dry_run else "removed"
    click.echo(f"texts of {found.articles} articles {verb}: {found.versions} wordings, {found.characters:,} characters")


@cli.command()
@_common
@click.argument("first", required=False)
@click.argument("second", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def compare(config_path: Path, db: Path | None, first: str | None, second: str | None, as_json: bool) -> None:
    """Where two models differ on the stored texts, and what that does to the trend.

    FIRST and SECOND are model ids (or their beginnings); by default the last two that labelled here.
    """
    from .compare import compare as comparison_of
    from .store import open_store

    path = _database(db, config_path)
    with open_store(path) as store:
        known = list(store.models()["model_id"])
        if len(known) < 2:  # a comparison takes two
            raise InputError("holds labels of one model only; `media-coverage classify --model …` first", path=path)
        pair = [_model_named(name, known, path) if name else known[i] for name, i in ((first, -2), (second, -1))]
        found = comparison_of(store.labels_of_two(*pair), store.frames)
    if as_json:
        tables = {name: json.loads(getattr(found, name).to_json(orient="records")) for name in ("differing", "trend")}
        table = json.loads(found.table.to_json(orient="index"))
        _print_json({"models": pair, "texts": found.texts, "agreement": found.agreement, "table": table, **tables})
        return
    click.echo(f"1: {pair[0]}\n2: {pair[1]}\n{found.texts} texts, {100 * found.agreement:.1f} % with the same answer\n")
    click.echo(found.table.rename_axis(index="1 \\ 2", columns=None).to_string())
    click.echo(
        "\nNet framing index per week (missing: too few framed texts)\n" + found.trend.round(2).to_string(index=False)
    )
    columns = ["date", "outlet", "answer_1", "answer_2", "title"]
    click.echo("\nWidest apart:\n" + found.differing[columns].head(15).to_string(index=False, max_colwidth=70))


def _model_named(name: str, known: list[str], path: Path) -> str:
    matching = [model for model in known if model.startswith(name)]
    if len(matching) != 1:
        raise InputError(f"{name!r} names {len(matching)} of the models here: {', '.join(known)}", path=path)
    return matching[0]


@cli.command()
@_common
@click.argument("what", metavar="TEXT|URL|ID")
@_model_options
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def explain(
    config_path: Path, db: Path | None, what: str, model: str | None, device: str | None, as_json: bool
) -> None:
    """Show which words carry the label of an article in the database, or of any text.

    WHAT is an article's number or address, or a headline in quotes (no database needed).
    """
    from .explain import explain as explanation_of
    from .language import language_of, unreadable
    from .prose import plain

    text, frames = _stored_text(what, config_path, db)
    classifier = _classifier(config_path, model, device, frames=frames)
    found = explanation_of(classifier, text)
    language, _ = language_of(plain(text.title), plain(text.summary), None)
    warning = unreadable(language, classifier.info.language)
    if as_json:
        framing = _framing(found.framing, frames)
        about = {"model": classifier.info.model_id, "language": language, "other_language": warning is not None}
        _print_json({**about, **asdict(found), "framing": framing})
        return
    if warning:
        click.echo(f"{warning}, so its answer means little")
    _print_explanation(found, classifier.info)


def _framing(framing: Framing, frames: Frames) -> dict[str, object]:
    """As JSON: the probabilities by name."""
    values = asdict(framing)
    del values["p_relevant"], values["p"]
    evidence = values.pop("evidence")
    return {**values, **_probabilities(framing, frames), "evidence": evidence}


def _stored_text(what: str, config_path: Path, db: Path | None) -> tuple[Text, Frames]:
    """The text of an article, or `what` itself when it is neither a number nor an address; and whose frames count."""
    from .records import Text
    from .store import open_store

    if not what.isdigit() and not what.startswith(("http://", "https://")):
        return Text(what), _frames(config_path)
    database = _database(db, config_path)
    with open_store(database) as store:
        row, frames = store.article(what), store.frames
    if row is None:
        raise InputError(f"holds no article {what}", path=database)
    if row.get("purged_at"):
        raise InputError(f"has had the text of article {what} removed (`media-coverage prune`)", path=database)
    return Text(row["title"], row["summary"]), frames


def _print_explanation(found: Explanation, model: ModelInfo) -> None:
    from rich.text import Text as RichText

    console = _console()
    framing = found.framing
    relevant, *both = (f"{name} {p:.2f}" for name, p in _probabilities(framing, model.frames).items())
    console.print(
        f"{framing.label} (leaning {framing.leaning}{', uncertain' if framing.uncertain else ''}): "
        f"{', '.join([*both, relevant])}"
    )
    shown = RichText()
    strongest = max((abs(word.effect) for word in found.words), default=0.0)
    for word in found.words:
        share = word.effect / strongest if strongest else 0.0
        shown.append(word.text, style="bold reverse" if share > 0.5 else "bold" if share > 0.2 else "")
        shown.append(" ")
    console.print(shown)
    console.print(RichText(f"deciding phrase for {found.frame}: {found.phrase} ({found.phrase_effect:+.2f} log-odds)"))
    console.print(RichText(f"deciding sentence: {framing.evidence}"))
    top = sorted(found.words, key=lambda word: -abs(word.effect))[:8]
    console.print(RichText("  ".join(f"{word.text} {word.effect:+.2f}" for word in top)))
    console.print(RichText(model.model_id, style="dim"))


# ---------------------------------------------------------------------- measurement

_ESTIMATORS = ("wilson", "jeffreys", "bootstrap", "rogan-gladen", "rectified")
_SCOPES = ("all", "group", "outlet", "country")
_PERIODS = ("day", "week", "month")


def _measurement_options(function: F) -> F:
    """The options of every command that estimates shares from the database."""
    for option in (
        click.option("--until", callback=_day, help="Last day, YYYY-MM-DD."),
        click.option("--since", callback=_day, help="First day, YYYY-MM-DD."),
        click.option(
            "--count",
            "counting",
            type=click.Choice(["articles", "stories"]),
            default="articles",
            show_default=True,
            help="Every article, or every story once in a period.",
        ),
        click.option("--sample", metavar="NAME", help="Audit sample that corrects for the classifier's errors."),
        click.option(
            "--estimator",
            type=click.Choice(_ESTIMATORS),
            help="[default: rectified with --sample, else bootstrap; see docs/methods.md].",
        ),
        click.option("--by", type=click.Choice(_SCOPES), default="all", show_default=True, help="One line for each."),
    ):
        function = option(function)
    return function


@cli.command()
@_common
@_measurement_options
@click.option("--period", type=click.Choice(_PERIODS), default="week", show_default=True, help="Weeks from Monday.")
@click.option("--composition", type=click.Choice(["items", "outlets", "panel"]), help="One mix [default: all three].")
@click.option("--measure", multiple=True, help="share_LABEL or index; may be repeated [default: both frames, index].")
@click.option("--smooth", is_flag=True, help="Add the smoother's columns to csv and json.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
def trend(
    config_path: Path,
    db: Path | None,
    by: str,
    period: str,
    estimator: str | None,
    sample: str | None,
    composition: str | None,
    counting: str,
    measure: tuple[str, ...],
    since: str | None,
    until: str | None,
    smooth: bool,
    form: str,
) -> None:
    """Shares over time with 95 % intervals, under three mixes of outlets; gaps of the collection stay gaps.

    Periods with fewer than 15 items are put together with their neighbours, never across an event. Without --sample the
    intervals leave out what the classifier gets wrong.
    """
    from .store import open_store
    from .trend import ErrorRates, measures_of
    from .trend import trend as trend_of

    with open_store(_database(db, config_path)) as store:
        try:
            measures_of(store.frames, measure)
        except ValueError as error:
            raise click.UsageError(f"--measure: {error}") from None
        wanted = measure or (*(f"share_{name}" for name in store.frames.names), "index")
        named, rates = _card_rates(config_path)
        models = store.models()
        active = models["model_id"][models["active"] == 1]
        if not len(active) or not named or not str(active.iloc[0]).startswith(f"{named}+"):
            rates = {}
        frame = trend_of(
            store,
            by=by,
            period=period,
            estimator=estimator,
            composition=composition,
            counting=counting,
            measure=wanted,
            since=since or "",
            until=until or "9999",
            sample=sample,
            smooth=smooth,
            rates={name: ErrorRates(*pair) for name, pair in rates.items()},
        )
        titles = {f"share_{kind.name}": f"{kind.title}: share of on-topic {counting}" for kind in store.frames.both}
    if form == "csv":
        click.echo(frame.to_csv(index=False), nl=False)
    elif form == "json":
        _print_json(json.loads(frame.to_json(orient="records")))
    else:
        _print_trend(frame, titles | {"index": "Net framing index"}, period)


def _card_rates(config_path: Path) -> tuple[str, dict[str, Any]]:
    from .classify import error_rates

    return error_rates(str(_load(config_path).classifier_options()["model"]) if config_path.exists() else "embedded")


def _cell(row: dict[str, Any], index: bool) -> str:
    """A value with its interval, or a dash."""
    if row["value"] != row["value"]:  # missing
        return "–"
    value, low, high = (row[name] for name in ("value", "low", "high"))
    if index:
        return f"{value:+z.2f} [{low:+z.2f} to {high:+z.2f}]".replace("-", "−")
    return f"{100 * value:.0f} % [{100 * low:.0f}–{100 * high:.0f}]"


def _interval(value: float, low: float, high: float) -> str:
    return f"{value:+.1f} [{low:+.1f} to {high:+.1f}]".replace("-", "−")


def _print_trend(frame: pd.DataFrame, titles: dict[str, str], period: str) -> None:
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text as RichText

    console = _console()
    several = frame["by"].iloc[0] != "all"
    compositions = list(dict.fromkeys(frame["composition"]))
    for measure, part in frame.groupby("measure", sort=False):
        rows = [{str(key): value for key, value in row.items()} for row in part.to_dict("records")]
        banded = part["sensitivity_low"].notna().any()
        table = Table(title=titles.get(str(measure), str(measure)), title_justify="left", header_style="bold")
        lead_columns = [*(["name"] if several else []), period]
        for heading in [*lead_columns, "n", *compositions, *(["card's errors"] if banded else [])]:
            table.add_column(heading, justify="left" if heading in {"name", period} else "right")
        table.add_column("collection")
        places: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
        for row in rows:
            places.setdefault((row["name"], row["first_day"]), {})[row["composition"]] = row
        for (name, first_day), cells in sorted(places.items()):
            lead = cells.get(compositions[0]) or next(iter(cells.values()))
            shown = []
            for composition in compositions:
                cell = cells.get(composition)
                more = f" ×{cell['periods']}" if cell and cell["periods"] != lead["periods"] else ""
                shown.append(_cell(cell, measure == "index") + more if cell else "")
            band = ""
            if banded and lead["sensitivity_low"] == lead["sensitivity_low"]:
                band = f"{100 * lead['sensitivity_low']:.0f}–{100 * lead['sensitivity_high']:.0f} %"
            collected = "not collected" if lead["collection"] == "none" else lead["collection"]
            span = first_day + (f" ×{lead['periods']}" if lead["periods"] > 1 else "")
            numbers = [str(lead["n"]), *shown, *([band] if banded else [])]
            table.add_row(*([escape(name)] if several else []), span, *numbers, collected)
        console.print(table)
    first = frame.iloc[0]
    notes = [f"95 % intervals, {first['method']}, {first['counting']}; {first['correction']}."]
    if frame["sensitivity_low"].notna().any():
        notes.append("card's errors: the shares that the error rates of the model card allow for; no interval.")
    if (frame["periods"] > 1).any():
        notes.append("×k: k periods together, because one alone has fewer than 15 items.")
    reasons = dict.fromkeys(reason for reason in frame["reason"] if reason and reason != "not collected")
    said = list(dict.fromkeys(text for text in frame["warnings"] if text))
    for line in [*notes, *(f"–: {reason}." for reason in list(reasons)[:4]), *said[:4]]:
        console.print(RichText(line, style="dim"))


@cli.command()
@_common
@_measurement_options
@click.option("--period", type=click.Choice(["day", "week"]), default="week", show_default=True)
@click.option("--before", type=click.IntRange(1), help="Periods before the event [default: all].")
@click.option("--after", type=click.IntRange(1), help="Periods after the event [default: all].")
@click.option(
    "--model",
    type=click.Choice(["level", "trend", "slope"]),
    default="level",
    show_default=True,
    help="What goes on without the event: nothing, a straight trend, one on each side.",
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def events(
    config_path: Path,
    db: Path | None,
    by: str,
    period: str,
    estimator: str | None,
    sample: str | None,
    counting: str,
    since: str | None,
    until: str | None,
    before: int | None,
    after: int | None,
    model: str,
    as_json: bool,
) -> None:
    """Did the shares change at the events of feeds.yaml by more than they do anyway?

    For each event and frame: the change in percentage points with its interval, a block-bootstrap p, its rank among all
    other dates, and q-values over outlets or groups. Fix windows and model beforehand.
    """
    from .store import open_store
    from .trend import effects

    with open_store(_database(db, config_path)) as store:
        found = effects(
            store,
            by=by,
            period=period,
            estimator=estimator,
            counting=counting,
            since=since or "",
            until=until or "9999",
            sample=sample,
            before=before,
            after=after,
            model=model,
        )
        words = {f"share_{kind.name}": f"the share of {kind.words}" for kind in store.frames.both}
    if as_json:
        _print_json(
            [
                asdict(one) | {"sentence": one.effect.sentence(words[one.measure]), "rank": one.placebo.sentence()}
                for one in found
            ]
        )
        return
    for one in found:
        who = "" if by == "all" else f"{one.name}: "
        q = "" if by == "all" or one.q is None else f" q = {one.q:.3f} over all of them."
        click.echo(f"{who}{one.effect.sentence(words[one.measure])}{q}")
        if one.effect.change is not None:
            click.echo(f"  {one.placebo.sentence()}")
    click.echo(f"Shares: {found[0].correction}.")


@cli.command()
@_common
@click.option("--by", type=click.Choice(_SCOPES), default="all", show_default=True, help="One line for each.")
@click.option("--period", type=click.Choice(_PERIODS), default="week", show_default=True, help="Weeks from Monday.")
@click.option("--since", callback=_day, help="First day, YYYY-MM-DD.")
@click.option("--until", callback=_day, help="Last day, YYYY-MM-DD.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
def attention(
    config_path: Path, db: Path | None, by: str, period: str, since: str | None, until: str | None, form: str
) -> None:
    """How much of what outlets publish is about the topic, with 95 % intervals; gaps stay gaps.

    The share among all articles of outlets' own feeds. What only search feeds found counts on neither side.
    """
    from .attention import attention as attention_of
    from .store import open_store

    with open_store(_database(db, config_path)) as store:
        frame = attention_of(store, by=by, period=period, since=since or "", until=until or "9999")
    if form == "csv":
        click.echo(frame.to_csv(index=False), nl=False)
        return
    if form == "json":
        _print_json(json.loads(frame.to_json(orient="records")))
        return
    rows = [
        {
            "name": row["name"],
            period: row["first_day"],
            "articles": row["all_articles"],
            "on topic": row["articles"],
            "share": f"{100 * row['value']:.1f} % [{100 * row['low']:.1f}–{100 * row['high']:.1f}]"
            if not row["reason"]
            else row["reason"],
        }
        for row in frame.to_dict("records")
    ]
    _print_table((*(() if by == "all" else ("name",)), period, "articles", "on topic", "share"), rows)


@cli.command()
@_common
@click.option("--since", callback=_day, help="First day, YYYY-MM-DD.")
@click.option("--until", callback=_day, help="Last day, YYYY-MM-DD.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def drift(config_path: Path, db: Path | None, since: str | None, until: str | None, as_json: bool) -> None:
    """Do the classifier's probabilities still look as in the weeks before?

    Each week against the eight before it, by the Kolmogorov-Smirnov distance and a permutation test. Drift says that it
    is time to look, not what is wrong.
    """
    from .drift import drift as drift_of
    from .drift import sentences
    from .store import open_store

    with open_store(_database(db, config_path)) as store:
        rows = drift_of(store.labelled(since or "", until or "9999"), store.frames)
    if as_json:
        _print_json({"weeks": json.loads(rows.to_json(orient="records")), "sentences": sentences(rows)})
        return
    if len(rows):
        told = [row | {"drift": "drift" if row["drift"] else ""} for row in rows.to_dict("records")]
        for row in told:
            row |= {name: f"{row[name]:.2f}" if row[name] == row[name] else "–" for name in ("mean", "distance")}
            row["p"] = f"{row['p']:.3f}" if row["p"] == row["p"] else "–"
        columns = ("first_day", "output", "n", "reference_n", "mean", "distance", "p", "drift")
        _print_table(columns, [{str(key): value for key, value in row.items()} for row in told])
    for line in sentences(rows):
        click.echo(line)


@cli.command()
@_common
@click.option("--measure", metavar="NAME", help="share_LABEL or index [default: the share of the first frame].")
@click.option("--event", metavar="NAME|DATE", help="Of feeds.yaml [default: the one with most data around it].")
@click.option("--period", type=click.Choice(["day", "week"]), default="week", show_default=True)
@click.option("--sample", metavar="NAME", help="Audit sample: adds corrected shares.")
@click.option("--since", callback=_day, help="First day, YYYY-MM-DD.")
@click.option("--until", callback=_day, help="Last day, YYYY-MM-DD.")
@click.option("--format", "form", type=click.Choice(["table", "json", "html"]), default="table", show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("multiverse.html"),
    show_default=True,
    help="Where to write the page.",
)
def multiverse(
    config_path: Path,
    db: Path | None,
    measure: str | None,
    event: str | None,
    period: str,
    sample: str | None,
    since: str | None,
    until: str | None,
    form: str,
    out: Path,
) -> None:
    """Does the conclusion survive other thresholds, models, corrections, mixes of outlets and ways of counting?

    The change of one share at one event, or from the first to the second half of the data where there is none.
    """
    from .multiverse import multiverse as multiverse_of
    from .store import open_store

    with open_store(_database(db, config_path)) as store:
        try:
            found = multiverse_of(
                store,
                measure=measure,
                event=event,
                period=period,
                since=since or "",
                until=until or "9999",
                sample=sample,
            )
        except ValueError as error:
            raise click.UsageError(f"--measure: {error}") from None
        database = store.path.name
    if form == "json":
        rows = json.loads(found.rows.to_json(orient="records"))
        about = {"measure": found.measure, "event": found.event, "date": str(found.date), "sentence": found.sentence}
        _print_json(about | {"specifications": rows})
        return
    if form == "html":
        from . import report as reporting

        try:
            out.write_text(reporting.multiverse_page(found, database), encoding="utf-8")
        except OSError as error:
            raise InputError(f"the page cannot be written: {error.strerror}", path=out) from error
        click.echo(f"{found.sentence}\nPage: {out}")
        return
    shown = [
        {
            "model": str(row["model_id"]).partition("+")[0],
            **{name: row[name] for name in ("thresholds", "method", "composition")},
            "counting": str(row["counting"]).removeprefix("every "),
            "points": row["reason"] or _interval(row["points"], row["low"], row["high"]),
            "p": "" if row["reason"] else f"{row['p']:.3f}",
        }
        for row in found.rows.to_dict("records")
    ]
    _print_table(("model", "thresholds", "method", "composition", "counting", "points", "p"), shown)
    click.echo(found.sentence)


# ---------------------------------------------------------------------- coding by people


def _days(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """The days of --phase; "none" alone stands for no phases."""
    if values == ("none",):
        return values
    return tuple(sorted({str(_day(context, parameter, value)) for value in values}))


@cli.command()
@_common
@click.option("--n", "size", type=click.IntRange(20, 100_000), default=300, show_default=True, help="Texts to draw.")
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="One seed draws the same texts.")
@click.option("--name", default="audit", show_default=True, help="What to call the sample.")
@click.option(
    "--for",
    "purpose",
    type=click.Choice(["audit", "training"]),
    default="audit",
    show_default=True,
    help="For measuring errors, or to learn from: never both.",
)
@click.option(
    "--phase",
    "phases",
    multiple=True,
    callback=_days,
    metavar="DATE",
    help="Day at which a phase begins; may be repeated; none for no phases [default: the events of feeds.yaml].",
)
@click.option("--since", callback=_day, help="First day, YYYY-MM-DD.")
@click.option("--until", callback=_day, help="Last day, YYYY-MM-DD.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def sample(
    config_path: Path,
    db: Path | None,
    size: int,
    seed: int,
    name: str,
    purpose: str,
    phases: tuple[str, ...],
    since: str | None,
    until: str | None,
    as_json: bool,
) -> None:
    """Draw texts for people to code, each with a known probability.

    Drawn from the texts that passed the keywords and have a label of the active model: one wording per article, one
    article per story. Stratified by predicted label, sure or uncertain, phase, and group of outlets; strata with few
    texts are joined. Texts with a frame are drawn three times as often as others, uncertain ones half as often again,
    off-topic ones half as often. What models have learned from, or what resembles it, is never drawn for an audit.
    """
    from . import pipeline
    from .classify import learned_by
    from .sample import Design

    database = _database(db, config_path)
    model = str(_load(config_path).classifier_options()["model"]) if config_path.exists() else "embedded"
    learned = learned_by(model)
    drawn = pipeline.draw_sample(
        database,
        _clean_name(name, "--name"),
        Design(size, seed, phases),
        purpose=purpose,
        since=since or "",
        until=until or "",
        learned=learned.fingerprints or (),
    )
    drawn["learned_known"] = learned.fingerprints is not None
    if as_json:
        _print_json(drawn)
        return
    strata = [row | {"inclusion": f"{row['inclusion']:.3f}"} for row in drawn["strata"]]
    _print_table(("stratum", "texts", "drawn", "inclusion"), strata)
    click.echo(
        f"Sample {drawn['sample']}: {drawn['drawn']} of {drawn['frame_size']} texts, for {purpose}, from "
        f"{len(drawn['strata'])} strata; {drawn['set_apart']} set apart. "
        f"Code it: media-coverage code --sample {drawn['sample']} --coder YOUR_NAME"
    )
    if drawn["drawn"] < size:
        click.echo(f"There are not more than {drawn['drawn']} texts to draw from, so all of them were.")
    if purpose == "audit" and learned.fingerprints is None:
        dated = f"; they are dated up to {learned.last_date}, and --since draws later ones" if learned.last_date else ""
        click.echo(f"The model {model} does not say which texts it has learned from, so some may be here{dated}.")


def _clean_name(text: str, option: str) -> str:
    """A name of one line. Raises UsageError."""
    from .prose import clean

    name = clean(text)
    if not name or len(name) > 60:
        raise click.UsageError(f"{option} must be a name of 1 to 60 characters, not {text!r}")
    return name


@cli.command()
@_common
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def samples(config_path: Path, db: Path | None, as_json: bool) -> None:
    """The samples drawn so far, and how far their coding is."""
    from .store import open_store

    with open_store(_database(db, config_path)) as store:
        rows = json.loads(store.samples().to_json(orient="records", date_format="iso", date_unit="s"))
    if as_json:
        _print_json(rows)
        return
    columns = ("sample", "purpose", "drawn_at", "seed", "texts", "frame_size", "coders", "coded", "adjudicated")
    _print_table(columns, [row | {"drawn_at": row["drawn_at"][:10]} for row in rows])


def _sample_named(store: Store, name: str | None) -> dict[str, Any]:
    """The sample of this name, or the one drawn last, as a row of v_samples. Raises InputError, StoreError."""
    rows = [{str(key): value for key, value in row.items()} for row in store.samples().to_dict("records")]
    if name is not None:
        store.sample_items(name)  # which says what there is
        return next(row for row in rows if row["sample"] == name)
    if not rows:
        raise InputError("holds no sample yet; draw one with `media-coverage sample`", path=store.path)
    return rows[-1]


def _texts_shown(store: Store, name: str) -> dict[int, Text]:
    """The texts of a sample as coders see them, by version."""
    from .coding import shown

    items = store.sample_items(name).to_dict("records")
    return {int(row["version_id"]): shown(row["title"], row["summary"], row["outlet"]) for row in items}


def _codebook(config_path: Path, frames: Frames, topic: str) -> Codebook:
    from . import codebook

    return codebook.load(_load(config_path).codebook if config_path.exists() else None, frames, topic)


def _coding_options(function: F) -> F:
    """The options of the commands that have a coding screen."""
    for option in (
        click.option("--plain", is_flag=True, help="Line by line, for screen readers and pipes."),
        click.option("--coder", required=True, metavar="NAME", help="Who codes."),
        click.option("--sample", "name", metavar="NAME", help="Which sample [default: the one drawn last]."),
    ):
        function = option(function)
    return function


@cli.command()
@_common
@_coding_options
def code(config_path: Path, db: Path | None, name: str | None, coder: str, plain: bool) -> None:
    """Code a sample in the terminal, blind: headline and lead, and no outlet, date, label or other coder's code.

    One question at a time: about the topic, each frame, whose voice, how sure. b goes back, s skips, t takes a note,
    ? shows the codebook, q ends. Each code is stored when its last question is answered; the same command goes on from
    there, in an order that belongs to the coder.
    """
    from .coding import Task, answers_of, order
    from .store import open_store

    database, coder = _database(db, config_path), _clean_name(coder, "--coder")
    with open_store(database) as store:  # coding makes no new database
        _sample_named(store, name)
    with open_store(database, read_only=False) as store:
        about = _sample_named(store, name)
        texts = _texts_shown(store, about["sample"])
        coded = {
            int(row["version_id"]): answers_of({str(key): value for key, value in row.items()}, store.frames)
            for row in store.codes(about["sample"]).to_dict("records")
            if row["coder"] == coder and row["kind"] == "individual" and row["newest"]
        }
        tasks = [Task(version, texts[version]) for version in order(texts, about["sample"], coder)]
        _sit(store, config_path, about, coder, tasks, coded, kind="individual", plain=plain)


@cli.command()
@_common
@_coding_options
def adjudicate(config_path: Path, db: Path | None, name: str | None, coder: str, plain: bool) -> None:
    """Settle what coders disagree about: their codes are shown without their names, and yours counts.

    Shown are the texts of a sample about whose relevance or frames two coders differ. All codes stay.
    """
    from .coding import Task, answers_of, disagreements, order
    from .store import open_store

    database, coder = _database(db, config_path), _clean_name(coder, "--coder")
    with open_store(database) as store:
        _sample_named(store, name)
    with open_store(database, read_only=False) as store:
        about = _sample_named(store, name)
        texts = _texts_shown(store, about["sample"])
        rows = [{str(k): v for k, v in row.items()} for row in store.codes(about["sample"]).to_dict("records")]
        found = disagreements(rows, store.frames)
        if not found:
            click.echo(f"Sample {about['sample']}: no text about which two coders disagree.")
            return
        settled = {
            int(row["version_id"]): answers_of(row, store.frames)
            for row in rows
            if row["kind"] == "adjudicated" and row["newest"]
        }
        tasks = [Task(version, texts[version], found[version]) for version in order(found, about["sample"], coder)]
        _sit(store, config_path, about, coder, tasks, settled, kind="adjudicated", plain=plain)


def _sit(
    store: Store,
    config_path: Path,
    about: dict[str, Any],
    coder: str,
    tasks: list[Task],
    coded: dict[int, Answers],
    *,
    kind: str,
    plain: bool,
) -> None:
    """One sitting at a terminal, or over pipes with `plain`."""
    import os

    from . import screen
    from .coding import Sitting, code_of

    if not plain and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("the coding screen needs a terminal; --plain works line by line without one")
    codebook = _codebook(config_path, store.frames, about["topic"])
    session = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {os.getpid()}"
    sitting = Sitting(tasks, coded)
    doing = "Adjudication" if kind == "adjudicated" else "Coding"
    subject = screen.Subject(f"{doing} of {about['sample']} · {coder}", store.frames, codebook, about["topic"])

    def save(task: Task, answers: Answers) -> None:
        given = code_of(
            answers,
            task.version_id,
            coder=coder,
            codebook_version=codebook.version,
            purpose=about["purpose"],
            kind=kind,
            sample=about["sample"],
            session=session,
        )
        store.add_codes([given], datetime.now(UTC))

    try:
        if plain:
            screen.plain(sitting, subject, _asked, click.echo, save)
        else:
            with screen.typed(sys.stdin.fileno()) as fetch:
                screen.full(sitting, subject, _console(), fetch, save)
    finally:
        click.echo(f"{sitting.done} of {len(tasks)} texts have a code; every one is stored.")


def _asked(prompt: str) -> str:
    """A line from standard input. Raises EOFError at its end."""
    click.echo(prompt, nl=False)
    line = sys.stdin.readline()
    if not line:
        click.echo()
        raise EOFError
    return line


@cli.command()
@_common
@click.option("--sample", "name", metavar="NAME", help="Codes given in this sample only [default: all codes].")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def agreement(config_path: Path, db: Path | None, name: str | None, as_json: bool) -> None:
    """Do coders agree? Krippendorff's alpha with a bootstrap interval, per variable, per code, per pair of coders.

    The newest code of each coder and text counts; adjudicated codes do not. Customary limits: from .80 on firm
    conclusions, from .667 on tentative ones, below that no series of these codes should be published.
    """
    from .agreement import agreement as agreement_of
    from .coding import variables
    from .store import open_store

    with open_store(_database(db, config_path)) as store:
        if name is not None:
            store.sample_items(name)
        rows = [{str(key): value for key, value in row.items()} for row in store.codes(name).to_dict("records")]
        given = variables(rows, store.frames)
        where = f"sample {name}" if name else str(store.path)
    coders = sorted({coder for coder, _, _ in given["label"][0]})
    if len(coders) < 2:
        held = f"holds codes of {coders[0]} only" if coders else "holds no codes yet"
        raise InputError(f"{held}; agreement takes two coders of the same texts", path=where)
    found = {variable: agreement_of(codes, classes) for variable, (codes, classes) in given.items()}
    if as_json:
        _print_json(
            {
                "sample": name,
                "coders": coders,
                "variables": {
                    variable: asdict(result) | {"verdict": result.alpha.verdict} for variable, result in found.items()
                },
            }
        )
        return
    _print_agreement(found, coders)


def _print_agreement(found: dict[str, Agreement], coders: list[str]) -> None:
    def share(value: float | None) -> str:
        return "–" if value is None else f"{100 * value:.0f} %"

    def words(alpha: Alpha) -> str:
        if alpha.value is None:
            return "–"
        return f"{alpha.value:.2f}" + (f" [{alpha.low:.2f}–{alpha.high:.2f}]" if alpha.low is not None else "")

    click.echo(f"Coders: {', '.join(coders)}. Alpha is Krippendorff's, nominal, with a 95 % bootstrap interval.\n")
    listed = [
        {"variable": name, "texts": one.alpha.units, "agree": share(one.observed), "alpha": words(one.alpha)}
        for name, one in found.items()
    ]
    _print_table(("variable", "texts", "agree", "alpha"), listed)
    for name, one in found.items():
        click.echo(f"{name}: {one.alpha.verdict}")
    label = found["label"]
    click.echo("\nEach label: its share of all codes, and how often a second coder agrees with it")
    by_class = [
        {"code": one.name, "used": share(one.frequency), "agree": share(one.positive), "alpha": words(one.alpha)}
        for one in label.by_class
    ]
    _print_table(("code", "used", "agree", "alpha"), by_class)
    for pair in label.pairs:
        figures = f"{pair.units} texts, agree {share(pair.agreement)}, alpha {words(pair.alpha)}"
        click.echo(f"\n{pair.first} (rows) and {pair.second}: {figures}")
        table = [
            {"": name, **dict(zip(label.classes, counts, strict=True))}
            for name, counts in zip(label.classes, pair.table, strict=True)
        ]
        _print_table(("", *label.classes), table)


@cli.group()
def codes() -> None:
    """Codes of people as files, for spreadsheets and other programs."""


@codes.command("export")
@_common
@click.argument("file", metavar="FILE")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl", "label-studio", "label-studio-config"]),
    required=True,
    help="label-studio: tasks (JSON); label-studio-config: the interface that belongs to them (XML).",
)
@click.option("--sample", "name", metavar="NAME", help="Of this sample only.")
@click.option("--blank", is_flag=True, help="The texts of the sample without any code, for a coder to fill in.")
def codes_export(config_path: Path, db: Path | None, file: str, form: str, name: str | None, blank: bool) -> None:
    """Write codes with their texts to FILE, - for standard output. `codes import` reads them back unchanged.

    Every code ever given is written, the older ones of a text coded again too. Neither outlet nor date is.
    """
    from .interchange import WRITERS, blank_row, row_of
    from .store import open_store

    with open_store(_database(db, config_path)) as store:
        frames = store.frames
        if blank or name is not None:
            about = _sample_named(store, name)
            name = about["sample"]
        if blank:
            items = store.sample_items(str(name)).to_dict("records")
            rows = [blank_row({str(k): v for k, v in row.items()}, about["purpose"], frames) for row in items]
        else:
            stored = store.codes(name).to_dict("records")
            rows = [row_of({str(k): v for k, v in row.items()}, frames) for row in stored]
    text = WRITERS[form](rows, frames)
    try:
        with click.open_file(file, "w", encoding="utf-8", lazy=False) as stream:
            stream.write(text)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", path=file) from error
    click.echo(f"{len(rows)} rows: {file}", err=True)


@codes.command("import")
@_common
@click.argument("file", metavar="FILE")
@click.option("--coder", metavar="NAME", help="Whose codes they are, where a row does not say.")
@click.option("--sample", "name", metavar="NAME", help="The sample they belong to, where a row does not say.")
def codes_import(config_path: Path, db: Path | None, file: str, coder: str | None, name: str | None) -> None:
    """Store the codes of FILE: CSV (.csv), tasks of Label Studio (.json), or JSON Lines. All of them or none.

    Rows without an answer are left out. Each row that cannot be used is named with its line and what is wrong.
    """
    from .interchange import Defaults, read
    from .lock import locked
    from .store import open_store

    database = _database(db, config_path)
    coder = _clean_name(coder, "--coder") if coder else None
    with open_store(database) as store:
        frames = store.frames
        about = _sample_named(store, name) if name else None
    rows = _rows_of_codes(file, frames)
    with locked(database, "codes import"), open_store(database, read_only=False) as store:
        defaults = Defaults(
            coder,
            _codebook(config_path, frames, about["topic"] if about else "").version,
            name,
            about["purpose"] if about else "training",
        )
        stored = [{str(k): v for k, v in row.items()} for row in store.codes().to_dict("records")]
        titles = store.titles((str(row.get("id")).strip() for _, row in rows), name)
        found = read(rows, frames, defaults, titles, stored, file)
        for problem in found.problems:
            logs.notes.error("%s", problem, extra={"event": "refused"})
        if found.problems:
            bad = len(found.problems)
            raise InputError(f"{bad} row{'s' if bad > 1 else ''} cannot be used, so nothing was imported", path=file)
        store.add_codes(found.codes, datetime.now(UTC))
    blank = f", {found.blank} rows without an answer left out" if found.blank else ""
    click.echo(f"{len(found.codes)} codes imported{blank}")


def _rows_of_codes(file: str, frames: Frames) -> list[tuple[int, dict[str, Any]]]:
    """Numbered rows of a file of codes. Raises InputError."""
    from .coded import json_lines, table_rows
    from .interchange import rows_of_tasks

    if file.lower().endswith((".csv", ".tsv")):
        return list(table_rows(Path(file), ("id", "rel", *frames.outputs[1:])))
    if not file.lower().endswith(".json"):
        return list(json_lines(file))
    try:
        return list(rows_of_tasks(json.loads(Path(file).read_text(encoding="utf-8"))))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=file) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"is no export of Label Studio: {error}", path=file) from error


@cli.command()
@_common
@click.option(
    "--from",
    "sources",
    required=True,
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Coded items: JSON Lines, CSV, or one of our databases. May be repeated.",
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Model folder to write or replace."
)
@click.option(
    "--base",
    "base_folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of another BERT or MPNet encoder to start from, with tokenizer.json [default: all-mpnet-base-v2].",
)
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Of dropout and of the order in which texts are learned from.",
)
@click.option("--epochs", type=click.IntRange(1), help="Passes over the items [default: 3, more for few items].")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True, help="Where to learn.")
@click.option("--codebook", help="Version of the codebook behind the codes [default: as in the database, else 1].")
def train(
    config_path: Path,
    db: Path | None,  # noqa: ARG001 - every command takes both
    sources: tuple[Path, ...],
    out: Path,
    base_folder: Path | None,
    seed: int,
    epochs: int | None,
    device: str,
    codebook: str | None,
) -> None:
    """Train a model of your own on items that you have coded. Needs pip install 'media-coverage[train]'.

    A file has one item per line or row: title, summary, rel, one column per frame output (0 or 1), and if known id,
    cert (1 sure, 2 leaning, 3 coin-flip), outlet, date. The frames are those of the configuration. Several coders of
    one item: the majority counts. Codes made for an audit are never learned from. At least 40 items, and 10 of each
    code. The folder gets MODEL_CARD.md with cross-validated figures and their intervals.
    """
    from .finetune import Recipe, epochs_for, open_base, require_extra, texts_of
    from .train import Identity, Setup, read_sources
    from .train import train as train_model

    require_extra(device)
    config = _load(config_path) if config_path.exists() else None
    coding, frames = read_sources(sources, config.frames if config else None)
    recipe = Recipe(epochs=epochs or epochs_for(len(coding.items)))
    identity = Identity(
        name=out.absolute().name,
        version=datetime.now(UTC).date().isoformat(),
        codebook_version=codebook or coding.codebook_version or "1",
        language=config.topic.language if config else "en",
    )
    for note in coding.notes:
        logs.notes.warning("%s", note, extra={"event": "note"})
    with _progress() as progress, open_base(texts_of(coding.items, recipe), base_folder) as base:
        manifest = train_model(
            coding,
            frames,
            out,
            Setup(base, recipe, seed, device),
            identity,
            source=", ".join(map(str, sources)),
            say=lambda text: logs.notes.info("%s", text, extra={"event": "training"}),
            progress=progress,
        )
    score = manifest["training"]["cross_validation"]["macro_f1"]
    click.echo(
        f"Model: {out} (macro-F1 in cross-validation {score['value']:.2f} [{score['low']:.2f}–{score['high']:.2f}]; "
        f"figures and limits: {out / 'MODEL_CARD.md'})\nUse it: media-coverage run --model embedded:{out}"
    )


def main(arguments: list[str] | None = None) -> None:
    """Entry point: runs a command and turns every expected failure into one sentence and its exit code."""
    logs.start(logging.WARNING)
    try:
        with interruption.caught():
            cli.main(args=arguments, prog_name="media-coverage", standalone_mode=False)
            sys.stdout.flush()  # here a full disk can still be told
    except click.exceptions.Exit as end:
        raise SystemExit(end.exit_code) from None
    except click.ClickException as error:
        _show(error)
        raise SystemExit(ExitCode.USAGE) from None
    except TrackerError as error:
        _fail(str(error), error.exit_code)
    except (interruption.Interrupted, click.Abort) as end:
        if sys.stderr.isatty():
            click.echo(err=True)  # the terminal has put ^C on a line of its own
        _fail("interrupted; what was stored is safe", ExitCode.INTERRUPTED, signal=str(end) or "SIGINT")
    except BrokenPipeError:
        sys.stderr.close()  # the reader has left: nobody to complain to
        raise SystemExit(ExitCode.OK) from None
    except OSError as error:
        if error.errno != errno.ENOSPC:
            _crash(error)
        _fail(f"cannot write ({error.strerror}); free some space and run again", ExitCode.NOTHING_WORKED)
    except Exception as error:  # noqa: BLE001 - Python's own exit code would be 1, which says that some feeds failed
        _crash(error)


def _fail(sentence: str, code: ExitCode, **data: Any) -> NoReturn:
    extra = {"event": "failed", "error": sys.exception().__class__.__name__, "exit_code": int(code), **data}
    logs.notes.error("%s", sentence, extra=extra)
    raise SystemExit(code) from None


def _crash(error: Exception) -> NoReturn:
    """A fault of ours: cron gets a code that no monitor overlooks, and we get the place."""
    extra = {"event": "crashed", "exit_code": int(ExitCode.NOTHING_WORKED)}
    sentence = f"stopped by a fault of the program ({type(error).__name__}); what was stored is safe: report it, please"
    logs.notes.critical("%s", sentence, extra=extra, exc_info=error)
    raise SystemExit(ExitCode.NOTHING_WORKED) from None


def _show(error: click.ClickException) -> None:
    if logs.in_text():
        error.show()
    else:
        logs.notes.error("%s", error.format_message(), extra={"event": "usage", "exit_code": int(ExitCode.USAGE)})
