"""What a process may do at this moment, among all that work on its store."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a process of `run` does."""

    ALL = "all"  # everything
    WORKER = "worker"  # decides and sends
    HTTP = "http"  # takes in and shows pages


def uptime() -> float:
    """Seconds that also pass while this process, or the whole machine, stands still."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # Linux has the former
    return time.clock_gettime(clock)


@dataclass(frozen=True, slots=True)
class ClusterView:
    """`workers`: those that decide and send, in the same order everywhere, and `own` one of them. `term`: the
    one in which this process leads, 0 when it does not. `burials`: how often others took it for dead.
    `fresh_until` (`uptime`): so long nobody may have done that again."""

    own: str = ""
    workers: tuple[str, ...] = ("",)
    term: int = 1
    burials: int = 0
    fresh_until: float = math.inf

    @property
    def is_leader(self) -> bool:
        """It does what is to be done once for all: clock starts, the nightly work, unknown messages."""
        return self.term > 0

    def may_send(self, burials: int) -> bool:
        """Asked between a hand-over and the irrevocable byte: whether what was handed over after so many
        burials is still this process's to send. Else it may count as unknown already, and be sent again."""
        return self.burials == burials and uptime() < self.fresh_until

    def in_order(self, buckets: Sequence[int]) -> list[int]:
        """Which of these buckets to take, in this order: those of its own share; where none of them has
        anything to do, those of others, each worker beginning at another place."""
        if self.own not in self.workers:
            return []
        rank, count = self.workers.index(self.own), len(self.workers)
        own = [bucket for bucket in buckets if bucket % count == rank]
        if own or not buckets:
            return own
        start = rank * len(buckets) // count
        return [*buckets[start:], *buckets[:start]]


ALONE = ClusterView()
"""The only process on its store."""


def shares(buckets: int, workers: Sequence[str]) -> dict[str, list[int]]:
    """Whose share each bucket is: as many for each worker, or one more."""
    return {
        worker: [bucket for bucket in range(buckets) if bucket % len(workers) == rank]
        for rank, worker in enumerate(workers)
    }
