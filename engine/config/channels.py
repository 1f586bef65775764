"""One entry of `channels:` in config.yaml: how a channel sends, what it costs, how fast it may go."""

from __future__ import annotations

import re
from decimal import Decimal

from engine.config import ChannelConfig, Option, Rate
from engine.config.apprise import check_apprise
from engine.config.gateway import check_gateway, is_template_alone
from engine.config.nodes import Reader
from engine.config.options import CHOICES, COMMON, LARGEST, NUMBERS, STRUCTURED, VIAS, is_secret
from engine.config.unknown import read_unknown
from engine.language.nodes import Entry, Mapping, Node, Scalar, Sequence
from engine.language.wording import quoted
from engine.problem import did_you_mean

_PRICE = re.compile(r"(\d{1,6}(?:\.\d{1,8})?) ([A-Z]{3})", re.ASCII)
_RATE = re.compile(r"(\d{1,7}) (?:an?|per) (second|minute|hour|day)", re.ASCII)
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}


def read_channel(
    entry: Entry, currency: str, reader: Reader, policies: tuple[str, ...] = ()
) -> ChannelConfig | None:
    """A channel, or None where it cannot be told how it sends."""
    name = entry.key.text
    given = reader.mapping(entry.value, name)
    if given is None:
        reader.refuse(
            entry.key.span,
            f"{quoted(name)} does not say how it sends",
            "a channel needs  via",
            f"write  {name}: {{via: outbox, price: 0 EUR}}",
            "E83",
        )
        return None
    everything = {each.key.text: each for each in given.entries}
    via = reader.choice(everything, "via", tuple(VIAS), entry)
    if via is None:
        return None
    options = VIAS[via].options
    parts = reader.parts(given, (*COMMON, *options), f"{name} via {via}")
    for needed in VIAS[via].needed:
        if not (needed in STRUCTURED and needed in parts):
            reader.needed(parts, needed, entry)
    price, price_in = _price(parts, currency, reader)
    values: dict[str, Option] = {}
    known = len(reader.problems)
    for key in options:
        if key not in parts:
            continue
        if key in VIAS[via].secret or is_secret(key):
            secret = reader.secret(parts[key].key, parts[key].value)
            if secret is not None:
                values[key] = secret
            continue
        if key in STRUCTURED and not isinstance(parts[key].value, Scalar):
            values[key] = _structure(parts[key].key, parts[key].value, reader)
            continue
        text = _option(parts[key], reader)
        if text is not None:
            values[key] = text
    if via == "http" and len(reader.problems) == known and "url" in values:
        check_gateway(entry, parts, reader)
    if via == "apprise" and len(reader.problems) == known and "urls" in values:
        check_apprise(parts, reader)
    unknown = read_unknown(parts.get("unknown"), via, policies, reader)
    return ChannelConfig(name, via, price, price_in, _rate(parts, reader), values, unknown, "price" in parts)


def _structure(key: Scalar, node: Node, reader: Reader) -> Option:
    """A list or a map as it stands in the file; below a key that holds a secret only a reference is taken."""
    match node:
        case Mapping():
            return {each.key.text: _structure(each.key, each.value, reader) for each in node.entries}
        case Sequence():
            return tuple(_structure(key, item, reader) for item in node.items)
        case _:
            if not is_secret(key.text) or is_template_alone(node.text):
                return node.text
            return reader.secret(key, node) or ""


def _option(entry: Entry, reader: Reader) -> str | None:
    value = entry.value
    if isinstance(value, Scalar):
        name = entry.key.text
        most = LARGEST.get(name, 65_535)
        if name in NUMBERS and not (
            value.text.isascii()
            and value.text.isdigit()
            and len(value.text) < 9
            and 0 < int(value.text) <= most
        ):
            reader.refuse(
                value.span,
                f"{quoted(value.text)} is not a number that fits",
                f"{name} is a whole number from 1 to {most}",
                "write it in digits",
            )
            return None
        if name == "subject" and not value.text.startswith(("mailto:", "https:")):
            reader.refuse(
                value.span,
                f"{quoted(value.text)} is no contact",
                "push services write there when something is wrong with our messages",
                f"write  subject: mailto:{value.text}"
                if "@" in value.text
                else "write  subject: mailto:push@shop.example",
            )
            return None
        if value.text not in CHOICES.get(name, (value.text,)):
            listed = ", ".join(CHOICES[name])
            reader.refuse(
                value.span,
                f"{quoted(value.text)} is not one of its values",
                f"it can be: {listed}",
                did_you_mean(value.text, CHOICES[name], f"use one of: {listed}"),
            )
            return None
        return value.text
    reader.refuse(
        value.span,
        f"{quoted(entry.key.text)} needs one short text",
        "",
        f"write it behind  {entry.key.text}:",
    )
    return None


def _price(parts: dict[str, Entry], currency: str, reader: Reader) -> tuple[Decimal, str]:
    found = reader.text(parts, "price")
    if found is None:
        return Decimal(0), currency
    price = _PRICE.fullmatch(found.text)
    if price:
        if price[2] != currency:
            reader.refuse(
                found.span,
                f"{quoted(found.text)} is not in {currency}",
                "prices of channels are added up and compared",
                f"write the price in {currency}",
            )
        return Decimal(price[1]), price[2]
    amount = re.search(r"\d[\d.,]*", found.text)
    meant = amount[0].replace(",", ".") if amount else "0"
    reader.refuse(
        found.span,
        f"{quoted(found.text)} is not an amount of money",
        "an amount is a number and a currency",
        f"write  {meant} {currency}",
        "E22",
    )
    return Decimal(0), currency


def _rate(parts: dict[str, Entry], reader: Reader) -> Rate | None:
    found = reader.text(parts, "rate")
    if found is None:
        return None
    rate = _RATE.fullmatch(found.text)
    if rate and int(rate[1]) > 0:
        return Rate(int(rate[1]), _SECONDS[rate[2]])
    number = re.match(r"\d+", found.text)
    unit = re.search(r"[a-z]+$", found.text.casefold())
    near = did_you_mean(unit[0] if unit else "second", _SECONDS).removeprefix("did you mean ").strip('"?')
    meant = near or "second"
    article = "an" if meant == "hour" else "a"
    reader.refuse(
        found.span, f"{quoted(found.text)} is not a rate", "a rate says how many messages in which time",
        f"write  {number[0] if number else 50} {article} {meant}",
    )  # fmt: skip
    return None
