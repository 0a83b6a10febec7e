"""An audit to rehearse with: the demo's invented articles with SIMULATED codes, and a second model beside the first.

Nobody has read these texts, so nothing about any classifier follows from what is computed from them. The sample and
its coders are called simulated, and so is every share that they correct. They stand in a copy of the demo's database
and never in anybody's own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from . import pipeline
from .classify import load_classifier
from .demo import database_or_demo, run_demo
from .framing import MIXED
from .records import Code, Text
from .sample import OFF_TOPIC, Design
from .store import open_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from .classify import Classifier, ModelInfo
    from .framing import Frames
    from .records import Framing

SAMPLE = "simulated"
"""What the sample is called, and so what every corrected share says that it is corrected by."""

CODERS = ("simulated coder 1", "simulated coder 2")
SETTLER = "simulated third person"
SIZE = 150

LABEL_RIGHT = 0.85
"""How often the simulated truth is what the classifier says; else it is drawn evenly from the other classes."""

CODER_ERROR = 0.08
"""How often a simulated coder gives another code than the simulated truth."""


@dataclass(frozen=True, slots=True)
class Audited:
    """The newest audit sample that two people or more have coded, and the database that holds it.

    `sentence` says whose codes they are; `simulated`, that they are nobody's.
    """

    database: Path
    sample: str
    simulated: bool
    sentence: str


class HeadlinesOnly:
    """A classifier that is shown headlines without their leads: another model, for comparisons."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier

    @property
    def info(self) -> ModelInfo:
        """The model's own, under another name."""
        info = self._classifier.info
        digest = hashlib.sha256(f"headlines only {info.sha256}".encode()).hexdigest()
        return replace(info, name=f"{info.name}-headlines-only", sha256=digest)

    def classify(self, texts: Sequence[Text], *, evidence: bool = False) -> list[Framing]:
        """What the model says of the headlines alone."""
        return self._classifier.classify([Text(text.title) for text in texts], evidence=evidence)


def rehearse(demo: Path, path: Path, classifier: Classifier | None = None) -> Path:
    """A copy of the demo's database at `path` with a coded sample and a second model's labels, if it is not there."""
    if path.exists():
        return path
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with open_store(demo) as store:
        store.copy_to(unfinished)
    pipeline.draw_sample(unfinished, SAMPLE, Design(SIZE, 7, ("none",)))
    with open_store(unfinished, read_only=False) as store:
        rows = store.sample_items(SAMPLE)[["version_id", "label"]].to_numpy().tolist()
        items = [(int(version), str(label)) for version, label in rows]
        store.add_codes(_simulated(items, store.frames), datetime.now(UTC))
    pipeline.relabel(unfinished, HeadlinesOnly(classifier or load_classifier()))
    return unfinished.rename(path)


def _simulated(items: Sequence[tuple[int, str]], frames: Frames, seed: int = 11) -> list[Code]:
    """Two codes for each text (version, label of the classifier), and a third where they differ."""
    rng = np.random.default_rng(seed)
    classes = [*frames.labels, OFF_TOPIC]

    def other(than: str, chance: float) -> str:
        return str(rng.choice([name for name in classes if name != than])) if rng.random() < chance else than

    def code(version: int, coder: str, name: str, kind: str = "individual") -> Code:
        carried = (name in {frames.first.name, MIXED}, name in {frames.second.name, MIXED})
        relevant = name != OFF_TOPIC
        return Code(version, coder, "simulated", relevant, carried, purpose="audit", kind=kind, sample=SAMPLE)

    given = []
    for version, label in items:
        truth = other(label, 1 - LABEL_RIGHT)
        said = [other(truth, CODER_ERROR) for _ in CODERS]
        given += [code(version, coder, name) for coder, name in zip(CODERS, said, strict=True)]
        if len(set(said)) > 1:
            given.append(code(version, SETTLER, truth, "adjudicated"))
    return given


def audited(root: Path, environment: Mapping[str, str]) -> tuple[Path, Audited]:
    """The database a notebook should open, as demo.database_or_demo says, and an audited one: the same where it can be.

    Where nobody has an own database, both are the rehearsal's; where the own one holds no sample that two have coded,
    the audited one is.
    """
    database = database_or_demo(root, environment)
    demo = root / "demo" / "demo.db"
    own = database != demo
    if own:
        with open_store(database) as store:
            samples = store.samples()
        ready = samples[(samples["purpose"] == "audit") & (samples["coders"] >= len(CODERS))]
        if len(ready):
            name = str(ready["sample"].iloc[-1])
            return database, Audited(database, name, False, f"Codes by people: sample {name} of {database.name}.")
        if not demo.exists():
            run_demo(demo.parent)
    path = rehearse(demo, demo.with_name("rehearsal.db"))
    why = f"{database.name} holds no audit sample that two people have coded. " if own else ""
    sentence = (
        f"{why}SIMULATED CODES: these are the demo's invented articles, coded by nobody. The figures show what the "
        "notebook does, and say nothing about the classifier."
    )
    return (database if own else path), Audited(path, SAMPLE, True, sentence)
