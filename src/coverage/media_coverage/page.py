"""A report as one self-contained HTML page. Pure, and the only user of Jinja2.

Feed text is hostile: the template escapes everything, links are made only of http(s) addresses, and the policy of the
page forbids every request and every script but the one whose hash it names. Without script the page is whole: the
script sorts and filters the table of articles, and makes a point of a chart filter it.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd

from . import __version__, charts, estimate, shares
from .aggregate import OWN, QUOTED, UNKNOWN, calendar, first_days, gaps
from .alerts import alert_lines
from .composition import Composition
from .framing import MIXED, NEITHER
from .health import Word
from .material import alerts_of, by_period, counts_by, line, news_of, totals
from .news import span_words
from .words import collection_notes, collection_words, headline, index_words, rows_of, safe_url, share_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jinja2 import Environment
    from markupsafe import Markup

    from .framing import Frames
    from .material import Material
    from .multiverse import Multiverse
    from .selection import Shown

MAX_BARS = 40
"""Outlets in the picture of bars: those with most articles. The table has all."""

ON_FEEDS = ("standstill", "silent", "failing")
"""Alerts whose sentences stand in the box on the collection; the box of alerts only counts them."""

MIN_POINTS = 2
"""With fewer points a name has no line."""


VOICE_TITLES = {OWN: "Outlets say", QUOTED: "Outlets report others saying"}


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _source(environment: Environment, name: str) -> Markup:
    """A file of ours as it is, for the style and the script."""
    from markupsafe import Markup

    assert environment.loader is not None  # noqa: S101 - set above
    return Markup(environment.loader.get_source(environment, name)[0])  # noqa: S704 - our own file, no data in it


def policy(script: str) -> str:
    """The content policy of a page with this script and no other: nothing may be requested."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


# ---------------------------------------------------------------------- parts


def _table(
    counts: pd.DataFrame,
    frames: Frames,
    link: Callable[[dict[str, Any]], str],
    collected: Callable[[dict[str, Any]], str] | None = None,
) -> list[dict[str, Any]]:
    """Rows for the template: name, anchor (None where no article is behind it), counts and shares in words."""
    name = counts.columns[0]
    return [
        {
            "name": row[name],
            "more": int(row.get("periods", 1)),
            "href": link(row) if row["articles"] else None,
            "collection": collected(row) if collected else None,
            "articles": int(row["articles"]),
            "stories": int(row["stories"]),
            "cells": [(int(row[label]), share_words(row, label)) for label in frames.labels],
            "index": index_words(row).split(" ", 1),
            "index_more": int(row["index_periods"]) if row.get("index_periods", 1) > 1 else 1,
            "index_n": int(row["index_n"]),
        }
        for row in rows_of(counts)
    ]


def marked(text: str, deciding: Iterable[str]) -> list[tuple[str, bool]]:
    """The text in parts, those among `deciding` flagged where they stand first, in their order."""
    parts, at = [], 0
    for words in deciding:
        found = text.find(words, at) if words else -1
        if found >= 0:
            parts += [(text[at:found], False), (words, True)]
            at = found + len(words)
    parts.append((text[at:], False))
    return [(part, flag) for part, flag in parts if part]


def _article(
    row: dict[str, Any], frames: Frames, deciding: tuple[str, ...] | None = None, key: str = "outlet_group"
) -> dict[str, Any]:
    title, summary, evidence = (str(row[name] or "") for name in ("title", "summary", "evidence"))
    told = marked(title, (evidence,) if deciding is None else deciding)
    in_title = any(flag for _, flag in told)
    return {
        "id": int(row["article_id"]),
        "date": row["date"],
        "outlet": row["outlet"],
        "group": row[key] or UNKNOWN,
        "url": safe_url(row["url"]),
        "title": told or [("(no headline)" if not row.get("purged_at") else "(text removed)", False)],
        "summary": marked(summary, () if in_title else (evidence,)),
        "label": row["label"],
        "uncertain": bool(row["uncertain"]),
        "p": [float(row[f"p_{frame.output}"]) for frame in frames.both],
        "edited": (row["versions"] or 1) > 1,
        "agency": row["agency"] if row["wire_copy"] else None,
    }


def _spans(points: pd.DataFrame) -> dict[str, list[tuple[str, str]]]:
    """For each first day the (anchor's end, last day) of points that stand for several periods."""
    found: dict[str, list[tuple[str, str]]] = {}
    for first, last in points[points["periods"] > 1][["first_day", "last_day"]].drop_duplicates().to_numpy():
        found.setdefault(str(first), []).append((f"{first}-{last}", str(last)))
    return found


