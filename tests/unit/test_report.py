"""The scorecard from plain rows: what it shows, what it never shows, and that it reads without colour."""

import json
import os
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from scipy.stats import beta

from baotu import report
from baotu.report import COLUMNS, LIGHTS, RESTATEMENT_COLUMNS, SINCE_COLUMNS, VERDICTS, Scorecard

AS_OF = date(2022, 12, 31)
PUBLICATION = {
    "publication_id": 17,
    "published_at": datetime(2023, 1, 9, 1, 30, tzinfo=UTC),
    "as_of_on": AS_OF,
    "known_at_on": AS_OF,
    "code_version": "0.1.0+3f2c9ab",
    "held_since": None,
}
Q03 = {
    "indicator_id": "Q03",
    "definition_version": 1,
    "name_zh": "食品合格率",
    "name_en": "Food pass rate",
    "unit": "%",
    "direction": "up",
    "group_zh": "合格率",
    "group_en": "Pass rates",
    "wording_zh": "「食品合格率…稳定在…98%以上」",
    "wording_en": "“the food pass rate … steady at 98 % or above”",
    "target_value": Decimal(98),
    "target_operator": ">=",
    "deadline_on": date(2022, 12, 31),
    "lead_unit_zh": "市市场监管局",
    "lead_unit_en": "Municipal Administration for Market Regulation",
    "definition_zh": "评价性抽检合格批次 ÷ 已判定批次；以复检后的最终结论为准；不含餐饮具与跟踪抽检。",
    "definition_en": "Conforming batches of evaluation sampling ÷ judged batches, after re-inspection; "
    "without tableware and follow-up samples.",
    "method_zh": "合并计数；精确二项检验，每侧 2.5 %。",
    "method_en": "Pooled counts; exact binomial test, 2.5 % a side.",
    "assumption_zh": "规划未说明抽检类型，此处取评价性抽检。",
    "assumption_en": "The plan does not name the kind of sampling; evaluation sampling is taken.",
    "source_id": "food_spot_checks",
    "source_label_zh": "食品安全监督抽检与评价性抽检结果",
    "source_label_en": "Results of food sampling",
}
I07 = Q03 | {
    "indicator_id": "I07",
    "name_zh": "服务业顾客满意度",
    "name_en": "Customer satisfaction with services",
    "unit": "分",
    "group_zh": "服务更优质",
    "group_en": "Better services",
    "wording_zh": "「服务业顾客满意度达到88%以上」",
    "wording_en": "“customer satisfaction with services to reach 88 % or above”",
    "target_value": Decimal(88),
    "definition_zh": "受访者得分 (x−最小)÷(最大−最小)×100 的均值，分行业按增加值加权。",
    "definition_en": "Mean of respondents’ scores on 0–100, weighted by value added.",
    "method_zh": "至少答两题；标准误判定；不足 30 份的行业不公布。",
    "method_en": "Two answers at least; judged by standard error; industries below 30 answers suppressed.",
    "assumption_zh": "88% 背后的测评方法未公布，按 0–100 分计。",
    "assumption_en": "The method behind 88 % is not public; scored on 0–100.",
    "source_id": "satisfaction_surveys",
    "source_label_zh": "服务业顾客满意度调查",
    "source_label_en": "Satisfaction surveys",
}
I11 = Q03 | {
    "indicator_id": "I11",
    "name_zh": "有效高新技术企业数量",
    "name_en": "Valid high-tech enterprises",
    "unit": "家",
    "wording_zh": "「有效高新技术企业数量达到4400家」",
    "wording_en": "“4,400 valid high-tech enterprises”",
    "target_value": Decimal(4400),
}


