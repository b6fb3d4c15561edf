"""Backups beside a publication, of every PostgreSQL, killed in the middle, on a full disk. The ledger is enough for that."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from baotu import backup
from baotu.embedded import Server
from baotu.warehouse import build_lock, connect, migrate
from tests.conftest import WarehouseServer, new_directory
from tests.pipeline.conftest import Installation

PASSWORD = "only-of-this-test-session"


def say(_step: str) -> None:
    """Nobody looks on."""


def ledger(url: str, *, rows: int = 1000) -> Installation:
    """A warehouse that no dbt has been to: one delivery with its bytes, and a mart that is about to be replaced."""
    made = Installation(url, new_directory("installation"))
    migrate(url)
    content = b"fictional"
    sha256 = backup.hashlib.sha256(content).hexdigest()
    (made.state / "archive").mkdir()
    (made.state / "archive" / sha256).write_bytes(content)
    with made.connect() as connection:
        connection.execute(
            "insert into ops.delivery (origin_id, source, file_uri, file_sha256, file_bytes, status, issued_on,"
            " issued_on_basis) values (1, 'food_spot_checks', 'file:///a.csv', %s, 9, 'refused', '2022-01-01', 'set')",
            (sha256,),
        )
        for schema in ("marts", "marts_next"):
            connection.execute(f"create schema {schema}".encode())
            query = f"create table {schema}.mart_x as select n, md5(n::text) from generate_series(1, {rows}) as n"
            connection.execute(query.encode())
        connection.execute("create unlogged table audit.food_spot_checks as select 1 as n")
    return made


@pytest.fixture
def made(warehouse_server: WarehouseServer) -> Iterator[Installation]:
    installation = ledger(warehouse_server.new_database("backed_up"))
    with installation.in_use():
        yield installation


@pytest.fixture
def fresh(warehouse_server: WarehouseServer) -> Installation:
    return Installation(warehouse_server.new_database("restored"), new_directory("installation"))


def is_empty(installation: Installation) -> bool:
    return installation.rows("select nspname from pg_namespace where nspname in ('ops', 'marts', 'raw')") == []


def test_what_is_published_meanwhile(
    made: Installation, fresh: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A swap waits: else marts are dumped by a name that now means tables in which the snapshot sees nothing."""
    dump, swapped = backup._dump, threading.Event()

    def publish() -> None:
        with build_lock(), connect() as connection:
            # As a build does it: what it publishes is younger than the snapshot.
            connection.execute("drop schema marts_next cascade")
            connection.execute("create schema marts_next")
            connection.execute("create table marts_next.mart_x as select 1 as n, 'younger' as md5")
            connection.execute("alter schema marts rename to marts_1")
            connection.execute("alter schema marts_next rename to marts")
        swapped.set()

    publisher = threading.Thread(target=publish)

    def beside(*arguments: Any) -> None:
        if publisher.ident is None:
            publisher.start()
            assert not swapped.wait(2)
        dump(*arguments)

    monkeypatch.setattr(backup, "_dump", beside)
    saved = backup.back_up(tmp_path, say)
    publisher.join(30)
    assert made.rows("select count(*) from marts.mart_x") == [{"count": 1}]
    with fresh.in_use():
        backup.restore(saved, say)
        assert fresh.rows("select count(*) from marts.mart_x") == [{"count": 1000}]
        # Of the slices that each run makes anew there is only the schema.
        assert fresh.rows(
            "select to_regnamespace('audit') is null as a, to_regclass('audit.food_spot_checks') as b"
        ) == [{"a": False, "b": None}]


@pytest.mark.parametrize("versions", [(16, 16), (16, 18)], ids=str)
def test_versions_of_postgresql(versions: tuple[int, int], tmp_path: Path) -> None:
    servers = [Server(new_directory("server"), version) for version in versions]
    try:
        urls = []
        for server in servers:
            server.start()
            server.ensure_role("baotu", PASSWORD)
            server.ensure_database("warehouse", "baotu")
            urls.append(server.url("baotu", PASSWORD, "warehouse") + "?sslmode=disable")
        with ledger(urls[0]).in_use():
            saved = backup.back_up(tmp_path, say)
        target = Installation(urls[1], new_directory("installation"))
        with target.in_use():
            assert backup.restore(saved, say)["postgres"] == 16
            assert target.rows("select count(*) from marts.mart_x") == [{"count": 1000}]
            assert len(list((target.state / "archive").iterdir())) == 1
    finally:
        for server in servers:
            server.remove()


def test_killed_in_the_middle(warehouse_server: WarehouseServer, fresh: Installation, tmp_path: Path) -> None:
    """Nothing of it is there, and the same call begins anew."""
    with ledger(warehouse_server.new_database("backed_up"), rows=500_000).in_use():
        saved = backup.back_up(tmp_path, say)
    code = "import sys; from pathlib import Path; from baotu import backup; backup.restore(Path(sys.argv[1]), print)"
    with fresh.in_use():
        child = subprocess.Popen([sys.executable, "-c", code, str(saved)], start_new_session=True)
        with psycopg.connect(warehouse_server.superuser_url, autocommit=True) as watching:
            deadline = time.monotonic() + 60
            query = "select pid from pg_stat_activity where datname = 'restored' and query like 'COPY marts%'"
            while watching.execute(query).fetchone() is None:
                assert child.poll() is None and time.monotonic() < deadline
            os.killpg(child.pid, 9)
            child.wait()
            left = "select pid from pg_stat_activity where datname = 'restored' and backend_type = 'client backend'"
            while watching.execute(left).fetchone() is not None:
                assert time.monotonic() < deadline
        assert is_empty(fresh)
        backup.restore(saved, say)
        assert fresh.rows("select count(*) from marts.mart_x") == [{"count": 500_000}]


def test_the_warehouse_comes_last(
    made: Installation, fresh: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While deliveries are still being copied nothing says that the restore is done."""
    saved = backup.back_up(tmp_path, say)
    with fresh.in_use(), monkeypatch.context() as patched:
        patched.setattr(backup.storage.Archive, "keep", lambda *_: (_ for _ in ()).throw(OSError("no space left")))
        with pytest.raises(OSError, match="no space"):
            backup.restore(saved, say)
    assert is_empty(fresh)


def test_a_full_disk(made: Installation, tmp_path: Path) -> None:
    """What could not be written whole is not there at all."""
    code = (
        "import resource, sys; from pathlib import Path; from baotu import backup;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); backup.back_up(Path(sys.argv[1]), print)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "pg_dump failed" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_the_archive_has_no_more(made: Installation, fresh: Installation, tmp_path: Path) -> None:
    """One rotten file costs that file, and is told; it does not cost the backup."""
    (kept,) = (made.state / "archive").iterdir()
    kept.write_bytes(b"rotten")
    command = [sys.executable, "-m", "baotu.cli", "backup", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and kept.name in done.stderr
    (saved,) = (path for path in tmp_path.iterdir() if path.name != "archive")
    with fresh.in_use():
        assert backup.restore(saved, say)["not_in_archive"] == [kept.name]


def test_remains_of_a_killed_backup(made: Installation, tmp_path: Path) -> None:
    """They go once they are old; one that another process may be writing stays."""
    old, young = tmp_path / ".2022-01-01T000000.aa.part", tmp_path / ".2022-01-01T000000.bb.part"
    for left in (old, young):
        left.mkdir()
    os.utime(old, (0, 0))
    backup.back_up(tmp_path, say)
    assert not old.exists() and young.exists()
