"""What every measure of the bench has in common: the machine that it ran on, its table and its figures as a file."""

import csv
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

from bench.server import Used

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


@dataclass(frozen=True)
class Figure:
    """One subject of a measure: its runs, what they worked on, and what it is compared with.

    `against` is the baseline of the same turns; `bar` the greatest ratio to it that was promised, `bar_mb` the most
    memory. `disk_mb` is what it leaves in the database. MB are 10⁶ bytes.
    """

    measure: str
    subject: str
    runs: Sequence[Used]
    rows: int | None = None
    megabytes: float | None = None
    against: "Figure | None" = None
    bar: float | None = None
    bar_mb: float | None = None
    disk_mb: float | None = None

    @property
    def seconds(self) -> float:
        return statistics.median(run.seconds for run in self.runs)

    @property
    def cpu(self) -> float:
        return statistics.median(run.cpu for run in self.runs)

    @property
    def peak_mb(self) -> float | None:
        """The highest of all runs."""
        return max((run.peak_mb for run in self.runs if run.peak_mb is not None), default=None)

    @property
    def ratio(self) -> float | None:
        """Median over the turns of this to its baseline in the same turn: both met the same neighbours."""
        if self.against is None:
            return None
        if len(self.runs) != len(self.against.runs):
            return self.seconds / self.against.seconds
        return statistics.median(
            mine.seconds / base.seconds for mine, base in zip(self.runs, self.against.runs, strict=True)
        )

    @property
    def row(self) -> dict[str, object]:
        """The figure as a line of the table."""
        taken = [run.seconds for run in self.runs]
        ratio, peak = self.ratio, self.peak_mb
        bars = []
        if self.bar is not None and ratio is not None:
            bars.append(f"≤ {self.bar:g} {'met' if ratio <= self.bar else 'not met'}")
        if self.bar_mb is not None and peak is not None:
            bars.append(f"≤ {self.bar_mb:g} MB {'met' if peak <= self.bar_mb else 'not met'}")
        return {
            "measure": self.measure,
            "what": self.subject,
            "rows": f"{self.rows:,}" if self.rows is not None else "",
            "MB": f"{self.megabytes:,.1f}" if self.megabytes is not None else "",
            "runs": len(taken),
            "median, s": f"{self.seconds:,.2f}",
            "least – most, s": f"{min(taken):,.2f} – {max(taken):,.2f}",
            "ratio": f"{ratio:.2f}" if ratio is not None else "1",
            "bar": ", ".join(bars),
            "processor, s": f"{self.cpu:,.2f}",
            "its ratio": f"{self.cpu / self.against.cpu:.2f}" if self.against else "1",
            "peak memory, MB": f"{peak:,.0f}" if peak is not None else "",
            "on disk, MB": f"{self.disk_mb:,.0f}" if self.disk_mb is not None else "",
        }


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
