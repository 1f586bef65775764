"""Steps as written become the flat row of steps that runs go along."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from engine.compiler.changes import compile_change
from engine.compiler.conditions.compile import NEVER, Conditions
from engine.compiler.conditions.names import NameScope, resolve
from engine.compiler.flatten import FlatStep, flatten
from engine.compiler.literals import is_reference
from engine.compiler.sends import channels_of, policy_of
from engine.compiler.step_words import resting_id, step_text
from engine.compiler.waits import compile_moment
from engine.compiler.wording import unknown
from engine.core import journey as run
from engine.core.conditions import condition as core
from engine.core.conditions.closure import compile_condition
from engine.core.facts.learned import FALLBACK
from engine.core.journey import END, Question
from engine.core.policy import Policy
from engine.language import syntax
from engine.problem import Problem

_NOBODY = Question(NEVER, lambda _scope: False)


@dataclass(slots=True)
class Steps:
    """Compiles the steps of one journey. `policy`: the journey's."""

    conditions: Conditions
    place: NameScope
    policy: Policy
    _names: Counter[str] = field(default_factory=Counter)

    def row(self, steps: tuple[syntax.Step, ...]) -> tuple[run.Step, ...]:
        """The whole row."""
        return tuple(self._step(slot) for slot in flatten(steps))

    def instant(self, steps: tuple[syntax.Step, ...]) -> tuple[run.Step, ...]:
        """The steps of `do`: they lead nowhere, so their index is `END`."""
        return tuple(self._step(FlatStep(step, END, END, (), ()), "do ") for step in steps)

    def _refuse(self, problem: Problem) -> None:
        self.conditions.problems.append(problem)

    def _base(
        self, slot: FlatStep, before: str
    ) -> tuple[int, str, int, int, str, str | None, tuple[int, ...]]:
        step, text = slot.step, step_text(slot.step)
        named = resting_id(step)
        if named is not None:
            name = named.value
        else:
            self._names[before + text] += 1
            name = f"{before}{text}#{self._names[before + text]}"
        was = step.was.value if step.was else None
        return slot.index, name, slot.next, step.span.line, text, was, slot.later

    def _step(self, slot: FlatStep, before: str = "") -> run.Step:
        base = self._base(slot, before)
        match slot.step:
            case syntax.Send():
                return self._send(slot.step, base)
            case syntax.Wait():
                return self._wait(slot.step, slot, base)
            case syntax.If(condition=condition):
                question = self.conditions.question(condition, self.place)
                return run.IfStep(*base, question, slot.first[0], slot.first[1])
            case syntax.Choose():
                return self._choose(slot.step, slot, base)
            case syntax.Split(paths=paths, was=was, name=name):
                shares = zip(paths, slot.first, strict=True)
                salt = was.value if was else name.value
                return run.SplitStep(
                    *base, tuple((p.name.value, p.share, first) for p, first in shares), salt
                )
            case syntax.Change():
                values, types = compile_change(slot.step, self.conditions, self.place)
                return run.ChangeStep(
                    *base, slot.step.how, values, types, slot.step.note.value if slot.step.note else ""
                )
            case syntax.Code(pool=pool, valid=valid):
                return run.CodeStep(*base, self._pool(pool), valid.duration)
            case syntax.Webhook(name=name, values=pairs):
                self._known_webhook(name)
                return run.WebhookStep(*base, name.value, self._values(pairs))
            case syntax.Exit(reason=reason):
                return run.ExitStep(*base, reason.value)

    def _send(
        self, step: syntax.Send, base: tuple[int, str, int, int, str, str | None, tuple[int, ...]]
    ) -> run.SendStep:
        channels = channels_of(step, self.conditions, self.place)
        policy = policy_of(step.policy, self.conditions, self.place.world) if step.policy else self.policy
        until = step.until.value if step.until else "clicked"
        if (
            step.until
            and until not in ("clicked", "opened")
            and self.conditions.known_event(step.until, self.place, ("clicked", "opened"))
        ):
            until = self.place.world.catalogue.event_name(until)
        if_capped = policy.if_capped
        if step.if_capped:
            if_capped = "skip" if step.if_capped.value == "skip" else "wait"
        next_after = step.next_after.duration if step.next_after else None
        if step.auto and step.is_cascade and next_after is None:
            next_after = FALLBACK
        return run.SendStep(
            *base, step.template.value, channels, step.is_cascade, next_after, until, policy, if_capped,
            self._values(step.values), step.auto is not None, step.likely is not None,
        )  # fmt: skip

    def _wait(
        self,
        step: syntax.Wait,
        slot: FlatStep,
        base: tuple[int, str, int, int, str, str | None, tuple[int, ...]],
    ) -> run.WaitStep:
        until = compile_moment(step, self.conditions, self.place) if step.until else None
        then = slot.first[0] if step.then is not None else slot.next
        otherwise = slot.first[1] if step.otherwise is not None else slot.next
        return run.WaitStep(
            *base, step.length.duration if step.length else None, until, step.at.time if step.at else None,
            step.weekdays, self._awaited(step.awaited), then, otherwise, step.waiting, step.their_hour is not None,
        )  # fmt: skip

    def _awaited(self, awaited: syntax.Awaited | None) -> run.Awaited | None:
        if awaited is None:
            return None
        if awaited.template is not None:
            self.conditions.known_template(awaited.template, self.place)
            return run.Awaited((), None, awaited.reaction, awaited.template.value)
        events = known_events(awaited.events, self.conditions, self.place)
        where = None
        if awaited.where and events:
            where = self.conditions.question(awaited.where, self.place.inside(events))
        return run.Awaited(events, where, None, None)

    def _choose(
        self,
        step: syntax.Choose,
        slot: FlatStep,
        base: tuple[int, str, int, int, str, str | None, tuple[int, ...]],
    ) -> run.ChooseStep:
        ref = None
        if step.subject.value != "segment":
            found = resolve(step.subject, self.place)
            if isinstance(found, Problem):
                self._refuse(found)
                return run.ChooseStep(*base, ())
            ref = found
        paths = []
        for path, first in zip(step.paths, slot.first, strict=True):
            question = self._path(step.subject, path, ref) if path.forms else None
            paths.append((question, path.label.value, first))
        return run.ChooseStep(*base, tuple(paths))

    def _path(self, subject: syntax.Text, path: syntax.ChoosePath, ref: core.Ref | None) -> Question:
        if ref is None:
            return self._segments(path)
        any_of = tuple(self.conditions.form(subject, form, self.place, ref) for form in path.forms)
        condition = any_of[0] if len(any_of) == 1 else core.AnyOf(any_of)
        test = compile_condition(condition, self.place.world.catalogue.facts)
        return Question(condition, test, f"{subject.value}: {path.label.value}", path.label.span.line)

    def _segments(self, path: syntax.ChoosePath) -> Question:
        names = [name for form in path.forms if isinstance(form, syntax.Equals) for name in form.values]
        for form in path.forms:
            if not isinstance(form, syntax.Equals):
                self._refuse(
                    Problem(form.span, "E66", "the paths of  choose: segment  are names of segments", "a customer is in a segment or not", "write the name of a segment")
                )  # fmt: skip
        for name in names:
            self.conditions.known_segment(name, self.place)
        if not names:
            return _NOBODY
        condition = core.InSegment(tuple(name.value for name in names))
        return Question(
            condition, compile_condition(condition), f"segment: {path.label.value}", path.label.span.line
        )

    def _pool(self, pool: syntax.Text) -> run.Pool:
        known = self.place.world.config.codes
        found = known.get(pool.value)
        if found is None:
            why = "pools of promo codes stand in config.yaml under  codes:"
            self._refuse(
                unknown(
                    "E63",
                    pool,
                    "code pool",
                    known,
                    why,
                    f"add  {pool.value}: {{kind: shared, code: {pool.value}}}",
                )
            )
            return run.Pool(pool.value, "shared")
        return found

    def _known_webhook(self, name: syntax.Text) -> None:
        known = self.place.world.config.webhooks
        if name.value not in known:
            why = "webhooks stand in config.yaml under  webhooks:"
            self._refuse(
                unknown("E64", name, "webhook", known, why, f"add  {name.value}: {{url: https://...}}")
            )

    def _values(self, pairs: tuple[syntax.Pair, ...]) -> tuple[tuple[str, core.Constant | core.Ref], ...]:
        values: list[tuple[str, core.Constant | core.Ref]] = []
        for pair in pairs:
            if not is_reference(pair.value.value):
                values.append((pair.name.value, pair.value.value))
                continue
            found = resolve(pair.value, self.place)
            if isinstance(found, Problem):
                self._refuse(found)
            else:
                values.append((pair.name.value, found))
        return tuple(values)


def known_events(names: tuple[syntax.Text, ...], conditions: Conditions, scope: NameScope) -> tuple[str, ...]:
    """The own names of events; unknown ones are refused and left out."""
    catalogue = scope.world.catalogue
    return tuple(catalogue.event_name(name.value) for name in names if conditions.known_event(name, scope))
