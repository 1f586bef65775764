"""What becomes of items that are not taken: counted, kept as they were sent, told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.ids import derive
from engine.runtime.intake.items import RefusedItem, id_text
from engine.store.inbox.refusals import LARGEST, KeptItem, RefusedField
from engine.values import Instant

CUSTOMER_KEYS = ("customer_id", "user_id", "userId", "customerId")
"""What our own format and that of others call the customer."""

_ANONYMOUS = ("anonymousId", "anonymous_id")
_ID_KEYS = ("id", "messageId", "message_id", "event_id")
_INDEX = re.compile(r"\[\d+\]")
_LONGEST_WORD = 200


@dataclass(frozen=True, slots=True)
class SentItem:
    """One item as it was sent: `way` says how it came in, so that it can be read in the same way again."""

    way: str
    body: Any


Sent = Callable[[int], SentItem]
"""The item of a request by its place in it."""


_ABOUT_CUSTOMERS = frozenset(("customer", "identify", "past identify", "customers"))
"""Ways in which an item that is wrong in part is taken in part."""


def nothing_sent(_: int) -> SentItem:
    """For items that we made ourselves: they are counted and not kept."""
    return SentItem("", None)


def refusals_of(refused: Sequence[RefusedItem], sent: Sent, source: str) -> list[RefusedField]:
    """What is counted, one for each thing that was wrong."""
    return [
        RefusedField(
            source,
            _name(sent(item.item)),
            _word(_INDEX.sub("[]", item.field)),
            _word(item.reason or item.why),
            item.kept,
        )
        for item in refused
    ]


def text_of(origin: SentItem) -> str:
    """An item as it is kept. ASCII: halves of characters and NUL are escapes in it, which every database
    stores."""
    return json.dumps(origin.body, ensure_ascii=True, separators=(",", ":"), default=str)


def kept_items(
    refused: Sequence[RefusedItem],
    taken: frozenset[int],
    sent: Sent,
    texts: Mapping[int, str],
    source: str,
    now: Instant,
) -> list[KeptItem]:
    """What is kept, one for each item; `taken`: the places of those that were taken without some fields;
    `texts`: what was written of items already, by their place."""
    wrong: dict[int, list[RefusedItem]] = {}
    for item in refused:
        if item.kept:
            wrong.setdefault(item.item, []).append(item)
    items = []
    for place, faults in wrong.items():
        origin = sent(place)
        body = texts.get(place) or text_of(origin)
        # counted all the same, in `refusals_of`
        if len(body) > LARGEST:
            continue
        items.append(
            KeptItem(
                source, origin.way, _name(origin), _customer(origin.body), _id_of(origin, body),
                body, tuple(dict.fromkeys(_word(fault.field) for fault in faults)),
                _word("; ".join(f"{fault.field}: {fault.why}" if fault.field else fault.why
                                for fault in faults), 1_000),
                is_partial(origin, place, taken), now,
            )
        )  # fmt: skip
    return items


def is_partial(origin: SentItem, place: int, taken: frozenset[int]) -> bool:
    """Whether the rest of an item was taken. Of a track call that is wrong only the token of its device may
    have been."""
    return place in taken and origin.way in _ABOUT_CUSTOMERS


def _name(origin: SentItem) -> str:
    """What an item is about: the event as the sender calls it, else the kind of the call."""
    event = origin.body.get("event") if isinstance(origin.body, Mapping) else None
    # as the sender calls it: that is what they look for
    if isinstance(event, str) and event.strip():
        return _word(event.strip(), 100)
    return origin.way or "item"


def _customer(body: Any) -> str:
    if not isinstance(body, Mapping):
        return ""
    return next((text for name in (*CUSTOMER_KEYS, *_ANONYMOUS) if (text := id_text(body.get(name)))), "")


def _id_of(origin: SentItem, body: str) -> str:
    """The sender's own id, so that a second try of theirs is the same item; else one of the content."""
    if isinstance(origin.body, Mapping):
        own = next((text for name in _ID_KEYS if (text := id_text(origin.body.get(name)))), None)
        if own is not None:
            return f"{origin.way}:{own}"
    return derive("refused", origin.way, body)


def _word(text: str, longest: int = _LONGEST_WORD) -> str:
    """A text that any database stores and any terminal shows."""
    # what strangers sent is printed in terminals
    if not text.isprintable():
        text = text.encode("unicode_escape", "backslashreplace").decode("ascii")
    return text[:longest]
