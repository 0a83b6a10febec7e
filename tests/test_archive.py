"""Archives as rows: every format, every damage, and the mappings by which columns are read."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import string
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Item, make_config, rss
from hypothesis import given
from hypothesis import strategies as st

from media_coverage import archive, mapping, warc
from media_coverage.archive import MAX_LINE, READERS, Row
from media_coverage.errors import ConfigError, InputError
from media_coverage.prose import clean, plain
from media_coverage.records import FeedKind, Outlet, SummarySource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

GENERIC = mapping.load("generic")


def rows(path: Path, by: mapping.Mapping = GENERIC) -> list[Row]:
    return list(READERS[archive.format_of(path, by)](path, by).rows())


def titles(path: Path, by: mapping.Mapping = GENERIC) -> list[str | None]:
    """The headline of each row, or None for a row with a problem."""
    return [None if row.problem else row.cells.get("title", "") for row in rows(path, by)]


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def before_the_end(found: Iterator[Row], said: str) -> int:
    """How many rows come before an InputError that says so."""
    counted = itertools.count()
    with pytest.raises(InputError, match=said):
        deque(zip(found, counted, strict=False), maxlen=0)
    return next(counted)


# Tables


def test_cells_may_hold_separators_quotes_and_lines(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", 'title,url\r\n"Two, ""q""\r\nlines",https://a.example/1\r\n\r\nNext,\r\n')
    assert [row.cells for row in rows(path)] == [
        {"title": 'Two, "q"\r\nlines', "url": "https://a.example/1"},
        {"title": "Next"},
    ]


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


@given(st.lists(st.tuples(TEXT.filter(bool), TEXT), max_size=20), st.booleans(), st.sampled_from(["csv", "tsv"]))
def test_what_csv_writes_is_read(tmp_path_factory: Any, listed: list[tuple[str, str]], pack: bool, kind: str) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter="\t" if kind == "tsv" else ",", quoting=csv.QUOTE_ALL)
    writer.writerows([("title", "url"), *listed])
    folder = tmp_path_factory.mktemp("csv")
    data = stream.getvalue().encode()
    path = written(folder / f"a.{kind}{'.gz' if pack else ''}", gzip.compress(data) if pack else data)
    assert [(row.cells["title"], row.cells.get("url", "")) for row in rows(path)] == listed


@pytest.mark.parametrize(
    "broken",
    [
        '"opened,https://a.example/2',
        '"opened, and ""never closed,https://a.example/2',
        '"closed" too early,https://a.example/2',
        "one cell only",
        "a,b,c",
    ],
)
@pytest.mark.parametrize("quoted", [False, True])
def test_a_broken_row_costs_its_own_row(tmp_path: Path, broken: str, quoted: bool) -> None:
    def line(n: int) -> str:
        return f'"Title {n}","https://a.example/{n}"' if quoted else f"Title {n},https://a.example/{n}"

    text = "\n".join(["title,url", line(1), broken, *(line(n) for n in range(3, 60))]) + "\n"
    found = rows(written(tmp_path / "a.csv", text))
    assert [row.cells.get("title") for row in found if not row.problem] == [
        f"Title {n}" for n in range(1, 60) if n != 2
    ]
    (bad,) = [row for row in found if row.problem]
    assert (bad.number, bad.cells) == (2, {"line": broken + "\n"})
    assert any(word in str(bad.problem) for word in ("quote", "cells"))


def test_a_quote_that_is_never_closed_does_not_swallow_a_large_file(tmp_path: Path) -> None:
    lines = [f"Title {n} {'x' * 80},https://a.example/{n}\n" for n in range(40_000)]
    path = written(tmp_path / "a.csv", "title,url\n" + lines[0] + '"' + lines[1] + "".join(lines[2:]))
    found = rows(path)
    assert path.stat().st_size > 3 * MAX_LINE
    assert [row.number for row in found] == list(range(1, 40_001))
    assert [row.number for row in found if row.problem] == [2]
    assert "not closed within" in str(found[1].problem)


def test_a_quote_opened_in_the_last_row_is_told(tmp_path: Path) -> None:
    found = rows(written(tmp_path / "a.csv", 'title,url\nOne,u\n"Two,u\n'))
    assert [bool(row.problem) for row in found] == [False, True]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_an_endless_line_is_a_row_with_a_reason(tmp_path: Path, suffix: str) -> None:
    head, one = ("title,url\n", "One,u\n") if suffix == "csv" else ("", '{"title": "One"}\n')
    path = written(tmp_path / f"a.{suffix}", head + one + "y" * (3 * MAX_LINE + 5) + "\n" + one)
    found = rows(path)
    assert [row.problem for row in found] == [None, f"a line of more than {MAX_LINE:,} characters", None]
    assert all(row.size < 2000 for row in found)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_marks_of_encodings_are_understood(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path / "a.csv", "title,url\nŽelezný – été,u\n".encode(encoding))
    assert titles(path) == ["Železný – été"]


def test_a_declared_encoding_is_used(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "title,url\nété à Noël,u\n".encode("latin-1"))
    assert titles(path, GENERIC.model_copy(update={"encoding": "latin-1"})) == ["été à Noël"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (("title,url\n" + "été à Noël,u\n" * 9).encode("latin-1"), "say which encoding it has with --encoding"),
        ("title,url\nOne,u\n".encode("utf-16-le"), "looks like UTF-16 without a mark"),
    ],
)
def test_a_wrong_encoding_is_one_sentence(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        rows(written(tmp_path / "a.csv", data))


def test_one_damaged_character_costs_its_row(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "title,url\nété,u\ncaf".encode() + b"\xe9,u\n" + "où\0,u\n".encode())
    found = rows(path)
    assert [row.problem for row in found] == [None, "not utf-8: the byte 0xe9 after 'caf'", None]


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "heading,url\nOne,u\n")
    with pytest.raises(
        InputError, match=r"no column for `title` \('title' or 'headline' .*there are: 'heading', 'url'"
    ):
        rows(path)


def test_a_column_that_appears_twice_is_refused_where_it_is_read(tmp_path: Path) -> None:
    assert titles(written(tmp_path / "a.csv", "title,x,x\nOne,1,2\n")) == ["One"]
    with pytest.raises(InputError, match=r"'title' appears twice \(columns 1, 3\)"):
        rows(written(tmp_path / "b.csv", "title,x,title\nOne,1,2\n"))


def test_an_empty_table_names_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column for `title`"):
        rows(written(tmp_path / "a.csv", ""))


# Other formats


def test_json_lines_of_mixed_shapes(tmp_path: Path) -> None:
    lines = [
        '{"title": "One", "url": "u", "date": 1770112800}',
        "not json",
        "[1]",
        "",
        '{"title": null, "url": "u"}',
        "[" * 100_000,
        '{"title": "Two", "authors": ["Ann", "Bob"], "more": {"deep": 1}}',
        '{"title": ' + "9" * 5000 + "}",
    ]
    found = rows(written(tmp_path / "a.jsonl", "\n".join(lines)))
    assert [row.number for row in found] == list(range(1, 8))
    assert [bool(row.problem) for row in found] == [False, True, True, False, True, False, True]
    assert found[0].cells == {"title": "One", "url": "u", "date": "1770112800"}
    assert found[5].cells == {"title": "Two", "authors": "Ann, Bob"}


def test_a_dot_leads_into_an_object(tmp_path: Path) -> None:
    by = mapping.parse("name: own\ncolumns: {title: head.main, url: web_url}\n", tmp_path / "own.yaml")
    path = written(tmp_path / "a.jsonl", '{"head": {"main": "One"}, "web_url": "u"}\n{"head": 7}\n')
    assert [row.cells for row in rows(path, by)] == [{"head.main": "One", "web_url": "u"}, {}]


def test_a_json_document_holds_one_list(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", json.dumps({"articles": [{"title": "One"}, {"title": "Two"}], "count": 2}))
    assert titles(path) == ["One", "Two"]
    for text, said in [("{", "not a JSON document"), ('{"a": [], "b": []}', "a list of objects"), ("7", "a list of")]:
        with pytest.raises(InputError, match=said):
            rows(written(tmp_path / "b.json", text))


def parquet(path: Path, count: int = 2500) -> Path:
    table = {
        "title": [f"Title {n}" for n in range(count)],
        "published_at": [datetime(2026, 2, 3, n % 24, tzinfo=UTC) for n in range(count)],
        "unused": [{"a": n} for n in range(count)],
    }
    pq.write_table(pa.table(table), path, row_group_size=500)
    return path


def test_parquet_is_read_in_batches(tmp_path: Path) -> None:
    source = archive.Columns(parquet(tmp_path / "a.parquet"), GENERIC)
    found = list(source.rows())
    assert [row.number for row in found] == list(range(1, 2501))
    assert found[1].cells == {"title": "Title 1", "published_at": "2026-02-03T01:00:00+00:00"}
    assert source.position() == (2500, 2500)


@pytest.mark.parametrize("cut", [0, 3, 2000, -8, -1])
def test_a_cut_parquet_file_is_one_sentence(tmp_path: Path, cut: int) -> None:
    whole = parquet(tmp_path / "a.parquet").read_bytes()
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        rows(written(tmp_path / "b.parquet", whole[:cut]))


def test_a_damaged_page_of_parquet_keeps_the_rows_before_it(tmp_path: Path) -> None:
    whole = bytearray(parquet(tmp_path / "a.parquet").read_bytes())
    start = pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(3).column(0).data_page_offset
    whole[start : start + 60] = b"\xff" * 60
    path = written(tmp_path / "b.parquet", bytes(whole))
    found = before_the_end(READERS["parquet"](path, GENERIC).rows(), "cannot be read as Parquet")
    assert 0 < found <= 1500


def test_parquet_without_the_column_names_what_is_there(tmp_path: Path) -> None:
    pq.write_table(pa.table({"heading": ["x"]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="there are: 'heading'"):
        rows(tmp_path / "a.parquet")


def test_a_gzip_file_that_is_cut_off_keeps_the_rows_before_the_cut(tmp_path: Path) -> None:
    lines = "title,url\n" + "".join(f"Title {n} {hash(n * 7919) % 10**9},u\n" for n in range(50_000))
    path = written(tmp_path / "a.csv.gz", gzip.compress(lines.encode())[:-20_000])
    assert before_the_end(READERS["csv"](path, GENERIC).rows(), "damaged or cut off") > 1000


@pytest.mark.parametrize("name", ["a.xlsx", "a", "a.csv.zip"])
def test_an_unknown_format_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot tell its format"):
        archive.format_of(written(tmp_path / name, "x"), GENERIC)


# Web archives

PAGE = (
    '<html lang="en"><head><title>Talks on grain resume</title><meta property="og:site_name" content="Harbour Post">'
    '<meta property="article:published_time" content="2026-02-03T08:00:00+01:00">'
    '<meta name="description" content="Envoys met in the harbour town."></head><body><article>'
    "<h1>Talks on grain resume</h1>"
    + "".join(
        f"<p>Paragraph {n} about envoys who met in the harbour town to speak of grain, ships and safe passage.</p>"
        for n in range(12)
    )
    + "</article></body></html>"
).encode()

CONFIG = make_config("https://ledger.example", {"Morning Ledger": ["/rss"]})


def warc_file(path: Path, records: Iterable[tuple[str, str, bytes]], *, packed: bool = True, **headers: str) -> Path:
    with path.open("wb") as file:
        for url, kind, body in records:
            listed = {"Content-Type": kind, "Content-Length": str(len(body)), **headers}
            answer = b"HTTP/1.1 200 OK\r\n" + header_lines(listed) + b"\r\n" + body
            about = {
                "WARC-Type": "response",
                "WARC-Target-URI": url,
                "WARC-Date": "2026-02-05T10:00:00Z",
                "Content-Type": "application/http; msgtype=response",
                "Content-Length": str(len(answer)),
            }
            record = b"WARC/1.0\r\n" + header_lines(about) + b"\r\n" + answer + b"\r\n\r\n"
            file.write(gzip.compress(record) if packed else record)
    return path


def header_lines(headers: dict[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()


def records(path: Path) -> list[Row]:
    return list(warc.Records(path, CONFIG, mapping.outlets_of(CONFIG.feeds)).rows())


FEED = ("https://ledger.example/rss", "application/rss+xml", rss([Item("Trump and Putin to meet"), "Another one"]))


@pytest.mark.parametrize("packed", [True, False])
def test_feeds_and_pages_of_a_web_archive(tmp_path: Path, packed: bool) -> None:
    listed = [
        FEED,
        ("https://post.example/2026/talks", "text/html; charset=utf-8", PAGE),
        ("https://post.example/x.png", "image/png", b"x"),
        ("https://post.example/data", "application/json", b"{}"),
    ]
    found = records(warc_file(tmp_path / "a.warc", listed, packed=packed))
    assert [row.number for row in found] == [1, 2, 3, 4]
    assert found[3].problem == "JSON, but not a JSON Feed"
    first, kind, source = found[0].sighting or pytest.fail("no sighting")
    assert (first.entry.title, first.outlet.name, kind, source) == (
        *("Trump and Putin to meet", "Morning Ledger", FeedKind.FEED, SummarySource.FEED),
    )
    page, _, source = found[2].sighting or pytest.fail("no sighting")
    assert (page.entry.title, page.entry.summary) == ("Talks on grain resume", "Envoys met in the harbour town.")
    assert (page.outlet, source) == (Outlet("Harbour Post", None, "other"), SummarySource.PAGE)
    assert page.published_at == datetime(2026, 2, 3, 7, tzinfo=UTC)


def test_records_that_are_too_large_or_expand_are_rows_with_a_reason(tmp_path: Path) -> None:
    bomb = gzip.compress(b"<rss>" + b" " * (CONFIG.network.max_bytes + 100))
    url, kind, _ = FEED
    found = records(warc_file(tmp_path / "a.warc", [(url, kind, bomb)], **{"Content-Encoding": "gzip"}))
    assert [row.problem for row in found] == [f"more than {CONFIG.network.max_bytes:,} bytes (network.max_bytes)"]
    found = records(warc_file(tmp_path / "b.warc", [(url, kind, b"x")], **{"Content-Encoding": "zstd"}))
    assert [row.problem for row in found] == ["compressed in a way that is not read here: zstd"]


def test_a_web_archive_that_is_cut_off_keeps_the_records_before_the_cut(tmp_path: Path) -> None:
    whole = warc_file(tmp_path / "a.warc.gz", [FEED, FEED, FEED]).read_bytes()
    cut = written(tmp_path / "b.warc.gz", whole[: 2 * len(whole) // 3 + 40])
    assert before_the_end(warc.Records(cut, CONFIG, {}).rows(), "damaged or cut off") >= 2


@pytest.mark.parametrize(
    "data",
    [b"not a web archive\n" * 9, b"WARC/1.0\r\nWARC-Type: response\r\n" + b"X-Long: " + b"y" * 10**6, b"\0" * 5000],
)
def test_what_is_no_web_archive_is_one_sentence(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(InputError, match=r"no web archive|headers of more than"):
        records(written(tmp_path / "a.warc", data))


# Mappings


def read(by: str, cells: dict[str, str]) -> mapping.Record:
    return mapping.record(cells, mapping.load(by))


def test_a_story_list_of_media_cloud() -> None:
    row = {
        "id": "abc123",
        "indexed_date": "2026-02-04 06:13:11.123456",
        "language": "en",
        "media_name": "post.example",
        "media_url": "post.example",
        "publish_date": "2026-02-03",
        "title": "Talks &amp; grain",
        "url": "https://post.example/talks",
    }
    found = read("mediacloud", row)
    assert (found.entry.title, found.entry.link, found.entry.guid) == ("Talks & grain", row["url"], "abc123")
    assert found.entry.published == datetime(2026, 2, 3, tzinfo=UTC)
    assert (found.outlet, found.domain, found.language) == ("post.example", "post.example", "en")
    assert str(found.seen).startswith("2026-02-04")


def test_a_story_list_of_the_earlier_media_cloud(tmp_path: Path) -> None:
    text = (
        "stories_id,publish_date,title,url,language,ap_syndicated,themes,media_id,media_name,media_url\n"
        "7,2019-03-01 12:34:56,Talks on grain,https://post.example/talks,en,False,,1,Post,http://post.example/\n"
        "8,undateable,Talks fail,https://post.example/fail,en,True,,1,Post,http://post.example/\n"
    )
    first, second = (
        read("mediacloud", row.cells) for row in rows(written(tmp_path / "a.csv", text), mapping.load("mediacloud"))
    )
    assert first.entry.published == datetime(2019, 3, 1, 17, 34, 56, tzinfo=UTC)
    assert (first.entry.guid, first.outlet, first.domain) == ("7", "Post", "http://post.example/")
    assert (second.entry.published, second.seen, second.entry.published_raw) == (None, None, "undateable")


@pytest.mark.parametrize(
    ("local", "time"),
    [
        ("2020-10-15 08:36:26.475591", "2020-10-15T12:36:26.475591+00:00"),
        ("2020-10-15 21:00:00", "2020-10-16T01:00:00+00:00"),
        ("2020-12-15 21:00:00", "2020-12-16T02:00:00+00:00"),
        ("2020-11-01 01:30:00", "2020-11-01T05:30:00+00:00"),  # a time that clocks showed twice: its first
        ("2020-10-15", "2020-10-15T00:00:00+00:00"),
    ],
)
def test_times_of_the_earlier_media_cloud_are_those_of_new_york(local: str, time: str) -> None:
    row = {"title": "Talks", "url": "https://post.example/talks", "publish_date": local, "collect_date": local}
    found = read("mediacloud", row)
    assert [str(each.isoformat()) for each in (found.entry.published, found.seen) if each] == [time, time]


def test_a_zone_holds_for_formats_without_one(tmp_path: Path) -> None:
    by = mapping.parse(
        "name: a\ncolumns:\n  title: title\n"
        '  published: {column: at, formats: ["%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M %z"], zone: Asia/Kolkata}\n',
        tmp_path / "a.yaml",
    )
    said = ["03/02/2026 14:05", "03/02/2026 14:05 +0100", "2026-02-03 14:05", "01/01/0001 00:00"]
    times = [mapping.record({"title": "Talks", "at": text}, by).entry.published for text in said]
    assert [time and time.isoformat() for time in times] == [
        "2026-02-03T08:35:00+00:00",
        "2026-02-03T13:05:00+00:00",
        "2026-02-03T14:05:00+00:00",
        "0001-01-01T00:00:00+00:00",  # too early for a zone east of Greenwich
    ]


def test_a_zone_that_nobody_knows(tmp_path: Path) -> None:
    text = "name: a\ncolumns:\n  title: title\n  published: {column: at, zone: Europe/Nowhere}\n"
    with pytest.raises(ConfigError, match="time zone 'Europe/Nowhere' is not known here") as raised:
        mapping.parse(text, tmp_path / "a.yaml")
    assert raised.value.line == 4


def gkg_line() -> str:
    cells = [""] * 27
    cells[0], cells[1], cells[2], cells[3] = "20260203140000-7", "20260203140000", "1", "post.example"
    cells[4], cells[25] = "https://post.example/talks", "srclc:fra;eng:GT-FRA 1.0"
    cells[26] = (
        "<PAGE_LINKS>https://a.example/</PAGE_LINKS><PAGE_AUTHORS>Ann Bee</PAGE_AUTHORS>"
        "<PAGE_PRECISEPUBTIMESTAMP>20260203130500</PAGE_PRECISEPUBTIMESTAMP>"
        '<PAGE_TITLE>Talks on &quot;grain&quot; &#x2013; a "start</PAGE_TITLE>'
    )
    return "\t".join(cells) + "\n"


def test_the_knowledge_graph_of_gdelt(tmp_path: Path) -> None:
    by = mapping.load("gdelt-gkg")
    path = written(tmp_path / "20260203140000.gkg.csv", gkg_line() * 2 + "short\n")
    first, second, third = rows(path, by)
    assert first.cells == second.cells
    assert third.problem == "1 cells, where the header has 27"
    found = mapping.record(first.cells, by)
    assert found.entry.title == 'Talks on "grain" – a "start'
    assert found.entry.published == datetime(2026, 2, 3, 13, 5, tzinfo=UTC)
    assert (found.entry.link, found.outlet, found.language) == ("https://post.example/talks", "post.example", "fr")
    no_time = mapping.record({**first.cells, "Extras": "<PAGE_TITLE>Talks</PAGE_TITLE>"}, by)
    assert (no_time.entry.published, no_time.seen) == (None, datetime(2026, 2, 3, 14, tzinfo=UTC))


def test_an_article_list_of_gdelt(tmp_path: Path) -> None:
    article = {
        "url": "https://post.example/talks",
        "url_mobile": "",
        "title": "Talks on grain",
        "seendate": "20260203T140500Z",
        "socialimage": "",
        "domain": "post.example",
        "language": "French",
        "sourcecountry": "France",
    }
    path = written(tmp_path / "a.json", json.dumps({"articles": [article]}))
    by = mapping.load("gdelt-doc")
    (row,) = rows(path, by)
    found = mapping.record(row.cells, by)
    assert (found.entry.published, found.seen) == (None, datetime(2026, 2, 3, 14, 5, tzinfo=UTC))
    assert (found.language, found.domain) == ("fr", "post.example")
    assert read("gdelt-doc", {**row.cells, "language": "Klingon"}).language is None


def test_an_article_list_of_gdelt_as_csv(tmp_path: Path) -> None:
    text = '\ufeffURL,MobileURL,Date,Title\nhttps://post.example/talks,,2026-02-03 14:05:00,"Talks, again"\n'
    path, by = written(tmp_path / "a.csv", text), mapping.load("gdelt-doc")
    (row,) = rows(path, by)
    found = mapping.record(row.cells, by)
    assert (found.entry.title, found.entry.link) == ("Talks, again", "https://post.example/talks")
    assert (found.entry.published, found.seen) == (None, datetime(2026, 2, 3, 14, 5, tzinfo=UTC))


@pytest.mark.parametrize(("code", "language"), [("bos", "bs"), ("nno", "no"), ("sin", "si"), ("tlh", None)])
def test_languages_of_the_knowledge_graph(code: str, language: str | None) -> None:
    cells = dict(zip(mapping.load("gdelt-gkg").header, gkg_line().rstrip("\n").split("\t"), strict=True))
    cells["TranslationInfo"] = f"srclc:{code};eng:GT 1.0"
    assert read("gdelt-gkg", cells).language == language


@pytest.mark.parametrize(
    ("published", "time"),
    [
        ("2026-02-03", "2026-02-03T00:00:00+00:00"),
        ("2026-02-03T14:05:00+02:00", "2026-02-03T12:05:00+00:00"),
        ("Tue, 03 Feb 2026 14:05:00 GMT", "2026-02-03T14:05:00+00:00"),
        ("3 février 2026", "2026-02-03T00:00:00+00:00"),
        ("1770127500", "2026-02-03T14:05:00+00:00"),
        ("1770127500000", "2026-02-03T14:05:00+00:00"),
        ("03/02/2026", None),
        ("soon", None),
        ("", None),
    ],
)
def test_dates_in_all_forms(published: str, time: str | None) -> None:
    found = read("generic", {"title": "One", "date": published}).entry.published
    assert (found.isoformat() if found else None) == time


def test_a_format_settles_a_date_that_can_be_read_in_two_ways(tmp_path: Path) -> None:
    text = 'name: own\ncolumns: {title: t, published: {column: d, formats: ["%d/%m/%Y", "%d/%m/%Y %H:%M %z"]}}\n'
    by = mapping.parse(text, tmp_path / "own.yaml")
    for spelt, day in [("03/02/2026", 3), ("03/02/2026 01:00 +0200", 2)]:
        published = mapping.record({"t": "One", "d": spelt}, by).entry.published
        assert str(published).startswith(f"2026-02-{day:02}")


@given(st.dictionaries(st.sampled_from(sorted(GENERIC.wanted)), st.text(max_size=80), max_size=8))
def test_any_row_is_a_record_or_has_a_reason(cells: dict[str, str]) -> None:
    try:
        found = mapping.record(cells, GENERIC)
    except mapping.RowError:
        assert not any(plain(cells.get(source.column, "")) for source in GENERIC.columns["title"][:1])
        return
    assert found.entry.title
    assert clean(found.entry.title) == found.entry.title


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("columns: {title: t}", '"name": Field required'),
        ("name: own\ncolumns: {title: t}\nformats: csv", '"formats": Extra inputs'),
        ("name: own\ncolumns: {headline: t}", '"columns", "headline": Input should be'),
        ("name: own\nencoding: klingon\ncolumns: {title: t}", "the encoding 'klingon' is not known"),
        ('name: own\ncolumns: {title: {column: t, pattern: "("}}', "is no regular expression"),
        ('name: own\ncolumns: {title: {column: t, pattern: "a"}}', "must have one group"),
        ("name: own\ncolumns: {}", '"columns": Dictionary should have at least 1 item'),
        ("- a", "a mapping begins with"),
        ("name: [", "not valid YAML"),
    ],
)
def test_a_wrong_mapping_is_one_sentence_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path / "own.yaml", text)
    with pytest.raises(ConfigError) as caught:
        mapping.load(str(path))
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{path}:")


def test_ready_mappings_are_valid_and_named_like_their_files() -> None:
    assert mapping.names() == ["gdelt-doc", "gdelt-gkg", "generic", "mediacloud", "warc"]
    assert all(mapping.load(name).name == name for name in mapping.names())
    assert len({mapping.load(name).sha256 for name in mapping.names()}) == 5
    with pytest.raises(ConfigError, match="there is no such mapping; ready ones: gdelt-doc"):
        mapping.load("nexis")


def test_a_mapping_is_known_by_what_it_says(tmp_path: Path) -> None:
    first = mapping.parse("name: own\ncolumns: {title: t, url: [u]}", tmp_path / "a.yaml")
    second = mapping.parse("# the same\ncolumns:\n  url: u\n  title: t\nname: own\n", tmp_path / "b.yaml")
    third = mapping.parse("name: own\ncolumns: {title: t, url: v}", tmp_path / "c.yaml")
    assert first.sha256 == second.sha256 != third.sha256


OUTLETS = mapping.outlets_of(make_config("https://feeds.bigpaper.example", {"Big Paper": ["/world"]}).feeds)


@pytest.mark.parametrize(
    ("name", "domain", "link", "outlet", "group"),
    [
        ("Big Paper", "", None, "Big Paper", "uk"),
        ("", "bigpaper.example", None, "Big Paper", "uk"),
        ("bigpaper.example", "", None, "Big Paper", "uk"),
        ("", "", "https://edition.bigpaper.example/a", "Big Paper", "uk"),
        ("", "https://www.small.example/home", None, "small.example", "other"),
        ("Small Paper", "small.example", None, "Small Paper", "other"),
        ("", "", None, None, None),
        ("", "http://[", "nonsense", None, None),
    ],
)
def test_whose_article_it_is(name: str, domain: str, link: str | None, outlet: str | None, group: str | None) -> None:
    found = mapping.publisher(name, domain, link, OUTLETS)
    assert (found and found.name, found and found.group) == (outlet, group)


def test_letters_are_not_lost_in_any_reader(tmp_path: Path) -> None:
    text = string.ascii_letters + "äöü€😀"
    written(tmp_path / "a.jsonl", json.dumps({"title": text}))
    written(tmp_path / "a.csv", f"title\n{text}\n")
    assert titles(tmp_path / "a.jsonl") == titles(tmp_path / "a.csv") == [text]
