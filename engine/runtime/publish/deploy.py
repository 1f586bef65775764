"""Publishes a project: the people inside are matched to the new files, then the new files count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import to_builtins
from msgspec.structs import replace
from sqlalchemy import Connection

from engine.command_hints import command
from engine.config import Config
from engine.core.decision.effects import Cancel, Decision
from engine.core.enrollment import Enrollment, awaited_keys
from engine.core.facts.customer import CustomerState
from engine.core.facts.rule import FactRule
from engine.core.handlers.migrate import Migration, MoveRule, migration, names_now
from engine.core.journey import Journey
from engine.core.journeys import Journeys
from engine.errors import UsageError
from engine.figures.experiments.experiment import experiments_of, notes_of
from engine.plan.reviewed_plan import ReviewedPlan, moved_away
from engine.project import Project
from engine.runtime.advance.admissions import begin_admissions
from engine.runtime.advance.definitions import notice
from engine.runtime.advance.maintenance import expect_turns, sweep_segments
from engine.runtime.publish.last_published import deployable, note_review
from engine.runtime.publish.planning import (
    ComingDeployment,
    doubt_refusal,
    plan_deployable,
    refusal,
)
from engine.store import decisions, watermarks
from engine.store.amounts import stored
from engine.store.counting import daily_counts, experiment_log
from engine.store.counting.daily_counts import ShopFacts, TakingBack
from engine.store.customers import batches, enrollments
from engine.store.inbox import due_queue
from engine.store.journeys import deployments, journey_renames
from engine.store.messages import records
from engine.values import Instant

CHUNK = 2000
"""Customers who are loaded at once."""


Happened = Mapping[str, Mapping[str, int]]
"""Journey -> rule (`core.handlers.migrate.MoveRule`) -> people."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a deployment did."""

    number: int
    changed: bool  # anything was new
    project: Project  # what was published: the folder with the one-off sends that are under way
    happened: Happened = field(default_factory=dict)  # as the traces of the people inside say
    counted: tuple[str, ...] = ()  # facts that are new or changed, and counted from the kept events now

    @property
    def moved(self) -> dict[str, int]:
        """Journey -> how many people inside are not where they were, or not until when they were."""
        stay = (MoveRule.STAYS, MoveRule.KEEPS_MOMENT)
        return {
            journey: sum(people for rule, people in rules.items() if rule not in stay)
            for journey, rules in self.happened.items()
        }


@dataclass(frozen=True, slots=True)
class Approval:
    """What somebody said before a deployment. `reviewed`: the plan that it has to be; `gone`: steps of which
    no other one took the place (`journey.step`)."""

    gone: frozenset[str] = frozenset()
    reviewed: ReviewedPlan | None = None


NOBODY_ASKED = Approval()


def deploy(
    conn: Connection, project: Project, now: Instant, whom: str = "", approval: Approval = NOBODY_ASKED
) -> Deployment:
    """Publishes what is in the folder, in the transaction of `conn`. The same content again changes nothing.

    Raises `AuthorError` when the project has errors, when a journey is gone while people are inside, or when
    it is not sure where people are to go; `UsageError` when it is not what was reviewed.
    """
    project = deployable(conn, project)
    daily_counts.describe_shop(conn, _shop_facts(project.config, project.journeys.facts))
    last = deployments.current(conn)
    facts = project.journeys.facts
    if last is not None and last.hash == project.hash:
        notice(conn, facts, last.number, now, before=facts)
        return Deployment(last.number, False, project)
    coming = plan_deployable(conn, project, now, approval.gone)
    if coming.plan.gone:
        raise refusal(coming.plan.gone[0])
    if coming.plan.doubts:
        raise doubt_refusal(coming.plan.doubts[0])
    if approval.reviewed is not None:
        _refuse_another(approval.reviewed, coming)
        note_review(conn)
    old = coming.before
    # before the new files are recorded: in one transaction with them, so that nobody is ever decided by files
    # that do not know the step on which they wait
    happened = _migrate(conn, old, project.journeys, now) if old is not None else {}
    hashes = {name: journey.hash for name, journey in project.journeys.by_name.items()}
    number = deployments.record(
        conn,
        at=now,
        whom=whom,
        commit=project.commit,
        hash_=project.hash,
        journeys=hashes,
        sources=project.sources,
        plan=to_builtins(coming.plan),
        happened=happened,
    )
    experiments = experiments_of(project.journeys, project.config.attribution.order)
    experiment_log.note(conn, now, notes_of(experiments))
    begun = notice(conn, facts, number, now, before=old.facts if old is not None else ())
    # clock and date starts of a journey count from its first publication on
    for name in project.journeys.by_name:
        if watermarks.get(conn, "clock", name) is None:
            watermarks.put(conn, "clock", name, now)
    # last, by the new definitions; who is a member from the beginning starts nothing
    sweep_segments(conn, project.journeys, now)
    expect_turns(conn, project.journeys, now)
    begin_admissions(conn, project.journeys, now)
    return Deployment(number, True, project, happened, tuple(each.name for each in begun))


