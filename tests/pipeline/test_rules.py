"""Every rule on real PostgreSQL: its query returns the rows that Great Expectations counted, and those that are meant.

A slice holds good rows and, for each rule, rows that fail it alone. A rule without such rows fails the test.
"""

import importlib
import json
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
import yaml
from psycopg import sql

from baotu import gate
from baotu.gate import KEYS, BrokenRule
from baotu.settings import PROJECT
from baotu.sources import load_source
from tests.pipeline.conftest import Installation

Row = dict[str, Any]
FOOD, SURVEYS, WEIGHTS = "food_spot_checks", "satisfaction_surveys", "reference_weights"
#: Spot checks share their rules, each source under its own letters.
SPOT_CHECKS = {FOOD: "FSC", "agri_monitoring": "AGM", "industrial_spot_checks": "ISC"}
TITLES, BRANDS, READINGS = "enterprise_titles", "brand_records", "indicator_readings"
SHARED = "17171717-0000-0000-0000-000000000000"
REGISTRY, INSPECTIONS = "enterprise_registry", "random_inspections"

#: A line of a summary table in which all is well: it needs no name of a product and no verdict.
COUNTS: Row = {
    "is_summary": True, "product_name": None, "final_result_code": None, "tested_count": 100, "passed_count": 98,
    "failed_count": 2, "published_pass_rate_pct": 98, "published_rate_digits": 0, "category_code": None,
}  # fmt: skip
GOOD: dict[str, Row] = {
    FOOD: {
        "product_name": "面包", "record_domain": "domestic", "final_result_code": "pass", "sampled_on": "2021-05-03",
        "sampled_on_basis": "file", "issued_on": "2021-06-01", "is_sampled_on_readable": True,
        "has_surplus_fields": False, "is_producer_uscc_valid": True, "is_sampled_uscc_valid": True,
        "is_produced_on_readable": True, "sampling_kind": "evaluation", "division_basis": "file",
        "is_summary": False, "in_scope": True, "category_code": "beverages", "are_counts_readable": True,
        "is_period_readable": True, "is_withdrawal": False, "contradicts_attachment": False, "is_items_unclear": False,
        "has_missing_fields": False, "item_result_code": "pass", "meets_limit": True,
    },
    SURVEYS: {
        "respondent_id": None, "response_id": "00000000-0000-0000-0000-000000000000", "industry_code": "retail",
        "is_answer_off_scale": False, "is_surveyed_on_readable": True, "has_surplus_fields": False,
        "division_basis": "file", "scale_min": 1, "scale_max": 10,
    },
    WEIGHTS: {
        "weight_set": "population", "scheme": "division", "code": "370102", "value": 1, "base_year": 2020,
        "has_surplus_fields": False,
    },
    TITLES: {
        "holder_key": "甲公司", "title_text": "瞪羚企业", "title_code": "gazelle", "status_code": "recognised",
        "is_level_readable": True, "is_level_unclear": False, "is_recognised_on_readable": True,
        "is_validity_readable": True, "is_ended_on_readable": True, "valid_from_on": "2021-03-01", "valid_before_on": "2024-03-01",
        "valid_before_on_basis": "file", "recognised_on": "2021-03-01", "recognised_on_basis": "file",
        "issued_on": "2021-06-01", "has_surplus_fields": False, "is_uscc_valid": True, "division_basis": "file",
        "is_grant": True,
    },
    BRANDS: {
        "record_kind": "cultivation", "record_kind_text": "培育名单", "brand_key": "趵突", "brand_class": "product",
        "is_status_readable": True, "is_valued_on_readable": True, "is_validity_readable": True,
        "is_list_year_readable": True, "has_surplus_fields": False, "is_holder_uscc_valid": True,
        "is_brand_imputed": False, "division_basis": "file", "issued_on": "2021-06-01", "is_level_readable": True,
        "is_tier_readable": True, "party_name_key": "甲公司",
    },
    READINGS: {
        "subject_code": "I02", "subject_kind": "indicator", "period_start_on": "2021-01-01", "period_basis": "file",
        "value_text": "6012.5", "value": 6012.5, "published_digits": 1, "issued_on": "2021-06-01",
        "are_companions_readable": True, "is_unit_expected": True, "has_surplus_fields": False, "document": "通报",
        "owner_unit": "市市场监管局", "is_published_on_readable": True, "division_basis": "assumed",
    },
    REGISTRY: {
        "enterprise_id": "00000000-0000-0000-0000-000000000000", "normalized_name": "某某有限公司",
        "code_class": "uscc_valid", "identifier_scheme": "USCC", "is_division_prefix_listed": True,
        "is_code_lower_case": False, "is_check_right": True, "has_surplus_fields": False, "is_shifted": False,
        "capital_text": "30万元", "capital_amount": 300000, "established_on_text": "1956-03-01",
        "established_on": "1956-03-01", "issued_on": "2022-06-30", "status_text": "在营", "status_code": "active",
        "division_basis": "file", "is_name_masked": False,
    },
    INSPECTIONS: {
        "record_kind": "inspection", "record_kind_text": "检查结果", "object_key": "甲公司", "draw_method": "random",
        "are_dates_readable": True, "drawn_on": "2021-04-01", "inspected_on": "2021-04-12", "published_on": "2021-04-30",
        "issued_on": "2021-06-01", "officer_count": 2, "is_result_readable": True, "has_surplus_fields": False,
        "is_uscc_valid": True, "division_basis": "file",
    },
}  # fmt: skip
#: A valuation and a rate that are sound: what their own rules are tried on.
VALUATION: Row = {
    "record_kind": "valuation", "value_number": 12.5, "brand_value": 12.5, "valued_on": "2021-05-10",
    "valued_on_basis": "file", "method_text": "GB/T 29188-2012", "method_version": "GB/T 29188-2012",
    "method_version_basis": "stated",
}  # fmt: skip
#: An award to an organisation: it needs no brand.
AWARD: Row = {"record_kind": "quality_award", "award_level": "organisation", "brand_key": None}
RATE: Row = {"subject_code": "Q03", "measure_code": "FOOD_EVALUATION", "value": 97.9, "value_text": "97.9"}
#: Rule → rows that fail it and no other. The two of a list fail together, or in two ways.
BAD: dict[str, dict[str, list[Row]]] = {
    INSPECTIONS: {
        "INS001": [{"record_kind": None}],
        "INS002": [{"record_kind": None, "record_kind_text": None}],
        "INS003": [{"object_key": None}, {"object_key": None, "record_kind": "object_directory"}],
        "INS004": [{"record_kind": "officer_directory", "officer_count": n} for n in (None, 0, 2)],
        "INS005": [{"draw_method": None}],
        "INS006": [{"are_dates_readable": False, "drawn_on": None, "inspected_on": None}],
        "INS007": [{"drawn_on": None, "inspected_on": None}],
        "INS008": [{"inspected_on": "2021-03-31"}, {"inspected_on": "2021-05-01"}],
        "INS009": [
            {"inspected_on": "2021-06-02", "published_on": None},
            {"record_kind": "object_directory", "snapshot_on": "2021-06-02"},
        ],
        "INS010": [{"has_surplus_fields": True}],
        "INS101": [{"is_uscc_valid": False}],
        "INS102": [{"officer_count": 1}],
        "INS103": [{"is_result_readable": False}],
        "INS104": [{"division_basis": "unknown"}],
    },
    FOOD: {
        "FSC001": [{"product_name": None}],
        "FSC002": [{"final_result_code": None}, {"final_result_code": None, "sampling_kind": "risk"}],
        "FSC003": [{"is_sampled_on_readable": False, "sampled_on_basis": "delivery"}] * 3,
        "FSC004": [{"sampled_on": "2021-06-02"}, {"sampled_on": "2999-12-31"}],
        "FSC005": [{"has_surplus_fields": True}],
        "FSC006": [{"reinspection_result_text": "it's 未定"}],
        "FSC101": [{"is_producer_uscc_valid": False}] * 2,
        "FSC102": [{"is_sampled_uscc_valid": False}],
        "FSC103": [{"is_produced_on_readable": False}] * 25,
        "FSC104": [{"sampling_kind": "unknown"}],
        "FSC105": [{"division_basis": "unknown"}],
        "FSC007": [
            COUNTS | {"are_counts_readable": False},
            COUNTS | {"tested_count": None, "failed_count": None},
            COUNTS | {"tested_count": 0, "passed_count": 0, "failed_count": 0},
            COUNTS | {"passed_count": None, "failed_count": None, "published_pass_rate_pct": None},
        ],
        "FSC008": [
            COUNTS | {"failed_count": 3},
            COUNTS | {"passed_count": 101, "failed_count": None},
            COUNTS | {"passed_count": 101, "failed_count": -1},
            COUNTS | {"sampled_count": 99},
        ],
        "FSC009": [COUNTS | {"is_period_readable": False}, COUNTS | {"period_start_on": "2021-06-02"}],
        "FSC011": [{"contradicts_attachment": True}],
        "FSC107": [{"is_items_unclear": True}],
        "FSC108": [{"meets_limit": False}, {"final_result_code": "fail", "item_result_code": "fail"}],
        "FSC109": [{"has_missing_fields": True}],
        "FSC106": [COUNTS | {"published_pass_rate_pct": 98.1, "published_rate_digits": 1}],
        "FSC121": [{"is_withdrawal": True, "sample_no": "S", "product_name": None, "sample_id": SHARED}],
        "FSC122": [{"sample_id": SHARED, "item_name": "铅", "item_result_text": text} for text in ("0.7", "0.8")],
    },
    SURVEYS: {
        "SAT001": [{"is_answer_off_scale": True}] * 2,
        "SAT002": [{"industry_code": None}],
        "SAT003": [{"is_surveyed_on_readable": False}],
        "SAT004": [{"has_surplus_fields": True}],
        "SAT101": [{"respondent_id": "17", "response_id": "17171717-0000-0000-0000-000000000000"}] * 3,
        "SAT102": [{"division_basis": "unknown"}, {"division_basis": "elsewhere"}],
    },
    WEIGHTS: {
        "REF001": [{"weight_set": None}],
        "REF002": [{"scheme": None}] * 2,
        "REF003": [{"code": None}],
        "REF004": [{"value": None}, {"value": -0.5}],
        "REF005": [{"base_year": None}],
        "REF006": [{"weight_id": "17171717-0000-0000-0000-000000000000"}] * 2,
        "REF007": [{"has_surplus_fields": True}],
    },
    REGISTRY: {
        "ENR001": [{"normalized_name": None}],
        # Without a code there is no scheme.
        "ENR002": [{"code_class": "missing", "identifier_scheme": None, "is_check_right": None}],
        "ENR003": [{"code_class": "uscc_check_wrong"}, {"code_class": "uscc_both_wrong"}],
        "ENR004": [{"has_surplus_fields": True}],
        "ENR005": [{"is_shifted": True}] * 2,
        "ENR101": [{"code_class": "uscc_inner_code_wrong"}] * 25,
        "ENR102": [{"is_division_prefix_listed": False}],
        "ENR103": [{"is_code_lower_case": True, "code_class": "uscc_lower_case"}],
        "ENR104": [
            {"enterprise_id": "17171717-0000-0000-0000-000000000000", "normalized_name": name} for name in ("甲", "乙")
        ],
        "ENR105": [{"capital_amount": None}],
        "ENR106": [{"established_on": None}, {"established_on": "2022-07-01"}],
        "ENR107": [{"identifier_scheme": "REG15"}, {"identifier_scheme": "OTHER", "is_check_right": None}],
        "ENR108": [{"identifier_scheme": "REG15", "is_check_right": False}],
        "ENR109": [{"status_code": None}],
        "ENR110": [{"division_basis": "unknown"}],
        "ENR111": [{"is_name_masked": True}] * 2,
    },
    TITLES: {
        "TIT001": [{"holder_key": None}],
        "TIT002": [{"title_text": "瞪羚标兵", "title_code": None}],
        "TIT003": [{"title_text": None, "title_code": None}],
        "TIT004": [{"status_code": None}],
        "TIT005": [{"is_level_readable": False}],
        "TIT006": [{"is_recognised_on_readable": False}],
        "TIT007": [{"is_validity_readable": False}],
        "TIT008": [{"valid_before_on": "2021-03-01"}, {"valid_before_on": "2020-03-02"}],
        "TIT009": [{"recognised_on": "2021-06-02"}, {"recognised_on": "2021-06-02", "recognised_on_basis": "sidecar"}],
        "TIT010": [],
        "TIT011": [{"has_surplus_fields": True}],
        "TIT012": [{"is_level_unclear": True}],
        "TIT013": [{"is_ended_on_readable": False}],
        "TIT101": [{"is_uscc_valid": False}],
        "TIT102": [{"title_record_id": SHARED}] * 2,
        "TIT103": [{"division_basis": "unknown"}],
        "TIT104": [{"valid_before_on": None, "valid_before_on_basis": "unknown"}],
        "TIT105": [{"status_code": "proposed"}],
        "TIT106": [{"recognised_on_basis": "delivery"}],
    },
    BRANDS: {
        "BRA001": [{"record_kind": None}],
        "BRA002": [{"record_kind": None, "record_kind_text": None}],
        "BRA003": [{"brand_key": None}, VALUATION | {"brand_key": None}],
        "BRA004": [{"record_kind": "quality_base", "base_key": None}],
        "BRA005": [{"brand_class": None}],
        "BRA006": [{"is_status_readable": False}],
        "BRA007": [VALUATION | {"value_number": None, "brand_value": None}],
        "BRA008": [VALUATION | {"brand_value": None}],
        "BRA009": [VALUATION | {"value_number": 0, "brand_value": 0}, VALUATION | {"value_number": -1}],
        "BRA010": [{"is_valued_on_readable": False}],
        "BRA011": [VALUATION | {"valued_on": "2021-06-02"}],
        "BRA012": [VALUATION | {"method_version": None}],
        "BRA013": [{"is_validity_readable": False}],
        "BRA014": [{"valid_from_on": "2021-05-01", "valid_before_on": "2020-05-01"}],
        "BRA015": [{"is_list_year_readable": False}],
        "BRA016": [{"has_surplus_fields": True}],
        "BRA017": [{"is_level_readable": False}],
        "BRA018": [AWARD | {"award_level": None}],
        "BRA019": [AWARD | {"party_name_key": None}],
        "BRA101": [{"is_holder_uscc_valid": False}],
        "BRA102": [{"brand_record_id": SHARED}] * 3,
        "BRA103": [{"is_brand_imputed": True}],
        "BRA104": [{"division_basis": "unknown"}],
        "BRA105": [VALUATION | {"method_version_basis": "assumed"}],
        "BRA106": [{"record_kind": "certificate", "valid_before_on_basis": "unknown"}],
        "BRA107": [{"is_tier_readable": False}],
    },
    READINGS: {
        "RDG001": [{"subject_code": None}],
        "RDG002": [{"period_start_on": None}, {"period_basis": "unreadable"}],
        "RDG003": [
            {"value": None},
            {"value": None, "value_text": None, "numerator": 3},
            {"subject_code": "I08", "rank": None},
            {"subject_code": "A_PROVINCIAL_FRONT", "subject_kind": "aim", "value": None, "value_text": None},
        ],
        "RDG004": [{"are_companions_readable": False}],
        "RDG005": [{"is_unit_expected": False}],
        "RDG006": [{"value": -1}, {"denominator": 0}, {"rank": 0}],
        "RDG007": [RATE | {"value": 0.979}, RATE | {"value": 101}],
        "RDG008": [{"numerator": 3, "denominator": 2}],
        "RDG009": [{"rank": 121, "ranked_count": 120}],
        "RDG010": [{"period_start_on": "2021-06-02"}, {"reference_year": 2022}],
        "RDG011": [{"has_surplus_fields": True}],
        "RDG101": [{"reading_id": SHARED}] * 2,
        "RDG102": [RATE | {"measure_code": None}],
        "RDG103": [RATE | {"numerator": 97, "denominator": 100}],
        "RDG104": [{"document": None}, {"owner_unit": None}],
        "RDG105": [{"is_published_on_readable": False}],
        "RDG106": [{"division_basis": "elsewhere"}],
    },
}
#: Rows that two rules find together: one certificate of two holders is also one record twice.
TOGETHER: dict[str, list[tuple[set[str], Row]]] = {
    TITLES: [
        (
            {"TIT010", "TIT102"},
            {"certificate_no": "GR1", "title_record_id": "18181818-0000-0000-0000-000000000000"} | holder,
        )
        for holder in ({}, {"holder_key": "乙公司"})
    ],
}
#: Delivery rule → rows of a delivery that fails it, beside good deliveries.
BAD_DELIVERIES: dict[str, dict[str, list[Row]]] = {
    FOOD: {"FSC201": [{"final_result_code": None}] * 3 + [{}], "FSC202": [{}], "FSC203": [{}], "FSC221": [{}]},
    SURVEYS: {"SAT201": [{"scale_min": None, "scale_max": None}]},
    WEIGHTS: {},
    TITLES: {
        "TIT201": [{"title_code": None}] * 2 + [{}],
        "TIT202": [{"holder_key": None}] * 2 + [{}],
        "TIT203": [{"is_recognised_on_readable": False}] * 2 + [{}],
    },
    BRANDS: {
        "BRA201": [{"record_kind": None}] * 2 + [{}],
        "BRA202": [VALUATION | {"value_number": None}] * 2 + [VALUATION, {}, {}],
        "BRA203": [{"brand_key": None, "party_name_key": None}] * 2 + [{}],
    },
    READINGS: {
        "RDG201": [{"subject_code": None}] * 2 + [{}],
        "RDG202": [{"value": None}] * 2 + [{}, {"subject_kind": "aim"}, {"subject_kind": "aim"}],
    },
    INSPECTIONS: {
        "INS201": [{"record_kind": None}] * 2 + [{}],
        "INS202": [{"object_key": None, "officer_count": None}] * 2 + [{}],
    },
    REGISTRY: {"ENR201": [{"code_class": "missing"}] * 2 + [{"code_class": "uscc_check_wrong"}, {}]},
}
#: Delivery rule of spot checks → what the delivery says that it corrects; `twice.csv` is the name of two others.
CORRECTS = {"202": "twice.csv", "203": "99", "221": "never.csv"}
for source, letters in SPOT_CHECKS.items():
    GOOD[source] = GOOD[FOOD]
    BAD[source] = {letters + code[3:]: rows for code, rows in BAD[FOOD].items()}
    BAD_DELIVERIES[source] = {letters + code[3:]: rows for code, rows in BAD_DELIVERIES[FOOD].items()}
    if source != FOOD:
        BAD[source][f"{letters}010"] = [{"category_code": None}] * 2
