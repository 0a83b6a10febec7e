"""The command line: arguments, wiring, printing, exit codes. All work is done elsewhere, imported late."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .errors import ExitCode, InputError, TrackerError

if TYPE_CHECKING:
    from rich.console import Console

    from .config import Config
    from .explain import Explanation
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


_model_option = click.option(
    "--model",
    default="embedded",
    show_default=True,
    help="embedded, embedded:FOLDER, or zero-shot:OWNER/MODEL[@REVISION] (downloads from the hub once).",
)


def _load(path: Path) -> Config:
    from . import config

    return config.load(path)


def _database(db: Path | None, config_path: Path) -> Path:
    return db if db is not None else _load(config_path).database


def _titles(config_path: Path) -> dict[str, str]:
    """How the frames are called; the codebook's names where there is no configuration beside the database."""
    from .config import DEFAULT_FRAMES

    frames = _load(config_path).frames if config_path.exists() else DEFAULT_FRAMES
    return {name: frame.title for name, frame in frames.items()}


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


def _summary_line(summary: RunSummary) -> str:
    failed = sum(not feed.outcome.succeeded for feed in summary.feeds)
    seconds = (summary.finished_at - summary.started_at).total_seconds()
    return (
        f"{len(summary.feeds)} feeds ({failed} failed), {summary.entries} entries, "
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
@_model_option
@click.option("--json", "as_json", is_flag=True, help="Print the run's summary as JSON on stdout.")
def run(config_path: Path, db: Path | None, model: str, as_json: bool) -> None:
    """One pass: fetch, gate, classify, aggregate. Safe to run from cron at any time.

    Exit code: 0 all well, 1 some feeds failed, 2 configuration or usage, 3 nothing worked, 75 already running.
    """
    from . import pipeline
    from .classify import load_classifier

    config = _load(config_path)
    classifier = load_classifier(model)
    bar, progress = _progress(len(config.feeds), wanted=not as_json)
    with bar:
        summary = pipeline.run(config, database=db, classifier=classifier, progress=progress)
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
    _report(config.database, page, {name: frame.title for name, frame in config.frames.items()}, "", "9999")
    click.echo(
        f"\nDatabase: {config.database}\nReport:   {page} (open it in a browser)\n\n"
        "Next, with real feeds:\n"
        "  media-coverage feeds check     verify the addresses in feeds.yaml from your network\n"
        "  media-coverage run             one pass over them\n"
        "  media-coverage report          the same report on what was collected\n"
        "Every hour from cron:\n"
        "  7 * * * * cd /path/to/project && .venv/bin/media-coverage run >> run.log 2>&1"
    )


def _report(database: Path, page: Path | None, titles: dict[str, str], since: str, until: str) -> None:
    from . import report as reporting
    from .store import open_store

    with open_store(database) as store:
        material = reporting.Material.from_store(store, datetime.now(UTC), titles, since, until)
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
    _report(_database(db, config_path), out, _titles(config_path), since or "", until or "9999")
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


_STATUS_TIMES = ("last_success_at", "newest_article_at")


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


@feeds.command("check")
@_common
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def feeds_check(config_path: Path, db: Path | None, as_json: bool) -> None:  # noqa: ARG001 - every command takes both
    """Fetch and parse every feed once and say which work. Stores nothing.

    Exit code: 0 all work, 1 some do not, 3 none does.
    """
    from .fetch import fetch_all
    from .parse import check
    from .records import FeedState

    config = _load(config_path)
    bar, _ = _progress(len(config.feeds), wanted=not as_json)
    rows = []
    with bar:
        for fetched in fetch_all([(feed, FeedState()) for feed in config.feeds], config.network):
            rows.append(check(fetched, config.network.max_entries))
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


def _lines(file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of a JSON Lines file, `-` for standard input. Raises InputError."""
    try:
        with click.open_file(file, encoding="utf-8") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                try:
                    value = json.loads(line)
                except ValueError as error:
                    raise InputError(f"not JSON: {error}", path=file, line=number) from error
                if not isinstance(value, dict):
                    raise InputError("not a JSON object", path=file, line=number)
                yield number, value
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=file) from error
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8: {error.reason}", path=file) from error


def _text(value: dict[str, Any], file: str, line: int) -> Text:
    from .records import Text

    title, summary = value.get("title"), value.get("summary") or ""
    if not isinstance(title, str) or not isinstance(summary, str):
        raise InputError("`title` must be a string, and `summary` a string where given", path=file, line=line)
    return Text(title, summary)


@cli.command()
@_common
@click.argument("file", metavar="FILE.jsonl")
@_model_option
def score(config_path: Path, db: Path | None, file: str, model: str) -> None:  # noqa: ARG001
    """Label texts without a database: JSON Lines with id, title, summary in; labels and probabilities out.

    FILE may be - for standard input. Out per line: id, label, leaning, relevant, uncertain, p_relevant, p_hope,
    p_appease, model. `label` is derived from the frames alone; `relevant` says whether the text is on topic.
    """
    from .classify import load_classifier

    classifier = load_classifier(model)
    lines = _lines(file)
    while batch := list(islice(lines, SCORE_BATCH)):
        framings = classifier.classify([_text(value, file, number) for number, value in batch])
        for (number, value), framing in zip(batch, framings, strict=True):
            click.echo(json.dumps(_answer(value.get("id", number), framing, classifier.info.model_id)))


def _answer(key: object, framing: Framing, model_id: str) -> dict[str, object]:
    return {
        "id": key,
        "label": framing.label,
        "leaning": framing.leaning,
        "relevant": framing.relevant,
        "uncertain": framing.uncertain,
        "p_relevant": framing.p_relevant,
        "p_hope": framing.p_hope,
        "p_appease": framing.p_appease,
        "model": model_id,
    }


def _code(value: dict[str, Any], name: str, file: str, line: int) -> bool:
    if value.get(name) not in {0, 1}:
        raise InputError(f"`{name}` must be 0 or 1, not {value.get(name)!r}", path=file, line=line)
    return bool(value[name])


@cli.command()
@_common
@click.argument("file", metavar="FILE.jsonl")
@_model_option
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def evaluate(config_path: Path, db: Path | None, file: str, model: str, as_json: bool) -> None:  # noqa: ARG001
    """Measure the classifier against coded items: JSON Lines with title, summary, rel, hope, appease (0 or 1)."""
    from .classify import load_classifier
    from .evaluation import Coded, evaluate

    texts, coded = [], []
    for number, value in _lines(file):
        texts.append(_text(value, file, number))
        coded.append(Coded(*(_code(value, name, file, number) for name in ("rel", "hope", "appease"))))
    if not coded:
        raise InputError("holds no coded item", path=file)
    classifier = load_classifier(model)
    scores = evaluate(coded, classifier.classify(texts))
    if as_json:
        _print_json({"model": classifier.info.model_id, **scores})
        return
    _print_scores(scores, classifier.info.model_id)


def _print_scores(scores: dict[str, Any], model_id: str) -> None:
    def words(figure: dict[str, float]) -> str:
        return f"{figure['value']:.3f} [{figure['low']:.3f}–{figure['high']:.3f}]"

    click.echo(f"{model_id}: {scores['items']} items, {scores['relevant_items']} relevant")
    click.echo(f"macro-F1 over hopeful_peace, appeasement, neither: {words(scores['macro_f1'])}")
    for name, figure in scores["f1_by_class"].items():
        click.echo(f"  F1 {name}: {words(figure)}")
    rows = [
        {"output": name, **{key: words(f) for key, f in figures.items()}} for name, figures in scores["outputs"].items()
    ]
    _print_table(("output", "precision", "recall", "f1", "average_precision", "calibration_error"), rows)
    click.echo(scores["interval"])


@cli.command()
@_common
@_model_option
@click.option("--activate", is_flag=True, help="Show this model in reports and aggregates from now on.")
def classify(config_path: Path, db: Path | None, model: str, activate: bool) -> None:
    """Label everything stored with another model. Earlier labels stay; nothing is fetched.

    Interrupted, it goes on where it stopped. `media-coverage compare` then shows where two models differ.
    """
    from . import pipeline
    from .classify import load_classifier

    classifier = load_classifier(model)
    labelled, relevant = pipeline.relabel(_database(db, config_path), classifier, activate=activate)
    click.echo(f"{labelled} texts labelled by {classifier.info.model_id}, {relevant} on topic")


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
        found = comparison_of(store.labels_of_two(*pair))
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
@_model_option
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def explain(config_path: Path, db: Path | None, what: str, model: str, as_json: bool) -> None:
    """Show which words carry the label of an article in the database, or of any text.

    WHAT is an article's number or address, or a headline in quotes (no database needed).
    """
    from .classify import load_classifier
    from .explain import explain as explanation_of

    text = _stored_text(what, config_path, db)
    classifier = load_classifier(model)
    found = explanation_of(classifier, text)
    if as_json:
        _print_json({"model": classifier.info.model_id, **asdict(found)})
        return
    _print_explanation(found, classifier.info.model_id)


def _stored_text(what: str, config_path: Path, db: Path | None) -> Text:
    """The text of an article, or `what` itself when it is neither a number nor an address."""
    from .records import Text
    from .store import open_store

    if not what.isdigit() and not what.startswith(("http://", "https://")):
        return Text(what)
    database = _database(db, config_path)
    with open_store(database) as store:
        row = store.article(what)
    if row is None:
        raise InputError(f"holds no article {what}", path=database)
    return Text(row["title"], row["summary"])


def _print_explanation(found: Explanation, model_id: str) -> None:
    from rich.text import Text as RichText

    console = _console()
    framing = found.framing
    console.print(
        f"{framing.label} (leaning {framing.leaning}{', uncertain' if framing.uncertain else ''}): "
        f"p_hope {framing.p_hope:.2f}, p_appease {framing.p_appease:.2f}, p_relevant {framing.p_relevant:.2f}"
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
    console.print(RichText(model_id, style="dim"))


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
