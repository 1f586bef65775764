"""The mapping file: how the events of a foreign stream become ours, read strictly and with positions (docs/replay.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from engine.compiler.catalogue import Catalogue
from engine.language import nodes
from engine.language.source import read
from engine.problem import Problem, Span, did_you_mean
from engine.simulate.mapping_words import Check, Getter, check, getter

ProductKind = Literal["price_drop", "back_in_stock", "low_stock"]

_PARTS = ("stream", "currency", "events", "products", "others")
_EVENT_PARTS = ("as", "where", "fields", "customer")
_PRODUCT_PARTS = ("id", "where", "fields", "was")


@dataclass(frozen=True, slots=True)
class Names:
    """What the project knows: its events with their fields (under every name they go by), attributes, product fields."""

    events: Mapping[str, Iterable[str]] = field(default_factory=dict)
    attributes: Iterable[str] = ()
    product: Iterable[str] = ()


def names_of(catalogue: Catalogue, channels: Iterable[str] = ()) -> Names:
    """The names of a project; a customer's addresses and consents are told by channel."""
    reach = [f"{kind}.{channel}" for kind in ("addresses", "consent") for channel in channels]
    events = {name: tuple(catalogue.event_fields(name) or ()) for name in catalogue.event_names()}
    return Names(events, (*catalogue.attributes, *reach), tuple(catalogue.product))


@dataclass(frozen=True, slots=True)
class EventRule:
    """One event of ours that a foreign event gives. `fields` and `customer`: our name and where its value comes from."""

    name: str
    where: tuple[Check, ...]
    fields: tuple[tuple[str, Getter], ...]
    customer: tuple[tuple[str, Getter], ...]


@dataclass(frozen=True, slots=True)
class ProductRule:
    """A foreign event that changes the catalogue. `was` are values from before, where the event itself brings them."""

    id: Getter
    where: tuple[Check, ...]
    fields: tuple[tuple[str, Getter], ...]
    was: tuple[tuple[str, Getter], ...]


@dataclass(frozen=True, slots=True)
class StreamMapping:
    """The whole file. `form` renames the four parts of a line. `others`: foreign events without an entry are taken
    when the project knows their name (`keep`) or left out (`drop`)."""

    events: Mapping[str, tuple[EventRule, ...]] = field(default_factory=dict)
    products: Mapping[str, tuple[ProductRule, ...]] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    currency: str | None = None
    others: Literal["keep", "drop"] = "keep"


def read_mapping(text: str | bytes, file: str, names: Names) -> tuple[StreamMapping | None, list[Problem]]:
    """The mapping in `text`, or None with every problem in it."""
    root, problems = read(text, file)
    if root is None:
        return None, problems
    reader = _Reader(names, problems)
    mapping = reader.whole(root)
    return (None if any(p.is_error for p in problems) else mapping), problems


