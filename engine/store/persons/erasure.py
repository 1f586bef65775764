"""Forgets customers: set-based, in one transaction of the caller.

What stays says nothing of a person any more: counters, codes that were given to somebody, closed addresses
and the log of erasures as keyed hashes. With the log whoever is in a backup that was put back is erased
again, and who leaves by a link in an old message still closes the address that it went to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.channel_kinds import normalised
from engine.ids import new_id
from engine.store.customers import address_index, addressees
from engine.store.customers.suppressions import SuppressionReason
from engine.store.inbox.inbox import may_name
from engine.store.incentives import points
from engine.store.meta import address_hash, by_bucket, secret
from engine.store.persons import aliases
from engine.store.persons.personal_data import PERSON_TABLES
from engine.store.serialization import dump, load
from engine.store.sql import change, change_many, ids, rows
from engine.values import Instant

PAGE = 1_000
"""Customers of which a log that was put back is compared in one look."""

SHORTEST_MARK = 6
"""Characters: a shorter id stands in many texts by chance."""

_ID = "customer id"


@dataclass(frozen=True, slots=True)
class ErasureResult:
    """What was forgotten of somebody. `rows`: by table; empty: nothing was known. `messages`: keys of
    messages, after which files of the channel `outbox` are named."""

    customer: str
    other_ids: tuple[str, ...]
    rows: Mapping[str, int]
    messages: tuple[str, ...]


def erase(conn: Connection, wanted: Iterable[str], now: Instant) -> list[ErasureResult]:
    """Forgets everybody who has one of these ids, under all their ids. Nothing that is still on its way
    brings them back: answers of providers and reports find no message, links find nobody."""
    wanted = list(dict.fromkeys(wanted))
    own = aliases.resolve(conn, wanted)
    customers = list(dict.fromkeys(own.get(name, name) for name in wanted))
    others: dict[str, list[str]] = {customer: [] for customer in customers}
    sql = "SELECT a.customer, a.alias FROM {ids} CROSS JOIN alias a WHERE a.customer = j.value ORDER BY 1, 2"
    for customer, alias in rows(conn, sql, (ids(customers),)):
        others[customer].append(alias)
    erased = []
    for bucket, some in by_bucket(conn, customers).items():
        names = {customer: (customer, *others[customer]) for customer in some}
        erased += _of_bucket(conn, bucket, names, now)
    return sorted(erased, key=lambda one: customers.index(one.customer))


def is_erased(conn: Connection, customer: str) -> bool:
    """Whether somebody of this id was erased once, whatever came afterwards."""
    sql = "SELECT 1 FROM erasure WHERE id_hash = ?"
    return bool(rows(conn, sql, (address_hash(secret(conn), _ID, customer),)))


def close_former(conn: Connection, customer: str, pairs: Iterable[tuple[str, str]], now: Instant) -> None:
    """Somebody who was erased leaves (channel, purpose) by a link in an old message: the addresses that they
    had are closed, by the hashes that were kept."""
    found = rows(
        conn,
        "SELECT addresses FROM erasure WHERE id_hash = ?",
        (address_hash(secret(conn), _ID, customer),),
    )
    kept = [tuple(place) for (document,) in found for place in load(document)]
    why = SuppressionReason.UNSUBSCRIBED.value
    change_many(
        conn,
        "INSERT INTO suppression (address_hash, channel, purpose, at, reason, why) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (address_hash, channel, purpose) DO NOTHING",
        [
            (hash_, channel, purpose, now, why, why)
            for wanted, purpose in pairs
            for channel, hash_ in kept
            if channel == wanted
        ],
    )


def log_of(conn: Connection) -> list[tuple[str, Instant, str]]:
    """The log: (hash of the id, when, hashes of the addresses as JSON)."""
    return [(*row,) for row in rows(conn, "SELECT id_hash, at, addresses FROM erasure ORDER BY id_hash")]


def note_log(conn: Connection, lines: Collection[tuple[str, Instant, str]]) -> None:
    """Takes over lines of another copy of the log; of two about the same id the later one stays."""
    change_many(conn, _NOTE, list(lines))


def come_back(conn: Connection) -> Iterator[list[str]]:
    """Customers who were erased after they became known here: a backup that was put back has brought them.
    In pages; who began anew after the erasure is none of them."""
    key = secret(conn)
    gone = {id_hash: at for id_hash, at, _ in log_of(conn)}
    if not gone:
        return
    pages = (
        "SELECT id, created_at FROM customer WHERE id > ? ORDER BY id LIMIT ?",
        (
            "SELECT customer, min(received_at) FROM inbox WHERE customer > ? GROUP BY customer"
            " ORDER BY 1 LIMIT ?"
        ),
    )
    for sql in pages:
        after = ""
        while found := rows(conn, sql, (after, PAGE)):
            after = found[-1][0]
            back = [name for name, since in found if gone.get(address_hash(key, _ID, name), -1) >= since]
            if back:
                yield back


# --- one bucket -----------------------------------------------------------------------------------

_NOTE = (
    "INSERT INTO erasure (id_hash, at, addresses) VALUES (?, ?, ?) ON CONFLICT (id_hash) DO UPDATE SET"
    " at = CASE WHEN excluded.at > erasure.at THEN excluded.at ELSE erasure.at END,"
    " addresses = CASE WHEN excluded.addresses = '[]' THEN erasure.addresses ELSE excluded.addresses END"
)


_PLACES = (
    ("fact_definition", "at_bucket", "at_customer"),
    ("admission", "at_bucket", "at_customer"),
    ("product_change", "bucket", "customer"),
)
"""The last customer that work in pages has come to (table, its bucket, its id): where somebody is forgotten,
whoever stood before them, behind whom the same people follow."""


def _of_bucket(
    conn: Connection, bucket: int, names: Mapping[str, tuple[str, ...]], now: Instant
) -> list[ErasureResult]:
    people = ids(names)
    # Asked first: the rows that tell are about to go
    addresses = _addresses(conn, bucket, names)
    keys: dict[str, list[str]] = {customer: [] for customer in names}
    sql = (
        "SELECT o.customer, o.send_key FROM {ids} CROSS JOIN outbox o"
        " WHERE o.bucket = ? AND o.customer = j.value"
    )
    for customer, key in rows(conn, sql, (people, bucket)):
        keys[customer].append(key)
    # The hash outlives the rows: by it a restored backup forgets them again
    _note(conn, names, addresses, now)
    # Before the loop: both look up through rows that it deletes
    _forget_receipts(conn, bucket, people)
    _forget_runs_of_codes(conn, bucket, people)
    points.forget(conn, bucket, people, now)
    counted: dict[str, dict[str, int]] = {customer: {} for customer in names}
    for table in PERSON_TABLES:
        whose = table.parameters(bucket, people)
        sql = f"SELECT {table.owner}, count(*) FROM {table.name} WHERE {table.whose} GROUP BY 1"  # noqa: S608
        for customer, many in rows(conn, sql, whose):
            counted[customer][table.name] = int(many)
        if table.blanked:
            change(conn, f"UPDATE {table.name} SET {table.blanked} WHERE {table.whose}", whose)  # noqa: S608
        else:
            change(conn, f"DELETE FROM {table.name} WHERE {table.whose}", whose)  # noqa: S608
    _forget_addresses(conn, bucket, addresses)
    every = [name for some in names.values() for name in some]
    for sql in (
        "DELETE FROM alias WHERE customer IN (SELECT j.value FROM {ids})",
        "DELETE FROM anonymous WHERE id IN (SELECT j.value FROM {ids})",
    ):
        change(conn, sql, (ids(every),))
    _forget_texts(conn, every, {address for held in addresses.values() for _, address in held})
    for pages_of, at_bucket, at_customer in _PLACES:
        before = f"SELECT max(id) FROM customer WHERE bucket = ? AND id < {pages_of}.{at_customer}"  # noqa: S608
        change(
            conn,
            f"UPDATE {pages_of} SET {at_customer} = coalesce(({before}), '') WHERE {at_bucket} = ?"  # noqa: S608
            f" AND {at_customer} IN (SELECT j.value FROM {{ids}})",
            (bucket, bucket, ids(every)),
        )
    return [
        ErasureResult(customer, names[customer][1:], counted[customer], tuple(keys[customer]))
        for customer in names
    ]


def _addresses(
    conn: Connection, bucket: int, names: Mapping[str, tuple[str, ...]]
) -> dict[str, set[tuple[str, str]]]:
    """(channel, normalised address): those of now, and those that messages went to."""
    held: dict[str, set[tuple[str, str]]] = {customer: set() for customer in names}
    for customer, known in addressees.find(conn, bucket, names).items():
        for channel, lines in known.addresses.items():
            held[customer] |= {(channel, normalised(channel, line)) for line in lines.split("\n") if line}
        phone = known.values.get("phone")
        if isinstance(phone, str) and phone:
            held[customer].add(("phone", normalised("phone", phone)))
        email = known.values.get("email")
        if isinstance(email, str) and email:
            held[customer].add(("email", normalised("email", email)))
    sql = (
        "SELECT DISTINCT o.customer, o.channel, o.address FROM {ids} CROSS JOIN outbox o"
        " WHERE o.bucket = ? AND o.customer = j.value AND o.address IS NOT NULL"
    )
    for customer, channel, address in rows(conn, sql, (ids(names), bucket)):
        held[customer] |= {(channel, normalised(channel, line)) for line in address.split("\n") if line}
    return held


def _note(
    conn: Connection,
    names: Mapping[str, tuple[str, ...]],
    addresses: Mapping[str, Collection[tuple[str, str]]],
    now: Instant,
) -> None:
    key = secret(conn)
    lines = []
    for customer, every in names.items():
        places = sorted((channel, address_hash(key, channel, text)) for channel, text in addresses[customer])
        lines += [(address_hash(key, _ID, name), now, dump(places)) for name in every]
    change_many(conn, _NOTE, lines)


def _forget_receipts(conn: Connection, bucket: int, people: str) -> None:
    """Of an earlier version, which kept the ids of events also where they name somebody. The others stay:
    what a sender repeats brings nobody back."""
    sql = "SELECT e.customer, e.id FROM {ids} CROSS JOIN event e WHERE e.bucket = ? AND e.customer = j.value"
    found = {id_ for customer, id_ in rows(conn, sql, (people, bucket)) if id_ and may_name(customer, id_)}
    if not found:
        return
    # by source, which leads the key behind the bucket: there are few, and each is a step in the index
    source = ""
    while following := rows(
        conn,
        "SELECT min(source) FROM receipt WHERE bucket = ? AND source > ?",
        (bucket, source),
    )[0][0]:
        source = following
        sql = "DELETE FROM receipt WHERE bucket = ? AND source = ? AND id IN (SELECT j.value FROM {ids})"
        change(conn, sql, (bucket, source, ids(found)))


def _forget_runs_of_codes(conn: Connection, bucket: int, people: str) -> None:
    """The id of a run is made from that of its customer, so that who guesses one could ask for the other:
    codes that stay belong to a run by chance."""
    sql = "SELECT value, enrollment FROM code WHERE bucket = ? AND customer IN (SELECT j.value FROM {ids})"
    found = [(value, run, new_id()) for value, run in rows(conn, sql, (bucket, people))]
    change_many(
        conn,
        "UPDATE code_stock SET enrollment = ? WHERE value = ? AND enrollment = ?",
        [(by_chance, value, run) for value, run, by_chance in found],
    )
    change_many(
        conn,
        "UPDATE code SET enrollment = ? WHERE value = ? AND bucket = ? AND enrollment = ?",
        [(by_chance, value, bucket, run) for value, run, by_chance in found],
    )


def _forget_addresses(
    conn: Connection, bucket: int, addresses: Mapping[str, Collection[tuple[str, str]]]
) -> None:
    address_index.write(
        conn,
        bucket,
        [(customer, frozenset(held), address_index.NONE) for customer, held in addresses.items()],
    )
    key = secret(conn)
    change_many(
        conn,
        "DELETE FROM destination WHERE address_hash = ? AND customer = ?",
        [
            (address_index.index_hash(key, channel, text), customer)
            for customer, held in addresses.items()
            for channel, text in held
        ],
    )
    places = [
        (address_hash(key, channel, text), channel) for held in addresses.values() for channel, text in held
    ]
    for table in ("conversation", "soft_bounce"):
        change_many(conn, f"DELETE FROM {table} WHERE address_hash = ? AND channel = ?", places)  # noqa: S608


def _forget_texts(conn: Connection, names: Iterable[str], addresses: Iterable[str]) -> None:
    """Texts in which somebody is named: items that were refused, reports that found no message, alerts. Kept
    for some days only, so there are few."""
    names = list(names)
    change(conn, "DELETE FROM refused_item WHERE customer IN (SELECT j.value FROM {ids})", (ids(names),))
    marks = {mark.lower() for mark in (*names, *addresses) if len(mark) >= SHORTEST_MARK}
    words = ids(mark.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") for mark in marks)
    for table, columns in _TEXTS:
        text = " || ' ' || ".join(f"lower({column})" for column in columns)
        told = f"EXISTS (SELECT 1 FROM {{ids}} WHERE {text} LIKE '%' || j.value || '%' ESCAPE '\\')"  # noqa: S608
        more = " AND send_key = ''" if table == "report" else ""
        change(conn, f"DELETE FROM {table} WHERE {told}{more}", (words,))  # noqa: S608


_TEXTS = (
    ("refused_item", ("body",)),
    ("report", ("raw", "detail")),
    ("alert", ("why",)),
    ("alert_message", ("entries",)),
    ("trouble", ("why",)),
    ("idempotent", ("request_key", "body")),  # keys are made by tills, mostly from what they know
)
