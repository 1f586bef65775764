"""One outcome for a message that went to several addresses of one person, such as the tokens of their devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from engine.channels.base import Delivery, OutcomeKind

_FIRST: tuple[OutcomeKind, ...] = ("accepted", "unknown", "refused for now", "never left", "refused")


def merge_deliveries(found: Mapping[str, Delivery], addresses: Sequence[str]) -> Delivery:
    """Accepted when one took it; unknown when nobody did and one may have; bounced only when all are gone. `found`: the
    outcome of each address that was tried; `dead` of the result: those that are gone."""
    dead = tuple(address for address in addresses if address in found and found[address].kind == "bounced")
    if len(dead) == len(addresses):
        return replace(found[dead[0]], dead=dead)
    for kind in _FIRST:
        one = next((delivery for delivery in found.values() if delivery.kind == kind), None)
        if one is not None:
            return replace(one, dead=dead)
    return Delivery("refused for now", detail="there was no time for the other addresses", dead=dead)
