"""The `where` of a fact: a condition on the fields of one event, or of one item of it."""

from __future__ import annotations

from collections.abc import Mapping

from engine.compiler.catalogue.catalogue import Catalogue, path_type
from engine.compiler.conditions.forms import read_form
from engine.compiler.conditions.names import NameScope, resolve
from engine.compiler.conditions.text_meant import text_problem
from engine.compiler.facts.fact_words import Phrase
from engine.compiler.project_context import ProjectContext
from engine.config import Config
from engine.core.conditions import condition as core
from engine.core.conditions.closure import compile_condition
from engine.core.conditions.dependencies import forms, refs
from engine.core.conditions.scope import Scope
from engine.core.definition import definition
from engine.core.facts.customer import Facts
from engine.core.facts.rule import FactWhere
from engine.core.happening import Event
from engine.language import syntax
from engine.language.conditions.condition import parse_condition
from engine.language.map_reader import ReadContext
from engine.language.nodes import Node
from engine.language.wording import quoted
from engine.problem import Problem, Span
from engine.values import Instant, Type, Value

_NEVER = core.AnyOf(())
_NOBODY, _NO_TIME = Facts(""), Instant(0)


def read_where(
    context: ReadContext, node: Node, at: Span, phrase: Phrase, catalogue: Catalogue, config: Config
) -> FactWhere | None:
    """The condition of a fact; None after noting what is wrong with it."""
    before = context.errors
    written = parse_condition(context, node, at, "where", of_event=True)
    if written is None:
        return None
    scope = NameScope(ProjectContext(config, catalogue), "segment", None).inside((phrase.event,))
    condition = _all_of(context, written, scope)
    if context.errors > before:
        return None
    if any(isinstance(form, core.RelativeAge | core.Today) for form in forms(condition)):
        context.report(
            written.span, "E103", "a fact cannot ask how long ago something is",
            "it is counted once, when the event comes, and would be wrong the day after",
            "write  before 2026-11-27  or  after 2026-11-27, or give the fact  last: 30 days",
        )  # fmt: skip
        return None
    lists = list(dict.fromkeys(_list_of(ref.name, phrase.fields) for ref in refs(condition)))
    items = [name for name in lists if name is not None]
    if len(items) > 1:
        context.report(
            written.span, "E103", f"this asks about two lists: {quoted(items[0])} and {quoted(items[1])}",
            "the condition is asked of one item after the other, and an item belongs to one list",
            "make two facts",
        )  # fmt: skip
        return None
    return made(condition, items[0] if items else None)


def made(condition: core.Condition, items: str | None) -> FactWhere:
    """The condition with its closure."""
    test = compile_condition(condition)

    def fits(fields: Mapping[str, Value]) -> bool:
        event = Event(0, "", "", _NO_TIME, _NO_TIME, fields)
        return test(Scope(_NOBODY, None, _NO_TIME, event))

    named = tuple((ref.name, ref.type) for ref in refs(condition))
    return FactWhere(definition(condition), fits, named, items)


def where_of_counter(where: FactWhere | None, path: str, fields: Mapping[str, Type]) -> FactWhere | None:
    """What a counter event takes back item by item is asked by the same condition, where it has the same
    fields; else all of it counts."""
    if where is None or where.items is None or not path.startswith(f"{where.items}."):
        return None
    known = (path_type(fields, name) == kind for name, kind in where.reads)
    return where if all(known) else None


def _all_of(context: ReadContext, written: syntax.AllOf, scope: NameScope) -> core.Condition:
    parts = tuple(_line(context, line, scope) for line in written.lines)
    return parts[0] if len(parts) == 1 else core.AllOf(parts)


def _line(context: ReadContext, line: syntax.ConditionLine, scope: NameScope) -> core.Condition:
    match line:
        case syntax.Test(name, form):
            ref = resolve(name, scope)
            condition = ref if isinstance(ref, Problem) else read_form(name, form, ref, scope)
            if isinstance(ref, core.Ref) and (doubtful := text_problem(name, form, ref)):
                context.problems.append(doubtful)
            return _NEVER if isinstance(condition, Problem) and _told(context, condition) else condition  # type: ignore[return-value]
        case syntax.Group(how, conditions):
            inner = tuple(_all_of(context, each, scope) for each in conditions)
            match how:
                case "all":
                    return core.AllOf(inner)
                case "any":
                    return core.AnyOf(inner)
                case "none":
                    return core.Not(core.AnyOf(inner))
        case _:
            return _NEVER  # a `where` has no other lines: its parser makes none


def _told(context: ReadContext, problem: Problem) -> bool:
    context.problems.append(problem)
    return True


def _list_of(name: str, fields: Mapping[str, Type]) -> str | None:
    """The list whose items a name is about; None: the event itself."""
    head, dot, _ = name.partition(".")
    return head if dot and name not in fields and head in fields else None