def row(indicator_id: str = "Q03", year: int = 2021, **given: Any) -> dict[str, Any]:
    """A row of mart_target_tracking: a met, final year of the city unless told otherwise."""
    return (
        dict.fromkeys(COLUMNS)
        | {
            "indicator_id": indicator_id,
            "definition_version": 1,
            "definition_basis": "assumed",
            "as_of_on": AS_OF,
            "known_at_on": AS_OF,
            "measure_code": "FOOD_EVALUATION",
            "value_basis": "computed",
            "is_headline": True,
            "division_code": "370100",
            "division_basis": "sampled_at",
            "hierarchy": "administrative",
            "period_type": "year",
            "period_start_on": date(year, 1, 1),
            "period_end_on": date(year, 12, 31),
            "period_label_zh": f"{year}年",
            "unit": "%",
            "target_value": Decimal(98),
            "target_operator": ">=",
            "estimator": "pooled",
            "quarantined_count": 0,
            "data_status": "final",
            "is_current": True,
            "publication_id": 17,
        }
        | given
    )


def counts(passed: int, judged: int, target: int = 98) -> dict[str, Any]:
    """Value, gap, interval of a pass rate."""
    value = Decimal(100 * passed) / Decimal(judged)
    return {
        "value": value,
        "numerator": Decimal(passed),
        "denominator": Decimal(judged),
        "n_effective": Decimal(judged),
        "gap": value - target,
        "is_attained": 100 * passed >= target * judged,
        "interval_low": Decimal(str(100 * beta.ppf(0.025, passed, judged - passed + 1))),
        "interval_high": Decimal(str(100 * beta.ppf(0.975, passed + 1, judged - passed))) if passed < judged else 100,
    }


