"""The page and the terminal: hostile text stays text, every share has its number and interval, nothing is dropped."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from io import StringIO
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from conftest import FakeClassifier, Item, make_config, rss
from feedserver import Response
from rich.console import Console

from media_coverage import charts, pipeline, report
from media_coverage.estimate import UNCORRECTED
from media_coverage.framing import DEFAULT_FRAMES
from media_coverage.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from feedserver import FeedServer

MADE_AT = datetime(2026, 3, 1, tzinfo=UTC)
NO_GAPS = pd.DataFrame({"start": pd.to_datetime([]), "end": pd.to_datetime([]), "missing": []})

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "'; DROP TABLE article; --",
    "{{ 7 * 7 }} {% raw %}",
    "[bold red]markup[/bold red]",
    "مرحبا بالعالم \u202e evil",
    "🕊️ peace 🕊️",
    "&lt;script&gt;alert(2)&lt;/script&gt;",
]  # fmt: skip


class Page(HTMLParser):
    """Collects what a browser would load or run, where links lead, and which anchors exist."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def values(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]


def material(server: FeedServer, folder: Path, items: list[Item], outlet: str = "Morning Ledger") -> report.Material:
    server.serve("/ledger.xml", Response(rss(items)))
    config = make_config(server.url(), {outlet: ["/ledger.xml"]}, folder=folder)
    pipeline.run(config, classifier=FakeClassifier(), clock=lambda: MADE_AT)
    with open_store(config.database) as store:
        return report.Material.from_store(store, MADE_AT, "", "9999")


def many(count: int = 40) -> list[Item]:
    words = ("hope", "betrayal", "talks", "peace")
    return [
        Item(
            f"Trump and Putin item {i} brings {words[i % 4]}",
            "A first sentence. A second one.",
            published=f"{datetime(2026, 2, 2 + i % 14, 9, tzinfo=UTC):%a, %d %b %Y %H:%M:%S} GMT",
        )
        for i in range(count)
    ]


def test_hostile_headlines_stay_text(feed_server: FeedServer, tmp_path: Path) -> None:
    items = [
        Item(f"Trump and Putin hope {text}", text, link=f"https://x.example/{i}") for i, text in enumerate(HOSTILE)
    ]
    made = material(feed_server, tmp_path, items, outlet="<b>Evil & Sons</b>")
    text = report.html(made)
    page = Page(text)
    assert not {"script", "img", "iframe", "object", "embed", "b onload"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert "{{ 7 * 7 }}" in text
    assert "&lt;b&gt;Evil &amp; Sons&lt;/b&gt;" in text
    assert len(made.articles) == len(HOSTILE)


def test_only_web_addresses_become_links(feed_server: FeedServer, tmp_path: Path) -> None:
    links = ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "https://good.example/a?b=1&c=2"]
    items = [Item(f"Trump and Putin hope number {i}", link=link, guid=f"g{i}") for i, link in enumerate(links)]
    page = Page(report.html(material(feed_server, tmp_path, items)))
    assert {v for v in page.values("href") if not v.startswith("#")} == {"https://good.example/a?b=1&c=2"}


def test_the_page_is_self_contained(feed_server: FeedServer, tmp_path: Path) -> None:
    page = Page(report.html(material(feed_server, tmp_path, many())))
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert page.values("src") == []
    assert any("default-src 'none'" in value for value in page.values("content"))


def test_every_link_inside_the_page_leads_somewhere(feed_server: FeedServer, tmp_path: Path) -> None:
    page = Page(report.html(material(feed_server, tmp_path, many(), outlet="Ünïcode & Co “Daily”")))
    wanted = {value[1:] for value in page.values("href") + page.values("xlink:href") if value.startswith("#")}
    assert {"week-2026-02-02", "week-2026-02-09"} <= wanted
    assert wanted <= set(page.values("id"))
    assert len(page.values("id")) == len(set(page.values("id")))


def test_every_share_has_its_number_and_interval(feed_server: FeedServer, tmp_path: Path) -> None:
    made = material(feed_server, tmp_path, many(40))
    text = report.html(made)
    cells = re.findall(r"<b>(\d+)</b> <span class=\"share\">([^<]*)</span>", text)
    assert cells
    assert all(re.fullmatch(r"\d+ % \[\d+–\d+\]|–", share) for _, share in cells)
    assert text.count(UNCORRECTED) >= 5
    assert "20 hopeful peace, 10 appeasement, 0 mixed, 10 neither" in text


def test_stories_are_the_distinct_ones_among_the_articles_of_a_row(feed_server: FeedServer, tmp_path: Path) -> None:
    """A story first told elsewhere is still a story of every outlet and day that carries it."""
    title = "Trump and Putin agree on a truce for all"
    for i, day in ((1, "03"), (2, "04")):
        copy = Item(title, link=f"https://p{i}.example/x", published=f"{day} Feb 2026 09:00:00 GMT")
        feed_server.serve(f"/{i}.xml", Response(rss([copy])))
    config = make_config(feed_server.url(), {f"Paper {i}": [f"/{i}.xml"] for i in (1, 2)}, folder=tmp_path)
    pipeline.run(config, classifier=FakeClassifier())
    with open_store(config.database) as store:
        made = report.Material.from_store(store, datetime.now(UTC), "", "9999")
    for by, expected in (("outlet", [1, 1]), ("day", [1, 1]), ("week", [1]), ("group", [1]), ("country", [1])):
        assert report.counts_by(made, by)["stories"].tolist() == expected, by


