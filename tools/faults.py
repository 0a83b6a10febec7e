"""Runs that are killed, crowded, starved and lied to, and what their database holds afterwards.

    python tools/faults.py --times 200 --seed 1

A server on loopback offers six feeds in three editions: new items, edited headlines, copies of one story in two
outlets, one feed without validators, one that is never there. An undisturbed series of runs, one per edition, gives
the rows that have to come out. Every campaign disturbs such a series at moments drawn from the seed, lets a run
without disturbance follow, and compares the content of all tables (`content`; `LEFT_OUT` names the columns that are
no content, and why), SQLite's integrity check and the foreign keys.

Every run is the real command in a process group of its own, forked from a server process that has imported the
package, since imports would take most of the time. Its classifier is an OnnxClassifier as in production, with a network
of one layer. Ctrl-C ends early. Exit code 0 when everything held, 1 otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import json
import logging
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING, Any

TESTS = Path(__file__).parents[1] / "tests"
sys.path.append(str(TESTS))

from feedserver import FeedServer, Request, Response  # noqa: E402
from hubmodels import network, word_pieces  # noqa: E402

from media_coverage import cli, config, pipeline, schedule  # noqa: E402
from media_coverage.classify import load_classifier, sha256  # noqa: E402
from media_coverage.errors import ExitCode  # noqa: E402
from media_coverage.framing import DEFAULT_FRAMES  # noqa: E402
from media_coverage.store import open_store  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.context import ForkServerProcess

WARM = ("cli", "pipeline", "store", "classify", "aggregate", "language")
WARM_LIBRARIES = ("onnx", "onnxruntime", "tokenizers", "pandas", "sqlite_utils.migrations", "py3langid")
"""What the process has imported from which runs are forked."""

PATIENCE = 240.0
"""Seconds after which a run that has not ended counts as hung; many, for a machine that is busy."""

# ---------------------------------------------------------------------- what the server offers

EDITIONS = 3
OUTLETS = ("Ledger", "Herald", "Courier", "Beacon", "Echo")
GONE_FEED = "/nowhere.xml"
WORDS = ("a step toward peace", "rewards aggression", "talks on a truce", "betrays an ally", "the football cup")


@dataclass
class World:
    """The feeds and what they list at present. After `last` answers every further one is cut off."""

    items: int = 24
    edition: int = 0
    last: int | None = None
    delay: float = 0.01
    answered: int = 0

    def titles(self, paper: int) -> list[tuple[str, str]]:
        """(address, headline) of every item that a paper lists now; the newest first."""
        listed = []
        for number in range(self.items + 4 * self.edition):
            title = f"Trump and Putin meet: {WORDS[number % 5]}, part {number} of report {paper}"
            if number % 8 == 3 and self.edition > number % 3:
                title += f", updated {self.edition}"
            if number % 12 == 5 and paper < 4:  # the same story in two outlets
                title = f"Trump and Putin: envoys to meet in city number {number} of round {paper // 2}"
            listed.append((f"https://paper{paper}.example/{number}", title))
        return listed[::-1]

    def document(self, paper: int) -> bytes:
        """An RSS document."""
        day = "Tue, {:02} Feb 2026 {:02}:00:00 GMT"
        items = "".join(
            f"<item><title>{title}</title><link>{url}</link><guid>{url}</guid><description>Critics say that the "
            f"summit is {WORDS[len(title) % 5]}.</description>"
            f"<pubDate>{day.format(1 + int(url.rpartition('/')[2]) % 27, paper)}</pubDate></item>"
            for url, title in self.titles(paper)
        )
        head = f"<title>{OUTLETS[paper]}</title><language>en</language>"
        return f'<?xml version="1.0"?><rss version="2.0"><channel>{head}{items}</channel></rss>'.encode()

    def answer(self, paper: int, request: Request) -> Response:
        """The document, 304 for who has it, or a connection cut off half-way."""
        self.answered += 1
        body = self.document(paper)
        if self.last is not None and self.answered > self.last:
            return Response(body, send_only=len(body) // 2, reset=True)
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if paper and request.headers.get("if-none-match") == etag:
            return Response(status=304)
        return Response(body, headers={"ETag": etag} if paper else {}, delay=self.delay)


def tiny_model(folder: Path) -> Path:
    """A model folder as `embedded:` reads it: real tokenizer and runtime, weights of one layer from a fixed seed."""
    import onnx

    folder.mkdir(exist_ok=True)
    word_pieces(folder)
    model = network(3, seed=4, scale=3.0, segments=False)
    for tensor in (*model.graph.input, *model.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "texts"
    onnx.save(model, folder / "model.onnx")
    outputs = DEFAULT_FRAMES.outputs
    manifest = {
        "name": "tiny",
        "version": "1",
        "codebook_version": "1",
        "language": "en",
        "files": {name: sha256(folder / name) for name in ("model.onnx", "tokenizer.json")},
        "outputs": list(outputs),
        "max_tokens": 64,
        "summary_words": 30,
        "calibration": {name: {"scale": 1.0, "bias": 1.0 if name == outputs[0] else 0.0} for name in outputs},
        "thresholds": dict.fromkeys(outputs, 0.5),
        "uncertain": {name: [0.45, 0.55] for name in outputs},
    }
    (folder / "model.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


# ---------------------------------------------------------------------- what a database holds

ROW_NUMBER = "a row number: it follows the order in which feeds answer; references are compared by what they mean"
TIME = "the time of day at which something was done"
LEFT_OUT_TABLES = {
    "run": "a disturbed series has more runs; references to a run are left out too",
    "fetch": "a disturbed series makes more attempts; references to an attempt are left out too",
    "feed_health": "a judgement of the attempts and their times",
    "_sqlite_migrations": "when each migration was applied",
}
LEFT_OUT = {
    ("feed", "last_success_at"): TIME,
    ("feed", "full_at"): TIME,
    ("feed_url", "since"): TIME,
    ("article", "first_seen_at"): TIME,
    ("article_version", "first_seen_at"): TIME,
    ("article_alias", "first_seen_at"): TIME,
    ("sighting", "first_seen_at"): TIME,
    ("sighting", "last_seen_at"): TIME,
    ("topic", "created_at"): TIME,
    ("model", "first_used_at"): TIME,
    ("label", "created_at"): TIME,
    (
        "story",
        "first_published_at",
    ): "of the member that came first, which follows the order of answers",
    ("label", "copied_from"): "of equal texts the first is labelled, which follows the order of answers",
}
NATURAL = {
    "outlet": "SELECT id, name FROM outlet",
    "feed": "SELECT id, url FROM feed",
    "topic": "SELECT id, query || ' ' || language FROM topic",
    "model": "SELECT id, model_id FROM model",
    "article": "SELECT id, key FROM article",
    "article_version": "SELECT v.id, a.key || ' ' || v.text_sha256 FROM article_version v "
    "JOIN article a ON a.id = v.article_id",
    "story": "SELECT story_id, group_concat(key, ' ') FROM (SELECT story_id, key FROM article ORDER BY key) "
    "GROUP BY story_id",
}
"""What a reference means, by the table that it leads to; a reference to another table is compared as it stands."""


def content(database: Path) -> dict[str, Counter[tuple[object, ...]]]:
    """The rows of every table, without what `LEFT_OUT` names; references replaced by what they lead to."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        meaning = {table: dict(db.execute(sql)) for table, sql in NATURAL.items()}
        # Not the index of words and what SQLite keeps it in: it follows from article_version.
        listed = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' ORDER BY name"
        tables = [name for (name,) in db.execute(listed)]
        found = {}
        for table in tables:
            if table in LEFT_OUT_TABLES or table.startswith("sqlite_"):
                continue
            leads = {column: to for _, _, to, column, *_ in db.execute(f"PRAGMA foreign_key_list({table})")}
            columns = [
                name
                for _, name, kind, _, _, key, _ in db.execute(f"PRAGMA table_xinfo({table})")
                if (table, name) not in LEFT_OUT
                and leads.get(name) not in LEFT_OUT_TABLES
                and not (key == 1 and name == "id" and kind == "INTEGER")
            ]
            known = [meaning.get(leads.get(name, "")) for name in columns]
            rows = db.execute(f"SELECT {', '.join(columns)} FROM {table}")  # noqa: S608 - names from the schema
            found[table] = Counter(_meant(table, row, known) for row in rows)
        return found


