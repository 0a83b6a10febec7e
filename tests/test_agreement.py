"""Krippendorff's alpha against published examples, another implementation, and what must hold for any codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import krippendorff
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from media_coverage.agreement import Agreement, agreement, alpha

if TYPE_CHECKING:
    import random

Codes = list[tuple[str, str, str]]


def rows(*coders: str) -> Codes:
    """(coder, unit, code) from one string per coder; a dot is a missing code."""
    return [
        (f"coder {i}", f"unit {j:02d}", code)
        for i, codes in enumerate(coders)
        for j, code in enumerate(codes)
        if code != "."
    ]


# Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, University of Pennsylvania: examples A, B and C.
BINARY = rows("0100000010", "1110010000")
NOMINAL = rows("aabbdcccedda", "babbbccceddd")
INCOMPLETE = rows("123321412...", "1233224125.3", ".3332342251.", "12332441251.")


@pytest.mark.parametrize(
    ("codes", "value", "units"),
    [
        pytest.param(BINARY, 0.095, 10, id="binary, two coders"),
        pytest.param(NOMINAL, 0.692, 12, id="nominal, two coders"),
        pytest.param(INCOMPLETE, 0.743, 11, id="nominal, four coders, missing codes"),
    ],
)
def test_alpha_is_that_of_the_published_examples(codes: Codes, value: float, units: int) -> None:
    found = agreement(codes).alpha
    assert found.value is not None
    assert round(found.value, 3) == value
    assert found.units == units


def test_percent_agreement_and_the_table_of_a_pair_are_those_of_the_published_example() -> None:
    found = agreement(BINARY)
    (pair,) = found.pairs
    # The published matrix of observed agreements: 5 zeros and 1 one in common, 3 and 1 apart.
    assert pair.table == ((5, 3), (1, 1))
    assert (pair.first, pair.second, pair.units) == ("coder 0", "coder 1", 10)
    assert pair.agreement == found.observed == pytest.approx(0.6)
    assert pair.alpha.value == found.alpha.value
    positive = {part.name: part.positive for part in found.by_class}
    assert positive == {"0": pytest.approx(10 / 14), "1": pytest.approx(2 / 6)}


def test_a_unit_with_one_code_says_nothing_about_agreement() -> None:
    without = [row for row in INCOMPLETE if row[1] != "unit 11"]
    assert agreement(INCOMPLETE).alpha == agreement(without).alpha


@st.composite
def any_codes(draw: st.DrawFn) -> Codes:
    coders = draw(st.integers(2, 4))
    units = draw(st.integers(2, 25))
    classes = draw(st.sampled_from(["ab", "abc", "abcd"]))
    code = st.sampled_from(f"{classes}.")
    return rows(*("".join(draw(st.lists(code, min_size=units, max_size=units))) for _ in range(coders)))


def table(codes: Codes) -> np.ndarray:
    """(coders, units) of class numbers as floats, NaN where missing."""
    coders, units = sorted({c for c, _, _ in codes}), sorted({u for _, u, _ in codes})
    found = np.full((len(coders), len(units)), np.nan)
    for coder, unit, code in codes:
        found[coders.index(coder), units.index(unit)] = ord(code)
    return found


def paired(codes: Codes) -> Codes:
    """The codes of units that have more than one."""
    counts: dict[str, int] = {}
    for _, unit, _ in codes:
        counts[unit] = counts.get(unit, 0) + 1
    return [row for row in codes if counts[row[1]] > 1]


@settings(deadline=None, max_examples=60)
@given(any_codes())
def test_alpha_is_that_of_the_krippendorff_package(codes: Codes) -> None:
    assume(len({code for _, _, code in paired(codes)}) > 1)
    found = agreement(codes, resamples=20).alpha
    assert found.value == pytest.approx(krippendorff.alpha(table(codes), level_of_measurement="nominal"), abs=1e-12)


def same(one: Agreement, other: Agreement) -> bool:
    return (one.alpha.value, one.observed) == (
        pytest.approx(other.alpha.value, abs=1e-12),
        pytest.approx(other.observed, abs=1e-12),
    )


@settings(deadline=None, max_examples=40)
@given(any_codes(), st.randoms(use_true_random=False))
def test_names_and_order_of_coders_units_and_codes_do_not_matter(codes: Codes, chance: random.Random) -> None:
    assume(len({code for _, _, code in paired(codes)}) > 1)
    names = [sorted({row[k] for row in codes}) for k in range(3)]
    renamed = [dict(zip(part, chance.sample(part, len(part)), strict=True)) for part in names]
    changed = [(renamed[0][coder], renamed[1][unit], renamed[2][code]) for coder, unit, code in codes]
    chance.shuffle(changed)
    assert same(agreement(codes, resamples=20), agreement(changed, resamples=20))


@settings(deadline=None, max_examples=40)
@given(any_codes())
def test_nothing_is_ever_nan_and_intervals_hold_their_value(codes: Codes) -> None:
    found = agreement(codes, resamples=200)
    for part in (found.alpha, *(c.alpha for c in found.by_class), *(p.alpha for p in found.pairs)):
        if part.value is None:
            assert part.reason
            assert part.low is part.high is None
            assert part.verdict == f"No verdict: {part.reason}."
        else:
            assert -1 <= part.value <= 1
            assert (part.low is None) == (part.high is None) == bool(part.reason)
            if part.low is not None and part.high is not None:
                assert -1 <= part.low <= part.value <= part.high <= 1


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from("abc"), min_size=2, max_size=40), st.integers(2, 4))
def test_coders_who_always_agree_have_alpha_1_and_an_interval_that_knows_how_few_they_were(
    codes: list[str], coders: int
) -> None:
    assume(len(set(codes)) > 1)
    found = agreement(rows(*["".join(codes)] * coders)).alpha
    assert found.value == pytest.approx(1, abs=1e-12)
    assert found.low is not None
    assert found.low < 1
    twice = agreement(rows(*["".join(codes * 2)] * coders)).alpha
    assert twice.low is not None
    assert twice.low >= found.low


def test_coders_who_code_by_chance_have_alpha_near_0() -> None:
    chosen = np.random.default_rng(5).choice(list("abc"), size=(3, 4000), p=[0.6, 0.3, 0.1])
    found = agreement(rows(*("".join(codes) for codes in chosen))).alpha
    assert found.value == pytest.approx(0, abs=0.03)
    assert found.high is not None
    assert found.high < 0.05
    assert found.verdict.endswith("is below .667: do not publish a series of these codes.")


def test_the_interval_holds_the_alpha_of_the_population_about_95_times_in_100() -> None:
    """Coders who are right four times in five about three classes; the population's alpha comes from a large sample."""
    rng = np.random.default_rng(8)

    def sample(units: int) -> np.ndarray:
        truth = rng.choice(3, size=units, p=[0.25, 0.25, 0.5])
        coded = np.where(rng.random((2, units)) < 0.85, truth, rng.integers(0, 3, (2, units)))
        return (coded[:, :, None] == np.arange(3)).sum(axis=0)

    true = alpha(sample(400_000), resamples=2).value
    assert true is not None
    held = 0
    for _ in range(200):
        found = alpha(sample(150), resamples=400)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= true <= found.high
    assert 181 <= held <= 198


