"""Which rows of a table are its header: one, or levels of names over each other."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from baotu.headings import Levels, levels_of, normalize_header
from baotu.readers.reading import Table

if TYPE_CHECKING:
    from baotu.sources import Source

#: What never stands in a header: numbers, dates, empty words, verdicts, sentences.
_DATA = re.compile(
    r"\W*|[-+<>≤≥]?[\d.,]+%?|.*\d{5,}.*|.*\d{4}\s*[-/.年]\s*\d{1,2}.*|无|不详|合格|不合格|符合|未检出|n/?a|null|.{61,}",
    re.IGNORECASE | re.DOTALL,
)
_MOST_LEVELS = 3


class Head(NamedTuple):
    """A header's place among the first records of its table, and its names."""

    first: int
    last: int
    levels: list[Levels]
    known: int


def head_of(source: Source, given: Mapping[str, Any], table: Table) -> Head | None:
    """The row that names most known columns, or two rows that name more together; of equals the first.

    The rows above and below it belong to it when they are levels of it: see `_is_level`. None when no row names a
    column.
    """
    records = table.head
    scores = [source.known(cells, given) for _, cells in records]
    if not any(scores):
        return None
    best = max(scores)
    start, last = scores.index(best), len(records) - 1
    # A header that names fewer, before the one that names most: tables below each other, and this is the first.
    for earlier in range(start - 1):
        if _is_whole(source, given, records[earlier], scores[earlier]):
            start, best, last = earlier, scores[earlier], earlier + 1
            break
    head = _head(source, given, table, start, start)
    for upper in range(last):
        # Only beside rows that name something: two levels are tried for every pair else, of 16,000 columns perhaps.
        if max(scores[upper : upper + 2]) * 2 >= best and _are_names(source, given, records[upper : upper + 2]):
            pair = _head(source, given, table, upper, upper + 1)
            if pair.known > head.known:
                head = pair
    while head.last - head.first + 1 < _MOST_LEVELS:
        wider = next(
            (
                found
                for first, last in ((head.first - 1, head.last), (head.first, head.last + 1))
                if first >= 0 and last < len(records) and (found := _is_level(source, given, table, head, first, last))
            ),
            None,
        )
        if wider is None:
            break
        head = wider
    return head


def _is_whole(source: Source, given: Mapping[str, Any], record: tuple[int, list[str]], known: int) -> bool:
    """Whether a row is a header by itself: names, most of them known. In a form's lines every second cell is a value."""
    filled = sum(map(bool, map(str.strip, record[1])))
    return known > 2 and known > 0.6 * filled and _are_names(source, given, [record])


def _head(source: Source, given: Mapping[str, Any], table: Table, first: int, last: int) -> Head:
    levels = _levels(table, first, last)
    return Head(first, last, levels, source.known(levels, given))


def _are_names(source: Source, given: Mapping[str, Any], records: Sequence[tuple[int, list[str]]]) -> bool:
    """Whether rows hold nothing that no header holds; a colon is a title's (单位：批次) unless the name is known."""
    for _, cells in records:
        for cell in filter(str.strip, cells):
            if source.known([cell], given):
                continue
            if _DATA.fullmatch(cell.strip()) or ":" in normalize_header(cell):
                return False
    return True


def _is_level(source: Source, given: Mapping[str, Any], table: Table, head: Head, first: int, last: int) -> Head | None:
    """The header with one row more, above or below, if that row is a level of it.

    It is when with it more columns are known; when it tells apart what has one name in the header; or by its form:
    some names reach over several columns that are named below, and some down to where there is none below.
    """
    is_above = first < head.first
    row = first if is_above else last
    number, cells = table.head[row]
    if abs(number - table.head[head.first if is_above else head.last][0]) > 1 and not table.is_delimited:
        return None
    if not _are_names(source, given, [table.head[row]]):
        return None
    # A title, or a group of rows: one text alone.
    if len({normalize_header(cell) for cell in cells if cell.strip()}) < 2:
        return None
    wider = _head(source, given, table, first, last)
    if _is_translation(source, given, head, cells):
        return wider
    if wider.known > head.known:
        return wider
    upper, lower = (table.head[row], table.head[head.first]) if is_above else (table.head[head.last], table.head[row])
    if is_above and _tells_apart(head, wider):
        return wider
    return wider if _has_form_of_levels(table, upper, lower, is_below=not is_above) else None


def _is_translation(source: Source, given: Mapping[str, Any], head: Head, cells: Sequence[str]) -> bool:
    """Whether a row names the header's columns again, each at its place: in another language."""
    own = source.match(cells, given).mapping
    theirs = source.match(head.levels, given).mapping
    filled = sum(map(bool, map(str.strip, cells)))
    return 1 < len(own) == filled and all(theirs.get(index) == column for index, column in own.items())