def _meant(table: str, row: tuple[Any, ...], known: Sequence[dict[int, str] | None]) -> tuple[object, ...]:
    """A row with what its references mean."""
    row = tuple(value if names is None else names.get(value, value) for value, names in zip(row, known, strict=True))
    # Which article of a pair came second, and so has the link, follows the order of arrival.
    return (*sorted(row[:2], key=str), *row[2:]) if table == "story_link" else row


def complaints(database: Path, wanted: dict[str, Counter[tuple[object, ...]]] | None = None) -> list[str]:
    """What is wrong with a database: damage, dangling references, negative times, other rows in a table of `wanted`."""
    found = []
    with contextlib.closing(sqlite3.connect(database)) as db:
        if (said := db.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
            found.append(f"integrity_check: {said}")
        if dangling := db.execute("PRAGMA foreign_key_check").fetchall():
            found.append(f"{len(dangling)} references lead nowhere")
        if db.execute("SELECT name FROM sqlite_master WHERE name = 'sighting'").fetchone():
            negative = "SELECT (SELECT count(*) FROM sighting WHERE last_seen_at < first_seen_at) + "
            negative += "(SELECT count(*) FROM run WHERE finished_at < started_at)"
            if count := db.execute(negative).fetchone()[0]:
                found.append(f"{count} intervals are negative")
    if wanted is not None:
        held = content(database)
        for table in wanted:
            lost, added = wanted[table] - held[table], held[table] - wanted[table]
            if lost or added:
                example = next(iter((lost or added).elements()))
                found.append(f"{table}: {lost.total()} rows lost, {added.total()} added, such as {example}"[:400])
    return found


# ---------------------------------------------------------------------- runs


def _command(arguments: Sequence[str], log: str, file_size: int | None) -> None:
    """In the child: lead a process group of its own, have stderr in `log`, and be the command."""
    os.setpgid(0, 0)
    with open(log, "ab", buffering=0) as file:  # noqa: PTH123
        os.dup2(file.fileno(), 2)
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
    if file_size:  # what SQLite then meets is a disk without room
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    cli.main([*arguments])


@dataclass
class Run:
    """A run under way, or ended: `code` is its exit code, negative for a signal."""

    process: ForkServerProcess
    log: Path
    database: Path
    started: float = field(default_factory=time.monotonic)

    def until_locked(self) -> bool:
        """Wait until the run holds the lock. False when it has ended before."""
        note = Path(f"{self.database}.lock")
        while self.process.is_alive():
            with contextlib.suppress(OSError):
                if note.read_text(encoding="utf-8").startswith(f"{self.process.pid} "):
                    return True
            time.sleep(0.002)
        return False

    def signal(self, number: int, *, group: bool = False) -> None:
        """Send a signal to the run, or to it and its children."""
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.process.pid or 0, number)

    def end(self) -> int:
        """Wait for the end, which leaves no child behind. Returns the exit code."""
        self.process.join(PATIENCE)
        if self.process.exitcode is None:
            self.signal(signal.SIGKILL, group=True)
            self.process.join()
            raise AssertionError(f"the run did not end within {PATIENCE:g} s: {self.said()[-2000:]}")
        return self.process.exitcode

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def events(self) -> list[dict[str, Any]]:
        """What the run logged."""
        return [json.loads(line) for line in self.said().splitlines() if line.startswith("{")]

    def children(self) -> list[int]:
        """The parser processes of the run, and with it gone, those it has left behind."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                group = stat.read_text().rpartition(")")[2].split()[2]
                if int(group) == self.process.pid != int(stat.parent.name):
                    found.append(int(stat.parent.name))
        return found


class Bench:
    """A folder with server, configuration and model, and the rows that undisturbed runs make of each edition."""

    def __init__(self, folder: Path, seed: int, items: int = 24) -> None:
        self.folder, self.world, self.random = folder, World(items), random.Random(seed)  # noqa: S311
        self.server = FeedServer()
        for paper in range(len(OUTLETS)):
            self.server.serve_with(f"/{paper}.xml", functools.partial(self.world.answer, paper))
        self.model = tiny_model(folder / "model")
        self.feeds = folder / "feeds.yaml"
        self.feeds.write_text(self._configuration(), encoding="utf-8")
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["warm"])
        self._start_server()
        self._count = 0
        self.outcomes: list[Outcome] = []
        self.seconds = 1.0
        """How long the last undisturbed run held the lock."""
        self.rest = 0.2
        """How long it worked after the last feed."""
        try:
            self.undisturbed = self._reference()
        except BaseException:
            self.close()
            raise

    def _start_server(self) -> None:
        """Start the process from which runs are forked: one for this program."""
        imports = [*(f"media_coverage.{name}" for name in WARM), *WARM_LIBRARIES]
        first = "media_coverage.language.detect('The detector is loaded with its first text.')"
        (self.folder / "warm.py").write_text(
            "\n".join([*(f"import {name}" for name in imports), first]), encoding="utf-8"
        )
        before = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(self.folder), before)))
        try:
            forkserver.ensure_running()
        finally:
            os.environ.pop("PYTHONPATH")
            os.environ.update({} if before is None else {"PYTHONPATH": before})

    def _configuration(self) -> str:
        listed = "".join(
            f"  - {{name: {name}, group: uk, country: GB, feeds: ['{self.server.url(path)}']}}\n"
            for name, path in [*((name, f"/{n}.xml") for n, name in enumerate(OUTLETS)), ("Nowhere", GONE_FEED)]
        )
        return (
            "topic: {name: The meeting, query: trump AND putin, events: [{date: 2026-02-03, name: Talks}]}\n"
            "network: {allow_addresses: [127.0.0.0/8], host_gap_seconds: 0, timeout_seconds: 60}\n"
            f"classifier: {{model: 'embedded:{self.model}'}}\noutlets:\n{listed}"
        )

    def close(self) -> None:
        self.server.close()

    def outcome(self, fault: str, checked: str) -> Outcome:
        """The record of a campaign that begins."""
        self.outcomes.append(Outcome(fault, checked))
        return self.outcomes[-1]

    def database(self, where: Path | None = None) -> Path:
        """The path of a new database."""
        self._count += 1
        return (where or self.folder) / f"{self._count}.db"

    def start(self, database: Path, *arguments: str, file_size: int | None = None) -> Run:
        """Start `media-coverage run`, or another command, in a process and a process group of its own."""
        log = self.folder / f"{database.name}.{time.monotonic_ns()}.log"
        options = ("--config", str(self.feeds), "--db", str(database))
        line = ("-v", "--log-format", "json", *(arguments or ("run",)), *options)
        process = self._context.Process(target=_command, args=(line, str(log), file_size))
        process.start()
        return Run(process, log, database)

    def finish(self, database: Path) -> list[str]:
        """One run without disturbance. Returns what is wrong with it."""
        run = self.start(database)
        locked = time.monotonic() if run.until_locked() else None
        code = run.end()
        self.seconds = time.monotonic() - locked if locked else self.seconds
        if code != ExitCode.SOME_FEEDS_FAILED:  # one is never there
            return [f"the run after it ended with {code}: {run.said()[-1000:]}"]
        times = [datetime.fromisoformat(event["time"]) for event in run.events()]
        self.rest = (times[-1] - times[-2]).total_seconds()
        run.log.unlink()
        return []

    def _reference(self) -> list[dict[str, Counter[tuple[object, ...]]]]:
        database, contents = self.database(), []
        for edition in range(EDITIONS):
            self.world.edition = edition
            if wrong := self.finish(database):
                raise AssertionError(wrong)
            contents.append(content(database))
            wanted = {url for paper in range(len(OUTLETS)) for url, _ in self.world.titles(paper)}
            held = [row[1] for row in sqlite3.connect(database).execute("SELECT id, url FROM article")]
            if sorted(held) != sorted(wanted):
                raise AssertionError("the undisturbed run has other articles than the feeds")
        return contents

    def editions(self) -> Iterator[tuple[Path, int]]:
        """(database, edition) for series after series: every edition of a new database, then another one."""
        while True:
            database = self.database()
            for edition in range(EDITIONS):
                self.world.edition = edition
                yield database, edition
            for file in self.folder.glob(f"{database.name}*"):
                file.unlink()

    def settled(self, database: Path, edition: int) -> list[str]:
        """Let a run without disturbance follow, and compare."""
        return [*self.finish(database), *complaints(database, self.undisturbed[edition])]


# ---------------------------------------------------------------------- campaigns


@dataclass
class Outcome:
    """What a campaign did, and what was wrong."""

    fault: str
    checked: str
    times: int = 0
    how: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def note(self, what: str, wrong: Sequence[str] = ()) -> None:
        """One disturbance."""
        self.times += 1
        self.how[what] += 1
        for each in wrong:
            print(f"{self.fault}, {self.times}: {each}", file=sys.stderr)
        self.wrong += wrong


SAME = "rows as undisturbed"
"""With none lost or twice, SQLite's integrity check and the foreign keys."""


