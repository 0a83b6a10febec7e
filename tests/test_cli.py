"""The command as a user meets it: output, exit codes, and one clear sentence for everything that can be wrong."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import Item, Result, config_text, rss
from feedserver import Response, unused_port
from filelock import FileLock

import media_coverage
from media_coverage.errors import StoreError
from media_coverage.framing import DEFAULT_FRAMES
from media_coverage.store import open_store, schema

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from feedserver import FeedServer

PACKAGE = Path(media_coverage.__file__).parent
COMMANDS = (
    "run",
    "demo",
    "report",
    "alerts",
    "status",
    "score",
    "evaluate",
    "explain",
    "train",
    "classify",
    "compare",
    "feeds list",
    "feeds check",
    "feeds on",
    "why",
    "feeds import",
    "feeds export",
    "prune",
)


@pytest.fixture
def project(feed_server: FeedServer, tmp_path: Path) -> Path:
    """A folder with a feeds.yaml whose one feed works."""
    items = [
        Item("Trump and Putin agree on steps toward a ceasefire", "Both sides spoke of progress."),
        Item("City council debates parking fees", published="Wed, 04 Feb 2026 10:00:00 GMT"),
    ]
    feed_server.serve("/ledger.xml", Response(rss(items)))
    (tmp_path / "feeds.yaml").write_text(config_text(feed_server.url()), encoding="utf-8")
    return tmp_path


def child(*arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "media_coverage", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
    )


def finish(process: subprocess.Popen[str]) -> Result:
    out, err = process.communicate(timeout=60)
    return Result(process.returncode, out, err)


def test_help_of_every_command_is_there_and_says_what_it_does(command: Callable[..., Result]) -> None:
    for name in COMMANDS:
        result = command(*name.split(), "--help")
        assert result.code == 0
        assert "--config" in result.out
        assert "--db" in result.out
        assert len(result.out.splitlines()) > 5


def test_help_does_not_import_the_heavy_libraries() -> None:
    heavy = ("altair feedparser httpx2 numpy onnxruntime pandas py3langid pydantic rich sqlite_utils tokenizers "
             "transformers vl_convert").split()  # fmt: skip
    program = (
        "import sys\nfrom media_coverage.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print(sorted(set({heavy!r}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_run_prints_json_on_stdout_and_logs_on_stderr(command: Callable[..., Result], project: Path) -> None:
    result = command("-v", "run", "--config", project / "feeds.yaml", "--json")
    assert result.code == 0
    summary = json.loads(result.out)
    assert (summary["new_articles"], summary["exit_code"]) == (2, 0)
    assert summary["feeds"][0]["outcome"] == "ok"
    assert "2 entries, 2 new articles" in result.err


def test_config_and_database_come_from_the_environment(
    command: Callable[..., Result], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIA_COVERAGE_CONFIG", str(project / "feeds.yaml"))
    monkeypatch.setenv("MEDIA_COVERAGE_DB", str(project / "elsewhere.db"))
    assert command("run").code == 0
    assert (project / "elsewhere.db").exists()
    assert not (project / "media-coverage.db").exists()
    assert command("run", "--db", project / "third.db").code == 0
    assert (project / "third.db").exists()


def test_report_and_status_show_what_was_collected(command: Callable[..., Result], project: Path) -> None:
    configuration = ("--config", project / "feeds.yaml")
    command("run", *configuration)
    report = command("report", *configuration, "--out", project / "page.html")
    assert report.code == 0
    assert "1 on-topic articles" in report.out
    assert "uncorrected: excludes classifier error" in report.out
    page = (project / "page.html").read_text(encoding="utf-8")
    assert "Trump and Putin agree on steps toward a ceasefire" in page
    status = json.loads(command("status", *configuration, "--json").out)
    assert status["counts"]["articles"] == 2
    assert status["feeds"][0]["last_outcome"] == "ok"
    assert "Morning Ledger" in command("status", *configuration).out


def test_report_refuses_a_day_that_is_none(command: Callable[..., Result], project: Path) -> None:
    result = command("report", "--config", project / "feeds.yaml", "--since", "yesterday")
    assert result.code == 2
    assert "2026-02-03" in result.err


def test_feeds_check_says_which_feeds_work(
    command: Callable[..., Result], feed_server: FeedServer, tmp_path: Path
) -> None:
    feed_server.serve("/good.xml", Response(rss(["One", "Two"])))
    feed_server.serve("/gone.xml", Response(status=410))
    text = config_text(feed_server.url(), {"Good": ["/good.xml"], "Gone": ["/gone.xml"]})
    (tmp_path / "feeds.yaml").write_text(text, encoding="utf-8")
    result = command("feeds", "check", "--config", tmp_path / "feeds.yaml", "--json")
    assert result.code == 1
    found = {row["outlet"]: (row["outcome"], row["entries"], row["newest"]) for row in json.loads(result.out)}
    assert found == {"Good": ("ok", 2, "2026-02-03"), "Gone": ("gone", 0, None)}
    assert not (tmp_path / "media-coverage.db").exists()
    assert "1 of 2 feeds work" in command("feeds", "check", "--config", tmp_path / "feeds.yaml").out


def test_feeds_list_shows_the_configuration(command: Callable[..., Result], project: Path) -> None:
    listed = json.loads(command("feeds", "list", "--config", project / "feeds.yaml", "--json").out)
    assert [row["outlet"] for row in listed] == ["Morning Ledger"]
    assert "1 feeds of 1 outlets" in command("feeds", "list", "--config", project / "feeds.yaml").out


# ------------------------------------------------------------------ score and evaluate


def write_lines(path: Path, values: Sequence[object]) -> Path:
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return path


def test_score_labels_each_line_and_needs_no_database(command: Callable[..., Result], tmp_path: Path) -> None:
    file = write_lines(
        tmp_path / "texts.jsonl",
        [
            {"id": "a", "title": "Trump and Putin hail breakthrough, ceasefire within reach", "summary": ""},
            {"id": "b", "title": "Summit was a shameful surrender that rewards Putin's aggression"},
            {"title": "Local team wins the cup", "summary": None},
        ],
    )
    result = command("score", file)
    answers = [json.loads(line) for line in result.out.splitlines()]
    assert [answer["id"] for answer in answers] == ["a", "b", 3]
    assert [answer["label"] for answer in answers[:2]] == ["hopeful_peace", "appeasement"]
    assert [answer["relevant"] for answer in answers] == [True, True, False]
    assert all(0 <= answer[key] <= 1 for answer in answers for key in ("p_relevant", "p_hope", "p_appease"))
    assert len({answer["model"] for answer in answers}) == 1


GERMAN = "Trump und Putin treffen sich zu Gesprächen über den Frieden in der Ukraine, sagen Diplomaten"


def test_score_says_why_a_text_gets_no_label(command: Callable[..., Result], tmp_path: Path) -> None:
    file = write_lines(
        tmp_path / "texts.jsonl",
        [
            {"id": "de", "title": GERMAN},
            {"id": "declared", "title": "Trump trifft Putin", "language": "de-AT"},
            {"id": "en", "title": "Trump and Putin meet to talk about an end of the war", "summary": "On Friday."},
            {"id": "short", "title": "Talks fail"},
            {"id": "nothing", "title": "", "summary": "<p>\x00</p>"},
        ],
    )
    answers = {answer["id"]: answer for answer in map(json.loads, command("score", file).out.splitlines())}
    refused = {key: answer["refused"] for key, answer in answers.items()}
    german = "language de; the classifier reads en"
    assert refused == {"de": german, "declared": german, "en": None, "short": None, "nothing": "no text"}
    assert {key: answer["language"] for key, answer in answers.items()} == {
        "de": "de", "declared": "de", "en": "en", "short": None, "nothing": None
    }  # fmt: skip
    for key, answer in answers.items():
        empty = [answer[name] is None for name in ("label", "leaning", "relevant", "uncertain", "p_relevant", "p_hope")]
        assert empty == [refused[key] is not None] * 6
        assert answer.keys() == answers["en"].keys()


def test_labelling_leaves_nothing_in_the_home_folder_and_reports_to_nobody(tmp_path: Path) -> None:
    """The model's runtime would, if it were not told: an identifier of the machine, and what is still to be sent."""
    kept = {name: value for name, value in os.environ.items() if name not in {"CI", "ORT_DISABLE_TELEMETRY"}}
    hidden = {name: value for name, value in kept.items() if not name.startswith(("XDG_", "GITHUB_"))}
    done = subprocess.run(
        [sys.executable, "-m", "media_coverage", "score", "-"],
        input=b'{"title": "Trump and Putin meet to talk about an end of the war"}\n',
        env=hidden | {"HOME": str(tmp_path)},
        capture_output=True,
        check=True,
    )
    assert b"p_relevant" in done.stdout
    assert [path for path in tmp_path.rglob("*") if "icrosoft" in path.name or "onnx" in path.name] == []


