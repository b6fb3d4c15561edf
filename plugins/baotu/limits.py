"""What each run of a DAG is held to: by when it has ended, and which errors another try may mend."""

from datetime import timedelta

# Airflow resolves these at run time; its type stub lacks three of them.
from airflow.sdk import (  # type: ignore[attr-defined]
    DeadlineAlert,
    DeadlineReference,
    ExceptionRetryPolicy,
    RetryAction,
    RetryRule,
    SyncCallback,
)

#: A run of many files takes minutes; one that has not ended by then waits for something.
LATE = DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(hours=1), SyncCallback("baotu.runs.late"))

#: A server that does not answer may answer the next time; the same file fails by the same rule again. By name, so that
#: parsing a DAG imports none of them.
RETRIES = ExceptionRetryPolicy(
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
    ]
)
