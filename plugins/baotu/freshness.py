"""Which periods of a source should have come by now and have not: from its cadence, business days considered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

import psycopg
from psycopg import sql

from baotu import alerts
from baotu.landing import SHANGHAI
from baotu.periods import Period, period_of
from baotu.sources import Source

Status = Literal["delivered", "late", "missing", "not_due"]

#: An alert names so many periods; how many there are it says.
_MAX_NAMED = 6


@dataclass(frozen=True)
class ExpectedPeriod:
    """A period of a source's cadence and what came of it. `late`: it came, after `due_on`."""

    period: Period
    due_on: date
    status: Status
    #: The first day of issue among accepted deliveries that cover it.
    first_issued_on: date | None
    delivery_count: int


def check(connection: psycopg.Connection, source: Source, today: date | None = None) -> list[ExpectedPeriod]:
    """Write the source's `ops.expected_period` anew, and open or resolve its alert; commits by itself."""
    with connection.transaction():
        found = expected(connection, source, today or datetime.now(SHANGHAI).date())
        connection.execute("delete from ops.expected_period where source = %s", (source.id,))
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into ops.expected_period (source, period_type, period_start_on, period_end_on, due_on,"
                " status, first_issued_on, delivery_count) values (%s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    (source.id, *each.period, each.due_on, each.status, each.first_issued_on, each.delivery_count)
                    for each in found
                ],
            )
        missing = [each for each in found if each.status == "missing"]
        if missing:
            alerts.open_alert(connection, _late(source, missing))
        else:
            alerts.resolve(connection, f"late/{source.id}")
    return found


def expected(connection: psycopg.Connection, source: Source, today: date) -> list[ExpectedPeriod]:
    """The periods of a source from the first that came until the last that ended, at most the plan's end.

    Empty before anything came: nobody knows then since when the source is meant to deliver.
    """
    row = connection.execute("select max(deadline_on) from reference.indicator").fetchone()
    last = min(today, row[0]) if row and row[0] else today
    came: dict[date, list[tuple[date, int]]] = {}
    for start_on, end_on, issued_on, delivery_id in _covered(connection, source):
        day = start_on
        while day <= end_on:
            period = period_of(day, source.cadence.period)
            came.setdefault(period.start_on, []).append((issued_on, delivery_id))
            day = period.end_on + timedelta(days=1)
    if not came:
        return []
    off: dict[date, bool] = dict(
        connection.execute("select date_on, is_business_day from reference.public_holiday").fetchall()
    )
    found = []
    period = period_of(min(came), source.cadence.period)
    while period.end_on <= last:
        due_on = _business_day(period.end_on + timedelta(days=source.cadence.late_after_days), off)
        those = came.get(period.start_on, [])
        first = min((issued_on for issued_on, _ in those), default=None)
        status: Status = "not_due" if today <= due_on else "missing"
        if first is not None:
            status = "delivered" if first <= due_on else "late"
        found.append(ExpectedPeriod(period, due_on, status, first, len({delivery for _, delivery in those})))
        period = period_of(period.end_on + timedelta(days=1), source.cadence.period)
    return found


def _covered(connection: psycopg.Connection, source: Source) -> Iterator[tuple[date, date, date, int]]:
    """First and last day that an accepted delivery speaks of, its day of issue, its id; a line for each of its periods.

    The rows' own days, where the source has them; else the period that the file states; else that of its day of issue.
    """
    rows = _dated(connection, source)
    yield from ((start_on, start_on, issued_on, delivery_id) for delivery_id, issued_on, start_on in rows)
    yield from connection.execute(
        "select coalesce(period_start_on, issued_on), coalesce(period_end_on, issued_on), issued_on, delivery_id"
        " from ops.delivery where source = %s and status = 'accepted' and delivery_id <> all(%s)",
        (source.id, [delivery_id for delivery_id, *_ in rows]),
    ).fetchall()


def _dated(connection: psycopg.Connection, source: Source) -> list[tuple[int, date, date]]:
    """Delivery, its day of issue, and the first day of each month that its rows name in `dated_by`: days, or years."""
    staging, column = f"staging.stg_{source.id}", source.cadence.dated_by
    kind = connection.execute(
        "select format_type(atttypid, null) from pg_attribute where attrelid = to_regclass(%s) and attname = %s",
        (staging, column),
    ).fetchone()
    if kind is None:  # nothing was typed yet
        return []
    day = sql.SQL("make_date(staged.{}, 1, 1)" if kind[0] == "integer" else "staged.{}").format(sql.Identifier(column))  # type: ignore[arg-type]
    return connection.execute(
        sql.SQL(
            "select delivery.delivery_id, delivery.issued_on, date_trunc('month', {day})::date as start_on"
            " from {staging} as staged inner join ops.delivery as delivery using (delivery_id)"
            # What lies after the day of issue is a slip of the pen.
            " where delivery.status = 'accepted' and {day} <= delivery.issued_on group by 1, 2, 3"
        ).format(day=day, staging=sql.Identifier("staging", f"stg_{source.id}"))
    ).fetchall()


def _business_day(day: date, off: dict[date, bool]) -> date:
    """The day, or the first business day after it; beyond the known notices of holidays only weekends are off."""
    while not off.get(day, day.isoweekday() < 6):
        day += timedelta(days=1)
    return day


def _late(source: Source, missing: Sequence[ExpectedPeriod]) -> alerts.Alert:
    named = [each.period for each in missing[-_MAX_NAMED:]]
    more = len(missing) - len(named)
    zh = "、".join(period.label_zh for period in named) + (f"等 {len(missing)} 个" if more else "")
    en = ", ".join(period.label_en for period in named) + (f" and {more} before" if more else "")
    return alerts.Alert(
        kind="late",
        severity="warning",
        parts=(source.id,),
        source=source.id,
        owner=source.owner,
        title_zh=f"{source.label_zh}：未收到 {zh}（最近一个应于 {missing[-1].due_on} 前报送）",
        title_en=f"{source.label_en}: not received: {en} (the last was due by {missing[-1].due_on})",
        action_zh="请报送单位补报；确无数据的，请其书面说明。缺报期间不按 0 或 100% 计",
        action_en="ask the office to send it, or to state that there is none; a missing period is not counted as 0 or 100 %",
        evidence={"look": [f"baotu sources late {source.id}"], "periods": len(missing)},
    )
