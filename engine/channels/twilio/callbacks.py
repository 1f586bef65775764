"""What Twilio calls back: the fate of a message, and what people write to us. Nothing is believed without a
signature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, parse_qsl, urlsplit

import orjson

from engine.channels.base import Callback, CallbackRefusedError, CallbackUnreadableError, Report
from engine.channels.opt_out_keywords import Reading, opt_out_meaning
from engine.channels.twilio.client import is_signed
from engine.channels.twilio.errors import later
from engine.values import Instant

MOST_FIELDS = 200
_TAKEN = frozenset({"accepted", "scheduled", "queued", "sending", "sent"})
_LOST = frozenset({"undelivered", "failed", "canceled"})
_INBOUND = frozenset({"", "received", "receiving"})
_FORM = "application/x-www-form-urlencoded"
_ADVANCED: Mapping[str, Reading] = {"STOP": "stop", "START": "start", "HELP": "help"}
"""OptOutType: what Twilio's own Advanced Opt-Out made of the message."""


class TwilioCallbackReader:
    """Reads the callbacks of one channel. `token`: the account's auth token; "" refuses everything."""

    answer = ("text/xml", "<Response/>")

    def __init__(self, token: str, channel: str) -> None:
        self._token = token
        self._channel = channel

    def read(self, call: Callback, now: Instant) -> Sequence[Report]:
        """What it says. The URL of the call is the configured one; with or without the port of its scheme,
        since Twilio signs either."""
        fields = self._fields(call)
        query = dict(parse_qsl(urlsplit(call.url).query, keep_blank_values=True))
        sid = fields.get("MessageSid") or fields.get("SmsSid") or fields.get("SmsMessageSid", "")
        if not sid or len(sid) > 64:
            raise CallbackUnreadableError("it names no message (MessageSid)")
        raw = orjson.dumps(fields).decode()[:4_000]
        status = fields.get("MessageStatus", "").casefold()
        if status in _INBOUND:
            return _inbound(fields, sid, raw, now)
        return _status(fields, status, query.get("key", "")[:200], sid, raw, now)

    def _fields(self, call: Callback) -> Mapping[str, str]:
        """The parameters, once it is certain that Twilio sent them. Raises CallbackRefusedError."""
        if not self._token:
            raise CallbackRefusedError(
                f'the channel "{self._channel}" has no token, so nothing can be proved'
            )
        signature = call.headers.get("x-twilio-signature", "")
        if not signature:
            raise CallbackRefusedError("there is no signature")
        signed: Mapping[str, list[str]] | str
        try:
            text = call.body.decode("utf-8")
            if call.method == "GET":
                signed, fields = {}, parse_qs(urlsplit(call.url).query, True, max_num_fields=MOST_FIELDS)
            elif call.headers.get("content-type", _FORM).partition(";")[0].strip().casefold() == _FORM:
                fields = parse_qs(text, True, max_num_fields=MOST_FIELDS, errors="strict")
                signed = fields
            else:
                # Another body than a form: the URL must hold its hash, which the signature covers.
                if "bodySHA256" not in parse_qs(urlsplit(call.url).query):
                    raise ValueError("the URL holds no bodySHA256")
                document = orjson.loads(text)
                if not isinstance(document, dict):
                    raise ValueError("it is no object")
                signed = text
                fields = {name: [value] for name, value in document.items() if isinstance(value, str)}
        except ValueError as wrong:
            raise CallbackRefusedError("its body is not what Twilio sends") from wrong
        # parsed before the proof, since the signature covers the parsed fields; none is used until it holds
        if not is_signed(self._token, call.url, signed, signature):
            raise CallbackRefusedError("the signature is not that of this request")
        return {name: values[0] for name, values in fields.items()}


def _status(
    fields: Mapping[str, str], status: str, key: str, sid: str, raw: str, now: Instant
) -> Sequence[Report]:
    """A message of ours. `read` (WhatsApp) says that it was delivered, too."""
    address = _plain(fields.get("To", ""))

    def report(kind: str, detail: str = "", fault: str = "", event: str = status) -> Report:
        return Report(
            kind=kind,  # type: ignore[arg-type]
            event_id=f"{sid}:{event}",
            key=key,
            provider_id=sid,
            address=address,
            at=now,
            detail=detail,
            raw=raw,
            fault=fault,  # type: ignore[arg-type]
        )

    if status in _TAKEN:
        return [report("accepted", status)]
    if status == "delivered":
        return [report("delivered")]
    if status == "read":
        # under the event of its own, so that a `delivered` that comes too is the same report
        return [report("delivered", event="delivered"), report("opened")]
    if status in _LOST:
        written = fields.get("ErrorCode", "")
        code = int(written) if written.isascii() and written.isdigit() and len(written) < 10 else 0
        meaning = later(code)
        detail = f"{status}{f' {code}' if code else ''}: {meaning.words}"
        if meaning.later == "bounced for now":  # the message is lost, the address not yet
            return [
                report("refused", detail, meaning.fault),
                report(meaning.later, detail, meaning.fault, "soft"),
            ]
        reports = [report(meaning.later, detail, meaning.fault)]
        if meaning.opted_out:
            # an event of its own: the same callback settles the message as well
            reports.append(report("unsubscribed", detail, event=f"{status}:opted out"))
        return reports
    raise CallbackUnreadableError(f'"{status[:40]}" is not a status that we know')


def _inbound(fields: Mapping[str, str], sid: str, raw: str, now: Instant) -> Sequence[Report]:
    """What somebody writes: always a reply, which opens the session of WhatsApp, and a STOP or START where it
    is one. A sentence that asks to be left alone counts as a STOP: too many of them harm less than one
    overlooked."""
    address = _plain(fields.get("From", ""))
    if not address:
        raise CallbackUnreadableError("it does not say from whom it is (From)")
    body = fields.get("Body", "")
    # what Twilio's own opt-out made of it counts before our reading of the words
    meaning = _ADVANCED.get(fields.get("OptOutType", "").upper()) or opt_out_meaning(body)
    answered = fields.get("OriginalRepliedMessageSid", "")[:64]
    reports = [
        Report("replied", f"{sid}:replied", provider_id=answered, address=address, at=now, detail=body[:200],
               raw=raw)
    ]  # fmt: skip
    if meaning in ("stop", "review"):
        why = "they wrote STOP" if meaning == "stop" else f"they wrote: {body[:200]}"
        reports.append(Report("unsubscribed", f"{sid}:stop", address=address, at=now, detail=why, raw=raw))
    elif meaning == "start":
        reports.append(
            Report("subscribed", f"{sid}:start", address=address, at=now, detail="they wrote START", raw=raw)
        )
    return reports


def _plain(address: str) -> str:
    """The number alone, without the messenger in front."""
    return address.strip().removeprefix("whatsapp:")[:64]
