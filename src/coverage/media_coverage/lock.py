"""One writer at a time: a lock beside the database, which the kernel frees when its process dies.

The lock is on the file DATABASE.lock and not the file itself: it stays there, and what it says is only a note for
whoever comes second.
"""

from __future__ import annotations

import contextlib
import errno
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from .errors import AlreadyRunningError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAY_NOT_WRITE = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextlib.contextmanager
def locked(database: Path, purpose: str) -> Iterator[None]:
    """Hold the lock of a database for `purpose`, the command that wants to write.

    Raises AlreadyRunningError at once when another process holds it, StoreError when it cannot be had at all.
    """
    if not database.absolute().parent.is_dir():  # open_store says so in one sentence
        yield
        return
    file = Path(f"{database}.lock")
    # A lock file that stands for the lock would outlive a killed process, so none where the system has no flock.
    lock = FileLock(file, timeout=0, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise AlreadyRunningError(database, _holder(file)) from None
    except OSError as error:
        raise _unavailable(database, file, error) from error
    with contextlib.suppress(OSError):  # a full disk takes no note; the lock holds all the same
        file.write_text(f"{os.getpid()} {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {purpose}\n", encoding="utf-8")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.truncate(file, 0)
        lock.release()


def _holder(file: Path) -> str | None:
    """Who holds the lock and since when, as the note in its file says; None when it says nothing that can be true."""
    try:
        pid, since, purpose = file.read_text(encoding="utf-8")[:200].strip().split(" ", 2)
        os.kill(int(pid), 0)
    except PermissionError:  # alive, and somebody else's
        pass
    except (OSError, ValueError, OverflowError):
        return None  # the holder has not written yet, or the note is that of one who was killed
    return f"`media-coverage {purpose}`, process {pid}, since {since.replace('T', ' ').replace('Z', ' UTC')}"


def _unavailable(database: Path, file: Path, error: OSError) -> StoreError:
    if error.errno in _MAY_NOT_WRITE:
        return StoreError(
            f"the file or its folder is read-only ({file.name} cannot be opened for writing); choose another with --db",
            path=database,
        )
    return StoreError(
        f"cannot be locked ({file.name}: {error.strerror or error}); nothing was done: "
        "a database belongs on a local disk with free space",
        path=database,
    )
