"""Reference weights: value added of service industries, industrial output, population of divisions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

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


#: The 29 divisions of manufacturing (GB/T 4754) over which the pass rate is weighted → output of 2019, 2020 and
#: 2021 in 亿元 (invented).
_MANUFACTURING: tuple[tuple[str, str, str, str, str], ...] = (
    ("13", "农副食品加工业", "252.4", "261.0", "270.3"),
    ("14", "食品制造业", "161.8", "166.2", "171.9"),
    ("15", "酒、饮料和精制茶制造业", "92.5", "88.1", "94.7"),
    ("16", "烟草制品业", "84.6", "86.0", "87.2"),
    ("17", "纺织业", "61.3", "55.9", "57.4"),
    ("18", "纺织服装、服饰业", "44.7", "40.2", "42.8"),
    ("19", "皮革、毛皮、羽毛及其制品和制鞋业", "12.1", "10.8", "11.3"),
    ("20", "木材加工和木、竹、藤、棕、草制品业", "29.8", "30.4", "32.0"),
    ("21", "家具制造业", "35.2", "34.9", "37.5"),
    ("22", "造纸和纸制品业", "70.6", "73.8", "78.1"),
    ("23", "印刷和记录媒介复制业", "40.3", "39.7", "41.6"),
    ("24", "文教、工美、体育和娱乐用品制造业", "25.5", "24.1", "26.9"),
    ("25", "石油、煤炭及其他燃料加工业", "381.0", "322.6", "402.4"),
    ("26", "化学原料和化学制品制造业", "402.7", "398.5", "451.2"),
    ("27", "医药制造业", "301.4", "335.8", "362.9"),
    ("28", "化学纤维制造业", "15.2", "14.6", "16.8"),
    ("29", "橡胶和塑料制品业", "131.9", "134.0", "142.6"),
    ("30", "非金属矿物制品业", "330.5", "341.7", "366.1"),
    ("31", "黑色金属冶炼和压延加工业", "722.8", "754.3", "861.5"),
    ("32", "有色金属冶炼和压延加工业", "110.4", "112.9", "131.0"),
    ("33", "金属制品业", "212.6", "218.4", "236.7"),
    ("34", "通用设备制造业", "361.2", "377.5", "410.8"),
    ("35", "专用设备制造业", "411.9", "433.6", "474.2"),
    ("36", "汽车制造业", "983.1", "1042.7", "1088.4"),
    ("37", "铁路、船舶、航空航天和其他运输设备制造业", "190.7", "201.3", "196.5"),
    ("38", "电气机械和器材制造业", "431.6", "452.0", "503.9"),
    ("39", "计算机、通信和其他电子设备制造业", "562.3", "640.8", "722.6"),
    ("40", "仪器仪表制造业", "75.4", "79.2", "86.3"),
    ("41", "其他制造业", "19.6", "20.7", "21.5"),
)
MANUFACTURING = {code: name for code, name, *_ in _MANUFACTURING}
OUTPUT: dict[int, dict[str, str]] = {
    year: {code: values[index] for code, _, *values in _MANUFACTURING} for index, year in enumerate((2019, 2020, 2021))
}

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


def deliveries(seed: int, scale: float) -> Iterator[Delivery]:
    columns = [column for column, _ in _WEIGHT_LAYOUT]
    for year, values in VALUE_ADDED.items():
        industries = [
            ("service_value_added", "service_industry", c, INDUSTRIES[c], v, "亿元") for c, v in values.items()
        ]
        # Grown by .4 % a year from 2019 everywhere: shares are the same in every base year.
        people = [
            ("population", "division", code, name, _grown(value, year - 2019), "万人")
            for code, name, value in DIVISIONS
        ]
        output = [
            ("industrial_output", "gbt4754_division", code, name, OUTPUT[year][code], "亿元")
            for code, name in MANUFACTURING.items()
        ]
        for what, table in (("服务业增加值", industries), ("常住人口", people), ("工业总产值", output)):
            issued_on = date(year + 1, 3, 20)
            document = f"济南市{year}年{what}（{NOTE}）"
            yield Delivery(
                source="reference_weights",
                name=f"{what}_{year}年_{issued_on:%Y%m%d}.csv",
                issued_on=issued_on,
                form=UTF8,
                layout=_WEIGHT_LAYOUT,
                rows=[Row(cells=dict(zip(columns, (*r, str(year), document), strict=True))) for r in table],
            )


def truth(found: list[Delivery]) -> dict[str, Any]:
    """Weights have no figures of their own; they stand beside those that they weigh."""
    return {}


RULES: dict[str, str] = {}
