"""Airflow's four long-running commands, started and stopped by us, and a client of its API.

Not `airflow standalone`: it listens on every interface, and TERM ends only the parent of its processes.
"""

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from importlib.metadata import version as distribution_version
from pathlib import Path
from typing import Any, NoReturn, Self
from urllib.parse import quote, urlsplit, urlunsplit

import httpx
import psutil
import psycopg
from dotenv import dotenv_values

from baotu.embedded import free_port
from baotu.settings import PROJECT, Credentials, settings
from baotu.warehouse import warehouse_url

Progress = Callable[[str], None]

#: Name -> command line, in the order of start. `-s`: no server of log files, which would open 0.0.0.0.
COMMANDS = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "-s"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "-s"],
}
#: Where tasks run with CeleryExecutor: as many containers of it as one likes, on any machine that reaches the others.
WORKER = {"worker": ["celery", "worker", "-s"]}
PREFERRED_PORT = 8080
#: Of each log, those of so many starts before are kept.
KEPT_LOGS = 5
#: The scheduler's repeats what tasks log, and it may run for months.
LOG_LIMIT = 20_000_000
#: Seconds without a heartbeat after which a container's service counts as ill; Airflow's own beat is 5.
HEARTBEAT_LIMIT = 30
#: In the environment of all that we start: finds what left its session, or outlived `services.json`.
MARK = "BAOTU_SERVICES"
METADATA_MARK = "Airflow metadata of Baotu"

_AUTH_MANAGERS = {
    "simple": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
    "fab": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
}
# In place of `airflow users create`, which wants the password on its command line.
_FAB_ADMIN = """
import sys
from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
password = sys.stdin.read()
with get_application_builder() as builder:
    people = builder.sm
    if (admin := people.find_user("admin")) is None:
        people.add_user("admin", "Baotu", "Admin", "admin@localhost", people.find_role("Admin"), password=password)
    else:
        people.reset_password(admin.id, password)
"""
_LOCAL_SETTINGS = '''\
"""Written by Baotu at each start of Airflow."""

import sys

# Nothing of this is a setting of Airflow's.
__all__: list[str] = []

# Tasks are forked from the scheduler or from a worker: what it has imported costs them nothing (4.5 s -> 0.14 s).
if sys.argv[1:2] == ["scheduler"] or sys.argv[1:3] == ["celery", "worker"]:
    import dbt.cli.main
    import great_expectations
'''

#: What we started and nobody has waited for yet; only to reap them where we are their parent.
_children: list[subprocess.Popen[bytes]] = []


class ServiceError(Exception):
    """Airflow cannot be started, stopped or asked; the message says what to do."""


@dataclass(frozen=True)
class Addresses:
    """Where a running Airflow is found."""

    airflow_url: str
    admin_user: str
    #: Name of the password in Credentials; the password itself is nobody's to print.
    admin_password_name: str
    logs: Path


@dataclass(frozen=True)
class ServiceStatus:
    """One of Airflow's commands: does it live, and does Airflow itself call it healthy?"""

    name: str
    pid: int | None
    is_running: bool
    is_healthy: bool
    #: None where it runs in another container.
    log: Path | None


@dataclass(frozen=True)
class _Process:
    """A line of the kernel's process table."""

    pid: int
    state: str
    session: int
    #: Clock ticks since boot: unlike a time of day, it does not move when the clock is set.
    started: int


@dataclass(frozen=True)
class _Record:
    """What we keep of a command: enough to know it again, and its session when it is dead."""

    name: str
    pid: int
    session: int
    started: int
    #: Time of day, for people.
    create_time: float


# Places


def airflow_home() -> Path:
    """AIRFLOW_HOME, below the state directory."""
    return settings().state_dir.absolute() / "airflow"


def log_path(name: str) -> Path:
    """Where a command's output goes; before its last start it is `<name>.log.1`, and so on."""
    return airflow_home() / "logs-services" / f"{name}.log"


# Environment


def _generated(name: str, make: Callable[[], str]) -> str:
    credentials = Credentials()
    found = credentials.get(name)
    if found is None:
        found = make()
        credentials.put(**{name: found})
    return found


def _environment_or_dotenv(name: str) -> str | None:
    return os.environ.get(name) or dotenv_values(PROJECT / ".env").get(name) or None


