"""SMS and WhatsApp by Twilio: one request for each message, never a second one by itself.

Twilio has no idempotency on sending (twilio.com/docs/errors/20500), so whatever is lost after the first byte
is `unknown`; it is settled by the status callback, which carries the send key, or by Twilio's own list
(design/reliability 2.4).
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

from engine.channels.base import (
    CallbackReader,
    Channel,
    ChannelSetup,
    Delivery,
    HandOver,
    LookupResult,
    Message,
)
from engine.channels.twilio.callbacks import TwilioCallbackReader
from engine.channels.twilio.client import Account, NotHandedOverError, NotListedError
from engine.channels.twilio.errors import MEANINGS, delivery
from engine.channels.twilio.request import Sender, address_of, request
from engine.clock import Clock
from engine.config.channels.twilio import TwilioOptions
from engine.errors import UsageError
from engine.values import HOUR, MINUTE, Instant

CONCURRENCY = 10
_SID = re.compile(r"[A-Za-z]{2}[0-9A-Za-z]{8,64}\Z")
_SERVICE = re.compile(r"MG[0-9A-Za-z]{8,64}\Z")


def open_channel(setup: ChannelSetup) -> Channel:
    """Ready to send; nothing is connected yet. Raises UsageError with the cure."""
    channel, options = setup.channel, setup.channel.options_as(TwilioOptions)
    sender = _sender(setup, options)
    sid, token = channel.reveal("account", options.account), channel.reveal("token", options.token)
    for option, value in (("account", sid), ("token", token)):
        if not value:
            raise UsageError(
                f'the channel "{channel.name}" has no "{option}"',
                f"Write  {option}: env:TWILIO_{'ACCOUNT_SID' if option == 'account' else 'AUTH_TOKEN'}",
            )
    return TwilioChannel(
        setup.name, sender, (sid, token), options.url.rstrip("/"), setup.clock,
        seconds=float(channel.timeout or 30),
    )  # fmt: skip


def open_reader(setup: ChannelSetup) -> CallbackReader:
    """Reads what Twilio calls back; without a token it refuses everything."""
    return TwilioCallbackReader(
        setup.channel.reveal("token", setup.channel.options_as(TwilioOptions).token), setup.name
    )


class TwilioChannel:
    """A channel of one sender at Twilio. `credentials`: account SID and token. `base_url`: "" for Twilio
    itself."""

    def __init__(
        self,
        name: str,
        sender: Sender,
        credentials: tuple[str, str],
        base_url: str,
        clock: Clock,
        *,
        seconds: float = 30.0,
        concurrency: int = CONCURRENCY,
    ) -> None:
        self.name = name
        self.concurrency = concurrency
        self._sender = sender
        self._credentials = credentials
        self._base_url = base_url
        self._clock = clock
        self._seconds = seconds
        self._account: Account | None = None

    async def deliver(self, message: Message, hand_over: HandOver) -> Delivery:
        """One attempt: at most one request, and no second one whatever happens to it."""
        now = self._clock.now()
        fields = request(message, self._sender, now)
        if isinstance(fields, Delivery):
            return fields
        try:
            exchange = await self._open().send(fields, hand_over)
        except NotHandedOverError:
            return Delivery("never left", detail="it was not handed over")
        if not exchange.left:
            return Delivery(
                "never left", detail="Twilio was not reached", fault="provider", raw=exchange.words
            )
        if exchange.status == 0:
            return Delivery(
                "unknown",
                detail="the connection ended without an answer",
                fault="provider",
                raw=exchange.words,
            )
        if not 200 <= exchange.status < 300:
            answer = delivery(
                exchange.status, exchange.error, exchange.words, exchange.headers, self._clock.now()
            )
            known = MEANINGS.get(exchange.error)
            if answer.kind == "refused" and known is not None and known.opted_out:
                return replace(answer, closed="unsubscribed")
            return answer
        if not _SID.match(exchange.sid):
            words = exchange.words or "it names no message"
            return Delivery(
                "unknown", detail="Twilio's answer cannot be read", fault="provider",
                raw=f"{exchange.status} {words}"[:500],
            )  # fmt: skip
        return Delivery("accepted", exchange.sid, raw=f"{exchange.status} {exchange.state}".strip())

    async def look_up(self, message: Message, handed_at: Instant) -> LookupResult:
        """Looks for the message in Twilio's list: first among those sent since a minute before the hand-over,
        then among all to this number, since one that still waits in Twilio's queue has no DateSent."""
        to, since = address_of(message.address, self._sender.kind), Instant(handed_at - MINUTE)
        moment = datetime.fromtimestamp(since / 1000, UTC)
        number, unlike = self._sender.number, ""
        for after in (moment, None):
            try:
                listed = await self._open().listed(to, after)
            except NotListedError as wrong:
                return LookupResult("cannot say", detail=str(wrong))
            ours = [
                row
                for row in listed
                if row.direction.startswith("outbound")
                and (row.created is None or row.created >= since)
                and (not number or not row.sender or row.sender == number)
            ]
            for row in ours:
                if message.body and _same(row.body, message.body):
                    return LookupResult("sent", row.sid, "it stands in Twilio's list")
            unlike = unlike or (ours[0].sid if ours else "")
        if unlike and message.fields.get("content_sid"):  # the text of a content template is Twilio's
            return LookupResult(
                "cannot say", detail=f"it may be {unlike}, whose text is a content template's"
            )
        return LookupResult("not sent", detail="it is not in Twilio's list")

    async def close(self) -> None:
        """Closes the connections."""
        if self._account is not None:
            await self._account.close()
            self._account = None

    def _open(self) -> Account:
        """The account, opened when the first message leaves: aiohttp wants to be inside the running loop."""
        if self._account is None:
            self._account = Account(*self._credentials, self._base_url, self._seconds, self.concurrency)
        return self._account


def _sender(setup: ChannelSetup, options: TwilioOptions) -> Sender:
    """Who sends. Raises UsageError with the cure."""
    name = setup.name
    kind = options.kind or name
    if kind not in ("sms", "whatsapp"):
        raise UsageError(
            f'the channel "{name}" does not say what it is', "Write  kind: sms  or  kind: whatsapp"
        )
    number, service = setup.channel.sender, options.messaging_service
    if not number and not service:
        raise UsageError(
            f'the channel "{name}" has no sender', 'Write  from: "+359..."  or  messaging_service: MG...'
        )
    if service and not _SERVICE.match(service):
        raise UsageError(f'"{service}" is no messaging service of Twilio', "Its SID begins with MG")
    if kind == "whatsapp" and number:
        plain = address_of(number.removeprefix("whatsapp:"), "whatsapp")
        if not plain:
            raise UsageError(
                f'"{number}" cannot send on WhatsApp', 'Write the number with its country:  from: "+359..."'
            )
        number = plain
    # without a callback Twilio's list still tells; with one that it cannot reach it refuses every message
    callback = "" if _is_nowhere(setup.callback_url) and not options.url else setup.callback_url
    return Sender(
        "whatsapp" if kind == "whatsapp" else "sms", number, service, callback, options.session * HOUR
    )


def _is_nowhere(url: str) -> bool:
    """A public URL that only this machine knows: Twilio refuses messages that name such a callback
    (21609)."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


def _same(listed: str, body: str) -> bool:
    """The same text: letters and digits alone, since Twilio's smart encoding changes quotes and dashes, and a
    trial account writes a sentence in front."""
    theirs, mine = _letters(listed), _letters(body)
    return theirs == mine if len(mine) < 20 else theirs.endswith(mine)


def _letters(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in folded if letter.isalnum()) or "".join(text.split())
