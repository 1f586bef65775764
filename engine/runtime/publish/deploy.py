"""Publishes a project: the people inside are matched to the new files, then the new files count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace
from sqlalchemy import Connection

from engine.config import Attribution, Config
from engine.core.effects import Cancel, Decision
from engine.core.enrollment import Enrollment, awaited_keys
from engine.core.facts.customer import CustomerState
from engine.core.facts.rule import FactRule
from engine.core.journey import Journey
from engine.core.journeys import Journeys
from engine.core.migrate import Migration, migration
from engine.figures.experiments.experiment import experiments_of, notes_of
from engine.project import Project
from engine.runtime.advance.definitions import notice
from engine.runtime.advance.maintenance import expect_turns, sweep_segments
from engine.runtime.publish.last_published import deployable, published_journeys
from engine.runtime.publish.planning import refusal, without_file
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


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a deployment did."""

    number: int
    changed: bool  # anything was new
    project: Project  # what was published: the folder with the one-off sends that are under way
    moved: Mapping[str, int] = field(default_factory=dict)  # journey -> enrollments that were moved
    counted: tuple[str, ...] = ()  # facts that are new or changed, and counted from the kept events now


def deploy(conn: Connection, project: Project, now: Instant, whom: str = "") -> Deployment:
    """Publishes what is in the folder, in the transaction of `conn`. The same content again changes nothing.

    Raises `AuthorError` when the project has errors, or when a journey is gone while people are inside.
    """
    project = deployable(conn, project)
    daily_counts.describe_shop(conn, _shop_facts(project.config, project.journeys.facts))
    last = deployments.current(conn)
    facts = project.journeys.facts
    if last is not None and last.hash == project.hash:
        notice(conn, facts, last.number, now, before=facts)
        return Deployment(last.number, False, project)
    inside = enrollments.journeys_with_people(conn)
    if gone := without_file(inside, project.journeys):
        raise refusal(gone[0])
    old = published_journeys(conn)
    # before the new files are recorded: in one transaction with them, so that nobody is ever decided by files
    # that do not know the step on which they wait
    moved = _migrate(conn, old, project.journeys, inside, now) if old is not None else {}
    hashes = {name: journey.hash for name, journey in project.journeys.by_name.items()}
    number = deployments.record(
        conn,
        at=now,
        whom=whom,
        commit=project.commit,
        hash_=project.hash,
        journeys=hashes,
        sources=project.sources,
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
    return Deployment(number, True, project, moved, tuple(each.name for each in begun))


def _shop_facts(config: Config, facts: Iterable[FactRule]) -> ShopFacts:
    """What counting has to know of config.yaml, and of what orders come to."""
    attribution = config.attribution
    prices = {channel.name: stored(channel.price) or 0 for channel in config.channels.values()}
    return ShopFacts(
        config.timezone, config.currency, prices,
        attribution.order, attribution.total, attribution.click, attribution.open,
        _less(attribution, facts),
    )  # fmt: skip


def _less(attribution: Attribution, facts: Iterable[FactRule]) -> tuple[TakingBack, ...]:
    """What takes orders back: as the first fact says, by name, that is their sum over all time."""
    sums = (
        rule for rule in sorted(facts, key=lambda rule: rule.name)
        if rule.how == "sum" and (rule.event, rule.field) == (attribution.order, attribution.total)
        and rule.last is None and rule.where is None and rule.less
    )  # fmt: skip
    found = next(sums, None)
    return tuple(TakingBack(each.event, each.field, each.key) for each in found.less) if found else ()


def _migrate(
    conn: Connection, old: Journeys, new: Journeys, inside: Mapping[str, int], now: Instant
) -> dict[str, int]:
    moved: dict[str, int] = {}
    for journey in new.by_name.values():
        before = old.by_name.get(journey.name) or (old.by_name.get(journey.was) if journey.was else None)
        if before is None:
            continue
        if before.name != journey.name:
            journey_renames.rename_journey(conn, before.name, journey.name)
        if before.hash == journey.hash and before.name == journey.name:
            continue
        plan = migration(before, journey)
        if inside.get(before.name) and not plan.changes_nothing:
            moved[journey.name] = _move_people(conn, plan, before, new, now)
        if before.state == "paused" and journey.state != "paused":
            due_queue.put_inside(conn, journey.name, now)
    return moved


def _move_people(conn: Connection, plan: Migration, before: Journey, new: Journeys, now: Instant) -> int:
    moved = 0
    for bucket, chunk in enrollments.chunks_inside(conn, before.name, CHUNK):
        batch = batches.load_batch(conn, bucket, chunk, new, now)
        decided: list[tuple[str, Mapping[str, Enrollment], Sequence[Decision]]] = []
        moments: list[tuple[Instant, str]] = []
        freed: dict[str, CustomerState] = {}
        runs = (run for state in batch.states.values() for run in state.enrollments.values())
        # what was handed over a moment ago lies in the inbox, and its run has not heard of it
        under_way = records.handed_among(conn, bucket, awaited_keys(runs))
        for customer, state in batch.states.items():
            moves = [
                decision
                for enrollment in state.enrollments.values()
                if enrollment.journey == before.name
                # what the plan leaves alone comes back as it is
                and (decision := plan.apply(enrollment, state.facts, now, under_way)).enrollment
                is not enrollment
            ]
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
        moved += sum(len(moves) for _, _, moves in decided)
    return moved
