"""Everything from outside becomes rows of the inbox here: HTTP and import give items, the good ones are made
durable, and what is wrong with the others is told, counted and kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Protocol

from sqlalchemy import Connection

from engine.channel_kinds import kind_of, normalised
from engine.channels.webpush.subscription import refusal_of
from engine.compiler.catalogue.catalogue import OWN_EVENTS, Catalogue
from engine.compiler.catalogue.typed import CatalogueReaders
from engine.compiler.event_fields import NeededFields
from engine.config import Config
from engine.core.facts.fold import DEVICES
from engine.core.happening import Event, Happening, ProfileChanged
from engine.core.journeys import Journeys
from engine.printable import acting
from engine.problem import nearest
from engine.runtime.intake import countries, quarantine, visitors
from engine.runtime.intake.consent_reading import read_consents
from engine.runtime.intake.contact import channels_of, contact, is_national
from engine.runtime.intake.items import (
    AliasItem,
    CustomerItem,
    EventItem,
    Item,
    ProductItem,
    RefusedItem,
    VisitorItem,
)
from engine.runtime.intake.limits import MOST_UNDECLARED, within_limits
from engine.runtime.intake.quarantine import Sent, nothing_sent
from engine.runtime.intake.untyped import normal_name, storable
from engine.store.customers import anonymous, consents, suppressions
from engine.store.inbox import inbox, refusals
from engine.store.inbox.inbox import Arrival, Taken
from engine.store.incentives import code_uses
from engine.store.incentives.code_uses import ShownCode
from engine.store.persons import aliases
from engine.store.products import catalogue as products
from engine.store.products import watching
from engine.values import Instant, Money, Value, instant, moment_of

_TOO_LATE = instant(dt.datetime(9001, 1, 1, tzinfo=dt.UTC))
_NO_MOMENT = "this is no moment; write ISO 8601, such as 2026-11-27T10:00:00Z"
_LONGEST_NAME = 200
_ALL_NEEDED = NeededFields()
_DEFAULT_PURPOSES = ("marketing", "opens")


@dataclass(frozen=True, slots=True)
class IntakeResult:
    """What became of a request. `duplicates` were received before; `refused`: what was wrong, also with items
    that were taken without it; `kept`: items in quarantine; `repeated`: places of the request of which
    everything was received before."""

    taken: int = 0
    duplicates: int = 0
    refused: tuple[RefusedItem, ...] = ()
    kept: int = 0
    repeated: frozenset[int] = frozenset()


class Receiver(Protocol):
    """What keeps or applies what happened to customers: the inbox, where nobody says otherwise."""

    def append(self, conn: Connection, arrivals: Sequence[Arrival], now: Instant) -> list[Taken]:
        """Takes what is new, in order, and says for each what became of it."""

    def append_one(self, conn: Connection, customer: str, what: Happening, now: Instant) -> None:
        """Takes what is new for certain."""


@dataclass(slots=True)
class PreparedBatch:
    """Items that were typed and checked, to be taken in one transaction."""

    source: str
    sent: Sent
    about: list[tuple[int, Arrival]] = field(default_factory=list)  # what is said of customers
    happened: list[tuple[int, Arrival]] = field(default_factory=list)  # what they did
    # By place and customer: the proof of one person is never written for another.
    agreements: dict[tuple[int, str], list[consents.Agreement]] = field(default_factory=dict)
    numbers: list[countries.NationalNumber] = field(default_factory=list)
    visitors: list[VisitorItem] = field(default_factory=list)
    aliases: list[AliasItem] = field(default_factory=list)
    products: dict[str, Mapping[str, Value]] = field(default_factory=dict)
    refused: list[RefusedItem] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)  # of what is refused, by its place

    @property
    def only_receives(self) -> bool:
        """Nobody becomes somebody else, and no product changes: others may write at the same time."""
        return not (self.visitors or self.aliases or self.products)


class Intake:
    """Turns items into happenings by the schemas of one deployment. `journeys`: those of the same, by which
    two ids become one customer; `needed`: which fields of events anything published reads: an event that
    lacks another one is taken."""

    def __init__(
        self,
        catalogue: Catalogue,
        config: Config,
        journeys: Journeys,
        needed: NeededFields = _ALL_NEEDED,
    ) -> None:
        self.journeys = journeys
        self.catalogue = catalogue
        self.config = config
        self.typing = CatalogueReaders(catalogue, config.currency)
        self.needed = needed
        self.shared_codes = {pool.code: name for name, pool in config.codes.items() if pool.kind == "shared"}
        # A sender repeats its mistake with every event.
        names = [*catalogue.events, *catalogue.also]
        self._nearest_event = lru_cache(maxsize=1_000)(lambda name: nearest(name, names))
        # Everything that is said of an event's name is the same for every event of that name.
        self._names = lru_cache(maxsize=1_000)(self._own_name)
        named = (policy.consent for policy in config.policies.values())
        lists = (signup_list.purpose for signup_list in config.signup.lists.values())
        self._purposes = tuple(dict.fromkeys((*_DEFAULT_PURPOSES, *filter(None, named), *lists)))

    def prepare(
        self,
        items: Iterable[Item],
        source: str,
        now: Instant,
        refused: Iterable[RefusedItem] = (),
        sent: Sent = nothing_sent,
    ) -> PreparedBatch:
        """Types and checks every item; touches nothing outside. `refused`: what was no item at all; `sent`:
        each as it was sent, for the quarantine."""
        batch = PreparedBatch(source, sent)
        batch.refused.extend(replace(item, kept=True) for item in refused)
        for item in items:
            if (unfit := _unfit_id(item)) is not None:
                batch.refused.append(unfit)
                continue
            match item:
                case EventItem():
                    self._event(item, source, now, batch)
                case CustomerItem():
                    self._customer(item, source, now, batch)
                case ProductItem():
                    self._product(item, batch)
                case AliasItem():
                    batch.aliases.append(item)
                case VisitorItem():
                    batch.visitors.append(item)
        if sent is not nothing_sent:
            # Here and not in `take`: what strangers sent may be large, and everybody waits for the writer.
            places = {fault.item for fault in batch.refused if fault.kept}
            batch.texts = {place: quarantine.text_of(sent(place)) for place in places}
        return batch

    def take(
        self,
        conn: Connection,
        batch: PreparedBatch,
        now: Instant,
        *,
        keep: bool = True,
        into: Receiver = inbox,
    ) -> IntakeResult:
        """Writes what was prepared, in one transaction of the caller; durable when that is. `keep` False:
        what is refused is in quarantine already. `into`: who gets what happened to customers."""
        refused, joined = list(batch.refused), 0
        # first: what else the request says of the former id belongs to the person whom it becomes here
        for item in batch.aliases:
            why = aliases.join(conn, item.previous, item.customer_id, self.journeys, now)
            if why:
                refused.append(RefusedItem(item.item, "previousId", why, kept=True))
            else:
                joined += 1
        if batch.visitors:
            visitors.join(conn, batch.visitors, self.journeys, now)
        # Of whom something is said under an id of their own, they are a customer from then on.
        described = {arrival.customer for _, arrival in batch.about}
        anonymous.forget(conn, described - {item.anonymous_id for item in batch.visitors})
        # What is said about a customer comes before what happened to the same one (design/language 2.21).
        numbered = [*self._about(conn, batch, refused), *batch.happened]
        arrivals = self._known(conn, [arrival for _, arrival in numbered])
        answers = into.append(conn, arrivals, now)
        places: set[int] = set()
        # The writer may run this once more with the same batch, so nothing is taken out of it.
        proofs: dict[tuple[int, str], list[consents.Agreement]] = {}
        for (place, sent), arrival, answer in zip(numbered, arrivals, answers, strict=True):
            if answer == "taken" and isinstance(arrival.what, ProfileChanged):
                # only now: the proof of a consent that was received before stands beside it already
                said = batch.agreements.get((place, sent.customer), ())
                proofs[place, sent.customer] = [
                    replace(agreement, customer=arrival.customer) for agreement in said
                ]
            elif answer == "conflict":
                why = "this id was received before with another content; the first one stays"
                refused.append(RefusedItem(place, "id", why))
            if answer != "conflict":
                places.add(place)
        consents.record(conn, [agreement for agreements in proofs.values() for agreement in agreements])
        taken = [arrival for arrival, answer in zip(arrivals, answers, strict=True) if answer == "taken"]
        happened = [(arrival.customer, arrival.what) for arrival in taken if isinstance(arrival.what, Event)]
        watching.record_touches(conn, happened, now, self.catalogue.watch)
        # after the inbox, so that the closing is decided after what brought the address
        _close(conn, taken, now, into)
        products.write(conn, batch.products, now)
        new = answers.count("taken") + len(batch.products) + joined
        if refused and keep:
            self._keep(conn, batch, refused, frozenset(places), now)
        whole = {
            item.item
            for item in refused
            if item.kept and not quarantine.is_partial(batch.sent(item.item), item.item, frozenset(places))
        }
        new_places = {
            place for (place, _), answer in zip(numbered, answers, strict=True) if answer != "duplicate"
        }
        repeated = frozenset(place for place, _ in numbered) - new_places
        return IntakeResult(new, answers.count("duplicate"), tuple(refused), len(whole), repeated)

    def _keep(
        self,
        conn: Connection,
        batch: PreparedBatch,
        refused: Sequence[RefusedItem],
        taken: frozenset[int],
        now: Instant,
    ) -> None:
        counted = quarantine.refusals_of(refused, batch.sent, batch.source)
        known = batch.sent is not nothing_sent
        kept = (
            quarantine.kept_items(refused, taken, batch.sent, batch.texts, batch.source, now) if known else []
        )
        refusals.note(conn, counted, kept, now)

    def _about(
        self, conn: Connection, batch: PreparedBatch, refused: list[RefusedItem]
    ) -> list[tuple[int, Arrival]]:
        """What is said of customers, where it can only be judged by what is known of them."""
        about = batch.about
        if batch.numbers:
            about, wrong = countries.with_numbers(
                conn, about, batch.numbers, self.config.shop.country, self.config.channels
            )
            refused.extend(wrong)
        about, wrong = within_limits(conn, about, self.catalogue.attributes.keys())
        refused.extend(wrong)
        return about

    def _known(self, conn: Connection, arrivals: Sequence[Arrival]) -> list[Arrival]:
        """Under the customer's own id, and with promo codes named by their pool (design/language 2.10)."""
        own = aliases.resolve(conn, {arrival.customer for arrival in arrivals})
        shown = [
            _shown(code, own.get(arrival.customer, arrival.customer), arrival.what)
            for arrival in arrivals
            if isinstance(arrival.what, Event) and (code := _code(arrival.what))
        ]
        pools = code_uses.note(conn, shown, self.shared_codes) if shown else {}
        if not own and not pools:
            return list(arrivals)
        known = []
        for arrival in arrivals:
            customer = own.get(arrival.customer, arrival.customer)
            what, code = arrival.what, _code(arrival.what)
            if code in pools and isinstance(what, Event):
                fields = {**what.fields, "code": pools[code], "code_value": code}
                what = Event(0, what.id, what.name, what.occurred_at, what.received_at, fields, what.starts)
            known.append(Arrival(customer, arrival.source, arrival.id, what))
        return known

    def _event(self, item: EventItem, source: str, now: Instant, batch: PreparedBatch) -> None:
        name = self._event_name(item)
        if isinstance(name, RefusedItem):
            batch.refused.append(name)
            return
        at = _moment(item.at, item.skew, now)
        if at is None:
            batch.refused.append(RefusedItem(item.item, "at", _NO_MOMENT, kept=True))
            return
        typed = self.typing.event(name, item.properties)
        if typed.problems or item.dropped:
            wrong = [
                *item.dropped,
                *(
                    RefusedItem(item.item, f"properties.{problem.field}", problem.what)
                    for problem in typed.problems
                ),
            ]
            places = [fault.field.removeprefix("properties.") for fault in wrong]
            if any(self.needed.needs(name, place) for place in places):
                batch.refused.extend(replace(fault, kept=True) for fault in wrong)
                return
            batch.refused.extend(wrong)
        fields = typed.values if typed.is_storable else storable(typed.values)
        event = Event(0, item.id or "", name, at, now, fields, not item.history)
        batch.happened.append((item.item, Arrival(item.customer_id, source, item.id, event)))

    def _event_name(self, item: EventItem) -> str | RefusedItem:
        # A long name is none that anybody declared, and the memory for many of them is a stranger's.
        own = (self._names if len(item.event) <= _LONGEST_NAME else self._own_name)(item.event)
        if own is not None and own not in OWN_EVENTS:
            return own
        if own is not None:
            why = f'"{own}" is an event of the engine itself; use another name'
            return RefusedItem(item.item, "event", why, kept=True)
        plain = normal_name(item.event)
        if item.undeclared and plain:
            return plain
        # Never an event of the engine: a shop does not send those.
        near = self._nearest_event(plain)
        hint = f'did you mean "{near}"?' if near else "declare it in schemas/events.yaml"
        why = f'there is no event called "{item.event[:60]}"; {hint}'
        reason = f"there is no event of this name; {hint}"
        return RefusedItem(item.item, "event", why, kept=True, reason=reason)

    def _own_name(self, given: str) -> str | None:
        """The event's own name, also where it is one of the engine's; None for one that nobody declared."""
        for name in (given, normal_name(given)):
            own = self.catalogue.event_name(name)
            if own in OWN_EVENTS or self.catalogue.event_fields(own) is not None:
                return own
        return None

    def _customer(self, item: CustomerItem, source: str, now: Instant, batch: PreparedBatch) -> None:
        """Every field that is right is taken, every one that is wrong is told (design/language 2.21)."""
        faults = list(item.dropped)
        at = _moment(item.at, item.skew, now)
        if at is None:
            faults.append(RefusedItem(item.item, "timestamp", _NO_MOMENT))
            at = now
        values = self._values(item, faults)
        addresses = self._addresses(item, values, faults, batch)
        read, wrong = read_consents(item.consent, item.item, tuple(self.config.channels), self._purposes)
        faults += wrong
        # consents that were read before, for channels that there are
        right = []
        for consent in item.consents:
            if consent.channel in self.config.channels or item.undeclared:
                right.append(consent)
            else:
                why = f"there is no such channel; there are: {', '.join(self.config.channels)}"
                faults.append(RefusedItem(item.item, f"consent.{consent.channel}", why))
        agreed = [*right, *read]
        joined = self._joined(item, faults)
        batch.refused.extend(replace(fault, kept=True) for fault in faults)
        waits = any(number.place == len(batch.about) for number in batch.numbers)
        if faults and not (values or addresses or agreed or joined or waits):
            return
        given = {(consent.channel, consent.purpose): consent.state for consent in agreed}
        changed = ProfileChanged(0, at, values, addresses, given, {}, not item.history, joined)
        batch.about.append((item.item, Arrival(item.customer_id, source, item.id, changed)))
        batch.agreements.setdefault((item.item, item.customer_id), []).extend(
            consents.Agreement(
                item.customer_id,
                consent.channel,
                consent.purpose,
                consent.state,
                _moment(consent.when, 0, at) or at,
                consent.where or source,
                consent.text,
            )
            for consent in agreed
        )

    def _values(self, item: CustomerItem, faults: list[RefusedItem]) -> dict[str, Value]:
        """The attributes that are right."""
        typed = self.typing.attributes(item.attributes)
        values = storable(typed.values)
        faults += [RefusedItem(item.item, problem.field, problem.what) for problem in typed.problems]
        unknown = [name for name in values if name not in self.catalogue.attributes]
        for number, name in enumerate(unknown):
            if not name.isprintable() or not name.strip():
                why = "the name of an attribute has only printable characters"
            elif not item.undeclared:
                near = nearest(name, self.catalogue.customer_names())
                hint = f'did you mean "{near}"?' if near else "declare it in schemas/customer.yaml"
                why = f"there is no customer attribute of this name; {hint}"
            elif number >= MOST_UNDECLARED:
                why = f"at most {MOST_UNDECLARED} attributes that schemas/customer.yaml does not name"
            else:
                continue
            del values[name]
            faults.append(RefusedItem(item.item, name, why))
        return values

    def _joined(self, item: CustomerItem, faults: list[RefusedItem]) -> tuple[tuple[str, str], ...]:
        """Tokens of devices; an SDK sends them whether the shop has the channel or not."""
        joined = []
        for name, token in item.joins.items():
            if name not in self.config.channels:
                continue
            try:
                joined.append((name, contact(name, token, None)))
            except ValueError as wrong:
                faults.append(RefusedItem(item.item, name, str(wrong)))
        return tuple(joined)

    def _addresses(
        self, item: CustomerItem, values: dict[str, Value], faults: list[RefusedItem], batch: PreparedBatch
    ) -> dict[str, str | None]:
        """Addresses by channel; the attributes `email` and `phone` are addresses too, and the other way
        round. An empty one is none; null takes one away."""
        country = values.get("country")
        region = country if isinstance(country, str) else None
        wanted: dict[str, str | None] = {}
        given: dict[str, Any] = {name: values[name] for name in ("email", "phone") if name in values}
        for name, text in {**given, **item.addresses}.items():
            if name not in self.config.channels and name not in ("email", "phone"):
                why = f"there is no such channel; there are: {', '.join(self.config.channels)}"
                faults.append(RefusedItem(item.item, f"addresses.{name}", why))
                continue
            if isinstance(text, str) and not text.strip():
                _drop(values, name, text)
                continue
            # Its country is looked up for the whole batch at once
            if region is None and is_national(name, text):
                _drop(values, name, text)
                batch.numbers.append(
                    countries.NationalNumber(len(batch.about), item.item, item.customer_id, name, str(text))
                )
                continue
            try:
                kept = _contact(name, text, region)
            except ValueError as wrong:
                _drop(values, name, text)
                reason = "this is no e-mail address" if kind_of(name).form == "email" else ""
                faults.append(RefusedItem(item.item, name, str(wrong), reason=reason))
                continue
            if kept and name in self.config.channels and self.config.channels[name].via == "webpush":
                kept = self._browsers(name, kept, item.item, faults)
                if kept is None:
                    continue
            for channel in channels_of(name, self.config.channels):
                wanted[channel] = kept
            if attribute := kind_of(name).attribute:
                values[attribute] = kept
        return wanted

    def _browsers(self, name: str, kept: str, item: int, refused: list[RefusedItem]) -> str | None:
        """Those of a person's browsers that can be reached; the others are refused with the reason."""
        why = {line: refusal_of(line, self.config.egress) for line in kept.split("\n")}
        refused += [RefusedItem(item, name, reason) for reason in why.values() if reason]
        return "\n".join(line for line, reason in why.items() if not reason) or None

    def _product(self, item: ProductItem, batch: PreparedBatch) -> None:
        typed = self.typing.product(item.fields)
        if typed.problems:
            batch.refused.extend(
                RefusedItem(item.item, problem.field, problem.what, kept=True) for problem in typed.problems
            )
        else:
            earlier = batch.products.get(item.product_id, {})
            batch.products[item.product_id] = {**earlier, **storable(typed.values)}


