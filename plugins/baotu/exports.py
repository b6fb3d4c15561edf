"""Workbooks that we give out: cells stay what they are, whoever opens them, and come back as they went.

A cell that begins with a sign that spreadsheets take for a formula gets an apostrophe before it; characters that a
workbook cannot hold are written as OOXML spells them (`_x000D_`), which readers of workbooks undo by themselves. Only NUL
and the noncharacters U+FFFE and U+FFFF have no spelling there: they become U+FFFD, as when a file is read.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

#: What a cell may hold; times without their zone, which a workbook cannot keep.
Value = str | int | float | Decimal | bool | date | datetime | None

#: What makes a spreadsheet take a text for a formula, the full-width forms too; and the apostrophe itself, so that
#: taking one away is exact.
_DANGEROUS = frozenset("=+-@\t\r\n\0＝＋－＠'")
#: What XML cannot hold or changes on its way, and what would be taken for such a spelling.
_UNWRITABLE = re.compile(r"[\x01-\x08\x0b-\x1f]|_(?=x[0-9A-Fa-f]{4}_)")
_LOST = str.maketrans(dict.fromkeys("\0\ufffe\uffff", "\ufffd"))

#: Excel's own bounds.
CELL_CHARACTERS = 32_767
SHEET_ROWS = 1_048_576


def escape(text: str) -> str:
    """A text as a cell that no spreadsheet evaluates; `unescape` gives it back."""
    return f"'{text}" if _needs_escape(text) else text


def _needs_escape(text: str) -> bool:
    # A cell of spaces alone comes back empty from readers of workbooks.
    return bool(text) and (text[0] in _DANGEROUS or text.isspace())


def unescape(text: str) -> str:
    """What `escape` was given; a text that it did not make stays as it is."""
    return text[1:] if text[:1] == "'" and _needs_escape(text[1:]) else text


def fits(text: str) -> bool:
    """Whether a workbook's cell holds the whole text; Excel counts UTF-16 units."""
    return len(_written(text).encode("utf-16-le", "surrogatepass")) // 2 <= CELL_CHARACTERS


def _written(text: str) -> str:
    return _UNWRITABLE.sub(lambda found: f"_x{ord(found[0]):04X}_", escape(text)).translate(_LOST)


#: Fill colours of cells by what they are.
COLOURS = {"wrong": "FFC7CE", "reason": "FFF2CC", "header": "D9E1F2", "context": "EDEDED"}


def write_workbook(path: Path, sheets: Mapping[str, Iterable[Sequence[tuple[Value, str | None]]]]) -> None:
    """Write sheets of rows of (value, kind); kind is a key of COLOURS or None. Text stays text, whatever it looks like.

    The first row of a sheet is its header. Written row by row; a draft takes the file's name only when it is whole.
    """
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment, PatternFill

    fills = {kind: PatternFill("solid", fgColor=colour) for kind, colour in COLOURS.items()}
    wrapped = Alignment(wrap_text=True, vertical="top")
    book = Workbook(write_only=True)
    for name, rows in sheets.items():
        sheet: Any = book.create_sheet(name)
        sheet.freeze_panes = "A2"
        sheet.sheet_format.defaultColWidth = 16
        for row in rows:
            cells = []
            for value, kind in row:
                content: Any = _written(value) if isinstance(value, str) and value else value
                cell: Any = WriteOnlyCell(sheet, value=content if content != "" else None)
                if isinstance(value, str) or value is None:
                    if value:
                        cell.data_type = "s"  # else openpyxl makes a formula of what begins with =
                    cell.number_format = "@"
                if kind is not None:
                    cell.fill = fills[kind]
                if kind in ("reason", "header"):
                    cell.alignment = wrapped
                cells.append(cell)
            sheet.append(cells)
    draft = path.with_name(f".{path.name}.part")
    try:
        book.save(draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