def test_score_reads_standard_input_as_utf_8_whatever_the_terminal_speaks() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "media_coverage", "score", "-"],
        input='{"id": "é", "title": "Trump et Poutine", "language": "fr"}\n'.encode(),
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["id"] == "é"


def test_any_text_gets_a_label_or_a_reason_and_the_same_one_again(
    command: Callable[..., Result], tmp_path: Path
) -> None:
    odd = [
        *("", " ", "\x00\x01", "<p></p>", "&amp;&lt;", "?!", "1234", "\ud800 alone", "\u202eecaep", "[SEP] [CLS]"),
        *("\N{DOVE OF PEACE}" * 200, "x" * 100_000, "peace " * 20_000),
        *("محادثات ترامب وبوتين حول السلام في أوكرانيا", "特朗普与普京会晤，讨论乌克兰和平"),
        *("Трамп и Путин встретились и договорились о мире", "שיחות על שלום באוקראינה בין טראמפ לפוטין"),
    ]
    texts = [{"title": a, "summary": b} for a in odd for b in ("", "Talks &amp; <b>hope</b>", "я" * 50)]
    first, second = (command("score", write_lines(tmp_path / "odd.jsonl", texts)) for _ in range(2))
    assert (first.code, first.out) == (0, second.out)
    answers = [json.loads(line) for line in first.out.splitlines()]
    assert len(answers) == len(texts)
    for answer in answers:
        assert (answer["label"] in DEFAULT_FRAMES.labels) != (answer["refused"] is not None)
    assert {answer["refused"] for answer in answers} >= {None, "no text", "language ru; the classifier reads en"}


