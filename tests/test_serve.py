"""The database in a browser: the real server, asked over HTTP, on the demo's database with hostile texts added."""

from __future__ import annotations

import csv
import http.client
import io
import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest
import yaml
from conftest import FakeClassifier, Item, rss
from feedserver import FeedServer, Response
from hypothesis import given
from hypothesis import strategies as st

from media_coverage import catalogue, demo, pipeline, serve
from media_coverage import config as configuration
from media_coverage.coded import neutral
from media_coverage.errors import ServeError, StoreError
from media_coverage.records import Code
from media_coverage.sample import Design
from media_coverage.store import open_store
from media_coverage.store.queries import QUERIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Result

    from media_coverage.records import Framing, Text

SCRIPT = "<script>alert('Valletta')</script><img src=https://evil.example/x.png onerror=alert(1)> says Trump"
FORMULA = '=HYPERLINK("https://evil.example","Trump and Putin") "quoted", Valletta'
RTL = "טראמפ ופוטין \u202eettellaV\u202c 🕊️ Trump and Putin in Valletta"
LONG = "Trump in Valletta " + "and Putin " * 198
WIRE = "VALLETTA (Reuters) - Trump and Putin hope for peace in Valletta, their spokesmen said on Tuesday morning."


class Unsure(FakeClassifier):
    """Knows the words of the demo: a label of each kind, and some that are uncertain."""

    def _one(self, text: Text, evidence: bool) -> Framing:
        from dataclasses import replace

        framing = super()._one(text, evidence)
        return replace(framing, uncertain="talks" in f"{text.title} {text.summary}".lower())


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's, with one more outlet (whose own texts are hostile), a second model, an audit sample and codes."""
    folder = tmp_path_factory.mktemp("demo")
    items = [Item("Valletta says Trump says Putin"), Item(FORMULA), Item(RTL), Item(LONG), Item("Hope for peace", WIRE)]
    with demo.serve_samples(0) as samples, closing(FeedServer()) as server:
        told = yaml.safe_load((demo.SAMPLES / "feeds.yaml").read_text(encoding="utf-8").replace("{base}", samples.base))
        feed = server.serve("/hostile.xml", Response(rss([*items, Item("=1+1 &lt;b>weather&lt;/b>")])))
        told["outlets"].append({"name": "<i>Hostile</i> & 'Sons'", "group": "wire", "feeds": [feed]})
        (folder / "feeds.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")
        for edition in demo.EDITIONS:
            samples.edition = edition
            pipeline.run(folder / "feeds.yaml", classifier=Unsure())
    path = configuration.load(folder / "feeds.yaml").database
    pipeline.relabel(path, FakeClassifier("2", codebook_version="1"))
    # Markup is taken out of feeds, so it gets in by force; and another model has another opinion.
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP TRIGGER article_version_no_update")
        db.execute("UPDATE article_version SET title = ? WHERE title LIKE '%says Trump%'", [SCRIPT])
        assert db.execute("SELECT changes()").fetchone() == (1,)
        db.execute("DROP TRIGGER label_no_update")
        db.execute("UPDATE label SET label = 'neither' WHERE model_id = 2 AND version_id % 3 = 0")
    pipeline.draw_sample(path, "audit", Design(20, 1, ()))
    with open_store(path, read_only=False) as store:
        drawn = [int(n) for n in store.query("SELECT version_id FROM v_sample_items LIMIT 6")["version_id"]]
        codes = [Code(n, "ada", "1", n % 2 == 0, purpose="audit", sample="audit", note=SCRIPT) for n in drawn]
        store.add_codes(codes, datetime.now(UTC))
    return path


