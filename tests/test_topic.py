"""The keyword query: grammar, words, and what is decided about a text."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_coverage.topic import _FOLD, Query, QueryError, fold


def passes(query: str, title: str, summary: str = "") -> bool:
    return Query(query).decide(title, summary).passed


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        pytest.param("peace", "a peace deal", True, id="one word"),
        pytest.param("peace", "a war", False, id="one word that is missing"),
        pytest.param("peace AND deal", "a peace deal", True, id="both"),
        pytest.param("peace AND deal", "a peace plan", False, id="only one of both"),
        pytest.param("peace deal", "a deal for peace", True, id="words side by side mean AND"),
        pytest.param("peace deal", "a peace plan", False, id="words side by side, one missing"),
        pytest.param("peace OR deal", "a deal", True, id="either"),
        pytest.param("peace OR deal", "a war", False, id="neither"),
        pytest.param("NOT war", "a deal", True, id="not"),
        pytest.param("NOT war", "a war", False, id="not, but there"),
        pytest.param("NOT NOT war", "a war", True, id="not not"),
        pytest.param("peace NOT war", "peace after war", False, id="one without the other"),
        pytest.param("peace NOT war", "peace", True, id="one without the other, kept"),
        pytest.param("peace and deal or war", "war", True, id="operators in small letters"),
        pytest.param('"or"', "now or never", True, id="a quoted operator is a word"),
        pytest.param('"or"', "now and never", False, id="a quoted operator is a word, missing"),
        pytest.param("  peace\n\tAND   deal ", "peace deal", True, id="white space in the query"),
        pytest.param("(peace)", "peace", True, id="parentheses around a word"),
        pytest.param("((peace))", "peace", True, id="parentheses twice"),
        pytest.param("peace(deal)", "peace deal", True, id="parenthesis right after a word"),
    ],
)
def test_a_query_is_a_boolean_expression_over_words(query: str, text: str, expected: bool) -> None:
    assert passes(query, text) is expected


@pytest.mark.parametrize(
    ("query", "same_as", "tells_apart"),
    [
        pytest.param("a OR b AND c", "a OR (b AND c)", "a", id="AND before OR"),
        pytest.param("a b OR c", "(a AND b) OR c", "c", id="the unspoken AND before OR"),
        pytest.param("NOT a AND b", "(NOT a) AND b", "", id="NOT before AND"),
        pytest.param("NOT a OR b", "(NOT a) OR b", "a b", id="NOT before OR"),
        pytest.param("NOT a b", "(NOT a) AND b", "", id="NOT before the unspoken AND"),
    ],
)
def test_not_binds_before_and_and_before_or(query: str, same_as: str, tells_apart: str) -> None:
    for text in ("", "a", "b", "c", "a b", "a c", "b c", "a b c"):
        assert passes(query, text) is passes(same_as, text), text
    # The other way to set the parentheses decides differently here, so the comparison above is not empty.
    other = {
        "a OR (b AND c)": "(a OR b) AND c",
        "(a AND b) OR c": "a AND (b OR c)",
        "(NOT a) AND b": "NOT (a AND b)",
        "(NOT a) OR b": "NOT (a OR b)",
    }
    assert passes(query, tells_apart) is not passes(other[same_as], tells_apart)


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        pytest.param("deal", "an ideal", False, id="not inside a word"),
        pytest.param("deal", "dealers", False, id="not at the start of a word"),
        pytest.param("deal", "ordeal", False, id="not at the end of a word"),
        pytest.param("deal", "deal_2", False, id="an underscore is part of a word"),
        pytest.param("deal", "“deal”, he said", True, id="quotation marks around"),
        pytest.param("deal", "no-deal", True, id="after a hyphen"),
        pytest.param("deal", "The deal's price", True, id="before an apostrophe"),
        pytest.param("russia*", "Russian", True, id="prefix"),
        pytest.param("russia*", "Russia", True, id="the prefix itself"),
        pytest.param("russia*", "Prussian", False, id="a prefix is no infix"),
        pytest.param("US", "the US says", True, id="capitals"),
        pytest.param("us", "THE US SAYS", True, id="capitals in the text"),
        pytest.param("US", "focus on Russia", False, id="a short word inside others"),
        pytest.param("U.S.", "the U.S. says", True, id="dots"),
        pytest.param("U.S.", "the USA says", False, id="a dot is only a dot"),
        pytest.param("28-point", "the 28-point plan", True, id="digits and hyphen"),
        pytest.param("c++", "c++ or not", True, id="letters that mean something in patterns"),
        pytest.param("київ", "У місті Київ", True, id="another script"),
    ],
)
def test_a_word_matches_whole_words_only(query: str, text: str, expected: bool) -> None:
    assert passes(query, text) is expected


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        pytest.param('"peace plan"', "the peace plan", True, id="as written"),
        pytest.param('"peace plan"', "the peace\n\t plan", True, id="across white space"),
        pytest.param('"peace plan"', "the peace\u00a0plan", True, id="across a no-break space"),
        pytest.param('"peace   plan"', "the peace plan", True, id="white space in the query"),
        pytest.param('"peace plan"', "plan for peace", False, id="in another order"),
        pytest.param('"peace plan"', "peace and plan", False, id="with a word between"),
        pytest.param('"peace plan"', "peace plans", False, id="the last word whole"),
        pytest.param('"peace plan*"', "peace plans", True, id="the last word as prefix"),
        pytest.param('"peace plan*"', "peaceful plans", False, id="only the last word as prefix"),
        pytest.param('"cease-fire"', "a cease\u2010fire", True, id="typographic hyphen"),
        pytest.param('"cease-fire"', "a cease\u2011fire", True, id="no-break hyphen"),
        pytest.param('"cease-fire"', "a cease–fire", True, id="dash"),
        pytest.param('"sell out"', "sells out", False, id="the first word whole"),
    ],
)
def test_a_phrase_matches_its_words_in_order(query: str, text: str, expected: bool) -> None:
    assert passes(query, text) is expected


@pytest.mark.parametrize(
    ("query", "text"),
    [
        pytest.param("zelensky", "Zelenský speaks", id="accent in the text"),
        pytest.param("Zelenský", "Zelensky speaks", id="accent in the query"),
        pytest.param("zelensky", "Zelensky\u0301 speaks", id="combining accent"),
        pytest.param("trump's", "Trump’s patience", id="typographic apostrophe in the text"),
        pytest.param("trump’s", "Trump's patience", id="typographic apostrophe in the query"),
        pytest.param("“peace plan” OR x", "a peace plan", id="typographic quotes in the query"),
        pytest.param("strasse", "Straße", id="sharp s"),
        pytest.param("office", "oﬃce", id="ligature"),
        pytest.param("istanbul", "İSTANBUL", id="dotted capital I"),
        pytest.param("ukraine", "Ukra\u00adine", id="soft hyphen"),
    ],
)
def test_accents_and_typography_make_no_difference(query: str, text: str) -> None:
    assert passes(query, text)


@given(st.text(st.characters(categories=("L", "M", "N", "Zs"))))
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text() | st.text("ab’‘“”–—\u00a0\u00adéİß"))
def test_texts_that_need_little_folding_are_folded_like_all_others(text: str) -> None:
    decomposed = unicodedata.normalize("NFKD", text.translate(_FOLD))
    assert fold(text) == "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


def test_title_and_summary_are_searched_together() -> None:
    query = "trump AND putin"
    assert passes(query, "Trump flies out", "He meets Putin")
    assert passes(query, "", "Trump meets Putin")
    assert not passes(query, "Trump flies out", "He meets nobody")
    assert not passes("trumpputin", "Trump", "Putin"), "the end of one is not the start of the other"


@pytest.mark.parametrize(
    ("query", "text", "passed", "reason"),
    [
        pytest.param("trump* AND (putin OR kremlin)", "Trump, Kremlin", True, "matched: trump, kremlin", id="words"),
        pytest.param("russia*", "A Russian plan", True, "matched: russian", id="the word found, not the pattern"),
        pytest.param("a a OR b", "a", True, "matched: a", id="each word once"),
        pytest.param("NOT war", "peace", True, "nothing excluded was found", id="no words to name"),
        pytest.param("trump putin", "Trump", False, "no match for putin", id="the part that failed"),
        pytest.param("trump AND (putin OR kremlin)", "Trump", False, "no match for (putin OR kremlin)", id="group"),
        pytest.param("a NOT b", "a b", False, "no match for NOT b", id="exclusion"),
        pytest.param("a OR b", "c", False, "no match for (a OR b)", id="all alternatives"),
    ],
)
def test_the_reason_names_the_words_or_the_part_that_failed(query: str, text: str, passed: bool, reason: str) -> None:
    decision = Query(query).decide(text, "")
    assert (decision.passed, decision.stage, decision.reason) == (passed, "keywords", reason)


def test_a_long_failing_part_is_cut_to_be_read() -> None:
    reason = Query(" OR ".join(f"word{n}" for n in range(100))).decide("nothing", "").reason
    assert reason.startswith("no match for (word0 OR word1 OR ")
    assert reason.endswith("...")
    assert len(reason) <= len("no match for ") + 120


@pytest.mark.parametrize(
    ("query", "message"),
    [
        pytest.param("", "the query is empty", id="empty"),
        pytest.param(" \n ", "the query is empty", id="white space"),
        pytest.param("(peace", r"expected '\)' but found 'the end of the query'", id="open parenthesis"),
        pytest.param("peace)", r"unexpected '\)': is a parenthesis missing\?", id="closing parenthesis"),
        pytest.param("()", r"expected a word, a phrase or '\(' but found '\)'", id="empty parentheses"),
        pytest.param("peace AND", "found 'the end of the query'", id="AND at the end"),
        pytest.param("OR peace", "found 'OR'", id="OR at the start"),
        pytest.param("peace OR OR war", "found 'OR'", id="OR twice"),
        pytest.param("peace AND AND war", "found 'AND'", id="AND twice"),
        pytest.param("NOT", "found 'the end of the query'", id="NOT alone"),
        pytest.param('peace "plan', "unbalanced quotation mark at '\"plan'", id="open quotation"),
        pytest.param("peace “plan", "unbalanced quotation mark", id="open typographic quotation"),
        pytest.param('""', "'' is not a word", id="empty phrase"),
        pytest.param("*", r"'\*' is not a word: give letters, with \* at the end only", id="star alone"),
        pytest.param("pe*ce", r"'pe\*ce' is not a word", id="star inside"),
        pytest.param("*peace", r"'\*peace' is not a word", id="star at the start"),
        pytest.param('"peace* plan"', r"'peace\* plan' is not a word", id="star inside a phrase"),
        pytest.param("(" * 5000 + "a" + ")" * 5000, "too many parentheses", id="too deep"),
        pytest.param("NOT " * 5000 + "a", "too many parentheses or NOTs", id="too many NOTs"),
    ],
)
def test_a_query_that_cannot_be_read_says_why(query: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        Query(query)


_GRAMMAR = st.lists(
    st.sampled_from(["a", "b*", '"c d"', "AND", "or", "NOT", "(", ")", '"', "*", "“", " ", "\u0301", "-"]), max_size=9
).map(" ".join)


@settings(deadline=None)
@given(query=_GRAMMAR | st.text(max_size=30), title=st.text(max_size=20))
def test_any_text_is_a_query_that_decides_or_a_query_error(query: str, title: str) -> None:
    try:
        decision = Query(query).decide(title, "")
    except QueryError:
        return
    assert decision.reason


# A second evaluation, as plain as possible: sets of words, Python's own and, or, not.

VOCABULARY = ("war", "peace", "deal", "talks")


@dataclass(frozen=True)
class Word:
    word: str

    def holds(self, words: set[str]) -> bool:
        return self.word in words

    def written(self, _binding: int) -> str:
        return self.word


@dataclass(frozen=True)
class Not:
    part: Expression

    def holds(self, words: set[str]) -> bool:
        return not self.part.holds(words)

    def written(self, _binding: int) -> str:
        return f"NOT {self.part.written(2)}"


@dataclass(frozen=True)
class Both:
    left: Expression
    right: Expression
    spoken: bool

    def holds(self, words: set[str]) -> bool:
        return self.left.holds(words) and self.right.holds(words)

    def written(self, binding: int) -> str:
        text = f"{self.left.written(1)} {'AND ' if self.spoken else ''}{self.right.written(1)}"
        return f"({text})" if binding > 1 else text


@dataclass(frozen=True)
class Either:
    left: Expression
    right: Expression

    def holds(self, words: set[str]) -> bool:
        return self.left.holds(words) or self.right.holds(words)

    def written(self, binding: int) -> str:
        text = f"{self.left.written(0)} OR {self.right.written(0)}"
        return f"({text})" if binding > 0 else text


Expression = Word | Not | Both | Either

expressions = st.recursive(
    st.sampled_from(VOCABULARY).map(Word),
    lambda inner: inner.map(Not) | st.builds(Both, inner, inner, st.booleans()) | st.builds(Either, inner, inner),
    max_leaves=12,
)


@settings(deadline=None, max_examples=400)
@given(expression=expressions, title=st.sets(st.sampled_from(VOCABULARY)), lead=st.sets(st.sampled_from(VOCABULARY)))
def test_a_query_decides_like_a_naive_evaluation(expression: Expression, title: set[str], lead: set[str]) -> None:
    """Parentheses stand only where they are needed, so this also holds the parser to its precedence."""
    query = Query(expression.written(0))
    assert query.decide(" ".join(title), " ".join(lead)).passed is expression.holds(title | lead)
