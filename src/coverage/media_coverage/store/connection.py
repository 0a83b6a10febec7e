"""One SQLite file: opening, errors in the user's words, transactions."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar, cast

from ..errors import ExitCode, StoreBusyError, StoreError
from ..framing import DEFAULT_FRAMES
from ..interruption import held_back
from . import schema
from .sqlite import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pandas as pd

    from ..framing import Frames

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound="Connection")

BUSY_SECONDS = 10.0
"""How long a statement waits for another writer before it gives up."""

CACHE_KIBIBYTES = 32 * 1024
"""Pages of the file that stay in memory: looking for the same text reads all over the index, and SQLite keeps 2 MB."""

_TIME_COLUMNS = (
    "published_at first_seen_at last_seen_at started_at finished_at last_fetch_at last_success_at "
    "newest_article_at first_published_at last_published_at created_at coded_at drawn_at "
    "wait_until fresh_until off_since since judged_at read_at"
).split()


def iso(time: datetime) -> str:
    """UTC to the second with explicit offset: sorts as text, and SQLite's date functions read it."""
    return time.astimezone(UTC).isoformat(timespec="seconds")


def time_of(text: str | None) -> datetime | None:
    """What `iso` wrote, read back."""
    return datetime.fromisoformat(text) if text else None


def translated(method: Callable[Concatenate[C, P], R]) -> Callable[Concatenate[C, P], R]:
    """Turn SQLite's errors into ours, in the user's words."""

    def translated(self: C, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with speaking_of(self.path):
            return method(self, *args, **kwargs)

    return cast("Callable[Concatenate[C, P], R]", functools.wraps(method)(translated))


@contextlib.contextmanager
def speaking_of(path: Path | str) -> Iterator[None]:
    """Turn SQLite's errors about this file into ours, in the user's words."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error)
        if "locked" in text or "busy" in text:
            raise StoreBusyError(
                f"another program has held the database for more than {BUSY_SECONDS:g} s; "
                "what was stored before is safe: close the other program and run again",
                path=path,
            ) from error
        if "full" in text or "disk I/O" in text:
            raise StoreError(
                f"cannot write ({text}); what was stored before is safe: free some space and run again", path=path
            ) from error
        if "readonly" in text or "read-only" in text:
            raise StoreError("the file or its folder is read-only; choose another with --db", path=path) from error
        if "not a database" in text:
            raise StoreError(
                "is not an SQLite database; choose another with --db", path=path, exit_code=ExitCode.USAGE
            ) from error
        if "unable to open" in text:
            raise StoreError("cannot be opened; does the folder exist, and may you write there?", path=path) from error
        if "no such module" in text:
            raise StoreError(
                f"this Python's SQLite cannot search text ({text}); use a Python whose SQLite has FTS5", path=path
            ) from error
        if "malformed" in text or "corrupt" in text:
            raise StoreError("is damaged; restore a copy, or `sqlite3 FILE .recover`", path=path) from error
        raise


def engine() -> tuple[tuple[int, ...], frozenset[str]]:
    """The version of SQLite behind Python, and what it was compiled with."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        options = frozenset(option for (option,) in connection.execute("PRAGMA compile_options"))
    return sqlite3.sqlite_version_info, options


def connect(path: Path, *, read_only: bool, any_thread: bool = False) -> sqlite3.Connection:
    """A connection with the settings that each of ours has; `any_thread` may close it. Raises StoreError."""
    if path.is_dir():
        raise StoreError("cannot be opened: it is a folder; name a file with --db", path=path, exit_code=ExitCode.USAGE)
    if read_only:
        if not path.exists():
            raise StoreError(
                "there is no such database yet; `media-coverage run` makes one", path=path, exit_code=ExitCode.USAGE
            )
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS, check_same_thread=not any_thread
        )
    else:
        if not path.absolute().parent.is_dir():
            raise StoreError("the folder does not exist", path=path, exit_code=ExitCode.USAGE)
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = {-CACHE_KIBIBYTES}")
    connection.execute("PRAGMA recursive_triggers = ON")  # or INSERT OR REPLACE gets past the append-only triggers
    return connection


