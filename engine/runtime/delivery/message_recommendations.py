"""Recommendations of a batch of messages: read at once, and chosen for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from engine.channels.render import OPENS
from engine.compiler.templates.message_set import MessageSet
from engine.core.products.event_products import products_named
from engine.core.recommendations.choose import RecommendedItem, choose
from engine.core.recommendations.rule import Recommendation
from engine.store.customers.addressees import Addressee
from engine.store.messages.records import OutboxMessage
from engine.store.recommendations.reading import WantedRecommendation, load
from engine.values import Instant

Lists = Mapping[str, Sequence[RecommendedItem]]

READ = "recommend."


@dataclass(frozen=True, slots=True)
class Recommending:
    """What a deployment recommends. `by_template`: names that a template reads by itself; the values of
    `with` come on top, message by message."""

    rules: Mapping[str, Recommendation] = field(default_factory=dict)
    by_template: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, rules: Mapping[str, Recommendation], messages: MessageSet) -> Recommending:
        """That of a project."""
        by_template: dict[str, frozenset[str]] = {}
        for (name, _), languages in messages.of.items() if rules else ():
            read = {
                each.name.removeprefix(READ).partition(".")[0]
                for template in languages.values()
                for each in template.reads()
                if each.name.startswith(READ)
            }
            if read:
                by_template[name] = by_template.get(name, frozenset()) | read
        return cls(rules, by_template)

    def wanted_by(self, message: OutboxMessage) -> tuple[Recommendation, ...]:
        """What one message shows."""
        given = message.names.get("recommended")
        names = set(self.by_template.get(message.template, ()))
        names |= {str(name) for name in given.values()} if isinstance(given, Mapping) else set()
        return tuple(self.rules[name] for name in sorted(names) if name in self.rules)


def recommend(
    conn: Connection,
    claimed: Sequence[OutboxMessage],
    customers: Mapping[str, Addressee],
    recommending: Recommending,
    now: Instant,
) -> dict[int, Lists]:
    """Number of the message -> its lists. A shop that recommends nothing is asked nothing; who agreed to no
    advertising gets empty lists."""
    if not recommending.rules:
        return {}
    recommended: dict[int, Lists] = {}
    wanted: list[tuple[OutboxMessage, WantedRecommendation]] = []
    for message in claimed:
        if message.body is not None:  # a later try shows what the first one did
            continue
        rules, customer = recommending.wanted_by(message), customers.get(message.customer)
        if rules and customer is not None:
            if not may_advertise(message, customer):
                recommended[message.number] = {rule.name: () for rule in rules}
                continue
            trigger = message.names.get("trigger")
            began = products_named(trigger) if isinstance(trigger, Mapping) else ()
            one = WantedRecommendation(message.bucket, message.customer, rules, began, customer.values)
            wanted.append((message, one))
    if not wanted:
        return recommended
    loaded = load(conn, [one for _, one in wanted], now)
    return recommended | {
        message.number: {rule.name: choose(rule, asked, loaded.tables, now).items for rule in one.rules}
        for (message, one), asked in zip(wanted, loaded.asked, strict=True)
    }


def may_advertise(message: OutboxMessage, customer: Addressee) -> bool:
    """Whether products to buy may stand in it.

    A message whose policy asks for no consent goes to everybody, but an offer inside it is advertising all
    the same (Directive 2002/58/EC, Art. 13; for mail about an order: German Federal Court of Justice, VI ZR
    225/17), so only who agreed to some purpose on this channel sees it.
    """
    return message.purpose is not None or any(
        state == "given" and channel == message.channel and purpose != OPENS
        for (channel, purpose), state in customer.consents.items()
    )