def quarter(year: int, number: int, **given: Any) -> dict[str, Any]:
    start = date(year, 3 * number - 2, 1)
    end = date(year + number // 4, 3 * number % 12 + 1, 1) - timedelta(days=1)
    given = {"period_label_zh": f"{year}年第{'一二三四'[number - 1]}季度"} | given
    return row(year=year, period_type="quarter", period_start_on=start, period_end_on=end, verdict="pending", **given)


def demo_rows() -> list[dict[str, Any]]:
    """Three years of Q03 by quarters, the last one provisional, and three waves of I07."""
    failed = [31, 22, 26, 18, 20, 17, 15, 14, 24, 21, 13, 5]
    judged = [1180, 1320, 1410, 1395, 1290, 1420, 1480, 1510, 1210, 1330, 1105, 640]
    rows = []
    for index, (bad, n) in enumerate(zip(failed, judged, strict=True)):
        year, number = 2020 + index // 4, index % 4 + 1
        given = counts(n - bad, n)
        if (year, number) in ((2022, 3), (2022, 4)):
            given |= {
                "data_status": "provisional",
                "bound_low": given["value"] - Decimal("1.25"),
                "bound_high": given["value"] + Decimal("0.21"),
            }
        rows.append(quarter(year, number, **given))
    for year, verdict, light in ((2020, "met_not_proven", "green"), (2021, "met_proven", "green")):
        at = slice(4 * (year - 2020), 4 * (year - 2020) + 4)
        n, bad = sum(judged[at]), sum(failed[at])
        rows.append(row(year=year, verdict=verdict, light=light, **counts(n - bad, n)))
    rows.append(
        row(
            year=2022,
            verdict="pending",
            light="grey",
            data_status="provisional",
            bound_low=Decimal("97.6429"),
            bound_high=Decimal("98.6117"),
            quarantined_count=9,
            worst_case_value=Decimal("97.9967"),
            **counts(4222, 4285),
        )
    )
    for code, passed, n in (
        ("FOOD_SUPERVISION", 11210, 11641),
        ("FOOD_SUPERVISION_EXCL_TABLEWARE", 10390, 10641),
    ):
        rows.append(row(year=2022, measure_code=code, is_headline=False, verdict="not_applicable", **counts(passed, n)))
    for year, value, error, verdict, light in (
        (2020, "86.412", "0.62", "not_met_proven", "red"),
        (2021, "87.3315", "0.55", "not_met_proven", "red"),
        (2022, "87.870", "0.489", "not_met_not_proven", "yellow"),
    ):
        mean, half = Decimal(value), Decimal("1.96") * Decimal(error)
        given = {
            "value": mean,
            "denominator": 870 + year % 7,
            "n_effective": Decimal("803.42"),
            "target_value": Decimal(88),
            "gap": mean - 88,
            "is_attained": False,
            "verdict": verdict,
            "light": light,
            "interval_low": mean - half,
            "interval_high": mean + half,
            "unit": "分",
            "estimator": "industry_weighted",
            "measure_code": "CSI_0_100",
        }
        rows.append(row("I07", year, **given))
        published = given | {
            "value": mean + Decimal("1.30"),
            "measure_code": "CSI_PUBLISHED",
            "value_basis": "reported",
        }
        bare = dict.fromkeys(("interval_low", "interval_high", "gap", "n_effective", "light", "verdict"))
        rows.append(row("I07", year, **(published | bare | {"is_headline": False})))
    return rows


def demo() -> Scorecard:
    return Scorecard.from_rows(demo_rows(), [Q03, I07, I11], PUBLICATION)


def one(**given: Any) -> Scorecard:
    return Scorecard.from_rows([row(**given)], [Q03], PUBLICATION)


def parsed(card: Scorecard) -> ElementTree.Element:
    """The page as a tree: it is well-formed XML as well as HTML."""
    return ElementTree.fromstring(card.html())


def words(element: ElementTree.Element) -> str:
    """What is read on the page: no styles, attributes or drawings, nor the glossary, which says no figure."""
    if element.tag in ("head", "svg") or element.get("class") == "glossary":
        return ""
    inner = (words(child) + " " + (child.tail or "") for child in element)
    return " ".join(" ".join([element.text or "", *inner]).split())


def test_each_indicator_is_chosen_and_surrounded() -> None:
    i07, i11, q03 = demo().entries
    assert q03.current and q03.current["period_label_zh"] == "2022年" and q03.current["data_status"] == "provisional"
    assert [year["period_label_zh"] for year in q03.years] == ["2022年", "2021年", "2020年"]
    assert [other["measure_code"] for other in q03.companions] == [
        "FOOD_SUPERVISION",
        "FOOD_SUPERVISION_EXCL_TABLEWARE",
    ]
    assert len(q03.trend) == 12 and [point["period_type"] for point in i07.trend] == ["year"] * 3
    assert [other["value_basis"] for other in i07.companions] == ["reported"]
    assert i11.current is None and [entry.id for entry in demo().awaited] == ["I11"]


def test_running_year_stands_in_only_until_one_is_closed() -> None:
    early: dict[str, Any] = {"as_of_on": date(2021, 6, 30)}
    running = Scorecard.from_rows([row(year=2021, **early)], [Q03]).entries[0]
    assert running.current and running.show(running.current)["is_running"]
    both = Scorecard.from_rows([row(year=2020, **early), row(year=2021, **early)], [Q03]).entries[0]
    assert both.current and both.current["period_label_zh"] == "2020年" and len(both.years) == 2


def test_other_divisions_and_past_views_do_not_stand_for_the_city() -> None:
    rows = [
        row(year=2021, value=Decimal(99)),
        row(year=2022, division_code="370102"),
        row(year=2022, is_current=False),
    ]
    card = Scorecard.from_rows(rows, [Q03])
    assert card.entries[0].current and card.entries[0].current["value"] == 99
    assert [found["division_code"] for found in card.json()] == ["370100", "370102"]


def test_newer_definition_leads_and_the_older_stands_beside() -> None:
    rows = [row(definition_version=9), row(definition_version=10)]
    entry = Scorecard.from_rows(rows, [Q03, Q03 | {"definition_version": 10}]).entries[0]
    assert entry.current and entry.current["definition_version"] == 10 == entry.indicator["definition_version"]
    assert [other["definition_version"] for other in entry.companions] == [9]


def test_missing_value_is_a_dash_and_never_a_number() -> None:
    missing = {"value": None, "data_status": "no_data", "verdict": "no_data", "light": "grey", "denominator": 0}
    card = Scorecard.from_rows([row(year=2020, **counts(50, 60)), row(**missing)], [Q03], PUBLICATION)
    page = parsed(card)
    figure = next(p for p in page.iter("p") if p.get("class") == "figure")
    assert words(figure) == "—"
    assert "无数据" in words(page) and "No data" in words(page)
    assert not re.search(r"(?<![\d.])(0|100|0\.00|100\.00)\s*%", words(page).replace("\u00a0", " "))
    assert "— " in card.text() and "无数据" in card.text() and "100 %" not in card.text()
    assert card.json()[1]["value"] is None

    # With no year that has one the indicator waits, without a card of its own.
    page = parsed(one(**missing))
    assert not [p for p in page.iter("p") if p.get("class") == "figure"] and "无数据" in words(page)
    assert not list(page.iter("polyline")) and "chart" not in {svg.get("class") for svg in page.iter("svg")}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal(9683000) / Decimal(98839), "97.97"),
        ("97.9967", "97.997"),
        ("97.99999999999999999999999", "97.99999999999999999999999"),
        ("98", "98.00"),
        ("98.004", "98.004"),
        ("97.125", "97.12"),
        ("97.135", "97.14"),
        ("0.0000001", "0.0000001"),
        ("99.9999", "99.9999"),
        (100, "100.00"),
    ],
)
def test_rounding_never_reaches_what_the_value_does_not(value: object, shown: str) -> None:
    assert report.rounded(value, [98, 0, 100]) == shown