def check_ours(connection: sqlite3.Connection, path: Path, *, may_be_new: bool) -> bool:
    """Refuse foreign and newer files. True when the file has no tables yet."""
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    new = not names - {"_sqlite_migrations", "sqlite_sequence"}
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != schema.APPLICATION_ID and not (new and application == 0 and may_be_new):
        raise StoreError(
            "is not a media-coverage database; choose another with --db", path=path, exit_code=ExitCode.USAGE
        )
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    with contextlib.closing(sqlite3.connect(":memory:")) as nothing_applied:
        known = len(schema.migrations.pending(Database(nothing_applied)))
    if version > known:
        raise StoreError(
            f"was written by a newer media-coverage (schema {version}, this one knows {known}); upgrade the package",
            path=path,
            exit_code=ExitCode.USAGE,
        )
    return new


def migrate(db: Database, path: Path, frames: Frames, *, new: bool) -> None:
    """Apply what is pending; a file that holds data is copied first."""
    if new:
        db.execute("PRAGMA journal_mode = WAL")
    pending = schema.migrations.pending(db)
    if pending and not new:
        backup = path.with_name(f"{path.name}.before-{pending[0].name}")
        backup.unlink(missing_ok=True)
        db.execute("VACUUM INTO ?", [str(backup)])
    schema.upgrade(db, frames)


def frames_of(db: Database) -> Frames:
    """The frames of the file; before schema 2 only the default ones were known."""
    return schema.frames_of(db) if db.table("frame").exists() else DEFAULT_FRAMES


def check_frames(held: Frames, wanted: Frames, path: Path) -> None:
    """Raise StoreError unless the file holds the frames that are wanted."""
    if held != wanted:
        raise StoreError(
            f"holds the frames {held}, but feeds.yaml names {wanted}; give them a database of their own: "
            "another file under `database` in feeds.yaml, or --db",
            path=path,
            exit_code=ExitCode.USAGE,
        )


@functools.cache
def _insertion(table: str, columns: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608


class Connection:
    """An open database, and how statements are run in it. `frames` are the two that it holds."""

    def __init__(self, db: Database, path: Path, frames: Frames) -> None:
        self._db, self.path, self.frames = db, path, frames

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        self._db.close()

    def copy_to(self, path: Path) -> None:
        """Write a copy of the database as it is at this moment to a file that is not there yet. Raises StoreError."""
        if path.exists():
            raise StoreError("is there already, and a copy overwrites nothing", path=path)
        with speaking_of(path), contextlib.closing(sqlite3.connect(path)) as copy:
            self._db.conn.backup(copy)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with held_back():
            # IMMEDIATE: wait for the lock at the start, instead of failing half-way with a stale snapshot.
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.rollback()
                raise
            self._db.commit()

    def _one(self, sql: str, *parameters: object) -> Any:
        row = self._db.execute(sql, list(parameters)).fetchone()
        return row[0] if row else None

    def _insert(self, table: str, row: dict[str, object]) -> int:
        return int(self._db.execute(_insertion(table, tuple(row)), list(row.values())).lastrowid or 0)

    def _refuse_older(self, table: str) -> None:
        """Raise StoreError for a file without this table or view, opened to be read only."""
        if not self._db[table].exists():
            raise StoreError(
                "was written by an older version; `media-coverage run` brings it up to date", path=self.path
            )

    def _frame(self, sql: str, *parameters: object) -> pd.DataFrame:
        import pandas as pd

        cursor = self._db.execute(sql, list(parameters))
        frame = pd.DataFrame.from_records(cursor.fetchall(), columns=[column[0] for column in cursor.description])
        for name in _TIME_COLUMNS:
            if name in frame:
                frame[name] = pd.to_datetime(frame[name], utc=True)
        return frame
