"""Reads schemas/customer.yaml, events.yaml and product.yaml."""

from __future__ import annotations

import re
from dataclasses import replace

from engine.compiler.catalogue import BUILT_IN, OWN_EVENTS, PRODUCT_STARTS, Catalogue
from engine.compiler.fact_words import read_fact
from engine.compiler.rfm_words import read_groups
from engine.compiler.wording import unknown
from engine.core.facts import FactRule
from engine.language.nodes import Mapping, Node, Scalar, Sequence
from engine.language.syntax import Text
from engine.language.wording import quoted
from engine.problem import Problem, Span, did_you_mean, nearest
from engine.values import Type

SIMPLE = ("text", "number", "money", "true/false", "date", "time", "birthday", "list of text")
_ALL_TYPES = (*SIMPLE, "one of [a, b]")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_CHOICES = re.compile(r"one of \[(.*)\]", re.DOTALL)
_RESERVED = {
    "segment", "did", "can", "clicked", "opened", "goal", "any", "all", "none", "else", "trigger", "product", "code",
    "customer", "shop", "links", "addresses", "consent", "suppressed",
}  # fmt: skip
_SYNONYMS = {
    "string": "text", "str": "text", "int": "number", "integer": "number", "float": "number", "decimal": "number",
    "boolean": "true/false", "bool": "true/false", "datetime": "time", "timestamp": "time", "enum": "one of [a, b]",
    "list": "list of text", "array": "list of text", "currency": "money", "amount": "money", "yes/no": "true/false",
}  # fmt: skip


class _Reader:
    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def mapping(self, node: Node | None, what: str) -> Mapping | None:
        if node is None:
            return None
        if isinstance(node, Mapping):
            return node
        if isinstance(node, Scalar) and node.plain and not node.text:
            return None
        self.problems.append(
            Problem(node.span, "E80", f"{what} needs lines of  name: type", "each name has its own line")
        )
        return None

    def sections(self, node: Node | None, known: tuple[str, ...], file: str) -> dict[str, Node]:
        whole = self.mapping(node, file)
        found: dict[str, Node] = {}
        given = {entry.key.text for entry in whole.entries} if whole else set()
        for entry in whole.entries if whole else ():
            if entry.key.text in known:
                found[entry.key.text] = entry.value
            else:
                self.problems.append(
                    Problem(
                        entry.key.span,
                        "E80",
                        f"{quoted(entry.key.text)} is not a part of {file}",
                        f"the parts are: {', '.join(known)}",
                        did_you_mean(entry.key.text, known, f"put it under  {known[0]}:"),
                    )
                )
                meant = nearest(entry.key.text, known)
                if meant is not None and meant not in given:  # so that nothing else seems to be missing
                    found.setdefault(meant, entry.value)
        return found

    def fields(self, node: Node | None, what: str, *, free: bool = False) -> dict[str, Type]:
        """`free`: names of events as they come from outside, else names of our own."""
        found: dict[str, Type] = {}
        whole = self.mapping(node, what)
        for entry in whole.entries if whole else ():
            if not free and not self.good_name(entry.key):
                continue
            found[entry.key.text] = self.type_of(entry.value)
        return found

    def good_name(self, key: Scalar) -> bool:
        if key.text in _RESERVED:
            self.problems.append(
                Problem(
                    key.span, "E81", f"{quoted(key.text)} is a word of the language", "conditions use it for something else",
                    f"write  {key.text}_name  or another name",
                )
            )  # fmt: skip
            return False
        if _NAME.fullmatch(key.text):
            return True
        meant = re.sub(
            r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", key.text).casefold()
        ).strip("_")
        self.problems.append(
            Problem(
                key.span,
                "E81",
                f"{quoted(key.text)} cannot be a name",
                "names are small letters, digits and _, a letter first",
                f"write  {meant if _NAME.fullmatch(meant) else 'a_name'}",
            )
        )
        return False

    def type_of(self, node: Node) -> Type:
        if isinstance(node, Mapping):
            inner = node.get("list of")
            if inner is not None and len(node.entries) == 1:
                if isinstance(inner, Scalar):
                    return self.type_of(Scalar(f"list of {inner.text}", inner.span, inner.plain))
                return Type("list of", items=tuple(self.fields(inner, "a list", free=True).items()))
            return self._bad_type(node.span, "a block")
        if isinstance(node, Sequence):
            return self._bad_type(node.span, "a list")
        return self._simple(node)

    def _simple(self, node: Scalar) -> Type:
        words = node.text.strip()
        for kind in SIMPLE:
            if words == kind:
                return Type(kind)  # type: ignore[arg-type]
        found = _CHOICES.fullmatch(words)
        if found:
            choices = tuple(word.strip().strip("\"'") for word in found[1].split(","))
            if all(choices) and len(set(choices)) == len(choices):
                return Type("one of", choices)
        return self._bad_type(node.span, quoted(words), words)

    def _bad_type(self, span: Span, shown: str, words: str = "") -> Type:
        """Reports it and goes on with the type that was probably meant, so that its uses are not wrong too."""
        meant = _SYNONYMS.get(words.casefold())
        fix = f"write  {meant}" if meant else did_you_mean(words, SIMPLE, "write  text  or another type")
        if words.startswith("one of"):
            fix = "write each value once:  one of [bronze, silver, gold]"
        self.problems.append(
            Problem(span, "E80", f"{shown} is not a type", f"the types are: {', '.join(_ALL_TYPES)}", fix)
        )
        near = meant or nearest(words, SIMPLE) or "text"
        return Type(near if near in SIMPLE else "text")  # type: ignore[arg-type]


