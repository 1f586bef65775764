"""Which products came by the catalogue feed, and which of them are not in it any more."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from engine.store.sql import change_many, ids, rows
from engine.values import Instant

PAGE = 1_000
"""So many are read at once."""


def note(conn: Connection, products: Iterable[str]) -> set[str]:
    """These are in the feed. Which of them had been missing."""
    wanted = list(products)
    sql = "SELECT f.product, f.missing_since FROM {ids} CROSS JOIN feed_product f WHERE f.product = j.value"
    known: dict[str, int] = dict(rows(conn, sql, (ids(wanted),)))
    back = {product for product, since in known.items() if since}
    change_many(
        conn,
        "INSERT INTO feed_product (product, missing_since) VALUES (?, 0)"
        " ON CONFLICT (product) DO UPDATE SET missing_since = 0",
        [(product,) for product in wanted if known.get(product) != 0],
    )
    return back


def page(conn: Connection, after: str, limit: int = PAGE) -> list[str]:
    """The next products that are in the feed as far as it was read before, by id; none at the end."""
    sql = "SELECT product FROM feed_product WHERE product > ? AND missing_since = 0 ORDER BY product LIMIT ?"
    return [product for (product,) in rows(conn, sql, (after, limit))]


def count(conn: Connection) -> tuple[int, int]:
    """How many are in the feed, and how many have gone from it."""
    sql = "SELECT coalesce(sum(CASE WHEN missing_since = 0 THEN 1 ELSE 0 END), 0), count(*) FROM feed_product"
    present, everything = rows(conn, sql)[0]
    return int(present), int(everything - present)


def miss(conn: Connection, products: Iterable[str], now: Instant) -> None:
    """These are not in the feed any more."""
    sql = "UPDATE feed_product SET missing_since = ? WHERE product = ?"
    change_many(conn, sql, [(now, product) for product in products])
