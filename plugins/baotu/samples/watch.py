"""Who failed repeatedly: the truth over all sources of spot checks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any

from baotu.samples.deliveries import Delivery
from baotu.samples.rates import standings
from baotu.samples.sampling import Sample

_MONTHS, _FAILURES = 24, 2


def _months_before(day: date, months: int) -> date:
    """The same day of an earlier month; of a shorter month its last."""
    year, month = divmod(12 * day.year + day.month - 1 - months, 12)
    for number in range(day.day, 0, -1):
        try:
            return date(year, month + 1, number)
        except ValueError:
            continue
    raise AssertionError(day)


def _shown(samples: list[Sample]) -> dict[str, Any] | None:
    failures = sorted((s for s in samples if s.result == "fail"), key=lambda s: s.sampled_on)
    within = [
        sum(_months_before(f.sampled_on, _MONTHS) < other.sampled_on <= f.sampled_on for other in failures)
        for f in failures
    ]
    if max(within, default=0) < _FAILURES:
        return None
    outcomes = {"passed": 0, "failed": 0, "no_later_sample": 0}
    for failure in failures:
        later = [s for s in samples if s.sampled_on > failure.sampled_on]
        soonest = min((s.sampled_on for s in later), default=None)
        next_results = {s.result for s in later if s.sampled_on == soonest}
        outcomes["failed" if "fail" in next_results else "passed" if next_results else "no_later_sample"] += 1
    return {
        "samples": len(samples),
        "failures": len(failures),
        "most_in_window": max(within),
        "last_failure_on": failures[-1].sampled_on.isoformat(),
        "next": outcomes,
    }


def truth(found: Iterable[Delivery]) -> dict[str, Any]:
    """Producers by name; of each source the latest version of every sample, as in the rates."""
    by_source: defaultdict[str, list[Delivery]] = defaultdict(list)
    for delivery in found:
        by_source[delivery.source].append(delivery)
    samples: defaultdict[str, list[Sample]] = defaultdict(list)
    for deliveries in by_source.values():
        for standing in standings(deliveries):
            sample = standing.sample
            is_charged = sample.producer is not None and not sample.is_disputed
            if is_charged and not standing.is_quarantined and sample.kind != "risk_monitoring":
                assert sample.producer is not None
                samples[sample.producer].append(sample)
    shown = {name: figures for name, charged in sorted(samples.items()) if (figures := _shown(charged))}
    return {"watch_list": shown}


RULES = {
    "watch_list": "producers with two failing samples at least less than 24 months apart; samples: judged, of every kind"
    " but risk monitoring, of all sources and places; a batch counts once; one whose producer disputes is not theirs; next:"
    " of each failure what the next later day brought, a failure before a pass",
}
