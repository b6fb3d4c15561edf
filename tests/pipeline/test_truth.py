"""What the warehouse publishes of the sample city, against the truth that the samples were made with."""

import csv
import io
from collections import Counter
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from baotu import publish, storage
from baotu.deliveries import decide
from baotu.samples import agriculture, food, industry, surveys
from baotu.sources import load_sources
from baotu.trace import Trace, trace
from tests.pipeline.conftest import SCALE, City, Installation

YEARS = ("2020", "2021", "2022")
QUARTERS = ("Q1", "Q2", "Q3", "Q4")
SOURCES = tuple(load_sources())

#: Header of the column that names a row's subject, in any of the layouts.
KEYS = {"抽样编号", "抽样单编号", "受访者编号"}


def close(found: Decimal | None, expected: Fraction | str) -> bool:
    """Equal to fifteen digits: what PostgreSQL's numeric keeps of a quotient."""
    wanted = Fraction(expected)
    return found is not None and abs(Fraction(found) - wanted) <= abs(wanted) / 10**15


def tracking(city: Installation, measure: str, period: str) -> dict[str, Any]:
    """The current row of a year (2021) or a quarter (2021-Q3)."""
    year, _, quarter = period.partition("-Q")
    start = date(int(year), 3 * int(quarter or 1) - 2, 1)
    (row,) = city.rows(
        "select * from marts.mart_target_tracking where is_current and value_basis = 'computed'"
        " and measure_code = %s and period_type = %s and period_start_on = %s",
        measure,
        "quarter" if quarter else "year",
        start,
    )
    return row


# ----------------------------------------------------------------------------------------------------
# Numbers


def test_every_indicator_has_one_headline_in_every_year(city: City) -> None:
    found = city.rows(
        "select indicator_id, period_label_zh, count(*) as n from marts.mart_target_tracking where is_current"
        " and is_headline and period_type = 'year' group by indicator_id, period_label_zh"
    )
    catalogue = [f"I{n:02}" for n in range(1, 12)] + ["Q01", "Q02", "Q03"]
    assert {(row["indicator_id"], row["period_label_zh"]): row["n"] for row in found} == {
        (indicator, f"{year}年"): 1 for indicator in catalogue for year in YEARS
    }


def test_published_values_stand_beside_what_we_count(city: City) -> None:
    rows = city.rows(
        "select indicator_id, extract(year from period_start_on)::text as year, value, verdict, light, is_attained,"
        " is_headline, data_status from marts.mart_target_tracking where is_current and period_type = 'year'"
        " and value_basis = 'reported' and indicator_id = any(%s)",
        list(city.truth["published"]),
    )
    by_year = {(row["indicator_id"], row["year"]): row for row in rows}
    stated = {
        (indicator, year): Decimal(str(value))
        for indicator, years in city.truth["published"].items()
        for year, value in years.items()
        if year in YEARS
    }
    assert {key: row["value"] for key, row in by_year.items() if row["value"] is not None} == stated
    assert {row["verdict"] for row in rows} == {"not_applicable", "no_data"}
    # The ranking of 2022 never came: no data, neither met nor missed. A rank is never computed.
    assert (by_year["I08", "2022"]["is_attained"], by_year["I08", "2022"]["light"]) == (None, "grey")
    assert by_year["I08", "2021"]["is_attained"] is True
    # A definition says what its headline is; where we count, the office's figure stands beside it.
    assert {indicator for (indicator, year), row in by_year.items() if row["is_headline"] and year == "2022"} == {"I08"}


def test_counts_at_every_month_end(city: City) -> None:
    """I01 to I06 and I09 to I11 as they were known at each month's end."""
    told = {
        (row["indicator_id"], row["as_of_on"].isoformat()): row["value"]
        for row in city.rows(
            "select indicator_id, as_of_on, value from marts.mart_target_tracking where not is_current and is_headline"
            " and period_type = 'year' and estimator = 'count'"
        )
    }
    measures = {"I09": "TOP_TEN_LEADERS", "I10": "TITLED_ENTERPRISES", "I11": "HIGH_TECH_ENTERPRISES"}
    expected = {
        (indicator, day): Fraction(stated[measure]["value"])
        for day, stated in city.truth["titles"]["then"].items()
        for indicator, measure in measures.items()
        if stated[measure] is not None
    } | {
        (indicator, day): Fraction(str(value))
        for indicator, days in city.truth["brands"]["as_known_then"].items()
        for day, value in days.items()
        if value is not None
    }
    assert {key: Fraction(value) for key, value in told.items() if value is not None} == expected
    # From the first list on each month has its value.
    assert len(expected) > 200


def test_rates_and_scores_at_every_month_end(city: City) -> None:
    """Q01 to Q03 and I07 of the running year: the truth of what had been issued until each month's end."""
    measures = {
        "Q01": ("RPQ_WEIGHTED", industry),
        "Q02": ("AGRI_ROUTINE", agriculture),
        "Q03": ("FOOD_EVALUATION", food),
        "I07": ("CSI_0_100", surveys),
    }
    told = city.rows(
        "select measure_code, as_of_on, value, numerator, denominator, quarantined_count, is_attained, worst_case_value"
        " from marts.mart_target_tracking where not is_current and period_type = 'year' and value_basis = 'computed'"
        " and extract(year from period_start_on) = extract(year from as_of_on) and measure_code = any(%s)",
        [measure for measure, _ in measures.values()],
    )
    found = {(row["measure_code"], row["as_of_on"]): row for row in told}
    assert len(found) == len(told) == 4 * 36
    deliveries = {
        indicator: list(module.deliveries(city.truth["seed"], SCALE)) for indicator, (_, module) in measures.items()
    }
    values = set()
    for (measure, day), row in found.items():
        indicator = next(key for key, (code, _) in measures.items() if code == measure)
        known = [delivery for delivery in deliveries[indicator] if delivery.issued_on <= day]
        stated = measures[indicator][1].truth(known)[indicator].get(str(day.year)) or {"value": None, "n": 0}
        if stated["value"] is None:
            assert (row["value"], row["denominator"] or 0) == (None, 0), row
            continue
        assert close(row["value"], stated["value"]), row
        assert row["is_attained"] == stated["attained"], row
        assert row["quarantined_count"] == stated.get("quarantined_samples", stated.get("respondents_quarantined")), row
        if indicator != "Q01":  # a weighted rate is not of its sums
            assert row["denominator"] == stated["n"], row
        values.add((measure, row["value"]))
    # Quarter by quarter the value of the year moves; a wave comes once.
    seen = Counter(measure for measure, _ in values)
    assert seen.pop("CSI_0_100") == 3
    assert all(count >= 9 for count in seen.values()) and len(seen) == 3, seen


