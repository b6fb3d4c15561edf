"""The services of docker-compose.yml without a container engine: each one's own command, environment and health check.

The image's content is laid out as Dockerfile and .dockerignore say, its last build step is run, and then the commands
are, as a user who may not write to the code. Only hosts, ports and mount points are replaced by this machine's.
"""

import contextlib
import os
import re
import shlex
import shutil
import signal
import site
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml
from conftest import new_directory

from baotu.embedded import free_port
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
VARIABLE = re.compile(r"\$\{([A-Z_]+):-([^}]*)\}")


def made_env(written: str = "") -> dict[str, str]:
    """The passwords that `make env` makes, beside an .env that is there already."""
    checkout = new_directory("env")
    for name in ("Makefile", ".env.example", "requirements.lock", "docker-compose.yml"):
        shutil.copy(PROJECT / name, checkout)
    if written:
        (checkout / ".env").write_text(written)
    make = ["make", "-s", "-C", str(checkout), "env"]
    made: dict[str, str] = {}
    for _twice in range(2):
        subprocess.run(make, check=True)
        found = {path.name: path.read_text() for path in (checkout / "secrets").iterdir()}
        assert found == (made or found)  # what exists is nobody's to overwrite
        made = found
    assert (checkout / "secrets").stat().st_mode & 0o777 == 0o700
    assert (checkout / ".env").read_text() == (written or (PROJECT / ".env.example").read_text())
    return made


def filled(text: str, values: dict[str, str]) -> str:
    """A value as compose interpolates it."""
    return VARIABLE.sub(lambda match: values.get(match[1]) or match[2], text)


def service_of(name: str) -> str:
    """Of a container among several: `worker-2` is one of `worker`."""
    return name if name in SERVICES else name.rpartition("-")[0]


