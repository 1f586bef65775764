"""What an SMTP server's words mean for one message: the table of RELIABILITY 2.2 and 3.3."""

from __future__ import annotations

import re
from typing import Literal

from engine.channels.base import Delivery

Stage = Literal["sender", "recipient", "data", "dot"]

_ENHANCED = re.compile(r"^\s*([245])\.(\d{1,3})\.(\d{1,3})\b")
_ADDRESS_IS_DEAD = frozenset({(1, 0), (1, 1), (1, 2), (1, 3), (1, 6), (1, 10)})
_NOBODY = re.compile(
    r"user unknown|unknown user|no such (?:user|recipient|mailbox)|does(?: not|n't) exist|unknown recipient|"
    r"invalid (?:recipient|mailbox)|recipient not found|not a known user",
    re.IGNORECASE,
)
_OUR_FAULT = re.compile(
    r"\bblocked\b|\bpolicy\b|reputation|blacklist|blocklist|\bspam\b|authentication", re.IGNORECASE
)


def refusal(code: int, words: str, stage: Stage) -> Delivery:
    """The outcome of an answer that is not yes, by its enhanced code where there is one."""
    raw = f"{code} {words}"[:500]
    found = _ENHANCED.match(words)
    area = (int(found[2]), int(found[3])) if found else None
    if code < 500:
        return Delivery("refused for now", detail="the server asks to try later", fault="provider", raw=raw)
    if (
        (area is not None and area[0] == 7)
        or (area is None and _OUR_FAULT.search(words))
        or stage == "sender"
    ):
        return Delivery(
            "refused for now",
            detail="the server does not accept mail from this sender",
            fault="sender",
            raw=raw,
        )
    if (area in _ADDRESS_IS_DEAD) or (area is None and stage == "recipient" and _NOBODY.search(words)):
        return Delivery("bounced", detail="the address does not exist", fault="address", raw=raw)
    is_content = area in ((3, 4), (2, 3)) or (area is not None and area[0] == 6)
    if is_content or (area is None and (code == 552 or (code == 554 and stage in ("data", "dot")))):
        return Delivery(
            "refused", detail="the server does not accept the content or its size", fault="template", raw=raw
        )
    if stage == "recipient":
        return Delivery("refused", detail="the mailbox does not take mail", fault="address", raw=raw)
    return Delivery("refused", detail="the server refused the message", fault="template", raw=raw)
