"""What Datasette is told about a database: titles, descriptions of columns, orders, facets, labels, queries. Pure.

Views come first, since they are the contract; tables that hold no more than views show, or that serve the program
alone, are hidden (and can still be asked for). All that ends as HTML is escaped here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping

FACETED = 50_000
"""Facets count every row: in a larger archive they are left to whoever asks for one."""

_WORD = re.compile(r"[^\W\d_]{4,}")


class Question(Protocol):
    """A query with parameters, as in store/queries.py."""

    @property
    def group(self) -> str:
        """The heading under which it stands."""

    @property
    def title(self) -> str:
        """Its name for readers."""

    @property
    def about(self) -> str:
        """What it answers."""

    @property
    def sql(self) -> str:
        """A SELECT with :parameters."""

    @property
    def parameters(self) -> Mapping[str, str]:
        """What each parameter means, in the order of the form."""

    @property
    def example(self) -> Mapping[str, str]:
        """Values for some of them, with {names} of examples in them."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """How a view or table is shown: `order` is the column that it is sorted by, with a minus for the newest first."""

    title: str
    about: str
    order: str
    facets: tuple[str, ...] = ()


SHOWN = {
    "v_articles": _Shown(
        "Articles",
        "One row per article, with its newest wording and the label of the model in force.",
        "-date",
        ("outlet_group", "label", "on_topic", "gate_stage"),
    ),
    "v_versions": _Shown("Wordings", "Every wording of every article, with the headline before it.", "-version_id"),
    "v_labels": _Shown("Labels", "What every model said of every wording.", "-version_id", ("model_id", "label")),
    "v_stories": _Shown("Stories", "Articles that carry the same text, counted.", "-story_id"),
    "v_story_links": _Shown("Story links", "Why two articles are one story.", "-article_id", ("reason",)),
    "v_period_frames": _Shown(
        "Frames by period",
        "Counts by day, week and month; for everything and by group, outlet and country.",
        "-first_day",
        ("period", "scope"),
    ),
    "v_daily_frames": _Shown("Frames by day", "Counts by day and outlet.", "-date", ("outlet_group",)),
    "v_daily_counts": _Shown("Ways of counting", "Sightings, articles and stories by day and outlet.", "-date"),
    "v_events": _Shown("Events", "Dated events of feeds.yaml.", "-date"),
    "v_frames": _Shown("The two frames", "Which two frames are told apart here.", "position"),
    "v_codes": _Shown("Codes", "What people said of texts.", "-code_id", ("coder", "purpose", "kind", "sample")),
    "v_samples": _Shown("Samples", "Texts drawn for people to code.", "-drawn_at", ("purpose",)),
    "v_sample_items": _Shown("Texts of samples", "Each text drawn, with its probability.", "sample", ("sample",)),
    "v_feeds": _Shown("Feeds", "Every feed, with what it has brought so far.", "outlet", ("outlet_group", "kind")),
    "v_health": _Shown("Health of feeds", "What each feed was at the end of the last run.", "word", ("word",)),
    "v_daily_collection": _Shown(
        "Collection by day", "What was collected, and what is a gap.", "-date", ("collection",)
    ),
    "v_outlet_collection": _Shown("Collection by outlet", "The same for each outlet.", "-date", ("collected",)),
    "v_period_collection": _Shown("Collection by period", "Days missing in each period.", "-first_day", ("period",)),
    "v_runs": _Shown("Runs", "Every run and what it brought.", "-run_id", ("state",)),
    "v_fetches": _Shown("Attempts", "Every time that a feed was asked, or was not.", "-fetch_id", ("outcome",)),
    "v_feed_urls": _Shown("Addresses of feeds", "Where feeds have moved.", "-since"),
    "v_pages": _Shown("Pages", "Every time that an article's page was asked for.", "-page_fetch_id", ("outcome",)),
    "v_texts": _Shown("Texts of pages", "What was read on articles' pages.", "-version_id"),
    "v_genres": _Shown("Genres", "What kind of text each article is, by whom.", "-article_id", ("genre_source",)),
    "v_voices": _Shown(
        "Voices", "Who speaks the frame of each article, by whom.", "-article_id", ("voice", "voice_source")
    ),
    "v_imports": _Shown("Imports", "Files of archives, and what became of their rows.", "-import_id", ("mapping",)),
    "v_imported": _Shown("Imported articles", "Articles by the file and row that brought them.", "-article_id"),
    "v_recent_collection": _Shown(
        "Newest collection by period", "Of periods that are not over, or ended lately.", "-first_day", ("period",)
    ),
    "outlet": _Shown("Outlets (table)", "Publishers.", "name"),
    "feed": _Shown("Feeds (table)", "Addresses and validators.", "url"),
    "article": _Shown("Articles (table)", "Identity and dates; texts are in the wordings.", "-id"),
    "article_version": _Shown("Wordings (table)", "Every wording, append-only.", "-id"),
    "story": _Shown("Stories (table)", "What articles with the same text share.", "-id"),
    "model": _Shown("Models (table)", "Weights and thresholds that have labelled here.", "-id"),
    "label": _Shown("Labels (table)", "Append-only; one per wording and model.", "-version_id"),
    "run": _Shown("Runs (table)", "One row per run.", "-id"),
    "fetch": _Shown("Attempts (table)", "One row per attempt.", "-id"),
    "topic": _Shown("Topics (table)", "Keyword queries.", "-id"),
    "code": _Shown("Codes (table)", "Append-only.", "-id"),
    "sample": _Shown("Samples (table)", "Draws.", "-id"),
}
"""What is shown; whatever else the database holds is hidden."""

_LABEL_COLUMNS = {
    "outlet": "name",
    "feed": "url",
    "model": "model_id",
    "run": "started_at",
    "topic": "name",
    "article_version": "title",
    "article": "url",
    "story": "first_published_at",
    "sample": "name",
    "fetch": "started_at",
}
"""What a reference to a row is shown as, instead of its number."""

_SEARCHED = {"v_articles": "version_id", "article_version": "id"}
"""What can be searched, and the column that holds the number of the wording."""

LEADS = {
    "article_id": ("one-article", "article"),
    "other_article_id": ("one-article", "article"),
    "story_id": ("one-story", "story"),
    "outlet": ("outlet-articles", "outlet"),
    "other_outlet": ("outlet-articles", "outlet"),
}
"""Columns whose values lead on: to a query, by its parameter."""


def words_of(query: str) -> str:
    """A word to search for, out of a keyword query; empty where it has none."""
    found = [word for word in _WORD.findall(query) if word not in {"AND", "NOT"}]
    return found[0] if found else ""


def filled_example(question: Question, examples: Mapping[str, str]) -> dict[str, str]:
    """The example's parameters with values of this database; without those that it has no value for."""
    found = {name: value.format(**examples) for name, value in question.example.items()}
    return {name: value for name, value in found.items() if value}


