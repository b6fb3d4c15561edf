"""A delivery as an office sends it: rows with cells, what is planted in them, the form of its file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
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

    #: None: the row as a whole.
    column: str | None
    what: str
    rule: str
    #: `info`: only recorded, for the rate does not need that cell; the row counts.
    outcome: Literal["quarantined", "info"] = "quarantined"


@dataclass(kw_only=True, eq=False, slots=True)
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

    @property
    def is_told(self) -> bool:
        """Whether the truth names this row by itself."""
        return self.error is not None or self.trap is not None

    @property
    def subject(self) -> dict[str, str]:
        """What the row is about, where its file says so by a number."""
        return {}

    def forget_cells(self) -> None:
        """The file is written: what the truth needs of a row stays, or a city of three years fills the memory."""
        self.cells = {}


def faulty_row(
    cells: dict[str, Cell],
    column: str,
    value: Cell,
    what: str,
    rule: str,
    outcome: Literal["quarantined", "info"] = "quarantined",
) -> Row:
    """A row with one planted error."""
    return Row(cells=cells | {column: value}, error=Fault(column, what, rule, outcome))


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
    #: Gone through once, when the file is written: they may be as many as do not fit into memory.
    rows: Iterable[Row]
    #: Merged rows above the header (workbooks only).
    titles: tuple[str, ...] = ()
    sidecar: dict[str, str | int] | None = None
    #: `refused` is never read; `known` are the bytes of a delivery that landed before.
    status: Literal["accepted", "rejected", "refused", "known"] = "accepted"
    #: The name of the delivery whose bytes these are.
    same_bytes_as: str | None = None
    #: Sent by mistake: somebody has to withdraw it.
    is_mistake: bool = False
    #: Known once the file is written.
    sha256: str = ""
    rows_read: int = 0
    rows_quarantined: int = 0
    #: Rows that the truth names one by one.
    told: list[Row] = field(default_factory=list)

    @property
    def is_read(self) -> bool:
        return self.status in ("accepted", "rejected")

    @property
    def file(self) -> str:
        return f"{self.source}/{self.name}"