def metadata_url() -> str:
    """The libpq URL of Airflow's own database; made beside a warehouse of one's own if its role may.

    Raises ServiceError: there is none and none can be made, or the one found is another Airflow's. Raises
    WarehouseError when there is no warehouse.
    """
    warehouse = warehouse_url()
    if not settings().warehouse_url:
        url = Credentials().get("BAOTU_EMBEDDED_AIRFLOW_URL")
        if url is None:
            raise ServiceError("the embedded PostgreSQL was never started here: `baotu up`")
        return url
    own = _environment_or_dotenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN")
    if own is not None:
        return own
    beside = urlunsplit(urlsplit(warehouse)._replace(path="/airflow"))
    help_ = (
        "set AIRFLOW__DATABASE__SQL_ALCHEMY_CONN to a database for Airflow's own use, or let an "
        "administrator run: CREATE DATABASE airflow OWNER <the role of BAOTU_WAREHOUSE_URL>"
    )
    try:
        with psycopg.connect(warehouse, autocommit=True, connect_timeout=10) as connection:
            if connection.execute("select from pg_database where datname = 'airflow'").fetchone() is None:
                # Not by trying: a refusal would stand in the log of a server that is not ours.
                may = "select rolcreatedb or rolsuper from pg_roles where rolname = current_user"
                row = connection.execute(may).fetchone()
                if row is None or not row[0]:
                    raise ServiceError(
                        "Airflow needs a database of its own, and the warehouse's role may not make one "
                        f"(no CREATEDB): {help_}"
                    )
                connection.execute("create database airflow")
                connection.execute(f"comment on database airflow is '{METADATA_MARK}'")
        with psycopg.connect(beside, autocommit=True, connect_timeout=10) as connection:
            row = connection.execute(
                "select shobj_description(oid, 'pg_database'), to_regclass('public.alembic_version') is null"
                " from pg_database where datname = current_database()"
            ).fetchone()
            # Of this name on a server for many it is likely somebody else's, and `migrate` would change it.
            if row is not None and row[0] != METADATA_MARK and not row[1]:
                raise ServiceError(
                    "the database airflow beside the warehouse is in use by an Airflow that is not Baotu's. "
                    "If it is meant to be used, set AIRFLOW__DATABASE__SQL_ALCHEMY_CONN to it; else " + help_
                )
            if row is not None and row[0] != METADATA_MARK:
                with contextlib.suppress(psycopg.errors.InsufficientPrivilege):  # only its owner may mark it
                    connection.execute(f"comment on database airflow is '{METADATA_MARK}'")
    except psycopg.OperationalError as error:
        raise ServiceError(f"Airflow's database cannot be reached ({_first_line(error)}): {help_}") from error
    return beside


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _last_port() -> int | None:
    """The API server's: given with its URL, else where it was started last."""
    if url := settings().airflow_url:
        return urlsplit(url).port or 80
    port = _load().get("port")
    return int(port) if port else None


def _with_driver(url: str, driver: str) -> str:
    return f"postgresql+{driver}:{url.split(':', maxsplit=1)[1]}"


