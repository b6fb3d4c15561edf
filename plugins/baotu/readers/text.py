"""Delimited texts: encoding, separator, and records with the line on which each begins."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

from baotu.readers.reading import HEADER_ROWS, SAVE_EN, SAVE_ZH, File, Record, Refused, Stretch, Table

#: Longest cell, in characters. Excel's own limit is 32,767; more is a quote that was never closed.
CELL_LIMIT = 1_000_000
#: Longest line, in characters: more is no table, and would be held whole.
LINE_LIMIT = 32_000_000

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CONTROLS = bytes(sorted(set(range(0x01, 0x20)) - {0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x1A} | {0x7F}))
_NAMES = {"utf-8-sig": "UTF-8 with BOM", "utf-8": "UTF-8", "utf-16": "UTF-16", "gb18030": "GB18030"}


def text_table(file: File) -> tuple[list[Table], dict[str, Any]]:
    """The one table of a delimited text, and how it is read: format, encoding, delimiter."""
    encoding, nul, head = _decode(file)
    if not head.strip("\ufeff\r\n\t \0"):
        file.refuse(
            "empty_file",
            "文件没有内容，只有空白。请检查导出是否完成，重新报送。",
            "the file holds white space only. Check the export and send it again.",
        )

    csv.field_size_limit(CELL_LIMIT)
    best: tuple[int, int, str, list[Record], Refused | None] | None = None
    for delimiter in (",", ";", "\t", "|", "^"):
        found: list[Record] = []
        broken: Refused | None = None
        with _text(file.path, encoding) as stream:
            try:
                found.extend(islice(_each(_stretches(file, stream, delimiter, nul > 0)), HEADER_ROWS))
            except Refused as refusal:  # perhaps only because it is the wrong separator
                broken = refusal
        score = max((file.source.known(cells, file.given) for _, cells in found), default=0)
        width = max((len(cells) for _, cells in found), default=0)
        rank = (score, width, delimiter, found, broken)
        if best is None or rank[:2] > best[:2]:
            best = rank
    assert best is not None
    _, _, delimiter, head_records, broken = best
    if broken:
        raise broken

    # `sep=;` tells Excel, and nobody else, which separator follows.
    if head_records and head_records[0][1][0].startswith("sep="):
        del head_records[0]

    def stretches() -> Iterator[Stretch]:
        with _text(file.path, encoding) as stream:
            yield from _stretches(file, stream, delimiter, nul > 0)

    names = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", "^": "caret"}
    how = {"format": "csv", "encoding": _NAMES[encoding], "delimiter": names[delimiter]}
    return [Table("", head_records, lambda: _each(stretches()), stretches=stretches)], how | (
        {"nul_replaced": nul} if nul else {}
    )


def _decode(file: File) -> tuple[str, int, str]:
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
                f"文件是二进制内容（控制字符 {controls} 个），不是文本表格。{SAVE_ZH}",
                f"the content is binary ({controls} control characters), not a table of text. {SAVE_EN}",
            )
    at = 0
    for encoding in (bom,) if bom else ("utf-8", "gb18030"):
        try:
            nul, text = _decode_as(file, encoding)
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


def _decode_as(file: File, encoding: str) -> tuple[int, str]:
    """Decode all of it strictly; NULs counted, and the first characters. A line without end is refused."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    nul, head, done, line = 0, "", 0, 0
    with file.path.open("rb") as stream:
        while True:
            # Not more: what has left the processor's cache takes twice as long to decode and to look through.
            chunk = stream.read(1 << 16)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                # Counted from the bytes kept from the chunk before: near enough to find the place.
                raise UnicodeDecodeError(
                    encoding, b"\0", max(done + error.start, 0), done + error.end, error.reason
                ) from None
            nul += text.count("\0")
            # A chunk is far shorter than the limit: only lines that no chunk ends can pass it.
            last = text.rfind("\n") if "\n" in text else text.rfind("\r")
            line = line + len(text) if last < 0 else len(text) - last - 1
            if line > LINE_LIMIT:
                file.refuse(
                    "line_too_long",
                    f"有一行超过 {LINE_LIMIT:,} 个字符而没有换行，不是表格。{SAVE_ZH}",
                    f"a line of more than {LINE_LIMIT:,} characters without an end: this is no table. {SAVE_EN}",
                )
            head += text[: (1 << 18) - len(head)]
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


#: So many characters are read together, some fifty rows: more leave the processor's cache between two looks at them.
_TOGETHER = 1 << 13
#: Fed after the last line: if a quote is still open, it ends inside that cell instead of standing alone.
_END = "\x00end\x00"


def _each(stretches: Iterator[Stretch]) -> Iterator[Record]:
    for stretch in stretches:
        yield from zip(stretch.lines, stretch.records, strict=True)


def _stretches(file: File, stream: IO[str], delimiter: str, nul: bool) -> Iterator[Stretch]:
    """CSV records with the physical line on which each begins; empty lines are counted, not yielded."""
    line = 1
    while lines := stream.readlines(_TOGETHER):
        if nul:
            lines = [one.replace("\0", "\ufffd") for one in lines]
        text = "".join(lines)
        records = _split(text, delimiter) if '"' not in text and len(text) < CELL_LIMIT else _parsed(lines, delimiter)
        # A record to each line, and none of them empty.
        if len(records) == len(lines) and all(records):
            yield Stretch(range(line, line + len(lines)), records, text)
            line += len(lines)
        else:
            line = yield from _one_by_one(file, lines, stream, line, delimiter, nul)


def _split(text: str, delimiter: str) -> list[list[str]]:
    """Records of a text without quotes, in half of csv's time; an empty line is an empty record."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return [line.split(delimiter) if line else [] for line in text.removesuffix("\n").split("\n")]


def _parsed(lines: list[str], delimiter: str) -> list[list[str]]:
    """Records of whole lines; none at all where a quote is open behind the last, or a cell has no end."""
    try:
        records = list(csv.reader(chain(lines, (_END,)), delimiter=delimiter))
    except csv.Error:
        return []
    return records if records.pop() == [_END] else []


def _one_by_one(
    file: File, lines: list[str], stream: IO[str], line: int, delimiter: str, nul: bool
) -> Generator[Stretch, None, int]:
    """The records that begin within LINES, of which the last may go on in the stream; the line behind it."""
    first, ended = line, False

    def end() -> Iterator[str]:
        nonlocal ended
        ended = True
        yield _END

    rest: Iterable[str] = (text.replace("\0", "\ufffd") for text in stream) if nul else stream
    reader = csv.reader(chain(lines, rest, end()), delimiter=delimiter)
    try:
        while reader.line_num < len(lines):
            record = next(reader)
            if ended:
                break
            if record:
                yield Stretch((line,), [record], None)
            line = first + reader.line_num
        else:
            return line
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