@functools.lru_cache(maxsize=4096)
def _period(period: str, first: str) -> tuple[str, str]:
    """The last day of a period, and what the period is called at the beginning of a line."""
    last = str(calendar(period, first, first)["last_day"].iloc[0])
    words = span_words(date.fromisoformat(first), date.fromisoformat(last))
    return last, words[:1].upper() + words[1:]


def _placed(frame: pd.DataFrame, material: Material) -> pd.DataFrame:
    return frame.assign(
        place=first_days(frame["date"], material.period), country=frame["country"].fillna(UNKNOWN).astype(object)
    )


def _weeks(material: Material, key: str) -> list[dict[str, Any]]:
    """The articles by period, newest first, with how many there are and the anchors of the points."""
    counts = _placed(material.on_topic, material).groupby("place").size()
    also, listed = _spans(material.points), defaultdict(list)
    for row in rows_of(_placed(material.articles, material)):
        listed[row["place"]].append(_article(row, material.frames, key=key))
    weeks = []
    for first, n in counts.sort_index(ascending=False).items():
        last, words = _period(material.period, str(first))
        found = {"first": first, "last": last, "words": words, "also": also.get(str(first), [])}
        weeks.append(found | {"n": int(n), "articles": listed[first]})
    return weeks


def _lists(material: Material, kind: str, key: str) -> list[dict[str, Any]]:
    """For each outlet, group or country: its articles by period, as links to where they are told in full."""
    points = points_by(material, kind)
    charted = set(points["name"])
    everything = _placed(material.on_topic, material)
    total, cells = (everything.groupby(keys).size().to_dict() for keys in (key, [key, "place"]))
    listed: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows_of(_placed(material.articles, material)):
        told = {name: row[name] for name in ("date", "label", "outlet")}
        told |= {"id": int(row["article_id"]), "title": row["title"] or "(no headline)"}
        listed[row[key]][row["place"]].append(told)
    found = []
    for name, periods in sorted(listed.items()):
        also = _spans(points[points["name"] == name]) if name in charted else {}
        parts: list[dict[str, Any]] = []
        for first, articles in periods.items():
            last, words = _period(material.period, first)
            part = {"first": first, "last": last, "words": words, "also": also.get(first, [])}
            parts.append(part | {"n": cells[name, first], "articles": articles})
        found.append(
            {
                "id": f"{kind}-{charts.anchor(str(name))}",
                "name": name,
                "n": total[name],
                "listed": sum(len(part["articles"]) for part in parts),
                "charted": name in charted,
                "periods": parts,
            }
        )
    return found


def _copied(material: Material) -> list[dict[str, Any]]:
    """Stories carried by several outlets, most copied first."""
    found = []
    for _, rows in material.copied.groupby("story_id"):
        first = rows.iloc[0]
        agencies = [agency for agency in rows["agency"] if isinstance(agency, str)]
        found.append(
            {
                "title": first["title"] or "(no headline)",
                "url": safe_url(first["url"]),
                "date": first["date"],
                "outlets": sorted(rows["outlet"].unique()),
                "agency": agencies[0] if agencies else None,
                "label": first["label"],
            }
        )
    return sorted(found, key=lambda story: (-len(story["outlets"]), story["date"]))


def _clearest(material: Material) -> list[list[dict[str, Any]]]:
    """For each frame the headlines that show it most clearly, with the deciding words where they are known."""
    rows = {int(row["article_id"]): row for row in rows_of(material.articles)}
    kept = [rows[number] for number in material.clearest if number in rows]
    return [
        [
            _article(row, material.frames, material.deciding.get(int(row["article_id"])))
            for row in kept
            if row["label"] == frame.name
        ]
        for frame in material.frames.both
    ]


# ---------------------------------------------------------------------- charts


def _trend_charts(material: Material, days: int, uncollected: pd.DataFrame) -> list[dict[str, Any]]:
    """The trend in each mix of outlets that has any point."""
    found = []
    for composition in Composition:
        points = line(material.points, composition)
        first, second = (f"share_{name}" for name in material.frames.names)
        if len(points) and points[[first, second]].notna().any(axis=None):
            drawn = charts.trend(points, material.events, material.frames, uncollected, days)
            found.append({"name": str(composition), "svg": charts.svg(drawn)})
    return found


def _span(material: Material) -> tuple[pd.Timestamp, pd.Timestamp]:
    days = calendar(material.period, material.on_topic["date"].min(), material.on_topic["date"].max())
    return pd.Timestamp(days["first_day"].iloc[0]), pd.Timestamp(days["last_day"].iloc[-1]) + pd.Timedelta(days=1)


