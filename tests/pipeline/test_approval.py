"""A publication that a person may let through: asked with numbers and files, granted, refused, not answered, superseded."""

from types import SimpleNamespace
from typing import Any

import pytest

from baotu import approval, publish
from baotu.deliveries import decide
from baotu.settings import settings
from expectations import marts
from tests.pipeline.conftest import Installation
from tests.pipeline.test_targets import put

pytestmark = pytest.mark.operations


def food_2022(warehouse: Installation) -> tuple[int, bool]:
    """Denominator and attainment that readers see."""
    (row,) = warehouse.rows(
        "select denominator, is_attained from marts.mart_target_tracking where measure_code = 'FOOD_EVALUATION'"
        " and is_current and value_basis = 'computed' and period_type = 'year' and period_start_on = '2022-01-01'"
    )
    return int(row["denominator"]), row["is_attained"]


def answered(request: approval.Request, option: str, by: str | None) -> Any:
    """A run of the DAG in which somebody answered."""
    told = {
        "question": {"build_id": request.build_id, "subject": request.subject, "body": request.body},
        "answer": {"chosen_options": [option], "responded_by_user": by and {"id": "1", "name": by}},
    }
    return SimpleNamespace(xcom_pull=lambda task_ids: told[task_ids])


def test_what_may_be_approved_is_a_rule() -> None:
    assert {rule.meta["rule"] for rule in (*marts.TARGET_TRACKING, *marts.CHANGES)} >= publish.APPROVABLE


@pytest.mark.timeout(600)
def test_asked_refused_granted_and_superseded(warehouse: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    put(warehouse, "2022-07-01", "P" * 198 + "FF")
    assert publish.build().status == "published"
    late = put(warehouse, "2022-08-01", "FFFF")

    # Off by default.
    with warehouse.connect() as connection:
        assert approval.waiting(connection) is None
    monkeypatch.setenv("BAOTU_APPROVE_CHANGES", "true")
    settings.cache_clear()
    built = publish.build()
    assert built.status == "held" and [reason["code"] for reason in built.reasons] == ["MRT008"]
    assert food_2022(warehouse) == (200, True), "readers see what they saw"

    with warehouse.connect() as connection:
        request = approval.waiting(connection)
    assert request is not None and request.build_id == built.build_id
    assert (
        "| Q03 食品合格率 Food pass rate | 2022年 | 99.00\u00a0% 达标 Attained | 97.06\u00a0% 未达标 Not attained |"
        in request.body
    )
    assert f"[{late}] 2022-08-01.csv：计入 counts" in request.body and "MRT008" not in request.subject
    assert "达标与否将改变" in request.body

    # Refused: on record, and not asked again.
    assert approval.carry_out(answered(request, "Reject", "li")) == f"build {built.build_id} stays held"
    with warehouse.connect() as connection:
        assert approval.waiting(connection) is None
    assert "does not wait for approval any more" in approval.carry_out(answered(request, "Approve", "li"))
    assert food_2022(warehouse) == (200, True)

    # The next build asks anew; an answer to the question before does not publish it.
    again = publish.build()
    with warehouse.connect() as connection:
        second = approval.waiting(connection)
    assert second is not None and second.build_id == again.build_id
    assert f"build {again.build_id} does" in approval.carry_out(answered(request, "Approve", "li"))
    # Nobody in time.
    third = publish.build()
    with warehouse.connect() as connection:
        request = approval.waiting(connection)
    assert request is not None
    assert approval.carry_out(answered(request, "Reject", None)).endswith("stays held")
    fourth = publish.build()
    with warehouse.connect() as connection:
        request = approval.waiting(connection)
    assert request is not None and request.build_id == fourth.build_id > third.build_id
    assert approval.carry_out(answered(request, "Approve", "wang")) == f"build {fourth.build_id} published"
    assert food_2022(warehouse) == (204, False)
    decisions = warehouse.rows(
        "select action, reason, decided_by from ops.decision where subject = 'publication' order by 1, 2"
    )
    assert [(row["action"], row["decided_by"]) for row in decisions] == [
        ("approve", "wang"), ("reject", "nobody within BAOTU_APPROVAL_HOURS"), ("reject", "li")
    ]  # fmt: skip
    assert decisions[0]["reason"] == "approved in Airflow (MRT008)"
    # Published as it stood, and to be taken back as any other.
    assert publish.rollback("a mistake after all", "wang") == (1, fourth.build_id)
    assert food_2022(warehouse) == (200, True)
    # While that stands nothing waits, whatever is held; and a refusal does not lift it.
    assert "none does" in approval.carry_out(answered(request, "Approve", "wang"))
    with warehouse.connect() as connection:
        publish.decide(connection, "reject", "as before", "li", fourth.build_id)
    held = publish.build()
    assert [reason["code"] for reason in held.reasons] == ["MRT008", "rollback"]
    with warehouse.connect() as connection:
        assert approval.waiting_build(connection) is None
    publish.resume("seen", "wang")

    # What is wrong is nobody's to approve, and a corrected file needs nobody.
    decide(late, "withdraw", "samples of another city")
    assert publish.build().status == "published"