def airflow_environment(
    port: int | None = None, *, dags: Path | None = None, plugins: Path | None = None
) -> dict[str, str]:
    """The variables that make any `airflow` command one of this installation's, secrets included.

    `port` is the API server's: by default the one it has, or had last. Raises ServiceError, WarehouseError.
    """
    elsewhere = settings().airflow_url
    port = port or _last_port() or PREFERRED_PORT
    home = airflow_home()
    url = elsewhere or f"http://127.0.0.1:{port}"
    metadata = metadata_url()
    airflow = {
        "CORE__DAGS_FOLDER": str(dags or PROJECT / "dags"),
        "CORE__PLUGINS_FOLDER": str(plugins or PROJECT / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        **_execution(metadata),
        "CORE__DEFAULT_TIMEZONE": "Asia/Shanghai",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "CORE__FERNET_KEY": _generated(
            "AIRFLOW_FERNET_KEY", lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        ),
        "CORE__AUTH_MANAGER": _AUTH_MANAGERS[settings().sign_in],
        "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",  # name:role
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        # The default asks the DNS for a full name, which costs seconds where none answers.
        "CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "DATABASE__SQL_ALCHEMY_CONN": _with_driver(metadata, "psycopg2"),
        # Airflow 3.3 would derive asyncpg's, which does not know libpq's parameters (`?sslmode=require`).
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": _with_driver(metadata, "psycopg_async"),
        # A container is reached on its own interface; what of that the host publishes, the host decides.
        "API__HOST": (os.environ.get("AIRFLOW__API__HOST") if elsewhere else None) or "127.0.0.1",
        "API__PORT": str(port),
        "API__BASE_URL": url,
        "API__WORKERS": "1",
        "API__SECRET_KEY": _generated("AIRFLOW_SECRET_KEY", lambda: secrets.token_urlsafe(48)),
        # HS512 wants 64 bytes, and warns at each token when it has fewer.
        "API_AUTH__JWT_SECRET": _generated("AIRFLOW_JWT_SECRET", lambda: secrets.token_urlsafe(64)),
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "30",  # a new file was seen after 222 s with the default
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        # A task killed with its scheduler stays "running" for 24 s; with the defaults for 317 s.
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "20",
        "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
        # At 5, the default, a slot stays taken for 5 s after its task; failures are counted per beat.
        "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "WORKERS__MAX_FAILED_HEARTBEATS": "30",
        "LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "LOGGING__NAMESPACE_LEVELS": (
            "airflow.jobs=WARNING airflow.executors=WARNING airflow.serialization=WARNING "
            "airflow.models=WARNING airflow.dag_processing=WARNING http.access=WARNING"
        ),
    }
    # Tasks talk to the API server over HTTP; a site's proxy must not come between.
    direct = {"127.0.0.1", "localhost", *([urlsplit(elsewhere).hostname or ""] if elsewhere else [])}
    direct |= set(filter(None, os.environ.get("NO_PROXY", os.environ.get("no_proxy", "")).split(",")))
    return {f"AIRFLOW__{name}": value for name, value in airflow.items()} | {
        "AIRFLOW_HOME": str(home),
        "BAOTU_STATE_DIR": str(settings().state_dir.absolute()),
        "BAOTU_WAREHOUSE_URL": warehouse_url(),
        "DO_NOT_TRACK": "1",
        "SCARF_NO_ANALYTICS": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "GX_ANALYTICS_ENABLED": "false",
        "NO_PROXY": ",".join(sorted(direct)),
        "no_proxy": ",".join(sorted(direct)),
        # Chinese file names and sources under any locale.
        "PYTHONUTF8": "1",
        # dbt leaves semaphores to the end of a forked task; Python says so on stderr, which Airflow logs as an error.
        "PYTHONWARNINGS": "ignore::UserWarning:multiprocessing.resource_tracker",
    }


def _execution(metadata: str) -> dict[str, str]:
    """Where tasks run, and how many at once. Raises ServiceError."""
    if settings().executor == "LocalExecutor":
        return {
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": "4",  # 32, the default, keeps 32 idle workers of 130 MB
        }
    if not (broker := settings().broker_url):
        raise ServiceError("BAOTU_EXECUTOR is CeleryExecutor, so BAOTU_BROKER_URL must be set: redis://…")
    slots = int(os.environ.get("AIRFLOW__CELERY__WORKER_CONCURRENCY") or 4)
    return {
        "CORE__EXECUTOR": "CeleryExecutor",
        "CORE__PARALLELISM": "32",  # of all workers together; nothing waits idle for it
        "CELERY__BROKER_URL": broker,
        "CELERY__RESULT_BACKEND": f"db+{_with_driver(metadata, 'psycopg2')}",
        "CELERY__WORKER_CONCURRENCY": str(slots),
    }


# Processes


def _epoch() -> str:
    """Names this life of this machine or container: in another, recorded pids mean nothing."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    first = _look(1)
    return f"{boot}:{first.started if first else 0}"


def _look(pid: int) -> _Process | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(")") + 2 :].split()  # the name before it may hold anything
    return _Process(pid, fields[0], int(fields[3]), int(fields[19]))


def _processes() -> Iterator[_Process]:
    """All that live. Zombies do not: without an init, a container keeps every dead daemon as one."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            process = _look(int(entry))
            if process is not None and process.state not in "ZX":
                yield process


def _alive(record: _Record) -> bool:
    process = _look(record.pid)
    return process is not None and process.state not in "ZX" and process.started == record.started


def _marked(pid: int) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # gone, or another user's
        return False
    return f"{MARK}={airflow_home()}".encode() in environment


