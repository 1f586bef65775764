"""Prepares claimed messages for sending: loads what their templates read, and writes them, a whole batch at
once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import Connection

from engine.channel_kinds import ChannelKind, normalised
from engine.channels.base import Message
from engine.channels.links import Links
from engine.channels.mime import token_of
from engine.channels.render import OPENS, Recipient, RenderError, SenderProfile, render
from engine.channels.render_data import FieldTypes, ProductNames, RenderValues
from engine.compiler.templates.message_set import MessageSet
from engine.compiler.templates.text_parts import parts
from engine.core.facts.rule import FactRule
from engine.core.reasons import ReturnReason
from engine.ids import derive
from engine.runtime.delivery.attempt import Attempt, Unrenderable
from engine.runtime.delivery.message_recommendations import Lists, Recommending, recommend
from engine.runtime.delivery.send_limits import SendLimits
from engine.runtime.delivery.unknown_policy import UnknownPolicies
from engine.runtime.delivery.windowed_facts import with_windowed
from engine.store.customers import addressees
from engine.store.customers.addressees import Addressee
from engine.store.facts.definitions import unset_names
from engine.store.messages import sessions
from engine.store.messages.queue import Body
from engine.store.messages.records import OutboxMessage
from engine.store.products import catalogue as products
from engine.store.recommendations.shown import ShownProduct
from engine.values import Instant, Value, zone


@dataclass(frozen=True, slots=True)
class RenderContext:
    """What a deployment renders messages with; replaced as a whole by the next one."""

    messages: MessageSet
    field_types: FieldTypes
    links: Links
    styles: Mapping[str, SenderProfile] = field(default_factory=dict)
    timezone: str = "UTC"
    initial: Mapping[str, Value] = field(default_factory=dict)
    """Values of customers for whom nothing was computed yet (`engine.core.facts.fold.initial_values`)."""
    guards: SendLimits = field(default_factory=SendLimits)
    unknown: UnknownPolicies = field(default_factory=UnknownPolicies)
    kinds: Mapping[str, ChannelKind] = field(default_factory=dict)  # what each channel of config.yaml is
    # By template: the facts that it reads and that are counted when they are asked for.
    windowed: Mapping[str, tuple[FactRule, ...]] = field(default_factory=dict)
    recommending: Recommending = field(default_factory=Recommending)


@dataclass(frozen=True, slots=True)
class RenderData:
    """What a batch of messages reads from the store."""

    customers: Mapping[str, Addressee] = field(default_factory=dict)
    products: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    replied: Mapping[tuple[str, str], Instant] = field(default_factory=dict)
    recommended: Mapping[int, Lists] = field(default_factory=dict)  # by number of the message
    unset: frozenset[str] = frozenset()  # facts that nobody has a value of yet


def load_render_data(
    conn: Connection, claimed: Sequence[OutboxMessage], context: RenderContext, now: Instant
) -> RenderData:
    """One query for the customers of each bucket, one for the products, one for facts over a stretch of time
    where templates read some, and on channels with sessions one for when these people wrote to us last."""
    buckets: dict[int, set[str]] = defaultdict(set)
    wanted: set[str] = set()
    for message in claimed:
        if message.body is None:  # a later try sends what the first one rendered
            buckets[message.bucket].add(message.customer)
            product = _product_id(message)
            if product:
                wanted.add(product)
    customers: dict[str, Addressee] = {}
    for bucket, ids in buckets.items():
        customers |= addressees.find(conn, bucket, ids)
    customers = with_windowed(conn, claimed, customers, context.windowed, context.initial, now)
    replied: dict[tuple[str, str], Instant] = {}
    with_sessions = {name for name, kind in context.kinds.items() if kind.sessions}
    for channel in with_sessions.intersection(message.channel for message in claimed):
        addresses = {
            normalised(channel, customers[message.customer].addresses.get(channel, ""))
            for message in claimed
            if message.customer in customers and message.channel == channel
        }
        last = sessions.last_of(conn, channel, addresses - {""})
        replied |= {(channel, address): at for address, at in last.items()}
    recommended = recommend(conn, claimed, customers, context.recommending, now)
    found = products.find(conn, wanted) if wanted else {}
    return RenderData(customers, found, replied, recommended, unset_names(conn))


def render_batch(
    claimed: Sequence[OutboxMessage], needed: RenderData, context: RenderContext
) -> list[Attempt | Unrenderable]:
    """Renders each message; one that cannot be rendered stops no other."""
    return [_render(message, needed, context) for message in claimed]


def record_of(attempt: Attempt, key: str) -> Body:
    """What is kept of a body: its hash beside it, where it goes, and the token by which a bounce of an e-mail
    finds it."""
    body, message = attempt.body or "", attempt.message
    token = token_of(key, message.send_key) if message.channel == "email" else None
    return Body(message, body, body_hash(body), attempt.content.address, token, attempt.parts)


def body_hash(body: str) -> str:
    """What is left of a message when its outcome is settled."""
    return derive("body", body)


def load_body(body: str) -> Message:
    """The message as it was first written: what is sent again is the same to the letter."""
    return Message.from_document(orjson.loads(body))


def _render(claimed: OutboxMessage, needed: RenderData, context: RenderContext) -> Attempt | Unrenderable:
    if claimed.body is not None:  # an earlier attempt: the same bytes to the same address
        return Attempt(claimed, load_body(claimed.body), None)
    customer = needed.customers.get(claimed.customer)
    address = customer.addresses.get(claimed.channel) if customer is not None else None
    if customer is None or not address:
        reason = ReturnReason.NO_ADDRESS
        return Unrenderable(claimed, reason.value, reason if claimed.handed_at is None else None)
    template = context.messages.pick(claimed.template, claimed.channel, customer.language)
    if template is None:
        return Unrenderable(
            claimed, f'there is no template "{claimed.template}" for {claimed.channel}', reason=None
        )
    place = _zone(customer.zone, context.timezone)
    lists = {
        name: [
            ProductNames(item.product, number, item.source, item.fields, context.field_types, place)
            for number, item in enumerate(items, 1)
        ]
        for name, items in needed.recommended.get(claimed.number, {}).items()
    }
    # A fact that is being counted for the first time is not set, and no zero
    initial = {name: value for name, value in context.initial.items() if name not in needed.unset}
    values = RenderValues(
        customer={"id": claimed.customer, **initial, **customer.values},
        names=claimed.names,
        product=needed.products.get(_product_id(claimed), {}),
        zone=place,
        recommend=lists,
    )
    addressed = Recipient(
        key=claimed.send_key,
        channel=claimed.channel,
        address=address,
        customer=claimed.customer,
        purpose=claimed.purpose,
        valid_until=Instant(claimed.valid_until),
        opens=customer.consents.get((claimed.channel, OPENS), "none"),
    )
    style = context.styles.get(claimed.channel, SenderProfile())
    try:
        message = render(template, addressed, values, context.field_types, context.links, style)
    except RenderError as mistake:
        return Unrenderable(claimed, str(mistake), reason=None)
    kind = context.kinds.get(claimed.channel, ChannelKind())
    if kind.sessions:
        message = replace(
            message, replied_at=needed.replied.get((claimed.channel, normalised(claimed.channel, address)))
        )
    charged = parts(message.body) if kind.in_parts else 1
    shown = tuple(
        ShownProduct(name, each.place, each.product, each.source)
        for name, items in lists.items()
        for each in items
        if each.is_read
    )
    body = orjson.dumps(message.to_document()).decode()
    return Attempt(claimed, message, body, parts=charged, shown=shown)


def _product_id(message: OutboxMessage) -> str:
    product = message.names.get("product_id")
    return product if isinstance(product, str) else ""


def _zone(name: str, otherwise: str) -> ZoneInfo:
    try:
        return zone(name)
    except KeyError:
        return zone(otherwise)
