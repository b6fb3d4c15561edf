"""Whole runs under the scheduler, one after the other: `bench/soak.py --rounds 120`. What grows, and by how much a run.

A round is one small delivery, from the file to the publication that has it: a run of `ingest_food_spot_checks` and the run
of `build_marts` that it wakes. Afterwards `maintain_warehouse`, Airflow's own cleaning as if its retention were over, and
`baotu down && baotu up`; then some rounds more. Written to `bench/results/soak.md`, and every figure to `soak.csv`.
"""

import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click
import psutil
import psycopg

DAG = "ingest_food_spot_checks"
HEADER = "抽样编号,食品名称,被抽样单位名称,被抽样单位所在区县,结果判定,抽样日期,抽样类型,公告日期\n"
RESULTS = Path(__file__).parent / "results"
#: Until then imports, caches and pools fill.
WARM_UP = 20
#: Figures of one round, in the order of the table. MB are 10⁶ bytes; memory is PSS: what is shared counts once.
UNITS = {
    "seconds": "s, file to publication",
    "api-server": "MB of memory",
    "scheduler": "MB of memory, with its workers",
    "dag-processor": "MB of memory",
    "triggerer": "MB of memory",
    "postgres": "MB of memory",
    "airflow database": "MB on disk",
    "warehouse": "MB on disk",
    "logs": "MB on disk",
    "schemas of marts": "",
}


def write_delivery(landing: Path, number: int) -> None:
    """Ten samples; in every tenth file a verdict that nobody knows, so that quarantine and alerts have their part."""
    folder = landing / "food_spot_checks"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f"SL22370102{number:05d}{row:02d},示例面包{row},示例商店,济南市历下区,"
        f"{'待定' if number % 10 == 0 and row == 0 else '合格'},2022-06-{1 + number % 28:02d},评价性抽检,2022-07-{1 + number % 28:02d}\n"
        for row in range(10)
    ]
    draft = folder / f"第{number}期.csv.part"
    draft.write_text(HEADER + "".join(lines), encoding="utf-8")
    # Old enough not to be half an upload.
    os.utime(draft, (time.time() - 60,) * 2)
    draft.rename(folder / f"第{number}期.csv")


def publish_one(client: Any, warehouse: str, landing: Path, number: int) -> float:
    """Seconds from the file to the publication that counts its rows."""
    write_delivery(landing, number)
    began = time.perf_counter()
    client.trigger(DAG)
    query = (
        "select exists (select from ops.build_delivery as used inner join ops.delivery using (delivery_id)"
        " inner join ops.build using (build_id) where build.status = 'published' and delivery.file_uri like %s)"
    )
    with psycopg.connect(warehouse, autocommit=True) as connection:
        while connection.execute(query, (f"%/第{number}期.csv",)).fetchone() != (True,):
            if time.perf_counter() - began > 300:
                raise SystemExit(f"delivery {number} is not published after 300 s")
            time.sleep(0.1)
    return time.perf_counter() - began


