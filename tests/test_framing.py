"""From logits to labels: the codebook's rules as arithmetic."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_coverage.framing import DEFAULT_FRAMES, MIXED, NEITHER, Decision, Frames
from media_coverage.records import Frame

HOPEFUL, APPEASEMENT = DEFAULT_FRAMES.names
DECISION = Decision(
    frames=DEFAULT_FRAMES,
    calibration={"relevant": (1.0, 0.0), "hope": (2.0, -1.0), "appease": (0.5, 0.25)},
    thresholds={"relevant": 0.4, "hope": 0.5, "appease": 0.25},
    uncertain={"relevant": (0.35, 0.45), "hope": (0.45, 0.55)},
)


def chances(relevant: float = 0.9, hope: float = 0.1, appease: float = 0.1) -> dict[str, float]:
    return {"relevant": relevant, "hope": hope, "appease": appease}


@pytest.mark.parametrize(
    ("hope", "appease", "label"),
    [(True, False, HOPEFUL), (False, True, APPEASEMENT), (True, True, MIXED), (False, False, NEITHER)],
)
def test_the_two_frame_variables_make_the_label(hope: bool, appease: bool, label: str) -> None:
    assert DEFAULT_FRAMES.label_of(hope, appease) == label


def test_the_default_names_are_those_that_are_stored() -> None:
    assert DEFAULT_FRAMES.labels == ("hopeful_peace", "appeasement", "mixed", "neither")
    assert DEFAULT_FRAMES.classes == ("hopeful_peace", "appeasement", "neither")
    assert DEFAULT_FRAMES.outputs == ("relevant", "hope", "appease")
    assert str(DEFAULT_FRAMES) == "hopeful_peace (output hope) and appeasement (output appease)"


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        pytest.param(("Hope", "hope"), ("b", "b"), "the name 'Hope' must be small letters", id="capital"),
        pytest.param(("a b", "a"), ("b", "b"), "the name 'a b' must be small letters", id="space"),
        pytest.param(("a", "ä"), ("b", "b"), "the output 'ä' must be small letters", id="not ASCII"),
        pytest.param(("1a", "a"), ("b", "b"), "the name '1a' must be small letters", id="digit first"),
        pytest.param(("", "a"), ("b", "b"), "the name '' must be small letters", id="empty"),
        pytest.param(("a" * 41, "a"), ("b", "b"), "at most 40", id="long"),
        pytest.param(("a", "a\n"), ("b", "b"), "must be small letters", id="line break"),
        pytest.param(("mixed", "a"), ("b", "b"), "the name 'mixed' has a meaning of its own", id="a label"),
        pytest.param(("a", "relevant"), ("b", "b"), "the output 'relevant' has a meaning", id="an output"),
        pytest.param(("stories", "a"), ("b", "b"), "the name 'stories' has a meaning", id="a column"),
        pytest.param(("union", "a"), ("b", "b"), "the name 'union' has a meaning", id="an SQL word"),
        pytest.param(("a", "x"), ("a", "y"), "must differ", id="same name"),
        pytest.param(("a", "x"), ("b", "x"), "must differ", id="same output"),
        pytest.param(("a", "b"), ("b", "a"), "must differ", id="crossed"),
        pytest.param(("risk", "a"), ("risk_low", "b"), "too alike", id="the name of an interval's end"),
        pytest.param(("share_mixed", "a"), ("b", "b"), "too alike", id="the name of a share"),
    ],
)
def test_names_that_cannot_be_columns_of_one_database_are_refused(
    first: tuple[str, str], second: tuple[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Frames(Frame(*first, "First"), Frame(*second, "Second"))


def test_frames_are_the_same_when_names_and_outputs_are() -> None:
    named = Frames(Frame("a", "x", "A"), Frame("b", "y", "B"))
    assert named == Frames(Frame("a", "x", "Another title", "Described"), Frame("b", "y", "B"))
    assert named != Frames(Frame("b", "y", "B"), Frame("a", "x", "A"))
    assert named != Frames(Frame("a", "z", "A"), Frame("b", "y", "B"))


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Hopeful peace", "hopeful peace"),
        ("NATO at fault", "NATO at fault"),
        ("Deal with Iran", "deal with Iran"),
        ("X", "x"),
    ],
)
def test_a_title_inside_a_sentence_begins_small(title: str, words: str) -> None:
    assert Frame("a", "a", title).words == words


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        pytest.param((0.0, 0.5, -0.5), (0.5, 0.5, 0.5), id="the middle of each curve"),
        # 1 / (1 + e^-z) is 3/4 at z = ln 3 and 1/4 at z = -ln 3.
        pytest.param(
            (math.log(3), (math.log(3) + 1) / 2, 2 * math.log(3) - 0.5), (0.75, 0.75, 0.75), id="three to one"
        ),
        pytest.param(
            (-math.log(3), (1 - math.log(3)) / 2, -2 * math.log(3) - 0.5), (0.25, 0.25, 0.25), id="one to three"
        ),
    ],
)
def test_probabilities_are_the_calibrated_logistic_curve(
    logits: tuple[float, float, float], expected: tuple[float, float, float]
) -> None:
    assert DECISION.probabilities(logits) == pytest.approx(dict(zip(DEFAULT_FRAMES.outputs, expected, strict=True)))


@given(st.lists(st.floats(allow_nan=False), min_size=3, max_size=3))
def test_any_logits_give_probabilities_and_a_label(logits: list[float]) -> None:
    """Beyond about 37 a probability is exactly 1: that, too, has to give a label."""
    probabilities = DECISION.probabilities(logits)
    assert all(0 <= value <= 1 for value in probabilities.values())
    assert DECISION.framing(probabilities).label in DEFAULT_FRAMES.labels


@given(st.floats(-40, 40), st.floats(-40, 40))
def test_a_larger_logit_never_means_a_smaller_probability(one: float, other: float) -> None:
    low, high = sorted((one, other))
    at_low, at_high = DECISION.probabilities([low] * 3), DECISION.probabilities([high] * 3)
    assert all(at_low[name] <= at_high[name] for name in DEFAULT_FRAMES.outputs)


@pytest.mark.parametrize("logits", [(), (0.0, 0.0), (0.0, 0.0, 0.0, 0.0)])
def test_another_number_of_outputs_is_an_error(logits: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="zip"):
        DECISION.probabilities(logits)


@pytest.mark.parametrize(
    ("hope", "appease", "label"),
    [
        pytest.param(0.5, 0.1, HOPEFUL, id="hope at its threshold"),
        pytest.param(0.499, 0.1, NEITHER, id="hope below"),
        pytest.param(0.1, 0.25, APPEASEMENT, id="appease at its threshold"),
        pytest.param(0.1, 0.249, NEITHER, id="appease below"),
        pytest.param(0.9, 0.3, MIXED, id="both"),
    ],
)
@pytest.mark.parametrize("relevant", [0.0, 1.0])
def test_each_frame_has_its_own_threshold_and_relevance_changes_no_label(
    relevant: float, hope: float, appease: float, label: str
) -> None:
    framing = DECISION.framing(chances(relevant, hope, appease), "Because.")
    assert framing.label == label
    assert framing.relevant is (relevant == 1.0)
    assert (framing.p_relevant, framing.p) == (relevant, (hope, appease))
    assert framing.evidence == "Because."


def test_relevance_begins_at_its_threshold() -> None:
    assert DECISION.framing(chances(relevant=0.4)).relevant
    assert not DECISION.framing(chances(relevant=0.399)).relevant


@pytest.mark.parametrize(
    ("probabilities", "uncertain"),
    [
        pytest.param(chances(), False, id="outside every band"),
        pytest.param(chances(hope=0.45), True, id="lower edge"),
        pytest.param(chances(hope=0.55), True, id="upper edge"),
        pytest.param(chances(hope=0.551), False, id="above"),
        pytest.param(chances(relevant=0.4), True, id="the band of another output"),
        pytest.param(chances(appease=0.25), False, id="an output without a band"),
    ],
)
def test_uncertain_is_what_lies_in_a_band(probabilities: dict[str, float], uncertain: bool) -> None:
    assert DECISION.framing(probabilities).uncertain is uncertain


@pytest.mark.parametrize(
    ("hope", "appease", "leaning"),
    [
        pytest.param(0.6, 0.1, HOPEFUL, id="only hope above its threshold"),
        pytest.param(0.4, 0.3, APPEASEMENT, id="only appease above, though it is less likely"),
        pytest.param(0.5, 0.25, HOPEFUL, id="both at the threshold"),
        # Odds against the threshold: 0.8 against 0.5 is 4; 0.5 against 0.25 is 3, 0.6 against 0.25 is 4.5.
        pytest.param(0.8, 0.5, HOPEFUL, id="both above, hope further"),
        pytest.param(0.8, 0.6, APPEASEMENT, id="both above, appease further"),
        pytest.param(0.1, 0.01, HOPEFUL, id="both below, hope nearer"),
        pytest.param(1.0, 0.9, HOPEFUL, id="certain hope"),
        pytest.param(0.9, 1.0, APPEASEMENT, id="certain appeasement"),
        pytest.param(0.0, 0.0, APPEASEMENT, id="neither at all: the lower threshold is nearer"),
        pytest.param(0.0, 0.1, APPEASEMENT, id="no hope at all"),
    ],
)
def test_leaning_compares_each_frame_with_its_own_threshold(hope: float, appease: float, leaning: str) -> None:
    assert DECISION.leaning(chances(hope=hope, appease=appease)) == leaning
    assert DECISION.framing(chances(hope=hope, appease=appease)).leaning == leaning


_chance = st.floats(0, 1)


@given(hope=_chance, appease=_chance)
def test_leaning_agrees_with_the_label_where_that_is_one_frame(hope: float, appease: float) -> None:
    framing = DECISION.framing(chances(hope=hope, appease=appease))
    if framing.label in {HOPEFUL, APPEASEMENT}:
        assert framing.leaning == framing.label
