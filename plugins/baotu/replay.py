"""Archived files read and judged again with today's YAML, seeds, rules and code; and first, what would differ."""

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from baotu import deliveries, gate, ingest, landing, quarantine
from baotu.deliveries import Decided, NotPossible
from baotu.sources import Source, load_source, load_sources
from baotu.versions import rules_version
from baotu.warehouse import connect, source_lock

log = logging.getLogger(__name__)

#: Of these a reading may end otherwise. What a person took back stays so.
STATUSES = ("accepted", "rejected", "refused")
EXTRA, ABSENT = "extra", "-"
#: Columns of staging that say where a row stands, not what it says.
_PLACE = frozenset({"delivery_id", "row_no", "part", "file_row", "item_no", "origin_id"})


@dataclass(frozen=True)
class Difference:
    """What a replay of one delivery would change. Counts only, never a cell value."""

    delivery_id: int
    file_name: str
    status: tuple[str, str]
    rows_read: tuple[int | None, int | None]
    #: Why it would be refused or rejected, in both languages.
    reasons: tuple[tuple[str, str], ...] = ()
    #: (part, header, column before, column after); EXTRA: kept as an unknown column, ABSENT: not there or not read.
    headers: tuple[tuple[str, str, str, str], ...] = ()
    #: Rule → rows held back before and after; None where rows are not counted.
    rules: dict[str, tuple[int | None, int | None]] = field(default_factory=dict)
    #: Column of staging → typed rows (items) whose value differs.
    columns: dict[str, int] = field(default_factory=dict)
    #: Typed rows that only one of the readings has.
    only_before: int = 0
    only_after: int = 0

    @property
    def is_none(self) -> bool:
        return (
            self.status[0] == self.status[1]
            and self.rows_read[0] == self.rows_read[1]
            and not (self.headers or self.columns or self.only_before or self.only_after)
            and all(before == after for before, after in self.rules.values())
        )

    def text(self) -> Iterator[str]:
        """As lines for a terminal or a log."""
        if self.is_none:
            yield f"[{self.delivery_id}] {self.file_name}: {self.status[0]}, nothing would differ"
            return
        yield f"[{self.delivery_id}] {self.file_name}: {_change(*self.status)}, rows read {_change(*self.rows_read)}"
        for part, header, before, after in self.headers:
            place = f"{part}: " if part else ""
            yield f"    header {place}{header!r}: {_change(before, after)}"
        for rule, (held, would_be) in self.rules.items():
            yield f"    {rule}: rows held back {_change(*('all' if n is None else n for n in (held, would_be)))}"
        if self.only_before or self.only_after:
            yield f"    typed rows that go: {self.only_before}, that come: {self.only_after}"
        for column, rows in self.columns.items():
            yield f"    {column}: {rows} typed rows differ"
        for zh, en in self.reasons:
            yield f"    {zh}"
            yield f"    {en}"


def _change(before: object, after: object) -> str:
    before, after = (ABSENT if value is None else value for value in (before, after))
    return f"{after}" if before == after else f"{before} → {after}"


def choose(
    connection: psycopg.Connection,
    *,
    source: str | None = None,
    delivery_ids: Collection[int] = (),
    rule: str | None = None,
    statuses: Collection[str] = (),
    not_of_run: str | None = None,
) -> dict[str, list[int]]:
    """Source → the deliveries that a replay is about, by id: newest readings of their files.

    By their ids; else by the rule that holds rows of them back; else by status; else those of the source that have
    something to gain: rows held back, rejected, refused. What the run `not_of_run` has read again is left out.
    Raises NotPossible when nothing is chosen.
    """
    if not (source or delivery_ids or rule or statuses):
        raise NotPossible("Say which deliveries: --source, --delivery, --rule or --status")
    if unknown := set(statuses) - set(STATUSES):
        raise NotPossible(f"Found status {', '.join(sorted(unknown))}; a replay is about {', '.join(STATUSES)}")
    if source:
        load_source(source)
    chosen: dict[str, list[int]] = {}
    for source_id, delivery_id in connection.execute(
        "select source, delivery_id from ops.delivery as delivery where status = any(%(statuses)s)"
        " and (%(source)s::text is null or source = %(source)s)"
        " and (%(ids)s::bigint[] is null or delivery_id = any(%(ids)s)) and dag_run_id is distinct from %(run)s"
        " and not exists (select from ops.delivery as newer where newer.origin_id = delivery.origin_id"
        " and newer.status <> 'dry_run' and newer.attempt > delivery.attempt)"
        " and (%(rule)s::text is null or exists (select from quarantine.row as held"
        " where held.delivery_id = delivery.delivery_id and held.rule = %(rule)s and held.resolved_at is null))"
        " and (%(all)s or status <> 'accepted' or exists (select from quarantine.row as held"
        " where held.delivery_id = delivery.delivery_id and held.resolved_at is null)) order by 1, 2",
        {
            "statuses": list(statuses or STATUSES),
            "source": source,
            "ids": list(delivery_ids) or None,
            "rule": rule,
            "run": not_of_run or "",
            "all": bool(delivery_ids or rule or statuses),
        },
    ):
        chosen.setdefault(source_id, []).append(delivery_id)
    if missing := set(delivery_ids) - {number for numbers in chosen.values() for number in numbers}:
        raise NotPossible(
            f"Delivery {', '.join(map(str, sorted(missing)))} is not there, was read again since, or was taken back:"
            " baotu deliveries list"
        )
    if not chosen:
        raise NotPossible("No delivery matches; see: baotu deliveries list, baotu quarantine list")
    return chosen


