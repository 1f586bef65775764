"""Web Push: encrypted for the browser (RFC 8291), signed as ours (VAPID, RFC 8292), one copy replacing
another.

An address is the JSON of a browser's PushSubscription. Endpoints come from browsers, so they are hostile:
they are called through the SSRF-safe client only. `Topic` (RFC 8030 5.4) and the notification's tag are made
from the send key, so that sending the same message again replaces the first copy: a push of which nobody
knows is simply sent again.
"""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02, VapidException
from pywebpush import WebPusher, WebPushException

from engine import faults
from engine.channels.base import Channel, ChannelSetup, Delivery, HandOver, Message, merge_deliveries
from engine.channels.egress import Answer, Egress, EgressError, LostError, retry_after_seconds
from engine.channels.webpush.subscription import read_subscription
from engine.clock import Clock
from engine.command_hints import command
from engine.config.channels.webpush import WebPushOptions
from engine.errors import UsageError, WorldError
from engine.ids import derive

LARGEST = 3_993
"""Bytes of a payload that fit into one record of 4096 (RFC 8291 4)."""

TOKEN_SECONDS = 12 * 3_600
"""A VAPID token may live for 24 hours at most (RFC 8292 2)."""

_GONE = (404, 410)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are for push services: the key pair of the shop and a contact (`mailto:` or `https:`)."""

    vapid: Vapid02
    subject: str

    def header(self, endpoint: str, now: int) -> str:
        """The Authorization header for the push service of an endpoint; `now` in seconds."""
        parts = urlsplit(endpoint)
        claims = {"aud": f"{parts.scheme}://{parts.netloc}", "sub": self.subject, "exp": now + TOKEN_SECONDS}
        return str(self.vapid.sign(claims)["Authorization"])


def open_channel(setup: ChannelSetup) -> Channel:
    """Ready to send. Raises UsageError with the cure when the key is wrong."""
    options = setup.channel.options_as(WebPushOptions)
    return WebPushChannel(
        setup.name,
        identity_of(setup),
        Egress(setup.config.egress),
        setup.clock,
        ttl=options.ttl,
        concurrency=options.connections,
    )


def identity_of(setup: ChannelSetup) -> Identity:
    """The shop's VAPID identity. Raises UsageError with the cure."""
    cure = f"Make one with  {command('keys vapid')}  and write  private_key: env:VAPID_PRIVATE_KEY"
    options = setup.channel.options_as(WebPushOptions)
    try:
        vapid = Vapid02.from_string(setup.channel.reveal("private_key", options.private_key))
        assert vapid.private_key is not None
    except (VapidException, ValueError, TypeError, AssertionError) as wrong:
        raise UsageError(f'the private key of the channel "{setup.name}" is no VAPID key', cure) from wrong
    return Identity(vapid, options.subject)


@dataclass(frozen=True, slots=True)
class _Push:
    """One request to a push service."""

    endpoint: str
    body: bytes
    headers: Mapping[str, str]


