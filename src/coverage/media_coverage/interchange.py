"""Codes as files for other programs, and back: CSV for spreadsheets, JSON Lines, tasks of Label Studio. Pure.

A row is one code of one text, under the names of a file of coded items (`coded`), and what else a stored code has. The
outlet and the date of a text are not in it, so that a file can be coded blind. Reading back what was written gives the
same codes.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

from .coded import neutral
from .coding import MAX_NOTE, VOICES
from .genre import GENRES
from .prose import clean
from .records import Code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from .framing import Frames

    Row = Mapping[str, Any]

TEXT = ("id", "title", "summary")
ABOUT = ("voice", "genre", "note", "coder", "codebook_version", "purpose", "kind", "sample", "session", "coded_at")

_CHOICES = {"yes": 1, "no": 0, "sure": 1, "leaning": 2, "coin-flip": 3}
"""What Label Studio's choices stand for."""


def columns(frames: Frames) -> tuple[str, ...]:
    """The columns of a row, in order."""
    return (*TEXT, "rel", *frames.outputs[1:], "cert", *ABOUT)


def row_of(code: Row, frames: Frames) -> dict[str, Any]:
    """A stored code, a row as of the view v_codes, as a row of a file; what is missing is None."""
    named = {"id": "version_id", "cert": "certainty"}
    row = {name: code[named.get(name, name)] for name in columns(frames)}
    row["coded_at"] = row["coded_at"].isoformat()
    return {name: None if value != value else value for name, value in row.items()}


def blank_row(item: Row, purpose: str, frames: Frames) -> dict[str, Any]:
    """A text of a sample, a row as of the view v_sample_items, without a code: for a coder to fill in."""
    text = {"id": item["version_id"], "title": item["title"], "summary": item["summary"]}
    return dict.fromkeys(columns(frames)) | text | {"sample": item["sample"], "purpose": purpose}


# ---------------------------------------------------------------------- writing


def as_csv(rows: Sequence[Row], frames: Frames) -> str:
    """A table for spreadsheets. A cell that one might take for a formula gets an apostrophe before it."""
    stream = io.StringIO()
    table = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    table.writerow(columns(frames))
    for row in rows:
        table.writerow(["" if row[name] is None else neutral(str(row[name])) for name in columns(frames)])
    return stream.getvalue()


def as_jsonl(rows: Sequence[Row], frames: Frames) -> str:
    """One object a line."""
    lines = (json.dumps({name: row[name] for name in columns(frames)}, ensure_ascii=False) for row in rows)
    return "".join(f"{line}\n" for line in lines)


def as_label_studio(rows: Sequence[Row], frames: Frames) -> str:
    """Tasks with an annotation for each code, to be imported into a project with `label_studio_config`."""
    tasks: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        data = {name: "" if row[name] is None else row[name] for name in (*TEXT, "purpose", "sample")}
        task = tasks.setdefault((row["id"], row["sample"], row["purpose"]), {"data": data, "annotations": []})
        if row["rel"] is not None:
            task["annotations"].append({"result": list(_results(row, frames))})
    return json.dumps(list(tasks.values()), ensure_ascii=False, indent=1) + "\n"


def _results(row: Row, frames: Frames) -> Iterator[dict[str, Any]]:
    yes_no = {0: "no", 1: "yes"}
    sure = {number: word for word, number in _CHOICES.items() if word not in yes_no.values()}
    chosen = {name: yes_no[row[name]] for name in ("rel", *frames.outputs[1:])}
    chosen |= {"cert": sure[row["cert"]]} | {name: row[name] for name in ("voice", "genre") if row[name]}
    for name, choice in chosen.items():
        yield {"from_name": name, "to_name": "title", "type": "choices", "value": {"choices": [choice]}}
    for name in ABOUT:
        if name not in {"voice", "genre", "purpose", "sample"} and row[name]:
            yield {"from_name": name, "to_name": "title", "type": "textarea", "value": {"text": [row[name]]}}


