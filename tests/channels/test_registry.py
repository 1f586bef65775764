"""What config.yaml says about a channel reaches its messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.channels.registry import open_channels, styles
from engine.clock import SystemClock
from engine.config import Config
from engine.config.file import read_config
from engine.errors import UsageError

MAIL = 'channels: {{email: {{via: smtp, host: mail.example, from: "Shop <hello@shop.example>", reply_to: "{}"}}}}\n'


def config(reply_to: str) -> Config:
    read, problems = read_config(MAIL.format(reply_to))
    assert problems == []
    return read


def test_from_and_reply_to_are_those_of_the_channel() -> None:
    style = styles(config("help@shop.example"))["email"]
    assert (style.sender, style.reply_to) == ("Shop <hello@shop.example>", "help@shop.example")


def test_an_address_that_is_none_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match='"reply_to" of the channel "email" is no address'):
        open_channels(config("nobody"), tmp_path, "secret", SystemClock())
