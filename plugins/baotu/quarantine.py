"""Rows that are held back: where they stand, the workbook their sender corrects, and rows that stand for them.

A row that carries the numbers of our workbook (`corrects_delivery_id`, `corrects_row_no`) stands for the row they name,
in whatever reading of that file is in force. `record` notes it when the row lands, `settle` closes and reopens
quarantine lines by it, `freeze` tells a build; all follow from which deliveries and rows are accepted, so that taking a
correction back brings back what it corrected.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from baotu import alerts, exports, retention
from baotu.readers import SURPLUS, Refused
from baotu.sources import (
    CORRECTS_DELIVERY,
    CORRECTS_ROW,
    EXPORT_COLUMNS,
    NOTE_HEADERS,
    Source,
    load_source,
    load_sources,
)

#: Of lines of quarantine.row: those whose rows do not count. What is replaced does not either.
HELD = "resolution is distinct from 'passed' and resolution is distinct from 'accepted'"

_FILTER = (
    "held.resolved_at is null and (%(source)s::text is null or held.source = %(source)s)"
    " and (%(delivery)s::bigint is null or held.delivery_id = %(delivery)s)"
    " and (%(rule)s::text is null or held.rule = %(rule)s)"
)
_FILE_NAME = "regexp_replace(delivery.file_uri, '^.*/', '')"


class NotExportable(Exception):
    """There is nothing to export, or a workbook cannot hold it; the message says which."""


# ----------------------------------------------------------------------------------------------------
# What is held back


@dataclass(frozen=True)
class Group:
    """Rows of one delivery that one rule holds back."""

    source: str
    rule: str
    severity: str
    zh: str
    en: str
    delivery_id: int
    file_name: str
    status: str
    rows: int


@dataclass(frozen=True)
class Place:
    """Where a row that is held back stands, and what is wrong with it; never a cell value."""

    delivery_id: int
    file_name: str
    part: str
    file_row: int
    row_no: int
    column: str | None
    rule: str
    zh: str
    en: str


def _parameters(source: str | None, delivery_id: int | None, rule: str | None) -> dict[str, Any]:
    return {"source": source, "delivery": delivery_id, "rule": rule}


def groups(
    connection: psycopg.Connection,
    *,
    source: str | None = None,
    delivery_id: int | None = None,
    rule: str | None = None,
) -> list[Group]:
    """What is held back, by source, rule and delivery."""
    return [
        Group(*row)
        for row in connection.execute(
            "select held.source, held.rule, max(held.severity), max(held.detail_zh), max(held.detail_en),"
            f" held.delivery_id, {_FILE_NAME}, delivery.status, count(distinct held.row_no) from quarantine.row as held"
            " inner join ops.delivery as delivery using (delivery_id)"
            f" where {_FILTER} group by 1, 2, 6, 7, 8 order by 1, 2, 6",
            _parameters(source, delivery_id, rule),
        )
    ]


def places(
    connection: psycopg.Connection,
    *,
    source: str | None = None,
    delivery_id: int | None = None,
    rule: str | None = None,
    limit: int,
) -> list[Place]:
    """The single rows, by delivery and row, at most `limit`."""
    found: list[Place] = []
    concerned = {group.source for group in groups(connection, source=source, delivery_id=delivery_id, rule=rule)}
    for source_id in sorted(concerned):
        found += [
            Place(*row)
            for row in connection.execute(
                sql.SQL(
                    f"select held.delivery_id, {_FILE_NAME}, raw_row.part, raw_row.file_row, held.row_no,"
                    " held.column_name, held.rule, held.detail_zh, held.detail_en from quarantine.row as held"
                    " inner join ops.delivery as delivery using (delivery_id) inner join {} as raw_row"
                    " on raw_row.delivery_id = held.delivery_id and raw_row.row_no = held.row_no"
                    f" where {_FILTER} order by 1, 5, 7 limit %(limit)s"
                ).format(sql.Identifier("raw", source_id)),
                _parameters(source_id, delivery_id, rule) | {"limit": limit - len(found)},
            )
        ]
    return found


def held_rows(connection: psycopg.Connection, delivery_id: int) -> int:
    """How many rows of a delivery do not count."""
    row = connection.execute(
        f"select count(distinct row_no) from quarantine.row where delivery_id = %s and {HELD}",
        (delivery_id,),
    ).fetchone()
    assert row is not None
    found: int = row[0]
    return found


# ----------------------------------------------------------------------------------------------------
# Rows that stand for others


@dataclass(frozen=True)
class Corrected:
    """What the rows of a delivery say about earlier ones."""

    #: Rows that name a row of this source, and rows that name none that there is.
    rows: int
    unknown: int
    deliveries: tuple[int, ...] = ()
    #: What those deliveries said of all their rows: it holds for the corrected rows too.
    meta: Mapping[str, Any] | None = None
    #: When the newest of them was issued: nothing is corrected before it is said.
    issued_on: date | None = None


def record(connection: psycopg.Connection, source: Source, delivery_id: int) -> Corrected:
    """Note which rows of earlier deliveries the rows of this one stand for, in the transaction that loads it.

    Raises Refused when their deliveries said different things of all their rows: one file cannot say both.
    """
    raw = sql.Identifier("raw", source.id)
    named_delivery, named_row = (
        sql.SQL("case when {0} ~ {1} then split_part({0}, '.', 1)::bigint end").format(
            sql.Identifier(column), sql.Literal(r"^\s*[0-9]{1,18}(\.0*)?\s*$")
        )
        for column in (CORRECTS_DELIVERY, CORRECTS_ROW)
    )
    # In every reading of its file: `_pairs` looks for the row in each.
    concerned = connection.execute(
        sql.SQL(
            "select reading.delivery_id from ops.delivery as named inner join ops.delivery as reading using (origin_id)"
            " where named.source = {source} and named.delivery_id in (select {named} from {raw} where delivery_id = {this})"
        ).format(source=sql.Literal(source.id), raw=raw, this=sql.Literal(delivery_id), named=named_delivery)
    ).fetchall()
    retention.bring_back(connection, source.id, [number for (number,) in concerned])
    connection.execute(
        sql.SQL(
            """
            insert into ops.correction
                (delivery_id, row_no, source, corrects_delivery_id, corrects_row_no, origin_id, part, file_row)
            select {this}, named.row_no, {source}, target.delivery_id, target.row_no, delivery.origin_id, target.part,
                target.file_row
            from (
                select row_no, {named_delivery} as delivery_id, {named_row} as target_no
                from {raw} where delivery_id = {this}
            ) as named
            inner join ops.delivery as delivery
                on delivery.delivery_id = named.delivery_id and delivery.source = {source}
                and delivery.status <> 'dry_run'
                and delivery.origin_id <> (select origin_id from ops.delivery where delivery_id = {this})
            inner join {raw} as target
                on target.delivery_id = named.delivery_id and target.row_no = named.target_no
            """
        ).format(
            this=sql.Literal(delivery_id),
            source=sql.Literal(source.id),
            raw=raw,
            named_delivery=named_delivery,
            named_row=named_row,
        )
    )
    counted = connection.execute(
        sql.SQL(
            "select count(*) filter (where note.row_no is not null), count(*) filter (where note.row_no is null)"
            " from {} as raw_row left join ops.correction as note using (delivery_id, row_no)"
            " where raw_row.delivery_id = %s"
            " and coalesce(nullif(trim(raw_row.corrects_delivery_id), ''), nullif(trim(raw_row.corrects_row_no), '')) is not null"
        ).format(raw),
        (delivery_id,),
    ).fetchone()
    assert counted is not None
    rows, unknown = counted
    if not rows:
        return Corrected(rows, unknown)
    targets = connection.execute(
        "select distinct delivery.delivery_id, note.part, delivery.issued_on, delivery.meta, delivery.given"
        " from ops.correction as note inner join ops.delivery as delivery"
        " on delivery.delivery_id = note.corrects_delivery_id where note.delivery_id = %s order by 1, 2",
        (delivery_id,),
    ).fetchall()
    first, *others = [(number, said_of_rows(source, meta, given, part)) for number, part, _, meta, given in targets]
    for number, said in others:
        if said != first[1]:
            keys = sorted(key for key in {*said, *first[1]} if said.get(key) != first[1].get(key))
            raise Refused(
                "corrections_differ",
                f"本文件更正的行来自说法不同的交付({first[0]} 与 {number}:{'、'.join(keys)} 不同)。"
                "请按导出的工作簿分别报送,不要合并。",
                f"the rows correct deliveries that say different things of all their rows ({first[0]} and {number}"
                f" differ in {', '.join(keys)}). Deliver the exported workbooks one by one, not merged.",
            )
    numbers = tuple(dict.fromkeys(number for number, *_ in targets))
    inherited = {key: value for key, value in first[1].items() if key in source.meta_keys}
    return Corrected(rows, unknown, numbers, inherited, max(issued for _, _, issued, *_ in targets))


def said_of_rows(source: Source, meta: Mapping[str, Any], given: Mapping[str, Any], part: str) -> dict[str, Any]:
    """What a delivery says of all rows of a part: what a corrected row has to keep when it comes in another file.

    Not the verdict, which our workbook writes into its column, nor the date of issue, which is the correction's own.
    """
    own = (meta.get("parts") or {}).get(part) or {}
    told = {*given.get("sidecar", {}), *given.get("set", {})}
    said = {key: meta[key] for key in source.meta_keys if meta.get(key) is not None}
    said |= {key: own[key] for key in source.meta_keys if own.get(key) is not None and key not in told}
    # How a cell with several pieces is read, and which columns are items.
    said |= {key: own[key] for key in ("items", "combined_order") if own.get(key)}
    # Nor which file that one corrected as a whole: this one corrects rows.
    return {key: value for key, value in said.items() if key not in ("verdict", "issued_on", "columns", "corrects")}


def _pairs(source_id: str) -> sql.Composed:
    """Who stands for whom: (delivery_id, row_no) for (target_id, target_no), in every reading of the target's file."""
    return sql.SQL(
        """
        select note.delivery_id, note.row_no, note.corrects_delivery_id as target_id, note.corrects_row_no as target_no
        from ops.correction as note where note.source = {source}
        union
        select note.delivery_id, note.row_no, reading.delivery_id, target.row_no
        from ops.correction as note
        inner join ops.delivery as reading on reading.origin_id = note.origin_id and reading.source = note.source
            and reading.delivery_id <> note.corrects_delivery_id and reading.status in ('accepted', 'rejected')
        inner join {raw} as target on target.delivery_id = reading.delivery_id and target.part = note.part
            and target.file_row = note.file_row
        where note.source = {source}
        """
    ).format(source=sql.Literal(source_id), raw=sql.Identifier("raw", source_id))


