"""Which time zone counts for a customer, and why (LANGUAGE 2.12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from engine.core.country_zones import COUNTRY_ZONES
from engine.values import Value, zone

ZoneReason = Literal["customer", "country", "project"]


def resolve_zone(values: Mapping[str, Value], project_zone: str) -> tuple[str, ZoneReason]:
    """The customer's `timezone` if it is a real one, else the zone of a `country` that has only one, else the
    project's."""
    own = values.get("timezone")
    if isinstance(own, str) and is_zone(own):
        return own, "customer"
    country = values.get("country")
    of_country = COUNTRY_ZONES.get(country.strip().upper()) if isinstance(country, str) else None
    if of_country is not None and is_zone(of_country):
        return of_country, "country"
    return project_zone, "project"


def is_zone(name: str) -> bool:
    """True for an IANA name such as `Europe/Berlin`; not for `CET`, `+01:00`, `GMT+3`."""
    try:
        zone(name)
    except KeyError:
        return False
    return True
