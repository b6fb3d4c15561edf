"""Targets that a publication shows otherwise than the one before: attained or not, another verdict, likely to be missed."""

from typing import Any

import psycopg
from psycopg.rows import dict_row

from baotu import alerts
from baotu.report import ATTAINMENTS, VERDICTS, Label, amount, label

_CHANGES = """
    select now.indicator_id, now.period_label_zh, extract(year from now.period_start_on)::integer as year,
        definition.name_zh, definition.name_en, definition.lead_unit_zh, now.unit, now.target_value,
        seen.value as value_before, now.value, seen.is_attained as was_attained, now.is_attained,
        seen.verdict as verdict_before, now.verdict
    from marts.mart_target_tracking as now
    inner join marts.dim_indicator as definition
        on now.indicator_id = definition.indicator_id and now.definition_version = definition.definition_version
    inner join ops.published_value as seen
        on seen.publication_id = %s and seen.indicator_id = now.indicator_id and seen.measure_code = now.measure_code
        and seen.value_basis = now.value_basis and seen.period_type = now.period_type
        and seen.period_start_on = now.period_start_on
    where now.is_current and now.is_headline and now.period_type = 'year'
        -- Where there was no value, one that comes is data, not a change.
        and seen.value is not null
        and (now.is_attained is distinct from seen.is_attained or now.verdict is distinct from seen.verdict)
    order by 1, 3
"""
_AT_RISK = """
    select progress.indicator_id, definition.name_zh, definition.name_en, definition.lead_unit_zh, definition.unit,
        progress.forecast_value, progress.target_value, progress.deadline_on, progress.forecast_probability
    from marts.mart_indicator_progress as progress
    inner join marts.dim_indicator as definition
        on progress.indicator_id = definition.indicator_id and progress.definition_version = definition.definition_version
    where progress.forecast_word = 'unlikely' and progress.is_attained is not true
    order by 1
"""


def note(connection: psycopg.Connection, previous: int | None) -> None:
    """Open and resolve the alerts of targets, in the transaction that publishes; `previous`: what readers saw until now."""
    with connection.cursor(row_factory=dict_row) as cursor:
        changed = cursor.execute(_CHANGES, (previous,)).fetchall() if previous is not None else []
        at_risk = cursor.execute(_AT_RISK).fetchall()
        held = cursor.execute(
            "select indicator_id, extract(year from period_start_on)::integer as year from marts.mart_target_tracking"
            " where is_current and is_headline and period_type = 'year' and is_attained"
        ).fetchall()
    # News of the publication before is old; a target that is attained again is no problem any more.
    connection.execute(
        "update ops.alert set resolved_at = now() where resolved_at is null and kind = 'target' and severity = 'info'"
    )
    was_told = {
        fingerprint
        for row in held
        if alerts.resolve(connection, fingerprint := f"target/{row['indicator_id']}/{row['year']}")
    }
    for row in changed:
        alert = _changed(row)
        # That it is over is told as a resolution.
        if alert.fingerprint not in was_told:
            alerts.open_alert(connection, alert)
    risks = [_at_risk(row) for row in at_risk]
    alerts.resolve(connection, "target_at_risk", keep=risks)
    for alert in risks:
        alerts.open_alert(connection, alert)


def _changed(row: dict[str, Any]) -> alerts.Alert:
    severity: alerts.Severity = "info"
    if row["is_attained"] is not row["was_attained"] and row["is_attained"] is not True:
        severity = "critical" if row["was_attained"] else "warning"
    before, now = (_judged(row, *names) for names in (("_before", "was_attained"), ("", "is_attained")))
    return alerts.Alert(
        kind="target",
        severity=severity,
        parts=(row["indicator_id"], row["year"]),
        owner=row["lead_unit_zh"] or "数据工程",
        title_zh=f"{row['indicator_id']} {row['name_zh']} {row['period_label_zh']}：{before.zh} → {now.zh}",
        title_en=f"{row['indicator_id']} {row['name_en']} {row['year']}: {before.en} → {now.en}",
        action_zh="看是哪些文件、哪些更正造成的：记分卡“变动原因”，或下列命令",
        action_en="see which files and corrections caused it: the scorecard's changes, or the commands",
        evidence={"look": [f"baotu trace {row['indicator_id']} --period {row['year']}", "baotu deliveries list"]},
    )


def _judged(row: dict[str, Any], suffix: str, attained: str) -> Label:
    value = amount(row[f"value{suffix}"], row["unit"], [row["target_value"]])
    verdict = row[f"verdict{suffix}"]
    # Of counts and ranks no verdict is given; attained or not is what there is.
    words = ATTAINMENTS.get(row[attained]) if verdict == "not_applicable" else None
    words = words or label(VERDICTS, verdict)
    return Label(f"{value.zh}（{words.zh}）", f"{value.en} ({words.en})")


def _at_risk(row: dict[str, Any]) -> alerts.Alert:
    forecast, target = (amount(row[name], row["unit"]) for name in ("forecast_value", "target_value"))
    return alerts.Alert(
        kind="target_at_risk",
        severity="warning",
        parts=(row["indicator_id"],),
        owner=row["lead_unit_zh"] or "数据工程",
        title_zh=f"{row['indicator_id']} {row['name_zh']}：按趋势 {row['deadline_on']} 为 {forecast.zh}，目标 {target.zh}，"
        f"达标概率 {100 * row['forecast_probability']:.0f}%",
        title_en=f"{row['indicator_id']} {row['name_en']}: by its trend {forecast.en} on {row['deadline_on']}, target"
        f" {target.en}; probability of reaching it {100 * row['forecast_probability']:.0f} %",
        action_zh="看进度页所需月增量与近一年月均；预测只延伸趋势，不含已知的新批次",
        action_en="compare what is needed a month with the last year's; the forecast prolongs the trend and knows no plans",
        evidence={"look": [f"baotu scorecard, baotu trace {row['indicator_id']}"]},
    )
