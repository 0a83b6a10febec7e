"""The explanation points at the words that differ in a minimal pair."""

from __future__ import annotations

import pytest
from conftest import FakeClassifier
from hypothesis import given, settings
from hypothesis import strategies as st

from media_coverage.classify import load_classifier
from media_coverage.explain import MAX_WORDS, explain
from media_coverage.records import Text

CLASSIFIER = load_classifier()

PAIRS = [
    pytest.param("Critics call the Trump-Putin summit {}", "a shameful capitulation", "appeasement", id="capitulation"),
    pytest.param("Trump and Putin talks end in {}", "a breakthrough", "hopeful_peace", id="breakthrough"),
    pytest.param("Summit with Trump {} says Kyiv", "rewards Putin's aggression", "appeasement", id="rewards"),
    pytest.param("Kremlin and White House {} in Geneva", "agree on ceasefire steps", "hopeful_peace", id="ceasefire"),
]


@pytest.mark.parametrize(("frame", "words", "label"), PAIRS)
def test_the_words_that_make_the_difference_weigh_most(frame: str, words: str, label: str) -> None:
    found = explain(CLASSIFIER, Text(frame.format(words)))
    assert found.framing.label == label
    strongest = max(found.words, key=lambda word: word.effect)
    assert strongest.text in words.split()
    assert set(found.phrase.split()) & set(words.split())


def test_a_word_without_influence_has_no_effect() -> None:
    found = explain(FakeClassifier(), Text("Some hope", "of the kind that is rare"))
    effects = {word.text: word.effect for word in found.words}
    assert effects["hope"] > 1
    assert effects["kind"] == 0
    assert found.phrase == "hope"
    assert {word.field for word in found.words} == {"title", "summary"}


def test_the_same_text_is_explained_the_same_way() -> None:
    text = Text("Putin gets a win in Alaska", "Allies were left outside.")
    assert explain(CLASSIFIER, text) == explain(CLASSIFIER, text)


@settings(deadline=None, max_examples=30)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_can_be_explained(title: str, summary: str) -> None:
    assert len(explain(FakeClassifier(), Text(title, summary)).words) <= MAX_WORDS


def test_a_very_long_text_is_cut() -> None:
    assert len(explain(FakeClassifier(), Text("word " * 500, "more " * 500)).words) == MAX_WORDS
