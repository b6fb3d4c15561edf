"""A run of a DAG as people must hear of it: that it failed or is late, and at its end what else is due.

Called by the last task of each DAG and by its deadline; without Airflow in the process nothing here is used.
"""

import logging
from collections.abc import Collection
from typing import Any

import psycopg

from baotu import alerts, digest
from baotu.warehouse import connect

log = logging.getLogger(__name__)

#: Red on purpose, one for each file that did not get through: those have alerts of their own.
_TOLD_OTHERWISE = "verdicts"


def end(context: Any) -> digest.Delivered:
    """The last task of a run, whatever became of the others: open or resolve its alert, send what is due."""
    dag_id, run_id = context["dag"].dag_id, context["run_id"]
    states = context["ti"].get_task_states(dag_id=dag_id, run_ids=[run_id]).get(run_id, {})
    failed = sorted(
        task for task, state in states.items() if state == "failed" and not task.startswith(_TOLD_OTHERWISE)
    )
    with connect() as connection:
        note(connection, dag_id, run_id, context["task"].owner, failed)
        connection.commit()
        return digest.deliver(connection)


def late(context: dict[str, Any] | None = None, **_named: Any) -> None:
    """A run that has not ended by its deadline; Airflow calls this."""
    run = (context or {}).get("dag_run") or {}
    dag_id, run_id = run.get("dag_id", "?"), run.get("dag_run_id", "?")
    with connect() as connection:
        alerts.open_alert(
            connection,
            alerts.Alert(
                kind="late_run",
                severity="warning",
                parts=(dag_id,),
                owner="数据工程",
                title_zh=f"运行超时未完：{dag_id}",
                title_en=f"run is late: {dag_id} has not ended by its deadline",
                action_zh="在 Airflow 中看是哪个任务在等；磁盘、数据库或其他运行占用时等其结束",
                action_en="see in Airflow which task it waits for; a lock is held by another run, or disk or database are slow",
                evidence={"look": [f"baotu status, Airflow → {dag_id} → {run_id}"]},
                dag_run_id=run_id,
            ),
        )
        connection.commit()
        digest.deliver(connection)


def note(connection: psycopg.Connection, dag_id: str, run_id: str, owner: str, failed: Collection[str]) -> None:
    """Open the alert of a run with failed tasks; one without resolves those of the runs before."""
    alerts.resolve(connection, f"late_run/{dag_id}")
    if not failed:
        alerts.resolve(connection, f"failed_run/{dag_id}")
        return
    tasks = ", ".join(failed)
    alerts.open_alert(
        connection,
        alerts.Alert(
            kind="failed_run",
            severity="critical",
            parts=(dag_id,),
            owner=owner,
            title_zh=f"运行失败：{dag_id}（任务 {tasks}）",
            title_en=f"run failed: {dag_id} (task {tasks})",
            action_zh="看该任务日志的最后一条错误；排除后重新运行，已入库的不会重复",
            action_en="read the last error in the task's log; when it is mended run it again: nothing is loaded twice",
            evidence={"look": [f"baotu run {dag_id}", f"Airflow → {dag_id} → {run_id}"]},
            dag_run_id=run_id,
        ),
    )
