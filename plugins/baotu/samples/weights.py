"""Reference weights: value added of service industries, population of divisions."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from baotu.samples.deliveries import NOTE, UTF8, Delivery, Layout, Row
from baotu.samples.names import DIVISIONS

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


def deliveries(seed: int, scale: float) -> list[Delivery]:
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
