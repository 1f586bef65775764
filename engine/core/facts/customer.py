"""What is known of one customer at one moment: everything a decision may look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from engine.core.enrollment import Enrollment
from engine.core.facts.learned import NO_ENGAGEMENT, EngagementStats
from engine.core.happening import Event
from engine.core.policy import Cap, Policy
from engine.core.products.signals import Collecting
from engine.core.reasons import SkipReason
from engine.values import Instant, Value, zone

ANY_PURPOSE = "any purpose"

OWN_CAPS: Mapping[str, Cap] = {
    "1 a week": Cap(1, "week"),
    "2 a month": Cap(2, "month"),
    "1 a month": Cap(1, "month"),
}
"""What a customer can choose, by the value of the attribute `frequency`."""

Consent = Literal["none", "asked", "given", "withdrawn"]


class EventCounter(Struct, frozen=True):
    """One event name of one customer, over all time."""

    times: int
    first_at: Instant
    last_at: Instant
    last_number: int = 0  # of the event of `last_at`: tells two events of one moment apart (`since start`)


class Reach(Struct, frozen=True):
    """One channel of one customer. `suppressed`: None, a purpose, `any purpose` (everything that needs a
    consent), or `all`. `bounced`: closed by a hard bounce."""

    # The names in JSON stand by themselves, for they are stored: a field may be renamed, they may not.
    address: str | None = msgspec.field(default=None, name="address")
    consents: Mapping[str, Consent] = msgspec.field(default_factory=dict, name="consents")
    suppressed: str | None = msgspec.field(default=None, name="suppressed")
    bounced: bool = msgspec.field(default=False, name="bounced")


class CapSlot(Struct, frozen=True, array_like=True):
    """A message that counts under caps, or a planned one that has reserved its slot."""

    key: str  # of the message in the outbox
    at: Instant
    channel: str
    counts_total: bool = True  # False for later parts of a cascade, which count for their channel only


@dataclass(slots=True)
class Facts:
    """One customer at one moment."""

    customer: str
    timezone: str = "UTC"  # the zone that is used, and why:
    timezone_why: str = "project"  # customer | country | project
    values: dict[str, Value] = field(default_factory=dict)  # attributes and computed facts over all time
    # What computed facts need to go on at constant cost: for an average sum and count, for the
    # most frequent counts.
    fact_state: dict[str, object] = field(default_factory=dict)
    event_counters: dict[str, EventCounter] = field(default_factory=dict)
    # Only the events in `Journeys.needs`, oldest first, as far back as they ask.
    history: dict[str, list[Event]] = field(default_factory=dict)
    segments: frozenset[str] = frozenset()
    reach: dict[str, Reach] = field(default_factory=dict)  # by channel
    # Stories, and replay without --strict: every channel reaches this customer, unless `reach` says
    # what closes it: a bounce, a suppression, a consent that is not `given`, or the address "" (known
    # to be missing).
    assumed_reach: bool = False
    cap_slots: list[CapSlot] = field(default_factory=list)
    products: dict[str, Mapping[str, Value]] = field(
        default_factory=dict
    )  # that enrollments are about, by id
    engagement: EngagementStats = NO_ENGAGEMENT  # what they did with the messages they got
    inside: frozenset[str] = frozenset()  # journeys of which a run is open

    @property
    def zone(self) -> ZoneInfo:
        """The customer's zone."""
        return zone(self.timezone)

    def share(self) -> Facts:
        """The same facts in a record of its own; the containers are those of this one."""
        return Facts(
            customer=self.customer,
            timezone=self.timezone,
            timezone_why=self.timezone_why,
            values=self.values,
            fact_state=self.fact_state,
            event_counters=self.event_counters,
            history=self.history,
            segments=self.segments,
            inside=self.inside,
            reach=self.reach,
            assumed_reach=self.assumed_reach,
            cap_slots=self.cap_slots,
            products=self.products,
            engagement=self.engagement,
        )

    def fork(self) -> Facts:
        """A copy whose own containers may be changed without touching this one."""
        return Facts(
            customer=self.customer,
            timezone=self.timezone,
            timezone_why=self.timezone_why,
            values=dict(self.values),
            fact_state=dict(self.fact_state),
            event_counters=dict(self.event_counters),
            history={name: list(events) for name, events in self.history.items()},
            segments=self.segments,
            inside=self.inside,
            reach=dict(self.reach),
            assumed_reach=self.assumed_reach,
            cap_slots=list(self.cap_slots),
            products=dict(self.products),
            engagement=self.engagement,
        )


