"""An independent oracle: Q03 and I07 from the delivered files alone, by pandas and scipy, against what is published.

It shares no code with the warehouse: it opens the files, reads Chinese headers and applies domain.md by itself.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from baotu import publish
from baotu.deliveries import decide
from tests.pipeline.conftest import City, Installation
from tests.pipeline.test_truth import assert_every_row_ends, tracking

YEARS = (2020, 2021, 2022)
Q03_TARGET, I07_TARGET, ALPHA, FEWEST = 98, 88, 0.025, 30
HEADERS = {
    **dict.fromkeys(("抽样编号", "抽样单编号"), "number"),
    **dict.fromkeys(("食品名称", "样品名称"), "product"),
    **dict.fromkeys(("结果判定", "检验结论"), "result"),
    **dict.fromkeys(("抽样日期", "抽样时间"), "day"),
    **dict.fromkeys(("被抽样单位所在区县", "被抽样单位地址"), "place"),
    "食品大类": "category",
    "食品亚类": "subcategory",
    "抽样类型": "kind",
    "任务来源/项目名称": "task",
    "复检结论": "again",
}
PASS, FAIL = {"合格", "未检出问题"}, {"不合格"}
NOT_JUDGED = {"问题样品"}


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


def food_files(landing: Path, without: Collection[str]) -> list[File]:
    """Deliveries of food in order of issue, each content once, without those that cannot be used."""
    seen: set[bytes] = set()
    files = []
    for path in sorted((landing / "food_spot_checks").rglob("*")):
        if path.suffix not in (".csv", ".xlsx") or path.name in without or path.read_bytes() in seen:
            continue
        seen.add(path.read_bytes())
        file = read(path)
        file.table = file.table.rename(columns=HEADERS)
        file.table = file.table.reindex(columns=[*dict.fromkeys([*file.table.columns, *HEADERS.values()])])
        if file.table["product"].isna().all():  # no such column
            continue
        file.table = file.table.astype(object).fillna("")
        file.table["bad"] = _bad(file.table)
        if file.table["bad"].mean() <= 0.2:
            files.append(file)
    return sorted(files, key=lambda f: f.issued_on)


def _bad(table: pd.DataFrame) -> pd.Series:
    known = PASS | FAIL | NOT_JUDGED
    days = pd.to_datetime(table["day"].str.replace("/", "-"), errors="coerce", format="%Y-%m-%d")
    return (
        (table["product"] == "")
        | ~table["result"].isin(known)
        | ((table["again"] != "") & ~table["again"].isin(known))
        | (days.isna() & (table["day"] != ""))
    )


def _kind(row: pd.Series, said: dict[str, Any]) -> str:
    for text in (row["kind"], row["task"]):
        for word, kind in (("跟踪", "follow-up"), ("风险", "risk"), ("评价", "evaluation"), ("监督", "supervision")):
            if word in text:
                return kind
    return str(said.get("sampling_kind", "unknown"))


# ----------------------------------------------------------------------------------------------------
# Q03


def samples(landing: Path, without: Collection[str] = ()) -> pd.DataFrame:
    """One row a sample, as its last issued version has it."""
    versions = []
    for order, file in enumerate(food_files(landing, without)):
        table = file.table.assign(order=order)
        table["kind"] = [_kind(row, file.said) for _, row in table.iterrows()]
        quarter = re.search(r"(20\d\d)年(?:第(\d)季度)?", file.name)
        assert quarter
        end = pd.Timestamp(int(quarter[1]), 3 * int(quarter[2] or 4), 1) + pd.offsets.MonthEnd(0)
        table["day"] = pd.to_datetime(table["day"].str.replace("/", "-"), errors="coerce", format="%Y-%m-%d").fillna(
            end
        )
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
        subcategory=("subcategory", "first"),
    )
    grouped["food"] = grouped["subcategory"] != "复用餐饮具"
    return grouped[grouped["place"].str.contains("济南") & ~grouped["problem"]]


def clopper_pearson(x: int, n: int) -> tuple[float, float]:
    low = stats.beta.ppf(ALPHA, x, n - x + 1) if x else 0.0
    high = stats.beta.ppf(1 - ALPHA, x + 1, n - x) if x < n else 1.0
    return 100 * low, 100 * high


def verdict(x: int, n: int) -> str:
    if n < FEWEST:
        return "insufficient_sample" if n else "no_data"
    if stats.binom.sf(x - 1, n, Q03_TARGET / 100) <= ALPHA:
        return "met_proven"
    if stats.binom.cdf(x, n, Q03_TARGET / 100) <= ALPHA:
        return "not_met_proven"
    return "met_not_proven" if 100 * x >= Q03_TARGET * n else "not_met_not_proven"


def assert_published(warehouse: Installation, found: pd.DataFrame, year: int, quarter: int | None = None) -> None:
    """The published row of a period is what the files say."""
    here = found[(found["day"].dt.year == year) & (found["kind"] == "evaluation") & found["food"]]
    if quarter:
        here = here[here["day"].dt.quarter == quarter]
    judged = here[~here["bad"]]
    n, x, held = len(judged), int((~judged["failed"]).sum()), int(here["bad"].sum())
    row = tracking(warehouse, "FOOD_EVALUATION", f"{year}-Q{quarter}" if quarter else str(year))
    assert (row["numerator"], row["denominator"], row["quarantined_count"]) == (x, n, held)
    assert float(row["value"]) == pytest.approx(100 * x / n, rel=1e-14)
    assert row["is_attained"] == (100 * x >= Q03_TARGET * n)
    assert row["verdict"] == verdict(x, n)
    low, high = clopper_pearson(x, n)
    assert float(row["interval_low"]) == pytest.approx(low, rel=1e-12)
    assert float(row["interval_high"]) == pytest.approx(high, rel=1e-12)
    if held:
        assert float(row["worst_case_value"]) == pytest.approx(100 * x / (n + held), rel=1e-14)


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
    here = city_samples[(city_samples["kind"] == "supervision") & (city_samples["day"].dt.year == year)]
    here = here[here["food"] | with_tableware]
    judged = here[~here["bad"]]
    row = tracking(city, measure, str(year))
    assert (row["numerator"], row["denominator"]) == (int((~judged["failed"]).sum()), len(judged))
    assert row["quarantined_count"] == int(here["bad"].sum())


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
