"""Agencies as credited."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_coverage.wire import Credit, agency_named, credit, without_credit

TEXT = "The two presidents met on an island, officials said."


@pytest.mark.parametrize(
    ("dateline", "agency"),
    [
        ("VALLETTA, Feb 3 (Reuters) - ", "Reuters"),
        ("Feb 3 (Reuters) - ", "Reuters"),
        ("VALLETTA/KYIV, Feb 3 (Reuters) – ", "Reuters"),
        ("ST. JULIAN'S, Malta, Feb 3 (Reuters) -- ", "Reuters"),
        ("By Ada Ember and Bo Flint VALLETTA, Feb 3 (Reuters) - ", "Reuters"),
        ("(Bloomberg) -- ", "Bloomberg"),
        ("(Bloomberg/Reuters) — ", "Bloomberg"),
        ("VALLETTA, Malta (AP) — ", "AP"),
        ("VALLETTA, Malta — AP — ", "AP"),
        ("AP — ", "AP"),
        ("VALLETTA, Malta (AFP) -- ", "AFP"),
        ("AFP - ", "AFP"),
        ("Valletta (AFP) Feb 3, 2026 ", "AFP"),
        ("Valletta (UPI) Feb. 3, 2026 ", "UPI"),
        ("VALLETTA, February 3. /TASS/. ", "TASS"),
        ("/TASS/ ", "TASS"),
        ("МАЛЬТА, 3 февраля. /ТАСС/. ", "TASS"),
        ("VALLETTA, Feb. 3 (Xinhua) -- ", "Xinhua"),
        ("Valletta (dpa) - ", "dpa"),
        ("Valletta (dpa/AFP) - ", "dpa"),
        ("VALLETTA. Feb 3 (Interfax) - ", "Interfax"),
        ("KYIV. Feb 3 (Interfax-Ukraine) - ", "Interfax-Ukraine"),
        ("Valletta [Malta], February 3 (ANI): ", "ANI"),
        ("Valletta, Feb 3 (PTI) ", None),  # no dash: may be anything
        ("Valletta — PTI — ", "PTI"),
        ("La Valeta, 3 feb (EFE).- ", None),  # another sign than those known
        ("By The Associated Press | ", "AP"),
        ("By Reuters — ", "Reuters"),
        ("ВАЛЛЕТТА, 3 февраля (Интерфакс) — ", "Interfax"),
        ("КИЇВ, 3 лютого (Укрінформ) — ", "Ukrinform"),
        ("", None),
    ],
)
def test_a_dateline_credits_its_agency_and_is_no_part_of_the_text(dateline: str, agency: str | None) -> None:
    found = credit(dateline + TEXT)
    if agency is None:
        assert found is None
        assert without_credit(dateline + TEXT) == dateline + TEXT
    else:
        assert found == Credit(agency, dateline.strip())
        assert without_credit(dateline + TEXT) == TEXT


@pytest.mark.parametrize(
    "lead",
    [
        "The president told Reuters that the talks went on.",
        "Reuters reported on Tuesday that the talks went on.",
        "According to AFP, the talks went on.",
        "A Reuters/Ipsos poll finds that few expect a truce.",
        "TASS news agency cited an aide.",
        "The talks went on, Bloomberg News reported.",
        "An AP photographer saw the motorcade.",
        "The pa system failed - twice.",
        "Officials (who asked not to be named) - said the talks went on.",
        "Source: Bloomberg, 4:43",
        "The Associated Press contributed to this report.",
        "",
    ],
)
def test_a_mention_is_no_credit(lead: str) -> None:
    assert credit(lead) is None
    assert without_credit(lead) == lead


@pytest.mark.parametrize(
    ("author", "agency"),
    [
        ("Reuters", "Reuters"),
        ("By Reuters", "Reuters"),
        ("Ada Ember, Associated Press", "AP"),
        ("The Associated Press", "AP"),
        ("Ada Ember (AFP)", "AFP"),
        ("AFP/Ada Ember", "AFP"),
        ("redaktion@post.example (dpa)", "dpa"),
        ("Press Association", "PA"),
        ("Ada Ember", None),
        ("Stella Reutersward", None),
        ("ap", None),
        ("", None),
        (None, None),
    ],
)
def test_a_byline_credits_too(author: str | None, agency: str | None) -> None:
    found = credit(TEXT, author)
    assert (found.agency if found else None) == agency
    assert found is None or found.words == author


@pytest.mark.parametrize(
    ("closing", "agency"),
    [
        (" (Reuters)", "Reuters"),
        (" (With inputs from PTI)", "PTI"),
        (" (with agency inputs from ANI).", "ANI"),
        (" — AFP", "AFP"),
        (" © 2026 AFP", "AFP"),
        (" (c) Xinhua", "Xinhua"),
        (" Reuters", None),
    ],
)
def test_so_does_a_closing_line(closing: str, agency: str | None) -> None:
    found = credit(TEXT + closing)
    assert found == (Credit(agency, closing.strip()) if agency else None)


def test_what_an_agency_publishes_is_its_own() -> None:
    assert credit(TEXT, None, "Reuters") == Credit("Reuters", "Reuters")
    assert credit("MOSCOW, February 3. /TASS/. " + TEXT, "TASS", "TASS") == Credit("TASS", "TASS")
    assert credit("VALLETTA (Reuters) - " + TEXT, None, "The Harbour Post") == Credit("Reuters", "VALLETTA (Reuters) -")


@pytest.mark.parametrize(
    ("publisher", "agency"),
    [
        ("Associated Press", "AP"),
        ("AP News", "AP"),
        ("Xinhua News Agency", "Xinhua"),
        ("kyodo news", "Kyodo"),
        ("TASS", "TASS"),
        ("The Harbour Post", None),
        ("Bloomberg Opinion", None),
        ("", None),
    ],
)
def test_agencies_are_known_by_their_publishers_names(publisher: str, agency: str | None) -> None:
    assert agency_named(publisher) == agency


_pieces = st.sampled_from("VALLETTA , Feb 3 ( ) / Reuters AFP TASS - — : . By © with inputs from".split())


@given(st.lists(_pieces | st.text(max_size=3), max_size=12).map(" ".join) | st.text())
def test_any_text_has_one_credit_or_none_and_keeps_its_end(lead: str) -> None:
    found = credit(lead)
    assert found is None or (found.words in lead and agency_named(found.agency) == found.agency)
    assert lead.endswith(without_credit(lead))
