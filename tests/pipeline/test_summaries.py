"""Summary tables: counts instead of samples, from file to mart and back."""

from decimal import Decimal

import pytest

from baotu import ingest, publish
from baotu.settings import PROJECT
from baotu.sources import load_source
from baotu.trace import trace
from tests.pipeline.conftest import Installation

SHARED = PROJECT.parent / "shared" / "data"
real = pytest.mark.real
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not here")


@real
@needs_shared
@pytest.mark.parametrize("source", ["food_spot_checks", "agri_monitoring", "industrial_spot_checks"])
def test_bulletins_reproduce_their_published_rates(warehouse: Installation, source: str) -> None:
    """One table of three domains, through any of the three sources."""
    _, verdicts = ingest.load_files(load_source(source), [SHARED / "bulletins.csv"], {})
    assert [(v.status, v.rows_read, v.rows_quarantined) for v in verdicts] == [("accepted", 10, 0)]
    publish.build()
    found = warehouse.rows(
        "select sample_domain, tested_count, passed_count, pass_rate_pct, published_pass_rate_pct as published,"
        " round(pass_rate_pct, published_rate_digits) as rounded, passed_low_count as low, passed_high_count as high,"
        " in_scope, sampling_kind, period_start_on::text as start_on from core.fct_sample_summary order by row_no"
    )
    assert [row["sample_domain"] for row in found] == [
        "food", "food", "food", "industrial", "industrial", "industrial", "agri", "agri", "agri", "food",
    ]  # fmt: skip
    # The denominator of B07 is who was tested, 4,792, not the 4,796 taken.
    assert (found[3]["tested_count"], found[3]["passed_count"], found[3]["rounded"]) == (4792, 4329, Decimal("90.3"))
    for row in found:
        if row["published"] is not None:
            assert row["rounded"] == row["published"], row
    # 97.2 % of 6,970 without a count: every whole number of passes that rounds to it, and no other.
    wanted = [x for x in range(6971) if round(Decimal(100 * x) / 6970, 1) == Decimal("97.2")]
    assert (found[6]["passed_count"], found[6]["low"], found[6]["high"]) == (None, wanted[0], wanted[-1])
    assert [row["in_scope"] for row in found] == [True, True, *[False] * 8]
    assert [row["sampling_kind"] for row in found] == [
        "unknown", "unknown", "unknown", "supervision", "supervision", "unknown", "routine_monitoring", "supervision",
        "campaign", "unknown",
    ]  # fmt: skip
    assert found[0]["start_on"] == "2020-08-11" and found[1]["start_on"] == "2016-07-01"


@real
@needs_shared
def test_the_34_categories_reproduce_their_total(warehouse: Installation) -> None:
    columns = (
        "{category_zh: category, batches_2019H2: tested_count, pass_2019H2: passed_count, fail_2019H2: failed_count}"
    )
    told = {
        "columns": columns, "period": "2021H2", "sampling_kind": "supervision", "sampled_division": "济南市",
    }  # fmt: skip
    _, verdicts = ingest.load_files(load_source("food_spot_checks"), [SHARED / "food_categories_34.csv"], told)
    assert [(v.status, v.rows_read, v.rows_quarantined) for v in verdicts] == [("accepted", 35, 0)]
    publish.build()
    (city,) = warehouse.rows(
        "select passed_count, judged_count, pass_rate_pct, is_preferred from marts.mart_pass_rate where period_type = 'year'"
        " and period_start_on = '2021-01-01' and measure_code = 'FOOD_SUPERVISION' and breakdown = 'city'"
    )
    assert (city["judged_count"], city["judged_count"] - city["passed_count"]) == (3_673_579, 81_935)
    assert city["is_preferred"]
    categories = warehouse.rows(
        "select category_code from marts.mart_pass_rate where period_type = 'year' and breakdown = 'category'"
        " and period_start_on = '2021-01-01' and measure_code = 'FOOD_SUPERVISION'"
    )
    assert len(categories) == 35 and {"category_code": "unknown"} not in categories


ROUNDS = (
    "区县,类别,监测类型,监测样品数,合格批次数,不合格批次数,合格率\n"
    "全市,蔬菜,例行监测,400,388,12,97.00\n"
    "全市,水产品,例行监测,100,96,4,96.00\n"
    "全市,合计,例行监测,500,484,16,96.80\n"
    "历下区,合计,例行监测,60,60,0,100\n"
    "全市,水果,例行监测,50,48,3,96.00\n"
)
SAMPLES = (
    "抽样编号,样品名称,产品类别,抽样所在区县,抽样日期,监测类型,检测结论\n"
    + "".join(f"N-{i},黄瓜,蔬菜,济南市历下区,2021-05-{1 + i % 28:02d},例行监测,合格\n" for i in range(40))
)  # fmt: skip