def replay(chosen: dict[str, list[int]], reason: str, *, dag_run_id: str | None = None) -> list[Decided]:
    """Read each delivery again, then judge them source by source; what they replace is in force until then.

    A file that the archive does not hold is told as `missing` and stops no other.
    """
    done: list[Decided] = []
    for source_id, numbers in chosen.items():
        source = load_source(source_id)
        landed: dict[int, Decided] = {}
        for number in numbers:
            with connect() as connection:
                try:
                    outcome = deliveries.read_again(connection, source, number, reason, dag_run_id=dag_run_id)
                except (FileNotFoundError, NotPossible) as error:
                    done.append(Decided(number, "missing", (str(error),)))
                    continue
            reasons = tuple(en for _, _, en in outcome.notes)
            landed[outcome.delivery_id] = Decided(outcome.delivery_id, outcome.status, reasons)
        for verdict in gate.validate(source, dag_run_id=dag_run_id):
            if verdict.delivery_id in landed:
                reasons = tuple(reason["en"] for reason in verdict.reasons)
                landed[verdict.delivery_id] = Decided(verdict.delivery_id, verdict.status, reasons)
        done += landed.values()
    return done


def dry_run(chosen: dict[str, list[int]]) -> list[Difference]:
    """What `replay` would change. Nothing is kept; runs of the same source wait meanwhile."""
    found: list[Difference] = []
    for source_id, numbers in chosen.items():
        source = load_source(source_id)
        with source_lock(source_id):
            try:
                with connect() as connection:
                    ingest.forget_dry_runs(connection, source)
                    connection.commit()
                    read: dict[int, landing.Landed] = {}
                    for number in numbers:
                        with connection.transaction():
                            try:
                                read[number] = landing.reread(connection, source, number, dry_run=True)
                            except FileNotFoundError as error:
                                found.append(_missing(connection, number, str(error)))
                ids = [landed.delivery_id for landed in read.values() if landed.status == "dry_run"]
                verdicts = {v.delivery_id: v for v in gate.validate_locked(source, dry_run_of=ids)} if ids else {}
                with connect() as connection:
                    found += [
                        _difference(connection, source, number, landed, verdicts.get(landed.delivery_id))
                        for number, landed in read.items()
                    ]
            finally:
                with connect() as connection:
                    ingest.forget_dry_runs(connection, source)
    return found


def outdated(connection: psycopg.Connection) -> list[tuple[str, str, int]]:
    """(source, status, deliveries) that other rules read and judged than today's: a replay might end otherwise."""
    counts: Counter[tuple[str, str]] = Counter()
    current = {source.id: rules_version(source) for source in load_sources().values()}
    for source_id, status, version, count in connection.execute(
        "select source, status, rules_version, count(*) from ops.delivery as delivery where status = any(%s)"
        " and not exists (select from ops.delivery as newer where newer.origin_id = delivery.origin_id"
        " and newer.status <> 'dry_run' and newer.attempt > delivery.attempt) group by 1, 2, 3",
        (list(STATUSES),),
    ):
        if version != current.get(source_id, version):
            counts[source_id, status] += count
    return [(source_id, status, count) for (source_id, status), count in sorted(counts.items())]


def _before(connection: psycopg.Connection, delivery_id: int) -> tuple[str, str, int | None, dict[str, Any]]:
    row = connection.execute(
        "select regexp_replace(file_uri, '^.*/', ''), status, rows_read, meta from ops.delivery where delivery_id = %s",
        (delivery_id,),
    ).fetchone()
    assert row is not None
    return row[0], row[1], row[2], row[3]


def _missing(connection: psycopg.Connection, delivery_id: int, why: str) -> Difference:
    name, status, rows, _ = _before(connection, delivery_id)
    return Difference(delivery_id, name, (status, "missing"), (rows, None), (("存档中没有该文件", why),))


