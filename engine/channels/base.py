"""The seam of all channels: a rendered message in, an outcome in one vocabulary out.

A channel never retries, never waits for a rate and never decides what comes next: that belongs to
runtime and core. One file per channel; the provider's SDK is imported in that file only.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable
from urllib.parse import urlsplit

from engine.clock import Clock
from engine.config import ChannelConfig, Config
from engine.values import Instant


def _storable(text: str) -> str:
    """Without NUL and without halves of characters: a server may answer any bytes, and no store takes
    those."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


OutcomeKind = Literal["accepted", "refused", "refused for now", "never left", "unknown", "bounced"]
"""accepted: the provider took it. refused: permanently, this message or address (`bounced`: the address is
dead). refused for now: 4xx, 429; try again at `retry_at`. never left: failed before the point of no return,
safe to retry. unknown: the connection died after it."""


@dataclass(frozen=True, slots=True)
class Message:
    """A rendered message. `key` is the send key; `headers` are extra e-mail headers, checked against
    injection. `fields` are the other front-matter fields of the template (title, url, image, content_sid,
    ...). `address`: one address, or several on lines of their own (the tokens of a person's devices).
    `replied_at`: when this address last wrote to us on this channel (the session window of WhatsApp)."""

    key: str
    channel: str
    address: str
    template: str
    language: str
    purpose: str | None
    body: str  # text channels: the text; e-mail: the plain text part
    html: str = ""
    subject: str = ""
    sender: str = ""
    reply_to: str = ""
    preheader: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    valid_until: Instant | None = None
    replied_at: Instant | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address, for channels whose customers have several."""
        return tuple(filter(None, self.address.split("\n")))

    def to_document(self) -> dict[str, Any]:
        """What the outbox and the folder of messages keep. Its names and their order stay: the text is
        hashed."""
        return {
            "key": self.key, "channel": self.channel, "address": self.address, "template": self.template,
            "language": self.language, "purpose": self.purpose, "body": self.body, "html": self.html,
            "subject": self.subject, "sender": self.sender, "reply_to": self.reply_to,
            "preheader": self.preheader, "headers": dict(self.headers), "fields": dict(self.fields),
            "valid_until": self.valid_until, "replied_at": self.replied_at,
        }  # fmt: skip

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Message:
        """What `to_document` gave. Raises KeyError for what every message has and this one lacks."""
        return cls(
            document["key"], document["channel"], document["address"], document["template"],
            document["language"], document["purpose"], document["body"], document.get("html", ""),
            document.get("subject", ""), document.get("sender", ""), document.get("reply_to", ""),
            document.get("preheader", ""), document.get("headers", {}), document.get("fields", {}),
            document.get("valid_until"), document.get("replied_at"),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the channel says after one attempt. `fault`: whose it is; a sender's fault pauses the channel and
    suppresses nobody. `raw`: the provider's own words, cut to 500 characters, kept beside. `dead`: those of
    several addresses that are gone for good while others took the message. `closed`: the refusal says that
    the person opted out at the provider (Twilio 21610); the address gets nothing more on this channel.
    `soft`: a bounce that closes the address only when it goes on: a full mailbox for many days, a `disabled`
    one the second time. `domain`: the recipient's domain that the answer is about; empty: one message, or the
    server as a whole."""

    kind: OutcomeKind
    provider_id: str = ""
    detail: str = ""
    retry_after: float | None = None  # seconds
    fault: Literal["", "address", "sender", "template", "provider"] = ""
    raw: str = ""
    dead: tuple[str, ...] = ()
    closed: Literal["", "unsubscribed"] = ""
    soft: Literal["", "full", "disabled", "other"] = ""
    domain: str = ""

    def __post_init__(self) -> None:
        # here, so that no channel can forget it: what a stranger says ends in the store
        for name in ("provider_id", "detail", "raw"):
            object.__setattr__(self, name, _storable(getattr(self, name)))


ReportKind = Literal[
    "accepted", "delivered", "bounced", "bounced for now", "complained", "refused", "opened", "clicked",
    "replied", "unsubscribed", "subscribed",
]  # fmt: skip
"""What a provider says later, in the one vocabulary. bounced: the address is dead; `bounced for now`: it was
full or away, and counts only when it goes on. refused: this message was not taken. subscribed: START after a
STOP."""


