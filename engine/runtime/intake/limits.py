"""How much is kept of one customer: beyond it what no schema names is refused, and the rest stays."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace
from sqlalchemy import Connection

from engine.core.happening import ProfileChanged
from engine.runtime.intake.items import RefusedItem
from engine.store.customers import attribute_sizes
from engine.store.inbox.inbox import Arrival
from engine.values import Value

MOST_UNDECLARED = 300
"""Attributes of one customer that schemas/customer.yaml does not name."""

MOST_BYTES = 65_536
"""Of all attributes of a customer, as they lie in the store, together with what is on its way there. What the
schema names is bounded by the schema and always taken."""

_FEW_BYTES = 4 * MOST_UNDECLARED
"""Fewer bytes than this cannot hold too many attributes, whatever they are called."""


@dataclass(slots=True)
class _Kept:
    """What is known of one customer, and grows with what this request adds."""

    size: int
    names: set[str]


def within_limits(
    conn: Connection, arrivals: Sequence[tuple[int, Arrival]], declared: Collection[str]
) -> tuple[list[tuple[int, Arrival]], list[RefusedItem]]:
    """The arrivals without the attributes that are too many, and what is refused of them."""
    adding = {arrival.customer for _, arrival in arrivals if _undeclared(arrival, declared)}
    if not adding:
        return list(arrivals), []
    kept = {customer: _Kept(size, set()) for customer, size in attribute_sizes.of(conn, adding).items()}
    full = [customer for customer, known in kept.items() if known.size > _FEW_BYTES]
    for customer, names in attribute_sizes.names(conn, full).items():
        kept[customer].names = {name for name in names if name not in declared}
    within: list[tuple[int, Arrival]] = []
    refused: list[RefusedItem] = []
    for item, arrival in arrivals:
        undeclared = _undeclared(arrival, declared)
        if undeclared:
            known = kept.setdefault(arrival.customer, _Kept(0, set()))
            over = _too_many(known, undeclared)
            refused += [RefusedItem(item, name, why) for name, why in over.items()]
            arrival = _without(arrival, over)  # noqa: PLW2901  # the same arrival, with less in it
        within.append((item, arrival))
    return within, refused


def _undeclared(arrival: Arrival, declared: Collection[str]) -> dict[str, Value]:
    if not isinstance(arrival.what, ProfileChanged):
        return {}
    return {
        name: value
        for name, value in arrival.what.values.items()
        if value is not None and name not in declared
    }


def _too_many(known: _Kept, undeclared: Mapping[str, Value]) -> dict[str, str]:
    """Those that are too many, with the reason."""
    over: dict[str, str] = {}
    for name, value in undeclared.items():
        size = len(name) + len(str(value)) + 8
        if name not in known.names and len(known.names) >= MOST_UNDECLARED:
            over[name] = (
                f"this customer has {MOST_UNDECLARED} attributes that schemas/customer.yaml does not name; "
                "no more are kept"
            )
        elif known.size + size > MOST_BYTES:
            over[name] = f"the attributes of this customer would be more than {MOST_BYTES // 1024} KB"
        else:
            known.names.add(name)
            known.size += size
    return over


def _without(arrival: Arrival, names: Collection[str]) -> Arrival:
    if not names or not isinstance(arrival.what, ProfileChanged):
        return arrival
    changed = arrival.what
    values = {name: value for name, value in changed.values.items() if name not in names}
    return replace(
        arrival,
        what=ProfileChanged(
            changed.number, changed.at, values, changed.addresses, changed.consents, changed.suppressed,
            changed.starts, changed.joined, changed.left,
        ),
    )  # fmt: skip
