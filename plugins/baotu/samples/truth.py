"""What the marts must show, computed from the records with exact fractions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from baotu.samples.deliveries import NOTE, YEARS, Delivery, Row
from baotu.samples.food import FoodRow, Sample
from baotu.samples.names import DIVISIONS
from baotu.samples.surveys import MIN_ANSWERS, WAVES, SurveyRow, composite, stratified, total
from baotu.samples.weights import INDUSTRIES, VALUE_ADDED


def _number(value: Fraction | None, digits: int = 20) -> str | None:
    """A fraction as a decimal text, cut nowhere that a comparison could notice."""
    if value is None:
        return None
    scaled = round(value * 10**digits)
    text = f"{abs(scaled):0{digits + 1}d}"
    shown = f"{'-' if scaled < 0 else ''}{text[:-digits]}.{text[-digits:]}".rstrip("0")
    return shown.removesuffix(".")


def _verdict(x: int, n: int, target: int) -> str:
    """Exact binomial tails at 2.5 % a side, by counting failures; no smallest sample size is applied here."""
    if n == 0:
        return "no_data"

    def rarely(fails: int, least: bool) -> bool:
        """Whether so few failures, or at least so many, have a chance of 2.5 % or less: in whole numbers."""
        ways, term, whole = 0, int(target**n), int(100**n)
        for k in range(fails + (not least)):
            ways += term
            term = term * (n - k) * (100 - target) // ((k + 1) * target)
        return 1000 * (whole - ways if least else ways) <= 25 * whole

    if rarely(n - x, least=False):
        return "met_proven"
    if rarely(n - x, least=True):
        return "not_met_proven"
    return "met_not_proven" if 100 * x >= target * n else "not_met_not_proven"


@dataclass(kw_only=True)
class _Standing:
    """The latest version of a sample, and whether it may be judged."""

    sample: Sample
    is_quarantined: bool = False


@dataclass
class _Rate:
    n: int = 0
    x: int = 0
    quarantined: int = 0

    def add(self, standing: _Standing) -> None:
        if standing.is_quarantined:
            self.quarantined += 1
        else:
            self.n += 1
            self.x += standing.sample.result == "pass"

    def shown(self, target: int | None = None) -> dict[str, Any]:
        figures: dict[str, Any] = {
            "n": self.n,
            "x": self.x,
            "value": _number(Fraction(100 * self.x, self.n) if self.n else None),
            "quarantined_samples": self.quarantined,
        }
        if target is not None:
            whole = self.n + self.quarantined
            figures |= {
                "attained": 100 * self.x >= target * self.n if self.n else None,
                "verdict": _verdict(self.x, self.n, target),
                # Where nothing is held back there is no other case.
                "worst_case_value": _number(Fraction(100 * self.x, whole) if self.quarantined else None),
            }
        return figures


def _standings(deliveries: Iterable[Delivery]) -> list[_Standing]:
    """Every sample's latest version by date of issue; one quarantined row and it is not judged."""
    latest: dict[str, tuple[date, _Standing]] = {}
    for delivery in sorted(deliveries, key=lambda d: d.issued_on):
        if delivery.status != "accepted":
            continue
        for row in delivery.rows:
            if not isinstance(row, FoodRow):
                continue
            before = latest.get(row.sample.sample_no)
            if before is None or before[0] < delivery.issued_on:
                before = latest[row.sample.sample_no] = delivery.issued_on, _Standing(sample=row.sample)
            before[1].is_quarantined |= row.is_quarantined
    return [standing for _, standing in latest.values()]


