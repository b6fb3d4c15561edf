"""Raw rows leave for the archive by policy and come back exactly; no number moves, and nothing is lost on the way."""

import gzip
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from baotu import backup, dbt, deliveries, ingest, maintenance, publish, retention, storage
from baotu.report import Scorecard
from baotu.samples import uscc
from baotu.settings import settings
from baotu.sources import load_source
from baotu.trace import trace
from baotu.upgrade import upgrade
from baotu.warehouse import connect, partition_raw
from tests.conftest import WarehouseServer, new_directory
from tests.pipeline.conftest import FEW_MARTS, Installation, _new_state
from tests.pipeline.test_console import client
from tests.pipeline.test_deliveries import FOOD, HEADER, SURVEYS, WEIGHTS, issued, q03, sample, samples, statuses

pytestmark = pytest.mark.operations

POLICY = load_source(FOOD).model_copy(update={"keep_raw_months": 36})
CORRECTION = "原交付编号,原行号," + HEADER


def aged(warehouse: Installation, *delivery_ids: int) -> None:
    """As if they had landed four years ago."""
    with warehouse.connect() as connection:
        connection.execute(
            "update ops.delivery set landed_at = landed_at - interval '4 years' where delivery_id = any(%s)",
            (list(delivery_ids),),
        )


def raw(warehouse: Installation, *delivery_ids: int) -> list[str]:
    """Rows as they are, every column of them."""
    query = f"select row::text as text from raw.{FOOD} as row where delivery_id = any(%s) order by delivery_id, row_no"
    return [row["text"] for row in warehouse.rows(query, list(delivery_ids))]


def out_of_raw(warehouse: Installation) -> list[int]:
    return [
        row["delivery_id"]
        for row in warehouse.rows("select delivery_id from ops.delivery where raw_archived_at is not null order by 1")
    ]


def archived_file(warehouse: Installation, delivery_id: int) -> Path:
    (row,) = warehouse.rows("select raw_archived_sha256 from ops.delivery where delivery_id = %s", delivery_id)
    return Path(storage.archive().location(row["raw_archived_sha256"]))


def partitions(warehouse: Installation) -> list[str]:
    with warehouse.connect() as connection:
        return [partition.name for partition in retention.partitions(connection, FOOD)]


def shown(warehouse: Installation) -> str:
    """All that readers see of a publication but its number and time."""
    with warehouse.connect() as connection:
        card = json.loads(Scorecard.from_warehouse(connection).json_text())
    text = json.dumps(card, sort_keys=True)
    for gone in ("publication_id", "published_at"):
        text = "\n".join(line for line in json.dumps(json.loads(text), indent=1).splitlines() if gone not in line)
        text = json.dumps(text)
    return text


def assert_rows_add_up(warehouse: Installation) -> None:
    """Each row that was read is counted or held back, and is once in raw or once in the archive."""
    for row in warehouse.rows("select * from ops.delivery where rows_read is not null"):
        if row["raw_archived_at"] is None:
            in_raw = f"select count(*) as n from raw.{row['source']} where delivery_id = %s"
            assert warehouse.rows(in_raw, row["delivery_id"]) == [{"n": row["rows_read"]}], row
        else:
            assert warehouse.rows(f"select from raw.{row['source']} where delivery_id = %s", row["delivery_id"]) == []
        if row["status"] in ("accepted", "rejected"):
            assert row["rows_read"] == row["rows_accepted"] + row["rows_quarantined"], row


