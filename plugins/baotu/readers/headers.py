"""A table's header: which row it is, which columns it names, and what is said when one is missing."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NoReturn

from baotu.headings import normalize_header
from baotu.readers.items import grouped_columns, item_columns
from baotu.readers.levels import head_of, is_numbering
from baotu.readers.personal import without_persons
from baotu.readers.reading import HEADER_ROWS, File, Part, Reading, Record, Table
from baotu.readers.rows import MARKS, blocks_of, is_other_header
from baotu.readers.titles import about_part, facts, record_action, title_lines

if TYPE_CHECKING:
    from baotu.sources import Missing, Source

#: What `Reading.mapping` says of a column that never reaches raw.
PERSONAL_DROPPED = "dropped personal"


def understood(file: File, tables: Sequence[Table], how: dict[str, Any]) -> Reading:
    """Find each table's header; leave out what is none of ours; refuse what ought to be and is not whole."""
    parts: list[Part] = []
    skipped: list[dict[str, Any]] = []
    for table in tables:
        found = _find_parts(file, table)
        parts += found
        if not found:
            reason = table.unread or ("no known column" if table.head else "empty")
            skipped.append({"part": table.name, "hidden": table.hidden, "reason": reason})
    if not parts:
        _refuse_no_header(file, tables)
    # Notes and summaries may name a column or two. What names three is a table of ours, and must be whole.
    whole = [part for part in parts if not part.match.missing_required]
    for part in parts:
        if whole and part.match.missing_required and part.match.score < 3:
            reason = "required columns missing: " + ", ".join(
                "/".join(missing.columns) for missing in part.match.missing_required
            )
            skipped.append({"part": part.name, "hidden": part.table.hidden, "reason": reason})
        else:
            _check_part(file, part)
    parts = [part for part in parts if not part.match.missing_required]
    _check_action(file, parts)
    order = [table.name for table in tables]
    skipped.sort(key=lambda entry: next((i for i, name in enumerate(order) if name == entry["part"]), len(order)))
    return _reading(file, parts, skipped, how)


def _find_parts(file: File, table: Table) -> list[Part]:
    """A table's parts: one, or where a sheet holds several tables below each other, one for each (`sheet#2`).

    Rows of a text are looked at while they stream, and there a second table is refused: looking first would take a
    pass more.
    """
    parts: list[Part] = []
    rest, above = table, 0
    while (part := _find_header(file, rest)) is not None:
        parts.append(part)
        beginning = None if table.is_delimited else _next_table(file, part)
        if beginning is None:
            break
        part.table = replace(rest, records=partial(_between, table, above, beginning))
        above = beginning - 1
        records = partial(_between, table, above, None)
        head = list(islice((record for record in records() if any(map(str.strip, record[1]))), HEADER_ROWS))
        rest = replace(table, name=f"{table.name}#{len(parts) + 1}", head=head, records=records)
    return parts


def _next_table(file: File, part: Part) -> int | None:
    """The row where the next table of a sheet begins: the title right above its header, else that."""
    beginning = None
    for row, cells in part.table.records():
        if row <= part.above_data:
            continue
        if is_other_header(file.source, file.given, part, cells):
            return row if beginning is None else beginning
        is_title = sum(map(bool, map(str.strip, cells))) == 1
        beginning = (row if beginning is None else beginning) if is_title else None
    return None


def _between(table: Table, above: int, before: int | None) -> Iterator[Record]:
    for row, cells in table.records():
        if before is not None and row >= before:
            return
        if row > above:
            yield row, cells


def _find_header(file: File, table: Table) -> Part | None:
    """The table with its header understood; None when no row names a column."""
    records, source = table.head, file.source
    head = head_of(source, file.given, table)
    if head is None:
        return None
    levels = head.levels
    rows = records[head.first : head.last + 1]
    row = above = rows[-1][0]
    numbering = records[head.last + 1 : head.last + 3]
    if numbering and is_numbering(numbering[0][1], numbering[1][1] if len(numbering) > 1 else ()):
        above = numbering[0][0]
    title = title_lines(cells for _, cells in records[: head.first])
    about = about_part(file, table, title)
    implied = {"verdict": about["verdict"]} if "verdict" in about and "verdict" in source.meta_keys else {}
    if "record_action" not in file.given and (action := record_action(file, table.name, title)):
        # A list of what is withdrawn names samples; it has no verdicts.
        implied["record_action"] = action
    grouped = grouped_columns(source, ["".join(cell) for cell in levels])
    match = source.match([() if i in grouped else cell for i, cell in enumerate(levels)], file.given | implied)
    headers = ["/".join(dict.fromkeys(_clean(level) for level in cell)) for cell in levels]
    named = {headers[i] for i in (*match.mapping, *match.personal)} | MARKS
    extras: list[tuple[int, str]] = []
    #: Where counting goes on: a name may come ten thousand times.
    numbers: dict[str, int] = {}
    columns = match.mapping | match.repeated
    personal = {i for i, column in columns.items() if source.columns[column].personal} | match.personal.keys()
    for index, header in enumerate(headers):
        if index in match.mapping or index in personal:
            continue
        key = header or f"__column_{index + 1}__"
        number = numbers.get(key, 1)
        base = header or "__column__"
        while key in named:  # 备注, 备注.2, 备注.3
            number += 1
            key = f"{base}.{number}"
        numbers[header or f"__column_{index + 1}__"] = number
        named.add(key)
        extras.append((index, key))
    households = []
    for code in dict.fromkeys(column.personal_under for column in source.columns.values()):
        codes = [i for i, column in columns.items() if column == code]
        names = [i for i, column in columns.items() if source.columns[column].personal_under == code]
        if code and codes and names:
            households.append((codes, names))
    for index, column in match.mapping.items():
        if column == source.items.combined and (order := source.combined_order(headers[index])):
            about["combined_order"] = order
    if items := item_columns(source, {key: headers[index] for index, key in extras if headers[index]}):
        about["items"] = items
    lines = [[normalize_header(cell) for cell in cells if cell.strip()] for _, cells in rows]
    return Part(table, row, above, match, headers, extras, personal, households, title, lines, about)


