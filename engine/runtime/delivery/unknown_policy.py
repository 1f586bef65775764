"""What is done with messages of which nobody knows whether they left: the policies of
design/reliability 2.4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from engine.backoff import Backoff
from engine.channel_kinds import UnknownAction, kind_of
from engine.config import ChannelConfig
from engine.store.messages.records import OutboxMessage
from engine.values import MINUTE, Instant

Verdict = Literal["treat as sent", "resend", "hold", "look up"]

PATIENCE = 15 * MINUTE
"""So long a marketing e-mail may be settled by a report before it counts as sent."""

CALLBACK = 10 * MINUTE
"""So long a provider may take to call back before anybody asks it, or sends again."""

MOST_COPIES = 5
"""A copy of a push replaces the one before it, so it is sent again; but not for ever."""

COPIES = Backoff(MINUTE, 32 * MINUTE)
"""Between the copies of one message."""


@dataclass(frozen=True, slots=True)
class UnknownPolicies:
    """The policies of a config.yaml."""

    channels: Mapping[str, ChannelConfig] = field(default_factory=dict)

    def action(self, message: OutboxMessage) -> UnknownAction:
        """What config.yaml says for the channel and the policy of the message, else what its way of sending
        can do, else what is usual on such a channel (also for a channel that config.yaml no longer has)."""
        channel = self.channels.get(message.channel)
        if channel is not None:
            chosen = channel.unknown.get(message.policy) or channel.unknown.get("") or channel.options.unknown
            if chosen is not None:
                return chosen
        kind = kind_of(message.channel)
        return kind.unknown if message.purpose is not None else kind.unknown_service

    def due(self, message: OutboxMessage, now: Instant) -> Instant:
        """When the policy on a message is to be asked that became unknown now."""
        channel = self.channels.get(message.channel)
        answers = channel is not None and channel.options.calls_back
        match self.action(message):
            case "treat as sent":
                wait = PATIENCE
            case "look up":
                wait = CALLBACK
            case "resend once" if message.resent == 0:
                wait = CALLBACK if answers else 0
            case "resend" | "same key":
                wait = COPIES.wait(message.resent) if message.resent else 0
            case _:
                wait = 0
        return Instant(now + wait)

    def verdict(self, message: OutboxMessage, now: Instant, same_key_until: Instant | None = None) -> Verdict:
        """What to do with a message whose policy is due. `same_key_until`: as long as its provider knows the
        key."""
        match self.action(message):
            case "treat as sent":
                return "treat as sent"
            case "look up":
                return "look up"
            case "resend once":
                return "resend" if message.resent == 0 else "hold"
            case "resend":
                return "resend" if message.resent < MOST_COPIES and now < message.valid_until else "hold"
            case "same key":
                return "resend" if same_key_until is not None and now < same_key_until else "hold"
            case _:
                return "hold"


def in_words(action: UnknownAction, message: OutboxMessage) -> str:
    """What will happen, for `status` and `show`."""
    if message.state == "held":
        return "held: nobody knows whether it left, and it is not sent again by itself"
    return {
        "treat as sent": "counts as sent unless a report says otherwise",
        "look up": "its provider is asked whether it has it",
        "resend once": "held for a person to look at" if message.resent else "is sent once more",
        "resend": "is sent again; a copy replaces the one before",
        "same key": "is sent again under the same key, which the provider knows",
        "hold": "held for a person to look at",
    }[action]
