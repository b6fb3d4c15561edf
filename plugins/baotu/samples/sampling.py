"""Sampled products, and tables that count them: what food, agriculture and industry have in common."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import accumulate
from typing import Literal, TypeVar

from baotu.samples.deliveries import Cell, Delivery, Fault, Layout, Row, Xlsx
from baotu.samples.names import DIVISION_NAMES, DIVISIONS

Kind = Literal["evaluation", "supervision", "routine_monitoring", "risk_monitoring", "follow_up", "unknown"]
Result = Literal["pass", "fail", "problem"]
DateStyle = Callable[[date], Cell]

_CODES = [code for code, _, _ in DIVISIONS]
_PEOPLE = list(accumulate(float(people) for _, _, people in DIVISIONS))
#: First and last day of sampling. The last quarter ends early: its notice is then known when the year ends.
SEASONS = {1: ((1, 6), (3, 25)), 2: ((4, 1), (6, 25)), 3: ((7, 1), (9, 25)), 4: ((10, 9), (12, 15))}


@dataclass(frozen=True)
class Item:
    """A failing test: item, result, limit."""

    name: str
    result: str
    limit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One version of a sample, as it must be understood."""

    sample_no: str
    kind: Kind
    #: None: another city.
    division: str | None
    #: The zone that assessment takes out of the division, as it is called today.
    zone: str | None = None
    #: Class of product: one of the five of agriculture, a division of GB/T 4754.
    group: str = ""
    is_tableware: bool = False
    #: Of its own, or what stands in for it: the delivery's period.
    sampled_on: date
    result: Result = "pass"
    items: tuple[Item, ...] = ()
    #: Who made it, and whether they say that they did not.
    producer: str | None = None
    is_disputed: bool = False
    texts: tuple[tuple[str, Cell], ...] = ()


@dataclass(kw_only=True, eq=False, slots=True)
class SampleRow(Row):
    sample: Sample
    #: Whether the delivery's layout has the number.
    has_number: bool = True

    @property
    def subject(self) -> dict[str, str]:
        return {"sample_no": self.sample.sample_no} if self.has_number else {}

    def forget_cells(self) -> None:
        # `super()` without arguments does not know a class with slots.
        Row.forget_cells(self)
        self.sample = replace(self.sample, items=(), texts=())


Block = list[SampleRow]


def slashed(day: date) -> str:
    return f"{day.year}/{day.month}/{day.day}"


def day_of(rng: random.Random, year: int, quarter: int) -> date:
    """A day of the quarter's season."""
    first, last = (date(year, *day) for day in SEASONS[quarter])
    return first + timedelta(days=rng.randrange((last - first).days + 1))


def division_of(rng: random.Random, serial: int) -> str:
    """A division, by population; the first samples are from each, however small the scale."""
    code = rng.choices(_CODES, cum_weights=_PEOPLE)[0]
    return DIVISIONS[serial - 1][0] if serial <= len(DIVISIONS) else code


def zone_of(division: str, serial: int, sampled_on: date) -> tuple[str | None, str]:
    """The zone's code and what an address says after the division; most samples are in none."""
    match division, serial % 6:
        case (("370102" | "370112"), 0):
            return "JN-GXQ", "高新区"
        case "370112", 1:
            return "JN-NBSQ", "南部山区"
        case "370105", 0:
            # By its earlier name while it had that.
            return "JN-QBQ", "起步区" if sampled_on >= date(2021, 4, 25) else "先行区"
        case "370116", 0:
            return "JN-LWGXQ", "高新区"
    return None, ""


def produced(rng: random.Random, sampled_on: date) -> str:
    """A production date in one of the shapes that a file mixes, or a lot number instead."""
    day = sampled_on - timedelta(days=rng.randrange(5, 90))
    shape = rng.randrange(20)
    if shape == 0:
        return f"批号J{day:%y%m%d}"
    return slashed(day) if shape < 4 else f"{day:%Y%m%d}" if shape < 7 else day.isoformat()


def rows_of(sample: Sample, cells: dict[str, Cell], own: Iterable[dict[str, Cell]] = ({},)) -> Block:
    """A sample's rows: one for each of `own`, which holds the cells that differ between them."""
    base = {**dict(sample.texts), "sample_no": sample.sample_no, **cells}
    return [SampleRow(cells=base | differing, sample=sample) for differing in own]


