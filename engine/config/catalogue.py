"""`catalogue:` in config.yaml: where the shop publishes its products, and how often somebody looks."""

from __future__ import annotations

from typing import Any

from engine.config import CatalogueConfig, Secret
from engine.config.secrets import is_reference, refuse_literal, values_of
from engine.language.grammar import Construct, Key, TextPattern
from engine.language.map_reader import MapReader
from engine.language.nodes import Scalar
from engine.values import DAY, HOUR, MINUTE

_FEED = TextPattern(
    r"https?://[^\s/@?]+([/?]\S*)?|env:\w+|file:/\S+", "is not the address of a feed",
    "the catalogue is fetched over http from where the shop publishes it",
    "write  https://shop.example/feed.xml , or  env:CATALOGUE_FEED  where the address is a secret",
    code="E110",
)  # fmt: skip
_EVERY = TextPattern(
    "hour|day|[1-9][0-9]{0,2} (hour|day)s?|([5-9]|[1-9][0-9]{1,2}) minutes", "is no time between two looks",
    "a feed is looked at again and again, at most every five minutes", "write  hour  or  15 minutes",
    code="E111",
)  # fmt: skip
CATALOGUE = Construct(
    "catalogue",
    "catalogue",
    (
        Key("feed", "text", "where the shop publishes its products", needed=True,
            example="https://shop.example/feed.xml", pattern=_FEED),
        Key("every", "text", "how often somebody looks", example="hour", pattern=_EVERY),
        Key("missing", "choice", "what becomes of products that are not in the feed any more",
            choices=("out of stock", "keep")),
        Key("fields", "map", "field of schemas/product.yaml: name in the feed",
            example="{margin: custom_label_0}"),
        Key("user", "text", "the login at the feed's server", example="perennial"),
        Key("password", "secret", "the password of the login", example="env:FEED_PASSWORD"),
    ),
    "Where the catalogue comes from",
    (("url", "feed"), ("interval", "every")),
)  # fmt: skip

_UNITS = {"minute": MINUTE, "hour": HOUR, "day": DAY}


def read_catalogue(reader: MapReader | None) -> CatalogueConfig | None:
    """What the file says; None where it names no feed."""
    if reader is None:
        return None
    node = reader.node("feed")
    if isinstance(node, Scalar) and "@" in node.text.partition("://")[2].partition("/")[0]:
        refuse_literal(
            reader.context,
            node.span,
            "feed",
            "write the login as  user: NAME  and  password: env:FEED_PASSWORD",
        )
        return None
    values: dict[str, Any] = values_of(reader)
    if "every" in values:
        number, _, unit = values["every"].rpartition(" ")  # `hour` alone is one
        values["every"] = int(number or 1) * _UNITS[unit.rstrip("s")]
    feed = values.pop("feed", "")
    if not feed:
        return None
    if is_reference(feed):
        return CatalogueConfig(secret_feed=Secret(feed), **values)
    return CatalogueConfig(feed, **values)
