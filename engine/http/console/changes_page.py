"""A page that puts the two sides of a change next to each other: messages as customers see them, and the
journeys as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engine.http.console.preview import PreviewedMessage
from engine.http.pages import OWN_POLICY, own_page

# The pictures lie beside the page, wherever somebody opens it.
_POLICY = OWN_POLICY.replace("img-src data:", "img-src 'self' file: data:")


@dataclass(frozen=True, slots=True)
class DiffSide:
    """One version of a message or a journey. `picture`: the file of its picture beside the page, "" without
    one; `alt`: what is to be seen on it, in words; `wide`: its pixels, 0 where it is as wide as fits; `page`:
    the file of its page; `sheet`: the message."""

    title: str
    picture: str = ""
    alt: str = ""
    wide: int = 0
    page: str = ""
    sheet: PreviewedMessage | None = None


class DiffLine(NamedTuple):
    """One difference, with its sign."""

    sign: str
    words: str


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Before and after. `name`: of its place on the page; `sides`: both, one where it is new or gone;
    `lines`: what differs."""

    heading: str
    name: str
    sides: tuple[DiffSide, ...]
    lines: tuple[DiffLine, ...] = ()
    note: str = ""


def changes_page(
    against: str, messages: Sequence[SideBySide], journeys: Sequence[SideBySide], missing: str
) -> str:
    """The page. `against`: the version before; `missing`: why there are no pictures of mails, "" where there
    are."""
    return own_page(
        "changes.html", "Before and after", f"before and after, against {against}", _POLICY,
        messages=messages, journeys=journeys, missing=missing,
    )  # fmt: skip