@pytest.mark.parametrize("indicator", ["I01", "I07", "I08", "I11"])
def test_a_published_value_leads_to_its_row(in_city: City, indicator: str) -> None:
    measure = {"I01": "I01_PUBLISHED", "I11": "I11_PUBLISHED"}.get(indicator)
    with in_city.connect() as connection:
        found = trace(connection, indicator, "2021", measure_code=measure)
    assert found.is_reproduced and found.rows[0]["file_row"] > 1
    assert found.rows[0]["value"] == found.number["value"] and "计入" in found.rows[0]["outcome"]


@pytest.mark.parametrize("indicator", ["I01", "I02", "I03", "I04", "I05", "I06", "I09", "I10", "I11"])
def test_a_count_leads_to_its_records(in_city: City, indicator: str) -> None:
    with in_city.connect() as connection:
        found = trace(connection, indicator, "2022", limit=10_000)
    assert found.number["estimator"] == "count" and found.number["value"] > 0
    assert found.is_reproduced, (found.value, found.number["value"])
    # Every record that speaks for it has its file and row, and everything that counts has a record.
    assert all(row["file_row"] > 1 for row in found.rows)
    assert len({row["item"] for row in found.rows}) == found.denominator
    assert {d["delivery_id"] for d in found.deliveries} == {row["delivery_id"] for row in found.rows}


def test_a_count_that_core_no_longer_bears_out_is_told(city_copy: City) -> None:
    """What speaks for one enterprise, one brand and one value goes: each trace says so."""
    with city_copy.connect() as connection:
        for statement in (
            "delete from core.title_validity where enterprise_name = (select min(enterprise_name)"
            " from core.title_validity where family = 'high_tech' and in_scope and valid_from_on <= '2022-12-31'"
            " and valid_before_on > '2022-12-31' and known_before_on is null)",
            "delete from core.brand_record where brand_uid::text = (select min(item) from marts.mart_brand_part"
            " where measure_code = 'BRANDS_SERVICE' and on_date = '2022-12-31') and record_kind = 'cultivation'",
            "update core.brand_record set brand_value = brand_value + 1 where brand_uid::text = (select min(item)"
            " from marts.mart_brand_part where measure_code = 'BRAND_VALUE_PRODUCT' and on_date = '2022-12-31')",
        ):
            assert connection.execute(statement).rowcount > 0, statement
        connection.commit()
        assert not any(trace(connection, indicator, "2022").is_reproduced for indicator in ("I02", "I05", "I11"))


@pytest.mark.parametrize("quarter", [None, *QUARTERS])
@pytest.mark.parametrize("year", YEARS)
def test_q03(city: City, year: str, quarter: str | None) -> None:
    stated = city.truth["Q03"][year]
    if quarter:
        stated = stated["quarters"][quarter]
    row = tracking(city, "FOOD_EVALUATION", f"{year}-{quarter}" if quarter else year)
    assert (row["numerator"], row["denominator"]) == (stated["x"], stated["n"])
    assert close(row["value"], Fraction(100 * stated["x"], stated["n"])) and close(row["value"], stated["value"])
    assert row["is_attained"] == stated["attained"]
    assert row["verdict"] == stated["verdict"]
    assert row["quarantined_count"] == stated["quarantined_samples"]
    if stated["quarantined_samples"]:
        assert close(row["worst_case_value"], stated["worst_case_value"])
        assert row["worst_case_value"] < row["value"]
    else:
        assert row["worst_case_value"] is stated["worst_case_value"] is None
    assert (row["indicator_id"], row["is_headline"], row["data_status"]) == ("Q03", True, "final")
    light = {"met_proven": "green", "met_not_proven": "green", "not_met_not_proven": "yellow"}
    assert row["light"] == light.get(stated["verdict"], "red")


def test_q03_of_2022_is_below_the_target_that_its_rounded_value_meets(city: City) -> None:
    row = tracking(city, "FOOD_EVALUATION", "2022")
    assert round(row["value"], 2) == 98 and row["is_attained"] is False


@pytest.mark.parametrize("year", YEARS)
@pytest.mark.parametrize(
    ("measure", "part"),
    [("FOOD_SUPERVISION", "with_tableware"), ("FOOD_SUPERVISION_EXCL_TABLEWARE", "without_tableware")],
)
def test_supervision(city: City, measure: str, part: str, year: str) -> None:
    stated = city.truth["supervision"][year][part]
    row = tracking(city, measure, year)
    assert (row["numerator"], row["denominator"]) == (stated["x"], stated["n"])
    assert close(row["value"], stated["value"]) and row["quarantined_count"] == stated["quarantined_samples"]
    assert row["is_headline"] is False


@pytest.mark.parametrize("year", YEARS)
def test_divisions_and_categories_add_up_to_the_city(city: City, year: str) -> None:
    rows = city.rows(
        "select * from marts.mart_pass_rate where measure_code = 'FOOD_EVALUATION' and period_type = 'year'"
        " and period_start_on = %s and value_basis = 'computed'",
        date(int(year), 1, 1),
    )
    parts = {name: [r for r in rows if r["breakdown"] == name] for name in ("city", "division", "category")}
    stated = city.truth["Q03"][year]
    divisions = {row["division_code"]: row for row in parts["division"]}
    assert divisions.keys() == {c for c, d in stated["divisions"].items() if d["n"] + d["quarantined_samples"]}
    for code, row in divisions.items():
        division = stated["divisions"][code]
        assert (row["passed_count"], row["judged_count"]) == (division["x"], division["n"]), code
        assert row["quarantined_count"] == division["quarantined_samples"], code
        assert close(row["pass_rate_pct"], division["value"]), code
    assert len(parts["city"]) == 1 and len(parts["category"]) > 5
    for name, found in parts.items():
        sums = [sum(r[c] for r in found) for c in ("passed_count", "judged_count", "quarantined_count")]
        assert sums == [stated["x"], stated["n"], stated["quarantined_samples"]], name


