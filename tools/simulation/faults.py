"""What breaks, when, and how: statements, commits and processes, each at a moment that the seed says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

Place = Literal["statement", "commit", "after commit"]
PLACES: tuple[Place, ...] = ("statement", "commit", "after commit")

WORDS = ("disk I/O error", "database is locked")


class CrashedError(BaseException):
    """The process is dead. Not an Exception: nothing of the engine may catch it and go on."""


@dataclass(slots=True)
class Fault:
    """The n-th time that a place is passed something breaks there: the statement fails, or the process
    dies."""

    place: Place
    left: int
    is_crash: bool
    words: str = WORDS[0]


class FaultPoints:
    """The places of one process at which something may break. `armed` is the one fault that waits; a dead
    process does nothing at all any more."""

    def __init__(self) -> None:
        self.armed: Fault | None = None
        self.died = asyncio.Event()
        self.struck = 0

    @property
    def is_dead(self) -> bool:
        """The process does nothing any more."""
        return self.died.is_set()

    def attach(self, engine: Engine) -> None:
        """Makes every statement and commit of a database pass here."""
        event.listen(engine, "before_cursor_execute", self._statement)
        event.listen(engine, "commit", self._commit)

    def arm(self, dice: Random) -> None:
        """Something will break, soon or later. After a commit only a crash can strike: an error there would
        be a lie."""
        place = dice.choice(PLACES)
        is_crash = place == "after commit" or dice.random() < 0.5
        left = dice.randint(1, 60 if place == "statement" else 8)
        self.armed = Fault(place, left, is_crash, dice.choice(WORDS))

    def die(self) -> None:
        """From now on nobody of this process reaches anything."""
        self.died.set()

    def reach(self, place: Place) -> None:
        """The process passes a place. Raises CrashedError or OperationalError when it breaks there."""
        if self.is_dead:
            raise CrashedError
        fault = self.armed
        if fault is None or fault.place != place:
            return
        fault.left -= 1
        if fault.left > 0:
            return
        self.armed = None
        self.struck += 1
        if fault.is_crash:
            self.die()
            raise CrashedError
        raise OperationalError(f"the {place}", {}, Exception(fault.words))

    def _statement(self, *_: Any) -> None:
        self.reach("statement")

    def _commit(self, *_: Any) -> None:
        self.reach("commit")
