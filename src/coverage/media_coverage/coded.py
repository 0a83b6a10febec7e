"""Coded items: texts with the codes that coders gave them. Reading, near-duplicate groups, folds.

A file of codes is JSON Lines or CSV with `title`, `summary`, `rel` and one column per frame output (0 or 1), and if
known `id`, `cert` (1 sure, 2 leaning, 3 coin-flip), `voice` (outlet, quoted or both, or A, Q, B, where there is a
frame), `coder`, `outlet`, `date`. Frames are coded on relevant texts only, so they may be empty where `rel` is 0. Lines
with the same id and text are several coders' codes of one item.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from .errors import InputError
from .evaluation import Coded
from .records import Text
from .stories import headline_band

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from .framing import Frames

    Integers = npt.NDArray[np.int64]

NEAR_DUPLICATE = 0.55
"""Cosine of character n-grams from which two texts count as near-duplicates."""

ADJUDICATED = "adjudicated"

VOICES = {"outlet": "outlet", "A": "outlet", "quoted": "quoted", "Q": "quoted", "both": "both", "B": "both"}
"""How a file of codes may name the voices; anything else, as "-" where there is no frame, tells none."""

Codes = tuple[int | None, int | None, int | None]
"""Relevance, first frame, second frame: 1, 0, or None where the coders are evenly split."""


@dataclass(frozen=True, slots=True)
class CodedItem:
    """One text with its codes. `certainty` is 1 sure, 2 leaning, 3 coin-flip; `date` YYYY-MM-DD or empty.

    `weights` say how much each code counts in learning. `voice` says who speaks the frames: outlet, quoted or both,
    None where there is none, nobody said, or the coders are evenly split.
    """

    id: str
    text: Text
    codes: Codes
    certainty: int = 1
    outlet: str = ""
    date: str = ""
    weights: tuple[float, float, float] = (1.0, 1.0, 1.0)
    voice: str | None = None

    @property
    def complete(self) -> bool:
        """Whether all three codes are known, so that the item can be scored."""
        return None not in self.codes

    @property
    def own(self) -> bool | None:
        """Whether the outlet itself speaks the frame, alone or beside others; None without a frame or a voice."""
        return self.voice != "quoted" if self.voice and any(self.codes[1:]) else None


@dataclass(frozen=True, slots=True)
class Coding:
    """What was read. `notes` are sentences about what was left out; `audit` texts are never to be learned from."""

    items: tuple[CodedItem, ...]
    notes: tuple[str, ...] = ()
    audit: tuple[Text, ...] = ()
    codebook_version: str | None = None


@dataclass(frozen=True, slots=True)
class _Vote:
    """One coder's codes of one text. `rank` orders codebook versions: only the newest of an item counts."""

    id: str
    text: Text
    codes: Codes
    certainty: int
    outlet: str
    date: str
    rank: int = 0
    voice: str | None = None


# ---------------------------------------------------------------------- reading


def _open(file: str | Path) -> TextIO:
    if file == "-":  # whatever encoding the terminal has
        return open(sys.stdin.fileno(), encoding="utf-8", closefd=False)
    return Path(file).open(encoding="utf-8")


def json_lines(file: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of a JSON Lines file, `-` for standard input. Raises InputError."""
    try:
        with _open(file) as stream:
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                try:
                    value = json.loads(line)
                except ValueError as error:
                    raise InputError(f"not JSON: {error}", path=file, line=number) from error
                if not isinstance(value, dict):
                    raise InputError("not a JSON object", path=file, line=number)
                yield number, value
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=file) from error
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8: {error.reason}", path=file) from error


_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
"""How a cell begins that a spreadsheet may take for a formula, or for one that `neutral` has made harmless."""


def neutral(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: with an apostrophe before it where it might. See `as_written`."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def as_written(cell: Any) -> Any:
    """What `neutral` was given: the two are each other's inverse."""
    return cell[1:] if isinstance(cell, str) and cell[:1] == "'" and _FORMULA.match(cell) else cell


def table_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, row) of a CSV file as spreadsheets write it: comma, semicolon or tab, with or without BOM.

    Raises InputError, also for a file without one of the `columns`.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            header = stream.readline()
            stream.seek(0)
            table = csv.DictReader(stream, delimiter=max(",;\t", key=header.count))
            missing = [name for name in columns if name not in (table.fieldnames or ())]
            if missing:
                raise InputError(f"has no column {', '.join(missing)}; it needs {', '.join(columns)}", path=path)
            for row in table:
                yield table.line_num, {name: as_written(cell) for name, cell in row.items()}
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"is not a CSV file in UTF-8: {error}", path=path) from error


