"""Twilio's answers in our vocabulary: one table of its error codes, then the rules for statuses.

The codes are those of twilio.com/docs/api/errors (read October 2026). Twilio warns that codes are added and
split (changelog of 10 July 2024), so a code that is not here is judged by its HTTP status alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from engine.channels.base import Delivery, OutcomeKind, ReportKind
from engine.channels.egress import retry_after_seconds
from engine.values import Instant

Fault = Literal["", "address", "sender", "template", "provider"]


@dataclass(frozen=True, slots=True)
class ErrorMeaning:
    """What a code says. `kind`: as an answer to our call. `later`: in a callback, after it had been accepted.
    `opted_out`: the person does not want it, so that the address is closed."""

    words: str
    kind: OutcomeKind
    later: ReportKind
    fault: Fault = ""
    opted_out: bool = False


def _dead(words: str) -> ErrorMeaning:
    return ErrorMeaning(words, "bounced", "bounced", "address")


def _wrong(words: str) -> ErrorMeaning:
    return ErrorMeaning(words, "refused", "refused", "address")


def _ours(words: str) -> ErrorMeaning:
    """The sender's mistake: the message waits until the channel is put right, and nobody is suppressed."""
    return ErrorMeaning(words, "refused for now", "refused", "sender")


def _text(words: str) -> ErrorMeaning:
    return ErrorMeaning(words, "refused", "refused", "template")


def _later(words: str) -> ErrorMeaning:
    return ErrorMeaning(words, "refused for now", "refused", "provider")


_OPTED_OUT = ErrorMeaning("they have opted out (STOP)", "refused", "refused", "address", opted_out=True)

MEANINGS: Mapping[int, ErrorMeaning] = {
    # the account and its rights
    10001: _ours("the account is not active"),
    20003: _ours("the account or the token is wrong"),
    20005: _ours("the account is not active"),
    20006: _ours("the account may not do this"),
    20008: _ours("these are test credentials"),
    20404: _ours("the account does not exist"),
    # the pace
    14107: _later("too many messages at once"),
    20429: _later("too many requests at once"),
    21611: _later("the sender's queue is full"),
    30001: _later("the sender's queue is full"),
    30017: _later("the network is congested"),
    30022: _later("the rate for registered senders in the US is used up"),
    30023: _later("the daily limit for registered senders in the US is used up"),
    63010: _later("an error inside Twilio"),
    63012: _later("an error at the messenger"),
    63018: _later("the rate of the messenger is used up"),
    63038: _later("the daily limit of the account is used up"),
    # the number of the recipient
    21211: _dead("this is not a phone number"),
    21265: _wrong("this is a short code"),
    21266: _wrong("this is the sender's own number"),
    21612: _wrong("no route leads from this sender to this number"),
    21614: _dead("this is not a mobile number"),
    21635: _dead("this is a landline"),
    30003: ErrorMeaning("the phone is off or out of reach", "refused", "bounced for now", "address"),
    30004: _wrong("the number or its network blocks this message"),
    30005: _dead("nobody has this number"),
    30006: _dead("a landline, or a network that cannot be reached"),
    63003: _dead("this number is not at the messenger"),
    63015: _wrong("they have not joined the sandbox"),
    63024: _wrong("this number cannot be reached at the messenger"),
    63031: _wrong("this is the sender's own number"),
    63033: _wrong("the messenger blocks this recipient"),
    # what they want
    21610: _OPTED_OUT,
    63014: ErrorMeaning("they have blocked us", "refused", "refused", "address", opted_out=True),
    # the sender
    21212: _ours("the sender is not a valid number"),
    21408: _wrong("this country is not switched on for the account"),
    21601: _ours("the sender cannot send text messages"),
    21603: _ours("there is no sender"),
    21606: _ours("the sender cannot send messages"),
    21608: _wrong("a trial account sends to verified numbers only"),
    21609: _ours("the address for callbacks is not one that Twilio can reach"),
    21659: _ours("the sender is not a number of Twilio"),
    21660: _ours("the sender belongs to another account"),
    21661: _ours("the sender cannot send text messages"),
    21701: _ours("the messaging service does not exist"),
    21703: _ours("the messaging service has no sender"),
    21705: _ours("the messaging service does not exist"),
    30002: _ours("the account is suspended"),
    30007: ErrorMeaning("a filter of the network took it for unwanted", "refused", "refused", "sender"),
    30018: _ours("the network wants the sender to be registered"),
    30024: _ours("the sender is not set up in this network"),
    30032: _ours("the toll-free number is not verified"),
    30034: _ours("the number is not registered for the US (10DLC)"),
    63001: _ours("the messenger does not know the sender"),
    63007: _ours("the messenger does not know the sender"),
    63020: _ours("the business account at the messenger is not accepted"),
    63051: _ours("the business account at the messenger is locked"),
    # the message
    21602: _text("it is empty"),
    21617: _text("it has more than 1,600 characters"),
    21619: _text("it is empty"),
    21620: _text("the address of its picture is wrong"),
    21655: _text("the content_sid does not exist"),
    21656: _text("the variables do not fit the content template"),
    21658: _text("a variable has more than 1,600 characters"),
    21624: _text("the validity period is wrong"),
    90007: _text("the validity period is wrong"),
    30008: ErrorMeaning("the network does not say why", "refused", "refused", "provider"),
    30010: _text("it costs more than is allowed"),
    30019: _text("it is too large for the network"),
    30036: ErrorMeaning("it waited longer than it was valid", "refused", "refused", "provider"),
    30038: _text("the network takes it for a one-time password"),
    63005: _text("the messenger does not take it"),
    63013: _text("it breaks the rules of the messenger"),
    63016: _text("free text outside the 24 hours after their last message: it needs a content template"),
    63019: _text("its picture cannot be loaded"),
    63021: _text("the messenger does not take it"),
    63027: _text("the content template does not exist in this language"),
    63028: _text("the number of variables is not that of the content template"),
    63032: _wrong("Meta keeps this recipient free of such messages"),
    63040: _text("the content template was rejected"),
    63041: _text("the content template is paused"),
    63042: _text("the content template is switched off"),
    63049: _wrong("Meta does not deliver this marketing message to them (never in the US)"),
}  # fmt: skip
"""63016: twilio.com/docs/api/errors/63016; 63024 has curable causes too (an old app, terms not accepted), so
it closes nothing; 63049: a limit of Meta per recipient, not to be tried again at once; 20500: a POST may have
been done, so no table can say, the status does."""


