"""What people decide about deliveries: each act is a row of ops.decision, and the ledger follows."""

from collections.abc import Collection
from dataclasses import dataclass

import psycopg
from psycopg.types.json import Jsonb

from baotu import alerts, gate, landing, quarantine
from baotu.sources import Source, load_source
from baotu.warehouse import connect, run_by, source_lock

#: From which states an act makes sense, and where it leads.
_ACTS = {
    "accept": ({"rejected", "withdrawn"}, "accepted"),
    "reject": ({"accepted"}, "rejected"),
    "withdraw": ({"accepted", "rejected", "landed"}, "withdrawn"),
}


class NotPossible(Exception):
    """The act does not fit the delivery's state; the message says what does."""


@dataclass(frozen=True)
class Decided:
    """The delivery that the act led to (a new one after `retry`), its status and the reasons in English."""

    delivery_id: int
    status: str
    reasons: tuple[str, ...] = ()


def decide(delivery_id: int, action: str, reason: str) -> Decided:
    """Accept, reject or withdraw a delivery. Takes effect for readers with the next build.

    Raises NotPossible for an unknown delivery or one in a state that the act does not fit.
    """
    allowed, target = _ACTS[action]
    with connect() as connection:
        source = _source_of(connection, delivery_id)
    with source_lock(source), connect() as connection, connection.transaction():
        row = connection.execute(
            "select status, rows_read, replaces_id from ops.delivery where delivery_id = %s for update", (delivery_id,)
        ).fetchone()
        assert row is not None
        status, rows_read, _ = row
        if status not in allowed:
            hint = (
                f"; it was not read, so fix the cause and run: baotu deliveries retry {delivery_id} --reason …"
                if (status == "refused")
                else ""
            )
            raise NotPossible(
                f"Delivery {delivery_id} is {status}; {action} needs one of: {', '.join(sorted(allowed))}{hint}"
            )
        other = connection.execute(
            "select other.delivery_id from ops.delivery as other inner join ops.delivery as this using (origin_id)"
            " where this.delivery_id = %s and other.status = 'accepted'",
            (delivery_id,),
        ).fetchone()
        if action == "accept" and other is not None:
            raise NotPossible(f"Delivery {other[0]} is an accepted reading of the same file; withdraw it first")
        if (
            action == "accept"
            and connection.execute(
                "select 1 from ops.delivery where delivery_id = %s and validated_at is null", (delivery_id,)
            ).fetchone()
        ):
            raise NotPossible(f"Delivery {delivery_id} was never validated; run: baotu deliveries retry {delivery_id}")
        _record(connection, delivery_id, action, reason)
        held = quarantine.held_rows(connection, delivery_id)
        said = [{"code": "decision", "zh": f"人工决定:{reason}", "en": f"a person decided: {reason}"}]
        connection.execute(
            "update ops.delivery set status = %s, status_reason = %s, rows_quarantined = %s, rows_accepted = %s"
            " where delivery_id = %s",
            (target, Jsonb(said), held, (rows_read or 0) - held, delivery_id),
        )
        alerts.resolve(connection, delivery_id)
        quarantine.settle(connection, source)
    return Decided(delivery_id, target, (reason,))


@dataclass(frozen=True)
class Readmitted:
    """Rows that count now, rows of the same choice that another rule still holds back, and what is held in all."""

    delivery_id: int
    status: str
    rows: tuple[int, ...]
    still_held: tuple[int, ...]
    rows_quarantined: int