def settle(connection: psycopg.Connection, source_id: str) -> None:
    """Close the lines of rows that an accepted row stands for, and reopen those of rows that none does any more.

    In the transaction of whoever changed what is accepted. A row that corrects a row that was itself a correction
    closes both.
    """
    if not connection.execute("select exists (select from ops.correction where source = %s)", (source_id,)).fetchone()[
        0
    ]:  # type: ignore[index]
        return
    stands_for = sql.SQL(
        """
        with recursive pair as ({pairs}),
        stands_for as (
            select pair.delivery_id, pair.row_no, pair.target_id, pair.target_no from pair
            inner join ops.delivery as delivery on delivery.delivery_id = pair.delivery_id
                and delivery.status = 'accepted'
            where not exists (
                select from quarantine.row as own where own.delivery_id = pair.delivery_id
                and own.row_no = pair.row_no and {held}
            )
            union
            select stands_for.delivery_id, stands_for.row_no, pair.target_id, pair.target_no
            from stands_for inner join pair
                on pair.delivery_id = stands_for.target_id and pair.row_no = stands_for.target_no
        )
        """
    ).format(pairs=_pairs(source_id), held=sql.SQL(HELD))
    connection.execute(
        stands_for
        + sql.SQL(
            "update quarantine.row as line set resolved_at = null, resolved_by = null, resolution = null"
            " where line.source = %s and line.resolution = 'replaced' and line.resolved_by like 'delivery %%'"
            " and not exists (select from stands_for where stands_for.target_id = line.delivery_id"
            " and stands_for.target_no = line.row_no)"
        ),
        (source_id,),
    )
    closed = connection.execute(
        stands_for
        + sql.SQL(
            "update quarantine.row as line set resolved_at = now(), resolution = 'replaced',"
            " resolved_by = 'delivery ' || newest.delivery_id"
            " from (select target_id, target_no, max(delivery_id) as delivery_id from stands_for group by 1, 2) as newest"
            " where line.delivery_id = newest.target_id and line.row_no = newest.target_no and line.resolved_at is null"
            " returning line.delivery_id"
        )
    ).fetchall()
    for delivery_id in {delivery_id for (delivery_id,) in closed}:
        if not connection.execute(
            "select 1 from quarantine.row where delivery_id = %s and resolved_at is null", (delivery_id,)
        ).fetchone():
            alerts.resolve(connection, f"quarantine/{source_id}/{delivery_id}")