SOURCES = sorted(GOOD)
RECORD_IDS = ("weight_id", "title_record_id", "brand_record_id", "reading_id")
REPEATS = ("SAT101", "REF006", "TIT102", "BRA102", "RDG101", "FSC122", "AGM122", "ISC122")


def suite(source: str) -> Any:
    return importlib.import_module(f"expectations.{source}")


def fill(connection: psycopg.Connection, source: str, rows: Sequence[tuple[int, Row]]) -> None:
    """The slice of a run that judges these rows, each with its delivery."""
    name = sql.Identifier("audit", source)
    connection.execute("create schema if not exists audit")
    connection.execute(sql.SQL("drop table if exists {}").format(name))
    connection.execute(
        sql.SQL("create unlogged table {} as select * from {} with no data").format(
            name, sql.Identifier("staging", f"stg_{source}")
        )
    )
    for number, (delivery_id, row) in enumerate(rows, start=1):
        own = {"delivery_id": delivery_id, "row_no": number, "item_no": 1}
        # Like the hash of a real row: its own.
        own |= dict.fromkeys(RECORD_IDS, f"00000000-0000-0000-0000-{number:012d}")  # type: ignore[arg-type]
        connection.execute(
            sql.SQL("insert into {} select * from jsonb_populate_record(null::{}, %s::jsonb)").format(name, name),
            (json.dumps(GOOD[source] | own | row),),
        )
    connection.commit()