def _about(question: Question, example: Mapping[str, str]) -> str:
    """Description, parameters and example of a query as HTML."""
    parts = [f"<p>{escape(question.about)}</p>"]
    if question.parameters:
        told = "".join(f"<dt>{escape(n)}</dt><dd>{escape(text)}</dd>" for n, text in question.parameters.items())
        parts.append(f'<dl class="parameters">{told}</dl>')
    if example:
        said = ", ".join(f"{name} {value}" for name, value in example.items())
        parts.append(f'<p>Example: <a href="?{escape(urlencode(example))}">{escape(said)}</a></p>')
    return "".join(parts)


def leads_to(column: str, row: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """The query and parameters to which a cell leads; None where it leads nowhere. `row` holds the cells by column."""
    value = row[column]
    if value is None or value == "":
        return None
    if column == "articles" and {"scope", "name", "first_day", "last_day"} <= set(row):
        point = {"scope": row["scope"], "name": row["name"]}
        return "articles", point | {"since": row["first_day"], "until": row["last_day"]}
    if column in LEADS:
        query, parameter = LEADS[column]
        return query, {parameter: value}
    return None


def metadata(
    name: str,
    columns: Mapping[tuple[str, str], str],
    held: list[str],
    questions: Mapping[str, Question],
    examples: Mapping[str, str],
    articles: int,
) -> dict[str, Any]:
    """Datasette's metadata for the database called `name`.

    `columns` describes each (table or view, column), `held` are the tables and views of the file, `articles` their
    number, `questions` have the frames' names filled in, `examples` are values of the database for {names} in them.
    """
    tables: dict[str, dict[str, Any]] = {}
    for table in held:
        if table not in SHOWN:
            tables[table] = {"hidden": True}
            continue
        shown = SHOWN[table]
        described: dict[str, Any] = {"title": shown.title, "description": shown.about}
        described["columns"] = {column: text for (owner, column), text in columns.items() if owner == table}
        described["sort_desc" if shown.order.startswith("-") else "sort"] = shown.order.removeprefix("-")
        if articles <= FACETED and shown.facets:
            described["facets"] = list(shown.facets)
        if table in _LABEL_COLUMNS:
            described["label_column"] = _LABEL_COLUMNS[table]
        if table in _SEARCHED:
            described |= {"fts_table": "article_search", "fts_pk": _SEARCHED[table]}
        tables[table] = described
    queries = {}
    start: dict[str, list[dict[str, str]]] = {}
    for key, question in questions.items():
        example = filled_example(question, examples)
        queries[key] = {
            "title": question.title,
            "description_html": _about(question, example),
            "sql": question.sql,
            "params": list(question.parameters),
            "hide_sql": True,
        }
        entry = {"name": key, "title": question.title, "about": question.about, "example": urlencode(example)}
        start.setdefault(question.group, []).append(entry)
    views = [
        {"name": view, "title": shown.title, "about": shown.about}
        for view, shown in SHOWN.items()
        if view.startswith("v_") and view in held
    ]
    return {
        "title": "media-coverage",
        "description": "What the press wrote, how it was labelled, and how it was collected. Read-only.",
        "extra_css_urls": ["/browsing/browsing.css"],
        "start": {"database": name, "questions": start, "views": views, "large": articles > FACETED},
        "databases": {name: {"tables": tables, "queries": queries}},
    }
