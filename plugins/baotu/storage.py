"""Where deliveries arrive and where their copies are kept: a directory, S3, SFTP, or what else fsspec opens by a URL.

`s3://my_conn@bucket/prefix` and `sftp://my_conn@/path` name a connection of Airflow, as its ObjectStoragePath has it.
What fails here is a StorageError: the place without its password, what was found, what to do.
"""

import hashlib
import logging
import os
import re
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem

from baotu.settings import settings

log = logging.getLogger(__name__)

CHUNK = 1 << 20
#: What S3 gives and takes at a time; s3fs's own 50 MB would stand in memory several times over.
_S3_BLOCK = 8 << 20
_S3 = ("s3", "s3a")
#: A put of a key is atomic there, and a rename would be a copy and a deletion, which the archive's rights need not allow.
_BUCKETS = (*_S3, "gs", "gcs", "abfs", "az")
_SFTP = ("sftp", "ssh")
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/]*)(?P<path>.*)", re.DOTALL)
_DRAFT = re.compile(r"\.[0-9a-f]{32}\.part")
_HELP = "See docs/deploy-storage.md"
#: No upload lasts so long; what is older was left by a process that was killed.
_ABANDONED_SECONDS = 86_400

Info = Mapping[str, Any]
_Kinds = tuple[type[Exception], ...]
_MISSING: _Kinds = (FileNotFoundError,)


class StorageError(Exception):
    """Landing area or archive cannot be used; the message says which, what was found and what to do, in one line."""


@dataclass(frozen=True)
class _Address:
    """A URL taken apart."""

    scheme: str
    user: str
    password: str
    host: str
    path: str

    @classmethod
    def of(cls, url: str) -> "_Address":
        found = _URL.fullmatch(url)
        if found is None:
            return cls("file", "", "", "", url)
        userinfo, _, host = found["authority"].rpartition("@")
        user, _, password = userinfo.partition(":")
        return cls(found["scheme"].lower(), user, password, host, found["path"])

    @property
    def connection(self) -> str | None:
        """The id of Airflow's connection, if this names one: S3 knows no user, and sftp://user@/ no server."""
        names_one = self.scheme in (*_S3, "gs", "gcs") or not self.host
        return self.user if self.user and names_one else None

    @property
    def shown(self) -> str:
        if self.scheme in ("file", "local"):
            return self.path
        return f"{self.scheme}://{self.user}{'@' if self.user else ''}{self.host}{self.path}"


def shown(url: str) -> str:
    """A URL as people may see it: without its password."""
    return _Address.of(url).shown


def version(info: Info) -> tuple[int, Any]:
    """What changes when a file does: its size, and its ETag or time."""
    stamp = info.get("ETag") or info.get("mtime") or info.get("LastModified") or info.get("created") or ""
    return info["size"], stamp


def modified_at(info: Info) -> float:
    """When it was changed last, as the place's clock has it; 0 where it does not say."""
    stamp = info.get("mtime") or info.get("LastModified") or info.get("created")
    return stamp.timestamp() if isinstance(stamp, datetime) else stamp if isinstance(stamp, int | float) else 0.0


