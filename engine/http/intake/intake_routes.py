"""The endpoints that take events, customers and products: durable before they say so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from fastapi import APIRouter
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from engine.garbage_collection import without_full_collections
from engine.http.body import FEW, MAX_BODY, ReceivedBody, receive_body
from engine.http.callers import caller_of
from engine.http.console.openapi import (
    CUSTOMER,
    EVENTS,
    PRODUCT,
    PRODUCTS,
    REFUSALS,
    SEGMENT,
    SEGMENT_BATCH,
    TAKEN,
)
from engine.http.context import Context
from engine.http.intake import browsers
from engine.http.intake.native_format import customer_item, event_item, product_item
from engine.http.intake.segment_format import CALLS, sent_call, translate
from engine.http.intake.strict_json import MAX_ITEMS, decode, decode_lines, plain_items
from engine.http.keys import ApiKeyAuth, presented
from engine.http.problems import Refusal, problem
from engine.runtime.intake.intake import IntakeResult
from engine.runtime.intake.items import LONGEST_ID, Item, RefusedItem, id_text
from engine.runtime.intake.quarantine import Sent, SentItem
from engine.store.customers import anonymous
from engine.store.keys import ApiKey
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class ParsedBody:
    """What a body says, in its order (a Segment call may be several items, or none), and each item as it was
    sent. `sdk`: the caller reads the status alone, and drops a whole batch on 400."""

    results: Sequence[Item | list[Item] | RefusedItem]
    sent: Sent
    sdk: bool = False
    left_out: Sequence[RefusedItem] = ()  # told and not kept: the caller had no right to say it


def intake_routes(context: Context, keys: ApiKeyAuth) -> APIRouter:
    """All of them."""
    router = APIRouter(responses={**TAKEN, **REFUSALS})
    # Asked for by each endpoint itself: they are called without the framework's dependencies as well
    # (engine.http.hot_routes).
    may_write = keys.needs("write")

    @router.post("/events", openapi_extra=EVENTS, tags=["native"])
    async def events(request: Request) -> Response:
        """One event, a list of events, or JSON Lines."""
        key = await may_write(request)
        values = _values_of(request)
        return await _take(context, request, key, lambda body: _each(values(body), event_item, "event"))

    @router.put("/customers/{customer_id:id}", openapi_extra=CUSTOMER, tags=["native"])
    async def customer(customer_id: str, request: Request) -> Response:
        """Attributes, addresses and consents of a customer; null takes a value away."""
        key = await may_write(request)
        _check_id(customer_id)
        # Cut as ids are: a copy is cut in the same way and stays a copy.
        repeat = request.headers.get("idempotency-key", "")[:LONGEST_ID] or None

        def understand(body: bytes) -> ParsedBody:
            value = decode(body)
            sent = SentItem("customer", {"customer_id": customer_id, "repeat": repeat, "said": value})
            return ParsedBody([customer_item(customer_id.strip(), value, repeat)], lambda _: sent)

        return await _take(context, request, key, understand)

    @router.put("/products/{product_id:id}", openapi_extra=PRODUCT, tags=["native"])
    async def product(product_id: str, request: Request) -> Response:
        """The present state of a product."""
        key = await may_write(request)
        _check_id(product_id)

        def understand(body: bytes) -> ParsedBody:
            value = decode(body)
            said = {"product_id": product_id, **value} if isinstance(value, dict) else value
            sent = SentItem("product", said)
            return ParsedBody([product_item(value, 0, product_id=product_id.strip())], lambda _: sent)

        return await _take(context, request, key, understand)

    @router.post("/products", openapi_extra=PRODUCTS, tags=["native"])
    async def products(request: Request) -> Response:
        """Many products at once."""
        key = await may_write(request)
        values = _values_of(request)
        return await _take(context, request, key, lambda body: _each(values(body), product_item, "product"))

    segment = SegmentCalls(context, keys)
    for kind in CALLS:
        # The short paths are those of browsers' SDKs.
        for path in (kind, kind[0]) if kind != "screen" else (kind,):
            router.add_api_route(
                f"/v1/{path}", segment.taking(kind), methods=["POST"], openapi_extra=SEGMENT[kind],
                tags=["segment"], summary=f"One {kind} call", operation_id=f"segment_{path}",
            )  # fmt: skip
            router.add_api_route(f"/v1/{path}", segment.asked, methods=["OPTIONS"], include_in_schema=False)
    for path in ("batch", "b", "import"):
        router.add_api_route(
            f"/v1/{path}", segment.taking(None, history=path == "import"), methods=["POST"],
            openapi_extra=SEGMENT_BATCH, tags=["segment"], summary=f"Many calls ({path})",
            operation_id=f"segment_{path}",
        )  # fmt: skip
        router.add_api_route(f"/v1/{path}", segment.asked, methods=["OPTIONS"], include_in_schema=False)
    return router


class SegmentCalls:
    """The endpoints of the Segment format: from servers, and from browsers of the shop's pages."""

    def __init__(self, context: Context, keys: ApiKeyAuth) -> None:
        self._context = context
        self._keys = keys
        self._brake = FixedWindowRateLimiter(MemoryStorage())
        self._calls = RateLimitItemPerMinute(browsers.MOST_CALLS)

    async def asked(self, request: Request) -> Response:
        """A browser asks whether a page may call."""
        return browsers.preflight(self._context.live().config.browser, request)

    def taking(self, kind: str | None, *, history: bool = False) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint of one kind of call; None: a batch of calls that say their kind."""

        async def call(request: Request) -> Response:
            try:
                response = await self._take(request, kind, history=history)
            except Refusal as refusal:
                # A page that may call may also read why it was refused.
                response = problem(refusal)
            response.headers.update(browsers.cors(self._context.live().config.browser, request))
            return response

        return call

    async def _take(self, request: Request, kind: str | None, *, history: bool) -> Response:
        text, received = presented(request), None
        if text is None:
            # SDKs of browsers have no header that a page could send without being asked first.
            received = await receive_body(request, browsers.MAX_BODY)
            text = await self._context.understand(received, _write_key)
        key = await self._keys.known(request, text)
        is_browser = key.scope == "browser"
        self._check(request, key, history=history)
        if received is None:
            # A browser's key stands in a page for everybody to read.
            limit = browsers.MAX_BODY if is_browser else MAX_BODY
            received = await receive_body(request, limit, is_known=not is_browser)
        now = self._context.clock.now()
        if not is_browser:
            return await _store(
                self._context, key, received, lambda body: _segment(decode(body), kind, now, history=history)
            )
        value = await self._context.understand(received, decode)
        calls, sent = _calls_of(value, kind)
        known = await self._people(browsers.visitors_of(calls))
        secret = self._context.live().config.browser.identity_key

        def understand(_body: bytes) -> ParsedBody:
            allowed = [
                browsers.allowed_call(call, kind or "", place, secret.reveal() if secret else "", known)
                for place, call in enumerate(calls)
            ]
            kept = {place: call for place, (call, _) in enumerate(allowed) if call is not None}
            return ParsedBody(
                [translate(call, kind, place, now, sent, history=False) for place, call in kept.items()],
                lambda place: (
                    SentItem(kind, kept[place]) if kind else sent_call(kept[place], sent, history=False)
                ),
                sdk=True,
                left_out=[item for _, items in allowed for item in items],
            )

        return await _store(self._context, key, received, understand)

    def _check(self, request: Request, key: ApiKey, *, history: bool) -> None:
        """Raises Refusal for a key that may not do this, and for one that is where it does not belong."""
        if key.scope == "browser":
            browsers.check_page(self._context.live().config.browser, request)
            if history:
                raise Refusal(403, "a browser may not bring what happened before", "import it from a server")
            if not self._brake.hit(self._calls, caller_of(request)):
                raise Refusal(429, "too many calls at once", "wait a minute", retry_after=60)
            return
        if key.scope not in ("write", "admin"):
            raise Refusal(
                403, f'this key may not write: its scope is "{key.scope}"', "use a key with the scope write"
            )
        # Only browsers say so (Node says `Sec-Fetch-Mode` as well): whoever looks at the page has the key,
        # which may do everything that a server may.
        if "sec-fetch-site" in request.headers:
            raise Refusal(
                403, "this key is a secret and stands in a web page",
                "revoke it, and make one with  ./run keys new page --scope browser",
            )  # fmt: skip

    async def _people(self, visitors: set[str]) -> set[str]:
        """Those of some ids that are no visitors but people of whom more is known."""
        facts = self._context.live().intake.catalogue.computed

        def look(conn: Connection) -> set[str]:
            return anonymous.described(conn, visitors, facts) - anonymous.noted(conn, visitors)

        return await self._context.look(look) if visitors else set()


def _write_key(body: bytes) -> str | None:
    value = decode(body)
    key = value.get("writeKey") if isinstance(value, dict) else None
    if key is None and isinstance(value, dict) and isinstance(calls := value.get("batch"), list) and calls:
        # Some SDKs write it into each call of a batch.
        key = calls[0].get("writeKey") if isinstance(calls[0], dict) else None
    return key if isinstance(key, str) and key else None


def _calls_of(value: Any, kind: str | None) -> tuple[list[Any], Any]:
    """The calls of a body, and when it was sent."""
    if kind is not None:
        return [value], None
    calls = value.get("batch") if isinstance(value, dict) else None
    if not isinstance(calls, list):
        raise Refusal(400, 'a batch is {"batch": [...]}')
    _count(calls)
    return calls, value.get("sentAt")


def _segment(value: Any, kind: str | None, now: Instant, *, history: bool) -> ParsedBody:
    # One moment for all: the calls of a batch keep their distances.
    calls, sent = _calls_of(value, kind)
    return ParsedBody(
        [
            translate(call, kind, place, now, sent, history, is_plain)
            for place, (call, is_plain) in enumerate(zip(calls, plain_items(calls), strict=True))
        ],
        lambda place: SentItem(kind, value) if kind else sent_call(calls[place], sent, history=history),
        sdk=True,
    )


@dataclass(frozen=True, slots=True)
class _BrokenLine:
    """A line of JSON Lines that is no JSON."""

    text: str
    why: str


def _values_of(request: Request) -> Callable[[bytes], list[Any]]:
    """Reads the items of a body in their order; the lines of JSON Lines that are no JSON are refused
    alone."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    is_lines = kind in ("application/x-ndjson", "application/jsonl")

    def values(body: bytes) -> list[Any]:
        if is_lines:
            lines = decode_lines(body)
            # Counted before they are looked at one by one.
            _count(lines)
            return [_BrokenLine(value, why) if why else value for value, why in lines]
        value = decode(body)
        found = value if isinstance(value, list) else [value]
        _count(found)
        return found

    return values


