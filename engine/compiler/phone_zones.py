"""In which time zones somebody with a phone number may live, by its area code or its country."""

from __future__ import annotations

from functools import lru_cache

from engine.core.zones import is_zone


@lru_cache(maxsize=1 << 14)
def zones_of_phone(number: str) -> tuple[str, ...]:
    """All zones of the area code; of a mobile number that has none, all of the country (+7: every zone of Russia, and
    Kazakhstan). Nothing for what is no international number. The tables are those of phonenumbers."""
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
        found = tzdata.TIMEZONE_DATA.get(digits[:length])
        if found is not None:
            return tuple(name for name in found if is_zone(name))
    return ()
