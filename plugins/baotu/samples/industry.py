"""Spot checks of industrial products, and the pass rate weighted by output over divisions of manufacturing."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import Any

from baotu.samples.deliveries import GB18030, NOTE, UTF8_BOM, YEARS, Cell, Csv, Delivery, Layout, Xlsx
from baotu.samples.names import DIVISION_NAMES, DIVISIONS, ELSEWHERE, manufacturers, wrong_check
from baotu.samples.rates import Rate, Standing, number, standings, total
from baotu.samples.sampling import (
    SEASONS,
    Block,
    Count,
    CountRow,
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
    trap,
    twin,
    with_total,
    wrong,
)
from baotu.samples.weights import MANUFACTURING, OUTPUT

SOURCE = "industrial_spot_checks"
#: What the codes of this source's rules begin with.
_LETTERS = "ISC"
#: Samples a year at scale 1, 10,000 together.
SUPERVISED, FOLLOWED_UP = 9_200, 800
TARGET = 96


@dataclass(frozen=True)
class _Group:
    """Products of one division of manufacturing: how offices call them, and how many of 100 samples they are."""

    category: str
    products: tuple[str, ...]
    share: int


#: Division of GB/T 4754 → its products. What weighs most in output is sampled least.
_GROUPS: dict[str, _Group] = {
    "13": _Group("饲料", ("配合饲料", "浓缩饲料"), 2),
    "14": _Group("食品添加剂", ("复配食品添加剂",), 1),
    "15": _Group("精制茶", ("精制茶",), 1),
    "16": _Group("卷烟", ("卷烟",), 1),
    "17": _Group("床上用品", ("床上用品套件", "毛巾"), 4),
    "18": _Group("服装", ("羽绒服", "校服"), 8),
    "19": _Group("鞋类", ("皮鞋", "旅游鞋"), 4),
    "20": _Group("人造板", ("细木工板", "胶合板"), 3),
    "21": _Group("家具", ("床垫", "木质家具"), 5),
    "22": _Group("纸制品", ("卫生纸", "纸尿裤"), 5),
    "23": _Group("印刷品", ("中小学课本",), 1),
    "24": _Group("玩具及文具", ("毛绒玩具", "学生文具"), 7),
    "25": _Group("成品油", ("车用柴油", "车用汽油"), 3),
    "26": _Group("化肥及涂料", ("复混肥料", "内墙涂料"), 7),
    "27": _Group("中药饮片", ("中药饮片",), 1),
    "28": _Group("化学纤维", ("涤纶短纤维",), 1),
    "29": _Group("塑料制品", ("聚乙烯农用薄膜", "塑料管材"), 6),
    "30": _Group("水泥及玻璃", ("通用硅酸盐水泥", "钢化玻璃"), 7),
    "31": _Group("钢材", ("热轧带肋钢筋",), 2),
    "32": _Group("铝型材", ("铝合金建筑型材",), 1),
    "33": _Group("五金制品", ("脚手架扣件", "弹子插芯门锁"), 6),
    "34": _Group("通用设备", ("铜制阀门", "潜水泵"), 3),
    "35": _Group("农业机械", ("农业机械（旋耕机）",), 2),
    "36": _Group("汽车配件", ("汽车刹车片",), 2),
    "37": _Group("电动自行车", ("电动自行车",), 4),
    "38": _Group("电线电缆及插座", ("聚氯乙烯绝缘电缆", "家用插座"), 12),
    "39": _Group("电子产品", ("电源适配器", "路由器"), 5),
    "40": _Group("计量器具", ("电能表", "水表"), 2),
    "41": _Group("日用杂品", ("一次性打火机",), 2),
}
_ITEMS = (
    Item("标志", "不符合", "应符合标准规定"),
    Item("甲醛含量", "98mg/kg", "≤75mg/kg"),
    Item("接地措施", "不符合", "应可靠接地"),
    Item("导体电阻", "22.4Ω/km", "≤19.5Ω/km"),
)
#: Year → division without a sample.
_UNSAMPLED = {2020: "16", 2021: "25", 2022: "16"}
#: Divisions that are large in output.
_LARGE = ("31", "35", "36", "39")
#: Year → share of failures in large divisions and in the others. 2022: pooled, the rate is above 96 %; weighted,
#: below. 2021: the other way round.
_FAILURES = {2020: (0.06, 0.055), 2021: (0.001, 0.052), 2022: (0.125, 0.022)}

_KIND_TEXT: dict[Kind, str] = {"supervision": "监督抽查", "follow_up": "复查"}
_ISSUED = {1: (4, 25), 2: (7, 25), 3: (10, 25), 4: (12, 26)}


def _layout(*columns: str, **headers: str) -> Layout:
    usual = {
        "seq": "序号",
        "sample_no": "抽样编号",
        "product_name": "产品名称",
        "producer_name": "生产企业名称",
        "producer_uscc": "生产企业统一社会信用代码",
        "sampled_name": "受检单位",
        "sampled_division": "所属区县",
        "spec": "规格型号",
        "production_date": "生产日期/批号",
        "category": "产品类别",
        "industry_code": "行业代码",
        "item_name": "不合格项目",
        "result": "检验结论",
        "sampled_on": "抽样日期",
        "sampling_kind": "抽查类别",
        "task_name": "任务名称",
        "remark": "备注",
    } | headers
    return tuple((column, usual[column]) for column in columns)


#: As Shandong wrote it in 2020: failing items joined in one cell, the division only to be told from the product.
_JOINED = _layout(
    *("seq", "sample_no", "producer_name", "sampled_division", "product_name", "spec", "production_date"),
    *("sampling_kind", "sampled_on", "result", "item_name", "remark"),
    producer_name="企业名称",
)
_WITH_CODE = _layout(
    *("sample_no", "product_name", "producer_name", "producer_uscc", "sampled_name", "sampled_division"),
    *("spec", "production_date", "category", "industry_code", "item_name", "result", "sampled_on"),
    *("sampling_kind", "task_name", "remark"),
)
_WITH_CLASS = tuple(column for column in _WITH_CODE if column[0] != "industry_code")
#: Without a form number: what its cells say is what tells a sample from others.
_NUMBERLESS = tuple(column for column in _JOINED if column[0] != "sample_no")


class _Year:
    """Makes samples of one year, each number once."""

    def __init__(self, rng: random.Random, year: int) -> None:
        self.rng, self.year = rng, year
        self.serial = 0
        self.producers = manufacturers()

    def sample(
        self,
        kind: Kind,
        quarter: int,
        industry: str,
        *,
        elsewhere: str | None = None,
        result: Result = "pass",
        item_count: int = 1,
    ) -> Sample:
        rng = self.rng
        self.serial += 1
        code = division_of(rng, self.serial)
        group = _GROUPS[industry]
        producer = rng.choice(self.producers)
        sampled_on = day_of(rng, self.year, quarter)
        texts: dict[str, Cell] = {
            "product_name": rng.choice(group.products),
            "producer_name": producer.name,
            "producer_uscc": producer.code,
            "sampled_name": producer.name if rng.random() < 0.5 else f"{producer.name[2:6]}示例经营部",
            "sampled_division": elsewhere or f"济南市{DIVISION_NAMES[code]}",
            "spec": rng.choice(("1.5mm²", "M-220", "500mL", "标准型")),
            # Distinct for each sample.
            "production_date": f"{sampled_on:%Y%m%d}/L{self.serial:05d}",
            "category": group.category,
            # With and without the letter of the section.
            "industry_code": f"C{industry}" if self.serial % 2 else industry,
        }
        return Sample(
            sample_no=f"CP{self.year % 100}{'370000' if elsewhere else code}{self.serial:06d}",
            kind=kind,
            division=None if elsewhere else code,
            group=industry,
            sampled_on=sampled_on,
            result=result,
            items=tuple(rng.sample(_ITEMS, item_count)) if result != "pass" else (),
            producer=producer.name,
            texts=tuple(texts.items()),
        )


def _block(sample: Sample, layout: Layout, **cells: Cell) -> Block:
    """A sample's rows: one per failing item, or all items joined in the cell of one row."""
    style: DateStyle = (lambda day: f"{day:%Y%m%d}") if layout is not _WITH_CODE else date.isoformat
    said: dict[str, Cell] = {
        "result": "合格" if sample.result == "pass" else "不合格",
        "sampled_on": style(sample.sampled_on),
        "sampling_kind": _KIND_TEXT[sample.kind],
        "task_name": f"{sample.sampled_on.year}年济南市产品质量{_KIND_TEXT[sample.kind]}",
        "remark": NOTE,
    }
    if layout is _WITH_CODE or layout is _WITH_CLASS:
        return rows_of(sample, said | cells, item_cells(sample))
    block = rows_of(sample, said | cells, [{"item_name": "、".join(item.name for item in sample.items) or "/"}])
    return trap(block, "several failing items in one cell: the sample fails once") if sample.items[1:] else block


