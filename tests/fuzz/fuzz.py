"""Damage of every kind against reader and parsers: `make fuzz SECONDS=1800`.

Files: those of the corpus and their like in every container, with bits turned, pieces cut, spliced and repeated, zip
entries rewritten, XML attributes inflated. Texts: cells put together from what real ones hold. A finding is anything
but a reading or a refusal: another exception, more than a minute, more than 300 MB; its input is kept.
"""

import io
import random
import re
import resource
import shutil
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import click
import psycopg

from baotu.readers import Refused, read
from baotu.sources import load_source
from tests.corpus import cases
from tests.unit.test_read_back import CONTAINERS

SLOW_SECONDS = 60
MEMORY_MB = 300
#: What is damaged stays so small that this process's own memory is the reader's.
LARGEST = 4 << 20
TABLE = [["食品名称", "判定", "抽样日期", "检验结果", "备注"], ["甲", "合格", "2021-05-01", "0.5mg/kg", ""]] + [
    [f"食品{n}", "不合格", "2021/5/2", "8.2×10²", "a\nb"] for n in range(30)
]
PIECES = [
    "║",
    "‖",
    "|",
    ";",
    "；",
    "、",
    "/",
    "\n",
    "(",
    ")",
    "（",
    "）",
    "≤",
    "≥",
    "<",
    "＞",
    "±",
    "×",
    "10²",
    "10^5",
    "×10",
    "mg/kg",
    "g/100mL",
    "CFU/g",
    "%vol",
    "μk/kg",
    "未检出",
    "不得检出",
    "n=5",
    "c=2",
    "m=10⁴",
    "M=10⁵",
    "初检结果：",
    "复检结果：",
    "1,234.5",
    "0.03",
    ".",
    ",",
    "99999999999999999999",
    "①1.4×10",
    "<sup>2</sup>",
    "42100",
    "140801",
    "2021-02-30",
    "购进日期",
    "2020年9月9日",
    "受委托生产商：",
    "委托商：",
    "长*实业",
    "NaN",
    "infinity",
    "-1",
    "1e999",
    "\x00x",
    "'",
    '"',
    "\\",
    "%",
    "{}",
    "[]",
    "null",
]


def flip(data: bytes, draw: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(draw.choice((1, 3, 30))):
        out[draw.randrange(len(out))] = draw.randrange(256)
    return bytes(out)


def cut(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(len(data))]


def splice(data: bytes, draw: random.Random) -> bytes:
    a, b = sorted(draw.randrange(len(data)) for _ in range(2))
    return data[:a] + data[b:] if draw.random() < 0.5 else data[:b] + data[a:b] * draw.choice((1, 5, 200)) + data[b:]


def inject(data: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(data))
    piece = draw.choice(
        (b"\0", b'"', b"\r", b"\xff\xfe", b"\xef\xbb\xbf", b"<table>" * 300, b"<!DOCTYPE x>", b"," * 5000, b"\n" * 500)
    )
    return data[:at] + piece + data[at:]


def rezip(data: bytes, draw: random.Random) -> bytes:
    """One entry of a workbook or archive damaged, and the whole packed soundly again."""
    out = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
            entries = old.infolist()
            chosen = draw.choice(entries).filename
            for entry in entries:
                inner = old.read(entry)
                if entry.filename == chosen and inner:
                    inner = draw.choice((flip, cut, splice, inflate))(inner, draw)
                new.writestr(
                    draw.choice((entry.filename, "../" + entry.filename))
                    if chosen == entry.filename
                    else entry.filename,
                    inner,
                )
    except Exception:
        return flip(data, draw)
    return out.getvalue()


def inflate(data: bytes, draw: random.Random) -> bytes:
    """Numbers in attributes made large: references, counts, repetitions, spans."""
    number = draw.choice((b"0", b"-1", b"1048576", b"16385", b"4294967296", b"99999999999999999999"))
    found = list(re.finditer(rb'="[A-Z]{0,3}(\d+)"', data))
    if not found:
        return flip(data, draw)
    one = draw.choice(found)
    return data[: one.start(1)] + number + data[one.end(1) :]


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (flip, cut, splice, inject, rezip, inflate)


def files(seconds: float, seed: int, keep: Path) -> tuple[int, int]:
    """Inputs and findings of so many seconds against the reader."""
    draw = random.Random(seed)
    seeds = [(case.source, case.file.name, case.file.read_bytes()) for case in cases()]
    seeds += [("food_spot_checks", "抽检_20210601", write(TABLE)) for write in CONTAINERS.values()]
    sources = {name: load_source(name) for name, _, _ in seeds}
    where = Path(tempfile.mkdtemp(prefix="baotu-fuzz-"))
    outcomes: Counter[str] = Counter()
    findings = 0
    ends, number = time.monotonic() + seconds, 0
    try:
        while time.monotonic() < ends:
            number += 1
            source, name, data = draw.choice(seeds)
            for _ in range(draw.choice((1, 1, 2, 4))):
                data = draw.choice(MUTATIONS)(data, draw)[:LARGEST] or b"x"
            path = where / "delivery"
            path.write_bytes(data)
            began = time.monotonic()
            try:
                outcomes[
                    f"read, {sum(1 for _ in read(path, name, sources[source], {}, hash_key=b'x').rows()) > 0}"
                ] += 1
                problem = ""
            except Refused as refusal:
                outcomes[refusal.code] += 1
                problem = ""
            except Exception:
                problem = traceback.format_exc()
            if time.monotonic() - began > SLOW_SECONDS:
                problem = f"{time.monotonic() - began:.0f} s"
            peak = (
                max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
                // 1024
            )
            if peak > MEMORY_MB and not outcomes["over the memory"]:
                outcomes["over the memory"] += 1
                problem = f"{peak} MB"
            if problem:
                findings += 1
                keep.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, keep / f"{number}-{name}")
                click.echo(f"{number} {name}: {problem}", err=True)
            if number % 500 == 0:
                click.echo(f"{number} files, {findings} findings, peak {peak} MB")
    finally:
        shutil.rmtree(where)
    click.echo(", ".join(f"{what} {count}" for what, count in outcomes.most_common()))
    return number, findings


