"""Sample deliveries of a fictional city for 2020–2022, and the truth that the warehouse must show of them.

Every company is invented, every credit code carries an organisation code of the range PDY00001–PDY99999,
which GB 11714 keeps for private use, and every file says that it is fictional. The truth is computed here
from the generated records, with exact fractions: not from the files and not in SQL, so that it can contradict
both.

A source is one function that returns its deliveries and one entry in `_SOURCES`; each draws from a random
stream of its own, so that a new source changes none that is already there.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import random
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import cycle
from pathlib import Path
from typing import Any, Literal

NOTE = "示例数据，纯属虚构"
YEARS = (2020, 2021, 2022)
#: Every date of a workbook that nobody reads is this one: the same data are the same bytes.
_EPOCH = (2020, 1, 1, 0, 0, 0)

Cell = str | int | date | None
#: Canonical column → header as this office writes it.
Layout = tuple[tuple[str, str], ...]


# ----------------------------------------------------------------------------------------------------
# Deliveries


@dataclass(frozen=True)
class Fault:
    """A planted error: where, what is wrong, which rule finds it, and what becomes of its row."""

    column: str
    what: str
    rule: str
    #: `info`: only recorded, for the rate does not need that cell; the row counts.
    outcome: Literal["quarantined", "info"] = "quarantined"


@dataclass(kw_only=True, eq=False)
class Row:
    """One row as delivered, and what is known of it beyond its cells."""

    cells: dict[str, Cell]
    error: Fault | None = None
    #: Planted on purpose without being an error: accepted, and must be understood rightly.
    trap: str | None = None
    #: As Excel or a text editor shows it; for a record over several lines, its first. Known once encoded.
    file_row: int = 0

    @property
    def is_quarantined(self) -> bool:
        return self.error is not None and self.error.outcome == "quarantined"


@dataclass(frozen=True, kw_only=True)
class Csv:
    encoding: str = "utf-8"
    bom: bytes = b""
    delimiter: str = ","
    newline: str = "\n"


@dataclass(frozen=True, kw_only=True)
class Xlsx:
    sheet: str


UTF8 = Csv()
UTF8_BOM = Csv(bom=b"\xef\xbb\xbf", newline="\r\n")
GB18030 = Csv(encoding="gb18030", newline="\r\n")
#: What Excel calls "Unicode text".
UTF16_TAB = Csv(encoding="utf-16-le", bom=b"\xff\xfe", delimiter="\t", newline="\r\n")


@dataclass(kw_only=True, eq=False)
class Delivery:
    source: str
    #: Path under the source's folder.
    name: str
    issued_on: date
    form: Csv | Xlsx
    layout: Layout
    rows: Sequence[Row]
    #: Merged rows above the header (workbooks only).
    titles: tuple[str, ...] = ()
    sidecar: dict[str, str | int] | None = None
    #: `refused` is never read; `known` are the bytes of a delivery that landed before.
    status: Literal["accepted", "rejected", "refused", "known"] = "accepted"

    @property
    def is_read(self) -> bool:
        return self.status in ("accepted", "rejected")

    @property
    def file(self) -> str:
        return f"{self.source}/{self.name}"


# ----------------------------------------------------------------------------------------------------
# Names and codes

#: Code, name, resident population in 10,000 (invented).
DIVISIONS: tuple[tuple[str, str, str], ...] = (
    ("370102", "历下区", "80.5"),
    ("370103", "市中区", "88.1"),
    ("370104", "槐荫区", "66.4"),
    ("370105", "天桥区", "84.2"),
    ("370112", "历城区", "110.6"),
    ("370113", "长清区", "59.3"),
    ("370114", "章丘区", "104.7"),
    ("370115", "济阳区", "55.8"),
    ("370116", "莱芜区", "86.9"),
    ("370117", "钢城区", "29.6"),
    ("370124", "平阴县", "33.2"),
    ("370126", "商河县", "48.7"),
)
_DIVISION_NAMES = {code: name for code, name, _ in DIVISIONS}
#: Another city has a 市中区 too: the name alone does not make a sample Jinan's.
ELSEWHERE = ("枣庄市市中区", "泰安市泰山区", "淄博市张店区")

_WORDS_1 = ("云栖", "麦浪", "青禾", "晨露", "松涧", "月桥", "柳岸", "石泉", "星野", "棠梨", "秋水", "远帆")
_WORDS_2 = ("一味", "二禾", "三谷", "四时", "五味", "六和", "七里", "八方", "九州", "十全")
_PRODUCER_KINDS = ("食品", "粮油", "调味品", "乳业", "酒业", "糕点")
_PARTIES = ("超市", "便利店", "粮油店", "食品商行")
_CATERERS = ("餐饮店", "快餐店", "面馆", "食堂")

_USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def uscc(division: str, serial: int) -> str:
    """An invented credit code of an enterprise with both check characters right (GB 32100, GB 11714)."""
    subject = f"PDY{serial:05d}"
    weighted = sum(int(c, 36) * w for c, w in zip(subject, (3, 7, 9, 10, 5, 8, 4, 2), strict=True))
    body = f"91{division}{subject}{'0X987654321'[weighted % 11]}"
    total = sum(_USCC.index(c) * pow(3, i, 31) for i, c in enumerate(body))
    return body + _USCC[-total % 31]


def _wrong_check(code: str) -> str:
    return code[:-1] + _USCC[(_USCC.index(code[-1]) + 1) % 31]


@dataclass(frozen=True)
class Company:
    name: str
    code: str


def _producers() -> list[Company]:
    names = [f"济南{a}{b}示例" for a in _WORDS_1 for b in _WORDS_2]
    return [
        Company(
            f"{name}{_PRODUCER_KINDS[i % len(_PRODUCER_KINDS)]}有限公司",
            uscc(DIVISIONS[i % len(DIVISIONS)][0], i + 1),
        )
        for i, name in enumerate(names)
    ]


# ----------------------------------------------------------------------------------------------------
# Food


@dataclass(frozen=True)
class Item:
    """A failing test: item, result, limit."""

    name: str
    result: str
    limit: str


@dataclass(frozen=True)
class Category:
    name: str
    share: int
    #: Subcategory → products.
    products: dict[str, tuple[str, ...]]
    items: tuple[Item, ...]


_SORBIC = Item("山梨酸及其钾盐（以山梨酸计）", "1.32g/kg", "≤1.0g/kg")
_COLONY = Item("菌落总数", "4.1×10⁴CFU/g，8.6×10⁴CFU/g", "n=5,c=2,m=10⁴,M=10⁵CFU/g")
_PEROXIDE = Item("过氧化值（以脂肪计）", "0.62g/100g", "≤0.50g/100g")
_LEAD = Item("铅（以Pb计）", "0.34mg/kg", "≤0.2mg/kg")
_COLIFORM = Item("大肠菌群", "检出", "不得检出")
_CATEGORIES = (
    Category(
        "粮食加工品",
        14,
        {"小麦粉": ("特一小麦粉", "高筋小麦粉"), "挂面": ("鸡蛋挂面", "荞麦挂面"), "大米": ("东北大米",)},
        (
            Item("黄曲霉毒素B₁", "8.7μg/kg", "≤5.0μg/kg"),
            Item("脱氧雪腐镰刀菌烯醇", "1240μg/kg", "≤1000μg/kg"),
        ),
    ),
    Category(
        "食用油、油脂及其制品",
        9,
        {"食用植物油": ("压榨花生油", "大豆油", "芝麻香油")},
        (Item("苯并[a]芘", "14.6μg/kg", "≤10μg/kg"), _PEROXIDE),
    ),
    Category(
        "调味品",
        9,
        {"酱油": ("酿造酱油",), "食醋": ("米醋", "陈醋"), "酱类": ("黄豆酱", "甜面酱")},
        (Item("氨基酸态氮", "0.28g/100mL", "≥0.40g/100mL"), _SORBIC),
    ),
    Category("肉制品", 7, {"熟肉制品": ("酱牛肉", "烤鸭", "火腿肠")}, (_COLONY, _SORBIC, _COLIFORM)),
    Category(
        "乳制品",
        6,
        {"液体乳": ("纯牛奶", "风味酸乳")},
        (Item("蛋白质", "2.6g/100g", "≥2.9g/100g"), _COLIFORM),
    ),
    Category(
        "饮料",
        8,
        {"包装饮用水": ("饮用天然泉水",), "果蔬汁类": ("山楂汁",)},
        (Item("铜绿假单胞菌", "检出", "不得检出"), _COLONY),
    ),
    Category(
        "酒类",
        6,
        {"白酒": ("高粱白酒",), "啤酒": ("原浆啤酒",)},
        (Item("酒精度", "49.1%vol", "52±1%vol"), Item("甜蜜素", "0.002g/kg", "不得使用")),
    ),
    Category("糕点", 9, {"糕点": ("桃酥", "绿豆糕", "月饼")}, (_COLONY, _PEROXIDE, _SORBIC)),
    Category(
        "豆制品",
        6,
        {"豆制品": ("五香豆腐干", "腐竹")},
        (_SORBIC, Item("苯甲酸及其钠盐（以苯甲酸计）", "0.21g/kg", "不得使用")),
    ),
    Category(
        "餐饮食品",
        8,
        {"米面及其制品(自制)": ("馒头", "油条"), "酱卤肉制品(自制)": ("把子肉",)},
        (Item("铝的残留量（干样品，以Al计）", "286mg/kg", "≤100mg/kg"), _COLIFORM),
    ),
    Category(
        "食用农产品",
        18,
        {
            "蔬菜": ("韭菜", "芹菜", "生姜"),
            "水果类": ("苹果", "香蕉"),
            "水产品": ("鲤鱼", "鲫鱼"),
            "鲜蛋": ("鸡蛋",),
        },
        (
            Item("腐霉利", "0.94mg/kg", "≤0.2mg/kg"),
            Item("恩诺沙星", "187μg/kg", "≤100μg/kg"),
            Item("毒死蜱", "0.16mg/kg", "≤0.02mg/kg"),
        ),
    ),
)
_TABLEWARE = Category(
    "餐饮食品",
    0,
    {"复用餐饮具": ("餐碗（自消毒）", "餐盘（自消毒）", "水杯（自消毒）")},
    (_COLIFORM, Item("阴离子合成洗涤剂（以十二烷基苯磺酸钠计）", "0.031mg/100cm²", "不得检出")),
)

Kind = Literal["evaluation", "supervision", "risk_monitoring", "follow_up", "unknown"]
_KIND_TEXT: dict[Kind, str] = {
    "evaluation": "评价性抽检",
    "supervision": "监督抽检",
    "risk_monitoring": "风险监测",
    "follow_up": "跟踪抽检",
    "unknown": "",
}
_TASK_TEXT: dict[Kind, str] = {
    "evaluation": "{year}年济南市食品评价性抽检",
    "supervision": "{year}年济南市食品安全监督抽检",
    "risk_monitoring": "{year}年济南市食品安全风险监测",
    # The word 评价 stands in it too: what comes first in the map of task names decides.
    "follow_up": "{year}年评价性抽检不合格食品跟踪抽检",
    "unknown": "",
}


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One version of a sample, as it must be understood."""

    sample_no: str
    kind: Kind
    #: None: another city.
    division: str | None
    is_tableware: bool
    #: Of its own, or what stands in for it: the delivery's period.
    sampled_on: date
    result: Literal["pass", "fail", "problem"] = "pass"
    items: tuple[Item, ...] = ()
    texts: tuple[tuple[str, Cell], ...] = ()


