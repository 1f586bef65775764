"""Codes at the shop's till: what a code is, and that it is used now. Used once, by whom it was made for,
until its end; everything else is noted and refused."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from engine.config import Config
from engine.core.code_verdict import KnownCode, Verdict
from engine.core.happening import Event
from engine.http.body import receive_body
from engine.http.console.openapi import CODE, CODE_USE, REFUSALS, USED
from engine.http.context import Context
from engine.http.idempotency import answer_once, repeat_key
from engine.http.intake.strict_json import decode
from engine.http.keys import ApiKeyAuth
from engine.http.problems import Refusal, problem
from engine.ids import derive
from engine.store.inbox import inbox
from engine.store.incentives import code_uses
from engine.store.incentives.code_uses import ShownCode
from engine.store.persons import aliases
from engine.store.serialization import dump
from engine.values import Instant, Money, Value, iso

LONGEST = 100
"""Characters of a code, as in events."""

MOST = 10**12
"""No order costs so much."""

_WHY = {
    Verdict.TWICE: "this code was used already",
    Verdict.OTHER: "this code belongs to another customer",
    Verdict.ENDED: "this code is past its end",
    Verdict.BACK: "this code was never sent to anybody",
    Verdict.NOT_GIVEN: "nobody has got this code yet",
}

_Text = Annotated[str, msgspec.Meta(max_length=200)]


class CodeUseBody(msgspec.Struct, forbid_unknown_fields=True):
    """What a till may say of the use of a code."""

    customer_id: _Text = ""
    order_id: _Text = ""
    total: Any = None  # a number, or its text
    currency: Annotated[str, msgspec.Meta(pattern="^([A-Z]{3})?$")] = ""


def till_routes(context: Context, keys: ApiKeyAuth) -> APIRouter:
    """Look at a code, and use it."""
    router = APIRouter(tags=["till"], responses=REFUSALS)
    may_look, may_use = keys.needs("till", "read", "write"), keys.needs("till", "write")

    @router.get("/codes/{code:id}", responses=CODE)
    async def look(code: str, request: Request) -> Response:
        """Whether a code may be used now, until when, and whose it is."""
        # before the store is asked: who may not look does not learn whether a code exists
        await may_look(request)
        config, now = context.live().config, context.clock.now()
        answer = await context.look(lambda conn: _told(_find(conn, config, code), config, now))
        return Response(dump(answer), media_type="application/json")

    @router.post("/codes/{code:id}/use", responses=USED, openapi_extra=CODE_USE)
    async def use(code: str, request: Request) -> Response:
        """Uses a code. With the header Idempotency-Key a repeated call gets the same answer."""
        key = await may_use(request)
        repeat = repeat_key(request)
        body = (await receive_body(request, 16_384, is_known=True)).plain()
        value = decode(body) if body.strip() else {}
        try:
            said = msgspec.convert(value, CodeUseBody)
        except msgspec.ValidationError as wrong:
            fields = "customer_id, order_id, total, currency"
            raise Refusal(400, f"the body cannot be read: {wrong}", f"it may hold: {fields}") from wrong
        if said.total is not None:
            try:
                # by its digits as they were sent, and cut: a number may be of any length
                said.total = Decimal(str(said.total)[:40])
            except InvalidOperation:
                said.total = Decimal("NaN")
            if not said.total.is_finite() or not 0 <= said.total < MOST:
                raise Refusal(400, "total is not an amount", 'write for example  "total": 39.90')
        config, now = context.live().config, context.clock.now()
        return await answer_once(
            context,
            f"codes {key.name} {repeat}" if repeat else "",
            f"{code}\0".encode("utf-8", "surrogatepass") + body,
            lambda conn: _use(conn, config, code, said, now),
        )

    return router


def _find(conn: Connection, config: Config, code: str, customer: str = "") -> KnownCode:
    found = code_uses.find(conn, code, customer) if 0 < len(code) <= LONGEST else None
    if found is None:
        # A code that everybody gets is good before anybody got it.
        pools = {pool.code: name for name, pool in config.codes.items() if pool.kind == "shared"}
        if code not in pools:
            raise Refusal(404, "there is no such code", "codes are those of the pools in config.yaml")
        found = KnownCode(code, pools[code], "shared")
    return found


def _told(code: KnownCode, config: Config, now: Instant, verdict: Verdict | None = None) -> dict[str, Any]:
    verdict = verdict or code.verdict("", now)
    pool = config.codes.get(code.pool)
    return {
        "code": code.value,
        "pool": code.pool,
        "may_be_used": verdict is Verdict.USED and code.used_at is None,
        "why_not": _WHY.get(verdict),
        "customer_id": code.customer or None,
        "worth": code.worth(pool.text if pool is not None else "") or None,
        "expires": iso(code.expires) if code.expires is not None else None,
        "used_at": iso(code.used_at) if code.used_at is not None else None,
    }


def _use(conn: Connection, config: Config, text: str, said: CodeUseBody, now: Instant) -> tuple[int, str]:
    customer = said.customer_id
    # the till may know them by an earlier id
    customer = aliases.resolve(conn, {customer}).get(customer, customer) if customer else ""
    try:
        code = _find(conn, config, text, customer)
    except Refusal as refusal:
        return refusal.status, bytes(problem(refusal).body).decode()
    total = None
    if said.total is not None:
        assert isinstance(said.total, Decimal)
        total = Money(said.total, said.currency or config.currency)
    # looked at and used in one transaction: of two tills one gets it
    verdict, after = code_uses.use(
        conn, code, ShownCode(code.value, customer, now, "till", said.order_id, total)
    )
    if verdict in _WHY:
        when = f"used at {iso(code.used_at)}" if code.used_at is not None else ""
        ended = f"it ended at {iso(code.expires)}" if verdict is Verdict.ENDED and code.expires else ""
        told = problem(Refusal(409, _WHY[verdict], when or ended))
        return 409, bytes(told.body).decode()
    if verdict is Verdict.USED and (who := customer or code.customer):
        fields: dict[str, Value] = {"code": code.pool, "code_value": code.value}
        fields |= {"order_id": said.order_id} if said.order_id else {}
        fields |= {"total": total} if total is not None else {}
        # in the same transaction: a code that was used and of which no journey hears, or the other way
        # round, cannot be
        happened = Event(0, derive("code used", code.value, who, now), "code_used", now, now, fields)
        inbox.append_one(conn, who, happened, now)
    return 200, dump(_told(after, config, now, verdict))