def _planned(rng: random.Random, year: int, size: int) -> list[tuple[str, Result]]:
    """Division and result of each supervision sample of a year, in random order."""
    whole = sum(group.share for code, group in _GROUPS.items() if code != _UNSAMPLED[year])
    planned: list[tuple[str, Result]] = []
    for code, group in _GROUPS.items():
        if code == _UNSAMPLED[year]:
            continue
        count = max(4, round(size * group.share / whole))
        large, other = _FAILURES[year]
        failing = round(count * (large if code in _LARGE else other))
        if code in _LARGE and large > other:
            failing = max(1, failing)
        planned += [(code, "fail" if index < failing else "pass") for index in range(count)]
    rng.shuffle(planned)
    return planned


def _form(year: int, quarter: int) -> tuple[Csv | Xlsx, Layout]:
    if year == 2020:
        return Xlsx(sheet="抽查结果"), _NUMBERLESS if quarter == 2 else _JOINED
    return (GB18030, _WITH_CODE) if year == 2021 else (UTF8_BOM, _WITH_CLASS)


def deliveries(seed: int, scale: float) -> Iterator[Delivery]:
    for year in YEARS:
        rng = random.Random(f"{seed}/industrial_spot_checks/{year}")
        make = _Year(rng, year)
        planned = _planned(rng, year, max(600, round(SUPERVISED * scale)))
        followed = max(24, round(FOLLOWED_UP * scale))
        corrected: list[Sample] = []  # of the quarter before
        for quarter in SEASONS:
            month, day = _ISSUED[quarter]
            issued_on = date(year, month, day)
            form, layout = _form(year, quarter)
            has_several = True
            samples: list[Sample] = []
            for code, result in planned[quarter - 1 :: 4]:
                count = 2 if result == "fail" and has_several else 1
                has_several &= result != "fail"
                samples.append(make.sample("supervision", quarter, code, result=result, item_count=count))
            blocks = [_block(sample, layout) for sample in samples]
            for sample in corrected:
                blocks.append(
                    trap(_block(sample, layout, remark=f"更正（{NOTE}）"), "correction of an earlier delivery")
                )
            corrected = []
            if quarter == 3:
                late = next(sample for sample in samples if sample.result == "pass")
                corrected.append(replace(late, result="fail", items=_ITEMS[:1]))
                for block in blocks:
                    if block[0].sample is late:
                        trap(block, "passing at first, failing in a later delivery")
            for index in range(quarter - 1, followed, 4):
                code = planned[index][0]
                again = make.sample("follow_up", quarter, code, result="fail" if index % 9 == 0 else "pass")
                blocks.append(trap(_block(again, layout), "re-inspection of an earlier failure: not in the headline"))
            other = make.sample("supervision", quarter, "38", elsewhere=ELSEWHERE[quarter % 3], result="fail")
            blocks.append(trap(_block(other, layout), "another city: out of scope"))
            bad = _block(make.sample("supervision", quarter, "38"), layout)
            match quarter:
                case 1:
                    wrong(bad[0], _LETTERS, "result", "见检验报告", "result is neither pass nor fail")
                case 2:
                    if layout is _NUMBERLESS:
                        wrong(bad[0], _LETTERS, "sampled_on", f"{year}0230", "a date that does not exist")
                    else:
                        code = wrong_check(str(bad[0].cells["producer_uscc"]))
                        wrong(bad[0], _LETTERS, "producer_uscc", code, "USCC with a wrong check digit")
                case 3:
                    bad[0].cells |= {"product_name": "示例产品", "industry_code": None}
                    wrong(bad[0], _LETTERS, "category", "其他", "nothing tells the division of manufacturing")
                case _ if layout is _JOINED:
                    # Without its name nothing would tell the division either: two rules for one row.
                    wrong(bad[0], _LETTERS, "result", "另行通知", "result is neither pass nor fail")
                case _:
                    wrong(bad[0], _LETTERS, "product_name", None, "product name is missing")
            blocks.append(bad)
            rng.shuffle(blocks)
            blocks.append(twin(next(b for b in blocks if is_plain(b))))
            yield _notice(year, quarter, issued_on, form, layout, blocks)
            if (year, quarter) in _COUNTED:
                yield _counts(year, quarter, issued_on, samples)


