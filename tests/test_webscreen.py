"""The coding page over real HTTP: blindness, order and resumption as on a terminal, and who is kept out."""

from __future__ import annotations

import contextlib
import http.client
import re
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import pytest
from drawn_press import OUTLETS, make_press, titles
from hypothesis import given, settings
from hypothesis import strategies as st

from media_coverage import codebook, pipeline, webscreen
from media_coverage.coding import Answers, Sitting, Task, order, shown
from media_coverage.errors import StoreBusyError
from media_coverage.framing import DEFAULT_FRAMES
from media_coverage.records import Text
from media_coverage.sample import Design
from media_coverage.screen import Subject
from media_coverage.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SUBJECT = Subject("Coding of audit · ada", DEFAULT_FRAMES, codebook.load(None, DEFAULT_FRAMES), "The meeting")


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str


class Browser:
    """Speaks HTTP to a coding page as a browser does."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self.host, self.path = parts.netloc, parts.path
        self.port = int(parts.port or 0)

    def send(self, method: str, path: str | None = None, body: str | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path or self.path, body=body, headers={"Host": self.host} | headers)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read().decode())
        finally:
            connection.close()

    def look(self) -> str:
        """The page of the moment."""
        answer = self.send("GET")
        assert answer.status == 200
        return answer.body

    def press(self, key: str, turn: str | None = None, **fields: str) -> Answer:
        """Click the button of a key, as the page of the moment offers it."""
        turn = turn if turn is not None else turn_of(self.look())
        return self.post(urlencode({"turn": turn, "key": key, **fields}))

    def post(self, body: str, **headers: str) -> Answer:
        return self.send("POST", body=body, **{"Origin": f"http://{self.host}"} | headers)


def turn_of(page: str) -> str:
    found = re.search(r'name="turn" value="(\d+)"', page)
    assert found is not None, page
    return found[1]


class Desk:
    """A page of its own in a thread of its own; `coded` is what it has stored."""

    def __init__(self, tasks: list[Task], coded: dict[int, Answers] | None = None, *, busy: int = 0) -> None:
        self.coded: dict[int, Answers] = {}
        self._busy = busy
        said: SimpleQueue[str] = SimpleQueue()
        sitting = Sitting(tasks, coded or {})
        self.thread = threading.Thread(target=webscreen.serve, args=(sitting, SUBJECT, self._save, said.put))
        self.thread.start()
        self.browser = Browser(said.get(timeout=30))

    def _save(self, task: Task, answers: Answers) -> None:
        if self._busy:
            self._busy -= 1
            raise StoreBusyError("is held", path="coverage.db")
        self.coded[task.version_id] = answers

    def close(self) -> None:
        if self.thread.is_alive():
            self.browser.press("q")
        self.thread.join(30)
        assert not self.thread.is_alive()


@pytest.fixture
def sit() -> Iterator[Callable[..., Desk]]:
    with contextlib.ExitStack() as stack:

        def start(*texts: tuple[str, str], coded: dict[int, Answers] | None = None, busy: int = 0) -> Desk:
            tasks = [Task(number, Text(*text)) for number, text in enumerate(texts, start=1)]
            desk = Desk(tasks, coded, busy=busy)
            stack.callback(desk.close)
            return desk

        yield start


TWO = (("First headline", "Its lead."), ("Second headline", ""))


def test_each_answer_is_a_click_and_each_text_is_stored_when_it_is_whole(sit: Callable[..., Desk]) -> None:
    desk = sit(*TWO)
    browser = desk.browser
    page = browser.look()
    assert "First headline" in page
    assert "Is the text about the topic?" in page
    assert "0 of 2" in page
    answer = browser.press("y")
    assert (answer.status, answer.headers["Location"]) == (303, browser.path)
    for key in "yn1":
        browser.press(key)
    assert desk.coded == {}
    browser.press("2")
    assert desk.coded == {1: Answers(1, 1, 0, "outlet", 2)}
    page = browser.look()
    assert "Second headline" in page
    assert "1 of 2" in page


def test_a_note_a_genre_and_the_way_back(sit: Callable[..., Desk]) -> None:
    desk = sit(*TWO)
    browser = desk.browser
    browser.press("t", note="irony & doubt")
    browser.press("g")
    browser.press("g")
    page = browser.look()
    assert "irony &amp; doubt" in page
    assert "genre comment" in page
    browser.press("n")
    browser.press("b")
    assert "Is the text about the topic?" in browser.look()
    browser.press("n")
    browser.press("1")
    assert desk.coded[1] == Answers(0, certainty=1, note="irony & doubt", genre="comment")


def test_a_form_of_an_older_page_changes_nothing(sit: Callable[..., Desk]) -> None:
    """A double click, the browser's way back, a second window."""
    desk = sit(*TWO)
    turn = turn_of(desk.browser.look())
    desk.browser.press("n", turn)
    desk.browser.press("y", turn)
    page = desk.browser.look()
    assert "out of date" in page
    assert "How sure are you?" in page
    assert desk.coded == {}


