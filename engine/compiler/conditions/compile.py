"""Conditions as written become conditions with resolved names and typed values."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from engine.channel_kinds import KINDS
from engine.compiler.catalogue.catalogue import OWN_EVENTS
from engine.compiler.catalogue.catalogue_file import unknown_event
from engine.compiler.conditions.forms import read_form
from engine.compiler.conditions.names import NameScope, not_here, resolve
from engine.compiler.conditions.special_meant import special_meant
from engine.compiler.conditions.text_meant import text_problem
from engine.compiler.literals import is_reference
from engine.compiler.type_inference import type_of_form, types_asked
from engine.core.conditions import condition as core
from engine.core.conditions.closure import compile_condition
from engine.core.journey import Question
from engine.language import syntax
from engine.language.conditions.condition_words import condition_text
from engine.language.syntax import AllOf, Text
from engine.language.wording import quoted, unknown, use_one_of
from engine.problem import Problem, did_you_mean, nearest

NEVER = core.AnyOf(())
"""Stands where a line was wrong; a journey with problems is not run."""


@dataclass(slots=True)
class ConditionCompiler:
    """Compiles the conditions of one file and collects their problems."""

    problems: list[Problem] = field(default_factory=list)

    @property
    def errors(self) -> int:
        """How many errors were found so far; warnings are none."""
        return sum(problem.is_error for problem in self.problems)

    def question(self, written: AllOf, scope: NameScope) -> Question:
        """A condition with its closure."""
        condition = self.all_of(written, scope)
        test = compile_condition(condition, scope.world.catalogue.facts)
        return Question(condition, test, condition_text(written), written.span.line)

    def all_of(self, written: AllOf, scope: NameScope) -> core.Condition:
        """The lines of a map, joined by *and*."""
        parts = tuple(self._line(line, scope) for line in written.lines)
        return parts[0] if len(parts) == 1 else core.AllOf(parts)

    def form(self, name: Text, form: syntax.Form, scope: NameScope, ref: core.Ref) -> core.Condition:
        """One form behind a name that is resolved already."""
        return self._kept(read_form(name, form, ref, scope))

    def _kept(self, condition: core.Condition | Problem) -> core.Condition:
        # a condition that never holds stands in for it, so that the rest of the file is still checked
        if isinstance(condition, Problem):
            self.problems.append(condition)
            return NEVER
        return condition

    def _line(self, line: syntax.ConditionLine, scope: NameScope) -> core.Condition:
        match line:
            case syntax.Test(name, form):
                ref = resolve(name, scope, type_of_form(form))
                if isinstance(ref, Problem):
                    asked = ref.code == "E11" and scope.event_fields is None
                    meant = asked and special_meant(name.value, form, scope.world, scope.happened)
                    return self._kept(replace(ref, fix=meant) if meant else ref)
                self._named_by_the_engine(ref, form, scope)
                if doubtful := text_problem(name, form, ref):
                    self.problems.append(doubtful)
                return self.form(name, form, scope, ref)
            case syntax.Did():
                return self._did(line, scope)
            case syntax.InSegment(names, negated):
                for name in names:
                    self.known_segment(name, scope)
                return _negated(core.InSegment(tuple(name.value for name in names)), negated)
            case syntax.InsideJourney(names, negated):
                for name in names:
                    self.known_journey(name, scope)
                return _negated(core.InsideJourney(tuple(name.value for name in names)), negated)
            case syntax.Can(channels, negated):
                known = scope.world.config.channels
                if len(channels) == 1 and (listed := listed_meant(channels[0].value, known)):
                    wrong = channel_problem(channels[0], tuple(known), scope.world.config.currency)
                    return self._kept(replace(wrong, fix=listed))
                for channel in channels:
                    self.known_channel(channel, scope)
                return _negated(core.Can(tuple(c.value for c in channels), scope.consent), negated)
            case syntax.Reacted(how, template, negated, span):
                # a segment and a start have no run whose messages could be meant
                if not scope.run:
                    return self._kept(not_here(Text(how, span), quoted(how), scope))
                self.known_template(template, scope)
                return _negated(core.Reacted(how, template.value), negated)
            case syntax.GoalIs(reached, span):
                if not scope.run:
                    return self._kept(not_here(Text("goal", span), '"goal"', scope))
                return _negated(core.GoalReached(), not reached)
            case syntax.Group(how, conditions):
                inner = tuple(self.all_of(condition, scope) for condition in conditions)
                match how:
                    case "all":
                        return core.AllOf(inner)
                    case "any":
                        return core.AnyOf(inner)
                    case "none":
                        return core.Not(core.AnyOf(inner))

    def _did(self, line: syntax.Did, scope: NameScope) -> core.Condition:
        catalogue = scope.world.catalogue
        if catalogue.event_fields(line.event.value) is None:
            return self._kept(unknown_event(line.event, catalogue, fields=types_asked(line.where)))
        if line.since_start and not scope.run:
            return self._kept(not_here(Text("since start", line.span), '"since start"', scope))
        name = catalogue.event_name(line.event.value)
        # inside `where` of a `did` the fields of an event around it have no meaning
        where = (
            self.all_of(line.where, replace(scope, event_fields=None).inside((name,))) if line.where else None
        )
        last = line.last.duration if line.last else None
        return _negated(core.Did(name, line.low, line.high, last, line.since_start, where), line.negated)

    def _named_by_the_engine(self, ref: core.Ref, form: syntax.Form, scope: NameScope) -> None:
        """In events of the engine `journey` and `template` are names of this project."""
        inner = form.form if isinstance(form, syntax.Negated) else form
        if ref.source != "event" or scope.event not in OWN_EVENTS or not isinstance(inner, syntax.Equals):
            return
        for value in inner.values:
            if is_reference(value.value):
                continue
            if ref.name == "journey":
                self.known_journey(value, scope)
            elif ref.name == "template":
                self.known_template(value, scope)
            elif ref.name == "channel":
                self.known_channel(value, scope)

    # --- names of other things ---------------------------------------------------------------

    def known_segment(self, name: Text, scope: NameScope) -> bool:
        """E60 unless it is one."""
        if name.value in scope.world.segments:
            return True
        why = "segments are the files in journeys/segments/"
        self.problems.append(
            unknown("E60", name, "segment", scope.world.segments, why, _segment_fix(name.value, scope))
        )
        return False

    def known_journey(self, name: Text, scope: NameScope) -> bool:
        """E74 unless it is one."""
        if name.value in scope.world.journeys:
            return True
        why = "journeys are the files in journeys/"
        several = listed_meant(name.value, scope.world.journeys)
        self.problems.append(unknown("E74", name, "journey", scope.world.journeys, why, several))
        return False

    def known_template(self, name: Text, scope: NameScope) -> bool:
        """E31 unless it is one."""
        known = scope.world.templates.by_name
        if name.value in known:
            return True
        why = "templates are the files in templates/"
        problem = unknown("E31", name, "template", known, why, f"make templates/{name.value}.email.mjml",
                          topic="file")  # fmt: skip
        # the name of a file: `welcome_hello.email`, `templates/welcome_hello.email.de.mjml`
        base, _, ending = name.value.rpartition("/")[2].partition(".")
        if ending and base in known:
            channel = ending.split(".")[0]
            one = len(scope.world.templates.channels(base)) == 1 or channel not in scope.world.config.channels
            problem = replace(
                problem, fix=f"write  {base}" + ("" if one else f"  and below it  via: {channel}")
            )
        elif ending and re.fullmatch(r"[a-z][a-z0-9_]*", base):
            problem = replace(problem, fix=f"write  {base} , and make templates/{base}.email.mjml")
        self.problems.append(problem)
        return False

    def known_channel(self, name: Text, scope: NameScope) -> bool:
        """E61 unless the shop has it."""
        known = scope.world.config.channels
        if name.value in known:
            return True
        self.problems.append(channel_problem(name, tuple(known), scope.world.config.currency))
        return False

    def known_event(
        self,
        name: Text,
        scope: NameScope,
        also: tuple[str, ...] = (),
        fields: Mapping[str, str] | None = None,
    ) -> bool:
        """E10 unless it is one; `also`: what else could have been meant here, `fields`: those that are asked
        of it, with their types."""
        if scope.world.catalogue.event_fields(name.value) is not None:
            return True
        self.problems.append(unknown_event(name, scope.world.catalogue, also, fields))
        return False


def listed_meant(written: str, known: Collection[str]) -> str:
    """The fix for `vip or staff`; "" where these are not names that are known."""
    names = re.split(r" or |, *|/|\|", written[:200])
    return f"write  [{', '.join(names)}]" if len(names) > 1 and set(names) <= set(known) else ""


def _segment_fix(written: str, scope: NameScope) -> str:
    """`vip or staff` is a list; any other name is a new file."""
    if listed := listed_meant(written, scope.world.segments):
        return listed
    if not re.fullmatch(r"[a-z][a-z0-9_]*", written):
        return use_one_of(list(scope.world.segments))
    return f"make journeys/segments/{written}.yaml, with  segment: {written}  and  who:"


def channel_problem(name: Text, known: tuple[str, ...], currency: str) -> Problem:
    """E61: a channel that does not exist, or that this shop has not set up."""
    near = nearest(name.value, known)
    if near is None and name.value in KINDS:
        return Problem(
            name.span, "E61", f"the channel {quoted(name.value)} is not set up",
            "channels stand in config.yaml",
            f"add to channels: in config.yaml    {name.value}: {{via: outbox, price: 0 {currency}}}",
            topic="channel", subject=name.value,
        )  # fmt: skip
    return Problem(
        name.span, "E61", f"there is no channel called {quoted(name.value)}", "channels stand in config.yaml",
        did_you_mean(name.value, [*known, *KINDS], f"use one of: {', '.join(known)}"),
        topic="channel", subject=name.value,
    )  # fmt: skip


def _negated(condition: core.Condition, negated: bool) -> core.Condition:
    return core.Not(condition) if negated else condition
