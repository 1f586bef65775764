"""What brings a customer in: the kinds of `start`."""

from __future__ import annotations

from engine.compiler.catalogue.catalogue import PRODUCT_STARTS, path_type, paths
from engine.compiler.conditions.compile import ConditionCompiler
from engine.compiler.conditions.names import NameScope
from engine.compiler.journeys.waits import date_ref, negative
from engine.compiler.type_inference import types_asked
from engine.core.journey import (
    CalendarTrigger,
    ClockTrigger,
    DateTrigger,
    EventTrigger,
    ProductTrigger,
    SegmentTrigger,
    Trigger,
)
from engine.core.products.watched import WATCHERS
from engine.language import syntax
from engine.language.wording import unknown
from engine.problem import Problem
from engine.values import HOUR, Duration

FRESH = Duration(elapsed=24 * HOUR)
WITHIN = Duration(days=30)


def _fields_asked(start: syntax.EventStart) -> dict[str, str]:
    per = {} if start.per is None else {start.per.value: "text"}
    return {**types_asked(start.where), **per}


def compile_start(start: syntax.Start, conditions: ConditionCompiler, scope: NameScope) -> Trigger | None:
    """One kind of start, or None where its name is not known. `place` is that of the journey."""
    line = start.span.line
    match start:
        case syntax.EventStart():
            if not conditions.known_event(start.event, scope, fields=_fields_asked(start)):
                return None
            name = scope.world.catalogue.event_name(start.event.value)
            before_the_run = NameScope(scope.world, "journey", scope.consent)
            where = conditions.question(start.where, before_the_run.inside((name,))) if start.where else None
            if start.per:
                fields = scope.world.catalogue.event_fields(name) or {}
                if path_type(fields, start.per.value) is None:
                    why = "fields of events come from schemas/"
                    conditions.problems.append(
                        unknown("E11", start.per, f"field of {name}", paths(fields), why)
                    )
            fresh = start.fresh.duration if start.fresh else FRESH
            return EventTrigger(name, where, start.per.value if start.per else None, fresh, start.span.line)
        case syntax.SegmentStart(segment, members):
            conditions.known_segment(segment, scope)
            return SegmentTrigger(segment.value, members, line)
        case syntax.DateStart(date, before, after, at):
            offset = Duration()
            if before:
                offset = negative(before.duration)
            elif after:
                offset = after.duration
            if start.day is not None:
                return CalendarTrigger(start.day, offset, at.time, date.span.line)
            ref = date_ref(date, NameScope(scope.world, "clock", scope.consent))
            if isinstance(ref, Problem):
                conditions.problems.append(ref)
                return None
            return DateTrigger(ref, offset, at.time, date.span.line, start.yearly)
        case syntax.ClockStart(every, day, weekdays, at):
            return ClockTrigger(every, day, weekdays, at.time, line)
        case syntax.ProductStart():
            return _product(start, conditions)


def _product(start: syntax.ProductStart, conditions: ConditionCompiler) -> ProductTrigger | None:
    if start.kind.value not in PRODUCT_STARTS:
        why = f"the kinds are: {', '.join(PRODUCT_STARTS)}"
        conditions.problems.append(unknown("E10", start.kind, "start from a product", PRODUCT_STARTS, why))
        return None
    for watcher in start.watchers:
        if watcher.value not in WATCHERS:
            why = f"the kinds are: {', '.join(WATCHERS)}"
            conditions.problems.append(unknown("E10", watcher, "kind of watcher", WATCHERS, why))
    if start.per:
        fields = PRODUCT_STARTS[start.kind.value]
        if start.per.value not in fields:
            why = "fields of events come from schemas/"
            conditions.problems.append(unknown("E11", start.per, f"field of {start.kind.value}", fields, why))
    watchers = tuple(watcher.value for watcher in start.watchers) or WATCHERS
    within = start.within.duration if start.within else WITHIN
    collect = start.collect.duration if start.collect else None
    kind = start.kind.value
    return ProductTrigger(
        kind, start.by, watchers, within, collect, start.per.value if start.per else None, start.span.line,  # type: ignore[arg-type]
    )  # fmt: skip
