"""The endpoints that take events, customers and products: durable before they say so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from engine.http.body import read_body
from engine.http.context import Context
from engine.http.keys import Keys
from engine.http.native_format import customer_item, event_item, product_item
from engine.http.openapi import CUSTOMER, EVENTS, PRODUCT, PRODUCTS, REFUSALS, SEGMENT, SEGMENT_BATCH, TAKEN
from engine.http.problems import Fault, Refusal
from engine.http.segment_format import translate
from engine.http.strict_json import MAX_ITEMS, decode, decode_lines, fault_of
from engine.runtime.intake.intake import IntakeResult
from engine.runtime.intake.items import Item
from engine.store.keys import Key
from engine.values import Instant

_LONGEST_ID = 200


def intake_routes(context: Context, keys: Keys) -> APIRouter:
    """All of them."""
    router = APIRouter(responses={**TAKEN, **REFUSALS})
    may_write = Depends(keys.needs("write"))

    @router.post("/events", openapi_extra=EVENTS, tags=["native"])
    async def events(request: Request, key: Key = may_write) -> Response:
        """One event, a list of events, or JSON Lines."""
        values, refused = await _values(request)
        return await _take(context, _each(values, refused, event_item), refused, key)

    @router.put("/customers/{customer_id}", openapi_extra=CUSTOMER, tags=["native"])
    async def customer(customer_id: str, request: Request, key: Key = may_write) -> Response:
        """Attributes, addresses and consents of a customer; null takes a value away."""
        _check_id(customer_id)
        value = decode(await read_body(request))
        repeat = request.headers.get("idempotency-key")
        refused: list[Fault] = []
        made = fault_of(value, 0) or customer_item(
            customer_id, value, repeat[:_LONGEST_ID] if repeat else None
        )
        return await _take(context, _one(made, refused), refused, key)

    @router.put("/products/{product_id}", openapi_extra=PRODUCT, tags=["native"])
    async def product(product_id: str, request: Request, key: Key = may_write) -> Response:
        """The present state of a product."""
        _check_id(product_id)
        value = decode(await read_body(request))
        refused: list[Fault] = []
        return await _take(
            context, _one(fault_of(value, 0) or product_item(value, 0, product_id), refused), refused, key
        )

    @router.post("/products", openapi_extra=PRODUCTS, tags=["native"])
    async def products(request: Request, key: Key = may_write) -> Response:
        """Many products at once."""
        values, refused = await _values(request)
        return await _take(context, _each(values, refused, product_item), refused, key)

    for kind in ("track", "identify", "page", "screen", "alias", "group"):
        router.add_api_route(
            f"/v1/{kind}", _segment_call(context, kind, may_write), methods=["POST"], openapi_extra=SEGMENT,
            tags=["segment"], summary=f"One {kind} call", operation_id=f"segment_{kind}",
        )  # fmt: skip
    for kind in ("batch", "import"):
        router.add_api_route(
            f"/v1/{kind}", _segment_batch(context, may_write, history=kind == "import"), methods=["POST"],
            openapi_extra=SEGMENT_BATCH, tags=["segment"], summary=f"Many calls ({kind})", operation_id=f"segment_{kind}",
        )  # fmt: skip
    return router


def _segment_call(context: Context, kind: str, may_write: Any) -> Callable[..., Any]:
    async def call(request: Request, key: Any = may_write) -> Response:
        value = decode(await read_body(request))
        refused: list[Fault] = []
        items = _translated([value], kind, None, context.clock.now(), refused, history=False)
        return await _take(context, items, refused, key)

    return call


def _segment_batch(context: Context, may_write: Any, *, history: bool) -> Callable[..., Any]:
    async def batch(request: Request, key: Any = may_write) -> Response:
        value = decode(await read_body(request))
        calls = value.get("batch") if isinstance(value, dict) else None
        if not isinstance(calls, list):
            raise Refusal(400, 'a batch is {"batch": [...]}')
        _count(calls)
        sent = value.get("sentAt")
        refused: list[Fault] = []
        items = _translated(
            calls,
            None,
            sent if isinstance(sent, str) else None,
            context.clock.now(),
            refused,
            history=history,
        )
        return await _take(context, items, refused, key)

    return batch


def _translated(
    calls: Sequence[Any],
    kind: str | None,
    sent: str | None,
    now: Instant,
    refused: list[Fault],
    *,
    history: bool,
) -> list[Item]:
    items: list[Item] = []
    for place, call in enumerate(calls):
        made = fault_of(call, place) or translate(call, kind, place, now, sent, history)
        if isinstance(made, Fault):
            refused.append(made)
        else:
            items.extend(made)
    return items


async def _values(request: Request) -> tuple[list[tuple[int, Any]], list[Fault]]:
    """The items of a body by place; the lines of JSON Lines that are no JSON are refused alone."""
    body = await read_body(request)
    refused: list[Fault] = []
    if request.headers.get("content-type", "").partition(";")[0].strip() in (
        "application/x-ndjson",
        "application/jsonl",
    ):
        lines = decode_lines(body)
        _count(lines)
        refused = [Fault(place, "", why) for place, (_, why) in enumerate(lines) if why]
        return [(place, value) for place, (value, why) in enumerate(lines) if not why], refused
    value = decode(body)
    values = value if isinstance(value, list) else [value]
    _count(values)
    return list(enumerate(values)), refused


def _count(values: Sequence[Any]) -> None:
    if len(values) > MAX_ITEMS:
        raise Refusal(
            413, f"at most {MAX_ITEMS} items in one request", f"this one has {len(values)}; send several"
        )


def _check_id(text: str) -> None:
    if not 0 < len(text.strip()) <= _LONGEST_ID or "\x00" in text:
        raise Refusal(400, f"an id is a text of 1 to {_LONGEST_ID} characters")


def _each(
    values: Sequence[tuple[int, Any]], refused: list[Fault], make: Callable[[Any, int], Item | Fault]
) -> list[Item]:
    items: list[Item] = []
    for place, value in values:
        items.extend(_one(fault_of(value, place) or make(value, place), refused))
    return items


def _one(made: Item | Fault, refused: list[Fault]) -> list[Item]:
    if isinstance(made, Fault):
        refused.append(made)
        return []
    return [made]


async def _take(context: Context, items: Sequence[Item], refused: Sequence[Fault], key: Key) -> Response:
    now, intake = context.clock.now(), context.live().intake
    prepared = intake.prepare(items, key.name, now)
    taken = await context.write(lambda conn: intake.take(conn, prepared, now)) if items else IntakeResult()
    context.arrived()
    faults = sorted(
        [*refused, *(Fault(each.item, each.field, each.why) for each in taken.refused)], key=lambda f: f.item
    )
    for result, number in (("taken", taken.taken), ("duplicate", taken.duplicates), ("refused", len(faults))):
        context.metrics.items.labels(key.name, result).inc(number)
    if faults and not taken.taken and not taken.duplicates:
        raise Refusal(400, "nothing could be taken", "every item has a mistake; see refused", faults)
    body = {"success": True, "taken": taken.taken, "duplicates": taken.duplicates,
            "refused": [{"item": f.item, "field": f.field, "why": f.why} for f in faults]}  # fmt: skip
    return JSONResponse(body)
