"""Which column of an archive is what: mappings in YAML, and rows read by them.

A mapping names, for each field of an article, the columns it may come from; the first that says anything counts.
Ready ones lie in the folder `mappings` of the package and are called by name.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from . import config, dates, identity
from .errors import ConfigError, InputError
from .prose import MAX_CHARACTERS, clean, plain
from .records import Entry, Outlet
from .topic import fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Mapping as Columns

    from .records import Feed

FOLDER = Path(__file__).with_name("mappings")

FIELDS = ("title", "summary", "url", "id", "published", "seen", "outlet", "domain", "language", "author")
"""What may be mapped. `id` identifies rows without an address within the mapping's name, `seen` is when somebody else
(an index, a crawler) saw the article: its date where it has no other."""

MAX_NAME = 200

_FEED_HOSTS = ("rss.", "feeds.", "feed.", "xml.")


def _pattern(text: str) -> str:
    try:
        if re.compile(text).groups != 1:
            raise ValueError(f"{text!r} must have one group, which is the value")
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from error
    return text


def known_encoding(name: str) -> str:
    """The name of an encoding. Raises ValueError where Python knows none of that name."""
    try:
        "".encode(name)
    except LookupError:
        raise ValueError(f"the encoding {name!r} is not known; common ones: utf-8, utf-16, latin-1, cp1252") from None
    return name


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"the time zone {name!r} is not known here; zones are named as in America/New_York, and a system without "
            "a time zone database needs the package tzdata"
        ) from None
    return name


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Model):
    """A column, and what is taken from its cells.

    `pattern` is a regular expression whose group is the value, `values` says what cells stand for (others count as
    empty), `formats` are those of dates as strptime knows them, which come before the usual ways to spell one. `zone`
    is that of times which a format has read without one; they are UTC where it is not given.
    """

    column: Annotated[str, Field(min_length=1)]
    pattern: Annotated[str, AfterValidator(_pattern)] | None = None
    values: dict[str, str] | None = None
    formats: tuple[str, ...] = ()
    zone: Annotated[str, AfterValidator(_zone)] | None = None

    @cached_property
    def zone_info(self) -> tzinfo:
        """Where clocks show the times that name no zone."""
        return ZoneInfo(self.zone) if self.zone else UTC

    @cached_property
    def _search(self) -> Any:
        return re.compile(self.pattern, re.DOTALL).search if self.pattern else None

    def of(self, row: Columns[str, str]) -> str:
        """What the column says in a row; empty where it says nothing."""
        text = row.get(self.column, "")
        if text and self._search:
            found = self._search(text)
            text = found[1] or "" if found else ""
        return self.values.get(text.strip(), "") if self.values is not None else text


def _sources(value: object) -> object:
    listed = value if isinstance(value, list) else [value]
    return [{"column": each} if isinstance(each, str) else each for each in listed]


Sources = Annotated[tuple[Source, ...], BeforeValidator(_sources), Field(min_length=1)]


class Mapping(_Model):
    """How the rows of one kind of archive are read; see docs/import.md."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)]
    format: Literal["csv", "tsv", "jsonl", "json", "parquet", "warc"] | None = None
    encoding: Annotated[str, AfterValidator(known_encoding)] = "utf-8"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    quotes: bool = True
    header: tuple[str, ...] = ()
    required: tuple[Literal[FIELDS], ...] = ("title",)  # type: ignore[valid-type]
    columns: dict[Literal[FIELDS], Sources] = Field(min_length=1)  # type: ignore[valid-type]

    @cached_property
    def sha256(self) -> str:
        """Identifies what the mapping says, not how the file spells it."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()

    @cached_property
    def wanted(self) -> frozenset[str]:
        """The columns that are read."""
        return frozenset(source.column for sources in self.columns.values() for source in sources)

    @cached_property
    def texts(self) -> tuple[tuple[str, tuple[tuple[str, Source | None], ...]], ...]:
        """(field, its columns) but for times; a column with its source where more is asked than what stands there."""
        return tuple(
            (field, tuple((each.column, None if each == Source(column=each.column) else each) for each in sources))
            for field, sources in self.columns.items()
            if field not in {"published", "seen"}
        )

    def check_header(self, header: Sequence[str], path: Path) -> None:
        """Raise InputError where a required field has no column, or where it is not clear which column is meant."""
        listed = ", ".join(repr(name) for name in header[:30]) + (", …" if len(header) > 30 else "")
        for name in self.wanted:
            if header.count(name) > 1:
                places = [str(i) for i, each in enumerate(header, start=1) if each == name]
                raise InputError(f"the column {name!r} appears twice (columns {', '.join(places)})", path=path)
        for field in self.required:
            names = [source.column for source in self.columns.get(field, ())]
            if not set(names) & set(header):
                asked = " or ".join(repr(name) for name in names) or "which the mapping does not name"
                raise InputError(
                    f"there is no column for `{field}` ({asked} in the mapping {self.name}); there are: {listed}. "
                    "Name another mapping with --mapping",
                    path=path,
                )


@dataclass(frozen=True, slots=True)
class Record:
    """A row in our terms: its entry, and what it says of its outlet, its language and when it was seen by others."""

    entry: Entry
    outlet: str
    domain: str
    language: str | None
    seen: datetime | None


class RowError(ValueError):
    """A row that cannot be used; the message says why."""


def _time(sources: Sequence[Source], row: Columns[str, str]) -> tuple[datetime | None, str]:
    """The first time that some columns name, and its spelling; (None, the first spelling) where none can be read."""
    raw = ""
    for source in sources:
        text = source.of(row).strip()
        if not text:
            continue
        raw = raw or text
        for spelt in source.formats:
            try:
                time = datetime.strptime(text, spelt)  # noqa: DTZ007 - a zone is added where the format has none
                return (time if time.tzinfo else time.replace(tzinfo=source.zone_info)).astimezone(UTC), text
            except (ValueError, OverflowError):
                continue
        if understood := dates.read(text):
            return understood, text
    return None, raw


def _text(columns: Iterable[tuple[str, Source | None]], row: Columns[str, str]) -> str:
    """What the first column says that says anything."""
    for column, source in columns:
        text = row.get(column, "")
        if text and source:
            text = source.of(row)
        if text:
            return text
    return ""


def record(row: Columns[str, str], mapping: Mapping) -> Record:
    """A row read by a mapping, with the same cleaning and limits as an entry of a feed. Raises RowError."""
    found = {field: _text(columns, row) for field, columns in mapping.texts}
    missing = [field for field in mapping.required if not found.get(field, "published").strip()]
    if missing:
        raise RowError(f"no {missing[0]}")
    published, raw = _time(mapping.columns.get("published", ()), row)
    seen, _ = _time(mapping.columns.get("seen", ()), row)
    link = found.get("url", "")
    title = plain(found.get("title", ""))
    if not title:
        raise RowError("no title")
    return Record(
        Entry(
            title=title,
            summary=plain(found.get("summary", "")),
            link=(clean(link) or None) if len(link) <= MAX_CHARACTERS else None,
            guid=clean(found.get("id", "")) or None,
            published=published,
            published_raw=clean(raw)[:MAX_NAME] or None,
            author=plain(found.get("author", "")) or None,
        ),
        plain(found.get("outlet", ""))[:MAX_NAME],
        clean(found.get("domain", ""))[:MAX_NAME],
        clean(found.get("language", ""))[:40] or None,
        seen,
    )


def outlets_of(feeds: Iterable[Feed]) -> dict[str, Outlet]:
    """Look-up of outlets by folded name, alias or host; hosts that serve feeds stand for the outlet's site, too."""
    known = identity.outlets_by_name_and_host(feeds)
    for host, outlet in list(known.items()):
        for start in _FEED_HOSTS:
            if host.startswith(start) and host.count(".") > 1:
                known.setdefault(host.removeprefix(start), outlet)
    return known


