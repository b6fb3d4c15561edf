"""The scorecard: what the current publication says, as one page, a terminal table and JSON.

Nothing is computed here that a reader could mistake for a figure: values, intervals, verdicts and lights
come from `marts.mart_target_tracking`. This module chooses rows, rounds for display, and puts words and
shapes to codes.
"""

import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from functools import cache
from io import StringIO
from math import ceil, floor, log10
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from psycopg import sql
from psycopg.rows import dict_row

from baotu import glossary

Row = Mapping[str, Any]

#: `mart_target_tracking`, in the order of its contract; `Scorecard.json` has exactly these.
COLUMNS = (
    "indicator_id",
    "target_kind",
    "definition_version",
    "definition_basis",
    "as_of_on",
    "known_at_on",
    "measure_code",
    "value_basis",
    "is_headline",
    "division_code",
    "division_basis",
    "hierarchy",
    "period_type",
    "period_start_on",
    "period_end_on",
    "period_label_zh",
    "value",
    "value_on",
    "unit",
    "numerator",
    "denominator",
    "target_value",
    "target_operator",
    "annual_target_value",
    "gap",
    "is_attained",
    "verdict",
    "light",
    "interval_low",
    "interval_high",
    "bound_low",
    "bound_high",
    "estimator",
    "n_effective",
    "coverage_pct",
    "unlinked_count",
    "quarantined_count",
    "worst_case_value",
    "data_status",
    "is_current",
    "publication_id",
)
INDICATOR_COLUMNS = (
    "indicator_id",
    "definition_version",
    "name_zh",
    "name_en",
    "unit",
    "direction",
    "group_zh",
    "group_en",
    "wording_zh",
    "wording_en",
    "target_value",
    "target_operator",
    "deadline_on",
    "lead_unit_zh",
    "lead_unit_en",
    "definition_zh",
    "definition_en",
    "method_zh",
    "method_en",
    "assumption_zh",
    "assumption_en",
    "source_id",
    "source_label_zh",
    "source_label_en",
)
PROGRESS_COLUMNS = (
    "indicator_id",
    "baseline_value",
    "baseline_on",
    "baseline_kind",
    "elapsed_pct",
    "completion_pct",
    "schedule_gap_pp",
    "eurostat_ratio",
    "eurostat_class",
    "not_assessable_reason",
    "required_per_month",
    "trailing_per_month",
    "forecast_value",
    "forecast_low",
    "forecast_high",
    "forecast_probability",
    "forecast_word",
    "years_met",
    "years_missed",
    "years_open",
    "is_held_every_year",
    "trend",
    "assurance",
    "assurance_is_trial",
)
#: Causes of a change, in the order in which they are told; each has columns `<cause>_judged`, `<cause>_passed`.
CAUSES = ("new_delivery", "later", "reinspection", "correction", "definition")
RESTATEMENT_COLUMNS = (
    "indicator_id",
    "is_headline",
    "measure_code",
    "value_basis",
    "period_type",
    "period_start_on",
    "then_as_of_on",
    "then_known_at_on",
    "now_as_of_on",
    "now_known_at_on",
    "now_measure_code",
    "now_value_basis",
    "then_definition_version",
    "now_definition_version",
    "then_target_value",
    "now_target_value",
    "now_value",
    "now_numerator",
    "now_denominator",
    *(f"{cause}_{counted}" for cause in CAUSES for counted in ("judged", "passed")),
    "value_cause",
)
#: What a row of `Scorecard.json` adds in a view of an earlier day: all but what that row says itself.
SINCE_COLUMNS = tuple(name for name in RESTATEMENT_COLUMNS[6:] if not name.startswith("then_"))
PUBLICATION_COLUMNS = (
    "publication_id",
    "published_at",
    "as_of_on",
    "known_at_on",
    "code_version",
    "held_since",
)

CITY = "370100"
BEIJING = timezone(timedelta(hours=8))
NOTHING = "—"


class Label(NamedTuple):
    """One text in both languages."""

    zh: str
    en: str


class Light(NamedTuple):
    """A light: never a colour alone, always a shape and a word."""

    zh: str
    en: str
    shape: str
    symbol: str


