"""What a channel is opened with: its entry in config.yaml and what the project gives to all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from engine.clock import Clock
from engine.config import ChannelConfig, Config


@dataclass(frozen=True, slots=True)
class Opening:
    """`folder` is the project's; `secret` the store's own key (Message-IDs, hashes)."""

    channel: ChannelConfig
    config: Config
    folder: Path
    secret: str = field(repr=False)
    clock: Clock

    @property
    def name(self) -> str:
        """What the channel is called in config.yaml."""
        return self.channel.name

    @property
    def callback_url(self) -> str:
        """Where the provider of this channel calls back: below the configured public URL, never taken from a request."""
        return f"{self.config.http.public_url}/callbacks/{self.name}"

    @property
    def sender(self) -> str:
        """`from:`, or for an e-mail channel that writes files an address at the shop's own host."""
        return sender_of(self.channel, self.config)


def sender_of(channel: ChannelConfig, config: Config) -> str:
    """`from:`, or for an outbox folder an address at the shop's own host."""
    if channel.sender or channel.name != "email":
        return channel.sender
    host = urlsplit(config.shop.url).hostname or "localhost"
    name = config.shop.name.replace('"', "").replace("\\", "")
    return f'"{name}" <hello@{host}>'
