"""What the readers of all formats hand on: one product as its feed says it, and what is wrong with one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct, field

from engine.errors import UsageError

LONGEST_VALUE = 20_000
"""Characters of one value; a longer one is no field of a product."""

MOST_VALUES = 1_000
"""Values of one product."""

_SHOWN, _LONGEST_KNOWN = 60, 100
_CAMEL = re.compile(r"([a-z0-9])([A-Z])")
_NO_LETTERS = re.compile(r"\W+")


class FeedError(UsageError):
    """The feed as a whole cannot be used; nothing of it is taken."""


class FeedItem(Struct, frozen=True):
    """One product as the feed says it. `said`: by the feed's own names in small letters with underscores; a
    name that stands several times has a list. `why`, `fix`: it is no product at all. `is_own`: the names are
    those of schemas/product.yaml already."""

    number: int
    line: int
    said: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    fix: str = ""
    is_own: bool = False


class InvalidFeedValue(Exception):  # noqa: N818 - tells the reader what to say, never leaves this package
    """A value of an item cannot be used."""

    def __init__(self, name: str, value: object, what: str, fix: str) -> None:
        super().__init__(what)
        self.field, self.value, self.what, self.fix = name, value, what, fix


class FeedFault(Struct, frozen=True):
    """What is wrong with one item of a feed. `item`: its place, from 1; `line`: of the file, 0 where nobody
    knows it; `product`: its id, "" where it has none; `field`: "" for the item as a whole."""

    item: int
    line: int
    product: str
    field: str
    what: str
    fix: str = ""

    def words(self) -> str:
        """In one sentence."""
        where = f"line {self.line:,}" if self.line else f"item {self.item:,}"
        who = f", product {self.product}" if self.product else ""
        about = f"{self.field} " if self.field else ""
        return f"{where}{who}: {about}{self.what}" + (f"; {self.fix}" if self.fix else "")


def feed_name(name: str) -> str:
    """A name of a feed in small letters with underscores, in any alphabet: `categoryId`, `Custom label 0`,
    `g:id`, `Обсмажка зерна`."""
    return _known_name(name) if len(name) <= _LONGEST_KNOWN else _feed_name(name)


def _feed_name(name: str) -> str:
    words = _CAMEL.sub(r"\1_\2", name.strip().removeprefix("g:"))
    return _NO_LETTERS.sub("_", words).strip("_").casefold()


_known_name = lru_cache(maxsize=1_000)(_feed_name)  # all items of a feed have the same names


def shown(value: object) -> str:
    """A value as it is repeated to whoever wrote it."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        value = ", ".join(str(part) for part in value[:5])
    text = " ".join(str(value).split())
    return f'"{text[:_SHOWN]}{"..." if len(text) > _SHOWN else ""}"'