@pytest.mark.parametrize("source", SOURCES)
def test_every_row_rule(warehouse: Installation, source: str) -> None:
    rules = suite(source).ROW_RULES
    assert {rule.meta["rule"] for rule in rules} == set(BAD[source]), "a rule without rows that fail it"
    # A good delivery repeats the keys of the bad one, as a correction does: that is no duplicate.
    planted: list[tuple[set[str], int, Row]] = [(set(), 1, {}), (set(), 1, {})]
    if source in SPOT_CHECKS:
        planted += [(set(), 1, COUNTS), (set(), 1, {"category_code": None, "in_scope": False})]
    planted += [({code}, 2, row) for code, rows in BAD[source].items() for row in rows]
    planted += [(codes, 2, row) for codes, row in TOGETHER.get(source, [])]
    planted += [(set(), 3, rows[0]) for code, rows in BAD[source].items() if code in REPEATS]
    with warehouse.connect() as connection:
        fill(connection, source, [(delivery, row) for _, delivery, row in planted])
        outcomes = gate.evaluate("audit", source, rules, keys=KEYS)
        assert [outcome.rule for outcome in outcomes] == [rule.meta["rule"] for rule in rules]
        # Raises where a query returns other than what was counted.
        gate._collect_failing(connection, load_source(source), outcomes)
        connection.commit()
    for outcome in outcomes:
        meant = {number for number, (codes, _, _) in enumerate(planted, start=1) if outcome.rule in codes}
        found = warehouse.rows(f"select row_no from audit.{source}_failing where rule = %s", outcome.rule)
        assert outcome.failed == len(found) == len(meant) > 0, outcome.rule
        assert {row["row_no"] for row in found} == meant, outcome.rule


