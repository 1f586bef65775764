"""The `outbox` channel: messages become files, for the demo, for tests, and for channels that come later.

`data/outbox/CHANNEL/DATE/KEY.json`, beside it `KEY.eml` or `KEY.txt`. The name comes from the send key, so a
message that is sent again replaces itself. Each file appears whole or not at all.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from engine.channels.base import Channel, ChannelSetup, Delivery, HandOver, Message
from engine.channels.mime import HeaderError, mail_bytes
from engine.clock import Clock
from engine.config.channels.outbox import OutboxOptions
from engine.private_files import private_folder, private_opener
from engine.values import Instant, iso, to_datetime

_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """One message of the folder. `file` is its name without the ending."""

    file: Path
    at: str
    message: Message


def open_channel(setup: ChannelSetup) -> Channel:
    """Ready to write; its folder appears with the first message."""
    folder = setup.folder / setup.channel.options_as(OutboxOptions).folder
    return OutboxChannel(folder, setup.secret, setup.clock, name=setup.name)


class OutboxChannel:
    """A channel that writes each message into `folder`; it is always accepted."""

    def __init__(self, folder: Path, secret: str, clock: Clock, *, name: str, concurrency: int = 4) -> None:
        self.name = name
        self.concurrency = concurrency
        self._folder = folder
        self._secret = secret
        self._clock = clock

    async def deliver(self, message: Message, hand_over: HandOver) -> Delivery:
        """Writes the message as it would have been sent."""
        now = self._clock.now()
        try:
            # written before the hand-over: what cannot be a mail is told without one
            raw = (
                mail_bytes(message, self._secret, now)
                if message.channel == "email"
                else message.body.encode()
            )
        except HeaderError as wrong:
            return Delivery("refused", detail=str(wrong), fault="address")
        if not await hand_over():
            return Delivery("never left", detail="the hand-over was not given")
        try:
            return Delivery("accepted", provider_id=await asyncio.to_thread(self._write, message, raw, now))
        except OSError as wrong:
            return Delivery(
                "never left", detail=f"the file cannot be written: {wrong.strerror}", fault="provider"
            )

    async def close(self) -> None:
        """Nothing stays open."""

    def _write(self, message: Message, raw: bytes, now: Instant) -> str:
        day = to_datetime(now).date().isoformat()
        folder = self._folder / message.channel / day
        private_folder(folder)
        name = message.key
        # a key of ours is a plain name; whatever else comes must not leave the folder
        if not _KEY.match(name):
            name = "".join(letter if letter.isalnum() else "_" for letter in name)[:64]
        fields = message.to_document() | {"at": iso(now)}
        # the JSON comes last: what is listed has both of its files
        _replace(folder / f"{name}{'.eml' if message.channel == 'email' else '.txt'}", raw)
        _replace(
            folder / f"{name}.json", orjson.dumps(fields, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
        )
        return f"{message.channel}/{day}/{name}"


def _replace(file: Path, data: bytes) -> None:
    # beside it and not in another folder: a rename is atomic only within one file system
    new = file.with_name(f".{file.name}.new")
    with open(new, "wb", opener=private_opener) as opened:
        opened.write(data)
    os.replace(new, file)  # noqa: PTH105 - atomic, and says so


# --- reading it again, for people ---------------------------------------------------------------


def kept_messages(folder: Path, most: int = 500) -> Iterator[KeptMessage]:
    """The newest messages of the folder, newest day first; at most `most`."""
    days: dict[str, list[Path]] = {}
    for channel in _folders(folder):
        for day in _folders(channel):
            days.setdefault(day.name, []).append(day)
    room = most
    for _, folders in sorted(days.items(), reverse=True):
        # by the time of the file first, so that only the newest are read
        files = [(file.stat().st_mtime_ns, file) for day in folders for file in day.glob("*.json")]
        newest = sorted(files, reverse=True)[:room]
        messages = [kept for _, file in newest if (kept := kept_message(file)) is not None]
        yield from sorted(messages, key=lambda kept: kept.at, reverse=True)
        room -= len(newest)
        if room <= 0:
            return


def find_kept(folder: Path, channel: str, day: str, key: str) -> KeptMessage | None:
    """One message by the three parts of its place; None when there is none, or a part is no plain name."""
    # they come from the address of a page
    if not all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", part) for part in (channel, day, key)):
        return None
    file = folder / channel / day / f"{key}.json"
    return kept_message(file) if file.is_file() else None


def kept_message(file: Path) -> KeptMessage | None:
    """The message in a file; None when the file is none of ours."""
    try:
        fields = orjson.loads(file.read_bytes())
        at = fields.pop("at")
        return KeptMessage(file.with_suffix(""), at, Message.from_document(fields))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _folders(folder: Path) -> list[Path]:
    return [child for child in folder.iterdir() if child.is_dir()] if folder.is_dir() else []
