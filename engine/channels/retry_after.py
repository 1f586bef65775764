"""How long a provider asks us to wait: its Retry-After header, made sane."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

from engine.values import Instant

LONGEST = 3_600.0
"""Seconds. A provider that asks for more is asked again after this: a header of 10^9 must not bury a message, and a
message that is too old by then goes back to its journey anyway."""


def seconds(header: str | None, now: Instant) -> float | None:
    """Seconds to wait by RFC 9110 10.2.3: a number of seconds or an HTTP date (GMT), never below 0 nor above
    LONGEST. None: there is no header or it says nothing (`soon`, `-1`); the caller backs off as usual."""
    text = (header or "").strip()
    if not text or len(text) > 64:
        return None
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:  # `-0000`: a moment in GMT of which nobody knows where
        moment = moment.replace(tzinfo=UTC)
    return min(max(moment.timestamp() - now / 1000, 0.0), LONGEST)
