"""Databases that dbt has built something in, for the tests beside this file."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
import pytest

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"


def dbt(url: str, target_path: Path, *arguments: str) -> None:
    """Run dbt in a process of its own against `url`; on failure the error is dbt's own output."""
    parts = urlsplit(url)
    environment = os.environ | {
        "BAOTU_DBT_HOST": parts.hostname or "",
        "BAOTU_DBT_PORT": str(parts.port),
        "BAOTU_DBT_USER": unquote(parts.username or ""),
        "BAOTU_DBT_PASSWORD": unquote(parts.password or ""),
        "BAOTU_DBT_DBNAME": parts.path.lstrip("/"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }
    command = [
        str(Path(sys.executable).with_name("dbt")),
        *arguments,
        *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)),
        *("--target-path", str(target_path / "target"), "--log-path", str(target_path / "logs")),
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"dbt {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}", pytrace=False)


@pytest.fixture(scope="session")
def stats_functions(warehouse_server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[psycopg.Connection]:
    """A connection (autocommit, owner role) to a database in which dbt has made schema `stats`."""
    url = warehouse_server.new_database("stats_functions")
    dbt(url, tmp_path_factory.mktemp("dbt"), "build", "--select", "resource_type:function")
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection
