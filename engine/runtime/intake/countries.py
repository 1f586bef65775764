"""National phone numbers of people whose country the request does not say: what is known of the customer
tells it, else the shop's own country."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace
from sqlalchemy import Connection

from engine.core.happening import ProfileChanged
from engine.runtime.intake.contact import channels_of, contact
from engine.runtime.intake.items import RefusedItem
from engine.store.customers import countries as known_countries
from engine.store.inbox.inbox import Arrival
from engine.store.persons import aliases
from engine.values import Value


@dataclass(frozen=True, slots=True)
class NationalNumber:
    """A number that waits for its country. `place`: of the change that it belongs to; `item`: of the request;
    `name`: the channel, or `phone`."""

    place: int
    item: int
    customer: str
    name: str
    text: str


def with_numbers(
    conn: Connection,
    about: Sequence[tuple[int, Arrival]],
    numbers: Sequence[NationalNumber],
    shop: str,
    channels: Iterable[str],
) -> tuple[list[tuple[int, Arrival]], list[RefusedItem]]:
    """The changes with their numbers in the form that is kept; a number that nobody can place is told."""
    names = tuple(channels)
    own = aliases.resolve(conn, {number.customer for number in numbers})
    known = known_countries.of(conn, {own.get(number.customer, number.customer) for number in numbers})
    # the country that the same request says of each customer, before or after: it is one moment
    said: dict[str, str] = {}
    for _, arrival in about:
        country = arrival.what.values.get("country") if isinstance(arrival.what, ProfileChanged) else None
        if isinstance(country, str):
            said.setdefault(arrival.customer, country)
    changed, refused = list(about), []
    for number in numbers:
        country = said.get(number.customer) or known.get(own.get(number.customer, number.customer))
        try:
            kept = contact(number.name, number.text, country or shop or None)
        except ValueError as wrong:
            refused.append(RefusedItem(number.item, number.name, str(wrong), kept=True))
            continue
        item, arrival = changed[number.place]
        changed[number.place] = (item, _with_number(arrival, number.name, kept, names))
    empty = {number.place for number in numbers if _is_empty(changed[number.place][1])}
    return [pair for place, pair in enumerate(changed) if place not in empty], refused


def _with_number(arrival: Arrival, name: str, kept: str, channels: Sequence[str]) -> Arrival:
    assert isinstance(arrival.what, ProfileChanged)
    change = arrival.what
    values: Mapping[str, Value] = {**change.values, "phone": kept}
    addresses = {**change.addresses, **dict.fromkeys(channels_of(name, channels), kept)}
    return replace(
        arrival,
        what=ProfileChanged(
            change.number, change.at, values, addresses, change.consents, change.suppressed, change.starts,
            change.joined, change.left,
        ),
    )  # fmt: skip


def _is_empty(arrival: Arrival) -> bool:
    change = arrival.what
    assert isinstance(change, ProfileChanged)
    return not (change.values or change.addresses or change.consents or change.joined)