def test_just_below_the_target_is_never_shown_as_the_target() -> None:
    for passed, judged in ((96830, 98839), (979_999, 1_000_000)):
        given = counts(passed, judged)
        card = one(verdict="not_met_not_proven", light="yellow", **given)
        for text in (words(parsed(card)), card.text()):
            assert not re.search(r"98\.0+(?!\d)", text), text
        assert str(given["value"])[:12] in card.html()
    assert "−0.0001" in card.text()


@pytest.mark.parametrize("verdict", sorted(VERDICTS.keys() - {"not_applicable"}))
@pytest.mark.parametrize("light", LIGHTS)
def test_every_verdict_and_light_has_words_and_a_shape(verdict: str, light: str) -> None:
    card = one(verdict=verdict, light=light, **counts(60, 60))
    page = parsed(card)
    article = next(page.iter("article"))
    shape = next(svg for svg in article.iter("svg") if (svg.get("class") or "").startswith("shape"))
    assert shape.get("aria-label") == f"{LIGHTS[light].zh} {LIGHTS[light].en}" and len(shape)
    assert VERDICTS[verdict].zh in words(article) and VERDICTS[verdict].en in words(article)
    assert f"{LIGHTS[light].symbol} {LIGHTS[light].zh}" in card.text()
    assert ("样本不足以确认" in words(article)) == (verdict == "met_not_proven")


@pytest.mark.parametrize(
    ("year", "light", "is_attained", "words_zh"),
    [
        (2022, "green", True, "达标"),
        (2022, "red", False, "未达标"),
        (2021, "green", True, "达标"),
        (2021, "green", False, "未到期，进度正常"),
        (2021, "yellow", False, "未到期，进度落后"),
        (2021, "red", False, "未到期，进度严重落后"),
        (2021, "grey", False, "未到期"),
    ],
)
def test_what_is_not_tested_shows_attainment_or_schedule(
    year: int, light: str, is_attained: bool, words_zh: str
) -> None:
    given = {"value": Decimal(4300), "verdict": "not_applicable", "light": light, "is_attained": is_attained}
    card = Scorecard.from_rows([row("I11", year, target_kind="stock", unit="家", **given)], [I11], PUBLICATION)
    assert card.entries[0].show(card.rows[0])["verdict"].zh == words_zh
    assert "不适用统计判定" not in words(next(parsed(card).iter("article")))


