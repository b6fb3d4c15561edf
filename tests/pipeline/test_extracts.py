"""What readers take away: workbook, Parquet, monthly report; all of one publication, numbers as the marts have them."""

import re
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner, Result
from lxml import etree
from psycopg import sql
from pyarrow import parquet

from baotu import extracts, publish
from baotu.cli import main
from baotu.warehouse import connect
from tests.pipeline.conftest import City, Installation
from tests.pipeline.test_freshness import FOOD, put_notice

pytestmark = pytest.mark.operations


def export(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["export", *arguments], catch_exceptions=False)


def same(kept: Any, value: Any) -> bool:
    """Whether a cell is the mart's value: of numbers Excel and Parquet keep the fifteen digits of a double."""
    if isinstance(value, Decimal):
        return float(value) == pytest.approx(float(kept), rel=1e-14, abs=0)
    if isinstance(value, datetime):
        return bool(value.replace(tzinfo=None, microsecond=0) == kept.replace(tzinfo=None, microsecond=0))
    if isinstance(value, date):
        return bool(value == (kept.date() if isinstance(kept, datetime) else kept))
    return bool(kept == value) or str(kept) == str(value)


def test_the_workbook_has_what_the_marts_have(in_city: City, tmp_path: Path) -> None:
    path = tmp_path / "marts.xlsx"
    names = ["mart_target_tracking", "mart_sample_detail", "mart_publication", "dim_indicator"]
    done = export("--out", str(path), *(f"--mart={name}" for name in names))
    assert done.output.strip() == str(path)
    book = openpyxl.load_workbook(path, read_only=True)
    assert book.sheetnames == ["说明", "记分卡", "字段", "目标进展", "不合格与未判定样品明细", "当前发布", "指标定义"]
    with connect() as connection:
        for mart in extracts.marts(connection):
            if mart.name not in names:
                continue
            header, *rows = book[mart.label].iter_rows(values_only=True)
            assert list(header) == [column.label for column in mart.columns]
            known = connection.execute(
                sql.SQL("select * from {}").format(sql.Identifier("marts", mart.name))
            ).fetchall()
            assert len(rows) == len(known)
            for row, values in zip(rows, known, strict=True):
                assert all(same(*pair) for pair in zip(row, values, strict=True)), (mart.name, row)
    # Q03 of 2022 is 97.9987 %, and a workbook that rounds would attain the target.
    shown = {row[0]: row for row in book["记分卡"].iter_rows(values_only=True)}
    assert 97.9 < shown["Q03"][4] < 98 and shown["Q03"][9] == "未达标" and shown["Q03"][8] == "≥ 98 %"
    assert shown["I08"][4] is None and shown["I08"][10] == "– 无数据"
    fields = {row[3]: row for row in book["字段"].iter_rows(values_only=True) if row[2] == "mart_target_tracking"}
    assert fields["value"][1] == "数值" and "不可加总 not additive" in fields["value"][4]
    assert "可加总 additive" in fields["denominator"][4]
    told = dict(row[:2] for row in book["说明"].iter_rows(values_only=True))
    assert told["发布编号 Publication"] == 1 and told["截至 As of"] == datetime(2022, 12, 31)


def test_parquet_has_types_labels_and_the_publication(in_city: City, tmp_path: Path) -> None:
    assert export("--out", str(tmp_path / "out")).exit_code == 0
    with connect() as connection:
        marts = extracts.marts(connection)
        assert {path.stem for path in (tmp_path / "out").iterdir()} == {mart.name for mart in marts}
        for mart in marts:
            kept = parquet.read_table(tmp_path / "out" / f"{mart.name}.parquet")
            assert kept.column_names == [column.name for column in mart.columns]
            assert (
                kept.schema.metadata[b"publication_id"] == b"1" and kept.schema.metadata[b"as_of_on"] == b"2022-12-31"
            )
            known = connection.execute(
                sql.SQL("select * from {}").format(sql.Identifier("marts", mart.name))
            ).fetchall()
            assert kept.num_rows == len(known)
            for row, values in zip(kept.to_pylist(), known, strict=True):
                assert all(same(*pair) for pair in zip(row.values(), values, strict=True)), (mart.name, row)
    field = parquet.read_schema(tmp_path / "out" / "mart_pass_rate.parquet").field("pass_rate_pct")
    assert str(field.type) == "double" and field.metadata[b"label_zh"].decode() == "合格率"
    assert "不可加总" in field.metadata[b"notes"].decode()


def words(path: Path) -> str:
    """What is read on a page; it is well-formed XML and fetches nothing."""
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//|url\(|<script""", text)
    return re.sub(r"\s+", " ", " ".join(etree.fromstring(text.removeprefix("<!DOCTYPE html>\n").encode()).itertext()))


def test_the_monthly_report_says_what_changed_and_why(in_city: City, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    assert export("--out", str(path), "--since", "2022-07-15").exit_code == 0
    page = words(path)
    (known,) = in_city.rows("select known_at_on from marts.mart_publication")
    assert f"济南市质量目标月报 · {known['known_at_on'].year}年{known['known_at_on'].month}月" in page
    # The last month's end up to that day, with the value that the tracking mart keeps of it and what it is now.
    assert "自 2022-06-30 以来的变化与原因" in page
    (then,) = in_city.rows(
        "select value from marts.mart_target_tracking where indicator_id = 'I01' and is_headline and not is_current"
        " and known_at_on = '2022-06-30' and period_type = 'year' and period_start_on = '2022-01-01'"
    )
    (now,) = in_city.rows(
        "select value from marts.mart_target_tracking where indicator_id = 'I01' and is_headline and is_current"
        " and period_type = 'year' and period_start_on = '2022-01-01'"
    )
    assert then["value"] != now["value"]
    assert f"2022年当时 {then['value']:.0f} 个，此后变为 {now['value']:.0f} 个" in page
    # Samples by cause, and the attainment that is another.
    assert re.search(r"食品合格率.{0,200}?此后抽样 \+\d+ 批次，不合格", page)
    assert "I07 服务业顾客满意度：由“未评定”变为“未达标”" in page
    assert "14 项指标：按数值达标 3 项、未达标 10 项、未到期或无数据 1 项" in page
    assert "未通过校验" in page and "行被隔离" not in page.split("抽检合格率与测算基数")[0]
    # The scorecard follows, whole.
    assert page.count("追溯到文件和行") == 14


def test_nothing_to_take_away_is_said(warehouse: Installation, tmp_path: Path) -> None:
    def refused(*arguments: str) -> str:
        done = export("--out", str(tmp_path / "x.xlsx"), *arguments)
        assert done.exit_code == 1
        return done.stderr

    assert "Nothing has been published yet" in refused()
    put_notice(warehouse, "2022-02-20", 1)
    warehouse.ingest(FOOD)
    assert publish.build().status == "published"
    assert "There is no mart mart_nothing; there are mart_" in refused("--mart", "mart_nothing")
    done = export("--out", str(tmp_path / "r.html"), "--since", "2015-01-01")
    assert done.exit_code == 1 and "No month's end to compare with up to 2015-01-01: the earliest is " in done.stderr
    assert list(tmp_path.iterdir()) == []