#: Every code of the marts that a reader sees, in words. Nowhere else.
LIGHTS = {
    "green": Light("绿", "green", "circle", "●"),
    "yellow": Light("黄", "yellow", "triangle", "▲"),
    "red": Light("红", "red", "octagon", "✖"),
    "grey": Light("灰", "grey", "dash", "–"),
}
VERDICTS = {
    "met_proven": Label("已达标（统计上可确认）", "Met, statistically confirmed"),
    "met_not_proven": Label("达标，样本尚不足以确认", "Met, not confirmed by the sample"),
    "not_met_not_proven": Label("未达标，差异在抽样误差内", "Not met, within sampling error"),
    "not_met_proven": Label("未达标（统计上可确认）", "Not met, statistically confirmed"),
    "insufficient_sample": Label("样本过少，不作判定", "Sample too small to judge"),
    "insufficient_coverage": Label("覆盖不足，不作判定", "Coverage too low to judge"),
    "no_data": Label("无数据", "No data"),
    "not_assessable": Label("无法作统计判定", "Not assessable statistically"),
    "not_applicable": Label("不适用统计判定", "No statistical verdict applies"),
    "pending": Label("待定", "Pending"),
}
#: What stands in a verdict's place where nothing is tested: counts, sums, ranks.
SCHEDULES = {
    "green": Label("未到期，进度正常", "Not due yet, on schedule"),
    "yellow": Label("未到期，进度落后", "Not due yet, behind schedule"),
    "red": Label("未到期，进度严重落后", "Not due yet, far behind schedule"),
    "grey": Label("未到期", "Not due yet"),
}
ATTAINMENTS = {True: Label("达标", "Attained"), False: Label("未达标", "Not attained")}
BASELINES = {
    "official": Label("官方基期", "official baseline"),
    "first_observed": Label("首个观测值", "first observed value"),
}
PACES = {
    "achieved": Label("已达标", "achieved"),
    "on_track": Label("按期可达", "on track"),
    "moderate": Label("进展一般", "moderate"),
    "insufficient": Label("进展不足", "insufficient"),
    "moving_away": Label("背离目标", "moving away"),
}
LIKELIHOODS = {
    "likely": Label("可能达标", "likely"),
    "uncertain": Label("难以判断", "uncertain"),
    "unlikely": Label("不大可能达标", "unlikely"),
}
#: Why there is no progress to tell of. Without a value or for a rank the card says enough.
UNASSESSED = {
    "no_baseline": Label("无基期，进度无法评估", "no baseline: progress cannot be assessed"),
    "two_measures": Label(
        "官方基期口径不明，不与本口径比较", "the official baseline is of an unknown measure and is not reckoned with"
    ),
    "no_way_to_go": Label("基期即已等于目标", "the baseline was the target already"),
}
TRENDS = {
    "rising": Label("显著上升", "significant rise"),
    "falling": Label("显著下降", "significant fall"),
    "no_significant_change": Label("无显著变化", "no significant change"),
}
ASSURANCES = {
    "consistently_pass": Label("各月稳定在目标之上", "every month can be expected to keep the target"),
    "consistently_fail": Label("各月稳定在目标之下", "every month can be expected to miss the target"),
    "hit_and_miss": Label("各月时达时不达", "some months keep the target and some miss it"),
}
CHANGES = {
    "new_delivery": Label("新送达", "new deliveries"),
    "later": Label("此后抽样", "later samples"),
    "reinspection": Label("复检", "re-inspections"),
    "correction": Label("更正", "corrections"),
    "definition": Label("定义", "definition"),
}
UNCHANGED = Label("此后无变化。", "no change since.")
#: The same of a value that no samples are counted for.
VALUE_CHANGES = CHANGES | {
    "new_delivery": Label("新送达的数据", "a new delivery"),
    "later": Label("此后的数据", "later data"),
    "correction": Label("更正", "a correction"),
}
JUDGED = frozenset({"met_proven", "met_not_proven", "not_met_not_proven", "not_met_proven"})
MARKS = {"met_not_proven": Label("样本不足以确认", "sample too small to confirm")}
STATUSES = {
    "final": Label("终值", "final"),
    "provisional": Label("初步", "provisional"),
    "no_data": Label("无数据", "no data"),
}
ATTAINED = {
    True: Label("达标", "attained"),
    False: Label("未达标", "not attained"),
    None: Label("未评定", "not assessed"),
}
BASES = {
    "stated": Label("规划或标准明示", "stated by the plan or a standard"),
    "assumed": Label("本系统假定", "assumed by this system"),
}
VALUE_BASES = {"computed": Label("计算", "computed"), "reported": Label("公布", "reported")}
ESTIMATORS = {
    "pooled": Label("合并计数", "pooled counts"),
    "weighted": Label("加权", "weighted"),
    "output_weighted": Label("产值加权", "output-weighted"),
    "industry_weighted": Label("行业加权", "industry-weighted"),
    "industry_weighted_poststratified": Label(
        "行业加权、行业内按区县事后分层", "industry-weighted, post-stratified by division"
    ),
    "published": Label("按公布值", "as published"),
    "count": Label("按记录计算", "counted from records"),
}
UNITS = {
    "percent": Label("%", "%"),
    "%": Label("%", "%"),
    "score": Label("分", "points"),
    "分": Label("分", "points"),
    "个": Label("个", ""),
    "家": Label("家", "enterprises"),
    "位": Label("位", "(rank)"),
    "亿元": Label("亿元", "× 100 m yuan"),
}
GAP_UNIT = Label("个百分点", "pp")
OPERATORS = {">=": "≥", ">": ">", "<=": "≤", "<": "<", "=": "="}
#: Target kinds whose value is that of the last date within a period.
OF_A_DATE = frozenset({"stock", "small_stock", "sum"})
PASS_RATES = frozenset({"Q01", "Q02", "Q03"})
CAVEAT = Label(
    "抽检合格率与测算基数、抽样样本量直接相关，某批次或某阶段抽检合格率不能直接判定该类产品的总体质量状况。",
    "A sampling pass rate depends directly on its base and on the number sampled; the rate of a batch or "
    "of a stretch of time does not by itself decide the overall quality of that kind of product.",
)

_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def clean(text: object) -> str:
    """Text that can neither steer a terminal nor break a page: no control or bidi characters."""
    return "" if text is None else _UNSAFE.sub("\ufffd", str(text))


def label(table: Mapping[Any, Label], code: object) -> Label:
    """The words for a code; a code that nobody has put into words yet is shown as it is."""
    found = table.get(code)
    text = clean(code) or NOTHING
    return found or Label(text, text)


def _decimal(value: object) -> Decimal | None:
    if value is None:
        return None
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    return number if number.is_finite() else None


def full(value: object) -> str:
    """Every digit, no exponent: what a title attribute shows."""
    number = _decimal(value)
    if number is None:
        return NOTHING
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def rounded(value: object, anchors: Iterable[object] = (), places: int = 2) -> str:
    """Rounded half to even (GB/T 8170) to `places`, further where that would reach or cross an anchor.

    97.967 stays 97.97 beside a target of 98; 97.9967 becomes 97.997, never 98.00.
    """
    number = _decimal(value)
    if number is None:
        return NOTHING
    marks = [mark for mark in map(_decimal, anchors) if mark is not None]
    with localcontext() as context:
        context.prec = 80
        for digits in range(places, 31):
            shown = number.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)
            if all((shown > mark) - (shown < mark) == (number > mark) - (number < mark) for mark in marks):
                return format(shown + 0 if shown else abs(shown), ",f")
    return full(number)


def _is_percent(unit: object) -> bool:
    return label(UNITS, unit).zh == "%"


def _is_out_of_100(unit: object) -> bool:
    return _is_percent(unit) or label(UNITS, unit).zh == "分"


def _quantity(value: object, unit: object, anchors: Iterable[object] = ()) -> str:
    """A value for display, without its unit; whole counts stay whole."""
    number = _decimal(value)
    if number is None:
        return NOTHING
    if _is_out_of_100(unit):
        return rounded(number, [*anchors, 0, 100])
    if number == number.to_integral_value():
        return format(number.to_integral_value(), ",f")
    return rounded(number, anchors)


def _with_unit(text: str, unit: object) -> Label:
    if text == NOTHING:
        return Label(text, text)
    words = label(UNITS, unit) if unit else Label("", "")
    return Label(f"{text}\u00a0{words.zh}".rstrip("\u00a0"), f"{text}\u00a0{words.en}".rstrip("\u00a0"))


def amount(value: object, unit: object, anchors: Iterable[object] = ()) -> Label:
    """A value with its unit; rounded so that it does not cross an anchor."""
    return _with_unit(_quantity(value, unit, anchors), unit)


def _signed(text: str, number: Decimal) -> str:
    return ("+" if number > 0 else "\u2212" if number < 0 else "±") + text.lstrip("-")


