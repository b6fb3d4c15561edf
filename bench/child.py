"""A process that measures itself; standard library only, for other tools run in an environment without ours."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def peak_mb() -> float:
    """Peak memory of this process in MB of 10⁶ bytes. Not ru_maxrss: that of a child begins with its parent's."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def processor_seconds() -> float:
    """Of this process and of those that it has waited for."""
    return time.process_time() + sum(os.times()[2:4])


def report(measured: Callable[[], dict[str, Any] | None]) -> None:
    """Run, and say on the last line of stdout what `server.alone` reads: seconds, those of processors, peak memory, and
    what else is told: seconds too, where what is measured knows them better, without what only led to it."""
    began, used = time.perf_counter(), processor_seconds()
    said = measured() or {}
    seconds, cpu = time.perf_counter() - began, processor_seconds() - used
    print("\n" + json.dumps({"seconds": seconds, "cpu": cpu, "peak_mb": peak_mb(), **said}))
