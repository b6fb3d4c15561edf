"""Divisions and comparisons as published, against numpy and scipy: every group and pair that the city has.

Counts are taken from the marts, which test_truth holds to the truth; everything that is made of them is made again here.
"""

import math
from collections import defaultdict
from typing import Any

import numpy as np
from scipy import stats

from tests.pipeline.conftest import City

ALPHA, ALARM, FEWEST = 0.025, 0.001, 30


def close(found: Any, expected: float) -> bool:
    return found is not None and math.isclose(float(found), expected, rel_tol=1e-9, abs_tol=1e-9)


def side(low: bool, strength: str) -> str:
    return f"{strength}_{'low' if low else 'high'}"


def funnel(z: float, tail: float, few: bool) -> str:
    """Which limit a unit is beyond: by the exact tail where few failures are expected."""
    for strength, level in (("alarm", ALARM), ("alert", ALPHA)):
        if (tail <= level) if few else (abs(z) > stats.norm.isf(level)):
            return side(z < 0, strength)
    return "no_different"


def test_funnels(city: City) -> None:
    groups = defaultdict(list)
    columns = ("measure_code", "hierarchy", "division_basis", "period_type", "period_start_on")
    for row in city.rows("select * from marts.mart_division_scorecard"):
        groups[tuple(row[column] for column in columns)].append(row)
    compared = 0
    for rows in groups.values():
        (whole,) = [row for row in rows if row["unit_kind"] == "city"]
        units = [row for row in rows if row["unit_kind"] not in ("city", "unallocated")]
        p0 = whole["numerator"] / whole["denominator"]
        n = np.array([row["denominator"] for row in units], dtype=float)
        x = np.array([row["numerator"] for row in units], dtype=float)
        assert whole["funnel"] == "not_assessable"
        if p0 in (0, 1) or not units:
            assert {row["funnel"] for row in rows} == {"not_assessable"}
            continue
        z = (x / n - p0) / np.sqrt(p0 * (1 - p0) / n)
        weights = n / (p0 * (1 - p0))
        excess = (z**2).sum() - (len(units) - 1)
        spread = weights.sum() - (weights**2).sum() / weights.sum()
        for i, row in enumerate(units):
            compared += 1
            few = n[i] * (1 - p0) < 5
            if z[i] < 0:
                tail = stats.binom.sf(n[i] - x[i] - 1, n[i], 1 - p0)
            else:
                tail = stats.binom.cdf(n[i] - x[i], n[i], 1 - p0)
            assert close(row["z"], z[i]) and close(row["tail_probability"], tail)
            assert close(row["phi"], (z**2).mean())
            # On a limit, rounding alone would decide.
            if min(abs(tail - ALPHA), abs(tail - ALARM)) > 1e-12:
                assert row["funnel"] == funnel(z[i], tail, few), row
            if len(units) == 1:
                assert row["shrunk_value"] is None and row["tau_pp"] is None
                continue
            tau_square = max(excess, 0) / spread
            assert close(row["tau_pp"], 100 * math.sqrt(tau_square))
            beyond = abs(z[i]) / math.sqrt(1 + tau_square * n[i] / (p0 * (1 - p0))) > stats.norm.isf(ALPHA)
            assert (row["funnel_adjusted"] != "no_different") == (row["funnel"] != "no_different" and beyond)
            half = stats.norm.isf(ALPHA) * math.sqrt(p0 * (1 - p0) / n[i])
            assert close(row["alert_low"], max(100 * (p0 - half), 0))
            assert close(row["alert_high"], min(100 * (p0 + half), 100))
            prior = p0 * (1 - p0) / tau_square - 1 if tau_square else 0
            assert close(row["shrunk_value"], 100 * (x[i] + prior * p0) / (n[i] + prior))
    assert compared > 1000


def test_ranks_are_of_years_and_of_enough_samples(city: City) -> None:
    rows = city.rows("select * from marts.mart_division_scorecard where rank is not null")
    assert rows and {row["period_type"] for row in rows} == {"year"}
    assert {row["measure_code"] for row in rows} <= {"FOOD_EVALUATION", "AGRI_ROUTINE"}
    for row in rows:
        assert row["denominator"] >= FEWEST and row["rank_low"] <= row["rank"] <= row["rank_high"]


def test_comparisons(city: City) -> None:
    rows = city.rows("select * from marts.mart_comparison")
    assert {row["period_type"] for row in rows} == {"month", "quarter", "half", "year", "year_to_date"}
    assert {(row["calendar"], row["comparison"]) for row in rows} == {
        (calendar, comparison)
        for calendar in ("completed", "published")
        for comparison in ("year_on_year", "period_on_period")
    }
    tested = 0
    for row in rows:
        n1, n0 = row["common_denominator"], row["common_base_denominator"]
        if not row["is_closed"] or n1 is None or n0 is None:
            assert row["change"] in ("no_data", "not_comparable") and row["difference_pp"] is None
            continue
        x1, x0 = (round(float(row[f"common_{name}value"]) * n / 100) for name, n in (("", n1), ("base_", n0)))
        share = (x1 + x0) / (n1 + n0)
        assert close(row["difference_pp"], 100 * (x1 / n1 - x0 / n0))
        if min(n1, n0) < FEWEST:
            assert row["change"] == "insufficient_sample"
            continue
        tested += 1
        if share == 1:
            assert row["change"] == "no_significant_change"
            continue
        z = (x1 / n1 - x0 / n0) / math.sqrt(share * (1 - share) * (1 / n1 + 1 / n0))
        assert close(row["z"], z)
        failed, failures = n1 - x1, n1 + n0 - x1 - x0
        if min(n1, n0) * (1 - share) >= 5:
            tail = stats.norm.sf(abs(z))
        elif z < 0:
            tail = stats.binom.sf(failed - 1, failures, n1 / (n1 + n0))
        else:
            tail = stats.binom.cdf(failed, failures, n1 / (n1 + n0))
        assert close(row["tail_probability"], tail)
        if abs(tail - ALPHA) > 1e-12:
            expected = "no_significant_change" if tail > ALPHA else "higher" if z > 0 else "lower"
            assert row["change"] == expected, row
    assert tested > 300


def test_periods_to_date_pool_their_months(city: City) -> None:
    rows = city.rows("select * from marts.mart_comparison where calendar = 'completed' and comparison = 'year_on_year'")
    months = {(row["measure_code"], row["period_start_on"]): row for row in rows if row["period_type"] == "month"}
    for row in rows:
        if row["period_type"] == "year_to_date":
            of_year = [
                month
                for (measure, start_on), month in months.items()
                if measure == row["measure_code"] and row["period_start_on"] <= start_on <= row["period_end_on"]
            ]
            for count in ("numerator", "denominator"):
                assert sum(month[count] for month in of_year) == row[count]