def test_explain_answers_for_another_language_and_says_so(command: Callable[..., Result]) -> None:
    assert "language de; the classifier reads en, so its answer means little" in command("explain", GERMAN).out
    about = json.loads(command("explain", GERMAN, "--json").out)
    assert (about["language"], about["other_language"]) == ("de", True)
    assert about["framing"]["label"] in DEFAULT_FRAMES.labels
    about = json.loads(command("explain", "Trump and Putin meet to talk about an end of the war", "--json").out)
    assert (about["language"], about["other_language"]) == ("en", False)


def test_classify_says_how_many_texts_it_cannot_read(
    command: Callable[..., Result], feed_server: FeedServer, tmp_path: Path
) -> None:
    feed_server.serve("/ledger.xml", Response(rss([GERMAN], language="de")))
    (tmp_path / "feeds.yaml").write_text(config_text(feed_server.url("/")), encoding="utf-8")
    configuration = ("--config", tmp_path / "feeds.yaml")
    command("run", *configuration)
    said = command("classify", "--model", "embedded", *configuration).out
    assert said.startswith("0 texts labelled by embedded-")
    assert said.endswith("; 1 in other languages stay unlabelled\n")
    assert json.loads(command("status", "--json", *configuration).out)["counts"]["other_language"] == 1


def test_the_model_and_device_of_feeds_yaml_are_used_and_the_command_line_wins(
    command: Callable[..., Result], project: Path
) -> None:
    file = write_lines(project / "texts.jsonl", [{"title": "Trump and Putin meet"}])
    with (project / "feeds.yaml").open("a", encoding="utf-8") as stream:
        stream.write("classifier: {model: 'hub:nowhere', device: cuda}\n")
    configuration = ("--config", project / "feeds.yaml")
    for arguments in (("run",), ("score", file), ("explain", "A text")):
        failed = command(*arguments, *configuration)
        assert (failed.code, one_sentence(failed)) == (2, True)
    embedded = command("score", file, "--model", "embedded", "--device", "cpu", *configuration)
    assert json.loads(embedded.out)["model"].startswith("embedded-")
    assert "cannot run on cuda" in command("score", file, "--model", "embedded", *configuration).err
    assert "'tpu' is not one of 'cpu', 'cuda'" in command("score", file, "--device", "tpu").err


