"""Where a condition or value stands, and what names mean there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from engine.compiler.catalogue.catalogue import CODE, path_type, paths
from engine.compiler.project_context import ProjectContext
from engine.compiler.walk import every_step
from engine.core.conditions.condition import Ref
from engine.language.steps.split import Split
from engine.language.syntax import (
    ClockStart,
    DateStart,
    EventStart,
    JourneyFile,
    ProductStart,
    SegmentStart,
    Text,
)
from engine.language.wording import either, quoted, unknown
from engine.problem import Problem, Span, did_you_mean, nearest
from engine.values import Type

UNSAID = Problem(Span("", 0, 0), "", "follows from a problem that is told elsewhere")
"""Stands for a problem that must not be told a second time."""


@dataclass(frozen=True, slots=True)
class TriggerFields:
    """What `trigger.` offers: the fields that every start has; `partial` those that only some have, with
    the starts that lack them; `none_because` is set where a start has no fields at all. `unknown`: a start
    was wrong, so nobody can say what it brings."""

    fields: Mapping[str, Type]
    partial: Mapping[str, str]
    none_because: str = ""
    product: bool = False
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class NameScope:
    """Where a condition or value stands. `event_fields`: inside a `where` bare names are fields of these
    events. `consent`: what `can` asks for. `run`: clicked, opened, goal, code and since start have a
    meaning."""

    world: ProjectContext
    kind: Literal["journey", "segment", "clock"]
    consent: str | None
    trigger: TriggerFields | None = None
    event_fields: Mapping[str, Type] | None = None
    event: str = ""
    splits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of the journey, with their paths

    ends_a_run: bool = False  # exit_if, and `when` of a goal

    @property
    def happened(self) -> str:
        """The form of `did` for an event that is named alone: what ended a run last year must not end the
        next one in its first moment."""
        return "since start" if self.ends_a_run else "ever"

    @property
    def run(self) -> bool:
        """Is there a run to ask about?"""
        return self.kind == "journey"

    def inside(self, events: tuple[str, ...]) -> NameScope:
        """The place inside a `where` about these events: bare names are fields that one of them has."""
        fields: dict[str, Type] = {}
        for event in reversed(events):
            fields |= self.world.catalogue.event_fields(event) or {}
        return replace(self, event_fields=fields, event=either(events, "or"))


def trigger_fields(file: JourneyFile, project: ProjectContext) -> TriggerFields:
    """What `trigger.` and `product.` offer in a journey with these starts."""
    every: list[tuple[str, Mapping[str, Type]]] = []
    none_because = ""
    for start in file.starts:
        match start:
            case EventStart(event=name) | ProductStart(kind=name):
                every.append((name.value, project.catalogue.event_fields(name.value) or {}))
            case SegmentStart():
                none_because = none_because or "a segment"
            case DateStart():
                none_because = none_because or "a date"
            case ClockStart():
                none_because = none_because or "the clock"
    fields: dict[str, Type] = {}
    partial: dict[str, str] = {}
    for _, own in every:
        for path, kind in own.items():
            lacking = [other for other, others in every if path not in others]
            if lacking or none_because:
                partial[path] = either(lacking, "and") if lacking else none_because
            else:
                fields[path] = kind
    names = [
        start.event if isinstance(start, EventStart) else start.kind
        for start in file.starts
        if isinstance(start, EventStart | ProductStart)
    ]
    return TriggerFields(
        fields,
        partial,
        none_because,
        "product_id" in fields,
        (not file.starts or any(project.catalogue.event_fields(name.value) is None for name in names)),
    )


def splits_of(file: JourneyFile) -> dict[str, tuple[str, ...]]:
    """The splits of a journey with their paths: what `paths.` offers."""
    return {
        step.name.value: tuple(path.name.value for path in step.paths)
        for step in every_step(file.steps)
        if isinstance(step, Split)
    }


def attribute_fix(name: str, kind: str = "text") -> str:
    """Where a new attribute is written, as text to paste. `kind`: the type that what is said of it fits."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        return "write one of the names of schemas/customer.yaml"
    return f"add to schemas/customer.yaml, under  attributes:  and with its type\n         {name}: {kind}"


