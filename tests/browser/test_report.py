"""The report as a reader meets it: light, dark, phone, paper, no scripts, keyboard alone, and with hostile text."""

from __future__ import annotations

import re
import subprocess
import sys
from html import escape
from typing import TYPE_CHECKING, Any

import pytest
from feedserver import FeedServer, Response

from media_coverage import config, pipeline
from media_coverage.classify import load_classifier

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    Watch = Callable[..., Any]

PHONE = {"width": 390, "height": 844, "is_mobile": True, "has_touch": True}


def made(database: Path, page: Path) -> str:
    """The address of a report, made by the command."""
    program = "import sys; from media_coverage.cli import main; main(sys.argv[1:])"
    subprocess.run(
        [sys.executable, "-c", program, "report", "--db", str(database), "--out", str(page)],
        check=True,
        capture_output=True,
    )
    return page.as_uri()


@pytest.fixture(scope="module")
def report(demo: Path) -> str:
    return made(demo / "demo.db", demo / "report.html")


def shown(page: Page) -> int:
    return page.locator("#articles tbody tr[data-date]:visible").count()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [{"width": 1200}, PHONE], ids=["desk", "phone"])
def test_it_is_legible_and_accessible(watch: Watch, report: str, scheme: str, size: dict[str, Any]) -> None:
    seen = watch(report, color_scheme=scheme, **size)
    assert seen.page.locator("h1").inner_text() == "Valletta summit (invented)"
    assert seen.overflow() <= 0
    assert seen.serious() == []


def test_dark_is_dark(watch: Watch, report: str) -> None:
    def brightness(scheme: str) -> int:
        page = watch(report, color_scheme=scheme).page
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", colour)[:3]))

    assert brightness("dark") < 200 < 600 < brightness("light")


def test_the_table_filters_and_sorts(watch: Watch, report: str) -> None:
    page = watch(report).page
    every = shown(page)
    assert every > 100
    page.select_option("select[name=label]", "appeasement")
    some = shown(page)
    assert 0 < some < every
    assert set(page.locator("#articles tbody tr[data-date]:visible .tag").all_inner_texts()) == {"Appeasement"}
    page.fill("input[name=words]", "no headline says this")
    assert shown(page) == 0
    assert page.locator("#found").inner_text().startswith("0 of ")
    page.click("button[name=all]")
    assert shown(page) == every
    page.click("thead button:has-text('outlet')")
    outlets = page.locator("#articles tbody tr[data-date] td:nth-child(2)").all_inner_texts()
    assert [name.lower() for name in outlets] == sorted(name.lower() for name in outlets)
    assert page.locator("th[aria-sort=ascending]").inner_text() == "outlet"


def test_a_point_leads_to_its_articles(watch: Watch, report: str) -> None:
    page = watch(report).page
    every = shown(page)
    point = page.locator("#trend-1 svg a").nth(3)
    href = point.get_attribute("href") or point.get_attribute("xlink:href")
    assert href
    assert href.startswith("#week-")
    first = page.locator(href).get_attribute("data-from")
    last = page.locator(href).get_attribute("data-to")
    point.dispatch_event("click")
    assert 0 < shown(page) < every
    dates = page.locator("#articles tbody tr[data-date]:visible td:first-child").all_inner_texts()
    assert all(first <= day <= last for day in dates)


def test_every_link_inside_leads_somewhere(watch: Watch, report: str) -> None:
    page = watch(report).page
    missing = page.evaluate(
        "[...document.querySelectorAll('a')].map(a => a.getAttribute('href') || a.getAttribute('xlink:href'))"
        ".filter(h => h && h.startsWith('#') && !document.getElementById(decodeURIComponent(h.slice(1))))"
    )
    assert missing == []


def test_without_scripts_everything_is_there(watch: Watch, report: str) -> None:
    page = watch(report, java_script_enabled=False).page
    assert page.locator("#articles tbody tr[data-date]").count() > 100
    assert page.locator("#trend-1 svg").is_visible()
    page.click("label[for=mix-2]")  # style sheets alone
    assert page.locator("#trend-2 svg").is_visible()
    assert not page.locator("#trend-1 svg").is_visible()


def test_the_keyboard_reaches_what_the_mouse_does(watch: Watch, report: str) -> None:
    page = watch(report).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the trend"
    page.keyboard.press("Enter")
    assert page.url.endswith("#trend")
    for _ in range(400):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "words":
            break
    page.keyboard.type("summit")
    assert 0 < shown(page) < page.locator("#articles tbody tr[data-date]").count()


def test_paper_shows_the_charts_and_no_controls(watch: Watch, report: str) -> None:
    page = watch(report).page
    page.emulate_media(media="print")
    assert page.locator("#trend-1 svg").is_visible()
    assert not page.locator("#filter").is_visible()


HOSTILE = (
    '<script>document.title = "owned"</script> Trump Putin Ukraine talks',
    'Trump Putin Ukraine "><img src=x onerror="document.title=\'owned\'">',
    "Trump Putin Ukraine </script><script>document.title='owned'</script>",
    "\u202eTrump Putin Ukraine \u0645\u062d\u0627\u062f\u062b\u0627\u062a",
    "Trump Putin Ukraine 🕊️🔥 {{ 7 * 7 }} ${7 * 7}",
    "Trump Putin Ukraine " + "unbroken" * 240,
)


FEEDS = """
topic: {{name: 'The <meeting>', query: trump}}
outlets: [{{name: 'Post <b onload="x">', group: uk, feeds: ['{url}a.xml']}}]
network: {{allow_addresses: [127.0.0.1], host_gap_seconds: 0}}
"""


def test_hostile_headlines_stay_in_their_box(watch: Watch, tmp_path: Path) -> None:
    items = "".join(
        f"<item><title>{escape(title)}</title><link>https://press.example/{n}</link></item>"
        for n, title in enumerate(HOSTILE)
    )
    server = FeedServer()
    try:
        server.serve("/a.xml", Response(f'<rss version="2.0"><channel>{items}</channel></rss>'.encode()))
        settings = config.parse(FEEDS.format(url=server.url()), tmp_path / "feeds.yaml")
        summary = pipeline.run(settings, database=tmp_path / "x.db", classifier=load_classifier())
    finally:
        server.close()
    assert summary.new_articles == len(HOSTILE)
    for size in ({"width": 1200}, PHONE):
        seen = watch(made(tmp_path / "x.db", tmp_path / "x.html"), **size)
        assert "owned" not in seen.page.title()
        assert seen.overflow() <= 0
        assert seen.page.locator("script").count() <= 1
        assert seen.page.locator("img").count() == 0
