"""What several test files share: a web server, a database, a classifier and small builders."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
import yaml
from example_database import make_example
from feedserver import FeedServer
from hypothesis import HealthCheck, settings

from media_coverage import cli, config
from media_coverage.classify import ModelInfo
from media_coverage.demo import run_demo
from media_coverage.framing import DEFAULT_FRAMES
from media_coverage.records import Framing, Text
from media_coverage.store import Store, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from media_coverage.config import Config
    from media_coverage.framing import Frames

QUERY = "trump AND putin"

# No test measures time: on a busy machine an example takes as long as it takes, and so does its making.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# A shell starts background jobs deaf to Ctrl-C, and programs that tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests talk to loopback, whatever proxy the machine is behind."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(autouse=True)
def _lines_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a terminal; test_logs.py is about the others."""
    monkeypatch.setenv("MEDIA_COVERAGE_LOG_FORMAT", "text")


@pytest.fixture
def feed_server() -> Iterator[FeedServer]:
    server = FeedServer()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the demo makes, with demo.db and feeds.yaml. Copy it to change anything."""
    folder = tmp_path_factory.mktemp("made") / "demo"
    run_demo(folder)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty database, open for writing."""
    with open_store(tmp_path / "coverage.db", read_only=False) as opened:
        yield opened


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with something in every table (example_database.py). To be read, or copied."""
    return make_example(tmp_path_factory.mktemp("example") / "example.db")


def model_info(version: str = "1", codebook_version: str = "1", frames: Frames = DEFAULT_FRAMES) -> ModelInfo:
    return ModelInfo(
        name="words",
        version=version,
        sha256=version.encode().hex().ljust(64, "0"),
        codebook_version=codebook_version,
        language="en",
        settings={"threshold": 0.5},
        runtime="python",
        frames=frames,
    )


class FakeClassifier:
    """A Classifier that knows a few words: off topic with "football", uncertain with "maybe", quoted with "says"."""

    FIRST = frozenset({"hope", "peace", "breakthrough", "truce"})
    SECOND = frozenset({"appeasement", "betrayal", "capitulation", "reward"})

    def __init__(self, version: str = "1", codebook_version: str = "1", frames: Frames = DEFAULT_FRAMES) -> None:
        self._info = model_info(version, codebook_version, frames)
        self.seen: list[Text] = []

    @property
    def info(self) -> ModelInfo:
        return self._info

    def classify(self, texts: Sequence[Text], *, evidence: bool = False) -> list[Framing]:
        self.seen += texts
        return [self._one(text, evidence) for text in texts]

    def _one(self, text: Text, evidence: bool) -> Framing:
        words = set(f"{text.title} {text.summary}".lower().replace(".", " ").replace(",", " ").split())
        first, second, relevant = bool(words & self.FIRST), bool(words & self.SECOND), "football" not in words
        frames = self._info.frames
        return Framing(
            relevant=relevant,
            label=frames.label_of(first, second),
            leaning=frames.names[second and not first],
            uncertain="maybe" in words,
            p_relevant=0.9 if relevant else 0.1,
            p=(0.9 if first else 0.1, 0.8 if second else 0.2),
            evidence=text.title if evidence else "",
            p_own=(0.2 if "says" in words else 0.7) if first or second else None,
        )


def frames_entry(frames: Frames) -> dict[str, dict[str, str]]:
    """The frames as feeds.yaml spells them."""
    return {
        frame.name: {"output": frame.output, "title": frame.title, "description": frame.description}
        for frame in frames.both
    }


def config_text(
    base_url: str,
    outlets: Mapping[str, Sequence[str]] | None = None,
    *,
    query: str = QUERY,
    groups: Mapping[str, str] | None = None,
    frames: Frames | None = None,
    **network: object,
) -> str:
    """A feeds.yaml for feeds under `base_url`: outlets as name → paths, keywords as in `network`."""
    outlets = {"Morning Ledger": ["/ledger.xml"]} if outlets is None else outlets
    return yaml.safe_dump(
        {
            "topic": {
                "name": "The meeting",
                "query": query,
                "events": [{"date": "2026-02-03", "name": "First day of talks"}],
            },
            **({} if frames is None else {"frames": frames_entry(frames)}),
            "network": {"allow_addresses": ["127.0.0.0/8"], "host_gap_seconds": 0, "timeout_seconds": 10} | network,
            "outlets": [
                {
                    "name": name,
                    "group": (groups or {}).get(name, "uk"),
                    "country": "GB",
                    "feeds": [base_url.rstrip("/") + path for path in paths],
                }
                for name, paths in outlets.items()
            ],
        },
        sort_keys=False,
    )


def make_config(
    base_url: str,
    outlets: Mapping[str, Sequence[str]] | None = None,
    *,
    folder: Path = Path(),
    query: str = QUERY,
    groups: Mapping[str, str] | None = None,
    frames: Frames | None = None,
    **network: object,
) -> Config:
    """`config_text`, validated as if it were `folder`/feeds.yaml."""
    text = config_text(base_url, outlets, query=query, groups=groups, frames=frames, **network)
    return config.parse(text, folder / "feeds.yaml")


@dataclass(frozen=True)
class Item:
    """An item of a feed; link and guid follow from the title unless given, "" leaves them out."""

    title: str
    summary: str = ""
    published: str = "Tue, 03 Feb 2026 09:00:00 GMT"
    link: str | None = None
    guid: str | None = None

    def xml(self) -> str:
        link = f"https://ledger.example/{'-'.join(self.title.lower().split())}" if self.link is None else self.link
        parts = {
            "title": self.title,
            "link": link,
            "guid": link if self.guid is None else self.guid,
            "description": self.summary,
            "pubDate": self.published,
        }
        return "".join(
            ["<item>", *(f"<{tag}>{escape(text)}</{tag}>" for tag, text in parts.items() if text), "</item>"]
        )


def rss(items: Sequence[Item | str], *, title: str = "Morning Ledger", language: str = "en") -> bytes:
    """An RSS 2.0 document; a bare string is an item's headline."""
    listed = "".join((Item(item) if isinstance(item, str) else item).xml() for item in items)
    return (
        '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>'
        f"<title>{escape(title)}</title><link>https://ledger.example/</link><description>News</description>"
        f"<language>{language}</language>{listed}</channel></rss>"
    ).encode()


class Result(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command in this process."""
    for name in ("MEDIA_COVERAGE_CONFIG", "MEDIA_COVERAGE_DB"):
        monkeypatch.delenv(name, raising=False)

    def invoke(*arguments: str | Path) -> Result:
        code = 0
        try:
            cli.main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
        printed = capsys.readouterr()
        return Result(code, printed.out, printed.err)

    return invoke
