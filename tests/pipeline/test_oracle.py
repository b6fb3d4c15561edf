"""An independent oracle: Q01, Q02, Q03 and I07 from the delivered files alone, by pandas and scipy, against what is
published.

It shares no code with the warehouse: it opens the files, reads Chinese headers and applies domain.md by itself.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import special, stats

from baotu import publish
from baotu.deliveries import decide
from tests.pipeline.conftest import City, Installation
from tests.pipeline.test_truth import assert_every_row_ends, tracking

YEARS = (2020, 2021, 2022)
Q01_TARGET, Q02_TARGET, Q03_TARGET, I07_TARGET, ALPHA, FEWEST, LEAST_COVERAGE = 96, 97, 98, 88, 0.025, 30, 80
HEADERS = {
    **dict.fromkeys(("抽样编号", "抽样单编号", "样品编号"), "number"),
    **dict.fromkeys(("食品名称", "样品名称", "产品名称"), "product"),
    **dict.fromkeys(("结果判定", "检验结论", "检测结论"), "result"),
    **dict.fromkeys(("抽样日期", "抽样时间"), "day"),
    **dict.fromkeys(("被抽样单位所在区县", "被抽样单位地址", "抽样所在区县", "所属区县"), "place"),
    **dict.fromkeys(("食品大类", "产品类别"), "category"),
    "食品亚类": "subcategory",
    "行业代码": "industry",
    **dict.fromkeys(("抽样类型", "监测类型", "抽查类别"), "kind"),
    **dict.fromkeys(("任务来源/项目名称", "任务名称"), "task"),
    "复检结论": "again",
    # What tells samples apart where no number does.
    **dict.fromkeys(("企业名称", "生产企业名称"), "producer"),
    "规格型号": "spec",
    "生产日期/批号": "produced",
}
KINDS = {
    **{"跟踪": "follow-up", "复查": "follow-up", "例行": "routine", "风险": "risk"},
    **{"评价": "evaluation", "监督": "supervision"},
}
CELLS = ["product", "producer", "spec", "produced", "day"]
PASS, FAIL = {"合格", "未检出问题"}, {"不合格"}
NOT_JUDGED = {"问题样品"}
#: The five classes of routine monitoring, and what else is a class.
CLASSES = {
    **dict.fromkeys(("蔬菜", "蔬菜类"), "蔬菜"),
    **dict.fromkeys(("水果", "水果类"), "水果"),
    **dict.fromkeys(("茶叶", "茶类"), "茶叶"),
    **dict.fromkeys(("畜禽产品", "畜禽"), "畜禽产品"),
    **dict.fromkeys(("水产品", "水产"), "水产品"),
    **dict.fromkeys(("其他农产品", "粮食"), "其他"),
}
#: Division of GB/T 4754 → classes and products, as the standard places them.
INDUSTRIES = {
    "13": "饲料 配合饲料 浓缩饲料",
    "14": "食品添加剂 复配食品添加剂",
    "15": "精制茶",
    "16": "卷烟",
    "17": "床上用品 床上用品套件 毛巾",
    "18": "服装 羽绒服 校服",
    "19": "鞋类 皮鞋 旅游鞋",
    "20": "人造板 细木工板 胶合板",
    "21": "家具 床垫 木质家具",
    "22": "纸制品 卫生纸 纸尿裤",
    "23": "印刷品 中小学课本",
    "24": "玩具及文具 毛绒玩具 学生文具",
    "25": "成品油 车用柴油 车用汽油",
    "26": "化肥及涂料 复混肥料 内墙涂料",
    "27": "中药饮片",
    "28": "化学纤维 涤纶短纤维",
    "29": "塑料制品 聚乙烯农用薄膜 塑料管材",
    "30": "水泥及玻璃 通用硅酸盐水泥 钢化玻璃",
    "31": "钢材 热轧带肋钢筋",
    "32": "铝型材 铝合金建筑型材",
    "33": "五金制品 脚手架扣件 弹子插芯门锁",
    "34": "通用设备 铜制阀门 潜水泵",
    "35": "农业机械 农业机械（旋耕机）",
    "36": "汽车配件 汽车刹车片",
    "37": "电动自行车",
    "38": "电线电缆及插座 聚氯乙烯绝缘电缆 家用插座",
    "39": "电子产品 电源适配器 路由器",
    "40": "计量器具 电能表 水表",
    "41": "日用杂品 一次性打火机",
}
DIVISION_OF = {word: division for division, words in INDUSTRIES.items() for word in words.split()}


# ----------------------------------------------------------------------------------------------------
# Files


@dataclass
class File:
    name: str
    table: pd.DataFrame
    titles: str
    said: dict[str, Any]

    @property
    def issued_on(self) -> date:
        if "issued_on" in self.said:
            return date.fromisoformat(str(self.said["issued_on"]))
        found = re.search(r"(20\d\d)年(\d+)月(\d+)日", self.titles)
        found = found or re.search(r"_(20\d\d)(\d\d)(\d\d)(?!\d)", self.name)
        assert found, self.name
        year, month, day = map(int, found.groups())
        return date(year, month, day)


def read(path: Path) -> File:
    """A file as a table of texts under its own headers."""
    beside = path.with_name(path.name + ".meta.yml")
    said = yaml.safe_load(beside.read_text(encoding="utf-8")) if beside.exists() else {}
    titles = ""
    if path.suffix == ".xlsx":
        whole = pd.read_excel(path, engine="openpyxl", header=None, dtype=object, keep_default_na=False)
        head = next(i for i, row in whole.iterrows() if (row.astype(str) != "").sum() > 3)
        titles = " ".join(str(cell) for cell in whole.iloc[:head, 0])
        table = whole.iloc[head + 1 :].set_axis([str(h).replace("\n", "") for h in whole.iloc[head]], axis=1)
        # An Excel date is a timestamp by now.
        table = table.map(lambda c: c.date().isoformat() if hasattr(c, "date") else str(c).strip())
    else:
        start = path.read_bytes()[:3]
        encoding = "utf-16" if start[:2] == b"\xff\xfe" else "utf-8-sig"
        try:
            path.read_bytes().decode(encoding)
        except UnicodeDecodeError:
            encoding = "gb18030"
        first = path.read_text(encoding=encoding).splitlines()[0]
        separator = max([",", ";", "\t"], key=first.count)
        table = pd.read_csv(path, sep=separator, encoding=encoding, dtype=str, keep_default_na=False)
        table = table.map(str.strip)
    return File(path.name, table.reset_index(drop=True), titles, said)


def files_of(landing: Path, source: str, without: Collection[str]) -> list[File]:
    """Deliveries of samples in order of issue, each content once, without those that cannot be used."""
    seen: set[bytes] = set()
    files = []
    for path in sorted((landing / source).rglob("*")):
        if path.suffix not in (".csv", ".xlsx") or path.name in without or path.read_bytes() in seen:
            continue
        seen.add(path.read_bytes())
        file = read(path)
        file.table = file.table.rename(columns=HEADERS)
        file.table = file.table.reindex(columns=[*dict.fromkeys([*file.table.columns, *HEADERS.values()])])
        if file.table["product"].isna().all():  # no such column, or a table of counts
            continue
        file.table = file.table.astype(object).fillna("")
        if "verdict" in file.said:
            file.table["result"] = {"pass": "合格", "fail": "不合格"}[file.said["verdict"]]
        file.table["group"] = [_group(source, row) for _, row in file.table.iterrows()]
        file.table["bad"] = _bad(file.table)
        if file.table["bad"].mean() <= 0.2:
            files.append(file)
    return sorted(files, key=lambda f: f.issued_on)


def _group(source: str, row: pd.Series) -> str:
    """Class of agricultural products, division of manufacturing; empty where nothing tells it."""
    if source == "agri_monitoring":
        return CLASSES.get(row["category"], "")
    if source == "industrial_spot_checks":
        return row["industry"].lstrip("C") or DIVISION_OF.get(row["category"]) or DIVISION_OF.get(row["product"], "")
    return row["category"] or "食品"


def _days(table: pd.DataFrame) -> pd.Series:
    return pd.to_datetime(table["day"].str.replace(r"\D", "-", regex=True), errors="coerce", format="mixed")


def _bad(table: pd.DataFrame) -> pd.Series:
    known = PASS | FAIL | NOT_JUDGED
    return (
        (table["product"] == "")
        | ~table["result"].isin(known)
        | ((table["again"] != "") & ~table["again"].isin(known))
        | (_days(table).isna() & (table["day"] != ""))
        | ((table["group"] == "") & table["place"].str.contains("济南"))
    )


def _kind(row: pd.Series, said: dict[str, Any]) -> str:
    for text in (row["kind"], row["task"]):
        for word, kind in KINDS.items():
            if word in text:
                return kind
    return str(said.get("sampling_kind", "unknown"))


# ----------------------------------------------------------------------------------------------------
# Samples


def samples(landing: Path, source: str = "food_spot_checks", without: Collection[str] = ()) -> pd.DataFrame:
    """One row a sample, as its last issued version has it."""
    versions = []
    for order, file in enumerate(files_of(landing, source, without)):
        table = file.table.assign(order=order)
        table["kind"] = [_kind(row, file.said) for _, row in table.iterrows()]
        quarter = re.search(r"(20\d\d)年(?:第(\d)季度)?", file.name)
        assert quarter
        end = pd.Timestamp(int(quarter[1]), 3 * int(quarter[2] or 4), 1) + pd.offsets.MonthEnd(0)
        cells = table[CELLS].agg("|".join, axis=1)
        table["number"] = table["number"].where(table["number"] != "", cells)
        table["day"] = _days(table).fillna(end)
        table["final"] = table["again"].where(table["again"] != "", table["result"])
        versions.append(table)
    rows = pd.concat(versions)
    rows = rows[rows["order"] == rows.groupby("number")["order"].transform("max")]
    rows["failed"] = rows["final"].isin(FAIL)
    rows["problem"] = rows["final"].isin(NOT_JUDGED)
    grouped = rows.groupby("number").agg(
        bad=("bad", "any"),
        failed=("failed", "any"),
        problem=("problem", "any"),
        day=("day", "min"),
        kind=("kind", "first"),
        place=("place", "first"),
        group=("group", "first"),
        subcategory=("subcategory", "first"),
    )
    grouped["food"] = grouped["subcategory"] != "复用餐饮具"
    return grouped[grouped["place"].str.contains("济南") & ~grouped["problem"]]


def within(found: pd.DataFrame, year: int, quarter: int | None) -> pd.DataFrame:
    here = found[found["day"].dt.year == year]
    return here[here["day"].dt.quarter == quarter] if quarter else here


def counts(here: pd.DataFrame) -> tuple[int, int, int]:
    """Passed, judged, held back."""
    judged = here[~here["bad"]]
    return int((~judged["failed"]).sum()), len(judged), int(here["bad"].sum())


def clopper_pearson(x: float, n: float) -> tuple[float, float]:
    low = stats.beta.ppf(ALPHA, x, n - x + 1) if x > 0 else 0.0
    high = stats.beta.ppf(1 - ALPHA, x + 1, n - x) if x < n else 1.0
    return 100 * low, 100 * high


def verdict(x: float, n: float, target: int, attained: bool) -> str:
    """By the tails of the binomial as incomplete beta, which knows parts of a sample too."""
    if n < FEWEST:
        return "insufficient_sample" if n else "no_data"
    if (special.betainc(x, n - x + 1, target / 100) if x > 0 else 1) <= ALPHA:
        return "met_proven"
    if (special.betaincc(x + 1, n - x, target / 100) if x < n else 1) <= ALPHA:
        return "not_met_proven"
    return "met_not_proven" if attained else "not_met_not_proven"


def assert_pooled(row: dict[str, Any], here: pd.DataFrame, target: int) -> None:
    """The row is what these samples come to when they are counted alike."""
    x, n, held = counts(here)
    assert (row["numerator"], row["denominator"], row["quarantined_count"]) == (x, n, held)
    assert float(row["value"]) == pytest.approx(100 * x / n, rel=1e-14)
    assert row["is_attained"] == (100 * x >= target * n)
    assert row["verdict"] == verdict(x, n, target, 100 * x >= target * n)
    assert [float(row[c]) for c in ("interval_low", "interval_high")] == pytest.approx(clopper_pearson(x, n), rel=1e-12)
    if held:
        assert float(row["worst_case_value"]) == pytest.approx(100 * x / (n + held), rel=1e-14)


def period(year: int, quarter: int | None) -> str:
    return f"{year}-Q{quarter}" if quarter else str(year)


# ----------------------------------------------------------------------------------------------------
# Q03


def assert_published(warehouse: Installation, found: pd.DataFrame, year: int, quarter: int | None = None) -> None:
    """The published row of a period is what the files say."""
    here = within(found, year, quarter)
    here = here[(here["kind"] == "evaluation") & here["food"]]
    assert_pooled(tracking(warehouse, "FOOD_EVALUATION", period(year, quarter)), here, Q03_TARGET)


@pytest.fixture(scope="module")
def city_samples(city: City) -> pd.DataFrame:
    return samples(city.landing)


@pytest.mark.parametrize("quarter", [None, 1, 2, 3, 4])
@pytest.mark.parametrize("year", YEARS)
def test_q03(city: City, city_samples: pd.DataFrame, year: int, quarter: int | None) -> None:
    assert_published(city, city_samples, year, quarter)


@pytest.mark.parametrize("year", YEARS)
@pytest.mark.parametrize(
    ("measure", "with_tableware"), [("FOOD_SUPERVISION", True), ("FOOD_SUPERVISION_EXCL_TABLEWARE", False)]
)
def test_supervision(city: City, city_samples: pd.DataFrame, measure: str, with_tableware: bool, year: int) -> None:
    here = within(city_samples[city_samples["kind"] == "supervision"], year, None)
    assert_pooled(tracking(city, measure, str(year)), here[here["food"] | with_tableware], Q03_TARGET)


# ----------------------------------------------------------------------------------------------------
# Q02


@pytest.fixture(scope="module")
def agri_samples(city: City) -> pd.DataFrame:
    return samples(city.landing, "agri_monitoring")


@pytest.mark.parametrize("quarter", [None, 1, 2, 3, 4])
@pytest.mark.parametrize("year", YEARS)
def test_q02(city: City, agri_samples: pd.DataFrame, year: int, quarter: int | None) -> None:
    here = within(agri_samples[agri_samples["kind"] == "routine"], year, quarter)
    row = tracking(city, "AGRI_ROUTINE", period(year, quarter))
    if here.empty:
        assert (row["value"], row["verdict"]) == (None, "no_data") and (year, quarter) == (2020, 1)
        return
    # What does not say its class counts in the worst case.
    assert_pooled(row, here[here["group"] != "其他"], Q02_TARGET)
    shown = city.rows(
        "select breakdown_label_zh as name, passed_count, judged_count from marts.mart_pass_rate"
        " where measure_code = 'AGRI_ROUTINE' and value_basis = 'computed' and breakdown = 'category'"
        " and judged_count > 0 and period_type = %s and period_start_on = %s",
        row["period_type"],
        row["period_start_on"],
    )
    named = here[(here["group"] != "其他") & ~here["bad"]]
    assert {r["name"]: (r["passed_count"], r["judged_count"]) for r in shown} == {
        name: counts(part)[:2] for name, part in named.groupby("group")
    }
    if not quarter:
        here = within(agri_samples[agri_samples["kind"] == "supervision"], year, None)
        assert_pooled(tracking(city, "AGRI_SUPERVISION", str(year)), here, Q02_TARGET)


# ----------------------------------------------------------------------------------------------------
# Q01


@pytest.fixture(scope="module")
def industrial_samples(city: City) -> pd.DataFrame:
    return samples(city.landing, "industrial_spot_checks")


Stratum = tuple[Fraction, int, int]  # weight, passed, judged


def strata(here: pd.DataFrame, output: dict[str, Fraction]) -> list[Stratum]:
    """Divisions with samples, by weight; one with a single sample joins the next larger, the largest the one after."""
    found = sorted(
        ((output[code], *counts(part)[:2]) for code, part in here[~here["bad"]].groupby("group")), reverse=True
    )
    while len(found) > 1 and any(n == 1 for _, _, n in found):
        alone = next(i for i, (_, _, n) in enumerate(found) if n == 1)
        weight, x, n = found.pop(alone)
        to = max(alone - 1, 0)
        found[to] = found[to][0] + weight, found[to][1] + x, found[to][2] + n
    return found


def share(found: list[Stratum]) -> Fraction:
    return sum((weight * Fraction(x, n) for weight, x, n in found), Fraction(0)) / sum(weight for weight, _, _ in found)


def worst_share(here: pd.DataFrame, output: dict[str, Fraction]) -> Fraction:
    """All that is held back failed; what names no division, in whichever makes the share smallest."""
    failing = here.assign(failed=here["failed"] | here["bad"], bad=False)
    nameless = here["group"] == ""
    return min(
        share(strata(failing.assign(group=failing["group"].mask(nameless, code)), output))
        for code in here.loc[~here["bad"], "group"].unique()
    )


def effective(found: list[Stratum]) -> float:
    """n / max(1, deff); a stratum without failures, or without passes, has no variance of its own: then at least
    Kish's, which is that of the weights."""
    n, whole, p = sum(n for _, _, n in found), sum(weight for weight, _, _ in found), float(share(found))
    parts = [(float(weight / whole), x / n, n) for weight, x, n in found]
    variance = sum(w**2 * q * (1 - q) / (m - 1) for w, q, m in parts if m > 1)
    deff = [1.0] + ([variance / (p * (1 - p) / n)] if 0 < p < 1 else [])
    if any(q in (0, 1) for _, q, _ in parts):
        deff.append(n * sum(w**2 / m for w, _, m in parts))
    return n / max(deff)


