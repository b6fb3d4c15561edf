"""Deliveries that a person wrote, against figures that a person computed, and what holds a publication.

The figures stand in tests/golden/README.md only; its tables are read here.
"""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from baotu import deliveries, publish
from baotu.sources import load_sources
from tests.pipeline.conftest import Installation
from tests.pipeline.test_truth import close, tracking

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
#: A row of a table: header → cell.
Cells = dict[str, str | None]


def stated(*headers: str) -> list[Cells]:
    """The rows of the one table with these headers; `·` is None."""
    found = []
    lines = iter((GOLDEN / "README.md").read_text(encoding="utf-8").splitlines())
    for line in lines:
        if [cell.strip() for cell in line.strip("|").split("|")] == list(headers):
            next(lines)
            for row in lines:
                if not row.startswith("|"):
                    break
                cells = [cell.strip() for cell in row.strip("|").split("|")]
                found.append({h: None if c == "·" else c for h, c in zip(headers, cells, strict=True)})
    assert found, headers
    return found


def same(found: Any, said: str | None) -> bool:
    """Whether a cell of the README says what is found; numbers are equal to fifteen digits."""
    if said is None or found is None:
        return found is said
    if isinstance(found, bool):
        return found == (said == "yes")
    if isinstance(found, int | Decimal):
        return close(Decimal(found), said)
    return str(found) == said


def assert_said(found: dict[str, Any], row: Cells, columns: dict[str, str]) -> None:
    """Each header of `columns` says what the column of that name holds."""
    wrong = {h: (found[column], row[h]) for h, column in columns.items() if not same(found[column], row[h])}
    assert not wrong, row


def put(warehouse: Installation, source: str) -> None:
    """Deliver a source's golden files."""
    for path in sorted((GOLDEN / source).glob("*.csv")):
        sidecar = path.with_name(path.name + ".meta.yml")
        warehouse.put(
            source,
            path.name,
            path.read_bytes(),
            sidecar.read_text(encoding="utf-8") if sidecar.exists() else None,
        )


@pytest.fixture
def golden(warehouse: Installation) -> Installation:
    """All golden deliveries, published."""
    for source in load_sources():
        if (GOLDEN / source).is_dir():
            put(warehouse, source)
            warehouse.ingest(source)
    built = publish.build()
    assert built.status == "published", built.reasons
    return warehouse


