"""The page and the terminal: hostile text stays text, every share has its number and interval, nothing is dropped."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html.parser import HTMLParser
from io import StringIO
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import feedparser
import pandas as pd
import pytest
from conftest import FakeClassifier, Item, make_config, rss
from feedserver import FeedServer, Response
from rich.console import Console

from media_coverage import charts, pipeline, report
from media_coverage.digest import escaped
from media_coverage.errors import TrendError
from media_coverage.estimate import UNCORRECTED
from media_coverage.framing import DEFAULT_FRAMES
from media_coverage.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

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
        self.scripts: list[str] = []
        self.text: list[str] = []
        self._in: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._in = tag if tag in {"script", "style"} else None
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - the signature is the parser's
        self._in = None

    def handle_data(self, data: str) -> None:
        if self._in is None:
            self.text.append(data)
        elif self._in == "script":
            self.scripts.append(data)

    def values(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]


def material(server: FeedServer, folder: Path, items: list[Item], outlet: str = "Morning Ledger") -> report.Material:
    server.serve("/ledger.xml", Response(rss(items)))
    config = make_config(server.url(), {outlet: ["/ledger.xml"]}, folder=folder)
    pipeline.run(config, classifier=FakeClassifier(), clock=lambda: MADE_AT)
    with open_store(config.database) as store:
        return report.Material.from_store(store, MADE_AT, "", "9999")


@pytest.fixture(scope="module")
def sixty(tmp_path_factory: pytest.TempPathFactory) -> report.Material:
    """What a report on two weeks with 60 articles of one outlet is made of."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            patch.delenv(name, raising=False)
            patch.delenv(name.upper(), raising=False)
        server = FeedServer()
        try:
            return material(server, tmp_path_factory.mktemp("sixty"), many(60))
        finally:
            server.close()


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
    assert not {"img", "iframe", "object", "embed", "b onload"} & set(page.tags)
    assert page.tags.count("script") == 1
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert "{{ 7 * 7 }}" in text
    assert "&lt;b&gt;Evil &amp; Sons&lt;/b&gt;" in text
    assert len(made.articles) == len(HOSTILE)


def test_only_web_addresses_become_links(feed_server: FeedServer, tmp_path: Path) -> None:
    links = ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "https://good.example/a?b=1&c=2"]
    items = [Item(f"Trump and Putin hope number {i}", link=link, guid=f"g{i}") for i, link in enumerate(links)]
    page = Page(report.html(material(feed_server, tmp_path, items)))
    assert {v for v in page.values("href") if not v.startswith("#")} == {"https://good.example/a?b=1&c=2"}


def test_the_page_is_self_contained(sixty: report.Material) -> None:
    page = Page(report.html(sixty))
    assert not {"link", "img", "iframe"} & set(page.tags)
    assert page.values("src") == []
    (script,) = page.scripts
    (policy,) = [value for value in page.values("content") if "default-src" in value]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; script-src 'sha256-{digest}';" in policy
    assert not re.search(r"fetch|XMLHttpRequest|import|eval|innerHTML|https?:", script)


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
    assert text.lower().count(UNCORRECTED) >= 5
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
    text = report.html(made)
    assert "%" not in "".join(re.findall(r"<td class=\"num\">.*?</td>", text))
    assert "no line can be drawn" in text
    assert "Too few framed articles" in report.headline(made)


def test_all_articles_are_listed_with_scores_and_the_deciding_sentence(feed_server: FeedServer, tmp_path: Path) -> None:
    made = material(feed_server, tmp_path, many(30))
    text = report.html(made)
    for title in made.articles["title"]:
        assert f"<mark>{title}</mark>" in text
    assert text.count('<tr id="a') == 30
    assert "0.90" in text