def test_earlier_answers_are_kept_with_enter_and_what_is_coded_is_passed_over(sit: Callable[..., Desk]) -> None:
    desk = sit(*TWO, coded={1: Answers(1, 1, 0, "both", 3, genre="news")})
    browser = desk.browser
    assert "Second headline" in browser.look()
    browser.press("b")
    for _ in range(5):
        assert "keeps" in browser.look()
        browser.press("enter")
    assert desk.coded == {1: Answers(1, 1, 0, "both", 3, genre="news")}


def test_while_another_program_writes_the_last_question_is_asked_again(sit: Callable[..., Desk]) -> None:
    desk = sit(*TWO, busy=1)
    desk.browser.press("n")
    desk.browser.press("1")
    assert "answer once more" in desk.browser.look()
    desk.browser.press("1")
    assert desk.coded == {1: Answers(0, certainty=1)}


def test_the_end_of_the_sample_ends_the_sitting(sit: Callable[..., Desk]) -> None:
    desk = sit(TWO[0])
    for key in "n1":
        desk.browser.press(key)
    assert "All texts are coded." in desk.browser.look()
    end = desk.browser.press("q")
    assert end.status == 200
    assert "This page can be closed." in end.body
    desk.thread.join(30)
    assert not desk.thread.is_alive()


class Parsed(HTMLParser):
    """Tags with attributes, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


HOSTILE = (
    "<script>alert(1)</script> \"quoted\" & 'more'",
    '<img src=x onerror="alert(2)"> </main><form action=//evil>',
)


def test_feed_text_is_text_and_the_page_loads_nothing(sit: Callable[..., Desk]) -> None:
    desk = sit(HOSTILE)
    answer = desk.browser.send("GET")
    parsed = Parsed(answer.body)
    assert all(part in parsed.text for part in HOSTILE)
    names = [name for name, _ in parsed.tags]
    assert names.count("script") == 1
    assert names.count("form") == 2
    assert not {"img", "link", "iframe", "object"} & set(names)
    assert not any(
        name in {"src", "href", "action"} or name.startswith("on") for _, all_of in parsed.tags for name in all_of
    )
    policy = answer.headers["Content-Security-Policy"]
    nonce = re.search(r"script-src 'nonce-([^']+)'", policy)
    assert nonce is not None
    assert f'<script nonce="{nonce[1]}">' in answer.body
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80))
def test_whatever_a_feed_says_the_page_keeps_its_form(title: str, lead: str) -> None:
    text = shown(title, lead, "Morning Ledger")
    page = webscreen.Desk(Sitting([Task(1, text)], {}), SUBJECT, lambda _task, _answers: None).answer(None)
    parsed = Parsed(page)
    assert [name for name, _ in parsed.tags].count("form") == 2
    assert text.summary in unescape(page)


def test_only_who_knows_the_address_gets_in(sit: Callable[..., Desk]) -> None:
    browser = sit(*TWO).browser
    assert browser.send("GET", "/").status == 404
    assert browser.send("GET", browser.path[:-2] + "x/").status == 404
    assert browser.send("GET", browser.path + "../").status == 404
    assert browser.send("GET", "/\u00e9".encode("latin-1").decode("latin-1").replace("\u00e9", "%C3%A9")).status == 404
    assert len(browser.path) >= 32


def test_other_sites_cannot_look_or_post(sit: Callable[..., Desk]) -> None:
    """A name that is made to point here, and a form on somebody else's page."""
    desk = sit(*TWO)
    browser, turn = desk.browser, turn_of(desk.browser.look())
    assert browser.send("GET", Host=f"press.example:{browser.port}").status == 403
    form = urlencode({"turn": turn, "key": "y"})
    for origin in ("http://press.example", "null", f"http://127.0.0.1:{browser.port + 1}", ""):
        assert browser.post(form, Origin=origin).status == 403
    assert browser.send("POST", body=form).status == 403
    assert turn_of(browser.look()) == turn
    other_name = {"Host": f"localhost:{browser.port}", "Origin": f"http://localhost:{browser.port}"}
    assert browser.send("POST", body=form, **other_name).status == 303


