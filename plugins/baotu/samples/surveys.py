"""Satisfaction surveys: answers of respondents in waves, and the score that they must give."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from functools import cache
from itertools import cycle
from typing import Any

from baotu.samples.deliveries import GB18030, NOTE, UTF8_BOM, YEARS, Cell, Csv, Delivery, Fault, Layout, Row, Xlsx
from baotu.samples.names import DIVISIONS
from baotu.samples.rates import number, total
from baotu.samples.weights import INDUSTRIES, VALUE_ADDED

_WAVES: dict[int, dict[str, tuple[float, int]]] = {
    2020: {
        "F": (84.1, 20),
        "G": (85.6, 16),
        "H": (86.9, 14),
        "I": (84.4, 16),
        "J": (86.8, 18),
        "K": (83.2, 16),
        "R": (88.0, 0),
    },
    2021: {
        **{"F": (85.6, 18), "G": (87.2, 14), "H": (88.4, 12), "I": (86.1, 14)},
        **{"J": (87.5, 16), "K": (85.3, 16), "O": (88.9, 10), "P": (90.0, 0)},
    },
    2022: {
        **{"F": (85.9, 18), "G": (88.9, 13), "H": (89.6, 12), "I": (87.8, 13), "J": (88.6, 15)},
        **{"K": (86.4, 13), "O": (90.1, 8), "Q": (90.2, 8), "R": (85.0, 0)},
    },
}
#: Respondents of a wave at scale 1: three waves of three questions are 500,000 answers.
RESPONDENTS = 55_600
#: Respondents of the industry that is too small to be shown.
_FEW = 18
MIN_ANSWERS = 30


@dataclass(kw_only=True, eq=False, slots=True)
class SurveyRow(Row):
    wave: int
    industry: str
    division: str
    #: Overall, expectation, ideal; None is no answer.
    answers: list[int | None]


_SURVEY_LAYOUT: Layout = (
    ("respondent_id", "受访者编号"),
    ("industry", "行业"),
    ("division", "区县"),
    ("surveyed_on", "调查日期"),
    ("overall", "总体满意度"),
    ("expectation", "与期望相比"),
    ("ideal", "与理想相比"),
)
_ITEMS = ("overall", "expectation", "ideal")


def composite(answers: Sequence[int | None]) -> Fraction | None:
    """A respondent's score on 0–100 over the answered items; None with fewer than two of three."""
    given = [a for a in answers if a is not None]
    return _score(sum(given), len(given)) if len(given) >= 2 else None


@cache
def _score(answered: int, count: int) -> Fraction:
    """The mean of so many answers of 1 to 10, which sum to `answered`, on 0–100."""
    return Fraction(100 * (answered - count), 9 * count)


@dataclass
class _Stratum:
    """Respondents whose mean counts with one weight: those of a division, and of smaller ones that joined it."""

    weight: Fraction = Fraction(0)
    scores: list[Fraction] = field(default_factory=list)
    divisions: list[str] = field(default_factory=list)
    has_several: bool = False

    @property
    def share(self) -> Fraction:
        return self.weight * total(self.scores) / len(self.scores)


def strata_of(scores: Iterable[tuple[str, Fraction]]) -> list[_Stratum]:
    """Divisions by population; one with a single respondent joins the next larger, the largest the first with more."""
    divisions: dict[str, list[Fraction]] = {}
    for code, score in scores:
        divisions.setdefault(code, []).append(score)
    strata: list[_Stratum] = []
    for code, _, people in sorted(DIVISIONS, key=lambda d: (-Fraction(d[2]), d[0])):
        here = divisions.get(code, [])
        if not here:
            continue
        if not strata or (len(here) > 1 and strata[-1].has_several):
            strata.append(_Stratum())
        joined = strata[-1]
        joined.weight += Fraction(people)
        joined.scores += here
        joined.divisions.append(code)
        joined.has_several |= len(here) > 1
    return strata


def stratified(scores: Iterable[tuple[str, Fraction]]) -> Fraction:
    """The mean of an industry: that of its strata, weighted by population over the divisions that answered."""
    strata = strata_of(scores)
    return total(s.share for s in strata) / total(s.weight for s in strata)


