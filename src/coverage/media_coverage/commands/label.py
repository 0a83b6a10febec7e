"""Commands around the classifier: score, evaluate, classify, aggregate, compare, explain, train."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import logs
from ..errors import ExitCode, InputError
from .options import (
    classifier_options,
    common,
    configured_classifier,
    configured_frames,
    database_path,
    load_config,
    model_options,
)
from .terminal import open_console, print_json, print_table, progress_bars

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from ..classify import ModelInfo
    from ..explain import Explanation
    from ..framing import Frames
    from ..records import Framing, Text

_FOLDER = click.Path(path_type=Path, file_okay=False)

MANY_TEXTS = 2000
"""Texts from which on worker processes are worth the seconds that they take to start (docs/engines.md)."""

SCORE_BATCH = 256
"""Texts read, labelled and printed at a time: bounded memory, and results while a long file is still being read."""


@click.command()
@common
@click.argument("file", metavar="FILE.jsonl")
@model_options
def score(config_path: Path, db: Path | None, file: str, model: str | None, device: str | None) -> None:  # noqa: ARG001
    """Label texts without a database: JSON Lines with id, title, summary in; labels and probabilities out.

    FILE may be - for standard input. Out per line: id, label, leaning, relevant, uncertain, p_own, p_relevant, a p_ for
    the output of each frame, language, refused, model. `label` is derived from the frames alone; `relevant` says
    whether the text is on topic, `p_own` how likely the outlet itself speaks the frame (null without a frame). The
    frames are those of the configuration; without one, the default ones.

    A text in a language that the model does not read gets no label: `refused` says why, and the answers are null.
    A line may declare its `language`; otherwise it is detected, null where it cannot be told.
    """
    from ..coded import json_lines

    classifier = configured_classifier(config_path, model, device)
    info, lines = classifier.info, json_lines(file)
    done = 0
    with progress_bars() as progress:
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
    from ..coded import text_of
    from ..language import language_of, unreadable
    from ..prose import plain

    text, declared = text_of(value, file, line), value.get("language")
    if not isinstance(declared, str | None):
        raise InputError(f'`language` must be a code like "en", not {declared!r}', path=file, line=line)
    title, summary = plain(text.title), plain(text.summary)
    language, _ = language_of(title, summary, declared)
    return text, language, unreadable(language, reads) if title or summary else "no text"


def _answer(framing: Framing | None, frames: Frames) -> dict[str, object]:
    """The columns of a score; all null where no answer was asked for."""
    names = ("label", "leaning", "relevant", "uncertain", "p_own", *(f"p_{name}" for name in frames.outputs))
    if framing is None:
        return dict.fromkeys(names)
    values = {name: getattr(framing, name) for name in names[:5]}
    return values | _probabilities(framing, frames)


def _probabilities(framing: Framing, frames: Frames) -> dict[str, float]:
    """By column name, relevance first."""
    return {f"p_{name}": p for name, p in zip(frames.outputs, (framing.p_relevant, *framing.p), strict=True)}


@click.command()
@common
@click.argument("file", metavar="FILE.jsonl")
@model_options
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
    from ..coded import coded, read
    from ..evaluation import evaluate

    frames = configured_frames(config_path)
    items = [item for item in read(file, frames).items if item.complete]
    classifier = configured_classifier(config_path, model, device)
    scores = evaluate(coded(items), classifier.classify([item.text for item in items]), frames)
    if as_json:
        print_json({"model": classifier.info.model_id, **scores})
        return
    _print_scores(scores, classifier.info.model_id)


def _print_scores(scores: dict[str, Any], model_id: str) -> None:
    def words(figure: dict[str, float]) -> str:
        return f"{figure['value']:.3f} [{figure['low']:.3f}–{figure['high']:.3f}]"

    click.echo(f"{model_id}: {scores['items']} items, {scores['relevant_items']} relevant")
    click.echo(f"macro-F1 over {', '.join(scores['f1_by_class'])}: {words(scores['macro_f1'])}")
    for name, figure in scores["f1_by_class"].items():
        click.echo(f"  F1 {name}: {words(figure)}")
    if voice := scores.get("voice"):
        click.echo(f"own voice or quoted, of {voice['right']['n']} with a frame: right {words(voice['right'])}")
    rows = [
        {"output": name, **{key: words(f) for key, f in figures.items()}} for name, figures in scores["outputs"].items()
    ]
    print_table(("output", "precision", "recall", "f1", "average_precision", "calibration_error"), rows)
    click.echo(scores["interval"])


@click.command()
@common
@model_options
@click.option("--activate", is_flag=True, help="Show this model in reports and aggregates from now on.")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help=f"What labels: this machine, in worker processes from {MANY_TEXTS:,} texts on, or Ray (extra ray).",
)
@click.option("--workers", type=click.IntRange(1), help="Worker processes or actors [default: one per core].")
@click.option("--address", metavar="HOST:PORT", help="A running Ray cluster [default: Ray starts on this machine].")
@click.option("--from", "source", type=_FOLDER, help="Label Parquet files of this folder instead of the database.")
@click.option("--to", "target", type=_FOLDER, help="Folder for what --from gives: Parquet files with labels.")
def classify(
    config_path: Path,
    db: Path | None,
    model: str | None,
    device: str | None,
    activate: bool,
    engine: str,
    workers: int | None,
    address: str | None,
    source: Path | None,
    target: Path | None,
) -> None:
    """Label everything stored with another model, or a folder of Parquet files. Nothing is fetched.

    Earlier labels stay. Interrupted, it goes on where it stopped; a label is the same whichever engine or worker made
    it. `media-coverage compare` then shows where two models differ.

    With --from and --to (extra parquet) articles are read from Parquet files, gated by the topic of the configuration,
    labelled and written; docs/engines.md names the columns. A file that cannot be read is told and left out, with exit
    code 1; run again once it is repaired. `media-coverage aggregate` counts the result.
    """
    if (source is None) != (target is None):
        raise click.UsageError("--from and --to go together: Parquet files in, Parquet files out")
    if address and engine != "ray":
        raise click.UsageError("--address is Ray's: add --engine ray")
    if source is not None and target is not None:
        if activate or db:
            raise click.UsageError("--from needs no database: leave out --activate and --db")
        options = load_config(config_path).classifier_options(model, device)
        _classify_folder(config_path, source, target, options, engine, workers, address)
        return
    from .. import pipeline
    from ..classify import load_classifier
    from ..engines import ENGINES, Setup
    from ..store import open_store

    path = database_path(db, config_path)
    with open_store(path) as store:
        frames = store.frames
        others = store.counts()["other_language"]
    options = classifier_options(config_path, model, device, frames=frames)
    classifier = load_classifier(**options)
    setup = Setup(options, workers, address)

    def spread(batches: Sequence[Sequence[Text]]) -> Generator[list[tuple[Text, Framing]]]:
        if engine == "local" and not workers and sum(map(len, batches)) < MANY_TEXTS:
            return (pipeline.label_texts(classifier, batch) for batch in batches)
        return ENGINES[engine](setup, pipeline.label_texts, batches)

    with progress_bars() as progress:
        labelled, relevant = pipeline.relabel(path, classifier, progress, activate=activate, spread=spread)
    unread = f"; {others} in other languages stay unlabelled" if others else ""
    click.echo(f"{labelled} texts labelled by {classifier.info.model_id}, {relevant} on topic{unread}")


def _classify_folder(
    config_path: Path,
    source: Path,
    target: Path,
    options: dict[str, Any],
    engine: str,
    workers: int | None,
    address: str | None,
) -> None:
    from ..engines import Setup
    from ..labelling import label

    config = load_config(config_path)
    setup = Setup(options, workers, address)
    with progress_bars() as progress:
        account = label(source, target, config.query.text, config.topic.language, setup, engine, progress)
    click.echo(
        f"{account.rows} articles labelled by {account.model_id}: {account.passed} with the keywords, "
        f"{account.on_topic} on topic; {account.files} files, {account.parts} parts, {account.before} of them before"
    )
    for problem in account.problems.values():
        logs.notes.error("left out: %s", problem, extra={"event": "file_left_out"})
    if account.problems:
        click.echo(f"{len(account.problems)} files were left out; repair or remove them and run again")
        raise SystemExit(ExitCode.SOME_FEEDS_FAILED)


@click.command()
@common
@click.option("--from", "source", type=_FOLDER, required=True, help="A folder that `classify --to` has labelled.")
def aggregate(config_path: Path, db: Path | None, source: Path) -> None:
    """Count a folder of labelled Parquet files into a database, for reports and notebooks. Needs the extra lake.

    The counts by day and period are those that a database makes of its own articles; the articles stay in the folder
    and are read there. The database holds no articles of its own: name a new one with --db. Run again to count anew.
    """
    from .. import pipeline

    config = load_config(config_path)
    path = db if db is not None else config.database
    counted, undated = pipeline.count_lake(source, path, config)
    left_out = f"; {undated} without a date that can be true are in no count" if undated else ""
    click.echo(f"{counted.rows} articles counted into {path}{left_out}")


@click.command()
@common
@click.argument("first", required=False)
@click.argument("second", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def compare(config_path: Path, db: Path | None, first: str | None, second: str | None, as_json: bool) -> None:
    """Where two models differ on the stored texts, and what that does to the trend.

    FIRST and SECOND are model ids (or their beginnings); by default the last two that labelled here.
    """
    from ..compare import compare as comparison_of
    from ..store import open_store

    path = database_path(db, config_path)
    with open_store(path) as store:
        known = list(store.models()["model_id"])
        if len(known) < 2:  # a comparison takes two
            raise InputError("holds labels of one model only; `media-coverage classify --model …` first", path=path)
        pair = [_model_named(name, known, path) if name else known[i] for name, i in ((first, -2), (second, -1))]
        found = comparison_of(store.labels_of_two(*pair), store.frames)
    if as_json:
        tables = {name: json.loads(getattr(found, name).to_json(orient="records")) for name in ("differing", "trend")}
        table = json.loads(found.table.to_json(orient="index"))
        print_json({"models": pair, "texts": found.texts, "agreement": found.agreement, "table": table, **tables})
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


@click.command()
@common
@click.argument("what", metavar="TEXT|URL|ID")
@model_options
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def explain(
    config_path: Path, db: Path | None, what: str, model: str | None, device: str | None, as_json: bool
) -> None:
    """Show which words carry the label of an article in the database, or of any text.

    WHAT is an article's number or address, or a headline in quotes (no database needed).
    """
    from ..explain import explain as explanation_of
    from ..language import language_of, unreadable
    from ..prose import plain

    text, frames = _stored_text(what, config_path, db)
    classifier = configured_classifier(config_path, model, device, frames=frames)
    found = explanation_of(classifier, text)
    language, _ = language_of(plain(text.title), plain(text.summary), None)
    warning = unreadable(language, classifier.info.language)
    if as_json:
        framing = _framing(found.framing, frames)
        about = {"model": classifier.info.model_id, "language": language, "other_language": warning is not None}
        print_json({**about, **asdict(found), "framing": framing})
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
    from ..records import Text
    from ..store import open_store

    if not what.isdigit() and not what.startswith(("http://", "https://")):
        return Text(what), configured_frames(config_path)
    database = database_path(db, config_path)
    with open_store(database) as store:
        row, frames = store.article(what), store.frames
    if row is None:
        raise InputError(f"holds no article {what}", path=database)
    if row.get("purged_at"):
        raise InputError(f"has had the text of article {what} removed (`media-coverage prune`)", path=database)
    return Text(row["title"], row["summary"]), frames


def _print_explanation(found: Explanation, model: ModelInfo) -> None:
    from rich.text import Text as RichText

    console = open_console()
    framing = found.framing
    relevant, *both = (f"{name} {p:.2f}" for name, p in _probabilities(framing, model.frames).items())
    own = [] if framing.p_own is None else [f"p_own {framing.p_own:.2f}"]
    console.print(
        f"{framing.label} (leaning {framing.leaning}{', uncertain' if framing.uncertain else ''}): "
        f"{', '.join([*both, relevant, *own])}"
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


@click.command()
@common
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
    cert (1 sure, 2 leaning, 3 coin-flip), voice (outlet, quoted, both), outlet, date. The frames are those of the
    configuration. Several coders of one item: the majority counts. Codes made for an audit are never learned from. At
    least 40 items, and 10 of each code. The folder gets MODEL_CARD.md with cross-validated figures and their intervals.
    """
    from ..finetune import Recipe, epochs_for, open_base, require_extra, texts_of
    from ..train import Identity, Setup, read_sources
    from ..train import train as train_model

    require_extra(device)
    config = load_config(config_path) if config_path.exists() else None
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
    with progress_bars() as progress, open_base(texts_of(coding.items, recipe), base_folder) as base:
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
