"""What spot checks write into one cell: several items, values with signs, powers and units, dates that are none."""

import json
from typing import Any

import psycopg
import pytest

Connection = psycopg.Connection


def call(connection: Connection, function: str, *arguments: Any) -> Any:
    """stats.<function>(arguments), texts and JSON as they come."""
    marks = ", ".join(
        "%s::jsonb" if isinstance(a, (dict, list)) and function != "split_items" else "%s" for a in arguments
    )
    given = [json.dumps(a) if isinstance(a, (dict, list)) and function != "split_items" else a for a in arguments]
    return connection.execute(f"select stats.{function}({marks})", given).fetchone()[0]


def items(connection: Connection, name: str | None, result: str | None = None, limit: str | None = None,
          combined: str | None = None, order: list[str] | None = None) -> Any:  # fmt: skip
    found = connection.execute(
        "select stats.split_items(%s::text, %s::text, %s::text, %s::text, %s::text[])",
        [name, result, limit, combined, order],
    ).fetchone()[0]
    return found and [(one["name"], one["result"], one["limit"]) for one in found]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("脱氢乙酸║日落黄", "0.6g/kg║0.03g/kg", "≤0.5g/kg║不得使用"),
         [("脱氢乙酸", "0.6g/kg", "≤0.5g/kg"), ("日落黄", "0.03g/kg", "不得使用")]),
        (("甲‖乙∥丙∣丁|戊||己",), [(n, None, None) for n in "甲乙丙丁戊己"]),
        (("苯甲酸及其钠盐（以苯甲酸计）;山梨酸", "1.05g/kg；1.21g/kg", "≤1.0g/kg;≤1.0g/kg"),
         [("苯甲酸及其钠盐（以苯甲酸计）", "1.05g/kg", "≤1.0g/kg"), ("山梨酸", "1.21g/kg", "≤1.0g/kg")]),
        (("菌落总数\n大肠菌群", "5×10³\n20", None), [("菌落总数", "5×10³", None), ("大肠菌群", "20", None)]),
        (("导体电阻、绝缘厚度",), [("导体电阻", None, None), ("绝缘厚度", None, None)]),
        (("可见光透射比τV(380 nm、780 nm)",), None),
        (("苯甲酸/山梨酸", "1.2g/kg;0.8g/kg", None), [("苯甲酸", "1.2g/kg", None), ("山梨酸", "0.8g/kg", None)]),
        (("苯甲酸及其钠盐/山梨酸及其钾盐", "1.2g/kg", "≤1.0g/kg"), None),
        # One item, its subsamples.
        (("菌落总数", "4.1×10⁴/8.6×10⁴/7.2×10⁴", "n=5,c=2,m=10⁴,M=10⁵"), None),
        (("菌落总数", "12；0；3；0；0", None), None),
        (("大肠菌群（n=5;c=2;m=100;M=1000(CFU/g)）", "1;2;3;4;5", None), None),
        (("大肠菌群(n=5;c=2、m=1)║霉菌", "12║5", None), [("大肠菌群(n=5;c=2、m=1)", "12", None), ("霉菌", "5", None)]),
        (("甲(a\nb)║乙(\"c\\d|", "1║2", None), [("甲(a\nb)", "1", None), ("乙(\"c\\d|", "2", None)]),
        # The pieces do not line up: nothing is guessed.
        (("甲║乙║丙", "1║2", None), []),
        (("甲、乙", "1g/kg;2g/kg;3g/kg", None), None),
        # Triples in the column of items alone.
        (("酒精度║38.2%vol║42±1.0%vol",), [("酒精度", "38.2%vol", "42±1.0%vol")]),
    ],
)  # fmt: skip
def test_items_of_three_cells(stats_functions: Connection, cells: tuple[Any, ...], expected: Any) -> None:
    assert items(stats_functions, *cells) == expected