def _scored(rows: Iterable[SurveyRow]) -> list[tuple[str, Fraction]]:
    """Division and score of each respondent who counts."""
    return [
        (row.division, score)
        for row in rows
        if not row.is_quarantined and (score := composite(row.answers)) is not None
    ]


def _towards(rng: random.Random, rows: list[SurveyRow], aim: float) -> None:
    """Move single answers by one until the industry's score is as near to `aim` as a step allows."""
    movable = [row for row in rows if None not in row.answers and not row.is_quarantined]
    scores = _scored(rows)
    strata = strata_of(scores)
    whole = total(s.weight for s in strata)
    #: How much one answer, one step higher, adds to the score.
    one = {code: Fraction(100, 27) * s.weight / whole / len(s.scores) for s in strata for code in s.divisions}
    half_a_step = max(one.values()) / 2
    gap = Fraction(str(aim)) - stratified(scores)
    while abs(gap) > half_a_step:
        step = 1 if gap > 0 else -1
        row, item = rng.choice(movable), rng.randrange(3)
        answer = row.answers[item]
        if answer is not None and 1 <= answer + step <= 10:
            row.answers[item] = answer + step
            gap -= step * one[row.division]


def deliveries(seed: int, scale: float) -> Iterator[Delivery]:
    for wave, plan in _WAVES.items():
        rng = random.Random(f"{seed}/satisfaction_surveys/{wave}")
        size = max(600, round(RESPONDENTS * scale)) - _FEW
        shares = sum(share for _, share in plan.values())
        rows: list[SurveyRow] = []
        for code, (aim, share) in plan.items():
            count = round(size * share / shares) if share else _FEW
            group: list[SurveyRow] = []
            for _ in range(count):
                mood = rng.choices((10, 9, 8, 7, 5, 3), (42, 28, 16, 8, 4, 2))[0]
                answers: list[int | None] = [min(10, max(1, mood + rng.choice((-1, 0, 0, 1)))) for _ in range(3)]
                division = rng.choice(DIVISIONS)
                cells: dict[str, Cell] = {
                    "industry": INDUSTRIES[code],
                    "division": division[1],
                    "surveyed_on": (date(wave, 9, 1) + timedelta(days=rng.randrange(60))).isoformat(),
                }
                group.append(SurveyRow(cells=cells, wave=wave, industry=code, division=division[0], answers=answers))
            if share:
                for row, gone in zip(group[3:6], ((1,), (2,), (0, 2)), strict=True):
                    for index in gone:
                        row.answers[index] = None
                    row.trap = (
                        "one answer missing: the mean of the other two counts"
                        if len(gone) == 1
                        else "two answers missing: the respondent does not count"
                    )
            else:
                for row in group:
                    row.trap = f"industry with fewer than {MIN_ANSWERS} answers: suppressed"
            if code == "F":
                group[0].error = Fault("expectation", "an answer of 11 on a scale of 10", "SAT001")
            _towards(rng, group, aim)
            rows += group
        rng.shuffle(rows)
        missing = cycle(("", "拒答", "不清楚", "98"))
        for serial, survey_row in enumerate(rows, 1):
            survey_row.cells["respondent_id"] = f"SL{wave}-{serial:05d}"
            for item, answer in zip(_ITEMS, survey_row.answers, strict=True):
                # Digits typed as text stand among numbers in real workbooks.
                shown: Cell = next(missing) if answer is None else str(answer) if rng.random() < 0.2 else answer
                survey_row.cells[item] = shown
            if survey_row.error:
                survey_row.cells["expectation"] = 11
            survey_row.cells["remark"] = NOTE
        issued_on = date(wave, 12, 20)
        form: Csv | Xlsx = {2020: GB18030, 2022: UTF8_BOM}.get(wave) or Xlsx(sheet="答卷")
        is_text = isinstance(form, Csv)
        yield Delivery(
            source="satisfaction_surveys",
            name=f"{wave}/服务业顾客满意度调查_{wave}年.{'csv' if is_text else 'xlsx'}",
            issued_on=issued_on,
            form=form,
            layout=(*_SURVEY_LAYOUT, ("remark", "备注")) if is_text else _SURVEY_LAYOUT,
            rows=rows,
            titles=() if is_text else (f"{wave}年服务业顾客满意度调查答卷（{NOTE}）",),
            sidecar={
                "wave": str(wave),
                "period": str(wave),
                "scale_min": 1,
                "scale_max": 10,
                "questionnaires_issued": len(rows) + len(rows) // 12,
                "questionnaires_valid": len(rows),
                "issued_on": issued_on.isoformat(),
            },
        )