@dataclass(kw_only=True, eq=False)
class FoodRow(Row):
    sample: Sample


def _food_layout(*columns: str, **headers: str) -> Layout:
    usual = {
        "sample_no": "抽样编号",
        "seq": "序号",
        "product_name": "食品名称",
        "producer_name": "标称生产企业名称",
        "producer_uscc": "生产企业统一社会信用代码",
        "sampled_name": "被抽样单位名称",
        "sampled_division": "被抽样单位所在区县",
        "sampled_address": "被抽样单位地址",
        "spec": "规格型号",
        "production_date": "生产日期/批号",
        "category": "食品大类",
        "subcategory": "食品亚类",
        "item_name": "不合格项目",
        "item_result": "检验结果",
        "item_limit": "标准值",
        "initial_result": "初检结论",
        "reinspection_result": "复检结论",
        "result": "结果判定",
        "sampled_on": "抽样日期",
        "sampling_kind": "抽样类型",
        "task_name": "任务来源/项目名称",
        "published_on": "公告日期",
        "notice_no": "公告号",
        "remark": "备注",
    } | headers
    return tuple((column, usual[column]) for column in columns)


_COMMON = (
    *("sample_no", "product_name", "producer_name", "producer_uscc", "sampled_name"),
    *("sampled_division", "spec", "production_date", "category", "subcategory"),
    *("item_name", "item_result", "item_limit", "result", "sampled_on"),
)
_EVALUATION_LAYOUTS: dict[int, Layout] = {
    2020: _food_layout(*_COMMON, "sampling_kind", "notice_no", "remark"),
    2021: _food_layout(
        *_COMMON,
        *("task_name", "notice_no", "remark"),
        product_name="样品名称",
        sampled_name="被抽样单位\n名称",
        sampled_on="抽样时间",
    ),
    2022: _food_layout("seq", *_COMMON, "sampling_kind", "task_name", "notice_no", "remark"),
}
_SUPPLEMENT_LAYOUT = _food_layout(
    *_COMMON[:13],
    "initial_result",
    "reinspection_result",
    *_COMMON[13:],
    "sampling_kind",
    "notice_no",
    "remark",
)
_WITH_KIND = _food_layout(*_COMMON, "sampling_kind", "published_on", "remark")
_WITH_TASK = _food_layout(
    *_COMMON,
    "task_name",
    "published_on",
    "remark",
    sample_no="抽样单编号",
    producer_name="生产单位",
    result="检验结论",
)
#: Neither kind nor task: the sidecar has to say it. The address takes the place of the division.
_WITHOUT_KIND = _food_layout(*("sampled_address" if c == "sampled_division" else c for c in _COMMON), "remark")

#: Year, quarter → form and layout of the supervision delivery.
_SUPERVISION_FORMS: dict[tuple[int, int], tuple[Csv, Layout]] = {
    (2020, 1): (UTF8, _WITH_KIND),
    (2020, 2): (UTF8_BOM, _WITH_TASK),
    (2020, 3): (GB18030, _WITHOUT_KIND),
    (2020, 4): (UTF16_TAB, _WITH_KIND),
    (2021, 1): (replace(GB18030, delimiter=";"), _WITH_TASK),
    (2021, 2): (replace(UTF8, delimiter="\t"), _WITH_KIND),
    (2021, 3): (UTF16_TAB, _WITH_TASK),
    (2021, 4): (replace(UTF8_BOM, delimiter=";"), _WITH_KIND),
    (2022, 1): (GB18030, _WITH_KIND),
    (2022, 2): (UTF8_BOM, _WITH_TASK),
    (2022, 3): (UTF16_TAB, _WITH_KIND),
    (2022, 4): (replace(UTF8, delimiter=";"), _WITH_KIND),
}

#: First and last day of sampling. The last quarter ends early: its notice is then known when the year ends.
_SEASONS = {1: ((1, 6), (3, 25)), 2: ((4, 1), (6, 25)), 3: ((7, 1), (9, 25)), 4: ((10, 9), (12, 15))}
#: The number of a notice names a month of its quarter: who reads 第3号 as March is not misled.
_NOTICES = {1: (3, 4, 20), 2: (6, 7, 20), 3: (9, 10, 20), 4: (12, 12, 29)}


