"""Ids of visitors who have not signed in, of whom something was said: an attribute, an address, a consent.
Ids that only did something need no row."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from engine.store.customers.customer_codec import load_attributes, load_reach
from engine.store.meta import by_bucket
from engine.store.sql import change, change_many, ids, rows
from engine.values import Instant


def note(conn: Connection, visitors: Collection[str], now: Instant) -> None:
    """What is said of these ids is said of visitors."""
    change_many(
        conn,
        "INSERT INTO anonymous (id, at) VALUES (?, ?) ON CONFLICT (id) DO NOTHING",
        [(visitor, now) for visitor in sorted(visitors)],
    )


def noted(conn: Connection, visitors: Collection[str]) -> set[str]:
    """Those of some ids that are visitors."""
    sql = "SELECT a.id FROM {ids} CROSS JOIN anonymous a WHERE a.id = j.value"
    return {visitor for (visitor,) in rows(conn, sql, (ids(visitors),))} if visitors else set()


def forget(conn: Connection, visitors: Collection[str]) -> None:
    """These ids are visitors no more: they belong to a customer, or are one."""
    if visitors:
        change(conn, "DELETE FROM anonymous WHERE id IN (SELECT j.value FROM {ids})", (ids(visitors),))


def described(conn: Connection, customers: Collection[str], computed: Collection[str]) -> set[str]:
    """Those of some ids of whom more is known than what they did, also where it is not applied yet.
    `computed`: the names of the facts that are made of events."""
    if not customers:
        return set()
    sql = (
        "SELECT c.id, CAST(c.attributes AS TEXT), CAST(c.reach AS TEXT) FROM {ids} CROSS JOIN customer c"
        " WHERE c.id = j.value AND c.bucket = ?"
    )
    waiting = (
        "SELECT DISTINCT i.customer FROM {ids} CROSS JOIN inbox i WHERE i.customer = j.value"
        " AND i.bucket = ? AND i.kind = 'changed'"
    )
    known: set[str] = set()
    for bucket, names in by_bucket(conn, customers).items():
        for customer, attributes, reach in rows(conn, sql, (ids(names), bucket)):
            if load_reach(reach) or not load_attributes(attributes).keys() <= set(computed):
                known.add(customer)
        known |= {customer for (customer,) in rows(conn, waiting, (ids(names), bucket))}
    return known


def unheard_of(conn: Connection, customers: Collection[str]) -> set[str]:
    """Those of some ids that nobody has ever heard of: no customer, nothing received, no other name of
    theirs."""
    if not customers:
        return set()
    known = {customer for (customer,) in rows(
        conn, "SELECT DISTINCT a.customer FROM {ids} CROSS JOIN alias a WHERE a.customer = j.value",
        (ids(customers),)
    )}  # fmt: skip
    tables = (("customer", "id"), ("inbox", "customer"))
    for bucket, names in by_bucket(conn, customers).items():
        for table, column in tables:
            sql = (
                f"SELECT DISTINCT t.{column} FROM {{ids}} CROSS JOIN {table} t"  # noqa: S608 - names of our own
                f" WHERE t.bucket = ? AND t.{column} = j.value"
            )
            known |= {customer for (customer,) in rows(conn, sql, (ids(names), bucket))}
    return set(customers) - known