class LastStart(Struct, frozen=True):
    """The previous start of a journey by this customer for one value of `per`."""

    at: Instant
    enrollment: str


class CustomerState(Struct):
    """The unit of concurrency: everything that is decided about one customer is decided from this, one
    after the other."""

    facts: Facts
    enrollments: dict[str, Enrollment] = msgspec.field(default_factory=dict)  # open and watched ones, by id
    last_starts: dict[tuple[str, str], LastStart] = msgspec.field(default_factory=dict)  # by (journey, key)
    # (journey, ISO local date) on which clock and date starts already fired
    occurred: set[tuple[str, str]] = msgspec.field(default_factory=set)
    crossings: dict[str, Instant] = msgspec.field(
        default_factory=dict
    )  # segment -> when time alone may change membership
    applied: int = 0  # number of the last applied happening
    # Journey -> changes of products that become one start of it
    collecting: dict[str, Collecting] = msgspec.field(default_factory=dict)
    # Enrollment -> when time alone may end it
    turns: dict[str, Instant] = msgspec.field(default_factory=dict)
    points_due: Instant | None = None  # when time alone changes points or tier


Closed = Literal["no address", "bounced", "suppressed", "no consent"]


def why_closed(facts: Facts, channel: str, purpose: str | None) -> Closed | None:
    """Why a channel may not be used for a purpose (None: no consent is needed); None when it may."""
    reach = facts.reach.get(channel)
    # An address and a consent that nothing is known of are then taken as given; the address "" is known
    # to be missing.
    assumed = facts.assumed_reach
    if reach is None:
        return None if assumed else "no address"
    if not reach.address and not (assumed and reach.address is None):
        return "no address"
    # The first reason in this order is told: the one that is hardest to put right.
    if reach.bounced:
        return "bounced"
    # Without a purpose only `all` closes: an order confirmation goes to somebody who wants no marketing.
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


def why_silent(facts: Facts, policy: Policy, now: Instant) -> SkipReason | None:
    """Why a policy has nothing to say to this customer now, though they can be reached: they are inside a
    journey that it keeps silent for, or on a break of their own choice."""
    if not facts.inside.isdisjoint(policy.not_inside):
        return SkipReason.SILENCED
    until = facts.values.get("break_until")
    # A break is from advertising; the answer to an order comes all the same.
    if policy.consent is not None and isinstance(until, int) and until > now:
        return SkipReason.ON_A_BREAK
    return None


def caps_of(facts: Facts, policy: Policy) -> tuple[Cap, ...]:
    """Those of the policy, and for messages that need a consent the one that the customer chose."""
    own = OWN_CAPS.get(str(facts.values.get("frequency"))) if policy.consent is not None else None
    return policy.caps if own is None else (*policy.caps, own)


ZoneReason = Literal["customer", "country", "project"]


def resolve_zone(
    values: Mapping[str, Value], project_zone: str, zone_of_country: Callable[[str], str | None]
) -> tuple[str, ZoneReason]:
    """The customer's `timezone` if it is a real one, else the zone of a `country` that has only one, else the
    project's. `zone_of_country` is asked with an ISO 3166 code in capitals, or whatever else was written
    there."""
    # What the customer says counts most; a country with several zones says nothing about the clock.
    timezone, country = values.get("timezone"), values.get("country")
    if isinstance(timezone, str) and is_zone(timezone):
        return timezone, "customer"
    of_country = zone_of_country(country.strip().upper()) if isinstance(country, str) else None
    if of_country is not None and is_zone(of_country):
        return of_country, "country"
    return project_zone, "project"


def is_zone(name: str) -> bool:
    """True for an IANA name such as `Europe/Berlin`; not for `CET`, `+01:00`, `GMT+3`."""
    try:
        zone(name)
    except KeyError:
        return False
    return True
