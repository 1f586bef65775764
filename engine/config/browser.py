"""`browser:` in config.yaml: the pages that may send events, and how they prove for whom."""

from __future__ import annotations

from engine.config import BrowserConfig
from engine.config.secrets import values_of
from engine.config.signup import read_origins
from engine.language.grammar import Construct, Key
from engine.language.map_reader import MapReader

BROWSER = Construct(
    "browser",
    "browser",
    (
        Key("origins", "texts", "the sites whose pages may send", example="[https://shop.example]"),
        Key("identity_key", "secret", "what the shop's server proves customers with"),
    ),
    "Events that browsers send by themselves",
)  # fmt: skip


def read_browser(reader: MapReader | None) -> BrowserConfig:
    """What the file says; without `origins` no page may send anything."""
    if reader is None:
        return BrowserConfig()
    return BrowserConfig(tuple(read_origins(reader)), values_of(reader).get("identity_key"))
