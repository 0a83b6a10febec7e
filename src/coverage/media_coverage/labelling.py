"""Articles in Parquet files → the same articles with labels, in parts that are each written once.

A part is PART_ROWS rows of one file. It is read, gated, labelled and written by one worker, whichever: its name, its
rows and its bytes follow from the file, the topic and the model alone. A part is written under another name and then
renamed, so a file with the right name is a whole part; what a worker or the run leaves undone, the next run does.
The marker (lake.MARKER) comes last and names every part with its hash.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import lake, parquet
from .classify import load_classifier, sha256
from .engines import ENGINES
from .errors import ExitCode, InputError, LakeError
from .language import language_of
from .lock import locked
from .prose import MAX_CHARACTERS
from .records import Text
from .store import open_store
from .topic import Query, gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from .classify import Classifier
    from .engines import Setup
    from .records import Framing, GateDecision

    Progress = Callable[[str, int, int], None]

PART_ROWS = parquet.ROW_GROUP
"""Rows of a file that make a part: what a crash can cost."""

BATCH = 256
"""Texts that are handed to the classifier at a time."""

REQUIRED = ("title", "outlet", "published_at")
"""Columns that every file has. The others of lake.ARTICLE are empty where they are missing."""

_OURS = "media_coverage"
"""Key of a file's metadata that says that we wrote it, and as which part of what."""


@dataclass(frozen=True, slots=True)
class Job:
    """What holds for every part: folders, topic, and which model's labels are wanted."""

    source: Path
    target: Path
    query: str
    language: str
    model_id: str
    batch: int = BATCH


@dataclass(frozen=True, slots=True)
class Part:
    """Rows `first` … `first + rows` of a file, whose path is seen from the folder; `number` counts from 0."""

    source: str
    source_sha256: str
    number: int
    first: int
    rows: int

    @property
    def name(self) -> str:
        """The path of what is written, seen from the other folder."""
        return f"{self.source.removesuffix('.parquet')}-{self.number:05}.parquet"


@dataclass(frozen=True, slots=True)
class Written:
    """A part that was written, or why it was not. `passed` the keywords, `on_topic` in the model's eyes too."""

    part: Part
    file: lake.File | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """What came of labelling a folder. `problems` by file; `before` are parts that an earlier run had written."""

    files: int
    parts: int
    before: int
    rows: int
    passed: int
    on_topic: int
    model_id: str
    problems: Mapping[str, str]


# ---------------------------------------------------------------------- in a worker


def label_part(classifier: Classifier, task: tuple[Job, Part]) -> Written:
    """Read, gate, label and write one part. Raises LakeError where it cannot be written."""
    job, part = task
    if classifier.info.model_id != job.model_id:
        raise LakeError(
            f"a worker has the model {classifier.info.model_id}, the run began with {job.model_id}; "
            "install the same version everywhere",
            path=job.target,
        )
    try:
        columns = parquet.read(job.source / part.source, lake.ARTICLE, part.first, part.rows)
    except InputError as error:
        return Written(part, problem=str(error))
    columns |= _completed(columns, part)
    decisions = _decisions(job, columns)
    framings = _framings(job, classifier, columns, decisions)
    columns |= lake.answers(decisions, framings, classifier.info)
    passed, on_topic = sum(map(bool, columns["passed_gate"])), sum(map(bool, columns["on_topic"]))
    file = lake.File(
        rows=len(columns["title"]),
        passed=passed,
        on_topic=on_topic,
        source=part.source,
        source_sha256=part.source_sha256,
        part=part.number,
        model_id=job.model_id,
        runtime=classifier.info.runtime,
        cpu=classifier.info.cpu,
        query=job.query,
        language=job.language,
    )
    return Written(part, write(job.target / part.name, columns, lake.kinds(classifier.info.frames), file))


def _completed(columns: Mapping[str, list[Any]], part: Part) -> dict[str, list[Any]]:
    """What counts need of every article, where the file leaves it open."""
    rows = range(part.first, part.first + len(columns["title"]))
    ids = [given or f"{part.source}:{row}" for given, row in zip(columns["article_id"], rows, strict=True)]
    stories = [given or f"article {own}" for given, own in zip(columns["story_id"], ids, strict=True)]
    return {
        "article_id": ids,
        "story_id": stories,
        "outlet": [given or "unknown" for given in columns["outlet"]],
        "outlet_group": [given or "other" for given in columns["outlet_group"]],
        "date": [lake.day_of(at) for at in columns["published_at"]],
        "feeds": [given or 0 for given in columns["feeds"]],
        "listed": [bool(given) for given in columns["listed"]],
        "wire_copy": [bool(given) for given in columns["wire_copy"]],
    }


