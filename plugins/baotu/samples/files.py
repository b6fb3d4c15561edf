"""Deliveries as bytes: the same data are the same bytes."""

from __future__ import annotations

import csv
import io
import os
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from baotu.samples.deliveries import NOTE, Cell, Delivery, Xlsx

#: Every date of a workbook that nobody reads is this one: the same data are the same bytes.
_EPOCH = (2020, 1, 1, 0, 0, 0)


def encode(delivery: Delivery) -> bytes:
    """The delivery's bytes; gives every row its `file_row`."""
    columns = [column for column, _ in delivery.layout]
    headers = [header for _, header in delivery.layout]
    table = [[row.cells.get(column) for column in columns] for row in delivery.rows]
    if isinstance(delivery.form, Xlsx):
        for number, row in enumerate(delivery.rows, len(delivery.titles) + 2):
            row.file_row = number
        return _workbook(delivery.form.sheet, delivery.titles, headers, table)
    form = delivery.form
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=form.delimiter, lineterminator=form.newline)
    writer.writerow(headers)
    line = 2 + sum(header.count("\n") for header in headers)
    for row, cells in zip(delivery.rows, table, strict=True):
        row.file_row = line
        line += 1 + sum(cell.count("\n") for cell in cells if isinstance(cell, str))
        writer.writerow(["" if cell is None else cell for cell in cells])
    return form.bom + text.getvalue().encode(form.encoding)


def _workbook(sheet: str, titles: Sequence[str], headers: list[str], table: list[list[Cell]]) -> bytes:
    from openpyxl import Workbook  # half a second that `baotu --help` need not wait for
    from openpyxl.styles import Alignment, Font

    book = Workbook()
    page = book.worksheets[0]
    page.title = sheet
    book.properties.creator = book.properties.title = NOTE
    for number, title in enumerate(titles, 1):
        page.append([title])
        page.merge_cells(start_row=number, start_column=1, end_row=number, end_column=len(headers))
        page.cell(number, 1).alignment = Alignment(horizontal="center", wrap_text=True)
        page.cell(number, 1).font = Font(bold=True)
    page.append(headers)
    for cells in table:
        page.append([None if cell == "" else cell for cell in cells])
    made = io.BytesIO()
    book.save(made)
    # openpyxl writes the time of saving into the properties and into every entry of the zip.
    stamp = "{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}Z".format(*_EPOCH)
    fixed = io.BytesIO()
    with zipfile.ZipFile(made) as source, zipfile.ZipFile(fixed, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename == "docProps/core.xml":
                content = re.sub(rb"(<dcterms:(created|modified)[^>]*>)[^<]*", rb"\g<1>" + stamp.encode(), content)
            about = zipfile.ZipInfo(entry.filename, _EPOCH)
            about.compress_type = zipfile.ZIP_DEFLATED
            about.create_system = 3  # else the machine's own
            about.external_attr = 0o600 << 16
            target.writestr(about, content)
    return fixed.getvalue()


def sidecar_bytes(values: dict[str, str | int]) -> bytes:
    lines = [f"# {NOTE}"]
    lines += [f'{key}: "{value}"' if isinstance(value, str) else f"{key}: {value}" for key, value in values.items()]
    return ("\n".join(lines) + "\n").encode()


def write(path: Path, content: bytes) -> None:
    """Whole or not at all; a file that holds these bytes already keeps its time, so nothing is seen anew."""
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)
