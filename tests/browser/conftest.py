"""A real browser over what people see. `make test-browser` runs these; the core suite does not collect them.

Every page watches itself: a message on the console, an exception of a script, or a request to any host but this one
fails the test, whatever else it looked at.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Nothing of the browser's own may go out either.
QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-default-apps --host-resolver-rules=MAP~*~127.0.0.1"
)
HERE = {"127.0.0.1", "localhost", ""}
SERIOUS = {"serious", "critical"}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    named = os.environ.get("MEDIA_COVERAGE_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    if named is None:
        pytest.fail("no Chromium is installed (Debian: apt-get install chromium), nor named by MEDIA_COVERAGE_BROWSER")
    with sync_playwright() as playwright:
        arguments = [argument.replace("~", " ") for argument in QUIET.split()]
        started = playwright.chromium.launch(executable_path=named, args=arguments)
        yield started
        started.close()


@dataclass
class Watched:
    """A page, and what went wrong on it."""

    page: Page
    faults: list[str] = field(default_factory=list)

    def serious(self, part: str | None = None) -> list[str]:
        """Serious faults of accessibility on the page, or in the part that a selector names."""
        found: list[dict[str, Any]] = Axe().run(self.page, context=part).response["violations"]
        return [
            f"{fault['id']}: {node['html'][:200]}"
            for fault in found
            if fault["impact"] in SERIOUS
            for node in fault["nodes"]
        ]

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.fixture
def watch(browser: Browser) -> Iterator[Callable[..., Watched]]:
    """Opens pages in contexts of their own: `watch(address, width=…, color_scheme=…)`."""
    opened: list[Watched] = []

    def open_page(
        address: str, *, width: int = 1200, height: int = 900, only_errors: bool = False, **options: Any
    ) -> Watched:
        """`only_errors` for pages whose program is not ours and says more than that on the console."""
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        watched = Watched(context.new_page())

        def heard(said: Any) -> None:
            if not only_errors or said.type == "error":
                watched.faults.append(f"console {said.type}: {said.text}")

        watched.page.on("console", heard)
        watched.page.on("pageerror", lambda error: watched.faults.append(f"script: {error}"))

        def asked(request: Any) -> None:
            parts = urlsplit(request.url)
            if parts.scheme not in {"data", "blob", "file"} and parts.hostname not in HERE:
                watched.faults.append(f"request to {request.url}")

        watched.page.on("request", asked)
        opened.append(watched)
        watched.page.set_default_navigation_timeout(120_000)  # a page may start a kernel first
        watched.page.goto(address)
        return watched

    yield open_page
    faults = [fault for watched in opened for fault in watched.faults]
    for watched in opened:
        watched.page.context.close()
    assert not faults