def test_evaluate_measures_agreement_with_codes(command: Callable[..., Result], tmp_path: Path) -> None:
    file = write_lines(
        tmp_path / "coded.jsonl",
        [
            {"title": "Trump and Putin hail breakthrough, ceasefire in reach", "rel": 1, "hope": 1, "appease": 0},
            {"title": "Summit a shameful surrender that rewards Putin", "rel": 1, "hope": 0, "appease": 1},
            {"title": "Where Trump and Putin will meet on Friday", "rel": 1, "hope": 0, "appease": 0},
            {"title": "Local team wins the cup", "rel": 0, "hope": 0, "appease": 0},
        ],
    )
    scores = json.loads(command("evaluate", file, "--json").out)
    assert (scores["items"], scores["relevant_items"]) == (4, 3)
    assert 0 <= scores["macro_f1"]["low"] <= scores["macro_f1"]["value"] <= scores["macro_f1"]["high"] <= 1
    assert "macro-F1" in command("evaluate", file).out


def test_explain_shows_the_words_of_a_headline_and_of_a_stored_article(
    command: Callable[..., Result], project: Path
) -> None:
    configuration = ("--config", project / "feeds.yaml")
    result = command("explain", "Trump hands Putin a shameful victory", *configuration)
    assert result.code == 0
    assert "appeasement" in result.out
    assert "deciding phrase" in result.out
    command("run", *configuration)
    by_number = json.loads(command("explain", "1", *configuration, "--json").out)
    with open_store(project / "media-coverage.db") as store:
        row = store.article("1")
    assert row is not None
    by_address = json.loads(command("explain", row["url"], *configuration, "--json").out)
    assert by_number == by_address
    assert " ".join(w["text"] for w in by_number["words"] if w["field"] == "title") == row["title"]
    missing = command("explain", "https://nowhere.example/", *configuration)
    assert (missing.code, one_sentence(missing)) == (2, True)


def test_another_model_relabels_the_database_and_is_compared(command: Callable[..., Result], project: Path) -> None:
    configuration = ("--config", project / "feeds.yaml")
    missing = command("classify", *configuration)
    assert (missing.code, one_sentence(missing)) == (2, True)
    command("run", *configuration)
    only_one = command("compare", *configuration)
    assert (only_one.code, "labels of one model only" in only_one.err) == (2, True)
    shutil.copytree(PACKAGE / "model", project / "model")
    manifest = json.loads((project / "model" / "model.json").read_text(encoding="utf-8"))
    manifest["thresholds"] = dict.fromkeys(manifest["thresholds"], 0.0)  # everything is on topic and mixed
    manifest["name"] = "generous"
    (project / "model" / "model.json").write_text(json.dumps(manifest), encoding="utf-8")

    assert (
        "1 texts labelled by generous@"
        in command("classify", "--model", f"embedded:{project}/model", *configuration).out
    )
    with open_store(project / "media-coverage.db") as store:
        assert list(store.articles()["label"]) == ["hopeful_peace"]
    found = json.loads(command("compare", *configuration, "--json").out)
    assert (found["texts"], found["agreement"]) == (1, 0.0)
    assert found["table"]["hopeful_peace"]["mixed"] == 1
    assert "generous" in command("compare", "embedded", "generous", *configuration).out
    assert command("compare", "nobody", "generous", *configuration).code == 2

    command("classify", "--model", f"embedded:{project}/model", "--activate", *configuration)
    with open_store(project / "media-coverage.db") as store:
        assert list(store.articles()["label"]) == ["mixed"]
        assert store.daily_frames()["mixed"].sum() == 1
        assert store.query("SELECT count(*) AS n FROM label")["n"][0] == 2


BAD_LINES = [
    pytest.param("{not json", "not JSON", id="not-json"),
    pytest.param("[1, 2]", "not a JSON object", id="not-an-object"),
    pytest.param('{"summary": "no title"}', "`title` must be a string", id="no-title"),
    pytest.param('{"title": 5}', "`title` must be a string", id="number-title"),
    pytest.param('{"title": "T", "language": 5}', "`language` must be a code", id="number-language"),
]


