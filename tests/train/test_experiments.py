"""The scripts of training/ that say what the recipe's parts are worth. Run by `make test-train`, from the root."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from training import voice
from training.ablations import ROWS, difference, learned_by, scored
from training.items import CORPUS, read_corpus

from media_coverage.coded import CodedItem, code_array
from media_coverage.records import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt


@pytest.fixture(scope="module")
def items() -> list[CodedItem]:
    """Authored items in place of coded ones."""
    return read_corpus()[::6]


def knowing(items: Sequence[CodedItem], noise: float) -> npt.NDArray[np.float64]:
    """Logits of a network that knows the codes, more or less."""
    codes = code_array(items)
    return 4 * codes - 2 + np.random.default_rng(3).normal(0, noise, codes.shape)


def test_a_smaller_share_lies_in_a_larger_one_and_leads_can_go(items: list[CodedItem]) -> None:
    coded, authored = items[:200], items[200:]
    whole, half, quarter = (
        {item.id for item in learned_by(ROWS[name], coded, authored)}
        for name in ("whole", "half-coded", "quarter-coded")
    )
    assert quarter < half < whole == {item.id for item in items}
    assert (len(half), len(quarter)) == (100 + len(authored), 50 + len(authored))
    assert {item.id for item in learned_by(ROWS["no-coded"], coded, authored)} == {item.id for item in authored}
    assert learned_by(ROWS["no-authored"], coded, authored) == coded
    bare = learned_by(ROWS["no-leads"], coded, authored)
    assert len(bare) == len(items)
    assert not any(item.text.summary for item in bare)


def test_a_better_row_is_better_and_a_row_is_no_better_than_itself(items: list[CodedItem]) -> None:
    good, bad = (scored(knowing(items, noise), items) for noise in (0.8, 4))
    value, low, high = difference(good, bad, resamples=100)
    assert (low > 0).all()
    assert (low < value).all()
    assert (value < high).all()
    assert not any(np.abs(figures).max() for figures in difference(good, good, resamples=100))
    everything = np.arange(len(items))
    assert good.figures(everything)[0] > 0.9 > bad.figures(everything)[0]


def test_figures_leave_mixed_items_out_and_score_frames_on_relevant_ones() -> None:
    codes = ((1, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 0), (1, 1, 1))
    items = [CodedItem(str(i), Text(f"{i} " * 9), codes[i % 5]) for i in range(50)]
    row = scored(knowing(items, 0), items)
    assert row.figures(np.arange(50)) == pytest.approx(1)
    mixed, off_topic = np.arange(4, 50, 5), np.arange(3, 50, 5)
    astray = replace(row, said=row.said.copy(), chances=row.chances.copy())
    astray.said[mixed] = "neither"
    astray.chances[off_topic, 1:] = 1.0
    assert astray.figures(np.arange(50)) == pytest.approx(1)


def test_voices_are_counted_by_frame_and_predicted_out_of_fold() -> None:
    items, voices = voice.framed(sorted(CORPUS.glob("*.jsonl")))
    table = voice.counts(items, voices)
    hopeful = sum(item.codes[1] == 1 for item in items)
    (line,) = (line for line in table.splitlines() if line.startswith("| hopeful_peace |"))
    assert sum(int(cell) for cell in line.split("|")[2:5]) == hopeful
    assert "coin-flip" not in table  # nobody said how sure they were
    own = np.array([said != "quoted" for said in voices])
    marked = np.array(["she said" if not mine else "it is" for mine in own], dtype=object)
    halves = np.arange(len(own)) % 2
    folds = [(np.flatnonzero(halves != half), np.flatnonzero(halves == half)) for half in (0, 1)]
    chances = voice.linear_chances(marked, own, folds, voice.tfidf_model())
    assert ((chances > 0.5) == own).all()
    assert "1.00 | 1.00 [" in voice.row("words", own, chances, code_array(items))
    unseen = voice.linear_chances(marked, own, folds[:1], voice.tfidf_model())
    assert np.isnan(unseen[halves == 1]).all()
