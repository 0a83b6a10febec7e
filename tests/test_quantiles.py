"""Quantiles against published tables and closed forms."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_coverage.quantiles import beta_cdf, beta_quantile, t_quantile

PARAMETERS = st.floats(0.4, 2000)


@pytest.mark.parametrize(
    ("df", "value"),
    # Every table of Student's t, two-sided 95 %.
    [(1, 12.706), (2, 4.303), (5, 2.571), (10, 2.228), (30, 2.042), (120, 1.980)],
)
def test_the_quantiles_of_t_are_those_of_the_tables(df: float, value: float) -> None:
    assert t_quantile(0.975, df) == pytest.approx(value, abs=5e-4)


def test_with_many_degrees_of_freedom_t_is_normal() -> None:
    assert t_quantile(0.975, 1e7) == pytest.approx(1.959963984540054, abs=1e-5)


@pytest.mark.parametrize("df", [1, 2])
@given(q=st.floats(0.5, 0.999))
def test_t_with_one_and_two_degrees_of_freedom_has_a_closed_form(df: int, q: float) -> None:
    exact = math.tan(math.pi * (q - 0.5)) if df == 1 else (2 * q - 1) * math.sqrt(2 / (4 * q * (1 - q)))
    assert t_quantile(q, df) == pytest.approx(exact, rel=1e-6, abs=1e-6)


@given(st.floats(0, 1), st.floats(0.1, 50))
def test_beta_with_one_parameter_1_is_a_power(x: float, a: float) -> None:
    assert beta_cdf(x, a, 1) == pytest.approx(x**a, rel=1e-9, abs=1e-12)
    assert beta_cdf(x, 1, a) == pytest.approx(1 - (1 - x) ** a, rel=1e-9, abs=1e-12)


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.01, 0.99))
def test_whole_parameters_give_the_binomial_tail(a: int, b: int, x: float) -> None:
    n = a + b - 1
    tail = sum(math.comb(n, j) * x**j * (1 - x) ** (n - j) for j in range(a, n + 1))
    assert beta_cdf(x, a, b) == pytest.approx(tail, rel=1e-9, abs=1e-12)


@settings(deadline=None)
@given(PARAMETERS, PARAMETERS, st.floats(0.001, 0.999))
def test_the_quantile_undoes_the_distribution(a: float, b: float, q: float) -> None:
    x = beta_quantile(q, a, b)
    assert 0 <= x <= 1
    assert beta_cdf(x, a, b) == pytest.approx(q, abs=1e-7)
