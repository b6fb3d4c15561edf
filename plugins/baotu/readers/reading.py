"""What the reader's parts hand to each other: a file, its tables, a table that is understood, rows, a refusal."""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from baotu.sources import HeaderMatch, Source

#: Headers are looked for in so many rows: titles, notices and units stand above them.
HEADER_ROWS = 30
CHUNK = 1 << 20

#: Key of `Row.extra` of a row that has more or fewer fields than its header: how many.
FIELD_COUNT = "__field_count__"

#: What to do about a file that is no table, in both languages.
SAVE_ZH, SAVE_EN = (
    "请另存为 .xlsx 或 UTF-8 编码的 CSV 后重新报送。",
    "Save it as .xlsx or as UTF-8 CSV and send that.",
)


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


class Block(NamedTuple):
    """Rows of one part that follow each other: a load takes two thirds of the time so."""

    part: str
    file_rows: Sequence[int]
    #: Of each row its cells, in the order of `Reading.columns`; empty ones are "".
    rows: Sequence[Sequence[str]]
    #: As of `Row`, one for each row; or none, where no row has any.
    extras: Sequence[dict[str, str | None]]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Block:
        """At least one row, all of one part."""
        extras = [row.extra for row in rows]
        cells = [[cell or "" for cell in row.values] for row in rows]
        return cls(rows[0].part, [row.file_row for row in rows], cells, extras if any(extras) else ())


#: A record of a table: its row as a person sees it, and its cells.
Record = tuple[int, list[str]]


class Stretch(NamedTuple):
    """Records of a text that follow each other, with the line on which each begins."""

    lines: Sequence[int]
    records: list[list[str]]
    #: The lines themselves, where each is a record and each record a line.
    text: str | None


@dataclass
class Table:
    """One table of a file as it lies there: a text file, a sheet, a table of a page."""

    #: Part of the delivery: "" for a text file, else the sheet's name, within an archive behind the member's.
    name: str
    #: The first HEADER_ROWS records that hold anything.
    head: list[Record]
    #: All records from the top, each time anew.
    records: Callable[[], Iterator[Record]]
    hidden: bool = False
    #: Of a delimited text, where a record with more or fewer fields than the header may be shifted: the same records.
    stretches: Callable[[], Iterator[Stretch]] | None = None
    #: Merged cells that begin in the head: first row, first column, last row, last column; rows as a person counts
    #: them, columns from 0. What is merged downwards is filled already.
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    #: The member of an archive that this is of.
    member: str = ""
    #: Why this is no table at all: a document in an archive.
    unread: str | None = None

    @property
    def is_delimited(self) -> bool:
        return self.stretches is not None


@dataclass
class Part:
    """A table whose header is understood."""

    table: Table
    #: The header's last row, as a person counts.
    header_row: int
    #: The last row above the data: the header's own, or one that numbers its columns.
    above_data: int
    match: HeaderMatch
    headers: list[str]
    #: Columns kept in extra, with their keys there.
    extras: list[tuple[int, str]]
    #: Columns with personal data, dropped or hashed.
    personal: set[int]
    #: Columns declared `personal_under`, those kept in extra too: (their codes, they themselves).
    households: list[tuple[list[int], list[int]]]
    title: list[str]
    #: The header's rows, normalised and without blanks, to know them again at a page break.
    header: list[list[str]] = field(default_factory=list)
    #: What name, title, sheet and file say of all its rows; see docs/architecture.md, meta.
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.table.name


@dataclass
class Reading:
    """A file that can be read. `rows()` and `blocks()` may be called again; each call starts from the top."""

    #: Title block and what was found in it, layout and given meta merged (given wins), and how the file was
    #: read.
    meta: dict[str, Any]
    #: Part → header as delivered → canonical name, None (kept in extra) or PERSONAL_DROPPED.
    mapping: dict[str, dict[str, str | None]]
    #: Canonical names that are present, in the source's order.
    columns: list[str]
    #: What a person should know of how headers were read, as (code, Chinese, English).
    remarks: tuple[tuple[str, str, str], ...] = ()
    #: Filled while `blocks()` or `rows()` runs, whole when it has ended.
    counts: dict[str, int] = field(default_factory=dict)
    _blocks: Callable[[Reading], Iterator[Block]] = field(repr=False, default=lambda _: iter(()))

    def blocks(self) -> Iterator[Block]:
        """Stream the rows, some hundred at a time. Raises `Refused` for a quote that is never closed or an endless cell."""
        self.counts.clear()
        self.counts.update(rows=0, blank=0, ragged=0, repeated_headers=0, notes=0)
        return self._blocks(self)

    def rows(self) -> Iterator[Row]:
        """`blocks`, row by row."""
        for part, file_rows, rows, extras in self.blocks():
            for file_row, cells, extra in zip(file_rows, rows, extras or ({} for _ in rows), strict=True):
                yield Row(part, file_row, [cell or None for cell in cells], extra)


@dataclass
class File:
    """A file to be read: its bytes, the name it was delivered under, and as a delivery of which source."""

    path: Path
    name: str
    source: Source
    hash_key: bytes | None = None
    given: dict[str, Any] = field(default_factory=dict)
    #: What `path` leads to, when that is a member of an archive, unpacked into a file without a name.
    unpacked: IO[bytes] | None = None

    def hash(self, text: str) -> str:
        """Equal texts stay equal, whatever their spaces, width and case, and nobody can be told from them.

        A hash stays as it is: our exports give it out, and it comes back.
        """
        if re.fullmatch(r"[0-9a-f]{32}", text):
            return text
        if self.hash_key is None:
            from baotu.settings import Credentials

            self.hash_key = Credentials().generate("PERSONAL_HASH_KEY").encode()
        plain = "".join(unicodedata.normalize("NFKC", text).split()).casefold()
        return hmac.digest(self.hash_key, plain.encode(), "sha256").hex()[:32]

    def refuse(self, code: str, zh: str, en: str, part: str = "", row: int | None = None) -> NoReturn:
        """Raise `Refused` with the place in front."""
        place_zh = f"文件「{self.name}」" + (f" 工作表「{part}」" if part else "") + (f" 第 {row} 行" if row else "")
        place_en = f"{self.name}" + (f", sheet {part!r}" if part else "") + (f", row {row}" if row else "")
        raise Refused(code, f"{place_zh}：{zh}", f"{place_en}: {en}")