def _food_truth(deliveries: list[Delivery]) -> dict[str, Any]:
    q03: dict[str, Any] = {}
    supervision: dict[str, Any] = {}
    outside: dict[str, dict[str, int]] = {}
    standings = _standings(deliveries)
    for year in YEARS:
        whole = _Rate()
        quarters = {quarter: _Rate() for quarter in range(1, 5)}
        divisions = {code: _Rate() for code, _, _ in DIVISIONS}
        everything, food, ware = _Rate(), _Rate(), _Rate()
        left = dict.fromkeys(("elsewhere", "tableware", "follow_up", "risk_monitoring", "unknown"), 0)
        for standing in standings:
            sample = standing.sample
            if sample.sampled_on.year != year:
                continue
            if sample.division is None:
                left["elsewhere"] += 1
            elif sample.kind == "supervision":
                everything.add(standing)
                (ware if sample.is_tableware else food).add(standing)
            elif sample.kind != "evaluation":
                left[sample.kind] += 1
            elif sample.is_tableware:
                left["tableware"] += 1
            else:
                for rate in (whole, quarters[(sample.sampled_on.month + 2) // 3], divisions[sample.division]):
                    rate.add(standing)
        q03[str(year)] = {
            **whole.shown(98),
            "quarters": {f"Q{quarter}": rate.shown(98) for quarter, rate in quarters.items()},
            "divisions": {code: rate.shown() for code, rate in divisions.items()},
        }
        supervision[str(year)] = {
            "with_tableware": everything.shown(),
            "without_tableware": food.shown(),
            "tableware": ware.shown(),
        }
        outside[str(year)] = left
    return {"Q03": q03, "supervision": supervision, "samples_in_neither_rate": outside}


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


def _survey_truth(deliveries: list[Delivery]) -> dict[str, Any]:
    waves: dict[str, Any] = {}
    for wave in YEARS:
        rows = [r for d in deliveries for r in d.rows if isinstance(r, SurveyRow) and r.wave == wave]
        weights = {code: Fraction(value) for code, value in VALUE_ADDED[wave - 1].items()}
        industries = _industries(rows)
        shown = [code for code in WAVES[wave] if len(industries[code]) >= MIN_ANSWERS]
        value = _index(industries, weights, stratified)
        kept = [score for code in shown for score in industries[code]]
        waves[str(wave)] = {
            "value": _number(value),
            "attained": value >= 88,
            "worst_case_value": _number(_index(_industries(rows, worst=True), weights, stratified)),
            "n": len(kept),
            "coverage_pct": _number(100 * total(weights[c] for c in shown) / total(weights.values())),
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
                    "score": _number(stratified(industries[code])),
                    "mean_of_respondents": _number(_pooled(industries[code])),
                    "weight": VALUE_ADDED[wave - 1][code],
                    "suppressed": code not in shown,
                }
                for code in WAVES[wave]
            },
            "not_post_stratified": _number(_index(industries, weights, _pooled)),
            # What a wrong method would show, so that a test can tell which one was used.
            "not_this": {
                "unweighted_mean_of_industries": _number(total(stratified(industries[c]) for c in shown) / len(shown)),
                "mean_of_respondents": _number(_pooled(kept)),
            },
        }
    return {"I07": waves}


_RULES = {
    "Q03": "evaluation sampling in the 12 divisions; edible agricultural products in; tableware, follow-up,"
    " risk monitoring, unknown kind and other cities out; the version issued last decides; a sample with a"
    " quarantined row is not judged and counts in quarantined_samples; year and quarter of the sampling date,"
    " else of the delivery's period; attained: 100 x >= 98 n; verdict: exact tails, 2.5 % a side, whatever n",
    "supervision": "supervision sampling in the 12 divisions, otherwise as Q03",
    "I07": "respondent: mean of the answered items (two of three at least) as (x-min)/(max-min)*100;"
    " industry: the mean of its divisions, weighted by population over those that answered, where a division"
    " with one respondent joins the next larger, the largest the one after it; industries below 30 suppressed;"
    " value: weighted by value added of the year before the wave over the industries shown; coverage: their"
    " share of that weight set; worst case: who is quarantined counts with 0."
    " not_post_stratified: the mean within an industry is that of its respondents",
    "status": "a delivery with more than 20 % of its rows quarantined is rejected and counts nowhere; one without"
    " a required column is refused; known: bytes that landed before, under the name same_bytes_as",
    "errors": "quarantined: the rule holds the row back; info: only recorded, the row counts",
}


def truth_of(deliveries: list[Delivery], hashes: dict[str, str]) -> dict[str, Any]:
    read = [delivery for delivery in deliveries if delivery.is_read]
    return {
        "note": NOTE,
        "rules": _RULES,
        "deliveries": [_delivery_truth(delivery, hashes) for delivery in deliveries],
        "errors": [
            {
                "file": d.file,
                "file_row": row.file_row,
                "column": row.error.column,
                "what": row.error.what,
                "rule": row.error.rule,
                "outcome": row.error.outcome,
            }
            | _subject(row)
            for d in read
            for row in d.rows
            if row.error is not None
        ],
        "traps": [
            {"file": d.file, "file_row": row.file_row, "what": row.trap} | _subject(row)
            for d in read
            for row in d.rows
            if row.trap is not None
        ],
        **_food_truth(read),
        **_survey_truth(read),
    }


def _delivery_truth(delivery: Delivery, hashes: dict[str, str]) -> dict[str, Any]:
    twins = [file for file, sha256 in hashes.items() if sha256 == hashes[delivery.file]]
    return {
        "source": delivery.source,
        "file": delivery.file,
        "sha256": hashes[delivery.file],
        "issued_on": delivery.issued_on.isoformat(),
        "rows_read": len(delivery.rows) if delivery.is_read else None,
        "rows_quarantined": sum(row.is_quarantined for row in delivery.rows) if delivery.is_read else None,
        "status": delivery.status,
    } | ({"same_bytes_as": twins[0]} if delivery.status == "known" else {})


def _subject(row: Row) -> dict[str, str]:
    return {"sample_no": row.sample.sample_no} if isinstance(row, FoodRow) else {}