def _notice(
    year: int, quarter: int, issued_on: date, form: Csv | Xlsx, layout: Layout, blocks: Sequence[Block]
) -> Delivery:
    rows = [row for block in blocks for row in block]
    numbers: dict[str, int] = {}
    for row in rows:
        row.has_number = layout is not _NUMBERLESS
        # A duplicate row is exact: it repeats the number of the row that it doubles.
        row.cells["seq"] = numbers.setdefault(row.sample.sample_no, len(numbers) + 1)
    named = f"产品质量监督抽查_{year}年第{quarter}季度"
    return Delivery(
        source=SOURCE,
        name=f"{year}/{named}.xlsx" if isinstance(form, Xlsx) else f"{year}/{named}_{issued_on:%Y%m%d}.csv",
        issued_on=issued_on,
        form=form,
        layout=layout,
        rows=rows,
        titles=_titles(year, quarter, issued_on, "结果") if isinstance(form, Xlsx) else (),
    )


def _titles(year: int, quarter: int, issued_on: date, what: str) -> tuple[str, ...]:
    return (
        f"{year}年第{quarter}季度济南市产品质量监督抽查{what}（{NOTE}）",
        f"济南市市场监督管理局　{issued_on.year}年{issued_on.month}月{issued_on.day}日",
    )


