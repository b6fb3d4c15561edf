"""Brand records: cultivation lists, valuations, certificates, bases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from baotu.samples.deliveries import GB18030, NOTE, UTF8, UTF8_BOM, YEARS, Cell, Delivery, Layout, Row, Xlsx, faulty_row
from baotu.samples.names import DIVISIONS, WORDS_1, WORDS_2, manufacturers, producers, wrong_check

SOURCE = "brand_records"

_HEADERS = {
    "record_kind": "记录类型",
    "brand_name": "品牌名称",
    "holder_name": "企业名称",
    "holder_uscc": "统一社会信用代码",
    "division": "区县",
    "brand_class": "类别",
    "list_year": "名单年度",
    "status": "状态",
    "brand_value": "品牌价值",
    "unit": "单位",
    "valued_on": "评价日期",
    "valuer": "评价机构",
    "method_version": "评价标准",
    "certificate_no": "证书编号",
    "valid_to": "有效期至",
    "base_name": "基地名称",
    "parent_brand": "上级品牌",
    "remark": "备注",
}
_CLASSES = ("制造业", "服务业", "农业")


def _layout(*columns: str) -> Layout:
    return tuple((column, _HEADERS[column]) for column in columns)


def _brand(number: int, **own: Cell) -> dict[str, Cell]:
    """The number-th brand and who holds it."""
    company = [*producers(), *manufacturers()][number]
    return {
        "brand_name": f"{WORDS_1[number % 12]}{WORDS_2[number // 12 % 10]}示例牌{number + 1}",
        "holder_name": company.name,
        "holder_uscc": company.code,
        "division": DIVISIONS[number % len(DIVISIONS)][1],
        "remark": NOTE,
    } | own


def _cultivated(year: int) -> Delivery:
    def listed(number: int) -> dict[str, Cell]:
        return _brand(
            number,
            record_kind="培育名单",
            brand_class=_CLASSES[number % 3],
            list_year=str(year),
            status="新增培育" if number >= 40 * (year - 2020) else "持续培育",
        )

    last = 40 * (year - 2019)
    rows = [Row(cells=listed(number)) for number in range(last)]
    rows += [
        faulty_row(
            listed(last), "brand_name", None, "brand missing: the holder's name stands for it", "BRA103", outcome="info"
        ),
        faulty_row(listed(last + 1), "brand_class", None, "class is missing", "BRA005"),
        faulty_row(listed(last + 2), "status", "待核", "a status that nobody knows", "BRA006"),
        faulty_row(listed(last + 3), "record_kind", "示例类型", "a kind of record that nobody knows", "BRA001"),
    ]
    return Delivery(
        source=SOURCE,
        name=f"{year}/高端品牌名单_{year}年_{year}1110.csv",
        issued_on=date(year, 11, 10),
        form={2020: GB18030, 2021: UTF8_BOM, 2022: UTF8}[year],
        layout=_layout(
            *("record_kind", "brand_name", "holder_name", "holder_uscc", "division", "brand_class"),
            *("list_year", "status", "remark"),
        ),
        rows=rows,
    )


def _valued(year: int) -> Delivery:
    def valued(number: int) -> dict[str, Cell]:
        return _brand(
            number,
            record_kind="品牌价值",
            brand_value=f"{12.5 + number * 1.75 + (year - 2020) * 0.4:.2f}",
            unit="亿元",
            valued_on=f"{year}-05-10",
            valuer="示例品牌评价中心",
            method_version="GB/T 29188-2012",
            # A chain: of parent and child only one may count.
            parent_brand=_brand(0)["brand_name"] if number in (1, 2) else None,
        )

    rows = [Row(cells=valued(number)) for number in range(24)]
    rows[23].cells |= {"brand_value": "527500", "unit": "万元"}
    rows += [
        faulty_row(valued(24), "brand_value", "约十亿", "a value that is no number", "BRA007"),
        faulty_row(valued(25), "brand_value", "-3.2", "a value below zero", "BRA009"),
    ]
    return Delivery(
        source=SOURCE,
        name=f"{year}/品牌价值评价结果_{year}年.xlsx",
        issued_on=date(year, 5, 20),
        form=Xlsx(sheet="评价结果"),
        layout=_layout(
            *("record_kind", "brand_name", "holder_name", "holder_uscc", "division", "brand_value", "unit"),
            *("valued_on", "valuer", "method_version", "parent_brand"),
        ),
        rows=rows,
        titles=(f"{year}年品牌价值评价结果（{NOTE}）", f"{year}年5月20日"),
    )


def _certified() -> Delivery:
    def certified(number: int, status: str = "有效") -> dict[str, Cell]:
        number_on = f"SLTS2021{number:04d}"
        return _brand(number, record_kind="泰山品质", certificate_no=number_on, valid_to="2024-08-31", status=status)

    rows = [Row(cells=certified(number)) for number in range(7)]
    rows += [Row(cells=certified(7, "暂停")), Row(cells=certified(8, "撤销"))]
    odd = certified(9)
    code = wrong_check(str(odd["holder_uscc"]))
    rows.append(faulty_row(odd, "holder_uscc", code, "USCC with a wrong check digit", "BRA101", outcome="info"))
    return Delivery(
        source=SOURCE,
        name="2021/泰山品质认证证书_20210905.csv",
        issued_on=date(2021, 9, 5),
        form=GB18030,
        layout=_layout(
            *("record_kind", "brand_name", "holder_name", "holder_uscc", "division", "certificate_no"),
            *("valid_to", "status", "remark"),
        ),
        rows=rows,
    )


def _bases() -> Delivery:
    def base(number: int) -> dict[str, Cell]:
        name, status = f"{DIVISIONS[number][1]}示例优质产品基地", "有效"
        return {
            "record_kind": "优质产品基地",
            "base_name": name,
            "division": DIVISIONS[number][1],
            "status": status,
            "remark": NOTE,
        }

    rows = [Row(cells=base(number)) for number in range(9)]
    rows.append(faulty_row(base(9), "base_name", None, "the base's name is missing", "BRA004"))
    return Delivery(
        source=SOURCE,
        name="2022/优质产品基地_20220930.csv",
        issued_on=date(2022, 9, 30),
        form=UTF8,
        layout=_layout("record_kind", "base_name", "division", "status", "remark"),
        rows=rows,
    )


def deliveries(seed: int, scale: float) -> Iterator[Delivery]:
    for year in YEARS:
        yield _cultivated(year)
        yield _valued(year)
    yield _certified()
    yield _bases()


def truth(found: list[Delivery]) -> dict[str, Any]:
    return {}


RULES: dict[str, str] = {}
