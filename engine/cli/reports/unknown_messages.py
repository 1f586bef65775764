"""Messages of which nobody knows whether they left: since when, what happens to them, and what a person can
do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.channel_kinds import UnknownAction
from engine.cli.reports.times import distance, length, utc
from engine.command_hints import command
from engine.config import Config
from engine.runtime.delivery.unknown_policy import UnknownPolicies, in_words
from engine.store.messages import outcomes
from engine.store.messages.outcomes import OpenMessage
from engine.values import Instant, iso


@dataclass(frozen=True, slots=True)
class UnknownMessage:
    """One of them. Moments as ISO 8601 in UTC."""

    key: str
    customer: str
    template: str
    channel: str
    journey: str
    state: str
    handed_at: str
    age: str  # since it was handed over, in words
    age_ms: int
    copies: int
    policy: UnknownAction
    due: str | None  # when the policy acts, if it does by itself
    what: str  # the policy does with it
    why: str

    @classmethod
    def read(cls, opened: OpenMessage, policies: UnknownPolicies, now: Instant) -> UnknownMessage:
        """What a row comes to under these policies."""
        message = opened.message
        action, since = policies.action(message), message.handed_at or now
        what = in_words(action, message)
        # A held message waits for a person: the moment that its row may still name is no longer acted upon
        due = opened.settle_at if message.state == "unknown" else None
        if due is not None:
            what = f"{what}, {'due now' if due <= now else f'{distance(due, now)} ({utc(due)})'}"
        return cls(
            key=message.send_key,
            customer=message.customer,
            template=message.template,
            channel=message.channel,
            journey=message.journey,
            state=message.state,
            handed_at=iso(since),
            age=length(now - since),
            age_ms=now - since,
            copies=message.resent,
            policy=action,
            due=iso(due) if due is not None else None,
            what=what,
            why=opened.detail,
        )


def look(conn: Connection, config: Config, now: Instant, customer: str | None = None) -> list[UnknownMessage]:
    """All of them, or those of a customer."""
    policies = UnknownPolicies(config.channels)
    return [UnknownMessage.read(opened, policies, now) for opened in outcomes.list_open(conn, customer)]


def by_channel(messages: Sequence[UnknownMessage]) -> list[list[str]]:
    """How many on each channel, and how old the oldest is."""
    rows = []
    for channel in dict.fromkeys(message.channel for message in messages):
        of_channel = [message for message in messages if message.channel == channel]
        states = [message.state for message in of_channel]
        counts = [f"{states.count(state):,} {state}" for state in ("unknown", "held") if state in states]
        oldest = max(of_channel, key=lambda message: message.age_ms)
        rows.append([channel, ", ".join(counts), f"the oldest for {oldest.age}"])
    return rows


def rows(messages: Sequence[UnknownMessage]) -> list[list[str]]:
    """A line for each message."""
    return [
        [
            message.key,
            message.customer,
            f"{message.template} via {message.channel}",
            f"{message.state} for {message.age}",
            message.what,
        ]
        for message in messages
    ]


def sentences(message: UnknownMessage) -> list[str]:
    """One of them, with its reason and what can be done."""
    key = message.key
    why = f": {message.why}" if message.why else ""
    verb = "It is" if message.state == "held" else "It"
    return [
        f"Nobody knows whether {message.template} via {message.channel} left{why}.",
        f"Policy: {message.policy}. {verb} {message.what}.",
        f"Settle it with  {command(f'resolve {key} --sent')}  or  {command(f'resolve {key} --resend')}",
    ]
