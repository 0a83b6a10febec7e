"""The views as a Frictionless data package: a folder of files, and datapackage.json, which says what is in them.

One snapshot of the database, read and written some rows at a time, so memory does not grow with it. A folder is there
as a whole or not at all. The same database gives the same bytes: nothing in them tells when or where they were written.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import __version__, parquet
from .coded import neutral
from .errors import InputError
from .interruption import held_back
from .store.contract import CONTRACT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .store import Store
    from .store.contract import Column

    Rows = Sequence[Sequence[Any]]

DESCRIPTOR = "datapackage.json"

LEFT_OUT = ("v_texts",)
"""Views that are written only when they are named: texts of publishers, which not everybody may pass on."""

VIEWS = tuple(view for view in CONTRACT if view not in LEFT_OUT)
"""What is written unless views are named."""

_TYPES = {
    "text": "string",
    "integer": "integer",
    "real": "number",
    "flag": "integer",
    "day": "date",
    "time": "datetime",
}
"""Our types → those of a Table Schema."""

CELLS = (
    "A text cell that begins with =, +, -, @, tab or line break, or with apostrophes and then one of these, has an "
    "apostrophe put before it, so that no spreadsheet takes it for a formula. To get the text back, remove one "
    "apostrophe from every text cell that begins with apostrophes and then one of these. Numbers, days and times stand "
    "as they are. An empty cell is NULL or an empty text; Parquet and JSON Lines tell the two apart."
)
"""The rule of the CSV files, as their reader is told it."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export has written: the folder, its format, and rows by view. `left_out` are views that it lacks."""

    folder: Path
    format: str
    rows: dict[str, int]
    bytes: int
    left_out: tuple[str, ...]


# ---------------------------------------------------------------------- files


@contextlib.contextmanager
def _csv(path: Path, columns: Sequence[Column], _about: Mapping[str, str]) -> Iterator[Callable[[Rows], None]]:
    texts = [column.kind.type == "text" for column in columns]
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\r\n")
        table.writerow(column.name for column in columns)

        def add(rows: Rows) -> None:
            for row in rows:
                cells = zip(row, texts, strict=True)
                table.writerow([neutral(cell) if text and cell is not None else cell for cell, text in cells])

        yield add


