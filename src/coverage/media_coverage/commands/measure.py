"""Commands that measure: trend, events, attention, drift, multiverse."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import InputError
from .options import F, common, database_path, day, load_config
from .terminal import open_console, print_json, print_table

if TYPE_CHECKING:
    import pandas as pd

    from ..store import Store

_ESTIMATORS = ("wilson", "jeffreys", "bootstrap", "rogan-gladen", "rectified")
_SCOPES = ("all", "group", "outlet", "country", "genre")
_PERIODS = ("day", "week", "month")


def _measurement_options(function: F) -> F:
    """The options of every command that estimates shares from the database."""
    for option in (
        click.option("--until", callback=day, help="Last day, YYYY-MM-DD."),
        click.option("--since", callback=day, help="First day, YYYY-MM-DD."),
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
    ):
        function = option(function)
    return function


def _output_options(function: F) -> F:
    """Where a frame goes, and as what."""
    for option in (
        click.option(
            "--out",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="Where csv, json or parquet goes [default: standard output; parquet needs a file].",
        ),
        click.option(
            "--format",
            "form",
            type=click.Choice(["table", "csv", "json", "parquet"]),
            default="table",
            show_default=True,
        ),
    ):
        function = option(function)
    return function


def _check_output(form: str, out: Path | None) -> None:
    if form == "parquet" and out is None:
        raise click.UsageError("--format parquet needs a file: add --out FILE")
    if form == "table" and out is not None:
        raise click.UsageError("--out takes csv, json or parquet: add --format")


def _put(frame: pd.DataFrame, form: str, out: Path | None, about: dict[str, str]) -> None:
    """A frame in a format that programs read, to a file or to standard output. Raises InputError."""
    if form == "parquet" and out is not None:
        from .. import parquet

        parquet.write(frame, out, about)
    else:
        rows = json.loads(frame.to_json(orient="records"))
        text = (
            frame.to_csv(index=False, lineterminator="\n")
            if form == "csv"
            else json.dumps(rows, ensure_ascii=False, indent=2) + "\n"
        )
        if out is None:
            click.echo(text, nl=False)
            return
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", path=out) from error
    click.echo(f"{len(frame)} rows: {out}", err=True)


def _about(columns: dict[str, str], path: Path) -> dict[str, str]:
    """What goes with a Parquet file: where the rows are from, and what each column holds."""
    return {"database": path.name, "columns": json.dumps(columns, ensure_ascii=False)}


@click.command()
@common
@_measurement_options
@click.option(
    "--by",
    type=click.Choice([*_SCOPES, "voice"]),
    default="all",
    show_default=True,
    help="One line for each. voice: who speaks a frame, the outlet or those whom it quotes.",
)
@click.option("--period", type=click.Choice(_PERIODS), default="week", show_default=True, help="Weeks from Monday.")
@click.option("--composition", type=click.Choice(["items", "outlets", "panel"]), help="One mix [default: all three].")
@click.option(
    "--estimand",
    type=click.Choice(["tendency", "collected"]),
    default="tendency",
    show_default=True,
    help="With --sample: what the press would show on average, or the share in the collected set.",
)
@click.option("--measure", multiple=True, help="share_LABEL or index; may be repeated [default: both frames, index].")
@click.option("--smooth", is_flag=True, help="Add the smoother's columns to csv, json and parquet.")
@_output_options
def trend(
    config_path: Path,
    db: Path | None,
    by: str,
    period: str,
    estimator: str | None,
    sample: str | None,
    composition: str | None,
    counting: str,
    estimand: str,
    measure: tuple[str, ...],
    since: str | None,
    until: str | None,
    smooth: bool,
    form: str,
    out: Path | None,
) -> None:
    """Shares over time with 95 % intervals, under three mixes of outlets; gaps of the collection stay gaps.

    Periods with fewer than 15 items are put together with their neighbours, never across an event. Without --sample the
    intervals leave out what the classifier gets wrong. --by voice counts what outlets say in their own words apart from
    what they report others saying: as the model hears it, or with --sample as people coded it.
    """
    from ..estimate import Estimand
    from ..store import open_store
    from ..trend import COLUMNS, ErrorRates, measures_of
    from ..trend import trend as trend_of
    from ..voices import voices

    _check_output(form, out)
    if by == "voice" and (estimator or composition or smooth or estimand != "tendency"):
        raise click.UsageError("--by voice counts texts as they are: leave out --estimator, --composition and the like")
    if estimand == "collected" and sample is None:
        raise click.UsageError("--estimand collected needs an audit that corrects the labels: add --sample")
    with open_store(database_path(db, config_path)) as store:
        try:
            measures_of(store.frames, measure)
        except ValueError as error:
            raise click.UsageError(f"--measure: {error}") from None
        wanted = measure or (*(f"share_{name}" for name in store.frames.names), "index")
        what: dict[str, Any] = {"period": period, "sample": sample, "since": since or "", "until": until or "9999"}
        if by == "voice":
            frame = voices(store, measure=wanted, **what)
        else:
            frame = trend_of(
                store,
                by=by,
                estimator=estimator,
                composition=composition,
                counting=counting,
                measure=wanted,
                estimand=Estimand.COLLECTED if estimand == "collected" else Estimand.TENDENCY,
                smooth=smooth,
                rates={name: ErrorRates(*pair) for name, pair in _rates_for(store, config_path).items()},
                **what,
            )
        items = "stories" if by == "voice" and sample else counting
        titles = {f"share_{kind.name}": f"{kind.title}: share of on-topic {items}" for kind in store.frames.both}
        path = store.path
    if form == "table":
        _print_trend(frame, titles | {"index": "Net framing index"}, period)
    else:
        _put(frame, form, out, _about(COLUMNS, path))


def _rates_for(store: Store, config_path: Path) -> dict[str, Any]:
    """Error rates of the model card, where it is the card of the model that is shown."""
    named, rates = _card_rates(config_path)
    models = store.models()
    active = models["model_id"][models["active"] == 1]
    return rates if len(active) and named and str(active.iloc[0]).startswith(f"{named}+") else {}


def _card_rates(config_path: Path) -> tuple[str, dict[str, Any]]:
    from ..classify import error_rates

    return error_rates(
        str(load_config(config_path).classifier_options()["model"]) if config_path.exists() else "embedded"
    )


def _cell(row: dict[str, Any], index: bool) -> str:
    """A value with its interval, or a dash."""
    if row["value"] != row["value"]:  # missing
        return "–"
    value, low, high = (row[name] for name in ("value", "low", "high"))
    if index:
        # Without the noughts three columns fit into 100 characters.
        return f"{value:+z.2f} [{low:+z.2f} to {high:+z.2f}]".replace("-", "−").replace("0.", ".")
    return f"{100 * value:.0f} % [{100 * low:.0f}–{100 * high:.0f}]"


def _interval(value: float, low: float, high: float) -> str:
    return f"{value:+.1f} [{low:+.1f} to {high:+.1f}]".replace("-", "−")


def _print_trend(frame: pd.DataFrame, titles: dict[str, str], period: str) -> None:
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text as RichText

    from ..estimate import Estimand

    console = open_console()
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
    how = " and ".join(dict.fromkeys(frame["method"]))
    first = frame.iloc[0]
    notes = [
        f"95 % intervals, {how}, {first['counting']}; {first['correction']}.",
        f"Estimated is {Estimand(first['estimand']).words}.",
    ]
    if frame["sensitivity_low"].notna().any():
        notes.append("card's errors: the shares that the error rates of the model card allow for; no interval.")
    if (frame["periods"] > 1).any():
        notes.append("×k: k periods together, because one alone has fewer than 15 items.")
    reasons = dict.fromkeys(reason for reason in frame["reason"] if reason and reason != "not collected")
    said = list(dict.fromkeys(text for text in frame["warnings"] if text))
    for line in [*notes, *(f"–: {reason}." for reason in list(reasons)[:4]), *said[:4]]:
        console.print(RichText(line, style="dim"))


@click.command()
@common
@_measurement_options
@click.option("--by", type=click.Choice(_SCOPES), default="all", show_default=True, help="One effect for each.")
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
    from ..estimate import Estimand
    from ..store import open_store
    from ..trend import effects

    with open_store(database_path(db, config_path)) as store:
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
        print_json(
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
    click.echo(f"Shares: {found[0].correction}. Compared is {Estimand(found[0].estimand).words}.")


@click.command()
@common
@click.option("--by", type=click.Choice(_SCOPES), default="all", show_default=True, help="One line for each.")
@click.option("--period", type=click.Choice(_PERIODS), default="week", show_default=True, help="Weeks from Monday.")
@click.option("--since", callback=day, help="First day, YYYY-MM-DD.")
@click.option("--until", callback=day, help="Last day, YYYY-MM-DD.")
@_output_options
def attention(
    config_path: Path,
    db: Path | None,
    by: str,
    period: str,
    since: str | None,
    until: str | None,
    form: str,
    out: Path | None,
) -> None:
    """How much of what outlets publish is about the topic, with 95 % intervals; gaps stay gaps.

    The share among all articles of outlets' own feeds. What only search feeds found counts on neither side.
    """
    from ..attention import COLUMNS
    from ..attention import attention as attention_of
    from ..store import open_store

    _check_output(form, out)
    with open_store(database_path(db, config_path)) as store:
        frame = attention_of(store, by=by, period=period, since=since or "", until=until or "9999")
        path = store.path
    if form != "table":
        _put(frame, form, out, _about(COLUMNS, path))
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
    print_table((*(() if by == "all" else ("name",)), period, "articles", "on topic", "share"), rows)
    how = " and ".join(dict.fromkeys(frame["method"]))
    click.echo(f"95 % intervals, {how}; the share of all articles that outlets' own feeds listed.")
    click.echo("Estimated is a tendency: what these outlets would list on average if the period were run again.")


@click.command()
@common
@click.option("--since", callback=day, help="First day, YYYY-MM-DD.")
@click.option("--until", callback=day, help="Last day, YYYY-MM-DD.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def drift(config_path: Path, db: Path | None, since: str | None, until: str | None, as_json: bool) -> None:
    """Do the classifier's probabilities still look as in the weeks before?

    Each week against the eight before it, by the Kolmogorov-Smirnov distance and a permutation test. Drift says that it
    is time to look, not what is wrong.
    """
    from ..drift import drift as drift_of
    from ..drift import sentences
    from ..store import open_store

    with open_store(database_path(db, config_path)) as store:
        rows = drift_of(store.labelled(since or "", until or "9999"), store.frames)
    if as_json:
        print_json({"weeks": json.loads(rows.to_json(orient="records")), "sentences": sentences(rows)})
        return
    if len(rows):
        told = [row | {"drift": "drift" if row["drift"] else ""} for row in rows.to_dict("records")]
        for row in told:
            row |= {name: f"{row[name]:.2f}" if row[name] == row[name] else "–" for name in ("mean", "distance")}
            row["p"] = f"{row['p']:.3f}" if row["p"] == row["p"] else "–"
        columns = ("first_day", "output", "n", "reference_n", "mean", "distance", "p", "drift")
        print_table(columns, [{str(key): value for key, value in row.items()} for row in told])
    for line in sentences(rows):
        click.echo(line)


@click.command()
@common
@click.option("--measure", metavar="NAME", help="share_LABEL or index [default: the share of the first frame].")
@click.option("--event", metavar="NAME|DATE", help="Of feeds.yaml [default: the one with most data around it].")
@click.option("--period", type=click.Choice(["day", "week"]), default="week", show_default=True)
@click.option("--sample", metavar="NAME", help="Audit sample: adds corrected shares.")
@click.option("--since", callback=day, help="First day, YYYY-MM-DD.")
@click.option("--until", callback=day, help="Last day, YYYY-MM-DD.")
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
    from ..estimate import Estimand
    from ..multiverse import multiverse as multiverse_of
    from ..store import open_store

    with open_store(database_path(db, config_path)) as store:
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
        print_json(about | {"specifications": rows})
        return
    if form == "html":
        from .. import report as reporting

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
    print_table(("model", "thresholds", "method", "composition", "counting", "points", "p"), shown)
    click.echo(found.sentence)
    click.echo(f"Compared is {Estimand.TENDENCY.words}.")
