"""What an SMTP server's words mean for one message: the table of design/reliability 2.2 and 3.3."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from engine.channels.base import Delivery

Stage = Literal["sender", "recipient", "data", "dot"]
"""What was asked for when the answer came."""

_ENHANCED = re.compile(r"^\s*([245])\.(\d{1,3})\.(\d{1,3})\b")
_ADDRESS = re.compile(r"[^\s<>@]+@[^\s<>@]+")
_ADDRESS_IS_DEAD = frozenset({(1, 0), (1, 1), (1, 2), (1, 3), (1, 6), (1, 10)})
_SENDER_IS_WRONG = frozenset({(1, 7), (1, 8), (1, 9)})
_TOO_BIG = frozenset({(3, 4), (2, 3)})
_NOBODY = re.compile(
    r"user unknown|unknown user|no such (?:user|recipient|mailbox)|does(?: not|n't) exist|unknown recipient|"
    r"invalid (?:recipient|mailbox)|(?:recipient|user|mailbox) not found|not a known user",
    re.IGNORECASE,
)
_SENDER_FAULT = re.compile(
    r"\bblocked\b|\bpolicy\b|reputation|black-?list|block-?list|\bspam\b|\bunsolicited\b|authenticat",
    re.IGNORECASE,
)
_FULL = re.compile(r"\bfull\b|quota|exceeded storage|insufficient (?:disk|storage|space)", re.IGNORECASE)


def refusal(code: int, words: str, stage: Stage, domain: str = "") -> Delivery:
    """The outcome of an answer that is not yes, by its enhanced code where there is one. `domain`: the
    recipient's; what is said before the recipient was named is about us or the server, not about that
    domain."""
    enhanced = _ENHANCED.match(words)
    area = (int(enhanced[2]), int(enhanced[3])) if enhanced else None
    plain = _ADDRESS.sub("", words)  # an address may hold any of the words
    delivery = _not_now(area, plain) if code < 500 else _no(code, area, plain, stage)
    about = domain if stage != "sender" and delivery.fault in ("sender", "provider") else ""
    return replace(delivery, raw=f"{code} {words}"[:500], domain=about)


def _not_now(area: tuple[int, int] | None, words: str) -> Delivery:
    if area == (2, 2) or (area is None and _FULL.search(words) and "mailbox" in words.lower()):
        return Delivery("refused for now", detail="the mailbox is full", fault="address", soft="full")
    return Delivery("refused for now", detail="the server asks to try later", fault="provider")


def _no(code: int, area: tuple[int, int] | None, words: str, stage: Stage) -> Delivery:
    # a command out of order: it says nothing about address or content
    if code == 503 and area in (None, (5, 1)):
        return Delivery(
            "refused for now", detail="the server lost the thread of the conversation", fault="provider"
        )
    if area in _TOO_BIG or (
        area is None and code == 552 and stage != "recipient" and not _FULL.search(words)
    ):
        return Delivery("refused", detail="the message is too big for the server", fault="template")
    if (area is not None and area[0] == 7) or area in _SENDER_IS_WRONG or stage == "sender":
        return _sender_fault()
    if _SENDER_FAULT.search(words) and not _NOBODY.search(words):
        return _sender_fault()
    if area in _ADDRESS_IS_DEAD or (area is None and stage == "recipient" and _NOBODY.search(words)):
        return Delivery("bounced", detail="the address does not exist", fault="address")
    if area == (2, 1):
        return Delivery("refused", detail="the mailbox is disabled", fault="address", soft="disabled")
    if area == (2, 2) or (area is None and _FULL.search(words)):
        return Delivery("refused", detail="the mailbox is full", fault="address", soft="full")
    is_content = area is not None and area[0] == 6
    if is_content or (stage != "recipient" and area is None):
        return Delivery("refused", detail="the server does not accept the content", fault="template")
    return Delivery("refused", detail="the server does not take the message", fault="address", soft="other")


def _sender_fault() -> Delivery:
    return Delivery(
        "refused for now", detail="the server does not accept mail from this sender", fault="sender"
    )
