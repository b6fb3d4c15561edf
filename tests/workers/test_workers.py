"""Profiles `workers` and `s3`: CeleryExecutor with two workers, Debian's Redis, the archive in an object store (moto's), and
people who sign in by Flask-AppBuilder; the services of docker-compose.yml as processes.

All DAGs run, on both workers; a worker that dies in the middle of a task loses and doubles nothing.
"""

import csv
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from conftest import new_directory

from baotu.embedded import Server
from baotu.samples import uscc, write_samples
from baotu.services import Client
from tests.containers.engine import SERVICES, Containers, made_env

WORKERS = ("worker-1", "worker-2")
SOURCES = tuple(path.stem for path in (Path(__file__).parents[2] / "dags" / "sources").glob("*.yml"))

pytestmark = pytest.mark.timeout(1500)


@pytest.fixture(scope="module")
def containers() -> Iterator[Containers]:
    if not shutil.which("redis-server"):
        pytest.fail("No Redis: apt-get install redis-server", pytrace=False)
    server = Server(new_directory("compose"))
    try:
        server.start()
        password = re.search(r"://postgres:([^@]*)@", server.superuser_url())
        assert password is not None
        made = Containers(
            server.port,
            made_env()
            | {
                "POSTGRES_PASSWORD": password[1],
                "BAOTU_EXECUTOR": "CeleryExecutor",
                "BAOTU_SIGN_IN": "fab",
                "BAOTU_ARCHIVE_URL": "s3://baotu_s3@baotu/archive",
            },
        )
        try:
            made.start_redis()
            made.start_s3("baotu")
            done = made.run("init", SERVICES["init"]["command"])
            assert done.returncode == 0, done.stderr
            for name in ("api-server", "dag-processor", "triggerer"):
                made.start(name)
            made.wait_until_healthy("api-server")
            for name in ("scheduler", *WORKERS):
                made.start(name)
            for name in ("scheduler", *WORKERS):
                made.wait_until_healthy(name)
            yield made
        finally:
            made.stop_all()
    finally:
        server.remove()


@pytest.fixture(scope="module")
def api(containers: Containers) -> Iterator[Client]:
    with Client(f"http://127.0.0.1:{containers.port}", containers.values["AIRFLOW_ADMIN_PASSWORD"]) as client:
        for dag_id in (*(f"ingest_{source}" for source in SOURCES), "build_marts", "maintain_warehouse"):
            client.wait_for_dag(dag_id)
        yield client


@pytest.fixture
def warehouse(containers: Containers) -> Iterator[psycopg.Connection[Any]]:
    url = f"postgresql://baotu:{containers.values['WAREHOUSE_PASSWORD']}@127.0.0.1:{containers.postgres_port}/baotu"
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def ended(api: Client, dag_id: str, run_id: str, seconds: float = 400) -> str:
    """The state in which a run ends."""
    deadline = time.monotonic() + seconds
    while (state := str(api.run(dag_id, run_id)["state"])) in ("queued", "running"):
        assert time.monotonic() < deadline, tasks(api, dag_id, run_id)
        time.sleep(0.5)
    return state


def tasks(api: Client, dag_id: str, run_id: str) -> list[tuple[str, str, int, str]]:
    return [
        (task["task_id"], task["state"], task["try_number"], task["hostname"])
        for task in api.task_instances(dag_id, run_id)
    ]


def extract(containers: Containers, case: str, rows: int) -> str:
    """A registry's extract, large enough that somebody can die in the middle of it; the name of the file.

    Each case has bytes of its own: those of another would be known, and would add nothing but a sighting.
    """
    folder = containers.root / "landing" / "enterprise_registry"
    folder.mkdir(exist_ok=True)
    path = folder / f"{case}_20220101.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["企业名称", "统一社会信用代码", "注册日期", "经营状态", "地区", "注册地址"])
        for number in range(rows):
            writer.writerow([
                f"济南示例{case}{number}号商贸有限公司", uscc("370102", number), "2019-05-06", "存续", "历下区", f"解放路{number}号"
            ])  # fmt: skip
    os.utime(path, (time.time() - 60,) * 2)
    return path.name


def test_all_dags_run_and_both_workers_work(
    containers: Containers, api: Client, warehouse: psycopg.Connection[Any]
) -> None:
    write_samples(containers.root / "landing", containers.root / "truth.json", scale=0.02)
    for path in (containers.root / "landing").rglob("*"):
        os.utime(path, (time.time() - 60,) * 2)
    runs = {f"ingest_{source}": api.trigger(f"ingest_{source}") for source in SOURCES}
    states = {dag_id: ended(api, dag_id, run_id) for dag_id, run_id in runs.items()}
    # Two files are wrong on purpose; red is the run that found them, which may be the DAG's own, by the clock.
    assert states.pop("ingest_food_spot_checks") in ("success", "failed")
    assert states == dict.fromkeys(states, "success")
    worked = {host for dag_id, run_id in runs.items() for *_, host in tasks(api, dag_id, run_id)}
    assert worked - {""} == set(WORKERS)

    delivered = sum(
        path.is_file() and not path.name.endswith(".meta.yml")
        for source in SOURCES
        for path in (containers.root / "landing" / source).rglob("*")
    )
    # Some are empty extracts of the same bytes: sightings of one delivery.
    assert warehouse.execute("select count(distinct file_uri) from ops.delivery_sighting").fetchone() == (delivered,)
    read, kept = (
        warehouse.execute(
            "select sum(rows_read), sum(rows_accepted + rows_quarantined) from ops.delivery where status = 'accepted'"
        ).fetchone()
        or ()
    )
    assert read == kept > 0
    wrong = warehouse.execute("select status from ops.delivery where status <> 'accepted' order by 1").fetchall()
    assert wrong == [("refused",), ("rejected",)]

    deadline = time.monotonic() + 400
    while not warehouse.execute("select to_regclass('marts.mart_publication') is not null").fetchone()[0]:  # type: ignore[index]
        assert time.monotonic() < deadline, containers.log("scheduler").read_text()[-4000:]
        time.sleep(1)
    for dag_id, conf in {
        "check_freshness": {},
        "maintain_warehouse": {},
        "replay_deliveries": {"dry_run": True},
    }.items():
        assert ended(api, dag_id, api.trigger(dag_id, conf)) == "success", dag_id


