"""The gate between landed and accepted: Great Expectations on a slice, quarantine by query, a verdict per delivery.

One run judges all landed deliveries of a source, under the source's lock. A rule that breaks (as against one that
fails) ends the run and leaves its deliveries landed: nobody's data is rejected for our mistake.
"""

import importlib
import logging
import os
from collections import defaultdict
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from baotu import alerts, dbt, drift, quarantine
from baotu.sources import Source
from baotu.versions import rules_version
from baotu.warehouse import connect, source_lock, warehouse_url

log = logging.getLogger(__name__)

KEYS = ("delivery_id", "row_no", "item_no")


class BrokenRule(Exception):
    """A rule could not be evaluated, or its failing rows do not add up; the deliveries stay landed."""


@dataclass(frozen=True)
class Outcome:
    """A rule's result over what it was run on."""

    rule: str
    severity: str
    column: str | None
    zh: str
    en: str
    failed: int
    #: The failing rows, as a query over the server's tables; None for rules without keys.
    query: str | None


@dataclass(frozen=True)
class Verdict:
    """What a run decided about one delivery.

    `rules`: failed rule → rows, or None where rows are not counted; `remarks`: the same of rules that only inform.
    """

    delivery_id: int
    file_uri: str
    status: str
    rows_read: int
    rows_quarantined: int
    rules: dict[str, int | None]
    reasons: tuple[dict[str, str], ...]
    remarks: dict[str, int]


def validate(source: Source, *, dag_run_id: str | None = None) -> list[Verdict]:
    """Judge all landed deliveries of a source and return their verdicts.

    Raises BrokenRule, or dbt.DbtError when staging fails; then nothing was decided and a rerun starts afresh.
    """
    with source_lock(source.id):
        return validate_locked(source, dag_run_id=dag_run_id)


def validate_locked(
    source: Source, *, dag_run_id: str | None = None, dry_run_of: Sequence[int] | None = None
) -> list[Verdict]:
    """`validate` for a caller that holds the source's lock; with `dry_run_of`, of these dry runs instead."""
    with connect() as connection:
        wanted = "status = 'landed'" if dry_run_of is None else "status = 'dry_run' and delivery_id = any(%s)"
        with connection.transaction():
            # What a killed run left open is over: this one holds the lock.
            connection.execute(
                "update ops.validation_run set finished_at = now() where source = %s and finished_at is null",
                (source.id,),
            )
            pending = [
                (delivery_id, file_uri, rows_read)
                for delivery_id, file_uri, rows_read in connection.execute(
                    f"select delivery_id, file_uri, rows_read from ops.delivery where source = %s and {wanted}"
                    " and rows_read is not null order by delivery_id",
                    (source.id,) if dry_run_of is None else (source.id, list(dry_run_of)),
                )
            ]
            if not pending:
                return []
            ids = [delivery_id for delivery_id, _, _ in pending]
            run_row = connection.execute(
                "insert into ops.validation_run (source, delivery_ids, dag_run_id) values (%s, %s, %s)"
                " returning validation_run_id",
                (source.id, ids, dag_run_id),
            ).fetchone()
            assert run_row is not None
        run_id: int = run_row[0]
        dbt.run(f"staging-{source.id}", ["run", "--select", f"stg_{source.id}"])
        suite = importlib.import_module(f"expectations.{source.id}")
        with connection.transaction():
            _slice(connection, source, ids)
        # Files without rows are in no slice, and Great Expectations cannot judge an empty table.
        has_rows = any(rows_read for _, _, rows_read in pending)
        row_outcomes = (
            evaluate("audit", source.id, suite.ROW_RULES, keys=KEYS) if has_rows else unexamined(suite.ROW_RULES)
        )
        with connection.transaction():
            _collect_failing(connection, source, row_outcomes)
            _profile(connection, source, ids, suite.PROFILE)
        delivery_outcomes = evaluate("audit", f"{source.id}_profile", suite.DELIVERY_RULES, keys=("delivery_id",))
        with connection.transaction():
            failing_deliveries = _failing_deliveries(connection, delivery_outcomes)
            verdicts = [
                _judge(connection, source, pending_one, row_outcomes, delivery_outcomes, failing_deliveries)
                for pending_one in pending
            ]
            if dry_run_of is None:
                _record_checks(connection, source, run_id, pending, row_outcomes, delivery_outcomes, failing_deliveries)
                _quarantine(connection, source, row_outcomes, verdicts)
                version = rules_version(source)
                for verdict in verdicts:
                    _decide(connection, verdict, version)
                drift.profile(connection, source, ids)
                for verdict in verdicts:
                    _alert(connection, source, verdict, dag_run_id)
                quarantine.settle(connection, source.id)
            connection.execute(
                "update ops.validation_run set finished_at = now() where validation_run_id = %s", (run_id,)
            )
        return verdicts