def test_every_figure_is_the_one_computed_by_hand(golden: Installation) -> None:
    ledger = golden.rows(
        "select regexp_replace(file_uri, '.*/', '') as file, rows_read, rows_quarantined, rule from ops.delivery"
        " left join quarantine.row using (delivery_id)"
    )
    table = {row["file"]: row for row in stated("file", "rows", "held back", "rule")}
    assert table.keys() == {row["file"] for row in ledger} and len(ledger) == len(table)
    for found in ledger:
        columns = {"rows": "rows_read", "held back": "rows_quarantined", "rule": "rule"}
        assert_said(found, table[found["file"]], columns)

    def tracked(row: Cells) -> dict[str, Any]:
        year, _, quarter = str(row["period"]).partition("-Q")
        (found,) = golden.rows(
            "select *, quarantined_count as held from marts.mart_target_tracking where is_current"
            " and measure_code = %s and value_basis = %s and period_type = %s and period_start_on = %s",
            row["measure"],
            row.get("basis") or "computed",
            "quarter" if quarter else "year",
            date(int(year), 3 * int(quarter or 1) - 2, 1),
        )
        return found

    values = stated(
        *("measure", "period", "basis", "x", "n", "value", "held back", "worst case", "attained", "verdict")
    )
    for row in values:
        found = tracked(row)
        columns = {
            **{"x": "numerator", "n": "denominator", "value": "value", "held back": "held"},
            **{"worst case": "worst_case_value", "attained": "is_attained", "verdict": "verdict"},
        }
        assert_said(found, row, columns)
        assert found["data_status"] == "final"
    # No measure has a value that is not in the table.
    (rest,) = golden.rows(
        "select array_agg(distinct measure_code) as measures from marts.mart_target_tracking where is_current"
        " and value is not null and period_type = 'year'"
    )
    told = {row["measure"] for row in values}
    assert set(rest["measures"]) - told == {
        *("CSI_SHARE_OF_MAXIMUM", "CSI_TOP_BOX", "CSI_TOP_TWO_BOX"),
        *("FOOD_EVALUATION_EXCL_AGRI", "FOOD_SUPERVISION_EXCL_TABLEWARE", "FOOD_SUPERVISION_EXCL_TABLEWARE_AGRI"),
    }

    for row in stated("measure", "period", "coverage", "n*"):
        found = tracked(row)
        assert same(found["coverage_pct"], row["coverage"])
        assert float(found["n_effective"]) == pytest.approx(float(Fraction(str(row["n*"]))), rel=1e-12)

    for row in stated("as of", "x", "n", "value", "low", "high", "status"):
        (found,) = golden.rows(
            "select * from marts.mart_target_tracking where not is_current and measure_code = 'FOOD_EVALUATION'"
            " and value_basis = 'computed' and as_of_on = %s",
            row["as of"],
        )
        columns = {
            **{"x": "numerator", "n": "denominator", "value": "value", "low": "bound_low", "high": "bound_high"},
            "status": "data_status",
        }
        assert_said(found, row, columns)

    scores = {
        row["breakdown_label_zh"]: row
        for row in golden.rows(
            "select * from marts.mart_satisfaction where measure_code = 'CSI_0_100' and period_type = 'year'"
            " and period_start_on = '2021-01-01' and breakdown <> 'division'"
        )
    }
    industries = stated("industry", "n", "score", "by hand")
    assert scores.keys() == {row["industry"] for row in industries}
    for row in industries:
        assert_said(scores[row["industry"]], row, {"n": "respondent_count", "score": "score"})
    for row in stated("measure", "low", "high", "coverage"):
        found = tracking(golden, "CSI_0_100", "2021")
        assert [round(found[c], 2) for c in ("interval_low", "interval_high")] == [
            Decimal(str(row["low"])), Decimal(str(row["high"])),
        ]  # fmt: skip
        assert same(found["coverage_pct"], row["coverage"])

    history = golden.rows(
        "select *, substring(enterprise_name from '济南示例(.*)有限公司') as name from core.dim_enterprise"
        " order by organisation_code, valid_from_on"
    )
    register = stated("name", "from", "before", "last seen", "division", "status")
    assert len(history) == len(register)
    for found, row in zip(history, register, strict=True):
        columns = {
            **{"name": "name", "from": "valid_from_on", "before": "valid_before_on", "last seen": "observed_last_on"},
            **{"division": "division_code", "status": "status_code"},
        }
        assert_said(found, row, columns)
    for row in stated("day", "enterprises", "which are"):
        (found,) = golden.rows(
            "select count(*) as enterprises from core.dim_enterprise where in_scope and status_code = 'active'"
            " and valid_from_on <= %s and (valid_before_on > %s or valid_before_on is null)",
            row["day"],
            row["day"],
        )
        assert_said(found, row, {"enterprises": "enterprises"})


# ----------------------------------------------------------------------------------------------------
# What holds a publication


def codes(built: publish.Build) -> list[str]:
    return [reason["code"] for reason in built.reasons]


def published(warehouse: Installation, measure: str, period: str = "2021") -> tuple[int | None, Decimal | None]:
    """Which build readers see, and what they see there; nothing before the first publication."""
    if warehouse.rows("select to_regclass('marts.mart_publication') as found") == [{"found": None}]:
        return None, None
    row = tracking(warehouse, measure, period)
    return row["publication_id"], row["value"]


def approvals(warehouse: Installation) -> list[dict[str, Any]]:
    return warehouse.rows(
        "select build_id, reason, decided_by from ops.decision where subject = 'publication' and action = 'approve'"
        " order by decision_id"
    )