@dataclass(frozen=True)
class Place:
    """A landing area or an archive, opened."""

    setting: str
    #: Without a password.
    url: str
    file_system: Any
    root: str
    scheme: str
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def is_local(self) -> bool:
        return isinstance(self.file_system, LocalFileSystem)

    def uri(self, path: str) -> str:
        """What the ledger calls this file: a connection's id stays in it, a password does not."""
        if self.is_local:
            return str(self.file_system.unstrip_protocol(path))
        return self.url.rstrip("/") + path.removeprefix(self.root.rstrip("/"))

    def files(self, folder: str) -> dict[str, Info]:
        """Every file below a folder of the root, by its path: one listing, no question about a single file."""
        path = f"{self.root.rstrip('/')}/{folder}"
        with self._explained(_MISSING):
            self.file_system.invalidate_cache()
            # Half a listing would look like a whole one.
            strictly = {} if self.is_local or self.scheme in _BUCKETS else {"on_error": "raise"}
            try:
                found: dict[str, Info] = self.file_system.find(path, detail=True, **strictly)
            except FileNotFoundError:
                self._check_root()
                return {}
        return found if self.is_local else dict(self._real_files(found))

    def info(self, path: str) -> Info:
        """Size and times as they are now. Raises FileNotFoundError."""
        with self._explained(_MISSING):
            self.file_system.invalidate_cache()
            found: Info = self.file_system.info(path)
            return found

    def chunks(self, path: str) -> Iterator[bytes]:
        """The bytes of a file, a little at a time. Raises FileNotFoundError, and on this machine PermissionError."""
        options = {"block_size": _S3_BLOCK} if self.scheme in _S3 else {}
        with self._explained((*_MISSING, PermissionError) if self.is_local else _MISSING):
            incoming = self.file_system.open(path, "rb", **options)
        try:
            while True:
                with self._explained():
                    chunk = incoming.read(CHUNK)
                if not chunk:
                    return
                yield chunk
        finally:
            # A connection that is lost cannot be closed either, and the loss is what is told.
            with suppress(Exception):
                incoming.close()

    def _real_files(self, found: Mapping[str, Info]) -> Iterator[tuple[str, Info]]:
        """Without an object store's marks for folders; a link stands for the file that it leads to."""
        for path, info in found.items():
            try:
                target = self.info(path) if info["type"] == "link" else info
            except FileNotFoundError:
                continue
            if target["type"] == "file" and not path.endswith("/"):
                yield path, target

    def _check_root(self) -> None:
        """What is missing may be all: then this raises StorageError. A bucket without a key is none the less there."""
        # A directory of this machine that was never made is an empty one.
        if not self.is_local:
            with self._explained():
                self.file_system.info(self.root.split("/")[0] if self.scheme in _BUCKETS else self.root)

    @contextmanager
    def _explained(self, passes: _Kinds = ()) -> Iterator[None]:
        with _explained(self.setting, self.url, self.secrets, passes):
            yield


@dataclass(frozen=True)
class Draft:
    """A local file for bytes on their way to the archive. Readers may open its path while it lasts."""

    file: IO[bytes]
    path: Path


class Archive(Place):
    """Copies of deliveries, each named by its SHA-256."""

    def location(self, sha256: str) -> str:
        """Where these bytes are kept, for people. Raises FileNotFoundError when they are not."""
        try:
            self.info(self._key(sha256))
        except FileNotFoundError:
            self._check_root()
            raise FileNotFoundError(f"The archive {self.url} has no copy of {sha256}") from None
        return self._key(sha256) if self.is_local else f"{self.url.rstrip('/')}/{sha256}"

    @contextmanager
    def draft(self) -> Iterator[Draft]:
        """An empty file that is gone afterwards, whatever happens, unless `keep` has taken it."""
        if not self.is_local:
            with _spool() as draft:
                yield draft
            return
        # Where it is renamed, and not after the delivery: 80 Chinese characters and anything more are too long a name.
        path = Path(self.root) / f".{uuid.uuid4().hex}.part"
        with self._explained():
            try:
                file = path.open("xb")
            except FileNotFoundError:
                path.parent.mkdir(parents=True, exist_ok=True)
                file = path.open("xb")
        try:
            with file:
                yield Draft(file, path)
        finally:
            path.unlink(missing_ok=True)

    def keep(self, draft: Draft, sha256: str, *, is_only_copy: bool = False) -> Path:
        """Put a draft under its name, whole or not at all; returns where readers of this machine find the bytes.

        What is nowhere else (`is_only_copy`) is on the disk before this returns.
        """
        key = self._key(sha256)
        with self._explained():
            draft.file.flush()
            if self.is_local:
                kept = Path(key)
                if is_only_copy:
                    os.fsync(draft.file.fileno())
                if not kept.exists():
                    draft.path.rename(kept)
                if is_only_copy:
                    _sync(kept)
                    _sync(kept.parent)
                return kept
            if not self._holds(key, os.fstat(draft.file.fileno()).st_size):
                self._put(draft, key)
        return draft.path

    @contextmanager
    def held(self, sha256: str) -> Iterator[Path]:
        """A local file with these bytes; of a remote archive a copy, which is gone afterwards.

        Raises FileNotFoundError when the archive does not hold them.
        """
        where = self.location(sha256)
        if self.is_local:
            yield Path(where)
            return
        with _spool() as draft:
            digest = hashlib.sha256()
            for chunk in self.chunks(self._key(sha256)):
                digest.update(chunk)
                draft.file.write(chunk)
            draft.file.flush()
            if digest.hexdigest() != sha256:
                raise StorageError(f"{where} is damaged: its bytes have the SHA-256 {digest.hexdigest()}; restore it")
            yield draft.path

    def sweep(self) -> int:
        """Delete what killed processes left half-written; how many. S3 shows no half object: a rule of the bucket ends
        unfinished uploads."""
        if self.scheme in _BUCKETS:
            return 0
        old = time.time() - _ABANDONED_SECONDS
        swept = 0
        with self._explained():
            try:
                found = self.file_system.ls(self.root, detail=True)
            except FileNotFoundError:
                return 0
            for info in found:
                if _DRAFT.fullmatch(info["name"].rsplit("/", 1)[-1]) and modified_at(info) < old:
                    try:
                        self.file_system.rm_file(info["name"])
                        swept += 1
                    except Exception as error:
                        log.warning("%s may not be deleted by us (%s)", self.uri(info["name"]), type(error).__name__)
        return swept

    def _key(self, sha256: str) -> str:
        return f"{self.root.rstrip('/')}/{sha256}"

    def _holds(self, key: str, size: int) -> bool:
        self.file_system.invalidate_cache()
        try:
            return bool(self.file_system.info(key)["size"] == size)
        except FileNotFoundError:
            return False

    def _put(self, draft: Draft, key: str) -> None:
        if self.scheme in _BUCKETS:
            # On S3 two parts at a time, which the last request makes one object; a failure before leaves none.
            options = {"chunksize": _S3_BLOCK, "max_concurrency": 2} if self.scheme in _S3 else {}
            self.file_system.put_file(str(draft.path), key, **options)
            return
        # Not put_file: asyncssh would take the draft's path, a link in /proc, for a link to be made there.
        part = f"{self.root.rstrip('/')}/.{uuid.uuid4().hex}.part"
        try:
            outgoing = self.file_system.open(part, "wb")
        except FileNotFoundError:
            self.file_system.makedirs(self.root, exist_ok=True)
            outgoing = self.file_system.open(part, "wb")
        try:
            with draft.path.open("rb") as incoming, outgoing:
                shutil.copyfileobj(incoming, outgoing, CHUNK)
            self.file_system.mv(part, key)
        except BaseException:
            # What failed is what is told, not that its rest could not be taken away either.
            with suppress(Exception):
                self.file_system.rm_file(part)
            raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _spool() -> Iterator[Draft]:
    """A private file of this machine without a name: the kernel frees it, after kill -9 too. Not in /tmp, which may be
    memory."""
    folder = settings().state_dir / "spool"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    with tempfile.TemporaryFile(dir=folder) as file:
        # By this process's number, so that readers' children can open it.
        yield Draft(file, Path(f"/proc/{os.getpid()}/fd/{file.fileno()}"))