def test_an_interval_is_the_same_every_time_and_narrower_with_more_units() -> None:
    few, many = agreement(INCOMPLETE).alpha, agreement(INCOMPLETE + [(c, f"{u}b", k) for c, u, k in INCOMPLETE]).alpha
    assert agreement(INCOMPLETE).alpha == few
    assert few.low is not None
    assert few.high is not None
    assert many.low is not None
    assert many.high is not None
    assert many.high - many.low < few.high - few.low


@pytest.mark.parametrize(
    ("codes", "reason"),
    [
        pytest.param([], "no unit has codes of two coders", id="nothing"),
        pytest.param(rows("abcab"), "no unit has codes of two coders", id="one coder"),
        pytest.param(rows("ab...", "...ab"), "no unit has codes of two coders", id="no overlap"),
        pytest.param(
            rows("aaaaa", "aaaaa"),
            "all codes are the same, so agreement cannot be told from never using another code",
            id="one code only",
        ),
    ],
)
def test_what_cannot_be_said_is_a_reason(codes: Codes, reason: str) -> None:
    found = agreement(codes)
    assert (found.alpha.value, found.alpha.low, found.alpha.high) == (None, None, None)
    assert found.alpha.reason == reason
    assert found.pairs == () or found.observed == 1


def test_one_unit_has_an_alpha_and_no_interval() -> None:
    found = agreement(rows("a", "b")).alpha
    assert (found.value, found.low, found.reason) == (0.0, None, "one unit cannot be resampled")
    assert found.verdict.startswith("Alpha .00 is below .667")


def test_a_code_that_hardly_occurs_has_no_interval() -> None:
    found = agreement(rows("b" + "a" * 30, "a" * 31))
    assert found.alpha.value is not None
    assert found.alpha.low is None
    assert found.alpha.reason == "a code is so rare that many resamples hold one code only"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        pytest.param(0, "at or above .80: firm conclusions are customary", id="firm"),
        pytest.param(24, "between .667 and .80: only tentative conclusions", id="tentative"),
        pytest.param(80, "below .667: do not publish", id="none"),
    ],
)
def test_the_limits_are_said_in_words(wrong: int, words: str) -> None:
    first = "ab" * 100
    second = "".join(("b" if code == "a" else "a") if i < wrong else code for i, code in enumerate(first))
    assert words in agreement(rows(first, second)).alpha.verdict


def test_a_limit_that_the_interval_does_not_keep_is_said() -> None:
    first = "ab" * 20
    second = "".join("a" if i in {1, 3} else code for i, code in enumerate(first))
    found = agreement(rows(first, second)).alpha
    assert found.value is not None
    assert found.value > 0.8
    assert found.verdict.endswith("so .80 is not secured.")


def test_classes_may_be_named_in_their_order_and_need_not_all_occur() -> None:
    found = agreement(rows("ab", "ab"), classes=("b", "c", "a"))
    assert found.classes == ("b", "c", "a")
    b, c, a = found.by_class
    assert (b.frequency, c.frequency, a.frequency) == (0.5, 0.0, 0.5)
    assert (b.positive, c.positive) == (1.0, None)
    assert c.alpha.value is None
    assert found.pairs[0].table == ((1, 0, 0), (0, 0, 0), (0, 0, 1))


def test_what_is_no_set_of_codes_is_refused() -> None:
    with pytest.raises(ValueError, match="coder 0 coded unit 00 twice"):
        agreement([*rows("ab", "ab"), ("coder 0", "unit 00", "b")])
    with pytest.raises(ValueError, match="the code 'c' is none of a, b"):
        agreement(rows("abc", "abc"), classes=("a", "b"))
    with pytest.raises(ValueError, match="not negative"):
        alpha([[1, -1]])
