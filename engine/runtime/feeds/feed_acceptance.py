"""Whether a feed is taken as a whole: one that a broken export has emptied would take a shop out of stock."""

from __future__ import annotations

from engine.runtime.feeds.reading import FeedReading


def refusal_of(reading: FeedReading, before: int) -> str:
    """Why a full feed is not taken; "" where it is. `before`: products that came by the last one."""
    held = len(reading.seen)
    if not reading.items:
        return "it is empty: no product stands in it"
    if not reading.products:
        first = f"; the first: {reading.faults[0].words()}" if reading.faults else ""
        return f"none of its {reading.items:,} products is right{first}"
    if held * 2 <= before:
        return (
            f"it has {held:,} products, and {before:,} came by the last one: half of them or more would go "
            "out of stock"
        )
    return ""
