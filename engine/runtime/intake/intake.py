"""Everything from outside becomes rows of the inbox here: HTTP and import give items, the good ones are made
durable."""

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import Connection

from engine.channel_kinds import kind_of, normalised
from engine.channels.webpush.subscription import refusal_of
from engine.compiler.catalogue.catalogue import OWN_EVENTS, Catalogue
from engine.compiler.catalogue.typed import Typing
from engine.config import Config
from engine.core.facts.fold import DEVICES
from engine.core.happening import Event, ProfileChanged
from engine.core.journeys import Journeys
from engine.problem import nearest
from engine.runtime.intake import visitors
from engine.runtime.intake.contact import channels_of, contact
from engine.runtime.intake.items import (
    AliasItem,
    CustomerItem,
    EventItem,
    Item,
    ProductItem,
    RefusedItem,
    VisitorItem,
)
from engine.store import aliases
from engine.store.customers import anonymous, codes, consents, products, suppressions, watching
from engine.store.inbox import inbox
from engine.store.inbox.inbox import Arrival
from engine.values import Instant, Value, instant, parse_instant
from engine.visible import acting

_TOO_LATE = instant(dt.datetime(9001, 1, 1, tzinfo=dt.UTC))


@dataclass(frozen=True, slots=True)
class IntakeResult:
    """What became of a request. `duplicates` were received before."""

    taken: int = 0
    duplicates: int = 0
    refused: tuple[RefusedItem, ...] = ()


@dataclass(slots=True)
class _Batch:
    arrivals: list[tuple[int, Arrival]] = field(default_factory=list)
    agreements: dict[int, list[consents.Agreement]] = field(default_factory=dict)
    visitors: list[VisitorItem] = field(default_factory=list)
    aliases: list[AliasItem] = field(default_factory=list)
    products: dict[str, Mapping[str, Value]] = field(default_factory=dict)
    refused: list[RefusedItem] = field(default_factory=list)