@pytest.fixture(scope="module")
def settled_once(warehouse_server: WarehouseServer, upgraded_database: str, shared_dbt: Path) -> Path:
    """Six deliveries, judged and published, in the database `settled`, and their files: it takes half a minute."""
    # Under the name that dbt has parsed for.
    made = Installation(
        warehouse_server.new_database("of_one_test", template=upgraded_database), _new_state(shared_dbt)
    )
    with made.in_use(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(publish, "_MARTS", FEW_MARTS)
        patched.setenv("DBT_INDIRECT_SELECTION", "cautious")
        settle(made)
    warehouse_server.new_database("settled", template="of_one_test")
    return made.state


@pytest.fixture
def settled(settled_once: Path, warehouse_server: WarehouseServer) -> Iterator[Installation]:
    """A copy of it. What the policy takes out are 1 and 5."""
    state = new_directory("installation")
    shutil.copytree(settled_once, state, symlinks=True, dirs_exist_ok=True)
    # They would lie elsewhere now: sightings.
    shutil.rmtree(state / "landing")
    made = Installation(warehouse_server.new_database("of_one_test", template="settled"), state)
    with made.in_use(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(publish, "_MARTS", FEW_MARTS)
        patched.setenv("DBT_INDIRECT_SELECTION", "cautious")
        yield made


def settle(warehouse: Installation) -> None:
    """Four deliveries that stay for different reasons, and two that need not."""
    odd = HEADER.replace("\n", ",自有列\n") + sample("A-odd").replace("\n", ',"有 ""引号"", 逗号\n和换行"\n')
    put = {
        "a.csv": odd + samples("A", 12, 2).removeprefix(HEADER).replace("\n", ",\n"),
        "held.csv": samples("H", 20) + sample("H-x", "不祥"),
        "rejected.csv": HEADER + sample("R-1", "不祥") + sample("R-2", "不祥"),
        "new.csv": samples("N", 3),
        "withdrawn.csv": samples("W", 5, 1),
        "readmitted.csv": samples("M", 20) + sample("M-x", day="2021-13-45"),
    }
    for name, content in put.items():
        warehouse.put(FOOD, name, content, issued("2021-07-01"))
    warehouse.ingest(FOOD)
    deliveries.decide(5, "withdraw", "sent by mistake")
    deliveries.readmit(6, "illegible on the form")
    assert statuses(warehouse) == {
        1: "accepted",
        2: "accepted",
        3: "rejected",
        4: "accepted",
        5: "withdrawn",
        6: "accepted",
    }
    with warehouse.connect() as connection:
        # A cell that is empty is not one that is not there; and what means something to COPY is text here.
        for row_no, text in enumerate(("", r"\N", "NULL", "a\n\\.\nb", "\\.", '"', "a,b", "\r\n", "\t　"), start=3):
            connection.execute(
                f"update raw.{FOOD} set remark = %s where delivery_id = 1 and row_no = %s".encode(), (text, row_no)
            )
    aged(warehouse, 1, 2, 3, 5, 6)
    assert publish.build().status == "published"
    assert_rows_add_up(warehouse)


# ----------------------------------------------------------------------------------------------------
# Out


def test_what_is_decided_and_old_leaves_raw_and_no_number_moves(settled: Installation) -> None:
    before, card, rate = raw(settled, 1, 5), shown(settled), q03(settled)
    rest = raw(settled, 2, 3, 4, 6)
    assert retention.retire(load_source(FOOD)) == 0  # without a policy
    assert retention.retire(POLICY) == 2
    assert out_of_raw(settled) == [1, 5]
    assert raw(settled, 1, 5) == [] and raw(settled, 2, 3, 4, 6) == rest
    assert_rows_add_up(settled)
    assert retention.retire(POLICY) == 0
    # A table that a person can read without us.
    header, *lines = gzip.decompress(archived_file(settled, 1).read_bytes()).decode().splitlines()
    assert header.startswith("delivery_id,row_no,part,file_row,") and len(lines) >= 15

    assert publish.build().status == "published"
    assert (shown(settled), q03(settled)) == (card, rate)
    with settled.connect() as connection:
        traced = trace(connection, "Q03", "2021", all_rows=True)
        assert traced.is_reproduced and any(row["delivery_id"] == 1 for row in traced.rows)
        assert f"raw rows, out of the warehouse {archived_file(settled, 1)}" in "\n".join(traced.text())
        assert retention.bring_back(connection, FOOD, [1, 2, 5]) == 2
    assert raw(settled, 1, 5) == before and out_of_raw(settled) == []
    assert_rows_add_up(settled)
    # Again: the same bytes, of which the archive has one copy.
    kept = {path.name for path in Path(settings().archive_url).iterdir()}
    assert retention.retire(POLICY) == 2
    assert {path.name for path in Path(settings().archive_url).iterdir()} == kept


def test_maintenance_does_it_by_the_sources_own_policy(warehouse: Installation) -> None:
    registry = "enterprise_registry"
    assert load_source(registry).keep_raw_months == 36 and load_source(FOOD).keep_raw_months is None
    header = "企业名称,统一社会信用代码,注册日期,经营状态,地区,注册地址\n"
    warehouse.put(
        registry,
        "企业登记_20211231.csv",
        header + f"济南示例一号商贸有限公司,{uscc('370102', 90_001)},2019-05-06,存续,历下区,解放路1号\n",
    )
    warehouse.put(FOOD, "a.csv", samples("A", 3))
    for source in (registry, FOOD):
        warehouse.ingest(source)
    assert statuses(warehouse) == {1: "accepted", 2: "accepted"}
    aged(warehouse, 1, 2)
    assert maintenance.maintain()["deliveries out of raw"] == 1
    assert out_of_raw(warehouse) == [1]
    # An extract that comes next finds its place, and the planner its statistics.
    warehouse.put(
        registry,
        "企业登记_20221231.csv",
        header + f"济南示例二号商贸有限公司,{uscc('370102', 90_002)},2019-05-06,存续,历下区,解放路2号\n",
    )
    (landed,), _ = warehouse.ingest(registry)
    assert (landed.status, landed.rows_read) == ("landed", 1)


def test_how_long_raw_is_kept_judges_nothing() -> None:
    from baotu.versions import rules_version

    assert rules_version(POLICY) == rules_version(load_source(FOOD))
    assert rules_version(POLICY) != rules_version(POLICY.model_copy(update={"max_quarantined_share": 0.5}))


def test_a_partition_that_is_done_with_gives_its_space_back_at_once(
    warehouse: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.put(FOOD, "a.csv", samples("A", 400))
    warehouse.put(FOOD, "b.csv", samples("B", 400))
    warehouse.ingest(FOOD)
    assert maintenance.maintain()["new partitions"] == 0
    monkeypatch.setattr(retention, "ROLL_BYTES", 100_000)
    assert maintenance.maintain()["new partitions"] == 1
    assert maintenance.maintain()["new partitions"] == 0
    (first, second) = partitions(warehouse)
    assert first == f"{FOOD}_p1" and second.startswith(f"{FOOD}_p")
    warehouse.put(FOOD, "c.csv", samples("C", 400))
    (landed,), _ = warehouse.ingest(FOOD)
    where = f"select tableoid::regclass::text as name, count(*) as n from raw.{FOOD} group by 1 order by 1"
    assert warehouse.rows(where) == [{"name": f"raw.{first}", "n": 800}, {"name": f"raw.{second}", "n": 400}]

    size = "select pg_relation_size(%s::regclass) as bytes"
    aged(warehouse, 1)
    assert retention.retire(POLICY) == 1  # the other stays: deleted
    aged(warehouse, 2)
    before = raw(warehouse, 2)
    assert warehouse.rows(size, f"raw.{first}") != [{"bytes": 0}]
    assert retention.retire(POLICY) == 1
    assert warehouse.rows(size, f"raw.{first}") == [{"bytes": 0}]
    assert warehouse.rows(where) == [{"name": f"raw.{second}", "n": 400}]
    # The open one too, and nobody's rows that are being loaded meanwhile.
    aged(warehouse, landed.delivery_id)
    with warehouse.connect() as loading:
        with loading.cursor().copy(f"copy raw.{FOOD} (delivery_id, row_no, part, file_row) from stdin") as copy:
            copy.write_row((9_999, 1, "", 1))
        monkeypatch.setattr(retention, "_PATIENCE", "set local lock_timeout = '200ms'")
        assert retention.retire(POLICY) == 0
        loading.commit()
    with pytest.raises(retention.RetentionError, match="401 rows"):
        retention.retire(POLICY)
    assert_rows_add_up(warehouse)
    with warehouse.connect() as connection:
        connection.execute(f"delete from raw.{FOOD} where delivery_id = 9999")
    assert retention.retire(POLICY) == 1
    with warehouse.connect() as connection:
        assert retention.bring_back(connection, FOOD, [2]) == 1
    assert raw(warehouse, 2) == before and warehouse.rows(where) == [{"name": f"raw.{first}", "n": 400}]


def test_a_load_that_has_its_number_before_a_roll_finds_its_place(
    warehouse: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.put(FOOD, "a.csv", samples("A", 3))
    warehouse.ingest(FOOD)
    with warehouse.connect() as loading, warehouse.connect() as rolling:
        (number,) = loading.execute("select nextval(pg_get_serial_sequence('ops.delivery', 'delivery_id'))").fetchone()  # type: ignore[misc]
        rolling.commit()
        monkeypatch.setattr(retention, "ROLL_BYTES", 1)
        rolling.autocommit = True
        # Whoever uses it goes first.
        monkeypatch.setattr(retention, "_PATIENCE", "set local lock_timeout = '200ms'")
        loading.execute(f"select count(*) from raw.{FOOD}".encode())
        assert not retention.roll(rolling, FOOD) and partitions(warehouse) == [f"{FOOD}_p1"]
        loading.rollback()
        assert retention.roll(rolling, FOOD)
        for one in (number, number + 100):
            loading.execute(
                f"insert into raw.{FOOD} (delivery_id, row_no, part, file_row) values (%s, 1, '', 1)".encode(), (one,)
            )
        loading.commit()
    first, second = partitions(warehouse)
    found = warehouse.rows(
        f"select delivery_id, tableoid::regclass::text as name from raw.{FOOD} where delivery_id > 1"
    )
    assert {row["delivery_id"]: row["name"] for row in found} == {number: f"raw.{first}", number + 100: f"raw.{second}"}


# ----------------------------------------------------------------------------------------------------
# What still looks at raw


def test_a_full_refresh_brings_back_what_it_needs(settled: Installation) -> None:
    typed = f"select count(*) as n, min(file_row) as first from staging.stg_{FOOD}"
    before, card, counted = raw(settled, 1, 5), shown(settled), settled.rows(typed)
    settled.put(WEIGHTS, "权重.csv", "权重集,体系,代码,值,基年,文号\nx,y,z,1,2020,示例\n", issued("2021-07-01"))
    settled.ingest(WEIGHTS)
    assert retention.retire(POLICY) == 2
    # By hand it would lose them.
    with pytest.raises(dbt.DbtError, match="the raw rows of 2 deliveries"):
        dbt.run("by-hand", ["run", "--select", f"stg_{FOOD}", "--full-refresh"])
    assert settled.rows(typed) == counted

    with changed_since(settled, f"stg_{SURVEYS}"):
        assert upgrade()
    assert out_of_raw(settled) == [1, 5]  # another source's staging needs none of them
    with changed_since(settled, f"stg_{FOOD}"):
        assert upgrade()
    assert raw(settled, 1, 5) == before and out_of_raw(settled) == []
    (after,) = settled.rows(typed + " where delivery_id <= 6")
    assert [after] == counted
    assert publish.build().status == "published" and shown(settled) == card
    assert_rows_add_up(settled)
    # And when the table is not there at all.
    assert retention.retire(POLICY) == 2
    with settled.connect() as connection:
        connection.execute(f"drop table staging.stg_{FOOD}")
    assert upgrade() and raw(settled, 1, 5) == before
    assert settled.rows(typed + " where delivery_id <= 6") == counted


@contextmanager
def changed_since(warehouse: Installation, model: str) -> Iterator[None]:
    """As if the last good build had been made by code with another text of this model."""
    with warehouse.connect() as connection:
        row = connection.execute("select manifest_gz from ops.dbt_manifest").fetchone()
        assert row is not None
        manifest = json.loads(gzip.decompress(row[0]))
        manifest["nodes"][f"model.baotu.{model}"]["raw_code"] += " -- older"
        connection.execute(
            "update ops.dbt_manifest set code_version = 'older', manifest_gz = %s",
            (gzip.compress(json.dumps(manifest).encode()),),
        )
    yield
    with warehouse.connect() as connection:
        connection.execute(
            "update ops.dbt_manifest set code_version = %s, manifest_gz = %s", (dbt.code_version(), row[0])
        )


def test_a_file_whose_rows_are_out_is_read_again(settled: Installation) -> None:
    rate = q03(settled)
    assert retention.retire(POLICY) == 2
    again = deliveries.retry(1, "looked at once more")
    assert again.status == "accepted" and statuses(settled)[1] == "replaced"
    assert len(raw(settled, again.delivery_id)) == 15 and out_of_raw(settled) == [1, 5]
    # A row that a person readmitted is found again by where it stood in the reading before.
    readmitted = deliveries.retry(6, "looked at once more")
    assert settled.rows(
        "select rows_accepted, rows_quarantined from ops.delivery where delivery_id = %s", readmitted.delivery_id
    ) == [{"rows_accepted": 21, "rows_quarantined": 0}]
    assert_rows_add_up(settled)
    assert publish.build().status == "published" and q03(settled) == rate


def test_a_correction_finds_the_row_that_it_names(settled: Installation) -> None:
    before = raw(settled, 1, 5)
    n, x, _ = q03(settled)
    assert retention.retire(POLICY) == 2
    failing = "select row_no from staging.stg_food_spot_checks where delivery_id = 1 and sample_no = 'A-F0'"
    (row,) = settled.rows(failing)
    settled.put(FOOD, "更正.csv", CORRECTION + f"1,{row['row_no']},{sample('A-F0')}", issued("2021-08-01"))
    ((landed,), (verdict,)) = settled.ingest(FOOD)
    assert [code for code, *_ in landed.notes] == ["corrections"] and verdict.status == "accepted"
    assert out_of_raw(settled) == [5] and raw(settled, 1, 5) == [line for line in before if line.startswith("(1,")]
    assert publish.build(approval="made to move", decided_by="tester").status == "published"
    assert q03(settled)[:2] == (n, x + 1)
    # From now on it is looked at with each build: it stays, and so does the correction.
    aged(settled, landed.delivery_id)
    assert retention.retire(POLICY) == 0
    assert_rows_add_up(settled)


def test_a_correction_that_lands_meanwhile_keeps_what_it_names(
    settled: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, archive = raw(settled, 1, 5), retention._archive

    def slow(connection: psycopg.Connection, source_id: str, delivery_id: int, rows_read: int) -> str:
        sha256 = archive(connection, source_id, delivery_id, rows_read)
        if delivery_id == 1:
            settled.put(FOOD, "更正.csv", CORRECTION + f"1,2,{sample('A-0')}", issued("2021-08-01"))
            assert len(ingest.load(FOOD)) == 1
        return sha256

    monkeypatch.setattr(retention, "_archive", slow)
    assert retention.retire(POLICY) == 1
    assert out_of_raw(settled) == [5] and raw(settled, 1) == [line for line in before if line.startswith("(1,")]


def test_columns_that_came_since_are_empty(settled: Installation) -> None:
    before = raw(settled, 1)
    assert retention.retire(POLICY) == 2
    with settled.connect() as connection:
        connection.execute(f"alter table raw.{FOOD} add column came_since text")
        assert retention.bring_back(connection, FOOD, [1]) == 1
    assert raw(settled, 1) == [line.removesuffix(")") + ",)" for line in before]


def test_who_shows_raw_cells_says_where_they_are(settled: Installation) -> None:
    bad = "select quarantine_id from quarantine.row where delivery_id = 2"
    (line,) = settled.rows(bad)
    with settled.connect() as connection:
        connection.execute(
            "update quarantine.row set resolved_at = now(), resolution = 'passed', resolved_by = 'gate'"
            " where quarantine_id = %s",
            (line["quarantine_id"],),
        )
    before = client().get("/baotu/deliveries/2/rules/FSC002").text
    assert "<code>" in before and "第 22 行" in before
    assert retention.retire(POLICY) == 3
    after = client().get("/baotu/deliveries/2/rules/FSC002").text
    assert "原始行已移入存档" in after and "the raw row is in the archive" in after and "第 22 行" in after
    page = client().get("/baotu/deliveries/2").text
    assert archived_file(settled, 2).name in page and "in the archive since" in page
    assert "in the archive since" not in client().get("/baotu/deliveries/4").text


# ----------------------------------------------------------------------------------------------------
# What goes wrong


@pytest.mark.parametrize("harm", ["damaged", "lost"])
def test_an_archive_that_is_not_whole_is_refused(settled: Installation, harm: str) -> None:
    assert retention.retire(POLICY) == 2
    victim = archived_file(settled, 1)
    whole = victim.read_bytes()
    words = "are damaged" if harm == "damaged" else "should be there"

    def harmed() -> None:
        victim.unlink() if harm == "lost" else victim.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))

    harmed()
    typed = f"select count(*) as n from staging.stg_{FOOD}"
    counted, ledger = settled.rows(typed), settled.rows("select * from ops.delivery order by 1")
    settled.put(FOOD, "更正.csv", CORRECTION + f"1,2,{sample('A-0')}", issued("2021-08-01"))
    with pytest.raises(storage.StorageError, match=words):
        ingest.load(FOOD)
    with changed_since(settled, f"stg_{FOOD}"), pytest.raises(storage.StorageError, match=words):
        upgrade()
    assert settled.rows(typed) == counted and settled.rows("select * from ops.delivery order by 1") == ledger
    assert raw(settled, 1, 5) == []
    victim.write_bytes(whole)
    ((landed,), _) = settled.ingest(FOOD)
    assert [code for code, *_ in landed.notes] == ["corrections"] and out_of_raw(settled) == [5]


def test_rows_stay_while_the_archive_has_a_damaged_copy_of_them(settled: Installation) -> None:
    before = raw(settled, 1, 5)
    assert retention.retire(POLICY) == 2
    victim = archived_file(settled, 1)
    with settled.connect() as connection:
        retention.bring_back(connection, FOOD, [1, 5])
    victim.write_bytes(victim.read_bytes()[:-1] + b"?")
    with pytest.raises(storage.StorageError, match="are damaged"):
        retention.retire(POLICY)
    assert raw(settled, 1, 5) == before and out_of_raw(settled) == []


def test_rows_that_are_not_all_there_stay(settled: Installation) -> None:
    with settled.connect() as connection:
        connection.execute(f"delete from raw.{FOOD} where delivery_id = 1 and row_no = 2")
    before = raw(settled, 1)
    with pytest.raises(retention.RetentionError, match="14 rows of delivery 1, and 15 were read"):
        retention.retire(POLICY)
    assert raw(settled, 1) == before and out_of_raw(settled) == []


@pytest.mark.parametrize("is_whole", [True, False])
def test_killed_before_its_commit_nothing_has_happened(settled: Installation, is_whole: bool) -> None:
    """The archive has the rows by then; the session is ended in the last statement."""
    with settled.connect() as connection:
        if is_whole:
            connection.execute(
                "update ops.delivery set status = 'accepted', rows_accepted = rows_read - coalesce(rows_quarantined, 0)"
            )
            connection.execute("update ops.delivery set landed_at = now() - interval '4 years'")
            connection.execute(
                "update quarantine.row set resolved_at = now(), resolved_by = 'x', resolution = 'passed'"
            )
        connection.execute(
            "create function killed() returns trigger language plpgsql as"
            " 'begin perform pg_terminate_backend(pg_backend_pid()); return new; end'"
        )
        connection.execute(
            "create trigger killed before update of raw_archived_at on ops.delivery for each row execute function killed()"
        )
    before, kept = raw(settled, 1, 2, 3, 4, 5, 6), set(Path(settings().archive_url).iterdir())
    with pytest.raises(psycopg.OperationalError):
        retention.retire(POLICY)
    assert set(Path(settings().archive_url).iterdir()) > kept
    assert raw(settled, 1, 2, 3, 4, 5, 6) == before and out_of_raw(settled) == []
    assert_rows_add_up(settled)
    with settled.connect() as connection:
        connection.execute("drop trigger killed on ops.delivery")
    assert retention.retire(POLICY) == (6 if is_whole else 2)
    assert_rows_add_up(settled)


# ----------------------------------------------------------------------------------------------------
# What was there before, and what is saved


@pytest.fixture
def reader(warehouse_server: WarehouseServer) -> Iterator[None]:
    warehouse_server.server.ensure_role("bi_reader", "only-of-this-test-session")
    yield
    warehouse_server.drop_roles("bi_reader")


def test_a_table_of_the_release_before_becomes_a_partition(settled: Installation, reader: None) -> None:
    with settled.connect() as connection:
        # As `ensure_raw` had made it.
        connection.execute(f"create table raw.plain as select * from raw.{FOOD}")
        connection.execute(f"drop table raw.{FOOD}")
        connection.execute(f"alter table raw.plain rename to {FOOD}")
        for column in ("delivery_id", "row_no", "part", "file_row"):
            connection.execute(f"alter table raw.{FOOD} alter {column} set not null".encode())
        connection.execute(f"create index {FOOD}_delivery on raw.{FOOD} (delivery_id)")
        connection.execute(
            f"comment on table raw.{FOOD} is 'ours'; comment on column raw.{FOOD}.product_name is 'theirs'"
        )
        connection.execute(f"grant select, insert on raw.{FOOD} to bi_reader; grant select on raw.{FOOD} to public")
        # Until then it goes on.
        assert retention.partitions(connection, FOOD) == [] and not retention.roll(connection, FOOD)
    assert retention.retire(POLICY) == 0
    before = raw(settled, 1, 2, 3, 4, 5, 6)
    files = "select pg_relation_filepath(to_regclass(%s)) as heap, pg_relation_filepath(to_regclass(%s)) as tree"
    was = settled.rows(files, f"raw.{FOOD}", f"raw.{FOOD}_delivery")
    rights = (
        "select grantee, privilege_type from information_schema.role_table_grants where table_schema = 'raw'"
        " and table_name = %s and grantee <> 'baotu' order by 1, 2"
    )
    had = settled.rows(rights, FOOD)
    # Killed in the middle: as before.
    killed = settled.connect()
    assert partition_raw(killed, FOOD)
    with pytest.raises(psycopg.OperationalError):
        killed.execute("select pg_terminate_backend(pg_backend_pid())")
    assert settled.rows(files, f"raw.{FOOD}", f"raw.{FOOD}_delivery") == was and partitions(settled) == []

    upgrade()
    upgrade()
    assert partitions(settled) == [f"{FOOD}_p1"] and raw(settled, 1, 2, 3, 4, 5, 6) == before
    assert settled.rows(files, f"raw.{FOOD}_p1", f"raw.{FOOD}_p1_delivery_id_idx") == was
    assert settled.rows("select inhparent::regclass::text as of from pg_inherits where inhrelid = %s::regclass",
                        f"raw.{FOOD}_p1_delivery_id_idx") == [{"of": f"raw.{FOOD}_delivery"}]  # fmt: skip
    assert len(had) == 3 and settled.rows(rights, FOOD) == had
    assert settled.rows(
        "select obj_description(%s::regclass) as one, col_description(%s::regclass, attnum) as other from pg_attribute"
        " where attrelid = %s::regclass and attname = 'product_name'",
        *[f"raw.{FOOD}"] * 3,
    ) == [{"one": "ours", "other": "theirs"}]
    settled.put(FOOD, "later.csv", samples("L", 2), issued("2021-07-01"))
    (landed,), _ = settled.ingest(FOOD)
    assert landed.rows_read == 2 and retention.retire(POLICY) == 2
    assert_rows_add_up(settled)


def test_a_backup_has_the_rows_that_are_out(
    settled: Installation, warehouse_server: WarehouseServer, shared_dbt: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(retention, "ROLL_BYTES", 1)
    with connect(autocommit=True) as connection:
        assert retention.roll(connection, FOOD)
    settled.put(FOOD, "later.csv", samples("L", 2), issued("2021-07-01"))
    settled.ingest(FOOD)
    before = raw(settled, 1, 5)
    assert retention.retire(POLICY) == 2
    saved = backup.back_up(tmp_path / "backups", lambda _: None)
    names = partitions(settled)
    fresh = Installation(warehouse_server.new_database("restored"), _new_state(shared_dbt))
    with fresh.in_use():
        manifest = backup.restore(saved, lambda _: None)
        assert manifest["tables"][f"raw.{FOOD}"] == len(raw(fresh, *range(2, 20))) > 20
        assert partitions(fresh) == names and out_of_raw(fresh) == [1, 5]
        with fresh.connect() as connection:
            assert retention.bring_back(connection, FOOD, [1, 5]) == 2
        assert raw(fresh, 1, 5) == before
        assert_rows_add_up(fresh)
