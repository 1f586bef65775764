"""What a benchmark says: medians of interleaved runs, and their ratio, which is what counts."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `ours` and `theirs` are rates (per second) or seconds, as `unit` says; `ratio`
    is the median of the ratios of neighbouring runs; `aim` says what it should be."""

    benchmark: str
    what: str
    against: str
    unit: str
    ours: float
    theirs: float
    ratio: float
    aim: str
    runs: int
    note: str = ""


def figure(
    benchmark: str,
    what: str,
    against: str,
    unit: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    aim: str,
    note: str = "",
) -> Figure:
    """The figure of runs that were taken in turns: run n of ours beside run n of theirs."""
    ratio = median(mine / other for mine, other in zip(ours, theirs, strict=True))
    return Figure(benchmark, what, against, unit, median(ours), median(theirs), ratio, aim, len(ours), note)


def peak_memory() -> int:
    """The most memory this process has held so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
