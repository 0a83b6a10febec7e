"""What spreads labelling over cores and machines: worker processes of our own, or Ray. The only user of ray.

An engine applies a function to tasks in workers, each of which holds a classifier of its own. Which worker gets which
task, when, and how often after a failure is left to concurrent.futures and to Ray Data. So a task must be harmless when
it is done twice, and its result must not depend on who did it.
"""

from __future__ import annotations

import functools
import ipaddress
import logging
import multiprocessing
import os
import pickle
import secrets
import shutil
import signal
import socket
import tempfile
import threading
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, TypeVar

from .classify import CORES, cores, load_classifier
from .errors import ExitCode, MissingExtraError, TrackerError, WorkerError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from .classify import Classifier

T = TypeVar("T")
R = TypeVar("R")

DEATHS = 3
"""Times in a row that workers may die without a result in between, before the run ends."""

_SECONDS_TO_ANSWER = 10

_OBJECT_STORE = 100 << 20
"""Bytes of shared memory for a Ray of our own: what travels are names of parts and counts, or short texts."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What workers are made of. `options` as of `load_classifier`; `workers` None for one per core (cuda: one).

    `address` is that of a running Ray cluster; without one, Ray is started on this machine and ended again.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    workers: int | None = None
    address: str | None = None

    @property
    def on_gpu(self) -> bool:
        """Does each worker hold a graphics card?"""
        return self.options.get("device") == "cuda"

    @property
    def processes(self) -> int:
        """Workers on this machine."""
        return self.workers or (1 if self.on_gpu else cores())


def _work(options: bytes, function: Callable[[Classifier, T], R], task: T) -> tuple[R | None, tuple[str, int] | None]:
    """(result, None), or (None, (message, exit code)): errors of ours lose their data on the way as exceptions."""
    try:
        return function(_classifier(options), task), None
    except TrackerError as error:
        return None, (str(error), int(error.exit_code))


@functools.cache
def _classifier(options: bytes) -> Classifier:
    """One for the life of a worker."""
    return load_classifier(**pickle.loads(options))  # noqa: S301 - from whoever started this worker


def _result(answer: tuple[R | None, tuple[str, int] | None]) -> R:
    result, failure = answer
    if failure is not None:
        raise WorkerError(failure[0], exit_code=ExitCode(failure[1]))
    return result  # type: ignore[return-value] # a result is there where no failure is


# ---------------------------------------------------------------------- processes of our own


def _begin() -> None:
    """A worker's first act: one thread for each model, signals left to the parent, and no life after the parent's."""
    for number in (signal.SIGINT, signal.SIGTERM):  # they reach the whole group or service
        signal.signal(number, signal.SIG_IGN)
    _use_one_core()
    parent = multiprocessing.parent_process()
    if parent is not None:
        # The queue of tasks never ends for a child, which holds its other end as well.
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _use_one_core() -> None:
    os.environ[CORES] = os.environ["OMP_NUM_THREADS"] = "1"


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(ExitCode.NOTHING_WORKED)


def local(setup: Setup, function: Callable[[Classifier, T], R], tasks: Sequence[T]) -> Generator[R]:
    """Apply `function` to every task in processes of this machine; results come as they are ready.

    Workers that die (killed for memory, mostly) are replaced, and their tasks done again. Raises WorkerError where
    that does not help, or where a task raised one of our errors. Closing the iterator ends the workers.
    """
    options = pickle.dumps(dict(setup.options))
    left = dict(enumerate(tasks))
    deaths = 0
    while left:
        workers = min(setup.processes, len(left))
        pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_begin)
        futures: dict[Future[tuple[Any, Any]], int] = {}
        try:
            futures |= {pool.submit(_work, options, function, task): number for number, task in left.items()}
            for future in as_completed(futures):
                result: R = _result(future.result())
                del left[futures[future]]
                deaths = 0
                yield result
        except BrokenProcessPool as error:
            pool.shutdown()
            deaths += 1
            if deaths == DEATHS:
                raise WorkerError(
                    f"worker processes died {DEATHS} times in a row, mostly a sign of too little memory; "
                    "what was done is kept: run again with fewer --workers"
                ) from error
        except BaseException:  # nobody waits for what is under way
            _kill(pool)
            raise
        else:
            pool.shutdown()


def _kill(pool: ProcessPoolExecutor) -> None:
    processes = list((pool._processes or {}).values())  # noqa: SLF001 - kill_workers comes with Python 3.14
    for process in processes:
        process.kill()
    pool.shutdown(cancel_futures=True)


# ---------------------------------------------------------------------- Ray


class _Worker:
    """An actor of Ray: tasks come one by one, as a batch of one row."""

    def __init__(self) -> None:
        _use_one_core()

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        tasks = (pickle.loads(task) for task in batch["task"])  # noqa: S301 - from the driver
        return {"answer": [pickle.dumps(_work(*task)) for task in tasks]}


def on_ray(setup: Setup, function: Callable[[Classifier, T], R], tasks: Sequence[T]) -> Generator[R]:
    """Apply `function` to every task in actors of Ray Data; results come as they are ready.

    Ray starts dead actors anew and repeats their tasks. Nodes of a cluster need media-coverage, the model and the same
    folders. Raises WorkerError and MissingExtraError.
    """
    options = pickle.dumps(dict(setup.options))
    rows = [{"task": pickle.dumps((options, function, task))} for task in tasks]
    if not rows:
        return
    data, ray, folder = _ray(setup)
    try:
        there = ray.cluster_resources()
        most = int(there.get("GPU" if setup.on_gpu else "CPU", 0))
        if not most:
            raise WorkerError("this Ray has no GPU; use --device cpu" if setup.on_gpu else "this Ray has no CPU")
        answers = data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            _Worker,
            batch_size=1,  # a row is a part of a file: what is lost with an actor is one part
            compute=data.ActorPoolStrategy(size=min(setup.workers or most, most, len(rows))),
            num_cpus=1,
            num_gpus=1 if setup.on_gpu else None,
        )
        for row in answers.iter_rows():
            yield _result(pickle.loads(row["answer"]))  # noqa: S301 - from our workers
    except ray.exceptions.RayError as error:
        said = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise WorkerError(f"Ray gave up ({said[:200]}); what was done is kept: run again") from error
    finally:
        ray.shutdown()
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def _ray(setup: Setup) -> tuple[Any, Any, str | None]:
    """Ray Data and Ray, connected to a cluster or to a Ray of our own; and the folder of the latter."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if setup.address is None or _reached(setup.address).is_loopback:
        # So Ray calls it, on every system: a cluster of one machine, which keeps to the loopback interface.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    if setup.address is None:  # left to itself, Ray makes a token once and for all, in the home folder
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        import ray
        from ray import data
    except ImportError as error:
        raise MissingExtraError("--engine ray", "ray") from error
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    terminate = signal.getsignal(signal.SIGTERM)
    folder = None
    try:
        if setup.address is None:
            folder = tempfile.mkdtemp(prefix="ray-")
            ray.init(
                num_cpus=setup.processes,
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE,
                log_to_driver=False,
                logging_level=logging.ERROR,
                _temp_dir=folder,
            )
        else:
            ray.init(setup.address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:
        where = f"at {setup.address} " if setup.address else ""
        said = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise WorkerError(f"Ray {where}cannot be reached or started: {said[:200]}") from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, terminate)  # Ray has put its own in place
    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    return data, ray, folder


def _reached(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IP address behind HOST:PORT, which answers. Ray itself would try for minutes. Raises WorkerError."""
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdigit():
        raise WorkerError(f"--address must be HOST:PORT, not {address!r}", exit_code=ExitCode.USAGE)
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS_TO_ANSWER) as connection:
            return ipaddress.ip_address(connection.getpeername()[0])
    except (OSError, OverflowError) as error:
        raise WorkerError(f"no Ray answers at {address} ({error}); is its head node running?") from error


ENGINES: dict[str, Callable[[Setup, Callable[[Classifier, Any], Any], Sequence[Any]], Generator[Any]]] = {
    "local": local,
    "ray": on_ray,
}
"""Engines by name."""
