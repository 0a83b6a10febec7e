"""Lists of feeds in other readers' format, and their way into feeds.yaml."""

from __future__ import annotations

import contextlib
import tracemalloc
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from media_coverage import config, opml
from media_coverage.config import GROUPS
from media_coverage.errors import ConfigError, InputError
from media_coverage.prose import clean
from media_coverage.records import Feed, FeedKind, Outlet

POST = Outlet("The Harbour Post", "US", "us_center", ("Harbour", "harbourpost.example, old"))
LANTERN = Outlet("Al-Lantern", None, "uk")
FEEDS = (
    Feed("https://post.example/rss?a=1&b=2", POST),
    Feed("https://post.example/world", POST, title="World & more <all>"),
    Feed("https://lantern.example/rss", LANTERN),
    Feed("https://finder.example/?q=%22talks%22", Outlet("Newsfinder", None, "aggregator"), FeedKind.SEARCH),
)


def read(document: str | bytes, groups: tuple[str, ...] = GROUPS) -> tuple[Feed, ...]:
    document = document.encode() if isinstance(document, str) else document
    return opml.read(document, "list.opml", groups)[0]


def outlines(text: str) -> str:
    return f'<opml version="1.0"><head><title>Mine</title></head><body>{text}</body></opml>'


# Our own


def test_what_is_written_is_read_back() -> None:
    assert read(opml.write(FEEDS, "The meeting")) == FEEDS


def test_what_is_written_is_what_other_readers_expect() -> None:
    root = ET.fromstring(opml.write(FEEDS, "Talks & <truce>"))  # noqa: S314 - our own
    assert (root.tag, root.get("version"), root.findtext("head/title")) == ("opml", "2.0", "Talks & <truce>")
    assert [folder.get("text") for folder in root.findall("body/outline")] == ["us_center", "uk", "aggregator"]
    feeds = root.findall("body/outline/outline")
    assert [feed.get("xmlUrl") for feed in feeds] == [feed.url for feed in FEEDS]
    assert [feed.get("text") for feed in feeds] == [POST.name, "World & more <all>", LANTERN.name, "Newsfinder"]
    assert {feed.get("type") for feed in feeds} == {"rss"}


_lines = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cf", "Cn", "Co")), min_size=1, max_size=12).map(
    lambda text: clean(text) or "x"
)
_outlets = st.builds(
    Outlet,
    _lines,
    st.none() | st.sampled_from(["GB", "US"]),
    st.sampled_from(GROUPS),
    st.lists(_lines, max_size=2).map(tuple),
)
_feeds = st.builds(
    Feed,
    st.text("abc019-_/?=&%.", max_size=10).map("https://a.example/{}".format),
    _outlets,
    st.sampled_from(FeedKind),
    st.none() | _lines,
)


@settings(deadline=None)
@given(st.lists(_feeds, max_size=5, unique_by=lambda feed: feed.url))
def test_any_list_comes_back_as_it_was(feeds: list[Feed]) -> None:
    assert set(read(opml.write(feeds, "T"))) == set(feeds)


def test_the_feeds_that_ship_come_back_as_they_were() -> None:
    shipped = config.load(Path(__file__).parents[1] / "feeds.yaml").feeds
    assert set(read(opml.write(shipped, "T"))) == set(shipped)
    text = f"topic: {{name: T, query: a}}\noutlets:\n{config.fragment(shipped)}"
    assert set(config.parse(text, Path("feeds.yaml")).feeds) == set(shipped)


# Other readers'


def test_a_foreign_title_is_an_outlet_and_a_folder_may_be_its_group() -> None:
    found = read(
        outlines(
            '<outline text="News"><outline title="UK"><outline text="Thames" xmlUrl="https://thames.example/rss"/></outline>'
            '<outline TEXT="Lantern" XMLURL="http://lantern.example/rss" type="rss" htmlUrl="https://lantern.example"/>'
            '<outline xmlUrl="https://nameless.example/rss"/><outline text="a link" type="link" url="https://b.example"/>'
            '</outline><outline text="Later &amp; more" title="x" xmlUrl="https://later.example/rss"/>'
        )
    )
    assert found == (
        Feed("https://thames.example/rss", Outlet("Thames", None, "uk")),
        Feed("http://lantern.example/rss", Outlet("Lantern", None, "other")),
        Feed("https://nameless.example/rss", Outlet("nameless.example", None, "other")),
        Feed("https://later.example/rss", Outlet("Later & more", None, "other")),
    )


