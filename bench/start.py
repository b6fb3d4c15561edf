"""What a start costs: `baotu --help`, and Airflow reading the DAGs, with the modules that each imports.

Baselines: a Python that imports click, and a DAG file that imports what DAG files import and holds one empty DAG.
"""

import sys
import time
from pathlib import Path
from typing import Any

from bench.child import report
from bench.server import PROJECT, Installation, alone, in_turns
from bench.tables import Figure

EMPTY = "from airflow.sdk import DAG, task\n\nwith DAG('empty_dag'):\n\n    @task\n    def nothing() -> None: ...\n\n    nothing()\n"


def _help() -> dict[str, Any]:
    from baotu.cli import main

    main(["--help"], standalone_mode=False)
    return {"modules": len(sys.modules)}


def _click() -> dict[str, Any]:
    import click

    click.echo("Usage")
    return {"modules": len(sys.modules)}


def _parse(folder: str) -> dict[str, Any]:
    from airflow.dag_processing.dagbag import DagBag

    before = len(sys.modules)
    began, cpu = time.perf_counter(), time.process_time()
    bag = DagBag(folder, include_examples=False)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    assert bag.dags and not bag.import_errors, bag.import_errors
    return {"seconds": seconds, "cpu": cpu, "modules": len(sys.modules) - before, "dags": len(bag.dags)}


def measure(made: Installation, runs: int) -> list[Figure]:
    """In turns, each in a new process."""
    folder = made.state / "empty_dags"
    folder.mkdir(exist_ok=True)
    (folder / "empty.py").write_text(EMPTY, encoding="utf-8")
    bare, ours, empty, dags = in_turns(
        made,
        runs,
        [
            lambda: alone("start", "click"),
            lambda: alone("start", "help"),
            lambda: alone("start", "parse", folder),
            lambda: alone("start", "parse", PROJECT / "dags"),
        ],
    )
    clicked = Figure("start", f"python with click ({bare[0].said['modules']:,} modules)", bare)
    parsed = Figure("start", f"a folder with one empty DAG (+{empty[0].said['modules']:,} modules)", empty)
    found = dags[0].said
    return [
        clicked,
        Figure("start", f"baotu --help ({ours[0].said['modules']:,} modules)", ours, against=clicked),
        parsed,
        Figure("start", f"our {found['dags']} DAGs (+{found['modules']:,} modules)", dags, against=parsed),
    ]


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    report({"help": _help, "click": _click}[what] if not rest else lambda: _parse(str(Path(*rest))))
