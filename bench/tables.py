"""What every measure of the bench has in common: the machine that it ran on, its table and its figures as a file."""

import csv
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import psutil

RESULTS = Path(__file__).parent / "results"
#: What a figure may depend on.
PACKAGES = ("apache-airflow", "dbt-core", "dbt-postgres", "great-expectations", "pandas", "psycopg")


def machine() -> str:
    """One line: processor, cores, memory, versions, and how busy the machine was when it was asked."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.machine()
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{processor}, {os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB; load at the start"
        f" {os.getloadavg()[0]:.1f}; Python {platform.python_version()}, {versions}"
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The value that a share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def write(name: str, title: str, text: str, rows: Sequence[Mapping[str, object]]) -> Path:
    """A page with the rows as a table, and the same figures as csv beside it. Returns the page."""
    RESULTS.mkdir(exist_ok=True)
    header = list(rows[0])
    with (RESULTS / f"{name}.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, header, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    lines = [f"# {title}", "", text.strip(), ""]
    lines += ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines += ["| " + " | ".join(str(row[column]) for column in header) + " |" for row in rows]
    page = RESULTS / f"{name}.md"
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return page
