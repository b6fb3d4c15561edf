"""What all DAGs share: when they began, what a task and a run are held to, and the task that ends each run."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

# Airflow resolves these at run time; its type stub lacks three of them.
from airflow.sdk import (  # type: ignore[attr-defined]
    DeadlineAlert,
    DeadlineReference,
    ExceptionRetryPolicy,
    RetryAction,
    RetryRule,
    SyncCallback,
    get_current_context,
    task,
)

#: A schedule without the zone would be UTC's. What came before today is landed as old files, not caught up.
COMMON: dict[str, Any] = {
    "start_date": datetime(2020, 1, 1, tzinfo=ZoneInfo("Asia/Shanghai")),
    "catchup": False,
    "max_active_runs": 1,
}

DEFAULTS: dict[str, Any] = {
    "owner": "数据工程",
    # After a kill -9 a task is taken up again only where a retry is left.
    "retries": 2,
    "retry_delay": timedelta(seconds=20),
    # A server that does not answer may answer the next time; the same file fails by the same rule again. By name, so
    # that parsing a DAG imports none of them.
    "retry_policy": ExceptionRetryPolicy(
        rules=[
            RetryRule(
                exception=["baotu.sources.SourceError", "baotu.gate.BrokenRule"],
                action=RetryAction.FAIL,
                reason="a source's YAML or a rule is wrong: another try would find the same",
            ),
            RetryRule(
                exception=["baotu.warehouse.WarehouseError", "psycopg.OperationalError"],
                action=RetryAction.RETRY,
                reason="the warehouse did not answer",
            ),
            RetryRule(
                exception=["baotu.storage.StorageError"],
                action=RetryAction.RETRY,
                reason="landing area or archive did not answer",
            ),
        ]
    ),
    "execution_timeout": timedelta(hours=2),
}

#: A run of many files takes minutes; one that has not ended by then waits for something.
LATE = DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(hours=1), SyncCallback("baotu.runs.late"))


@task(trigger_rule="all_done")
def alert() -> None:
    """The last task, whatever became of the others: what failed, and what else is due, is told."""
    from baotu import runs

    runs.end(get_current_context())
