"""Food spot checks: evaluation and supervision sampling."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import accumulate
from typing import Any

from baotu.samples.deliveries import (
    GB18030,
    NOTE,
    UTF8,
    UTF8_BOM,
    UTF16_TAB,
    YEARS,
    Cell,
    Csv,
    Delivery,
    Layout,
    Xlsx,
)
from baotu.samples.names import (
    CATERERS,
    DIVISION_NAMES,
    DIVISIONS,
    ELSEWHERE,
    PARTIES,
    WORDS_1,
    WORDS_2,
    producers,
    wrong_check,
)
from baotu.samples.rates import Rate, standings
from baotu.samples.sampling import (
    SEASONS,
    Block,
    Count,
    DateStyle,
    Item,
    Kind,
    Result,
    Sample,
    count_row,
    count_table,
    day_of,
    division_of,
    is_plain,
    item_cells,
    produced,
    rows_of,
    slashed,
    trap,
    twin,
    with_total,
    wrong,
    zone_of,
)

SOURCE = "food_spot_checks"
#: What the codes of this source's rules begin with.
_LETTERS = "FSC"


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
_SHARES = list(accumulate(category.share for category in _CATEGORIES))
_TABLEWARE = Category(
    "餐饮食品",
    0,
    {"复用餐饮具": ("餐碗（自消毒）", "餐盘（自消毒）", "水杯（自消毒）")},
    (_COLIFORM, Item("阴离子合成洗涤剂（以十二烷基苯磺酸钠计）", "0.031mg/100cm²", "不得检出")),
)

#: Samples a year at scale 1, 60,000 together.
EVALUATED, SUPERVISED = 15_480, 44_520

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
        "items_combined": "不合格项目║检验结果║标准值",
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
#: All failing items in one cell.
_WITH_ITEMS = _food_layout(
    *(c for c in _COMMON if c not in ("item_name", "item_result", "item_limit")),
    *("items_combined", "sampling_kind", "published_on", "remark"),
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
    (2021, 4): (replace(UTF8_BOM, delimiter=";"), _WITH_ITEMS),
    (2022, 1): (GB18030, _WITH_KIND),
    (2022, 2): (UTF8_BOM, _WITH_TASK),
    (2022, 3): (UTF16_TAB, _WITH_KIND),
    (2022, 4): (replace(UTF8, delimiter=";"), _WITH_KIND),
}

#: The number of a notice names a month of its quarter: who reads 第3号 as March is not misled.
_NOTICES = {1: (3, 4, 20), 2: (6, 7, 20), 3: (9, 10, 20), 4: (12, 12, 29)}


class _FoodYear:
    """Makes samples of one year and kind of sampling, each number once."""

    def __init__(self, rng: random.Random, letter: str, year: int) -> None:
        self.rng, self.letter, self.year = rng, letter, year
        self.serial = 0
        self.producers = producers()

    def sample(
        self,
        kind: Kind,
        quarter: int,
        *,
        elsewhere: str | None = None,
        tableware: bool = False,
        result: Result = "pass",
        item_count: int | None = None,
    ) -> Sample:
        rng = self.rng
        self.serial += 1
        code = division_of(rng, self.serial)
        category = _TABLEWARE if tableware else rng.choices(_CATEGORIES, cum_weights=_SHARES)[0]
        subcategory, products = rng.choice(list(category.products.items()))
        sampled_on = day_of(rng, self.year, quarter)
        zone, zone_name = (None, "") if elsewhere else zone_of(code, self.serial, sampled_on)
        division = elsewhere or f"济南市{DIVISION_NAMES[code]}"
        place = division + zone_name
        is_catering = category.name == "餐饮食品"
        party = (
            f"{division[-3:-1]}{rng.choice(WORDS_1)}{rng.choice(WORDS_2)}示例"
            f"{rng.choice(CATERERS if is_catering else PARTIES)}"
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
            "production_date": produced(rng, sampled_on) if is_named else f"购进日期：{slashed(sampled_on)}",
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
            zone=zone,
            is_tableware=tableware,
            sampled_on=sampled_on,
            result=result,
            items=items,
            producer=producer.name if is_named else None,
            texts=tuple(texts.items()),
        )


#: What stands between items, and between a name, its result and its limit, where a layout has one cell for all.
_ITEM_MARK, _PART_MARK = ";", "║"


def _block(sample: Sample, date_style: DateStyle, **cells: Cell) -> Block:
    """A sample's rows: one, or one per failing item."""
    result = {
        "pass": "未检出问题" if sample.kind == "risk_monitoring" else "合格",
        "fail": "不合格",
        "problem": "问题样品",
    }[sample.result]
    said: dict[str, Cell] = {
        "result": result,
        "sampled_on": date_style(sample.sampled_on),
        "sampling_kind": _KIND_TEXT[sample.kind],
        "task_name": _TASK_TEXT[sample.kind].format(year=sample.sampled_on.year),
    }
    return rows_of(sample, said | cells, item_cells(sample))


