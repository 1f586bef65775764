"""In which buckets something is to be done: of many most have nothing, and a batch costs a commit."""

from __future__ import annotations

from sqlalchemy import Connection

from engine.store.connections import BUCKET_SPACE
from engine.store.meta import buckets
from engine.store.sql import rows
from engine.values import Instant

# Two looks into an index for each bucket. As scalars: an EXISTS might become a join that reads all that waits
_BUSY = (
    "SELECT b.bucket FROM generate_series(0, ?) AS b(bucket)"
    " WHERE (SELECT 1 FROM inbox i WHERE i.bucket = b.bucket LIMIT 1) IS NOT NULL"
    " OR (SELECT min(d.due_at) FROM due d WHERE d.bucket = b.bucket) <= ? ORDER BY b.bucket"
)


def busy_buckets(conn: Connection, now: Instant) -> list[int]:
    """Buckets with rows in the inbox, or with somebody who is due. The only one is not asked."""
    many = buckets(conn)
    if many == 1:
        return [0]
    return [bucket for (bucket,) in rows(conn, _BUSY, (many - 1, now))]


def hold(conn: Connection, bucket: int) -> bool:
    """Until the end of this transaction nobody else decides about customers of this bucket. False: somebody
    does at this moment. An SQLite file has one writer anyway."""
    if conn.dialect.name == "sqlite":
        return True
    return bool(rows(conn, "SELECT pg_try_advisory_xact_lock(?, ?)", (BUCKET_SPACE, bucket))[0][0])