class Intake:
    """Turns items into happenings by the schemas of one deployment. `journeys`: those of the same, by which
    two ids become one customer."""

    def __init__(self, catalogue: Catalogue, config: Config, journeys: Journeys) -> None:
        self.journeys = journeys
        self.catalogue = catalogue
        self.config = config
        self.typing = Typing(catalogue, config.currency)

    def prepare(self, items: Iterable[Item], source: str, now: Instant) -> _Batch:
        """Types and checks every item; touches nothing outside."""
        batch = _Batch()
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
        return batch

    def take(self, conn: Connection, batch: _Batch, now: Instant) -> IntakeResult:
        """Writes what was prepared, in one transaction of the caller; durable when that is."""
        refused, joined = list(batch.refused), 0
        # first: what else the request says of the former id belongs to the person whom it becomes here
        for item in batch.aliases:
            why = aliases.join(conn, item.previous, item.customer_id, self.journeys, now)
            if why:
                refused.append(RefusedItem(item.item, "previousId", why))
            else:
                joined += 1
        if batch.visitors:
            visitors.join(conn, batch.visitors, self.journeys, now)
        # Of whom something is said under an id of their own, they are a customer from then on.
        described = {
            arrival.customer for _, arrival in batch.arrivals if isinstance(arrival.what, ProfileChanged)
        }
        anonymous.forget(conn, described - {item.anonymous_id for item in batch.visitors})
        arrivals = self._known(conn, [arrival for _, arrival in batch.arrivals], now)
        answers = inbox.append(conn, arrivals, now)
        for (item_number, _), arrival, answer in zip(batch.arrivals, arrivals, answers, strict=True):
            if answer == "taken":
                # only now: the proof of a consent that was received before stands beside it already
                agreements = batch.agreements.get(item_number, ())
                consents.record(
                    conn, [replace(agreement, customer=arrival.customer) for agreement in agreements]
                )
            elif answer == "conflict":
                why = "this id was received before with another content; the first one stays"
                refused.append(RefusedItem(item_number, "id", why))
        taken = [arrival for arrival, answer in zip(arrivals, answers, strict=True) if answer == "taken"]
        happened = [(arrival.customer, arrival.what) for arrival in taken if isinstance(arrival.what, Event)]
        watching.record_touches(conn, happened, now)
        # after the inbox, so that the closing is decided after what brought the address
        _close(conn, taken, now)
        products.write(conn, batch.products, now)
        new = answers.count("taken") + len(batch.products) + joined
        return IntakeResult(new, answers.count("duplicate"), tuple(refused))

    def _known(self, conn: Connection, arrivals: Sequence[Arrival], now: Instant) -> list[Arrival]:
        """Under the customer's own id, and with promo codes named by their pool (design/language 2.10)."""
        own = aliases.resolve(conn, {arrival.customer for arrival in arrivals})
        shown = {code for arrival in arrivals if (code := _code(arrival.what))}
        pools = codes.pools_of(conn, shown) if shown else {}
        known = []
        for arrival in arrivals:
            customer = own.get(arrival.customer, arrival.customer)
            what, code = arrival.what, _code(arrival.what)
            if code in pools and isinstance(what, Event):
                codes.mark_used(conn, customer, [code], now)
                fields = {**what.fields, "code": pools[code], "code_value": code}
                what = Event(0, what.id, what.name, what.occurred_at, what.received_at, fields, what.starts)
            known.append(Arrival(customer, arrival.source, arrival.id, what))
        return known

    def _event(self, item: EventItem, source: str, now: Instant, batch: _Batch) -> None:
        name = self._event_name(item)
        if isinstance(name, RefusedItem):
            batch.refused.append(name)
            return
        at = _moment(item.at, item.skew, now)
        if at is None:
            batch.refused.append(
                RefusedItem(
                    item.item, "at", "this is no moment; write ISO 8601, such as 2026-11-27T10:00:00Z"
                )
            )
            return
        typed = self.typing.event(name, item.properties)
        if typed.problems:
            batch.refused.extend(
                RefusedItem(item.item, f"properties.{problem.field}", problem.what)
                for problem in typed.problems
            )
            return
        fields = storable(typed.values)
        event = Event(0, item.id or "", name, at, now, fields, not item.history)
        batch.arrivals.append((item.item, Arrival(item.customer_id, source, item.id, event)))

    def _event_name(self, item: EventItem) -> str | RefusedItem:
        for name in (item.event, normal_name(item.event)):
            own = self.catalogue.event_name(name)
            if own in OWN_EVENTS:
                return RefusedItem(
                    item.item, "event", f'"{own}" is an event of the engine itself; use another name'
                )
            if self.catalogue.event_fields(own) is not None:
                return own
        plain = normal_name(item.event)
        if item.undeclared and plain:
            return plain
        near = nearest(plain, self.catalogue.event_names())
        hint = f'did you mean "{near}"?' if near else "declare it in schemas/events.yaml"
        return RefusedItem(item.item, "event", f'there is no event called "{item.event[:60]}"; {hint}')

    def _customer(self, item: CustomerItem, source: str, now: Instant, batch: _Batch) -> None:
        at = _moment(item.at, item.skew, now)
        typed = self.typing.attributes(item.attributes)
        values = storable(typed.values)
        refused = [RefusedItem(item.item, problem.field, problem.what) for problem in typed.problems]
        if not item.undeclared:
            refused += self._unknown(item)
        if at is None:
            refused.append(
                RefusedItem(
                    item.item, "timestamp", "this is no moment; write ISO 8601, such as 2026-11-27T10:00:00Z"
                )
            )
        addresses = self._addresses(item, values, refused)
        refused += [
            RefusedItem(
                item.item,
                f"consent.{consent.channel}",
                f"there is no such channel; there are: {', '.join(self.config.channels)}",
            )
            for consent in item.consents
            if consent.channel not in self.config.channels and not item.undeclared
        ]
        for name, token in item.joins.items():
            _contact(name, token, None, item.item, refused)
        if refused or at is None:
            batch.refused.extend(refused)
            return
        given = {(consent.channel, consent.purpose): consent.state for consent in item.consents}
        joined = tuple((name, token) for name, token in item.joins.items())
        changed = ProfileChanged(0, at, values, addresses, given, {}, not item.history, joined)
        batch.arrivals.append((item.item, Arrival(item.customer_id, source, item.id, changed)))
        batch.agreements[item.item] = [
            consents.Agreement(
                item.customer_id,
                consent.channel,
                consent.purpose,
                consent.state,
                _moment(consent.when, 0, at) or at,
                consent.where or source,
                consent.text,
            )
            for consent in item.consents
        ]

    def _unknown(self, item: CustomerItem) -> list[RefusedItem]:
        unknown = []
        for name in item.attributes:
            if name not in self.catalogue.attributes and name not in self.catalogue.facts:
                near = nearest(name, self.catalogue.customer_names())
                hint = f'did you mean "{near}"?' if near else "declare it in schemas/customer.yaml"
                unknown.append(
                    RefusedItem(item.item, name, f"there is no customer attribute of this name; {hint}")
                )
        return unknown

    def _addresses(
        self, item: CustomerItem, values: dict[str, Value], refused: list[RefusedItem]
    ) -> dict[str, str | None]:
        """Addresses by channel; the attributes `email` and `phone` are addresses too, and the other way
        round."""
        country = values.get("country")
        region = country if isinstance(country, str) else None
        wanted: dict[str, str | None] = {}
        given: dict[str, Any] = {name: values[name] for name in ("email", "phone") if name in values}
        for name, text in {**given, **item.addresses}.items():
            kept = _contact(name, text, region, item.item, refused)
            if kept and name in self.config.channels and self.config.channels[name].via == "webpush":
                kept = self._browsers(name, kept, item.item, refused)
            for channel in channels_of(name, self.config.channels) or ([] if name == "phone" else [name]):
                wanted[channel] = kept
            if attribute := kind_of(name).attribute:
                values[attribute] = kept
        return wanted

    def _browsers(self, name: str, kept: str, item: int, refused: list[RefusedItem]) -> str | None:
        """Those of a person's browsers that can be reached; the others are refused with the reason."""
        why = {line: refusal_of(line, self.config.egress) for line in kept.split("\n")}
        refused += [RefusedItem(item, name, reason) for reason in why.values() if reason]
        return "\n".join(line for line, reason in why.items() if not reason) or None

    def _product(self, item: ProductItem, batch: _Batch) -> None:
        typed = self.typing.product(item.fields)
        if typed.problems:
            batch.refused.extend(
                RefusedItem(item.item, problem.field, problem.what) for problem in typed.problems
            )
        else:
            earlier = batch.products.get(item.product_id, {})
            batch.products[item.product_id] = {**earlier, **storable(typed.values)}


