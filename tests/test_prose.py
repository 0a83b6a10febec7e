"""Hostile feed text → one clean line, and lines → sentences."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_coverage.prose import _DROPPED, MAX_CHARACTERS, clean, first_words, plain, sentences

HOSTILE = (
    "<script>",
    "</script>",
    "<SCRIPT src=x>",
    "<scr",
    "ipt>",
    "&lt;script&gt;",
    "&amp;lt;script&amp;gt;",
    "&amp;amp;lt;script&amp;amp;gt;",
    "<\u202escript>",
    "<&#x202e;script>",
    "&lt;\x00script>",
    "<\ufeffimg src=x onerror=alert(1)>",
    "<![ x]>",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "<!doctype",
    "<?php",
    "<style>",
    "<template>",
    "<p>",
    "<",
    ">",
    "&",
    ";",
    "&#0;",
    "&#xd800;",
    "&#1114112;",
    "&#" + "9" * 5000 + ";",
    "&nosuch;",
    "\ud800",
    "\u2028",
    "\x1b[31m",
    "\r\n",
    " ",
    "'",
    '"',
)

fragments = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=6), max_size=12).map("".join)
plain_text = st.text(st.characters(codec="utf-8", exclude_characters="<&"))


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        pytest.param("Talks resume", "Talks resume", id="plain"),
        pytest.param("", "", id="nothing"),
        pytest.param("<b>Talks</b> resume", "Talks resume", id="inline tags vanish"),
        pytest.param("<p>Talks</p><p>resume</p>", "Talks resume", id="paragraphs stay apart"),
        pytest.param("Talks<br>resume<br/>today", "Talks resume today", id="line breaks stay apart"),
        pytest.param("<UL><LI>Talks<LI>resume</UL>", "Talks resume", id="capital tags stay apart"),
        pytest.param("talk<em>s</em>", "talks", id="inline tags do not split words"),
        pytest.param('<a href="https://a.example/?a>b" title="<p>">Talks</a>', "Talks", id="attributes with brackets"),
        pytest.param("Talks<!-- off the record --> resume", "Talks resume", id="comment"),
        pytest.param("Talks<script>steal('<p>')</script> resume", "Talks resume", id="script"),
        pytest.param("Talks<style>p > a {color: red}</style> resume", "Talks resume", id="style"),
        pytest.param("Talks<template><p>x</p></template> resume", "Talks resume", id="template"),
        pytest.param("Talks<noscript><img src=x></noscript> resume", "Talks resume", id="noscript"),
        pytest.param('<img src="https://a.example/p.gif" width=1>Talks', "Talks", id="tracking image"),
        pytest.param("<![CDATA[Talks resume]]>", "Talks resume", id="escaped CDATA"),
        pytest.param("Talks &amp; terms", "Talks & terms", id="entity"),
        pytest.param("Talks &amp;amp; terms", "Talks & terms", id="entity escaped twice"),
        pytest.param("&lt;p&gt;Talks&lt;/p&gt;", "Talks", id="tags escaped once"),
        pytest.param("&amp;lt;p&amp;gt;Talks&amp;lt;/p&amp;gt;", "Talks", id="tags escaped twice"),
        pytest.param("caf&eacute; &#233; &#xE9;", "café é é", id="named and numbered characters"),
        pytest.param("&#8220;Talks&#8221;&nbsp;resume", "“Talks” resume", id="quotation marks and no-break space"),
        pytest.param("5 < 6 and 7 > 6", "5 < 6 and 7 > 6", id="comparisons are no tags"),
        pytest.param("We <3 peace & Q&A; AT&T", "We <3 peace & Q&A; AT&T", id="signs that only look like markup"),
        pytest.param(" Talks\r\n\t resume ", "Talks resume", id="white space"),
        pytest.param("Ta\x00lks\x1b[31m", "Talks[31m", id="control characters"),
        pytest.param("Talks\u2028resume\u2029now", "Talks resume now", id="line separators"),
        pytest.param("\u202eTalks\u202c \u2066resume\u2069\ufeff", "Talks resume", id="direction overrides"),
        pytest.param("Talks \u202e resume", "Talks resume", id="no double space where a character was dropped"),
        pytest.param("cafe\u0301", "café", id="composed"),
        pytest.param("Talks\ud800<b>resume</b>", "Talksresume", id="lone surrogate"),
    ],
)
def test_markup_becomes_the_text_a_reader_sees(markup: str, expected: str) -> None:
    assert plain(markup) == expected


@pytest.mark.parametrize(
    "markup",
    [
        pytest.param("&lt;script&gt;alert(1)&lt;/script&gt;", id="escaped once"),
        pytest.param("&amp;lt;script&amp;gt;alert(1)&amp;lt;/script&amp;gt;", id="escaped twice"),
        pytest.param("<\u202escript>alert(1)</script>", id="hidden by a direction override"),
        pytest.param("<&#x202e;script>alert(1)</script>", id="hidden by a numbered direction override"),
        pytest.param("<scr<script>ipt>alert(1)</scr</script>ipt>", id="tag within a tag"),
        pytest.param("<script", id="never closed"),
    ],
)
def test_no_script_survives_however_it_hides(markup: str) -> None:
    assert "<script" not in plain(markup).lower()


@settings(deadline=None, max_examples=500)
@given(fragments)
def test_plain_never_raises_and_leaves_one_line_without_controls_or_tags(markup: str) -> None:
    text = plain(markup)
    assert not [c for c in text if unicodedata.category(c) in {"Cc", "Cs"} or c in "\u202e\u2066\ufeff\u2028"]
    assert "<script" not in text.lower()
    assert not [
        at for at in range(len(text) - 1) if text[at] == "<" and (text[at + 1].isascii() and text[at + 1].isalpha())
    ]
    assert text == text.strip()
    assert "  " not in text
    assert len(text) <= MAX_CHARACTERS


def test_exactly_controls_surrogates_and_direction_overrides_are_dropped() -> None:
    characters = [chr(code) for code in range(0x1_0000)]
    harmful = {c for c in characters if unicodedata.category(c) in {"Cc", "Cs"} and not c.isspace()}
    overrides = {
        c for c in characters if unicodedata.bidirectional(c) in set("LRE RLE PDF LRO RLO LRI RLI FSI PDI".split())
    }
    assert {c for c in characters if _DROPPED.match(c)} == harmful | overrides | {"\ufeff"}
    assert not any(unicodedata.category(chr(code)) in {"Cc", "Cs"} for code in range(0x1_0000, 0x11_0000))


@given(plain_text)
def test_text_without_markup_only_has_its_white_space_tidied(text: str) -> None:
    assert plain(text) == clean(text)
    assert plain(plain(text)) == plain(text)
    assert clean(clean(text)) == clean(text)


@given(st.text(st.characters(codec="ascii", categories=("L", "N", "P", "Zs"), exclude_characters="&")))
def test_plain_ascii_text_stays_as_it_is(text: str) -> None:
    assert plain(text) == " ".join(text.split())


def test_a_field_without_end_is_cut() -> None:
    assert len(plain("x" * 10 * MAX_CHARACTERS)) == MAX_CHARACTERS
    assert len(clean("x" * 10 * MAX_CHARACTERS)) == MAX_CHARACTERS
    assert plain("<b>" * MAX_CHARACTERS) == ""


@pytest.mark.parametrize(
    "piece", ["<!--", "<![CDATA[", "<script>", "<a b='", '<a b="', "<p ", "</", "&", "&#x", "<\u202e"]
)
def test_markup_made_to_be_slow_is_not(piece: str) -> None:
    before = time.process_time()
    plain(piece * (2 * MAX_CHARACTERS // len(piece)))
    assert time.process_time() - before < 2


@pytest.mark.parametrize("piece", ["A. ", ".", '."', "!?", "No. ", ". ", "x. ", '"', ") "])
def test_prose_made_to_be_slow_to_split_is_not(piece: str) -> None:
    before = time.process_time()
    sentences(piece * (MAX_CHARACTERS // len(piece)))
    assert time.process_time() - before < 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("   ", [], id="white space"),
        pytest.param("Talks resume", ["Talks resume"], id="without a stop"),
        pytest.param("Talks resume. Kyiv waits.", ["Talks resume.", "Kyiv waits."], id="two"),
        pytest.param("Peace? Never! So be it.", ["Peace?", "Never!", "So be it."], id="other stops"),
        pytest.param("He paused… Then he left.", ["He paused…", "Then he left."], id="ellipsis"),
        pytest.param("They met... Then they left.", ["They met...", "Then they left."], id="three dots"),
        pytest.param("Really?! Yes.", ["Really?!", "Yes."], id="several stops"),
        pytest.param("“It ends.” He left.", ["“It ends.”", "He left."], id="quotation mark after the stop"),
        pytest.param("It ends. “Peace,” he said.", ["It ends.", "“Peace,” he said."], id="quotation mark before"),
        pytest.param("(It ends.) He left.", ["(It ends.)", "He left."], id="parenthesis"),
        pytest.param("They left. 28 points remain.", ["They left.", "28 points remain."], id="a number begins"),
        pytest.param("Talks at 3.30 p.m. in Oslo", ["Talks at 3.30 p.m. in Oslo"], id="small letter goes on"),
        pytest.param("Mr. Novak met Gen. Hale.", ["Mr. Novak met Gen. Hale."], id="titles"),
        pytest.param("The U.S. President met J. D. Hale.", ["The U.S. President met J. D. Hale."], id="initials"),
        pytest.param("On Feb. 3 they met. On Sept. 4 too.", ["On Feb. 3 they met.", "On Sept. 4 too."], id="months"),
        pytest.param("It is a stamp. They left.", ["It is a stamp.", "They left."], id="ends like no abbreviation"),
        pytest.param("Talks resume.Kyiv waits.", ["Talks resume.Kyiv waits."], id="no space, no end"),
    ],
)
def test_prose_is_split_where_sentences_end(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


_WORDS = st.sampled_from(
    ["Mr.", "U.S.", "talks", "Kyiv", "end.", "end!", "end?”", "“Peace", "…", "A.", "28", "(so.)", "Sept.", "..."]
)


@given(st.lists(_WORDS, max_size=25).map(" ".join) | st.text())
def test_sentences_joined_again_are_the_text(text: str) -> None:
    found = sentences(text)
    assert " ".join(" ".join(found).split()) == " ".join(text.split())
    assert all(sentence and sentence == sentence.strip() for sentence in found)


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [
        pytest.param("one two three", 2, "one two", id="more"),
        pytest.param("one two", 2, "one two", id="as many"),
        pytest.param("one  two", 5, "one  two", id="fewer: as it is"),
        pytest.param("one two", 0, "", id="none"),
        pytest.param("", 3, "", id="nothing"),
    ],
)
def test_first_words_cuts_after_a_number_of_words(text: str, count: int, expected: str) -> None:
    assert first_words(text, count) == expected