def _clean(header: str) -> str:
    """A header as a key: as delivered, but for line breaks, control characters and spaces around it."""
    return "".join(c for c in header if unicodedata.category(c) not in ("Cc", "Cf")).replace("\ufffd", "").strip()


def _check_part(file: File, part: Part) -> None:
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


def _check_action(file: File, parts: Sequence[Part]) -> None:
    """A delivery withdraws or reports: taken for the other, half of such a workbook would change its meaning."""
    actions = {part.name: record_action(file, part.name, part.title) for part in parts}
    withdrawing = [name for name, action in actions.items() if action == "withdraw"]
    others = [name for name, action in actions.items() if action != "withdraw"]
    if withdrawing and others:
        file.refuse(
            "mixed_action",
            f"工作表「{'」「'.join(withdrawing)}」的标题说明其中的记录被撤销,而「{'」「'.join(others)}」不是。"
            "请分成两个文件报送;若不是撤销,可用 --set record_action=report 说明。",
            f"the titles of {', '.join(withdrawing)} say that their records are withdrawn, those of {', '.join(others)}"
            " do not. Send two files; if nothing is withdrawn, say --set record_action=report.",
        )


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


def _refuse_no_header(file: File, tables: Sequence[Table]) -> NoReturn:
    shown: list[str] = []
    for table in tables:
        for _, cells in table.head:
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


def _reading(file: File, parts: Sequence[Part], skipped: Sequence[dict[str, Any]], how: dict[str, Any]) -> Reading:
    source = file.source
    present = {name for part in parts for name in part.match.mapping.values()}
    columns = [name for name in source.raw_columns if name in present]
    mapping: dict[str, dict[str, str | None]] = {}
    described = []
    layouts = []
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
        layout = source.layout_of(part.headers, set(part.match.mapping.values()))
        if layout:
            layouts.append(layout)
        described.append(
            {
                "part": part.name,
                "header_row": part.header_row,
                "layout": layout.name if layout else None,
                "hidden": part.table.hidden,
                "columns": table,
                "repeated": sorted({part.headers[index] for index in part.match.repeated}),
                "ignored_remarks": {part.headers[index]: remark for index, remark in part.match.remarks.items()},
                "near_misses": [miss._asdict() for miss in source.near_misses(part.match)],
            }
        )
    found = facts(source, [line for part in parts for line in part.title], file.name)
    meta: dict[str, Any] = {}
    for layout in reversed(layouts):
        meta |= source.check_meta(layout.meta)
    meta |= {key: value for key, value in found.items() if key not in ("dates", "unit")} | file.given
    if parts and (action := record_action(file, parts[0].name, parts[0].title)):
        meta["record_action"] = action
    if "issued_on" in file.given:
        meta["issued_on_basis"] = "given"
    meta["title"] = [without_persons(line, is_free=True) for part in parts for line in part.title]
    meta["parts"] = {part.name: part.about for part in parts}
    meta["dates_found"] = found["dates"]
    meta["file"] = {"parts": described, "skipped_parts": list(skipped)} | how
    remarks = tuple(remark for part in parts for remark in _remarks(source, part))
    return Reading(meta, mapping, columns, remarks, _blocks=lambda reading: blocks_of(file, parts, reading))


def _remarks(source: Source, part: Part) -> Iterator[tuple[str, str, str]]:
    """What was read otherwise than by a name as it is listed, and what nearly was one."""
    place_zh, place_en = (f"工作表「{part.name}」", f"{part.name}: ") if part.name else ("", "")
    for index, remark in part.match.remarks.items():
        header, column = part.headers[index], part.match.mapping[index]
        zh = f"{place_zh}表头「{header}」按 {column}（{source.columns[column].label_zh}）读取，未计「{remark}」。"
        yield "remark", zh, f"{place_en}header {header!r} is read as {column}, leaving out {remark!r}."
    for miss in source.near_misses(part.match):
        zh = f"{place_zh}表头「{miss.header}」未识别，与 {miss.column} 的「{miss.alias}」相近，按未知列保留；若就是它，请加到"
        zh += f" dags/sources/{source.id}.yml 的 columns.{miss.column}.aliases 下。"
        en = f"{place_en}header {miss.header!r} is not known and kept as such; it is near {miss.alias!r} of {miss.column}."
        yield "near_miss", zh, en + f" If it is the one, add it under its aliases in dags/sources/{source.id}.yml."
    if items := part.about.get("items"):
        zh = f"{place_zh}检验项目分列：{len(items)} 组，见 meta.parts。"
        yield "items", zh, f"{place_en}test items stand in columns of their own: {len(items)}; see meta.parts."
    if basis := part.about.get("verdict_basis"):
        word_zh, word_en = _BASES[basis]
        said = part.about["verdict"]
        zh = f"{place_zh}没有自己结论的行，按{word_zh}为{'合格' if said == 'pass' else '不合格'}。"
        yield "verdict", zh, f"{place_en}rows without a verdict of their own are {said} by {word_en}."


_BASES = {
    "given": ("附带说明", "what was given"),
    "sheet": ("工作表名", "the sheet's name"),
    "title": ("表上方标题", "the title above"),
    "member": ("压缩包内文件名", "the name within the archive"),
    "file_name": ("文件名", "the file's name"),
}
