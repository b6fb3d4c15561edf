"""Any file as tables; an archive is the tables of its members, each unpacked into a file that has no name.

No member is ever written under the name that it claims: `../x` and `C:\\x` are labels here, not paths.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from baotu.readers.containers import UNREADABLE_MEMBER, ZIP_BYTES, Kind, container
from baotu.readers.reading import CHUNK, File, Refused, Table
from baotu.readers.text import text_table
from baotu.readers.workbook import sheets

#: So many members of an archive are opened; a notice has two or three attachments.
MEMBERS = 200
#: What a member may be besides a table: it is named among the parts that were not read.
_NO_TABLE = frozenset({"pdf", "doc", "binary", "xml", "no_table"})


def tables_of(file: File) -> tuple[list[Table], dict[str, Any]]:
    """The tables of a file, and how it is read: format, encoding, delimiter."""
    kind = container(file)
    if kind == "zip":
        return _members(file), {"format": "zip"}
    return _tables(file, kind)


def _tables(file: File, kind: Kind) -> tuple[list[Table], dict[str, Any]]:
    return text_table(file) if kind == "text" else sheets(file, kind)


def _members(file: File) -> list[Table]:
    tables: list[Table] = []
    with zipfile.ZipFile(file.path) as archive:
        members = [(entry, _name(entry)) for entry in archive.infolist() if not entry.is_dir()]
        members = [(entry, name) for entry, name in members if not _is_litter(name)]
        if len(members) > MEMBERS:
            file.refuse(
                "too_large",
                f"压缩包内有 {len(members)} 个文件，上限为 {MEMBERS} 个。请分批报送。",
                f"the archive holds {len(members)} files, expected at most {MEMBERS}. Send them in several archives.",
            )
        if not members:
            file.refuse(
                "empty_file",
                "压缩包内没有文件。请检查后重新报送。",
                "the archive holds no file. Check it and send it again.",
            )
        for entry, name in members:
            tables += _tables_of_member(file, archive, entry, name)
    if all(table.unread for table in tables):
        file.refuse(
            "no_table",
            f"压缩包内没有表格，只有：{'、'.join(table.name for table in tables[:10])}。请向报送单位索取原始表格（.xlsx 或 CSV）。",
            f"the archive holds no table, only: {', '.join(table.name for table in tables[:10])}. Ask the sender for the"
            " table itself (.xlsx or CSV).",
        )
    return tables


def _tables_of_member(file: File, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> list[Table]:
    if entry.flag_bits & 1:
        file.refuse(
            "encrypted",
            f"压缩包内的「{name}」设有密码，不能读取。请取消密码后重新报送。",
            f"{name} in the archive has a password. Remove it and send the archive again.",
        )
    if entry.file_size == 0:
        return [Table(name, [], lambda: iter(()), member=name, unread="empty")]
    inner = _unpacked(file, archive, entry, name)
    try:
        kind = container(inner)
        if kind == "zip":
            file.refuse(
                "archive",
                f"压缩包内还有压缩包「{name}」。请解压后逐个报送。",
                f"{name} in the archive is an archive itself. Unpack it and send the files one by one.",
            )
        tables, _ = _tables(inner, kind)
    except Refused as refusal:
        if refusal.code in _NO_TABLE:
            return [Table(name, [], lambda: iter(()), member=name, unread=refusal.en)]
        raise
    for table in tables:
        table.member = name
        table.name = f"{name}/{table.name}" if table.name else name
    return tables


def _unpacked(file: File, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> File:
    spool = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the tables
    done = 0
    try:
        with archive.open(entry) as member:
            while chunk := member.read(CHUNK):
                done += len(chunk)
                if done > ZIP_BYTES:  # whatever its directory says
                    raise zipfile.BadZipFile("larger than declared")
                spool.write(chunk)
    except UNREADABLE_MEMBER:
        file.refuse(
            "damaged",
            f"压缩包内的「{name}」已损坏，解压不出。请重新打包报送。",
            f"{name} in the archive is damaged and cannot be unpacked. Pack it again and send it.",
        )
    spool.flush()
    inner = File(
        Path(f"/dev/fd/{spool.fileno()}"), f"{file.name}/{name}", file.source, file.hash_key, file.given, spool
    )
    return inner


def _name(entry: zipfile.ZipInfo) -> str:
    """A member's name: Chinese systems write GBK without saying so, which zipfile takes for cp437."""
    name = entry.filename
    if not entry.flag_bits & 0x800:
        raw = name.encode("cp437", "replace")
        for encoding in ("utf-8", "gb18030"):
            try:
                name = raw.decode(encoding)
                break
            except UnicodeDecodeError:
                continue
    return "".join(c if c.isprintable() else "\ufffd" for c in name.replace("\\", "/"))


def _is_litter(name: str) -> bool:
    last = os.path.basename(name)
    return name.startswith("__MACOSX/") or last.startswith((".", "~$")) or last in ("Thumbs.db", "desktop.ini")
