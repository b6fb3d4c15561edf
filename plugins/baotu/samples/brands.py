"""Brand records: lists and library, valuations, certificates, bases, awards, and what they come to month by month."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from baotu.samples.deliveries import (
    GB18030,
    NOTE,
    UTF8,
    UTF8_BOM,
    YEARS,
    Cell,
    Delivery,
    Layout,
    Row,
    Xlsx,
    faulty_row,
)
from baotu.samples.names import DIVISIONS, ELSEWHERE, WORDS_1, WORDS_2, manufacturers, producers, wrong_check

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
    "valid_from": "有效期起",
    "valid_to": "有效期至",
    "base_name": "基地名称",
    "base_operator": "运营单位",
    "parent_brand": "上级品牌",
    "tier": "培育层次",
    "level": "级别",
    "award": "奖项",
    "payee_person": "获奖个人",
    "document": "文号",
    "remark": "备注",
}
_CLASSES = ("制造业", "服务业", "农业")
_VALUER, _OTHER_VALUER = "示例品牌评价中心", "示例品牌研究院"
_OLD, _NEW = "GB/T 29188-2012", "GB/T 29188-2022"
_COMPANIES = [*producers(), *manufacturers()]


@dataclass(frozen=True)
class Fact:
    """What a row says, as the truth understands it."""

    kind: str
    #: What it is about: the number of the brand, or the name of a base.
    of: int | str
    #: Records of one key are versions of each other: the latest issue that is known stands.
    key: tuple[Any, ...]
    group: str = ""
    year: int = 0
    level: str = "provincial"
    tier: str | None = None
    status: str = ""
    value: Decimal = Decimal(0)
    on: date | None = None
    #: The first day without.
    until: date | None = None
    valuer: str = ""
    version: str = ""
    parent: int | None = None
    award: str = ""
    payee: str = ""


@dataclass(kw_only=True, eq=False, slots=True)
class BrandRow(Row):
    """A row and what it says; held back rows say nothing."""

    fact: Fact | None = None


def _layout(*columns: str) -> Layout:
    return tuple((column, _HEADERS[column]) for column in columns)


def _brand(number: int, **own: Cell) -> dict[str, Cell]:
    """The number-th brand and who holds it."""
    company = _COMPANIES[number]
    return {
        "brand_name": f"{WORDS_1[number % 12]}{WORDS_2[number // 12 % 10]}示例牌{number + 1}",
        "holder_name": company.name,
        "holder_uscc": company.code,
        "division": DIVISIONS[number % len(DIVISIONS)][1],
        "remark": NOTE,
    } | own


# ----------------------------------------------------------------------------------------------------
# Lists and library

#: Year → brands that its list leaves out though they have not left, that it says have left, that are on it again.
_UNNAMED = {2021: {3, 9}, 2022: {3, 4}}
_EXITS = {2021: {5, 6, 15}, 2022: {15, 22}}
_BACK = {2022: {5}}
#: Brand → year from which on another annex lists it; the second also leaves the first one.
_RECLASSED, _MOVED = {7: (2021, "制造业")}, {14: (2021, "服务业")}
#: In both annexes of a year.
_BOTH = {10: 2022}


def _class_of(number: int, year: int) -> str:
    for moves in (_RECLASSED, _MOVED):
        if number in moves and year >= moves[number][0]:
            return moves[number][1]
    return _CLASSES[number % 3]


def _entry(number: int, year: int, status: str, **own: Cell) -> BrandRow:
    cells = _brand(
        number, record_kind="培育名单", brand_class=_class_of(number, year), list_year=str(year), status=status
    )
    cells |= own
    group = "service" if cells["brand_class"] == "服务业" else "product"
    gone = status == "退出"
    return BrandRow(
        cells=cells,
        fact=Fact(
            kind="listing",
            of=number,
            key=("listing", number, group, year, gone),
            group=group,
            year=year,
            status="withdrawn" if gone else "listed",
        ),
    )


def _cultivated(year: int) -> Delivery:
    last = 40 * (year - 2019)
    known = 40 * (year - 2020)
    left = {number for before in range(2020, year) for number in _EXITS.get(before, set())}
    rows: list[Row] = []
    for number in range(last):
        if number in _UNNAMED.get(year, set()) or (number in left and number not in _BACK.get(year, set())):
            continue
        gone = number in _EXITS.get(year, set())
        status = "退出" if gone else "持续培育" if number < known else "新增培育"
        # Names alone, as some lists have them.
        code = {"holder_uscc": None} if year == 2022 and number % 7 == 0 else {}
        rows.append(_entry(number, year, status, **code))
        if _BOTH.get(number) == year:
            rows.append(_entry(number, year, "新增培育", brand_class="服务业"))
        if number in _MOVED and _MOVED[number][0] == year:
            rows.append(_entry(number, year, "退出", brand_class=_CLASSES[number % 3]))
    elsewhere = _entry(200 + year - 2020, year, "新增培育", division=ELSEWHERE[1])
    elsewhere.fact, elsewhere.trap = None, "another city's: it counts nowhere"
    rows.append(elsewhere)
    imputed = _entry(last, year, "新增培育")
    told = faulty_row(
        imputed.cells, "brand_name", None, "brand missing: the holder's name stands for it", "BRA103", outcome="info"
    )
    rows.append(BrandRow(cells=told.cells, error=told.error, fact=imputed.fact))
    rows += [
        faulty_row(_entry(last + 1, year, "新增培育").cells, "brand_class", None, "class is missing", "BRA005"),
        faulty_row(_entry(last + 2, year, "新增培育").cells, "status", "待核", "a status that nobody knows", "BRA006"),
        faulty_row(
            _entry(last + 3, year, "新增培育").cells,
            "record_kind",
            "示例类型",
            "a kind of record that nobody knows",
            "BRA001",
        ),
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


def _listed_later() -> Iterator[Delivery]:
    """A list that was completed after its year, a row that was put right, an exit between two lists."""
    columns = ("record_kind", "brand_name", "holder_name", "holder_uscc", "division", "brand_class", "list_year")
    yield Delivery(
        source=SOURCE,
        name="2021/高端品牌名单_2020年补充_20210315.csv",
        issued_on=date(2021, 3, 15),
        form=UTF8,
        layout=_layout(*columns, "status", "remark"),
        rows=[_entry(number, 2020, "新增培育") for number in (210, 211, 212)],
    )
    yield Delivery(
        source=SOURCE,
        name="2022/高端品牌名单_2021年更正_20220210.csv",
        issued_on=date(2022, 2, 10),
        form=UTF8,
        layout=_layout(*columns, "status", "remark"),
        rows=[_entry(81, 2021, "新增培育")],
    )
    yield Delivery(
        source=SOURCE,
        name="2022/退出培育品牌_20220620.csv",
        issued_on=date(2022, 6, 20),
        form=GB18030,
        # Whom it concerns is known; where they are it does not say.
        layout=_layout("record_kind", "brand_name", "holder_name", "brand_class", "list_year", "status"),
        rows=[_entry(number, 2022, "退出") for number in (30, 31)],
    )


#: Year → brands of the city's library by tier. 44 and 45 come to the province's list in 2021, 90 in 2022.
_LIBRARY: dict[int, dict[int, str]] = {
    2020: {44: "潜力品牌", 45: "主导品牌", 90: "潜力品牌", 220: "老品牌振兴", 221: "潜力品牌", 222: "主导品牌"},
    2021: {90: "主导品牌", 220: "老品牌振兴", 221: "主导品牌", 223: "潜力品牌"},
    2022: {221: "主导品牌", 223: "潜力品牌", 224: "老品牌振兴"},
}
_TIERS = {"主导品牌": "leading", "潜力品牌": "potential", "老品牌振兴": "revival"}


def _library(year: int) -> Delivery:
    def entry(number: int, tier: str, status: str) -> BrandRow:
        row = _entry(number, year, status, tier=tier)
        assert row.fact is not None
        fact = replace(row.fact, key=(*row.fact.key, "municipal"), level="municipal", tier=_TIERS[tier])
        return BrandRow(cells=row.cells | {"level": "市级"}, fact=fact)

    rows: list[Row] = [entry(number, tier, "新增培育") for number, tier in _LIBRARY[year].items()]
    if year == 2022:
        rows.append(entry(220, "老品牌振兴", "退出"))
        odd = entry(225, "主导品牌", "新增培育")
        told = faulty_row(odd.cells, "tier", "明星品牌", "a tier that nobody knows", "BRA107", outcome="info")
        assert odd.fact is not None
        rows.append(BrandRow(cells=told.cells, error=told.error, fact=replace(odd.fact, tier=None)))
        wrong = entry(226, "主导品牌", "新增培育")
        rows.append(faulty_row(wrong.cells, "level", "街道级示例", "a level that nobody knows", "BRA017"))
    return Delivery(
        source=SOURCE,
        name=f"{year}/市品牌培育库_{year}年_{year}0430.csv",
        issued_on=date(year, 4, 30),
        form=UTF8,
        layout=_layout(
            *("record_kind", "brand_name", "holder_name", "holder_uscc", "division", "brand_class"),
            *("list_year", "status", "tier", "level", "remark"),
        ),
        rows=rows,
    )


# ----------------------------------------------------------------------------------------------------
# Values

#: Child → parent. 1 is a service brand below a product brand: each sum has its own topmost brand.
_PARENTS = {1: 0, 2: 0, 3: 0, 6: 3, 30: 0}
#: Valued in 2020 only: too old from June 2022 on.
_ONCE = {18, 19}


def _valuation(number: int, value: str, on: date, valuer: str = _VALUER, version: str = _OLD) -> BrandRow:
    parent = _PARENTS.get(number)
    return BrandRow(
        cells=_brand(
            number,
            record_kind="品牌价值",
            brand_value=value,
            unit="亿元",
            valued_on=on.isoformat(),
            valuer=valuer,
            method_version=version,
            parent_brand=None if parent is None else _brand(parent)["brand_name"],
        ),
        fact=Fact(
            kind="valuation",
            of=number,
            key=("valuation", number, valuer, on),
            value=Decimal(value),
            on=on,
            valuer=valuer,
            version=version,
            parent=parent,
        ),
    )


_VALUE_COLUMNS = (
    *("record_kind", "brand_name", "holder_name", "holder_uscc", "division", "brand_value", "unit"),
    *("valued_on", "valuer", "method_version", "parent_brand"),
)


def _valued(year: int) -> Delivery:
    day = date(year, 5, 10)

    def value(number: int) -> str:
        return f"{12.5 + number * 1.75 + (year - 2020) * 0.4:.2f}"

    rows: list[Row] = [
        _valuation(number, value(number), day) for number in range(24) if year == 2020 or number not in _ONCE
    ]
    in_another_unit = rows[-1]
    assert isinstance(in_another_unit, BrandRow) and in_another_unit.fact is not None
    in_another_unit.cells |= {"brand_value": "527500", "unit": "万元"}
    in_another_unit.fact = replace(in_another_unit.fact, value=Decimal("52.75"))
    rows.append(_valuation(30, value(30), day))
    # Another valuer sees more in fewer brands.
    rows += [_valuation(number, f"{300 + number}.5", day, _OTHER_VALUER) for number in (0, 4, 8)]
    rows += [
        faulty_row(_valuation(24, "1", day).cells, "brand_value", "约十亿", "a value that is no number", "BRA007"),
        faulty_row(_valuation(25, "1", day).cells, "brand_value", "-3.2", "a value below zero", "BRA009"),
    ]
    return Delivery(
        source=SOURCE,
        name=f"{year}/品牌价值评价结果_{year}年.xlsx",
        issued_on=date(year, 5, 20),
        form=Xlsx(sheet="评价结果"),
        layout=_layout(*_VALUE_COLUMNS),
        rows=rows,
        titles=(f"{year}年品牌价值评价结果（{NOTE}）", f"{year}年5月20日"),
    )


def _valued_later() -> Iterator[Delivery]:
    """A value that was put right, and the first ones by the new version of the standard."""
    yield Delivery(
        source=SOURCE,
        name="2021/品牌价值评价结果_2021年更正_20210710.csv",
        issued_on=date(2021, 7, 10),
        form=UTF8,
        layout=_layout(*_VALUE_COLUMNS),
        rows=[_valuation(4, "99.90", date(2021, 5, 10))],
    )
    yield Delivery(
        source=SOURCE,
        name="2022/品牌价值评价结果_新标准_20221231.csv",
        issued_on=date(2022, 12, 31),
        form=UTF8,
        layout=_layout(*_VALUE_COLUMNS),
        rows=[_valuation(number, f"{70 + number}.25", date(2022, 12, 30), version=_NEW) for number in (0, 1, 4)],
    )


# ----------------------------------------------------------------------------------------------------
# Certificates and bases

_STATUSES = {
    "有效": "valid",
    "恢复": "valid",
    "续证": "renewed",
    "暂停": "suspended",
    "撤销": "revoked",
    "注销": "cancelled",
    "过期": "expired",
}


def _certificate(number: int, no: str, status: str, start: date | None, last: date | None) -> BrandRow:
    return BrandRow(
        cells=_brand(
            number,
            record_kind="泰山品质",
            certificate_no=no,
            valid_from=start and start.isoformat(),
            valid_to=last and last.isoformat(),
            status=status,
        ),
        fact=Fact(
            kind="certificate",
            of=number,
            key=("certificate", no),
            status=_STATUSES[status],
            on=start,
            until=last and last + timedelta(days=1),
            award="taishan",
            payee=_COMPANIES[number].code,
        ),
    )


def _certified() -> Iterator[Delivery]:
    columns = ("record_kind", "brand_name", "holder_name", "holder_uscc")
    last = date(2024, 8, 31)

    def no(number: int) -> str:
        return f"SLTS2021{number:04d}"

    rows: list[Row] = [_certificate(number, no(number), "有效", None, last) for number in range(7)]
    rows += [_certificate(7, no(7), "暂停", None, last), _certificate(8, no(8), "撤销", None, last)]
    odd = _certificate(9, no(9), "有效", None, last)
    told = faulty_row(
        odd.cells,
        "holder_uscc",
        wrong_check(str(odd.cells["holder_uscc"])),
        "USCC with a wrong check digit",
        "BRA101",
        outcome="info",
    )
    rows.append(BrandRow(cells=told.cells, error=told.error, fact=odd.fact))
    yield Delivery(
        source=SOURCE,
        name="2021/泰山品质认证证书_20210905.csv",
        issued_on=date(2021, 9, 5),
        form=GB18030,
        layout=_layout(*columns, "division", "certificate_no", "valid_to", "status", "remark"),
        rows=rows,
    )
    # What became of them; a notice has no addresses.
    yield Delivery(
        source=SOURCE,
        name="2021/泰山品质证书状态_20211215.csv",
        issued_on=date(2021, 12, 15),
        form=UTF8,
        layout=_layout(*columns, "certificate_no", "valid_to", "status"),
        rows=[_certificate(0, no(0), "暂停", None, last), _certificate(1, no(1), "撤销", None, last)],
    )
    yield Delivery(
        source=SOURCE,
        name="2022/泰山品质证书状态_20220405.csv",
        issued_on=date(2022, 4, 5),
        form=UTF8,
        layout=_layout(*columns, "certificate_no", "valid_to", "status"),
        rows=[_certificate(0, no(0), "恢复", None, last), _certificate(7, no(7), "恢复", None, last)],
    )
    rows = [
        # The same brand again, another brand of the same enterprise's year, one of before, one that runs out.
        _certificate(2, "SLTS20220001", "续证", date(2022, 5, 1), date(2025, 4, 30)),
        _certificate(3, "SLTS20220002", "有效", date(2022, 5, 1), date(2025, 4, 30)),
        _certificate(20, "SLTS20220003", "有效", date(2020, 10, 1), date(2022, 9, 30)),
        _certificate(21, "SLTS20220004", "有效", date(2022, 1, 15), date(2022, 11, 29)),
        _certificate(22, "SLTS20220005", "过期", date(2021, 1, 15), date(2022, 1, 14)),
    ]
    yield Delivery(
        source=SOURCE,
        name="2022/泰山品质认证证书_20220610.csv",
        issued_on=date(2022, 6, 10),
        form=UTF8_BOM,
        layout=_layout(*columns, "division", "certificate_no", "valid_from", "valid_to", "status", "remark"),
        rows=rows,
    )


def _base(number: int, status: str = "有效", start: date | None = None, last: date | None = None) -> BrandRow:
    name, operator = f"{DIVISIONS[number][1]}示例优质产品基地", _COMPANIES[230 + min(number, 7)]
    return BrandRow(
        cells={
            "record_kind": "优质产品基地",
            "base_name": name,
            "base_operator": operator.name,
            "holder_uscc": operator.code,
            "division": DIVISIONS[number][1],
            "valid_from": start and start.isoformat(),
            "valid_to": last and last.isoformat(),
            "status": status,
            "remark": NOTE,
        },
        fact=Fact(
            kind="base",
            of=name,
            key=("base", name),
            status=_STATUSES[status],
            on=start,
            until=last and last + timedelta(days=1),
            award="quality_base",
            payee=operator.code,
        ),
    )


def _bases() -> Iterator[Delivery]:
    columns = ("record_kind", "base_name", "base_operator", "holder_uscc", "division", "valid_from", "valid_to")
    start, last = date(2020, 12, 1), date(2022, 6, 30)
    yield Delivery(
        source=SOURCE,
        name="2020/优质产品基地_20201215.csv",
        issued_on=date(2020, 12, 15),
        form=UTF8,
        layout=_layout(*columns, "status", "remark"),
        rows=[_base(number, "有效", start, last) for number in (0, 1, 9)],
    )
    rows: list[Row] = [_base(0, "续证", start, date(2024, 6, 30)), *(_base(number) for number in range(2, 9))]
    rows.append(faulty_row(_base(10).cells, "base_name", None, "the base's name is missing", "BRA004"))
    yield Delivery(
        source=SOURCE,
        name="2022/优质产品基地_20220930.csv",
        issued_on=date(2022, 9, 30),
        form=UTF8,
        layout=_layout(*columns, "status", "remark"),
        rows=rows,
    )


# ----------------------------------------------------------------------------------------------------
# Awards


def _award(award: str, on: date, number: int, person: str | None = None, status: str | None = None) -> BrandRow:
    company = _COMPANIES[number]
    nominated = "提名" in award
    code = "quality_award_person" if person else "quality_award_organisation"
    return BrandRow(
        cells={
            "record_kind": "市长质量奖",
            "holder_name": company.name,
            "holder_uscc": company.code,
            "award": award,
            "payee_person": person,
            "list_year": str(on.year),
            "valid_from": on.isoformat(),
            "status": status,
            "document": f"示例政字〔{on.year}〕5号",
        },
        fact=Fact(
            kind="award",
            of=person or company.code,
            key=("award", nominated, person or company.code, on.year),
            status="renewed" if status else "nominated" if nominated else "valid",
            on=on,
            award=code,
            payee=person or company.code,
        ),
    )


def _awarded() -> Iterator[Delivery]:
    columns = (
        "record_kind",
        "award",
        "holder_name",
        "holder_uscc",
        "payee_person",
        "list_year",
        "valid_from",
        "status",
    )
    organisation, person, nomination = "市长质量奖（组织）", "市长质量奖（个人）", "市长质量奖提名奖"
    before, first, second = date(2019, 12, 5), date(2021, 5, 12), date(2022, 5, 12)
    by_day: dict[date, list[Row]] = {
        before: [_award(organisation, before, 40)],
        first: [
            *(_award(organisation, first, number) for number in (41, 42)),
            # Awarded before the plan: not the first time.
            _award(organisation, first, 40),
            *(_award(nomination, first, number) for number in (43, 44)),
            _award(person, first, 41, "示例甲"),
            _award(person, first, 45, "示例乙"),
        ],
        second: [
            _award(organisation, second, 41, status="再次获奖"),
            # Nominated a year ago, a winner now.
            _award(organisation, second, 43),
            _award(nomination, second, 46),
            _award(person, second, 41, "示例甲"),
            _award(person, second, 47, "示例丙"),
        ],
    }
    for day, rows in by_day.items():
        if day == second:
            rows += [
                faulty_row(_award(person, day, 48, "示例丁").cells, "award", "示例荣誉", "not what award", "BRA018"),
                faulty_row(
                    _award(organisation, day, 48).cells | {"holder_uscc": None},
                    "holder_name",
                    None,
                    "nobody is named",
                    "BRA019",
                ),
            ]
        issued_on = day + timedelta(days=90 if day == before else 8)
        yield Delivery(
            source=SOURCE,
            name=f"{max(day.year, 2020)}/济南市市长质量奖获奖名单_{issued_on:%Y%m%d}.csv",
            issued_on=issued_on,
            form=UTF8,
            layout=_layout(*columns, "document"),
            rows=rows,
        )


def deliveries(seed: int, scale: float) -> Iterator[Delivery]:
    for year in YEARS:
        yield _cultivated(year)
        yield _library(year)
        yield _valued(year)
    yield from _listed_later()
    yield from _valued_later()
    yield from _certified()
    yield from _bases()
    yield from _awarded()


# ----------------------------------------------------------------------------------------------------
# Truth

_ENDED = {"suspended", "revoked", "cancelled", "expired", "withdrawn"}
_MEASURES = ("I01", "I02", "I03", "I04", "I05", "I06")


class _Known:
    """What can be known of brands by a day."""

    def __init__(self, told: Sequence[tuple[date, Fact]], known_at: date) -> None:
        #: Key → all versions by day of issue; the last one stands.
        self.versions: dict[tuple[Any, ...], list[tuple[date, Fact]]] = {}
        for issued_on, fact in told:
            if issued_on <= known_at:
                self.versions.setdefault(fact.key, []).append((issued_on, fact))
        self.facts = [versions[-1][1] for versions in self.versions.values()]
        self.parents: dict[int, set[int]] = {}
        for fact in self.facts:
            if fact.parent is not None and isinstance(fact.of, int):
                self.parents.setdefault(fact.of, set()).add(fact.parent)

    def of(self, kind: str) -> list[tuple[date, Fact]]:
        """Records that stand, each with the day of its first version."""
        return [
            (versions[0][0], versions[-1][1]) for versions in self.versions.values() if versions[-1][1].kind == kind
        ]

    def listed(self, on: date, level: str) -> tuple[dict[int | str, str], set[str]]:
        """Brands on the lists and their class, "both" for those to be reviewed; classes of which a list is known."""
        entries: dict[int | str, list[tuple[int, date, Fact]]] = {}
        for issued_on, fact in self.of("listing"):
            since = max(min(issued_on, date(fact.year, 12, 31)), date(fact.year, 1, 1))
            if since <= on and fact.level == level:
                entries.setdefault(fact.of, []).append((fact.year, since, fact))
        standing = {}
        for brand, its in entries.items():
            listings = [entry for entry in its if entry[2].status == "listed"]
            exits = [entry for entry in its if entry[2].status == "withdrawn"]
            if not listings:
                continue
            latest = max(year for year, _, _ in listings)
            groups = set()
            for year, since, fact in listings:
                ended = any(
                    left > year or (left == year and gone.group == fact.group and day >= since)
                    for left, day, gone in exits
                )
                if year == latest and not ended:
                    groups.add(fact.group)
            if groups:
                standing[brand] = groups.pop() if len(groups) == 1 else "both"
        return standing, {fact.group for its in entries.values() for _, _, fact in its}

    def above(self, brand: int) -> set[int]:
        found: set[int] = set()
        waiting = [brand]
        while waiting:
            for parent in self.parents.get(waiting.pop(), set()) - found:
                found.add(parent)
                waiting.append(parent)
        return found

    def value(self, on: date, group: str) -> Decimal | None:
        standing, _ = self.listed(on, "provincial")
        oldest = date(on.year - 2, on.month, min(on.day, 28) if on.month == 2 else on.day)
        by_scheme: dict[tuple[str, str], dict[int | str, Fact]] = {}
        for _, fact in self.of("valuation"):
            if standing.get(fact.of) == group and fact.on is not None and oldest <= fact.on <= on:
                values = by_scheme.setdefault((fact.valuer, fact.version), {})
                other = values.get(fact.of)
                if other is None or other.on is None or other.on < fact.on:
                    values[fact.of] = fact
        if not by_scheme:
            return None
        most = max(len(values) for values in by_scheme.values())
        (values,) = (values for values in by_scheme.values() if len(values) == most)
        return sum(
            (fact.value for brand, fact in values.items() if not self.above(int(brand)) & values.keys()), Decimal(0)
        )

    def valid(self, on: date, kind: str) -> int | None:
        found = set()
        begun = False
        for first_issued_on, fact in self.of(kind):
            if (fact.on or first_issued_on) > on:
                continue
            begun = True
            versions = self.versions[fact.key]
            told = [version for version in versions if version[0] <= on]
            issued_on, stated = told[-1] if told else versions[0]
            status = stated.status
            if status == "expired" and issued_on > on and fact.until is not None:
                status = "valid"
            if status not in _ENDED and (fact.until is None or on < fact.until):
                found.add(fact.of)
        return len(found) if begun else None

    def all(self, on: date) -> dict[str, str | int | None]:
        standing, groups = self.listed(on, "provincial")
        counts = Counter(standing.values())
        product, service = self.value(on, "product"), self.value(on, "service")
        return {
            "I01": counts["product"] if "product" in groups else None,
            "I02": None if product is None else str(product),
            "I03": self.valid(on, "certificate"),
            "I04": self.valid(on, "base"),
            "I05": counts["service"] if "service" in groups else None,
            "I06": None if service is None else str(service),
        }


#: Yuan for a first award.
_AMOUNTS = {
    "quality_award_organisation": 500_000,
    "quality_award_person": 50_000,
    "quality_base": 200_000,
    "taishan": 100_000,
}
_PLAN_ON = date(2020, 10, 23)


def _incentives(known: _Known, on: date) -> dict[str, dict[str, int]]:
    """Owed by year and award: to each payee once, for the first award of that title, if the plan was there."""
    first: dict[tuple[str, str], tuple[date, str]] = {}
    for kind in ("award", "certificate", "base"):
        for issued_on, fact in known.of(kind):
            statuses = [version.status for _, version in known.versions[fact.key]]
            # Found revoked by the first document that names it: no award is proven. What has expired was in force.
            ever_valid = any(status not in _ENDED or status == "expired" for status in statuses)
            day = fact.on or issued_on
            if fact.status == "nominated" or not ever_valid or day > on:
                continue
            holder = (fact.award, fact.payee)
            # Whose first record is a renewal was awarded before.
            if holder not in first or day < first[holder][0]:
                first[holder] = (day, statuses[0])
    owed: dict[str, dict[str, int]] = {str(year): dict.fromkeys(_AMOUNTS, 0) for year in YEARS}
    for (award, _), (day, status) in first.items():
        if day >= _PLAN_ON and status != "renewed":
            owed[str(day.year)][award] += _AMOUNTS[award]
    return owed


def _library_of(known: _Known, on: date) -> dict[int | str, tuple[str, str | None]]:
    """Brand → level and tier."""
    states: dict[int | str, tuple[str, str | None]] = {}
    for level in ("municipal", "provincial"):
        for brand in known.listed(on, level)[0]:
            tiers = sorted(
                (fact.year, fact.tier)
                for _, fact in known.of("listing")
                if fact.of == brand and fact.tier and fact.status == "listed" and fact.year <= on.year
            )
            states[brand] = (level, tiers[-1][1] if tiers else None)
    return states


def _moved(before: tuple[str, str | None] | None, now: tuple[str, str | None] | None) -> str:
    if before is None:
        return "entered"
    if now is None:
        return "left"
    if before[0] != now[0]:
        return "promoted" if now[0] == "provincial" else "moved_down"
    return "moved_tier" if before[1] and now[1] and before[1] != now[1] else "stayed"


def _movement(known: _Known, as_of: Callable[[int], date]) -> dict[str, dict[str, int]]:
    found = {}
    before: dict[int | str, tuple[str, str | None]] = {}
    for year in YEARS:
        now = _library_of(known, as_of(year))
        found[str(year)] = dict(
            sorted(Counter(_moved(before.get(brand), now.get(brand)) for brand in before.keys() | now.keys()).items())
        )
        before = now
    return found


def truth(found: list[Delivery]) -> dict[str, Any]:
    told = sorted(
        (
            (delivery.issued_on, row.fact)
            for delivery in found
            if delivery.status == "accepted"
            for row in delivery.rows
            if isinstance(row, BrandRow) and row.fact is not None
        ),
        key=lambda pair: pair[0],
    )
    month_ends = [
        date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1) for year in YEARS for month in range(1, 13)
    ]
    now = _Known(told, date.max)
    by_month = {
        "as_known_then": {day.isoformat(): _Known(told, day).all(day) for day in month_ends},
        "as_known_now": {day.isoformat(): now.all(day) for day in month_ends},
    }
    return {
        "brands": {
            basis: {measure: {day: values[measure] for day, values in days.items()} for measure in _MEASURES}
            for basis, days in by_month.items()
        },
        "brand_library": _movement(now, lambda year: date(year, 12, 31)),
        "incentives": _incentives(now, date(2022, 12, 31)),
    }


RULES = {
    "brands": "I01 to I06 at each end of month: as known then, and as known once all deliveries are there; null where no"
    " record of the kind is known, which is not none",
    "brand_library": "how many brands moved how on the ladder of the city's library and the province's lists, by year",
    "incentives": "yuan owed by year and award: the first award of a title to a payee, from the plan's day on",
}
