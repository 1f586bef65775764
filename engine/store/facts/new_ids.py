"""Customers who get another id while a definition of a fact is being made whole: the page that they would
have come to may be behind."""

from __future__ import annotations

from sqlalchemy import Connection

from engine.core.facts.backfill import Backfill
from engine.core.happening import FactsRedefined
from engine.core.journeys import Journeys
from engine.store.facts import definitions, pages
from engine.store.facts.definitions import DefinitionState
from engine.store.inbox.inbox import append_one
from engine.values import Instant


def follow(conn: Connection, bucket: int, customer: str, journeys: Journeys, now: Instant) -> None:
    """Brings somebody to where a page would have brought them. Where `journeys` are not those that are being
    made whole, the pages go round once more."""
    rules = {rule.name: rule for rule in journeys.facts}
    counting, placing = [], []
    for each in definitions.unsettled(conn):
        rule = rules.get(each.name)
        wanted = each.coming if each.state is DefinitionState.COUNTING else each.fingerprint
        if each.state is DefinitionState.DROPPING:
            continue
        if rule is None or rule.fingerprint != wanted:
            definitions.note_moved(conn)
        elif each.state is DefinitionState.COUNTING:
            counting.append(Backfill(rule, each.attempt, journeys.currency))
        else:
            placing.append(Backfill(rule, each.attempt, journeys.currency))
    if counting:
        pages.count_now(conn, bucket, [customer], counting)
    if placing:
        for other, names in pages.place(conn, bucket, [customer], placing):
            append_one(conn, other, FactsRedefined(0, now, names), now)
