"""Deliveries that a person wrote, against figures that a person computed.

The figures stand in tests/golden/README.md only; its tables are read here.
"""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from baotu import publish
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
