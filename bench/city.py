"""The whole way of the sample city by the command line, at several scales; then a rebuild against a day's delivery.

Load and build of each scale run as `baotu load` and `baotu build` do, in processes of their own, into an empty warehouse: their
sum, peak memory, bytes on disk, and by how much each grows with the rows (the slope between logarithms: 1 is linear).

On the largest, in turns: everything made anew (staging, core and marts of all deliveries), and one delivery each to the
register and to food spot checks with 1 % of the rows that these have. What counts is the database's time: seconds that its
sessions executed statements (`pg_stat_database.active_time`), which is what history makes grow.

In the same turns one statement by hand (`bench/by_hand.sql`): from raw rows of food to one of the pass rates that the marts show, which
must be the same. It stands beside the whole without a ratio, for it is one figure of one source, and as of now alone.
"""

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from bench.child import report
from bench.server import PROJECT, Installation, Used, alone, in_turns
from bench.tables import Figure

#: What by_hand.sql is to find.
SHOWN = """
    select period_type, period_start_on, breakdown, division_code, judged_count, passed_count from marts.mart_pass_rate
    where measure_code = 'FOOD_EVALUATION' and value_basis = 'computed' and judged_count > 0
        and breakdown in ('city', 'division') and period_type in ('year', 'quarter', 'month')
"""
CORE_SHARE, MARTS_SHARE = 0.05, 0.15
SHARE = 100


def _ingest(folder: str) -> dict[str, Any]:
    from baotu import dbt, ingest
    from baotu.landing import local_file
    from baotu.sources import load_sources

    dbt.runner()
    rows = megabytes = 0.0
    for source in load_sources().values():
        paths = sorted(
            path
            for path in Path(folder, source.id).rglob("*")
            if path.is_file() and local_file(path) and ".meta." not in path.name
        )
        if paths:
            landed, _ = ingest.load_files(source, paths, {})
            rows += sum(one.rows_read or 0 for one in landed)
            megabytes += sum(path.stat().st_size for path in paths) / 1e6
    return {"rows": rows, "megabytes": megabytes}


def _build() -> dict[str, Any]:
    from baotu import publish

    made = publish.build()
    return {"status": made.status}


@contextmanager
def _timed(spent: dict[str, float], step: str, url: str) -> Iterator[None]:
    """Add the database's seconds of a step."""

    def active() -> float:
        time.sleep(1.2)  # sessions that stay open tell their sums once a second
        with psycopg.connect(url, autocommit=True) as connection:
            row = connection.execute(
                "select active_time / 1000 from pg_stat_database where datname = current_database()"
            ).fetchone()
        assert row is not None
        return float(row[0])

    before = active()
    yield
    spent[step] = spent.get(step, 0.0) + active() - before


def _steps(files: str) -> dict[str, Any]:
    """Load FILES (source=path), then core and marts; without any, all of staging, core and marts anew."""
    import great_expectations  # noqa: F401

    from baotu import dbt, ingest, linking, publish
    from baotu.sources import load_source
    from baotu.warehouse import build_lock, connect, warehouse_url

    dbt.runner()
    url, spent = warehouse_url(), dict[str, float]()
    anew = [] if files else ["--full-refresh"]
    began = time.perf_counter()
    with _timed(spent, "core", url):
        for one in filter(None, files.split(";")):
            source, path = one.split("=")
            ingest.load_files(load_source(source), [Path(path)], {})
        if anew:
            dbt.run("upgrade", ["run", "--select", "path:models/staging", *anew])
    with build_lock(), connect(autocommit=True) as connection, publish._begun(connection, None) as begun:
        connection.execute("drop schema if exists marts_next cascade; create schema marts_next")
        with _timed(spent, "core", url):
            linking.link_names(connection, build_id=begun.build_id)
            dbt.run("build", ["run", "--select", publish._CORE, *anew])
        with _timed(spent, "marts", url):
            dbt.run("build", ["run", "--select", publish._INTERMEDIATE, publish._MARTS])
        connection.execute("update ops.build set status = 'failed' where build_id = %s", (begun.build_id,))
    return {"seconds": time.perf_counter() - began, "spent": spent}


def _write_day(folder: Path, made: Installation) -> str:
    """A delivery of each of the two, with 1 % of the rows that they have."""
    from baotu.samples.names import uscc

    folder.mkdir(parents=True, exist_ok=True)
    with psycopg.connect(made.url) as connection:
        counts = [
            connection.execute(f"select count(*) from raw.{source}".encode()).fetchone()[0] // SHARE  # type: ignore[index]
            for source in ("enterprise_registry", "food_spot_checks")
        ]
    register, food = folder / "企业登记_20221231.csv", folder / "食品抽检_20221231.csv"
    lines = [
        f"济南示例{n}号商贸有限公司,{uscc('370102', 99_000 - n)},2019-05-06,存续,历下区,示例路1号"
        for n in range(counts[0])
    ]
    register.write_text(
        "\n".join(["企业名称,统一社会信用代码,成立日期,经营状态,所属区县,住所", *lines]), encoding="utf-8"
    )
    lines = [
        f"SL22370102{n:06d},示例面包,示例商店,历下区,合格,2022-12-{1 + n % 28:02d},评价性抽检,2022-12-30"
        for n in range(counts[1])
    ]
    header = "抽样编号,食品名称,被抽样单位名称,被抽样单位所在区县,结果判定,抽样日期,抽样类型,公告日期"
    food.write_text("\n".join([header, *lines]), encoding="utf-8")
    return f"enterprise_registry={register};food_spot_checks={food}"