@pytest.mark.parametrize(
    ("cell", "order", "expected"),
    [
        ("恩诺沙星║156μg/kg║≤100μg/kg", None, [("恩诺沙星", "156μg/kg", "≤100μg/kg")]),
        ("恩诺沙星||≤100μg/kg||156μg/kg", None, [("恩诺沙星", "156μg/kg", "≤100μg/kg")]),
        ("总酸║3.10g/100mL║≥6.00g/100mL\n苯甲酸║1.2g/kg║≤1.0g/kg", None,
         [("总酸", "3.10g/100mL", "≥6.00g/100mL"), ("苯甲酸", "1.2g/kg", "≤1.0g/kg")]),
        ("酸价║3.0║4.1", ["item", "limit", "result"], [("酸价", "4.1", "3.0")]),
        ("酸价║4.1║3.0", ["item", "result", "limit"], [("酸价", "4.1", "3.0")]),
        ("甲║1║≤2║乙║3║≤4", None, [("甲", "1", "≤2"), ("乙", "3", "≤4")]),
        ("菌落总数:5.1×10⁵CFU/g(≤8×10⁴CFU/g)", None, [("菌落总数", "5.1×10⁵CFU/g", "≤8×10⁴CFU/g")]),
        ("甜蜜素/0.5g/kg/≤0.2g/kg", None, [("甜蜜素", "0.5g/kg", "≤0.2g/kg")]),
        ("氨基酸态氮/0.31g/100mL/≥0.40g/100mL", None, [("氨基酸态氮", "0.31g/100mL", "≥0.40g/100mL")]),
        ("标签不合格", None, [("标签不合格", None, None)]),
        ("大肠菌群(n=5;c=2\nm=1)║12║≤10", None, [("大肠菌群(n=5;c=2\nm=1)", "12", "≤10")]),
        ("霉菌║不得检出", None, [("霉菌", None, "不得检出")]),
        ("甲║1║2║3", None, []),
    ],
)  # fmt: skip
def test_items_of_one_cell(stats_functions: Connection, cell: str, order: Any, expected: Any) -> None:
    assert items(stats_functions, None, combined=cell, order=order) == expected


def test_items_that_are_columns(stats_functions: Connection) -> None:
    columns = [
        {"name": "铅", "result_column": "铅(mg/kg)", "unit": "mg/kg"},
        {"name": "毒死蜱", "result_column": "毒死蜱"},
        {"name_column": "项目1", "result_column": "结果1", "limit_column": "标准1"},
        {"name_column": "项目2", "result_column": "结果2"},
    ]
    extra = {"铅(mg/kg)": "0.05", "毒死蜱": "—", "项目1": "酸价", "结果1": " 3.1 ", "标准1": "≤3", "别的": "x"}
    assert call(stats_functions, "column_items", columns, extra) == [
        {"name": "铅", "result": "0.05", "limit": None, "unit": "mg/kg"},
        {"name": "酸价", "result": "3.1", "limit": "≤3", "unit": None},
    ]


