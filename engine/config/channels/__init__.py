"""`channels:` in config.yaml: how each channel sends, what it costs, how fast it may go.

Every way of sending has a file here: the record of its options, the table of its keys, and how the one is
read from the other. It is called as the folder of the channel in `engine.channels`, which imports the record.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from engine.config import ChannelConfig, RateLimit
from engine.config.channels import apprise, email, http_provider, outbox, twilio, webpush
from engine.config.channels.apprise import AppriseOptions
from engine.config.channels.email import EmailOptions
from engine.config.channels.http_provider import HttpProviderOptions
from engine.config.channels.outbox import OutboxOptions
from engine.config.channels.twilio import TwilioOptions
from engine.config.channels.unknown_policy import UNKNOWN_SHAPE, read_unknown
from engine.config.channels.webpush import WebPushOptions
from engine.config.secrets import values_of
from engine.language import nodes
from engine.language.grammar import Construct, Key
from engine.language.map_reader import MapReader, ReadContext
from engine.language.schema.files import construct_schema
from engine.language.spelling import spell_money
from engine.language.wording import quoted
from engine.problem import nearest

Options: TypeAlias = (
    EmailOptions | OutboxOptions | TwilioOptions | HttpProviderOptions | WebPushOptions | AppriseOptions
)


_PRICE_SHAPE = {"type": "string", "pattern": r"^[0-9.]+ [A-Z]{3}$", "examples": ["0.05 EUR"]}
_RATE_SHAPE = {
    "type": "string",
    "pattern": "^[1-9][0-9]* (a|an|per) (second|minute|hour|day)$",
    "examples": ["50 a second"],
}


@dataclass(frozen=True, slots=True)
class Via:
    """One way of sending: its record, its keys, and how the one is read from the map and the values that are
    right as they stand. `own`: the keys that `read` takes out of the map by itself."""

    options: type[Options]
    keys: tuple[Key, ...]
    read: Callable[[MapReader, dict[str, Any]], Options]
    own: tuple[str, ...] = ()

    def construct(self) -> Construct:
        """The whole map of such a channel."""
        via = self.options.via
        common = (
            Key("via", "choice", "how it sends", needed=True, choices=(via,)),
            Key("price", "any", "of one message, in the currency of the shop", shape=_PRICE_SHAPE),
            Key("rate", "any", "at most so many", shape=_RATE_SHAPE),
            Key("unknown", "any", "what happens to a message of which nobody knows whether it left",
                shape=UNKNOWN_SHAPE),
        )  # fmt: skip
        return Construct(
            via, f"a channel via {via}", (*common, *self.keys), f"A channel via {via}", blank=True
        )


VIAS: Mapping[str, Via] = {
    via.options.via: via
    for via in (
        Via(EmailOptions, email.KEYS, email.read_email),
        Via(OutboxOptions, outbox.KEYS, lambda _, values: OutboxOptions(**values)),
        Via(TwilioOptions, twilio.KEYS, lambda _, values: TwilioOptions(**values)),
        Via(HttpProviderOptions, http_provider.KEYS, http_provider.read_http_provider, ("url",)),
        Via(WebPushOptions, webpush.KEYS, lambda _, values: WebPushOptions(**values)),
        Via(AppriseOptions, apprise.KEYS, apprise.read_apprise, ("urls",)),
    )
}
"""`via:` by name (design/language 2.1)."""

_LISTERS = tuple(name for name, via in VIAS.items() if via.options.can_be_asked)

CHANNEL_SHAPE = {
    "type": "object",
    "required": ["via"],
    "properties": {"via": {"enum": list(VIAS)}},
    "allOf": [
        {
            "if": {"properties": {"via": {"const": name}}, "required": ["via"]},
            "then": construct_schema(via.construct()),
        }
        for name, via in VIAS.items()
    ],
}
"""For editors: the other keys depend on `via`."""

_PRICE = re.compile(r"(\d{1,6}(?:\.\d{1,8})?) ([A-Z]{3})", re.ASCII)
_RATE = re.compile(r"(\d{1,7}) (?:an?|per|each|every) (second|minute|hour|day)", re.ASCII)
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}


def read_channel(
    context: ReadContext, entry: nodes.Entry, currency: str, policies: tuple[str, ...]
) -> ChannelConfig | None:
    """A channel, or None where it cannot be told how it sends."""
    name, node = entry.key.text, entry.value
    if not isinstance(node, nodes.Mapping) or node.get("via") is None:
        context.report(
            entry.key.span,
            context.rules.missing,
            f"{quoted(name)} does not say how it sends",
            "a channel needs  via",
            f"write  {name}: {{via: outbox, price: 0 EUR}}",
        )
        return None
    # First `via`: it decides which other keys there are.
    chosen = context.choice(node.get("via") or node, "via", tuple(VIAS))
    if chosen is None:
        return None
    via = VIAS[chosen.value]
    reader = MapReader(context, via.construct(), node.entries, entry.key.span, f"{name} via {chosen.value}")
    values = values_of(reader, via.own)
    # What several ways of sending understand in the same way stands in the entry itself.
    shared = {key: values.pop(key) for key in ("via", "from", "reply_to", "timeout") if key in values}
    price, price_in = _read_price(reader, currency)
    return ChannelConfig(
        name,
        via.read(reader, values),
        price,
        price_in,
        _read_rate(reader),
        read_unknown(reader, via.options, _LISTERS, policies),
        # 0 EUR and no price are two things: a step that chooses by price is warned of the second.
        priced="price" in reader,
        sender=shared.get("from", ""),
        reply_to=shared.get("reply_to", ""),
        timeout=shared.get("timeout"),
    )


def _read_price(reader: MapReader, currency: str) -> tuple[Decimal, str]:
    text = reader.text("price")
    if text is None:
        return Decimal(0), currency
    price = _PRICE.fullmatch(spell_money(text.value))
    if price:
        # Told, and kept: the rest of the file can be checked with it.
        if price[2] != currency:
            reader.context.wrong(
                text,
                f"is not in {currency}",
                "prices of channels are added up and compared",
                f"write the price in {currency}",
                topic="currency",
            )
        return Decimal(price[1]), price[2]
    # Half of the world writes a comma there. A word beside the number may be another unit: `6 cents`.
    bare = re.fullmatch(r"\d+(?:[.,]\d+)?", text.value)
    cents = re.fullmatch(r"(\d{1,4}(?:[.,]\d{1,2})?) ?(?:cts?|cents?|¢)", text.value.casefold())
    meant = bare[0].replace(",", ".") if bare else ""
    if cents:
        meant = f"{(Decimal(cents[1].replace(',', '.')) / 100).normalize():f}"
    reader.context.wrong(
        text,
        "is not an amount of money",
        "an amount is a number and a currency",
        f"write  {meant} {currency}" if meant else f"write a number in digits, a space and {currency}",
        "E22",
    )
    return Decimal(0), currency


def _read_rate(reader: MapReader) -> RateLimit | None:
    text = reader.text("rate")
    if text is None:
        return None
    rate = _RATE.fullmatch(text.value)
    if rate and int(rate[1]) > 0:
        return RateLimit(int(rate[1]), _SECONDS[rate[2]])
    # The cure keeps what was right of the rate.
    number = re.match(r"\d+", text.value)
    unit = re.search(r"[a-z]+$", text.value.casefold())
    meant = nearest(unit[0] if unit else "second", _SECONDS) or "second"
    article = "an" if meant == "hour" else "a"
    reader.context.wrong(
        text,
        "is not a rate",
        "a rate says how many messages in which time",
        f"write  {number[0] if number else 50} {article} {meant}",
    )
    return None
