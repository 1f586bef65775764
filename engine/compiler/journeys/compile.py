"""A journey as written becomes a journey that runs: every name resolved, every value typed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.compiler.conditions.compile import ConditionCompiler
from engine.compiler.conditions.names import UNSAID, NameScope, splits_of, trigger_fields
from engine.compiler.journeys.fingerprint import fingerprint
from engine.compiler.journeys.journey_dependencies import dependencies_of_journey, dependencies_of_question
from engine.compiler.journeys.longest_path import longest_path
from engine.compiler.journeys.sends import policy_of
from engine.compiler.journeys.starts import compile_start
from engine.compiler.journeys.steps import StepCompiler, known_events
from engine.compiler.project_context import ProjectContext
from engine.core import journey as run
from engine.language import syntax
from engine.problem import Problem
from engine.values import Duration

WITHIN = Duration(days=30)
"""How long a goal counts when the file does not say."""


@dataclass(frozen=True, slots=True)
class CompiledJourney:
    """`journey` is None where a part is missing; with an error among the problems it is only fit for
    further checks."""

    journey: run.Journey | None
    problems: tuple[Problem, ...]


def compile_journey(file: syntax.JourneyFile, project: ProjectContext) -> CompiledJourney:
    """One journey, with everything that is wrong with its names and values."""
    conditions = ConditionCompiler()
    policy = policy_of(file.policy, conditions, project)
    trigger = trigger_fields(file, project)
    splits = splits_of(file)
    place = NameScope(project, "journey", policy.consent, trigger, splits=splits)
    who_place = place
    if any(isinstance(start, syntax.ClockStart | syntax.DateStart) for start in file.starts):
        who_place = NameScope(project, "clock", policy.consent, trigger)
    triggers = [compile_start(start, conditions, place) for start in file.starts]
    starts = tuple(start for start in triggers if start is not None)
    who = conditions.question(file.who, who_place) if file.who else None
    steps_of = StepCompiler(conditions, place, policy)
    goal = _goal(file.goal, conditions, place, steps_of) if file.goal else None
    exit_if = conditions.question(file.exit_if, replace(place, ends_a_run=True)) if file.exit_if else None
    steps = steps_of.row(file.steps)
    problems = tuple(problem for problem in conditions.problems if problem is not UNSAID)
    if goal is None or file.again is None or len(starts) != len(file.starts) or not starts:
        return CompiledJourney(None, problems)
    again = run.Again(file.again.how, file.again.after.duration if file.again.after else None)
    journey = run.Journey(
        name=file.name.value,
        was=file.was.value if file.was else None,
        file=file.span.file,
        about=file.about.value if file.about else "",
        owner=file.owner.value if file.owner else "",
        state=file.state.value if file.state else "live",  # type: ignore[arg-type]
        starts=starts,
        who=who,
        again=again,
        goal=goal,
        exit_if=exit_if,
        policy=policy,
        priority=file.priority.value if file.priority else "normal",  # type: ignore[arg-type]
        holdout=file.holdout,
        steps=steps,
        dependencies=dependencies_of_journey(starts, who, goal, exit_if, steps, project.catalogue.facts),
        hash=fingerprint(file),
        by_id={step.id: step for step in steps},
        longest=longest_path(starts, steps),
        splits=tuple(splits),
        decide=run.DecisionMoment(file.decide.people, file.decide.on) if file.decide else None,
    )
    return CompiledJourney(journey, problems)


def _goal(
    goal: syntax.Goal, conditions: ConditionCompiler, scope: NameScope, steps: StepCompiler
) -> run.Goal:
    events = known_events(goal.events, conditions, scope)
    where = conditions.question(goal.where, scope.inside(events)) if goal.where and events else None
    when = conditions.question(goal.when, replace(scope, ends_a_run=True)) if goal.when else None
    within = goal.within.duration if goal.within else WITHIN
    return run.Goal(events, where, when, within, goal.then, steps.instant(goal.do), goal.span.line)


def compile_segment(
    file: syntax.SegmentFile, project: ProjectContext
) -> tuple[run.SegmentRule | None, tuple[Problem, ...]]:
    """One segment; `can` asks for the consent of the default policy."""
    if file.who is None:
        return None, ()
    default = project.policy(None)
    conditions = ConditionCompiler()
    question = conditions.question(
        file.who, NameScope(project, "segment", default.consent if default else None)
    )
    rule = run.SegmentRule(
        file.name.value, question, dependencies_of_question(question, project.catalogue.facts)
    )
    return rule, tuple(conditions.problems)
