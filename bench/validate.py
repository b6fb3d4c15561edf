"""Judging a register's extract: the gate, against one statement that types the same rows and counts the same failures.

Baseline: the staging model's own select, as dbt compiled it for this delivery, with each rule of the suite as a filter over
it, all in one pass, and nothing stored. What is compared stores the typed rows and their indexes, asks each rule by Great
Expectations, keeps failing keys, profile and history, and decides. Imports are not counted.
"""

import sys
import time
from pathlib import Path
from typing import Any

import psycopg

from bench.child import report
from bench.load import write_extract
from bench.server import Installation, Used, alone, in_turns
from bench.tables import Figure

RATIO = 4
#: The rules of expectations/enterprise_registry.py as a person would write them. ENR104 is the window below.
RULES = {
    "ENR001": "normalized_name is null",
    "ENR002": "code_class = 'missing'",
    "ENR003": "code_class in ('uscc_check_wrong', 'uscc_both_wrong')",
    "ENR004": "has_surplus_fields",
    "ENR005": "is_shifted",
    "ENR101": "code_class = 'uscc_inner_code_wrong'",
    "ENR102": "not is_division_prefix_listed",
    "ENR103": "is_code_lower_case",
    "ENR104": "first_name <> last_name",
    "ENR105": "capital_text is not null and capital_amount is null",
    "ENR106": "(established_on_text is not null and established_on is null) or established_on > issued_on",
    "ENR107": "identifier_scheme <> 'USCC' and is_check_right is not false",
    "ENR108": "identifier_scheme = 'REG15' and not is_check_right",
    "ENR109": "status_text is not null and status_code is null",
    "ENR110": "division_basis = 'unknown'",
    "ENR111": "is_name_masked",
}


def by_hand(url: str, select: str) -> Used:
    """The one statement; rows that fail each rule, as `said`."""
    counts = ", ".join(f"count(*) filter (where {condition})" for condition in RULES.values())
    with psycopg.connect(url, options="-c timezone=Asia/Shanghai") as connection:
        began = time.perf_counter()
        row = connection.execute(
            f"select {counts} from (select typed.*,"
            " min(normalized_name) over (partition by delivery_id, enterprise_id) as first_name,"
            " max(normalized_name) over (partition by delivery_id, enterprise_id) as last_name"
            f" from ({select}) as typed) as typed".encode()
        ).fetchone()
        assert row is not None
        return Used(time.perf_counter() - began, 0, None, dict(zip(RULES, row, strict=True)))


def _validate() -> dict[str, Any]:
    import great_expectations  # noqa: F401

    from baotu import dbt, gate
    from baotu.sources import load_source
    from baotu.warehouse import connect

    dbt.runner()
    began, cpu = time.perf_counter(), time.process_time()
    (verdict,) = gate.validate(load_source("enterprise_registry"))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    assert verdict.status == "accepted", verdict
    with connect() as connection:
        failed = connection.execute(
            "select rule, rows_failed from ops.check_result where source = 'enterprise_registry' and rows_failed is not null"
        ).fetchall()
    compiled = dbt.target_path("staging-enterprise_registry").glob("compiled/**/stg_enterprise_registry.sql")
    return {"seconds": seconds, "cpu": cpu, "failed": dict(failed), "select": str(next(compiled))}


def measure(made: Installation, rows: int, runs: int) -> list[Figure]:
    """Of ROWS that have landed, in turns with the baseline."""
    path = write_extract(made.state / "bench", rows)
    made.use(made.database("landed"))
    alone("load", path)
    with psycopg.connect(made.url, autocommit=True) as connection:
        connection.execute("vacuum (analyze) raw.enterprise_registry")
    # Once aside: dbt compiles what the baseline runs.
    first = in_turns(made, 1, [lambda: alone("validate")], "landed")[0][0]
    select = Path(first.said["select"]).read_text(encoding="utf-8")
    statement, judged = in_turns(made, runs, [lambda: by_hand(made.url, select), lambda: alone("validate")], "landed")
    assert statement[0].said == judged[0].said["failed"], (statement[0].said, judged[0].said["failed"])
    baseline = Figure("validate", "one SQL pass by hand", statement, rows)
    return [baseline, Figure("validate", "baotu", judged, rows, against=baseline, bar=RATIO)]


if __name__ == "__main__":
    assert len(sys.argv) == 1
    report(_validate)