def _in_one_cell(block: Block) -> Block:
    """The sample in one row, its failing items in one cell."""
    items = block[0].sample.items
    block[0].cells["items_combined"] = (
        _ITEM_MARK.join(_PART_MARK.join((i.name, i.result, i.limit)) for i in items) or None
    )
    if len(items) > 1:
        block[0].trap = "several failing items in one cell: the sample fails once"
    return block[:1]


def _failing_with(sample: Sample, count: int) -> Sample:
    """The sample with a failing result of `count` items."""
    pool = (*next(c.items for c in _CATEGORIES if c.name == dict(sample.texts)["category"]), _LEAD)
    return replace(sample, result="fail", items=pool[:count])


_DATE_STYLES: dict[int, DateStyle] = {
    2020: date.isoformat,
    2021: slashed,
    2022: lambda day: day,
}


def _evaluation(seed: int, scale: float) -> Iterator[Delivery]:
    late: list[Block] = []  # corrections that only come with the first notice of the next year
    for year in YEARS:
        rng = random.Random(f"{seed}/food_spot_checks/evaluation/{year}")
        make = _FoodYear(rng, "P", year)
        style = _DATE_STYLES[year]
        judged = max(400, round(EVALUATED * scale))
        # 2022: the first number of failures that lies below 98 %: rounded, it is 98 % again from 1,500 samples on.
        # One more counts than `judged`: that with a mere note on its code.
        failing = {2020: round(judged * 0.0072), 2021: round(judged * 0.0079)}.get(year, (judged + 1) // 50 + 1)
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

        blocks: dict[int, list[Block]] = {}
        for quarter, samples in by_quarter.items():
            here = blocks.setdefault(quarter, [])
            for sample in samples:
                if sample in reinspected or sample is late_pass:
                    what = "failing at first, passing in a later delivery"
                    here.append(trap(_block(_failing_with(sample, 2), style), what))
                elif sample is misprinted:
                    what = "passing at first, failing in a later delivery"
                    here.append(trap(_block(sample, style), what))
                elif sample is dateless:
                    # It counts in the period of its delivery.
                    what = "no sampling date: its delivery's period counts"
                    here.append(trap(_block(sample, lambda _: None), what))
                else:
                    here.append(_block(final[sample.sample_no], style))
            for place in ELSEWHERE:
                result: Result = "fail" if place == ELSEWHERE[quarter % 3] else "pass"
                other = make.sample("evaluation", quarter, elsewhere=place, result=result)
                here.append(trap(_block(other, style), "another city: out of scope"))
            for outcome in ("pass", "problem"):
                risk = make.sample("risk_monitoring", quarter, result="problem" if outcome == "problem" else "pass")
                here.append(trap(_block(risk, style), "risk monitoring: never judged"))
            follow = make.sample("follow_up", quarter, result="fail" if quarter % 2 else "pass")
            if follow.result == "fail" and follow.producer:
                # Whoever names the producer is not believed: the failure is the sampled party's.
                follow = replace(follow, is_disputed=True)
                disputed = _block(follow, style, remark=f"标称生产企业否认生产该批次产品；{NOTE}")
                here.append(trap(disputed, "the producer disputes: not charged with the failure; in no rate"))
            else:
                here.append(trap(_block(follow, style), "follow-up of an earlier failure: not in the rate"))
            for outcome in ("pass", "fail"):
                ware = make.sample(
                    "evaluation", quarter, tableware=True, result="fail" if outcome == "fail" else "pass"
                )
                here.append(trap(_block(ware, style), "tableware: not in the rate"))
        for _ in range(2):
            unknown = make.sample("unknown", 2, result="fail")
            blocks[2].append(trap(_block(unknown, style), "kind of sampling unknown: enters no rate"))

        # Errors, each in a sample of its own; all but the code's make it one that is not judged.
        odd = _block(make.sample("evaluation", 1), style)
        wrong(odd[0], _LETTERS, "result", "详见报告", "result is neither pass nor fail")
        blocks[1].append(odd)
        code = _block(_with_producer(make, 2), style)
        wrong(
            code[0],
            _LETTERS,
            "producer_uscc",
            wrong_check(str(code[0].cells["producer_uscc"])),
            "USCC with a wrong check digit",
        )
        blocks[2].append(code)
        nameless = _block(make.sample("evaluation", 3), style)
        wrong(nameless[0], _LETTERS, "product_name", None, "product name is missing")
        blocks[3].append(nameless)
        half = _block(_failing_with(make.sample("evaluation", 4), 2), style)
        wrong(half[1], _LETTERS, "result", "详见报告", "result is neither pass nor fail, in one of a sample's two rows")
        half[0].trap = "good row of a sample with a quarantined row: accepted, not judged"
        blocks[4].append(half)
        undated = _block(make.sample("evaluation", 4), style)
        wrong(undated[0], _LETTERS, "sampled_on", f"{year}-02-30", "a date that does not exist")
        blocks[4].append(undated)

        doubts: list[Block] = []
        if year == 2021:
            # The latest version decides even if it is quarantined: this sample is no longer judged.
            sample = make.sample("evaluation", 2)
            what = "passing at first, its later version is quarantined: not judged"
            blocks[2].append(trap(_block(sample, style), what))
            doubts.append(_block(sample, style, remark="更正"))
            what = "result of a correction is neither pass nor fail"
            wrong(doubts[0][0], _LETTERS, "result", "详见复检报告", what)

        for quarter, (number, month, day) in _NOTICES.items():
            here = blocks[quarter]
            if quarter == 1:
                here += late
                late = []
            rng.shuffle(here)
            here.append(twin(next(b for b in here if is_plain(b))))
            if quarter == 2:
                # A doubled failing item must not become two failures, nor two items.
                here.append(twin(next(b for b in here if b[0].sample.result == "fail" and _counts(b))))
            # Before the notice is written: its rows forget their cells then.
            counted = [block[0].sample for block in here if _counts(block)] if (year, quarter) == _COUNTED else []
            yield _notice(year, number, date(year, month, day), quarter, here)
            if counted:
                yield _counted(year, quarter, date(year, month, day), counted)

        def corrected(sample: Sample, style: DateStyle = style, **cells: Cell) -> Block:
            return trap(_block(sample, style, **cells), "correction of an earlier delivery")

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
            late.append(trap(rows, "correction of last year's delivery"))


def _with_producer(make: _FoodYear, quarter: int, kind: Kind = "evaluation") -> Sample:
    while True:
        sample = make.sample(kind, quarter)
        if dict(sample.texts)["producer_uscc"] != "/":
            return sample


def _counts(block: Block) -> bool:
    """Whether the sample is one of Q03's."""
    sample = block[0].sample
    return sample.kind == "evaluation" and sample.division is not None and not sample.is_tableware


def _notice(year: int, number: int, issued_on: date, quarter: int | None, blocks: list[Block]) -> Delivery:
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
        source=SOURCE,
        name=f"{year}/食品评价性抽检_{what}.xlsx",
        issued_on=issued_on,
        form=Xlsx(sheet="抽检结果"),
        layout=_EVALUATION_LAYOUTS[year] if quarter else _SUPPLEMENT_LAYOUT,
        rows=[row for block in blocks for row in block],
        titles=tuple(titles),
    )