#: Quarters of which a table of counts comes beside the samples.
_COUNTED = ((2021, 4),)


def _counts(year: int, quarter: int, issued_on: date, samples: Sequence[Sample]) -> Delivery:
    """Counts by class of what is delivered as samples too; the office counted before the last corrections."""
    table = []
    for code in ("38", "18", "24", "26", "29", "30", "33", "21", "22"):
        mine = [sample for sample in samples if sample.group == code]
        # One more that failed than the samples say: who adds or takes these is found out.
        failed = sum(sample.result != "pass" for sample in mine) + 1
        table.append(
            Count(
                year=year,
                quarter=quarter,
                category=_GROUPS[code].category,
                kind="supervision",
                tested=len(mine) + 1,
                passed=len(mine) + 1 - failed,
                failed=failed,
                has_samples=True,
            )
        )
    rows: list[CountRow] = [count_row(count, _KIND_TEXT["supervision"]) for count in with_total(table)]
    odd = replace(table[0], category=_GROUPS["17"].category, tested=20, passed=18, failed=1)
    rows.append(
        wrong(
            count_row(odd, _KIND_TEXT["supervision"]), _LETTERS, "passed_count", 18, "passed and failed are not tested"
        )
    )
    return count_table(
        SOURCE,
        f"{year}/产品质量监督抽查_{year}年第{quarter}季度_汇总.xlsx",
        issued_on,
        _titles(year, quarter, issued_on, "汇总表"),
        rows,
    )


