"""The monthly report (月报): the scorecard, and before it what changed since a month's end, why, and what needs a look."""

from dataclasses import dataclass
from datetime import date

import psycopg
from psycopg import sql

from baotu.report import (
    ATTAINMENTS,
    COLUMNS,
    INDICATOR_COLUMNS,
    RESTATEMENT_COLUMNS,
    Entry,
    Label,
    Scorecard,
    read,
)

#: So many alerts are told by their titles; how many more there are it says.
_MAX_ALERTS = 6


class NotPossible(Exception):
    """There is no earlier month's end to compare with; the message says which there are."""


@dataclass(frozen=True)
class Month:
    """What the report says beside the scorecard."""

    #: The day of knowledge that the current values are compared with: a month's end.
    since: date
    points: tuple[Label, ...]
    #: Indicators of which something changed, as they stood then, with what became of them.
    changes: tuple[tuple[Entry, tuple[Label, ...]], ...]
    attention: tuple[Label, ...]


def html(connection: psycopg.Connection, since: date | None = None) -> str:
    """The page, from the current publication; `since` is a day, the last month's end up to it counts. Raises NotPossible."""
    card = Scorecard.from_warehouse(connection)
    return card.render("monthly.html.j2", month=_month(connection, card, since))


def _month(connection: psycopg.Connection, card: Scorecard, since: date | None) -> Month:
    then = _as_of(connection, card, since)
    was = {entry.id: entry for entry in then.entries}
    changes = []
    for entry in card.entries:
        before = was.get(entry.id)
        if before is not None and (texts := before.since_then(is_changed=True)):
            changes.append((before, tuple(texts)))
    return Month(
        then.publication["known_at_on"],
        (_attained(card), *_flips(card, was), _came(connection, then.publication["known_at_on"])),
        tuple(changes),
        tuple(_attention(connection)),
    )


def _as_of(connection: psycopg.Connection, card: Scorecard, since: date | None) -> Scorecard:
    """The scorecard as it stood at a month's end, of which the published marts keep the values."""
    ends = connection.execute(
        "select distinct then_as_of_on, then_known_at_on from marts.mart_restatement where then_known_at_on < %s"
        " order by 2 desc",
        (card.publication["known_at_on"],),
    ).fetchall()
    chosen = next((end for end in ends if since is None or end[1] <= since), None)
    if chosen is None:
        earliest = f"the earliest is {ends[-1][1]}" if ends else "there is none yet"
        raise NotPossible(f"No month's end to compare with{f' up to {since}' if since else ''}: {earliest}")
    tracking = read(
        connection,
        "marts",
        "mart_target_tracking",
        COLUMNS,
        # One row a cell, where today is a month's end as well.
        sql.SQL("where as_of_on = %s and known_at_on = %s and not is_current"),
        chosen,
    )
    return Scorecard.from_rows(
        [row | {"is_current": True} for row in tracking],
        read(connection, "marts", "dim_indicator", INDICATOR_COLUMNS),
        {"as_of_on": chosen[0], "known_at_on": chosen[1]},
        read(connection, "marts", "dim_measure", ("measure_code", "label_zh", "label_en")),
        restatements=read(connection, "marts", "mart_restatement", RESTATEMENT_COLUMNS),
    )


def _attained(card: Scorecard) -> Label:
    """How many targets are attained by value; a count that is not due yet is not called missed."""
    found = [entry.current["is_attained"] if entry.current else None for entry in card.entries]
    yes, no, unsaid = (found.count(state) for state in (True, False, None))
    return Label(
        f"{len(found)} 项指标：按数值达标 {yes} 项、未达标 {no} 项、未到期或无数据 {unsaid} 项。",
        f"{len(found)} indicators: by value {yes} attained, {no} not attained, {unsaid} not due or without data.",
    )


def _flips(card: Scorecard, was: dict[str, Entry]) -> list[Label]:
    """Attainments that are not what they were."""
    told = []
    for entry in card.entries:
        before = was[entry.id].current if entry.id in was else None
        if entry.current is None or before is None or before["is_attained"] == entry.current["is_attained"]:
            continue
        states = [
            ATTAINMENTS.get(row["is_attained"], Label("未评定", "not assessed")) for row in (before, entry.current)
        ]
        name = entry.words("name") or Label("", "")
        told.append(
            Label(
                f"{entry.id} {name.zh}：由“{states[0].zh}”变为“{states[1].zh}”。",
                f"{entry.id} {name.en}: from “{states[0].en}” to “{states[1].en}”.",
            )
        )
    return told


def _came(connection: psycopg.Connection, since: date) -> Label:
    """Deliveries issued since, by what became of them."""
    row = connection.execute(
        "select count(*), count(*) filter (where status = 'accepted'),"
        " count(*) filter (where status in ('rejected', 'refused')), coalesce(sum(rows_read), 0),"
        " coalesce(sum(rows_quarantined) filter (where status = 'accepted'), 0)"
        " from quality.delivery where issued_on > %s and status <> 'replaced'",
        (since,),
    ).fetchone()
    assert row is not None
    count, accepted, failed, rows, held = row
    return Label(
        f"其间发布的文件收到 {count} 份：采用 {accepted} 份，未采用 {failed} 份；读入 {rows:,} 行，隔离 {held:,} 行。",
        f"Files issued since: {count} received, {accepted} accepted, {failed} not; {rows:,} rows read, {held:,} quarantined.",
    )


def _attention(connection: psycopg.Connection) -> list[Label]:
    """Open alerts, the worst first; missing periods are among them."""
    alerts = connection.execute(
        # What a leader decides about; rows held back and files that look odd are the offices' daily work.
        "select title_zh, title_en, severity = 'critical' or kind not in ('quarantine', 'drift') as is_named"
        " from quality.alert where resolved_at is null and severity <> 'info'"
        " order by severity, kind not in ('target', 'target_at_risk', 'publication_held'), opened_at desc"
    ).fetchall()
    told = [Label(f"{zh}。", f"{en}.") for zh, en, is_named in alerts if is_named][:_MAX_ALERTS]
    if more := len(alerts) - len(told):
        told.append(Label(f"另有 {more} 条未解除的告警。", f"{more} more alerts are open."))
    return told
