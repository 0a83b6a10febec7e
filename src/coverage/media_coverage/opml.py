"""Lists of feeds as other feed readers exchange them: OPML 2.0 (opml.org). Pure; reads and writes our own in full.

What OPML has no word for stands in attributes of a namespace of ours, so that an exported list comes back as it was
while every reader understands it: outlets under folders that are their groups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from .errors import InputError
from .genre import GENRES
from .identity import canonical_url
from .prose import clean
from .records import Feed, FeedKind, Outlet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

NAMESPACE = "urn:media-coverage:opml"

MAX_BYTES = 10 * 2**20
"""Ten thousand subscriptions take about two million bytes."""

_MAX_DEPTH = 64
_SEPARATOR = " "


class _Outlines:
    """Collects feeds while expat reads. Raises InputError at what no list of feeds needs."""

    def __init__(self, path: Path | str, groups: Iterable[str]) -> None:
        self.path, self.groups = path, {group.casefold(): group for group in groups}
        self.feeds: dict[str, Feed] = {}
        self.skipped: list[str] = []
        self._folders: list[str | None] = []
        self._hosts: dict[str, str] = {}
        self.parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        # Entities are declared in a DOCTYPE only: without one there is nothing to expand and nothing to open.
        self.parser.StartDoctypeDeclHandler = self._doctype

    def refuse(self, reason: str) -> InputError:
        return InputError(reason, path=self.path, line=self.parser.CurrentLineNumber)

    def _doctype(self, *_: object) -> None:
        raise self.refuse("has a DOCTYPE, which may declare entities; remove it")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._folders and name.casefold() != "opml":
            raise self.refuse(f"is not OPML: the document is <{clean(name)[:40]}>")
        if len(self._folders) >= _MAX_DEPTH:
            raise self.refuse(f"has more than {_MAX_DEPTH} folders inside one another")
        folder = None
        if name.casefold() == "outline":
            said = {key.casefold(): clean(value) for key, value in attributes.items() if _SEPARATOR not in key}
            folder = said.get("text") or said.get("title")
            if said.get("xmlurl"):
                own = {key.removeprefix(NAMESPACE + _SEPARATOR): value for key, value in attributes.items()}
                self._add(said, own if f"{NAMESPACE}{_SEPARATOR}outlet" in attributes else None)
        self._folders.append(folder)

    def _end(self, _: str) -> None:
        self._folders.pop()

    def _add(self, said: Mapping[str, str], own: Mapping[str, str] | None) -> None:
        url = said["xmlurl"]
        if canonical_url(url) is None:
            self.skipped.append(url)
        elif own:
            aliases = tuple(filter(None, map(clean, own.get("aliases", "").split("\n"))))
            country, group = own.get("country") or None, clean(own.get("group", ""))
            outlet = Outlet(clean(own["outlet"]), country, group, aliases, self._genre(own.get("outletgenre")))
            kind, genre = self._kind(own.get("kind", FeedKind.FEED)), self._genre(own.get("genre"))
            self._keep(Feed(url, outlet, kind, said.get("title") or None, genre))
        else:
            self._keep(Feed(url, Outlet(self._foreign_name(said, url), None, self._foreign_group())))

    def _keep(self, feed: Feed) -> None:
        self.feeds.setdefault(feed.url, feed)

    def _kind(self, kind: str) -> FeedKind:
        try:
            return FeedKind(kind)
        except ValueError:
            raise self.refuse(f"knows no kind of feed {clean(kind)[:40]!r}") from None

    def _genre(self, genre: str | None) -> str | None:
        if genre and genre not in GENRES:
            raise self.refuse(f"knows no genre {clean(genre)[:40]!r}")
        return genre or None

    def _foreign_name(self, said: Mapping[str, str], url: str) -> str:
        """The title, with the host where another host's feed already has it ("News")."""
        host = urlsplit(url).hostname or ""
        name = said.get("text") or said.get("title") or host
        if self._hosts.setdefault(name.casefold(), host) != host:
            name = f"{name} ({host})"
        return name

    def _foreign_group(self) -> str:
        """The innermost folder that is called like a group; "other" where none is."""
        named = (self.groups.get((folder or "").casefold()) for folder in reversed(self._folders))
        return next(filter(None, named), "other")


def read(document: bytes, path: Path | str, groups: Iterable[str]) -> tuple[tuple[Feed, ...], tuple[str, ...]]:
    """The feeds of an OPML document, each address once, and the addresses that are not http(s).

    A list written by `write` comes back as it was. In others each title is an outlet, and a folder that is called
    like one of `groups` is its group. Raises InputError for what is not OPML, is longer than MAX_BYTES, or has a
    DOCTYPE. `path` is for messages.
    """
    if len(document) > MAX_BYTES:
        raise InputError(f"is longer than {MAX_BYTES:,} bytes; no list of feeds is", path=path)
    outlines = _Outlines(path, groups)
    try:
        outlines.parser.Parse(document, True)
    except expat.ExpatError as error:
        problem = f"is not well-formed XML: {expat.ErrorString(error.code)}"
        raise InputError(problem, path=path, line=error.lineno) from None
    except (LookupError, ValueError) as error:  # an encoding that nobody knows
        raise InputError(f"cannot be read: {error}", path=path) from None
    return tuple(outlines.feeds.values()), tuple(outlines.skipped)


def _outline(feed: Feed) -> str:
    outlet = feed.outlet
    attributes = {
        "type": "rss",
        "text": feed.title or outlet.name,
        "title": feed.title,
        "xmlUrl": feed.url,
        "mc:outlet": outlet.name,
        "mc:group": outlet.group,
        "mc:country": outlet.country,
        "mc:aliases": "\n".join(outlet.aliases),
        "mc:kind": feed.kind.value,
        "mc:genre": feed.genre,
        "mc:outletgenre": outlet.genre,
    }
    said = " ".join(f"{name}={_quoted(value)}" for name, value in attributes.items() if value)
    return f"      <outline {said}/>\n"


def _quoted(value: str) -> str:
    return quoteattr("\n".join(map(clean, value.split("\n"))))


def write(feeds: Iterable[Feed], title: str) -> str:
    """OPML 2.0 of `feeds`, in folders by group, in the order in which they come."""
    folders: dict[str, list[Feed]] = {}
    for feed in feeds:
        folders.setdefault(feed.outlet.group, []).append(feed)
    body = "".join(
        f"    <outline text={_quoted(group)}>\n{''.join(map(_outline, listed))}    </outline>\n"
        for group, listed in folders.items()
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<opml version="2.0" xmlns:mc="{NAMESPACE}">\n'
        f"  <head>\n    <title>{_quoted(title)[1:-1]}</title>\n  </head>\n  <body>\n{body}  </body>\n</opml>\n"
    )
