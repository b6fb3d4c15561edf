"""A held publication that is right as far as anybody can tell: a person sees each number before and after, and answers.

Woken when build_marts holds one for reasons that may be overruled: a jump, a gap, an empty source (MRT004–MRT006), or,
with BAOTU_APPROVE_CHANGES, an attainment that flips (MRT008). Approved, it is published as it stands; refused, or not
answered within BAOTU_APPROVAL_HOURS, readers keep what they see. A newer build supersedes the question.
"""

from datetime import timedelta

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Asset, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from baotu.settings import settings
from baotu.wiring import COMMON, DEFAULTS, alert


@dag(
    dag_display_name="核准发布 · Approve a publication",
    description="Ask a person about a held publication, with each number before and after",
    doc_md=__doc__,
    schedule=[Asset("held_publication")],
    default_args=DEFAULTS,
    tags=["publication"],
    # A question nobody answered must not keep the next one from being asked.
    **(COMMON | {"max_active_runs": 8}),
)
def approve_publication() -> None:
    @task
    def question() -> dict[str, str | int]:
        from dataclasses import asdict

        from baotu import approval
        from baotu.warehouse import connect

        with connect() as connection:
            request = approval.waiting(connection)
        if request is None:
            raise AirflowSkipException("Nothing waits for approval any more")
        return asdict(request)

    asked = question()
    # Not ApprovalOperator: refused, it skips what follows and leaves no answer behind, so that nobody knows who refused.
    answer = HITLOperator(
        task_id="answer",
        subject="{{ ti.xcom_pull(task_ids='question')['subject'] }}",
        body="{{ ti.xcom_pull(task_ids='question')['body'] }}",
        options=["Approve", "Reject"],
        defaults="Reject",
        response_timeout=timedelta(hours=settings().approval_hours),
        # It waits for a person, without a process.
        execution_timeout=None,
    )

    @task
    def decide() -> str:
        from baotu import approval

        return approval.carry_out(get_current_context()["ti"])

    asked >> answer >> decide() >> alert()


approve_publication()
