"""Visitors who sign in: what was done under an anonymous id belongs to the first customer whom a call names
together with it (design/language 2.21).

An anonymous id comes from whoever holds a browser. So it takes nobody away: an id of which more is known than
events is a customer of its own, unless everything that is known was said of it as an anonymous one; two
customers become one by an explicit alias alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from engine.core.journeys import Journeys
from engine.runtime.intake.items import VisitorItem
from engine.store.customers import anonymous
from engine.store.persons import aliases
from engine.values import Instant


def join(conn: Connection, items: Sequence[VisitorItem], journeys: Journeys, now: Instant) -> None:
    """Takes what a request says of visitors. One that belongs to a customer already stays with them: several
    people share a browser."""
    owners: dict[str, str] = {}
    for item in items:
        if item.customer_id is not None and item.customer_id != item.anonymous_id:
            owners.setdefault(item.anonymous_id, item.customer_id)
    alone = {item.anonymous_id for item in items if item.customer_id is None} - owners.keys()
    named = alone | owners.keys()
    free = named - aliases.resolve(conn, named).keys()
    # those of some ids that are customers of their own
    computed = {rule.name for rule in journeys.facts}
    computed.update(journeys.loyalty.facts if journeys.loyalty is not None else ())
    described = anonymous.described(conn, free, computed)
    free -= described - anonymous.noted(conn, described)
    anonymous.note(conn, free & alone, now)
    joining = {visitor: owner for visitor, owner in owners.items() if visitor in free}
    # Most visitors are new: a call that signs them in is the first one that names them.
    unheard = anonymous.unheard_of(conn, joining)
    new = {visitor for visitor in unheard if joining[visitor] not in joining}
    aliases.name_new(conn, {visitor: joining[visitor] for visitor in new}, now)
    for visitor, owner in joining.items():
        if visitor not in new:
            aliases.join(conn, visitor, owner, journeys, now)
    anonymous.forget(conn, joining)
