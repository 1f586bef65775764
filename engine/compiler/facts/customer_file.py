"""Reads schemas/customer.yaml, and with events.yaml and product.yaml all words of a shop."""

from __future__ import annotations

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
    read_events,
)
from engine.compiler.catalogue.rfm_words import RFM_SHAPE, read_rfm
from engine.compiler.facts.fact_file import FACT_SHAPE, FactScope, read_fact
from engine.config import Config
from engine.config.file import default_config
from engine.core.facts.rule import FactRule
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
    also, declared = read_events(context, open_file(context, events, EVENTS_FILE))
    catalogue = Catalogue(
        {}, {}, declared, also, named_types(context, open_file(context, product, PRODUCT_FILE), "product")
    )
    reader = open_file(context, customer, CUSTOMER_FILE)
    catalogue = replace(catalogue, attributes={**BUILT_IN, **named_types(context, reader, "attributes")})
    return replace(
        catalogue, facts=_read_facts(context, reader, catalogue, config or default_config())
    ), context.problems


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
        if name in catalogue.attributes:
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
