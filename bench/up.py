"""A warm start: `baotu up` until Airflow is ready, and `baotu down`, of an installation that exists and is stopped.

In a state directory and on ports of its own, so that one which runs on this machine is not disturbed. Beside it the first
start of all, which makes server, warehouse and Airflow's database. Processor time is that of the command and of what it
waited for, not of the services that it leaves running.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from bench.server import PROJECT, Installation, Used
from bench.tables import Figure


def _baotu(command: str, environment: dict[str, str]) -> Used:
    before, began = getrusage(RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [Path(sys.executable).with_name("baotu"), command],
        cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    seconds, after = time.perf_counter() - began, getrusage(RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"baotu {command}:\n{done.stdout[-3000:]}")
    return Used(seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, None, {})


def measure(made: Installation, runs: int) -> list[Figure]:
    """The first start, then RUNS of down and up. Left out where a `.env` may name servers that are not ours to change."""
    if (PROJECT / ".env").exists():
        return []
    state = made.state / "warm"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BAOTU_")}
    environment |= {"BAOTU_STATE_DIR": str(state), "BAOTU_LANDING_URL": str(state / "landing")}
    ups, downs = list[Used](), list[Used]()
    try:
        ups.append(_baotu("up", environment))
        for _ in range(runs):
            downs.append(_baotu("down", environment))
            ups.append(_baotu("up", environment))
    finally:
        downs.append(_baotu("down", environment))
    first, *warm = ups
    return [
        Figure("up and down", "baotu up, the first time", [first]),
        Figure("up and down", "baotu up, warm", warm),
        Figure("up and down", "baotu down", downs),
    ]
