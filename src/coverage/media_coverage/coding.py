"""A coder's sitting with a sample: tasks in an order of their own, answers by key, what to ask next. Pure.

Both screens, the full one and the line by line one, are fed by the same `Sitting`. What a coder must not see is not in
it: a task holds the text that the model read, and neither outlet, date, label nor other coders' codes. Adjudication is
the exception: its tasks carry the codes to be settled, without the coders' names.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from .genre import GENRES
from .prose import first_words, plain
from .records import Code, Text
from .sample import OFF_TOPIC

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .framing import Frames

    Triple = tuple[str, str, str]

LEAD_WORDS = 60
"""Words of the lead that are shown: as many as models read."""

MAX_TITLE, MAX_LEAD = 300, 640
"""Characters shown: what is longer is no headline, and would push the question off the screen."""

REPEATED = 60
"""Characters more than the headline has, up to which a lead that begins with it says nothing of its own."""

MAX_NOTE = 500

VOICES = ("outlet", "quoted", "both")
CERTAINTIES = ("sure", "leaning", "coin-flip")


class Question(StrEnum):
    """What is asked about a text, in this order."""

    RELEVANT = "relevant"
    FIRST = "first"
    SECOND = "second"
    VOICE = "voice"
    CERTAINTY = "certainty"


KEYS: dict[Question, dict[str, int | str]] = {
    Question.RELEVANT: {"y": 1, "n": 0},
    Question.FIRST: {"y": 1, "n": 0},
    Question.SECOND: {"y": 1, "n": 0},
    Question.VOICE: dict(zip("123", VOICES, strict=True)),
    Question.CERTAINTY: {"1": 1, "2": 2, "3": 3},
}
"""The answers to each question, by key."""


class Command(StrEnum):
    """Keys that work at every question; Enter keeps the answer that was given before."""

    BACK = "b"
    SKIP = "s"
    NOTE = "t"
    GENRE = "g"
    CODEBOOK = "?"
    QUIT = "q"


class Outcome(StrEnum):
    """What a key has led to, for the screen to act upon."""

    ASKED = "asked"
    COMPLETE = "complete"
    NOTE = "note"
    CODEBOOK = "codebook"
    QUIT = "quit"


@dataclass(frozen=True, slots=True)
class Answers:
    """A coder's answers about one text; None where not asked yet, or not at all. The genre is never asked."""

    relevant: int | None = None
    first: int | None = None
    second: int | None = None
    voice: str | None = None
    certainty: int | None = None
    note: str = ""
    genre: str | None = None

    @property
    def asked(self) -> tuple[Question, ...]:
        """The questions that these answers lead to."""
        if self.relevant == 0:
            return Question.RELEVANT, Question.CERTAINTY
        frames = (Question.RELEVANT, Question.FIRST, Question.SECOND)
        if not self.first and not self.second:
            return *frames, Question.CERTAINTY
        return *frames, Question.VOICE, Question.CERTAINTY

    @property
    def next(self) -> Question | None:
        """The first question without an answer."""
        return next((question for question in self.asked if getattr(self, question.value) is None), None)

    def without_last(self) -> Answers:
        """One answer fewer."""
        given = [question for question in self.asked if getattr(self, question.value) is not None]
        return self.having(given[-1], None) if given else self

    def having(self, question: Question, value: int | str | None) -> Answers:
        """The same answers with this one for `question`."""
        changed: dict[str, Any] = {question.value: value}
        return replace(self, **changed)


@dataclass(frozen=True, slots=True)
class Task:
    """A text to be coded. `others` are the codes to be settled, none outside adjudication."""

    version_id: int
    text: Text
    others: tuple[Answers, ...] = ()


def shown(title: str, summary: str, outlet: str) -> Text:
    """The text as a coder sees it: what the model reads, less the outlet's name, and no more than a screen holds.

    A lead that only repeats the headline, as search feeds give, is left out: it ends with the outlet. Names of one word
    ("Time") are taken for the outlet's only where they end the text.
    """
    title, lead = plain(title), plain(summary)
    if lead.startswith(title) and len(lead) - len(title) < REPEATED:
        lead = ""
    cut = first_words(lead, LEAD_WORDS)
    cut = cut if cut == lead else f"{cut} …"
    return Text(_cut(_without(outlet, title), MAX_TITLE), _cut(_without(outlet, cut), MAX_LEAD))