def _count(value: object) -> str:
    number = _decimal(value)
    if number is None:
        return NOTHING
    return format(number.to_integral_value(), ",f") if number == number.to_integral_value() else rounded(number)


def _moment(value: object) -> str:
    if isinstance(value, datetime):
        there = value if value.tzinfo is None else value.astimezone(BEIJING)
        return there.strftime("%Y-%m-%d %H:%M")
    return clean(value) or NOTHING


def _on(value: object) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, str):
        return date.fromisoformat(value)
    return value if isinstance(value, date) else None


def _version(value: object) -> tuple[tuple[int, str], ...]:
    """Orders definition versions as people read them: v2 before v10."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.findall(r"\d+|\D+", str(value)))


def _cell(row: Row) -> tuple[str, ...]:
    """What a row of a mart speaks of: one measure on one basis in one period of the city."""
    return tuple(str(row[name]) for name in ("measure_code", "value_basis", "period_type", "period_start_on"))


def period_key(row: Row) -> str:
    """How `baotu trace --period` names a period: 2021, 2021-H2, 2021-Q3, 2021-07."""
    start = _on(row["period_start_on"])
    if start is None:
        return clean(row.get("period_label_zh"))
    match row["period_type"]:
        case "half":
            return f"{start.year}-H{(start.month + 5) // 6}"
        case "quarter":
            return f"{start.year}-Q{(start.month + 2) // 3}"
        case "month":
            return f"{start:%Y-%m}"
        case _:
            return f"{start.year}"


def holds(value: object, operator: object, target: object) -> bool | None:
    """Whether an unrounded value keeps the target; nothing where one of them is missing."""
    number, mark = _decimal(value), _decimal(target)
    if number is None or mark is None:
        return None
    match operator:
        case ">=":
            return number >= mark
        case ">":
            return number > mark
        case "<=":
            return number <= mark
        case "<":
            return number < mark
    return None


@dataclass(frozen=True)
class Entry:
    """One indicator: the row that stands for it and the rows that surround it."""

    indicator: Row
    #: The headline measure for the city in its latest closed year; the running year if none is closed.
    current: Row | None = None
    #: All years of the headline measure, newest first.
    years: tuple[Row, ...] = ()
    #: Other measures, bases and definition versions of the same period.
    companions: tuple[Row, ...] = ()
    #: Quarters; months where quarters are too few; years where they tell as much.
    trend: tuple[Row, ...] = ()
    #: Names of measures, by their codes.
    measures: Mapping[str, Label] = field(default_factory=dict)
    #: Its row of mart_indicator_progress.
    progress: Row | None = None
    #: Rows of mart_restatement by `_cell`; none but in a view of an earlier day.
    since: Mapping[tuple[str, ...], Row] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return str(self.indicator["indicator_id"])

    @property
    def is_reported(self) -> bool:
        """Whether there is anything to show: a value, or something held back."""
        return self.current is not None and any(
            row["value"] is not None or row["quarantined_count"] for row in (self.current, *self.years, *self.trend)
        )

    @property
    def unit(self) -> object:
        return (self.current or {}).get("unit") or self.indicator.get("unit")

    def target(self, row: Row | None = None) -> tuple[object, object]:
        """Target and operator: the row's own, else the definition's."""
        chosen = row or self.current or {}
        if chosen.get("target_value") is not None:
            return chosen["target_value"], chosen.get("target_operator")
        return self.indicator.get("target_value"), self.indicator.get("target_operator")

    def target_label(self) -> Label:
        value, operator = self.target()
        if value is None:
            return Label(NOTHING, NOTHING)
        sign = OPERATORS.get(str(operator), clean(operator))
        words = _with_unit(full(value), self.unit)
        return Label(f"{sign}\u00a0{words.zh}", f"{sign}\u00a0{words.en}")

    def words(self, name: str) -> Label | None:
        """The pair `<name>_zh`, `<name>_en`; one stands in for the other, nothing where both are empty."""
        zh, en = (clean(self.indicator.get(f"{name}_{language}")) for language in ("zh", "en"))
        return Label(zh or en, en or zh) if zh or en else None

    def show(self, row: Row) -> dict[str, Any]:
        """A row in words and rounded figures, for page and terminal alike."""
        unit = row.get("unit") or self.unit
        target, operator = self.target(row)

        def quantity(name: str) -> str:
            return _quantity(row.get(name), unit, [target])

        def span(low: str, high: str) -> Label | None:
            if row.get(low) is None or row.get(high) is None:
                return None
            return _with_unit(f"{quantity(low)} – {quantity(high)}", unit)

        gap = _decimal(row.get("gap"))
        gap_label = Label(NOTHING, NOTHING)
        if gap is not None:
            text = _signed(_quantity(gap, unit, [0]), gap)
            gap_label = (
                Label(f"{text}\u00a0{GAP_UNIT.zh}", f"{text}\u00a0{GAP_UNIT.en}")
                if _is_percent(unit)
                else _with_unit(text, unit)
            )
        denominator = _count(row.get("denominator"))
        numerator = _count(row.get("numerator"))
        quarantined = _decimal(row.get("quarantined_count")) or Decimal(0)
        light = row.get("light") if row.get("light") in LIGHTS else "grey"
        status = row.get("data_status")
        if row.get("value") is None and status != "no_data":
            status = "no_data"
        low, high = row.get("interval_low"), row.get("interval_high")
        return {
            "period": Label(clean(row.get("period_label_zh")) or period_key(row), period_key(row).replace("-Q", " Q")),
            "value": _with_unit(quantity("value"), unit),
            "number": quantity("value"),
            "value_full": full(row.get("value")),
            "interval": span("interval_low", "interval_high"),
            "interval_full": f"{full(low)} – {full(high)}",
            "gap": gap_label,
            "gap_full": full(gap),
            "sample": denominator if numerator == NOTHING else f"{numerator} / {denominator}",
            "n_effective": (
                None
                if row.get("n_effective") is None or row.get("n_effective") == row.get("denominator")
                else _count(row["n_effective"])
            ),
            "verdict": self._verdict(row),
            "is_judged": row.get("verdict") in JUDGED,
            "mark": MARKS.get(str(row.get("verdict"))),
            "light": light,
            "attained": label(ATTAINED, row.get("is_attained")),
            "status": label(STATUSES, status),
            "status_code": status,
            "is_provisional": status == "provisional",
            "is_running": bool((end := _on(row["period_end_on"])) and (now := _on(row["as_of_on"])) and end > now),
            "bounds": span("bound_low", "bound_high"),
            "bound_low": _with_unit(quantity("bound_low"), unit),
            "bound_high": _with_unit(quantity("bound_high"), unit),
            "quarantined": _count(quarantined) if quarantined else None,
            "worst": _with_unit(NOTHING if row.get("value") is None else quantity("worst_case_value"), unit),
            "worst_full": full(row.get("worst_case_value")),
            "worst_turns": holds(row.get("value"), operator, target) is True
            and holds(row.get("worst_case_value"), operator, target) is False,
            "estimator": label(ESTIMATORS, row["estimator"]) if row.get("estimator") else None,
            "measure": self.measures.get(str(row.get("measure_code"))) or label({}, row.get("measure_code")),
            # Of what is counted whole there is neither interval nor sample.
            "is_estimate": row.get("target_kind") not in OF_A_DATE | {"rank"},
            "value_basis": label(VALUE_BASES, row.get("value_basis")),
            "trace": f"baotu trace {clean(self.id)} --period {period_key(row)}",
        }

    def _verdict(self, row: Row) -> Label:
        """The verdict in words; of what is compared and not tested, attainment, or the schedule before it is due."""
        if row.get("verdict") != "not_applicable":
            return label(VERDICTS, row.get("verdict") or "no_data")
        deadline, end = _on(self.indicator.get("deadline_on")), _on(row["period_end_on"])
        is_due = bool(deadline and end and end >= deadline and str(end) <= str(row["as_of_on"]))
        if is_due or row.get("is_attained"):
            return ATTAINMENTS[bool(row.get("is_attained"))]
        return label(SCHEDULES, row.get("light"))

    def progress_facts(self) -> list[tuple[Label, Label]]:
        """How far on the way, as terms and sentences; what cannot be told is left out, or says why."""
        told = self.progress
        if told is None:
            return []
        facts: list[tuple[Label, Label]] = []

        def add(zh: str, en: str, text: Label) -> None:
            facts.append((Label(zh, en), text))

        if told["completion_pct"] is not None:
            done, time = rounded(told["completion_pct"], [0, 100], 1), rounded(told["elapsed_pct"], [0, 100], 1)
            base = _with_unit(_quantity(told["baseline_value"], self.unit), self.unit)
            kind, on = label(BASELINES, told["baseline_kind"]), _moment(told["baseline_on"])
            add(
                "完成进度 / 时间进度",
                "Way / time",
                Label(
                    f"{done}\u00a0% / {time}\u00a0%（{kind.zh} {base.zh}，{on}）",
                    f"{done}\u00a0% / {time}\u00a0% ({kind.en} {base.en}, {on})",
                ),
            )
        elif told["not_assessable_reason"] in UNASSESSED:
            add("进度", "Progress", UNASSESSED[told["not_assessable_reason"]])
        if told["eurostat_ratio"] is not None:
            ratio, pace = rounded(told["eurostat_ratio"], [0, 0.6, 0.95]), label(PACES, told["eurostat_class"])
            add("增速比", "Growth ratio", Label(f"{ratio}，{pace.zh}", f"{ratio}, {pace.en}"))
        if told["required_per_month"] is not None:
            needed, gained = (
                NOTHING if told[name] is None else rounded(told[name], [0], 1)
                for name in ("required_per_month", "trailing_per_month")
            )
            add(
                "每月需增 / 近一年月均",
                "Needed / gained a month",
                Label(f"{needed} / {gained}", f"{needed} / {gained}"),
            )
        if told["forecast_value"] is not None:
            value, low, high = (
                rounded(told[name], places=0) for name in ("forecast_value", "forecast_low", "forecast_high")
            )
            chance, word = (
                rounded(100 * told["forecast_probability"], [0, 100], 0),
                label(LIKELIHOODS, told["forecast_word"]),
            )
            add(
                "期末预测",
                "Forecast",
                Label(
                    f"{value}（95\u00a0% {low} – {high}），{word.zh}（{chance}\u00a0%）",
                    f"{value} (95\u00a0% {low} – {high}), {word.en} ({chance}\u00a0%)",
                ),
            )
        if told["years_met"] is not None:
            held = {True: "是", False: "否", None: "未定"}[told["is_held_every_year"]]
            kept = {True: "yes", False: "no", None: "open"}[told["is_held_every_year"]]
            met, missed, open_ = (told[name] for name in ("years_met", "years_missed", "years_open"))
            add(
                "年年保持",
                "Held every year",
                Label(
                    f"{held}：达标 {met} 年，未达标 {missed} 年，未评定 {open_} 年",
                    f"{kept}: {met} met, {missed} missed, {open_} not assessed",
                ),
            )
        if told["assurance"] is not None:
            trial = Label("（不足 12 个月，试用）", " (under 12 months, on trial)")
            words = label(ASSURANCES, told["assurance"])
            is_trial = bool(told["assurance_is_trial"])
            add(
                "控制图",
                "Control chart",
                Label(words.zh + trial.zh * is_trial, words.en + trial.en * is_trial),
            )
        if told["trend"] is not None:
            add("近五季趋势", "Last five quarters", label(TRENDS, told["trend"]))
        return facts

    def since_then(self, *, is_changed: bool = False) -> list[Label]:
        """What became of the value that stands for the indicator, and of the running year's; with `is_changed` only
        where something did."""
        rows = [
            self.current,
            *(year for year in self.years if year is not self.current and self.show(year)["is_running"]),
        ]
        told = []
        for row in filter(None, rows):
            change = self._since(row)
            if change is not None and (row["value"] is not None or change["now_value"] is not None):
                period, text = self.show(row)["period"], self._change(row, change)
                if text is UNCHANGED and is_changed:
                    continue
                told.append(Label(f"{period.zh}{text.zh}", f"{period.en}: {text.en}"))
        return told

    def _since(self, row: Row) -> Row | None:
        """How the row's measure stands now; where another stands for the indicator by now, how that one does."""
        own = self.since.get(_cell(row))
        if own is None or own["is_headline"] or own["now_measure_code"] != own["measure_code"]:
            return own
        others = (one for cell, one in self.since.items() if cell[2:] == _cell(row)[2:])
        return next((one for one in others if one["indicator_id"] == self.id and one["is_headline"]), own)

    def _change(self, row: Row, change: Row) -> Label:
        zh, en = [], []
        for cause, words in CHANGES.items():
            judged, passed = (_decimal(change[f"{cause}_{counted}"]) or Decimal(0) for counted in ("judged", "passed"))
            if judged or passed:
                samples, failing = (_signed(_count(number), number) for number in (judged, judged - passed))
                zh.append(f"{words.zh} {samples} 批次，不合格 {failing}")
                en.append(f"{words.en} {samples} samples, {failing} failing")
        if not zh and change["value_cause"] is not None:
            words = label(VALUE_CHANGES, change["value_cause"])
            zh, en = [words.zh], [words.en]
        versions = [change[f"{when}_definition_version"] for when in ("then", "now")]
        if None not in versions and versions[0] != versions[1]:
            targets = [full(change[f"{when}_target_value"]) for when in ("then", "now")]
            zh.append(f"定义第 {versions[0]} 版改为第 {versions[1]} 版，目标 {targets[0]} → {targets[1]}")
            en.append(f"definition version {versions[0]} became {versions[1]}, target {targets[0]} → {targets[1]}")
        if _cell(change) != _cell(row) and row["value"] is not None:
            measure = self.measures.get(str(change["measure_code"])) or label({}, change["measure_code"])
            basis = label(VALUE_BASES, change["value_basis"])
            zh.append(f"现以「{measure.zh}」（{basis.zh}）为准")
            en.append(f"by another measure: {measure.en} ({basis.en})")
        if not zh:
            return UNCHANGED
        then = self._with_counts(row, *(row[name] for name in ("value", "numerator", "denominator")))
        now = self._with_counts(row, *(change[f"now_{name}"] for name in ("value", "numerator", "denominator")))
        return Label(
            f"当时 {then.zh}，此后变为 {now.zh}：{'；'.join(zh)}。",
            f"{then.en} then, {now.en} now: {'; '.join(en)}.",
        )

    def _with_counts(self, row: Row, value: object, passed: object, judged: object) -> Label:
        """A value of the row's period with its counts, where it has some."""
        unit, target = row.get("unit") or self.unit, self.target(row)[0]
        words = _with_unit(_quantity(value, unit, [target]), unit)
        if value is None or judged is None:
            return words
        counts = _count(judged) if passed is None else f"{_count(passed)} / {_count(judged)}"
        return Label(f"{words.zh}（{counts}）", f"{words.en} ({counts})")

    def source(self, row: Row) -> tuple[Label, str]:
        """Where a row's value was delivered: label and id. A count that is published did not come from its lists."""
        if row.get("estimator") == "published" and row.get("target_kind") in OF_A_DATE | {"rank"}:
            return Label("公布的指标值", "Published readings"), "indicator_readings"
        return self.words("source_label") or Label(NOTHING, NOTHING), clean(self.indicator.get("source_id"))

    def difference(self, row: Row) -> Label:
        """How far a companion lies from the headline."""
        ours, theirs = _decimal((self.current or {}).get("value")), _decimal(row.get("value"))
        if ours is None or theirs is None:
            return Label(NOTHING, NOTHING)
        gap = theirs - ours
        text = _signed(rounded(gap, [0]), gap)
        if _is_percent(self.unit):
            return Label(f"{text}\u00a0{GAP_UNIT.zh}", f"{text}\u00a0{GAP_UNIT.en}")
        return _with_unit(text, self.unit)