def _close(conn: Connection, arrivals: Sequence[Arrival], now: Instant, into: Receiver) -> None:
    """An address that is closed stays closed, whoever brings it in whatever letters: decisions see it like
    the hand-over does (design/reliability case 89)."""
    brought = [
        (arrival.customer, channel, normalised(channel, address))
        for arrival in arrivals
        if isinstance(arrival.what, ProfileChanged)
        for channel, address in arrival.what.addresses.items()
        if address and "\n" not in address
    ]
    closed = (
        suppressions.closing(conn, {(channel, address) for _, channel, address in brought}) if brought else {}
    )
    for customer, channel, address in brought:
        purpose = closed.get((channel, address))
        if purpose is not None:
            closed_now = ProfileChanged(0, now, suppressed={channel: purpose}, starts=False)
            into.append_one(conn, customer, closed_now, now)


def _drop(values: dict[str, Value], name: str, text: object) -> None:
    """An attribute that is an address and cannot be kept as one."""
    if values.get(name) == text:
        del values[name]


def _contact(name: str, text: Any, country: str | None) -> str | None:
    """Raises ValueError that says what is wrong with it."""
    if text is None:
        return None
    if not isinstance(text, list | tuple):
        if isinstance(text, bool | dict):
            raise ValueError("an address is a text")  # noqa: TRY004  # told to the sender like any other
        return contact(name, str(text), country)
    if kind_of(name).form != "token":
        raise ValueError("this channel has one address, not a list")
    tokens = [contact(name, str(token), country) for token in text[-DEVICES:] if str(token).strip()]
    return "\n".join(dict.fromkeys(tokens)) or None