@pytest.mark.parametrize(("line", "message"), BAD_LINES)
def test_score_names_the_bad_line(command: Callable[..., Result], tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_text('{"title": "Fine"}\n' + line + "\n", encoding="utf-8")
    result = command("score", file)
    assert result.code == 2
    assert f"{file}:2: {message}" in result.err


def test_evaluate_refuses_illegal_codes_and_empty_files(command: Callable[..., Result], tmp_path: Path) -> None:
    bad = write_lines(tmp_path / "bad.jsonl", [{"title": "x", "rel": 2, "hope": 0, "appease": 0}])
    assert "`rel` must be 0 or 1, not 2" in command("evaluate", bad).err
    empty = write_lines(tmp_path / "empty.jsonl", [])
    result = command("evaluate", empty)
    assert (result.code, "holds no coded item" in result.err) == (2, True)
    assert command("score", tmp_path / "missing.jsonl").code == 2


# ------------------------------------------------------------------ bad input: one sentence, the right code


def one_sentence(result: Result) -> bool:
    """A single line that speaks, and no traceback."""
    lines = [line for line in result.err.splitlines() if line.startswith("media-coverage: ")]
    return len(lines) == 1 and "Traceback" not in result.err


BAD_CONFIGS = [
    pytest.param(None, "there is no such file", id="missing"),
    pytest.param("", "the file is empty", id="empty"),
    pytest.param("topic: [unclosed", "not valid YAML", id="malformed"),
    pytest.param("- a\n- b\n", "must be a mapping", id="not-a-mapping"),
]


@pytest.mark.parametrize(("text", "message"), BAD_CONFIGS)
def test_an_unusable_configuration_is_exit_code_2(
    command: Callable[..., Result], tmp_path: Path, text: str | None, message: str
) -> None:
    file = tmp_path / "feeds.yaml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    for name in ("run", "feeds list", "feeds check", "status", "report"):
        result = command(*name.split(), "--config", file)
        assert result.code == 2
        assert one_sentence(result)
        assert message in result.err
        assert str(file) in result.err
    assert list(tmp_path.glob("*.db*")) == []


def test_duplicate_feeds_and_unknown_groups_are_named_with_their_line(
    command: Callable[..., Result], project: Path
) -> None:
    file = project / "feeds.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("group: uk", "group: ukk"), encoding="utf-8")
    result = command("run", "--config", file)
    assert (result.code, "unknown group 'ukk'; did you mean 'uk'?" in result.err) == (2, True)
    feed = next(line for line in text.splitlines() if line.strip().startswith("- http"))
    file.write_text(text.replace(feed, f"{feed}\n{feed}"), encoding="utf-8")
    result = command("run", "--config", file)
    assert (result.code, "is already listed under" in result.err) == (2, True)


def test_a_database_that_is_not_ours_is_left_alone(command: Callable[..., Result], project: Path) -> None:
    foreign = project / "foreign.db"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE precious (x)")
    connection.close()
    before = foreign.read_bytes()
    for name in ("run", "report", "status"):
        result = command(name, "--config", project / "feeds.yaml", "--db", foreign)
        assert (result.code, one_sentence(result)) == (2, True)
        assert "is not a media-coverage database" in result.err
    assert foreign.read_bytes() == before
    text = project / "text.db"
    text.write_text("These are my notes, not a database. " * 100, encoding="utf-8")
    result = command("run", "--config", project / "feeds.yaml", "--db", text)
    assert (result.code, "is not an SQLite database" in result.err) == (2, True)


def test_a_database_newer_than_the_code_is_refused(command: Callable[..., Result], project: Path) -> None:
    command("run", "--config", project / "feeds.yaml")
    with sqlite3.connect(project / "media-coverage.db") as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    result = command("run", "--config", project / "feeds.yaml")
    assert (result.code, one_sentence(result)) == (2, True)
    assert "newer media-coverage (schema 999" in result.err


def test_a_missing_database_is_said_to_come_from_run(command: Callable[..., Result], project: Path) -> None:
    result = command("report", "--config", project / "feeds.yaml")
    assert (result.code, one_sentence(result)) == (2, True)
    assert "`media-coverage run` makes one" in result.err
    result = command("run", "--config", project / "feeds.yaml", "--db", project / "no" / "such" / "folder.db")
    assert (result.code, "folder does not exist" in result.err) == (2, True)


def test_a_held_lock_is_exit_code_75(command: Callable[..., Result], project: Path) -> None:
    with FileLock(project / "media-coverage.db.lock"):
        result = command("run", "--config", project / "feeds.yaml")
    assert (result.code, one_sentence(result)) == (75, True)
    assert "another run is using this database" in result.err


def test_a_lock_of_a_dead_process_does_not_count(command: Callable[..., Result], project: Path) -> None:
    program = (
        "import sys, os\nfrom filelock import FileLock\n"
        "FileLock(sys.argv[1]).acquire()\nos.kill(os.getpid(), 9)"
    )  # fmt: skip
    subprocess.run([sys.executable, "-c", program, str(project / "media-coverage.db.lock")], check=False)
    assert command("run", "--config", project / "feeds.yaml").code == 0


# Root may write anywhere, so the run happens as somebody else, who needs what it imports in memory by then.
_AS_SOMEBODY_ELSE = """
import os, sys
from pathlib import Path
from media_coverage import classify, config, language, pipeline
from media_coverage.errors import TrackerError
import pandas, sqlite_utils.migrations
classifier, settings = classify.load_classifier(), config.load(Path(sys.argv[1]))
language.detect("The detector is loaded while its files can be read")
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    pipeline.run(settings, Path(sys.argv[2]), classifier)
except TrackerError as error:
    print(error, file=sys.stderr); sys.exit(error.exit_code)
"""


def test_a_read_only_database_is_named(command: Callable[..., Result], project: Path) -> None:
    command("run", "--config", project / "feeds.yaml")
    with sqlite3.connect(project / "media-coverage.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    # pytest's own folders are closed to others, so the database moves to one that is not.
    folder = Path(tempfile.mkdtemp())
    try:
        database = Path(shutil.copy(project / "media-coverage.db", folder))
        before = database.read_bytes()
        database.chmod(0o444)
        folder.chmod(0o555)
        program = [sys.executable, "-c", _AS_SOMEBODY_ELSE, str(project / "feeds.yaml"), str(database)]
        done = subprocess.run(program, capture_output=True, text=True, check=False)
        assert done.returncode == 3
        assert "read-only" in done.stderr
        assert str(database) in done.stderr
        assert database.read_bytes() == before
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


# The kernel refuses to let any file grow beyond this: what SQLite then meets is a full disk.
_WITH_A_FULL_DISK = """
import resource, sys
from media_coverage import cli, language
language.detect("The detector unpacks itself into the temporary folder before the disk fills up")
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
cli.main(sys.argv[1:])
"""


def test_a_full_disk_loses_nothing_already_stored(feed_server: FeedServer, project: Path) -> None:
    def document(count: int) -> bytes:
        # Off topic: what is to be seen is the storing of much text, not the labelling.
        return rss([Item(f"Harvest report {i}", "words of grain " * 200) for i in range(count)])

    feed_server.serve("/ledger.xml", Response(document(3)), Response(document(300)))
    arguments = ("run", "--config", str(project / "feeds.yaml"))
    assert finish(child(*arguments)).code == 0
    done = subprocess.run(
        [sys.executable, "-c", _WITH_A_FULL_DISK, *arguments], capture_output=True, text=True, check=False
    )
    result = Result(done.returncode, done.stdout, done.stderr)
    assert (result.code, one_sentence(result)) == (3, True), result.err
    assert "what was stored before is safe" in result.err
    with open_store(project / "media-coverage.db") as store:
        assert store.integrity() == "ok"
        assert store.counts()["articles"] == 3
    assert finish(child(*arguments)).code == 0
    with open_store(project / "media-coverage.db") as store:
        assert store.counts()["articles"] == 300


def test_without_a_network_nothing_worked_and_nothing_is_lost(command: Callable[..., Result], tmp_path: Path) -> None:
    text = config_text(f"http://127.0.0.1:{unused_port()}")
    (tmp_path / "feeds.yaml").write_text(text, encoding="utf-8")
    result = command("run", "--config", tmp_path / "feeds.yaml")
    assert result.code == 3
    assert "connect_error" in result.err
    with open_store(tmp_path / "media-coverage.db") as store:
        assert list(store.runs()["exit_code"]) == [3]


def _copy_of_the_package(folder: Path) -> Path:
    copy = folder / "media_coverage"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.mark.parametrize("damage", ["missing", "altered", "no manifest"])
def test_a_damaged_model_is_refused_before_anything_is_fetched(
    feed_server: FeedServer, project: Path, tmp_path_factory: pytest.TempPathFactory, damage: str
) -> None:
    elsewhere = tmp_path_factory.mktemp("package")
    model = _copy_of_the_package(elsewhere) / "model"
    if damage == "missing":
        (model / "model.onnx").unlink()
    elif damage == "altered":
        data = bytearray((model / "model.onnx").read_bytes())
        data[len(data) // 2] ^= 1
        (model / "model.onnx").write_bytes(bytes(data))
    else:
        (model / "model.json").unlink()
    result = finish(child("run", "--config", project / "feeds.yaml", env={"PYTHONPATH": str(elsewhere)}))
    assert (result.code, one_sentence(result)) == (2, True)
    assert "install media-coverage again" in result.err
    assert feed_server.asked("/ledger.xml") == []


def test_an_html_page_instead_of_a_feed_is_said(
    command: Callable[..., Result], feed_server: FeedServer, project: Path
) -> None:
    feed_server.serve("/ledger.xml", Response(b"<html><body>Please accept cookies</body></html>"))
    result = command("run", "--config", project / "feeds.yaml")
    assert result.code == 3
    assert "an HTML page came back instead of a feed" in result.err


def _articles(folder: Path) -> int:
    try:
        with open_store(folder / "media-coverage.db") as store:
            return store.counts()["articles"]
    except StoreError:  # not there yet
        return 0


def test_ctrl_c_in_the_middle_keeps_what_was_stored(feed_server: FeedServer, tmp_path: Path) -> None:
    feed_server.serve("/fast.xml", Response(rss([Item("Trump and Putin talk of hope")])))
    feed_server.serve("/slow.xml", Response(rss(["Late"]), delay=300))
    text = config_text(feed_server.url(), {"Fast": ["/fast.xml"], "Slow": ["/slow.xml"]}, timeout_seconds=300)
    # One host is asked one thing at a time, so the slow feed gets a host of its own.
    text = text.replace(feed_server.url("/slow.xml"), feed_server.url("/slow.xml", host="localhost"))
    (tmp_path / "feeds.yaml").write_text(text, encoding="utf-8")
    process = child("-v", "run", "--config", tmp_path / "feeds.yaml")
    while not (_articles(tmp_path) and feed_server.asked("/slow.xml")):
        assert process.poll() is None, finish(process)
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    result = finish(process)
    assert result.code == 130
    assert "interrupted; what was stored is safe" in result.err
    assert "Traceback" not in result.err
    with open_store(tmp_path / "media-coverage.db") as store:
        assert store.counts()["articles"] == 1
        assert list(store.runs()["state"]) == ["interrupted"]


def test_a_locked_database_is_said(project: Path) -> None:
    assert finish(child("run", "--config", project / "feeds.yaml")).code == 0
    holder = sqlite3.connect(project / "media-coverage.db", isolation_level=None)
    try:
        holder.execute("BEGIN IMMEDIATE")
        result = finish(child("run", "--config", project / "feeds.yaml"))
    finally:
        holder.close()
    assert (result.code, one_sentence(result)) == (3, True)
    assert "another program has held the database" in result.err


def test_an_unknown_command_or_option_is_usage(command: Callable[..., Result]) -> None:
    assert command("fetch").code == 2
    assert command("run", "--jsn").code == 2


def test_the_demo_needs_no_configuration_and_shows_every_feature(
    command: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = command("demo")
    assert result.code == 0
    assert "invented" in result.out
    assert "media-coverage run" in result.out
    assert "* * * *" in result.out
    page = (tmp_path / "demo" / "report.html").read_text(encoding="utf-8")
    assert "Valletta summit" in page
    with open_store(tmp_path / "demo" / "demo.db") as store:
        counts, feeds = store.counts(), store.feeds()
        edits, stories = store.edited_headlines(), store.query("SELECT * FROM v_stories WHERE outlets > 2")
        rejected = store.query("SELECT DISTINCT gate_stage FROM v_articles WHERE NOT passed_gate")
    assert counts["articles"] > 380
    assert len(feeds) >= 12
    assert feeds["last_outcome"].isin(["not_a_feed"]).sum() == 1
    assert len(edits) >= 3
    assert len(stories) >= 3
    assert set(rejected["gate_stage"]) == {"keywords", "language"}
    again = command("demo")
    assert again.out.splitlines()[-1] == result.out.splitlines()[-1]


def test_schema_and_command_agree_on_the_mark_of_our_files(command: Callable[..., Result], project: Path) -> None:
    command("run", "--config", project / "feeds.yaml")
    with sqlite3.connect(project / "media-coverage.db") as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (schema.APPLICATION_ID,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


OPML = (
    '<opml version="2.0"><head/><body><outline text="uk"><outline text="Thames" xmlUrl="https://thames.example/rss"/>'
    '</outline><outline text="Feed" xmlUrl="feed://other.example/rss"/></body></opml>'
)


def test_feeds_import_prints_outlets_for_feeds_yaml(command: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "mine.opml").write_text(OPML, encoding="utf-8")
    result = command("feeds", "import", tmp_path / "mine.opml", "--config", tmp_path / "none.yaml")
    assert result.code == 0
    assert result.out == '- name: "Thames"\n  group: "uk"\n  feeds:\n    - "https://thames.example/rss"\n'
    assert result.err == "left out, not an http(s) address: feed://other.example/rss\n"


def test_feeds_go_into_feeds_yaml_and_out_again(command: Callable[..., Result], project: Path) -> None:
    config, mine, all_of_them = project / "feeds.yaml", project / "mine.opml", project / "all.opml"
    mine.write_text(OPML, encoding="utf-8")
    for added, known in ((1, 0), (0, 1)):
        result = command("feeds", "import", mine, "--into", config)
        assert result.code == 0
        assert result.out == f"{added} feeds added to {config}, {known} were listed already\n"
    listed = command("feeds", "list", "--config", config, "--json").out
    assert "https://thames.example/rss" in listed
    assert command("feeds", "export", "--config", config, "--out", all_of_them).out == f"2 feeds: {all_of_them}\n"
    assert command("feeds", "export", "--config", config).out == all_of_them.read_text(encoding="utf-8")
    config.write_text(config_text("https://empty.example"), encoding="utf-8")
    assert command("feeds", "import", all_of_them, "--into", config).out.startswith("2 feeds added")


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (b"<html/>", "is not OPML"),
        (b"<!DOCTYPE opml []><opml/>", "has a DOCTYPE"),
        (None, "cannot be read: No such file"),
    ],
)
def test_what_is_no_list_of_feeds_is_one_sentence(
    command: Callable[..., Result], project: Path, document: bytes | None, says: str
) -> None:
    config, mine = project / "feeds.yaml", project / "mine.opml"
    if document is not None:
        mine.write_bytes(document)
    before = config.read_bytes()
    result = command("feeds", "import", mine, "--into", config)
    assert (result.code, result.out) == (2, "")
    assert says in result.err
    assert result.err.count("\n") == 1
    assert config.read_bytes() == before


def test_prune_says_what_it_removes_and_removes_it(command: Callable[..., Result], project: Path) -> None:
    config, db = project / "feeds.yaml", project / "media-coverage.db"
    assert command("run", "--config", config).code == 0
    nothing = command("prune", "--older-than", "7", "--config", config)
    assert (nothing.code, nothing.out) == (0, "texts of 0 articles removed: 0 wordings, 0 characters\n")
    with sqlite3.connect(db) as connection:
        connection.execute("UPDATE sighting SET last_seen_at = '2020-01-01T00:00:00+00:00'")
    connection.close()
    would = command("prune", "--older-than", "7", "--dry-run", "--config", config)
    assert would.out == "texts of 1 articles would be removed: 1 wordings, 33 characters\n"
    assert command("prune", "--older-than", "7", "--config", config).out == would.out.replace("would be ", "")
    with open_store(db) as store:
        titles = store.articles(on_topic=None)[["title", "on_topic"]].values.tolist()
    assert titles == [["", 0], ["Trump and Putin agree on steps toward a ceasefire", 1]]
    explained = command("explain", "2", "--config", config)
    assert explained.code == 2
    assert "has had the text of article 2 removed" in explained.err


@pytest.mark.parametrize("days", ["0", "6", "-1", "soon"])
def test_prune_keeps_what_may_still_have_to_be_compared(
    command: Callable[..., Result], project: Path, days: str
) -> None:
    assert command("prune", "--older-than", days, "--config", project / "feeds.yaml").code == 2


def test_prune_makes_no_database(command: Callable[..., Result], project: Path) -> None:
    result = command("prune", "--older-than", "30", "--config", project / "feeds.yaml")
    assert result.code == 2
    assert "no such database yet" in result.err
    assert not (project / "media-coverage.db").exists()