def _difference(
    connection: psycopg.Connection,
    source: Source,
    delivery_id: int,
    landed: landing.Landed,
    verdict: gate.Verdict | None,
) -> Difference:
    name, status, rows, meta = _before(connection, delivery_id)
    held: dict[str, int] = dict(
        connection.execute(
            "select rule, count(distinct row_no) from quarantine.row where delivery_id = %s"
            f" and {quarantine.HELD} group by rule",
            (delivery_id,),
        ).fetchall()
    )
    after: dict[str, int | None] = verdict.rules if verdict else {}
    reasons = [(zh, en) for _, zh, en in landed.notes] if verdict is None else []
    reasons += [(reason["zh"], reason["en"]) for reason in verdict.reasons] if verdict else []
    columns, only_before, only_after = _typed(connection, source, delivery_id, landed.delivery_id)
    return Difference(
        delivery_id,
        name,
        (status, verdict.status if verdict else "refused"),
        (rows, verdict.rows_read if verdict else None),
        tuple(reasons),
        tuple(_headers(meta, landed)),
        {rule: (held.get(rule, 0), after.get(rule, 0)) for rule in sorted({*held, *after})},
        columns,
        only_before,
        only_after,
    )


def _headers(meta: dict[str, Any], landed: landing.Landed) -> Iterable[tuple[str, str, str, str]]:
    before = {
        (described["part"], header): column or EXTRA
        for described in meta.get("file", {}).get("parts", [])
        for header, column in described["columns"].items()
    }
    after = {
        (part, header): column or EXTRA
        for part, table in (landed.mapping or {}).items()
        for header, column in table.items()
    }
    if after:
        for part, header in dict.fromkeys([*before, *after]):
            was, would_be = (found.get((part, header), ABSENT) for found in (before, after))
            if was != would_be:
                yield part, header, was, would_be


def _typed(connection: psycopg.Connection, source: Source, before: int, after: int) -> tuple[dict[str, int], int, int]:
    """Typed rows that differ by column, and how many only one reading has; rows of the same place are compared."""
    table = sql.Identifier("staging", f"stg_{source.id}")
    columns: Sequence[str] = [
        name
        for (name,) in connection.execute(
            "select column_name from information_schema.columns where table_schema = 'staging' and table_name = %s"
            " order by ordinal_position",
            (f"stg_{source.id}",),
        )
        if name not in _PLACE
    ]
    counts = connection.execute(
        sql.SQL(
            "select count(*) filter (where new.row_no is null), count(*) filter (where old.row_no is null) {} from"
            " (select * from {table} where delivery_id = {before}) as old full join"
            " (select * from {table} where delivery_id = {after}) as new"
            " on old.part = new.part and old.file_row = new.file_row and old.item_no = new.item_no"
        ).format(
            sql.SQL("").join(
                sql.SQL(
                    ", count(*) filter (where old.row_no is not null and new.row_no is not null"
                    " and old.{name}::text is distinct from new.{name}::text)"
                ).format(name=sql.Identifier(name))
                for name in columns
            ),
            table=table,
            before=sql.Literal(before),
            after=sql.Literal(after),
        )
    ).fetchone()
    assert counts is not None
    return {name: count for name, count in zip(columns, counts[2:], strict=True) if count}, counts[0], counts[1]


def from_dag(
    *,
    source: str | None,
    delivery_ids: Collection[int],
    rule: str | None,
    status: str | None,
    reason: str | None,
    is_dry: bool,
    dag_run_id: str,
) -> list[str]:
    """The work of the DAG `replay_deliveries`; the sources that were replayed, none after a dry run.

    What would differ, or what became of each delivery, goes to the log. Raises NotPossible.
    """
    if not is_dry and not (reason or "").strip():
        raise NotPossible("A replay that is kept needs a reason: it stands in the ledger with who and when")
    with connect() as connection:
        # A retry after a kill goes on with what the first try had not read again, and judges what it had.
        begun: dict[str, list[int]] = {
            source_id: []
            for (source_id,) in connection.execute(
                "select distinct source from ops.delivery where dag_run_id = %s", (dag_run_id,)
            )
        }
        read_again = connection.execute(
            "select replaces_id from ops.delivery where dag_run_id = %s", (dag_run_id,)
        ).fetchall()
        wanted = [number for number in delivery_ids if (number,) not in read_again]
        if begun and delivery_ids and not wanted:
            chosen = begun
        else:
            try:
                chosen = begun | choose(
                    connection,
                    source=source,
                    delivery_ids=wanted,
                    rule=rule,
                    statuses=[status] if status else [],
                    not_of_run=dag_run_id,
                )
            except NotPossible:
                if not begun:
                    raise
                chosen = begun
    if is_dry:
        for found in dry_run(chosen):
            for line in found.text():
                log.info("%s", line)
        return []
    for decided in replay(chosen, reason or "", dag_run_id=dag_run_id):
        log.info("delivery %s: %s %s", decided.delivery_id, decided.status, "; ".join(decided.reasons))
    return sorted(chosen)
