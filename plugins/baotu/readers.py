"""How a delivered file becomes rows of text: containers, encodings, headers, refusals that say what to do.

`read` looks at everything that decides whether a file can be read (container, encoding from first to last
byte, header); `Reading.rows()` then streams. Formats are told by content, never by name. Cells stay as
delivered: staging normalises. Personal columns leave here, and so do the names of individual households.

The module is also the child process that opens workbooks (`_child`), so it imports little at the top.
"""

from __future__ import annotations

import codecs
import csv
import hmac
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from baotu.sources import HeaderMatch, Missing, Source

#: Headers are looked for in so many rows: titles, notices and units stand above them.
HEADER_ROWS = 30
#: What `Reading.mapping` says of a column that never reaches raw.
PERSONAL_DROPPED = "dropped personal"
#: Keys of `Row.extra` that the reader adds. A row that has FIELD_COUNT or MISSING_FIELDS is ragged: its
#: cells may stand in the wrong columns.
FIELD_COUNT, SURPLUS, MISSING_FIELDS, WITHHELD = (
    "__field_count__",
    "__surplus__",
    "__missing_fields__",
    "__withheld__",
)
_MARKS = frozenset({FIELD_COUNT, SURPLUS, MISSING_FIELDS, WITHHELD})

#: Longest cell, in characters. Excel's own limit is 32,767; more is a quote that was never closed.
CELL_LIMIT = 1_000_000
#: A workbook's bounds: the child that opens it gets so much memory and time, and spools so much.
WORKBOOK_MEMORY = 1536 * 1024**2
WORKBOOK_SECONDS = 300
WORKBOOK_SPOOL = 4 * 1024**3
#: calamine holds a sheet's rectangle from first to last used cell, 24–32 bytes a cell.
WORKBOOK_CELLS = 20_000_000
ZIP_ENTRIES = 2_000
ZIP_BYTES = 1024**3
ZIP_RATIO = 250
_CHUNK = 1 << 20


class Refused(Exception):
    """A file that cannot be read: why, and what to do, in both languages."""

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(en)
        self.code, self.zh, self.en = code, zh, en


class Row(NamedTuple):
    """One row as delivered. `values` stand in the order of `Reading.columns`; empty cells are None."""

    part: str
    #: As Excel or a text editor shows it; for a record over several lines, its first.
    file_row: int
    values: list[str | None]
    #: Columns nobody declared, by header, without empty cells; and the marks of ragged rows.
    extra: dict[str, str | None]


@dataclass
class _Part:
    """One table of a delivery: a sheet, or the whole of a text file (named "")."""

    name: str
    header_row: int
    match: HeaderMatch
    headers: list[str]
    #: Columns kept in extra, with their keys there.
    extras: list[tuple[int, str]]
    #: Columns with personal data, dropped or hashed.
    personal: set[int]
    #: Columns declared `personal_under`, those kept in extra too: (their codes, they themselves).
    households: list[tuple[list[int], list[int]]]
    title: list[str]
    hidden: bool = False
    sheet: int = 0


@dataclass
class Reading:
    """A file that can be read. `rows()` may be called again; each call starts from the top."""

    #: Title block and what was found in it, layout and given meta merged (given wins), and how the file was
    #: read.
    meta: dict[str, Any]
    #: Part → header as delivered → canonical name, None (kept in extra) or PERSONAL_DROPPED.
    mapping: dict[str, dict[str, str | None]]
    #: Canonical names that are present, in the source's order.
    columns: list[str]
    #: Filled while `rows()` runs, whole when it has ended.
    counts: dict[str, int] = field(default_factory=dict)
    _rows: Callable[[Reading], Iterator[Row]] = field(repr=False, default=lambda _: iter(()))

    def rows(self) -> Iterator[Row]:
        """Stream the rows. Raises `Refused` for a quote that is never closed or an endless cell."""
        self.counts.clear()
        self.counts.update(rows=0, blank=0, ragged=0)
        return self._rows(self)


def read(
    path: Path, file_name: str, source: Source, given: Mapping[str, Any], *, hash_key: bytes | None = None
) -> Reading:
    """Open `path`, delivered as `file_name`, as a delivery of `source`.

    `given` is what sidecar and `--set` say, the latter already merged over the former. `hash_key` keys the
    hashes of columns declared `personal: hash` or `personal_under`; by default it is generated once into the
    credentials, when it is first needed.
    """
    from baotu.sources import MetaError

    file = _File(path, file_name, source, hash_key)
    try:
        file.given = source.check_meta(given)
    except MetaError as error:
        file.refuse("bad_meta", error.zh, error.en)
    kind = _container(file)
    reading = _read_workbook(file) if kind == "xlsx" else _read_text(file)
    if any(source.columns[name].personal == "hash" for name in reading.columns):
        reading._rows = _hashed(reading._rows, reading.columns, file)
    return reading


