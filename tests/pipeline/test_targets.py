"""Which targets a publication shows otherwise than the one before: told to who leads them."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from baotu import digest, publish, targets
from baotu.deliveries import decide
from tests.pipeline.conftest import Installation

FOOD = "food_spot_checks"
HEADER = "抽样编号,食品名称,被抽样单位名称,被抽样单位所在区县,结果判定,抽样日期,抽样类型,公告日期\n"


def put(warehouse: Installation, issued_on: str, results: str) -> int:
    """A notice of evaluation samples, one a letter: P passes, F fails. Its delivery's id."""
    rows = "".join(
        f"S{issued_on}{number:04},面包,示例商店,济南市历下区,{'合格' if result == 'P' else '不合格'},2022-06-01,评价性抽检,{issued_on}\n"
        for number, result in enumerate(results)
    )
    warehouse.put(FOOD, f"{issued_on}.csv", HEADER + rows, sidecar=f"issued_on: {issued_on}\n")
    (verdict,) = warehouse.ingest(FOOD)[1]
    assert verdict.status == "accepted", verdict
    return verdict.delivery_id


def alerts(warehouse: Installation, kind: str = "target") -> list[dict[str, Any]]:
    return warehouse.rows("select * from ops.alert where kind = %s order by alert_id", kind)


@pytest.mark.timeout(300)
def test_a_target_that_is_lost_and_won_again(warehouse: Installation) -> None:
    put(warehouse, "2022-07-01", "P" * 198 + "FF")
    assert publish.build().status == "published"
    assert alerts(warehouse) == [], "a first publication changes nothing"

    late = put(warehouse, "2022-08-01", "FFFF")
    assert publish.build().status == "published"
    (alert,) = alerts(warehouse)
    assert (alert["severity"], alert["fingerprint"]) == ("critical", "target/Q03/2022")
    assert "Q03 食品合格率 2022年" in alert["title_zh"] and "→" in alert["title_zh"], alert["title_zh"]
    assert "99.00" in alert["title_en"] and "97.06" in alert["title_en"], alert["title_en"]
    assert alert["evidence"]["look"][0] == "baotu trace Q03 --period 2022"
    assert alert["owner"] == warehouse.rows("select lead_unit_zh from reference.indicator where indicator_id = 'Q03'")[
        0
    ]["lead_unit_zh"]  # fmt: skip

    # The same again is no news.
    assert publish.build().status == "published"
    assert len(alerts(warehouse)) == 1 and alerts(warehouse)[0]["resolved_at"] is None

    decide(late, "withdraw", "samples of another city")
    assert publish.build().status == "published"
    (alert,) = alerts(warehouse)
    assert alert["resolved_at"] is not None
    told = digest.Told(
        **{name: alert[name] for name in digest.Told.__dataclass_fields__ if name in alert}, is_acknowledged=False
    )
    assert "【已解除】Q03" in digest.message([("resolved", told)]).body


@pytest.mark.parametrize(
    ("before", "now", "severity"),
    [
        ((True, "met_proven"), (False, "not_met_not_proven"), "critical"),
        ((True, "met_proven"), (None, "no_data"), "critical"),
        ((None, "pending"), (False, "not_met_proven"), "warning"),
        ((False, "not_met_proven"), (True, "met_not_proven"), "info"),
        ((True, "met_not_proven"), (True, "met_proven"), "info"),
    ],
)
def test_how_bad_a_change_is(before: Any, now: Any, severity: str) -> None:
    row = {
        "indicator_id": "Q03", "name_zh": "食品合格率", "name_en": "Food pass rate", "lead_unit_zh": "市场监管局",
        "year": 2022, "period_label_zh": "2022年", "unit": "%", "target_value": Decimal(98),
        "value_before": Decimal("98.5"), "value": Decimal("97.9987"),
        "was_attained": before[0], "verdict_before": before[1], "is_attained": now[0], "verdict": now[1],
    }  # fmt: skip
    alert = targets._changed(row)
    assert alert.severity == severity
    # Never rounded to the target that it misses.
    assert "98.50" in alert.title_zh and "97.999" in alert.title_zh


def test_a_target_that_will_hardly_be_reached() -> None:
    row = {
        "indicator_id": "I11", "name_zh": "高新技术企业", "name_en": "High-tech enterprises", "lead_unit_zh": None,
        "unit": "家", "forecast_value": Decimal("3512.4"), "target_value": Decimal(4000),
        "deadline_on": date(2022, 12, 31), "forecast_probability": Decimal("0.031"),
    }  # fmt: skip
    alert = targets._at_risk(row)
    assert alert.title_zh == (
        "I11 高新技术企业：按趋势 2022-12-31 为 3,512.40\u00a0家，目标 4,000\u00a0家，达标概率 3%"
    )
    assert alert.owner == "数据工程" and alert.severity == "warning"
