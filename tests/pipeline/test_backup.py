"""`baotu backup` and `restore`: what is destroyed comes back, all of it; what is damaged is refused before anything is done."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from baotu import backup, publish, trace
from baotu.report import Scorecard
from baotu.settings import Credentials, settings
from baotu.upgrade import upgrade
from baotu.warehouse import connect
from tests.conftest import WarehouseServer
from tests.pipeline.conftest import City, Installation, _new_state

pytestmark = pytest.mark.operations

SAMPLES = (
    "抽样编号,食品名称,被抽样单位名称,被抽样单位所在区县,结果判定,抽样日期,抽样类型,公告日期\n"
    "SL22370102990001,示例面包,示例商店,历下区,合格,2022-06-01,评价性抽检,2022-07-28\n"
)


def say(_step: str) -> None:
    """Nobody looks on."""


def contents(installation: Installation) -> dict[str, Any]:
    """All that a database holds, as far as its own catalogue tells: rows, definitions, comments, positions of sequences."""
    found: dict[str, Any] = {}
    with installation.connect() as connection:
        tables = connection.execute(
            "select c.oid::regclass::text from pg_class as c where c.relkind in ('r', 'p') and c.relpersistence = 'p'"
            " and c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)' order by 1"
        ).fetchall()
        for (table,) in tables:
            query = f"select count(*), md5(string_agg(md5(t::text), '' order by md5(t::text))) from {table} as t"
            found[f"rows of {table}"] = connection.execute(query.encode()).fetchone()
        for what, query in {
            "functions": "select p.oid::regprocedure::text, pg_get_functiondef(p.oid) from pg_proc as p where"
            " pronamespace::regnamespace::text !~ '^(pg_|information_schema)' order by 1",
            "views": "select schemaname, viewname, definition from pg_views where schemaname !~ '^(pg_|information_schema)'"
            " order by 1, 2",
            "indexes": "select schemaname, indexdef from pg_indexes where schemaname !~ '^(pg_|audit|information_schema)'"
            " order by 1, 2",
            "constraints": "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint where"
            " connamespace::regnamespace::text !~ '^(pg_|information_schema)' order by 1, 2",
            "triggers": "select tgrelid::regclass::text, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal order by 1, 2",
            # By name: a column that was dropped once leaves no gap in what is restored.
            "comments": "select d.objoid::regclass::text, a.attname::text, d.description from pg_description as d inner join pg_class"
            " as c on c.oid = d.objoid and d.classoid = 'pg_class'::regclass and c.relnamespace::regnamespace::text !~"
            " '^(pg_|information_schema)' left join pg_attribute as a on a.attrelid = d.objoid and a.attnum = d.objsubid and"
            " d.objsubid > 0 order by 1, 2, 3",
            "sequences": "select schemaname, sequencename, last_value from pg_sequences order by 1, 2",
            "rights": "select table_schema, table_name, privilege_type from information_schema.role_table_grants where"
            " grantee = 'bi_reader' and table_schema !~ '^marts_' order by 1, 2, 3",  # but of builds that nobody reads any more
        }.items():
            found[what] = connection.execute(query.encode()).fetchall()
    return found


@pytest.fixture(scope="module")
def readers(warehouse_server: WarehouseServer) -> Iterator[None]:
    warehouse_server.server.ensure_role("bi_reader", "only-of-this-test-session")
    yield
    warehouse_server.drop_roles("bi_reader")


@pytest.fixture
def saved(readers: None, city_copy: City, tmp_path: Path) -> Path:
    """A backup of the city, published anew so that a reader has rights; the city is still the one in use."""
    upgrade()
    publish.build()
    Credentials().generate("PERSONAL_HASH_KEY")
    return backup.back_up(tmp_path / "backups", say)


@pytest.fixture
def fresh(warehouse_server: WarehouseServer, shared_dbt: Path) -> Installation:
    """A machine that has nothing yet but a server and roles."""
    return Installation(warehouse_server.new_database("restored"), _new_state(shared_dbt))


@pytest.mark.timeout(1200)
def test_what_is_destroyed_comes_back(saved: Path, fresh: Installation, city_copy: City) -> None:
    before, key = contents(city_copy), Credentials().get("PERSONAL_HASH_KEY")
    assert before["rights"] and before["comments"] and before["triggers"]
    kept = {path.name: path.read_bytes() for path in Path(settings().archive_url).iterdir()}
    with connect() as connection:
        card = Scorecard.from_warehouse(connection).json_text()
    shutil.rmtree(city_copy.state)

    with fresh.in_use():
        manifest = backup.restore(saved, say)
        after = contents(fresh)
        assert {what for what in before.keys() | after.keys() if before.get(what) != after.get(what)} == set()
        assert manifest["tables"]["ops.delivery"] == before["rows of ops.delivery"][0]
        assert {path.name: path.read_bytes() for path in Path(settings().archive_url).iterdir()} == kept
        assert Credentials().get("PERSONAL_HASH_KEY") == key
        with connect() as connection:
            assert Scorecard.from_warehouse(connection).json_text() == card
        # It goes on as if nothing had been: ids, builds, publications, and the way back to a row.
        shown = publish.current_publication
        with connect() as connection:
            last = shown(connection)
        fresh.put("food_spot_checks", "之后_20220728.csv", SAMPLES)
        ((landed,), (verdict,)) = fresh.ingest("food_spot_checks")
        assert (landed.rows_read, verdict.status) == (1, "accepted")
        assert publish.build().status in ("published", "held")
        with connect() as connection:
            assert shown(connection) is not None and last is not None
            assert trace.trace(connection, "Q03", "2022").deliveries


def test_the_next_one_copies_only_what_is_new(saved: Path, city_copy: City) -> None:
    copies = {path.name: path.stat().st_ino for path in (saved.parent / "archive").iterdir()}
    city_copy.put("food_spot_checks", "之后_20220728.csv", SAMPLES)
    city_copy.ingest("food_spot_checks")
    second = backup.back_up(saved.parent / "other" / "..", say)
    after = {path.name: path.stat().st_ino for path in (saved.parent / "archive").iterdir()}
    assert len(after) == len(copies) + 1 and copies.items() <= after.items()
    assert second != saved and json.loads((saved / "manifest.json").read_text())["files"]
    assert saved.stat().st_mode & 0o777 == 0o700 and (saved / "credentials").stat().st_mode & 0o777 == 0o600
    assert list(saved.parent.rglob(".*.part")) == []


def test_damage_is_found_before_anything_is_done(saved: Path, fresh: Installation) -> None:
    def refused(words: str) -> None:
        with fresh.in_use():
            with pytest.raises(backup.BackupError, match=words):
                backup.restore(saved, say)
            assert fresh.rows("select nspname from pg_namespace where nspname in ('ops', 'raw', 'marts')") == []

    manifest = (saved / "manifest.json").read_text()
    lasts = [
        saved / "warehouse.dump",
        saved / "credentials",
        next((saved.parent / "archive").iterdir()),
        saved / "manifest.json",
    ]
    for victim in lasts:
        whole = victim.read_bytes()
        victim.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        refused(f"{victim.name} is damaged")
        victim.write_bytes(whole)

    def write(**changes: Any) -> None:
        (saved / "manifest.json").write_text(json.dumps(json.loads(manifest) | changes))
        backup._seal(saved)

    write(revision="0999")
    refused("later release")
    write(postgres=99)
    refused("PostgreSQL 99")
    (saved / "manifest.json").unlink()
    refused("no manifest")
    # Half a restore is none: PostgreSQL takes it back.
    dump = saved / "warehouse.dump"
    whole = dump.read_bytes()
    dump.write_bytes(whole[: len(whole) // 2])
    write(files=json.loads(manifest)["files"] | {dump.name: backup._digest(dump)})
    refused("pg_restore failed")
    dump.write_bytes(whole)
    write()
    with fresh.in_use():
        backup.restore(saved, say)
        with pytest.raises(backup.BackupError, match="not empty"):
            backup.restore(saved, say)


def test_what_fails_looks_like_no_backup(city_copy: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "_copy_archive", lambda *_: (_ for _ in ()).throw(OSError("no space left")))
    with pytest.raises(OSError, match="no space"):
        backup.back_up(tmp_path, say)
    assert list(tmp_path.iterdir()) == []


def test_no_password_on_a_command_line(city_copy: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    run = backup.subprocess.run
    monkeypatch.setattr(
        backup.subprocess, "run", lambda command, **given: (said.extend(command), run(command, **given))[1]
    )
    backup.back_up(tmp_path, say)
    password = psycopg.conninfo.conninfo_to_dict(city_copy.url)["password"]
    assert said and not any(str(password) in word for word in said)
