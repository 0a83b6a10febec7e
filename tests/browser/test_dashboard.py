"""The dashboard as Voilà serves it: it loads without its code, its controls change what is shown, and it stays here."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from feedserver import unused_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

    Watch = Callable[..., Any]

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
PATIENCE = 120_000
"""Milliseconds that a kernel may take to start and compute."""

PHONE = {"width": 390, "height": 844, "is_mobile": True, "has_touch": True}
TREND = ".mc [aria-label=Trend] svg"


@pytest.fixture(scope="module")
def dashboard(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the dashboard, served by the command of `make dashboard` on a port that is free."""
    port = unused_port()
    said = tmp_path_factory.mktemp("voila") / "log"
    environment = os.environ | {"MEDIA_COVERAGE_DB": str(demo / "demo.db"), "JUPYTER_PATH": str(NOTEBOOKS)}
    for place in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):  # nothing of the user's own Jupyter
        environment[place] = str(tmp_path_factory.mktemp("jupyter"))
    command = [sys.executable, "-m", "voila", str(NOTEBOOKS / "dashboard.ipynb"), f"--port={port}", "--no-browser"]
    options = ["--Voila.ip=127.0.0.1", "--strip_sources=True", "--template=dashboard", "--Voila.port_retries=0"]
    with said.open("w") as log:
        server = subprocess.Popen([*command, *options], env=environment, stdout=log, stderr=log)
        try:
            yield wait_for(f"http://127.0.0.1:{port}/", server, said)
        finally:
            server.terminate()
            try:
                server.wait(30)  # its kernels end first
            except subprocess.TimeoutExpired:
                server.kill()


def wait_for(address: str, server: subprocess.Popen[bytes], said: Path) -> str:
    """The address as soon as somebody listens there."""
    parts = urlsplit(address)
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection((parts.hostname or "", parts.port or 0), 1):
            return address
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(0.2)
            break
    pytest.fail(f"Voilà did not start: {said.read_text(encoding='utf-8')}")


def opened(watch: Watch, address: str, **options: Any) -> Any:
    """The page with all its parts drawn: trend, composition, and the articles of the newest period, unfolded."""
    seen = watch(address, only_errors=True, **options)
    for part in (TREND, ".mc [aria-label='Shares by group'] svg", ".mc details[open] tbody tr"):
        seen.page.locator(part).first.wait_for(timeout=PATIENCE)
    return seen


def control(page: Page, name: str) -> Any:
    return page.get_by_label(name, exact=True)


def told(page: Page, words: str) -> None:
    """Wait until the line above the chart says this."""
    page.locator(".mc-said[role=status]", has_text=words).wait_for(timeout=PATIENCE)


def earliest(page: Page) -> str:
    """The first day of all articles that are listed, folded ones too."""
    return min(page.locator(".mc tr:has(td.words) td:first-child").all_text_contents())


def test_controls_change_chart_and_table(watch: Watch, dashboard: str) -> None:
    seen = opened(watch, dashboard)
    page = seen.page
    assert page.title() == "Framing dashboard"
    assert page.locator(".jp-InputArea-editor").count() == 0  # no code
    told(page, "of 19 outlets")
    chart = page.locator(TREND)
    before = chart.inner_html()
    control(page, "Groups").select_option("uk")
    told(page, "of 2 outlets")
    assert chart.count() == 0  # too few articles in each of the weeks
    control(page, "Points for").select_option("Months")
    chart.wait_for(timeout=PATIENCE)
    assert chart.inner_html() != before
    outlets = page.locator(".mc td:nth-child(2)[dir=auto]").all_text_contents()  # of folded sections too
    assert set(outlets) == {"Northern Clarion", "The Thames Courier"}
    offered = control(page, "Outlets").locator("option").all_inner_texts()  # with spaces that do not break
    assert [" ".join(name.split()) for name in offered] == ["Northern Clarion", "The Thames Courier"]
    control(page, "Estimator").select_option("uncorrected, Wilson")
    page.locator(".mc p.soft", has_text="95 % intervals: Wilson").first.wait_for(timeout=PATIENCE)
    assert earliest(page) < "2026-02-01"
    control(page, "From").fill("2026-02-01")
    control(page, "From").press("Tab")
    told(page, "2026-02-01 to")
    assert earliest(page) >= "2026-02-01"
    control(page, "From").fill("2030-01-01")
    control(page, "From").press("Tab")
    told(page, "choose more of them")
    assert page.locator(".mc svg").count() == 0


def test_a_point_leads_to_its_articles(watch: Watch, dashboard: str) -> None:
    page = opened(watch, dashboard).page
    point = page.locator(f"{TREND} a").nth(2)
    href = point.get_attribute("href")
    assert href
    section = page.locator(f"[id='{href.removeprefix('#')}']")
    assert section.count() == 1
    assert not section.is_visible()  # its period is folded
    point.dispatch_event("click")
    section.locator("tbody tr").first.wait_for(state="visible", timeout=PATIENCE)
    links = section.locator("a")
    assert links.count() > 0
    assert all(href.startswith(("http://", "https://")) for href in (a.get_attribute("href") for a in links.all()))


@pytest.mark.parametrize("size", [{"width": 1200}, PHONE], ids=["desk", "phone"])
def test_it_fits_the_window_and_is_accessible(watch: Watch, dashboard: str, size: dict[str, Any]) -> None:
    seen = opened(watch, dashboard, **size)
    assert seen.overflow() <= 0
    assert seen.serious(".mc") == []
    if kept := os.environ.get("MEDIA_COVERAGE_SCREENSHOTS"):
        seen.page.screenshot(path=f"{kept}/dashboard-{size['width']}.png", full_page=True)