def memory(state: Path) -> dict[str, float]:
    """MB of each service with all that it forked, and of PostgreSQL."""
    services = json.loads((state / "airflow" / "services.json").read_text())["services"]
    roots = {record["name"]: record["pid"] for record in services}
    roots["postgres"] = int(next(state.rglob("postmaster.pid")).read_text().split()[0])
    found = dict.fromkeys(roots, 0.0)
    for name, pid in roots.items():
        process = psutil.Process(pid)
        for each in [process, *process.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                found[name] += each.memory_full_info().pss / 1e6
    return found


def disk(state: Path, warehouse: str, metadata: str) -> dict[str, float]:
    """MB of the two databases and of all logs; how many builds of marts are kept."""
    size = "select pg_database_size(current_database()) / 1e6"
    with psycopg.connect(metadata) as connection:
        airflow = connection.execute(size).fetchone()
    with psycopg.connect(warehouse) as connection:
        own = connection.execute(size).fetchone()
        schemas = connection.execute("select count(*) from pg_namespace where nspname ~ '^marts(_|$)'").fetchone()
    assert airflow and own and schemas
    folders = [state / "logs", state / "airflow" / "logs", state / "airflow" / "logs-services"]
    logs = sum(path.lstat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
    return {
        "airflow database": float(airflow[0]),
        "warehouse": float(own[0]),
        "logs": logs / 1e6,
        "schemas of marts": float(schemas[0]),
    }


def slope(values: list[float]) -> tuple[float, float]:
    """Least squares over the rounds: growth a round, and the half width of its 95 % interval."""
    import numpy
    from scipy import stats

    fit = stats.linregress(numpy.arange(len(values)), values)
    return float(fit.slope), float(stats.t.ppf(0.975, len(values) - 2) * fit.stderr)


@contextmanager
def installation() -> Iterator[tuple[Path, Path]]:
    """A state directory and a landing area of their own, with everything started in them."""
    state, landing = (Path(tempfile.mkdtemp(prefix=f"baotu-soak-{what}-")) for what in ("state", "landing"))
    for path in (state, landing):
        path.chmod(0o711)
    os.environ |= {"BAOTU_STATE_DIR": str(state), "BAOTU_LANDING_URL": str(landing)}
    try:
        baotu("up")
        yield state, landing
    finally:
        baotu("down")
        for path in (state, landing):
            shutil.rmtree(path, ignore_errors=True)


def baotu(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "baotu.cli", *arguments], check=True, stdout=sys.stderr)


@click.command()
@click.option("--rounds", default=120, show_default=True)
@click.option("--after", default=30, show_default=True, help="Rounds after cleaning and restart.")
def main(rounds: int, after: int) -> None:
    """ROUNDS deliveries, each to its own publication; then cleaning, a restart, and AFTER more."""
    if rounds < WARM_UP + 10 or after < 5:
        raise click.UsageError(f"{WARM_UP} rounds are for warming up: at least {WARM_UP + 10}, and 5 after")
    taken: list[dict[str, float]] = []
    marks: dict[str, dict[str, float]] = {}
    with installation() as (state, landing):
        from baotu import services
        from baotu.warehouse import warehouse_url

        def rounds_of(numbers: range) -> None:
            with services.airflow_api() as client:
                client.wait_for_dag(DAG, timeout=120)
                client.wait_for_dag("build_marts", timeout=120)
                for number in numbers:
                    seconds = publish_one(client, warehouse, landing, number)
                    taken.append({"seconds": seconds} | memory(state) | disk(state, warehouse, metadata))
                    click.echo(
                        f"\r{number:4d}  " + "  ".join(f"{name} {taken[-1][name]:.1f}" for name in UNITS),
                        err=True, nl=number % 10 == 0,
                    )  # fmt: skip

        warehouse, metadata = warehouse_url(), services.metadata_url()
        rounds_of(range(1, rounds + 1))
        baotu("run", "maintain_warehouse")
        marks["after `maintain_warehouse`"] = memory(state) | disk(state, warehouse, metadata)
        record = state / "airflow" / "services.json"
        record.write_text(json.dumps(json.loads(record.read_text()) | {"cleaned_at": "2000-01-01T00:00:00+00:00"}))
        # As if the thirty days that runs are kept were over.
        services.housekeeping(click.echo, keep_days=0)
        baotu("down")
        baotu("up")
        marks["after cleaning, `down` and `up`"] = memory(state) | disk(state, warehouse, metadata)
        rounds_of(range(rounds + 1, rounds + after + 1))
    write(taken, marks, rounds)


def write(taken: list[dict[str, float]], marks: dict[str, dict[str, float]], rounds: int) -> None:
    """The table, and every figure."""
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / "soak.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["round", *UNITS])
        writer.writerows([n, *(f"{each[name]:.3f}" for name in UNITS)] for n, each in enumerate(taken, start=1))
    before, later = taken[WARM_UP:rounds], taken[rounds:]
    head = [
        "",
        "unit",
        f"round {WARM_UP + 1}",
        f"round {rounds}",
        "growth a round (95 %)",
        *marks,
        f"{len(later)} rounds later",
    ]
    lines = []
    for name, unit in UNITS.items():
        growth, half = slope([each[name] for each in before])
        lines.append([
            name, unit, f"{before[0][name]:.1f}", f"{before[-1][name]:.1f}", f"{growth:+.4f} ± {half:.4f}",
            *(f"{mark[name]:.1f}" if name in mark else "" for mark in marks.values()), f"{later[-1][name]:.1f}",
        ])  # fmt: skip
    median = statistics.median(each["seconds"] for each in before)
    text = [
        f"# {len(taken)} deliveries, each from its file to its own publication, under the scheduler",
        "",
        f"`bench/soak.py --rounds {rounds} --after {len(later)}`: {2 * len(taken)} runs of the two DAGs on {os.cpu_count()} cores;"
        f" median {median:.1f} s from file to publication (bar: 40 s), whatever else the machine did.",
        "",
        *("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *lines]),
        "",
    ]
    (RESULTS / "soak.md").write_text("\n".join(text), encoding="utf-8")
    click.echo("\n".join(text))


if __name__ == "__main__":
    main()
