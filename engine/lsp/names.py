"""The names that a file of a project uses, with their places, and where each is defined."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from engine.language import nodes, syntax
from engine.language.steps.change import Change
from engine.language.steps.choose import Choose
from engine.language.steps.code import Code
from engine.language.steps.send import Send
from engine.language.steps.wait import Awaited, Wait
from engine.language.steps.webhook import Webhook
from engine.language.steps.with_values import ChosenValue
from engine.language.syntax import JourneyFile, SegmentFile, Text
from engine.language.yaml.source import read
from engine.problem import Span
from engine.project import Project


class NameKind(StrEnum):
    """What a name stands for."""

    event = "event"
    attribute = "attribute"  # or a fact
    event_field = "field of an event"
    product_field = "field of a product"
    code_field = "field of a code"
    segment = "segment"
    journey = "journey"
    template = "template"
    policy = "policy"
    pool = "pool of codes"
    webhook = "webhook"
    recommendation = "recommendation"
    channel = "channel"
    wait = "wait"
    former = "former name"


@dataclass(frozen=True, slots=True)
class UsedName:
    """A name at a place. `events`: those of whose fields it may be one. `wait`: the step, where it is one.
    `now`: of a former name, the present one."""

    kind: NameKind
    name: str
    span: Span
    events: tuple[str, ...] = ()
    wait: Wait | None = None
    now: Text | None = None


def name_at(project: Project, file: str, line: int, column: int, text: str) -> UsedName | None:
    """The name at a line and column (from 1) of a file; `text` is that line. None: nothing of the kind."""
    journey = next((each for each in project.files.values() if each.span.file == file), None)
    segment = next((each for each in project.segments.values() if each.span.file == file), None)
    written = journey or segment
    if written is not None:
        for used in names_of(written):
            span = used.span
            if span.line == line and span.column <= column <= span.column + span.length:
                return used
    return _by_its_word(project, file, Span(file, line, column), text)


# --- in a journey or a segment -------------------------------------------------------------------


def names_of(file: JourneyFile | SegmentFile) -> Iterator[UsedName]:
    """Every name that a file uses, with what it stands for."""
    if isinstance(file, SegmentFile):
        yield from _names(file.who, (), ())
        return
    starts = tuple(start.event.value for start in file.starts if isinstance(start, syntax.EventStart))
    if file.was is not None:
        yield UsedName(NameKind.former, file.was.value, file.was.span, now=file.name)
    if file.policy is not None:
        yield _used(NameKind.policy, file.policy)
    for part in (file.starts, file.who, file.goal, file.exit_if, file.steps, file.tests):
        yield from _names(part, (), starts)


_NAMED: Mapping[type, Mapping[str, NameKind]] = {
    syntax.Did: {"event": NameKind.event},
    syntax.GivenDid: {"event": NameKind.event},
    syntax.EventStart: {"event": NameKind.event},
    syntax.SegmentStart: {"segment": NameKind.segment},
    syntax.Goal: {"events": NameKind.event},
    syntax.InSegment: {"names": NameKind.segment},
    syntax.InsideJourney: {"journeys": NameKind.journey},
    syntax.Can: {"channels": NameKind.channel},
    syntax.Reacted: {"template": NameKind.template},
    Awaited: {"events": NameKind.event, "template": NameKind.template},
    Send: {"template": NameKind.template, "via": NameKind.channel, "policy": NameKind.policy},
    Code: {"pool": NameKind.pool},
    Webhook: {"name": NameKind.webhook},
    syntax.Given: {
        "segments": NameKind.segment, "inside": NameKind.journey, "unreachable": NameKind.channel,
        "no_consent": NameKind.channel,
    },
}  # fmt: skip
"""Which field of which piece of syntax holds a name, or several, that always stand for the same."""

_OF_STORY_LINES = {
    "event": NameKind.event,
    "clicked": NameKind.template,
    "opened": NameKind.template,
    "bounced": NameKind.template,
    "enters": NameKind.segment,
    "leaves": NameKind.segment,
}


def _names(part: object, events: tuple[str, ...], starts: tuple[str, ...]) -> Iterator[UsedName]:
    """`events`: of a condition about their fields; `starts`: the events that start the journey."""
    if isinstance(part, tuple):
        for each in part:
            yield from _names(each, events, starts)
        return
    here = [
        _used(kind, text)
        for field, kind in _NAMED.get(type(part), {}).items()
        for text in _texts(getattr(part, field))
    ]
    yield from here
    yield from _names_in_context(part, events, starts)
    # What a line of `expect` is made of are words of the trace, and no names
    if dataclasses.is_dataclass(part) and not isinstance(part, syntax.Expected):
        inner = tuple(used.name for used in here if used.kind is NameKind.event) or events
        for field in dataclasses.fields(part):
            below = getattr(part, field.name)
            if isinstance(below, tuple) or dataclasses.is_dataclass(below):
                yield from _names(below, inner if field.name == "where" else events, starts)


def _names_in_context(part: object, events: tuple[str, ...], starts: tuple[str, ...]) -> Iterator[UsedName]:
    """Names whose kind depends on how they are written, or on what stands beside them."""
    match part:
        case syntax.Test(name=name) | Choose(subject=name) | ChosenValue(subject=name):
            yield from _dotted(name, events, starts)
        case syntax.EventStart(event=event, per=syntax.Text() as per):
            yield _used(NameKind.event_field, per, (event.value,))
        case syntax.DateStart(date=name, day=None):
            yield _used(NameKind.attribute, name)
        case Wait():
            yield UsedName(NameKind.wait, part.words(), part.value.span, wait=part)
            yield UsedName(NameKind.wait, part.words(), part.span, wait=part)
            if part.until is not None and part.until.name is not None:
                yield from _dotted(part.until.name, (), starts)
        case Send(until=until, values=pairs):
            if until is not None and until.value not in ("clicked", "opened"):
                yield _used(NameKind.event, until)
            yield from _values(pairs, starts)
        case Webhook(values=pairs):
            yield from _values(pairs, starts)
        case Change(values=pairs) | syntax.Given(values=pairs):
            yield from (_used(NameKind.attribute, pair.name) for pair in pairs)
        case syntax.StoryLine(kind=kind, word=word, fields=fields) if kind in _OF_STORY_LINES:
            yield _used(_OF_STORY_LINES[kind], word)
            if kind == "event":
                yield from (_used(NameKind.event_field, field.name, (word.value,)) for field in fields)
        case syntax.Expected(words=words):
            if found := re.match(r"(?:send|skip) (?P<template>[a-z]\w*)", words.value):
                begin, length = found.start("template"), len(found["template"])
                yield _used(NameKind.template, nodes.part(words, begin, length))
        case _:
            pass
    if isinstance(part, syntax.Step) and part.was is not None:
        yield UsedName(NameKind.former, part.was.value, part.was.span, now=part.resting_id)


def _texts(value: Text | tuple[Text, ...] | None) -> tuple[Text, ...]:
    return value if isinstance(value, tuple) else () if value is None else (value,)


def _used(kind: NameKind, text: Text, events: tuple[str, ...] = ()) -> UsedName:
    return UsedName(kind, text.value, text.span, events)


def _values(pairs: tuple[syntax.Pair, ...], starts: tuple[str, ...]) -> Iterator[UsedName]:
    """What stands behind the names of `with`: a text of its own, or a dotted name."""
    for pair in pairs:
        yield from _dotted(pair.value, (), starts, bare=False)


def _dotted(
    name: Text, events: tuple[str, ...], starts: tuple[str, ...], *, bare: bool = True
) -> Iterator[UsedName]:
    """`trigger.total`, `product.price`, `code.value`, `recommend.with_this_order`; a bare name is that of a
    field of the event, or of the customer."""
    head, dot, rest = name.value.partition(".")
    if dot and rest:
        match head:
            case "trigger":
                yield UsedName(NameKind.event_field, rest, name.span, starts)
                return
            case "product":
                yield UsedName(NameKind.product_field, rest, name.span)
                return
            case "code":
                yield UsedName(NameKind.code_field, rest, name.span)
                return
            case "customer":
                yield UsedName(NameKind.attribute, rest, name.span)
                return
            case "recommend":
                yield UsedName(NameKind.recommendation, rest, name.span)
                return
            case _:
                pass
    if bare and name.value != "segment":
        yield _used(NameKind.event_field if events else NameKind.attribute, name, events)


# --- in other files, and in text that nobody can read --------------------------------------------

_WORD = re.compile(r"[A-Za-z_][\w.]*\w|[A-Za-z_]")


def _by_its_word(project: Project, file: str, at: Span, line: str) -> UsedName | None:
    found = next((m for m in _WORD.finditer(line) if m.start() <= at.column - 1 <= m.end()), None)
    if found is None:
        return None
    span = Span(file, at.line, found.start() + 1, len(found[0]))
    dotted = next(_dotted(Text(found[0], span), (), (), bare=False), None)
    if dotted is not None or file.startswith("templates/"):
        return dotted
    head, _, rest = found[0].partition(".")
    catalogue, config = project.catalogue, project.config
    if rest and catalogue.event_fields(head) is not None:  # order_placed.total, in the words of a fact
        in_head = at.column - 1 <= found.start() + len(head)
        kind = NameKind.event if in_head else NameKind.event_field
        return UsedName(kind, head if in_head else rest, span, () if in_head else (head,))
    known = (
        (NameKind.event, catalogue.event_fields(head) is not None),
        (NameKind.attribute, catalogue.customer_type(head) is not None),
        (NameKind.segment, head in project.segments),
        (NameKind.template, head in project.templates.by_name),
        (NameKind.journey, head in project.world.journeys),
        (NameKind.pool, head in config.codes or head in config.offers),
        (NameKind.policy, head in config.policies),
        (NameKind.recommendation, head in config.recommendations),
        (NameKind.webhook, head in config.webhooks),
        (NameKind.channel, head in config.channels),
    )
    named = next((UsedName(kind, head, span) for kind, is_one in known if is_one), None)
    return None if rest else named


# --- where they are defined ----------------------------------------------------------------------

CUSTOMER, EVENTS, PRODUCT, CONFIG = (
    "schemas/customer.yaml", "schemas/events.yaml", "schemas/product.yaml", "config.yaml"
)  # fmt: skip
_IN_CONFIG = {
    NameKind.policy: "policies",
    NameKind.pool: "codes",
    NameKind.webhook: "webhooks",
    NameKind.recommendation: "recommendations",
    NameKind.channel: "channels",
}


def definitions(project: Project, used: UsedName) -> list[Span]:
    """Where a name is defined, several places for a template; none: the engine knows it by itself, or nobody
    does."""
    match used.kind:
        case NameKind.event:
            return _keys(project, EVENTS, "events", project.catalogue.event_name(used.name))
        case NameKind.attribute:
            in_file = [_keys(project, CUSTOMER, part, used.name) for part in ("attributes", "facts")]
            return [span for spans in in_file for span in spans]
        case NameKind.event_field:
            first = used.name.partition(".")[0]
            names = (project.catalogue.event_name(event) for event in used.events)
            return [s for name in names for s in _keys(project, EVENTS, "events", name, "fields", first)]
        case NameKind.product_field:
            return _keys(project, PRODUCT, "product", used.name)
        case NameKind.segment:
            segment = project.segments.get(used.name)
            return [segment.name.span] if segment is not None else []
        case NameKind.journey:
            files = project.files.values()
            named = [file.name.span for file in files if file.name.value == used.name]
            return named or [file.name.span for file in files if file.was and file.was.value == used.name]
        case NameKind.template:
            return [Span(each.file, 1, 1) for each in project.templates.by_name.get(used.name, ())]
        case NameKind.former:
            return [used.now.span] if used.now is not None else []
        case NameKind.wait | NameKind.code_field:
            return []
        case kind:
            return _keys(project, CONFIG, _IN_CONFIG[kind], used.name)


def _keys(project: Project, file: str, *keys: str) -> list[Span]:
    """The place of a key below others; none where it does not stand there."""
    node, _ = read(project.sources.get(file, ""), file)
    place: list[Span] = []
    for key in keys:
        entries = node.entries if isinstance(node, nodes.Mapping) else ()
        entry = next((entry for entry in entries if entry.key.text == key), None)
        if entry is None:
            return []
        node, place = entry.value, [entry.key.span]
    return place
