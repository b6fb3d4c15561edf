"""dbt's unit tests (dbt_project/models/*/_unit_tests*.yml), each one a test of pytest's own.

A unit test mocks every relation that its model reads but the ledger, which staging reads as `ops.delivery`: the
deliveries that it needs stand in its `config.meta.ledger` and are written here before dbt runs.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from psycopg.types.json import Jsonb

from baotu import dbt
from baotu.settings import settings
from baotu.upgrade import upgrade
from baotu.warehouse import connect, dbt_environment
from tests.conftest import WarehouseServer, new_directory

#: A unit test that is lost, by a file that is no longer found, must not look like success.
AT_LEAST = 60


def declared() -> list[dict[str, Any]]:
    """The unit tests as their files state them."""
    files = sorted(dbt.DBT_PROJECT.glob("models/*/_unit_tests*.yml"))
    return [test for path in files for test in yaml.safe_load(path.read_text(encoding="utf-8"))["unit_tests"]]


def name_of(test: dict[str, Any]) -> str:
    return f"{test['model']}::{test['name']}"


@contextmanager
def in_use(url: str, state: Path) -> Iterator[None]:
    """The settings of this process point at this warehouse, and afterwards where they pointed before."""
    before = dict(os.environ)
    os.environ.update(BAOTU_WAREHOUSE_URL=url, BAOTU_STATE_DIR=str(state))
    settings.cache_clear()
    try:
        os.environ.update(dbt_environment(), DO_NOT_TRACK="1", DBT_SEND_ANONYMOUS_USAGE_STATS="false")
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        settings.cache_clear()


def _write_ledger(tests: list[dict[str, Any]]) -> None:
    """The deliveries that staging's unit tests name; an id belongs to one test."""
    deliveries = [delivery for test in tests for delivery in test.get("config", {}).get("meta", {}).get("ledger", [])]
    with connect() as connection:
        for delivery in deliveries:
            identity = delivery["delivery_id"]
            connection.execute(
                "insert into ops.delivery (delivery_id, origin_id, source, file_uri, file_sha256, file_bytes, meta,"
                " status, issued_on, issued_on_basis, period_start_on, period_end_on) overriding system value"
                " values (%s, %s, %s, 'unit test', %s, 0, %s, 'landed', %s, 'set', %s, %s)",
                (
                    identity,
                    delivery.get("origin_id", identity),
                    delivery["source"],
                    f"{identity:064x}",
                    Jsonb(delivery.get("meta", {})),
                    date.fromisoformat(str(delivery["issued_on"])),
                    delivery.get("period_start_on"),
                    delivery.get("period_end_on"),
                ),
            )


def invoke(*arguments: str, project: Path, target: Path) -> Any:
    """What one dbt command on `project` results in; a node that failed is among its results."""
    # fmt: off
    done = dbt.runner().invoke([
        "--quiet", "--no-use-colors", "--no-version-check", "--log-path", str(settings().state_dir / "logs"), *arguments,
        "--project-dir", str(project), "--profiles-dir", str(project), "--target-path", str(target),
    ])
    # fmt: on
    assert done.exception is None, done.exception
    return done.result.results


def build_for_unit_tests(project: Path, target: Path) -> None:
    """A warehouse that is upgraded and empty, with what unit tests need of it."""
    upgrade()
    # A mocked parent takes its columns and types from the database, so each one is made once. Not with --empty:
    # its subqueries carry an alias, and ours too.
    made = invoke(
        "run",
        "--select",
        "path:models/core",
        "path:models/intermediate",
        "path:models/marts",
        project=project,
        target=target,
    )
    assert {str(result.status) for result in made} == {"success"}
    _write_ledger(declared())


def run_unit_tests(*select: str, project: Path, target: Path) -> dict[str, tuple[str, str]]:
    """Status and message of each unit test that is selected, by the name that `name_of` gives it."""
    # A unit test is known as unit_test.<project>.<model>.<name>, also when it could not be compiled.
    return {
        "::".join(result.node.unique_id.split(".")[2:]): (
            str(getattr(result.status, "value", result.status)),
            result.message or "",
        )
        for result in invoke("test", "--select", *select, project=project, target=target)
    }


@pytest.fixture(scope="module")
def outcomes(warehouse_server: WarehouseServer) -> dict[str, tuple[str, str]]:
    """Status and message of every unit test."""
    url = warehouse_server.new_database("dbt_unit_tests")
    with in_use(url, new_directory("dbt-unit-tests")):
        build_for_unit_tests(dbt.DBT_PROJECT, dbt.target_path("unit-tests"))
        return run_unit_tests("test_type:unit", project=dbt.DBT_PROJECT, target=dbt.target_path("unit-tests"))


def test_every_unit_test_runs(outcomes: dict[str, tuple[str, str]]) -> None:
    assert len(outcomes) >= AT_LEAST
    assert set(outcomes) == {name_of(test) for test in declared()}


def test_each_says_which_rule_it_holds() -> None:
    assert [name_of(test) for test in declared() if len(test.get("description", "")) < 20] == []


@pytest.mark.parametrize("name", [name_of(test) for test in declared()])
def test_unit(outcomes: dict[str, tuple[str, str]], name: str) -> None:
    status, message = outcomes.get(name, ("not run", ""))
    assert status == "pass", f"{status}: {message}"
