"""Brands of the sample city: indicators at every end of month, lists, library, awards, against the truth."""

import json
import os
from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from baotu import dbt
from baotu.settings import settings
from baotu.warehouse import dbt_environment
from tests.conftest import new_directory
from tests.pipeline.conftest import City

MEASURES = {
    "I01": "BRANDS_PRODUCT",
    "I02": "BRAND_VALUE_PRODUCT",
    "I03": "BRANDS_TAISHAN",
    "I04": "QUALITY_BASES",
    "I05": "BRANDS_SERVICE",
    "I06": "BRAND_VALUE_SERVICE",
}
#: Persons that the samples award; their names must be nowhere.
PERSONS = ("示例甲", "示例乙", "示例丙", "示例丁")


@pytest.fixture(scope="module")
def counted(city: City) -> list[dict[str, Any]]:
    """What brands count at every evaluation point of the city's build."""
    assert city.build is not None
    with city.in_use():
        os.environ.update(dbt_environment(), DO_NOT_TRACK="1", DBT_SEND_ANONYMOUS_USAGE_STATS="false")
        # fmt: off
        done = dbt.runner().invoke([
            "--quiet", "--no-use-colors", "--no-version-check", "--log-path", str(settings().state_dir / "logs"),
            "compile", "--inline", "select * from {{ ref('int_brand_count') }}",
            "--vars", json.dumps({"as_of": str(city.build.as_of_on), "known_at": str(city.build.known_at_on)}),
            "--project-dir", str(dbt.DBT_PROJECT), "--profiles-dir", str(dbt.DBT_PROJECT),
            "--target-path", str(new_directory("brands")),
        ])
        # fmt: on
        assert done.success, done.exception
    return city.rows(done.result.results[0].node.compiled_code)


def test_indicators_at_every_end_of_month_as_known_then_and_now(city: City, counted: list[dict[str, Any]]) -> None:
    found: dict[str, dict[tuple[str, str], Decimal]] = {"as_known_then": {}, "as_known_now": {}}
    for row in counted:
        key = (row["measure_code"], str(row["value_on"]))
        if not row["is_current"]:
            assert row["value_on"] == row["as_of_on"] == row["known_at_on"]
            found["as_known_then"][key] = row["value"]
        elif row["period_type"] == "month":
            found["as_known_now"][key] = row["value"]
    for basis, by_measure in city.truth["brands"].items():
        expected = {
            (MEASURES[indicator], day): Decimal(str(value))
            for indicator, days in by_measure.items()
            for day, value in days.items()
            if value is not None
        }
        assert found[basis] == expected, basis
    # Something is told of each, and not the same from one end to the other.
    assert len({(row["measure_code"], row["value"]) for row in counted}) > 25


def test_values_of_a_point_stand_together(counted: list[dict[str, Any]]) -> None:
    for row in counted:
        assert 0 <= row["worst_case_value"] <= row["value"], row
        assert row["quarantined_count"] > 0 or row["worst_case_value"] == row["value"], row
        assert row["first_value_on"] <= row["value_on"], row
        if row["first_value_on"] == row["value_on"]:
            assert row["first_value"] == row["value"], row
    # Planted rows that are held back are seen, and some name a brand that counts.
    assert any(row["worst_case_value"] < row["value"] for row in counted)
    assert {(row["measure_code"], row["first_value_on"]) for row in counted if row["is_current"]} >= {
        ("BRANDS_PRODUCT", date(2020, 11, 10)), ("QUALITY_BASES", date(2020, 12, 1)),
        ("BRAND_VALUE_PRODUCT", date(2020, 11, 10)), ("BRANDS_TAISHAN", date(2020, 10, 1)),
    }  # fmt: skip


def test_lists_and_brands_agree_with_the_indicators(city: City) -> None:
    lists = {(row["year"], row["brand_group"]): row for row in city.rows("select * from marts.mart_brand_list")}
    for year in (2020, 2021, 2022):
        now = {i: days[f"{year}-12-31"] for i, days in city.truth["brands"]["as_known_now"].items()}
        assert lists[year, "product"]["counted_count"] == now["I01"]
        assert lists[year, "service"]["counted_count"] == now["I05"]
        whole = lists[year, "all"]
        # Three readings of a total, and none of them the count.
        assert whole["list_count"] < whole["counted_count"] < whole["cumulative_count"] or year == 2020
        assert whole["cumulative_count"] <= whole["sum_of_lists"]
    assert lists[2022, "all"]["in_both_count"] == 1 and lists[2022, "all"]["imputed_count"] == 1
    assert lists[2021, "all"]["sum_of_lists"] > lists[2021, "all"]["cumulative_count"]

    brands = city.rows("select * from marts.mart_brand")
    assert Counter(row["brand_group"] for row in brands if row["is_counted"]) == {
        "product": lists[2022, "product"]["counted_count"],
        "service": lists[2022, "service"]["counted_count"],
    }
    by_name = {row["brand_name"]: row for row in brands}
    assert not any("泰安" in (row["division_label_zh"] or "") for row in brands)
    end = city.truth["brands"]["as_known_now"]
    for group, indicator in (("product", "I02"), ("service", "I06")):
        values = [row["value"] for row in brands if row["is_value_counted"] and row["brand_group"] == group]
        assert sum(values) == Decimal(end[indicator]["2022-12-31"])
    assert sum(row["valid_certificate_count"] > 0 for row in brands) == end["I03"]["2022-12-31"]
    assert len(by_name) > 100


def test_values_by_valuer_and_version(city: City) -> None:
    rows = city.rows("select * from marts.mart_brand_value where period_type = 'year' order by period_start_on")
    headline = {(row["measure_code"], row["period_start_on"].year): row for row in rows if row["is_headline"]}
    assert {key[1] for key in headline} == {2020, 2021, 2022}
    last = headline["BRAND_VALUE_PRODUCT", 2022]
    # The greater sum of a valuer who values few does not stand in, nor the new version with its three brands.
    others = [row for row in rows if row["measure_code"] == "BRAND_VALUE_PRODUCT" and not row["is_headline"]]
    assert {(row["valuer"], row["method_version"]) for row in others} == {
        ("示例品牌研究院", "GB/T 29188-2012"), ("示例品牌评价中心", "GB/T 29188-2022"),
    }  # fmt: skip
    assert max(row["value"] for row in others if row["period_start_on"].year == 2022) > last["value"]
    # Below another one that is valued: of four one has left.
    assert [headline["BRAND_VALUE_PRODUCT", year]["covered_count"] for year in (2020, 2021, 2022)] == [4, 3, 3]
    assert last["is_break_in_series"] is False
    assert last["alike_count"] <= last["brand_count"] and last["alike_change_pct"] > 0


def test_library_and_its_movement(city: City) -> None:
    found: dict[str, Counter[str]] = {}
    for row in city.rows("select * from marts.mart_cultivation_library"):
        found.setdefault(str(row["year"]), Counter())[row["movement"]] += row["brand_count"]
    assert {year: dict(moved) for year, moved in found.items()} == city.truth["brand_library"]
    assert city.rows(
        "select from_tier, tier_code, brand_count from marts.mart_cultivation_library"
        " where movement = 'promoted' and year = 2021 order by 1"
    ) == [
        {"from_tier": "leading", "tier_code": "leading", "brand_count": 1},
        {"from_tier": "potential", "tier_code": "potential", "brand_count": 1},
    ]


def test_incentives_are_owed_once_and_shown_to_be(city: City) -> None:
    rows = city.rows("select * from marts.mart_incentive")
    awards = [row for row in rows if row["entry_kind"] == "award"]
    owed = {year: dict.fromkeys(codes, 0) for year, codes in city.truth["incentives"].items()}
    for row in awards:
        if row["amount_yuan"]:
            owed[str(row["year"])][row["award_code"]] += row["amount_yuan"]
    assert owed == city.truth["incentives"]
    assert {row["reason_code"] for row in awards} >= {
        "first_award", "renewal", "further_award", "nomination", "before_plan", "never_valid",
    }  # fmt: skip
    assert [row["budget_yuan"] for row in rows if row["entry_kind"] == "budget"] == [1_500_000] * 3
    # Each leads to the row that says so.
    for row in awards:
        (found,) = city.rows(
            "select raw.* from raw.brand_records as raw where delivery_id = %s and part = %s and file_row = %s",
            *(row["delivery_id"], row["part"], row["file_row"]),
        )
        told = (found["holder_name"], found["base_operator"])
        assert row["payee_name"] is None or row["payee_name"] in told


def test_a_person_who_won_an_award_is_a_hash(city: City) -> None:
    (persons,) = city.rows(
        "select count(*) as n, count(payee_id) as known, count(payee_name) as named, count(distinct payee_id) as people"
        " from marts.mart_incentive where payee_kind = 'person'"
    )
    # One of them won twice, and is still one.
    assert persons == {"n": 4, "known": 4, "named": 0, "people": 3}
    tables = city.rows(
        "select format('%I.%I', schemaname, tablename) as name from pg_tables"
        " where schemaname in ('raw', 'staging', 'audit', 'core', 'marts', 'quarantine', 'ops', 'quality')"
    )
    for table in tables:
        for person in PERSONS:
            (found,) = city.rows(f"select count(*) as n from {table['name']} as t where t::text like %s", f"%{person}%")
            assert found["n"] == 0, (table["name"], person)


def test_responsibilities_are_whole(city: City) -> None:
    rows = city.rows("select * from marts.mart_responsibility")
    assert len(rows) == 3 * 14
    assert all(row["has_one_lead"] and row["is_lead_of_definition"] for row in rows)
    # The plan's own table is not public: nothing is invented.
    assert all(row["share_pct"] is None and row["basis"] == "assumed" for row in rows)