def test_progress_is_told_in_both_languages_or_why_not() -> None:
    travelled = {
        "indicator_id": "I11", "baseline_value": Decimal(2210), "baseline_on": date(2019, 12, 31),
        "baseline_kind": "first_observed", "completion_pct": Decimal("68.036"), "elapsed_pct": Decimal("58.303"),
        "eurostat_ratio": Decimal("1.2049"), "eurostat_class": "on_track", "required_per_month": Decimal("46.667"),
        "trailing_per_month": Decimal(75), "forecast_value": Decimal("4764.29"), "forecast_low": Decimal("4423.16"),
        "forecast_high": Decimal("5105.41"), "forecast_probability": Decimal("0.98002"), "forecast_word": "likely",
    }  # fmt: skip
    given = {"value": Decimal(3700), "verdict": "not_applicable", "light": "green", "is_attained": False}
    rows = [row("I11", 2021, target_kind="stock", unit="家", **given), row(**counts(59, 60))]
    held = {
        "indicator_id": "Q03", "not_assessable_reason": "no_baseline", "years_met": 2, "years_missed": 0,
        "years_open": 1, "assurance": "hit_and_miss", "assurance_is_trial": True, "trend": "no_significant_change",
    }  # fmt: skip
    card = Scorecard.from_rows(rows, [Q03, I11], PUBLICATION, progress=[travelled, held])
    page = words(parsed(card)).replace("\u00a0", " ")
    for shown in (
        "68.0 % / 58.3 %（首个观测值 2,210 家，2019-12-31）", "1.20, on track", "46.7 / 75.0",
        "4,764（95 % 4,423 – 5,105），可能达标（98 %）", "无基期，进度无法评估",
        "未定：达标 2 年，未达标 0 年，未评定 1 年", "各月时达时不达（不足 12 个月，试用）", "no significant change",
    ):  # fmt: skip
        assert shown in page, shown
    assert "进度" not in words(parsed(one(**counts(59, 60))))


def test_shapes_and_words_differ_without_colour() -> None:
    for distinct in ("shape", "symbol", "zh", "en"):
        assert len({getattr(light, distinct) for light in LIGHTS.values()}) == len(LIGHTS)
    assert len({verdict.zh for verdict in VERDICTS.values()}) == len(VERDICTS)


def test_unknown_codes_are_shown_as_they_are_on_grey() -> None:
    card = one(verdict="novel_verdict", light="purple", measure_code="NOVEL", value=Decimal(99))
    assert "novel_verdict" in words(parsed(card)) and "– 灰" in card.text() and "NOVEL" in words(parsed(card))


def test_provisional_shows_both_bounds_and_hollow_points() -> None:
    page = parsed(demo())
    article = next(found for found in page.iter("article") if found.get("id") == "Q03")
    for shown in ("97.64\u00a0%", "98.61\u00a0%", "初步", "provisional"):
        assert shown.replace("\u00a0", " ") in words(article)
    wide = next(svg for svg in article.iter("svg") if svg.get("class") == "chart wide")
    points = [circle.get("class") for circle in wide.iter("circle")]
    assert points == ["point"] * 10 + ["point hollow"] * 2
    assert "97.64 %" in demo().text() and "98.61 %" in demo().text()


def test_quarantine_shows_its_worst_case_unflattered() -> None:
    for text in (words(parsed(demo())), demo().text()):
        assert "97.997 %" in text and "9 quarantined" in text and "即不达标" in text.replace("\n", "").replace(" ", "")


def test_assumption_caveat_source_and_trace_are_on_the_page() -> None:
    page = words(parsed(demo()))
    for shown in (
        Q03["assumption_zh"],
        report.CAVEAT.zh,
        "baotu trace Q03 --period 2022",
        "food_spot_checks",
        "本系统假定",
    ):
        assert str(shown) in page
    assert page.count(report.CAVEAT.zh) == 1, "under the pass rate, not under satisfaction"


def test_companions_show_their_verdict_only_where_one_was_reached() -> None:
    both = {"verdict": "not_met_proven", "light": "red", **counts(940, 1000)}
    beside = row(value_basis="reported", is_headline=False, **both)
    page = words(parsed(Scorecard.from_rows([row(**counts(990, 1000)), beside], [Q03])))
    assert report.VERDICTS["not_met_proven"].en in page.split("Same period")[1].split("How verdicts")[0]
    assert "No statistical verdict applies" not in words(parsed(demo()))


