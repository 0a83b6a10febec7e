"""Commands for coding by people: sample, samples, code, adjudicate, agreement, codes."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import logs
from ..errors import InputError
from .options import F, common, database_path, day, days, load_config
from .terminal import open_console, print_json, print_table

if TYPE_CHECKING:
    from ..agreement import Agreement, Alpha
    from ..codebook import Codebook
    from ..coding import Answers, Task
    from ..framing import Frames
    from ..records import Text
    from ..store import Store


@click.command()
@common
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
    callback=days,
    metavar="DATE",
    help="Day at which a phase begins; may be repeated; none for no phases [default: the events of feeds.yaml].",
)
@click.option("--since", callback=day, help="First day, YYYY-MM-DD.")
@click.option("--until", callback=day, help="Last day, YYYY-MM-DD.")
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
    from .. import pipeline
    from ..classify import learned_by
    from ..sample import Design

    database = database_path(db, config_path)
    model = str(load_config(config_path).classifier_options()["model"]) if config_path.exists() else "embedded"
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
        print_json(drawn)
        return
    strata = [row | {"inclusion": f"{row['inclusion']:.3f}"} for row in drawn["strata"]]
    print_table(("stratum", "texts", "drawn", "inclusion"), strata)
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
    from ..prose import clean

    name = clean(text)
    if not name or len(name) > 60:
        raise click.UsageError(f"{option} must be a name of 1 to 60 characters, not {text!r}")
    return name


@click.command()
@common
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def samples(config_path: Path, db: Path | None, as_json: bool) -> None:
    """The samples drawn so far, and how far their coding is."""
    from ..store import open_store

    with open_store(database_path(db, config_path)) as store:
        rows = json.loads(store.samples().to_json(orient="records", date_format="iso", date_unit="s"))
    if as_json:
        print_json(rows)
        return
    columns = ("sample", "purpose", "drawn_at", "seed", "texts", "frame_size", "coders", "coded", "adjudicated")
    print_table(columns, [row | {"drawn_at": row["drawn_at"][:10]} for row in rows])


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
    from ..coding import shown

    items = store.sample_items(name).to_dict("records")
    return {int(row["version_id"]): shown(row["title"], row["summary"], row["outlet"]) for row in items}


def _codebook(config_path: Path, frames: Frames, topic: str) -> Codebook:
    from .. import codebook

    return codebook.load(load_config(config_path).codebook if config_path.exists() else None, frames, topic)


def _coding_options(function: F) -> F:
    """The options of the commands that have a coding screen."""
    for option in (
        click.option("--web", is_flag=True, help="One page in a browser on this machine, with the same keys."),
        click.option("--plain", is_flag=True, help="Line by line, for screen readers and pipes."),
        click.option("--coder", required=True, metavar="NAME", help="Who codes."),
        click.option("--sample", "name", metavar="NAME", help="Which sample [default: the one drawn last]."),
    ):
        function = option(function)
    return function


@click.command()
@common
@_coding_options
def code(config_path: Path, db: Path | None, name: str | None, coder: str, plain: bool, web: bool) -> None:
    """Code a sample in the terminal, blind: headline and lead, and no outlet, date, label or other coder's code.

    One question at a time: about the topic, each frame, whose voice, how sure. b goes back, s skips, g sets the genre,
    t takes a note, ? shows the codebook, q ends. Each code is stored when its last question is answered; the same
    command goes on from there, in an order that belongs to the coder.
    """
    from ..coding import Task, answers_of, order
    from ..store import open_store

    database, coder = database_path(db, config_path), _clean_name(coder, "--coder")
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
        _sit(store, config_path, about, coder, tasks, coded, kind="individual", way=_way(plain=plain, web=web))


@click.command()
@common
@_coding_options
def adjudicate(config_path: Path, db: Path | None, name: str | None, coder: str, plain: bool, web: bool) -> None:
    """Settle what coders disagree about: their codes are shown without their names, and yours counts.

    Shown are the texts of a sample about whose relevance or frames two coders differ. All codes stay.
    """
    from ..coding import Task, answers_of, disagreements, order
    from ..store import open_store

    database, coder = database_path(db, config_path), _clean_name(coder, "--coder")
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
        _sit(store, config_path, about, coder, tasks, settled, kind="adjudicated", way=_way(plain=plain, web=web))


def _way(*, plain: bool, web: bool) -> str:
    """full, plain or web. Raises UsageError for two at once."""
    if plain and web:
        raise click.UsageError("--plain and --web are two ways; leave one out")
    return "web" if web else "plain" if plain else "full"


def _sit(
    store: Store,
    config_path: Path,
    about: dict[str, Any],
    coder: str,
    tasks: list[Task],
    coded: dict[int, Answers],
    *,
    kind: str,
    way: str,
) -> None:
    """One sitting, by one of the ways of `_way`."""
    import os

    from .. import screen
    from ..coding import Sitting, code_of

    if way == "full" and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError(
            "the coding screen needs a terminal; --plain works line by line without one, --web in a browser"
        )
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
        if way == "web":
            from .. import webscreen

            click.echo("Open this address in a browser on this machine; q there or Ctrl-C here ends.")
            webscreen.serve(sitting, subject, save, click.echo)
        elif way == "plain":
            screen.plain(sitting, subject, _asked, click.echo, save)
        else:
            with screen.typed(sys.stdin.fileno()) as fetch:
                screen.full(sitting, subject, open_console(), fetch, save)
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


@click.command()
@common
@click.option("--sample", "name", metavar="NAME", help="Codes given in this sample only [default: all codes].")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def agreement(config_path: Path, db: Path | None, name: str | None, as_json: bool) -> None:
    """Do coders agree? Krippendorff's alpha with a bootstrap interval, per variable, per code, per pair of coders.

    The newest code of each coder and text counts; adjudicated codes do not. Customary limits: from .80 on firm
    conclusions, from .667 on tentative ones, below that no series of these codes should be published.
    """
    from ..agreement import agreement as agreement_of
    from ..coding import variables
    from ..store import open_store

    with open_store(database_path(db, config_path)) as store:
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
        print_json(
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
    print_table(("variable", "texts", "agree", "alpha"), listed)
    for name, one in found.items():
        click.echo(f"{name}: {one.alpha.verdict}")
    label = found["label"]
    click.echo("\nEach label: its share of all codes, and how often a second coder agrees with it")
    by_class = [
        {"code": one.name, "used": share(one.frequency), "agree": share(one.positive), "alpha": words(one.alpha)}
        for one in label.by_class
    ]
    print_table(("code", "used", "agree", "alpha"), by_class)
    for pair in label.pairs:
        figures = f"{pair.units} texts, agree {share(pair.agreement)}, alpha {words(pair.alpha)}"
        click.echo(f"\n{pair.first} (rows) and {pair.second}: {figures}")
        table = [
            {"": name, **dict(zip(label.classes, counts, strict=True))}
            for name, counts in zip(label.classes, pair.table, strict=True)
        ]
        print_table(("", *label.classes), table)


@click.group()
def codes() -> None:
    """Codes of people as files, for spreadsheets and other programs."""


@codes.command("export")
@common
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
    from ..interchange import WRITERS, blank_row, row_of
    from ..store import open_store

    with open_store(database_path(db, config_path)) as store:
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
@common
@click.argument("file", metavar="FILE")
@click.option("--coder", metavar="NAME", help="Whose codes they are, where a row does not say.")
@click.option("--sample", "name", metavar="NAME", help="The sample they belong to, where a row does not say.")
def codes_import(config_path: Path, db: Path | None, file: str, coder: str | None, name: str | None) -> None:
    """Store the codes of FILE: CSV (.csv), tasks of Label Studio (.json), or JSON Lines. All of them or none.

    Rows without an answer are left out. Each row that cannot be used is named with its line and what is wrong.
    """
    from ..interchange import Defaults, read
    from ..lock import locked
    from ..store import open_store

    database = database_path(db, config_path)
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
    from ..coded import json_lines, table_rows
    from ..interchange import rows_of_tasks

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
