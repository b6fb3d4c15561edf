"""Loading a register's extract, against COPY of the same bytes and against what others would load it with.

Baseline: PostgreSQL's own COPY of the file as it lies there (`format csv`), all its columns text, into a logged table without
index. What is compared does more: it hashes and archives the file, checks its encoding to the last byte, finds its header,
writes the ledger, and keeps persons out. Others make their table as they do by default.

The same rows as a workbook have the same baseline: what it costs to be sent xlsx. A process of its own opens it, whose memory
has a bound of its own (`baotu.readers.child`) and is not in the figure; its processor time is.
"""

import csv
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import chain, islice
from math import sqrt
from pathlib import Path
from typing import Any

import psycopg

from bench.child import processor_seconds, report
from bench.server import BENCH_PYTHON, Installation, Used, alone, in_turns
from bench.tables import Figure

#: So many rows are loaded with other tools: dlt takes half a second for a thousand dicts on a busy machine.
OTHERS_ROWS = 100_000
#: A sheet of a workbook holds at most so many.
SHEET_ROWS = 100_000
#: Bars.
RATIO, PEAK_MB = 2.5, 100
OTHERS = {
    "polars": "polars.write_database, ADBC",
    "dlt-arrow": "dlt, arrow tables",
    "dlt-dicts": "dlt, dicts",
}


def write_extract(folder: Path, rows: int) -> Path:
    """The first ROWS of the sample city's register, some 250 bytes each: every twentieth a household, some faults."""
    from baotu.samples.enterprises import ENTERPRISES, SOURCE, deliveries
    from baotu.samples.files import write_delivery

    # Of a city large enough; its first extract has 85 % of all.
    scale = max(rows / (0.84 * ENTERPRISES), 0.12)
    whole = next(iter(deliveries(2020, sqrt(scale) if scale < 1 else scale)))
    write_delivery(replace(whole, rows=islice(whole.rows, rows)), folder)
    return folder / SOURCE / whole.name


def as_workbook(path: Path, rows: int) -> Path:
    """An extract's rows as one xlsx, each sheet with the header."""
    from baotu.exports import write_workbook

    book = path.with_suffix(".xlsx")
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        header = next(lines)
        sheets = {
            f"{first + 1}": ([(cell, None) for cell in line] for line in chain([header], islice(lines, SHEET_ROWS)))
            for first in range(0, rows, SHEET_ROWS)
        }
        write_workbook(book, sheets)
    return book


def columns_of(path: Path) -> int:
    with path.open(encoding="utf-8") as file:
        return file.readline().count(",") + 1


def bare_copy(url: str, path: Path) -> Used:
    """COPY of the file's own bytes."""
    columns = ", ".join(f"c{n} text" for n in range(columns_of(path)))
    with psycopg.connect(url) as connection:
        connection.execute(f"create table bare_copy ({columns})")
        connection.commit()
        began, cpu = time.perf_counter(), time.process_time()
        with (
            connection.cursor().copy("copy bare_copy from stdin (format csv, header)") as copy,
            path.open("rb") as file,
        ):
            while chunk := file.read(1 << 20):
                copy.write(chunk)
        connection.commit()
        return Used(time.perf_counter() - began, time.process_time() - cpu, None, {})


def _load(path: str) -> dict[str, Any]:
    from baotu import landing
    from baotu.sources import load_source
    from baotu.warehouse import connect

    source = load_source("enterprise_registry")
    began, cpu = time.perf_counter(), processor_seconds()
    with connect() as connection:
        (landed,) = landing.load(connection, source, [landing.local_file(Path(path))])
    assert landed.status == "landed", landed
    return {"seconds": time.perf_counter() - began, "cpu": processor_seconds() - cpu, "rows": landed.rows_read}


def _to_sql(path: str, url: str) -> dict[str, Any]:
    import pandas
    from sqlalchemy import create_engine

    began, cpu = time.perf_counter(), time.process_time()
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    frame = pandas.read_csv(path, dtype=str, keep_default_na=False)
    frame.to_sql("others_pandas", engine, if_exists="replace", index=False, chunksize=10_000)
    return {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}


def measure(made: Installation, rows: int, runs: int, *, workbook_rows: int, with_others: bool = True) -> list[Figure]:
    """Loads of ROWS in turns with the baseline; of fewer as a workbook, for writing one takes long; then other tools,
    with fewer rows, for some take minutes, and once."""
    found = _in_turns(made, rows, runs, {"baotu": _ours})
    found += _in_turns(made, workbook_rows, runs, {"baotu": _ours}, xlsx=True)
    if not (with_others and BENCH_PYTHON.exists()):
        return found
    others: dict[str, _Subject] = {"baotu": _ours, "pandas.to_sql": lambda path, url: alone("load", path, url)}
    for what, name in OTHERS.items():
        others[name] = lambda path, url, what=what: alone("others", what, path, url, python=BENCH_PYTHON)  # type: ignore[misc]
    return found + _in_turns(made, min(rows, OTHERS_ROWS), 1, others)


_Subject = Callable[[Path, str], Used]


def _ours(path: Path, _url: str) -> Used:
    return alone("load", path)


def _in_turns(
    made: Installation, rows: int, runs: int, subjects: dict[str, _Subject], *, xlsx: bool = False
) -> list[Figure]:
    path = write_extract(made.state / "bench", rows)
    sent = as_workbook(path, rows) if xlsx else path
    copied, *taken = in_turns(
        made,
        runs,
        [
            lambda: bare_copy(made.url, path),
            *(lambda subject=subject: subject(sent, made.url) for subject in subjects.values()),
        ],
    )
    measure = f"load {'xlsx ' if xlsx else ''}{rows:,}"
    copied_as = "COPY of the same rows as csv" if xlsx else "COPY of the same bytes"
    baseline = Figure(measure, copied_as, copied, rows, path.stat().st_size / 1e6)
    figures = [baseline]
    for name, used in zip(subjects, taken, strict=True):
        bars = {"bar": RATIO, "bar_mb": PEAK_MB} if name == "baotu" and not xlsx else {}
        figures.append(Figure(measure, name, used, rows, sent.stat().st_size / 1e6, baseline, **bars))
        assert name != "baotu" or used[0].said["rows"] == rows, used[0].said
    return figures


if __name__ == "__main__":
    report(lambda: _load(sys.argv[1]) if len(sys.argv) == 2 else _to_sql(*sys.argv[1:]))
