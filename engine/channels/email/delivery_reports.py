"""Delivery reports: which addresses a mail says could not be reached, and what the servers said of them.

First by the fields of RFC 3464; where a server writes none, by what it writes for people: the answer of
SMTP that it quotes, else its own words. Either goes through the judgement that an answer in a session goes
through (`answers.refusal_reason`), so that an address is closed only for what is said of it. What nobody
understands is "for now".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from engine.channel_kinds import normalised
from engine.channels.base import ReportKind
from engine.channels.email.answer_words import RefusalReason
from engine.channels.email.answers import refusal_reason
from engine.channels.email.mime_reader import TEXT_BYTES, MailPart, decoded_words, read, read_fields
from engine.channels.email.quoted_answers import (
    CODE,
    ENHANCED,
    JudgedAnswer,
    judge,
    judged_answer,
    stage_near,
)
from engine.channels.email.report_texts import (
    RECIPIENTS,
    is_a_report,
    names_nobody,
    said_of_addresses,
    said_text,
)

ENOUGH_WHEN_DISABLED = 2
"""On so many days a mailbox may be called disabled until its address is closed (design/reliability 3.3)."""


LONGEST_ADDRESS = 320
"""RFC 5321 4.5.3.1: 64 characters, the @, 255 more."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What a report says of one address ("" where it names none). `enough`: on so many days until the
    address is closed; 0: the usual rule. A message that is only late has the fault of the `provider`,
    and counts nowhere."""

    address: str
    kind: ReportKind
    detail: str
    fault: Literal["", "address", "sender", "template", "provider"] = ""
    enough: int = 0


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a mail says of deliveries. `failures` is empty where all went well. `alone`: it is about one
    address only, whatever that is called there."""

    failures: tuple[Failure, ...]
    alone: bool = True


def read_report(mail: MailPart) -> DeliveryReport | None:
    """None: it is no report of a delivery."""
    report = _own_report(mail)
    inside = next((part for part in mail.walk() if part.kind == "message/rfc822"), None)
    if report is None or inside is None or not names_nobody(said_text(mail)):
        return report
    # a report that another server has sent on says more than what that server writes around it
    return _own_report(read(inside.content)) or report


def _own_report(mail: MailPart) -> DeliveryReport | None:
    text = said_text(mail)
    groups = list(islice(_groups(mail, text), RECIPIENTS))
    if groups:
        said = said_of_addresses(mail, text) if len(groups) > 1 else {}
        texts = {address.lower(): words for address, words in said.items()}
        failed = [group for group in groups if group.action not in _WENT_WELL]
        failures = [_failure_of(group, texts.get(group.address.lower(), text)) for group in failed]
        # several of one address are one
        by_address = {normalised("email", failure.address): failure for failure in failures}
        named = {normalised("email", group.address) for group in groups}
        return DeliveryReport(tuple(by_address.values()), len(named) < 2)
    if not is_a_report(mail, text):
        return None
    said = said_of_addresses(mail, text)
    return DeliveryReport(
        tuple(failure(address, judge(words)) for address, words in said.items()), len(said) < 2
    )


def failure(address: str, judged: JudgedAnswer) -> Failure:
    """The class of design/reliability 3.3."""
    address, code = address[:LONGEST_ADDRESS], judged.code
    match judged.about:
        case RefusalReason.NO_USER | RefusalReason.NO_HOST:
            return Failure(address, "bounced", f"{code}: the address does not exist", "address")
        case RefusalReason.SENDER:
            detail = f"{code}: the server does not accept mail from this sender"
            return Failure(address, "refused", detail, "sender")
        case RefusalReason.SIZE:
            return Failure(address, "refused", f"{code}: the message is too big for the server", "template")
        case RefusalReason.CONTENT:
            return Failure(address, "refused", f"{code}: the server does not accept the content", "template")
        case RefusalReason.DISABLED:
            detail = f"{code}: the mailbox is disabled"
            return Failure(address, "bounced for now", detail, "address", ENOUGH_WHEN_DISABLED)
        case RefusalReason.FULL:
            return Failure(address, "bounced for now", f"{code}: the mailbox is full", "address")
        case RefusalReason.LATER | None:
            pass
    return Failure(address, "bounced for now", f"{code}: the server does not take the message", "address")


# --- RFC 3464 ---------------------------------------------------------------------------------------------

_WENT_WELL = frozenset({"delivered", "relayed", "expanded"})
"""RFC 3464 2.3.3; `failed` has other words with some servers."""