def test_two_hosts_with_one_title_are_two_outlets() -> None:
    found = read(
        outlines(
            '<outline text="News" xmlUrl="https://a.example/1"/><outline text="NEWS" xmlUrl="https://b.example/1"/>'
            '<outline text="News" xmlUrl="https://a.example/2"/><outline text="News" xmlUrl="https://a.example/1"/>'
        )
    )
    assert [(feed.outlet.name, feed.url[8:]) for feed in found] == [
        ("News", "a.example/1"),
        ("NEWS (b.example)", "b.example/1"),
        ("News", "a.example/2"),
    ]


def test_addresses_that_nobody_can_fetch_are_left_out_and_named() -> None:
    listed = outlines(
        '<outline xmlUrl="feed://a"/><outline xmlUrl="javascript:x"/><outline xmlUrl="https://a.example/"/>'
    )
    feeds, skipped = opml.read(listed.encode(), "list.opml", GROUPS)
    assert [feed.url for feed in feeds] == ["https://a.example/"]
    assert skipped == ("feed://a", "javascript:x")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_encodings_are_those_that_the_document_declares(encoding: str) -> None:
    declared = encoding.removesuffix("-sig")
    text = f'<?xml version="1.0" encoding="{declared}"?>' + outlines(
        '<outline text="Été" xmlUrl="https://a.example/"/>'
    )
    (feed,) = read(text.encode(encoding))
    assert feed.outlet.name == "Été"


BOMB = '<!DOCTYPE opml [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        pytest.param(f"{BOMB}]>{outlines('&i;')}", "has a DOCTYPE", id="billion laughs"),
        pytest.param(
            f'<!DOCTYPE opml SYSTEM "file:///etc/passwd">{outlines("")}', "has a DOCTYPE", id="external subset"
        ),
        pytest.param(
            f'<!DOCTYPE o [<!ENTITY x SYSTEM "file:///etc/passwd">]>{outlines("&x;")}',
            "has a DOCTYPE",
            id="file",
        ),
        pytest.param(outlines("&x;"), "not well-formed XML: undefined entity", id="undefined entity"),
        pytest.param(outlines("<outline>" * 100), "more than 64 folders", id="too deep"),
        pytest.param("<html><body/></html>", "is not OPML: the document is <html>", id="HTML"),
        pytest.param("<rss><outline xmlUrl='https://a.example/'/></rss>", "is not OPML", id="another kind"),
        pytest.param("outlets:\n  - name: a", "not well-formed XML: syntax error", id="YAML"),
        pytest.param("", "not well-formed XML: no element found", id="empty"),
        pytest.param("<opml><body>", "not well-formed XML: no element found", id="broken off"),
        pytest.param('<?xml version="1.0" encoding="ebcdic-9"?><opml/>', "unknown encoding", id="unknown encoding"),
        pytest.param(
            f'<opml xmlns:m="{opml.NAMESPACE}"><outline xmlUrl="http://a.example/" m:outlet="A" m:kind="page"/></opml>',
            "knows no kind of feed 'page'",
            id="unknown kind",
        ),
    ],
)
def test_what_is_no_list_of_feeds_is_refused_in_a_sentence(document: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        read(document)
    assert str(caught.value).startswith("list.opml:")


def test_a_huge_document_is_refused_before_it_is_read() -> None:
    document = b"<opml>" + b" " * opml.MAX_BYTES
    tracemalloc.start()
    with pytest.raises(InputError, match="longer than"):
        opml.read(document, "list.opml", GROUPS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


@given(st.binary(max_size=80) | st.text("<>opml /outline\"'=xmlUrlhttps:.&;![]", max_size=80).map(str.encode))
def test_any_bytes_are_read_or_refused(document: bytes) -> None:
    with contextlib.suppress(InputError):
        assert isinstance(opml.read(document, "list.opml", GROUPS), tuple)


# Into feeds.yaml

PATH = Path("feeds.yaml")
YAML = """# What we follow
topic: {name: T, query: a}   # short
outlets:   # the list
  # the first
  - name: The Harbour Post
    group: us_center   # coarse
    feeds:
      - https://post.example/world   # unchecked
      # - https://post.example/closed

  - {name: Thames, group: uk, feeds: [https://thames.example/rss]}

# how
network: {contact: desk@post.example}
"""


def test_feeds_are_added_and_nothing_else_changes() -> None:
    text, added = config.with_feeds(YAML, FEEDS, PATH)
    assert added == (FEEDS[0], *FEEDS[2:]), "one was listed already"
    lines = iter(text.splitlines())
    assert all(line in lines for line in YAML.splitlines()), "every line stands there, in its order"
    assert text.startswith(YAML.partition("   # unchecked")[0])
    assert text.endswith(YAML[YAML.index("\n# how") :])
    found = config.parse(text, PATH)
    assert [outlet.name for outlet in found.outlets] == ["The Harbour Post", "Thames", "Al-Lantern", "Newsfinder"]
    assert {feed.url for feed in found.feeds} == {feed.url for feed in FEEDS} | {"https://thames.example/rss"}
    assert found.feeds[-1] == FEEDS[-1]
    assert config.with_feeds(text, FEEDS, PATH) == (text, ())


TOPIC = "topic: {name: T, query: a}\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            TOPIC + "outlets:\n- name: A\n  group: uk\n  feeds:\n  - https://a.example/",
            id="no line end",
        ),
        pytest.param(
            "outlets:\n    - feeds:\n        - url: https://a.example/\n          kind: feed\n      name: A\n"
            "      group: uk\n" + TOPIC,
            id="another order",
        ),
        pytest.param(
            "outlets:\n  - name: A\n    feeds:\n      - >-\n        https://a.example/\n\n    group: uk\n\n\n" + TOPIC,
            id="block scalar",
        ),
        pytest.param(YAML.replace("\n", "\r\n"), id="line ends of Windows"),
        pytest.param("\ufeff" + YAML, id="byte order mark"),
    ],
)
def test_any_layout_of_dashes_will_do(text: str) -> None:
    before = config.parse(text, PATH).feeds
    more = (*FEEDS, Feed("https://a.example/more", Outlet("a", None, "uk")))
    found, added = config.with_feeds(text, more, PATH)
    urls = [feed.url for feed in config.parse(found, PATH).feeds]
    assert sorted(urls) == sorted(feed.url for feed in (*before, *added))
    assert found.count("\r\n") == (found.count("\n") if "\r\n" in text else 0)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("topic: {name: T, query: a}\noutlets: [{name: A, group: uk, feeds: [https://a.example/]}]\n", 2),
        (
            YAML.replace("feeds:\n      - https://post.example/world   # unchecked\n", "feeds: [https://b.example/]\n"),
            7,
        ),
    ],
)
def test_lists_in_brackets_are_left_to_their_author(text: str, line: int) -> None:
    with pytest.raises(ConfigError, match="with a dash and a line for each item") as caught:
        config.with_feeds(text, FEEDS, PATH)
    assert caught.value.line == line


