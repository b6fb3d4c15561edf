"""Loading a register's extract, against COPY of the same bytes and against what others would load it with.

Baseline: PostgreSQL's own COPY of the file as it lies there (`format csv`), all its columns text, into a logged table without
index. What is compared does more: it hashes and archives the file, checks its encoding to the last byte, finds its header,
writes the ledger, and keeps persons out. Others make their table as they do by default.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from math import sqrt
from pathlib import Path
from typing import Any

import psycopg

from bench.child import report
from bench.server import BENCH_PYTHON, Installation, Used, alone, in_turns
from bench.tables import Figure

#: Of the bar in design.md.
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


def columns_of(path: Path) -> int:
    with path.open(encoding="utf-8") as file:
        return file.readline().count(",") + 1


def bare_copy(url: str, path: Path) -> Used:
    """COPY of the file's own bytes."""
    columns = ", ".join(f"c{n} text" for n in range(columns_of(path)))
    with psycopg.connect(url) as connection:
        connection.execute("drop table if exists bare_copy")
        connection.execute(f"create table bare_copy ({columns})")
        connection.commit()
        began = time.perf_counter()
        with (
            connection.cursor().copy("copy bare_copy from stdin (format csv, header)") as copy,
            path.open("rb") as file,
        ):
            while chunk := file.read(1 << 20):
                copy.write(chunk)
        connection.commit()
        return Used(time.perf_counter() - began, None, {})


def load_alone(path: str) -> dict[str, Any]:
    """One load as the DAG's."""
    from baotu import landing
    from baotu.sources import load_source
    from baotu.warehouse import connect

    began = time.perf_counter()
    with connect() as connection:
        (landed,) = landing.load(connection, load_source("enterprise_registry"), [landing.local_file(Path(path))])
    assert landed.status == "landed", landed
    return {"seconds": time.perf_counter() - began, "rows": landed.rows_read}


def pandas_alone(path: str, url: str) -> dict[str, Any]:
    import pandas
    from sqlalchemy import create_engine

    began = time.perf_counter()
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    frame = pandas.read_csv(path, dtype=str, keep_default_na=False)
    frame.to_sql("others_pandas", engine, if_exists="replace", index=False, chunksize=10_000)
    return {"seconds": time.perf_counter() - began}


def measure(made: Installation, rows: int, runs: int) -> list[Figure]:
    """Loads of ROWS in turns; of what takes minutes, one."""
    path = write_extract(made.state / "bench", rows)
    size = path.stat().st_size
    made.fresh()

    def ours() -> Used:
        made.fresh()
        return alone("load", path)

    def copied() -> Used:
        # As fresh a database as ours.
        return bare_copy(made.fresh(), path)

    def other(name: str) -> Callable[[], Used]:
        return lambda: alone("others", name, path, made.fresh(), python=BENCH_PYTHON)

    base, mine, *rest = in_turns(
        made, runs, [copied, ours, other("polars"), other("dlt-arrow")] if BENCH_PYTHON.exists() else [copied, ours]
    )
    slow: list[tuple[str, list[Used]]] = [
        ("pandas.to_sql", in_turns(made, 1, [lambda: alone("load", path, made.fresh())])[0])
    ]
    if rest:
        slow.append((OTHERS["dlt-dicts"], in_turns(made, 1, [other("dlt-dicts")])[0]))
    baseline = Figure("load", "COPY of the same bytes", base, rows=rows, megabytes=size / 1e6)
    rows_read = mine[0].said["rows"]
    assert rows_read >= rows * 0.999, rows_read
    return [
        baseline,
        Figure(
            "load", "baotu load", mine, rows=rows, megabytes=size / 1e6, against=baseline, bar=RATIO, bar_mb=PEAK_MB
        ),
        *(
            Figure("load", name, used, rows=rows, megabytes=size / 1e6, against=baseline)
            for name, used in [*zip(list(OTHERS.values())[:2], rest, strict=False), *slow]
        ),
    ]


if __name__ == "__main__":
    report(lambda: load_alone(sys.argv[1]) if len(sys.argv) == 2 else pandas_alone(*sys.argv[1:]))
