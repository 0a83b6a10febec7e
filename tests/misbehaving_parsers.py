"""Stand-ins for `parse.parse` that do in a child process what a hostile document could make a parser do."""

from __future__ import annotations

import os
import signal
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from media_coverage.records import Fetched, FetchOutcome, ParsedFeed, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable


def said(text: object) -> Rejected:
    return Rejected(FetchOutcome.NOT_A_FEED, str(text))


def echo(fetched: Fetched, max_entries: int) -> Rejected:
    """Say which process this is and what it got."""
    return said(f"{os.getpid()} {fetched.body.decode()} {max_entries}")


def hang() -> None:
    time.sleep(600)


def spin() -> None:
    while True:
        pass


def work() -> None:
    """Compute for 0.4 s."""
    end = time.process_time() + 0.4
    while time.process_time() < end:
        pass


def grow() -> None:
    held = []
    while True:
        held.append(bytearray(2**24))


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def leave() -> None:
    sys.stderr.write("something is wrong\n")
    sys.stderr.flush()
    os._exit(3)


def fail() -> None:
    raise LookupError("nobody expected this")


def stop_answering() -> None:
    """Close the way back and stay."""
    os.closerange(3, 64)
    time.sleep(600)


DEEDS: dict[str, Callable[[], None]] = {
    deed.__name__: deed for deed in (hang, spin, work, grow, crash, leave, fail, stop_answering)
}


def obey(fetched: Fetched, max_entries: int) -> Rejected:
    """Do what the document says; echo any other."""
    DEEDS.get(fetched.body.decode(), lambda: None)()
    return echo(fetched, max_entries)


def talk(fetched: Fetched, max_entries: int) -> Rejected:
    sys.stdout.write("a stray line on standard output\n")
    sys.stdout.flush()
    return echo(fetched, max_entries)


def strange(fetched: Fetched, max_entries: int) -> object:
    """Answer with something that is no record."""
    return Fraction(1, 3)


def wait_for_the_other(fetched: Fetched, max_entries: int) -> Rejected:
    """Two documents at once: each leaves a file and waits for that of the other."""
    folder, mine, other = fetched.body.decode().split("|")
    (Path(folder) / mine).touch()
    while not (Path(folder) / other).exists():
        time.sleep(0.01)
    return echo(fetched, max_entries)


def loaded_modules(fetched: Fetched, max_entries: int) -> Rejected:
    """Parse as usual and say what is imported then."""
    from media_coverage.parse import parse

    assert isinstance(parse(fetched, max_entries), ParsedFeed)
    return said(" ".join(sorted(sys.modules)))