@pytest.mark.parametrize("year", YEARS)
def test_divisions_and_zones_divide_the_same_samples(city: City, year: str) -> None:
    stated = city.truth["Q03"][year]
    rows = city.rows(
        "select * from marts.mart_division_scorecard where measure_code = 'FOOD_EVALUATION'"
        " and period_type = 'year' and period_start_on = %s",
        date(int(year), 1, 1),
    )
    parts = {"administrative": stated["divisions"], "assessment": stated["units"]}
    for hierarchy, units in parts.items():
        for basis in ("as_is", "as_was"):
            found = [r for r in rows if (r["hierarchy"], r["division_basis"]) == (hierarchy, basis)]
            counts = {(r["unit_kind"] == "city", r["division_code"]): (r["numerator"], r["denominator"]) for r in found}
            assert counts.pop((True, "370100")) == (stated["x"], stated["n"])
            # The zone's name of then, until 2021-04-25.
            if (True, basis, hierarchy) == (int(year) < 2022, "as_was", "assessment"):
                before = counts.pop((False, "JN-XXQ"))
                now = counts.get((False, "JN-QBQ"), (0, 0))
                assert before[1] > 0 and (now[1] > 0) == (year == "2021")
                counts[False, "JN-QBQ"] = (before[0] + now[0], before[1] + now[1])
            assert counts == {(False, code): (unit["x"], unit["n"]) for code, unit in units.items() if unit["n"]}
    assert {"JN-GXQ", "JN-NBSQ", "JN-QBQ", "JN-LWGXQ"} <= stated["units"].keys()


@pytest.mark.parametrize("year", YEARS)
def test_samples_that_enter_no_rate(city: City, year: str) -> None:
    (found,) = city.rows(
        """
        select
            count(*) filter (where not in_scope) as elsewhere,
            count(*) filter (where in_scope and sampling_kind = 'evaluation' and is_tableware) as tableware,
            count(*) filter (where in_scope and sampling_kind = 'follow_up') as follow_up,
            count(*) filter (where in_scope and sampling_kind = 'risk_monitoring') as risk_monitoring,
            count(*) filter (where in_scope and sampling_kind = 'unknown') as unknown
        from core.fct_sample
        where sample_domain = 'food' and known_before_on is null and extract(year from sampled_on) = %s
        """,
        int(year),
    )
    assert found == city.truth["samples_in_neither_rate"][year]


@pytest.mark.parametrize("year", YEARS)
def test_i07(city: City, year: str) -> None:
    stated = city.truth["I07"][year]
    row = tracking(city, "CSI_0_100", year)
    assert close(row["value"], stated["value"]) and row["denominator"] == stated["n"]
    assert not close(row["value"], stated["not_post_stratified"])
    # Where an index is published, that is what attainment is judged by; ours stands beside it.
    assert row["estimator"] == "industry_weighted_poststratified" and row["is_headline"] == (year == "2022")
    assert row["is_attained"] == stated["attained"]
    assert row["quarantined_count"] == stated["respondents_quarantined"]
    assert close(row["worst_case_value"], stated["worst_case_value"])
    industries = {
        r["industry_code"]: r
        for r in city.rows(
            "select * from marts.mart_satisfaction where measure_code = 'CSI_0_100' and period_type = 'year'"
            " and period_start_on = %s and breakdown = 'industry'",
            date(int(year), 1, 1),
        )
    }
    assert industries.keys() == stated["industries"].keys()
    for code, part in stated["industries"].items():
        shown = industries[code]
        assert (shown["respondent_count"], shown["is_suppressed"]) == (part["n"], part["suppressed"])
        if part["suppressed"]:
            assert (shown["score"], shown["interval_low"], shown["interval_high"]) == (None, None, None)
        else:
            assert close(shown["score"], part["score"]), code
    weights = {code: Fraction(part["weight"]) for code, part in stated["industries"].items()}
    covered = sum(weights[code] for code, shown in industries.items() if not shown["is_suppressed"])
    coverage = 100 * covered / sum(weights.values())
    assert close(Decimal(stated["coverage_pct"]), coverage) and 80 <= coverage < 100
    # Below the coverage that the definition asks for, the verdict would say so.
    assert row["verdict"] in {"met_proven", "met_not_proven", "not_met_not_proven", "not_met_proven"}
    assert row["verdict"].startswith("met") == stated["attained"]


@pytest.mark.parametrize("year", YEARS)
def test_satisfaction_of_city_and_divisions(city: City, year: str) -> None:
    """The city's row is the tracked value; divisions hold every respondent who counts, suppressed industries' too."""
    rows = city.rows(
        "select * from marts.mart_satisfaction where measure_code = 'CSI_0_100' and period_type = 'year'"
        " and period_start_on = %s and breakdown <> 'industry'",
        date(int(year), 1, 1),
    )
    (whole,) = (row for row in rows if row["breakdown"] == "city")
    tracked = tracking(city, "CSI_0_100", year)
    assert [whole[c] for c in ("score", "respondent_count", "interval_low", "interval_high", "estimator")] == [
        tracked[c] for c in ("value", "denominator", "interval_low", "interval_high", "estimator")
    ]
    divisions = [row for row in rows if row["breakdown"] == "division"]
    assert len({row["division_code"] for row in divisions}) == len(divisions) == 12
    stated = city.truth["I07"][year]["industries"].values()
    assert sum(row["respondent_count"] for row in divisions) == sum(industry["n"] for industry in stated)
    assert all(row["interval_low"] < row["score"] < row["interval_high"] for row in divisions)