NUMBER = "number"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.658mg/kg", {"state": NUMBER, "value": 0.658, "unit": "mg/kg"}),
        ("0.03 mg/kg", {"state": NUMBER, "value": 0.03, "unit": "mg/kg"}),
        ("6.8 μk/kg", {"state": NUMBER, "value": 6.8, "unit": "μg/kg"}),
        ("6.8µg/kg", {"state": NUMBER, "value": 6.8, "unit": "μg/kg"}),
        ("6.8ug/kg", {"state": NUMBER, "value": 6.8, "unit": "μg/kg"}),
        ("８．２×10²cfu/ml", {"state": NUMBER, "value": 820, "unit": "CFU/mL"}),
        ("8.2*10^2 CFU/g", {"state": NUMBER, "value": 820, "unit": "CFU/g"}),
        ("8.2×10<sup>2</sup>CFU/g", {"state": NUMBER, "value": 820, "unit": "CFU/g"}),
        ("10⁵CFU/g", {"state": NUMBER, "value": 100000, "unit": "CFU/g"}),
        ("1.0x10³", {"state": NUMBER, "value": 1000}),
        ("1.7×1000μg/kg", {"state": NUMBER, "value": 1700, "unit": "μg/kg"}),
        ("1.2×100000CFU/g", {"state": NUMBER, "value": 120000, "unit": "CFU/g"}),
        ("5.0(CFU/g)", {"state": NUMBER, "value": 5, "unit": "CFU/g"}),
        ("1,240mg/kg", {"state": NUMBER, "value": 1240, "unit": "mg/kg"}),
        ("150IU", {"state": NUMBER, "value": 150, "unit": "IU"}),
        ("38.2%vol", {"state": NUMBER, "value": 38.2, "unit": "%vol"}),
        ("35 %", {"state": NUMBER, "value": 35, "unit": "%"}),
        ("0.25g/100g", {"state": NUMBER, "value": 0.25, "unit": "g/100g"}),
        ("43MPN/100g", {"state": NUMBER, "value": 43, "unit": "MPN/100g"}),
        ("9.1mmol/kg", {"state": NUMBER, "value": 9.1, "unit": "mmol/kg"}),
        ("≤0.5g/kg", {"state": NUMBER, "comparator": "≤", "value": 0.5, "unit": "g/kg"}),
        ("<=0.5g/kg", {"state": NUMBER, "comparator": "≤", "value": 0.5, "unit": "g/kg"}),
        ("＞1.8", {"state": NUMBER, "comparator": ">", "value": 1.8}),
        ("不大于 3", {"state": NUMBER, "comparator": "≤", "value": 3}),
        ("不低于6.00g/100mL", {"state": NUMBER, "comparator": "≥", "value": 6, "unit": "g/100mL"}),
        ("标准值：≤25CFU/g", {"state": NUMBER, "comparator": "≤", "value": 25, "unit": "CFU/g"}),
        ("0.05（以Pb计）", {"state": NUMBER, "value": 0.05}),
        ("42±1.0%vol", {"state": "range", "value": 41, "high": 43, "unit": "%vol"}),
        ("6.5～8.5", {"state": "range", "value": 6.5, "high": 8.5}),
        ("未检出", {"state": "not_detected"}),
        ("未检出（<0.01mg/kg）", {"state": "not_detected"}),
        ("ND", {"state": "not_detected"}),
        ("不得检出", {"state": "not_allowed"}),
        ("不得使用", {"state": "not_allowed"}),
        ("不应有", {"state": "not_allowed"}),
        ("4.1×10⁴，8.6×10⁴，7.2×10⁴，3.3×10⁴，9.5×10⁴CFU/g",
         {"state": "subsamples", "values": [41000, 86000, 72000, 33000, 95000], "value": 95000, "unit": "CFU/g"}),
        ("12/0/3/0/0CFU/250mL", {"state": "subsamples", "values": [12, 0, 3, 0, 0], "value": 12, "unit": "CFU/250mL"}),
        ("n1:34000；n2:44000；n3:47000（CFU/g）",
         {"state": "subsamples", "values": [34000, 44000, 47000], "value": 47000, "unit": "CFU/g"}),
        ("<10\n20\n30", {"state": "subsamples", "values": [10, 20, 30], "value": 30}),
        ("n=5,c=2,m=2.5×10⁴,M=10⁵CFU/g",
         {"state": "plan", "n": 5, "c": 2, "m": 25000, "M": 100000, "unit": "CFU/g"}),
        ("n=5，c=0，m=0CFU/250mL", {"state": "plan", "n": 5, "c": 0, "m": 0, "unit": "CFU/250mL"}),
        # Nothing is guessed: an exponent that was cut, one that may have lost its height, sentences, versions.
        ("①1.4×10", {"state": "text"}),
        ("1.4×10", {"state": "text"}),
        ("8.2×104", {"state": "text"}),
        ("≤103(CFU/g)", {"state": "text"}),
        ("未标示生产许可证编号", {"state": "text"}),
        ("GB 7718", {"state": "text"}),
        ("不合格", {"state": "text"}),
        ("1级", {"state": "text"}),
        ("1.2.3", {"state": "text"}),
        ("8-3mg", {"state": "text"}),
        ("x" * 400, {"state": "text"}),
    ],
)  # fmt: skip
def test_measurement(stats_functions: Connection, text: str, expected: dict[str, Any]) -> None:
    assert call(stats_functions, "measurement", text) == expected


