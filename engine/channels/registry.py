"""From config.yaml to channels that send: the one place that knows which `via` is which file.

A file of a channel has `open_channel(setup) -> Channel`, and where its provider calls back also
`open_reader(setup) -> CallbackReader`. It is imported when the channel is asked for, so that a shop without SMS
never loads the SDK for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

from engine.channel_kinds import ChannelKind, kind_of
from engine.channels.base import CallbackReader, Channel, ChannelSetup, sender_of
from engine.channels.mime import HeaderError, mailbox
from engine.channels.outbox.channel import OutboxChannel
from engine.channels.render import SenderProfile
from engine.clock import Clock
from engine.config import ChannelConfig, Config
from engine.config.channels.outbox import OutboxOptions
from engine.config.channels.twilio import TwilioOptions
from engine.errors import UsageError

_FILES: Mapping[str, str] = {
    "smtp": "engine.channels.email.channel",
    "twilio": "engine.channels.twilio.channel",
    "http": "engine.channels.http_provider.channel",
    "webpush": "engine.channels.webpush.channel",
    "apprise": "engine.channels.apprise.channel",
}


def open_channels(config: Config, folder: Path, secret: str, clock: Clock) -> dict[str, Channel]:
    """Every channel of config.yaml, ready to send. `folder` is the project's. Raises UsageError with the cure."""
    return {
        name: _open(ChannelSetup(one, config, folder, secret, clock)) for name, one in config.channels.items()
    }


def open_readers(config: Config, folder: Path, secret: str, clock: Clock) -> dict[str, CallbackReader]:
    """Who reads the callbacks of each channel whose provider calls back. Raises UsageError with the cure."""
    found = {}
    for name, one in config.channels.items():
        module = _module(one)
        if module is not None and hasattr(module, "open_reader"):
            found[name] = module.open_reader(ChannelSetup(one, config, folder, secret, clock))
    return found


def kinds(config: Config) -> Mapping[str, ChannelKind]:
    """What each channel is, by its name, or by `kind:` where its name does not say it."""
    return {
        name: kind_of((isinstance(channel.options, TwilioOptions) and channel.options.kind) or name)
        for name, channel in config.channels.items()
    }


def styles(config: Config) -> Mapping[str, SenderProfile]:
    """Who sends on each channel, and what is tracked (`tracking:` of config.yaml): clicks in e-mail and taps on a push,
    opens in e-mail. The links of a text message stay as short as they are."""
    tracking = config.tracking
    return {
        name: SenderProfile(
            sender_of(one, config),
            one.reply_to,
            clicks=tracking.clicks and kind_of(name).clicks,
            opens=tracking.opens != "never" and kind_of(name).opens,
            asks=tracking.opens == "with consent",
            decoy=tracking.decoy,
            home=(urlsplit(config.shop.url).hostname or "").removeprefix("www."),
        )
        for name, one in config.channels.items()
    }


def outbox_folder(channel: ChannelConfig, folder: Path) -> Path:
    """Where an `outbox` channel writes: data/outbox in the project unless it says otherwise."""
    options = channel.options if isinstance(channel.options, OutboxOptions) else OutboxOptions()
    return folder / options.folder


def _open(setup: ChannelSetup) -> Channel:
    channel = setup.channel
    if channel.name == "email":
        _check_addresses(channel, setup.config)
    module = _module(channel)
    if module is None:
        folder = outbox_folder(channel, setup.folder)
        return OutboxChannel(folder, setup.secret, setup.clock, name=channel.name)
    opened: Channel = module.open_channel(setup)
    return opened


def _module(channel: ChannelConfig) -> ModuleType | None:
    """The file of a channel; None for `outbox`. Raises UsageError where an extra is not installed."""
    if channel.via == "outbox":
        return None
    try:
        return import_module(_FILES[channel.via])
    except ModuleNotFoundError as missing:
        extra = channel.options.extra
        if not extra or (missing.name or "").startswith("engine."):
            raise
        raise UsageError(
            f'the channel "{channel.name}" goes via {channel.via}, which needs the extra "{extra}"',
            f"Install it:  uv sync --extra {extra}  or  pip install 'perennial[{extra}]'",
        ) from missing


def _check_addresses(channel: ChannelConfig, config: Config) -> None:
    for option, written in (("from", sender_of(channel, config)), ("reply_to", channel.reply_to)):
        if option == "reply_to" and not written:
            continue
        try:
            mailbox(written)
        except HeaderError as wrong:
            raise UsageError(
                f'"{option}" of the channel "{channel.name}" is no address: {wrong}',
                f'Write  {option}: "Bean There <hello@shop.example>"',
            ) from wrong