def test_forms_that_no_page_sends_are_refused(sit: Callable[..., Desk]) -> None:
    browser = sit(*TWO).browser
    assert browser.post("a" * (webscreen.MAX_FORM + 1)).status == 413
    assert browser.send("POST", Origin=f"http://{browser.host}", **{"Content-Length": "many"}).status == 413
    assert browser.post("%ff%00=&&&turn").status == 303
    assert browser.post(urlencode({"turn": turn_of(browser.look()), "key": "\u2028\x00x"})).status == 303
    assert browser.send("PUT").status == 501
    assert "First headline" in browser.look()


# ---------------------------------------------------------------------- the command, on a database


@pytest.fixture(scope="module")
def pressed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web")
    database = make_press(folder, titles(60))
    pipeline.draw_sample(database, "audit", Design(20, 7))
    return database


@pytest.fixture
def database(pressed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(pressed, tmp_path / "coverage.db"))


@contextlib.contextmanager
def coding(database: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], Browser]]:
    command = [sys.executable, "-m", "media_coverage", "code", "--web", "--db", str(database), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert "in a browser on this machine" in process.stdout.readline()
            yield process, Browser(process.stdout.readline().strip())
        finally:
            if process.poll() is None:
                process.kill()


def test_a_sitting_in_the_browser_breaks_off_and_goes_on(database: Path) -> None:
    with open_store(database) as store:
        items = store.sample_items("audit")
    by_version = {int(row["version_id"]): row for row in items.to_dict("records")}
    mine = order(by_version, "audit", "ada")
    with coding(database, "--coder", "ada") as (process, browser):
        page = unescape(browser.look())
        first = by_version[mine[0]]
        assert first["title"] in page
        assert not any(name in page for name in OUTLETS)
        assert str(first["date"]) not in page
        for key in "n1y":
            browser.press(key)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stdout is not None
        assert "1 of 20 texts have a code; every one is stored." in process.stdout.read()
    with open_store(database) as store:
        codes = store.codes("audit")
    assert codes[["version_id", "coder", "rel", "kind"]].to_numpy().tolist() == [[mine[0], "ada", 0, "individual"]]
    with coding(database, "--coder", "ada") as (process, browser):
        page = unescape(browser.look())
        assert by_version[mine[1]]["title"] in page
        assert "1 of 20" in page
        browser.press("q")
        assert process.wait(30) == 0


def test_two_ways_at_once_are_refused(database: Path, command: Callable[..., object]) -> None:
    found = command("code", "--coder", "ada", "--web", "--plain", "--db", database)
    assert "leave one out" in str(found)