class Containers:
    """The services of docker-compose.yml on this machine, one process each."""

    def __init__(self, postgres_port: int, values: dict[str, str]) -> None:
        self.root = new_directory("image")
        self.postgres_port, self.values = postgres_port, values
        self.port = free_port([])
        self.redis_port = free_port([])
        self.s3_port = free_port([])
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
        return f"postgresql://postgres:{self.values['POSTGRES_PASSWORD']}@127.0.0.1:{self.postgres_port}/postgres"

    def environment(self, name: str) -> dict[str, str]:
        """What a container of this service would see, by this machine's names; nothing of ours gets in."""
        stated = IMAGE_ENVIRONMENT | {k: filled(v, self.values) for k, v in SERVICES[name]["environment"].items()}
        mounted = {mount.removesuffix(":ro").rpartition(":")[2] for mount in SERVICES[name].get("volumes", [])}
        found = {}
        for variable, value in stated.items():
            value = value.replace("@postgres:5432/", f"@127.0.0.1:{self.postgres_port}/")
            value = value.replace("//api-server:8080", f"//127.0.0.1:{self.port}")
            value = value.replace("http://s3:8333", f"http://127.0.0.1:{self.s3_port}")
            value = value.replace("@redis:6379/", f"@127.0.0.1:{self.redis_port}/")
            value = value.replace("0.0.0.0:8088", f"127.0.0.1:{self.port}").replace("0.0.0.0", "127.0.0.1")
            value = value.replace("/opt/baotu/", f"{self.code}/").replace("$PATH", os.defpath)
            if value in ("/landing", "/archive", "/state"):
                value = f"{self.root}{value}" if value in mounted else f"{self.root}/unmounted{value}"
            found[variable] = value
        found["BAOTU_SECRETS_DIR"] = str(self.secrets(name))
        if self.user:
            found["USER"] = "baotu"  # whom the image knows by this number, and this machine does not
        return found

    def secrets(self, name: str) -> Path:
        """Where an engine would mount the files of those secrets that a service is given, and no others."""
        mounted = self.root / "secrets" / name
        mounted.mkdir(parents=True, exist_ok=True)
        for secret in SERVICES[name].get("secrets", []):
            (mounted / secret).write_text(self.values[secret])
        return mounted

    def run(self, name: str, command: list[str], **more: str) -> subprocess.CompletedProcess[str]:
        """What `docker compose run` or `exec` would do in a service, or in one of several containers of it (`worker-2`)."""
        environment = {k: v for k, v in (self.environment(service_of(name)) | more).items() if v}
        return subprocess.run(
            [*self._host(name), self.baotu, *command[1:]],
            env=environment, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            **self._user(name),
        )  # fmt: skip

    def _host(self, name: str) -> list[str]:
        """Where there are several containers of a service, each has a host name of its own."""
        if name in SERVICES:
            return []
        become = f"setpriv --reuid={UID} --regid={UID} --clear-groups " if self.user else ""
        # Before it has a name of its own it is whoever may give one.
        rights = [] if os.geteuid() == 0 else ["--map-root-user"]
        return ["unshare", "--uts", *rights, "sh", "-c", f'hostname "$0" && exec {become}"$@"', name]

    def _user(self, name: str) -> dict[str, Any]:
        return self.user if name in SERVICES else {}

    def start(self, name: str) -> None:
        with self.log(name).open("wb") as out:
            self.running[name] = subprocess.Popen(
                [*self._host(name), self.baotu, *SERVICES[service_of(name)]["command"][1:]],
                env=self.environment(service_of(name)), cwd="/", stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True, **self._user(name),
            )  # fmt: skip
        self.sessions.add(self.running[name].pid)

    def start_redis(self) -> None:
        """Debian's server instead of the image's, with the command of the file; where it listens is this machine's."""
        (self.root / "redis").mkdir()
        shell, script = SERVICES["redis"]["command"][:2], SERVICES["redis"]["command"][2]
        here = f"dir {self.root}/redis\\nport {self.redis_port}\\nbind 127.0.0.1\\n"
        with self.log("redis").open("wb") as out:
            self.running["redis"] = subprocess.Popen(
                [*shell, script.replace("$$", "$").replace("/tmp/", f"{self.root}/redis/").replace("dir /data\\n", here)
                    .replace("/run/secrets", str(self.secrets("redis")))],
                env={"PATH": os.defpath}, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        self.sessions.add(self.running["redis"].pid)

    def start_s3(self, bucket: str) -> None:
        """moto's server in place of the image's, with a bucket."""
        with self.log("s3").open("wb") as out:
            self.running["s3"] = subprocess.Popen(
                [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(self.s3_port)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        self.sessions.add(self.running["s3"].pid)
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(httpx.TransportError):
                httpx.put(f"http://127.0.0.1:{self.s3_port}/{bucket}", trust_env=False).raise_for_status()
                return
            assert time.monotonic() < deadline, self.log("s3").read_text()
            time.sleep(0.2)

    def log(self, name: str) -> Path:
        return self.root / f"{name}.log"

    def is_healthy(self, name: str) -> bool:
        return self.run(name, SERVICES[service_of(name)]["healthcheck"]["test"][1:]).returncode == 0

    def wait_until_healthy(self, name: str) -> None:
        deadline = time.monotonic() + 120
        while not self.is_healthy(name):
            assert self.running[name].poll() is None, self.log(name).read_text()[-4000:]
            assert time.monotonic() < deadline, f"{name} is not healthy: {self.log(name).read_text()[-4000:]}"
            time.sleep(1)

    def kill(self, name: str) -> None:
        """The end of a container, as of a machine that loses power."""
        process = self.running.pop(name)
        for left in self.processes():
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                if process.pid in (left.pid, os.getsid(left.pid), *(parent.pid for parent in left.parents())):
                    left.kill()
        process.wait(10)

    def stop(self, name: str) -> int:
        """As an engine does: TERM, then, after the grace period, the end of the whole container."""
        process = self.running.pop(name)
        grace = float(SERVICES[service_of(name)].get("stop_grace_period", "10s").removesuffix("s"))
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
        last = ["api-server", "redis", "s3"]
        order = sorted(self.running, key=lambda name: last.index(name) if name in last else -1)
        return {name: self.stop(name) for name in order}

    def processes(self) -> list[psutil.Process]:
        """Whatever lives in a session that we started, or with our image's code in its environment."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                ours = os.getsid(process.pid) in self.sessions or str(self.code) in process.environ().get("PATH", "")
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found
