"""What the daemon that runs on a store says about itself, for commands beside it: what it took of the last
deployment, and which channels fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, select
from sqlmodel import col

from engine.store import meta
from engine.store.schema.tables import MetaRow
from engine.values import Instant

_FOLLOWED, _FAILING = "daemon.followed", "daemon.failing."


@dataclass(frozen=True, slots=True)
class FollowedDeployment:
    """The last deployment that a daemon has taken. `refused`: why its channels stay those of before, ""
    when they are the new ones; `after_restart`: parts of config.yaml that count only then."""

    number: int
    refused: str = ""
    after_restart: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FailingChannel:
    """A channel that takes nothing at the moment."""

    channel: str
    since: Instant
    why: str


def note_followed(conn: Connection, followed: FollowedDeployment) -> None:
    """The daemon goes on with this deployment."""
    meta.put(conn, _FOLLOWED, msgspec.json.encode(followed).decode())


def followed(conn: Connection) -> FollowedDeployment | None:
    """What the daemon took last; None: none has run here."""
    text = meta.get(conn, _FOLLOWED)
    return msgspec.json.decode(text, type=FollowedDeployment) if text else None


def note_failing(conn: Connection, channel: str, why: str, now: Instant) -> None:
    """It fails, for the first time or still; the moment of the first time stays."""
    known = _decoded(meta.get(conn, _FAILING + channel))
    since = known["since"] if known else now
    meta.put(conn, _FAILING + channel, msgspec.json.encode({"since": since, "why": why[:300]}).decode())


def note_working(conn: Connection, channel: str) -> None:
    """It takes messages (again)."""
    conn.execute(delete(MetaRow).where(col(MetaRow.name) == _FAILING + channel))


def failing_channels(conn: Connection) -> list[FailingChannel]:
    """Those of which the last attempt said so, by name."""
    rows = conn.execute(
        select(col(MetaRow.name), col(MetaRow.value))
        .where(col(MetaRow.name).startswith(_FAILING, autoescape=True))
        .order_by(col(MetaRow.name))
    ).all()
    return [
        FailingChannel(name.removeprefix(_FAILING), Instant(known["since"]), known["why"])
        for name, value in rows
        if (known := _decoded(value))
    ]


def _decoded(text: str | None) -> dict[str, Any]:
    return msgspec.json.decode(text, type=dict[str, Any]) if text else {}