def texts(seconds: float, seed: int, url: str) -> tuple[int, int]:
    """Inputs and findings of so many seconds against the parsers in schema stats, a thousand texts at a time."""
    draw = random.Random(seed)
    ends, number, findings = time.monotonic() + seconds, 0, 0
    calls = (
        "stats.measurement(a)", "stats.split_items(a, b, c, null, null)", "stats.split_items(null, null, null, a, '{item,limit,result}')",
        "stats.production_date(a, false, date '2021-06-01')", "stats.meets_limit(stats.measurement(a), stats.measurement(b))",
        "stats.parse_date(a)", "stats.parse_number(a)", "stats.parse_period(a)", "stats.clean_text(a)", "stats.canonical_unit(a)",
        "stats.normalize_name(a)", "stats.normalize_uscc(a)", "stats.is_uscc(a)",
    )  # fmt: skip
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set statement_timeout = '60s'")
        while time.monotonic() < ends:
            made = [
                ["".join(draw.choices(PIECES, k=draw.randrange(1, 14))).replace("\0", "") for _ in "abc"]
                for _ in range(1000)
            ]
            for call in calls:
                try:
                    connection.execute(
                        f"select {call} from unnest(%s::text[], %s::text[], %s::text[]) as t (a, b, c)",
                        [list(column) for column in zip(*made, strict=True)],
                    ).fetchall()
                except psycopg.Error as error:
                    findings += 1
                    click.echo(f"{call}: {str(error)[:400]}", err=True)
            number += len(made) * len(calls)
    return number, findings


@click.command()
@click.option("--seconds", default=60, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--keep", default=Path(".baotu/fuzz"), show_default=True, type=click.Path(path_type=Path))
def main(seconds: int, seed: int, keep: Path) -> None:
    """A tenth of the time for the parsers, the rest for the reader."""
    from baotu.embedded import Server
    from tests.dbt.conftest import dbt

    state = Path(tempfile.mkdtemp(prefix="baotu-fuzz-server-"))
    state.chmod(0o711)
    server = Server(state / "postgres", 18)
    try:
        server.start()
        server.ensure_role("baotu", "of-this-run")
        server.ensure_database("warehouse", "baotu")
        url = server.url("baotu", "of-this-run", "warehouse")
        dbt(url, state, "build", "--select", "resource_type:function")
        called, wrong = texts(seconds / 10, seed, url)
    finally:
        server.remove()
        shutil.rmtree(state, ignore_errors=True)
    click.echo(f"{called:,} calls of parsers, {wrong} findings")
    number, findings = files(seconds * 0.9, seed, keep)
    click.echo(f"{number:,} files, {findings} findings")
    sys.exit(1 if wrong + findings else 0)


if __name__ == "__main__":
    main()
