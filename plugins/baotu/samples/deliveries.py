"""A delivery as an office sends it: rows with cells, what is planted in them, the form of its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

NOTE = "示例数据，纯属虚构"
YEARS = (2020, 2021, 2022)


Cell = str | int | date | None
#: Canonical column → header as this office writes it.
Layout = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Fault:
    """A planted error: where, what is wrong, which rule finds it, and what becomes of its row."""

    column: str
    what: str
    rule: str
    #: `info`: only recorded, for the rate does not need that cell; the row counts.
    outcome: Literal["quarantined", "info"] = "quarantined"


@dataclass(kw_only=True, eq=False)
class Row:
    """One row as delivered, and what is known of it beyond its cells."""

    cells: dict[str, Cell]
    error: Fault | None = None
    #: Planted on purpose without being an error: accepted, and must be understood rightly.
    trap: str | None = None
    #: As Excel or a text editor shows it; for a record over several lines, its first. Known once encoded.
    file_row: int = 0

    @property
    def is_quarantined(self) -> bool:
        return self.error is not None and self.error.outcome == "quarantined"


@dataclass(frozen=True, kw_only=True)
class Csv:
    encoding: str = "utf-8"
    bom: bytes = b""
    delimiter: str = ","
    newline: str = "\n"


@dataclass(frozen=True, kw_only=True)
class Xlsx:
    sheet: str


UTF8 = Csv()
UTF8_BOM = Csv(bom=b"\xef\xbb\xbf", newline="\r\n")
GB18030 = Csv(encoding="gb18030", newline="\r\n")
#: What Excel calls "Unicode text".
UTF16_TAB = Csv(encoding="utf-16-le", bom=b"\xff\xfe", delimiter="\t", newline="\r\n")


@dataclass(kw_only=True, eq=False)
class Delivery:
    source: str
    #: Path under the source's folder.
    name: str
    issued_on: date
    form: Csv | Xlsx
    layout: Layout
    rows: Sequence[Row]
    #: Merged rows above the header (workbooks only).
    titles: tuple[str, ...] = ()
    sidecar: dict[str, str | int] | None = None
    #: `refused` is never read; `known` are the bytes of a delivery that landed before.
    status: Literal["accepted", "rejected", "refused", "known"] = "accepted"

    @property
    def is_read(self) -> bool:
        return self.status in ("accepted", "rejected")

    @property
    def file(self) -> str:
        return f"{self.source}/{self.name}"
