"""Which language a text is in: the feed's word against the detector's."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_coverage.language import CONFIDENT, SURE, declared_code, detect, language_of, unreadable

TEXTS = {
    "en": ("Leaders meet for talks on ending the long war", "Both sides spoke of progress, and neither of terms."),
    "de": ("Die Staatschefs treffen sich zu Gesprächen", "Beide Seiten sprachen von Fortschritten bei den Gesprächen."),
    "fr": ("Les dirigeants se réunissent à Malte", "Selon le ministère, la fin de la guerre n'est pas encore proche."),
    "uk": ("Лідери зустрічаються на переговорах", "Обидві сторони говорять про поступ, але не про умови."),
}
NAMES = "Valletta Larnaca Podil Meridian Zarya Hansekurier"
"""Long enough to be detected, and in no language: the detector cannot be sure."""
CLOSE = "Los lideres se reunen para hablar del fin de la guerra en el este del pais"
"""Between confident and sure: enough for a text without declaration, too little against one."""


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        pytest.param("en", "en", id="code"),
        pytest.param("EN", "en", id="capitals"),
        pytest.param("en-GB", "en", id="region"),
        pytest.param("en_us", "en", id="underscore"),
        pytest.param("zh-Hans-CN", "zh", id="script and region"),
        pytest.param(" fr \n", "fr", id="white space"),
        pytest.param("eng", None, id="three letters"),
        pytest.param("English", None, id="name"),
        pytest.param("e", None, id="one letter"),
        pytest.param("e1", None, id="digit"),
        pytest.param("en, fr", None, id="several"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="missing"),
    ],
)
def test_the_declared_code_is_the_primary_subtag(tag: str | None, code: str | None) -> None:
    assert declared_code(tag) == code


@pytest.mark.parametrize("code", TEXTS)
def test_a_sentence_or_two_are_enough_to_be_sure(code: str) -> None:
    detected, probability = detect(" ".join(TEXTS[code]))
    assert detected == code
    assert SURE <= probability <= 1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("Talks resume", id="a few letters"),
        pytest.param("2026 - 02 - 03: 28 + 20 = 48 " * 20, id="many digits"),
        pytest.param("?!… " * 50, id="many signs"),
        pytest.param("x" * 24, id="a letter too few"),
    ],
)
def test_too_few_letters_are_not_guessed_at(text: str) -> None:
    assert detect(text) == (None, 0.0)
    assert language_of(text, "", None) == (None, "unknown")
    assert language_of(text, "", "de") == ("de", "declared")


@pytest.mark.parametrize("code", TEXTS)
def test_an_undeclared_text_has_the_language_that_is_detected(code: str) -> None:
    assert language_of(*TEXTS[code], None) == (code, "detected")
    assert language_of(*TEXTS[code], "no language tag") == (code, "detected")


@pytest.mark.parametrize("code", TEXTS)
def test_a_right_declaration_counts_as_declared(code: str) -> None:
    assert language_of(*TEXTS[code], f"{code.upper()}-XX") == (code, "declared")


@pytest.mark.parametrize("code", [code for code in TEXTS if code != "en"])
def test_a_detector_that_is_sure_overrules_the_declaration(code: str) -> None:
    assert language_of(*TEXTS[code], "en-US") == (code, "detected")


def test_a_detector_that_is_only_confident_does_not_overrule_but_decides_alone() -> None:
    code, probability = detect(f"{CLOSE}. ")
    assert code == "es"
    assert CONFIDENT <= probability < SURE
    assert language_of(CLOSE, "", "en") == ("en", "declared")
    assert language_of(CLOSE, "", None) == ("es", "detected")


def test_a_detector_that_is_not_confident_decides_nothing() -> None:
    code, probability = detect(f"{NAMES}. ")
    assert code is not None
    assert probability < CONFIDENT
    assert language_of(NAMES, "", None) == (None, "unknown")
    assert language_of(NAMES, "", "en") == ("en", "declared")


def test_the_lead_helps_a_headline_that_is_too_short() -> None:
    title, lead = "Gespräche", TEXTS["de"][1]
    assert language_of(title, "", None) == (None, "unknown")
    assert language_of(title, lead, None) == ("de", "detected")


def test_only_the_start_of_a_long_text_is_read() -> None:
    german, english = " ".join(TEXTS["de"]), " ".join(TEXTS["en"])
    assert language_of(german * 20, english * 1000, None) == ("de", "detected")


def test_a_detector_loaded_in_the_background_is_the_one_that_is_asked() -> None:
    """In a process of its own, where nobody has loaded it."""
    program = (
        "import sys\nfrom media_coverage import language\nassert 'py3langid' not in sys.modules\n"
        "language.prepare()\nprint(*language.detect(sys.argv[1]), language._loaded.cache_info().misses)"
    )
    text = " ".join(TEXTS["uk"])
    done = subprocess.run([sys.executable, "-c", program, text], capture_output=True, text=True, check=True)
    code, probability, loaded = done.stdout.split()
    assert (code, float(probability), loaded) == (*detect(text), "1")
    assert done.stderr == ""


@settings(deadline=None, max_examples=60)
@given(
    title=st.text(max_size=60), summary=st.text(max_size=60), declared=st.sampled_from([None, "", "en", "x", "de-AT"])
)
def test_any_text_has_a_two_letter_code_or_is_unknown(title: str, summary: str, declared: str | None) -> None:
    code, source = language_of(title, summary, declared)
    assert source in {"declared", "detected", "unknown"}
    assert (code is None) is (source == "unknown")
    assert code is None or (len(code) == 2 and code.islower())
    assert source != "unknown" or declared_code(declared) is None


def test_a_classifier_is_not_asked_about_a_language_that_it_does_not_read() -> None:
    assert unreadable("de", "en") == "language de; the classifier reads en"
    assert unreadable("en", "en") is None
    assert unreadable(None, "en") is None
