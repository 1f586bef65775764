"""How many customers have an attribute at all."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from engine.store.sql import rows


def attribute_counts(conn: Connection, names: Sequence[str]) -> dict[str, int]:
    """Of every customer there is, for each of the names; one look at everybody."""
    if not names:
        return {}
    is_sqlite = conn.dialect.name == "sqlite"
    has = "json_extract(c.attributes, ?)" if is_sqlite else "(c.attributes ->> CAST(? AS TEXT))"
    columns = ", ".join([f"sum(CASE WHEN {has} IS NULL THEN 0 ELSE 1 END)"] * len(names))
    sql = f"SELECT {columns} FROM customer c"  # noqa: S608 - words of our own
    (found,) = rows(conn, sql, tuple(f'$."{name}"' if is_sqlite else name for name in names))
    return {name: int(n or 0) for name, n in zip(names, found, strict=True)}
