"""Alerts: opened in the transaction of whoever finds the problem, sent later as one digest.

`ops.alert` is an outbox. The gate writes a row beside the verdict it reports, so neither exists without
the other; `deliver` sends what is committed, and a dead channel never stops the pipeline.

No cell value ever enters an alert: what it carries is names of files, codes of rules, and numbers of rows.
"""

import hashlib
import logging
import re
import threading
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from baotu.settings import settings
from baotu.sources import Source

log = logging.getLogger(__name__)

Kind = Literal["refused", "rejected", "quarantine", "publication_held", "failed_run"]
Severity = Literal["critical", "warning", "info"]

#: Alerts that came up while nobody was listening (no BAOTU_ALERT_URLS) are sent to a channel configured
#: later only if they are younger than this. Alerts that a configured channel did not take never expire.
UNADDRESSED_DAYS = 7
#: A digest is read on a phone: this much of it, and never more than the channel takes.
MAX_LINES = 20
MAX_BYTES = 8000
#: A channel that has not answered by then is down; the alerts wait for the next run.
PATIENCE_SECONDS = 30.0

_MAX_RULES = 6
_MAX_PIECE = 400
_MAX_FILE_NAME = 120
# A rule code is an identifier. Anything else in its place could be a cell that slipped through.
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,99}")

_SEVERITY = {"critical": ("严重", "critical"), "warning": ("警告", "warning"), "info": ("提示", "info")}


@dataclass(frozen=True)
class Alert:
    """One problem, in the words and with the evidence that its owner needs."""

    kind: Kind
    severity: Severity
    #: What makes it the same problem as one already open, beside the kind: `("food_spot_checks", 12)`.
    parts: tuple[str | int, ...]
    source: str | None
    delivery_id: int | None
    owner: str
    title_zh: str
    title_en: str
    action_zh: str
    action_en: str
    #: `file`, `rules` (code → failing rows, or None where rows are not counted), `look` (commands).
    evidence: dict[str, Any] = field(default_factory=dict)
    dag_run_id: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind) or self.severity not in get_args(Severity):
            raise ValueError("An alert's kind or severity is not one that Baotu knows")
        if not self.parts:
            raise ValueError("An alert without parts would be the same as every other of its kind")
        for code in self.evidence.get("rules", {}):
            if not _CODE.fullmatch(code):
                # The offending text is not repeated: it may be the cell value this guards against.
                raise ValueError("A rule code in an alert must be a letter followed by A-Z a-z 0-9 _ . : -")

    @property
    def fingerprint(self) -> str:
        """Readable, and cut only at `/`, so that a prefix means a group of alerts."""
        parts = (self.kind, *map(str, self.parts))
        return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)


@dataclass(frozen=True)
class Delivered:
    """What became of the unsent alerts in one call of `deliver`."""

    #: Alerts that every channel has now taken.
    sent: int = 0
    #: Alerts that stay for a later call: a channel is down, or none is configured.
    waiting: int = 0
    #: Channels that failed, by position and, where it is no secret, host.
    failed: tuple[str, ...] = ()


# --------------------------------------------------------------------------------------------------
# The kinds


def refused_delivery(
    source: Source,
    *,
    delivery_id: int,
    file_uri: str,
    codes: Iterable[str],
    dag_run_id: str | None = None,
) -> Alert:
    """A file that could not be read as this source. `codes` are those of `ops.delivery.status_reason`.

    The reasons' texts stay in the ledger: they quote headers, and the "header" of a file without one is data.
    """
    name = _file_name(file_uri)
    return Alert(
        kind="refused",
        severity="critical",
        parts=(source.id, delivery_id),
        source=source.id,
        delivery_id=delivery_id,
        owner=source.owner,
        title_zh=f"{source.label_zh}：文件 {name} 无法读取，已拒收",
        title_en=f"{source.label_en}: file {name} could not be read and was refused",
        action_zh="按“查看”中的原因，在来源 YAML 补上列名别名等，再运行 "
        f"baotu deliveries retry {delivery_id} --reason …；文件本身有误的，请报送单位重报",
        action_en="fix the reason shown there (a header's alias in the source's YAML, say), then "
        f"baotu deliveries retry {delivery_id} --reason …; if the file itself is wrong, ask for a new one",
        evidence=_evidence(name, dict.fromkeys(codes), f"baotu deliveries show {delivery_id}"),
        dag_run_id=dag_run_id,
    )


