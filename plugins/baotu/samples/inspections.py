"""Random inspections (双随机一公开): directories of objects and officers, draws from them, and checks led by complaints."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import combinations
from typing import Any

from baotu.samples.deliveries import (
    GB18030,
    NOTE,
    UTF8,
    YEARS,
    Cell,
    Csv,
    Delivery,
    Fault,
    Layout,
    Row,
    Xlsx,
    faulty_row,
)
from baotu.samples.names import DIVISIONS, Company, manufacturers, producers, wrong_check

SOURCE = "random_inspections"
OFFICE = "济南市示例市场监管局"

_HEADERS = {
    "task_no": "抽查任务编号",
    "task_name": "抽查任务名称",
    "office": "检查机关",
    "enterprise_name": "检查对象名称",
    "enterprise_uscc": "统一社会信用代码",
    "division": "所属区县",
    "category": "检查对象类别",
    "snapshot_id": "名录库版本号",
    "snapshot_on": "名录库日期",
    "draw_method": "抽取方式",
    "draw_seed": "抽取记录号",
    "drawn_on": "抽取日期",
    "inspected_on": "检查日期",
    "published_on": "公示日期",
    "officers": "执法人员",
    "item_name": "抽查事项",
    "item_class": "事项类别",
    "result": "检查结果",
    "remark": "备注",
}
_FORMS: dict[int, Csv | Xlsx] = {2020: GB18030, 2021: Xlsx(sheet="检查结果"), 2022: UTF8}
_SURNAMES = "赵钱孙李周吴郑王冯陈"
#: Enterprises in each year's directory, and how many a quarter draws.
_LISTED = {2020: 192, 2021: 216, 2022: 240}
_DRAWN = 24
_OFFICERS = 20
#: The one quarter in which the draw was none: all from two divisions.
_BIASED = (2022, 2)
#: Results that come public only with a later list.
_LATE_LIST = (2021, 4)


def _layout(*columns: str) -> Layout:
    return tuple((column, _HEADERS[column]) for column in columns)


_INSPECTION_LAYOUT = _layout(
    *("task_no", "task_name", "office", "enterprise_name", "enterprise_uscc", "division", "category", "draw_method"),
    *("draw_seed", "snapshot_id", "drawn_on", "inspected_on", "published_on", "officers", "item_name", "item_class"),
    *("result", "remark"),
)


def officer(number: int) -> str:
    """A person who does not exist."""
    return f"示例{_SURNAMES[number % 10]}某{'甲乙'[number // 10 % 2]}"


def _object(number: int) -> tuple[Company, str, str]:
    """The number-th enterprise of the directory, its division and its category."""
    companies = [*producers(), *manufacturers()]
    # Food and industry by turns, so that either fills a directory of any size.
    company = companies[number // 2 + (number % 2) * len(companies) // 2]
    return company, DIVISIONS[number // 2 % len(DIVISIONS)][1], "工业产品生产" if number % 2 else "食品生产"


@dataclass(kw_only=True)
class _Inspection:
    task_no: str
    number: int
    method: str
    drawn_on: date
    inspected_on: date
    published_on: date | None
    officers: tuple[str, ...]
    has_problem: bool
    #: Held back by a rule: it counts nowhere.
    is_held: bool = False


@dataclass(kw_only=True, eq=False, slots=True)
class _ResultRow(Row):
    """A row of a list of results, and the inspection that it tells of: which is not what its cells say alone."""

    inspection: _Inspection
    quarter: tuple[int, int]
    #: The day of publication as this row says it.
    published_on: date | None


def _snapshot(year: int) -> str:
    return f"DXK{year}01"


def _cells(inspection: _Inspection, year: int, item: int, **own: Cell) -> dict[str, Cell]:
    company, division, category = _object(inspection.number)
    is_random = inspection.method == "random"
    cells: dict[str, Cell] = {
        "task_no": inspection.task_no,
        "task_name": f"{year}年示例{'随机抽查' if is_random else '投诉举报核查'}任务",
        "office": OFFICE,
        "enterprise_name": company.name,
        "enterprise_uscc": company.code,
        "division": division,
        "category": category,
        "draw_method": "双随机" if is_random else "投诉举报",
        "draw_seed": f"SEED-{inspection.task_no}" if is_random else None,
        "snapshot_id": _snapshot(year) if is_random else None,
        "drawn_on": inspection.drawn_on.isoformat(),
        "inspected_on": inspection.inspected_on.isoformat(),
        "published_on": inspection.published_on.isoformat() if inspection.published_on else None,
        "officers": "、".join(inspection.officers),
        "item_name": ("登记事项检查", "食品生产监督检查")[item],
        "item_class": ("一般检查事项", "重点检查事项")[item],
        "result": "发现问题已责令改正" if inspection.has_problem else "未发现问题",
        "remark": NOTE,
    }
    return cells | own


def _task(rng: random.Random, year: int, quarter: int, *, is_random: bool) -> list[_Inspection]:
    drawn_on = date(year, 3 * quarter - 2, 8)
    task_no = f"SJ{year}{quarter:02d}{'R' if is_random else 'T'}"
    members = range(_LISTED[year])
    if not is_random:
        chosen = rng.sample(members, 6)
    elif (year, quarter) == _BIASED:
        chosen = rng.sample([n for n in members if n // 2 % len(DIVISIONS) in (0, 8)], _DRAWN)
    else:
        chosen = rng.sample(members, _DRAWN)
    found = []
    for place, number in enumerate(chosen):
        inspected_on = drawn_on + timedelta(days=7 + place)
        # Two weeks are in time in any calendar, seventy days in none.
        late = is_random and place % 8 == 3
        published_on: date | None = inspected_on + timedelta(days=70 if late else 14)
        if is_random and place in (5, 6):
            published_on = None
        size = 3 if place % 9 == 4 else 2
        team = [(place * 2 + quarter + step * (1 + quarter % 3)) % _OFFICERS for step in range(size)]
        found.append(
            _Inspection(
                task_no=task_no, number=number, method="random" if is_random else "complaint", drawn_on=drawn_on,
                inspected_on=inspected_on, published_on=published_on,
                officers=tuple(officer(n) for n in dict.fromkeys(team)), has_problem=place % 11 == 2,
            )
        )  # fmt: skip
    return found


def _directory(year: int) -> Delivery:
    rows = []
    for number in range(_LISTED[year]):
        company, division, category = _object(number)
        cells: dict[str, Cell] = {
            "office": OFFICE,
            "enterprise_name": company.name,
            "enterprise_uscc": company.code,
            "division": division,
            "category": category,
            "snapshot_id": _snapshot(year),
            "snapshot_on": f"{year}-01-05",
            "remark": NOTE,
        }
        rows.append(Row(cells=cells))
    return Delivery(
        source=SOURCE,
        name=f"{year}/检查对象名录库_{year}年_{year}0106.csv",
        issued_on=date(year, 1, 6),
        form=UTF8,
        layout=_layout(
            *("office", "enterprise_name", "enterprise_uscc", "division", "category", "snapshot_id", "snapshot_on"),
            "remark",
        ),
        rows=rows,
    )


def _officers(year: int) -> Delivery:
    def cells(name: str) -> dict[str, Cell]:
        return {
            "office": OFFICE,
            "officers": name,
            "snapshot_id": f"RYK{year}01",
            "snapshot_on": f"{year}-01-05",
            "remark": NOTE,
        }

    rows = [Row(cells=cells(officer(number))) for number in range(_OFFICERS)]
    two = f"{officer(0)}、{officer(1)}"
    rows.append(faulty_row(cells(""), "officers", two, "two officers in one row of the directory", "INS004"))
    return Delivery(
        source=SOURCE,
        name=f"{year}/执法检查人员名录库_{year}年_{year}0106.csv",
        issued_on=date(year, 1, 6),
        form=UTF8,
        layout=tuple(
            (c, "姓名" if c == "officers" else h)
            for c, h in _layout("office", "officers", "snapshot_id", "snapshot_on", "remark")
        ),
        rows=rows,
    )


def _all(seed: int) -> dict[tuple[int, int], list[_Inspection]]:
    found = {}
    for year in YEARS:
        rng = random.Random(f"{seed}/random_inspections/{year}")
        for quarter in range(1, 5):
            tasks = [_task(rng, year, quarter, is_random=is_random) for is_random in (True, False)]
            found[year, quarter] = [inspection for task in tasks for inspection in task]
    # By one officer, and held back for a date that is none: the latter counts nowhere.
    for inspections in found.values():
        inspections[10].officers = inspections[10].officers[:1]
        inspections[11].is_held = True
    return found


def _issued_on(year: int, quarter: int) -> date:
    """In the middle of the month after the quarter's; one list is early, before its results are public."""
    if (year, quarter) == _LATE_LIST:
        return date(2021, 11, 10)
    return date(year + quarter // 4, 3 * quarter % 12 + 1, 15)


def _results(year: int, quarter: int, inspections: list[_Inspection]) -> Delivery:
    rows: list[Row] = []
    for place, inspection in enumerate(inspections):
        published_on = inspection.published_on
        # What is published after the list is issued is not in it.
        if published_on is not None and published_on > _issued_on(year, quarter):
            published_on = None
        told = published_on.isoformat() if published_on else None
        cells = _cells(inspection, year, 0, published_on=told)
        error = None
        if inspection.is_held:
            cells["inspected_on"] = f"{year}-02-30"
            error = Fault("inspected_on", "a day that does not exist", "INS006")
        elif place == 10:
            error = Fault("officers", "by one officer", "INS102", "info")
        elif place == 12:
            # Known by its name then, which the directory has.
            cells["enterprise_uscc"] = wrong_check(str(cells["enterprise_uscc"]))
            error = Fault("enterprise_uscc", "USCC with a wrong check digit", "INS101", "info")
        elif place == 13:
            cells["result"] = "示例结果"
            error = Fault("result", "a result that nobody knows", "INS103", "info")
        row = _ResultRow(
            cells=cells, error=error, inspection=inspection, quarter=(year, quarter), published_on=published_on
        )
        rows.append(row)
        if year == YEARS[-1] and place < 6:
            second = replace(row, cells=_cells(inspection, year, 1, published_on=told))
            second.trap = "two items of one inspection: it counts once"
            rows.append(second)
    unknown = _cells(inspections[0], year, 0, task_no=f"SJ{year}{quarter:02d}X")
    rows.append(faulty_row(unknown, "draw_method", "抓阄", "a way of choosing that nobody knows", "INS005"))
    form = _FORMS[year]
    return Delivery(
        source=SOURCE,
        name=f"{year}/双随机检查结果_{year}年第{quarter}季度_{_issued_on(year, quarter):%Y%m%d}"
        + (".xlsx" if isinstance(form, Xlsx) else ".csv"),
        issued_on=_issued_on(year, quarter),
        form=form,
        layout=_INSPECTION_LAYOUT,
        rows=rows,
        titles=(f"{year}年第{quarter}季度双随机抽查检查结果（{NOTE}）",) if isinstance(form, Xlsx) else (),
    )


def _late(inspections: list[_Inspection]) -> Delivery:
    """What the list of a quarter could not say yet: the days of publication after it."""
    year, quarter = _LATE_LIST
    issued_on = date(2022, 4, 20)
    later = [
        _ResultRow(cells=_cells(i, year, 0), inspection=i, quarter=_LATE_LIST, published_on=i.published_on)
        for place, i in enumerate(inspections)
        # With its right code the one of place 12 would be another enterprise than the one known by its name.
        if place != 12 and i.published_on and i.published_on > _issued_on(year, quarter) and not i.is_held
    ]
    return Delivery(
        source=SOURCE,
        name=f"{year}/双随机检查结果公示补报_{year}年第{quarter}季度_{issued_on:%Y%m%d}.csv",
        issued_on=issued_on,
        form=GB18030,
        layout=_INSPECTION_LAYOUT,
        rows=later,
    )


def deliveries(seed: int, scale: float) -> Iterator[Delivery]:
    found = _all(seed)
    for year in YEARS:
        yield _directory(year)
        yield _officers(year)
    for (year, quarter), inspections in found.items():
        yield _results(year, quarter, inspections)
    yield _late(found[_LATE_LIST])


def _chi_square(chosen: list[str], listed: list[str]) -> Fraction:
    """Pearson's statistic of a draw without replacement from what is listed; its cells hold one expected at least."""
    n, whole = len(chosen), len(listed)
    drawn, every = Counter(chosen), Counter(listed)
    expected = {cell: Fraction(n * count, whole) for cell, count in every.items()}
    assert min(expected.values()) >= 1
    plain = sum((Fraction(drawn[cell]) - e) ** 2 / e for cell, e in expected.items())
    return plain * Fraction(whole - 1, whole - n)


def _shown(found: list[_ResultRow], listed: int) -> dict[str, Any]:
    """The figures of a period: of random inspections, and how many others there were."""
    latest = {(row.inspection.task_no, row.inspection.number): row for row in found if not row.inspection.is_held}
    drawn = [row for row in latest.values() if row.inspection.method == "random"]
    in_time = [
        row
        for row in drawn
        if row.published_on and row.published_on - row.inspection.inspected_on <= timedelta(days=14)
    ]
    pairs = {
        (row.inspection.task_no, pair) for row in drawn for pair in combinations(sorted(row.inspection.officers), 2)
    }
    return {
        "directory": listed,
        "inspections": len(drawn),
        "enterprises": len({row.inspection.number for row in drawn}),
        "published_in_time": len(in_time),
        "with_two_officers": sum(len(row.inspection.officers) > 1 for row in drawn),
        "officers": len({name for row in drawn for name in row.inspection.officers}),
        "pairs": len(pairs),
        "repeated_pairs": len(pairs) - len({pair for _, pair in pairs}),
        "led_by_complaints": len(latest) - len(drawn),
    }


def truth(found: list[Delivery]) -> dict[str, Any]:
    by_quarter: dict[tuple[int, int], list[_ResultRow]] = {}
    for delivery in found:  # in the order of issue
        for row in delivery.rows:
            if isinstance(row, _ResultRow):
                by_quarter.setdefault(row.quarter, []).append(row)
    shown: dict[str, Any] = {}
    draws: dict[str, Any] = {}
    for year in YEARS:
        quarters = {q: rows for (y, q), rows in by_quarter.items() if y == year}
        listed = _LISTED[year]
        shown[str(year)] = _shown([row for rows in quarters.values() for row in rows], listed) | {
            "quarters": {f"Q{q}": _shown(rows, listed) for q, rows in quarters.items()}
        }
        for rows in quarters.values():
            drawn = {
                row.inspection.number: row.inspection.task_no
                for row in rows
                if row.inspection.method == "random" and not row.inspection.is_held
            }
            draws[next(iter(drawn.values()))] = {
                "drawn": len(drawn),
                "directory": listed,
                "division": str(_chi_square([_object(n)[1] for n in drawn], [_object(n)[1] for n in range(listed)])),
                "category": str(_chi_square([_object(n)[2] for n in drawn], [_object(n)[2] for n in range(listed)])),
            }
    return {"random_inspections": {"periods": shown, "draws": draws}}


RULES = {
    "random_inspections": "periods: inspections drawn at random (双随机), by the day of inspection; directory: its"
    " enterprises in the last snapshot of the period; published in time: 20 business days after the inspection;"
    " pairs: of officers, once for each task, repeated where another task of the period has them; held back rows and"
    " checks led by complaints are in none of these. draws: Pearson's chi-square of the enterprises drawn against the"
    " directory named, times (N - 1) / (N - n) for a draw without replacement",
}
