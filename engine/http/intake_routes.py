"""The endpoints that take events, customers and products: durable before they say so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
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
from engine.http.segment_format import sent_call, translate
from engine.http.strict_json import MAX_ITEMS, decode, decode_lines
from engine.runtime.intake.intake import IntakeResult
from engine.runtime.intake.items import LONGEST_ID, Item, RefusedItem, id_text
from engine.runtime.intake.quarantine import Sent, SentItem
from engine.store.keys import ApiKey


@dataclass(frozen=True, slots=True)
class Understood:
    """What a body says, in its order (a Segment call may be several items, or none), and each item as it was
    sent. `sdk`: the caller reads the status alone, and drops a whole batch on 400."""

    results: Sequence[Item | list[Item] | RefusedItem]
    sent: Sent
    sdk: bool = False


def intake_routes(context: Context, keys: Keys) -> APIRouter:
    """All of them."""
    router = APIRouter(responses={**TAKEN, **REFUSALS})
    may_write = Depends(keys.needs("write"))

    @router.post("/events", openapi_extra=EVENTS, tags=["native"])
    async def events(request: Request, key: ApiKey = may_write) -> Response:
        """One event, a list of events, or JSON Lines."""
        values = _values_of(request)
        return await _take(context, request, key, lambda body: _each(values(body), event_item, "event"))

    @router.put("/customers/{customer_id}", openapi_extra=CUSTOMER, tags=["native"])
    async def customer(customer_id: str, request: Request, key: ApiKey = may_write) -> Response:
        """Attributes, addresses and consents of a customer; null takes a value away."""
        _check_id(customer_id)
        # Cut as ids are: a copy is cut in the same way and stays a copy.
        repeat = request.headers.get("idempotency-key", "")[:LONGEST_ID] or None

        def understand(body: bytes) -> Understood:
            value = decode(body)
            sent = SentItem("customer", {"customer_id": customer_id, "repeat": repeat, "said": value})
            return Understood([customer_item(customer_id.strip(), value, repeat)], lambda _: sent)

        return await _take(context, request, key, understand)

    @router.put("/products/{product_id}", openapi_extra=PRODUCT, tags=["native"])
    async def product(product_id: str, request: Request, key: ApiKey = may_write) -> Response:
        """The present state of a product."""
        _check_id(product_id)

        def understand(body: bytes) -> Understood:
            value = decode(body)
            said = {"product_id": product_id, **value} if isinstance(value, dict) else value
            sent = SentItem("product", said)
            return Understood([product_item(value, 0, product_id.strip())], lambda _: sent)

        return await _take(context, request, key, understand)

    @router.post("/products", openapi_extra=PRODUCTS, tags=["native"])
    async def products(request: Request, key: ApiKey = may_write) -> Response:
        """Many products at once."""
        values = _values_of(request)
        return await _take(context, request, key, lambda body: _each(values(body), product_item, "product"))

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

        def understand(body: bytes) -> Understood:
            value = decode(body)
            read = translate(value, kind, 0, now, None, history=False)
            return Understood([read], lambda _: SentItem(kind, value), sdk=True)

        return await _take(context, request, key, understand)

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
            return Understood(
                [translate(call, None, place, now, sent, history) for place, call in enumerate(calls)],
                lambda place: sent_call(calls[place], sent, history=history),
                sdk=True,
            )

        return await _take(context, request, key, understand)

    return batch


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
    values: Sequence[Any], make: Callable[[Any, int], Item | list[Item] | RefusedItem], way: str
) -> Understood:
    """The items of a body of ours."""

    def sent(place: int) -> SentItem:
        value = values[place]
        return SentItem(way, value.text if isinstance(value, _BrokenLine) else value)

    read = [
        RefusedItem(place, "", value.why) if isinstance(value, _BrokenLine) else make(value, place)
        for place, value in enumerate(values)
    ]
    return Understood(read, sent)


async def _take(
    context: Context, request: Request, key: ApiKey, understand: Callable[[bytes], Understood]
) -> Response:
    """Stores what can be, keeps the rest in quarantine, and says what is wrong with it. `understand` is
    called away from the event loop when the body is large."""
    now, intake = context.clock.now(), context.live().intake

    def prepare(body: bytes) -> tuple[bool, Any, bool]:
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
        return bool(items or refused), prepared, understood.sdk

    some, prepared, sdk = await context.understand(await receive_body(request), prepare)
    # Durable before the 2xx: a caller that reads it forgets the items.
    taken = await context.write(lambda conn: intake.take(conn, prepared, now)) if some else IntakeResult()
    # After the commit: the advancer would find nothing before it.
    context.arrived()
    # What the form and what the store refused, in the order of the request.
    refused = sorted(taken.refused, key=lambda item: item.item)
    counts = {
        "taken": taken.taken, "duplicate": taken.duplicates, "refused": len(refused),
        "quarantined": taken.kept,
    }  # fmt: skip
    for result_name, number in counts.items():
        context.metrics.items.labels(result_name).inc(number)
        context.metrics.items_of_key.labels(key.name, result_name).inc(number)
    # A copy counts as taken: the caller must not send it a third time.
    if refused and not taken.taken and not taken.duplicates and not sdk:
        detail = "every item has a mistake; see refused"
        if taken.kept:
            detail += ". They are kept: the command  refused  shows them"
        raise Refusal(400, "nothing could be taken", detail, refused)
    body = {
        "success": True,
        "taken": taken.taken,
        "duplicates": taken.duplicates,
        "refused": [asdict(item) for item in refused],
    }
    if taken.kept:
        body["quarantined"] = taken.kept
    return JSONResponse(body)
