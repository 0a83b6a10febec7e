"""Which articles carry the same text."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_coverage.stories import (
    WINDOW,
    Match,
    Reason,
    Wording,
    bands,
    compare,
    forget,
    headline_band,
    headline_words,
    lead_similarity,
    wording,
)

NOON = datetime(2026, 2, 3, 12, tzinfo=UTC)
HEADLINE = "Presidents leave island after talks on grain corridor and prisoners end early"
LEAD = "They had planned to stay for two days, but the delegations flew home on Tuesday night without a statement."
OTHER_LEAD = (
    "Farmers in the delta expect a better harvest this year, and the ports are preparing for more ships in May."
)


def post(
    title: str = HEADLINE,
    lead: str = "",
    *,
    outlet: str = "The Harbour Post",
    after: timedelta = timedelta(0),
    agency: str | None = None,
) -> Wording:
    return wording(title, lead, outlet, NOON + after, agency)


def lantern(title: str = HEADLINE, lead: str = "", *, agency: str | None = None) -> Wording:
    return post(title, lead, outlet="Al-Lantern", agency=agency)


def reason(a: Wording, b: Wording) -> Reason | None:
    """Why two are the same; checks on the way that order does not count and that the index would find the pair."""
    found = compare(a, b)
    assert found == compare(b, a)
    assert found is None or set(bands(a)) & set(bands(b))
    return found.reason if found else None


@pytest.mark.parametrize(
    "title",
    [
        HEADLINE,
        HEADLINE.upper(),
        "Presidents leave island after talks on grain corridor, prisoners end early",
        "‘Presidents’ leave island – after talks on the grain corridor and prisoners end early!",
        "Exclusive: " + HEADLINE,
        "BREAKING: " + HEADLINE,
        "Update 2: " + HEADLINE,
        "Opinion | " + HEADLINE,
        "Op-Ed Columnist: " + HEADLINE,
        HEADLINE + " | Opinion",
        HEADLINE + " | World News",
        HEADLINE + " (Gift Article)",
    ],
)
def test_the_same_headline_in_another_dress_is_the_same(title: str) -> None:
    assert reason(post(), lantern(title)) is Reason.SAME_HEADLINE
    assert headline_band(title) == headline_band(HEADLINE)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Zelenskiy and U.S. envoys meet for three hours in Kiev", "Zelensky, US envoys meet for 3 hours in Kyiv"),
        (
            "Minister says Valletta's port needs the ships’ papers before it opens",
            "Minister says Valletta port needs ships papers before it opens",
        ),
        (
            "Президенты покинули остров после переговоров о зерновом коридоре",
            "президенты покинули остров после ПЕРЕГОВОРОВ о зерновом коридоре",
        ),
        ("两国总统在岛上会谈后离开", "两国总统在岛上会谈后离开"),
    ],
)
def test_spelling_is_no_difference(first: str, second: str) -> None:
    assert headline_words(first) == headline_words(second)
    assert reason(post(first), lantern(second)) is Reason.SAME_HEADLINE


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(
            "Toll in port fire rises to 15 as crews search on",
            "Toll in port fire rises to 16 as crews search on",
            id="number",
        ),
        pytest.param(HEADLINE, HEADLINE.replace("end", "do not end"), id="negation"),
        pytest.param(HEADLINE, HEADLINE.replace("Presidents", "Ministers"), id="who"),
        pytest.param(
            "Envoys tell the presidents of port fire near the old town",
            "Presidents tell the envoys of port fire near the old town",
            id="order",
        ),
        pytest.param(
            HEADLINE, "Presidents to leave island after talks on grain corridor and prisoners end early", id="plan"
        ),
        pytest.param(HEADLINE, "Live: " + HEADLINE, id="live page"),
        pytest.param(HEADLINE, "Watch: " + HEADLINE, id="video"),
        pytest.param(
            HEADLINE,
            "Presidents leave island after second talks on grain corridor and prisoners end early",
            id="another round",
        ),
        pytest.param(HEADLINE, "Presidents fly home from island talks", id="another headline for the same event"),
        pytest.param("Live updates", "Live updates", id="says too little"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_what_tells_something_else_is_another_story(first: str, second: str) -> None:
    assert reason(post(first), lantern(second)) is None


@pytest.mark.parametrize(
    ("title", "similarity"),
    [
        pytest.param(
            "Old presidents leave island after talks on grain corridor and prisoners end early",
            11 / 12,
            id="a word more",
        ),
        pytest.param(HEADLINE + ", aides say", 11 / 13, id="two words more"),
        pytest.param("Presidents leave island after talks on grain and prisoners end early", 10 / 11, id="a word less"),
    ],
)
def test_a_word_more_or_less_is_near(title: str, similarity: float) -> None:
    assert compare(post(), lantern(title)) == Match(Reason.NEAR_HEADLINE, pytest.approx(similarity))
    assert reason(post(), lantern(title)) is Reason.NEAR_HEADLINE
    assert reason(post(lead=LEAD), lantern(title, OTHER_LEAD)) is None, "the leads have nothing in common"


def test_a_short_headline_may_differ_only_where_the_leads_agree() -> None:
    short, longer = "Presidents leave island after grain talks", "Presidents leave small island after grain talks today"
    assert reason(post(short), lantern(longer)) is None
    half = LEAD.replace("for two days, but the delegations", "until Thursday, yet both sides")
    seven = ("Presidents leave island after long grain talks", "Presidents leave island after very long grain talks")
    assert reason(post(seven[0]), lantern(seven[1])) is None
    assert reason(post(seven[0], LEAD), lantern(seven[1], half)) is Reason.NEAR_HEADLINE


def test_a_short_headline_is_the_same_only_word_for_word() -> None:
    assert reason(post("Three dead in harbour fire"), lantern("Three dead in harbour fire")) is Reason.SAME_HEADLINE
    assert reason(post("Three dead in harbour fire"), lantern("3 dead in the harbour fire")) is None
    assert reason(post("Three dead in harbour fire", LEAD), lantern("Three dead in harbour fire", OTHER_LEAD)) is None


def test_the_same_lead_under_another_headline_is_the_same_in_another_outlet() -> None:
    other = "No statement after the summit"
    assert compare(post(lead=LEAD), lantern(other, LEAD)) == Match(Reason.SAME_LEAD, 1.0)
    assert reason(post(lead=LEAD), lantern(other, LEAD[:80] + "…")) is Reason.SAME_LEAD, "cut short"
    assert reason(post(lead=LEAD), lantern(other, "VALLETTA, Feb 3 (Reuters) - " + LEAD)) is Reason.SAME_LEAD
    assert reason(post(lead=LEAD), post(other, LEAD)) is None, "one outlet's standing lead"
    assert reason(post(lead=LEAD), lantern(other, OTHER_LEAD)) is None
    assert reason(post(lead="They had planned to stay."), lantern(other, "They had planned to stay.")) is None


def test_two_reprints_of_one_agency_may_differ_more() -> None:
    edited = LEAD.replace("on Tuesday night without a statement", "late on Tuesday, and nobody made a statement")
    headlines = "No statement after the summit", "Delegations fly home"
    for agencies, found in (
        (("AFP", "AFP"), Reason.SAME_WIRE),
        (("AFP", "AP"), None),
        (("AFP", None), None),
        ((None, None), None),
    ):
        first = post(headlines[0], LEAD, agency=agencies[0])
        assert reason(first, lantern(headlines[1], edited, agency=agencies[1])) is found


def test_a_lead_that_repeats_the_headline_is_none() -> None:
    assert wording(HEADLINE, f"{HEADLINE}  The Harbour Post", "Newsfinder", NOON).lead == ()
    assert wording(HEADLINE, f"{HEADLINE} {LEAD}", "Newsfinder", NOON).lead


def test_one_outlets_standing_headline_is_a_new_story_each_time() -> None:
    standing = "The week in pictures from around the five seas"
    assert reason(post(standing), post(standing, after=timedelta(days=1))) is Reason.SAME_HEADLINE
    assert reason(post(standing), post(standing, after=timedelta(days=1, seconds=1))) is None
    assert reason(post(standing, LEAD), post(standing, LEAD, after=timedelta(days=3))) is Reason.SAME_HEADLINE
    assert reason(post(standing, LEAD), post(standing, OTHER_LEAD)) is None


def test_texts_are_compared_within_the_window() -> None:
    first = lantern(lead=LEAD)
    assert reason(first, post(lead=LEAD, after=WINDOW)) is Reason.SAME_HEADLINE
    assert reason(first, post(lead=LEAD, after=WINDOW + timedelta(seconds=1))) is None


def test_bands_are_what_the_database_can_hold_and_stay_what_they_are() -> None:
    found = bands(post(lead=LEAD))
    assert len(set(found)) == len(found) == 14
    assert all(0 <= band < 2**63 for band in found)
    assert headline_band(HEADLINE) in found
    # Stored in databases: other numbers would need a migration.
    assert headline_band("Presidents leave island") == 855112653154749818
    assert bands(post("Live updates")) == ()


VOCABULARY = [a + b + c for a in ("bal", "cor", "dun", "fel", "gam", "hin") for b in "aeiou" for c in "bdklmnrt"]


def edited(words: list[str], choose: random.Random) -> list[str]:
    """The words with up to two of them left out, put in or exchanged."""
    words = list(words)
    for _ in range(choose.randrange(3)):
        at = choose.randrange(len(words))
        words[at : at + choose.randrange(2)] = [choose.choice(VOCABULARY)] * choose.randrange(2)
    return words


def test_the_index_finds_nearly_all_pairs_that_comparing_everything_finds() -> None:
    choose = random.Random(7)  # noqa: S311 - a fixed sample
    texts = []
    for n in range(60):
        headline, lead = choose.choices(VOCABULARY, k=12), choose.choices(VOCABULARY, k=22)
        texts += [
            post(" ".join(edited(headline, choose)), " ".join(edited(lead, choose)), outlet=f"{n}.{copy}")
            for copy in range(4)
        ]
    indexed = {id(text): set(bands(text)) for text in texts}
    same = [(a, b) for a, b in combinations(texts, 2) if compare(a, b)]
    found = [(a, b) for a, b in same if indexed[id(a)] & indexed[id(b)]]
    candidates = sum(bool(indexed[id(a)] & indexed[id(b)]) for a, b in combinations(texts, 2))
    assert len(same) > 200
    assert len(found) >= 0.98 * len(same)
    assert candidates <= 2 * 60 * 6, "few pairs that are not the same are compared"


@settings(deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 12), st.integers(12, 45), st.sampled_from([None, "AFP"]))
def test_leads_that_agree_make_one_text_whatever_the_headlines(
    choose: random.Random, edits: int, length: int, agency: str | None
) -> None:
    lead = choose.choices(VOCABULARY, k=45)
    other = list(lead)
    for at in choose.choices(range(45), k=edits):
        other[at] = choose.choice(VOCABULARY)
    first = wording("Talks on grain end early again", " ".join(lead), "A", NOON, agency)
    second = wording("Envoys go home from the island", " ".join(other[:length]), "B", NOON, agency)
    similarity = lead_similarity(first, second)
    found = compare(first, second)
    if similarity is not None and similarity >= (0.5 if agency else 0.7):
        assert found == Match(Reason.SAME_WIRE if agency else Reason.SAME_LEAD, similarity)
    else:
        assert found is None


_titles = st.sampled_from([HEADLINE, HEADLINE + " today", "Live updates", "", "Exclusive: x"]) | st.text(max_size=40)
_leads = st.sampled_from(["", LEAD, OTHER_LEAD, LEAD[:70]]) | st.text(max_size=60)
_wordings = st.builds(
    wording,
    _titles,
    _leads,
    st.sampled_from(["A", "B"]),
    st.integers(0, 20).map(lambda days: NOON + timedelta(days=days)),
    st.sampled_from([None, "AFP"]),
)


@settings(deadline=None)
@given(_wordings, _wordings)
def test_comparing_is_symmetric_whatever_the_texts(a: Wording, b: Wording) -> None:
    found = compare(a, b)
    assert found == compare(b, a)
    assert found is None or 0 <= found.similarity <= 1
    assert bands(a) == bands(a)


def test_what_is_kept_of_texts_is_given_up_and_they_compare_as_before() -> None:
    first, second = post(HEADLINE, LEAD, outlet="A"), post(HEADLINE + " today", LEAD, outlet="B")
    found, index = compare(first, second), bands(first)
    assert wording.cache_info().currsize > 0
    forget()
    assert wording.cache_info().currsize == 0
    assert (compare(first, second), bands(first)) == (found, index)