def label_studio_config(frames: Frames) -> str:
    """The labelling interface that belongs to the tasks, for the project's settings in Label Studio."""
    asked: dict[str, tuple[str, tuple[str, ...]]] = {"rel": ("About the topic?", ("yes", "no"))}
    asked |= {frame.output: (f"{frame.title}?", ("yes", "no")) for frame in frames.both}
    asked |= {"voice": ("Whose voice?", VOICES), "cert": ("How sure?", ("sure", "leaning", "coin-flip"))}
    asked |= {"genre": ("What kind of text, if that is plain?", tuple(GENRES))}
    parts = ['  <Text name="title" value="$title"/>', '  <Text name="summary" value="$summary"/>']
    for name, (question, choices) in asked.items():
        required = "" if name in {"voice", "genre", *frames.outputs[1:]} else ' required="true"'
        listed = "".join(f"<Choice value={quoteattr(choice)}/>" for choice in choices)
        parts.append(f"  <Header value={quoteattr(question)}/>")
        parts.append(f'  <Choices name="{name}" toName="title"{required}>{listed}</Choices>')
    parts += [f'  <TextArea name="{name}" toName="title" placeholder="{name}"/>' for name in ("note", "coder")]
    kept = ("codebook_version", "kind", "session", "coded_at")
    hidden = "".join(f'<TextArea name="{name}" toName="title"/>' for name in kept)
    return "\n".join(["<View>", *parts, f'  <View style="display: none">{hidden}</View>', "</View>\n"])


WRITERS: dict[str, Callable[[Sequence[Row], Frames], str]] = {
    "csv": as_csv,
    "jsonl": as_jsonl,
    "label-studio": as_label_studio,
    "label-studio-config": lambda _, frames: label_studio_config(frames),
}
"""Rows and frames → the text of a file, by format."""


# ---------------------------------------------------------------------- reading


