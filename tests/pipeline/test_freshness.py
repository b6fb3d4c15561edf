"""Periods that should have come: from the cadence, with business days and holidays, told once and resolved."""

from datetime import date
from typing import Any

import holidays
import pytest

from baotu import freshness
from baotu.deliveries import decide
from baotu.periods import period_of
from baotu.samples import weights
from baotu.samples.files import write_delivery
from baotu.sources import load_source
from tests.pipeline.conftest import Installation

FOOD, WEIGHTS = "food_spot_checks", "reference_weights"
HEADER = "抽样编号,食品名称,被抽样单位名称,被抽样单位所在区县,结果判定,抽样日期,抽样类型,公告日期\n"


def put_notice(warehouse: Installation, issued_on: str, *months: int, of: str = "") -> None:
    """A notice with two samples of each month, issued on a day."""
    rows = "".join(
        f"S{issued_on}{month:02}{day},面包,示例商店,济南市历下区,合格,2022-{month:02}-{day},评价性抽检,{issued_on}\n"
        for month in months
        for day in (10, 28)
    )
    warehouse.put(FOOD, f"{of or issued_on}.csv", HEADER + rows, sidecar=f"issued_on: {issued_on}\n")


def checked(warehouse: Installation, today: date, source: str = FOOD) -> dict[str, str]:
    """Status of each expected period on a day."""
    with warehouse.connect() as connection:
        found = freshness.check(connection, load_source(source), today)
    kept = warehouse.rows("select status, due_on from quality.expected_period where source = %s order by 2", source)
    assert [(row["status"], row["due_on"]) for row in kept] == [(each.status, each.due_on) for each in found]
    return {each.period.label_en: each.status for each in found}


def open_alerts(warehouse: Installation) -> list[dict[str, Any]]:
    return warehouse.rows("select * from ops.alert where kind = 'late' and resolved_at is null")


def test_a_sources_march_is_missing(warehouse: Installation) -> None:
    assert checked(warehouse, date(2022, 7, 1)) == {}, "nothing came yet: nobody knows since when it should"
    for month in (1, 2, 4):
        put_notice(warehouse, f"2022-{month + 1:02}-20", month)
    warehouse.ingest(FOOD)
    # 45 days after the end of March are 15 May, a Sunday.
    assert checked(warehouse, date(2022, 5, 16)) == {
        "2022-01": "delivered", "2022-02": "delivered", "2022-03": "not_due", "2022-04": "delivered"
    }  # fmt: skip
    assert open_alerts(warehouse) == []
    assert checked(warehouse, date(2022, 5, 17))["2022-03"] == "missing"
    (alert,) = open_alerts(warehouse)
    assert "未收到 2022年3月（最近一个应于 2022-05-16 前报送）" in alert["title_zh"]
    assert "not received: 2022-03" in alert["title_en"] and alert["owner"] == load_source(FOOD).owner
    # Another day, another month: still one alert.
    found = checked(warehouse, date(2022, 8, 1))
    assert [period for period, status in found.items() if status == "missing"] == ["2022-03", "2022-05"]
    assert [one["alert_id"] for one in open_alerts(warehouse)] == [alert["alert_id"]]
    # What comes in the end is seen by the run that takes it; the mart's day of issue says how late it was.
    put_notice(warehouse, "2022-06-20", 3)
    put_notice(warehouse, "2022-06-30", 5)
    _, verdicts = warehouse.ingest(FOOD)
    found = checked(warehouse, date(2022, 8, 1))
    assert found["2022-03"] == "late" and found["2022-05"] == "delivered" and open_alerts(warehouse) == []
    # Taken back, it is missing again.
    decide(verdicts[0].delivery_id, "withdraw", "wrong file")
    assert checked(warehouse, date(2022, 8, 1))["2022-03"] == "missing" and len(open_alerts(warehouse)) == 1


def test_what_says_which_periods_a_file_speaks_of(warehouse: Installation) -> None:
    # A quarter's notice with rows of two months does not speak of the third, whatever its title says.
    put_notice(warehouse, "2022-03-10", 1, 2, of="2022年第1季度")
    put_notice(warehouse, "2022-04-30", 4)
    warehouse.ingest(FOOD)
    assert checked(warehouse, date(2022, 5, 17)) == {
        "2022-01": "delivered", "2022-02": "delivered", "2022-03": "missing", "2022-04": "delivered"
    }  # fmt: skip
    # Without days in its rows the file's own period counts, whenever it was issued.
    for delivery in (one for one in weights.deliveries(2020, 0.1) if "常住人口" in one.name):
        for path in write_delivery(delivery, warehouse.landing):
            warehouse.settle(path)
    warehouse.ingest(WEIGHTS)
    assert checked(warehouse, date(2022, 6, 1), WEIGHTS) == {
        "2019": "delivered", "2020": "delivered", "2021": "delivered"
    }  # fmt: skip


def test_nothing_is_expected_after_the_plan(warehouse: Installation) -> None:
    put_notice(warehouse, "2022-12-20", 11)
    warehouse.ingest(FOOD)
    assert list(checked(warehouse, date(2026, 11, 27))) == ["2022-11", "2022-12"]


@pytest.mark.parametrize(
    ("day", "period_type", "zh", "en"),
    [
        (date(2021, 8, 31), "month", "2021年8月", "2021-08"),
        (date(2021, 8, 31), "quarter", "2021年第3季度", "2021-Q3"),
        (date(2021, 8, 31), "half", "2021年下半年", "2021-H2"),
        (date(2021, 8, 31), "year", "2021年", "2021"),
    ],
)
def test_periods_and_their_names(day: date, period_type: str, zh: str, en: str) -> None:
    period = period_of(day, period_type)
    assert (period.label_zh, period.label_en) == (zh, en) and period.start_on <= day <= period.end_on


def test_holidays_are_those_of_another_library(warehouse: Installation) -> None:
    """The seed comes from chinesecalendar; python-holidays follows the same notices by itself."""
    ours = {row["date_on"]: row["is_business_day"] for row in warehouse.rows("select * from reference.public_holiday")}
    years = range(2015, 2027)
    theirs = holidays.country_holidays("CN", years=years)
    differing = [
        day.isoformat()
        for year in years
        for day in (
            date.fromordinal(n) for n in range(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal() + 1)
        )
        if ours.get(day, day.isoweekday() < 6) != theirs.is_working_day(day)
    ]
    assert differing == []
