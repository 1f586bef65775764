"""Points at the shop's till: how many somebody can spend, and that some are spent now. Never more than there
are, however many tills ask at once."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from engine.core.decision.loyalty import values_of
from engine.core.happening import PointsSpent
from engine.core.points.entering import MOST_POINTS, has_spent
from engine.core.points.rules import TIER, LoyaltyRules
from engine.http.body import receive_body
from engine.http.console.openapi import BALANCE, POINTS_SPENT, REFUSALS, SPEND
from engine.http.context import Context
from engine.http.idempotency import answer_once, repeat_key
from engine.http.intake.strict_json import decode
from engine.http.keys import ApiKeyAuth
from engine.http.problems import Refusal, problem
from engine.http.reading.customer_routes import known_id
from engine.ids import derive, new_id
from engine.store.inbox import inbox
from engine.store.incentives import balances
from engine.store.incentives.balances import Balance
from engine.store.serialization import dump
from engine.values import Instant


class SpendBody(msgspec.Struct, forbid_unknown_fields=True):
    """What a till may say of points that are spent."""

    points: Annotated[int, msgspec.Meta(ge=1, le=MOST_POINTS)]
    order_id: Annotated[str, msgspec.Meta(max_length=200)] = ""


def points_routes(context: Context, keys: ApiKeyAuth) -> APIRouter:
    """The balance, and spending of it."""
    router = APIRouter(tags=["till"], responses=REFUSALS)
    may_look, may_spend = keys.needs("till", "read", "write"), keys.needs("till", "write")

    @router.get("/customers/{customer:id}/points", responses=BALANCE)
    async def look(customer: str, request: Request) -> Response:
        """How many points a customer can spend now, by id, another id, e-mail address or telephone number."""
        await may_look(request)
        rules, country, now = _rules(context), context.live().config.shop.country, context.clock.now()

        def read(conn: Connection) -> str:
            own = known_id(conn, customer, country)
            return dump(_told(own, balances.balance(conn, own, rules, now)))

        return Response(await context.look(read), media_type="application/json")

    @router.post("/customers/{customer:id}/points/spend", responses=POINTS_SPENT, openapi_extra=SPEND)
    async def spend(customer: str, request: Request) -> Response:
        """Spends points of a customer, never more than there are. With the header Idempotency-Key a repeated
        call gets the same answer and spends nothing more."""
        key = await may_spend(request)
        repeat = repeat_key(request)
        body = (await receive_body(request, 16_384, is_known=True)).plain()
        try:
            said = msgspec.convert(decode(body) if body.strip() else {}, SpendBody)
        except msgspec.ValidationError as wrong:
            write = 'write for example  {"points": 50, "order_id": "1001"}'
            raise Refusal(400, f"the body cannot be read: {wrong}", write) from wrong
        rules, now = _rules(context), context.clock.now()
        country = context.live().config.shop.country
        # The id is in the ledger for ever, the answer for some weeks: neither spends twice.
        id_ = derive("spend", key.name, repeat) if repeat else new_id()
        asked = f"{customer}\0".encode("utf-8", "surrogatepass") + body
        return await answer_once(
            context,
            f"points {key.name} {repeat}" if repeat else "",
            asked,
            lambda conn: _spend(conn, customer, country, said, id_, rules, now),
        )

    return router


def _rules(context: Context) -> LoyaltyRules:
    rules = context.live().intake.journeys.loyalty
    if rules is None or rules.points is None:
        raise Refusal(404, "this shop keeps no points", "they are described under points: in config.yaml")
    return rules


def _spend(
    conn: Connection,
    name: str,
    country: str,
    said: SpendBody,
    id_: str,
    rules: LoyaltyRules,
    now: Instant,
) -> tuple[int, str]:
    try:
        customer = known_id(conn, name, country)
        found = balances.balance(conn, customer, rules, now)
    except Refusal as refusal:
        return refusal.status, bytes(problem(refusal).body).decode()
    if has_spent(found.ledger, id_):
        return 200, dump({**_told(customer, found), "spent": said.points})
    if said.points > found.settled.available:
        told = Refusal(
            409, "the balance is not enough", f"{max(found.settled.available, 0):,} points can be spent"
        )
        return 409, bytes(problem(told).body).decode()
    about = f"order {said.order_id}" if said.order_id else "at the till"
    spent = PointsSpent(0, now, id_, said.points, about)
    inbox.append_one(conn, customer, spent, now)
    return 200, dump({**_told(customer, found.after(spent, now)), "spent": said.points})


def _told(customer: str, found: Balance) -> dict[str, Any]:
    """The answer: the facts about points, with what is received and not applied yet."""
    return {"customer_id": customer, **values_of(found.settled), TIER: found.tier}
