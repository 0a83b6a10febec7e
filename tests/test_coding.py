"""Coding: what a key does, what a coder sees and does not see, and sittings on a real terminal that break off."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from drawn_press import make_press, titles
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from media_coverage import codebook, pipeline, screen
from media_coverage.coding import Answers, Outcome, Sitting, Task, code_of, order, shown
from media_coverage.errors import ConfigError, StoreBusyError
from media_coverage.framing import DEFAULT_FRAMES, Frames
from media_coverage.records import Frame, Text
from media_coverage.sample import Design
from media_coverage.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from conftest import Result

TASKS = tuple(Task(number, Text(f"Headline {number}", "A lead.")) for number in range(1, 5))


def play(sitting: Sitting, keys: Sequence[str]) -> list[Outcome]:
    """Press keys; what is complete is stored at once, as the screens do."""
    outcomes = []
    for key in keys:
        outcomes.append(sitting.press(key))
        if outcomes[-1] is Outcome.COMPLETE:
            sitting.advance()
    return outcomes


# ---------------------------------------------------------------------- a sitting


def test_questions_follow_from_answers() -> None:
    sitting = Sitting(TASKS, {})
    play(sitting, "n1")
    play(sitting, "ynn2")
    play(sitting, "yyy33")
    assert sitting.coded == {
        1: Answers(0, certainty=1),
        2: Answers(1, 0, 0, certainty=2),
        3: Answers(1, 1, 1, "both", 3),
    }
    assert (sitting.position, sitting.done, sitting.finished) == (3, 3, False)


def test_back_takes_an_answer_and_then_a_text_back() -> None:
    sitting = Sitting(TASKS, {})
    play(sitting, "n1yb")
    assert (sitting.position, sitting.answers) == (1, Answers())
    play(sitting, "b")
    assert (sitting.position, sitting.before) == (0, Answers(0, certainty=1))
    play(sitting, ["y", "n", "n", "\r"])
    assert sitting.coded[1] == Answers(1, 0, 0, certainty=1), "Enter keeps the earlier answer"
    assert sitting.position == 1
    play(sitting, "bb")
    assert sitting.said == "This is the first text."


def test_skipped_texts_are_left_for_the_next_sitting() -> None:
    sitting = Sitting(TASKS, {1: Answers(0, certainty=1)})
    assert sitting.position == 1
    play(sitting, "sn1s")
    assert (sitting.finished, sitting.done) == (True, 2)
    assert Sitting(TASKS, sitting.coded).position == 1
    assert play(sitting, "b") == [Outcome.ASKED]
    assert sitting.position == 3
    assert play(sitting, "s?") == [Outcome.ASKED, Outcome.CODEBOOK]
    assert play(sitting, "x") == [Outcome.QUIT], "at the end any other key ends"


def test_a_key_that_is_no_answer_is_told_and_changes_nothing() -> None:
    sitting = Sitting(TASKS, {})
    assert play(sitting, "3") == [Outcome.ASKED]
    assert sitting.said == "'3' is no answer here; answers are y, n."
    play(sitting, ["\r"])
    assert sitting.said == "Answer with y, n."
    assert sitting.answers == Answers()


def test_a_note_belongs_to_its_text_and_comes_back_with_it() -> None:
    sitting = Sitting(TASKS, {})
    assert play(sitting, "yt") == [Outcome.ASKED, Outcome.NOTE]
    sitting.note("irony,\x1b[31m I think " + "x" * 600)
    play(sitting, "nn1")
    assert sitting.coded[1].note.startswith("irony,[31m I think x")
    assert len(sitting.coded[1].note) == 500
    assert sitting.answers.note == ""
    play(sitting, "b")
    assert sitting.answers.note == sitting.coded[1].note


@settings(deadline=None)
@given(st.lists(st.sampled_from([*"yn123bsg?x", "\r"]), max_size=60))
def test_whatever_is_pressed_only_whole_codes_are_kept(keys: list[str]) -> None:
    sitting = Sitting(TASKS, {})
    for key in keys:
        before = dict(sitting.coded)
        (outcome,) = play(sitting, [key])
        changed = {version for version in sitting.coded if sitting.coded[version] != before.get(version)}
        assert len(changed) <= 1
        assert not changed or outcome is Outcome.COMPLETE
        for answers in sitting.coded.values():
            assert answers.next is None
            code_of(answers, 1, coder="ada", codebook_version="1")
        assert 0 <= sitting.position <= len(TASKS)
    for answers in sitting.coded.values():
        assert (answers.voice is not None) == bool(answers.first or answers.second)


def test_a_genre_is_set_at_any_question_and_never_asked() -> None:
    sitting = Sitting(TASKS, {})
    play(sitting, "gyg")
    assert (sitting.answers.genre, sitting.said) == ("comment", "Genre: comment.")
    assert "genre comment" in screen.summary(sitting.answers, DEFAULT_FRAMES)
    play(sitting, "nn1")
    assert sitting.coded[1] == Answers(1, 0, 0, certainty=1, genre="comment")
    assert code_of(sitting.coded[1], 1, coder="ada", codebook_version="1").genre == "comment"
    play(sitting, "ggggg")
    assert (sitting.answers.genre, sitting.said) == (None, "Genre: left open.")


def test_what_cannot_be_stored_is_asked_again() -> None:
    sitting = Sitting(TASKS, {})
    assert [sitting.press(key) for key in "n1"] == [Outcome.ASKED, Outcome.COMPLETE]

    def save(task: Task, answers: Answers) -> None:
        raise StoreBusyError("busy", path="x")

    screen.save_or_retract(sitting, save)
    assert (sitting.done, sitting.answers) == (0, Answers(0))
    assert sitting.said == "Another program was writing to the database; answer once more."


def test_each_coder_has_an_order_of_their_own_and_keeps_it() -> None:
    versions = list(range(100))
    ada, bob = (order(versions, "audit", coder) for coder in ("ada", "bob"))
    assert ada == order(reversed(versions), "audit", "ada")
    assert sorted(ada) == versions
    assert ada != bob
    assert ada != order(versions, "second audit", "ada")
    apart = sum(abs(ada.index(v) - bob.index(v)) for v in versions) / 100
    assert 25 < apart < 42, "as far apart as two random orders are: a third of the length"


# ---------------------------------------------------------------------- what is shown


@pytest.mark.parametrize(
    ("title", "summary", "outlet", "seen"),
    [
        ("Talks begin", "<b>Both</b> sides&nbsp;met.", "Ledger", Text("Talks begin", "Both sides met.")),
        ("Talks begin", "Talks begin Morning Ledger", "Morning Ledger", Text("Talks begin")),
        ("Talks begin - Ledger", "", "Ledger", Text("Talks begin - [outlet]")),
        ("Time to talk", "It is time.", "Time", Text("Time to talk", "It is time.")),
        (
            "The Sun Times view",
            "What The Sun Times says.",
            "The Sun Times",
            Text("[outlet] view", "What [outlet] says."),
        ),
        ("a\x1b[2Jb\u202ec", "", "Ledger", Text("a[2Jbc")),
        ("x" * 400, "", "Ledger", Text("x" * 298 + " …")),
    ],
    ids=["markup", "search feed", "name at the end", "a word", "a long name", "controls", "long"],
)
def test_a_coder_sees_headline_and_lead_and_not_the_outlet(title: str, summary: str, outlet: str, seen: Text) -> None:
    assert shown(title, summary, outlet) == seen


def test_a_long_lead_is_cut_as_for_the_model() -> None:
    lead = shown("Talks", "word " * 80, "Ledger").summary
    assert lead == "word " * 60 + "…"


OTHERS = Frames(Frame("escalation", "up", "Escalation", "More war."), Frame("restraint", "down", "Restraint"))


def subject(frames: Frames = DEFAULT_FRAMES) -> screen.Subject:
    return screen.Subject("Coding of audit · ada", frames, codebook.load(None, frames, "The war"), "The war")


def drawn(sitting: Sitting, frames: Frames = DEFAULT_FRAMES, width: int = 80, height: int = 24, **more: str) -> str:
    console = Console(width=width, height=height, force_terminal=True, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(screen.page(sitting, subject(frames), **more), height=height)
    return capture.get()


def test_the_screen_fits_and_asks_in_the_words_of_the_frames() -> None:
    long = Task(1, shown("A headline " * 40, "Some words of a lead " * 40, "Ledger"))
    sitting = Sitting([long, *TASKS[1:]], {2: Answers(0, certainty=1)})
    play(sitting, "y")
    for width, height in ((80, 24), (60, 20), (200, 50)):
        lines = drawn(sitting, OTHERS, width, height).splitlines()
        assert len(lines) <= height
        assert max(map(len, lines)) <= width
        for words in ("Frame 1: Escalation?", "More war.", "So far: relevant yes", "1 of 4", "? codebook"):
            assert any(words in line for line in lines), (words, width)


def test_markup_in_a_headline_is_text() -> None:
    assert "[bold]loud[/bold] [link=x]" in drawn(Sitting([Task(1, Text("[bold]loud[/bold] [link=x]"))], {}))


def test_adjudication_shows_codes_without_names() -> None:
    task = Task(1, Text("Talks begin"), (Answers(1, 1, 0, "quoted", 2, "hm"), Answers(0, certainty=1)))
    page = drawn(Sitting([task], {}))
    assert "Coder A: relevant yes · Hopeful peace yes · Appeasement no · quoted" in page.replace("voice ", "")
    assert "Coder B: relevant no · sure" in page


def test_keys_arrive_one_by_one_however_the_terminal_sends_them() -> None:
    sent = iter(["yn1", "\x1b[A", "\x1b[D", "é", "n\x04"])
    pressed = screen.keys(lambda: next(sent))
    assert [next(pressed) for _ in range(6)] == ["y", "n", "1", "b", "é", "n"]
    with pytest.raises(EOFError):
        next(pressed)


# ---------------------------------------------------------------------- codebooks


def test_the_bundled_codebook_has_the_version_of_the_models_codes() -> None:
    manifest = json.loads((codebook.BUNDLED.parent / "model" / "model.json").read_text(encoding="utf-8"))
    assert codebook.load(None, DEFAULT_FRAMES).version == manifest["codebook_version"]


def test_other_frames_have_a_codebook_made_of_their_descriptions() -> None:
    made = codebook.load(None, OTHERS, "The war")
    for words in ("Topic: The war", "Frame 1: Escalation", "Yes: More war.", "Frame 2: Restraint", "Yes: Restraint"):
        assert words in made.text
    assert re.fullmatch(r"[0-9a-f]{8}", made.version)


def test_a_codebook_of_ones_own_is_named_in_feeds_yaml(tmp_path: Path) -> None:
    own = tmp_path / "book.md"
    own.write_text("Our codebook\nVersion 2.3-beta, May\n\n  indented\x1b\n", encoding="utf-8")
    assert codebook.load(own, DEFAULT_FRAMES) == codebook.Codebook(
        "2.3-beta", "Our codebook\nVersion 2.3-beta, May\n\n  indented\n"
    )
    own.write_text("No number here", encoding="utf-8")
    assert len(codebook.load(own, DEFAULT_FRAMES).version) == 8
    for content, message in (
        (b" ", "is empty"),
        (b"x" * 200_001, "has more than 200,000"),
        (b"\xff", "cannot be read"),
    ):
        own.write_bytes(content)
        with pytest.raises(ConfigError, match=f"the codebook {message}"):
            codebook.load(own, DEFAULT_FRAMES)
    with pytest.raises(ConfigError, match="cannot be read"):
        codebook.load(tmp_path / "none.md", DEFAULT_FRAMES)


# ---------------------------------------------------------------------- with a database


@pytest.fixture(scope="module")
def press(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("press")
    database = make_press(folder, titles(40))
    pipeline.draw_sample(database, "audit", Design(20, 7))
    return database


@pytest.fixture
def database(press: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(press.with_name("feeds.yaml"), tmp_path)
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copy(press, tmp_path))


def rows(database: Path, columns: str) -> list[list[object]]:
    with open_store(database) as store:
        wanted = store.codes()[columns.split()].astype(object)
        found: list[list[object]] = wanted.where(wanted.notna(), None).to_numpy().tolist()
    return found


class Terminal:
    """A command on a pseudo-terminal of 80 × 24, which is its controlling one, so that Ctrl-C arrives."""

    def __init__(self, *arguments: str | Path) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        program = (
            "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
            "from media_coverage.cli import main; main(sys.argv[1:])"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=os.environ | {"TERM": "xterm-256color", "NO_COLOR": "1"},
        )
        os.close(slave)
        self.seen = ""

    def until(self, words: str) -> None:
        """Read until `words` are on what has come since the last call."""
        text, end = "", time.monotonic() + 60
        while words not in text:
            ready, _, _ = select.select([self.master], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"{words!r} did not come; this did: {text[-2000:]!r}"
            try:
                read = os.read(self.master, 65536)
            except OSError:  # how Linux says that the other end is closed
                read = b""
            assert read, f"it ended without {words!r}: {text[-2000:]!r}"
            text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", read.decode("utf-8", "replace"))
        self.seen += text

    def press(self, keys: str, then: str) -> None:
        os.write(self.master, keys.encode())
        self.until(then)

    def end(self) -> int:
        return self.process.wait(timeout=60)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        with contextlib.suppress(OSError):
            os.close(self.master)


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(*arguments: str | Path) -> Terminal:
        opened.append(Terminal(*arguments))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def test_a_sitting_on_a_terminal_breaks_off_and_goes_on(database: Path, terminal: Callable[..., Terminal]) -> None:
    first = terminal("code", "--coder", "ada", "--db", database)
    first.until("0 of 20")
    first.press("y", "Frame 1: Hopeful peace?")
    first.press("y", "Frame 2: Appeasement?")
    first.press("n", "Whose voice is it?")
    first.press("2", "How sure are you?")
    first.press("t", "Enter keeps the note")
    first.press("a joke\x7f\x7f\x7f\x7fnot", "Note: a not")
    first.press("\r", "Note: a not")
    first.press("1", "1 of 20")
    first.press("?", "space next")
    first.press(" ", "2 of ")
    first.press("x", "Is the text about the topic?")
    first.press("n2", "2 of 20")
    first.press("y", "Frame 1")
    first.press("\x03", "interrupted; what was stored is safe")
    assert first.end() == 130
    assert "Morning Ledger" not in first.seen
    assert "2026-0" not in first.seen
    stored = rows(database, "rel hope appease voice certainty note coder codebook_version purpose kind sample newest")
    assert stored == [
        [1, 1, 0, "quoted", 1, "a not", "ada", "1.1", "audit", "individual", "audit", 1],
        [0, 0, 0, None, 2, "", "ada", "1.1", "audit", "individual", "audit", 1],
    ]
    second = terminal("code", "--coder", "ada", "--db", database)
    second.until("2 of 20")
    second.press("b", "Enter keeps: no")
    second.press("\r", "Enter keeps: leaning")
    second.press("3", "2 of 20")
    second.press("q", "2 of 20 texts have a code; every one is stored.")
    assert second.end() == 0
    assert rows(database, "certainty newest") == [[1, 1], [2, 0], [3, 1]], "coded again: a row more, and it counts"
    with open_store(database) as store:
        sessions = store.codes()["session"].tolist()
    assert sessions[0] == sessions[1] != sessions[2]


def test_keys_typed_faster_than_the_screen_is_drawn_are_not_lost(
    database: Path, terminal: Callable[..., Terminal]
) -> None:
    sitting = terminal("code", "--coder", "ada", "--db", database)
    sitting.until("0 of 20")
    for _ in range(20):
        for key in "ynn2":
            os.write(sitting.master, key.encode())
            time.sleep(0.002)
    sitting.until("b goes back to the last text")
    sitting.press("q", "20 of 20 texts have a code")
    assert sitting.end() == 0
    assert rows(database, "rel hope appease certainty") == [[1, 0, 0, 2]] * 20


def lines(database: Path, command: str, coder: str, text: str, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "media_coverage", command, "--coder", coder, "--plain", "--db", str(database), *more],
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_sitting_line_by_line(database: Path) -> None:
    told = lines(database, "code", "ada", "y\nn\ny\nt rather dry\n1\n?\n2\nx\ns\nn\n")
    assert told.returncode == 0
    for words in (
        "Coding of audit · ada. b back, s skip",
        "0 of 20 coded.\nHeadline: Trump Putin",
        "Frame 2: Appeasement? (y yes, n no) ",
        "Note: rather dry",
        "# Codebook 1.1",
        "'x' is no answer here; answers are y, n.",
        "1 of 20 texts have a code; every one is stored.",
    ):
        assert words in told.stdout
    assert rows(database, "hope appease voice certainty note") == [[0, 1, "outlet", 2, "rather dry"]]
    again = lines(database, "code", "ada", "b\n")
    assert "1 of 20 coded." in again.stdout
    assert "(y yes, n no; Enter keeps yes)" in again.stdout


def test_the_codebook_that_feeds_yaml_names_is_the_one_that_codes_are_kept_under(database: Path) -> None:
    (database.parent / "book.md").write_text("Our rules, version 9\n", encoding="utf-8")
    with (database.parent / "feeds.yaml").open("a", encoding="utf-8") as file:
        file.write("codebook: book.md\n")
    told = lines(database, "code", "ada", "?\nn\n1\n", "--config", str(database.parent / "feeds.yaml"))
    assert "Our rules, version 9" in told.stdout
    assert rows(database, "codebook_version") == [["9"]]


def test_coders_are_blind_to_each_other_and_adjudication_is_not(database: Path, command: Callable[..., Result]) -> None:
    """Two coders agree about all but four texts; a third settles three of them."""
    with open_store(database) as store:
        versions = store.sample_items("audit")["version_id"].tolist()
    for coder in ("ada", "bob"):
        differing = set(versions[:4]) if coder == "bob" else set()
        keys = ["n\n1\n" if v in differing else "y\nn\nn\n2\n" for v in order(versions, "audit", coder)]
        told = lines(database, "code", coder, "".join(keys))
        assert "20 of 20 texts have a code" in told.stdout
        assert "All texts are coded." in told.stdout
        assert ("ada" in told.stdout) == (coder == "ada")
    result = command("agreement", "--sample", "audit", "--json", "--db", database)
    relevance = json.loads(result.out)["variables"]["relevance"]
    assert relevance["observed"] == pytest.approx(16 / 20)
    settled = lines(database, "adjudicate", "zoe", "y\nn\nn\n1\n" * 3 + "q\n")
    assert "Coder A: relevant" in settled.stdout
    assert "Coder B: relevant" in settled.stdout
    assert "ada" not in settled.stdout
    assert "3 of 4 texts have a code" in settled.stdout
    with open_store(database) as store:
        how = store.audit("audit")["settled_by"].value_counts().to_dict()
    assert how == {"majority": 16, "adjudicated": 3, "tie": 1}
    assert "adjudicated" in command("samples", "--db", database).out
    nobody = command("agreement", "--db", database)
    assert "Coders: ada, bob." in nobody.out, "what settles is no coder's own code"


def test_without_disagreement_there_is_nothing_to_settle(database: Path, command: Callable[..., Result]) -> None:
    result = command("adjudicate", "--coder", "zoe", "--db", database)
    assert (result.code, result.out) == (0, "Sample audit: no text about which two coders disagree.\n")


def test_a_coding_screen_needs_a_terminal_and_a_coder(database: Path, command: Callable[..., Result]) -> None:
    refused = command("code", "--coder", "ada", "--db", database)
    assert (refused.code, "--plain works line by line without one" in refused.err) == (2, True)
    assert command("code", "--coder", " \x1b ", "--db", database).code == 2
    missing = command("code", "--coder", "ada", "--sample", "none", "--db", database)
    assert (missing.code, "holds no sample none; there are audit" in missing.err) == (2, True)
    assert not (database.parent / "other.db").exists()
    assert command("code", "--coder", "ada", "--db", database.parent / "other.db").code == 2
    assert not (database.parent / "other.db").exists(), "coding makes no database"


# ---------------------------------------------------------------------- agreement


def test_agreement_needs_two_coders(database: Path, command: Callable[..., Result]) -> None:
    nothing = command("agreement", "--db", database)
    assert (nothing.code, "holds no codes yet; agreement takes two coders" in nothing.err) == (2, True)
    lines(database, "code", "ada", "n\n1\n")
    one = command("agreement", "--sample", "audit", "--db", database)
    assert (one.code, "sample audit: holds codes of ada only; agreement takes two" in one.err) == (2, True)


def test_agreement_says_how_far_coders_agree_and_where_it_cannot(
    database: Path, command: Callable[..., Result]
) -> None:
    with open_store(database) as store:
        versions = store.sample_items("audit")["version_id"].tolist()
    for coder in ("ada", "bob"):
        kinds = {v: ("n\n1\n", "y\nn\nn\n1\n", "y\nn\ny\n1\n2\n")[i % 3] for i, v in enumerate(versions)}
        kinds[versions[0]] = "n\n1\n" if coder == "ada" else "y\nn\nn\n1\n"
        lines(database, "code", coder, "".join(kinds[v] for v in order(versions, "audit", coder)))
    told = command("agreement", "--db", database)
    assert told.code == 0
    for words in (
        "relevance: Alpha .889 is at or above .80: firm conclusions",
        "hopeful_peace: No verdict: all codes are the same",
        "appeasement: Alpha 1.00",
        "ada (rows) and bob: 20 texts, agree 95 %, alpha 0.93",
        "off_topic",
    ):
        assert words in told.out
    listed = json.loads(command("agreement", "--db", database, "--json").out)
    assert listed["coders"] == ["ada", "bob"]
    assert set(listed["variables"]) == {
        "relevance",
        "hopeful_peace",
        "appeasement",
        "label",
        "label, where sure",
        "voice",
    }
    assert listed["variables"]["voice"]["alpha"]["value"] is None