def freeze(connection: psycopg.Connection, build_id: int) -> None:
    """Tell a build which rows others stand for, in the transaction that freezes its input."""
    for (source_id,) in connection.execute("select distinct source from ops.correction").fetchall():
        connection.execute(
            sql.SQL(
                """
                insert into ops.build_correction (build_id, delivery_id, row_no, corrected_on, is_touched)
                select {build}, pair.target_id, pair.target_no,
                    min(greatest(delivery.issued_on, target.issued_on)) filter (where used.is_accepted),
                    bool_or(used.is_touched)
                from ({pairs}) as pair
                inner join ops.build_delivery as used on used.build_id = {build} and used.delivery_id = pair.delivery_id
                inner join ops.delivery as delivery on delivery.delivery_id = pair.delivery_id
                inner join ops.delivery as target on target.delivery_id = pair.target_id
                group by pair.target_id, pair.target_no
                having bool_or(used.is_accepted or used.is_touched)
                """
            ).format(build=sql.Literal(build_id), pairs=_pairs(source_id))
        )


# ----------------------------------------------------------------------------------------------------
# The workbook


@dataclass(frozen=True)
class Exported:
    """A workbook: its rows, how many of them are held back, and rows left out because a cell does not fit."""

    path: Path
    source: str
    deliveries: tuple[int, ...]
    rows: int
    quarantined: int
    left_out: int


