"""The seam of all channels: a rendered message in, an outcome in one vocabulary out.

A channel never retries, never waits for a rate and never decides what comes next: that belongs to
runtime and core. One file per channel; the provider's SDK is imported in that file only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from engine.values import Instant

OutcomeKind = Literal["accepted", "refused", "refused for now", "never left", "unknown", "bounced"]
"""accepted: the provider took it. refused: permanently, this message or address (`bounced`: the address is dead).
refused for now: 4xx, 429; try again at `retry_at`. never left: failed before the point of no return, safe to retry.
unknown: the connection died after it."""


@dataclass(frozen=True, slots=True)
class Message:
    """A rendered message. `key` is the send key; `headers` are extra e-mail headers, checked against injection.
    `fields` are the other front-matter fields of the template (title, url, image, content_sid, ...)."""

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


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the channel says after one attempt. `fault`: whose it is; a sender's fault pauses the channel and suppresses
    nobody. `raw`: the provider's own words, cut to 500 characters, kept beside."""

    kind: OutcomeKind
    provider_id: str = ""
    detail: str = ""
    retry_after: float | None = None  # seconds
    fault: Literal["", "address", "sender", "template", "provider"] = ""
    raw: str = ""


HandOver = Callable[[], Awaitable[bool]]
"""Commits the hand-over just before the irrevocable byte; False: do not send (paused, cancelled, expired, stale claim)."""


class Channel(Protocol):
    """`deliver` calls `hand_over` exactly once, just before the point of no return, and sends only if it says True.
    When it says False the answer is `never left`."""

    name: str
    concurrency: int

    async def deliver(self, message: Message, hand_over: HandOver) -> Delivery:
        """One attempt."""

    async def close(self) -> None:
        """Free connections; called after the last delivery."""
