"""Loading against a bare COPY: `make bench`. Ratios of one run on one machine; the baseline is named beside each.

Baseline: PostgreSQL's own COPY of the same rows as tab-separated text, all columns text, into a table without index.
What is compared does more: it hashes and archives the file, checks its encoding to the last byte, finds its header,
writes the ledger, and keeps persons out.
"""

import csv
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import psycopg

HEADER = [
    "企业名称",
    "统一社会信用代码",
    "注册日期",
    "企业类型",
    "法人代表",
    "注册资金",
    "经营范围",
    "所在省份",
    "地区",
    "注册地址",
]


def write_extract(path: Path, rows: int) -> None:
    """A register's extract in the form of real ones, some 320 bytes a row; nothing in it is real."""
    draw = random.Random(1)
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(HEADER)
        for number in range(rows):
            writer.writerow((
                f"济南市第{number}号商贸有限公司", f"91370102MA3{number:07d}",
                f"20{draw.randint(0, 19):02d}-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}", "有限责任公司", "张三",
                f"{draw.randint(1, 9999)}万人民币", "日用百货、食品、机械设备的销售；货物及技术进出口业务" * 2, "山东", "济南",
                f"济南市历下区解放路{number}号",
            ))  # fmt: skip


def bare_copy(url: str, path: Path) -> float:
    """Seconds that COPY takes for the file's own bytes."""
    columns = ", ".join(f"c{n} text" for n in range(len(HEADER)))
    with psycopg.connect(url) as connection:
        connection.execute("drop table if exists bare_copy")
        connection.execute(f"create table bare_copy ({columns})")
        began = time.perf_counter()
        with (
            connection.cursor().copy("copy bare_copy from stdin (format csv, header)") as copy,
            path.open("rb") as file,
        ):
            while chunk := file.read(1 << 20):
                copy.write(chunk)
        connection.commit()
        return time.perf_counter() - began


def load_alone(source_id: str, path: str) -> None:
    """What the child process does: one load as the DAG's, then seconds and peak memory as JSON."""
    from baotu import landing
    from baotu.sources import load_source
    from baotu.warehouse import connect

    began = time.perf_counter()
    with connect() as connection:
        (landed,) = landing.load(connection, load_source(source_id), [landing.local_file(Path(path))])
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mb": peak, "rows": landed.rows_read}))


def our_load(path: Path) -> tuple[float, float, int]:
    """Seconds, peak MB and rows of a load in a process of its own; its bytes are new each time."""
    with path.open("a", encoding="utf-8", newline="") as out:
        csv.writer(out).writerow(["济南市新企业有限公司", *[""] * (len(HEADER) - 1)])
    done = subprocess.run(
        [sys.executable, __file__, "--alone", "enterprise_registry", str(path)],
        check=True, capture_output=True, text=True, env=os.environ,
    )  # fmt: skip
    found = json.loads(done.stdout.splitlines()[-1])
    return found["seconds"], found["peak_mb"], found["rows"]


@click.command()
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--runs", default=3, show_default=True, help="The median counts.")
@click.option("--alone", nargs=2, hidden=True)
def main(rows: int, runs: int, alone: tuple[str, str] | None) -> None:
    """Load ROWS rows and compare with a bare COPY of the same file."""
    if alone:
        load_alone(*alone)
        return
    from baotu.embedded import Server
    from baotu.settings import settings
    from baotu.warehouse import migrate

    state = Path(tempfile.mkdtemp(prefix="baotu-bench-"))
    state.chmod(0o711)
    server = Server(state / "postgres", 18)
    try:
        server.start()
        server.ensure_role("baotu", "of-this-bench")
        server.ensure_database("warehouse", "baotu")
        url = server.url("baotu", "of-this-bench", "warehouse")
        os.environ |= {"BAOTU_WAREHOUSE_URL": url, "BAOTU_STATE_DIR": str(state)}
        settings.cache_clear()
        migrate()
        path = state / "extract.csv"
        write_extract(path, rows)
        click.echo(f"{rows:,} rows, {path.stat().st_size / 1e6:.0f} MB, median of {runs}")
        bare, ours, peaks = [], [], []
        for _ in range(runs):
            seconds, peak, read = our_load(path)
            bare.append(bare_copy(url, path))
            assert rows < read <= rows + runs, read
            ours.append(seconds)
            peaks.append(peak)
        ratio = statistics.median(ours) / statistics.median(bare)
        click.echo(f"bare COPY          {statistics.median(bare):6.1f} s   1.00")
        click.echo(f"baotu load         {statistics.median(ours):6.1f} s   {ratio:.2f}   bar 2.50")
        click.echo(f"  peak memory      {max(peaks):6.0f} MB          bar 100 MB")
    finally:
        server.remove()
        shutil.rmtree(state, ignore_errors=True)


if __name__ == "__main__":
    main()
