"""Superset, the reference BI client: in an environment of its own, on 127.0.0.1, with the dashboards of `dashboards/`.

It reads as `bi_reader` does, and nothing of Baotu needs it.
"""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import httpx
import psutil
import psycopg
import yaml

from baotu.embedded import free_port
from baotu.settings import PROJECT, Credentials, settings

Progress = Callable[[str], None]

BUNDLE = PROJECT / "dashboards"
#: `make bi` makes it from requirements-bi.lock.
PROGRAMS = PROJECT / ".venv-bi" / "bin"
PREFERRED_PORT = 8088
USER = "admin"
PASSWORD_NAME = "SUPERSET_ADMIN_PASSWORD"
#: In the environment of all that we start: by it a later `down` finds them again.
MARK = "BAOTU_SUPERSET_HOME"

# In one process, for each would import Superset anew (8 s); by stdin, for command lines are everybody's to read.
_COMMANDS = """
import json, sys
from superset.cli.main import superset
for command in json.load(sys.stdin):
    superset.main(command, standalone_mode=False)
"""


class SupersetError(Exception):
    """Superset cannot be started or asked; the message says what to do."""


def home() -> Path:
    """Where Superset keeps what it writes, below the state directory."""
    return settings().state_dir.absolute() / "superset"


def log_path(name: str = "superset") -> Path:
    """What the server says; `prepare`: what was said before it started."""
    return home() / f"{name}.log"


# Start and stop


def start(progress: Progress) -> str:
    """Start Superset (anew, if it runs), import the bundle, and return its address. Raises SupersetError."""
    environment = _environment()
    if not _is_published(environment["BAOTU_BI_URL"]):
        raise SupersetError("nothing is published yet: `baotu build` or `make demo` first")
    stop(progress)
    port = free_port(list(range(PREFERRED_PORT, PREFERRED_PORT + 20)))
    _make_home()
    with log_path().open("wb") as out:
        return _launch(progress, environment, f"127.0.0.1:{port}", out)