def read_catalogue(
    customer: Node | None, events: Node | None, product: Node | None
) -> tuple[Catalogue, list[Problem]]:
    """The catalogue of three files, any of which may be missing. Broken lines are left out and reported."""
    reader = _Reader()
    also, declared = _events(reader, events)
    parts = reader.sections(product, ("product",), "schemas/product.yaml")
    fields = reader.fields(parts.get("product"), "product")
    sections = reader.sections(customer, ("attributes", "facts", "rfm"), "schemas/customer.yaml")
    attributes = {**BUILT_IN, **reader.fields(sections.get("attributes"), "attributes")}
    catalogue = Catalogue(attributes, {}, declared, also, fields)
    facts = _facts(reader, sections, catalogue)
    return replace(catalogue, facts=facts), reader.problems


def _events(reader: _Reader, node: Node | None) -> tuple[dict[str, str], dict[str, dict[str, Type]]]:
    sections = reader.sections(node, ("events",), "schemas/events.yaml")
    also: dict[str, str] = {}
    declared: dict[str, dict[str, Type]] = {}
    whole = reader.mapping(sections.get("events"), "events")
    entries = whole.entries if whole else ()
    own = {entry.key.text for entry in entries} | set(OWN_EVENTS) | set(PRODUCT_STARTS)
    for entry in entries:
        name = entry.key
        if not reader.good_name(name):
            continue
        if name.text in OWN_EVENTS or name.text in PRODUCT_STARTS:
            reader.problems.append(
                Problem(name.span, "E81", f"{quoted(name.text)} is an event of the engine", "it is known already, with its fields", "remove it")
            )  # fmt: skip
            continue
        parts = reader.sections(entry.value, ("also", "fields"), f"the event {name.text}")
        declared[name.text] = reader.fields(parts.get("fields"), "fields", free=True)
        for other in _words(parts.get("also")):
            taken = also.get(other.value) or (other.value if other.value in own else None)
            if taken is not None and taken != name.text:
                reader.problems.append(
                    Problem(other.span, "E81", f"{quoted(other.value)} is also a name of {taken}", "one name can only mean one event", "remove one of the two")
                )  # fmt: skip
            else:
                also[other.value] = name.text
    return also, declared


def _words(node: Node | None) -> list[Text]:
    if isinstance(node, Scalar):
        return [node.whole()] if node.text else []
    if isinstance(node, Sequence):
        return [item.whole() for item in node.items if isinstance(item, Scalar)]
    return []


def _facts(reader: _Reader, sections: dict[str, Node], catalogue: Catalogue) -> dict[str, FactRule]:
    groups, mistakes = read_groups(sections.get("rfm"))
    reader.problems.extend(mistakes)
    facts: dict[str, FactRule] = {}
    whole = reader.mapping(sections.get("facts"), "facts")
    for entry in whole.entries if whole else ():
        if not reader.good_name(entry.key):
            continue
        if entry.key.text in catalogue.attributes:
            reader.problems.append(
                Problem(
                    entry.key.span, "E81", f"{quoted(entry.key.text)} is an attribute already",
                    "a value is either set by hand or computed", "remove one of the two",
                )
            )  # fmt: skip
            continue
        if not isinstance(entry.value, Scalar):
            reader.problems.append(
                Problem(entry.value.span, "E82", "a fact is one short text", "it says how it is computed", "write  count of order_placed")
            )  # fmt: skip
            continue
        found = read_fact(entry.key.text, entry.value.whole(), catalogue, groups)
        if isinstance(found, Problem):
            reader.problems.append(found)
        else:
            facts[entry.key.text] = found
    return facts


def unknown_event(text: Text, catalogue: Catalogue, also: tuple[str, ...] = ()) -> Problem:
    """E10; `also`: words that can stand in this place beside events."""
    return unknown("E10", text, "event", (*also, *catalogue.event_names()), "events come from schemas/")