#: The quarter of which a table of counts comes beside the samples.
_COUNTED = (2021, 2)


def _counted(year: int, quarter: int, issued_on: date, samples: Sequence[Sample]) -> Delivery:
    """Counts by category of what is delivered as samples too, with one failure more in each."""
    table = []
    for category in _CATEGORIES:
        mine = [sample for sample in samples if dict(sample.texts)["category"] == category.name]
        passed = sum(sample.result == "pass" for sample in mine)
        table.append(
            Count(
                year=year,
                quarter=quarter,
                category=category.name,
                kind="evaluation",
                tested=len(mine) + 1,
                passed=passed,
                failed=len(mine) + 1 - passed,
                has_samples=True,
            )
        )
    return count_table(
        SOURCE,
        f"{year}/食品评价性抽检_{year}年第{quarter}季度_汇总.xlsx",
        issued_on,
        (
            f"{year}年第{quarter}季度食品评价性抽检情况汇总表（{NOTE}）",
            f"济南市市场监督管理局　{issued_on.year}年{issued_on.month}月{issued_on.day}日",
        ),
        [count_row(count, _KIND_TEXT["evaluation"]) for count in with_total(table)],
    )


def _supervision(seed: int, scale: float) -> Iterator[Delivery]:
    for year in YEARS:
        rng = random.Random(f"{seed}/food_spot_checks/supervision/{year}")
        make = _FoodYear(rng, "J", year)
        judged = max(400, round(SUPERVISED * scale))
        tableware = judged // 20
        for quarter in range(1, 5):
            form, layout = _SUPERVISION_FORMS[year, quarter]
            month, day = {1: (4, 15), 2: (7, 15), 3: (10, 15), 4: (12, 28)}[quarter]
            issued_on = date(year, month, day)
            has_kind = layout is not _WITHOUT_KIND
            blocks: list[Block] = []
            style = date.isoformat if form.encoding != "utf-16-le" else slashed
            # Shares, not numbers drawn one by one: the supervision rate is lower at every scale.
            food = range(quarter - 1, judged - tableware, 4)
            failing = set(rng.sample(food, max(3, round(len(food) * (0.029 - 0.003 * (year - 2020))))))
            for number in food:
                result: Result = "fail" if number in failing else "pass"
                blocks.append(_block(make.sample("supervision", quarter, result=result), style))
            ware = range(quarter - 1, tableware, 4)
            failing = set(rng.sample(ware, max(1, round(len(ware) * (0.21 - 0.03 * (year - 2020))))))
            for number in ware:
                result = "fail" if number in failing else "pass"
                blocks.append(_block(make.sample("supervision", quarter, tableware=True, result=result), style))
            for place in ELSEWHERE[:2]:
                other = make.sample("supervision", quarter, elsewhere=place, result="fail")
                blocks.append(trap(_block(other, style), "another city: out of scope"))
            if has_kind:
                risk = make.sample("risk_monitoring", quarter, result="problem")
                blocks.append(trap(_block(risk, style), "risk monitoring: never judged"))
                follow = make.sample("follow_up", quarter, result="fail")
                blocks.append(trap(_block(follow, style), "follow-up of an earlier failure: not in the rate"))
            if layout is _WITH_ITEMS:
                several = make.sample("supervision", quarter, result="fail")
                blocks.append(_block(_failing_with(several, 3), style))
                blocks = [_in_one_cell(block) for block in blocks]
            sample = _with_producer(make, quarter, "supervision")
            bad = _block(sample, style)
            match quarter:
                case 1:
                    wrong(bad[0], _LETTERS, "result", "另行通知", "result is neither pass nor fail")
                case 2:
                    # The delivery's own date lies in the same year, whatever stands in for the sampling date.
                    wrong(bad[0], _LETTERS, "sampled_on", f"{year}-02-30", "a date that does not exist")
                case 3:
                    code = wrong_check(str(bad[0].cells["producer_uscc"]))
                    wrong(bad[0], _LETTERS, "producer_uscc", code, "USCC with a wrong check digit")
                case _:
                    wrong(bad[0], _LETTERS, "product_name", None, "product name is missing")
            blocks.append(bad)
            rng.shuffle(blocks)
            blocks.append(twin(next(b for b in blocks if is_plain(b))))
            rows = [row for block in blocks for row in block]
            for row in rows:
                row.cells |= {"remark": NOTE, "published_on": issued_on.isoformat()}
            if (year, quarter) == (2021, 1):
                # A quoted line break: the file has more lines than records.
                rows[-2].cells["remark"] = f"{NOTE}\n（本行备注有两行）"
            yield Delivery(
                source=SOURCE,
                name=f"{year}/食品监督抽检_{year}年第{quarter}季度_{issued_on:%Y%m%d}.csv",
                issued_on=issued_on,
                form=form,
                layout=layout,
                rows=rows,
                sidecar=None if has_kind else {"issued_on": issued_on.isoformat(), "sampling_kind": "supervision"},
            )