def evaluate(schema: str, table: str, rules: Sequence[Any], *, keys: Sequence[str] = ()) -> list[Outcome]:
    """Run expectations on a table of the warehouse, without fetching a single failing row.

    Raises BrokenRule for a rule that raised instead of judging.
    """
    if not rules:
        return []
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    # Imported here: it takes seconds, and only tasks that validate need it.
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    # It sets its own loggers to INFO and tells of each temporary directory.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    # Its bars go to stderr, which Airflow logs as errors.
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_postgres(
        "warehouse", connection_string=warehouse_url().replace("postgresql://", "postgresql+psycopg://", 1)
    )
    asset = source.add_table_asset(table, table_name=table, schema_name=schema)
    suite = context.suites.add(gx.ExpectationSuite(table, expectations=list(deepcopy(rules))))
    definition = gx.ValidationDefinition(name=table, data=asset.add_batch_definition_whole_table("whole"), suite=suite)
    result_format: dict[str, Any] = {"result_format": "BASIC", "partial_unexpected_count": 0}
    if keys:
        result_format |= {"unexpected_index_column_names": list(keys), "return_unexpected_index_query": True}
    results = context.validation_definitions.add(definition).run(result_format=result_format)
    found = {}
    for result in results.results:
        outcome = _outcome(result, f"{schema}.{table}")
        found[outcome.rule] = outcome
    # Results come back in another order than the suite's.
    return [found[rule.meta["rule"]] for rule in rules]


def unexamined(rules: Sequence[Any]) -> list[Outcome]:
    """What the rules say of no rows at all: nothing fails."""
    return [_of_rule(rule.meta, rule.severity, failed=0, query=None) for rule in rules]


def _of_rule(meta: dict[str, Any], severity: Any, *, failed: int, query: str | None) -> Outcome:
    return Outcome(
        rule=meta["rule"],
        severity=str(getattr(severity, "value", severity)),
        column=meta.get("column"),
        zh=meta["zh"],
        en=meta["en"],
        failed=failed,
        query=query,
    )


def _outcome(result: Any, table: str) -> Outcome:
    config = result.expectation_config
    meta = config.meta
    explained = result.exception_info or {}
    raised = explained.get("raised_exception") or any(
        isinstance(part, dict) and part.get("raised_exception") for part in explained.values()
    )
    is_rows_query = config.type == "unexpected_rows_expectation"
    failed = result.result.get("observed_value" if is_rows_query else "unexpected_count")
    if raised or failed is None:
        # The exception's text may quote data: the rule's code is enough to find it.
        raise BrokenRule(f"Rule {meta['rule']} could not be evaluated on {table}; its deliveries stay landed")
    if is_rows_query:
        query = config.kwargs["unexpected_rows_query"].replace("{batch}", table)
    else:
        query = result.result.get("unexpected_index_query")
    return _of_rule(meta, config.severity, failed=int(failed), query=query.rstrip().rstrip(";") if query else None)


def _slice(connection: psycopg.Connection, source: Source, ids: Sequence[int]) -> None:
    """What this run judges, made anew: literal ids, no parsing, statistics for the planner."""
    table = sql.Identifier("audit", source.id)
    connection.execute(sql.SQL("drop table if exists {}").format(table))
    connection.execute(
        sql.SQL("create unlogged table {} as select * from {} where delivery_id = any({})").format(
            table, sql.Identifier("staging", f"stg_{source.id}"), sql.Literal(list(ids))
        )
    )
    connection.execute(sql.SQL("analyze {}").format(table))