@dataclass(frozen=True)
class Scorecard:
    """What one publication says about every indicator."""

    entries: tuple[Entry, ...]
    rows: tuple[Row, ...] = ()
    publication: Row = field(default_factory=dict)
    #: Rows of mart_restatement by `_cell`, in a view of an earlier day.
    since: Mapping[tuple[str, ...], Row] = field(default_factory=dict)
    #: Whether this shows an earlier day, and was never published.
    is_view: bool = False

    @classmethod
    def from_rows(
        cls,
        tracking: Iterable[Row],
        indicators: Iterable[Row],
        publication: Row | None = None,
        measures: Iterable[Row] = (),
        progress: Iterable[Row] = (),
        restatements: Iterable[Row] | None = None,
    ) -> "Scorecard":
        """From plain rows of the marts, columns by contract; a column left out counts as NULL.

        With `restatements` it is a view of an earlier day, and says what changed since.
        """
        labels = {str(one["measure_code"]): Label(str(one["label_zh"]), str(one["label_en"])) for one in measures}
        rows = sorted(
            ({name: row.get(name) for name in COLUMNS} for row in tracking if row.get("is_current")),
            key=_order,
        )
        definitions: dict[str, dict[object, Row]] = {}
        for indicator in indicators:
            known = {name: indicator.get(name) for name in INDICATOR_COLUMNS}
            definitions.setdefault(str(indicator["indicator_id"]), {})[known["definition_version"]] = known
        travelled = {str(one["indicator_id"]): {name: one.get(name) for name in PROGRESS_COLUMNS} for one in progress}
        shown_at = {(str(row["as_of_on"]), str(row["known_at_on"])) for row in rows}
        since = {
            _cell(one): {name: one.get(name) for name in RESTATEMENT_COLUMNS}
            for one in restatements or ()
            if (str(one["then_as_of_on"]), str(one["then_known_at_on"])) in shown_at
        }
        entries = []
        for indicator_id in sorted(definitions.keys() | {str(row["indicator_id"]) for row in rows}):
            own = [row for row in rows if str(row["indicator_id"]) == indicator_id and row["division_code"] == CITY]
            entry = _entry(indicator_id, own, definitions.get(indicator_id, {}), labels)
            entries.append(replace(entry, progress=travelled.get(indicator_id), since=since))
        told = dict(publication or {})
        for name in ("publication_id", "as_of_on", "known_at_on"):
            if told.get(name) is None and rows:
                told[name] = rows[0][name]
        named = {name: told.get(name) for name in PUBLICATION_COLUMNS}
        return cls(tuple(entries), tuple(rows), named, since, restatements is not None)

    @classmethod
    def from_warehouse(
        cls, connection: psycopg.Connection[Any], marts_schema: str = "marts", *, is_view: bool = False
    ) -> "Scorecard":
        """From the marts, all of one publication: read again where a swap came between the queries."""
        restatements = None
        for _ in range(5):
            before = _publications(connection, marts_schema)
            tracking = read(connection, marts_schema, "mart_target_tracking", COLUMNS, sql.SQL("where is_current"))
            indicators = read(connection, marts_schema, "dim_indicator", INDICATOR_COLUMNS)
            measures = read(connection, marts_schema, "dim_measure", ("measure_code", "label_zh", "label_en"))
            progress = read(connection, marts_schema, "mart_indicator_progress", PROGRESS_COLUMNS)
            if is_view:
                restatements = read(connection, marts_schema, "mart_restatement", RESTATEMENT_COLUMNS)
            if before == _publications(connection, marts_schema):
                break
        else:
            raise RuntimeError(f"schema {marts_schema} was swapped during each of five reads; try again")
        wanted = {row["publication_id"] for row in tracking}
        publication = next((row for row in before if row["publication_id"] in wanted), before[0] if before else None)
        return cls.from_rows(tracking, indicators, publication, measures, progress, restatements)

    @property
    def reported(self) -> tuple[Entry, ...]:
        """Indicators that some year has a value of, or that somebody has held back."""
        return tuple(entry for entry in self.entries if entry.is_reported)

    @property
    def awaited(self) -> tuple[Entry, ...]:
        """Indicators of the plan for which nothing has been delivered yet."""
        return tuple(entry for entry in self.entries if not entry.is_reported)

    def html(self) -> str:
        """The whole page in one file: no network, no scripts, no fonts of its own; also well-formed XML."""
        return self.render("scorecard.html.j2")

    def render(self, template: str, **more: object) -> str:
        """`html` by a template that extends it, with what that one shows more."""
        return (
            templates()
            .get_template(template)
            .render(
                **more,
                card=self,
                publication=self.publication,
                charts={
                    entry.id: [_chart(entry, *size) for size in ((720, 270), (360, 250))] for entry in self.reported
                },
                notes=_notes,
                basis=lambda code: label(BASES, code),
                MARKS=MARKS,
                PASS_RATES=PASS_RATES,
                CAVEAT=CAVEAT,
            )
        )

    def text(self, width: int | None = None) -> str:
        """The same rows for a terminal: wide characters counted as two, and no colour needed."""
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        out = StringIO()
        columns = width or max(80, shutil.get_terminal_size((110, 40)).columns)
        console = Console(
            file=out, width=columns, color_system=None, legacy_windows=False, highlight=False, emoji=False
        )

        def say(text: str, lead: str = "") -> None:
            for line in Text(text).wrap(console, columns - len(lead)):
                out.write(f"{lead}{line.plain.rstrip()}\n")
                lead = " " * len(lead)

        told = self.publication
        say("趵突 Baotu · 济南市质量目标进展  Jinan quality targets")
        say(
            f"发布 publication {_moment(told['publication_id'])} · {_moment(told['published_at'])}"
            f" · 截至 as of {_moment(told['as_of_on'])} · 所知截至 known at {_moment(told['known_at_on'])}"
        )
        if self.is_view:
            say("! 当日所知，并非发布的结果  As known that day; not a publication.")
        if told["held_since"]:
            since = _moment(told["held_since"])
            say(f"! 更新自 {since} 起暂缓，待核准  An update is held, awaiting approval.")
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False, show_lines=True)
        table.add_column(Text("指标\nIndicator"), min_width=20, overflow="fold")
        table.add_column(Text("目标\nTarget"), justify="right", overflow="fold")
        table.add_column(Text("值 [95 % 区间] 差距\nValue [interval] gap"), justify="right", overflow="fold")
        table.add_column(Text("结论\nVerdict"), overflow="fold")
        table.add_column(Text("期间 样本\nPeriod, n"), overflow="fold")
        for entry in self.entries:
            name = entry.words("name") or Label("", "")
            cells = [f"{clean(entry.id)} {name.zh}\n{name.en}", entry.target_label().zh]
            if entry.current is None:
                light, verdict = LIGHTS["grey"], VERDICTS["no_data"]
                value, period = NOTHING, NOTHING
            else:
                shown = entry.show(entry.current)
                light, verdict = LIGHTS[shown["light"]], shown["verdict"]
                interval = f"\n[{shown['interval'].zh}]" if shown["interval"] else ""
                value = shown["value"].zh + interval + f"\n{shown['gap'].zh}"
                period = f"{shown['period'].zh}\n{shown['status'].zh} {shown['status'].en}\nn {shown['sample']}"
                if shown["n_effective"]:
                    # A weighted rate is not the quotient of its counts.
                    period += f"\n{shown['estimator'].zh} n* {shown['n_effective']}"
            cells += [value, f"{light.symbol} {light.zh} {verdict.zh}\n  {light.en}: {verdict.en}", period]
            table.add_row(*(Text(cell.replace("\u00a0", " ")) for cell in cells))
        console.print(table)
        for entry in self.reported:
            assert entry.current is not None
            shown = entry.show(entry.current)
            say(f"{clean(entry.id)}  {shown['trace']}")
            for note in _notes(entry, shown):
                say(f"{note.zh} {note.en}".replace("\u00a0", " "), "     · ")
            for change in entry.since_then():
                say(f"{change.zh} {change.en}".replace("\u00a0", " "), "     → ")
        return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"

    def json(self) -> list[dict[str, Any]]:
        """The current rows by the mart's columns: dates as ISO text, numbers exact.

        Whole numbers are `int`, others `Decimal` as the warehouse has them: no float has touched them.
        `json_text` writes them as JSON numbers digit by digit; read back with `parse_float=Decimal`.
        A view of an earlier day adds `since`: how it stands now, and why; null where nothing later is known.
        """
        told: list[dict[str, Any]] = [{name: _plain(row[name]) for name in COLUMNS} for row in self.rows]
        if self.is_view:
            for row, known in zip(self.rows, told, strict=True):
                change = self.since.get(_cell(row))
                known["since"] = change and {name: _plain(change[name]) for name in SINCE_COLUMNS}
        return told

    def json_text(self) -> str:
        """`json` as a document; numbers are JSON numbers with every digit."""
        return "[\n" + ",\n".join(f"  {_literal(row)}" for row in self.json()) + "\n]\n"