def rejected_delivery(
    source: Source,
    *,
    delivery_id: int,
    file_uri: str,
    rules: Mapping[str, int | None],
    rows_read: int,
    dag_run_id: str | None = None,
) -> Alert:
    """A delivery that failed validation as a whole. `rules`: failed rule → rows (None: not counted)."""
    name = _file_name(file_uri)
    return Alert(
        kind="rejected",
        severity="critical",
        parts=(source.id, delivery_id),
        source=source.id,
        delivery_id=delivery_id,
        owner=source.owner,
        title_zh=f"{source.label_zh}：文件 {name} 未通过校验，整份（{rows_read:,} 行）不计入指标",
        title_en=f"{source.label_en}: file {name} failed validation; none of its {rows_read:,} rows count",
        action_zh="核对未通过的规则：文件有误，请报送单位重报；情况属实，运行 "
        f"baotu deliveries accept {delivery_id} --reason …（未通过的行仍被隔离）",
        action_en="check the failed rules: if the file is wrong, ask for a new one; if it is right, "
        f"baotu deliveries accept {delivery_id} --reason … (failing rows stay quarantined)",
        evidence=_evidence(
            name,
            rules,
            f"baotu deliveries show {delivery_id}",
            f"baotu quarantine list --delivery {delivery_id}",
            rows_read=rows_read,
        ),
        dag_run_id=dag_run_id,
    )


def quarantined_rows(
    source: Source,
    *,
    delivery_id: int,
    file_uri: str,
    rules: Mapping[str, int | None],
    rows_read: int,
    rows_quarantined: int,
    dag_run_id: str | None = None,
) -> Alert:
    """An accepted delivery with more quarantined rows than `alert_quarantined_share`; the caller compares.

    `rows_quarantined` counts rows, `rules` counts failures: one row may fail several rules.
    """
    name = _file_name(file_uri)
    share = 100 * rows_quarantined / rows_read if rows_read else 0.0
    return Alert(
        kind="quarantine",
        severity="warning",
        parts=(source.id, delivery_id),
        source=source.id,
        delivery_id=delivery_id,
        owner=source.owner,
        title_zh=f"{source.label_zh}：文件 {name} 有 {rows_quarantined:,} 行被隔离"
        f"（共 {rows_read:,} 行，{share:.1f}%）",
        title_en=f"{source.label_en}: {rows_quarantined:,} of {rows_read:,} rows ({share:.1f}%) "
        f"of file {name} are quarantined",
        action_zh="导出这些行，请报送单位更正后发回；更正前不计入",
        action_en="export these rows and ask the sender to correct them and send them back; until then they do not count",
        evidence=_evidence(
            name,
            rules,
            f"baotu quarantine list --delivery {delivery_id}",
            f"baotu quarantine export --delivery {delivery_id} --out FILE.xlsx",
            rows_read=rows_read,
            rows_quarantined=rows_quarantined,
        ),
        dag_run_id=dag_run_id,
    )


def _evidence(file_name: str, rules: Mapping[str, int | None], *look: str, **numbers: int) -> dict[str, Any]:
    return {"file": file_name, "rules": dict(rules), "look": list(look), **numbers}


def _file_name(uri: str) -> str:
    """The last part of a path or URL: where the landing lies on this machine is nobody's business."""
    name = _one_line(re.split(r"[/\\]", uri.rstrip("/\\"))[-1], _MAX_FILE_NAME)
    return name or "?"


# --------------------------------------------------------------------------------------------------
# The life of an alert


