"""Reads schemas/events.yaml and product.yaml, and the types of attributes and fields; holds the tables of
what may stand there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping as ByName
from dataclasses import replace

from engine.compiler.catalogue.catalogue import OWN_EVENTS, PRODUCT_STARTS, Catalogue
from engine.core.products.prices import LOWEST
from engine.language.grammar import Construct, Key
from engine.language.map_reader import FileRules, MapReader, ReadContext
from engine.language.nodes import Entry, Mapping, Node, Scalar, Sequence
from engine.language.syntax import Text
from engine.language.wording import quoted, unknown, use_one_of
from engine.problem import Problem, Span, did_you_mean, nearest
from engine.typos import typo_distance
from engine.values import Type

SIMPLE = ("text", "number", "money", "true/false", "date", "time", "birthday", "list of text")
_ALL_TYPES = (*SIMPLE, "one of [a, b]")
_CHOICES = re.compile(r"one of \[(.*)\]", re.DOTALL)
_RESERVED = {
    "segment", "did", "can", "clicked", "opened", "goal", "any", "all", "none", "else", "trigger", "product",
    "code", "customer", "shop", "links", "addresses", "consent", "suppressed",
}  # fmt: skip
_SYNONYMS = {
    "string": "text", "str": "text", "int": "number", "integer": "number", "float": "number",
    "decimal": "number", "boolean": "true/false", "bool": "true/false", "yes/no": "true/false",
    "datetime": "time", "timestamp": "time", "enum": "one of [a, b]", "list": "list of text",
    "array": "list of text", "currency": "money", "amount": "money",
}  # fmt: skip
_NAMES_OF_TYPES = {*SIMPLE, *_SYNONYMS}


TYPE_SHAPE = {
    "anyOf": [
        {"type": "string", "enum": list(SIMPLE)},
        {
            "type": "string",
            "pattern": f"^({'|'.join(SIMPLE)}|one of \\[.+\\])$",
            "patternErrorMessage": f"the types are: {', '.join(_ALL_TYPES)}",
        },
        {
            "type": "object",
            "properties": {"list of": {"type": "object"}},
            "required": ["list of"],
            "additionalProperties": False,
        },
    ]
}
EVENT = Construct(
    "event",
    "an event",
    (
        Key("also", "texts", "other names of the event"),
        Key("fields", "free", "its fields, each with its type", shape=TYPE_SHAPE),
    ),
    "An event and its fields",
    stray="put it under  fields:",
    blank=True,
)
WATCH = Construct(
    "watch",
    "watch",
    (
        Key("viewed", "events", "events of who looks at a product", example="[product_viewed]"),
        Key("cart", "events", "events of who puts products into the cart", example="[cart_updated]"),
        Key("wishlist", "events", "events of who wishes for a product", example="[wishlist_added]"),
        Key("bought", "events", "events of who buys products: they watch them no more",
            example="[order_placed]"),
    ),
    "Which events touch products; a line that is left out stays as usual",
)  # fmt: skip
EVENTS_FILE = Construct(
    "events",
    "schemas/events.yaml",
    (
        Key("events", "named", "the events of the shop", of=EVENT),
        Key("watch", "block", "which events touch products, and how", of=WATCH),
    ),
    "Events and their fields",
    stray="put it under  events:",
    blank=True,
)
PRODUCT_FILE = Construct(
    "product",
    "schemas/product.yaml",
    (Key("product", "named", "the fields of a product, each with its type", shape=TYPE_SHAPE),),
    "Fields of the catalogue",
    stray="put it under  product:",
    blank=True,
)
RULES = FileRules(
    unknown_key="E80", wrong_shape="E80", missing="E80", empty="E80", wrong_value="E80", bad_name="E81"
)


def open_file(context: ReadContext, root: Node | None, construct: Construct) -> MapReader | None:
    if root is None:
        return None
    return context.block(root, construct, Scalar(construct.noun, root.span, plain=True))


def named_types(context: ReadContext, reader: MapReader | None, key: str) -> dict[str, Type]:
    entries = reader.entries(key) if reader else ()
    return {
        entry.key.text: _type_of(context, entry.value) for entry in entries if is_own_name(context, entry.key)
    }


def product_types(context: ReadContext, reader: MapReader | None) -> dict[str, Type]:
    """The declared fields of a product, without the one that the engine computes."""
    entries = reader.entries("product") if reader else ()
    for entry in entries:
        if entry.key.text == LOWEST:
            context.wrong(
                entry.key,
                "is computed by the engine",
                "it is the lowest price of the 30 days before the present price began",
                "remove the line: it is there where  price  is",
                "E81",
            )
    types = named_types(context, reader, "product")
    types.pop(LOWEST, None)
    return types


def is_own_name(context: ReadContext, key: Scalar) -> bool:
    if key.text not in _RESERVED:
        return context.is_name(key)
    context.wrong(
        key,
        "is a word of the language",
        "conditions use it for something else",
        f"write  {key.text}_name  or another name",
        "E81",
    )
    return False


def _free_types(context: ReadContext, entries: tuple[Entry, ...]) -> dict[str, Type]:
    """Fields of events have the names that come from outside."""
    return {entry.key.text: _type_of(context, entry.value) for entry in entries}


def _type_of(context: ReadContext, node: Node) -> Type:
    match node:
        case Mapping():
            inner = node.get("list of")
            if inner is None or len(node.entries) != 1:
                return _bad_type(context, node.span, "a block")
            if isinstance(inner, Scalar):
                return _type_of(context, Scalar(f"list of {inner.text}", inner.span, inner.plain))
            fields = _free_types(context, context.entries(inner, "list of", "{sku: text}"))
            return Type("list of", items=tuple(fields.items()))
        case Sequence(items):
            values = tuple(dict.fromkeys(item.text for item in items if isinstance(item, Scalar)))
            return _bad_type(context, node.span, "a list", choices=values)
        case Scalar():
            words = node.text.strip()
    for kind in SIMPLE:
        if words == kind:
            return Type(kind)  # type: ignore[arg-type]
    listed = _CHOICES.fullmatch(words)
    if listed:
        choices = tuple(word.strip().strip("\"'") for word in listed[1].split(","))
        if all(choices) and len(set(choices)) == len(choices):
            return Type("one of", choices)
    several = tuple(dict.fromkeys(word.strip() for word in re.split(r"[,/|]| or ", words)))
    if words.casefold() in _SYNONYMS or re.match(r"(one of|list of)\b", words):
        several = ()
    elif named := [word for word in several if word.casefold() in _NAMES_OF_TYPES]:
        words_of_type = named[0] if len(named) == 1 else words  # `number | null` speaks of no values
        return _bad_type(context, node.span, quoted(words), words_of_type)
    return _bad_type(context, node.span, quoted(words), words, several if len(several) > 1 else ())


_LINES = "{list of: {product_id: text, quantity: number, price: money}}"


def _bad_type(
    context: ReadContext, span: Span, shown: str, words: str = "", choices: tuple[str, ...] = ()
) -> Type:
    """Reports it and goes on with the type that was probably meant, so that its uses are not wrong too.
    `choices`: the values that were listed where a type belongs."""
    meant = _SYNONYMS.get(words.casefold())
    fix = f"write  {meant}" if meant else did_you_mean(words, SIMPLE, "write  text  or another type")
    if words.casefold() in ("list", "array", "lists", "objects"):
        fix = f"write  list of text  or, for the lines of an order,  {_LINES}"
    elif re.match(r"list of\b", words.casefold()):
        fix = f"write  {_LINES}  with the fields of a line, without quotes"
    elif choices and all(choices):
        fix = f"write  one of [{', '.join(choices)}]"
    if words.startswith("one of"):
        fix = "write each value once:  one of [bronze, silver, gold]"
    context.refuse(span, f"{shown} is not a type", f"the types are: {', '.join(_ALL_TYPES)}", fix)
    if choices and all(choices):
        return Type("one of", choices)
    near = meant or nearest(words, SIMPLE) or "text"
    return Type(near if near in SIMPLE else "text")  # type: ignore[arg-type]


def read_events(
    context: ReadContext, reader: MapReader | None
) -> tuple[dict[str, str], dict[str, dict[str, Type]]]:
    """Other names of events, and the fields of each event."""
    also: dict[str, str] = {}
    declared: dict[str, dict[str, Type]] = {}
    entries = reader.entries("events") if reader else ()
    own = {entry.key.text for entry in entries} | set(OWN_EVENTS) | set(PRODUCT_STARTS)
    for entry in entries:
        name = entry.key.text
        if not is_own_name(context, entry.key):
            continue
        if name in OWN_EVENTS or name in PRODUCT_STARTS:
            context.wrong(
                entry.key,
                "is an event of the engine",
                "it is known already, with its fields",
                "remove it",
                "E81",
            )
            continue
        event = context.block(entry.value, EVENT, entry.key, f"the event {name}", "{fields: {total: money}}")
        declared[name] = _free_types(context, event.entries("fields")) if event else {}
        for other in event.texts("also", blank=True) if event else ():
            taken = also.get(other.value) or (other.value if other.value in own else None)
            if taken is not None and taken != name:
                context.wrong(
                    other,
                    f"is also a name of {taken}",
                    "one name can only mean one event",
                    "remove one of the two",
                    "E81",
                )
            else:
                also[other.value] = name
    return also, declared


def unknown_event(
    text: Text, catalogue: Catalogue, also: tuple[str, ...] = (), fields: ByName[str, str] | None = None
) -> Problem:
    """E10; `also`: words that can stand in this place beside events; `fields`: those that are asked of it
    here, with the types that they would have."""
    problem = unknown("E10", text, "event", also, "events come from schemas/")
    return replace(problem, fix=event_fix(text.value, catalogue, also, fields))


_CLICKED = "write  message_clicked  for a click in any of our messages"
_OPENED = (
    "ask for  message_clicked  instead: an open is no event, since mail programs open messages themselves"
)
_HANDED = "write  message_handed  for a message that left"
_MESSAGE_EVENTS = {
    **dict.fromkeys(("clicked", "click", "email_clicked", "clicked_email", "email_click", "link_clicked",
                     "clicked_sms", "sms_clicked", "push_clicked", "message_click"), _CLICKED),
    **dict.fromkeys(("opened", "open", "email_opened", "opened_email", "email_open", "message_opened"),
                    _OPENED),
    **dict.fromkeys(("email_sent", "sent_email", "received_email", "email_received", "email_delivered",
                     "message_sent", "message_delivered", "received_sms", "sms_sent"), _HANDED),
    **dict.fromkeys(("bounced", "email_bounced", "bounced_email", "hard_bounce"), "write  message_bounced"),
}  # fmt: skip
"""What other tools call the events of our own messages. As an event of the shop it would never come, and a
question whether it did not happen would be true for everybody."""


def event_fix(
    name: str, catalogue: Catalogue, also: Iterable[str] = (), fields: ByName[str, str] | None = None
) -> str:
    """The event that a slip of the pen hides, else the line that makes it known. An event of the engine is
    offered for the smallest slip alone: the shop may well have one of nearly the same name."""
    near = nearest(name, (*also, *catalogue.events, *catalogue.also))
    told = _MESSAGE_EVENTS.get(re.sub(r"[^a-z]+", "_", name.casefold()).strip("_"))
    if near is None and told is not None:
        return told
    if near is None:
        engine = nearest(name, (*OWN_EVENTS, *PRODUCT_STARTS))
        near = engine if engine and typo_distance(name.casefold(), engine) == 1 else None
    if near is not None:
        return f'did you mean "{near}"?'
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        return use_one_of([*also, *catalogue.events])
    asked = ", ".join(f"{field}: {kind}" for field, kind in (fields or {}).items() if field.isidentifier())
    parts = f"fields: {{{asked}}}" if asked else ""
    return f"add to schemas/events.yaml, under  events:\n         {name}: {{{parts}}}"
