"""A build: freeze what counts, core, marts, audit, and the swap that readers see. One at a time, the CLI included."""

import json
import logging
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from baotu import alerts, dbt, gate, quarantine, report, targets
from baotu.landing import SHANGHAI
from baotu.settings import settings
from baotu.warehouse import build_lock, connect, grant_reading, has_role

log = logging.getLogger(__name__)

_CORE = "path:models/core"
_INTERMEDIATE = "path:models/intermediate"
_MARTS = "path:models/marts"

#: Rules of expectations/marts.py in spite of which a person may publish: the figures are right, they are unexpected.
#: Here, for who only asks needs no Great Expectations, which takes seconds to import.
APPROVABLE = frozenset({"MRT004", "MRT005", "MRT006", "MRT008"})


class BuildFailed(Exception):
    """The build ended without marts; what readers see did not change."""


@dataclass(frozen=True)
class Build:
    """One run of core → marts → audit → publish. `status`: published, or held with the reasons."""

    build_id: int
    status: str
    as_of_on: date
    known_at_on: date
    reasons: tuple[dict[str, str], ...] = ()


def scorecard_path() -> Path:
    """Where each publication writes its page."""
    return settings().state_dir / "scorecard.html"


def is_due(connection: psycopg.Connection) -> bool:
    """Whether some delivery has a version that no build has applied, or the last build failed on its way."""
    row = connection.execute(
        # A killed build may have applied its deliveries and shown them to nobody.
        "select (select status = 'failed' or (status = 'running' and not exists"
        " (select from pg_stat_activity as session where session.pid = build.backend_pid))"
        " from ops.build as build order by build_id desc limit 1)"
        " or exists (select from ops.delivery as delivery left join ops.applied_delivery as applied"
        " using (delivery_id) where delivery.status in ('accepted', 'rejected', 'withdrawn', 'replaced')"
        " and applied.version is distinct from delivery.version"
        # A delivery that never counted and does not count now changes nothing.
        " and (delivery.status = 'accepted' or applied.version is not null))"
        # Nor is what a running build has frozen applied yet: decided about meanwhile, it is due after that build.
        " or exists (select from ops.build_delivery as frozen inner join ops.build as build using (build_id)"
        " inner join ops.delivery as delivery using (delivery_id) where build.status = 'running'"
        " and frozen.is_accepted and frozen.version <> delivery.version)"
    ).fetchone()
    return bool(row and row[0])


def build(*, dag_run_id: str | None = None, approval: str | None = None, decided_by: str = "") -> Build:
    """Run one build as of today, at most the plan's end, and publish it, or hold it when its audit fails.

    With `approval`, a person's reason, findings that may be right (`APPROVABLE`) do not hold it.
    Waits for a running build. Raises BuildFailed; readers then see what they saw before.
    """
    with build_lock(), connect(autocommit=True) as connection, _begun(connection, dag_run_id) as begun:
        reasons = _make_marts(connection, begun) or audit(connection)
        if approval and reasons and are_approvable(reasons):
            approve(connection, begun.build_id, approval, reasons, decided_by)
            reasons = []
        if (rolled_back := standing_rollback(connection)) is not None:
            reasons.append(
                {
                    "code": "rollback",
                    "zh": f"已回退,暂停发布:{rolled_back}(解除:baotu build --resume)",
                    "en": f"rolled back, publication is on hold: {rolled_back} (lift it with baotu build --resume)",
                }
            )
        return _hold(connection, begun, reasons) if reasons else publish_built(connection, begun)


def preview(as_of: date) -> report.Scorecard:
    """The scorecard as of another day, by what was known then, and what changed since, from core as the last build left it.

    Computed in a schema of its own and never published. Raises BuildFailed.
    """
    with build_lock(), connect(autocommit=True) as connection:
        connection.execute("drop schema if exists marts_preview cascade")
        try:
            variables = json.dumps({"as_of": as_of.isoformat(), "marts_schema": "marts_preview"})
            # Only what the scorecard reads, as its exposure declares.
            wanted = [f"{layer},+exposure:scorecard" for layer in (_INTERMEDIATE, _MARTS)]
            dbt.run("preview", ["run", "--select", *wanted, "--vars", variables])
            return report.Scorecard.from_warehouse(connection, "marts_preview", is_view=True)
        except dbt.DbtError as error:
            raise BuildFailed(f"The preview failed: {error}") from error
        finally:
            connection.execute("drop schema if exists marts_preview cascade")


