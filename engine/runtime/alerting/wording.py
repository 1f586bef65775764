"""An alert message in words: the mail to a person, and the body of a webhook call."""

from __future__ import annotations

from typing import Any

import orjson

from engine.printable import printable
from engine.store.alerting.alert_messages import AlertEntry, AlertMessage
from engine.values import iso

_BEFORE = {"raised": "", "lasting": "still: ", "over": "over: "}


def subject(message: AlertMessage, shop: str) -> str:
    """One line: the alert itself, or how many there are and the first of them."""
    first, count = message.entries[0], len(message.entries) + message.more
    many = f"{count:,} alerts, first: " if count > 1 else ""
    return f"[{shop or 'Perennial'}] {many}{_line(first)}"[:180]


def text(message: AlertMessage, url: str) -> str:
    """The body of a mail."""
    lines = [f"{iso(entry.at)}  {_line(entry)}" for entry in message.entries]
    if message.more:
        lines.append(f"and {message.more:,} more, which  status  lists")
    return "\n".join(
        [*lines, "", f"From Perennial at {url}. The commands  status  and  doctor  tell more.", ""]
    )


def body(message: AlertMessage, key: str, shop: str) -> bytes:
    """The JSON of a webhook call: the same bytes in every try. `text` is what chat programs show."""
    lines = [f"{_line(entry)}" for entry in message.entries]
    if message.more:
        lines.append(f"and {message.more:,} more")
    document: dict[str, Any] = {
        "id": key,
        "webhook": "alerts",
        "at": iso(message.created_at),
        "text": "\n".join([f"[{shop or 'Perennial'}]", *lines]),
        "alerts": [
            {
                "kind": entry.kind, "at": iso(entry.at), "journey": entry.journey, "owner": entry.owner,
                "what": printable(entry.what),
            }
            for entry in message.entries
        ],
        "more": message.more,
    }  # fmt: skip
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def _line(entry: AlertEntry) -> str:
    """What providers and customers wrote is made visible: it ends on terminals and in chat programs."""
    journey = f"{entry.journey}: " if entry.journey else ""
    return f"{_BEFORE[entry.kind]}{journey}{printable(entry.what)}"
