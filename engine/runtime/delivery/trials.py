"""Pauses that answers have caused try again by themselves: one message at a time, until one is taken.

Nobody has to be awake for it, and nobody can hold up a shop by what a mail server of his own answers. How
often a pause was tried is kept in memory: after a restart it begins anew, from the moment at which the
pause began.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from sqlalchemy import Connection

from engine.backoff import Backoff
from engine.store.journeys import pauses
from engine.store.journeys.pauses import PauseRecord
from engine.values import HOUR, MINUTE, Instant

log = structlog.get_logger("deliverer")

WAITS = Backoff(15 * MINUTE, 6 * HOUR, spread=5)
"""Until a pause is tried again, longer after every trial in a row that failed."""


class Trials:
    """Of one channel, and of the recipients' domains if it is the e-mail channel. `speed`: engine
    milliseconds per real one."""

    def __init__(self, channel: str, speed: float = 1.0) -> None:
        self.is_on = False  # the channel is on trial: one message at a time
        self._channel = channel
        self._speed = speed
        self._begun: dict[tuple[str, str], int] = {}  # scope and name -> trials in a row

    def due(self, conn: Connection, now: Instant) -> list[PauseRecord]:
        """Pauses of this channel whose time has come."""
        return [
            record
            for record in pauses.list_automatic(conn)
            if (record.scope == "domain" and self._channel == "email")
            or (record.scope == "channel" and record.name == self._channel)
            if now >= self.due_at(record)
        ]

    def due_at(self, record: PauseRecord) -> Instant:
        """When a pause is tried again."""
        begun = self._begun.get((record.scope, record.name), 0)
        return Instant(record.at + int(WAITS.wait(begun + 1, f"{record.name}{begun}") * self._speed))

    def begin(self, conn: Connection, records: Sequence[PauseRecord]) -> None:
        """Lifts pauses, in a transaction of the writer. The next answers decide."""
        for record in records:
            pauses.resume(conn, record.scope, record.name)
            begun = self._begun.get((record.scope, record.name), 0) + 1
            self._begun[record.scope, record.name] = begun
            self.is_on = self.is_on or record.scope == "channel"
            log.warning("pause_tried_again", scope=record.scope, name=record.name, trial=begun)

    def succeed(self, domain: str) -> None:
        """A message was taken."""
        self._begun.pop(("domain", domain), None)
        if self.is_on:
            self.is_on = False
            self._begun.pop(("channel", self._channel), None)
            log.info("channel_goes_on", channel=self._channel)
