"""What was refused at once among the daily counts, and an index that counts who is inside"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_MOMENT = 15 * 60 * 1000
_REFUSED = (
    f"SELECT settled_at / {_MOMENT}, journey, step, channel, state, count(*) FROM outbox"  # noqa: S608
    " WHERE handed_at IS NULL AND state IN ('bounced', 'failed') AND settled_at IS NOT NULL"
    " GROUP BY 1, 2, 3, 4, 5"
)
_ADD = (
    "INSERT INTO daily (day, journey, step, channel, what, why, shard, n, money)"
    " VALUES (:day, :journey, :step, :channel, :what, '', 0, :n, 0)"
    " ON CONFLICT (day, journey, step, channel, what, why, shard) DO UPDATE SET n = daily.n + excluded.n"
)


def upgrade() -> None:
    """To this version: messages that were refused before any hand-over count as sent, and as bounced or
    failed, on the day of the refusal."""
    _count(1)
    _index("journey", "bucket", "customer", "holdout", "ended_at")


def downgrade() -> None:
    """To the version before, which counted none of them."""
    _count(-1)
    _index("journey", "bucket")


def _index(*columns: str) -> None:
    is_open = sa.text("ended_at IS NULL")
    op.drop_index("enrollment_journey", "enrollment")
    op.create_index(
        "enrollment_journey", "enrollment", [*columns], sqlite_where=is_open, postgresql_where=is_open
    )


def _count(sign: int) -> None:
    conn = op.get_bind()
    texts = conn.execute(sa.text("SELECT name, value FROM meta WHERE name LIKE 'figures%'"))
    told = {str(row.name): str(row.value) for row in texts}
    filling = told.get("figures_filling")
    if filling is not None and not json.loads(filling)["states"]:
        return  # what became of messages is still to be counted, these among them
    zone = ZoneInfo(json.loads(told.get("figures", "{}")).get("zone", "UTC"))
    counts: Counter[tuple[int, str, str, str, str]] = Counter()
    for moment, journey, step, channel, state, n in conn.execute(sa.text(_REFUSED)):
        at = dt.datetime.fromtimestamp(moment * _MOMENT / 1000, zone)
        day = (at.date() - dt.date(1970, 1, 1)).days
        for what in ("sent", state):
            counts[day, journey, step, channel, what] += n
    lines = [
        {"day": day, "journey": journey, "step": step, "channel": channel, "what": what, "n": sign * n}
        for (day, journey, step, channel, what), n in sorted(counts.items())
    ]
    if lines:
        conn.execute(sa.text(_ADD), lines)
