"""Frames → a report: text for the terminal, one self-contained HTML page for the browser. Pure.

Feed text is hostile: the template escapes everything, and links are made only of http(s) addresses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pandas as pd

from . import charts, estimate
from .aggregate import AGGREGATES, mondays
from .framing import MIXED, NEITHER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from .framing import Frames
    from .store import Store

MAX_LISTED = 400
"""Articles listed per week; the page says when there are more and how to get them."""

MIN_COPIES = 3


@dataclass(frozen=True, slots=True)
class Material:
    """Everything a report is made of, taken from the store at one moment."""

    topic: str
    frames: Frames
    daily: pd.DataFrame
    articles: pd.DataFrame
    feeds: pd.DataFrame
    runs: pd.DataFrame
    events: pd.DataFrame
    edited: pd.DataFrame
    made_at: datetime
    model_id: str
    codebook_version: str
    database: str

    @classmethod
    def from_store(cls, store: Store, made_at: datetime, since: str, until: str) -> Material:
        """Read what a report on the days `since`..`until` (YYYY-MM-DD, both included) needs."""
        daily = store.daily_frames()
        runs = store.runs()
        articles = store.articles(since, until)
        edited = store.edited_headlines()
        newest = runs.iloc[0] if len(runs) else None
        return cls(
            topic=str(newest["topic"]) if newest is not None else "no run yet",
            frames=store.frames,
            daily=daily[(daily["date"] >= since) & (daily["date"] <= until)],
            articles=articles,
            feeds=store.feeds(),
            runs=runs,
            events=store.events(),
            edited=edited[edited["article_id"].isin(articles["article_id"])],
            made_at=made_at,
            model_id=str(newest["model_id"]) if newest is not None else "",
            codebook_version=str(articles["codebook_version"].iloc[0]) if len(articles) else "",
            database=store.path.name,
        )


_KEY_OF: dict[str, Callable[[pd.DataFrame], pd.Series[str]]] = {
    "day": lambda articles: articles["date"],
    "week": lambda articles: mondays(articles["date"]),
    "group": lambda articles: articles["outlet_group"],
    "outlet": lambda articles: articles["outlet"],
    "country": lambda articles: articles["country"].fillna("unknown"),
}
"""The key of an article in each aggregate."""


def counts_by(material: Material, by: str) -> pd.DataFrame:
    """Counts, shares and index with intervals per day, week, group, outlet or country; rows with articles only.

    `stories` counts the distinct stories among the articles of the row.
    """
    frame = AGGREGATES[by](material.daily)
    frame = frame[frame["articles"] > 0].reset_index(drop=True)
    distinct = material.articles.groupby(_KEY_OF[by](material.articles))["story_id"].nunique()
    frame["stories"] = frame.iloc[:, 0].map(distinct).fillna(0).astype("int64")
    return estimate.with_intervals(frame, material.frames)


def totals(material: Material) -> dict[str, int]:
    """Sums over everything shown."""
    names = ["all_articles", "articles", "new_stories", *material.frames.labels]
    return {name: int(material.daily[name].sum()) for name in names}


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


# ---------------------------------------------------------------------- words


def percent(value: float) -> str:
    """A share as a whole percentage."""
    return f"{100 * value:.0f} %"


def share_words(row: dict[str, Any], label: str) -> str:
    """ "33 % [19–51]" with its interval, or a dash where too few items make no percentage."""
    value = row[f"share_{label}"]
    if pd.isna(value):
        return "–"
    return f"{percent(value)} [{100 * row[f'share_{label}_low']:.0f}–{100 * row[f'share_{label}_high']:.0f}]"


def index_words(row: dict[str, Any]) -> str:
    """ "+0.25 [−0.10 to +0.55]", or a dash where too few framed items stand behind it."""
    if pd.isna(row["index"]):
        return "–"
    value, low, high = (f"{row[name]:+.2f}".replace("-", "−") for name in ("index", "index_low", "index_high"))
    return f"{value} [{low} to {high}]"


def headline(material: Material) -> str:
    """The whole period in one sentence."""
    total = totals(material)
    first, second = material.frames.both
    net = estimate.net_framing_index(total[first.name], total[second.name])
    if not total["articles"]:
        return "No on-topic article yet."
    counted = (
        f"{total['articles']:,} on-topic articles ({total['new_stories']:,} distinct stories): "
        f"{total[first.name]:,} {first.words}, {total[second.name]:,} {second.words}, "
        f"{total['mixed']:,} mixed, {total['neither']:,} neither."
    )
    if net is None or net.n < estimate.MIN_ITEMS:
        return counted + " Too few framed articles for a net framing index."
    words = index_words({"index": net.value, "index_low": net.low, "index_high": net.high})
    return f"{counted} Net framing index {words}, {estimate.UNCORRECTED}."


def safe_url(url: object) -> str | None:
    """The address when a browser may follow it: http(s) with a host; otherwise None."""
    if not isinstance(url, str):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.hostname else None


# ---------------------------------------------------------------------- terminal


def _bar(row: dict[str, Any], frames: Frames, width: int = 24) -> str:
    """The first frame from the left, the second from the right, in proportion to the on-topic articles."""
    first, second = (round(width * row[name] / row["articles"]) for name in frames.names)
    second = min(width - first, second)
    rest = width - first - second
    return f"[blue]{'█' * first}[/][bright_black]{'·' * rest}[/][red]{'█' * second}[/]"


def terminal(material: Material) -> Iterable[Any]:
    """Renderables for a rich console: the headline, the weekly trend, the state of the collection."""
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text as RichText

    yield RichText(f"{material.topic}\n", style="bold")
    yield RichText(headline(material) + "\n")
    weekly = counts_by(material, "week")
    if len(weekly):
        table = Table(title="Trend by week (Monday)", title_justify="left", header_style="bold")
        table.add_column("week")
        table.add_column("n", justify="right")
        table.add_column("stories", justify="right")
        for frame, colour in zip(material.frames.both, ("blue", "red"), strict=True):
            table.add_column(escape(frame.words), justify="right", style=colour)
        table.add_column("net framing index", justify="right")
        table.add_column("")
        for row in _rows(weekly):
            table.add_row(
                str(row["date"]),
                f"{row['articles']}",
                f"{row['stories']}",
                *(f"{row[name]}  {share_words(row, name):>12}" for name in material.frames.names),
                index_words(row),
                _bar(row, material.frames),
            )
        yield table
        yield RichText(f"[95 % intervals]; {estimate.UNCORRECTED}; – where n < {estimate.MIN_ITEMS}\n", style="dim")
    for line in health_lines(material.feeds):
        yield RichText(line)


def health_lines(feeds: pd.DataFrame) -> list[str]:
    """The state of the collection in plain lines, failures first."""
    if feeds.empty:
        return ["No feed has been fetched yet."]
    good = feeds["last_outcome"].isin(["ok", "damaged", "not_modified", "unchanged"])
    lines = [f"{int(good.sum())} of {len(feeds)} feeds answered well at the last attempt."]
    for row in _rows(feeds[~good]):
        if row["last_outcome"]:
            lines.append(f"{row['outlet']}: {row['last_outcome']}: {row['last_error']} ({row['url']})")
        else:
            lines.append(f"{row['outlet']}: not fetched yet ({row['url']})")
    return lines


# ---------------------------------------------------------------------- page


def _table(counts: pd.DataFrame, frames: Frames, link: Callable[[str], str]) -> list[dict[str, Any]]:
    """Rows for the template: name, anchor, counts and shares in words."""
    name = counts.columns[0]
    return [
        {
            "name": row[name],
            "href": link(str(row[name])),
            "articles": row["articles"],
            "stories": row["stories"],
            "all_articles": row["all_articles"],
            "cells": [(row[label], share_words(row, label)) for label in frames.labels],
            "index": index_words(row).split(" "),
            "index_n": row["index_n"],
        }
        for row in _rows(counts)
    ]


def _marked(row: dict[str, Any], field: str) -> list[tuple[str, bool]]:
    """The text in parts, the deciding sentence flagged."""
    text, evidence = str(row[field]), str(row["evidence"] or "")
    if not evidence or evidence not in text:
        return [(text, False)] if text else []
    before, _, after = text.partition(evidence)
    return [(part, deciding) for part, deciding in ((before, False), (evidence, True), (after, False)) if part]


def _article(row: dict[str, Any], frames: Frames) -> dict[str, Any]:
    title = _marked(row, "title") or [("(no headline)", False)]
    in_title = any(deciding for _, deciding in title)
    return {
        "id": row["article_id"],
        "date": row["date"],
        "outlet": row["outlet"],
        "group": row["outlet_group"],
        "url": safe_url(row["url"]),
        "title": title,
        "summary": [(text, deciding and not in_title) for text, deciding in _marked(row, "summary")],
        "label": row["label"],
        "uncertain": bool(row["uncertain"]),
        "p": [row[f"p_{frame.output}"] for frame in frames.both],
        "edited": row["versions"] > 1,
    }


def _weeks(articles: pd.DataFrame, frames: Frames, max_listed: int) -> list[dict[str, Any]]:
    weeks = []
    if len(articles):
        for week, rows in articles.groupby(mondays(articles["date"]), sort=True):
            shown = _rows(rows.head(max_listed))
            weeks.append({"week": week, "n": len(rows), "articles": [_article(row, frames) for row in shown]})
    return weeks


def _lists(articles: pd.DataFrame, key: str, prefix: str, max_listed: int) -> list[dict[str, Any]]:
    """For each outlet or group: its articles as links to where they are listed."""
    weeks = mondays(articles["date"])
    listed = {i for _, rows in articles.groupby(weeks) for i in rows.head(max_listed)["article_id"]}
    return [
        {
            "id": prefix + charts.anchor(str(name)),
            "name": name,
            "n": len(rows),
            "articles": [
                {
                    "id": row["article_id"] if row["article_id"] in listed else None,
                    "url": safe_url(row["url"]),
                    "title": row["title"] or "(no headline)",
                    "date": row["date"],
                    "label": row["label"],
                }
                for row in _rows(rows.head(max_listed))
            ],
        }
        for name, rows in articles.groupby(key, sort=True)
    ]


def _copied(articles: pd.DataFrame) -> list[dict[str, Any]]:
    """Stories carried by several outlets, most copied first."""
    if articles.empty:
        return []
    found = []
    for _, rows in articles.groupby("story_id"):
        if rows["outlet"].nunique() >= MIN_COPIES:
            first = rows.sort_values(["published_at", "article_id"]).iloc[0]
            found.append(
                {
                    "title": first["title"],
                    "url": safe_url(first["url"]),
                    "date": first["date"],
                    "outlets": sorted(rows["outlet"].unique()),
                    "label": first["label"],
                }
            )
    return sorted(found, key=lambda story: (-len(story["outlets"]), story["date"]))[:20]


def html(material: Material, max_listed: int = MAX_LISTED) -> str:
    """The report as one HTML page without scripts and without any request to the network.

    At most `max_listed` articles are listed per week, group and outlet; the page says where it cut.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    frames = material.frames
    weekly, groups, outlets = (counts_by(material, by) for by in ("week", "group", "outlet"))
    enough = outlets[outlets["articles"] >= estimate.MIN_ITEMS]
    drawn = {}
    if len(weekly):
        drawn = {
            "trend": charts.svg(charts.trend(weekly, material.events, frames)),
            "index": charts.svg(charts.index(weekly, material.events)),
            "groups": charts.svg(charts.shares(groups, "outlet_group", frames, "#group-")),
        }
    if len(enough):
        drawn["outlets"] = charts.svg(charts.shares(enough, "outlet", frames, "#outlet-"))
    edits = material.edited.assign(url=material.edited["url"].map(safe_url)).head(50)
    return environment.get_template("report.html.j2").render(
        topic=material.topic,
        headline=headline(material),
        totals=totals(material),
        frames=frames.both,
        label_titles={**{frame.name: frame.title for frame in frames.both}, MIXED: "Mixed", NEITHER: "Neither"},
        label_classes=dict(zip(frames.labels, ("first", "second", MIXED, NEITHER), strict=True)),
        charts=drawn,
        weekly=_table(weekly, frames, lambda name: "#week-" + name),
        groups=_table(groups, frames, lambda name: "#group-" + charts.anchor(name)),
        outlets=_table(outlets, frames, lambda name: "#outlet-" + charts.anchor(name)),
        weeks=_weeks(material.articles, frames, max_listed),
        group_lists=_lists(material.articles, "outlet_group", "group-", max_listed),
        outlet_lists=_lists(material.articles, "outlet", "outlet-", max_listed),
        copied=_copied(material.articles),
        edits=_rows(edits),
        events=_rows(material.events),
        health=health_lines(material.feeds),
        last_run=material.runs.iloc[0].to_dict() if len(material.runs) else None,
        uncorrected=estimate.UNCORRECTED,
        min_items=estimate.MIN_ITEMS,
        max_listed=max_listed,
        made_at=material.made_at.strftime("%Y-%m-%d %H:%M UTC"),
        model_id=material.model_id,
        codebook_version=material.codebook_version,
        database=material.database,
    )