@contextmanager
def _begun(connection: psycopg.Connection, dag_run_id: str | None) -> Iterator[Build]:
    begun = _begin(connection, dag_run_id)
    try:
        yield begun
    except BaseException as error:
        connection.execute(
            "update ops.build set status = 'failed', finished_at = now(), held_reason = %s where build_id = %s"
            # Once it is published or held, a page that cannot be written does not undo that.
            " and status = 'running'",
            (Jsonb([{"code": type(error).__name__, "zh": "构建失败", "en": str(error)[:2000]}]), begun.build_id),
        )
        if isinstance(error, dbt.DbtError):
            raise BuildFailed(f"Build {begun.build_id} failed: {error}") from error
        raise


def _begin(connection: psycopg.Connection, dag_run_id: str | None) -> Build:
    """Freeze the input in one snapshot: a verdict in the middle of dbt must not give two facts different inputs."""
    today = datetime.now(SHANGHAI).date()
    plan_end = connection.execute("select max(deadline_on) from reference.indicator").fetchone()
    assert plan_end is not None
    # Notices about the plan's last year come after it: what is known today counts.
    as_of_on, known_at_on = min(today, plan_end[0]), today
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read")
        # Whoever held the lock before and died left its build running.
        connection.execute("update ops.build set status = 'failed', finished_at = now() where status = 'running'")
        connection.execute("update ops.build set status = 'superseded' where status = 'held'")
        row = connection.execute(
            "insert into ops.build (status, as_of_on, known_at_on, code_version, backend_pid, dag_run_id)"
            " values ('running', %s, %s, %s, pg_backend_pid(), %s) returning build_id",
            (as_of_on, known_at_on, dbt.code_version(), dag_run_id),
        ).fetchone()
        assert row is not None
        build_id: int = row[0]
        connection.execute(
            "insert into ops.build_delivery (build_id, delivery_id, source, version, is_accepted, is_touched)"
            " select %s, delivery.delivery_id, delivery.source, delivery.version, delivery.status = 'accepted',"
            " applied.version is distinct from delivery.version"
            " and (delivery.status = 'accepted' or applied.version is not null)"
            " from ops.delivery as delivery left join ops.applied_delivery as applied using (delivery_id)"
            " where delivery.status in ('accepted', 'rejected', 'withdrawn', 'replaced')",
            (build_id,),
        )
        connection.execute(
            "insert into ops.build_quarantine (build_id, delivery_id, row_no)"
            " select distinct %s::bigint, quarantined.delivery_id, quarantined.row_no from quarantine.row as quarantined"
            " inner join ops.build_delivery as used on used.build_id = %s and used.is_accepted"
            " and used.delivery_id = quarantined.delivery_id"
            f" where {quarantine.HELD}",
            (build_id, build_id),
        )
        quarantine.freeze(connection, build_id)
        # Older inputs have done their work: the last published builds and this one are enough to trace.
        connection.execute(
            "delete from ops.build_delivery where build_id < %s and build_id not in"
            " (select build_id from ops.build where status = 'published' order by build_id desc limit 20)",
            (build_id,),
        )
        connection.execute("delete from ops.build_quarantine where build_id < %s", (build_id,))
        connection.execute("delete from ops.build_correction where build_id < %s", (build_id,))
    connection.execute("analyze ops.build_delivery, ops.build_quarantine, ops.build_correction")
    return Build(build_id, "running", as_of_on, known_at_on)