def _phase(run: Run) -> str:
    """Where a run was when it was killed, by what it has logged and stored."""
    kinds = Counter(event.get("event") for event in readable(run.said()))
    if not kinds["run_started"]:
        return "while opening"
    if kinds["feed"] <= len(OUTLETS):
        return "while asking"
    return "while labelling or counting" if not kinds["run_finished"] else "at the end"


def readable(said: str) -> list[dict[str, Any]]:
    """Whole lines of a log that a kill may have cut."""
    found = []
    for line in said.splitlines():
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return [line for line in found if isinstance(line, dict)]


def _await_a_moment(bench: Bench, run: Run) -> None:
    """Wait for a random moment of the time with the lock, or, every second time, of that after the last feed."""
    if not run.until_locked():
        return
    late = bench.random.random() < 0.5
    while late and run.process.is_alive() and run.said().count('"event": "feed"') <= len(OUTLETS):
        time.sleep(0.002)
    time.sleep(bench.random.uniform(0, bench.rest if late else bench.seconds))


def killed(bench: Bench, times: int) -> Outcome:
    """kill -9 of run and children, up to three times in a row, then an undisturbed run."""
    outcome = bench.outcome("kill -9 of the process group", SAME)
    for database, edition in bench.editions():
        if outcome.times >= times:
            return outcome
        for _ in range(bench.random.randint(1, 3)):
            run = bench.start(database)
            _await_a_moment(bench, run)
            run.signal(signal.SIGKILL, group=True)
            if run.end() == -signal.SIGKILL:  # otherwise it was faster
                wrong = complaints(database) if database.exists() else []
                outcome.note(_phase(run), wrong)
            run.log.unlink(missing_ok=True)
        outcome.wrong += (wrong := bench.settled(database, edition))
        _tell(outcome, wrong)
    raise AssertionError("unreachable: editions go on for ever")