def text_of(row: Mapping[str, Any], path: str | Path, line: int) -> Text:
    """The text of a row. Raises InputError."""
    title, summary = row.get("title"), row.get("summary") or ""
    if not isinstance(title, str) or not isinstance(summary, str):
        raise InputError("`title` must be a string, and `summary` a string where given", path=path, line=line)
    return Text(title, summary)


def _number(row: Mapping[str, Any], name: str, allowed: Sequence[int], path: str | Path, line: int) -> int:
    value = row.get(name)
    for number in allowed:
        if value == number or (isinstance(value, str) and value.strip() == str(number)):
            return number
    spelt = f"{', '.join(map(str, allowed[:-1]))} or {allowed[-1]}"
    raise InputError(f"`{name}` must be {spelt}, not {value!r}", path=path, line=line)


def codes_of(row: Mapping[str, Any], frames: Frames, path: str | Path, line: int) -> tuple[int, int, int]:
    """The codes of a row; a text off topic has neither frame. Raises InputError."""
    first, second = frames.outputs[1:]
    if not _number(row, "rel", (0, 1), path, line):
        return 0, 0, 0
    return 1, _number(row, first, (0, 1), path, line), _number(row, second, (0, 1), path, line)


def _vote(row: Mapping[str, Any], frames: Frames, path: str | Path, line: int) -> _Vote:
    text = text_of(row, path, line)
    if not text.title.strip() and not text.summary.strip():
        raise InputError("has neither a title nor a summary", path=path, line=line)
    return _Vote(
        id=str(row.get("id") or f"{path}:{line}"),
        text=text,
        codes=codes_of(row, frames, path, line),
        certainty=_number(row, "cert", (1, 2, 3), path, line) if row.get("cert") else 1,
        outlet=str(row.get("outlet") or ""),
        date=str(row.get("date") or "")[:10],
        voice=VOICES.get(str(row.get("voice") or "").strip()),
    )


def read(file: str | Path, frames: Frames) -> Coding:
    """Read a file of coded items, CSV by its ending and JSON Lines otherwise. Raises InputError.

    Rows whose `purpose` is audit, as `codes export` writes them, are items like the others, to evaluate a model on, and
    their texts are the coding's `audit`: `join` keeps them out of what is learned from.
    """
    if str(file).lower().endswith((".csv", ".tsv")):
        rows = table_rows(Path(file), ("title", "rel", *frames.outputs[1:]))
    else:
        rows = json_lines(file)
    votes, audit = [], []
    for line, row in rows:
        votes.append(_vote(row, frames, file, line))
        if row.get("purpose") == "audit":
            audit.append(votes[-1].text)
    items, notes = _settle(votes)
    if not items:
        raise InputError("holds no coded item", path=file)
    return Coding(items, notes, tuple(dict.fromkeys(audit)))


def from_codes(rows: Iterable[Mapping[str, Any]], frames: Frames, reserved: Iterable[tuple[int, Text]] = ()) -> Coding:
    """The items behind stored codes, which are rows as of the view v_codes.

    Of a coder who coded a text again the newest code counts, and where there is an adjudicated code, it alone. An
    item's codes are those under the newest codebook it was coded with, newest meaning last used. Texts with an audit
    code are kept apart, whatever other codes they have, and so are those `reserved` (version, text): drawn for an
    audit, and not coded yet.
    """
    rows = sorted(rows, key=lambda row: row["coded_at"])
    used = {row["codebook_version"]: rank for rank, row in enumerate(rows)}
    audit = dict(reserved)
    audit |= {row["version_id"]: Text(row["title"], row["summary"]) for row in rows if row["purpose"] == "audit"}
    counting = _counting([row for row in rows if row["version_id"] not in audit])
    items, notes = _settle(_stored_vote(row, frames, used[row["codebook_version"]]) for row in counting)
    return Coding(items, notes, tuple(audit.values()), max(used, key=used.__getitem__, default=None))


