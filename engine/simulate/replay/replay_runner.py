"""Plays the lines of a stream to the customers of one share of the customers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from engine.compiler.catalogue.catalogue import CUSTOMER_CHANGED
from engine.compiler.project_context import ProjectContext
from engine.core.coming_questions import ComingQuestions
from engine.core.decision.effects import Decision, Send
from engine.core.facts.customer import CustomerState
from engine.core.happening import Event, ProfileChanged, Reaction
from engine.core.journeys import Journeys
from engine.core.products.event_products import ID_NAMES, LIST_NAMES
from engine.simulate.decider import Decider
from engine.simulate.replay.catalogue_sim import SimulatedCatalogue
from engine.simulate.replay.customers import ReplayCustomers
from engine.simulate.replay.gaps_nightly import NightlyGaps
from engine.simulate.replay.mapping import StreamMapping
from engine.simulate.replay.needed import needed_fields, remembered
from engine.simulate.replay.reactions import RecordedReaction, RecordedReactions, is_of_message
from engine.simulate.replay.result import ReplayFigures, ReplayResult, prices
from engine.simulate.replay.rfm_nightly import NightlyScores
from engine.simulate.replay.stream import BadLine, StreamRecord, share_of
from engine.simulate.replay.translate import (
    CODE,
    PRODUCT,
    CustomerLine,
    EventTarget,
    Translator,
    shared_codes,
)
from engine.values import SECOND, Instant, Value, zone

MOST_LISTED = 100
"""Bad lines that are kept with their reason; all are counted."""

ADDRESSES: Mapping[str, str] = {"email": "email", "phone": "sms"}
"""Attributes that are the address of a channel."""


class ReplayRunner:
    """One replay from the first line to the last, for the customers whose share it is: no decision about one
    customer looks at another. `share` of `shares`: the first also answers for what belongs to nobody. What is
    made over all customers (a rank, what is usual, the catalogue) hears the lines of the other shares too.
    `coming`: what another version asks of everybody who is inside at the end."""

    def __init__(
        self,
        journeys: Journeys,
        project: ProjectContext,
        mapping: StreamMapping,
        *,
        strict: bool = False,
        share: int = 0,
        shares: int = 1,
        reactions: RecordedReactions | None = None,
        coming: ComingQuestions | None = None,
    ) -> None:
        config = project.config
        self.share, self.shares = share, shares
        self.mapping = mapping
        self.figures = ReplayFigures(zone(journeys.timezone))
        self.result = ReplayResult(self.figures, prices(config), config.currency)
        self.currency = mapping.currency or config.currency
        codes = shared_codes(config.codes)
        watched = (*LIST_NAMES, *ID_NAMES) if journeys.index.product_starts else ()
        needed = needed_fields(journeys, frozenset((CODE, PRODUCT, *watched)))
        self.coming = coming
        if coming is not None:
            needed |= needed_fields(coming.journeys, frozenset())
        self.translator = Translator(project.catalogue, mapping, needed, self.currency, codes)
        self.decider = Decider(journeys, self._record)
        self.customers = ReplayCustomers(journeys, self.decider, strict)
        self.catalogue = SimulatedCatalogue(journeys, self.customers, project.catalogue, self.currency)
        nights = (
            NightlyScores(journeys, self.customers, self.decider, self._is_mine),
            NightlyGaps(journeys, self.customers, self.decider, self._is_mine),
        )
        self.nights = [night for night in nights if night.events]
        # Of what others do no field is read but those that count at night: most lines are theirs
        counted = frozenset(name for night in self.nights for name in night.fields)
        self.elsewhere = Translator(project.catalogue, mapping, counted, self.currency, codes)
        self.heard_elsewhere: dict[str, tuple[EventTarget, ...]] = {}
        self.observed = journeys.index.observed_events
        self.remembered = remembered(journeys)
        self.watch = journeys.watch
        self.about_products = self.catalogue.touches or self.catalogue.reads
        self.reactions = reactions.to_play() if reactions is not None else None
        self.second = 0
        self.seen: set[Any] = set()

    def play(self, lines: Iterator[StreamRecord | BadLine]) -> ReplayResult:
        """All lines, and then what is due at the moment of the last."""
        result, customers, now = self.result, self.customers, Instant(0)
        share, shares, products = self.share, self.shares, self.mapping.products
        count = 0
        for line in lines:
            count += 1
            if not isinstance(line, StreamRecord):
                if share == 0:
                    self._refuse(line)
                continue
            at = line.at
            late = at < now
            if not late:
                now = at
                if result.first_at is None:
                    result.first_at = at
            if result.starting_at is None and self._may_start(line):
                result.starting_at = now
                customers.go_live(now)
            if shares > 1 and self._share_of(line.customer) != share:
                # The catalogue and what nights find are over everybody, so every share hears of these
                if line.name in products:
                    self._catch_up(now)
                    self._restock(line, now)
                if self.nights:
                    self._overhear(line, now)
                continue
            if late:
                result.late += 1
                result.first_late = result.first_late or line.line
            if now > customers.now:
                self._catch_up(now)
            self._take(line, now)
        # What is due at the moment of the last line belongs to the replay
        customers.run_before(Instant(now + 1))
        result.lines, result.customers = count, len(customers.states)
        result.last_at = now if result.first_at is not None else None
        if self.coming is not None:
            self._ask(self.coming, now)
        result.unknown, result.misfits = self.translator.unknown, self.translator.misfits
        return result

    def _ask(self, coming: ComingQuestions, now: Instant) -> None:
        """What another version asks of everybody inside."""
        coming = coming.knowing(self.customers.journeys.learned)
        for state in self.customers.states.values():
            for which, runs in coming.outcomes(state, now).items() if state.enrollments else ():
                self.result.asked[which] += runs
                self.result.asked_squares[which] += runs**2

    def _may_start(self, record: StreamRecord) -> bool:
        return (
            bool(self.translator.prepared(record.name))
            and not is_of_message(record)
            and not record.is_history
        )

    def _share_of(self, customer: str | None) -> int:
        return share_of(customer, self.shares) if customer is not None else 0

    def _is_mine(self, customer: str) -> bool:
        return self._share_of(customer) == self.share

    def _overhear(self, record: StreamRecord, now: Instant) -> None:
        """What customers of other shares do counts for what is found among all."""
        heard = self.heard_elsewhere.get(record.name)
        if heard is None:
            targets = self.elsewhere.prepared(record.name)
            heard = self.heard_elsewhere[record.name] = tuple(
                target for target in targets if any(target.name in night.events for night in self.nights)
            )
        if not heard or record.customer is None or self._is_double(record):
            return
        self._catch_up(now)
        for target in heard:
            try:
                read = self.elsewhere.read(target, record)
            except ValueError:
                return  # the share that it belongs to refuses it
            if read is not None:
                event = Event(0, "", target.name, min(record.at, now), now, read[0])
                self._tell_nights(record.customer, event, now)

    def _tell_nights(self, customer: str, event: Event, now: Instant) -> None:
        for night in self.nights:
            if event.name in night.events:
                night.hear(customer, event, now)

    def _catch_up(self, now: Instant) -> None:
        """What was due before this moment comes first."""
        self.customers.run_before(now)
        self.customers.now = max(now, self.customers.now)

    def _restock(self, record: StreamRecord, now: Instant) -> None:
        """The catalogue is the same for everybody."""
        try:
            for rule in self.mapping.products.get(record.name, ()):
                self.catalogue.change(rule, record.properties(), now)
        except ValueError as wrong:
            if self.share == 0:
                self._refuse(BadLine(record.file, record.line, str(wrong)))

    def _take(self, record: StreamRecord, now: Instant) -> None:
        if is_of_message(record):
            self.result.events[record.name] += 1
            return
        if record.name == CUSTOMER_CHANGED and CUSTOMER_CHANGED not in self.mapping.events:
            self._know(record, now)
            return
        if record.name in self.mapping.products:
            self._restock(record, now)
        try:
            targets = self.translator.targets(record.name)
            if not targets or self._is_double(record):
                return
            if record.customer is None:
                self._refuse(BadLine(record.file, record.line, f'"{record.name}" has no customer_id'))
                return
            for target in targets:
                self._give(target, record, now)
        except ValueError as wrong:
            self._refuse(BadLine(record.file, record.line, str(wrong)))

    def _give(self, target: EventTarget, record: StreamRecord, now: Instant) -> None:
        name, customer, customers = target.name, record.customer, self.customers
        assert customer is not None
        touches = self.about_products and name in self.watch
        if not target.customer and not target.where and not touches and self._is_nothing(name, customer):
            self.result.events[name] += 1
            # Most lines of a stream end here, before their properties are decoded
            if customers.needs_everybody:
                customers.state(customer, now)
            return
        read = self.translator.read(target, record)
        if read is None:
            return
        fields, attributes = read
        self.result.events[name] += 1
        # Before the event: what a customer is counts for what they do
        if attributes:
            self._learn(customer, attributes, now)
        number, starts = self.decider.next_number(), not record.is_history
        event = Event(number, "", name, min(record.at, now), now, fields, starts)
        if self.about_products:
            self.catalogue.touch(customer, event)
            product = fields.get(PRODUCT)
            if isinstance(product, str):
                self.catalogue.show(customer, product, now)
        self._tell_nights(customer, event, now)
        if not self._is_nothing(name, customer):
            customers.event(customer, event, now)
        elif customers.needs_everybody:
            customers.state(customer, now)

    def _is_nothing(self, name: str, customer: str) -> bool:
        """Nobody will ask about such an event, and the customer is in no run that could wait for it."""
        if name in self.remembered:
            return False
        state = self.customers.states.get(customer)
        if state is not None and state.collecting and name in self.watch:
            return False
        return name not in self.observed or state is None or not state.enrollments

    def _know(self, record: StreamRecord, now: Instant) -> None:
        """A line of a store's own stream says what somebody is."""
        try:
            said = msgspec.convert(record.properties(), CustomerLine)
        except (ValueError, msgspec.ValidationError) as wrong:
            self._refuse(BadLine(record.file, record.line, str(wrong)))
            return
        if record.customer is None:
            self._refuse(BadLine(record.file, record.line, f'"{record.name}" has no customer_id'))
            return
        self.result.events[record.name] += 1
        self._catch_up(now)
        attributes = self.translator.attributes(said.attributes)
        consents = {f"consent.{channel}": state for channel, state in said.consents.items()}
        addresses = {f"addresses.{channel}": "recorded" for channel, there in said.addresses.items() if there}
        self._learn(record.customer, {**attributes, **consents, **addresses}, now)
        taken = {name: None for name, value in said.attributes.items() if value is None}
        closed = {channel: None for channel, there in said.addresses.items() if not there}
        if taken or closed:
            number = self.decider.next_number()
            self.customers.happen(record.customer, ProfileChanged(number, now, taken, closed), now)

    def _learn(self, customer: str, attributes: dict[str, Value], now: Instant) -> None:
        """Attributes and addresses that an event tells: only what is new is a change."""
        known = self.customers.state(customer, now).facts
        values: dict[str, Value] = {}
        addresses: dict[str, str | None] = {}
        consents: dict[tuple[str, str], str] = {}
        for name, value in attributes.items():
            head, _, channel = name.partition(".")
            if head == "consent":
                consents[channel, "marketing"] = str(value)
            elif head == "addresses":
                addresses[channel] = str(value)
            elif known.values.get(name) != value:
                values[name] = value
                if name in ADDRESSES:
                    addresses[ADDRESSES[name]] = str(value)
        if values or addresses or consents:
            number = self.decider.next_number()
            self.customers.happen(customer, ProfileChanged(number, now, values, addresses, consents), now)

    def _is_double(self, record: StreamRecord) -> bool:
        """Equal content within one second and without an id is one event (design/language 2.13)."""
        second = record.at // SECOND
        if second != self.second:
            self.second = second
            self.seen.clear()
        content = record.content()
        if content in self.seen:
            self.result.doubles += (
                self.shares == 1 or record.customer is None or self._is_mine(record.customer)
            )
            return True
        self.seen.add(content)
        return False

    def _refuse(self, line: BadLine) -> None:
        self.result.bad += 1
        if len(self.result.bad_lines) < MOST_LISTED:
            self.result.bad_lines.append(line)

    def _record(self, state: CustomerState, decision: Decision, now: Instant) -> None:
        customer = state.facts.customer
        self.figures.add(customer, decision, now)
        if self.reactions is None:
            return
        for effect in decision.effects:
            if isinstance(effect, Send):
                for reaction in self.reactions.take(customer, effect.template, effect.channel):
                    self._expect_reaction(customer, effect, reaction, Instant(now + reaction.after))

    def _expect_reaction(self, customer: str, message: Send, reaction: RecordedReaction, at: Instant) -> None:
        def react(now: Instant) -> None:
            number = self.decider.next_number()
            kind = reaction.kind
            self.customers.happen(customer, Reaction(number, now, message.key, message.enrollment, kind), now)

        self.customers.at(at, react)
