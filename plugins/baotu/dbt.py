"""dbt, in this process: one call for what it is asked, its results as data."""

import gzip
import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

from baotu.settings import PROJECT, settings
from baotu.warehouse import dbt_environment

log = logging.getLogger(__name__)

DBT_PROJECT = PROJECT / "dbt_project"


class DbtError(Exception):
    """dbt did not succeed; the message names the nodes and their errors."""


@dataclass(frozen=True)
class NodeResult:
    """One node of a dbt run. `status` is dbt's own: success, error, fail, skipped, pass, warn."""

    node: str
    resource_type: str
    status: str
    seconds: float
    message: str


def run(stage: str, arguments: Sequence[str], *, allow_failed_tests: bool = False) -> list[NodeResult]:
    """Run one dbt command. Each stage has a target path of its own, so that two at once do not collide.

    Raises DbtError when a node fails; with `allow_failed_tests`, failing data tests are results, not errors.
    """
    outcome = _invoke(stage, arguments)
    results = [_node_result(result) for result in getattr(outcome.result, "results", None) or []]
    failed = [
        r
        for r in results
        if r.status in ("error", "fail", "runtime error", "partial success")
        and not (allow_failed_tests and r.resource_type == "test")
    ]
    if failed:
        raise DbtError("; ".join(f"{r.node}: {' '.join(r.message.split())[:600]}" for r in failed))
    return results


def names(stage: str, chosen: Sequence[str]) -> set[str]:
    """What a selection would run, by name. Raises DbtError."""
    return set(_invoke(stage, ["list", "--output", "name", *chosen]).result or ())


def _invoke(stage: str, arguments: Sequence[str]) -> Any:
    os.environ.update(dbt_environment(), DO_NOT_TRACK="1", DBT_SEND_ANONYMOUS_USAGE_STATS="false")
    target = target_path(stage)
    target.mkdir(parents=True, exist_ok=True)
    _take_over_parse(target)
    # fmt: off
    command = [
        "--quiet", "--no-use-colors", "--no-version-check",
        "--log-path", str(settings().state_dir / "logs" / "dbt"),
        "--no-write-json" if stage.startswith("staging") else "--write-json",
        *arguments,
        "--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT), "--target-path", str(target),
    ]
    # fmt: on
    outcome = runner().invoke(command)
    if outcome.exception is not None:
        raise DbtError(f"dbt {arguments[0]} ({stage}): {outcome.exception}") from outcome.exception
    return outcome


def runner() -> Any:
    """dbt's runner in this process."""
    # Imported here: dbt takes seconds to import, and most of what imports this module never calls it.
    from dbt.cli.main import dbtRunner
    from dbt_common.behavior_flags import BehaviorFlagRendered

    # For a word in a message dbt 1.12 looks through the whole call stack and all loaded modules, at each flag of the
    # adapter in each call: below Airflow or pytest a third of a build's time.
    BehaviorFlagRendered._default_source = staticmethod(lambda: "dbt.adapters.postgres.impl")  # type: ignore[method-assign]
    return dbtRunner()


def target_path(stage: str) -> Path:
    """Where a stage's artefacts are; a new one for each version of the code, so that no stale parse survives."""
    return settings().state_dir / "dbt" / code_version() / stage


def _take_over_parse(target: Path) -> None:
    """What another stage of this code has parsed, for a stage that begins: parsing all anew takes seven seconds.

    dbt looks what has changed since, and parses anew what it cannot read: a copy of a file being written does no harm.
    """
    parsed = target / "partial_parse.msgpack"
    others = sorted(target.parent.glob(f"*/{parsed.name}"), key=lambda path: path.stat().st_mtime, reverse=True)
    if not parsed.exists() and others:
        shutil.copyfile(others[0], parsed)


def forget_other_versions() -> None:
    """Artefacts of code that is no longer installed."""
    for directory in (settings().state_dir / "dbt").glob("*"):
        if directory.name != code_version():
            shutil.rmtree(directory, ignore_errors=True)


def _node_result(result: Any) -> NodeResult:
    # A macro that is run by itself has no node.
    node = getattr(result, "node", None)
    kind = node.resource_type if node else "operation"
    return NodeResult(
        node=node.name if node else result.unique_id,
        resource_type=str(getattr(kind, "value", kind)),
        status=str(getattr(result.status, "value", result.status)),
        seconds=float(result.execution_time or 0),
        # dbt appends its macro stack; the first part says what is wrong.
        message=str(result.message or "").split("> in macro")[0],
    )


@cache
def code_version() -> str:
    """A digest of everything that decides a number: dbt project and expectations. The same code, the same version."""
    digest = hashlib.sha256()
    for folder in (DBT_PROJECT, PROJECT / "expectations"):
        for path in sorted(folder.rglob("*")):
            inner = path.relative_to(PROJECT)
            if path.suffix in (".sql", ".csv", ".yml", ".py") and not {"target", "logs"} & set(inner.parts):
                digest.update(str(inner).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def save_manifest(connection: psycopg.Connection, stage: str) -> None:
    """Keep the manifest of a good build in the warehouse: the next upgrade rebuilds what differs from it."""
    manifest = target_path(stage) / "manifest.json"
    connection.execute(
        "insert into ops.dbt_manifest (code_version, manifest_gz) values (%s, %s)",
        (code_version(), gzip.compress(manifest.read_bytes())),
    )
    connection.execute("delete from ops.dbt_manifest where saved_at < (select max(saved_at) from ops.dbt_manifest)")


def saved_state(connection: psycopg.Connection) -> tuple[str, Path] | None:
    """Code version of the last good build, and a directory for `--state`; None before the first one."""
    row = connection.execute(
        "select code_version, manifest_gz from ops.dbt_manifest order by saved_at desc limit 1"
    ).fetchone()
    if row is None:
        return None
    directory = Path(tempfile.mkdtemp(prefix="baotu-state-"))
    (directory / "manifest.json").write_bytes(gzip.decompress(row[1]))
    return row[0], directory
