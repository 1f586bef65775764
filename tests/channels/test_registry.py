"""What config.yaml says about a channel reaches its messages."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from engine.channels.registry import MODULES, open_channels, styles
from engine.clock import SystemClock
from engine.config import Config
from engine.config.channels import VIAS
from engine.config.file import read_config
from engine.errors import UsageError

MAIL = (
    'channels: {{email: {{via: smtp, host: mail.example, from: "Shop <hello@shop.example>", reply_to: '
    '"{}"}}}}\n'
)


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


def test_each_way_of_sending_has_its_folder_and_knows_no_other() -> None:
    assert list(MODULES) == list(VIAS)
    folders = {name.removesuffix(".channel") for name in MODULES.values()}
    pyproject = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {each["id"]: each for each in pyproject["tool"]["importlinter"]["contracts"]}
    assert set(contracts["channels"]["modules"]) == folders
    assert {path.parent.name for path in Path("engine/channels").glob("*/channel.py")} == {
        folder.rpartition(".")[2] for folder in folders
    }


@pytest.mark.parametrize("via", VIAS)
def test_a_way_of_sending_reads_callbacks_where_its_options_say_that_somebody_calls(via: str) -> None:
    module = import_module(MODULES[via])
    assert callable(module.open_channel)
    assert hasattr(module, "open_reader") is VIAS[via].options.calls_back