def assert_rate(row: dict[str, Any], stated: dict[str, Any]) -> None:
    assert (row["numerator"], row["denominator"]) == (stated["x"], stated["n"])
    assert close(row["value"], stated["value"]) and row["quarantined_count"] == stated["quarantined_samples"]


@pytest.mark.parametrize("quarter", [None, *QUARTERS])
@pytest.mark.parametrize("year", YEARS)
def test_q02(city: City, year: str, quarter: str | None) -> None:
    stated = city.truth["Q02"][year]
    if quarter in stated["reported"]:
        # Only counts came of it: they stand by themselves.
        (row,) = city.rows(
            "select * from marts.mart_target_tracking where is_current and value_basis = 'reported'"
            " and measure_code = 'AGRI_ROUTINE' and period_type = 'quarter' and period_start_on = %s",
            date(int(year), 3 * int(quarter[1]) - 2, 1),
        )
        stated = stated["reported"][quarter]
        assert (row["numerator"], row["denominator"]) == (stated["x"], stated["n"])
        assert row["is_attained"] == stated["attained"]
        return
    stated = stated["quarters"][quarter] if quarter else stated
    row = tracking(city, "AGRI_ROUTINE", f"{year}-{quarter}" if quarter else year)
    assert_rate(row, stated)
    assert (row["is_attained"], row["verdict"]) == (stated["attained"], stated["verdict"])
    assert (row["indicator_id"], row["is_headline"]) == ("Q02", True)
    if not quarter:
        assert_rate(tracking(city, "AGRI_SUPERVISION", year), city.truth["agri_supervision"][year])


@pytest.mark.parametrize("quarter", [None, *QUARTERS])
@pytest.mark.parametrize("year", YEARS)
def test_q01(city: City, year: str, quarter: str | None) -> None:
    stated = city.truth["Q01"][year]
    stated = stated["quarters"][quarter] if quarter else stated
    row = tracking(city, "RPQ_WEIGHTED", f"{year}-{quarter}" if quarter else year)
    assert close(row["value"], stated["value"]) and row["is_attained"] == stated["attained"]
    assert row["denominator"] == stated["n"] and row["quarantined_count"] == stated["quarantined_samples"]
    assert (row["indicator_id"], row["is_headline"], row["estimator"]) == ("Q01", True, "output_weighted")
    assert row["n_effective"] <= row["denominator"]
    if not quarter:
        assert close(row["coverage_pct"], stated["coverage_pct"])
        for measure in ("SUPERVISION_EXCL_FOLLOWUP", "SUPERVISION_BATCH"):
            companion = tracking(city, measure, year)
            assert_rate(companion, city.truth[measure][year])
            assert companion["is_attained"] == city.truth[measure][year]["attained"]


def test_what_was_sent_by_mistake_is_withdrawn(city_copy: City) -> None:
    """Samples that the file changed are again as others have them, those that it alone had are gone."""
    (mistake,) = (d for d in city_copy.truth["deliveries"] if d.get("withdraw"))
    before, after = city_copy.truth["Q02"]["2021"], city_copy.truth["after_withdrawal"]["Q02"]["2021"]
    assert before["attained"] != after["attained"]
    assert_rate(tracking(city_copy, "AGRI_ROUTINE", "2021"), before)
    delivery_id = city_copy.landed[mistake["file"]].delivery_id
    assert decide(delivery_id, "withdraw", "sent by mistake").status == "withdrawn"
    assert publish.build().status == "published"
    row = tracking(city_copy, "AGRI_ROUTINE", "2021")
    assert_rate(row, after)
    assert row["is_attained"] == after["attained"]


def test_the_history_of_enterprises(city: City) -> None:
    stated = city.truth["enterprises"]
    (whole,) = city.rows(
        "select count(*) as intervals, count(distinct enterprise_id) as enterprises from core.dim_enterprise"
    )
    assert whole == {key: stated[key] for key in ("intervals", "enterprises")}
    for day, divisions in stated["active"].items():
        rows = city.rows(
            "select division_code, count(*) as enterprises from core.dim_enterprise where status_code = 'active'"
            " and in_scope and valid_from_on <= %s and (valid_before_on > %s or valid_before_on is null) group by 1",
            day,
            day,
        )
        assert {r["division_code"]: r["enterprises"] for r in rows} == divisions, day
    for identifier, history in stated["histories"].items():
        rows = city.rows(
            "select valid_from_on::text, valid_before_on::text, enterprise_name, division_code, status_code"
            " from core.dim_enterprise where identifier = %s order by valid_from_on",
            identifier,
        )
        assert rows == history


def test_who_stands_behind_an_enterprise_reaches_no_table(city: City) -> None:
    (found,) = city.rows(
        "select count(*) as rows from raw.enterprise_registry as row where row::text ~ '示例[甲乙丙丁戊己庚辛壬]某'"
    )
    assert found["rows"] == 0


# ----------------------------------------------------------------------------------------------------
# Deliveries and rows


def test_deliveries(city: City) -> None:
    ledger = {
        row["file_uri"].removeprefix(f"file://{city.landing}/"): row for row in city.rows("select * from ops.delivery")
    }
    stated = {d["file"]: d for d in city.truth["deliveries"] if d["source"] in SOURCES}
    assert ledger.keys() == {file for file, d in stated.items() if d["status"] != "known"}
    for file, row in ledger.items():
        expected = stated[file]
        for column in ("source", "status", "rows_read", "rows_quarantined"):
            assert row[column] == expected[column], (file, column)
        assert row["file_sha256"] == expected["sha256"]
        if row["status"] == "refused":  # nothing was read of it, its date neither
            assert [reason["code"] for reason in row["status_reason"]] == ["missing_column"]
            continue
        assert row["issued_on"].isoformat() == expected["issued_on"], file
        assert row["rows_read"] == row["rows_accepted"] + row["rows_quarantined"], file
    assert Counter(d["status"] for d in stated.values()) == {
        "accepted": len(stated) - 3,
        "rejected": 1,
        "refused": 1,
        "known": 1,
    }


