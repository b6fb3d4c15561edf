"""Rank intervals of schema `stats` against quadrature by scipy on a fine grid."""

import numpy as np
import psycopg
from scipy import stats

RANDOM = np.random.default_rng(370100)

#: Fourteen units of the city: judged and conforming samples of a year (fictional).
UNITS = {
    "历下": (410, 405),
    "市中": (380, 372),
    "槐荫": (300, 296),
    "天桥": (350, 340),
    "历城": (520, 512),
    "长清": (220, 214),
    "章丘": (460, 449),
    "济阳": (200, 197),
    "莱芜": (420, 413),
    "钢城": (150, 148),
    "平阴": (120, 118),
    "商河": (140, 133),
    "高新": (260, 259),
    "起步": (60, 60),
}


def rank_distributions(x: np.ndarray, n: np.ndarray, steps: int = 1500) -> np.ndarray:
    """P(rank <= k) of each unit (rows) and k (columns): highest share first, Beta(x + 1/2, n - x + 1/2)."""
    grid = np.sin(np.linspace(0, np.pi / 2, steps + 1)) ** 2
    cdf = stats.beta.cdf(grid[None, :], x[:, None] + 0.5, (n - x)[:, None] + 0.5)
    above = 1 - (cdf[:, 1:] + cdf[:, :-1]) / 2
    found = []
    for unit in range(len(x)):
        mass = np.diff(cdf[unit])
        chance = np.zeros((len(x), steps))
        chance[0] = 1
        for other in range(len(x)):
            if other != unit:
                shifted = np.vstack([np.zeros(steps), chance[:-1]])
                chance = chance * (1 - above[other]) + shifted * above[other]
        found.append(np.cumsum(chance @ mass))
    return np.array(found)


def ranks(connection: psycopg.Connection, x: object, n: object) -> np.ndarray:
    floats = [[float(value) for value in values] for values in (x, n)]  # type: ignore[attr-defined]
    (found,) = connection.execute("select stats.rank_intervals(%s::float8[], %s::float8[], .025)", floats).fetchone()
    return np.array(found).reshape(-1, 2)


def test_ranks_of_fourteen_units(stats_functions: psycopg.Connection) -> None:
    n, x = np.array(list(UNITS.values())).T
    found = dict(zip(UNITS, ranks(stats_functions, x, n).tolist(), strict=True))
    # First by its point value, and anywhere by what 60 samples can say.
    assert found["起步"] == [1, 13]
    assert found["历下"] == [2, 11]


def test_rank_intervals(stats_functions: psycopg.Connection) -> None:
    for _ in range(60):
        n = RANDOM.integers(30, 800, RANDOM.integers(2, 17))
        x = n - RANDOM.binomial(n, RANDOM.uniform(0, 0.08, len(n)))
        cumulative = rank_distributions(x.astype(float), n.astype(float))
        for unit, (low, high) in enumerate(ranks(stats_functions, x, n)):
            # Its own grid has 60 steps: a percentile that falls within 1 % of a rank's edge may go to either side.
            assert cumulative[unit][low - 1] >= 0.025 - 0.01
            assert low == 1 or cumulative[unit][low - 2] < 0.025 + 0.01
            assert cumulative[unit][high - 1] >= 0.975 - 0.01
            assert high == 1 or cumulative[unit][high - 2] < 0.975 + 0.01


def test_no_ranks_without_counts(stats_functions: psycopg.Connection) -> None:
    for x, n in [([5.0], [0.0]), ([5.0], [4.0]), ([], []), ([1.0, 2.0], [3.0])]:
        (found,) = stats_functions.execute(
            "select stats.rank_intervals(%s::float8[], %s::float8[], .025)", (x, n)
        ).fetchone()
        assert found is None
