"""From config.yaml to channels that send: the one place that knows which `via` is which module.

The module of a channel has `open_channel(setup) -> Channel`, and where its provider calls back also
`open_reader(setup) -> CallbackReader`. It is imported when the channel is asked for, so that a shop without
SMS never loads the SDK for it.
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
from engine.channels.render import SenderProfile
from engine.clock import Clock, SystemClock
from engine.config import ChannelConfig, Config
from engine.config.channels.twilio import TwilioOptions
from engine.errors import InstallationError, UsageError

MODULES: Mapping[str, str] = {
    "smtp": "engine.channels.email.channel",
    "outbox": "engine.channels.outbox.channel",
    "twilio": "engine.channels.twilio.channel",
    "http": "engine.channels.http_provider.channel",
    "webpush": "engine.channels.webpush.channel",
    "apprise": "engine.channels.apprise.channel",
}
"""One line for each way of sending; what it takes is a line of `engine.config.channels.VIAS`."""


def open_channels(config: Config, folder: Path, secret: str, clock: Clock) -> dict[str, Channel]:
    """Every channel of config.yaml, ready to send. `folder` is the project's. Raises UsageError with the
    cure."""
    setups = {
        name: ChannelSetup(channel, config, folder, secret, clock)
        for name, channel in config.channels.items()
    }
    return {name: _open(setup) for name, setup in setups.items()}


def faults(config: Config, folder: Path) -> Mapping[str, UsageError]:
    """Why the channels of config.yaml that could nowhere be opened cannot, by name. What only this machine
    lacks (a secret, a package) is none of them: the daemon may run on another."""
    wrong: dict[str, UsageError] = {}
    for name, channel in config.channels.items():
        try:
            _open(ChannelSetup(channel, config, folder, "", SystemClock()))
        except InstallationError:
            continue
        except UsageError as fault:
            wrong[name] = fault
    return wrong


def _open(setup: ChannelSetup) -> Channel:
    if setup.name == "email":  # whatever it goes by, its addresses stand in the headers
        for option, written in (
            ("from", sender_of(setup.channel, setup.config)),
            ("reply_to", setup.channel.reply_to),
        ):
            if option == "reply_to" and not written:
                continue
            try:
                mailbox(written)
            except HeaderError as wrong:
                raise UsageError(
                    f'"{option}" of the channel "{setup.channel.name}" is no address: {wrong}',
                    f"Write  {option}: {_meant(written)}",
                ) from wrong
    channel: Channel = _module(setup.channel).open_channel(setup)
    return channel


def open_readers(config: Config, folder: Path, secret: str, clock: Clock) -> dict[str, CallbackReader]:
    """Who reads the callbacks of each channel whose provider calls back. Raises UsageError with the cure."""
    return {
        name: _module(channel).open_reader(ChannelSetup(channel, config, folder, secret, clock))
        for name, channel in config.channels.items()
        if channel.options.calls_back
    }


def kinds(config: Config) -> Mapping[str, ChannelKind]:
    """What each channel is, by its name, or by `kind:` where its name does not say it."""
    return {
        name: kind_of((isinstance(channel.options, TwilioOptions) and channel.options.kind) or name)
        for name, channel in config.channels.items()
    }


def styles(config: Config) -> Mapping[str, SenderProfile]:
    """Who sends on each channel, and what is tracked (`tracking:` of config.yaml): clicks in e-mail and taps
    on a push, opens in e-mail. The links of a text message stay as short as they are."""
    tracking = config.tracking
    return {
        name: SenderProfile(
            sender_of(channel, config),
            channel.reply_to,
            clicks=tracking.clicks and kind_of(name).clicks,
            opens=tracking.opens != "never" and kind_of(name).opens,
            asks=tracking.opens == "with consent",
            decoy=tracking.decoy,
            home=(urlsplit(config.shop.url).hostname or "").removeprefix("www."),
        )
        for name, channel in config.channels.items()
    }


def _module(channel: ChannelConfig) -> ModuleType:
    """Raises InstallationError where an extra is not installed."""
    try:
        return import_module(MODULES[channel.via])
    except ModuleNotFoundError as missing:
        extra = channel.options.extra
        # a module of our own that is missing is a mistake of ours, and no extra mends it
        if not extra or (missing.name or "").startswith("engine."):
            raise
        raise InstallationError(
            f'the channel "{channel.name}" goes via {channel.via}, which needs the extra "{extra}"',
            f"Install it:  uv sync --extra {extra}  or  pip install 'perennial[{extra}]'",
        ) from missing


def _meant(written: str) -> str:
    """What the author wrote with its name in quotes, where that is all it lacks (RFC 5322 3.2.4: a comma or a
    dot in a name); else an example."""
    name, bracket, address = written.rpartition("<")
    quoted = '"{}" <{}'.format(name.strip().replace('"', "").replace("\\", ""), address.strip())
    try:
        mailbox(quoted)
    except HeaderError:
        return '"Bean There <hello@shop.example>"'
    return "'{}'".format(quoted.replace("'", "''")) if bracket else '"Bean There <hello@shop.example>"'
