"""Workbooks that we give out: nothing in them is a formula, and what went comes back."""

import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from baotu.exports import CELL_CHARACTERS, escape, fits, unescape, write_workbook
from baotu.readers import read
from baotu.sources import load_source

DANGEROUS = "=+-@\t\r\n\0＝＋－＠"
#: What PostgreSQL's text can hold and XML has a spelling for, with what is dangerous and what looks like a spelling.
texts = st.lists(
    st.sampled_from(
        [*DANGEROUS.replace("\0", ""), "'", "_x0041_", "_x000D_", "_", "x", " ", "\x01", "\x1f", "\x7f", "铅"]
    )
    | st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufffe\uffff"),
    min_size=1,
    max_size=12,
).map("".join)


@given(st.text())
@example("'=1")
@example("''")
@example("'")
@example(" ")
def test_unescape_gives_back_what_was_escaped(text: str) -> None:
    assert unescape(escape(text)) == text


@given(st.sampled_from(DANGEROUS), st.text())
def test_no_cell_begins_as_a_formula(first: str, rest: str) -> None:
    assert escape(first + rest)[0] == "'"


@pytest.mark.parametrize("text", ["面包", "1.5", "'quoted'", "2021-01-01", "'tis", "—", "_x0041_"])
def test_plain_texts_and_what_a_person_typed_stay(text: str) -> None:
    assert unescape(text) == text
    if not text.startswith("'"):
        assert escape(text) == text


@settings(max_examples=25, deadline=None)
@given(cells=st.lists(texts, min_size=1, max_size=20))
@example(cells=["=1+1", "a\rb", "\x0b", "_x005F_x0041_", "a_x0041_b", " ", "'", "007", "1e5", "TRUE", "#N/A", "@x"])
def test_a_workbook_comes_back_as_it_went(tmp_path_factory: pytest.TempPathFactory, cells: list[str]) -> None:
    path = tmp_path_factory.mktemp("export") / "book.xlsx"
    write_workbook(
        path, {"表": [[("食品名称", "header"), ("判定结论", "header")], *([(c, "wrong"), ("x", None)] for c in cells)]}
    )
    sheet = openpyxl.load_workbook(path).worksheets[0]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} == {"s"}
    assert b"<f>" not in zipfile.ZipFile(path).read("xl/worksheets/sheet1.xml")
    reading = read(path, "book.xlsx", load_source("food_spot_checks"), {})
    where = reading.columns.index("product_name")
    assert [unescape(row.values[where] or "") for row in reading.rows()] == cells
    # A person's program opens it and saves it again.
    book = openpyxl.load_workbook(path)
    book.save(path)
    assert [
        unescape(row.values[where] or "") for row in read(path, "b.xlsx", load_source("food_spot_checks"), {}).rows()
    ] == cells


def test_a_cell_too_long_is_told_before_it_is_cut(tmp_path: Path) -> None:
    assert fits("x" * CELL_CHARACTERS) and not fits("x" * (CELL_CHARACTERS + 1))
    assert not fits("=" + "x" * (CELL_CHARACTERS - 1)), "the apostrophe takes a place"
    assert not fits("😀" * (CELL_CHARACTERS // 2 + 1)), "Excel counts UTF-16 units"


def test_what_no_workbook_can_hold_is_marked(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    write_workbook(path, {"表": [[("a\0b\ufffec", None)]]})
    assert openpyxl.load_workbook(path).worksheets[0]["A1"].value == "a\ufffdb\ufffdc"
    assert [p.name for p in tmp_path.iterdir()] == ["book.xlsx"]