def serve(progress: Progress, *, patience: float = 10) -> NoReturn:
    """In a container: Superset in the foreground, as soon as something is published. Raises SupersetError."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    environment = _environment()
    while not _is_published(environment["BAOTU_BI_URL"]):
        progress("waiting for the first publication")
        time.sleep(patience)
    try:
        _make_home()
        _launch(progress, environment, settings().superset_address, None)
        while list(_processes()):
            time.sleep(1)
        raise SupersetError("Superset has ended")
    finally:
        stop(progress)


def check() -> None:
    """Raises SupersetError unless the server of this container answers."""
    if not _is_healthy(_url(settings().superset_address)):
        raise SupersetError("Superset does not answer")


def _url(address: str) -> str:
    return f"http://127.0.0.1:{address.rpartition(':')[2]}"


def _make_home() -> None:
    home().mkdir(parents=True, exist_ok=True)
    home().chmod(0o700)


def _launch(
    progress: Progress, environment: dict[str, str], address: str, out: BinaryIO | None, *, timeout: float = 120
) -> str:
    """Start the server at `address`, what it says going to `out` (None: where ours goes), and import the bundle.

    Returns its URL on this machine.
    """
    progress("Superset: its database and its user")
    _prepare(environment)
    url = _url(address)
    progress("starting Superset")
    # One process, so that SQLite has one writer. Charts wait for PostgreSQL, not for Python: threads do.
    server = subprocess.Popen(
        [PROGRAMS / "gunicorn", "--bind", address, "--workers", "1", "--threads", "8", "--timeout", "120",
         "--graceful-timeout", "3", "--no-control-socket", "superset.app:create_app()"],
        env=environment, cwd=home(), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        start_new_session=True, umask=0o077,
    )  # fmt: skip
    _address_path().write_text(url)
    try:
        deadline = time.monotonic() + timeout
        while not _is_healthy(url):
            if server.poll() is not None or time.monotonic() > deadline:
                raise SupersetError(f"Superset did not start: see {log_path()}")
            time.sleep(0.5)
        progress("importing the dashboards")
        _import()
    except BaseException:
        stop(progress)
        raise
    return url


def stop(progress: Progress, *, patience: float = 20) -> None:
    """End Superset if it runs; no process of it stays. Raises SupersetError."""
    running = list(_processes())
    if running:
        progress("stopping Superset")
    for end in (psutil.Process.terminate, psutil.Process.kill):
        for process in running:
            with suppress(psutil.NoSuchProcess):
                end(process)
        psutil.wait_procs(running, timeout=patience)
        # Asked again: a worker may have been started meanwhile.
        if not (running := list(_processes())):
            return
    raise SupersetError(f"processes of Superset do not end: {', '.join(str(process.pid) for process in running)}")


def _environment() -> dict[str, str]:
    """What makes any command of Superset's one of this installation's. Raises SupersetError."""
    if not (PROGRAMS / "superset").exists():
        raise SupersetError("Superset is not installed: `make bi`")
    # Neither Baotu's secrets nor a shell's settings of another Superset.
    foreign = ("BAOTU_", "AIRFLOW_", "SUPERSET_", "FLASK_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | {
        MARK: str(home()),
        "BAOTU_BI_URL": _bi_url(),
        "BAOTU_SUPERSET_SECRET_KEY": Credentials().generate("SUPERSET_SECRET_KEY"),
        "SUPERSET_CONFIG_PATH": str(BUNDLE / "superset_config.py"),
        "SUPERSET_HOME": str(home()),
        "DO_NOT_TRACK": "1",
        "SCARF_ANALYTICS": "false",
        "PYTHONUTF8": "1",
    }


def _bi_url() -> str:
    """As whom Superset reads. Raises SupersetError."""
    url = settings().bi_url or Credentials().get("BAOTU_BI_URL")
    if url is None:
        raise SupersetError(
            f"{Credentials().path} has no line BAOTU_BI_URL; `baotu up` writes it of the embedded server"
        )
    return url


def _is_published(url: str) -> bool:
    """Whether there is anything to show. Raises SupersetError."""
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            return connection.execute("select to_regclass('marts.mart_publication')").fetchone() != (None,)
    except psycopg.OperationalError as error:
        raise SupersetError("the warehouse does not let bi_reader in: `baotu up` or `make demo` first") from error


def _prepare(environment: dict[str, str]) -> None:
    if given := settings().superset_password:
        Credentials().put(**{PASSWORD_NAME: given})
    password = Credentials().generate(PASSWORD_NAME)
    commands = [
        ["db", "upgrade"],
        ["fab", "create-admin", "--username", USER, "--firstname", "趵突", "--lastname", "Baotu",
         "--email", "admin@localhost", "--password", password],
        # Of a user who was there already: what the credentials say counts.
        ["fab", "reset-password", "--username", USER, "--password", password],
        ["init"],
    ]  # fmt: skip
    with log_path("prepare").open("wb") as out:
        done = subprocess.run(
            [PROGRAMS / "python", "-P", "-c", _COMMANDS],
            input=json.dumps(commands).encode(), env=environment, cwd=home(), stdout=out, stderr=out,
            umask=0o077, check=False,
        )  # fmt: skip
    if done.returncode != 0:
        raise SupersetError(f"Superset could not be prepared (exit code {done.returncode}): see {log_path('prepare')}")


def _processes() -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == str(home()) and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def _is_healthy(url: str) -> bool:
    with suppress(httpx.HTTPError):
        # trust_env: a site's proxy knows nothing of this machine's ports.
        return httpx.get(f"{url}/health", timeout=5, trust_env=False).status_code == 200
    return False


# The bundle: Superset's interface for assets under version control. `import-dashboards` would leave charts and datasets
# that are there already as they are.


def export(directory: Path) -> None:
    """Write all that the running Superset shows as a bundle, such as `dashboards/` is one. Raises SupersetError."""
    with zipfile.ZipFile(io.BytesIO(_call("GET", "export").content)) as bundle:
        for name in bundle.namelist():
            # Numbers are those of one installation: Superset knows chart and dataset by the uuid within.
            path = directory / re.sub(r"_\d+(?=\.yaml$)", "", name.split("/", maxsplit=1)[1])
            content = yaml.safe_load(bundle.read(name))
            content.pop("timestamp", None)
            (content.get("params") or {}).pop("datasource", None)
            if "columns" in content:  # come in another order each time
                content["columns"].sort(key=lambda column: column["column_name"])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=120), encoding="utf-8")


def _import() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as bundle:
        for path in sorted(BUNDLE.rglob("*.yaml")):
            bundle.write(path, Path("assets") / path.relative_to(BUNDLE))
    _call("POST", "import", files={"bundle": ("assets.zip", packed.getvalue())})


def _call(method: str, what: str, **content: Any) -> httpx.Response:
    try:
        with httpx.Client(base_url=_address_path().read_text(), timeout=300, trust_env=False) as http:
            login = {"username": USER, "password": Credentials().get(PASSWORD_NAME), "provider": "db"}
            token = http.post("/api/v1/security/login", json=login).raise_for_status().json()["access_token"]
            http.headers["Authorization"] = f"Bearer {token}"
            csrf = http.get("/api/v1/security/csrf_token/").raise_for_status().json()["result"]
            http.headers["X-CSRFToken"] = csrf
            return http.request(method, f"/api/v1/assets/{what}/", **content).raise_for_status()
    except FileNotFoundError as error:
        raise SupersetError("Superset was never started here: `make bi`") from error
    except httpx.HTTPStatusError as error:
        raise SupersetError(f"Superset refused: {error.response.status_code} {error.response.text[:500]}") from error
    except httpx.HTTPError as error:
        raise SupersetError(f"Superset does not answer ({type(error).__name__}): `baotu bi up`") from error


def _address_path() -> Path:
    return home() / "address"
