"""One DAG a source, all from dags/sources/*.yml: discover → load → validate → publishable, with a red task a bad file."""

from airflow.sdk import Asset, dag, get_current_context, get_parsing_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from baotu.sources import Source, load_sources
from baotu.wiring import COMMON, DEFAULTS, LATE, alert


def ingest(source: Source) -> None:
    @dag(
        dag_id=f"ingest_{source.id}",
        dag_display_name=f"{source.label_zh} · {source.label_en}",
        description=source.description_en,
        doc_md=f"{source.description_zh}\n\n{source.description_en}\n\n{__doc__}",
        schedule=source.cadence.cron,
        deadline=LATE,
        default_args=DEFAULTS | {"owner": source.owner},
        tags=["ingest", source.cadence.period],
        **COMMON,
    )
    def ingest_source() -> None:
        @task
        def discover() -> int:
            from baotu import ingest

            return ingest.discover(source.id)

        @task
        def load(_found: int) -> list[int]:
            from baotu import ingest

            return [one.delivery_id for one in ingest.load(source.id, get_current_context()["run_id"])]

        @task
        def validate(_landed: list[int]) -> list[str]:
            from baotu import ingest

            run_id = get_current_context()["run_id"]
            ingest.validate(source.id, run_id)
            # A mapped task costs 0.2 s, and nobody reads the hundredth.
            return [str(problem) for problem in ingest.problems(source.id, run_id)][:50]

        @task(outlets=[Asset(source.id)])
        def publishable(_problems: list[str]) -> None:
            from baotu import ingest

            if not ingest.is_publishable():
                raise AirflowSkipException("Every delivery's version is in the marts already")

        @task(retries=0, map_index_template="{{ problem }}")
        def verdicts(problem: str) -> None:
            # Airflow drops a label of more than 250 characters without a word.
            get_current_context()["problem"] = problem[:200]
            raise AirflowFailException(problem)

        found = validate(load(discover()))
        [found, publishable(found)] >> alert()
        verdicts.expand(problem=found)

    ingest_source()


for one in load_sources().values():
    # A task parses this file again: it needs its own DAG only.
    if get_parsing_context().dag_id in (None, f"ingest_{one.id}"):
        ingest(one)
