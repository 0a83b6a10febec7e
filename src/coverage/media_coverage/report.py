"""A report in every format that it is asked for in. Pure: material in, text or bytes out."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from . import charts, estimate
from .aggregate import gaps
from .alerts import alert_lines
from .atom import atom
from .composition import Composition
from .digest import markdown
from .errors import TrendError
from .material import (
    Material,
    alerts_of,
    by_period,
    counts_by,
    line,
    news_of,
    not_collected,
    totals,
    trend_by_week,
)
from .page import html, multiverse_page, period_days, small_charts
from .words import (
    collection_notes,
    collection_words,
    headline,
    health_lines,
    index_words,
    percent,
    rows_of,
    safe_url,
    share_words,
    verdict_line,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pandas as pd

    from .framing import Frames

__all__ = [
    "FORMATS",
    "Material",
    "collection_notes",
    "collection_words",
    "counts_by",
    "headline",
    "health_lines",
    "html",
    "index_words",
    "multiverse_page",
    "not_collected",
    "percent",
    "safe_url",
    "share_words",
    "terminal",
    "totals",
    "trend_by_week",
    "verdict_line",
]

MAX_HEALTH_LINES = 12
"""Lines about feeds in the terminal; the page has them all."""


# ---------------------------------------------------------------------- terminal


def _bar(row: dict[str, Any], frames: Frames, width: int = 20) -> str:
    """The first frame from the left, the second from the right, in proportion to the on-topic articles."""
    first, second = (round(width * row[name] / max(1, row["articles"])) for name in frames.names)
    second = min(width - first, second)
    rest = width - first - second
    return f"[blue]{'█' * first}[/][bright_black]{'·' * rest}[/][red]{'█' * second}[/]"


def terminal(material: Material) -> Iterable[Any]:
    """Renderables for a rich console: the state of the collection, what changed, alerts, the headline, the trend."""
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
    news = news_of(material)
    yield RichText(" ".join(news.sentences))
    yield RichText(" ".join(news.notes) + "\n", style="dim")
    # The box above has the feeds already.
    told = alert_lines([alert for alert in alerts_of(material) if alert.kind in {"volume", "shift", "drift"}])
    if told:
        yield Panel(RichText("\n".join(told)), title="To look at", title_align="left", border_style="red")
    yield RichText(headline(material) + "\n")
    weekly = by_period(material)
    if len(weekly):
        collected = [collection_words(row, material.collected_from) for row in rows_of(weekly)]
        shown = bool(set(collected) - {"full", "before the first run"})
        blank = " or nothing was collected" if not_collected(weekly).any() else ""
        title = "Trend by week (Monday)" if material.period == "week" else f"Trend by {material.period}"
        table = Table(title=title, title_justify="left", header_style="bold")
        table.add_column(material.period)
        table.add_column("n", justify="right")
        table.add_column("stories", justify="right")
        for frame, colour in zip(material.frames.both, ("blue", "red"), strict=True):
            table.add_column(escape(frame.words), justify="right", style=colour)
        table.add_column("net framing index", justify="right")
        table.add_column("collection" if shown else "")
        for row, words in zip(rows_of(weekly), collected, strict=True):
            table.add_row(
                str(row["date"]) + _times(row["periods"]),
                f"{row['articles']}",
                f"{row['stories']}",
                *(f"{row[name]}  {share_words(row, name):>12}" for name in material.frames.names),
                index_words(row) + _times(row["index_periods"]),
                escape(words) if shown else _bar(row, material.frames),
            )
        yield table
        method = material.points["method"].iloc[0]
        several = (weekly["periods"] > 1).any() or (weekly["index_periods"] > 1).any()
        together = f"; ×k: k {material.period}s together" if several else ""
        notes = f"[95 % intervals, {method}]; {material.correction}; – where n < {estimate.MIN_ITEMS}{blank}{together}"
        for text in [notes, *collection_notes(material)]:
            yield RichText(text, style="dim")


def _times(periods: float) -> str:
    return f" ×{periods:.0f}" if periods > 1 else ""


# ---------------------------------------------------------------------- data


def _table(material: Material, by: str | None) -> pd.DataFrame:
    return by_period(material) if by is None else counts_by(material, by)


def csv(material: Material, by: str | None = None) -> str:
    """The trend, or a comparison, as comma-separated values.

    A name that a spreadsheet would run as a formula has an apostrophe before it.
    """
    frame = _table(material, by).copy()
    for column in frame.columns:
        frame[column] = [_harmless(value) for value in frame[column]]
    return str(frame.to_csv(index=False, lineterminator="\n"))


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in set("=+-@\t\r\n") and value else value


def as_json(material: Material, by: str | None = None) -> str:
    """Everything but the articles as JSON: news, alerts, the trend in all mixes, a comparison, health and versions."""
    news = news_of(material)
    steps = dict(zip(material.frames.names, news.steps, strict=True))
    found = {
        "topic": material.topic,
        "made_at": material.made_at.isoformat(timespec="seconds"),
        "database": material.database,
        "model_id": material.model_id,
        "codebook_version": material.codebook_version,
        "correction": material.correction,
        "news": {
            "sentences": news.sentences,
            "notes": news.notes,
            "steps": {name: asdict(step) if step else None for name, step in steps.items()},
        },
        "alerts": alerts_json(material),
        "collection": {"summary": material.health.line, "standstill": material.health.standstill},
        "totals": totals(material),
        "trend": _records(material.points),
        by or material.period: _records(_table(material, by)),
    }
    return json.dumps(found, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def alerts_json(material: Material) -> list[dict[str, Any]]:
    """The alerts, worst first, as JSON knows them."""
    return [
        asdict(alert) | {"since": alert.since.isoformat(timespec="seconds") if alert.since else None}
        for alert in alerts_of(material)
    ]


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return list(json.loads(frame.to_json(orient="records")))


# ---------------------------------------------------------------------- pictures


def _picture(material: Material, by: str | None) -> Any:
    """The trend, or the small charts of groups, outlets or countries. Raises TrendError where there is none."""
    if by is None:
        points = line(material.points, Composition.ITEMS)
        names = [f"share_{name}" for name in material.frames.names]
        if len(points) and points[names].notna().any(axis=None):
            uncollected = gaps(material.collection)
            return charts.trend(points, material.events, material.frames, uncollected, period_days(material))
    else:
        _, small = small_charts(material, by)
        if small:
            return charts.beside([chart.properties(title=name) for name, chart in small])
    raise TrendError("has too few on-topic articles for a picture", path=material.database)


FORMATS: dict[str, Callable[[Material, str | None], str | bytes]] = {
    "html": html,
    "md": markdown,
    "csv": csv,
    "json": as_json,
    "atom": lambda material, by: atom(material),  # noqa: ARG005 - all formats are asked alike
    "svg": lambda material, by: charts.svg(_picture(material, by), "white"),
    "png": lambda material, by: charts.png(_picture(material, by)),
    "pdf": lambda material, by: charts.pdf(_picture(material, by)),
}
"""What a report can be, by the name of --format."""
