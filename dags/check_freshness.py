"""Which periods should have come by now and have not, for every source; told once, and again when it stays so.

From the cadence in dags/sources/*.yml: a period is due `late_after_days` after its end, on the next business day.
An ingest checks its own source when something came; this run is for the days on which nothing does.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from airflow.sdk import dag, get_current_context, task

from baotu.limits import RETRIES


@dag(
    dag_display_name="报送时效 · Check freshness",
    description="Find expected periods of each source that are missing, and tell their owners",
    doc_md=__doc__,
    schedule="30 7 * * *",
    start_date=datetime(2020, 1, 1, tzinfo=ZoneInfo("Asia/Shanghai")),
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": "数据工程",
        "retries": 2,
        "retry_delay": timedelta(seconds=20),
        "retry_policy": RETRIES,
        "execution_timeout": timedelta(minutes=30),
    },
    tags=["freshness"],
)
def check_freshness() -> None:
    @task
    def check() -> None:
        from baotu import freshness
        from baotu.sources import load_sources
        from baotu.warehouse import connect

        with connect() as connection:
            freshness.check(connection, load_sources().values())

    @task(trigger_rule="all_done")
    def alert() -> None:
        from baotu import runs

        runs.end(get_current_context())

    check() >> alert()


check_freshness()