def test_the_same_bytes_land_once(city: City) -> None:
    (twin,) = (d for d in city.truth["deliveries"] if d["status"] == "known")
    landed, first = city.landed[twin["file"]], city.landed[twin["same_bytes_as"]]
    assert (landed.status, landed.rows_read) == ("known", None)
    assert landed.delivery_id == first.delivery_id and first.rows_read
    sightings = city.rows(
        "select file_uri from ops.delivery_sighting where delivery_id = %s order by 1", first.delivery_id
    )
    assert [s["file_uri"].rsplit("/landing/")[-1] for s in sightings] == [twin["same_bytes_as"], twin["file"]]


@pytest.mark.parametrize("source", SOURCES)
def test_raw_holds_each_row_once(city: City, source: str) -> None:
    found = city.rows(
        f"select delivery.file_uri, delivery.rows_read, count(*) as rows, count(distinct row_no) as numbers,"
        f" count(distinct (part, file_row)) as places, max(row_no) as last from raw.{source}"
        " inner join ops.delivery as delivery using (delivery_id) group by 1, 2"
    )
    assert len(found) == sum(d["source"] == source and d["rows_read"] is not None for d in city.truth["deliveries"])
    for row in found:
        assert {row["rows"], row["numbers"], row["places"], row["last"]} == {row["rows_read"]}, row["file_uri"]


def test_quarantine_holds_the_planted_errors_and_nothing_else(city: City) -> None:
    found = Counter()
    for source in SOURCES:
        for row in city.rows(
            f"select file_uri, file_row, rule, column_name, severity, resolved_at from quarantine.row as held"
            f" inner join raw.{source} using (delivery_id, row_no) inner join ops.delivery using (delivery_id)"
            " where held.source = %s",
            source,
        ):
            file = row["file_uri"].removeprefix(f"file://{city.landing}/")
            assert (row["severity"], row["resolved_at"]) == ("warning", None)
            # One rule speaks for all answers of a questionnaire.
            column = None if source == "satisfaction_surveys" else row["column_name"]
            found[file, row["file_row"], row["rule"], column] += 1
    planted = Counter(
        (e["file"], e["file_row"], e["rule"], None if e["rule"] == "SAT001" else e["column"])
        for e in city.truth["errors"]
        if e["outcome"] == "quarantined" and e["file"].split("/")[0] in SOURCES
    )
    assert found == planted and max(found.values()) == 1
    (held,) = city.rows("select count(*) as rows from quarantine.row")
    assert held["rows"] == planted.total()


def test_an_error_in_a_cell_that_no_rate_needs_is_recorded_and_its_sample_counts(city: City) -> None:
    planted = [e for e in city.truth["errors"] if e["outcome"] == "info" and e["file"].split("/")[0] in SOURCES]
    recorded = city.rows(
        "select file_uri, rows_failed, rule from ops.check_result inner join ops.delivery using (delivery_id)"
        " where rule = any(%s) and rows_failed > 0",
        sorted({e["rule"] for e in planted}),
    )
    assert Counter((e["file"], e["rule"]) for e in planted) == {
        (r["file_uri"].removeprefix(f"file://{city.landing}/"), r["rule"]): r["rows_failed"] for r in recorded
    }
    planted = [e for e in planted if e["rule"] == "FSC101"]
    samples = city.rows(
        "select is_judged, final_result from core.fct_sample where sample_no = any(%s)",
        [e["sample_no"] for e in planted],
    )
    assert samples == [{"is_judged": True, "final_result": "pass"}] * len(planted) and len(planted) == 6


# ----------------------------------------------------------------------------------------------------
# Every row ends somewhere