def _make_marts(connection: psycopg.Connection, begun: Build) -> list[dict[str, str]]:
    """Core and marts_next; the data tests that failed, as reasons to hold."""
    collect_old_schemas(connection)
    connection.execute("drop schema if exists marts_next cascade")
    connection.execute("create schema marts_next")
    # Imported here: what compares names takes a second to import.
    from baotu import linking

    linking.link_names(connection, build_id=begun.build_id)
    results = _upgrade_core(connection)
    results += dbt.run(
        "build",
        ["build", "--select", _CORE, _INTERMEDIATE, _MARTS, "--exclude-resource-type", "unit_test"],
        allow_failed_tests=True,
    )
    connection.execute(
        "update ops.build set dbt_summary = %s, applied_at = now() where build_id = %s",
        (
            Jsonb([{"node": r.node, "status": r.status, "seconds": round(r.seconds, 3)} for r in results]),
            begun.build_id,
        ),
    )
    # Core now holds these versions, whether or not the audit lets readers see them.
    connection.execute(
        "insert into ops.applied_delivery (delivery_id, version, build_id) select delivery_id, version, build_id"
        " from ops.build_delivery where build_id = %s and is_touched on conflict (delivery_id) do update set"
        " version = excluded.version, build_id = excluded.build_id",
        (begun.build_id,),
    )
    dbt.save_manifest(connection, "build")
    return [
        {"code": r.node, "zh": f"数据测试未通过:{r.node}", "en": f"data test failed: {r.node}"}
        for r in results
        if r.resource_type == "test" and r.status in ("fail", "error", "skipped")
    ]


def _upgrade_core(connection: psycopg.Connection) -> list[dbt.NodeResult]:
    """Rebuild what code, seeds or functions changed since the last good build; two logics must not mix in one fact."""
    state = dbt.saved_state(connection)
    if state is None:
        return []
    saved_version, directory = state
    try:
        if saved_version == dbt.code_version():
            return []
        log.info("Code changed since the last build (%s → %s)", saved_version, dbt.code_version())
        # fmt: off
        return dbt.run("build", [
            "run", "--select", f"state:modified+,{_CORE}", "--full-refresh",
            "--no-partial-parse", "--state", str(directory),
        ])
        # fmt: on
    finally:
        shutil.rmtree(directory)


def audit(connection: psycopg.Connection) -> list[dict[str, str]]:
    """Reasons to hold marts_next back: failing rules of expectations/marts.py, each also kept in ops.check_result."""
    from expectations import marts

    rules = [*marts.TARGET_TRACKING, *(marts.CHANGES if settings().approve_changes else [])]
    outcomes = gate.evaluate("marts_next", "mart_target_tracking", rules, keys=("indicator_id",))
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into ops.check_result (build_id, source, rule, severity, is_success, rows_failed)"
            " select build_id, 'marts', %s, %s, %s, %s from ops.build where status = 'running'",
            [(o.rule, o.severity, o.failed == 0, o.failed) for o in outcomes],
        )
    held = [outcome for outcome in outcomes if outcome.failed and outcome.severity == "critical"]
    return [
        {"code": o.rule, "zh": f"{o.zh}({where})", "en": f"{o.en} ({where})"}
        for o, where in ((one, _cells(connection, one)) for one in held)
    ]


def _cells(connection: psycopg.Connection, outcome: gate.Outcome) -> str:
    """Which indicators and periods a rule on marts fails for: who approves must see it."""
    found = connection.execute(
        sql.SQL(
            "select distinct cell ->> 'indicator_id', cell ->> 'period_start_on'"
            " from (select to_jsonb(failing) as cell from ({}) as failing) as cells order by 1, 2"
        ).format(sql.SQL(outcome.query or "select null as indicator_id where false"))
    ).fetchall()
    named = [f"{indicator} {start}" if start else str(indicator) for indicator, start in found]
    return ", ".join(named[:5]) + (f" +{len(named) - 5}" if len(named) > 5 else "")


def are_approvable(reasons: Sequence[dict[str, str]]) -> bool:
    """Whether a person may publish in spite of all of them."""
    return all(reason["code"] in APPROVABLE for reason in reasons)


def approve(
    connection: psycopg.Connection, build_id: int, reason: str, found: Sequence[dict[str, str]], decided_by: str
) -> None:
    """Put on record that a person publishes a build in spite of what was found."""
    codes = ", ".join(one["code"] for one in found)
    decide(connection, "approve", f"{reason} ({codes})", decided_by, build_id)


