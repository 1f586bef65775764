"""Steps as written become the flat row of steps that runs go along."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.compiler.conditions.compile import NEVER, ConditionCompiler
from engine.compiler.conditions.names import (
    VALUE_GROUPS,
    NameScope,
    name_meant,
    names_a_value,
    resolve,
    resolve_value,
)
from engine.compiler.incentives.offers import (
    SEGMENT,
    ChoiceShape,
    names_of_codes,
    offers_of,
    problems_of_shape,
)
from engine.compiler.journeys.changes import compile_change
from engine.compiler.journeys.sends import channels_of, policy_of
from engine.compiler.journeys.waits import compile_moment
from engine.compiler.walk import FlatStep, StepIds, flatten
from engine.core import journey as run
from engine.core.conditions import condition as core
from engine.core.conditions.closure import compile_condition
from engine.core.facts.learned import FALLBACK
from engine.core.journey import END, Question
from engine.core.policy import Policy
from engine.core.steps.branch import ChooseStep, IfStep
from engine.core.steps.change import ChangeStep
from engine.core.steps.exit import ExitStep
from engine.core.steps.split import SplitStep
from engine.core.steps.webhook import WebhookStep
from engine.language import syntax
from engine.language.steps.branch import If
from engine.language.steps.change import Change
from engine.language.steps.choose import Choose, ChoosePath
from engine.language.steps.code import Code
from engine.language.steps.exit import Exit
from engine.language.steps.send import Send
from engine.language.steps.split import Split
from engine.language.steps.wait import Awaited, Wait
from engine.language.steps.webhook import Webhook
from engine.language.steps.with_values import ChosenLine, ChosenValue
from engine.language.wording import as_list, quoted, shown, unknown
from engine.problem import Problem

_NOBODY = Question(NEVER, lambda _scope: False)


@dataclass(frozen=True, slots=True)
class StepSlot:
    """The place of a step in the row, with its names."""

    flat: FlatStep
    id: str  # the author's, or the hidden one
    words: str

    @property
    def base(self) -> tuple[int, str, int, int, str, str | None, tuple[int, ...]]:
        """What every step of the row begins with: the fields of `journey.Step` in their order."""
        flat, step = self.flat, self.flat.step
        was = step.was.value if step.was else None
        return flat.index, self.id, flat.next, step.span.line, self.words, was, flat.later


@dataclass(slots=True)
class StepCompiler:
    """Compiles the steps of one journey. `policy`: the journey's."""

    conditions: ConditionCompiler
    place: NameScope
    policy: Policy
    _ids: StepIds = field(default_factory=StepIds)

    def row(self, steps: tuple[syntax.Step, ...]) -> tuple[run.Step, ...]:
        """The whole row."""
        return tuple(self._compile(flat) for flat in flatten(steps))

    def instant(self, steps: tuple[syntax.Step, ...]) -> tuple[run.Step, ...]:
        """The steps of `do`: they lead nowhere, so their index is `END`."""
        return tuple(self._compile(FlatStep(step, END, END, (), ()), "do ") for step in steps)

    def _compile(self, flat: FlatStep, before: str = "") -> run.Step:
        step = flat.step
        return COMPILE[type(step)](self, step, StepSlot(flat, self._ids.next(step, before), step.words()))

    def _refuse(self, problem: Problem) -> None:
        self.conditions.problems.append(problem)

    def if_(self, step: If, slot: StepSlot) -> IfStep:
        """`if`."""
        question = self.conditions.question(step.condition, self.place)
        return IfStep(*slot.base, question, *slot.flat.first)

    def split(self, step: Split, slot: StepSlot) -> SplitStep:
        """`split`. Its chance follows from the former name, so that a new one sends nobody along another
        path."""
        paths = tuple(
            (path.name.value, path.share, at) for path, at in zip(step.paths, slot.flat.first, strict=True)
        )
        decide = run.DecisionMoment(step.decide.people, step.decide.on) if step.decide else None
        return SplitStep(*slot.base, paths, step.was.value if step.was else step.name.value, decide)

    def change(self, step: Change, slot: StepSlot) -> ChangeStep:
        """`set`, `add`, `remove`."""
        values, types = compile_change(step, self.conditions, self.place)
        return ChangeStep(*slot.base, step.how, values, types, step.note.value if step.note else "")

    def code(self, step: Code, slot: StepSlot) -> run.CodeStep:
        """`code`. A choice between pools says itself how long its codes can be used."""
        name, world = step.pool, self.place.world
        if name.value in world.config.offers:
            if step.valid is not None:
                what = f"each offer of {quoted(name.value)} says itself how long it can be used"
                why = "one of the two would be ignored"
                self._refuse(Problem(step.valid.text.span, "E123", what, why, "remove  valid:  here"))
        elif name.value not in world.config.codes:
            why = "pools of promo codes stand in config.yaml under  codes:"
            fix = f"add  {name.value}: {{kind: shared, code: {name.value}}}"
            self._refuse(unknown("E63", name, "code pool", names_of_codes(world), why, fix))
        elif step.valid is None:
            what = '"valid" is missing'
            self._refuse(
                Problem(step.span, "E08", what, "the date stands in the message", "add  valid: 7 days")
            )
        valid = step.valid.duration if step.valid is not None else None
        return run.CodeStep(*slot.base, name.value, offers_of(name.value, world, valid))

    def webhook(self, step: Webhook, slot: StepSlot) -> WebhookStep:
        """`webhook`."""
        known = self.place.world.config.webhooks
        if step.name.value not in known:
            why = "webhooks stand in config.yaml under  webhooks:"
            fix = f"add  {step.name.value}: {{url: https://...}}"
            if "/" in step.name.value:
                fix = (
                    f"write the name that it has there: add  help_desk: {{url: {shown(step.name.value, 80)}}}"
                )
            self._refuse(unknown("E64", step.name, "webhook", known, why, fix))
        for pair in step.values:
            if pair.value.value.startswith("recommend."):
                self._refuse(
                    Problem(
                        pair.value.span, "E119", f"{quoted(pair.value.value)} has no meaning in a webhook",
                        "products are chosen when a message is written", "remove it, or show it in a message",
                    )
                )  # fmt: skip
        return WebhookStep(*slot.base, step.name.value, self._values(step.values))

    def exit(self, step: Exit, slot: StepSlot) -> ExitStep:
        """`exit`."""
        return ExitStep(*slot.base, step.reason.value)

    def send(self, step: Send, slot: StepSlot) -> run.SendStep:
        """`send`."""
        channels = channels_of(step, self.conditions, self.place)
        policy = policy_of(step.policy, self.conditions, self.place.world) if step.policy else self.policy
        until = step.until.value if step.until else "clicked"
        if (
            step.until
            and until not in ("clicked", "opened")
            and self.conditions.known_event(step.until, self.place, ("clicked", "opened"))
        ):
            until = self.place.world.catalogue.event_name(until)
        # the word of this message goes before that of its policy
        if_capped = policy.if_capped
        if step.if_capped:
            if_capped = "skip" if step.if_capped.value == "skip" else "wait"
        next_after = step.next_after.duration if step.next_after else None
        if step.auto and step.is_cascade and next_after is None:
            next_after = FALLBACK
        return run.SendStep(
            *slot.base, step.template.value, channels, step.is_cascade, next_after, until, policy, if_capped,
            self._values(step.values), step.auto is not None, step.likely is not None,
            tuple(self._chosen(chosen) for chosen in step.chosen),
        )  # fmt: skip

    def wait(self, step: Wait, slot: StepSlot) -> run.WaitStep:
        """`wait`."""
        until = compile_moment(step, self.conditions, self.place) if step.until else None
        then = slot.flat.first[0] if step.then is not None else slot.flat.next
        otherwise = slot.flat.first[1] if step.otherwise is not None else slot.flat.next
        return run.WaitStep(
            *slot.base, step.length.duration if step.length else None, until,
            step.at.time if step.at else None,
            step.weekdays, self._awaited(step.awaited), then, otherwise, step.waiting,
            step.their_hour is not None,
        )  # fmt: skip

    def _awaited(self, awaited: Awaited | None) -> run.Awaited | None:
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

    def choose(self, step: Choose, slot: StepSlot) -> ChooseStep:
        """`choose`."""
        ref = None
        if step.subject.value != "segment":
            found = resolve(step.subject, self.place)
            if isinstance(found, Problem):
                self._refuse(found)
                return ChooseStep(*slot.base, ())
            ref = found
        paths = []
        # one more side than paths where there is no `else`: it leads on below, which needs no path
        for path, at in zip(step.paths, slot.flat.first, strict=False):
            question = self._path(step.subject, path, ref) if path.forms else None
            paths.append((question, path.label.value, at))
        return ChooseStep(*slot.base, tuple(paths))

    def _chosen(self, chosen: ChosenValue) -> tuple[str, tuple[tuple[Question | None, str], ...]]:
        """A value of `with` by a value of the customer; ranges are held against each other as in
        config.yaml."""
        ref: core.Ref | None = None
        if chosen.subject.value != SEGMENT:
            found = resolve(chosen.subject, self.place)
            if isinstance(found, Problem):
                self._refuse(found)
                return chosen.name.value, ()
            ref = found
        before = self.conditions.errors
        lines = [
            (line, self._path(chosen.subject, line, ref) if line.forms else None) for line in chosen.lines
        ]
        if self.conditions.errors == before:
            word = chosen.lines[0].value.value if chosen.lines else "general"
            why, fix = (
                "the template would read an empty place",
                f"add as the last line\n         else: {word}",
            )
            shape = ChoiceShape(
                chosen.name.value, chosen.subject, chosen.into, ref.type if ref else None, why, fix
            )
            asked = [(line.label, question.condition) for line, question in lines if question is not None]
            has_else = any(question is None for _, question in lines)
            self.conditions.problems += problems_of_shape(shape, asked, self.place.world, has_else=has_else)
        return chosen.name.value, tuple((question, line.value.value) for line, question in lines)

    def _path(self, subject: syntax.Text, path: ChoosePath | ChosenLine, ref: core.Ref | None) -> Question:
        if (together := _path_of_several(path, ref)) is not None:
            self._refuse(together)
            if together.is_error:
                return _NOBODY
        if ref is None:
            return self._segments(path)
        any_of = tuple(self.conditions.form(subject, form, self.place, ref) for form in path.forms)
        condition = any_of[0] if len(any_of) == 1 else core.AnyOf(any_of)
        test = compile_condition(condition, self.place.world.catalogue.facts)
        return Question(condition, test, f"{subject.value}: {path.label.value}", path.label.span.line)

    def _segments(self, path: ChoosePath | ChosenLine) -> Question:
        names = [name for form in path.forms if isinstance(form, syntax.Equals) for name in form.values]
        for form in path.forms:
            if not isinstance(form, syntax.Equals):
                self._refuse(
                    Problem(form.span, "E66", "the paths of  choose: segment  are names of segments",
                    "a customer is in a segment or not", "write the name of a segment")
                )  # fmt: skip
        for name in names:
            self.conditions.known_segment(name, self.place)
        if not names:
            return _NOBODY
        condition = core.InSegment(tuple(name.value for name in names))
        return Question(
            condition, compile_condition(condition), f"segment: {path.label.value}", path.label.span.line
        )

    def _values(self, pairs: tuple[syntax.Pair, ...]) -> tuple[tuple[str, core.Constant | core.Ref], ...]:
        values: list[tuple[str, core.Constant | core.Ref]] = []
        for pair in pairs:
            if not names_a_value(pair.value.value):
                values.append((pair.name.value, pair.value.value))
                if meant := name_meant(pair.value.value, self.place):
                    self._refuse(_like_a_name(pair.value, meant))
                continue
            ref = resolve_value(pair.value, self.place)
            if isinstance(ref, Problem):
                self._refuse(ref)
            else:
                values.append((pair.name.value, ref))
        return tuple(values)


