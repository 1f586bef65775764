"""One person, for keys with the scope `admin`: everything that is kept of them, and that it be forgotten."""

from __future__ import annotations

import asyncio

import orjson
from fastapi import APIRouter, Depends
from sqlalchemy import Connection
from starlette.responses import Response

from engine.http.context import Context
from engine.http.keys import ApiKeyAuth
from engine.http.problems import Refusal
from engine.http.reading.customer_routes import known_id, named_id
from engine.runtime.erasure import erase
from engine.store.persons.export import export


def person_routes(context: Context, keys: ApiKeyAuth) -> APIRouter:
    """Both."""
    router = APIRouter(tags=["persons"])
    may_decide = Depends(keys.needs("admin"))

    @router.get("/customers/{customer:id}/export", dependencies=[may_decide])
    async def export_customer(customer: str) -> Response:
        """Everything that is kept of a customer, by id, another id, e-mail address or telephone number."""
        now, country = context.clock.now(), context.live().config.shop.country

        def read(conn: Connection) -> bytes:
            document = export(conn, known_id(conn, customer, country), now)
            if document is None:
                raise Refusal(404, "nothing is known of this customer")
            return orjson.dumps(document, option=orjson.OPT_INDENT_2)

        return Response(await context.look(read), media_type="application/json")

    @router.delete("/customers/{customer:id}", dependencies=[may_decide])
    async def erase_customer(customer: str) -> Response:
        """Forgets a customer. Done when it is answered; asked again it says that nothing is known."""
        live, now = context.live(), context.clock.now()
        # what is kept beside a customer of whom nothing is known goes as well
        own = await context.look(lambda conn: named_id(conn, customer, live.config.shop.country) or customer)
        done = await asyncio.to_thread(erase, context.store, live.config, live.folder, [own], now)
        (person,) = done.people
        return Response(
            orjson.dumps({"erased": bool(person.rows), "rows": dict(person.rows), "files": done.files}),
            media_type="application/json",
        )

    return router