def _count(values: Sequence[Any]) -> None:
    if len(values) > MAX_ITEMS:
        raise Refusal(
            413, f"at most {MAX_ITEMS} items in one request", f"this one has {len(values)}; send several"
        )


def _check_id(text: str) -> None:
    if id_text(text) is None:
        raise Refusal(400, f"an id is a text of 1 to {LONGEST_ID} characters")


def _each(
    values: Sequence[Any], make: Callable[[Any, int, bool], Item | list[Item] | RefusedItem], way: str
) -> ParsedBody:
    """The items of a body of ours."""

    def sent(place: int) -> SentItem:
        value = values[place]
        return SentItem(way, value.text if isinstance(value, _BrokenLine) else value)

    read = [
        RefusedItem(place, "", value.why) if isinstance(value, _BrokenLine) else make(value, place, is_plain)
        for place, (value, is_plain) in enumerate(zip(values, plain_items(values), strict=True))
    ]
    return ParsedBody(read, sent)


async def _take(
    context: Context, request: Request, key: ApiKey, understand: Callable[[bytes], ParsedBody]
) -> Response:
    return await _store(context, key, await receive_body(request, is_known=True), understand)


async def _store(
    context: Context, key: ApiKey, received: ReceivedBody, understand: Callable[[bytes], ParsedBody]
) -> Response:
    """Stores what can be, keeps the rest in quarantine, and says what is wrong with it. `understand` is
    called away from the event loop when the body is large."""
    with nullcontext() if received.is_small else without_full_collections():
        return await _store_items(context, key, received, understand)


