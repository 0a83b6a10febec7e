"""The command line: arguments, wiring, printing, exit codes. All work is done elsewhere, imported late."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .errors import ExitCode, InputError, TrackerError
from .records import FetchOutcome

if TYPE_CHECKING:
    from rich.console import Console

    from .classify import Classifier, ModelInfo
    from .config import Config
    from .explain import Explanation
    from .framing import Frames
    from .records import FeedResult, Framing, RunSummary, Text

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
def cli(verbose: int, quiet: bool) -> None:
    """Track how the press frames a topic: fetch feeds, classify framing, store aggregates, report the trend.

    \b
    First:  media-coverage demo          see it work on invented sample feeds
    Then:   media-coverage feeds check   verify the feeds in feeds.yaml
            media-coverage run           one pass, made for cron
            media-coverage report        the trend, with the articles behind it
    """
    level = logging.ERROR if quiet else {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG)
    logging.basicConfig(stream=sys.stderr, level=level, format="%(levelname)s %(message)s", force=True)
    for noisy in ("httpx2", "httpcore2", "filelock", "asyncio"):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))


_NOT_ASKED = tuple(outcome for outcome in FetchOutcome if not outcome.attempted)


def _summary_line(summary: RunSummary) -> str:
    asked = [feed.outcome for feed in summary.feeds if feed.outcome.attempted]
    failed = sum(not outcome.succeeded for outcome in asked)
    others = {outcome.value: sum(feed.outcome is outcome for feed in summary.feeds) for outcome in _NOT_ASKED}
    others |= {"not_due": summary.not_due, "off": summary.off}
    left = "".join(f", {number} {name.replace('_', ' ')}" for name, number in others.items() if number)
    seconds = (summary.finished_at - summary.started_at).total_seconds()
    return (
        f"{len(asked)} feeds ({failed} failed){left}; {summary.entries} entries, "
        f"{summary.new_articles} new articles, {summary.new_versions} changed wordings; "
        f"{summary.passed_gate} passed the keywords, {summary.labelled} labelled, {summary.relevant} on topic; "
        f"{seconds:.1f} s"
    )


def _progress(total: int, *, wanted: bool) -> tuple[Any, Callable[[FeedResult], None] | None]:
    """A progress bar on stderr when someone is watching."""
    import contextlib

    if not wanted or not sys.stderr.isatty():
        return contextlib.nullcontext(), None
    from rich.progress import Progress

    bar = Progress(console=_console(stderr=True), transient=True)
    task = bar.add_task("feeds", total=total)
    return bar, lambda _: bar.advance(task)


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
    bar, progress = _progress(len(config.feeds), wanted=not as_json)
    with bar:
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

    config, summaries = run_demo(folder)
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
    """What is in the database, how the last run went, and how each feed is doing."""
    from .store import open_store

    with open_store(_database(db, config_path)) as store:
        counts, runs, feeds = store.counts(), store.runs(1), store.feeds()
    if as_json:
        last = json.loads(runs.to_json(orient="records", date_format="iso"))
        listed = json.loads(feeds.to_json(orient="records", date_format="iso"))
        _print_json({"counts": counts, "last_run": last[0] if last else None, "feeds": listed})
        return
    from rich.markup import escape
    from rich.table import Table

    console = _console()
    console.print(", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items()))
    for row in runs.to_dict("records"):
        console.print(
            f"last run {row['started_at']:%Y-%m-%d %H:%M UTC}: {row['state']}, exit code {row['exit_code']}, "
            f"{row['feeds']} feeds, {row['feeds_failed']} failed, {row['new_articles']} new articles"
        )
    table = Table("outlet", "last outcome", "last success", "articles", "newest", "address", header_style="bold")
    for row in feeds.to_dict("records"):
        times = [f"{row[name]:%Y-%m-%d %H:%M}" if row[name] == row[name] else "never" for name in _STATUS_TIMES]
        cells = (
            row["outlet"],
            row["last_outcome"] or "not fetched",
            times[0],
            str(row["articles"]),
            times[1],
            row["url"],
        )
        table.add_row(*(escape(cell) for cell in cells))
    console.print(table)
    for row in feeds[feeds["off_since"].notna()].to_dict("records"):
        console.print(escape(f"OFF since {row['off_since']:%Y-%m-%d}, gone (410): {row['outlet']}: {row['url']}"))


_STATUS_TIMES = ("last_success_at", "newest_article_at")


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
    from .store import open_store

    database = _database(db, config_path)
    off = [row["url"] for row in _matching(what, database) if row["off_since"] == row["off_since"]]
    with open_store(database, read_only=False) as store:
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
    bar, _ = _progress(len(config.feeds), wanted=not as_json)
    rows = []
    with bar:
        arriving = fetch_all([(feed, FeedState()) for feed in config.feeds], config.network)
        for fetched, parsed in parse_all(arriving, config.network):
            rows.append(check(fetched, parsed))
            if hasattr(bar, "advance"):
                bar.advance(bar.task_ids[0])
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
        click.echo(f"left out, not an http(s) address: {url}", err=True)
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
    while batch := list(islice(lines, SCORE_BATCH)):
        read = [(value.get("id", number), *_scorable(value, file, number, info.language)) for number, value in batch]
        framings = iter(classifier.classify([text for _, text, _, refused in read if not refused]))
        for key, _, language, refused in read:
            answer = _answer(None if refused else next(framings), info.frames)
            answer |= {"language": language, "refused": refused, "model": info.model_id}
            click.echo(json.dumps({"id": key, **answer}))


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
    labelled, relevant = pipeline.relabel(path, classifier, activate=activate)
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
    "--seed", "seeds", type=int, multiple=True, default=(0,), help="May be repeated: the mean of weights [default: 0]."
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
    seeds: tuple[int, ...],
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
        click.echo(note, err=True)
    with open_base(texts_of(coding.items, recipe), base_folder) as base:
        manifest = train_model(
            coding,
            frames,
            out,
            Setup(base, recipe, seeds, device),
            identity,
            source=", ".join(map(str, sources)),
            say=lambda text: click.echo(text, err=True),
        )
    score = manifest["training"]["cross_validation"]["macro_f1"]
    click.echo(
        f"Model: {out} (macro-F1 in cross-validation {score['value']:.2f} [{score['low']:.2f}–{score['high']:.2f}]; "
        f"figures and limits: {out / 'MODEL_CARD.md'})\nUse it: media-coverage run --model embedded:{out}"
    )


def main(arguments: list[str] | None = None) -> None:
    """Entry point: runs a command and turns every expected failure into one sentence and its exit code."""
    try:
        cli.main(args=arguments, prog_name="media-coverage", standalone_mode=False)
    except click.exceptions.Exit as end:
        raise SystemExit(end.exit_code) from None
    except click.ClickException as error:
        error.show()
        raise SystemExit(ExitCode.USAGE) from None
    except TrackerError as error:
        click.echo(f"media-coverage: {error}", err=True)
        raise SystemExit(error.exit_code) from None
    except (KeyboardInterrupt, click.Abort):
        click.echo("media-coverage: interrupted; what was stored is safe", err=True)
        raise SystemExit(ExitCode.INTERRUPTED) from None
    except BrokenPipeError:
        sys.stderr.close()  # the reader has left: nobody to complain to
        raise SystemExit(ExitCode.OK) from None
