"""`their hour` - the hour of the day at which this customer reacts, where a wait would name a time."""

from __future__ import annotations

from engine.language.syntax import Text
from engine.language.wording import quoted
from engine.problem import Problem, nearest

THEIR_HOUR = "their hour"

_OTHER_WORDS = frozenset((
    "their_hour", "their-hour", "their time", "their_time", "best hour", "best time", "best_time", "besttime", "optimal time",
    "optimal", "send time", "usual hour", "usual time", "his hour", "her hour", "your hour", "auto", "smart",
))  # fmt: skip


def is_their_hour(text: Text) -> bool:
    """These very words."""
    return text.value == THEIR_HOUR


def their_hour_meant(text: Text, before: str = "") -> Problem | None:
    """What is said about words that probably mean it; None: something else is meant. `before`: the word in front of it."""
    words = text.value.casefold()
    if words not in _OTHER_WORDS and not (" " in words and nearest(words, (THEIR_HOUR,))):
        return None
    return Problem(
        text.span,
        "E30",
        f"{quoted(text.value)} is not a time of day",
        "it is written 00:00 to 23:59, or in these words: the hour at which this customer reacts",
        f'did you mean "{before}{THEIR_HOUR}"?',
    )