_STATUS_KINDS = ("message/delivery-status", "message/global-delivery-status")
_BETWEEN = re.compile(rb"\n(?:[ \t]*\n)+")
_RECIPIENT = re.compile(rb"^(?:original|final)-recipient[ \t]*:", re.IGNORECASE | re.MULTILINE)
_GONE = (RefusalReason.NO_USER, RefusalReason.NO_HOST)

_EXITS = {"67": RefusalReason.NO_USER, "68": RefusalReason.NO_HOST}
"""sysexits.h: EX_NOUSER, EX_NOHOST. The others are about the program."""


@dataclass(frozen=True, slots=True)
class _Group:
    """What a report says of one recipient, in fields. `type`: of the diagnostic, `smtp`, `x-unix`, ..."""

    address: str
    action: str
    status: str
    diagnostic: str
    type: str


def _groups(mail: MailPart, text: str) -> Iterator[_Group]:
    blocks = [part.content[:TEXT_BYTES] for part in mail.walk() if part.kind in _STATUS_KINDS]
    if not any(_RECIPIENT.search(block) for block in blocks):
        # a report whose parts are broken, or that was passed on as text
        as_text = text.encode("utf-8", "replace")
        blocks = [as_text] if _RECIPIENT.search(as_text) else []
    for block in blocks:
        for fields in _BETWEEN.split(block.strip(), 3 * RECIPIENTS):
            group = _group(read_fields(fields))
            if group is not None:
                yield group


def _group(fields: MailPart) -> _Group | None:
    # the original one first: it is ours, the final one may be where a mailbox is forwarded to
    names = ("original-recipient", "final-recipient", "x-actual-recipient")
    values = (fields.get(name) for name in names)
    addresses = ((value.partition(";")[2] if ";" in value else value).strip(" <>") for value in values)
    address = next(filter(None, addresses), "")
    if not address:
        return None
    action = fields.get("action").lower().split()  # some say `failed (in words)`, some nothing
    diagnostic = decoded_words(fields.get("diagnostic-code"))
    type_, semicolon, words = diagnostic.partition(";")
    if not semicolon or " " in type_.strip():
        type_, words = "", diagnostic
    words = " ".join(words.split()) or decoded_words(fields.get("x-supplementary-info"))
    return _Group(
        address[:LONGEST_ADDRESS],
        action[0].strip(",;:") if action else "failed",
        fields.get("status"),
        words,
        type_.strip().lower(),
    )


def _failure_of(group: _Group, text: str) -> Failure:
    """`text`: what is written for people about this address."""
    judged = _judged_program(group) if group.type.endswith("unix") else _judged_answer(group, text)
    if judged.about is None or (judged.about is RefusalReason.LATER and not group.diagnostic):
        nearer = judge(text, group.status)
        # the text closes an address only where the fields give no reason, or it gives one of its own, and
        # where
        # the fields do not say "for now"
        may_close = (nearer.is_own or not group.diagnostic) and not group.status.startswith("4")
        if nearer.about is not None and (may_close or nearer.about not in _GONE):
            judged = nearer
    if group.action == "delayed":
        return Failure(group.address, "bounced for now", f"{judged.code}: it is still tried", "provider")
    return failure(group.address, judged)


def _judged_answer(group: _Group, text: str) -> JudgedAnswer:
    """A general status (5.0.0) is told nearer by the words of the other server."""
    words = group.diagnostic
    nearer, status = ENHANCED.search(words), ENHANCED.search(group.status)
    enhanced = nearer[1] if nearer else status[1] if status else ""
    code = CODE.search(words)
    is_for_now = enhanced.startswith("4") or group.status.startswith("4")
    number = int(code[1]) if code else 400 if is_for_now else 550
    said = f"{CODE.sub(' ', words)} {group.status.partition('(')[2]}".strip()
    # words without a code are those of the server that writes, and it says them of the address
    stage = stage_near(text, words) or (None if code else "recipient")
    return JudgedAnswer(judged_answer(number, enhanced, said, stage), enhanced or str(number))


def _judged_program(group: _Group) -> JudgedAnswer:
    """What a program on the recipient's server ended with, or wrote: words of any program, of which only
    those about a mailbox count."""
    code = group.diagnostic.strip()
    if code.isdigit():
        return JudgedAnswer(_EXITS.get(code, RefusalReason.LATER), f"exit {code[:3]}")
    about = refusal_reason(550, group.diagnostic, None)
    return JudgedAnswer(
        about if about in (RefusalReason.FULL, RefusalReason.DISABLED) else RefusalReason.LATER,
        group.status[:9] or "550",
    )