def write_page(path: Path, page: str) -> None:
    """Write a page so that a reader sees the old one or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        with os.fdopen(descriptor, "wb") as out:
            out.write(page.encode())
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@cache
def templates() -> Environment:
    """The templates of the pages, with the words and shapes that all of them use."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["moment"] = _moment
    environment.globals |= {"LIGHTS": LIGHTS, "VERDICTS": VERDICTS, "NOTHING": NOTHING, "Label": Label}
    environment.globals |= {"glossary": glossary.topics}
    return environment


def read(
    connection: psycopg.Connection[Any],
    schema: str,
    table: str,
    columns: Sequence[str],
    tail: sql.SQL | None = None,
    given: Sequence[Any] = (),
) -> list[dict[str, Any]]:
    """These columns of a mart's rows; `tail` are the clauses after it, with `given` for its parameters."""
    query = sql.SQL("select {} from {} {}").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(schema, table), tail or sql.SQL("")
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, given or None).fetchall()


def _publications(connection: psycopg.Connection[Any], schema: str) -> list[dict[str, Any]]:
    tail = sql.SQL("order by published_at desc nulls last, publication_id desc")
    stored = tuple(name for name in PUBLICATION_COLUMNS if name != "held_since")
    found = read(connection, schema, "mart_publication", stored, tail)
    for row in found:
        # Live, and not in the mart: what is held came after the marts that readers see.
        held = connection.execute(
            "select min(started_at) from quality.publication where publication_id > %s"
            " and status in ('held', 'superseded')"
            " and exists (select 1 from quality.publication as newest where newest.status = 'held')",
            (row["publication_id"],),
        ).fetchone()
        row["held_since"] = held[0] if held else None
    return found


