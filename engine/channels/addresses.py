"""One form for each address, so that a suppression holds however the address is written."""

from __future__ import annotations

import re
import unicodedata

_NOT_A_NUMBER = re.compile(r"[^0-9+]")
_BY_PHONE = frozenset({"sms", "whatsapp", "viber", "phone"})


def normalised(channel: str, address: str) -> str:
    """E-mail: NFKC and case folded, the domain in ASCII. Phones: digits with a leading plus. Tokens: as they are."""
    if channel == "email":
        text = unicodedata.normalize("NFKC", address).strip().casefold()
        local, at, domain = text.rpartition("@")
        try:
            return f"{local}{at}{domain.encode('idna').decode('ascii') if not domain.isascii() else domain}"
        except UnicodeError:
            return text
    if channel in _BY_PHONE:
        return _NOT_A_NUMBER.sub("", unicodedata.normalize("NFKC", address))
    return address
