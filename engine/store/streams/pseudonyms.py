"""Recorded lines without what could name somebody, for a file that leaves the shop.

A customer becomes a keyed hash: the same person is the same pseudonym in every file of one store, and the
key stays there, wherever an id of theirs stands. A text stays as it is where at least `SHARED_BY` customers
have it in the same field (a country, a category, a product); any other becomes a keyed hash, so that equal
texts stay equal. Names and addresses go; of a birthday the year goes, too. Amounts, moments and other dates
stay.
"""

from __future__ import annotations

import datetime as dt
import hmac
from base64 import b32encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.compiler.catalogue.catalogue import CUSTOMER_CHANGED, PRODUCT_CHANGED
from engine.core.products.event_products import ID_NAMES
from engine.store.streams.recorded_stream import RecordedLine
from engine.values import Birthday

SHARED_BY = 10
"""Customers who must have a text before it is written as it is."""

LONGEST = 60
"""Characters of a text that may be the name of a thing."""

NAMES = frozenset(("first_name", "last_name", "email", "phone"))
"""Attributes, and fields of events, that say who somebody is."""

_BY_CHANNEL = ("consents.", "addresses.")
"""Parts of a line whose names are those of channels."""

_LEAP_YEAR = 2000
"""Written for the year of a birthday that the schema calls a date: it has every day."""

_Where = tuple[str, str]
"""The event, or `customer_changed`, and the path of the field in it."""


@dataclass(slots=True)
class SharedTexts:
    """Which texts enough customers have, and which are ids of customers and of products. Of each text, hashes
    of some customers are kept, at most `SHARED_BY`."""

    holders: dict[int, frozenset[int]] = field(default_factory=dict)
    customers: set[int] = field(default_factory=set)
    products: set[int] = field(default_factory=set)

    def count(self, lines: Iterable[RecordedLine]) -> None:
        """Looks through a stream once."""
        for line in lines:
            if line.event == PRODUCT_CHANGED:
                self.products.add(hash(line.properties["product_id"]))
            if not line.customer_id:
                continue
            whose = hash(line.customer_id)
            self.customers.add(whose)
            for where, text in _texts(line):
                key = hash((where, text))
                known = self.holders.get(key, frozenset())
                if len(known) < SHARED_BY and whose not in known:
                    self.holders[key] = known | {whose}

    def is_customer(self, text: str) -> bool:
        """Whether a text is the id of a customer: of who recommended somebody, for instance."""
        return hash(text) in self.customers

    def is_product(self, where: _Where, text: str) -> bool:
        """Whether a product is named here by its id, which is the shop's."""
        return where[1].rpartition(".")[2] in ID_NAMES and hash(text) in self.products

    def has(self, where: _Where, text: str) -> bool:
        """Whether a text is shared by enough customers, and no address that many have to do with."""
        return "@" not in text and len(self.holders.get(hash((where, text)), ())) >= SHARED_BY


@dataclass(slots=True)
class Pseudonyms:
    """What a store calls its customers and their texts in files that leave it. `secret`: of the store."""

    secret: str
    shared: SharedTexts

    def of(self, kind: str, text: str) -> str:
        """The pseudonym of a text, 96 bits of a keyed hash (HMAC-SHA-256)."""
        digest = hmac.digest(self.secret.encode(), f"snapshot\0{kind}\0{text}".encode(), "sha256")
        return b32encode(digest[:12]).decode().rstrip("=").lower()

    def of_lines(self, lines: Iterable[RecordedLine]) -> Iterator[RecordedLine]:
        """The same stream about nobody. What is said of products stays: it is the shop's."""
        for line in lines:
            if line.event == PRODUCT_CHANGED:
                yield line
                continue
            whose = self.of("customer", line.customer_id) if line.customer_id else ""
            yield RecordedLine(line.event, line.at, whose, self._fields(line.event, "", line.properties))

    def _fields(self, event: str, under: str, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: self._value((event, f"{under}{name}"), value)
            for name, value in values.items()
            if not _says_who(f"{under}{name}")
        }

    def _value(self, where: _Where, value: Any) -> Any:
        event, path = where
        if isinstance(value, Birthday):
            return Birthday(value.month, value.day)
        if isinstance(value, dt.date):
            return value.replace(year=_LEAP_YEAR) if "birth" in path else value
        if isinstance(value, str):
            if _is_ours(where) or self.shared.is_product(where, value):
                return value
            if self.shared.is_customer(value):
                return self.of("customer", value)
            if self.shared.has(where, value):
                return value
            return self.of("text", value)
        if isinstance(value, Mapping):
            return self._fields(event, f"{path}.", value)
        if isinstance(value, list | tuple):
            return [self._value(where, each) for each in value]
        return value


def _texts(line: RecordedLine) -> Iterator[tuple[_Where, str]]:
    """Every text of a line with where it stands."""
    waiting: list[tuple[str, Any]] = [("", line.properties)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, Mapping):
            inside = ((f"{path}.{name}" if path else name, inner) for name, inner in value.items())
            waiting += [(name, inner) for name, inner in inside if not _says_who(name)]
        elif isinstance(value, list | tuple):
            waiting += [(path, inner) for inner in value]
        elif isinstance(value, str) and len(value) <= LONGEST:
            yield (line.event, path), value


def _says_who(path: str) -> bool:
    return path.rpartition(".")[2] in NAMES and not path.startswith(_BY_CHANNEL)


def _is_ours(where: _Where) -> bool:
    """Words that the engine itself writes: of messages, of consent."""
    event, path = where
    return event.startswith("message_") or (event == CUSTOMER_CHANGED and path.startswith("consents."))
