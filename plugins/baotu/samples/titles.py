"""Recognition lists: titles of enterprises, some said only by the heading or the sidecar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from baotu.samples.deliveries import GB18030, NOTE, UTF8, YEARS, Cell, Delivery, Layout, Row, Xlsx, faulty_row
from baotu.samples.names import DIVISIONS, Company, manufacturers, producers, wrong_check

SOURCE = "enterprise_titles"

_HEADERS = {
    "seq": "序号",
    "enterprise_name": "企业名称",
    "uscc": "统一社会信用代码",
    "division": "区县",
    "title": "称号",
    "level": "级别",
    "batch": "批次",
    "certificate_no": "证书编号",
    "recognised_on": "认定日期",
    "valid_to": "有效期至",
    "status": "状态",
    "remark": "备注",
}
#: Spellings of one title.
_SRDI = ("专精特新中小企业", "“专精特新”中小企业", "专精特新企业")


def _layout(*columns: str) -> Layout:
    return tuple((column, _HEADERS[column]) for column in columns)


def _companies(first: int, count: int) -> list[Company]:
    everyone = [*producers(), *manufacturers()]
    return [everyone[number % len(everyone)] for number in range(first, first + count)]


def _cells(number: int, company: Company, **own: Cell) -> dict[str, Cell]:
    cells: dict[str, Cell] = {
        "seq": number,
        "enterprise_name": company.name,
        "uscc": company.code,
        "division": DIVISIONS[number % len(DIVISIONS)][1],
        "remark": NOTE,
    }
    return cells | own


def _rows(table: Sequence[dict[str, Cell]], *faulty: Row) -> list[Row]:
    return [*(Row(cells=cells) for cells in table), *faulty]


def _high_tech(year: int) -> Delivery:
    """The heading alone says the title."""
    day = date(year, 12, 7)
    table = [
        _cells(
            number,
            company,
            certificate_no=f"SL{year}37{number:06d}",
            recognised_on=day.isoformat(),
            # Inclusive, as in documents.
            valid_to=date(year + 3, 12, 6).isoformat(),
        )
        for number, company in enumerate(_companies(80 * (year - 2020), 84), 1)
    ]
    *table, early, undated, nameless, odd = table
    rows = _rows(
        table,
        faulty_row(early, "valid_to", f"{year - 1}-12-06", "validity ends before it begins", "TIT008"),
        faulty_row(undated, "recognised_on", f"{year}-02-30", "a date that does not exist", "TIT006"),
        faulty_row(nameless | {"uscc": None}, "enterprise_name", None, "neither name nor code", "TIT001"),
        faulty_row(
            odd, "uscc", wrong_check(str(odd["uscc"])), "USCC with a wrong check digit", "TIT101", outcome="info"
        ),
    )
    return Delivery(
        source=SOURCE,
        name=f"{year}/高新技术企业认定名单_{year}年.xlsx",
        issued_on=date(year, 12, 25),
        form=Xlsx(sheet="名单"),
        layout=_layout(*("seq", "enterprise_name", "uscc", "division", "certificate_no", "recognised_on", "valid_to")),
        rows=rows,
        titles=(f"济南市{year}年认定高新技术企业名单（{NOTE}）", f"{year}年12月25日"),
    )


def _srdi(year: int) -> Delivery:
    """Every cell says all, in several spellings."""
    day = date(year, 9, 10)
    table = [
        _cells(
            number,
            company,
            title=_SRDI[number % len(_SRDI)],
            level="省级",
            batch=f"{year}年度",
            recognised_on=day.isoformat(),
            valid_to=date(year + 3, 9, 9).isoformat(),
            status="复核通过" if number % 5 == 0 else "认定",
        )
        for number, company in enumerate(_companies(40 * (year - 2020) + 120, 42), 1)
    ]
    *table, unknown, pending = table
    return Delivery(
        source=SOURCE,
        name=f"{year}/专精特新中小企业名单_{year}年_{year}0920.csv",
        issued_on=date(year, 9, 20),
        form=GB18030,
        layout=_layout(*(column for column in _HEADERS if column not in ("seq", "certificate_no"))),
        rows=_rows(
            table,
            faulty_row(unknown, "title", "示例荣誉称号", "a title that nobody knows", "TIT002"),
            faulty_row(pending, "status", "另行通知", "a status that nobody knows", "TIT004"),
        ),
    )


def _gazelles() -> Delivery:
    """The sidecar alone says title, level and batch."""
    companies = _companies(30, 24)
    return Delivery(
        source=SOURCE,
        name="2021/企业名单_20210618.csv",
        issued_on=date(2021, 6, 18),
        form=UTF8,
        layout=_layout("enterprise_name", "uscc", "division", "valid_to", "remark"),
        rows=_rows([_cells(n, company, valid_to="2024-06-09") for n, company in enumerate(companies, 1)]),
        sidecar={
            "issued_on": "2021-06-18",
            "title_name": "瞪羚企业",
            "level": "省级",
            "batch": "2021年度",
            "recognised_on": "2021-06-10",
        },
    )


def _revoked() -> Delivery:
    """Titles of an earlier list that are taken away."""
    table = [
        _cells(
            number,
            company,
            title="高新技术企业",
            level="国家级",
            certificate_no=f"SL202037{number:06d}",
            recognised_on="2020-12-07",
            valid_to="2023-12-06",
            status="撤销",
        )
        for number, company in enumerate(_companies(0, 3), 1)
    ]
    return Delivery(
        source=SOURCE,
        name="2022/撤销高新技术企业资格名单_20220815.csv",
        issued_on=date(2022, 8, 15),
        form=UTF8,
        layout=_layout(*(column for column in _HEADERS if column not in ("seq", "batch"))),
        rows=_rows(table),
    )


def deliveries(seed: int, scale: float) -> Iterator[Delivery]:
    for year in YEARS:
        yield _high_tech(year)
        yield _srdi(year)
    yield _gazelles()
    yield _revoked()


def truth(found: list[Delivery]) -> dict[str, Any]:
    return {}


RULES: dict[str, str] = {}
