"""Every measure of `make bench`, into bench/results/bench.md, .csv and .svg; `--quick` is the same code with fewer rows.

    python -m bench [--quick] [--only load,validate,…] [--rows N] [--runs N] [--scales 0.1,1]

What needs a running installation or an hour stands apart: the query behind every chart (bench/charts.py), how well names are
linked (bench/linking.py), a soak (bench/soak.py).
"""

import csv
import os
from collections.abc import Callable

import click

from bench import city, files, load, start, up, validate
from bench.server import installation
from bench.tables import RESULTS, Figure, chart, machine, write

ABOUT = """
Each in turn with its baseline, in a process of its own, into a new copy of an upgraded warehouse on the embedded PostgreSQL
with its own settings. Ratio: the median over the turns of the time in comparison with the baseline's of the same turn; bars are
of this. Processor: seconds of all processes together, PostgreSQL's among them, which say more than the clock where others use the
machine. MB are 10⁶ bytes; memory is the highest of the process, without PostgreSQL. Load average: before and after the measure,
of which up to two are its own.
"""
MEASURES = ("load", "validate", "files", "start", "up", "city")


@click.command()
@click.option("--quick", is_flag=True, help="Less of everything: under five minutes, and of less weight.")
@click.option("--only", help=f"Which measures.  [default: {','.join(MEASURES)}; quick: without up]")
@click.option("--rows", type=int, help="Of load and validate.  [default: 1,000,000; quick: 100,000]")
@click.option("--runs", type=int, help="Of each, in turns; the median counts.  [default: 5; quick: 2]")
@click.option("--scales", help="Of the sample city.  [default: 0.1,0.5,1; quick: 0.1]")
@click.option("--name", default="bench", show_default=True, help="Of the files in bench/results.")
@click.option(
    "--keep", is_flag=True, help="Keep other measures of an earlier table: each line tells how busy the machine was."
)
def main(
    quick: bool, only: str | None, rows: int | None, runs: int | None, scales: str | None, name: str, keep: bool
) -> None:
    """Measure, and write table, figures and chart."""
    rows = rows or (100_000 if quick else 1_000_000)
    runs = runs or (2 if quick else 5)
    wanted = only.split(",") if only else [name for name in MEASURES if not (quick and name == "up")]
    if unknown := set(wanted) - set(MEASURES):
        raise click.UsageError(f"no such measure: {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
    on = machine()
    table = _earlier(name) if keep else []
    with installation() as made:

        def of_city() -> list[Figure]:
            wished = scales or ("0.1" if quick else "0.1,0.5,1")
            return city.measure(made, [float(scale) for scale in wished.split(",")], 0 if quick else min(runs, 3))

        measures: dict[str, Callable[[], list[Figure]]] = {
            "load": lambda: load.measure(
                made, rows, runs, workbook_rows=min(rows, 20_000 if quick else 200_000), with_others=not quick
            ),
            "validate": lambda: validate.measure(made, rows, 1 if quick else min(runs, 3)),
            "files": lambda: files.measure(made, *((100, 100) if quick else (1_000, 100)), min(runs, 3)),
            "start": lambda: start.measure(made, runs),
            "up": lambda: up.measure(made, min(runs, 3)),
            "city": of_city,
        }
        for measure in wanted:
            click.echo(f"… {measure}", err=True)
            busy = os.getloadavg()[0]
            found = [figure.row for figure in measures[measure]()]
            if not found:
                click.echo("  left out here", err=True)
                continue
            for line in found:
                line["load average"] = f"{busy:.0f} – {os.getloadavg()[0]:.0f}"
                click.echo("  " + "  ".join(f"{key} {value}" for key, value in line.items() if value), err=True)
            # What is measured is not lost if the next one fails.
            table = [line for line in table if line["measure"] not in {one["measure"] for one in found}] + found
            write(name, "What it takes, beside what one would use instead", f"{on}.\n{ABOUT}", table)
            (RESULTS / f"{name}.svg").write_text(chart(table), encoding="utf-8")


def _earlier(name: str) -> list[dict[str, object]]:
    path = RESULTS / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return [dict(line) for line in csv.DictReader(file)]


if __name__ == "__main__":
    main()
