"""Progress, forecasts, control limits and trends of schema `stats` against numpy, scipy and fractions."""

import math
from fractions import Fraction

import numpy as np
import psycopg
import pytest
from scipy import stats

#: Cases for each formula, all in one query.
CASES = 1000
RANDOM = np.random.default_rng(20221231)

#: Months since 2019-12 and high-tech enterprises (fictional), target 4,400 in month 36.
QUARTERS = ([0, 3, 6, 9, 12, 15, 18, 21], [2210, 2400, 2650, 2800, 3029, 3190, 3420, 3700])
#: A published XmR example of 18 points with one that is out of control.
PUBLISHED = [1, 2, 1, 2, 10, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1]
MONTHS = [97.9, 98.2, 98.4, 98.1, 97.6, 98.3, 98.5, 98.0, 98.2, 98.6, 98.1, 98.4, 98.3, 97.8, 98.5]


def each(connection: psycopg.Connection, call: str, cases: list[tuple[object, ...]]) -> list[object]:
    """`call` for every case, in order."""
    with connection.cursor() as cursor:
        cursor.executemany(f"select {call}", cases, returning=True)
        found = []
        while True:
            (value,) = cursor.fetchone()
            found.append(value)
            if not cursor.nextset():
                return found


def close(found: float | None, expected: float, tolerance: float = 1e-9) -> bool:
    return found is not None and math.isclose(found, expected, rel_tol=tolerance, abs_tol=tolerance)


def floats(values: object) -> list[float]:
    return [float(value) for value in values]  # type: ignore[attr-defined]


LINEAR = "stats.linear_forecast(%s::float8[], %s::float8[], %s::float8)"
WALK = "stats.random_walk_forecast(%s::float8[], %s::float8)"
REACH = "stats.reach_probability(%s::float8[], %s::float8)"
XMR = "stats.xmr_limits(%s::float8[])"
TREND = "stats.proportion_trend(%s::float8[], %s::float8[])"
GROWTH = "stats.growth_ratio(%s::float8, %s::float8, %s::float8, %s::float8, %s::float8)"
COHORT = "stats.cohort_forecast(%s::float8, %s::float8, %s::float8, %s::float8)"


def test_forecast_of_eight_quarters(stats_functions: psycopg.Connection) -> None:
    ((value, error, df),) = each(stats_functions, LINEAR, [(*map(floats, QUARTERS), 36.0)])
    half = stats.t.ppf(0.975, df) * error
    assert (round(value, 1), round(value - half, 1), round(value + half, 1), df) == (4683.5, 4542.5, 4824.4, 6)
    (chance,) = each(stats_functions, REACH, [([value, error, df], 4400.0)])
    assert round(chance, 4) == 0.9987


def test_linear_forecasts(stats_functions: psycopg.Connection) -> None:
    cases = []
    for _ in range(CASES):
        n = int(RANDOM.integers(3, 40))
        x = RANDOM.uniform(-50, 50, n) + RANDOM.choice([0, 1e3, 7e5])
        y = RANDOM.normal(0, RANDOM.choice([1e-3, 1, 1e4]), n) + RANDOM.uniform(-3, 3) * x
        cases.append((floats(x), floats(y), float(x.max() + RANDOM.uniform(0, 30))))
    for (x, y, at), found in zip(cases, each(stats_functions, LINEAR, cases), strict=True):
        centred = np.array(x) - np.mean(x)
        matrix = np.column_stack([np.ones(len(x)), centred])
        solved, *_ = np.linalg.lstsq(matrix, np.array(y), rcond=None)
        residual = np.array(y) - matrix @ solved
        there = at - np.mean(x)
        variance = residual @ residual / (len(x) - 2)
        error = math.sqrt(variance * (1 + 1 / len(x) + there**2 / (centred @ centred)))
        scale = max(map(abs, y))
        assert abs(found[0] - (solved[0] + solved[1] * there)) <= 1e-9 * max(scale, 1)
        assert close(found[1], error, 1e-7) and found[2] == len(x) - 2