@pytest.mark.parametrize("quarter", [None, 1, 2, 3, 4])
@pytest.mark.parametrize("year", YEARS)
def test_q01(city: City, industrial_samples: pd.DataFrame, year: int, quarter: int | None) -> None:
    here = within(industrial_samples[industrial_samples["kind"] == "supervision"], year, quarter)
    (path,) = (city.landing / "reference_weights").glob(f"工业总产值_{year - 1}年_*.csv")
    table = read(path).table
    output = dict(zip(table["代码"], map(Fraction, table["数值"]), strict=True))
    assert len(output) == 29
    row = tracking(city, "RPQ_WEIGHTED", period(year, quarter))
    found = strata(here, output)
    assert (row["numerator"], row["denominator"], row["quarantined_count"]) == counts(here)
    p, n = share(found), effective(found)
    x, coverage = float(p) * n, 100 * sum(weight for weight, _, _ in found) / sum(output.values())
    assert float(row["value"]) == pytest.approx(float(100 * p), rel=1e-9)
    assert float(row["coverage_pct"]) == pytest.approx(float(coverage), rel=1e-9)
    assert float(row["n_effective"]) == pytest.approx(n, rel=1e-9)
    assert [float(row[c]) for c in ("interval_low", "interval_high")] == pytest.approx(clopper_pearson(x, n), rel=1e-9)
    if here["bad"].any():
        assert float(row["worst_case_value"]) == pytest.approx(float(100 * worst_share(here, output)), rel=1e-9)
    assert row["is_attained"] == (100 * p >= Q01_TARGET)
    words = verdict(x, n, Q01_TARGET, 100 * p >= Q01_TARGET)
    assert row["verdict"] == ("insufficient_coverage" if coverage < LEAST_COVERAGE else words)


