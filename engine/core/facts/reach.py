"""Whether a channel reaches a customer: address, bounce, suppression, consent
(design/language 2.7 `can`, 2.13 rule 3)."""

from __future__ import annotations

from typing import Literal

from engine.core.facts.customer import ANY_PURPOSE, Facts

Closed = Literal["no address", "bounced", "suppressed", "no consent"]


def why_closed(facts: Facts, channel: str, purpose: str | None) -> Closed | None:
    """Why a channel may not be used for a purpose (None: no consent is needed); None when it may.

    With `assumed_reach` an address and a consent that nothing is known of are taken as given; the
    address "" says that it is known to be missing.
    """
    reach = facts.reach.get(channel)
    assumed = facts.assumed_reach
    if reach is None:
        return None if assumed else "no address"
    if not reach.address and not (assumed and reach.address is None):
        return "no address"
    if reach.bounced:
        return "bounced"
    if reach.suppressed is not None and (
        reach.suppressed in ("all", purpose) or (reach.suppressed == ANY_PURPOSE and purpose is not None)
    ):
        return "suppressed"
    if purpose is not None and reach.consents.get(purpose, "given" if assumed else "none") != "given":
        return "no consent"
    return None


def can_reach(facts: Facts, channel: str, purpose: str | None) -> bool:
    """True when nothing closes the channel."""
    return why_closed(facts, channel, purpose) is None