def test_random_walks(stats_functions: psycopg.Connection) -> None:
    cases = [
        (floats(RANDOM.normal(100, 30, int(RANDOM.integers(3, 30)))), float(RANDOM.integers(1, 12)))
        for _ in range(CASES)
    ]
    for (y, steps), found in zip(cases, each(stats_functions, WALK, cases), strict=True):
        sizes = np.diff(y)
        drift = (y[-1] - y[0]) / (len(y) - 1)
        error = math.sqrt(sizes.var(ddof=1) * (steps + steps**2 / len(sizes)))
        assert close(found[0], y[-1] + steps * drift) and close(found[1], error) and found[2] == len(sizes) - 1


def test_chances(stats_functions: psycopg.Connection) -> None:
    cases = [
        ([float(v), float(e), float(df)], float(t))
        for v, e, df, t in zip(
            RANDOM.normal(100, 20, CASES),
            RANDOM.uniform(0.1, 30, CASES),
            RANDOM.integers(1, 60, CASES),
            RANDOM.normal(100, 20, CASES),
            strict=True,
        )
    ]
    for ((value, error, df), target), found in zip(cases, each(stats_functions, REACH, cases), strict=True):
        assert close(found, stats.t.cdf((value - target) / error, df))
    assert each(stats_functions, REACH, [([5.0, 0.0, 3.0], 5.0), ([4.9, 0.0, 3.0], 5.0)]) == [1.0, 0.0]


@pytest.mark.parametrize("call", [LINEAR, WALK])
def test_too_little_to_forecast(stats_functions: psycopg.Connection, call: str) -> None:
    few = [([1.0, 2.0], [5.0, 6.0], 3.0), ([1.0, 1.0, 1.0], [5.0, 6.0, 7.0], 3.0), ([], [], 3.0)]
    if call == WALK:
        few = [([5.0, 6.0], 3.0), ([5.0], 3.0), ([], 3.0)]
    assert each(stats_functions, call, few) == [None] * 3


def test_points_without_a_value_are_left_out(stats_functions: psycopg.Connection) -> None:
    whole, holed = each(
        stats_functions,
        LINEAR,
        [([0.0, 3.0, 9.0], [1.0, 2.0, 5.0], 12.0), ([0.0, 3.0, 6.0, 9.0], [1.0, 2.0, None, 5.0], 12.0)],
    )
    assert whole == holed


def test_growth_ratios_of_worked_examples(stats_functions: psycopg.Connection) -> None:
    worked = {
        "E1": ((95.06, 95.50, 96, 2, 3), 70.36),
        "E2": ((12, 21, 29, 2, 3), 94.42),
        "E3": ((3029, 3600, 4400, 1, 2), 91.85),
        "E4": ((4500, 4400, 6000, 1, 2), -14.36),
        "E5": ((4.94, 4.50, 4.00, 2, 3), 67.08),
        "E6": ((86, 86.5, 88, 1, 2), 50.29),
    }
    found = each(stats_functions, GROWTH, [given for given, _ in worked.values()])
    assert [round(100 * value, 2) for value in found] == [expected for _, expected in worked.values()]
    undefined = [(0, 5, 8, 1, 2), (5, -1, 8, 1, 2), (5, 6, 0, 1, 2), (5, 6, 5, 1, 2), (5, 6, 8, 0, 2)]
    assert each(stats_functions, GROWTH, undefined) == [None] * 5


def test_growth_ratios(stats_functions: psycopg.Connection) -> None:
    cases = [tuple(floats(row)) for row in RANDOM.uniform(0.5, 500, (CASES, 5))]
    for (first, value, target, elapsed, total), found in zip(cases, each(stats_functions, GROWTH, cases), strict=True):
        actual = math.expm1(math.log(value / first) / elapsed)
        required = math.expm1(math.log(target / first) / total)
        assert close(found, actual / required, 1e-8)


def test_xmr_of_worked_examples(stats_functions: psycopg.Connection) -> None:
    published, months, level = each(stats_functions, XMR, [(floats(PUBLISHED),), (MONTHS,), ([98.0] * 5,)])
    assert [round(published[i], 2) for i in (0, 2, 3)] == [1.94, -0.72, 4.60]
    assert [round(months[i], 3) for i in (0, 2, 3)] == [98.193, 97.167, 99.219] and round(months[1], 4) == 0.3857
    # Nothing moves: nothing is screened out, and the limits are the mean.
    assert level == [98.0, 0.0, 98.0, 98.0, 98.0, 98.0]
    assert each(stats_functions, XMR, [([98.0],), ([],)]) == [None, None]


