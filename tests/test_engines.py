"""Labelling in parts: the same bytes from every engine, what faults leave behind, and how a run goes on after them."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import FakeClassifier, Item, config_text, make_config, rss
from feedserver import Response, unused_port

from media_coverage import lake, parquet, pipeline
from media_coverage.classify import load_classifier
from media_coverage.engines import Setup
from media_coverage.errors import InputError, LakeError, WorkerError
from media_coverage.labelling import PART_ROWS, Job, Part, label, label_part, parquet_files
from media_coverage.records import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Result
    from feedserver import FeedServer

QUERY = "trump AND putin"
MODEL = Setup({"model": "embedded"})
LONG = 5
"""Texts of the model's own length in each of the files that faults hit in the middle."""


def article(n: int, **values: Any) -> dict[str, Any]:
    return {
        "article_id": n,
        "title": f"Trump and Putin speak of peace for Ukraine, talk {n}",
        "summary": f"The two leaders met for an hour; it was meeting {n}.",
        "outlet": "Morning Ledger",
        "published_at": datetime(2026, 2, 1 + n % 28, 9),  # noqa: DTZ001 - a time without a zone is one of the cases
        "language": "en",
    } | values


def write_press(folder: Path) -> None:
    """Four files: one of two parts, others in other shapes; a dozen texts that the model reads."""
    (folder / "2026").mkdir(parents=True)
    rows = [article(n, title=f"Harvest festival number {n}", summary="") for n in range(PART_ROWS + 40)]
    for n in (5, 6000, PART_ROWS - 1, PART_ROWS, PART_ROWS + 7):
        rows[n] = article(n, story_id=n, country="GB", outlet_group="uk", feeds=2, wire_copy=n == 5)
    pd.DataFrame(rows).to_parquet(folder / "long.parquet", row_group_size=7000)
    twins = [article(1), article(2, title=article(1)["title"], summary=article(1)["summary"], published_at=None)]
    german = "Trump und Putin treffen sich heute in Genf zu einem Gespräch über den Frieden in der Ukraine"
    strange = [
        article(3, title=german, summary="", language=None),
        article(4, title=None),
        article(5, published_at=datetime(1, 1, 1)),  # noqa: DTZ001
        article(6, summary=None, outlet=None),
    ]
    pd.DataFrame(twins + strange).astype({"published_at": "datetime64[us]"}).to_parquet(folder / "2026/a.parquet")
    texts = [article(n, published_at=f"2026-02-0{n}T23:30:00-02:00", article_id=f"x{n}") for n in range(7, 10)]
    pd.DataFrame(texts).astype({"outlet": "category"}).to_parquet(folder / "2026/b.parquet")
    pd.DataFrame(texts).iloc[:0].to_parquet(folder / "2026/empty.parquet")
    (folder / "_ignored").mkdir()
    (folder / "_ignored" / "c.parquet").write_bytes(b"no Parquet")


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def labelled(source: Path, target: Path, setup: Setup = MODEL, **options: Any) -> Any:
    return label(source, target, QUERY, "en", setup, **options)


