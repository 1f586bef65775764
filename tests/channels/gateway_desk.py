"""A channel `via: http` as config.yaml makes it, sending to a server of the test."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from engine.channels.base import ChannelSetup, Delivery, Message
from engine.channels.http_provider.channel import HttpProviderChannel, open_channel
from engine.clock import ManualClock
from engine.config.file import read_config
from engine.values import HOUR, Instant

NOW = Instant(1_782_000_000_000)


def setup(
    channel: str, allow: str = "127.0.0.0/8", name: str = "sms", clock: ManualClock | None = None
) -> ChannelSetup:
    """`channel`: the lines below the name of the channel."""
    lines = "".join(f"    {line}\n" for line in channel.strip("\n").splitlines())
    text = (
        f"egress: {{allow: [{allow}]}}\nhttp: {{public_url: https://news.shop.example}}\nchannels:\n"
        f"  {name}:\n{lines}"
    )
    config, problems = read_config(text)
    assert problems == []
    return ChannelSetup(config.channels[name], config, Path(), "secret", clock or ManualClock(NOW))


def gateway(channel: str, allow: str = "127.0.0.0/8", name: str = "sms") -> HttpProviderChannel:
    """Ready to send."""
    opened = open_channel(setup(channel, allow, name))
    assert isinstance(opened, HttpProviderChannel)
    return opened


def message(address: str = "+359888123456", **more: object) -> Message:
    """One of an hour."""
    fields: dict[str, object] = {
        "key": "k-1", "channel": "sms", "template": "hello", "language": "en", "purpose": "marketing",
        "body": "Hi Anna",
        "valid_until": Instant(NOW + HOUR),
    } | more  # fmt: skip
    return Message(address=address, **fields)  # type: ignore[arg-type]


@dataclass
class Hand:
    """The hand-over of the runtime; counts how often it was asked."""

    says: bool = True
    asked: list[int] = field(default_factory=list)

    async def __call__(self) -> bool:
        self.asked.append(1)
        return self.says


async def deliver(channel: HttpProviderChannel, sent: Message, hand: Hand | None = None) -> Delivery:
    """One attempt; the connections are closed behind it."""
    try:
        return await channel.deliver(sent, hand or Hand())
    finally:
        await channel.close()