def approve(warehouse: Installation, rule: str) -> publish.Build:
    """A person publishes in spite of the rule; it is on record, and the next build is not held by the same finding."""
    before = approvals(warehouse)
    built = publish.build(approval="it is so", decided_by="a person")
    assert built.status == "published", built.reasons
    decided = {"build_id": built.build_id, "reason": f"it is so ({rule})", "decided_by": "a person"}
    assert approvals(warehouse) == [*before, decided]
    again = publish.build()
    assert again.status == "published", again.reasons
    assert len(approvals(warehouse)) == len(before) + 1
    return again


def spot_checks(prefix: str, day: str, passed: int, failed: int = 0) -> str:
    """Samples of food taken on a day."""
    results = ["合格"] * passed + ["不合格"] * failed
    return "抽样编号,食品名称,被抽样单位地址,抽样类型,抽样日期,结果判定,备注\n" + "".join(
        f"{prefix}{number},挂面,济南市历下区,评价性抽检,{day},{result},示例数据，纯属虚构\n"
        for number, result in enumerate(results)
    )


@pytest.mark.parametrize("is_first", [True, False], ids=["before any publication", "after one"])
def test_a_quarter_that_did_not_come(warehouse: Installation, is_first: bool) -> None:
    food, q03 = "food_spot_checks", "FOOD_EVALUATION"
    warehouse.put(food, "食品抽检_20210420.csv", spot_checks("A", "2021-02-10", 9, 1))
    warehouse.ingest(food)
    seen = None if is_first else publish.build().build_id
    # The second quarter's file is left out.
    warehouse.put(food, "食品抽检_20211020.csv", spot_checks("C", "2021-08-10", 10))
    warehouse.ingest(food)
    held = publish.build()
    assert (held.status, codes(held)) == ("held", ["MRT005"])
    assert published(warehouse, q03) == ((None, None) if is_first else (seen, 90))

    now = approve(warehouse, "MRT005")
    assert published(warehouse, q03) == (now.build_id, 95)
    assert published(warehouse, q03, "2021-Q2") == (now.build_id, None)

    # Another gap is news again; the file that was missing closes it.
    warehouse.put(food, "食品抽检_20220420.csv", spot_checks("E", "2022-02-10", 10))
    warehouse.ingest(food)
    held = publish.build()
    assert (held.status, codes(held)) == ("held", ["MRT005"])
    assert published(warehouse, q03, "2022") == (now.build_id, None)
    warehouse.put(food, "食品抽检_20220121.csv", spot_checks("D", "2021-11-10", 20))
    warehouse.ingest(food)
    closed = publish.build()
    assert closed.status == "published"
    assert published(warehouse, q03, "2022") == (closed.build_id, 100)
    assert len(approvals(warehouse)) == 1


@pytest.mark.parametrize("is_first", [True, False], ids=["before any publication", "after one"])
def test_a_source_of_which_only_a_header_came(warehouse: Installation, is_first: bool) -> None:
    put(warehouse, "industrial_spot_checks")
    put(warehouse, "reference_weights")
    for source in ("reference_weights", "industrial_spot_checks"):
        warehouse.ingest(source)
    seen = None if is_first else publish.build().build_id
    header = (GOLDEN / "food_spot_checks" / "食品抽检_2021年第1季度_20210420.csv").read_bytes().splitlines(True)[0]
    warehouse.put("food_spot_checks", "食品抽检_20210420.csv", header)
    ((landed,), _) = warehouse.ingest("food_spot_checks")
    assert warehouse.rows("select status, rows_read from ops.delivery where delivery_id = %s", landed.delivery_id) == [
        {"status": "accepted", "rows_read": 0}
    ]
    held = publish.build()
    assert (held.status, codes(held)) == ("held", ["MRT006"])
    assert published(warehouse, "RPQ_WEIGHTED")[0] == seen

    now = approve(warehouse, "MRT006")
    assert published(warehouse, "RPQ_WEIGHTED", "2021-Q1") == (now.build_id, 96)
    assert published(warehouse, "FOOD_EVALUATION") == (now.build_id, None)


