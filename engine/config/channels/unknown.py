"""`unknown:` of a channel: what happens to a message of which nobody knows whether it left
(design/reliability 2.4)."""

from __future__ import annotations

from collections.abc import Sequence

from engine.language.map_reader import MapReader, ReadContext
from engine.language.nodes import Mapping, Node, Scalar
from engine.language.wording import as_list, quoted
from engine.problem import did_you_mean

ACTIONS = ("hold", "treat as sent", "resend once", "resend", "look up")
"""hold: an operator decides. treat as sent: after a quarter of an hour. resend once; resend: at most 5 times,
for channels where a copy replaces the one before it. look up: ask the provider's own list."""

UNKNOWN_SHAPE = {
    "anyOf": [
        {"enum": list(ACTIONS)},
        {"type": "object", "additionalProperties": {"enum": list(ACTIONS)}},
    ]
}

LISTERS = ("twilio",)
"""Ways of sending whose provider can be asked what it has taken."""


def read_unknown(reader: MapReader, via: str, policies: Sequence[str]) -> dict[str, str]:
    """Policy -> what to do; "" stands for all policies that are not named. Empty: the defaults of the way of
    sending."""
    node, context = reader.node("unknown"), reader.context
    if node is None:
        return {}
    if not isinstance(node, Mapping):
        action = _action(context, node, via)
        return {} if action is None else {"": action}
    actions: dict[str, str] = {}
    for entry in node.entries:
        policy, action = entry.key, _action(context, entry.value, via)
        if policies and policy.text not in policies:
            context.refuse(
                policy.span,
                f"there is no policy {quoted(policy.text)}",
                f"this file has: {as_list(list(policies))}",
                did_you_mean(policy.text, policies, f"use one of: {as_list(list(policies))}"),
            )
        elif action is not None:
            actions[policy.text] = action
    return actions


def _action(context: ReadContext, node: Node, via: str) -> str | None:
    if not isinstance(node, Scalar):
        context.refuse(
            node.span,
            '"unknown" needs one action, or an action for each policy',
            f"it can be: {as_list(ACTIONS)}",
            "write  unknown: hold  or  unknown: {marketing: treat as sent, service: resend once}",
        )
        return None
    action = context.choice(node, "unknown", ACTIONS)
    if action is not None and action.value == "look up" and via not in LISTERS:
        context.refuse(
            node.span,
            f"nobody can be asked what {via} has taken",
            f"only {as_list(LISTERS)} has a list of what it took",
            "write  unknown: hold",
        )
        return None
    return action.value if action else None