@dataclass
class _File:
    path: Path
    name: str
    source: Source
    hash_key: bytes | None = None
    given: dict[str, Any] = field(default_factory=dict)

    def hash(self, text: str) -> str:
        """Equal texts stay equal, whatever their spaces, width and case, and nobody can be told from them."""
        if self.hash_key is None:
            from baotu.settings import Credentials

            self.hash_key = Credentials().generate("PERSONAL_HASH_KEY").encode()
        plain = "".join(unicodedata.normalize("NFKC", text).split()).casefold()
        return hmac.digest(self.hash_key, plain.encode(), "sha256").hex()[:32]

    def refuse(self, code: str, zh: str, en: str, part: str = "", row: int | None = None) -> NoReturn:
        place_zh = f"文件「{self.name}」" + (f" 工作表「{part}」" if part else "") + (f" 第 {row} 行" if row else "")
        place_en = f"{self.name}" + (f", sheet {part!r}" if part else "") + (f", row {row}" if row else "")
        raise Refused(code, f"{place_zh}：{zh}", f"{place_en}: {en}")


# ------------------------------------------------------------------------------------------------ containers

_SAVE_ZH, _SAVE_EN = (
    "请另存为 .xlsx 或 UTF-8 编码的 CSV 后重新报送。",
    "Save it as .xlsx or as UTF-8 CSV and send that.",
)

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


def _container(file: _File) -> str:
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
        file.refuse("damaged", f"压缩包为空或不完整。{_SAVE_ZH}", f"an empty or incomplete zip. {_SAVE_EN}")
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


def _zip_kind(file: _File) -> str:
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
            file.refuse(code, f"这是{zh}，目前不能读取。{_SAVE_ZH}", f"this is {en}, which is not read. {_SAVE_EN}")
    file.refuse(
        "archive",
        "这是 zip 压缩包，应为表格。请解压后逐个报送。",
        "this is a zip archive, expected a table. Unpack it and send the files one by one.",
    )


def _check_zip(file: _File, entries: Sequence[zipfile.ZipInfo]) -> None:
    total = sum(entry.file_size for entry in entries)
    worst = max((e.file_size / max(e.compress_size, 1) for e in entries if e.file_size > _CHUNK), default=0.0)
    if len({entry.filename for entry in entries}) < len(entries):
        file.refuse(
            "damaged",
            f"工作簿内有同名条目，已损坏。{_SAVE_ZH}",
            f"entries of the same name in the workbook: it is damaged. {_SAVE_EN}",
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


def _refuse_ole(file: _File) -> NoReturn:
    """The old Office container: its directory names the streams in UTF-16."""
    with file.path.open("rb") as stream:
        data = stream.read(32 * _CHUNK)
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
                f"这是{zh}，目前不能读取。{password[0]}{_SAVE_ZH}",
                f"this is {en}, which is not read. {password[1]}{_SAVE_EN}",
            )
    file.refuse("binary", f"这是旧版 Office 文件，不能读取。{_SAVE_ZH}", f"this is an old Office file. {_SAVE_EN}")


# ------------------------------------------------------------------------------------------------ text files

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CONTROLS = bytes(sorted(set(range(0x01, 0x20)) - {0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x1A} | {0x7F}))
_NAMES = {"utf-8-sig": "UTF-8 with BOM", "utf-8": "UTF-8", "utf-16": "UTF-16", "gb18030": "GB18030"}


