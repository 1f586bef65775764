"""Who a customer is now, as the store knows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from engine.channel_kinds import normalised
from engine.core.conditions.dependencies import farthest
from engine.core.facts.customer import CustomerState
from engine.core.facts.forecasts import Forecast
from engine.core.journeys import Journeys
from engine.runtime.advance.definitions import in_use
from engine.runtime.advance.forecasting import last_forecasts
from engine.runtime.advance.scoring import last_scores
from engine.store.customers import batches, history, suppressions
from engine.store.facts import definitions
from engine.store.facts.definitions import FactDefinition
from engine.store.learning import learned
from engine.store.meta import bucket_of
from engine.store.persons import aliases
from engine.values import Instant

_EVERYTHING = {"all": "everything", suppressions.ANY_PURPOSE: "everything that needs a consent"}


@dataclass(frozen=True, slots=True)
class KnownCustomer:
    """One customer as the store knows them at a moment."""

    id: str
    aliases: tuple[str, ...]
    since: Instant
    segments: Mapping[str, Instant]
    state: CustomerState
    journeys: Journeys
    now: Instant
    scored: Mapping[str, Instant] = field(default_factory=dict)  # nightly facts, when they were last computed
    forecasts: Mapping[str, Forecast] = field(default_factory=dict)  # by fact, as they were made last
    shut: Mapping[str, str] = field(default_factory=dict)  # channels with a closed address, and why
    definitions: Mapping[str, FactDefinition] = field(
        default_factory=dict
    )  # of facts, by which they are made

    @property
    def zone(self) -> ZoneInfo:
        """The zone that counts for them."""
        return self.state.facts.zone


def find(conn: Connection, customer: str, journeys: Journeys, now: Instant) -> KnownCustomer | None:
    """A customer by id or other name; None: nothing is known."""
    # The anonymous id of a browser leads to the customer it turned out to be
    own = aliases.resolve(conn, [customer]).get(customer, customer)
    known = history.known_since(conn, own)
    if known is None:
        return None
    bucket = bucket_of(conn, own)
    # Also the rows of facts over a stretch of time that nothing asks for: they are counted here.
    needs = farthest(journeys.needs, *(rule.history for rule in journeys.facts))
    journeys = replace(journeys, needs=needs, learned=learned.known(conn))
    # Values by the definitions in use, also where another one is being counted
    used = in_use(conn, journeys, definitions.unsettled(conn)).journeys
    state = batches.load_batch(conn, bucket, [own], used, now).states[own]
    # what the list of closed addresses says of theirs, also where another customer had the address before
    closed = {}
    for channel, reach in state.facts.reach.items():
        for address in filter(None, (reach.address or "").split("\n")):
            for purpose, why in suppressions.active(conn, channel, normalised(channel, address)).items():
                closed[channel] = f"closed for {_EVERYTHING.get(purpose, purpose)} ({why.strip(': ')})"
    return KnownCustomer(
        own, tuple(history.other_names(conn, own)), *known, state, journeys, now,
        last_scores(conn, journeys), last_forecasts(conn), closed, definitions.all_of(conn),
    )  # fmt: skip
