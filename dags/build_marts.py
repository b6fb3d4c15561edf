"""Core → marts → audit → publish, woken by any source. One at a time; several events are one build."""

from airflow.sdk import Asset, AssetAny, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from baotu.sources import source_ids
from baotu.wiring import COMMON, DEFAULTS, LATE, alert


@dag(
    dag_display_name="构建与发布 · Build and publish marts",
    description="Freeze accepted deliveries, build core and marts, audit them, publish them in one swap",
    doc_md=__doc__,
    schedule=AssetAny(*(Asset(source) for source in source_ids())),
    deadline=LATE,
    default_args=DEFAULTS,
    tags=["build"],
    **COMMON,
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
            if approval.waiting_build(connection) is None:
                raise AirflowSkipException("Published, or held for what nobody may overrule")

    held(build()) >> alert()


build_marts()
