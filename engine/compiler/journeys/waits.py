"""The moments that `wait: until ...` names."""

from __future__ import annotations

from dataclasses import replace

from engine.compiler.conditions.compile import ConditionCompiler
from engine.compiler.conditions.names import NameScope, resolve
from engine.core.conditions.condition import Ref
from engine.core.journey import Moment
from engine.language import syntax
from engine.language.steps.wait import Wait
from engine.language.syntax import Text
from engine.language.wording import quoted
from engine.problem import Problem, nearest
from engine.values import Duration

DATES = ("date", "birthday", "time")


def compile_moment(step: Wait, conditions: ConditionCompiler, scope: NameScope) -> Moment:
    """The moment with its name resolved."""
    until = step.until
    assert until is not None
    if until.name is None:
        return Moment(until.time, until.weekday, until.date)
    ref = date_ref(until.name, scope)
    if isinstance(ref, Problem):
        awaited = _awaited_meant(until.name.value, scope) if ref.code == "E11" else ""
        conditions.problems.append(replace(ref, fix=awaited) if awaited else ref)
        return Moment(name=until.name.value)
    has_no_time = ref.type.kind in ("date", "birthday")
    if has_no_time and step.at is None and step.their_hour is None:
        conditions.problems.append(
            Problem(
                step.value.span, "E43", f"{quoted(until.name.value)} is a day: say at what time",
                "a day alone is no moment", "add  at: 10:00",
            )
        )  # fmt: skip
    elif has_no_time and until.offset and until.offset.duration.elapsed:
        conditions.problems.append(
            Problem(
                until.offset.text.span, "E30",
                f"{quoted(until.name.value)} is a day: hours cannot be taken from it",
                "the time of the day stands behind  at:", "write the length in days",
            )
        )  # fmt: skip
    return Moment(ref=ref, offset=_offset(until), name=until.name.value)


def _awaited_meant(name: str, scope: NameScope) -> str:
    """`until order_placed`, `until clicked`: what is awaited stands under a length of time."""
    if name in ("clicked", "opened"):
        return f"say how long at most, as in  wait: 5 days, and under it  for: {name} TEMPLATE"
    if scope.world.catalogue.event_fields(name) is None:
        return ""
    return f"say how long at most, as in  wait: 5 days, and under it  for: {name}"


def date_ref(name: Text, scope: NameScope) -> Ref | Problem:
    """A name that must be a date, a moment or a birthday."""
    ref = resolve(name, scope, "date")
    if isinstance(ref, Problem):
        return ref
    if ref.type.kind in DATES:
        return ref
    catalogue = scope.world.catalogue
    known = [each for each in catalogue.customer_names() if _is_date(each, scope)]
    near = nearest(name.value, known)
    return Problem(
        name.span, "E66", f"{quoted(name.value)} is not a date",
        "a wait or start needs the name of a date, a moment or a birthday",
        f'did you mean "{near}"?' if near
        else f"the dates of a customer are: {', '.join(known) or 'none yet'}",
    )  # fmt: skip


def _is_date(name: str, scope: NameScope) -> bool:
    kind = scope.world.catalogue.customer_type(name)
    return kind is not None and kind.kind in DATES


def _offset(until: syntax.Until) -> Duration | None:
    if until.offset is None:
        return None
    length = until.offset.duration
    return length if until.side == "after" else negative(length)


def negative(length: Duration) -> Duration:
    """The same length the other way."""
    return Duration(-length.months, -length.days, -length.elapsed)
