"""What a file is, told by its content: a workbook, a page, a text, an archive, or what is refused by its name."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from typing import Literal

from baotu.readers.reading import CHUNK, SAVE_EN, SAVE_ZH, File

ZIP_ENTRIES = 2_000
ZIP_BYTES = 1024**3
ZIP_RATIO = 250
#: What zipfile raises for a member that is damaged, encrypted, or packed in a way that it does not know.
UNREADABLE_MEMBER = (
    zipfile.BadZipFile,
    OSError,
    RuntimeError,
    NotImplementedError,
    EOFError,
    ValueError,
    zlib.error,
)

Kind = Literal["text", "page", "xlsx", "xlsb", "xls", "ods", "zip"]

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
    (b"MIME-Version:", "doc", "网页存档或邮件（.mht、.eml）", "a web archive or mail (.mht, .eml)"),
    (b"From: ", "doc", "邮件", "a mail"),
)
#: How a page begins, in lower case.
_PAGE = ("<!doctype html", "<html", "<table", "<head", "<body", "<meta", "<style", "<div")


def container(file: File) -> Kind:
    """What opens the file; what nothing opens is refused by its name."""
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
        return _ole_kind(file)
    if head[257:262] == b"ustar":
        file.refuse("archive", "这是 tar 压缩包，应为表格。请解压后逐个报送。",
                    "this is a tar archive, expected a table. Unpack it and send the files one by one.")  # fmt: skip
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
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "latin-1"
    begin = head.decode(encoding, "ignore").removeprefix("\xef\xbb\xbf").lstrip("\ufeff \t\r\n").lower()
    if begin.startswith("<?xml"):
        if "<html" in begin:
            return "page"
        file.refuse("xml", f"这是 XML 文件，不能读取。{SAVE_ZH}", f"this is XML, which is not read. {SAVE_EN}")
    return "page" if begin.startswith(_PAGE) or (begin.startswith("<!--") and "<table" in begin) else "text"


def _zip_kind(file: File) -> Kind:
    try:
        with zipfile.ZipFile(file.path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        file.refuse(
            "damaged",
            "工作簿或压缩包已损坏或上传不完整（zip 目录读不出）。请用 Excel 打开、另存后重新报送。",
            "the workbook or archive is damaged or was uploaded in part (its zip directory cannot be read). "
            "Open it in Excel, save it and send it again.",
        )
    names = {entry.filename for entry in entries}
    for marker, code, zh, en in (
        ("word/document.xml", "doc", "Word 文档", "a Word document"),
        ("ppt/presentation.xml", "doc", "演示文稿", "a presentation"),
        ("OFD.xml", "pdf", "OFD 版式文件", "an OFD document"),
    ):
        if marker in names:
            file.refuse(
                code,
                f"这是{zh}，应为表格。请向报送单位索取原始表格（.xlsx 或 CSV）。",
                f"this is {en}, expected a table. Ask the sender for the table itself (.xlsx or CSV).",
            )
    _check_zip(file, entries)
    if "xl/workbook.xml" in names:
        return "xlsx"
    if "xl/workbook.bin" in names:
        return "xlsb"
    if "mimetype" in names and "content.xml" in names:
        return "ods"
    return "zip"


def _check_zip(file: File, entries: Sequence[zipfile.ZipInfo]) -> None:
    total = sum(entry.file_size for entry in entries)
    worst = max((e.file_size / max(e.compress_size, 1) for e in entries if e.file_size > CHUNK), default=0.0)
    if len({entry.filename for entry in entries}) < len(entries):
        file.refuse(
            "damaged",
            f"工作簿或压缩包内有同名条目，已损坏。{SAVE_ZH}",
            f"entries of the same name in the workbook or archive: it is damaged. {SAVE_EN}",
        )
    if len(entries) > ZIP_ENTRIES or total > ZIP_BYTES or worst > ZIP_RATIO:
        file.refuse(
            "too_large",
            f"解压后过大：{len(entries)} 个条目、{total:,} 字节、最高压缩比 {worst:.0f}；"
            f"上限为 {ZIP_ENTRIES} 个、{ZIP_BYTES:,} 字节、{ZIP_RATIO}。请删去多余内容，或另存为 CSV 报送。",
            f"it unpacks to {len(entries)} entries, {total:,} bytes, ratio up to {worst:.0f}; "
            f"expected at "
            f"most {ZIP_ENTRIES}, {ZIP_BYTES:,} and {ZIP_RATIO}. Remove what is not data, or save it as CSV.",
        )


def _ole_kind(file: File) -> Kind:
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
    ):
        if marker.encode("utf-16-le") in data:
            if code == "encrypted":
                file.refuse(
                    code,
                    f"这是{zh}，不能读取。请取消密码，{SAVE_ZH}",
                    f"this is {en}, which is not read. Remove the password. {SAVE_EN}",
                )
            file.refuse(
                code,
                f"这是{zh}，应为表格。请向报送单位索取原始表格（.xlsx 或 CSV）。",
                f"this is {en}, expected a table. Ask the sender for the table itself (.xlsx or CSV).",
            )
    if any(marker.encode("utf-16-le") in data for marker in ("Workbook", "Book")):
        return "xls"
    file.refuse("binary", f"这是旧版 Office 文件，不能读取。{SAVE_ZH}", f"this is an old Office file. {SAVE_EN}")
