"""Landing areas and archives on S3 and SFTP: real files from discovery to publication, and what goes wrong with servers."""

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from baotu import deliveries, ingest, landing, publish, storage
from baotu.settings import PROJECT
from baotu.sources import load_source
from baotu.storage import StorageError
from baotu.trace import trace
from baotu.warehouse import connect
from tests.conftest import new_directory
from tests.faults.test_kill import FORK, finish, start
from tests.pipeline.conftest import Installation
from tests.pipeline.test_deliveries import FOOD, issued, samples
from tests.storage.conftest import KEYS, S3, Area, Folder, Pointer, Server, Sftp

GOLDEN = PROJECT / "tests" / "golden" / FOOD
CORPUS = PROJECT / "tests" / "corpus" / FOOD
#: Two texts, a workbook that a child process opens, one that calamine reads, a page.
FILES = [
    *sorted(GOLDEN.glob("*.csv")),
    *(CORPUS / "two_level_merged_header").glob("*.xlsx"),
    *(CORPUS / "old_workbook_merged_downwards").glob("*.xls"),
    *(CORPUS / "html_table_called_xls").glob("*.xls"),
]


@pytest.fixture
def make_area(request: pytest.FixtureRequest) -> Callable[[str], Area]:
    """An empty area of a kind; its server runs, and this process may use it."""

    def made(kind: str) -> Area:
        if kind == "local":
            path = new_directory("区")
            return Folder(str(path), path)
        area: Area = request.getfixturevalue(kind).area()
        return area

    return made


def python(code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=300, check=False
    )


def baotu(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).with_name("baotu")), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def ledger(warehouse: Installation) -> str:
    """Every table of the ledger as text."""
    tables = warehouse.rows(
        "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = 'ops'"
    )
    return "\n".join(
        row["line"] for table in tables for row in warehouse.rows(f"select t::text as line from {table['name']} as t")
    )


# ----------------------------------------------------------------------------------------------------
# The whole way


@pytest.mark.parametrize(
    ("of_landing", "of_archive"),
    [("s3", "s3"), ("sftp", "sftp"), ("local", "s3"), ("s3", "sftp"), ("sftp", "local")],
)
def test_all_the_way(
    warehouse: Installation, at: Pointer, make_area: Callable[[str], Area], of_landing: str, of_archive: str
) -> None:
    offices, archive = make_area(of_landing), make_area(of_archive)
    at(offices.url, archive.url)
    assert ingest.discover(FOOD) == 0
    for path in FILES:
        offices.put(f"{FOOD}/2021年/{path.name}", path.read_bytes())
    dated = f"{FOOD}/食品 100% #1?.csv"
    offices.put(dated, samples("S", 30).encode())
    offices.put(f"{dated}.meta.yml", issued("2021-08-01").encode())
    for left in (f"{FOOD}/half.csv.part", f"{FOOD}/.hidden/a.csv", f"{FOOD}/~$lock.xlsx"):
        offices.put(left, b"not a delivery")

    landed, verdicts = warehouse.ingest(FOOD)
    assert len(landed) == len(FILES) + 1 and {one.status for one in landed} == {"landed"}
    assert {verdict.status for verdict in verdicts} == {"accepted"}
    prefix = offices.url if "://" in offices.url else f"file://{offices.url}"
    assert all(one.file_uri.startswith(f"{prefix}/{FOOD}/") for one in landed)
    assert warehouse.rows("select issued_on::text from ops.delivery where file_uri like '%%?.csv'") == [
        {"issued_on": "2021-08-01"}
    ]
    kept = {row["file_sha256"] for row in warehouse.rows("select file_sha256 from ops.delivery")}
    assert archive.names() == sorted(kept) and len(kept) == len(landed)
    assert all(hashlib.sha256(archive.read(name)).hexdigest() == name for name in kept)

    # Seen as they are; the same bytes under another name; another sidecar; a file taken back to what it was.
    assert ingest.discover(FOOD) == 0
    offices.put(f"{FOOD}/重发.csv", FILES[0].read_bytes())
    assert [one.status for one in ingest.load(FOOD)] == ["known"]
    offices.put(f"{dated}.meta.yml", issued("2021-08-02").encode())
    (again,), _ = warehouse.ingest(FOOD)
    assert (again.status, again.file_uri) == ("landed", f"{prefix}/{dated}")
    assert archive.names() == sorted(kept)

    # From the archive alone.
    newest = warehouse.rows("select max(delivery_id) as id from ops.delivery where file_uri like '%%.xlsx'")[0]["id"]
    assert deliveries.retry(newest, "of a test").status == "accepted"
    assert ingest.discover(FOOD) == 0

    # A dry run leaves nothing, in the archive neither.
    local = new_directory("local") / "一.csv"
    local.write_text(samples("D", 5), encoding="utf-8")
    _, verdict = ingest.dry_run(load_source(FOOD), local, {})
    assert verdict is not None and verdict.status == "accepted" and archive.names() == sorted(kept)

    built = publish.build()
    assert built.status == "published", built.reasons
    with connect() as connection:
        told = "\n".join(trace(connection, "Q03", "2021").text())
    places = re.findall(r"存档 archive (.*)", told)
    assert places and all(place in {f"{archive.url}/{name}" for name in kept} for place in places)
    shown = baotu("deliveries", "show", str(newest))
    assert shown.returncode == 0 and f"archive            {archive.url}/" in shown.stdout


