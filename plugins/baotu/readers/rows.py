"""From a table's records to rows of the source's columns."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from baotu.headings import normalize_header
from baotu.readers.personal import (
    hash_households,
    hashed,
    is_household,
    is_suspect,
    may_be_households,
    numbered_lines,
    scrubbed,
    without_persons,
)
from baotu.readers.reading import FIELD_COUNT, Block, File, Part, Reading, Record, Row, Stretch

if TYPE_CHECKING:
    from baotu.sources import Source

#: Keys of `Row.extra` that the reader adds. A row that has FIELD_COUNT or MISSING_FIELDS is ragged: its
#: cells may stand in the wrong columns.
SURPLUS, MISSING_FIELDS, WITHHELD = "__surplus__", "__missing_fields__", "__withheld__"
_WHITE = frozenset(c for c in map(chr, range(0x3001)) if c.isspace())
MARKS = frozenset({FIELD_COUNT, SURPLUS, MISSING_FIELDS, WITHHELD})


#: So many rows that were looked at one by one are handed on together.
_TOGETHER = 100


def blocks_of(file: File, parts: Sequence[Part], reading: Reading) -> Iterator[Block]:
    """The rows below each part's header, in the order of the parts."""
    columns = reading.columns
    is_hashed = any(file.source.columns[name].personal for name in columns)

    def cleaned(rows: Iterator[Row]) -> Iterator[Row]:
        rows = scrubbed(rows, columns)
        return hashed(rows, columns, file) if is_hashed else rows

    for part in parts:
        if part.table.stretches is None:
            yield from _together(cleaned(_sheet_rows(file, part, reading)))
            continue
        delimited = _Delimited(file, part, reading)
        # What most rows are looked at for one by one; such columns are none of a register's.
        is_plain = not (is_hashed or part.extras or "remark" in columns)
        waiting: list[Record] = []
        for stretch in part.table.stretches():
            # What stands before decides how a row is looked at.
            if waiting and (stretch.text is not None or len(waiting) >= _TOGETHER):
                yield from _together(cleaned(delimited.rows(waiting)))
                waiting = []
            block = delimited.block(stretch) if is_plain else None
            if block is not None:
                yield block
            else:
                waiting += zip(stretch.lines, stretch.records, strict=True)
        yield from _together(cleaned(delimited.rows(waiting)))


def _together(rows: Iterator[Row]) -> Iterator[Block]:
    while block := list(islice(rows, _TOGETHER)):
        yield Block.of(block)


#: 注：, 填表人：…: what stands below a table. Not stored: it may name a person.
_NOTE = re.compile(
    r"\s*[(（]?(?:附?注|备注|说明|声明|填表|填报|制表|审核|复核|审批|单位负责人|负责人|经办|联系人|联系电话|报送单位|盖章)"
    r"[^:：,，。]{0,8}[)）]?[:：]|\s*[(（]?以下(?:空白|无正文)[)）]?\s*$"
)
_NOTE_BEGINS = "附注备说声填制审复单负经联报盖以(（"


def _is_note(cells: Sequence[str]) -> bool:
    """Whether a row holds notes and nothing else."""
    filled = [cell for cell in cells if cell.strip()]
    return 0 < len(filled) <= 4 and all(map(_NOTE.match, filled))


def _is_header(part: Part, cells: Sequence[str]) -> bool:
    """Whether a row is one of the header's again, at a page break."""
    filled = [normalize_header(cell) for cell in cells if cell.strip()]
    return len(filled) > 1 and filled in part.header


def is_other_header(source: Source, given: Mapping[str, Any], part: Part, cells: Sequence[str]) -> bool:
    """Whether a row below a header is the header of another table: it names three columns, and not as that one."""
    if len(cells) < 3 or source.spellings.isdisjoint(map(str.strip, cells)) or source.known(cells, given) < 3:
        return False
    return not _is_header(part, cells)


def _unlike_rows(file: File, part: Part, line: int, cells: Sequence[str]) -> str:
    """Under which count a record goes that is no row; empty for a row."""
    if not any(map(str.strip, cells)):
        return "blank"
    if part.table.is_delimited and is_other_header(file.source, file.given, part, cells):
        file.refuse(
            "second_table",
            "这一行是另一张表的表头：文件里上下有两张表，列不同，其后的行不能按上面的表头读取。请每张表各存一个文件，"
            "或放在工作簿里报送。",
            "this row is the header of another table: the file holds two tables below each other, and what follows"
            " cannot be read by the header above. Save each as a file of its own, or send them in a workbook.",
            part.name,
            line,
        )
    return "repeated_headers" if _is_header(part, cells) else "notes" if _is_note(cells) else ""


