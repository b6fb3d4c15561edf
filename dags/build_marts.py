"""Core → marts → audit → publish, woken by any source. One at a time; several events are one build."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from airflow.sdk import Asset, AssetAny, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from baotu.limits import LATE, RETRIES
from baotu.sources import load_sources


@dag(
    dag_display_name="构建与发布 · Build and publish marts",
    description="Freeze accepted deliveries, build core and marts, audit them, publish them in one swap",
    doc_md=__doc__,
    schedule=AssetAny(*(Asset(source) for source in sorted(load_sources()))),
    start_date=datetime(2020, 1, 1, tzinfo=ZoneInfo("Asia/Shanghai")),
    catchup=False,
    max_active_runs=1,
    deadline=LATE,
    default_args={
        "owner": "数据工程",
        "retries": 2,
        "retry_delay": timedelta(seconds=20),
        "retry_policy": RETRIES,
        "execution_timeout": timedelta(hours=2),
    },
    tags=["build"],
)
def build_marts() -> None:
    @task
    def build() -> str:
        from baotu import publish

        built = publish.build(dag_run_id=get_current_context()["run_id"])
        return f"build {built.build_id} {built.status}"

    @task(outlets=[Asset("held_publication")])
    def held(_built: str) -> None:
        from baotu import approval
        from baotu.warehouse import connect

        with connect() as connection:
            if approval.waiting(connection) is None:
                raise AirflowSkipException("Published, or held for what nobody may overrule")

    @task(trigger_rule="all_done")
    def alert() -> None:
        from baotu import runs

        runs.end(get_current_context())

    held(build()) >> alert()


build_marts()
