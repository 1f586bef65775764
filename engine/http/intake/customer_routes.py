"""Who a customer is, for keys that may read: by id, e-mail address or telephone number."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends
from sqlalchemy import Connection
from starlette.responses import Response

from engine.http.context import Context
from engine.http.keys import Keys
from engine.http.problems import Refusal
from engine.runtime.intake.lookup import find_ids
from engine.store.customers import addressees, history
from engine.store.meta import bucket_of
from engine.store.serialization import dump
from engine.values import iso

MOST = 100
"""So many ids are listed of customers who share an address."""


def customer_routes(context: Context, keys: Keys) -> APIRouter:
    """The one."""
    router = APIRouter(tags=["native"])
    may_read = Depends(keys.needs("read"))

    @router.get("/customers/{customer}", dependencies=[may_read])
    async def customer(customer: str) -> Response:
        """A customer by id, another id, e-mail address or telephone number, exactly; 409 lists those who
        share an address."""
        country = context.live().config.shop.country
        return await context.look(lambda conn: _answer(conn, customer, country))

    return router


def _answer(conn: Connection, name: str, country: str) -> Response:
    people = find_ids(conn, name[:400], country)
    if not people:
        raise Refusal(404, "nothing is known of this customer")
    if len(people) > 1:
        more = f" and {len(people) - MOST:,} more" if len(people) > MOST else ""
        listed = ", ".join(people[:MOST])
        raise Refusal(
            409, f"{len(people):,} customers have this address", f"ask for one by id: {listed}{more}"
        )
    own = people[0]
    known, addressee = (
        history.known_since(conn, own),
        addressees.find(conn, bucket_of(conn, own), [own]).get(own),
    )
    answer: dict[str, Any] = {"id": own, "other_ids": history.other_names(conn, own)}
    if known is not None and addressee is not None:
        since, segments = known
        consents: dict[str, dict[str, str]] = {}
        for (channel, purpose), state in addressee.consents.items():
            consents.setdefault(channel, {})[purpose] = state
        answer |= {
            "since": iso(since),
            "attributes": dict(addressee.values),
            "addresses": {channel: address.split("\n") for channel, address in addressee.addresses.items()},
            "consents": consents,
            "segments": sorted(segments),
        }
    # What was received a moment ago is applied a moment later.
    answer["not_applied"] = history.waiting_in_inbox(conn, own)
    return Response(dump(answer), media_type="application/json")
