"""An S3-compatible server (moto's) and Debian's OpenSSH as processes of their own, and areas on them that tests fill.

`make storage` says what is missing. S3 needs nothing but the lock; OpenSSH needs no root.
"""

import contextlib
import getpass
import os
import shutil
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx
import psutil
import pytest
from conftest import new_directory

from baotu import landing, storage
from baotu.embedded import free_port
from baotu.settings import settings
from tests.faults.test_kill import children  # noqa: F401
from tests.pipeline.conftest import Installation, all_marts, shared_dbt, upgraded_database, warehouse  # noqa: F401

SSHD = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
KEYS = {
    "AWS_ACCESS_KEY_ID": "baotu-test",
    "AWS_SECRET_ACCESS_KEY": "geheim-of-s3-/+",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@dataclass
class Server:
    """A process that serves, with what it writes."""

    command: list[str]
    log: Path
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                self.command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=os.environ | self.environment,
                start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + 60
        while not _answers(self.port):
            assert self._process.poll() is None and time.monotonic() < until, self.log.read_text()
            time.sleep(0.1)

    def stop(self) -> None:
        """With its sessions, as when the machine is gone."""
        if self._process is not None:
            # A session of sshd is a process group of its own.
            running = psutil.Process(self._process.pid)
            for process in [*running.children(recursive=True), running]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self._process.wait()
            self._process = None


def _answers(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Area(ABC):
    """A landing area or an archive, as its owner sees it: without the code under test."""

    url: str

    @abstractmethod
    def put(self, name: str, content: bytes) -> None: ...

    @abstractmethod
    def names(self) -> list[str]: ...

    @abstractmethod
    def read(self, name: str) -> bytes: ...


@dataclass
class Folder(Area):
    """On this machine; what sshd serves is one too."""

    path: Path

    def put(self, name: str, content: bytes) -> None:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    def names(self) -> list[str]:
        return sorted(str(found.relative_to(self.path)) for found in self.path.rglob("*") if found.is_file())

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()


@dataclass
class Bucket(Area):
    client: Any
    bucket: str

    def put(self, name: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=f"区/{name}", Body=content)

    def names(self) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix="区/")
        return sorted(found["Key"].removeprefix("区/") for page in pages for found in page.get("Contents", []))

    def read(self, name: str) -> bytes:
        body: bytes = self.client.get_object(Bucket=self.bucket, Key=f"区/{name}")["Body"].read()
        return body


@dataclass
class S3:
    server: Server
    client: Any
    _made: int = 0

    def area(self) -> Bucket:
        self._made += 1
        name = f"bucket-{self._made}"
        self.client.create_bucket(Bucket=name)
        return Bucket(f"s3://{name}/区", self.client, name)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def requests(self) -> list[str]:
        """What was asked of it, as `GET /bucket/key`."""
        lines = self.server.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [line.split('"')[1].rpartition(" ")[0] for line in lines if '" ' in line and "HTTP/1.1" in line]

    def check_credentials(self, value: bool) -> None:
        httpx.post(f"{self.url}/moto-api/reset-auth", content=b"0" if value else b"inf").raise_for_status()


@dataclass
class Sftp:
    server: Server
    home: Path
    data: Path
    _made: int = 0

    def area(self) -> Folder:
        self._made += 1
        path = self.data / f"区{self._made}"
        path.mkdir()
        return Folder(f"sftp://{getpass.getuser()}@127.0.0.1:{self.server.port}{path}", path)

    def restricted(self, command: str) -> Server:
        """Another server of the same keys and files, which can do this alone."""
        self._made += 1
        config, port = self.home / f"sshd_config_{self._made}", free_port([])
        lines = (self.home / "sshd_config").read_text().replace(f"Port {self.server.port}\n", f"Port {port}\n")
        config.write_text(f"{lines}ForceCommand {command}\n")
        made = Server([*self.server.command[:-1], str(config)], self.home / f"log_{self._made}", port)
        made.start()
        return made

    @property
    def authorized(self) -> Path:
        """Keys of clients beside the one that the fixture has made."""
        return self.home / "authorized"

    @property
    def host_key(self) -> str:
        return " ".join((self.home / "host_key.pub").read_text().split()[:2])

    @property
    def known_hosts(self) -> Path:
        return self.home / ".ssh" / "known_hosts"

    @property
    def client_key(self) -> Path:
        return self.home / ".ssh" / "id_ed25519"


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3]:
    log, port = new_directory("s3") / "log", free_port([])
    server = Server([str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port)], log, port)
    server.start()
    client = boto3.client(
        "s3", endpoint_url=f"http://127.0.0.1:{port}", aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1",
    )  # fmt: skip
    yield S3(server, client)
    server.stop()


@pytest.fixture
def s3(s3_server: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    """The server, its address and keys in the environment, as AWS's libraries look for them."""
    for name, value in (KEYS | {"AWS_ENDPOINT_URL": s3_server.url}).items():
        monkeypatch.setenv(name, value)
    return s3_server


@pytest.fixture(scope="session")
def sftp_server() -> Iterator[Sftp]:
    assert SSHD, "OpenSSH's server is not installed. Debian: apt-get install openssh-server"
    home, port = new_directory("sftp"), free_port([])
    (home / ".ssh").mkdir(mode=0o700)
    for key in (home / "host_key", home / ".ssh" / "id_ed25519"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    config = home / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {home}/host_key\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {home}/.ssh/id_ed25519.pub {home}/authorized\nPermitRootLogin yes\nPasswordAuthentication yes\n"
        "KbdInteractiveAuthentication no\nSubsystem sftp internal-sftp\nMaxStartups 100\n"
    )
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    made = Sftp(Server([SSHD, "-D", "-e", "-f", str(config)], home / "log", port), home, new_directory("sftp-data"))
    made.known_hosts.write_text(f"[127.0.0.1]:{port} {made.host_key}\n")
    made.server.start()
    yield made
    made.server.stop()


@pytest.fixture
def sftp(sftp_server: Sftp, monkeypatch: pytest.MonkeyPatch) -> Sftp:
    """The server; this process's user has its key and the server's in ~/.ssh."""
    monkeypatch.setenv("HOME", str(sftp_server.home))
    return sftp_server


@dataclass
class Pointer:
    """Points the installation of a test at a landing area and an archive."""

    state: Path
    patched: pytest.MonkeyPatch

    def __call__(self, landing_url: str | None = None, archive_url: str | None = None) -> None:
        self.setenv(BAOTU_LANDING_URL=landing_url, BAOTU_ARCHIVE_URL=archive_url)

    def setenv(self, **values: str | None) -> None:
        for name, value in values.items():
            if value is not None:
                self.patched.setenv(name, value)
        settings.cache_clear()


class _Later:
    """The clock an hour on: what lies on a server has come to rest, whose times cannot be set."""

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def time(self) -> float:
        return time.time() + 3600


@pytest.fixture
def at(warehouse: Installation) -> Iterator[Pointer]:  # noqa: F811
    # A patcher of its own: what it notes while the warehouse is in use, it must undo before that ends.
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(landing, "time", _Later())
        # Airflow makes its home when it is first imported.
        patched.setenv("AIRFLOW_HOME", str(warehouse.state / "airflow"))
        yield Pointer(warehouse.state, patched)
    storage._opened.cache_clear()


@pytest.fixture(autouse=True)
def no_spool_is_left() -> Iterator[None]:
    """Whatever a test did: no copy of a delivery has a name in the spool."""
    yield
    for folder in [settings().state_dir / "spool"]:
        assert not folder.exists() or (list(folder.iterdir()) == [] and folder.stat().st_mode & 0o777 == 0o700)