def test_xmr_limits(stats_functions: psycopg.Connection) -> None:
    cases = [(floats(RANDOM.standard_t(2, int(RANDOM.integers(2, 40))) + 98),) for _ in range(CASES)]
    for (y,), found in zip(cases, each(stats_functions, XMR, cases), strict=True):
        moved = np.abs(np.diff(y))
        kept = moved[moved < 3.267 * moved.mean()] if moved.mean() > 0 else moved
        mean, spread = np.mean(y), kept.mean()
        near = 2 * 2.66 / 3 * spread
        expected = [mean, spread, mean - 2.66 * spread, mean + 2.66 * spread, mean - near, mean + near]
        assert all(close(ours, theirs) for ours, theirs in zip(found, expected, strict=True))


def _trend(n: list[int], x: list[int]) -> tuple[Fraction, int] | None:
    index = range(1, len(n) + 1)
    whole, passed = sum(n), sum(x)
    ni = sum(a * i for a, i in zip(n, index, strict=True))
    xi = sum(a * i for a, i in zip(x, index, strict=True))
    nii = sum(a * i * i for a, i in zip(n, index, strict=True))
    below = passed * (whole - passed) * (whole * nii - ni * ni)
    if below == 0:
        return None
    slope = whole * xi - passed * ni
    return Fraction(whole * slope * slope, below), (slope > 0) - (slope < 0)


def test_trend_of_the_worked_example(stats_functions: psycopg.Connection) -> None:
    rising = ([2000.0] * 5, [1940.0, 1948.0, 1952.0, 1960.0, 1964.0])
    level = ([100.0] * 5, [100.0] * 5)
    found, nothing, short = each(stats_functions, TREND, [rising, level, ([100.0, 100.0], [98.0, 99.0])])
    # It rises every year and is no significant change: below 9.5495.
    assert round(found[0], 3) == 7.811 and found[1] == 1
    assert nothing is None and short is None


def test_trends(stats_functions: psycopg.Connection) -> None:
    cases = []
    for _ in range(CASES):
        n = RANDOM.integers(1, 3000, 5)
        cases.append((floats(n), floats(RANDOM.binomial(n, RANDOM.uniform(0.5, 1)))))
    steady = 0
    for (n, x), found in zip(cases, each(stats_functions, TREND, cases), strict=True):
        whole, passed = list(map(int, n)), list(map(int, x))
        expected = _trend(whole, passed)
        if expected is None:
            assert found is None
            continue
        signs = {expected[1]}
        for out in range(5):
            kept = [(i, a, b) for i, (a, b) in enumerate(zip(whole, passed, strict=True), 1) if i != out + 1]
            total, good = sum(a for _, a, _ in kept), sum(b for *_, b in kept)
            slope = total * sum(i * b for i, _, b in kept) - good * sum(i * a for i, a, _ in kept)
            varies = good * (total - good) > 0
            signs.add(((slope > 0) - (slope < 0)) if varies else 0)
        assert close(found[0], float(expected[0])), (n, x)
        assert found[1] == (expected[1] if signs == {expected[1]} else 0), (n, x)
        steady += found[1] != 0
    assert CASES / 20 < steady < CASES


def test_cohorts(stats_functions: psycopg.Connection) -> None:
    cases = [
        (float(a), float(b), float(r), float(c))
        for a, b, r, c in zip(
            RANDOM.integers(0, 5000, CASES),
            RANDOM.integers(0, 900, CASES),
            RANDOM.uniform(0, 1, CASES),
            RANDOM.uniform(0, 900, CASES),
            strict=True,
        )
    ]
    for (staying, expiring, rate, arriving), found in zip(cases, each(stats_functions, COHORT, cases), strict=True):
        renewed, new = stats.binom(int(expiring), rate), stats.poisson(arriving)
        assert close(found[0], staying + renewed.mean() + new.mean())
        assert close(found[1], renewed.var() + new.var())
    # 3,200 stay, 1,000 expire of which seven in ten return, 450 are new: 4,350 ± 25.7.
    ((mean, variance),) = each(stats_functions, COHORT, [(3200.0, 1000.0, 0.7, 450.0)])
    assert (mean, round(math.sqrt(variance), 1)) == (4350.0, 25.7)
    assert each(stats_functions, COHORT, [(1.0, 1.0, 1.1, 1.0), (1.0, -1.0, 0.5, 1.0)]) == [None, None]
