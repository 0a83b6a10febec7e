"""Is everything in place for unattended runs? Each check looks at one part and says what it found and what to do.

Nothing is stored and nothing is repaired. The checks that need the network ask a few feeds of the configuration, as
politely as a run does.
"""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from .errors import TrackerError
from .records import FeedState, FetchOutcome, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from .config import Config
    from .records import Feed, Fetched

OLDEST_PYTHON = (3, 11)
OLDEST_SQLITE = (3, 37)
"""The first with STRICT tables."""

SCARCE_BYTES = 500 * 2**20
"""Free space below which a run of a year's collection may end in the middle."""

TOLERATED_SKEW = timedelta(minutes=2)
"""Between our clock and a server's: beyond it certificates and dates of articles are judged wrongly."""

ASKED_FEEDS = 5
"""Feeds asked when the network is looked at, each of another host."""

EXTRAS = {
    "zero-shot": "torch",
    "fulltext": "trafilatura",
    "parquet": "pyarrow",
    "lake": "duckdb",
    "ray": "ray",
    "warc": "warcio",
    "datasette": "datasette",
    "notebooks": "jupyterlab",
}
"""The extras of pyproject.toml that change what commands can do, and the package that shows whether each is there."""

PROBE = Text("Leaders meet for a second day of talks", "Both sides said that they would go on tomorrow.")
"""Labelled to see that the model runs; what the label is does not matter."""


class State(StrEnum):
    """How bad a finding is. NOT_ASKED: the check was not made, and the finding says why."""

    FINE = "fine"
    NOTE = "note"
    FAULT = "fault"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `advice` is what to do about it, empty where nothing is to be done."""

    check: str
    state: State
    says: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is examined. `config` is None where feeds.yaml cannot be used, and `trouble` says why."""

    config: Config | None
    trouble: TrackerError | None
    database: Path
    now: datetime
    ask: bool = True
    """May the network be used?"""


def _python(_: Subject) -> Finding:
    says = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info < OLDEST_PYTHON:
        return Finding("Python", State.FAULT, says, "install Python 3.11 or newer and make a new environment")
    return Finding("Python", State.FINE, says)


def _sqlite(_: Subject) -> Finding:
    from .store import engine

    version, options = engine()
    says = f"SQLite {'.'.join(map(str, version))}"
    if version < OLDEST_SQLITE:
        return Finding("SQLite", State.FAULT, says, "3.37 or newer is needed (STRICT tables): use a newer Python")
    if "ENABLE_FTS5" not in options:
        advice = "full-text search needs it: use a Python whose SQLite has it, such as those of python.org"
        return Finding("SQLite", State.FAULT, f"{says} without FTS5", advice)
    return Finding("SQLite", State.FINE, f"{says} with FTS5")


def _configuration(subject: Subject) -> Finding:
    if subject.config is None:
        return Finding("configuration", State.FAULT, str(subject.trouble), "`media-coverage init` writes a new one")
    config = subject.config
    says = f"{config.topic.name}: {len(config.feeds)} feeds of {len(config.outlets)} outlets, frames {config.frames}"
    if not config.network.contact:
        advice = "set `contact` under `network`, so that publishers can reach you instead of shutting you out"
        return Finding("configuration", State.NOTE, says, advice)
    return Finding("configuration", State.FINE, says)


def _model(subject: Subject) -> Finding:
    from .classify import load_classifier

    if subject.config is None:
        return Finding("model", State.NOT_ASKED, "feeds.yaml says which, and cannot be used")
    options = subject.config.classifier_options(None, None)
    if str(options["model"]).partition(":")[0] != "embedded":
        says = f"{options['model']}: would have to be loaded from outside"
        return Finding("model", State.NOT_ASKED, says, "`media-coverage score` tries it")
    try:
        classifier = load_classifier(**options)
        (answer,) = classifier.classify([PROBE])
    except TrackerError as error:
        return Finding("model", State.FAULT, str(error), "install the package again, or name another model")
    info = classifier.info
    if answer is None:
        return Finding("model", State.FAULT, f"{info.model_id} gave no answer", "install the package again")
    return Finding("model", State.FINE, f"{info.model_id} (hash checked), one sentence labelled {answer.label}")


def _database(subject: Subject) -> Finding:
    from .store import open_store

    path = subject.database
    if not path.exists():
        return Finding("database", State.NOTE, f"{path} does not exist yet", "`media-coverage run` makes it")
    try:
        with open_store(path) as store:
            ended, damage = store.last_finished_at(), store.integrity()
            counts = store.counts()
    except TrackerError as error:
        return Finding("database", State.FAULT, str(error), "see the message; the file itself was not changed")
    if damage != "ok":
        return Finding("database", State.FAULT, f"{path}: {damage}", "restore a copy, or `sqlite3 FILE .recover`")
    says = f"{path}: {counts['articles']:,} articles, sound"
    if ended is not None and ended > subject.now + TOLERATED_SKEW:
        says = f"{says}; its last run ended in the future ({ended:%Y-%m-%d %H:%M} UTC)"
        return Finding("database", State.FAULT, says, "set the clock: it was wrong then, or is now")
    return Finding("database", State.FINE, f"{says}, last run {f'{ended:%Y-%m-%d %H:%M} UTC' if ended else 'never'}")


