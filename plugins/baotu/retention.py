"""Raw rows that a source's policy takes out of the warehouse: kept exactly in the archive, and back when they are needed.

What a row has become (staging, core, marts, whatever was published) stays, and so do the delivered file, the ledger and
every decision. Two things read raw rows again, and bring them back first: a full refresh of staging, and a correction
that names them. Rows that may be looked at otherwise are not taken out (`_DUE`).

A killed process loses nothing: the archive has the rows on its disk before the transaction that takes them out commits,
and bytes that no delivery names do no harm there.
"""

import csv
import gzip
import hashlib
import io
import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from baotu import storage
from baotu.sources import Source
from baotu.warehouse import build_lock, connect, source_lock

log = logging.getLogger(__name__)

#: Of a partition that takes no more deliveries. PostgreSQL reads it once, under a lock, to see that it holds nothing
#: else: in about a second at this size (docs/decisions.md). Ten years of a city's register are a dozen of them.
ROLL_BYTES = 1 << 30
#: Whoever uses a partition meanwhile goes first; whoever comes after us does not wait longer than this for our turn.
_PATIENCE = "set local lock_timeout = '10s'"

#: Deliveries whose rows nobody looks at any more. Not those of rows that are held back or that a person readmitted,
#: which later readings of their file are compared with, nor of files that take part in a correction.
_DUE = """
    from ops.delivery as delivery
    where source = %(source)s and raw_archived_at is null and rows_read > 0
        and status in ('accepted', 'replaced', 'withdrawn')
        and landed_at < now() - make_interval(months => %(months)s)
        and not exists (select from quarantine.row as line where line.delivery_id = delivery.delivery_id
            and (line.resolved_at is null or line.resolution = 'accepted'))
        and not exists (select from ops.correction as note
            where note.delivery_id = delivery.delivery_id or note.origin_id = delivery.origin_id)
"""


class RetentionError(Exception):
    """Raw rows cannot leave or come back as they are; nothing was changed."""


@dataclass(frozen=True)
class Partition:
    """A part of raw.<source>: deliveries from one number to before another, without end for the open one."""

    name: str
    first: int | None
    before: int | None


def partitions(connection: psycopg.Connection, source_id: str) -> list[Partition]:
    """In their order; none of a table that has not been partitioned yet."""
    return [
        Partition(*row)
        for row in connection.execute(
            r"""
            select relname, substring(bounds from 'FROM \(''(\d+)''\)')::bigint, substring(bounds from 'TO \(''(\d+)''\)')::bigint
            from pg_inherits
            inner join pg_class on oid = inhrelid
            cross join lateral pg_get_expr(relpartbound, oid) as bounds
            where inhparent = to_regclass(%s)
            order by 2 nulls first
            """,
            (f"raw.{source_id}",),
        )
    ]


def roll(connection: psycopg.Connection, source_id: str) -> bool:
    """Begin a new partition where the open one has grown large. The connection is in no transaction."""
    found = partitions(connection, source_id)
    if not found:
        return False
    last = found[-1]
    names = sql.Identifier("raw", source_id), sql.Identifier("raw", last.name)
    size = connection.execute("select pg_total_relation_size(%s)", (f"raw.{last.name}",)).fetchone()
    if size is None or size[0] < ROLL_BYTES:
        return False
    try:
        with build_lock(), source_lock(source_id), connection.transaction():
            connection.execute(_PATIENCE)
            # Loads have none of these locks. One that has its number and waits here finds its place in the old partition.
            connection.execute(sql.SQL("lock table {} in access exclusive mode").format(names[0]))
            row = connection.execute("select nextval(pg_get_serial_sequence('ops.delivery', 'delivery_id'))").fetchone()
            assert row is not None
            first = sql.SQL("minvalue") if last.first is None else sql.Literal(last.first)
            connection.execute(sql.SQL("alter table {} detach partition {}").format(*names))
            connection.execute(
                sql.SQL("alter table {} attach partition {} for values from ({}) to ({})").format(
                    *names, first, sql.Literal(row[0])
                )
            )
            connection.execute(
                sql.SQL("create table {} partition of {} for values from ({}) to (maxvalue)").format(
                    sql.Identifier("raw", f"{source_id}_p{row[0]}"), names[0], sql.Literal(row[0])
                )
            )
    except psycopg.errors.LockNotAvailable:
        log.warning("raw.%s is in use: it gets its new partition at the next round", source_id)
        return False
    return True


