"""The shop's own colour on the pages that customers see, so that everything stays readable on light and dark.

Readable is what WCAG 2.2 calls a contrast of at least 4.5 to 1 (success criterion 1.4.3,
https://www.w3.org/TR/WCAG22/#contrast-minimum).
"""

from __future__ import annotations

ENOUGH = 4.5
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_DARK_PAPER = (0x1D, 0x23, 0x20)
"""`--paper` of customer.css on a dark screen."""

Rgb = tuple[int, int, int]


def own_colours(colour: str) -> str:
    """The rules that put `#rrggbb` over the colours of customer.css; "" for no colour."""
    if not colour:
        return ""
    own: Rgb = (int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16))
    light, dark = _towards(own, _BLACK, _WHITE), _towards(own, _WHITE, _DARK_PAPER)
    return (
        f":root{{--go:{_hex(light)};--on:{_on(light)}}}"
        f"@media(prefers-color-scheme:dark){{:root{{--go:{_hex(dark)};--on:{_on(dark)}}}}}"
    )


def contrast(one: Rgb, other: Rgb) -> float:
    """1 for the same colour, 21 for black and white."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: Rgb) -> float:
    parts = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in colour)
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def _towards(colour: Rgb, end: Rgb, paper: Rgb) -> Rgb:
    """The colour itself, or the nearest one on the way to `end` that can be read on `paper`."""
    for step in range(21):
        mixed = (_mix(colour[0], end[0], step), _mix(colour[1], end[1], step), _mix(colour[2], end[2], step))
        if contrast(mixed, paper) >= ENOUGH:
            return mixed
    return end


def _mix(own: int, end: int, step: int) -> int:
    return round(own + (end - own) * step / 20)


def _on(colour: Rgb) -> str:
    """The words on a button of this colour."""
    return _hex(max((_WHITE, _BLACK), key=lambda words: contrast(words, colour)))


def _hex(colour: Rgb) -> str:
    return f"#{colour[0]:02x}{colour[1]:02x}{colour[2]:02x}"
