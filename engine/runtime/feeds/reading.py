"""A feed read to its end: every product typed and kept in a file beside, what is wrong counted and listed;
nothing is written to the store before all of it was seen."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Self

import orjson

from engine.printable import acting
from engine.runtime.feeds import google_merchant, yml
from engine.runtime.feeds.feed_item import FeedError, FeedFault, FeedItem, InvalidFeedValue, shown
from engine.runtime.feeds.format_detection import FeedFormat, open_feed
from engine.runtime.feeds.google_merchant import OfferedProduct
from engine.runtime.feeds.product_fields import ProductFields, fix_of
from engine.runtime.feeds.rows import OWN_ID
from engine.runtime.intake.items import id_text
from engine.runtime.intake.untyped import storable
from engine.store.serialization import dump_values, load_values
from engine.values import Instant, Value

MOST_PRODUCTS = 500_000
"""Products of one feed: their ids are held in memory (about 60 MB)."""

LISTED = 50
"""So many faults are told word for word, the others counted."""

_NUL = "\\u0000"  # as it stands in JSON
_LOOK = 500  # items between two questions whether to stop

Product = tuple[str, dict[str, Value]]


class StoppedError(Exception):
    """Somebody wants the process to end; nothing is wrong with the feed."""


@dataclass(slots=True)
class FeedReading:
    """What a feed holds. `seen`: ids of all its products, of wrong ones too; `fields`: names that at least
    one product has; `turns_at`: the next moment at which a price changes by itself."""

    kind: FeedFormat
    items: int = 0
    products: int = 0
    faulty: int = 0
    faults: list[FeedFault] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    turns_at: Instant | None = None
    spool: IO[bytes] = field(default_factory=tempfile.TemporaryFile)

    def slices(self, size: int) -> Iterator[list[Product]]:
        """The products that are right, in the order of the feed."""
        self.spool.seek(0)
        chunk: list[Product] = []
        for line in self.spool:
            id_, fields = orjson.loads(line)
            chunk.append((id_, load_values(fields)))
            if len(chunk) == size:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the file beside."""
        self.spool.close()


def read_feed(
    file: IO[bytes],
    fields: ProductFields,
    now: Instant,
    *,
    encoding: str | None = None,
    on_fault: Callable[[FeedFault, FeedItem], None] = lambda _fault, _item: None,
    is_stopped: Callable[[], bool] = lambda: False,
    most: int = MOST_PRODUCTS,
) -> FeedReading:
    """Reads all of it. Raises FeedError where it cannot be read to its end, and StoppedError. `on_fault`:
    told of every item that is wrong. The caller closes the reading."""
    kind, items = open_feed(file, encoding)
    reading = FeedReading(kind)
    try:
        for item in items:
            reading.items += 1
            # a large feed takes minutes, a stop 30 seconds
            if reading.items % _LOOK == 0 and is_stopped():
                raise StoppedError
            if reading.items > most:
                raise FeedError(
                    f"this feed has more than {most:,} products", "leave out those that nobody can buy"
                )
            for fault in _take(item, kind, fields, now, reading):
                on_fault(fault, item)
    except BaseException:
        reading.close()
        raise
    return reading


def _take(
    item: FeedItem, kind: FeedFormat, fields: ProductFields, now: Instant, reading: FeedReading
) -> list[FeedFault]:
    """One product more, or what is wrong with it."""
    raw = item.said.get(OWN_ID if item.is_own else "id")
    id_ = id_text(raw[0] if isinstance(raw, list) and raw else raw) or ""
    try:
        if item.why:
            raise InvalidFeedValue("", "", item.why, item.fix)
        _check_id(id_, reading.seen)
        # before its values are looked at: a second one with this id is told as that, whatever was wrong
        # with the first
        reading.seen.add(id_)
        offer = _offered(item, kind, now)
        given = fields.own(offer.values) if item.is_own else fields.named(offer.values)
        typed = fields.typed(given)
        problems = [
            (p.field, f"{shown(given.get(p.field, ''))} does not fit: it {p.what}") for p in typed.problems
        ]
        stored = dump_values(values := storable(typed.values))
        if _NUL in stored:
            raise InvalidFeedValue("", "", "holds a character NUL", "write the file as text")
    except InvalidFeedValue as wrong:
        faults = [FeedFault(item.number, item.line, id_, wrong.field, wrong.what, wrong.fix)]
    else:
        faults = [
            FeedFault(item.number, item.line, id_, name, what, fix_of(fields.types, name))
            for name, what in problems
        ]
    if faults:
        reading.faulty += 1
        # all are counted, some are listed: a feed may be wrong in every line
        reading.faults += faults[: max(0, LISTED - len(reading.faults))]
        return faults
    reading.products += 1
    reading.fields.update(name for name, value in values.items() if value is not None)
    turns = offer.turns_at
    if turns is not None and (reading.turns_at is None or turns < reading.turns_at):
        reading.turns_at = turns
    # beside and not into the store: nothing is taken before all of it was read
    reading.spool.write(orjson.dumps([id_, stored], option=orjson.OPT_APPEND_NEWLINE))
    return faults


def _check_id(id_: str, seen: set[str]) -> None:
    if not id_:
        raise InvalidFeedValue("id", "", "is missing", "each product needs an id of 1 to 200 characters")
    if sign := acting(id_):
        raise InvalidFeedValue(
            "id", id_, f"holds a control character: {sign}", "write letters, digits and signs"
        )
    if id_ in seen:
        raise InvalidFeedValue("id", id_, "stood in this feed before", "the first one counts")


def _offered(item: FeedItem, kind: FeedFormat, now: Instant) -> OfferedProduct:
    if item.is_own:
        return OfferedProduct(item.said)
    return yml.offered(item.said) if kind is FeedFormat.MARKET else google_merchant.offered(item.said, now)
