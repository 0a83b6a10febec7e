"""feeds.yaml → Config. Every message names the file, the line, the outlet and the key."""

from __future__ import annotations

import difflib
import hashlib
import ipaddress
import re
import shutil
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from .errors import ConfigError
from .framing import DEFAULT_FRAMES, Frames
from .genre import GENRES
from .records import Feed, FeedKind, Frame, FullText, Outlet, Thresholds
from .topic import Query, QueryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

GROUPS = (
    "us_left",
    "us_center",
    "us_right",
    "uk",
    "europe",
    "ukraine",
    "russia_state",
    "russia_independent",
    "global_south",
    "china",
    "mideast",
    "wire",
    "thinktank",
    "aggregator",
    "other",
)
"""Viewpoint groups known without declaring them; `topic.groups` adds more."""


def _query(text: str) -> str:
    try:
        Query(text)
    except QueryError as error:
        raise ValueError(f"the query cannot be read: {error}") from error
    return text


def _url(text: str) -> str:
    parts = urlsplit(text.strip())
    # Asking for the port checks it: outside 0-65535 it raises ValueError.
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise ValueError(f"{text!r} is not an http(s) address")
    return text.strip()


def _country(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{2}", text):
        raise ValueError(f"{text!r} is not a two-letter country code in capitals (ISO 3166)")
    return text


def _address(text: str) -> str:
    if "/" in text or ":" in text or re.fullmatch(r"[\d.]+", text):
        ipaddress.ip_network(text, strict=False)
    elif not re.fullmatch(r"[A-Za-z0-9.-]+", text):
        raise ValueError(f"{text!r} is neither a host name nor an address range")
    return text


def _genre(text: str) -> str:
    if text not in GENRES:
        raise ValueError(f"{text!r} is no genre{_nearest(text, list(GENRES))}")
    return text


def _line(text: str) -> str:
    cleaned = " ".join(text.split())
    if not cleaned:
        raise ValueError("must not be empty")
    return cleaned


Line = Annotated[str, AfterValidator(_line)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Event(_Model):
    """A dated event, drawn on every chart."""

    date: date
    name: Line


class Topic(_Model):
    """What the tracker follows."""

    name: Line
    query: Annotated[str, AfterValidator(_query)]
    events: tuple[Event, ...] = ()
    groups: tuple[Line, ...] = ()
    language: str = Field(default="en", pattern=r"^[a-z]{2}$")


class FrameEntry(_Model):
    """One of the two frames; its key is its name. `output` is the classifier's output for it, by default the name."""

    output: str | None = None
    title: Line
    description: str = ""


class FeedEntry(_Model):
    """One feed; a bare URL stands for a mapping with nothing but `url`."""

    url: Annotated[str, AfterValidator(_url)]
    kind: FeedKind = FeedKind.FEED
    title: Line | None = None
    genre: Annotated[str, AfterValidator(_genre)] | None = None


def _feed_entry(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


_FULL_TEXT = {True: FullText.WITHOUT_LEAD, False: FullText.NONE, "all": FullText.ALL}


def _full_text(value: object) -> object:
    if not isinstance(value, bool | str) or value not in _FULL_TEXT:
        raise ValueError(f"{value!r} is neither true (pages of articles without a lead) nor false nor all")
    return _FULL_TEXT[value]


class OutletEntry(_Model):
    """One publisher and its feeds. `full_text`: of which articles the page is read; `genre`: what all of them are."""

    name: Line
    country: Annotated[str, AfterValidator(_country)] | None = None
    group: str
    aliases: tuple[Line, ...] = ()
    genre: Annotated[str, AfterValidator(_genre)] | None = None
    full_text: Annotated[FullText, BeforeValidator(_full_text)] = FullText.NONE
    feeds: tuple[Annotated[FeedEntry, BeforeValidator(_feed_entry)], ...] = Field(min_length=1)


class Network(_Model):
    """Limits of the fetcher. Sizes are bytes after decompression, times are seconds.

    `max_pages` and `max_pages_per_host` bound the pages of articles that one run asks for.
    """

    contact: str | None = Field(default=None, max_length=200, pattern=r"^[\x20-\x7e]*$")
    timeout_seconds: float = Field(default=30, gt=0, le=600)
    max_bytes: int = Field(default=10 * 2**20, ge=1024, le=2**30)
    max_entries: int = Field(default=5000, ge=1, le=100_000)
    concurrency: int = Field(default=20, ge=1, le=200)
    host_gap_seconds: float = Field(default=1.0, ge=0, le=60)
    max_pages: int = Field(default=50, ge=1, le=10_000)
    max_pages_per_host: int = Field(default=10, ge=1, le=1000)
    allow_addresses: tuple[Annotated[str, AfterValidator(_address)], ...] = ()


class AlertsEntry(_Model):
    """When a report raises an alert; what else an alert asks for stands in alerts.py."""

    silent_days: float = Field(default=14, gt=0, le=366)
    volume_factor: float = Field(default=2.0, gt=1, le=1000)
    shift_points: float = Field(default=10, gt=0, le=100)
    drift: bool = True


MODELS = ("embedded", "zero-shot", "hub")
"""What a classifier may be; a folder or the name of a model may follow after a colon."""


class ClassifierEntry(_Model):
    """Which model labels, and what its labels depend on.

    `hypotheses` (of zero-shot models) and `thresholds` are by output; `labels` says what a hub model's labels mean.
    """

    model: Line = "embedded"
    device: Literal["cpu", "cuda"] = "cpu"
    hypotheses: dict[str, Line] = {}
    labels: dict[str, Line] = {}
    thresholds: dict[str, Annotated[float, Field(gt=0, lt=1)]] = {}


def _anchored(model: str, folder: Path) -> str:
    """A model whose name is a folder, seen from `folder`, by the folder's full path; any other as it is."""
    kind, _, name = model.partition(":")
    return f"{kind}:{(folder / name).resolve()}" if name and (folder / name).is_dir() else model


def _frames(entries: dict[str, FrameEntry]) -> Frames:
    if len(entries) != 2:
        raise ValueError(f"takes exactly two frames, not {len(entries)}")
    first, second = (Frame(name, e.output or name, e.title, e.description) for name, e in entries.items())
    return Frames(first, second)


def _two_frames(entries: dict[str, FrameEntry]) -> dict[str, FrameEntry]:
    _frames(entries)
    return entries


class Config(_Model):
    """A validated feeds.yaml."""

    topic: Topic
    named_frames: Annotated[dict[str, FrameEntry], AfterValidator(_two_frames)] = Field(default={}, alias="frames")
    outlets: tuple[OutletEntry, ...] = Field(min_length=1)
    classifier: ClassifierEntry = ClassifierEntry()
    network: Network = Network()
    alerts: AlertsEntry = AlertsEntry()
    database: Path = Path("media-coverage.db")
    codebook: Path | None = None
    """The codebook that coders follow, seen from feeds.yaml; by default the bundled one."""
    sha256: str = Field(default="", exclude=True)

    @cached_property
    def feeds(self) -> tuple[Feed, ...]:
        """All feeds in the order of the file."""
        return tuple(
            Feed(
                entry.url,
                Outlet(outlet.name, outlet.country, outlet.group, outlet.aliases, outlet.genre),
                entry.kind,
                entry.title,
                entry.genre,
            )
            for outlet in self.outlets
            for entry in outlet.feeds
        )

    @cached_property
    def full_text(self) -> dict[str, FullText]:
        """The outlets whose pages are read, by name, and of which articles."""
        return {outlet.name: outlet.full_text for outlet in self.outlets if outlet.full_text is not FullText.NONE}

    @cached_property
    def frames(self) -> Frames:
        """The two frames of the topic, in the order of the file."""
        return _frames(self.named_frames) if self.named_frames else DEFAULT_FRAMES

    @cached_property
    def query(self) -> Query:
        """The topic's keyword query, parsed."""
        return Query(self.topic.query)

    @cached_property
    def thresholds(self) -> Thresholds:
        """When a report raises an alert."""
        return Thresholds(**self.alerts.model_dump())

    def classifier_options(self, model: str | None = None, device: str | None = None) -> dict[str, Any]:
        """The arguments of `load_classifier`; a model and a device from the command line come first.

        Thresholds and label meanings belong to the model that the file names, and do not go to another.
        """
        entry = self.classifier
        own = model is None or _anchored(model, Path()) == entry.model
        return {
            "model": entry.model if own else model,
            "device": device or entry.device,
            "frames": self.frames,
            "language": self.topic.language,
            "hypotheses": entry.hypotheses,
            "labels": entry.labels if own else {},
            "thresholds": entry.thresholds if own else {},
        }


class _Loader(yaml.SafeLoader):
    """Says where the value is that no date or number can be made of, such as 2025-02-30."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:  # PyYAML lets all pass
            problem = f"{node.value!r} makes no value: {error}"
            raise yaml.constructor.ConstructorError(problem=problem, problem_mark=node.start_mark) from error


Location = tuple[str | int, ...]


def _lines(node: yaml.Node | None, path: Path, at: Location = ()) -> dict[Location, int]:
    """Line (from 1) of every key and list item. Repeated keys, which YAML would silently merge, are refused."""
    lines: dict[Location, int] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*at, str(key.value))
            line = key.start_mark.line + 1
            if here in lines:
                raise ConfigError(f"the key {key.value!r} appears twice", path=path, line=line)
            lines |= {here: line} | _lines(value, path, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            here = (*at, index)
            lines |= {here: value.start_mark.line + 1} | _lines(value, path, here)
    return lines


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"


_KEYS: dict[tuple[str, ...], type[BaseModel]] = {
    (): Config,
    ("topic",): Topic,
    ("topic", "events"): Event,
    ("frames", "*"): FrameEntry,
    ("outlets",): OutletEntry,
    ("outlets", "feeds"): FeedEntry,
    ("classifier",): ClassifierEntry,
    ("network",): Network,
    ("alerts",): AlertsEntry,
}


def _known_keys(location: Location) -> list[str]:
    names = [part for part in location[:-1] if isinstance(part, str)]
    if names[:1] == ["frames"]:
        names[1:] = ["*"]
    model = _KEYS.get(tuple(names), Config)
    return [field.alias or name for name, field in model.model_fields.items() if name != "sha256"]


_ITEMS = {"outlets": "outlet", "feeds": "feed", "events": "event"}


def _place(data: Any, location: Location) -> str:
    """Say where in words: `outlet "BBC News", feed "https://…", key "kind"`."""
    words: list[str] = []
    value = data
    for depth, part in enumerate(location):
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            value = None
        if isinstance(part, int):
            key = str(location[depth - 1]) if depth else ""
            kind = _ITEMS.get(key, f'key "{key}", item')
            name = (value.get("name") or value.get("url")) if isinstance(value, dict) else value
            words.append(f'{kind} "{name}"' if name else f"{kind} number {part + 1}")
        elif depth == len(location) - 1:
            words.append(f'key "{part}"')
        elif not isinstance(value, list):
            words.append(f'"{part}"')
    return ", ".join(words)


def _explain(error: ValidationError, data: Any, lines: dict[Location, int], path: Path) -> ConfigError:
    """The first problem, in the words of someone who edits the file."""
    problems = error.errors()
    places = [tuple(problem["loc"]) for problem in problems]
    # A broken item also makes pydantic call its list too short: keep the innermost. A misspelt key also
    # leaves the right one missing: name the misspelling first.
    own = [p for p, at in zip(problems, places, strict=True) if not any(o != at and o[: len(at)] == at for o in places)]
    problem = next((p for p in own if p["type"] == "extra_forbidden"), own[0])
    location: Location = tuple(problem["loc"])
    line = next((lines[location[:n]] for n in range(len(location), 0, -1) if location[:n] in lines), None)
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "unknown key" + _nearest(str(location[-1]), _known_keys(location))
    elif problem["type"] == "missing":
        message = "is required"
    elif problem["type"] == "enum":
        message = f"{problem['input']!r} is not known{_nearest(str(problem['input']), [k.value for k in FeedKind])}"
    place = _place(data, location)
    more = len(own) - 1
    rest = f" ({more} more problem{'s' if more > 1 else ''} after this one)" if more else ""
    return ConfigError((f"{place}: {message}" if place else message) + rest, path=path, line=line)


def _check_across(config: Config, lines: dict[Location, int], path: Path) -> None:
    """What no single key can tell: names and addresses that appear twice, groups nobody declared."""
    known = [*GROUPS, *config.topic.groups]
    names: dict[str, int] = {}
    urls: dict[str, str] = {}
    for index, outlet in enumerate(config.outlets):
        line = lines.get(("outlets", index))
        if outlet.name.casefold() in names:
            raise ConfigError(f'outlet "{outlet.name}" appears twice', path=path, line=line)
        names[outlet.name.casefold()] = index
        if outlet.group not in known:
            raise ConfigError(
                f'outlet "{outlet.name}", key "group": unknown group {outlet.group!r}'
                f"{_nearest(outlet.group, known)} (topic.groups declares more)",
                path=path,
                line=lines.get(("outlets", index, "group"), line),
            )
        for number, feed in enumerate(outlet.feeds):
            if feed.url in urls:
                raise ConfigError(
                    f'outlet "{outlet.name}": feed {feed.url} is already listed under "{urls[feed.url]}"',
                    path=path,
                    line=lines.get(("outlets", index, "feeds", number), line),
                )
            urls[feed.url] = outlet.name


def _check_classifier(config: Config, lines: dict[Location, int], path: Path) -> None:
    entry, outputs = config.classifier, list(config.frames.outputs)
    kind = entry.model.partition(":")[0]
    if kind not in MODELS:
        raise ConfigError(
            f'"classifier", key "model": {kind!r} is not known{_nearest(kind, list(MODELS))}',
            path=path,
            line=lines.get(("classifier", "model")),
        )
    for key, by_output in (("hypotheses", entry.hypotheses), ("thresholds", entry.thresholds)):
        for name in by_output:
            if name not in outputs:
                raise ConfigError(
                    f'"classifier", "{key}", key "{name}": no output is called so{_nearest(name, outputs)}',
                    path=path,
                    line=lines.get(("classifier", key, name)),
                )


def understood(text: str, path: Path) -> tuple[Any, dict[Location, int]]:
    """What a YAML text holds, and the line (from 1) of each key and item; `path` is named in messages.

    Raises ConfigError.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        lines = _lines(node, path)  # before merge keys are resolved, which puts more into the nodes
        data = loader.construct_document(node) if node else None
    except RecursionError as error:
        raise ConfigError("not valid YAML: lists or mappings too deep inside one another", path=path) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "cannot be read"
        raise ConfigError(f"not valid YAML: {problem}", path=path, line=mark.line + 1 if mark else None) from error
    return data, lines


def parse(text: str, path: Path) -> Config:
    """Validate the text of a configuration; `path` is named in messages and anchors `database` and a model's folder."""
    data, lines = understood(text, path)
    if data is None:
        raise ConfigError("the file is empty; it needs at least `topic` and `outlets`", path=path)
    if not isinstance(data, dict):
        raise ConfigError("the top level must be a mapping with `topic` and `outlets`", path=path, line=1)
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        raise _explain(error, data, lines, path) from error
    _check_across(config, lines, path)
    _check_classifier(config, lines, path)
    folder, entry = path.absolute().parent, config.classifier
    return config.model_copy(
        update={
            "database": folder / config.database,
            "codebook": folder / config.codebook if config.codebook else None,
            "classifier": entry.model_copy(update={"model": _anchored(entry.model, folder)}),
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
        }
    )


def scalar(value: str) -> str:
    """A string in double quotes: no name can be taken for anything else."""
    return yaml.safe_dump(value, default_style='"', allow_unicode=True, width=10**9).strip()


def _listed_feed(feed: Feed) -> str:
    kind = feed.kind.value if feed.kind is not FeedKind.FEED else None
    extra = {"kind": kind, "title": feed.title, "genre": feed.genre}
    keys = "".join(f", {key}: {scalar(value)}" for key, value in extra.items() if value)
    return f"- {{url: {scalar(feed.url)}{keys}}}" if keys else f"- {scalar(feed.url)}"


def fragment(feeds: Sequence[Feed]) -> str:
    """The items of `outlets` that list these feeds, each outlet once, as YAML without indentation."""
    lines: list[str] = []
    for listed in _by_outlet(feeds).values():
        outlet = listed[0].outlet
        lines.append(f"- name: {scalar(outlet.name)}")
        lines += [f"  country: {scalar(outlet.country)}"] if outlet.country else []
        lines.append(f"  group: {scalar(outlet.group)}")
        lines += [f"  aliases: [{', '.join(map(scalar, outlet.aliases))}]"] if outlet.aliases else []
        lines += [f"  genre: {scalar(outlet.genre)}"] if outlet.genre else []
        lines += ["  feeds:", *(f"    {_listed_feed(feed)}" for feed in listed)]
    return "".join(f"{line}\n" for line in lines)


def _by_outlet(feeds: Iterable[Feed]) -> dict[str, list[Feed]]:
    outlets: dict[str, list[Feed]] = {}
    for feed in feeds:
        outlets.setdefault(feed.outlet.name.casefold(), []).append(feed)
    return outlets


def with_feeds(text: str, feeds: Sequence[Feed], path: Path) -> tuple[str, tuple[Feed, ...]]:
    """The text of a configuration with `feeds` added to it, and those of them that it did not list yet.

    Nothing that stands there changes, comments included: lines are put after the last feed of an outlet that is
    listed already, and after the last outlet. Raises ConfigError where lists stand in brackets, and where the result
    is not valid.
    """
    listed = {feed.url for feed in parse(text, path).feeds}
    added = tuple(feed for feed in feeds if feed.url not in listed)
    outlets = _value(yaml.compose(text, Loader=yaml.SafeLoader), "outlets")
    known = {str(_value(node, "name").value).casefold(): node for node in outlets.value}
    new = [feed for feed in added if feed.outlet.name.casefold() not in known]
    # From the end to the start, and at one place the outlets first: what is put in later stands before them.
    places = [_after(text, outlets, fragment(new), path)] if new else []
    for name, group in _by_outlet(added).items():
        if name in known:
            more = "".join(f"{_listed_feed(feed)}\n" for feed in group)
            places.append(_after(text, _value(known[name], "feeds"), more, path))
    for at, lines in sorted(places, key=lambda place: -place[0]):
        text = f"{text[:at]}{lines}{text[at:]}"
    parse(text, path)
    return text, added


def _value(node: Any, key: str) -> Any:
    return next(value for name, value in node.value if name.value == key)


def add_feeds(path: Path, feeds: Sequence[Feed]) -> tuple[Feed, ...]:
    """`with_feeds` on a file, which is replaced in one step. Returns the feeds added. Raises ConfigError."""
    text, added = with_feeds(read(path), feeds, path)
    target = path.resolve()  # a link stays a link
    new = target.with_name(f"{target.name}.new")
    try:
        with new.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
        shutil.copymode(target, new)
        new.replace(target)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error}", path=path) from error
    return added


def _end(node: Any) -> int:
    """Where the last scalar or bracket of a node ends. A block's own mark lies behind the comments after it."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(last[1] if isinstance(node, yaml.MappingNode) else last)


def _after(text: str, node: Any, lines: str, path: Path) -> tuple[int, str]:
    """(place, lines): the lines as further items of a block sequence, with its indentation and line ends."""
    if node.flow_style:
        line = node.start_mark.line + 1
        raise ConfigError("write this list with a dash and a line for each item, to add to it", path=path, line=line)
    newline = "\r\n" if "\r\n" in text else "\n"
    end = _end(node)
    at = end if text[end - 1] == "\n" else text.find("\n", end) + 1
    start = "" if at else newline
    indented = "".join(f"{' ' * node.start_mark.column}{line}{newline}" for line in lines.splitlines())
    return at or len(text), start + indented


def read(path: Path) -> str:
    """The text of feeds.yaml, line ends as they are. Raises ConfigError."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        raise ConfigError("there is no such file; name one with --config or MEDIA_COVERAGE_CONFIG", path=path) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", path=path) from error


def load(path: Path) -> Config:
    """Read and validate feeds.yaml. Raises ConfigError."""
    return parse(read(path), path)
