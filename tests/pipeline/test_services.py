"""Airflow's four commands, for real: started, robbed of a port, killed, stopped without a trace."""

import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from conftest import WarehouseServer, new_directory

from baotu import services
from baotu.embedded import embedded_server, start_embedded
from baotu.services import Client, ServiceError
from baotu.settings import Credentials, settings

pytestmark = pytest.mark.operations

TINY_DAG = """
import hashlib, os, subprocess, sys, time
from pathlib import Path
from airflow.sdk import Asset, dag, task

@dag(schedule=None)
def tiny():
    @task(outlets=[Asset("done")])
    def work():
        # As a careless task does: a child that leaves the session.
        subprocess.Popen(["sleep", "987"], start_new_session=True)
        seen = {name: os.environ.get(name) for name in ("BAOTU_STATE_DIR", "DO_NOT_TRACK")}
        # Not the URL itself: Airflow logs what a task returns.
        seen["warehouse"] = hashlib.sha256(os.environ["BAOTU_WAREHOUSE_URL"].encode()).hexdigest()
        seen["preloaded"] = "great_expectations" in sys.modules and "dbt.cli.main" in sys.modules
        return seen
    work()

@dag(schedule=[Asset("done")])
def woken():
    @task
    def nothing():
        pass
    nothing()

tiny()
woken()
"""


