"""Which time zone counts for a customer, and why (design/language 2.12)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from engine.values import Value, zone

ZoneReason = Literal["customer", "country", "project"]


def resolve_zone(
    values: Mapping[str, Value], project_zone: str, zone_of_country: Callable[[str], str | None]
) -> tuple[str, ZoneReason]:
    """The customer's `timezone` if it is a real one, else the zone of a `country` that has only one, else the
    project's. `zone_of_country` is asked with an ISO 3166 code in capitals, or whatever else was written
    there."""
    timezone, country = values.get("timezone"), values.get("country")
    if isinstance(timezone, str) and is_zone(timezone):
        return timezone, "customer"
    of_country = zone_of_country(country.strip().upper()) if isinstance(country, str) else None
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