@pytest.fixture(scope="module")
def press(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("press") / "articles"
    write_press(folder)
    return folder


@pytest.fixture(scope="module")
def undisturbed(press: Path) -> Path:
    """What a run makes of `press` when nothing happens."""
    account = labelled(press, press.parent / "undisturbed")
    assert (account.files, account.parts, account.before) == (4, 5, 0)
    assert (account.rows, account.passed, account.problems) == (PART_ROWS + 49, 12, {})
    return press.parent / "undisturbed"


def table(folder: Path, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / name, partitioning=None).to_pylist()
    return rows


# ------------------------------------------------------------------ what is written


def test_every_part_is_written_once_and_the_marker_last(undisturbed: Path) -> None:
    names = ["2026/a-00000", "2026/b-00000", "2026/empty-00000", "long-00000", "long-00001"]
    assert parquet_files(undisturbed) == [f"{name}.parquet" for name in names]
    assert sorted(tree(undisturbed)) == sorted([*parquet_files(undisturbed), lake.MARKER])
    whole = lake.opened(undisturbed)
    assert whole.rows == PART_ROWS + 49
    kinds = lake.kinds(whole.info.frames)
    for name in whole.files:
        assert parquet.footer(undisturbed / name).columns == tuple(kinds)
        assert pq.read_schema(undisturbed / name).field("published_at").type == pa.timestamp("us", "UTC")
    assert [row["article_id"] for row in table(undisturbed, "long-00001.parquet")][:2] == ["10000", "10001"]


def test_a_label_is_what_the_classifier_says_of_the_text_alone(undisturbed: Path) -> None:
    classifier = load_classifier()
    rows = [row for name in parquet_files(undisturbed) for row in table(undisturbed, name) if row["passed_gate"]]
    assert len(rows) == 12
    for row in rows:
        (framing,) = classifier.classify([Text(row["title"], row["summary"] or "")])
        assert (row["p_relevant"], row["p_hope"], row["p_appease"]) == (framing.p_relevant, *framing.p)
        assert (row["on_topic"], row["uncertain"]) == (framing.relevant, framing.uncertain)
        assert row["label"] == (framing.label if framing.relevant else None)
        assert row["model_id"] == classifier.info.model_id


def test_what_a_file_leaves_open_is_filled_in(undisturbed: Path) -> None:
    first, twin, german, untitled, ancient, nameless = table(undisturbed, "2026/a-00000.parquet")
    assert first["date"] == date(2026, 2, 2)
    assert (first["story_id"], first["outlet_group"], first["feeds"], first["wire_copy"]) == (
        *("article 1", "other", 0, False),
    )
    assert twin["p_hope"] == first["p_hope"]
    assert twin["date"] is None
    assert (german["passed_gate"], german["gate_stage"], german["language"]) == (False, "language", "de")
    assert untitled["passed_gate"] is False
    assert (ancient["published_at"].year, ancient["date"]) == (1, None)
    assert nameless["outlet"] == "unknown"
    late = table(undisturbed, "2026/b-00000.parquet")[0]
    assert (late["article_id"], late["date"]) == ("x7", date(2026, 2, 8))  # 23:30 two hours west of Greenwich
    assert lake.opened(undisturbed).undated() == 2


def test_a_second_run_does_nothing(press: Path, undisturbed: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*.parquet")}
    account = labelled(press, undisturbed)
    assert (account.parts, account.before, account.passed) == (5, 5, 12)
    assert before == {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*.parquet")}


def test_other_batches_and_numbers_of_workers_write_the_same_bytes(
    press: Path, undisturbed: Path, tmp_path: Path
) -> None:
    labelled(press, tmp_path / "out", Setup(MODEL.options, workers=3), batch=2)
    assert tree(tmp_path / "out") == tree(undisturbed)


def test_rows_are_found_whatever_the_row_groups(tmp_path: Path) -> None:
    numbers = pa.table({"n": list(range(25_000)), "other": ["x"] * 25_000})
    for size in (999, 10_000, 25_000):
        pq.write_table(numbers, tmp_path / "n.parquet", row_group_size=size)
        for first, count in ((0, 3), (9_999, 2), (10_000, 10_000), (20_000, 5_000), (24_999, 1), (0, 0)):
            found = parquet.read(tmp_path / "n.parquet", {"n": "integer", "missing": "string"}, first, count)
            assert found == {"n": list(range(first, first + count)), "missing": [None] * count}
    assert len(parquet.read(tmp_path / "n.parquet", {"n": "integer"})["n"]) == 25_000


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        ([1, 2], "datetime", "int64, but datetime"),
        (["yesterday"], "datetime", "no datetime"),
        ([["a"]], "string", "published_at"),
        (["many"], "integer", "no integer"),
    ],
)
def test_a_column_of_another_kind_is_named(tmp_path: Path, values: list[Any], kind: str, words: str) -> None:
    pq.write_table(pa.table({"published_at": values}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match=words) as caught:
        parquet.read(tmp_path / "t.parquet", {"published_at": kind})
    assert "published_at" in str(caught.value)


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": range(30_000), "text": ["é"] * 30_000}, index=range(5, 30_005))
    for name in ("a", "b"):
        parquet.write(frame, tmp_path / name, {"made by": "a test"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert parquet.footer(tmp_path / "a").about == {"made by": "a test"}
    assert parquet.footer(tmp_path / "a").columns == ("n", "text")


def test_workers_are_one_for_each_core_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for said, expected in (("3", 3), ("0", None), ("many", None), ("", None)):
        monkeypatch.setenv("MEDIA_COVERAGE_CORES", said)
        assert Setup().processes == (expected or len(os.sched_getaffinity(0)))
    monkeypatch.setenv("MEDIA_COVERAGE_CORES", "3")
    assert Setup({"device": "cuda"}).processes == 1
    assert Setup({"device": "cuda"}, workers=2).processes == 2


def test_a_worker_with_another_model_is_refused(press: Path, tmp_path: Path) -> None:
    job = Job(press, tmp_path, QUERY, "en", "another@1+000000000000")
    with pytest.raises(LakeError, match="install the same version everywhere"):
        label_part(FakeClassifier(), (job, Part("2026/a.parquet", "", 0, 0, 6)))


# ------------------------------------------------------------------ faults


def test_files_that_cannot_be_read_are_told_and_done_once_they_are_repaired(
    press: Path, undisturbed: Path, tmp_path: Path, command: Callable[..., Result]
) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    shutil.copytree(press, source)
    content = (press / "long.parquet").read_bytes()
    (source / "long.parquet").write_bytes(content[:-100])
    damaged = bytearray((press / "2026/b.parquet").read_bytes())
    damaged[100:300] = bytes(200)
    (source / "2026/b.parquet").write_bytes(damaged)
    pq.write_table(pa.table({"title": ["Trump and Putin"], "link": ["x"]}), source / "other.parquet")
    pq.write_table(
        pa.table({"title": ["Trump and Putin"], "outlet": ["x"], "published_at": [7]}), source / "mixed.parquet"
    )
    (tmp_path / "feeds.yaml").write_text(config_text("https://ledger.example/"), encoding="utf-8")
    arguments = ("classify", "--config", tmp_path / "feeds.yaml", "--from", source, "--to", target)
    done = command(*arguments)
    assert done.code == 1
    assert "4 files were left out" in done.out
    for name, words in {
        "long.parquet": "cannot be read as Parquet",
        "2026/b.parquet": "cannot be read as Parquet",
        "other.parquet": "lacks the column outlet and published_at; it has title, link",
        "mixed.parquet": "holds in the column published_at int64, but datetime is needed",
    }.items():
        assert any(str(source / name) in line and words in line for line in done.err.splitlines()), name
    assert parquet_files(target) == ["2026/a-00000.parquet", "2026/empty-00000.parquet"]
    with pytest.raises(LakeError, match="not wholly labelled"):
        lake.opened(target)
    for name in ("other.parquet", "mixed.parquet"):
        (source / name).unlink()
    for name in ("long.parquet", "2026/b.parquet"):
        shutil.copy(press / name, source / name)
    done = command(*arguments)
    assert done.code == 0, done.err
    assert "5 parts, 2 of them before" in done.out
    assert tree(target) == tree(undisturbed)


def test_a_file_that_has_changed_is_labelled_anew_and_one_that_has_gone_is_removed(
    press: Path, undisturbed: Path, tmp_path: Path
) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    shutil.copytree(press, source)
    shutil.copytree(undisturbed, target)
    (source / "long.parquet").unlink()
    pd.DataFrame([article(1), article(50)]).to_parquet(source / "2026/a.parquet")
    account = labelled(source, target)
    assert (account.parts, account.before, account.rows) == (3, 2, 5)
    assert [row["article_id"] for row in table(target, "2026/a-00000.parquet")] == ["1", "50"]
    assert lake.opened(target).rows == 5
    assert parquet_files(target) == [f"2026/{name}-00000.parquet" for name in ("a", "b", "empty")]


def test_the_wrong_folder_is_refused_and_nothing_in_it_touched(press: Path, undisturbed: Path, tmp_path: Path) -> None:
    for source, target, words in (
        (press, press / "inside", "lies in the other folder"),
        (press, press, "lies in the other folder"),
        (tmp_path / "nowhere", tmp_path / "out", "is no folder"),
        (tmp_path, press, "holds no Parquet files"),
    ):
        with pytest.raises(LakeError, match=words):
            labelled(source, target)
    (tmp_path / "theirs").mkdir()
    shutil.copy(press / "2026/b.parquet", tmp_path / "theirs")
    with pytest.raises(LakeError, match="was not written by media-coverage"):
        labelled(press, tmp_path / "theirs")
    before = tree(undisturbed)
    with pytest.raises(LakeError, match="labels of another topic"):
        label(press, undisturbed, "grain", "en", MODEL)
    other = Setup({"model": "embedded", "thresholds": {"hope": 0.9}})
    with pytest.raises(LakeError, match="labels of another model"):
        label(press, undisturbed, QUERY, "en", other)
    assert tree(undisturbed) == before
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == ["b.parquet"]


def test_options_that_do_not_go_together_are_told(press: Path, tmp_path: Path, command: Callable[..., Result]) -> None:
    for arguments, words in (
        (("--from", press), "--from and --to go together"),
        (("--from", press, "--to", tmp_path, "--activate"), "needs no database"),
        (("--address", "127.0.0.1:1"), "--address is Ray's"),
    ):
        done = command("classify", *arguments)
        assert (done.code, words in done.err) == (2, True), done.err


def environment() -> dict[str, str]:
    own = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "MEDIA_COVERAGE_LOG_FORMAT": "text"}
    return os.environ | own | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "5f" * 32}


def start(
    source: Path, target: Path, *arguments: str, limit: int | None = None, **variables: str
) -> subprocess.Popen[str]:
    """`classify --from … --to …` as a process of its own, which may write files of `limit` KiB at most."""
    config = target.parent / "feeds.yaml"
    config.write_text(config_text("https://ledger.example/"), encoding="utf-8")
    folders = ("--config", str(config), "--from", str(source), "--to", str(target))
    words = [sys.executable, "-m", "media_coverage", "classify", *folders, *arguments]
    if limit is not None:
        words = ["bash", "-c", f'ulimit -f {limit}; exec "$@"', "bash", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(words, env=environment() | variables, text=True, **pipes)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code and what was printed."""
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def awaited(condition: Callable[[], Any], process: subprocess.Popen[str]) -> Any:
    """What the condition gives, once it gives something, while the process lives."""
    while not (found := condition()):
        assert process.poll() is None, finish(process)
        time.sleep(0.02)
    return found


def below(process: subprocess.Popen[str], word: str) -> list[psutil.Process]:
    """Descendants of a process whose command line holds a word."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if word in " ".join(child.cmdline()):
                found.append(child)
    return found


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six files that keep a worker busy for a moment each: time to be killed in."""
    folder = tmp_path_factory.mktemp("slow") / "articles"
    folder.mkdir()
    for number in range(6):
        texts = [article(n, summary=f"{number} {n} " + "so it was said, " * 40) for n in range(LONG)]
        pd.DataFrame(texts).to_parquet(folder / f"{number}.parquet")
    return folder


@pytest.fixture(scope="module")
def slow_undisturbed(slow: Path) -> dict[str, bytes]:
    labelled(slow, slow.parent / "undisturbed")
    return tree(slow.parent / "undisturbed")


def test_a_full_disk_ends_the_run_and_the_next_one_goes_on(press: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    shutil.copy(press / "2026/b.parquet", source / "a small one.parquet")
    shutil.copy(press / "long.parquet", source)
    code, _, err = finish(start(source, target, "--workers", "1", limit=24))
    assert code == 3, err
    assert "long-00000.parquet: cannot be written" in err
    assert "File too large" in err
    assert parquet_files(target) == ["a small one-00000.parquet"]
    assert not list(target.rglob(".*"))
    assert labelled(source, target).before == 1
    labelled(source, tmp_path / "undisturbed")
    assert tree(target) == tree(tmp_path / "undisturbed")


def test_a_worker_that_is_killed_is_replaced(slow: Path, slow_undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    process = start(slow, tmp_path / "out", "--workers", "2")
    awaited(lambda: parquet_files(tmp_path / "out") if (tmp_path / "out").exists() else None, process)
    for worker in below(process, "spawn_main")[:1]:
        worker.kill()
    (tmp_path / "out" / ".5-00000.parquet.0.tmp").touch()  # as of a worker that dies while it writes
    code, out, err = finish(process)
    assert code == 0, err
    assert "6 files, 6 parts" in out
    assert tree(tmp_path / "out") == slow_undisturbed


def test_a_run_that_is_killed_leaves_no_workers_and_is_finished_by_the_next(
    slow: Path, slow_undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    process = start(slow, tmp_path / "out", "--workers", "2")
    awaited(lambda: parquet_files(tmp_path / "out") if (tmp_path / "out").exists() else None, process)
    workers = below(process, "spawn_main")
    process.kill()
    finish(process)
    assert workers
    psutil.wait_procs(workers, timeout=30)
    assert not any(worker.is_running() for worker in workers)
    done = parquet_files(tmp_path / "out")
    assert 0 < len(done) <= 6
    assert not (tmp_path / "out" / lake.MARKER).exists() or len(done) == 6
    assert labelled(slow, tmp_path / "out").before == len(done)
    assert tree(tmp_path / "out") == slow_undisturbed


def test_a_run_that_is_interrupted_says_so_and_leaves_no_workers(slow: Path, tmp_path: Path) -> None:
    process = start(slow, tmp_path / "out", "--workers", "2")
    awaited(lambda: parquet_files(tmp_path / "out") if (tmp_path / "out").exists() else None, process)
    workers = below(process, "spawn_main")
    (tmp_path / "out" / ".5-00000.parquet.0.tmp").touch()  # as of a worker that ends while it writes
    process.send_signal(signal.SIGTERM)
    code, _, err = finish(process)
    assert (code, "interrupted" in err) == (130, True), err
    assert "Traceback" not in err
    assert not any(worker.is_running() for worker in workers)
    assert not list((tmp_path / "out").rglob(".*"))


def test_workers_that_always_die_end_the_run(press: Path, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="died 3 times in a row"):
        list(engines_local(Setup(MODEL.options, 1), os_exit, [1]))


def engines_local(setup: Setup, function: Any, tasks: list[Any]) -> Iterator[Any]:
    from media_coverage.engines import local

    return local(setup, function, tasks)


def os_exit(_: Any, code: int) -> None:
    """What a worker does when the system kills it."""
    os._exit(code)


# ------------------------------------------------------------------ a database


def test_workers_store_the_labels_that_this_process_would(
    feed_server: FeedServer, tmp_path: Path, command: Callable[..., Result]
) -> None:
    texts = [Item(f"Trump and Putin meet, {n}", f"It was meeting {n} for peace.") for n in range(7)]
    again = [Item(text.title, text.summary, link=f"https://other.example/{n}") for n, text in enumerate(texts[:2])]
    feed_server.serve("/ledger.xml", Response(rss(texts)))
    feed_server.serve("/other.xml", Response(rss(again, title="Other")))
    outlets = {"Morning Ledger": ["/ledger.xml"], "Other": ["/other.xml"]}
    pipeline.run(make_config(feed_server.url(), outlets), tmp_path / "here.db", FakeClassifier())
    shutil.copy(tmp_path / "here.db", tmp_path / "there.db")
    (tmp_path / "feeds.yaml").write_text(config_text(feed_server.url(), outlets), encoding="utf-8")
    stored = {}
    for name, options in (("here", ()), ("there", ("--workers", "2"))):
        database = tmp_path / f"{name}.db"
        arguments = ("classify", "--activate", "--config", tmp_path / "feeds.yaml", "--db", database, *options)
        done = command(*arguments)
        assert done.code == 0, done.err
        assert done.out.startswith("9 texts labelled by embedded")
        assert command(*arguments).out.startswith("0 texts labelled")
        with contextlib.closing(sqlite3.connect(database)) as connection:
            columns = "version_id, relevant, label, leaning, uncertain, p_relevant, p_hope, p_appease, evidence"
            stored[name] = connection.execute(
                f"SELECT {columns} FROM label WHERE model_id = 2 ORDER BY version_id"  # noqa: S608
            ).fetchall()
    assert len(stored["here"]) == 9
    assert stored["here"] == stored["there"]


# ------------------------------------------------------------------ Ray

on_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray has no package for this platform")
RAY = "ray::MapWorker"


def scratch() -> str:
    """The folder of the Ray of these tests; the names of sockets in it must be short."""
    return f"{tempfile.gettempdir()}/ray-{os.getpid()}"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Ray with two processors; it ends with the process that holds it."""
    folder = scratch()
    words = "start --head --block --num-cpus=2 --object-store-memory=100000000 --include-dashboard=false"
    ray = [sys.executable, "-u", "-m", "ray.scripts.scripts", *words.split(), "--disable-usage-stats"]
    alone = environment() | {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    port = unused_port()
    process = subprocess.Popen(
        [*ray, f"--temp-dir={folder}", f"--port={port}"],
        env=alone,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert any("Ray runtime started" in line for line in process.stdout)
        yield f"127.0.0.1:{port}"
    finally:
        ours = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
        for each in ours:  # nothing is asked to end in good order: that would take half a minute
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        process.communicate(timeout=60)
        _, left = psutil.wait_procs(ours, timeout=30)
        shutil.rmtree(folder, ignore_errors=True)
        assert not left


def actor_of(process: psutil.Process, folder: str) -> bool:
    """Is this process an actor of the Ray with this folder?"""
    with contextlib.suppress(psutil.Error):
        parent = process.parent()
        return RAY in " ".join(process.cmdline()) and parent is not None and folder in " ".join(parent.cmdline())
    return False


@on_ray
def test_ray_writes_the_same_bytes_although_the_run_is_killed_and_then_an_actor(
    cluster: str, slow: Path, slow_undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    arguments = ("--engine", "ray", "--address", cluster, "--workers", "1")
    process = start(slow, tmp_path / "out", *arguments)
    awaited(lambda: parquet_files(tmp_path / "out") if (tmp_path / "out").exists() else None, process)
    process.kill()
    finish(process)
    before = len(parquet_files(tmp_path / "out"))
    assert before < 6
    process = start(slow, tmp_path / "out", *arguments)
    awaited(lambda: len(parquet_files(tmp_path / "out")) > before, process)
    actors = [each for each in psutil.process_iter() if actor_of(each, scratch())]
    assert actors
    actors[0].kill()
    code, out, err = finish(process)
    assert code == 0, err
    assert "6 files, 6 parts" in out
    assert tree(tmp_path / "out") == slow_undisturbed


@on_ray
def test_a_ray_of_our_own_listens_here_only_and_leaves_nothing(press: Path, undisturbed: Path, tmp_path: Path) -> None:
    scratch = Path(tempfile.mkdtemp(prefix="t-"))  # the names of sockets in it must be short
    process = start(press, tmp_path / "out", "--engine", "ray", "--workers", "2", TMPDIR=str(scratch))
    children: dict[int, psutil.Process] = {}
    listening: set[str] = set()
    while process.poll() is None:
        with contextlib.suppress(psutil.Error):
            for child in (psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)):
                children[child.pid] = child
                with contextlib.suppress(psutil.Error):
                    listening |= {
                        each.laddr.ip for each in child.net_connections("tcp") if each.status == psutil.CONN_LISTEN
                    }
        time.sleep(0.2)
    code, _, err = finish(process)
    assert code == 0, err
    assert listening
    assert listening <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    assert len(children) > 4
    psutil.wait_procs(list(children.values()), timeout=30)
    assert not [child for child in children.values() if child.is_running()]
    assert tree(tmp_path / "out") == tree(undisturbed)
    assert not list(scratch.glob("ray-*"))
    shutil.rmtree(scratch)


@on_ray
def test_a_cluster_that_is_not_there_is_told(slow: Path, tmp_path: Path) -> None:
    for address, words in (("127.0.0.1:1", "no Ray answers at 127.0.0.1:1"), ("head", "must be HOST:PORT")):
        with pytest.raises(WorkerError, match=words):
            labelled(slow, tmp_path / "out", Setup(MODEL.options, address=address), engine="ray")