def _read_text(file: _File) -> Reading:
    encoding, nul, head = _decode(file)
    lowered = head.lstrip("\ufeff \t\r\n").lower()
    if lowered.startswith(("<!doctype", "<html", "<table", "<head", "<body", "<meta", "<style")):
        file.refuse(
            "html",
            f"这是网页（HTML），不是 CSV 或工作簿；有些系统把网页存成 .xls。请用 Excel 打开后，{_SAVE_ZH}",
            f"this is an HTML page, not CSV or a workbook; some systems call that .xls. Open it in Excel. {_SAVE_EN}",
        )
    if lowered.startswith("<?xml"):
        file.refuse("xml", f"这是 XML 文件，不能读取。{_SAVE_ZH}", f"this is XML, which is not read. {_SAVE_EN}")
    if not head.strip("\ufeff\r\n\t \0"):
        file.refuse(
            "empty_file",
            "文件没有内容，只有空白。请检查导出是否完成，重新报送。",
            "the file holds white space only. Check the export and send it again.",
        )

    csv.field_size_limit(CELL_LIMIT)
    best: tuple[int, int, str, list[tuple[int, list[str]]], _Part | None, Refused | None] | None = None
    for delimiter in (",", ";", "\t"):
        records: list[tuple[int, list[str]]] = []
        broken: Refused | None = None
        with _text(file.path, encoding) as stream:
            try:
                records.extend(islice(_records(file, stream, delimiter, nul > 0), HEADER_ROWS))
            except Refused as refusal:  # perhaps only because it is the wrong separator
                broken = refusal
        part = _find_header(file, "", records)
        width = max((len(cells) for _, cells in records), default=0)
        rank = (part.match.score if part else 0, width, delimiter, records, part, broken)
        if best is None or rank[:2] > best[:2]:
            best = rank
    assert best is not None
    _, _, delimiter, records, part, broken = best
    if broken:
        raise broken
    if part is None:
        _refuse_no_header(file, [("", records)])
    _check_part(file, part)

    names = {",": "comma", ";": "semicolon", "\t": "tab"}
    reading = _reading(file, [part], [])
    reading.meta["file"] |= {"format": "csv", "encoding": _NAMES[encoding], "delimiter": names[delimiter]}
    if nul:
        reading.meta["file"]["nul_replaced"] = nul

    def rows(reading: Reading) -> Iterator[Row]:
        with _text(file.path, encoding) as stream:
            records = _records(file, stream, delimiter, nul > 0)
            yield from _text_rows(file, part, records, reading)

    reading._rows = rows
    return reading


def _decode(file: _File) -> tuple[str, int, str]:
    """Encoding, number of NULs and first characters, having decoded the whole file strictly.

    BOM → strict UTF-8 → strict GB18030 with a plausibility check. Detection libraries call short GBK files
    cp949 or big5. One pass more than decoding while loading, but the refusal comes before anything is
    written.
    """
    with file.path.open("rb") as stream:
        head = stream.read(1 << 16)
    bom = next((encoding for mark, encoding in _BOMS if head.startswith(mark)), None)
    if bom != "utf-16":
        nuls = head.count(b"\0")
        controls = len(head) - len(head.translate(None, _CONTROLS))
        if nuls > len(head) // 5 or ((nuls or controls) and _looks_like_utf16(head)):
            file.refuse(
                "encoding",
                "文件像是没有 BOM 的 UTF-16 或二进制文件（零字节过多），应为 UTF-8、GB18030 或带 BOM 的 "
                "UTF-16。"
                "请另存为 UTF-8 编码的 CSV。",
                "this looks like UTF-16 without a BOM, or binary (many zero bytes); expected UTF-8, GB18030 "
                "or UTF-16 "
                "with a BOM. Save it as UTF-8 CSV.",
            )
        if controls * 100 > len(head):
            file.refuse(
                "binary",
                f"文件是二进制内容（控制字符 {controls} 个），不是文本表格。{_SAVE_ZH}",
                f"the content is binary ({controls} control characters), not a table of text. {_SAVE_EN}",
            )
    at = 0
    for encoding in (bom,) if bom else ("utf-8", "gb18030"):
        try:
            nul, text = _decode_as(file.path, encoding)
        except UnicodeDecodeError as error:
            at = at or error.start
            continue
        if encoding != "gb18030" or _plausible_chinese(text):
            return encoding, nul, text
    tried = _NAMES[bom] if bom else "UTF-8、GB18030"
    file.refuse(
        "encoding",
        f"第 {at + 1:,} 个字节不是有效的文本，按 {tried} 均读不出中文。请另存为 UTF-8 编码的 CSV 后重新报送。",
        f"byte {at + 1:,} is not text: tried {tried.replace('、', ' and ')}. Save the file as UTF-8 CSV and "
        f"send it again.",
    )