# Out of raw


def retire(source: Source) -> int:
    """Take out what the source's policy keeps no longer; the rows of how many deliveries.

    Of a partition that is done with altogether the space is free at once, else for the rows that come next. Raises
    RetentionError, StorageError.
    """
    if source.keep_raw_months is None:
        return 0
    retired = 0
    with connect(autocommit=True) as connection:
        for partition in partitions(connection, source.id):
            limits = {"first": partition.first or 0, "before": partition.before}
            within = " and delivery_id >= %(first)s and (%(before)s::bigint is null or delivery_id < %(before)s)"
            due: dict[int, int] = dict(
                connection.execute(
                    f"select delivery_id, rows_read {_DUE} {within} order by 1",
                    {"source": source.id, "months": source.keep_raw_months} | limits,
                ).fetchall()
            )
            others = connection.execute(
                "select exists (select from ops.delivery where source = %(source)s and raw_archived_at is null"
                f" and rows_read > 0 and delivery_id <> all(%(due)s) {within})",
                {"source": source.id, "due": list(due)} | limits,
            ).fetchone()
            is_whole = bool(due) and others == (False,)
            for group in [due] if is_whole else [{number: rows} for number, rows in due.items()]:
                archived = {number: _archive(connection, source.id, number, rows) for number, rows in group.items()}
                try:
                    retired += _take_out(connection, source, partition, archived, sum(group.values()), is_whole)
                except psycopg.errors.LockNotAvailable:
                    log.warning("raw.%s is in use: its rows are taken out at the next round", partition.name)
                    break
            if due:
                connection.execute(sql.SQL("vacuum (analyze) {}").format(sql.Identifier("raw", partition.name)))
    return retired


def _archive(connection: psycopg.Connection, source_id: str, delivery_id: int, rows_read: int) -> str:
    """Write the rows of a delivery into the archive and read them there again; the name of what it keeps."""
    archive = storage.archive()
    with archive.draft() as draft:
        # Without a time in it: the same rows are the same bytes, however often they come and go.
        packed = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=draft.file, mtime=0)
        with io.BufferedWriter(packed, storage.CHUNK) as out, connection.cursor() as cursor:
            with cursor.copy(
                sql.SQL(
                    "copy (select * from {} where delivery_id = {} order by row_no) to stdout (format csv, header)"
                ).format(sql.Identifier("raw", source_id), sql.Literal(delivery_id))
            ) as copy:
                for chunk in copy:
                    out.write(chunk)
            rows = cursor.rowcount
        if rows != rows_read:
            raise RetentionError(
                f"raw.{source_id} has {rows} rows of delivery {delivery_id}, and {rows_read} were read: they stay there."
                f" See: baotu deliveries show {delivery_id}"
            )
        draft.file.flush()
        sha256 = _digest(draft.path)
        archive.keep(draft, sha256, is_only_copy=True)
    # Of this name there may have been a copy before, and who knows in which state.
    with _held(sha256, f"the rows of delivery {delivery_id}"):
        return sha256


