"""Web Push as browsers see it: the scripts, our public key, and subscriptions that come and go.

A browser that claims to be a customer needs a proof of the shop's server: HMAC-SHA256 of the customer's id
with the channel's `identity_key` (design/threats T26). Without such a key the shop's server writes
subscriptions itself (`PUT /customers/ID`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from engine.channels.base import ChannelSetup
from engine.config import ChannelConfig
from engine.config.channels.webpush import WebPushOptions
from engine.core.happening import ProfileChanged
from engine.http.body import read_body
from engine.http.callers import caller_of
from engine.http.context import Context
from engine.http.intake.strict_json import decode, unstorable
from engine.http.problems import Refusal
from engine.store.customers import consents
from engine.store.inbox import inbox
from engine.store.inbox.inbox import Arrival

_SCRIPTS = Path(__file__).parent / "scripts"
MOST_CALLS = 60
"""Of one address in a minute."""

_CALLS = RateLimitItemPerMinute(MOST_CALLS)
_PURPOSE = "marketing"


def push_routes(context: Context) -> APIRouter:
    """`/push/...`; each answers 404 while config.yaml has no webpush channel."""
    router = APIRouter(tags=["web push"], include_in_schema=False)
    brake = MovingWindowRateLimiter(MemoryStorage())

    @router.get("/push/worker.js")
    async def worker() -> Response:
        return _script("worker.js")

    @router.get("/push/client.js")
    async def client() -> Response:
        return _script("client.js")

    @router.get("/push/key")
    async def public_key_of_shop() -> Response:
        from engine.channels.webpush.channel import identity_of, public_key

        live = context.live()
        setup = ChannelSetup(_channel(context), live.config, live.folder, "", context.clock)
        # Public by its nature: a browser needs it before anybody has proven anything.
        key = public_key(identity_of(setup))
        return JSONResponse({"key": key}, headers={"Access-Control-Allow-Origin": "*"})

    @router.options("/push/subscriptions")
    async def ask(request: Request) -> Response:
        return Response(status_code=204, headers=_allowed(context, request))

    @router.post("/push/subscriptions")
    async def join(request: Request) -> Response:
        return await _change(context, request, brake, joins=True)

    @router.delete("/push/subscriptions")
    async def leave(request: Request) -> Response:
        return await _change(context, request, brake, joins=False)

    return router


async def _change(
    context: Context, request: Request, brake: MovingWindowRateLimiter, *, joins: bool
) -> Response:
    headers = _allowed(context, request)
    if not brake.hit(_CALLS, caller_of(request)):
        raise Refusal(429, "too many subscriptions at once", "wait a minute", retry_after=60)
    # After the brake: a body is the costly part.
    asked = decode(await read_body(request))
    if unstorable(asked, 0) or not isinstance(asked, dict):
        raise Refusal(400, 'a subscription is {"customer_id", "proof", "subscription"}')
    channel = _channel(context)
    customer = _proven(channel, asked)
    address = _subscription(asked.get("subscription"), context.live().config.egress)
    wording = asked.get("wording") if isinstance(asked.get("wording"), str) else ""
    # the permission that the browser asked for is a consent, with its words in the ledger
    now, pair = context.clock.now(), ((channel.name, address),)
    consent = {(channel.name, _PURPOSE): "given"} if joins else {}
    change = ProfileChanged(
        0, now, consents=consent, joined=pair if joins else (), left=() if joins else pair
    )

    def job(conn: Connection) -> None:
        # The change and its proof in one transaction: a consent that nobody can prove is none.
        inbox.append(conn, [Arrival(customer, "push", None, change)], now)
        if joins:
            agreed = consents.Agreement(
                customer, channel.name, _PURPOSE, "given", now, "browser permission", str(wording)[:1000]
            )
            consents.record(conn, [agreed])

    await context.write(job)
    context.arrived()
    return Response(status_code=204, headers=headers)


def _channel(context: Context) -> ChannelConfig:
    for channel in context.live().config.channels.values():
        if channel.via == "webpush":
            return channel
    raise Refusal(404, "this shop has no web push", "add a channel with  via: webpush  to config.yaml")


def _allowed(context: Context, request: Request) -> Mapping[str, str]:
    """Only pages of the shop may subscribe somebody. Raises Refusal 403."""
    options = _channel(context).options_as(WebPushOptions)
    origin = request.headers.get("origin", "")
    if origin and origin not in (options.origins or (context.live().config.shop.url,)):
        raise Refusal(403, "this page may not subscribe anybody", "name it in  origins  of the channel")
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "POST, DELETE",
        "Access-Control-Allow-Headers": "Content-Type",
        "Vary": "Origin",
    }


def _proven(channel: ChannelConfig, asked: Mapping[str, Any]) -> str:
    """The customer's id. Raises Refusal 403: anybody could subscribe to somebody else's messages."""
    secret = channel.reveal("identity_key", channel.options_as(WebPushOptions).identity_key)
    if not secret:
        raise Refusal(
            403,
            "browsers may not subscribe by themselves here",
            "set  identity_key  of the channel, or write the subscription with PUT /customers/ID",
        )
    customer, proof = asked.get("customer_id"), asked.get("proof")
    if not isinstance(customer, str) or not 0 < len(customer) <= 200 or not isinstance(proof, str):
        raise Refusal(400, "customer_id and proof are needed")
    right = hmac.new(secret.encode(), customer.encode(), hashlib.sha256).hexdigest()
    # In constant time; what is not ASCII cannot be compared and is never right.
    if not hmac.compare_digest(right, proof.strip().lower().encode("ascii", "replace").decode()):
        raise Refusal(
            403, "the proof does not fit the customer", "it is HMAC-SHA256(identity_key, customer_id) in hex"
        )
    return customer


def _subscription(value: object, allow: Sequence[str]) -> str:
    from engine.channels.webpush.subscription import refusal_of

    text = ""
    if isinstance(value, dict):
        # Sorted: the same subscription is the same address, however a browser writes it.
        subscription = {"endpoint": value.get("endpoint"), "keys": value.get("keys")}
        text = json.dumps(subscription, separators=(",", ":"), sort_keys=True)
    why = refusal_of(text, allow)
    if why:
        raise Refusal(400, why, "send subscription.toJSON()")
    return text


def _script(name: str) -> Response:
    text = (_SCRIPTS / name).read_text(encoding="utf-8")
    return Response(text, media_type="text/javascript", headers={"Cache-Control": "public, max-age=3600"})