@pytest.mark.parametrize("quarter", [None, 1, 2, 3, 4])
@pytest.mark.parametrize("year", YEARS)
def test_q01_by_batches(city: City, industrial_samples: pd.DataFrame, year: int, quarter: int | None) -> None:
    for measure, kinds in (
        ("SUPERVISION_EXCL_FOLLOWUP", ["supervision"]),
        ("SUPERVISION_BATCH", ["supervision", "follow-up"]),
    ):
        here = within(industrial_samples[industrial_samples["kind"].isin(kinds)], year, quarter)
        assert_pooled(tracking(city, measure, period(year, quarter)), here, Q01_TARGET)


# ----------------------------------------------------------------------------------------------------
# I07


def weights(landing: Path, wave: int, what: str) -> dict[str, float]:
    (path,) = (landing / "reference_weights").glob(f"{what}_{wave - 1}年_*.csv")
    table = read(path).table
    return dict(zip(table["名称"], table["数值"].astype(float), strict=True))


@dataclass
class Index:
    value: float
    n: int
    low: float
    high: float
    verdict: str
    industries: dict[str, float]


def index(landing: Path, wave: int) -> Index:
    """The wave's index with its interval: post-stratified within industries, weighted over them."""
    (path,) = (p for p in (landing / "satisfaction_surveys" / str(wave)).iterdir() if p.suffix in (".csv", ".xlsx"))
    file = read(path)
    worst, best = file.said["scale_min"], file.said["scale_max"]
    answers = file.table[["总体满意度", "与期望相比", "与理想相比"]].apply(pd.to_numeric, errors="coerce")
    # 98 is a code for "no answer"; 11 is a mistake, and what else its respondent said is not believed.
    answers = answers.where(answers != 98)
    believed = ~((answers < worst) | (answers > best)).any(axis=1)
    score = ((answers - worst) / (best - worst) * 100).mean(axis=1)
    table = file.table.assign(score=score)[believed & (answers.notna().sum(axis=1) >= 2)]
    value_added, people = weights(landing, wave, "服务业增加值"), weights(landing, wave, "常住人口")
    means: dict[str, float] = {}
    shares: list[tuple[float, np.ndarray]] = []  # weight within the city before it is normed, scores
    counts = table.groupby("行业").size()
    shown = [industry for industry in counts.index if counts[industry] >= FEWEST]
    norm = sum(value_added[i] for i in shown)
    for industry in shown:
        strata = _strata(table[table["行业"] == industry], people)
        whole = sum(weight for weight, _ in strata)
        means[industry] = sum(weight / whole * scores.mean() for weight, scores in strata)
        shares += [(value_added[industry] / norm * weight / whole, scores) for weight, scores in strata]
    value = sum(weight * scores.mean() for weight, scores in shares)
    parts = [(weight**2 * scores.var(ddof=1) / len(scores), len(scores) - 1) for weight, scores in shares]
    variance = sum(part for part, _ in parts)
    freedom = variance**2 / sum(part**2 / df for part, df in parts)
    spread = stats.norm if min(counts[shown]) >= 100 else stats.t(freedom)
    reach, distance = spread.ppf(1 - ALPHA) * variance**0.5, (value - I07_TARGET) / variance**0.5
    if spread.sf(distance) <= ALPHA:
        words = "met_proven"
    elif spread.cdf(distance) <= ALPHA:
        words = "not_met_proven"
    else:
        words = "met_not_proven" if value >= I07_TARGET else "not_met_not_proven"
    n = int(counts[shown].sum())
    return Index(value, n, max(value - reach, 0), min(value + reach, 100), words, means)