@pytest.mark.parametrize("source", SOURCES)
def test_every_delivery_rule(warehouse: Installation, source: str) -> None:
    rules = suite(source).DELIVERY_RULES
    bad = BAD_DELIVERIES[source]
    assert {rule.meta["rule"] for rule in rules} == set(bad), "a rule without a delivery that fails it"
    # Deliveries 1 and 2 are good, and 2 has no rows at all; each bad one comes after them.
    numbered = dict(enumerate(bad, start=3))
    with warehouse.connect() as connection:
        fill(connection, source, [(1, {})] + [(number, row) for number, code in numbered.items() for row in bad[code]])
        said = {8: None, 9: None} | {n: CORRECTS[code[3:]] for n, code in numbered.items() if code[3:] in CORRECTS}
        for number, corrects in said.items():
            connection.execute(
                "insert into ops.delivery (delivery_id, origin_id, source, file_uri, file_sha256, file_bytes, meta, status,"
                " issued_on, issued_on_basis) overriding system value values (%s, %s, %s, %s, %s, 0, %s, 'landed',"
                " '2021-06-01', 'set')",
                (
                    number,
                    number,
                    source,
                    f"file:///{number}/{'mine' if corrects else 'twice'}.csv",
                    f"{number:064x}",
                    json.dumps({"corrects": corrects} if corrects else {}),
                ),
            )
        gate._profile(connection, load_source(source), [1, 2, *numbered], suite(source).PROFILE)
        connection.commit()
        outcomes = gate.evaluate("audit", f"{source}_profile", rules, keys=("delivery_id",))
        failing = gate._failing_deliveries(connection, outcomes)
    assert failing == {code: {number} for number, code in numbered.items()}