@pytest.mark.parametrize(
    ("result", "limit", "expected"),
    [
        ("0.6g/kg", "≤0.5g/kg", False),
        ("0.5g/kg", "≤0.5g/kg", True),
        ("0.5g/kg", "<0.5g/kg", False),
        ("600mg/kg", "≤0.5g/kg", False),
        ("499mg/kg", "≤0.5g/kg", True),
        ("6.8μk/kg", "≤5.0mg/kg", True),
        ("3.10g/100mL", "≥6.00g/100mL", False),
        ("0.31g/100mL", "≥3.0g/L", True),
        ("38.2%vol", "42±1.0%vol", False),
        ("未检出", "不得检出", True),
        ("0.01mg/kg", "不得检出", False),
        ("<0.01mg/kg", "不得检出", None),
        ("＞1.8g/kg", "≤1.0g/kg", False),
        ("＞0.5g/kg", "≤1.0g/kg", None),
        ("<0.5g/kg", "≤1.0g/kg", True),
        ("未检出", "≤1.0g/kg", True),
        ("4.1×10⁴，8.6×10⁴，7.2×10³，3.3×10³，9.5×10³CFU/g", "n=5,c=2,m=2.5×10⁴,M=10⁵CFU/g", True),
        ("4.1×10⁴，8.6×10⁴，7.2×10⁴，3.3×10³，9.5×10³CFU/g", "n=5,c=2,m=2.5×10⁴,M=10⁵CFU/g", False),
        ("1.1×10⁵，0，0，0，0CFU/g", "n=5,c=2,m=2.5×10⁴,M=10⁵CFU/g", False),
        ("160", "≤150IU", None),
        ("5mg/kg", "≤5%", None),
        ("5mg/L", "≤5mg/kg", None),
        ("标签", "≤5mg/kg", None),
        ("96.2%", "99%", None),
    ],
)
def test_meets_limit(stats_functions: Connection, result: str, limit: str, expected: bool | None) -> None:
    measured, permitted = (call(stats_functions, "measurement", text) for text in (result, limit))
    assert call(stats_functions, "meets_limit", measured, permitted) is expected


@pytest.mark.parametrize(
    ("text", "day", "basis"),
    [
        ("2020-10-18", "2020-10-18", "printed"),
        ("2020.08.15", "2020-08-15", "printed"),
        ("2015-5-18", "2015-05-18", "printed"),
        ("2016—05—03", "2016-05-03", "printed"),
        ("20200706", "2020-07-06", "printed"),
        ("140801", "2014-08-01", "printed"),
        ("42100", "2015-04-06", "serial"),
        ("2016-06-10；20160610", "2016-06-10", "printed"),
        ("2020-09-14/2020年09月14日", "2020-09-14", "printed"),
        ("2020-09-14/2020-09-20", None, "two_dates"),
        ("2021-01-14/2021年02月14日", None, "two_dates"),
        ("2020-10-18（购进日期）", None, "purchase"),
        ("购进日期2020/8/12", None, "purchase"),
        ("购进日期：2020/9/9", None, "purchase"),
        ("DL04148", None, "lot"),
        ("541268408", None, "lot"),
        ("批号J201001", None, "lot"),
        ("130801", "2013-08-01", "printed"),
        ("080801", None, "lot"),
        ("49999", None, "lot"),
        (None, None, "missing"),
    ],
)
def test_production_date(stats_functions: Connection, text: str | None, day: str | None, basis: str) -> None:
    found = stats_functions.execute(
        "select stats.production_date(%s::text, false, date '2020-12-31')", [text]
    ).fetchone()[0]
    assert (found.get("date"), found["basis"]) == (day, basis)


def test_a_column_of_purchase_dates_holds_none_of_production(stats_functions: Connection) -> None:
    found = stats_functions.execute("select stats.production_date('2020-10-18', true, date '2020-12-31')").fetchone()[0]
    assert found == {"basis": "purchase"}
