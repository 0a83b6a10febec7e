"""The demonstration: the bundled sample feeds, served over HTTP on loopback, through the very pipeline of cron.

Only the feed list differs from a real run. All outlets, articles and events of the samples are invented.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from . import config as configuration
from .errors import TrackerError
from .lock import locked
from .pipeline import run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .classify import Classifier
    from .config import Config
    from .pipeline import Progress
    from .records import RunSummary

SAMPLES = Path(__file__).parent / "samples"
EDITIONS = ("first", "second")
"""The feeds as they stand at two fetches: the second has new items and edited headlines."""

PREFERRED_PORT = 8642


@dataclass
class SampleServer:
    """Serves one edition of the sample feeds at a time; what the second does not change stays as it was."""

    base: str
    edition: str = field(default=EDITIONS[0])

    def body(self, name: str) -> bytes | None:
        """The bytes of a feed in the current edition, or None."""
        folders = [self.edition, EDITIONS[0]]
        return next((p.read_bytes() for f in folders if (p := SAMPLES / f / name).is_file()), None)


def _handler(server: SampleServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = Path(self.path).name
            body = server.body(name)
            if body is None:
                self.send_error(404)
                return
            etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            unchanged = self.headers.get("If-None-Match") == etag
            self.send_response(304 if unchanged else 200)
            self.send_header("ETag", etag)
            self.send_header("Content-Type", "text/html" if b"<html" in body[:500].lower() else "application/xml")
            self.send_header("Content-Length", "0" if unchanged else str(len(body)))
            self.end_headers()
            if not unchanged:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is http.server's
            """Silence: the run reports what was fetched."""

    return Handler


@contextlib.contextmanager
def serve_samples(port: int = PREFERRED_PORT) -> Iterator[SampleServer]:
    """Serve the samples on 127.0.0.1; on any free port when `port` is taken."""
    samples = SampleServer("")
    try:
        httpd = ThreadingHTTPServer(("127.0.0.1", port), _handler(samples))
    except OSError:
        httpd = ThreadingHTTPServer(("127.0.0.1", 0), _handler(samples))
    samples.base = f"http://127.0.0.1:{httpd.server_address[1]}"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


def _fresh_folder(folder: Path) -> None:
    """Make the folder and remove what an earlier demo left: its results must not depend on it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / "demo.db", "demo"):
            for old in folder.glob("demo.db*"):
                if old.suffix != ".lock":  # without it a second demo would not notice the first
                    old.unlink()
    except OSError as error:
        raise TrackerError(f"{folder}: the demo cannot write here: {error.strerror}") from error


def run_demo(
    folder: Path,
    classifier: Classifier | None = None,
    progress: Progress | None = None,
    port: int = PREFERRED_PORT,
) -> tuple[Config, list[RunSummary]]:
    """Run the pipeline over both editions into `folder`/demo.db. Returns the configuration and the two summaries."""
    _fresh_folder(folder)
    with serve_samples(port) as samples:
        text = (SAMPLES / "feeds.yaml").read_text(encoding="utf-8").replace("{base}", samples.base)
        path = folder / "feeds.yaml"
        path.write_text(text, encoding="utf-8")
        config = configuration.load(path)
        summaries = []
        for edition in EDITIONS:
            samples.edition = edition
            summaries.append(run(config, classifier=classifier, progress=progress))
    return config, summaries


def database_or_demo(root: Path, environment: Mapping[str, str]) -> Path:
    """The database a notebook should open: the user's, or the demo's, which is made when it is not there yet.

    Looks at MEDIA_COVERAGE_DB in `environment`, then at the database that `root`/feeds.yaml names, then at
    `root`/demo/demo.db.
    """
    if named := environment.get("MEDIA_COVERAGE_DB"):
        return Path(named)
    feeds = root / "feeds.yaml"
    if feeds.exists() and (own := configuration.load(feeds).database).exists():
        return own
    made = root / "demo" / "demo.db"
    if not made.exists():
        run_demo(made.parent)
    return made
