"""One decision about one run: the enrollment, what the decision asks of the world, and what it says about
itself."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from engine.core.conditions.condition import Constant, Ref
from engine.core.conditions.scope import Scope, read
from engine.core.conditions.trace_values import values_asked
from engine.core.decision.causes import causes_of, united_causes
from engine.core.decision.decision_context import DecisionContext
from engine.core.decision.effects import Effect, Emit, Trace, TraceKind
from engine.core.enrollment import Enrollment
from engine.core.happening import Event
from engine.core.journey import Journey, Question, Step
from engine.core.subscriptions import JourneySubscription
from engine.ids import derive
from engine.values import Instant, Value

NOTHING: Mapping[str, Value] = {}


class Transition(Struct):
    """One decision about one run, from `begin` to `complete`."""

    context: DecisionContext
    subscription: JourneySubscription
    # Of a migration this is the new version, which the subscription does not know yet.
    journey: Journey
    enrollment: Enrollment  # a fork: it may be changed
    effects: list[Effect] = field(default_factory=list)
    trace: list[Trace] = field(default_factory=list)
    reached: list[str] = field(default_factory=list)  # ids of the steps that it came to

    @classmethod
    def begin(
        cls, context: DecisionContext, subscription: JourneySubscription, enrollment: Enrollment
    ) -> Transition:
        """Begins a decision about a run, which is forked if it still is the caller's."""
        return cls(context, subscription, subscription.journey, context.fork_enrollment(enrollment))

    def complete(self) -> None:
        """Records the decision."""
        # The version of the files that it was taken by, for the trace; nobody decides by an older one.
        context = self.context
        self.enrollment.commit = context.journeys.commit
        context.record(self.enrollment, self.effects, self.trace, self.reached)
        if context.changed_attributes or context.changed_journeys:
            context.changed_by = united_causes(context.changed_by, causes_of(self.enrollment, self.now))

    @property
    def now(self) -> Instant:
        """The moment of the decision."""
        return self.context.now

    def scope(self, event: Event | None = None) -> Scope:
        """What a question may look at."""
        return Scope(self.context.facts, self.enrollment, self.context.now, event)

    def read(self, ref: Ref) -> Value:
        """The value of a name for this run now."""
        return read(ref, self.scope(), self.context.index.rules)

    def add_trace(
        self, kind: TraceKind, step: Step | None = None, subject: str = "", detail: str = ""
    ) -> None:
        """One line of the customer's history."""
        self.trace.append(
            Trace(
                self.context.now,
                kind,
                self.journey.name,
                self.enrollment.id,
                step.id if step is not None else "",
                step.line if step is not None else 0,
                subject,
                detail,
            )
        )

    def trace_question(
        self,
        kind: TraceKind,
        question: Question,
        answer: str,
        step: Step | None = None,
        event: Event | None = None,
    ) -> None:
        """A question, its answer, and the values that it looked at. With `Journeys.explain` off these are
        left out."""
        values: tuple[tuple[str, str], ...] = ()
        # A replay of years asks millions of questions whose answers nobody reads one by one.
        if self.context.journeys.explain:
            values = values_asked(question.condition, self.scope(event), self.context.index.rules)
        elif kind == "asked":
            return
        line = question.line or (step.line if step is not None else 0)
        self.trace.append(
            Trace(
                self.context.now,
                kind,
                self.journey.name,
                self.enrollment.id,
                step.id if step is not None else "",
                line,
                question.text,
                answer,
                values,
            )
        )

    def emit(
        self,
        name: str,
        step: str = "",
        template: str = "",
        channel: str = "",
        at: Instant | None = None,
        more: Mapping[str, Value] = NOTHING,
    ) -> None:
        """An event of the engine's own, if anything in the project looks at it. `more`: fields of its own."""
        # Each one is a row and a decision of its own: most projects look at none of them.
        if name not in self.context.index.observed_events:
            return
        fields: dict[str, Value] = {"journey": self.journey.name, **more}
        if step:
            fields["step"] = step
        if template:
            fields |= {"template": template, "channel": channel}
        moment = at if at is not None else self.context.now
        # The place in the decision makes the id: the same decision taken twice emits the same event once.
        key = derive("emit", self.enrollment.id, self.enrollment.seq, len(self.effects), name)
        self.effects.append(Emit(key, name, moment, fields, causes_of(self.enrollment, self.now)))


def values_of_with(
    transition: Transition, values: tuple[tuple[str, Constant | Ref], ...]
) -> Mapping[str, Value]:
    """The values of `with`: literals as they are, names as they stand now."""
    return {name: transition.read(value) if isinstance(value, Ref) else value for name, value in values}


def times_of_with(values: tuple[tuple[str, Constant | Ref], ...]) -> tuple[str, ...]:
    """Which values of `with` are moments, which by themselves look like any other number."""
    return tuple(name for name, value in values if isinstance(value, Ref) and value.type.kind == "time")


def lists_of_with(values: tuple[tuple[str, Constant | Ref], ...]) -> dict[str, Value]:
    """Which values of `with` are recommendations, and their names in config.yaml."""
    return {
        name: value.name for name, value in values if isinstance(value, Ref) and value.source == "recommend"
    }
