"""The embedded PostgreSQL, for real: started, killed, robbed of its port, asked without a password."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from conftest import new_directory

from baotu import embedded
from baotu.embedded import Server, ServerError, start_embedded, stop_embedded
from baotu.settings import Credentials, settings

pytestmark = pytest.mark.operations


@pytest.fixture(params=[16, 18])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    made = Server(new_directory("server") / "postgres", request.param)
    yield made
    made.remove()
    assert processes_in(made.data) == []


@pytest.fixture
def own_state(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = new_directory("state")
    monkeypatch.setenv("BAOTU_STATE_DIR", str(path))
    settings.cache_clear()
    yield path
    embedded.embedded_server().remove()
    monkeypatch.undo()
    settings.cache_clear()


def processes_in(data: Path) -> list[int]:
    """Asked of the kernel here, not of the code under test."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if os.readlink(f"/proc/{process.pid}/cwd") == str(data) and process.status() != "zombie":
                found.append(process.pid)
    return found


def ask(url: str, question: str) -> object:
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        cursor = connection.execute(question.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def postmaster(server: Server) -> int:
    return int((server.data / "postmaster.pid").read_text().split()[0])


def keep_a_row(server: Server) -> None:
    with psycopg.connect(server.superuser_url(), autocommit=True) as connection:
        connection.execute("create table kept as select 7 as n")


def test_a_restart_keeps_data_port_and_password(server: Server) -> None:
    server.start()
    keep_a_row(server)
    url = server.superuser_url()
    server.stop()
    assert not server.is_running
    assert processes_in(server.data) == []
    server.start()
    assert server.superuser_url() == url
    assert ask(url, "select n from kept") == 7
    assert ask(url, "select current_setting('server_version_num')::int / 10000") == server.version


def test_a_second_start_changes_nothing(server: Server) -> None:
    server.start()
    before = postmaster(server)
    Server(server.directory, server.version).start()
    assert postmaster(server) == before


def test_it_is_set_up_as_promised(server: Server) -> None:
    server.start()
    url = server.superuser_url()
    assert ask(url, "show timezone") == "Asia/Shanghai"
    assert ask(url, "show server_encoding") == "UTF8"
    assert ask(url, "show data_checksums") == "on"
    assert ask(url, "select '济' < '章' and 'Z' < 'a'") is True  # by code point, on every machine
    if server.version >= 17:
        assert ask(url, "select concat(datlocprovider, datlocale) from pg_database limit 1") == "bC.UTF-8"
    listeners = set()
    for pid in processes_in(server.data):
        with contextlib.suppress(psutil.NoSuchProcess):  # workers come and go
            for connection in psutil.Process(pid).net_connections(kind="all"):
                if connection.status == psutil.CONN_LISTEN or connection.family == socket.AF_UNIX:
                    listeners.add(connection.laddr[:2])
    assert listeners == {("127.0.0.1", server.port)}


def test_a_password_is_required(server: Server) -> None:
    server.start()
    address = f"postgresql://postgres{{}}@127.0.0.1:{server.port}/postgres"
    for wrong in ("", ":", ":postgres"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(address.format(wrong), connect_timeout=5)
    methods = "select string_agg(distinct auth_method, ',') from pg_hba_file_rules"
    assert ask(server.superuser_url(), methods) == "scram-sha-256"


def test_no_password_in_logs_or_command_lines(server: Server) -> None:
    server.start()
    server.ensure_role("somebody", "swordfish-of-somebody")
    with pytest.raises(psycopg.Error):  # a statement that fails is logged with its text
        server.ensure_role("pg_reserved", "swordfish-of-nobody")
    password = Credentials(server.directory / "credentials").get("POSTGRES_PASSWORD")
    assert password
    said = server.log.read_text() + (server.data / "postmaster.opts").read_text()
    assert "pg_reserved" in said  # the failure did come by here
    assert password not in said
    assert "swordfish" not in said


def kill_postmaster(server: Server) -> None:
    os.kill(postmaster(server), signal.SIGKILL)


def kill_all(server: Server) -> None:
    for pid in processes_in(server.data):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("kill", [kill_postmaster, kill_all])
def test_it_recovers_from_kill_9(server: Server, kill: Callable[[Server], None]) -> None:
    server.start()
    keep_a_row(server)
    before = postmaster(server)
    kill(server)
    server.start()  # at once: the children of a killed postmaster may still be there
    assert postmaster(server) != before
    assert ask(server.superuser_url(), "select n from kept") == 7


def test_an_orphan_that_hangs_is_ended(server: Server) -> None:
    server.start()
    keep_a_row(server)
    children = [pid for pid in processes_in(server.data) if pid != postmaster(server)]
    os.kill(children[0], signal.SIGSTOP)  # it cannot notice that its postmaster is gone
    kill_postmaster(server)
    server.start()
    assert children[0] not in processes_in(server.data)
    assert ask(server.superuser_url(), "select n from kept") == 7


def test_a_stale_pid_of_a_zombie_or_a_stranger(server: Server) -> None:
    server.start()
    lines = (server.data / "postmaster.pid").read_text().splitlines()
    server.stop()
    zombie = subprocess.Popen(["true"])  # not waited for, as in a container without an init
    deadline = time.monotonic() + 5
    while psutil.Process(zombie.pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        time.sleep(0.01)
    for pid in (zombie.pid, os.getpid(), os.getppid()):
        (server.data / "postmaster.pid").write_text("\n".join([str(pid), *lines[1:]]) + "\n")
        assert not server.is_running
        server.start()
        assert ask(server.superuser_url(), "select 1") == 1
        server.stop()
    zombie.wait()


def test_a_killed_initialisation_is_begun_again(server: Server) -> None:
    draft = server.directory / "data.part"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    server.directory.chmod(0o711)
    server.start()
    assert ask(server.superuser_url(), "select 1") == 1
    assert not draft.exists()
    assert not (server.directory / "password.part").exists()


def test_the_wrong_version_is_refused() -> None:
    server = Server(new_directory("server") / "postgres", 16)
    try:
        server.start()
        server.stop()
        with pytest.raises(ServerError, match="is of PostgreSQL 16"):
            Server(server.directory, 18).start()
        with pytest.raises(ServerError, match="no embedded PostgreSQL 12"):
            Server(server.directory, 12)
    finally:
        server.remove()


def test_a_taken_port_is_given_up_and_urls_follow(own_state: Path) -> None:
    start_embedded()
    before = Credentials().get("BAOTU_EMBEDDED_URL")
    port = embedded.embedded_server().port
    stop_embedded()
    with socket.create_server(("127.0.0.1", port)):
        start_embedded()
        credentials = Credentials().all()
        assert embedded.embedded_server().port != port
        assert credentials["BAOTU_EMBEDDED_URL"] != before
        for name in ("BAOTU_EMBEDDED_URL", "BAOTU_EMBEDDED_AIRFLOW_URL", "BAOTU_BI_URL"):
            assert ask(credentials[name], "select 1") == 1


def test_the_port_may_be_lost_while_it_starts(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    real = embedded.free_port
    with socket.create_server(("127.0.0.1", 0)) as thief:
        taken = thief.getsockname()[1]
        answers = iter([taken])
        monkeypatch.setattr(embedded, "free_port", lambda preferred: next(answers, None) or real(preferred))
        server.start()
        assert server.port != taken


def test_roles_are_kept_apart(own_state: Path) -> None:
    start_embedded()
    credentials = Credentials().all()
    start_embedded()  # safe to repeat, and no password changes
    assert Credentials().all() == credentials
    assert (own_state / "credentials").stat().st_mode & 0o777 == 0o600
    baotu, airflow, reader = (
        credentials[name] for name in ("BAOTU_EMBEDDED_URL", "BAOTU_EMBEDDED_AIRFLOW_URL", "BAOTU_BI_URL")
    )
    assert len({url.split(":")[2].split("@")[0] for url in (baotu, airflow, reader)}) == 3
    rights = "select concat(rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls) from pg_roles"
    for url, database in ((baotu, "baotu"), (airflow, "airflow")):
        assert ask(url, f"{rights} where rolname = current_user") == "fffff"
        ask(url, "create schema mine")
        for other in {"baotu", "airflow", "postgres", "template1"} - {database}:
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                ask(url.rpartition("/")[0] + f"/{other}", "select 1")
    steward = credentials["BAOTU_STEWARD_URL"]
    assert ask(steward, "select pg_has_role('bi_reader', 'usage')")
    for bi in (reader, steward):
        assert ask(bi, "show default_transaction_isolation") == "read committed"
        assert ask(bi, "show statement_timeout") == "1min"
        assert ask(bi, "select rolconnlimit from pg_roles where rolname = current_user") == 40
        assert ask(bi, f"{rights} where rolname = current_user") == "fffff"
        for database in ("airflow", "postgres"):
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                ask(bi.rpartition("/")[0] + f"/{database}", "select 1")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another user")
def test_root_in_a_closed_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = new_directory("elsewhere")
    closed = new_directory("closed")
    closed.chmod(0o700)  # as /root is
    monkeypatch.setattr(embedded, "SYSTEM_DIRECTORY", elsewhere)
    # The programs as well: an environment below /root.
    real = Server._reaches
    monkeypatch.setattr(Server, "_reaches", staticmethod(lambda a, path: path.name != "postgres" and real(a, path)))
    server = Server(closed / "cluster")
    server.start()
    keep_a_row(server)
    assert server.data.is_relative_to(elsewhere)
    seen = []
    for pid in processes_in(server.data):
        # The backend of a session that has just been closed may end while it is asked.
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            seen.append((process.uids().real, process.exe()))
    programs = {program for _, program in seen} - {""}
    assert programs and all(Path(program).is_relative_to(elsewhere) for program in programs)
    assert all(uid != 0 for uid, _ in seen)
    server.stop()
    server.start()
    assert ask(server.superuser_url(), "select n from kept") == 7
    assert closed.stat().st_mode & 0o777 == 0o700
    data = server.data
    server.remove()
    assert not data.parent.exists()