def test_a_cut_list_says_so_and_how_to_get_the_rest(feed_server: FeedServer, tmp_path: Path) -> None:
    material(feed_server, tmp_path, many(60))
    with open_store(tmp_path / "media-coverage.db") as store:
        made = report.Material.from_store(store, MADE_AT, "", "9999", listed=10)
    assert len(made.articles) < 60
    text = report.html(made)
    page = Page(text)
    assert re.search(r"showing \d+ of 32, all: <code>SELECT \* FROM v_articles", text)
    assert f"… and {60 - len(made.articles)} more" in text
    wanted = {value[1:] for value in page.values("href") if value.startswith("#")}
    assert wanted <= set(page.values("id"))
    # What the page says how to get is what is there.
    with open_store(tmp_path / "media-coverage.db") as store:
        (one, other) = (
            store.query(sql.replace("&#39;", "'")) for sql in re.findall(r"all: <code>(SELECT [^<]*)</code>", text)
        )
    assert len(one) + len(other) == 60


def test_an_empty_database_makes_a_page_and_not_an_error(feed_server: FeedServer, tmp_path: Path) -> None:
    made = material(feed_server, tmp_path, [])
    text = report.html(made)
    assert "nothing to draw yet" in text
    assert "<script" not in text
    assert "No on-topic article yet." in report.headline(made)


@pytest.mark.parametrize("count", [1, 2])
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
    assert f"<del><bdi>{before.title}</bdi></del>" in text
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


def spread(count: int, days: int, start: datetime = datetime(2026, 1, 5, 9, tzinfo=UTC)) -> list[Item]:
    """Articles over so many days, each with words of its own."""
    words = ("hope", "betrayal", "talks", "peace")
    return [
        Item(
            f"Trump and Putin note {i} tells of {words[i % 4]}",
            published=format_datetime(start + timedelta(days=days * i / count)),
            link=f"https://ledger.example/{i}",
        )
        for i in range(count)
    ]


def test_points_of_several_weeks_have_an_anchor_of_their_own(feed_server: FeedServer, tmp_path: Path) -> None:
    """Weeks with too few articles are put together, and the line goes through them."""
    page = Page(report.html(material(feed_server, tmp_path, spread(60, 56))))
    ids, wanted = set(page.values("id")), {v[1:] for v in page.values("href") if v.startswith("#")}
    several = {name for name in wanted if re.fullmatch(r"week-2026-\d\d-\d\d-2026-\d\d-\d\d", name)}
    assert several
    assert wanted <= ids


def test_each_point_says_what_it_is(sixty: report.Material) -> None:
    text = report.html(sixty)
    titles = re.findall(r"<a href=\"#week-[^>]*><path aria-label=\"([^\"]*)\"[^>]*><title>([^<]*)</title>", text)
    assert any(
        re.fullmatch(r"week of 2 February 2026: Appeasement \d+ % \[\d+–\d+\] of \d+ articles", t) for _, t in titles
    )
    assert all(label == title for label, title in titles)


def test_many_outlets_are_all_in_the_table_and_the_largest_in_the_picture(
    feed_server: FeedServer, tmp_path: Path
) -> None:
    outlets = {}
    for i in range(500):
        items = [
            Item(f"Trump and Putin hope {i} {k}", link=f"https://o{i}.example/{k}") for k in range(15 if i < 42 else 1)
        ]
        feed_server.serve(f"/{i}.xml", Response(rss(items)))
        outlets[f"Outlet {i:03}"] = [f"/{i}.xml"]
    config = make_config(feed_server.url(), outlets, folder=tmp_path)
    pipeline.run(config, classifier=FakeClassifier(), clock=lambda: MADE_AT)
    with open_store(config.database) as store:
        made = report.Material.from_store(store, MADE_AT, "", "9999")
    page = Page(report.html(made))
    ids = set(page.values("id"))
    assert {f"outlet-{charts.anchor(name)}" for name in outlets} <= ids
    assert {value[1:] for value in page.values("href") if value.startswith("#")} <= ids
    assert "(the 40 with most)" in "".join(page.text)
    assert report.totals(made)["articles"] == 42 * 15 + 458


