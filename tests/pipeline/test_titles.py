"""Titles of enterprises: what the warehouse counts at every month's end, against the truth of the sample city."""

from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from scipy.stats import norm

from tests.pipeline.conftest import City, Installation

TITLES, REGISTRY = "enterprise_titles", "enterprise_registry"
MEASURES = ("HIGH_TECH_ENTERPRISES", "TITLED_ENTERPRISES", "TITLES", "TOP_TEN_LEADERS")
#: The model is ephemeral: what the marts join, asked as they join it.
COUNTS = """
    with begun as (
        select measure_code, min(known_from_on) as first_on from core.fct_enterprise_title as record
        inner join reference.title_measure as measure using (family)
        where not is_quarantined and known_from_on <= %(known_at)s group by measure_code
    )
    select begun.measure_code, count(distinct holder_id) filter (where is_of_enterprises) as enterprises,
        count(distinct (holder_id, title_code, level_code)) as titles,
        count(distinct holder_id) filter (where is_of_enterprises and enterprise_id is null) as unlinked
    from begun inner join reference.title_measure as measure using (measure_code)
    left join core.title_validity as title on title.family = measure.family
        and (measure.min_level_order is null or title.level_order >= measure.min_level_order)
        and title.in_scope
        and (title.located_from_on is null or title.located_from_on <= %(day)s)
        and (title.located_before_on is null or title.located_before_on > %(day)s)
        and title.valid_from_on <= %(day)s and (title.valid_before_on is null or title.valid_before_on > %(day)s)
        and title.known_from_on <= %(known_at)s
        and (title.known_before_on is null or title.known_before_on > %(known_at)s)
    where first_on <= %(day)s group by begun.measure_code
"""


def counted(city: Installation, day: str, known_at: str) -> dict[str, tuple[int, int]]:
    """Measure → its value and how many of the enterprises are linked to none."""
    with city.connect() as connection:
        rows = connection.execute(COUNTS, {"day": day, "known_at": known_at}).fetchall()
    return {m: (titles if m == "TITLES" else enterprises, unlinked) for m, enterprises, titles, unlinked in rows}


@pytest.mark.parametrize("known", ["then", "now"])
def test_counts_at_every_month_end(city: City, known: str) -> None:
    stated = city.truth["titles"][known]
    assert len(stated) == 36
    for day, measures in stated.items():
        found = counted(city, day, day if known == "then" else "9999-12-31")
        expected = {m: told["value"] for m, told in measures.items() if told is not None}
        assert {m: value for m, (value, _) in found.items()} == expected, day
        unlinked = {m: told["unlinked"] for m, told in measures.items() if told is not None and m != "TITLES"}
        assert {m: n for m, (_, n) in found.items() if m != "TITLES"} == unlinked, day


def test_the_truth_has_what_it_must_show(city: City) -> None:
    """A dip before the batch, what is known later, a revocation known later, and titles beside enterprises."""
    then, now = (city.truth["titles"][known] for known in ("then", "now"))

    def high_tech(of: dict[str, Any], day: str) -> int:
        value: int = of[day]["HIGH_TECH_ENTERPRISES"]["value"]
        return value

    assert high_tech(then, "2022-10-31") < high_tech(then, "2022-09-30") < high_tech(then, "2022-12-31")
    assert high_tech(then, "2021-12-31") < high_tech(now, "2021-12-31")
    assert high_tech(then, "2022-06-30") > high_tech(now, "2022-06-30")
    assert high_tech(then, "2021-01-31") < high_tech(now, "2021-01-31")
    assert then["2020-01-31"]["TITLED_ENTERPRISES"] is None
    last = now["2022-12-31"]
    assert last["TITLES"]["value"] > last["TITLED_ENTERPRISES"]["value"] > last["TITLED_ENTERPRISES"]["unlinked"] > 0
    assert last["HIGH_TECH_ENTERPRISES"]["worst_case"] < last["HIGH_TECH_ENTERPRISES"]["value"]