def decide(
    connection: psycopg.Connection, action: str, reason: str, decided_by: str, build_id: int | None = None
) -> None:
    """Put a person's decision about publication on record."""
    connection.execute(
        "insert into ops.decision (subject, build_id, action, reason, decided_by)"
        " values ('publication', %s, %s, %s, %s)",
        (build_id, action, reason, decided_by),
    )


def standing_rollback(connection: psycopg.Connection) -> str | None:
    """Why the last publication was taken back, until somebody lifts that: meanwhile nothing is published."""
    row = connection.execute(
        "select action, reason from ops.decision where subject = 'publication' and action in ('rollback', 'resume')"
        " order by decision_id desc limit 1"
    ).fetchone()
    return row[1] if row is not None and row[0] == "rollback" else None


def _hold(connection: psycopg.Connection, begun: Build, reasons: Sequence[dict[str, str]]) -> Build:
    with connection.transaction():
        connection.execute(
            "update ops.build set status = 'held', finished_at = now(), held_reason = %s where build_id = %s",
            (Jsonb(list(reasons)), begun.build_id),
        )
        codes = [reason["code"] for reason in reasons]
        alerts.open_alert(
            connection,
            alerts.Alert(
                kind="publication_held",
                severity="critical",
                parts=("marts",),
                owner="数据工程",
                title_zh="发布被搁置:集市仍为上一版",
                title_en="publication held: readers still see the last one",
                action_zh="运行 baotu status 查看原因;更正数据后再构建,情况属实的用 baotu build --approve",
                action_en="run baotu status for the reasons; correct the data and build again, or where it is as it should"
                " be: baotu build --approve",
                evidence={"file": "marts", "rules": dict.fromkeys(codes), "look": ["baotu status"]},
            ),
        )
    if current_publication(connection) is not None:
        write_scorecard(connection)
    log.warning("Build %s is held: %s", begun.build_id, "; ".join(reason["en"] for reason in reasons))
    return Build(begun.build_id, "held", begun.as_of_on, begun.known_at_on, tuple(reasons))


def publish_built(connection: psycopg.Connection, begun: Build) -> Build:
    """Make marts_next what readers see. The caller holds the build's lock, and has audited it or a person's decision."""
    for (table,) in connection.execute(
        "select tablename from pg_tables where schemaname = 'marts_next' order by 1"
    ).fetchall():
        connection.execute(sql.SQL("vacuum analyze {}").format(sql.Identifier("marts_next", table)))
    previous = current_publication(connection)
    with connection.transaction():
        swap(connection, incoming="marts_next", outgoing=f"marts_{previous or 0}")
        connection.execute(
            "insert into ops.published_value (publication_id, indicator_id, definition_version, measure_code,"
            " value_basis, division_code, division_basis, period_type, period_start_on, period_end_on, as_of_on,"
            " known_at_on, n, x, value, interval_low, interval_high, is_attained, verdict, light, data_status)"
            " select publication_id, indicator_id, definition_version, measure_code, value_basis, division_code,"
            " division_basis, period_type, period_start_on, period_end_on, as_of_on, known_at_on, denominator,"
            " numerator, value, interval_low, interval_high, is_attained, verdict, light, data_status"
            " from marts.mart_target_tracking where is_current"
        )
        connection.execute(
            "update ops.build set status = 'published', finished_at = now(), published_at = now() where build_id = %s",
            (begun.build_id,),
        )
        alerts.resolve(connection, "publication_held/marts")
        targets.note(connection, previous)
    close_old_schemas(connection)
    write_scorecard(connection)
    return Build(begun.build_id, "published", begun.as_of_on, begun.known_at_on)


def swap(connection: psycopg.Connection, *, incoming: str, outgoing: str) -> None:
    """Make `incoming` what readers see, in the caller's transaction. Used for publishing and for rollback.

    Nothing is dropped here: a drop waits for idle readers; old schemas are collected later. Nor is the way into the
    outgoing one closed: a query that has looked `marts` up and not yet asked for its right would be refused.
    """
    marts = sql.Identifier("marts")
    if connection.execute("select 1 from pg_namespace where nspname = 'marts'").fetchone():
        connection.execute(sql.SQL("alter schema {} rename to {}").format(marts, sql.Identifier(outgoing)))
    connection.execute(sql.SQL("alter schema {} rename to {}").format(sql.Identifier(incoming), marts))
    grant_reading(connection, "marts")