@pytest.fixture
def counted(warehouse: Installation) -> Installation:
    """Counts of the first two quarters, and samples of the second."""
    said = "sampled_division: 济南市\nissued_on: 2021-07-20\nperiod: {}\n"
    warehouse.put("agri_monitoring", "a.csv", ROUNDS, said.format("2021Q1"))
    warehouse.put("agri_monitoring", "b.csv", ROUNDS.replace("484", "485").replace("16,", "15,"), said.format("2021Q2"))
    warehouse.put("agri_monitoring", "c.csv", SAMPLES, "issued_on: 2021-07-21\n")
    warehouse.ingest("agri_monitoring")
    publish.build()
    return warehouse


def rates(
    warehouse: Installation, start_on: str, period_type: str = "quarter"
) -> dict[tuple[str, str], tuple[int, ...]]:
    return {
        (row["value_basis"], row["breakdown_label_zh"]): (row["passed_count"], row["judged_count"], row["is_preferred"])
        for row in warehouse.rows(
            "select * from marts.mart_pass_rate where measure_code = 'AGRI_ROUTINE' and period_type = %s"
            " and period_start_on = %s",
            period_type,
            start_on,
        )
    }


def test_samples_take_precedence_and_nothing_is_added(counted: Installation) -> None:
    # The row whose passes and failures do not add up is held back; the total does not count beside its parts.
    assert counted.rows("select delivery_id, row_no, rule from quarantine.row order by 1") == [
        {"delivery_id": 1, "row_no": 5, "rule": "AGM008"}, {"delivery_id": 2, "row_no": 5, "rule": "AGM008"},
    ]  # fmt: skip
    assert rates(counted, "2021-01-01") == {
        ("reported", "济南市"): (484, 500, True), ("reported", "蔬菜"): (388, 400, True),
        ("reported", "水产品"): (96, 100, True), ("reported", "历下区"): (60, 60, True),
    }  # fmt: skip
    second = rates(counted, "2021-04-01")
    assert second["computed", "济南市"] == (40, 40, True) and second["reported", "济南市"] == (485, 500, False)
    assert second["computed", "历下区"] == (40, 40, True) and second["reported", "历下区"] == (60, 60, False)
    # Where no samples of a class are delivered its counts stand in.
    assert second["computed", "蔬菜"] == (40, 40, True) and second["reported", "水产品"] == (96, 100, True)
    assert rates(counted, "2021-01-01", "year")["reported", "济南市"] == (969, 1000, False)
    headline = counted.rows(
        "select period_start_on::text as start_on, value_basis, numerator, denominator, verdict"
        " from marts.mart_target_tracking where indicator_id = 'Q02' and is_current and is_headline"
        " and period_type = 'quarter' and value is not null order by 1"
    )
    assert headline == [
        {"start_on": "2021-01-01", "value_basis": "reported", "numerator": 484, "denominator": 500,
         "verdict": "not_met_not_proven"},
        {"start_on": "2021-04-01", "value_basis": "computed", "numerator": 40, "denominator": 40,
         "verdict": "met_not_proven"},
    ]  # fmt: skip


def test_a_reported_number_is_traced_to_its_lines(counted: Installation) -> None:
    with counted.connect() as connection:
        found = trace(connection, "Q02", "2021-Q1")
    assert found.is_reproduced and (found.numerator, found.denominator) == (484, 500)
    assert [(row["file_row"], row["outcome"].split(" ")[0]) for row in found.rows] == [
        (2, "388/400"), (3, "96/100"), (4, "484/500"), (5, "60/60"),
    ]  # fmt: skip
    assert [row["file_row"] for row in found.rows if "counted" in row["outcome"]] == [4]
    assert [delivery["file_name"] for delivery in found.deliveries] == ["a.csv"]


def test_a_corrected_summary_replaces_the_line(counted: Installation) -> None:
    said = "sampled_division: 济南市\nissued_on: 2021-09-01\nperiod: 2021Q1\n"
    counted.put("agri_monitoring", "d.csv", ROUNDS.replace("484,16,96.80", "490,10,98"), said)
    counted.ingest("agri_monitoring")
    publish.build()
    assert rates(counted, "2021-01-01")["reported", "济南市"] == (490, 500, True)
    (versions,) = counted.rows("select count(*) from core.fct_sample_summary where period_start_on = '2021-01-01'")
    assert versions["count"] == 8


def test_a_summary_without_a_place_counts_nowhere_and_says_so(warehouse: Installation) -> None:
    warehouse.put("agri_monitoring", "a.csv", ROUNDS, "issued_on: 2021-07-20\nperiod: 2021Q1\n")
    warehouse.ingest("agri_monitoring")
    publish.build()
    assert set(rates(warehouse, "2021-01-01")) == {("reported", "历下区"), ("reported", "济南市")}
    (told,) = warehouse.rows("select rows_failed from ops.check_result where rule = 'AGM105'")
    assert told["rows_failed"] == 4