#: Each row of raw once, with what it became. `lost` must not be.
_OF_SPOT_CHECKS = """
        when summary.summary_id is not null then case
            when summary.known_before_on is not null then 'superseded'
            when not summary.in_scope then 'out of scope'
            when not exists (select from core.summary_measure as used where used.summary_id = summary.summary_id
                and used.delivery_id = summary.delivery_id) then 'counts of no measure'
            else 'stands for samples'
        end
        when item.row_no is null or sample.sample_id is null then 'lost'
        when item.is_duplicate then 'duplicate'
        when sample.known_before_on is not null then 'superseded'
        when sample.unjudged_reason = 'withdrawn' then 'withdrawn by a file'
        when not sample.in_scope then 'out of scope'
        when sample.unjudged_reason is not null then sample.unjudged_reason
        when not exists (select from core.sample_measure as used where used.sample_id = sample.sample_id
            and used.delivery_id = sample.delivery_id) then 'not of a measure: ' || sample.sampling_kind
            || case when sample.is_tableware then ' of tableware' else '' end
        else 'counts'
        end as outcome
        from raw.{source} as row
        left join core.fct_sample_summary as summary using (delivery_id, row_no)
        left join (select distinct on (delivery_id, row_no) * from core.fct_sample_item
            order by delivery_id, row_no, is_duplicate) as item using (delivery_id, row_no)
        left join core.fct_sample as sample on item.delivery_id = sample.delivery_id and item.sample_id = sample.sample_id
"""
_ENDS = {
    **{
        source: _OF_SPOT_CHECKS.format(source=source)
        for source in ("food_spot_checks", "agri_monitoring", "industrial_spot_checks")
    },
    "brand_records": """
        when record.known_before_on is not null then 'superseded'
        when not record.in_scope then 'out of scope'
        when record.row_no is not null then 'read'
        when exists (select from core.fct_brand_record as same where same.delivery_id = staged.delivery_id
            and same.brand_record_id = staged.brand_record_id and same.row_no > staged.row_no) then 'repeated'
        else 'lost'
        end as outcome
        from raw.brand_records as row
        left join staging.stg_brand_records as staged using (delivery_id, row_no)
        left join core.fct_brand_record as record using (delivery_id, row_no)
    """,
    "enterprise_titles": """
        when record.row_no is null then 'lost'
        when record.is_quarantined then 'held back'
        when exists (select from core.title_validity as title where title.delivery_id = record.delivery_id
            and title.row_no = record.row_no) then 'grants'
        when record.ended_on is not null then 'ends'
        else 'lost'
        end as outcome
        from raw.enterprise_titles as row
        left join core.fct_enterprise_title as record using (delivery_id, row_no)
    """,
    "random_inspections": """
        when exists (select from core.fct_inspection as inspection where inspection.delivery_id = staged.delivery_id
            and inspection.inspection_record_id = staged.inspection_record_id) then 'counts'
        when exists (select from core.fct_inspection_directory as member where member.delivery_id = staged.delivery_id
            and member.inspection_record_id = staged.inspection_record_id) then 'listed'
        else 'lost'
        end as outcome
        from raw.random_inspections as row
        left join staging.stg_random_inspections as staged using (delivery_id, row_no)
    """,
    "indicator_readings": """
        when staged.row_no is null then 'lost'
        when reading.row_no is not null then 'read'
        when staged.subject_code is null or staged.period_end_on is null then 'of nothing that is known'
        when exists (select from core.fct_indicator_reading as same where same.delivery_id = staged.delivery_id
            and same.reading_id = staged.reading_id and same.row_no > staged.row_no) then 'repeated'
        else 'lost'
        end as outcome
        from raw.indicator_readings as row
        left join staging.stg_indicator_readings as staged using (delivery_id, row_no)
        left join core.fct_indicator_reading as reading using (delivery_id, row_no)
    """,
    "enterprise_registry": """
        when staged.row_no is null then 'lost'
        when exists (select from core.dim_enterprise as version where version.enterprise_id = staged.enterprise_id
            and version.valid_from_on <= staged.issued_on and staged.issued_on <= version.observed_last_on
            and (version.valid_before_on > staged.issued_on or version.valid_before_on is null)) then 'observed'
        else 'lost'
        end as outcome
        from raw.enterprise_registry as row
        left join staging.stg_enterprise_registry as staged using (delivery_id, row_no)
    """,
    "satisfaction_surveys": """
        when staged.response_id is null then 'lost'
        when response.response_id is null then case when staged.is_repeated then 'duplicate' else 'lost' end
        when response.known_before_on is not null then 'superseded'
        when not response.in_scope then 'out of scope'
        else coalesce(response.excluded_reason, 'counts')
        end as outcome
        from raw.satisfaction_surveys as row
        left join (
            select distinct delivery_id, row_no, response_id,
                row_no > min(row_no) over (partition by delivery_id, response_id) as is_repeated
            from staging.stg_satisfaction_surveys
        ) as staged using (delivery_id, row_no)
        left join core.fct_survey_response as response using (delivery_id, row_no)
    """,
    "reference_weights": """
        when weight.weight_id is null then 'lost'
        when weight.known_before_on is not null then 'superseded'
        else 'counts'
        end as outcome
        from raw.reference_weights as row
        left join core.fct_reference_weight as weight using (delivery_id, row_no)
    """,
}


def ends(warehouse: Installation, source: str) -> list[dict[str, Any]]:
    """What every row of a source became: delivery, its status and counts, outcome, rows."""
    return warehouse.rows(
        f"""
        select delivery_id, delivery.status, rows_read, rows_accepted, outcome, count(*) as rows from (
            select row.delivery_id, row.row_no, case
            when delivery.status <> 'accepted' then delivery.status
            when exists (select from quarantine.row as held where held.delivery_id = row.delivery_id
                and held.row_no = row.row_no and held.resolved_at is null) then 'held back'
            {_ENDS[source]}
            inner join ops.delivery as delivery on row.delivery_id = delivery.delivery_id
        ) as ended inner join ops.delivery as delivery using (delivery_id)
        group by delivery_id, delivery.status, rows_read, rows_accepted, outcome order by 1, 5
        """
    )


def assert_every_row_ends(warehouse: Installation, source: str) -> Counter[str]:
    """Rows add up, delivery by delivery, and none is lost; returns rows by outcome."""
    whole: Counter[str] = Counter()
    read: dict[int, tuple[int, int | None, Counter[str]]] = {}
    for end in ends(warehouse, source):
        _, _, outcomes = read.setdefault(end["delivery_id"], (end["rows_read"], None, Counter()))
        outcomes[end["outcome"]] += end["rows"]
        whole[end["outcome"]] += end["rows"]
        if end["status"] == "accepted":
            read[end["delivery_id"]] = (end["rows_read"], end["rows_accepted"], outcomes)
    for delivery_id, (rows_read, rows_accepted, outcomes) in read.items():
        assert outcomes.total() == rows_read, delivery_id
        if rows_accepted is not None:
            assert outcomes.total() - outcomes["held back"] == rows_accepted, delivery_id
    assert "lost" not in whole
    return whole


def test_every_row_of_food_ends_in_a_fact_or_has_a_reason(city: City) -> None:
    outcomes = assert_every_row_ends(city, "food_spot_checks")
    assert outcomes["counts"] and outcomes["superseded"] and outcomes["out of scope"] and outcomes["duplicate"]
    assert outcomes["rejected"] == 40
    assert outcomes["held back"] + outcomes["rejected"] == sum(
        e["outcome"] == "quarantined" and e["rule"].startswith("FSC") for e in city.truth["errors"]
    )
    # The samples that count are those of the published numbers.
    (counted,) = city.rows(
        "select count(distinct sample_id) as samples from core.sample_measure where known_before_on is null"
        " and is_judged and measure_code in ('FOOD_EVALUATION', 'FOOD_SUPERVISION')"
    )
    stated = sum(city.truth["Q03"][year]["n"] for year in YEARS)
    stated += sum(city.truth["supervision"][year]["with_tableware"]["n"] for year in YEARS)
    assert counted["samples"] == stated