def _shop_facts(config: Config, facts: Iterable[FactRule]) -> ShopFacts:
    """What counting has to know of config.yaml, and of what orders come to."""
    attribution = config.attribution
    prices = {channel.name: stored(channel.price) or 0 for channel in config.channels.values()}
    # What takes orders back: as the first fact says, by name, that is their sum over all time
    sums = (
        rule for rule in sorted(facts, key=lambda rule: rule.name)
        if rule.how == "sum" and (rule.event, rule.field) == (attribution.order, attribution.total)
        and rule.last is None and rule.where is None and rule.less
    )  # fmt: skip
    found = next(sums, None)
    return ShopFacts(
        config.timezone, config.currency, prices,
        attribution.order, attribution.total, attribution.click, attribution.open,
        tuple(TakingBack(each.event, each.field, each.key) for each in found.less) if found else (),
        config.reports.domains,
    )  # fmt: skip


def _refuse_another(reviewed: ReviewedPlan, coming: ComingDeployment) -> None:
    again = f"make the plan again:  {command('plan --out FILE')}"
    if reviewed.hash != coming.project.hash:
        raise UsageError("these files are not the ones that were reviewed:", again)
    if reviewed.against != coming.number:
        raise UsageError(
            f"the plan is of what deployment {reviewed.against} published, and it is {coming.number} now:",
            again,
        )
    if moved := moved_away(reviewed, coming.plan):
        first, more = moved[0], f" and {len(moved) - 1:,} more" if len(moved) > 1 else ""
        raise UsageError(
            f"the people have moved away from the reviewed plan: {first.where}: {first.reviewed:,} then, "
            f"{first.now:,} now{more}. Allowed are {reviewed.tolerance.people:,} people or "
            f"{reviewed.tolerance.percent} %",
            again,
        )


def _migrate(conn: Connection, old: Journeys, new: Journeys, now: Instant) -> dict[str, Counter[str]]:
    inside = enrollments.journeys_with_people(conn)
    happened: dict[str, Counter[str]] = {}
    for former, name in names_now(old, new).items():
        before, journey = old.by_name.get(former), new.by_name[name]
        if before is None:
            continue
        if before.name != journey.name:
            journey_renames.rename_journey(conn, before.name, journey.name)
        if before.hash == journey.hash and before.name == journey.name:
            continue
        plan = migration(before, journey)
        if inside.get(before.name) and not plan.changes_nothing:
            happened[journey.name] = _move_people(conn, plan, before, new, now)
        if before.state == "paused" and journey.state != "paused":
            due_queue.put_inside(conn, journey.name, now)
    return happened


def _move_people(
    conn: Connection, plan: Migration, before: Journey, new: Journeys, now: Instant
) -> Counter[str]:
    """How many of the people inside were moved by which rule, as their traces say."""
    happened: Counter[str] = Counter()
    for bucket, chunk in enrollments.chunks_inside(conn, (before.name,), CHUNK):
        batch = batches.load_batch(conn, bucket, chunk, new, now)
        decided: list[tuple[str, Mapping[str, Enrollment], Sequence[Decision]]] = []
        moments: list[tuple[Instant, str]] = []
        freed: dict[str, CustomerState] = {}
        runs = (run for state in batch.states.values() for run in state.enrollments.values())
        # what was handed over a moment ago lies in the inbox, and its run has not heard of it
        under_way = records.handed_among(conn, bucket, awaited_keys(runs))
        for customer, state in batch.states.items():
            moves: list[Decision] = []
            for enrollment in state.enrollments.values():
                if enrollment.journey != before.name:
                    continue
                decision = plan.apply(enrollment, state.facts, now, under_way)
                if enrollment.is_open and not enrollment.holdout:
                    happened[_rule(plan, enrollment, decision)] += 1
                # what the plan leaves alone comes back as it is
                if decision.enrollment is not enrollment:
                    moves.append(decision)
            if moves:
                decided.append((customer, state.enrollments, moves))
                dues = [move.enrollment.due for move in moves if move.enrollment and move.enrollment.due]
                moments.extend((Instant(max(due.at, now)), customer) for due in dues)
                # messages that were taken back give their slots under caps free
                keys = {effect.key for move in moves for effect in move.effects if isinstance(effect, Cancel)}
                facts = state.facts.fork()
                facts.cap_slots = [slot for slot in facts.cap_slots if slot.key not in keys]
                freed[customer] = replace(state, facts=facts)
        batches.save_batch(conn, batch, freed, now)
        decisions.save(conn, bucket, decided, now, new.commit)
        due_queue.put(conn, bucket, moments)
    return happened


def _rule(plan: Migration, run: Enrollment, decision: Decision) -> MoveRule:
    for line in decision.trace:
        if line.kind == "stopped":
            return MoveRule.LEAVES
        if line.kind == "moved":
            return MoveRule(line.detail)
    step = run.state.step if run.state is not None else None
    keeps = plan.move_of(step or "").rule is MoveRule.KEEPS_MOMENT
    return MoveRule.KEEPS_MOMENT if keeps else MoveRule.STAYS
