"""Monitoring of agricultural products: routine monitoring in rounds, and supervision sampling."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import accumulate
from typing import Any

from baotu.samples.deliveries import GB18030, NOTE, UTF8, UTF8_BOM, YEARS, Cell, Csv, Delivery, Layout, Xlsx
from baotu.samples.names import DIVISION_NAMES, DIVISIONS, ELSEWHERE, FARMS, WORDS_1, WORDS_2
from baotu.samples.rates import Rate, counts, standings
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
    rows_of,
    slashed,
    trap,
    twin,
    with_total,
    wrong,
)

SOURCE = "agri_monitoring"
#: What the codes of this source's rules begin with.
_LETTERS = "AGM"
#: Samples a year at scale 1, 20,000 together.
ROUTINE, SUPERVISED, RISK = 15_000, 4_800, 200
TARGET = 97


@dataclass(frozen=True)
class _Class:
    """A class of products: how offices call it, its share of samples, products and what they fail on."""

    name: str
    other_name: str
    share: int
    products: tuple[str, ...]
    items: tuple[Item, ...]


_OMETHOATE = Item("氧乐果", "0.087mg/kg", "≤0.02mg/kg")
_CLASSES = (
    _Class(
        "蔬菜",
        "蔬菜类",
        44,
        ("韭菜", "芹菜", "普通白菜", "黄瓜", "番茄", "香菇"),
        (Item("毒死蜱", "0.16mg/kg", "≤0.02mg/kg"), Item("腐霉利", "0.94mg/kg", "≤0.2mg/kg"), _OMETHOATE),
    ),
    _Class(
        "水果",
        "水果类",
        20,
        ("苹果", "桃", "葡萄", "草莓"),
        (Item("多菌灵", "3.4mg/kg", "≤2mg/kg"), Item("苯醚甲环唑", "0.71mg/kg", "≤0.5mg/kg"), _OMETHOATE),
    ),
    _Class(
        "茶叶",
        "茶类",
        6,
        ("绿茶", "红茶"),
        (Item("吡虫啉", "0.83mg/kg", "≤0.5mg/kg"), Item("草甘膦", "1.4mg/kg", "≤1mg/kg"), _OMETHOATE),
    ),
    _Class(
        "畜禽产品",
        "畜禽",
        18,
        ("猪肉", "牛肉", "鸡肉", "鸡蛋", "生鲜乳"),
        (Item("恩诺沙星", "187μg/kg", "≤100μg/kg"), Item("磺胺类（总量）", "142μg/kg", "≤100μg/kg")),
    ),
    _Class(
        "水产品",
        "水产",
        12,
        ("鲤鱼", "草鱼", "对虾"),
        (Item("恩诺沙星", "231μg/kg", "≤100μg/kg"), Item("孔雀石绿", "1.8μg/kg", "不得检出")),
    ),
)
_SHARES = list(accumulate(group.share for group in _CLASSES))
_WITHOUT_TEA = tuple(group for group in _CLASSES if group.name != "茶叶")
#: Not one of the five.
_GRAIN = _Class("其他农产品", "粮食", 0, ("小麦", "玉米"), (Item("镉（以Cd计）", "0.14mg/kg", "≤0.1mg/kg"),))
#: The round that had no tea: its composition is not that of the others, a break in the series.
_ROUND_WITHOUT_TEA = (2021, 3)
#: The round of which only counts came.
_COUNTED_ROUND = (2020, 1)

_KIND_TEXT: dict[Kind, str] = {
    "routine_monitoring": "例行监测",
    "supervision": "监督抽查",
    "risk_monitoring": "风险监测",
}
_ISSUED = {1: (4, 20), 2: (7, 20), 3: (10, 20), 4: (12, 27)}


def _layout(*without: str, **headers: str) -> Layout:
    usual = {
        "sample_no": "抽样编号",
        "product_name": "样品名称",
        "sampled_name": "被抽样单位名称",
        "sampled_division": "抽样所在区县",
        "category": "产品类别",
        "item_name": "不合格项目",
        "item_result": "检测结果",
        "item_limit": "限量值",
        "result": "检测结论",
        "sampled_on": "抽样日期",
        "sampling_kind": "监测类型",
        "task_name": "任务名称",
        "monitoring_round": "轮次",
        "remark": "备注",
    } | headers
    return tuple((column, header) for column, header in usual.items() if column not in without)


_TITLES_2020 = _layout("task_name", sample_no="样品编号")
_TEXT_2021 = _layout("monitoring_round")
_LAYOUT_2022 = _layout()
#: Passing and failing samples in a file each: only its name says which.
_PASSING = _layout("result", "item_name", "item_result", "item_limit")
_FAILING = _layout("result")
_SUPERVISION_LAYOUT = _layout("monitoring_round", "task_name")


class _Year:
    """Makes samples of one year, each number once."""

    def __init__(self, rng: random.Random, letter: str, year: int) -> None:
        self.rng, self.letter, self.year = rng, letter, year
        self.serial = 0

    def sample(
        self,
        kind: Kind,
        quarter: int,
        *,
        group: _Class | None = None,
        elsewhere: str | None = None,
        result: Result = "pass",
        item_count: int = 1,
    ) -> Sample:
        rng = self.rng
        self.serial += 1
        code = division_of(rng, self.serial)
        if group is None and kind == "routine_monitoring" and (self.year, quarter) == _ROUND_WITHOUT_TEA:
            group = rng.choice(_WITHOUT_TEA)
        group = group or rng.choices(_CLASSES, cum_weights=_SHARES)[0]
        texts: dict[str, Cell] = {
            "product_name": rng.choice(group.products),
            "sampled_name": f"{rng.choice(WORDS_1)}{rng.choice(WORDS_2)}示例{rng.choice(FARMS)}",
            "sampled_division": elsewhere or f"济南市{DIVISION_NAMES[code]}",
            "category": group.other_name if self.year == 2021 else group.name,
        }
        return Sample(
            sample_no=f"NC{self.year % 100}{self.letter}{'370000' if elsewhere else code}{self.serial:06d}",
            kind=kind,
            division=None if elsewhere else code,
            group=group.name,
            sampled_on=day_of(rng, self.year, quarter),
            result=result,
            items=group.items[:item_count] if result != "pass" else (),
            texts=tuple(texts.items()),
        )


def _failing(sample: Sample) -> Sample:
    group = next(c for c in _CLASSES if c.name == sample.group)
    return replace(sample, result="fail", items=group.items[:2])


def _block(sample: Sample, date_style: DateStyle, **cells: Cell) -> Block:
    """A sample's rows: one, or one per failing item."""
    quarter = (sample.sampled_on.month + 2) // 3
    said: dict[str, Cell] = {
        "result": {"pass": "合格", "fail": "不合格", "problem": "问题样品"}[sample.result],
        "sampled_on": date_style(sample.sampled_on),
        "sampling_kind": _KIND_TEXT[sample.kind],
        "task_name": f"{sample.sampled_on.year}年济南市农产品质量安全{_KIND_TEXT[sample.kind]}",
        "monitoring_round": f"第{quarter}轮",
        "remark": NOTE,
    }
    return rows_of(sample, said | cells, item_cells(sample))


