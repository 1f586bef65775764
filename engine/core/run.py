"""A run in hand: the enrollment being moved, with what its decision asks of the world and says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.core.condition import Constant, Ref
from engine.core.effects import Effect, Emit, Trace, TraceKind
from engine.core.enrollment import Enrollment
from engine.core.happening import Event
from engine.core.index import Interest
from engine.core.journey import Journey, Question, StepBase
from engine.core.scope import Scope, read
from engine.core.spoken import values_read
from engine.core.turn import Turn
from engine.ids import derive
from engine.values import Instant, Value


@dataclass(slots=True)
class Run:
    """One decision about one run. `it` belongs to the turn; `close` keeps what came out."""

    turn: Turn
    interest: Interest
    journey: Journey
    it: Enrollment
    effects: list[Effect] = field(default_factory=list)
    trace: list[Trace] = field(default_factory=list)

    @classmethod
    def take(cls, turn: Turn, interest: Interest, run: Enrollment) -> Run:
        """Takes a run in hand; it is forked if it still is the caller's."""
        return cls(turn, interest, interest.journey, turn.mine(run))

    def close(self) -> None:
        """The decision is complete."""
        self.it.commit = self.turn.journeys.commit
        self.turn.keep(self.it, self.effects, self.trace)

    @property
    def now(self) -> Instant:
        """The moment of the decision."""
        return self.turn.now

    def scope(self, event: Event | None = None) -> Scope:
        """What a question may look at."""
        return Scope(self.turn.facts, self.it, self.turn.now, event)

    def read(self, ref: Ref) -> Value:
        """The value of a name for this run now."""
        return read(ref, self.scope(), self.turn.index.rules)

    def say(self, kind: TraceKind, step: StepBase | None = None, subject: str = "", detail: str = "") -> None:
        """One line of the customer's history."""
        self.trace.append(
            Trace(
                self.turn.now,
                kind,
                self.journey.name,
                self.it.id,
                step.id if step is not None else "",
                step.line if step is not None else 0,
                subject,
                detail,
            )
        )

    def say_asked(
        self,
        kind: TraceKind,
        question: Question,
        answer: str,
        step: StepBase | None = None,
        event: Event | None = None,
    ) -> None:
        """A question, its answer, and the values that it looked at. With `Journeys.explain` off these are left out."""
        found: tuple[tuple[str, str], ...] = ()
        if self.turn.journeys.explain:
            found = values_read(question.condition, self.scope(event), self.turn.index.rules)
        elif kind == "asked":
            return
        line = question.line or (step.line if step is not None else 0)
        self.trace.append(
            Trace(
                self.turn.now,
                kind,
                self.journey.name,
                self.it.id,
                step.id if step is not None else "",
                line,
                question.text,
                answer,
                found,
            )
        )

    def emit(
        self, name: str, step: str = "", template: str = "", channel: str = "", at: Instant | None = None
    ) -> None:
        """An event of the engine's own, if anything in the project looks at it."""
        if name not in self.turn.index.heard:
            return
        fields: dict[str, Value] = {"journey": self.journey.name}
        if step:
            fields["step"] = step
        if template:
            fields |= {"template": template, "channel": channel}
        moment = at if at is not None else self.turn.now
        number = len(self.effects)
        self.effects.append(Emit(derive("emit", self.it.id, self.it.seq, number, name), name, moment, fields))


def given_values(run: Run, values: tuple[tuple[str, Constant | Ref], ...]) -> Mapping[str, Value]:
    """The values of `with`: literals as they are, names as they stand now."""
    return {name: run.read(value) if isinstance(value, Ref) else value for name, value in values}
