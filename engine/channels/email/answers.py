"""What an SMTP server's answer means for one message, in a session or quoted in a report: the table of
design/reliability 2.2 and 3.3."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from engine.channels.base import Delivery
from engine.channels.email.answer_words import RefusalReason, reason_in_words

Stage = Literal["sender", "recipient", "data", "dot"]
"""What was asked for when the answer came."""

_LONGEST = 4_000
"""Characters of an answer that are looked at: a server may send any number of lines."""

_ENHANCED = re.compile(r"^\s*#?([245])\.(\d{1,3})\.(\d{1,3})\b")
_ADDRESS_IS_DEAD = frozenset({(1, 0), (1, 1), (1, 2), (1, 3), (1, 6), (1, 10)})
_DOMAIN_IS_DEAD = frozenset({(1, 2), (1, 10)})
_SENDER_IS_WRONG = frozenset({(1, 7), (1, 8), (1, 9)})
_TOO_BIG = frozenset({(3, 4), (2, 3)})
_NO_CODE = frozenset({(0, 0), (2, 0)})
"""General codes: sendmail calls a 550 to the content 5.2.0."""
_NO_MAIL_HERE = (7, 27)
"""Of a null MX (RFC 7505); of the recipient's domain where the words say so."""

_NOT_IN_DIRECTORY = re.compile(r"recipient address rejected: access denied", re.IGNORECASE)
"""With 5.4.1 so Exchange Online says that its directory has no such recipient (directory-based edge
blocking)."""

_SURELY_NOBODY = re.compile(r"this user doesn'?t have an? \S{1,80} account", re.IGNORECASE)
"""Yahoo says it after the content, and means it."""

_COMMAND_IS_WRONG = range(500, 505)
"""RFC 5321 4.2.2: syntax, order, parameters of a command; they say nothing about address or content."""


def refusal(code: int, words: str, stage: Stage, domain: str = "") -> Delivery:
    """The outcome of an answer that is not yes, by its enhanced code where there is one. `domain`: the
    recipient's; what is said before the recipient was named is about us or the server, not about that
    domain."""
    if code >= 500:
        delivery = _no(code, words, stage)
    elif refusal_reason(code, words, "recipient") is RefusalReason.FULL:
        delivery = Delivery("refused for now", detail="the mailbox is full", fault="address", soft="full")
    else:
        delivery = Delivery("refused for now", detail="the server asks to try later", fault="provider")
    about = domain if stage != "sender" and delivery.fault in ("sender", "provider") else ""
    return replace(delivery, raw=f"{code} {words}"[:500], domain=about)


def refusal_reason(code: int, words: str, stage: Stage | None) -> RefusalReason | None:
    """What an answer is about, wherever it stands: by its enhanced code, and by its words where they say it
    nearer or otherwise. None: nobody understands it. `stage`: None where nobody tells it.

    For good is only what a 5xx says of an address; without an enhanced code only in answer to that address,
    since some servers say `unknown user` to content that they do not like.
    """
    words = words[:_LONGEST]
    enhanced = _ENHANCED.match(words)
    area = (int(enhanced[2]), int(enhanced[3])) if enhanced else None
    area = None if area in _NO_CODE else area
    said = reason_in_words(words[enhanced.end() :] if enhanced else words)
    if _SURELY_NOBODY.search(words) or (area == (4, 1) and _NOT_IN_DIRECTORY.search(words)):
        said, stage = RefusalReason.NO_USER, "recipient"
    if code < 500:
        # without a code it may be the disk of the server
        is_full = area == (2, 2) or (
            area is None and said is RefusalReason.FULL and "mailbox" in words.lower()
        )
        return RefusalReason.FULL if is_full else RefusalReason.LATER
    return _for_good(code, area, said, stage)


def _for_good(
    code: int, area: tuple[int, int] | None, said: RefusalReason | None, stage: Stage | None
) -> RefusalReason | None:
    if area in _TOO_BIG or (
        area is None and code == 552 and stage in ("data", "dot") and said is not RefusalReason.FULL
    ):
        return RefusalReason.SIZE
    if area in _SENDER_IS_WRONG or stage == "sender":
        return RefusalReason.SENDER
    if area == (2, 2):
        return RefusalReason.FULL
    is_sure = area in _ADDRESS_IS_DEAD or stage == "recipient" or (area is not None and stage is None)
    if said is RefusalReason.NO_USER and not is_sure:
        return None
    if area is None:
        return said if said is not None or code not in _COMMAND_IS_WRONG else RefusalReason.LATER
    if area[0] == 7 and (
        said is RefusalReason.NO_USER or (said is RefusalReason.NO_HOST and area != _NO_MAIL_HERE)
    ):
        return None  # words against code: 5.7.x is a matter of policy, and closes nobody
    # what the words say counts more than the code, which many servers give to every refusal
    if said is not None and not (area[0] == 7 and said is RefusalReason.LATER):
        return said
    if area in _ADDRESS_IS_DEAD:
        return RefusalReason.NO_HOST if area in _DOMAIN_IS_DEAD else RefusalReason.NO_USER
    if area == (2, 1):
        return RefusalReason.DISABLED
    return {6: RefusalReason.CONTENT, 7: RefusalReason.SENDER}.get(area[0])


def _no(code: int, words: str, stage: Stage) -> Delivery:
    enhanced = _ENHANCED.match(words)
    # a command out of order: it says nothing about address or content
    if code == 503 and (enhanced is None or enhanced[0].strip() == "5.5.1"):
        return Delivery(
            "refused for now", detail="the server lost the thread of the conversation", fault="provider"
        )
    match refusal_reason(code, words, stage):
        case RefusalReason.SIZE:
            return Delivery("refused", detail="the message is too big for the server", fault="template")
        case RefusalReason.SENDER:
            detail = "the server does not accept mail from this sender"
            return Delivery("refused for now", detail=detail, fault="sender")
        case RefusalReason.NO_USER | RefusalReason.NO_HOST:
            return Delivery("bounced", detail="the address does not exist", fault="address")
        case RefusalReason.DISABLED:
            return Delivery("refused", detail="the mailbox is disabled", fault="address", soft="disabled")
        case RefusalReason.FULL:
            return Delivery("refused", detail="the mailbox is full", fault="address", soft="full")
        case RefusalReason.CONTENT:
            return Delivery("refused", detail="the server does not accept the content", fault="template")
        case RefusalReason.LATER | None:
            pass
    if stage != "recipient" and enhanced is None:
        return Delivery("refused", detail="the server does not accept the content", fault="template")
    return Delivery("refused", detail="the server does not take the message", fault="address", soft="other")