#: Where each task is held until we have killed: its transaction is open, or it has the source's lock.
HELD_AT = {"load": "ops.delivery_sighting", "validate": "ops.check_result"}


def wait_for_waiting(warehouse: psycopg.Connection[Any], sessions: int, seconds: float = 400) -> None:
    """Until so many sessions of tasks wait for a lock."""
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and application_name = 'baotu'"
    deadline = time.monotonic() + seconds
    while (warehouse.execute(waiting).fetchone() or (0,))[0] < sessions:
        assert time.monotonic() < deadline, warehouse.execute(
            "select application_name, state, wait_event, query from pg_stat_activity where usename = 'baotu'"
        ).fetchall()
        time.sleep(0.1)


def at_work(api: Client, dag_id: str, task_id: str) -> tuple[str, str]:
    """Run and worker of a task that runs now. The run may be the DAG's own, by the clock: one is active at a time."""
    for run in api.dag_runs(dag_id, datetime.now(UTC) - timedelta(days=366)):
        if run["state"] == "running":
            for task, state, _, host in tasks(api, dag_id, run["dag_run_id"]):
                if task == task_id and state == "running" and host:
                    return run["dag_run_id"], host
    raise AssertionError(f"no {task_id} runs")


@pytest.mark.parametrize("how", ["whole", "parent"])
@pytest.mark.parametrize("where", ["load", "validate"])
def test_a_worker_that_dies_loses_and_doubles_nothing(
    containers: Containers, api: Client, warehouse: psycopg.Connection[Any], how: str, where: str
) -> None:
    """Its whole container, or only its main process, which leaves the task that it forked to run on beside its second try."""
    dag_id = "ingest_enterprise_registry"
    with psycopg.connect(warehouse.info.dsn, password=warehouse.info.password) as holder:
        holder.execute(f"lock table {HELD_AT[where]} in share mode")
        name = extract(containers, f"{where}-{how}", 60_000)
        api.trigger(dag_id)
        wait_for_waiting(warehouse, 1)
        run_id, host = at_work(api, dag_id, where)
        began = time.monotonic()
        dead = containers.running[host]
        try:
            if how == "whole":
                containers.kill(host)
            else:
                containers.running.pop(host)
                os.kill(dead.pid, signal.SIGKILL)
                dead.wait(10)
                # Neither has committed: the second waits for what the first, whose worker is dead, will do.
                wait_for_waiting(warehouse, 2)
            holder.rollback()
            state = ended(api, dag_id, run_id)
        finally:
            for left in containers.processes():  # whom the dead one left behind
                with suppress(psutil.Error, ProcessLookupError):
                    if os.getsid(left.pid) == dead.pid:
                        left.kill()
            containers.start(host)
    print(f"\n{where}, {how}: {state} {time.monotonic() - began:.0f} s after the kill")
    assert state == "success", tasks(api, dag_id, run_id)
    tries = {task: number for task, _, number, _ in tasks(api, dag_id, run_id)}
    assert tries[where] == 2, tries
    assert warehouse.execute(
        "select count(*), sum(rows_read), sum(rows_accepted + rows_quarantined) from ops.delivery"
        " where file_uri like %s and status = 'accepted'",
        [f"%/{name}"],
    ).fetchone() == (1, 60_000, 60_000), "".join(
        path.read_text()[-3000:]
        for path in sorted(
            (containers.root / "state" / "airflow" / "logs").rglob(f"run_id={run_id}/task_id=load/*.log")
        )
    )
    for layer in ("raw.enterprise_registry", "staging.stg_enterprise_registry"):
        assert warehouse.execute(
            f"select count(*), count(distinct row_no) from {layer} join ops.delivery using (delivery_id)"
            " where file_uri like %s",
            [f"%/{name}"],
        ).fetchone() == (60_000, 60_000), layer
    containers.wait_until_healthy(host)


def test_secrets_stay_and_nothing_else_listens(containers: Containers) -> None:
    secrets = {name: value for name, value in containers.values.items() if name.endswith("PASSWORD")}
    said = {name: containers.log(name).read_text() for name in containers.running}
    said |= {" ".join(process.cmdline()): " ".join(process.cmdline()) for process in containers.processes()}
    assert [(who, name) for who, text in said.items() for name, value in secrets.items() if value in text] == []
    logs = "".join(path.read_text() for path in (containers.root / "state").rglob("*.log"))
    assert [name for name, value in secrets.items() if value in logs] == []
    listening = {
        connection.laddr
        for process in containers.processes()
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert {tuple(address) for address in listening} == {
        ("127.0.0.1", containers.port),
        ("127.0.0.1", containers.redis_port),
        ("127.0.0.1", containers.s3_port),
    }


def test_stopped_they_leave_nothing(containers: Containers) -> None:
    assert not containers.is_healthy("worker-3")
    codes = containers.stop_all()
    assert {name: code for name, code in codes.items() if name not in ("triggerer", "s3")} == dict.fromkeys(
        {"api-server", "scheduler", "dag-processor", "redis", *WORKERS}, 0
    )
    assert containers.processes() == []
