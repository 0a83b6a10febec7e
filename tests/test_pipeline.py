"""A whole pass over real HTTP into a real database; only the classifier is a fake with the same interface."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from conftest import FakeClassifier, Item, config_text, make_config, rss
from feedserver import Response
from filelock import FileLock

import media_coverage
from media_coverage import aggregate, pipeline
from media_coverage.errors import AlreadyRunningError, ExitCode
from media_coverage.records import FetchOutcome, Framing, Text
from media_coverage.store import open_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feedserver import FeedServer

    from media_coverage.config import Config

TALKS = Item("Trump and Putin raise hope of a truce", "Aides spoke of a breakthrough.")
BETRAYAL = Item("Critics call the Trump and Putin talks a betrayal", published="Wed, 04 Feb 2026 10:00:00 GMT")
FOOTBALL = Item("City win the derby after a late goal", published="Wed, 04 Feb 2026 20:00:00 GMT")
OFF_TOPIC = Item("Trump and Putin biographies top the football club's book fair")


def serve(server: FeedServer, documents: dict[str, list[bytes]]) -> None:
    for path, bodies in documents.items():
        server.serve(path, *(Response(body) for body in bodies))


def label_counts(database: Path) -> dict[str, int]:
    with open_store(database) as store:
        return dict(store.articles()["label"].value_counts())


def rows(database: Path) -> dict[str, list[tuple[object, ...]]]:
    """What a run leaves behind, without what depends on the clock or on the order of arrival."""
    queries = {
        "articles": "SELECT url, outlet, title, summary, published_at, versions, feeds, on_topic, label, evidence "
        "FROM v_articles ORDER BY url, title",
        "versions": "SELECT url, title, summary FROM v_versions ORDER BY url, title",
        "daily": "SELECT * FROM v_daily_frames ORDER BY date, outlet",
        "stories": "SELECT title, articles, outlets FROM v_stories ORDER BY title, articles",
    }
    with open_store(database) as store:
        assert store.integrity() == "ok"
        return {name: list(store.query(sql).itertuples(index=False, name=None)) for name, sql in queries.items()}


def test_a_pass_fetches_gates_labels_and_aggregates(feed_server: FeedServer, tmp_path: Path) -> None:
    serve(feed_server, {"/ledger.xml": [rss([TALKS, BETRAYAL, FOOTBALL, OFF_TOPIC])]})
    config = make_config(feed_server.url(), folder=tmp_path)

    summary = pipeline.run(config, classifier=FakeClassifier())

    assert summary.exit_code == ExitCode.OK
    assert (summary.entries, summary.new_articles, summary.passed_gate, summary.labelled) == (4, 4, 3, 3)
    assert summary.relevant == 2
    assert label_counts(config.database) == {"hopeful_peace": 1, "appeasement": 1}
    with open_store(config.database) as store:
        daily = store.daily_frames()
    assert list(daily["date"]) == ["2026-02-03", "2026-02-04"]
    assert list(daily["all_articles"]) == [2, 2]
    assert list(daily["articles"]) == [1, 1]


def test_the_library_takes_the_path_of_a_configuration(feed_server: FeedServer, tmp_path: Path) -> None:
    serve(feed_server, {"/ledger.xml": [rss([TALKS])]})
    (tmp_path / "feeds.yaml").write_text(config_text(feed_server.url()), encoding="utf-8")
    summary = media_coverage.run(tmp_path / "feeds.yaml", classifier=FakeClassifier())
    assert summary.new_articles == 1
    assert Path(summary.database) == tmp_path / "media-coverage.db"


def test_rejected_articles_are_kept_with_the_reason(feed_server: FeedServer, tmp_path: Path) -> None:
    german = Item("Trump und Putin treffen sich: Hoffnung auf Frieden in der Ukraine nach langen Verhandlungen")
    serve(
        feed_server,
        {"/ledger.xml": [rss([TALKS, FOOTBALL, OFF_TOPIC])], "/zeitung.xml": [rss([german], language="de")]},
    )
    config = make_config(
        feed_server.url(), {"Morning Ledger": ["/ledger.xml"], "Zeitung": ["/zeitung.xml"]}, folder=tmp_path
    )
    pipeline.run(config, classifier=FakeClassifier())

    with open_store(config.database) as store:
        everything = store.articles(on_topic=None).set_index("title")
    reasons = everything["gate_reason"]
    assert reasons[TALKS.title].startswith("matched: trump, putin")
    assert reasons[FOOTBALL.title] == "no match for trump"
    assert reasons[OFF_TOPIC.title] == "the model finds it off topic"
    assert everything.loc[german.title, "gate_stage"] == "language"
    assert everything.loc[german.title, "language"] == "de"
    assert pd.isna(everything.loc[german.title, "label"])


def test_a_second_run_adds_nothing(feed_server: FeedServer, tmp_path: Path) -> None:
    serve(feed_server, {"/ledger.xml": [rss([TALKS, BETRAYAL])]})
    config = make_config(feed_server.url(), folder=tmp_path)
    pipeline.run(config, classifier=FakeClassifier())
    before = rows(config.database)

    again = pipeline.run(config, classifier=FakeClassifier())

    assert (again.new_articles, again.new_versions, again.labelled, again.days_aggregated) == (0, 0, 0, 0)
    assert again.feeds[0].outcome is FetchOutcome.UNCHANGED
    assert rows(config.database) == before


def test_one_bad_feed_is_one_row_and_exit_code_1(feed_server: FeedServer, tmp_path: Path) -> None:
    feed_server.serve("/good.xml", Response(rss([TALKS])))
    feed_server.serve("/page.xml", Response(b"<!doctype html><html><body>Back soon</body></html>"))
    config = make_config(feed_server.url(), {"Good": ["/good.xml"], "Bad": ["/page.xml"]}, folder=tmp_path)

    summary = pipeline.run(config, classifier=FakeClassifier())

    assert summary.exit_code == ExitCode.SOME_FEEDS_FAILED
    outcomes = {result.outlet: result.outcome for result in summary.feeds}
    assert outcomes == {"Good": FetchOutcome.OK, "Bad": FetchOutcome.NOT_A_FEED}
    with open_store(config.database) as store:
        failed = store.query("SELECT outlet, error FROM v_fetches WHERE NOT succeeded")
        runs = store.runs()
    assert list(failed.itertuples(index=False, name=None)) == [("Bad", "an HTML page came back instead of a feed")]
    assert list(runs["state"]) == ["finished"]
    assert list(runs["feeds_failed"]) == [1]


def test_when_every_feed_fails_nothing_worked(feed_server: FeedServer, tmp_path: Path) -> None:
    feed_server.serve("/ledger.xml", Response(status=500))
    summary = pipeline.run(make_config(feed_server.url(), folder=tmp_path), classifier=FakeClassifier())
    assert summary.exit_code == ExitCode.NOTHING_WORKED


def test_a_changed_headline_is_a_version_with_a_label_of_its_own(feed_server: FeedServer, tmp_path: Path) -> None:
    link = "https://ledger.example/talks"
    first = Item("Trump and Putin talks raise hope", link=link)
    later = Item("Trump and Putin talks called a betrayal", link=link)
    serve(feed_server, {"/ledger.xml": [rss([first]), rss([later])]})
    config = make_config(feed_server.url(), folder=tmp_path)

    pipeline.run(config, classifier=FakeClassifier())
    summary = pipeline.run(config, classifier=FakeClassifier())

    assert (summary.new_articles, summary.new_versions, summary.labelled) == (0, 1, 1)
    assert label_counts(config.database) == {"appeasement": 1}
    with open_store(config.database) as store:
        edits = store.edited_headlines()
        labels = store.query("SELECT label FROM v_labels ORDER BY version_id")
        daily = store.daily_frames()
    assert list(edits["previous_title"]) == [first.title]
    assert list(labels["label"]) == ["hopeful_peace", "appeasement"]
    assert (daily["hopeful_peace"].sum(), daily["appeasement"].sum()) == (0, 1)


def test_the_same_story_under_many_mastheads_is_one_story(feed_server: FeedServer, tmp_path: Path) -> None:
    papers = {f"Paper {i}": [f"/{i}.xml"] for i in range(3)}
    for i in range(3):
        copy = Item(TALKS.title, TALKS.summary, link=f"https://paper{i}.example/talks")
        feed_server.serve(f"/{i}.xml", Response(rss([copy])))
    config = make_config(feed_server.url(), papers, folder=tmp_path)
    pipeline.run(config, classifier=FakeClassifier())
    with open_store(config.database) as store:
        daily = store.daily_frames()
    assert daily["articles"].sum() == 3
    assert daily["new_stories"].sum() == 1
    assert aggregate.by_day(daily)["stories"].tolist() == [1]


def test_stored_counts_equal_a_recomputation_from_scratch(feed_server: FeedServer, tmp_path: Path) -> None:
    """Late arrivals, edits and a copy that is older than the story it copies all change days already counted."""
    older_copy = Item(BETRAYAL.title, link="https://other.example/1", published="Tue, 03 Feb 2026 01:00:00 GMT")
    edited = Item("Trump and Putin end talks in peace", link="https://ledger.example/edited")
    before_edit = Item("Trump and Putin end talks in football", link="https://ledger.example/edited")
    serve(
        feed_server,
        {
            "/ledger.xml": [rss([TALKS, BETRAYAL, before_edit]), rss([TALKS, BETRAYAL, edited, FOOTBALL])],
            "/other.xml": [rss([FOOTBALL]), rss([older_copy])],
        },
    )
    config = make_config(feed_server.url(), {"Ledger": ["/ledger.xml"], "Other": ["/other.xml"]}, folder=tmp_path)
    for _ in range(3):
        pipeline.run(config, classifier=FakeClassifier())
        with open_store(config.database) as store:
            stored = store.daily_frames()
            everything = store.articles_on(store.all_days())
        scratch = aggregate.daily_frames(everything, store.frames).sort_values(["date", "outlet"], ignore_index=True)
        pd.testing.assert_frame_equal(stored, scratch, check_dtype=False)


def test_another_query_gates_everything_anew_and_keeps_the_old_decisions(
    feed_server: FeedServer, tmp_path: Path
) -> None:
    serve(feed_server, {"/ledger.xml": [rss([TALKS, FOOTBALL])]})
    pipeline.run(make_config(feed_server.url(), folder=tmp_path), classifier=FakeClassifier())
    config = make_config(feed_server.url(), folder=tmp_path, query="derby OR truce")

    summary = pipeline.run(config, classifier=FakeClassifier())

    assert summary.passed_gate == 2
    assert summary.labelled == 1  # the other text has its label already
    with open_store(config.database) as store:
        assert store.query("SELECT count(*) AS n FROM gate")["n"][0] == 4
        assert store.daily_frames()["articles"].sum() == 2


def test_another_model_labels_everything_anew_and_keeps_the_old_labels(feed_server: FeedServer, tmp_path: Path) -> None:
    serve(feed_server, {"/ledger.xml": [rss([TALKS, BETRAYAL])]})
    config = make_config(feed_server.url(), folder=tmp_path)
    pipeline.run(config, classifier=FakeClassifier("1"))
    summary = pipeline.run(config, classifier=FakeClassifier("2"))
    assert summary.labelled == 2
    with open_store(config.database) as store:
        labels = store.query("SELECT model_id, count(*) AS n FROM v_labels GROUP BY model_id")
    assert list(labels["n"]) == [2, 2]


def test_two_runs_at_once_are_refused(feed_server: FeedServer, tmp_path: Path) -> None:
    config = make_config(feed_server.url(), folder=tmp_path)
    with FileLock(f"{config.database}.lock"), pytest.raises(AlreadyRunningError) as caught:
        pipeline.run(config, classifier=FakeClassifier())
    assert caught.value.exit_code == 75


class _Interrupting(FakeClassifier):
    """Is interrupted by Ctrl-C at the second batch."""

    calls = 0

    def classify(self, texts: Sequence[Text], *, evidence: bool = False) -> list[Framing]:
        self.calls += 1
        if self.calls == 2:
            raise KeyboardInterrupt
        return super().classify(texts, evidence=evidence)


def _many(count: int) -> bytes:
    words = ("hope", "betrayal", "talks", "football")
    return rss([Item(f"Trump and Putin number {i} bring {words[i % 4]}") for i in range(count)])


def test_an_interrupted_run_loses_nothing_and_the_next_one_finishes_it(feed_server: FeedServer, tmp_path: Path) -> None:
    serve(feed_server, {"/ledger.xml": [_many(250)]})
    config = make_config(feed_server.url(), folder=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        pipeline.run(config, classifier=_Interrupting())
    with open_store(config.database) as store:
        assert store.counts()["articles"] == 250
        assert store.query("SELECT count(*) AS n FROM label")["n"][0] == pipeline.LABEL_BATCH
        assert list(store.runs()["state"]) == ["interrupted"]

    pipeline.run(config, classifier=FakeClassifier())

    undisturbed = tmp_path / "undisturbed.db"
    pipeline.run(config, undisturbed, classifier=FakeClassifier())
    assert rows(config.database) == rows(undisturbed)


_RUN_IN_CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from conftest import FakeClassifier
from media_coverage import config, pipeline
pipeline.run(config.load(Path(sys.argv[1])), classifier=FakeClassifier())
"""