def _like_a_name(value: syntax.Text, meant: str) -> Problem:
    """W19: the words are sent, and not what they seem to name."""
    return Problem(
        value.span, "W19", f"{quoted(value.value)} looks like a name, and is sent as these very words",
        f"with: takes words, and the names {as_list([f'{group}.x' for group in VALUE_GROUPS])}",
        f'did you mean "{meant}"?', level="warning",
    )  # fmt: skip


def _path_of_several(path: ChoosePath | ChosenLine, ref: core.Ref | None) -> Problem | None:
    """`gold or silver:` as a path, whose values stand with commas between them. `ref`: what is chosen by;
    None for segments. A text may have these very words as its value, which is a warning (W60)."""
    form = path.forms[0] if len(path.forms) == 1 else None
    if not isinstance(form, syntax.Equals) or len(form.values) != 1:
        return None
    value = form.values[0]
    words = re.split(r" or | / ", value.value[:200])
    kind = "segment" if ref is None else ref.type.kind
    if len(words) < 2 or kind not in ("segment", "one of", "text"):
        return None
    if ref is not None and kind == "one of" and not set(words) <= set(ref.type.choices):
        return None
    return Problem(
        value.span,
        "W60" if kind == "text" else "E24",
        f"{quoted(value.value)} is taken for one value",
        "several values of one path stand with commas between them",
        f"write  {', '.join(words)}:",
        "warning" if kind == "text" else "error",
    )


def known_events(
    names: tuple[syntax.Text, ...], conditions: ConditionCompiler, scope: NameScope
) -> tuple[str, ...]:
    """The own names of events; unknown ones are refused and left out."""
    catalogue = scope.world.catalogue
    return tuple(catalogue.event_name(name.value) for name in names if conditions.known_event(name, scope))


COMPILE: Mapping[type[syntax.Step], Callable[[StepCompiler, Any, StepSlot], run.Step]] = {
    Send: StepCompiler.send,
    Wait: StepCompiler.wait,
    If: StepCompiler.if_,
    Choose: StepCompiler.choose,
    Split: StepCompiler.split,
    Change: StepCompiler.change,
    Code: StepCompiler.code,
    Webhook: StepCompiler.webhook,
    Exit: StepCompiler.exit,
}
"""What a kind of step becomes. A test holds it complete for every kind that declares itself in
`language/steps`."""
