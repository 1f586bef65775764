"""`next_after:` - how long a cascade waits for a reaction: a length of time, or one that is learned."""

from __future__ import annotations

import re

from engine.language.duration import parse_length
from engine.language.map_reader import MapReader
from engine.language.nodes import part
from engine.language.syntax import Length, Text
from engine.language.wording import quoted
from engine.problem import Problem, nearest

AUTO = "auto"
"""The interval follows from how fast people have reacted to this template on this channel."""

_ELSE = re.compile(r"auto, else +(.+)")
_OTHER_WORDS = frozenset(("automatic", "automatically", "learned", "learnt", "smart", "dynamic", "optimal"))


def parse_next_after(reader: MapReader) -> tuple[Length | None, Text | None]:
    """The length, and the word `auto` where it stands: then the length is the one behind `else`."""
    text = reader.text("next_after")
    if text is None:
        return None, None
    if text.value == AUTO:
        return None, text
    found = _ELSE.fullmatch(text.value)
    if found:
        length = parse_length(part(text, found.start(1), len(found[1])))
        return reader.context.keep(length), text
    first = re.split(r"[ ,]", text.value, maxsplit=1)[0].casefold()
    if first in _OTHER_WORDS or nearest(first, (AUTO,)):
        reader.context.problems.append(_no_auto(text))
        return None, text
    return reader.context.keep(parse_length(text)), None


def _no_auto(text: Text) -> Problem:
    lengths = re.search(r"\d+ +(?:minute|hour|day|week)s?$", text.value)
    meant = f"auto, else {lengths[0]}" if lengths else AUTO
    return Problem(
        text.span,
        "E30",
        f"{quoted(text.value)} is not a length of time",
        "it is a length, or  auto: learned from how fast people react; behind  else  stands what counts until then",
        f"write  {meant}" if lengths else f'did you mean "{meant}"?',
    )
