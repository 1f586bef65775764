"""Which report was mailed to whom last: claimed before it is sent, so that it is sent once, whatever dies and
however many processes look."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec
from sqlalchemy import Connection

from engine.store import meta
from engine.values import Instant

_MAILED = "report_mail."


class ReportMailState(StrEnum):
    """How far the mail of a day has come. Stored."""

    WAITING = "waiting"  # for its next try
    CLAIMED = "claimed"  # somebody is about to send it; nothing has left
    HANDED = "handed"  # it may have left
    SETTLED = "settled"  # it left, or nobody will try again


class ReportMail(msgspec.Struct, frozen=True):
    """The last one of an address. `day`: on which it was due (ISO 8601); `ready_at`: when it may be tried, or
    taken for given up by whoever claimed it; `attempts`: those that failed."""

    day: str
    state: ReportMailState
    ready_at: Instant
    attempts: int = 0

    def is_due(self, day: str, now: Instant) -> bool:
        """Whether there is something to do for the mail of this day."""
        if self.day < day:
            return True
        return self.day == day and self.state is not ReportMailState.SETTLED and self.ready_at <= now


def get(conn: Connection, address: str) -> ReportMail | None:
    """The last one of this address; None: none was ever looked for."""
    text = meta.get(conn, _MAILED + address)
    return msgspec.json.decode(text, type=ReportMail) if text else None


def change(conn: Connection, address: str, known: ReportMail, now: ReportMail) -> bool:
    """Notes how far it has come, alone on the database. False: it is not what is `known` any more, since
    somebody else took this process for dead."""
    if get(conn, address) != known:
        return False
    _put(conn, address, now)
    return True


def begin(conn: Connection, addresses: Iterable[str], day: str, now: Instant) -> None:
    """Named just now: the first mail of these addresses is the one after this day."""
    for address in addresses:
        if get(conn, address) is None:
            _put(conn, address, ReportMail(day, ReportMailState.SETTLED, now))


def claim(conn: Connection, address: str, day: str, now: Instant, lease: int) -> ReportMail | None:
    """Claims the mail of this day for `lease` milliseconds, alone on the database. None: nothing is to be
    sent. One that may have left when its process died comes back as `HANDED`, and is settled: nobody knows,
    and it is not sent twice."""
    known = get(conn, address)
    if known is None or not known.is_due(day, now):
        return None
    if known.day == day and known.state is ReportMailState.HANDED:
        _put(conn, address, msgspec.structs.replace(known, state=ReportMailState.SETTLED))
        return known
    attempts = known.attempts if known.day == day else 0
    claimed = ReportMail(day, ReportMailState.CLAIMED, Instant(now + lease), attempts)
    _put(conn, address, claimed)
    return claimed


def _put(conn: Connection, address: str, mail: ReportMail) -> None:
    meta.put(conn, _MAILED + address, msgspec.json.encode(mail).decode())
