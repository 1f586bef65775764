"""From config.yaml to channels that send: the one place that knows which `via` is which class."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from engine.channels.base import Channel
from engine.channels.mime import HeaderError, mailbox
from engine.channels.outbox import OutboxFolder
from engine.channels.render import Style
from engine.channels.smtp import COMMAND_SECONDS, Server, Smtp
from engine.clock import Clock
from engine.config import ChannelConfig, Config, Secret
from engine.errors import UsageError

_LATER = {"twilio": "SMS and WhatsApp by Twilio", "http": "gateways over HTTP", "webpush": "web push"}
_TRACKED = ("email", "push", "webpush")


def open_channels(config: Config, folder: Path, secret: str, clock: Clock) -> dict[str, Channel]:
    """Every channel of config.yaml, ready to send. `folder` is the project's. Raises UsageError with the cure."""
    return {name: _open(one, config, folder, secret, clock) for name, one in config.channels.items()}


def styles(config: Config) -> Mapping[str, Style]:
    """Who sends on each channel, and what is tracked: clicks in e-mail and taps on a push, opens nowhere unless
    asked for. The links of a text message stay as short as they are."""
    return {
        name: Style(sender_of(one, config), _text(one, "reply_to"), clicks=name in _TRACKED)
        for name, one in config.channels.items()
    }


def sender_of(channel: ChannelConfig, config: Config) -> str:
    """`from:`, or for an outbox folder an address at the shop's own host."""
    written = _text(channel, "from")
    if written or channel.name != "email":
        return written
    host = urlsplit(config.shop.url).hostname or "localhost"
    name = config.shop.name.replace('"', "").replace("\\", "")
    return f'"{name}" <hello@{host}>'


def outbox_folder(channel: ChannelConfig, folder: Path) -> Path:
    """Where an `outbox` channel writes: data/outbox in the project unless it says otherwise."""
    return folder / (_text(channel, "folder") or "data/outbox")


def _open(channel: ChannelConfig, config: Config, folder: Path, secret: str, clock: Clock) -> Channel:
    if channel.name == "email":
        _check_addresses(channel, config)
    match channel.via:
        case "outbox":
            return OutboxFolder(outbox_folder(channel, folder), secret, clock, name=channel.name)
        case "smtp":
            if channel.name != "email":
                raise UsageError(f'the channel "{channel.name}" cannot go via smtp', "Write  via: outbox")
            return Smtp(
                server_of(channel, config),
                secret,
                clock,
                name=channel.name,
                concurrency=_number(channel, "connections", 10),
            )
        case via:
            what = _LATER.get(via, f'"{via}"')
            raise UsageError(
                f'the channel "{channel.name}" asks for {what}, which comes with a later release',
                f"Write for now  {channel.name}: {{via: outbox}}  (its messages become files under data/outbox)",
            )


def server_of(channel: ChannelConfig, config: Config) -> Server:
    """The SMTP server of a channel, secrets revealed. Raises UsageError with the cure."""
    host = _text(channel, "host")
    password = _text(channel, "password")
    tls = _text(channel, "tls") or ("starttls" if password else "offered")
    if password and tls in ("offered", "none"):
        raise UsageError(
            f'the channel "{channel.name}" would send its password unprotected',
            "Write  tls: starttls  or  tls: tls",
        )
    sender = mailbox(sender_of(channel, config))
    seconds = float(_number(channel, "timeout", int(COMMAND_SECONDS)))
    return Server(
        host=host,
        port=_number(channel, "port", {"tls": 465, "starttls": 587}.get(tls, 25)),
        tls=tls,
        user=_text(channel, "user"),
        password=password,
        return_path=mailbox(_text(channel, "return_path")).addr_spec
        if "return_path" in channel.options
        else "",
        name=_text(channel, "hello") or sender.domain,
        command_seconds=seconds,
    )


def _check_addresses(channel: ChannelConfig, config: Config) -> None:
    for option, written in (("from", sender_of(channel, config)), ("reply_to", _text(channel, "reply_to"))):
        if option == "reply_to" and not written:
            continue
        try:
            mailbox(written)
        except HeaderError as wrong:
            raise UsageError(
                f'"{option}" of the channel "{channel.name}" is no address: {wrong}',
                f'Write  {option}: "Bean There <hello@shop.example>"',
            ) from wrong


def _text(channel: ChannelConfig, name: str) -> str:
    value = channel.options.get(name, "")
    return value.reveal() if isinstance(value, Secret) else value


def _number(channel: ChannelConfig, name: str, otherwise: int) -> int:
    text = _text(channel, name)
    return int(text) if text else otherwise