def _tell(outcome: Outcome, wrong: Sequence[str]) -> None:
    for each in wrong:
        print(f"{outcome.fault}, after {outcome.times}: {each}", file=sys.stderr)


def terminated(bench: Bench, times: int) -> Outcome:
    """SIGTERM or SIGINT to the run alone."""
    checked = "exit code 130, run marked interrupted, no traceback, no child left"
    outcome = bench.outcome("SIGTERM or SIGINT", f"{checked}; {SAME}")
    for database, edition in bench.editions():
        if outcome.times >= times:
            return outcome
        run = bench.start(database)
        _await_a_moment(bench, run)
        run.signal(bench.random.choice((signal.SIGTERM, signal.SIGINT)))
        code, phase = run.end(), _phase(run)
        if code != ExitCode.SOME_FEEDS_FAILED:  # otherwise it was faster
            wrong = _ended_well(run, code, bench.undisturbed[edition])
            outcome.note(phase, [*wrong, *bench.settled(database, edition)])
    raise AssertionError("unreachable: editions go on for ever")


def _ended_well(run: Run, code: int, wanted: dict[str, Counter[tuple[object, ...]]]) -> list[str]:
    events = run.events()
    until = time.monotonic() + 5  # the system may take a moment to bury what has died
    while (left := run.children()) and time.monotonic() < until:
        time.sleep(0.01)
    wrong = [f"{len(left)} children are left"] if left else []
    if code != ExitCode.INTERRUPTED or "traceback" in run.said().casefold():
        wrong.append(f"ended with {code}: {run.said()[-1000:]}")
    said = [event.get("signal") for event in events if event["event"] in {"failed", "crashed"}]
    if len(said) != 1 or said[0] not in {"SIGINT", "SIGTERM"} or len(events) != run.said().count("\n"):
        wrong.append(f"said {run.said()[-500:]}")
    if run.database.exists() and any(event["event"] == "run_started" for event in events):
        with open_store(run.database) as store:
            state = store.runs(1)["state"][0]
        if state != "interrupted" and (state != "finished" or complaints(run.database, wanted)):
            wrong.append(f"the run is marked {state}")  # a signal may come when all is done
    return wrong


