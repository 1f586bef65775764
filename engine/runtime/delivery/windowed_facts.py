"""Facts over a stretch of time in messages: counted from history for the customers of a batch when they are
written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from engine.compiler.templates.message_set import MessageSet
from engine.core.conditions.dependencies import farthest
from engine.core.facts.computed import windowed_value
from engine.core.facts.customer import Facts
from engine.core.facts.fold import history_from
from engine.core.facts.rule import FactRule
from engine.store.customers import events
from engine.store.customers.addressees import Addressee
from engine.store.messages.records import OutboxMessage
from engine.values import Instant, Value


def windowed_by_template(
    messages: MessageSet, rules: Sequence[FactRule]
) -> Mapping[str, tuple[FactRule, ...]]:
    """The facts over a stretch of time that each template reads, in any channel and language."""
    windowed = {f"customer.{rule.name}": rule for rule in rules if rule.history and not rule.is_nightly}
    found: defaultdict[str, dict[str, FactRule]] = defaultdict(dict)
    for (template, _), languages in messages.of.items() if windowed else ():
        for compiled in languages.values():
            read = (name.name for name in compiled.reads() if name.name in windowed)
            found[template].update({name: windowed[name] for name in read})
    return {template: tuple(rules.values()) for template, rules in found.items() if rules}


def with_windowed(
    conn: Connection,
    claimed: Sequence[OutboxMessage],
    customers: dict[str, Addressee],
    windowed: Mapping[str, tuple[FactRule, ...]],
    initial: Mapping[str, Value],
    now: Instant,
) -> dict[str, Addressee]:
    """The customers with the facts that their messages read, as they are now: one query for a bucket. Nothing
    is asked where no template of the batch reads such a fact."""
    buckets: defaultdict[int, dict[str, set[FactRule]]] = defaultdict(dict)
    for message in claimed:
        if message.body is None and message.template in windowed and message.customer in customers:
            asked = buckets[message.bucket].setdefault(message.customer, set())
            asked.update(windowed[message.template])
    if not buckets:
        return customers
    counted = dict(customers)
    for bucket, rules_of in buckets.items():
        needs = farthest(*(rule.history for rules in rules_of.values() for rule in rules))
        start = {name: history_from(name, needs, now) for name in needs}
        facts = {id_: Facts(id_, values={**initial, **customers[id_].values}) for id_ in rules_of}
        for customer, event in events.load(conn, bucket, facts, start):
            facts[customer].history.setdefault(event.name, []).append(event)
        for customer, rules in rules_of.items():
            values = {rule.name: windowed_value(rule, facts[customer], now) for rule in rules}
            of_customer = customers[customer]
            counted[customer] = replace(of_customer, values={**of_customer.values, **values})
    return counted
