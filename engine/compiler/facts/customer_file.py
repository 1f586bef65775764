"""Reads schemas/customer.yaml, and with events.yaml and product.yaml all words of a shop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from engine.compiler.catalogue.catalogue import BUILT_IN, Catalogue
from engine.compiler.catalogue.catalogue_file import (
    EVENTS_FILE,
    PRODUCT_FILE,
    RULES,
    TYPE_SHAPE,
    is_own_name,
    named_types,
    open_file,
    product_types,
    read_events,
)
from engine.compiler.catalogue.rfm_words import RFM_SHAPE, read_rfm
from engine.compiler.catalogue.watch_table import read_watch
from engine.compiler.facts.fact_file import FACT_SHAPE, FactScope, read_fact
from engine.compiler.facts.loyalty_names import loyalty_attributes, loyalty_events
from engine.config import Config
from engine.config.file import default_config
from engine.core.facts.rule import FactRule
from engine.language import nodes
from engine.language.grammar import Construct, Key
from engine.language.map_reader import MapReader, ReadContext
from engine.language.nodes import Node
from engine.problem import Problem

CUSTOMER_FILE = Construct(
    "customer",
    "schemas/customer.yaml",
    (
        Key("attributes", "named", "what the shop says of a customer, each with its type", shape=TYPE_SHAPE),
        Key("facts", "named", "what is computed from events", shape=FACT_SHAPE),
        Key("rfm", "any", "the groups that  rfm of  puts customers into, and where it cuts", shape=RFM_SHAPE),
    ),
    "What is known of a customer",
    stray="put it under  attributes:",
    blank=True,
)


def read_catalogue(
    customer: Node | None, events: Node | None, product: Node | None, config: Config | None = None
) -> tuple[Catalogue, list[Problem]]:
    """The catalogue of three files, any of which may be missing. Broken lines are left out and reported.
    `config`: of the shop; None: what holds without one."""
    context = ReadContext(RULES)
    # In the order of the uses: facts are computed from events, and must not be called like an attribute.
    config = config or default_config()
    events_reader = open_file(context, events, EVENTS_FILE)
    also, declared = read_events(context, events_reader)
    catalogue = Catalogue(
        {}, {}, declared, also, product_types(context, open_file(context, product, PRODUCT_FILE))
    )
    watch = read_watch(
        events_reader.block("watch") if events_reader else None, catalogue, config.attribution.order
    )
    reader = open_file(context, customer, CUSTOMER_FILE)
    catalogue = replace(catalogue, attributes={**BUILT_IN, **named_types(context, reader, "attributes")})
    ledger, told = loyalty_attributes(config), loyalty_events(config)
    # E127: attributes with the names of what the ledger computes
    for entry in reader.entries("attributes") if reader is not None and ledger else ():
        if entry.key.text in ledger:
            context.wrong(
                entry.key,
                "follows from the ledger of points, and is an attribute here",
                "config.yaml has  points:  or  tiers:, and a value is either set by hand or computed",
                "remove this line; what was set so far is where the ledger begins",
                "E127",
            )
    _told_by_the_shop(context, events, told)
    catalogue = replace(
        catalogue,
        attributes={**catalogue.attributes, **ledger},
        events={**declared, **told},
        ledger=frozenset(ledger),
    )
    facts = _read_facts(context, reader, catalogue, config)
    return replace(catalogue, facts=facts, watch=watch), context.problems


def _told_by_the_shop(context: ReadContext, events: Node | None, told: Mapping[str, object]) -> None:
    """E81: events that the engine emits where there are points."""
    declared = events.get("events") if isinstance(events, nodes.Mapping) and told else None
    for entry in declared.entries if isinstance(declared, nodes.Mapping) else ():
        if entry.key.text in told:
            context.wrong(
                entry.key,
                "is an event of the engine where config.yaml has  points:",
                "it is known already, with its fields",
                "remove it",
                "E81",
            )


def _read_facts(
    context: ReadContext, reader: MapReader | None, catalogue: Catalogue, config: Config
) -> dict[str, FactRule]:
    if reader is None:
        return {}
    shop = FactScope(catalogue, read_rfm(reader.node("rfm"), context.problems), config)
    facts: dict[str, FactRule] = {}
    for entry in reader.entries("facts"):
        name = entry.key.text
        if not is_own_name(context, entry.key):
            continue
        if name in catalogue.ledger:
            context.wrong(
                entry.key,
                "follows from the ledger of points, and is a fact here",
                "config.yaml has  points:  or  tiers:, which compute it",
                "remove this line",
                "E127",
            )
        elif name in catalogue.attributes:
            context.wrong(
                entry.key,
                "is an attribute already",
                "a value is either set by hand or computed",
                "remove one of the two",
                "E81",
            )
        else:
            fact = read_fact(context, entry.key, entry.value, shop)
            if fact is not None:
                facts[name] = fact
    return facts