@pytest.fixture
def own_state(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = new_directory("state")
    monkeypatch.setenv("BAOTU_STATE_DIR", str(path))
    settings.cache_clear()
    try:
        yield path
    finally:
        services.stop(print, patience=2)
        embedded_server().remove()
        monkeypatch.undo()
        settings.cache_clear()


def processes_below(home: Path) -> dict[int, str]:
    """Living processes that know this AIRFLOW_HOME, or are of the sessions that were recorded for it.

    Asked of the kernel here, not of the code under test.
    """
    sessions = set(RECORDED)
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            environment = Path(f"/proc/{process.pid}/environ").read_bytes()
            ours = f"AIRFLOW_HOME={home}".encode() in environment or os.getsid(process.pid) in sessions
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = " ".join(process.cmdline())
    return found


#: Session ids of all services that were ever seen running.
RECORDED: set[int] = set()


def recorded(home: Path) -> dict[str, int]:
    state = json.loads((home / "services.json").read_text())
    RECORDED.update(service["session"] for service in state["services"])
    return {service["name"]: service["pid"] for service in state["services"]}


def finished(client: Client, dag_id: str, run_id: str) -> str:
    deadline = time.monotonic() + 90
    while (state := client.run(dag_id, run_id)["state"]) in ("queued", "running"):
        assert time.monotonic() < deadline, f"{dag_id} is still {state}"
        time.sleep(0.3)
    return str(state)


def test_airflow_lives_and_dies_as_we_say(own_state: Path) -> None:
    began = datetime.now().astimezone()
    said: list[str] = []
    dags, plugins = new_directory("dags"), new_directory("plugins")
    (dags / "tiny.py").write_text(TINY_DAG)
    home = own_state / "airflow"
    start_embedded()
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # somebody else's is as good
            stack.enter_context(socket.create_server(("127.0.0.1", 8080)))
        addresses = services.start(said.append, dags=dags, plugins=plugins)
    port = int(addresses.airflow_url.rpartition(":")[2])
    pids = recorded(home)

    # Another port, and it was said.
    assert port != 8080
    assert any("8080 is taken" in line for line in said)

    # Listeners: this machine only, and no more than the API server and PostgreSQL.
    def listeners() -> set[tuple[object, ...]]:
        data = str(embedded_server().data)
        found: set[tuple[object, ...]] = set()
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.pid in processes_below(home) or os.readlink(f"/proc/{process.pid}/cwd") == data:
                    listening = process.net_connections(kind="inet")
                    found |= {tuple(c.laddr) for c in listening if c.status == psutil.CONN_LISTEN}
        return found

    assert listeners() == {("127.0.0.1", port), ("127.0.0.1", embedded_server().port)}
    assert all(status.is_running and status.is_healthy for status in services.status())
    health = httpx.get(f"{addresses.airflow_url}/api/v2/monitor/health", trust_env=False).json()
    assert {part["status"] for part in health.values()} == {"healthy"}

    # The API: our password, and no other.
    password = Credentials().get("AIRFLOW_ADMIN_PASSWORD")
    assert password
    with pytest.raises(ServiceError, match="401"):
        Client(addresses.airflow_url, "admin").run("tiny", "x")
    with services.airflow_api() as client:
        client.wait_for_dag("tiny", 30)
        client.wait_for_dag("woken", 30)
        run_id = client.trigger("tiny", {"why": "test"})
        assert finished(client, "tiny", run_id) == "success"
        assert client.run("tiny", run_id)["conf"] == {"why": "test"}
        assert [(t["task_id"], t["state"]) for t in client.task_instances("tiny", run_id)] == [("work", "success")]
        seen = client._call("GET", f"/api/v2/dags/tiny/dagRuns/{run_id}/taskInstances/work/xcomEntries/return_value")
        value = seen["value"] if isinstance(seen["value"], dict) else json.loads(seen["value"])
        assert value == {
            "warehouse": hashlib.sha256(Credentials().all()["BAOTU_EMBEDDED_URL"].encode()).hexdigest(),
            "BAOTU_STATE_DIR": str(own_state),
            "DO_NOT_TRACK": "1",
            "preloaded": True,
        }
        # One run by the task, one by us; what comes before the scheduler has looked would be one run for both.
        for expected in (1, 2):
            deadline = time.monotonic() + 60
            while len(client.dag_runs("woken", began)) < expected and time.monotonic() < deadline:
                time.sleep(0.3)
            assert len(client.dag_runs("woken", began)) == expected
            if expected == 1:
                client.send_asset_event("done")
        assert client.dag_runs("~", began + timedelta(days=1)) == []
        (dags / "broken.py").write_text("from airflow.sdk import dag\nnonsense")
        with pytest.raises(ServiceError, match=r"broken\.py|dag-processor\.log"):
            client.wait_for_dag("never", 1)
        with pytest.raises(ServiceError, match="no Asset nothing"):
            client.send_asset_event("nothing")
        with pytest.raises(ServiceError, match="404"):
            client.trigger("never")

    # Secrets: in no log and on no command line, in closed files only.
    said_aloud = {str(path): path.read_text() for path in addresses.logs.iterdir()} | processes_below(home)
    assert "Running the API server" in said_aloud[str(services.log_path("api-server"))]
    assert any("scheduler" in line for line in said_aloud.values())
    secrets = {name: value for name, value in Credentials().all().items() if not name.endswith("_URL")}
    assert not [(name, where) for name, value in secrets.items() for where in said_aloud if value in said_aloud[where]]
    assert (home / "passwords.json").stat().st_mode & 0o777 == 0o600
    assert home.stat().st_mode & 0o777 == 0o700

    # Again: nothing happens.
    assert services.start(said.append, dags=dags, plugins=plugins) == addresses
    assert recorded(home) == pids

    # kill -9 of all four leaves LocalExecutor's workers and the careless child behind; a start clears them.
    before = set(processes_below(home))
    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.5)
    assert set(processes_below(home))  # they are there
    assert not any(status.is_running for status in services.status())
    again = services.start(said.append, dags=dags, plugins=plugins)
    assert again == addresses  # the port is remembered
    assert not set(recorded(home).values()) & set(pids.values())
    assert not before & set(processes_below(home))
    assert all(status.is_healthy for status in services.status())
    with services.airflow_api() as client:
        assert finished(client, "tiny", client.trigger("tiny")) == "success"
    assert (addresses.logs / "scheduler.log.1").exists()

    # Once a day, beside the running system, old runs and logs go, and their space is there for what follows.
    def counted() -> tuple[int, int, int]:
        with psycopg.connect(Credentials().all()["BAOTU_EMBEDDED_AIRFLOW_URL"]) as connection:
            found = connection.execute(
                "select (select count(*) from dag_run where dag_id = 'tiny'), (select count(*) from task_instance),"
                " (select count(*) from pg_stat_user_tables where relname = 'task_instance' and last_vacuum is not null)"
            ).fetchone()
            assert found is not None
            return found

    with services.airflow_api() as client:  # what runs is not old
        deadline = time.monotonic() + 60
        while [run["state"] for run in client.dag_runs("woken", began)] != ["success"] * 3:
            assert time.monotonic() < deadline
            time.sleep(0.3)
    runs, tasks, _ = counted()
    services.housekeeping(said.append, keep_days=0)  # of a new installation only the day is noted
    assert counted()[0] == runs == 2 and counted()[2] == 0
    services._save(cleaned_at="2000-01-01T00:00:00+00:00")
    for _ in range(2):
        services.housekeeping(said.append, keep_days=0)
    assert said.count("cleaning Airflow's database and logs") == 1
    assert counted()[0] < runs and counted()[1] < tasks and counted()[2] == 1
    assert not list((home / "logs").glob("dag_id=tiny/**/*.log"))

    # In between, without a scheduler: its orphans hang on nothing but their session.
    os.kill(recorded(home)["scheduler"], signal.SIGKILL)
    services.stop(said.append)
    assert processes_below(home) == {}
    assert not any(status.is_running for status in services.status())
    assert recorded(home) == {}
    services.stop(said.append)  # safe to repeat


