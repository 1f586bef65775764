"""Which channels are open, and which of them another config.yaml changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.channels.base import Channel, sender_of
from engine.channels.registry import open_channels
from engine.clock import Clock
from engine.config import ChannelConfig, Config, RateLimit, secrets_in

Fingerprint = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Opening:
    """Channels that a config.yaml asks for and that are not open like that yet; `gone`: open, but not asked
    for."""

    channels: Mapping[str, tuple[Channel, RateLimit | None]]
    gone: frozenset[str]
    prints: Mapping[str, Fingerprint] = field(repr=False)


class ChannelSet:
    """Opens channels. `folder` is the project's, `secret` the store's."""

    def __init__(self, folder: Path, secret: str, clock: Clock) -> None:
        self._folder = folder
        self._secret = secret
        self._clock = clock
        self._open: Mapping[str, Fingerprint] = {}

    def opening(self, config: Config) -> Opening:
        """What has to change for this config.yaml; nothing has changed yet. Raises UsageError where a channel
        cannot be opened. Passwords are read anew, so a changed one counts as a change."""
        prints = {name: _fingerprint(channel, config) for name, channel in config.channels.items()}
        changed = {name: config.channels[name] for name in prints if self._open.get(name) != prints[name]}
        opened = open_channels(
            dataclasses.replace(config, channels=changed), self._folder, self._secret, self._clock
        )
        channels = {name: (channel, changed[name].rate) for name, channel in opened.items()}
        return Opening(channels, frozenset(self._open.keys() - prints.keys()), prints)

    def opened(self, opening: Opening) -> None:
        """These are in use now."""
        self._open = opening.prints


def _fingerprint(channel: ChannelConfig, config: Config) -> Fingerprint:
    reach = (config.egress, config.http.public_url) if channel.via == "http" else ()
    secrets = tuple(secret.reveal() for secret in secrets_in(channel.options))
    sender = sender_of(channel, config)
    return (channel.options, channel.rate, channel.timeout, channel.reply_to, secrets, sender, reach)
