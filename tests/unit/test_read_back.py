"""What is read equals what was written: generated tables in every container, encoding and dirt."""

import csv
import html
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from baotu.readers import read
from baotu.sources import load_source

SOURCE = load_source("food_spot_checks")
#: Columns that a generated table may have, each under one of its own names.
COLUMNS = ["sample_no", "producer_name", "spec", "sampled_on", "category", "item_result", "remark", "publisher"]

#: Cells as people type them: Chinese, full width, marks of formulas, quotes, separators, line breaks; no NUL, no
#: surrogates, nothing that XML cannot hold, and nothing that a spreadsheet would turn into a number.
_LETTERS = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经"
CELL = st.text(alphabet=_LETTERS + "AZaz09 ，。（）()/-=+@≤μ×\"'|;,\t\n　", max_size=12).map(
    lambda text: text.strip(" \t\n　")
)
FILLED = st.text(alphabet=_LETTERS, min_size=1, max_size=6)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[str], list[list[str]]]:
    """Canonical columns, their headers as written, rows. 食品名称 and 判定 are always there and filled."""
    columns = ["product_name", "result", *draw(st.lists(st.sampled_from(COLUMNS), unique=True))]
    columns = draw(st.permutations(columns))
    headers = [draw(st.sampled_from(SOURCE.columns[name].aliases)) for name in columns]
    cell = {"product_name": FILLED, "result": st.sampled_from(["合格", "不合格"])}
    rows = draw(st.lists(st.tuples(*(cell.get(name, CELL) for name in columns)), max_size=12))
    return columns, headers, [list(row) for row in rows]


#: Lines above the header: no known column among them, no date, no verdict.
TITLES = st.lists(st.sampled_from(["附件", "某市抽检信息表", "单位：批次", "本表由各区县填报"]), max_size=4)

Write = Callable[[list[list[str]]], bytes]


def delimited(separator: str, encoding: str) -> Write:
    def write(rows: list[list[str]]) -> bytes:
        out = io.StringIO()
        csv.writer(out, delimiter=separator, lineterminator="\r\n").writerows(rows)
        return out.getvalue().encode(encoding)

    return write


def workbook(rows: list[list[str]]) -> bytes:
    book = openpyxl.Workbook()
    for number, row in enumerate(rows, 1):
        for column, text in enumerate(row, 1):
            if text:
                cell = book.worksheets[0].cell(number, column)
                cell.value, cell.data_type = text, "s"  # =1+1 is a text here
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def page(rows: list[list[str]]) -> bytes:
    lines = "".join(
        "<tr>" + "".join(f"<td>{html.escape(text).replace(chr(10), '<br>')}</td>" for text in row) + "</tr>"
        for row in rows
    )
    return f'<html><head><meta charset="utf-8"></head><body><table>{lines}</table></body></html>'.encode()


def zipped(name: str, write: Write) -> Write:
    def archive(rows: list[list[str]]) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
            made.writestr(name, write(rows))
        return out.getvalue()

    return archive


CONTAINERS: dict[str, Write] = {
    "comma, UTF-8": delimited(",", "utf-8"),
    "comma, UTF-8 with BOM": delimited(",", "utf-8-sig"),
    "semicolon, UTF-16": delimited(";", "utf-16"),
    "tab, GB18030": delimited("\t", "gb18030"),
    "pipe, UTF-8": delimited("|", "utf-8"),
    "xlsx": workbook,
    "page": page,
    "csv in a zip": zipped("抽检.csv", delimited(",", "utf-8")),
    "xlsx in a zip": zipped("抽检.xlsx", workbook),
}


@pytest.mark.parametrize("container", CONTAINERS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(table=tables(), title=TITLES, blank=st.integers(0, 2))
def test_what_is_read_equals_what_was_written(
    tmp_path: Path,
    container: str,
    table: tuple[list[str], list[str], list[list[str]]],
    title: list[str],
    blank: int,
) -> None:
    columns, headers, rows = table
    width = len(columns)
    if container == "page":  # white space is a page's own business
        rows = [[" ".join(text.split(" ")) if "\t" not in text else "" for text in row] for row in rows]
        assume(all("  " not in text and " \n" not in text and "\n " not in text for row in rows for text in row))
    written = [[line] + [""] * (width - 1) for line in title] + [headers, *rows] + [[""] * width] * blank
    path = tmp_path / "delivery"
    path.write_bytes(CONTAINERS[container](written))

    reading = read(path, "抽检", SOURCE, {}, hash_key=b"of the tests")
    found = list(reading.rows())

    assert set(reading.columns) == set(columns)
    cells = [[dict(zip(reading.columns, row.values, strict=True))[name] for name in columns] for row in found]
    assert [[text and text.replace("\r\n", "\n") for text in row] for row in cells] == [
        [text or None for text in row] for row in rows
    ]
    assert reading.counts["rows"] == len(rows)
    if not container.startswith(("page", "comma", "semicolon", "tab", "pipe", "csv")):
        assert [row.file_row for row in found] == list(range(len(title) + 2, len(title) + 2 + len(rows)))