def test_a_measure_is_called_by_the_name_that_the_mart_gives_it() -> None:
    measures = [{"measure_code": "FOOD_EVALUATION", "label_zh": "评价性抽检合格率", "label_en": "Evaluation"}]
    named = Scorecard.from_rows([row(**counts(990, 1000))], [Q03], measures=measures)
    assert "评价性抽检合格率" in words(parsed(named))
    unnamed = Scorecard.from_rows([row(**counts(990, 1000))], [Q03])
    assert "FOOD_EVALUATION" in words(parsed(unnamed)), "an unknown code is shown as it is"


def test_quarantine_without_a_value_names_no_worst_case() -> None:
    given = {"data_status": "no_data", "verdict": "no_data", "quarantined_count": 3}
    card = one(value=None, worst_case_value=Decimal(0), **given)
    assert "3 quarantined." in card.text() and "最坏" not in card.text()
    assert "最坏情形" not in words(next(parsed(card).iter("article")))


def test_no_line_is_drawn_from_one_measure_to_another() -> None:
    rows = [row(year=year, **counts(990, 1000)) for year in (2020, 2021)]
    joined = Scorecard.from_rows([*rows, row(year=2022, **counts(985, 1000))], [Q03])
    reported = row(year=2022, measure_code="NOVEL", value_basis="reported", **counts(985, 1000))
    parted = Scorecard.from_rows([*rows, reported], [Q03])
    drawn = [
        [len(str(line.get("points")).split()) for line in parsed(card).iter("polyline")] for card in (joined, parted)
    ]
    assert drawn == [[3, 3], [2, 2]]
    assert "line broken: another measure" in words(parsed(parted))


def test_page_names_its_publication_and_says_when_a_newer_one_is_held() -> None:
    assert "2023-01-09 09:30" in words(parsed(demo())), "Beijing time"
    assert "暂缓" not in words(parsed(demo()))
    held = Scorecard.from_rows(demo_rows(), [Q03], PUBLICATION | {"held_since": datetime(2023, 2, 1, tzinfo=UTC)})
    assert "自 2023-02-01 08:00 起暂缓" in words(parsed(held)) and "暂缓" in held.text()


def test_page_loads_nothing() -> None:
    page = demo().html()
    assert not re.search(r"https?://|//\w|url\(|@import|<script|<link|<img|<iframe|\ssrc=|\son\w+=", page)
    assert set(re.findall(r'href="([^"]*)"', page)) == {"#Q03", "#I07"}


def test_page_is_readable_by_machines_that_read_aloud() -> None:
    page = parsed(demo())
    assert page.get("lang") == "zh-CN"
    assert all(table.find("caption") is not None for table in page.iter("table"))
    assert all(th.get("scope") for th in page.iter("th"))
    assert all(svg.get("aria-label") or svg.get("aria-hidden") for svg in page.iter("svg"))
    ids = [element.get("id") for element in page.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert {element.get("lang") for element in page.iter("span")} >= {"zh-CN", "en"}


def test_contrast_is_enough_by_day_and_by_night() -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    themes = re.findall(r":root \{([^}]*--ink[^}]*)\}", demo().html())
    assert len(themes) == 2
    for theme in themes:
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", theme))
        for ink in ("ink", "soft", "water", "green", "yellow", "red", "grey"):
            for paper in ("page", "card", "wash"):
                light, dark = sorted((luminance(colours[ink]), luminance(colours[paper])), reverse=True)
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, paper)


def test_hostile_text_stays_text() -> None:
    bad = "<script>alert(1)</script>\"'&]]> [bold red]x[/] \x1b[31m \x00 \u202eevil {{ 7*7 }}"
    indicator = {name: bad if name.endswith(("_zh", "_en")) else value for name, value in Q03.items()}
    given: dict[str, Any] = {"measure_code": bad, "period_label_zh": bad, "estimator": bad, "verdict": bad}
    card = Scorecard.from_rows([row(**given, **counts(99, 100))], [indicator], PUBLICATION | {"code_version": bad})
    page = card.html()
    assert not list(ElementTree.fromstring(page).iter("script")) and "<script" not in page
    assert "{{ 7*7 }}" in page and "[bold red]" in card.text()
    for text in (page, card.text()):
        assert not re.search("[\x00\x1b\u202e]", text)
    assert json.loads(card.json_text())[0]["measure_code"] == bad


