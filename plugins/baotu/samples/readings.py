"""Reported values of indicators, tasks and aims."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from baotu.samples.deliveries import GB18030, NOTE, UTF8, UTF8_BOM, YEARS, Cell, Delivery, Row, faulty_row

SOURCE = "indicator_readings"

_HEADERS = {
    "subject": "指标编号",
    "measure_code": "口径代码",
    "period": "期间",
    "value": "数值",
    "unit": "单位",
    "numerator": "分子",
    "denominator": "分母",
    "rank": "位次",
    "ranked_count": "参评数",
    "score": "得分",
    "document": "依据文件",
    "published_on": "公布日期",
    "owner_unit": "填报单位",
    "remark": "备注",
}
#: Code, name, unit, value of 2020 and what it grows by a year (invented).
_STOCKS: tuple[tuple[str, str, str, float, float], ...] = (
    ("I01", "山东省高端产品品牌", "个", 118, 96),
    ("I02", "产品品牌价值总额", "亿元", 4210.5, 930.2),
    ("I03", "“泰山品质”高端认证品牌", "个", 3, 3),
    ("I04", "山东省优质产品基地", "个", 6, 2),
    ("I05", "山东省服务业高端品牌", "个", 84, 61),
    ("I06", "服务业品牌价值总额", "亿元", 1320.8, 360.4),
    ("I09", "省“十强”产业集群领军企业", "家", 17, 6),
    ("I10", "省级以上专精特新、单项冠军、瞪羚、独角兽企业总量", "家", 312, 160),
    ("I11", "有效高新技术企业数量", "家", 3020, 720),
    ("T_EXCELLENCE", "百家企业导入卓越绩效", "家", 41, 33),
)
#: Code, name, measure, conforming samples of 2020 and what comes a year, samples.
_RATES = (
    ("Q01", "工业产品质量合格率", "SUPERVISION_EXCL_FOLLOWUP", 940, 8, 1000),
    ("Q02", "主要农产品合格率", "AGRI_ROUTINE", 1955, 4, 2000),
    ("Q03", "食品合格率", "FOOD_EVALUATION", 1961, 3, 2000),
)


def _readings(year: int) -> list[dict[str, Cell]]:
    later = year - 2020
    common: dict[str, Cell] = {
        "period": f"{year}年",
        "document": f"示例文件〔{year}〕1号",
        "published_on": f"{year}-12-31",
        "owner_unit": "示例责任单位",
        "remark": NOTE,
    }

    def reading(code: str, name: str, unit: str | None, **own: Cell) -> dict[str, Cell]:
        return common | {"subject": name if year == YEARS[0] else code, "unit": unit} | own

    table = [reading(code, name, unit, value=f"{at + later * by:g}") for code, name, unit, at, by in _STOCKS]
    for code, name, measure, x, more, n in _RATES:
        x += more * later
        value = f"{100 * x / n:.2f}"
        table.append(reading(code, name, "%", measure_code=measure, value=value, numerator=x, denominator=n))
    if year < YEARS[-1]:
        # The last wave comes without an index of its own.
        published = f"{85.6 + later:.1f}"
        table.append(reading("I07", "服务业顾客满意度", "分", measure_code="CSI_PUBLISHED", value=published))
    table.append(
        reading(
            *("I08", "公共服务质量监测评价位次", "位"),
            # Half a year after the year that it is about: at the plan's end that of 2021 is the latest.
            period=f"{year - 1}年",
            published_on=f"{year}-07-20",
            rank=14 - 2 * later,
            ranked_count=110 + 10 * min(later, 1),
            score=f"{80.1 + later:.2f}",
        )
    )
    table.append(reading("A_SAMPLING_SCOPE", "扩大抽查范围", None, value="新增示例产品十二种"))
    return table


def deliveries(seed: int, scale: float) -> Iterator[Delivery]:
    for year in YEARS:
        table = _readings(year)
        rank = next(cells for cells in table if cells.get("rank"))
        rate = next(cells for cells in table if cells.get("numerator"))
        score = rank | {"subject": "I07", "rank": None, "ranked_count": None, "score": None, "unit": "分"}
        first = f"{year}年第一季度"
        rows = [Row(cells=cells) for cells in table]
        rows += [
            faulty_row(rank | {"period": first}, "rank", 131, "a rank beyond the number of ranked", "RDG009"),
            faulty_row(rate | {"period": first}, "numerator", 1200, "more conform than were tested", "RDG008"),
            faulty_row(score | {"period": first}, "value", "0.876", "a fraction for points", "RDG007"),
            faulty_row(table[0] | {"period": first}, "subject", "示例指标", "a subject that nobody knows", "RDG001"),
            faulty_row(table[1] | {"period": first}, "value", "另报", "a value that is no number", "RDG003"),
        ]
        header = "指标名称" if year == YEARS[0] else "指标编号"
        yield Delivery(
            source=SOURCE,
            name=f"{year}/指标填报_{year}1231.csv",
            issued_on=date(year, 12, 31),
            form={2020: GB18030, 2021: UTF8_BOM, 2022: UTF8}[year],
            layout=tuple((column, header if column == "subject" else text) for column, text in _HEADERS.items()),
            rows=rows,
        )


def truth(found: list[Delivery]) -> dict[str, Any]:
    """`published`: by indicator and year what stands in its last reading."""
    counted = [code for code, *_ in _STOCKS if code.startswith("I")]
    published: dict[str, dict[str, float]] = {code: {} for code in [*counted, "I08"]}
    for year in YEARS:
        for code, _, _, at, by in _STOCKS:
            if code in published:
                published[code][str(year)] = float(f"{at + (year - 2020) * by:g}")
        published["I08"][str(year - 1)] = 14 - 2 * (year - 2020)
    return {"published": published}


RULES: dict[str, str] = {}
