"""What others would load a CSV with, as their manuals do it: run by the bench's own environment (bench/requirements.txt).

    python -m bench.others polars|dlt-arrow|dlt-dicts PATH URL

Each takes every column as text, into a table that it makes anew. None hashes, archives, or keeps anybody's name out. dlt
gets names for the columns: it makes "x" of each Chinese header, and ends. Imports are not counted, as of nobody.
"""

import csv
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module

from bench.child import report


def polars(path: str, url: str) -> None:
    import polars

    polars.read_csv(path, infer_schema=False).write_database(
        "others_polars", url, if_table_exists="replace", engine="adbc"
    )


def _dlt(rows: Callable[[], Iterator[object]], url: str) -> None:
    import dlt

    with tempfile.TemporaryDirectory() as directory:
        pipeline = dlt.pipeline(
            "bench", destination=dlt.destinations.postgres(url), dataset_name="others_dlt", pipelines_dir=directory
        )
        pipeline.run(
            dlt.resource(rows, name="registry"), table_name="registry", write_disposition="replace"
        ).raise_on_failed_jobs()


def _names(path: str) -> list[str]:
    with open(path, encoding="utf-8") as file:
        return [f"c{number}" for number, _ in enumerate(next(csv.reader(file)))]


def dlt_arrow(path: str, url: str) -> None:
    def tables() -> Iterator[object]:
        import pyarrow
        from pyarrow import csv as arrow_csv

        names = _names(path)
        yield from arrow_csv.open_csv(
            path,
            read_options=arrow_csv.ReadOptions(column_names=names, skip_rows=1),
            convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pyarrow.string())),
        )

    _dlt(tables, url)


def dlt_dicts(path: str, url: str) -> None:
    def rows() -> Iterator[object]:
        with open(path, encoding="utf-8", newline="") as file:
            next(file)
            yield from csv.DictReader(file, _names(path))

    _dlt(rows, url)


if __name__ == "__main__":
    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
    what, path, url = sys.argv[1:]
    for module in {"polars": ("polars", "adbc_driver_postgresql.dbapi")}.get(what, ("dlt", "pyarrow.csv", "psycopg2")):
        import_module(module)
    report(lambda: {"polars": polars, "dlt-arrow": dlt_arrow, "dlt-dicts": dlt_dicts}[what](path, url))
