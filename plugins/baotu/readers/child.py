"""The child process that opens workbooks and pages: in bounded memory and time, so that no file ends a worker."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from baotu.readers.reading import HEADER_ROWS

#: The child's bounds: so much address space, so many seconds of processor, so many bytes to its spool. With the
#: parent's some 60 MB the whole stays below 300 MB.
WORKBOOK_MEMORY = 320 * 1024**2
WORKBOOK_SECONDS = 600
WORKBOOK_SPOOL = 4 * 1024**3
#: What ends the child with a reason, told by its last line on stderr.
REFUSED = 3

#: Rows from 1, columns from 0; first row, first column, last row, last column.
Merged = tuple[int, int, int, int]


class _Spool:
    """`[row, cells]` a line, sheet after sheet, then the index of sheets as JSON, then its offset in 8 bytes."""

    def __init__(self) -> None:
        self.out = sys.stdout.buffer
        self.index: list[dict[str, Any]] = []

    def sheet(self, name: str, hidden: bool, rows: Iterable[list[str]], merged: Iterable[Merged] = ()) -> None:
        """Write a sheet's rows, the first of them row 1. What is merged downwards is filled downwards."""
        head: list[tuple[int, list[str]]] = []
        entry = {"name": name, "hidden": hidden, "head": head, "from": self.out.tell(), "merged": []}
        self.index.append(entry)
        below = sorted(place for place in merged if place[2] > place[0])
        filling: dict[int, tuple[int, str]] = {}
        before: list[str] = []
        row = 0
        for row, cells in enumerate(rows, 1):
            while below and below[0][0] < row:
                first, column, last, _ = below.pop(0)
                # Only from the row above: it is what was read last.
                if first == row - 1 and column < len(before) and before[column]:
                    filling[column] = (last, before[column])
            for column, (last, text) in list(filling.items()):
                if row > last:
                    del filling[column]
                    continue
                cells += [""] * (column + 1 - len(cells))
                cells[column] = cells[column] or text
            before = cells
            while cells and not cells[-1]:
                cells.pop()
            if cells:
                line = json.dumps([row, cells], ensure_ascii=False)
                self.out.write(line.encode("utf-8", "replace") + b"\n")
                if len(head) < HEADER_ROWS and any(map(str.strip, cells)):
                    head.append((row, list(cells)))
        bottom = head[-1][0] if head else 0
        entry |= {"to": self.out.tell(), "merged": sorted(place for place in merged if place[0] <= bottom)}

    def close(self) -> None:
        end = self.out.tell()
        self.out.write(json.dumps(self.index).encode() + end.to_bytes(8, "big"))
        self.out.flush()


def main() -> None:
    """`python -c … PATH KIND`: spool the tables of a file to stdout."""
    import resource

    for limit, value in (
        (resource.RLIMIT_AS, WORKBOOK_MEMORY),
        (resource.RLIMIT_CPU, WORKBOOK_SECONDS),
        (resource.RLIMIT_FSIZE, WORKBOOK_SPOOL),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(limit)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (value, value))
    path, kind = sys.argv[1:3]
    spool = _Spool()
    try:
        {"page": _page, "stream": _stream}.get(kind, _workbook)(path, spool)
        spool.close()
    except MemoryError:
        os._exit(REFUSED + 1)
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.stderr.flush()
        os._exit(REFUSED)


def _workbook(path: str, spool: _Spool) -> None:
    """xlsx, xlsb, xls and ods; a sheet's used rectangle is in memory."""
    from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    book = CalamineWorkbook.from_path(path)
    for number, about in enumerate(book.sheets_metadata):
        hidden = about.visible != SheetVisibleEnum.Visible
        sheet = book.get_sheet_by_index(number) if about.typ == SheetTypeEnum.WorkSheet else None
        if sheet is None or sheet.start is None:
            spool.sheet(about.name, hidden, ())
            continue
        # iter_rows begins at row 1 whatever the first used cell, but at the first used column.
        left = [""] * sheet.start[1]
        rows = (left + [_cell_text(cell) for cell in cells] for cells in sheet.iter_rows())
        places = [(a + 1, b, c + 1, d) for (a, b), (c, d) in sheet.merged_cell_ranges or ()]
        spool.sheet(about.name, hidden, rows, places)


