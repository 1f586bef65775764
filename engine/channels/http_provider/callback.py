"""Reads the callbacks of a channel `via: http`: who calls is proved, what they say is put into our words."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast
from urllib.parse import parse_qsl, urlsplit

import orjson

from engine.channel_kinds import kind_of
from engine.channels.base import (
    Callback,
    CallbackReader,
    CallbackRefusedError,
    CallbackUnreadableError,
    Report,
    ReportKind,
)
from engine.channels.http_provider.answer import find_path, load_json, text_at
from engine.channels.opt_out_keywords import opt_out_meaning
from engine.config.channels.http_provider_callback import CallbackWords, CallerSecret
from engine.errors import UsageError
from engine.ids import derive
from engine.values import Instant, parse_instant

LONGEST_RAW = 4_000
LONGEST_REPLY = 2_000
_OLDEST = Instant(946_684_800_000)


class HttpCallbackReader(CallbackReader):
    """`words`: None refuses every call."""

    def __init__(self, channel: str, words: CallbackWords | None) -> None:
        self.answer = ("", "")
        self._channel = channel
        self._words = words

    def read(self, call: Callback, now: Instant) -> Sequence[Report]:
        """What it says; events of kinds that config.yaml does not name are passed over."""
        words = self._words
        if words is None:
            raise CallbackRefusedError(f'the channel "{self._channel}" has no callback in config.yaml')
        # the proof comes first: nothing that a stranger sent is parsed
        _check_caller(words.caller, call)
        events = find_path(_document(call, is_signed=bool(words.caller.hmac)), words.events)
        listed = events if isinstance(events, list) else [events]
        return [
            report
            for event in listed
            if isinstance(event, Mapping)
            for report in self._reports(event, words, now)
        ]

    def _reports(self, event: Mapping[str, object], words: CallbackWords, now: Instant) -> list[Report]:
        named = text_at(event, words.kind) if words.kind else ""
        kind = words.kinds.get(named.casefold())
        detail = text_at(event, words.detail) if words.detail else ""
        if words.reply and kind in (None, "replied"):
            reply = text_at(event, words.reply, LONGEST_REPLY)
            if not reply:
                return []
            kind, detail = "replied", reply
        if kind is None:
            return []
        key, provider_id = text_at(event, words.key), text_at(event, words.id)
        address, at = text_at(event, words.address, 4_096), text_at(event, words.at)
        if address.isascii() and address.isdigit() and kind_of(self._channel).by_phone:
            address = f"+{address}"  # providers write phone numbers without their plus
        if not (key or provider_id or address):
            raise CallbackUnreadableError("the event names neither a message nor an address")
        own = text_at(event, words.event)
        event_id = own or derive(self._channel, provider_id or key, address, named or kind, at)
        report = Report(
            cast("ReportKind", kind), event_id, key, provider_id, address,
            at=_moment(at, now), detail=detail,
            raw=orjson.dumps(event)[:LONGEST_RAW].decode("utf-8", "ignore"),
        )  # fmt: skip
        # the reply stays beside the wish: it opens a session, and journeys wait for it
        return [report, *_wish(report)] if kind == "replied" else [report]


def _wish(reply: Report) -> Iterator[Report]:
    """STOP and START in any language; a sentence that asks to be left alone counts as a STOP."""
    meaning = opt_out_meaning(reply.detail)
    if meaning in ("stop", "review"):
        why = "they wrote STOP" if meaning == "stop" else f"they wrote: {reply.detail[:200]}"
        yield replace(reply, kind="unsubscribed", event_id=f"{reply.event_id}:stop", detail=why)
    elif meaning == "start":
        yield replace(reply, kind="subscribed", event_id=f"{reply.event_id}:start", detail="they wrote START")


def _check_caller(caller: CallerSecret, call: Callback) -> None:
    """Raises CallbackRefusedError; comparisons take the same time whatever is wrong."""
    try:
        secret = caller.secret.reveal().encode()
    except UsageError as missing:
        raise CallbackRefusedError(str(missing)) from missing
    if caller.user:
        scheme, _, sent = call.headers.get("authorization", "").partition(" ")
        if scheme.casefold() != "basic":
            raise CallbackRefusedError("there is no basic auth")
        wanted = base64.b64encode(caller.user.encode() + b":" + secret)
        given = sent.strip().encode()
    else:
        if caller.query:
            values = [value for name, value in parse_qsl(urlsplit(call.url).query) if name == caller.query]
            # twice is none: which of them the provider wrote, and which somebody else, nobody knows
            sent = values[0] if len(values) == 1 else ""
        else:
            sent = call.headers.get(caller.header, "")
        if not sent:
            raise CallbackRefusedError(f"there is no {caller.query or caller.header}")
        given = sent.encode()
        wanted = secret
        if caller.hmac and call.method != "POST":
            # A signature of no body is the same for every call, and says nothing about what is in the query.
            raise CallbackRefusedError("a signed callback is a POST")
        if caller.hmac:
            digest = hmac.new(secret, call.body, getattr(hashlib, caller.hmac)).digest()
            given = given.rpartition(b"sha256=" if caller.hmac == "sha256" else caller.hmac.encode() + b"=")[
                2
            ]
            wanted = base64.b64encode(digest) if caller.encoding == "base64" else binascii.hexlify(digest)
            given = given if caller.encoding == "base64" else given.lower()
    if not hmac.compare_digest(given, wanted):
        raise CallbackRefusedError("the secret or signature is wrong")


def _document(call: Callback, *, is_signed: bool) -> object:
    """JSON or a form, or the query of a GET. Of a signed call the body alone, and by its own bytes: neither
    the query nor the method nor a header is under the signature."""
    if call.method == "GET" and not is_signed:
        return dict(parse_qsl(urlsplit(call.url).query))
    is_json = call.body.lstrip()[:1] in (b"{", b"[")
    says_form = "x-www-form-urlencoded" in call.headers.get("content-type", "").casefold()
    if not is_json and (is_signed or says_form):
        try:
            return dict(parse_qsl(call.body.decode("utf-8", "replace"), max_num_fields=200))
        except ValueError as wrong:
            raise CallbackUnreadableError("the form has too many fields") from wrong
    try:
        return load_json(call.body)
    except ValueError as wrong:
        raise CallbackUnreadableError("the body is no JSON") from wrong


def _moment(written: str, now: Instant) -> Instant | None:
    """ISO 8601, seconds or milliseconds since 1970; never in the future."""
    try:
        number = float(written)
        at = int(number * 1000) if number < 100_000_000_000 else int(number)
    except (ValueError, OverflowError):
        moment = parse_instant(written)
        if moment is None:
            return None
        at = moment
    return Instant(min(at, now)) if at >= _OLDEST else None