def test_small_cells_make_no_percentage(feed_server: FeedServer, tmp_path: Path) -> None:
    made = material(feed_server, tmp_path, many(6))
    assert report.counts_by(made, "week")["share_hopeful_peace"].isna().all()
    assert "%" not in "".join(re.findall(r"<td class=\"num\">.*?</td>", report.html(made)))
    assert "Too few framed articles" in report.headline(made)


def test_all_articles_are_listed_with_scores_and_the_deciding_sentence(feed_server: FeedServer, tmp_path: Path) -> None:
    made = material(feed_server, tmp_path, many(30))
    text = report.html(made)
    for title in made.articles["title"]:
        assert f"<mark>{title}</mark>" in text
    assert text.count('<tr id="a') == 30
    assert "0.90" in text


def test_a_cut_list_says_so_and_how_to_get_the_rest(feed_server: FeedServer, tmp_path: Path) -> None:
    made = material(feed_server, tmp_path, many(30))
    text = report.html(made, max_listed=10)
    assert "Showing 10 of 16" in text
    assert "SELECT * FROM v_articles" in text
    assert "and 20 more" in text


def test_an_empty_database_makes_a_page_and_not_an_error(feed_server: FeedServer, tmp_path: Path) -> None:
    made = material(feed_server, tmp_path, [])
    assert "nothing to draw yet" in report.html(made)
    assert "No on-topic article yet." in report.headline(made)


@pytest.mark.parametrize("count", [1, 2, 200])
def test_any_amount_renders(feed_server: FeedServer, tmp_path: Path, count: int) -> None:
    assert report.html(material(feed_server, tmp_path, many(count))).endswith("</html>\n")


def test_edited_headlines_and_copied_stories_are_shown(feed_server: FeedServer, tmp_path: Path) -> None:
    link = "https://ledger.example/one"
    before, after = Item("Trump and Putin hail talks", link=link), Item("Trump and Putin in a betrayal", link=link)
    feed_server.serve("/0.xml", Response(rss([before])), Response(rss([after])))
    copied = "Trump and Putin agree on a truce for all"
    for i in (1, 2, 3):
        feed_server.serve(f"/{i}.xml", Response(rss([Item(copied, link=f"https://p{i}.example/")])))
    config = make_config(feed_server.url(), {f"Paper {i}": [f"/{i}.xml"] for i in range(4)}, folder=tmp_path)
    for _ in range(2):
        pipeline.run(config, classifier=FakeClassifier())
    with open_store(config.database) as store:
        made = report.Material.from_store(store, datetime.now(UTC), "", "9999")
    text = report.html(made)
    assert f"<del>{before.title}</del>" in text
    assert "3 outlets: Paper 1, Paper 2, Paper 3" in text


def test_since_and_until_limit_everything(feed_server: FeedServer, tmp_path: Path) -> None:
    material(feed_server, tmp_path, many(28))
    with open_store(tmp_path / "media-coverage.db") as store:
        made = report.Material.from_store(store, datetime.now(UTC), "2026-02-03", "2026-02-04")
    assert set(made.daily["date"]) == set(made.articles["date"]) == {"2026-02-03", "2026-02-04"}


def test_the_terminal_shows_hostile_text_as_text(feed_server: FeedServer, tmp_path: Path) -> None:
    made = material(feed_server, tmp_path, many(30), outlet="[red]Outlet[/red]")
    stream = StringIO()
    console = Console(file=stream, width=120)
    for part in report.terminal(made):
        console.print(part)
    printed = stream.getvalue()
    assert "2026-02-02" in printed
    assert UNCORRECTED in printed
    assert "Feeds: 1 quiet." in printed
    assert "[red]Outlet[/red] (2026-02-15)" in printed


def test_gaps_are_drawn_as_gaps() -> None:
    counts = {"articles": [30, 30], "hopeful_peace": [10, 12], "appeasement": [5, 9], "mixed": [0, 0]}
    weekly = pd.DataFrame({"date": ["2026-01-05", "2026-01-26"], "neither": [15, 9], **counts})
    from media_coverage.estimate import with_intervals

    events = pd.DataFrame({"date": [], "name": []})
    chart = charts.trend(with_intervals(weekly, DEFAULT_FRAMES), events, DEFAULT_FRAMES, NO_GAPS)
    (rows,) = [rows for rows in chart.to_dict()["datasets"].values() if any("share" in row for row in rows)]
    missing = {str(row["week"])[:10] for row in rows if row["share"] is None}
    assert missing == {"2026-01-12", "2026-01-19"}


def test_event_names_cannot_break_out_of_the_drawing() -> None:
    weekly = pd.DataFrame(
        {"date": ["2026-01-05", "2026-01-12"], "articles": [30, 30], "hopeful_peace": [10, 12], "appeasement": [5, 9],
         "mixed": [0, 0], "neither": [15, 9]}
    )  # fmt: skip
    from media_coverage.estimate import with_intervals

    events = pd.DataFrame({"date": ["2026-01-07"], "name": ["</text><script>alert(1)</script>"]})
    drawn = charts.svg(charts.trend(with_intervals(weekly, DEFAULT_FRAMES), events, DEFAULT_FRAMES, NO_GAPS))
    root = ET.fromstring(drawn)  # noqa: S314 - our own drawing
    assert not [element for element in root.iter() if "script" in element.tag.lower()]
    assert "http://127" not in drawn
    assert "vega" not in drawn.replace("vega-", "")
