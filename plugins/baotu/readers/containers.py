"""What a file is, told by its content: a workbook, a text, or something that is refused by its name."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from typing import NoReturn

from baotu.readers.reading import CHUNK, SAVE_EN, SAVE_ZH, File

ZIP_ENTRIES = 2_000
ZIP_BYTES = 1024**3
ZIP_RATIO = 250

#: First bytes → (code, Chinese name, English name).
_MAGIC: tuple[tuple[bytes, str, str, str], ...] = (
    (b"%PDF", "pdf", "PDF 文件", "a PDF document"),
    (b"{\\rtf", "doc", "RTF 文档", "an RTF document"),
    (b"\x89PNG", "binary", "图片", "an image"),
    (b"\xff\xd8\xff", "binary", "图片", "an image"),
    (b"GIF8", "binary", "图片", "an image"),
    (b"\x1f\x8b", "archive", "gzip 压缩文件", "a gzip archive"),
    (b"Rar!", "archive", "RAR 压缩文件", "a RAR archive"),
    (b"7z\xbc\xaf", "archive", "7z 压缩文件", "a 7z archive"),
    (b"SQLite format 3", "binary", "SQLite 数据库", "an SQLite database"),
    (b"PAR1", "binary", "Parquet 文件", "a Parquet file"),
    (b"\x7fELF", "binary", "程序", "a program"),
    (b"MZ\x90", "binary", "程序", "a program"),
)


def container(file: File) -> str:
    """ "xlsx" or "text"; everything else is refused by its name."""
    size = file.path.stat().st_size
    with file.path.open("rb") as stream:
        head = stream.read(4096)
    if size == 0:
        file.refuse(
            "empty_file",
            "文件是空的（0 字节），应至少有表头一行。请检查导出或上传是否完成，重新报送。",
            "the file is empty (0 bytes), expected at least a header. Check the export or upload and send it again.",
        )
    if head.startswith(b"PK\x03\x04"):
        return _zip_kind(file)
    if head.startswith(b"PK"):
        file.refuse("damaged", f"压缩包为空或不完整。{SAVE_ZH}", f"an empty or incomplete zip. {SAVE_EN}")
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        _refuse_ole(file)
    for magic, code, zh, en in _MAGIC:
        if head.startswith(magic):
            action = (
                (
                    "请向报送单位索取原始表格（.xlsx 或 CSV）。",
                    "Ask the sender for the table itself (.xlsx or CSV).",
                )
                if code in ("pdf", "doc", "binary")
                else ("请解压后逐个报送。", "Unpack it and send the files one by one.")
            )
            file.refuse(code, f"这是{zh}，应为表格。{action[0]}", f"this is {en}, expected a table. {action[1]}")
    return "text"


def _zip_kind(file: File) -> str:
    try:
        with zipfile.ZipFile(file.path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        file.refuse(
            "damaged",
            "工作簿已损坏或上传不完整（zip 目录读不出）。请用 Excel 打开、另存后重新报送。",
            "the workbook is damaged or was uploaded in part (its zip directory cannot be read). "
            "Open it in Excel, save it and send it again.",
        )
    names = {entry.filename for entry in entries}
    if "xl/workbook.xml" in names:
        _check_zip(file, entries)
        return "xlsx"
    for marker, code, zh, en in (
        ("xl/workbook.bin", "xlsb", "二进制工作簿（.xlsb）", "a binary workbook (.xlsb)"),
        ("word/document.xml", "doc", "Word 文档", "a Word document"),
        ("ppt/presentation.xml", "doc", "演示文稿", "a presentation"),
        ("mimetype", "ods", "OpenDocument 文件", "an OpenDocument file"),
    ):
        if marker in names:
            file.refuse(code, f"这是{zh}，目前不能读取。{SAVE_ZH}", f"this is {en}, which is not read. {SAVE_EN}")
    file.refuse(
        "archive",
        "这是 zip 压缩包，应为表格。请解压后逐个报送。",
        "this is a zip archive, expected a table. Unpack it and send the files one by one.",
    )


def _check_zip(file: File, entries: Sequence[zipfile.ZipInfo]) -> None:
    total = sum(entry.file_size for entry in entries)
    worst = max((e.file_size / max(e.compress_size, 1) for e in entries if e.file_size > CHUNK), default=0.0)
    if len({entry.filename for entry in entries}) < len(entries):
        file.refuse(
            "damaged",
            f"工作簿内有同名条目，已损坏。{SAVE_ZH}",
            f"entries of the same name in the workbook: it is damaged. {SAVE_EN}",
        )
    if len(entries) > ZIP_ENTRIES or total > ZIP_BYTES or worst > ZIP_RATIO:
        file.refuse(
            "too_large",
            f"工作簿解压后过大：{len(entries)} 个条目、{total:,} 字节、最高压缩比 {worst:.0f}；"
            f"上限为 {ZIP_ENTRIES} 个、{ZIP_BYTES:,} 字节、{ZIP_RATIO}。请删去多余内容，或另存为 CSV 报送。",
            f"the workbook unpacks to {len(entries)} entries, {total:,} bytes, ratio up to {worst:.0f}; "
            f"expected at "
            f"most {ZIP_ENTRIES}, {ZIP_BYTES:,} and {ZIP_RATIO}. Remove what is not data, or save it as CSV.",
        )


def _refuse_ole(file: File) -> NoReturn:
    """The old Office container: its directory names the streams in UTF-16."""
    with file.path.open("rb") as stream:
        data = stream.read(32 * CHUNK)
    for marker, code, zh, en in (
        (
            "EncryptedPackage",
            "encrypted",
            "加密（设有打开密码）的工作簿",
            "an encrypted workbook (it has a password)",
        ),
        ("WordDocument", "doc", "旧版 Word 文档（.doc）", "an old Word document (.doc)"),
        ("PowerPoint Document", "doc", "旧版演示文稿（.ppt）", "an old presentation (.ppt)"),
        ("Workbook", "xls", "旧版工作簿（.xls）", "an old workbook (.xls)"),
        ("Book", "xls", "旧版工作簿（.xls）", "an old workbook (.xls)"),
    ):
        if marker.encode("utf-16-le") in data:
            password = ("请取消密码，", "Remove the password. ") if code == "encrypted" else ("", "")
            file.refuse(
                code,
                f"这是{zh}，目前不能读取。{password[0]}{SAVE_ZH}",
                f"this is {en}, which is not read. {password[1]}{SAVE_EN}",
            )
    file.refuse("binary", f"这是旧版 Office 文件，不能读取。{SAVE_ZH}", f"this is an old Office file. {SAVE_EN}")
