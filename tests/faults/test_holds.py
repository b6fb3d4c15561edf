"""What holds a publication: a file that did not come, an empty source, a level that jumps, a figure that is wrong."""

from decimal import Decimal
from typing import Any

import pytest

from baotu import deliveries, publish
from tests.pipeline.conftest import Installation
from tests.pipeline.test_golden import GOLDEN, close, put, tracking


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


@pytest.mark.usefixtures("all_marts")
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