def test_json_is_the_marts_current_rows_without_loss() -> None:
    card = demo()
    assert all(tuple(found) == COLUMNS for found in card.json())
    assert len(card.json()) == len(demo_rows())
    again = json.loads(card.json_text(), parse_float=Decimal)
    assert again == card.json()
    year = next(found for found in again if found["indicator_id"] == "Q03" and found["period_label_zh"] == "2020年")
    assert year["value"] == Decimal(100 * 5208) / Decimal(5305) and year["period_end_on"] == "2020-12-31"
    assert (
        Scorecard.from_rows([], []).json_text() == "[\n\n]\n"
        and json.loads(Scorecard.from_rows([], []).json_text()) == []
    )


def changed(year: int = 2021, **given: Any) -> dict[str, Any]:
    """A row of mart_restatement: nothing changed unless told otherwise."""
    return (
        dict.fromkeys(RESTATEMENT_COLUMNS)
        | {"indicator_id": "Q03", "is_headline": True, "value_basis": "computed", "period_type": "year"}
        | {"measure_code": "FOOD_EVALUATION", "now_measure_code": "FOOD_EVALUATION", "now_value_basis": "computed"}
        | {"period_start_on": date(year, 1, 1), "then_as_of_on": AS_OF, "then_known_at_on": AS_OF}
        | {"then_definition_version": 1, "now_definition_version": 1, "now_known_at_on": date(2023, 6, 1)}
        | {name: 0 for name in RESTATEMENT_COLUMNS if name.endswith(("_judged", "_passed"))}
        | {"now_value": Decimal(98), "now_numerator": Decimal(98), "now_denominator": Decimal(100)}
        | given
    )


def since(*changes: dict[str, Any], measures: Any = (), **then: Any) -> tuple[str, str]:
    """What a view says of Q03 in 2021, in Chinese and English."""
    card = Scorecard.from_rows([row(**counts(97, 100)) | then], [Q03], None, measures, (), changes)
    ((zh, en),) = card.entries[0].since_then()
    page = words(parsed(card)).replace("\u00a0", " ")
    assert "not a publication" in page and "not a publication" in card.text()
    plain = zh.replace("\u00a0", " "), en.replace("\u00a0", " ")
    assert all(text in page and text in " ".join(card.text(600).split()) for text in plain)
    return plain


def test_a_view_of_the_past_says_what_changed_since() -> None:
    assert since(changed()) == ("2021年此后无变化。", "2021: no change since.")
    moved = {"new_delivery_judged": 1200, "new_delivery_passed": 1197, "correction_judged": -1, "correction_passed": 0}
    assert since(changed(**moved)) == (
        "2021年当时 97.00 %（97 / 100），此后变为 98.00 %（98 / 100）：新送达 +1,200 批次，不合格 +3；"
        "更正 −1 批次，不合格 −1。",
        "2021: 97.00 % (97 / 100) then, 98.00 % (98 / 100) now: new deliveries +1,200 samples, +3 failing;"
        " corrections −1 samples, −1 failing.",
    )
    # Without samples the cause alone, and only what there is.
    published = changed(value_cause="correction", now_numerator=None, now_denominator=None)
    assert since(published)[1] == "2021: 97.00 % (97 / 100) then, 98.00 % now: a correction."
    gone = changed(value_cause="correction", now_value=None, now_numerator=None, now_denominator=None)
    assert since(gone)[1] == "2021: 97.00 % (97 / 100) then, — now: a correction."


