"""Mail to people of the shop: alerts and reports, by the channel that customers are written to, past pauses,
policies and `deliver_only`, which are about customers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from engine.channels.base import Channel, Message, sender_of
from engine.config import Config
from engine.errors import WorldError

SENDING_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class StaffMail:
    """One mail. `key`: the same for every try, so that whoever gets it twice can tell."""

    key: str
    address: str
    template: str
    subject: str
    text: str
    html: str = ""


async def always() -> bool:
    """The last look before a mail that nothing can stop."""
    return True


async def send(
    mail: StaffMail,
    channel: Channel | None,
    config: Config,
    hand_over: Callable[[], Awaitable[bool]] = always,
) -> Literal["accepted", "unknown"]:
    """What became of it. `channel`: the open one for e-mail; `hand_over` is asked right before the point of
    no return, after which `SENDING_SECONDS` without an answer leave it unknown. Raises WorldError when it did
    not leave."""
    if channel is None or "email" not in config.channels:
        raise WorldError("there is no open channel email", permanent=False)
    message = Message(
        mail.key, "email", mail.address, mail.template, "en", None, mail.text, html=mail.html,
        subject=mail.subject, sender=sender_of(config.channels["email"], config),
        # RFC 3834: no answering machine answers it
        headers={"Auto-Submitted": "auto-generated"},
    )  # fmt: skip
    may_have_left = False

    async def noted() -> bool:
        nonlocal may_have_left
        may_have_left = await hand_over()
        return may_have_left

    try:
        async with asyncio.timeout(SENDING_SECONDS):
            delivery = await channel.deliver(message, noted)
    except TimeoutError as wrong:
        if may_have_left:
            return "unknown"
        raise WorldError(f"no answer within {SENDING_SECONDS:g} seconds", permanent=False) from wrong
    if delivery.kind not in ("accepted", "unknown"):
        raise WorldError(delivery.raw or delivery.detail or delivery.kind, permanent=False)
    return delivery.kind
