"""Workbooks and pages: looked at before anything opens them, opened by a child, read from what it spooled."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

from baotu.readers.child import REFUSED, WORKBOOK_MEMORY, WORKBOOK_SECONDS
from baotu.readers.containers import UNREADABLE_MEMBER, Kind
from baotu.readers.reading import CHUNK, SAVE_EN, SAVE_ZH, File, Record, Table

#: calamine holds a sheet's rectangle from first to last used cell, 24–32 bytes a cell.
WORKBOOK_CELLS = 20_000_000


def sheets(file: File, kind: Kind) -> tuple[list[Table], dict[str, Any]]:
    """Each worksheet, or table of a page, as a table, and how they are read."""
    if kind in ("xlsx", "xlsb", "ods"):
        _check_parts(file)
    found, spool = _open(file, kind)
    if not found:
        file.refuse(
            "no_table",
            f"网页里没有表格。请向报送单位索取原始表格（.xlsx 或 CSV）。{SAVE_ZH}",
            "the page holds no table. Ask the sender for the table itself (.xlsx or CSV).",
        )
    tables = []
    for sheet in found:
        records = partial(_spooled, spool, sheet["from"], sheet["to"])
        merged = [tuple(place) for place in sheet["merged"]]
        tables.append(Table(sheet["name"], sheet["head"], records, sheet["hidden"], merged=merged))
    return tables, {"format": "html" if kind == "page" else kind}


_CELL = re.compile(rb'<(?:\w+:)?c\s(?:[^>]*?\s)?r="([A-Z]{1,3})\d+"[^>]*(?<!/)>')
_ROW = re.compile(rb'<(?:\w+:)?row\s(?:[^>]*?\s)?r="(\d{1,7})"')


def _check_parts(file: File) -> None:
    """Look at the XML before anything opens it: entities, and the rectangle that a sheet's last cells span.

    Cells without content do not count, nor does the declared dimension: a header row styled over 16,357
    columns is real and harmless, two cells in opposite corners are a bomb. What hides from this (UTF-16, no
    references) meets the child's memory limit.
    """
    with zipfile.ZipFile(file.path) as archive:
        for entry in archive.infolist():
            if not entry.filename.lower().endswith((".xml", ".rels")):
                continue
            is_sheet = entry.filename.startswith("xl/worksheets/") and entry.filename.endswith(".xml")
            last_row, columns, cells, rest = 0, set[bytes](), 0, b""
            try:
                with archive.open(entry) as stream:
                    while chunk := stream.read(CHUNK):
                        chunk = rest + chunk
                        if b"<!DOCTYPE" in chunk or b"<!ENTITY" in chunk:
                            file.refuse(
                                "damaged",
                                f"工作簿的 {entry.filename} 含有实体声明，Excel 不会这样写。{SAVE_ZH}",
                                f"{entry.filename} in the workbook declares entities, which Excel never "
                                f"does. {SAVE_EN}",
                            )
                        if not is_sheet:
                            rest = chunk[-16:]
                            continue
                        cut = chunk.rfind(b"<")
                        cut = cut if cut > 0 else len(chunk)
                        whole, rest = chunk[:cut], chunk[cut:]
                        found = _CELL.findall(whole)
                        cells += len(found)
                        columns.update(found)
                        last_row = max(last_row, max(map(int, _ROW.findall(whole)), default=0))
            except UNREADABLE_MEMBER:
                file.refuse(
                    "damaged",
                    f"工作簿的 {entry.filename} 已损坏或加密。请用 Excel 打开、另存后重新报送。",
                    f"{entry.filename} in the workbook is damaged or encrypted. Open it in Excel, save it, "
                    f"send it again.",
                )
            last_column = max(columns, key=lambda letters: (len(letters), letters), default=b"A")
            width = 0
            for letter in last_column:
                width = width * 26 + letter - 64
            if last_row * width > WORKBOOK_CELLS:
                corner = f"{last_column.decode()}{last_row}"
                file.refuse(
                    "too_large",
                    f"{entry.filename} 的表格一直到 {corner}（{last_row:,} 行 × {width:,} 列），"
                    f"有内容的单元格 {cells:,} 个；"
                    f"上限为 {WORKBOOK_CELLS:,} 格。请删除数据区以外的单元格（按 Ctrl+End 查看），或另存为 "
                    f"CSV 报送。",
                    f"{entry.filename} reaches to {corner} ({last_row:,} rows by {width:,} columns) with "
                    f"{cells:,} cells "
                    f"filled; expected at most {WORKBOOK_CELLS:,}. Delete the cells outside the data "
                    f"(Ctrl+End shows "
                    "the last one), or save the sheet as CSV.",
                )


def _open(file: File, kind: Kind) -> tuple[list[dict[str, Any]], IO[bytes]]:
    """Let a child turn the file into lines of JSON in a temporary file, in bounded memory and time."""
    status, reason, spool = _child(file, kind)
    if kind == "xlsx" and status not in (0, REFUSED) and reason != "timeout":
        spool.close()
        status, reason, spool = _child(file, "stream")
    if status == 0:
        spool.seek(-8, io.SEEK_END)
        end = int.from_bytes(spool.read(8), "big")
        spool.seek(end)
        found: list[dict[str, Any]] = json.loads(spool.read()[:-8])
        return found, spool
    spool.close()
    if status == REFUSED:
        error = reason.partition(":")[0]
        if error == "PasswordError" or "password" in reason.lower():
            file.refuse(
                "encrypted",
                f"工作簿设有密码，不能读取。请取消密码，{SAVE_ZH}",
                f"the workbook has a password. Remove it. {SAVE_EN}",
            )
        file.refuse(
            "damaged",
            f"文件读不出（{error}）。请用 Excel 打开、另存为 .xlsx 后重新报送。",
            f"the file cannot be read ({error}). Open it in Excel, save it as .xlsx and send it again.",
        )
    file.refuse(
        "too_large",
        f"打开文件所需的内存或时间超过上限（{WORKBOOK_MEMORY // 1024**2} MB，{WORKBOOK_SECONDS} 秒）。"
        "请删除数据区以外的单元格，或另存为 CSV 报送。",
        f"opening the file takes more than {WORKBOOK_MEMORY // 1024**2} MB or {WORKBOOK_SECONDS} s. "
        "Delete the cells outside the data, or save it as CSV.",
    )


def _child(file: File, kind: str) -> tuple[int, str, IO[bytes]]:
    """Exit status, last line of its errors, and the spool of one child."""
    # Not -m and not a path: that would put this package's folder first on the child's path, where names such
    # as dbt stand for something else. Not a fork: tasks have threads.
    root = str(Path(__file__).resolve().parents[2])
    command = [sys.executable, "-P", "-c", "from baotu.readers.child import main; main()", str(file.path), kind]
    environment = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR", "LD_LIBRARY_PATH") if key in os.environ}
    # One arena: each thread's own would be counted against the limit, used or not.
    environment |= {"PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1", "MALLOC_ARENA_MAX": "1"}
    spool = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the reading
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=spool,
        stderr=subprocess.PIPE,
        env=environment,
        pass_fds=[file.unpacked.fileno()] if file.unpacked else [],
    )
    try:
        _, stderr = child.communicate(timeout=WORKBOOK_SECONDS)
    except subprocess.TimeoutExpired:
        stderr = b"timeout"
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate()
    return child.returncode, stderr.decode("utf-8", "replace").strip().rpartition("\n")[2], spool


def _spooled(spool: IO[bytes], begin: int, end: int) -> Iterator[Record]:
    """Records of one sheet: each call has its own offset, so two may run side by side."""
    descriptor, offset, rest = spool.fileno(), begin, b""
    while chunk := os.pread(descriptor, min(CHUNK, end - offset), offset):
        offset += len(chunk)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            number, cells = json.loads(line)
            yield number, cells