def test_dates_that_span_years_are_told_by_months(feed_server: FeedServer, tmp_path: Path) -> None:
    old = spread(40, 900, datetime(2022, 6, 1, tzinfo=UTC))
    made = material(
        feed_server,
        tmp_path,
        [*old, *(Item(f"Trump Putin hope {i}", link=f"https://n.example/{i}") for i in range(20))],
    )
    assert made.period == "month"
    page = Page(report.html(made))
    assert {v[1:] for v in page.values("href") if v.startswith("#")} <= set(page.values("id"))
    assert len(made.articles) == 60
    assert "In February 2026," in "".join(page.text)


def test_a_headline_of_two_thousand_characters_stays_whole(feed_server: FeedServer, tmp_path: Path) -> None:
    long = "Trump and Putin hope " + "x" * 1980
    made = material(feed_server, tmp_path, [Item(long, link="https://x.example/1")])
    page = Page(report.html(made))
    assert (
        sum(long in text for text in page.text) == 4
    )  # clearest, in the table, and in the lists of its group and outlet


def test_a_report_is_made_while_a_run_writes(feed_server: FeedServer, tmp_path: Path) -> None:
    made = material(feed_server, tmp_path, many(40))
    with open_store(tmp_path / "media-coverage.db", read_only=False) as writer:
        reading, done = threading.Event(), []

        def read() -> None:
            reading.wait()
            with open_store(tmp_path / "media-coverage.db") as store:
                done.append(report.Material.from_store(store, MADE_AT, "", "9999"))

        thread = threading.Thread(target=read)
        thread.start()
        with writer._writing():
            writer._db.execute("DELETE FROM daily_frames")
            reading.set()
            thread.join()
            # What is not committed yet is not seen.
            assert done[0].daily.equals(made.daily)
            writer._db.execute("INSERT INTO changed_day VALUES ('2026-02-02')")
    assert report.html(done[0]) == report.html(made)


def test_one_outlet_and_one_article(feed_server: FeedServer, tmp_path: Path) -> None:
    made = material(feed_server, tmp_path, [Item("Trump and Putin hope once", link="https://x.example/1")])
    text = report.html(made)
    assert "1 outlet brought 1 on-topic article;" in text
    assert "No share can be given" in text
    assert "So nothing is said here about change." in text


FORMATS = list(report.FORMATS)


@pytest.mark.parametrize(
    ("form", "by"),
    [(form, None) for form in FORMATS]
    + [(form, by) for form in ("md", "csv", "json", "svg") for by in ("group", "outlet", "country")]
    + [("html", "country"), ("png", "outlet"), ("pdf", "group")],
)
def test_every_format_and_comparison(sixty: report.Material, form: str, by: str | None) -> None:
    content = report.FORMATS[form](sixty, by)
    begins = {"html": "<!doctype html>", "md": "# The meeting", "atom": "<?xml", "svg": "<svg", "json": "{", "csv": ""}
    if isinstance(content, bytes):
        assert content.startswith({"png": b"\x89PNG", "pdf": b"%PDF"}[form])
    else:
        assert content.startswith(begins[form])
        assert not re.search(r"\bnan\b", content, re.IGNORECASE)


def test_a_report_by_country_links_to_countries(sixty: report.Material) -> None:
    page = Page(report.html(sixty, "country"))
    assert "country-GB" in page.values("id")
    assert {value[1:] for value in page.values("href") if value.startswith("#")} <= set(page.values("id"))


def test_every_format_of_an_empty_database(feed_server: FeedServer, tmp_path: Path) -> None:
    made = material(feed_server, tmp_path, [])
    for form, write in report.FORMATS.items():
        if form in {"svg", "png", "pdf"}:
            with pytest.raises(TrendError, match="too few on-topic articles for a picture"):
                write(made, None)
        else:
            assert write(made, None)


def test_json_holds_the_numbers_of_the_page(sixty: report.Material) -> None:
    told = json.loads(report.FORMATS["json"](sixty, "outlet"))
    assert len(told["news"]["sentences"]) == 3
    assert told["outlet"][0]["articles"] == 60
    assert {row["composition"] for row in told["trend"]} == {"item-weighted", "outlet-equal", "fixed panel"}
    assert told["totals"]["articles"] == 60