async def _store_items(
    context: Context, key: ApiKey, received: ReceivedBody, understand: Callable[[bytes], ParsedBody]
) -> Response:
    now, intake = context.clock.now(), context.live().intake

    def prepare(body: bytes) -> tuple[bool, Any, ParsedBody]:
        items: list[Item] = []
        refused: list[RefusedItem] = []
        understood = understand(body)
        for result in understood.results:
            match result:
                case RefusedItem():
                    refused.append(result)
                case list():
                    items.extend(result)
                case _:
                    items.append(result)
        prepared = intake.prepare(items, key.name, now, refused, understood.sent)
        return bool(items or refused), prepared, understood

    some, prepared, understood = await context.understand(received, prepare)
    # Durable before the 2xx: a caller that reads it forgets the items.
    taken = IntakeResult()
    if some:
        taken = await context.write(
            lambda conn: intake.take(conn, prepared, now), shared=prepared.only_receives
        )
    # After the commit: the advancer would find nothing before it.
    context.arrived()
    answer = partial(_answer, context, key, taken, understood)
    if len(taken.refused) + len(understood.left_out) <= FEW:
        return answer()
    # Thousands of refusals are a long text.
    return await context.apart(answer)


def _answer(context: Context, key: ApiKey, taken: IntakeResult, understood: ParsedBody) -> Response:
    """What became of a request; 400 where nothing could be taken."""
    # What the form and what the store refused, in the order of the request.
    refused = sorted([*taken.refused, *understood.left_out], key=lambda item: item.item)
    counts = {
        "taken": taken.taken, "duplicate": taken.duplicates, "refused": len(refused),
        "quarantined": taken.kept,
    }  # fmt: skip
    context.metrics.took_in(key.name, counts)
    # A copy counts as taken: the caller must not send it a third time.
    if refused and not taken.taken and not taken.duplicates and not understood.sdk:
        detail = "every item has a mistake; see refused"
        if taken.kept:
            detail += ". They are kept: the command  refused  shows them"
        return problem(Refusal(400, "nothing could be taken", detail, refused))
    body = {
        "success": True,
        "taken": taken.taken,
        "duplicates": taken.duplicates,
        "refused": [
            {"item": item.item, "field": item.field, "why": item.why, "kept": item.kept} for item in refused
        ],
    }
    if taken.kept:
        body["quarantined"] = taken.kept
    return Response(orjson.dumps(body), media_type="application/json")