def test_a_group_that_nobody_declares_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "feeds.yaml"
    path.write_text(YAML, encoding="utf-8")
    with pytest.raises(ConfigError, match="unknown group 'moon'"):
        config.add_feeds(path, [Feed("https://moon.example/", Outlet("Moon", None, "moon"))])
    assert path.read_text(encoding="utf-8") == YAML
    assert [file.name for file in tmp_path.iterdir()] == ["feeds.yaml"]


def test_the_file_is_replaced_in_one_step_and_keeps_its_rights(tmp_path: Path) -> None:
    path, link = tmp_path / "real.yaml", tmp_path / "feeds.yaml"
    path.write_text(YAML, encoding="utf-8")
    path.chmod(0o640)
    link.symlink_to(path)
    assert config.add_feeds(link, FEEDS) == (FEEDS[0], *FEEDS[2:])
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert len(config.load(link).feeds) == 5
    assert {file.name for file in tmp_path.iterdir()} == {"real.yaml", "feeds.yaml"}


@settings(deadline=None)
@given(st.lists(_feeds, max_size=4, unique_by=lambda feed: feed.url))
def test_any_feeds_can_be_added(feeds: list[Feed]) -> None:
    text, added = config.with_feeds(YAML, feeds, PATH)
    assert {feed.url for feed in added} == {feed.url for feed in feeds}
    found = {(feed.url, feed.kind, feed.title) for feed in config.parse(text, PATH).feeds}
    assert {(feed.url, feed.kind, feed.title) for feed in feeds} <= found
    assert yaml.safe_load(text)["network"] == {"contact": "desk@post.example"}
