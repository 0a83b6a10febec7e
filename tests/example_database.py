"""A database with something in every table, the same in every byte that matters: the bundled samples at fixed times.

Four runs over the sample feeds (one day between them has none), two models that differ now and then, an audit that two
people have coded, pages that were read, a file that was imported. Network and classifier are stood in for; all else is
the real thing. From it come the examples of docs/schema.md, and the queries of docs/queries.md are tried on it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from media_coverage import backfill, config, pipeline
from media_coverage.classify import ModelInfo
from media_coverage.demo import SAMPLES
from media_coverage.framing import DEFAULT_FRAMES
from media_coverage.identity import canonical_url, identify, lead_of, outlets_by_name_and_host
from media_coverage.language import language_of
from media_coverage.parse import parse
from media_coverage.records import (
    Access,
    Code,
    Entry,
    Feed,
    Fetched,
    FetchOutcome,
    Framing,
    FullText,
    PageText,
    ParsedFeed,
    Rejected,
    Robots,
    SummarySource,
)
from media_coverage.sample import Design, draw
from media_coverage.schedule import CLOCK_SLACK
from media_coverage.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from media_coverage.config import Config
    from media_coverage.records import Sighting, Text
    from media_coverage.store import Store

BASE = "https://samples.example"
RUNS = tuple(
    (datetime(2026, 3, day, 6, tzinfo=UTC), edition)
    for day, edition in ((2, "first"), (3, "first"), (5, "second"), (6, "second"))
)
"""When, and which edition of the samples is served. On 4 March nothing runs."""
END = datetime(2026, 3, 7, 9, tzinfo=UTC)
MOVED, WAITS, READ = "Harbour Post", "Nairobi Beacon", "Thames Courier"
"""Outlets (or parts of their names): moved for good, wants to be left alone for a while, whose pages are read."""
WIRE = "LARNACA (Reuters) - Envoys of Trump and Putin met for two hours about Ukraine, and left without a word."
CARRIERS = ("Harbour Post", "Prairie Standard")
"""A lead of an agency, invented, and the outlets that carry it in their last edition."""


def _draw(text: str, salt: str) -> float:
    """A number in 0..1 that only the text and the salt decide."""
    return int(hashlib.sha256(f"{salt}:{text}".encode()).hexdigest()[:8], 16) / 0xFFFFFFFF


class Told:
    """A Classifier that was told the truth about the samples; version 2 errs where chance has it."""

    def __init__(self, truth: Mapping[str, Mapping[str, int]], version: str) -> None:
        self._truth, self._version = truth, version

    @property
    def info(self) -> ModelInfo:
        digest = hashlib.sha256(self._version.encode()).hexdigest()
        settings = {"thresholds": {"relevant": 0.5, "hope": 0.5, "appease": 0.5}}
        return ModelInfo("told", self._version, digest, "1", "en", settings, "none", DEFAULT_FRAMES, "any")

    def classify(self, texts: Sequence[Text], *, evidence: bool = False) -> list[Framing]:
        return [self._one(text, evidence) for text in texts]

    def _one(self, text: Text, evidence: bool) -> Framing:
        truth = self._truth.get(text.title, {"rel": 0, "hope": 0, "appease": 0})
        errs = self._version != "1" and _draw(text.title, self._version) < 0.1
        said = [bool(truth["rel"]), *(bool(truth[name]) != errs for name in ("hope", "appease"))]
        p = [
            round((0.55 if yes else 0.05) + 0.4 * _draw(text.title, f"{self._version}{name}"), 4)
            for name, yes in zip(("rel", "hope", "appease"), said, strict=True)
        ]
        return Framing(
            relevant=said[0],
            label=DEFAULT_FRAMES.label_of(said[1], said[2]),
            leaning=DEFAULT_FRAMES.names[p[2] > p[1]],
            uncertain=any(0.4 < value < 0.6 for value in p),
            p_relevant=p[0],
            p=(p[1], p[2]),
            evidence=text.title if evidence else "",
            p_own=round(_draw(text.title, f"{self._version}voice"), 4) if said[1] or said[2] else None,
        )


def sample_config(folder: Path) -> Config:
    text = (SAMPLES / "feeds.yaml").read_text(encoding="utf-8").replace("{base}", BASE)
    return config.parse(text, folder / "feeds.yaml")


def _answer(feed: Feed, at: datetime, edition: str, before: dict[str, bytes]) -> Fetched:
    name = feed.url.rpartition("/")[2]
    path = next(path for folder in (edition, "first") if (path := SAMPLES / folder / name).is_file())
    body = path.read_bytes()
    digest = hashlib.sha256(body).hexdigest()
    headers = {"etag": f'"{digest[:16]}"', "last-modified": "Mon, 02 Mar 2026 05:00:00 GMT"}
    answer = Fetched(feed, FetchOutcome.OK, at, 180, 200, feed.url, headers | {"cache-control": "max-age=900"})
    if WAITS in feed.outlet.name and at == RUNS[-1][0]:
        error = "its host wants to be left alone (429)"
        until = at + timedelta(hours=2)
        return replace(answer, outcome=FetchOutcome.RATE_LIMITED, status=429, error=error, wait_until=until, headers={})
    if before.get(feed.url) == body and MOVED not in feed.outlet.name:
        return replace(answer, outcome=FetchOutcome.NOT_MODIFIED, status=304, conditional=True)
    before[feed.url] = body
    answer = replace(answer, body=body, body_sha256=digest)
    if MOVED in feed.outlet.name:
        address = f"{BASE}/moved/{name}"
        answer = replace(answer, final_url=address, moved_to=address)
    return answer


def _visit(
    store: Store, run_id: int, fetched: Fetched, settings: Config, edition: str, truth: dict[str, dict[str, int]]
) -> None:
    parsed: ParsedFeed | Rejected | None = None
    sightings: tuple[Sighting, ...] = ()
    if fetched.outcome is FetchOutcome.OK:
        parsed = parse(fetched, settings.network.max_entries)
    if isinstance(parsed, ParsedFeed) and edition == "second" and fetched.feed.outlet.name.endswith(CARRIERS):
        link = fetched.feed.url.replace(".xml", "/envoys-meet")
        told_by = Entry("Envoys of Trump and Putin meet in Larnaca", WIRE, link=link, published=RUNS[1][0])
        parsed = replace(parsed, entries=(*parsed.entries, told_by))
    if isinstance(parsed, ParsedFeed):
        declared = parsed.language

        def speak(title: str, summary: str) -> tuple[str | None, str]:
            return language_of(title, summary, declared)

        known = outlets_by_name_and_host(settings.feeds)
        sightings = identify(fetched.feed, parsed.entries, fetched.started_at, known, speak)
        told = json.loads((SAMPLES / "truth.json").read_text(encoding="utf-8"))
        by_key = {canonical_url(url): item for url, item in told.items()}
        for sighting in sightings:
            item = by_key.get(sighting.key, {"rel": int(sighting.entry.summary == WIRE), "hope": 0, "appease": 0})
            hope = (
                item["hope"] if sighting.entry.title in truth or edition == "first" else 0
            )  # late wordings are cooler
            truth.setdefault(sighting.entry.title, {"rel": item["rel"], "hope": hope, "appease": item["appease"]})
    store.record(run_id, fetched, parsed, sightings)


def _read_pages(store: Store, run_id: int, settings: Config, at: datetime) -> None:
    outlets = [feed.outlet.name for feed in settings.feeds if READ in feed.outlet.name]
    for page in store.pages(dict.fromkeys(outlets, FullText.ALL), at - timedelta(days=1)):
        fetched = Fetched(Feed(page.url, page.outlet), FetchOutcome.OK, at, 240, 200, page.url, body=b"<html></html>")
        text = PageText(f"{page.title}.\nThe whole of this invented article stands here, on a page of its own.")
        lead = (
            lead_of(page, text, lambda title, words: language_of(title, words, None))
            if page.source is SummarySource.NONE
            else None
        )
        store.record_page(run_id, page, fetched, text, lead)
    access = Robots(BASE, Access.RULES, at, at + timedelta(days=1), "User-agent: *\nAllow: /\n", "")
    store.remember_robots([access])


def _code(store: Store, truth: Mapping[str, Mapping[str, int]]) -> None:
    """An audit of 60 texts: two people code it, who now and then disagree; where they do, one of them settles it."""
    design = Design(60, 7, ("2026-02-03",))
    store.add_sample("audit", design, draw(store.sampling_frame(), design), END)
    codes = []
    for item in store.sample_items("audit").to_dict("records"):
        item_truth = truth.get(item["title"], {"rel": 0, "hope": 0, "appease": 0})
        right = (bool(item_truth["rel"]), (bool(item_truth["hope"]), bool(item_truth["appease"])))
        wrong = (
            right if not right[0] or _draw(item["title"], "coder") > 0.15 else (True, (not right[1][0], right[1][1]))
        )
        for coder, kind, (relevant, frames) in (
            ("ada", "individual", right),
            ("bo", "individual", wrong),
            *([] if wrong == right else [("ada", "adjudicated", right)]),
        ):
            voice = "quoted" if relevant and any(frames) else None
            note = "" if wrong == right else "a quotation carries it"
            more = {"kind": kind, "sample": "audit", "purpose": "audit", "note": note, "session": "2026-03-07 1"}
            codes.append(Code(item["version_id"], coder, "1", relevant, frames, 1, voice=voice, coded_at=END, **more))
    store.add_codes(codes, END)


def make_example(path: Path, *, until: int = len(RUNS)) -> Path:
    """Write the database at `path`; with `until`, only so many runs, without a second model, codes and pages."""
    settings = sample_config(path.parent)
    truth: dict[str, dict[str, int]] = {}
    before: dict[str, bytes] = {}

    def clock() -> datetime:
        return at

    said: Callable[[], datetime] = clock
    with open_store(path, read_only=False, frames=settings.frames) as store:
        for at, edition in RUNS[:until]:
            model = Told(truth, "1")
            run_id = store.begin_run(settings, model.info, at)
            for feed in settings.feeds:
                _visit(store, run_id, _answer(feed, at, edition, before), settings, edition, truth)
            pipeline.apply_gate(store, settings.query, settings.topic.language)
            if (at, edition) == RUNS[-1]:
                _read_pages(store, run_id, settings, at)
                pipeline.apply_gate(store, settings.query, settings.topic.language)
            pipeline.apply_labels(store, run_id, model, clock=said)
            pipeline.apply_aggregates(store)
            pipeline.apply_health(store, at + CLOCK_SLACK)
            store.end_run(run_id, "finished", 1, at + timedelta(seconds=40))
        if until == len(RUNS):
            at = END
            second = Told(truth, "2")
            run_id = store.begin_relabelling(second.info, at, activate=False)
            pipeline.apply_labels(store, run_id, second, clock=said)
            pipeline.apply_aggregates(store)
            store.end_run(run_id, "finished", 0, at + timedelta(seconds=5))
            _code(store, truth)
            told = store.query(
                "SELECT title, summary FROM v_articles WHERE label IS NOT NULL ORDER BY article_id LIMIT 2"
            )
    if until == len(RUNS):
        _import(settings, path, list(told.itertuples(index=False, name=None)), Told(truth, "1"))
    return path


def _import(settings: Config, path: Path, told: Sequence[tuple[str, str]], model: Told) -> None:
    """A file with two texts that other outlets have told, one of them as comment, and a row without a headline."""
    rows = [
        f"https://archive.example/opinion/{number},2026-02-2{number}T08:00:00Z,The Old Gazette,{json.dumps(title)},"
        + json.dumps(summary)
        for number, (title, summary) in enumerate(told)
    ]
    rows.append("https://archive.example/nothing,2026-02-25T08:00:00Z,The Old Gazette,,")
    file = path.with_name("archive.csv")
    file.write_text("\n".join(["url,published_at,outlet,title,summary", *rows, ""]), encoding="utf-8")
    backfill.import_files(settings, [file], database=path, classifier=model, clock=lambda: END + timedelta(hours=1))
    file.unlink()
