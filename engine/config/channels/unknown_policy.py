"""`unknown:` of a channel: what happens to a message of which nobody knows whether it left
(design/reliability 2.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from engine.channel_kinds import UnknownAction
from engine.config.channels.via import ViaOptions
from engine.language.map_reader import MapReader, ReadContext
from engine.language.nodes import Mapping, Node, Scalar
from engine.language.wording import as_list, quoted
from engine.problem import did_you_mean

ACTIONS: tuple[UnknownAction, ...] = ("hold", "treat as sent", "resend once", "resend", "look up")
"""Those that an author can write."""

UNKNOWN_SHAPE = {
    "anyOf": [
        {"enum": list(ACTIONS)},
        {"type": "object", "additionalProperties": {"enum": list(ACTIONS)}},
    ]
}


def read_unknown(
    reader: MapReader, options: type[ViaOptions], listers: tuple[str, ...], policies: Sequence[str]
) -> dict[str, UnknownAction]:
    """Policy -> what to do; "" stands for all policies that are not named. Empty: the defaults of the way of
    sending. `listers`: the ways of sending that can be asked."""
    node, context = reader.node("unknown"), reader.context
    if node is None:
        return {}
    if not isinstance(node, Mapping):
        action = _action(context, node, options, listers)
        return {} if action is None else {"": action}
    actions: dict[str, UnknownAction] = {}
    for entry in node.entries:
        policy, action = entry.key, _action(context, entry.value, options, listers)
        # Without `policies:` in the file there is no list to compare with.
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


def _action(
    context: ReadContext, node: Node, options: type[ViaOptions], listers: tuple[str, ...]
) -> UnknownAction | None:
    if not isinstance(node, Scalar):
        context.refuse(
            node.span,
            '"unknown" needs one action, or an action for each policy',
            f"it can be: {as_list(ACTIONS)}",
            "write  unknown: hold  or  unknown: {marketing: treat as sent, service: resend once}",
        )
        return None
    action = context.choice(node, "unknown", ACTIONS)
    # To look up needs a list at the provider: else the message would be held for ever.
    if action is not None and action.value == "look up" and not options.can_be_asked:
        context.refuse(
            node.span,
            f"nobody can be asked what {options.via} has taken",
            f"only {as_list(listers)} has a list of what it took",
            "write  unknown: hold",
        )
        return None
    return cast("UnknownAction", action.value) if action else None