def _decode_as(path: Path, encoding: str) -> tuple[int, str]:
    """Decode all of it strictly; NULs counted, and the first characters."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    nul, head, done = 0, "", 0
    with path.open("rb") as stream:
        while True:
            chunk = stream.read(_CHUNK)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                # Counted from the bytes kept from the chunk before: near enough to find the place.
                raise UnicodeDecodeError(
                    encoding, b"\0", max(done + error.start, 0), done + error.end, error.reason
                ) from None
            nul += text.count("\0")
            head = head or text[: 1 << 18]
            if not chunk:
                return nul, head
            done += len(chunk)


def _looks_like_utf16(head: bytes) -> bool:
    for encoding in ("utf-16-le", "utf-16-be"):
        with suppress(UnicodeDecodeError):
            text = head[: len(head) // 2 * 2].decode(encoding)
            if "\n" in text and len(text.encode("gb2312", "ignore").decode("gb2312")) > 0.9 * len(text):
                return True
    return False


def _plausible_chinese(text: str) -> bool:
    """Nearly any bytes are GB18030. Real text keeps to the 7,445 characters of GB 2312, up to rare names."""
    foreign = [c for c in text if c > "\x7f"]
    common = len("".join(foreign).encode("gb2312", "ignore").decode("gb2312"))
    return bool(foreign) and common >= 0.9 * len(foreign)


def _text(path: Path, encoding: str) -> IO[str]:
    return path.open(encoding=encoding, errors="strict", newline="")


#: Fed after the last line: if a quote is still open, it ends inside that cell instead of standing alone.
_END = "\x00end\x00"


def _records(file: _File, stream: IO[str], delimiter: str, nul: bool) -> Generator[tuple[int, list[str]], None, None]:
    """CSV records with the physical line on which each begins; empty lines are counted, not yielded."""
    ended = False

    def end() -> Iterator[str]:
        nonlocal ended
        ended = True
        yield _END

    lines: Iterable[str] = (line.replace("\0", "\ufffd") for line in stream) if nul else stream
    reader = csv.reader(chain(lines, end()), delimiter=delimiter)
    line = 1
    try:
        for record in reader:
            if ended:
                if record == [_END]:
                    return
                break
            if record:
                yield line, record
            line = reader.line_num + 1
    except csv.Error:
        file.refuse(
            "cell_too_large",
            f"这一行有超过 {CELL_LIMIT:,} 个字符的单元格，多半是引号没有配对。请检查该行的双引号。",
            f"a cell of more than {CELL_LIMIT:,} characters, most likely a quote that is never closed. "
            "Check the double quotes on this row.",
            row=line,
        )
    # The end marker was swallowed by a cell.
    file.refuse(
        "unclosed_quote",
        "从这一行开始的双引号直到文件结尾没有配对，其后的行无法分开。请检查该行的双引号，或文件是否不完整。",
        "a double quote opened on this row is never closed, so the rows after it cannot be told apart. "
        "Check the quotes on this row, or whether the file is complete.",
        row=line,
    )


def _text_rows(file: _File, part: _Part, records: Iterator[tuple[int, list[str]]], reading: Reading) -> Iterator[Row]:
    positions = {name: index for index, name in part.match.mapping.items()}
    indexes = [positions[name] for name in reading.columns]
    # The loop runs once a row: itemgetter and tuple's own constructor take a third off it.
    pick = itemgetter(*indexes) if len(indexes) > 1 else None
    make = tuple.__new__
    extras, households = part.extras, part.households
    width = len(part.headers)
    counts = reading.counts
    number = blank = ragged = 0
    try:
        for line, cells in records:
            if line <= part.header_row:
                continue
            if not cells[0].strip() and not any(map(str.strip, cells)):
                blank += 1
                continue
            number += 1
            extra: dict[str, str | None] = {}
            if len(cells) != width:
                cells, extra = _ragged(part, cells)
                ragged += bool(extra)
            if households:
                _hash_households(file, part, cells)
            if extras:
                extra |= {name: cells[index] for index, name in extras if cells[index]}
            values: list[str | None] = list(pick(cells)) if pick else [cells[i] for i in indexes]
            if "" in values:
                values = [value or None for value in values]
            yield make(Row, ("", line, values, extra))
    finally:
        counts.update(rows=number, blank=blank, ragged=ragged)


def _ragged(part: _Part, cells: list[str]) -> tuple[list[str], dict[str, str | None]]:
    """A row with more or fewer fields than the header: squared, and marked, for its cells may be shifted."""
    width, found = len(part.headers), len(cells)
    surplus = cells[width:]
    if found > width and not any(map(str.strip, surplus)):
        return cells[:width], {}  # separators at the end of the line: nothing is shifted
    off = abs(found - width)
    marks: dict[str, str | None] = {FIELD_COUNT: str(found)}
    if found < width:
        marks[MISSING_FIELDS] = str(off)

    def reach(index: int) -> range:
        return range(max(index - off, 0), index + 1) if found < width else range(index, index + off + 1)

    # A shift moves a personal cell into its neighbours: what may hold it is withheld. So is a household's name
    # if one of the cells that may hold its code does.
    personal = set(part.personal)
    for codes, names in part.households:
        if any(_is_household(cell) for code in codes for cell in islice(cells, reach(code).start, reach(code).stop)):
            personal.update(names)
    withheld = {near for index in personal for near in reach(index)}
    kept = ["" if index in withheld else cell for index, cell in enumerate(cells)]
    if withheld:
        marks[WITHHELD] = str(sum(index < found for index in withheld))
    if found > width:
        marks[SURPLUS] = json.dumps(kept[width:], ensure_ascii=False)
    return kept[:width] + [""] * (width - found), marks


# -------------------------------------------------------------------------------------------- header and meta


def _find_header(file: _File, name: str, records: Sequence[tuple[int, list[str]]]) -> _Part | None:
    """The row that names most known columns; of equals the first. None when no row names one."""
    scores = [file.source.known(cells, file.given) for _, cells in records[:HEADER_ROWS]]
    if not any(scores):
        return None
    position = scores.index(max(scores))
    row, cells = records[position]
    match = file.source.match(cells, file.given)
    headers = [_clean(cell) for cell in cells]
    named = {_clean(cells[i]) for i in (*match.mapping, *match.personal)} | _MARKS
    extras: list[tuple[int, str]] = []
    columns = match.mapping | match.repeated
    personal = {i for i, column in columns.items() if file.source.columns[column].personal} | match.personal.keys()
    for index, header in enumerate(headers):
        if index in match.mapping or index in personal:
            continue
        key = header or f"__column_{index + 1}__"
        number = 1
        while key in named:  # 备注, 备注.2, 备注.3
            number += 1
            key = f"{header or '__column__'}.{number}"
        named.add(key)
        extras.append((index, key))
    households = []
    for code in dict.fromkeys(column.personal_under for column in file.source.columns.values()):
        codes = [i for i, column in columns.items() if column == code]
        names = [i for i, column in columns.items() if file.source.columns[column].personal_under == code]
        if code and codes and names:
            households.append((codes, names))
    title = []
    for _, above in records[:position]:
        text = " ".join(dict.fromkeys(_clean(cell) for cell in above if cell and cell.strip()))
        if text:
            title.append(text[:1000])
    return _Part(name, row, match, headers, extras, personal, households, title)


def _clean(header: str) -> str:
    """A header as a key: as delivered, but for line breaks, control characters and spaces around it."""
    return "".join(c for c in header if unicodedata.category(c) not in ("Cc", "Cf")).replace("\ufffd", "").strip()


def _check_part(file: _File, part: _Part) -> None:
    for header, column in (file.given.get("columns") or {}).items():
        if column is not None and file.source.match([header], file.given).mapping.get(0) not in set(
            part.match.mapping.values()
        ):
            shown = [h for h in part.headers if h][:20]
            file.refuse(
                "bad_meta",
                f"columns 中的表头「{header}」在文件里没有；表头有：{'、'.join(shown)}。",
                f"columns names the header {header!r}, which the file does not have; its headers: {', '.join(shown)}.",
                part.name,
                part.header_row,
            )
    if part.match.missing_required:
        zh, en = zip(*(_missing_text(file.source, m) for m in part.match.missing_required), strict=True)
        file.refuse("missing_column", "".join(zh), " ".join(en), part.name, part.header_row)


def _missing_text(source: Source, missing: Missing) -> tuple[str, str]:
    labels_zh = "、".join(f"{name}（{source.columns[name].label_zh}）" for name in missing.columns)
    labels_en = ", ".join(f"{name} ({source.columns[name].label_en})" for name in missing.columns)
    one_of = len(missing.columns) > 1
    zh = f"表头缺少必需列{'（其中之一）' if one_of else ''} {labels_zh}。"
    en = f"the header lacks the required column {'(one of) ' if one_of else ''}{labels_en}."
    if missing.nearest:
        once = f"--set columns='{{{json.dumps(missing.nearest, ensure_ascii=False)}: {missing.nearest_column}}}'"
        zh += (
            f"最接近的表头是「{_clean(missing.nearest)}」；若就是它，请在 dags/sources/{source.id}.yml 的 "
            f"columns.{missing.nearest_column}.aliases 下加一行 {missing.alias_line} ，或只对本文件用 "
            f"{once} 。"
        )
        en += (
            f" The nearest header is {_clean(missing.nearest)!r}; if it is the one, add the line"
            f" {missing.alias_line} under columns.{missing.nearest_column}.aliases in "
            f"dags/sources/{source.id}.yml,"
            f" or for this file only: {once}."
        )
    else:
        name = missing.columns[0]
        zh += (
            f"没有相近的表头：若有一列就是它，请把其表头加到 dags/sources/{source.id}.yml 的 columns.{name}.aliases 下，"
            f"或只对本文件用 --set columns='{{表头: {name}}}'；没有该列的，请向报送单位索取。"
        )
        en += (
            f" No header is near it: if one of the columns is the one, add its header under columns.{name}.aliases in"
            f" dags/sources/{source.id}.yml, or for this file only: --set columns='{{HEADER: {name}}}'; else ask the"
            " sender for a file that has it."
        )
    if missing.meta_key:
        key = source.meta_keys[missing.meta_key]
        value = "|".join(key.values) if key.values else "…"
        zh += f"若全部行相同，可用 --set {missing.meta_key}={value} 或附带的 .meta.yml 说明。"
        en += f" If it is the same for all rows, say it by --set {missing.meta_key}={value} "
        en += "or in the .meta.yml sidecar."
    return zh, en


def _refuse_no_header(file: _File, parts: Sequence[tuple[str, Sequence[tuple[int, list[str]]]]]) -> NoReturn:
    shown: list[str] = []
    for _, records in parts:
        for _, cells in records:
            texts = [_clean(cell) for cell in cells if cell.strip()]
            # A row of names can be shown; a row with numbers is data, and data is not for messages.
            if (
                len(texts) > 1
                and len(set(texts)) == len(texts)
                and not any(re.search(r"\d{3}|^\W*\d", t) for t in texts)
            ):
                shown = [text[:30] for text in texts[:12]]
                break
        if shown:
            break
    wanted = [column for column in file.source.columns.values() if column.required]
    wanted += [file.source.columns[n] for group in file.source.required_any for n in group if n in file.source.columns]
    found_zh = f"；像表头的一行是：{'、'.join(shown)}" if shown else ""
    found_en = f"; the row most like a header: {', '.join(shown)}" if shown else ""
    file.refuse(
        "no_header",
        f"前 {HEADER_ROWS} 行里没有一个已知的列名{found_zh}。来源 {file.source.id} 应有 "
        f"{'、'.join(column.label_zh for column in wanted)} 等列。请确认放对了来源目录、文件有表头；"
        f"列名不同时，在 dags/sources/{file.source.id}.yml 的 aliases 里添加，或只对本文件用 --set "
        f"columns='{{表头: 列}}'。",
        f"no known column name in the first {HEADER_ROWS} rows{found_en}. Source {file.source.id} expects "
        f"columns such as "
        f"{', '.join(column.label_en for column in wanted)}. Check that the file is in the right source's "
        f"folder and has a "
        f"header; where names differ, add them to aliases in dags/sources/{file.source.id}.yml, or for this "
        f"file only use "
        f"--set columns='{{header: column}}'.",
    )


def _reading(file: _File, parts: Sequence[_Part], skipped: Sequence[dict[str, Any]]) -> Reading:
    source = file.source
    present = {name for part in parts for name in part.match.mapping.values()}
    columns = [name for name in source.raw_columns if name in present]
    mapping: dict[str, dict[str, str | None]] = {}
    described = []
    for part in parts:
        table: dict[str, str | None] = {}
        kept = dict(part.extras)
        for index, header in enumerate(part.headers):
            if index in part.match.mapping:
                column = part.match.mapping[index]
                table[header] = PERSONAL_DROPPED if source.columns[column].personal == "drop" else column
            elif index in kept:
                if header:
                    table[kept[index]] = None
            elif header:
                table.setdefault(header, PERSONAL_DROPPED)
        mapping[part.name] = table
        layout = source.layout_of(part.headers)
        described.append(
            {
                "part": part.name,
                "header_row": part.header_row,
                "layout": layout.name if layout else None,
                "hidden": part.hidden,
                "columns": table,
                "repeated": sorted({part.headers[index] for index in part.match.repeated}),
            }
        )
    found = _found(file, [line for part in parts for line in part.title])
    layouts = [layout for part in parts if (layout := source.layout_of(part.headers))]
    meta: dict[str, Any] = {}
    for layout in reversed(layouts):
        meta |= source.check_meta(layout.meta)
    meta |= {key: value for key, value in found.items() if key != "dates"} | file.given
    if "issued_on" in file.given:
        meta["issued_on_basis"] = "given"
    meta["title"] = [line for part in parts for line in part.title]
    meta["dates_found"] = found["dates"]
    meta["file"] = {"parts": described, "skipped_parts": list(skipped)}
    return Reading(meta, mapping, columns)


def _found(file: _File, title: Sequence[str]) -> dict[str, Any]:
    """Date of issue, notice number and period, from the title block first, then from the file's name."""
    from baotu.sources import DATE_TEXT, parse_date

    stem = Path(file.name).stem
    places = [(text, "title") for text in title] + [(stem, "file_name")]
    found: dict[str, Any] = {}
    for pattern in map(re.compile, file.source.title_patterns):
        for text, basis in places:
            for match in pattern.finditer(unicodedata.normalize("NFKC", text)):
                for group, value in match.groupdict().items():
                    if not value or group in found:
                        continue
                    if group != "issued_on":
                        found[group] = value
                    elif day := parse_date(value):
                        found |= {"issued_on": day.isoformat(), "issued_on_basis": basis}
    dates = (parse_date(m[0]) for text, _ in places for m in DATE_TEXT.finditer(unicodedata.normalize("NFKC", text)))
    found["dates"] = list(dict.fromkeys(day.isoformat() for day in dates if day))
    return found


