"""In which time zones somebody may live, as far as their phone number or their country tells."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from engine.core.facts.customer import is_zone

SAME_CLOCKS: Mapping[str, str] = {
    "AR": "America/Argentina/Buenos_Aires",
    "CY": "Asia/Nicosia",
    "DE": "Europe/Berlin",
    "KZ": "Asia/Almaty",
    "MH": "Pacific/Majuro",
    "MY": "Asia/Kuala_Lumpur",
    "PS": "Asia/Gaza",
    "UZ": "Asia/Samarkand",
}
"""Countries with several zones whose clocks have shown the same since 2026 (Germany has `Europe/Busingen`
too): they count as one, the first that the `zone.tab` of the IANA lists. A test compares them with the zone
data in use."""


@lru_cache(maxsize=1)
def _only_zones() -> Mapping[str, str]:
    """Country -> its one zone. The table is babel's, which takes a moment to load: at the first question."""
    from babel.core import get_global

    zones_of: Mapping[str, list[str]] = get_global("territory_zones")
    return {country: zones[0] for country, zones in zones_of.items() if len(zones) == 1} | dict(SAME_CLOCKS)


def zone_of_country(code: str) -> str | None:
    """The zone of a country that has only one, by its ISO 3166 code; None for several, and for what is no
    country."""
    return _only_zones().get(code)


@lru_cache(maxsize=1 << 14)
def zones_of_phone(number: str) -> tuple[str, ...]:
    """All zones of the area code; of a mobile number that has none, all of the country (+7: every zone of
    Russia, and Kazakhstan). Nothing for what is no international number. The tables are those of
    phonenumbers."""
    import phonenumbers
    from phonenumbers import phonenumberutil, tzdata

    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return ()
    country = parsed.country_code or 0
    digits = str(country)
    if phonenumberutil.is_number_type_geographical(phonenumbers.number_type(parsed), country):
        digits = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")
    for length in range(min(len(digits), tzdata.TIMEZONE_LONGEST_PREFIX), 0, -1):
        zones = tzdata.TIMEZONE_DATA.get(digits[:length])
        if zones is not None:
            return tuple(name for name in zones if is_zone(name))
    return ()
