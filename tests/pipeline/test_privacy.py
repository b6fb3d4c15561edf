"""No person's name or number leaves the archive.

Names, identity numbers and telephones are planted wherever an office may write them, in every source: columns that are
declared, columns that nobody declared, titles, notes below the table, hidden columns and sheets, names under households'
codes, remarks; in deliveries that are accepted, held back, rejected, refused, dry runs. Then everything that the
warehouse keeps or gives out is searched. The archive keeps bytes as they were delivered, and the landing area is the
office's.
"""

import io
import logging
import zipfile
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner
from psycopg import sql

from baotu import dbt, digest, ingest, publish
from baotu.cli import main
from baotu.headings import is_personal_header
from baotu.sources import Source, load_source, load_sources
from tests.pipeline.conftest import Installation

SOURCES = tuple(load_sources())
#: Sources that a dry run is tried with: it takes seconds, and reads as any other reading does.
DRY = ("food_spot_checks", "random_inspections", "enterprise_registry")
#: Of nobody: names of a doubled surname that occurs nowhere else, numbers with right checks.
NAME = "濮阳"
GIVEN = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥天地玄黄宇宙洪荒日月盈昃"
MOBILE = "1399876"
IDENTITY = "3701011976"

#: Undeclared headers under which an office may send persons.
HEADERS = {
    "联系电话": "mobile", "手机": "mobile", "手机号码": "mobile", "身份证号码": "identity", "证件号码": "identity",
    "法定代表人": "name", "法人": "name", "联系人": "name", "负责人": "name", "经营者": "name", "经营者姓名": "name",
    "经办人": "name", "抽样人员": "name", "检查人员": "name", "执法人员": "name", "审核人": "name", "填表人": "name",
    "签字": "name", "获奖人姓名": "name", "户主": "name",
}  # fmt: skip


class Persons:
    """Persons who do not exist, each once."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, kind: str) -> str:
        self.count += 1
        if kind == "name":
            a, b = divmod(self.count, len(GIVEN))
            return f"{NAME}{GIVEN[a % len(GIVEN)]}{GIVEN[b]}"
        if kind == "mobile":
            return f"{MOBILE}{self.count:04d}"
        month, day = divmod(self.count // 1000, 28)
        body = f"{IDENTITY}{month + 1:02d}{day + 1:02d}{self.count % 1000:03d}"
        weighted = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(body))
        return body + "10X98765432"[weighted % 11]


def is_planted(text: str) -> list[str]:
    """What of a person stands in a text, with what is around it."""
    found = []
    for mark in (NAME, MOBILE, IDENTITY):
        at = text.find(mark)
        if at >= 0:
            found.append(text[max(0, at - 60) : at + 60])
    return found


def usual(source: Source) -> dict[str, str]:
    """Headers with cells that a row needs to be taken."""
    needed = [name for name, column in source.columns.items() if column.required]
    needed += [next(e for e in group if not e.startswith("meta.")) for group in source.required_any]
    cells = {
        "product_name": "示例面包", "result": "合格", "sampled_on": "2021-05-03", "sampling_kind": "评价性抽检",
        "weight_set": "population", "scheme": "division", "code": "370102", "value": "80", "base_year": "2020",
        "title": "瞪羚企业", "record_kind": "培育名单", "brand_class": "制造业", "status": "在营",
        "subject": "I02", "period": "2021年", "draw_method": "双随机", "inspected_on": "2021-05-03",
    }  # fmt: skip
    if source.id == "random_inspections":
        cells["record_kind"] = "检查结果"
    if source.id in ("enterprise_titles", "brand_records"):
        cells["status"] = "有效"
    shown = {}
    for name in dict.fromkeys([*needed, *(c for c in cells if c in source.columns)]):
        column = source.columns[name]
        if column.personal is None:
            shown[column.aliases[0] if column.aliases else name] = cells.get(name, "8" if "answer" in name else "示例")
    return shown


def with_persons(source: Source, persons: Persons) -> dict[str, str]:
    """A row in which persons stand wherever they can: declared columns, undeclared ones, under a household's code."""
    row = usual(source)
    for name, column in source.columns.items():
        header = next((alias for alias in column.aliases), name)
        if column.personal and column.label_en != "Why the row is quarantined":
            row[header] = (
                "、".join(persons("name") for _ in range(2)) if column.personal == "hash_each" else persons("name")
            )
        elif column.personal_under:
            row[header] = f"{persons('name')}小吃店"
            codes = source.columns[column.personal_under].aliases
            row[codes[0]] = "92370102MA3ABCDE1X"
        elif name == "remark":
            row[header] = f"联系人：{persons('name')} 电话{persons('mobile')} 身份证{persons('identity')}"
    for header, kind in HEADERS.items():
        if header not in row:
            row[header] = persons(kind)
    row["附记说明"] = f"来电{persons('mobile')}，证件{persons('identity')}"
    return row


