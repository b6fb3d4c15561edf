"""Many small files against one that holds the same rows: landed and judged, as a run of the DAG would."""

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from bench.child import report
from bench.load import write_extract
from bench.server import Installation, Used, alone, in_turns
from bench.tables import Figure

RATIO = 3
FOLDER = "enterprise_registry"


def _ingest() -> dict[str, Any]:
    import great_expectations  # noqa: F401

    from baotu import dbt, ingest

    dbt.runner()
    began, cpu = time.perf_counter(), time.process_time()
    landed = ingest.load(FOLDER)
    verdicts = ingest.validate(FOLDER)
    return {
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "files": len(landed),
        "rows": sum(verdict.rows_read for verdict in verdicts),
    }


def _lay(made: Installation, paths: list[Path]) -> None:
    """These files and no others in the landing area, come to rest."""
    folder = made.state / "landing" / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in paths:
        shutil.copy(path, folder / path.name)
        os.utime(folder / path.name, (time.time() - 3600,) * 2)


def measure(made: Installation, files: int, rows_each: int, runs: int) -> list[Figure]:
    """FILES of ROWS_EACH rows, in turns with one file of them all."""
    rows = files * rows_each
    whole = write_extract(made.state / "bench", rows)
    header, *lines = whole.read_text(encoding="utf-8").splitlines(keepends=True)
    folder = made.state / "bench" / "pieces"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    pieces = []
    for number in range(files):
        pieces.append(folder / f"{number:06d}.csv")
        part = lines[number * rows_each : (number + 1) * rows_each]
        pieces[-1].write_text(header + "".join(part), encoding="utf-8", newline="")

    def of(paths: list[Path]) -> Used:
        _lay(made, paths)
        used = alone("files")
        assert (used.said["files"], used.said["rows"]) == (len(paths), rows), used.said
        return used

    one, many = in_turns(made, runs, [lambda: of([whole]), lambda: of(pieces)])
    shutil.rmtree(made.state / "landing")
    size = whole.stat().st_size / 1e6
    baseline = Figure("small files", "one file", one, rows, size)
    return [baseline, Figure("small files", f"{files:,} files", many, rows, size, baseline, bar=RATIO)]


if __name__ == "__main__":
    assert len(sys.argv) == 1
    report(_ingest)
