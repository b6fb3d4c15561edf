"""Every measure of `make bench`, into bench/results/bench.md, .csv and .svg; `--quick` is the same code with fewer rows.

    python -m bench [--quick] [--only load,validate,…] [--rows N] [--runs N] [--scales 0.1,1]

What needs a running installation or an hour stands apart: the query behind every chart (bench/charts.py), how well names are
linked (bench/linking.py), a soak (bench/soak.py).
"""

from collections.abc import Callable

import click

from bench import city, files, load, start, validate
from bench.server import installation
from bench.tables import RESULTS, Figure, chart, machine, write

MEASURES = ("load", "validate", "files", "start", "city")


@click.command()
@click.option("--quick", is_flag=True, help="Less of everything: under five minutes, and of less weight.")
@click.option("--only", default=",".join(MEASURES), show_default=True, help="Which measures.")
@click.option("--rows", type=int, help="Of load and validate.  [default: 1,000,000; quick: 100,000]")
@click.option("--runs", type=int, help="Of each, in turns; the median counts.  [default: 5; quick: 2]")
@click.option("--scales", help="Of the sample city.  [default: 0.1,0.5,1; quick: 0.1]")
@click.option("--name", default="bench", show_default=True, help="Of the files in bench/results.")
def main(quick: bool, only: str, rows: int | None, runs: int | None, scales: str | None, name: str) -> None:
    """Measure, and write table, figures and chart."""
    rows = rows or (100_000 if quick else 1_000_000)
    runs = runs or (2 if quick else 5)
    wanted = only.split(",")
    if unknown := set(wanted) - set(MEASURES):
        raise click.UsageError(f"no such measure: {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
    on = machine()
    figures: list[Figure] = []
    growth: list[dict[str, object]] = []
    with installation() as made:

        def of_city() -> list[Figure]:
            found, exponents = city.measure(
                made, [float(scale) for scale in (scales or ("0.1" if quick else "0.1,0.5,1")).split(",")], min(runs, 3)
            )
            growth.extend(exponents)
            return found

        measures: dict[str, Callable[[], list[Figure]]] = {
            "load": lambda: load.measure(made, rows, runs, with_others=not quick),
            "validate": lambda: validate.measure(made, rows, min(runs, 3)),
            "files": lambda: files.measure(made, *((100, 100) if quick else (1_000, 100)), min(runs, 3)),
            "start": lambda: start.measure(made, runs),
            "city": of_city,
        }
        for measure in wanted:
            click.echo(f"… {measure}", err=True)
            found = measures[measure]()
            figures += found
            for figure in found:
                click.echo("  " + "  ".join(f"{key} {value}" for key, value in figure.row.items() if value), err=True)
            _write(name, on, figures, growth)  # what is measured is not lost if the next one fails


def _write(name: str, on: str, figures: list[Figure], growth: list[dict[str, object]]) -> None:
    text = f"""
{on}.

Each in turn with its baseline, in a process of its own, into a new copy of an upgraded warehouse on the embedded PostgreSQL
with its own settings. Ratio: the median over the turns of the time in comparison with the baseline's of the same turn; bars are of this.
Processor: seconds of all processes together, PostgreSQL's among them, which say more than the clock where others use the
machine. MB are 10⁶ bytes; memory is the highest of the process, without PostgreSQL.
"""
    if growth:
        text += (
            "\nBy how much it grows with the rows, from the smallest scale to the largest (the exponent: 1 is linear): "
        )
        text += ", ".join(f"{one['what']} {one['exponent']}" for one in growth) + ".\n"
    write(name, "What it takes, beside what one would use instead", text, [figure.row for figure in figures])
    (RESULTS / f"{name}.svg").write_text(chart(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
