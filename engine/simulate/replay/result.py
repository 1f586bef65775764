"""What a replay comes to, and how the shares of several processes become one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from engine.simulate.replay.figures import Figures
from engine.simulate.replay.stream import BadLine
from engine.values import Instant


@dataclass(slots=True)
class ReplayResult:
    """What became of the stream. `events` of ours, by name; `unknown` foreign names; `late`: lines earlier than one
    before them, taken as events that arrived late; `doubles`: equal within a second, dropped."""

    figures: Figures
    prices: Mapping[str, Decimal]
    currency: str
    lines: int = 0
    customers: int = 0
    events: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    misfits: Counter[str] = field(default_factory=Counter)
    bad: int = 0
    bad_lines: list[BadLine] = field(default_factory=list)
    late: int = 0
    first_late: int | None = None
    doubles: int = 0
    first_at: Instant | None = None
    last_at: Instant | None = None


def united(parts: Sequence[ReplayResult]) -> ReplayResult:
    """The result of all shares. Each has seen every line, so their number and span are those of any of them."""
    first, *others = parts
    for part in others:
        first.figures.absorb(part.figures)
        first.customers += part.customers
        first.events += part.events
        first.unknown += part.unknown
        first.misfits += part.misfits
        first.bad += part.bad
        first.bad_lines += part.bad_lines
        first.late += part.late
        first.doubles += part.doubles
        lates = [line for line in (first.first_late, part.first_late) if line is not None]
        first.first_late = min(lates, default=None)
    first.bad_lines.sort(key=lambda bad: (bad.file, bad.number))
    return first