def test_every_rule_on_marts(warehouse: Installation) -> None:
    marts = suite("marts")
    described = yaml.safe_load((PROJECT / "dbt_project/models/marts/_marts.yml").read_text(encoding="utf-8"))
    columns = next(m["columns"] for m in described["models"] if m["name"] == "mart_target_tracking")
    good = {
        "indicator_id": "GOOD", "definition_version": 1, "measure_code": "M", "period_type": "year",
        "period_start_on": "2020-01-01", "value": 98, "numerator": 98, "denominator": 100, "interval_low": 95,
        "interval_high": 99, "is_current": True, "is_headline": True, "value_basis": "computed",
        "period_end_on": "2020-12-31", "as_of_on": "2021-12-31", "target_kind": "level_held", "unit": "%",
    }  # fmt: skip
    bad: dict[str, list[Row]] = {
        "MRT001": [
            {"value": 100.5, "interval_high": 101},
            {"value": -1, "interval_low": -2, "target_kind": "stock"},
            {"value": 0, "interval_low": None, "target_kind": "rank", "unit": "位"},
        ],
        "MRT002": [{"numerator": 101}, {"denominator": 0, "numerator": None}],
        "MRT003": [{"value": 94.9}],
        "MRT004": [{"value": 97}, {"value": None}],
        # A gap between two values: never seen; and seen before, but not yet as a gap.
        "MRT005": [{"value": None}, {"value": None}],
        "MRT006": [{"value": None}],
        # Of deliveries, not of cells: planted below.
        "MRT007": [],
        "MRT101": [],
    }
    assert {rule.meta["rule"] for rule in marts.TARGET_TRACKING} == set(bad)
    with warehouse.connect() as connection:
        connection.execute("create schema marts_next")
        connection.execute(
            sql.SQL("create table marts_next.mart_target_tracking ({})").format(
                sql.SQL(", ").join(
                    sql.SQL("{} {}").format(sql.Identifier(column["name"]), sql.SQL(column["data_type"]))
                    for column in columns
                )
            )
        )
        connection.execute(
            "create table marts_next.dim_indicator as select indicator_id, 1 as definition_version, 'year' as reporting_period, 'x' as source_id"
            " from unnest(array['MRT005-0', 'MRT005-1', 'MRT006-0', 'SEEN']) as indicator_id"
        )
        rows = [
            {},
            *({"indicator_id": f"{code}-{n}"} | row for code, bads in bad.items() for n, row in enumerate(bads)),
            {"indicator_id": "SEEN", "value": None},
            # One gap has values on both sides.
            *(
                {"indicator_id": indicator, "period_start_on": f"{year}-01-01", "period_end_on": f"{year}-12-31"}
                for indicator in ("MRT005-0", "MRT005-1", "SEEN")
                for year in (2019, 2021)
            ),
        ]
        for row in rows:
            connection.execute(
                "insert into marts_next.mart_target_tracking select * from"
                " jsonb_populate_record(null::marts_next.mart_target_tracking, %s::jsonb)",
                (json.dumps(good | row),),
            )
        seen = connection.execute(
            "insert into ops.build (status, as_of_on, known_at_on, code_version, backend_pid)"
            " values ('published', '2021-12-31', '2021-12-31', 'x', 1) returning build_id"
        ).fetchone()
        assert seen is not None
        # What readers saw as final: 5.5 points lower for the first, and a value that is gone for the second. A gap that
        # they saw, with a later value beside it, is no news; one at the end of what there was is.
        for indicator, year, value, status in (
            ("MRT004-0", 2020, 91.5, "final"), ("MRT004-1", 2020, 98, "final"), ("GOOD", 2020, 93.1, "final"),
            ("MRT005-1", 2020, None, "no_data"), ("SEEN", 2020, None, "no_data"), ("SEEN", 2021, 97, "final"),
            ("MRT006-0", 2020, 98, "provisional"),
        ):  # fmt: skip
            connection.execute(
                "insert into ops.published_value (publication_id, indicator_id, definition_version, measure_code,"
                " value_basis, division_code, division_basis, period_type, period_start_on, period_end_on, as_of_on,"
                " known_at_on, value, verdict, light, data_status) values (%s, %s, 1, 'M', 'computed', '370100',"
                " 'as_is', 'year', %s, %s, '2021-12-31', '2021-12-31', %s, 'x', 'grey', %s)",
                (seen[0], indicator, f"{year}-01-01", f"{year}-12-31", value, status),
            )
        running = connection.execute(
            "insert into ops.build (status, as_of_on, known_at_on, code_version, backend_pid)"
            " values ('running', '2021-12-31', '2021-12-31', 'x', 1) returning build_id"
        ).fetchone()
        assert running is not None
        for number, name, corrects in (
            (1, "twice", None),
            (2, "twice", None),
            (3, "c", "twice.csv"),
            (4, "d", "c.csv"),
        ):
            connection.execute(
                "insert into ops.delivery (delivery_id, origin_id, source, file_uri, file_sha256, file_bytes, meta, status,"
                " issued_on, issued_on_basis, rows_read, rows_accepted, rows_quarantined) overriding system value values"
                " (%s, %s, 'x', %s, %s, 0, %s, 'accepted', '2021-06-01', 'set', 1, 1, 0)",
                (number, number, f"/{number}/{name}.csv", f"{number:064x}", json.dumps({"corrects": corrects})),
            )
            connection.execute(
                "insert into ops.build_delivery (build_id, delivery_id, source, version, is_accepted, is_touched)"
                " values (%s, %s, 'x', 1, true, true)",
                (running[0], number),
            )
        # Two versions of one day that disagree, two that agree, two of different days.
        connection.execute(
            "create schema if not exists core; drop table if exists core.fct_sample cascade;"
            " create table core.fct_sample as select * from (values"
            " (1, 11, 11, date '2021-06-01', date '2021-06-01', 'pass'), (1, 12, 12, '2021-06-01', null, 'fail'),"
            " (2, 13, 13, '2021-06-01', '2021-06-01', 'pass'), (2, 14, 14, '2021-06-01', null, 'pass'),"
            " (3, 15, 15, '2021-06-01', '2021-06-02', 'pass'), (3, 16, 16, '2021-06-02', null, 'fail'))"
            " as v (sample_id, delivery_id, origin_id, known_from_on, known_before_on, final_result)"
        )
        connection.commit()
        told = {"MRT007": {"delivery 3"}, "MRT101": {"delivery 11"}}
        outcomes = gate.evaluate("marts_next", "mart_target_tracking", marts.TARGET_TRACKING, keys=("indicator_id",))
        for outcome in outcomes:
            assert outcome.query is not None, outcome.rule
            found = connection.execute(sql.SQL("select indicator_id from ({}) as q").format(sql.SQL(outcome.query)))
            meant = told.get(outcome.rule, {f"{outcome.rule}-{n}" for n in range(len(bad[outcome.rule]))})
            assert {row[0] for row in found} == meant and outcome.failed == len(meant), outcome.rule