def _hashed(
    rows: Callable[[Reading], Iterator[Row]], columns: Sequence[str], file: _File
) -> Callable[[Reading], Iterator[Row]]:
    """Columns declared `personal: hash`."""
    personal = [i for i, name in enumerate(columns) if file.source.columns[name].personal == "hash"]

    def hashed(reading: Reading) -> Iterator[Row]:
        for row in rows(reading):
            for index in personal:
                if text := row.values[index]:
                    row.values[index] = file.hash(text)
            yield row

    return hashed


#: A code that begins with 92, also among several in a cell, behind an apostrophe that once made it text, or as
#: the 9.237E+17 that Excel writes for one of digits only.
_HOUSEHOLD = re.compile(r"(?<![0-9A-Z.])9(?:2|\.2\d*E\+?17)", re.IGNORECASE)
_UNSEEN = re.compile(r"[\s\u200b-\u200f\u2060\ufeff\ufffd]+")
_HASH = re.compile(r"[0-9a-f]{32}")


def _is_household(code: str) -> bool:
    """Whether a unified social credit code is one of an individual household (个体工商户)."""
    if code.isascii() and code.isalnum():  # nearly always; the rest takes five times as long
        return code.startswith("92")
    return _HOUSEHOLD.search(_UNSEEN.sub("", unicodedata.normalize("NFKC", code))) is not None


