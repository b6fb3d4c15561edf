"""Deliveries as bytes: the same data are the same bytes."""

from __future__ import annotations

import csv
import filecmp
import hashlib
import io
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from baotu.samples.deliveries import NOTE, Cell, Csv, Delivery

#: Every date of a workbook that nobody reads is this one: the same data are the same bytes.
_EPOCH = (2020, 1, 1, 0, 0, 0)


def write_delivery(delivery: Delivery, out: Path) -> list[Path]:
    """Write the delivery, after the sidecar that describes it, and note in it what the rows have come to."""
    path = out / delivery.source / delivery.name
    written = [path]
    if delivery.sidecar is not None:
        # First, so that the delivery is never seen without it.
        beside = path.with_name(path.name + ".meta.yml")
        write(beside, _sidecar(delivery.sidecar))
        written.insert(0, beside)
    if delivery.same_bytes_as is not None:
        write(path, (out / delivery.source / delivery.same_bytes_as).read_bytes())
    elif isinstance(delivery.form, Csv):
        with _replacing(path) as part:
            _write_text(delivery, delivery.form, part)
    else:
        write(path, _workbook(delivery, delivery.form.sheet))
    with path.open("rb") as file:
        delivery.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return written


def _numbered(delivery: Delivery, first: int) -> Iterator[list[Cell]]:
    """The cells of each row, which learns its `file_row` and is counted."""
    columns = [column for column, _ in delivery.layout]
    line = first
    for row in delivery.rows:
        cells = [row.cells.get(column) for column in columns]
        row.file_row = line
        line += 1
        if isinstance(delivery.form, Csv):
            line += sum(cell.count("\n") for cell in cells if isinstance(cell, str))
        delivery.rows_read += 1
        delivery.rows_quarantined += row.is_quarantined
        if row.is_told:
            delivery.told.append(row)
        row.forget_cells()
        yield cells


def _write_text(delivery: Delivery, form: Csv, path: Path) -> None:
    headers = [header for _, header in delivery.layout]
    with path.open("wb") as file:
        file.write(form.bom)
        with io.TextIOWrapper(file, encoding=form.encoding, newline="") as text:
            writer = csv.writer(text, delimiter=form.delimiter, lineterminator=form.newline)
            writer.writerow(headers)
            first = 2 + sum(header.count("\n") for header in headers)
            writer.writerows(_numbered(delivery, first))


def _workbook(delivery: Delivery, sheet: str) -> bytes:
    from openpyxl import Workbook  # half a second that `baotu --help` need not wait for
    from openpyxl.styles import Alignment, Font

    book = Workbook()
    page = book.worksheets[0]
    page.title = sheet
    book.properties.creator = book.properties.title = NOTE
    for number, title in enumerate(delivery.titles, 1):
        page.append([title])
        page.merge_cells(start_row=number, start_column=1, end_row=number, end_column=len(delivery.layout))
        page.cell(number, 1).alignment = Alignment(horizontal="center", wrap_text=True)
        page.cell(number, 1).font = Font(bold=True)
    page.append([header for _, header in delivery.layout])
    for cells in _numbered(delivery, len(delivery.titles) + 2):
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


def _sidecar(values: dict[str, str | int]) -> bytes:
    lines = [f"# {NOTE}"]
    lines += [f'{key}: "{value}"' if isinstance(value, str) else f"{key}: {value}" for key, value in values.items()]
    return ("\n".join(lines) + "\n").encode()


def write(path: Path, content: bytes) -> None:
    """Whole or not at all; a file that holds these bytes already keeps its time, so nothing is seen anew."""
    with _replacing(path) as part:
        part.write_bytes(content)


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    yield part
    if path.is_file() and filecmp.cmp(part, path, shallow=False):
        part.unlink()
    else:
        os.replace(part, path)
