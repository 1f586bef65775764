"""Any provider with an HTTP interface, described in config.yaml alone: one message is one request (`via:
http`).

The hand-over is committed when the connection stands and before the first byte. What fails before is `never
left`; a connection that dies afterwards is `unknown`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from engine.channels.base import (
    CallbackReader,
    Channel,
    ChannelSetup,
    Delivery,
    HandOver,
    Message,
    Redactor,
    merge_deliveries,
)
from engine.channels.egress import Egress, EgressError, LostError, NotSentError, Request, WithheldError
from engine.channels.http_provider.answer import delivery_of
from engine.channels.http_provider.callback import HttpCallbackReader
from engine.channels.http_provider.request import SECONDS, RequestWriter
from engine.clock import Clock
from engine.config.channels.http_provider import HttpProviderOptions
from engine.config.channels.request_template import WrittenWrongError
from engine.errors import UsageError
from engine.values import HOUR, SECOND, Instant

AT_ONCE = 20
LONGEST_ROUND = 120
"""Seconds for all addresses of one person together, below the time for which a message is claimed."""


class HttpProviderChannel:
    """The channel. `idempotency_window_ms`: so long the provider knows a send key and answers a copy with the
    first answer; 0: it does not."""

    def __init__(
        self,
        name: str,
        options: HttpProviderOptions,
        egress: Egress,
        clock: Clock,
        names: Mapping[str, str],
        seconds: float,
    ) -> None:
        self.name = name
        self.concurrency = AT_ONCE
        self.idempotency_window_ms = options.key_hours * HOUR
        self._options = options
        self._egress = egress
        self._clock = clock
        self._own = names
        self._seconds = seconds
        self._places = asyncio.Semaphore(AT_ONCE)

    def same_key_until(self, handed_at: Instant) -> Instant:
        """Until then a message handed over at `handed_at` may be sent again under its key: half of the window
        (design/reliability 2.3)."""
        return Instant(handed_at + self.idempotency_window_ms // 2)

    async def deliver(self, message: Message, hand_over: HandOver) -> Delivery:
        """One attempt for every address of this person, under one hand-over."""
        async with self._places:  # so that a pause still stops what waits for its turn
            if not message.addresses:
                return Delivery("refused", detail="there is no address", fault="address")
            if message.valid_until is not None and message.valid_until - self._clock.now() < SECOND:
                return Delivery("never left", detail="it would be too late before the provider could send it")
            try:
                secrets = {name: secret.reveal() for name, secret in self._options.secrets.items()}
                writer = RequestWriter(
                    self._options, self._own, secrets, message, self._clock.now(), self._seconds
                )
                # all of them before the first leaves: a text that cannot be written stops the whole message
                requests = {address: writer.request(address) for address in message.addresses}
            except UsageError as wrong:
                return Delivery("never left", detail=str(wrong), fault="sender")
            except WrittenWrongError as wrong:
                return Delivery("refused", detail=f"the request cannot be written: {wrong}", fault="template")
            gate, hidden = _once(hand_over), Redactor(writer.secrets)
            deliveries: dict[str, Delivery] = {}
            began = self._clock.now()
            for address, request in requests.items():
                deliveries[address] = delivery = await self._exchange(request, gate, hidden)
                if delivery.kind == "never left" or delivery.fault == "sender":
                    break  # it would be the same with the others
                if self._clock.now() - began > LONGEST_ROUND * SECOND:
                    break
            return merge_deliveries(deliveries, message.addresses)

    async def close(self) -> None:
        """Closes idle connections."""
        await self._egress.close()

    async def _exchange(
        self, request: Request, gate: Callable[[], Awaitable[bool]], hidden: Redactor
    ) -> Delivery:
        try:
            answer = await self._egress.exchange(request, gate)
        except WithheldError as held:
            return Delivery("never left", detail=held.what)
        except EgressError as wrong:
            return Delivery("never left", detail=hidden.cut(wrong.what), fault="sender")
        except NotSentError as wrong:
            return Delivery("never left", detail=hidden.cut(wrong.what), fault="provider")
        except LostError as wrong:
            return Delivery("unknown", detail=hidden.cut(wrong.what), fault="provider")
        return delivery_of(answer, self._options.answer, self._clock.now(), hidden)


def open_channel(setup: ChannelSetup) -> Channel:
    """Ready to send; nothing is connected yet. Raises UsageError with the cure."""
    options = setup.channel.options_as(HttpProviderOptions)
    for secret in options.secrets.values():
        secret.reveal()
    names = {"from": setup.channel.sender, "callback_url": setup.callback_url}
    return HttpProviderChannel(
        setup.name,
        options,
        Egress(setup.config.egress),
        setup.clock,
        names,
        float(setup.channel.timeout or SECONDS),
    )


def open_reader(setup: ChannelSetup) -> CallbackReader:
    """Who reads what this provider reports; without `callback:` every call is refused."""
    return HttpCallbackReader(setup.name, setup.channel.options_as(HttpProviderOptions).callback)


def _once(hand_over: HandOver) -> HandOver:
    """Asks for the hand-over with the first byte of the first request, and only then."""
    verdict: bool | None = None

    async def gate() -> bool:
        nonlocal verdict
        if verdict is None:
            verdict = await hand_over()
        return verdict

    return gate
