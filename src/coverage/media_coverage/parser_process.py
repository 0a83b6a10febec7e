"""Documents → entries in child processes, which may hang, grow, crash and be killed without harm to the run.

Parsers of markup have inputs that keep them busy for hours or make them grow without bound, and not all of those
inputs are known. So documents are parsed where that costs one document: in a child process with a limit on processor
time and memory per document, watched from outside by a clock. What the child leaves behind is a value; the next
document gets a new child. A child that is well lives as long as the run: starting one costs more than parsing most
feeds.

The child is this very module, run by the interpreter (`python -m`), not a fork or a spawn of multiprocessing: it
inherits neither the parent's memory, database and sockets nor its main module, and imports the parser alone. A
document goes over as a pickled Fetched, entries come back as a pickled ParsedFeed or Rejected; the parent unpickles
records and dates and nothing else.

macOS knows no limit on address space: there processor time and the clock are the bounds. Nothing needs /proc.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, as_completed, wait
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from .interruption import held_back
from .prose import MAX_CHARACTERS
from .records import FetchOutcome, PageText, ParsedFeed, Rejected

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from concurrent.futures import Future
    from types import TracebackType
    from typing import Self

    from .config import Network
    from .records import Fetched

PROCESSES = 2
"""Parsing 45 MB of real feeds takes several seconds; fetching leaves the other processors idle."""

AHEAD = 2 * PROCESSES
"""Documents taken and not yet handed over: whoever stores one finds the next ones parsed, and no child waits for it."""

PARSER = f"{__package__}.parse:parse"
EXTRACTOR = f"{__package__}.fulltext:extract"
PAGE_READER = f"{__package__}.fulltext:article"

_RECORDS = {
    *((f"{__package__}.records", name) for name in ("Entry", "FetchOutcome", "PageText", "ParsedFeed", "Rejected")),
    *(("datetime", name) for name in ("datetime", "timedelta", "timezone")),
}
_SECONDS_TO_DIE = 2
"""How long a child that has closed its end may take to exit, before it is killed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document may cost."""

    cpu_seconds: int = 20
    wall_seconds: float = 60
    memory_bytes: int = 2**30

    @classmethod
    def of(cls, network: Network) -> Limits:
        """Memory in proportion to `network.max_bytes`: a document of ordinary items needs 20 times its size."""
        return cls(memory_bytes=2**28 + 48 * network.max_bytes)


class _Results(pickle.Unpickler):
    """Understands records and dates; the name of anything else is not looked up."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _RECORDS:
            raise pickle.UnpicklingError(f"{module}.{name} is no record")
        return super().find_class(module, name)


