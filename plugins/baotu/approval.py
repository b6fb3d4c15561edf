"""A held publication that a person may let through: what they are asked, and what becomes of their answer."""

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from baotu import publish
from baotu.report import ATTAINMENTS, NOTHING, Label, amount
from baotu.warehouse import build_lock, connect

#: So many numbers and files a request shows; how many more there are it says.
_MAX_SHOWN = 30

_CHANGES = """
    select now.indicator_id, definition.name_zh, definition.name_en, now.period_label_zh, now.unit, now.target_value,
        seen.value as value_before, now.value, seen.is_attained as was_attained, now.is_attained
    from marts_next.mart_target_tracking as now
    inner join marts_next.dim_indicator as definition
        on now.indicator_id = definition.indicator_id and now.definition_version = definition.definition_version
    left join marts.mart_target_tracking as seen
        on now.indicator_id = seen.indicator_id and now.measure_code = seen.measure_code
        and now.value_basis = seen.value_basis and now.period_type = seen.period_type
        and now.period_start_on = seen.period_start_on and seen.is_current
    where now.is_current and now.is_headline and now.period_type in ('year', 'quarter')
        and (now.value is distinct from seen.value or now.is_attained is distinct from seen.is_attained)
    order by now.indicator_id, now.period_type desc, now.period_start_on
"""
_FILES = """
    with shown as (
        select delivery_id, is_accepted from ops.build_delivery where build_id = (
            select max(build_id) from ops.build where status = 'published')
    )
    select delivery.delivery_id, regexp_replace(delivery.file_uri, '^.*/', '') as file_name, frozen.is_accepted
    from ops.build_delivery as frozen
    inner join ops.delivery as delivery using (delivery_id)
    left join shown using (delivery_id)
    where frozen.build_id = %s and frozen.is_accepted is distinct from coalesce(shown.is_accepted, false)
    order by 1
"""


class NotPossible(Exception):
    """The build is not the one that waits; the message says what waits."""


@dataclass(frozen=True)
class Request:
    """What a person is asked: each number before and after, and the files that made it. Text is Markdown."""

    build_id: int
    subject: str
    body: str


def waiting_build(connection: psycopg.Connection) -> tuple[publish.Build, list[dict[str, str]]] | None:
    """The last build and why it is held, if a person may overrule that, and nobody has refused it or taken one back."""
    row = connection.execute(
        "select build_id, as_of_on, known_at_on, held_reason from ops.build"
        " where build_id = (select max(build_id) from ops.build)"
        " and status = 'held' and not exists (select from ops.decision where subject = 'publication'"
        " and decision.build_id = build.build_id and action = 'reject')"
    ).fetchone()
    if row is None or not publish.are_approvable(row[3]) or publish.standing_rollback(connection) is not None:
        return None
    return publish.Build(row[0], "held", row[1], row[2]), row[3]


def waiting(connection: psycopg.Connection) -> Request | None:
    """What to ask about the build that waits, if one does."""
    found = waiting_build(connection)
    if found is None:
        return None
    build_id, reasons = found[0].build_id, found[1]
    with connection.cursor(row_factory=dict_row) as cursor:
        changes = cursor.execute(_CHANGES).fetchall() if publish.current_publication(connection) is not None else []
        files = cursor.execute(_FILES, (build_id,)).fetchall()
    lines = ["## 为何需要核准 · Why", "", *(f"- {reason['zh']}  \n  {reason['en']}" for reason in reasons), ""]
    lines += [
        "## 数值 · Numbers",
        "",
        "| 指标 Indicator | 期间 Period | 现发布 Published | 拟发布 New |",
        "|---|---|---|---|",
    ]
    lines += [_change(row) for row in changes[:_MAX_SHOWN]] + _more(len(changes))
    lines += ["", "## 文件 · Files", "", *(_file(row) for row in files[:_MAX_SHOWN]), *_more(len(files))]
    subject = f"发布 {build_id} 待核准 · Publication {build_id} waits for approval ({len(changes)})"
    return Request(build_id, subject, "\n".join(lines))


def grant(build_id: int, reason: str, decided_by: str) -> publish.Build:
    """Publish the held build as it stands. Raises NotPossible when it is not the one that waits any more."""
    with build_lock(), connect(autocommit=True) as connection:
        held, reasons = _still_waiting(connection, build_id)
        publish.approve(connection, build_id, reason, reasons, decided_by)
        return publish.publish_built(connection, held)


def refuse(build_id: int, reason: str, decided_by: str) -> None:
    """Readers keep what they see; the build stays held and is not asked about again. Raises NotPossible."""
    with build_lock(), connect(autocommit=True) as connection:
        _still_waiting(connection, build_id)
        publish.decide(connection, "reject", reason, decided_by, build_id)


def carry_out(ti: Any) -> str:
    """The DAG's last task: what a person answered to `question`, made good. Says what became of it.

    No answer in time is a refusal. A build that does not wait any more is left alone.
    """
    request, given = (ti.xcom_pull(task_ids=name) for name in ("question", "answer"))
    user = given.get("responded_by_user") or {}
    by = user.get("name") or user.get("id") or "nobody within BAOTU_APPROVAL_HOURS"
    build_id = request["build_id"]
    try:
        if given["chosen_options"] == ["Approve"]:
            return f"build {build_id} {grant(build_id, 'approved in Airflow', by).status}"
        refuse(build_id, "refused in Airflow" if user else "not answered in time", by)
    except NotPossible as superseded:
        return str(superseded)
    return f"build {build_id} stays held"


def _still_waiting(connection: psycopg.Connection, build_id: int) -> tuple[publish.Build, list[dict[str, str]]]:
    """The caller holds the build's lock: while it does, marts_next is the last build's."""
    found = waiting_build(connection)
    if found is None or found[0].build_id != build_id:
        now = f"build {found[0].build_id} does" if found else "none does"
        raise NotPossible(f"Build {build_id} does not wait for approval any more; {now}")
    return found


def _change(row: dict[str, Any]) -> str:
    def shown(value: Any, is_attained: Any) -> str:
        text = amount(value, row["unit"], [row["target_value"]])
        words = ATTAINMENTS.get(is_attained, Label(NOTHING, NOTHING))
        return f"{text.zh} {words.zh} {words.en}"

    return (
        f"| {row['indicator_id']} {row['name_zh']} {row['name_en']} | {row['period_label_zh']}"
        f" | {shown(row['value_before'], row['was_attained'])} | {shown(row['value'], row['is_attained'])} |"
    )


def _file(row: dict[str, Any]) -> str:
    what = "计入 counts" if row["is_accepted"] else "不再计入 counts no more"
    return f"- [{row['delivery_id']}] {row['file_name']}：{what}"


def _more(count: int) -> list[str]:
    return [f"… {count - _MAX_SHOWN} 项未列 more"] if count > _MAX_SHOWN else []
