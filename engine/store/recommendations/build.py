"""The nightly build: reads beside the writer into tables of its own session, slice by slice, and gives the
writer what it found in chunks. Readers see the build before it until the new one is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Connection

from engine.core.recommendations.rule import ORDERS_BACK, VIEWS_BACK, SourceKind
from engine.store import watermarks
from engine.store.database import Store
from engine.store.recommendations import prices, statements
from engine.store.sql import change, insert_many, rows
from engine.values import Instant

SWEEP = "recommendations"
"""The kind of this look in the table of sweeps; its `hash` is the number of the build."""

ORDER_EVENT, VIEW_EVENT = "order_placed", "product_viewed"
"""What people bought, and what they looked at; other names of a shop are named by `also:` in
schemas/events.yaml."""

CUSTOMERS = 20_000
"""Customers whose events are read at once."""

PAIRS = 30_000_000
"""So many pairs are counted at most, those of the newest orders; then a build of any shop takes a minute or
two."""

PRODUCTS = 500
"""Products whose neighbours are ranked at once."""

CHUNK = 2_000
"""Rows in one transaction of the writer: between two others may write."""


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build found. `orders`: those that were counted."""

    number: int
    at: Instant
    products: int = 0
    orders: int = 0
    pairs: dict[str, int] = field(default_factory=dict)
    listed: int = 0


@dataclass(frozen=True, slots=True)
class BuildLimits:
    """How much is done at once."""

    customers: int = CUSTOMERS
    products: int = PRODUCTS
    pairs: int = PAIRS


