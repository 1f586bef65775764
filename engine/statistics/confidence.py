"""An interval between two bounds, and the confidence that is usual here."""

from __future__ import annotations

from dataclasses import dataclass

ALPHA = 0.05
"""One minus the confidence of every interval: 95 %."""


@dataclass(frozen=True, slots=True)
class ConfidenceInterval:
    """Both bounds belong to it."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high