def open_alert(connection: psycopg.Connection, alert: Alert) -> None:
    """Open the alert in the caller's transaction; an open one of the same fingerprint gets the new evidence.

    That one is not sent again: the same problem is told once.
    """
    connection.execute(
        """
        insert into ops.alert as known
            (fingerprint, kind, severity, source, delivery_id, owner, title_zh, title_en,
             action_zh, action_en, evidence, dag_run_id)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (fingerprint) where resolved_at is null do update set
            severity = excluded.severity, owner = excluded.owner,
            title_zh = excluded.title_zh, title_en = excluded.title_en,
            action_zh = excluded.action_zh, action_en = excluded.action_en,
            -- `sending` is the outbox's own note on who has it already
            evidence = excluded.evidence || case when known.evidence ? 'sending'
                then jsonb_build_object('sending', known.evidence -> 'sending') else '{}' end,
            dag_run_id = excluded.dag_run_id
        """,
        (
            alert.fingerprint,
            alert.kind,
            alert.severity,
            alert.source,
            alert.delivery_id,
            alert.owner,
            alert.title_zh,
            alert.title_en,
            alert.action_zh,
            alert.action_en,
            Jsonb(alert.evidence),
            alert.dag_run_id,
        ),
    )


def resolve(connection: psycopg.Connection, subject: int | str, *, keep: Iterable[Alert] = ()) -> int:
    """Close the open alerts of a delivery (its id), or of a fingerprint and all that begin with it; how many.

    `keep` are alerts that still hold: a run that judges a delivery again resolves all but those it opens, and
    they stay one alert, told once. What is resolved before it was sent is not sent any more.
    """
    if isinstance(subject, int):
        which = "delivery_id = %(subject)s"
    else:
        # Whole parts only: `late/food` is not the beginning of `late/food_spot_checks`.
        which, subject = "starts_with(fingerprint || '/', %(subject)s)", subject.rstrip("/") + "/"
    return connection.execute(
        "update ops.alert set resolved_at = now()"
        f" where resolved_at is null and {which} and fingerprint <> all(%(keep)s)",
        {"subject": subject, "keep": [alert.fingerprint for alert in keep]},
    ).rowcount


# --------------------------------------------------------------------------------------------------
# Sending


@dataclass(frozen=True)
class _Open:
    alert_id: int
    severity: str
    title_zh: str
    title_en: str
    action_zh: str
    action_en: str
    evidence: dict[str, Any]

    @property
    def taken_by(self) -> frozenset[str]:
        return frozenset(self.evidence.get("sending", {}).get("taken_by", ()))


@dataclass(frozen=True)
class _Channel:
    #: Recognises the channel in later calls without keeping its URL.
    key: str
    #: For people and logs.
    name: str
    #: Bytes of title and body together.
    room: int
    #: True when the channel took it.
    send: Callable[[str, str, str], bool]


def deliver(
    connection: psycopg.Connection, *, urls: str | None = None, patience: float = PATIENCE_SECONDS
) -> Delivered:
    """Send ONE digest of all open, unsent alerts to each channel of BAOTU_ALERT_URLS; commits by itself.

    - An alert counts as sent when every channel took it. Until then it waits; a channel that has it does not
      get it again. A failing channel is one line in the log, never an exception.
    - Rows are locked while they are sent: of two senders each takes what the other does not have. A process
      killed between the channel's answer and the commit sends again: at least once, never lost.
    - No channel configured: alerts stay open and unsent, and are marked. A channel configured later gets
      those of the last `UNADDRESSED_DAYS` days, not a year's worth.
    """
    if connection.info.transaction_status is not TransactionStatus.IDLE:
        # Inside the caller's transaction this would tell people of verdicts that may still be rolled back.
        raise RuntimeError("deliver() needs a connection without an open transaction: commit first")
    configured = (settings().alert_urls if urls is None else urls).strip()
    with connection.transaction():
        if not configured:
            return _leave_unaddressed(connection)
        with connection.cursor(row_factory=class_row(_Open)) as cursor:
            waiting = cursor.execute(
                """
                select alert_id, severity, title_zh, title_en, action_zh, action_en, evidence
                from ops.alert
                where sent_at is null and resolved_at is null
                  and not (evidence #> '{sending,no_channel}' is not null
                           and opened_at < now() - make_interval(days => %s))
                order by array_position(array['critical', 'warning', 'info'], severity), alert_id
                for update skip locked
                """,
                (UNADDRESSED_DAYS,),
            ).fetchall()
        if not waiting:
            return Delivered()
        channels = _channels(configured)
        took, reasons = _send_all(channels, waiting, patience)
        failed = [channel for channel in channels if channel.key not in took]
        _note(connection, waiting, took, not failed)
    for channel in failed:
        log.warning(
            "Alert %s did not take the digest (%s); alerts wait for the next run",
            channel.name,
            reasons[channel.key],
        )
    if failed:
        return Delivered(waiting=len(waiting), failed=tuple(channel.name for channel in failed))
    return Delivered(sent=len(waiting))