def _tells_apart(head: Head, wider: Head) -> bool:
    """Whether names that stand twice in the header all have different ones above them."""
    alike: dict[str, list[int]] = defaultdict(list)
    for index, levels in enumerate(head.levels):
        if levels:
            alike[normalize_header("".join(levels))].append(index)
    twice = [places for places in alike.values() if len(places) > 1]
    return bool(twice) and all(
        len({normalize_header("".join(wider.levels[index])) for index in places}) == len(places) for places in twice
    )


def _has_form_of_levels(
    table: Table, upper: tuple[int, list[str]], lower: tuple[int, list[str]], *, is_below: bool
) -> bool:
    (number, above), (_, below) = upper, lower
    width = max(len(above), len(below))
    top = [cell.strip() for cell in above] + [""] * (width - len(above))
    under = [cell.strip() for cell in below] + [""] * (width - len(below))
    across = _across(table, number)
    groups: list[range] = []  # names that reach over several columns, all of which are named below
    down = 0  # names with none of their own below, as two rows merged have them
    index = 0
    while index < width:
        end = index + 1
        if top[index]:
            while end < width and not top[end] and under[end] and (not across or end <= across.get(index, index)):
                end += 1
            if end > index + 1 and under[index] and under[index] != top[index]:
                groups.append(range(index, end))
            elif under[index] in ("", top[index]):
                down += 1
            elif is_below:
                return False  # a cell right under a name of one column is data
        elif under[index] and is_below:
            return False  # and so is one under none
        index = end
    return bool(groups) and down > 0


def _across(table: Table, number: int) -> dict[int, int]:
    """Of cells that are merged over several columns of a row: first → last column."""
    return {left: right for row, left, _, right in table.merged if row == number and right > left}


def _levels(table: Table, first: int, last: int) -> list[Levels]:
    """The names of each column from top to bottom.

    A name above also stands over the columns right of it that are blank beside it and named below: as far as its
    cell is merged, or where merged cells are not known, to the next name.
    """
    rows = table.head[first : last + 1]
    if first == last:
        return [levels_of(cell) for cell in rows[0][1]]
    width = max(len(cells) for _, cells in rows)
    texts = [[*cells, *[""] * (width - len(cells))] for _, cells in rows]
    for depth in range(len(rows) - 1):
        line = texts[depth]
        across = _across(table, rows[depth][0])
        carried, until = "", -1
        for index in range(width):
            is_named_below = any(texts[lower][index].strip() for lower in range(depth + 1, len(rows)))
            starts_group = depth > 0 and rows[depth - 1][1][index : index + 1] not in ([], [""])
            if line[index].strip():
                carried, until = line[index], across.get(index, index) if across else width
            elif starts_group or not is_named_below or index > until:
                carried, until = "", -1
            else:
                line[index] = carried
    found: list[Levels] = []
    for index in range(width):
        levels: list[str] = []
        for line in texts:
            # Merged downwards a name stands in both rows.
            if line[index].strip() and not (levels and normalize_header(levels[-1]) == normalize_header(line[index])):
                levels.append(line[index])
        found.append(levels_of(levels))
    return found


#: What numbers the columns below a header: 1, (1), ①, 甲. `甲` to `戊` stand for columns of words.
_NUMBER = re.compile(r"[(（]\s*\d{1,2}\s*[)）]|[①-⑳]|[甲乙丙丁戊]|\d{1,2}")
_PLAIN = re.compile(r"\d{1,2}")


def is_numbering(cells: Sequence[str], following: Sequence[str]) -> bool:
    """Whether a row right below a header numbers its columns.

    1, 2, 3 alone may be data, the answers of the first respondent: it is when the next row holds no words either, or
    when there is none.
    """
    filled = [cell.strip() for cell in cells if cell.strip()]
    if len(filled) < 3 or not all(map(_NUMBER.fullmatch, filled)):
        return False
    marked = [text for text in filled if not _PLAIN.fullmatch(text)]
    plain = [int(text) for text in filled if _PLAIN.fullmatch(text)]
    if len(set(filled)) < len(filled) or plain != list(range(plain[0], plain[0] + len(plain))) if plain else False:
        return False
    if plain and plain[0] != 1:
        return False
    if marked:
        return True
    numbered = {index for index, cell in enumerate(cells) if cell.strip()}
    return any(re.search(r"[\u4e00-\u9fff]", following[i]) for i in numbered if 0 < i < len(following))