class _Delimited:
    """A delimited text's records as rows: whole stretches at once where all is as it should be, else one by one."""

    def __init__(self, file: File, part: Part, reading: Reading) -> None:
        self.file, self.part, self.counts = file, part, reading.counts
        positions = {name: index for index, name in part.match.mapping.items()}
        self.width = len(part.headers)
        # One past the end stands for a column that only another part has.
        indexes = [positions.get(name, self.width) for name in reading.columns]
        self.lacks = self.width in indexes
        # Called once a row: itemgetter, and tuple's own constructor below, take a third off it.
        self.pick: Callable[[list[str]], Sequence[str]] = (
            itemgetter(*indexes) if len(indexes) > 1 else lambda cells: [cells[i] for i in indexes]
        )
        # One look at a record's first character: white space, what notes begin with, and the header's own names.
        self.suspects = {*_NOTE_BEGINS, *_WHITE, "", *(names[0][:1] for names in part.header), part.headers[0][:1]}
        # What follows a blank line, a note or a title may be another table's header.
        self.is_behind_gap = False

    def block(self, stretch: Stretch) -> Block | None:
        """A stretch as it is, if each line is a row and none needs more than its numbers and names taken out."""
        records = stretch.records
        if (
            stretch.text is None
            or self.is_behind_gap
            or stretch.lines[0] <= self.part.above_data
            or {*map(len, records)} != {self.width}
            or not self.suspects.isdisjoint([cells[0][:1] for cells in records])
        ):
            return None
        for cells in may_be_households(records, self.part):
            hash_households(self.file, self.part, cells)
        for line in numbered_lines(stretch.text, len(records)):
            cells = records[line]
            cells[:] = [without_persons(text) if len(text) > 10 and is_suspect(text) else text for text in cells]
        if self.lacks:
            for cells in records:
                cells.append("")
        self.counts["rows"] += len(records)
        return Block(self.part.name, stretch.lines, list(map(self.pick, records)), ())

    def rows(self, records: Iterable[Record]) -> Iterator[Row]:
        file, part, width, pick = self.file, self.part, self.width, self.pick
        make = tuple.__new__
        for line, cells in records:
            if line <= part.above_data:
                continue
            if self.is_behind_gap or cells[0][:1] in self.suspects:
                self.is_behind_gap = False
                if kind := _unlike_rows(file, part, line, cells):
                    self.counts[kind] += 1
                    self.is_behind_gap = True
                    continue
            self.counts["rows"] += 1
            extra: dict[str, str | None] = {}
            if len(cells) != width:
                cells, extra = _ragged(part, cells)
                self.counts["ragged"] += bool(extra)
                self.is_behind_gap = True
            if part.households:
                hash_households(file, part, cells)
            if part.extras:
                extra |= {key: cells[index] for index, key in part.extras if cells[index]}
            if self.lacks:
                cells.append("")
            values: list[str | None] = list(pick(cells))
            if "" in values:
                values = [value or None for value in values]
            yield make(Row, (part.name, line, values, extra))


def _ragged(part: Part, cells: list[str]) -> tuple[list[str], dict[str, str | None]]:
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
        if any(is_household(cell) for code in codes for cell in islice(cells, reach(code).start, reach(code).stop)):
            personal.update(names)
    withheld = {near for index in personal for near in reach(index)}
    if personal:
        # What stands past the last column may be of any: of the row's persons too.
        withheld.update(range(width, found))
    kept = ["" if index in withheld else cell for index, cell in enumerate(cells)]
    if withheld:
        marks[WITHHELD] = str(sum(index < found for index in withheld))
    if found > width:
        marks[SURPLUS] = json.dumps(kept[width:], ensure_ascii=False)
    return kept[:width] + [""] * (width - found), marks


def _sheet_rows(file: File, part: Part, reading: Reading) -> Iterator[Row]:
    positions = {name: index for index, name in part.match.mapping.items()}
    # Past the end of any row: a column that only another sheet has.
    indexes = [positions.get(name, sys.maxsize) for name in reading.columns]
    counts = reading.counts
    for number, cells in part.table.records():
        if number <= part.above_data:
            continue
        if kind := _unlike_rows(file, part, number, cells):
            counts[kind] += 1
            continue
        counts["rows"] += 1
        if part.households:
            hash_households(file, part, cells)
        yield _sheet_row(part, indexes, number, cells)


def _sheet_row(part: Part, indexes: Sequence[int], number: int, cells: list[str]) -> Row:
    width = len(cells)
    values = [(cells[index] or None) if index < width else None for index in indexes]
    extra: dict[str, str | None] = {name: cells[index] for index, name in part.extras if index < width and cells[index]}
    # In a workbook a cell right of the header is not shifted: it is a column without a name.
    for index in range(len(part.headers), width):
        if cells[index]:
            extra[f"__column_{index + 1}__"] = cells[index]
    return Row(part.name, number, values, extra)
