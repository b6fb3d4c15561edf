"""What BI tools meet: two roles that may read and nothing else, and views with Chinese names."""

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from baotu import publish
from baotu.upgrade import upgrade
from baotu.warehouse import connect
from tests.conftest import WarehouseServer
from tests.pipeline.conftest import City, Installation

pytestmark = pytest.mark.operations

READS = {"bi_reader": {"marts", "quality"}, "bi_steward": {"marts", "quality", "quarantine"}}
#: What a tool or its user might try; `{}` is a relation that may be read.
FORBIDDEN = [
    "create schema mine", "create table public.mine (n int)", "create table marts.mine (n int)", "create temp table mine (n int)",
    "create view quality.mine as select 1", "create function public.mine() returns int language sql return 1",
    "create role mine", "create publication mine", "set role baotu", "set session authorization baotu",
    "alter role bi_reader createdb", "alter role bi_reader connection limit 100", "drop schema marts cascade",
    "alter schema marts rename to mine", "grant usage on schema ops to bi_reader", "select pg_read_file('/etc/passwd')",
    "select lo_import('/etc/passwd')", "copy (select 1) to program 'true'", "copy {} from program 'true'",
    "insert into {} select * from {}", "delete from {}", "truncate {}", "drop table {}",
    "comment on table {} is 'mine'", "alter table {} owner to bi_reader", "select stats.parse_number('1')",
]  # fmt: skip


@pytest.fixture(params=READS)
def bi(request: pytest.FixtureRequest, warehouse_server: WarehouseServer) -> Iterator[str]:
    """A role of BI, which this server has only while the test runs."""
    server = warehouse_server.server
    server.ensure_role("bi_reader", "reads-only")
    if request.param == "bi_steward":
        server.ensure_role("bi_steward", "reads-only")
        with psycopg.connect(server.superuser_url(), autocommit=True) as connection:
            connection.execute("grant bi_reader to bi_steward")
    yield request.param
    warehouse_server.drop_roles("bi_steward", "bi_reader")


@pytest.fixture
def bi_url(warehouse: Installation, warehouse_server: WarehouseServer, bi: str) -> str:
    database = warehouse.url.rsplit("/", 1)[1]
    with psycopg.connect(warehouse_server.server.superuser_url(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("grant connect on database {} to {}").format(sql.Identifier(database), sql.Identifier(bi))
        )
    upgrade()
    return warehouse_server.server.url(bi, "reads-only", database)


def test_what_bi_may(warehouse: Installation, bi: str, bi_url: str) -> None:
    for _ in range(2):  # the second publication leaves the first one's schema behind
        assert publish.build().status == "published"
    relations = warehouse.rows(
        "select nspname, relname, relkind from pg_class inner join pg_namespace as schema on schema.oid = relnamespace"
        " where relkind in ('r', 'v', 'S', 'm') and nspname !~ '^(pg_|information_schema)' order by 1, 2"
    )
    assert {"core", "raw", "ops", "reference", "staging", "marts_1"} <= {row["nspname"] for row in relations}
    with psycopg.connect(bi_url, autocommit=True) as reader:
        for row in relations:
            query = sql.SQL("select * from {} limit 1").format(sql.Identifier(row["nspname"], row["relname"]))
            try:
                reader.execute(query)
                may = True
            except psycopg.errors.InsufficientPrivilege:
                may = False
            assert may is (row["nspname"] in READS[bi] and row["relkind"] != "S"), row
        for statement in FORBIDDEN:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(statement.replace("{}", "marts.mart_target_tracking"))
        # As after a restore that was killed between the rows and the grants: the next `up` makes them.
        with connect() as owner:
            owner.execute("revoke select on marts.mart_target_tracking from bi_reader")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("select from marts.mart_target_tracking")
        upgrade()
        reader.execute("select from marts.mart_target_tracking")


@pytest.mark.parametrize("bi", ["bi_reader"], indirect=True)
def test_twenty_connections_during_publications(warehouse: Installation, bi_url: str) -> None:
    """No query fails, and none sees two builds: what a view and its mart say is of one publication."""
    publish.build()
    query = (
        "select count(*) filter (where publication_id <> (select publication_id from marts.mart_publication)), count(*) > 0"
        ' from marts.mart_target_tracking union all select 0, count(*) > 0 from marts."目标进展"'
    )
    seen: Counter[Any] = Counter()
    stop = threading.Event()

    def look() -> None:
        with psycopg.connect(bi_url, autocommit=True) as reader:
            while not stop.is_set():
                try:
                    seen.update(reader.execute(query).fetchall())
                except psycopg.Error as error:
                    seen[str(error)] += 1

    readers = [threading.Thread(target=look) for _ in range(20)]
    for thread in readers:
        thread.start()
    for _ in range(2):
        assert publish.build().status == "published"
    stop.set()
    for thread in readers:
        thread.join()
    assert set(seen) == {(0, True)}, seen


def test_chinese_views_say_what_the_marts_say(city: City) -> None:
    marts = city.rows("select tablename from pg_tables where schemaname = 'marts' and tablename !~ '^int_' order by 1")
    views = {
        row["comment"].rsplit(" · ", 1)[1]: row["viewname"]
        for row in city.rows(
            "select viewname, obj_description(format('marts.%I', viewname)::regclass) as comment from pg_views"
            " where schemaname = 'marts'"
        )
    }
    assert views.keys() == {row["tablename"] for row in marts} and len(set(views.values())) == len(views)
    with city.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        for mart, view in views.items():
            names = [sql.Identifier("marts", name) for name in (mart, view)]
            differ = cursor.execute(
                sql.SQL("select count(*) as n from (select * from {0} except all select * from {1}) as gone").format(
                    *names
                )
            ).fetchone()
            assert differ == {"n": 0}, mart
            for column in cursor.execute(
                "select attname, col_description(attrelid, attnum) as comment, format_type(atttypid, null) as type"
                " from pg_attribute where attrelid = %s::regclass and attnum > 0",
                (f'marts."{view}"',),
            ).fetchall():
                assert column["comment"], (view, column)
                # Cut by the server at 63 bytes, two labels could become one name.
                assert len(column["attname"].encode()) < 63, (view, column)
