"""`attribution:` in config.yaml: to which message an order belongs."""

from __future__ import annotations

from engine.config import Attribution
from engine.language.grammar import Construct, Key, TextPattern
from engine.language.map_reader import MapReader
from engine.values import DAY, HOUR

NEVER = "none"

_WINDOW = TextPattern(
    "none|[1-9][0-9]{0,2} (hour|day|week)s?", "is no length before an order",
    "an order belongs to the last message that its customer clicked so long before it",
    "write  5 days  or  none", code="E135",
)  # fmt: skip
_ORDER = TextPattern(
    r"[^\s.]+\.[^\s.]+", "names no event with a field",
    "the event is an order, and its field says what it came to", "write  order_placed.total", code="E136",
)  # fmt: skip
ATTRIBUTION = Construct(
    "attribution",
    "attribution",
    (
        Key("click", "text", "how long before an order a click counts", example="5 days", pattern=_WINDOW),
        Key("open", "text", "the same for an opening, where nothing was clicked", example="none",
            pattern=_WINDOW),
        Key("orders", "text", "the event that is an order, and its amount", example="order_placed.total",
            pattern=_ORDER),
    ),
    "To which message an order belongs",
)  # fmt: skip

_MILLISECONDS = {"hour": HOUR, "day": DAY, "week": 7 * DAY}


def read_attribution(reader: MapReader | None) -> Attribution:
    """What the file says; a key that is left out or wrong has its default."""
    usual = Attribution()
    if reader is None:
        return usual
    orders = reader.text("orders")
    event, _, field = orders.value.partition(".") if orders is not None else (usual.order, "", usual.total)
    return Attribution(
        _window(reader, "click", usual.click), _window(reader, "open", usual.open), event, field
    )


def _window(reader: MapReader, key: str, usual: int) -> int:
    text = reader.text(key)
    if text is None:
        return usual
    if text.value == NEVER:
        return 0
    number, _, unit = text.value.partition(" ")
    return int(number) * _MILLISECONDS[unit.rstrip("s")]