class _FoodYear:
    """Makes samples of one year and kind of sampling, each number once."""

    def __init__(self, rng: random.Random, letter: str, year: int) -> None:
        self.rng, self.letter, self.year = rng, letter, year
        self.serial = 0
        self.producers = _producers()

    def sample(
        self,
        kind: Kind,
        quarter: int,
        *,
        elsewhere: str | None = None,
        tableware: bool = False,
        result: Literal["pass", "fail", "problem"] = "pass",
        item_count: int | None = None,
    ) -> Sample:
        rng = self.rng
        self.serial += 1
        code = rng.choices([d[0] for d in DIVISIONS], [float(d[2]) for d in DIVISIONS])[0]
        if self.serial <= len(DIVISIONS):
            code = DIVISIONS[self.serial - 1][0]  # every division is there, however small the scale
        category = _TABLEWARE if tableware else rng.choices(_CATEGORIES, [c.share for c in _CATEGORIES])[0]
        subcategory, products = rng.choice(list(category.products.items()))
        first, last = (date(self.year, *day) for day in _SEASONS[quarter])
        sampled_on = first + timedelta(days=rng.randrange((last - first).days + 1))
        place = elsewhere or f"济南市{_DIVISION_NAMES[code]}"
        is_catering = category.name == "餐饮食品"
        party = (
            f"{place[-3:-1]}{rng.choice(_WORDS_1)}{rng.choice(_WORDS_2)}示例"
            f"{rng.choice(_CATERERS if is_catering else _PARTIES)}"
        )
        producer = rng.choice(self.producers)
        is_named = not (is_catering or category.name == "食用农产品")
        texts: dict[str, Cell] = {
            "product_name": rng.choice(products),
            # Trailing and ideographic spaces come with real files.
            "producer_name": producer.name + rng.choices(("", " ", "\u3000"), (90, 8, 2))[0] if is_named else "/",
            "producer_uscc": producer.code if is_named else "/",
            "sampled_name": party,
            "sampled_division": place,
            "sampled_address": f"{'' if elsewhere else '山东省'}{place}示例路{rng.randrange(1, 200)}号",
            "spec": rng.choice(("500g/袋", "1.8L/桶", "250mL×12盒", "散装")) if is_named else "/",
            "production_date": self._produced(sampled_on) if is_named else f"购进日期：{_slashed(sampled_on)}",
            "category": category.name,
            "subcategory": subcategory,
        }
        items: tuple[Item, ...] = ()
        if result != "pass":
            wanted = item_count or rng.choices((1, 2, 3), (75, 20, 5))[0]
            items = tuple(rng.sample(category.items, min(wanted, len(category.items))))
        return Sample(
            sample_no=f"SL{self.year % 100}{self.letter}{'370000' if elsewhere else code}{self.serial:06d}",
            kind=kind,
            division=None if elsewhere else code,
            is_tableware=tableware,
            sampled_on=sampled_on,
            result=result,
            items=items,
            texts=tuple(texts.items()),
        )

    def _produced(self, sampled_on: date) -> str:
        day = sampled_on - timedelta(days=self.rng.randrange(5, 90))
        shape = self.rng.randrange(20)
        if shape == 0:
            return f"批号J{day:%y%m%d}"
        return _slashed(day) if shape < 4 else f"{day:%Y%m%d}" if shape < 7 else day.isoformat()


def _slashed(day: date) -> str:
    return f"{day.year}/{day.month}/{day.day}"


def _failing_with(sample: Sample, count: int) -> Sample:
    """The sample with a failing result of `count` items."""
    pool = (*next(c.items for c in _CATEGORIES if c.name == dict(sample.texts)["category"]), _LEAD)
    return replace(sample, result="fail", items=pool[:count])


def _block(sample: Sample, date_style: Callable[[date], Cell], **cells: Cell) -> list[FoodRow]:
    """A sample's rows: one, or one per failing item."""
    result = {
        "pass": "未检出问题" if sample.kind == "risk_monitoring" else "合格",
        "fail": "不合格",
        "problem": "问题样品",
    }[sample.result]
    base: dict[str, Cell] = {
        **dict(sample.texts),
        "sample_no": sample.sample_no,
        "result": result,
        "sampled_on": date_style(sample.sampled_on),
        "sampling_kind": _KIND_TEXT[sample.kind],
        "task_name": _TASK_TEXT[sample.kind].format(year=sample.sampled_on.year),
    }
    rows = []
    for item in sample.items or (None,):
        own: dict[str, Cell] = (
            {"item_name": item.name, "item_result": item.result, "item_limit": item.limit} if item else {}
        )
        rows.append(FoodRow(cells=base | own | cells, sample=sample))
    return rows


def _trap(rows: list[FoodRow], what: str) -> list[FoodRow]:
    for row in rows:
        row.trap = what
    return rows


#: Column → the rule that finds a planted error in it, and what becomes of the row.
_FOOD_RULES: dict[str, tuple[str, Literal["quarantined", "info"]]] = {
    "product_name": ("FSC001", "quarantined"),
    "result": ("FSC002", "quarantined"),
    "sampled_on": ("FSC003", "quarantined"),
    "producer_uscc": ("FSC101", "info"),
}


def _wrong(row: FoodRow, column: str, value: Cell, what: str) -> FoodRow:
    row.cells[column] = value
    row.error = Fault(column, what, *_FOOD_RULES[column])
    return row


_DATE_STYLES: dict[int, Callable[[date], Cell]] = {
    2020: date.isoformat,
    2021: _slashed,
    2022: lambda day: day,
}


