"""Notices of sending services as mail: a document in JSON (Amazon SES over SNS) in place of a report.

Their fields are picked out one by one: the text was wrapped and cut on its way, so it is often no JSON any
more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from engine.channels.email.answer_words import RefusalReason
from engine.channels.email.answers import refusal_reason
from engine.channels.email.delivery_reports import Failure, failure
from engine.channels.email.mime_reader import TEXT_BYTES, MailPart
from engine.channels.email.quoted_answers import JudgedAnswer
from engine.channels.email.report_texts import RECIPIENTS

_TYPE = re.compile(r'\\?"(?:notificationType|eventType)\\?"\s{0,9}:\s{0,9}\\?"(\w{1,40})')
_LIST = re.compile(r'\\?"bouncedRecipients\\?"\s{0,9}:\s{0,9}\[([^\]]{0,20000})')
_FIELD = re.compile(r'\\?"(bounceType|bounceSubType)\\?"\s{0,9}:\s{0,9}\\?"([^"\\]{0,200})')
_RECIPIENT = re.compile(r'\\?"(emailAddress|status|diagnosticCode)\\?"\s{0,9}:\s{0,9}\\?"([^"\\]{0,1000})')

_GONE_KINDS = frozenset({"General", "NoEmail", "Suppressed", "OnAccountSuppressionList"})
"""`bounceSubType` of a permanent bounce that is about the address (Amazon SES, notification contents)."""


@dataclass(frozen=True, slots=True)
class ServiceNotice:
    """What a service says of a message. A delivery is `other`."""

    kind: Literal["bounce", "complaint", "other"]
    failures: tuple[Failure, ...] = ()


def read(mail: MailPart) -> ServiceNotice | None:
    """None: it is no such notice."""
    if mail.kind not in ("text/plain", "application/json") or mail.parts:
        return None
    text = mail.text[:TEXT_BYTES].replace("\n ", "").replace("\n", "")
    kind = _TYPE.search(text) if text.lstrip()[:1] in ("{", "[") else None
    if kind is None:
        return None
    match kind[1]:
        case "Bounce":
            return ServiceNotice("bounce", _failures(text))
        case "Complaint":
            return ServiceNotice("complaint")
        case _:
            return ServiceNotice("other")


def _failures(text: str) -> tuple[Failure, ...]:
    fields = dict(_FIELD.findall(text))
    inside = _LIST.search(text)
    people: list[dict[str, str]] = []
    for name, value in _RECIPIENT.findall(inside[1] if inside else ""):
        if not people or name in people[-1]:
            people.append({})
        people[-1][name] = value
    return tuple(_failure(person, fields) for person in people[:RECIPIENTS]) or (_failure({}, fields),)


def _failure(person: dict[str, str], fields: dict[str, str]) -> Failure:
    status, said = person.get("status", ""), person.get("diagnosticCode", "").partition(";")[2].strip()
    code = re.match(r"([45]\d\d)[ -]", said)
    about = refusal_reason(int(code[1]), said[4:], None) if code else None
    if (
        about is None
        and fields.get("bounceType") == "Permanent"
        and fields.get("bounceSubType") in _GONE_KINDS
    ):
        about = RefusalReason.NO_USER
    shown = status or (code[1] if code else fields.get("bounceType", ""))
    return failure(person.get("emailAddress", ""), JudgedAnswer(about, shown))
