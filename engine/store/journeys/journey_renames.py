"""A journey that got another name keeps everything that was known under the old one."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from engine.store import meta
from engine.store.audience import admissions
from engine.store.messages.states import WAITING, MessageState, among
from engine.store.serialization import dump, load
from engine.store.sql import change, change_many, rows


def rename_journey(conn: Connection, old: str, new: str) -> None:
    """Runs that ended, last starts, fired dates and standing pauses follow the name; open runs are moved by
    the migration, which knows their steps."""
    change(conn, "UPDATE enrollment SET journey = ? WHERE journey = ? AND ended_at IS NOT NULL", (new, old))
    for table, kind in (("pause", "scope = 'journey'"), ("sweep", "kind = 'clock'")):
        # A journey of the new name that is long gone
        there = f"EXISTS (SELECT 1 FROM {table} WHERE {kind} AND name = ?)"  # noqa: S608
        change(conn, f"DELETE FROM {table} WHERE {kind} AND name = ? AND {there}", (new, old))  # noqa: S608
        change(conn, f"UPDATE {table} SET name = ? WHERE {kind} AND name = ?", (new, old))  # noqa: S608
    names = {former: new if name == old else name for former, name in names_now(conn, ()).items()}
    names[old] = new
    names.pop(new, None)
    meta.put(conn, _NAMES, dump(names))
    admissions.rename_journey(conn, old, new)
    change(
        conn,
        f"UPDATE outbox SET journey = ? WHERE journey = ? AND {among((*WAITING, MessageState.CLAIMED))}",  # noqa: S608
        (new, old),
    )
    sql = "SELECT bucket, id, CAST(marks AS TEXT) FROM customer WHERE CAST(marks AS TEXT) LIKE ?"
    changed = []
    for bucket, customer, marks in rows(conn, sql, (f'%"{old}"%',)):
        starts, occurred, *others = load(marks)
        starts = [[new if row[0] == old else row[0], *row[1:]] for row in starts]
        occurred = [[new if row[0] == old else row[0], *row[1:]] for row in occurred]
        changed.append((dump([starts, occurred, *others]), bucket, customer))
    change_many(conn, "UPDATE customer SET marks = ? WHERE bucket = ? AND id = ?", changed)


def names_now(conn: Connection, published: Collection[str]) -> dict[str, str]:
    """Former name -> the name that a journey has now, under which its figures are shown. A name that another
    journey has taken since is that one's."""
    found = meta.get(conn, _NAMES)
    names: dict[str, str] = load(found) if found is not None else {}
    return {old: new for old, new in names.items() if old not in published}


_NAMES = "former_names"