def _leave_unaddressed(connection: psycopg.Connection) -> Delivered:
    connection.execute(
        """
        update ops.alert set evidence = jsonb_set(evidence, '{sending}', '{"no_channel": true}')
        where alert_id in (select alert_id from ops.alert
                           where sent_at is null and resolved_at is null and not evidence ? 'sending'
                           for update skip locked)
        """
    )
    row = connection.execute("select count(*) from ops.alert where sent_at is null and resolved_at is null").fetchone()
    count = row[0] if row else 0
    if count:
        log.info("%d open alerts are not sent anywhere: BAOTU_ALERT_URLS is not set", count)
    return Delivered(waiting=count)


def _note(connection: psycopg.Connection, alerts: Sequence[_Open], took: set[str], everywhere: bool) -> None:
    if everywhere:
        connection.execute(
            "update ops.alert set sent_at = clock_timestamp(), evidence = evidence - 'sending'"
            " where alert_id = any(%s)",
            ([alert.alert_id for alert in alerts],),
        )
        return
    # `no_channel` goes: from now on somebody is meant to get it, however long the channel is down.
    with connection.cursor() as cursor:
        cursor.executemany(
            "update ops.alert set evidence = jsonb_set(evidence, '{sending}', %s) where alert_id = %s",
            [(Jsonb({"taken_by": sorted(alert.taken_by | took)}), alert.alert_id) for alert in alerts],
        )


def _send_all(
    channels: Sequence[_Channel], alerts: Sequence[_Open], patience: float
) -> tuple[set[str], dict[str, str]]:
    """Keys of the channels that now have all the alerts, and why the others have not."""
    took: set[str] = set()
    reasons = {channel.key: f"no answer within {patience:g} s" for channel in channels}

    def send(channel: _Channel, mine: Sequence[_Open]) -> None:
        title, body = digest(mine, channel.room)
        worst = "failure" if any(alert.severity == "critical" for alert in mine) else "warning"
        try:
            if channel.send(title, body, worst):
                took.add(channel.key)
            else:
                reasons[channel.key] = "unreachable, or refused it"
        except Exception as error:
            # Its text may quote the URL with its token; its type does not.
            reasons[channel.key] = type(error).__name__

    # Threads of our own and daemons: a channel that hangs holds up neither the others nor the process's end.
    threads = []
    for channel in channels:
        mine = [alert for alert in alerts if channel.key not in alert.taken_by]
        if not mine:
            took.add(channel.key)
            continue
        threads.append(threading.Thread(target=send, args=(channel, mine), daemon=True, name="baotu-alert"))
    with _libraries_quiet(threads):
        deadline = time.monotonic() + patience
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
    # A copy: a thread that comes too late must not change what is written down now.
    return set(took), dict(reasons)


@contextmanager
def _libraries_quiet(threads: Sequence[threading.Thread] = ()) -> Iterator[None]:
    # At DEBUG these log whole URLs, and in a robot's URL the path or query is the secret.
    noisy = [logging.getLogger(name) for name in ("apprise", "requests", "urllib3", "urllib3.connectionpool")]
    before = [logger.level for logger in noisy]
    for logger in noisy:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        # One that still runs may still log: then it stays quiet in this process.
        if not any(thread.is_alive() for thread in threads):
            for logger, level in zip(noisy, before, strict=True):
                logger.setLevel(level)


