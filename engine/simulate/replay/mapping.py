"""The mapping file: how the events of a foreign stream become ours, read strictly and with positions
(docs/replay.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from engine.compiler.catalogue.catalogue import PRODUCT_CHANGED, Catalogue
from engine.language import nodes
from engine.language.grammar import Construct, Key, TextPattern
from engine.language.map_reader import FileRules, MapReader, ReadContext
from engine.language.syntax import Text
from engine.language.wording import quoted
from engine.language.yaml.source import read
from engine.problem import Problem, did_you_mean
from engine.simulate.replay.mapping_words import Check, Getter, check, getter

_VALUE = (
    "write  a_field,  items.price,  a_field or other_field,  sum of items.price * items.quantity,"
    "  count of items,  texts of tags  or  always X"
)
CURRENCY = TextPattern(
    "[A-Z]{3}", "is not a currency", "it is written as three capitals", "write  EUR", "E93",
)  # fmt: skip
_FIELDS = "{total: amount}"

STREAM = Construct(
    "stream",
    "the form of a stream",
    (
        Key("event", "text", "where a line says what happened", example="type"),
        Key("customer_id", "text", "where it says to whom", example="user_id"),
        Key("at", "text", "where it says when", example="timestamp"),
        Key("properties", "text", "where the fields of the event stand", example="data"),
    ),
    "What the four parts of a line are called",
)
EVENT_RULE = Construct(
    "event rule",
    "the mapping of an event",
    (
        Key("as", "text", "the event of ours that it is", example="order_placed"),
        Key("where", "free", "only those whose fields have these values", example="{status: paid}"),
        Key("fields", "free", "our fields, and where their values come from", example=_FIELDS),
        Key("customer", "free", "attributes of the customer, and where they come from",
            example="{country: geo.country}"),
    ),
    "One event of ours that a foreign event gives",
)  # fmt: skip
PRODUCT_RULE = Construct(
    "product rule",
    "the mapping of a product",
    (
        Key("id", "any", "the product", needed=True, example="sku",
            why="without it nobody knows which product changed"),
        Key("where", "free", "only those whose fields have these values", example="{kind: price}"),
        Key("fields", "free", "our fields, and where their values come from", example="{price: amount}"),
        Key("was", "free", "the values from before", example="{price: old_amount}"),
    ),
    "A foreign event that changes the catalogue",
)  # fmt: skip
MAPPING = Construct(
    "mapping",
    "a mapping",
    (
        Key("stream", "block", "what the four parts of a line are called", of=STREAM,
            example="{event: type}"),
        Key("currency", "text", "of amounts that come without one", example="EUR", pattern=CURRENCY),
        Key("events", "free", "foreign events, and what they are here", example="{signup: subscribed}"),
        Key("products", "free", "foreign events that change the catalogue", example="{stock: {id: sku}}"),
        Key("others", "choice", "what becomes of foreign events without an entry", choices=("keep", "drop")),
    ),
    "How the events of a foreign stream become ours",
)  # fmt: skip
RULES = FileRules(
    unknown_key="E95",
    wrong_shape="E95",
    missing="E92",
    empty="E95",
    wrong_value="E95",
    bad_name="E95",
    quoted_blank=True,
)


@dataclass(frozen=True, slots=True)
class FieldNames:
    """What the project knows: its events with their fields (under every name they go by), attributes, product
    fields."""

    events: Mapping[str, Iterable[str]] = field(default_factory=dict)
    attributes: Iterable[str] = ()
    product: Iterable[str] = ()


def names_of(catalogue: Catalogue, channels: Iterable[str] = ()) -> FieldNames:
    """The names of a project; a customer's addresses and consents are told by channel."""
    reach = [f"{kind}.{channel}" for kind in ("addresses", "consent") for channel in channels]
    events = {name: tuple(catalogue.event_fields(name) or ()) for name in catalogue.event_names()}
    return FieldNames(events, (*catalogue.settable, *reach), tuple(catalogue.product))


@dataclass(frozen=True, slots=True)
class EventRule:
    """One event of ours that a foreign event gives. `fields` and `customer`: our name and where its value
    comes from."""

    name: str
    where: tuple[Check, ...]
    fields: tuple[tuple[str, Getter], ...]
    customer: tuple[tuple[str, Getter], ...]


@dataclass(frozen=True, slots=True)
class ProductRule:
    """A foreign event that changes the catalogue. `was` are values from before, where the event itself brings
    them."""

    id: Getter
    where: tuple[Check, ...]
    fields: tuple[tuple[str, Getter], ...]
    was: tuple[tuple[str, Getter], ...]


@dataclass(frozen=True, slots=True)
class StreamMapping:
    """The whole file. `form` renames the four parts of a line. `others`: foreign events without an entry are
    taken when the project knows their name (`keep`) or left out (`drop`)."""

    events: Mapping[str, tuple[EventRule, ...]] = field(default_factory=dict)
    products: Mapping[str, tuple[ProductRule, ...]] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    currency: str | None = None
    others: Literal["keep", "drop"] = "keep"


def with_own_products(mapping: StreamMapping, catalogue: Catalogue) -> StreamMapping:
    """The same, which also takes the lines about products that `export events` writes."""
    if PRODUCT_CHANGED in mapping.products:
        return mapping
    fields = tuple((name, own) for name in catalogue.product if (own := getter(name)) is not None)
    product = getter("product_id")
    assert product is not None
    rule = ProductRule(product, (), fields, ())
    return replace(mapping, products={**mapping.products, PRODUCT_CHANGED: (rule,)})


