"""What every measure of the bench has in common: the machine that it ran on, its table and its figures as a file."""

import csv
import math
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
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
        verdicts = []
        if self.bar is not None and ratio is not None:
            verdicts.append("met" if ratio <= self.bar else "not met")
        if self.bar_mb is not None and peak is not None:
            verdicts.append(f"{self.bar_mb:g} MB {'met' if peak <= self.bar_mb else 'not met'}")
        return {
            "measure": self.measure,
            "what": self.subject,
            "rows": f"{self.rows:,}" if self.rows is not None else "",
            "MB": f"{self.megabytes:,.1f}" if self.megabytes is not None else "",
            "runs": len(taken),
            "median, s": f"{self.seconds:,.2f}",
            "least – most, s": f"{min(taken):,.2f} – {max(taken):,.2f}",
            "ratio": f"{ratio:.3g}" if ratio is not None else "",
            "bar": f"{self.bar:g}" if self.bar is not None else "",
            "bar is": ", ".join(verdicts),
            "processor, s": f"{self.cpu:,.2f}",
            "its ratio": f"{self.cpu / self.against.cpu:.3g}" if self.against else "",
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


#: Of the chart, in its own units.
_LEFT, _WIDTH, _STEP, _HEAD = 330, 900, 24, 78
_GOOD, _BAD, _PLAIN, _BAR = "#1f7a55", "#b3402e", "#8a94a3", "#1d2733"


def chart(rows: Sequence[Mapping[str, object]]) -> str:
    """Ratios of `Figure.row` as bars on a logarithmic axis, with a mark where each promise ends. SVG."""
    shown = [
        (f"{row['measure']}: {row['what']}", float(str(row["ratio"])), float(str(row["bar"])) if row["bar"] else None)
        for row in rows
        if row["ratio"]
    ]
    every = [ratio for _, ratio, _ in shown] + [bar for _, _, bar in shown if bar] or [1.0]
    low, high = math.floor(math.log10(min(every))), math.ceil(math.log10(max(every) * 1.3))
    height = _HEAD + _STEP * len(shown) + 16

    def x(value: float) -> float:
        return _LEFT + (math.log10(value) - low) / (high - low) * (_WIDTH - _LEFT - 90)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        f'<text x="12" y="22" font-size="15" fill="{_BAR}">Time as a multiple of the baseline, shorter is better</text>',
        f'<text x="12" y="40" fill="{_PLAIN}">green: within its bar (the black mark); red: not; grey: no bar. Logarithmic.</text>',
    ]
    for power in range(low, high + 1):
        at = x(10.0**power)
        lines += [
            f'<line x1="{at:.1f}" y1="{_HEAD - 6}" x2="{at:.1f}" y2="{height - 10}" stroke="#e3e7ec"/>',
            f'<text x="{at:.1f}" y="{_HEAD - 10}" text-anchor="middle" fill="{_PLAIN}">{10.0**power:g}×</text>',
        ]
    for number, (label, ratio, bar) in enumerate(shown):
        top = _HEAD + _STEP * number
        colour = _PLAIN if bar is None else _GOOD if ratio <= bar else _BAD
        lines += [
            f'<text x="{_LEFT - 8}" y="{top + 14}" text-anchor="end" fill="{_BAR}">{escape(label)}</text>',
            f'<rect x="{_LEFT}" y="{top + 3}" width="{max(x(ratio) - _LEFT, 1):.1f}" height="15" fill="{colour}"/>',
        ]
        end = x(ratio)
        if bar is not None:
            at = x(bar)
            lines.append(f'<rect x="{at - 1:.1f}" y="{top}" width="2.5" height="21" fill="{_BAR}"/>')
            end = max(end, at)
        lines.append(f'<text x="{end + 7:.1f}" y="{top + 15}" fill="{_BAR}">{ratio:.3g}</text>')
    return "\n".join([*lines, "</svg>", ""])
