"""The SQLite file: the only module that speaks SQL.

One writer at a time (the pipeline), any number of readers: WAL keeps them out of each other's way. What belongs
together is one transaction: a feed's attempt with all that it brought, a batch of labels, a set of days.
From here on data is a pandas DataFrame; times in frames are aware UTC.
"""

from __future__ import annotations

from pathlib import Path

from ..framing import DEFAULT_FRAMES, Frames
from .aggregates import Aggregates
from .connection import BUSY_SECONDS, check_frames, check_ours, connect, engine, frames_of, migrate, speaking_of
from .contract import Contract
from .imports import Imports
from .labels import Labels
from .lakes import Lakes
from .pages import Pages
from .retention import Retention
from .samples import Samples
from .sqlite import Database

__all__ = ["BUSY_SECONDS", "Store", "connect", "engine", "open_store"]


class Store(Pages, Imports, Labels, Retention, Samples, Aggregates, Lakes, Contract):
    """An open database. Use `open_store`; close it, or use it as a context manager.

    `frames` are the two that it holds; labels and columns are called after them.
    """


def open_store(path: str | Path, *, read_only: bool = True, frames: Frames | None = None) -> Store:
    """Open a database; with `read_only=False` create or migrate it first.

    A new database gets `frames`, or the default ones; it keeps them for good. Raises StoreError when the file is
    foreign, newer than this code, damaged, not to be had, or holds other frames than those asked for.
    """
    path = Path(path)
    with speaking_of(path):
        connection = connect(path, read_only=read_only)
        try:
            new = check_ours(connection, path, may_be_new=not read_only)
            db = Database(connection)
            if not read_only:
                migrate(db, path, frames or DEFAULT_FRAMES, new=new)
                connection.execute("PRAGMA synchronous = NORMAL")  # with WAL: durable up to the last checkpoint
            held = frames_of(db)
            if frames is not None:
                check_frames(held, frames, path)
        except BaseException:
            connection.close()
            raise
    return Store(db, path, held)