def readmit(
    delivery_id: int, reason: str, *, rule: str | None = None, rows: Collection[int] | None = None
) -> Readmitted:
    """Let rows count that a rule holds back, as they are: what staging could not read stays missing.

    Holds for later readings of the same file too. Raises NotPossible when there are no such rows.
    """
    with connect() as connection:
        source = _source_of(connection, delivery_id)
    with source_lock(source), connect() as connection, connection.transaction():
        row = connection.execute(
            "select status, rows_read from ops.delivery where delivery_id = %s for update", (delivery_id,)
        ).fetchone()
        assert row is not None
        status, rows_read = row
        if status not in ("accepted", "rejected"):
            raise NotPossible(
                f"Delivery {delivery_id} is {status}; rows are readmitted to one that is accepted or rejected"
            )
        chosen = sorted(
            {
                row_no
                for (row_no,) in connection.execute(
                    "update quarantine.row set resolved_at = now(), resolved_by = %(by)s, resolution = 'accepted'"
                    " where delivery_id = %(delivery)s and resolved_at is null"
                    " and (%(rule)s::text is null or rule = %(rule)s)"
                    " and (%(rows)s::bigint[] is null or row_no = any(%(rows)s)) returning row_no",
                    {"by": run_by(), "delivery": delivery_id, "rule": rule, "rows": list(rows) if rows else None},
                )
            }
        )
        if not chosen or (rows and set(rows) - set(chosen)):
            missing = sorted(set(rows or ()) - set(chosen))
            which = f" in row {', '.join(map(str, missing))}" if missing else ""
            raise NotPossible(
                f"Nothing{f' by rule {rule}' if rule else ''} is held back{which} of delivery {delivery_id};"
                f" see: baotu quarantine list --delivery {delivery_id} --rows"
            )
        connection.execute(
            "insert into ops.decision (subject, delivery_id, action, reason, decided_by, detail)"
            " values ('delivery', %s, 'accept_rows', %s, %s, %s)",
            (delivery_id, reason, run_by(), Jsonb({"rule": rule, "rows": chosen})),
        )
        held = quarantine.held_rows(connection, delivery_id)
        connection.execute(
            "update ops.delivery set rows_quarantined = %s, rows_accepted = %s where delivery_id = %s",
            (held, (rows_read or 0) - held, delivery_id),
        )
        still = connection.execute(
            "select distinct row_no from quarantine.row where delivery_id = %s and row_no = any(%s)"
            " and resolved_at is null order by 1",
            (delivery_id, chosen),
        ).fetchall()
        if not connection.execute(
            "select 1 from quarantine.row where delivery_id = %s and resolved_at is null", (delivery_id,)
        ).fetchone():
            alerts.resolve(connection, f"quarantine/{source}/{delivery_id}")
        quarantine.settle(connection, source)
    held_by_others = tuple(row_no for (row_no,) in still)
    counted = tuple(row_no for row_no in chosen if row_no not in held_by_others)
    return Readmitted(delivery_id, status, counted, held_by_others, held)


def retry(delivery_id: int, reason: str) -> Decided:
    """Read the archived file again with today's YAML, seeds and rules, and judge it.

    What it replaces stays in force until the new verdict. Raises NotPossible, FileNotFoundError.
    """
    with connect() as connection:
        source = load_source(_source_of(connection, delivery_id))
        outcome = read_again(connection, source, delivery_id, reason)
    if outcome.status == "refused":
        return Decided(outcome.delivery_id, "refused", tuple(en for _, _, en in outcome.notes))
    for verdict in gate.validate(source):
        if verdict.delivery_id == outcome.delivery_id:
            return Decided(verdict.delivery_id, verdict.status, tuple(r["en"] for r in verdict.reasons))
    # Another run judged it between our load and our turn at the lock.
    with connect() as connection:
        row = connection.execute(
            "select status from ops.delivery where delivery_id = %s", (outcome.delivery_id,)
        ).fetchone()
    return Decided(outcome.delivery_id, row[0] if row else "unknown")


def read_again(
    connection: psycopg.Connection, source: Source, delivery_id: int, reason: str, *, dag_run_id: str | None = None
) -> landing.Landed:
    """Land the archived file as a new reading, in a transaction of its own, and keep who wanted it and why.

    Raises NotPossible when it was read again since, FileNotFoundError when the archive does not hold it.
    """
    with connection.transaction():
        newest = connection.execute(
            "select max(delivery_id) from ops.delivery where origin_id ="
            " (select origin_id from ops.delivery where delivery_id = %s) and status <> 'dry_run'",
            (delivery_id,),
        ).fetchone()
        if newest is not None and newest[0] != delivery_id:
            raise NotPossible(f"Delivery {delivery_id} was read again since, as {newest[0]}; retry that one")
        _record(connection, delivery_id, "retry", reason)
        return landing.reread(connection, source, delivery_id, dag_run_id=dag_run_id)


def _source_of(connection: psycopg.Connection, delivery_id: int) -> str:
    row = connection.execute("select source from ops.delivery where delivery_id = %s", (delivery_id,)).fetchone()
    if row is None:
        raise NotPossible(f"There is no delivery {delivery_id}; see: baotu deliveries list")
    found: str = row[0]
    return found


def _record(connection: psycopg.Connection, delivery_id: int, action: str, reason: str) -> None:
    connection.execute(
        "insert into ops.decision (subject, delivery_id, action, reason, decided_by)"
        " values ('delivery', %s, %s, %s, %s)",
        (delivery_id, action, reason, run_by()),
    )
