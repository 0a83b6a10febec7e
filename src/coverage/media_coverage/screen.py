"""The two screens of a sitting: a full one, made for 80 × 24 and ssh, and one line by line for screen readers.

Everything that decides is in `coding`; here it is shown, and keys are fetched. Feed text is shown as text: rich's
markup stays off, and `coding.shown` has removed what could move a terminal.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import termios
import tty
from dataclasses import dataclass
from itertools import count
from string import ascii_uppercase
from typing import TYPE_CHECKING

from rich.console import Group
from rich.layout import Layout
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from .coding import CERTAINTIES, KEYS, MAX_NOTE, VOICES, Outcome, Question
from .errors import StoreBusyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console, RenderableType

    from .codebook import Codebook
    from .coding import Answers, Sitting, Task
    from .framing import Frames

    Save = Callable[[Task, Answers], None]

_SPECIAL = {"\x1b[D": "b", "\x1bOD": "b"}
"""What the left arrow sends."""

_ENTER, _ESCAPE, _RUBOUT, _END = ("\r", "\n"), "\x1b", ("\x7f", "\b"), "\x04"

_BUSY = "Another program was writing to the database; answer once more."


@dataclass(frozen=True, slots=True)
class Subject:
    """What a sitting is about: the heading, the frames, the codebook, and what relevance means in a few words."""

    heading: str
    frames: Frames
    codebook: Codebook
    topic: str


def wording(question: Question, subject: Subject) -> tuple[str, str]:
    """The question, and in smaller print what it means."""
    first, second = subject.frames.both
    return {
        Question.RELEVANT: ("Is the text about the topic?", subject.topic),
        Question.FIRST: (f"Frame 1: {first.title}?", first.description),
        Question.SECOND: (f"Frame 2: {second.title}?", second.description),
        Question.VOICE: ("Whose voice is it?", "Who speaks the frame: the outlet itself, or somebody it quotes."),
        Question.CERTAINTY: ("How sure are you?", ""),
    }[question]


def choice_words(question: Question) -> dict[str, str]:
    """Key → answer in words."""
    words = {Question.VOICE: VOICES, Question.CERTAINTY: CERTAINTIES}.get(question, ("yes", "no"))
    return dict(zip(KEYS[question], words, strict=True))


def answer_word(question: Question, answers: Answers) -> str:
    """The answer that was given to a question, in words."""
    value = getattr(answers, question.value)
    return next(word for key, word in choice_words(question).items() if KEYS[question][key] == value)


def summary(answers: Answers, frames: Frames) -> str:
    """The answers so far in one line: "relevant yes · Some frame no · sure"."""
    names = {
        Question.RELEVANT: "relevant ",
        Question.FIRST: f"{frames.first.title} ",
        Question.SECOND: f"{frames.second.title} ",
        Question.VOICE: "voice ",
        Question.CERTAINTY: "",
    }
    given = [question for question in answers.asked if getattr(answers, question.value) is not None]
    parts = [f"{names[question]}{answer_word(question, answers)}" for question in given]
    return " · ".join([*parts, *([f"genre {answers.genre}"] if answers.genre else [])])


def other_codes(task: Task, frames: Frames) -> list[str]:
    """The codes to be settled, a line each, without names."""
    return [
        f"Coder {letter}: {summary(answers, frames)}" + (f" ({answers.note})" if answers.note else "")
        for letter, answers in zip(_letters(), task.others, strict=False)
    ]


def _letters() -> Iterator[str]:
    """A to Z, then A2 to Z2, and so on."""
    for turn in count(1):
        yield from (f"{letter}{turn if turn > 1 else ''}" for letter in ascii_uppercase)


def ending(sitting: Sitting) -> str:
    """What is said at the end of the sample."""
    left = len(sitting.tasks) - sitting.done
    if left:
        return f"{left} text{'s' if left > 1 else ''} skipped; they come again next time."
    return "All texts are coded."


def save_or_retract(sitting: Sitting, save: Save) -> None:
    """Store the complete answers and go on; while another program writes, ask the last question again."""
    try:
        save(sitting.task, sitting.answers)
    except StoreBusyError:
        sitting.retract(_BUSY)
    else:
        sitting.advance()


# ---------------------------------------------------------------------- the full screen


@contextlib.contextmanager
def typed(descriptor: int) -> Iterator[Callable[[], str]]:
    """A function that waits for what is typed at a terminal, and gives it without waiting for Enter.

    The terminal stays in this mode while the block runs: whoever switches for each key loses those that are typed in
    between. Ctrl-C remains a signal. Raises EOFError where the terminal has gone.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    before = termios.tcgetattr(descriptor)

    def fetch() -> str:
        sent = ""
        while not sent:  # half a character is no key yet
            read = os.read(descriptor, 1024)
            if not read:
                raise EOFError
            sent = decoder.decode(read)
        return sent

    try:
        tty.setcbreak(descriptor)
        yield fetch
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def keys(fetch: Callable[[], str]) -> Iterator[str]:
    """Single keys from what a terminal sends at a time, which are several when somebody types fast.

    Ctrl-D raises EOFError, also in the midst of others. Keys that mean nothing here, such as the other arrows, are left
    out.
    """
    while True:
        sent = fetch()
        if sent.startswith(_ESCAPE) and len(sent) > 1:
            if sent in _SPECIAL:
                yield _SPECIAL[sent]
            continue
        for key in sent:
            if key == _END:
                raise EOFError
            yield key


