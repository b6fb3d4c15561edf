"""The deliveries of all sources, written with their truth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from baotu.samples import food, surveys, weights
from baotu.samples.deliveries import Delivery
from baotu.samples.files import encode, sidecar_bytes, write
from baotu.samples.truth import truth_of

#: To widen, add a source here and, if its numbers are to be compared, a part to `truth_of`.
_SOURCES: tuple[Callable[[int, float], list[Delivery]], ...] = (
    weights.deliveries,
    food.deliveries,
    surveys.deliveries,
)


def write_samples(out: Path, truth: Path, seed: int = 2020, scale: float = 0.1) -> list[Path]:
    """Write the sample deliveries under `out/<source>/` and the figures they must lead to into `truth`.

    Returns the files under `out`, a sidecar before the file that it describes. The same seed and scale give
    the same bytes, and a file that has them already is not touched. Scale 0.1 is about 1,500 evaluation and
    1,500 supervision samples a year and 1,200 respondents a wave; smaller ones stop at a size that still
    holds every planted case.
    """
    if not 0 < scale <= 100:
        raise ValueError(f"scale: found {scale}, expected a number above 0, at most 100")
    if truth.resolve().is_relative_to(out.resolve()):
        raise ValueError(f"{truth} lies in the landing area {out}: the truth would be read as a delivery")
    deliveries = [delivery for make in _SOURCES for delivery in make(seed, scale)]
    written = []
    hashes = {}
    for delivery in deliveries:
        path = out / delivery.source / delivery.name
        content = encode(delivery)
        hashes[delivery.file] = hashlib.sha256(content).hexdigest()
        if delivery.sidecar is not None:
            # First, so that the delivery is never seen without it.
            beside = path.with_name(path.name + ".meta.yml")
            write(beside, sidecar_bytes(delivery.sidecar))
            written.append(beside)
        write(path, content)
        written.append(path)
    known = truth_of(deliveries, hashes) | {"seed": seed, "scale": scale}
    write(truth, (json.dumps(known, ensure_ascii=False, indent=1) + "\n").encode())
    return written