def landing() -> Place:
    """What offices send: BAOTU_LANDING_URL. Raises StorageError."""
    return Place(*_opened("BAOTU_LANDING_URL", settings().landing_url, os.getpid()))


def archive() -> Archive:
    """Copies of all of it: BAOTU_ARCHIVE_URL. Raises StorageError."""
    return Archive(*_opened("BAOTU_ARCHIVE_URL", settings().archive_url, os.getpid()))


def this_machine() -> Place:
    """For files that a person names."""
    return Place("PATH", "", fsspec.filesystem("file"), "", "file")


def kept_at(digests: Collection[str]) -> dict[str, str]:
    """Where the archive keeps each of these, or what it says instead: for a line that people read."""
    found: dict[str, str] = {}
    for sha256 in digests:
        try:
            found[sha256] = archive().location(sha256)
        except FileNotFoundError:
            found[sha256] = f"不在 {shown(settings().archive_url)} · not found there"
        except StorageError as error:
            # Not once more for each of them: a server that is down takes its time.
            return dict.fromkeys(digests, f"无法读取 · {error}") | found
    return found


@cache
def _opened(setting: str, url: str, _pid: int) -> tuple[str, str, Any, str, str, tuple[str, ...]]:
    """The fields of a Place. Once a process: a connection is not made anew for each file, nor shared after a fork."""
    for chatty in ("asyncssh", "botocore", "aiobotocore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    address = _Address.of(url)
    secrets = tuple({address.password, unquote(address.password)} - {""})
    _mask(secrets)
    if address.scheme in _S3 and address.password:
        raise StorageError(
            f"{setting} {address.shown}: no password can stand in a URL of S3; name a connection. {_HELP}"
        )
    with _explained(setting, address.shown, secrets):
        if address.connection is not None:
            file_system, root = _by_connection(address)
        elif address.scheme in _SFTP:
            # Percent signs are decoded, which fsspec leaves to the caller.
            login = {"username": unquote(address.user), "password": unquote(address.password)}
            server = urlsplit(f"//{address.host}")
            options = {"host": server.hostname, "port": server.port or 22}
            options |= {key: value for key, value in login.items() if value}
            file_system = fsspec.filesystem("sftp", **options, **_SSH)
            root = address.path or "/"
        else:
            file_system, root = fsspec.core.url_to_fs(url, skip_instance_cache=True)
    return (
        setting,
        root if address.scheme in ("file", "local") else address.shown,
        file_system,
        root,
        address.scheme,
        secrets,
    )


#: Host keys are looked up in known_hosts, which sshfs else leaves out. A server that is gone is noticed, before the
#: connection and while it lasts; one that failed is not kept by fsspec either.
_SSH: dict[str, Any] = {
    "known_hosts": (),
    "connect_timeout": 15,
    "login_timeout": 30,
    "keepalive_interval": 15,
    "skip_instance_cache": True,
}


def _by_connection(address: _Address) -> tuple[Any, str]:
    """By Airflow's own way, which looks in the environment (AIRFLOW_CONN_…), and in tasks in Airflow's database too."""
    with nullcontext() if "airflow.sdk" in sys.modules else _as_a_guest():
        from airflow.sdk.bases.hook import BaseHook
        from airflow.sdk.io import get_fs
    # Asked for here, because the provider for S3 goes on without a connection that is not there.
    connection = BaseHook.get_connection(str(address.connection))
    if address.scheme in _SFTP:
        return get_fs(address.scheme, address.connection, _ssh_options(connection)), address.path or "/"
    return get_fs(address.scheme, address.connection), (address.host + address.path)


@contextmanager
def _as_a_guest() -> Iterator[None]:
    """Airflow, where it is first imported, makes its home (never ~/airflow), and takes over all logging of the process."""
    os.environ.setdefault("AIRFLOW_HOME", str(settings().state_dir / "airflow"))
    root, level = logging.getLogger(), "AIRFLOW__LOGGING__LOGGING_LEVEL"
    handlers, threshold, before = root.handlers[:], root.level, os.environ.get(level)
    os.environ[level] = "WARNING"
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(threshold)
        del os.environ[level]
        if before is not None:
            os.environ[level] = before


def _ssh_options(connection: Any) -> dict[str, Any]:
    """What the provider leaves out: sshfs checks no host key unless it is told to, a private key in the connection is
    taken for a file's name (and shown in the error), and without a login there is none."""
    extra = connection.extra_dejson
    options: dict[str, Any] = dict(_SSH)
    if not connection.login:
        options["username"] = ()
    if key := extra.get("private_key"):
        options["client_keys"] = [key.encode()]
    if host_key := extra.get("host_key"):
        options["known_hosts"] = f"* {host_key if ' ' in host_key else f'ssh-rsa {host_key}'}".encode()
    elif str(extra.get("no_host_key_check", "")).lower() == "true":
        options["known_hosts"] = None
    return options


def _mask(secrets: Iterable[str]) -> None:
    """In a task Airflow blacks them out, whoever else logs them."""
    if "airflow.sdk" in sys.modules:
        from airflow.sdk.log import mask_secret

        for secret in secrets:
            mask_secret(secret)


@contextmanager
def _explained(setting: str, url: str, secrets: Iterable[str], passes: _Kinds = ()) -> Iterator[None]:
    """Whatever a library raises becomes a StorageError; a connection that failed is made anew the next time."""
    try:
        yield
    except StorageError:
        raise
    except passes:
        raise
    except Exception as error:
        _opened.cache_clear()
        raise _told(setting, url, secrets, error) from error


def _told(setting: str, url: str, secrets: Iterable[str], error: Exception) -> StorageError:
    kinds = {kind.__name__ for kind in type(error).__mro__}
    found = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    for secret in secrets:
        found = found.replace(secret, "***")
    if kinds & {"HostKeyNotVerifiable"}:
        what = f"the host key of the server is not known here ({found}); compare its fingerprint with what its"
        what += " administrator says, then add it to known_hosts."
    elif kinds & {"AirflowNotFoundException"}:
        what = f"{found}; define the connection in the environment (AIRFLOW_CONN_<ID>) or, for tasks alone, in Airflow."
    elif kinds & {"PermissionError", "PermissionDenied", "SFTPPermissionDenied", "NoCredentialsError"}:
        what = f"access was refused ({found}); check the credentials and their rights."
    elif isinstance(error, FileNotFoundError):
        what = f"it is not there ({found}); make it, or correct {setting}."
    else:
        what = f"it cannot be used ({found}); {'is the server up, and ' if '://' in url else ''}is {setting} right?"
    return StorageError(f"{setting} {url}: {what} {_HELP}")