def _disk(subject: Subject) -> Finding:
    folder = subject.database.absolute().parent
    if not folder.is_dir():
        return Finding("disk", State.FAULT, f"{folder} does not exist", "make the folder, or change `database`")
    free = shutil.disk_usage(folder).free
    says = f"{free / 2**30:.1f} GiB free at {folder}"
    if free < SCARCE_BYTES:
        return Finding("disk", State.FAULT, says, "free some space, or `media-coverage prune --older-than DAYS`")
    return Finding("disk", State.FINE, says)


def _extras(_: Subject) -> Finding:
    there = [extra for extra, package in EXTRAS.items() if importlib.util.find_spec(package)]
    missing = [extra for extra in EXTRAS if extra not in there]
    says = f"installed: {', '.join(there) or 'none'}; not installed: {', '.join(missing) or 'none'}"
    return Finding("extras", State.FINE, says)


def _of_different_hosts(feeds: Sequence[Feed]) -> list[Feed]:
    from .fetch import host_of

    first: dict[str, Feed] = {}
    for feed in feeds:
        first.setdefault(host_of(feed.url), feed)
    chosen = list(first.values())
    return chosen[:: max(1, len(chosen) // ASKED_FEEDS)][:ASKED_FEEDS]


def _asked(subject: Subject) -> Iterator[Finding]:
    """Network, certificates, clock and feeds, from one round of questions."""
    from .fetch import fetch_all

    names = ("network", "certificates", "clock", "feeds")
    if subject.config is None or not subject.ask:
        why = "--offline" if subject.config is not None else "feeds.yaml says whom to ask, and cannot be used"
        yield from (Finding(name, State.NOT_ASKED, why) for name in names)
        return
    feeds = _of_different_hosts(subject.config.feeds)
    answers = list(fetch_all([(feed, FeedState()) for feed in feeds], subject.config.network))
    yield _network(answers)
    yield _certificates(answers)
    yield clock(answers)
    yield _feeds(answers, len(subject.config.feeds))


def _network(answers: Sequence[Fetched]) -> Finding:
    unreached = [a for a in answers if a.outcome in {FetchOutcome.DNS_ERROR, FetchOutcome.CONNECT_ERROR}]
    says = f"{len(answers) - len(unreached)} of {len(answers)} hosts reached"
    if unreached and len(unreached) == len(answers):
        first = unreached[0]
        advice = "check the connection and the name server; set HTTPS_PROXY where a proxy is needed"
        return Finding("network", State.FAULT, f"{says}: {first.error}", advice)
    return Finding("network", State.NOTE if unreached else State.FINE, says)


def _certificates(answers: Sequence[Fetched]) -> Finding:
    secure = [a for a in answers if (a.final_url or a.feed.url).startswith("https:")]
    refused = [a for a in secure if a.outcome is FetchOutcome.TLS_ERROR]
    reached = [a for a in secure if a.status is not None or a in refused]
    if not reached:
        return Finding("certificates", State.NOT_ASKED, "no host was reached over HTTPS")
    says = f"{len(reached) - len(refused)} of {len(reached)} hosts proved who they are"
    if len(refused) == len(reached):
        advice = "set the clock; install the system's certificates, or name your company's with SSL_CERT_FILE"
        return Finding("certificates", State.FAULT, f"{says}: {refused[0].error}", advice)
    return Finding("certificates", State.NOTE if refused else State.FINE, says)


def clock(answers: Iterable[Fetched]) -> Finding:
    """Our clock against what servers say it is: the median difference, in seconds, of those that say it.

    A Date header may be as old as a cache is, so only a difference that most hosts share counts.
    """
    skews = sorted(skew for skew in map(_skew, answers) if skew is not None)
    if not skews:
        return Finding("clock", State.NOT_ASKED, "no host said what time it is")
    skew = skews[len(skews) // 2]
    side = "ahead of" if skew > timedelta() else "behind"
    says = f"{abs(skew.total_seconds()):.0f} s {side} what {len(skews)} hosts say"
    if abs(skew) > TOLERATED_SKEW:
        return Finding("clock", State.FAULT, says, "set the clock (timedatectl set-ntp true)")
    return Finding("clock", State.FINE, says)


def _skew(answer: Fetched) -> timedelta | None:
    try:
        theirs = parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError):
        return None
    if theirs.tzinfo is None:
        return None
    return answer.started_at - theirs


def _feeds(answers: Sequence[Fetched], listed: int) -> Finding:
    working = sum(a.outcome.succeeded for a in answers)
    says = f"{working} of {len(answers)} asked answered with a document ({listed} listed)"
    advice = "`media-coverage feeds check` asks every one"
    if not working:
        return Finding("feeds", State.FAULT, f"{says}; {answers[0].feed.url}: {answers[0].error}", advice)
    return Finding("feeds", State.FINE if working == len(answers) else State.NOTE, says, advice)


CHECKS: dict[str, Callable[[Subject], Finding]] = {
    "Python": _python,
    "SQLite": _sqlite,
    "configuration": _configuration,
    "model": _model,
    "database": _database,
    "disk": _disk,
    "extras": _extras,
}
"""The checks of this machine, in the order in which they are shown; those of the network come after them."""


def examine(subject: Subject) -> Iterator[Finding]:
    """All findings, each as soon as it is there."""
    for check in CHECKS.values():
        yield check(subject)
    yield from _asked(subject)