def page(sitting: Sitting, subject: Subject, *, writing: str | None = None) -> RenderableType:
    """The screen of the moment. `writing` is the note that is being written, None when none is."""
    layout = Layout()
    done, total = sitting.done, len(sitting.tasks)
    head = Table.grid(expand=True)
    head.add_column()
    head.add_column(justify="right")
    filled = 20 * done // max(total, 1)
    head.add_row(Text(subject.heading, style="bold"), Text(f"{'█' * filled}{'░' * (20 - filled)}  {done} of {total}"))
    bottom = _question(sitting, subject, writing)
    layout.split_column(
        Layout(Group(Padding(head, (0, 1)), Rule(style="dim")), size=2),
        Layout(Padding(_body(sitting, subject), (0, 1))),
        Layout(Group(Rule(style="dim"), Padding(Group(*bottom), (0, 1))), size=1 + 6),
        Layout(Padding(_footer(sitting, writing), (0, 1)), size=1),
    )
    return layout


def _body(sitting: Sitting, subject: Subject) -> RenderableType:
    if sitting.finished:
        return Text(f"\n{ending(sitting)}")
    task = sitting.task
    parts = [Text(task.text.title or "(no headline)", style="bold")]
    parts += [Text(""), Text(task.text.summary)] if task.text.summary else []
    others = other_codes(task, subject.frames)
    parts += [Text(""), *(Text(line, style="cyan") for line in others)] if others else []
    return Group(*parts)


def _line(text: str, style: str = "") -> Text:
    """One line, cut with an ellipsis where the screen ends."""
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _question(sitting: Sitting, subject: Subject, writing: str | None) -> list[Text]:
    if sitting.finished:
        return [_line("b goes back to the last text, any other key ends.")]
    question = sitting.answers.next or Question.CERTAINTY
    asked, meaning = wording(question, subject)
    choices = Text("   ", no_wrap=True, overflow="ellipsis")
    for key, word in choice_words(question).items():
        choices.append(f" {key} ", style="reverse")
        choices.append(f" {word}    ")
    if sitting.before and getattr(sitting.before, question.value) is not None:
        choices.append(f"Enter keeps: {answer_word(question, sitting.before)}", style="dim")
    so_far = summary(sitting.answers, subject.frames)
    note = sitting.answers.note
    if writing is not None:
        last = _line(f"Note: …{writing[-60:]}▏" if len(writing) > 60 else f"Note: {writing}▏", "bold")
    else:
        last = _line(f"Note: {note}" if note else "", "dim")
    return [
        _line(asked, "bold"),
        _line(meaning, "dim"),
        choices,
        _line(f"So far: {so_far}" if so_far else "", "dim"),
        last,
        _line(sitting.said, "yellow"),
    ]


def _footer(sitting: Sitting, writing: str | None) -> Text:
    if writing is not None:
        return _line("Enter keeps the note   Esc leaves it as it was", "dim")
    known = {"b": "back", "s": "skip", "g": "genre", "t": "note", "?": "codebook", "q": "quit"}
    if sitting.finished:
        known = {"b": "back", "q": "quit"}
    footer = Text(no_wrap=True, overflow="ellipsis")
    for key, word in known.items():
        footer.append(key, style="bold")
        footer.append(f" {word}   ", style="dim")
    return footer