@dataclass
class _Row:
    delivery_id: int
    row_no: int
    part: str
    file_row: int
    values: dict[str, str | None]
    extra: dict[str, str | None]
    sample: str
    #: Column, or None, → reasons.
    reasons: dict[str | None, list[str]]


def export(
    connection: psycopg.Connection,
    out: Path,
    *,
    source: str | None = None,
    delivery_id: int | None = None,
    rule: str | None = None,
) -> list[Exported]:
    """Write what is held back as workbooks that the sender corrects and sends again.

    All rows of an affected sample are there, and all reasons of a row, whatever `rule` chose it. One workbook holds one
    source, and only deliveries that say the same of all their rows: what they say is said again when it comes back.
    Several workbooks are told apart by source and first delivery in their names. Raises NotExportable.
    """
    written: list[tuple[Source, list[_Row], dict[int, Any]]] = []
    for source_id in load_sources():
        if source in (None, source_id):
            one = load_source(source_id)
            rows, about = _affected(connection, one, _parameters(source_id, delivery_id, rule))
            bundles: dict[str, list[_Row]] = defaultdict(list)
            for row in rows:
                said = said_of_rows(one, about[row.delivery_id]["meta"], about[row.delivery_id]["given"], row.part)
                bundles[json.dumps(said, sort_keys=True)].append(row)
            written += [(one, bundle, about) for bundle in bundles.values()]
    if not written:
        raise NotExportable("Nothing is held back there; see: baotu quarantine list")
    paths: dict[Path, None] = {}
    for one, rows, _ in written:
        path, number = out if len(written) == 1 else out.with_stem(f"{out.stem}_{one.id}_{rows[0].delivery_id}"), 1
        while path in paths:  # parts of one delivery that say different things
            number += 1
            path = out.with_stem(f"{out.stem}_{one.id}_{rows[0].delivery_id}-{number}")
        paths[path] = None
    return [_write(path, *one) for path, one in zip(paths, written, strict=True)]


