"""The world that `decide` acts upon, without a world: every message is handed over at once, every code is
there.

Stories and replay drive customers with it. One happening after the other: what a decision asks for comes
back as happenings of the same moment, until nothing new comes (hand-over takes no time).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.core.decide import Decided, decide
from engine.core.decision.effects import Decision, Emit, TakeCode
from engine.core.facts.customer import CustomerState
from engine.core.happening import CodeTaken, Event, Happening
from engine.core.journeys import Journeys
from engine.values import Instant

Record = Callable[[CustomerState, Decision, Instant], None]
"""Hears of every decision, with the state after it."""

Observer = Callable[[CustomerState, Happening | None, Decided, Instant], None]
"""Hears of everything that is decided, also where nothing follows: the state before, what happened (None: the
time alone), and what came of it."""


@dataclass(slots=True)
class Decider:
    """Numbers happenings in the order of receipt and settles what decisions ask for. `starts`: whether events
    that the engine emits itself may start runs. `observer`: for who wants to know more than the decisions."""

    journeys: Journeys
    record: Record
    number: int = 0
    starts: bool = True
    observer: Observer | None = None

    def next_number(self) -> int:
        """The place of the next happening in the order of receipt."""
        self.number += 1
        return self.number

    def wake(self, state: CustomerState, now: Instant) -> CustomerState:
        """Nothing happened but the time: what is due is decided, oldest first."""
        decided = decide(state, (), self.journeys, now, sends_at_once=True)
        if self.observer is not None:
            self.observer(state, None, decided, now)
        return self._follow(decided, self.journeys, now)

    def apply(
        self,
        state: CustomerState,
        happening: Happening,
        now: Instant,
        *,
        folded: bool = False,
        journeys: Journeys | None = None,
    ) -> CustomerState:
        """The state after a happening and everything that follows from it at the same moment; what is due
        waits, since more may happen at this moment. `folded`: the facts of `state` hold the event already.
        `journeys`: those that hear of it, where they are not the same as always."""
        journeys = journeys or self.journeys
        decided = decide(state, (happening,), journeys, now, wakes=False, sends_at_once=True, folded=folded)
        if self.observer is not None:
            self.observer(state, happening, decided, now)
        return self._follow(decided, journeys, now)

    def _follow(self, decided: Decided, journeys: Journeys, now: Instant) -> CustomerState:
        state = decided.state
        if not decided.decisions:
            return state
        coming = self._settle(state, decided.decisions, now)
        # In the order of receipt, as the daemon takes them from its inbox
        while coming:
            happening = coming.pop(0)
            decided = decide(state, (happening,), journeys, now, wakes=False, sends_at_once=True)
            if self.observer is not None:
                self.observer(state, happening, decided, now)
            state = decided.state
            coming += self._settle(state, decided.decisions, now)
        return state

    def _settle(self, state: CustomerState, decisions: tuple[Decision, ...], now: Instant) -> list[Happening]:
        """Records decisions; the happenings that they ask for."""
        coming: list[Happening] = []
        for decision in decisions:
            self.record(state, decision, now)
            for effect in decision.effects:
                if isinstance(effect, Emit):
                    number = self.next_number()
                    head = (number, effect.id, effect.name, effect.at, now)
                    coming.append(Event(*head, effect.fields, self.starts, effect.causes))
                elif isinstance(effect, TakeCode) and effect.value is None:
                    number = self.next_number()
                    code = f"{effect.pool}-{number}"  # made up, and another one each time
                    coming.append(CodeTaken(number, now, effect.enrollment, effect.pool, code))
        return coming
