"""The e-mail channel from its entry in config.yaml."""

from __future__ import annotations

from engine.channels.base import Channel
from engine.channels.mime import mailbox
from engine.channels.opening import Opening
from engine.channels.smtp import COMMAND_SECONDS, Server, Smtp
from engine.errors import UsageError


def open_channel(opening: Opening) -> Channel:
    """Ready to send; nothing is connected yet. Raises UsageError with the cure."""
    if opening.name != "email":
        raise UsageError(f'the channel "{opening.name}" cannot go via smtp', "Write  via: outbox")
    return Smtp(
        server_of(opening),
        opening.secret,
        opening.clock,
        name=opening.name,
        concurrency=opening.channel.number("connections", 10),
    )


def server_of(opening: Opening) -> Server:
    """The SMTP server of a channel, secrets revealed. Raises UsageError with the cure."""
    channel = opening.channel
    password = channel.text("password")
    tls = channel.text("tls") or ("starttls" if password else "offered")
    if password and tls in ("offered", "none"):
        raise UsageError(
            f'the channel "{channel.name}" would send its password unprotected',
            "Write  tls: starttls  or  tls: tls",
        )
    path = channel.text("return_path")
    return Server(
        host=channel.text("host"),
        port=channel.number("port", {"tls": 465, "starttls": 587}.get(tls, 25)),
        tls=tls,
        user=channel.text("user"),
        password=password,
        return_path=mailbox(path).addr_spec if path else "",
        name=channel.text("hello") or mailbox(opening.sender).domain,
        command_seconds=float(channel.number("timeout", int(COMMAND_SECONDS))),
    )