def _hash_households(file: _File, part: _Part, cells: list[str]) -> None:
    """Hash, in place, the cells of columns declared `personal_under` if the row's code is a household's."""
    width = len(cells)
    for codes, personal in part.households:
        for code in codes:
            if code < width and _is_household(cells[code]):
                for index in personal:
                    # "/" and the like name nobody, and a hash is what our own export sends back.
                    if index < width and re.search(r"\w", cells[index]) and not _HASH.fullmatch(cells[index]):
                        cells[index] = file.hash(cells[index])
                break


# ------------------------------------------------------------------------------------------------ workbooks


def _read_workbook(file: _File) -> Reading:
    _check_sheets(file)
    sheets, spool, end = _open_workbook(file)
    parts: list[_Part] = []
    skipped: list[dict[str, Any]] = []
    for number, sheet in enumerate(sheets):
        records = [(row, cells) for row, cells in sheet["head"] if any(cell.strip() for cell in cells)]
        part = _find_header(file, sheet["name"], records)
        if part is None:
            reason = "no known column" if records else "empty"
            skipped.append({"part": sheet["name"], "hidden": sheet["hidden"], "reason": reason})
            continue
        part.hidden, part.sheet = sheet["hidden"], number
        parts.append(part)
    if not parts:
        _refuse_no_header(file, [(sheet["name"], sheet["head"]) for sheet in sheets])
    # Notes and summaries may name a column or two. What names three is a table of ours, and must be whole.
    whole = [part for part in parts if not part.match.missing_required]
    for part in parts:
        if whole and part.match.missing_required and part.match.score < 3:
            reason = "required columns missing: " + ", ".join(
                "/".join(missing.columns) for missing in part.match.missing_required
            )
            skipped.append({"part": part.name, "hidden": part.hidden, "reason": reason})
        else:
            _check_part(file, part)
    parts = [part for part in parts if not part.match.missing_required]
    order = [sheet["name"] for sheet in sheets]
    skipped.sort(key=lambda entry: order.index(entry["part"]))
    reading = _reading(file, parts, skipped)
    reading.meta["file"]["format"] = "xlsx"

    def rows(reading: Reading) -> Iterator[Row]:
        yield from _workbook_rows(file, parts, spool, end, reading)

    reading._rows = rows
    return reading


