"""One call of a webhook as bytes: the body, the same in every try, and the headers that prove who sent it."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping
from decimal import Decimal

import orjson

from engine.config import WebhookConfig
from engine.store.messages.webhooks import PlannedCall
from engine.values import Birthday, Instant, Money, iso


def signature(secret: str, at: Instant, body: bytes) -> str:
    """`t=SECONDS,v1=HEX`: HMAC-SHA256 over the seconds, a dot and the body, so that the receiver can tell an old call."""
    seconds = at // 1000
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def body_of(call: PlannedCall) -> bytes:
    """The JSON of a call: the same bytes in every try. Money is {"amount": "80", "currency": "EUR"}, so that no digit is
    lost on the way."""
    document = {
        "id": call.key,
        "webhook": call.webhook,
        "customer_id": call.customer,
        "at": iso(call.planned_at),
        "values": {name: _plain(value) for name, value in call.values.items()},
    }
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def _plain(value: object) -> object:
    match value:
        case Money():
            return {"amount": format(value.amount, "f"), "currency": value.currency}
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case dt.date():
            return value.isoformat()
        case Birthday():
            return f"{value.year or '-'}-{value.month:02}-{value.day:02}"
        case Mapping():
            return {name: _plain(one) for name, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case _:
            return value


def headers_of(config: WebhookConfig, key: str, now: Instant, body: bytes) -> dict[str, str]:
    """Raises UsageError when the secret is missing."""
    found = {
        "Content-Type": "application/json",
        "Idempotency-Key": key,
        "webhook-id": key,
        "webhook-timestamp": str(now // 1000),
    }
    if config.secret is not None:
        secret = config.secret.reveal()
        found["webhook-signature"] = standard_signature(secret, key, now, body)
        found["X-Perennial-Signature"] = signature(secret, now, body)
    return found


def standard_signature(secret: str, key: str, at: Instant, body: bytes) -> str:
    """`v1,BASE64` of Standard Webhooks: HMAC-SHA256 over id, seconds and body with dots between. A secret that begins
    with `whsec_` is base64."""
    return f"v1,{base64.b64encode(hmac.new(_key_of(secret), f'{key}.{at // 1000}.'.encode() + body, hashlib.sha256).digest()).decode()}"


def _key_of(secret: str) -> bytes:
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            return secret.encode()
    return secret.encode()
