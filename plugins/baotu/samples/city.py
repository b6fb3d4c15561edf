"""The deliveries of all sources, written with their truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from baotu.samples import (
    agriculture,
    brands,
    enterprises,
    food,
    industry,
    inspections,
    readings,
    surveys,
    titles,
    watch,
    weights,
)
from baotu.samples.deliveries import Delivery
from baotu.samples.files import write, write_delivery
from baotu.samples.truth import RULES, truth_of

_SOURCES = (weights, food, agriculture, industry, surveys, enterprises, titles, brands, readings, inspections)


def write_samples(out: Path, truth: Path, seed: int = 2020, scale: float = 0.1) -> list[Path]:
    """Write the sample deliveries under `out/<source>/` and the figures they must lead to into `truth`.

    Returns the files under `out`, a sidecar before the file that it describes. The same seed and scale give
    the same bytes, and a file that has them already is not touched. Scale 1 is 60,000 food samples, 20,000 of
    agriculture and 10,000 of industry a year, 500,000 answers and
    1.5 million enterprises; small scales stop at a size that still holds every planted case.
    """
    if not 0 < scale <= 2:
        raise ValueError(f"scale: found {scale}, expected a number above 0, at most 2")
    if truth.resolve().is_relative_to(out.resolve()):
        raise ValueError(f"{truth} lies in the landing area {out}: the truth would be read as a delivery")
    written: list[Path] = []
    deliveries: list[Delivery] = []
    figures: dict[str, Any] = {}
    after_withdrawal: dict[str, Any] = {}
    rules = dict(RULES)
    for source in _SOURCES:
        mine = []
        for delivery in source.deliveries(seed, scale):
            written += write_delivery(delivery, out)
            mine.append(delivery)
        figures |= source.truth(mine)
        if any(delivery.is_mistake for delivery in mine):
            after_withdrawal |= source.truth([delivery for delivery in mine if not delivery.is_mistake])
        rules |= source.RULES
        deliveries += mine
    figures |= watch.truth(deliveries)
    rules |= watch.RULES
    known = {"seed": seed, "scale": scale, "rules": rules} | truth_of(deliveries) | figures
    known["after_withdrawal"] = after_withdrawal
    write(truth, (json.dumps(known, ensure_ascii=False, indent=1) + "\n").encode())
    return written