def _strata(table: pd.DataFrame, people: dict[str, float]) -> list[tuple[float, np.ndarray]]:
    """Divisions of an industry; until none has a single respondent, it joins the next larger (the largest: the
    next smaller)."""
    strata = sorted(
        ((people[name], part["score"].to_numpy()) for name, part in table.groupby("区县")), key=lambda s: -s[0]
    )
    while True:
        alone = next((i for i, (_, scores) in enumerate(strata) if len(scores) == 1), None)
        if alone is None:
            return strata
        weight, scores = strata.pop(alone)
        to = max(alone - 1, 0)
        strata[to] = (strata[to][0] + weight, np.concatenate([strata[to][1], scores]))


@pytest.mark.parametrize("wave", YEARS)
def test_i07(city: City, wave: int) -> None:
    expected = index(city.landing, wave)
    row = tracking(city, "CSI_0_100", str(wave))
    assert row["denominator"] == expected.n
    assert float(row["value"]) == pytest.approx(expected.value, rel=1e-12)
    assert row["is_attained"] == (expected.value >= I07_TARGET)
    assert row["verdict"] == expected.verdict
    assert float(row["interval_low"]) == pytest.approx(expected.low, rel=1e-9)
    assert float(row["interval_high"]) == pytest.approx(expected.high, rel=1e-9)
    shown = city.rows(
        "select breakdown_label_zh, score from marts.mart_satisfaction where measure_code = 'CSI_0_100' and breakdown = 'industry'"
        " and period_type = 'year' and period_start_on = %s and not is_suppressed",
        date(wave, 1, 1),
    )
    assert sorted(float(r["score"]) for r in shown) == pytest.approx(sorted(expected.industries.values()), rel=1e-12)


# ----------------------------------------------------------------------------------------------------
# Withdrawn


def test_a_withdrawn_delivery_is_as_if_it_had_never_come(city_copy: City, city_samples: pd.DataFrame) -> None:
    """The corrections of 2021, taken back and admitted again: incremental core is what the files say, each time."""
    (file,) = (f for f in city_copy.landed if f.endswith("食品评价性抽检_2021年补充及更正.xlsx"))
    delivery_id = city_copy.landed[file].delivery_id
    assert decide(delivery_id, "withdraw", "wrong file").status == "withdrawn"
    assert publish.build().status == "published"
    left = samples(city_copy.landing, without=[file.rsplit("/", 1)[-1]])
    for year in YEARS:
        assert_published(city_copy, left, year)
    with pytest.raises(AssertionError):
        assert_published(city_copy, city_samples, 2021)
    outcomes = assert_every_row_ends(city_copy, "food_spot_checks")
    assert outcomes["withdrawn"] == city_copy.landed[file].rows_read

    assert decide(delivery_id, "accept", "it was right after all").status == "accepted"
    assert publish.build().status == "published"
    for year in YEARS:
        assert_published(city_copy, city_samples, year)
    assert "withdrawn" not in assert_every_row_ends(city_copy, "food_spot_checks")
