"""Rates of samples with exact fractions, and what the truth shows of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from baotu.samples.deliveries import Delivery
from baotu.samples.sampling import Count, CountRow, Sample, SampleRow


def total(values: Iterable[Fraction]) -> Fraction:
    return sum(values, Fraction(0))


def number(value: Fraction | None, digits: int = 20) -> str | None:
    """A fraction as a decimal text, cut nowhere that a comparison could notice."""
    if value is None:
        return None
    scaled = round(value * 10**digits)
    text = f"{abs(scaled):0{digits + 1}d}"
    shown = f"{'-' if scaled < 0 else ''}{text[:-digits]}.{text[-digits:]}".rstrip("0")
    return shown.removesuffix(".")


def verdict(x: int, n: int, target: int) -> str:
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
class Standing:
    """The latest version of a sample, and whether it may be judged."""

    sample: Sample
    is_quarantined: bool = False

    @property
    def quarter(self) -> int:
        return (self.sample.sampled_on.month + 2) // 3


@dataclass
class Rate:
    n: int = 0
    x: int = 0
    quarantined: int = 0

    def add(self, standing: Standing) -> None:
        if standing.is_quarantined:
            self.quarantined += 1
        else:
            self.n += 1
            self.x += standing.sample.result == "pass"

    def add_count(self, count: Count) -> None:
        self.n += count.tested
        self.x += count.passed

    def shown(self, target: int | None = None) -> dict[str, Any]:
        figures: dict[str, Any] = {
            "n": self.n,
            "x": self.x,
            "value": number(Fraction(100 * self.x, self.n) if self.n else None),
            "quarantined_samples": self.quarantined,
        }
        if target is not None:
            whole = self.n + self.quarantined
            figures |= {
                "attained": 100 * self.x >= target * self.n if self.n else None,
                "verdict": verdict(self.x, self.n, target),
                # Where nothing is held back there is no other case.
                "worst_case_value": number(Fraction(100 * self.x, whole) if self.quarantined else None),
            }
        return figures


def standings(deliveries: Iterable[Delivery]) -> list[Standing]:
    """Every sample's latest version by date of issue; one quarantined row and it is not judged."""
    latest: dict[str, tuple[date, Standing]] = {}
    for delivery in sorted(deliveries, key=lambda d: d.issued_on):
        if delivery.status != "accepted":
            continue
        for row in delivery.rows:
            if not isinstance(row, SampleRow):
                continue
            before = latest.get(row.sample.sample_no)
            if before is None or before[0] < delivery.issued_on:
                before = latest[row.sample.sample_no] = delivery.issued_on, Standing(sample=row.sample)
            before[1].is_quarantined |= row.is_quarantined
    return [standing for _, standing in latest.values()]


def counts(deliveries: Iterable[Delivery]) -> list[Count]:
    """What tables of counts say of scopes without samples, leaving out the rows that sum others."""
    return [
        row.count
        for delivery in deliveries
        if delivery.status == "accepted"
        for row in delivery.rows
        if isinstance(row, CountRow) and row.outcome == "counted"
    ]