def resolve(name: Text, scope: NameScope, meant: str = "text") -> Ref | Problem:
    """The reference that a name means in its place. `meant`: the type that it would have if it were new."""
    head, dot, rest = name.value.partition(".")
    if dot and head in ("trigger", "product", "code"):
        match head:
            case "trigger":
                return _trigger(name, rest, scope)
            case "product":
                return _product(name, rest, scope)
            case _:
                return _code(name, rest, scope)
    # inside `where` a bare name is a field of the event alone: an attribute of the same name is not meant
    if scope.event_fields is not None:
        kind = path_type(scope.event_fields, name.value)
        if kind is not None:
            return Ref("event", name.value, kind)
        known = list(paths(scope.event_fields or {}))
        near = did_you_mean(name.value, known)
        otherwise = (
            f"the fields are: {', '.join(known)}"
            if known
            else f"add to schemas/events.yaml, under  {scope.event}:\n"
            f"         fields: {{{name.value}: {meant}}}"
        )
        if not near and scope.world.catalogue.customer_type(name.value) is not None:
            otherwise = f"{name.value} belongs to the customer: ask for it outside of  where:"
        return Problem(
            name.span, "E11", f"{scope.event} has no field called {quoted(name.value)}",
            "fields of events come from schemas/",
            near or otherwise, topic="name", subject=name.value,
        )  # fmt: skip
    kind = scope.world.catalogue.customer_type(name.value)
    if kind is not None:
        return Ref("customer", name.value, kind)
    return unknown_attribute(name, scope, meant)


VALUE_GROUPS = ("trigger", "product", "customer", "code", "paths", "recommend")
"""What the values of `with` may name, each with a dot and a name behind it."""


def names_a_value(word: str) -> bool:
    """Whether a value of `with` is a name, whose value is meant, and not the words themselves."""
    return word.partition(".")[0] in VALUE_GROUPS and "." in word and word.replace(".", "_").isidentifier()


def resolve_value(name: Text, scope: NameScope) -> Ref | Problem:
    """The reference that a name means as a value of `with`: there the customer is named, too."""
    head, _, rest = name.value.partition(".")
    match head:
        case "customer":
            kind = scope.world.catalogue.customer_type(rest)
            if kind is not None:
                return Ref("customer", rest, kind)
            known = [f"customer.{each}" for each in scope.world.catalogue.customer_names()]
            return unknown("E11", name, "customer attribute", known, "names come from schemas/")
        case "paths":
            paths_of = scope.splits.get(rest)
            if paths_of is not None:
                return Ref("paths", rest, Type("one of", paths_of))
            splits = [f"paths.{split}" for split in scope.splits]
            return unknown("E36", name, "split", splits, "the splits are those of this journey")
        case "recommend":
            return _recommendation(name, rest, scope)
        case _:
            return resolve(name, scope)


def _recommendation(name: Text, rest: str, scope: NameScope) -> Ref | Problem:
    """E119 for a name that config.yaml does not have."""
    known = scope.world.config.recommendations
    if rest in known:
        fields = (("product_id", Type("text")), *scope.world.catalogue.product_fields.items())
        return Ref("recommend", rest, Type("list of", items=fields))
    why = "they stand in config.yaml under  recommendations:"
    fix = f"add to config.yaml, under  recommendations:\n         {rest}: {{from: [bestsellers]}}"
    names = [f"recommend.{each}" for each in known]
    return unknown("E119", name, "recommendation", names, why, fix)


def name_meant(word: str, scope: NameScope) -> str:
    """The name that a value of `with` looks like though it is none; empty: it is a word like any other."""
    catalogue = scope.world.catalogue
    if word in ("code", "code.code", "promo_code"):
        return "code.value"
    if scope.trigger is not None and word in scope.trigger.fields:
        return f"trigger.{word}"
    if catalogue.customer_type(word) is not None:
        return f"customer.{word}"
    head, dot, rest = word.partition(".")
    if not dot or not word.replace(".", "_").isidentifier() or not rest:
        return ""
    meant = _HEADS.get(head) or nearest(head, VALUE_GROUPS)
    if head in scope.splits:
        return f"paths.{head}"
    if catalogue.event_fields(head) is not None:
        meant = "trigger"
    return f"{meant}.{rest}" if meant else ""


_HEADS = {
    "event": "trigger", "events": "trigger", "start": "trigger", "order": "trigger", "cart": "trigger",
    "properties": "trigger", "data": "trigger", "user": "customer", "profile": "customer",
    "person": "customer", "contact": "customer", "traits": "customer", "subscriber": "customer",
    "attributes": "customer", "facts": "customer", "item": "product", "coupon": "code", "promo": "code",
    "voucher": "code", "split": "paths", "path": "paths", "splits": "paths",
    "recommendation": "recommend", "recommendations": "recommend", "recommended": "recommend",
}  # fmt: skip
"""What other tools call our groups of names."""