@pytest.mark.parametrize(
    "source",
    [source for source in SOURCES if source not in ("food_spot_checks", "satisfaction_surveys", "reference_weights")],
)
def test_every_row_that_reaches_core_ends_there(city: City, source: str) -> None:
    outcomes = assert_every_row_ends(city, source)
    assert outcomes["counts"] or outcomes["observed"] or outcomes["grants"] or outcomes["read"]
    assert outcomes["held back"] == sum(
        d["rows_quarantined"] or 0 for d in city.truth["deliveries"] if d["source"] == source
    )


def test_counts_stand_by_themselves_and_never_twice(city: City) -> None:
    """Each line of a summary table by what the truth says of it."""
    found = {
        (row["file_uri"].removeprefix(f"file://{city.landing}/"), row["file_row"]): row
        for row in city.rows(
            "select file_uri, file_row, tested_count, passed_count, category_code, is_whole_city"
            " from core.fct_sample_summary inner join ops.delivery using (delivery_id)"
        )
    }
    stated = {(line["file"], line["file_row"]): line for line in city.truth["counts"]}
    held = {key for key, line in stated.items() if line["outcome"] == "quarantined"}
    assert held and found.keys() == stated.keys() - held
    for key, row in found.items():
        line = stated[key]
        assert (row["tested_count"], row["passed_count"]) == (line["tested"], line["passed"]), key
        assert (line["outcome"] == "total") == (row["category_code"] is None), key
    assert {line["outcome"] for line in stated.values()} == {"counted", "beside_samples", "total", "quarantined"}


def test_every_row_of_surveys_ends_in_a_fact_or_has_a_reason(city: City) -> None:
    outcomes = assert_every_row_ends(city, "satisfaction_surveys")
    stated = city.truth["I07"].values()
    assert outcomes == {
        "counts": sum(i["n"] for wave in stated for i in wave["industries"].values()),
        "too_few_answers": sum(wave["respondents_with_fewer_than_two_answers"] for wave in stated),
        "held back": sum(wave["respondents_quarantined"] for wave in stated),
    }


def test_every_row_of_weights_ends_in_a_fact(city: City) -> None:
    outcomes = assert_every_row_ends(city, "reference_weights")
    stated = [d for d in city.truth["deliveries"] if d["source"] == "reference_weights"]
    assert outcomes == {"counts": sum(d["rows_read"] for d in stated)}


# ----------------------------------------------------------------------------------------------------
# Trace


