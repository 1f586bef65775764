"""Promo codes that were given out: recorded, recognised in events, given back.

A generated code, and one of a file, belongs to one run at a time: the indexes `code_held` and
`code_stock_value` see to it, whoever writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection

from engine.core.decision.effects import GiveBack, TakeCode
from engine.store.incentives import code_stock
from engine.store.serialization import dump
from engine.store.sql import change, change_many, ids, rows
from engine.values import Instant


def take(conn: Connection, bucket: int, taken: Sequence[tuple[str, TakeCode]], now: Instant) -> None:
    """Records codes of customers: (customer, code). The same code asked again by the same run is one row,
    worth what the run was told last. Where the code of a file is asked for, the answer comes to the
    customer's inbox."""
    if not taken:
        return
    change_many(
        conn,
        "INSERT INTO code (bucket, pool, value, enrollment, customer, taken_at, expires_at, kind, journey,"
        " asked, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (bucket, pool, value, enrollment) DO UPDATE SET given_back_at = NULL,"
        " text = excluded.text, expires_at = excluded.expires_at",
        [
            (
                bucket, code.pool, code.value, code.enrollment, customer, now, code.expires, code.kind,
                code.journey, "" if code.name == code.pool else code.name, code.text,
            )
            for customer, code in taken
            if code.value is not None
        ],
    )  # fmt: skip
    wanted: dict[str, list[code_stock.CodeRequest]] = {}
    for customer, code in taken:
        if code.value is None:
            wanted.setdefault(code.pool, []).append(code_stock.CodeRequest(code.enrollment, bucket, customer))
    for pool, asked in wanted.items():
        code_stock.take(conn, pool, asked, now)


def give_back(conn: Connection, bucket: int, codes: Iterable[GiveBack], now: Instant) -> None:
    """Notes that runs ended before their codes were handed over; those of a file are free again. One that was
    used stays."""
    free = dump([(code.pool, code.value, code.enrollment) for code in codes])
    sql = (
        "UPDATE code SET given_back_at = ? FROM {lines} WHERE code.bucket = ? AND code.pool = {cell0}"
        " AND code.value = {cell1} AND code.enrollment = {cell2} AND code.used_at IS NULL"
    )
    change(conn, sql, (now, free, bucket))
    code_stock.free(conn, free)


def held_by_others(conn: Connection, texts: Mapping[str, str]) -> set[str]:
    """Those of these texts (text -> enrollment) that another run has, or that a file holds."""
    sql = (
        "SELECT c.value, c.enrollment FROM {ids} CROSS JOIN code c WHERE c.value = j.value"
        " AND c.kind <> 'shared' AND c.given_back_at IS NULL"
        " UNION ALL SELECT s.value, '' FROM {ids} CROSS JOIN code_stock s WHERE s.value = j.value"
    )
    asked = ids(texts)
    return {text for text, enrollment in rows(conn, sql, (asked, asked)) if texts[text] != enrollment}