def points_by(material: Material, by: str) -> pd.DataFrame:
    """The shares of single groups, outlets or countries."""
    if by != "country":
        return material.group_points if by == "group" else material.outlet_points
    return shares.estimated(
        material.daily,
        material.outlet_days,
        material.frames,
        by=by,
        period=material.period,
        events=material.events["date"],
        compositions=(Composition.ITEMS,),
        wanted=[f"share_{name}" for name in material.frames.names],
    )


def small_charts(material: Material, by: str) -> tuple[bool, list[tuple[str, Any]]]:
    """A small chart for each group, or for the outlets with most articles: (shares or else counts, name and chart).

    Shares where most names have a line; else the counts of all, which need no interval.
    """
    points = points_by(material, by)
    if points.empty:
        return False, []
    key = {"group": "outlet_group", "outlet": "outlet", "country": "country"}[by]
    names = material.charted if by == "outlet" else sorted(set(points["name"]))
    lines = {name: shares.wide(points[points["name"] == name]) for name in names}
    first = f"share_{material.frames.first.name}"
    with_line = [name for name in names if lines[name][first].notna().sum() >= MIN_POINTS]
    days, span = period_days(material), _span(material)
    empty = gaps(material.collection[:0])
    if 2 * len(with_line) > len(names):
        return True, [
            (name, charts.small(lines[name], material.frames, empty, span, _anchor(by, name), days))
            for name in with_line
        ]
    daily = material.daily.assign(
        place=first_days(material.daily["date"], material.period), country=material.daily["country"].fillna(UNKNOWN)
    )
    found = []
    for name in names:
        mine = daily[daily[key] == name]
        counts = mine.groupby("place")[["articles", *material.frames.labels]].sum().reset_index(names="date")
        counts = counts[counts["articles"] > 0]
        found.append((name, charts.small_counts(counts, material.frames, span, _anchor(by, name), days)))
    return False, found


def _voice_lines(material: Material) -> dict[str, pd.DataFrame]:
    """By title: what outlets say themselves, and what they report others saying; empty where nothing tells voices."""
    points = material.voice_points
    lines = {title: shares.wide(points[points["name"] == voice]) for voice, title in VOICE_TITLES.items()}
    return {title: line for title, line in lines.items() if len(line)}


def _voice_charts(material: Material, lines: dict[str, pd.DataFrame]) -> list[tuple[str, str, Any]]:
    """A small chart of each of `_voice_lines` that is one: title, anchor and picture."""
    first, empty = f"share_{material.frames.first.name}", gaps(material.collection[:0])
    return [
        (
            title,
            "#voices",
            charts.svg(charts.small(points, material.frames, empty, _span(material), "#week", period_days(material))),
        )
        for title, points in lines.items()
        if points[first].notna().sum() >= MIN_POINTS
    ]


def _anchor(by: str, name: str) -> str:
    return f"#{by}-{charts.anchor(name)}"


def period_days(material: Material) -> int:
    """The length of a period, about, for the charts."""
    return 7 if material.period == "week" else 30


# ---------------------------------------------------------------------- pages


