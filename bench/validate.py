"""Judging a register's extract: the gate, against one statement that types the same rows and counts the same failures.

Baseline: the staging model's own select, as dbt compiled it for this delivery, with each rule of the suite as a filter over
it, all in one pass, and nothing stored. What is compared stores the typed rows and their indexes, asks each rule by Great
Expectations, keeps failing keys, profile and history, and decides. Imports are not counted.

Beside them Great Expectations as one begins with it: the same select read into a pandas DataFrame, which counts, and on it
those rules of the suite that are plain expectations. What is a query, or is asked of aggregates, has no form there. It keeps
no keys, no history, and decides nothing.
"""

import sys
import time
from copy import deepcopy
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


def _on_pandas(select: str, url: str) -> dict[str, Any]:
    import great_expectations as gx
    import pandas
    from great_expectations.data_context.types.base import ProgressBarsConfig
    from sqlalchemy import create_engine

    from expectations.enterprise_registry import DELIVERY_RULES, ROW_RULES

    plain = [rule for rule in ROW_RULES if not isinstance(rule, gx.expectations.UnexpectedRowsExpectation)]
    engine = create_engine(
        url.replace("postgresql://", "postgresql+psycopg://"), connect_args={"options": "-c timezone=Asia/Shanghai"}
    )
    began, cpu = time.perf_counter(), time.process_time()
    frame = pandas.read_sql(Path(select).read_text(encoding="utf-8"), engine)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    batch = (
        context.data_sources.add_pandas("frames")
        .add_dataframe_asset("registry")
        .add_batch_definition_whole_dataframe("whole")
    )
    suite = context.suites.add(gx.ExpectationSuite("registry", expectations=deepcopy(plain)))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name="registry", data=batch, suite=suite))
    # As ours: counts, and no examples of what fails.
    found = definition.run(
        batch_parameters={"dataframe": frame},
        result_format={"result_format": "BASIC", "partial_unexpected_count": 0},
    )
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    failed = {one.expectation_config.meta["rule"]: one.result["unexpected_count"] for one in found.results}
    return {"seconds": seconds, "cpu": cpu, "failed": failed, "rules": len(ROW_RULES) + len(DELIVERY_RULES)}


def measure(made: Installation, rows: int, runs: int) -> list[Figure]:
    """Of ROWS that have landed, in turns with the baselines, which must count the same failures."""
    path = write_extract(made.state / "bench", rows)
    made.use(made.database("landed"))
    alone("load", path)
    with psycopg.connect(made.url, autocommit=True) as connection:
        connection.execute("vacuum (analyze) raw.enterprise_registry")
    # Once aside: dbt compiles what the baseline runs.
    first = in_turns(made, 1, [lambda: alone("validate")], "landed")[0][0]
    select = Path(first.said["select"]).read_text(encoding="utf-8")
    statement, framed, judged = in_turns(
        made,
        runs,
        [
            lambda: by_hand(made.url, select),
            lambda: alone("validate", first.said["select"], made.url),
            lambda: alone("validate"),
        ],
        "landed",
    )
    ours, plain = judged[0].said["failed"], framed[0].said["failed"]
    assert statement[0].said == ours, (statement[0].said, ours)
    assert plain and plain == {rule: ours[rule] for rule in plain}, (plain, ours)
    baseline = Figure("validate", "one SQL pass by hand", statement, rows)
    name = f"GX on pandas, {len(plain)} of {framed[0].said['rules']} rules"
    return [
        baseline,
        Figure("validate", name, framed, rows, against=baseline),
        Figure("validate", "baotu", judged, rows, against=baseline, bar=RATIO),
    ]


if __name__ == "__main__":
    report(_validate if len(sys.argv) == 1 else lambda: _on_pandas(*sys.argv[1:]))