def _order(row: Row) -> tuple[str, ...]:
    names = "indicator_id period_type period_start_on division_code measure_code value_basis definition_version"
    return tuple(str(row[name]) for name in [*names.split(), "hierarchy", "division_basis"])


def _entry(
    indicator_id: str, rows: Sequence[Row], definitions: Mapping[object, Row], measures: Mapping[str, Label]
) -> Entry:
    newest = max(definitions, key=_version, default=None)
    fallback = definitions.get(newest) or dict.fromkeys(INDICATOR_COLUMNS) | {"indicator_id": indicator_id}
    headline = [row for row in rows if row["is_headline"]]
    if not headline:
        return Entry(fallback)
    version = max((row["definition_version"] for row in headline), key=_version)
    headline = [row for row in headline if row["definition_version"] == version]
    series = {
        kind: list({str(row["period_start_on"]): row for row in headline if row["period_type"] == kind}.values())
        for kind in ("year", "quarter", "month")
    }
    every = series["year"] or series["quarter"] or series["month"]
    if not every:
        return Entry(definitions.get(version, fallback))
    closed = [row for row in every if str(row["period_end_on"]) <= str(row["as_of_on"])]
    # A count at a date is what it last was; a rate or rank is one of a year that has ended.
    dated = [row for row in every if row["target_kind"] in OF_A_DATE and row["value"] is not None]
    current = (dated or closed or every[:1])[-1]
    companions: dict[tuple[str, ...], Row] = {}
    for row in rows:
        key = (str(row["measure_code"]), str(row["value_basis"]), str(row["definition_version"]))
        same_period = all(row[name] == current[name] for name in ("period_type", "period_start_on", "period_end_on"))
        if same_period and key != tuple(
            str(current[name]) for name in ("measure_code", "value_basis", "definition_version")
        ):
            companions.setdefault(key, row)
    seen = {kind: sum(row["value"] is not None for row in found) for kind, found in series.items()}
    kind = "quarter"
    if seen["quarter"] < 4 and seen["month"] > seen["quarter"]:
        kind = "month"
    if seen["year"] >= seen[kind]:
        kind = "year"
    return Entry(
        definitions.get(version, fallback),
        current,
        tuple(reversed(series["year"])),
        tuple(companions.values()),
        tuple(series[kind]),
        measures,
    )