def _channels(configured: str) -> list[_Channel]:
    # Imported here: 0.5 s and a hundred plugins that only a run with something to say needs.
    from apprise import Apprise, AppriseAsset
    from apprise.utils.parse import parse_urls

    asset = AppriseAsset(
        app_id="Baotu",
        app_desc="Baotu",
        app_url="",
        # No pictures from elsewhere, nothing kept on disk, and no templates looked for in our text.
        image_url_mask="",
        image_url_logo="",
        storage_mode="memory",
        allow_templates=False,
    )
    channels: dict[str, _Channel] = {}
    with _libraries_quiet():
        # Apprise's own splitting: a comma inside a URL (two mail recipients) does not end it.
        for number, url in enumerate(parse_urls(configured) or [configured], start=1):
            key = hashlib.sha256(url.encode()).hexdigest()[:12]
            name = f"channel {number} of BAOTU_ALERT_URLS"
            try:
                service = Apprise.instantiate(url, asset=asset)
            except Exception:
                service = None
            if service is None:
                # Dropped silently, alerts would seem to reach someone.
                name += " (not an Apprise URL, see `apprise --details`)"
                channels.setdefault(key, _Channel(key, name, MAX_BYTES, lambda *_: False))
                continue
            name += f" ({_address(service)})"
            room = min(MAX_BYTES, service.body_maxlen or MAX_BYTES)
            channels.setdefault(key, _Channel(key, name, room, _sender(service)))
    return list(channels.values())


def _sender(service: Any) -> Callable[[str, str, str], bool]:
    def send(title: str, body: str, worst: str) -> bool:
        return bool(service.notify(title=title, body=body, notify_type=worst, body_format="text"))

    return send


def _address(service: Any) -> str:
    """Scheme, and the host where there is one: for a robot, what looks like the host is its token."""
    scheme = service.secure_protocol if service.secure or not service.protocol else service.protocol
    scheme = scheme if isinstance(scheme, str) else next(iter(scheme or ("?",)))
    templates = service.templates or ()
    if not templates or not all("{host}" in template for template in templates):
        return str(scheme)
    return f"{scheme}://{service.host}" + (f":{service.port}" if service.port else "")


# --------------------------------------------------------------------------------------------------
# The digest


def digest(alerts: Sequence[_Open], room: int = MAX_BYTES) -> tuple[str, str]:
    """Title and body, Chinese then English, one line an alert, together at most `room` bytes of UTF-8.

    Bytes, not characters: the robots count so, and a Chinese character is three.
    """
    count = len(alerts)
    title = f"趵突 Baotu：{count} 条告警 · {count} alert{'s' if count != 1 else ''}"
    # Channels without titles put it above the body, with a line break or two.
    room -= len(title.encode()) + 4
    body = ""
    for shown in range(min(count, MAX_LINES), -1, -1):
        body = "\n".join(
            [
                *(f"{number}. {_line(alert, 0)}" for number, alert in enumerate(alerts[:shown], start=1)),
                *([f"… 另有 {count - shown} 条：baotu alerts list"] if shown < count else []),
                "",
                *(f"{number}. {_line(alert, 1)}" for number, alert in enumerate(alerts[:shown], start=1)),
                *([f"… and {count - shown} more: baotu alerts list"] if shown < count else []),
            ]
        )
        if len(body.encode()) <= room:
            return title, body
    # Smaller than two short lines (a text message): what fits, at a whole character.
    return title, body.encode()[: max(room, 1)].decode(errors="ignore")


def _line(alert: _Open, language: Literal[0, 1]) -> str:
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
    pieces = [
        (f"【{_SEVERITY[alert.severity][0]}】", f"[{_SEVERITY[alert.severity][1]}] ")[language]
        + (alert.title_zh, alert.title_en)[language],
        ("规则：", "rules: ")[language] + ("、", ", ")[language].join(named) if named else "",
        ("处理：", "to do: ")[language] + (alert.action_zh, alert.action_en)[language],
        ("查看：", "look: ")[language] + look if look else "",
    ]
    return " | ".join(_one_line(piece, _MAX_PIECE) for piece in pieces if piece)


def _one_line(text: str, limit: int) -> str:
    """Without line breaks, control and direction marks: a file name must not draw lines of its own."""
    plain = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    plain = re.sub(r" {2,}", " ", plain).strip()
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"
