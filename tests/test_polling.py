"""Which feeds a run asks, when they are due, and how the commands say so. Real HTTP, a real database, a given clock."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from conftest import FakeClassifier, config_text, make_config, rss
from feedserver import FeedServer, Response, loopback_names, redirect

from media_coverage import pipeline
from media_coverage.cli import cli
from media_coverage.errors import ExitCode
from media_coverage.records import FetchOutcome
from media_coverage.schedule import MOVES_BELIEVED
from media_coverage.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from media_coverage.config import Config
    from media_coverage.records import RunSummary

NOW = datetime(2026, 2, 3, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
BODY = rss(["Envoys meet by the lake", "Both sides speak of a truce"])
GONE = Response(status=410)


def run(config: Config, at: datetime = NOW, **how: Any) -> RunSummary:
    return pipeline.run(config, classifier=FakeClassifier(), clock=lambda: at, **how)


def outcomes(summary: RunSummary) -> dict[str, str]:
    """By the last part of the address."""
    return {feed.feed_url.rpartition("/")[2]: feed.outcome.value for feed in summary.feeds}


@pytest.fixture
def config(feed_server: FeedServer, tmp_path: Path) -> Config:
    """Three feeds on one host and one on another; what they answer is up to the test."""
    other = list(loopback_names())[1]
    made = make_config(feed_server.url(), {"Ledger": ["/a", "/b"], "Post": ["/c"]}, folder=tmp_path)
    entry = made.outlets[1].model_copy(update={"feeds": (made.outlets[1].feeds[0],)})
    moved = entry.feeds[0].model_copy(update={"url": feed_server.url("/c", other)})
    network = made.network.model_copy(update={"concurrency": 1, "allow_addresses": ("127.0.0.0/8",)})
    outlets = (made.outlets[0], entry.model_copy(update={"feeds": (moved,)}))
    return made.model_copy(update={"outlets": outlets, "network": network})


def serve(server: FeedServer, **answers: Response) -> None:
    for name in "abc":
        server.serve(f"/{name}", answers.get(name, Response(BODY)))


# ---------------------------------------------------------------------- --due


def test_only_feeds_whose_time_has_come_are_asked(feed_server: FeedServer, config: Config) -> None:
    serve(feed_server, b=Response(BODY, headers={"Cache-Control": "max-age=7200"}))
    assert outcomes(run(config, due_only=True)) == dict.fromkeys("abc", "ok")
    early = run(config, NOW + 30 * MINUTE, due_only=True)
    assert (early.feeds, early.not_due, early.exit_code) == ((), 3, ExitCode.OK)
    later = run(config, NOW + 90 * MINUTE, due_only=True)
    assert outcomes(later) == {"a": "unchanged", "c": "unchanged"}
    assert later.not_due == 1


def test_without_due_all_are_asked(feed_server: FeedServer, config: Config) -> None:
    serve(feed_server)
    run(config)
    again = run(config, NOW + MINUTE)
    assert outcomes(again) == dict.fromkeys("abc", "unchanged")
    assert again.not_due == 0


@pytest.mark.parametrize(
    ("status", "retry_after"),
    [
        pytest.param(429, "3600", id="429 in seconds"),
        pytest.param(503, "Tue, 03 Feb 2026 13:00:00 GMT", id="503 as a date"),
    ],
)
@pytest.mark.parametrize("due_only", [False, True])
def test_a_host_that_asked_for_it_is_left_alone_by_all_its_feeds_in_both_ways_of_running(
    feed_server: FeedServer, config: Config, status: int, retry_after: str, due_only: bool
) -> None:
    serve(feed_server, a=Response(status=status, headers={"Retry-After": retry_after}))
    first = run(config)
    assert outcomes(first) == {
        "a": "rate_limited" if status == 429 else "http_error",
        "b": "held_back",
        "c": "ok",
    }
    assert first.exit_code == ExitCode.SOME_FEEDS_FAILED
    feed_server.requests.clear()

    second = run(config, NOW + 30 * MINUTE, due_only=due_only)
    assert {request.path for request in feed_server.requests} == (set() if due_only else {"/c"})
    assert second.exit_code == ExitCode.OK
    if not due_only:
        assert outcomes(second) == {"a": "held_back", "b": "held_back", "c": "unchanged"}

    serve(feed_server)
    third = run(config, NOW + 2 * HOUR, due_only=due_only)
    assert outcomes(third) == {"a": "ok", "b": "ok", "c": "unchanged"}


def test_once_a_day_the_whole_document_is_asked_for(feed_server: FeedServer, config: Config) -> None:
    """/a says 304 to every conditional request, whatever has happened since."""
    news = rss(["A new round of talks is announced", "Envoys meet by the lake", "Both sides speak of a truce"])
    serve(feed_server)
    bodies = [BODY]
    feed_server.serve_with(
        "/a",
        lambda request: (
            Response(status=304)
            if "if-none-match" in request.headers
            else Response(bodies[-1], headers={"ETag": '"always the same"'})
        ),
    )
    run(config)
    bodies.append(news)
    assert outcomes(run(config, NOW + 23 * HOUR))["a"] == "not_modified"
    found = run(config, NOW + 25 * HOUR)
    assert outcomes(found)["a"] == "ok"
    assert found.new_articles == 1
    # The lie is proven, so that validators are not sent any more.
    assert outcomes(run(config, NOW + 26 * HOUR))["a"] == "unchanged"
    with open_store(config.database) as store:
        row = store.feeds().set_index("url").loc[feed_server.url("/a")]
    assert row[["not_modified", "forced", "forced_news", "lying_304s"]].tolist() == [1, 2, 1, 1]


# ---------------------------------------------------------------------- 410 and moves


def test_a_feed_that_is_gone_is_switched_off_aloud_and_on_again_by_hand(
    feed_server: FeedServer, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    serve(feed_server, a=GONE)
    with caplog.at_level(logging.WARNING):
        first = run(config)
    assert outcomes(first)["a"] == "gone"
    (line,) = [record.getMessage() for record in caplog.records if record.getMessage().startswith("OFF ")]
    url = feed_server.url("/a")
    assert url in line
    assert "Ledger" in line
    assert "410" in line
    for due_only in (False, True):
        later = run(config, NOW + 999 * HOUR, due_only=due_only)
        assert later.off == 1
        assert later.exit_code == ExitCode.OK
    assert len(feed_server.asked("/a")) == 1
    with open_store(config.database, read_only=False) as store:
        store.switch_on(url)
    serve(feed_server)
    assert outcomes(run(config, NOW + 1000 * HOUR))["a"] == "ok"


def test_a_feed_that_moved_for_good_is_asked_at_its_new_address(
    feed_server: FeedServer, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    serve(feed_server)
    run(config)
    serve(feed_server, a=redirect("/new", 301))
    feed_server.serve("/new", Response(BODY))
    with caplog.at_level(logging.WARNING):
        for number in range(MOVES_BELIEVED):
            assert len(feed_server.asked("/a")) == 1 + number
            run(config, NOW + (1 + number) * HOUR)
    assert f"moved: {feed_server.url('/a')} is asked at {feed_server.url('/new')} from now on" in caplog.text
    run(config, NOW + 9 * HOUR)
    assert len(feed_server.asked("/a")) == 1 + MOVES_BELIEVED
    assert len(feed_server.asked("/new")) == MOVES_BELIEVED + 1


# ---------------------------------------------------------------------- --deadline and exit codes


def test_feeds_not_reached_before_the_deadline_are_recorded(
    feed_server: FeedServer, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    serve(feed_server, a=Response(BODY, delay=60))
    with caplog.at_level(logging.WARNING):
        summary = run(config, deadline=1)
    assert outcomes(summary)["a"] == outcomes(summary)["b"] == "not_reached"
    assert summary.exit_code != ExitCode.OK
    assert f"the deadline came before {list(outcomes(summary).values()).count('not_reached')} of 3 feeds" in caplog.text
    with open_store(config.database) as store:
        assert store.query(
            "SELECT DISTINCT attempted FROM v_fetches WHERE outcome = 'not_reached'"
        ).values.tolist() == [[0]]
    feed_server.requests.clear()
    serve(feed_server)
    assert outcomes(run(config, NOW + MINUTE, due_only=True))["a"] == "ok"  # not asked is not failed


@pytest.mark.parametrize(
    ("feeds", "failing", "due", "code"),
    [
        pytest.param(2, 2, 2, ExitCode.NOTHING_WORKED, id="all there are"),
        pytest.param(9, 1, 1, ExitCode.SOME_FEEDS_FAILED, id="the only one that was due"),
        pytest.param(9, 5, 5, ExitCode.NOTHING_WORKED, id="five that were due"),
        pytest.param(9, 8, 9, ExitCode.SOME_FEEDS_FAILED, id="one answered"),
        pytest.param(9, 0, 0, ExitCode.OK, id="none was due"),
    ],
)
def test_one_feed_that_fails_alone_is_not_a_broken_network(
    feed_server: FeedServer, tmp_path: Path, feeds: int, failing: int, due: int, code: ExitCode
) -> None:
    bad = [f"/bad{number}" for number in range(failing)]
    good = [f"/good{number}" for number in range(feeds - failing)]
    for path in good:
        feed_server.serve(path, Response(BODY))
    config = make_config(feed_server.url(), {"Ledger": bad + good}, folder=tmp_path)
    if due < feeds:  # leave those that are not wanted as asked just now
        rest = make_config(feed_server.url(), {"Ledger": good}, folder=tmp_path)
        run(rest)
    assert run(config, NOW + MINUTE, due_only=True).exit_code == code


# ---------------------------------------------------------------------- commands


@pytest.fixture
def commands(config: Config, feed_server: FeedServer, tmp_path: Path) -> Any:
    """Calls a command on a feeds.yaml beside the database of `config`."""
    text = config_text(feed_server.url(), {"Ledger": ["/a", "/b"], "Post": ["/c"]})
    (tmp_path / "feeds.yaml").write_text(text, encoding="utf-8")

    def call(*arguments: str) -> Any:
        return CliRunner().invoke(cli, [*arguments, "--config", str(tmp_path / "feeds.yaml")], catch_exceptions=False)

    return call


def just_now(config: Config, **how: Any) -> RunSummary:
    return run(config, datetime.now(UTC), **how)


def test_why_says_when_a_feed_is_due_and_why(feed_server: FeedServer, config: Config, commands: Any) -> None:
    serve(feed_server, a=Response(BODY, headers={"Cache-Control": "max-age=36000"}))
    just_now(config)
    said = commands("why", "/a").output
    assert f"Ledger: {feed_server.url('/a')}" in said
    assert "due in 9 h 59 min" in said or "due in 10 h" in said
    assert "its publisher calls the answer fresh (Cache-Control: max-age=36000)" in said
    assert "2 entries came" in said
    assert "1 fetches, 0 failures" in said


def test_why_finds_feeds_by_address_by_part_of_it_and_by_outlet(
    feed_server: FeedServer, config: Config, commands: Any
) -> None:
    serve(feed_server)
    just_now(config)

    def found(what: str) -> list[str]:
        return [row["url"].rpartition("/")[2] for row in json.loads(commands("why", what, "--json").output)]

    assert found(feed_server.url("/b")) == ["b"]
    assert found("ledger") == ["a", "b"]
    assert found("127") == ["a", "b", "c"]


def test_why_speaks_json(feed_server: FeedServer, config: Config, commands: Any) -> None:
    serve(feed_server, a=Response(status=404), b=GONE)
    just_now(config)
    a, b = json.loads(commands("why", "Ledger", "--json").output)
    due_at = datetime.fromisoformat(a.pop("due_at"))
    assert 5 * HOUR < due_at - datetime.now(UTC) < 7 * HOUR
    assert "not_found" in a.pop("reason")
    assert a == {
        "url": feed_server.url("/a"),
        "outlet": "Ledger",
        "address": feed_server.url("/a"),
        "fetches": 1,
        "failures": 1,
        "not_modified": 0,
        "forced": 0,
        "forced_news": 0,
        "lying_304s": 0,
        "may_have_lost": 0,
        "is_due": False,
        "interval_seconds": 3600,
    }
    assert (b["due_at"], b["is_due"]) == (None, False)
    assert "gone for good (410)" in b["reason"]


def test_why_does_not_guess(feed_server: FeedServer, config: Config, commands: Any) -> None:
    serve(feed_server)
    just_now(config)
    from media_coverage.errors import InputError

    with pytest.raises(InputError, match="knows no feed with 'nowhere'"):
        commands("why", "nowhere")


def test_a_feed_that_has_moved_says_so(feed_server: FeedServer, config: Config, commands: Any) -> None:
    serve(feed_server, a=redirect("/new", 308))
    feed_server.serve("/new", Response(BODY))
    for _ in range(MOVES_BELIEVED):
        just_now(config)
    assert f"It has moved for good and is asked at {feed_server.url('/new')}." in commands("why", "/a").output


def test_feeds_on_switches_on_what_is_off(feed_server: FeedServer, config: Config, commands: Any) -> None:
    serve(feed_server, a=GONE)
    just_now(config)
    assert "\n  off\n" in commands("why", "/a").output
    assert commands("feeds", "on", "Ledger").output == f"on again: {feed_server.url('/a')}\n"
    assert commands("feeds", "on", "Ledger").output == "none of these feeds is off\n"
    assert "off" not in commands("why", "/a").output.split(",")[0]


def test_run_takes_due_and_deadline_and_counts_what_it_left_out(
    feed_server: FeedServer, config: Config, commands: Any
) -> None:
    serve(feed_server, a=Response(status=429, headers={"Retry-After": "600"}))
    first = commands("run", "--deadline", "60")
    assert first.exit_code == ExitCode.SOME_FEEDS_FAILED
    assert "feeds (1 failed), " in first.output
    assert " held back; " in first.output
    second = commands("run", "--due")
    assert second.exit_code == ExitCode.OK
    assert second.output.startswith("0 feeds (0 failed), 3 not due; ")
    assert json.loads(commands("run", "--due", "--json").output)["not_due"] == 3
    assert commands("run", "--deadline", "0").exit_code == ExitCode.USAGE


def test_every_outcome_is_either_an_attempt_or_counted_apart() -> None:
    assert [outcome for outcome in FetchOutcome if not outcome.attempted] == [
        FetchOutcome.HELD_BACK,
        FetchOutcome.NOT_REACHED,
        FetchOutcome.DISALLOWED,  # these two end pages only
        FetchOutcome.ROBOTS_UNREACHABLE,
    ]