def text(rows: list[dict[str, str]], *notes: str) -> str:
    headers = list(dict.fromkeys(header for row in rows for header in row))
    lines = [headers, *([row.get(header, "") for header in headers] for row in rows)]
    return "\n".join([*(",".join(f'"{cell}"' for cell in line) for line in lines), *notes]) + "\n"


def book(rows: list[dict[str, str]], persons: Persons) -> bytes:
    """Titles that name who filled it in, a hidden column, a note below, a hidden sheet."""
    made = openpyxl.Workbook()
    page = made.worksheets[0]
    headers = list(dict.fromkeys(header for row in rows for header in row))
    page.append(["示例报表"])
    page.append([f"填表人：{persons('name')} 联系电话：{persons('mobile')}"])
    page.append([*headers, "法定代表人"])
    for row in rows:
        page.append([*(row.get(header, "") for header in headers), persons("name")])
    page.append([f"审核人：{persons('name')}"])
    page.column_dimensions[openpyxl.utils.get_column_letter(len(headers) + 1)].hidden = True
    hidden = made.create_sheet("名单")
    hidden.sheet_state = "hidden"
    hidden.append(["联系人", "电话"])
    hidden.append([persons("name"), persons("mobile")])
    content = io.BytesIO()
    made.save(content)
    return content.getvalue()


def texts_in(path: Path) -> Iterator[str]:
    """A file as the texts in it; a workbook or an archive is unpacked."""
    content = path.read_bytes()
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            for name in packed.namelist():
                yield packed.read(name).decode("utf-8", errors="ignore")
    elif content[:2] == b"\x1f\x8b":
        import gzip

        yield gzip.decompress(content).decode("utf-8", errors="ignore")
    else:
        for encoding in ("utf-8", "gb18030"):
            yield content.decode(encoding, errors="ignore")


def test_a_planted_person_is_found(tmp_path: Path) -> None:
    persons = Persons()
    assert all(is_planted(persons(kind)) for kind in ("name", "mobile", "identity"))
    path = tmp_path / "a.xlsx"
    path.write_bytes(book([{"a": persons("name")}], persons))
    assert any(is_planted(found) for found in texts_in(path))
    assert all(is_personal_header(header) for header in HEADERS)