@dataclass(frozen=True, slots=True)
class Report:
    """One thing that a provider says about a message or an address after the answer to our call.

    It is about the message with our `key`, else with the `provider_id`, else about the `address` alone.
    `event_id` makes it count once however often it comes; `raw` is the provider's own event, kept beside (at
    most 4,000 characters). A sender's `fault` suppresses nobody. `purpose`: what an `unsubscribed` is about;
    "all" for everything. `enough`: on so many days it may be `bounced for now` until the address is closed (2
    for 5.2.1); 0: the usual rule.
    """

    kind: ReportKind
    event_id: str
    key: str = ""
    provider_id: str = ""
    address: str = ""
    purpose: str = "all"
    at: Instant | None = None
    detail: str = ""
    raw: str = ""
    fault: Literal["", "address", "sender", "template", "provider"] = ""
    enough: int = 0

    def __post_init__(self) -> None:
        for name in ("event_id", "key", "provider_id", "address", "detail", "raw"):
            object.__setattr__(self, name, _storable(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class Callback:
    """One request of a provider at `/callbacks/<channel>`. `url`: below the configured public URL, with the
    query, never taken from the Host header. `headers`: names in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class CallbackRefusedError(Exception):
    """Nobody can tell that the provider sent it (no signature, a wrong one, no secret configured): 403,
    nothing is kept."""


class CallbackUnreadableError(Exception):
    """It is genuine, but makes no sense: 400, and the provider shows it to its customer."""


class CallbackReader(Protocol):
    """Reads the callbacks of one channel; made from config.yaml alone, without a connection."""

    def read(self, call: Callback, now: Instant) -> Sequence[Report]:
        """What it says. Raises CallbackRefusedError or CallbackUnreadableError."""

    answer: tuple[str, str]
    """Content type and body that the provider wants to see; ("", "") for 204."""


@dataclass(frozen=True, slots=True)
class LookupResult:
    """What a provider's own list says about a message of which we do not know whether it left. `cannot say`:
    the list cannot be had, or does not reach back far enough."""

    kind: Literal["sent", "not sent", "cannot say"]
    provider_id: str = ""
    detail: str = ""


@runtime_checkable
class MessageLister(Protocol):
    """A channel whose provider can be asked what it has taken."""

    async def look_up(self, message: Message, handed_at: Instant) -> LookupResult:
        """Asks the provider for this very message, handed over at `handed_at` for the first time."""


HandOver = Callable[[], Awaitable[bool]]
"""Commits the hand-over just before the irrevocable byte; False: do not send (paused, cancelled, expired,
stale claim)."""


class Channel(Protocol):
    """`deliver` calls `hand_over` exactly once, just before the point of no return, and sends only if it says
    True. When it says False the answer is `never left`."""

    name: str
    concurrency: int

    async def deliver(self, message: Message, hand_over: HandOver) -> Delivery:
        """One attempt."""

    async def close(self) -> None:
        """Free connections; called after the last delivery."""


_FIRST_KNOWN: tuple[OutcomeKind, ...] = ("accepted", "unknown", "refused for now", "never left", "refused")


def merge_deliveries(deliveries: Mapping[str, Delivery], addresses: Sequence[str]) -> Delivery:
    """Accepted when one took it; unknown when nobody did and one may have; bounced only when all are gone.
    `deliveries`: the outcome of each address that was tried; `dead` of the result: those that are gone."""
    dead = tuple(
        address for address in addresses if address in deliveries and deliveries[address].kind == "bounced"
    )
    if len(dead) == len(addresses):
        return replace(deliveries[dead[0]], dead=dead)
    # unknown before what may be tried again: a copy could be a second message to the same person
    for kind in _FIRST_KNOWN:
        delivery = next((delivery for delivery in deliveries.values() if delivery.kind == kind), None)
        if delivery is not None:
            return replace(delivery, dead=dead)
    return Delivery("refused for now", detail="there was no time for the other addresses", dead=dead)


LONGEST_WORDS = 500
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\s]+")


class Redactor:
    """Secrets that must not come back in what a provider says."""

    def __init__(self, secrets: Sequence[str]) -> None:
        # the longest first: one secret may be a part of another, whose rest would stay
        self._secrets = sorted({secret for secret in secrets if len(secret) >= 4}, key=len, reverse=True)

    def cut(self, words: str, longest: int = LONGEST_WORDS) -> str:
        """On one line, without the secrets, short."""
        for secret in self._secrets:
            words = words.replace(secret, "***")
        return _CONTROL.sub(" ", words).strip()[:longest]


@dataclass(frozen=True, slots=True)
class ChannelSetup:
    """`folder` is the project's; `secret` the store's own key (Message-IDs, hashes)."""

    channel: ChannelConfig
    config: Config
    folder: Path
    secret: str = field(repr=False)
    clock: Clock

    @property
    def name(self) -> str:
        """What the channel is called in config.yaml."""
        return self.channel.name

    @property
    def callback_url(self) -> str:
        """Where the provider of this channel calls back: below the configured public URL, never taken from a
        request."""
        return f"{self.config.http.public_url}/callbacks/{self.name}"

    @property
    def sender(self) -> str:
        """`from:`, or for an e-mail channel that writes files an address at the shop's own host."""
        return sender_of(self.channel, self.config)


def sender_of(channel: ChannelConfig, config: Config) -> str:
    """`from:`, or for an outbox folder an address at the shop's own host."""
    if channel.sender or channel.name != "email":
        return channel.sender
    host = urlsplit(config.shop.url).hostname or "localhost"
    name = config.shop.name.replace('"', "").replace("\\", "")
    return f'"{name}" <hello@{host}>'