def delivery(status: int, code: int, words: str, headers: Mapping[str, str], now: Instant) -> Delivery:
    """What an answer that is no success says (design/reliability 2.2). Unknown: 500, 502, 504, 503 without
    Retry-After, and whatever is no answer of an HTTP API."""
    wait = retry_after_seconds(headers.get("Retry-After"), now)
    raw = f"{status} {code or ''} {words}".replace("  ", " ").strip()[:500]
    if status == 503 and wait is not None:
        return Delivery(
            "refused for now", detail="Twilio is away", retry_after=wait, fault="provider", raw=raw
        )
    if status in (408, 429):
        return Delivery(
            "refused for now", detail="too fast for Twilio", retry_after=wait, fault="provider", raw=raw
        )
    if not 300 <= status < 500:
        return Delivery("unknown", detail="Twilio did not say whether it took it", fault="provider", raw=raw)
    known = MEANINGS.get(code)
    if known is not None:
        pause = wait if known.kind == "refused for now" else None
        return Delivery(known.kind, detail=known.words, retry_after=pause, fault=known.fault, raw=raw)
    if status in (401, 403, 404) or status < 400:
        return Delivery(
            "refused for now", detail="the account, its rights or the url are wrong", fault="sender", raw=raw
        )
    return Delivery("refused", detail="Twilio refuses this message", fault="template", raw=raw)


def later(code: int) -> ErrorMeaning:
    """What the ErrorCode of a callback says; a code that is not known is the provider's."""
    return MEANINGS.get(code) or ErrorMeaning(
        "it could not be delivered" + (f" (code {code})" if code else ""), "refused", "refused", "provider"
    )
