"""What a request asks us to take, in one form for all protocols: events, customers, aliases, products."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import Struct, field

LONGEST_ID = 200


@dataclass(frozen=True, slots=True)
class RefusedItem:
    """An item that is not taken, or a field without which one was taken. `item` is its place in the request
    from 0, `field` a path such as `properties.total`. `kept`: in quarantine, to be taken again. `reason`:
    why, with nothing of what the sender wrote, where `why` repeats some of it; that is what is counted."""

    item: int
    field: str
    why: str
    kept: bool = False
    reason: str = ""


class EventItem(Struct, frozen=True, gc=False):
    """Something a customer did. `at` is ISO 8601 or None (now); `id` makes it idempotent; `history` only
    updates facts. `dropped`: fields that no store could keep, which are not in `properties`."""

    item: int
    customer_id: str
    event: str
    at: str | None
    id: str | None
    properties: Mapping[str, Any] = field(default_factory=dict)
    skew: int = 0  # ms to add to `at`: the clock of the sender was wrong by so much
    history: bool = False
    undeclared: bool = False  # keep events that schemas/events.yaml does not name
    dropped: tuple[RefusedItem, ...] = ()


@dataclass(frozen=True, slots=True)
class ConsentGiven:
    """A consent with its proof: what was agreed to, when (ISO), where."""

    channel: str
    state: str
    purpose: str = "marketing"
    when: str | None = None
    where: str = ""
    text: str = ""


class CustomerItem(Struct, frozen=True):
    """Attributes, addresses and consents of a customer; None takes a value away. An address may be a list
    (the tokens of a person's devices); `joins`: one more for a channel whose customers have several.
    `consent`: as somebody sent it, not read yet. `dropped`: what is wrong and left out already."""

    item: int
    customer_id: str
    id: str | None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    addresses: Mapping[str, str | Sequence[str] | None] = field(default_factory=dict)
    consents: tuple[ConsentGiven, ...] = ()
    at: str | None = None
    skew: int = 0
    history: bool = False
    undeclared: bool = False
    joins: Mapping[str, str] = field(default_factory=dict)
    consent: Any = None
    dropped: tuple[RefusedItem, ...] = ()


class AliasItem(Struct, frozen=True):
    """`previous` and `customer_id` are one person."""

    item: int
    previous: str
    customer_id: str
    id: str | None


class VisitorItem(Struct, frozen=True):
    """What a visitor did who was not signed in belongs to `customer_id` from now on; None: nobody has signed
    in yet, and something is said of the visitor."""

    item: int
    anonymous_id: str
    customer_id: str | None


class ProductItem(Struct, frozen=True):
    """The present state of a product."""

    item: int
    product_id: str
    fields: Mapping[str, Any]


Item = EventItem | CustomerItem | AliasItem | VisitorItem | ProductItem


_HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")


def id_text(raw: object) -> str | None:
    """An id of a customer, a product or an event as its text; None for what is none. Shops send the number of
    the row in their database, also as 632910392.0."""
    if type(raw) is str:  # nearly all of them
        text = raw.strip()
        # Half a character (a lone surrogate) is a text in JSON, but no database takes it; NUL, not all do.
        whole = "\0" not in text and (text.isascii() or not _HALF_A_CHARACTER.search(text))
        return text if 0 < len(text) <= LONGEST_ID and whole else None
    if isinstance(raw, float) and raw.is_integer() and abs(raw) < 2**53:
        raw = int(raw)
    if not isinstance(raw, int) or isinstance(raw, bool):
        return None
    text = str(raw)
    return text if len(text) <= LONGEST_ID else None