def _stream(path: str, spool: _Spool) -> None:
    """An xlsx too large for the rectangle, row by row: ten times slower, and without merged cells."""
    import openpyxl

    with open(path, "rb") as file:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        for sheet in book.worksheets:
            sheet.reset_dimensions()
            rows = (
                [_cell_text(cell) if cell is not None else "" for cell in row]
                for row in sheet.iter_rows(values_only=True)
            )
            spool.sheet(sheet.title, sheet.sheet_state != "visible", rows)


def _page(path: str, spool: _Spool) -> None:
    """Tables of an HTML page that hold no other table; a caption, or the page's title, stands above as row 1 would."""
    import lxml.html

    with open(path, "rb") as file:
        tree = lxml.html.document_fromstring(_decoded(file.read()))
    title = " ".join((tree.findtext(".//title") or "").split())
    number = 0
    for table in tree.iter("table"):
        if table.find(".//table") is not None:
            continue
        rows = list(table.iter("tr"))
        if not rows:
            continue
        number += 1
        caption = " ".join((table.findtext("caption") or "").split()) or title
        merged: list[Merged] = []
        below = list(_page_rows(rows, merged))
        spool.sheet(f"table {number}", False, [[caption], *below], merged)


def _page_rows(rows: list[Any], merged: list[Merged]) -> Iterator[list[str]]:
    """Cells at their places: what spans columns stands in the first, what spans rows is merged."""
    taken: dict[int, int] = {}
    for number, row in enumerate(rows, 2):
        cells: list[str] = []
        taken = {column: last for column, last in taken.items() if last >= number}
        for cell in row.iterchildren("td", "th"):
            while len(cells) in taken:
                cells.append("")
            across, down = (min(max(_number(cell.get(name)), 1), 1000) for name in ("colspan", "rowspan"))
            column = len(cells)
            cells += [_text_of(cell)] + [""] * (across - 1)
            if across > 1 or down > 1:
                merged.append((number, column, number + down - 1, column + across - 1))
                for at in range(column, column + across):
                    taken[at] = number + down - 1
        yield cells


def _number(text: str | None) -> int:
    return int(text) if text and text.strip().isdecimal() and len(text) < 6 else 1


_HEIGHTS = str.maketrans("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻")


def _text_of(cell: Any) -> str:
    """What a reader sees: white space as one space, <br> as a line break, exponents kept high."""
    pieces: list[str] = []
    for event, node in _walk(cell):
        if event == "br":
            pieces.append("\n")
        elif node:
            pieces.append(re.sub(r"[ \t\r\n\f\v]+", " ", node))
    return re.sub(r" *\n *", "\n", "".join(pieces)).strip(" ").replace("\u00a0", " ").replace("\0", "\ufffd")


def _walk(node: Any) -> Iterator[tuple[str, str | None]]:
    if node.tag in ("script", "style"):
        return
    text = node.text
    if node.tag == "sup" and text and re.fullmatch(r"\s*[-+0-9]+\s*", text):
        text = text.strip().translate(_HEIGHTS)
    yield "text", text
    for child in node:
        if child.tag in ("br", "p", "div") and (child.tag == "br" or child.getprevious() is not None):
            yield "br", None
        if isinstance(child.tag, str):
            yield from _walk(child)
        yield "text", child.tail


def _decoded(data: bytes) -> str:
    """By its BOM, else as it declares, else UTF-8, else GB18030; strictly."""
    declared = re.search(rb"charset\s*=\s*[\"']?\s*([\w-]+)", data[:4096])
    tried = [declared[1].decode().lower()] if declared else []
    tried = ["gb18030" if name.startswith("gb") else name for name in tried]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        tried = ["utf-16"]
    for encoding in (*tried, "utf-8-sig", "gb18030"):
        with suppress(UnicodeDecodeError, LookupError):
            # libxml2 refuses a text that declares an encoding.
            return re.sub(r"^\s*<\?xml[^>]*\?>", "", data.decode(encoding))
    raise ValueError("neither its declared encoding nor UTF-8 nor GB18030")


def _cell_text(value: Any) -> str:
    """A cell as Excel's General format or, for dates, ISO 8601 would show it; NUL cannot be stored."""
    import datetime

    if isinstance(value, str):
        return value.replace("\0", "\ufffd") if "\0" in value else value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (int, float)):
        if float(value).is_integer() and abs(value) < 1e15:
            return str(int(value))
        from decimal import Decimal

        return format(Decimal(f"{value:.15g}"), "f")  # Excel keeps 15 digits
    if isinstance(value, datetime.datetime):
        text = value.isoformat(" ", "seconds")
        return text.removesuffix(" 00:00:00")
    with suppress(AttributeError):
        return str(value.isoformat())
    return str(value)
