"""A study from feeds to an effect, on an invented press whose true shares are known.

    python tools/study.py [--out FOLDER] [--seed 5]

Twenty weeks of six invented outlets are written into a new database, day by day, as runs write them. What each article
really carries is drawn from shares that step at an event; what the classifier says of it, from error rates that are set
here; two simulated coders err now and then. Then everything goes as in a real study: a sample is drawn, coded, settled;
the agreement, the corrected trend and the effect are computed, and each is set beside the truth. docs/study.md walks
through it. Exit code 0 when the truth lies where the intervals say, 1 otherwise.
"""

from __future__ import annotations

import argparse
import functools
import sys
import tempfile
import zlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import yaml

from media_coverage import config, pipeline
from media_coverage.agreement import agreement
from media_coverage.classify import ModelInfo
from media_coverage.coding import variables
from media_coverage.estimate import Method
from media_coverage.framing import DEFAULT_FRAMES, NEITHER
from media_coverage.identity import identify, outlets_by_name_and_host
from media_coverage.records import Code, Entry, Fetched, FetchOutcome, Framing, ParsedFeed, Text
from media_coverage.sample import OFF_TOPIC, Design
from media_coverage.store import open_store
from media_coverage.trend import effects, trend
from media_coverage.voices import voices

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

FRAMES = DEFAULT_FRAMES
FIRST, SECOND = FRAMES.names
CLASSES = (FIRST, SECOND, NEITHER, OFF_TOPIC)

OUTLETS = {
    "Harbour Times": "uk",
    "Old Town Post": "uk",
    "Prairie Courier": "us_left",
    "Canyon Star": "us_right",
    "Delta Observer": "us_right",
    "Lakeside Wire": "us_left",
}
START = date(2026, 1, 5)
WEEKS = 20
EVENT = date(2026, 3, 16)
OUTAGE = (date(2026, 4, 20), date(2026, 4, 26))
"""A week in which the machine was off."""

PER_DAY = 9

BEFORE = {FIRST: 0.15, SECOND: 0.35, NEITHER: 0.35, OFF_TOPIC: 0.15}
AFTER = {FIRST: 0.45, SECOND: 0.15, NEITHER: 0.25, OFF_TOPIC: 0.15}
"""True shares of texts that pass the keywords."""

ERRORS = {
    FIRST: {FIRST: 0.64, SECOND: 0.04, NEITHER: 0.29, OFF_TOPIC: 0.03},
    SECOND: {FIRST: 0.03, SECOND: 0.70, NEITHER: 0.24, OFF_TOPIC: 0.03},
    NEITHER: {FIRST: 0.04, SECOND: 0.05, NEITHER: 0.85, OFF_TOPIC: 0.06},
    OFF_TOPIC: {FIRST: 0.03, SECOND: 0.02, NEITHER: 0.15, OFF_TOPIC: 0.80},
}
"""How often the classifier gives each label to texts of a true class (rows)."""

COMMENT = "Canyon Star"
"""An outlet of commentary; nothing tells the genre of the others."""

OWN_VOICE = 0.6
"""How often the outlet itself speaks a frame, alone or beside somebody that it quotes."""

CODER_ERROR = 0.05
"""How often a simulated coder gives another code than the true one."""


@dataclass(frozen=True, slots=True)
class Article:
    """An invented article: its day and outlet, what it carries and what the classifier says; `title` is its text."""

    day: date
    outlet: str
    truth: str
    label: str
    title: str
    uncertain: bool = False


def words(rng: np.random.Generator, count: int = 7) -> str:
    """Words of no language, so that no two texts resemble each other."""
    letters = list("abcdefghijklmnoprstuvwz")
    return " ".join("".join(rng.choice(letters, size=int(rng.integers(5, 10)))) for _ in range(count))


class SimulatedClassifier:
    """A Classifier that knows what it is to say of each headline; probabilities are drawn around that."""

    def __init__(self, articles: Iterable[Article], *, version: str = "1", seed: int = 3) -> None:
        self._of = {article.title: article for article in articles}
        self._version, self._seed = version, seed

    @property
    def info(self) -> ModelInfo:
        """Names the model: simulated, and nothing else."""
        thresholds = {"thresholds": dict.fromkeys(FRAMES.outputs, 0.5)}
        digest = self._version.encode().hex().ljust(64, "0")
        return ModelInfo("simulated", self._version, digest, "1", "en", thresholds, "none", FRAMES)

    def classify(self, texts: Sequence[Text], *, evidence: bool = False) -> list[Framing]:
        """The labels that were drawn when the press was invented."""
        return [self._one(self._of[text.title], evidence) for text in texts]

    def _one(self, article: Article, evidence: bool) -> Framing:
        rng = np.random.default_rng([self._seed, sum(article.title.encode())])
        near = 0.35 if article.uncertain else 0.1
        off = article.label == OFF_TOPIC
        says = (not off, article.label in {FIRST, "mixed"}, article.label in {SECOND, "mixed"})
        p = [float(rng.uniform(0.5, 1.0 - near) if yes else rng.uniform(near, 0.499)) for yes in says]
        return Framing(
            relevant=not off,
            label=FRAMES.label_of(says[1], says[2]),
            leaning=FRAMES.names[p[2] > p[1]],
            uncertain=article.uncertain,
            p_relevant=p[0],
            p=(p[1], p[2]),
            evidence=article.title if evidence else "",
        )


