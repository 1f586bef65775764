"""The tables of what people have to know: alerts, troubles that last, and the messages that tell of them."""

from __future__ import annotations

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from engine.store.schema.message_tables import one_of
from engine.store.schema.types import INSTANT, NUMBER

UNTOLD = text("queued_at IS NULL")
OPEN_MESSAGE = text("state <> 'sent' AND state <> 'failed'")


class AlertRow(SQLModel, table=True):
    """Something an owner has to know. The same alert of the same day is written once. `queued_at`: when it
    was put into the messages that tell of it."""

    __tablename__ = "alert"
    __table_args__ = (
        UniqueConstraint("journey", "why", "day", name="alert_once_a_day"),
        Index("alert_untold", "number", sqlite_where=UNTOLD, postgresql_where=UNTOLD),
        {"sqlite_autoincrement": True},
    )

    number: int | None = Field(default=None, primary_key=True, sa_type=NUMBER)
    at: int = Field(sa_type=INSTANT)
    day: int
    journey: str
    owner: str
    why: str
    queued_at: int | None = Field(default=None, sa_type=INSTANT)


class TroubleRow(SQLModel, table=True):
    """Something that is wrong for as long as the row stands. `told_at`: when it was last put into a
    message."""

    __tablename__ = "trouble"

    name: str = Field(primary_key=True)
    why: str
    since: int = Field(sa_type=INSTANT)
    seen_at: int = Field(sa_type=INSTANT)
    told_at: int | None = Field(default=None, sa_type=INSTANT)


class AlertMessageRow(SQLModel, table=True):
    """One message to one destination (`mail:ADDRESS`, `webhook`) about everything that came up since the last
    one. `entries`: JSON; `more`: how many of them found no room."""

    __tablename__ = "alert_message"
    __table_args__ = (
        Index("alert_message_open", "ready_at", sqlite_where=OPEN_MESSAGE, postgresql_where=OPEN_MESSAGE),
        Index("alert_message_destination", "destination", "number"),
        one_of("state", ("waiting", "sending", "sent", "failed"), "alert_message_state"),
        {"sqlite_autoincrement": True},
    )

    number: int | None = Field(default=None, primary_key=True, sa_type=NUMBER)
    destination: str
    state: str
    created_at: int = Field(sa_type=INSTANT)
    ready_at: int = Field(sa_type=INSTANT)
    attempts: int = 0
    entries: str
    more: int = 0
    detail: str = ""
