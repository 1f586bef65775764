"""`unknown:` of a channel: what happens to a message of which nobody knows whether it left
(design/reliability 2.4)."""

from __future__ import annotations

from collections.abc import Sequence

from engine.config.nodes import Reader
from engine.language.nodes import Entry, Mapping, Node, Scalar
from engine.language.wording import quoted
from engine.problem import did_you_mean

ACTIONS = ("hold", "treat as sent", "resend once", "resend", "look up")
"""hold: an operator decides. treat as sent: after a quarter of an hour. resend once; resend: at most 5 times, for
channels where a copy replaces the one before it. look up: ask the provider's own list."""

LISTERS = ("twilio",)
"""Ways of sending whose provider can be asked what it has taken."""


def read_unknown(entry: Entry | None, via: str, policies: Sequence[str], reader: Reader) -> dict[str, str]:
    """Policy -> what to do; "" stands for all policies that are not named. Empty: the defaults of the way of sending."""
    if entry is None:
        return {}
    if isinstance(entry.value, Mapping):
        found = {}
        for each in entry.value.entries:
            name, action = each.key, _action(each.value, via, reader)
            if policies and name.text not in policies:
                listed = ", ".join(policies)
                reader.refuse(
                    name.span, f"there is no policy {quoted(name.text)}", f"this file has: {listed}",
                    did_you_mean(name.text, policies, f"use one of: {listed}"),
                )  # fmt: skip
            elif action is not None:
                found[name.text] = action
        return found
    action = _action(entry.value, via, reader)
    return {} if action is None else {"": action}


def _action(node: Node, via: str, reader: Reader) -> str | None:
    listed = ", ".join(ACTIONS)
    if not isinstance(node, Scalar):
        reader.refuse(
            node.span, '"unknown" needs one action, or an action for each policy', f"it can be: {listed}",
            "write  unknown: hold  or  unknown: {marketing: treat as sent, service: resend once}",
        )  # fmt: skip
        return None
    if node.text not in ACTIONS:
        reader.refuse(
            node.span, f"{quoted(node.text)} is not one of its values", f"it can be: {listed}",
            did_you_mean(node.text, ACTIONS, f"use one of: {listed}"),
        )  # fmt: skip
        return None
    if node.text == "look up" and via not in LISTERS:
        reader.refuse(
            node.span, f"nobody can be asked what {via} has taken", f"only {', '.join(LISTERS)} has a list of what it took",
            "write  unknown: hold",
        )  # fmt: skip
        return None
    return node.text
