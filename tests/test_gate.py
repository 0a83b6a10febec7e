"""What storing the weights in 8 bits may change: almost no label, and nothing of what a score depends on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_coverage.calibration import decide
from media_coverage.classify import EMBEDDED, decision_of, load_classifier
from media_coverage.coded import read
from media_coverage.evaluation import macro_f1
from media_coverage.finetune import sha256
from media_coverage.framing import DEFAULT_FRAMES
from media_coverage.records import Text

CORPUS = Path(__file__).parents[1] / "training" / "corpus"
CLASSIFIER = load_classifier()

LEAST_AGREEMENT = 0.99
MOST_CHANGE = 0.005


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EMBEDDED / "model.json").read_text(encoding="utf-8"))
    return loaded


def test_the_eight_bit_model_gives_the_labels_of_full_precision(manifest: dict[str, Any]) -> None:
    """On authored items, whose full-precision logits the release wrote down when it was trained."""
    assert "gate" in manifest, "the release has written no reference logits: train it with training/train.py"
    gate = manifest["gate"]
    assert sha256(EMBEDDED / gate["file"]) == gate["sha256"]
    reference = json.loads((EMBEDDED / gate["file"]).read_text(encoding="utf-8"))["logits"]
    by_id = {item.id: item for path in sorted(CORPUS.glob("*.jsonl")) for item in read(path, DEFAULT_FRAMES).items}
    items = [by_id[key] for key in reference]
    assert len(items) == gate["items"] >= 250
    full = decide(decision_of(manifest, DEFAULT_FRAMES), np.array(list(reference.values())))
    small = CLASSIFIER.classify([item.text for item in items])
    answers = [[(framing.relevant, framing.label) for framing in framings] for framings in (full, small)]
    assert np.mean([one == other for one, other in zip(*answers, strict=True)]) >= LEAST_AGREEMENT

    relevant = np.array([item.codes[0] == 1 for item in items])
    gold = np.array([DEFAULT_FRAMES.label_of(item.codes[1] == 1, item.codes[2] == 1) for item in items])
    scored = relevant & np.isin(gold, DEFAULT_FRAMES.classes)
    scores = [
        macro_f1(gold[scored], np.array([framing.label for framing in framings])[scored], DEFAULT_FRAMES.classes)
        for framings in (full, small)
    ]
    assert abs(scores[0] - scores[1]) <= MOST_CHANGE


WORDS = "Trump Putin Ukraine talks truce peace betrayal reward summit envoys harvest the of in and — “ é".split()
TEXTS = st.lists(
    st.builds(
        Text,
        st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join),
        st.one_of(st.just(""), st.lists(st.sampled_from(WORDS), max_size=80).map(" ".join)),
    ),
    min_size=2,
    max_size=8,
)


@settings(deadline=None, max_examples=25)
@given(texts=TEXTS, random=st.randoms(use_true_random=False))
def test_a_score_is_the_same_bits_in_any_company_and_any_order(texts: list[Text], random: Any) -> None:
    order = list(range(len(texts)))
    random.shuffle(order)
    alone = [CLASSIFIER.classify([text])[0] for text in texts]
    assert CLASSIFIER.classify(texts) == alone
    assert CLASSIFIER.classify([texts[i] for i in order]) == [alone[i] for i in order]
