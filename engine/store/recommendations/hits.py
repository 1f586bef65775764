"""What became of recommended products that messages showed: clicked messages, and products that their
customer then bought."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.core.products.event_products import products_named
from engine.store.serialization import load_values
from engine.store.sql import rows, stream
from engine.values import Instant


@dataclass(slots=True)
class RecommendationSums:
    """`shown`: products in messages, each once in a list; `messages`: with such a list, `clicked`: in which a
    person clicked; `bought`: of `shown` those that their customer ordered in time."""

    shown: int = 0
    messages: int = 0
    clicked: int = 0
    bought: int = 0


@dataclass(frozen=True, slots=True)
class RecommendationOrigin:
    """The list of a name, and the source that it took products from; "": all of them."""

    name: str
    source: str = ""


def between(
    conn: Connection, begin: Instant, end: Instant, order: str, within: int
) -> dict[RecommendationOrigin, RecommendationSums]:
    """Of messages that were rendered from a moment until before another one, by list and by its sources.
    `order`: the event that is an order; `within`: so many milliseconds behind the message one counts."""
    found: defaultdict[RecommendationOrigin, RecommendationSums] = defaultdict(RecommendationSums)
    for name, text, messages, clicked in rows(conn, _messages(conn.dialect.name), (_BETWEEN, begin, end)):
        sources = text.split(_BETWEEN)
        # a message with two sources of a list is one message of the list
        products = {RecommendationOrigin(name): len(sources)}
        products |= {RecommendationOrigin(name, source): sources.count(source) for source in sources}
        for origin, number in products.items():
            sums = found[origin]
            sums.shown += number * messages
            sums.messages += messages
            sums.clicked += int(clicked)
    for name, source in _bought(conn, begin, end, order, within):
        for origin in (RecommendationOrigin(name), RecommendationOrigin(name, source)):
            found[origin].bought += 1
    return found


def _bought(
    conn: Connection, begin: Instant, end: Instant, order: str, within: int
) -> Iterator[tuple[str, str]]:
    """List and source of each product that was bought, each once however many orders hold it. Only what is
    shown to somebody who then orders is read, row by row."""
    counted, fields, products = None, "", frozenset[str]()
    for *shown, product, source, text in stream(conn, _ORDERED, (order, within, begin, end)):
        if text != fields:
            fields, products = text, frozenset(products_named(load_values(text)))
        if product in products and shown != counted:
            counted = shown
            yield str(shown[-2]), str(source)


_BETWEEN = "\n"
"""Between the sources of the products of a message, of which none has it in its name."""


def _messages(dialect: str) -> str:
    """Messages with a list, and those of them that were clicked, by the sources of all the products in it: of
    those there are few kinds, however many messages. Grouped as the table is sorted, so that SQLite reads it
    once and sorts nothing."""
    joined = "group_concat(source, ?)" if dialect == "sqlite" else "string_agg(source, ?)"
    return (
        "SELECT m.name, m.sources, count(*), sum(CASE WHEN EXISTS (SELECT 1 FROM reaction r"  # noqa: S608
        " WHERE r.bucket = m.bucket AND r.send_key = m.send_key AND r.who = 'human' AND r.kind = 'clicked')"
        f" THEN 1 ELSE 0 END) FROM (SELECT bucket, send_key, name, {joined} AS sources FROM shown_product"
        " WHERE at >= ? AND at < ? GROUP BY bucket, customer, send_key, name) m GROUP BY m.name, m.sources"
    )


# Sorted as the table is: the orders behind one product stand together.
_ORDERED = (
    "SELECT s.bucket, s.customer, s.send_key, s.name, s.place, s.product, s.source, CAST(e.fields AS TEXT)"
    " FROM shown_product s CROSS JOIN event e WHERE e.bucket = s.bucket AND e.customer = s.customer"
    " AND e.name = ? AND e.occurred_at > s.at AND e.occurred_at <= s.at + ? AND s.at >= ? AND s.at < ?"
    " ORDER BY s.bucket, s.customer, s.send_key, s.name, s.place"
)