def html(material: Material, by: str | None = None) -> str:
    """The report as one HTML page: whole without its script, and without any request to the network.

    Beside outlets it compares groups, or countries where `by` is country.
    """
    kind = "country" if by == "country" else "group"
    key = "country" if by == "country" else "outlet_group"
    frames = material.frames
    days, uncollected = period_days(material), gaps(material.collection)
    periods, groups, outlets = by_period(material), counts_by(material, kind), counts_by(material, "outlet")
    enough = outlets[outlets["articles"] >= estimate.MIN_ITEMS].sort_values("articles", ascending=False).head(MAX_BARS)
    drawn: dict[str, Any] = {"trends": [], "groups": (False, []), "outlets": (False, []), "bars": None, "index": None}
    drawn["voices"], voices = [], _voice_lines(material)
    with charts.unchecked():
        if len(material.on_topic):
            drawn["trends"] = _trend_charts(material, days, uncollected)
            daily = counts_by(material, "day")
            drawn["volume"] = charts.svg(charts.volume(daily, material.events, uncollected))
            index = line(material.points, Composition.ITEMS, index=True)
            if index["index"].notna().any():
                drawn["index"] = charts.svg(charts.index(index, material.events, uncollected, days))
            for part, name_of in (("groups", kind), ("outlets", "outlet")):
                lines, small = small_charts(material, name_of)
                drawn[part] = lines, [(name, _anchor(name_of, name), charts.svg(chart)) for name, chart in small]
            drawn["voices"] = _voice_charts(material, voices)
        if len(enough):
            drawn["bars"] = charts.svg(charts.diverging(enough, "outlet", frames, "#outlet-"))
    alerts = alerts_of(material)
    environment = _environment()
    script = _source(environment, "report.js")
    quiet = [verdict for verdict in material.health.not_fine if verdict.word is Word.QUIET]
    return environment.get_template("report.html.j2").render(
        policy=policy(str(script)),
        script=script,
        style=_source(environment, "report.css"),
        topic=material.topic,
        news=news_of(material),
        alerts=[(alert.kind, alert.sentence) for alert in alerts if alert.kind not in ON_FEEDS]
        + [("feeds", line) for line in alert_lines([one for one in alerts if one.kind in ON_FEEDS], few=0)],
        headline=headline(material),
        totals=totals(material),
        first_day=material.on_topic["date"].min() if len(material.on_topic) else "",
        last_day=material.on_topic["date"].max() if len(material.on_topic) else "",
        period=material.period,
        frames=frames.both,
        label_titles={**{frame.name: frame.title for frame in frames.both}, MIXED: "Mixed", NEITHER: "Neither"},
        label_classes=dict(zip(frames.labels, ("first", "second", MIXED, NEITHER), strict=True)),
        charts=drawn,
        bars=len(enough),
        periods=_table(
            periods,
            frames,
            lambda row: "#week-" + row["date"] + (f"-{row['last_day']}" if row["periods"] > 1 else ""),
            lambda row: collection_words(row, material.collected_from),
        ),
        groups=_table(groups, frames, lambda row: _anchor(kind, str(row[key]))),
        outlets=_table(outlets, frames, lambda row: _anchor("outlet", str(row["outlet"]))),
        voices={
            title: [{**row, "cells": [share_words(row, name) for name in frames.names]} for row in rows_of(points)]
            for title, points in voices.items()
        },
        weeks=_weeks(material, key),
        kind=kind,
        group_lists=_lists(material, kind, key),
        outlet_lists=_lists(material, "outlet", "outlet"),
        clearest=_clearest(material),
        explained=bool(material.deciding),
        copied=_copied(material),
        edits=rows_of(material.edited.assign(url=material.edited["url"].map(safe_url))),
        of_lake=material.of_lake,
        events=rows_of(material.events),
        health=material.health,
        loud=[verdict for verdict in material.health.not_fine if verdict.word is not Word.QUIET],
        quiet=quiet,
        collection_notes=collection_notes(material),
        last_run=material.runs.iloc[0].to_dict() if len(material.runs) else None,
        correction=material.correction,
        corrected=material.sample is not None,
        uncorrected=estimate.UNCORRECTED,
        min_items=estimate.MIN_ITEMS,
        method=material.points["method"].iloc[0] if len(material.points) else "",
        made_at=material.made_at.strftime("%Y-%m-%d %H:%M UTC"),
        model_id=material.model_id,
        codebook_version=material.codebook_version,
        database=material.database,
        version=__version__,
    )


def selection_part(shown: Shown, part: str) -> str:
    """One part of a dashboard as HTML: "trend", "composition" or "articles". Points link to their rows below."""
    frames, counts = shown.frames, shown.counts
    chart, rows = "", rows_of(counts)
    if part == "trend":
        days = {"day": 1, "week": 7}.get(shown.choice.period, 30)
        if shown.points[[f"share_{name}" for name in frames.names]].notna().any(axis=None):
            chart = charts.svg(charts.trend(shown.points, shown.events, frames, shown.gaps, days))
        rows = rows_of(shown.points.iloc[::-1])
    elif part == "composition" and counts[f"share_{frames.first.name}"].notna().any():
        chart = charts.svg(charts.shares(counts, "name", frames, "#name-"))
    return (
        _environment()
        .get_template("selection.html.j2")
        .render(
            part=part,
            shown=shown,
            chart=chart,
            rows=rows,
            titles={**{frame.name: frame.title for frame in frames.both}, MIXED: "Mixed", NEITHER: "Neither"},
            anchor=charts.anchor,
            rows_of=rows_of,
            safe_url=safe_url,
            uncorrected=estimate.UNCORRECTED,
            min_items=estimate.MIN_ITEMS,
        )
    )


def multiverse_page(found: Multiverse, database: str) -> str:
    """The specification curve and its table as one HTML page without scripts and without any request to the network."""
    rows = [row | {"change": _change_words(row)} for row in rows_of(found.rows)]
    drawn = charts.svg(charts.specifications(found.rows)) if found.rows["points"].notna().any() else ""
    template = _environment().get_template("multiverse.html.j2")
    return template.render(found=found, rows=rows, chart=drawn, database=database)


def _change_words(row: dict[str, Any]) -> str:
    if row["reason"]:
        return str(row["reason"])
    words = "{:+.1f} [{:+.1f} to {:+.1f}], p = {:.3f}"
    return words.format(*(row[name] for name in ("points", "low", "high", "p"))).replace("-", "−")
