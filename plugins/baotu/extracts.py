"""What readers take away of one publication: marts as a workbook or as Parquet files, or the monthly report."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from baotu import exports, monthly, publish, report
from baotu.landing import SHANGHAI

#: Types of columns, as PostgreSQL names them → as Parquet has them; what is not here goes as text.
_PARQUET = {
    "boolean": "bool",
    "smallint": "int32",
    "integer": "int32",
    "bigint": "int64",
    "numeric": "float64",
    "double precision": "float64",
    "date": "date32",
}
_BATCH = 20_000


class NotPossible(Exception):
    """There is nothing to export, or it does not fit; the message says what to do."""


@dataclass(frozen=True)
class Column:
    """A column of a mart: name, label, PostgreSQL type, and what its comment says: meaning, unit, additivity."""

    name: str
    label: str
    type: str
    notes: str


@dataclass(frozen=True)
class Mart:
    """A published mart: name, Chinese name, description, columns in their order."""

    name: str
    label: str
    notes: str
    columns: tuple[Column, ...]


def marts(connection: psycopg.Connection) -> list[Mart]:
    """The published marts and dimensions. Their views with Chinese names have all that there is to say of them."""
    found = []
    for name, label, notes in connection.execute(
        "select split_part(comment, ' · ', -1), viewname, comment from (select viewname,"
        " obj_description(format('marts.%%I', viewname)::regclass) as comment from pg_views where schemaname = %s)"
        " as views order by comment ~ ' · dim_[a-z]+$', 1",
        ("marts",),
    ).fetchall():
        columns = connection.execute(
            "select base.attname, labelled.attname, format_type(base.atttypid, null),"
            " col_description(labelled.attrelid, labelled.attnum)"
            " from pg_attribute as labelled inner join pg_attribute as base on base.attnum = labelled.attnum"
            " and base.attrelid = format('marts.%%I', %s::text)::regclass"
            " where labelled.attrelid = format('marts.%%I', %s::text)::regclass and labelled.attnum > 0"
            " order by labelled.attnum",
            (name, label),
        ).fetchall()
        found.append(Mart(name, label, notes, tuple(Column(*column) for column in columns)))
    return found


def write(
    connection: psycopg.Connection, out: Path, names: Sequence[str] = (), since: date | None = None
) -> list[Path]:
    """Write the scorecard and the marts of these names (all) to a workbook `*.xlsx`, or the marts into a directory as
    Parquet; to `*.html` the monthly report, compared with the month's end up to `since`.

    All of one publication: written again where a swap came between. Raises NotPossible, monthly.NotPossible.
    """
    known = {mart.name: mart for mart in marts(connection)}
    if not known:
        raise NotPossible("Nothing has been published yet: baotu build")
    if unknown := [name for name in names if name not in known]:
        raise NotPossible(f"There is no mart {unknown[0]}; there are {', '.join(known)}")
    chosen = [known[name] for name in names or known]
    for _ in range(3):
        card = report.Scorecard.from_warehouse(connection)
        if out.suffix.lower() == ".xlsx":
            _write_workbook(connection, out, card, chosen)
            written = [out]
        elif out.suffix.lower() == ".html":
            report.write_page(out, monthly.html(connection, since))
            written = [out]
        else:
            out.mkdir(parents=True, exist_ok=True)
            written = [_write_parquet(connection, out / f"{mart.name}.parquet", card, mart) for mart in chosen]
        # Rolled back, so that the next look is a new one.
        connection.rollback()
        if publish.current_publication(connection) == card.publication["publication_id"]:
            return written
    raise NotPossible("A publication came between three times; try again")


def _rows(connection: psycopg.Connection, mart: Mart) -> Iterator[list[tuple[Any, ...]]]:
    """Batches of a mart's rows."""
    with connection.cursor(name="extract") as cursor:
        cursor.execute(
            sql.SQL("select {} from {}").format(
                sql.SQL(", ").join(sql.Identifier(column.name) for column in mart.columns),
                sql.Identifier("marts", mart.name),
            )
        )
        while rows := cursor.fetchmany(_BATCH):
            yield rows


# The workbook


def _write_workbook(connection: psycopg.Connection, out: Path, card: report.Scorecard, chosen: Sequence[Mart]) -> None:
    sheets: dict[str, Any] = {"说明": _about(card), "记分卡": _scorecard(card), "字段": _fields(chosen)}
    for mart in chosen:
        size = connection.execute(
            sql.SQL("select count(*) from {}").format(sql.Identifier("marts", mart.name))
        ).fetchone()
        assert size is not None
        if size[0] >= exports.SHEET_ROWS:
            raise NotPossible(
                f"{mart.name} has {size[0]:,} rows, more than a sheet holds: give a directory for Parquet"
            )
        sheets[mart.label] = _sheet(connection, mart)
    exports.write_workbook(out, sheets)


def _header(*texts: str) -> list[tuple[exports.Value, str | None]]:
    return [(text, "header") for text in texts]