def _industries(rows: Iterable[SurveyRow], worst: bool = False) -> dict[str, list[tuple[str, Fraction]]]:
    """Division and score of those who count, by industry; at worst who is held back counts with 0."""
    found: dict[str, list[tuple[str, Fraction]]] = {}
    for row in rows:
        score = composite(row.answers)
        if row.is_quarantined:
            score = Fraction(0) if worst else None
        if score is not None:
            found.setdefault(row.industry, []).append((row.division, score))
    return found


def _index(
    industries: dict[str, list[tuple[str, Fraction]]],
    weights: dict[str, Fraction],
    mean: Callable[[list[tuple[str, Fraction]]], Fraction],
) -> Fraction:
    """The city's index over the industries with answers enough."""
    shown = [code for code, scores in industries.items() if len(scores) >= MIN_ANSWERS]
    return total(mean(industries[code]) * weights[code] for code in shown) / total(weights[c] for c in shown)


def _pooled(scores: Sequence[tuple[str, Fraction]]) -> Fraction:
    return total(score for _, score in scores) / len(scores)


def truth(found: list[Delivery]) -> dict[str, Any]:
    waves: dict[str, Any] = {}
    for wave in YEARS:
        rows = [r for d in found for r in d.rows if isinstance(r, SurveyRow) and r.wave == wave]
        if not rows:
            continue
        weights = {code: Fraction(value) for code, value in VALUE_ADDED[wave - 1].items()}
        industries = _industries(rows)
        shown = [code for code in _WAVES[wave] if len(industries[code]) >= MIN_ANSWERS]
        value = _index(industries, weights, stratified)
        kept = [score for code in shown for score in industries[code]]
        waves[str(wave)] = {
            "value": number(value),
            "attained": value >= 88,
            "worst_case_value": number(_index(_industries(rows, worst=True), weights, stratified)),
            "n": len(kept),
            "coverage_pct": number(100 * total(weights[c] for c in shown) / total(weights.values())),
            "weights_base_year": wave - 1,
            "respondents": len(rows),
            "respondents_quarantined": sum(row.is_quarantined for row in rows),
            "respondents_with_fewer_than_two_answers": sum(
                composite(row.answers) is None and not row.is_quarantined for row in rows
            ),
            "industries": {
                code: {
                    "name": INDUSTRIES[code],
                    "n": len(industries[code]),
                    "score": number(stratified(industries[code])),
                    "mean_of_respondents": number(_pooled(industries[code])),
                    "weight": VALUE_ADDED[wave - 1][code],
                    "suppressed": code not in shown,
                }
                for code in _WAVES[wave]
            },
            "not_post_stratified": number(_index(industries, weights, _pooled)),
            # What a wrong method would show, so that a test can tell which one was used.
            "not_this": {
                "unweighted_mean_of_industries": number(total(stratified(industries[c]) for c in shown) / len(shown)),
                "mean_of_respondents": number(_pooled(kept)),
            },
        }
    return {"I07": waves}


RULES = {
    "I07": "respondent: mean of the answered items (two of three at least) as (x-min)/(max-min)*100;"
    " industry: the mean of its divisions, weighted by population over those that answered, where a division"
    " with one respondent joins the next larger, and the largest, while they have one, join the first that has several;"
    " industries below 30 suppressed;"
    " value: weighted by value added of the year before the wave over the industries shown; coverage: their"
    " share of that weight set; worst case: who is quarantined counts with 0."
    " not_post_stratified: the mean within an industry is that of its respondents",
}
