"""What a changed file does to the people who are inside: a map from old places to new ones
(design/language 2.15)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from msgspec.structs import replace

from engine.core.decision_context import DecisionContext
from engine.core.effects import Decision
from engine.core.ending import cancel_planned, end
from engine.core.enrollment import (
    AwaitingSend,
    Deferred,
    Due,
    Enrollment,
    EnrollmentState,
    Relocating,
    Waiting,
)
from engine.core.facts.customer import CustomerState, Facts
from engine.core.journey import Journey, SendStep, Step, WaitStep
from engine.core.journeys import Journeys
from engine.core.reasons import HoldReason
from engine.core.timing.due import MissingDate, wait_due
from engine.core.transition import Transition
from engine.ids import unit
from engine.values import DAY, Instant

Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class Move:
    """What becomes of the people at one step.

    `stays`: at `to`, the same step (perhaps renamed, moved or changed). `gone`: the step was removed; they go on at
    `to`, the first later step that still exists; None: they finish. `recomputed`: they wait for the new length.
    `listens_anew`: what the wait looks for has changed, it counts from now on. `asks_again`: a message that is planned
    but not handed over is planned anew.
    """

    kind: Literal["stays", "gone"]
    to: str | None
    recomputed: bool = False
    listens_anew: bool = False
    asks_again: bool = False


@dataclass(frozen=True, slots=True)
class Migration:
    """One journey, from the version that is published to the next. `moves`: by the id of the old step. `spread`: who
    would be due at once by a recomputed wait is spread over a day; a caller who counted only a few may put it off."""

    new: Journey
    moves: Mapping[str, Move]
    renamed: Mapping[str, str]
    journeys: Journeys
    spread: bool = True

    @property
    def changes_nothing(self) -> bool:
        """True when nobody inside is touched, so that no run has to be looked at."""
        return (
            self.new.state != "stopped"
            and self.new.was is None
            and not self.renamed
            and all(move == Move("stays", step) for step, move in self.moves.items())
        )

    def apply(self, enrollment: Enrollment, facts: Facts, now: Instant) -> Decision:
        """Moves one run. A run that nothing happens to is given back as it is, without effects and trace."""
        context = DecisionContext.of(CustomerState(facts, {enrollment.id: enrollment}), self.journeys, now)
        twin = enrollment.fork()
        run = Transition(context, context.index.subscriptions[self.new.name], self.new, twin)
        if enrollment.journey != self.new.name:
            twin.journey = self.new.name
        self._rename(twin)
        if twin.is_open and self.new.state == "stopped":
            run.add_trace("stopped")
            end(run, "stopped")
        elif twin.is_open and twin.state is not None:
            self._move(run, twin.state)
        if twin == enrollment and not run.effects:
            return Decision(enrollment, (), ())
        twin.seq += 1
        return Decision(twin, tuple(run.effects), tuple(run.trace))

    def _rename(self, enrollment: Enrollment) -> None:
        """What is kept under the ids of steps follows them."""
        for old, new in self.renamed.items():
            _rename_key(enrollment.sent, old, new)
            _rename_key(enrollment.skipped, old, new)
            _rename_key(enrollment.paths, old, new)
            if old in enrollment.done:
                enrollment.done.remove(old)
                enrollment.done.add(new)

    def _move(self, transition: Transition, state: EnrollmentState) -> None:
        if isinstance(state, Relocating) and state.step is None:
            return
        place = state.step
        assert place is not None
        move = self.moves.get(place)
        if move is None:  # a step of a version before the last one: known by id, or gone
            to = self.renamed.get(place, place)
            move = Move("stays", to) if to in {step.id for step in self.new.steps} else Move("gone", None)
        if move.kind == "gone":
            self._leave(transition, state, move)
            return
        assert move.to is not None
        if move.to != place:
            transition.enrollment.state = state = replace(state, step=move.to)
        if isinstance(state, Waiting):
            self._wait_on(transition, state, move)
        elif isinstance(state, AwaitingSend) and move.asks_again and not state.unknown:
            cancel_planned(transition, "changed")
            transition.enrollment.state = Deferred(
                state.step, state.channel, HoldReason.CHANGED, state.first_due, state.tried
            )
            transition.enrollment.due = Due(transition.now)

    def _leave(self, transition: Transition, state: EnrollmentState, move: Move) -> None:
        """The step is gone. Who waited goes on when the wait would have ended, everybody else now."""
        enrollment = transition.enrollment
        was = state.was if isinstance(state, Relocating) else state.step
        if not (isinstance(state, AwaitingSend) and state.unknown):
            cancel_planned(transition, "removed")
        keeps_moment = (
            isinstance(state, Waiting | Relocating) and move.to is not None and enrollment.due is not None
        )
        enrollment.state = Relocating(move.to, was)
        if not keeps_moment:
            enrollment.due = Due(transition.now)
        transition.add_trace("moved", None, was, move.to or "finish")

    def _wait_on(self, transition: Transition, state: Waiting, move: Move) -> None:
        enrollment = transition.enrollment
        if move.listens_anew:
            enrollment.state = Waiting(state.step, transition.now, 0)
        if not move.recomputed:
            return
        step = next(step for step in self.new.steps if step.id == state.step)
        assert isinstance(step, WaitStep)
        due = wait_due(transition, step)
        if isinstance(due, MissingDate):
            enrollment.state, enrollment.due = (
                Relocating(state.step, state.step),
                Due(transition.now),
            )  # the step itself says what is missing
            return
        if due.at <= transition.now:
            offset = int(unit("spread", enrollment.id, state.step) * DAY) if self.spread else 0
            due = Due(Instant(transition.now + offset))
        enrollment.due = due
        transition.add_trace("moved", step, state.step, "new length")


def _rename_key(kept: dict[str, Kept], old: str, new: str) -> None:
    if old in kept and new not in kept:
        kept[new] = kept.pop(old)


def migration(old: Journey, new: Journey) -> Migration:
    """What becomes of everybody inside `old` when `new` is published in its place."""
    renamed = {step.was: step.id for step in new.steps if step.was is not None and step.was != step.id}
    ids = {step.id: step for step in new.steps}
    renamed = {was: to for was, to in renamed.items() if was not in ids}
    moves = {step.id: _move_of(step, old, ids, renamed) for step in old.steps}
    return Migration(new, moves, renamed, Journeys({new.name: new}))


def _move_of(step: Step, old: Journey, ids: Mapping[str, Step], renamed: Mapping[str, str]) -> Move:
    same = _same_step(step, ids, renamed)
    if same is None:
        later = (_same_step(old.steps[index], ids, renamed) for index in step.later)
        return Move("gone", next((each.id for each in later if each is not None), None))
    if isinstance(step, WaitStep) and isinstance(same, WaitStep):
        return Move(
            "stays",
            same.id,
            recomputed=same.waiting == "recompute" and (step.length, step.until) != (same.length, same.until),
            listens_anew=step.awaited != same.awaited,
        )
    if isinstance(step, SendStep) and isinstance(same, SendStep):
        return Move("stays", same.id, asks_again=_message(step) != _message(same))
    return Move("stays", same.id)


def _same_step(step: Step, ids: Mapping[str, Step], renamed: Mapping[str, str]) -> Step | None:
    """The step of the new file with this id or this former id; an id that another verb has taken is another step."""
    found = ids.get(step.id) or ids.get(renamed.get(step.id, ""))
    return found if found is not None and type(found) is type(step) else None


def _message(step: SendStep) -> tuple[object, ...]:
    """What a planned message was planned with."""
    return step.template, step.channels, step.policy, step.values