def _decisions(job: Job, columns: Mapping[str, list[Any]]) -> list[GateDecision]:
    """The gate's; the language of what passes the keywords is detected where the file does not name it."""
    query, languages = Query(job.query), columns["language"]
    decisions = []
    for row, text in enumerate(_texts(columns)):
        decision = query.decide(text.title, text.summary)
        if decision.passed:
            languages[row] = languages[row] or language_of(text.title, text.summary, None)[0]
            decision = gate(query, job.language, text.title, text.summary, languages[row])
        decisions.append(decision)
    return decisions


def _texts(columns: Mapping[str, list[Any]]) -> Iterator[Text]:
    for title, summary in zip(columns["title"], columns["summary"], strict=True):
        yield Text((title or "")[:MAX_CHARACTERS], (summary or "")[:MAX_CHARACTERS])


def _framings(
    job: Job, classifier: Classifier, columns: Mapping[str, list[Any]], decisions: Sequence[GateDecision]
) -> list[Framing | None]:
    """One for each row that passed the gate, equal texts labelled once."""
    texts = [text if decision.passed else None for text, decision in zip(_texts(columns), decisions, strict=True)]
    distinct = list(dict.fromkeys(text for text in texts if text is not None))
    found: dict[Text | None, Framing | None] = {None: None}
    for start in range(0, len(distinct), job.batch):
        batch = distinct[start : start + job.batch]
        found |= zip(batch, classifier.classify(batch), strict=True)
    return [found[text] for text in texts]