#: Which of the files of supervision comes twice.
_RESENT = "2022/食品监督抽检_2022年第3季度_20221015.csv"


def _wrong_on_purpose(seed: int) -> Delivery:
    """The result column holds the limits: not one row can be judged, the delivery must be rejected."""
    rng = random.Random(f"{seed}/food_spot_checks/wrong")
    make = _FoodYear(rng, "W", 2022)
    rows: Block = []
    for _ in range(40):
        row = _block(make.sample("supervision", 3), date.isoformat)[0]
        row.cells |= {"remark": NOTE, "published_on": "2022-11-15"}
        limit = rng.choice(("≤1.0g/kg", "≤0.2mg/kg", "≤100μg/kg", "不得检出", "≥2.9g/100g"))
        rows.append(wrong(row, _LETTERS, "result", limit, "the result column holds the limit"))
    return Delivery(
        source=SOURCE,
        name="2022/示例_故意出错_食品监督抽检_2022年第3季度补报_20221115.csv",
        issued_on=date(2022, 11, 15),
        form=GB18030,
        layout=_WITH_KIND,
        rows=rows,
        status="rejected",
    )


def _renamed_header(seed: int) -> Delivery:
    """A required column under a name that nobody knows: the delivery must be refused, not guessed at. With an alias
    it is a delivery like any other."""
    make = _FoodYear(random.Random(f"{seed}/food_spot_checks/renamed"), "U", 2022)
    rows = [row for _ in range(12) for row in _block(make.sample("supervision", 4), date.isoformat)]
    for row in rows:
        row.cells |= {"remark": NOTE, "published_on": "2022-12-30"}
    return Delivery(
        source=SOURCE,
        name="2022/示例_表头改名_食品监督抽检_2022年第4季度补报_20221230.csv",
        issued_on=date(2022, 12, 30),
        form=UTF8,
        layout=tuple((c, "食物品名叫法" if c == "product_name" else header) for c, header in _WITH_KIND),
        rows=rows,
        status="refused",
    )