def test_mart_title_count(city: City) -> None:
    rows = city.rows("select * from marts.mart_title_count")
    whole = {(r["value_on"].isoformat(), r["measure_code"]): r for r in rows if r["breakdown"] == "city"}
    stated = city.truth["titles"]["now"]
    expected = {
        (day, measure): told
        for day, measures in stated.items()
        for measure, told in measures.items()
        if told is not None and measure != "TITLES"
    }
    assert whole.keys() == expected.keys()
    for key, told in expected.items():
        assert (whole[key]["enterprise_count"], whole[key]["unlinked_count"]) == (told["value"], told["unlinked"]), key
        if key[1] == "TITLED_ENTERPRISES":
            assert whole[key]["title_count"] == stated[key[0]]["TITLES"]["value"]
    # An enterprise is in one division, and may be in several families.
    by_division: Counter[tuple[str, str]] = Counter()
    for r in rows:
        if r["breakdown"] == "division":
            by_division[r["value_on"].isoformat(), r["measure_code"]] += r["enterprise_count"]
    assert by_division == {key: told["value"] for key, told in expected.items() if told["value"]}


def test_mart_title_bridge(city: City) -> None:
    rows = city.rows("select value_on, value from marts.mart_title_bridge order by value_on, step_no")
    found: dict[str, list[int]] = {}
    for row in rows:
        found.setdefault(row["value_on"].isoformat(), []).append(row["value"])
    assert found == city.truth["titles"]["bridge"]
    for rows_, titles, families, enterprises in found.values():
        assert rows_ >= titles >= families >= enterprises > 0
    assert found["2022-12-31"] == sorted(set(found["2022-12-31"]), reverse=True)


def test_mart_enterprise_title(city: City) -> None:
    rows = city.rows("select * from marts.mart_enterprise_title")
    last = city.truth["titles"]["now"]["2022-12-31"]
    held = Counter(row["family"] for row in rows)
    assert held["high_tech"] == last["HIGH_TECH_ENTERPRISES"]["value"]
    assert held["cluster_leader"] == last["TOP_TEN_LEADERS"]["value"]
    four = [
        r for r in rows if r["family"] in ("srdi", "champion", "gazelle", "unicorn") and r["level_code"] != "municipal"
    ]
    assert len(four) == last["TITLES"]["value"]
    assert len({r["holder_id"] for r in four}) == last["TITLED_ENTERPRISES"]["value"]
    for row in rows:
        left = None if row["valid_to_on"] is None else (row["valid_to_on"] - date(2022, 12, 31)).days
        assert row["days_to_expiry"] == left and (left is None or left >= 0)
        assert row["expires_within_90_days"] is (left is not None and left <= 90)
    assert any(row["certificate_count"] > 1 for row in rows) and any(row["valid_to_on"] is None for row in rows)


def test_cohorts_are_forecast_from_what_was_known(city: City) -> None:
    rows = {
        row["as_of_on"].isoformat(): row
        for row in city.rows("select * from marts.mart_title_cohort where not is_current")
    }
    for day, row in rows.items():
        assert row["held_count"] == city.truth["titles"]["then"][day]["HIGH_TECH_ENTERPRISES"]["value"], day
        if day < "2021":
            assert row["not_forecast_reason"] == "no_history"
            continue
        # By scipy, of the inputs that stand beside it.
        due = row["expiring_count"] + row["lapsed_count"]
        rate = row["renewal_rate"] or Decimal(0)
        mean = row["staying_count"] + due * rate + row["arriving_expected"]
        variance = due * rate * (1 - rate) + row["arriving_expected"]
        assert float(row["forecast_value"]) == pytest.approx(float(mean), rel=1e-12)
        assert float(row["forecast_variance"]) == pytest.approx(float(variance), rel=1e-12, abs=1e-12)
        spread = float(variance) ** 0.5
        half_width = norm.ppf(0.975) * spread
        assert float(row["forecast_low"]) == pytest.approx(float(mean) - half_width, rel=1e-12)
        reached = norm.sf(float(row["target_value"]) - 0.5, float(mean), spread)
        assert float(row["forecast_probability"]) == pytest.approx(reached, abs=1e-12)
    # The dip of the autumn is no trend: those that lapsed are due, and the forecast hardly moves.
    before, dip = rows["2022-09-30"], rows["2022-10-31"]
    assert dip["held_count"] < before["held_count"] - 20 and dip["lapsed_count"] > 20
    assert abs(dip["forecast_value"] - before["forecast_value"]) < Decimal("0.05") * before["forecast_value"]
    (current,) = city.rows("select * from marts.mart_title_cohort where is_current")
    assert current["not_forecast_reason"] == "deadline_reached" and current["forecast_value"] is None
