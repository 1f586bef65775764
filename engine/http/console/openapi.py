"""What OpenAPI says about bodies and answers that are read without a model, since a model would read them
slowly."""

from __future__ import annotations

from typing import Any

_FREE: dict[str, Any] = {"type": "object", "additionalProperties": True}
_ID: dict[str, Any] = {"type": ["string", "integer"], "minLength": 1, "maxLength": 200}
_REFUSED: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["item", "field", "why"],
        "properties": {
            "kept": {"type": "boolean", "description": "in quarantine, to be taken later"},
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
                        "quarantined": {"type": "integer", "description": "kept, to be taken later"},
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
    "required": ["event"],
    "anyOf": [{"required": ["customer_id"]}, {"required": ["anonymous_id"]}],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "maxLength": 200},
        "event": {"type": "string", "minLength": 1, "maxLength": 100},
        "customer_id": {"type": "string", "minLength": 1, "maxLength": 200},
        "anonymous_id": {
            "type": "string",
            "minLength": 1,
            "maxLength": 200,
            "description": "of a visitor; with customer_id, what the visitor did belongs to the customer",
        },
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
PRODUCTS = _body(
    {"type": "array", "items": {**_FREE, "required": ["product_id"], "properties": {"product_id": _ID}}}
)

MAYBE_TEXT = {"type": ["string", "null"]}
_CODE: dict[str, Any] = {
    "type": "object",
    "required": ["code", "pool", "may_be_used", "why_not", "customer_id", "worth", "expires", "used_at"],
    "properties": {
        "code": {"type": "string"},
        "pool": {"type": "string"},
        "may_be_used": {"type": "boolean"},
        "why_not": MAYBE_TEXT,
        "customer_id": {**MAYBE_TEXT, "description": "whose it is; null: everybody's, or nobody's yet"},
        "worth": {
            **MAYBE_TEXT,
            "description": "what its message says that it is worth; of one that nobody has, its pool",
        },
        "expires": MAYBE_TEXT,
        "used_at": MAYBE_TEXT,
    },
}


def answers(
    schema: dict[str, Any], words: str, problems: dict[int, str], *more: str
) -> dict[int | str, dict[str, Any]]:
    """What is answered, and which refusals there are beside `REFUSALS`. `more`: other content types."""
    told: dict[int | str, dict[str, Any]] = {
        status: {"description": why, "content": {"application/problem+json": {"schema": _PROBLEM}}}
        for status, why in problems.items()
    }
    content = {"application/json": {"schema": schema}, **{kind: {} for kind in more}}
    return {200: {"description": words, "content": content}, **told}


CODE = answers(_CODE, "What the code is", {404: "There is no such code"})
USED = answers(
    _CODE,
    "The code is used now, or was by the same order",
    {
        404: "There is no such code",
        409: "It was used, belongs to another customer, or is past its end; noted",
        422: "The Idempotency-Key belongs to another request",
    },
)
CODE_USE: dict[str, Any] = {
    "parameters": [
        {
            "name": "Idempotency-Key", "in": "header", "required": False,
            "schema": {"type": "string", "maxLength": 200},
            "description": "a repeated call with the same key gets the same answer",
        }
    ],
    "requestBody": {
        "required": False,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "customer_id": {"type": "string", "maxLength": 200},
                        "order_id": {"type": "string", "maxLength": 200},
                        "total": {"type": ["number", "string"]},
                        "currency": {"type": "string", "pattern": "^([A-Z]{3})?$"},
                    },
                }
            }
        },
    },
}  # fmt: skip

_POINTS: dict[str, Any] = {
    "type": "object",
    "required": ["customer_id", "points", "points_pending", "points_expiring", "points_expire_on", "tier"],
    "properties": {
        "customer_id": {"type": "string"},
        "points": {"type": "integer", "description": "what can be spent now"},
        "points_pending": {"type": "integer", "minimum": 0},
        "points_expiring": {"type": "integer", "minimum": 0, "description": "how many end next"},
        "points_expire_on": {**MAYBE_TEXT, "description": "the last day of those, ISO 8601"},
        "tier": MAYBE_TEXT,
        "spent": {"type": "integer", "minimum": 1},
    },
}
_BALANCE = "The balance, with what is received and not applied yet"
_NOBODY = "Nothing is known of this customer, or the shop keeps no points"
BALANCE = answers(_POINTS, _BALANCE, {404: _NOBODY, 409: "Several customers have this address"})
POINTS_SPENT = answers(
    _POINTS,
    _BALANCE,
    {
        404: _NOBODY,
        409: "The balance is not enough, or several customers have this address",
        422: "The Idempotency-Key belongs to another request",
    },
)
SPEND: dict[str, Any] = {
    "parameters": CODE_USE["parameters"],
    **_body(
        {
            "type": "object",
            "required": ["points"],
            "additionalProperties": False,
            "properties": {
                "points": {"type": "integer", "minimum": 1, "maximum": 10**9},
                "order_id": {"type": "string", "maxLength": 200},
            },
        }
    ),
}

_CALL: dict[str, Any] = {
    **_FREE,
    # whose call it is: of the two, one
    "anyOf": [{"required": ["userId"]}, {"required": ["anonymousId"]}],
    "properties": {
        "userId": {"anyOf": [_ID, {"type": "null"}]}, "anonymousId": {"anyOf": [_ID, {"type": "null"}]},
        "messageId": {"type": "string"}, "timestamp": {"type": "string"},
        "properties": {"type": ["object", "null"]}, "traits": {"type": ["object", "null"]},
        "context": {"type": ["object", "null"]},
        "event": {"type": "string", "minLength": 1}, "previousId": _ID,
    },
}  # fmt: skip
_NEEDED = {"track": ["event"], "alias": ["previousId"]}
SEGMENT = {
    kind: _body({**_CALL, **({"required": _NEEDED[kind]} if kind in _NEEDED else {})})
    for kind in ("track", "identify", "page", "screen", "alias", "group")
}
"""The body of each call of the Segment format."""

_IN_BATCH = [
    {
        **_CALL,
        "required": ["type", *_NEEDED.get(kind, [])],
        "properties": {**_CALL["properties"], "type": {"const": kind}},
    }
    for kind in SEGMENT
]
SEGMENT_BATCH = _body(
    {
        "type": "object",
        "required": ["batch"],
        "properties": {"batch": {"type": "array", "items": {"oneOf": _IN_BATCH}}},
    }
)

READINESS: dict[str, Any] = {
    "type": "object",
    "required": ["ready", "why", "failing_channels"],
    "properties": {
        "ready": {"type": "boolean"},
        "why": {"type": "string", "description": "empty when it is ready"},
        "failing_channels": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


def true_to_life(document: dict[str, Any]) -> dict[str, Any]:
    """What the framework writes of its own accord and never happens here: its answer 422, since what cannot
    be read is a 400 with problem details."""
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
    for unused in ("HTTPValidationError", "ValidationError"):
        document.get("components", {}).get("schemas", {}).pop(unused, None)
    return document