def _about(card: report.Scorecard) -> Iterator[list[tuple[exports.Value, str | None]]]:
    told = card.publication
    yield _header("项目 Item", "内容 Value")
    for zh_en, value in (
        ("发布编号 Publication", told["publication_id"]),
        ("发布时间 Published", _plain(told["published_at"])),
        ("截至 As of", told["as_of_on"]),
        ("所知截至 Known at", told["known_at_on"]),
        ("代码版本 Code", told["code_version"]),
        ("新一次发布自此暂缓 Held since", _plain(told["held_since"])),
    ):
        yield [(zh_en, "context"), (value, None)]
    for label in (
        report.CAVEAT,
        report.Label(
            "达标与否看“达标”列：数值四舍五入后可能看似达标。合格率、得分、位次、去重数不可相加或平均，“字段”表逐列注明。",
            "Take the column of attainment: a rounded value may look attained. Rates, scores, ranks and distinct counts are "
            "neither to be added nor averaged; the sheet 字段 says it of each column.",
        ),
    ):
        yield [("注意 Note", "context"), (f"{label.zh}\n{label.en}", "reason")]


def _scorecard(card: report.Scorecard) -> Iterator[list[tuple[exports.Value, str | None]]]:
    yield _header(
        "指标编号", "指标", "Indicator", "期间", "数值", "区间下限", "区间上限", "单位", "目标", "达标", "结论", "Verdict",
        "样本量", "数据状态",
    )  # fmt: skip
    for entry in card.entries:
        name = entry.words("name") or report.Label("", "")
        row = entry.current
        if row is None:
            no_data = report.VERDICTS["no_data"]
            cells: list[exports.Value] = [None, None, None, None, report.label(report.UNITS, entry.unit).zh,
                                          _target(entry), None, no_data.zh, no_data.en, None, None]  # fmt: skip
        else:
            shown = entry.show(row)
            light = report.LIGHTS[shown["light"]]
            cells = [
                row["period_label_zh"], row["value"], row["interval_low"], row["interval_high"],
                report.label(report.UNITS, entry.unit).zh, _target(entry), shown["attained"].zh,
                f"{light.symbol} {shown['verdict'].zh}", f"{light.symbol} {shown['verdict'].en}", row["denominator"],
                shown["status"].zh,
            ]  # fmt: skip
        yield [(value, None) for value in (entry.id, name.zh, name.en, *cells)]


def _target(entry: report.Entry) -> str:
    return entry.target_label().zh.replace("\u00a0", " ")


def _fields(chosen: Sequence[Mart]) -> Iterator[list[tuple[exports.Value, str | None]]]:
    yield _header("表", "列", "Table", "Column", "说明 Notes")
    for mart in chosen:
        yield [(mart.label, "context"), (None, None), (mart.name, "context"), (None, None), (mart.notes, "reason")]
        for column in mart.columns:
            yield [
                (mart.label, None),
                (column.label, None),
                (mart.name, None),
                (column.name, None),
                (column.notes, None),
            ]


def _sheet(connection: psycopg.Connection, mart: Mart) -> Iterator[list[tuple[exports.Value, str | None]]]:
    yield _header(*(column.label for column in mart.columns))
    for rows in _rows(connection, mart):
        for row in rows:
            yield [(_plain(value), None) for value in row]


def _plain(value: Any) -> exports.Value:
    """As a workbook can hold it: times in the city's zone, lists and ids as text."""
    if isinstance(value, datetime):
        return value.astimezone(SHANGHAI).replace(tzinfo=None)
    if isinstance(value, list | tuple):
        return "、".join(map(str, value))
    return value if value is None or isinstance(value, exports.Value) else str(value)


# Parquet


def _write_parquet(connection: psycopg.Connection, path: Path, card: report.Scorecard, mart: Mart) -> Path:
    """One mart; labels and notes travel as metadata of the fields, the publication as that of the file."""
    import pyarrow
    from pyarrow import parquet

    types = {name: pyarrow.type_for_alias(alias) for name, alias in _PARQUET.items()}
    types |= {
        "timestamp with time zone": pyarrow.timestamp("us", "Asia/Shanghai"),
        "text[]": pyarrow.list_(pyarrow.string()),
    }
    schema = pyarrow.schema(
        [
            pyarrow.field(
                column.name,
                types.get(column.type, pyarrow.string()),
                metadata={"label_zh": column.label, "notes": column.notes},
            )
            for column in mart.columns
        ],
        metadata={
            "label_zh": mart.label,
            "notes": mart.notes,
            **{name: str(card.publication[name]) for name in ("publication_id", "as_of_on", "known_at_on")},
        },
    )

    def converted(value: Any, kind: Any) -> Any:
        if value is None:
            return None
        if pyarrow.types.is_floating(kind):
            return float(value)
        return str(value) if pyarrow.types.is_string(kind) else value

    draft = path.with_name(f".{path.name}.part")
    try:
        with parquet.ParquetWriter(draft, schema) as writer:
            for rows in _rows(connection, mart):
                writer.write_batch(
                    pyarrow.record_batch(
                        [
                            pyarrow.array([converted(value, field.type) for value in column], field.type)
                            for column, field in zip(zip(*rows, strict=True), schema, strict=True)
                        ],
                        schema=schema,
                    )
                )
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path
