"""What a report says in words: numbers with their intervals, collection, health. Pure.

The same words stand on the terminal, on the page, in the digest and in the feed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pandas as pd

from . import estimate
from .health import Word
from .material import totals

if TYPE_CHECKING:
    from .health import Health, Verdict
    from .material import Material


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as dicts. By columns: pandas' own way takes ten times as long for columns of text."""
    names = [str(name) for name in frame.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*(frame[name].tolist() for name in names), strict=True)]


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