def _take_out(
    connection: psycopg.Connection,
    source: Source,
    partition: Partition,
    archived: Mapping[int, str],
    rows: int,
    is_whole: bool,
) -> int:
    """Note where the rows are and take them out, in one transaction; of how many deliveries.

    Build and source are locked: a dump or a full refresh that has begun sees the rows and the ledger of one moment.
    """
    table = sql.Identifier("raw", partition.name)
    with build_lock(), source_lock(source.id), connection.transaction():
        connection.execute(_PATIENCE)
        if is_whole:
            connection.execute(sql.SQL("lock table {} in access exclusive mode").format(table))
        # First the lock, then the look: a correction that names one of them may have landed since.
        ids = list(archived)
        connection.execute("select from ops.delivery where delivery_id = any(%s) for no key update", (ids,))
        still = connection.execute(
            f"select count(*) {_DUE} and delivery_id = any(%(ids)s)",
            {"source": source.id, "months": source.keep_raw_months, "ids": ids},
        ).fetchone()
        if still != (len(ids),):
            return 0
        if is_whole:
            counted = connection.execute(sql.SQL("select count(*) from {}").format(table)).fetchone()
            taken = counted[0] if counted else None
            connection.execute(sql.SQL("truncate {}").format(table))
        else:
            taken = connection.execute(
                sql.SQL("delete from {} where delivery_id = any(%s)").format(table), (ids,)
            ).rowcount
        if taken != rows:
            raise RetentionError(f"raw.{partition.name} has {taken} rows, and {rows} were archived: they stay there")
        connection.cursor().executemany(
            "update ops.delivery set raw_archived_sha256 = %s, raw_archived_at = now() where delivery_id = %s",
            [(sha256, number) for number, sha256 in archived.items()],
        )
    return len(ids)


# And back


def archived(connection: psycopg.Connection, source_id: str) -> list[int]:
    """Deliveries whose rows are not in raw."""
    return [
        number
        for (number,) in connection.execute(
            "select delivery_id from ops.delivery where source = %s and raw_archived_at is not null order by 1",
            (source_id,),
        )
    ]


def bring_back(connection: psycopg.Connection, source_id: str, delivery_ids: Collection[int]) -> int:
    """Copy the rows of these deliveries into raw again, exactly, where they are not there; of how many.

    In the caller's transaction, until the end of which none of these deliveries is taken out. Columns that the source has
    gained since are null. Raises StorageError where the archive has lost or damaged the rows, RetentionError.
    """
    brought = 0
    for number, sha256, rows_read in connection.execute(
        "select delivery_id, raw_archived_sha256, rows_read from ops.delivery where delivery_id = any(%s)"
        " order by delivery_id for no key update",
        (list(delivery_ids),),
    ).fetchall():
        if sha256 is None:
            continue
        with _held(sha256, f"the rows of delivery {number}") as path:
            rows = _copy_back(connection, source_id, path)
        if rows != rows_read:
            raise RetentionError(
                f"The archive has {rows} rows of delivery {number} ({sha256}), and {rows_read} were read"
            )
        connection.execute(
            "update ops.delivery set raw_archived_sha256 = null, raw_archived_at = null where delivery_id = %s",
            (number,),
        )
        brought += 1
    return brought


def _copy_back(connection: psycopg.Connection, source_id: str, path: Path) -> int:
    with gzip.open(path, "rb") as packed, connection.cursor() as cursor:
        columns = next(csv.reader([packed.readline().decode()]))
        with cursor.copy(
            sql.SQL("copy {} ({}) from stdin (format csv)").format(
                sql.Identifier("raw", source_id), sql.SQL(", ").join(map(sql.Identifier, columns))
            )
        ) as copy:
            while chunk := packed.read(storage.CHUNK):
                copy.write(chunk)
        return cursor.rowcount


@contextmanager
def _held(sha256: str, what: str) -> Iterator[Path]:
    """A file with exactly these bytes of the archive. Raises StorageError, which says what to do."""
    archive = storage.archive()
    try:
        archive.location(sha256)
    except FileNotFoundError as error:
        raise storage.StorageError(
            f"{archive.setting} {archive.url}: {what} should be there as {sha256}, and are not; put that file back from a"
            " backup's archive/"
        ) from error
    with archive.held(sha256) as path:
        if (found := _digest(path)) != sha256:
            raise storage.StorageError(
                f"{archive.setting} {archive.url}: {what} are damaged: {sha256} has the SHA-256 {found}; put that file back"
                " from a backup's archive/"
            )
        yield path


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