@pytest.mark.usefixtures("all_marts")
def test_no_person_leaves_the_archive(
    warehouse: Installation, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG, "baotu")
    persons = Persons()
    printed: list[str] = []

    def run(*arguments: str) -> None:
        done = CliRunner().invoke(main, list(arguments))
        printed.append(done.output + repr(done.exception))

    for source_id in SOURCES:
        source = load_source(source_id)
        good = [with_persons(source, persons) for _ in range(3)]
        warehouse.put(source_id, "示例_20210601.csv", text(good, f'"联系人：{persons("name")}"'))
        warehouse.put(source_id, "示例簿_20210602.xlsx", book([with_persons(source, persons)], persons))
        # Too many or too few fields: cells stand beside their columns.
        shifted = text([with_persons(source, persons)]).splitlines()
        warehouse.put(
            source_id, "示例错位_20210603.csv",
            "\n".join([shifted[0], *(shifted[1] for _ in range(9)), shifted[1] + f',"{persons("name")}"',
                       shifted[1].partition(",")[2]]) + "\n",
        )  # fmt: skip
        # Nothing in it is as it should be: rejected, or refused for want of a header.
        wrong = [dict.fromkeys(usual(source), "乱") | {h: persons(k) for h, k in HEADERS.items()} for _ in range(3)]
        warehouse.put(source_id, "示例乱_20210604.csv", text(wrong))
        warehouse.put(source_id, "示例无表头_20210605.csv", "\n".join(text(good).splitlines()[1:]) + "\n")
        warehouse.put(source_id, "示例名单_20210606.csv", text([{h: persons(k) for h, k in HEADERS.items()}]))
        ingest.load(source_id)
        ingest.validate(source_id)
        if source_id not in DRY:
            continue
        dry = tmp_path / f"{source_id}.csv"
        dry.write_text(text([with_persons(source, persons)]), encoding="utf-8")
        run("load", source_id, str(dry), "--dry-run")
        run("sources", "check", source_id, "--file", str(dry))
    statuses = {row["status"] for row in warehouse.rows("select distinct status from ops.delivery")}
    assert {"accepted", "rejected", "refused"} <= statuses
    assert publish.build().status in ("published", "held")
    digest.tell()

    exported = tmp_path / "out"
    exported.mkdir()
    for row in warehouse.rows("select delivery_id, source from ops.delivery where rows_quarantined > 0"):
        run("quarantine", "list", "--source", row["source"], "--rows")
        run(
            "quarantine",
            "export",
            "--delivery",
            str(row["delivery_id"]),
            "--out",
            str(exported / f"{row['delivery_id']}.xlsx"),
        )
    run("scorecard")
    run("trace", "Q03", "--period", "2021")
    run("deliveries", "list")
    for row in warehouse.rows("select delivery_id from ops.delivery"):
        run("deliveries", "show", str(row["delivery_id"]))
    for status in ("linked", "review", "unlinked", "unmatchable"):
        run("links", "list", "--status", status)
    run("alerts", "list")
    run("status")
    assert list(exported.glob("*.xlsx")), "something was held back and given out"

    leaks: list[str] = []
    with warehouse.connect() as connection:
        tables = connection.execute(
            "select table_schema, table_name from information_schema.tables"
            " where table_schema not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        assert {schema for schema, _ in tables} >= {"raw", "staging", "core", "marts", "ops", "quarantine"}
        searched = 0
        for schema, table in tables:
            for (row,) in connection.execute(
                sql.SQL("select t::text from {} as t").format(sql.Identifier(schema, table))
            ):
                searched += 1
                leaks += [f"{schema}.{table}: {found}" for found in is_planted(row)]
        # Comments and statistics of columns hold cells too.
        for (row,) in connection.execute("select s::text from pg_stats as s where schemaname <> 'pg_catalog'"):
            leaks += [f"pg_stats: {found}" for found in is_planted(row)]
    assert searched > 500
    files = [*warehouse.state.rglob("*"), *exported.rglob("*"), *dbt.target_path("build").parent.rglob("*")]
    for path in files:
        inner = path.relative_to(warehouse.state).parts if path.is_relative_to(warehouse.state) else ()
        if path.is_file() and inner[:1] not in (("landing",), ("archive",)):
            leaks += [f"{path.name}: {found}" for content in texts_in(path) for found in is_planted(content)]
    leaks += [f"log: {found}" for found in is_planted(caplog.text)]
    leaks += [f"printed: {found}" for output in printed for found in is_planted(output)]
    assert leaks == []
    # Only the archive has them, as they were delivered.
    archived = [path for path in (warehouse.state / "archive").rglob("*") if path.is_file()]
    assert any(is_planted(content) for path in archived for content in texts_in(path))