def _collect_failing(connection: psycopg.Connection, source: Source, outcomes: Sequence[Outcome]) -> None:
    """Run each failing rule's own query on the server; its rows must be as many as Great Expectations counted."""
    table = sql.Identifier("audit", f"{source.id}_failing")
    connection.execute(sql.SQL("drop table if exists {}").format(table))
    connection.execute(
        sql.SQL(
            "create unlogged table {} (rule text, delivery_id bigint, row_no bigint, item_no smallint,"
            " admitted_by text)"
        ).format(table)
    )
    for outcome in outcomes:
        if outcome.failed == 0:
            continue
        if outcome.query is None:
            raise BrokenRule(f"Rule {outcome.rule} failed without a query for its rows")
        inserted = connection.execute(
            sql.SQL("insert into {} select {}, delivery_id, row_no, item_no from ({}) as failing").format(
                table,
                sql.Literal(outcome.rule),
                # Suites and seeds are the only authors of this text, never data.
                sql.SQL(outcome.query),
            )
        ).rowcount
        if inserted != outcome.failed:
            raise BrokenRule(
                f"Rule {outcome.rule}: Great Expectations counted {outcome.failed} failing rows, its query returns"
                f" {inserted}; nothing was decided"
            )
    # A row that a person readmitted stays so in every reading of its file; the rule's count says that it fails.
    readmitted = connection.execute(
        "select exists (select from quarantine.row where source = %s and resolution = 'accepted')", (source.id,)
    ).fetchone()
    if readmitted == (True,):
        connection.execute(
            sql.SQL(
                "update {failing} as failing set admitted_by = line.resolved_by from quarantine.row as line"
                " inner join ops.delivery as decided using (delivery_id) inner join ops.delivery as judged"
                " on judged.origin_id = decided.origin_id and judged.delivery_id <> decided.delivery_id"
                " inner join {raw} as was on was.delivery_id = line.delivery_id and was.row_no = line.row_no"
                " inner join {raw} as now on now.delivery_id = judged.delivery_id and now.part = was.part"
                " and now.file_row = was.file_row"
                " where line.source = {source} and line.resolution = 'accepted' and line.rule = failing.rule"
                " and failing.delivery_id = judged.delivery_id and failing.row_no = now.row_no"
            ).format(failing=table, raw=sql.Identifier("raw", source.id), source=sql.Literal(source.id))
        )
    connection.execute(sql.SQL("analyze {}").format(table))


def _profile(connection: psycopg.Connection, source: Source, ids: Sequence[int], columns: dict[str, str]) -> None:
    """One row per delivery, those without rows too: what delivery rules read."""
    table = sql.Identifier("audit", f"{source.id}_profile")
    connection.execute(sql.SQL("drop table if exists {}").format(table))
    measures = sql.SQL("").join(
        sql.SQL(", {} as {}").format(sql.SQL(expression), sql.Identifier(name)) for name, expression in columns.items()
    )
    connection.execute(
        sql.SQL(
            "create unlogged table {} as select ids.delivery_id, measured.* from unnest({}::bigint[]) as"
            " ids (delivery_id) cross join lateral (select count(distinct row_no) as row_count{} from {} as slice"
            " where slice.delivery_id = ids.delivery_id) as measured"
        ).format(table, sql.Literal(list(ids)), measures, sql.Identifier("audit", source.id))
    )
    connection.execute(sql.SQL("analyze {}").format(table))


def _failing_deliveries(connection: psycopg.Connection, outcomes: Sequence[Outcome]) -> dict[str, set[int]]:
    failing: dict[str, set[int]] = {}
    for outcome in outcomes:
        if outcome.failed == 0:
            failing[outcome.rule] = set()
            continue
        found = {
            row[0]
            for row in connection.execute(
                sql.SQL("select delivery_id from ({}) as failing").format(sql.SQL(outcome.query or ""))
            )
        }
        if len(found) != outcome.failed:
            raise BrokenRule(f"Rule {outcome.rule}: {outcome.failed} deliveries counted, {len(found)} returned")
        failing[outcome.rule] = found
    return failing


