"""What OpenAPI says about bodies and answers that are read without a model, since a model would read them
slowly."""

from __future__ import annotations

from typing import Any

_FREE: dict[str, Any] = {"type": "object", "additionalProperties": True}
_REFUSED: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["item", "field", "why"],
        "properties": {
            "item": {"type": "integer", "minimum": 0},
            "field": {"type": "string"},
            "why": {"type": "string"},
        },
    },
}
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "message": {"type": "string"},
        "refused": _REFUSED,
    },
}

TAKEN: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Durable. Items with a mistake are listed, the others are taken.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["success", "taken", "duplicates", "refused"],
                    "properties": {
                        "success": {"type": "boolean"},
                        "taken": {"type": "integer"},
                        "duplicates": {"type": "integer"},
                        "refused": _REFUSED,
                    },
                }
            }
        },
    }
}

_WHEN = {
    400: "The body is no JSON of the right form, or no item could be taken",
    401: "The API key is missing or not known",
    403: "The key has another scope",
    408: "The body did not arrive in time",
    413: "Too large, or too many items",
    415: "A content encoding that is not taken",
    429: "Too many wrong keys",
    503: "Nothing can be stored right now",
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"description": words, "content": {"application/problem+json": {"schema": _PROBLEM}}}
    for status, words in _WHEN.items()
}


def _body(schema: dict[str, Any], *more: str) -> dict[str, Any]:
    content = {kind: {"schema": schema} for kind in ("application/json", *more)}
    return {"requestBody": {"required": True, "content": content}}


_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["event", "customer_id"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "maxLength": 200},
        "event": {"type": "string", "minLength": 1, "maxLength": 100},
        "customer_id": {"type": "string", "minLength": 1, "maxLength": 200},
        "at": {"type": "string", "description": "ISO 8601; UTC without a zone"},
        "properties": _FREE,
        "history": {"type": "boolean", "description": "updates facts, starts nothing"},
    },
}
_STATE = {"type": "string", "enum": ["none", "asked", "given", "withdrawn"]}
_CONSENT = {"type": "object", "additionalProperties": {"anyOf": [_STATE, _FREE]}}

EVENTS = _body({"anyOf": [_EVENT, {"type": "array", "items": _EVENT}]}, "application/x-ndjson")
CUSTOMER = _body(
    {"type": "object", "properties": {"addresses": _FREE, "consent": _CONSENT}, "additionalProperties": True}
)
PRODUCT = _body(_FREE)
PRODUCTS = _body({"type": "array", "items": {**_FREE, "required": ["product_id"]}})
SEGMENT = _body(_FREE)
SEGMENT_BATCH = _body(
    {"type": "object", "required": ["batch"], "properties": {"batch": {"type": "array", "items": _FREE}}}
)
