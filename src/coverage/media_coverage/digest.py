"""A report as Markdown, short enough for a mail or a chat. Pure.

Headlines are hostile here too: whatever Markdown or HTML could read as markup is escaped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .alerts import alert_lines
from .estimate import MIN_ITEMS
from .material import alerts_of, by_period, counts_by, news_of
from .words import headline, index_words, rows_of, safe_url, share_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .material import Material

WEEKS = 8
"""Periods in the table, the newest."""

HEADLINES = 3
"""Of each frame; and edits and copied stories."""

_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+|~!&:@=-])")


def escaped(text: object) -> str:
    """The text in one line, such that it shows as it is; no address in it becomes a link by itself."""
    return _MARKUP.sub(r"\\\1", " ".join(str(text).split()))


def link(text: object, url: object) -> str:
    """A link where a browser may follow the address; else the text."""
    address = safe_url(url)
    if address is None:
        return escaped(text)
    spelt = "".join(c if c.isascii() and c.isprintable() and c not in "<>\\ " else _percent(c) for c in address)
    return f"[{escaped(text)}](<{spelt}>)"


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A table in pipes; the first column is left, the others right."""
    lines = [f"| {' | '.join(heads)} |", "|---|" + "---:|" * (len(heads) - 1)]
    return lines + [f"| {' | '.join(escaped(cell) for cell in row)} |" for row in rows]


def markdown(material: Material, by: str | None = None) -> str:
    """What changed, alerts, the trend or a comparison `by` group, outlet or country, and some headlines."""
    frames = material.frames
    news = news_of(material)
    lines = [f"# {escaped(material.topic)}", "", *news.sentences, "", f"*{' '.join(news.notes)}*", ""]
    told = alert_lines(alerts_of(material))
    if told:
        lines += ["## To look at", "", *(f"- {escaped(line)}" for line in told), ""]
    lines += [headline(material), ""]
    heads = ["articles", *(frame.title for frame in frames.both), "net framing index"]
    if by is None:
        rows = rows_of(by_period(material).tail(WEEKS)) if len(material.on_topic) else []
        named = [(row["date"] + (f" ×{row['periods']}" if row["periods"] > 1 else ""), row) for row in rows]
        lines += [f"## By {material.period}", ""]
    else:
        counts = counts_by(material, by)
        named = [(str(row[counts.columns[0]]), row) for row in rows_of(counts)]
        lines += [f"## By {by}", ""]
    if named:
        cells = [
            (name, f"{row['articles']:,}", *(share_words(row, label) for label in frames.names), index_words(row))
            for name, row in named
        ]
        lines += table([by or material.period, *heads], cells)
        lines += ["", f"95 % intervals in brackets; – where n < {MIN_ITEMS}; {material.correction}."]
    lines += _headlines(material)
    model = f", model {escaped(material.model_id)}" if material.model_id else ""
    lines += ["", f"Made on {material.made_at:%Y-%m-%d %H:%M} UTC from {escaped(material.database)}{model}.", ""]
    return "\n".join(lines)


def _headlines(material: Material) -> list[str]:
    lines: list[str] = []
    articles = {int(row["article_id"]): row for row in rows_of(material.articles)}
    for frame in material.frames.both:
        kept = [articles[number] for number in material.clearest if articles[number]["label"] == frame.name]
        if kept:
            lines += ["", f"## {escaped(frame.title)}: clearest of the last four weeks", ""]
            lines += [f"- {link(a['title'], a['url'])} ({escaped(a['outlet'])}, {a['date']})" for a in kept[:HEADLINES]]
    if len(material.copied):
        lines += ["", "## Most copied", ""]
        stories = [rows for _, rows in material.copied.groupby("story_id")]
        for rows in sorted(stories, key=lambda rows: -rows["outlet"].nunique())[:HEADLINES]:
            first = rows.iloc[0]
            lines.append(
                f"- {link(first['title'], first['url'])} ({rows['outlet'].nunique()} outlets, {first['date']})"
            )
    if len(material.edited):
        lines += ["", "## Edited headlines", ""]
        lines += [
            f"- {escaped(row['outlet'])}: ~~{escaped(row['previous_title'])}~~ → {link(row['title'], row['url'])}"
            for row in rows_of(material.edited.head(HEADLINES))
        ]
    return lines