def _judge(
    connection: psycopg.Connection,
    source: Source,
    pending: tuple[int, str, int],
    row_outcomes: Sequence[Outcome],
    delivery_outcomes: Sequence[Outcome],
    failing_deliveries: dict[str, set[int]],
) -> Verdict:
    delivery_id, file_uri, rows_read = pending
    failing = sql.Identifier("audit", f"{source.id}_failing")
    by_rule: dict[str, int] = dict(
        connection.execute(
            sql.SQL(
                "select rule, count(distinct row_no) from {} where delivery_id = %s and admitted_by is null group by rule"
            ).format(failing),
            (delivery_id,),
        ).fetchall()
    )
    held_back = [o.rule for o in row_outcomes if o.severity != "info"]
    # Rows that correct rows of ours are few and were wrong before: they say nothing about the delivery as a whole.
    counted = connection.execute(
        sql.SQL(
            "select count(distinct failing.row_no), count(distinct failing.row_no) filter (where note.row_no is null),"
            " (select count(*) from ops.correction where delivery_id = %(id)s)"
            " from {} as failing left join ops.correction as note using (delivery_id, row_no)"
            " where failing.delivery_id = %(id)s and failing.rule = any(%(rules)s) and failing.admitted_by is null"
        ).format(failing),
        {"id": delivery_id, "rules": held_back},
    ).fetchone()
    assert counted is not None
    quarantined, quarantined_first, corrections = counted
    rows_first = rows_read - corrections
    rules: dict[str, int | None] = {rule: rows for rule, rows in by_rule.items() if rule in held_back}
    reasons = []
    for outcome in delivery_outcomes:
        if outcome.severity == "critical" and delivery_id in failing_deliveries[outcome.rule]:
            rules[outcome.rule] = None
            reasons.append({"code": outcome.rule, "zh": outcome.zh, "en": outcome.en})
    for outcome in row_outcomes:
        if outcome.severity == "critical" and outcome.rule in by_rule:
            rows = by_rule[outcome.rule]
            reasons.append(
                {"code": outcome.rule, "zh": f"{outcome.zh}({rows} 行)", "en": f"{outcome.en} ({rows} rows)"}
            )
    if rows_first and quarantined_first > source.max_quarantined_share * rows_first:
        share, limit = 100 * quarantined_first / rows_first, 100 * source.max_quarantined_share
        reasons.append(
            {
                "code": "max_quarantined_share",
                "zh": f"{rows_first} 行中有 {quarantined_first} 行未通过校验({share:.1f}%),超过上限 {limit:g}%",
                "en": f"{quarantined_first} of {rows_first} rows failed validation ({share:.1f}%), more than {limit:g}%",
            }
        )
        reasons += [
            {"code": o.rule, "zh": f"{o.zh}({by_rule[o.rule]} 行)", "en": f"{o.en} ({by_rule[o.rule]} rows)"}
            for o in row_outcomes
            if o.severity == "warning" and o.rule in by_rule
        ]
    status = "rejected" if reasons else "accepted"
    standing = connection.execute(
        "select decision.action, decision.reason from ops.decision as decision inner join ops.delivery as decided"
        " using (delivery_id) where decided.origin_id ="
        " (select origin_id from ops.delivery where delivery_id = %s) and decision.action in"
        " ('accept', 'reject', 'withdraw') order by decision.decision_id desc limit 1",
        (delivery_id,),
    ).fetchone()
    if standing is not None:
        status = {"accept": "accepted", "reject": "rejected", "withdraw": "withdrawn"}[standing[0]]
        reasons.append({"code": "decision", "zh": f"人工决定:{standing[1]}", "en": f"a person decided: {standing[1]}"})
    remarks = {rule: rows for rule, rows in by_rule.items() if rule not in held_back}
    return Verdict(delivery_id, file_uri, status, rows_read, quarantined, rules, tuple(reasons), remarks)


def _record_checks(
    connection: psycopg.Connection,
    source: Source,
    run_id: int,
    pending: Sequence[tuple[int, str, int]],
    row_outcomes: Sequence[Outcome],
    delivery_outcomes: Sequence[Outcome],
    failing_deliveries: dict[str, set[int]],
) -> None:
    """Every rule of this run for every delivery: the history that drift and replays are judged by."""
    counts: dict[tuple[int, str], int] = defaultdict(int)
    for delivery_id, rule, rows in connection.execute(
        sql.SQL("select delivery_id, rule, count(distinct row_no) from {} group by 1, 2").format(
            sql.Identifier("audit", f"{source.id}_failing")
        )
    ):
        counts[delivery_id, rule] = rows
    rows_of_checks = [
        (run_id, delivery_id, source.id, o.rule, o.severity, counts[delivery_id, o.rule] == 0, rows_read,
         counts[delivery_id, o.rule])
        for delivery_id, _, rows_read in pending
        for o in row_outcomes
    ] + [
        (run_id, delivery_id, source.id, o.rule, o.severity, delivery_id not in failing_deliveries[o.rule], None, None)
        for delivery_id, _, _ in pending
        for o in delivery_outcomes
    ]  # fmt: skip
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "copy ops.check_result (validation_run_id, delivery_id, source, rule, severity, is_success, rows_checked,"
            " rows_failed) from stdin"
        ) as copy,
    ):
        for row in rows_of_checks:
            copy.write_row(row)


