"""Messages of which nobody knows whether they left: since when, what happens to them, and what a person can do."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from engine.cli.reports.times import distance, length, utc
from engine.config import Config
from engine.runtime.delivery.unknown_policy import UnknownPolicies, in_words
from engine.store.messages import outcomes
from engine.store.messages.outcomes import Open
from engine.values import Instant, iso


def look(conn: Connection, config: Config, now: Instant, customer: str | None = None) -> list[dict[str, Any]]:
    """All of them (of a customer) as plain data; moments as ISO 8601 in UTC."""
    unknown = UnknownPolicies(config.channels)
    return [_data(each, unknown, now) for each in outcomes.list_open(conn, customer)]


def by_channel(found: list[dict[str, Any]]) -> list[list[str]]:
    """How many on each channel, and how old the oldest is."""
    rows = []
    for channel in dict.fromkeys(each["channel"] for each in found):
        ours = [each for each in found if each["channel"] == channel]
        states = [each["state"] for each in ours]
        counted = [f"{states.count(state):,} {state}" for state in ("unknown", "held") if state in states]
        rows.append([channel, ", ".join(counted), f"the oldest for {max(ours, key=_age)['age']}"])
    return rows


def rows(found: list[dict[str, Any]]) -> list[list[str]]:
    """A line for each message."""
    return [
        [
            each["key"],
            each["customer"],
            f"{each['template']} via {each['channel']}",
            f"{each['state']} for {each['age']}",
            each["what"],
        ]
        for each in found
    ]


def sentences(each: dict[str, Any]) -> list[str]:
    """One of them, with its reason and what can be done."""
    why = f": {each['why']}" if each["why"] else ""
    return [
        f"Nobody knows whether {each['template']} via {each['channel']} left{why}.",
        f"Policy: {each['policy']}. It is {each['what']}."
        if each["state"] == "held"
        else f"Policy: {each['policy']}. It {each['what']}.",
        f"Settle it with  main.py resolve {each['key']} --sent  or  main.py resolve {each['key']} --resend",
    ]


def _data(each: Open, unknown: UnknownPolicies, now: Instant) -> dict[str, Any]:
    message = each.message
    action, since = unknown.action(message), message.handed_at or now
    what = in_words(action, message)
    due = each.settle_at if message.state == "unknown" else None
    if due is not None:
        what = f"{what}, {'due now' if due <= now else f'{distance(due, now)} ({utc(due)})'}"
    return {
        "key": message.send_key,
        "customer": message.customer,
        "template": message.template,
        "channel": message.channel,
        "journey": message.journey,
        "state": message.state,
        "handed_at": iso(since),
        "age": length(now - since),
        "age_ms": now - since,
        "copies": message.resent,
        "policy": action,
        "due": iso(due) if due is not None else None,
        "what": what,
        "why": each.detail,
    }


def _age(each: dict[str, Any]) -> int:
    return int(each["age_ms"])
