"""The upper tail of chi-square of schema `stats` against scipy."""

import math

import numpy as np
import psycopg
import pytest
from scipy import stats

RANDOM = np.random.default_rng(370107)


def tail(connection: psycopg.Connection, x: list[float], df: list[int]) -> list[float]:
    return [
        value
        for (value,) in connection.execute(
            "select stats.chi_square_upper_tail(x, df) from unnest(%s::float8[], %s::int[]) with ordinality as t (x, df, n)"
            " order by n",
            (x, df),
        )
    ]


def test_a_thousand_tails(stats_functions: psycopg.Connection) -> None:
    df = [int(value) for value in np.exp(RANDOM.uniform(0, math.log(2000), 1000))]
    # Around the mean, far into both tails, and near nothing.
    x = [float(max(1e-12, k + RANDOM.normal() * 3 * math.sqrt(2 * k))) for k in df[:700]]
    x += [float(k * RANDOM.uniform(0.01, 12)) for k in df[700:]]
    found = tail(stats_functions, x, df)
    assert found == [pytest.approx(value, rel=1e-10, abs=1e-290) for value in stats.chi2.sf(x, df)]


def test_one_and_two_degrees(stats_functions: psycopg.Connection) -> None:
    x = [1e-300, 1e-12, 0.5, 3.841458820694124, 6.6348966010212145, 100.0, 1300.0]
    assert tail(stats_functions, x, [1] * len(x)) == [pytest.approx(math.erfc(math.sqrt(v / 2)), rel=1e-12) for v in x]
    assert tail(stats_functions, x, [2] * len(x)) == [pytest.approx(math.exp(-v / 2), rel=1e-12) for v in x]


def test_ends(stats_functions: psycopg.Connection) -> None:
    x = [0.0, -1.0, 1e9, math.inf, math.nan, 1.0]
    found = tail(stats_functions, x, [3, 3, 3, 3, 3, 0])
    assert found[:4] == [1, 1, 0, 0] and math.isnan(found[4]) and math.isnan(found[5])
    assert stats_functions.execute("select stats.chi_square_upper_tail(null, 3)").fetchone() == (None,)