def _quarantine(
    connection: psycopg.Connection, source: Source, outcomes: Sequence[Outcome], verdicts: Sequence[Verdict]
) -> None:
    """Rows that fail critical rules too, so that a later `accept` admits the delivery without them."""
    connection.execute(
        "update quarantine.row set resolved_at = now(), resolution = 'passed', resolved_by = 'gate'"
        " where delivery_id = any(%s) and resolved_at is null",
        ([verdict.delivery_id for verdict in verdicts],),
    )
    for outcome in outcomes:
        if outcome.failed and outcome.severity != "info":
            connection.execute(
                sql.SQL(
                    "insert into quarantine.row (delivery_id, source, row_no, rule, severity, column_name, detail_zh,"
                    " detail_en, resolved_at, resolved_by, resolution) select distinct delivery_id, %s, row_no, rule, %s,"
                    " %s, %s, %s, case when admitted_by is not null then now() end, admitted_by,"
                    " case when admitted_by is not null then 'accepted' end from {} where rule = %s"
                ).format(sql.Identifier("audit", f"{source.id}_failing")),
                (source.id, outcome.severity, outcome.column, outcome.zh, outcome.en, outcome.rule),
            )


def _decide(connection: psycopg.Connection, verdict: Verdict, version: str) -> None:
    """Flip the delivery, and what it replaces, in the caller's transaction."""
    connection.execute(
        "update ops.delivery set status = %s, status_reason = %s, rows_quarantined = %s, rows_accepted = %s,"
        " validated_at = now(), rules_version = %s where delivery_id = %s",
        (
            verdict.status,
            Jsonb(list(verdict.reasons)) if verdict.reasons else None,
            verdict.rows_quarantined,
            verdict.rows_read - verdict.rows_quarantined,
            version,
            verdict.delivery_id,
        ),
    )
    replaced = connection.execute(
        "update ops.delivery as old set status = 'replaced' from ops.delivery as new where new.delivery_id = %s"
        " and old.origin_id = new.origin_id and old.delivery_id <> new.delivery_id"
        # A failed re-reading does not take away what it was meant to replace.
        " and (old.status in ('refused', 'rejected') or (old.status = 'accepted' and new.status <> 'rejected'))"
        " returning old.delivery_id",
        (verdict.delivery_id,),
    ).fetchall()
    for (old_id,) in replaced:
        connection.execute(
            "update quarantine.row set resolved_at = now(), resolution = 'replaced', resolved_by = 'gate'"
            " where delivery_id = %s and resolved_at is null",
            (old_id,),
        )
        alerts.resolve(connection, old_id)


def _alert(connection: psycopg.Connection, source: Source, verdict: Verdict, dag_run_id: str | None) -> None:
    """Open the alerts of a decided delivery and resolve its others, in the caller's transaction."""
    about: dict[str, Any] = {
        "delivery_id": verdict.delivery_id,
        "file_uri": verdict.file_uri,
        "rows_read": verdict.rows_read,
        "dag_run_id": dag_run_id,
    }
    opened = []
    if verdict.status == "rejected":
        opened.append(alerts.rejected_delivery(source, **about, rules=verdict.rules))
    elif verdict.status == "accepted":
        if verdict.rows_quarantined > source.alert_quarantined_share * verdict.rows_read:
            opened.append(
                alerts.quarantined_rows(source, **about, rules=verdict.rules, rows_quarantined=verdict.rows_quarantined)
            )
        if moved := drift.drifts(connection, verdict.delivery_id):
            opened.append(drift.alert(source, moved, **about))
    for one in opened:
        alerts.open_alert(connection, one)
    alerts.resolve(connection, verdict.delivery_id, keep=opened)
