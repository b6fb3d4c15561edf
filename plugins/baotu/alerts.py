"""Alerts: opened in the transaction of whoever finds the problem, told later in one digest (baotu.digest).

The gate writes a row of `ops.alert` beside the verdict it reports, so neither exists without the other.

No cell value ever enters an alert: what it carries is names of files, codes of rules, and numbers of rows.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, get_args

import psycopg
from psycopg.types.json import Jsonb

from baotu.sources import Source

Kind = Literal[
    "refused",
    "rejected",
    "quarantine",
    "drift",
    "late",
    "target",
    "target_at_risk",
    "publication_held",
    "failed_run",
    "late_run",
]
Severity = Literal["critical", "warning", "info"]

#: A problem that comes back so soon after it was resolved is the same alert: a check that flaps is not a new problem
#: at each turn.
COMES_BACK_WITHIN = timedelta(days=1)

_MAX_FILE_NAME = 120
# A rule code is an identifier. Anything else in its place could be a cell that slipped through.
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,99}")


@dataclass(frozen=True)
class Alert:
    """One problem, in the words and with the evidence that its owner needs."""

    kind: Kind
    severity: Severity
    #: What makes it the same problem as one already open, beside the kind: `("food_spot_checks", 12)`.
    parts: tuple[str | int, ...]
    owner: str
    title_zh: str
    title_en: str
    action_zh: str
    action_en: str
    source: str | None = None
    delivery_id: int | None = None
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
    name = file_name(file_uri)
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
    name = file_name(file_uri)
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
    name = file_name(file_uri)
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


def file_name(uri: str) -> str:
    """The last part of a path or URL: where the landing lies on this machine is nobody's business."""
    name = one_line(re.split(r"[/\\]", uri.rstrip("/\\"))[-1], _MAX_FILE_NAME)
    return name or "?"


# --------------------------------------------------------------------------------------------------
# The life of an alert


class NotPossible(Exception):
    """There is no such alert, or it is over; the message says so."""


def open_alert(connection: psycopg.Connection, alert: Alert) -> None:
    """Open the alert in the caller's transaction; an open one of the same fingerprint gets the new evidence.

    One that was resolved less than `COMES_BACK_WITHIN` ago is opened again. What became worse is nobody's to have
    acknowledged.
    """
    values = {
        "fingerprint": alert.fingerprint,
        "kind": alert.kind,
        "severity": alert.severity,
        "source": alert.source,
        "delivery_id": alert.delivery_id,
        "owner": alert.owner,
        "title_zh": alert.title_zh,
        "title_en": alert.title_en,
        "action_zh": alert.action_zh,
        "action_en": alert.action_en,
        "evidence": Jsonb(alert.evidence),
        "dag_run_id": alert.dag_run_id,
        "comes_back": COMES_BACK_WITHIN,
    }
    connection.execute(
        "update ops.alert set resolved_at = null, reopened_count = reopened_count + 1, acknowledged_at = null,"
        " acknowledged_by = null, acknowledged_reason = null"
        " where alert_id = (select max(alert_id) from ops.alert where fingerprint = %(fingerprint)s)"
        " and resolved_at > now() - %(comes_back)s",
        values,
    )
    connection.execute(
        """
        insert into ops.alert as known
            (fingerprint, kind, severity, source, delivery_id, owner, title_zh, title_en,
             action_zh, action_en, evidence, dag_run_id)
        values (%(fingerprint)s, %(kind)s, %(severity)s, %(source)s, %(delivery_id)s, %(owner)s, %(title_zh)s,
             %(title_en)s, %(action_zh)s, %(action_en)s, %(evidence)s, %(dag_run_id)s)
        on conflict (fingerprint) where resolved_at is null do update set
            severity = excluded.severity, owner = excluded.owner,
            title_zh = excluded.title_zh, title_en = excluded.title_en,
            action_zh = excluded.action_zh, action_en = excluded.action_en,
            evidence = excluded.evidence, dag_run_id = excluded.dag_run_id,
            acknowledged_at = case when array_position(%(order)s, excluded.severity)
                >= array_position(%(order)s, known.severity) then known.acknowledged_at end
        """,
        values | {"order": list(get_args(Severity))},
    )


def resolve(connection: psycopg.Connection, subject: int | str, *, keep: Iterable[Alert] = ()) -> int:
    """Close the open alerts of a delivery (its id), or of a fingerprint and all that begin with it; how many.

    `keep` are alerts that still hold: a run that judges a delivery again resolves all but those it opens, and
    they stay one alert, told once. What is resolved before it was told is not told any more.
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


def acknowledge(connection: psycopg.Connection, alert_id: int, by: str, reason: str | None = None) -> str:
    """Somebody takes care: no more reminders until it is over or becomes worse. Returns its English title.

    Raises NotPossible.
    """
    found = connection.execute(
        "update ops.alert set acknowledged_at = now(), acknowledged_by = %s, acknowledged_reason = %s"
        " where alert_id = %s and resolved_at is null returning title_en",
        (by, reason, alert_id),
    ).fetchone()
    if found is None:
        raise NotPossible(f"There is no open alert {alert_id}: baotu alerts list")
    return str(found[0])


def one_line(text: str, limit: int) -> str:
    """Without line breaks, control and direction marks: a file name must not draw lines of its own."""
    plain = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    plain = re.sub(r" {2,}", " ", plain).strip()
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"
