"""What publishing the folder would do to people inside and to segments: counted, and nothing is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sqlalchemy import Connection

from engine.compiler.walk import step_in_words
from engine.core.coming_questions import AskedOutcome, AskedOutcomes, ComingQuestions
from engine.core.conditions.dependencies import refs
from engine.core.definition import definition
from engine.core.handlers.migrate import Migration, MoveRule, migration, names_now
from engine.core.journey import Journey, Question, SegmentRule, SendStep, WaitStep
from engine.core.journeys import Journeys
from engine.core.lifecycle.trigger import admitting
from engine.core.policy import Policy
from engine.core.time_dependence import with_windowed_facts
from engine.errors import AuthorError
from engine.language.parse import parse_journey
from engine.language.steps.wait import Wait
from engine.plan.in_flight import (
    AdmissionPlan,
    DeploymentPlan,
    FactPlan,
    JourneyPlan,
    PlaceInFlight,
    PolicyPlan,
    RecountPlan,
    SegmentPlan,
    UncertainMatch,
)
from engine.plan.step_matching import kept, lookalikes, placed, with_changed_words
from engine.project import Project
from engine.runtime.advance.admissions import first_admitting
from engine.runtime.advance.maintenance import count_wrong_members
from engine.runtime.publish.last_published import deployable, published_journeys
from engine.store.audience import admissions, memberships
from engine.store.customers import batches, enrollments
from engine.store.customers.enrollments import RestingPlace
from engine.store.journeys import deployments
from engine.store.learning import learned
from engine.values import Instant, to_datetime

CHUNK = 2000
"""Customers who are loaded at once."""


@dataclass(frozen=True, slots=True)
class ComingDeployment:
    """A folder that would be published over deployment `number`, whose files are `published` and whose
    journeys `before` (0, none and None before the first). `project`: the folder with the one-off sends that
    are under way."""

    number: int
    published: Mapping[str, str]
    before: Journeys | None
    project: Project
    plan: DeploymentPlan


def plan_deployment(
    conn: Connection, project: Project, now: Instant, gone: Collection[str] = ()
) -> ComingDeployment:
    """What publishing a folder would do. `gone`: steps (`journey.step`) of which somebody said that no other
    one took their place. Raises `AuthorError` as `deployable`."""
    return plan_deployable(conn, deployable(conn, project), now, gone)


def plan_deployable(
    conn: Connection, project: Project, now: Instant, gone: Collection[str] = ()
) -> ComingDeployment:
    """As `plan_deployment`, of what `deployable` gave."""
    number = deployments.current_number(conn)
    before = published_journeys(conn)
    coming = ComingDeployment(number, deployments.files(conn, number), before, project, DeploymentPlan())
    return planned(coming, _PeopleInStore(conn, now), gone)


def planned(coming: ComingDeployment, people: PeopleInFlight, gone: Collection[str]) -> ComingDeployment:
    """The same with its plan: what becomes of `people`."""
    nothing = DeploymentPlan()
    plan = _plan(people, coming, coming.before, gone) if coming.before is not None else nothing
    return replace(coming, plan=replace(plan, admissions=tuple(_admissions(people, coming, plan.segments))))


class PeopleInFlight(Protocol):
    """Who is inside of which journey, and what a change would do to them."""

    def inside(self) -> Mapping[str, int]:
        """The journeys that somebody is inside of, with how many."""
        ...

    def resting_places(self, journey: str) -> Sequence[RestingPlace]:
        """Where they rest, without its holdout."""
        ...

    def outcomes(self, asked: ComingQuestions, /) -> AskedOutcomes:
        """What becomes of their runs by what is asked of them at this moment, by the coming name of the
        journey."""
        ...

    def segments(self, old: Journeys, new: Journeys, /) -> Iterator[SegmentPlan]:
        """The segments whose definition changes."""
        ...

    def members(self, segment: SegmentRule, new: Journeys, /) -> int | None:
        """How many are in a segment that does not change; None: that is not known."""
        ...

    def took_members(self) -> Collection[str]:
        """The journeys that have taken their members, by their names until now."""
        ...


@dataclass(frozen=True, slots=True)
class _PeopleInStore:
    conn: Connection
    now: Instant

    def inside(self) -> Mapping[str, int]:
        return enrollments.journeys_with_people(self.conn)

    def resting_places(self, journey: str) -> Sequence[RestingPlace]:
        return enrollments.resting_places(self.conn, journey)

    def outcomes(self, asked: ComingQuestions, /) -> AskedOutcomes:
        return _outcomes(self.conn, asked, self.now)

    def segments(self, old: Journeys, new: Journeys, /) -> Iterator[SegmentPlan]:
        return _segments(self.conn, old, new, self.now)

    def members(self, segment: SegmentRule, new: Journeys, /) -> int | None:
        enters, leaves = count_wrong_members(self.conn, segment, new, self.now)
        marked = memberships.counts(self.conn, self.now).get(segment.name)
        return (marked.members if marked is not None else 0) + enters - leaves

    def took_members(self) -> Collection[str]:
        return admissions.journeys_that_took(self.conn)


def _plan(
    people_inside: PeopleInFlight, coming: ComingDeployment, old: Journeys, gone: Collection[str]
) -> DeploymentPlan:
    new = coming.project.journeys
    inside = people_inside.inside()
    names = names_now(old, new)
    plans = [JourneyPlan(name, people, is_gone=True) for name, people in inside.items() if name not in names]
    asked = coming_questions(old, new, inside)
    outcomes = people_inside.outcomes(asked)
    for name, moves in asked.migrations.items():
        before, after = old.by_name[name], moves.new
        asks_anew = name in asked.changed
        if (before.hash, before.name) == (after.hash, after.name) and not asks_anew:
            continue
        seems = {
            was: came
            for was, came in _seems(coming, before, after).items() if f"{after.name}.{was}" not in gone
        }  # fmt: skip
        waits = {step.id for step in before.steps if isinstance(step, WaitStep)}
        places = [
            _place(place, moves, seems, is_wait=place.step in waits)
            for place in people_inside.resting_places(before.name)
        ]
        plan = JourneyPlan(after.name, inside[name], tuple(places))
        if asks_anew:
            plan = replace(
                plan, reaches_goal=outcomes[after.name, AskedOutcome.REACHES_GOAL],
                leaves_early=outcomes[after.name, AskedOutcome.LEAVES_EARLY],
            )  # fmt: skip
        plans.append(plan)
    now_inside = {names.get(name, name): people for name, people in inside.items()}
    plans.sort(key=lambda journey: (not journey.is_gone, -journey.people))
    return DeploymentPlan(
        tuple(plans), tuple(people_inside.segments(old, new)), tuple(_facts(old, new, now_inside)),
        tuple(_policies(old, new, now_inside)), tuple(_recounts(asked, outcomes)),
    )  # fmt: skip


def coming_questions(old: Journeys, new: Journeys, inside: Collection[str]) -> ComingQuestions:
    """What the new files ask of people `inside` of these journeys, by their present names."""
    names = names_now(old, new)
    migrations = {
        name: migration(old.by_name[name], new.by_name[names[name]])
        for name in inside if name in old.by_name and names.get(name, "") in new.by_name
    }  # fmt: skip
    changed = frozenset(
        name
        for name, moves in migrations.items()
        if moves.new.state != "stopped" and _asked(old.by_name[name], old) != _asked(moves.new, new)
    )
    return ComingQuestions.of(old, new, migrations, changed)


def _recounts(asked: ComingQuestions, outcomes: AskedOutcomes) -> Iterator[RecountPlan]:
    """Journeys in which somebody has another value, by whom it touches most."""
    found = []
    for name, facts in asked.readers.items():
        journey = asked.migrations[name].new.name
        counted = {each: outcomes.get((journey, each), 0) for each in AskedOutcome}
        plan = RecountPlan(
            journey, tuple(sorted(facts)), counted[AskedOutcome.INSIDE], counted[AskedOutcome.OTHER_VALUE],
            reaches_goal=counted[AskedOutcome.RECOUNTED_GOAL],
            leaves_early=counted[AskedOutcome.RECOUNTED_EXIT],
            other_moment=counted[AskedOutcome.OTHER_MOMENT],
            other_answer=counted[AskedOutcome.OTHER_ANSWER],
        )  # fmt: skip
        if plan.other_value:
            found.append(plan)
    yield from sorted(found, key=lambda each: (-each.other_value, each.journey))


def _admissions(
    people: PeopleInFlight, coming: ComingDeployment, changed: Collection[SegmentPlan]
) -> Iterator[AdmissionPlan]:
    """`changed`: the segments whose definition does."""
    new = coming.project.journeys
    names = names_now(coming.before, new) if coming.before is not None else {}
    took = {names.get(name, name) for name in people.took_members()}
    counted = {each.segment: each.members + each.enters - each.leaves for each in changed}
    for journey in first_admitting(took, new):
        for segment in dict.fromkeys(trigger.segment for trigger in admitting(journey)):
            if segment not in counted:
                known = people.members(new.segments[segment], new)
                if known is None:
                    yield AdmissionPlan(journey.name, segment, None)
                    continue
                counted[segment] = known
            yield AdmissionPlan(journey.name, segment, counted[segment])


def _seems(coming: ComingDeployment, before: Journey, after: Journey) -> dict[str, str]:
    """Waits that are gone -> the one that came in their place. Of a message the name is the template, and
    another template is another message."""
    file = parse_journey(coming.published.get(before.file, ""), before.file)[0]
    if file is None:  # a version before this one could read it
        return {}
    former, present = placed(file.steps), placed(coming.project.files[after.name].steps)
    found = lookalikes(former, present, with_changed_words(former, present, kept(former, present)))
    return {
        former[was].id: present[came].id for was, came in found.items() if isinstance(former[was].step, Wait)
    }  # fmt: skip


def refusal(gone: JourneyPlan) -> AuthorError:
    """Why a journey cannot go in which people would be without waits and goals (plan P20), and what to do
    first."""
    return AuthorError(
        f'journeys/{gone.journey}.yaml is deleted, but {gone.people:,} people are in "{gone.journey}":'
        " their waits and goals would be gone without a trace",
        "first deploy it with  state: closing  (they finish) or  state: stopped  (they leave now), "
        "then delete it",
    )


def doubt_refusal(doubt: UncertainMatch) -> AuthorError:
    """Why somebody has to say first what a step is, and both answers."""
    place = doubt.place
    people = "1 person rests" if place.people == 1 else f"{place.people:,} people rest"
    # of a wait behind which nothing is left nothing is promised any more (design/language 2.15)
    to = step_in_words(place.to) if place.to is not None else None
    go = f'go on to "{to}" when the promised moment comes' if to is not None else "finish at once"
    return AuthorError(
        f'in the journey "{doubt.journey.journey}" {people} at "{place.step}", which is gone, while '
        f'"{place.seems}" came in its place:',
        f'if it is the same step under another name, write  was: {place.step}  below "{place.seems}", '
        "and they keep the moment they were promised (with  waiting: recompute  they get the new one); "
        f"if not, deploy with  --gone {doubt.name}  and they {go}",
    )


def _place(
    place: RestingPlace, moves: Migration, seems: Mapping[str, str], *, is_wait: bool
) -> PlaceInFlight:
    move = moves.move_of(place.step)
    to = move.to if move.to != place.step else None
    moment_holds = move.rule not in (MoveRule.LEAVES, MoveRule.FINISHES, MoveRule.NEW_MOMENT)
    if move.rule is MoveRule.GOES_ON:
        moment_holds = is_wait  # whoever rests at a message that is gone goes on at once
    promised = place.last_due if moment_holds else None
    until = to_datetime(promised) if promised is not None else None
    came = seems.get(place.step) if move.is_gone else None
    return PlaceInFlight(place.step, place.people, move.rule, to, until, came)


def _asked(journey: Journey, journeys: Journeys) -> tuple[object, ...]:
    """What is asked of everybody inside: a changed question may hold for them already. An event is a goal
    only when it comes (design/language 2.9)."""
    goal = journey.goal
    return (
        goal.when, goal.within if goal.when is not None else None, _written(goal.when, journeys),
        journey.exit_if, _written(journey.exit_if, journeys),
    )  # fmt: skip


def _facts(old: Journeys, new: Journeys, inside: Mapping[str, int]) -> Iterator[FactPlan]:
    """Those that something asks for; one over a stretch of time is counted when it is asked for, which is
    heard at once. `inside`: by the new names."""
    former = {rule.name: rule.fingerprint for rule in old.facts if rule.is_kept}
    for rule in new.facts:
        if not rule.is_kept or former.get(rule.name) == rule.fingerprint:
            continue
        segments = [each.name for each in new.index.segment_dependencies.of_attribute.get(rule.name, ())]
        journeys = [each.name for each in new.by_name.values() if _reads(each, rule.name)]
        if segments or journeys:
            people = sum(inside.get(name, 0) for name in journeys)
            yield FactPlan(rule.name, rule.name not in former, tuple(segments), tuple(journeys), people)


def _policies(old: Journeys, new: Journeys, inside: Mapping[str, int]) -> Iterator[PolicyPlan]:
    """Those by which something is sent that are other ones. `inside`: by the new names."""
    former = {policy.name: policy for journey in old.by_name.values() for policy in _sends_by(journey)}
    users: dict[Policy, list[str]] = {}
    for name, journey in new.by_name.items():
        for policy in _sends_by(journey):
            users.setdefault(policy, []).append(name)
    for policy, journeys in users.items():
        if policy.name in former and former[policy.name] != policy:
            people = sum(inside.get(name, 0) for name in journeys)
            yield PolicyPlan(policy.name, tuple(journeys), people)


def _sends_by(journey: Journey) -> list[Policy]:
    policies = (step.policy for step in journey.steps if isinstance(step, SendStep))
    return list(dict.fromkeys(policies))


def _reads(journey: Journey, fact: str) -> bool:
    asked = [journey.who, journey.exit_if, journey.goal.when]
    asked += [question for step in journey.steps for question in step.questions()]
    return fact in journey.dependencies.attributes or any(
        ref.name == fact and ref.source == "customer"
        for question in asked if question is not None for ref in refs(question.condition)
    )  # fmt: skip


def _written(question: Question | None, journeys: Journeys) -> str:
    if question is None:
        return ""
    condition = question.condition
    return with_windowed_facts(definition(condition), (condition,), journeys.index.rules)


def _outcomes(conn: Connection, asked: ComingQuestions, now: Instant) -> AskedOutcomes:
    asked = asked.knowing(learned.known(conn))
    in_use = asked.in_use
    found: AskedOutcomes = Counter()
    names = [name for name in asked.migrations if asked.asks(name)]
    for bucket, chunk in enrollments.chunks_inside(conn, names, CHUNK):
        for state in batches.load_batch(conn, bucket, chunk, in_use, now).states.values():
            found.update(asked.outcomes(state, now))
    return found


def _segments(conn: Connection, old: Journeys, new: Journeys, now: Instant) -> Iterator[SegmentPlan]:
    for name, rule in new.segments.items():
        before = old.segments.get(name)
        if before is None or _written(before.question, old) != _written(rule.question, new):
            enters, leaves = count_wrong_members(conn, rule, new, now)
            members = memberships.counts(conn, now).get(name)
            yield SegmentPlan(name, enters, leaves, members.members if members is not None else 0)
