"""The corpus through staging and the gate: which items, which verdict on a sample, which rows are held back."""

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tests.corpus import Case, cases
from tests.pipeline.conftest import Installation


def plain(value: Any) -> Any:
    """As expected.yml writes it."""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def judge(warehouse: Installation, case: Case) -> None:
    expected = case.expected
    (found,) = warehouse.rows(
        "select delivery_id, status, rows_read, rows_accepted, rows_quarantined from ops.delivery where file_uri = %s",
        f"file://{warehouse.landing}/{case.source}/{case.trait}/{case.file.name}",
    )
    if "refused" in expected:
        assert found["status"] == "refused"
        return
    assert found["rows_read"] == sum(part["rows"] for part in expected["parts"].values())
    assert found["rows_read"] == found["rows_accepted"] + found["rows_quarantined"]
    held: dict[str, list[int]] = {}
    for row in warehouse.rows(
        "select rule, row_no from quarantine.row where delivery_id = %s order by rule, row_no", found["delivery_id"]
    ):
        held.setdefault(row["rule"], []).append(row["row_no"])
    assert held == expected.get("quarantined", {})
    lines = warehouse.rows(
        f"select * from staging.stg_{case.source} where delivery_id = %s order by row_no, item_no",
        found["delivery_id"],
    )
    assert {line["row_no"] for line in lines} == set(range(1, found["rows_read"] + 1))
    if "staged" in expected:
        wanted = expected["staged"]
        assert len(lines) == len(wanted)
        got = [{key: plain(line[key]) for key in row} for line, row in zip(lines, wanted, strict=True)]
        assert got == wanted
    if "samples" in expected:
        assert len({line["sample_id"] for line in lines}) == expected["samples"]


def test_what_becomes_of_each(warehouse: Installation) -> None:
    for case in cases():
        given = case.expected.get("given")
        warehouse.put(
            case.source,
            f"{case.trait}/{case.file.name}",
            case.file.read_bytes(),
            json.dumps(given, ensure_ascii=False) if given else None,
        )
    for source in sorted({case.source for case in cases()}):
        warehouse.ingest(source)
    wrong = []
    for case in cases():
        try:
            judge(warehouse, case)
        except AssertionError as error:
            wrong.append(f"{case}: {error}")
    assert not wrong, "\n\n".join(wrong)