def full(sitting: Sitting, subject: Subject, console: Console, fetch: Callable[[], str], save: Save) -> None:
    """A sitting on the whole screen, until q or the end. `fetch` waits for what the terminal sends."""
    pressed = keys(fetch)
    with console.screen(hide_cursor=True) as screen:
        while True:
            screen.update(page(sitting, subject))
            match sitting.press(next(pressed)):
                case Outcome.QUIT:
                    return
                case Outcome.COMPLETE:
                    save_or_retract(sitting, save)
                case Outcome.CODEBOOK:
                    _leaf(subject.codebook, console, pressed, screen.update)
                case Outcome.NOTE:
                    _write_note(sitting, subject, pressed, screen.update)


def _write_note(
    sitting: Sitting, subject: Subject, pressed: Iterator[str], show: Callable[[RenderableType], None]
) -> None:
    written = sitting.answers.note
    while True:
        show(page(sitting, subject, writing=written))
        key = next(pressed)
        if key in _ENTER:
            sitting.note(written)
            return
        if key == _ESCAPE:
            return
        if key in _RUBOUT:
            written = written[:-1]
        elif key.isprintable():
            written = (written + key)[:MAX_NOTE]


def _leaf(codebook: Codebook, console: Console, pressed: Iterator[str], show: Callable[[RenderableType], None]) -> None:
    """Show the codebook page by page."""
    at = 0
    while True:
        width, height = console.size
        lines = [part for line in _paragraphs(codebook.text) for part in _wrapped(line, console, width - 2)]
        room = max(1, height - 2)
        at = max(0, min(at, len(lines) - 1))
        place = f"codebook {codebook.version}, {at // room + 1} of {-(-len(lines) // room)}"
        layout = Layout()
        layout.split_column(
            Layout(Padding(Group(*lines[at : at + room]), (0, 1))),
            Layout(
                Padding(_line(f"{place}   space next   b back   any other key returns", "dim"), (1, 1, 0, 1)), size=2
            ),
        )
        show(layout)
        match next(pressed):
            case " " if at + room < len(lines):
                at += room
            case "b" if at:
                at -= room
            case _:
                return


def _paragraphs(text: str) -> Iterator[str]:
    """The text with each paragraph, heading and item of a list on a line of its own, and blank lines."""
    open_line = ""
    for line in text.splitlines():
        starts = line.startswith(("#", "- ", "* ", "|")) or not line.strip()
        if starts and open_line:
            yield open_line
            open_line = ""
        if not line.strip():
            yield ""
        elif line.startswith("#"):
            yield line
        else:
            open_line = f"{open_line} {line.strip()}" if open_line else line.strip()
    if open_line:
        yield open_line


def _wrapped(line: str, console: Console, width: int) -> list[Text]:
    if not line:
        return [Text("")]
    style = "bold" if line.startswith("#") else ""
    return list(Text(line.lstrip("# ") if style else line, style=style).wrap(console, width))


# ---------------------------------------------------------------------- line by line


def plain(
    sitting: Sitting, subject: Subject, ask: Callable[[str], str], say: Callable[[str], None], save: Save
) -> None:
    """A sitting line by line, until q, the end, or the end of input (EOFError from `ask`).

    Each line is one answer or command; a note follows its t: "t the headline is ironic".
    """
    say(f"{subject.heading}. b back, s skip, g genre, t TEXT note, ? codebook, q quit, Enter keeps an earlier answer.")
    shown_at = None
    while not sitting.finished:
        if shown_at != sitting.position:
            shown_at = sitting.position
            _say_task(sitting, subject, say)
        question = sitting.answers.next or Question.CERTAINTY
        asked, _ = wording(question, subject)
        choices = ", ".join(f"{key} {word}" for key, word in choice_words(question).items())
        before = sitting.before
        kept = (
            f"; Enter keeps {answer_word(question, before)}"
            if before and getattr(before, question.value) is not None
            else ""
        )
        try:
            line = ask(f"{asked} ({choices}{kept}) ").strip()
        except EOFError:
            return
        key, _, rest = line.partition(" ")
        match sitting.press(key):
            case Outcome.QUIT:
                return
            case Outcome.COMPLETE:
                save_or_retract(sitting, save)
            case Outcome.CODEBOOK:
                say(subject.codebook.text)
            case Outcome.NOTE:
                sitting.note(rest)
                say(f"Note: {sitting.answers.note}" if rest else "No note.")
        if sitting.said:
            say(sitting.said)
    say(ending(sitting))


def _say_task(sitting: Sitting, subject: Subject, say: Callable[[str], None]) -> None:
    task = sitting.task
    say(f"\n{sitting.done} of {len(sitting.tasks)} coded.")
    say(f"Headline: {task.text.title or 'none'}")
    if task.text.summary:
        say(f"Lead: {task.text.summary}")
    for line in other_codes(task, subject.frames):
        say(line)
