"""On-topic articles with their labels as an Atom feed (RFC 4287). Pure.

So that a feed reader, or another tracker, can follow what this one finds. Times are UTC.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from .framing import MIXED, NEITHER
from .words import rows_of, safe_url

if TYPE_CHECKING:
    from .material import Material

ENTRIES = 200
"""The newest articles in the feed."""

_NAMESPACE = "http://www.w3.org/2005/Atom"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold in any spelling."""


def atom(material: Material) -> str:
    """The feed: one entry per article, its label as category, scores and the deciding sentence in the summary."""
    ET.register_namespace("", _NAMESPACE)
    feed = ET.Element(f"{{{_NAMESPACE}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": "en"})
    _add(feed, "title", f"{material.topic}: labelled articles")
    _add(feed, "id", _urn(f"{material.topic} {material.frames}"))
    _add(feed, "updated", _time(material.made_at))
    _add(feed, "generator", "media-coverage")
    _add(feed, "subtitle", f"Labels by {material.model_id or 'no model yet'}; a label may be wrong.")
    titles = {frame.name: frame.title for frame in material.frames.both} | {MIXED: "Mixed", NEITHER: "Neither"}
    for row in rows_of(material.articles.head(ENTRIES)):
        _entry(feed, row, titles, material)
    ET.indent(feed)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(feed, encoding="unicode") + "\n"


def _entry(feed: ET.Element, row: dict[str, Any], titles: dict[str, str], material: Material) -> None:
    entry = ET.SubElement(feed, f"{{{_NAMESPACE}}}entry")
    address = safe_url(row["url"])
    _add(entry, "title", row["title"] or "(no headline)")
    _add(entry, "id", _urn(address or f"{material.topic} article {row['article_id']}"))
    _add(entry, "published", _time(row["published_at"]))
    _add(entry, "updated", _time(max(row["published_at"], row["first_seen_at"])))
    author = ET.SubElement(entry, f"{{{_NAMESPACE}}}author")
    _add(author, "name", row["outlet"])
    if address:
        ET.SubElement(entry, f"{{{_NAMESPACE}}}link", {"rel": "alternate", "href": _clean(address)})
    for term, label in ((row["label"], titles[row["label"]]), (row["outlet_group"], row["outlet_group"])):
        ET.SubElement(entry, f"{{{_NAMESPACE}}}category", {"term": _clean(term), "label": _clean(label)})
    scores = ", ".join(f"{frame.words} {row[f'p_{frame.output}']:.2f}" for frame in material.frames.both)
    doubt = " (uncertain)" if row["uncertain"] else ""
    _add(entry, "summary", f"{titles[row['label']]}{doubt}: {scores}. {row['summary'] or ''}".strip())


def _add(parent: ET.Element, tag: str, text: object) -> None:
    ET.SubElement(parent, f"{{{_NAMESPACE}}}{tag}").text = _clean(text)


def _clean(text: object) -> str:
    return _NOT_XML.sub("\ufffd", str(text))


def _time(time: Any) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def _urn(name: str) -> str:
    """The same name always has the same number."""
    return uuid.uuid5(uuid.NAMESPACE_URL, name).urn