def _trigger(name: Text, rest: str, scope: NameScope) -> Ref | Problem:
    trigger = scope.trigger
    if trigger is None or not scope.run:
        return _not_here(name, "trigger.", scope)
    kind = path_type(trigger.fields, rest)
    if kind is not None:
        return Ref("trigger", rest, kind)
    # the start itself has a wrong name, which is told where it stands: nothing follows from it here
    if trigger.unknown:
        return UNSAID
    if rest in trigger.partial:
        lacking = trigger.partial[rest]
        return Problem(
            name.span, "E67",
            f"{quoted(name.value)} is not there for every start: {lacking} has no {quoted(rest)}",
            "a run that begins there would have nothing in this place",
            "make two journeys, or ask for something that every start has",
        )  # fmt: skip
    if trigger.none_because:
        return Problem(
            name.span, "E67",
            f"{quoted(name.value)} has no meaning here: this journey starts from {trigger.none_because}",
            "only an event or a product brings fields with it",
            "name an attribute of the customer instead",
        )  # fmt: skip
    choices = [f"trigger.{path}" for path in paths(trigger.fields)]
    return unknown("E11", name, "field of the starting event", choices, "fields of events come from schemas/")


def _product(name: Text, rest: str, scope: NameScope) -> Ref | Problem:
    trigger = scope.trigger
    if trigger is None or not scope.run:
        return _not_here(name, "product.", scope)
    kind = scope.world.catalogue.product_fields.get(rest)
    if kind is None:
        choices = [f"product.{field}" for field in scope.world.catalogue.product_fields]
        return unknown(
            "E11", name, "field of a product", choices, "fields of products come from schemas/product.yaml"
        )
    if trigger.unknown:
        return UNSAID
    if not trigger.product:
        return Problem(
            name.span, "E67", f"{quoted(name.value)} has no meaning here: the start has no product_id",
            "product. is the present state of the product in trigger.product_id",
            "start from a product, or from an event with the field product_id",
        )  # fmt: skip
    return Ref("product", rest, kind)


def _code(name: Text, rest: str, scope: NameScope) -> Ref | Problem:
    if not scope.run:
        return _not_here(name, "code.", scope)
    kind = CODE.get(rest)
    if kind is not None:
        return Ref("code", rest, kind)
    choices = [f"code.{field}" for field in CODE]
    return unknown("E11", name, "part of a code", choices, f"a code has: {', '.join(choices)}")


def not_here(span_of: Text, what: str, scope: NameScope) -> Problem:
    """E68: a question about a run where there is no run."""
    where = "a segment" if scope.kind == "segment" else "the `who` of a clock or date start"
    return Problem(
        span_of.span, "E68", f"{what} has no meaning in {where}",
        "it is asked of all customers at once, and there is no run to ask about",
        "ask about the customer: an attribute, a fact, did, segment, inside or can",
    )  # fmt: skip


def _not_here(name: Text, what: str, scope: NameScope) -> Problem:
    if scope.run:
        return Problem(
            name.span, "E67", f"{quoted(name.value)} has no meaning here",
            f"there is no {what} in this place",
            "name a field of the event itself",
        )  # fmt: skip
    return not_here(name, quoted(name.value), scope)


def unknown_attribute(name: Text, scope: NameScope, meant: str = "text") -> Problem:
    """E11 for a customer attribute; `meant`: the type that it would have if it were new."""
    catalogue = scope.world.catalogue
    known = catalogue.customer_names()
    trigger = scope.trigger.fields if scope.trigger else {}
    head, _, rest = name.value.partition(".")
    if head in ("customer", "user", "profile", "attributes") and catalogue.customer_type(rest) is not None:
        otherwise = f"write  {rest}"
    elif name.value in trigger:
        otherwise = f"write  trigger.{name.value}  for the field of the starting event"
    elif name.value in catalogue.product_fields:
        otherwise = f"write  product.{name.value}  for the field of the product"
    elif name.value in catalogue.event_names():
        otherwise = f"write  did: {{{name.value}: {scope.happened}}}"
    elif name.value in scope.world.segments:
        otherwise = f"write  segment: {name.value}"
    elif name.value in scope.world.journeys:
        otherwise = f"write  inside: {name.value}"
    else:
        otherwise = ""
    special = ("segment", "inside", "did", "can", "clicked", "opened", "goal", "any", "all", "none")
    fix = otherwise or did_you_mean(name.value, [*known, *special], attribute_fix(name.value, meant))
    return Problem(
        name.span,
        "E11",
        f"there is no customer attribute called {quoted(name.value)}",
        "names come from schemas/",
        fix,
        topic="name",
        subject=name.value,
    )
