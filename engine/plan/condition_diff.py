"""Two conditions, line by line: a line about another attribute, event or segment is another question."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from engine.compiler.journeys.fingerprint import meaning
from engine.language import syntax
from engine.language.conditions.condition_words import condition_text, line_words


class _OfGroup(NamedTuple):
    """What it means that a condition of a group is gone, and that one came to it."""

    gone: str
    came: str


_OF_GROUPS = {
    "any": _OfGroup(gone="is not enough any more", came="is enough too"),
    "all": _OfGroup(gone="is not asked any more", came="is asked too"),
    "none": _OfGroup(gone="may hold now", came="must not hold either"),
}


def condition_changes(before: syntax.AllOf | None, now: syntax.AllOf | None) -> str:
    """`orders_count: at least 1 -> at least 2; open_tickets: 0 is asked too`; "" where both ask the same."""
    if before is None:
        return f"is asked now: {condition_text(now)}" if now is not None else ""
    if now is None:
        return f"is not asked any more: {condition_text(before)}"
    if asked(before) == asked(now):
        return ""
    return _of_choices(before, now) or "; ".join(_of_lines(before, now))


def asked(part: object) -> str:
    """The same for two parts of the syntax that ask the same: the order of conditions is no difference."""
    return meaning(_in_order(part))


def _in_order(part: Any) -> Any:
    match part:
        case syntax.AllOf():
            return dataclasses.replace(part, lines=_ordered(part.lines))
        case syntax.Group():
            return dataclasses.replace(part, conditions=_ordered(part.conditions))
        case syntax.Did():
            return dataclasses.replace(part, where=_in_order(part.where))
        case syntax.EventStart():
            return dataclasses.replace(part, where=_in_order(part.where))
        case syntax.Goal():
            return dataclasses.replace(part, where=_in_order(part.where), when=_in_order(part.when))
        case _:
            return part


def _ordered(parts: Sequence[object]) -> tuple[Any, ...]:
    return tuple(sorted(map(_in_order, parts), key=meaning))


def _of_lines(before: syntax.AllOf, now: syntax.AllOf) -> Iterator[str]:
    """Of lines that all have to hold."""
    former, present = ({asked(line): line for line in each.lines} for each in (before, now))
    gone = [line for key, line in former.items() if key not in present]
    came = [line for key, line in present.items() if key not in former]
    rest = []
    for line in gone:
        was = line_words(line)
        fitting = [
            (each, told) for each in came
            if (told := _of_group(line, each))
            or (line_words(each).subject == was.subject and (told := f"{was} -> {line_words(each).question}"))
        ]  # fmt: skip
        if len(fitting) == 1:
            came.remove(fitting[0][0])
            yield fitting[0][1]
        else:
            rest.append(line)
    yield from (f"{line_words(line)} is not asked any more" for line in rest)
    yield from (f"{line_words(line)} is asked too" for line in came)


def _of_group(before: syntax.ConditionLine, now: syntax.ConditionLine) -> str:
    """`in any: total_spent: at least 500 EUR -> at least 300 EUR` of two groups of one kind in which one
    condition alone is another one about the same, or some came or went; "" of any others."""
    if not isinstance(before, syntax.Group) or not isinstance(now, syntax.Group) or before.how != now.how:
        return ""
    apart = _apart(before.conditions, now.conditions)
    gone, came = apart.gone, apart.came
    if len(gone) == len(came) == 1 and _subjects(gone[0]) == _subjects(came[0]):
        return f"in {now.how}: {condition_changes(gone[0], came[0])}"
    if not apart.is_one_way or len(gone) == len(before.conditions):
        return ""
    words = _OF_GROUPS[now.how]
    told = [f"{condition_text(each)} {words.gone}" for each in gone]
    told += [f"{condition_text(each)} {words.came}" for each in came]
    return f"in {now.how}: {'; '.join(told)}"


def _of_choices(before: syntax.AllOf, now: syntax.AllOf) -> str:
    """Of conditions of which one is enough, also where there was, or is, only one: `open_tickets: at least 1
    is enough too`; "" of any others."""
    former, present = _choices(before), _choices(now)
    if len(former) == len(present) == 1:
        return ""
    apart = _apart(former, present)
    gone, came = apart.gone, apart.came
    if not apart.is_one_way or len(gone) == len(former):
        return ""
    still = " or ".join(condition_text(each) for each in former if each not in gone)
    if came:
        return f"{' or '.join(map(condition_text, came))} is enough too, beside {still}"
    return f"{' or '.join(map(condition_text, gone))} is not enough any more; {still} still is"


def _choices(written: syntax.AllOf) -> Sequence[syntax.AllOf]:
    """The conditions of which one is enough."""
    match written.lines:
        case (syntax.Group(how="any", conditions=conditions),):
            return conditions
        case _:
            return (written,)


class _Apart(NamedTuple):
    """Conditions that only the former has, and that only the newer one has."""

    gone: list[syntax.AllOf]
    came: list[syntax.AllOf]

    @property
    def is_one_way(self) -> bool:
        """Whether some came or some went, and not both."""
        return bool(self.gone) != bool(self.came)


def _apart(before: Sequence[syntax.AllOf], now: Sequence[syntax.AllOf]) -> _Apart:
    former, present = ({asked(each) for each in conditions} for conditions in (before, now))
    return _Apart(
        [each for each in before if asked(each) not in present],
        [each for each in now if asked(each) not in former],
    )


def _subjects(condition: syntax.AllOf) -> list[str]:
    # of a group inside the subject holds all of it, so it is never the same
    return sorted(line_words(line).subject for line in condition.lines)
