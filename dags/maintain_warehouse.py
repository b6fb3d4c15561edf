"""Once a week: what grows and is nobody's history is taken away, tables are vacuumed, old logs deleted.

Deliveries, decisions, check results and published values stay; raw rows go to the archive where their source says so
(`keep_raw_months`). Airflow's own database, which tasks do not reach, is cleaned by `baotu up`.
"""

from airflow.sdk import dag, task

from baotu.wiring import COMMON, DEFAULTS, alert


@dag(
    dag_display_name="仓库维护 · Maintain the warehouse",
    description="Drop what no publication needs, archive old raw rows, vacuum, delete old logs",
    doc_md=__doc__,
    schedule="30 3 * * 0",
    default_args=DEFAULTS,
    tags=["maintenance"],
    **COMMON,
)
def maintain_warehouse() -> None:
    @task
    def maintain() -> dict[str, int]:
        from baotu import maintenance

        return maintenance.maintain()

    maintain() >> alert()


maintain_warehouse()