class _Reader:
    def __init__(self, names: Names, problems: list[Problem]) -> None:
        self.names = names
        self.problems = problems

    def whole(self, root: nodes.Node) -> StreamMapping:
        parts = self._parts(root, _PARTS, "a mapping")
        return StreamMapping(
            {e.key.text: self._rules(e.value, e.key) for e in self._entries(parts.get("events"))},
            {e.key.text: self._products(e.value) for e in self._entries(parts.get("products"))},
            self._form(parts.get("stream")),
            self._currency(parts.get("currency")),
            "drop" if self._word(parts.get("others"), ("keep", "drop")) == "drop" else "keep",
        )

    def _form(self, node: nodes.Node | None) -> Mapping[str, str]:
        known = ("event", "customer_id", "at", "properties")
        if node is None:
            return {}
        parts = self._parts(node, known, "the form of a stream")
        return {name: self._text(value) for name, value in parts.items()}

    def _currency(self, node: nodes.Node | None) -> str | None:
        if node is None:
            return None
        word = self._text(node)
        if len(word) != 3 or not word.isupper():
            self._wrong(
                node.span,
                "E93",
                f'"{word}" is not a currency',
                "it is written as three capitals",
                "write  EUR",
            )
        return word

    def _rules(self, node: nodes.Node, key: nodes.Scalar) -> tuple[EventRule, ...]:
        each = node.items if isinstance(node, nodes.Sequence) else (node,)
        rules: list[EventRule] = []
        for one in each:
            if isinstance(one, nodes.Scalar):  # `session_started: site_visited`
                rules.append(EventRule(self._event(one.text, one.span), (), (), ()))
                continue
            parts = self._parts(one, _EVENT_PARTS, "the mapping of an event")
            name = parts.get("as")
            ours = self._event(self._text(name), name.span) if name else self._event(key.text, key.span)
            fields = self._fields(parts.get("fields"), self.names.events.get(ours), f'a field of "{ours}"')
            customer = self._fields(parts.get("customer"), self.names.attributes, "a customer attribute")
            rules.append(EventRule(ours, self._where(parts.get("where")), fields, customer))
        return tuple(rules)

    def _products(self, node: nodes.Node) -> tuple[ProductRule, ...]:
        each = node.items if isinstance(node, nodes.Sequence) else (node,)
        rules: list[ProductRule] = []
        for one in each:
            parts = self._parts(one, _PRODUCT_PARTS, "the mapping of a product")
            if "id" not in parts:
                why = "without it nobody knows which product changed"
                self._wrong(one.span, "E92", '"id" is missing', why, "write  id: sku")
                continue
            known = self.names.product
            fields = self._fields(parts.get("fields"), known, "a product field")
            was = self._fields(parts.get("was"), known, "a product field")
            rules.append(ProductRule(self._getter(parts["id"]), self._where(parts.get("where")), fields, was))
        return tuple(rules)

    def _event(self, name: str, span: Span) -> str:
        if name not in self.names.events:
            fix = did_you_mean(name, self.names.events, "name one of them, or add it to schemas/events.yaml")
            why = "events come from schemas/events.yaml"
            self._wrong(span, "E90", f'there is no event called "{name}"', why, fix)
        return name

    def _fields(
        self, node: nodes.Node | None, known: Iterable[str] | None, what: str
    ) -> tuple[tuple[str, Getter], ...]:
        found: list[tuple[str, Getter]] = []
        names = None if known is None else list(known)
        for entry in self._entries(node):
            name = entry.key.text
            if names is not None and name not in names and name != "currency":
                fix = did_you_mean(name, names, "names come from schemas/")
                self._wrong(
                    entry.key.span, "E91", f'"{name}" is not {what}', f"known: {', '.join(names)}", fix
                )
            found.append((name, self._getter(entry.value)))
        return tuple(found)

    def _getter(self, node: nodes.Node) -> Getter:
        if isinstance(node, nodes.Mapping) and node.get("each") is not None:
            return self._each(node)
        made = getter(node.text) if isinstance(node, nodes.Scalar) else None
        if made is None:
            shown = f'"{node.text}"' if isinstance(node, nodes.Scalar) else "this block"
            fix = "write  a_field,  items.price,  sum of items.price * items.quantity,  count of items  or  always X"
            self._wrong(node.span, "E94", f"{shown} does not say where a value comes from", "", fix)
            return lambda _: None
        return made

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
            found = over(properties)
            if not isinstance(found, list):
                return None
            return [{name: get(one) for name, get in inner} for one in found if isinstance(one, dict)]

        return members

    def _where(self, node: nodes.Node | None) -> tuple[Check, ...]:
        checks: list[Check] = []
        for entry in self._entries(node):
            value = entry.value
            words = value.items if isinstance(value, nodes.Sequence) else (value,)
            get = getter(entry.key.text) or (lambda _: None)
            checks.append(check(get, tuple(self._text(word) for word in words)))
        return tuple(checks)

    def _parts(self, node: nodes.Node, known: tuple[str, ...], what: str) -> dict[str, nodes.Node]:
        if not isinstance(node, nodes.Mapping):
            self._wrong(node.span, "E95", f"{what} is a map", f"its parts are: {', '.join(known)}", "")
            return {}
        for entry in node.entries:
            if entry.key.text not in known:
                why = f"the parts are: {', '.join(known)}"
                fix = did_you_mean(entry.key.text, known, "remove it")
                self._wrong(entry.key.span, "E95", f'"{entry.key.text}" is not a part of {what}', why, fix)
        return {entry.key.text: entry.value for entry in node.entries if entry.key.text in known}

    def _entries(self, node: nodes.Node | None) -> tuple[nodes.Entry, ...]:
        if node is None or nodes.is_empty(node):
            return ()
        if isinstance(node, nodes.Mapping):
            return node.entries
        self._wrong(node.span, "E95", "this is a map", "each line is  name: value", "")
        return ()

    def _text(self, node: nodes.Node) -> str:
        if isinstance(node, nodes.Scalar):
            return node.text
        self._wrong(node.span, "E95", "one short text belongs here, not a block", "", "")
        return ""

    def _word(self, node: nodes.Node | None, choices: tuple[str, ...]) -> str | None:
        if node is None:
            return None
        word = self._text(node)
        if word not in choices:
            fix = did_you_mean(word, choices, f"write  {choices[0]}")
            self._wrong(node.span, "E95", f'"{word}" is not one of: {", ".join(choices)}', "", fix)
        return word

    def _wrong(self, span: Span, code: str, what: str, why: str, fix: str) -> None:
        self.problems.append(Problem(span, code, what, why, fix))
