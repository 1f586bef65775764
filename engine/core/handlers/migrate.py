"""What a changed file does to the people who are inside: a map from old places to new ones
(design/language 2.15)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from msgspec.structs import replace

from engine.core.decision.decision_context import DecisionContext
from engine.core.decision.effects import Decision
from engine.core.decision.ending import cancel_planned, end
from engine.core.decision.transition import Transition
from engine.core.enrollment import (
    AwaitingSend,
    Deferred,
    Due,
    Enrollment,
    EnrollmentState,
    Relocating,
    Waiting,
    note_leaving,
)
from engine.core.facts.customer import CustomerState, Facts
from engine.core.journey import Journey, SendStep, Step, WaitStep
from engine.core.journeys import Journeys
from engine.core.reasons import HoldReason
from engine.core.timing.due import MissingDate, wait_due
from engine.ids import unit
from engine.values import DAY, Instant

Entry = TypeVar("Entry")


class MoveRule(StrEnum):
    """What becomes of the people at one step (design/language 2.15). Stored with the trace."""

    STAYS = "stays"  # perhaps under another name, or at another place
    KEEPS_MOMENT = "keeps_moment"  # stays, and is due when it was promised, whatever the file says now
    NEW_MOMENT = "new_moment"  # stays, and is due as the file says now
    PLANNED_ANEW = "planned_anew"  # stays; a message that is not handed over is planned anew
    GOES_ON = "goes_on"  # to the first later step that is still there
    FINISHES = "finishes"  # no later step is there any more
    LEAVES = "leaves"  # at once, since the journey is stopped


@dataclass(frozen=True, slots=True)
class Move:
    """What becomes of the people at one step. `to`: where they are then; None: nowhere in the journey.
    `listens_anew`: what the wait looks for has changed, and counts from now on."""

    rule: MoveRule
    to: str | None
    listens_anew: bool = False

    @property
    def is_gone(self) -> bool:
        """Whether their step is not there any more."""
        return self.rule in (MoveRule.GOES_ON, MoveRule.FINISHES)


@dataclass(frozen=True, slots=True)
class Migration:
    """One journey, from the version that is published to the next."""

    new: Journey
    moves: Mapping[str, Move]  # by the id of the old step
    renamed: Mapping[str, str]  # former id of a step -> id
    journeys: Journeys  # the new version alone: what decisions about its runs look into
    # Who would be due at once by a recomputed wait is spread over a day, for the sake of the channels; a
    # caller who counted only a few may put it off.
    spread: bool = True

    @property
    def changes_nothing(self) -> bool:
        """True when nobody inside is touched, so that no run has to be looked at."""
        as_before = (MoveRule.STAYS, MoveRule.KEEPS_MOMENT)
        return (
            self.new.was is None
            and not self.renamed
            and all(
                move.rule in as_before and move.to == step and not move.listens_anew
                for step, move in self.moves.items()
            )
        )

    def move_of(self, place: str) -> Move:
        """What becomes of the people at a step; "": between two steps. A step of a version before the last,
        whose file is not at hand, is known by its id, or gone."""
        if place in self.moves:
            return self.moves[place]
        to = self.renamed.get(place, place)
        if self.new.state == "stopped":
            return Move(MoveRule.LEAVES, None)
        is_there = not to or to in {step.id for step in self.new.steps}
        return Move(MoveRule.STAYS, to) if is_there else Move(MoveRule.FINISHES, None)

    def apply(
        self, enrollment: Enrollment, facts: Facts, now: Instant, under_way: Collection[str] = ()
    ) -> Decision:
        """Moves one run. A run that nothing happens to is given back as it is, without effects and trace.
        `under_way`: keys of messages that were handed over, which their runs may not have heard yet."""
        context = DecisionContext.of(CustomerState(facts, {enrollment.id: enrollment}), self.journeys, now)
        migrated = enrollment.fork()
        transition = Transition(context, context.index.subscriptions[self.new.name], self.new, migrated)
        migrated.journey = self.new.name
        # A watched run, too: its `do` and its goal belong to the journey by whatever name it has now.
        # what is kept under the ids of steps follows them
        for old, new in self.renamed.items():
            _rename_key(migrated.sent, old, new)
            _rename_key(migrated.skipped, old, new)
            _rename_key(migrated.paths, old, new)
            if old in migrated.done:
                migrated.done.remove(old)
                migrated.done.add(new)
        if migrated.is_open and self.new.state == "stopped":
            transition.add_trace("stopped")
            end(transition, "stopped")
        elif migrated.is_open and migrated.state is not None:
            self._move(transition, migrated.state, under_way)
        if migrated == enrollment and not transition.effects:
            return Decision(enrollment, (), ())
        migrated.seq += 1
        return Decision(migrated, tuple(transition.effects), tuple(transition.trace))

    def _move(self, transition: Transition, state: EnrollmentState, under_way: Collection[str]) -> None:
        # On the way out: what the file says about the steps no longer matters.
        if isinstance(state, Relocating) and state.step is None:
            return
        place = state.step
        assert place is not None
        move = self.move_of(place)
        if move.is_gone:
            self._leave(transition, state, move, under_way)
            return
        assert move.to is not None
        if move.to != place:
            transition.enrollment.state = state = replace(state, step=move.to)
            if move.rule is MoveRule.STAYS:
                _tell(transition, move, place)
        if isinstance(state, Waiting):
            self._wait_on(transition, state, move)
        # A message that may have left cannot be taken back: planned anew, it would arrive twice or never, and
        # its run would wait for it for ever.
        elif (
            isinstance(state, AwaitingSend)
            and move.rule is MoveRule.PLANNED_ANEW
            and not _may_have_left(state, under_way)
        ):
            cancel_planned(transition, "changed")
            _tell(transition, move, place)
            # Held until now: the wake asks all rules again and plans the message as it is now.
            transition.enrollment.state = Deferred(
                state.step, state.channel, HoldReason.CHANGED, state.first_due, state.tried
            )
            transition.enrollment.due = Due(transition.now)
        elif isinstance(state, Deferred) and move.rule is MoveRule.PLANNED_ANEW:
            self._ask_anew(transition, state, move, place)

    def _ask_anew(self, transition: Transition, state: Deferred, move: Move, place: str) -> None:
        """What the former policy holds back is asked by the new one at once. The hold is no longer than until
        now, and only that much of it does not count as late."""
        due, now = transition.enrollment.due, transition.now
        left = max(0, due.at - now) if due is not None else 0
        transition.enrollment.state = replace(
            state, why=HoldReason.CHANGED, first_due=Instant(state.first_due - left)
        )
        transition.enrollment.due = Due(now)
        _tell(transition, move, place)

    def _leave(
        self, transition: Transition, state: EnrollmentState, move: Move, under_way: Collection[str]
    ) -> None:
        """The step is gone. Who waited goes on when the wait would have ended, everybody else now."""
        enrollment = transition.enrollment
        was = state.was if isinstance(state, Relocating) else state.step
        if not (isinstance(state, AwaitingSend) and _may_have_left(state, under_way)):
            cancel_planned(transition, "removed")
        elif state.key in under_way:
            # Its hand-over finds nobody waiting for it any more, so it is noted here.
            note_leaving(enrollment, state, transition.now)
        keeps_moment = (
            isinstance(state, Waiting | Relocating) and move.to is not None and enrollment.due is not None
        )
        enrollment.state = Relocating(move.to, was)
        if not keeps_moment:
            enrollment.due = Due(transition.now)
        _tell(transition, move, was)

    def _wait_on(self, transition: Transition, state: Waiting, move: Move) -> None:
        enrollment = transition.enrollment
        # What came before the change was no answer to what is awaited now (2.15: "from now on").
        if move.listens_anew:
            enrollment.state = Waiting(state.step, transition.now, 0)
        # A changed length keeps the moment that people were promised, unless the step says otherwise.
        if move.rule is not MoveRule.NEW_MOMENT:
            return
        step = next(step for step in self.new.steps if step.id == state.step)
        assert isinstance(step, WaitStep)
        due = wait_due(transition, step)
        if isinstance(due, MissingDate):
            # Back to its own step, which says what is missing and ends the run.
            enrollment.state, enrollment.due = Relocating(state.step, state.step), Due(transition.now)
            return
        # By hash: the same run gets the same moment however often the migration is started anew.
        if due.at <= transition.now:
            offset = int(unit("spread", enrollment.id, state.step) * DAY) if self.spread else 0
            due = Due(Instant(transition.now + offset))
        enrollment.due = due
        _tell(transition, move, state.step)


def _tell(transition: Transition, move: Move, place: str) -> None:
    """Notes by which rule somebody who rested at `place` was moved."""
    step = next((step for step in transition.journey.steps if step.id == move.to), None)
    transition.add_trace("moved", step, place, move.rule)


def _may_have_left(state: AwaitingSend, under_way: Collection[str]) -> bool:
    return state.unknown or state.key in under_way


def _rename_key(by_step: dict[str, Entry], old: str, new: str) -> None:
    if old in by_step and new not in by_step:
        by_step[new] = by_step.pop(old)


def names_now(old: Journeys, new: Journeys) -> dict[str, str]:
    """Name of a journey -> its name in the new files, for those that are in them: by `was`, or back to what
    it was."""
    given = {journey.was: name for name, journey in new.by_name.items() if journey.was is not None}
    back = {
        name: journey.was for name, journey in old.by_name.items()
        if journey.was in new.by_name and journey.was not in old.by_name
    }  # fmt: skip
    return {
        **{name: was for name, was in back.items() if was is not None}, **given,
        **{name: name for name in new.by_name},
    }  # fmt: skip


def migration(old: Journey, new: Journey) -> Migration:
    """What becomes of everybody inside `old` when `new` is published in its place."""
    ids = {step.id: step for step in new.steps}
    # A former id that another step has taken names that step, and nobody was renamed.
    given = {step.was: step.id for step in new.steps if step.was is not None and step.was not in ids}
    # who goes back to files before a renaming, too
    back = {step.id: step.was for step in old.steps if step.was in ids and step.id not in ids}
    renamed = {**back, **given}
    moves = {step.id: _move_of(step, old, new, ids, renamed) for step in old.steps}
    return Migration(new, moves, renamed, Journeys({new.name: new}))


def _move_of(
    step: Step, old: Journey, new: Journey, ids: Mapping[str, Step], renamed: Mapping[str, str]
) -> Move:
    if new.state == "stopped":
        return Move(MoveRule.LEAVES, None)
    same = _same_step(step, ids, renamed)
    if same is None:
        later = (_same_step(old.steps[index], ids, renamed) for index in step.later)
        to = next((step.id for step in later if step is not None), None)
        return Move(MoveRule.GOES_ON if to is not None else MoveRule.FINISHES, to)
    rule = MoveRule.STAYS
    if isinstance(step, WaitStep) and isinstance(same, WaitStep):
        if _length(step) != _length(same) and same.waiting == "recompute":
            rule = MoveRule.NEW_MOMENT
        elif _moment(step) != _moment(same):
            rule = MoveRule.KEEPS_MOMENT
        return Move(rule, same.id, listens_anew=step.awaited != same.awaited)
    if isinstance(step, SendStep) and isinstance(same, SendStep) and _message(step) != _message(same):
        rule = MoveRule.PLANNED_ANEW
    return Move(rule, same.id)


def _length(step: WaitStep) -> tuple[object, ...]:
    """What `waiting: recompute` speaks of."""
    return step.length, step.until


def _moment(step: WaitStep) -> tuple[object, ...]:
    """What says when a wait ends by itself."""
    return *_length(step), step.at, step.weekdays, step.their_hour


def _same_step(step: Step, ids: Mapping[str, Step], renamed: Mapping[str, str]) -> Step | None:
    """The step of the new file with this id or this former id; an id that another verb has taken is
    another step."""
    same = ids.get(step.id) or ids.get(renamed.get(step.id, ""))
    return same if same is not None and type(same) is type(step) else None


def _message(step: SendStep) -> tuple[object, ...]:
    """What a planned message was planned with."""
    return step.template, step.channels, step.policy, step.values