def _affected(
    connection: psycopg.Connection, source: Source, parameters: Mapping[str, Any]
) -> tuple[list[_Row], dict[int, Any]]:
    """Rows to correct with their reasons, those that share a sample with them, and what their deliveries said."""
    lines = connection.execute(
        sql.SQL(
            "with pair as ({}) select distinct held.delivery_id, held.row_no from quarantine.row as held"
            " inner join ops.delivery as delivery using (delivery_id)"
            f" where {_FILTER} and delivery.status in ('accepted', 'rejected')"
            # Corrected, and wrong again: the newer row is the one to correct.
            " and not exists (select from pair inner join ops.delivery as newer on newer.delivery_id = pair.delivery_id"
            " and newer.status in ('accepted', 'rejected') where pair.target_id = held.delivery_id and pair.target_no = held.row_no)"
        ).format(_pairs(source.id)),
        parameters,
    ).fetchall()
    if not lines:
        return [], {}
    ids, numbers = [line[0] for line in lines], [line[1] for line in lines]
    has_samples = connection.execute(
        "select 1 from information_schema.columns where table_schema = 'staging' and table_name = %s"
        " and column_name = 'sample_id'",
        (f"stg_{source.id}",),
    ).fetchone()
    # Where a row is a record of its own, it is its own sample.
    key = "coalesce(sample_id::text, row_no::text)" if has_samples else "row_no::text"
    columns = [name for name in source.raw_columns if name not in EXPORT_COLUMNS]
    wanted = sql.SQL(
        "with chosen as (select * from unnest(%(ids)s::bigint[], %(numbers)s::bigint[]) as chosen (delivery_id, row_no)),"
        " staged as (select distinct delivery_id, row_no, {key} as sample from {staging}"
        " where delivery_id = any(%(ids)s)),"
        " affected as (select distinct staged.delivery_id, staged.sample from staged"
        " inner join chosen using (delivery_id, row_no))"
        " select raw_row.delivery_id, raw_row.row_no, raw_row.part, raw_row.file_row, min(staged.sample),"
        " raw_row.extra{columns} from {raw} as raw_row inner join staged using (delivery_id, row_no)"
        " inner join affected on affected.delivery_id = staged.delivery_id and affected.sample = staged.sample"
        " where raw_row.delivery_id = any(%(ids)s) group by 1, 2, 3, 4, 6{columns} order by 1, 2"
    ).format(
        key=sql.SQL(key), staging=sql.Identifier("staging", f"stg_{source.id}"), raw=sql.Identifier("raw", source.id),
        columns=sql.SQL("").join(sql.SQL(", raw_row.{}").format(sql.Identifier(name)) for name in columns),
    )  # fmt: skip
    reasons: dict[tuple[int, int], dict[str | None, list[str]]] = defaultdict(lambda: defaultdict(list))
    for number, row_no, column, code, zh, en in connection.execute(
        "select delivery_id, row_no, column_name, rule, detail_zh, detail_en from quarantine.row"
        " where delivery_id = any(%s) and resolved_at is null order by rule",
        (ids,),
    ):
        reasons[number, row_no][column if column in columns else None].append(f"{code} {zh}\n{en}")
    rows = [
        _Row(
            found[0], found[1], found[2], found[3], dict(zip(columns, found[6:], strict=True)), found[5] or {},
            f"{found[0]}/{found[4]}", dict(reasons.get((found[0], found[1]), {})),
        )
        for found in connection.execute(wanted, {"ids": ids, "numbers": numbers})
    ]  # fmt: skip
    about = {
        number: {"name": name, "meta": meta, "given": given}
        for number, name, meta, given in connection.execute(
            f"select delivery_id, {_FILE_NAME}, meta, given from ops.delivery as delivery where delivery_id = any(%s)",
            (ids,),
        )
    }
    return rows, about


def _write(path: Path, source: Source, rows: list[_Row], about: Mapping[int, Any]) -> Exported:
    for row in rows:
        _say_verdict(source, row, about[row.delivery_id]["meta"])
    too_long = {
        row.sample
        for row in rows
        if not all(exports.fits(text or "") for text in (*row.values.values(), *row.extra.values()))
    }
    kept = [row for row in rows if row.sample not in too_long]
    if not kept:
        raise NotExportable(
            f"{len(rows)} rows of {source.id} have a cell of more than {exports.CELL_CHARACTERS} characters, which no"
            " workbook holds: correct them in the file as it was delivered and load that"
        )
    if len(kept) >= exports.SHEET_ROWS:
        raise NotExportable(
            f"{len(kept)} rows of {source.id} are more than a sheet holds ({exports.SHEET_ROWS}): choose a delivery or rule"
        )
    exports.write_workbook(
        path, {re.sub(r"[][:*?/\\]", " ", source.label_zh)[:31]: _sheet(source, kept, about), "填写说明": _INSTRUCTIONS}
    )
    return Exported(
        path, source.id, tuple(sorted({row.delivery_id for row in kept})), len(kept),
        sum(bool(row.reasons) for row in kept), len(rows) - len(kept),
    )  # fmt: skip


def _say_verdict(source: Source, row: _Row, meta: Mapping[str, Any]) -> None:
    """What the file said of all rows by its name or title is said in the row: the workbook has another name."""
    own = (meta.get("parts") or {}).get(row.part) or {}
    verdict = own.get("verdict") or meta.get("verdict")
    for group in source.required_any:
        columns = [name for name in group if name in row.values]
        if "meta.verdict" in group and verdict and not any(row.values[name] for name in columns):
            row.values[columns[0]] = {"pass": "合格", "fail": "不合格"}[verdict]


