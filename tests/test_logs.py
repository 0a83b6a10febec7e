"""Lines for people, JSON lines for machines, and the signals that end a command."""

from __future__ import annotations

import io
import json
import logging
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import FakeClassifier, Item, config_text, make_config, rss
from feedserver import Response
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from media_coverage import cli, interruption, lock, logs, pipeline
from media_coverage.errors import AlreadyRunningError, StoreError
from media_coverage.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Result
    from feedserver import FeedServer

    from media_coverage.store import Store


@pytest.fixture(autouse=True)
def _as_from_cron(_lines_for_people: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDIA_COVERAGE_LOG_FORMAT")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


@pytest.fixture
def project(feed_server: FeedServer, tmp_path: Path) -> Path:
    feed_server.serve("/ledger.xml", Response(rss([Item("Trump and Putin agree on a truce"), "City wins the cup"])))
    (tmp_path / "feeds.yaml").write_text(config_text(feed_server.url()), encoding="utf-8")
    return tmp_path


def lines(text: str) -> list[dict[str, Any]]:
    """Every line of a log; one that is not a JSON object raises."""
    found = [json.loads(line) for line in text.split("\n")[:-1]]
    assert all(isinstance(line, dict) for line in found)
    return found


def record(message: str, *arguments: object, **data: object) -> logging.LogRecord:
    made = logging.getLogger("media_coverage.pipeline").makeRecord(
        "media_coverage.pipeline", logging.WARNING, "pipeline.py", 1, message, arguments, None, extra=data
    )
    made.created = 1_770_127_500.1239
    return made


# ------------------------------------------------------------------ formats


def test_a_record_is_one_object_with_its_data() -> None:
    made = record("%s %s", "timeout", "https://a.example/", event="feed", feed="https://a.example/", entries=0)
    with logs.bound(run_id=7):
        line = logs.JsonLines().format(made)
    assert json.loads(line) == {
        "time": "2026-02-03T14:05:00.123Z",
        "level": "warning",
        "event": "feed",
        "message": "timeout https://a.example/",
        "run_id": 7,
        "feed": "https://a.example/",
        "entries": 0,
    }
    assert "run_id" not in json.loads(logs.JsonLines().format(made))


@given(st.text(), st.one_of(st.text(), st.integers(), st.none(), st.lists(st.text()), st.datetimes()))
def test_whatever_a_server_says_a_record_is_one_line(said: str, value: object) -> None:
    made = record("%s", said, value=value)
    for formatter in (logs.JsonLines(), logs.Lines()):
        line = formatter.format(made)
        assert len(line.splitlines()) == 1
        assert not re.search("[\0-\x1f\x7f-\x9f]", line)
    read = json.loads(logs.JsonLines().format(made))
    assert read["message"] == said
    assert logs.JsonLines().format(made).isascii()


def test_a_traceback_is_a_field() -> None:
    try:
        raise ValueError("odd")
    except ValueError:
        made = record("stopped")
        made.exc_info = sys.exc_info()
    line = json.loads(logs.JsonLines().format(made))
    assert line["traceback"].endswith("ValueError: odd")
    assert logs.Lines().format(made).startswith("WARNING stopped\nTraceback")


def test_a_run_by_cron_logs_objects(command: Callable[..., Result], feed_server: FeedServer, project: Path) -> None:
    feed_server.serve("/gone.xml", Response(status=410))
    text = config_text(feed_server.url(), {"Ledger": ["/ledger.xml"], "Gone": ["/gone.xml"]})
    (project / "feeds.yaml").write_text(text, encoding="utf-8")
    result = command("-v", "run", "--config", project / "feeds.yaml")
    found = lines(result.err)
    assert found[0]["event"] == "run_started"
    feeds = {line["outlet"]: line for line in found if line["event"] == "feed"}
    assert (feeds["Ledger"]["outcome"], feeds["Ledger"]["entries"], feeds["Ledger"]["level"]) == ("ok", 2, "info")
    assert (feeds["Gone"]["outcome"], feeds["Gone"]["status"], feeds["Gone"]["level"]) == ("gone", 410, "warning")
    assert feeds["Gone"]["feed"] == feed_server.url("/gone.xml")
    (off,) = (line for line in found if line["event"] == "feed_off")
    assert "feeds on" in off["message"]
    ended = found[-1]
    assert (ended["event"], ended["exit_code"], ended["new_articles"], ended["failed"]) == ("run_finished", 1, 2, 1)
    assert {line["run_id"] for line in found} == {1}
    times = [datetime.fromisoformat(line["time"]) for line in found]
    assert datetime.fromisoformat(ended["started_at"]).utcoffset() == timedelta(0)
    assert all(time.utcoffset() == timedelta(0) for time in times)
    assert times == sorted(times)


def test_warnings_are_seen_at_default_verbosity_and_errors_alone_when_quiet(
    command: Callable[..., Result], feed_server: FeedServer, project: Path
) -> None:
    feed_server.serve("/ledger.xml", Response(status=500))
    configuration = ("run", "--config", project / "feeds.yaml")
    assert [line["event"] for line in lines(command(*configuration).err)] == ["feed"]
    assert command("-q", *configuration).err == ""


def test_a_failure_is_an_object_with_its_exit_code(command: Callable[..., Result], tmp_path: Path) -> None:
    (line,) = lines(command("-q", "run", "--config", tmp_path / "feeds.yaml").err)
    assert (line["event"], line["error"], line["exit_code"], line["level"]) == ("failed", "ConfigError", 2, "error")
    (line,) = lines(command("run", "--jsn").err)
    assert (line["event"], line["exit_code"]) == ("usage", 2)


def test_a_fault_of_the_program_has_a_code_that_no_monitor_overlooks(command: Callable[..., Result]) -> None:
    @cli.cli.command("stumble")
    def stumble() -> None:
        raise ZeroDivisionError("of all things")

    try:
        result = command("stumble")
    finally:
        del cli.cli.commands["stumble"]
    (line,) = lines(result.err)
    assert (result.code, line["event"], line["level"]) == (3, "crashed", "critical")
    assert "ZeroDivisionError: of all things" in line["traceback"]


def test_the_format_can_be_chosen(command: Callable[..., Result], project: Path) -> None:
    arguments = ("-v", "--log-format", "text", "run", "--config", project / "feeds.yaml")
    assert "INFO ok http://" in command(*arguments).err


def on_a_terminal(*arguments: str | Path) -> str:
    """What a command writes to a terminal that is its stderr; its stdout is a pipe."""
    ours, theirs = pty.openpty()
    program = [sys.executable, "-m", "media_coverage", *map(str, arguments)]
    process = subprocess.Popen(program, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    said = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # the terminal has closed
            break
        if not chunk:
            break
        said += chunk
    process.wait()
    os.close(ours)
    return said.decode()


def test_on_a_terminal_there_are_lines_and_bars_for_feeds_and_texts(project: Path) -> None:
    said = on_a_terminal("-v", "run", "--config", project / "feeds.yaml")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said)
    assert "INFO ok http://" in plain
    assert re.search(r"feeds .*1/1", plain)
    assert re.search(r"texts .*1/1", plain)
    assert "{" not in plain


def test_json_lines_on_a_terminal_come_without_bars(project: Path) -> None:
    said = on_a_terminal("-v", "--log-format", "json", "run", "--config", project / "feeds.yaml")
    assert [line["event"] for line in map(json.loads, said.split("\r\n")[:-1])] == [
        "run_started",
        "feed",
        "run_finished",
    ]


@pytest.mark.parametrize("buffered", [True, False])
def test_what_cannot_be_printed_is_said(project: Path, buffered: bool) -> None:
    """A full disk under stdout: /dev/full stands for it where there is one."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("only Linux has a device that is always full")
    with full.open("w", encoding="utf-8") as out:
        done = subprocess.run(
            [sys.executable, "-m", "media_coverage", "feeds", "list", "--config", str(project / "feeds.yaml")],
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=os.environ | {"PYTHONUNBUFFERED": "" if buffered else "1"},
        )
    (line,) = lines(done.stderr)
    assert (done.returncode, line["event"]) == (3, "failed")
    assert "No space left" in line["message"]


# ------------------------------------------------------------------ signals


def _asked_to_end_while_writing(store: Store) -> None:
    with interruption.caught(), store._writing():
        os.kill(os.getpid(), signal.SIGTERM)
        store._db.execute("CREATE TABLE whole (x)")


def test_a_signal_in_a_transaction_waits_for_its_end(store: Store) -> None:
    with pytest.raises(interruption.Interrupted, match="SIGTERM"):
        _asked_to_end_while_writing(store)
    with open_store(store.path) as another:
        assert len(another.query("SELECT 1 FROM sqlite_master WHERE name = 'whole'")) == 1
    with interruption.caught(), store._writing():  # nothing is left of it
        pass


def _asked_to_end_while_idle() -> None:
    with interruption.caught():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)


def test_a_signal_outside_a_transaction_is_raised_at_once_and_handlers_come_back() -> None:
    before = [signal.getsignal(number) for number in interruption.SIGNALS]
    with pytest.raises(interruption.Interrupted, match="SIGTERM"):
        _asked_to_end_while_idle()
    assert [signal.getsignal(number) for number in interruption.SIGNALS] == before


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with interruption.caught():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.05)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_other_threads_leave_signals_alone() -> None:
    found: list[object] = []

    def work() -> None:
        with interruption.caught(), interruption.held_back():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGTERM)]


class _Late(FakeClassifier):
    """Is asked to end while it labels."""

    def classify(self, texts: Any, *, evidence: bool = False) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return super().classify(texts, evidence=evidence)


def test_a_relabelling_that_is_ended_says_so_in_its_row(feed_server: FeedServer, tmp_path: Path) -> None:
    feed_server.serve("/ledger.xml", Response(rss([Item("Trump and Putin agree on a truce")])))
    config = make_config(feed_server.url(), folder=tmp_path)
    pipeline.run(config, classifier=FakeClassifier())
    with pytest.raises(interruption.Interrupted), interruption.caught():
        pipeline.relabel(config.database, _Late("2"))
    with open_store(config.database) as store:
        runs = store.runs()
    assert runs["state"].tolist() == ["interrupted", "finished"]
    assert runs["exit_code"].tolist() == [130, 0]
    assert runs["error"].tolist()[0] == "SIGTERM"


# ------------------------------------------------------------------ the lock


def test_the_second_is_told_who_was_first(tmp_path: Path) -> None:
    database = tmp_path / "coverage.db"
    with lock.locked(database, "classify"), pytest.raises(AlreadyRunningError) as caught:  # noqa: SIM117
        with lock.locked(database, "run"):
            pass
    since = r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    assert re.search(rf"\(`media-coverage classify`, process {os.getpid()}, {since}\)", str(caught.value))
    with lock.locked(database, "run"):
        assert (tmp_path / "coverage.db.lock").read_text(encoding="utf-8").startswith(f"{os.getpid()} ")
    assert (tmp_path / "coverage.db.lock").read_text(encoding="utf-8") == ""


@pytest.mark.parametrize("note", ["", "999999999 2026-02-03T14:05:00Z run", "x y z", "-1", "1" * 500, "\0"])
def test_a_note_that_cannot_be_true_names_nobody(tmp_path: Path, note: str) -> None:
    database = tmp_path / "coverage.db"
    with FileLock(f"{database}.lock"):
        (tmp_path / "coverage.db.lock").write_text(note, encoding="utf-8")
        with pytest.raises(AlreadyRunningError) as caught, lock.locked(database, "run"):
            pass
    assert str(caught.value).endswith("another run is using this database; nothing was done")


def test_a_lock_that_cannot_be_had_is_no_licence_to_write(tmp_path: Path) -> None:
    (tmp_path / "coverage.db.lock").mkdir()
    with pytest.raises(StoreError, match="cannot be locked"), lock.locked(tmp_path / "coverage.db", "run"):
        pass


@pytest.mark.parametrize(
    "arguments",
    [("run",), ("classify",), ("prune", "--older-than", "30"), ("feeds", "on", "ledger"), ("demo", "--dir", "demo")],
    ids=" ".join,
)
def test_every_command_that_writes_takes_the_lock(
    command: Callable[..., Result], project: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(project)
    (project / "demo").mkdir()
    (project / "demo" / "demo.db").write_bytes(b"in use")
    assert command("run").code == 0
    database = project / ("demo/demo.db" if "demo" in arguments else "media-coverage.db")
    with FileLock(f"{database}.lock"):
        result = command(*arguments)
    assert result.code == 75
    assert lines(result.err)[-1]["error"] == "AlreadyRunningError"
    assert (project / "demo" / "demo.db").exists()


def test_a_handler_writes_to_the_stderr_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    logs.start(logging.INFO, "text")
    for number in range(2):
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        logs.notes.info("number %d", number)
        assert sys.stderr.getvalue() == f"number {number}\n"  # type: ignore[attr-defined]