def rows_of_tasks(tasks: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """(number of the task from 1, row) for each annotation of an export of Label Studio (JSON).

    Raises ValueError where it is none.
    """
    if not isinstance(tasks, list):
        raise ValueError("a list of tasks is expected")
    for number, task in enumerate(tasks, start=1):
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            raise ValueError(f"task {number} has no data")
        for annotation in task.get("annotations") or []:
            if not isinstance(annotation, dict) or not isinstance(annotation.get("result"), list):
                raise ValueError(f"task {number} has an annotation without a result")
            if not annotation.get("was_cancelled"):
                yield number, _row_of_annotation(task["data"], annotation)


def _row_of_annotation(data: Row, annotation: Row) -> dict[str, Any]:
    by = annotation.get("completed_by")
    by = by.get("email") if isinstance(by, dict) else by
    row = dict(data) | {"coder": None if by is None else str(by), "coded_at": annotation.get("created_at")}
    for result in annotation["result"]:
        value = result.get("value") if isinstance(result, dict) else None
        if isinstance(value, dict):
            given = value.get("choices") or value.get("text") or [None]
            first = given[0] if isinstance(given, list) else given
            row[str(result.get("from_name"))] = _CHOICES.get(first, first) if isinstance(first, str) else first
    return row


@dataclass(frozen=True, slots=True)
class Defaults:
    """What counts where a row does not say: whose code it is, under which codebook, in which sample, for what."""

    coder: str | None
    codebook_version: str
    sample: str | None
    purpose: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file holds. `problems` are sentences with line numbers; with any, nothing is to be stored."""

    codes: tuple[Code, ...]
    problems: tuple[str, ...]
    blank: int


class _RowError(ValueError):
    """A row that cannot be used; the message says why."""


def read(
    rows: Iterable[tuple[int, Row]],
    frames: Frames,
    defaults: Defaults,
    titles: Mapping[int, str],
    stored: Iterable[Row],
    where: str,
) -> Reading:
    """The codes in numbered rows. Rows without any answer are counted as blank.

    `titles` are the headlines by id of the texts that may be coded, `stored` the codes that are there already, rows as
    of v_codes; `where` names the file in problems.
    """
    taken = Counter(_key(code_of_row(row_of(row, frames), frames, defaults)) for row in stored)
    lines: dict[tuple[Any, ...], int] = {}
    codes, problems, blank = [], [], 0
    for line, row in rows:
        if all(_empty(row.get(name)) for name in ("rel", *frames.outputs[1:], "cert", "voice")):
            blank += 1
            continue
        try:
            code = code_of_row(row, frames, defaults)
            _check_text(row, code, titles)
            if _key(code) in taken:
                raise _RowError("this code is stored already")
            if (first := lines.setdefault(_key(code), line)) != line:
                raise _RowError(f"repeats line {first}")
        except _RowError as bad:
            problems.append(f"{where}:{line}: {bad}.")
        else:
            codes.append(code)
    return Reading(tuple(codes), tuple(problems), blank)


def _key(code: Code) -> tuple[Any, ...]:
    """Two codes with the same key are one. Without a time, a coder has one code of a text."""
    who = (code.version_id, code.coder, code.kind, code.purpose, code.sample)
    if code.coded_at is None:
        return who
    return (*who, code.coded_at, code.relevant, code.frames, code.certainty, code.voice, code.note, code.genre)


def _check_text(row: Row, code: Code, titles: Mapping[int, str]) -> None:
    if code.version_id not in titles:
        raise _RowError(f"there is no text {code.version_id} to be coded here")
    title = row.get("title")
    if isinstance(title, str) and title.split() != titles[code.version_id].split():
        raise _RowError(f"text {code.version_id} has another headline here; is the file from another database?")


def _empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _whole(row: Row, name: str, allowed: Sequence[int] | None) -> int:
    value = row.get(name)
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value.strip()) < 19:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and (allowed is None or value in allowed):
        return value
    spelt = "a number" if allowed is None else " or ".join(map(str, allowed))
    raise _RowError(f"`{name}` must be {spelt}, not {value!r}")


def _word(row: Row, name: str, default: str | None, allowed: Sequence[str] = ()) -> str | None:
    value = row.get(name)
    if _empty(value):
        return default
    if not isinstance(value, str) or (allowed and value not in allowed):
        expected = " or ".join(allowed) if allowed else "text"
        raise _RowError(f"`{name}` must be {expected}, not {value!r}")
    return value


def _when(row: Row) -> datetime | None:
    text = _word(row, "coded_at", None)
    try:
        time = datetime.fromisoformat(text) if text else None
        if time is not None and time.tzinfo is None:
            raise ValueError
    except ValueError:
        raise _RowError(f"`coded_at` must be a time like 2026-02-03T14:05:00+00:00, not {text!r}") from None
    return time.astimezone(UTC).replace(microsecond=0) if time else None


def code_of_row(row: Row, frames: Frames, defaults: Defaults) -> Code:
    """The code that a row holds. Raises ValueError with a reason."""
    relevant = _whole(row, "rel", (0, 1))
    given = [0 if not relevant and _empty(row.get(name)) else _whole(row, name, (0, 1)) for name in frames.outputs[1:]]
    if not relevant and any(given):
        raise _RowError("a text off the topic carries no frame")
    voice = _word(row, "voice", None, VOICES)
    if voice and not any(given):
        raise _RowError("`voice` is given, but no frame for it to speak")
    coder = clean(_word(row, "coder", defaults.coder) or "")
    if not coder:
        raise _RowError("says nothing of its coder; name one with --coder")
    note = _word(row, "note", "") or ""
    if len(note) > MAX_NOTE:
        raise _RowError(f"`note` has more than {MAX_NOTE} characters")
    return Code(
        version_id=_whole(row, "id", None),
        coder=coder,
        codebook_version=_word(row, "codebook_version", defaults.codebook_version) or defaults.codebook_version,
        relevant=bool(relevant),
        frames=(bool(given[0]), bool(given[1])),
        certainty=1 if _empty(row.get("cert")) else _whole(row, "cert", (1, 2, 3)),
        purpose=_word(row, "purpose", defaults.purpose, ("training", "audit")) or defaults.purpose,
        voice=voice,
        note=clean(note),
        kind=_word(row, "kind", "individual", ("individual", "adjudicated")) or "individual",
        sample=_word(row, "sample", defaults.sample),
        session=_word(row, "session", None),
        coded_at=_when(row),
        genre=_word(row, "genre", None, tuple(GENRES)),
    )