_CELL = re.compile(rb'<(?:\w+:)?c\s(?:[^>]*?\s)?r="([A-Z]{1,3})\d+"[^>]*(?<!/)>')
_ROW = re.compile(rb'<(?:\w+:)?row\s(?:[^>]*?\s)?r="(\d{1,7})"')


def _check_sheets(file: _File) -> None:
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
                    while chunk := stream.read(_CHUNK):
                        chunk = rest + chunk
                        if b"<!DOCTYPE" in chunk or b"<!ENTITY" in chunk:
                            file.refuse(
                                "damaged",
                                f"工作簿的 {entry.filename} 含有实体声明，Excel 不会这样写。{_SAVE_ZH}",
                                f"{entry.filename} in the workbook declares entities, which Excel never "
                                f"does. {_SAVE_EN}",
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
            except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, zlib.error):
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


def _open_workbook(file: _File) -> tuple[list[dict[str, Any]], IO[bytes], int]:
    """Let a child turn the workbook into lines of JSON in a temporary file, in bounded memory and time."""
    # Not -m and not a path: that would put this package's folder first on the child's path, where names such
    # as dbt stand for something else. Not a fork: tasks have threads.
    root = str(Path(__file__).resolve().parents[1])
    command = [sys.executable, "-P", "-c", "from baotu.readers import _child; _child()", str(file.path)]
    environment = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR", "LD_LIBRARY_PATH") if key in os.environ}
    environment |= {"PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
    spool = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the reading
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=spool, stderr=subprocess.PIPE, env=environment)
    try:
        _, stderr = child.communicate(timeout=WORKBOOK_SECONDS)
    except subprocess.TimeoutExpired:
        stderr = b"timeout"
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate()
    if child.returncode == 0:
        spool.seek(-8, io.SEEK_END)
        end = int.from_bytes(spool.read(8), "big")
        spool.seek(end)
        sheets: list[dict[str, Any]] = json.loads(spool.read()[:-8])
        return sheets, spool, end
    spool.close()
    last = stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
    if child.returncode == 3:
        kind = last.partition(":")[0]
        if kind == "PasswordError":
            file.refuse(
                "encrypted",
                f"工作簿设有密码，不能读取。请取消密码，{_SAVE_ZH}",
                f"the workbook has a password. Remove it. {_SAVE_EN}",
            )
        file.refuse(
            "damaged",
            f"工作簿读不出（{kind}）。请用 Excel 打开、另存为 .xlsx 后重新报送。",
            f"the workbook cannot be read ({kind}). Open it in Excel, save it as .xlsx and send it again.",
        )
    file.refuse(
        "too_large",
        f"打开工作簿所需的内存或时间超过上限（{WORKBOOK_MEMORY // 1024**2} MB，{WORKBOOK_SECONDS} 秒）。"
        "请删除数据区以外的单元格，或另存为 CSV 报送。",
        f"opening the workbook takes more than {WORKBOOK_MEMORY // 1024**2} MB or {WORKBOOK_SECONDS} s. "
        "Delete the cells outside the data, or save it as CSV.",
    )


