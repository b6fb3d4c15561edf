"""What each channel is told of the alerts, and when: one digest a run, the same problem once until its reminder."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import class_row

from baotu.alerts import COMES_BACK_WITHIN, Severity, one_line
from baotu.channels import MAX_BYTES, Channel, Language, Message, channels, send
from baotu.settings import settings
from baotu.warehouse import connect, sending_lock

log = logging.getLogger(__name__)

Event = Literal["opened", "reminded", "resolved"]

#: An open alert that nobody has acknowledged is told again after so long. What is only information is told once.
REMIND_AFTER: dict[str, timedelta | None] = {"critical": timedelta(days=1), "warning": timedelta(days=7), "info": None}
#: A resolution is told when it has held for so long: a check that flaps says nothing meanwhile.
SETTLES_AFTER = timedelta(minutes=15)
#: So many lines a digest; how many more there are it says.
MAX_LINES = 20
#: A channel that has not answered by then is down; the alerts wait for the next run.
PATIENCE_SECONDS = 30.0

_MAX_RULES = 6
_MAX_PIECE = 400
_SEVERITY = {"critical": ("严重", "critical"), "warning": ("警告", "warning"), "info": ("提示", "info")}
_EVENTS: dict[Event, tuple[str, str, str]] = {
    "opened": ("新告警", "new alert", "new alerts"),
    "reminded": ("提醒", "reminder", "reminders"),
    "resolved": ("解除", "resolved", "resolved"),
}


@dataclass(frozen=True)
class Delivered:
    """What became of the alerts that were due in one call of `deliver`."""

    #: Alerts that every channel which wants them has now taken.
    sent: int = 0
    #: Alerts that stay for a later call: a channel is down, or none is configured.
    waiting: int = 0
    #: Channels that failed, by position and, where it is no secret, host.
    failed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Told:
    """An alert as a digest tells it."""

    alert_id: int
    kind: str
    fingerprint: str
    delivery_id: int | None
    severity: Severity
    owner: str
    title_zh: str
    title_en: str
    action_zh: str
    action_en: str
    evidence: dict[str, Any]
    opened_at: datetime
    resolved_at: datetime | None
    is_acknowledged: bool


@dataclass(frozen=True)
class Receipt:
    """What a channel took last of an alert."""

    event: Event
    severity: Severity
    sent_at: datetime


def due(alert: Told, last: Receipt | None, now: datetime) -> Event | None:
    """What a channel has to be told of an alert of which it took `last`, if anything."""
    if alert.resolved_at is not None:
        # What was only information is not a problem that could be over.
        was_told = last is not None and last.event != "resolved" and REMIND_AFTER[last.severity] is not None
        return "resolved" if was_told and now - alert.resolved_at >= SETTLES_AFTER else None
    if last is None:
        return "opened"
    if last.event == "resolved":  # it came back
        return "opened" if now - last.sent_at >= COMES_BACK_WITHIN else None
    order = get_args(Severity)
    if order.index(alert.severity) < order.index(last.severity):
        return "opened"
    after = REMIND_AFTER[alert.severity]
    if after is None or alert.is_acknowledged or now - last.sent_at < after:
        return None
    return "reminded"


def deliver(
    connection: psycopg.Connection, *, urls: str | None = None, patience: float = PATIENCE_SECONDS
) -> Delivered:
    """Send ONE digest of all that is due to each channel of BAOTU_ALERT_URLS; commits by itself.

    - A channel gets what it wants and has not taken; a failing one is one line in the log, never an exception, and
      gets it in a later call.
    - One process sends at a time; another one returns at once, and the first looks again for what came up meanwhile.
      Killed between a channel's answer and its receipt, it sends again: at least once, never lost.
    - No channel configured: alerts stay open and untold until there is one.
    """
    if connection.info.transaction_status is not TransactionStatus.IDLE:
        # Inside the caller's transaction this would tell people of verdicts that may still be rolled back.
        raise RuntimeError("deliver() needs a connection without an open transaction: commit first")
    configured = (settings().alert_urls if urls is None else urls).strip()
    if not configured:
        with connection.transaction():
            row = connection.execute("select count(*) from ops.alert where resolved_at is null").fetchone()
        count = row[0] if row else 0
        if count:
            log.info("%d open alerts are not sent anywhere: BAOTU_ALERT_URLS is not set", count)
        return Delivered(waiting=count)
    sent, waiting = 0, set[int]()
    failed: dict[str, str] = {}
    with sending_lock(connection) as is_ours:
        recipients = channels(configured) if is_ours else []
        while recipients:
            digests = _due(connection, [channel for channel in recipients if channel.key not in failed])
            if not digests:
                break
            messages = [(channel, message(told, channel.room, channel.language)) for channel, told in digests]
            outcome = send(messages, patience)
            _note(connection, digests, outcome)
            for channel, told in digests:
                if (reason := outcome[channel.key]) is not None:
                    failed[channel.key] = channel.name
                    waiting |= {alert.alert_id for _, alert in told}
                    log.warning(
                        "Alert %s did not take the digest (%s); alerts wait for the next run", channel.name, reason
                    )
            sent += len({alert.alert_id for _, told in digests for _, alert in told} - waiting)
    return Delivered(sent, len(waiting), tuple(failed.values()))


def tell() -> Delivered:
    """`deliver` on a connection of its own."""
    with connect() as connection:
        return deliver(connection)


def _due(
    connection: psycopg.Connection, recipients: Sequence[Channel]
) -> list[tuple[Channel, list[tuple[Event, Told]]]]:
    """What each channel has to be told now, the worst first; channels with nothing to hear are left out."""
    with connection.transaction(), connection.cursor(row_factory=class_row(Told)) as cursor:
        told = cursor.execute(
            """
            select alert_id, kind, fingerprint, delivery_id, severity, owner, title_zh, title_en, action_zh, action_en,
                evidence, opened_at, resolved_at, acknowledged_at is not null as is_acknowledged
            from ops.alert
            where resolved_at is null or resolved_at > now() - interval '30 days'
            order by resolved_at is not null, array_position(%s, severity), alert_id
            """,
            (list(get_args(Severity)),),
        ).fetchall()
        receipts = {
            (alert_id, channel): Receipt(event, severity, sent_at)
            for alert_id, channel, event, severity, sent_at in connection.execute(
                "select distinct on (alert_id, channel) alert_id, channel, event, severity, sent_at"
                " from ops.alert_receipt where alert_id = any(%s) order by alert_id, channel, receipt_id desc",
                ([alert.alert_id for alert in told],),
            )
        }
        row = connection.execute("select clock_timestamp()").fetchone()
    assert row is not None
    found = []
    for channel in recipients:
        mine: list[tuple[Event, Told]] = []
        for alert in told:
            # `*`: told to all channels before receipts were kept.
            last = receipts.get((alert.alert_id, channel.key)) or receipts.get((alert.alert_id, "*"))
            event = due(alert, last, row[0]) if channel.wants(alert.severity, alert.owner) else None
            if event is not None:
                mine.append((event, alert))
        if mine:
            found.append((channel, sorted(mine, key=lambda item: list(_EVENTS).index(item[0]))))
    return found


def _note(
    connection: psycopg.Connection,
    digests: Sequence[tuple[Channel, list[tuple[Event, Told]]]],
    outcome: Mapping[str, str | None],
) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            "insert into ops.alert_receipt (alert_id, channel, event, severity)"
            # An alert may have gone with its delivery while it was sent.
            " select alert_id, %s, %s, %s from ops.alert where alert_id = %s",
            [
                (channel.key, event, alert.severity, alert.alert_id)
                for channel, told in digests
                if outcome[channel.key] is None
                for event, alert in told
            ],
        )
        cursor.executemany(
            "insert into ops.alert_channel as known (channel, name, failing_since, failure, tried_at)"
            " values (%(key)s, %(name)s, case when %(why)s::text is not null then now() end, %(why)s, now())"
            " on conflict (channel) do update set name = excluded.name, failure = excluded.failure, tried_at = now(),"
            " failing_since = case when excluded.failure is not null then coalesce(known.failing_since, now()) end",
            [{"key": channel.key, "name": channel.name, "why": outcome[channel.key]} for channel, _ in digests],
        )


def down(connection: psycopg.Connection) -> list[tuple[str, datetime, str]]:
    """Channels of BAOTU_ALERT_URLS that did not take what they were sent last: name, since when, why."""
    failing = connection.execute(
        "select channel, name, failing_since, failure from ops.alert_channel where failing_since is not null order by name"
    ).fetchall()
    configured = settings().alert_urls.strip()
    keys = {channel.key for channel in channels(configured)} if failing and configured else set()
    return [(name, since, why) for key, name, since, why in failing if key in keys]


def try_channels(connection: psycopg.Connection, *, urls: str | None = None) -> dict[str, str | None]:
    """Send a trial message to each channel. Name of each → None where it took it, else why it did not."""
    configured = (settings().alert_urls if urls is None else urls).strip()
    recipients = channels(configured) if configured else []
    trial = Message("趵突 Baotu：试发 · trial", "收到即表示此通道可用。\n\nThis channel works.", is_critical=False)
    outcome = send([(channel, trial) for channel in recipients], PATIENCE_SECONDS)
    _note(connection, [(channel, []) for channel in recipients], outcome)
    return {channel.name: outcome[channel.key] for channel in recipients}


# --------------------------------------------------------------------------------------------------
# The text


def message(told: Sequence[tuple[Event, Told]], room: int = MAX_BYTES, language: Language = "both") -> Message:
    """One line an alert, Chinese then English, title and body together at most `room` bytes of UTF-8.

    Bytes, not characters: the robots count so, and a Chinese character is three.
    """
    count = len(told)
    title = f"趵突 Baotu：{_title(told, language)}"
    is_critical = any(event != "resolved" and alert.severity == "critical" for event, alert in told)
    # Channels without titles put it above the body, with a line break or two.
    room -= len(title.encode()) + 4
    body = ""
    for shown in range(min(count, MAX_LINES), -1, -1):
        left = count - shown
        parts = []
        for index, more in enumerate((f"… 另有 {left} 条：baotu alerts list", f"… and {left} more: baotu alerts list")):
            if language in ("both", get_args(Language)[index]):
                lines = [f"{n}. {_line(*item, index)}" for n, item in enumerate(told[:shown], start=1)]
                parts.append("\n".join(lines + [more] * (left > 0)))
        body = "\n\n".join(parts)
        if len(body.encode()) <= room:
            return Message(title, body, is_critical)
    # Smaller than two short lines (a text message): what fits, at a whole character.
    return Message(title, body.encode()[: max(room, 1)].decode(errors="ignore"), is_critical)


def _title(told: Sequence[tuple[Event, Told]], language: Language) -> str:
    zh, en = [], []
    for event, (name_zh, one, many) in _EVENTS.items():
        if count := sum(each == event for each, _ in told):
            zh.append(f"{count} 条{name_zh}")
            en.append(f"{count} {one if count == 1 else many}")
    texts = {"zh": "、".join(zh), "en": ", ".join(en)}
    return " · ".join(texts.values()) if language == "both" else texts[language]


def _line(event: Event, alert: Told, language: int) -> str:
    title = (alert.title_zh, alert.title_en)[language]
    if event == "resolved":
        return one_line(("【已解除】", "[resolved] ")[language] + title, _MAX_PIECE)
    rules: dict[str, int | None] = alert.evidence.get("rules") or {}
    # The rule with most rows first: that is what there is to do.
    ordered = sorted(rules.items(), key=lambda item: (-(item[1] or 0), item[0]))
    named = [
        code if rows is None else f"{code} {rows:,} " + ("行", "row" if rows == 1 else "rows")[language]
        for code, rows in ordered[:_MAX_RULES]
    ]
    if len(ordered) > _MAX_RULES:
        named.append((f"等 {len(ordered)} 条", f"… {len(ordered)} in all")[language])
    look = ("；", "; ")[language].join(alert.evidence.get("look") or ())
    severity = _SEVERITY[alert.severity][language]
    since = f"{alert.opened_at:%Y-%m-%d}"
    said = (
        (f"【{severity}】", f"[{severity}] ")
        if event == "opened"
        else (f"【{severity}·{since} 起未解除】", f"[{severity}, open since {since}] ")
    )[language]
    pieces = [
        said + title,
        ("规则：", "rules: ")[language] + ("、", ", ")[language].join(named) if named else "",
        ("处理：", "to do: ")[language] + (alert.action_zh, alert.action_en)[language],
        ("查看：", "look: ")[language] + look if look else "",
        ("页面：", "page: ")[language] + _page(alert) if settings().page_url else "",
        ("手册：", "runbook: ")[language] + f"docs/runbook.md#{alert.kind.replace('_', '-')}",
    ]
    return " | ".join(one_line(piece, _MAX_PIECE) for piece in pieces if piece)


def _page(alert: Told) -> str:
    """Where the page in Airflow shows what the alert is about."""
    if alert.delivery_id is not None:
        place = f"deliveries/{alert.delivery_id}"
    elif alert.kind in ("target", "target_at_risk"):
        place = f"indicators/{alert.fingerprint.split('/')[1]}"
    else:
        place = f"deliveries?source={alert.fingerprint.split('/')[1]}" if alert.kind == "late" else ""
    return f"{settings().page_url.rstrip('/')}/{place}"