def write(path: Path, columns: Mapping[str, Sequence[Any]], kinds: Mapping[str, str], file: lake.File) -> lake.File:
    """Write a whole file or none. Returns `file` with its hash. Raises LakeError."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            parquet.write_columns(columns, kinds, temporary, {_OURS: file.as_json()})
            with temporary.open("rb+") as written:
                os.fsync(written.fileno())
            digest, size = sha256(temporary), temporary.stat().st_size
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error
    return file.hashed(digest, size)


def _unwritable(path: Path, error: OSError) -> LakeError:
    said = error.strerror or next(iter(str(error).splitlines()), "")
    return LakeError(
        f"cannot be written ({said}); what was written before is whole: make room there and run again",
        path=path,
        exit_code=ExitCode.NOTHING_WORKED,
    )


# ---------------------------------------------------------------------- in the run


def label(
    source: Path,
    target: Path,
    query: str,
    language: str,
    setup: Setup,
    engine: str = "local",
    progress: Progress | None = None,
    *,
    batch: int = BATCH,
) -> Account:
    """Label every Parquet file in `source` into `target`; parts that are there already are not done again.

    A file that cannot be read is a problem of its own: the others are labelled, and the marker is not set. Raises
    LakeError where a folder is the wrong one or cannot be written, and as `load_classifier` and the engines do.
    """
    parquet.require()
    _check_folders(source, target)
    info = load_classifier(**setup.options).info
    job = Job(source.absolute(), target.absolute(), query, language, info.model_id, batch)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(target, error) from error
    with locked(job.target, "classify"):
        parts, problems = _plan(job.source)
        files = _kept(job, parts)
        left = [part for part in parts if part.name not in files]
        before = len(files)
        marker = job.target / lake.MARKER
        if left or problems:
            marker.unlink(missing_ok=True)
        try:
            with contextlib.closing(ENGINES[engine](setup, label_part, [(job, part) for part in left])) as written:
                for done, each in enumerate(written, 1):
                    if each.file is None:
                        problems.setdefault(each.part.source, str(each.problem))
                    else:
                        files[each.part.name] = each.file
                    if progress:
                        progress("parts", done, len(left))
        finally:  # the engine has ended its workers, some of them perhaps while they wrote
            _sweep(job.target)
        if not problems:
            try:
                lake.mark(job.target, files, info)
            except OSError as error:
                raise _unwritable(marker, error) from error
    return Account(
        files=len({part.source for part in parts} | {*problems}),
        parts=len(parts),
        before=before,
        rows=sum(file.rows for file in files.values()),
        passed=sum(file.passed for file in files.values()),
        on_topic=sum(file.on_topic for file in files.values()),
        model_id=info.model_id,
        problems=dict(sorted(problems.items())),
    )


def _check_folders(source: Path, target: Path) -> None:
    if not source.is_dir():
        raise LakeError("is no folder; name one with Parquet files", path=source)
    inner, outer = target.resolve(), source.resolve()
    if inner == outer or outer in inner.parents or inner in outer.parents:
        raise LakeError("lies in the other folder, or holds it; name two that are apart", path=target)


def parquet_files(folder: Path) -> list[str]:
    """Paths of the Parquet files below a folder, seen from there, in order. Hidden ones are none, nor are _ones."""
    found = (path.relative_to(folder) for path in folder.rglob("*.parquet") if path.is_file())
    return sorted(path.as_posix() for path in found if not any(part[0] in "._" for part in path.parts))


def _plan(source: Path) -> tuple[list[Part], dict[str, str]]:
    """All parts, and by file why it has none."""
    names = parquet_files(source)
    if not names:
        raise LakeError("holds no Parquet files (*.parquet)", path=source)
    parts: list[Part] = []
    problems: dict[str, str] = {}
    for name in names:
        try:
            footer = parquet.footer(source / name)
            digest = sha256(source / name)
        except (InputError, OSError) as error:
            problems[name] = str(error)
            continue
        if missing := [column for column in REQUIRED if column not in footer.columns]:
            there = ", ".join(footer.columns)[:200]
            problems[name] = f"{source / name}: lacks the column {' and '.join(missing)}; it has {there}"
            continue
        for number, first in enumerate(range(0, max(footer.rows, 1), PART_ROWS)):
            parts.append(Part(name, digest, number, first, min(PART_ROWS, footer.rows - first)))
    return parts, problems


def _kept(job: Job, parts: Sequence[Part]) -> dict[str, lake.File]:
    """The parts that an earlier run has written and that still hold; others of ours are removed.

    Raises LakeError where the folder holds files of others, or labels of another model or topic.
    """
    wanted = {part.name: part for part in parts}
    kept = {}
    _sweep(job.target)
    for name in parquet_files(job.target):
        path = job.target / name
        try:
            said = parquet.footer(path).about.get(_OURS)
        except InputError:  # no rename of ours makes such a file, but a failing disk can
            said = None
        if said is None:
            raise LakeError("was not written by media-coverage; name another folder, or remove it", path=path)
        file = lake.File.from_json(said)
        if (file.model_id, file.query, file.language) != (job.model_id, job.query, job.language):
            other = "model" if file.model_id != job.model_id else "topic"
            raise LakeError(f"holds labels of another {other}; name another folder, or remove this one", path=path)
        part = wanted.get(name)
        if part is not None and (part.source_sha256, part.number) == (file.source_sha256, file.part):
            kept[name] = file.hashed(sha256(path), path.stat().st_size)
        else:  # of a file that has changed or gone
            path.unlink()
    return kept


def _sweep(target: Path) -> None:
    """Remove what workers that were killed have begun to write."""
    for leftover in target.rglob(".*.parquet.*.tmp"):
        leftover.unlink(missing_ok=True)


# ---------------------------------------------------------------------- out of a database


def export(database: Path, target: Path) -> lake.Lake:
    """Write the articles of a database, with the labels that its views show, as a lake: a file for each month.

    `target` is a new or empty folder. Raises LakeError and StoreError.
    """
    parquet.require()
    if target.exists() and any(target.iterdir()):
        raise LakeError("is not empty; name a new folder", path=target)
    files = {}
    with open_store(database) as store:
        info, query, language = store.shown()
        kinds = lake.kinds(store.frames)
        for month in store.months():
            name = f"month={month}/articles.parquet"
            columns = store.lake_columns(month)
            columns |= {"date": [lake.day_of(at) for at in columns["published_at"]]}
            file = lake.File(
                rows=len(columns["title"]),
                passed=sum(map(bool, columns["passed_gate"])),
                on_topic=sum(map(bool, columns["on_topic"])),
                source="",
                source_sha256="",
                part=0,
                model_id=info.model_id,
                runtime=info.runtime,
                cpu=info.cpu,
                query=query,
                language=language,
            )
            files[name] = write(target / name, columns, kinds, file)
    target.mkdir(parents=True, exist_ok=True)
    lake.mark(target, files, info)
    return lake.opened(target)
