"""Real feeds as published, where a collection of them lies beside the checkout (they may not be redistributed)."""

from __future__ import annotations

import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import feedparser
import pytest
from conftest import FakeClassifier, make_config

from media_coverage import config as configuration
from media_coverage import pipeline
from media_coverage.prose import clean, plain
from media_coverage.records import FetchOutcome
from media_coverage.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
FEEDS = ROOT.parent / "shared" / "feeds"

pytestmark = pytest.mark.skipif(
    not FEEDS.is_dir(), reason="no collection of real feeds beside the checkout (../shared/feeds)"
)


class _Handler(SimpleHTTPRequestHandler):
    charset = False

    def guess_type(self, path: Any) -> str:
        """application/xml, or text/xml with the charset that the document declares."""
        if not self.charset:
            return "application/xml"
        declared = re.search(rb"""encoding=["']([\w-]+)""", Path(str(path)).read_bytes()[:200])
        return f"text/xml; charset={declared.group(1).decode() if declared else 'utf-8'}"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is http.server's
        """Silence."""


class _HandlerWithCharset(_Handler):
    charset = True


@pytest.fixture(params=[_Handler, _HandlerWithCharset], ids=["no-charset", "charset"])
def base(request: pytest.FixtureRequest) -> Iterator[str]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(request.param, directory=str(FEEDS)))
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}"
    httpd.shutdown()
    httpd.server_close()
    thread.join()


# feedparser, called here without headers to know what to expect, warns about its own future.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_readable_entry_is_stored_once_and_a_second_run_adds_nothing(base: str, tmp_path: Path) -> None:
    files = sorted(FEEDS.glob("*.xml"))
    outlets = {path.stem: [f"/{path.name}"] for path in files}
    query = configuration.load(ROOT / "feeds.yaml").topic.query
    config = make_config(base, outlets, folder=tmp_path, query=query, timeout_seconds=60)

    first = pipeline.run(config, classifier=FakeClassifier())
    second = pipeline.run(config, classifier=FakeClassifier())

    assert {result.outcome for result in first.feeds} <= {FetchOutcome.OK, FetchOutcome.DAMAGED}
    assert (second.new_articles, second.new_versions, second.labelled) == (0, 0, 0)
    with open_store(config.database) as store:
        stored = store.query("SELECT f.url AS feed, v.title, v.summary, a.url FROM sighting s "
                             "JOIN feed f ON f.id = s.feed_id JOIN article a ON a.id = s.article_id "
                             "JOIN article_version v ON v.article_id = a.id")  # fmt: skip
        assert not store.query("SELECT url, title, summary, count(*) FROM v_versions GROUP BY 1, 2, 3, article_id "
                               "HAVING count(*) > 1").shape[0]  # fmt: skip
        assert store.counts()["passed_gate"] > 50
    have = {(row.feed.rpartition("/")[2], row.title or row.summary) for row in stored.itertuples()}
    for path in files:
        for entry in feedparser.parse(str(path), sanitize_html=False, resolve_relative_uris=False).entries:
            text = plain(entry.get("title", "")) or plain(entry.get("summary", ""))
            if text:
                assert any((path.name, shown) in have for shown in (text, clean(text))), (path.name, text[:60])
