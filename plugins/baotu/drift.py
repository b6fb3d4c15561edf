"""How a delivery looks beside those of its series before it: volume, filled columns, shares. Told, never a verdict.

A series are the files of a source that bear one name, but for its numbers and dates: what an office sends month after
month. Compared are robust figures (median, and MAD as spread) of the last `HISTORY` accepted ones; the noise of a share
of few rows is allowed for. No rule can say this: a file with a tenth of its rows, or without a column that nobody
requires, is right in each row.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from baotu.alerts import Alert, file_name
from baotu.sources import Source

#: What is measured, for people; the suites' shares too.
MEASURES = {
    "row_count": ("行数", "rows"),
    "filled_share": ("有值的行占比", "share of rows filled"),
    "quarantined_share": ("被隔离的行占比", "share of rows quarantined"),
    "failing_share": ("不合格占比", "share of failing results"),
    "readable_result_share": ("结果可识别占比", "share of readable results"),
    "in_scope_share": ("属本市的占比", "share of the city's own"),
    "answered_share": ("总体评价有回答的占比", "share that answered the overall question"),
    "mean_score_share": ("总体评价均分在量表上的位置", "mean overall score, as a share of its scale"),
    "usable_code_share": ("代码可用占比", "share of usable codes"),
    "active_share": ("存续占比", "share of active enterprises"),
    "known_title_share": ("称号可识别占比", "share of known titles"),
    "known_kind_share": ("记录类别可识别占比", "share of known kinds of record"),
    "known_subject_share": ("指标或任务可识别占比", "share of known subjects"),
    "readable_value_share": ("数值可读占比", "share of readable values"),
    "named_share": ("有名称的占比", "share with a name"),
    "dated_share": ("日期可读占比", "share of readable dates"),
}
#: So many deliveries at once are a backfill.
_MANY = 100
#: An alert names so many measures; how many there are it says.
_MAX_NAMED = 4

#: So many deliveries before it a delivery is compared with at most, and at least.
HISTORY, ENOUGH = 24, 8
#: So many before it that were so, and it is no news.
HABIT = 2
#: Standard deviations that are chance: a delivery has some twenty measures, and volumes are no normal ones.
SIGMAS = 5
#: What nobody would look into, however constant the history: shares that move by less, volumes within the factor.
MIN_SHARE, MIN_FACTOR = 0.1, 2


@dataclass(frozen=True)
class Drift:
    """A measure of a delivery that is not what its series led to expect. Shares are 0 to 1, volume is rows."""

    measure: str
    #: The canonical column, of `filled_share`.
    column: str | None
    value: float
    median: float
    history_count: int


def profile(connection: psycopg.Connection, source: Source, ids: Sequence[int]) -> None:
    """Write `ops.delivery_profile` of deliveries whose verdict has just been written, in the caller's transaction.

    From `audit.<source>_profile` come the measures of the suite whose name ends in `_share`, from raw the filled share
    of each declared column that reaches it as it was sent.
    """
    connection.execute("delete from ops.delivery_profile where delivery_id = any(%s)", (list(ids),))
    columns = [name for name, column in source.columns.items() if not column.personal]
    # Cells of nothing but spaces are few; to trim every cell doubles the time.
    filled = sql.SQL(", ").join(
        sql.SQL("count(*) filter (where {} <> '')").format(sql.Identifier(name)) for name in columns
    )
    connection.execute(
        sql.SQL(
            """
            with filled as (
                select delivery_id, array[{filled}]::numeric[] as counts, count(*) as row_count
                from {raw} where delivery_id = any({ids}) group by delivery_id
            )
            insert into ops.delivery_profile (delivery_id, measure, column_name, value)
            select delivery_id, 'row_count', '', rows_read from ops.delivery where delivery_id = any({ids})
            union all
            select delivery_id, 'quarantined_share', '', rows_quarantined / rows_read::numeric
            from ops.delivery where delivery_id = any({ids}) and rows_read > 0
            union all
            select delivery_id, 'filled_share', column_name, filled_count / row_count
            from filled cross join unnest(counts, {columns}::text[]) as one (filled_count, column_name)
            union all
            select delivery_id, measure, '', text::numeric
            from {profile} as measured cross join lateral jsonb_each_text(to_jsonb(measured)) as one (measure, text)
            where right(measure, 6) = '_share' and text is not null and row_count > 0
            """
        ).format(
            filled=filled,
            raw=sql.Identifier("raw", source.id),
            profile=sql.Identifier("audit", f"{source.id}_profile"),
            ids=sql.Literal(list(ids)),
            columns=sql.Literal(columns),
        )
    )
    compare(connection, ids)


def compare(connection: psycopg.Connection, ids: Sequence[int]) -> None:
    """Say of each measure of these deliveries how it stands to its history: issued before it, accepted, of its series."""
    # Without statistics of what has just been written, and without the histories being found first, the planner joins
    # every measure with every other: a thousand deliveries then took minutes. A few need none, and other sources' runs
    # would wait for each other here.
    if len(ids) > _MANY:
        connection.execute("analyze ops.delivery_profile")
    connection.execute(
        """
        with before as materialized (
            select mine.delivery_id, mine.rows_read, theirs.delivery_id as before_id
            from ops.delivery as mine
            cross join lateral (
                select delivery_id from ops.delivery
                where source = mine.source and series = mine.series and status = 'accepted' and rows_read > 0
                    and (issued_on, origin_id) < (mine.issued_on, mine.origin_id)
                order by issued_on desc, origin_id desc limit %(history)s
            ) as theirs
            where mine.delivery_id = any(%(ids)s)
        ),
        levels as (
            select now.delivery_id, now.measure, now.column_name, now.value, before.rows_read,
                percentile_cont(0.5) within group (order by was.value::float8)::numeric as median,
                array_agg(was.value) as history
            from before
            inner join ops.delivery_profile as now using (delivery_id)
            inner join ops.delivery_profile as was
                on was.delivery_id = before.before_id and was.measure = now.measure
                and was.column_name = now.column_name
            group by 1, 2, 3, 4, 5
        ),
        spreads as (
            select levels.*,
                (
                    select 1.4826 * percentile_cont(0.5) within group (
                        order by abs(case when measure = 'row_count' then ln(one / median) else one - median end)::float8
                    ) from unnest(history) as one
                )::numeric as spread
            from levels
        ),
        distances as (
            select spreads.*,
                case when measure = 'row_count' then exp(greatest(ln(%(factor)s), %(sigmas)s * spread))
                    -- A share's noise is that of its own rows at the share that was expected.
                    else greatest(%(share)s, %(sigmas)s * sqrt(
                        spread ^ 2 + greatest(median * (1 - median), 1.0 / (rows_read + 2)) / greatest(rows_read, 1)
                    )) end as tolerance,
                case when measure <> 'row_count' then abs(value - median)
                    when value > 0 then exp(abs(ln(value / median)))
                    else 'Infinity' end as distance,
                (
                    select count(*) from unnest(history) as one
                    where sign(one - median) = sign(value - median) and abs(one - median) >= abs(value - median) / 2
                ) as times_before
            from spreads
        )
        update ops.delivery_profile as profile set history_count = cardinality(history),
            history_median = median, tolerance = distances.tolerance,
            is_drift = cardinality(history) >= %(enough)s and distance > distances.tolerance
                and times_before < %(habit)s
                -- A column that is filled at last is no loss.
                and (profile.measure <> 'filled_share' or profile.value < median)
        from distances
        where profile.delivery_id = distances.delivery_id and profile.measure = distances.measure
            and profile.column_name = distances.column_name
        """,
        {
            "ids": list(ids),
            "history": HISTORY,
            "enough": ENOUGH,
            "habit": HABIT,
            "sigmas": SIGMAS,
            "share": MIN_SHARE,
            "factor": MIN_FACTOR,
        },
    )


def drifts(connection: psycopg.Connection, delivery_id: int) -> list[Drift]:
    """What of a delivery is not as before: volume first, then what moved most."""
    return [
        Drift(measure, column, float(value), float(median), count)
        for measure, column, value, median, count in connection.execute(
            "select measure, nullif(column_name, ''), value, history_median, history_count from ops.delivery_profile"
            " where delivery_id = %s and is_drift"
            " order by measure <> 'row_count', abs(value - history_median) desc, measure, column_name",
            (delivery_id,),
        )
    ]


def told(source: Source, drift: Drift) -> tuple[str, str]:
    """A drift in Chinese and English: what, how much, how much before."""
    # Kept profiles outlive measures and columns that have since been renamed.
    zh, en = MEASURES.get(drift.measure, (drift.measure, drift.measure))
    if drift.column is not None:
        column = source.columns.get(drift.column)
        zh, en = (
            (f"“{column.label_zh}”{zh}", f"{en} in {column.label_en}")
            if column
            else (f"{drift.column} {zh}", f"{en} in {drift.column}")
        )
    now, before = (
        f"{value:,.0f}" if drift.measure == "row_count" else f"{100 * value:.1f}%"
        for value in (drift.value, drift.median)
    )
    return (
        f"{zh} {now}（此前 {drift.history_count} 份的中位数 {before}）",
        f"{en} {now} (median of the {drift.history_count} before: {before})",
    )


def alert(
    source: Source,
    found: Sequence[Drift],
    *,
    delivery_id: int,
    file_uri: str,
    rows_read: int,
    dag_run_id: str | None = None,
) -> Alert:
    """The alert of an accepted delivery that is not like those before it; one for all its measures."""
    name = file_name(file_uri)
    texts = [told(source, one) for one in found[:_MAX_NAMED]]
    more = len(found) - len(texts)
    zh = "；".join(zh for zh, _ in texts) + (f"；等 {len(found)} 项" if more else "")
    en = "; ".join(en for _, en in texts) + (f"; {more} more" if more else "")
    return Alert(
        kind="drift",
        severity="warning",
        parts=(source.id, delivery_id),
        source=source.id,
        delivery_id=delivery_id,
        owner=source.owner,
        title_zh=f"{source.label_zh}：文件 {name} 与以往同类文件不同：{zh}",
        title_en=f"{source.label_en}: file {name} is not like those before it: {en}",
        action_zh="已照常计入。请核对是否漏报、改了列名或换了口径：有误的，撤回并请报送单位重报；属实的，"
        "运行 baotu alerts ack 说明原因",
        action_en="it counts as usual. Check whether rows are missing, a column was renamed or a definition changed: if so, "
        "withdraw it and ask for a new one; if it is right, say why with baotu alerts ack",
        evidence={
            "file": name,
            "look": [f"baotu deliveries show {delivery_id}"],
            "rows_read": rows_read,
            "measures": [one.measure if one.column is None else f"{one.measure}:{one.column}" for one in found],
        },
        dag_run_id=dag_run_id,
    )
