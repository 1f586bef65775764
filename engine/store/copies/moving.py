"""What two databases note when a store is carried over from one to the other: never do both of them send."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from engine.store import meta

_MOVED = "moved_to"
_DONE = "move_done"
_FILLED = "carried_from"


class Filling(msgspec.Struct):
    """Of a database that is being filled: from which one (its instance), and the last key of every table that
    has begun; None: the table is whole."""

    instance: str
    tables: dict[str, list[str | int] | None]


def note_moving(conn: Connection, where: str) -> None:
    """From now on no daemon works on this database: what it holds goes on at another address."""
    meta.put(conn, _MOVED, where)


def moved_to(conn: Connection) -> str | None:
    """The address at which this store goes on; None: here."""
    return meta.get(conn, _MOVED)


def note_move_done(conn: Connection) -> None:
    """Everything is there, and a daemon may begin to work there."""
    meta.put(conn, _DONE, "yes")


def is_move_done(conn: Connection) -> bool:
    """Whether all of this store is there."""
    return meta.get(conn, _DONE) is not None


def stay(conn: Connection) -> None:
    """It goes on here after all."""
    meta.remove(conn, _MOVED)
    meta.remove(conn, _DONE)


def note_filling(conn: Connection, filling: Filling) -> None:
    """How far this database is filled, in the transaction that has filled it."""
    meta.put(conn, _FILLED, msgspec.json.encode(filling).decode())


def filling(conn: Connection) -> Filling | None:
    """How far this database is filled; None: it is whole."""
    text = meta.get(conn, _FILLED)
    return msgspec.json.decode(text, type=Filling) if text else None


def note_whole(conn: Connection) -> None:
    """Nothing is missing here any more."""
    meta.remove(conn, _FILLED)


def why_not_here(conn: Connection, name: str) -> str | None:
    """Why no daemon may work on this database; None: it may."""
    where = moved_to(conn)
    if where is not None:
        return f"{name} was carried over to {where}, where its daemon works now"
    if filling(conn) is not None:
        return f"{name} is filled only in part from another store"
    return None