def _notes(entry: Entry, shown: Mapping[str, Any]) -> list[Label]:
    """What must stand beside the value, in sentences."""
    assert entry.current is not None
    notes = []
    if shown["mark"]:
        notes.append(Label(f"{shown['mark'].zh}。", f"{shown['mark'].en.capitalize()}."))
    if shown["is_provisional"]:
        text = Label("初步值，尚有结果未定。", "Provisional: some results are still open.")
        if shown["bounds"]:
            text = Label(
                f"初步值：未定结果全部不利为 {shown['bound_low'].zh}，全部有利为 {shown['bound_high'].zh}。",
                f"Provisional: {shown['bound_low'].en} if all open results fail, {shown['bound_high'].en} if all pass.",
            )
        notes.append(text)
    coverage = _decimal(entry.current.get("coverage_pct"))
    if coverage is not None and coverage < 100:
        covered = rounded(coverage, [100], 1)
        notes.append(
            Label(
                f"权重覆盖率 {covered}\u00a0%：没有样本或样本过少的部分未计入。",
                f"Covers {covered}\u00a0% of the weight: what has no sample, or too small a one, is left out.",
            )
        )
    if entry.current.get("value_basis") == "reported" and entry.id in PASS_RATES:
        text = Label(
            "本期没有样品数据，采用公布的汇总数。", "No samples of the period: published counts stand in for them."
        )
        notes.append(text)
    for beside in entry.companions:
        is_same = beside["measure_code"] == entry.current.get("measure_code")
        if is_same and beside["value_basis"] == "reported" and beside["value"] is not None:
            counts = entry.show(beside)["sample"]
            text = Label(
                f"另有只报送计数的部分（{counts}），不与样品相加。",
                f"Counts without samples are delivered too ({counts}); they are not added to the samples.",
            )
            notes.append(text)
    if unlinked := _decimal(entry.current.get("unlinked_count")):
        text = Label(
            f"其中 {_count(unlinked)} 个的持有企业未能与登记信息关联，按名单所载计入。",
            f"{_count(unlinked)} of them are held by who could not be linked to the register, and count as listed.",
        )
        notes.append(text)
    if shown["quarantined"]:
        worst = Label("", "")
        if entry.current["value"] is not None and entry.current["worst_case_value"] is not None:
            turns = ("，即不达标", ", which would miss the target") if shown["worst_turns"] else ("", "")
            worst = Label(f"，最坏情形 {shown['worst'].zh}{turns[0]}", f"; at worst {shown['worst'].en}{turns[1]}")
        text = Label(f"隔离待查 {shown['quarantined']} 条", f"{shown['quarantined']} quarantined")
        notes.append(Label(f"{text.zh}{worst.zh}。", f"{text.en}{worst.en}."))
    if entry.current.get("definition_basis") == "assumed":
        assumption = entry.words("assumption") or Label("规划未说明口径", "the plan does not state the definition")
        notes.append(Label(f"口径为假定：{assumption.zh}", f"Assumed: {assumption.en}"))
    return notes


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and value.as_tuple().exponent == 0 else value
    if value is None or isinstance(value, bool | int | str):
        return value
    return Decimal(repr(value)) if isinstance(value, float) else str(value)


