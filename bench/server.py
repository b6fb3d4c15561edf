"""What every measure stands on: an installation of its own on a PostgreSQL of its own, and processes that are watched.

The server is the embedded one with its own settings (durable, WAL written, as an installation has it), in a directory that
is deleted afterwards; databases are made from one that is upgraded and empty.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg

PROJECT = Path(__file__).resolve().parents[1]
#: Of the environment with other tools (`make bench` makes it); without it they are left out.
BENCH_PYTHON = PROJECT / ".venv-bench" / "bin" / "python"
_PASSWORD = "of-this-bench"


@dataclass
class Used:
    """What one run took: seconds of the measure itself, seconds of processors (its own and PostgreSQL's), peak memory in
    MB of 10⁶ bytes where a process was watched, and what else it said."""

    seconds: float
    cpu: float
    peak_mb: float | None
    said: dict[str, Any]


class Installation:
    """A server with databases made for measuring, and a state directory that the environment points at."""

    def __init__(self, state: Path) -> None:
        from baotu.embedded import Server

        self.state = state
        self.server = Server(state / "postgres", 18)

    @property
    def url(self) -> str:
        """The URL of the database in use."""
        return os.environ["BAOTU_WAREHOUSE_URL"]

    def start(self, *, only_functions: bool = False) -> None:
        """Start the server and make the database that others are copies of; with the functions of schema stats alone,
        where nothing else is asked for."""
        from baotu import dbt
        from baotu.upgrade import upgrade
        from baotu.warehouse import migrate

        self.server.start()
        self.server.ensure_role("baotu", _PASSWORD)
        self.use(self.database("upgraded", template=None))
        if only_functions:
            migrate()
            dbt.run("upgrade", ["build", "--select", "resource_type:function"])
        else:
            upgrade()

    def database(self, name: str, template: str | None = "upgraded") -> str:
        """Make the database `name` anew and return its owner's URL."""
        from tests.conftest import WarehouseServer

        return WarehouseServer(self.server, _PASSWORD, "").new_database(name, template=template)

    def use(self, url: str) -> None:
        """Point this process, and those that it starts, at a database."""
        from baotu.settings import settings

        os.environ |= {
            "BAOTU_WAREHOUSE_URL": url,
            "BAOTU_STATE_DIR": str(self.state),
            "BAOTU_LANDING_URL": str(self.state / "landing"),
        }
        settings.cache_clear()

    def cpu(self) -> float:
        """Seconds of processors that PostgreSQL has used, all its processes together."""
        postmaster = psutil.Process(int((self.server.data / "postmaster.pid").read_text().split()[0]))
        times = postmaster.cpu_times()
        used = float(times.user + times.system + times.children_user + times.children_system)
        for child in postmaster.children():
            with suppress(psutil.NoSuchProcess):
                used += child.cpu_times().user + child.cpu_times().system
        return used

    def checkpoint(self) -> None:
        """Before a measure: what the one before left to be written is none of its business."""
        with psycopg.connect(self.server.superuser_url(), autocommit=True) as connection:
            connection.execute("checkpoint")


@contextmanager
def installation(*, only_functions: bool = False) -> Iterator[Installation]:
    """A started installation, deleted afterwards."""
    from baotu.settings import settings

    state = Path(tempfile.mkdtemp(prefix="baotu-bench-"))
    state.chmod(0o711)  # root's server runs as another user
    before = dict(os.environ)
    made = Installation(state)
    try:
        made.start(only_functions=only_functions)
        yield made
    finally:
        os.environ.clear()
        os.environ.update(before)
        settings.cache_clear()
        made.server.remove()
        shutil.rmtree(state, ignore_errors=True)


def alone(module: str, *arguments: object, python: str | Path = sys.executable) -> Used:
    """Run `python -m bench.<module> ARGUMENTS` in a process of its own, which calls `child.report`."""
    done = subprocess.run(
        [str(python), "-m", f"bench.{module}", *map(str, arguments)],
        cwd=PROJECT, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"bench.{module} {' '.join(map(str, arguments))}:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return Used(found.pop("seconds"), found.pop("cpu"), found.pop("peak_mb"), found)


def in_turns(
    made: Installation, runs: int, subjects: Sequence[Callable[[], Used]], template: str = "upgraded"
) -> list[list[Used]]:
    """Each subject once, then each again: a machine that others use is as busy for one as for the other.

    Before each the database `measured` is a new copy of the template.
    """
    taken: list[list[Used]] = [[] for _ in subjects]
    for _ in range(runs):
        for subject, each in zip(subjects, taken, strict=True):
            made.use(made.database("measured", template))
            made.checkpoint()
            before = made.cpu()
            used = subject()
            time.sleep(0.2)  # until its sessions have ended
            used.cpu += made.cpu() - before
            each.append(used)
    return taken
