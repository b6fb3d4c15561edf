"""Archived files read and judged again with today's YAML, seeds, rules and code. By default a dry run: it only tells.

Choose by delivery ids, by source, by the rule that holds rows back, or by status; `dry_run: false` needs a reason.
`baotu run replay_deliveries --conf '{"source": "food_spot_checks"}'`; the log of `replay` says what would differ.
"""

from airflow.sdk import Asset, AssetAlias, Param, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from baotu.sources import source_ids
from baotu.wiring import COMMON, DEFAULTS, alert

REPLAYED = AssetAlias("replayed")


@dag(
    dag_display_name="重放交付 · Replay deliveries",
    description="Read archived files again with today's rules; a dry run unless told otherwise",
    doc_md=__doc__,
    schedule=None,
    params={
        "source": Param(None, type=["null", "string"], enum=[None, *source_ids()], description="来源 source"),
        "delivery_ids": Param([], type="array", items={"type": "integer"}, description="交付编号 delivery ids"),
        "rule": Param(None, type=["null", "string"], description="规则 rule that holds rows back"),
        "status": Param(None, type=["null", "string"], enum=[None, "accepted", "rejected", "refused"]),
        "dry_run": Param(True, type="boolean", description="只看会有什么不同 only show what would differ"),
        "reason": Param(None, type=["null", "string"], description="理由 why; kept in the ledger"),
    },
    default_args=DEFAULTS,
    tags=["replay"],
    **COMMON,
)
def replay_deliveries() -> None:
    @task
    def replay() -> list[str]:
        from baotu import replay

        context = get_current_context()
        given = {name: context["params"][name] for name in ("source", "delivery_ids", "rule", "status", "reason")}
        try:
            return replay.from_dag(**given, is_dry=context["params"]["dry_run"], dag_run_id=context["run_id"])
        except replay.NotPossible as error:
            raise AirflowFailException(str(error)) from error

    @task(outlets=[REPLAYED])
    def publishable(sources: list[str]) -> None:
        from baotu import ingest

        if not sources or not ingest.is_publishable():
            raise AirflowSkipException("Nothing was replayed, or every delivery's version is in the marts already")
        for source in sources:
            get_current_context()["outlet_events"][REPLAYED].add(Asset(source))

    sources = replay()
    [sources, publishable(sources)] >> alert()


replay_deliveries()