def item_cells(sample: Sample) -> Iterable[dict[str, Cell]]:
    """The cells of each failing item; of a sample without one, a row without."""
    return [{"item_name": i.name, "item_result": i.result, "item_limit": i.limit} for i in sample.items] or ({},)


def trap(rows: Block, what: str) -> Block:
    for row in rows:
        row.trap = what
    return rows


_Planted = TypeVar("_Planted", bound=Row)

#: Column → the rule that finds a planted error in it, and what becomes of the row.
_RULES: dict[str, tuple[str, Literal["quarantined", "info"]]] = {
    "product_name": ("001", "quarantined"),
    "result": ("002", "quarantined"),
    "sampled_on": ("003", "quarantined"),
    "passed_count": ("008", "quarantined"),
    "category": ("010", "quarantined"),
    "producer_uscc": ("101", "info"),
}


def wrong(row: _Planted, letters: str, column: str, value: Cell, what: str) -> _Planted:
    """Plant an error; `letters` begin the codes of the source's rules."""
    number, outcome = _RULES[column]
    row.cells[column] = value
    row.error = Fault(column, what, letters + number, outcome)
    return row


def is_plain(block: Block) -> bool:
    return len(block) == 1 and not block[0].trap and not block[0].error


def twin(block: Block) -> Block:
    copies = [replace(row, cells=dict(row.cells)) for row in block]
    return trap(copies, "exact duplicate row: counts once")


# ----------------------------------------------------------------------------------------------------
# Tables of counts


@dataclass(frozen=True, kw_only=True)
class Count:
    """Counts of one scope, as a table of counts has them; the division None is the whole city."""

    year: int
    quarter: int
    division: str | None = None
    category: str
    kind: Kind
    tested: int
    passed: int
    failed: int
    is_total: bool = False
    #: Samples of the same scope are delivered too: they take precedence.
    has_samples: bool = False

    @property
    def period(self) -> str:
        return f"{self.year}年第{self.quarter}季度"


@dataclass(kw_only=True, eq=False, slots=True)
class CountRow(Row):
    count: Count

    @property
    def is_told(self) -> bool:
        return True

    @property
    def outcome(self) -> str:
        """What becomes of the counts: those of a scope without samples stand for it."""
        if self.is_quarantined:
            return "quarantined"
        return "total" if self.count.is_total else "beside_samples" if self.count.has_samples else "counted"


_COUNT_LAYOUT: Layout = (
    ("period", "期间"),
    ("sampled_division", "区县"),
    ("category", "类别"),
    ("sampling_kind", "抽检类型"),
    ("tested_count", "抽检批次数"),
    ("passed_count", "合格批次数"),
    ("failed_count", "不合格批次数"),
    ("published_rate_pct", "合格率"),
)


def count_row(count: Count, kind_text: str) -> CountRow:
    return CountRow(
        cells={
            "period": count.period,
            "sampled_division": DIVISION_NAMES[count.division] if count.division else "济南市",
            "category": count.category,
            "sampling_kind": kind_text,
            "tested_count": count.tested,
            "passed_count": count.passed,
            "failed_count": count.failed,
            "published_rate_pct": f"{100 * count.passed / count.tested:.2f}%",
        },
        count=count,
        trap="a total row: never added to what it sums" if count.is_total else None,
    )


def with_total(counts: Sequence[Count]) -> list[Count]:
    """The counts and the row that sums them."""
    tested, passed, failed = (sum(getattr(count, what) for count in counts) for what in ("tested", "passed", "failed"))
    total = replace(
        counts[0], division=None, category="合计", tested=tested, passed=passed, failed=failed, is_total=True
    )
    return [*counts, total]


def count_table(source: str, name: str, issued_on: date, titles: tuple[str, ...], rows: Sequence[CountRow]) -> Delivery:
    """A table of counts as a workbook."""
    return Delivery(
        source=source,
        name=name,
        issued_on=issued_on,
        form=Xlsx(sheet="汇总表"),
        layout=_COUNT_LAYOUT,
        rows=rows,
        titles=titles,
    )
