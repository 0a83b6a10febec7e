"""Every failure that a user can meet, as data.

TrackerError                 base: one sentence saying what happened, where, and what to do
├── ConfigError              feeds.yaml is missing, malformed or contradicts itself
├── StoreError               the database cannot be opened, read or written
│   └── StoreBusyError       another program holds the database longer than we wait
├── ModelError               a classifier's files are missing, altered or unusable
├── MissingExtraError        an optional dependency is not installed
├── TrendError               what is stored does not carry the trend that was asked for
├── ServeError               the database cannot be shown at the address that was asked for
├── InputError               a file given on the command line cannot be used
├── LakeError                a folder of Parquet files cannot be read or written
├── WorkerError              a process or machine that labels has failed
└── AlreadyRunningError      another run holds the lock

A feed that fails is not an error here: it is a `FetchOutcome`, a value that ends as a row.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class ExitCode(IntEnum):
    """What the command tells cron. The names are part of the interface (docs/cron.md)."""

    OK = 0
    SOME_FEEDS_FAILED = 1
    USAGE = 2
    NOTHING_WORKED = 3
    ALERTS = 4
    ALREADY_RUNNING = 75
    INTERRUPTED = 130


class TrackerError(Exception):
    """Base of all expected failures; `str()` is the whole message."""

    exit_code = ExitCode.NOTHING_WORKED


class ConfigError(TrackerError):
    """`path` names the file; `line` (from 1) the place, where there is one."""

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, *, path: Path | None = None, line: int | None = None) -> None:
        self.path, self.line = path, line
        where = "" if path is None else f"{path}:{line}: " if line else f"{path}: "
        super().__init__(where + message)


class StoreError(TrackerError):
    """`path` is the database file. Exit code 2 where the user pointed at the wrong file, 3 otherwise."""

    def __init__(self, message: str, *, path: Path | str, exit_code: ExitCode = ExitCode.NOTHING_WORKED) -> None:
        self.path = path
        self.exit_code = exit_code
        super().__init__(f"{path}: {message}")


class StoreBusyError(StoreError):
    """Another program kept the database locked for the whole waiting time."""


class ModelError(TrackerError):
    """`path` is the model folder, or the name of the model where it has no folder."""

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, *, path: Path | str) -> None:
        self.path = path
        super().__init__(f"model {path}: {message}")


class MissingExtraError(TrackerError):
    """A feature needs packages that the base installation leaves out."""

    exit_code = ExitCode.USAGE

    def __init__(self, feature: str, extra: str) -> None:
        self.feature, self.extra = feature, extra
        super().__init__(f"{feature} needs more packages: pip install 'media-coverage[{extra}]'")


class TrendError(TrackerError):
    """`path` is the database; the sentence says what it lacks."""

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, *, path: Path | str) -> None:
        self.path = path
        super().__init__(f"{path}: {message}")


class ServeError(TrackerError):
    """`host` and `port` are where it was to listen."""

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, *, host: str, port: int) -> None:
        self.host, self.port = host, port
        super().__init__(f"{host}, port {port}: {message}")


class InputError(TrackerError):
    """A file that the user handed in; `line` counts from 1."""

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, *, path: Path | str, line: int | None = None) -> None:
        self.path, self.line = path, line
        super().__init__(f"{path}:{line}: {message}" if line else f"{path}: {message}")


class LakeError(TrackerError):
    """`path` is the folder or file. Exit code 2 where the user pointed at the wrong folder, 3 otherwise."""

    def __init__(self, message: str, *, path: Path | str, exit_code: ExitCode = ExitCode.USAGE) -> None:
        self.path = path
        self.exit_code = exit_code
        super().__init__(f"{path}: {message}")


class WorkerError(TrackerError):
    """What a worker said, or how it died; `exit_code` is that of its error."""

    def __init__(self, message: str, *, exit_code: ExitCode = ExitCode.NOTHING_WORKED) -> None:
        self.exit_code = exit_code
        super().__init__(message)


class AlreadyRunningError(TrackerError):
    """The lock beside the database is held by a living process; `holder` says which and since when, if known."""

    exit_code = ExitCode.ALREADY_RUNNING

    def __init__(self, path: Path, holder: str | None = None) -> None:
        self.path, self.holder = path, holder
        who = f" ({holder})" if holder else ""
        super().__init__(f"{path}: another run is using this database{who}; nothing was done")