def build(
    store: Store,
    fields: Sequence[str],
    now: Instant,
    *,
    limits: BuildLimits | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> BuildReport:
    """Builds everything anew. `fields`: of products, by whose values there are lists. `tell` hears what is
    being done. What a build that was cut off has left is dropped by the next one."""
    limits = limits or BuildLimits()
    with store.read() as conn:
        number = current(conn) + 1
    _drop(store, lambda build: build != number - 1)
    counts: dict[str, int] = {}
    with _session(store) as conn:
        tell("reading orders and views")
        products, orders = _read(conn, fields, now, limits)
        steps = (
            (statements.BOUGHT_TOGETHER, SourceKind.BOUGHT_TOGETHER, SourceKind.COMPLEMENTS),
            (statements.VIEWED_NEXT, SourceKind.VIEWED_NEXT, None),
            (statements.VIEWED_TOGETHER, SourceKind.VIEWED_TOGETHER, None),
        )
        for sql, source, apart in steps:
            tell(f"ranking: {source}")
            for begin in range(0, products, limits.products):
                with conn.begin():
                    found = rows(conn, sql, (begin, begin + limits.products))
                pairs = [*_pairs(number, source, found), *_apart(number, apart, found)]
                for pair in pairs:
                    counts[pair["source"]] = counts.get(pair["source"], 0) + 1
                _write(store, "recommended_pair", pairs)
        tell("listing")
        with conn.begin():
            listed = [
                *_places(number, SourceKind.BESTSELLERS, rows(conn, statements.BESTSELLERS)),
                *_places(number, SourceKind.NEW, rows(conn, statements.NEW)),
            ]
            listed += _places(number, SourceKind.CHEAPER, list(prices.cheaper(conn, fields, now)))
        _write(store, "recommended_list", listed)
    store.write(lambda conn: watermarks.put(conn, SWEEP, "", now, str(number)))
    _drop(store, lambda build: build != number)
    return BuildReport(number, now, products, orders, counts, len(listed))


def current(conn: Connection) -> int:
    """The number of the build that is used; 0: none was made."""
    last = watermarks.get(conn, SWEEP, "")
    return int(last.hash) if last is not None else 0


def built_at(conn: Connection) -> Instant | None:
    """When the build that is used was made; None: none was."""
    last = watermarks.get(conn, SWEEP, "")
    return last.until if last is not None else None


@contextmanager
def _session(store: Store) -> Iterator[Connection]:
    """A connection with the tables of the build, which end with it."""
    dialect = store.engine.dialect.name
    with store.engine.connect() as conn:
        try:
            if dialect == "sqlite":
                # On the disk: what a large shop reads does not fit into memory beside everything else. By the
                # driver, since it cannot be said inside a transaction.
                driver: Any = conn.connection.dbapi_connection
                driver.execute("PRAGMA temp_store = FILE")
            else:
                # only for making the tables: to fill them one may read alone
                conn.execution_options(writes="shared")
            with conn.begin():
                for table in statements.TABLES:
                    change(conn, f"CREATE TEMPORARY TABLE {table}")
                for index in statements.INDEXES:
                    change(conn, f"CREATE INDEX {index}")
            conn.execution_options(writes=False)
            yield conn
        finally:
            conn.invalidate()


def _read(conn: Connection, fields: Sequence[str], now: Instant, limits: BuildLimits) -> tuple[int, int]:
    """Fills the tables of the session; how many products and orders there are."""
    dialect = conn.dialect.name
    with conn.begin():
        change(conn, statements.products(dialect))
        for name in fields:
            change(conn, statements.values(dialect, name), (name,))
        products = rows(conn, "SELECT count(*) FROM rb_product")[0][0]
    of_orders = (ORDER_EVENT, now - ORDERS_BACK, now)
    of_views = (VIEW_EVENT, now - VIEWS_BACK, now)
    for begin, end in _slices(conn, limits.customers):
        with conn.begin():
            change(conn, statements.lines(dialect), (*begin, *end, *of_orders))
            if change(conn, statements.looks(dialect), (now, *begin, *end, *of_views)) > 0:
                change(conn, statements.NEAR_LOOKS)
                change(conn, statements.SEEN)
                change(conn, "DELETE FROM rb_look")
    with conn.begin():
        change(conn, statements.CUT_BASKETS)
        change(conn, statements.ORDERS, (now,))
        change(conn, statements.DROP_OLDEST, (limits.pairs,))
        change(conn, statements.BOUGHT)
        change(conn, statements.VIEWED)
        change(conn, statements.CLOSE)
        orders = rows(conn, "SELECT count(*) FROM rb_order")[0][0]
    return products, orders


def _slices(conn: Connection, size: int) -> Iterator[tuple[tuple[int, str], tuple[int, str]]]:
    """(after this customer, up to that one), for everybody."""
    begin = (-1, "")
    while True:
        with conn.begin():
            found = rows(conn, statements.SLICE_END, (*begin, size - 1))
        if not found:
            yield begin, (2**31 - 1, "")
            return
        end = (found[0][0], found[0][1])
        yield begin, end
        begin = end


def _pairs(build: int, source: SourceKind, found: Sequence[Any]) -> Iterator[dict[str, Any]]:
    for product, other, score, support, place, _, _ in found:
        if place <= statements.NEIGHBOURS:
            yield _pair(build, source, product, other, score, support)


def _apart(build: int, source: SourceKind | None, found: Sequence[Any]) -> Iterator[dict[str, Any]]:
    for product, other, score, support, _, apart, place in found:
        if source is not None and apart and place <= statements.NEIGHBOURS:
            yield _pair(build, source, product, other, score, support)


def _pair(
    build: int, source: SourceKind, product: str, other: str, score: int, support: int
) -> dict[str, Any]:
    return {
        "build": build, "source": source.value, "product": product, "other": other, "score": score,
        "support": support,
    }  # fmt: skip


def _places(build: int, source: SourceKind, found: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {
            "build": build, "source": source.value, "field": name, "value": value, "place": place,
            "product": product, "score": score,
        }
        for name, value, place, product, score in found
    ]  # fmt: skip


def _write(store: Store, table: str, records: Sequence[dict[str, Any]]) -> None:
    for begin in range(0, len(records), CHUNK):
        store.write(partial(insert_many, table=table, records=records[begin : begin + CHUNK]))


def _drop(store: Store, is_old: Callable[[int], bool]) -> None:
    """Takes away builds that nobody uses, in chunks."""
    for table, key in (("recommended_pair", "product"), ("recommended_list", "value")):
        with store.read() as conn:
            builds = [build for (build,) in rows(conn, f"SELECT DISTINCT build FROM {table}")]  # noqa: S608 - own names
        for build in filter(is_old, builds):
            while store.write(partial(_drop_some, table=table, key=key, build=build)):
                pass


def _drop_some(conn: Connection, table: str, key: str, build: int) -> int:
    """Drops a stretch of a build. How many rows went; 0: none is left."""
    edge = rows(
        conn,
        f"SELECT source, {key} FROM {table} WHERE build = ? ORDER BY source, {key} LIMIT 1 OFFSET ?",  # noqa: S608
        (build, CHUNK),
    )
    if not edge:
        return change(conn, f"DELETE FROM {table} WHERE build = ?", (build,))  # noqa: S608
    sql = f"DELETE FROM {table} WHERE build = ? AND (source, {key}) <= (CAST(? AS TEXT), CAST(? AS TEXT))"  # noqa: S608
    return change(conn, sql, (build, *edge[0]))
