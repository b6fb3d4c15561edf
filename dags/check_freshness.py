"""Which periods should have come by now and have not, for every source; told once, and again when it stays so.

From the cadence in dags/sources/*.yml: a period is due `late_after_days` after its end, on the next business day.
An ingest checks its own source when something came; this run is for the days on which nothing does.
"""

from airflow.sdk import dag, task

from baotu.wiring import COMMON, DEFAULTS, alert


@dag(
    dag_display_name="报送时效 · Check freshness",
    description="Find expected periods of each source that are missing, and tell their owners",
    doc_md=__doc__,
    schedule="30 7 * * *",
    default_args=DEFAULTS,
    tags=["freshness"],
    **COMMON,
)
def check_freshness() -> None:
    @task
    def check() -> None:
        from baotu import freshness
        from baotu.sources import load_sources
        from baotu.warehouse import connect

        with connect() as connection:
            for source in load_sources().values():
                freshness.check(connection, source)

    check() >> alert()


check_freshness()
