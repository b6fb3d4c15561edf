"""Once a week: what grows and is nobody's history is taken away, tables are vacuumed, old logs deleted.

Deliveries, raw rows, decisions, check results and published values stay. Airflow's own database, which tasks do not
reach, is cleaned by `baotu up`.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from airflow.sdk import dag, get_current_context, task

from baotu.limits import RETRIES


@dag(
    dag_display_name="仓库维护 · Maintain the warehouse",
    description="Drop what no publication needs, vacuum, delete old logs",
    doc_md=__doc__,
    schedule="30 3 * * 0",
    start_date=datetime(2020, 1, 1, tzinfo=ZoneInfo("Asia/Shanghai")),
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": "数据工程",
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "retry_policy": RETRIES,
        "execution_timeout": timedelta(hours=2),
    },
    tags=["maintenance"],
)
def maintain_warehouse() -> None:
    @task
    def maintain() -> dict[str, int]:
        from baotu import maintenance

        return maintenance.maintain()

    @task(trigger_rule="all_done")
    def alert() -> None:
        from baotu import runs

        runs.end(get_current_context())

    maintain() >> alert()


maintain_warehouse()