@contextlib.contextmanager
def _jsonl(path: Path, columns: Sequence[Column], _about: Mapping[str, str]) -> Iterator[Callable[[Rows], None]]:
    names = [column.name for column in columns]
    with path.open("w", encoding="utf-8", newline="") as stream:

        def add(rows: Rows) -> None:
            for row in rows:
                stream.write(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n")

        yield add


@contextlib.contextmanager
def _parquet(path: Path, columns: Sequence[Column], about: Mapping[str, str]) -> Iterator[Callable[[Rows], None]]:
    types = {column.name: _TYPES[column.kind.type] for column in columns}
    with parquet.writer(path, types, about) as add:
        yield add


FORMATS = {"csv": _csv, "parquet": _parquet, "jsonl": _jsonl}
"""How a view becomes a file, by format; the name is the file's ending too."""

_MEDIA_TYPES = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet", "jsonl": "application/jsonl"}

_DIALECT = {"delimiter": ",", "lineTerminator": "\r\n", "quoteChar": '"', "doubleQuote": True, "header": True}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Have the disk keep a file or folder before anything says that it is there."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# ---------------------------------------------------------------------- the description


def _field(column: Column) -> dict[str, Any]:
    field: dict[str, Any] = {"name": column.name, "type": _TYPES[column.kind.type], "description": column.description}
    if column.kind.unit:
        field["unit"] = column.kind.unit
    if column.kind.type == "flag":
        field["constraints"] = {"enum": [0, 1]}
    return field


def _table_schema(view: str, columns: Sequence[Column], views: Sequence[str]) -> dict[str, Any]:
    about: dict[str, Any] = {
        "fields": [_field(column) for column in columns],
        "primaryKey": list(CONTRACT[view].key),
        "missingValues": [""],
    }
    foreign = [
        {"fields": [column], "reference": {"resource": other, "fields": [named]}}
        for column, (other, named) in CONTRACT[view].refers.items()
        if other in views
    ]
    return about | ({"foreignKeys": foreign} if foreign else {})


def _name(topic: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", f"media-coverage {topic}".lower()).strip("-")


def _descriptor(store: Store, form: str, since: str, until: str, resources: list[dict[str, Any]]) -> dict[str, Any]:
    known = store.provenance()
    topic = known["topic"]["name"] if known["topic"] else ""
    about: dict[str, Any] = {"exported_by": f"media-coverage {__version__}", **known}
    about |= {"since": since or None, "until": until or None, "format": form}
    written = {resource["name"] for resource in resources}
    about["left_out"] = [view for view in CONTRACT if view not in written]
    if form == "csv":
        about["cells"] = CELLS
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": _name(topic),
        "title": f"Media coverage: {topic}" if topic else "Media coverage",
        "description": "Articles, labels, counts and collection as the views of a media-coverage database show them. "
        "Labels are a model's, and counts of them are not corrected for its errors.",
        "media_coverage": about,
        "resources": resources,
    }


# ---------------------------------------------------------------------- the folder


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """The views to write, in the order of the contract; all but those of LEFT_OUT when none is named.

    Raises ValueError, with the nearest name, for one that there is not.
    """
    full = [name if name.startswith("v_") else f"v_{name}" for name in names]
    for name in full:
        if name not in CONTRACT:
            near = get_close_matches(name, CONTRACT, 1)
            raise ValueError(f"there is no view {name}" + (f"; did you mean {near[0]}?" if near else ""))
    return tuple(view for view in CONTRACT if view in full) if full else VIEWS


def _check_own(folder: Path) -> None:
    """Raise InputError unless the folder is free, or holds an earlier export and nothing else."""
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        raise InputError("is there already and is no folder; name another one", path=folder)
    held = sorted(path.name for path in folder.iterdir())
    if not held:
        return
    try:
        about = json.loads((folder / DESCRIPTOR).read_text(encoding="utf-8"))
        hashes = {resource["path"]: resource["hash"] for resource in about["resources"]}
        ours = "media_coverage" in about
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        ours, hashes = False, {}
    if not ours:
        raise InputError("holds files that no export has written; name a new folder", path=folder)
    for name in held:
        if name == DESCRIPTOR:
            continue
        if name not in hashes or not (folder / name).is_file():
            raise InputError(f"holds {name}, which no export has written; name a new folder", path=folder)
        if f"sha256:{_sha256(folder / name)}" != hashes[name]:
            raise InputError(f"holds {name}, which was changed after its export; name a new folder", path=folder)


def _put(made: Path, folder: Path) -> None:
    """Let `made` take the place of `folder`, which is absent, empty, or an earlier export."""
    with held_back():
        old = made.with_suffix(".old")
        if folder.exists():
            folder.rename(old)
        try:
            made.rename(folder)
        except BaseException:
            if old.exists():
                old.rename(folder)
            raise
        _sync(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def export(
    store: Store,
    folder: Path,
    form: str = "csv",
    views: Sequence[str] = VIEWS,
    since: str = "",
    until: str = "",
    progress: Callable[[str, int, int | None], None] | None = None,
) -> Exported:
    """Write views of an open database to `folder` in one of FORMATS, with a datapackage.json.

    `since` and `until` are days, both included, empty for no limit; `Store.stream` says what they select. An earlier
    export in the folder is replaced; a folder that holds anything else is refused. `progress` is called with "views",
    how many are done, and how many there are. Raises InputError, StoreError and MissingExtraError.
    """
    if form == "parquet":
        parquet.require()
    folder = folder.absolute()
    _check_own(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", path=folder) from error
    try:
        rows: dict[str, int] = {}
        resources = []
        with store.snapshot():
            for number, view in enumerate(views):
                if progress:
                    progress("views", number, len(views))
                resource = _write(store, made, form, view, (since, until or "9999"), views)
                rows[view] = resource["rows"]
                resources.append(resource)
            about = _descriptor(store, form, since, until, resources)
        text = json.dumps(about, ensure_ascii=False, indent=2) + "\n"
        (made / DESCRIPTOR).write_text(text, encoding="utf-8")
        _sync(made / DESCRIPTOR)
        _sync(made)
        made.chmod(0o777 & ~_umask())  # mkdtemp makes folders that nobody else can read
        _put(made, folder)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise InputError(f"cannot be written: {error.strerror}", path=folder) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    size = sum(resource["bytes"] for resource in resources)
    return Exported(folder, form, rows, size, tuple(about["media_coverage"]["left_out"]))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _write(
    store: Store, made: Path, form: str, view: str, days: tuple[str, str], views: Sequence[str]
) -> dict[str, Any]:
    """Write one view. Returns its resource."""
    columns = store.columns(view)
    path = made / f"{view}.{form}"
    count = 0
    with FORMATS[form](path, columns, {"view": view, "description": store.subject(view)}) as add:
        for rows in store.stream(view, *days):
            add(rows)
            count += len(rows)
    _sync(path)
    return {
        "name": view,
        "type": "table",
        "path": path.name,
        "description": store.subject(view),
        "format": form,
        "mediatype": _MEDIA_TYPES[form],
        **({} if form == "parquet" else {"encoding": "utf-8"}),
        **({"dialect": _DIALECT} if form == "csv" else {}),
        "bytes": path.stat().st_size,
        "hash": f"sha256:{_sha256(path)}",
        "rows": count,
        "schema": _table_schema(view, columns, views),
    }