def _host(address: str) -> str:
    """The host of an address, or of a bare domain; without www."""
    try:
        found = urlsplit(address if "//" in address else f"//{address}").hostname or ""
    except ValueError:
        return ""
    return found.removeprefix("www.")


def publisher(name: str, domain: str, link: str | None, outlets: dict[str, Outlet]) -> Outlet | None:
    """Whose article is it? By name, by domain, by the host of the address; None where none of them is given."""
    if name and (known := outlets.get(fold(name))):
        return known
    hosts = [host for host in (_host(domain), _host(name) if "." in name else "", _host(link or "")) if "." in host]
    for host in hosts:
        parts = host.split(".")
        for start in range(len(parts) - 1):
            if known := outlets.get(".".join(parts[start:])):
                return known
    called = name or next(iter(hosts), "")
    return Outlet(called, None, "other") if called else None


def names() -> list[str]:
    """The ready mappings."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def parse(text: str, path: Path) -> Mapping:
    """Validate the text of a mapping. Raises ConfigError."""
    data, lines = config.understood(text, path)
    if not isinstance(data, dict):
        raise ConfigError("a mapping begins with `name` and `columns`", path=path, line=1)
    try:
        return Mapping.model_validate(data)
    except ValidationError as error:
        problem = error.errors()[0]
        place = tuple(part for part in problem["loc"] if part != "[key]")
        line = next((lines[place[:n]] for n in range(len(place), 0, -1) if place[:n] in lines), None)
        where = ", ".join(f'"{part}"' for part in place if isinstance(part, str))
        said = problem["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{where}: {said}" if where else said, path=path, line=line) from error


def load(name: str) -> Mapping:
    """A ready mapping by its name, or one by the path of its file. Raises ConfigError."""
    ready = FOLDER / f"{name}.yaml"
    path = ready if re.fullmatch(r"[a-z0-9-]+", name) and ready.is_file() else Path(name)
    if not path.is_file():
        known = ", ".join(names())
        raise ConfigError(f"there is no such mapping; ready ones: {known}, or the path of a YAML file", path=path)
    return parse(config.read(path), path)
