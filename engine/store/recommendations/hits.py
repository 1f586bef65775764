"""What became of recommended products that messages showed: clicked messages, and products that their
customer then bought."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.core.products.named import products_named
from engine.store.serialization import load_values
from engine.store.sql import rows
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
    bought = _bought(conn, begin, end, order, within)
    found: defaultdict[RecommendationOrigin, RecommendationSums] = defaultdict(RecommendationSums)
    seen: set[tuple[RecommendationOrigin, int, str]] = set()
    shown = rows(
        conn,
        "SELECT s.bucket, s.customer, s.send_key, s.name, s.product, s.source, s.at,"
        " EXISTS (SELECT 1 FROM reaction r WHERE r.bucket = s.bucket AND r.send_key = s.send_key"
        " AND r.who = 'human' AND r.kind = 'clicked')"
        " FROM shown_product s WHERE s.at >= ? AND s.at < ?",
        (begin, end),
    )
    for bucket, customer, send_key, name, product, source, at, is_clicked in shown:
        is_bought = any(
            at < when <= at + within and product in products
            for when, products in bought.get((bucket, customer), ())
        )
        for origin in (RecommendationOrigin(name), RecommendationOrigin(name, source)):
            sums = found[origin]
            sums.shown += 1
            sums.bought += is_bought
            if (origin, bucket, send_key) not in seen:
                seen.add((origin, bucket, send_key))
                sums.messages += 1
                sums.clicked += bool(is_clicked)
    return found


def _bought(
    conn: Connection, begin: Instant, end: Instant, order: str, within: int
) -> Mapping[tuple[int, str], list[tuple[Instant, tuple[str, ...]]]]:
    """The orders of those to whom something was shown: when, and the products."""
    found: defaultdict[tuple[int, str], list[tuple[Instant, tuple[str, ...]]]] = defaultdict(list)
    sql = (
        "SELECT e.bucket, e.customer, e.occurred_at, CAST(e.fields AS TEXT)"
        " FROM (SELECT DISTINCT bucket, customer FROM shown_product WHERE at >= ? AND at < ?) s"
        " CROSS JOIN event e WHERE e.bucket = s.bucket AND e.customer = s.customer AND e.name = ?"
        " AND e.occurred_at > ? AND e.occurred_at <= ?"
    )
    for bucket, customer, at, fields in rows(conn, sql, (begin, end, order, begin, end + within)):
        found[bucket, customer].append((at, products_named(load_values(fields))))
    return found
