"""Frames → a report: text for the terminal, one self-contained HTML page for the browser. Pure.

Feed text is hostile: the template escapes everything, and links are made only of http(s) addresses.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pandas as pd

from . import charts, estimate
from .aggregate import AGGREGATES, collection_by_week, collection_through, gaps, mondays
from .framing import MIXED, NEITHER
from .health import Word, assess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from jinja2 import Template

    from .framing import Frames
    from .health import Health, Verdict
    from .multiverse import Multiverse
    from .store import Store

MAX_LISTED = 400
"""Articles listed per week; the page says when there are more and how to get them."""

MAX_HEALTH_LINES = 12
"""Lines about feeds in the terminal; the page has them all."""

MIN_COPIES = 3


@dataclass(frozen=True, slots=True)
class Material:
    """Everything a report is made of, taken from the store at one moment.

    `collection` has one row per day, columns as in v_daily_collection, up to yesterday at least; `collected_from` is
    the day of the first run, None where there was none.
    """

    topic: str
    frames: Frames
    daily: pd.DataFrame
    articles: pd.DataFrame
    health: Health
    collection: pd.DataFrame
    collected_from: str | None
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
        # Today is not over: only what has been asked already counts.
        days = collection_through(store.collection(), (made_at - timedelta(days=1)).date().isoformat())
        collected = days["date"][days["feeds"] > 0]
        newest = runs.iloc[0] if len(runs) else None
        return cls(
            topic=str(newest["topic"]) if newest is not None else "no run yet",
            frames=store.frames,
            daily=daily[(daily["date"] >= since) & (daily["date"] <= until)],
            articles=articles,
            health=assess(store.feed_records(made_at), store.last_finished_at(), made_at),
            collection=days[(days["date"] >= since) & (days["date"] <= until)],
            collected_from=str(collected.min()) if len(collected) else None,
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


_COLLECTION = ("days", "days_partial", "days_missing", "days_imported", "outlets", "outlets_least")


def trend_by_week(material: Material) -> pd.DataFrame:
    """`counts_by` week, with how far each week was collected (columns of aggregate.collection_by_week).

    Weeks since the first run that are over have a row even without an article: there the press was quiet, or nothing
    was collected. In the latter case there is no share and no index, whatever later answers still listed. Weeks before
    the first run hold what feeds still listed then and have `days` 0.
    """
    counted = counts_by(material, "week")
    if counted.empty:
        return counted.assign(**dict.fromkeys(_COLLECTION, 0))
    weeks = collection_by_week(material.collection)
    over = (material.made_at - timedelta(days=6)).date().isoformat()
    weeks = weeks[(weeks["date"] < over) | weeks["date"].isin(counted["date"])]
    frame = counted.merge(weeks, on="date", how="outer").sort_values("date", ignore_index=True)
    whole = [name for name in counted.columns if pd.api.types.is_integer_dtype(counted[name])]
    frame[[*whole, *_COLLECTION]] = frame[[*whole, *_COLLECTION]].fillna(0).astype("int64")
    estimated = [name for name in counted.columns if name.startswith(("share_", "index")) and name not in whole]
    frame.loc[_not_collected(frame), estimated] = float("nan")
    return frame


def _not_collected(weekly: pd.DataFrame) -> pd.Series[bool]:
    return (weekly["days"] > 0) & (weekly["days_missing"] == weekly["days"])


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


def collection_words(row: dict[str, Any], collected_from: str | None) -> str:
    """How far a week of `trend_by_week` was collected, in a few words: "full", "2 of 7 days missing"."""
    if not row["days"]:
        if row["days_imported"]:
            return "imported"
        before = collected_from is None or row["date"] < collected_from
        return "before the first run" if before else "not over"
    if row["days_missing"] == row["days"]:
        return "not collected"
    parts = []
    if row["days_missing"]:
        parts.append(f"{row['days_missing']} of {row['days']} days missing")
    if row["days_imported"]:
        parts.append(f"{row['days_imported']} of 7 days imported")
    if row["days_partial"]:
        parts.append(f"{row['outlets_least']} of {row['outlets']} outlets at worst")
    return "; ".join(parts) or "full"


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
    """Renderables for a rich console: the state of the collection, the headline, the weekly trend."""
    from rich.markup import escape
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text as RichText

    lines = health_lines(material.health)
    kept = lines if len(lines) <= MAX_HEALTH_LINES + 1 else lines[:MAX_HEALTH_LINES]
    if len(kept) < len(lines):
        kept = [*kept, f"… and {len(lines) - len(kept)} more: `media-coverage status`"]
    yield Panel(RichText("\n".join(kept)), title="State of the collection", title_align="left")
    yield RichText(f"{material.topic}\n", style="bold")
    yield RichText(headline(material) + "\n")
    weekly = trend_by_week(material)
    if len(weekly):
        collected = [collection_words(row, material.collected_from) for row in _rows(weekly)]
        shown = bool(set(collected) - {"full", "before the first run"})
        blank = " or nothing was collected" if _not_collected(weekly).any() else ""
        table = Table(title="Trend by week (Monday)", title_justify="left", header_style="bold")
        table.add_column("week")
        table.add_column("n", justify="right")
        table.add_column("stories", justify="right")
        for frame, colour in zip(material.frames.both, ("blue", "red"), strict=True):
            table.add_column(escape(frame.words), justify="right", style=colour)
        table.add_column("net framing index", justify="right")
        table.add_column("collection" if shown else "")
        for row, words in zip(_rows(weekly), collected, strict=True):
            table.add_row(
                str(row["date"]),
                f"{row['articles']}",
                f"{row['stories']}",
                *(f"{row[name]}  {share_words(row, name):>12}" for name in material.frames.names),
                index_words(row),
                escape(words) if shown else _bar(row, material.frames),
            )
        yield table
        notes = f"[95 % intervals]; {estimate.UNCORRECTED}; – where n < {estimate.MIN_ITEMS}{blank}"
        for line in [notes, *collection_notes(material)]:
            yield RichText(line, style="dim")


def health_lines(health: Health) -> list[str]:
    """The state of the collection in plain lines: counts, a standstill, the feeds that are not fine.

    Quiet feeds share a line: they miss nothing, and at night or in summer they are many.
    """
    lines = [f"Feeds: {health.line}.", *([health.standstill] if health.standstill else [])]
    lines += [verdict_line(verdict) for verdict in health.not_fine if verdict.word is not Word.QUIET]
    quiet = [verdict for verdict in health.not_fine if verdict.word is Word.QUIET]
    if quiet:
        named = ", ".join(f"{verdict.outlet} ({verdict.worst.since:%Y-%m-%d})" for verdict in quiet)
        lines.append(f"Quiet, so answering well with nothing new for longer than usual, since: {named}.")
    return lines


def verdict_line(verdict: Verdict) -> str:
    """What a feed is and what to do, in a line."""
    return f"{verdict.outlet}: {verdict.word.words}: {verdict.worst.sentence} ({verdict.url})"


def collection_notes(material: Material) -> list[str]:
    """What a reader of the trend must know about its days."""
    notes = []
    days = material.collection
    if material.collected_from and len(material.daily) and material.daily["date"].min() < material.collected_from:
        notes.append(
            f"Days before the first run ({material.collected_from}) hold what the feeds still listed then: the further "
            "back, the less."
        )
    missing = int((days["collection"] == "none").sum())
    partial = int((days["collection"] == "partial").sum())
    if missing or partial:
        counted = [f"on {missing} nothing was collected"] if missing else []
        counted += [f"on {partial} some outlets were missing"] if partial else []
        notes.append(
            f"Of {len(days)} days of collection, {' and '.join(counted)}: what is counted on such days is what later "
            "answers still listed."
        )
    return notes


# ---------------------------------------------------------------------- page


def _table(
    counts: pd.DataFrame,
    frames: Frames,
    link: Callable[[str], str],
    collected: Callable[[dict[str, Any]], str] | None = None,
) -> list[dict[str, Any]]:
    """Rows for the template: name, anchor (None where no article is behind it), counts and shares in words."""
    name = counts.columns[0]
    return [
        {
            "name": row[name],
            "href": link(str(row[name])) if row["articles"] else None,
            "collection": collected(row) if collected else None,
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


def multiverse_page(found: Multiverse, database: str) -> str:
    """The specification curve and its table as one HTML page without scripts and without any request to the network."""
    rows = [row | {"change": _change_words(row)} for row in _rows(found.rows)]
    drawn = charts.svg(charts.specifications(found.rows)) if found.rows["points"].notna().any() else ""
    return _template("multiverse.html.j2").render(found=found, rows=rows, chart=drawn, database=database)


def _change_words(row: dict[str, Any]) -> str:
    if row["reason"]:
        return str(row["reason"])
    words = "{:+.1f} [{:+.1f} to {:+.1f}], p = {:.3f}"
    return words.format(*(row[name] for name in ("points", "low", "high", "p"))).replace("-", "−")


def _template(name: str) -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    ).get_template(name)


def html(material: Material, max_listed: int = MAX_LISTED) -> str:
    """The report as one HTML page without scripts and without any request to the network.

    At most `max_listed` articles are listed per week, group and outlet; the page says where it cut.
    """
    frames = material.frames
    weekly = trend_by_week(material)
    daily, groups, outlets = (counts_by(material, by) for by in ("day", "group", "outlet"))
    uncollected = gaps(material.collection)
    enough = outlets[outlets["articles"] >= estimate.MIN_ITEMS]
    drawn = {}
    if len(weekly):
        drawn = {
            "volume": charts.svg(charts.volume(daily, material.events, uncollected)),
            "trend": charts.svg(charts.trend(weekly, material.events, frames, uncollected)),
            "index": charts.svg(charts.index(weekly, material.events, uncollected)),
            "groups": charts.svg(charts.shares(groups, "outlet_group", frames, "#group-")),
        }
    if len(enough):
        drawn["outlets"] = charts.svg(charts.shares(enough, "outlet", frames, "#outlet-"))
    edits = material.edited.assign(url=material.edited["url"].map(safe_url)).head(50)
    return _template("report.html.j2").render(
        topic=material.topic,
        headline=headline(material),
        totals=totals(material),
        frames=frames.both,
        label_titles={**{frame.name: frame.title for frame in frames.both}, MIXED: "Mixed", NEITHER: "Neither"},
        label_classes=dict(zip(frames.labels, ("first", "second", MIXED, NEITHER), strict=True)),
        charts=drawn,
        weekly=_table(
            weekly,
            frames,
            lambda name: "#week-" + name,
            lambda row: collection_words(row, material.collected_from),
        ),
        groups=_table(groups, frames, lambda name: "#group-" + charts.anchor(name)),
        outlets=_table(outlets, frames, lambda name: "#outlet-" + charts.anchor(name)),
        weeks=_weeks(material.articles, frames, max_listed),
        group_lists=_lists(material.articles, "outlet_group", "group-", max_listed),
        outlet_lists=_lists(material.articles, "outlet", "outlet-", max_listed),
        copied=_copied(material.articles),
        edits=_rows(edits),
        events=_rows(material.events),
        health=material.health,
        collection_notes=collection_notes(material),
        last_run=material.runs.iloc[0].to_dict() if len(material.runs) else None,
        uncorrected=estimate.UNCORRECTED,
        min_items=estimate.MIN_ITEMS,
        max_listed=max_listed,
        made_at=material.made_at.strftime("%Y-%m-%d %H:%M UTC"),
        model_id=material.model_id,
        codebook_version=material.codebook_version,
        database=material.database,
    )
