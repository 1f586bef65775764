"""What `points:` and `tiers:` of config.yaml bring: facts that follow from the ledger, and its events."""

from __future__ import annotations

from collections.abc import Mapping

from engine.compiler.catalogue.catalogue import NUMBER, POINTS_EVENTS
from engine.config import Config
from engine.core.points.rules import EXPIRE_ON, EXPIRING, PENDING, POINTS, TIER
from engine.values import Type


def loyalty_attributes(config: Config) -> dict[str, Type]:
    """The facts that follow from the ledger, with their types."""
    names: dict[str, Type] = {}
    if config.points is not None:
        names |= {POINTS: NUMBER, PENDING: NUMBER, EXPIRING: NUMBER, EXPIRE_ON: Type("date")}
    if config.tiers is not None:
        names[TIER] = _tier(config)
    return names


def loyalty_events(config: Config) -> dict[str, Mapping[str, Type]]:
    """The events that the engine emits about them."""
    told: dict[str, Mapping[str, Type]] = dict(POINTS_EVENTS) if config.points is not None else {}
    if config.tiers is not None:
        tier = _tier(config)
        told["tier_reached"] = {TIER: tier, "before": tier}
        told["tier_left"] = {TIER: tier, "after": tier}
    return told


def _tier(config: Config) -> Type:
    assert config.tiers is not None
    names = tuple(dict.fromkeys(name.value for name, _ in config.tiers.into))
    return Type("one of", names) if names else Type("text")
