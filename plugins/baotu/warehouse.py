"""The PostgreSQL warehouse: its address, its connections, its locks, its schema."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql

from baotu.settings import Credentials, settings
from baotu.sources import Source

#: First key of every advisory lock of Baotu; the second says what is locked.
_LOCKS = 0xBA07
_BUILD = 0

#: Columns of raw.<source> that do not come from the file.
RAW_KEYS = ("delivery_id", "row_no", "part", "file_row")
#: Partitions are called after the first delivery that may be in them; ids begin at 1.
_FIRST_PARTITION = "_p1"


class WarehouseError(Exception):
    """The warehouse cannot be used; the message says what to do."""


def warehouse_url() -> str:
    """The libpq URL of the warehouse, as its owner role.

    Raises WarehouseError when none is set and the embedded server has never been started here, or must not be.
    """
    if settings().airflow_url and not settings().warehouse_url:
        raise WarehouseError("BAOTU_WAREHOUSE_URL is not set, and no container starts a PostgreSQL of its own")
    url = settings().warehouse_url or Credentials().get("BAOTU_EMBEDDED_URL")
    if url is None:
        raise WarehouseError("No warehouse: run `baotu up` (embedded PostgreSQL) or set BAOTU_WAREHOUSE_URL")
    return url.replace("postgresql+psycopg://", "postgresql://").replace("postgres://", "postgresql://")


#: The server notices within seconds that a killed client is gone, and frees its locks.
_OPTIONS = "-c timezone=Asia/Shanghai -c client_connection_check_interval=2s"
#: For a page: it changes nothing, and whoever waits for it is told within seconds that it does not come.
_READING = " -c default_transaction_read_only=on -c statement_timeout=4s -c lock_timeout=2s"


def connect(*, autocommit: bool = False, url: str | None = None, is_page: bool = False) -> psycopg.Connection:
    """A connection as the owner role, in the time zone that every date of Baotu is meant in.

    One for a page (`is_page`) reads only, and gives up after seconds. Raises WarehouseError.
    """
    try:
        return psycopg.connect(
            url or warehouse_url(),
            autocommit=autocommit,
            application_name="baotu page" if is_page else "baotu",
            options=_OPTIONS + _READING if is_page else _OPTIONS,
            connect_timeout=3 if is_page else None,
        )
    except psycopg.OperationalError as error:
        host = urlsplit(url or warehouse_url())
        raise WarehouseError(
            f"The warehouse at {host.hostname}:{host.port} does not answer ({str(error).strip().splitlines()[-1]}). "
            "Run `baotu up`, or check BAOTU_WAREHOUSE_URL"
        ) from error


def dbt_environment() -> dict[str, str]:
    """The warehouse's address as the variables that dbt_project/profiles.yml reads."""
    url = urlsplit(warehouse_url())
    return {
        "BAOTU_DBT_HOST": url.hostname or "",
        "BAOTU_DBT_PORT": str(url.port or 5432),
        "BAOTU_DBT_USER": unquote(url.username or ""),
        "BAOTU_DBT_PASSWORD": unquote(url.password or ""),
        "BAOTU_DBT_DBNAME": url.path.lstrip("/"),
    }


@contextmanager
def _advisory_lock(second: str | int, what: str, wait: bool) -> Iterator[None]:
    # A session of its own: the lock lives exactly as long as the process, kill -9 included.
    with connect(autocommit=True) as session:
        key = session.execute("select hashtext(%s)", (str(second),)).fetchone()
        assert key is not None
        if wait:
            session.execute("select pg_advisory_lock(%s, %s)", (_LOCKS, key[0]))
        else:
            row = session.execute("select pg_try_advisory_lock(%s, %s)", (_LOCKS, key[0])).fetchone()
            if row is None or not row[0]:
                raise WarehouseError(f"{what} is in use by another process; try again when it has ended")
        yield


def source_lock(source: str, *, wait: bool = True) -> AbstractContextManager[None]:
    """Held over staging and validation of one source: one run judges at a time, the CLI included."""
    return _advisory_lock(source, f"Source {source}", wait)


def build_lock(*, wait: bool = True) -> AbstractContextManager[None]:
    """Held over a whole build, and before any source lock where both are needed."""
    return _advisory_lock(_BUILD, "The build", wait)


@contextmanager
def sending_lock(connection: psycopg.Connection) -> Iterator[bool]:
    """Held on this connection while alerts are sent, outside any transaction; False where another process has it."""
    key = (_LOCKS, "alerts")
    with connection.transaction():
        row = connection.execute("select pg_try_advisory_lock(%s, hashtext(%s))", key).fetchone()
    is_ours = bool(row and row[0])
    try:
        yield is_ours
    finally:
        if is_ours:
            with connection.transaction():
                connection.execute("select pg_advisory_unlock(%s, hashtext(%s))", key)