def _killed_run(config: Config, config_file: Path, after: float, how: signal.Signals) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _RUN_IN_CHILD, str(config_file), os.path.dirname(__file__)],  # noqa: PTH120
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 30
    while not config.database.exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(after)
    child.send_signal(how)
    child.wait(timeout=30)


@pytest.mark.parametrize("after", [0.0, 0.03, 0.1, 0.2, 0.35, 0.5])
def test_a_killed_run_is_finished_by_the_next_one(feed_server: FeedServer, tmp_path: Path, after: float) -> None:
    paths = [f"/{i}.xml" for i in range(6)]
    for i, path in enumerate(paths):
        items = [Item(f"Trump and Putin item {i} {j} of hope", link=f"https://p{i}.example/{j}") for j in range(60)]
        feed_server.serve(path, Response(rss(items), delay=0.05 * i))
    text = config_text(feed_server.url(), {f"Paper {i}": [path] for i, path in enumerate(paths)})
    config_file = tmp_path / "feeds.yaml"
    config_file.write_text(text, encoding="utf-8")
    config = make_config(
        feed_server.url(), {f"Paper {i}": [path] for i, path in enumerate(paths)}, folder=tmp_path
    ).model_copy(update={"database": tmp_path / "media-coverage.db"})

    _killed_run(config, config_file, after, signal.SIGKILL)
    pipeline.run(config, classifier=FakeClassifier())

    undisturbed = tmp_path / "undisturbed.db"
    pipeline.run(config, undisturbed, classifier=FakeClassifier())
    assert rows(config.database) == rows(undisturbed)
    assert len(rows(config.database)["articles"]) == 360


def test_a_run_that_brings_nothing_loads_neither_pandas_nor_the_language_detector(
    feed_server: FeedServer, tmp_path: Path
) -> None:
    """They take longer to load than such a run to do all else, and most runs of an hour bring nothing."""
    serve(feed_server, {"/ledger.xml": [rss([FOOTBALL])]})
    settings = tmp_path / "feeds.yaml"
    settings.write_text(config_text(feed_server.url(), {"Ledger": ["/ledger.xml"]}), encoding="utf-8")
    program = (
        "import sys\nfrom media_coverage import pipeline\n(feed,) = pipeline.run(sys.argv[1]).feeds\n"
        "print(feed.outcome.value, *sorted({'pandas', 'py3langid'} & {*sys.modules}))"
    )
    runs = [subprocess.check_output([sys.executable, "-c", program, str(settings)], text=True) for _ in range(2)]
    assert runs == ["ok pandas py3langid\n", "unchanged\n"]