def _ours(records: Sequence[_Record]) -> list[int]:
    """Every living process of ours: in a recorded session, or carrying our mark."""
    # The kernel gives no pid anew while a session is called by it; a leader that is another proves that the
    # session was empty once, and is a stranger's now.
    sessions = {r.session for r in records if (leader := _look(r.session)) is None or leader.started == r.started}
    return [p.pid for p in _processes() if p.pid != os.getpid() and (p.session in sessions or _marked(p.pid))]


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _reap() -> None:
    _children[:] = [child for child in _children if child.poll() is None]


def _wait_for_end(records: Sequence[_Record], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while True:
        _reap()
        if not any(_alive(record) for record in records):
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)


def _sweep(records: Sequence[_Record]) -> int:
    """Kill until nothing is left: a worker may have forked in between. Raises ServiceError."""
    killed: set[int] = set()
    deadline = time.monotonic() + 20
    while left := _ours(records):
        if time.monotonic() > deadline:
            raise ServiceError(f"processes of Airflow do not end: {', '.join(map(str, left))}")
        for pid in left:
            _signal(pid, signal.SIGKILL)
        killed |= set(left)
        time.sleep(0.05)
        _reap()
    return len(killed)


# State


def _state_path() -> Path:
    return airflow_home() / "services.json"


def _load() -> dict[str, Any]:
    try:
        found = json.loads(_state_path().read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _save(**values: Any) -> None:
    merged = _load() | values
    draft = _state_path().with_suffix(".part")
    draft.write_text(json.dumps(merged, indent=1))
    draft.replace(_state_path())


def _records() -> list[_Record]:
    """What was started in this life of the machine, dead or alive."""
    state = _load()
    if state.get("epoch") != _epoch():
        return []
    return [_Record(**record) for record in state.get("services", [])]


@contextlib.contextmanager
def _lock(progress: Progress) -> Iterator[None]:
    home = airflow_home()
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)  # Airflow writes keys and passwords there, not all of them 0600
    with (home / "services.lock").open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another start or stop of Airflow")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


# Start and stop


def _write_files() -> None:
    home = airflow_home()
    (home / "config").mkdir(exist_ok=True)
    (home / "config" / "airflow_local_settings.py").write_text(_LOCAL_SETTINGS)
    (home / "logs-services").mkdir(exist_ok=True)
    if given := _environment_or_dotenv("AIRFLOW_ADMIN_PASSWORD"):
        Credentials().put(AIRFLOW_ADMIN_PASSWORD=given)
    # A file that has all users is kept by Airflow; else it makes passwords, prints them, and leaves it 0644.
    draft = home / "passwords.json.part"
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        json.dump({"admin": Credentials().generate("AIRFLOW_ADMIN_PASSWORD")}, out)
    draft.replace(home / "passwords.json")


def _rotate(path: Path) -> None:
    for number in range(KEPT_LOGS, 0, -1):
        older = path.with_name(f"{path.name}.{number - 1}") if number > 1 else path
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number}"))


def _airflow(*arguments: str) -> list[str]:
    # -P: the directory we stand in is no place to import from.
    return [sys.executable, "-P", "-m", "airflow", *arguments]


def _run(name: str, command: list[str], environment: dict[str, str], told: str = "") -> None:
    """A command that ends, with `told` on its stdin. Raises ServiceError."""
    _rotate(log_path(name))
    with log_path(name).open("wb") as out:
        done = subprocess.run(
            command,
            env=os.environ | environment,
            cwd=PROJECT,
            input=told.encode(),
            stdout=out,
            stderr=out,
            check=False,
            umask=0o077,
        )
    if done.returncode != 0:
        raise ServiceError(f"Airflow could not be prepared ({name}, exit code {done.returncode}): see {log_path(name)}")


def libpq(url: str) -> str:
    """Without SQLAlchemy's driver in its scheme."""
    return f"postgresql:{url.split(':', maxsplit=1)[1]}"


def _schema_revision(url: str) -> str | None:
    """Where Airflow's database stands, if it stands."""
    try:
        with psycopg.connect(libpq(url), connect_timeout=10) as connection:
            row = connection.execute("select version_num from alembic_version").fetchone()
            return str(row[0]) if row else None
    except psycopg.Error:
        return None


def _migrate(environment: dict[str, str], progress: Progress) -> None:
    url = environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    release = distribution_version("apache-airflow-core")
    revision = _schema_revision(url)
    # The command takes seconds to find out that nothing is to be done.
    if revision is not None and _load().get("migrated") == [release, revision]:
        return
    progress("preparing Airflow's database")
    _run("migrate", _airflow("db", "migrate"), environment)
    _save(migrated=[release, _schema_revision(url)])