class ParserProcess:
    """One child at a time, started with the first document and replaced after its death.

    `function` ("module:name") is what the child calls with the arguments of `parse`.
    """

    def __init__(self, limits: Limits, function: str = PARSER) -> None:
        self.limits, self._function = limits, function
        self._child: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._starting, self._parsing = threading.Lock(), threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill the child, also in the middle of a document that another thread waits for."""
        with held_back():  # a signal between the two would leave a child that nobody waits for
            with self._starting:
                self._closed = True
                if self._child:
                    self._child.kill()
            with self._parsing:  # whoever waited for the child learns of its death at once
                if self._child:
                    _bury(self._child)

    def parse(self, fetched: Fetched, most: int) -> Any:
        """What the function makes of a document, or Rejected (PARSER_KILLED) when it cost the child its life.

        `most` bounds the answer: the entries of a feed, the characters of a page.
        """
        with self._parsing:
            child = self._living()
            late = threading.Event()

            def stop() -> None:
                late.set()
                child.kill()

            clock = threading.Timer(self.limits.wall_seconds, stop)
            clock.start()
            try:
                documents, results = _pipes(child)
                documents.write(pickle.dumps((fetched, most)))
                documents.flush()
                parsed = _Results(results).load()
            except (OSError, EOFError, pickle.UnpicklingError) as error:
                if isinstance(error, pickle.UnpicklingError):
                    child.kill()  # it may be well, but what it says cannot be trusted
                return Rejected(FetchOutcome.PARSER_KILLED, self._cause_of_death(child, late=late.is_set()))
            else:
                return parsed
            finally:
                clock.cancel()
                clock.join()

    def _living(self) -> subprocess.Popen[bytes]:
        with self._starting:
            if self._closed:
                raise RuntimeError("the parser process is closed")
            if self._child and self._child.poll() is not None:
                _bury(self._child)
                self._child = None
            self._child = self._child or self._start()
            return self._child

    def _start(self) -> subprocess.Popen[bytes]:
        limits = (str(self.limits.cpu_seconds), str(self.limits.memory_bytes))
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-P", "-W", "ignore", "-m", __spec__.name, self._function, *limits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    def _cause_of_death(self, child: subprocess.Popen[bytes], *, late: bool) -> str:
        """One sentence about a child that is dead or about to be."""
        said = _bury(child)
        if late:
            return f"the parser took longer than {self.limits.wall_seconds:g} s on this document and was stopped"
        if child.returncode == -signal.SIGXCPU:
            return f"the parser used more than {self.limits.cpu_seconds} s of processor time on this document"
        if said.startswith("MemoryError"):
            return f"the parser needed more than {self.limits.memory_bytes >> 20:,} MiB of memory on this document"
        end = f"exit code {child.returncode}" if child.returncode >= 0 else _signal_name(-child.returncode)
        return f"the parser died on this document ({end})" + (f": {said[:200]}" if said else "")


def _bury(child: subprocess.Popen[bytes]) -> str:
    """Wait for a child's end, bring it about if need be, and close what was open to it. Returns its last words."""
    try:
        child.wait(_SECONDS_TO_DIE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    said = child.stderr.read() if child.stderr and not child.stderr.closed else b""
    for pipe in (child.stdin, child.stdout, child.stderr):
        with contextlib.suppress(OSError):  # what was not sent cannot be sent any more
            if pipe:
                pipe.close()
    return said.decode(errors="replace").strip().rpartition("\n")[2]


def _pipes(child: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if not child.stdin or not child.stdout:
        raise AssertionError("unreachable: both were asked for")
    return child.stdin, child.stdout


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def parse_all(
    arriving: Iterable[Fetched | None], network: Network, limits: Limits | None = None, function: str = PARSER
) -> Generator[tuple[Fetched, ParsedFeed | Rejected | None]]:
    """Yield every Fetched with the feed that its document holds, None where none came; see `_work_through`."""
    yield from _work_through(arriving, network.max_entries, limits or Limits.of(network), function)


def extract_all(
    arriving: Iterable[Fetched | None], network: Network, limits: Limits | None = None, function: str = EXTRACTOR
) -> Generator[tuple[Fetched, PageText | Rejected | None]]:
    """Yield every Fetched with the text of its page, None where no page came; see `_work_through`."""
    yield from _work_through(arriving, MAX_CHARACTERS, limits or Limits.of(network), function)


def _work_through(
    arriving: Iterable[Fetched | None], most: int, limits: Limits, function: str
) -> Generator[tuple[Fetched, Any]]:
    """Yield every Fetched with what `function` makes of it, None where there is no body.

    PROCESSES documents are parsed at a time, so a slow one does not hold up those behind it, and the order may
    change. The iterator is taken from only while fewer than AHEAD are under way; a None in it says that nothing arrives
    just now, which is the moment to hand over what has been parsed. Closing kills what is under way.
    """
    with contextlib.ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(PROCESSES, "parse"))
        idle: queue.LifoQueue[ParserProcess] = queue.LifoQueue()  # the last used first: often one child is enough
        for _ in range(PROCESSES):
            idle.put(stack.enter_context(ParserProcess(limits, function)))

        def work(fetched: Fetched) -> tuple[Fetched, Any]:
            process = idle.get()
            try:
                return fetched, process.parse(fetched, most)
            finally:
                idle.put(process)

        under_way: set[Future[tuple[Fetched, Any]]] = set()
        for fetched in arriving:
            if fetched is not None and not fetched.body:
                yield fetched, None
                continue
            if fetched is not None:
                under_way.add(threads.submit(work, fetched))
            patience = None if len(under_way) == AHEAD else 0
            done, under_way = wait(under_way, patience, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
        for future in as_completed(under_way):
            yield future.result()


# ---------------------------------------------------------------------- the child


def _serve(function: str, cpu_seconds: int, memory_bytes: int) -> None:
    """Call `function` on every document that comes in, until no more come."""
    import resource

    for number in (signal.SIGINT, signal.SIGTERM):  # they reach the whole group or service; the parent decides
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError, OSError):  # macOS refuses
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    documents, results = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a stray print must not end up among the results
    module, _, name = function.partition(":")
    parse = getattr(importlib.import_module(module), name)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    while True:
        try:
            arguments = pickle.load(documents)  # noqa: S301 - from our own parent
        except EOFError:
            return
        spent = resource.getrusage(resource.RUSAGE_SELF)
        resource.setrlimit(resource.RLIMIT_CPU, (int(spent.ru_utime + spent.ru_stime) + 1 + cpu_seconds, most))
        results.write(pickle.dumps(parse(*arguments)))
        results.flush()


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
