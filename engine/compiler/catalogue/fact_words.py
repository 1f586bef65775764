"""The words of computed facts: `count of order_placed`, `most frequent order_placed.items.category`."""

from __future__ import annotations

import re

from engine.compiler.catalogue.catalogue import NUMBER, TEXT, TIME, Catalogue, path_type, paths
from engine.compiler.wording import unknown
from engine.core.facts.customer import FactRule
from engine.core.facts.rfm import GroupTable
from engine.language.duration import parse_length
from engine.language.nodes import part
from engine.language.syntax import Text
from engine.language.wording import quoted
from engine.problem import Problem
from engine.values import Type

_FORMS = (
    ("count", "count of ", "event"),
    ("sum", "sum of ", "amount"),
    ("average days between", "average days between ", "event"),
    ("average", "average of ", "amount"),
    ("most frequent", "most frequent ", "any"),
    ("last", "last ", "either"),
    ("first", "first ", "either"),
    ("rfm", "rfm of ", "amount"),
)
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)((?:\.[A-Za-z0-9_]+)*)")
_WINDOW = re.compile(r"(.*?) in last (.+)")
_WHY = (
    "the forms are: count of E, sum of E.f, average of E.f, last E, first E, most frequent E.f, "
    "average days between E, rfm of E.f; `in last 7 days` may follow"
)


def read_fact(name: str, text: Text, catalogue: Catalogue, groups: GroupTable) -> FactRule | Problem:
    """One fact; `catalogue` holds the events, `groups` what `rfm` makes of its scores."""
    words, last = text.value, None
    window = _WINDOW.fullmatch(words)
    if window:
        length = parse_length(part(text, window.start(2), len(window[2])))
        if isinstance(length, Problem):
            return length
        words, last = window[1], length.duration.roughly()
    for how, start, wants in _FORMS:
        if not words.startswith(start):
            continue
        found = _NAME.fullmatch(words[len(start) :])
        if found is None:
            return _not_a_fact(text)
        event = part(text, len(start), len(found[1]))
        fields = catalogue.event_fields(event.value)
        if fields is None:
            return unknown("E10", event, "event", catalogue.event_names(), "events come from schemas/")
        path = found[2][1:]
        where = part(text, len(start) + len(found[1]) + 1, len(path)) if path else text
        kind = _field_kind(where, path, catalogue, event.value, wants)
        if isinstance(kind, Problem):
            return kind
        own = catalogue.event_name(event.value)
        if how == "rfm":
            return FactRule(name, "rfm", own, path, Type("one of", groups.names), last, groups)
        return FactRule(name, how, own, path or None, _result(how, kind), last)  # type: ignore[arg-type]
    return _not_a_fact(text)


def _field_kind(text: Text, path: str, catalogue: Catalogue, event: str, wants: str) -> Type | Problem | None:
    fields = catalogue.event_fields(event) or {}
    if wants == "event" and path:
        return Problem(
            text.span, "E82", f"{quoted(path)} is not needed here", "this fact looks at the event itself",
            f"write only  {event}",
        )  # fmt: skip
    if not path:
        if wants in ("event", "either"):
            return None
        return Problem(
            text.span, "E82", "this fact needs a field of the event", f"{event} alone has no amount",
            f"write  {event}.total  or another field",
        )  # fmt: skip
    kind = path_type(fields, path)
    if kind is None:
        return unknown("E11", text, f"field of {event}", paths(fields), "fields of events come from schemas/")
    if wants == "amount" and kind.kind not in ("number", "money"):
        return Problem(
            text.span, "E82", f"{quoted(path)} is {kind.kind}, not an amount", "sums and averages are of numbers and money",
            "name a field of type number or money",
        )  # fmt: skip
    if kind.kind == "list of":
        return Problem(
            text.span, "E82", f"{quoted(path)} is a list", "a fact is one value",
            f"name a field inside it:  {path}.{kind.items[0][0] if kind.items else 'name'}",
        )  # fmt: skip
    return kind


def _result(how: str, kind: Type | None) -> Type:
    match how:
        case "count" | "average days between":
            return NUMBER
        case "last" | "first" if kind is None:
            return TIME
    assert kind is not None
    return TEXT if how == "most frequent" and kind.kind == "list of text" else kind


def _not_a_fact(text: Text) -> Problem:
    return Problem(
        text.span,
        "E82",
        f"{quoted(text.value)} does not say how to compute it",
        _WHY,
        "write for example  count of order_placed  or  sum of order_placed.total",
    )