def _launch(name: str, environment: dict[str, str]) -> _Record:
    _rotate(log_path(name))
    with log_path(name).open("ab") as out:  # appending, so that housekeeping may cut it under a running command
        child = subprocess.Popen(
            _airflow(*COMMANDS[name]),
            env=os.environ | environment | {MARK: str(airflow_home())},
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=out,  # a file: with a closed terminal or pipe Airflow's parts hang for ever
            stderr=out,
            start_new_session=True,
            umask=0o077,
        )
    _children.append(child)
    process = _look(child.pid)
    if process is None:
        raise ServiceError(f"airflow {name} could not be started")
    return _Record(name, child.pid, child.pid, process.started, time.time())


def _health(url: str) -> dict[str, Any]:
    try:
        # trust_env: a site's proxy knows nothing of this machine's ports.
        answer = httpx.get(f"{url}/api/v2/monitor/health", timeout=5, trust_env=False)
        found = answer.json() if answer.status_code == 200 else {}
    except (httpx.HTTPError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


#: Our name of a command -> Airflow's in its health report.
_HEALTH = {
    "api-server": "metadatabase",
    "scheduler": "scheduler",
    "dag-processor": "dag_processor",
    "triggerer": "triggerer",
}
#: The same in the table of jobs.
_JOBS = {"scheduler": "SchedulerJob", "dag-processor": "DagProcessorJob", "triggerer": "TriggererJob"}


def _healthy(health: dict[str, Any], record: _Record) -> bool:
    part = _HEALTH[record.name]
    said = health.get(part) or {}
    if record.name == "api-server":
        return said.get("status") == "healthy"
    beat = said.get(f"latest_{part}_heartbeat")
    if said.get("status") != "healthy" or not beat:
        return False
    # Of this one: a predecessor that was killed a moment ago still counts as healthy in the database.
    return datetime.fromisoformat(beat).timestamp() >= record.create_time


def _listens(record: _Record, port: int) -> bool:
    """Whether it is this process, not a stranger's Airflow, that answers on the port."""
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(record.pid)
        for process in [parent, *parent.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                for found in process.net_connections(kind="tcp"):
                    if found.status == psutil.CONN_LISTEN and found.laddr.port == port:
                        return True
    return False


def _ready(records: Sequence[_Record], port: int) -> bool:
    server = next(r for r in records if r.name == "api-server")
    if not _listens(server, port):
        return False
    health = _health(f"http://127.0.0.1:{port}")
    return all(_healthy(health, record) for record in records)


def _addresses(port: int) -> Addresses:
    return Addresses(f"http://127.0.0.1:{port}", "admin", "AIRFLOW_ADMIN_PASSWORD", airflow_home() / "logs-services")


def start(
    progress: Progress, *, dags: Path | None = None, plugins: Path | None = None, timeout: float = 180
) -> Addresses:
    """Start Airflow and wait until its four commands are ready; if it runs with these settings, leave it.

    A port that is taken is replaced by another, and progress says so. Raises ServiceError, WarehouseError.
    """
    with _lock(progress):
        state = _load()
        port = state.get("port")
        records = _records()
        _write_files()
        alive = [record for record in records if _alive(record)]
        if alive and port:
            same = state.get("digest") == _digest(airflow_environment(port, dags=dags, plugins=plugins))
            if same and len(alive) == len(COMMANDS) and _wait_until_ready(records, port, timeout):
                return _addresses(port)
            progress("Airflow is restarted: " + ("it is not whole" if same else "settings have changed"))
            _stop(records, progress, patience=60)
        elif killed := _sweep(records):
            progress(f"ended {killed} processes that an earlier Airflow left")
        environment = airflow_environment(port, dags=dags, plugins=plugins)
        _migrate(environment, progress)
        taken: list[int] = []
        for _attempt in range(3):
            candidates = [*([port] if port else []), PREFERRED_PORT, *range(8081, 8100)]
            chosen = free_port([c for c in candidates if c not in taken])
            if chosen != (port or PREFERRED_PORT):
                progress(f"port {port or PREFERRED_PORT} is taken; Airflow uses {chosen}")
            port = chosen
            environment = airflow_environment(port, dags=dags, plugins=plugins)
            _save(epoch=_epoch(), port=port, services=[], digest=_digest(environment))
            progress("starting Airflow")
            records = []
            for name in COMMANDS:
                records.append(_launch(name, environment))
                # At once: what is not recorded would be hard to find after a crash of ours.
                _save(services=[asdict(record) for record in records])
            if _wait_until_ready(records, port, timeout):
                progress(f"Airflow is ready at http://127.0.0.1:{port}")
                return _addresses(port)
            dead = [record.name for record in records if not _alive(record)]
            bound = _listens(records[0], port)
            _stop(records, progress, patience=5)
            # Somebody took the port between our look and the server's start, which takes seconds.
            if dead == ["api-server"] and not bound and free_port([port]) != port:
                taken.append(port)
                continue
            what = f"{', '.join(dead)} ended" if dead else f"not ready after {timeout:.0f} s"
            raise ServiceError(f"Airflow did not start ({what}): see {log_path(dead[0] if dead else 'api-server')}")
        raise ServiceError("Airflow found no free port")


def _digest(environment: dict[str, str]) -> str:
    """Changes when running processes would have to be told something new."""
    said = json.dumps([sorted(environment.items()), settings().model_dump_json()])
    return hashlib.sha256(said.encode()).hexdigest()


def _wait_until_ready(records: Sequence[_Record], port: int, timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        _reap()
        if not all(_alive(record) for record in records):
            return False
        if _ready(records, port):
            return True
        time.sleep(0.2)
    return False


def stop(progress: Progress, *, patience: float = 60) -> None:
    """Stop Airflow, leaving nothing of it; tasks get `patience` seconds to end. Raises ServiceError."""
    with _lock(progress):
        _stop(_records(), progress, patience=patience)


def _stop(records: Sequence[_Record], progress: Progress, *, patience: float) -> None:
    alive = {record.name: record for record in records if _alive(record)}
    if alive:
        progress("stopping Airflow")
    rest = [alive[name] for name in ("scheduler", "dag-processor", "triggerer") if name in alive]
    for record in rest:
        _signal(record.pid, signal.SIGTERM)
    # The triggerer lets ten seconds pass after TERM, the others do not; it holds nothing that it could lose.
    _wait_for_end([r for r in rest if r.name != "scheduler"], 2)
    for record in rest:
        if record.name != "scheduler" and _alive(record):
            _signal(record.pid, signal.SIGKILL)
    # The API server goes last: a task that cannot report its end is done twice.
    if "scheduler" in alive and not _wait_for_end([alive["scheduler"]], patience):
        progress(f"tasks still run after {patience:.0f} s: they are ended, and retried after the next start")
    if "api-server" in alive:
        _signal(alive["api-server"].pid, signal.SIGTERM)
        _wait_for_end([alive["api-server"]], 5)
    _sweep(records)
    _reap()
    if _state_path().exists():
        _save(services=[])


def status() -> list[ServiceStatus]:
    """The four commands, running or not; of those in other containers, what the API server says."""
    if url := settings().airflow_url:
        parts = {name: _health(url).get(part) or {} for name, part in _HEALTH.items()}
        said = {name: part.get("status") == "healthy" for name, part in parts.items()}
        return [ServiceStatus(name, None, said[name], said[name], None) for name in COMMANDS]
    records = {record.name: record for record in _records()}
    port = _load().get("port")
    server = records.get("api-server")
    answers = port and server and _alive(server) and _listens(server, port)
    health = _health(f"http://127.0.0.1:{port}") if answers else {}
    found = []
    for name in COMMANDS:
        record = records.get(name)
        running = record is not None and _alive(record)
        healthy = running and record is not None and _healthy(health, record)
        found.append(ServiceStatus(name, record.pid if running and record else None, running, healthy, log_path(name)))
    return found


# In containers


def prepare(progress: Progress) -> None:
    """What the services need before any of them starts: files, secrets, Airflow's database. Raises ServiceError."""
    with _lock(progress):
        _write_files()
        environment = airflow_environment()
        _migrate(environment, progress)
        if settings().sign_in == "fab":
            progress("people who may sign in")
            _run("migrate-fab", _airflow("fab-db", "migrate"), environment)
            password = Credentials().generate("AIRFLOW_ADMIN_PASSWORD")
            _run("admin", [sys.executable, "-P", "-c", _FAB_ADMIN], environment, password)


def serve(name: str, *, patience: float = 120) -> NoReturn:
    """Become one of the commands, in the foreground, as soon as `prepare` has been here. Raises ServiceError."""
    command = _known(name)
    deadline = time.monotonic() + patience
    release = distribution_version("apache-airflow-core")
    # Asked before anything else is done: secrets are made once, by `prepare`.
    while (revision := _schema_revision(metadata_url())) is None or _load().get("migrated") != [release, revision]:
        if time.monotonic() > deadline:
            raise ServiceError(f"Airflow's database is not ready after {patience:.0f} s: `baotu init`")
        time.sleep(0.5)
    os.chdir(PROJECT)
    os.umask(0o077)
    os.execve(sys.executable, _airflow(*command), os.environ | airflow_environment())


def check(name: str) -> None:
    """Raises ServiceError unless the command that this container runs is healthy; in a second, `airflow` takes five."""
    _known(name)
    if name == "worker":
        _check_worker()
        return
    if name == "api-server":
        said = _health(f"http://127.0.0.1:{_last_port()}").get(_HEALTH[name]) or {}
        if said.get("status") != "healthy":
            raise ServiceError(f"the API server reports its database as {said.get('status') or 'nothing'}")
        return
    # Its own heartbeat, asked of the database: the API server may be down without any harm to it.
    query = (
        "select extract(epoch from now() - max(latest_heartbeat))::float8 from job"
        " where job_type = %s and hostname = %s and state = 'running'"
    )
    with psycopg.connect(libpq(metadata_url()), connect_timeout=10) as connection:
        row = connection.execute(query, [_JOBS[name], socket.gethostname()]).fetchone()
    age = row[0] if row else None
    if age is None or age > HEARTBEAT_LIMIT:
        raise ServiceError(f"{name} has no heartbeat" + (f" for {age:.0f} s" if age is not None else ""))


def _check_worker() -> None:
    """Of a worker Airflow's database knows nothing: it is asked by the broker, and answers while it takes tasks."""
    from celery import Celery

    worker = f"celery@{socket.gethostname()}"
    with Celery(broker=settings().broker_url) as broker:
        if not broker.control.ping(destination=[worker], timeout=5):
            raise ServiceError(f"{worker} does not answer")


def _known(name: str) -> list[str]:
    known = COMMANDS | WORKER
    if name not in known:
        raise ServiceError(f"there is no service {name}; there are {', '.join(known)}")
    return known[name]


def housekeeping(progress: Progress, *, keep_days: int = 30) -> None:
    """Once a day: drop runs from Airflow's database and log files that are older than `keep_days`.

    May run beside a running Airflow, but not inside a task, which reaches no metadata. Raises ServiceError.
    """
    now = datetime.now().astimezone()
    last = _load().get("cleaned_at")
    if last is None:
        _save(cleaned_at=now.isoformat())  # a new installation has nothing to clean
        return
    if now - datetime.fromisoformat(last) < timedelta(days=1):
        return
    progress("cleaning Airflow's database and logs")
    before = now - timedelta(days=keep_days)
    arguments = ["db", "clean", "--clean-before-timestamp", before.isoformat(), "--skip-archive", "--yes"]
    _run("clean", _airflow(*arguments), airflow_environment())
    # Else what follows takes new space: after 260 runs and their cleaning the database grew on as before.
    with psycopg.connect(libpq(metadata_url()), autocommit=True) as connection:
        connection.execute("vacuum (analyze)")
    logs = airflow_home() / "logs"
    # Deepest first, so that directories are empty when their turn comes.
    for folder, _, names in os.walk(logs, topdown=False):
        for name in names:
            path = Path(folder, name)
            with contextlib.suppress(FileNotFoundError):
                if path.lstat().st_mtime < before.timestamp():
                    path.unlink()
        # Not a young one: a task may be about to write there.
        with contextlib.suppress(OSError):
            if Path(folder) != logs and Path(folder).stat().st_mtime < before.timestamp():
                Path(folder).rmdir()
    for name in COMMANDS:
        path = log_path(name)
        if path.exists() and path.stat().st_size > LOG_LIMIT:
            shutil.copyfile(path, path.with_name(f"{path.name}.1"))
            os.truncate(path, 0)
    _save(cleaned_at=now.isoformat())


# API


class Client:
    """Airflow's public API, as its administrator. Every method raises ServiceError."""

    def __init__(self, url: str, password: str, *, user: str = "admin") -> None:
        # trust_env: as in _health.
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False)
        self._login = {"username": user, "password": password}
        self._authorised = False

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Start a run and return its id. Keys of conf that the DAG does not know are accepted in silence."""
        # logical_date is a required key, and null lets several runs begin in one second.
        body = {"logical_date": None, "conf": conf or {}}
        return str(self._call("POST", f"/api/v2/dags/{quote(dag_id)}/dagRuns", json=body)["dag_run_id"])

    def params(self, dag_id: str) -> list[str]:
        """The keys that a DAG's conf may have."""
        return list(self._call("GET", f"/api/v2/dags/{quote(dag_id)}/details")["params"] or {})

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """A run as Airflow reports it: `state`, `start_date`, `end_date`, `conf`, ..."""
        return self._call("GET", f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}")

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """All task instances of a run, the mapped ones too: `task_id`, `map_index`, `state`, ..."""
        path = f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}/taskInstances"
        return self._all(path, "task_instances", {})

    def dag_runs(self, dag_id: str, since: datetime) -> list[dict[str, Any]]:
        """The runs of a DAG (`~`: of every DAG) that were due at `since` or later, oldest first."""
        query = {"run_after_gte": since.astimezone().isoformat(), "order_by": "run_after"}
        return self._all(f"/api/v2/dags/{quote(dag_id)}/dagRuns", "dag_runs", query)

    def wait_for_dag(self, dag_id: str, timeout: float = 60) -> None:
        """Wait until a DAG is parsed; at the timeout the message names files that do not import."""
        deadline = time.monotonic() + timeout
        while True:
            answer = self._send("GET", f"/api/v2/dags/{quote(dag_id)}")
            if answer.status_code == 200 and not answer.json().get("is_stale"):
                return
            if answer.status_code not in (200, 404):
                raise self._error(answer)
            if time.monotonic() > deadline:
                broken = self._all("/api/v2/importErrors", "import_errors", {})
                files = ", ".join(sorted({str(error.get("filename")) for error in broken}))
                reason = f"these files do not import: {files}" if files else f"see {log_path('dag-processor')}"
                raise ServiceError(f"Airflow has no DAG {dag_id} after {timeout:.0f} s; {reason}")
            time.sleep(0.3)

    def send_asset_event(self, name: str) -> None:
        """Wake what is scheduled on the Asset called `name`."""
        found = self._all("/api/v2/assets", "assets", {"name_pattern": name})
        ids = [asset["id"] for asset in found if asset["name"] == name]
        if not ids:
            raise ServiceError(f"Airflow has no Asset {name} (yet): is a DAG that uses it parsed?")
        self._call("POST", "/api/v2/assets/events", json={"asset_id": ids[0], "extra": {"from": "baotu"}})

    def _all(self, path: str, key: str, query: dict[str, str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            # 100 is the most that one answer holds.
            page = self._call("GET", path, params=query | {"limit": "100", "offset": str(len(found))})
            found += page[key]
            if not page[key] or len(found) >= page["total_entries"]:
                return found

    def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        answer = self._send(method, path, **arguments)
        if not answer.is_success:
            raise self._error(answer)
        body: dict[str, Any] = answer.json()
        return body

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            if not self._authorised:
                self._authorise()
            answer = self._http.request(method, path, **arguments)
            if answer.status_code == 401:  # a token lasts a day
                self._authorise()
                answer = self._http.request(method, path, **arguments)
            return answer
        except httpx.HTTPError as error:
            raise ServiceError(
                f"Airflow does not answer at {self._http.base_url} ({type(error).__name__}): `baotu status`"
            ) from error

    def _authorise(self) -> None:
        answer = self._http.post("/auth/token", json=self._login)
        if answer.status_code != 201:
            raise self._error(answer)
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        self._authorised = True

    @staticmethod
    def _error(answer: httpx.Response) -> ServiceError:
        try:
            detail = answer.json().get("detail", "")
        except (ValueError, AttributeError):
            detail = ""
        request = f"{answer.request.method} {answer.request.url.path}"
        return ServiceError(f"Airflow refused {request}: {answer.status_code} {detail}".rstrip())


def airflow_api() -> Client:
    """A client of this installation's Airflow. Raises ServiceError when it never ran."""
    port = _last_port()
    url = settings().airflow_url or (f"http://127.0.0.1:{port}" if port else None)
    password = Credentials().get("AIRFLOW_ADMIN_PASSWORD")
    if url is None or password is None:
        raise ServiceError("Airflow was never started here: `baotu up`")
    return Client(url, password)