def _without(outlet: str, text: str) -> str:
    name = re.escape(plain(outlet))
    anywhere = rf"(?<!\w){name}(?!\w)"
    return re.sub(anywhere if " " in outlet.strip() else rf"{anywhere}(?=\W*$)", "[outlet]", text) if name else text


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 2].rstrip()} …"


def order(versions: Iterable[int], sample: str, coder: str) -> list[int]:
    """The versions in a random order that belongs to this coder and sample: the same in every sitting."""

    def key(version: int) -> bytes:
        return hashlib.blake2b(f"{sample}\0{coder}\0{version}".encode(), digest_size=16).digest()

    return sorted(versions, key=key)


def answers_of(row: Mapping[str, Any], frames: Frames) -> Answers:
    """The answers behind a stored code, a row as of the view v_codes."""
    relevant = int(row["rel"])
    first, second = (int(row[frame.output]) if relevant else None for frame in frames.both)
    voice = row["voice"] if isinstance(row["voice"], str) else None
    genre = row["genre"] if isinstance(row["genre"], str) else None
    return Answers(relevant, first, second, voice, int(row["certainty"]), row["note"], genre)


def code_of(answers: Answers, version_id: int, **about: Any) -> Code:
    """Complete answers as a code; `about` are the other fields of Code."""
    frames = (bool(answers.first), bool(answers.second)) if answers.relevant else (False, False)
    return Code(
        version_id,
        relevant=bool(answers.relevant),
        frames=frames,
        certainty=int(answers.certainty or 1),
        voice=answers.voice if any(frames) else None,
        note=answers.note,
        genre=answers.genre,
        **about,
    )


def disagreements(rows: Iterable[Mapping[str, Any]], frames: Frames) -> dict[int, tuple[Answers, ...]]:
    """The codes of texts about whose relevance or frames coders differ, by version, from rows as of v_codes.

    In an order that tells nothing about who gave which: it is another one for each text.
    """
    given: dict[int, list[tuple[bytes, Answers]]] = defaultdict(list)
    for row in rows:
        if row["newest"] and row["kind"] == "individual":
            version = int(row["version_id"])
            key = hashlib.blake2b(f"{version}\0{row['coder']}".encode(), digest_size=8).digest()
            given[version].append((key, answers_of(row, frames)))
    found = {}
    for version, codes in given.items():
        if len({(code.relevant, code.first, code.second) for _, code in codes}) > 1:
            found[version] = tuple(code for _, code in sorted(codes, key=lambda pair: pair[0]))
    return found


def variables(rows: Iterable[Mapping[str, Any]], frames: Frames) -> dict[str, tuple[list[Triple], tuple[str, ...]]]:
    """What coders may agree about: name → ((coder, text, code) of each, the classes), from rows as of v_codes.

    The newest individual code of each coder and text counts, in whatever sample it was given. `relevance` and `label`
    (with off_topic) have a code from every coder; a frame has one from those who found the text relevant, the voice
    from those who found a frame. `label, where sure` leaves out codes of certainty 2 and 3; `genre` is there where any
    coder said one.
    """
    newest: dict[tuple[str, str], Mapping[str, Any]] = {}
    for row in sorted(rows, key=lambda row: (row["coded_at"], row["code_id"])):
        if row["kind"] == "individual":
            newest[str(row["coder"]), str(row["version_id"])] = row
    names = ("relevance", *frames.names, "label", "label, where sure", "voice")
    found: dict[str, list[Triple]] = {name: [] for name in names}
    for (coder, version), row in newest.items():
        answers = answers_of(row, frames)
        label = frames.label_of(bool(answers.first), bool(answers.second)) if answers.relevant else OFF_TOPIC
        found["relevance"].append((coder, version, "yes" if answers.relevant else "no"))
        found["label"].append((coder, version, label))
        if answers.certainty == 1:
            found["label, where sure"].append((coder, version, label))
        if answers.relevant:
            for name, value in zip(frames.names, (answers.first, answers.second), strict=True):
                found[name].append((coder, version, "yes" if value else "no"))
        if answers.voice:
            found["voice"].append((coder, version, answers.voice))
        if answers.genre:
            found.setdefault("genre", []).append((coder, version, answers.genre))
    labels = (*frames.labels, OFF_TOPIC)
    classes = {"label": labels, "label, where sure": labels, "voice": VOICES, "genre": tuple(GENRES)}
    return {name: (codes, classes.get(name, ("yes", "no"))) for name, codes in found.items()}