def _stored_vote(row: Mapping[str, Any], frames: Frames, rank: int) -> _Vote:
    return _Vote(
        id=str(row["version_id"]),
        text=Text(row["title"], row["summary"]),
        codes=(int(row["rel"]), int(row[frames.first.output]), int(row[frames.second.output])),
        certainty=int(row["certainty"]),
        outlet=row["outlet"],
        date=row["date"],
        rank=rank,
        voice=row["voice"] if isinstance(row.get("voice"), str) else None,
    )


def _counting(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows of v_codes that count. A file of an older version knows neither samples nor adjudicated codes."""
    newest = [row for row in rows if row.get("newest", 1)]
    settled = {row["version_id"] for row in newest if row.get("kind") == ADJUDICATED}
    return [row for row in newest if row["version_id"] not in settled or row["kind"] == ADJUDICATED]


@dataclass(frozen=True, slots=True)
class Settled:
    """What the codes of one text come to. `how` is adjudicated, majority, single, or tie where `codes` has a None.

    `coders` have coded it, `disagreed` says whether they gave the same codes; neither counts the adjudication. `voice`
    is that of most codes that tell one, None where none does or they are evenly split.
    """

    codes: Codes
    how: str
    coders: int
    disagreed: bool
    voice: str | None = None


def settled(rows: Iterable[Mapping[str, Any]], frames: Frames) -> dict[int, Settled]:
    """The settled codes by version, from rows as of the view v_codes; those of one sample, as a rule.

    An adjudicated code settles a text. Otherwise the majority does: about relevance first, then about each frame among
    those who found the text relevant. A tie is not broken: its code is None, until somebody adjudicates.
    """
    rows = [row for row in rows if row.get("newest", 1)]
    own: dict[int, list[Codes]] = defaultdict(list)
    given: dict[int, list[Codes]] = defaultdict(list)
    heard: dict[tuple[int, bool], list[str]] = defaultdict(list)
    for row in rows:
        codes = _stored_vote(row, frames, 0).codes
        version, adjudicated = int(row["version_id"]), row["kind"] == ADJUDICATED
        (given if adjudicated else own)[version].append(codes)
        if isinstance(row.get("voice"), str):
            heard[version, adjudicated].append(str(row["voice"]))
    found = {}
    for version in {**own, **given}:
        counted = given.get(version) or own[version]
        codes = _majority_codes(counted)
        how = ADJUDICATED if version in given else "majority" if len(own[version]) > 1 else "single"
        coders = own.get(version, [])
        voice = _most(heard[version, version in given])
        found[version] = Settled(codes, "tie" if None in codes else how, len(coders), len(set(coders)) > 1, voice)
    return found


def _most(words: Sequence[str]) -> str | None:
    """The word that more than half of them are."""
    ((word, times),) = Counter(words).most_common(1) or ((None, 0),)
    return word if 2 * times > len(words) else None


def _majority_codes(given: Sequence[Codes]) -> Codes:
    relevant = _majority([codes[0] for codes in given])
    if relevant is None:
        return None, None, None
    agreeing = [codes for codes in given if codes[0] == relevant]
    return relevant, _majority([codes[1] for codes in agreeing]), _majority([codes[2] for codes in agreeing])


def join(codings: Sequence[Coding]) -> Coding:
    """Several sources as one. Items that resemble a text of any audit sample are left out.

    The codebook is that of the last source that names one.
    """
    versions = [coding.codebook_version for coding in codings if coding.codebook_version]
    joined = Coding(
        tuple(item for coding in codings for item in coding.items),
        tuple(note for coding in codings for note in coding.notes),
        tuple(text for coding in codings for text in coding.audit),
        versions[-1] if versions else None,
    )
    return _apart_from_audit(joined) if joined.audit else joined


def _settle(votes: Iterable[_Vote]) -> tuple[tuple[CodedItem, ...], tuple[str, ...]]:
    """One item per id and text, coded by the majority; frames by the majority of those who found it relevant."""
    coded: dict[tuple[str, Text], list[_Vote]] = defaultdict(list)
    for vote in votes:
        coded[vote.id, vote.text].append(vote)
    items, undecided, split = [], 0, 0
    for (key, text), all_votes in coded.items():
        given = [vote for vote in all_votes if vote.rank == max(vote.rank for vote in all_votes)]
        codes = _majority_codes([vote.codes for vote in given])
        if codes[0] is None:
            undecided += 1
            continue
        split += codes.count(None)
        certainty = median_low(vote.certainty for vote in given)
        voice = _most([vote.voice for vote in given if vote.voice])
        items.append(CodedItem(key, text, codes, certainty, given[0].outlet, given[0].date, voice=voice))
    notes = []
    if undecided:
        notes.append(f"{undecided} items left out: their coders are evenly split about relevance")
    if split:
        notes.append(f"{split} frame codes left out: their coders are evenly split")
    return tuple(items), tuple(notes)


def _majority(codes: Sequence[int | None]) -> int | None:
    (most, count), *others = Counter(codes).most_common()
    return None if any(n == count for _, n in others) else most


def fingerprint(text: Text) -> str:
    """16 digits that tell whether two headlines are the same, apart from labels, spelling variants and punctuation.

    A model's manifest names by them what it has learned from, without holding a word of it.
    """
    return f"{headline_band(text.title):016x}"


# ---------------------------------------------------------------------- arrays


def code_array(items: Sequence[CodedItem]) -> npt.NDArray[np.float64]:
    """The codes, (items, 3); NaN where there is none."""
    return np.array([item.codes for item in items], dtype=np.float64).reshape(-1, 3)


def coded(items: Iterable[CodedItem]) -> list[Coded]:
    """The codes as `evaluation` wants them; every item must be complete."""
    return [Coded(bool(item.codes[0]), bool(item.codes[1]), bool(item.codes[2]), item.own) for item in items]


# ---------------------------------------------------------------------- near-duplicates


def _ngrams(text: str) -> Counter[str]:
    """Character 3- to 5-grams of each word with a blank on both sides; a shorter word counts once as a whole."""
    found: Counter[str] = Counter()
    for word in text.lower().split():
        padded = f" {word} "
        for size in (3, 4, 5):
            found.update(padded[i : i + size] for i in range(max(1, len(padded) - size + 1)))
            if len(padded) <= size:
                break
    return found


def _vectors(texts: Sequence[str]) -> tuple[Integers, Integers, npt.NDArray[np.float64]]:
    """TF-IDF of the n-grams as (text, n-gram, weight) triples, sorted by text; each text's weights have length 1."""
    number: dict[str, int] = {}
    rows: list[int] = []
    columns: list[int] = []
    counts: list[int] = []
    for position, text in enumerate(texts):
        grams = _ngrams(text)
        rows += [position] * len(grams)
        columns += [number.setdefault(gram, len(number)) for gram in grams]
        counts += list(grams.values())
    row, column = np.array(rows, dtype=np.int64), np.array(columns, dtype=np.int64)
    frequency = np.bincount(column, minlength=len(number))
    weight = (1 + np.log(counts)) * (1 + np.log((1 + len(texts)) / (1 + frequency)))[column]
    length = np.sqrt(np.bincount(row, weight**2, minlength=len(texts)))
    return row, column, weight / length[row]


def near_duplicate_groups(texts: Sequence[str]) -> Integers:
    """Number texts so that near-duplicates share a number: connected components at a cosine of NEAR_DUPLICATE.

    Compared are TF-IDF vectors of character n-grams inside words, sublinear in the counts.
    """
    row, column, weight = _vectors(texts)
    first_of_text = np.searchsorted(row, np.arange(len(texts) + 1))
    by_gram = np.argsort(column, kind="stable")
    first_of_gram = np.searchsorted(column[by_gram], np.arange(column.max(initial=-1) + 2))
    group = np.arange(len(texts), dtype=np.int64)
    for text in range(len(texts)):
        mine = slice(first_of_text[text], first_of_text[text + 1])
        places = [by_gram[first_of_gram[gram] : first_of_gram[gram + 1]] for gram in column[mine]]
        if not places:
            continue
        shared = np.concatenate(places)
        factors = np.repeat(weight[mine], [len(place) for place in places])
        cosine = np.bincount(row[shared], weight[shared] * factors, minlength=len(texts))
        near = group[cosine >= NEAR_DUPLICATE]
        group[np.isin(group, near)] = near.min(initial=group[text])
    return np.unique(group, return_inverse=True)[1].astype(np.int64)


def _apart_from_audit(coding: Coding) -> Coding:
    """Leave out what resembles an audit text: an audit of a model on what it learned from would say nothing."""
    texts = [f"{text.title} {text.summary}" for text in (*coding.audit, *(item.text for item in coding.items))]
    groups = near_duplicate_groups(texts)
    taken = set(groups[: len(coding.audit)].tolist())
    kept = tuple(
        item for item, group in zip(coding.items, groups[len(coding.audit) :], strict=True) if int(group) not in taken
    )
    left = len(coding.items) - len(kept)
    note = (f"{left} items left out: they resemble a text of the audit sample",) if left else ()
    return Coding(kept, coding.notes + note, coding.audit, coding.codebook_version)


def resembling(texts: Sequence[str], others: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which of the texts are near-duplicates of any of the others: (texts,)."""
    near = np.zeros(len(texts), dtype=bool)
    if not texts or not others:
        return near
    row, column, weight = _vectors([*others, *texts])
    first = np.searchsorted(row, np.arange(len(others) + 1))
    own = np.arange(first[-1], len(row))  # postings of the texts
    by_gram = own[np.argsort(column[own], kind="stable")]
    first_of_gram = np.searchsorted(column[by_gram], np.arange(column.max(initial=-1) + 2))
    for other in range(len(others)):
        mine = slice(first[other], first[other + 1])
        places = [by_gram[first_of_gram[gram] : first_of_gram[gram + 1]] for gram in column[mine]]
        shared = np.concatenate([np.zeros(0, dtype=np.int64), *places])
        factors = np.repeat(weight[mine], [len(place) for place in places])
        cosine = np.bincount(row[shared] - len(others), weight[shared] * factors, minlength=len(texts))
        near |= cosine >= NEAR_DUPLICATE
    return near


# ---------------------------------------------------------------------- folds


def grouped_folds(groups: Integers, strata: Integers, count: int, seed: int) -> Integers:
    """Deal items into `count` folds, whole groups at a time, so that each fold has its share of each stratum.

    Greedy: from the most uneven group down, each goes where the strata's shares then differ least between folds,
    and among equals to the smaller fold. `seed` orders groups that are equally uneven.
    """
    _, group = np.unique(groups, return_inverse=True)
    _, stratum = np.unique(strata, return_inverse=True)
    members = np.zeros((group.max() + 1, stratum.max() + 1))
    np.add.at(members, (group, stratum), 1)
    order = np.arange(len(members))
    np.random.RandomState(seed).shuffle(order)
    order = order[np.argsort(-members[order].std(axis=1), kind="stable")]
    total = members.sum(axis=0)
    dealt = np.zeros((count, members.shape[1]))
    fold_of_group = np.zeros(len(members), dtype=np.int64)
    for index in order:
        best, least = 0, (np.inf, np.inf)
        for fold in range(count):
            dealt[fold] += members[index]
            unevenness, size = (dealt / total).std(axis=0).mean(), dealt[fold].sum()
            dealt[fold] -= members[index]
            if unevenness < least[0] or (np.isclose(unevenness, least[0]) and size < least[1]):
                best, least = fold, (unevenness, size)
        dealt[best] += members[index]
        fold_of_group[index] = best
    return fold_of_group[group]


def folds_by(keys: Sequence[str], count: int, seed: int) -> Integers:
    """Deal items into `count` folds by a key such as the outlet: all items of a key share a fold."""
    distinct, key = np.unique(keys, return_inverse=True)
    fold_of_key = np.zeros(len(distinct), dtype=np.int64)
    order = np.random.RandomState(seed).permutation(len(distinct))
    for fold, part in enumerate(np.array_split(order, count)):
        fold_of_key[part] = fold
    return fold_of_key[key]


def splits(fold_of: Integers, groups: Integers) -> list[tuple[Integers, Integers]]:
    """(to learn from, held out) per fold, as positions; what resembles a held-out item is not learned from."""
    everything = np.arange(len(fold_of))
    return [
        (everything[(fold_of != fold) & ~np.isin(groups, groups[fold_of == fold])], everything[fold_of == fold])
        for fold in range(int(fold_of.max()) + 1)
    ]