def _literal(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)}: {_literal(one)}" for name, one in value.items()) + "}"
    return format(value, "f") if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def _chart(entry: Entry, width: int, height: int) -> dict[str, Any] | None:
    """Where everything of the trend chart stands, in the units of its viewBox; the template only draws."""
    rows = entry.trend
    points = [row for row in rows if row["value"] is not None]
    if not points:
        return None
    is_wide = width > 500
    left, right, top, bottom = (46, 74, 16, 46) if is_wide else (38, 52, 14, 30)
    target_value, _ = entry.target()
    years = [row for row in entry.years if row["value"] is not None] if rows[0]["period_type"] != "year" else []
    names = ("value", "interval_low", "interval_high", "bound_low", "bound_high")
    reach = [float(row[name]) for row in points for name in names if row[name] is not None]
    reach += [float(row["value"]) for row in years]
    reach += [float(str(target_value))] if target_value is not None else []
    low, high, step = _scale(min(reach), max(reach), 100.0 if _is_out_of_100(entry.unit) else None)

    def y(value: object) -> float:
        return round(top + (high - float(str(value))) / (high - low) * (height - top - bottom), 1)

    first = min(date.fromisoformat(str(row["period_start_on"])) for row in rows)
    last = max(date.fromisoformat(str(row["period_end_on"])) for row in rows) + timedelta(days=1)

    def x(day: date) -> float:
        return round(left + (day - first).days / (last - first).days * (width - left - right), 1)

    def ends(row: Row) -> tuple[float, float]:
        return (
            x(max(first, date.fromisoformat(str(row["period_start_on"])))),
            x(min(last, date.fromisoformat(str(row["period_end_on"])) + timedelta(days=1))),
        )

    drawn = []
    for row in rows:
        shown = entry.show(row)
        middle = round(sum(ends(row)) / 2, 1)
        drawn.append(
            {
                "x": middle,
                "y": None if row["value"] is None else y(row["value"]),
                "whisker": (
                    (y(row["interval_high"]), y(row["interval_low"]))
                    if row["interval_low"] is not None and row["interval_high"] is not None
                    else None
                ),
                "bounds": (
                    (y(row["bound_high"]), y(row["bound_low"]))
                    if shown["is_provisional"] and row["bound_low"] is not None and row["bound_high"] is not None
                    else None
                ),
                "is_provisional": shown["is_provisional"],
                "tick": period_key(row)[-2:].lstrip("-") if row["period_type"] == "quarter" else None,
                "shown": shown,
            }
        )
    runs: list[list[str]] = [[]]
    for index, (row, point) in enumerate(zip(rows, drawn, strict=True)):
        if index and row["measure_code"] != rows[index - 1]["measure_code"]:
            runs.append([])
        if point["y"] is None:
            runs.append([])
        else:
            runs[-1].append(f"{point['x']},{point['y']}")
    with_interval = [point for point in drawn if point["whisker"]]
    band = None
    if len(drawn) > 16 and len(with_interval) == len(drawn):
        above = [f"{point['x']},{point['whisker'][0]}" for point in drawn]
        below = [f"{point['x']},{point['whisker'][1]}" for point in reversed(drawn)]
        band = " ".join(above + below)
    calendar = []
    for year in range(first.year, (last - timedelta(days=1)).year + 1):
        start, stop = max(first, date(year, 1, 1)), min(last, date(year + 1, 1, 1))
        calendar.append({"year": year, "x": x(start), "middle": round((x(start) + x(stop)) / 2, 1)})
    target_y = None if target_value is None else y(target_value)
    value_y = next(point["y"] for point in reversed(drawn) if point["y"] is not None)
    value_label_y = value_y
    if target_y is not None and abs(value_y - target_y) < 30:
        value_label_y = target_y + (30 if value_y >= target_y else -30)
        value_label_y = min(max(value_label_y, top + 8), height - bottom - 4)
    places = max(0, -floor(log10(step) + 1e-9))
    newest = next(row for row in reversed(rows) if row["value"] is not None)
    ends_text = entry.show(newest)
    unit = label(UNITS, entry.unit) if entry.unit else Label("", "")
    open_points = [point for point in drawn if point["is_provisional"] and point["y"] is not None]
    legend = (
        (Label("虚线为目标", "dashed: target"), target_y is not None),
        (Label("竖线为 95 % 区间", "whiskers: 95 % interval"), bool(with_interval) and not band),
        (Label("浅色带为 95 % 区间", "band: 95 % interval"), bool(band)),
        (Label("浅横条为全年值", "pale bars: whole year"), bool(years)),
        (Label("空心点为初步值", "hollow: provisional"), bool(open_points)),
        (Label("粗竖条为其上下界", "thick bars: its bounds"), any(point["bounds"] for point in drawn)),
        (
            Label("断线处口径改变", "line broken: another measure"),
            len({r["measure_code"] for r in points}) > 1,
        ),
        (Label(f"单位：{unit.zh}", f"unit: {unit.en or unit.zh}"), bool(unit.zh)),
        (Label("纵轴不从零起", "the axis does not start at zero"), low != 0),
    )
    return {
        "width": width,
        "height": height,
        "is_wide": is_wide,
        "left": left,
        "right": width - right,
        "top": top,
        "base": height - bottom,
        "ticks": [
            {"y": y(low + step * index), "text": f"{low + step * index:,.{places}f}"}
            for index in range(round((high - low) / step) + 1)
        ],
        "calendar": calendar,
        "points": drawn,
        "lines": [" ".join(run) for run in runs if len(run) > 1],
        "band": band,
        "years": [{"ends": ends(row), "y": y(row["value"])} for row in years],
        "target_y": target_y,
        "target": full(target_value),
        "value_label_y": round(value_label_y, 1),
        "value": ends_text["number"],
        "caption": Label(
            "；".join(text.zh for text, is_drawn in legend if is_drawn) + "。",
            "; ".join(text.en for text, is_drawn in legend if is_drawn).capitalize() + ".",
        ),
        "summary": Label(
            f"{clean(entry.id)} 走势：{len(points)} 个期间，最近 {ends_text['period'].zh} 为 "
            f"{ends_text['value'].zh}，目标 {entry.target_label().zh}。",
            f"{clean(entry.id)} trend: {len(points)} periods, latest {ends_text['period'].en} "
            f"{ends_text['value'].en}, target {entry.target_label().en}.",
        ),
    }


def _scale(low: float, high: float, ceiling: float | None) -> tuple[float, float, float]:
    """A calm axis: four to six ticks at round numbers, room around the data, no percentage above 100."""
    spread = (high - low) or max(abs(high) * 0.02, 1.0)
    low, high = low - spread * 0.06, high + spread * 0.06
    if ceiling is not None and high > ceiling >= high - spread * 0.12:
        high = ceiling
    rough = (high - low) / 5
    magnitude = 10.0 ** floor(log10(rough))
    step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= rough * 0.999)
    return floor(low / step + 1e-9) * step, ceil(high / step - 1e-9) * step, step
