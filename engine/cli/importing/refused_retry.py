"""Kept items taken again: by the schemas of today, at the moment at which they happened, each once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from msgspec import structs
from sqlalchemy import Connection

from engine.cli.importing.items import ItemError, RowRules, item_of
from engine.http.intake.reparse import at_its_time, reopen
from engine.http.intake.strict_json import decode
from engine.runtime.intake.intake import Intake
from engine.runtime.intake.items import CustomerItem, EventItem, Item, ProductItem, RefusedItem
from engine.store.customers import addressees, consents
from engine.store.inbox import inbox, refusals
from engine.store.inbox.refusals import KeptItem
from engine.store.meta import bucket_of
from engine.store.persons import aliases
from engine.store.products import catalogue as products
from engine.values import Instant

SLICE = 200
"""Items of one transaction."""

ROWS = ("customers", "events", "products")
"""Ways of rows of files: what their rows are."""


@dataclass(frozen=True, slots=True)
class RetryCounts:
    """How many were taken, how many are not needed any more (the same came meanwhile, or something newer),
    and how many are still wrong."""

    taken: int = 0
    superseded: int = 0
    refused: int = 0

    def __add__(self, other: RetryCounts) -> RetryCounts:
        """Both together."""
        return RetryCounts(
            self.taken + other.taken, self.superseded + other.superseded, self.refused + other.refused
        )


def take_again(conn: Connection, intake: Intake, kept: Sequence[KeptItem], now: Instant) -> RetryCounts:
    """Takes these items, in the transaction of the caller. What is still wrong stays, with the reason of
    today."""
    of_source: dict[str, list[KeptItem]] = {}
    for item in kept:
        of_source.setdefault(item.source, []).append(item)
    done = RetryCounts()
    for source, members in of_source.items():
        done += _of_source(conn, intake, source, members, now)
    return done


def _of_source(
    conn: Connection, intake: Intake, source: str, kept: Sequence[KeptItem], now: Instant
) -> RetryCounts:
    items: list[Item] = []
    wrong: dict[int, list[RefusedItem]] = {}
    superseded = 0
    # all of one source in one batch: the inbox is asked once, not for every item
    for place, one in enumerate(kept):
        read = _items(one, place)
        if isinstance(read, RefusedItem):
            wrong[place] = [read]
            continue
        # what came meanwhile is newer: it must not be set back by what waited
        left = [wanted for item in read if (wanted := _still_wanted(conn, one, item)) is not None]
        superseded += not left
        items += left
    # without a new line in quarantine: each stands there already
    result = intake.take(conn, intake.prepare(items, source, now), now, keep=False)
    conflicts = {fault.item for fault in result.refused if not fault.kept and fault.field == "id"}
    for fault in result.refused:
        if fault.kept:
            wrong.setdefault(fault.item, []).append(fault)
    for place in _received_since(conn, source, items, wrong):
        del wrong[place]
        superseded += 1
    refusals.failed_again(
        conn,
        {
            kept[place].number: (
                tuple(dict.fromkeys(fault.field for fault in faults)),
                "; ".join(f"{fault.field}: {fault.why}" if fault.field else fault.why for fault in faults)[
                    :1000
                ],
            )
            for place, faults in wrong.items()
        },
    )
    # in the same transaction: what is taken leaves the quarantine at that moment, or not at all
    refusals.remove(conn, [one.number for place, one in enumerate(kept) if place not in wrong])
    # One kept item may hold several events, each of which may be known already: it is counted once.
    over = len(kept) - len(wrong)
    superseded = min(over, superseded + len(conflicts - set(wrong)) + result.duplicates)
    return RetryCounts(over - superseded, superseded, len(wrong))


def _received_since(
    conn: Connection, source: str, items: Sequence[Item], wrong: Mapping[int, object]
) -> set[int]:
    """Places of events that are still wrong, and that their sender sent once more under the same id."""
    return {
        item.item
        for item in items
        if isinstance(item, EventItem)
        and item.item in wrong
        and item.id is not None
        and inbox.is_received(conn, item.customer_id, source, item.id)
    }


def _items(kept: KeptItem, place: int) -> list[Item] | RefusedItem:
    if kept.way not in ROWS:
        return reopen(kept, place)
    stored: Mapping[str, Any] = decode(kept.body.encode())
    rules, items = RowRules(**stored["rules"]), []
    for part in stored["parts"]:
        if not isinstance(part, list):  # cells of a row that has no columns
            return RefusedItem(place, "", kept.why, kept=True)
        item = item_of(part[1], place, replace(rules, kind=part[0]))
        if isinstance(item, ItemError):
            return RefusedItem(place, item.field, item.why, kept=True)
        items.append(at_its_time(item, kept, place))
    return items


def _still_wanted(conn: Connection, kept: KeptItem, item: Item) -> Item | None:
    """An item about a customer that was taken in part is reduced to what was wrong with it, and to what
    nobody said since: what the customer has now is newer. None: nothing of it is wanted any more."""
    if isinstance(item, ProductItem):
        changed = products.changed_at(conn, item.product_id)
        return item if changed is None or changed <= kept.at else None
    if not isinstance(item, CustomerItem) or not kept.partial:
        return item
    # they may have become somebody else since
    customer = aliases.resolve(conn, [item.customer_id]).get(item.customer_id, item.customer_id)
    known = addressees.find(conn, bucket_of(conn, customer), [customer]).get(customer)
    values = known.values if known else {}
    reached = known.addresses if known else {}
    agreed = {channel for channel, _ in consents.current(conn, customer)}
    wrong = {*kept.fields, *(field.partition(".")[0] for field in kept.fields)}
    channels = {field.split(".")[1] for field in kept.fields if field.startswith("consent.")}
    places = {field.removeprefix("addresses.") for field in kept.fields}
    said = item.consent if isinstance(item.consent, dict) else {}
    reduced = structs.replace(
        item,
        # under the id itself the inbox would take it for what it has already
        id=f"{item.id}:again" if item.id else None,
        attributes={n: v for n, v in item.attributes.items() if n in wrong and n not in values},
        addresses={n: v for n, v in item.addresses.items() if n in places and n not in reached},
        consent={n: v for n, v in said.items() if n in channels and n not in agreed},
        consents=(),
        joins={},
    )
    return reduced if reduced.attributes or reduced.addresses or reduced.consent or item.dropped else None