def delivered(path: Path) -> dict[tuple[str, int], dict[str, str]]:
    """The rows of a file as Excel or a text editor shows them: (part, row) → header → cell."""
    if path.read_bytes()[:2] == b"PK":
        return {
            (sheet.title, number): _cells(table[header], cells)
            for sheet in openpyxl.load_workbook(io.BytesIO(path.read_bytes())).worksheets
            for table in [[["" if c is None else str(c) for c in r] for r in sheet.iter_rows(values_only=True)]]
            for header in [next(i for i, cells in enumerate(table) if KEYS & set(cells))]
            for number, cells in enumerate(table, 1)
            if number > header + 1
        }
    content = path.read_bytes()
    encodings = {b"\xff\xfe": "utf-16", b"\xef\xbb": "utf-8-sig"}
    try:
        text = content.decode(encodings.get(content[:2], "utf-8"))
    except UnicodeDecodeError:
        text = content.decode("gb18030")
    first = text.splitlines()[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    rows, line = {}, 0
    for cells in reader:
        rows["", line + 1] = cells
        line = reader.line_num
    header_row = rows.pop(("", 1))
    return {place: _cells(header_row, cells) for place, cells in rows.items()}


def _cells(header: list[str], cells: list[str]) -> dict[str, str]:
    return {h.replace("\n", ""): c.strip() for h, c in zip(header, cells, strict=False)}


def assert_rows_are_delivered(found: Trace) -> None:
    """Each row of a trace stands in the archived file, at that place, with that number."""
    kept = storage.kept_at([d["file_sha256"] for d in found.deliveries])
    files = {d["delivery_id"]: delivered(Path(kept[d["file_sha256"]])) for d in found.deliveries}
    for delivery in found.deliveries:
        original = Path(delivery["file_uri"].removeprefix("file://"))
        assert original.read_bytes() == Path(kept[delivery["file_sha256"]]).read_bytes()
    assert found.rows
    for row in found.rows:
        table = files[row["delivery_id"]]
        # A text file has one part; whatever it is called, the row decides.
        place = (row["part"], row["file_row"])
        cells = table[place] if place in table else table["", row["file_row"]]
        (key,) = (cells[header] for header in KEYS & cells.keys())
        assert key == row["key"], (row["delivery_id"], row["part"], row["file_row"])


@pytest.mark.parametrize(
    ("period", "measure"),
    [
        ("2020", None),
        ("2021", None),
        ("2022-Q4", None),
        ("2020", "FOOD_SUPERVISION"),
        ("2021", "FOOD_SUPERVISION_EXCL_TABLEWARE"),
    ],
)
def test_a_pass_rate_is_traced_to_its_rows(in_city: City, period: str, measure: str | None) -> None:
    with in_city.connect() as connection:
        found = trace(connection, "Q03", period, measure_code=measure, all_rows=True, limit=100_000)
    published = tracking(in_city, measure or "FOOD_EVALUATION", period)
    assert found.is_reproduced and not found.applied_since
    assert (found.numerator, found.denominator) == (published["numerator"], published["denominator"])
    for side in ("numerator", "denominator"):
        assert sum(d[side] for d in found.deliveries) == published[side]
    # A sample has as many rows as failing items.
    by_outcome = Counter(outcome for _, outcome in {(row["key"], row["outcome"]) for row in found.rows})
    assert by_outcome["pass"] == published["numerator"]
    assert by_outcome["pass"] + by_outcome["fail"] == published["denominator"]
    assert by_outcome["quarantined"] == published["quarantined_count"]
    assert_rows_are_delivered(found)


def test_a_trace_lists_failing_and_unjudged_rows_first_of_all(in_city: City) -> None:
    with in_city.connect() as connection:
        found = trace(connection, "Q03", "2021")
    assert {row["outcome"] for row in found.rows} == {"fail", "quarantined"} and found.is_reproduced
    rules = {row["what"] for row in found.rows if row["outcome"] == "quarantined"}
    assert {"FSC001", "FSC002", "FSC003"} <= rules
    assert_rows_are_delivered(found)
    text = "\n".join(found.text())
    assert "✓" in text and all(d["file_sha256"] in text for d in found.deliveries)


@pytest.mark.parametrize("year", YEARS)
def test_satisfaction_is_traced_to_its_rows(in_city: City, year: str) -> None:
    with in_city.connect() as connection:
        found = trace(connection, "I07", year, measure_code="CSI_0_100", all_rows=True, limit=100_000)
    stated = in_city.truth["I07"][year]
    assert found.is_reproduced and found.denominator == stated["n"]
    shown = {i["name"] for i in stated["industries"].values() if not i["suppressed"]}
    counted = [r for r in found.rows if r["outcome"] not in ("quarantined", "too_few_answers") and r["what"] in shown]
    assert len(counted) == stated["n"]
    left = Counter(row["outcome"] for row in found.rows)
    assert left["quarantined"] == stated["respondents_quarantined"]
    assert left["too_few_answers"] == stated["respondents_with_fewer_than_two_answers"]
    assert_rows_are_delivered(found)


# ----------------------------------------------------------------------------------------------------
# What changed since


def recounted(
    versions: dict[str, list[dict[str, Any]]], counted: dict[tuple[str, int], bool], year: date, then: date, now: date
) -> Counter[tuple[str, str]]:
    """Sample by sample, (cause, judged or passed) → change of a year between two days of knowledge."""

    def known(sample: list[dict[str, Any]], day: date) -> dict[str, Any] | None:
        found = [v for v in sample if v["known_from_on"] <= day and not (v["known_before_on"] or date.max) <= day]
        assert len(found) <= 1
        return found[0] if found else None

    def counts(version: dict[str, Any] | None, day: date) -> tuple[int, int]:
        if version is None or (version["sample_id"], version["delivery_id"]) not in counted:
            return 0, 0
        if version["sampled_on"].year != year.year or version["sampled_on"] > day:
            return 0, 0
        return 1, int(counted[version["sample_id"], version["delivery_id"]])

    found: Counter[tuple[str, str]] = Counter()
    for sample in versions.values():
        before, after = known(sample, then), known(sample, now)
        # Of the future nothing is counted, so the last day of the plan may stand for today.
        moved = [b - a for a, b in zip(counts(before, then), counts(after, now), strict=True)]
        if before and before["sampled_on"] <= then:
            turned = after and after["is_reinspected"] and not before["is_reinspected"]
            turned = turned and after and after["final_result"] not in (None, before["final_result"])
            if turned and before["unjudged_reason"] != "quarantined":
                cause = "reinspection"
            elif before["unjudged_reason"] in ("pending", "no_result") and after and after["final_result"]:
                cause = "new_delivery"
            else:
                cause = "correction"
        elif after and after["sampled_on"] > then:
            cause = "later"
        else:
            first = min(v["known_from_on"] for v in sample)
            cause = "new_delivery" if first > then else "correction"
        for what, change in zip(("judged", "passed"), moved, strict=True):
            found[cause, what] += change
    return found


@pytest.mark.parametrize("measure", ["FOOD_EVALUATION", "FOOD_SUPERVISION", "AGRI_ROUTINE", "RPQ_WEIGHTED"])
def test_what_changed_since_each_month_is_recounted(city: City, measure: str) -> None:
    (domain,) = city.rows("select sample_domain from reference.pass_rate_measure where measure_code = %s", measure)
    versions: dict[str, list[dict[str, Any]]] = {}
    for version in city.rows(
        "select * from core.fct_sample where sample_domain = %s and known_before_on is distinct from known_from_on",
        domain["sample_domain"],
    ):
        versions.setdefault(version["sample_id"], []).append(version)
    counted = {
        (row["sample_id"], row["delivery_id"]): row["final_result"] == "pass"
        for row in city.rows(
            "select sample_id, delivery_id, final_result from core.sample_measure where measure_code = %s"
            " and final_result is not null",
            measure,
        )
    }
    rows = city.rows(
        "select * from marts.mart_restatement where measure_code = %s and value_basis = 'computed'", measure
    )
    assert len(rows) == 36
    seen: set[str] = set()
    for row in rows:
        assert row["now_as_of_on"] == date(2022, 12, 31) and row["then_as_of_on"] == row["then_known_at_on"]
        stated = recounted(versions, counted, row["period_start_on"], row["then_known_at_on"], row["now_known_at_on"])
        for cause in ("new_delivery", "later", "reinspection", "correction", "definition"):
            for what in ("judged", "passed"):
                assert row[f"{cause}_{what}"] == stated[cause, what], (row["then_known_at_on"], cause, what)
                if stated[cause, what]:
                    seen.add(cause)
    assert {"new_delivery", "later"} <= seen
    if measure == "FOOD_EVALUATION":
        assert {"reinspection", "correction"} <= seen


def test_then_and_now_of_a_restatement_are_those_of_the_marts(city: City) -> None:
    rows = city.rows(
        "select restated.*, point.numerator, point.denominator, point.value, point.is_current"
        " from marts.mart_target_tracking as point inner join marts.mart_restatement as restated"
        " on point.measure_code = restated.measure_code and point.value_basis = restated.value_basis"
        " and point.period_type = 'year' and restated.period_type = 'year'"
        " and point.period_start_on = restated.period_start_on"
        " and (point.is_current or point.known_at_on = restated.then_known_at_on)"
    )
    assert len(rows) > 1000
    for row in rows:
        when = "now" if row["is_current"] else "then"
        assert row[f"{when}_value"] == row["value"], row
        if row["new_delivery_judged"] is not None:
            assert row[f"{when}_denominator"] == (row["denominator"] or 0), row
            assert row[f"{when}_numerator"] == (row["numerator"] or 0), row
    # Values without samples name their cause too.
    assert {row["value_cause"] for row in rows} >= {None, "later", "new_delivery"}
