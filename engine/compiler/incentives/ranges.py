"""The numbers for which a condition is true, as ranges: what overlaps, and what lies between."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from engine.core.conditions import condition as core
from engine.values import Money

Edge = tuple[Decimal, int]
"""A place between numbers: just before the number (-1) or just after it (+1)."""

_LEAST, _MOST = Decimal("-Infinity"), Decimal("Infinity")


@dataclass(frozen=True, slots=True, order=True)
class NumberRange:
    """The numbers between two edges; `unit`: the currency, for words."""

    start: Edge
    end: Edge
    unit: str = ""

    @property
    def is_whole(self) -> bool:
        """Both ends are whole numbers, or open."""
        return all(not edge[0].is_finite() or edge[0] == edge[0].to_integral_value()
                   for edge in (self.start, self.end))  # fmt: skip

    @property
    def holds_a_whole_number(self) -> bool:
        """Whether a whole number lies inside."""
        if not (self.start[0].is_finite() and self.end[0].is_finite()):
            return True
        least = math.ceil(self.start[0]) + (self.start[0] == math.ceil(self.start[0]) and self.start[1] > 0)
        most = math.floor(self.end[0]) - (self.end[0] == math.floor(self.end[0]) and self.end[1] < 0)
        return least <= most

    def words(self) -> str:
        """`more than 100 EUR`, `exactly 5`, `more than 100 and less than 101`."""
        unit = f" {self.unit}" if self.unit else ""
        (low, low_side), (high, high_side) = self.start, self.end
        if low == high:
            return f"exactly {low:f}{unit}"
        parts = []
        if low.is_finite():
            parts.append(f"{'at least' if low_side < 0 else 'more than'} {low:f}{unit}")
        if high.is_finite():
            parts.append(f"{'less than' if high_side < 0 else 'at most'} {high:f}{unit}")
        return " and ".join(parts) or "any value"


WHOLE = NumberRange((_LEAST, -1), (_MOST, 1))


def ranges_of(condition: core.Condition) -> list[NumberRange] | None:
    """For which numbers a condition about one of them is true; None where it is not about fixed numbers."""
    match condition:
        case core.AnyOf(inners):
            parts = [ranges_of(inner) for inner in inners]
            return None if any(part is None for part in parts) else [r for part in parts for r in part or ()]
        case core.Not(core.IsSet()):
            return []
        case core.Not(inner):
            inside = ranges_of(inner)
            return None if inside is None else list(outside(sorted(inside)))
        case core.IsSet():
            return [WHOLE]
        case core.IsOneOf(_, values):
            points = [_number(value) for value in values]
            if any(point is None for point in points):
                return None
            return [NumberRange((p[0], -1), (p[0], 1), p[1]) for p in points if p is not None]
        case core.Between(_, low, high):
            least, most = _number(low), _number(high)
            return (
                None
                if least is None or most is None
                else [NumberRange((least[0], -1), (most[0], 1), least[1])]
            )
        case core.Compare(_, how, value):
            edge = _number(value)
            if edge is None:
                return None
            number, unit = edge
            match how:
                case "at least":
                    return [NumberRange((number, -1), WHOLE.end, unit)]
                case "more than":
                    return [NumberRange((number, 1), WHOLE.end, unit)]
                case "at most":
                    return [NumberRange(WHOLE.start, (number, 1), unit)]
                case "less than":
                    return [NumberRange(WHOLE.start, (number, -1), unit)]
        case _:
            return None


def values_of(condition: core.Condition) -> Iterator[object]:
    """The fixed values, or segments, that a condition names."""
    match condition:
        case core.AnyOf(inners):
            for inner in inners:
                yield from values_of(inner)
        case core.IsOneOf(_, values):
            yield from (value for value in values if not isinstance(value, core.Ref))
        case core.InSegment(names):
            yield from names
        case _:
            return


def overlap(one: NumberRange, other: NumberRange) -> NumberRange | None:
    """What lies in both."""
    start, end = max(one.start, other.start), min(one.end, other.end)
    return NumberRange(start, end, one.unit or other.unit) if start < end else None


def outside(ranges: Iterable[NumberRange]) -> Iterator[NumberRange]:
    """What lies in none of these, which come in order."""
    reached, unit = WHOLE.start, ""
    for each in ranges:
        if each.start > reached:
            yield NumberRange(reached, each.start, each.unit)
        reached, unit = max(reached, each.end), each.unit
    if reached < WHOLE.end:
        yield NumberRange(reached, WHOLE.end, unit)


def shown_edge(edge: Edge) -> str:
    """The number of an edge."""
    return f"{edge[0]:f}"


def _number(operand: core.Operand) -> tuple[Decimal, str] | None:
    if isinstance(operand, Money):
        return operand.amount, operand.currency
    if isinstance(operand, bool) or not isinstance(operand, int | Decimal):
        return None
    return Decimal(operand), ""
