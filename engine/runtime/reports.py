"""What providers say later, from wherever it came: callbacks, mailboxes, lists, an operator. Each thing counts once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.channels.base import Report
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of some reports: `new` counted, `known` had been taken before, `lost` are about no message and no
    customer that we know (kept beside all the same)."""

    new: int = 0
    known: int = 0
    lost: int = 0


def take_reports(conn: Connection, channel: str, reports: Sequence[Report], now: Instant) -> Taken:
    """Takes reports in a transaction of the writer: settles messages, tells journeys, closes addresses."""
    raise NotImplementedError
