"""What the program says while it works: lines for people on a terminal, JSON lines elsewhere.

A record carries its data as attributes (`extra=`), among them `event`, a word that stays the same while the sentence
may change. `bound` adds to every record of a block, in whatever module and thread it arises.

    {"time": "2026-02-03T14:05:00.123Z", "level": "warning", "event": "feed", "message": "timeout …", "run_id": 7, …}

Everything that came from the network is escaped: a message is one line, and it cannot steer a terminal.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMATS = ("auto", "json", "text")

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "event"}
"""Attributes that every record has; the others are data."""

_NOISY = ("httpx2", "httpcore2", "filelock", "asyncio")

notes = logging.getLogger(f"{__package__}.notes")
"""For what a command says at any verbosity but --quiet: its failure, and where it stands with a long task."""

_bound: dict[str, Any] = {}


@contextlib.contextmanager
def bound(**data: Any) -> Iterator[None]:
    """Give every record of this process the attributes `data` while the block runs."""
    before = dict(_bound)
    _bound.update(data)
    try:
        yield
    finally:
        _bound.clear()
        _bound.update(before)


class JsonLines(logging.Formatter):
    """One JSON object per record: time (UTC, ISO 8601), level, event, message, then its data in order."""

    def format(self, record: logging.LogRecord) -> str:
        """Pure ASCII: no terminator but the last, in any encoding of the stream."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": record.levelname.lower(),
            "event": getattr(record, "event", record.name),
            "message": record.getMessage(),
            **_bound,
            **{name: value for name, value in vars(record).items() if name not in _OWN},
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=_plain)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


class Lines(logging.Formatter):
    """LEVEL and the sentence; a note is a sentence alone, and a command's failure begins with the program's name."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and a traceback below it where there is one."""
        text = re.sub("[\0-\x1f\x7f-\x9f\u2028\u2029]", lambda found: ascii(found[0])[1:-1], record.getMessage())
        if record.name != notes.name:
            text = f"{record.levelname} {text}"
        elif record.levelno >= logging.ERROR:
            text = f"media-coverage: {text}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what sys.stderr is at the moment: a progress bar stands in for it and lets lines pass above."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        raise AttributeError("always sys.stderr")


def start(level: int, wanted: str = "auto") -> None:
    """Send all records of `level` and above to stderr in a format of FORMATS. auto: text on a terminal, else JSON."""
    text = wanted == "text" or (wanted == "auto" and sys.stderr.isatty())
    handler = _Stderr()
    handler.setFormatter(Lines() if text else JsonLines())
    logging.basicConfig(handlers=[handler], level=level, force=True)
    if not text:
        logging.captureWarnings(True)  # what Python warns of is a line too
    notes.setLevel(logging.ERROR if level >= logging.ERROR else logging.INFO)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))


def in_text() -> bool:
    """Are lines for people in force? Then there may be a progress bar too."""
    return any(isinstance(handler.formatter, Lines) for handler in logging.getLogger().handlers)