def _workbook_rows(file: _File, parts: Sequence[_Part], spool: IO[bytes], end: int, reading: Reading) -> Iterator[Row]:
    by_sheet: dict[int, tuple[_Part, list[int]]] = {}
    for part in parts:
        positions = {name: index for index, name in part.match.mapping.items()}
        # Past the end of any row: a column that only another sheet has.
        by_sheet[part.sheet] = (part, [positions.get(name, sys.maxsize) for name in reading.columns])
    counts = reading.counts
    # The spool has one offset for all who read it: each call keeps its own, so two may run side by side.
    descriptor, offset = spool.fileno(), 0
    rest = b""
    while chunk := os.pread(descriptor, min(_CHUNK, end - offset), offset):
        offset += len(chunk)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            sheet, number, cells = json.loads(line)
            if sheet not in by_sheet or number <= by_sheet[sheet][0].header_row:
                continue
            if not any(map(str.strip, cells)):
                counts["blank"] += 1
                continue
            counts["rows"] += 1
            part, indexes = by_sheet[sheet]
            if part.households:
                _hash_households(file, part, cells)
            yield _workbook_row(part, indexes, number, cells)


def _workbook_row(part: _Part, indexes: Sequence[int], number: int, cells: list[str]) -> Row:
    width = len(cells)
    values = [(cells[index] or None) if index < width else None for index in indexes]
    extra: dict[str, str | None] = {name: cells[index] for index, name in part.extras if index < width and cells[index]}
    # In a workbook a cell right of the header is not shifted: it is a column without a name.
    for index in range(len(part.headers), width):
        if cells[index]:
            extra[f"__column_{index + 1}__"] = cells[index]
    return Row(part.name, number, values, extra)


def _child() -> None:
    """The workbook's process: `[sheet, row, cells]` a line, then the index, then its offset (8 bytes)."""
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
            index.append({"name": about.name, "hidden": not visible, "head": head})
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
                    out.write(json.dumps([number, row, texts], ensure_ascii=False).encode("utf-8", "replace") + b"\n")
                    if len(head) < HEADER_ROWS:
                        head.append((row, texts))
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