Cell = tuple[str | None, str | None]


def _sheet(source: Source, rows: list[_Row], about: Mapping[int, Any]) -> Iterable[list[Cell]]:
    present = {name for number in about for name in about[number]["meta"].get("present_columns", [])}
    present |= {name for row in rows for name, text in row.values.items() if text}
    wrong = {column for row in rows for column in row.reasons}
    columns = [name for name in source.raw_columns if name not in EXPORT_COLUMNS and name in present | wrong]
    extras = list(dict.fromkeys(key for row in rows for key in row.extra if not _is_mark(key)))
    has_surplus = any(row.extra.get(SURPLUS) for row in rows)
    aliases = EXPORT_COLUMNS
    header: list[Cell] = [
        (text, "header")
        for text in (aliases[CORRECTS_DELIVERY]["aliases"][0], aliases[CORRECTS_ROW]["aliases"][0], *NOTE_HEADERS[:4])
    ]
    reason = (f"{NOTE_HEADERS[5]}", "header")
    if None in wrong:
        header.append(reason)
    named = _headers(source, rows, about)
    for name in columns:
        header.append((named[name], "header"))
        if name in wrong:
            header.append(reason)
    header += [(key, "header") for key in extras]
    if has_surplus:
        header.append((NOTE_HEADERS[4], "header"))
    yield header
    for row in rows:
        plain = None if row.reasons else "context"
        state = "隔离 quarantined" if row.reasons else "同一样品,请一并返回 same sample, return it too"
        cells: list[Cell] = [
            (text, plain)
            for text in (
                str(row.delivery_id), str(row.row_no), about[row.delivery_id]["name"], row.part, str(row.file_row), state,
            )
        ]  # fmt: skip
        if None in wrong:
            cells.append(_reason(row, None))
        for name in columns:
            cells.append((row.values[name], "wrong" if name in row.reasons else plain))
            if name in wrong:
                cells.append(_reason(row, name))
        cells += [(row.extra.get(key), plain) for key in extras]
        if has_surplus:
            cells.append((row.extra.get(SURPLUS), plain))
        yield cells


def _reason(row: _Row, column: str | None) -> Cell:
    found = row.reasons.get(column)
    return ("\n".join(found), "reason") if found else (None, None)


def _is_mark(key: str) -> bool:
    """Keys that the reader added; a column without a name (`__column_17__`) keeps its place as its name."""
    return key.startswith("__") and not key.startswith("__column_")


def _headers(source: Source, rows: Iterable[_Row], about: Mapping[int, Any]) -> dict[str, str]:
    """The header of each column as it was delivered, where the source's own aliases understand it."""
    named: dict[str, str] = {}
    for delivery_id, part in dict.fromkeys((row.delivery_id, row.part) for row in rows):
        for described in about[delivery_id]["meta"].get("file", {}).get("parts", []):
            if described["part"] == part:
                for header, column in described["columns"].items():
                    if column in source.columns and source.match([header]).mapping.get(0) == column:
                        named.setdefault(column, header)
    for name, column in source.columns.items():
        named.setdefault(name, column.aliases[0] if column.aliases else column.label_zh)
    return named


#: On a sheet of its own, which names no column: what stands above a header would be read as the file's title.
_INSTRUCTIONS: list[list[Cell]] = [
    [(text, None)]
    for text in (
        "请在前一工作表中改正标红的单元格;右侧黄色单元格写明问题。其他单元格照原样。",
        "Correct the red cells of the first sheet; the yellow cell at their right says what is wrong. Leave the others.",
        "前两列的编号请勿改动;同一样品的灰色行请一并保留返回。",
        "Do not change the numbers in the first two columns; keep the grey rows, which belong to the same sample.",
        "以 ' 开头的单元格:该符号只为防止被当作公式,读回时自动去掉。",
        "An apostrophe at the head of a cell keeps it from being taken for a formula; it is taken away when it is read.",
        "改好后另存为 .xlsx 或 CSV,按原来的方式报送。改正的行取代原行,仍有问题的行继续隔离。",
        "Save as .xlsx or CSV and deliver it as the file before. A row that is right now stands for the old one.",
    )
]