def _evaluation(seed: int, scale: float) -> Iterator[Delivery]:
    late: list[list[FoodRow]] = []  # corrections that only come with the first notice of the next year
    for year in YEARS:
        rng = random.Random(f"{seed}/food_spot_checks/evaluation/{year}")
        make = _FoodYear(rng, "P", year)
        style = _DATE_STYLES[year]
        judged = max(400, round(15_200 * scale))
        # 2022: below 98 %, and yet 98.0 % when rounded, as the real table of domain.md §0 is.
        failing = {2020: round(judged * 0.0072), 2021: round(judged * 0.0079)}.get(
            year, max(judged // 50 + 1, round(judged * 0.0204))
        )
        extra = max(40, judged // 40)
        quarters = [1 + i % 4 for i in range(judged - extra)]
        regular = [make.sample("evaluation", q) for q in quarters]
        additional = [make.sample("evaluation", 3 + i % 2) for i in range(extra)]
        by_quarter = {q: [s for s in regular if s.sampled_on.month in range(3 * q - 2, 3 * q + 1)] for q in range(1, 5)}

        # Chosen before the failing ones, so that the number that fails in the end is known.
        reinspected = [by_quarter[1][20], by_quarter[2][20]]
        misprinted = by_quarter[3][20]
        late_pass = by_quarter[4][20] if year < YEARS[-1] else None
        dateless = by_quarter[4][30]
        special = {s.sample_no for s in (*reinspected, misprinted, late_pass, dateless) if s}
        plain = [s for s in (*regular, *additional) if s.sample_no not in special]
        fails = {s.sample_no for s in rng.sample(plain, failing - 1)} | {misprinted.sample_no}
        # Some failing samples have two or three items in any year, whatever the dice say.
        counts = [2, 3, 2, *rng.choices((1, 2), (4, 1), k=failing)]
        final = {
            s.sample_no: _failing_with(s, counts.pop(0)) if s.sample_no in fails else s for s in (*regular, *additional)
        }

        blocks: dict[int, list[list[FoodRow]]] = {}
        for quarter, samples in by_quarter.items():
            here = blocks.setdefault(quarter, [])
            for sample in samples:
                if sample in reinspected or sample is late_pass:
                    what = "failing at first, passing in a later delivery"
                    here.append(_trap(_block(_failing_with(sample, 2), style), what))
                elif sample is misprinted:
                    what = "passing at first, failing in a later delivery"
                    here.append(_trap(_block(sample, style), what))
                elif sample is dateless:
                    # It counts in the period of its delivery.
                    what = "no sampling date: its delivery's period counts"
                    here.append(_trap(_block(sample, lambda _: None), what))
                else:
                    here.append(_block(final[sample.sample_no], style))
            for place in ELSEWHERE:
                result: Literal["pass", "fail"] = "fail" if place == ELSEWHERE[quarter % 3] else "pass"
                other = make.sample("evaluation", quarter, elsewhere=place, result=result)
                here.append(_trap(_block(other, style), "another city: out of scope"))
            for outcome in ("pass", "problem"):
                risk = make.sample("risk_monitoring", quarter, result="problem" if outcome == "problem" else "pass")
                here.append(_trap(_block(risk, style), "risk monitoring: never judged"))
            follow = make.sample("follow_up", quarter, result="fail" if quarter % 2 else "pass")
            here.append(_trap(_block(follow, style), "follow-up of an earlier failure: not in the rate"))
            for outcome in ("pass", "fail"):
                ware = make.sample(
                    "evaluation", quarter, tableware=True, result="fail" if outcome == "fail" else "pass"
                )
                here.append(_trap(_block(ware, style), "tableware: not in the rate"))
        for _ in range(2):
            unknown = make.sample("unknown", 2, result="fail")
            blocks[2].append(_trap(_block(unknown, style), "kind of sampling unknown: enters no rate"))

        # Errors, each in a sample of its own; all but the code's make it one that is not judged.
        odd = _block(make.sample("evaluation", 1), style)
        _wrong(odd[0], "result", "详见报告", "result is neither pass nor fail")
        blocks[1].append(odd)
        code = _block(_with_producer(make, 2), style)
        _wrong(
            code[0],
            "producer_uscc",
            _wrong_check(str(code[0].cells["producer_uscc"])),
            "USCC with a wrong check digit",
        )
        blocks[2].append(code)
        nameless = _block(make.sample("evaluation", 3), style)
        _wrong(nameless[0], "product_name", None, "product name is missing")
        blocks[3].append(nameless)
        half = _block(_failing_with(make.sample("evaluation", 4), 2), style)
        _wrong(half[1], "result", "详见报告", "result is neither pass nor fail, in one of a sample's two rows")
        half[0].trap = "good row of a sample with a quarantined row: accepted, not judged"
        blocks[4].append(half)
        undated = _block(make.sample("evaluation", 4), style)
        _wrong(undated[0], "sampled_on", f"{year}-02-30", "a date that does not exist")
        blocks[4].append(undated)

        doubts: list[list[FoodRow]] = []
        if year == 2021:
            # The latest version decides even if it is quarantined: this sample is no longer judged.
            sample = make.sample("evaluation", 2)
            what = "passing at first, its later version is quarantined: not judged"
            blocks[2].append(_trap(_block(sample, style), what))
            doubts.append(_block(sample, style, remark="更正"))
            what = "result of a correction is neither pass nor fail"
            _wrong(doubts[0][0], "result", "详见复检报告", what)

        for quarter, (number, month, day) in _NOTICES.items():
            here = blocks[quarter]
            if quarter == 1:
                here += late
                late = []
            rng.shuffle(here)
            here.append(_twin(next(b for b in here if _is_plain(b))))
            if quarter == 2:
                # A doubled failing item must not become two failures, nor two items.
                here.append(_twin(next(b for b in here if b[0].sample.result == "fail" and _counts(b))))
            yield _notice(year, number, date(year, month, day), quarter, here)

        def corrected(sample: Sample, style: Callable[[date], Cell] = style, **cells: Cell) -> list[FoodRow]:
            return _trap(_block(sample, style, **cells), "correction of an earlier delivery")

        supplement = [_block(final[s.sample_no], style) for s in additional]
        for sample in reinspected:
            supplement.append(
                corrected(sample, initial_result="不合格", reinspection_result="合格", remark="经复检，改判合格")
            )
        supplement.append(corrected(final[misprinted.sample_no], remark="更正：原公告误登为合格"))
        supplement += doubts
        rng.shuffle(supplement)
        yield _notice(year, 13, date(year, 12, 30), None, supplement)
        if late_pass:
            rows = _block(late_pass, _DATE_STYLES[year + 1], remark="经复检，改判合格")
            late.append(_trap(rows, "correction of last year's delivery"))


def _with_producer(make: _FoodYear, quarter: int, kind: Kind = "evaluation") -> Sample:
    while True:
        sample = make.sample(kind, quarter)
        if dict(sample.texts)["producer_uscc"] != "/":
            return sample


def _is_plain(block: list[FoodRow]) -> bool:
    return len(block) == 1 and not block[0].trap and not block[0].error


def _counts(block: list[FoodRow]) -> bool:
    """Whether the sample is one of Q03's."""
    sample = block[0].sample
    return sample.kind == "evaluation" and sample.division is not None and not sample.is_tableware


def _twin(block: list[FoodRow]) -> list[FoodRow]:
    return _trap([replace(row, cells=dict(row.cells)) for row in block], "exact duplicate row: counts once")


def _notice(year: int, number: int, issued_on: date, quarter: int | None, blocks: list[list[FoodRow]]) -> Delivery:
    """One notice on evaluation sampling as a workbook."""
    what = f"{year}年第{quarter}季度" if quarter else f"{year}年补充及更正"
    reference = f"济市监通告〔{year}〕{number}号" if quarter is None else f"{year}年第{number}号"
    numbers: dict[str, int] = {}
    for seq, block in enumerate(blocks, 1):
        for row in block:
            row.cells["notice_no"] = reference
            # A duplicate row is exact: it repeats the number of the row that it doubles.
            row.cells["seq"] = numbers.setdefault(row.sample.sample_no, seq)
    titles = [
        f"附件1　{what}食品评价性抽检结果（{NOTE}）",
        f"济南市市场监督管理局关于食品评价性抽检情况的{'' if quarter else '补充'}通告({reference})",
        f"{issued_on.year}年{issued_on.month}月{issued_on.day}日",
    ]
    if year == 2020:
        titles = [titles[0], f"{titles[1]}　{titles[2]}"]
    return Delivery(
        source="food_spot_checks",
        name=f"{year}/食品评价性抽检_{what}.xlsx",
        issued_on=issued_on,
        form=Xlsx(sheet="抽检结果"),
        layout=_EVALUATION_LAYOUTS[year] if quarter else _SUPPLEMENT_LAYOUT,
        rows=[row for block in blocks for row in block],
        titles=tuple(titles),
    )


def _supervision(seed: int, scale: float) -> Iterator[Delivery]:
    for year in YEARS:
        rng = random.Random(f"{seed}/food_spot_checks/supervision/{year}")
        make = _FoodYear(rng, "J", year)
        judged = max(400, round(15_000 * scale))
        tableware = judged // 20
        for quarter in range(1, 5):
            form, layout = _SUPERVISION_FORMS[year, quarter]
            month, day = {1: (4, 15), 2: (7, 15), 3: (10, 15), 4: (12, 28)}[quarter]
            issued_on = date(year, month, day)
            has_kind = layout is not _WITHOUT_KIND
            blocks: list[list[FoodRow]] = []
            style = date.isoformat if form.encoding != "utf-16-le" else _slashed
            # Shares, not numbers drawn one by one: the supervision rate is lower at every scale.
            food = range(quarter - 1, judged - tableware, 4)
            failing = set(rng.sample(food, max(3, round(len(food) * (0.029 - 0.003 * (year - 2020))))))
            for number in food:
                result: Literal["pass", "fail"] = "fail" if number in failing else "pass"
                blocks.append(_block(make.sample("supervision", quarter, result=result), style))
            ware = range(quarter - 1, tableware, 4)
            failing = set(rng.sample(ware, max(1, round(len(ware) * (0.21 - 0.03 * (year - 2020))))))
            for number in ware:
                result = "fail" if number in failing else "pass"
                blocks.append(_block(make.sample("supervision", quarter, tableware=True, result=result), style))
            for place in ELSEWHERE[:2]:
                other = make.sample("supervision", quarter, elsewhere=place, result="fail")
                blocks.append(_trap(_block(other, style), "another city: out of scope"))
            if has_kind:
                risk = make.sample("risk_monitoring", quarter, result="problem")
                blocks.append(_trap(_block(risk, style), "risk monitoring: never judged"))
                follow = make.sample("follow_up", quarter, result="fail")
                blocks.append(_trap(_block(follow, style), "follow-up of an earlier failure: not in the rate"))
            sample = _with_producer(make, quarter, "supervision")
            bad = _block(sample, style)
            match quarter:
                case 1:
                    _wrong(bad[0], "result", "另行通知", "result is neither pass nor fail")
                case 2:
                    # The delivery's own date lies in the same year, whatever stands in for the sampling date.
                    _wrong(bad[0], "sampled_on", f"{year}-02-30", "a date that does not exist")
                case 3:
                    code = _wrong_check(str(bad[0].cells["producer_uscc"]))
                    _wrong(bad[0], "producer_uscc", code, "USCC with a wrong check digit")
                case _:
                    _wrong(bad[0], "product_name", None, "product name is missing")
            blocks.append(bad)
            rng.shuffle(blocks)
            blocks.append(_twin(next(b for b in blocks if _is_plain(b))))
            rows = [row for block in blocks for row in block]
            for row in rows:
                row.cells |= {"remark": NOTE, "published_on": issued_on.isoformat()}
            if (year, quarter) == (2021, 1):
                # A quoted line break: the file has more lines than records.
                rows[-2].cells["remark"] = f"{NOTE}\n（本行备注有两行）"
            yield Delivery(
                source="food_spot_checks",
                name=f"{year}/食品监督抽检_{year}年第{quarter}季度_{issued_on:%Y%m%d}.csv",
                issued_on=issued_on,
                form=form,
                layout=layout,
                rows=rows,
                sidecar=None if has_kind else {"issued_on": issued_on.isoformat(), "sampling_kind": "supervision"},
            )


def _wrong_on_purpose(seed: int) -> Delivery:
    """The result column holds the limits: not one row can be judged, the delivery must be rejected."""
    rng = random.Random(f"{seed}/food_spot_checks/wrong")
    make = _FoodYear(rng, "W", 2022)
    rows: list[FoodRow] = []
    for _ in range(40):
        row = _block(make.sample("supervision", 3), date.isoformat)[0]
        row.cells |= {"remark": NOTE, "published_on": "2022-11-15"}
        limit = rng.choice(("≤1.0g/kg", "≤0.2mg/kg", "≤100μg/kg", "不得检出", "≥2.9g/100g"))
        rows.append(_wrong(row, "result", limit, "the result column holds the limit"))
    return Delivery(
        source="food_spot_checks",
        name="2022/示例_故意出错_食品监督抽检_2022年第3季度补报_20221115.csv",
        issued_on=date(2022, 11, 15),
        form=GB18030,
        layout=_WITH_KIND,
        rows=rows,
        status="rejected",
    )


def _renamed_header(seed: int) -> Delivery:
    """A required column under a name that nobody knows: the delivery must be refused, not guessed at."""
    make = _FoodYear(random.Random(f"{seed}/food_spot_checks/renamed"), "U", 2022)
    rows = [row for _ in range(12) for row in _block(make.sample("supervision", 4), date.isoformat)]
    for row in rows:
        row.cells |= {"remark": NOTE, "published_on": "2022-11-28"}
    return Delivery(
        source="food_spot_checks",
        name="2022/示例_表头改名_食品监督抽检_2022年第4季度补报_20221128.csv",
        issued_on=date(2022, 11, 28),
        form=UTF8,
        layout=tuple((c, "食物品名叫法" if c == "product_name" else header) for c, header in _WITH_KIND),
        rows=rows,
        status="refused",
    )


def _food(seed: int, scale: float) -> list[Delivery]:
    supervision = list(_supervision(seed, scale))
    # The same bytes under another name, sent again: nothing of it may count twice.
    resent = replace(
        supervision[-2], name=supervision[-2].name.replace(".csv", "_重发.csv"), sidecar=None, status="known"
    )
    return [*_evaluation(seed, scale), *supervision, resent, _wrong_on_purpose(seed), _renamed_header(seed)]


# ----------------------------------------------------------------------------------------------------
# Satisfaction surveys and weights

INDUSTRIES = {
    "F": "批发零售",
    "G": "交通运输",
    "H": "住宿餐饮",
    "I": "信息通信",
    "J": "金融",
    "K": "房地产物业",
    "O": "居民服务",
    "P": "教育",
    "Q": "医疗卫生",
    "R": "文化旅游",
}
#: Base year → value added in 亿元 (invented). A wave is weighted by the year before it, whose set names just
#: the industries that the wave asks about, so that coverage has one meaning.
VALUE_ADDED: dict[int, dict[str, str]] = {
    2019: {
        **{"F": "1402.6", "G": "585.1", "H": "224.8", "I": "520.4", "J": "905.3", "K": "803.7"},
        **{"R": "128.9"},
    },
    2020: {
        **{"F": "1455.2", "G": "601.7", "H": "181.3", "I": "612.9", "J": "990.6", "K": "851.4"},
        **{"O": "240.5", "P": "233.8"},
    },
    2021: {
        **{"F": "1620.4", "G": "640.2", "H": "210.5", "I": "705.3", "J": "1080.7", "K": "890.6"},
        **{"O": "265.8", "Q": "410.9", "R": "150.2"},
    },
}
#: Wave → industry → score aimed at, share of respondents. 2022: large industries score low, so that the
#: weighted score lies below 88 and the unweighted mean of industries above it.
_WAVES: dict[int, dict[str, tuple[float, int]]] = {
    2020: {
        "F": (84.1, 20),
        "G": (85.6, 16),
        "H": (86.9, 14),
        "I": (84.4, 16),
        "J": (86.8, 18),
        "K": (83.2, 16),
        "R": (88.0, 0),
    },
    2021: {
        **{"F": (85.6, 18), "G": (87.2, 14), "H": (88.4, 12), "I": (86.1, 14)},
        **{"J": (87.5, 16), "K": (85.3, 16), "O": (88.9, 10), "P": (90.0, 0)},
    },
    2022: {
        **{"F": (85.9, 18), "G": (88.9, 13), "H": (89.6, 12), "I": (87.8, 13), "J": (88.6, 15)},
        **{"K": (86.4, 13), "O": (90.1, 8), "Q": (90.2, 8), "R": (85.0, 0)},
    },
}
#: Respondents of the industry that is too small to be shown.
_FEW = 18
MIN_ANSWERS = 30


@dataclass(kw_only=True, eq=False)
class SurveyRow(Row):
    wave: int
    industry: str
    division: str
    #: Overall, expectation, ideal; None is no answer.
    answers: list[int | None]


_SURVEY_LAYOUT: Layout = (
    ("respondent_id", "受访者编号"),
    ("industry", "行业"),
    ("division", "区县"),
    ("surveyed_on", "调查日期"),
    ("overall", "总体满意度"),
    ("expectation", "与期望相比"),
    ("ideal", "与理想相比"),
)
_ITEMS = ("overall", "expectation", "ideal")


def _sum(values: Iterable[Fraction]) -> Fraction:
    return sum(values, Fraction(0))


def _composite(answers: Sequence[int | None]) -> Fraction | None:
    """A respondent's score on 0–100 over the answered items; None with fewer than two of three."""
    given = [a for a in answers if a is not None]
    return sum((Fraction(a - 1, 9) for a in given), Fraction(0)) * 100 / len(given) if len(given) >= 2 else None


@dataclass
class _Stratum:
    """Respondents whose mean counts with one weight: those of a division, and of smaller ones that joined it."""

    weight: Fraction = Fraction(0)
    scores: list[Fraction] = field(default_factory=list)
    divisions: list[str] = field(default_factory=list)
    has_several: bool = False

    @property
    def share(self) -> Fraction:
        return self.weight * _sum(self.scores) / len(self.scores)


def _strata(scores: Iterable[tuple[str, Fraction]]) -> list[_Stratum]:
    """Divisions by population; one with a single respondent joins the next larger, the largest the one after it."""
    divisions: dict[str, list[Fraction]] = {}
    for code, score in scores:
        divisions.setdefault(code, []).append(score)
    strata: list[_Stratum] = []
    for code, _, people in sorted(DIVISIONS, key=lambda d: (-Fraction(d[2]), d[0])):
        here = divisions.get(code, [])
        if not here:
            continue
        if not strata or (len(here) > 1 and strata[-1].has_several):
            strata.append(_Stratum())
        joined = strata[-1]
        joined.weight += Fraction(people)
        joined.scores += here
        joined.divisions.append(code)
        joined.has_several |= len(here) > 1
    return strata


def _stratified(scores: Iterable[tuple[str, Fraction]]) -> Fraction:
    """The mean of an industry: that of its strata, weighted by population over the divisions that answered."""
    strata = _strata(scores)
    return _sum(s.share for s in strata) / _sum(s.weight for s in strata)


def _scored(rows: Iterable[SurveyRow]) -> list[tuple[str, Fraction]]:
    """Division and score of each respondent who counts."""
    return [
        (row.division, score)
        for row in rows
        if not row.is_quarantined and (score := _composite(row.answers)) is not None
    ]


def _towards(rng: random.Random, rows: list[SurveyRow], aim: float) -> None:
    """Move single answers by one until the industry's score is as near to `aim` as a step allows."""
    movable = [row for row in rows if None not in row.answers and not row.is_quarantined]
    scores = _scored(rows)
    strata = _strata(scores)
    whole = _sum(s.weight for s in strata)
    #: How much one answer, one step higher, adds to the score.
    one = {code: Fraction(100, 27) * s.weight / whole / len(s.scores) for s in strata for code in s.divisions}
    gap = Fraction(str(aim)) - _stratified(scores)
    while abs(gap) > max(one.values()) / 2:
        step = 1 if gap > 0 else -1
        row, item = rng.choice(movable), rng.randrange(3)
        answer = row.answers[item]
        if answer is not None and 1 <= answer + step <= 10:
            row.answers[item] = answer + step
            gap -= step * one[row.division]


def _surveys(seed: int, scale: float) -> list[Delivery]:
    deliveries = []
    for wave, plan in _WAVES.items():
        rng = random.Random(f"{seed}/satisfaction_surveys/{wave}")
        size = max(600, round(12_000 * scale)) - _FEW
        shares = sum(share for _, share in plan.values())
        rows: list[SurveyRow] = []
        for code, (aim, share) in plan.items():
            count = round(size * share / shares) if share else _FEW
            group: list[SurveyRow] = []
            for _ in range(count):
                mood = rng.choices((10, 9, 8, 7, 5, 3), (42, 28, 16, 8, 4, 2))[0]
                answers: list[int | None] = [min(10, max(1, mood + rng.choice((-1, 0, 0, 1)))) for _ in range(3)]
                division = rng.choice(DIVISIONS)
                cells: dict[str, Cell] = {
                    "industry": INDUSTRIES[code],
                    "division": division[1],
                    "surveyed_on": (date(wave, 9, 1) + timedelta(days=rng.randrange(60))).isoformat(),
                }
                group.append(SurveyRow(cells=cells, wave=wave, industry=code, division=division[0], answers=answers))
            if share:
                for row, gone in zip(group[3:6], ((1,), (2,), (0, 2)), strict=True):
                    for index in gone:
                        row.answers[index] = None
                    row.trap = (
                        "one answer missing: the mean of the other two counts"
                        if len(gone) == 1
                        else "two answers missing: the respondent does not count"
                    )
            else:
                for row in group:
                    row.trap = f"industry with fewer than {MIN_ANSWERS} answers: suppressed"
            if code == "F":
                group[0].error = Fault("expectation", "an answer of 11 on a scale of 10", "SAT001")
            _towards(rng, group, aim)
            rows += group
        rng.shuffle(rows)
        missing = cycle(("", "拒答", "不清楚", "98"))
        for serial, survey_row in enumerate(rows, 1):
            survey_row.cells["respondent_id"] = f"SL{wave}-{serial:05d}"
            for item, answer in zip(_ITEMS, survey_row.answers, strict=True):
                # Digits typed as text stand among numbers in real workbooks.
                shown: Cell = next(missing) if answer is None else str(answer) if rng.random() < 0.2 else answer
                survey_row.cells[item] = shown
            if survey_row.error:
                survey_row.cells["expectation"] = 11
            survey_row.cells["remark"] = NOTE
        issued_on = date(wave, 12, 20)
        form: Csv | Xlsx = {2020: GB18030, 2022: UTF8_BOM}.get(wave) or Xlsx(sheet="答卷")
        is_text = isinstance(form, Csv)
        deliveries.append(
            Delivery(
                source="satisfaction_surveys",
                name=f"{wave}/服务业顾客满意度调查_{wave}年.{'csv' if is_text else 'xlsx'}",
                issued_on=issued_on,
                form=form,
                layout=(*_SURVEY_LAYOUT, ("remark", "备注")) if is_text else _SURVEY_LAYOUT,
                rows=rows,
                titles=() if is_text else (f"{wave}年服务业顾客满意度调查答卷（{NOTE}）",),
                sidecar={
                    "wave": str(wave),
                    "period": str(wave),
                    "scale_min": 1,
                    "scale_max": 10,
                    "questionnaires_issued": len(rows) + len(rows) // 12,
                    "questionnaires_valid": len(rows),
                    "issued_on": issued_on.isoformat(),
                },
            )
        )
    return deliveries


_WEIGHT_LAYOUT: Layout = (
    ("weight_set", "权重集"),
    ("scheme", "分类标准"),
    ("code", "代码"),
    ("name", "名称"),
    ("value", "数值"),
    ("unit", "单位"),
    ("base_year", "基准年"),
    ("document", "依据文件"),
)


def _grown(value: str, years: int) -> str:
    return str(Decimal(value) * (1000 + 4 * years) / 1000)


def _weights(seed: int, scale: float) -> list[Delivery]:
    deliveries = []
    for year, values in VALUE_ADDED.items():
        industries = [
            ("service_value_added", "service_industry", c, INDUSTRIES[c], v, "亿元") for c, v in values.items()
        ]
        # Grown by .4 % a year from 2019 everywhere: shares are the same in every base year.
        people = [
            ("population", "division", code, name, _grown(value, year - 2019), "万人")
            for code, name, value in DIVISIONS
        ]
        for what, table in (("服务业增加值", industries), ("常住人口", people)):
            issued_on = date(year + 1, 3, 20)
            document = f"济南市{year}年{what}（{NOTE}）"
            columns = [column for column, _ in _WEIGHT_LAYOUT]
            deliveries.append(
                Delivery(
                    source="reference_weights",
                    name=f"{what}_{year}年_{issued_on:%Y%m%d}.csv",
                    issued_on=issued_on,
                    form=UTF8,
                    layout=_WEIGHT_LAYOUT,
                    rows=[Row(cells=dict(zip(columns, (*r, str(year), document), strict=True))) for r in table],
                )
            )
    return deliveries


#: To widen, add a source here and, if its numbers are to be compared, a part to `_truth`.
_SOURCES: tuple[Callable[[int, float], list[Delivery]], ...] = (_weights, _food, _surveys)


# ----------------------------------------------------------------------------------------------------
# Files


def _encode(delivery: Delivery) -> bytes:
    """The delivery's bytes; gives every row its `file_row`."""
    columns = [column for column, _ in delivery.layout]
    headers = [header for _, header in delivery.layout]
    table = [[row.cells.get(column) for column in columns] for row in delivery.rows]
    if isinstance(delivery.form, Xlsx):
        for number, row in enumerate(delivery.rows, len(delivery.titles) + 2):
            row.file_row = number
        return _workbook(delivery.form.sheet, delivery.titles, headers, table)
    form = delivery.form
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=form.delimiter, lineterminator=form.newline)
    writer.writerow(headers)
    line = 2 + sum(header.count("\n") for header in headers)
    for row, cells in zip(delivery.rows, table, strict=True):
        row.file_row = line
        line += 1 + sum(cell.count("\n") for cell in cells if isinstance(cell, str))
        writer.writerow(["" if cell is None else cell for cell in cells])
    return form.bom + text.getvalue().encode(form.encoding)


def _workbook(sheet: str, titles: Sequence[str], headers: list[str], table: list[list[Cell]]) -> bytes:
    from openpyxl import Workbook  # half a second that `baotu --help` need not wait for
    from openpyxl.styles import Alignment, Font

    book = Workbook()
    page = book.worksheets[0]
    page.title = sheet
    book.properties.creator = book.properties.title = NOTE
    for number, title in enumerate(titles, 1):
        page.append([title])
        page.merge_cells(start_row=number, start_column=1, end_row=number, end_column=len(headers))
        page.cell(number, 1).alignment = Alignment(horizontal="center", wrap_text=True)
        page.cell(number, 1).font = Font(bold=True)
    page.append(headers)
    for cells in table:
        page.append([None if cell == "" else cell for cell in cells])
    made = io.BytesIO()
    book.save(made)
    # openpyxl writes the time of saving into the properties and into every entry of the zip.
    stamp = "{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}Z".format(*_EPOCH)
    fixed = io.BytesIO()
    with zipfile.ZipFile(made) as source, zipfile.ZipFile(fixed, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename == "docProps/core.xml":
                content = re.sub(rb"(<dcterms:(created|modified)[^>]*>)[^<]*", rb"\g<1>" + stamp.encode(), content)
            about = zipfile.ZipInfo(entry.filename, _EPOCH)
            about.compress_type = zipfile.ZIP_DEFLATED
            about.create_system = 3  # else the machine's own
            about.external_attr = 0o600 << 16
            target.writestr(about, content)
    return fixed.getvalue()


def _sidecar(values: dict[str, str | int]) -> bytes:
    lines = [f"# {NOTE}"]
    lines += [f'{key}: "{value}"' if isinstance(value, str) else f"{key}: {value}" for key, value in values.items()]
    return ("\n".join(lines) + "\n").encode()


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all; a file that holds these bytes already keeps its time, so nothing is seen anew."""
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)


def write_samples(out: Path, truth: Path, seed: int = 2020, scale: float = 0.1) -> list[Path]:
    """Write the sample deliveries under `out/<source>/` and the figures they must lead to into `truth`.

    Returns the files under `out`, a sidecar before the file that it describes. The same seed and scale give
    the same bytes, and a file that has them already is not touched. Scale 0.1 is about 1,500 evaluation and
    1,500 supervision samples a year and 1,200 respondents a wave; smaller ones stop at a size that still
    holds every planted case.
    """
    if not 0 < scale <= 100:
        raise ValueError(f"scale: found {scale}, expected a number above 0, at most 100")
    if truth.resolve().is_relative_to(out.resolve()):
        raise ValueError(f"{truth} lies in the landing area {out}: the truth would be read as a delivery")
    deliveries = [delivery for make in _SOURCES for delivery in make(seed, scale)]
    written = []
    hashes = {}
    for delivery in deliveries:
        path = out / delivery.source / delivery.name
        content = _encode(delivery)
        hashes[delivery.file] = hashlib.sha256(content).hexdigest()
        if delivery.sidecar is not None:
            # First, so that the delivery is never seen without it.
            beside = path.with_name(path.name + ".meta.yml")
            _write(beside, _sidecar(delivery.sidecar))
            written.append(beside)
        _write(path, content)
        written.append(path)
    known = _truth(deliveries, hashes) | {"seed": seed, "scale": scale}
    _write(truth, (json.dumps(known, ensure_ascii=False, indent=1) + "\n").encode())
    return written


# ----------------------------------------------------------------------------------------------------
# Truth


def _number(value: Fraction | None, digits: int = 20) -> str | None:
    """A fraction as a decimal text, cut nowhere that a comparison could notice."""
    if value is None:
        return None
    scaled = round(value * 10**digits)
    text = f"{abs(scaled):0{digits + 1}d}"
    shown = f"{'-' if scaled < 0 else ''}{text[:-digits]}.{text[-digits:]}".rstrip("0")
    return shown.removesuffix(".")


def _verdict(x: int, n: int, target: int) -> str:
    """Exact binomial tails at 2.5 % a side, by counting failures; no smallest sample size is applied here."""
    if n == 0:
        return "no_data"

    def rarely(fails: int, least: bool) -> bool:
        """Whether so few failures, or at least so many, have a chance of 2.5 % or less: in whole numbers."""
        ways, term, whole = 0, int(target**n), int(100**n)
        for k in range(fails + (not least)):
            ways += term
            term = term * (n - k) * (100 - target) // ((k + 1) * target)
        return 1000 * (whole - ways if least else ways) <= 25 * whole

    if rarely(n - x, least=False):
        return "met_proven"
    if rarely(n - x, least=True):
        return "not_met_proven"
    return "met_not_proven" if 100 * x >= target * n else "not_met_not_proven"


@dataclass(kw_only=True)
class _Standing:
    """The latest version of a sample, and whether it may be judged."""

    sample: Sample
    is_quarantined: bool = False


@dataclass
class _Rate:
    n: int = 0
    x: int = 0
    quarantined: int = 0

    def add(self, standing: _Standing) -> None:
        if standing.is_quarantined:
            self.quarantined += 1
        else:
            self.n += 1
            self.x += standing.sample.result == "pass"

    def shown(self, target: int | None = None) -> dict[str, Any]:
        figures: dict[str, Any] = {
            "n": self.n,
            "x": self.x,
            "value": _number(Fraction(100 * self.x, self.n) if self.n else None),
            "quarantined_samples": self.quarantined,
        }
        if target is not None:
            whole = self.n + self.quarantined
            figures |= {
                "attained": 100 * self.x >= target * self.n if self.n else None,
                "verdict": _verdict(self.x, self.n, target),
                # Where nothing is held back there is no other case.
                "worst_case_value": _number(Fraction(100 * self.x, whole) if self.quarantined else None),
            }
        return figures


def _standings(deliveries: Iterable[Delivery]) -> list[_Standing]:
    """Every sample's latest version by date of issue; one quarantined row and it is not judged."""
    latest: dict[str, tuple[date, _Standing]] = {}
    for delivery in sorted(deliveries, key=lambda d: d.issued_on):
        if delivery.status != "accepted":
            continue
        for row in delivery.rows:
            if not isinstance(row, FoodRow):
                continue
            before = latest.get(row.sample.sample_no)
            if before is None or before[0] < delivery.issued_on:
                before = latest[row.sample.sample_no] = delivery.issued_on, _Standing(sample=row.sample)
            before[1].is_quarantined |= row.is_quarantined
    return [standing for _, standing in latest.values()]


def _food_truth(deliveries: list[Delivery]) -> dict[str, Any]:
    q03: dict[str, Any] = {}
    supervision: dict[str, Any] = {}
    outside: dict[str, dict[str, int]] = {}
    standings = _standings(deliveries)
    for year in YEARS:
        whole = _Rate()
        quarters = {quarter: _Rate() for quarter in range(1, 5)}
        divisions = {code: _Rate() for code, _, _ in DIVISIONS}
        everything, food, ware = _Rate(), _Rate(), _Rate()
        left = dict.fromkeys(("elsewhere", "tableware", "follow_up", "risk_monitoring", "unknown"), 0)
        for standing in standings:
            sample = standing.sample
            if sample.sampled_on.year != year:
                continue
            if sample.division is None:
                left["elsewhere"] += 1
            elif sample.kind == "supervision":
                everything.add(standing)
                (ware if sample.is_tableware else food).add(standing)
            elif sample.kind != "evaluation":
                left[sample.kind] += 1
            elif sample.is_tableware:
                left["tableware"] += 1
            else:
                for rate in (whole, quarters[(sample.sampled_on.month + 2) // 3], divisions[sample.division]):
                    rate.add(standing)
        q03[str(year)] = {
            **whole.shown(98),
            "quarters": {f"Q{quarter}": rate.shown(98) for quarter, rate in quarters.items()},
            "divisions": {code: rate.shown() for code, rate in divisions.items()},
        }
        supervision[str(year)] = {
            "with_tableware": everything.shown(),
            "without_tableware": food.shown(),
            "tableware": ware.shown(),
        }
        outside[str(year)] = left
    return {"Q03": q03, "supervision": supervision, "samples_in_neither_rate": outside}


def _industries(rows: Iterable[SurveyRow], worst: bool = False) -> dict[str, list[tuple[str, Fraction]]]:
    """Division and score of those who count, by industry; at worst who is held back counts with 0."""
    found: dict[str, list[tuple[str, Fraction]]] = {}
    for row in rows:
        score = _composite(row.answers)
        if row.is_quarantined:
            score = Fraction(0) if worst else None
        if score is not None:
            found.setdefault(row.industry, []).append((row.division, score))
    return found


def _index(
    industries: dict[str, list[tuple[str, Fraction]]],
    weights: dict[str, Fraction],
    mean: Callable[[list[tuple[str, Fraction]]], Fraction],
) -> Fraction:
    """The city's index over the industries with answers enough."""
    shown = [code for code, scores in industries.items() if len(scores) >= MIN_ANSWERS]
    return _sum(mean(industries[code]) * weights[code] for code in shown) / _sum(weights[c] for c in shown)


def _pooled(scores: Sequence[tuple[str, Fraction]]) -> Fraction:
    return _sum(score for _, score in scores) / len(scores)


def _survey_truth(deliveries: list[Delivery]) -> dict[str, Any]:
    waves: dict[str, Any] = {}
    for wave in YEARS:
        rows = [r for d in deliveries for r in d.rows if isinstance(r, SurveyRow) and r.wave == wave]
        weights = {code: Fraction(value) for code, value in VALUE_ADDED[wave - 1].items()}
        industries = _industries(rows)
        shown = [code for code in _WAVES[wave] if len(industries[code]) >= MIN_ANSWERS]
        value = _index(industries, weights, _stratified)
        kept = [score for code in shown for score in industries[code]]
        waves[str(wave)] = {
            "value": _number(value),
            "attained": value >= 88,
            "worst_case_value": _number(_index(_industries(rows, worst=True), weights, _stratified)),
            "n": len(kept),
            "coverage_pct": _number(100 * _sum(weights[c] for c in shown) / _sum(weights.values())),
            "weights_base_year": wave - 1,
            "respondents": len(rows),
            "respondents_quarantined": sum(row.is_quarantined for row in rows),
            "respondents_with_fewer_than_two_answers": sum(
                _composite(row.answers) is None and not row.is_quarantined for row in rows
            ),
            "industries": {
                code: {
                    "name": INDUSTRIES[code],
                    "n": len(industries[code]),
                    "score": _number(_stratified(industries[code])),
                    "mean_of_respondents": _number(_pooled(industries[code])),
                    "weight": VALUE_ADDED[wave - 1][code],
                    "suppressed": code not in shown,
                }
                for code in _WAVES[wave]
            },
            "not_post_stratified": _number(_index(industries, weights, _pooled)),
            # What a wrong method would show, so that a test can tell which one was used.
            "not_this": {
                "unweighted_mean_of_industries": _number(_sum(_stratified(industries[c]) for c in shown) / len(shown)),
                "mean_of_respondents": _number(_pooled(kept)),
            },
        }
    return {"I07": waves}


_RULES = {
    "Q03": "evaluation sampling in the 12 divisions; edible agricultural products in; tableware, follow-up,"
    " risk monitoring, unknown kind and other cities out; the version issued last decides; a sample with a"
    " quarantined row is not judged and counts in quarantined_samples; year and quarter of the sampling date,"
    " else of the delivery's period; attained: 100 x >= 98 n; verdict: exact tails, 2.5 % a side, whatever n",
    "supervision": "supervision sampling in the 12 divisions, otherwise as Q03",
    "I07": "respondent: mean of the answered items (two of three at least) as (x-min)/(max-min)*100;"
    " industry: the mean of its divisions, weighted by population over those that answered, where a division"
    " with one respondent joins the next larger, the largest the one after it; industries below 30 suppressed;"
    " value: weighted by value added of the year before the wave over the industries shown; coverage: their"
    " share of that weight set; worst case: who is quarantined counts with 0."
    " not_post_stratified: the mean within an industry is that of its respondents",
    "status": "a delivery with more than 20 % of its rows quarantined is rejected and counts nowhere; one without"
    " a required column is refused; known: bytes that landed before, under the name same_bytes_as",
    "errors": "quarantined: the rule holds the row back; info: only recorded, the row counts",
}


def _truth(deliveries: list[Delivery], hashes: dict[str, str]) -> dict[str, Any]:
    read = [delivery for delivery in deliveries if delivery.is_read]
    return {
        "note": NOTE,
        "rules": _RULES,
        "deliveries": [_delivery_truth(delivery, hashes) for delivery in deliveries],
        "errors": [
            {
                "file": d.file,
                "file_row": row.file_row,
                "column": row.error.column,
                "what": row.error.what,
                "rule": row.error.rule,
                "outcome": row.error.outcome,
            }
            | _subject(row)
            for d in read
            for row in d.rows
            if row.error is not None
        ],
        "traps": [
            {"file": d.file, "file_row": row.file_row, "what": row.trap} | _subject(row)
            for d in read
            for row in d.rows
            if row.trap is not None
        ],
        **_food_truth(read),
        **_survey_truth(read),
    }


def _delivery_truth(delivery: Delivery, hashes: dict[str, str]) -> dict[str, Any]:
    twins = [file for file, sha256 in hashes.items() if sha256 == hashes[delivery.file]]
    return {
        "source": delivery.source,
        "file": delivery.file,
        "sha256": hashes[delivery.file],
        "issued_on": delivery.issued_on.isoformat(),
        "rows_read": len(delivery.rows) if delivery.is_read else None,
        "rows_quarantined": sum(row.is_quarantined for row in delivery.rows) if delivery.is_read else None,
        "status": delivery.status,
    } | ({"same_bytes_as": twins[0]} if delivery.status == "known" else {})


def _subject(row: Row) -> dict[str, str]:
    return {"sample_no": row.sample.sample_no} if isinstance(row, FoodRow) else {}
