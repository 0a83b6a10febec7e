"""parser_process.py: a parser that hangs, grows or crashes costs one document."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import FakeClassifier, Item, make_config, rss
from feedserver import Response

import media_coverage
from media_coverage import pipeline
from media_coverage.config import Network
from media_coverage.parse import parse
from media_coverage.parser_process import AHEAD, Limits, ParserProcess, parse_all
from media_coverage.records import Feed, Fetched, FetchOutcome, Outlet, ParsedFeed, Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from feedserver import FeedServer

ROOT = Path(__file__).parents[1]
SAMPLES = Path(media_coverage.__file__).parent / "samples"
FEED = Feed("https://ledger.example/feeds/world.xml", Outlet("Morning Ledger", "GB", "uk"))
TIGHT = Limits(cpu_seconds=1, wall_seconds=30, memory_bytes=2**28)
GOOD = rss(["Envoys meet by the lake", "Both sides speak of a truce"])


def document(body: str | bytes) -> Fetched:
    body = body if isinstance(body, bytes) else body.encode()
    return Fetched(FEED, FetchOutcome.OK, datetime(2026, 2, 3, 12, tzinfo=UTC), 1, 200, FEED.url, {}, body)


def answer(parser: ParserProcess, body: str) -> tuple[int, str]:
    """Process id and text of an echo."""
    echoed = parser.parse(document(body), 7)
    assert isinstance(echoed, Rejected)
    assert echoed.outcome is FetchOutcome.NOT_A_FEED, echoed.error
    pid, text, limit = echoed.error.split()
    assert limit == "7"
    return int(pid), text


# ---------------------------------------------------------------------- the same as without a child


def test_what_comes_back_is_what_the_parser_makes_of_the_document() -> None:
    bodies = [path.read_bytes() for path in sorted(SAMPLES.glob("*/*.xml"))]
    with ParserProcess(Limits()) as parser:
        for body in [*bodies, GOOD, b"<html>Maintenance</html>", b"\0" * 100]:
            parsed = parser.parse(document(body), 5)
            assert parsed == parse(document(body), 5)
            if isinstance(parsed, ParsedFeed):
                assert all(entry.published is None or entry.published.tzinfo is UTC for entry in parsed.entries)


def test_the_child_imports_what_it_needs_and_no_more() -> None:
    with ParserProcess(Limits(), "misbehaving_parsers:loaded_modules") as parser:
        loaded = parser.parse(document(GOOD), 5)
    assert isinstance(loaded, Rejected)
    assert "feedparser" in loaded.error.split()
    heavy = "click httpx2 numpy onnxruntime pandas pydantic rich sqlite3 sqlite_utils yaml"
    assert not set(loaded.error.split()) & set(heavy.split())


def test_a_child_lives_as_long_as_all_is_well() -> None:
    with ParserProcess(TIGHT, "misbehaving_parsers:obey") as parser:
        assert len({answer(parser, word)[0] for word in ("one", "two", "three")}) == 1


def test_what_a_parser_prints_stays_out_of_the_answer() -> None:
    with ParserProcess(TIGHT, "misbehaving_parsers:talk") as parser:
        assert answer(parser, "one")[1] == "one"
        assert answer(parser, "two")[1] == "two"


# ---------------------------------------------------------------------- limits and death


@pytest.mark.parametrize(
    ("deed", "limits", "says"),
    [
        pytest.param("hang", Limits(wall_seconds=0.5), "took longer than 0.5 s", id="hangs"),
        pytest.param("stop_answering", TIGHT, "died on this document (SIGKILL)", id="stops answering"),
        pytest.param("spin", TIGHT, "used more than 1 s of processor time", id="computes for ever"),
        pytest.param("crash", TIGHT, "died on this document (SIGSEGV)", id="crashes"),
        pytest.param("leave", TIGHT, "(exit code 3): something is wrong", id="exits"),
        pytest.param("fail", TIGHT, "(exit code 1): LookupError: nobody expected this", id="raises"),
        pytest.param(
            "grow",
            TIGHT,
            "needed more than 256 MiB of memory",
            id="grows",
            marks=pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not limit address space"),
        ),
    ],
)
def test_a_child_that_goes_wrong_is_a_sentence_and_the_next_document_gets_another(
    deed: str, limits: Limits, says: str
) -> None:
    with ParserProcess(limits, "misbehaving_parsers:obey") as parser:
        first, _ = answer(parser, "one")
        rejected = parser.parse(document(deed), 7)
        assert isinstance(rejected, Rejected)
        assert rejected.outcome is FetchOutcome.PARSER_KILLED
        assert says in rejected.error
        assert "\n" not in rejected.error
        second, text = answer(parser, "two")
        assert (text, second != first) == ("two", True)


def test_processor_time_is_counted_per_document() -> None:
    """Together, eight documents take longer than one is allowed to."""
    with ParserProcess(TIGHT, "misbehaving_parsers:obey") as parser:
        assert len({answer(parser, "work")[0] for _ in range(8)}) == 1


def test_a_child_that_died_between_two_documents_is_replaced() -> None:
    with ParserProcess(TIGHT, "misbehaving_parsers:obey") as parser:
        first, _ = answer(parser, "one")
        os.kill(first, signal.SIGKILL)
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
        second, text = answer(parser, "two")
        assert (text, second != first) == ("two", True)


def test_ctrl_c_is_the_parents_affair() -> None:
    with ParserProcess(TIGHT, "misbehaving_parsers:obey") as parser:
        first, _ = answer(parser, "one")
        os.kill(first, signal.SIGINT)
        assert answer(parser, "two") == (first, "two")


def test_only_records_come_back() -> None:
    with ParserProcess(TIGHT, "misbehaving_parsers:strange") as parser:
        rejected = parser.parse(document("x"), 7)
    assert isinstance(rejected, Rejected)
    assert rejected.outcome is FetchOutcome.PARSER_KILLED


def test_a_parser_that_cannot_be_started_says_why() -> None:
    with ParserProcess(TIGHT, "no_such_module:parse") as parser:
        rejected = parser.parse(document("x"), 7)
    assert isinstance(rejected, Rejected)
    assert "ModuleNotFoundError: No module named 'no_such_module'" in rejected.error


def test_after_closing_no_child_is_left() -> None:
    parser = ParserProcess(TIGHT, "misbehaving_parsers:obey")
    pid, _ = answer(parser, "one")
    parser.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(RuntimeError):
        parser.parse(document("two"), 7)


# ---------------------------------------------------------------------- hostile documents, the real parser


def hostile(*items: str, prolog: str = '<?xml version="1.0"?>') -> bytes:
    head = f"{prolog}<rss version='2.0'><channel><title>Morning Ledger</title>"
    return (head + "".join(items) + Item("The last item").xml() + "</channel></rss>").encode()


LAUGHS = "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefghi", "bcdefghij", strict=True))
HOSTILE = {
    "an author that a pattern is slow on": hostile(f"<item><author>{'a@a.' * 16_384}</author></item>" * 5),
    "many such authors": hostile(f"<item><title>x</title><author>{'a@a.' * 300}</author></item>" * 1000),
    "a billion laughs": hostile("<item><title>&j;</title></item>", prolog=f'<!DOCTYPE rss [<!ENTITY a "ha">{LAUGHS}]>'),
    "one long entity, often": hostile(
        f"<item><title>{'&a;' * 20_000}</title></item>", prolog=f'<!DOCTYPE rss [<!ENTITY a "{"x" * 20_000}">]>'
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_documents_made_to_be_slow_or_large_stay_within_the_limits(name: str) -> None:
    with ParserProcess(Limits(cpu_seconds=5, memory_bytes=2**29)) as parser:
        parsed = parser.parse(document(HOSTILE[name]), 5000)
    assert isinstance(parsed, ParsedFeed), parsed
    assert parsed.entries[-1].title == "The last item"


def test_a_document_that_no_parser_could_bear_is_a_value() -> None:
    with ParserProcess(TIGHT) as parser:
        slow = parser.parse(document(rss(["Envoys meet by the lake"] * 30_000)), 5)
        assert isinstance(slow, Rejected)
        assert slow.outcome is FetchOutcome.PARSER_KILLED
        assert isinstance(parser.parse(document(GOOD), 5), ParsedFeed)


def test_a_few_hundred_inputs_of_the_fuzzer() -> None:
    """`make fuzz` runs a hundred thousand."""
    fuzz = [sys.executable, str(ROOT / "tools" / "fuzz.py"), "--inputs", "300", "--seed", "20260203", "--json"]
    done = subprocess.run(fuzz, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert sum(figures["outcomes"].values()) == 300
    assert figures["outcomes"].keys() >= {"ok", "damaged", "not_a_feed"}
    assert figures["faults"] == 0


# ---------------------------------------------------------------------- many documents


def test_every_feed_comes_back_once_with_its_document_or_none() -> None:
    failed = Fetched(FEED, FetchOutcome.TIMEOUT, datetime(2026, 2, 3, 12, tzinfo=UTC), 1, error="no answer")
    bodies = [rss([f"Report number {number}"]) for number in range(20)]
    arriving = [failed, *map(document, bodies), failed]
    results = list(parse_all(arriving, Network()))
    assert sorted(id(fetched) for fetched, _ in results) == sorted(map(id, arriving))
    for fetched, parsed in results:
        assert parsed == (parse(fetched, 5000) if fetched.body else None)


def test_two_documents_are_parsed_at_the_same_time(tmp_path: Path) -> None:
    pair = [document(f"{tmp_path}|a|b"), document(f"{tmp_path}|b|a")]
    results = list(parse_all(pair, Network(), TIGHT, "misbehaving_parsers:wait_for_the_other"))
    assert [parsed.outcome for _, parsed in results if isinstance(parsed, Rejected)] == [FetchOutcome.NOT_A_FEED] * 2


def test_documents_are_taken_only_a_few_ahead() -> None:
    taken = 0

    def arriving() -> Iterator[Fetched]:
        nonlocal taken
        for number in range(20):
            taken += 1
            yield document(f"{number}")

    results = parse_all(arriving(), Network(), TIGHT, "misbehaving_parsers:obey")
    for given, _ in enumerate(results):
        assert taken - given <= AHEAD
    assert taken == 20


def test_leaving_early_stops_what_is_under_way() -> None:
    """The hanging document would otherwise hold this test for a minute of its clock."""
    arriving = [document("hang"), document("one"), document("two")]
    with contextlib.closing(parse_all(arriving, Network(), Limits(), "misbehaving_parsers:obey")) as results:
        fetched, _ = next(results)
        assert fetched.body == b"one"


def test_a_limit_that_is_reached_is_told_in_the_row(feed_server: FeedServer, tmp_path: Path) -> None:
    url = feed_server.serve("/ledger.xml", Response(rss([f"Trump and Putin, part {part}" for part in range(5)])))
    config = make_config(url.removesuffix("/ledger.xml"), folder=tmp_path, max_entries=2)
    (result,) = pipeline.run(config, classifier=FakeClassifier()).feeds
    assert (result.outcome, result.entries) == (FetchOutcome.OK, 2)
    assert result.error == "3 entries beyond the first 2 left out (network.max_entries)"


def test_memory_grows_with_the_size_that_documents_may_have() -> None:
    assert Limits.of(Network(max_bytes=2**25)).memory_bytes > Limits.of(Network()).memory_bytes > 2**29
