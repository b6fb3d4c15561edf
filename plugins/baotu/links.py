"""Which enterprise a named party is: what waits for a reviewer, and what reviewers decide.

A decision is a row of `ops.link_decision`; it wins over code, rules and model from the next build on, until it is
withdrawn. Nothing of it changes what was published.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import dict_row

from baotu.warehouse import run_by


class NotPossible(Exception):
    """The party, enterprise or decision is not there, or not unambiguous; the message says what there is."""


@dataclass(frozen=True)
class Party:
    """A name as deliveries write it, what it is linked to, and which enterprises it may be, the likeliest first."""

    party_id: str
    name: str
    uscc: str | None
    roles: str
    link_status: str
    link_rule: str | None
    enterprise: str | None
    decision_id: int | None
    candidates: list[dict[str, Any]] = field(default_factory=list)


_PARTIES = """
    select party.party_id::text, party.party_name as name, party.uscc, party.roles, link.link_status, link.link_rule,
        link.decision_id, (select name.enterprise_name from core.dim_enterprise_name as name
            where name.enterprise_id = link.enterprise_id order by name.valid_from_on desc nulls last limit 1) as enterprise
    from core.dim_party as party
    inner join core.bridge_party_enterprise as link using (party_id)
"""


def counts(connection: psycopg.Connection) -> list[dict[str, Any]]:
    """How many parties have which status, by which rule."""
    return (
        connection.cursor(row_factory=dict_row)
        .execute(
            "select link_status, link_rule, count(*) as parties from core.bridge_party_enterprise"
            " group by link_status, link_rule order by link_status, parties desc"
        )
        .fetchall()
    )


def parties(connection: psycopg.Connection, status: str, limit: int) -> list[Party]:
    """Parties of a status with their candidates; those of the most recent deliveries first."""
    cursor = connection.cursor(row_factory=dict_row)
    found = cursor.execute(
        f"{_PARTIES} where link.link_status = %s order by party.last_seen_on desc, party.party_id limit %s",
        (status, limit),
    ).fetchall()
    return _with_candidates(cursor, found)


def party(connection: psycopg.Connection, wanted: str) -> Party:
    """The party of that id, or the beginning of one. Raises NotPossible."""
    cursor = connection.cursor(row_factory=dict_row)
    found = cursor.execute(f"{_PARTIES} where party.party_id::text like %s limit 2", (f"{wanted}%",)).fetchall()
    if len(wanted) < 8 or len(found) != 1:
        told = "several parties begin so" if len(found) > 1 else "no party has this id"
        raise NotPossible(f"{wanted!r}: {told}; give its id, or the first eight characters: baotu links list")
    return _with_candidates(cursor, found)[0]


def decide(connection: psycopg.Connection, wanted: str, code: str | None, reason: str) -> tuple[Party, int]:
    """Link a party to the enterprise with this code, or to none of the register's. Replaces an earlier decision."""
    chosen = party(connection, wanted)
    enterprise_id = None
    if code is not None:
        rows = connection.execute(
            "select distinct enterprise_id from core.dim_enterprise_identifier where identifier = stats.normalize_uscc(%s)",
            (code,),
        ).fetchall()
        if len(rows) != 1:
            told = "several enterprises have it" if rows else "the register has no enterprise with it"
            raise NotPossible(f"Code {code!r}: {told}; codes of candidates: baotu links show {wanted}")
        enterprise_id = rows[0][0]
    with connection.transaction():
        connection.execute(
            "update ops.link_decision set withdrawn_at = now(), withdrawn_by = %(by)s, withdrawn_reason = %(why)s"
            " where party_id = %(party)s and withdrawn_at is null",
            {"by": run_by(), "why": f"replaced: {reason}", "party": chosen.party_id},
        )
        row = connection.execute(
            "insert into ops.link_decision (party_id, enterprise_id, reason, decided_by) values (%s, %s, %s, %s)"
            " returning decision_id",
            (chosen.party_id, enterprise_id, reason, run_by()),
        ).fetchone()
    assert row is not None
    return chosen, row[0]


def withdraw(connection: psycopg.Connection, decision_id: int, reason: str) -> None:
    """Take a decision back: rules and model count again. Raises NotPossible."""
    done = connection.execute(
        "update ops.link_decision set withdrawn_at = now(), withdrawn_by = %s, withdrawn_reason = %s"
        " where decision_id = %s and withdrawn_at is null returning 1",
        (run_by(), reason, decision_id),
    ).fetchone()
    if done is None:
        raise NotPossible(f"There is no decision {decision_id} in force: baotu links list --status linked")


def _with_candidates(cursor: psycopg.Cursor[dict[str, Any]], found: Sequence[dict[str, Any]]) -> list[Party]:
    candidates: dict[str, list[dict[str, Any]]] = {row["party_id"]: [] for row in found}
    for row in cursor.execute(
        "select candidate.party_id::text, candidate.rule, candidate.score, candidate.matched_name, code.identifier,"
        " matched.evidence from core.party_candidate as candidate inner join core.dim_party as party using (party_id)"
        # The code by which a reviewer names it: the unified one, else what it has.
        " left join lateral (select held.identifier from core.dim_enterprise_identifier as held"
        " where held.enterprise_id = candidate.enterprise_id"
        " order by held.scheme = 'USCC' desc, held.valid_from_on desc limit 1) as code on true"
        " left join ops.name_match as matched on candidate.rule like 'model%%' and matched.party_key = party.name_key"
        " and matched.enterprise_key = stats.normalize_name(candidate.matched_name)"
        " where candidate.party_id = any(%s::uuid[]) order by candidate.party_id, candidate.candidate_no",
        (list(candidates),),
    ):
        candidates[row.pop("party_id")].append(row)
    return [Party(**row, candidates=candidates[row["party_id"]]) for row in found]