def test_a_view_of_the_past_says_what_stands_for_the_indicator_now() -> None:
    defined = changed(
        now_definition_version=2,
        then_target_value=Decimal(98),
        now_target_value=Decimal("98.5"),
        now_measure_code="FOOD_EVALUATION_EXCL_AGRI",
        is_headline=False,
        definition_judged=-20,
        definition_passed=-18,
    )
    assert since(defined)[1].endswith(
        "definition −20 samples, −2 failing; definition version 1 became 2, target 98 → 98.5."
    )
    # Counts stood in, and samples came.
    reported = changed(value_basis="reported", is_headline=False)
    samples = changed(new_delivery_judged=100, new_delivery_passed=98)
    names = [{"measure_code": "FOOD_EVALUATION", "label_zh": "评价性抽检", "label_en": "Evaluation"}]
    zh, en = since(reported, samples, measures=names, value_basis="reported")
    assert en.startswith("2021: 97.00 % (97 / 100) then, 98.00 % (98 / 100) now:")
    assert en.endswith("new deliveries +100 samples, +2 failing; by another measure: Evaluation (computed).")
    assert zh.endswith("现以「评价性抽检」（计算）为准。")


def test_only_a_view_of_the_past_says_it() -> None:
    assert not any(entry.since_then() for entry in demo().entries) and "not a publication" not in demo().text()
    # Nor of another day than the one shown.
    other = Scorecard.from_rows(
        [row(**counts(97, 100))], [Q03], restatements=[changed(then_as_of_on=date(2022, 6, 30))]
    )
    assert other.entries[0].since_then() == [] and other.json()[0]["since"] is None
    card = Scorecard.from_rows([row(**counts(97, 100))], [Q03], restatements=[changed()])
    (told,) = json.loads(card.json_text(), parse_float=Decimal)
    assert told == card.json()[0] and tuple(told["since"]) == SINCE_COLUMNS
    assert (told["since"]["now_value"], told["since"]["new_delivery_judged"]) == (98, 0)


@pytest.mark.parametrize("width", [80, 110, 160])
def test_terminal_table_keeps_its_width(width: int) -> None:
    from rich.cells import cell_len

    text = demo().text(width)
    assert max(map(cell_len, text.splitlines())) <= width
    for shown in ("Q03", "食品合格率", "▲", "baotu trace Q03 --period 2022", "I11"):
        assert shown in text


def test_counts_read_as_counts() -> None:
    given: dict[str, Any] = {
        "value": Decimal(4512),
        "unit": "家",
        "target_value": Decimal(4400),
        "gap": Decimal(112),
    }
    text = Scorecard.from_rows([row("I11", 2022, **given)], [I11]).text()
    assert "4,512 家" in text and "≥ 4400 家" in text and "+112 家" in text


def test_nothing_published_is_said() -> None:
    empty = Scorecard.from_rows([], [])
    assert "尚无任何发布的数据" in words(parsed(empty)) and empty.text()


@pytest.mark.parametrize("months", [3, 30])
def test_months_stand_in_for_quarters(months: int) -> None:
    def month(index: int) -> dict[str, Any]:
        start = date(2020 + index // 12, index % 12 + 1, 1)
        end = (start + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        given: dict[str, Any] = {"period_type": "month", "period_start_on": start, "period_end_on": end}
        return row(period_label_zh=f"{start:%Y-%m}", **given, **counts(985, 1000))

    card = Scorecard.from_rows([row(year=2022, **counts(985, 1000)), *map(month, range(months))], [Q03])
    assert len(card.entries[0].trend) == months
    assert bool(list(parsed(card).iter("polygon"))) == (months > 16)


def test_write_replaces_whole_pages_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "public" / "scorecard.html"
    report.write_page(path, demo().html())
    before = path.read_bytes()
    assert before.startswith(b"<!DOCTYPE html>") and path.stat().st_mode & 0o777 == 0o644

    def broken(_self: Scorecard) -> str:
        raise RuntimeError

    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    faults: list[tuple[Any, str, Callable[..., Any]]] = [
        (Scorecard, "html", broken),
        (os, "fsync", full_disk),
    ]
    for owner, name, fault in faults:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, fault)
            with pytest.raises((RuntimeError, OSError)):
                report.write_page(path, one().html())
    assert path.read_bytes() == before and [found.name for found in path.parent.iterdir()] == [path.name]