def _moment(text: str | None, skew: int, now: Instant) -> Instant | None:
    """When it happened: now without a time, never in the future (design/language 2.13); None for no moment at
    all."""
    if text is None:
        return now
    at = moment_of(text)
    # before 1970 and after 9000 stands what a clock shows that was never set, or a number that is no moment
    return Instant(min(now, at + skew)) if at is not None and 0 <= at < _TOO_LATE else None


def _unfit_id(item: Item) -> RefusedItem | None:
    """Ids are printed by operators, put into links and compared by eye: none acts on a terminal or hides
    how it reads."""
    # Nearly everything that comes, and nothing in it acts
    if type(item) is EventItem and not acting(item.customer_id + (item.id or "")):
        return None
    ids: tuple[tuple[str, str | None], ...]
    match item:
        case EventItem() | CustomerItem():
            ids = (("customer_id", item.customer_id), ("id", item.id))
        case AliasItem():
            ids = (("previousId", item.previous), ("customer_id", item.customer_id), ("id", item.id))
        case VisitorItem():
            ids = (("anonymousId", item.anonymous_id),)
        case ProductItem():
            ids = (("product_id", item.product_id),)
    for name, text in ids:
        if text and (sign := acting(text)):
            why = f"an id may not hold a control character; this one holds {sign}"
            return RefusedItem(item.item, name, why, kept=True)
    return None


def _shown(code: str, customer: str, event: Event) -> ShownCode:
    """The use of a code that an event tells of."""
    order, total = event.fields.get("order_id"), event.fields.get("total")
    amounts = [total, *event.fields.values()]
    amount = next((value for value in amounts if isinstance(value, Money)), None)
    return ShownCode(
        code, customer, event.occurred_at, "order", order if isinstance(order, str) else "", amount
    )


def _code(what: object) -> str | None:
    if type(what) is not Event or "code" not in what.fields:
        return None
    code = what.fields["code"]
    return code if isinstance(code, str) and len(code) <= 100 else None