def test_a_recorded_session_of_another_life_is_left_alone(own_state: Path) -> None:
    home = services.airflow_home()
    home.mkdir(parents=True)
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        record = {"name": "scheduler", "pid": stranger.pid, "session": stranger.pid, "create_time": 0.0}
        started = services._look(stranger.pid)
        assert started
        # The same pid with another start time: the pid was used again.
        for epoch, ticks in ((services._epoch(), started.started - 1), ("another boot", started.started)):
            state = {"epoch": epoch, "services": [record | {"started": ticks}]}
            (home / "services.json").write_text(json.dumps(state))
            services.stop(print, patience=1)
            assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_processes_are_found_without_any_record(own_state: Path) -> None:
    mark = {services.MARK: str(services.airflow_home())}
    lost = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], env=os.environ | mark, start_new_session=True
    )
    time.sleep(0.3)
    services.stop(print)
    assert lost.wait(5) == -signal.SIGKILL


def test_a_proxy_of_the_site_is_not_asked_for_this_machine(own_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAOTU_WAREHOUSE_URL", "postgresql://u:p@127.0.0.1:1/w")
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://a:p@127.0.0.1:1/a?sslmode=require")
    monkeypatch.setenv("NO_PROXY", "intranet.example")
    settings.cache_clear()
    environment = services.airflow_environment(8090, dags=Path("/somewhere"))
    assert environment["NO_PROXY"] == environment["no_proxy"] == "127.0.0.1,intranet.example,localhost"
    assert environment["AIRFLOW__CORE__DAGS_FOLDER"] == "/somewhere"
    for name in ("CORE__EXECUTION_API_SERVER_URL", "API__BASE_URL", "API__PORT"):
        assert "8090" in environment[f"AIRFLOW__{name}"]
    assert (
        environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == "postgresql+psycopg2://a:p@127.0.0.1:1/a?sslmode=require"
    )


def test_metadata_beside_a_warehouse_of_ones_own(
    own_state: Path, warehouse_server: WarehouseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAOTU_WAREHOUSE_URL", warehouse_server.url)
    settings.cache_clear()

    def administer(statement: str) -> None:
        with psycopg.connect(warehouse_server.superuser_url, autocommit=True) as connection:
            connection.execute(statement.encode())

    try:
        with pytest.raises(ServiceError, match=r"no CREATEDB.*AIRFLOW__DATABASE__SQL_ALCHEMY_CONN.*CREATE DATABASE"):
            services.metadata_url()
        administer("alter role baotu createdb")
        made = services.metadata_url()
        assert made.endswith("/airflow")
        with psycopg.connect(made, autocommit=True) as connection:
            connection.execute("create table alembic_version (version_num text)")
        assert services.metadata_url() == made  # ours, and in use
        administer("comment on database airflow is null")
        with pytest.raises(ServiceError, match="not Baotu's"):  # another Airflow's
            services.metadata_url()
        administer("alter database airflow allow_connections false")
        with pytest.raises(ServiceError, match="cannot be reached"):
            services.metadata_url()
        monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://told@127.0.0.1/other")
        assert services.metadata_url() == "postgresql://told@127.0.0.1/other"
    finally:
        administer("alter role baotu nocreatedb")
        administer("drop database if exists airflow with (force)")
