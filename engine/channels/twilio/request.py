"""What is asked of Twilio for one message: to whom, from whom, free text or a content template, and until
when."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

import orjson

from engine.channel_kinds import normalised
from engine.channels.base import Delivery, Message
from engine.values import HOUR, SECOND, Instant

Kind = Literal["sms", "whatsapp"]

LONGEST_VALIDITY = 36_000
"""Seconds that Twilio keeps a message at most, and by default (twilio.com/docs/api/errors/90007: 1 to
36,000)."""

_WRITTEN = re.compile(r"\s*\+[0-9\s().\-/]+\Z")
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}\Z")
_VARIABLE = "variables."


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends. `number` and `service` as Twilio knows them, one of them may be empty; `callback`: where
    Twilio reports to (empty: nowhere); `session`: how long free text may follow a message of theirs on
    WhatsApp, in ms."""

    kind: Kind
    number: str
    service: str
    callback: str
    session: int = 24 * HOUR


class _RefusedError(Exception):
    """Nothing is asked of Twilio; the argument is the answer."""

    def __init__(self, answer: Delivery) -> None:
        super().__init__(answer.detail)
        self.answer = answer


def request(message: Message, sender: Sender, now: Instant) -> Mapping[str, object] | Delivery:
    """The parameters of POST Messages.json, or why Twilio is not asked at all: a number that is none, free
    text on WhatsApp outside the session, too late."""
    to = address_of(message.address, sender.kind)
    if not to:
        return Delivery(
            "refused", detail="this is not a phone number with its country (+359...)", fault="address"
        )
    if sender.kind == "sms" and not message.body:
        return Delivery("refused", detail="it is empty", fault="template")
    try:
        content = {"body": message.body} if sender.kind == "sms" else _whatsapp(message, sender, now)
    except _RefusedError as refused:
        return refused.answer
    # Twilio keeps what it cannot deliver at once: not longer than the message counts or free text may come
    ends = [message.valid_until, _session_end(message, sender) if "body" in content else None]
    longest = LONGEST_VALIDITY * SECOND
    seconds = min((end - now for end in ends if end is not None), default=longest) // SECOND
    if seconds < 1:
        return Delivery("never left", detail="it would be too late before Twilio could send it")
    fields: dict[str, object] = {"to": to, **content, "validity_period": min(seconds, LONGEST_VALIDITY)}
    if sender.service:
        fields["messaging_service_sid"] = sender.service
    if sender.number:
        fields["from_"] = sender.number
    if sender.callback:
        fields["status_callback"] = f"{sender.callback}?{urlencode({'key': message.key})}"
    return fields


def address_of(address: str, kind: Kind) -> str:
    """The number as Twilio writes it; "" when it is none, or several, or one with an extension or a (0): its
    digits would be those of somebody else."""
    # digits of other scripts and wide signs are the same number
    plain = unicodedata.normalize("NFKC", address)
    number = normalised("sms", plain)
    if not _WRITTEN.match(plain) or "\n" in address or "(0)" in plain or not _NUMBER.match(number):
        return ""
    return f"whatsapp:{number}" if kind == "whatsapp" else number


def _whatsapp(message: Message, sender: Sender, now: Instant) -> Mapping[str, object]:
    """Free text while the session lasts, else a content template: Meta takes nothing else (63016)."""
    end = _session_end(message, sender)
    # a second is kept: the session may end on the way
    if message.body and end is not None and now + SECOND <= end:
        return {"body": message.body}
    content = message.fields.get("content_sid", "").strip()
    if content:
        variables = _variables(message.fields)
        return {"content_sid": content} | ({"content_variables": variables} if variables else {})
    hours = sender.session // HOUR
    why = (
        f'"{message.template}" is free text, which WhatsApp takes only within {hours} hours after a message'
        " of theirs; otherwise it needs a content_sid"
    )
    raise _RefusedError(Delivery("refused", detail=why, fault="template"))


def _session_end(message: Message, sender: Sender) -> Instant | None:
    if sender.kind != "whatsapp" or message.replied_at is None:
        return None
    return Instant(message.replied_at + sender.session)


def _variables(fields: Mapping[str, str]) -> str:
    """ContentVariables: from fields `variables.1`, `variables.2`, each rendered for itself, so that no value
    can end another one; or from one JSON text `variables`."""
    values = {
        name.removeprefix(_VARIABLE): value for name, value in fields.items() if name.startswith(_VARIABLE)
    }
    written = fields.get("variables", "").strip()
    if written:
        try:
            document = orjson.loads(written)
        except orjson.JSONDecodeError:
            document = None
        if not isinstance(document, dict) or not all(
            isinstance(value, str | int | float) for value in document.values()
        ):
            why = 'its variables are no JSON object of texts: write them below each other, as  1: "..."'
            raise _RefusedError(Delivery("refused", detail=why, fault="template"))
        values = {name: str(value) for name, value in document.items()} | values
    return orjson.dumps(values).decode() if values else ""
