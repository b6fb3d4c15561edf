"""What a start costs: `baotu --help`, and the DAG files after `import airflow.sdk`, with the modules that each imports.

Baselines: a Python that imports click, and a DAG file that imports what DAG files import and holds one empty DAG.
"""

from __future__ import annotations

import os
import sys
import time
from importlib import import_module
from pathlib import Path
from runpy import run_path
from typing import TYPE_CHECKING, Any

from bench.child import report

if TYPE_CHECKING:
    from bench.server import Installation
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


def _parse(home: str, folder: str) -> dict[str, Any]:
    os.environ["AIRFLOW_HOME"] = home
    import_module("airflow.sdk")
    before = len(sys.modules)
    began, cpu = time.perf_counter(), time.process_time()
    paths = sorted(Path(folder).glob("*.py"))
    for path in paths:
        run_path(str(path))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {"seconds": seconds, "cpu": cpu, "modules": len(sys.modules) - before, "files": len(paths)}


def measure(made: Installation, runs: int) -> list[Figure]:
    """In turns, each in a new process."""
    # Not above: a process that is measured would import them too.
    from bench.server import PROJECT, alone, in_turns
    from bench.tables import Figure

    folder = made.state / "empty_dags"
    folder.mkdir(exist_ok=True)
    (folder / "empty.py").write_text(EMPTY, encoding="utf-8")
    bare, ours, empty, dags = in_turns(
        made,
        runs,
        [
            lambda: alone("start", "click"),
            lambda: alone("start", "help"),
            lambda: alone("start", made.state / "airflow", folder),
            lambda: alone("start", made.state / "airflow", PROJECT / "dags"),
        ],
    )
    clicked = Figure("start", f"python with click ({bare[0].said['modules']:,} modules)", bare)
    parsed = Figure("start", f"a file with one empty DAG (+{empty[0].said['modules']:,} modules)", empty)
    found = dags[0].said
    return [
        clicked,
        Figure("start", f"baotu --help ({ours[0].said['modules']:,} modules)", ours, against=clicked),
        parsed,
        Figure("start", f"our {found['files']} files of DAGs (+{found['modules']:,} modules)", dags, against=parsed),
    ]


if __name__ == "__main__":
    first, *rest = sys.argv[1:]
    report((lambda: _parse(first, *rest)) if rest else {"help": _help, "click": _click}[first])