class WebPushChannel:
    """One message to every browser of a person, under one hand-over."""

    def __init__(
        self, name: str, identity: Identity, egress: Egress, clock: Clock, *, ttl: int, concurrency: int
    ) -> None:
        self.name = name
        self.concurrency = concurrency
        self._identity = identity
        self._egress = egress
        self._clock = clock
        self._ttl = ttl

    async def deliver(self, message: Message, hand_over: HandOver) -> Delivery:
        """One attempt: accepted when one browser's push service took it; bounced when none of them exists any
        more."""
        payload = payload_of(message)
        if len(payload) > LARGEST:
            detail = f"the message has {len(payload)} bytes, a push has at most {LARGEST}"
            return Delivery("refused", detail=detail, fault="template")
        # whatever may be wrong with one browser's subscription is found here, before anything leaves: that
        # browser is gone, and the person's others get the message
        sealed = [(address, self._prepared(address, payload, message)) for address in message.addresses]
        if not any(push for _, push in sealed):
            return Delivery("bounced", detail="no browser of this customer can be reached", fault="address")
        # one hand-over for all browsers: they are one message to one person
        if not await hand_over():
            return Delivery("never left", detail="the hand-over was not given")
        faults.reach("before the last byte")
        answers = iter(await asyncio.gather(*(self._push(push) for _, push in sealed if push)))
        faults.reach("after the last byte")
        gone = Delivery("bounced", detail="this is no subscription", fault="address")
        deliveries = {address: next(answers) if push else gone for address, push in sealed}
        merged = merge_deliveries(deliveries, message.addresses)
        # where all are gone the bounce closes the channel, and there is no single one to forget
        return replace(merged, dead=()) if merged.kind == "bounced" else merged

    async def close(self) -> None:
        """Closes idle connections."""
        await self._egress.close()

    def _prepared(self, address: str, payload: bytes, message: Message) -> _Push | None:
        """The request to one browser; None for what is no subscription, or has no keys to encrypt for (RFC
        8291)."""
        now = self._clock.now()
        lifetime = self._ttl if message.valid_until is None else (message.valid_until - now) // 1_000
        try:
            subscription = read_subscription(address)
            body = bytes(WebPusher(subscription.document).encode(payload)["body"])
            signature = self._identity.header(subscription.endpoint, now // 1_000)
        except (WebPushException, VapidException, ValueError, TypeError, IndexError):
            return None
        headers = {
            "Authorization": signature,
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(max(0, min(self._ttl, lifetime))),
            "Topic": derive("push", message.key)[:32],
            "Urgency": "normal",
        }
        return _Push(subscription.endpoint, body, headers)

    async def _push(self, push: _Push) -> Delivery:
        try:
            return self._read(await self._egress.post(push.endpoint, push.body, push.headers))
        except EgressError as wrong:  # no push service lives at a private address: somebody made it up
            return Delivery("bounced", detail=str(wrong), fault="address")
        except LostError as wrong:
            return Delivery(
                "unknown", detail="the push service's answer was lost", fault="provider", raw=_raw(wrong)
            )
        except WorldError as wrong:
            detail = "the push service does not answer"
            return Delivery("never left", detail=detail, fault="provider", raw=_raw(wrong))

    def _read(self, answer: Answer) -> Delivery:
        status, raw = answer.status, f"HTTP {answer.status}"
        if 200 <= status < 300:
            return Delivery("accepted", raw=raw)
        if status in _GONE:
            return Delivery("bounced", detail="the browser has unsubscribed", fault="address", raw=raw)
        if status == 429 or (status == 503 and answer.retry_after):
            wait = retry_after_seconds(answer.retry_after, self._clock.now())
            return Delivery(
                "refused for now", detail="too many at once", retry_after=wait, fault="provider", raw=raw
            )
        if status in (401, 403):
            detail = "the push service does not know our key: was it changed after people subscribed?"
            return Delivery("refused for now", detail=detail, fault="sender", raw=raw)
        if status == 413:
            return Delivery(
                "refused", detail="the push service finds it too large", fault="template", raw=raw
            )
        if status >= 500:
            return Delivery("unknown", detail="the push service failed", fault="provider", raw=raw)
        return Delivery("refused", detail="the push service refused it", fault="provider", raw=raw)


def public_key(identity: Identity) -> str:
    """The `applicationServerKey` of the shop, base64url: what browsers subscribe with."""
    point = identity.vapid.public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return urlsafe_b64encode(point).rstrip(b"=").decode()


def new_private_key() -> str:
    """A fresh VAPID key, base64url (RFC 8292)."""
    vapid = Vapid02()
    vapid.generate_keys()
    number: int = vapid.private_key.private_numbers().private_value
    return urlsafe_b64encode(number.to_bytes(32)).rstrip(b"=").decode()


def payload_of(message: Message) -> bytes:
    """What the service worker reads (engine/http/scripts/worker.js)."""
    fields: dict[str, Any] = {
        "title": message.fields.get("title") or message.subject or message.sender,
        "body": message.body,
        "url": message.fields.get("url", ""),
        "image": message.fields.get("image", ""),
        "tag": message.key,
    }
    return json.dumps({name: value for name, value in fields.items() if value}, ensure_ascii=False).encode()


def _raw(mistake: BaseException) -> str:
    return f"{type(mistake).__name__}: {mistake}"[:500]
