"""`via: cheapest likely` - the channels of a message by price per expected reaction of this customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from engine.core.facts.learned import EngagementStats, Learned, Rate

FIRST_GUESS = 0.02
"""The share of people who react on a channel of which nothing is known."""

WEIGHT_OF_CHANNEL, WEIGHT_OF_ALL, WEIGHT_OF_GUESS = 100, 20, 50
"""How many messages of its own outweigh: a template the habits of its channel, a customer those of everybody, a channel
the first guess."""


def likelihood(learned: Learned, engagement: EngagementStats, template: str, channel: str) -> float:
    """The probability, 0 to 1, that this customer reacts: their own rate, drawn towards everybody's for this template on
    this channel, which is drawn towards that of the channel, which is drawn towards a first guess (shrinkage: the fewer
    messages, the stronger)."""
    on_channel = _drawn(learned.by_channel.get(channel, Rate()), FIRST_GUESS, WEIGHT_OF_GUESS)
    of_template = _drawn(learned.rates.get((template, channel), Rate()), on_channel, WEIGHT_OF_CHANNEL)
    sent, reacted = engagement.channels.get(channel, (0, 0))
    return _drawn(Rate(sent, reacted), of_template, WEIGHT_OF_ALL)


def in_order(
    channels: Sequence[str],
    template: str,
    prices: Mapping[str, Decimal],
    learned: Learned,
    engagement: EngagementStats,
) -> tuple[str, ...]:
    """The cheapest expected reaction first; channels that cost nothing stand before all others, the likeliest first. Of
    two that are equal, the one that stands first in config.yaml: the order of `channels`."""

    def cost(channel: str) -> tuple[bool, float]:
        price, likely = prices.get(channel, Decimal(0)), likelihood(learned, engagement, template, channel)
        return (True, float(price) / likely) if price else (False, -likely)

    return tuple(sorted(channels, key=cost))


def explanation(
    channels: Sequence[str],
    template: str,
    prices: Mapping[str, Decimal],
    learned: Learned,
    engagement: EngagementStats,
    currency: str,
) -> str:
    """The reason of an order in words: `email: 0.0004 EUR / 3.1 % = 0.0129 EUR per reaction, then sms: ...`."""
    phrases = []
    for channel in channels:
        price, likely = prices.get(channel, Decimal(0)), likelihood(learned, engagement, template, channel)
        share = f"{likely * 100:.1f} %" if likely >= 0.001 else f"{likely * 100:.2g} %"
        if price:
            each = f"{float(price) / likely:.4f}".rstrip("0").rstrip(".")
            phrases.append(
                f"{channel}: {price.normalize():f} {currency} / {share} = {each} {currency} per reaction"
            )
        else:
            phrases.append(f"{channel}: free, {share} react")
    return ", then ".join(phrases)


def _drawn(own: Rate, towards: float, weight: int) -> float:
    return min((own.reacted + weight * towards) / (own.sent + weight), 1.0)
