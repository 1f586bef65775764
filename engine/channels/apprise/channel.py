"""The long tail of services, by their addresses of the Apprise library (`via: apprise`, extra `apprise`).

Apprise says whether all went well and no more: no id, no report, no difference between "gone" and "try
later". So a failure is `unknown`, since nobody can tell whether something had left. It connects by itself,
without the guard of our own HTTP client: its addresses are the operator's own, only the customer's part is
data.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import apprise

from engine import faults
from engine.channels.base import Channel, ChannelSetup, Delivery, HandOver, Message, Redactor
from engine.config import Secret
from engine.config.channels.apprise import AppriseOptions
from engine.config.channels.request_template import WrittenWrongError
from engine.errors import UsageError
from engine.values import SECOND, iso

AT_ONCE = 4
SECONDS = 30
_GRACE = 5.0
"""Seconds that Apprise gets beyond the time that it was told to end in."""


class AppriseChannel:
    """`urls`: one message goes to all of them; for a person with several addresses, to all of them for each
    address."""

    def __init__(self, setup: ChannelSetup, options: AppriseOptions) -> None:
        self.name = setup.name
        self.concurrency = AT_ONCE
        self._urls = options.urls
        self._secrets = options.secrets
        self._sender = setup.channel.sender
        self._clock = setup.clock
        self._seconds = setup.channel.timeout or SECONDS
        self._places = asyncio.Semaphore(AT_ONCE)
        self._threads = ThreadPoolExecutor(AT_ONCE, f"apprise-{setup.name}")

    async def deliver(self, message: Message, hand_over: HandOver) -> Delivery:
        """One attempt at all addresses."""
        if not message.addresses:
            return Delivery("refused", detail="there is no address", fault="address")
        try:
            secrets = {name: secret.reveal() for name, secret in self._secrets.items()}
            urls = [url for address in message.addresses for url in self._written(message, address, secrets)]
        except UsageError as wrong:
            return Delivery("never left", detail=str(wrong), fault="sender")
        except WrittenWrongError as wrong:
            return Delivery("refused", detail=f"the address cannot be written: {wrong}", fault="template")
        # the addresses hold tokens, and Apprise repeats them in its log
        hidden = Redactor([*secrets.values(), *urls])
        services = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False, secure_logging=True))
        # before the hand-over: what is no address to Apprise has not left
        if not all(services.add(url) for url in urls):
            return Delivery("refused", detail="Apprise does not understand the address", fault="template")
        async with self._places:  # nothing is handed over that would wait for a thread
            if not await hand_over():
                return Delivery("never left", detail="the hand-over was not given")
            return await self._notify(services, message, hidden)

    async def close(self) -> None:
        """Waits for nobody: what still runs is unknown."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _notify(self, services: apprise.Apprise, message: Message, hidden: Redactor) -> Delivery:
        title = message.fields.get("title", message.subject)
        notify = partial(
            services.notify, body=message.body, title=title, body_format="text", timeout=self._seconds
        )
        faults.reach("before the last byte")
        working = asyncio.get_running_loop().run_in_executor(self._threads, notify)
        try:
            async with asyncio.timeout(self._seconds + _GRACE):
                # shielded: a thread cannot be cancelled, and what it still sends must not look undone
                result = await asyncio.shield(working)
        except TimeoutError:
            return Delivery("unknown", detail=f"no answer within {self._seconds} seconds", fault="provider")
        faults.reach("after the last byte")
        status = result.status
        words = " ".join(
            str(entry.message) for service in result for attempt in service.attempts for entry in attempt.logs
        )
        raw = hidden.cut(f"{status.name} {words}")
        match status:
            case apprise.AppriseResultStatus.SUCCESS:
                return Delivery("accepted", raw=raw)
            case apprise.AppriseResultStatus.PARTIAL:
                return Delivery("accepted", detail="not all addresses took it", raw=raw)
            case apprise.AppriseResultStatus.NOMATCH:
                return Delivery(
                    "refused", detail="Apprise found nobody to send it to", fault="template", raw=raw
                )
            case _:
                return Delivery(
                    "unknown",
                    detail="Apprise says that it failed, and not whether it had left",
                    fault="provider",
                    raw=raw,
                )

    def _written(self, message: Message, address: str, secrets: dict[str, str]) -> list[str]:
        """Raises WrittenWrongError, UsageError."""
        seconds = (message.valid_until - self._clock.now()) // SECOND if message.valid_until else None
        names = {
            "message": {
                "key": message.key, "address": address, "text": message.body,
                "title": message.fields.get("title", message.subject), "url": message.fields.get("url", ""),
                "image": message.fields.get("image", ""), "fields": dict(message.fields),
                "template": message.template,
            },
            "channel": {"from": self._sender, "name": message.channel},
            "secret": secrets,
            "customer_language": message.language,
            "valid_for": seconds,
            "valid_until": iso(message.valid_until) if message.valid_until else None,
            "callback_url": "",
        }  # fmt: skip
        return [url.reveal() if isinstance(url, Secret) else url.render(names) for url in self._urls]


def open_channel(setup: ChannelSetup) -> Channel:
    """Ready to send; nothing is connected yet. Raises UsageError with the cure."""
    options = setup.channel.options_as(AppriseOptions)
    for secret in options.secrets.values():
        secret.reveal()
    return AppriseChannel(setup, options)