def _close(conn: Connection, arrivals: Sequence[Arrival], now: Instant) -> None:
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
            inbox.append_one(
                conn, customer, ProfileChanged(0, now, suppressed={channel: purpose}, starts=False), now
            )


def normal_name(name: str) -> str:
    """`Order Completed` and `orderCompleted` -> `order_completed`."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name.strip())
    return re.sub(r"[^0-9a-zA-Z]+", "_", words).strip("_").lower()


def _contact(name: str, text: Any, country: str | None, item: int, refused: list[RefusedItem]) -> str | None:
    if text is None:
        return None
    if isinstance(text, list | tuple):
        if kind_of(name).form != "token":
            refused.append(RefusedItem(item, name, "this channel has one address, not a list"))
            return None
        tokens = [_contact(name, token, country, item, refused) for token in text[-DEVICES:]]
        return "\n".join(dict.fromkeys(token for token in tokens if token)) or None
    try:
        return contact(name, str(text), country)
    except ValueError as wrong:
        refused.append(RefusedItem(item, name, str(wrong)))
        return None


def _moment(text: str | None, skew: int, now: Instant) -> Instant | None:
    """When it happened: now without a time, never in the future (design/language 2.13); None for no moment at
    all."""
    if text is None:
        return now
    at = parse_instant(text)
    # before 1970 and after 9000 stands what a clock shows that was never set, or a number that is no moment
    return Instant(min(now, at + skew)) if at is not None and 0 <= at < _TOO_LATE else None


def _unfit_id(item: Item) -> RefusedItem | None:
    """Ids are printed by operators, put into links and compared by eye: none acts on a terminal or hides
    how it reads."""
    match item:
        case EventItem() | CustomerItem():
            ids = {"customer_id": item.customer_id, "id": item.id}
        case AliasItem():
            ids = {"previousId": item.previous, "customer_id": item.customer_id, "id": item.id}
        case VisitorItem():
            ids = {"anonymousId": item.anonymous_id}
        case ProductItem():
            ids = {"product_id": item.product_id}
    for name, text in ids.items():
        if text and (sign := acting(text)):
            why = f"an id may not hold a control character; this one holds {sign}"
            return RefusedItem(item.item, name, why)
    return None


def _code(what: object) -> str | None:
    code = what.fields.get("code") if isinstance(what, Event) else None
    return code if isinstance(code, str) and len(code) <= 100 else None


def storable(values: Mapping[str, object]) -> dict[str, Value]:
    """Typed values as they are. Of those that no schema names: texts in NFC, floats as decimals of 15 digits,
    lists of texts and of objects; whatever is nested deeper is kept as its JSON text, so nothing is lost."""
    return {name: _storable(value) for name, value in values.items()}


def _storable(value: object) -> Value:
    match value:
        case str():
            return value if value.isascii() else unicodedata.normalize("NFC", value)
        case float():
            return int(value) if value.is_integer() and abs(value) < 1e15 else Decimal(f"{value:.15g}")
        case list() if value and all(type(item) is str for item in value):
            return tuple(unicodedata.normalize("NFC", item) for item in value)
        case list() if all(type(item) is dict for item in value):
            return [dict(storable(item)) for item in value]
        case dict() | list():
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
        case _:
            return cast("Value", value)