class Sitting:
    """Where a coder is: the task, the answers given so far, and what was coded before, by version.

    `press` takes a key and says what it has led to. After COMPLETE the caller stores `answers`, and then calls
    `advance`; where storing fails it calls `retract`, and the last question is asked again.
    """

    def __init__(self, tasks: Sequence[Task], coded: Mapping[int, Answers]) -> None:
        self.tasks, self.coded = tuple(tasks), dict(coded)
        self.answers = Answers()
        self.said = ""
        self.position = 0
        self._to(self._open_from(0))

    @property
    def finished(self) -> bool:
        """Whether the end of the sample is reached; skipped texts come again in the next sitting."""
        return self.position >= len(self.tasks)

    @property
    def task(self) -> Task:
        """The text to be coded now."""
        return self.tasks[self.position]

    @property
    def done(self) -> int:
        """Texts that have a code."""
        return sum(task.version_id in self.coded for task in self.tasks)

    @property
    def before(self) -> Answers | None:
        """What the coder has answered about this text earlier."""
        return None if self.finished else self.coded.get(self.task.version_id)

    def _open_from(self, position: int) -> int:
        while position < len(self.tasks) and self.tasks[position].version_id in self.coded:
            position += 1
        return position

    def _to(self, position: int) -> None:
        self.position = position
        self.answers = Answers(note=self.before.note, genre=self.before.genre) if self.before else Answers()

    def advance(self) -> None:
        """Take the answers as stored, and go on to the next text without a code."""
        self.coded[self.task.version_id] = self.answers
        self._to(self._open_from(self.position + 1))

    def retract(self, reason: str) -> None:
        """The answers were not stored: ask the last question again."""
        self.answers = self.answers.without_last()
        self.said = reason

    def note(self, text: str) -> None:
        """Set the note of the text; an empty one removes it."""
        self.answers = replace(self.answers, note=plain(text)[:MAX_NOTE])

    def press(self, key: str) -> Outcome:
        """Take a key: an answer, a command, or Enter to keep an earlier answer."""
        self.said = ""
        key = key.casefold()
        if key in {Command.QUIT, Command.CODEBOOK}:
            return Outcome.QUIT if key == Command.QUIT else Outcome.CODEBOOK
        if key == Command.BACK:
            return self._back()
        if self.finished:
            return Outcome.QUIT
        if key == Command.SKIP:
            self._to(self._open_from(self.position + 1))
            return Outcome.ASKED
        if key == Command.NOTE:
            return Outcome.NOTE
        if key == Command.GENRE:
            kinds = (None, *GENRES)
            self.answers = replace(self.answers, genre=kinds[(kinds.index(self.answers.genre) + 1) % len(kinds)])
            self.said = f"Genre: {self.answers.genre or 'left open'}."
            return Outcome.ASKED
        return self._answer(key)

    def _back(self) -> Outcome:
        if not self.finished and self.answers.without_last() != self.answers:
            self.answers = self.answers.without_last()
        elif self.position:
            self._to(self.position - 1)
        else:
            self.said = "This is the first text."
        return Outcome.ASKED

    def _answer(self, key: str) -> Outcome:
        question = self.answers.next
        if question is None:  # nothing is asked twice; the caller has yet to store
            return Outcome.COMPLETE
        kept = getattr(self.before, question.value) if self.before else None
        value = KEYS[question].get(key, kept if key in {"\r", "\n", ""} else None)
        if value is None:
            known = ", ".join(KEYS[question])
            self.said = f"{key!r} is no answer here; answers are {known}." if key.strip() else f"Answer with {known}."
            return Outcome.ASKED
        self.answers = self.answers.having(question, value)
        return Outcome.COMPLETE if self.answers.next is None else Outcome.ASKED