def test_a_source_whose_only_delivery_is_withdrawn(golden: Installation) -> None:
    seen = published(golden, "CSI_0_100")
    assert seen[1] == 89
    (survey,) = golden.rows("select delivery_id from ops.delivery where source = 'satisfaction_surveys'")
    deliveries.decide(survey["delivery_id"], "withdraw", "another city's")
    held = publish.build()
    # The year was final: it is gone, too.
    assert (held.status, codes(held)) == ("held", ["MRT004", "MRT006"])
    assert published(golden, "CSI_0_100") == seen
    now = approve(golden, "MRT004, MRT006")
    assert published(golden, "CSI_0_100") == (now.build_id, None)


def test_a_final_year_that_jumps(golden: Installation) -> None:
    """One more of six samples fails, and 66.7 becomes 50. Less than five points, 80 to 83.3, is no jump."""
    agri = "agri_monitoring"
    header, first, *_ = (
        (GOLDEN / agri / "农产品监测_2021年第1季度_20210420.csv").read_text(encoding="utf-8").splitlines()
    )
    more = "".join(first.replace("A01", f"A{20 + n}") + "\n" for n in range(2))
    golden.put(agri, "农产品监测_20210501.csv", f"{header}\n{more}")
    golden.ingest(agri)
    moved = publish.build()
    assert moved.status == "published"
    # 10 of 12.
    assert close(published(golden, "AGRI_ROUTINE")[1], "250/3")

    food = "food_spot_checks"
    header, first, *_ = (GOLDEN / food / "食品抽检_2021年第1季度_20210420.csv").read_text(encoding="utf-8").splitlines()
    assert first.startswith("F01,") and ",合格," in first
    golden.put(food, "食品抽检_20220110.csv", f"{header}\n{first.replace(',合格,', ',不合格,')}\n")
    golden.ingest(food)
    tables = "select relname, pg_class.oid from pg_class where relnamespace = 'marts'::regnamespace order by 1"
    before = golden.rows(tables)
    held = publish.build()
    assert (held.status, codes(held)) == ("held", ["MRT004"])
    assert golden.rows(tables) == before
    assert published(golden, "FOOD_EVALUATION")[0] == moved.build_id
    assert close(published(golden, "FOOD_EVALUATION")[1], "200/3")
    now = approve(golden, "MRT004")
    assert published(golden, "FOOD_EVALUATION") == (now.build_id, 50)


def test_what_is_wrong_cannot_be_approved(golden: Installation) -> None:
    seen = published(golden, "CSI_0_100")

    def assert_held(rule: str) -> None:
        for built in (publish.build(), publish.build(approval="it is so", decided_by="a person")):
            assert built.status == "held" and any(code.startswith(rule) for code in codes(built)), built.reasons
        assert approvals(golden) == [] and published(golden, "CSI_0_100") == seen

    # A report's index of 188 points, beside a jump, which alone could be approved.
    survey = GOLDEN / "satisfaction_surveys" / "服务业顾客满意度调查_2021年.csv"
    sidecar = survey.with_name(survey.name + ".meta.yml").read_text(encoding="utf-8")
    golden.put("satisfaction_surveys", survey.name, survey.read_bytes(), sidecar + "published_index: 188\n")
    golden.ingest("satisfaction_surveys")
    assert_held("MRT001")
    golden.put("satisfaction_surveys", survey.name, survey.read_bytes(), sidecar)
    golden.ingest("satisfaction_surveys")
    assert publish.build().status == "published"
    seen = published(golden, "CSI_0_100")
    assert seen[1] == 89

    # A row that stands twice: a data test of dbt fails.
    with golden.connect() as connection:
        connection.execute(
            "insert into reference.division select * from reference.division where division_code = '370103'"
        )
    assert_held("unique_grain")