def test_a_spreadsheet_runs_no_name_of_an_outlet(feed_server: FeedServer, tmp_path: Path) -> None:
    made = material(feed_server, tmp_path, many(20), outlet='=HYPERLINK("https://evil.example")')
    frame = pd.read_csv(io.StringIO(str(report.FORMATS["csv"](made, "outlet"))))
    assert frame["outlet"].tolist() == ['\'=HYPERLINK("https://evil.example")']
    assert frame["index_low"].dtype == float
    assert frame["index_low"].iloc[0] < 0


def test_the_feed_of_labels_can_be_read_by_a_feed_reader(feed_server: FeedServer, tmp_path: Path) -> None:
    items = [
        Item(f"Trump and Putin hope {i} {text}", f"{text} more", link=f"https://x.example/{i}")
        for i, text in enumerate(HOSTILE)
    ]
    made = material(feed_server, tmp_path, items, outlet="<b>Evil & Sons</b>")
    text = str(report.FORMATS["atom"](made, None))
    parsed = feedparser.parse(text.encode(), sanitize_html=False)
    assert not parsed["bozo"]
    assert parsed["version"] == "atom10"
    assert len(parsed["entries"]) == len(HOSTILE)
    assert {entry["title"] for entry in parsed["entries"]} == set(made.articles["title"])
    assert {entry["author"] for entry in parsed["entries"]} == {"<b>Evil & Sons</b>"}
    assert all({"hopeful_peace", "uk"} == {tag["term"] for tag in entry["tags"]} for entry in parsed["entries"])
    assert len({entry["id"] for entry in parsed["entries"]}) == len(HOSTILE)
    assert str(report.FORMATS["atom"](made, None)) == text


@pytest.mark.parametrize(
    "text", [*HOSTILE, "[x](https://evil.example)", "# heading", "a | b", "https://evil.example", "![x](y)"]
)
def test_the_digest_shows_headlines_as_they_are(text: str) -> None:
    """Read back by the rules of Markdown, a backslash before punctuation is that punctuation and nothing else."""
    spelt = escaped(text)
    assert re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", spelt) == " ".join(text.split())
    assert not re.search(r"(?<!\\)[\[\]<>|`*_#&]", spelt)


def test_the_digest_has_only_links_that_a_browser_may_follow(feed_server: FeedServer, tmp_path: Path) -> None:
    links = ["javascript:alert(1)", "https://good.example/a_(b)?c=1&d=é", "https://good.example/x>y"]
    items = [Item(f"Trump and Putin hope number {i}", link=link, guid=f"g{i}") for i, link in enumerate(links)]
    text = str(report.FORMATS["md"](material(feed_server, tmp_path, items), None))
    assert set(re.findall(r"\]\(<([^>]*)>\)", text)) <= {
        "https://good.example/a_(b)?c=1&d=%C3%A9",
        "https://good.example/x%3Ey",
    }
    assert "javascript" not in text


def test_a_sample_corrects_the_trend_and_says_so(drawn: Path) -> None:
    with open_store(drawn) as store:
        made = report.Material.from_store(store, datetime.now(UTC), "", "9999", sample="audit")
    text = report.html(made)
    assert "corrected by the audit sample audit" in text
    assert (made.points["correction"] == "corrected by the audit sample audit").all()
    assert made.points["value"].notna().any()
    assert "corrected by the audit sample audit" in str(report.FORMATS["md"](made, None))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An invented press with an audit sample that somebody has coded as the labels are."""
    from drawn_press import make_press, titles

    from media_coverage.records import Code
    from media_coverage.sample import OFF_TOPIC, Design

    database = make_press(tmp_path_factory.mktemp("press"), titles(180))
    pipeline.draw_sample(database, "audit", Design(120, 7))
    with open_store(database, read_only=False) as store:
        codes = [
            Code(
                int(version),
                "ann",
                "1",
                label != OFF_TOPIC,
                (label in {first, "mixed"}, label in {second, "mixed"}),
                purpose="audit",
                sample="audit",
            )
            for first, second in [store.frames.names]
            for version, label in store.sample_items("audit")[["version_id", "label"]].itertuples(index=False)
        ]
        store.add_codes(codes, datetime.now(UTC))
    return database
