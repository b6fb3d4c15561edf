"""The child process that opens a workbook: in bounded memory and time, so that no file ends a worker."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import Any

from baotu.readers.reading import HEADER_ROWS

#: The child's bounds: so much address space, so many seconds of processor, so many bytes to its spool.
WORKBOOK_MEMORY = 1536 * 1024**2
WORKBOOK_SECONDS = 300
WORKBOOK_SPOOL = 4 * 1024**3


def main() -> None:
    """Write `[row, cells]` a line, sheet after sheet, then the index of sheets, then its offset (8 bytes)."""
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
    from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    try:
        out = sys.stdout.buffer
        book = CalamineWorkbook.from_path(sys.argv[1])
        index = []
        for number, about in enumerate(book.sheets_metadata):
            head: list[tuple[int, list[str]]] = []
            visible = about.visible == SheetVisibleEnum.Visible
            entry = {"name": about.name, "hidden": not visible, "head": head, "from": out.tell(), "to": out.tell()}
            index.append(entry)
            if about.typ != SheetTypeEnum.WorkSheet:
                continue
            sheet = book.get_sheet_by_index(number)
            if sheet.start is None:
                continue
            # iter_rows begins at row 1 whatever the first used cell, but at the first used column.
            left = [""] * sheet.start[1]
            for row, cells in enumerate(sheet.iter_rows(), 1):
                texts = left + [_cell_text(cell) for cell in cells]
                while texts and not texts[-1]:
                    texts.pop()
                if texts:
                    out.write(json.dumps([row, texts], ensure_ascii=False).encode("utf-8", "replace") + b"\n")
                    if len(head) < HEADER_ROWS and any(map(str.strip, texts)):
                        head.append((row, texts))
            entry["to"] = out.tell()
        out.flush()
        end = out.tell()
        out.write(json.dumps(index).encode() + end.to_bytes(8, "big"))
        out.flush()
    except (CalamineError, OSError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.stderr.flush()
        os._exit(3)


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