class Browser:
    """Asks a server for pages, with whatever headers."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        with closing(http.client.HTTPConnection(self.host, self.port, timeout=60)) as connection:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def page(self, path: str) -> str:
        status, _, body = self.ask(path)
        assert status == 200, f"{path}: {status} {body[:500]!r}"
        return body.decode()

    def json(self, path: str) -> Any:
        return json.loads(self.page(path))


@contextmanager
def serving(path: Path, *options: str) -> Iterator[tuple[Browser, subprocess.Popen[str]]]:
    """`media-coverage serve` in a process of its own, at a port of its choice."""
    command = [sys.executable, "-m", "media_coverage", "serve", "--db", str(path), "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            said = re.search(r"http://(.+):(\d+)/", line)
            assert said, line
            yield Browser(said[1], int(said[2])), process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def browser(database: Path) -> Iterator[Browser]:
    with serving(database) as (browser, _):
        yield browser


def links(page: str) -> list[str]:
    return [unescape(link) for link in re.findall(r"""(?:href|src|action)=["']?([^"'\s>]+)""", page)]


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_answers_with_rows_when_nothing_is_filled_in(browser: Browser, name: str) -> None:
    answer = browser.json(f"/demo/{name}.json")
    assert answer["rows"], answer["error"]
    assert not answer["truncated"]
    page = browser.page(f"/demo/{name}")
    assert "<h1" in page
    assert QUERIES[name].title.replace("'", "&#39;") in page
    for parameter in QUERIES[name].parameters:
        assert f'name="{parameter}"' in page


@pytest.mark.parametrize("name", [name for name, query in QUERIES.items() if query.example])
def test_every_example_has_values_of_this_database_and_rows(browser: Browser, name: str) -> None:
    start = browser.page("/")
    (example,) = [link for link in links(start) if link.startswith(f"/demo/{name}?")][:1]
    assert browser.json(example.replace(f"/{name}?", f"/{name}.json?"))["rows"]
    assert f"?{example.partition('?')[2]}" in links(browser.page(f"/demo/{name}"))


@pytest.mark.parametrize("name", sorted(QUERIES.keys() - {"gaps", "two-models", "dictionary"}))
def test_a_query_reads_no_large_table_from_end_to_end(browser: Browser, database: Path, name: str) -> None:
    """Or in the order of its rows, newest first, so that LIMIT ends it. Those left out have to read everything."""
    with open_store(database) as store:
        sql = store.questions()[name].sql
    parameters = dict.fromkeys(QUERIES[name].parameters, "") | {"sql": f"EXPLAIN QUERY PLAN {sql}"}
    plan = [row[3] for row in browser.json(f"/demo.json?{urlencode(parameters)}")["rows"]]
    assert plan
    large = r"(a|b|v|x|l|k|g|article|article_version|label|gate|sighting|fetch)"
    scans = [line for line in plan if re.match(rf"SCAN {large}($| (?!USING|VIRTUAL))", line)]
    assert not scans or "USE TEMP B-TREE FOR ORDER BY" not in plan, plan


def test_the_names_of_the_frames_come_from_the_database(browser: Browser) -> None:
    columns = browser.json("/demo/periods.json")["columns"]
    assert {"hopeful_peace", "appeasement", "hopeful_peace_percent", "appeasement_percent"} < set(columns)
    assert "$" not in browser.page("/demo/clearest?_show_sql=1")


def test_queries_hide_no_table_and_their_parameters_are_all_described(database: Path) -> None:
    with open_store(database) as store:
        names, _ = store.contents()
    assert not set(QUERIES) & set(names)
    for name, query in QUERIES.items():
        assert set(re.findall(r":([a-z_]+)", query.sql)) == set(query.parameters), name
        assert set(query.example) <= set(query.parameters), name


def test_every_view_and_table_has_a_page_with_what_its_columns_hold(browser: Browser, database: Path) -> None:
    with open_store(database) as store:
        names, columns = store.contents()
    shown = browser.json("/demo.json")
    assert (
        {view["name"] for view in shown["views"]}
        if isinstance(shown["views"][0], dict)
        else set(shown["views"]) == {name for name in names if name.startswith("v_")}
    )
    visible = {table["name"] for table in shown["tables"] if not table["hidden"]}
    assert visible == {name for name in catalogue.SHOWN if not name.startswith("v_")}
    for name in names:
        page = browser.page(f"/demo/{name}")
        if name in catalogue.SHOWN:
            for (owner, column), text in columns.items():
                assert owner != name or f"<dt>{column}</dt><dd>" in page, (name, column, text)
    assert set(catalogue.SHOWN) >= {name for name in names if name.startswith("v_")}, "every view is shown"


def test_references_are_shown_by_name_and_rows_lead_on(browser: Browser) -> None:
    assert re.search(r'<a href="/demo/outlet/\d+">Meridian Wire</a>', browser.page("/demo/feed"))
    page = browser.page("/demo/v_articles?_size=5")
    assert re.search(r'<a href="/demo/one-article\?article=\d+">\d+</a>', page)
    assert re.search(r'<a href="/demo/one-story\?story=\d+">\d+</a>', page)
    points = browser.page("/demo/v_period_frames?period=week&scope=all&articles__gt=3")
    point, count = re.findall(r'<a href="(/demo/articles\?[^"]+)">(\d+)</a>', points)[0]
    rows = browser.json(unescape(point).replace("/articles?", "/articles.json?"))["rows"]
    assert len(rows) == int(count), "the point leads to the articles that it counts"


def test_search_finds_words_phrases_and_accents_and_no_query_can_break_it(browser: Browser) -> None:
    def titles(words: str) -> list[str]:
        return [row[2] for row in browser.json(f"/demo/search.json?words={quote(words)}")["rows"]]

    assert SCRIPT.partition(" ")[0] not in titles("football")
    assert any("Valletta" in title for title in titles("valletta"))
    assert titles('"hope for peace"')
    assert set(titles('"hope for peace"')) <= set(titles("peace hope"))
    for odd in ('"', "AND", "(", "*", "NEAR(", 'a" OR "b', "-x", "title:", "'; DROP TABLE label; --", "^", "  "):
        browser.page(f"/demo/search?words={quote(odd)}")
    found = browser.json("/demo/v_articles.json?_search=valletta&_shape=objects")["rows"]
    assert found
    assert all("valletta" in f"{row['title']} {row['summary']}".lower() for row in found)


def test_hostile_texts_stay_in_their_boxes(browser: Browser) -> None:
    quoted = "&lt;script&gt;alert(&#39;Valletta&#39;)&lt;/script&gt;"
    pages = ["/demo/v_articles?_search=alert", "/demo/search?words=alert", "/demo/article_version?_sort_desc=id"]
    pages += ["/demo/codes", "/demo/v_codes"]
    for path in pages:
        page = browser.page(path)
        assert quoted in page, path
        assert "<script>alert" not in page
        assert "<img" not in page
    assert "&lt;i&gt;Hostile&lt;/i&gt; &amp; &#39;Sons&#39;" in browser.page("/demo/v_feeds")
    assert "<i>Hostile" not in browser.page("/demo/outlets")
    where = urlencode({"words": SCRIPT, "since": '"><script>alert(2)</script>'})
    assert "<script>alert" not in browser.page(f"/demo/search?{where}")
    without_overrides = re.sub("[\u202a-\u202e]", "", RTL)
    assert without_overrides in browser.page("/demo/v_articles?_search=ettellav")


def test_a_spreadsheet_gets_no_formula_and_a_program_its_numbers(browser: Browser) -> None:
    for path in (
        "/demo/v_articles.csv?_search=evil&_size=max",
        "/demo/search.csv?words=evil",
        "/demo/v_articles.csv?_stream=on&_dl=1",
    ):
        _, headers, body = browser.ask(path)
        rows = list(csv.reader(io.StringIO(body.decode(), newline="")))
        cells = [cell for row in rows for cell in row]
        assert f"'{FORMULA}" in cells, path
        assert not [cell for cell in cells if cell[:1] != "'" and cell != neutral(cell) and not _is_number(cell)]
        assert all(len(row) == len(rows[0]) for row in rows)
        assert headers["content-type"].startswith("text/")
    assert FORMULA in [row[2] for row in browser.json("/demo/search.json?words=evil")["rows"]], "JSON is as stored"


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


@given(
    st.lists(st.lists(st.text(), min_size=2, max_size=4), min_size=1, max_size=6),
    st.lists(st.integers(1, 40), min_size=1, max_size=30),
)
def test_csv_comes_through_in_whatever_pieces_it_is_sent(table: list[list[str]], sizes: list[int]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(table)
    body, cells, got = out.getvalue().encode("utf-8", "surrogatepass"), serve._HarmlessCells(), b""
    if b"\xed" in body and any("\ud800" <= char <= "\udfff" for row in table for cell in row for char in cell):
        return  # no text that SQLite hands out
    while body:
        piece, body = body[: sizes[0]], body[sizes[0] :]
        sizes = [*sizes[1:], sizes[0]]
        got += cells.fed(piece, last=False)
    got += cells.fed(b"", last=True)
    read = list(csv.reader(io.StringIO(got.decode(), newline="")))
    wanted = [[cell if _is_number(cell) else neutral(cell) for cell in row] for row in table]
    assert read == [*csv.reader(io.StringIO(_written(wanted), newline=""))]


def _written(table: list[list[str]]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(table)
    return out.getvalue()


def test_a_view_can_be_taken_whole(browser: Browser, database: Path) -> None:
    with open_store(database) as store:
        articles, sightings = store.counts()["articles"], int(store.query("SELECT count(*) n FROM sighting")["n"][0])
    whole = browser.page("/demo/v_articles.csv?_stream=on&_size=max")
    assert len(list(csv.reader(io.StringIO(whole, newline="")))) == articles + 1
    assert len(browser.json("/demo/v_articles.json?_size=max")["rows"]) == articles
    assert len(browser.page("/demo/sighting.csv?_stream=on").splitlines()) == sightings + 1


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM label",
        "UPDATE outlet SET name = 'x'",
        "INSERT INTO event VALUES ('2026-01-01', 'x')",
        "WITH x AS (SELECT 1) DELETE FROM label",
        "WITH x AS (SELECT 1) INSERT INTO event SELECT '2026-01-01', 'x' FROM x",
        "DROP TABLE label",
        "PRAGMA query_only = OFF",
        "PRAGMA writable_schema = ON",
        "ATTACH DATABASE '/tmp/other.db' AS other",
        "SELECT load_extension('x')",
        "SELECT writefile('/tmp/x', 'x')",
        "SELECT readfile('/etc/passwd')",
        "VACUUM INTO '/tmp/x.db'",
    ],
)
def test_sql_of_ones_own_can_read_and_nothing_else(browser: Browser, database: Path, sql: str) -> None:
    before = database.read_bytes()
    status, _, _ = browser.ask(f"/demo.json?{urlencode({'sql': sql})}")
    assert status == 400
    assert database.read_bytes() == before


def test_nothing_but_reading_is_answered(browser: Browser) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert browser.ask("/demo/search", method)[0] == 405
    assert browser.ask("/demo.db")[0] in {403, 404}, "the file itself is not handed out"
    assert browser.ask("/demo", "HEAD")[0] == 200
    rows = browser.json("/demo.json?sql=select+count(*)+from+label")["rows"]
    assert rows[0][0] > 0


def test_pages_load_nothing_from_elsewhere_and_say_so(browser: Browser) -> None:
    for path in (
        "/",
        "/demo",
        "/demo/outlets",
        "/demo/v_articles",
        "/demo/v_articles?_search=alert",
        "/demo/article/1",
    ):
        status, headers, body = browser.ask(path)
        assert status == 200
        assert "default-src 'self'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in headers
        loaded = re.findall(rb"""<(?:script|link|img|iframe)[^>]*(?:src|href)=["']?([^"'\s>]+)""", body)
        own = f"http://{browser.host}:{browser.port}/".encode()
        assert all(link.startswith((b"/", own)) for link in loaded), loaded
        for link in loaded:
            if link.endswith((b".css", b".js")):
                assert browser.ask(link.decode())[0] == 200


def test_a_page_elsewhere_whose_name_points_here_learns_nothing(browser: Browser) -> None:
    for name in ("evil.example", f"evil.example:{browser.port}", "127.0.0.1.evil.example", ""):
        status, _, body = browser.ask("/demo.json", Host=name)
        assert (status, b"rows" in body) == (421, False), name
    for name in ("localhost", f"127.0.0.1:{browser.port}", "LOCALHOST:1", "[::1]:80", "[::1]"):
        assert browser.ask("/demo.json", Host=name)[0] == 200, name


def test_it_goes_on_while_a_run_writes_and_shows_what_was_written(browser: Browser, database: Path) -> None:
    before = browser.json("/demo/v_events.json")["rows"]
    with closing(sqlite3.connect(database)) as db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO event VALUES ('2026-02-28', 'Written meanwhile')")
        assert browser.json("/demo/v_events.json")["rows"] == before
        db.commit()
        assert len(browser.json("/demo/v_events.json")["rows"]) == len(before) + 1
        db.execute("DELETE FROM event WHERE name = 'Written meanwhile'")
        db.commit()


@pytest.mark.parametrize("name", ["_internal", "odd name?#%41"])
def test_an_empty_database_is_shown_too_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    """Some names mean something to Datasette, and characters of others to SQLite's addresses of files."""
    open_store(tmp_path / f"{name}.db", read_only=False).close()
    with serving(tmp_path / f"{name}.db") as (browser, process):
        (search,) = [link for link in links(browser.page("/")) if link.endswith("/search")][:1]
        base = search.removesuffix("/search")
        for query in QUERIES:
            assert browser.ask(f"{base}/{query}.json")[0] == 200, query
        for table in catalogue.SHOWN:
            assert browser.ask(f"{base}/{table}.json")[0] == 200, table
        assert browser.ask(f"{base}.json?sql=SELECT+slip")[0] == 400
        assert browser.ask(f"{base}?sql=DELETE+FROM+label")[0] == 400
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")


def test_other_machines_are_let_in_only_when_told(command: Callable[..., Result], database: Path) -> None:
    refused = command("serve", "--db", database, "--host", "0.0.0.0")
    assert refused.code == 2
    assert "--allow-remote" in refused.err
    with serving(database, "--host", "0.0.0.0", "--allow-remote") as (browser, process):
        assert Browser("127.0.0.1", browser.port).ask("/", Host="any.example")[0] == 200
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "every machine that can reach 0.0.0.0 can read everything" in err


def test_what_cannot_be_served_is_said_in_one_sentence(
    command: Callable[..., Result], database: Path, tmp_path: Path
) -> None:
    missing = command("serve", "--db", tmp_path / "none.db")
    assert (missing.code, "`media-coverage run` makes one" in missing.err) == (2, True)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        busy = command("serve", "--db", database, "--port", str(port))
    assert busy.code == 2
    assert f"127.0.0.1, port {port}: cannot listen there" in busy.err
    with pytest.raises(ServeError, match="no such address"):
        serve.is_loopback("no.such.name.invalid")
    (tmp_path / "text.db").write_text("no database at all, but a text that is long enough to be looked at as one")
    with pytest.raises(StoreError, match="is not an SQLite database"):
        serve.application(tmp_path / "text.db")


def test_without_the_extra_one_sentence_says_what_to_install(database: Path) -> None:
    program = (
        "import sys; sys.modules['datasette'] = None\n"
        "from media_coverage import cli; cli.main(['serve', '--db', sys.argv[1]])"
    )
    done = subprocess.run([sys.executable, "-c", program, str(database)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'media-coverage[datasette]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_in_a_large_archive_nothing_is_counted_unasked(database: Path) -> None:
    with open_store(database) as store:
        held, columns = store.contents()
        questions = store.questions()
    for articles, counted in ((catalogue.FACETED, True), (catalogue.FACETED + 1, False)):
        made = catalogue.metadata("x", columns, held, questions, dict.fromkeys(EXAMPLES, ""), articles)
        assert ("facets" in made["databases"]["x"]["tables"]["v_articles"]) is counted
        assert made["start"]["large"] is not counted


EXAMPLES = ("outlet", "group", "since", "until", "article", "story", "event", "query", "word")


@given(st.dictionaries(st.sampled_from(EXAMPLES), st.text()))
def test_whatever_the_database_holds_descriptions_are_text(examples: dict[str, str]) -> None:
    filled = dict.fromkeys(EXAMPLES, "") | examples
    for question in QUERIES.values():
        made = catalogue.metadata("x", {}, [], {"q": question}, filled, 0)
        html = made["databases"]["x"]["queries"]["q"]["description_html"]
        tags = re.findall(r"<([^>]*)>", html)
        assert all(re.fullmatch(r'/?(p|dl|dt|dd|a)( (class="parameters"|href="\?[^"<>]*"))?', tag) for tag in tags), (
            tags
        )


def test_a_word_to_look_for_comes_out_of_the_topic() -> None:
    assert catalogue.words_of('(trump* OR "white house") AND putin*') == "trump"
    assert catalogue.words_of("NOT (a OR b)") == ""
    assert catalogue.words_of("") == ""