FILE = (
    "抽样编号,食品名称,被抽样单位名称,抽样所在区县,抽样日期,抽样类型,检验项目,判定结论\n"
    "A-1,面包,示例店,历下区,2021-05-03,评价性抽检,,合格\n"
    "A-2,,示例店,历下区,2021-05-03,评价性抽检,,合格\n"
    "A-3,面包,示例店,历下区,2021-05-03,评价性抽检,铅,不合格\n"
    "A-4,面包,示例店,历下区,2021-05-03,评价性抽检,,合格\n"
    "A-5,面包,示例店,历下区,2021-05-03,评价性抽检,,合格\n"
    "A-6,面包,示例店,历下区,2021-05-03,评价性抽检,,合格\n"
)


def broken_rules() -> list[Any]:
    """A column that is not there; and a condition, which Great Expectations counts by and its query forgets."""
    import great_expectations.expectations as gxe
    from great_expectations.expectations.row_conditions import Column

    from expectations import about, failing_rows

    said = {"severity": "critical", "meta": about("XXX001", None, "错", "wrong")}
    return [
        pytest.param(gxe.ExpectColumnValuesToNotBeNull(column="no_such_column", **said), id="no such column"),
        pytest.param(
            gxe.UnexpectedRowsExpectation(unexpected_rows_query=failing_rows("1 / (row_no - row_no) = 1"), **said),
            id="an error in its query",
        ),
        pytest.param(
            gxe.ExpectColumnValuesToNotBeNull(
                column="item_name", row_condition=Column("product_name").is_not_null(), **said
            ),
            id="rows other than counted",
        ),
    ]


@pytest.mark.parametrize("rule", broken_rules())
def test_a_broken_rule_decides_nothing(warehouse: Installation, monkeypatch: pytest.MonkeyPatch, rule: Any) -> None:
    warehouse.put(FOOD, "2021/a.csv", FILE, "issued_on: 2021-07-01\n")
    with monkeypatch.context() as patched:
        patched.setattr(suite(FOOD), "ROW_RULES", [*suite(FOOD).ROW_RULES, rule])
        with pytest.raises(BrokenRule, match="XXX001") as told:
            warehouse.ingest(FOOD)
        assert "面包" not in str(told.value)
    assert warehouse.rows("select status, validated_at from ops.delivery") == [
        {"status": "landed", "validated_at": None}
    ]
    assert warehouse.rows("select * from quarantine.row") == []
    assert warehouse.rows("select * from ops.check_result") == []
    # With the rule mended the next run judges what was left.
    _, verdicts = warehouse.ingest(FOOD)
    assert [(v.status, v.rows_read, v.rows_quarantined) for v in verdicts] == [("accepted", 6, 1)]