def _strata(rates: dict[str, Rate], weights: dict[str, Fraction]) -> list[tuple[Fraction, int, int]]:
    """Weight, n and x of the divisions that have samples, the heaviest first; one with a single sample joins the next
    heavier, and the heaviest, while they have one, join the first that has several."""
    strata: list[tuple[Fraction, int, int, bool]] = []
    for code in sorted((code for code, rate in rates.items() if rate.n), key=lambda code: (-weights[code], code)):
        weight, n, x = weights[code], rates[code].n, rates[code].x
        if strata and not (n > 1 and strata[-1][3]):
            last = strata.pop()
            strata.append((last[0] + weight, last[1] + n, last[2] + x, last[3] or n > 1))
        else:
            strata.append((weight, n, x, n > 1))
    return [(weight, n, x) for weight, n, x, _ in strata]


def _weighted(samples: Sequence[Standing], base_year: int) -> dict[str, Any]:
    """The rate weighted by output over the divisions that have samples."""
    weights = {code: Fraction(value) for code, value in OUTPUT[base_year].items()}
    rates = {code: Rate() for code in MANUFACTURING}
    for standing in samples:
        rates[standing.sample.group].add(standing)
    strata = _strata(rates, weights)
    weight = total(w for w, _, _ in strata)
    value = 100 * total(w * Fraction(x, n) for w, n, x in strata) / weight if strata else None
    n, x = (sum(getattr(rate, what) for rate in rates.values()) for what in ("n", "x"))
    return {
        "n": n,
        "x": x,
        "value": number(value),
        "attained": value >= TARGET if value is not None else None,
        "coverage_pct": number(100 * weight / total(weights.values())),
        "weights_base_year": base_year,
        "quarantined_samples": sum(rate.quarantined for rate in rates.values()),
        "divisions_sampled": sum(rate.n > 0 for rate in rates.values()),
        "divisions_of_manufacturing": {
            f"C{code}": rate.shown() | {"name": MANUFACTURING[code], "weight": OUTPUT[base_year][code]}
            for code, rate in rates.items()
        },
    }


def truth(found: list[Delivery]) -> dict[str, Any]:
    q01: dict[str, Any] = {}
    companions: dict[str, dict[str, Any]] = {"SUPERVISION_EXCL_FOLLOWUP": {}, "SUPERVISION_BATCH": {}}
    outside: dict[str, dict[str, int]] = {}
    latest = standings(found)
    for year in YEARS:
        here = [standing for standing in latest if standing.sample.sampled_on.year == year]
        mine = [standing for standing in here if standing.sample.division is not None]
        supervised = [standing for standing in mine if standing.sample.kind == "supervision"]
        q01[str(year)] = _weighted(supervised, year - 1) | {
            "quarters": {
                f"Q{quarter}": {
                    key: value
                    for key, value in _weighted([s for s in supervised if s.quarter == quarter], year - 1).items()
                    if key != "divisions_of_manufacturing"
                }
                for quarter in SEASONS
            }
        }
        for measure, samples in (("SUPERVISION_EXCL_FOLLOWUP", supervised), ("SUPERVISION_BATCH", mine)):
            rate = Rate()
            divisions = {code: Rate() for code, _, _ in DIVISIONS}
            for standing in samples:
                rate.add(standing)
                divisions[str(standing.sample.division)].add(standing)
            companions[measure][str(year)] = rate.shown(TARGET) | {
                "divisions": {code: division.shown() for code, division in divisions.items()}
            }
        outside[str(year)] = {"elsewhere": len(here) - len(mine)}
    return {"Q01": q01, **companions, "industrial_samples_in_neither_rate": outside}


RULES = {
    "Q01": "supervision sampling in the 12 divisions of the city, without re-inspections: the pass rates of the"
    " divisions of manufacturing (GB/T 4754, 13-41) that have judged samples, weighted by output of the year before;"
    " a division with one sample joins the next heavier, the heaviest the first that has several;"
    " coverage: the weight of these over that of all 29; n and x are sums, not the basis of the value; the version"
    " issued last decides; a sample with a quarantined row is not judged; attained: the exact weighted fraction >= 96",
    "SUPERVISION_EXCL_FOLLOWUP": "the same samples pooled; one whose division of manufacturing cannot be told is held"
    " back and not judged here either",
    "SUPERVISION_BATCH": "pooled, with re-inspections",
}