def _way(made: Installation, scale: float) -> tuple[Figure, Figure]:
    """Load and build of one scale, once; the database is left."""
    from baotu.samples import write_samples

    folder = made.state / "bench" / f"city_{scale:g}"
    write_samples(folder, made.state / "bench" / f"truth_{scale:g}.json", scale=scale)
    (loaded,) = in_turns(made, 1, [lambda: alone("city", "ingest", folder)])[0]
    before = made.cpu()
    built = alone("city", "build")
    built.cpu += made.cpu() - before
    with psycopg.connect(made.url) as connection:
        row = connection.execute("select pg_database_size(current_database()) / 1e6").fetchone()
    assert row is not None
    rows, megabytes = int(loaded.said["rows"]), loaded.said["megabytes"]
    name = f"scale {scale:g}"
    return (
        Figure(f"city, {name}", "load all sources and judge them", [loaded], rows, megabytes),
        Figure(f"city, {name}", "build and publish", [built], rows, disk_mb=float(row[0])),
    )


def _growth(parts: list[tuple[Figure, Figure]]) -> list[Figure]:
    """By how much each quantity grows with the rows, from the smallest scale to the largest, as an exponent."""
    (load0, build0), (load1, build1) = parts[0], parts[-1]
    assert load0.rows and load1.rows
    span = math.log(load1.rows / load0.rows)
    quantities = {
        "load: processor": (load0.cpu, load1.cpu),
        "load: peak memory": (load0.peak_mb, load1.peak_mb),
        "build: processor": (build0.cpu, build1.cpu),
        "build: peak memory": (build0.peak_mb, build1.peak_mb),
        "warehouse on disk": (build0.disk_mb, build1.disk_mb),
    }
    exponents = ", ".join(
        f"{name} {math.log(large / small) / span:.2f}" for name, (small, large) in quantities.items() if small and large
    )
    return [replace(build1, measure="growth", subject=f"exponents over the rows, 1 is linear: {exponents}")]


def by_hand(url: str) -> Used:
    """The one statement; what it counts must be what the mart shows."""
    statement = (PROJECT / "bench" / "by_hand.sql").read_bytes()
    with psycopg.connect(url, options="-c timezone=Asia/Shanghai") as connection:
        began = time.perf_counter()
        found = connection.execute(statement).fetchall()
        seconds = time.perf_counter() - began
        shown = set(connection.execute(SHOWN.encode()).fetchall())
    counted = {row[:-1] for row in found}
    assert shown and counted == shown, sorted(map(str, counted ^ shown))[:20]
    return Used(seconds, 0, None, {"cells": len(shown)})


def measure(made: Installation, scales: list[float], runs: int) -> list[Figure]:
    """The whole way at each scale, growth, and on the largest a rebuild in turns with a day's delivery, where RUNS is not 0."""
    parts = [_way(made, scale) for scale in sorted(scales)]
    ways = [figure for pair in parts for figure in pair] + (_growth(parts) if len(parts) > 1 else [])
    if not runs:
        return ways
    day = _write_day(made.state / "bench" / "day", made)
    made.database("city", "measured")
    rebuilt, daily, single = in_turns(
        made,
        runs,
        [
            lambda: alone("city", "steps", ""),
            lambda: alone("city", "steps", day),
            lambda: by_hand(made.url),
        ],
        "city",
    )

    def spent(used: list[Used], *steps: str) -> list[Used]:
        return [Used(sum(one.said["spent"][step] for step in steps), one.cpu, one.peak_mb, {}) for one in used]

    name = f"1 % more, scale {max(scales):g}"
    whole = Figure(name, "all anew: database time", spent(rebuilt, "core", "marts"))
    by_one = Figure(
        f"raw to mart, scale {max(scales):g}",
        f"one statement by hand: {single[0].said['cells']:,} pass rates of food, as the mart has them",
        single,
    )
    return [
        *ways,
        by_one,
        replace(whole, measure=by_one.measure, subject="baotu: staging, core, marts of all sources: database time"),
        whole,
        Figure(name, "landing to core: database time", spent(daily, "core"), against=whole, bar=CORE_SHARE),
        Figure(name, "all marts from core: database time", spent(daily, "marts"), against=whole, bar=MARTS_SHARE),
    ]


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    report({"ingest": lambda: _ingest(*rest), "build": _build, "steps": lambda: _steps(*rest)}[what])
