"""`points:` of config.yaml with what the catalogue says: events, their fields, facts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal

from engine.compiler.catalogue.catalogue import path_type, paths
from engine.compiler.catalogue.catalogue_file import unknown_event
from engine.compiler.conditions.compile import ConditionCompiler
from engine.compiler.conditions.names import NameScope
from engine.compiler.facts.fact_words import NAMED
from engine.compiler.incentives.tiers import compile_tiers
from engine.compiler.project_context import ProjectContext
from engine.config import EarnConfig, PointsConfig
from engine.core.definition import definition
from engine.core.facts.rule import CounterEvent
from engine.core.journey import Question
from engine.core.points.rules import EarnLine, LoyaltyRules, PointsRules, PointsYield, SpendingEvent
from engine.language.nodes import part
from engine.language.syntax import Text
from engine.language.wording import quoted, unknown
from engine.problem import Problem, did_you_mean
from engine.values import Type

_KEYS = ("text", "one of", "number")
"""The types of a field by which something can be taken back."""


def compile_points(project: ProjectContext) -> tuple[LoyaltyRules | None, list[Problem]]:
    """Points and tiers of a shop, and what is wrong with them; None where it has neither."""
    problems: list[Problem] = []
    config = project.config
    if config.points is None and config.tiers is None:
        return None, problems
    points = _points(config.points, project, problems) if config.points is not None else None
    tiers = compile_tiers(config.tiers, project, problems) if config.tiers is not None else None
    return LoyaltyRules(points, tiers), problems


def _points(written: PointsConfig, project: ProjectContext, problems: list[Problem]) -> PointsRules:
    lines: list[EarnLine] = []
    always: dict[str, EarnConfig] = {}
    for earn in written.earn:
        line = _line(earn, project, problems, frozenset(line.key for line in lines))
        if line is None:
            continue
        lines.append(line)
        if line.also:
            continue
        if line.event in always:
            problems.append(_never_reached(earn, always[line.event]))
        elif line.who is None and line.where is None and line.limit is None:
            always[line.event] = earn
    earning = tuple(dict.fromkeys(line.event for line in lines))
    less = (_counter(text, earning, project, problems) for text in written.less)
    spent = (_spent(text, project, problems) for text in written.spent_by)
    return PointsRules(
        tuple(lines),
        project.config.timezone,
        written.pending,
        tuple(each for each in less if each is not None),
        tuple(each for each in spent if each is not None),
        written.expire,
        written.warn,
        written.worth,
    )


def _line(
    earn: EarnConfig, project: ProjectContext, problems: list[Problem], taken: frozenset[str]
) -> EarnLine | None:
    catalogue = project.catalogue
    fields = catalogue.event_fields(earn.event.value)
    if fields is None:
        problems.append(unknown_event(earn.event, catalogue))
        return None
    event = catalogue.event_name(earn.event.value)
    gives = PointsYield(earn.number)
    if earn.field is not None and earn.unit is not None:
        found = _rate(earn.number, earn.field, earn.unit, fields, event, project.config.currency)
        if isinstance(found, Problem):
            problems.append(found)
            return None
        gives = found
    conditions, scope = ConditionCompiler(), NameScope(project, "segment", None)
    who = conditions.question(earn.who, scope) if earn.who is not None else None
    where = conditions.question(earn.where, scope.inside((event,))) if earn.where is not None else None
    problems.extend(conditions.problems)
    if any(problem.is_error for problem in conditions.problems):
        return None
    key = _key(event, earn, who, where, taken)
    return EarnLine(event, gives, key, earn.words, earn.also, earn.limit, where, who)


def _rate(
    number: int, field: Text, unit: Text, fields: Mapping[str, Type], event: str, currency: str
) -> PointsYield | Problem:
    """`2 for each 1 EUR of total`."""
    kind = path_type(fields, field.value)
    if kind is None:
        known = [path for path in paths(fields) if is_amount(path_type(fields, path))]
        return unknown("E11", field, f"field of {event}", known, "fields of events come from schemas/")
    if not is_amount(kind):
        return Problem(
            field.span, "E125", f"{quoted(field.value)} is {kind.kind}, and no amount",
            "so many points for each amount need a field that is a number or money",
            f"write a number alone:  points: {number}",
        )  # fmt: skip
    size, _, written = unit.value.partition(" ")
    wanted = currency if kind.kind == "money" else ""
    if written != wanted:
        what = "an amount of money" if kind.kind == "money" else "a number"
        return Problem(
            unit.span, "E125", f"{quoted(unit.value)} does not fit: {field.value} is {what}",
            "what is compared is of one kind, and money is in the currency of the shop",
            f"write  {number} for each {f'{size} {wanted}'.strip()} of {field.value}",
        )  # fmt: skip
    return PointsYield(number, field.value, Decimal(size), written)


def is_amount(kind: Type | None) -> bool:
    """Whether something of this type can be counted up."""
    return kind is not None and kind.kind in ("number", "money")


def _key(
    event: str, earn: EarnConfig, who: Question | None, where: Question | None, taken: frozenset[str]
) -> str:
    """What makes the line this line and no other: not how many points it gives."""
    asked = [definition(question.condition) if question is not None else "" for question in (who, where)]
    limit = f"{earn.limit.times} {earn.limit.per}" if earn.limit is not None else ""
    text = "\0".join((event, *asked, limit, "also" if earn.also else ""))
    key = hashlib.sha256(text.encode()).hexdigest()[:10]
    number = 0
    while (name := f"{key}.{number}" if number else key) in taken:
        number += 1
    return name


def _never_reached(earn: EarnConfig, first: EarnConfig) -> Problem:
    """W38."""
    return Problem(
        earn.event.span, "W38",
        f"this line is never reached: the one in line {first.event.span.line} fits every {earn.event.value}",
        "of the lines of one event the first that fits counts",
        "put it above that line, or add  and: also", "warning",
    )  # fmt: skip


def _counter(
    text: Text, earning: tuple[str, ...], project: ProjectContext, problems: list[Problem]
) -> CounterEvent | None:
    """`order_returned.total by order_id`."""
    catalogue = project.catalogue
    words, by, key = text.value.partition(" by ")
    named = NAMED.fullmatch(words)
    if not by or named is None or not NAMED.fullmatch(key):
        problems.append(
            Problem(
                text.span, "E128", f"{quoted(text.value)} does not say what takes points back",
                "it is an event, perhaps with a field, and the field that both events have in common",
                "write for example  order_cancelled by order_id  or  order_returned.total by order_id",
            )
        )  # fmt: skip
        return None
    event = part(text, 0, len(named[1]))
    fields = catalogue.event_fields(event.value)
    if fields is None:
        problems.append(unknown_event(event, catalogue))
        return None
    own, path = catalogue.event_name(event.value), named[2][1:]
    key_text = part(text, len(words) + len(by), len(key))
    if key not in _keys_of((own,), project):
        why = "a key is a text or a number"
        problems.append(unknown("E128", key_text, f"field of {own}", _keys_of((own,), project), why))
        return None
    if key not in _keys_of(earning, project):
        problems.append(
            Problem(
                key_text.span, "E128", f"no event that earns points has the field {quoted(key)}",
                "what takes back names the event that it takes back by a field of both",
                did_you_mean(key, _keys_of(earning, project), "choose a field that both events have"),
            )
        )  # fmt: skip
        return None
    if path and not is_amount(path_type(fields, path)):
        known = [name for name in paths(fields) if is_amount(path_type(fields, name))]
        at = part(text, len(named[1]) + 1, len(path))
        problems.append(unknown("E128", at, f"amount of {own}", known, "an amount is lowered by an amount"))
        return None
    return CounterEvent(own, path or None, key)


def _keys_of(events: tuple[str, ...], project: ProjectContext) -> list[str]:
    named = (project.catalogue.event_fields(event) or {} for event in events)
    return list(
        dict.fromkeys(name for fields in named for name, kind in fields.items() if kind.kind in _KEYS)
    )


def _spent(text: Text, project: ProjectContext, problems: list[Problem]) -> SpendingEvent | None:
    """`points_redeemed.points`."""
    catalogue = project.catalogue
    event, dot, path = text.value.partition(".")
    fields = catalogue.event_fields(event)
    if fields is None:
        problems.append(unknown_event(part(text, 0, len(event)), catalogue))
        return None
    known = [name for name in paths(fields) if _is_number(path_type(fields, name))]
    own = catalogue.event_name(event)
    if not dot:
        fix = f"write  {event}.{known[0]}" if known else f"give {event} a field:  points: number"
        problems.append(
            Problem(
                text.span, "E128", f"{quoted(text.value)} does not say how many points were spent",
                "behind the event stands the field with the number", fix,
            )
        )  # fmt: skip
        return None
    if not _is_number(path_type(fields, path)):
        at = part(text, len(event) + 1, len(path))
        problems.append(unknown("E128", at, f"number of {own}", known, "points are counted by a number"))
        return None
    return SpendingEvent(own, path)


def _is_number(kind: Type | None) -> bool:
    return kind is not None and kind.kind == "number"