def crowded(bench: Bench, times: int) -> Outcome:
    """Two runs started together."""
    outcome = bench.outcome("two runs at once", f"one works, the other says who does and ends with 75; {SAME}")
    for database, edition in bench.editions():
        if outcome.times >= times:
            return outcome
        runs = [bench.start(database) for _ in range(2)]
        codes = sorted(run.end() for run in runs)
        wrong = complaints(database, bench.undisturbed[edition])
        if codes == [ExitCode.SOME_FEEDS_FAILED] * 2:  # one after the other: the first was faster
            outcome.wrong += wrong
            continue
        if codes != [ExitCode.SOME_FEEDS_FAILED, ExitCode.ALREADY_RUNNING]:
            wrong.append(f"the two ended with {codes}")
        refusals = [event["message"] for run in runs for event in run.events() if event["event"] == "failed"]
        if len(refusals) != 1 or "another run is using this database" not in refusals[0]:
            wrong.append(f"said {refusals}")
        outcome.note("named its holder" if "process" in "".join(refusals) else "too early to name its holder", wrong)
    raise AssertionError("unreachable: editions go on for ever")


def watched(bench: Bench, times: int) -> Outcome:
    """A reader holds one snapshot during a run."""
    checked = "run ends as usual; snapshot constant; the next run empties the WAL"
    outcome = bench.outcome("a reader's transaction throughout a run", f"{checked}; {SAME}")
    question = "SELECT count(*), coalesce(sum(length(title)), 0) FROM article_version"
    for database, edition in bench.editions():
        if outcome.times >= times:
            return outcome
        if edition == 0:
            bench.finish(database)
            continue
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, isolation_level=None)) as analyst:
            analyst.execute("BEGIN")
            before = analyst.execute(question).fetchone()
            wrong = bench.finish(database)
            if analyst.execute(question).fetchone() != before:
                wrong.append("the snapshot has changed")
            analyst.execute("COMMIT")
            if analyst.execute(question).fetchone() == before:
                wrong.append("nothing new after the snapshot")
        wrong += bench.settled(database, edition)
        wal = Path(f"{database}-wal")
        if wal.exists() and wal.stat().st_size:
            wrong.append(f"{wal.stat().st_size} bytes are left in the WAL")
        outcome.note("seen", wrong)
    raise AssertionError("unreachable: editions go on for ever")


