"""SIGTERM and Ctrl-C as one exception that never tears a transaction.

A first signal raises Interrupted in the main thread: at once, or at the end of the transaction that is being written
(`held_back`). What it raises through cleans up: requests are cancelled, children killed, the run's row is closed. A
second signal ends the process on the spot; nothing stored is harmed by that either.

Where the parent has ignored a signal (nohup, a shell's background job), it stays ignored.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING

from .errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """The process was asked to end; `str()` is the name of the signal.

    No KeyboardInterrupt, of which libraries make something of their own.
    """


class _Pending:
    """What belongs to the main thread, where Python runs all signal handlers."""

    transactions = 0
    signal: str | None = None


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature is signal's
    _Pending.signal = signal.Signals(number).name
    if not _Pending.transactions:
        _raise()


def _raise() -> None:
    name, _Pending.signal = _Pending.signal, None
    if name:
        raise Interrupted(name)


def _watch(arrivals: int) -> None:
    """End the process with the second signal, also while the main thread is in a long call that Python cannot leave."""
    count = 0
    while number := os.read(arrivals, 1):
        count += number[0] in SIGNALS
        if count > 1:
            os._exit(ExitCode.INTERRUPTED)


@contextlib.contextmanager
def _watched() -> Iterator[None]:
    """Let another thread learn of signals when they come, not when the main thread gets round to them."""
    arrivals, departures = os.pipe()
    os.set_blocking(departures, False)
    thread = threading.Thread(target=_watch, args=(arrivals,), name="signals", daemon=True)
    thread.start()
    before = signal.set_wakeup_fd(departures, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(departures)
        thread.join()
        os.close(arrivals)


@contextlib.contextmanager
def caught() -> Iterator[None]:
    """Turn SIGINT and SIGTERM into Interrupted while the block runs. In other threads than the main one: nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _end)
    try:
        with _watched():
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Let the block end first, then raise what came in the meantime. For blocks that are short."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _Pending.transactions += 1
    try:
        yield
    finally:
        _Pending.transactions -= 1
        if not _Pending.transactions:
            _raise()
