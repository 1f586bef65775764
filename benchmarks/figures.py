"""What a benchmark says: medians of interleaved runs, and their ratio, which is what counts."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Aim:
    """What a ratio should be: at least, at most, or both."""

    at_least: float | None = None
    at_most: float | None = None

    def is_reached(self, ratio: float) -> bool:
        """The ratio is within the bounds."""
        return (self.at_least is None or ratio >= self.at_least) and (
            self.at_most is None or ratio <= self.at_most
        )

    def __str__(self) -> str:
        bounds = (("at least", self.at_least), ("at most", self.at_most))
        return ", ".join(f"{word} {bound:.3g}" for word, bound in bounds if bound is not None) or "none"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `ours` and `theirs` are medians of rates (per second), of seconds or of whatever
    `unit` says; `ratio` is the median of ours / theirs of neighbouring runs; `aim` says what it should be.

    `noise` tells how far the runs of the other side lie apart, which did the same work each time: half the
    distance between its quartiles, as a share of its median. A ratio that misses its aim by less than the
    noise says nothing about either.
    """

    benchmark: str
    what: str
    against: str
    unit: str
    ours: float
    theirs: float
    ratio: float
    aim: Aim
    is_reached: bool
    noise: float
    runs: int
    note: str = ""


def figure(
    benchmark: str,
    what: str,
    against: str,
    unit: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    aim: Aim,
    note: str = "",
) -> Figure:
    """The figure of runs that were taken in turns: run n of ours beside run n of theirs."""
    ratio = median(mine / other for mine, other in zip(ours, theirs, strict=True))
    return Figure(
        benchmark, what, against, unit, median(ours), median(theirs), ratio, aim, aim.is_reached(ratio),
        _noise(theirs), len(ours), note,
    )  # fmt: skip


def _noise(runs: Sequence[float]) -> float:
    ordered = sorted(runs)
    quarter = len(ordered) // 4
    return (ordered[-1 - quarter] - ordered[quarter]) / 2 / median(ordered)


@dataclass(frozen=True, slots=True)
class Spent:
    """What something took, in seconds: on the clock, and of the processor, with its ended child processes."""

    wall: float
    cpu: float


def spent(job: Callable[[], object]) -> Spent:
    """Runs `job` once."""
    cpu, wall = _cpu(), time.perf_counter()
    job()
    return Spent(time.perf_counter() - wall, _cpu() - cpu)


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def peak_memory() -> int:
    """The most memory this process has held so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