def starved(bench: Bench, times: int) -> Outcome:
    """No file may grow beyond a random size."""
    outcome = bench.outcome("no file may grow (RLIMIT_FSIZE)", f"one sentence, exit code 3; {SAME} once there is room")
    sizes = _sizes(bench)
    for database, edition in bench.editions():
        if outcome.times >= times:
            return outcome
        run = bench.start(database, file_size=bench.random.randint(4096, sizes[edition]))
        code = run.end()
        if code == ExitCode.SOME_FEEDS_FAILED:  # there was room enough
            outcome.wrong += bench.settled(database, edition)
            continue
        outcome.note(_phase(run), [*_sorry(run, code), *bench.settled(database, edition)])
    raise AssertionError("unreachable: editions go on for ever")


def _sizes(bench: Bench) -> list[int]:
    """How large the database is after each edition."""
    database, sizes = bench.database(), []
    for edition in range(EDITIONS):
        bench.world.edition = edition
        bench.finish(database)
        sizes.append(database.stat().st_size)
    return sizes


def _sorry(run: Run, code: int) -> list[str]:
    said = [event["message"] for event in run.events() if event["event"] in {"failed", "crashed"}]
    if code == ExitCode.NOTHING_WORKED and len(said) == 1 and "space" in said[0]:
        return []
    return [f"ended with {code}: {run.said()[-1500:]}"]


