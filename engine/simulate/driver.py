"""The world that `decide` acts upon, without a world: every message is handed over at once, every code is there.

Stories and replay drive customers with it. One happening after the other: what a decision asks for comes
back as happenings of the same moment, until nothing new comes (hand-over takes no time).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.core.decide import Decided, decide
from engine.core.effects import Cancel, Decision, Emit, Send, TakeCode
from engine.core.facts import CustomerState
from engine.core.happening import CodeTaken, Event, Handed, Happening
from engine.core.journey import Journeys
from engine.values import Instant

Record = Callable[[CustomerState, Decision, Instant], None]
"""Hears of every decision, with the state after it."""

_NO_SENDS: Mapping[str, Send] = {}


@dataclass(slots=True)
class Driver:
    """Numbers happenings in the order of receipt and settles what decisions ask for. `starts`: whether events that the
    engine emits itself may start runs."""

    journeys: Journeys
    record: Record
    number: int = 0
    starts: bool = True

    def next_number(self) -> int:
        """The place of the next happening in the order of receipt."""
        self.number += 1
        return self.number

    def wake(self, state: CustomerState, now: Instant) -> CustomerState:
        """Nothing happened but the time: what is due is decided, oldest first."""
        return self._follow(decide(state, (), self.journeys, now), now)

    def apply(self, state: CustomerState, happening: Happening, now: Instant) -> CustomerState:
        """The state after a happening and everything that follows from it at the same moment; what is due waits, since
        more may happen at this moment."""
        return self._follow(decide(state, (happening,), self.journeys, now, wakes=False), now)

    def _follow(self, decided: Decided, now: Instant) -> CustomerState:
        state = decided.state
        if not decided.decisions:
            return state
        handed: deque[Happening] = deque()
        emitted: deque[Happening] = deque()
        self._settle(state, decided.decisions, now, handed, emitted)
        while handed or emitted:
            next_one = handed.popleft() if handed else emitted.popleft()
            decided = decide(state, (next_one,), self.journeys, now, wakes=False)
            state = decided.state
            self._settle(state, decided.decisions, now, handed, emitted)
        return state

    def _settle(
        self,
        state: CustomerState,
        decisions: tuple[Decision, ...],
        now: Instant,
        handed: deque[Happening],
        emitted: deque[Happening],
    ) -> None:
        sends = _NO_SENDS
        for decision in decisions:
            self.record(state, decision, now)
            for effect in decision.effects:
                match effect:
                    case Send():
                        sends = {**sends, effect.key: effect}
                    case Cancel():
                        sends = {key: send for key, send in sends.items() if key != effect.key}
                        _drop(handed, effect.key)
                    case Emit():
                        emitted.append(self._event(effect, now))
                    case TakeCode() if effect.value is None:
                        emitted.append(self._code(effect, now))
        for send in sends.values():
            handed.append(Handed(self.next_number(), now, send.key, send.enrollment))

    def _event(self, emit: Emit, now: Instant) -> Event:
        return Event(self.next_number(), emit.id, emit.name, emit.at, now, emit.fields, self.starts)

    def _code(self, effect: TakeCode, now: Instant) -> CodeTaken:
        number = self.next_number()
        return CodeTaken(number, now, effect.enrollment, effect.pool, f"{effect.pool}-{number}")


def _drop(handed: deque[Happening], key: str) -> None:
    for one in [each for each in handed if isinstance(each, Handed) and each.key == key]:
        handed.remove(one)