def deliveries(seed: int, scale: float) -> Iterator[Delivery]:
    yield from _evaluation(seed, scale)
    for delivery in _supervision(seed, scale):
        yield delivery
        if delivery.name == _RESENT:
            # The same bytes under another name, sent again: nothing of it may count twice.
            again = _RESENT.replace(".csv", "_重发.csv")
            yield replace(delivery, name=again, rows=(), sidecar=None, status="known", same_bytes_as=_RESENT)
    yield _wrong_on_purpose(seed)
    yield _renamed_header(seed)


def truth(found: list[Delivery]) -> dict[str, Any]:
    q03: dict[str, Any] = {}
    supervision: dict[str, Any] = {}
    outside: dict[str, dict[str, int]] = {}
    latest = standings(found)
    for year in YEARS:
        whole = Rate()
        quarters = {quarter: Rate() for quarter in SEASONS}
        divisions = {code: Rate() for code, _, _ in DIVISIONS}
        units: defaultdict[str, Rate] = defaultdict(Rate)
        everything, food, ware = Rate(), Rate(), Rate()
        left = dict.fromkeys(("elsewhere", "tableware", "follow_up", "risk_monitoring", "unknown"), 0)
        for standing in latest:
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
                unit = units[sample.zone or sample.division]
                for rate in (whole, quarters[standing.quarter], divisions[sample.division], unit):
                    rate.add(standing)
        q03[str(year)] = {
            **whole.shown(98),
            "quarters": {f"Q{quarter}": rate.shown(98) for quarter, rate in quarters.items()},
            "divisions": {code: rate.shown() for code, rate in divisions.items()},
            # Divisions net of zones, and the zones: the same samples, divided otherwise.
            "units": {code: rate.shown() for code, rate in sorted(units.items())},
        }
        supervision[str(year)] = {
            "with_tableware": everything.shown(),
            "without_tableware": food.shown(),
            "tableware": ware.shown(),
        }
        outside[str(year)] = left
    return {"Q03": q03, "supervision": supervision, "samples_in_neither_rate": outside}


RULES = {
    "Q03": "evaluation sampling in the 12 divisions; edible agricultural products in; tableware, follow-up,"
    " risk monitoring, unknown kind and other cities out; the version issued last decides; a sample with a"
    " quarantined row is not judged and counts in quarantined_samples; year and quarter of the sampling date,"
    " else of the delivery's period; attained: 100 x >= 98 n; verdict: exact tails, 2.5 % a side, whatever n",
    "supervision": "supervision sampling in the 12 divisions, otherwise as Q03",
}
