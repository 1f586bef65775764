"""One fact of schemas/customer.yaml: a short text, or a map with `is`, `where`, `less` and `last`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.compiler.catalogue.catalogue import Catalogue, path_type, paths
from engine.compiler.catalogue.rfm_words import ScoreTable
from engine.compiler.facts.fact_conditions import read_where, where_of_counter
from engine.compiler.facts.fact_words import FORMS, NAMED, Phrase, Window, read_phrase, read_window
from engine.config import Config
from engine.core.facts.rule import CounterEvent, FactRule, FactWhere
from engine.language.grammar import Construct, Key
from engine.language.map_reader import MapReader, ReadContext
from engine.language.nodes import Mapping as MapNode
from engine.language.nodes import Node, Scalar, part
from engine.language.schema.files import construct_schema
from engine.language.syntax import Text
from engine.language.wording import quoted, unknown
from engine.problem import Problem
from engine.values import Type

_PHRASE_SHAPE = {
    "type": "string",
    "pattern": rf"^({'|'.join(form.words for form in FORMS)}) \w+(\.\w+)*( in (last|next) .+)?$",
    "patternErrorMessage": "write for example  count of order_placed"
    "  or  sum of order_placed.total in last 30 days",
    "examples": [
        "count of order_placed",
        "sum of order_placed.total",
        "last order_placed",
        "most frequent order_placed.items.category",
        "number of different order_placed.items.category",
        "median days between order_placed",
        "next order_placed",
        "chance of order_placed in next 90 days",
        "expected sum of order_placed.total in next 365 days",
    ],
}
_LESS = r"^\w+(\.\w+)* by \w+$"
_LESS_SHAPE: Mapping[str, object] = {
    "anyOf": [
        {"type": "string", "pattern": _LESS},
        {"type": "array", "items": {"type": "string", "pattern": _LESS}, "minItems": 1},
    ],
    "errorMessage": "write for example  order_cancelled by order_id",
}
_LAST_SHAPE: Mapping[str, object] = {
    "type": "string",
    "examples": ["365 days", "30 days", "this year", "last year"],
}

FACT = Construct(
    "fact",
    "a fact",
    (
        Key("is", "text", "how it is computed", needed=True, example="count of order_placed",
            shape=_PHRASE_SHAPE),
        Key("where", "where", "which events, or which items of them; of a share, what is counted"),
        Key("less", "texts", "events that take back what the one with the same key added",
            example="order_cancelled by order_id", shape=_LESS_SHAPE),
        Key("last", "text", "the stretch of time: a length, this year or last year", example="365 days",
            shape=_LAST_SHAPE),
    ),
    "A fact that needs more than one short text",
    (
        ("formula", "is"), ("value", "is"), ("compute", "is"), ("of", "is"), ("filter", "where"),
        ("if", "where"), ("only", "where"), ("minus", "less"), ("without", "less"),
        ("except", "less"), ("in", "last"), ("window", "last"), ("since", "last"), ("period", "last"),
    ),
    stray="remove it",
)  # fmt: skip
FACT_SHAPE: Mapping[str, object] = {"anyOf": [_PHRASE_SHAPE, construct_schema(FACT)]}

_AMOUNTS = ("sum", "average")
"""What an amount can be taken back from."""


@dataclass(frozen=True, slots=True)
class FactScope:
    """What the facts of a shop are made of: its events, how `rfm` is scored, currency and zone."""

    catalogue: Catalogue
    rfm: ScoreTable
    config: Config


def read_fact(context: ReadContext, name: Scalar, node: Node, shop: FactScope) -> FactRule | None:
    """The rule of one fact; None after noting what is wrong with it."""
    if isinstance(node, Scalar):
        phrase = context.keep(read_phrase(node.whole(), shop.catalogue))
        return None if phrase is None else _rule(context, name, phrase, None, (), shop)
    if not isinstance(node, MapNode):
        context.report(
            node.span,
            "E82",
            "a fact is one short text, or lines with  is:",
            "it says how it is computed",
            "write  count of order_placed",
        )
        return None
    reader = MapReader(context, FACT, node.entries, name.span, f"the fact {name.text}")
    words = reader.text("is")
    phrase = context.keep(read_phrase(words, shop.catalogue)) if words is not None else None
    if phrase is None:
        return None
    before = context.errors
    at = reader.text("last")
    window = context.keep(read_window(at, shop.config.timezone)) if at is not None else phrase.window
    if at is not None and phrase.window is not None:
        context.wrong(at, "is a second stretch of time", f"{quoted(phrase.text.value)} has one already",
                      "keep one of the two", "E101")  # fmt: skip
    where_node = reader.node("where")
    where = None if where_node is None else read_where(
        context, where_node, reader.at_key("where"), phrase, shop.catalogue, shop.config
    )  # fmt: skip
    less_node = reader.node("less")
    texts = context.texts(less_node, "less", "order_cancelled by order_id") if less_node is not None else ()
    counters = [_counter(context, text, phrase, where, shop.catalogue) for text in texts]
    _one_key(context, texts, counters)
    if context.errors > before:
        return None
    phrase = replace(phrase, window=window)
    return _rule(context, name, phrase, where, tuple(each for each in counters if each is not None), shop)


def _rule(
    context: ReadContext,
    name: Scalar,
    phrase: Phrase,
    where: FactWhere | None,
    less: tuple[CounterEvent, ...],
    shop: FactScope,
) -> FactRule | None:
    how, window = phrase.form.how, phrase.window
    misfit = _misfit(phrase, where, less, window)
    if misfit is not None:
        context.problems.append(misfit)
        return None
    last, year = (window.length, window.year) if window is not None else (None, None)
    if how == "rfm":
        groups = shop.rfm.groups
        kind = Type("one of", groups.names)
        return FactRule(name.text, how, phrase.event, phrase.path, kind, last, groups, shop.rfm.borders)
    return FactRule(
        name.text,
        how,
        phrase.event,
        phrase.path or None,
        phrase.type,
        last,
        where=where,
        less=less,
        year=year,
        ahead=phrase.ahead,
    )


def _misfit(
    phrase: Phrase, where: FactWhere | None, less: tuple[CounterEvent, ...], window: Window | None
) -> Problem | None:
    """E101: parts of a fact that have no meaning together."""
    how, words = phrase.form.how, phrase.form.words
    if how == "share" and where is None:
        return Problem(
            phrase.text.span, "E101", "a share needs  where:",
            "it is the events that fit, of all events",
            f"write  {{is: {phrase.text.value}, where: {{code: is set}}}}",
        )  # fmt: skip
    if how == "next" and window is not None:
        return Problem(
            phrase.text.span, "E101", f"{quoted(words)} has no stretch of time",
            "it counts on from the last event, with the gaps between all of them", "remove it",
        )  # fmt: skip
    if phrase.ahead is not None and (where is not None or less or window is not None):
        what = "where" if where is not None else "less" if less else "a stretch of time that is over"
        return Problem(
            phrase.text.span, "E107", f"{quoted(words)} does not go with  {what}",
            "the night fits a model to all events, each day on which a customer came counted once",
            "remove it, and put what is special about these events into an event of its own",
        )  # fmt: skip
    year = window is not None and window.year is not None
    if how == "rfm" and (where is not None or less or year):
        what = "where" if where is not None else "less" if less else "a calendar year"
        return Problem(
            phrase.text.span, "E101", f"{quoted(words)} does not go with  {what}",
            "the night scores all events of a stretch of time",
            "remove it, or write a sum beside it and ask for that",
        )  # fmt: skip
    return None


def _counter(
    context: ReadContext, text: Text, phrase: Phrase, where: FactWhere | None, catalogue: Catalogue
) -> CounterEvent | None:
    """`order_returned.total by order_id`."""
    words, by, key = text.value.partition(" by ")
    named = NAMED.fullmatch(words)
    if not by or named is None or not NAMED.fullmatch(key):
        context.wrong(
            text, "does not say what takes back what",
            "it is an event, perhaps with a field, and the field that both events have in common",
            "write for example  order_cancelled by order_id  or  order_returned.total by order_id", "E100",
        )  # fmt: skip
        return None
    event = part(text, 0, len(named[1]))
    fields = catalogue.event_fields(event.value)
    if fields is None:
        context.problems.append(
            unknown("E10", event, "event", catalogue.event_names(), "events come from schemas/")
        )
        return None
    own, path = catalogue.event_name(event.value), named[2][1:]
    if own == phrase.event:
        context.wrong(
            event, "cannot take itself back", "the fact is made of this event", "name another event", "E100"
        )
        return None
    key_text = part(text, len(words) + len(by), len(key))
    if not _has_key(context, key_text, fields, own) or not _has_key(
        context, key_text, phrase.fields, phrase.event
    ):
        return None
    if path and not _takes_amount(
        context, part(text, len(named[1]) + 1, len(path)), fields, own, key, phrase
    ):
        return None
    return CounterEvent(own, path or None, key, where_of_counter(where, path, fields))


def _has_key(context: ReadContext, key: Text, fields: Mapping[str, Type], event: str) -> bool:
    kind = fields.get(key.value)
    if kind is not None and kind.kind in ("text", "one of", "number"):
        return True
    if kind is not None:
        context.wrong(key, f"of {event} is {kind.kind}, not a key", "a key is a text or a number", "", "E102")
        return False
    known = [name for name, own in fields.items() if own.kind in ("text", "one of", "number")]
    problem = unknown("E102", key, f"field of {event}", known, "both events need the field that joins them")
    context.problems.append(problem)
    return False


def _takes_amount(
    context: ReadContext, field: Text, fields: Mapping[str, Type], event: str, key: str, phrase: Phrase
) -> bool:
    kind = path_type(fields, field.value)
    if kind is None:
        context.problems.append(
            unknown("E11", field, f"field of {event}", paths(fields), "fields of events come from schemas/")
        )
    elif phrase.form.how not in _AMOUNTS:
        context.wrong(
            field, "takes nothing back here",
            f"a field lowers an amount, and {quoted(phrase.form.words)} has none",
            f"write  {event} by {key}  without a field: then the whole event does not count", "E101",
        )  # fmt: skip
    elif kind.kind != phrase.type.kind:
        context.wrong(
            field, f"is {kind.kind}, but {quoted(phrase.path)} is {phrase.type.kind}",
            "an amount is lowered by an amount of its own kind", "name a field of the same type", "E101",
        )  # fmt: skip
    else:
        return True
    return False


def _one_key(context: ReadContext, texts: tuple[Text, ...], counters: list[CounterEvent | None]) -> None:
    """E100: two keys in one fact."""
    known = [each for each in zip(texts, counters, strict=True) if each[1] is not None]
    for text, counter in known[1:]:
        first = known[0][1]
        if counter is not None and first is not None and counter.key != first.key:
            context.wrong(
                text, f"has another key than the line before it: {first.key}",
                "an event is known by one field, whatever takes it back",
                f"write  ... by {first.key}", "E100",
            )  # fmt: skip