def close_old_schemas(connection: psycopg.Connection) -> None:
    """Take from readers the way into what is `marts` no more, once no statement is left that may be on that way."""
    if not has_role(connection, "bi_reader"):
        return
    # A reader's transaction that only idles had its rights checked long ago: it is not waited for beyond this.
    patience = time.monotonic() + 2
    waited_for = _statements_of_others(connection)
    while waited_for & _statements_of_others(connection) and time.monotonic() < patience:
        time.sleep(0.02)
    for name in _old_schemas(connection):
        connection.execute(sql.SQL("revoke usage on schema {} from bi_reader").format(sql.Identifier(name)))


def _statements_of_others(connection: psycopg.Connection) -> set[str]:
    # Everybody may see these locks; what other roles run, only a monitor.
    return {
        transaction
        for (transaction,) in connection.execute(
            "select lock.virtualtransaction from pg_locks as lock inner join pg_stat_activity as session using (pid)"
            " where lock.locktype = 'virtualxid' and session.datname = current_database()"
            " and session.pid <> pg_backend_pid()"
        )
    }


def _old_schemas(connection: psycopg.Connection) -> list[str]:
    return [name for (name,) in connection.execute(r"select nspname from pg_namespace where nspname ~ '^marts_\d+$'")]


def current_publication(connection: psycopg.Connection) -> int | None:
    """The build that readers see, or None before the first one."""
    if not connection.execute("select to_regclass('marts.mart_publication')").fetchone()[0]:  # type: ignore[index]
        return None
    row = connection.execute("select publication_id from marts.mart_publication").fetchone()
    return row[0] if row else None


def collect_old_schemas(connection: psycopg.Connection) -> None:
    """Drop builds that nobody can roll back to any more; one that a reader still holds waits for the next time."""
    previous = connection.execute(
        "select build_id from ops.build where status = 'published' order by published_at desc offset 1 limit 1"
    ).fetchone()
    keep = {f"marts_{previous[0]}"} if previous else set()
    for name in _old_schemas(connection):
        if name in keep:
            continue
        try:
            with connection.transaction():
                connection.execute("set local lock_timeout = '2s'")
                connection.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(name)))
        except psycopg.errors.LockNotAvailable:
            log.info("%s is still being read; it is dropped later", name)


def rollback(reason: str, decided_by: str) -> tuple[int, int]:
    """Show readers the publication before the current one, and hold publication until it is lifted.

    Returns (now shown, taken back). Raises BuildFailed when there is nothing to go back to.
    """
    with build_lock(), connect(autocommit=True) as connection:
        current = current_publication(connection)
        found = connection.execute(
            "select build.build_id from ops.build as build inner join pg_namespace as schema"
            " on schema.nspname = 'marts_' || build.build_id where build.status = 'published'"
            " and build.build_id < %s order by build.build_id desc limit 1",
            (current,),
        ).fetchone()
        if current is None or found is None:
            raise BuildFailed("There is no earlier publication to go back to; only the last one before is kept")
        with connection.transaction():
            swap(connection, incoming=f"marts_{found[0]}", outgoing=f"marts_{current}")
            connection.execute("update ops.build set status = 'rolled_back' where build_id = %s", (current,))
            decide(connection, "rollback", reason, decided_by, current)
        close_old_schemas(connection)
        write_scorecard(connection)
        return found[0], current


def resume(reason: str, decided_by: str) -> None:
    """Lift a rollback: the next build may publish again."""
    with connect() as connection, connection.transaction():
        decide(connection, "resume", reason, decided_by)


def write_scorecard(connection: psycopg.Connection) -> Path:
    """Render the page of the current publication."""
    path = scorecard_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    report.write_page(path, report.Scorecard.from_warehouse(connection).html())
    # Officials open it without an account on this machine.
    os.chmod(path, 0o644)
    return path


def ensure_scorecard() -> None:
    """Render the page of the current publication again: a crash between swap and page leaves the one before."""
    with connect() as connection:
        if current_publication(connection) is not None:
            write_scorecard(connection)