def invented(seed: int = 5) -> list[Article]:
    """The press of the study."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(WEEKS * 7):
        day = START + timedelta(days=number)
        shares = AFTER if day >= EVENT else BEFORE
        for _ in range(PER_DAY):
            truth = str(rng.choice(CLASSES, p=[shares[name] for name in CLASSES]))
            label = str(rng.choice(CLASSES, p=[ERRORS[truth][name] for name in CLASSES]))
            outlet = str(rng.choice(list(OUTLETS)))
            uncertain = bool(rng.random() < (0.1 if label == truth else 0.4))
            found.append(Article(day, outlet, truth, label, f"Trump Putin {words(rng)}", uncertain))
    return found


def settings_text(database: str, events: Mapping[date, str], outlets: Mapping[str, str] = OUTLETS) -> str:
    """A feeds.yaml for the invented press."""
    return yaml.safe_dump(
        {
            "topic": {
                "name": "Invented summit",
                "query": "trump AND putin",
                "events": [{"date": day, "name": name} for day, name in events.items()],
            },
            "database": database,
            "outlets": [
                {"name": name, "group": group, "country": "GB", "feeds": [f"https://press.example/{number}.xml"]}
                | ({"genre": "comment"} if name == COMMENT else {})
                for number, (name, group) in enumerate(outlets.items())
            ],
        },
        sort_keys=False,
    )


def build(
    folder: Path,
    articles: Sequence[Article],
    *,
    events: Mapping[date, str],
    days: Iterable[date],
    outlets: Mapping[str, str] = OUTLETS,
) -> Path:
    """Write feeds.yaml and a database into `folder`: one run on each of `days`, each feed listing what is new since.

    Returns the database. Everything but network and classifier is the real thing.
    """
    path = folder / "study.db"
    (folder / "feeds.yaml").write_text(settings_text(path.name, events, outlets), encoding="utf-8")
    settings = config.load(folder / "feeds.yaml")
    known = outlets_by_name_and_host(settings.feeds)
    model = SimulatedClassifier(articles)
    waiting = sorted(articles, key=lambda article: article.day)
    with open_store(path, read_only=False, frames=settings.frames) as store:
        for day in sorted(days):
            at = datetime(day.year, day.month, day.day, 22, tzinfo=UTC)
            run = store.begin_run(settings, model.info, at)
            new = [article for article in waiting if article.day <= day]
            waiting = waiting[len(new) :]
            for feed in settings.feeds:
                entries = tuple(_entry(article) for article in new if article.outlet == feed.outlet.name)
                fetched = Fetched(feed, FetchOutcome.OK, at, 5, status=200, final_url=feed.url)
                sightings = identify(feed, entries, at, known, lambda _title, _summary: ("en", "declared"))
                store.record(run, fetched, ParsedFeed(feed.outlet.name, "rss20", "en", entries), sightings)
            pipeline.apply_gate(store, settings.query, settings.topic.language)
            pipeline.apply_labels(store, run, model, clock=functools.partial(_same, at))
            store.end_run(run, "finished", 0, at)
        pipeline.apply_aggregates(store)
    return path


def _same(at: datetime) -> datetime:
    return at


def _entry(article: Article) -> Entry:
    at = datetime(article.day.year, article.day.month, article.day.day, 9, tzinfo=UTC)
    link = "https://press.example/" + article.outlet.split()[0].lower() + "/" + "-".join(article.title.lower().split())
    return Entry(article.title, "", link=link, published=at)


def study_days() -> list[date]:
    """Every day of the study but those of the outage."""
    days = [START + timedelta(days=number) for number in range(WEEKS * 7)]
    return [day for day in days if not OUTAGE[0] <= day <= OUTAGE[1]]


def make_study(folder: Path, seed: int = 5) -> tuple[Path, list[Article]]:
    """The database of the study, and its articles with what they really carry."""
    articles = invented(seed)
    return build(folder, articles, events={EVENT: "Summit"}, days=study_days()), articles


def code(
    database: Path, articles: Sequence[Article], sample: str, *, error: float = CODER_ERROR, seed: int = 11
) -> None:
    """Two simulated coders code the whole sample; a third person settles what they disagree about, and is right."""
    truth = {article.title: article.truth for article in articles}
    rng = np.random.default_rng(seed)
    now = datetime(2026, 6, 1, 9, tzinfo=UTC)
    with open_store(database, read_only=False) as store:
        items = store.sample_items(sample)
        given: list[Code] = []
        for version, title in items[["version_id", "title"]].to_numpy():
            said = []
            for coder in ("coder 1 (simulated)", "coder 2 (simulated)"):
                others = [name for name in CLASSES if name != truth[title]]
                said.append(str(rng.choice(others)) if rng.random() < error else truth[title])
                given.append(_code(int(version), coder, said[-1], sample, voice=voice_of(title)))
            if said[0] != said[1]:
                settling = _code(
                    int(version), "third (simulated)", truth[title], sample, kind="adjudicated", voice=voice_of(title)
                )
                given.append(settling)
        store.add_codes(given, now)
        pipeline.apply_aggregates(store)  # as the next run does


def voice_of(title: str) -> str:
    """Who speaks the frame of a text, if it carries one: drawn once for each headline."""
    drawn = zlib.crc32(title.encode()) / 2**32
    return "outlet" if drawn < OWN_VOICE - 0.1 else "both" if drawn < OWN_VOICE else "quoted"


def _code(
    version: int, coder: str, name: str, sample: str, *, kind: str = "individual", voice: str | None = None
) -> Code:
    carried = (name in {FIRST, "mixed"}, name in {SECOND, "mixed"})
    spoken = voice if any(carried) else None
    return Code(
        version, coder, "1", name != OFF_TOPIC, carried, purpose="audit", kind=kind, sample=sample, voice=spoken
    )


def true_shares() -> tuple[float, float]:
    """The true share of the first frame among on-topic texts before and after the event."""
    before, after = (shares[FIRST] / (1 - shares[OFF_TOPIC]) for shares in (BEFORE, AFTER))
    return before, after


def held(frame: pd.DataFrame) -> tuple[int, int]:
    """How many rows hold the true share of their period in their interval, and how many have a value."""
    before, after = true_shares()
    with_value = frame[frame["value"].notna()]
    truth = np.where(with_value["first_day"] < EVENT.isoformat(), before, after)
    return int(((with_value["low"] <= truth) & (truth <= with_value["high"])).sum()), len(with_value)


def study(folder: Path, seed: int = 5) -> bool:
    """Play the study and print it. Returns whether the truth lies where it should."""
    database, articles = make_study(folder, seed)
    before, after = true_shares()
    print(
        f"1. A press of {len(articles)} texts; the true share of {FIRST} is {before:.1%}, from {EVENT} on {after:.1%}."
    )
    drawn = pipeline.draw_sample(database, "audit", Design(400, 7))
    print(f"2. {drawn['drawn']} texts drawn from {drawn['frame_size']} in {len(drawn['strata'])} strata.")
    code(database, articles, "audit")
    with open_store(database) as store:
        rows = [{str(key): value for key, value in row.items()} for row in store.codes("audit").to_dict("records")]
        codes, classes = variables(rows, store.frames)["label"]
        alpha = agreement(codes, classes).alpha
        print(f"3. Two simulated coders agree with alpha {alpha.value:.2f} [{alpha.low:.2f} to {alpha.high:.2f}].")
        labels = trend(store, measure=[f"share_{FIRST}"], composition="items", counting="articles")
        fixed = trend(store, measure=[f"share_{FIRST}"], composition="items", counting="articles", sample="audit")
        for name, frame in (("uncorrected", labels), (str(Method.RECTIFIED), fixed)):
            hits, total = held(frame)
            print(f"4. {name}: {hits} of {total} weekly intervals hold the true share.")
        print(
            fixed[["first_day", "value", "low", "high", "n", "audited_n", "collection", "reason"]]
            .round(3)
            .to_string(index=False)
        )
        raw = effects(store, measure=[f"share_{FIRST}"])[0]
        (found,) = effects(store, measure=[f"share_{FIRST}"], sample="audit")
        spoken = voices(store, period="month", sample="audit", measure=[f"share_{FIRST}"])
    print(f"5. {raw.effect.sentence('by the labels the share')}")
    print(f"   {found.effect.sentence('by the corrected shares the share')}")
    print(f"   {found.placebo.sentence()}")
    print(f"   The true change is {100 * (after - before):+.1f} points.")
    print(
        f"6. By voice, from the codes themselves; in truth {OWN_VOICE:.0%} of the share is in the outlets' own voice."
    )
    print(spoken[["name", "first_day", "value", "low", "high", "n", "effective_n"]].round(3).to_string(index=False))
    change = found.effect.change
    hits, total = held(fixed)
    return change is not None and change.low <= 100 * (after - before) <= change.high and hits >= 0.8 * total


def main() -> int:
    """Play the study in a folder of its own, or in --out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, help="where to leave feeds.yaml and the database [default: nowhere]")
    parser.add_argument("--seed", type=int, default=5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        return 0 if study(folder, chosen.seed) else 1


if __name__ == "__main__":
    sys.exit(main())