def read_mapping(
    text: str | bytes, file: str, names: FieldNames
) -> tuple[StreamMapping | None, list[Problem]]:
    """The mapping in `text`, or None with every problem in it."""
    root, problems = read(text, file)
    if root is None:
        return None, problems
    context = ReadContext(RULES, problems)
    reader = context.block(root, MAPPING, nodes.Scalar("a mapping", root.span, plain=True), example="{}")
    mapping = StreamReader(context, names).read(reader) if reader else None
    return (None if any(problem.is_error for problem in problems) else mapping), problems


class StreamReader:
    """Reads the rules of one file against the names that the project knows; what a mapping of rows has in
    common with it is read here too."""

    def __init__(self, context: ReadContext, names: FieldNames) -> None:
        self._context = context
        self._names = names
        self.unknown: list[str] | None = None  # fields that the project does not have; None: a mistake

    def read(self, reader: MapReader) -> StreamMapping:
        others, currency, stream = reader.choice("others"), reader.text("currency"), reader.block("stream")
        return StreamMapping(
            {entry.key.text: self._event_rules(entry) for entry in reader.entries("events")},
            {entry.key.text: self._product_rules(entry) for entry in reader.entries("products")},
            {
                key.name: text.value
                for key in STREAM.keys
                if stream is not None and (text := stream.text(key.name)) is not None
            },
            currency.value if currency else None,
            "drop" if others and others.value == "drop" else "keep",
        )

    def _event_rules(self, entry: nodes.Entry) -> tuple[EventRule, ...]:
        rules: list[EventRule] = []
        for node in entry.value.items if isinstance(entry.value, nodes.Sequence) else (entry.value,):
            if isinstance(node, nodes.Scalar):  # `session_started: site_visited`
                rules.append(EventRule(self._event(node.whole()), (), (), ()))
                continue
            reader = self._context.block(node, EVENT_RULE, entry.key)
            if reader is None:
                continue
            # The event comes before its fields, since its name says which fields there can be.
            name = reader.text("as")
            event = self._event(name or entry.key.whole()) if name or reader.is_right else entry.key.text
            rules.append(
                EventRule(
                    event,
                    self._checks(reader),
                    self._fields(
                        reader, "fields", self._names.events.get(event), f"a field of {quoted(event)}"
                    ),
                    self._fields(reader, "customer", self._names.attributes, "a customer attribute"),
                )
            )
        return tuple(rules)

    def _product_rules(self, entry: nodes.Entry) -> tuple[ProductRule, ...]:
        rules: list[ProductRule] = []
        for node in entry.value.items if isinstance(entry.value, nodes.Sequence) else (entry.value,):
            key = nodes.Scalar(entry.key.text, node.span, plain=True)
            reader = self._context.block(node, PRODUCT_RULE, key, example="{id: sku}")
            product = reader.node("id") if reader else None
            if reader is None or product is None:
                continue
            known = self._names.product
            fields, was = (self._fields(reader, name, known, "a product field") for name in ("fields", "was"))
            rules.append(ProductRule(self._getter(product), self._checks(reader), fields, was))
        return tuple(rules)

    def _event(self, name: Text) -> str:
        if name.value not in self._names.events:
            fix = did_you_mean(
                name.value, self._names.events, "name one of them, or add it to schemas/events.yaml"
            )
            why = "events come from schemas/events.yaml"
            self._context.report(name.span, "E90", f"there is no event called {quoted(name.value)}", why, fix)
        return name.value

    def _fields(
        self, reader: MapReader, key: str, known: Iterable[str] | None, what: str
    ) -> tuple[tuple[str, Getter], ...]:
        """`known`: None takes every name."""
        fields: list[tuple[str, Getter]] = []
        names = None if known is None else [*known, "currency"]
        for entry in reader.entries(key):
            name = entry.key.text
            if names is not None and name not in names:
                if self.unknown is not None:
                    self.unknown.append(name)
                    continue
                self._context.wrong(
                    entry.key,
                    f"is not {what}",
                    f"known: {', '.join(names[:-1])}",
                    did_you_mean(name, names[:-1], "names come from schemas/"),
                    "E91",
                )
            fields.append((name, self._getter(entry.value)))
        return tuple(fields)

    def _getter(self, node: nodes.Node) -> Getter:
        if isinstance(node, nodes.Mapping) and node.get("each") is not None:
            return self._each(node)
        get = getter(node.text) if isinstance(node, nodes.Scalar) else None
        if get is None:
            shown = quoted(node.text) if isinstance(node, nodes.Scalar) else "this block"
            self._context.report(
                node.span, "E94", f"{shown} does not say where a value comes from", "", _VALUE
            )
            return lambda _: None
        return get

    def _each(self, node: nodes.Mapping) -> Getter:
        """A list whose members get other names: `{each: lines, sku: code, price: amount}`."""
        over: Getter = lambda _: None  # noqa: E731
        inner: list[tuple[str, Getter]] = []
        for entry in node.entries:
            if entry.key.text == "each":
                over = self._getter(entry.value)
            else:
                inner.append((entry.key.text, self._getter(entry.value)))

        def members(properties: Mapping[str, object]) -> object:
            listed = over(properties)
            if not isinstance(listed, list):
                return None
            return [
                {name: get(member) for name, get in inner} for member in listed if isinstance(member, dict)
            ]

        return members

    def _checks(self, reader: MapReader) -> tuple[Check, ...]:
        checks: list[Check] = []
        for entry in reader.entries("where"):
            words = self._context.texts(entry.value, entry.key.text)
            get = getter(entry.key.text) or (lambda _: None)
            checks.append(check(get, tuple(word.value for word in words)))
        return tuple(checks)