def full(bench: Bench, times: int) -> Outcome:
    """A file system of its own that is too small, and then grows."""
    outcome = bench.outcome("disk full (tmpfs)", f"one sentence, exit code 3; {SAME} once there is room")
    disk = bench.folder / "disk"
    disk.mkdir(exist_ok=True)
    sizes = _sizes(bench)
    for _ in range(20 * times):
        if outcome.times >= times:
            break
        if not _mount(disk, 10 * sizes[-1]):
            outcome.how["not possible here: mounting takes root"] += 1
            break
        try:
            _fill(bench, disk, sizes, outcome)
        finally:
            _mount(disk, None)
    return outcome


def _fill(bench: Bench, disk: Path, sizes: Sequence[int], outcome: Outcome) -> None:
    """One series on a new file system, with a random edition that finds it full."""
    database, unlucky = bench.database(disk), bench.random.randrange(EDITIONS)
    for edition in range(EDITIONS):
        bench.world.edition = edition
        if edition == unlucky:
            # A run needs its growth twice, in the WAL and in the file.
            room = bench.random.randint(1, 2 * (sizes[edition] - (sizes[edition - 1] if edition else 0)))
            ballast = disk / "ballast"
            with ballast.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - room)
            run = bench.start(database)
            code, phase = run.end(), _phase(run)
            ballast.unlink()
            if code != ExitCode.SOME_FEEDS_FAILED:
                outcome.note(phase, _sorry(run, code))
        outcome.wrong += (wrong := bench.settled(database, edition))
        _tell(outcome, wrong)


def _mount(disk: Path, size: int | None) -> bool:
    """Mount a file system of `size` bytes, or unmount it when None."""
    command = ["umount", str(disk)]
    if size is not None:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603
    except OSError:
        return False


def orphaned(bench: Bench, times: int) -> Outcome:
    """The parser processes of a run are killed under its hands."""
    outcome = bench.outcome("kill -9 of a parser process", f"the run ends with 1 and says so; {SAME}")
    for database, edition in bench.editions():
        if outcome.times >= times:
            return outcome
        run, victims = bench.start(database), 0
        until = time.monotonic() + bench.random.uniform(0, bench.seconds)
        if run.until_locked():
            while run.process.is_alive() and not victims:
                for child in run.children() if time.monotonic() > until else ():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, signal.SIGKILL)
                        victims += 1
                time.sleep(0.002)
        code = run.end()
        hit = any(event.get("outcome") == "parser_killed" for event in run.events())
        wrong = [] if code == ExitCode.SOME_FEEDS_FAILED else [f"ended with {code}: {run.said()[-1000:]}"]
        wrong += bench.settled(database, edition)
        if victims:
            outcome.note("over a document" if hit else "between documents", wrong)
    raise AssertionError("unreachable: editions go on for ever")


def deserted(bench: Bench, times: int) -> Outcome:
    """From some request on, the server cuts every answer off half-way."""
    outcome = bench.outcome("the server dies midway", f"exit code 1 or 3; {SAME} once it is back")
    for database, edition in bench.editions():
        if outcome.times >= times:
            return outcome
        last = bench.world.answered + bench.random.randrange(len(OUTLETS))
        bench.world.last = last
        run = bench.start(database)
        code = run.end()
        bench.world.last = None
        wrong = [] if code in {1, 3} and "crashed" not in run.said() else [f"ended with {code}: {run.said()[-1000:]}"]
        outcome.note(f"exit code {code}", wrong + bench.settled(database, edition))
    raise AssertionError("unreachable: editions go on for ever")


FREE_OF_DATES = ("article_version", "sighting", "gate", "label", "feed", "outlet")
LEAPS = (timedelta(days=-366), timedelta(days=-1), timedelta(hours=-1), timedelta(minutes=-5), timedelta(days=366))


