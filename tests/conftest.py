"""What every test stands on: a state directory of its own, and a throw-away PostgreSQL."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from baotu.embedded import Server
from baotu.settings import Settings, settings

#: Variables that steer the tests themselves.
_KEPT = {"BAOTU_TEST_PG", "BAOTU_TEST_SCALE", "BAOTU_PROJECT"}
_made: list[Path] = []
# `from conftest import …` means this one; pytest itself knows it as tests.conftest.
sys.modules.setdefault("conftest", sys.modules[__name__])


def pytest_configure() -> None:
    """Before any test module is imported: this machine's installation must not leak in, nor be touched."""
    for name in [n for n in os.environ if n.startswith(("BAOTU_", "AIRFLOW_")) and n not in _KEPT]:
        del os.environ[name]
    Settings.model_config["env_file"] = None  # the project's .env may name a real warehouse
    os.environ["BAOTU_STATE_DIR"] = str(new_directory("state"))
    settings.cache_clear()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file stays in one process, for what its tests share; and all that read the sample city, which takes minutes."""
    from xdist.scheduler import LoadScopeScheduling

    class ByWhatIsShared(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            return "city" if _reads_city(config.rootpath / file) else file

    config.option.loadscopereorder = False
    return ByWhatIsShared(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: begun last, it leaves the other process without work for ten minutes."""
    items.sort(key=lambda item: item.path.name != "test_demo.py")


@cache
def _reads_city(file: Path) -> bool:
    return "city: City" in file.read_text(encoding="utf-8")


def pytest_unconfigure() -> None:
    """What was made for the session goes with it."""
    for path in _made:
        shutil.rmtree(path, ignore_errors=True)


def new_directory(what: str) -> Path:
    """A directory that root's server can reach: pytest's own ones are closed to other users."""
    path = Path(tempfile.mkdtemp(prefix=f"baotu-test-{what}-"))
    path.chmod(0o711)
    _made.append(path)
    return path


@pytest.fixture(autouse=True)
def nothing_leaks() -> Iterator[None]:
    """Settings that a test leaves behind would steer the next one."""

    def ours() -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name.startswith(("BAOTU_", "AIRFLOW_"))}

    before = ours()
    yield
    assert ours() == before


@dataclass(frozen=True)
class WarehouseServer:
    """A PostgreSQL server for one test session."""

    server: Server
    password: str
    #: A fresh database, as its owner `baotu`, who is no superuser.
    url: str

    @property
    def superuser_url(self) -> str:
        """As `postgres`, in the database postgres."""
        return self.server.superuser_url()

    def drop_roles(self, *names: str) -> None:
        """Take roles away, with what they may in whichever database."""
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            known = {name for (name,) in connection.execute("select rolname from pg_roles").fetchall()}
            databases = connection.execute("select datname from pg_database where datallowconn").fetchall()
            roles = [sql.Identifier(name) for name in names if name in known]
            for (database,) in databases:
                with psycopg.connect(self.server.superuser_url(database), autocommit=True) as inside:
                    for role in roles:
                        inside.execute(sql.SQL("drop owned by {}").format(role))
            for role in roles:
                connection.execute(sql.SQL("drop role {}").format(role))

    def new_database(self, name: str, *, template: str | None = None) -> str:
        """Make the database `name` anew, owned by `baotu`, and return its owner's URL.

        With `template` it is a copy of that database, whose sessions are ended.
        """
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
            if template is not None:
                # Pools of this process keep sessions that nobody uses any more.
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [template]
                )
                connection.execute(
                    sql.SQL("create database {} template {} owner baotu").format(
                        sql.Identifier(name), sql.Identifier(template)
                    )
                )
        self.server.ensure_database(name, "baotu")
        return self.server.url("baotu", self.password, name)


@pytest.fixture(scope="session")
def warehouse_server() -> Iterator[WarehouseServer]:
    """PostgreSQL of the version BAOTU_TEST_PG (18), in a directory that is deleted afterwards."""
    server = Server(new_directory("warehouse"), int(os.environ.get("BAOTU_TEST_PG", "18")))
    password = "only-of-this-test-session"
    try:
        server.start()
        server.ensure_role("baotu", password)
        server.ensure_database("warehouse", "baotu")
        yield WarehouseServer(server, password, server.url("baotu", password, "warehouse"))
    finally:
        server.remove()
