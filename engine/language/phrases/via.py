"""`via:` - one channel, a cascade in the order of the list, or the order that is likely to cost least."""

from __future__ import annotations

from engine.language.map_reader import MapReader
from engine.language.nodes import Sequence, part
from engine.language.syntax import Text
from engine.language.wording import quoted
from engine.problem import nearest

LIKELY = "cheapest likely"
"""The channels in the order of price per expected reaction of this customer."""

_OTHER_WORDS = frozenset((
    "cheapest", "cheapest_likely", "cheapest-likely", "cheapest_first", "cheapest first", "likely", "likely cheapest",
    "most likely", "likeliest", "best channel", "auto",
))  # fmt: skip
_WHY = "it is one channel, a list in the order of the cascade, or the order that is likely to cost least for this customer"


def parse_via(reader: MapReader) -> tuple[tuple[Text, ...], Text | None]:
    """The channels as written, and the words `cheapest likely` where they stand."""
    node = reader.node("via")
    words = reader.texts("via")
    if isinstance(node, Sequence):
        wrong = next((word for word in words if _begins(word)), None)
        if wrong is None:
            return words, None
        others = ", ".join(word.value for word in words if word is not wrong)
        reader.context.report(
            wrong.span,
            "E17",
            f"{quoted(wrong.value)} cannot stand in a list of channels",
            "it orders the whole list",
            f"write  via: {LIKELY} of {others}" if others else f"write  via: {LIKELY}",
        )
        return (), wrong
    if not words:
        return (), None
    (text,) = words
    if _begins(text):
        return _named(reader, text), text
    if text.value.casefold() in _OTHER_WORDS or (" " in text.value and nearest(text.value, (LIKELY,))):
        reader.context.report(
            text.span,
            "E24",
            f"{quoted(text.value)} does not say which channels",
            _WHY,
            f'did you mean "{LIKELY}"?',
        )
        return (), text
    return words, None


def _begins(word: Text) -> bool:
    return word.value == LIKELY or word.value.startswith(f"{LIKELY} ")


def _named(reader: MapReader, text: Text) -> tuple[Text, ...]:
    """The channels behind `of`, each with its place."""
    rest = text.value[len(LIKELY) :]
    if not rest.strip():
        return ()
    listed = rest.removeprefix(" of ")
    start = len(text.value) - len(listed)
    channels: list[Text] = []
    for piece in listed.split(","):
        name = piece.strip()
        if listed == rest or not name or " " in name:
            reader.context.report(
                part(text, len(LIKELY) + 1, len(rest) - 1).span,
                "E24",
                f"{quoted(rest.strip())} does not say which channels",
                "behind the words stands nothing, or  of  and channels with commas between them",
                f"write  via: {LIKELY}  or  via: {LIKELY} of push, email",
            )
            return ()
        channels.append(part(text, start + len(piece) - len(piece.lstrip()), len(name)))
        start += len(piece) + 1
    return tuple(channels)