def _titles(year: int, quarter: int, what: str, issued_on: date) -> tuple[str, ...]:
    return (
        f"{year}年第{quarter}季度农产品质量安全例行监测{what}（第{quarter}轮）（{NOTE}）",
        f"济南市农业农村局　{issued_on.year}年{issued_on.month}月{issued_on.day}日",
    )


def _counted_round(year: int, quarter: int, samples: Sequence[Sample], issued_on: date) -> Delivery:
    """The round as a table of counts by class, without its samples."""
    table = []
    for group in _CLASSES:
        mine = [sample for sample in samples if sample.group == group.name]
        passed = sum(sample.result == "pass" for sample in mine)
        table.append(
            Count(
                year=year,
                quarter=quarter,
                category=group.name,
                kind="routine_monitoring",
                tested=len(mine),
                passed=passed,
                failed=len(mine) - passed,
            )
        )
    return count_table(
        SOURCE,
        f"{year}/农产品例行监测_{year}年第{quarter}轮_汇总.xlsx",
        issued_on,
        _titles(year, quarter, "结果汇总表", issued_on),
        [count_row(count, _KIND_TEXT["routine_monitoring"]) for count in with_total(table)],
    )


def _routine(seed: int, scale: float) -> Iterator[Delivery]:
    for year in YEARS:
        rng = random.Random(f"{seed}/agri_monitoring/routine/{year}")
        make = _Year(rng, "L", year)
        style: DateStyle = {2020: lambda day: day, 2021: slashed}.get(year, date.isoformat)
        size = max(400, round(ROUTINE * scale)) // len(SEASONS)
        risks = max(8, round(RISK * scale)) // len(SEASONS)
        corrected: list[Block] = []  # of the round before
        for quarter, (month, day) in _ISSUED.items():
            issued_on = date(year, month, day)
            samples = [make.sample("routine_monitoring", quarter) for _ in range(size)]
            if (year, quarter) == _COUNTED_ROUND:
                # Each class has some, and some that fail.
                samples = [
                    make.sample("routine_monitoring", quarter, group=group, result="fail" if number < 1 else "pass")
                    for group in _CLASSES
                    for number in range(max(8, size * group.share // 100))
                ]
                yield _counted_round(year, quarter, samples, issued_on)
                continue
            # Judged differently by the next round's delivery, or by none.
            retested = samples[3] if quarter < 4 else None
            share = {2020: 0.019, 2021: 0.022}.get(year, 0.024)
            fails = set(rng.sample(range(10, size), round(size * share)))
            several = min(fails)
            blocks = []
            for number, sample in enumerate(samples):
                if sample is retested:
                    rows = _block(_failing(sample), style)
                    blocks.append(trap(rows, "failing at first, passing in a later delivery"))
                elif number in fails:
                    failing = _failing(sample)
                    blocks.append(
                        _block(failing if number == several else replace(failing, items=failing.items[:1]), style)
                    )
                else:
                    blocks.append(_block(sample, style))
            blocks += corrected
            corrected = []
            if retested:
                rows = _block(retested, style, remark=f"经复检，改判合格（{NOTE}）")
                corrected.append(trap(rows, "correction of an earlier delivery"))
            for number in range(risks):
                risk = make.sample("risk_monitoring", quarter, result="problem" if number == 0 else "pass")
                blocks.append(trap(_block(risk, style), "risk monitoring: not in the rate"))
            grain = make.sample("routine_monitoring", quarter, group=_GRAIN, result="fail")
            blocks.append(trap(_block(grain, style), "a class that is not one of the five: not in the rate"))
            other = make.sample("routine_monitoring", quarter, elsewhere=ELSEWHERE[quarter % 3], result="fail")
            blocks.append(trap(_block(other, style), "another city: out of scope"))
            if (year, quarter) == (2022, 2):
                yield from _apart(year, quarter, issued_on, blocks, rng)
                continue
            bad = _block(make.sample("routine_monitoring", quarter), style)
            match quarter:
                case 1:
                    wrong(bad[0], _LETTERS, "result", "见附表", "result is neither pass nor fail")
                case 2:
                    wrong(bad[0], _LETTERS, "product_name", None, "product name is missing")
                case 3:
                    wrong(bad[0], _LETTERS, "sampled_on", f"{year}-02-30", "a date that does not exist")
                case _:
                    half = _block(_failing(make.sample("routine_monitoring", quarter)), style)
                    what = "result is neither pass nor fail, in one of a sample's two rows"
                    wrong(half[1], _LETTERS, "result", "见附表", what)
                    half[0].trap = "good row of a sample with a quarantined row: accepted, not judged"
                    bad = half
            blocks.append(bad)
            if quarter == 3:
                vague = _block(make.sample("routine_monitoring", quarter), style)
                wrong(vague[0], _LETTERS, "category", "详见附表", "the class of product is not said")
                blocks.append(vague)
            rng.shuffle(blocks)
            blocks.append(twin(next(b for b in blocks if is_plain(b))))
            yield _round(year, quarter, issued_on, blocks)
            if (year, quarter) == (2021, 4):
                yield _mistake(year, quarter, samples[10 : 10 + max(20, size // 20)], make, style)


def _round(year: int, quarter: int, issued_on: date, blocks: Sequence[Block]) -> Delivery:
    forms: dict[int, Csv | Xlsx] = {2020: Xlsx(sheet="监测结果"), 2021: GB18030, 2022: UTF8_BOM}
    named = f"农产品例行监测_{year}年第{quarter}季度"
    return Delivery(
        source=SOURCE,
        name=f"{year}/{named}.xlsx" if year == 2020 else f"{year}/{named}_{issued_on:%Y%m%d}.csv",
        issued_on=issued_on,
        form=forms[year],
        layout={2020: _TITLES_2020, 2021: _TEXT_2021}.get(year, _LAYOUT_2022),
        rows=[row for block in blocks for row in block],
        titles=_titles(year, quarter, "结果", issued_on) if year == 2020 else (),
    )


def _apart(year: int, quarter: int, issued_on: date, blocks: Sequence[Block], rng: random.Random) -> Iterator[Delivery]:
    """The round in two files, passing and failing samples apart: neither has a column that says which."""
    for result, word, layout in (("pass", "合格", _PASSING), ("fail", "不合格", _FAILING)):
        mine = [block for block in blocks if block[0].sample.result == result]
        rng.shuffle(mine)
        yield Delivery(
            source=SOURCE,
            name=f"{year}/农产品例行监测_{year}年第{quarter}季度_{word}样品_{issued_on:%Y%m%d}.csv",
            issued_on=issued_on,
            form=UTF8,
            layout=layout,
            rows=[row for block in mine for row in block],
            sidecar={"issued_on": issued_on.isoformat(), "verdict": result},
        )


def _mistake(year: int, quarter: int, samples: Sequence[Sample], make: _Year, style: DateStyle) -> Delivery:
    """Results that were never so, of samples that were delivered and of others: somebody has to withdraw it."""
    issued_on = date(year, 12, 29)
    made_up = [_failing(sample) for sample in samples]
    made_up += [make.sample("routine_monitoring", quarter) for _ in range(10)]
    rows = [row for sample in made_up for row in _block(sample, style)]
    return Delivery(
        source=SOURCE,
        name=f"{year}/农产品例行监测_{year}年第{quarter}季度_{issued_on:%Y%m%d}_误发.csv",
        issued_on=issued_on,
        form=GB18030,
        layout=_TEXT_2021,
        rows=trap(rows, "of a delivery that was sent by mistake"),
        is_mistake=True,
    )


#: Year, half → form of the delivery on supervision.
_SUPERVISION_FORMS: dict[tuple[int, int], Csv] = {
    (2020, 1): GB18030,
    (2020, 2): UTF8,
    (2021, 1): replace(UTF8_BOM, delimiter=";"),
    (2021, 2): GB18030,
    (2022, 1): UTF8,
    (2022, 2): replace(GB18030, delimiter="\t"),
}


def _supervision(seed: int, scale: float) -> Iterator[Delivery]:
    for (year, half), form in _SUPERVISION_FORMS.items():
        rng = random.Random(f"{seed}/agri_monitoring/supervision/{year}/{half}")
        make = _Year(rng, "JS"[half - 1], year)
        issued_on = date(year, 7, 15) if half == 1 else date(year, 12, 28)
        size = max(80, round(SUPERVISED * scale) // 2)
        # Where problems are expected: lower than routine monitoring at every scale.
        failing = set(rng.sample(range(size), round(size * 0.055)))
        blocks = [
            _block(
                make.sample("supervision", 2 * half - 1 + number % 2, result="fail" if number in failing else "pass"),
                date.isoformat,
            )
            for number in range(size)
        ]
        bad = _block(make.sample("supervision", 2 * half), date.isoformat)
        wrong(bad[0], _LETTERS, "result", "另行通知", "result is neither pass nor fail")
        blocks.append(bad)
        rng.shuffle(blocks)
        yield Delivery(
            source=SOURCE,
            name=f"{year}/农产品监督抽查_{year}年{'上下'[half - 1]}半年_{issued_on:%Y%m%d}.csv",
            issued_on=issued_on,
            form=form,
            layout=_SUPERVISION_LAYOUT,
            rows=[row for block in blocks for row in block],
        )


def deliveries(seed: int, scale: float) -> Iterator[Delivery]:
    yield from _routine(seed, scale)
    yield from _supervision(seed, scale)


def truth(found: list[Delivery]) -> dict[str, Any]:
    q02: dict[str, Any] = {}
    supervision: dict[str, Any] = {}
    outside: dict[str, dict[str, int]] = {}
    latest = standings(found)
    five = [group.name for group in _CLASSES]
    for year in YEARS:
        counted = [count for count in counts(found) if count.year == year]
        whole, supervised = Rate(), Rate()
        quarters = {quarter: Rate() for quarter in SEASONS}
        groups = {name: Rate() for name in five}
        divisions = {code: Rate() for code, _, _ in DIVISIONS}
        left = dict.fromkeys(("elsewhere", "risk_monitoring", "other_class"), 0)
        for standing in latest:
            sample = standing.sample
            if sample.sampled_on.year != year:
                continue
            if sample.division is None:
                left["elsewhere"] += 1
            elif sample.kind == "supervision":
                supervised.add(standing)
            elif sample.kind == "risk_monitoring":
                left["risk_monitoring"] += 1
            elif sample.group not in groups:
                left["other_class"] += 1
            else:
                for rate in (
                    *(whole, quarters[standing.quarter]),
                    *(groups[sample.group], divisions[sample.division]),
                ):
                    rate.add(standing)
        reported = {quarter: Rate() for quarter in sorted({count.quarter for count in counted})}
        for count in counted:
            reported[count.quarter].add_count(count)
        q02[str(year)] = {
            **whole.shown(TARGET),
            "reported": {f"Q{quarter}": rate.shown(TARGET) for quarter, rate in reported.items()},
            "quarters": {f"Q{quarter}": rate.shown(TARGET) for quarter, rate in quarters.items()},
            "classes": {name: rate.shown() for name, rate in groups.items()},
            "divisions": {code: rate.shown() for code, rate in divisions.items()},
        }
        supervision[str(year)] = supervised.shown()
        outside[str(year)] = left
    return {"Q02": q02, "agri_supervision": supervision, "agri_samples_in_neither_rate": outside}


RULES = {
    "Q02": "routine monitoring in the 12 divisions, the five classes pooled; other classes, risk monitoring and"
    " other cities out; reported: the quarters of which only counts came, shown by themselves and never added to the"
    " samples; 2021-Q3 has no tea, a break in the series; the version issued last decides; a sample with a"
    " quarantined row is not judged; attained: 100 x >= 97 n; verdict: exact tails, 2.5 % a side, whatever n",
    "agri_supervision": "supervision sampling in the 12 divisions, otherwise as Q02",
}