def misdated(bench: Bench, times: int) -> Outcome:
    """The clock leaps between two runs, which ask the feeds that are due, and is right again later."""
    checked = "every feed is asked again within four hours, also once the clock is right; no negative interval"
    outcome = bench.outcome("the clock leaps", f"{checked}; {SAME}")
    settings = config.load(bench.feeds)
    classifier = load_classifier(**settings.classifier_options())
    for number in range(times):
        leap, database = LEAPS[number % len(LEAPS)], bench.database()
        now = datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(seconds=bench.random.uniform(0, 86_400))
        wrong: list[str] = []
        for edition in range(EDITIONS):
            bench.world.edition = edition
            now += leap if edition == 1 else -leap if edition == 2 else timedelta(0)
            now += timedelta(minutes=1)
            until, asked = now + 4 * schedule.USUAL_INTERVAL, set[str]()
            while now < until and len(asked) < len(OUTLETS):
                _run_at(settings, database, classifier, now, asked)
                now += timedelta(minutes=75)
            if len(asked) < len(OUTLETS):
                wrong.append(f"{len(OUTLETS) - len(asked)} feeds were not asked in edition {edition}, leap {leap}")
        wanted = bench.undisturbed[-1]
        if leap < timedelta(days=-2):  # news from the future is dated when it is seen, as decided in dates.py
            wanted = {table: wanted[table] for table in FREE_OF_DATES}
        outcome.note(f"by {_leap(leap)}", [*wrong, *complaints(database, wanted)])
    return outcome


def _leap(leap: timedelta) -> str:
    return f"{'−' if leap < timedelta(0) else '+'}{schedule.in_words(abs(leap))}"


def _run_at(settings: config.Config, database: Path, classifier: Any, now: datetime, asked: set[str]) -> None:
    summary = pipeline.run(settings, database, classifier, due_only=True, clock=lambda: now)
    asked |= {result.feed_url for result in summary.feeds if result.outcome.succeeded}


CAMPAIGNS: dict[str, tuple[Callable[[Bench, int], Outcome], float]] = {
    "terminated": (terminated, 0.1),
    "crowded": (crowded, 0.05),
    "watched": (watched, 0.05),
    "starved": (starved, 0.05),
    "full": (full, 0.05),
    "orphaned": (orphaned, 0.05),
    "deserted": (deserted, 0.05),
    "misdated": (misdated, 0.05),
    "killed": (killed, 1.0),
}
"""Campaigns, and how often each disturbs, as a share of --times."""


def table(outcomes: Sequence[Outcome]) -> str:
    """The outcomes in Markdown."""
    lines = ["| fault | times | where, or how | checked | result |", "|---|---:|---|---|---|"]
    for outcome in outcomes:
        how = ", ".join(f"{count} {what}" for what, count in outcome.how.most_common())
        result = f"{len(outcome.wrong)} wrong" if outcome.wrong else "all held" if outcome.times else "not done"
        lines.append(f"| {outcome.fault} | {outcome.times} | {how} | {outcome.checked} | {result} |")
    return "\n".join(lines)


def main() -> int:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--times", type=int, default=200, help="kills; the other faults come as a share of it")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", choices=CAMPAIGNS, action="append", help="these campaigns alone")
    chosen = options.parse_args()
    ended_early = False
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.getLogger("media_coverage").setLevel(logging.CRITICAL)  # what a run in this process says is not looked at
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), chosen.seed)
        try:
            for key in chosen.only or CAMPAIGNS:
                campaign, share = CAMPAIGNS[key]
                began = time.monotonic()
                campaign(bench, max(round(chosen.times * share), 1))
                print(f"{key}: {time.monotonic() - began:.0f} s", file=sys.stderr)
        except KeyboardInterrupt:
            ended_early = True
        finally:
            bench.close()
    print(table(bench.outcomes), *(["", "Ended early."] if ended_early else []), sep="\n")
    return int(ended_early or any(outcome.wrong for outcome in bench.outcomes))


if __name__ == "__main__":
    sys.exit(main())
