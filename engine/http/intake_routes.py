"""The endpoints that take events, customers and products: durable before they say so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from engine.http.body import receive_body
from engine.http.context import Context
from engine.http.keys import Keys
from engine.http.native_format import customer_item, event_item, product_item
from engine.http.openapi import CUSTOMER, EVENTS, PRODUCT, PRODUCTS, REFUSALS, SEGMENT, SEGMENT_BATCH, TAKEN
from engine.http.problems import Refusal
from engine.http.segment_format import translate
from engine.http.strict_json import MAX_ITEMS, decode, decode_lines, unstorable
from engine.runtime.intake.intake import IntakeResult
from engine.runtime.intake.items import Item, RefusedItem
from engine.store.keys import ApiKey
from engine.values import Instant

_LONGEST_ID = 200


Understood = Sequence[Item | list[Item] | RefusedItem]
"""What a body says, in its order. A Segment call may be several items, or none."""


def intake_routes(context: Context, keys: Keys) -> APIRouter:
    """All of them."""
    router = APIRouter(responses={**TAKEN, **REFUSALS})
    may_write = Depends(keys.needs("write"))

    @router.post("/events", openapi_extra=EVENTS, tags=["native"])
    async def events(request: Request, key: ApiKey = may_write) -> Response:
        """One event, a list of events, or JSON Lines."""
        values = _values_of(request)
        return await _take(context, request, key, lambda body: _each(values(body), event_item))

    @router.put("/customers/{customer_id}", openapi_extra=CUSTOMER, tags=["native"])
    async def customer(customer_id: str, request: Request, key: ApiKey = may_write) -> Response:
        """Attributes, addresses and consents of a customer; null takes a value away."""
        _check_id(customer_id)
        # Cut as ids are: a copy is cut in the same way and stays a copy.
        repeat = request.headers.get("idempotency-key", "")[:_LONGEST_ID] or None

        def understand(body: bytes) -> Understood:
            value = decode(body)
            return [unstorable(value, 0) or customer_item(customer_id, value, repeat)]

        return await _take(context, request, key, understand)

    @router.put("/products/{product_id}", openapi_extra=PRODUCT, tags=["native"])
    async def product(product_id: str, request: Request, key: ApiKey = may_write) -> Response:
        """The present state of a product."""
        _check_id(product_id)

        def understand(body: bytes) -> Understood:
            value = decode(body)
            return [unstorable(value, 0) or product_item(value, 0, product_id)]

        return await _take(context, request, key, understand)

    @router.post("/products", openapi_extra=PRODUCTS, tags=["native"])
    async def products(request: Request, key: ApiKey = may_write) -> Response:
        """Many products at once."""
        values = _values_of(request)
        return await _take(context, request, key, lambda body: _each(values(body), product_item))

    for kind in ("track", "identify", "page", "screen", "alias", "group"):
        router.add_api_route(
            f"/v1/{kind}", _segment_call(context, kind, may_write), methods=["POST"],
            openapi_extra=SEGMENT[kind],
            tags=["segment"], summary=f"One {kind} call", operation_id=f"segment_{kind}",
        )  # fmt: skip
    for kind in ("batch", "import"):
        router.add_api_route(
            f"/v1/{kind}", _segment_batch(context, may_write, history=kind == "import"), methods=["POST"],
            openapi_extra=SEGMENT_BATCH, tags=["segment"], summary=f"Many calls ({kind})",
            operation_id=f"segment_{kind}",
        )  # fmt: skip
    return router


def _segment_call(context: Context, kind: str, may_write: Any) -> Callable[..., Any]:
    async def call(request: Request, key: Any = may_write) -> Response:
        now = context.clock.now()
        return await _take(
            context, request, key, lambda body: [_translated(decode(body), kind, 0, now, None)]
        )

    return call


def _segment_batch(context: Context, may_write: Any, *, history: bool) -> Callable[..., Any]:
    async def batch(request: Request, key: Any = may_write) -> Response:
        # One moment for all: the calls of a batch keep their distances.
        now = context.clock.now()

        def understand(body: bytes) -> Understood:
            value = decode(body)
            calls = value.get("batch") if isinstance(value, dict) else None
            if not isinstance(calls, list):
                raise Refusal(400, 'a batch is {"batch": [...]}')
            _count(calls)
            sent = value.get("sentAt")
            sent = sent if isinstance(sent, str) else None
            return [
                _translated(call, None, place, now, sent, history=history) for place, call in enumerate(calls)
            ]

        return await _take(context, request, key, understand)

    return batch


def _translated(
    call: Any, kind: str | None, place: int, now: Instant, sent: str | None, *, history: bool = False
) -> list[Item] | RefusedItem:
    return unstorable(call, place) or translate(call, kind, place, now, sent, history)


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
            return [RefusedItem(place, "", why) if why else value for place, (value, why) in enumerate(lines)]
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
    if not 0 < len(text.strip()) <= _LONGEST_ID or "\x00" in text:
        raise Refusal(400, f"an id is a text of 1 to {_LONGEST_ID} characters")


def _each(
    values: Sequence[Any], make: Callable[[Any, int], Item | list[Item] | RefusedItem]
) -> list[Item | list[Item] | RefusedItem]:
    return [
        value if isinstance(value, RefusedItem) else unstorable(value, place) or make(value, place)
        for place, value in enumerate(values)
    ]


async def _take(
    context: Context, request: Request, key: ApiKey, understand: Callable[[bytes], Understood]
) -> Response:
    """Stores what can be, and says what cannot. `understand` is called away from the event loop when the
    body is large."""
    now, intake = context.clock.now(), context.live().intake

    def prepare(body: bytes) -> tuple[int, Any, list[RefusedItem]]:
        items: list[Item] = []
        refused: list[RefusedItem] = []
        for result in understand(body):
            match result:
                case RefusedItem():
                    refused.append(result)
                case list():
                    items.extend(result)
                case _:
                    items.append(result)
        return len(items), intake.prepare(items, key.name, now), refused

    number, prepared, refused = await context.understand(await receive_body(request), prepare)
    # Durable before the 2xx: a caller that reads it forgets the items.
    taken = await context.write(lambda conn: intake.take(conn, prepared, now)) if number else IntakeResult()
    # After the commit: the advancer would find nothing before it.
    context.arrived()
    # What the form and what the store refused, in the order of the request.
    refused = sorted([*refused, *taken.refused], key=lambda item: item.item)
    counts = {"taken": taken.taken, "duplicate": taken.duplicates, "refused": len(refused)}
    for result_name, number in counts.items():
        context.metrics.items.labels(result_name).inc(number)
        context.metrics.items_of_key.labels(key.name, result_name).inc(number)
    # A copy counts as taken: the caller must not send it a third time.
    if refused and not taken.taken and not taken.duplicates:
        raise Refusal(400, "nothing could be taken", "every item has a mistake; see refused", refused)
    body = {
        "success": True,
        "taken": taken.taken,
        "duplicates": taken.duplicates,
        "refused": [asdict(item) for item in refused],
    }
    return JSONResponse(body)
