"""What became of recommended products that messages showed: clicked messages, and products that their
customer then bought."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
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


@dataclass(frozen=True, slots=True)
class ShownSpan:
    """From a moment until before another one."""

    begin: Instant
    end: Instant


def between(
    conn: Connection, spans: Sequence[ShownSpan], order: str, within: int
) -> list[dict[RecommendationOrigin, RecommendationSums]]:
    """Of messages that were rendered in each of these spans, none of which overlap, by list and by its
    sources: one look at all that was shown, however many there are. `order`: the event that is an order;
    `within`: so many milliseconds behind the message one counts."""
    if not spans:
        return []
    found: list[defaultdict[RecommendationOrigin, RecommendationSums]] = [
        defaultdict(RecommendationSums) for _ in spans
    ]
    half, moments = _which(spans)
    messages = _messages(conn.dialect.name, half)
    for place, name, text, messages_, clicked in rows(conn, messages, (_BETWEEN, *moments)):
        sources = text.split(_BETWEEN)
        # a message with two sources of a list is one message of the list
        products = {RecommendationOrigin(name): len(sources)}
        products |= {RecommendationOrigin(name, source): sources.count(source) for source in sources}
        for origin, number in products.items():
            sums = found[place][origin]
            sums.shown += number * messages_
            sums.messages += messages_
            sums.clicked += int(clicked)
    for place, name, source in _bought(conn, half, moments, order, within):
        for origin in (RecommendationOrigin(name), RecommendationOrigin(name, source)):
            found[place][origin].bought += 1
    return [dict(one) for one in found]


def _which(spans: Sequence[ShownSpan]) -> tuple[str, tuple[Instant, ...]]:
    """The place of the span in which something was shown, as an expression; NULL: in none."""
    cases = " ".join(f"WHEN at >= ? AND at < ? THEN {place}" for place in range(len(spans)))
    return f"CASE {cases} END", tuple(moment for span in spans for moment in (span.begin, span.end))


def _bought(
    conn: Connection, half: str, moments: tuple[Instant, ...], order: str, within: int
) -> Iterator[tuple[int, str, str]]:
    """Span, list and source of each product that was bought, each once however many orders hold it. Only what
    is shown to somebody who then orders is read, row by row."""
    counted, fields, products = None, "", frozenset[str]()
    for place, *shown, product, source, text in stream(conn, _ordered(half), (*moments, within, order)):
        if text != fields:
            fields, products = text, frozenset(products_named(load_values(text)))
        if product in products and shown != counted:
            counted = shown
            yield int(place), str(shown[-2]), str(source)


_BETWEEN = "\n"
"""Between the sources of the products of a message, of which none has it in its name."""


def _messages(dialect: str, half: str) -> str:
    """Messages with a list, and those of them that were clicked, by the sources of all the products in it: of
    those there are few kinds, however many messages. Grouped as the table is sorted, so that SQLite reads it
    once and sorts nothing."""
    joined = "group_concat(source, ?)" if dialect == "sqlite" else "string_agg(source, ?)"
    return (
        "SELECT m.half, m.name, m.sources, count(*), count(r.send_key)"  # noqa: S608 - words of our own
        f" FROM (SELECT bucket, send_key, name, {joined} AS sources, max(half) AS half FROM"
        f" (SELECT s.*, {half} AS half FROM shown_product s) h WHERE half IS NOT NULL"
        " GROUP BY bucket, customer, send_key, name) m"
        " LEFT JOIN (SELECT DISTINCT bucket, send_key FROM reaction WHERE who = 'human'"
        " AND kind = 'clicked') r ON r.bucket = m.bucket AND r.send_key = m.send_key"
        " GROUP BY m.half, m.name, m.sources"
    )


def _ordered(half: str) -> str:
    """What was shown to somebody who ordered in time, with the order. Whether they did is asked of the orders
    as they are counted, which are narrow; the event, with its lines, is looked up for those alone. Sorted as
    the table is: the orders behind one product stand together."""
    return (
        "SELECT s.half, s.bucket, s.customer, s.send_key, s.name, s.place, s.product, s.source,"  # noqa: S608
        f" CAST(e.fields AS TEXT) FROM (SELECT p.*, {half} AS half FROM shown_product p) s"
        " CROSS JOIN credit k CROSS JOIN event e WHERE s.half IS NOT NULL"
        " AND k.bucket = s.bucket AND k.customer = s.customer"
        " AND k.occurred_at > s.at AND k.occurred_at <= s.at + ?"
        " AND e.bucket = k.bucket AND e.customer = k.customer AND e.name = ?"
        " AND e.occurred_at = k.occurred_at"
        " ORDER BY s.bucket, s.customer, s.send_key, s.name, s.place"
    )
