"""One run over a source, the same under the scheduler and from the command line: discover, load, validate."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baotu import freshness, gate, landing, publish
from baotu.sources import Source, load_source
from baotu.warehouse import connect, source_lock

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Problem:
    """A delivery that did not get through: what an operator reads in a red task, without cell values."""

    delivery_id: int
    file_name: str
    status: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file_name} (delivery {self.delivery_id}) {self.status}: {self.reason}"


def discover(source_id: str) -> int:
    """How many files of the landing area are new or changed."""
    with connect() as connection:
        found = landing.discover(connection, load_source(source_id))
    for candidate in found:
        log.info("new: %s", candidate.name)
    return len(found)


def load(source_id: str, dag_run_id: str | None = None) -> list[landing.Landed]:
    """Take every new file of the landing area."""
    source = load_source(source_id)
    with connect() as connection:
        found = landing.discover(connection, source)
        connection.commit()
        return landing.load(connection, source, found, dag_run_id=dag_run_id)


def validate(source_id: str, dag_run_id: str | None = None) -> list[gate.Verdict]:
    """Judge what is landed, this run's files and those that an earlier run left."""
    source = load_source(source_id)
    verdicts = gate.validate(source, dag_run_id=dag_run_id)
    if verdicts:
        with connect() as connection:
            freshness.check(connection, source)
    for verdict in verdicts:
        log.info(
            "%s: %s, %s rows, %s quarantined",
            verdict.file_uri.rsplit("/", 1)[-1],
            verdict.status,
            verdict.rows_read,
            verdict.rows_quarantined,
        )
    return verdicts


def problems(source_id: str, dag_run_id: str) -> list[Problem]:
    """Deliveries of this run that were refused or rejected; read from the ledger, so that a rerun says the same."""
    with connect() as connection:
        return [
            Problem(delivery_id, uri.rsplit("/", 1)[-1], status, "; ".join(r["en"] for r in reasons or []))
            for delivery_id, uri, status, reasons in connection.execute(
                "select delivery_id, file_uri, status, status_reason from ops.delivery where source = %s"
                " and dag_run_id = %s and status in ('refused', 'rejected') order by delivery_id",
                (source_id, dag_run_id),
            )
        ]


def is_publishable() -> bool:
    """Whether a build would find a delivery version that none has applied."""
    with connect() as connection:
        return publish.is_due(connection)


def load_files(
    source: Source, paths: Iterable[Path], given: Mapping[str, Any]
) -> tuple[list[landing.Landed], list[gate.Verdict]]:
    """`baotu load`: files named by a person, loaded and judged as a run of the DAG would."""
    with connect() as connection:
        landed = landing.load(connection, source, map(landing.local_file, paths), given=given)
    return landed, gate.validate(source)


def dry_run(source: Source, path: Path, given: Mapping[str, Any]) -> tuple[landing.Landed, gate.Verdict | None]:
    """Read and judge one file as `load` would, then forget it; what a crash left of an earlier one is forgotten too."""
    # Under the lock all the way: another one of the same source would forget this one in its middle.
    with source_lock(source.id):
        with connect() as connection:
            forget_dry_runs(connection, source)
            landed = landing.load(connection, source, [landing.local_file(path)], given=given, dry_run=True)
        if not landed:
            raise landing.FileChanged(f"{path.name} changed while it was read; try again when it is whole")
        try:
            judged = landed[0].status == "dry_run"
            verdicts = gate.validate_locked(source, dry_run_of=[landed[0].delivery_id]) if judged else []
            return landed[0], verdicts[0] if verdicts else None
        finally:
            with connect() as connection:
                forget_dry_runs(connection, source)


def forget_dry_runs(connection: Any, source: Source) -> None:
    """Delete what dry runs left, those that a crash ended too. The caller holds the source's lock."""
    with connection.transaction():
        ids = [
            row[0]
            for row in connection.execute(
                "select delivery_id from ops.delivery where source = %s and status = 'dry_run'", (source.id,)
            )
        ]
        if not ids:
            return
        for table in (f"staging.stg_{source.id}", f"raw.{source.id}"):
            if connection.execute("select to_regclass(%s)", (table,)).fetchone()[0]:
                connection.execute(f"delete from {table} where delivery_id = any(%s)", (ids,))
        connection.execute("delete from ops.validation_run where delivery_ids <@ %s::bigint[]", (ids,))
        connection.execute("delete from ops.delivery where delivery_id = any(%s)", (ids,))