def migrate(url: str | None = None) -> None:
    """Bring `ops`, `quarantine` and `quality` to the newest revision; safe to repeat and to run twice at once."""
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import NullPool, create_engine, text

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    target = (url or warehouse_url()).replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(target, poolclass=NullPool, connect_args={"options": "-c timezone=Asia/Shanghai"})
    with engine.begin() as connection:
        found = connection.execute(text("show server_version_num")).scalar_one()
        if int(found) < 160000:
            raise WarehouseError(f"The warehouse runs PostgreSQL {int(found) // 10000}; Baotu needs 16 or newer")
        connection.execute(text("select pg_advisory_xact_lock(:a, 1)"), {"a": _LOCKS})
        connection.execute(text("create schema if not exists ops"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def known_revisions() -> set[str]:
    """Revisions of the warehouse that this code can migrate from, its own among them."""
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory(str(Path(__file__).parent / "migrations")).walk_revisions()}


def ensure_raw(connection: psycopg.Connection, source: Source) -> None:
    """Create raw.<source>, or extend it by the text columns that its YAML has gained."""
    table = sql.Identifier("raw", source.id)
    found = {
        name
        for (name,) in connection.execute(
            "select column_name from information_schema.columns where table_schema = 'raw' and table_name = %s",
            (source.id,),
        )
    }
    wanted = source.raw_columns
    if found >= {*RAW_KEYS, *wanted, "extra"}:
        return
    connection.execute("select pg_advisory_xact_lock(%s, 2)", (_LOCKS,))
    if connection.execute("select to_regclass(%s) is null", (f"raw.{source.id}",)).fetchone() == (True,):
        connection.execute(
            sql.SQL(
                "create table {} (delivery_id bigint not null, row_no bigint not null, part text not null,"
                " file_row bigint not null, extra jsonb) partition by range (delivery_id)"
            ).format(table)
        )
        connection.execute(
            sql.SQL("create table {} partition of {} for values from (minvalue) to (maxvalue)").format(
                sql.Identifier("raw", f"{source.id}{_FIRST_PARTITION}"), table
            )
        )
    for column in wanted:
        connection.execute(
            sql.SQL("alter table {} add column if not exists {} text").format(table, sql.Identifier(column))
        )
    connection.execute(
        sql.SQL("create index if not exists {} on {} (delivery_id)").format(
            sql.Identifier(f"{source.id}_delivery"), table
        )
    )


def partition_raw(connection: psycopg.Connection, source_id: str) -> bool:
    """Make raw.<source> of a release that knew no partitions the first partition of a new raw.<source>.

    In the caller's transaction, without reading a row: names change, and the one partition holds whatever id is not null.
    False where there is nothing to do.
    """
    name, first = f"raw.{source_id}", f"{source_id}{_FIRST_PARTITION}"
    is_plain = "select relkind = 'r' from pg_class where oid = to_regclass(%s)"
    if connection.execute(is_plain, (name,)).fetchone() != (True,):
        return False
    table, partition = sql.Identifier("raw", source_id), sql.Identifier("raw", first)
    connection.execute(sql.SQL("lock table {} in access exclusive mode").format(table))
    connection.execute(sql.SQL("alter table {} rename to {}").format(table, sql.Identifier(first)))
    connection.execute(
        sql.SQL("alter index if exists {} rename to {}").format(
            sql.Identifier("raw", f"{source_id}_delivery"), sql.Identifier(f"{first}_delivery_id_idx")
        )
    )
    connection.execute(
        sql.SQL(
            "create table {} (like {} including comments including defaults) partition by range (delivery_id)"
        ).format(table, partition)
    )
    # Before the attachment, which then finds the partition's own index to be this one's part.
    connection.execute(
        sql.SQL("create index {} on {} (delivery_id)").format(sql.Identifier(f"{source_id}_delivery"), table)
    )
    connection.execute(
        sql.SQL("alter table {} attach partition {} for values from (minvalue) to (maxvalue)").format(table, partition)
    )
    (comment,) = connection.execute("select obj_description(to_regclass(%s))", (f"raw.{first}",)).fetchone() or (None,)
    if comment is not None:
        connection.execute(sql.SQL("comment on table {} is {}").format(table, sql.Literal(comment)))
    for privilege, role, is_grantable in connection.execute(
        "select privilege_type, rolname, is_grantable from pg_class cross join lateral aclexplode(relacl)"
        " left join pg_roles on pg_roles.oid = grantee where pg_class.oid = to_regclass(%s) and grantee <> relowner",
        (f"raw.{first}",),
    ).fetchall():
        connection.execute(
            sql.SQL("grant {} on {} to {}{}").format(
                sql.SQL(privilege),
                table,
                sql.Identifier(role) if role is not None else sql.SQL("public"),
                sql.SQL(" with grant option" if is_grantable else ""),
            )
        )
    return True


def has_role(connection: psycopg.Connection, role: str) -> bool:
    """Whether a role exists; a server of one's own may lack those of BI."""
    return connection.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone() is not None


def grant_reading(connection: psycopg.Connection, schema: str, role: str = "bi_reader") -> None:
    """Let a role of BI read a schema, where the role exists."""
    if not has_role(connection, role):
        return
    names = sql.Identifier(schema), sql.Identifier(role)
    connection.execute(sql.SQL("grant usage on schema {} to {}").format(*names))
    connection.execute(sql.SQL("grant select on all tables in schema {} to {}").format(*names))


def let_bi_read(connection: psycopg.Connection) -> None:
    """Grant the roles of BI what is there and theirs to read. Marts to come are granted as they are published."""
    grant_reading(connection, "quality")
    if connection.execute("select to_regnamespace('marts')").fetchone() != (None,):
        grant_reading(connection, "marts")
    grant_reading(connection, "quarantine", "bi_steward")


def run_by() -> str:
    """Who acts, for decisions: the signed-in user of this machine."""
    return os.environ.get("SUDO_USER") or os.environ.get("USER") or os.environ.get("LOGNAME") or "unknown"