@pytest.mark.parametrize("kind", ["s3", "sftp"])
def test_by_a_connection_of_airflow(
    warehouse: Installation, at: Pointer, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """From the command line, with the id in the URL and all else in AIRFLOW_CONN_…; nothing stands in ~/.ssh or AWS_…"""
    server: Any = request.getfixturevalue(kind)
    offices, archive = server.area(), server.area()
    if isinstance(server, S3):
        secret = KEYS["AWS_SECRET_ACCESS_KEY"]
        connection = {
            "conn_type": "aws", "login": KEYS["AWS_ACCESS_KEY_ID"], "password": secret,
            "extra": {"endpoint_url": server.url, "region_name": "us-east-1"},
        }  # fmt: skip
        for name in (*KEYS, "AWS_ENDPOINT_URL"):
            monkeypatch.delenv(name)
        urls = [area.url.replace("s3://", "s3://office_files@") for area in (offices, archive)]
    else:
        secret = server.client_key.read_text().splitlines()[2]
        connection = {
            "conn_type": "sftp", "login": offices.url.split("//")[1].split("@")[0], "host": "127.0.0.1",
            "port": server.server.port,
            "extra": {"private_key": server.client_key.read_text(), "host_key": server.host_key},
        }  # fmt: skip
        monkeypatch.setenv("HOME", str(new_directory("home")))
        urls = [f"sftp://office_files@{area.path}" for area in (offices, archive)]
    at(*urls)
    at.setenv(AIRFLOW_CONN_OFFICE_FILES=json.dumps(connection))

    file = GOLDEN / FILES[0].name
    done = baotu("load", FOOD, str(file))
    assert done.returncode == 0, done.stderr
    # Airflow and its providers have nothing to say here.
    assert (len(done.stdout.splitlines()), len(done.stderr.splitlines())) == (1, 1), done.stdout + done.stderr
    assert ": accepted as delivery" in done.stdout
    offices.put(f"{FOOD}/{FILES[1].name}", FILES[1].read_bytes())
    assert [one.file_uri for one in ingest.load(FOOD)] == [f"{urls[0]}/{FOOD}/{FILES[1].name}"]
    shown = baotu("deliveries", "show", "1")
    assert f"archive            {urls[1]}/{archive.names()[0]}" in shown.stdout or len(archive.names()) == 2
    assert secret not in ledger(warehouse) + done.stdout + shown.stdout + shown.stderr


# ----------------------------------------------------------------------------------------------------
# Requests, memory


def test_a_listing_asks_for_no_single_file(at: Pointer, s3: S3) -> None:
    offices = s3.area()
    at(offices.url, str(at.state / "archive"))
    for number in range(1_000):
        offices.put(f"{FOOD}/{number:04}.csv", b"x")
    for number in range(500):
        offices.put(f"{FOOD}/{number:04}.csv.meta.yml", b"issued_on: 2021-01-01\n")
    before = len(s3.requests())
    with connect() as connection:
        found = landing.discover(connection, load_source(FOOD))
    assert len(found) == 1_000 and sum(one.sidecar_info is not None for one in found) == 500
    assert len({one.fingerprint for one in found}) > 1
    # 1,500 keys are two pages.
    assert len(s3.requests()) - before == 2, s3.requests()[before:][:10]


@pytest.mark.parametrize("kind", ["s3", "sftp"])
def test_files_stream(at: Pointer, make_area: Callable[[str], Area], kind: str) -> None:
    """Landing → archive → reader: memory does not grow with the file."""
    offices, archive = make_area(kind), make_area(kind)
    at(offices.url, archive.url)
    code = """if True:
        import sys
        from pathlib import Path
        from baotu import landing, storage
        place, archive = storage.landing(), storage.archive()
        ((path, info),) = place.files(sys.argv[1]).items()
        with archive.draft() as draft:
            sha256, size = landing._fetch(landing._Candidate(place, path, info, None), draft)
            archive.keep(draft, sha256)
        with archive.held(sha256) as copy:
            assert copy.stat().st_size == size and copy.stat().st_mode & 0o777 == 0o600
        # Not ru_maxrss, which an exec takes over from the process before.
        print(size, Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
    """
    peaks = []
    for megabytes in (1, 60):
        offices.put(f"of_{megabytes}/文件.csv", os.urandom(1 << 20) * megabytes)
        done = python(code, f"of_{megabytes}")
        assert done.returncode == 0, done.stderr
        size, peak = map(int, done.stdout.split())
        assert size == megabytes << 20
        peaks.append(peak // 1024)
    # S3 reads and writes pieces of 8 MB.
    assert peaks[1] - peaks[0] < 45, peaks
    print(f"{kind}: peak {peaks[0]} MB with 1 MB, {peaks[1]} MB with 60 MB")


# ----------------------------------------------------------------------------------------------------
# Killed, at once, overwritten


@pytest.mark.parametrize("kind", ["s3", "sftp"])
def test_killed_while_it_uploads(at: Pointer, make_area: Callable[[str], Area], kind: str) -> None:
    archive = make_area(kind)
    at(None, archive.url)
    code = """if True:
        import hashlib, os, signal, sys
        from s3fs import S3FileSystem
        from baotu import storage
        def die(): os.kill(os.getpid(), signal.SIGKILL)
        def half(source, target, size):
            target.write(source.read(10 << 20)); die()
        called = S3FileSystem._call_s3
        async def last(self, method, *given, **options):
            if method == "complete_multipart_upload": die()
            return await called(self, method, *given, **options)
        if sys.argv[1] == "dies":
            storage.shutil.copyfileobj, S3FileSystem._call_s3 = half, last
        place, content = storage.archive(), b"0123456789abcdef" * (2 << 20)
        with place.draft() as draft:
            draft.file.write(content)
            place.keep(draft, hashlib.sha256(content).hexdigest())
    """
    name = hashlib.sha256(b"0123456789abcdef" * (2 << 20)).hexdigest()
    assert python(code, "dies").returncode == -9
    assert name not in archive.names()
    # Nothing is left of the copy on this machine either.
    assert list((at.state / "spool").iterdir()) == []
    done = python(code, "lives")
    assert done.returncode == 0, done.stderr
    left = [found for found in archive.names() if found != name]
    assert name in archive.names() and hashlib.sha256(archive.read(name)).hexdigest() == name
    # SFTP shows the half under another name until maintenance takes it away, a day later.
    assert len(left) == (kind == "sftp") and all(re.fullmatch(r"\.[0-9a-f]{32}\.part", found) for found in left)
    assert storage.archive().sweep() == 0
    for found in left:
        assert isinstance(archive, Folder)
        os.utime(archive.path / found, (time.time() - 100_000,) * 2)
    assert storage.archive().sweep() == len(left)
    assert archive.names() == [name]


@pytest.mark.parametrize("kind", ["s3", "sftp"])
def test_two_loaders_at_once(
    warehouse: Installation,
    at: Pointer,
    make_area: Callable[[str], Area],
    children: list[Any],
    kind: str,
) -> None:
    offices, archive = make_area(kind), make_area(kind)
    at(offices.url, archive.url)
    for number in range(8):
        offices.put(f"{FOOD}/{number}.csv", samples(f"S{number}", 2_000).encode())
    ingest.discover(FOOD)  # Before the fork: no connection is shared after it.
    turnstile = FORK.Barrier(2)

    def load() -> None:
        turnstile.wait(60)
        ingest.load(FOOD)

    finish(start(children, load), start(children, load))
    assert warehouse.rows(
        "select count(*), count(distinct file_sha256) as files, sum(rows_read) as rows from ops.delivery"
    ) == [{"count": 8, "files": 8, "rows": 16_000}]
    assert len(archive.names()) == 8
    assert all(hashlib.sha256(archive.read(name)).hexdigest() == name for name in archive.names())
    assert ingest.load(FOOD) == []


@pytest.mark.parametrize("kind", ["s3", "sftp"])
def test_overwritten(
    warehouse: Installation, at: Pointer, make_area: Callable[[str], Area], monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, kind: str,
) -> None:  # fmt: skip
    """After the listing, then while it is read: what is half one and half the other never counts."""
    offices, archive = make_area(kind), make_area(kind)
    at(offices.url, archive.url)
    source = load_source(FOOD)
    offices.put(f"{FOOD}/a.csv", samples("OLD", 5).encode())
    offices.put(f"{FOOD}/b.csv", samples("B", 5).encode())
    with connect() as connection:
        found = landing.discover(connection, source)
        offices.put(f"{FOOD}/a.csv", samples("NEW", 6).encode())
        assert [Path(one.file_uri).name for one in landing.load(connection, source, found)] == ["b.csv"]
    assert "a.csv changed while it was read" in caplog.text
    assert [one.rows_read for one in ingest.load(FOOD)] == [6]

    old, new = (samples(name, 500_000).encode() for name in ("OLD", "NEW"))
    assert len(old) > 3 * storage._S3_BLOCK
    offices.put(f"{FOOD}/c.csv", old)
    if isinstance(offices, Folder):
        # SFTP tells whole seconds; what is taken has not changed for `settle_seconds`, which this clock leaves out.
        os.utime(offices.path / FOOD / "c.csv", (time.time() - 10,) * 2)
    chunks = storage.Place.chunks

    def overwritten(self: storage.Place, path: str) -> Any:
        for number, chunk in enumerate(chunks(self, path)):
            yield chunk
            if number == 0:
                offices.put(f"{FOOD}/c.csv", new[: len(old)])

    with monkeypatch.context() as patched:
        patched.setattr(storage.Place, "chunks", overwritten)
        assert ingest.load(FOOD) == []
    assert "c.csv changed while it was read" in caplog.text
    assert len(archive.names()) == 2 and warehouse.rows("select count(*) from ops.delivery") == [{"count": 2}]


def test_a_damaged_copy_is_not_read(warehouse: Installation, at: Pointer, s3: S3) -> None:
    offices, archive = s3.area(), s3.area()
    at(offices.url, archive.url)
    offices.put(f"{FOOD}/a.csv", samples("A", 5).encode())
    warehouse.ingest(FOOD)
    (name,) = archive.names()
    archive.put(name, samples("X", 5).encode())
    with pytest.raises(StorageError, match="is damaged"):
        deliveries.retry(1, "of a test")
    archive.client.delete_object(Bucket=archive.bucket, Key=f"区/{name}")
    with pytest.raises(FileNotFoundError, match=re.escape(f"The archive {archive.url} has no copy of {name}")):
        deliveries.retry(1, "of a test")
    assert warehouse.rows("select status from ops.delivery") == [{"status": "accepted"}]


# ----------------------------------------------------------------------------------------------------
# Errors and secrets

SECRET = "Geh%2Feim-Pass"
DECODED = "Geh/eim-Pass"


def assert_told(done: "subprocess.CompletedProcess[str]", *parts: str) -> None:
    """One line says which place, what was found and what to do; the second, as ever, where logs are."""
    assert done.returncode == 1, done.stdout + done.stderr
    line, logs = done.stderr.splitlines()
    assert logs.startswith("       logs: "), done.stderr
    assert all(part in line for part in ("baotu: BAOTU_ARCHIVE_URL", "See docs/deploy-storage.md", *parts)), line


def test_s3_says_what_is_wrong(warehouse: Installation, at: Pointer, s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, file = s3.area(), str(FILES[0])
    at(f"s3://{archive.bucket}/nothing-yet", "s3://no-such-bucket/区")
    assert ingest.discover(FOOD) == 0
    assert_told(baotu("load", FOOD, file), "s3://no-such-bucket/区: it is not there", "make it")
    assert s3.client.list_buckets()["Buckets"] and "no-such-bucket" not in str(s3.client.list_buckets())
    at("s3://no-such-bucket/区")
    with pytest.raises(StorageError, match="BAOTU_LANDING_URL s3://no-such-bucket/区: it is not there"):
        ingest.load(FOOD)

    at(None, f"s3://no_such_conn@{archive.bucket}/区")
    assert_told(baotu("load", FOOD, file), "`no_such_conn` isn't defined", "AIRFLOW_CONN_<ID>")
    at(None, f"s3://id:{SECRET}@{archive.bucket}/区")
    done = baotu("load", FOOD, file)
    assert_told(done, "no password can stand in a URL of S3")
    assert SECRET not in done.stderr and DECODED not in done.stderr

    at(None, archive.url)
    s3.check_credentials(True)
    try:
        assert_told(baotu("load", FOOD, file), "access was refused", "check the credentials")
    finally:
        s3.check_credentials(False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert_told(baotu("load", FOOD, file), "Could not connect", "is the server up")
    assert warehouse.rows("select 1 from ops.delivery") == []


def test_sftp_says_what_is_wrong(
    warehouse: Installation, at: Pointer, sftp: Sftp, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, file = sftp.area(), str(FILES[0])
    at(f"{archive.url}/nirgends")
    with pytest.raises(StorageError, match=r"BAOTU_LANDING_URL sftp://.*/nirgends: it is not there"):
        ingest.load(FOOD)

    wrong = archive.url.replace("@", f":{SECRET}@")
    monkeypatch.setenv("HOME", str(new_directory("home")))
    at(None, wrong)
    done = baotu("load", FOOD, file)
    assert_told(done, f"{archive.url}: the host key of the server is not known here", "known_hosts")
    (Path(os.environ["HOME"]) / ".ssh").mkdir(mode=0o700)
    known = Path(os.environ["HOME"]) / ".ssh" / "known_hosts"
    # Somebody between us and the server has another one.
    key = sftp.client_key.with_suffix(".pub").read_text().split()[:2]
    known.write_text(f"[127.0.0.1]:{sftp.server.port} {' '.join(key)}\n")
    assert_told(baotu("load", FOOD, file), "the host key of the server is not known here")
    known.write_text(sftp.known_hosts.read_text())
    refused = baotu("-v", "load", FOOD, file)
    assert refused.returncode == 1 and "access was refused" in refused.stderr
    said = done.stderr + refused.stderr + refused.stdout + ledger(warehouse)
    assert SECRET not in said and DECODED not in said

    sftp.server.stop()
    try:
        at(None, archive.url)
        assert_told(baotu("load", FOOD, file), "Connect call failed", "is the server up")
    finally:
        sftp.server.start()
    assert warehouse.rows("select 1 from ops.delivery") == []


def test_a_server_that_comes_back(warehouse: Installation, at: Pointer, sftp: Sftp) -> None:
    """A task that failed is tried again, here in the same process; nothing is refused for it."""
    offices, archive = sftp.area(), sftp.area()
    at(offices.url, archive.url)
    offices.put(f"{FOOD}/a.csv", samples("A", 5).encode())
    assert ingest.discover(FOOD) == 1
    sftp.server.stop()
    try:
        with pytest.raises(StorageError, match="is the server up"):
            ingest.load(FOOD)
    finally:
        sftp.server.start()
    assert [one.status for one in ingest.load(FOOD)] == ["landed"]
    assert warehouse.rows("select status from ops.delivery") == [{"status": "landed"}]


def test_a_password_shows_nowhere(
    warehouse: Installation, at: Pointer, sftp: Sftp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSH would ask the system for its user's password; asyncssh's own server takes this one."""
    from baotu.embedded import free_port

    log, port = new_directory("password") / "log", free_port([])
    code = """if True:
        import asyncio, asyncssh, sys
        class Asked(asyncssh.SSHServer):
            def begin_auth(self, username): return True
            def password_auth_supported(self): return True
            def validate_password(self, username, password): return (username, password) == ("office", sys.argv[3])
        async def serve():
            await asyncssh.listen("127.0.0.1", int(sys.argv[1]), server_factory=Asked, server_host_keys=[sys.argv[2]],
                sftp_factory=True)
            await asyncio.Event().wait()
        asyncio.run(serve())
    """
    server = Server([sys.executable, "-c", code, str(port), str(sftp.home / "host_key"), DECODED], log, port)
    server.start()
    try:
        home = new_directory("home")
        (home / ".ssh").mkdir()
        (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{port} {sftp.host_key}\n")
        monkeypatch.setenv("HOME", str(home))
        area = sftp.area()
        at(
            f"sftp://office:{SECRET}@127.0.0.1:{port}{area.path}/in",
            f"sftp://office:{SECRET}@127.0.0.1:{port}{area.path}",
        )
        area.put(f"in/{FOOD}/{FILES[1].name}", FILES[1].read_bytes())
        said = []
        for command in (
            ["-v", "load", FOOD, str(FILES[0])], ["-v", "load", FOOD, str(FILES[1]), "--dry-run"], ["-v", "status"],
            ["deliveries", "show", "1"], ["-v", "deliveries", "retry", "1", "--reason", "x"], ["alerts", "list"],
        ):  # fmt: skip
            done = baotu(*command)
            assert done.returncode == 0, (command, done.stderr)
            said.append(done.stdout + done.stderr)
        assert f"sftp://office@127.0.0.1:{port}{area.path}/" in "".join(said)
        (landed,) = ingest.load(FOOD)
        assert landed.file_uri == f"sftp://office@127.0.0.1:{port}{area.path}/in/{FOOD}/{FILES[1].name}"
        at(None, f"sftp://office:{SECRET}x@127.0.0.1:{port}{area.path}")
        with pytest.raises(StorageError) as refused:
            ingest.load_files(load_source(FOOD), [FILES[1]], {})
        said += [str(refused.value), ledger(warehouse), repr(storage.landing())]
        said += [path.read_text(errors="replace") for path in (at.state / "logs").rglob("*") if path.is_file()]
        for text in said:
            assert "eim-Pass" not in text
    finally:
        server.stop()


def test_airflow_masks_a_password(at: Pointer) -> None:
    """Whoever else logs it in a task: the supervisor, too, blacks it out."""
    at(f"sftp://office:{SECRET}@127.0.0.1:9/in")
    code = """if True:
        from airflow.sdk._shared.secrets_masker import redact
        import airflow.sdk.log
        from baotu import storage
        try: storage.landing()
        except storage.StorageError as error: print(error)
        print(redact("sftp://office:Geh%2Feim-Pass@127.0.0.1 Geh/eim-Pass"))
    """
    done = python(code)
    assert done.returncode == 0, done.stderr
    assert "eim-Pass" not in done.stdout and "***" in done.stdout.splitlines()[-1]


def test_what_lies_beside_deliveries_is_none(at: Pointer, s3: S3, sftp: Sftp) -> None:
    """A console's mark for a folder; links, which stand for what they lead to, and lead nowhere or back up."""
    offices = s3.area()
    at(offices.url)
    s3.client.put_object(Bucket=offices.bucket, Key=f"区/{FOOD}/", Body=b"")
    offices.put(f"{FOOD}/a.csv", b"x")
    assert [one.name for one in landing._listing(load_source(FOOD))] == ["a.csv"]
    folder = sftp.area()
    at(folder.url)
    folder.put(f"{FOOD}/a.csv", b"12345")
    for name, target in (("to-a.csv", "a.csv"), ("nowhere.csv", "/nowhere"), ("up", "..")):
        (folder.path / FOOD / name).symlink_to(target)
    found = landing._listing(load_source(FOOD))
    assert sorted((one.name, one.info["size"]) for one in found) == [("a.csv", 5), ("to-a.csv", 5)]


def test_samples_are_written_into_a_directory(at: Pointer, s3: S3) -> None:
    at(s3.area().url)
    done = baotu("samples")
    assert done.returncode == 1 and "name one with --out" in done.stderr


# ----------------------------------------------------------------------------------------------------
# The guide, word by word

GUIDE = (PROJECT / "docs" / "deploy-storage.md").read_text(encoding="utf-8")


def blocks(language: str, mark: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    return [block for block in found if mark in block]


def shell(script: str) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        ["bash", "-ec", script], cwd=PROJECT, capture_output=True, text=True, timeout=300, check=False,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_the_guide_to_s3(warehouse: Installation, at: Pointer, s3_server: S3) -> None:
    """Its commands, with its rights and no others."""
    import boto3

    iam = boto3.client(
        "iam",
        endpoint_url=s3_server.url,
        aws_access_key_id="root",
        aws_secret_access_key="root",
        region_name="us-east-1",
    )
    for bucket in ("quality-landing", "quality-archive"):
        s3_server.client.create_bucket(Bucket=bucket)
    iam.create_user(UserName="baotu")
    (policy,) = blocks("json", "s3:ListBucket")
    iam.put_user_policy(UserName="baotu", PolicyName="baotu", PolicyDocument=policy)
    key = iam.create_access_key(UserName="baotu")["AccessKey"]

    def ours(script: str) -> str:
        for theirs, its in (
            ("=baotu\n", f"={key['AccessKeyId']}\n"), ('"login": "baotu"', f'"login": "{key["AccessKeyId"]}"'),
            ("change-me-please", key["SecretAccessKey"]), ("https://s3.example.org", s3_server.url),
        ):  # fmt: skip
            script = script.replace(theirs, its)
        return script

    by_keys, by_connection = (ours(block) for block in blocks("sh", "BAOTU_LANDING_URL=s3://"))
    s3_server.check_credentials(True)
    try:
        assert ": accepted as delivery 1" in shell(by_keys).stdout
        assert ": accepted as delivery 2" in shell(by_connection).stdout
        # Never deleted from, nor written to where offices deliver.
        for bucket, change in (("quality-archive", "rm_file"), ("quality-landing", "touch")):
            code = f"from fsspec import filesystem as f; f('s3').{change}('s3://{bucket}/kept/x')"
            exports = "\n".join(line for line in by_keys.splitlines() if line.startswith("export"))
            with pytest.raises(AssertionError, match=r"PermissionError|AccessDenied|Forbidden"):
                shell(f'{exports}\npython -c "{code}"')
    finally:
        s3_server.check_credentials(False)
    kept = s3_server.client.list_objects_v2(Bucket="quality-archive")["Contents"]
    assert len(kept) == 2 and all(found["Key"].startswith("kept/") for found in kept)


def test_the_guide_to_sftp(
    warehouse: Installation, at: Pointer, sftp_server: Sftp, monkeypatch: pytest.MonkeyPatch
) -> None:
    area, home = sftp_server.area(), new_directory("home")
    (area.path / "deliveries").mkdir()
    (home / ".ssh").mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(home))
    (users,) = blocks("text", "Match User")
    forced = re.findall(r"ForceCommand (.*)", users)
    assert len(forced) == 2
    servers = [sftp_server.restricted(command) for command in forced]
    try:
        (script,) = blocks("sh", "ssh-keyscan")
        for user, server in zip(("baotu_reader", "baotu_keeper"), servers, strict=True):
            login = area.url.split("//")[1].split("@")[0]
            script = script.replace(f"{user}@files.example.org", f"{login}@127.0.0.1:{server.port}{area.path}")
        scan = "ssh-keyscan -t ed25519 files.example.org > host_key"
        assert scan in script
        scans = "; ".join(f"ssh-keyscan -p {server.port} -t ed25519 127.0.0.1" for server in servers)
        script = script.replace(scan, f"({scans}) > host_key\ncat ~/.ssh/id_ed25519.pub >> {sftp_server.authorized}")
        done = shell(f"cd {at.state}\n" + script.replace("tests/golden", f"{PROJECT}/tests/golden"))
        assert ": accepted as delivery 1" in done.stdout
        assert (at.state / "host_key").read_text() == (home / ".ssh" / "known_hosts").read_text()
        (kept,) = (area.path / "kept").iterdir()

        at(*re.findall(r"BAOTU_(?:LANDING|ARCHIVE)_URL=(\S+)", script))
        assert ingest.discover(FOOD) == 0
        # Neither may be changed by us, and a draft that we may not delete stops nothing.
        for place, path in ((storage.landing(), area.path / "deliveries" / "x"), (storage.archive(), kept)):
            path.touch()
            with pytest.raises(Exception, match=r"(?i)permission denied|bad message|denied"):
                place.file_system.rm_file(str(path))
        draft = area.path / "kept" / f".{'0' * 32}.part"
        draft.write_bytes(b"x")
        os.utime(draft, (time.time() - 100_000,) * 2)
        assert storage.archive().sweep() == 0 and draft.exists()
    finally:
        for server in servers:
            server.stop()
